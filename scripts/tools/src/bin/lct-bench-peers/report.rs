//! What was measured, as a table for people and as a file for machines.

use std::path::{Path, PathBuf};
use std::time::Duration;

use lct_tools::{Error, grouped, load_average, machine, median, quantile, save};
use serde_json::{Value, json};

use crate::Args;
use crate::peer::Ingest;
use crate::work::Question;

/// Where there is no number.
const NOTHING: &str = "–";
/// From this share of a question's time on, this program's own work is worth a word.
const CLIENT_SHARE: f64 = 0.25;
/// Fewer questions a round are worth one, too.
const FEW: usize = 10;

/// Everything a run has found out.
pub(crate) struct Report {
    pub(crate) sizes: Vec<Size>,
    skipped: Vec<(String, String)>,
    where_it_ran: String,
    load_at_start: String,
    rounds: usize,
    limit: f64,
}

/// One city.
pub(crate) struct Size {
    pub(crate) visits: usize,
    pub(crate) visitors: usize,
    pub(crate) stadium: bool,
    pub(crate) systems: Vec<System>,
}

/// One peer in it.
pub(crate) struct System {
    pub(crate) name: &'static str,
    pub(crate) about: String,
    pub(crate) ingest: Vec<Ingest>,
    pub(crate) bytes: Option<f64>,
    /// One for each kind of question.
    pub(crate) timings: [Timing; Question::ALL.len()],
    pub(crate) stalls: Vec<Stall>,
}

/// How one kind of question went.
#[derive(Default)]
pub(crate) struct Timing {
    /// Microseconds of each question, a list for each round; in the order of the sample, so that the n-th of one peer is
    /// the n-th of another.
    pub(crate) rounds: Vec<Vec<f64>>,
    pub(crate) found: usize,
    pub(crate) mismatches: usize,
    /// Seconds of processor time of the peer and of this program, all questions together.
    pub(crate) cpu: f64,
    pub(crate) client_cpu: f64,
}

impl Timing {
    fn asked(&self) -> usize {
        self.rounds.iter().map(Vec::len).sum()
    }

    fn p50(&self) -> f64 {
        median(
            &self
                .rounds
                .iter()
                .map(|round| median(round))
                .collect::<Vec<_>>(),
        )
    }

    fn p99(&self) -> f64 {
        quantile(&self.rounds.concat(), 0.99)
    }

    fn answers_mean(&self) -> f64 {
        self.found as f64 / self.asked() as f64
    }

    /// How much longer it takes than another, a number for each round: medians over the questions both were asked.
    fn ratios(&self, other: &Self) -> Vec<f64> {
        let rounds = self.rounds.iter().zip(&other.rounds);
        rounds
            .map(|(own, other)| {
                let both = own.len().min(other.len());
                median(&own[..both]) / median(&other[..both])
            })
            .collect()
    }

    fn client_share(&self) -> f64 {
        self.client_cpu * 1e6 / self.rounds.concat().iter().sum::<f64>()
    }
}

/// The longest a second client waited.
pub(crate) struct Stall {
    pub(crate) what: &'static str,
    pub(crate) longest: Duration,
    /// How long what happened meanwhile took.
    pub(crate) took: Option<Duration>,
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

impl Size {
    fn lct(&self) -> &System {
        &self.systems[1]
    }

    fn title(&self) -> String {
        let visits = grouped(self.visits as u64);
        let visitors = grouped(self.visitors as u64);
        if self.stadium {
            format!("{visitors} people in one stadium, {visits} visits in two days")
        } else {
            format!("{visitors} people, {visits} visits in 14 days")
        }
    }
}

/// The columns of the table.
const HEAD: [&str; 16] = [
    "p50 in ms",
    "1st, 14 d",
    "× LCT",
    "1st, 48 h",
    "× LCT",
    "2nd, 48 h",
    "× LCT",
    "one by one/s",
    "/CPU-s",
    "bulk/s",
    "/CPU-s",
    "B/visit",
    "wait: rest",
    "2nd",
    "purge",
    "purge, ms",
];

impl Size {
    fn rows(&self) -> Vec<[String; HEAD.len()]> {
        let systems = self.systems.iter();
        systems.map(|system| self.row(system)).collect()
    }

