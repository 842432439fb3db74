//! `LCT.INFO graph`
//!
//! How much a graph holds, what has expired and is not yet purged included.
//!
//! Reply: map (RESP2: flat array) of, in this order: `visitors`, `spaces`, `visits`; `oldest`, the earliest start, and
//! `newest`, the latest end (null without visits); `warnings`; `alerts`, those that wait in inboxes; `revoked`, ids barred; `memory`, bytes, and
//! `bytes-per-visit`, rounded; `retention`, milliseconds; `last-purge`, when this server last purged this graph, 0 if it
//! has not since it loaded it; `warnings-held`, those of the warnings that wait for LCT.RELEASE; `density-k`, people.
//!
//! Complexity: O(1); O(N) the first time after the oldest or newest of N visits has gone.
//!
//! Errors: no such key.

use lct_graph::Millis;

use crate::error::{Error, Result};
use crate::ffi::{Call, Context, Mode};
use crate::settings;

pub(crate) fn run(call: &Call<'_>) -> Result<()> {
    let mut key = call.open(Mode::Read);
    let value = key.value()?.ok_or(Error::NoSuchKey)?;
    let stats = value.stats();
    let memory = value.memory() as u64;
    let bytes_per_visit = (memory + stats.visits / 2)
        .checked_div(stats.visits)
        .unwrap_or(0);

    let mut map = Map::begin(call.context, 14);
    map.number("visitors", stats.visitors);
    map.number("spaces", stats.spaces);
    map.number("visits", stats.visits);
    map.time("oldest", stats.oldest);
    map.time("newest", stats.newest);
    map.number("warnings", stats.warnings);
    map.number("alerts", stats.alerts);
    map.number("revoked", stats.revoked);
    map.number("memory", memory);
    map.number("bytes-per-visit", bytes_per_visit);
    map.number("retention", settings::RETENTION.millis());
    map.number("last-purge", value.last_purge);
    map.number("warnings-held", stats.held);
    map.number("density-k", settings::DENSITY_K.count());
    Ok(())
}

/// A map that is being replied, field by field.
struct Map<'c>(Context<'c>);

impl<'c> Map<'c> {
    fn begin(context: Context<'c>, fields: usize) -> Self {
        context.reply_map(fields);
        Self(context)
    }

    fn number(&mut self, name: &str, number: u64) {
        self.0.reply_bytes(name.as_bytes());
        self.0.reply_integer(number);
    }

    fn time(&mut self, name: &str, time: Option<Millis>) {
        self.0.reply_bytes(name.as_bytes());
        match time {
            Some(time) => self.0.reply_integer(time),
            None => self.0.reply_null(),
        }
    }
}
