//! One-time codes: with `--warning-codes required`, a warning with the reason `positive` needs a code that an operator
//! made, one for each test result.
//!
//! Written down a code is 64 random bits and 16 bits of check in Crockford's base 32, four groups of four. Redis keeps
//! its hash under `lct:code:<graph>:<hash>`, with the day if one was given, for 24 hours. It is spent by binding it to
//! the hash of the warning it is sent with: the same warning may be sent again, and no other. So nothing is lost when a
//! warning fails after its code was spent: send it again. A spent code stays for 14 days, with its hash, its day and
//! the warning's hash, and no visitor. The playground needs no codes.

use std::fmt;
use std::sync::Arc;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::books::Books;
use crate::clock::DAY;
use crate::crockford;
use crate::graphs::{Graph, Graphs};
use crate::module::ModuleError;
use crate::protocol::{Code, Fault};

/// Separates this use of the hash function from any other.
const DOMAIN: &[u8] = b"lct-warning-code-v1\0";

/// Characters between two dashes.
const GROUP: usize = 4;

/// How long a code can be used, in milliseconds.
pub const LIFE: u64 = DAY;

/// How long a spent code is remembered, in milliseconds.
const SPENT: u64 = 14 * DAY;

/// A code. It is a secret and never printed but by [`OneTimeCode::encode`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct OneTimeCode([u8; 8]);

impl fmt::Debug for OneTimeCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OneTimeCode(..)")
    }
}

impl OneTimeCode {
    /// A new code.
    pub fn random() -> Self {
        Self(rand::random())
    }

    /// The code as it is written down.
    pub fn encode(self) -> String {
        let mut bytes = [0; 10];
        bytes[..8].copy_from_slice(&self.0);
        bytes[8..].copy_from_slice(&self.hash()[..2]);
        crockford::encode(&bytes, GROUP)
    }

    /// Reads a code however it was typed.
    ///
    /// # Errors
    /// The rule that was broken.
    pub fn decode(text: &str) -> Result<Self, &'static str> {
        let bytes: [u8; 10] = crockford::decode(text)
            .ok_or("must be a code of 16 letters and digits, as it was handed out")?;
        let mut code = Self([0; 8]);
        code.0.copy_from_slice(&bytes[..8]);
        if code.hash()[..2] == bytes[8..] {
            Ok(code)
        } else {
            Err("has a typing error")
        }
    }

    fn hash(self) -> [u8; 32] {
        Sha256::new()
            .chain_update(DOMAIN)
            .chain_update(self.0)
            .finalize()
            .into()
    }
}

/// The codes in Redis.
pub struct Codes {
    books: Books,
    graphs: Arc<Graphs>,
}

/// A code that was accepted.
#[derive(Debug, PartialEq, Eq)]
pub struct Spent {
    /// The day of first symptoms or of the test, in epoch milliseconds, if the operator gave it.
    pub since: Option<u64>,
}

impl Codes {
    /// Keeps codes in these books.
    pub const fn new(books: Books, graphs: Arc<Graphs>) -> Self {
        Self { books, graphs }
    }

    /// Makes so many codes, each good for 24 hours: all or none. `since`: the day, in epoch milliseconds.
    ///
    /// # Errors
    /// Redis cannot do it.
    pub async fn create(
        &self,
        graph: Graph,
        since: Option<u64>,
        count: u64,
    ) -> Result<Vec<OneTimeCode>, ModuleError> {
        let day = since.map_or_else(|| "none".to_owned(), |day| day.to_string());
        let codes: Vec<OneTimeCode> = (0..count).map(|_| OneTimeCode::random()).collect();
        let mut pipe = redis::pipe();
        pipe.atomic();
        for code in &codes {
            let key = self.key(graph, *code);
            pipe.cmd("HSET").arg(&key).arg("day").arg(&day).ignore();
            pipe.cmd("PEXPIRE").arg(&key).arg(LIFE).ignore();
        }
        self.books.run::<()>(&pipe).await?;
        Ok(codes)
    }

    /// Spends a code for this warning, or finds it spent for the same.
    ///
    /// # Errors
    /// There is no such code, it was spent for another warning, or Redis cannot be asked.
    pub async fn spend(
        &self,
        graph: Graph,
        code: OneTimeCode,
        warning: Uuid,
    ) -> Result<Spent, Fault> {
        const UNKNOWN: Fault = Fault::new(
            Code::BadCode,
            "code: is unknown, expired or spent for another warning",
        );
        let key = self.key(graph, code);
        let mine = HEXLOWER.encode(
            &Sha256::new()
                .chain_update(DOMAIN)
                .chain_update(warning.as_bytes())
                .finalize()[..16],
        );
        // Looked up first, so that guesses leave nothing behind.
        let mut look = redis::pipe();
        look.cmd("HEXISTS").arg(&key).arg("day");
        if self.books.run::<(bool,)>(&look).await? == (false,) {
            return Err(UNKNOWN);
        }
        // The code may expire between the two; then this binds a key without a day, which is taken away again.
        let mut pipe = redis::pipe();
        pipe.atomic()
            .cmd("HSETNX")
            .arg(&key)
            .arg("warning")
            .arg(&mine);
        pipe.cmd("HMGET").arg(&key).arg("day").arg("warning");
        let (bound, (day, owner)): (bool, (Option<String>, Option<String>)) =
            self.books.run(&pipe).await?;
        let mut after = redis::pipe();
        let result = match day {
            Some(day) if owner.as_deref() == Some(&mine) => {
                after.cmd("PEXPIRE").arg(&key).arg(SPENT).ignore();
                Ok(Spent {
                    since: day.parse().ok(),
                })
            }
            Some(_) => return Err(UNKNOWN),
            None => {
                after.cmd("UNLINK").arg(&key).ignore();
                Err(UNKNOWN)
            }
        };
        if bound {
            self.books.run::<()>(&after).await?;
        }
        result
    }

    fn key(&self, graph: Graph, code: OneTimeCode) -> String {
        format!(
            "{}:{}",
            self.graphs.key("code", graph),
            HEXLOWER.encode(&code.hash())
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_as_it_was_written() {
        for _ in 0..100 {
            let code = OneTimeCode::random();
            let text = code.encode();
            assert_eq!(text.len(), 19, "{text}");
            assert!(OneTimeCode::decode(&text.to_lowercase()) == Ok(code));
        }
    }

    #[test]
    fn typing_errors_are_told_from_other_texts() {
        let text = OneTimeCode([7; 8]).encode();
        let last = text.chars().next_back().unwrap();
        let typed = format!("{}{}", &text[..18], if last == '0' { '1' } else { '0' });
        assert_eq!(
            OneTimeCode::decode(&typed).err(),
            Some("has a typing error")
        );
        for other in ["", "hello", &text[..18]] {
            assert!(OneTimeCode::decode(other).is_err_and(|rule| rule.starts_with("must be")));
        }
    }
}
