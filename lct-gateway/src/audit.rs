//! What service tokens were used for: a stream `lct:audit:<id>` for each, so that none can push out what another did.
//! An entry says how many visits, and what came of it, to the minute. No visitor, no place. Entries are kept for a year,
//! and of a stream at most a million. What operators do is in a stream of its own: [`crate::ops::audit`].

use redis::Pipeline;

use crate::books::Books;
use crate::clock::DAY;
use crate::module::ModuleError;

/// How long entries are kept, in milliseconds.
const LIFE: u64 = 366 * DAY;

/// The most entries of a token's stream.
const MOST: u64 = 1_000_000;

const MINUTE: u64 = 60_000;

/// How often a minute that has just ended is tried again.
const ATTEMPTS: usize = 3;

/// The streams.
pub struct Audit {
    books: Books,
}

impl Audit {
    /// Writes into these books.
    pub const fn new(books: Books) -> Self {
        Self { books }
    }

    /// Adds one use of a token. `outcome`: `accepted`, or the code of the error that was answered.
    ///
    /// # Errors
    /// Redis cannot do it.
    pub async fn add(&self, token: &str, visits: usize, outcome: &str) -> Result<(), ModuleError> {
        let key = format!("lct:audit:{token}");
        let mut result = Ok(());
        for _ in 0..ATTEMPTS {
            // Redis's clock, since entries must not go back in time and gateways' clocks differ. Should another
            // gateway begin the next minute in between, the entry is refused and written into that one.
            let mut time = redis::pipe();
            time.cmd("TIME");
            let ((seconds, _),): ((u64, u64),) = self.books.run(&time).await?;
            let now = seconds * 1_000;
            // The entry's id would tell the millisecond; made of the minute and a running number it does not.
            let id = format!("{}-*", now - now % MINUTE);
            let fields = [
                ("visits", visits.to_string()),
                ("outcome", outcome.to_owned()),
            ];
            result = self
                .books
                .run(&entry(&key, &id, &fields, Some(MOST), now))
                .await;
            if result != Err(ModuleError::Internal) {
                break;
            }
        }
        result
    }
}

/// What adds an entry to a stream of the audit and takes out what is too old at `now` (epoch milliseconds) and, where there
/// is a `most`, too much.
pub fn entry(
    key: &str,
    id: &str,
    fields: &[(&str, String)],
    most: Option<u64>,
    now: u64,
) -> Pipeline {
    let mut pipe = redis::pipe();
    let add = pipe.cmd("XADD").arg(key);
    if let Some(most) = most {
        add.arg("MAXLEN").arg("~").arg(most);
    }
    add.arg(id).arg(fields).ignore();
    pipe.cmd("XTRIM")
        .arg(key)
        .arg("MINID")
        .arg("~")
        .arg(now.saturating_sub(LIFE))
        .ignore();
    pipe.cmd("PEXPIRE").arg(key).arg(LIFE).ignore();
    pipe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_age_takes_out_what_has_no_most() {
        let sent = |most| {
            let fields = [("who", "ana".to_owned())];
            let pipe = entry("s", "*", &fields, most, LIFE + 7);
            String::from_utf8(pipe.get_packed_pipeline()).expect("text")
        };
        let (all, bounded) = (sent(None), sent(Some(MOST)));
        assert!(!all.contains("MAXLEN"), "{all}");
        assert!(bounded.contains("MAXLEN"), "{bounded}");
        for text in [all, bounded] {
            assert!(text.contains("XTRIM") && text.contains("MINID"), "{text}");
            assert!(text.contains("\r\n7\r\n"), "a year ago: {text}");
        }
    }
}
