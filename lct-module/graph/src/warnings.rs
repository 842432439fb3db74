//! What a graph knows of warnings and alerts.
//!
//! A *record* keeps a warning's terms and whom it has alerted. From the other side each visitor is listed with the
//! warnings that alerted them (`received`) and those they gave (`given`). An inbox is what a visitor's records say is in
//! it; nothing is stored twice that could disagree.
//!
//! A standing warning must notice visits that are logged later. For that each visit of an index case is entered in
//! `watches`, by space, as long as the case's warning stands: who logs a visit there is compared with the warning
//! ([`Graph::visit_at`]). Second-order contacts can appear wherever a contact has been: they are looked for afresh, and
//! later, for warnings that have alerted somebody who was there ([`Graph::next_stale`]). A visit logged late must not match
//! a warning that stands already: it is remembered with the *stamp* of the moment, and hidden from warnings whose terms
//! were given before.

use std::collections::{BTreeSet, VecDeque};

use hashbrown::HashMap;
use smallvec::SmallVec;

use crate::chunk::Row;
use crate::exposure::{Order, Priority, Question};
use crate::graph::{Graph, SpaceVisits};
use crate::memory::allocated;
use crate::names::Names;
use crate::search::{Sight, Whose};
use crate::warning::{AlertState, Reason, WarningState};
use crate::{MAX_MILLIS, Millis};

/// A moment in the graph's history: the clock, moved on where two things happen in the same millisecond.
pub(crate) type Stamp = u64;

/// Whom a warning has alerted, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Recipient {
    /// When the alert was given or changed last.
    pub(crate) issued: Millis,
    /// Counts its changes, from 1.
    pub(crate) version: u32,
    pub(crate) reason: Reason,
    /// The most urgent one the warning has found.
    pub(crate) priority: Priority,
    pub(crate) state: AlertState,
    /// Whether it waits in the inbox.
    pub(crate) waits: bool,
}

/// Whose a warning is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Owner {
    /// The index case who gave it.
    Visitor(u32),
    /// The place it was declared for.
    Space(u32),
    /// An index case who was forgotten.
    #[default]
    Nobody,
}

/// A warning and whom it has alerted.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(crate) owner: Owner,
    pub(crate) reason: Reason,
    pub(crate) state: WarningState,
    pub(crate) terms: Question,
    /// From then on no visit can match it any more; 0 once that time has come.
    pub(crate) stands_until: Millis,
    pub(crate) hold: Option<u64>,
    /// Whether somebody released it: it is never held again.
    pub(crate) released: bool,
    /// When it was first given.
    pub(crate) issued: Millis,
    /// When its terms were given: late visits logged since are none of its business.
    pub(crate) asked: Stamp,
    pub(crate) recipients: HashMap<u32, Recipient>,
    /// No alert that waits was issued earlier.
    pub(crate) oldest_alert: Millis,
}

impl Default for Record {
    fn default() -> Self {
        Self {
            owner: Owner::Nobody,
            reason: Reason::Positive,
            state: WarningState::Active,
            terms: Question {
                from: 0,
                to: 0,
                at: 0,
                order: Order::First,
                min_time: None,
                within: None,
                linger: 0,
                min_priority: Priority::Low,
            },
            stands_until: 0,
            hold: None,
            released: false,
            issued: 0,
            asked: 0,
            recipients: HashMap::new(),
            oldest_alert: Millis::MAX,
        }
    }
}

impl Record {
    /// Whether it may still find somebody when it is asked to.
    pub(crate) fn can_match(&self) -> bool {
        self.state != WarningState::Retracted && self.owner != Owner::Nobody
    }

    /// Whether visits logged now are compared with it.
    pub(crate) fn stands(&self) -> bool {
        self.state == WarningState::Active && self.stands_until > 0 && self.owner != Owner::Nobody
    }

    /// Whether visits logged now may bring it second-order contacts.
    pub(crate) fn stands_at_second(&self) -> bool {
        self.terms.order == Order::Second && self.stands()
    }

    /// Whether somebody it has not alerted may pass something on: towards MINTIME counts what came by any contact, while
    /// one of low priority is not told.
    pub(crate) fn is_picky(&self) -> bool {
        let Question {
            min_time,
            min_priority,
            ..
        } = self.terms;
        self.stands_at_second() && min_time.is_some() && min_priority == Priority::Medium
    }

