//! What a graph knows of warnings and alerts.

use crate::Millis;
use crate::exposure::Scratch;
use crate::graph::{Graph, Logged};
use crate::warning::{AlertId, AlertOf, Moment, Retracted, Ring, Taken, Warn, Warned, WarningOf};

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
        todo!()
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
        todo!()
    }

    /// Gives a warning or revises it.
    ///
    /// # Errors
    /// [`Taken`]. A revoked visitor must have been refused before.
    pub fn warn(
        &mut self,
        warn: &Warn<'_>,
        moment: &Moment,
        scratch: &mut Scratch,
    ) -> Result<Warned, Taken> {
        todo!()
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
        todo!()
    }

    /// Lets a held warning go: it alerts whomever it finds now. Nothing where it is unknown or not held.
    pub fn release(&mut self, warning: &[u8], moment: &Moment, scratch: &mut Scratch) -> Warned {
        todo!()
    }

    /// How many visitors [`release`](Self::release) would newly or differently alert.
    pub fn would_release(&self, warning: &[u8], moment: &Moment, scratch: &mut Scratch) -> u64 {
        todo!()
    }

    /// Takes a warning back: every alert it ever gave goes back into the inbox as withdrawn.
    pub fn retract(&mut self, warning: &[u8], now: Millis) -> Retracted {
        todo!()
    }

    /// A warning whose second order may have grown since it was last looked at, if there is one.
    pub fn next_stale(&mut self) -> Option<Vec<u8>> {
        todo!()
    }

    /// Whether [`next_stale`](Self::next_stale) would name one. O(1).
    pub fn is_stale(&self) -> bool {
        todo!()
    }

    /// Brings the second order of a standing warning up to date; whether anything changed.
    pub fn stand(&mut self, warning: &[u8], moment: &Moment, scratch: &mut Scratch) -> bool {
        todo!()
    }

    /// Whether the graph holds any warning: only then does it matter at what moment a visit is logged.
    pub fn has_warnings(&self) -> bool {
        todo!()
    }

    /// The warnings, newest first, then by id; at most `count` of them.
    pub fn warnings(&self, count: usize) -> Vec<WarningOf<'_>> {
        todo!()
    }

    /// A visitor's inbox: most urgent first, then newest day, then by id.
    pub fn alerts(&self, visitor: &[u8]) -> Vec<AlertOf> {
        todo!()
    }

    /// Takes alerts out of a visitor's inbox unless they have changed since; how many that were.
    pub fn ack(&mut self, visitor: &[u8], alerts: &[AlertId]) -> u64 {
        todo!()
    }

    /// Takes at most `max` entries off the doorbell's queue; entries that have changed since are left out.
    pub fn take_rings(&mut self, max: usize) -> Vec<Ring<'_>> {
        todo!()
    }

    /// Whether the doorbell's queue holds anything. O(1).
    pub fn has_rings(&self) -> bool {
        todo!()
    }

    /// Empties the doorbell's queue: on a replica somebody else rings.
    pub fn drop_rings(&mut self) {
        todo!()
    }
}
