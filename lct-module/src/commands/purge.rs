//! `LCT.PURGE graph [BEFORE ms] [ALERTS ms]`
//!
//! Removes the visits that ended by BEFORE (by default what `lct.retention` lets expire), with visitors and spaces
//! nothing refers to any more. No question sees them from the moment the command begins; outside of MULTI and scripts
//! their memory is freed in slices while others are served, and the reply comes when that is done. Alerts issued before
//! ALERTS leave the inboxes, and warnings go whose time is over.
//!
//! Reply: integer, the visits removed. If the key is deleted meanwhile: those removed until then, as far as known.
//!
//! A purge of a graph that is being purged waits for the end of that.
//!
//! Complexity: O(N), N being the visitors, the spaces and the visits that go.
//!
//! Errors: a time or option that is none; a time later than now.

use lct_graph::PurgeCut;

use crate::error::Result;
use crate::ffi::{BlockedClient, Call, Mode};
use crate::limits::{Limits, not_after};
use crate::slice::Slice;
use crate::sweep::{self, Purged};

pub(crate) fn run(call: &Call<'_>) -> Result<()> {
    let options = call.options(&mut call.arguments())?;
    let now = options.clock.unwrap_or_else(|| call.context.now());
    let limits = Limits::current(now);
    let cut = PurgeCut {
        before: not_after(now, "BEFORE", options.before, limits.expired())?,
        alerts: not_after(now, "ALERTS", options.alerts, limits.aged())?,
        now,
    };

    let slice = if call.context.is_indivisible() {
        Slice::WHOLE
    } else {
        Slice::of(sweep::SLICE)
    };
    let mut key = call.open(Mode::Write);
    if !call.context.is_indivisible()
        && !call.must_obey()
        && let Some(number) = sweep::under_way(&mut key)?
    {
        // Ending that one here would hold up everybody.
        sweep::wait_for_turn(number, BlockedClient::new(call.context), cut);
        return Ok(());
    }
    match sweep::purge(call.context, key, cut, slice)? {
        Purged::All(removed) => call.context.reply_integer(removed),
        Purged::Begun(_) if call.must_obey() => call.context.reply_integer(0), // nobody reads it
        Purged::Begun(number) => sweep::wait(number, BlockedClient::new(call.context)),
    }
    Ok(())
}