    pub(crate) fn whose(&self) -> Option<Whose> {
        match self.owner {
            Owner::Visitor(visitor) => Some(Whose::Visitor(visitor)),
            Owner::Space(space) => Some(Whose::Space(space)),
            Owner::Nobody => None,
        }
    }

    /// Whether this visitor has an alert of it that no further visit could change.
    pub(crate) fn has_alerted(&self, visitor: u32) -> bool {
        self.recipients.get(&visitor).is_some_and(|recipient| {
            recipient.state == AlertState::Active && recipient.priority == Priority::High
        })
    }

    /// Which visits it may see.
    pub(crate) fn sight(&self, expired: Millis) -> Sight {
        Sight {
            expired,
            asked: Some(self.asked),
        }
    }

    /// Whether it would alert more visitors than it may if `more` came to it.
    pub(crate) fn must_hold(&self, more: usize) -> bool {
        let all = (self.recipients.len() + more) as u64;
        !self.released && self.hold.is_some_and(|hold| all > hold)
    }

    /// What of a visit of the index case somebody can be compared with, as a row of `watches`.
    pub(crate) fn watch(&self, warning: u32, start: Millis, end: Millis) -> Option<Row> {
        let Question {
            from,
            to,
            at,
            linger,
            ..
        } = self.terms;
        if start >= to || end <= from || from >= to {
            return None;
        }
        // Unclipped at its start, by which the index case's visits differ.
        let end = end.min(to).saturating_add(linger).min(at);
        Some(Row {
            start,
            other: warning,
            len: end - start,
        })
    }
}

/// Warnings by something else's number.
#[derive(Debug, Default)]
pub(crate) struct Lists {
    lists: HashMap<u32, SmallVec<[u32; 4]>>,
    /// Heap bytes of the longer lists.
    heap: usize,
}

impl Lists {
    pub(crate) fn get(&self, number: u32) -> &[u32] {
        self.lists.get(&number).map_or(&[], SmallVec::as_slice)
    }

    pub(crate) fn contains(&self, number: u32) -> bool {
        self.lists.contains_key(&number)
    }

    /// Makes room for so many lists at once, rather than little by little.
    pub(crate) fn reserve(&mut self, lists: usize) {
        self.lists.reserve(lists.saturating_sub(self.lists.len()));
    }

    pub(crate) fn add(&mut self, number: u32, warning: u32) {
        let list = self.lists.entry(number).or_default();
        if !list.contains(&warning) {
            self.heap -= spilled(list);
            list.push(warning);
            self.heap += spilled(list);
        }
    }

    fn remove(&mut self, number: u32, warning: u32) {
        let Some(list) = self.lists.get_mut(&number) else {
            return;
        };
        list.retain(|other| *other != warning);
        if list.is_empty() {
            self.take(number);
        }
    }

    fn take(&mut self, number: u32) -> SmallVec<[u32; 4]> {
        let list = self.lists.remove(&number).unwrap_or_default();
        self.heap -= spilled(&list);
        if self.lists.is_empty() {
            self.lists = HashMap::new();
        }
        list
    }

    fn heap(&self) -> usize {
        self.heap + allocated(self.lists.allocation_size())
    }
}

impl Clone for Lists {
    /// A copy of a list takes what it holds, not what it once held.
    fn clone(&self) -> Self {
        let lists = self.lists.clone();
        let heap = lists.values().map(spilled).sum();
        Self { lists, heap }
    }
}

fn spilled(list: &SmallVec<[u32; 4]>) -> usize {
    if list.spilled() {
        allocated(list.capacity() * size_of::<u32>())
    } else {
        0
    }
}

