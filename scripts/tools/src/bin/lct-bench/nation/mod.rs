//! A quarter of a country of 30 million on one server: 7.5 million people in several graphs, who visit 400 million
//! places in 14 days. Loaded, asked, and then kept busy with everything a day brings: new visits, a day to purge, a
//! snapshot, questions.

mod ask;
mod check;
mod load;
mod people;
mod strain;

use std::path::Path;
use std::process::Command;

use clap::Args;
use lct_tools::{Asker, Error, Server, grouped};
use serde_json::json;

use crate::Place;
use crate::report::{Report, Row};
use crate::stall::noise;
use crate::write::settled;
use people::Nation;

/// Days that are loaded; what is logged afterwards belongs to those that follow.
const DAYS: u64 = 14;
/// A city has no more.
const MOST_DAYS: u64 = 45;
/// Minutes since the country began.
type Minute = u16;
const MINUTES_A_DAY: Minute = 24 * 60;
/// What everybody makes a day, guests included; and what there is for certain.
const VISITS_A_DAY: f64 = 4.05;
const VISITS_FOR_CERTAIN: f64 = 3.9;

/// Bytes a visit to have room for: in the server, what its allocator cannot give away included; in this program, of those
/// it holds; in a snapshot; in an append-only file and its successor.
const MEMORY: f64 = 24.0;
const HELD: f64 = 12.0;
const SNAPSHOT: f64 = 8.0;
const APPENDED: f64 = 100.0;

/// What to measure, and where.
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(flatten)]
    place: Place,
    /// How many people; fewer for a trial: 187500 with --seconds 36 take a minute
    #[arg(long, default_value_t = 7_500_000, value_parser = clap::value_parser!(u32).range(20_000..=30_000_000))]
    visitors: u32,
    /// Graphs to part them into, by place
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u64).range(2..=99))]
    graphs: u64,
    /// People to ask about
    #[arg(long, default_value_t = 320)]
    people: usize,
    /// Visits a second once all is loaded
    #[arg(long, default_value_t = 200_000, value_parser = clap::value_parser!(u64).range(1..))]
    rate: u64,
    /// So many of them a command: one, as phones log them, unless a gateway gathers them
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=100))]
    visits_a_command: u16,
    /// For so many seconds, or longer until the snapshot is written
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(3..))]
    seconds: u64,
    /// Keep an append-only file, flushed with every write, and rewrite that instead of writing a snapshot
    #[arg(long)]
    aof: bool,
    /// The core for the process that writes the snapshot
    #[arg(long)]
    fork_core: Option<usize>,
}

impl Options {
    /// Visits that are loaded, about.
    fn loaded(&self) -> f64 {
        f64::from(self.visitors) * VISITS_A_DAY * DAYS as f64
    }

    /// Visits to have at hand after that.
    fn supply(&self) -> u64 {
        strain::TIMES_AS_MANY * self.rate * self.seconds
    }

    /// How many days that is in all.
    fn days(&self) -> Result<u64, Error> {
        let a_day = f64::from(self.visitors) * VISITS_FOR_CERTAIN;
        let days = DAYS + (self.supply() as f64 / a_day).ceil() as u64;
        if days > MOST_DAYS {
            let most = (MOST_DAYS - DAYS) as f64 * a_day;
            let most = most / (strain::TIMES_AS_MANY * self.rate) as f64;
            return Err(format!(
                "--seconds: so few people make visits for {most:.0} seconds at most; or give a lower --rate"
            )
            .into());
        }
        Ok(days)
    }

    fn server(&self) -> Result<Server, Error> {
        let mut more = vec![];
        let core = self.fork_core.map(|core| core.to_string());
        if let Some(core) = &core {
            more.extend(["--bgsave_cpulist", core, "--aof_rewrite_cpulist", core]);
        }
        if self.aof {
            more.extend(["--appendonly", "yes", "--appendfsync", "always"]);
            // Only when asked for.
            more.extend(["--auto-aof-rewrite-percentage", "0"]);
        }
        let place = &self.place;
        Server::start_module(&place.server, &place.module, &more, place.server_core)
    }

    /// Whether the machine has room.
    fn check_room(&self) -> Result<(), Error> {
        let visits = self.loaded() + (self.rate * self.seconds) as f64;
        let a_day = f64::from(self.visitors) * VISITS_A_DAY;
        let held = (2.0 * a_day).max(self.supply() as f64);
        // Twice: everything may change while the server writes.
        let memory = 2.0 * MEMORY * visits + HELD * held;
        let disk = visits * if self.aof { APPENDED } else { SNAPSHOT };
        for (what, needed, free) in [
            ("memory", memory, free_memory()?),
            ("disk", disk, free_disk(&std::env::temp_dir())?),
        ] {
            if needed > free {
                let fit = 0.9 * f64::from(self.visitors) * free / needed;
                return Err(format!(
                    "--visitors: {} need {} of {what}, and {} are free; {} would do",
                    grouped(self.visitors.into()),
                    bytes(needed),
                    bytes(free),
                    grouped(fit as u64 / 1_000 * 1_000)
                )
                .into());
            }
        }
        Ok(())
    }
}

