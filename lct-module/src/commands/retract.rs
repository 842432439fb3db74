//! `LCT.RETRACT graph warning`
//!
//! Takes a warning back. Whoever was ever alerted by it finds the alert in the inbox again, as withdrawn.
//!
//! Reply: integer, the alerts withdrawn; 0 if there is no such warning or it was retracted already.
//!
//! Complexity: O(A), A being the visitors the warning has alerted.
//!
//! Errors: an id that is none.

use lct_graph::Retracted;

use crate::error::Result;
use crate::ffi::{Call, Mode};
use crate::resolved::Resolved;
use crate::spec::Opt;

pub(crate) fn run(call: &Call<'_>) -> Result<()> {
    let mut arguments = call.arguments();
    let warning = arguments.id("warning")?;
    let now = call.moment(&call.options(&mut arguments)?).now;

    let mut key = call.open(Mode::Write);
    let retracted = match key.value()? {
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
