//! The graph: visits seen from both sides, kept in step.

use std::collections::HashSet;

use crate::chunk::Row;
use crate::journal::Journal;
use crate::names::{Names, Sought};
use crate::prefetch::{self, TOGETHER};
use crate::purge::Purge;
use crate::revocation::Revocations;
use crate::timeline::Timeline;
use crate::warning::Forgotten;
use crate::warnings::Warnings;
use crate::{MAX_MILLIS, Millis};

/// A visit to be logged.
#[derive(Debug, Clone, Copy)]
pub struct Visit<'a> {
    /// Whose.
    pub visitor: &'a [u8],
    /// Where.
    pub space: &'a [u8],
    /// From when.
    pub start: Millis,
    /// Until when; after `start`.
    pub end: Millis,
}

/// What the tables of names say of a visit to be logged.
#[derive(Debug, Clone, Copy, Default)]
struct Ahead {
    visitor: Sought,
    space: Sought,
}

/// What became of a visit that was logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Logged {
    /// It is new.
    Added,
    /// It was known and its end has moved.
    Moved,
    /// It was known, with this end.
    Unchanged,
}

/// What a revocation did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revoked {
    /// Visits removed.
    pub visits: u64,
    /// False where the id was revoked already and nothing changed.
    pub changed: bool,
}

/// What a graph holds now, visits that have expired but are not yet purged included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// Visitors: those with visits, and those whom a warning or an alert refers to.
    pub visitors: u64,
    /// Spaces: those with visits, and those a warning declares.
    pub spaces: u64,
    /// Visits.
    pub visits: u64,
    /// The earliest start of a visit; `None` without visits.
    pub oldest: Option<Millis>,
    /// The latest end of a visit; `None` without visits.
    pub newest: Option<Millis>,
    /// Revoked ids.
    pub revoked: u64,
    /// Warnings, retracted and held ones included.
    pub warnings: u64,
    /// Those of them that are held.
    pub held: u64,
    /// Alerts that wait in inboxes.
    pub alerts: u64,
}

/// A visit as an answer shows it: the other side's id, start and end, unclipped.
pub type VisitOf<'g> = (&'g [u8], Millis, Millis);

pub(crate) type VisitorVisits = Timeline<false>;
pub(crate) type SpaceVisits = Timeline<true>;

impl<const BY_LENGTH: bool> Default for Timeline<BY_LENGTH> {
    fn default() -> Self {
        Self::new()
    }
}

/// The content of one Redis key.
///
/// Ids passed in have been checked with [`check_id`](crate::check_id), times are at most [`MAX_MILLIS`] and a visit's
/// start is before its end: whoever reads them from outside checks them once.
#[derive(Debug, Clone)]
pub struct Graph {
    pub(crate) visitors: Names<VisitorVisits>,
    pub(crate) spaces: Names<SpaceVisits>,
    /// Visits stored, on the visitors' side.
    pub(crate) visits: u64,
    /// No visit ends earlier than this.
    pub(crate) earliest_end: Millis,
    /// Heap bytes of all timelines.
    pub(crate) timelines: usize,
    pub(crate) revocations: Revocations,
    pub(crate) warnings: Warnings,
    pub(crate) purge: Option<Box<Purge>>,
    /// What a question under way must not see.
    pub(crate) journal: Option<Box<Journal>>,
    extremes: Extremes,
}

/// The earliest start and the latest end, kept as visits come and counted anew when the one that set them has gone.
#[derive(Debug, Clone, Copy)]
struct Extremes {
    oldest: Millis,
    newest: Millis,
    stale: bool,
}

impl Extremes {
    const NONE: Self = Self {
        oldest: Millis::MAX,
        newest: 0,
        stale: false,
    };

    fn add(&mut self, start: Millis, end: Millis) {
        self.oldest = self.oldest.min(start);
        self.newest = self.newest.max(end);
    }

    fn remove(&mut self, start: Millis, end: Millis) {
        self.stale |= start == self.oldest || end == self.newest;
    }
}

impl Default for Graph {
    fn default() -> Self {
        Self::new()
    }
}

impl Graph {
    /// An empty graph.
    #[must_use]
    pub fn new() -> Self {
        Self {
            visitors: Names::new(),
            spaces: Names::new(),
            visits: 0,
            earliest_end: Millis::MAX,
            timelines: 0,
            revocations: Revocations::default(),
            warnings: Warnings::default(),
            purge: None,
            journal: None,
            extremes: Extremes::NONE,
        }
    }

