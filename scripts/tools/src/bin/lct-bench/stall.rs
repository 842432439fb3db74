//! How long a second client waits: one that asks for nothing but PING, five thousand times a second, while the first
//! asks and warns. Beside it the same while nobody does anything: what the machine itself makes it wait.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use lct_model::city::{City, Town};
use lct_tools::{Asker, Error, Floor, Server, grouped};
use serde_json::{Value, json};

use crate::ask::{FIRST_14_DAYS, FIRST_48_HOURS, Kind, SECOND_48_HOURS, ask};
use crate::report::{Report, Row, Times, over, time};
use crate::send::load;
use crate::{CITY, CROWD, Options, about, size};

const PAUSE: Duration = Duration::from_micros(200);
/// How long nothing is done, and how long each kind of question is asked, in a round.
pub(crate) const NOISE: Duration = Duration::from_secs(2);
const ASKING: Duration = Duration::from_secs(5);
/// Rings and searches that follow a warning may disturb, too.
const AFTER_A_WARNING: Duration = Duration::from_secs(1);

/// The longest stalls, in microseconds.
const BY_EXPOSED: f64 = 20e3;
const BY_STADIUM: f64 = 30e3;
const BY_SECOND_ORDER: f64 = 60e3;
/// How many contacts that warning is meant to find.
const FOUND: usize = 105_000;

/// No target names it, but any question may be asked: the whole city within two weeks.
const SECOND_14_DAYS: Kind = Kind {
    name: "second order, 14 days",
    hours: 14 * 24,
    second: true,
};

/// A second client.
pub(crate) struct Probe {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<std::io::Result<Times>>,
}

impl Probe {
    pub(crate) fn start(server: &Server) -> Result<Self, Error> {
        let mut connection = server.connect()?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut times = Times::default();
            while !stopped.load(Ordering::Relaxed) {
                times.add(ping(&mut connection)?);
                std::thread::sleep(PAUSE);
            }
            Ok(times)
        });
        std::thread::sleep(Duration::from_millis(20));
        Ok(Self { stop, thread })
    }

    pub(crate) fn finish(self) -> Result<Times, Error> {
        self.stop.store(true, Ordering::Relaxed);
        let times = self.thread.join().map_err(|_| "the probe has failed")?;
        Ok(times?)
    }
}

/// How long an answer takes.
pub(crate) fn ping(connection: &mut TcpStream) -> std::io::Result<Duration> {
    let start = Instant::now();
    connection.write_all(b"PING\r\n")?;
    connection.read_exact(&mut [0; b"+PONG\r\n".len()])?;
    Ok(start.elapsed())
}

/// The longest stall while some work is done.
pub(crate) fn during(
    server: &Server,
    work: impl FnOnce() -> Result<(), Error>,
) -> Result<f64, Error> {
    let probe = Probe::start(server)?;
    work()?;
    Ok(probe.finish()?.at(1.0))
}

/// The longest stall while nothing is done.
pub(crate) fn noise(server: &Server) -> Result<f64, Error> {
    during(server, || {
        std::thread::sleep(NOISE);
        Ok(())
    })
}

/// What a round found, in microseconds.
struct Round {
    noise: f64,
    /// Of each kind of question, plain and with times.
    asked: Vec<(String, f64)>,
    warned: f64,
}

