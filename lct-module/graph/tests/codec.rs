//! The codec against bytes of every kind: cut, flipped, forged, found by fuzzing, and written by earlier versions.
//!
//! `SEED=` replays a run, `PAYLOADS=` sets how many forged parts are tried.

mod common;
#[path = "common/warning.rs"]
mod warning;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use common::{ask, graph_of};
use lct_graph::{
    AlertId, Graph, MAX_MILLIS, MAX_PART_BYTES, Moment, Part, PurgeCut, PurgeProgress, Reason,
    Scratch, Source, Stats, Warn,
};
use lct_model::city::City;
use lct_model::replay::{seed, setting};
use lct_model::{HOUR, Order, Priority, Question, Span, Visit};
use peak_alloc::PeakAlloc;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg as Rng;
use warning::warning_of;

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

/// What decoding and loading may allocate for each byte they are given. Whatever the bytes, the slack is for the test
/// harness, whose own thread allocates now and then.
const DECODE_BYTES_PER_BYTE: usize = 2;
const LOAD_BYTES_PER_BYTE: usize = 128;
const SLACK: usize = 64 << 10;

/// Keeps the tests of this file from running side by side, so that the heap measured is that of one.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What became of some bytes.
#[derive(Debug, PartialEq, Eq)]
enum Fate {
    /// No part; the line that says why.
    Refused(String),
    /// A part that does not go into an empty graph.
    NotLoaded,
    /// A part, loaded, asked and written again.
    Loaded,
}

/// Decodes, loads, asks and encodes, and fails wherever that breaks a promise.
fn feed(bytes: &[u8]) -> Fate {
    let before = HEAP.current_usage();
    HEAP.reset_peak_usage();
    let decoded = Part::decode(bytes);
    let decode_peak = HEAP.peak_usage().saturating_sub(before);
    assert!(
        decode_peak <= DECODE_BYTES_PER_BYTE * bytes.len() + SLACK,
        "{decode_peak} bytes to decode {}",
        bytes.len()
    );
    let part = match decoded {
        Ok(part) => part,
        Err(why) => return Fate::Refused(why.to_string()),
    };
    let mut graph = Graph::new();
    let loaded = graph.load(&part);
    let load_peak = HEAP.peak_usage().saturating_sub(before);
    assert!(
        load_peak <= LOAD_BYTES_PER_BYTE * bytes.len() + SLACK,
        "{load_peak} bytes to load {}",
        bytes.len()
    );
    if loaded.is_err() {
        return Fate::NotLoaded;
    }
    question(&graph);
    let mut warned = graph.clone();
    warn(&mut warned);
    for part in warned.parts() {
        Part::decode(&part).expect("what was done to a loaded graph can be saved");
    }

    let mut again = Graph::new();
    for part in graph.parts() {
        let part = Part::decode(&part).expect("an own part decodes");
        again.load(&part).expect("an own part loads");
    }
    assert_eq!(again.digest(), graph.digest());
    let stats = graph.stats();
    assert_eq!(again.stats(), stats);
    graph.purge_begin(&PurgeCut {
        before: MAX_MILLIS,
        alerts: MAX_MILLIS + 1,
        now: MAX_MILLIS,
    });
    let done = graph.purge_step(usize::MAX);
    let PurgeProgress::Done { visits, .. } = done else {
        panic!("a step without a limit leaves something to do")
    };
    assert_eq!(visits, stats.visits);
    let nothing = Stats {
        revoked: stats.revoked,
        ..Stats::default()
    };
    assert_eq!(graph.stats(), nothing);
    if stats.revoked == 0 {
        assert_eq!(graph.memory(), Graph::new().memory(), "memory left behind");
    }
    Fate::Loaded
}

/// Loads a part into a graph that holds others, and if it fits, uses what came of it.
fn feed_into(mut graph: Graph, bytes: &[u8]) {
    if let Ok(part) = Part::decode(bytes)
        && graph.load(&part).is_ok()
    {
        question(&graph);
        warn(&mut graph);
        graph.parts().for_each(|part| {
            Part::decode(&part).expect("an own part decodes");
        });
    }
}

