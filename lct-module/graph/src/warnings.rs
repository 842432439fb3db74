//! What a graph knows of warnings and alerts.
//!
//! A *record* keeps a warning's terms and whom it has alerted. From the other side each visitor is listed with the
//! warnings that alerted them (`received`) and those they gave (`given`). An inbox is what a visitor's records say is in
//! it; nothing is stored twice that could disagree.
//!
//! A standing warning must notice visits that are logged later. For that each visit of an index case is entered in
//! `watches`, by space, as long as the case's warning stands: who logs a visit there is compared with the warning
//! ([`Graph::visit_at`]). Second-order contacts can appear wherever a contact has been; they are looked for afresh, and
//! later ([`Graph::next_stale`]). A visit logged late must not match a warning that stands already: it is remembered with
//! the *stamp* of the moment, and hidden from warnings whose terms were given before.

use std::cmp::Reverse;
use std::collections::{BTreeSet, VecDeque};

use hashbrown::HashMap;
use smallvec::SmallVec;

use crate::Millis;
use crate::chunk::Row;
use crate::exposure::{Order, Priority, Question, Scratch, Search, Sight, Whose};
use crate::graph::{Graph, Logged, SpaceVisits};
use crate::memory::allocated;
use crate::names::Names;
use crate::order::first_by;
use crate::warning::{
    AlertId, AlertOf, AlertState, Moment, Reason, Retracted, Ring, Source, Taken, Warn, Warned,
    WarningOf, WarningState,
};

/// A moment in the graph's history: the clock, moved on where two things happen in the same millisecond.
pub(crate) type Stamp = u64;

