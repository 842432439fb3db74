//! Measures redis-server with the module against what it is meant to reach: `scripts/bench module`; how it bears a
//! quarter of a country: `scripts/bench nation`; and draws what was measured: `scripts/bench plot`.
//!
//! Servers of its own without persistence, on the loopback, one core for the server and one for this program. What is
//! compared is measured in the same run, in interleaved rounds, as processor time of the server where this program
//! would be the limit; the answers are compared with those of the floor, and one that differs ends the run.

mod ask;
mod density;
mod growth;
mod nation;
mod purge;
mod rdb;
mod report;
mod send;
mod stall;
mod write;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, ValueEnum};
use lct_model::city::{City, Town};
use lct_tools::{Error, Server, grouped, plots};
use report::Report;
use serde_json::json;

const DAY: u64 = 24 * 60 * 60 * 1000;
/// The key of the city's graph.
const CITY: &[u8] = b"city";
/// How many people fill the stadium.
const CROWD: usize = 50_000;

/// Measures redis-server with the module, and draws what was measured.
#[derive(Debug, Parser)]
#[command(name = "lct-bench", version)]
enum Command {
    /// Measures redis-server with the module against its targets
    Module(Options),
    /// Measures a quarter of a country of 30 million, in several graphs of one server
    Nation(nation::Options),
    /// Draws the newest of what scripts/bench has measured
    Plot(Plot),
}

/// From where, and where to.
#[derive(Debug, Args)]
struct Plot {
    /// Where the benches left their numbers
    #[arg(long, default_value = "var/bench")]
    from: PathBuf,
    /// Where the drawings go
    #[arg(long, default_value = "var/bench")]
    to: PathBuf,
}

/// What to measure, and where.
#[derive(Debug, Args)]
struct Options {
    #[command(flatten)]
    place: Place,
    /// Visits in the cities, from small to large
    #[arg(long, value_delimiter = ',', default_values_t = [1_000_000, 10_000_000])]
    visits: Vec<usize>,
    /// One more city, for the section growth alone: 100000000, for instance, which takes 10 GB
    #[arg(long)]
    growth_to: Option<usize>,
    /// Rounds; what is shown is their median
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Visitors to ask about
    #[arg(long, default_value_t = 500)]
    questions: usize,
    /// Only these sections
    #[arg(long, value_delimiter = ',', value_enum)]
    only: Vec<Section>,
}

/// Where a measurement takes place.
#[derive(Debug, Args)]
struct Place {
    /// The module
    #[arg(long, default_value = "target/release/liblct_module.so")]
    module: PathBuf,
    /// The server: redis-server or valkey-server, or a path to one
    #[arg(long, default_value = "redis-server")]
    server: PathBuf,
    /// Keep the server on this core
    #[arg(long)]
    server_core: Option<usize>,
    /// The core this program was started on, for the record
    #[arg(long)]
    client_core: Option<usize>,
    /// Where the numbers go, for machines
    #[arg(long, default_value = "var/bench")]
    out: PathBuf,
}

impl Place {
    fn start(&self) -> Result<Server, Error> {
        Server::start(&self.server, &self.module, self.server_core)
    }
}

/// A part of the measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Section {
    /// Visits written, beside SET; bytes a visit
    Write,
    /// Questions, beside the floor and the cost of such a reply; the stadium
    Ask,
    /// How much people were together in all spaces, beside the floor and a second client; the stadium
    Density,
    /// How long a second client waits during questions and warnings
    Stall,
    /// The oldest day, removed
    Purge,
    /// A snapshot, written and read
    Rdb,
    /// Cost as the city grows, beside SET
    Growth,
}

impl Options {
    fn wants(&self, section: Section) -> bool {
        self.only.is_empty() || self.only.contains(&section)
    }

    fn server(&self) -> Result<Server, Error> {
        self.place.start()
    }
}

fn main() -> ExitCode {
    let result = match Command::parse() {
        Command::Module(options) => measure(&options),
        Command::Nation(options) => nation::measure(&options),
        Command::Plot(plot) => draw(&plot),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("lct-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(options: &Options) -> Result<(), Error> {
    let mut report = Report::new(
        "module",
        &options.place,
        &format!("no persistence; medians of {} rounds", options.rounds),
        &json!({ "rounds": options.rounds, "questions": options.questions }),
    )?;
    for &visits in &options.visits {
        if options.wants(Section::Write) {
            write::measure(options, &town(visits), &mut report)?;
        }
        if options.wants(Section::Ask) {
            ask::measure(options, &town(visits), &mut report)?;
        }
        if options.wants(Section::Density) {
            density::measure(options, &town(visits), &mut report)?;
        }
    }
    if options.wants(Section::Ask) {
        ask::stadium(options, &mut report)?;
    }
    if options.wants(Section::Density) {
        density::stadium(options, &mut report)?;
    }
    if let Some(&visits) = options.visits.iter().max() {
        if options.wants(Section::Stall) {
            stall::measure(options, &town(visits), &mut report)?;
            stall::stadium(options, &mut report)?;
        }
        if options.wants(Section::Purge) {
            purge::measure(options, &town(visits), &mut report)?;
        }
        if options.wants(Section::Rdb) {
            rdb::measure(options, &town(visits), &mut report)?;
        }
    }
    if options.wants(Section::Growth) {
        growth::measure(options, &mut report)?;
    }
    report.print();
    let path = report.save(&options.place.out)?;
    println!("\nfor machines: {}", path.display());
    draw(&Plot {
        from: options.place.out.clone(),
        to: options.place.out.clone(),
    })
}

fn draw(plot: &Plot) -> Result<(), Error> {
    let drawn = plots::draw(&plot.from, &plot.to)?;
    if drawn.is_empty() {
        println!("nothing to draw yet: scripts/bench module and scripts/bench peers measure");
    }
    for path in drawn {
        println!("drawn: {}", path.display());
    }
    Ok(())
}

fn town(visits: usize) -> Town {
    City::with_visits(visits).settle()
}

/// About how many visits a town has: in thousands, four for everybody each day and one to the stadium.
fn about(town: &Town) -> usize {
    let city = town.city();
    let visits = city.visitors * (4 * city.days as usize + usize::from(city.stadium));
    visits.next_multiple_of(1_000)
}

/// A number of visits for people: `10 M`.
fn size(visits: usize) -> String {
    if visits >= 1_000_000 && visits.is_multiple_of(1_000_000) {
        format!("{} M", visits / 1_000_000)
    } else {
        grouped(visits as u64)
    }
}
