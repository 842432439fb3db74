//! The codec against bytes of every kind: cut, flipped, forged, found by fuzzing, and written by earlier versions.
//!
//! `SEED=` replays a run, `PAYLOADS=` sets how many forged parts are tried.

mod common;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use common::{ask, graph_of};
use lct_graph::{Graph, MAX_MILLIS, MAX_PART_BYTES, Part, Scratch, Stats};
use lct_model::city::City;
use lct_model::replay::{seed, setting};
use lct_model::{HOUR, Order, Priority, Question, Span, Visit};
use peak_alloc::PeakAlloc;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg as Rng;

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

    let mut again = Graph::new();
    for part in graph.parts() {
        let part = Part::decode(&part).expect("an own part decodes");
        again.load(&part).expect("an own part loads");
    }
    assert_eq!(again.digest(), graph.digest());
    let stats = graph.stats();
    assert_eq!(again.stats(), stats);
    assert_eq!(graph.purge(MAX_MILLIS), stats.visits);
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

#[test]
fn golden_parts_decode_for_ever() {
    let _alone = alone();
    let parts = files("golden");
    assert_eq!(parts.len(), 2, "visits and revocations");
    let mut graph = Graph::new();
    for (name, bytes) in &parts {
        let part = Part::decode(bytes).unwrap_or_else(|why| panic!("{name}: {why}"));
        graph
            .load(&part)
            .unwrap_or_else(|why| panic!("{name}: {why}"));
    }
    assert_eq!(graph.digest(), golden_graph().digest());
    assert_eq!(graph.stats().visits, 608);
    assert!(graph.is_revoked(b"gone") && !graph.is_revoked(b"a"));
    assert_eq!(graph.visits(b"a", 0, 1, 0), [(&b"s"[..], 0, 1)]);
}

/// Writes the golden parts of a new version and the first parts of the corpus; run it by hand when there is one.
#[test]
#[ignore = "writes files"]
fn write_parts() {
    for (n, part) in golden_graph().parts().enumerate() {
        std::fs::write(folder("golden").join(format!("v1-{n}.bin")), part).expect("writable");
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
    // No space and no visitor; a key for revocations and no revocation.
    for (kind, body) in [(1, vec![0, 0]), (2, vec![0; 17])] {
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
    // Then by chance, one time in four without the checksum.
    while tally.tried < wanted {
        let mut part = seeds.choose(&mut rng).expect("some").clone();
        for _ in 0..rng.random_range(1..4) {
            mutate(&mut rng, &mut part, &seeds);
        }
        if rng.random_bool(0.75) {
            Part::reseal(&mut part);
        }
        tally.count(feed(&part), &checksum);
    }
    println!("{forged} forged field by field, then by chance: {tally:?}");
    assert!(tally.past_checksum * 2 >= tally.tried && tally.loaded > 0);
}
