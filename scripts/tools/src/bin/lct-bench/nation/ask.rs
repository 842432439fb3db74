//! Questions about people of all regions, to each graph whose places they went to: how long they take, what they cost
//! the server, and how long a second client waits meanwhile.

use lct_tools::{Asker, Error, Progress, Server, elements, grouped};
use serde_json::json;

use super::DAYS;
use super::people::Nation;
use crate::ask::{FIRST_14_DAYS, FIRST_48_HOURS, Kind, SECOND_48_HOURS, ask};
use crate::report::{Report, Row, Times, time};
use crate::stall::during;

pub(crate) const KINDS: [Kind; 3] = [FIRST_14_DAYS, FIRST_48_HOURS, SECOND_48_HOURS];

/// A question, and how many contacts answer it.
pub(crate) struct Question {
    pub(crate) command: Vec<Vec<u8>>,
    pub(crate) contacts: usize,
}

/// Asks about so many people; the questions of each kind.
pub(crate) fn measure(
    server: &Server,
    nation: &Nation,
    people: usize,
    noise: f64,
    report: &mut Report,
) -> Result<[Vec<Question>; 3], Error> {
    let mut asker = Asker::new(server.connect()?);
    let each = people.div_ceil(nation.regions.len());
    let samples: Vec<Vec<u32>> = nation
        .regions
        .iter()
        .map(|region| region.town().sample(each))
        .collect();
    // One region after the other, so that each question meets caches that others have used.
    let all = (0..each).flat_map(|turn| {
        let turns = nation.regions.iter().zip(&samples);
        turns.filter_map(move |(region, sample)| Some(region.person(*sample.get(turn)?)))
    });
    let all: Vec<u32> = all.take(people).collect();

    eprintln!("Asking about {} people …", grouped(all.len() as u64));
    let mut progress = Progress::new("questions", (2 * KINDS.len() * all.len()) as u64);
    let mut done = 0;
    let mut asked: [Vec<Question>; 3] = Default::default();
    for (kind, asked) in KINDS.iter().zip(&mut asked) {
        let mut times = Times::default();
        let before = server.cpu()?;
        for &person in &all {
            for region in nation.regions_of(person) {
                let region = &nation.regions[region];
                let id = region.town().visitor_id(person);
                let command = kind.about(region.graph.as_bytes(), &id, region.at(DAYS), false);
                let (took, reply) = ask(&mut asker, &command)?;
                times.add(took);
                let contacts = elements(reply)?;
                asked.push(Question { command, contacts });
            }
            done += 1;
            progress.update(done);
        }
        let cpu = 1e6 * (server.cpu()? - before) / asked.len() as f64;
        // Once more beside a second client, whose requests are work for the server as well.
        let stall = during(server, || {
            for question in &*asked {
                ask(&mut asker, &question.command)?;
            }
            Ok(())
        })?;
        done += all.len() as u64;
        progress.update(done);

        let found: usize = asked.iter().map(|question| question.contacts).sum();
        let contacts = found as f64 / asked.len() as f64;
        let [p50, p99, max] = [0.5, 0.99, 1.0].map(|quantile| times.at(quantile));
        report.add(Row {
            what: format!("EXPOSED {}", kind.name),
            target: String::new(),
            measured: time(p50),
            met: None,
            note: format!(
                "p99 {}, max {}; server CPU {}; {} contacts; {} questions; a second client waited {} at most",
                time(p99),
                time(max),
                time(cpu),
                grouped(contacts as u64),
                grouped(asked.len() as u64),
                time(stall),
            ),
            numbers: json!({
                "question": kind.name, "p50_us": p50, "p99_us": p99, "max_us": max, "cpu_us": cpu,
                "contacts": contacts, "n": asked.len(), "people": all.len(), "longest_stall_us": stall, "noise_us": noise,
            }),
        });
    }
    progress.finish();
    Ok(asked)
}