/// Asks the things that walk all of a small graph, about ids the seeds hold.
fn question(graph: &Graph) {
    let mut scratch = Scratch::default();
    for (from, at) in [(0, MAX_MILLIS), (MAX_MILLIS / 2, MAX_MILLIS), (0, HOUR)] {
        let question = Question {
            from,
            to: at,
            at,
            order: Order::Second,
            min_time: Some(1),
            within: Some(HOUR),
            linger: HOUR,
            min_priority: Priority::Low,
        };
        ask(graph, b"a", &question, usize::MAX, &mut scratch);
    }
    for (space, start, end) in graph.visits(b"a", 0, u64::MAX, 0) {
        assert!(start < end && end <= MAX_MILLIS);
        let found = graph.present(space, start, end, 0, usize::MAX);
        assert!(found.contains(&(b"a", start, end)));
    }
}

/// Does to the warnings of a small graph whatever can be done to them, and makes new ones.
fn warn(graph: &mut Graph) {
    let scratch = &mut Scratch::default();
    let moment = Moment {
        now: MAX_MILLIS / 2,
        late: HOUR,
        expired: 0,
    };
    while let Some(warning) = graph.next_stale() {
        graph.stand(&warning, &moment, scratch);
        assert!(
            !graph.stand(&warning, &moment, scratch),
            "it stands already"
        );
    }
    let warnings = graph.warnings(None, None, usize::MAX);
    let known: Vec<Vec<u8>> = warnings.iter().map(|it| it.warning.to_vec()).collect();
    for warning in &known {
        let would = graph.would_release(warning, &moment, scratch);
        assert_eq!(graph.release(warning, &moment, scratch), would);
    }
    graph.visit_at(b"a", b"s", 0, MAX_MILLIS, &moment, scratch);
    graph.visit_at(b"b", b"s", 1, HOUR, &moment, scratch);
    graph.revisit_at(b"a", b"s", 0, 5, MAX_MILLIS, &moment, scratch);
    for warning in &known {
        graph.retract(warning, moment.now);
        assert!(!graph.retract(warning, moment.now).changed);
        for source in [Source::Visitor(b"a"), Source::Space(b"s")] {
            let warn = Warn {
                hold: None,
                ..warning_of(warning, source)
            };
            if let Ok(would) = graph.would_warn(&warn, &moment, scratch) {
                let warned = graph.warn(&warn, &moment, scratch);
                assert_eq!(warned.map(|warned| warned.alerted), Ok(would));
            }
        }
    }
    for visitor in [&b"a"[..], b"b", b"c"] {
        let alerts = graph.alerts(visitor, 0);
        let ids: Vec<AlertId> = alerts.iter().map(|it| it.alert).collect();
        assert_eq!(graph.ack(visitor, &ids), ids.len() as u64);
        graph.forget(visitor);
        assert!(graph.alerts(visitor, 0).is_empty());
    }
    let mut rings = graph.take_rings(1).len();
    while graph.has_rings() {
        rings += graph.take_rings(1).len();
        assert!(rings < 1_000_000, "it rings for ever");
    }
}

/// Every kind of warning in every state, alerts given, acknowledged, changed and withdrawn, and visits that were late.
/// As golden as the one below.
fn warned_graph() -> Graph {
    let hours = |n: u64| 1_780_000_000_000 + n * HOUR;
    let mut graph = Graph::new();
    let scratch = &mut Scratch::default();
    let moment = |n: u64| Moment {
        now: hours(n),
        late: hours(n - 24),
        expired: 0,
    };
    let long = "x".repeat(128);
    for (n, visitor) in ["a", "b", "c", "ünïcödé 界 🚌", &long].iter().enumerate() {
        let n = n as u64;
        let visitor = visitor.as_bytes();
        graph.visit_at(
            visitor,
            b"s",
            hours(100 + n),
            hours(110 + n),
            &moment(120),
            scratch,
        );
        graph.visit_at(
            visitor,
            b"t",
            hours(2 * n),
            hours(2 * n + 3),
            &moment(120),
            scratch,
        );
    }
    let question = |order, min_time| lct_graph::Question {
        from: hours(1),
        to: hours(118),
        at: hours(120),
        order,
        min_time,
        within: min_time.map(|time| 2 * time),
        linger: HOUR,
        min_priority: lct_graph::Priority::Medium,
    };
    let first = question(lct_graph::Order::First, Some(HOUR));
    let second = question(lct_graph::Order::Second, None);
    let mut give = |graph: &mut Graph, warn: &Warn<'_>, n| {
        let warned = graph.warn(warn, &moment(n), scratch);
        warned.expect("nobody else's").alerted
    };
    let of_a = Warn {
        terms: second,
        ..warning_of(b"of a", Source::Visitor(b"a"))
    };
    assert_eq!(give(&mut graph, &of_a, 120), 4);
    let place = Warn {
        reason: Reason::Contact,
        terms: lct_graph::Question { linger: 0, ..first },
        ..warning_of(b"of a place", Source::Space(b"s"))
    };
    assert_eq!(give(&mut graph, &place, 121), 5);
    let held = Warn {
        reason: Reason::Symptoms,
        hold: Some(2),
        stands_until: hours(200),
        ..warning_of(b"held", Source::Visitor(b"b"))
    };
    assert_eq!(give(&mut graph, &held, 122), 0);
    let mut passed_on = Warn {
        reason: Reason::Alerted,
        terms: first,
        ..warning_of(long.as_bytes(), Source::Visitor(b"c"))
    };
    assert_eq!(give(&mut graph, &passed_on, 123), 4);
    passed_on.reason = Reason::Symptoms;
    assert_eq!(give(&mut graph, &passed_on, 124), 4);
    let ownerless = warning_of(b"ownerless", Source::Visitor(b"gone"));
    assert_eq!(give(&mut graph, &ownerless, 125), 0);
    graph.forget(b"gone");
    let alert = graph.alerts(b"b", 0)[0].alert;
    assert_eq!(graph.ack(b"b", &[alert]), 1);
    assert_eq!(graph.retract(b"of a place", hours(126)).withdrawn, 5);
    for n in 0..3 {
        graph.visit_at(
            b"late",
            b"s",
            hours(90 + n),
            hours(95 + n),
            &moment(130 + n),
            scratch,
        );
    }
    graph
}

