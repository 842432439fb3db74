//! `LCT.PRESENT graph space from to [COUNT n]`
//!
//! Who was in a space in the half-open period from `from` to `to`, or, where both are the same, at that instant.
//!
//! Reply: array of `[visitor, start, end]`, unclipped, by start, then visitor; with COUNT the first n.
//!
//! What takes long is answered in slices while others are served; inside MULTI and scripts in one piece.
//!
//! Complexity: O(log N + M log M), N being the visits to the space and M those in the period.
//!
//! Errors: an id, time or option that is none; to before from.

use crate::error::{Result, Rule};
use crate::ffi::Call;
use crate::limits::period_end;
use crate::metrics;
use crate::reading::{self, Asked};

pub(crate) fn run(call: &Call<'_>) -> Result<()> {
    let mut arguments = call.arguments();
    let space = arguments.id("space")?;
    let (from, to) = (arguments.millis("from")?, arguments.millis("to")?);
    if to < from {
        return Err(Rule::NotBefore("from").broken_by("to"));
    }
    let asked = Asked::Present {
        space: space.to_vec(),
        from,
        to: period_end(from, to),
        expired: call.limits().expired(),
        count: call.options(&mut arguments)?.count.unwrap_or(usize::MAX),
    };
    reading::answer(call, asked)?;
    metrics::QUESTIONS_ANSWERED.add(1);
    Ok(())
}
