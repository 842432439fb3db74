//! RESTORE of payloads that somebody forged: the server refuses or takes them, but never dies, hangs or grows.
//!
//! Redis's own checksum is switched off, and a part's checksum is made right again after most mutations, so that they reach the code
//! that believes what it reads. Each payload is also decoded in this process: that tells how far it gets, and the server must agree.
//! What has ever been a finding lies in `tests/corpus` and is tried first.

use lct_graph::{Graph, Part};
use lct_tests::dump::{Dump, Field, opcode, put_length};
use lct_tests::{Builder, Client, Server, args, fill, oddities, random};
use rand::RngExt;
use rand::seq::IndexedRandom;
use rand_pcg::Pcg64;
use std::collections::BTreeMap;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::time::{Duration, Instant};

const PAYLOADS: usize = 220_000;
const BATCH: usize = 100;
/// A payload takes microseconds; this is for a machine that does other things, too.
const DEADLINE: Duration = Duration::from_secs(5);
/// Room for the server itself, its allocator and a few parts; whoever asks for more dies and is found.
const ADDRESS_SPACE_KIB: u64 = 1 << 20;
/// By how much the server may grow over payloads of some kilobytes.
const GROWTH: u64 = 48 << 20;

/// What lengths, counts, indexes and times are forged to.
const FORGED: [u64; 22] = [
    0,
    1,
    2,
    3,
    7,
    127,
    128,
    129,
    255,
    256,
    16_383,
    65_535,
    1 << 22,
    1 << 31,
    (1 << 32) - 1,
    1 << 32,
    (1 << 53) - 1,
    1 << 53,
    (1 << 56) - 1,
    1 << 62,
    1 << 63,
    u64::MAX,
];

/// How far a payload gets.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    /// The framing around the parts is not what the module writes.
    Framing,
    /// The checksum of a part is wrong, or something in front of it.
    Checksum(String),
    /// The checksum is right, and the part is refused.
    Decode(String),
    /// Each part is right, and they do not go together.
    Load,
    /// It is a graph; one without parts is empty.
    Accepted,
}

impl Fate {
    /// What must become of `payload`, a mutation of `origin`.
    fn of(payload: &[u8], origin: &Dump) -> Self {
        let Some(dump) = Dump::parse(payload) else {
            return Fate::Framing;
        };
        let Some(parts) = dump.parts().filter(|_| dump.module_id == origin.module_id) else {
            return Fate::Framing;
        };
        let mut graph = Graph::new();
        for (_, bytes) in parts {
            match Part::decode(bytes) {
                Ok(part) if graph.load(&part).is_err() => return Fate::Load,
                Ok(_) => {}
                Err(reason) if has_right_checksum(bytes) => {
                    return Fate::Decode(reason.to_string());
                }
                Err(reason) => return Fate::Checksum(reason.to_string()),
            }
        }
        Fate::Accepted
    }

    fn is_past_the_checksums(&self) -> bool {
        matches!(self, Fate::Decode(_) | Fate::Load | Fate::Accepted)
    }
}

/// Whether a part starts as parts do and its checksum is that of its bytes.
fn has_right_checksum(part: &[u8]) -> bool {
    let mut sealed = part.to_vec();
    part.starts_with(b"LCT\x01") && Part::reseal(&mut sealed) && sealed == part
}

/// A server that takes any CRC, within an address space that one absurd allocation exceeds.
struct Victim {
    server: Server,
    client: Client,
    tried: BTreeMap<Fate, usize>,
}

impl Victim {
    fn new() -> Self {
        let server = Builder::default()
            .address_space_kib(ADDRESS_SPACE_KIB)
            .start();
        let mut client = server.client();
        client.expect("DEBUG SET-SKIP-CHECKSUM-VALIDATION 1", "OK");
        client.set_timeout(DEADLINE);
        Victim {
            server,
            client,
            tried: BTreeMap::new(),
        }
    }

