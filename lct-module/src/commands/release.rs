//! `LCT.RELEASE graph warning [DRYRUN]`
//!
//! Lets a warning go that HOLD has kept: it alerts whomever it finds now. (LCT.RETRACT rejects it.) DRYRUN only counts.
//!
//! Reply: integer, the visitors newly or differently alerted; 0 if there is no such warning or it is not held.
//!
//! Complexity: that of LCT.EXPOSED with the options of the warning, and O(A) for A alerts.
//!
//! Errors: an id or option that is none.

use lct_graph::Warned;

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
    let warned = match key.value()? {
        None => Warned {
            alerted: 0,
            changed: false,
        },
        Some(value) => scratch::with(|scratch| {
            if options.dry_run {
                Warned {
                    alerted: value.graph().would_release(warning, &moment, scratch),
                    changed: false,
                }
            } else {
                value.mutate(|graph| graph.release(warning, &moment, scratch))
            }
        }),
    };
    if warned.changed {
        call.replicate(Resolved::new([call.graph.bytes(), warning]).moment(&moment));
        key.changed(call.event());
        metrics::ALERTS_GIVEN.add(warned.alerted);
    }
    call.context.reply_integer(warned.alerted);
    Ok(())
}
