//! Fills the playground of a running system with a synthetic town: `scripts/demo`.
//!
//! Everything goes into the graph `Sandbox`, by the commands that gateways use. What somebody else put there is left alone: a
//! mark says which town is in it, and if there is a text, a warning or more visits than this town has, nothing is done, unless
//! `--anew` says that nobody needs it.
//!
//! A phone cannot be filled from here: its key and its diary are its own. So one of the people's diaries is printed as a link
//! that a phone in practice opens; it logs those visits as its own, and a warning that stands already alerts it.

mod town;

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Parser;
use lct_graph::Millis;
use lct_tools::{Progress, grouped};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use redis::{Cmd, Connection, FromRedisValue, RedisError, cmd};

use crate::town::{DAY, Diary, HOUR, MINUTE, Town};

const GRAPH: &str = "Sandbox";
const FEEDBACK: &str = "lct:feedback:Sandbox";
const STATUS: &str = "lct:feedback-status:Sandbox";
/// Which town is in the graph: `seed`, and `at`, when it was made.
const MARK: &str = "lct:demo:Sandbox";
const RETENTION: Millis = 14 * DAY;
const VISITS_PER_COMMAND: usize = 500;
/// A warning that would alert more people than this waits for an operator.
const HOLD: u64 = 80;
/// How many warnings there are.
const WARNINGS: usize = 7;
/// How many of them visitors gave and did not take back.
const BY_VISITORS: usize = 5;
/// How long after its end a visit may be logged so that it matches a warning that stands already: the module's `lct.late`.
const LATE: Millis = DAY;
/// A diary is of use if its company is no longer ago: this leaves eight hours to open its link in.
const LATELY: Millis = LATE - 8 * HOUR;

const TEXTS: [(u64, &str); 6] = [
    (
        11,
        "The QR code at the station bakery is behind glass and cannot be scanned when the sun shines.",
    ),
    (
        8,
        "Thank you for not asking for my name. My parents use it, too.",
    ),
    (
        5,
        "I was alerted, but I only passed by the library for ten minutes. Is that enough?",
    ),
    (
        3,
        "The poster of the swimming pool hangs in the changing room, so everybody checks in twice.",
    ),
    (
        1,
        "Please print the posters larger; with my glasses off I cannot find the code.",
    ),
    (0, "¿Se puede avisar también a quien no tiene teléfono?"),
];

/// Fills the graph Sandbox of a running system with a synthetic town.
///
/// 900 people, 43 places with names, two weeks of visits, seven warnings of which one waits for a decision, some feedback,
/// and a link that fills a phone in practice with the diary of one of the people. Run again, it replaces its own town; what
/// it did not make, as visits of such a phone, it leaves alone.
#[derive(Debug, Parser)]
#[command(name = "lct-demo", version)]
struct Args {
    /// The server; LCT_REDIS keeps a password out of the list of processes
    #[arg(
        long,
        env = "LCT_REDIS",
        hide_env_values = true,
        default_value = "redis://127.0.0.1:6390"
    )]
    redis: String,
    /// What makes this town differ from others
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Throw away whatever is in Sandbox first, whoever made it
    #[arg(long)]
    anew: bool,
    /// Where the gateway serves the visitors' page, for the links of the places
    #[arg(long, env = "LCT_LISTEN", default_value = "127.0.0.1:8787")]
    listen: String,
    /// Where to write the list of the places, which the operators' page opens
    #[arg(long, env = "LCT_PLACES", default_value = "demo-places.txt")]
    places: PathBuf,
}

#[derive(Debug, thiserror::Error)]
enum DemoError {
    #[error("--redis: must be like redis://127.0.0.1:6390 or redis://user:password@host:6390/0")]
    Url,
    #[error(
        "nothing runs at {address} ({error}). Start scripts/run in another terminal first, or say with --redis where the server is."
    )]
    Connect { address: String, error: RedisError },
    #[error(
        "the server at {0} has no LCT module. Start scripts/run, or say with --redis where LCT runs."
    )]
    NoModule(String),
    #[error(
        "Sandbox holds something that this did not make ({0}), and it is left as it is. If nobody needs it, say --anew: \
         that throws it away first."
    )]
    Foreign(String),
    #[error("{}: {error}", path.display())]
    File {
        path: PathBuf,
        error: std::io::Error,
    },
    #[error("the server refused: {0}")]
    Refused(#[from] RedisError),
    #[error("nobody at {0} would alert as many as wanted; try another --seed")]
    NobodySuits(&'static str),
    #[error("nobody of this town was in company lately; try another --seed")]
    NobodyMet,
}

fn main() -> ExitCode {
    match fill(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("lct-demo: {error}");
            ExitCode::from(if matches!(error, DemoError::Url) {
                2
            } else {
                1
            })
        }
    }
}