    /// Restores each payload, uses what was accepted, and compares with the fate each must have.
    fn try_all(&mut self, payloads: Vec<Vec<u8>>, origin: &Dump) {
        let mut fates = Vec::new();
        let mut commands = Vec::new();
        for payload in &payloads {
            let fate = catch_unwind(AssertUnwindSafe(|| Fate::of(payload, origin)));
            let fate = fate.unwrap_or_else(|_| panic!("decoding panics: {}", keep(payload)));
            commands.push(args!["RESTORE", "k", 0, payload, "REPLACE"]);
            if fate == Fate::Accepted {
                commands.extend(probes());
            }
            commands.push(args!["DEL", "k"]);
            fates.push(fate);
        }
        let replies = match self.client.pipeline(&commands) {
            Ok(replies) => replies,
            Err(error) => self.find_culprit(&payloads, &error),
        };
        let mut replies = replies.into_iter();
        for (payload, fate) in payloads.iter().zip(fates) {
            let reply = replies.next().expect("a reply to RESTORE");
            match fate {
                Fate::Framing => {}
                Fate::Accepted => {
                    assert_eq!(reply.to_string(), "OK", "a whole graph: {}", keep(payload))
                }
                _ => assert!(
                    reply.is_error(),
                    "{fate:?}, but accepted: {}",
                    keep(payload)
                ),
            }
            let probes = if fate == Fate::Accepted {
                probes().len()
            } else {
                0
            };
            for reply in replies.by_ref().take(probes) {
                assert!(
                    !reply.is_error(),
                    "an accepted graph answers {reply}: {}",
                    keep(payload)
                );
            }
            replies.next().expect("a reply to DEL");
            *self.tried.entry(fate).or_default() += 1;
        }
    }

    /// Tries the payloads of a batch that went wrong one by one on new servers, keeps the guilty one and fails.
    fn find_culprit(&mut self, payloads: &[Vec<u8>], error: &std::io::Error) -> ! {
        *self = Victim::new();
        for payload in payloads {
            let commands = [vec![args!["RESTORE", "k", 0, payload, "REPLACE"]], probes()].concat();
            if let Err(error) = self.client.pipeline(&commands) {
                panic!("the server died or hung ({error}): {}", keep(payload));
            }
        }
        panic!(
            "the server died or hung over a batch of payloads ({error}), over none of them alone"
        );
    }

    fn report(&self) -> (usize, usize) {
        let all: usize = self.tried.values().sum();
        let past: usize = self
            .tried
            .iter()
            .filter(|(fate, _)| fate.is_past_the_checksums())
            .map(|(_, count)| count)
            .sum();
        for (fate, count) in &self.tried {
            println!("{count:8}  {fate:?}");
        }
        println!("{all:8}  payloads, {past} of them past the checksums");
        (all, past)
    }
}

/// What one asks a graph of unknown content.
fn probes() -> Vec<Vec<Vec<u8>>> {
    let everything = ["0", "9007199254740991"];
    vec![
        args!["LCT.INFO", "k"],
        args!["LCT.VISITS", "k", "a"],
        args![
            "LCT.PRESENT",
            "k",
            "s",
            everything[0],
            everything[1],
            "COUNT",
            5
        ],
        args![
            "LCT.EXPOSED",
            "k",
            "a",
            "ORDER",
            2,
            "AT",
            everything[1],
            "WITHTIMES"
        ],
        args!["LCT.VISIT", "k", "newcomer", "s", 0, 5],
        args!["DEBUG", "DIGEST-VALUE", "k"],
        args!["MEMORY", "USAGE", "k"],
        args!["DUMP", "k"],
        args!["LCT.FORGET", "k", "a"],
        args!["LCT.PURGE", "k", "BEFORE", 1_000_000],
    ]
}

fn corpus() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

/// Puts a finding into the corpus and tells its file.
fn keep(payload: &[u8]) -> String {
    let hash = payload
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3)
        });
    let file = corpus().join(format!("found-{hash:016x}.bin"));
    fs::write(&file, payload).expect("a file of the corpus");
    format!("kept as {}", file.display())
}

/// Dumps of graphs small enough to be taken apart byte by byte, and one of some kilobytes.
fn origins(client: &mut Client, rng: &mut Pcg64) -> Vec<Dump> {
    oddities(client, "odd");
    for line in [
        "LCT.VISIT tiny a s 0 1",
        "LCT.REVOKE barred a",
        "LCT.REVOKE barred b",
        "LCT.VISIT minutes a s 0 60000 b s 60000 180000 a t 120000 240000 b t 180000 240000 a s 300000 360000",
    ] {
        client.run(line);
    }
    fill(client, "town", 150, rng);
    ["tiny", "odd", "minutes", "barred", "town"]
        .map(|key| Dump::parse(client.run(&format!("DUMP {key}")).bytes()).expect("the known form"))
        .to_vec()
}

