//! Measures LCT beside what people would use instead: `scripts/bench peers`.
//!
//! The same city, the same questions about the same people, and every answer compared with that of sorted arrays in
//! process (the floor). All peers hold the city at the same time and are asked in interleaved rounds, so that whatever
//! else the machine does meets them all alike. Afterwards: how long a second client waits meanwhile, and the purge of
//! the oldest day.

mod duckdb;
mod falkordb;
mod floor;
mod lct;
mod peer;
mod postgres;
mod report;
mod work;
mod zset;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use duckdb::DuckDb;
use falkordb::FalkorDb;
use floor::InProcess;
use lct::Lct;
use lct_model::city::City;
use lct_tools::{Error, Progress, grouped, plots, thread_cpu};
use peer::Peer;
use postgres::Postgres;
use report::{Report, Size, Stall, System, Timing};
use work::{Question, Work};
use zset::Zset;

/// What can be left out.
const OPTIONAL: [&str; 6] = [
    "zset-lua",
    "postgresql",
    "duckdb",
    "duckdb-sorted",
    "falkordb",
    "falkordb-flat",
];

/// At most as many are asked while a second client watches.
const WATCHED: usize = 10;

/// Measures LCT beside what people would use instead.
#[derive(Debug, Parser)]
#[command(name = "lct-bench-peers", version)]
struct Args {
    /// The module
    #[arg(long, default_value = "target/release/liblct_module.so")]
    module: PathBuf,
    /// The server for LCT and for plain Redis: redis-server or valkey-server, or a path to one
    #[arg(long, default_value = "redis-server")]
    server: PathBuf,
    /// A Python that has the package duckdb; without it DuckDB is left out
    #[arg(long)]
    python: Option<PathBuf>,
    /// The folder with redis-server and falkordb.so; without it FalkorDB is left out
    #[arg(long)]
    falkordb: Option<PathBuf>,
    /// Why a peer is left out, for the record
    #[arg(long, value_name = "PEER=REASON", value_parser = named)]
    without: Vec<(String, String)>,
    /// Only these besides LCT and the floor
    #[arg(long, value_delimiter = ',', value_parser = OPTIONAL)]
    only: Vec<String>,
    /// Visits in the city; several numbers make several cities, one after the other
    #[arg(long, value_delimiter = ',', default_values_t = [1_000_000])]
    visits: Vec<usize>,
    /// People in one stadium, in a city of its own; 0 for none [default: a twentieth of the first city's visits, at most 50,000]
    #[arg(long)]
    stadium: Option<usize>,
    /// Rounds; the table shows medians
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Questions of each kind, a round
    #[arg(long, default_value_t = 100)]
    questions: usize,
    /// Seconds for the questions of a kind that a peer is asked, in all rounds together: slow ones answer fewer
    #[arg(long, default_value_t = 20.0)]
    limit: f64,
    /// Keep the servers of LCT and of plain Redis on this core; the other peers may use all
    #[arg(long)]
    server_core: Option<usize>,
    /// The core this program was started on, for the record
    #[arg(long)]
    client_core: Option<usize>,
    /// Where the numbers go, for machines
    #[arg(long, default_value = "var/bench")]
    out: PathBuf,
}

fn named(text: &str) -> Result<(String, String), String> {
    let named = text.split_once('=').ok_or("must be PEER=REASON")?;
    Ok((named.0.to_owned(), named.1.to_owned()))
}

