//! What the module has done since the server started, for the section `lct` of INFO. Numbers only.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::ffi::InfoSection;
use crate::{doorbell, erasure, reading, sweep};

/// Visits added.
pub(crate) static VISITS_LOGGED: Counter = Counter::new();
/// LCT.EXPOSED, LCT.PRESENT and LCT.DENSITY answered.
pub(crate) static QUESTIONS_ANSWERED: Counter = Counter::new();
/// Those of them that were answered in slices.
pub(crate) static QUESTIONS_SLICED: Counter = Counter::new();
/// Visits removed because of their age.
pub(crate) static VISITS_PURGED: Counter = Counter::new();
/// Purges that removed something.
pub(crate) static PURGES: Counter = Counter::new();
/// LCT.WARN and LCT.WARNSPACE that gave or revised a warning.
pub(crate) static WARNINGS_GIVEN: Counter = Counter::new();
/// Alerts given, or given anew, by LCT.WARN, LCT.WARNSPACE and LCT.RELEASE at once.
pub(crate) static ALERTS_GIVEN: Counter = Counter::new();
/// Rings of the doorbell that went out: one for each alert given or changed, by whatever.
pub(crate) static RINGS_PUBLISHED: Counter = Counter::new();
/// Visitors erased by LCT.FORGET and LCT.REVOKE.
pub(crate) static VISITORS_ERASED: Counter = Counter::new();
/// Rewrites of the append-only file asked for.
pub(crate) static AOF_REWRITES: Counter = Counter::new();
/// Panics survived.
pub(crate) static PANICS: Counter = Counter::new();
/// When something was last purged, in epoch milliseconds.
pub(crate) static LAST_PURGE: Counter = Counter::new();

/// A number that only this module changes.
pub(crate) struct Counter(AtomicU64);

impl Counter {
    const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Counts on. Not in one indivisible step, which costs more: nobody but the server's main thread counts, save for a
    /// panic while a graph is freed.
    pub(crate) fn add(&self, more: u64) {
        self.set(self.get() + more);
    }

    /// Sets.
    pub(crate) fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Writes the section.
pub(crate) fn write(section: &mut InfoSection) {
    section.field(c"visits_logged", VISITS_LOGGED.get());
    section.field(c"questions_answered", QUESTIONS_ANSWERED.get());
    section.field(c"questions_sliced", QUESTIONS_SLICED.get());
    section.field(c"questions_waiting", reading::waiting());
    section.field(c"visits_purged", VISITS_PURGED.get());
    section.field(c"purges", PURGES.get());
    section.field(c"purges_running", sweep::running());
    section.field(c"last_purge", LAST_PURGE.get());
    section.field(c"warnings_given", WARNINGS_GIVEN.get());
    section.field(c"alerts_given", ALERTS_GIVEN.get());
    section.field(c"rings_published", RINGS_PUBLISHED.get());
    section.field(c"graphs_ringing", doorbell::waiting());
    section.field(c"visitors_erased", VISITORS_ERASED.get());
    section.field(c"erasure_pending", u64::from(erasure::is_pending()));
    section.field(c"aof_rewrites", AOF_REWRITES.get());
    section.field(c"panics", PANICS.get());
}
