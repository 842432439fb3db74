//! `LCT.VISITS graph visitor [FROM ms] [TO ms]`
//!
//! A person's own data: the visitor's visits that overlap the half-open period from FROM to TO (or are at that instant,
//! where both are the same), all of them without one.
//!
//! Reply: array of `[space, start, end]`, unclipped, by start, then space.
//!
//! Complexity: O(log N + M log M), N being the visitor's visits and M those in the answer.
//!
//! Errors: an id, time or option that is none; TO before FROM.

use lct_graph::Millis;

use crate::error::{Result, Rule};
use crate::ffi::{Call, Mode};
use crate::limits::period_end;

pub(crate) fn run(call: &Call<'_>) -> Result<()> {
    let mut arguments = call.arguments();
    let visitor = arguments.id("visitor")?;
    let options = call.options(&mut arguments)?;
    let (from, to) = (options.from.unwrap_or(0), options.to.unwrap_or(Millis::MAX));
    if to < from {
        return Err(Rule::NotBefore("FROM").broken_by("TO"));
    }

    let to = period_end(from, to);
    let expired = call.limits().expired();
    let mut key = call.open(Mode::Read);
    let visits = match key.value()? {
        Some(value) => value.graph().visits(visitor, from, to, expired),
        None => Vec::new(),
    };
    call.context.reply_array(visits.len());
    for visit in &visits {
        call.context.reply_visit(visit);
    }
    Ok(())
}