    /// Logs a visit, which is known by visitor, space and start: logged again with another end, it moves its end.
    ///
    /// The caller has asked [`is_revoked`](Self::is_revoked) before. O(log n) in the visits of the visitor and of the
    /// space, O(1) when visits arrive in order.
    pub fn visit(&mut self, visitor: &[u8], space: &[u8], start: Millis, end: Millis) -> Logged {
        let visit = Visit {
            visitor,
            space,
            start,
            end,
        };
        let mut ahead = self.seek(&visit);
        self.aim(&mut ahead);
        self.warm(&visit, &ahead);
        self.log(&visit, &ahead)
    }

    /// Logs visits, from left to right, and tells what became of each, as [`visit`](Self::visit) does.
    ///
    /// Where a visit goes is mostly somewhere memory has to be waited for. So this goes through a few of them in stages,
    /// each of which asks for what the next one needs: many answers are waited for at once.
    pub fn visit_all(&mut self, visits: &[Visit<'_>], mut tell: impl FnMut(Logged)) {
        let mut ahead = [Ahead::default(); TOGETHER];
        for visits in visits.chunks(TOGETHER) {
            for (visit, ahead) in visits.iter().zip(&mut ahead) {
                *ahead = self.seek(visit);
            }
            for ahead in &mut ahead[..visits.len()] {
                self.aim(ahead);
            }
            for (visit, ahead) in visits.iter().zip(&ahead) {
                self.warm(visit, ahead);
            }
            for (visit, ahead) in visits.iter().zip(&ahead) {
                tell(self.log(visit, ahead));
            }
        }
    }

    fn seek(&self, visit: &Visit<'_>) -> Ahead {
        Ahead {
            visitor: self.visitors.seek(visit.visitor),
            space: self.spaces.seek(visit.space),
        }
    }

    fn aim(&self, ahead: &mut Ahead) {
        self.visitors.aim(&mut ahead.visitor);
        self.spaces.aim(&mut ahead.space);
    }

    /// Reads where the visit will be written, so that it is at hand by then.
    fn warm(&self, visit: &Visit<'_>, ahead: &Ahead) {
        let len = visit.end - visit.start;
        let visitor = self.visitors.likely(&ahead.visitor);
        let space = self.spaces.likely(&ahead.space);
        let visitor = visitor.map(|(name, visits)| name ^ visits.touch(len));
        let space = space.map(|(name, visits)| name ^ visits.touch(len));
        prefetch::touch(visitor.into_iter().chain(space));
    }

    fn log(&mut self, visit: &Visit<'_>, ahead: &Ahead) -> Logged {
        debug_assert!(visit.start < visit.end && visit.end <= MAX_MILLIS);
        let visitor = self.visitors.intern_sought(visit.visitor, &ahead.visitor);
        let space = self.spaces.intern_sought(visit.space, &ahead.space);
        self.put(visitor, space, visit.start, visit.end)
    }

    /// Moves a visit to another time; one of the same visitor and space that starts there already is replaced.
    ///
    /// `None` where there is no such visit, else whether anything changed.
    pub fn revisit(
        &mut self,
        visitor: &[u8],
        space: &[u8],
        start: Millis,
        new_start: Millis,
        new_end: Millis,
    ) -> Option<bool> {
        let (visitor, space, row) = self.known(visitor, space, start)?;
        if new_start != start {
            self.take(visitor, space, &row);
        }
        let logged = self.put(visitor, space, new_start, new_end);
        Some(new_start != start || logged != Logged::Unchanged)
    }

    /// When the visit of that visitor and space that starts at `start` ends; `None` where there is no such visit.
    #[must_use]
    pub fn end(&self, visitor: &[u8], space: &[u8], start: Millis) -> Option<Millis> {
        self.known(visitor, space, start)
            .map(|(_, _, row)| row.end())
    }

    /// Removes a visit; false where there is no such visit.
    pub fn unvisit(&mut self, visitor: &[u8], space: &[u8], start: Millis) -> bool {
        let Some((visitor, space, row)) = self.known(visitor, space, start) else {
            return false;
        };
        self.take(visitor, space, &row);
        self.release_visitor(visitor);
        self.release_space(space);
        true
    }

    /// The visitor's visits that overlap `[from, to)`, unclipped, by start, then space. What ended by `expired` is
    /// never answered.
    #[must_use]
    pub fn visits(
        &self,
        visitor: &[u8],
        from: Millis,
        to: Millis,
        expired: Millis,
    ) -> Vec<VisitOf<'_>> {
        let Some(visitor) = self.visitors.find(visitor) else {
            return Vec::new();
        };
        let mut found = Vec::new();
        self.visitors.value(visitor).overlapping(from, to, |row| {
            if row.end() > expired && !self.is_dead(visitor, row.other, row.start, row.end()) {
                found.push((self.spaces.name(row.other), row.start, row.end()));
            }
        });
        found.sort_unstable_by_key(|&(space, start, _)| (start, space));
        found
    }