/// Everything about warnings and alerts.
#[derive(Debug, Clone)]
pub(crate) struct Warnings {
    pub(crate) records: Names<Record>,
    /// The warnings that alerted a visitor.
    pub(crate) received: Lists,
    /// The warnings a visitor gave.
    pub(crate) given: Lists,
    /// The warnings that declare a space.
    declared: Lists,
    /// Where the index cases of standing warnings were, by space.
    pub(crate) watches: HashMap<u32, SpaceVisits>,
    /// Late visits, by visitor, space and start, with the moment they were logged.
    late: HashMap<(u32, u32, Millis), Stamp>,
    pub(crate) stamp: Stamp,
    /// Every warning by the end of its window.
    pub(crate) by_at: BTreeSet<(Millis, u32)>,
    /// Alerts that wait in inboxes.
    pub(crate) alerts: u64,
    /// How many records have the reason `alerted`.
    pub(crate) alerted: usize,
    /// How many are held.
    held: usize,
    /// The earliest start of the visits logged since second orders were last looked for that may concern any of them.
    pub(crate) unseen: Millis,
    /// Warnings whose second order is to be looked for, and those that come after all of these.
    pub(crate) stale: BTreeSet<u32>,
    pub(crate) noted: BTreeSet<u32>,
    /// How many standing warnings with a second order have relays they do not alert.
    pub(crate) picky: usize,
    /// Changes for the doorbell: warning, visitor and version.
    pub(crate) rings: VecDeque<(u32, u32, u32)>,
    /// No warning stops standing earlier.
    earliest_until: Millis,
    /// No alert that waits was issued earlier.
    pub(crate) earliest_alert: Millis,
    /// Heap bytes of the records' recipients, and of the watches' timelines.
    pub(crate) recipients: usize,
    timelines: usize,
}

/// Recipients of warnings that are gone, whose own lists still name them.
pub(crate) type Dying = Vec<(u32, Vec<u32>)>;

impl Default for Warnings {
    fn default() -> Self {
        Self {
            records: Names::new(),
            received: Lists::default(),
            given: Lists::default(),
            declared: Lists::default(),
            watches: HashMap::new(),
            late: HashMap::new(),
            stamp: 0,
            by_at: BTreeSet::new(),
            alerts: 0,
            alerted: 0,
            held: 0,
            unseen: Millis::MAX,
            stale: BTreeSet::new(),
            noted: BTreeSet::new(),
            picky: 0,
            rings: VecDeque::new(),
            earliest_until: Millis::MAX,
            earliest_alert: Millis::MAX,
            recipients: 0,
            timelines: 0,
        }
    }
}

impl Warnings {
    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    pub(crate) fn alerts(&self) -> u64 {
        self.alerts
    }

    pub(crate) fn held(&self) -> usize {
        self.held
    }

    pub(crate) fn refers_to_visitor(&self, visitor: u32) -> bool {
        self.received.contains(visitor) || self.given.contains(visitor)
    }

    pub(crate) fn refers_to_space(&self, space: u32) -> bool {
        self.declared.contains(space)
    }

    pub(crate) fn heap(&self) -> usize {
        let watches = allocated(self.watches.allocation_size()) + self.timelines;
        let queues = allocated(self.rings.capacity() * size_of::<(u32, u32, u32)>());
        // A tree's node holds eleven entries and is two thirds full.
        let stale = self.stale.len() + self.noted.len();
        let trees = (self.by_at.len() * size_of::<(Millis, u32)>() + stale * 4) * 3 / 2;
        self.records.heap()
            + self.recipients
            + self.received.heap()
            + self.given.heap()
            + self.declared.heap()
            + watches
            + allocated(self.late.allocation_size())
            + queues
            + trees
    }

    /// Whether the visit was logged late, after `asked`.
    #[inline]
    pub(crate) fn is_exempt(&self, asked: Stamp, visitor: u32, space: u32, start: Millis) -> bool {
        !self.late.is_empty()
            && (self.late.get(&(visitor, space, start))).is_some_and(|&logged| logged > asked)
    }

    /// When the visit was logged, if it was late and some warning must not see it.
    pub(crate) fn late(&self, floor: Option<Stamp>, visit: (u32, u32, Millis)) -> Option<Stamp> {
        let floor = floor?;
        (self.late.get(&visit).copied()).filter(|&stamp| stamp > floor)
    }

    /// Late visits logged after this are hidden from some warning; `None` where none can be.
    pub(crate) fn floor(&self) -> Option<Stamp> {
        if self.late.is_empty() {
            return None;
        }
        let records = self
            .records
            .numbers()
            .map(|warning| self.records.value(warning));
        (records.filter(|record| record.can_match()))
            .map(|record| record.asked)
            .min()
    }

    /// The late visits that are hidden from some warning, and when they were logged.
    pub(crate) fn late_visits(&self) -> Vec<(u32, u32, Millis, Stamp)> {
        let Some(floor) = self.floor() else {
            return Vec::new();
        };
        let hidden = self.late.iter().filter(|&(_, &stamp)| stamp > floor);
        hidden
            .map(|(&(visitor, space, start), &stamp)| (visitor, space, start, stamp))
            .collect()
    }