    fn row(&self, system: &System) -> [String; HEAD.len()] {
        let timings = system.timings.iter().zip(&self.lct().timings);
        let asking = timings.flat_map(|(timing, lct)| {
            let ratio = median(&timing.ratios(lct));
            [short(timing.p50() / 1e3), format!("×{}", short(ratio))]
        });
        let writing = ["one by one", "bulk"].into_iter().flat_map(|path| {
            let ingest = system.ingest.iter().find(|ingest| ingest.path == path);
            let rates = ingest.map(|one| [one.per_second(), one.per_cpu_second()]);
            rates.map_or_else(
                || [NOTHING, NOTHING].map(str::to_owned),
                |rates| rates.map(thousands),
            )
        });
        let bytes = system.bytes.map(|bytes| bytes / self.visits as f64);
        let waits = (0..3).map(|at| system.stalls.get(at).map(|stall| millis(stall.longest)));
        let purge = system
            .stalls
            .get(2)
            .and_then(|stall| stall.took)
            .map(millis);
        let rest = [bytes].into_iter().chain(waits).chain([purge]);
        let rest = rest.map(|number| number.map_or(NOTHING.into(), short));

        let mut cells = [system.name.to_owned()]
            .into_iter()
            .chain(asking)
            .chain(writing)
            .chain(rest);
        std::array::from_fn(|_| cells.next().unwrap_or_default())
    }
}

impl Report {
    pub(crate) fn new(args: &Args) -> Self {
        let where_it_ran = match (args.server_core, args.client_core) {
            (Some(server), Some(client)) => format!(
                "LCT and plain Redis on core {server}, client and floor on core {client}, all others on any core"
            ),
            _ => "all share all cores: expect the client to disturb".into(),
        };
        Self {
            sizes: vec![],
            skipped: args.without.clone(),
            where_it_ran,
            load_at_start: load_average(),
            rounds: args.rounds,
            limit: args.limit,
        }
    }

    /// Notes why a peer is left out.
    pub(crate) fn skip(&mut self, peer: &str, why: &str) {
        if !self.skipped.iter().any(|(known, _)| known == peer) {
            eprintln!("{peer} is left out: {why}");
            self.skipped.push((peer.to_owned(), why.to_owned()));
        }
    }

    pub(crate) fn mismatches(&self) -> usize {
        let systems = self.sizes.iter().flat_map(|size| &size.systems);
        systems
            .flat_map(|system| &system.timings)
            .map(|timing| timing.mismatches)
            .sum()
    }

    pub(crate) fn print(&self) {
        println!(
            "{}; load average {} → {}",
            self.where_it_ran,
            self.load_at_start,
            load_average()
        );
        if let Some(size) = self.sizes.first() {
            for system in &size.systems {
                println!("  {:14} {}", system.name, system.about);
            }
        }
        for (peer, why) in &self.skipped {
            println!("  {peer:14} left out: {why}");
        }
        let rows: Vec<_> = self.sizes.iter().map(Size::rows).collect();
        let width = |column: usize| {
            let cells = rows.iter().flatten().map(|row| row[column].chars().count());
            cells
                .chain([HEAD[column].chars().count()])
                .max()
                .unwrap_or_default()
        };
        let widths: [usize; HEAD.len()] = std::array::from_fn(width);
        let line = |cells: &[String; HEAD.len()]| {
            print!("  {:width$}", cells[0], width = widths[0]);
            for (cell, width) in cells.iter().zip(widths).skip(1) {
                print!("  {cell:>width$}");
            }
            println!();
        };
        println!();
        line(&HEAD.map(str::to_owned));
        for (size, rows) in self.sizes.iter().zip(&rows) {
            println!("{}", size.title());
            rows.iter().for_each(line);
        }
        println!(
            "\nMedians of {} interleaved rounds; × LCT: the median ratio of a round, over the questions both answered. All answers\n\
             are compared with the floor's. 2nd: whom contacts met afterwards; LCT and the floor also answer the contacts\n\
             themselves. Longest wait: of a second client that reads one visitor's visits, while nothing happens, while the\n\
             second order is asked, and during the purge of the oldest day.",
            self.rounds
        );
        for line in self.remarks() {
            println!("{line}");
        }
    }

    /// Where a number says less than it seems to.
    fn remarks(&self) -> Vec<String> {
        let (mut writing, mut asking, mut few) = (vec![], vec![], vec![]);
        for size in &self.sizes {
            let city = if size.stadium { "stadium, " } else { "" };
            for system in &size.systems {
                let name = system.name;
                for ingest in &system.ingest {
                    if ingest.limit() == "the client" {
                        writing.push(format!("{city}{name} {}", ingest.path));
                    }
                }
                for (timing, question) in system.timings.iter().zip(Question::ALL) {
                    let (question, share) = (question.short(), timing.client_share());
                    if name != "floor" && share > CLIENT_SHARE {
                        asking.push(format!("{city}{name} {question} {:.0} %", 100.0 * share));
                    }
                    if timing.asked() < FEW * self.rounds {
                        few.push(format!("{city}{name} {question} {}", timing.asked()));
                    }
                }
            }
        }
        [
            (
                "The client was the limit, so read the number per CPU-second",
                writing,
            ),
            (
                "Time that is the client's own work, where it is more than a quarter",
                asking,
            ),
            ("Few questions answered in the time given", few),
        ]
        .into_iter()
        .filter(|(_, cases)| !cases.is_empty())
        .map(|(what, cases)| format!("{what}: {}.", cases.join("; ")))
        .collect()
    }