/// The payload of `dump` with its `index`-th field replaced.
fn with_field(dump: &Dump, index: usize, field: Field) -> Vec<u8> {
    let mut forged = dump.clone();
    forged.fields[index] = field;
    forged.to_payload()
}

/// The payload of `dump` with the part in its `index`-th field replaced, its checksum made right.
fn with_part(dump: &Dump, index: usize, mut part: Vec<u8>) -> Vec<u8> {
    Part::reseal(&mut part);
    with_field(dump, index, Field::Bytes(part))
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
    out
}

/// Where the varints of a part may be: any run of bytes with the high bit set and the one behind it. That finds every true one, and
/// pieces of ids too.
fn varints(part: &[u8]) -> Vec<std::ops::Range<usize>> {
    let mut start = 12;
    let ends = (12..part.len()).filter(|&at| part[at] < 0x80);
    ends.map(|end| std::mem::replace(&mut start, end + 1)..end + 1)
        .collect()
}

/// Every length, count, index and time of every part forged in turn: to each of the values above, to a neighbour, to longer forms of
/// itself, and cut off; as varint and as fixed-width numbers, whatever is in the place.
fn forged_numbers(dump: &Dump) -> Vec<Vec<u8>> {
    let mut payloads = Vec::new();
    for (index, part) in dump.parts().expect("parts") {
        for place in varints(part) {
            let value = part[place.clone()]
                .iter()
                .rev()
                .fold(0_u64, |value, byte| value << 7 | u64::from(byte & 0x7f));
            let mut forms: Vec<Vec<u8>> = FORGED
                .iter()
                .chain(&[value.wrapping_add(1), value.wrapping_sub(1), value << 1])
                .map(|&forged| varint(forged))
                .collect();
            let mut longer = part[place.clone()].to_vec();
            *longer.last_mut().expect("a varint has a byte") |= 0x80;
            forms.extend([
                [&longer[..], &[0]].concat(),
                [&longer[..], &[0x80, 0x80, 0]].concat(),
                vec![0xff; 10],
                Vec::new(),
            ]);
            for form in forms {
                payloads.push(with_part(
                    dump,
                    index,
                    [&part[..place.start], &form, &part[place.end..]].concat(),
                ));
            }
        }
        for at in 0..part.len() {
            for forged in FORGED {
                for width in [1, 2, 4, 8] {
                    let mut changed = part.to_vec();
                    let bytes = forged.to_le_bytes();
                    let end = changed.len().min(at + width);
                    changed[at..end].copy_from_slice(&bytes[..end - at]);
                    payloads.push(with_part(dump, index, changed));
                }
            }
        }
    }
    payloads.sort();
    payloads.dedup();
    payloads
}

/// The framing around the parts forged: numbers, opcodes and lengths in all widths, values missing, doubled, swapped, of other kinds.
fn forged_framing(dump: &Dump) -> Vec<Vec<u8>> {
    let mut payloads = Vec::new();
    let wide = |value: u64| [vec![0x81], value.to_be_bytes().to_vec()].concat();
    for (index, field) in dump.fields.iter().enumerate() {
        for forged in FORGED {
            for kind in [opcode::SINT, opcode::UINT] {
                payloads.push(with_field(dump, index, Field::Int(kind, forged)));
            }
            if let Field::Bytes(bytes) = field {
                for length in [wide(forged), {
                    let mut short = Vec::new();
                    put_length(forged, &mut short);
                    short
                }] {
                    payloads.push(with_field(
                        dump,
                        index,
                        Field::Raw([vec![opcode::STRING as u8], length, bytes.clone()].concat()),
                    ));
                }
            }
        }
        for kind in [opcode::END, opcode::FLOAT, opcode::DOUBLE, 6, 63] {
            payloads.push(with_field(
                dump,
                index,
                Field::Raw([vec![kind as u8], vec![0; 8]].concat()),
            ));
        }
        payloads.push(with_field(dump, index, Field::Raw(Vec::new())));
        payloads.push(with_field(dump, index, Field::Bytes(Vec::new())));
        let mut changed = dump.clone();
        changed.fields.insert(index, field.clone());
        payloads.push(changed.to_payload());
        changed = dump.clone();
        changed.fields.swap(0, index);
        payloads.push(changed.to_payload());
        changed.fields.truncate(index);
        payloads.push(changed.to_payload());
    }
    // The encoding version is the low ten bits of the module's id.
    for version in [1, 2, 1023] {
        let mut changed = dump.clone();
        changed.module_id ^= version;
        payloads.push(changed.to_payload());
    }
    let whole = dump.to_payload();
    payloads.extend((0..whole.len()).map(|end| whole[..end].to_vec()));
    payloads.extend((0..whole.len()).map(|end| [&whole[..end], &dump.footer].concat()));
    payloads
}

