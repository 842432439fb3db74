//! The fault campaign: people log visits and warn through gateways while gateways and Redis are killed, links between
//! them fail, and the people themselves vanish and come back. At the end everyone must hold exactly the alerts that the
//! brute-force model names.
//!
//! * [`plan`]: who is going to do what, from a seed;
//! * [`person`]: a client as it should be written, which repeats what it got no answer to;
//! * [`injector`]: the faults;
//! * [`verdict`]: what the model expects, and how what people hold differs from it.

mod injector;
mod person;
mod plan;
mod verdict;

use crate::faults::injector::Injector;
use crate::faults::person::{Orders, Person, Record};
use crate::faults::verdict::Verdict;
use crate::proxy::Proxy;
use crate::{Builder, Gateway, now};
use rand::SeedableRng;
use rand_pcg::Pcg64;
use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;

/// How long a message may still be carried out after its sender gave it up: it can wait in a stalled link to a gateway,
/// there for Redis (30 s), and in a stalled link to Redis. Who repeated a message waits this long before they change what it was
/// about, else an old copy could undo the change.
const AFTERLIFE: Duration = Duration::from_secs(30 + 2 * injector::LONGEST.as_secs() + 8);

/// How long everything may take to come right once nothing fails any more.
const PATIENCE: Duration = Duration::from_secs(120);

/// Second-order contacts are alerted within ten seconds; after that nothing may change any more.
const SETTLING: Duration = Duration::from_secs(12);

/// What to rehearse.
#[derive(Debug, Clone, Copy)]
pub struct Campaign {
    /// What people do and which faults there are follows from it; when exactly things happen does not.
    pub seed: u64,
    /// How many faults.
    pub faults: usize,
    /// The mean time from one fault to the next.
    pub pace: Duration,
    /// How many people.
    pub clients: usize,
    /// How many gateways.
    pub gateways: usize,
}

/// Numbers by name.
#[derive(Default)]
struct Tally(Mutex<BTreeMap<String, u64>>);

impl Tally {
    fn add(&self, name: impl Into<String>) {
        *lock(&self.0).entry(name.into()).or_default() += 1;
    }
}

/// A panic while a lock is held has failed the campaign already.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where the campaign stands, as people see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Anything may fail.
    Faults,
    /// Nothing fails any more: do what is left, connect once more and receive everything.
    Healed,
    /// Go home.
    Over,
}

/// What happened.
pub struct Report {
    seed: u64,
    took: Duration,
    faults: BTreeMap<String, u64>,
    messages: BTreeMap<String, u64>,
    verdict: Verdict,
    /// Everything that is wrong beside the alerts, a line each.
    wrong: Vec<String>,
}

impl Report {
    /// Whether every alert is where it must be and nothing else went wrong.
    pub fn is_good(&self) -> bool {
        self.wrong.is_empty() && self.verdict.is_good()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.took.as_secs();
        writeln!(f, "seed {}, {seconds} s", self.seed)?;
        let total: u64 = self.faults.values().sum();
        for (title, lines) in [
            (format!("faults: {total}"), &self.faults),
            ("messages and connections".into(), &self.messages),
        ] {
            writeln!(f, "\n{title}")?;
            for (name, count) in lines {
                writeln!(f, "{count:>8}  {name}")?;
            }
        }
        writeln!(f, "\nalerts\n{}", self.verdict)?;
        writeln!(f, "other things that are wrong: {}", self.wrong.len())?;
        let mut some = self.wrong.iter().take(20);
        some.try_for_each(|line| writeln!(f, "          {line}"))
    }
}