fn main() -> ExitCode {
    match measure(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("lct-bench-peers: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(args: &Args) -> Result<(), Error> {
    let mut report = Report::new(args);
    let stadium = args.stadium.unwrap_or_else(|| {
        let visits = args.visits.first().copied().unwrap_or_default();
        (visits / 20).min(50_000)
    });
    let cities = args.visits.iter().map(|&visits| City::with_visits(visits));
    let stadium = (stadium > 0).then(|| City::with_stadium(stadium));
    // What one city shows is kept when the next one fails.
    let mut ended = Ok(());
    for city in cities.chain(stadium) {
        match compare(args, city, &mut report) {
            Ok(size) => report.sizes.push(size),
            Err(error) => {
                ended = Err(error);
                break;
            }
        }
    }
    if !report.sizes.is_empty() {
        report.print();
        let path = report.save(&args.out)?;
        println!("\nfor machines: {}", path.display());
    }
    ended?;
    let mismatches = report.mismatches();
    if mismatches > 0 {
        return Err(
            format!("{mismatches} answers differ from the floor's; examples are above").into(),
        );
    }
    for path in plots::draw(&args.out, &args.out)? {
        println!("drawn: {}", path.display());
    }
    Ok(())
}

/// Every peer that is wanted and can be had, empty. The floor is the first and LCT the second.
fn start<'w>(
    args: &Args,
    work: &'w Work,
    report: &mut Report,
) -> Result<Vec<Box<dyn Peer + 'w>>, Error> {
    let left_out = |name: &str| args.without.iter().any(|(peer, _)| name.starts_with(peer));
    let wanted = |name: &str| args.only.is_empty() || args.only.iter().any(|only| only == name);
    let cores = all_cores().filter(|_| args.client_core.is_some());
    let cores = cores.as_deref();

    let lct = Lct::start(&args.server, &args.module, args.server_core)?;
    let mut peers: Vec<Box<dyn Peer + 'w>> = vec![Box::new(InProcess::new(work)), Box::new(lct)];
    if wanted("zset-lua") {
        peers.push(Box::new(Zset::start(&args.server, args.server_core)?));
    }
    let mut add = |name: &str, start: &dyn Fn() -> Result<Box<dyn Peer + 'w>, Error>| {
        if wanted(name) && !left_out(name) {
            match start() {
                Ok(peer) => peers.push(peer),
                Err(error) => report.skip(name, &error.to_string()),
            }
        }
    };
    add("postgresql", &|| {
        let programs = Postgres::programs();
        let programs = programs.ok_or("not installed here; in Debian: postgresql")?;
        Ok(Box::new(Postgres::start(&programs, cores)?))
    });
    for layout in [duckdb::Layout::Plain, duckdb::Layout::Sorted] {
        add(layout.name(), &|| {
            let python = args.python.as_deref();
            let python = python.ok_or("a Python that has it must be given with --python")?;
            Ok(Box::new(DuckDb::start(python, layout, cores)?))
        });
    }
    for layout in [falkordb::Layout::Day, falkordb::Layout::Flat] {
        add(layout.name(), &|| {
            let folder = args.falkordb.as_deref();
            let folder = folder.ok_or("its folder must be given with --falkordb")?;
            Ok(Box::new(FalkorDb::start(folder, layout, cores)?))
        });
    }
    Ok(peers)
}

/// Everything about one city.
fn compare(args: &Args, city: City, report: &mut Report) -> Result<Size, Error> {
    eprintln!(
        "Building a city of {} people …",
        grouped(city.visitors as u64)
    );
    let work = Work::new(city, args.questions);
    let mut peers = start(args, &work, report)?;

    let mut systems = vec![];
    for peer in &mut peers {
        let start = Instant::now();
        eprint!(
            "{}: loading {} visits … ",
            peer.name(),
            grouped(work.stays.len() as u64)
        );
        let ingest = peer.load(&work);
        let ingest = ingest.map_err(|error| format!("{}: {error}", peer.name()))?;
        eprintln!("{:.1} s", start.elapsed().as_secs_f64());
        systems.push(System {
            name: peer.name(),
            about: peer.about(),
            ingest,
            bytes: peer.bytes()?,
            timings: Default::default(),
            stalls: vec![],
        });
    }

    let expected = expected(&work, peers[0].as_mut())?;
    let blocks = args.rounds * Question::ALL.len() * peers.len();
    eprintln!(
        "Asking: {} rounds of {} kinds of question, {} peers …",
        args.rounds,
        Question::ALL.len(),
        peers.len()
    );
    let mut progress = Progress::new("blocks of questions", blocks as u64);
    let mut done = 0;
    for _ in 0..args.rounds {
        for (kind, question) in Question::ALL.into_iter().enumerate() {
            for (peer, system) in peers.iter_mut().zip(&mut systems) {
                let limit = Duration::from_secs_f64(args.limit / args.rounds as f64);
                let timing = &mut system.timings[kind];
                round(&work, question, peer.as_mut(), limit, &expected, timing)
                    .map_err(|error| format!("{}: {error}", system.name))?;
                done += 1;
                progress.update(done);
            }
        }
    }
    progress.finish();

    for (peer, system) in peers.iter_mut().zip(&mut systems) {
        eprintln!("{}: a second client watches, then the purge …", system.name);
        system.stalls = stalls(args, &work, peer.as_mut())
            .map_err(|error| format!("{}: {error}", system.name))?;
    }
    Ok(Size {
        visits: work.stays.len(),
        visitors: work.town.city().visitors,
        stadium: work.town.city().stadium,
        systems,
    })
}

