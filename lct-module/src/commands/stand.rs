//! `LCT.STAND graph warning CLOCK ms EXPIRED ms`
//!
//! Internal: what a replica is told when the primary has brought the second order of a standing warning up to date (see
//! `standing.rs`). It finds the same, because its graph is the same. Clients are refused.
//!
//! Reply: integer, 1 if that changed anything.
//!
//! Complexity: that of LCT.EXPOSED with the options of the warning.
//!
//! Errors: not by replication and not while loading.

use crate::error::{Error, Result};
use crate::ffi::{Call, Mode};
use crate::scratch;

pub(crate) fn run(call: &Call<'_>) -> Result<()> {
    if !call.must_obey() {
        return Err(Error::NotReplicated);
    }
    let mut arguments = call.arguments();
    let warning = arguments.id("warning")?;
    let moment = call.moment(&call.options(&mut arguments)?);

    let mut key = call.open(Mode::Write);
    let changed = match key.value()? {
        Some(value) => {
            scratch::with(|scratch| value.mutate(|graph| graph.stand(warning, &moment, scratch)))
        }
        None => false,
    };
    if changed {
        call.context.replicate_verbatim();
        key.changed(call.event());
    }
    call.context.reply_integer(u64::from(changed));
    Ok(())
}
