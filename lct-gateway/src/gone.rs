//! Who was revoked lately. Gateways are told so on a channel, and one that does not listen just then would leave a
//! connection of theirs open; so it is also written down, and read after every subscription.
//!
//! The sets are `lct:gone:<graph>:<slice of ten minutes>`, of hashes as they go over the channel, and are gone after
//! twenty minutes.

use redis::{Cmd, Pipeline};

use crate::clock;
use crate::graphs::{Graph, Graphs};
use crate::registry::Place;

/// How much time one set is for, in milliseconds. Gateways are away for less, or have lost their clients as well.
const SLICE: u64 = 600_000;

/// Writes a revocation down.
pub fn note(graphs: &Graphs, graph: Graph, place: Place) -> Pipeline {
    let key = key(graphs, graph, clock::now() / SLICE);
    let mut pipe = redis::pipe();
    pipe.atomic()
        .cmd("SADD")
        .arg(&key)
        .arg(place.to_hex())
        .ignore();
    pipe.cmd("PEXPIRE").arg(&key).arg(2 * SLICE).ignore();
    pipe
}

/// Reads all that were written down in the last ten minutes, and perhaps some that were before: one set a command.
pub fn lately(graphs: &Graphs) -> Vec<Cmd> {
    let now = clock::now() / SLICE;
    // Another gateway's clock may be ahead.
    let slices = [now.saturating_sub(1), now, now + 1];
    let read = |graph, slice| {
        let mut command = redis::cmd("SMEMBERS");
        command.arg(key(graphs, graph, slice));
        command
    };
    Graphs::ALL
        .into_iter()
        .flat_map(|graph| slices.map(|slice| read(graph, slice)))
        .collect()
}

fn key(graphs: &Graphs, graph: Graph, slice: u64) -> String {
    format!("{}:{slice}", graphs.key("gone", graph))
}