fn fill(args: &Args) -> Result<(), DemoError> {
    let client = redis::Client::open(args.redis.as_str()).map_err(|_| DemoError::Url)?;
    // The address alone: the URL may hold a password.
    let address = client.get_connection_info().addr().to_string();
    let connection = client.get_connection_with_timeout(Duration::from_secs(5));
    let connection = connection.map_err(|error| DemoError::Connect {
        address: address.clone(),
        error,
    })?;
    let mut demo = Demo {
        connection,
        address,
    };
    demo.make_room(args.anew)?;

    let now = now();
    let town = Town::new(args.seed, now);
    let diary = town.diary(now, LATELY).ok_or(DemoError::NobodyMet)?;
    eprintln!(
        "Seed {}: {} people, {} places, {} visits into {GRAPH} …",
        args.seed,
        grouped(town.people.len() as u64),
        town.places.len(),
        grouped(town.visits.len() as u64),
    );
    // First, so that a town that was left half way is known as ours.
    let mark = [("seed", args.seed), ("at", now)];
    demo.ask::<()>(cmd("HSET").arg(MARK).arg(&mark))?;
    demo.ask::<()>(cmd("PEXPIRE").arg(MARK).arg(RETENTION + DAY))?;
    demo.log(&town)?;
    demo.warn(&town, &diary, args.seed, now)?;
    demo.write_feedback(now)?;

    let links: Vec<String> = town.places.iter().map(|place| link(args, place)).collect();
    let list = links.join("\n") + "\n";
    std::fs::write(&args.places, list).map_err(|error| DemoError::File {
        path: args.places.clone(),
        error,
    })?;
    let library = town
        .places
        .iter()
        .position(|place| place.name.starts_with("City library"));
    println!(
        "The town is there (seed {}).\n\n\
         On the operators' page choose the graph {GRAPH}, and open this list under Places to see names instead of ids:\n  {}\n\n\
         A phone, where nothing is real, gets the diary of one of the people by this link; opened within {} hours, it is alerted,\n\
         and hears it when an operator withdraws the warning “Of a place”:\n  http://{}/?practice#{}\n\n\
         It checks in at the library by\n  {}",
        args.seed,
        args.places.display(),
        (diary.company.end + LATE - now) / HOUR,
        args.listen,
        diary.payload(&town, BY_VISITORS),
        links[library.unwrap_or_default()],
    );
    Ok(())
}

fn link(args: &Args, place: &town::Place) -> String {
    format!("http://{}/c?practice#{}", args.listen, place.payload())
}

fn now() -> Millis {
    let since_1970 = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    since_1970.as_millis() as Millis
}

struct Demo {
    connection: Connection,
    address: String,
}

impl Demo {
    fn ask<T: FromRedisValue>(&mut self, command: &Cmd) -> Result<T, DemoError> {
        Ok(command.query(&mut self.connection)?)
    }

    /// Empties the playground if it holds nothing but a town of ours, or if that does not matter.
    fn make_room(&mut self, anew: bool) -> Result<(), DemoError> {
        let known: Vec<redis::Value> = self.ask(cmd("COMMAND").arg("INFO").arg("LCT.VISIT"))?;
        if known.iter().all(|command| *command == redis::Value::Nil) {
            return Err(DemoError::NoModule(self.address.clone()));
        }
        if !anew && let Some(what) = self.foreign()? {
            return Err(DemoError::Foreign(what));
        }
        let keys = [GRAPH, FEEDBACK, STATUS, MARK];
        self.ask::<()>(cmd("UNLINK").arg(&keys))
    }

    /// What is in the playground that is of no town of ours, if anything.
    fn foreign(&mut self) -> Result<Option<String>, DemoError> {
        let mark: HashMap<String, u64> = self.ask(cmd("HGETALL").arg(MARK))?;
        let town = mark
            .get("seed")
            .zip(mark.get("at"))
            .map(|(&seed, &at)| Town::new(seed, at));
        let entries: Vec<(String, HashMap<String, String>)> =
            self.ask(cmd("XRANGE").arg(FEEDBACK).arg("-").arg("+"))?;
        let text_of_ours = |(_, fields): &(String, HashMap<String, String>)| {
            let text = fields.get("text");
            town.is_some()
                && TEXTS
                    .iter()
                    .any(|(_, ours)| text.is_some_and(|text| text == ours))
        };
        let texts = entries.iter().filter(|entry| !text_of_ours(entry)).count();
        if texts > 0 {
            return Ok(Some(format!("{} other texts", grouped(texts as u64))));
        }
        if !self.ask::<bool>(cmd("EXISTS").arg(GRAPH))? {
            return Ok(None);
        }
        let info: HashMap<String, Option<u64>> = self.ask(cmd("LCT.INFO").arg(GRAPH))?;
        let visits = info.get("visits").copied().flatten().unwrap_or_default();
        let ours = mark.get("seed").map(|&seed| ids(seed)).unwrap_or_default();
        let rows: Vec<(String, String, String, String, u64, u64)> =
            self.ask(cmd("LCT.WARNINGS").arg(GRAPH))?;
        let warnings = rows.iter().filter(|row| !ours.contains(&row.0)).count();
        let others = match &town {
            Some(town) => visits.saturating_sub(self.visits_of(town)?),
            None => visits,
        };
        let foreign = warnings > 0 || others > 0 || town.is_none();
        Ok(foreign.then(|| {
            format!(
                "{} other visits, {warnings} other warnings",
                grouped(others)
            )
        }))
    }

