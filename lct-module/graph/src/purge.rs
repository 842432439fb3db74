//! Removing what is old, at once in meaning and in slices in work.
//!
//! From [`Graph::purge_begin`] on, a visit that was there and ended by `before` is dead: no answer or digest includes
//! it. Its bytes go in steps, first from all spaces, then from all visitors; at the end, when no dead row can refer to
//! them any more, the names go to which nothing else refers. A visit logged meanwhile is alive even if it too ended by
//! `before`; those few are remembered as risen.
//!
//! Alerts leave the inboxes and warnings end when it begins, which takes some 5 ns for each alert of the warnings
//! concerned; who was alerted by a warning that ended is unlisted in steps.

use crate::Millis;
use crate::graph::{Graph, Risen, SpaceVisits, VisitorVisits};
use crate::journal::Journal;
use crate::memory::allocated;
use crate::warnings::Dying;

/// Where a purge in slices stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PurgeProgress {
    /// There is more to do.
    More,
    /// It is done.
    Done {
        /// Visits removed in all.
        visits: u64,
        /// Whether anything changed: alerts and warnings count too.
        changed: bool,
    },
}

/// What is to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PurgeCut {
    /// Visits that ended by then, and warnings whose window lies wholly before it and whose alerts have left the inboxes.
    pub before: Millis,
    /// Alerts that were given, or changed last, before then leave the inboxes.
    pub alerts: Millis,
    /// Now: warnings that no visit can match any more stop being compared with visits.
    pub now: Millis,
}

/// What looking at one timeline costs, in rows.
const TIMELINE_WORK: usize = 4;

/// A purge under way.
#[derive(Debug, Clone, Default)]
pub(crate) struct Purge {
    before: Millis,
    alerts: Millis,
    /// Visits removed so far.
    pub(crate) count: u64,
    /// Visits that ended by `before` but were logged since it began.
    risen: Risen,
    /// The next space to look at, then the next visitor.
    next_space: usize,
    next_visitor: usize,
    /// No visit seen on the visitors' side, or logged meanwhile, ends earlier.
    earliest_end: Millis,
    /// The earliest start among them; `None` when the visit that set it has gone.
    oldest: Option<Millis>,
    pub(crate) empty_visitors: Vec<u32>,
    pub(crate) empty_spaces: Vec<u32>,
    /// Warnings that ended, and whom they had alerted.
    dying: Dying,
    /// Whether alerts or warnings went.
    changed: bool,
}

impl Purge {
    #[inline]
    pub(crate) fn is_dead(&self, visitor: u32, space: u32, start: Millis, end: Millis) -> bool {
        end <= self.before
            && (self.risen.is_empty() || !self.risen.contains(&(visitor, space, start)))
    }

    /// A visit was logged, or its end moved.
    pub(crate) fn logged(&mut self, visitor: u32, space: u32, start: Millis, end: Millis) {
        self.earliest_end = self.earliest_end.min(end);
        self.oldest = self.oldest.map(|oldest| oldest.min(start));
        if end <= self.before {
            self.risen.insert((visitor, space, start));
        } else {
            self.risen.remove(&(visitor, space, start));
        }
    }

    /// A visit was removed by other means.
    pub(crate) fn removed(&mut self, visitor: u32, space: u32, start: Millis) {
        self.risen.remove(&(visitor, space, start));
        self.oldest = self.oldest.filter(|&oldest| oldest != start);
    }

    /// Alerts issued before then have left the inboxes.
    pub(crate) fn alerts(&self) -> Millis {
        self.alerts
    }

    pub(crate) fn heap(&self) -> usize {
        let dying = self
            .dying
            .iter()
            .map(|(_, recipients)| recipients.capacity());
        allocated(size_of::<Self>())
            + allocated(self.risen.capacity() * 8 / 7 * (size_of::<(u32, u32, Millis)>() + 1))
            + allocated(self.empty_visitors.capacity() * size_of::<u32>())
            + allocated(self.empty_spaces.capacity() * size_of::<u32>())
            + dying.sum::<usize>() * size_of::<u32>()
    }
}

impl Graph {
    /// Removes every visit that ended by `before`, at once; how many that were.
    pub fn purge(&mut self, before: Millis) -> u64 {
        self.purge_begin(&PurgeCut {
            before,
            ..PurgeCut::default()
        });
        loop {
            if let PurgeProgress::Done { visits, .. } = self.purge_step(usize::MAX) {
                return visits;
            }
        }
    }

    /// Begins a purge in slices: from now on no question sees a visit that is there and ended by `before`, and
    /// [`purge_step`](Self::purge_step) frees them. A purge under way is finished first.
    pub fn purge_begin(&mut self, cut: &PurgeCut) {
        // From now on a question under way would see less; one that is gone is forgotten.
        match self.journal.as_deref().map(Journal::is_lost) {
            Some(true) => self.unwatch(),
            _ => self.lose_sight(),
        }
        while self.purging() {
            self.purge_step(usize::MAX);
        }
        let mut dying = Dying::new();
        let changed = self.purge_warnings(cut.before, cut.alerts, cut.now, &mut dying);
        self.purge = Some(Box::new(Purge {
            before: cut.before,
            alerts: cut.alerts,
            dying,
            changed,
            earliest_end: Millis::MAX,
            oldest: Some(Millis::MAX),
            ..Purge::default()
        }));
    }

