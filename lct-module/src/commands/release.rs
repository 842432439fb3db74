//! `LCT.RELEASE graph warning [DRYRUN]`
//!
//! Lets a warning go that HOLD has kept: it alerts whomever it finds now. (LCT.RETRACT rejects it.) DRYRUN only counts.
//!
//! Reply: integer, the visitors newly or differently alerted; null if there is no such warning, it is not held, or whoever
//! gave it was forgotten.
//!
//! Complexity: that of LCT.EXPOSED with the options of the warning, and O(A) for A alerts.
//!
//! Errors: an id or option that is none.

use crate::error::Result;
use crate::ffi::{Call, Mode};
use crate::resolved::Resolved;
use crate::{metrics, scratch};

pub(crate) fn run(call: &Call<'_>) -> Result<()> {
    let mut arguments = call.arguments();
    let warning = arguments.id("warning")?;
    let options = call.options(&mut arguments)?;
    let moment = call.moment(&options);

    let mode = if options.dry_run {
        Mode::Read
    } else {
        Mode::Write
    };
    let mut key = call.open(mode);
    let alerted = match key.value()? {
        None => None,
        Some(value) => scratch::with(|scratch| {
            if options.dry_run {
                value.graph().would_release(warning, &moment, scratch)
            } else {
                value.mutate(|graph| graph.release(warning, &moment, scratch))
            }
        }),
    };
    let Some(alerted) = alerted else {
        call.context.reply_null();
        return Ok(());
    };
    if !options.dry_run {
        call.replicate(Resolved::new([call.graph.bytes(), warning]).moment(&moment));
        key.changed(call.event());
        metrics::ALERTS_GIVEN.add(alerted);
    }
    call.context.reply_integer(alerted);
    Ok(())
}
