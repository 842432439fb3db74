//! `LCT.ALERTS graph visitor`
//!
//! A visitor's inbox. An alert stays there until LCT.ACK takes it out or `lct.alert-ttl` has passed.
//!
//! Reply: array of `[alert, reason, priority, state, issued]`, most urgent first, then newest day, then by id. state is
//! `active` or `withdrawn`, issued midnight UTC of the day it was given or last changed.
//!
//! Complexity: O(W + A log A), W being the warnings that ever alerted the visitor and A the alerts in the inbox.
//!
//! Errors: an id that is none.

use crate::error::Result;
use crate::ffi::{Call, Mode};
use crate::options::word;

pub(crate) fn run(call: &Call<'_>) -> Result<()> {
    let visitor = call.arguments().id("visitor")?;

    let mut key = call.open(Mode::Read);
    let alerts = match key.value()? {
        Some(value) => value.graph().alerts(visitor, call.limits().aged()),
        None => Vec::new(),
    };
    let context = call.context;
    context.reply_array(alerts.len());
    for alert in &alerts {
        context.reply_array(5);
        context.reply_bytes(alert.alert.to_string().as_bytes());
        context.reply_bytes(alert.reason.word().as_bytes());
        context.reply_bytes(word(alert.priority).as_bytes());
        context.reply_bytes(alert.state.word().as_bytes());
        context.reply_integer(alert.issued);
    }
    Ok(())
}
