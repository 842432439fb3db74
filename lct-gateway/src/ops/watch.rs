//! How things are and were: a sample every five seconds, for half an hour.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::time::{MissedTickBehavior, interval};
use utoipa::ToSchema;

use crate::clock;
use crate::graphs::{Graph, Graphs};
use crate::metrics::Metrics;
use crate::module::{GraphInfo, ModuleError};
use crate::ops::bodies::{Now, State};
use crate::ops::desk::Desk;
use crate::ops::server_info::ServerInfo;

/// How often one looks.
const INTERVAL: Duration = Duration::from_secs(5);

/// How many samples are kept: half an hour.
const KEPT: usize = 360;

/// How long a server is left alone that does not let operators ask, rather than that every look leaves a line in its log.
const LEFT_ALONE: Duration = Duration::from_secs(60);

/// LCT.INFO can take a search for the oldest visit, which holds the server: not again for so many times as long as it took.
const INFO_SHARE: u32 = 200;

/// How things were at a moment.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Sample {
    /// When, in epoch milliseconds.
    pub at: u64,
    /// Visits logged a second since the sample before, in all graphs of the server.
    pub visits: Option<f64>,
    /// WebSockets open at this gateway.
    pub clients: i64,
    /// How long this gateway's module commands for clients took since the sample before; null if there were none.
    pub latency: Option<Latency>,
    /// How long ago this gateway heard the doorbell, in milliseconds; null before it first has.
    pub doorbell_age: Option<u64>,
    /// Bytes that the graph holds.
    pub memory: Option<u64>,
    /// The same for each visit.
    pub bytes_per_visit: Option<u64>,
    /// Visits in the graph.
    pub stored_visits: Option<u64>,
}

/// How long something took, in milliseconds, to a tenth of it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct Latency {
    /// Half took at most this.
    pub p50: f64,
    /// All but a hundredth took at most this.
    pub p99: f64,
}

/// Whether Redis answers operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Reach {
    /// It does.
    Up,
    /// It cannot be reached.
    Down,
    /// It answers, but the user of --ops-redis may not ask it, or it has no LCT module.
    Denied,
}

/// Looks, and remembers.
pub struct Watch {
    desk: Arc<Desk>,
    metrics: Arc<Metrics>,
    memory: Mutex<Memory>,
}

#[derive(Default)]
struct Memory {
    reach: Option<Reach>,
    /// When it last said no.
    denied: Option<Instant>,
    server: Option<ServerInfo>,
    /// Visits logged as of the last look, and when that was.
    logged: Option<(Instant, u64)>,
    graphs: [OfGraph; Graphs::ALL.len()],
}

#[derive(Default)]
struct OfGraph {
    /// What it told last, if it was asked; `None` within: there was no such graph.
    info: Option<Option<GraphInfo>>,
    /// When to ask for it again.
    due: Option<Instant>,
    samples: VecDeque<Sample>,
}

impl Watch {
    /// Remembers nothing yet.
    pub fn new(desk: Arc<Desk>, metrics: Arc<Metrics>) -> Self {
        Self {
            desk,
            metrics,
            memory: Mutex::default(),
        }
    }

    /// Looks every five seconds, until dropped.
    pub async fn run(self: Arc<Self>) {
        let mut tick = interval(INTERVAL);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            self.look().await;
        }
    }

    async fn look(&self) {
        let denied = self.lock().denied;
        let server = match denied {
            Some(at) if at.elapsed() < LEFT_ALONE => Err(ModuleError::Denied),
            _ => self.desk.server().await,
        };
        let reach = match &server {
            Ok(_) => Reach::Up,
            Err(ModuleError::Unavailable | ModuleError::Full) => Reach::Down,
            Err(_) => Reach::Denied,
        };
        let mut infos = [None; Graphs::ALL.len()];
        if reach == Reach::Up {
            for (place, graph) in Graphs::ALL.into_iter().enumerate() {
                if self.lock().graphs[place]
                    .due
                    .is_none_or(|due| due <= Instant::now())
                {
                    let asked = Instant::now();
                    infos[place] = self.desk.module.info(graph).await.ok();
                    self.lock().graphs[place].due =
                        Some(Instant::now() + asked.elapsed() * INFO_SHARE);
                }
            }
        }
        let latency = self.metrics.lately.take().map(|taken| Latency {
            p50: rounded(taken.p50),
            p99: rounded(taken.p99),
        });
        let (heard, age) = (
            self.metrics.doorbell_heard.get(),
            self.metrics.doorbell_age.get(),
        );
        let mut memory = self.lock();
        let sample = Sample {
            at: clock::now(),
            visits: memory.rate(server.as_ref().ok(), Instant::now()),
            clients: self.metrics.connections.get(),
            latency,
            doorbell_age: (heard == 1 || age > 0.0).then(|| milliseconds(age)),
            memory: None,
            bytes_per_visit: None,
            stored_visits: None,
        };
        memory.reach = Some(reach);
        memory.denied = denied
            .filter(|at| at.elapsed() < LEFT_ALONE)
            .or_else(|| (reach == Reach::Denied).then(Instant::now));
        memory.server = server.ok();
        for (of_graph, info) in memory.graphs.iter_mut().zip(infos) {
            of_graph.add(&sample, reach, info);
        }
    }

    /// Of fewer people than this nothing is told, as far as any graph has told it.
    pub fn k(&self) -> Option<u64> {
        let memory = self.lock();
        let mut infos = memory
            .graphs
            .iter()
            .filter_map(|graph| graph.info.flatten());
        infos.next().map(|info| info.k)
    }

    /// What to show: the samples after `since`, and the state as of the last one.
    pub fn now(&self, graph: Graph, since: Option<u64>) -> Now {
        let memory = self.lock();
        let of_graph = &memory.graphs[place(graph)];
        let samples = of_graph.samples.iter();
        let newer = |sample: &&Sample| since.is_none_or(|since| sample.at > since);
        let server = memory.server.as_ref();
        let told = of_graph.info.filter(|_| memory.reach == Some(Reach::Up));
        let info = told.flatten();
        Now {
            interval: milliseconds(INTERVAL.as_secs_f64()),
            samples: samples.filter(newer).cloned().collect(),
            state: State {
                redis: memory.reach.unwrap_or(Reach::Down),
                gateway: env!("CARGO_PKG_VERSION"),
                module: server.map(|server| server.module.clone()),
                role: server.map(|server| server.role),
                replicas: server.map(|server| server.replicas),
                aof: server.map(|server| server.aof),
                rdb: server.map(|server| server.rdb),
                oldest: info.and_then(|info| info.oldest),
                retention: info.map(|info| info.retention),
                last_purge: info.map(|info| info.last_purge),
                held: told.map(|info| info.map_or(0, |info| info.held)),
            },
        }
    }

    fn lock(&self) -> MutexGuard<'_, Memory> {
        // Nothing that panics runs under the lock.
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Memory {
    /// Visits a second since the last look; none where one of the two is missing, or the server started anew in between.
    fn rate(&mut self, server: Option<&ServerInfo>, now: Instant) -> Option<f64> {
        let before = self.logged.take();
        let logged = server?.visits_logged;
        self.logged = Some((now, logged));
        let (at, before) = before?;
        let seconds = now.duration_since(at).as_secs_f64();
        let more = logged.checked_sub(before)?;
        (seconds > 0.0).then(|| rounded(more as f64 / seconds))
    }
}

