//! The harness of the end-to-end tests: real servers, a client that sees every byte, real gateways.
//!
//! `tests/` holds one file a concern. Everything they share is here:
//!
//! * [`Server`]: a redis-server of its own for each test, with the module, a folder and a port that nobody else has;
//! * [`Client`] and [`Value`]: one RESP connection, replies as they came, and a notation short enough for tables;
//! * [`Stream`]: the replication stream as a replica would read it;
//! * [`Gateway`] and [`Phone`]: lct-gateway processes and the WebSocket clients that talk to them;
//! * [`Keys`]: who a person is with `--auth key`;
//! * [`Shipped`]: the server of redis.conf, with its users;
//! * [`Raw`]: a WebSocket of bytes, for those who do not keep to the protocol;
//! * [`Request`] and [`Answer`]: HTTP, byte by byte;
//! * [`proxy`]: links that fail on request; [`faults`]: the campaign in which everything does;
//! * [`dump`]: the framing of a module value inside a DUMP payload;
//! * [`docs`]: the examples in the documents; [`described`]: what the gateway says of itself;
//! * [`random`]: seeds that are printed and can be given again.
//!
//! Environment: `LCT_REDIS_SERVER` (default `redis-server` of the PATH), `LCT_MODULE`, `LCT_PANIC_MODULE`, `LCT_GATEWAY`, `LCT_LOAD`
//! (default: this build's target folder), `LCT_DATA` (default `../shared/data` from the root of the repository), `SEED`, `LCT_SCALE`.

mod binaries;
mod client;
pub mod described;
pub mod docs;
pub mod dump;
pub mod faults;
mod fill;
mod gateway;
mod http;
mod keys;
pub mod proxy;
pub mod random;
mod raw;
mod server;
mod shipped;
mod stream;

pub use binaries::{binary, module, panic_module, root};
pub use client::{Client, ToArg, Value};
pub use fill::{digests, fill, oddities, purge_under_way};
pub use gateway::{Gateway, Phone};
pub use http::{Answer, Request};
pub use keys::{Keys, Role, nonce};
pub use raw::Raw;
pub use server::{Builder, Server, Stop};
pub use shipped::Shipped;
pub use stream::Stream;

use lct_model::{Exposure, Order, Priority};
use std::time::{Duration, Instant};

/// Now, in epoch milliseconds.
pub fn now() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    u64::try_from(now.expect("a clock after 1970").as_millis())
        .expect("a clock before the year 584556019")
}

/// Asks `condition` every few milliseconds until it holds. Panics, naming `what`, once `limit` has passed.
#[track_caller]
pub fn eventually(what: &str, limit: Duration, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(
            start.elapsed() < limit,
            "waited {limit:?} in vain until {what}"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A row of `LCT.EXPOSED … WITHTIMES` as the model writes it. Panics when the row has another form.
#[track_caller]
pub fn exposure(row: &Value) -> Exposure {
    let [contact, order, priority, first, last, total] = row.items() else {
        panic!("no row of six: {row}")
    };
    let millis = |value: &Value| value.int().try_into().expect("a time");
    Exposure {
        contact: contact.bytes().to_vec(),
        order: match order.int() {
            1 => Order::First,
            2 => Order::Second,
            other => panic!("no such order: {other}"),
        },
        priority: match priority.text().as_str() {
            "high" => Priority::High,
            "medium" => Priority::Medium,
            "low" => Priority::Low,
            other => panic!("no such priority: {other}"),
        },
        first: millis(first),
        last: millis(last),
        total: millis(total),
    }
}
