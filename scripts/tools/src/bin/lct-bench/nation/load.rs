//! Fourteen days loaded in order of time, all regions at once as in life, a hundred visits a command. Three threads:
//! one generates, a day ahead, one packs, and one sends, so that the server need not wait for the first two.

use std::net::TcpStream;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Instant;

use lct_model::city::Stay;
use lct_tools::{Error, Progress, Requests, Server, grouped, run};
use serde_json::json;

use super::MINUTES_A_DAY;
use super::people::Nation;
use crate::report::{Report, Row};
use crate::send::{Spent, VARIADIC, VARIADIC_PIPELINE};

/// Few, as a gateway has.
const CONNECTIONS: usize = 8;
/// So many visits are packed and sent in one go.
const PACKED: u64 = 100_000;
/// Packed requests that wait for their turn.
const WAITING: usize = 2;

/// What was loaded, and what that took.
pub(crate) struct Loaded {
    pub(crate) all: Spent,
    /// The same for each day.
    pub(crate) days: Vec<Spent>,
    /// Of each region.
    pub(crate) counts: Vec<Count>,
}

/// What the generator counted in a region.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Count {
    pub(crate) visits: u64,
    /// Those that end on the first day.
    pub(crate) first_day: u64,
}

impl Loaded {
    pub(crate) fn tell(&self, report: &mut Report) {
        let per_day = || self.days.iter().map(Spent::per_cpu_second);
        let [first, last] = [per_day().next(), per_day().next_back()]
            .map(|rate| grouped(rate.unwrap_or(f64::NAN) as u64));
        report.add(Row {
            what: format!("loaded, {VARIADIC} visits a command"),
            target: String::new(),
            measured: format!("{} per CPU second", grouped(self.all.per_cpu_second() as u64)),
            met: None,
            note: format!(
                "{} visits in {:.0} s: {} a second, {}; the first day {first}, the last {last} per CPU second",
                grouped(self.all.operations),
                self.all.seconds,
                grouped(self.all.per_second() as u64),
                self.all.limit()
            ),
            numbers: json!({
                "visits": self.all.operations, "seconds": self.all.seconds, "server_cpu_s": self.all.server,
                "client_cpu_s": self.all.client, "per_second": self.all.per_second(),
                "per_cpu_second": self.all.per_cpu_second(), "limit": self.all.limit(),
                "days_per_cpu_second": per_day().collect::<Vec<f64>>(),
            }),
        });
    }
}

pub(crate) fn load(
    server: &Server,
    nation: &Nation,
    days: u64,
    expected: u64,
) -> Result<Loaded, Error> {
    let mut connections = (0..CONNECTIONS)
        .map(|_| server.connect())
        .collect::<Result<Vec<TcpStream>, Error>>()?;
    let mut progress = Progress::new("visits", expected);
    std::thread::scope(|scope| {
        // A day ahead, so that nobody waits for midnight.
        let (generated, to_pack) = sync_channel(nation.regions.len());
        let (packed, to_send) = sync_channel(WAITING);
        let generator = scope.spawn(move || generate(nation, days, &generated));
        scope.spawn(move || pack(nation, &to_pack, &packed));

        let mut loaded = Loaded {
            all: Spent::default(),
            days: vec![],
            counts: vec![],
        };
        let mut done = 0;
        let mut day = Clock::start(server)?;
        for (of_day, requests) in to_send {
            if of_day > loaded.days.len() as u64 {
                loaded.days.push(day.spent(server)?);
                day = Clock::start(server)?;
            }
            run(&mut connections, &requests)?;
            day.operations += requests.operations;
            done += requests.operations;
            progress.update(done);
        }
        loaded.days.push(day.spent(server)?);
        for day in &loaded.days {
            loaded.all.add(day);
        }
        loaded.counts = generator.join().map_err(|_| "the generator has failed")?;
        progress.finish();
        Ok(loaded)
    })
}

/// Ends early when nobody wants more.
fn generate(nation: &Nation, days: u64, generated: &SyncSender<Vec<Stay>>) -> Vec<Count> {
    let mut counts = vec![Count::default(); nation.regions.len()];
    for day in 0..days {
        for (region, count) in nation.regions.iter().zip(&mut counts) {
            let stays = region.day(day);
            count.visits += stays.len() as u64;
            if day == 0 {
                let ended = stays.iter().filter(|stay| stay.end <= MINUTES_A_DAY);
                count.first_day = ended.count() as u64;
            }
            if generated.send(stays).is_err() {
                return counts;
            }
        }
    }
    counts
}

/// Deals out commands of all regions in turn, a day after the other.
fn pack(nation: &Nation, generated: &Receiver<Vec<Stay>>, packed: &SyncSender<(u64, Requests)>) {
    for day in 0.. {
        let stays: Vec<Vec<Stay>> = generated.iter().take(nation.regions.len()).collect();
        if stays.is_empty() {
            return;
        }
        let mut requests = Requests::default();
        let mut parts: Vec<_> = stays.iter().map(|stays| stays.chunks(VARIADIC)).collect();
        loop {
            let before = requests.operations;
            for (region, parts) in nation.regions.iter().zip(&mut parts) {
                if let Some(part) = parts.next() {
                    let visits = part.len() as u64;
                    requests.add(VARIADIC_PIPELINE, visits, |bytes| region.pack(bytes, part));
                }
            }
            let last = requests.operations == before;
            let full = last || requests.operations >= PACKED;
            if full && packed.send((day, std::mem::take(&mut requests))).is_err() {
                return;
            }
            if last {
                break;
            }
        }
    }
}

/// What a piece of work takes, of the clock and of both processors.
pub(crate) struct Clock {
    start: Instant,
    server: f64,
    client: f64,
    /// For the worker to count.
    pub(crate) operations: u64,
}

impl Clock {
    pub(crate) fn start(server: &Server) -> Result<Self, Error> {
        Ok(Self {
            server: server.cpu()?,
            client: process_cpu()?,
            start: Instant::now(),
            operations: 0,
        })
    }

    pub(crate) fn spent(&self, server: &Server) -> Result<Spent, Error> {
        Ok(Spent {
            operations: self.operations,
            seconds: self.start.elapsed().as_secs_f64(),
            server: server.cpu()? - self.server,
            client: process_cpu()? - self.client,
        })
    }
}

/// Seconds of processor time this program has used so far, all its threads together.
fn process_cpu() -> Result<f64, Error> {
    const TICKS_A_SECOND: f64 = 100.0;
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let (_, numbers) = stat.rsplit_once(") ").ok_or("/proc/self/stat is strange")?;
    let mut ticks = 0.0;
    for number in numbers.split(' ').skip(11).take(2) {
        ticks += number.parse::<f64>()?;
    }
    Ok(ticks / TICKS_A_SECOND)
}