/// What the floor answers about one visitor, sorted: to each question, both orders together.
type Expected = [Vec<u64>; Question::ALL.len()];

fn expected(work: &Work, floor: &mut dyn Peer) -> Result<Vec<Expected>, Error> {
    let mut answers = vec![];
    for &visitor in &work.sample {
        let mut of_visitor = Expected::default();
        for (answer, question) in of_visitor.iter_mut().zip(Question::ALL) {
            *answer = (floor.ask(work, question, visitor)?.visitors)()?;
            answer.sort_unstable();
        }
        answers.push(of_visitor);
    }
    Ok(answers)
}

/// Asks a peer one kind of question about everybody in the sample, or until the time is over, and checks the answers.
fn round(
    work: &Work,
    question: Question,
    peer: &mut dyn Peer,
    limit: Duration,
    expected: &[Expected],
    timing: &mut Timing,
) -> Result<(), Error> {
    let start = Instant::now();
    if timing.rounds.is_empty() {
        // Once, so that nothing is asked for the first time on the clock.
        peer.ask(work, question, work.sample[work.sample.len() - 1])?;
    }
    let (cpu, client) = (peer.cpu()?, thread_cpu()?);
    let (mut micros, mut answers) = (vec![], vec![]);
    for &visitor in &work.sample {
        let answer = peer.ask(work, question, visitor)?;
        micros.push(answer.took.as_secs_f64() * 1e6);
        answers.push(answer.visitors);
        if start.elapsed() > limit {
            break;
        }
    }
    timing.cpu += peer.cpu()? - cpu;
    timing.client_cpu += thread_cpu()? - client;
    timing.rounds.push(micros);

    for ((answer, expected), &visitor) in answers.into_iter().zip(expected).zip(&work.sample) {
        let mut answer = answer()?;
        timing.found += answer.len();
        answer.sort_unstable();
        let [_, first, both] = expected;
        let expected = match question {
            Question::FirstTwoWeeks => &expected[0],
            Question::FirstTwoDays => first,
            Question::SecondTwoDays if peer.answers_both_orders() => both,
            Question::SecondTwoDays => {
                let further = |id: &&u64| first.binary_search(id).is_err();
                &both.iter().filter(further).copied().collect()
            }
        };
        if answer != *expected {
            timing.mismatches += 1;
            if timing.mismatches <= 3 {
                let id = work.town.visitor_number(visitor);
                let differs = |a: &[u64], b: &[u64]| {
                    a.iter().filter(|id| b.binary_search(id).is_err()).count()
                };
                eprintln!(
                    "MISMATCH {}: {} of visitor {id:016x}: {} answered where the floor has {}; {} too many, {} missing",
                    peer.name(),
                    question.name(),
                    answer.len(),
                    expected.len(),
                    differs(&answer, expected),
                    differs(expected, &answer)
                );
            }
        }
    }
    Ok(())
}

/// How long a second client waits at most: while nothing happens, during questions and during the purge.
fn stalls(args: &Args, work: &Work, peer: &mut dyn Peer) -> Result<Vec<Stall>, Error> {
    let mut stalls = vec![];
    if !peer.watch(work)? {
        return Ok(stalls);
    }
    std::thread::sleep(Duration::from_millis(500));
    let mut waited = |peer: &mut dyn Peer, what, took| -> Result<(), Error> {
        let longest = peer.longest_wait()?;
        stalls.push(Stall {
            what,
            longest,
            took,
        });
        Ok(())
    };
    waited(peer, "at rest", None)?;

    let limit = Duration::from_secs_f64(args.limit / args.rounds as f64);
    peer.watch(work)?;
    let start = Instant::now();
    for &visitor in work.sample.iter().take(WATCHED) {
        peer.ask(work, Question::SecondTwoDays, visitor)?;
        if start.elapsed() > limit {
            break;
        }
    }
    waited(peer, Question::SecondTwoDays.name(), None)?;

    peer.watch(work)?;
    std::thread::sleep(Duration::from_millis(50));
    let purge = peer.purge(work)?.ok_or("holds visits for ever")?;
    waited(peer, "purge of the oldest day", Some(purge.took))?;
    if purge.removed != purge.expected {
        let (removed, expected) = (purge.removed, purge.expected);
        return Err(format!("the purge removed {removed} of {expected}").into());
    }
    Ok(stalls)
}

/// All cores, as taskset reads them.
fn all_cores() -> Option<String> {
    let online = std::fs::read_to_string("/sys/devices/system/cpu/online").ok()?;
    Some(online.trim().to_owned())
}
