//! Graphs to test with.

use crate::{Client, Server, Value, args};
use rand::RngExt;
use rand_pcg::Pcg64;

/// Fills `graph` with random visits of a town: about one visitor for every 20 visits and one space for every 50, within ten days from
/// time 1. Ids are of several lengths.
#[track_caller]
pub fn fill(client: &mut Client, graph: &str, visits: usize, rng: &mut Pcg64) {
    const TEN_DAYS: u64 = 864_000_000;
    const PER_COMMAND: usize = 200;
    let (visitors, spaces) = (visits / 20 + 2, visits / 50 + 2);
    let mut commands = Vec::new();
    let mut left = visits;
    while left > 0 {
        let mut command = args!["LCT.VISIT", graph];
        for _ in 0..left.min(PER_COMMAND) {
            let visitor = format!("visitor-{:x}", rng.random_range(0..visitors) * 7919);
            let space = format!("space:{}", rng.random_range(0..spaces));
            let start = rng.random_range(1..TEN_DAYS);
            let length = if rng.random_ratio(1, 50) {
                8 * 3_600_000
            } else {
                rng.random_range(1..3_600_000)
            };
            command.extend(args![visitor, space, start, start + length]);
        }
        left = left.saturating_sub(PER_COMMAND);
        commands.push(command);
    }
    for batch in commands.chunks(50) {
        let replies = client.pipeline(batch).expect("replies");
        assert!(
            replies.iter().all(|reply| matches!(reply, Value::Int(_))),
            "{:?}",
            replies.iter().find(|reply| reply.is_error())
        );
    }
}

/// A graph with something of everything: ids of every length and alphabet, the first and the last time, touching and overlapping visits,
/// revocations.
#[track_caller]
pub fn oddities(client: &mut Client, graph: &str) {
    let long = "é".repeat(64);
    let visits: [(&str, &str, u64, u64); 8] = [
        ("a", "s", 0, 1),
        ("a", "s", 1, 2),
        ("a", "s", 9_007_199_254_740_990, 9_007_199_254_740_991),
        ("b", "s", 0, 9_007_199_254_740_991),
        (&long, &long, 5, 10),
        ("s", "a", 5, 10),
        ("☕", "\u{a0}", 5, 10),
        ("a", "t", 0, 1),
    ];
    for (visitor, space, start, end) in visits {
        assert_eq!(
            client.call(&args!["LCT.VISIT", graph, visitor, space, start, end]),
            Value::Int(1)
        );
    }
    for barred in ["mallory", "eve", &long] {
        client.call(&args!["LCT.REVOKE", graph, barred]);
    }
}

/// DEBUG DIGEST-VALUE of the keys: what they hold, whatever its history. Panics when one of them is missing.
#[track_caller]
pub fn digests(client: &mut Client, keys: &[&str]) -> Vec<String> {
    let reply = client.call(&[&["DEBUG", "DIGEST-VALUE"], keys].concat());
    let digests: Vec<String> = reply.items().iter().map(Value::to_string).collect();
    for (key, digest) in keys.iter().zip(&digests) {
        assert_ne!(
            digest,
            &"0".repeat(40),
            "no key {key}, or nothing of it in the digest"
        );
    }
    digests
}

/// Starts `LCT.PURGE g BEFORE …` on a connection of its own, which has its reply still to come, and returns while it is under way. Where it
/// was over before anybody could look, `prepare` is to make the graph anew for another attempt.
#[track_caller]
pub fn purge_under_way(server: &Server, before: u64, mut prepare: impl FnMut()) -> Client {
    for _attempt in 0..100 {
        prepare();
        let mut purging = server.client();
        let command = args!["LCT.PURGE", "g", "BEFORE", before];
        purging.send(&command).expect("a command sent");
        for _look in 0..20 {
            if server.info("blocked_clients") == "1" {
                return purging;
            }
        }
        purging.receive().expect("a reply");
    }
    panic!("no purge was under way in a hundred attempts");
}