    /// The next stamp.
    pub(crate) fn tick(&mut self, now: Millis) -> Stamp {
        // A forged graph can have the last stamp there is; then moments are no longer told apart.
        self.stamp = now.max(self.stamp + 1).min(MAX_MILLIS);
        self.stamp
    }

    pub(crate) fn mark_late(&mut self, visit: (u32, u32, Millis), stamp: Stamp) {
        self.late.insert(visit, stamp);
    }

    /// A visit has gone.
    pub(crate) fn unmark_late(&mut self, visit: (u32, u32, Millis)) {
        if self.late.remove(&visit).is_some() && self.late.is_empty() {
            self.late = HashMap::new();
        }
    }

    /// Lists a warning with its owner.
    pub(crate) fn enlist(&mut self, warning: u32, owner: Owner) {
        match owner {
            Owner::Visitor(visitor) => self.given.add(visitor, warning),
            Owner::Space(space) => self.declared.add(space, warning),
            Owner::Nobody => {}
        }
    }

    /// A visit was logged, or its end moved: the warnings of its visitor watch its space.
    pub(crate) fn logged(&mut self, visitor: u32, space: u32, start: Millis, end: Millis) {
        for index in 0..self.given.get(visitor).len() {
            let warning = self.given.get(visitor)[index];
            self.watch(warning, space, start, end);
        }
    }

    /// A visit was removed, or is about to be logged with another end.
    pub(crate) fn removed(&mut self, visitor: u32, space: u32, start: Millis, end: Millis) {
        for index in 0..self.given.get(visitor).len() {
            let warning = self.given.get(visitor)[index];
            self.unwatch(warning, space, start, end);
        }
    }

    /// Whether it matters here that a visit of this visitor goes.
    pub(crate) fn knows_visits_of(&self, visitor: u32) -> bool {
        !self.late.is_empty() || self.given.contains(visitor)
    }

    /// As `removed`, for a visit that will not be back.
    pub(crate) fn gone(&mut self, visitor: u32, space: u32, start: Millis, end: Millis) {
        self.removed(visitor, space, start, end);
        self.unmark_late((visitor, space, start));
    }

    pub(crate) fn watch(&mut self, warning: u32, space: u32, start: Millis, end: Millis) {
        let record = self.records.value(warning);
        if !record.stands() {
            return;
        }
        if let Some(row) = record.watch(warning, start, end) {
            let watches = self.watches.entry(space).or_default();
            watches.insert(&row, &mut self.timelines);
        }
    }

    pub(crate) fn unwatch(&mut self, warning: u32, space: u32, start: Millis, end: Millis) {
        let record = self.records.value(warning);
        if !record.stands() {
            return;
        }
        let (Some(row), Some(watches)) = (
            record.watch(warning, start, end),
            self.watches.get_mut(&space),
        ) else {
            return;
        };
        let removed = watches.remove(&row, &mut self.timelines);
        debug_assert!(
            removed,
            "a standing warning watches every visit of its index case"
        );
        if watches.is_empty() {
            self.timelines -= watches.heap();
            self.watches.remove(&space);
            if self.watches.is_empty() {
                self.watches = HashMap::new();
            }
        }
    }

    /// Changes a record's recipients and keeps the books on their heap.
    pub(crate) fn change<R>(&mut self, warning: u32, change: impl FnOnce(&mut Record) -> R) -> R {
        let record = self.records.value_mut(warning);
        let before = allocated(record.recipients.allocation_size());
        let result = change(record);
        self.recipients = self.recipients - before + allocated(record.recipients.allocation_size());
        result
    }

    /// Adds a recipient as it was saved; false where it is there already.
    pub(crate) fn load_recipient(&mut self, warning: u32, visitor: u32, saved: Recipient) -> bool {
        let added = self.change(warning, |record| {
            if saved.waits {
                record.oldest_alert = record.oldest_alert.min(saved.issued);
            }
            record.recipients.insert(visitor, saved).is_none()
        });
        if saved.waits {
            self.alerts += 1;
            self.earliest_alert = self.earliest_alert.min(saved.issued);
        }
        self.received.add(visitor, warning);
        added
    }
}