fn visit(visitor: &str, space: &str, start: u64, end: u64) -> Visit {
    Visit {
        visitor: visitor.into(),
        space: space.into(),
        span: Span { start, end },
    }
}

/// What the golden parts hold. Never to be changed: later versions get golden parts of their own.
fn golden_graph() -> Graph {
    let mut visits = vec![
        visit("a", "s", 0, 1),
        visit("a", "s", 1, MAX_MILLIS),
        visit("a", "t", MAX_MILLIS - 1, MAX_MILLIS),
        visit("b", "s", 1_780_000_000_000, 1_780_000_060_000),
        visit("b", "s", 1_780_000_000_001, 1_780_000_060_000),
        visit("b", "t", 1_780_000_000_000, 1_780_000_060_000),
        visit(
            "ünïcödé 界 🚌",
            "spaces, too",
            1_780_000_001_000,
            1_780_000_002_000,
        ),
        visit(&"x".repeat(128), &"y".repeat(128), 60_000, 120_000),
    ];
    for n in 0..200 {
        let start = 1_780_000_000_000 + n * n * 60_000;
        visits.push(visit("minutes", "s", start, start + (n % 7 + 1) * 300_000));
        let start = 1_780_000_000_000 + n * n * 7_000;
        visits.push(visit("seconds", "t", start, start + (n % 5 + 1) * 1_000));
        let start = 1_780_000_000_000 + n * n * 777;
        visits.push(visit("milliseconds", "u", start, start + n + 1));
    }
    let mut graph = graph_of(&visits);
    for id in ["gone", "left", "ausgetreten"] {
        graph.revoke(id.as_bytes(), *b"sixteen bytes!!!");
    }
    graph
}

/// Parts to mutate: each kind, each unit of time, few and many rows, short and long ids, hundreds to thousands of bytes.
fn seeds() -> Vec<Vec<u8>> {
    let few = [
        visit("a", "s", 5, 10),
        visit("b", "s", 6, 20),
        visit("b", "t", 25, 30),
    ];
    let minutes: Vec<Visit> = (0..40)
        .flat_map(|n| {
            let start = 1_780_000_020_000 + n * 600_000;
            ["a", "b", "c", "d"].map(|id| visit(id, "place", start, start + 900_000))
        })
        .collect();
    let mut city = City::with_visits(560).visits();
    city.truncate(60);
    city.push(visit(
        "a",
        "p0000001",
        city[0].span.start,
        city[59].span.end,
    ));
    let mut seeds: Vec<Vec<u8>> = golden_graph().parts().collect();
    for visits in [&few[..], &minutes, &city] {
        seeds.extend(graph_of(visits).parts());
    }
    seeds.extend(warned_graph().parts());
    seeds
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests")
        .join(name)
}

