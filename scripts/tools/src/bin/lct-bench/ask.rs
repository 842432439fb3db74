//! Questions one at a time, beside the floor and the cost of a reply of that size. Answers are compared with the
//! floor's; a single one that differs ends the run.

use std::cell::RefCell;
use std::time::Instant;

use lct_model::city::{City, Town};
use lct_tools::{Asker, Error, Exposed, Floor, Progress, Server, grouped, thread_cpu};
use serde_json::{Value, json};

use crate::report::{Report, Row, Times, over, time};
use crate::send::load;
use crate::{CITY, CROWD, Options, about, size};

/// How often the price of floor and reply a plain answer may cost, and of floor and rows one with times.
const TIMES_PLAIN: f64 = 1.5;
const TIMES_ROWS: f64 = 2.0;
/// What a row may cost above the floor, in microseconds.
const ROW: f64 = 0.2;
/// Questions about the stadium are all alike.
const STADIUM_QUESTIONS: usize = 100;
/// So many answers of each kind are compared with the floor's.
const COMPARED: usize = 100;
/// So many visitors have their turn before the other side has.
const IN_TURN: usize = 50;

/// A question about one visitor, up to the city's last midnight.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) hours: u32,
    pub(crate) second: bool,
}

pub(crate) const FIRST_14_DAYS: Kind = Kind {
    name: "first order, 14 days",
    hours: 14 * 24,
    second: false,
};
pub(crate) const FIRST_48_HOURS: Kind = Kind {
    name: "first order, 48 hours",
    hours: 48,
    second: false,
};
pub(crate) const SECOND_48_HOURS: Kind = Kind {
    name: "second order, 48 hours",
    hours: 48,
    second: true,
};

impl Kind {
    /// The question as the server reads it.
    pub(crate) fn command(&self, town: &Town, visitor: u32, times: bool) -> Vec<Vec<u8>> {
        self.about(CITY, &town.visitor_id(visitor), town.city().end(), times)
    }

    /// The same to any graph, as of a time.
    pub(crate) fn about(&self, graph: &[u8], id: &[u8], at: u64, times: bool) -> Vec<Vec<u8>> {
        let from = at.saturating_sub(u64::from(self.hours) * 60 * 60 * 1000);
        let mut command = [b"LCT.EXPOSED", graph, id].map(<[u8]>::to_vec).to_vec();
        command.extend(
            [
                &b"FROM"[..],
                from.to_string().as_bytes(),
                b"AT",
                at.to_string().as_bytes(),
            ]
            .map(<[u8]>::to_vec),
        );
        if self.second {
            command.extend([b"ORDER".to_vec(), b"2".to_vec()]);
        }
        if times {
            command.push(b"WITHTIMES".to_vec());
        }
        command
    }
}

/// Sends a command of owned words.
pub(crate) fn ask<'a>(
    asker: &'a mut Asker,
    command: &[Vec<u8>],
) -> Result<(std::time::Duration, &'a [u8]), Error> {
    let words: Vec<&[u8]> = command.iter().map(Vec::as_slice).collect();
    asker.ask(&words)
}

/// One side of the comparison in a round.
#[derive(Debug, Default)]
struct Side {
    times: Times,
    /// Seconds of processor time for all of them.
    cpu: f64,
}

impl Side {
    fn p50(&self) -> f64 {
        self.times.at(0.5)
    }
}

/// What one round found about one kind of question.
#[derive(Debug, Default)]
struct Round {
    floor: Side,
    floor_rows: Side,
    /// A reply of as many ids, by LRANGE.
    reply: Side,
    plain: Side,
    rows: Side,
    /// How many contacts each has.
    found: Vec<usize>,
}

impl Round {
    fn contacts(&self) -> f64 {
        self.found.iter().sum::<usize>() as f64 / self.found.len() as f64
    }

    fn asked(&self, times: bool) -> &Side {
        if times { &self.rows } else { &self.plain }
    }

    fn floor(&self, times: bool) -> &Side {
        if times { &self.floor_rows } else { &self.floor }
    }