pub(crate) fn measure(options: &Options) -> Result<(), Error> {
    let days = options.days()?;
    options.check_room()?;
    let graphs = options.graphs as usize;
    let expected = options.loaded();
    eprintln!(
        "{} people in {graphs} graphs, some {} million visits: about {:.0} min.",
        grouped(options.visitors.into()),
        (expected / 1e6).ceil(),
        // A million loaded a second, and checking; the rest hardly depends on how many there are.
        (expected / 0.9e6 + 2.0 * options.seconds as f64 + 30.0) / 60.0
    );
    let mut report = Report::new(
        "nation",
        &options.place,
        &format!(
            "{}; {} people in {graphs} graphs",
            if options.aof {
                "append-only file, flushed with every write"
            } else {
                "no persistence but a snapshot"
            },
            grouped(options.visitors.into())
        ),
        &json!({
            "visitors": options.visitors, "graphs": graphs, "days": DAYS, "people": options.people, "rate": options.rate,
            "visits_a_command": options.visits_a_command, "seconds": options.seconds, "aof": options.aof, "fork_core": options.fork_core,
        }),
    )?;
    let nation = Nation::new(options.visitors, graphs, days);
    let measured = measure_all(options, &nation, &mut report);
    // What was seen before something failed is worth seeing.
    report.print();
    measured?;
    let path = report.save(&options.place.out)?;
    println!("\nfor machines: {}", path.display());
    Ok(())
}

fn measure_all(options: &Options, nation: &Nation, report: &mut Report) -> Result<(), Error> {
    let server = options.server()?;
    let empty = server.info("memory", "used_memory")?;

    eprintln!("Loading {DAYS} days …");
    let loaded = load::load(&server, nation, DAYS, options.loaded() as u64)?;
    let visits = loaded.all.operations;
    loaded.tell(report);
    memory(&server, nation, empty, visits, "14 days", report)?;
    let noise = noise(&server)?;
    let questions = ask::measure(&server, nation, options.people, noise, report)?;
    check::check(&mut Asker::new(server.connect()?), nation, report)?;

    check_copies(&server)?;
    let changed = strain::measure(
        &strain::Given {
            server: &server,
            options,
            nation,
            counts: &loaded.counts,
            supply: &strain::Supply::new(nation, options.supply()),
            questions: &questions,
            noise,
        },
        report,
    )?;
    let left = visits + changed.logged - changed.removed;
    memory(&server, nation, empty, left, "after all that", report)
}

/// Whether there is still room for a copy of everything: others may have taken it since the beginning.
fn check_copies(server: &Server) -> Result<(), Error> {
    let (resident, free) = (server.resident()?, free_memory()?);
    if resident > free {
        return Err(format!(
            "the server has {} of memory, all of which may be copied while it writes, and {} are free; \
             end what else takes memory and run this again",
            bytes(resident),
            bytes(free)
        )
        .into());
    }
    Ok(())
}

/// Tells what so many visits take, and makes sure that they are there.
fn memory(
    server: &Server,
    nation: &Nation,
    empty: f64,
    visits: u64,
    when: &str,
    report: &mut Report,
) -> Result<(), Error> {
    let used = settled(server)? - empty;
    let (mut stored, mut reported, mut visitors) = (0, 0.0, 0.0);
    for region in &nation.regions {
        stored += server.graph_info(&region.graph, "visits")? as u64;
        reported += server.graph_info(&region.graph, "memory")?;
        visitors += server.graph_info(&region.graph, "visitors")?;
    }
    if stored != visits {
        return Err(format!(
            "{} visits were to be there, the module says {}",
            grouped(visits),
            grouped(stored)
        )
        .into());
    }
    let resident = server.info("memory", "used_memory_rss")?;
    let peak = server.info("memory", "used_memory_peak")?;
    // What the allocator has in pages that are in use, over what is in use.
    let fragmentation = server.info("memory", "allocator_frag_ratio")?;
    let each = used / visits as f64;
    report.add(Row {
        what: format!("memory, {when}"),
        target: String::new(),
        measured: format!("{} = {each:.1} bytes a visit", bytes(used)),
        met: None,
        note: format!(
            "{} visits, {} visitors in all graphs; LCT.INFO says {:.1}; resident {} (fragmentation {fragmentation:.2}), peak used {}",
            grouped(visits),
            grouped(visitors as u64),
            reported / visits as f64,
            bytes(resident),
            bytes(peak)
        ),
        numbers: json!({
            "when": when, "visits": visits, "visitors": visitors, "used": used, "bytes_a_visit": each, "reported": reported,
            "resident": resident, "fragmentation": fragmentation, "peak": peak,
        }),
    });
    Ok(())
}

/// Bytes for people.
fn bytes(bytes: f64) -> String {
    match bytes {
        ..1e6 => format!("{:.0} kB", bytes / 1e3),
        ..1e9 => format!("{:.0} MB", bytes / 1e6),
        _ => format!("{:.1} GB", bytes / 1e9),
    }
}

fn free_memory() -> Result<f64, Error> {
    let info = std::fs::read_to_string("/proc/meminfo")?;
    let line = info
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    Ok(1024.0 * kib.ok_or("no MemAvailable in /proc/meminfo")?)
}

fn free_disk(folder: &Path) -> Result<f64, Error> {
    let output = Command::new("df").arg("-Pk").arg(folder).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let kib = text
        .lines()
        .nth(1)
        .and_then(|line| line.split_whitespace().nth(3));
    let kib = kib.and_then(|kib| kib.parse::<f64>().ok());
    Ok(1024.0 * kib.ok_or("df does not say how much of the disk is free")?)
}
