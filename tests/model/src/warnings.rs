//! Warnings, their recipients and inboxes, from section 4 of the contract: whatever stands is worked out anew from all
//! visits after every command, so nothing here depends on what changed.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use crate::model::{classify, long_enough};
use crate::{Exposure, HOUR, Id, Millis, Model, Order, Priority, Question, Span, Visit};

/// Why somebody warns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// tested positive
    Positive,
    /// near a case
    Contact,
    /// has symptoms
    Symptoms,
    /// was warned: concerns whom the warner met after their own exposure
    Alerted,
}

/// Who or what a warning is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// the index case
    Visitor(Id),
    /// the place that an authority declared
    Space(Id),
}

/// A warning as it is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warn {
    /// its id
    pub warning: Id,
    /// who or what
    pub source: Source,
    /// why
    pub reason: Reason,
    /// whom it concerns
    pub terms: Question,
    /// from then on it need not be compared with visits any more
    pub stands_until: Millis,
    /// it is held if it would alert more
    pub hold: Option<u64>,
}

/// The clock, and the ends of visits that make them late or expired by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// now
    pub now: Millis,
    /// who ended by then is late
    pub late: Millis,
    /// who ended by then is gone
    pub expired: Millis,
}

/// What a purge takes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cut {
    /// visits that ended by then, and warnings whose window did
    pub before: Millis,
    /// alerts issued before then leave the inboxes
    pub alerts: Millis,
    /// now
    pub now: Millis,
}

/// Where a warning stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WarningState {
    /// it alerts
    Active,
    /// it waits for release
    Held,
    /// it was taken back
    Retracted,
}

/// A warning, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// who or what; nobody once its visitor is forgotten
    pub source: Option<Source>,
    /// why, as last revised
    pub reason: Reason,
    /// whom it concerns, as last revised
    pub terms: Question,
    /// as last revised
    pub stands_until: Millis,
    /// as last revised
    pub hold: Option<u64>,
    /// whether it was released and is never held again
    pub released: bool,
    /// where it stands
    pub state: WarningState,
    /// when it was first given
    pub issued: Millis,
    /// everybody it has alerted
    pub recipients: BTreeMap<Id, Recipient>,
    /// late visits (visitor, space, start) logged since it was last given: they do not count for it
    pub exempt: BTreeSet<(Id, Id, Millis)>,
    /// false once a purge has found that no visit can match it any more
    pub standing: bool,
}

/// What a recipient was last told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recipient {
    /// why
    pub reason: Reason,
    /// the most urgent ever found
    pub priority: Priority,
    /// false: withdrawn
    pub active: bool,
    /// counts changes, from 1
    pub version: u32,
    /// whether it waits for the recipient
    pub in_inbox: bool,
    /// when it was last changed
    pub issued: Millis,
}

/// An alert as the inbox shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alert {
    /// half of SHA-256 of warning and visitor
    pub hash: [u8; 16],
    /// counts changes, from 1
    pub version: u32,
    /// why
    pub reason: Reason,
    /// how urgent
    pub priority: Priority,
    /// false: withdrawn
    pub active: bool,
    /// midnight, UTC, of the day it was last changed
    pub issued: Millis,
}

/// What giving a warning did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Warned {
    /// visitors newly or differently alerted
    pub alerted: u64,
    /// whether it waits for release
    pub held: bool,
    /// whether anything changed
    pub changed: bool,
}

/// The id belongs to another source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken;

/// Half of SHA-256 of warning and visitor: "same hex, same alert".
pub fn alert_hash(warning: &[u8], visitor: &[u8]) -> [u8; 16] {
    let digest = Sha256::digest([warning, &[0], visitor].concat());
    digest[..16].try_into().expect("16 bytes")
}

impl Warning {
    fn is_active(&self) -> bool {
        self.state == WarningState::Active
    }

    /// Whether alerting these too would be more than it may.
    fn exceeds_hold(&self, found: &BTreeMap<Id, Priority>) -> bool {
        let new = found
            .keys()
            .filter(|visitor| !self.recipients.contains_key(*visitor));
        let all = self.recipients.len() + new.count();
        !self.released && self.hold.is_some_and(|most| all as u64 > most)
    }