/// A part after one to six random changes: bytes, bits, numbers, pieces cut out, doubled or taken from another part.
fn mutated(part: &[u8], others: &[Vec<u8>], rng: &mut Pcg64) -> Vec<u8> {
    let mut part = part.to_vec();
    for _ in 0..rng.random_range(1..=6) {
        if part.len() < 14 {
            break;
        }
        // The header is interesting now and then only.
        let first = if rng.random_ratio(1, 50) { 0 } else { 12 };
        let at = rng.random_range(first..part.len());
        let end = rng.random_range(at..=part.len().min(at + 40));
        match rng.random_range(0..9) {
            0 => part[at] = rng.random(),
            1 => part[at] ^= 1 << rng.random_range(0..8),
            2 => part[at] = part[at].wrapping_add(1),
            3 => part[at] = part[at].wrapping_sub(1),
            4 => drop(part.splice(at..at + 1, varint(*FORGED.choose(rng).expect("not empty")))),
            5 => drop(part.drain(at..end)),
            6 => {
                let piece = part[at..end].to_vec();
                let to = rng.random_range(12..=part.len());
                part.splice(to..to, piece);
            }
            7 => {
                let other = others.choose(rng).expect("not empty");
                let from = rng.random_range(0..other.len());
                let piece = &other[from..other.len().min(from + 40)];
                part.splice(at..end, piece.iter().copied());
            }
            _ => part.truncate(end.max(13)),
        }
    }
    part
}

#[test]
fn the_corpus_of_findings_is_harmless() {
    let mut files: Vec<PathBuf> = fs::read_dir(corpus())
        .expect("tests/corpus")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "bin"));
    files.sort();
    assert!(!files.is_empty(), "the corpus is empty");
    let mut victim = Victim::new();
    for file in &files {
        let payload = fs::read(file).expect("a finding");
        let commands = [
            vec![args!["RESTORE", "k", 0, payload, "REPLACE"]],
            probes(),
            vec![args!["DEL", "k"]],
        ]
        .concat();
        let replies = victim.client.pipeline(&commands);
        assert!(
            replies.is_ok(),
            "the server died or hung over {}",
            file.display()
        );
    }
    println!("{} payloads of the corpus", files.len());
}

