//! A day in the life: visits keep coming at a steady rate while the oldest day is purged from every graph, the server
//! writes all it has to disk, and questions are asked. Every request has a time when it is due and its latency counts
//! from then, so that one that had to wait for others is not taken for a quick one.

use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use lct_model::city::Stay;
use lct_tools::{Asker, Error, Progress, Requests, Server, elements, grouped, run};
use serde_json::{Value, json};

use super::ask::{KINDS, Question};
use super::load::{Clock, Count};
use super::people::Nation;
use super::{DAYS, Options, bytes};
use crate::ask::{SECOND_48_HOURS, ask};
use crate::rdb::folder;
use crate::report::{Report, Row, Times, time};
use crate::send::Spent;
use crate::stall::Probe;

/// Visits sent in one go over a connection: those of as many phones behind a gateway.
const TOGETHER: usize = 100;
/// Whose requests do not wait for each other.
const CONNECTIONS: usize = 16;
/// Between two questions.
const ASKING: Duration = Duration::from_millis(100);
/// Between two looks at how far it is.
const LOOKING: Duration = Duration::from_millis(100);
/// What is shorter is not worth a look.
const WORTHWHILE: Duration = Duration::from_secs(1);
/// Visits enough for so many times the time asked for: writing must have ended before they do.
pub(crate) const TIMES_AS_MANY: u64 = 3;
/// Part of the rate that must be reached to call it reached.
const REACHED: f64 = 0.99;

/// What else goes on: nothing, a purge, a purge while the server writes all it has, or nothing any more.
const ALONE: usize = 0;
const PURGING: usize = 1;
const WRITING: usize = 2;
const AFTERWARDS: usize = 3;
/// One of something for each of them.
type Each<T> = [T; 4];

/// What was seen meanwhile.
#[derive(Default)]
struct Seen {
    visits: Times,
    questions: [Times; KINDS.len()],
    pings: Times,
    spent: Spent,
    /// Seconds the server waited for its core.
    waiting: f64,
}

/// The visits to come, in order of time, each region's.
pub(crate) struct Supply(Vec<Vec<Stay>>);

impl Supply {
    /// Generates so many, of the days after those loaded.
    pub(crate) fn new(nation: &Nation, visits: u64) -> Self {
        let each = visits.div_ceil((nation.regions.len() * TOGETHER) as u64) as usize * TOGETHER;
        eprintln!("Generating {} visits …", grouped(visits));
        let mut progress = Progress::new("regions", nation.regions.len() as u64);
        let mut stays = vec![];
        for region in &nation.regions {
            let mut some = vec![];
            for day in DAYS..region.town().city().days {
                if some.len() < each {
                    some.extend(region.day(day));
                }
            }
            some.truncate(each);
            some.shrink_to_fit();
            stays.push(some);
            progress.update(stays.len() as u64);
        }
        progress.finish();
        Self(stays)
    }

    /// The visits that are due in a turn, and the region they belong to; `None` when there are no more.
    fn turn(&self, turn: usize) -> Option<(usize, &[Stay])> {
        let region = turn % self.0.len();
        let part = self.0[region].chunks(TOGETHER).nth(turn / self.0.len())?;
        Some((region, part))
    }
}

/// What is there when it begins.
pub(crate) struct Given<'s> {
    pub(crate) server: &'s Server,
    pub(crate) options: &'s Options,
    pub(crate) nation: &'s Nation,
    /// What was loaded into each graph.
    pub(crate) counts: &'s [Count],
    pub(crate) supply: &'s Supply,
    /// Of each kind, with answers.
    pub(crate) questions: &'s [Vec<Question>; KINDS.len()],
    /// The longest a client waits while nothing is done, in microseconds.
    pub(crate) noise: f64,
}

/// What all threads see.
struct Scene<'s> {
    given: &'s Given<'s>,
    begin: Instant,
    /// What else goes on.
    now: AtomicUsize,
    logged: AtomicU64,
    over: AtomicBool,
    ran_out: AtomicBool,
}

/// What the work beside the visits took.
struct Worked {
    /// For each graph.
    purges: Vec<Duration>,
    written: Duration,
    /// Bytes in the files.
    files: u64,
}

