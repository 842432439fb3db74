//! `LCT.FORGET graph visitor`
//!
//! Erases a visitor: all visits, the inbox, the place in every warning, the name on their own. The key goes when nothing is
//! left in it. Within an hour the append-only file forgets too.
//!
//! Reply: integer, the visits removed.
//!
//! Complexity: O(V log N), V being the visits of the visitor and N those to their spaces.
//!
//! Errors: an id that is none.

use lct_graph::Forgotten;

use crate::error::Result;
use crate::ffi::{Call, Mode};
use crate::{erasure, metrics};

pub(crate) fn run(call: &Call<'_>) -> Result<()> {
    let visitor = call.arguments().id("visitor")?;

    let mut key = call.open(Mode::Write);
    let forgotten = match key.value()? {
        Some(value) => value.mutate(|graph| graph.forget(visitor)),
        None => Forgotten {
            visits: 0,
            changed: false,
        },
    };
    if forgotten.changed {
        call.context.replicate_verbatim();
        key.changed(call.event());
        erasure::person_erased();
        metrics::VISITORS_ERASED.add(1);
    }
    call.context.reply_integer(forgotten.visits);
    Ok(())
}