    /// Microseconds that an answer takes above the floor at least: the reply or, with times, the rows.
    fn above(&self, times: bool) -> f64 {
        if times {
            let mut found = self.found.clone();
            found.sort_unstable();
            ROW * found
                .get(found.len() / 2)
                .map_or(f64::NAN, |&contacts| contacts as f64)
        } else {
            self.reply.p50()
        }
    }

    /// What an answer is measured against, in microseconds.
    fn least(&self, times: bool) -> f64 {
        self.floor(times).p50() + self.above(times)
    }

    fn ratio(&self, times: bool) -> f64 {
        self.asked(times).p50() / self.least(times)
    }

    /// The same in processor time, of the server and of the floor; steadier where others work here, too.
    fn cpu_ratio(&self, times: bool) -> f64 {
        let rows = ROW * 1e-6 * self.found.iter().sum::<usize>() as f64;
        let above = if times { rows } else { self.reply.cpu };
        self.asked(times).cpu / (self.floor(times).cpu + above)
    }
}

/// The key of a list of ids.
const IDS: &str = "ids";

/// Everything needed to ask: a loaded server and the floor beside it.
struct Stage<'t> {
    town: &'t Town,
    floor: Floor<'t>,
    asker: RefCell<Asker>,
    sample: Vec<u32>,
    server: Server,
}

impl<'t> Stage<'t> {
    fn new(options: &Options, town: &'t Town, questions: usize) -> Result<Self, Error> {
        let server = options.server()?;
        load(&server, town)?;
        let mut asker = Asker::new(server.connect()?);
        let everybody: Vec<u32> = (0..town.city().visitors as u32).collect();
        for some in everybody.chunks(10_000) {
            let ids: Vec<[u8; 16]> = some
                .iter()
                .map(|&visitor| town.visitor_id(visitor))
                .collect();
            let mut command = vec![&b"RPUSH"[..], IDS.as_bytes()];
            command.extend(ids.iter().map(<[u8; 16]>::as_slice));
            asker.ask(&command)?;
        }
        Ok(Self {
            town,
            floor: Floor::new(town),
            asker: RefCell::new(asker),
            sample: town.sample(questions),
            server,
        })
    }

    /// Asks the floor, Redis for as long a list, and the module, each about some visitors in turn: few, so that all meet
    /// the same weather, and enough that each has its own data at hand.
    fn round(&mut self, kind: &Kind, progress: &mut (Progress, u64)) -> Result<Round, Error> {
        let mut round = Round::default();
        for some in self.sample.chunks(IN_TURN) {
            let before = thread_cpu()?;
            for &visitor in some {
                let start = Instant::now();
                let found = self.floor.exposed(visitor, kind.hours, kind.second).len();
                round.floor.times.add(start.elapsed());
                round.found.push(found);
            }
            let between = thread_cpu()?;
            round.floor.cpu += between - before;
            for &visitor in some {
                let start = Instant::now();
                self.floor.exposures(visitor, kind.hours, kind.second);
                round.floor_rows.times.add(start.elapsed());
            }
            round.floor_rows.cpu += thread_cpu()? - between;

            let found = &round.found[round.found.len() - some.len()..];
            let replies = found.iter().map(|&contacts| match contacts {
                // For nobody there is no range to ask for.
                0 => vec![b"PING".to_vec()],
                _ => ["LRANGE", IDS, "0", &(contacts - 1).to_string()]
                    .map(|word| word.as_bytes().to_vec())
                    .to_vec(),
            });
            self.all(&mut round.reply, replies)?;
            for (times, side) in [(false, &mut round.plain), (true, &mut round.rows)] {
                let commands = some
                    .iter()
                    .map(|&visitor| kind.command(self.town, visitor, times));
                self.all(side, commands)?;
            }
            progress.1 += 2 * some.len() as u64;
            progress.0.update(progress.1);
        }
        Ok(round)
    }

    fn all(
        &self,
        side: &mut Side,
        commands: impl Iterator<Item = Vec<Vec<u8>>>,
    ) -> Result<(), Error> {
        let mut asker = self.asker.borrow_mut();
        let before = self.server.cpu()?;
        for command in commands {
            side.times.add(ask(&mut asker, &command)?.0);
        }
        side.cpu += self.server.cpu()? - before;
        Ok(())
    }