impl Record {
    pub(crate) fn counts_as_alerted(&self) -> bool {
        self.reason == Reason::Alerted
    }

    pub(crate) fn is_held(&self) -> bool {
        self.state == WarningState::Held
    }
}

impl Recipient {
    /// The alert is given, or changes: it waits again, in a new version.
    pub(crate) fn renew(&mut self, state: AlertState, issued: Millis) {
        self.state = state;
        self.issued = issued;
        self.version += 1;
        self.waits = true;
    }

    /// Whether a warning that is given (again) alerts them (again).
    pub(crate) fn would_change(&self, reason: Reason, priority: Priority) -> bool {
        self.reason != reason || priority < self.priority || self.state == AlertState::Withdrawn
    }
}

impl Warnings {
    /// Takes alerts issued before `alerts` out of the inboxes; whether there were any.
    pub(crate) fn age(&mut self, alerts: Millis) -> bool {
        let mut earliest = Millis::MAX;
        let before = self.alerts;
        for warning in self.records.numbers().collect::<Vec<_>>() {
            let record = self.records.value_mut(warning);
            if record.oldest_alert < alerts {
                let mut oldest = Millis::MAX;
                for recipient in record.recipients.values_mut().filter(|other| other.waits) {
                    if recipient.issued < alerts {
                        recipient.waits = false;
                        self.alerts -= 1;
                    } else {
                        oldest = oldest.min(recipient.issued);
                    }
                }
                record.oldest_alert = oldest;
            }
            earliest = earliest.min(record.oldest_alert);
        }
        self.earliest_alert = earliest;
        before != self.alerts
    }
}

impl Graph {
    /// Changes what a record asks for, and what follows from that: watches, indexes, bounds.
    pub(crate) fn set_terms(&mut self, warning: u32, change: impl FnOnce(&mut Record)) {
        self.for_each_visit_of_owner(warning, Warnings::unwatch);
        let warnings = &mut self.warnings;
        let record = warnings.records.value_mut(warning);
        warnings.by_at.remove(&(record.terms.at, warning));
        warnings.alerted -= usize::from(record.counts_as_alerted());
        warnings.held -= usize::from(record.is_held());
        warnings.picky -= usize::from(record.is_picky());
        change(record);
        warnings.alerted += usize::from(record.counts_as_alerted());
        warnings.held += usize::from(record.is_held());
        warnings.picky += usize::from(record.is_picky());
        warnings.by_at.insert((record.terms.at, warning));
        if record.stands_until > 0 {
            warnings.earliest_until = warnings.earliest_until.min(record.stands_until);
        }
        self.for_each_visit_of_owner(warning, Warnings::watch);
    }

    /// Calls `each` with warning, space, start and end of all a warning may watch.
    fn for_each_visit_of_owner(
        &mut self,
        warning: u32,
        each: fn(&mut Warnings, u32, u32, Millis, Millis),
    ) {
        let record = self.warnings.records.value(warning);
        match record.owner {
            Owner::Visitor(visitor) if record.stands() => {
                let visits = self.visitors.value(visitor);
                let warnings = &mut self.warnings;
                visits.for_each(|row| each(warnings, warning, row.other, row.start, row.end()));
            }
            Owner::Space(space) => {
                let (from, to) = (record.terms.from, record.terms.to);
                each(&mut self.warnings, warning, space, from, to);
            }
            _ => {}
        }
    }

    /// When an alert is issued: now, but not in the past of a purge under way, which would take it for an old one.
    pub(crate) fn issue_time(&self, now: Millis) -> Millis {
        now.max(self.purge.as_ref().map_or(0, |purge| purge.alerts()))
    }

    /// Whether any visit is hidden from a warning whose terms were given then.
    pub(crate) fn hides_any(&self, asked: Stamp) -> bool {
        let is_alive = |visitor: u32, space: u32, start: Millis| {
            let len = self.visitors.value(visitor).find(start, space);
            len.is_some_and(|len| !self.is_dead(visitor, space, start, start + len))
        };
        (self.warnings.late.iter())
            .any(|(&(visitor, space, start), &at)| at > asked && is_alive(visitor, space, start))
    }