impl OfGraph {
    /// Adds a sample, with what is known of the graph.
    fn add(&mut self, sample: &Sample, reach: Reach, info: Option<Option<GraphInfo>>) {
        self.info = info.or(self.info);
        let info = self.info.flatten().filter(|_| reach == Reach::Up);
        if self.samples.len() >= KEPT {
            self.samples.pop_front();
        }
        self.samples.push_back(Sample {
            memory: info.map(|info| info.memory),
            bytes_per_visit: info.map(|info| info.bytes_per_visit),
            stored_visits: info.map(|info| info.visits),
            ..sample.clone()
        });
    }
}

fn place(graph: Graph) -> usize {
    match graph {
        Graph::Main => 0,
        Graph::Sandbox => 1,
    }
}

/// To thousandths: more would say more than is known.
fn rounded(number: f64) -> f64 {
    (number * 1_000.0).round() / 1_000.0
}

/// Seconds as whole milliseconds.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the cast keeps to the bounds"
)]
fn milliseconds(seconds: f64) -> u64 {
    (seconds * 1_000.0) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::server_info::{Aof, Rdb, Role};

    fn server(visits_logged: u64) -> ServerInfo {
        ServerInfo {
            visits_logged,
            module: "0.1.0".into(),
            role: Role::Primary,
            replicas: 0,
            aof: Aof { on: true, ok: true },
            rdb: Rdb { ok: true, at: None },
        }
    }

    #[test]
    fn a_rate_needs_two_looks_at_the_same_run_of_the_server() {
        let mut memory = Memory::default();
        let start = Instant::now();
        let mut rate = |visits: Option<u64>, seconds| {
            let at = start + Duration::from_secs(seconds);
            memory.rate(visits.map(server).as_ref(), at)
        };
        assert_eq!(rate(Some(100), 0), None);
        assert_eq!(rate(Some(150), 5), Some(10.0));
        assert_eq!(rate(Some(150), 10), Some(0.0));
        assert_eq!(rate(None, 15), None);
        assert_eq!(rate(Some(300), 20), None, "after a gap");
        assert_eq!(rate(Some(310), 25), Some(2.0));
        assert_eq!(rate(Some(7), 30), None, "started anew");
        assert_eq!(rate(Some(8), 31), Some(1.0));
        assert_eq!(rate(Some(9), 31), None, "at once");
    }

    #[test]
    fn half_an_hour_is_kept() {
        let mut of_graph = OfGraph::default();
        let info = GraphInfo {
            visits: 7,
            oldest: None,
            memory: 700,
            bytes_per_visit: 100,
            retention: 0,
            last_purge: 0,
            held: 0,
            k: 5,
        };
        for at in 0..1_000 {
            let sample = Sample {
                at,
                visits: None,
                clients: 0,
                latency: None,
                doorbell_age: None,
                memory: None,
                bytes_per_visit: None,
                stored_visits: None,
            };
            // Asked for now and then only.
            let info = (at % 10 == 0).then_some(Some(info));
            of_graph.add(&sample, Reach::Up, info);
        }
        assert_eq!(of_graph.samples.len(), KEPT);
        assert_eq!(of_graph.samples.front().map(|sample| sample.at), Some(640));
        assert!(
            of_graph
                .samples
                .iter()
                .all(|sample| sample.memory == Some(700))
        );
        let sample = of_graph.samples[0].clone();
        of_graph.add(&sample, Reach::Down, None);
        let last = of_graph.samples.back().expect("a sample");
        assert_eq!((last.memory, last.stored_visits), (None, None));
    }
}
