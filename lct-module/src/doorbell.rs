//! The doorbell: tells who listens that alerts were given or withdrawn.
//!
//! The record is in the graph; a ring that is lost loses nothing. Rings wait in their graph, in memory only, and a timer
//! publishes them in messages of up to [`BATCH`], one every [`PAUSE`], so that a warning that concerns fifty thousand
//! neither holds the server nor overflows the buffer of a subscriber. Only a server that leads rings: in a cluster a
//! message reaches every node by itself, and elsewhere whoever wants to hear it listens to the primary.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use lct_graph::{Graph, Ring};
use serde::Serialize;

use crate::errands::{Place, Places};
use crate::error::Error;
use crate::ffi::{self, Context, Key, Mode, Name, Task};
use crate::{metrics, retention};

/// The channel of a graph is this and the key's name. There is no database in it: a channel belongs to none.
const CHANNEL: &[u8] = b"lct:alerts:";
/// Rings in one message.
const BATCH: usize = 512;
/// Between two messages. With ids as long as a UUID that is 30 MB a second at most.
const PAUSE: Duration = Duration::from_millis(2);

thread_local! {
    static PLACES: RefCell<Places> = RefCell::default();
    static TIMER_RUNS: Cell<bool> = const { Cell::new(false) };
}

/// How many graphs have rings waiting.
pub(crate) fn waiting() -> u64 {
    PLACES.with_borrow(|places| places.len() as u64)
}

/// The rings that wait in the graph at `place` are to be published.
pub(crate) fn ring(context: Context<'_>, place: Place) {
    PLACES.with_borrow_mut(|places| places.add(place));
    if !TIMER_RUNS.replace(true) {
        ffi::after::<Doorbell>(context, Duration::ZERO);
    }
}

/// The timer that publishes; it runs while rings wait.
pub(crate) struct Doorbell;

impl Task for Doorbell {
    const AFTER_PANIC: Option<Duration> = Some(PAUSE);

    fn run(context: Context<'_>) -> Option<Duration> {
        // Each graph in its turn.
        let place = PLACES.with_borrow_mut(Places::take);
        if let Some(place) = place
            && publish_some(context, &place)
        {
            PLACES.with_borrow_mut(|places| places.add(place));
        }
        let goes_on = waiting() > 0;
        TIMER_RUNS.set(goes_on);
        goes_on.then_some(PAUSE)
    }
}

/// Publishes one message of the graph at `place`; whether there is more. Nothing if it has gone, or leads no more.
fn publish_some(context: Context<'_>, place: &Place) -> bool {
    if !context.select(place.database) {
        return false;
    }
    let name = Name::new(&place.key);
    let mut key = Key::open(context, &name, Mode::Housekeeping);
    let value = match key.value() {
        Ok(Some(value)) => value,
        Err(Error::Damaged) => return false,
        _ => {
            retention::look_round(); // it may have another name by now
            return false;
        }
    };
    if !context.leads() {
        value.mutate(Graph::drop_rings);
        return false;
    }
    let (message, count) = value.mutate(|graph| {
        let rings = graph.take_rings(BATCH);
        (json(&rings), rings.len())
    });
    let goes_on = value.graph().has_rings();
    drop(key);
    if count > 0 {
        let channel = Name::new(&[CHANNEL, &place.key].concat());
        context.publish(&channel, &Name::new(&message));
        metrics::RINGS_PUBLISHED.add(count as u64);
    }
    goes_on
}

/// A ring as it goes out.
#[derive(Serialize)]
struct Entry<'a> {
    visitor: &'a str,
    alert: String,
    state: &'static str,
}

fn json(rings: &[Ring<'_>]) -> Vec<u8> {
    let entries: Vec<_> = rings
        .iter()
        .filter_map(|ring| {
            Some(Entry {
                visitor: std::str::from_utf8(ring.visitor).ok()?, // every id is
                alert: ring.alert.to_string(),
                state: ring.state.word(),
            })
        })
        .collect();
    serde_json::to_vec(&entries).unwrap_or_default() // strings can always be written
}

#[cfg(test)]
mod tests {
    use super::*;
    use lct_graph::{AlertId, AlertState};

    #[test]
    fn rings_are_json_whatever_the_ids_are() {
        let ring = |visitor| Ring {
            visitor,
            alert: AlertId {
                hash: [0xab; 16],
                version: 7,
            },
            state: AlertState::Withdrawn,
        };
        let rings = [ring(br#"a"b\c"#), ring("\u{2028}é".as_bytes())];
        assert_eq!(
            String::from_utf8(json(&rings)).unwrap(),
            format!(
                r#"[{{"visitor":"a\"b\\c","alert":"{0}.7","state":"withdrawn"}},{{"visitor":"{1}é","alert":"{0}.7","state":"withdrawn"}}]"#,
                "ab".repeat(16),
                '\u{2028}'
            )
        );
        assert_eq!(json(&[]), b"[]");
    }
}