pub(crate) fn measure(options: &Options, town: &Town, report: &mut Report) -> Result<(), Error> {
    let server = options.server()?;
    load(&server, town)?;
    let mut asker = Asker::new(server.connect()?);
    let sample = town.sample(options.questions);
    let mut warners = whoever_meets(FOUND, town, &sample);
    warners.truncate(options.rounds);
    let name = size(about(town));

    eprintln!("Waiting beside questions: {} rounds …", options.rounds);
    let mut rounds = vec![];
    for (number, &(warner, found)) in warners.iter().enumerate() {
        let mut round = Round {
            noise: noise(&server)?,
            asked: vec![],
            warned: 0.0,
        };
        for kind in [
            FIRST_14_DAYS,
            FIRST_48_HOURS,
            SECOND_48_HOURS,
            SECOND_14_DAYS,
        ] {
            for times in [false, true] {
                let stall = during(&server, || {
                    let start = Instant::now();
                    for &visitor in sample.iter().take_while(|_| start.elapsed() < ASKING) {
                        ask(&mut asker, &kind.command(town, visitor, times))?;
                    }
                    Ok(())
                })?;
                let withtimes = if times { " WITHTIMES" } else { "" };
                round
                    .asked
                    .push((format!("{}{withtimes}", kind.name), stall));
            }
        }
        let warning = format!("second-{number}");
        round.warned = during(&server, || {
            warn(&mut asker, &warning, town, warner, &SECOND_48_HOURS, found)
        })?;
        rounds.push(round);
    }

    let noise = over(&rounds, |round| round.noise);
    let kinds = (0..rounds.first().map_or(0, |round| round.asked.len())).map(|kind| {
        let stall = over(&rounds, |round| round.asked[kind].1);
        (rounds[0].asked[kind].0.as_str(), stall)
    });
    let kinds: Vec<(&str, f64)> = kinds.collect();
    let worst = kinds.iter().max_by(|a, b| a.1.total_cmp(&b.1));
    let (by, worst) = worst.copied().unwrap_or(("", f64::NAN));
    let kinds: Vec<Value> = kinds
        .iter()
        .map(|(name, stall)| json!({ "question": name, "longest_us": stall }))
        .collect();
    report.add(Row {
        what: format!("longest stall by EXPOSED, {name}"),
        target: time(BY_EXPOSED),
        measured: time(worst),
        met: Some(worst <= BY_EXPOSED),
        note: format!("noise {}; by {by}", time(noise)),
        numbers: json!({ "longest_us": worst, "noise_us": noise, "kinds": kinds }),
    });
    let warned = over(&rounds, |round| round.warned);
    let found: Vec<String> = warners
        .iter()
        .map(|&(_, found)| grouped(found as u64))
        .collect();
    report.add(Row {
        what: format!("longest stall by WARN ORDER 2, {name}"),
        target: time(BY_SECOND_ORDER),
        measured: time(warned),
        met: Some(warned <= BY_SECOND_ORDER),
        note: format!("noise {}; {} found", time(noise), found.join(", ")),
        numbers: json!({ "longest_us": warned, "noise_us": noise, "found": warners.iter().map(|w| w.1).collect::<Vec<_>>() }),
    });
    Ok(())
}

/// Visitors and how many they reach by order 2 within 48 hours, those closest to a number first.
fn whoever_meets(number: usize, town: &Town, sample: &[u32]) -> Vec<(u32, usize)> {
    let mut floor = Floor::new(town);
    let mut found: Vec<(u32, usize)> = sample
        .iter()
        .map(|&visitor| {
            (
                visitor,
                floor.exposed(visitor, SECOND_48_HOURS.hours, true).len(),
            )
        })
        .collect();
    found.sort_by_key(|&(_, found)| found.abs_diff(number));
    found
}

/// Warns and makes sure that just as many are alerted, then waits for what follows.
fn warn(
    asker: &mut Asker,
    warning: &str,
    town: &Town,
    visitor: u32,
    kind: &Kind,
    expected: usize,
) -> Result<(), Error> {
    let mut command = kind.command(town, visitor, false);
    let options = command.split_off(3);
    let mut words: Vec<&[u8]> = vec![
        b"LCT.WARN",
        CITY,
        warning.as_bytes(),
        &command[2],
        b"positive",
    ];
    words.extend(options.iter().map(Vec::as_slice));
    let (_, reply) = asker.ask(&words)?;
    if reply != format!(":{expected}\r\n").as_bytes() {
        let reply = String::from_utf8_lossy(reply).trim_end().to_owned();
        return Err(format!("{expected} were to be alerted, the module says {reply}").into());
    }
    std::thread::sleep(AFTER_A_WARNING);
    Ok(())
}

/// Warns in the stadium; each round in a server of its own, where nobody has been alerted yet.
pub(crate) fn stadium(options: &Options, report: &mut Report) -> Result<(), Error> {
    let town = City::with_stadium(CROWD).settle();
    for kind in [FIRST_48_HOURS, SECOND_48_HOURS] {
        let mut rounds = vec![];
        for &warner in town.sample(options.rounds).iter() {
            let server = options.server()?;
            load(&server, &town)?;
            let mut asker = Asker::new(server.connect()?);
            let noise = noise(&server)?;
            let stall = during(&server, || {
                warn(&mut asker, "stadium", &town, warner, &kind, CROWD - 1)
            })?;
            rounds.push((stall, noise));
        }
        let (stall, noise) = (
            over(&rounds, |round| round.0),
            over(&rounds, |round| round.1),
        );
        let order = if kind.second { 2 } else { 1 };
        report.add(Row {
            what: format!("longest stall by WARN order {order}, stadium of {}", grouped(CROWD as u64)),
            // What warning a stadium means is order 1: there is nobody left for order 2.
            target: if kind.second { String::new() } else { time(BY_STADIUM) },
            measured: time(stall),
            met: (!kind.second).then_some(stall <= BY_STADIUM),
            note: format!("noise {}", time(noise)),
            numbers: json!({ "stadium": CROWD, "order": order, "longest_us": stall, "noise_us": noise }),
        });
    }
    Ok(())
}
