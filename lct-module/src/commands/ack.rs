//! `LCT.ACK graph visitor alert [alert …]`
//!
//! The visitor has received these alerts: they leave the inbox, unless they have changed since. The key goes with the last
//! thing in it.
//!
//! Reply: integer, the alerts taken out of the inbox.
//!
//! Complexity: O(W A), W being the warnings that ever alerted the visitor and A the alerts named.
//!
//! Errors: an id that is none.

use std::str;

use crate::erasure;
use crate::error::{Result, Rule};
use crate::ffi::{Call, Mode};
use lct_graph::{AlertId, NoAlertId};

pub(crate) fn run(call: &Call<'_>) -> Result<()> {
    let mut arguments = call.arguments();
    let visitor = arguments.id("visitor")?;
    let mut alerts = Vec::with_capacity(arguments.len());
    while let Some(alert) = arguments.next() {
        alerts.push(read(alert).map_err(|error| Rule::Alert(error).broken_by("alert"))?);
    }

    let mut key = call.open(Mode::Write);
    let taken = match key.value()? {
        Some(value) => value.mutate(|graph| graph.ack(visitor, &alerts)),
        None => 0,
    };
    if taken > 0 {
        call.context.replicate_verbatim();
        key.changed(call.event());
        erasure::something_removed();
    }
    call.context.reply_integer(taken);
    Ok(())
}

fn read(alert: &[u8]) -> std::result::Result<AlertId, NoAlertId> {
    str::from_utf8(alert).map_err(|_| NoAlertId)?.parse()
}