    /// Compares some answers with the floor's. It warms up both as well.
    fn compare(&mut self, kind: &Kind) -> Result<(), Error> {
        for &visitor in self.sample.iter().take(COMPARED) {
            let (_, reply) = ask(
                self.asker.get_mut(),
                &kind.command(self.town, visitor, false),
            )?;
            let mut expected = self
                .floor
                .exposed(visitor, kind.hours, kind.second)
                .to_vec();
            expected.sort_unstable();
            if ids(self.town, reply)? != expected {
                return Err(
                    format!("visitor {visitor}, {}: not the floor's answer", kind.name).into(),
                );
            }
            let (_, reply) = ask(
                self.asker.get_mut(),
                &kind.command(self.town, visitor, true),
            )?;
            if rows(self.town, reply)? != self.floor.exposures(visitor, kind.hours, kind.second) {
                return Err(
                    format!("visitor {visitor}, {}: not the floor's rows", kind.name).into(),
                );
            }
        }
        Ok(())
    }

    /// All kinds in turn, a round after the other.
    fn rounds(&mut self, options: &Options, kinds: &[Kind]) -> Result<Vec<Vec<Round>>, Error> {
        eprintln!("Comparing answers with the floor's …");
        for kind in kinds {
            self.compare(kind)?;
        }
        let questions = 2 * self.sample.len() * kinds.len();
        eprintln!(
            "Asking: {} rounds of {} questions …",
            options.rounds,
            grouped(questions as u64)
        );
        let mut progress = (
            Progress::new("questions", (questions * options.rounds) as u64),
            0,
        );
        let mut all: Vec<Vec<Round>> = kinds.iter().map(|_| vec![]).collect();
        for _ in 0..options.rounds {
            for (kind, rounds) in kinds.iter().zip(&mut all) {
                rounds.push(self.round(kind, &mut progress)?);
            }
        }
        progress.0.finish();
        Ok(all)
    }
}

pub(crate) fn measure(options: &Options, town: &Town, report: &mut Report) -> Result<(), Error> {
    let mut stage = Stage::new(options, town, options.questions)?;
    let name = size(about(town));
    let kinds = [FIRST_14_DAYS, FIRST_48_HOURS, SECOND_48_HOURS];
    let all = stage.rounds(options, &kinds)?;
    for (kind, rounds) in kinds.iter().zip(&all) {
        for (times, most) in [(false, TIMES_PLAIN), (true, TIMES_ROWS)] {
            let least = over(rounds, |round| round.least(times));
            let ratio = over(rounds, |round| round.ratio(times));
            let p50 = over(rounds, |round| round.asked(times).p50());
            // Nothing is asked of this one: it is so quick that the round trip is most of it.
            let judged = kind.second || kind.hours != FIRST_48_HOURS.hours;
            let (with, above) = if times {
                (" WITHTIMES", "rows")
            } else {
                ("", "reply")
            };
            report.add(Row {
                what: format!("EXPOSED {}{with}, {name}", kind.name),
                target: format!("{most} × {} = {}", time(least), time(most * least)),
                measured: format!("{ratio:.2} × = {}", time(p50)),
                met: judged.then_some(ratio <= most),
                note: format!(
                    "in CPU {:.2} ×; {}; floor {}, {above} {}",
                    over(rounds, |round| round.cpu_ratio(times)),
                    spread(rounds, times),
                    time(over(rounds, |round| round.floor(times).p50())),
                    time(over(rounds, |round| round.above(times))),
                ),
                numbers: numbers(&stage, kind, rounds, times),
            });
        }
    }
    Ok(())
}