fn files(name: &str) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = std::fs::read_dir(folder(name))
        .expect("the folder is in the repository")
        .map(|entry| entry.expect("readable").path())
        .filter(|path| path.extension().is_some_and(|it| it == "bin"))
        .map(|path| {
            let bytes = std::fs::read(&path).expect("readable");
            (path.display().to_string(), bytes)
        })
        .collect();
    files.sort();
    files
}

/// The line for a part whose checksum is wrong.
fn checksum_line() -> String {
    let mut part = seeds().remove(0);
    let sum = 8; // The four bytes of the CRC-32 follow the eight that name the format.
    part[sum] ^= 1;
    match Part::decode(&part) {
        Err(why) => why.to_string(),
        Ok(_) => panic!("a wrong checksum passed"),
    }
}

/// The golden parts whose names begin so, loaded.
fn golden(prefix: &str, count: usize) -> Graph {
    let mut parts = files("golden");
    parts.retain(|(name, _)| {
        let (kind, _number) = name.rsplit_once('-').expect("a number");
        kind.ends_with(&format!("/{prefix}"))
    });
    assert_eq!(parts.len(), count);
    let mut graph = Graph::new();
    for (name, bytes) in &parts {
        let part = Part::decode(bytes).unwrap_or_else(|why| panic!("{name}: {why}"));
        graph
            .load(&part)
            .unwrap_or_else(|why| panic!("{name}: {why}"));
    }
    graph
}

#[test]
fn golden_parts_decode_for_ever() {
    let _alone = alone();
    let mut graph = golden("v1", 2); // visits and revocations
    assert_eq!(graph.digest(), golden_graph().digest());
    assert_eq!(graph.stats().visits, 608);
    assert!(graph.is_revoked(b"gone") && !graph.is_revoked(b"a"));
    assert_eq!(graph.visits(b"a", 0, 1, 0), [(&b"s"[..], 0, 1)]);

    let mut graph = golden("v1-warned", 3); // visits, warnings and late visits
    assert_eq!(graph.digest(), warned_graph().digest());
    assert_eq!((graph.stats().warnings, graph.stats().alerts), (5, 12));
    assert_eq!(graph.stats().held, 1);
    let words = graph.warnings(None, None, usize::MAX).into_iter();
    let words: Vec<_> = words
        .map(|it| (it.kind, it.state.word(), it.alerts))
        .collect();
    let expected = [
        ("visitor", "active", 0),
        ("visitor", "active", 4),
        ("visitor", "held", 0),
        ("space", "retracted", 5),
        ("visitor", "active", 4),
    ];
    assert_eq!(words, expected);
}

/// Writes the golden parts of a new version and the first parts of the corpus; run it by hand when there is one.
#[test]
#[ignore = "writes files"]
fn write_parts() {
    for (n, part) in golden_graph().parts().enumerate() {
        std::fs::write(folder("golden").join(format!("v1-{n}.bin")), part).expect("writable");
    }
    for (n, part) in warned_graph().parts().enumerate() {
        let name = format!("v1-warned-{n}.bin");
        std::fs::write(folder("golden").join(name), part).expect("writable");
    }
    for (n, part) in seeds().iter().enumerate() {
        std::fs::write(folder("corpus").join(format!("seed-{n}.bin")), part).expect("writable");
    }
}

#[test]
fn everything_ever_found_is_harmless() {
    let _alone = alone();
    let corpus = files("corpus");
    assert!(!corpus.is_empty());
    for (name, mut bytes) in corpus {
        println!("{name}: {:?}", feed(&bytes));
        Part::reseal(&mut bytes);
        println!("{name}, resealed: {:?}", feed(&bytes));
    }
}

#[test]
fn a_part_cut_anywhere_is_refused() {
    let _alone = alone();
    for part in seeds() {
        assert_eq!(feed(&part), Fate::Loaded);
        for length in 0..part.len() {
            let mut cut = part[..length].to_vec();
            assert!(matches!(feed(&cut), Fate::Refused(_)), "at {length}");
            // With a checksum that fits, what is left is still half of something.
            if Part::reseal(&mut cut) {
                assert!(
                    matches!(feed(&cut), Fate::Refused(_)),
                    "resealed at {length}"
                );
            }
        }
        let mut longer = part.clone();
        longer.push(0);
        Part::reseal(&mut longer);
        assert!(matches!(feed(&longer), Fate::Refused(_)));
    }
}

