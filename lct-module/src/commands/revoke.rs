//! `LCT.REVOKE graph visitor`
//!
//! Erases a visitor as LCT.FORGET does, and the id can never be used in this graph again. What stays is a hash of it
//! under a key of the graph, drawn at the graph's first revocation; replicas get that key with the command (`SALT`).
//!
//! Reply: integer, the visits removed.
//!
//! Complexity: O(V log N), V being the visits of the visitor and N those to their spaces.
//!
//! Errors: an id that is none.

use crate::error::Result;
use crate::ffi::{Call, Mode, random_bytes};
use crate::options::hex;
use crate::resolved::Resolved;
use crate::spec::Opt;
use crate::{erasure, metrics};

pub(crate) fn run(call: &Call<'_>) -> Result<()> {
    let mut arguments = call.arguments();
    let visitor = arguments.id("visitor")?;
    let options = call.options(&mut arguments)?;

    let mut key = call.open(Mode::Write);
    let value = key.value_or_create()?;
    let salt = value
        .graph()
        .salt()
        .or(options.salt)
        .unwrap_or_else(random_bytes);
    let revoked = value.mutate(|graph| graph.revoke(visitor, salt));
    if revoked.changed {
        call.replicate(
            Resolved::new([call.graph.bytes(), visitor]).option(Opt::Salt, hex(salt).into_bytes()),
        );
        key.changed(call.event());
        erasure::person_erased();
        metrics::VISITORS_ERASED.add(1);
    }
    call.context.reply_integer(revoked.visits);
    Ok(())
}