const DAY: Millis = 24 * 3_600_000;

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
    fn can_match(&self) -> bool {
        self.state != WarningState::Retracted && self.owner != Owner::Nobody
    }

    /// Whether visits logged now are compared with it.
    fn stands(&self) -> bool {
        self.state == WarningState::Active && self.stands_until > 0 && self.owner != Owner::Nobody
    }

    fn whose(&self) -> Option<Whose> {
        match self.owner {
            Owner::Visitor(visitor) => Some(Whose::Visitor(visitor)),
            Owner::Space(space) => Some(Whose::Space(space)),
            Owner::Nobody => None,
        }
    }

    /// Whether it would alert more visitors than it may if `more` came to it.
    fn must_hold(&self, more: usize) -> bool {
        let all = (self.recipients.len() + more) as u64;
        !self.released && self.hold.is_some_and(|hold| all > hold)
    }

    /// What of a visit of the index case somebody can be compared with, as a row of `watches`.
    fn watch(&self, warning: u32, start: Millis, end: Millis) -> Option<Row> {
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
#[derive(Debug, Clone, Default)]
pub(crate) struct Lists {
    lists: HashMap<u32, SmallVec<[u32; 4]>>,
    /// Heap bytes of the longer lists.
    heap: usize,
}

impl Lists {
    fn get(&self, number: u32) -> &[u32] {
        self.lists.get(&number).map_or(&[], SmallVec::as_slice)
    }

    fn contains(&self, number: u32) -> bool {
        self.lists.contains_key(&number)
    }

    fn add(&mut self, number: u32, warning: u32) {
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
    received: Lists,
    /// The warnings a visitor gave.
    given: Lists,
    /// The warnings that declare a space.
    declared: Lists,
    /// Where the index cases of standing warnings were, by space.
    watches: HashMap<u32, SpaceVisits>,
    /// Late visits, by visitor, space and start, with the moment they were logged.
    late: HashMap<(u32, u32, Millis), Stamp>,
    pub(crate) stamp: Stamp,
    /// Every warning by the end of its window.
    by_at: BTreeSet<(Millis, u32)>,
    /// Alerts that wait in inboxes.
    alerts: u64,
    /// How many records have the reason `alerted`.
    alerted: usize,
    /// The earliest start of the visits logged since second orders were last looked for.
    unseen: Millis,
    /// Warnings whose second order is to be looked for.
    stale: BTreeSet<u32>,
    /// Changes for the doorbell: warning, visitor and version.
    rings: VecDeque<(u32, u32, u32)>,
    /// No warning stops standing earlier.
    earliest_until: Millis,
    /// No alert that waits was issued earlier.
    earliest_alert: Millis,
    /// Heap bytes of the records' recipients, and of the watches' timelines.
    recipients: usize,
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
            unseen: Millis::MAX,
            stale: BTreeSet::new(),
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
        let trees = (self.by_at.len() * size_of::<(Millis, u32)>() + self.stale.len() * 4) * 3 / 2;
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
    fn tick(&mut self, now: Millis) -> Stamp {
        self.stamp = now.max(self.stamp + 1);
        self.stamp
    }

    pub(crate) fn mark_late(&mut self, visit: (u32, u32, Millis), stamp: Stamp) {
        self.late.insert(visit, stamp);
    }

    /// A visit has gone.
    fn unmark_late(&mut self, visit: (u32, u32, Millis)) {
        if self.late.remove(&visit).is_some() && self.late.is_empty() {
            self.late = HashMap::new();
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

    fn watch(&mut self, warning: u32, space: u32, start: Millis, end: Millis) {
        let record = self.records.value(warning);
        if !record.stands() {
            return;
        }
        if let Some(row) = record.watch(warning, start, end) {
            let watches = self.watches.entry(space).or_default();
            let before = watches.heap();
            watches.insert(&row);
            self.timelines = self.timelines - before + watches.heap();
        }
    }

    fn unwatch(&mut self, warning: u32, space: u32, start: Millis, end: Millis) {
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
        let before = watches.heap();
        let removed = watches.remove(&row);
        debug_assert!(
            removed,
            "a standing warning watches every visit of its index case"
        );
        self.timelines = self.timelines - before + watches.heap();
        if watches.is_empty() {
            self.timelines -= watches.heap();
            self.watches.remove(&space);
            if self.watches.is_empty() {
                self.watches = HashMap::new();
            }
        }
    }

    /// Changes a record's recipients and keeps the books on their heap.
    fn change<R>(&mut self, warning: u32, change: impl FnOnce(&mut Record) -> R) -> R {
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

/// What a match found is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    /// Somebody gave or released the warning.
    Asked,
    /// A visit was logged.
    Stands,
}

impl Graph {
    /// Logs a visit as [`visit`](Self::visit) does, and alerts whomever a standing warning now finds at order 1.
    pub fn visit_at(
        &mut self,
        visitor: &[u8],
        space: &[u8],
        start: Millis,
        end: Millis,
        moment: &Moment,
        scratch: &mut Scratch,
    ) -> Logged {
        let logged = self.visit(visitor, space, start, end);
        if logged != Logged::Unchanged && self.has_warnings() {
            self.match_visit(visitor, space, start, end, moment, scratch);
        }
        logged
    }

    /// Moves a visit as [`revisit`](Self::revisit) does, and alerts whomever a standing warning now finds at order 1.
    #[expect(
        clippy::too_many_arguments,
        reason = "the visit, where it goes, and what time it is"
    )]
    pub fn revisit_at(
        &mut self,
        visitor: &[u8],
        space: &[u8],
        start: Millis,
        new_start: Millis,
        new_end: Millis,
        moment: &Moment,
        scratch: &mut Scratch,
    ) -> Option<bool> {
        let moved = self.revisit(visitor, space, start, new_start, new_end)?;
        if moved && self.has_warnings() {
            self.match_visit(visitor, space, new_start, new_end, moment, scratch);
        }
        Some(moved)
    }

    /// Gives a warning, or revises one of the same visitor or space: its terms are replaced, and alerted are those who
    /// are new, have another reason or a more urgent priority, or had been withdrawn. Late visits count, whenever they
    /// were logged.
    ///
    /// # Errors
    /// [`Taken`]. A revoked visitor must have been refused before.
    pub fn warn(
        &mut self,
        warn: &Warn<'_>,
        moment: &Moment,
        scratch: &mut Scratch,
    ) -> Result<Warned, Taken> {
        let known = self.owned(warn)?;
        let owner = match warn.source {
            Source::Visitor(visitor) => Owner::Visitor(self.visitors.intern(visitor)),
            Source::Space(space) => Owner::Space(self.spaces.intern(space)),
        };
        let warning = known.unwrap_or_else(|| {
            let warning = self.warnings.records.intern(warn.warning);
            let record = self.warnings.records.value_mut(warning);
            (record.issued, record.owner) = (moment.now, owner);
            match owner {
                Owner::Visitor(visitor) => self.warnings.given.add(visitor, warning),
                Owner::Space(space) => self.warnings.declared.add(space, warning),
                Owner::Nobody => {}
            }
            warning
        });
        let asked = self.warnings.tick(moment.now);
        self.set_terms(warning, |record| {
            record.reason = warn.reason;
            record.state = WarningState::Active;
            record.terms = warn.terms;
            record.stands_until = warn.stands_until;
            record.hold = warn.hold;
            record.asked = asked;
        });
        Ok(Warned {
            alerted: self.ask(warning, moment, scratch),
            changed: true,
        })
    }

    /// How many visitors [`warn`](Self::warn) would newly or differently alert if nothing held it.
    ///
    /// # Errors
    /// [`Taken`].
    pub fn would_warn(
        &self,
        warn: &Warn<'_>,
        moment: &Moment,
        scratch: &mut Scratch,
    ) -> Result<u64, Taken> {
        let known = self.owned(warn)?;
        let whose = match warn.source {
            Source::Visitor(visitor) => self.visitors.find(visitor).map(Whose::Visitor),
            Source::Space(space) => self.spaces.find(space).map(Whose::Space),
        };
        let Some(whose) = whose else {
            return Ok(0); // nobody can have met them
        };
        let sight = Sight {
            expired: moment.expired,
            asked: None,
        };
        let found = self.search(whose, warn.reason, &warn.terms, sight, None, scratch);
        Ok(self.would_alert(known, warn.reason, &found))
    }

    /// Lets a held warning go: it alerts whomever it finds now, and is never held again. Nothing where it is unknown or
    /// not held.
    pub fn release(&mut self, warning: &[u8], moment: &Moment, scratch: &mut Scratch) -> Warned {
        let Some(warning) = self.held(warning) else {
            return Warned {
                alerted: 0,
                changed: false,
            };
        };
        self.set_terms(warning, |record| {
            record.state = WarningState::Active;
            record.released = true;
        });
        Warned {
            alerted: self.ask(warning, moment, scratch),
            changed: true,
        }
    }

    /// How many visitors [`release`](Self::release) would newly or differently alert.
    #[must_use]
    pub fn would_release(&self, warning: &[u8], moment: &Moment, scratch: &mut Scratch) -> u64 {
        let Some(warning) = self.held(warning) else {
            return 0;
        };
        let found = self.find_recipients(warning, None, moment.expired, scratch);
        self.would_alert(
            Some(warning),
            self.warnings.records.value(warning).reason,
            &found,
        )
    }

    /// Takes a warning back: every alert it ever gave goes back into the inbox as withdrawn.
    pub fn retract(&mut self, warning: &[u8], now: Millis) -> Retracted {
        let records = &self.warnings.records;
        let known = (records.find(warning))
            .filter(|&warning| records.value(warning).state != WarningState::Retracted);
        let Some(warning) = known else {
            return Retracted {
                withdrawn: 0,
                changed: false,
            };
        };
        self.set_terms(warning, |record| record.state = WarningState::Retracted);
        let issued = self.issue_time(now);
        let Warnings {
            records,
            rings,
            alerts,
            earliest_alert,
            ..
        } = &mut self.warnings;
        let record = records.value_mut(warning);
        let mut withdrawn = 0;
        for (&visitor, recipient) in &mut record.recipients {
            if recipient.state == AlertState::Withdrawn {
                continue;
            }
            withdrawn += 1;
            *alerts += u64::from(!recipient.waits);
            recipient.state = AlertState::Withdrawn;
            recipient.version += 1;
            recipient.waits = true;
            recipient.issued = issued;
            rings.push_back((warning, visitor, recipient.version));
        }
        record.oldest_alert = record.oldest_alert.min(issued);
        *earliest_alert = (*earliest_alert).min(issued);
        Retracted {
            withdrawn,
            changed: true,
        }
    }

    /// A warning whose second order may have grown since it was last looked for, if there is one.
    pub fn next_stale(&mut self) -> Option<Vec<u8>> {
        let warnings = &mut self.warnings;
        if warnings.unseen < Millis::MAX {
            // What starts at or after the end of a warning's window is not part of it.
            let after = (warnings.unseen.saturating_add(1), 0);
            let reached = warnings.by_at.range(after..).map(|&(_, warning)| warning);
            let second =
                |warning: &u32| warnings.records.value(*warning).terms.order == Order::Second;
            warnings.stale.extend(reached.filter(second));
            warnings.unseen = Millis::MAX;
        }
        while let Some(warning) = warnings.stale.pop_first() {
            if warnings.records.is_used(warning) && warnings.records.value(warning).stands() {
                return Some(warnings.records.name(warning).to_vec());
            }
        }
        None
    }

    /// Whether [`next_stale`](Self::next_stale) might name one. O(1).
    #[must_use]
    pub fn is_stale(&self) -> bool {
        self.has_warnings()
            && (!self.warnings.stale.is_empty() || self.warnings.unseen < Millis::MAX)
    }

    /// Brings the second order of a standing warning up to date; whether anything changed.
    pub fn stand(&mut self, warning: &[u8], moment: &Moment, scratch: &mut Scratch) -> bool {
        let Some(warning) = self.warnings.records.find(warning) else {
            return false;
        };
        self.warnings.stale.remove(&warning);
        if !self.warnings.records.value(warning).stands() {
            return false;
        }
        let found = self.find_recipients(warning, None, moment.expired, scratch);
        self.give_all(warning, &found, Why::Stands, moment).changed
    }

    /// Whether the graph holds any warning: only then does it matter at what moment a visit is logged.
    #[must_use]
    pub fn has_warnings(&self) -> bool {
        self.warnings.len() > 0
    }

    /// The warnings, newest first, then by id; at most `count` of them.
    #[must_use]
    pub fn warnings(&self, count: usize) -> Vec<WarningOf<'_>> {
        let records = &self.warnings.records;
        let mut rows: Vec<_> = (records.numbers())
            .map(|warning| {
                let record = records.value(warning);
                WarningOf {
                    warning: records.name(warning),
                    kind: match record.owner {
                        Owner::Space(_) => "space",
                        Owner::Visitor(_) | Owner::Nobody => "visitor",
                    },
                    reason: record.reason,
                    state: record.state,
                    issued: record.issued,
                    alerts: record.recipients.len() as u64,
                }
            })
            .collect();
        first_by(&mut rows, count, |a, b| {
            (Reverse(a.issued), a.warning).cmp(&(Reverse(b.issued), b.warning))
        });
        rows
    }

    /// A visitor's inbox: most urgent first, then newest day, then by id.
    #[must_use]
    pub fn alerts(&self, visitor: &[u8]) -> Vec<AlertOf> {
        let mut rows: Vec<_> = (self.inbox(visitor))
            .map(|(alert, _, _, recipient)| AlertOf {
                alert,
                reason: recipient.reason,
                priority: recipient.priority,
                state: recipient.state,
                issued: recipient.issued / DAY * DAY,
            })
            .collect();
        rows.sort_unstable_by_key(|row| (row.priority, Reverse(row.issued), row.alert));
        rows
    }

    /// Takes alerts out of a visitor's inbox unless they have changed since; how many that were.
    pub fn ack(&mut self, visitor: &[u8], alerts: &[AlertId]) -> u64 {
        let shown: Vec<_> = (self.inbox(visitor))
            .filter(|(alert, ..)| alerts.contains(alert))
            .map(|(_, warning, visitor, _)| (warning, visitor))
            .collect();
        for &(warning, visitor) in &shown {
            let recipients = &mut self.warnings.records.value_mut(warning).recipients;
            if let Some(recipient) = recipients.get_mut(&visitor) {
                recipient.waits = false;
            }
        }
        self.warnings.alerts -= shown.len() as u64;
        shown.len() as u64
    }

    /// Takes at most `max` entries off the doorbell's queue; those that have changed since are left out, for a later
    /// entry says so.
    pub fn take_rings(&mut self, max: usize) -> Vec<Ring<'_>> {
        let Self {
            visitors, warnings, ..
        } = self;
        let Warnings { records, rings, .. } = warnings;
        let taken = rings.len().min(max);
        let valid = rings
            .drain(..taken)
            .filter_map(|(warning, visitor, version)| {
                if !records.is_used(warning) {
                    return None;
                }
                let recipient = records.value(warning).recipients.get(&visitor)?;
                let current = recipient.version == version;
                current.then(|| Ring {
                    visitor: visitors.name(visitor),
                    alert: AlertId {
                        hash: AlertId::hash(records.name(warning), visitors.name(visitor)),
                        version,
                    },
                    state: recipient.state,
                })
            });
        let taken = valid.collect();
        if rings.is_empty() {
            *rings = VecDeque::new();
        }
        taken
    }

    /// Whether the doorbell's queue holds anything. O(1).
    #[must_use]
    pub fn has_rings(&self) -> bool {
        !self.warnings.rings.is_empty()
    }

    /// Empties the doorbell's queue: on a replica somebody else rings.
    pub fn drop_rings(&mut self) {
        self.warnings.rings = VecDeque::new();
    }

    /// The alerts that wait for a visitor: id, warning, visitor, and what is known of it.
    fn inbox(&self, visitor: &[u8]) -> impl Iterator<Item = (AlertId, u32, u32, &Recipient)> {
        let records = &self.warnings.records;
        let number = self.visitors.find(visitor);
        let received = number.map_or(&[][..], |number| self.warnings.received.get(number));
        received.iter().filter_map(move |&warning| {
            let number = number?;
            if !records.is_used(warning) {
                return None; // purged, and this list not yet swept
            }
            let recipient = records.value(warning).recipients.get(&number)?;
            let alert = || AlertId {
                hash: AlertId::hash(records.name(warning), self.visitors.name(number)),
                version: recipient.version,
            };
            (recipient.waits).then(|| (alert(), warning, number, recipient))
        })
    }

    /// The warning of that id, if it is the same visitor's or the same space's.
    fn owned(&self, warn: &Warn<'_>) -> Result<Option<u32>, Taken> {
        let Some(warning) = self.warnings.records.find(warn.warning) else {
            return Ok(None);
        };
        let same = match (self.warnings.records.value(warning).owner, warn.source) {
            (Owner::Visitor(owner), Source::Visitor(visitor)) => {
                self.visitors.name(owner) == visitor
            }
            (Owner::Space(owner), Source::Space(space)) => self.spaces.name(owner) == space,
            _ => false,
        };
        if same { Ok(Some(warning)) } else { Err(Taken) }
    }

    fn held(&self, warning: &[u8]) -> Option<u32> {
        let records = &self.warnings.records;
        (records.find(warning)).filter(|&warning| {
            let record = records.value(warning);
            record.state == WarningState::Held && record.owner != Owner::Nobody
        })
    }

    /// Changes what a record asks for, and what follows from that: watches, indexes, bounds.
    pub(crate) fn set_terms(&mut self, warning: u32, change: impl FnOnce(&mut Record)) {
        self.for_each_visit_of_owner(warning, Warnings::unwatch);
        let warnings = &mut self.warnings;
        let record = warnings.records.value_mut(warning);
        warnings.by_at.remove(&(record.terms.at, warning));
        warnings.alerted -= usize::from(record.counts_as_alerted());
        change(record);
        warnings.alerted += usize::from(record.counts_as_alerted());
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

    /// Whom a warning finds on the graph as it is now. `only` looks at one visit of the index case.
    fn find_recipients(
        &self,
        warning: u32,
        only: Option<(u32, Millis)>,
        expired: Millis,
        scratch: &mut Scratch,
    ) -> Vec<(u32, Priority)> {
        let record = self.warnings.records.value(warning);
        let Some(whose) = record.whose() else {
            return Vec::new();
        };
        let sight = Sight {
            expired,
            asked: Some(record.asked),
        };
        self.search(whose, record.reason, &record.terms, sight, only, scratch)
    }

    fn search(
        &self,
        whose: Whose,
        reason: Reason,
        terms: &Question,
        sight: Sight,
        only: Option<(u32, Millis)>,
        scratch: &mut Scratch,
    ) -> Vec<(u32, Priority)> {
        let mut terms = *terms;
        if let (Reason::Alerted, Whose::Visitor(visitor)) = (reason, whose) {
            match self.exposed_since(visitor, sight.expired, scratch) {
                Some(since) => terms.from = terms.from.max(since),
                None => return Vec::new(),
            }
        }
        let search = Search::new(self, whose, &terms, sight, scratch);
        match only {
            Some((space, start)) => search.only(space, start).recipients(),
            None => search.recipients(),
        }
    }

    /// When a visitor's first exposure by an active warning began that does not itself pass one on.
    fn exposed_since(
        &self,
        visitor: u32,
        expired: Millis,
        scratch: &mut Scratch,
    ) -> Option<Millis> {
        let records = &self.warnings.records;
        let mut since = None;
        for &warning in self.warnings.received.get(visitor) {
            if !records.is_used(warning) {
                continue;
            }
            let record = records.value(warning);
            let Some(whose) = record.whose() else {
                continue;
            };
            if record.state != WarningState::Active || record.reason == Reason::Alerted {
                continue;
            }
            let sight = Sight {
                expired,
                asked: Some(record.asked),
            };
            let search = Search::new(self, whose, &record.terms, sight, scratch);
            if let Some((first, _)) = search.contact(visitor) {
                since = Some(since.map_or(first, |since: Millis| since.min(first)));
            }
        }
        since
    }

    /// Alerts whomever a warning finds, because somebody asked for it.
    fn ask(&mut self, warning: u32, moment: &Moment, scratch: &mut Scratch) -> u64 {
        let found = self.find_recipients(warning, None, moment.expired, scratch);
        let given = self.give_all(warning, &found, Why::Asked, moment);
        if !given.held && self.warnings.records.value(warning).reason != Reason::Alerted {
            let found = found.iter().map(|&(visitor, _)| visitor);
            let passers = self.passers_on(found);
            self.match_passed_on(&passers, moment, scratch);
        }
        given.alerted
    }

    fn would_alert(&self, known: Option<u32>, reason: Reason, found: &[(u32, Priority)]) -> u64 {
        let known = known.map(|warning| &self.warnings.records.value(warning).recipients);
        let would = |&&(visitor, priority): &&(u32, Priority)| {
            known
                .and_then(|recipients| recipients.get(&visitor))
                .is_none_or(|recipient| recipient.would_change(reason, priority))
        };
        found.iter().filter(would).count() as u64
    }

    /// A visit was logged or moved: alerts whomever the standing warnings find through it.
    fn match_visit(
        &mut self,
        visitor: &[u8],
        space: &[u8],
        start: Millis,
        end: Millis,
        moment: &Moment,
        scratch: &mut Scratch,
    ) {
        let (Some(visitor), Some(space)) = (self.visitors.find(visitor), self.spaces.find(space))
        else {
            return;
        };
        if end <= moment.late {
            let stamp = self.warnings.tick(moment.now);
            self.warnings.mark_late((visitor, space, start), stamp);
            return;
        }
        self.warnings.unmark_late((visitor, space, start));
        self.warnings.unseen = self.warnings.unseen.min(start);

        // Warnings that pass on depend on what the others find, so they come last.
        let mut passers = Vec::new();
        let mut touched = Vec::new();
        for warning in self.warnings.given.get(visitor).to_vec() {
            let record = self.warnings.records.value(warning);
            if !record.stands() {
                continue;
            }
            if record.reason == Reason::Alerted {
                passers.push(warning);
                continue;
            }
            // Whether somebody was met long enough can depend on all visits; whether at all, on this one.
            let only = (record.terms.min_time.is_none()).then_some((space, start));
            let found = self.find_first_order(warning, only, moment.expired, scratch);
            if !self.give_all(warning, &found, Why::Stands, moment).held {
                touched.extend(found.iter().map(|&(contact, _)| contact));
            }
        }
        let mut watching: SmallVec<[u32; 8]> = SmallVec::new();
        if let Some(watches) = self.warnings.watches.get(&space) {
            watches.overlapping(start, end, |row| watching.push(row.other));
            watching.sort_unstable();
            watching.dedup();
        }
        for warning in watching {
            let record = self.warnings.records.value(warning);
            if record.owner == Owner::Visitor(visitor) {
                continue;
            }
            if record.reason == Reason::Alerted {
                passers.push(warning);
                continue;
            }
            let Some(whose) = record.whose() else {
                continue;
            };
            let sight = Sight {
                expired: moment.expired,
                asked: Some(record.asked),
            };
            let search = Search::new(self, whose, &record.terms, sight, scratch);
            if let Some((_, priority)) = search.contact(visitor) {
                let found = [(visitor, priority)];
                if !self.give_all(warning, &found, Why::Stands, moment).held {
                    touched.push(visitor);
                }
            }
        }
        passers.extend(self.passers_on(touched.into_iter()));
        self.match_passed_on(&passers, moment, scratch);
    }

    /// As `find_recipients`, of the first order only.
    fn find_first_order(
        &self,
        warning: u32,
        only: Option<(u32, Millis)>,
        expired: Millis,
        scratch: &mut Scratch,
    ) -> Vec<(u32, Priority)> {
        let record = self.warnings.records.value(warning);
        let Some(whose) = record.whose() else {
            return Vec::new();
        };
        let terms = Question {
            order: Order::First,
            ..record.terms
        };
        let sight = Sight {
            expired,
            asked: Some(record.asked),
        };
        self.search(whose, record.reason, &terms, sight, only, scratch)
    }

    /// The warnings with the reason `alerted` that these visitors gave.
    fn passers_on(&self, visitors: impl Iterator<Item = u32>) -> Vec<u32> {
        if self.warnings.alerted == 0 {
            return Vec::new();
        }
        let given = visitors.flat_map(|visitor| self.warnings.given.get(visitor));
        let alerted =
            |warning: &u32| self.warnings.records.value(*warning).reason == Reason::Alerted;
        given.copied().filter(alerted).collect()
    }

    /// Warnings whose giver's own exposure may have changed alert whomever they find now.
    fn match_passed_on(&mut self, warnings: &[u32], moment: &Moment, scratch: &mut Scratch) {
        let warnings: BTreeSet<u32> = warnings.iter().copied().collect();
        for warning in warnings {
            if self.warnings.records.value(warning).stands() {
                let found = self.find_recipients(warning, None, moment.expired, scratch);
                self.give_all(warning, &found, Why::Stands, moment);
            }
        }
    }

    /// Gives the alert to those who were found, unless the warning is to be held.
    fn give_all(
        &mut self,
        warning: u32,
        found: &[(u32, Priority)],
        why: Why,
        moment: &Moment,
    ) -> Given {
        let mut given = Given::default();
        if found.is_empty() {
            return given;
        }
        let record = self.warnings.records.value(warning);
        let is_new = |&&(visitor, _): &&(u32, Priority)| !record.recipients.contains_key(&visitor);
        let new = found.iter().filter(is_new).count();
        if record.must_hold(new) {
            self.set_terms(warning, |record| record.state = WarningState::Held);
            given.held = true;
            given.changed = true;
            return given;
        }
        let issued = self.issue_time(moment.now);
        let Warnings {
            records,
            rings,
            received,
            alerts,
            ..
        } = &mut self.warnings;
        let record = records.value_mut(warning);
        let before = allocated(record.recipients.allocation_size());
        record.recipients.reserve(new);
        let reason = record.reason;
        for &(visitor, priority) in found {
            let recipient = match record.recipients.entry(visitor) {
                hashbrown::hash_map::Entry::Vacant(entry) => {
                    received.add(visitor, warning);
                    entry.insert(Recipient {
                        issued,
                        version: 0,
                        reason,
                        priority,
                        state: AlertState::Active,
                        waits: false,
                    })
                }
                hashbrown::hash_map::Entry::Occupied(entry) => entry.into_mut(),
            };
            let changes = recipient.version == 0
                || match why {
                    Why::Asked => recipient.would_change(reason, priority),
                    Why::Stands => recipient.state == AlertState::Withdrawn,
                };
            if priority < recipient.priority {
                recipient.priority = priority;
                given.changed = true;
            }
            if changes {
                given.alerted += 1;
                *alerts += u64::from(!recipient.waits);
                recipient.issued = issued;
                recipient.version += 1;
                recipient.reason = reason;
                recipient.state = AlertState::Active;
                recipient.waits = true;
                rings.push_back((warning, visitor, recipient.version));
            }
        }
        let after = allocated(record.recipients.allocation_size());
        if given.alerted > 0 {
            given.changed = true;
            record.oldest_alert = record.oldest_alert.min(issued);
            self.warnings.earliest_alert = self.warnings.earliest_alert.min(issued);
        }
        self.warnings.recipients = self.warnings.recipients - before + after;
        given
    }

    /// When an alert is issued: now, but not in the past of a purge under way, which would take it for an old one.
    fn issue_time(&self, now: Millis) -> Millis {
        now.max(self.purge.as_ref().map_or(0, |purge| purge.alerts()))
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
        });
        let warnings = &mut self.warnings;
        let record = warnings.records.value(warning);
        warnings.recipients -= allocated(record.recipients.allocation_size());
        warnings.by_at.remove(&(record.terms.at, warning));
        warnings.stale.remove(&warning);
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
        match saved.owner {
            Owner::Visitor(visitor) => warnings.given.add(visitor, warning),
            Owner::Space(space) => warnings.declared.add(space, warning),
            Owner::Nobody => {}
        }
        // What came just before it was saved may not have been looked at.
        warnings.unseen = 0;
        self.set_terms(warning, |record| *record = saved);
    }
}

impl Record {
    fn counts_as_alerted(&self) -> bool {
        self.reason == Reason::Alerted
    }
}

impl Recipient {
    /// Whether a warning that is given (again) alerts them (again).
    fn would_change(&self, reason: Reason, priority: Priority) -> bool {
        self.reason != reason || priority < self.priority || self.state == AlertState::Withdrawn
    }
}

/// What came of a match.
#[derive(Debug, Default)]
struct Given {
    alerted: u64,
    changed: bool,
    /// Nobody was alerted: the warning waits for its release.
    held: bool,
}

impl Warnings {
    /// Takes alerts issued before `alerts` out of the inboxes; whether there were any.
    fn age(&mut self, alerts: Millis) -> bool {
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
