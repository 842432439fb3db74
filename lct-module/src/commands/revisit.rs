//! `LCT.REVISIT graph visitor space start newstart newend`
//!
//! Moves a visit to another time, in one step. A visit of that visitor and space already at newstart is replaced.
//!
//! Reply: integer, 1 if it was moved, 0 if there is no such visit.
//!
//! Where the graph holds warnings, that can make somebody a contact, who is alerted at once. Replicas are then told what time
//! it was: `CLOCK ms LATE ms EXPIRED ms`.
//!
//! Complexity: O(log N + W), N being the visits of the visitor and of the space, and W those of index cases of standing
//! warnings who were there at the new time.
//!
//! Errors: as LCT.VISIT, of newstart and newend.

use lct_graph::Millis;

use crate::error::Result;
use crate::ffi::{Call, Mode};
use crate::scratch;

pub(crate) fn run(call: &Call<'_>) -> Result<()> {
    let mut arguments = call.arguments();
    let visitor = arguments.id("visitor")?;
    let space = arguments.id("space")?;
    let start = arguments.millis("start")?;
    let (new_start, new_end) = arguments.interval(("newstart", "newend"))?;
    let options = call.options(&mut arguments)?;
    let limits = call.limits();
    limits.check_visit(("newstart", new_start), ("newend", new_end))?;

    let mut key = call.open(Mode::Write);
    let expired = limits.expired();
    let is_there = |end: Millis| end > expired; // what has expired does not come back, purged or not
    let (mut moved, mut moment) = (None, None);
    if let Some(value) = key.value()?
        && value
            .graph()
            .end(visitor, space, start)
            .is_some_and(is_there)
    {
        // Without warnings it does not matter at what moment a visit is moved.
        moment = value.graph().has_warnings().then(|| call.moment(&options));
        moved = value.mutate(|graph| match &moment {
            None => graph.revisit(visitor, space, start, new_start, new_end),
            Some(moment) => scratch::with(|scratch| {
                graph.revisit_at(visitor, space, start, new_start, new_end, moment, scratch)
            }),
        });
    }
    if moved == Some(true) {
        match moment {
            None => call.context.replicate_verbatim(),
            Some(moment) => call.replicate(call.resolved().moment(&moment)),
        }
        key.changed(call.event());
    }
    call.context.reply_integer(u64::from(moved.is_some()));
    Ok(())
}