#[test]
fn a_flipped_bit_is_refused() {
    let _alone = alone();
    for part in seeds() {
        for at in 0..part.len() {
            for bit in 0..8 {
                let mut flipped = part.clone();
                flipped[at] ^= 1 << bit;
                assert!(
                    matches!(feed(&flipped), Fate::Refused(_)),
                    "bit {bit} of {at}"
                );
            }
        }
    }
}

#[test]
fn reseal_needs_room_for_a_checksum() {
    let _alone = alone();
    assert!(!Part::reseal(&mut []));
    assert!(!Part::reseal(&mut [0; 4]));
}

#[test]
fn no_part_is_longer_than_the_limit() {
    let _alone = alone();
    let mut part = seeds().remove(0);
    part.resize(MAX_PART_BYTES + 1, 0);
    Part::reseal(&mut part);
    assert!(matches!(feed(&part), Fate::Refused(_)));
}

#[test]
fn nothing_is_no_part() {
    let _alone = alone();
    // No space and no visitor; a key for revocations and no revocation; no warning; no late visit.
    let bodies = [
        (1, vec![0, 0]),
        (2, vec![0; 17]),
        (3, vec![0, 0]),
        (4, vec![0]),
    ];
    for (kind, body) in bodies {
        let mut part = vec![b'L', b'C', b'T', 1, kind, 0, 0, 0, 0, 0, 0, 0];
        part.extend(body);
        assert!(Part::reseal(&mut part));
        assert!(matches!(feed(&part), Fate::Refused(_)), "kind {kind}");
    }
}

#[test]
fn a_part_loads_once() {
    let _alone = alone();
    let visits = [visit("a", "s", 5, 10), visit("b", "s", 6, 20)];
    for bytes in graph_of(&visits).parts() {
        let part = Part::decode(&bytes).expect("an own part decodes");
        let mut graph = Graph::new();
        graph.load(&part).expect("once");
        assert!(graph.load(&part).is_err(), "the same visits again");
    }
    let [one, other] = [[1; 16], [2; 16]].map(|salt| {
        let mut graph = Graph::new();
        graph.revoke(b"a", salt);
        graph.parts().next().expect("a part")
    });
    let mut graph = Graph::new();
    graph.load(&Part::decode(&one).expect("own")).expect("own");
    let other = Part::decode(&other).expect("own");
    assert!(graph.load(&other).is_err(), "hashed under another key");
}

/// Lengths, counts and times as an attacker would have them.
const NUMBERS: [u64; 18] = [
    0,
    1,
    2,
    3,
    0x7f,
    0x80,
    0xff,
    0xffff,
    1 << 20,
    MAX_PART_BYTES as u64,
    u32::MAX as u64,
    1 << 32,
    MAX_MILLIS,
    MAX_MILLIS + 1,
    (1 << 56) - 1,
    1 << 62,
    i64::MAX as u64,
    u64::MAX,
];

/// LEB128, which is how a part writes most of its numbers.
fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

/// Puts a number where a number may stand at `at`: as a varint in place of a varint, or over as many bytes.
fn forge(part: &[u8], at: usize, number: u64, how: u8) -> Vec<u8> {
    let mut forged = part.to_vec();
    if how == 0 {
        let length = 1 + part[at..].iter().take_while(|byte| **byte >= 0x80).count();
        let end = (at + length).min(part.len());
        forged.splice(at..end, varint(number));
    } else {
        let width = [1, 2, 4, 8][usize::from(how - 1)].min(part.len() - at);
        forged[at..at + width].copy_from_slice(&number.to_le_bytes()[..width]);
    }
    forged
}

/// A random mutation, as fuzzers make them.
fn mutate(rng: &mut Rng, part: &mut Vec<u8>, others: &[Vec<u8>]) {
    let at = rng.random_range(0..part.len());
    match rng.random_range(0..8) {
        0 => part[at] ^= 1 << rng.random_range(0..8),
        1 => part[at] = rng.random(),
        2 => {
            let number = *NUMBERS.choose(rng).expect("some");
            *part = forge(part, at, number, rng.random_range(0..5));
        }
        3 => part.truncate(at.max(1)),
        4 => {
            let end = rng.random_range(at..=part.len());
            part.drain(at..end.min(part.len() - 1).max(at));
        }
        5 => {
            let end = rng.random_range(at..=part.len());
            part.extend_from_within(at..end);
        }
        6 => {
            let other = others.choose(rng).expect("some");
            let from = rng.random_range(0..other.len());
            let end = rng.random_range(from..=other.len());
            part.splice(at..at, other[from..end].iter().copied());
        }
        _ => part.insert(at, rng.random()),
    }
    part.truncate(100_000);
}

