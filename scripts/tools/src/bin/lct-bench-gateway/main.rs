//! Measures lct-gateway: `scripts/bench gateway`.
//!
//! Memory of an idle connection, with and without TLS; what a visit costs from message to acknowledgement, beside node
//! with ws and ioredis where there is node; and how long a warning takes to reach everybody who was in a place. All on
//! the loopback, with servers of its own.

mod client;
mod process;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use clap::Parser;
use client::{Client, Connector};
use lct_tools::{Error, Progress, Server, grouped, load_average, median, quantile};
use process::{Process, free_port, open_files};
use serde_json::{Value, json};
use tokio::sync::Barrier;
use tokio::task::JoinSet;
use tokio_rustls::rustls::pki_types::CertificateDer;

/// Clients, each with one message under way, in the rows of the second table.
const CROWDS: [usize; 2] = [64, 1_000];
/// How many connections are opened at a time.
const OPENING: usize = 64;
/// How long clients talk before it counts.
const WARM_UP: Duration = Duration::from_millis(500);
/// For this long nothing moves any more before memory is read.
const REST: Duration = Duration::from_secs(2);
/// How long a warning may take.
const PATIENCE: Duration = Duration::from_secs(30);
const MINUTE: u64 = 60_000;

/// Measures lct-gateway: memory, cost of a message, time of a warning.
#[derive(Debug, Parser)]
#[command(name = "lct-bench-gateway", version)]
struct Args {
    /// The gateway
    #[arg(long, default_value = "target/release/lct-gateway")]
    gateway: PathBuf,
    /// The module
    #[arg(long, default_value = "target/release/liblct_module.so")]
    module: PathBuf,
    /// The server: redis-server or valkey-server, or a path to one
    #[arg(long, default_value = "redis-server")]
    server: PathBuf,
    /// The folder of the peer, with what npm installed in it; without it the peer is left out
    #[arg(long)]
    peer: Option<PathBuf>,
    /// Idle connections
    #[arg(long, default_value_t = 10_000)]
    connections: usize,
    /// People in one place, all connected
    #[arg(long, default_value_t = 5_000)]
    people: usize,
    /// Rounds of each measurement of time; the table shows medians
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Seconds of a round
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// Where the numbers go, for machines
    #[arg(long, default_value = "var/bench")]
    out: PathBuf,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let measured = tokio::runtime::Runtime::new()
        .map_err(Error::from)
        .and_then(|runtime| runtime.block_on(measure(&args)));
    match measured {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("lct-bench-gateway: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn measure(args: &Args) -> Result<(), Error> {
    let server = Server::start(&args.server, &args.module, None)?;
    let idle = [
        idle(args, &server, false).await?,
        idle(args, &server, true).await?,
    ];
    let costs = costs(args, &server).await?;
    let warning = warning(args, &server).await?;
    print(args, &server, &idle, &costs, &warning);
    let path = save(args, &server, &idle, &costs, &warning)?;
    println!("\nfor machines: {}", path.display());
    Ok(())
}

/// A gateway whose limits do not get in the way of a measurement; the certificate to trust, if it speaks TLS.
fn gateway(
    args: &Args,
    server: &Server,
    tls: Option<&Path>,
) -> Result<(Process, Option<CertificateDer<'static>>), Error> {
    let port = free_port()?;
    let mut command = Command::new(&args.gateway);
    command.args([
        "--auth",
        "open",
        "--ping-interval",
        "3600",
        "--ops-listen",
        "127.0.0.1:0",
    ]);
    command.args(["--listen", &format!("127.0.0.1:{port}")]);
    command.args(["--redis", &format!("redis://127.0.0.1:{}", server.port())]);
    for limit in [
        "--max-connections",
        "--max-per-address",
        "--max-unopened",
        "--message-burst",
        "--message-rate",
    ] {
        command.args([limit, "1000000"]);
    }
    // The caps on visits, which are per day.
    command
        .env("LCT_MAX_VISITS", "0")
        .env("LCT_MAX_VISITS_PER_ADDRESS", "0");
    let mut certificate = None;
    if let Some(folder) = tls {
        let made = rcgen::generate_simple_self_signed(["localhost".into()])?;
        let (cert, key) = (folder.join("cert.pem"), folder.join("key.pem"));
        std::fs::write(&cert, made.cert.pem())?;
        std::fs::write(&key, made.signing_key.serialize_pem())?;
        command
            .arg("--tls-cert")
            .arg(cert)
            .arg("--tls-key")
            .arg(key);
        certificate = Some(made.cert.der().clone());
    }
    Ok((Process::start(&mut command, port)?, certificate))
}

/// The peer, ready to be started; `None` where there is none.
fn peer(args: &Args, server: &Server) -> Result<Option<Process>, Error> {
    let Some(folder) = &args.peer else {
        return Ok(None);
    };
    let port = free_port()?;
    let mut command = Command::new("node");
    command
        .arg(folder.join("server.js"))
        .args([port.to_string(), server.port().to_string()]);
    Process::start(&mut command, port).map(Some)
}

/// Opens sessions, some at a time.
async fn open(connector: &Connector, name: &str, count: usize) -> Result<Vec<Client>, Error> {
    let mut progress = Progress::new(&format!("opening {name}"), count as u64);
    let mut clients = Vec::with_capacity(count);
    let mut opening = JoinSet::new();
    let mut next = 0;
    while clients.len() < count {
        while next < count && opening.len() < OPENING {
            let (connector, visitor) = (connector.clone(), format!("{name}-{next}"));
            opening.spawn(async move { connector.hello(&visitor).await });
            next += 1;
        }
        let opened = opening.join_next().await.ok_or("nothing to wait for")?;
        clients.push(opened??);
        progress.update(clients.len() as u64);
    }
    progress.finish();
    Ok(clients)
}

// ---------------------------------------------------------------- Idle connections

struct Idle {
    tls: bool,
    connections: usize,
    /// KiB each.
    memory: f64,
}

async fn idle(args: &Args, server: &Server, tls: bool) -> Result<Idle, Error> {
    let folder = tempfile::tempdir()?;
    let (process, certificate) = gateway(args, server, tls.then_some(folder.path()))?;
    let connector = Connector::new(process.port, certificate.as_ref())?;
    // One connection has been through everything once before memory is read the first time.
    drop(connector.hello("first").await?);
    tokio::time::sleep(REST).await;
    let before = process.memory()?;
    let connections = args.connections.min(open_files().saturating_sub(200));
    let clients = open(
        &connector,
        if tls { "idle-tls" } else { "idle" },
        connections,
    )
    .await?;
    tokio::time::sleep(REST).await;
    let memory = (process.memory()? - before) / connections as f64;
    drop(clients);
    Ok(Idle {
        tls,
        connections,
        memory,
    })
}

// ---------------------------------------------------------------- From message to acknowledgement

struct Cost {
    server: &'static str,
    clients: usize,
    /// Of each round: microseconds of processor time a message, messages a second, milliseconds to the answer.
    cpu: Vec<f64>,
    per_second: Vec<f64>,
    p50: Vec<f64>,
    p99: Vec<f64>,
}

async fn costs(args: &Args, server: &Server) -> Result<Vec<Cost>, Error> {
    let (ours, _) = gateway(args, server, None)?;
    let mut servers = vec![("lct-gateway", ours)];
    servers.extend(peer(args, server)?.map(|peer| ("node ws + ioredis", peer)));
    let mut costs = Vec::new();
    for clients in CROWDS {
        for (name, _) in &servers {
            costs.push(Cost {
                server: name,
                clients,
                cpu: vec![],
                per_second: vec![],
                p50: vec![],
                p99: vec![],
            });
        }
    }
    let mut progress = Progress::new("talking, rounds", args.rounds as u64);
    for round in 1..=args.rounds {
        for cost in &mut costs {
            let (_, process) = servers
                .iter()
                .find(|(name, _)| *name == cost.server)
                .ok_or("no server")?;
            server.flush()?;
            talk(process, cost, Duration::from_secs_f64(args.seconds)).await?;
        }
        progress.update(round as u64);
    }
    progress.finish();
    Ok(costs)
}

/// Every client logs a visit, waits for the answer, and logs the next.
async fn talk(process: &Process, cost: &mut Cost, time: Duration) -> Result<(), Error> {
    let connector = Connector::new(process.port, None)?;
    let mut clients = Vec::new();
    for number in 0..cost.clients {
        clients.push(connector.hello(&format!("talker-{number}")).await?);
    }
    let counting = Arc::new(AtomicBool::new(false));
    let over = Arc::new(AtomicBool::new(false));
    let mut talking = JoinSet::new();
    for mut client in clients {
        let (counting, over) = (Arc::clone(&counting), Arc::clone(&over));
        talking.spawn(async move {
            let mut times = Vec::new();
            let mut start = now()? - 1_000_000 * MINUTE;
            while !over.load(Ordering::Relaxed) {
                start += MINUTE;
                let visit = json!({"type": "logVisit", "id": 1, "place_id": "9F4MGC22+22", "start": start, "end": start + MINUTE});
                let sent = Instant::now();
                client.say(&visit.to_string()).await?;
                client.hear(r#""type":"ack""#).await?;
                if counting.load(Ordering::Relaxed) {
                    times.push(sent.elapsed().as_secs_f64() * 1_000.0);
                }
            }
            Ok::<_, Error>(times)
        });
    }
    tokio::time::sleep(WARM_UP).await;
    let (began, cpu) = (Instant::now(), process.cpu());
    counting.store(true, Ordering::Relaxed);
    tokio::time::sleep(time).await;
    counting.store(false, Ordering::Relaxed);
    let (took, cpu) = (began.elapsed().as_secs_f64(), process.cpu() - cpu);
    over.store(true, Ordering::Relaxed);
    let mut times = Vec::new();
    while let Some(talked) = talking.join_next().await {
        times.extend(talked??);
    }
    cost.cpu.push(cpu / times.len() as f64);
    cost.per_second.push(times.len() as f64 / took);
    cost.p50.push(quantile(&times, 0.5));
    cost.p99.push(quantile(&times, 0.99));
    Ok(())
}

// ---------------------------------------------------------------- One warning to everybody

struct Warning {
    people: usize,
    /// Of each round, in milliseconds from when the warning was sent: its answer, and the alert at half of the people and at the last.
    ack: Vec<f64>,
    half: Vec<f64>,
    last: Vec<f64>,
    /// Microseconds of the gateway's processor time for each alert.
    cpu: Vec<f64>,
}

async fn warning(args: &Args, server: &Server) -> Result<Warning, Error> {
    server.flush()?;
    let (process, _) = gateway(args, server, None)?;
    let connector = Connector::new(process.port, None)?;
    let people = args.people.min(open_files().saturating_sub(200));
    let mut clients = open(&connector, "person", people).await?;
    let end = now()? - 60 * MINUTE;
    let visit =
        json!({"type": "logVisit", "place_id": "stadium", "start": end - 90 * MINUTE, "end": end})
            .to_string();
    for client in &mut clients {
        client.say(&visit).await?;
        client.hear(r#""type":"ack""#).await?;
    }
    let mut warning = Warning {
        people,
        ack: vec![],
        half: vec![],
        last: vec![],
        cpu: vec![],
    };
    for round in 0..args.rounds {
        // Someone else each time, who then also counts as exposed but is not waited for.
        let mut warner = connector.hello(&format!("warner-{round}")).await?;
        warner.say(&visit).await?;
        warner.hear(r#""type":"ack""#).await?;
        let ready = Arc::new(Barrier::new(people + 1));
        let mut waiting = JoinSet::new();
        for mut client in clients {
            let ready = Arc::clone(&ready);
            waiting.spawn(async move {
                ready.wait().await;
                tokio::time::timeout(PATIENCE, client.hear(r#""type":"exposureAlert""#)).await??;
                Ok::<_, Error>((client, Instant::now()))
            });
        }
        ready.wait().await;
        let (sent, cpu) = (Instant::now(), process.cpu());
        let message = json!({"type": "exposureWarning", "warning": uuid::Uuid::new_v4().to_string(), "reason": "contact"});
        warner.say(&message.to_string()).await?;
        warner.hear(r#""type":"ack""#).await?;
        let ack = sent.elapsed();
        clients = Vec::with_capacity(people);
        let mut times = Vec::with_capacity(people);
        while let Some(heard) = waiting.join_next().await {
            let (client, at) = heard??;
            clients.push(client);
            times.push((at - sent).as_secs_f64() * 1_000.0);
        }
        warning.ack.push(ack.as_secs_f64() * 1_000.0);
        warning.half.push(quantile(&times, 0.5));
        warning.last.push(quantile(&times, 1.0));
        warning.cpu.push((process.cpu() - cpu) / people as f64);
    }
    Ok(warning)
}

// ---------------------------------------------------------------- Numbers

fn now() -> Result<u64, Error> {
    Ok(u64::try_from(
        SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis(),
    )?)
}

/// The value below which this share of the sorted values lies.
fn print(args: &Args, server: &Server, idle: &[Idle], costs: &[Cost], warning: &Warning) {
    println!(
        "{}, everything on this machine; load average {}",
        server.version,
        load_average()
    );
    println!(
        "\n{:24}  {:>12}  {:>10}",
        "idle, with a session", "connections", "KiB each"
    );
    for idle in idle {
        println!(
            "{:24}  {:>12}  {:>10.1}",
            if idle.tls { "TLS" } else { "without TLS" },
            grouped(idle.connections as u64),
            idle.memory
        );
    }
    println!(
        "\n{:24}  {:>8}  {:>16}  {:>10}  {:>8}  {:>8}",
        "visit, answered", "clients", "server µs each", "a second", "p50 ms", "p99 ms"
    );
    for cost in costs {
        println!(
            "{:24}  {:>8}  {:>16.1}  {:>10}  {:>8.2}  {:>8.2}",
            cost.server,
            cost.clients,
            median(&cost.cpu),
            grouped(median(&cost.per_second) as u64),
            median(&cost.p50),
            median(&cost.p99)
        );
    }
    if args.peer.is_none() {
        println!("(node ws + ioredis left out: no node or no npm here)");
    }
    println!(
        "\none warning to {} connected people: answered after {:.0} ms, half have it after {:.0} ms, the last after {:.0} ms; {:.1} µs of the gateway each",
        grouped(warning.people as u64),
        median(&warning.ack),
        median(&warning.half),
        median(&warning.last),
        median(&warning.cpu)
    );
    println!(
        "medians of {} rounds; the clients share the cores with the servers",
        args.rounds
    );
}

fn save(
    args: &Args,
    server: &Server,
    idle: &[Idle],
    costs: &[Cost],
    warning: &Warning,
) -> Result<PathBuf, Error> {
    let idle: Vec<Value> = idle
        .iter()
        .map(|idle| json!({ "tls": idle.tls, "connections": idle.connections, "kib": idle.memory }))
        .collect();
    let costs: Vec<Value> = costs
        .iter()
        .map(|cost| {
            json!({
                "server": cost.server, "clients": cost.clients, "server_us": median(&cost.cpu), "per_second": median(&cost.per_second),
                "p50_ms": median(&cost.p50), "p99_ms": median(&cost.p99),
                "rounds": { "server_us": cost.cpu, "per_second": cost.per_second, "p50_ms": cost.p50, "p99_ms": cost.p99 },
            })
        })
        .collect();
    let numbers = json!({
        "server": server.version, "load_average": load_average(), "rounds": args.rounds, "seconds": args.seconds,
        "idle": idle, "visits": costs,
        "warning": {
            "people": warning.people, "ack_ms": median(&warning.ack), "half_ms": median(&warning.half), "last_ms": median(&warning.last),
            "gateway_us": median(&warning.cpu),
            "rounds": { "ack_ms": warning.ack, "half_ms": warning.half, "last_ms": warning.last, "gateway_us": warning.cpu },
        },
    });
    lct_tools::save(&args.out, "gateway", "", &numbers)
}
