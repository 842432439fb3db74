//! What of warnings and alerts is shown: lists, inboxes, the doorbell.

use std::cmp::Reverse;
use std::collections::VecDeque;

use crate::Millis;
use crate::graph::Graph;
use crate::order::first_of;
use crate::warning::{AlertId, AlertOf, Ring, WarningOf, WarningState};
use crate::warnings::{Owner, Recipient, Warnings};

const DAY: Millis = 24 * 3_600_000;

impl Graph {
    /// The warnings in this state, or in any, newest first, then by id; at most `count` of them. With `after` only those
    /// that come after the warning of that id, and none where there is no such warning.
    #[must_use]
    pub fn warnings(
        &self,
        state: Option<WarningState>,
        after: Option<&[u8]>,
        count: usize,
    ) -> Vec<WarningOf<'_>> {
        let last = after.map(|id| self.warning(id));
        if last == Some(None) {
            return Vec::new();
        }
        let last = last.flatten();
        let records = &self.warnings.records;
        let rows = (records.numbers())
            .filter(|&warning| state.is_none_or(|state| records.value(warning).state == state))
            .map(|warning| self.row(warning))
            .filter(|row| last.is_none_or(|last| row.place() > last.place()));
        first_of(rows, count, |a, b| a.place().cmp(&b.place()))
    }

    /// The warning of that id, if there is one. O(1).
    #[must_use]
    pub fn warning(&self, id: &[u8]) -> Option<WarningOf<'_>> {
        let warning = self.warnings.records.find(id)?;
        Some(self.row(warning))
    }

    fn row(&self, warning: u32) -> WarningOf<'_> {
        let records = &self.warnings.records;
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
    }

    /// A visitor's inbox: most urgent first, then newest day, then by id. Alerts given or last changed before `aged` are
    /// past their time and not told, purged or not.
    #[must_use]
    pub fn alerts(&self, visitor: &[u8], aged: Millis) -> Vec<AlertOf> {
        let mut rows: Vec<_> = (self.inbox(visitor))
            .filter(|(.., recipient)| recipient.issued >= aged)
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
}
