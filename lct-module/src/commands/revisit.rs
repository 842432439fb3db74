//! `LCT.REVISIT graph visitor space start newstart newend`
//!
//! Moves a visit to another time, in one step. A visit of that visitor and space already at newstart is replaced.
//!
//! Reply: integer, 1 if it was moved, 0 if there is no such visit.
//!
//! Complexity: O(log N), N being the visits of the visitor and of the space.
//!
//! Errors: as LCT.VISIT, of newstart and newend.

use lct_graph::Millis;

use crate::error::Result;
use crate::ffi::{Call, Mode};

pub(crate) fn run(call: &Call<'_>) -> Result<()> {
    let mut arguments = call.arguments();
    let visitor = arguments.id("visitor")?;
    let space = arguments.id("space")?;
    let start = arguments.millis("start")?;
    let (new_start, new_end) = arguments.interval(("newstart", "newend"))?;
    let limits = call.limits();
    limits.check_visit(("newstart", new_start), ("newend", new_end))?;

    let mut key = call.open(Mode::Write);
    let expired = limits.expired();
    let is_there = |end: Millis| end > expired; // what has expired does not come back, purged or not
    let moved = match key.value()? {
        Some(value)
            if value
                .graph()
                .end(visitor, space, start)
                .is_some_and(is_there) =>
        {
            value.mutate(|graph| graph.revisit(visitor, space, start, new_start, new_end))
        }
        _ => None,
    };
    if moved == Some(true) {
        call.context.replicate_verbatim();
        key.changed(c"lct.revisit");
    }
    call.context.reply_integer(u64::from(moved.is_some()));
    Ok(())
}
