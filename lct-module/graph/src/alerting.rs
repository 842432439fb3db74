//! Whom a warning alerts: when it is given, and whenever a visit is logged while it stands.

use std::collections::BTreeSet;

use smallvec::SmallVec;

use crate::Millis;
use crate::exposure::{Priority, Question, Scratch};
use crate::graph::{Graph, Logged};
use crate::memory::allocated;
use crate::search::{Form, Search, Sight, Terms, Whose};
use crate::warning::{
    AlertState, Moment, Reason, Retracted, Source, Taken, Warn, Warned, WarningState,
};
use crate::warnings::{Owner, Recipient, Warnings};

/// Among so many others at a place each is asked for the warnings that alerted them; among more, every second order may
/// have grown.
const CROWD: usize = 128;

/// What a match found is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    /// Somebody gave or released the warning.
    Asked,
    /// A visit was logged.
    Stands,
}

/// Which warning watches, and where the index case's visit starts.
type Rows = SmallVec<[(u32, Millis); 8]>;

/// What came of a match.
#[derive(Debug, Default)]
struct Given {
    alerted: u64,
    changed: bool,
    /// Nobody was alerted: the warning waits for its release.
    held: bool,
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
            self.warnings.enlist(warning, owner);
            warning
        });
        let record = self.warnings.records.value(warning);
        let same = known.is_some()
            && record.reason == warn.reason
            && record.state != WarningState::Retracted
            && record.terms == warn.terms
            && record.stands_until == warn.stands_until
            && record.hold == warn.hold
            && !self.hides_any(record.asked);
        let was_held = record.state == WarningState::Held;
        if same {
            self.set_terms(warning, |record| record.state = WarningState::Active);
        } else {
            let asked = self.warnings.tick(moment.now);
            self.set_terms(warning, |record| {
                record.reason = warn.reason;
                record.state = WarningState::Active;
                record.terms = warn.terms;
                record.stands_until = warn.stands_until;
                record.hold = warn.hold;
                record.asked = asked;
            });
        }
        let given = self.ask(warning, moment, scratch);
        Ok(Warned {
            alerted: given.alerted,
            held: given.held,
            changed: !same || given.held != was_held || (given.changed && !given.held),
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
        let terms = self.terms_with(whose, warn.reason, &warn.terms, sight, scratch);
        let found = self.recipients(terms, scratch);
        Ok(self.would_alert(known, warn.reason, &found))
    }

    /// Lets a held warning go: it alerts whomever it finds now, and is never held again. How many visitors were newly or
    /// differently alerted; `None`, and nothing has changed, where it is unknown or not held, or nobody owns it any more.
    pub fn release(
        &mut self,
        warning: &[u8],
        moment: &Moment,
        scratch: &mut Scratch,
    ) -> Option<u64> {
        let warning = self.held(warning)?;
        self.set_terms(warning, |record| {
            record.state = WarningState::Active;
            record.released = true;
        });
        Some(self.ask(warning, moment, scratch).alerted)
    }

    /// What [`release`](Self::release) would answer.
    #[must_use]
    pub fn would_release(
        &self,
        warning: &[u8],
        moment: &Moment,
        scratch: &mut Scratch,
    ) -> Option<u64> {
        let warning = self.held(warning)?;
        let found = self.find_all(warning, moment.expired, scratch);
        let reason = self.warnings.records.value(warning).reason;
        Some(self.would_alert(Some(warning), reason, &found))
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
            recipient.renew(AlertState::Withdrawn, issued);
            rings.push_back((warning, visitor, recipient.version));
        }
        record.oldest_alert = record.oldest_alert.min(issued);
        *earliest_alert = (*earliest_alert).min(issued);
        Retracted {
            withdrawn,
            changed: true,
        }
    }

    /// A warning whose second order may have grown since it was last looked for, if there is one: the same until
    /// [`stand`](Self::stand) has looked. Each has its turn before one has another.
    pub fn next_stale(&mut self) -> Option<Vec<u8>> {
        let warnings = &mut self.warnings;
        loop {
            while let Some(&warning) = warnings.stale.first() {
                if warnings.records.is_used(warning) && warnings.records.value(warning).stands() {
                    return Some(warnings.records.name(warning).to_vec());
                }
                warnings.stale.remove(&warning);
            }
            if warnings.noted.is_empty() && warnings.unseen == Millis::MAX {
                return None;
            }
            warnings.stale = std::mem::take(&mut warnings.noted);
            // What starts at or after the end of a warning's window is not part of it.
            let after = (warnings.unseen.saturating_add(1), 0);
            let reached = warnings.by_at.range(after..).map(|&(_, warning)| warning);
            let second = |warning: &u32| warnings.records.value(*warning).stands_at_second();
            warnings.stale.extend(reached.filter(second));
            warnings.unseen = Millis::MAX;
        }
    }

    /// Whether [`next_stale`](Self::next_stale) might name one. O(1).
    #[must_use]
    pub fn is_stale(&self) -> bool {
        self.has_warnings()
            && (!self.warnings.stale.is_empty()
                || !self.warnings.noted.is_empty()
                || self.warnings.unseen < Millis::MAX)
    }

    /// Brings the second order of a standing warning up to date; whether anything changed.
    pub fn stand(&mut self, warning: &[u8], moment: &Moment, scratch: &mut Scratch) -> bool {
        let Some(warning) = self.warnings.records.find(warning) else {
            return false;
        };
        self.warnings.stale.remove(&warning);
        self.warnings.noted.remove(&warning);
        if !self.warnings.records.value(warning).stands() {
            return false;
        }
        let found = self.find_all(warning, moment.expired, scratch);
        self.give_all(warning, &found, Why::Stands, moment).changed
    }

    /// Whether the graph holds any warning: only then does it matter at what moment a visit is logged.
    #[must_use]
    pub fn has_warnings(&self) -> bool {
        self.warnings.len() > 0
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
            record.is_held() && record.owner != Owner::Nobody
        })
    }

    /// Whom a warning looks for in the graph as it is now. `None`: nobody, whatever the graph holds.
    fn terms(&self, warning: u32, expired: Millis, scratch: &mut Scratch) -> Option<Terms> {
        let record = self.warnings.records.value(warning);
        let sight = record.sight(expired);
        self.terms_with(
            record.whose()?,
            record.reason,
            &record.terms,
            sight,
            scratch,
        )
    }

    /// The same for a warning that is not given yet. What the reason adds to the terms: who was alerted passes on only
    /// what came after.
    fn terms_with(
        &self,
        whose: Whose,
        reason: Reason,
        terms: &Question,
        sight: Sight,
        scratch: &mut Scratch,
    ) -> Option<Terms> {
        let mut terms = *terms;
        if let (Reason::Alerted, Whose::Visitor(visitor)) = (reason, whose) {
            let since = self.exposed_since(visitor, sight.expired, scratch)?;
            terms.from = terms.from.max(since);
        }
        Some(Terms::new(whose, &terms, sight))
    }

    /// Whom terms find, and how urgently.
    fn recipients(&self, terms: Option<Terms>, scratch: &mut Scratch) -> Vec<(u32, Priority)> {
        let Some(terms) = terms else {
            return Vec::new();
        };
        let mut search = Search::new(terms, Form::Recipients, std::mem::take(scratch));
        search.finish(self);
        let found = search.recipients();
        *scratch = search.into_scratch();
        found
    }

    /// Whom a warning finds, in every order it asks for.
    fn find_all(
        &self,
        warning: u32,
        expired: Millis,
        scratch: &mut Scratch,
    ) -> Vec<(u32, Priority)> {
        self.recipients(self.terms(warning, expired, scratch), scratch)
    }

    /// When a visitor's first exposure by an active warning began that does not itself pass one on.
    fn exposed_since(
        &self,
        visitor: u32,
        expired: Millis,
        scratch: &mut Scratch,
    ) -> Option<Millis> {
        let records = &self.warnings.records;
        let counts = |&&warning: &&u32| {
            records.is_used(warning)
                && records.value(warning).state == WarningState::Active
                && records.value(warning).reason != Reason::Alerted
        };
        let received = self.warnings.received.get(visitor).iter().filter(counts);
        received
            .filter_map(|&warning| {
                let terms = self.terms(warning, expired, scratch)?;
                terms.contact(self, visitor, scratch)
            })
            .map(|(first, _)| first)
            .min()
    }

    /// Alerts whomever a warning finds, because somebody asked for it.
    fn ask(&mut self, warning: u32, moment: &Moment, scratch: &mut Scratch) -> Given {
        let found = self.find_all(warning, moment.expired, scratch);
        let given = self.give_all(warning, &found, Why::Asked, moment);
        if !given.held && self.warnings.records.value(warning).reason != Reason::Alerted {
            let found = found.iter().map(|&(visitor, _)| visitor);
            let passed_on = self.passed_on_by(found);
            self.match_passed_on(&passed_on, moment, scratch);
        }
        given
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

        // Warnings that were passed on, and must be looked at as a whole: what whoever did so may pass on has changed.
        let mut passed_on = self.match_own_visit(visitor, (space, start), moment, scratch);
        let (rows, mut wholes) = self.watching(visitor, space, start, end);
        let alerted =
            |&mut warning: &mut u32| self.warnings.records.value(warning).reason == Reason::Alerted;
        let by_alerted: Vec<u32> = wholes.extract_if(.., alerted).collect();
        let mut met = false;
        for (warning, start) in rows {
            met |= self.match_one(warning, visitor, Some((space, start)), moment, scratch);
        }
        for warning in wholes {
            met |= self.match_one(warning, visitor, None, moment, scratch);
        }
        if met {
            passed_on.extend(self.passed_on_by([visitor].into_iter()));
        }
        self.match_passed_on(&passed_on, moment, scratch);
        // Of the others only this visitor can be new.
        for warning in by_alerted {
            if !passed_on.contains(&warning) {
                self.match_one(warning, visitor, None, moment, scratch);
            }
        }
        self.note_second_orders(visitor, space, start, end);
    }

    /// Notes which second orders a visit may add to: those of the warnings its visitor gave, and those of warnings that
    /// have alerted somebody who was there, the visitor included. Whoever passes something on is alerted: without MINTIME
    /// only what came in the last 48 hours counts, by contacts of high priority; of relays nothing lingers.
    fn note_second_orders(&mut self, visitor: u32, space: u32, start: Millis, end: Millis) {
        let warnings = &mut self.warnings;
        if (warnings.by_at.last()).is_none_or(|&(at, _)| at <= start) {
            return; // no warning's window reaches so far
        }
        let Warnings {
            records,
            received,
            given,
            noted,
            ..
        } = warnings;
        let mut note = |list: &[u32]| {
            noted.extend(list.iter().copied().filter(|&warning| {
                records.is_used(warning)
                    && records.value(warning).terms.at > start
                    && records.value(warning).stands_at_second()
            }));
        };
        note(given.get(visitor));
        let mut left = CROWD;
        let all = (self.spaces.value(space)).overlapping_while(start, end, |row| {
            note(received.get(row.other));
            left -= 1;
            left > 0
        });
        if !all || warnings.picky > 0 {
            warnings.unseen = warnings.unseen.min(start);
        }
    }

    /// Alerts whom this visitor's own standing warnings find through a visit (space and start). The warnings that were
    /// passed on by them, or by this visitor.
    fn match_own_visit(
        &mut self,
        visitor: u32,
        (space, start): (u32, Millis),
        moment: &Moment,
        scratch: &mut Scratch,
    ) -> Vec<u32> {
        let mut passed_on = Vec::new();
        for warning in self.warnings.given.get(visitor).to_vec() {
            let record = self.warnings.records.value(warning);
            if !record.stands() {
                continue;
            }
            if record.reason == Reason::Alerted {
                passed_on.push(warning);
                continue;
            }
            let terms = record.terms;
            let Some(sought) = self.terms(warning, moment.expired, scratch) else {
                continue;
            };
            let sought = sought.first_order_only();
            // Whether somebody was met long enough can depend on all visits; whether at all, on this one.
            let sought = match terms.min_time {
                Some(_) => sought,
                None => sought.only(space, start),
            };
            let mut found = self.recipients(Some(sought), scratch);
            passed_on.extend(self.passed_on_by(found.iter().map(|&(contact, _)| contact)));
            found.retain(|&(_, priority)| priority <= terms.min_priority);
            self.give_all(warning, &found, Why::Stands, moment);
        }
        passed_on
    }

    /// Other people's warnings that watch a space at a time: those to be compared visit by visit, each with the start of
    /// the index case's visit, and those to be compared as a whole.
    fn watching(&self, visitor: u32, space: u32, start: Millis, end: Millis) -> (Rows, Vec<u32>) {
        let (mut rows, mut wholes) = (Rows::new(), Vec::new());
        if let Some(watches) = self.warnings.watches.get(&space) {
            watches.overlapping(start, end, |row| {
                let record = self.warnings.records.value(row.other);
                match record.owner {
                    Owner::Visitor(owner) if owner == visitor => {}
                    Owner::Visitor(_)
                        if record.terms.min_time.is_none() && record.reason != Reason::Alerted =>
                    {
                        rows.push((row.other, row.start));
                    }
                    _ => wholes.push(row.other),
                }
            });
        }
        wholes.sort_unstable();
        wholes.dedup();
        (rows, wholes)
    }

    /// Alerts a visitor whom a standing warning finds at the first order, if it does. `only` compares one visit of the
    /// index case, space and start.
    fn match_one(
        &mut self,
        warning: u32,
        visitor: u32,
        only: Option<(u32, Millis)>,
        moment: &Moment,
        scratch: &mut Scratch,
    ) -> bool {
        let record = self.warnings.records.value(warning);
        if record.has_alerted(visitor) {
            return true; // there is nothing to add, however often the index case was here
        }
        if !record.stands() {
            return false; // held since this visit began to be looked at
        }
        let min_priority = record.terms.min_priority;
        let terms = self.terms(warning, moment.expired, scratch);
        let found = terms.and_then(|terms| {
            match only {
                Some((space, start)) => terms.only(space, start),
                None => terms,
            }
            .contact(self, visitor, scratch)
        });
        let Some((_, priority)) = found else {
            return false;
        };
        if priority <= min_priority {
            self.give_all(warning, &[(visitor, priority)], Why::Stands, moment);
        }
        true
    }

    /// The warnings with the reason `alerted` that these visitors gave.
    fn passed_on_by(&self, visitors: impl Iterator<Item = u32>) -> Vec<u32> {
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
                let found = self.find_all(warning, moment.expired, scratch);
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
        if found.is_empty() && why == Why::Stands {
            return given;
        }
        let record = self.warnings.records.value(warning);
        let is_new = |&&(visitor, _): &&(u32, Priority)| !record.recipients.contains_key(&visitor);
        let new = match record.recipients.is_empty() {
            true => found.len(),
            false => found.iter().filter(is_new).count(),
        };
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
        received.reserve(new);
        rings.reserve(new);
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
                recipient.reason = reason;
                recipient.renew(AlertState::Active, issued);
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
}
