//! How much people were together, in all spaces: beside the floor, and how long a second client waits meanwhile. The
//! answers are compared with the floor's; one that differs ends the run.

use std::time::{Duration, Instant};

use lct_graph::MAX_CELLS;
use lct_model::city::{City, Town};
use lct_tools::{Asker, Crowd, Error, Floor, grouped, thread_cpu};
use serde_json::json;

use crate::ask::{ask, values};
use crate::report::{Report, Row, Times, over, time};
use crate::send::load;
use crate::stall::{during, noise};
use crate::{CITY, CROWD, Options, about, size};

/// How many people it takes, as the server is set by itself.
const K: u64 = 5;
/// How often, or at least for how long, something is asked in a round.
const TIMES: usize = 5;
const ASKING: Duration = Duration::from_secs(2);

/// What a round found.
struct Round {
    /// Microseconds, each of them.
    asked: Times,
    /// Seconds of processor time, each.
    cpu: f64,
    floor: f64,
    /// Microseconds.
    stall: f64,
    noise: f64,
}

pub(crate) fn measure(options: &Options, town: &Town, report: &mut Report) -> Result<(), Error> {
    of(options, town, &[24, 14 * 24], &size(about(town)), report)
}

/// Everybody is in one place for an evening.
pub(crate) fn stadium(options: &Options, report: &mut Report) -> Result<(), Error> {
    let name = format!("stadium of {}", grouped(CROWD as u64));
    let town = City::with_stadium(CROWD).settle();
    of(options, &town, &[24], &name, report)
}

fn of(
    options: &Options,
    town: &Town,
    periods: &[u32],
    name: &str,
    report: &mut Report,
) -> Result<(), Error> {
    let server = options.server()?;
    load(&server, town)?;
    let mut asker = Asker::new(server.connect()?);
    let mut floor = Floor::new(town);
    for &hours in periods {
        let command = command(town, hours);
        let expected = floor.density(hours, K);
        let found = expected.len();
        if found > MAX_CELLS {
            let rows = grouped(found as u64);
            eprintln!(
                "  DENSITY of {hours} hours, {name}: {rows} rows are too many for one answer"
            );
            continue;
        }
        compare(town, ask(&mut asker, &command)?.1, expected)?;
        let mut rounds = vec![];
        for _ in 0..options.rounds {
            let before = thread_cpu()?;
            for _ in 0..TIMES {
                floor.density(hours, K);
            }
            let floor = (thread_cpu()? - before) / TIMES as f64;

            let mut asked = Times::default();
            let before = server.cpu()?;
            for _ in 0..TIMES {
                asked.add(ask(&mut asker, &command)?.0);
            }
            let cpu = (server.cpu()? - before) / TIMES as f64;

            let noise = noise(&server)?;
            let stall = during(&server, || {
                let start = Instant::now();
                while start.elapsed() < ASKING {
                    ask(&mut asker, &command)?;
                }
                Ok(())
            })?;
            rounds.push(Round {
                asked,
                cpu,
                floor,
                stall,
                noise,
            });
        }
        let [p50, max] = [0.5, 1.0].map(|part| over(&rounds, |round| round.asked.at(part)));
        let (cpu, least) = (
            over(&rounds, |round| round.cpu),
            over(&rounds, |round| round.floor),
        );
        let (stall, noise) = (
            over(&rounds, |round| round.stall),
            over(&rounds, |round| round.noise),
        );
        report.add(Row {
            what: format!("DENSITY of {hours} hours, {name}"),
            target: String::new(),
            measured: time(p50),
            met: None,
            note: format!(
                "in CPU {}, {:.2} × the floor's {}; {} rows; longest stall {}, noise {}",
                time(cpu * 1e6),
                cpu / least,
                time(least * 1e6),
                grouped(found as u64),
                time(stall),
                time(noise)
            ),
            numbers: json!({
                "visits": floor.visits(), "stadium": town.city().stadium, "hours": hours, "rows": found,
                "p50_us": p50, "max_us": max, "cpu_us": cpu * 1e6, "floor_us": least * 1e6,
                "ratio": cpu / least, "longest_us": stall, "noise_us": noise,
            }),
        });
    }
    Ok(())
}

fn command(town: &Town, hours: u32) -> Vec<Vec<u8>> {
    let to = town.city().end();
    let from = to - u64::from(hours) * 60 * 60 * 1000;
    let [from, to] = [from, to].map(|time| time.to_string().into_bytes());
    vec![b"LCT.DENSITY".to_vec(), CITY.to_vec(), from, to]
}

fn compare(town: &Town, reply: &[u8], mut expected: Vec<Crowd>) -> Result<(), Error> {
    expected.sort_by_key(|crowd| (town.space_id(crowd.space), crowd.hour));
    let begin = town.city().begin;
    let expected = expected.iter().flat_map(|crowd| {
        let hour = begin + u64::from(crowd.hour);
        let figures = [hour, crowd.minutes, crowd.peak].map(|figure| format!(":{figure}"));
        let space = String::from_utf8_lossy(&town.space_id(crowd.space)).into_owned();
        [space].into_iter().chain(figures)
    });
    let is_same = values(reply).eq(expected.map(String::into_bytes));
    is_same
        .then_some(())
        .ok_or_else(|| "DENSITY: not the floor's answer".into())
}