#[test]
fn forged_payloads_neither_kill_nor_hang_nor_bloat_the_server() {
    let mut rng = random::seeded("hostile RESTORE");
    let mut victim = Victim::new();
    let origins = origins(&mut victim.client, &mut rng);
    victim.client.expect("FLUSHALL", "OK");
    for origin in &origins {
        let whole = origin.to_payload();
        assert_eq!(Fate::of(&whole, origin), Fate::Accepted);
        victim.try_all(vec![whole], origin);
    }
    let memory_before: u64 = victim.server.info("used_memory").parse().expect("a number");

    // One fault after the other. The town is too large for that.
    for origin in &origins[..4] {
        for batch in [forged_framing(origin), forged_numbers(origin)]
            .concat()
            .chunks(BATCH)
        {
            victim.try_all(batch.to_vec(), origin);
        }
    }
    let systematic: usize = victim.tried.values().sum();
    println!("{systematic} payloads with one fault each");

    // Then by chance.
    let all_parts: Vec<Vec<u8>> = origins
        .iter()
        .flat_map(|origin| origin.parts().expect("parts"))
        .map(|(_, part)| part.to_vec())
        .collect();
    let wanted = random::scaled(PAYLOADS).max(systematic + BATCH);
    while victim.tried.values().sum::<usize>() < wanted {
        let origin = origins.choose(&mut rng).expect("not empty");
        let parts = origin.parts().expect("parts");
        let batch = (0..BATCH).map(|_| {
            let (index, part) = *parts.choose(&mut rng).expect("a part");
            let changed = mutated(part, &all_parts, &mut rng);
            if rng.random_ratio(1, 20) {
                with_field(origin, index, Field::Bytes(changed))
            } else {
                with_part(origin, index, changed)
            }
        });
        let batch = batch.collect();
        victim.try_all(batch, origin);
    }

    let (all, past) = victim.report();
    assert!(
        past * 2 >= all,
        "half of the payloads are to get past the checksums"
    );
    assert!(victim.server.is_alive());
    let peak: u64 = victim
        .server
        .info("used_memory_peak")
        .parse()
        .expect("a number");
    let resident = resident_peak(victim.server.pid());
    println!("used_memory {memory_before}, at its peak {peak}, resident at most {resident}");
    assert!(
        peak < memory_before + GROWTH,
        "the server grew from {memory_before} to {peak} bytes"
    );
    assert!(
        resident < memory_before + 2 * GROWTH,
        "the process grew to {resident} bytes"
    );
    victim.client.expect("DBSIZE", "0");
}

/// The most memory the process ever had resident, in bytes.
fn resident_peak(pid: u32) -> u64 {
    let status =
        fs::read_to_string(format!("/proc/{pid}/status")).expect("the state of the process");
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .expect("VmHWM");
    line.trim()
        .trim_end_matches(" kB")
        .trim()
        .parse::<u64>()
        .expect("a number")
        * 1024
}

/// The largest parts, which obey every rule and are as unkind as they can be: loading and purging them must not take more than its share.
#[test]
fn the_unkindest_honest_parts_load_in_time() {
    let mut victim = Victim::new();
    victim.client.set_timeout(4 * DEADLINE);
    victim.client.run("LCT.VISIT tiny a s 0 1");
    let origin = Dump::parse(victim.client.run("DUMP tiny").bytes()).expect("the known form");
    let (index, part) = origin.parts().expect("parts")[0];
    let header = &part[..12];
    victim.client.run("DEL tiny");
    // Everyone in one space for a very long time: the latest first, as far apart as can be, all at one moment.
    const COUNT: u64 = 150_000;
    type Start = fn(u64) -> u64;
    let starts: [(&str, Start); 3] = [
        ("backwards", |i| (COUNT - i) * 1000),
        ("far apart", |i| (1 << 52) / COUNT * (COUNT - i)),
        ("at once", |_| 5),
    ];
    for (what, start) in starts {
        let mut part = [header, &varint(1), &varint(1), b"s", &varint(COUNT)].concat();
        for i in 0..COUNT {
            let visitor = format!("{i:x}");
            let row = [0, start(i), 1 << 50].map(varint).concat();
            let length = varint(visitor.len() as u64);
            part.extend([length, visitor.into_bytes(), vec![0], varint(1), row].concat());
        }
        let payload = with_part(&origin, index, part);
        let begin = Instant::now();
        for (command, reply) in [
            (args!["RESTORE", "k", 0, payload], Some("OK")),
            (args!["DEBUG", "DIGEST-VALUE", "k"], None),
            (args!["DUMP", "k"], None),
            (args!["LCT.VISIT", "k", "newcomer", "s", 0, 5], Some("1")),
            (args!["LCT.PRESENT", "k", "s", 0, 1 << 30, "COUNT", 1], None),
            (args!["LCT.FORGET", "k", "a"], Some("1")),
            (args!["LCT.PURGE", "k", "BEFORE", 1000], Some("1")),
            (args!["DEL", "k"], Some("1")),
        ] {
            let got = victim.client.call(&command);
            assert!(!got.is_error(), "{what}: {got}");
            assert!(
                reply.is_none_or(|reply| got.to_string() == reply),
                "{what}: {got}"
            );
        }
        println!(
            "{what}: {COUNT} visits loaded, used and deleted in {:?}",
            begin.elapsed()
        );
    }
}