    /// Gives the alert to those who are new, have another reason or a more urgent priority, or had been withdrawn, and
    /// counts them. A standing match leaves alone who holds an active alert, whatever its reason and priority.
    fn give(&mut self, found: &BTreeMap<Id, Priority>, now: Millis, standing: bool) -> u64 {
        let mut given = 0;
        for (visitor, &priority) in found {
            let old = self.recipients.get(visitor).copied();
            let most_urgent = old.map_or(priority, |old| old.priority.min(priority));
            let told = old.is_some_and(|old| {
                let same = old.reason == self.reason && old.priority == most_urgent;
                old.active && (same || standing)
            });
            if told {
                let recipient = self.recipients.get_mut(visitor).expect("it is old");
                recipient.priority = most_urgent;
                continue;
            }
            given += 1;
            let recipient = Recipient {
                reason: self.reason,
                priority: most_urgent,
                active: true,
                version: old.map_or(0, |old| old.version) + 1,
                in_inbox: true,
                issued: now,
            };
            self.recipients.insert(visitor.clone(), recipient);
        }
        given
    }
}

impl Model {
    /// Logs a visit and alerts whomever a standing warning now finds at order 1; how many visits were added.
    pub fn visit_at(
        &mut self,
        visitor: &[u8],
        space: &[u8],
        start: Millis,
        end: Millis,
        moment: &Moment,
    ) -> u64 {
        if self.end_of(visitor, space, start) == Some(end) {
            return 0;
        }
        let added = self.visit(visitor, space, start, end);
        self.logged(visitor, space, start, end, moment);
        added
    }

    /// Moves a visit likewise. False: no such visit.
    pub fn revisit_at(
        &mut self,
        visitor: &[u8],
        space: &[u8],
        start: Millis,
        new_start: Millis,
        new_end: Millis,
        moment: &Moment,
    ) -> bool {
        let Some(end) = self.end_of(visitor, space, start) else {
            return false;
        };
        if (start, end) != (new_start, new_end) {
            self.revisit(visitor, space, start, new_start, new_end);
            self.logged(visitor, space, new_start, new_end, moment);
        }
        true
    }

    /// A visit is new or has changed.
    fn logged(
        &mut self,
        visitor: &[u8],
        space: &[u8],
        start: Millis,
        end: Millis,
        moment: &Moment,
    ) {
        let visit = (visitor.to_vec(), space.to_vec(), start);
        let late = end <= moment.late;
        for warning in self.warnings.values_mut() {
            if late {
                warning.exempt.insert(visit.clone());
            } else {
                warning.exempt.remove(&visit);
            }
        }
        if !late {
            self.stand_where(|_| true, moment);
        }
    }

    /// Gives a warning or revises it.
    ///
    /// # Errors
    /// [`Taken`]
    pub fn warn(&mut self, warn: &Warn, moment: &Moment) -> Result<Warned, Taken> {
        let before = self.warnings.clone();
        let known = before.get(&warn.warning);
        if known.is_some_and(|known| known.source.as_ref() != Some(&warn.source)) {
            return Err(Taken);
        }
        let warning = Warning {
            source: Some(warn.source.clone()),
            reason: warn.reason,
            terms: warn.terms,
            stands_until: warn.stands_until,
            hold: warn.hold,
            released: known.is_some_and(|known| known.released),
            state: WarningState::Active,
            issued: known.map_or(moment.now, |known| known.issued),
            recipients: known.map_or_else(BTreeMap::new, |known| known.recipients.clone()),
            exempt: BTreeSet::new(),
            standing: true,
        };
        self.warnings.insert(warn.warning.clone(), warning);
        let alerted = self.give_all(&warn.warning, moment, false);
        let held = self.warnings[&warn.warning].state == WarningState::Held;
        self.stand_where(|warning| warning.reason == Reason::Alerted, moment);
        Ok(Warned {
            alerted,
            held,
            changed: self.warnings != before,
        })
    }

    /// How many [`warn`](Self::warn) would alert if nothing held it.
    ///
    /// # Errors
    /// [`Taken`]
    pub fn would_warn(&self, warn: &Warn, moment: &Moment) -> Result<u64, Taken> {
        let unheld = Warn {
            hold: None,
            ..warn.clone()
        };
        let warned = self.clone().warn(&unheld, moment)?;
        Ok(warned.alerted)
    }

    /// Lets a held warning go; how many that alerts, `None` where there was nothing to let go. One without an owner can
    /// only be retracted.
    pub fn release(&mut self, warning: &[u8], moment: &Moment) -> Option<u64> {
        let held = self.warnings.get_mut(warning)?;
        if held.state != WarningState::Held || held.source.is_none() {
            return None;
        }
        held.state = WarningState::Active;
        held.released = true;
        let alerted = self.give_all(warning, moment, false);
        self.stand_where(|warning| warning.reason == Reason::Alerted, moment);
        Some(alerted)
    }

