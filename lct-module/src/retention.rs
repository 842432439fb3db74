//! Retention by itself: a round through every database now and then, which purges what has expired.
//!
//! No list of graphs is kept, because RENAME, SWAPDB, FLUSHALL and replication would all have to keep it true: a round
//! walks over the keys, a slice at a time. An expired visit is in no answer anyway; the rounds free its memory.

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use lct_graph::Millis;

use lct_graph::PurgeCut;

use crate::errands;
use crate::ffi::{Context, Cursor, Key, Mode, Name, Task};
use crate::limits::Limits;
use crate::settings::{self, Setting};
use crate::slice::Slice;
use crate::sweep;

/// How often to look whether a round is due.
const IDLE: Duration = Duration::from_millis(100);
/// Between two rounds, at least. With [`ROUNDS`] it makes a visit go at latest max(1 s, retention / 336) after it
/// expired: half of that passes until the next round, the other half is for the round itself.
const SHORTEST: Duration = Duration::from_millis(500);
/// Rounds in the time of one retention.
const ROUNDS: Millis = 672;
/// Between two rounds if neither visits nor alerts expire; they then only pick up what was left lying (see [`care_for`]).
const WITHOUT_RETENTION: Duration = Duration::from_secs(30 * 60);

thread_local! {
    static ROUND: RefCell<Option<Round>> = const { RefCell::new(None) };
    static LAST_BEGIN: Cell<Option<Instant>> = const { Cell::new(None) };
    /// Whether this server led when the timer last looked.
    static LED: Cell<bool> = const { Cell::new(false) };
}

/// Makes a round due: a graph may have come, or come under another name.
pub(crate) fn look_round() {
    LAST_BEGIN.set(None);
}

/// The timer behind the rounds.
pub(crate) struct Retention;

impl Task for Retention {
    const AFTER_PANIC: Option<Duration> = Some(IDLE);

    fn run(context: Context<'_>) -> Option<Duration> {
        let mut round = ROUND.take(); // a panic ends the round
        let leads = context.leads();
        if leads && !LED.replace(leads) {
            round = None; // nothing a round did while another server led is enough
            look_round();
        }
        LED.set(leads);
        if context.is_loading() {
            return Some(IDLE);
        }
        if round.is_none() && is_due() {
            LAST_BEGIN.set(Some(Instant::now()));
            round = Some(Round::begin());
        }
        let unfinished = round.and_then(|mut round| round.advance(context).then_some(round));
        let delay = if unfinished.is_some() {
            sweep::PAUSE
        } else {
            IDLE
        };
        ROUND.set(unfinished);
        Some(delay)
    }
}

fn is_due() -> bool {
    let shortest = [&settings::RETENTION, &settings::ALERT_TTL]
        .into_iter()
        .map(Setting::millis)
        .filter(|&duration| duration > 0)
        .min();
    let interval = match shortest {
        None => WITHOUT_RETENTION,
        Some(duration) => SHORTEST.max(Duration::from_millis(duration / ROUNDS)),
    };
    LAST_BEGIN
        .get()
        .is_none_or(|last| last.elapsed() >= interval)
}

/// A walk over all keys of all databases.
struct Round {
    database: i32,
    cursor: Cursor,
    /// Whether the walk over this database goes on.
    goes_on: bool,
    /// Graphs met and not yet cared for.
    graphs: Vec<Vec<u8>>,
}

impl Round {
    fn begin() -> Self {
        Self {
            database: 0,
            cursor: Cursor::new(),
            goes_on: true,
            graphs: Vec::new(),
        }
    }

    /// Does a slice; false at the end.
    fn advance(&mut self, context: Context<'_>) -> bool {
        let slice = Slice::of(sweep::SLICE);
        while !slice.is_over() {
            if !context.select(self.database) {
                return false;
            }
            if let Some(name) = self.graphs.pop() {
                care_for(context, &name, slice);
            } else if self.goes_on {
                self.goes_on = self.cursor.step(context, &mut self.graphs);
            } else {
                *self = Self {
                    database: self.database + 1,
                    ..Self::begin()
                };
            }
        }
        true
    }
}

/// Purges a graph if it holds something expired. It also picks up what was left lying: a purge under way that no slice
/// goes on with and errands (after RENAME, MOVE or SWAPDB), and the key of a graph that is empty (after a failover in
/// between).
fn care_for(context: Context<'_>, name: &[u8], slice: Slice) {
    let name = Name::new(name);
    let mut key = Key::open(context, &name, Mode::Housekeeping);
    let Ok(Some(value)) = key.value() else { return }; // gone, or damaged
    errands::note(context, name.bytes(), value);
    if value.graph().purging() {
        if !sweep::is_swept(value) {
            let _ = sweep::continue_later(context, &mut key, 0);
        }
        return;
    }
    if !context.may_write() {
        return; // a replica's purges come from its primary
    }
    let now = context.now();
    let limits = Limits::current(now);
    let cut = PurgeCut {
        before: limits.expired(),
        alerts: limits.aged(),
        now,
    };
    if value.graph().may_purge(&cut) {
        let _ = sweep::purge(context, key, cut, slice);
    } else {
        key.retire();
    }
}
