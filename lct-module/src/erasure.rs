//! Erasing from disk: what was removed from memory stays in the append-only file until that is rewritten.
//!
//! After removals one rewrite is asked for within `lct.erase-within`; after an erasure that a person asked for (FORGET,
//! REVOKE, UNVISIT) within an hour, if that is shorter. Each server does so for its own file. Removals replayed while
//! loading count too: what they removed is still in the file they come from.

use std::cell::Cell;
use std::time::{Duration, Instant};

use crate::ffi::{AofRewrite, Context, Task};
use crate::{metrics, settings};

/// How often to look.
const INTERVAL: Duration = Duration::from_millis(500);
/// How long a person who asked for erasure waits at most.
const AN_HOUR: Duration = Duration::from_secs(3_600);
/// How long to leave a server alone whose rewrite failed.
const AFTER_FAILURE: Duration = Duration::from_secs(60);

thread_local! {
    static STATE: Cell<State> = const { Cell::new(State::NOTHING) };
}

/// What is still to be erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct State {
    /// When the first removal happened that no rewrite has followed.
    removed: Option<Instant>,
    /// The same, of erasures somebody asked for.
    asked: Option<Instant>,
    /// The removals a running rewrite takes care of, kept in case it fails.
    running: Option<Instant>,
    /// Not before then.
    wait_until: Option<Instant>,
}

impl State {
    const NOTHING: Self = Self {
        removed: None,
        asked: None,
        running: None,
        wait_until: None,
    };

    /// Whether a rewrite should begin at `now`.
    fn is_due(&self, now: Instant, within: Duration) -> bool {
        let is_over =
            |since: Option<Instant>, delay| since.is_some_and(|since| now - since >= delay);
        self.wait_until.is_none_or(|until| now >= until)
            && (is_over(self.removed, within) || is_over(self.asked, within.min(AN_HOUR)))
    }

    /// A rewrite has begun: it takes care of everything so far.
    fn begun(&mut self) {
        let oldest = [self.removed, self.asked].into_iter().flatten().min();
        *self = Self {
            running: oldest,
            ..Self::NOTHING
        };
    }

    /// The running rewrite has ended.
    fn ended(&mut self, failed: bool, now: Instant) {
        let oldest = self.running.take();
        if failed {
            self.asked = oldest.or(self.asked);
            self.wait_until = Some(now + AFTER_FAILURE);
        }
    }
}

/// Something was removed.
pub(crate) fn something_removed() {
    update(|state| state.removed = state.removed.or_else(|| Some(Instant::now())));
}

/// Somebody asked for an erasure.
pub(crate) fn person_erased() {
    update(|state| state.asked = state.asked.or_else(|| Some(Instant::now())));
}

/// Whether something is still to be erased.
pub(crate) fn is_pending() -> bool {
    let state = STATE.get();
    state.removed.or(state.asked).or(state.running).is_some()
}

fn update(change: impl FnOnce(&mut State)) {
    let mut state = STATE.get();
    change(&mut state);
    STATE.set(state);
}

/// The timer that asks.
pub(crate) struct Erasure;

impl Task for Erasure {
    const AFTER_PANIC: Option<Duration> = Some(INTERVAL);

    fn run(context: Context<'_>) -> Option<Duration> {
        let within = Duration::from_millis(settings::ERASE_WITHIN.millis());
        let (now, state) = (Instant::now(), STATE.get());
        let is_due = !within.is_zero() && state.is_due(now, within);
        if (is_due || state.running.is_some()) && !context.is_loading() {
            update(|state| look(context, state, now, is_due));
        }
        Some(INTERVAL)
    }
}

fn look(context: Context<'_>, state: &mut State, now: Instant, is_due: bool) {
    match AofRewrite::state(context) {
        AofRewrite::Off => *state = State::NOTHING, // a file that is switched on later begins without the past
        AofRewrite::Busy => {}
        AofRewrite::Idle { failed } if state.running.is_some() => state.ended(failed, now),
        AofRewrite::Idle { .. } if is_due => {
            if AofRewrite::start(context) {
                metrics::AOF_REWRITES.add(1);
                state.begun();
            }
        }
        AofRewrite::Idle { .. } => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    #[test]
    fn an_hour_after_somebody_asked_a_day_after_expiry() {
        let start = Instant::now();
        let removed = State {
            removed: Some(start),
            ..State::NOTHING
        };
        assert!(!removed.is_due(start + DAY - Duration::from_millis(1), DAY));
        assert!(removed.is_due(start + DAY, DAY));
        let asked = State {
            asked: Some(start),
            ..State::NOTHING
        };
        assert!(!asked.is_due(start + AN_HOUR - Duration::from_millis(1), DAY));
        assert!(asked.is_due(start + AN_HOUR, DAY));
        assert!(asked.is_due(start + Duration::from_secs(9), Duration::from_secs(9)));
        assert!(!State::NOTHING.is_due(start + DAY, DAY));
    }

    #[test]
    fn a_failed_rewrite_is_tried_again() {
        let start = Instant::now();
        let mut state = State {
            asked: Some(start),
            ..State::NOTHING
        };
        state.begun();
        assert!(!state.is_due(start + DAY, DAY));
        state.ended(true, start + AN_HOUR);
        assert!(!state.is_due(start + AN_HOUR, DAY));
        assert!(state.is_due(start + AN_HOUR + AFTER_FAILURE, DAY));
        state.begun();
        state.ended(false, start + DAY);
        assert_eq!(state, State::NOTHING);
    }
}