    /// Whether a purge might find anything to remove. O(1); true may turn out to be nothing, false is certain.
    #[must_use]
    pub fn may_purge(&self, cut: &PurgeCut) -> bool {
        self.may_have_ended_by(cut.before)
            || self.may_purge_warnings(cut.before, cut.alerts, cut.now)
    }

    /// Whether a purge is under way.
    #[must_use]
    pub fn purging(&self) -> bool {
        self.purge.is_some()
    }

    /// Goes on with a purge for about `rows` rows' worth of work (a thousand take well under a millisecond).
    ///
    /// One timeline is never divided, so a single space with very many visits can exceed that.
    pub fn purge_step(&mut self, rows: usize) -> PurgeProgress {
        let Some(mut purge) = self.purge.take() else {
            return PurgeProgress::Done {
                visits: 0,
                changed: false,
            };
        };
        let mut work = 0;
        if !self.may_have_ended_by(purge.before) {
            // Nothing is old enough: there is nothing to look for.
            purge.earliest_end = self.earliest_end;
            (purge.next_space, purge.next_visitor) = (usize::MAX, usize::MAX);
        }
        while purge.next_space < self.spaces.bound() && work < rows {
            let space = purge.next_space as u32;
            purge.next_space += 1;
            let oldest = |visits: &SpaceVisits| visits.touch_oldest(purge.before);
            self.spaces.prefetch(space, oldest);
            work = work.saturating_add(TIMELINE_WORK + self.sweep_space(&mut purge, space));
        }
        while work < rows && purge.next_visitor < self.visitors.bound() {
            let visitor = purge.next_visitor as u32;
            purge.next_visitor += 1;
            let oldest = |visits: &VisitorVisits| visits.touch_oldest(purge.before);
            self.visitors.prefetch(visitor, oldest);
            work = work.saturating_add(TIMELINE_WORK + self.sweep_visitor(&mut purge, visitor));
        }
        while work < rows
            && let Some((warning, recipients)) = purge.dying.last_mut()
        {
            match recipients.pop() {
                Some(visitor) => self.bury_recipient(*warning, visitor),
                None => {
                    purge.dying.pop();
                }
            }
            work = work.saturating_add(TIMELINE_WORK);
        }
        let swept = purge.dying.is_empty()
            && purge.next_space >= self.spaces.bound()
            && purge.next_visitor >= self.visitors.bound();
        // No dead row is left, so the numbers that nothing refers to any more are free.
        while swept && work < rows {
            if let Some(visitor) = purge.empty_visitors.pop() {
                self.release_visitor(visitor);
            } else if let Some(space) = purge.empty_spaces.pop() {
                self.release_space(space);
            } else {
                self.earliest_end = purge.earliest_end;
                if purge.count > 0 {
                    self.purged(purge.before, purge.oldest);
                }
                return PurgeProgress::Done {
                    visits: purge.count,
                    changed: purge.changed || purge.count > 0,
                };
            }
            work = work.saturating_add(TIMELINE_WORK);
        }
        self.purge = Some(purge);
        PurgeProgress::More
    }

    fn sweep_space(&mut self, purge: &mut Purge, space: u32) -> usize {
        if !self.spaces.is_used(space) {
            return 0;
        }
        let visits = self.spaces.value_mut(space);
        let swept = visits.sweep(purge.before, &mut self.timelines, |row| {
            purge.is_dead(row.other, space, row.start, row.end())
        });
        if swept.removed > 0 && self.spaces.value(space).is_empty() {
            purge.empty_spaces.push(space);
        }
        swept.seen
    }

    fn sweep_visitor(&mut self, purge: &mut Purge, visitor: u32) -> usize {
        if !self.visitors.is_used(visitor) {
            return 0;
        }
        let mut gone = Vec::new();
        let watched = self.warnings.knows_visits_of(visitor);
        let visits = self.visitors.value_mut(visitor);
        let swept = visits.sweep(purge.before, &mut self.timelines, |row| {
            let dead = purge.is_dead(visitor, row.other, row.start, row.end());
            if dead && watched {
                gone.push(*row);
            }
            dead
        });
        for row in gone {
            self.warnings.gone(visitor, row.other, row.start, row.end());
        }
        let visits = self.visitors.value(visitor);
        if swept.removed > 0 && visits.is_empty() {
            purge.empty_visitors.push(visitor);
        }
        if let Some(first) = visits.first() {
            purge.oldest = purge.oldest.map(|oldest| oldest.min(first.start));
        }
        purge.earliest_end = purge.earliest_end.min(swept.earliest_end);
        purge.count += swept.removed as u64;
        self.visits -= swept.removed as u64;
        swept.seen
    }
}
