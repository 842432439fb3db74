//! `LCT.RETRACT graph warning [IFHELD]`
//!
//! Takes a warning back. Whoever was ever alerted by it finds the alert in the inbox again, as withdrawn. IFHELD does so
//! only where the warning is held.
//!
//! Reply: integer, the alerts withdrawn; 0 if there is no such warning or it was retracted already. With IFHELD null where
//! it is not held.
//!
//! Complexity: O(A), A being the visitors the warning has alerted.
//!
//! Errors: an id or option that is none.

use lct_graph::{Graph, Retracted, WarningState};

use crate::error::Result;
use crate::ffi::{Call, Mode};
use crate::resolved::Resolved;
use crate::spec::Opt;

pub(crate) fn run(call: &Call<'_>) -> Result<()> {
    let mut arguments = call.arguments();
    let warning = arguments.id("warning")?;
    let options = call.options(&mut arguments)?;
    let now = call.moment(&options).now;
    let is_held = |graph: &Graph| {
        let row = graph.warning(warning);
        row.is_some_and(|row| row.state == WarningState::Held)
    };

    let mut key = call.open(Mode::Write);
    let value = key.value()?;
    if options.if_held && !value.as_ref().is_some_and(|value| is_held(value.graph())) {
        call.context.reply_null();
        return Ok(());
    }
    let retracted = match value {
        Some(value) => value.mutate(|graph| graph.retract(warning, now)),
        None => Retracted {
            withdrawn: 0,
            changed: false,
        },
    };
    if retracted.changed {
        call.replicate(Resolved::new([call.graph.bytes(), warning]).time(Opt::Clock, now));
        key.changed(call.event());
    }
    call.context.reply_integer(retracted.withdrawn);
    Ok(())
}