    /// Erases a visitor with all visits, the inbox, and the visitor's place in every warning. Warnings of the visitor
    /// lose their owner: they can still be retracted and match nothing any more.
    pub fn forget(&mut self, visitor: &[u8]) -> Forgotten {
        self.lose_sight(); // whoever is erased is named by no question under way
        let Some(visitor) = self.visitors.find(visitor) else {
            return Forgotten {
                visits: 0,
                changed: false,
            };
        };
        let mut rows = Vec::with_capacity(self.visitors.value(visitor).rows());
        self.visitors.value(visitor).for_each(|row| rows.push(row));
        let warned = self.forget_warnings(visitor);
        let mut removed = 0;
        for row in &rows {
            // What a purge under way has declared dead goes too, and counts as purged.
            if self.is_dead(visitor, row.other, row.start, row.end()) {
                self.bury();
            } else {
                removed += 1;
            }
            self.take(visitor, row.other, row);
            self.release_space(row.other);
        }
        self.release_visitor(visitor);
        Forgotten {
            visits: removed,
            changed: warned || removed > 0,
        }
    }

    /// Erases a visitor and bars the id for ever.
    ///
    /// What stays is a hash of the id under a key of this graph; `salt` becomes that key if there is none yet.
    pub fn revoke(&mut self, visitor: &[u8], salt: [u8; 16]) -> Revoked {
        let changed = self.revocations.add(visitor, salt);
        Revoked {
            visits: self.forget(visitor).visits,
            changed,
        }
    }

    /// The key under which this graph hashes revoked ids, once it has one.
    #[must_use]
    pub fn salt(&self) -> Option<[u8; 16]> {
        self.revocations.salt()
    }

    /// Whether the id is barred.
    #[must_use]
    pub fn is_revoked(&self, visitor: &[u8]) -> bool {
        self.revocations.contains(visitor)
    }

    /// Whether some visit may have ended by `before`. O(1); true may turn out to be nothing, false is certain.
    #[must_use]
    pub(crate) fn may_have_ended_by(&self, before: Millis) -> bool {
        self.visits > 0 && self.earliest_end <= before
    }

    /// Visits stored, those a purge has declared dead but not yet freed included. O(1).
    #[must_use]
    pub fn visit_count(&self) -> u64 {
        self.visits
    }

