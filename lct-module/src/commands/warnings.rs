//! `LCT.WARNINGS graph [COUNT n]`
//!
//! The warnings a graph holds: what an operator looks at before releasing or retracting one. It names nobody and no place.
//!
//! Reply: array of `[warning, kind, reason, state, issued, alerts]`, newest first, then by id; with COUNT the first n. kind is
//! `visitor` or `space`, state `active`, `held` or `retracted`, alerts how many visitors were ever alerted.
//!
//! Complexity: O(W log W), W being the warnings.
//!
//! Errors: an option that is none.

use crate::error::Result;
use crate::ffi::{Call, Mode};

pub(crate) fn run(call: &Call<'_>) -> Result<()> {
    let count = call.options(&mut call.arguments())?.count;

    let mut key = call.open(Mode::Read);
    let warnings = match key.value()? {
        Some(value) => value.graph().warnings(count.unwrap_or(usize::MAX)),
        None => Vec::new(),
    };
    let context = call.context;
    context.reply_array(warnings.len());
    for warning in &warnings {
        context.reply_array(6);
        context.reply_bytes(warning.warning);
        context.reply_bytes(warning.kind.as_bytes());
        context.reply_bytes(warning.reason.word().as_bytes());
        context.reply_bytes(warning.state.word().as_bytes());
        context.reply_integer(warning.issued);
        context.reply_integer(warning.alerts);
    }
    Ok(())
}