impl Scene<'_> {
    fn over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    fn wait_for(&self, due: Instant) {
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
    }

    /// Logs every so many-th turn's visits when they are due; how long each turn took, by what went on at its end.
    fn log(&self, worker: usize) -> Result<Each<Times>, Error> {
        let options = self.given.options;
        let mut connection = self.given.server.connect()?;
        let mut times: Each<Times> = Default::default();
        for turn in (worker..).step_by(CONNECTIONS) {
            let Some((region, stays)) = self.given.supply.turn(turn) else {
                self.ran_out.store(true, Ordering::Relaxed);
                break;
            };
            let region = &self.given.nation.regions[region];
            let mut requests = Requests::default();
            for some in stays.chunks(options.visits_a_command.into()) {
                let visits = some.len() as u64;
                requests.add(TOGETHER, visits, |bytes| region.pack(bytes, some));
            }
            let seconds = (turn * TOGETHER) as f64 / options.rate as f64;
            let due = self.begin + Duration::from_secs_f64(seconds);
            self.wait_for(due);
            if self.over() {
                break;
            }
            run(std::slice::from_mut(&mut connection), &requests)?;
            self.logged.fetch_add(stays.len() as u64, Ordering::Relaxed);
            times[self.now.load(Ordering::Relaxed)].add(due.elapsed());
        }
        Ok(times)
    }

    /// Asks now and then, and compares what nothing that happens meanwhile can change.
    fn ask(&self) -> Result<Each<[Times; KINDS.len()]>, Error> {
        let mut asker = Asker::new(self.given.server.connect()?);
        let mut times: Each<[Times; KINDS.len()]> = Default::default();
        for turn in 0.. {
            self.wait_for(self.begin + ASKING * turn as u32);
            if self.over() {
                break;
            }
            let (kind, turn) = (turn % KINDS.len(), turn / KINDS.len());
            let questions = &self.given.questions[kind];
            let question = &questions[turn % questions.len()];
            let (took, reply) = ask(&mut asker, &question.command)?;
            let contacts = elements(reply)?;
            // What is logged is later than what is asked for; what is purged is not, of 14 days.
            if KINDS[kind].hours < 24 * DAYS as u32 && contacts != question.contacts {
                return Err(format!(
                    "{}: {} contacts, and {contacts} of them while later visits are logged",
                    KINDS[kind].name, question.contacts
                )
                .into());
            }
            times[self.now.load(Ordering::Relaxed)][kind].add(took);
        }
        Ok(times)
    }

    /// What happens beside the visits and the questions, one after the other.
    fn script(&self, seen: &mut Each<Seen>) -> Result<Worked, Error> {
        let Given {
            server, options, ..
        } = self.given;
        let mut asker = Asker::new(server.connect()?);
        let whole = Duration::from_secs(options.seconds);
        let half = self.given.nation.regions.len() / 2;

        eprintln!("Logging visits, {} a second …", grouped(options.rate));
        let mut progress = Progress::new("visits", options.rate * options.seconds);
        self.during(ALONE, seen, || {
            self.watch(self.begin + whole / 3, &mut progress);
            Ok(())
        })?;
        let mut purges = self.during(PURGING, seen, || self.purge(&mut asker, 0..half))?;
        let writing = Writing::of(options);
        let written = self.during(WRITING, seen, || {
            let start = Instant::now();
            asker.ask(&[writing.command.as_bytes()])?;
            purges.extend(self.purge(&mut asker, half..self.given.nation.regions.len())?);
            while writing.going_on(server)? {
                self.watch(Instant::now() + LOOKING, &mut progress);
            }
            Ok(start.elapsed())
        })?;
        let end = self.begin + whole;
        if end.saturating_duration_since(Instant::now()) >= WORTHWHILE {
            self.during(AFTERWARDS, seen, || {
                self.watch(end, &mut progress);
                Ok(())
            })?;
        }
        progress.finish();

        let (_, info) = asker.ask(&[b"INFO", b"persistence"])?;
        if !String::from_utf8_lossy(info).contains(&format!("{}:ok", writing.status)) {
            return Err(format!("{} has failed", writing.command).into());
        }
        Ok(Worked {
            purges,
            written,
            files: bytes_below(&folder(&mut asker)?)?,
        })
    }

    /// Has some work done beside all this, and sees what it does to the rest.
    fn during<T>(
        &self,
        what: usize,
        seen: &mut Each<Seen>,
        work: impl FnOnce() -> Result<T, Error>,
    ) -> Result<T, Error> {
        let server = self.given.server;
        self.now.store(what, Ordering::Relaxed);
        let probe = Probe::start(server)?;
        let before = self.logged.load(Ordering::Relaxed);
        let waiting = server.kept_waiting()?;
        let mut clock = Clock::start(server)?;
        let result = work()?;
        clock.operations = self.logged.load(Ordering::Relaxed) - before;
        seen[what].spent = clock.spent(server)?;
        seen[what].waiting = server.kept_waiting()? - waiting;
        seen[what].pings = probe.finish()?;
        Ok(result)
    }

    /// Waits and shows how it goes.
    fn watch(&self, until: Instant, progress: &mut Progress) {
        while Instant::now() < until {
            self.wait_for(until.min(Instant::now() + LOOKING));
            // It may last longer than asked for.
            let Options { rate, seconds, .. } = self.given.options;
            progress.update(self.logged.load(Ordering::Relaxed).min(rate * seconds));
        }
    }

    /// Removes the oldest day from some graphs, one after the other; how long each took.
    fn purge(&self, asker: &mut Asker, regions: Range<usize>) -> Result<Vec<Duration>, Error> {
        let counts = &self.given.counts[regions.clone()];
        let regions = &self.given.nation.regions[regions];
        let purges = regions.iter().zip(counts).map(|(region, count)| {
            let before = region.at(1).to_string();
            let graph = region.graph.as_bytes();
            let (took, reply) = asker.ask(&[b"LCT.PURGE", graph, b"BEFORE", before.as_bytes()])?;
            if reply != format!(":{}\r\n", count.first_day).as_bytes() {
                return Err(format!(
                    "{}: {} visits were to be removed, the module says {}",
                    region.graph,
                    count.first_day,
                    String::from_utf8_lossy(reply).trim_end()
                )
                .into());
            }
            Ok(took)
        });
        purges.collect()
    }
}