    /// What [`release`](Self::release) would answer.
    pub fn would_release(&self, warning: &[u8], moment: &Moment) -> Option<u64> {
        self.clone().release(warning, moment)
    }

    /// Takes a warning back; how many alerts were withdrawn, `None` where there was nothing to take back.
    pub fn retract(&mut self, warning: &[u8], now: Millis) -> Option<u64> {
        let warning = self.warnings.get_mut(warning)?;
        if warning.state == WarningState::Retracted {
            return None;
        }
        warning.state = WarningState::Retracted;
        let mut withdrawn = 0;
        for recipient in warning.recipients.values_mut().filter(|r| r.active) {
            recipient.active = false;
            recipient.version += 1;
            recipient.in_inbox = true;
            recipient.issued = now;
            withdrawn += 1;
        }
        Some(withdrawn)
    }

    /// Brings a standing warning of order 2 up to date; whether anything changed.
    pub fn stand(&mut self, warning: &[u8], moment: &Moment) -> bool {
        let Some(known) = self.warnings.get(warning) else {
            return false;
        };
        if !known.is_active() || !known.standing || known.terms.order == Order::First {
            return false;
        }
        let before = known.clone();
        self.give_all(warning, moment, true);
        self.warnings[warning] != before
    }

    /// The warnings in a state, or in any, newest first, then by id; those after one, or none if that one is unknown.
    pub fn warnings(
        &self,
        state: Option<WarningState>,
        after: Option<&[u8]>,
        count: usize,
    ) -> Vec<(&Id, &Warning)> {
        let mut all: Vec<_> = self.warnings.iter().collect();
        all.sort_by_key(|(id, warning)| (Reverse(warning.issued), *id));
        if let Some(after) = after {
            let place = all.iter().position(|(id, _)| *id == after);
            all.drain(..place.map_or(all.len(), |place| place + 1));
        }
        all.retain(|(_, warning)| state.is_none_or(|state| warning.state == state));
        all.truncate(count);
        all
    }

    /// What in a visitor's inbox was given or changed at `aged` or since: most urgent first, then newest day, then by id.
    pub fn alerts(&self, visitor: &[u8], aged: Millis) -> Vec<Alert> {
        let mut inbox = Vec::new();
        for (id, warning) in &self.warnings {
            if let Some(recipient) = warning.recipients.get(visitor)
                && recipient.in_inbox
                && recipient.issued >= aged
            {
                inbox.push(Alert {
                    hash: alert_hash(id, visitor),
                    version: recipient.version,
                    reason: recipient.reason,
                    priority: recipient.priority,
                    active: recipient.active,
                    issued: recipient.issued - recipient.issued % (24 * HOUR),
                });
            }
        }
        inbox.sort_by_key(|alert| (alert.priority, Reverse(alert.issued), alert.hash));
        inbox
    }

    /// Takes alerts, by hash and version, out of an inbox unless they have changed since; how many that were.
    pub fn ack(&mut self, visitor: &[u8], alerts: &[([u8; 16], u32)]) -> u64 {
        let mut taken = 0;
        for (id, warning) in &mut self.warnings {
            let hash = alert_hash(id, visitor);
            if let Some(recipient) = warning.recipients.get_mut(visitor)
                && recipient.in_inbox
                && alerts.contains(&(hash, recipient.version))
            {
                recipient.in_inbox = false;
                taken += 1;
            }
        }
        taken
    }

    /// Whether anything in the graph is about this visitor.
    pub fn knows(&self, visitor: &[u8]) -> bool {
        self.visits.iter().any(|visit| visit.visitor == visitor)
            || self.warnings.values().any(|warning| {
                let owner = Some(Source::Visitor(visitor.to_vec()));
                warning.source == owner || warning.recipients.contains_key(visitor)
            })
    }

    /// Takes a visitor's name off every warning.
    pub(crate) fn forget_place_in_warnings(&mut self, visitor: &[u8]) {
        let owner = Some(Source::Visitor(visitor.to_vec()));
        for warning in self.warnings.values_mut() {
            warning.recipients.remove(visitor);
            if warning.source == owner {
                warning.source = None;
            }
        }
    }

    /// Removes what is old; how many visits that were.
    pub fn purge_cut(&mut self, cut: &Cut) -> u64 {
        for warning in self.warnings.values_mut() {
            warning.standing &= warning.stands_until > cut.now;
            for recipient in warning.recipients.values_mut() {
                recipient.in_inbox &= recipient.issued >= cut.alerts;
            }
        }
        self.warnings.retain(|_, warning| {
            warning.terms.at > cut.before || warning.recipients.values().any(|r| r.in_inbox)
        });
        self.remove(|visit| visit.span.end <= cut.before)
    }

