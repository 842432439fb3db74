//! `LCT.UNVISIT graph visitor space start`
//!
//! Removes a visit. The key goes with the last one.
//!
//! Reply: integer, 1 if it was removed, 0 if there is no such visit.
//!
//! Complexity: O(log N), N being the visits of the visitor and of the space.
//!
//! Errors: an id or time that is none.

use crate::erasure;
use crate::error::Result;
use crate::ffi::{Call, Mode};

pub(crate) fn run(call: &Call<'_>) -> Result<()> {
    let mut arguments = call.arguments();
    let visitor = arguments.id("visitor")?;
    let space = arguments.id("space")?;
    let start = arguments.millis("start")?;

    let mut key = call.open(Mode::Write);
    let removed = match key.value()? {
        Some(value) => value.mutate(|graph| graph.unvisit(visitor, space, start)),
        None => false,
    };
    if removed {
        call.context.replicate_verbatim();
        key.changed(call.event());
        erasure::person_erased();
    }
    call.context.reply_integer(u64::from(removed));
    Ok(())
}