/// Everything written to disk while the server goes on.
struct Writing {
    command: &'static str,
    /// Fields of INFO persistence: not 0 while it goes on, how it ended, and what it copied.
    going_on: &'static [&'static str],
    status: &'static str,
    copied: &'static str,
}

impl Writing {
    fn of(options: &Options) -> Self {
        if options.aof {
            Self {
                command: "BGREWRITEAOF",
                going_on: &["aof_rewrite_in_progress", "aof_rewrite_scheduled"],
                status: "aof_last_bgrewrite_status",
                copied: "aof_last_cow_size",
            }
        } else {
            Self {
                command: "BGSAVE",
                going_on: &["rdb_bgsave_in_progress"],
                status: "rdb_last_bgsave_status",
                copied: "rdb_last_cow_size",
            }
        }
    }

    fn going_on(&self, server: &Server) -> Result<bool, Error> {
        let mut going_on = false;
        for field in self.going_on {
            going_on |= server.info("persistence", field)? > 0.0;
        }
        Ok(going_on)
    }
}

fn bytes_below(folder: &Path) -> Result<u64, Error> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        bytes += if metadata.is_dir() {
            bytes_below(&entry.path())?
        } else {
            metadata.len()
        };
    }
    Ok(bytes)
}

/// Visits logged and removed.
pub(crate) struct Changed {
    pub(crate) logged: u64,
    pub(crate) removed: u64,
}

pub(crate) fn measure(given: &Given<'_>, report: &mut Report) -> Result<Changed, Error> {
    let scene = Scene {
        given,
        begin: Instant::now(),
        now: AtomicUsize::new(ALONE),
        logged: AtomicU64::new(0),
        over: AtomicBool::new(false),
        ran_out: AtomicBool::new(false),
    };
    let mut seen: Each<Seen> = Default::default();
    let worked = std::thread::scope(|scope| {
        let scene = &scene;
        let workers: Vec<_> = (0..CONNECTIONS)
            .map(|worker| scope.spawn(move || scene.log(worker)))
            .collect();
        let asker = scope.spawn(|| scene.ask());
        let worked = scene.script(&mut seen);
        scene.over.store(true, Ordering::Relaxed);
        for worker in workers {
            let times = worker.join().map_err(|_| "who logs visits has failed")??;
            for (seen, times) in seen.iter_mut().zip(times) {
                seen.visits.extend(times);
            }
        }
        let times = asker.join().map_err(|_| "who asks has failed")??;
        for (seen, times) in seen.iter_mut().zip(times) {
            seen.questions = times;
        }
        worked
    })?;
    tell(&scene, &seen, &worked, report)?;
    Ok(Changed {
        logged: scene.logged.into_inner(),
        removed: given.counts.iter().map(|count| count.first_day).sum(),
    })
}