    /// Marks of visits that are gone go too.
    pub(crate) fn tidy(&mut self) {
        let known: BTreeSet<_> = self
            .visits
            .iter()
            .map(|visit| (visit.visitor.clone(), visit.space.clone(), visit.span.start))
            .collect();
        for warning in self.warnings.values_mut() {
            warning.exempt.retain(|visit| known.contains(visit));
        }
    }

    /// Lets every standing warning that is meant give its order 1; those that depend on others come last.
    fn stand_where(&mut self, meant: impl Fn(&Warning) -> bool, moment: &Moment) {
        for dependent in [false, true] {
            let ids: Vec<Id> = self.warnings.keys().cloned().collect();
            for id in ids {
                let warning = &self.warnings[&id];
                if warning.is_active()
                    && warning.standing
                    && (warning.reason == Reason::Alerted) == dependent
                    && meant(warning)
                {
                    let found = self.finds(warning, Order::First, moment.expired);
                    self.give(&id, &found, moment.now, true);
                }
            }
        }
    }

    /// Gives all that a warning finds, of whatever order it asks for.
    fn give_all(&mut self, id: &[u8], moment: &Moment, standing: bool) -> u64 {
        let warning = &self.warnings[id];
        let found = self.finds(warning, warning.terms.order, moment.expired);
        self.give(id, &found, moment.now, standing)
    }

    fn give(
        &mut self,
        id: &[u8],
        found: &BTreeMap<Id, Priority>,
        now: Millis,
        standing: bool,
    ) -> u64 {
        let warning = self.warnings.get_mut(id).expect("it is there");
        if warning.exceeds_hold(found) {
            warning.state = WarningState::Held;
            return 0;
        }
        warning.give(found, now, standing)
    }

    /// Whom a warning finds now, up to that order.
    fn finds(&self, warning: &Warning, order: Order, expired: Millis) -> BTreeMap<Id, Priority> {
        let mut terms = Question {
            order,
            ..warning.terms
        };
        if let (Reason::Alerted, Some(Source::Visitor(warner))) = (warning.reason, &warning.source)
        {
            match self.exposed_since(warner, expired) {
                Some(since) => terms.from = terms.from.max(since),
                None => return BTreeMap::new(),
            }
        }
        self.exposures_of(warning, &terms, expired)
            .into_iter()
            .filter(|row| row.order == Order::First || row.priority == Priority::Medium)
            .map(|row| (row.contact, row.priority))
            .collect()
    }

    /// When somebody was first exposed, at order 1, by a warning that is not itself about having been warned.
    fn exposed_since(&self, visitor: &Id, expired: Millis) -> Option<Millis> {
        self.warnings
            .values()
            .filter(|warning| warning.is_active() && warning.reason != Reason::Alerted)
            .flat_map(|warning| {
                let terms = Question {
                    order: Order::First,
                    ..warning.terms
                };
                self.exposures_of(warning, &terms, expired)
            })
            .filter(|row| row.contact == *visitor)
            .map(|row| row.first)
            .min()
    }

    /// A warning's exposures on the visits that count for it.
    fn exposures_of(&self, warning: &Warning, terms: &Question, expired: Millis) -> Vec<Exposure> {
        let counts = |visit: &&Visit| {
            let key = (visit.visitor.clone(), visit.space.clone(), visit.span.start);
            visit.span.end > expired && !warning.exempt.contains(&key)
        };
        let seen = Model {
            visits: self.visits.iter().filter(counts).cloned().collect(),
            ..Model::default()
        };
        match &warning.source {
            Some(Source::Visitor(visitor)) => seen.exposures(visitor, terms),
            Some(Source::Space(space)) => seen.exposures_in(space, terms),
            None => Vec::new(),
        }
    }

    /// Everybody who was in a space during `[from, to)`, in no order.
    fn exposures_in(&self, space: &[u8], terms: &Question) -> Vec<Exposure> {
        let mut stays: BTreeMap<&Id, Vec<Span>> = BTreeMap::new();
        for visit in self.visits.iter().filter(|visit| visit.space == space) {
            if let Some(stay) = visit.span.clip(terms.from, terms.to) {
                stays.entry(&visit.visitor).or_default().push(stay);
            }
        }
        stays
            .into_iter()
            .filter(|(_, spans)| long_enough(spans, terms))
            .map(|(visitor, spans)| classify(visitor, Order::First, &spans, false, terms.at))
            .filter(|row| row.priority <= terms.min_priority)
            .collect()
    }
}
