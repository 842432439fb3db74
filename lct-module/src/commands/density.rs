//! `LCT.DENSITY graph from to [SPACE space] [COUNT n]`
//!
//! How much people were together in each space during each whole hour of UTC from `from` to `to`: in hours that are over
//! and that lie within `lct.retention` as a whole. Spaces and hours in which fewer than `lct.density-k` people were there
//! are left out, as if nobody had been. COUNT says how many rows may be put together: with more there is no answer but an
//! error, since a part of them would tell nothing.
//!
//! Reply: array of `[space, hour, minutes, peak]`, by space, then hour: when the hour begins; person-minutes in company,
//! to the nearest multiple of 60 k; the most people at once, to the nearest multiple of k.
//!
//! What takes long is answered in slices while others are served; inside MULTI and scripts in one piece.
//!
//! Complexity: O(S + V log V), S being the spaces and V the visits to them in the period.
//!
//! Errors: a time or option that is none; to before from; an answer of more than COUNT rows, a million at most.

use lct_graph::MAX_CELLS;

use crate::error::{Result, Rule};
use crate::ffi::Call;
use crate::metrics;
use crate::reading::{self, Asked};
use crate::settings;

pub(crate) fn run(call: &Call<'_>) -> Result<()> {
    let mut arguments = call.arguments();
    let (from, to) = (arguments.millis("from")?, arguments.millis("to")?);
    if to < from {
        return Err(Rule::NotBefore("from").broken_by("to"));
    }
    let options = call.options(&mut arguments)?;
    let (from, to) = call.limits().closed_hours(from, to);
    let asked = Asked::Density {
        space: options.space,
        from,
        to,
        k: settings::DENSITY_K.count(),
        most: options.count.unwrap_or(MAX_CELLS).min(MAX_CELLS),
    };
    reading::answer(call, asked)?;
    metrics::QUESTIONS_ANSWERED.add(1);
    Ok(())
}
