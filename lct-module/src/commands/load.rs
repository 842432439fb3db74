//! `LCT.LOAD graph part`
//!
//! Internal: what an append-only file without RDB preamble is rewritten to. Adds a part, as the graph's codec writes it,
//! to a graph. Clients are refused; a graph with a part that cannot be read is damaged, rather than silently incomplete.
//!
//! Reply: `OK`.
//!
//! Complexity: O(N log N), N being the visits in the part.
//!
//! Errors: not while loading; bytes that are no part, or one of another graph.

use crate::error::{Error, Result};
use crate::ffi::{Call, Mode};

pub(crate) fn run(call: &Call<'_>) -> Result<()> {
    if !call.must_obey() {
        return Err(Error::NotLoading);
    }
    let part = call.arguments().bytes()?;

    let mut key = call.open(Mode::Write);
    let loaded = key.value_or_create()?.load(part);
    if let Err(error) = loaded {
        call.context.warn(&format!(
            "a part of a graph could not be loaded, the graph is damaged: {error}"
        ));
        return loaded;
    }
    call.context.replicate_verbatim();
    call.context.reply_ok();
    Ok(())
}
