//! The oldest day, removed: the server's work in all, and how long a second client waits.

use std::time::Duration;

use lct_model::city::Town;
use lct_tools::{Asker, Error, Server, grouped};
use serde_json::json;

use crate::report::{Report, Row, over, time};
use crate::send::load;
use crate::stall::{during, noise};
use crate::{CITY, DAY, Options, about, size};

/// Seconds of the server's processor time.
const WORK: f64 = 0.075;
/// Microseconds above the noise.
const STALL: f64 = 5e3;
/// For what comes after the reply.
const AFTERWARDS: Duration = Duration::from_millis(300);

struct Round {
    work: f64,
    stall: f64,
    noise: f64,
}

pub(crate) fn measure(options: &Options, town: &Town, report: &mut Report) -> Result<(), Error> {
    let mut rounds = vec![];
    let expected = ends_by(town, town.city().begin + DAY);
    for _ in 0..options.rounds {
        // Once without a second client, whose requests are work as well, and once with it.
        let server = options.server()?;
        load(&server, town)?;
        let before = server.cpu()?;
        purge(&server, town, expected)?;
        let work = server.cpu()? - before;
        drop(server);

        let server = options.server()?;
        load(&server, town)?;
        let noise = noise(&server)?;
        let stall = during(&server, || purge(&server, town, expected))?;
        rounds.push(Round { work, stall, noise });
    }
    let name = size(about(town));
    let work = over(&rounds, |round| round.work);
    report.add(Row {
        what: format!("purge of the oldest day, {name}"),
        target: time(WORK * 1e6),
        measured: time(work * 1e6),
        met: Some(work <= WORK),
        note: format!("server CPU; {} visits, {:.0} ns each", grouped(expected), work * 1e9 / expected as f64),
        numbers: json!({ "work_s": work, "removed": expected, "rounds": rounds.iter().map(|r| r.work).collect::<Vec<_>>() }),
    });
    let (stall, noise) = (
        over(&rounds, |round| round.stall),
        over(&rounds, |round| round.noise),
    );
    let target = STALL + noise;
    report.add(Row {
        what: format!("longest stall by that purge, {name}"),
        target: format!("{} above noise = {}", time(STALL), time(target)),
        measured: time(stall),
        met: Some(stall <= target),
        note: format!("noise {}", time(noise)),
        numbers: json!({ "longest_us": stall, "noise_us": noise }),
    });
    Ok(())
}

fn ends_by(town: &Town, time: u64) -> u64 {
    // Nobody stays for two days.
    let days = (0..2.min(town.city().days)).flat_map(|day| town.day(day));
    days.filter(|stay| town.span(stay).end <= time).count() as u64
}

fn purge(server: &Server, town: &Town, expected: u64) -> Result<(), Error> {
    let mut asker = Asker::new(server.connect()?);
    let before = (town.city().begin + DAY).to_string();
    let (_, reply) = asker.ask(&[b"LCT.PURGE", CITY, b"BEFORE", before.as_bytes()])?;
    if reply != format!(":{expected}\r\n").as_bytes() {
        return Err(format!(
            "{expected} visits were to be removed, the module says {}",
            String::from_utf8_lossy(reply).trim_end()
        )
        .into());
    }
    std::thread::sleep(AFTERWARDS);
    Ok(())
}
