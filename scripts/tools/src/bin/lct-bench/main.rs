//! Measures redis-server with the module beside what Redis does by itself: `scripts/bench module`.
//!
//! A server of its own without persistence, on the loopback; the same city of visits throughout. First, in interleaved
//! rounds, SET, ZADD and LCT.VISIT as fast as they go; then questions one at a time; then bytes a visit.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use lct_model::Visit;
use lct_model::city::City;
use lct_tools::{
    Asker, Error, Progress, Requests, Server, elements, grouped, load_average, median, run,
};
use serde_json::json;

/// Commands under way on each connection, and how many connections: enough to keep the server busy.
const PIPELINE: usize = 64;
const CONNECTIONS: usize = 50;
/// Visits a command in the variadic rows.
const VARIADIC: usize = 100;
/// Different keys or members in the SET and ZADD rows.
const KEYS: usize = 100_000;
const DAY: u64 = 24 * 60 * 60 * 1000;

/// From here on whoever was busy was the limit.
const BUSY: f64 = 0.9;

/// Measures redis-server with the module beside SET and ZADD.
#[derive(Debug, Parser)]
#[command(name = "lct-bench", version)]
struct Args {
    /// The module
    #[arg(long, default_value = "target/release/liblct_module.so")]
    module: PathBuf,
    /// The server: redis-server or valkey-server, or a path to one
    #[arg(long, default_value = "redis-server")]
    server: PathBuf,
    /// Visits in the city
    #[arg(long, default_value_t = 1_000_000)]
    visits: usize,
    /// Rounds; the table shows the median of each row
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Questions of each kind
    #[arg(long, default_value_t = 500)]
    questions: usize,
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

fn main() -> ExitCode {
    match measure(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("lct-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

/// A row of the first table: what was sent, and what came of it, a round each.
struct Row {
    name: &'static str,
    requests: Requests,
    /// Visits, keys or members a second.
    per_second: Vec<f64>,
    /// Nanoseconds of the server's processor time for each of them.
    cpu_ns: Vec<f64>,
    /// How much of the time the server was busy, and this program.
    busy: Vec<f64>,
    client_busy: Vec<f64>,
}

impl Row {
    /// What kept it from going faster.
    fn limit(&self) -> &'static str {
        if median(&self.busy) >= BUSY {
            "the server"
        } else if median(&self.client_busy) >= BUSY {
            "the client"
        } else {
            "neither: other work here"
        }
    }
}

fn measure(args: &Args) -> Result<(), Error> {
    let city = City::with_visits(args.visits);
    eprintln!(
        "Building a city of about {} visits …",
        grouped(args.visits as u64)
    );
    let visits = city.visits();
    let server = Server::start(&args.server, &args.module, args.server_core)?;

    let mut rows = rows(&visits);
    throughput(args, &server, &mut rows)?;
    let memory = memory(&server, &visits)?;
    let questions = questions(args, &server, &city, &visits)?;

    print(args, &server, &rows, &memory, &questions);
    let path = save(args, &server, &visits, &rows, &memory, &questions)?;
    println!("\nfor machines: {}", path.display());
    Ok(())
}

fn rows(visits: &[Visit]) -> Vec<Row> {
    let row = |name, requests| Row {
        name,
        requests,
        per_second: vec![],
        cpu_ns: vec![],
        busy: vec![],
        client_busy: vec![],
    };
    let number = |n: u64| n.to_string().into_bytes();
    let visit = |visit: &Visit| {
        [
            visit.visitor.clone(),
            visit.space.clone(),
            number(visit.span.start),
            number(visit.span.end),
        ]
    };
    // The same number of operations in each row, and keys as long as a visitor's id. Multiplying by an odd number
    // visits the keys in an order that no cache foresees.
    let scattered =
        |i: usize| format!("{:016x}", (i % KEYS) as u64 * 0x9e37_79b9_7f4a_7c15).into_bytes();
    vec![
        row(
            "SET",
            Requests::new(
                PIPELINE,
                (0..visits.len())
                    .map(|i| (1, vec![b"SET".to_vec(), scattered(i), scattered(i + 1)])),
            ),
        ),
        row(
            "ZADD",
            Requests::new(
                PIPELINE,
                (0..visits.len()).map(|i| {
                    (
                        1,
                        vec![
                            b"ZADD".to_vec(),
                            b"set".to_vec(),
                            number(i as u64),
                            scattered(i),
                        ],
                    )
                }),
            ),
        ),
        row(
            "LCT.VISIT, one by one",
            Requests::new(
                PIPELINE,
                visits.iter().map(|one| {
                    let mut args = vec![b"LCT.VISIT".to_vec(), b"bench".to_vec()];
                    args.extend(visit(one));
                    (1, args)
                }),
            ),
        ),
        row("LCT.VISIT, 100 a command", hundreds(visits)),
    ]
}

/// The city's visits in commands of a hundred, few enough at once that the server reads each batch in one go.
fn hundreds(visits: &[Visit]) -> Requests {
    Requests::new(
        4,
        visits.chunks(VARIADIC).map(|chunk| {
            let mut args = vec![b"LCT.VISIT".to_vec(), b"bench".to_vec()];
            for one in chunk {
                args.push(one.visitor.clone());
                args.push(one.space.clone());
                args.push(one.span.start.to_string().into_bytes());
                args.push(one.span.end.to_string().into_bytes());
            }
            (chunk.len() as u64, args)
        }),
    )
}

/// Every row once a round, so that whatever else the machine does meanwhile meets them all alike.
fn throughput(args: &Args, server: &Server, rows: &mut [Row]) -> Result<(), Error> {
    let total = (args.rounds * rows.len()) as u64;
    eprintln!("Writing: {} rounds of {} rows …", args.rounds, rows.len());
    let mut progress = Progress::new("runs", total);
    for round in 0..args.rounds {
        for (i, row) in rows.iter_mut().enumerate() {
            server.flush()?;
            let mut connections = (0..CONNECTIONS)
                .map(|_| server.connect())
                .collect::<Result<Vec<_>, _>>()?;
            let (before, client_before) = (server.cpu()?, client_cpu()?);
            let start = Instant::now();
            run(&mut connections, &row.requests)?;
            let seconds = start.elapsed().as_secs_f64();
            let client_cpu = client_cpu()? - client_before;
            let cpu = server.cpu()? - before;
            let operations = row.requests.operations as f64;
            row.per_second.push(operations / seconds);
            row.cpu_ns.push(cpu * 1e9 / operations);
            row.busy.push(cpu / seconds);
            row.client_busy.push(client_cpu / seconds);
            progress.update((round * 4 + i + 1) as u64);
        }
    }
    progress.finish();
    Ok(())
}

/// Seconds of processor time this program's only thread has used so far.
fn client_cpu() -> Result<f64, Error> {
    let stat = std::fs::read_to_string("/proc/self/schedstat")?;
    let nanos: f64 = stat.split(' ').next().unwrap_or_default().parse()?;
    Ok(nanos / 1e9)
}

/// What a visit costs in memory.
struct Memory {
    /// Growth of the server's used_memory, each visit.
    used: f64,
    /// What LCT.INFO reports.
    reported: f64,
}

/// Loads the city afresh; it stays for the questions.
fn memory(server: &Server, visits: &[Visit]) -> Result<Memory, Error> {
    eprintln!("Loading the city …");
    server.flush()?;
    let before = server.info("memory", "used_memory")?;
    let mut connections = vec![server.connect()?];
    run(&mut connections, &hundreds(visits))?;
    drop(connections);
    let used = server.info("memory", "used_memory")? - before;
    Ok(Memory {
        used: used / visits.len() as f64,
        reported: server.graph_info("bench", "bytes-per-visit")?,
    })
}

/// The times of one kind of question.
struct Question {
    name: &'static str,
    /// Microseconds from sending to the last byte of the answer, sorted.
    micros: Vec<f64>,
    /// Contacts in an answer, in the mean.
    contacts: f64,
}

impl Question {
    fn at(&self, quantile: f64) -> f64 {
        let last = self.micros.len().saturating_sub(1);
        self.micros
            .get((self.micros.len() as f64 * quantile) as usize)
            .or(self.micros.get(last))
            .copied()
            .unwrap_or(f64::NAN)
    }
}

/// Asks one question at a time about visitors spread over the city, the kinds in turn.
fn questions(
    args: &Args,
    server: &Server,
    city: &City,
    visits: &[Visit],
) -> Result<Vec<Question>, Error> {
    let end = city.begin + city.days * DAY;
    let kinds: [(&str, u64, &[&str]); 4] = [
        ("EXPOSED, 14 days", end - 14 * DAY, &[]),
        (
            "EXPOSED, 14 days, WITHTIMES",
            end - 14 * DAY,
            &["WITHTIMES"],
        ),
        ("EXPOSED, 48 h", end - 2 * DAY, &[]),
        ("EXPOSED ORDER 2, 48 h", end - 2 * DAY, &["ORDER", "2"]),
    ];
    let mut questions: Vec<Question> = kinds
        .iter()
        .map(|&(name, ..)| Question {
            name,
            micros: vec![],
            contacts: 0.0,
        })
        .collect();
    eprintln!(
        "Asking: {} questions of each of {} kinds …",
        args.questions,
        kinds.len()
    );
    let mut progress = Progress::new("questions", (args.questions * kinds.len()) as u64);
    let mut asker = Asker::new(server.connect()?);
    let step = (visits.len() / args.questions.max(1)).max(1);
    for (asked, one) in visits.iter().step_by(step).take(args.questions).enumerate() {
        for (question, &(_, from, options)) in questions.iter_mut().zip(&kinds) {
            let (from, end) = (from.to_string(), end.to_string());
            let mut command = vec![
                "LCT.EXPOSED".as_bytes(),
                b"bench",
                &one.visitor,
                b"FROM",
                from.as_bytes(),
                b"AT",
                end.as_bytes(),
            ];
            command.extend(options.iter().map(|option| option.as_bytes()));
            let (took, contacts) = asker.ask(&command)?;
            question.micros.push(took.as_secs_f64() * 1e6);
            question.contacts += elements(contacts)? as f64;
            progress.update((asked * kinds.len()) as u64);
        }
    }
    progress.finish();
    for question in &mut questions {
        question.contacts /= question.micros.len().max(1) as f64;
        question.micros.sort_by(f64::total_cmp);
    }
    Ok(questions)
}

fn where_it_ran(args: &Args) -> String {
    match (args.server_core, args.client_core) {
        (Some(server), Some(client)) => format!("server on core {server}, client on core {client}"),
        _ => "server and client share all cores: expect the client to disturb".into(),
    }
}

fn print(args: &Args, server: &Server, rows: &[Row], memory: &Memory, questions: &[Question]) {
    println!(
        "{}, no persistence; {}; load average {}",
        server.version,
        where_it_ran(args),
        load_average()
    );
    println!(
        "\n{:24}  {:>10}  {:>14}  {:>11}  {:>11}  limited by",
        "pipeline 64", "a second", "server ns each", "server busy", "client busy"
    );
    for row in rows {
        println!(
            "{:24}  {:>10}  {:>14.0}  {:>9.0} %  {:>9.0} %  {}",
            row.name,
            grouped(median(&row.per_second) as u64),
            median(&row.cpu_ns),
            100.0 * median(&row.busy),
            100.0 * median(&row.client_busy),
            row.limit(),
        );
    }
    println!(
        "medians of {} interleaved rounds over {CONNECTIONS} connections; \"each\" is a key, a member or a visit",
        args.rounds
    );
    println!(
        "\n{:28}  {:>10}  {:>10}  {:>14}",
        "one at a time", "p50 µs", "p99 µs", "contacts, mean"
    );
    for question in questions {
        println!(
            "{:28}  {:>10.0}  {:>10.0}  {:>14.0}",
            question.name,
            question.at(0.5),
            question.at(0.99),
            question.contacts
        );
    }
    println!(
        "\nbytes a visit: {:.1} by the server's used_memory, {:.1} by LCT.INFO",
        memory.used, memory.reported
    );
}

fn save(
    args: &Args,
    server: &Server,
    visits: &[Visit],
    rows: &[Row],
    memory: &Memory,
    questions: &[Question],
) -> Result<PathBuf, Error> {
    let rows: Vec<_> = rows
        .iter()
        .map(|row| {
            json!({
                "name": row.name, "per_second": median(&row.per_second), "server_ns": median(&row.cpu_ns), "server_busy": median(&row.busy), "client_busy": median(&row.client_busy), "limited_by": row.limit(),
                "rounds": { "per_second": row.per_second, "server_ns": row.cpu_ns, "server_busy": row.busy, "client_busy": row.client_busy },
            })
        })
        .collect();
    let questions: Vec<_> = questions
        .iter()
        .map(|q| json!({ "name": q.name, "p50_us": q.at(0.5), "p99_us": q.at(0.99), "contacts": q.contacts, "asked": q.micros.len() }))
        .collect();
    let numbers = json!({
        "server": server.version, "server_core": args.server_core, "client_core": args.client_core,
        "load_average": load_average(), "visits": visits.len(), "rounds": args.rounds, "pipeline": PIPELINE, "connections": CONNECTIONS,
        "writing": rows, "asking": questions,
        "bytes_per_visit": { "used_memory": memory.used, "reported": memory.reported },
    });
    std::fs::create_dir_all(&args.out)?;
    let seconds = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)?
        .as_secs();
    let path = args.out.join(format!("module-{seconds}.json"));
    std::fs::write(&path, serde_json::to_string_pretty(&numbers)?)?;
    Ok(path)
}