/// Runs a campaign. Progress goes to standard error.
pub async fn run(campaign: Campaign) -> Report {
    let began = Instant::now();
    let mut rng = Pcg64::seed_from_u64(campaign.seed);
    let plans = plan::make(&mut rng, campaign.clients, now());

    // Visits of six days, none of them late; the rest as shipped, each write on disk before it is acknowledged.
    let server = Builder::shipped().conf("lct.late 604800000").start();
    let redis = SocketAddr::from(([127, 0, 0, 1], server.port()));
    let mut gateways = Vec::new();
    let (mut redis_links, mut client_links) = (Vec::new(), Vec::new());
    for _ in 0..campaign.gateways {
        let link = Proxy::to(redis).await;
        let gateway = gateway(link.address()).await;
        client_links.push(Arc::new(Proxy::to(gateway.address()).await));
        redis_links.push(Arc::new(link));
        gateways.push(Arc::new(tokio::sync::Mutex::new(gateway)));
    }

    let (phase, seen) = watch::channel(Phase::Faults);
    let tally = Arc::new(Tally::default());
    let total: usize = plans.iter().map(|plan| plan.acts.len()).sum();
    // So that the last messages, held up by faults, are about as late as the last faults.
    let faults_take = campaign.pace * campaign.faults as u32;
    let pause = faults_take.mul_f64(0.7 * campaign.clients as f64 / total as f64);
    let doors: Vec<SocketAddr> = client_links.iter().map(|link| link.address()).collect();
    let mut records = Vec::new();
    let mut orders = Vec::new();
    let mut people = Vec::new();
    for plan in plans {
        let record = Arc::new(Mutex::new(Record::new(plan.id.clone())));
        let connected = Arc::new(AtomicBool::new(false));
        let (sender, receiver) = mpsc::channel(1);
        records.push(Arc::clone(&record));
        orders.push(Orders {
            connected: Arc::clone(&connected),
            sender,
        });
        let person = Person::new(
            plan,
            pause,
            doors.clone(),
            record,
            connected,
            receiver,
            seen.clone(),
            Arc::clone(&tally),
            Pcg64::from_rng(&mut rng),
        );
        people.push(tokio::spawn(person.live()));
    }

    let server = Arc::new(tokio::sync::Mutex::new(server));
    let injector = Injector {
        gateways,
        server: Arc::clone(&server),
        redis_links,
        client_links,
        people: orders,
        tally: Tally::default(),
    };
    let progress = |faults: u64| {
        let done: usize = records.iter().map(|record| lock(record).done.len()).sum();
        eprintln!(
            "{:>5} s  {faults} of {} faults, {done} of {total} messages",
            began.elapsed().as_secs(),
            campaign.faults,
        );
    };
    injector.run(campaign, &mut rng, progress).await;

    phase.send_replace(Phase::Healed);
    let mut wrong = Vec::new();
    let ready = || records.iter().filter(|record| lock(record).ready).count();
    if !within(PATIENCE, || ready() == records.len()).await {
        let late = records.len() - ready();
        wrong.push(format!("{late} people were not served within {PATIENCE:?}"));
    }
    progress(campaign.faults as u64);
    let expected = verdict::expected(&snapshot(&records));
    // Who has failed need not be waited for as well.
    let patience = if wrong.is_empty() {
        PATIENCE
    } else {
        Duration::ZERO
    };
    within(patience, || expected.judge(&snapshot(&records)).is_good()).await;
    sleep(SETTLING).await;
    let verdict = expected.judge(&snapshot(&records));

    // Everybody has confirmed everything, so nothing waits any more; and every visit was kept, once.
    let server = server.lock().await;
    let mut redis = server.client();
    let mut info = |field: &str| redis.run("LCT.INFO lct").get(field).int();
    if !within(patience, || info("alerts") == 0).await {
        wrong.push(format!("{} alerts still wait in inboxes", info("alerts")));
    }
    let visits = info("visits");
    if visits != expected.visits as i64 {
        wrong.push(format!("{visits} visits instead of {}", expected.visits));
    }
    phase.send_replace(Phase::Over);
    for person in people {
        if person.await.is_err() {
            wrong.push("a client of this campaign failed".into());
        }
    }
    for record in &records {
        wrong.append(&mut lock(record).wrong);
    }
    let faults = lock(&injector.tally.0).clone();
    let messages = lock(&tally.0).clone();
    Report {
        seed: campaign.seed,
        took: began.elapsed(),
        faults,
        messages,
        verdict,
        wrong,
    }
}

/// A gateway that soon notices who is gone, and leaves out the limits that a hundred people at one address would meet.
async fn gateway(redis: SocketAddr) -> Gateway {
    const FLAGS: &str = "--ping-interval 3 --ping-timeout 3 --write-timeout 3 --hello-timeout 5 --drain-timeout 3 \
                         --max-per-address 10000 --max-visits 0 --max-visits-per-address 0 --max-warnings 0 \
                         --max-warnings-per-fortnight 0 --max-warnings-per-address 0";
    let flags: Vec<&str> = FLAGS.split_whitespace().collect();
    let start = move || Gateway::on(&format!("redis://{redis}"), &flags);
    tokio::task::spawn_blocking(start).await.expect("a gateway")
}

fn snapshot(records: &[Arc<Mutex<Record>>]) -> Vec<Record> {
    records.iter().map(|record| lock(record).clone()).collect()
}

async fn within(limit: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + limit;
    while !condition() {
        if Instant::now() > deadline {
            return false;
        }
        sleep(Duration::from_millis(250)).await;
    }
    true
}

impl Orders {
    fn is_connected(&self) -> bool {
        self.connected.load(Ordering::Relaxed)
    }
}