/// What became of many payloads.
#[derive(Debug, Default)]
struct Tally {
    tried: u64,
    past_checksum: u64,
    decoded: u64,
    loaded: u64,
}

impl Tally {
    fn count(&mut self, fate: Fate, checksum: &str) {
        self.tried += 1;
        self.past_checksum += u64::from(fate != Fate::Refused(checksum.to_owned()));
        self.decoded += u64::from(!matches!(fate, Fate::Refused(_)));
        self.loaded += u64::from(fate == Fate::Loaded);
    }
}

#[test]
fn hostile_parts_do_no_harm() {
    let _alone = alone();
    let wanted = setting("PAYLOADS").unwrap_or(400_000);
    let mut rng = Rng::seed_from_u64(seed());
    let seeds = seeds();
    let checksum = checksum_line();
    let mut tally = Tally::default();

    // Every field of the smaller parts forged in turn, with a checksum that fits.
    for part in seeds.iter().filter(|part| part.len() < 2000) {
        for at in 0..part.len() {
            for number in NUMBERS {
                for how in 0..5 {
                    let mut forged = forge(part, at, number, how);
                    Part::reseal(&mut forged);
                    tally.count(feed(&forged), &checksum);
                }
            }
        }
    }
    let forged = tally.tried;
    // Then by chance, one time in four without the checksum, alone and beside other parts.
    let parts: Vec<Vec<u8>> = warned_graph().parts().collect();
    let others: Vec<Graph> = (0..1 << parts.len())
        .map(|set: usize| {
            let mut graph = Graph::new();
            for (n, part) in parts.iter().enumerate() {
                if set & 1 << n != 0 {
                    let part = Part::decode(part).expect("an own part decodes");
                    graph.load(&part).expect("an own part loads");
                }
            }
            graph
        })
        .collect();
    while tally.tried < wanted {
        let mut part = seeds.choose(&mut rng).expect("some").clone();
        for _ in 0..rng.random_range(1..4) {
            mutate(&mut rng, &mut part, &seeds);
        }
        if rng.random_bool(0.75) {
            Part::reseal(&mut part);
        }
        tally.count(feed(&part), &checksum);
        feed_into(others.choose(&mut rng).expect("some").clone(), &part);
    }
    println!("{forged} forged field by field, then by chance: {tally:?}");
    assert!(tally.past_checksum * 2 >= tally.tried && tally.loaded > 0);
}

#[test]
fn the_last_stamp_there_is_can_be_saved_and_gone_on_from() {
    let scratch = &mut Scratch::default();
    let moment = Moment {
        now: MAX_MILLIS,
        late: MAX_MILLIS,
        expired: 0,
    };
    let mut graph = Graph::new();
    for id in [b"first", b"later", b"after"] {
        let warned = graph.warn(&warning_of(id, Source::Visitor(b"a")), &moment, scratch);
        assert!(warned.is_ok());
        graph.visit_at(b"b", id, 1, 2, &moment, scratch);
        let mut again = Graph::new();
        for part in graph.parts() {
            let part = Part::decode(&part).expect("an own part decodes");
            again.load(&part).expect("an own part loads");
        }
        assert_eq!(again.digest(), graph.digest());
        graph = again;
    }
}

#[test]
fn late_visits_that_come_alone_are_seen_by_warnings_given_afterwards() {
    const NOW: u64 = 5 * HOUR;
    let scratch = &mut Scratch::default();
    let moment = |now| Moment {
        now,
        late: NOW,
        expired: 0,
    };
    let warn = warning_of(b"w", Source::Visitor(b"a"));
    let mut graph = Graph::new();
    graph.warn(&warn, &moment(NOW), scratch).expect("a free id");
    graph.visit_at(b"b", b"s", 1, HOUR, &moment(NOW + 9), scratch);
    assert!(graph.alerts(b"b", 0).is_empty(), "it was late");
    let parts: Vec<_> = graph.parts().collect();
    let late: Vec<_> = parts.iter().filter(|part| part[4] == 4).collect();
    assert_eq!(late.len(), 1);

    let mut other = Graph::new();
    other.visit(b"a", b"s", 1, HOUR);
    let part = Part::decode(late[0]).expect("an own part decodes");
    other.load(&part).expect("an own part loads");
    // The clock here is behind.
    let warned = other.warn(&warn, &moment(NOW), scratch);
    assert_eq!(warned.expect("a free id").alerted, 1);
}