    /// Takes a visitor out of every warning; whether they were in any.
    pub(crate) fn forget_warnings(&mut self, visitor: u32) -> bool {
        for warning in self.warnings.given.get(visitor).to_vec() {
            self.set_terms(warning, |record| record.owner = Owner::Nobody);
        }
        let gave = !self.warnings.given.take(visitor).is_empty();
        let received = self.warnings.received.take(visitor);
        for &warning in &received {
            if self.warnings.records.is_used(warning) {
                let gone =
                    (self.warnings).change(warning, |record| record.recipients.remove(&visitor));
                self.warnings.alerts -= u64::from(gone.is_some_and(|gone| gone.waits));
            }
        }
        gave || !received.is_empty()
    }

    /// Lets alerts age and warnings end, at once; whether anything changed. Who was alerted by a warning that ended is
    /// added to `dying`: their lists still name it.
    pub(crate) fn purge_warnings(
        &mut self,
        before: Millis,
        alerts: Millis,
        now: Millis,
        dying: &mut Dying,
    ) -> bool {
        let mut changed = false;
        if self.warnings.earliest_alert < alerts {
            changed |= self.warnings.age(alerts);
        }
        if self.warnings.earliest_until <= now {
            let mut earliest = Millis::MAX;
            for warning in self.warnings.records.numbers().collect::<Vec<_>>() {
                match self.warnings.records.value(warning).stands_until {
                    0 => {}
                    until if until <= now => {
                        self.set_terms(warning, |record| record.stands_until = 0);
                        changed = true;
                    }
                    until => earliest = earliest.min(until),
                }
            }
            self.warnings.earliest_until = earliest;
        }
        let past = self.warnings.by_at.range(..=(before, u32::MAX));
        for warning in past.map(|&(_, warning)| warning).collect::<Vec<_>>() {
            let recipients = &self.warnings.records.value(warning).recipients;
            if recipients.values().any(|recipient| recipient.waits) {
                continue;
            }
            changed = true;
            let recipients = recipients.keys().copied().collect();
            self.end_warning(warning);
            dying.push((warning, recipients));
        }
        changed
    }

    /// Removes a warning. Those it alerted still list it.
    fn end_warning(&mut self, warning: u32) {
        let owner = self.warnings.records.value(warning).owner;
        self.set_terms(warning, |record| {
            record.owner = Owner::Nobody;
            record.reason = Reason::Positive;
            record.state = WarningState::Retracted;
        });
        let warnings = &mut self.warnings;
        let record = warnings.records.value(warning);
        warnings.recipients -= allocated(record.recipients.allocation_size());
        warnings.by_at.remove(&(record.terms.at, warning));
        warnings.stale.remove(&warning);
        warnings.noted.remove(&warning);
        warnings.records.remove(warning);
        match owner {
            Owner::Visitor(visitor) => {
                self.warnings.given.remove(visitor, warning);
                self.release_visitor(visitor);
            }
            Owner::Space(space) => {
                self.warnings.declared.remove(space, warning);
                self.release_space(space);
            }
            Owner::Nobody => {}
        }
        if self.warnings.len() == 0 {
            // Only warnings make a difference between visits, and order the moments.
            self.warnings.late = HashMap::new();
            self.warnings.stamp = 0;
            self.warnings.unseen = Millis::MAX;
        }
    }

    /// Takes a warning that ended off the list of somebody it alerted.
    pub(crate) fn bury_recipient(&mut self, warning: u32, visitor: u32) {
        let records = &self.warnings.records;
        // The number may be in use again.
        if !records.is_used(warning) || !records.value(warning).recipients.contains_key(&visitor) {
            self.warnings.received.remove(visitor, warning);
            self.release_visitor(visitor);
        }
    }

    /// Whether a purge would find anything among alerts and warnings.
    pub(crate) fn may_purge_warnings(&self, before: Millis, alerts: Millis, now: Millis) -> bool {
        self.warnings.earliest_alert < alerts
            || self.warnings.earliest_until <= now
            || (self.warnings.by_at.first()).is_some_and(|&(at, _)| at <= before)
    }

    /// Adds a warning as it was saved, without recipients.
    pub(crate) fn load_warning(&mut self, id: &[u8], saved: Record) {
        let warnings = &mut self.warnings;
        let warning = warnings.records.intern(id);
        warnings.enlist(warning, saved.owner);
        // What came just before it was saved may not have been looked at.
        warnings.unseen = 0;
        self.set_terms(warning, |record| *record = saved);
    }
}