/// Everybody was in one place: each has met all others.
pub(crate) fn stadium(options: &Options, report: &mut Report) -> Result<(), Error> {
    let town = City::with_stadium(CROWD).settle();
    let mut stage = Stage::new(options, &town, STADIUM_QUESTIONS.min(options.questions))?;
    let kinds = [FIRST_14_DAYS, SECOND_48_HOURS];
    let all = stage.rounds(options, &kinds)?;
    for ((kind, rounds), target) in kinds.iter().zip(&all).zip([3e3, 30e3]) {
        for times in [false, true] {
            let p50 = over(rounds, |round| round.asked(times).p50());
            let order = if kind.second { 2 } else { 1 };
            let with = if times { " WITHTIMES" } else { "" };
            report.add(Row {
                what: format!(
                    "EXPOSED order {order}{with}, stadium of {}",
                    grouped(CROWD as u64)
                ),
                target: if times { String::new() } else { time(target) },
                measured: time(p50),
                met: (!times).then_some(p50 <= target),
                note: format!(
                    "{}; floor {}",
                    spread(rounds, times),
                    time(over(rounds, |round| round.floor(times).p50()))
                ),
                numbers: numbers(&stage, kind, rounds, times),
            });
        }
    }
    Ok(())
}

/// How far the times of a question lie apart, and how many contacts it finds.
fn spread(rounds: &[Round], times: bool) -> String {
    let [p99, max] =
        [0.99, 1.0].map(|quantile| over(rounds, |round| round.asked(times).times.at(quantile)));
    let contacts = grouped(over(rounds, Round::contacts) as u64);
    format!("p99 {}, max {}; {contacts} contacts", time(p99), time(max))
}

fn numbers(stage: &Stage<'_>, kind: &Kind, rounds: &[Round], times: bool) -> Value {
    let side = |side: fn(&Round, bool) -> &Side| {
        let at = |quantile| over(rounds, |round| side(round, times).times.at(quantile));
        json!({
            "p50_us": at(0.5), "p99_us": at(0.99), "max_us": at(1.0),
            "cpu_us": over(rounds, |round| side(round, times).cpu * 1e6 / round.found.len() as f64),
        })
    };
    json!({
        "visits": stage.floor.visits(), "stadium": stage.town.city().stadium, "question": kind.name, "with_times": times, "contacts": over(rounds, Round::contacts),
        "n": rounds.iter().map(|round| round.found.len()).sum::<usize>(),
        "asked": side(Round::asked), "floor": side(Round::floor), "above_us": over(rounds, |round| round.above(times)),
        "ratio": over(rounds, |round| round.ratio(times)), "cpu_ratio": over(rounds, |round| round.cpu_ratio(times)),
        "rounds": rounds.iter().map(|round| json!({ "p50_us": round.asked(times).p50(), "least_us": round.least(times) })).collect::<Vec<_>>(),
    })
}

/// The lines of a reply without the lengths before them.
pub(crate) fn values(reply: &[u8]) -> impl Iterator<Item = &[u8]> {
    let lines = reply.split(|&byte| byte == b'\n');
    lines
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .filter(|line| !matches!(line.first(), None | Some(b'*' | b'$')))
}

fn visitor(town: &Town, id: &[u8]) -> Result<u32, Error> {
    town.visitor(id)
        .ok_or_else(|| "the module names somebody who does not live here".into())
}

/// The visitors of a plain answer, sorted.
fn ids(town: &Town, reply: &[u8]) -> Result<Vec<u32>, Error> {
    let mut ids = values(reply)
        .map(|id| visitor(town, id))
        .collect::<Result<Vec<u32>, Error>>()?;
    ids.sort_unstable();
    Ok(ids)
}

/// The rows of an answer with times, as they come.
fn rows(town: &Town, reply: &[u8]) -> Result<Vec<Exposed>, Error> {
    let number = |value: &[u8]| -> Result<u64, Error> {
        let text = std::str::from_utf8(value)?
            .strip_prefix(':')
            .ok_or("not a number")?;
        Ok(text.parse()?)
    };
    let begin = town.city().begin;
    let values: Vec<&[u8]> = values(reply).collect();
    let rows = values.chunks(6).map(|row| {
        let [id, order, priority, first, last, total] = row else {
            return Err("a row of an answer is cut short".into());
        };
        let priority = [&b"high"[..], b"medium", b"low"]
            .iter()
            .position(|name| name == priority);
        Ok(Exposed {
            visitor: visitor(town, id)?,
            order: number(order)? as u8,
            priority: priority.ok_or("no such priority")? as u8,
            first: (number(first)? - begin) as u32,
            last: (number(last)? - begin) as u32,
            total: number(total)? as u32,
        })
    });
    rows.collect()
}