    /// How many visits the people of this town have.
    fn visits_of(&mut self, town: &Town) -> Result<u64, DemoError> {
        let mut visits = 0;
        for person in &town.people {
            let rows: Vec<redis::Value> = self.ask(cmd("LCT.VISITS").arg(GRAPH).arg(person))?;
            visits += rows.len() as u64;
        }
        Ok(visits)
    }

    fn log(&mut self, town: &Town) -> Result<(), DemoError> {
        let mut progress = Progress::new("visits", town.visits.len() as u64);
        for (number, visits) in town.visits.chunks(VISITS_PER_COMMAND).enumerate() {
            let mut command = cmd("LCT.VISIT");
            command.arg(GRAPH);
            for visit in visits {
                command
                    .arg(&town.people[visit.person])
                    .arg(town.places[visit.place].id());
                command.arg(visit.start).arg(visit.end);
            }
            self.ask::<()>(&command)?;
            progress.update((number * VISITS_PER_COMMAND) as u64);
        }
        progress.finish();
        Ok(())
    }

    /// Seven warnings: four stand, one was taken back, one is of the place where the diary was in company, one waits for a
    /// decision.
    fn warn(
        &mut self,
        town: &Town,
        diary: &Diary,
        seed: u64,
        now: Millis,
    ) -> Result<(), DemoError> {
        let [first, second, third, fourth, taken_back, of_place, held] = ids(seed);
        let few = 1..=HOLD;
        // At least three working days back, so that those at work and at school met somebody.
        for (warning, place, reason, days, alerts) in [
            (first, "Riverside school, class 4", "positive", 5, &few),
            (second, "Furniture works, paint shop", "symptoms", 5, &few),
            (third, "Café Central", "positive", 6, &few),
            (fourth, "St. Anne clinic, ward 1", "contact", 5, &few),
            (taken_back.clone(), "Olive restaurant", "symptoms", 5, &few),
            (held, "City library", "positive", 7, &(HOLD + 1..=u64::MAX)),
        ] {
            self.warn_as(
                town,
                place,
                |person| warning_of(&warning, person, reason, now - days * DAY),
                alerts,
            )?;
        }
        self.ask::<()>(cmd("LCT.RETRACT").arg(GRAPH).arg(&taken_back))?;
        let Diary { company, .. } = diary;
        let mut command = cmd("LCT.WARNSPACE");
        command.arg(GRAPH).arg(&of_place);
        command.arg(town.places[company.place].id()).arg("positive");
        command.arg(company.start - HOUR).arg(company.end);
        self.ask(&command)
    }

    /// A warning by the first of a place's regulars who would alert so many, as a gateway would give it.
    fn warn_as(
        &mut self,
        town: &Town,
        place: &'static str,
        warning: impl Fn(&str) -> Cmd,
        alerts: &RangeInclusive<u64>,
    ) -> Result<(), DemoError> {
        for person in town.regulars(place) {
            let mut command = warning(&town.people[person]);
            let would: u64 = self.ask(command.clone().arg("DRYRUN"))?;
            if alerts.contains(&would) {
                return self.ask(command.arg("HOLD").arg(HOLD));
            }
        }
        Err(DemoError::NobodySuits(place))
    }

    /// As the gateway keeps it: the day, and no more.
    fn write_feedback(&mut self, now: Millis) -> Result<(), DemoError> {
        let mut ids: Vec<String> = Vec::new();
        for (ago, text) in TEXTS {
            let day = (now / DAY - ago) * DAY;
            ids.push(
                self.ask(
                    cmd("XADD")
                        .arg(FEEDBACK)
                        .arg(format!("{day}-*"))
                        .arg("text")
                        .arg(text),
                )?,
            );
        }
        let statuses = [(&ids[0], "done"), (&ids[1], "read")];
        self.ask::<()>(cmd("HSET").arg(STATUS).arg(&statuses))?;
        for key in [FEEDBACK, STATUS] {
            self.ask::<()>(cmd("PEXPIRE").arg(key).arg(RETENTION + DAY))?;
        }
        Ok(())
    }
}

/// The ids of a town's warnings.
fn ids(seed: u64) -> [String; WARNINGS] {
    let mut rng = StdRng::seed_from_u64(seed ^ 0xdead);
    std::array::from_fn(|_| {
        uuid::Builder::from_random_bytes(rng.random())
            .into_uuid()
            .to_string()
    })
}

/// A warning by somebody who met people for three quarters of an hour or longer.
fn warning_of(warning: &str, person: &str, reason: &str, since: Millis) -> Cmd {
    let mut command = cmd("LCT.WARN");
    command.arg(GRAPH).arg(warning).arg(person).arg(reason);
    command
        .arg("FROM")
        .arg(since)
        .arg("MINTIME")
        .arg(45 * MINUTE);
    command
}