    pub(crate) fn save(&self, folder: &Path) -> Result<PathBuf, Error> {
        let sizes: Vec<Value> = self
            .sizes
            .iter()
            .filter(|size| !size.stadium)
            .map(json)
            .collect();
        let stadium = self.sizes.iter().find(|size| size.stadium).map(json);
        let about = self.sizes.first().map(|size| {
            let systems = size.systems.iter();
            systems
                .map(|system| json!({ "peer": system.name, "about": system.about }))
                .collect::<Vec<_>>()
        });
        let skipped = self.skipped.iter();
        let numbers = json!({
            "bench": "peers",
            "machine": machine(),
            "where": self.where_it_ran,
            "load_average": [self.load_at_start, load_average()],
            "rounds": self.rounds, "limit_seconds": self.limit,
            "peers": about,
            "skipped": skipped.map(|(peer, why)| json!({ "peer": peer, "why": why })).collect::<Vec<_>>(),
            "sizes": sizes,
            "stadium": stadium,
        });
        // Under another name `scripts/bench plot` does not find it: what answers wrongly is not drawn.
        let wrong = if self.mismatches() > 0 { ".wrong" } else { "" };
        save(folder, "peers", wrong, &numbers)
    }
}

fn json(size: &Size) -> Value {
    let mut rows = vec![];
    let (mut ingest, mut bytes, mut stalls) = (vec![], vec![], vec![]);
    for system in &size.systems {
        let peer = system.name;
        let timings = system.timings.iter().zip(&size.lct().timings);
        for ((timing, lct), question) in timings.zip(Question::ALL) {
            let asked = timing.asked();
            let rounds: Vec<f64> = timing.rounds.iter().map(|round| median(round)).collect();
            let ratios = timing.ratios(lct);
            rows.push(json!({
                "peer": peer, "question": question.name(), "p50_us": timing.p50(), "p99_us": timing.p99(),
                "answers_mean": timing.answers_mean(), "n": asked, "mismatches": timing.mismatches,
                "ratio_to_lct": median(&ratios), "rounds": { "p50_us": rounds, "ratio_to_lct": ratios },
                "cpu_us_mean": timing.cpu * 1e6 / asked as f64, "client_cpu_us_mean": timing.client_cpu * 1e6 / asked as f64,
            }));
        }
        for one in &system.ingest {
            ingest.push(json!({
                "peer": peer, "path": one.path, "per_second": one.per_second(), "per_cpu_second": one.per_cpu_second(),
                "visits": one.visits, "client_busy": one.client_cpu / one.seconds, "limited_by": one.limit(),
            }));
        }
        if let Some(all) = system.bytes {
            bytes.push(json!({ "peer": peer, "bytes": all / size.visits as f64 }));
        }
        for stall in &system.stalls {
            stalls.push(json!({
                "peer": peer, "what": stall.what, "longest_ms": millis(stall.longest), "took_ms": stall.took.map(millis),
            }));
        }
    }
    json!({
        "visits": size.visits, "visitors": size.visitors,
        "rows": rows, "ingest": ingest, "bytes_per_visit": bytes, "stalls": stalls,
    })
}

/// Three digits.
fn short(number: f64) -> String {
    match number {
        n if !n.is_finite() => NOTHING.into(),
        n if n >= 100.0 => grouped(n.round() as u64),
        n if n >= 10.0 => format!("{n:.1}"),
        n if n >= 1.0 => format!("{n:.2}"),
        n => format!("{n:.3}"),
    }
}

fn thousands(number: f64) -> String {
    match number {
        n if !n.is_finite() => NOTHING.into(),
        n if n >= 1e6 => format!("{:.2} M", n / 1e6),
        n if n >= 1e4 => format!("{:.0} k", n / 1e3),
        n => format!("{:.1} k", n / 1e3),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timing(rounds: &[&[f64]]) -> Timing {
        Timing {
            rounds: rounds.iter().map(|round| round.to_vec()).collect(),
            ..Timing::default()
        }
    }

    #[test]
    fn a_ratio_is_of_the_questions_both_answered() {
        let lct = timing(&[&[1.0, 2.0, 3.0, 100.0, 100.0], &[2.0, 2.0, 2.0]]);
        let slow = timing(&[&[10.0, 20.0, 30.0], &[8.0]]);
        assert_eq!(slow.ratios(&lct), [10.0, 4.0]);
        assert_eq!(slow.asked(), 4);
        assert_eq!(slow.p99(), 30.0);
    }

    #[test]
    fn numbers_have_three_digits() {
        let cases = [
            (0.0123, "0.012"),
            (1.234, "1.23"),
            (12.34, "12.3"),
            (1234.5, "1,235"),
        ];
        for (number, text) in cases {
            assert_eq!(short(number), text);
        }
        assert_eq!(short(f64::NAN), "–");
        assert_eq!(thousands(1_234_567.0), "1.23 M");
        assert_eq!(thousands(98_765.0), "99 k");
    }
}
