//! `LCT.WARNINGS graph [STATE active|held|retracted] [WARNING warning] [AFTER warning] [COUNT n]`
//!
//! The warnings a graph holds: what an operator looks at before releasing or retracting one. It names nobody and no place.
//! STATE asks for those in that state, WARNING for that one, AFTER for those that come after that one in the list.
//!
//! Reply: array of `[warning, kind, reason, state, issued, alerts]`, newest first, then by id; with COUNT the first n. kind is
//! `visitor` or `space`, state `active`, `held` or `retracted`, alerts how many visitors were ever alerted.
//!
//! Complexity: O(W log N), W being the warnings and N how many are answered at most; O(1) with WARNING.
//!
//! Errors: an id or option that is none; WARNING with AFTER.

use crate::error::{Result, Rule};
use crate::ffi::{Call, Mode};
use crate::spec::Opt;

pub(crate) fn run(call: &Call<'_>) -> Result<()> {
    let options = call.options(&mut call.arguments())?;
    if options.warning.is_some() && options.after.is_some() {
        return Err(Rule::Without(Opt::Warning.name()).broken_by(Opt::After.name()));
    }

    let mut key = call.open(Mode::Read);
    let warnings = match (key.value()?, &options.warning) {
        (None, _) => Vec::new(),
        (Some(value), Some(warning)) => {
            let row = value.graph().warning(warning);
            let fits = |state| options.state.is_none_or(|asked| asked == state);
            row.filter(|row| fits(row.state)).into_iter().collect()
        }
        (Some(value), None) => value.graph().warnings(
            options.state,
            options.after.as_deref(),
            options.count.unwrap_or(usize::MAX),
        ),
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
