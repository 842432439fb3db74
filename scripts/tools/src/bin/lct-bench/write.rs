//! Visits written, beside SET over as many keys as there are visitors, in the same order; and what they take in memory.

use std::time::{Duration, Instant};

use lct_model::city::Town;
use lct_tools::{Error, Progress, Server, grouped};
use serde_json::json;

use crate::report::{Report, Row, over};
use crate::send::{Connections, Form, Spent, send};
use crate::{Options, about, size};

/// How often the price of SET a visit may cost.
const TIMES_SET: f64 = 1.5;
/// Bytes a visit, and from how many visits on.
const BYTES: f64 = 24.0;
const LARGE: usize = 10_000_000;

/// Visits for a second of the server's processor time, a hundred a command.
fn hundreds_target(visits: usize) -> f64 {
    if visits < LARGE { 2.0e6 } else { 1.2e6 }
}

pub(crate) fn measure(options: &Options, town: &Town, report: &mut Report) -> Result<(), Error> {
    let forms = [Form::Set, Form::Single, Form::Hundred];
    let visits = about(town);
    let name = size(visits);
    eprintln!(
        "Writing {name} visits: {} rounds of SET, one by one, by the hundred …",
        options.rounds
    );
    let mut progress = (
        Progress::new("operations", (visits * forms.len() * options.rounds) as u64),
        0,
    );
    let mut rounds: Vec<[Spent; 3]> = vec![];
    let mut memory: Vec<Memory> = vec![];
    for _ in 0..options.rounds {
        let mut round = [Spent::default(); 3];
        for (spent, form) in round.iter_mut().zip(forms) {
            // A server of its own, so that none inherits the memory of another in pieces.
            let server = options.server()?;
            let empty = server.info("memory", "used_memory")?;
            let mut connections = Connections::new(&server)?;
            *spent = send(
                &server,
                &mut connections,
                form,
                town,
                town.stays(),
                Some(&mut progress),
            )?;
            // Their buffers are no part of the graph.
            drop(connections);
            if form == Form::Hundred {
                memory.push(Memory::of(&server, empty, spent.operations)?);
            }
        }
        rounds.push(round);
    }
    progress.0.finish();

    let [set, single, hundred] = [0, 1, 2].map(|form| over(&rounds, |round| round[form].nanos()));
    let limit = |form: usize| {
        let last = rounds.last().map_or(Spent::default(), |round| round[form]);
        let rate = over(&rounds, |round| round[form].per_second());
        format!("{} a second; {}", grouped(rate as u64), last.limit())
    };
    let all = |form: usize| {
        let numbers = rounds.iter().map(|round| {
            let spent = &round[form];
            json!({ "ns": spent.nanos(), "per_second": spent.per_second(), "limit": spent.limit() })
        });
        numbers.collect::<Vec<_>>()
    };
    let ratio = over(&rounds, |round| round[1].nanos() / round[0].nanos());
    report.add(Row {
        what: format!("VISIT one by one, {name}"),
        target: format!("{TIMES_SET} × SET = {:.0} ns", TIMES_SET * set),
        measured: format!("{ratio:.2} × SET = {single:.0} ns"),
        met: Some(ratio <= TIMES_SET),
        note: format!("SET {set:.0} ns over {} keys; {}", grouped(town.city().visitors as u64), limit(1)),
        numbers: json!({ "visits": visits, "ratio": ratio, "set_ns": set, "visit_ns": single, "set": all(0), "visit": all(1) }),
    });
    let rate = over(&rounds, |round| round[2].per_cpu_second());
    let target = hundreds_target(visits);
    report.add(Row {
        what: format!("VISIT by the hundred, {name}"),
        target: format!("{} per CPU second", grouped(target as u64)),
        measured: format!("{} per CPU second", grouped(rate as u64)),
        met: Some(rate >= target),
        note: format!("{hundred:.0} ns each; {}", limit(2)),
        numbers: json!({ "visits": visits, "per_cpu_second": rate, "rounds": all(2) }),
    });
    let bytes = over(&memory, |memory| memory.settled);
    let large = visits >= LARGE * 9 / 10;
    report.add(Row {
        what: format!("bytes a visit, {name}"),
        target: if large { format!("{BYTES} (aim: 16)") } else { String::new() },
        measured: format!("{bytes:.1}"),
        met: large.then_some(bytes <= BYTES),
        note: format!(
            "{:.1} just loaded; LCT.INFO says {:.1}",
            over(&memory, |memory| memory.loaded),
            over(&memory, |memory| memory.reported)
        ),
        numbers: json!({ "visits": visits, "bytes": bytes, "loaded": over(&memory, |m| m.loaded), "reported": over(&memory, |m| m.reported) }),
    });
    Ok(())
}

/// Growth of the server's used_memory, each visit.
struct Memory {
    loaded: f64,
    /// When it has stopped changing: a graph may tidy up when it has time.
    settled: f64,
    /// What LCT.INFO says then.
    reported: f64,
}

impl Memory {
    fn of(server: &Server, empty: f64, visits: u64) -> Result<Self, Error> {
        let loaded = server.info("memory", "used_memory")? - empty;
        let settled = settled(server)? - empty;
        let visits = visits as f64;
        Ok(Self {
            loaded: loaded / visits,
            settled: settled / visits,
            reported: server.graph_info(std::str::from_utf8(crate::CITY)?, "bytes-per-visit")?,
        })
    }
}

/// The server's used_memory when it has stopped changing.
pub(crate) fn settled(server: &Server) -> Result<f64, Error> {
    let used = || server.info("memory", "used_memory");
    let (mut settled, start) = (used()?, Instant::now());
    while start.elapsed() < Duration::from_secs(30) {
        std::thread::sleep(Duration::from_secs(1));
        let now = used()?;
        let change = (now - settled).abs();
        settled = now;
        if change < settled / 1000.0 {
            break;
        }
    }
    Ok(settled)
}