fn tell(
    scene: &Scene<'_>,
    seen: &Each<Seen>,
    worked: &Worked,
    report: &mut Report,
) -> Result<(), Error> {
    let Given {
        server,
        options,
        counts,
        noise,
        ..
    } = *scene.given;
    let writing = Writing::of(options);
    let names = [
        "alone",
        "beside a purge",
        &format!("beside a purge and {}", writing.command),
        "afterwards",
    ];
    for (name, seen) in names.iter().zip(seen) {
        if seen.spent.operations == 0 {
            continue;
        }
        let busy = |cpu: f64| 100.0 * cpu / seen.spent.seconds;
        let rate = seen.spent.per_second();
        let reached = rate >= REACHED * options.rate as f64;
        let limit = if reached { "" } else { seen.spent.limit() };
        let queue = if reached { "" } else { "; they queue: " };
        report.add(Row {
            what: format!("visits logged {name}"),
            target: format!("{} a second", grouped(options.rate)),
            measured: format!("{} a second", grouped(rate as u64)),
            met: Some(reached),
            note: format!(
                "{}; server {:.0} % busy and {:.0} % kept from its core, client {:.0} % busy, {:.0} s{queue}{limit}",
                quantiles(&seen.visits),
                busy(seen.spent.server),
                busy(seen.waiting),
                busy(seen.spent.client),
                seen.spent.seconds
            ),
            numbers: json!({
                "beside": name, "per_second": rate, "seconds": seen.spent.seconds, "latency": numbers(&seen.visits),
                "server_cpu_s": seen.spent.server, "server_kept_waiting_s": seen.waiting, "client_cpu_s": seen.spent.client,
                "limit": limit,
            }),
        });
        let [.., second_order] = &seen.questions;
        let asked: Vec<String> = KINDS
            .iter()
            .zip(&seen.questions)
            .filter(|(_, times)| times.len() > 0)
            .map(|(kind, times)| format!("{}: {} ({})", kind.name, quantiles(times), times.len()))
            .collect();
        report.add(Row {
            what: format!("EXPOSED {} {name}", SECOND_48_HOURS.name),
            target: String::new(),
            measured: time(second_order.at(0.5)),
            met: None,
            note: asked.join("; "),
            numbers: json!({
                "beside": name, "questions": KINDS.iter().zip(&seen.questions).map(|(kind, times)| {
                    json!({ "question": kind.name, "latency": numbers(times) })
                }).collect::<Vec<Value>>(),
            }),
        });
        report.add(Row {
            what: format!("longest stall {name}"),
            target: String::new(),
            measured: time(seen.pings.at(1.0)),
            met: None,
            note: format!("{}; noise {}", quantiles(&seen.pings), time(noise)),
            numbers: json!({ "beside": name, "latency": numbers(&seen.pings), "noise_us": noise }),
        });
    }

    let purges = worked.purges.iter().sum::<Duration>().as_secs_f64();
    let removed: u64 = counts.iter().map(|count| count.first_day).sum();
    let half = &counts[..counts.len() / 2];
    // What the visits cost meanwhile is what they cost alone.
    let visits = seen[PURGING].spent.operations as f64 * seen[ALONE].spent.nanos() / 1e9;
    let cpu = seen[PURGING].spent.server - visits;
    let nanos = 1e9 * cpu.max(0.0) / half.iter().map(|count| count.first_day).sum::<u64>() as f64;
    let longest = worked.purges.iter().max().copied().unwrap_or_default();
    report.add(Row {
        what: "purge of the oldest day, all graphs".into(),
        target: String::new(),
        measured: time(1e6 * purges),
        met: None,
        note: format!(
            "{} visits; server CPU {} above the rest; longest of a graph {}",
            grouped(removed),
            time(1e-3 * nanos * removed as f64),
            time(1e6 * longest.as_secs_f64())
        ),
        numbers: json!({
            "seconds": purges, "removed": removed, "cpu_ns_a_visit": nanos, "longest_s": longest.as_secs_f64(),
        }),
    });
    let copied = server.info("persistence", writing.copied)?;
    let fork = server.info("stats", "latest_fork_usec")?;
    let ran_out = scene.ran_out.load(Ordering::Relaxed);
    report.add(Row {
        what: format!("{} beside it", writing.command),
        target: String::new(),
        measured: time(1e6 * worked.written.as_secs_f64()),
        met: None,
        note: format!(
            "fork {}; copied on write {}; {} of files{}",
            time(fork),
            bytes(copied),
            bytes(worked.files as f64),
            if ran_out { "; NOT all the while beside visits: they ran out" } else { "" }
        ),
        numbers: json!({
            "seconds": worked.written.as_secs_f64(), "fork_us": fork, "copied_bytes": copied, "file_bytes": worked.files,
            "visits_ran_out": ran_out,
        }),
    });
    Ok(())
}

fn quantiles(times: &Times) -> String {
    let [p50, p99, max] = [0.5, 0.99, 1.0].map(|quantile| time(times.at(quantile)));
    format!("p50 {p50}, p99 {p99}, max {max}")
}

fn numbers(times: &Times) -> Value {
    let [p50, p99, p999, max] = [0.5, 0.99, 0.999, 1.0].map(|quantile| times.at(quantile));
    json!({ "p50_us": p50, "p99_us": p99, "p999_us": p999, "max_us": max, "n": times.len() })
}