    /// Whether the graph holds nothing: no visit, warning, alert or revocation. What a purge has declared dead but not yet freed is
    /// still held: ask again when it is done.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.visits == 0 && self.revocations.len() == 0 && self.warnings.len() == 0
    }

    /// What the graph holds. O(1), but for the first call after the oldest or newest visit has gone, which looks at
    /// every visit.
    pub fn stats(&mut self) -> Stats {
        if self.extremes.stale {
            let mut extremes = Extremes::NONE;
            for visitor in self.visitors.numbers() {
                self.visitors
                    .value(visitor)
                    .for_each(|row| extremes.add(row.start, row.end()));
            }
            self.extremes = extremes;
        }
        let any = self.visits > 0;
        Stats {
            visitors: self.visitors.len() as u64,
            spaces: self.spaces.len() as u64,
            visits: self.visits,
            oldest: any.then_some(self.extremes.oldest),
            newest: any.then_some(self.extremes.newest),
            revoked: self.revocations.len() as u64,
            warnings: self.warnings.len() as u64,
            held: self.warnings.held() as u64,
            alerts: self.warnings.alerts(),
        }
    }

    /// Bytes of heap this graph holds, as an allocator with the usual size classes rounds them. O(1).
    #[must_use]
    pub fn memory(&self) -> usize {
        self.visitors.heap()
            + self.spaces.heap()
            + self.timelines
            + self.revocations.heap()
            + self.warnings.heap()
            + self.purge.as_ref().map_or(0, |purge| purge.heap())
    }

    /// About how many heap blocks there are: the effort of freeing them.
    #[must_use]
    pub fn blocks(&self) -> usize {
        2 * (self.visitors.len() + self.spaces.len())
            + usize::try_from(self.visits).unwrap_or(usize::MAX) / 64
            + self.revocations.len()
            + self.warnings.len()
    }

    /// Whether a purge under way has declared this visit dead: no question sees it any more.
    #[inline]
    pub(crate) fn is_dead(&self, visitor: u32, space: u32, start: Millis, end: Millis) -> bool {
        match &self.purge {
            None => false,
            Some(purge) => purge.is_dead(visitor, space, start, end),
        }
    }

    /// The visit of that key, if it is alive.
    fn known(&self, visitor: &[u8], space: &[u8], start: Millis) -> Option<(u32, u32, Row)> {
        let visitor = self.visitors.find(visitor)?;
        let space = self.spaces.find(space)?;
        let len = self.visitors.value(visitor).find(start, space)?;
        let alive = !self.is_dead(visitor, space, start, start + len);
        alive.then_some((
            visitor,
            space,
            Row {
                start,
                other: space,
                len,
            },
        ))
    }

    /// Logs a visit on both sides.
    fn put(&mut self, visitor: u32, space: u32, start: Millis, end: Millis) -> Logged {
        let len = end - start;
        let row = Row {
            start,
            other: space,
            len,
        };
        let visits = self.visitors.value_mut(visitor);
        let known = visits.upsert(&row, &mut self.timelines);
        let logged = match known {
            None => {
                self.visits += 1;
                Logged::Added
            }
            Some(old) if self.is_dead(visitor, space, start, start + old) => {
                // Gone by meaning, and this one is new in its place.
                self.bury();
                self.warnings.gone(visitor, space, start, start + old);
                self.extremes.remove(start, start + old);
                self.leave(visitor, space, start, old);
                Logged::Added
            }
            Some(old) if old == len => return Logged::Unchanged,
            Some(old) => {
                self.warnings.removed(visitor, space, start, start + old);
                self.extremes.remove(start, start + old);
                self.leave(visitor, space, start, old);
                Logged::Moved
            }
        };
        let row = Row {
            start,
            other: visitor,
            len,
        };
        let visits = self.spaces.value_mut(space);
        let inserted = visits.insert(&row, &mut self.timelines);
        debug_assert!(inserted, "both sides hold the same visits");
        self.note(
            visitor,
            space,
            start,
            known.filter(|_| logged == Logged::Moved),
        );
        self.warnings.logged(visitor, space, start, end);
        self.reach(start, end);
        if let Some(purge) = &mut self.purge {
            purge.logged(visitor, space, start, end);
        }
        logged
    }

    /// There is a visit at that time.
    pub(crate) fn reach(&mut self, start: Millis, end: Millis) {
        self.earliest_end = self.earliest_end.min(end);
        self.extremes.add(start, end);
    }

    /// Removes a visit from both sides; the numbers stay.
    fn take(&mut self, visitor: u32, space: u32, row: &Row) {
        let alive = !self.is_dead(visitor, space, row.start, row.end());
        let visits = self.visitors.value_mut(visitor);
        let removed = visits.remove(row, &mut self.timelines);
        debug_assert!(removed, "the visitor's side holds every visit");
        self.visits -= 1;
        self.warnings.gone(visitor, space, row.start, row.end());
        self.extremes.remove(row.start, row.end());
        self.leave(visitor, space, row.start, row.len);
        if let Some(purge) = &mut self.purge {
            purge.removed(visitor, space, row.start);
        }
        self.note(visitor, space, row.start, alive.then_some(row.len));
    }

    /// Counts a visit that a purge under way declared dead and that goes by other means than its steps.
    fn bury(&mut self) {
        if let Some(purge) = &mut self.purge {
            purge.count += 1;
        }
    }

    /// Takes a visit from the space's side.
    fn leave(&mut self, visitor: u32, space: u32, start: Millis, len: Millis) {
        let row = Row {
            start,
            other: visitor,
            len,
        };
        let visits = self.spaces.value_mut(space);
        visits.remove(&row, &mut self.timelines);
    }

    /// Frees the number of a visitor nothing refers to any more.
    pub(crate) fn release_visitor(&mut self, visitor: u32) {
        if !self.visitors.is_used(visitor)
            || !self.visitors.value(visitor).is_empty()
            || self.warnings.refers_to_visitor(visitor)
        {
            return;
        }
        match (&mut self.journal, &mut self.purge) {
            // A question under way may still name it.
            (Some(journal), _) => journal.empty_visitors.push(visitor),
            // The other side may still hold dead rows with this number.
            (None, Some(purge)) => purge.empty_visitors.push(visitor),
            (None, None) => self.visitors.remove(visitor),
        }
    }

    /// Frees the number of a space nothing refers to any more.
    pub(crate) fn release_space(&mut self, space: u32) {
        if !self.spaces.is_used(space)
            || !self.spaces.value(space).is_empty()
            || self.warnings.refers_to_space(space)
        {
            return;
        }
        match (&mut self.journal, &mut self.purge) {
            (Some(journal), _) => journal.empty_spaces.push(space),
            (None, Some(purge)) => purge.empty_spaces.push(space),
            (None, None) => self.spaces.remove(space),
        }
    }

    /// A purge of what ended by `before` is over and `oldest` is the earliest start left, if it is known.
    pub(crate) fn purged(&mut self, before: Millis, oldest: Option<Millis>) {
        match oldest {
            Some(oldest) if self.extremes.newest > before => self.extremes.oldest = oldest,
            _ => self.extremes.stale = true,
        }
    }
}

/// The visits by which a purge under way tells the living from the dead.
pub(crate) type Risen = HashSet<(u32, u32, Millis)>;
