//! The commands of the LCT module, typed. Nothing else in the gateway speaks to the graphs.
//!
//! Every write is safe to repeat: a command whose reply was lost may have run, and running it again changes nothing.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use redis::{Cmd, FromRedisValue, RedisError, ServerErrorKind, Value};
use tokio::sync::{Semaphore, SemaphorePermit};
use uuid::Uuid;

use crate::alerts::{Alert, AlertId, State};
use crate::graphs::{Graph, Graphs};
use crate::ids::{SpaceId, VisitorId};
use crate::metrics::{Metrics, Outcome};
use crate::policy::{Priority, Reason, Terms};
use crate::redis_link::{Line, RedisLink, is_of_a_replica, primary_only};

/// How long a short command may take, reconnecting included.
const SHORT: Duration = Duration::from_secs(5);

/// How long reading an inbox may take; a hello waits for it.
const INBOX: Duration = Duration::from_secs(2);

/// How long a warning, an erasure or an export may take, the wait for a connection and for replicas included.
const LONG: Duration = Duration::from_secs(30);

/// How long one answer on such a connection may take.
const REPLY: Duration = Duration::from_secs(20);

/// How long replicas may take to confirm a write, in milliseconds.
const REPLICA_WAIT: u64 = 2_000;

/// Connections for writes that are slow or wait for replicas.
const LANES: usize = 8;

/// One visit of the visitor it is given for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visit {
    /// Where.
    pub space: SpaceId,
    /// From, in epoch milliseconds.
    pub start: u64,
    /// Until, exclusive, in epoch milliseconds; after `start`.
    pub end: u64,
}

/// A warning as the module takes it.
#[derive(Debug)]
pub struct Warning<'a> {
    /// The client's random id of it.
    pub id: Uuid,
    /// Why.
    pub reason: Reason,
    /// From when on visits count, in epoch milliseconds; `None`: as far back as they are kept.
    pub from: Option<u64>,
    /// What else is asked.
    pub terms: &'a Terms,
    /// A warning that would alert more visitors than this waits for an operator; 0: none does.
    pub hold: u64,
}

/// A warning of whoever was in a place, as the module takes it.
#[derive(Debug)]
pub struct SpaceWarning {
    /// Its random id.
    pub id: Uuid,
    /// The place.
    pub space: SpaceId,
    /// Why.
    pub reason: Reason,
    /// From, in epoch milliseconds.
    pub from: u64,
    /// Until, exclusive, in epoch milliseconds; not before `from`.
    pub to: u64,
    /// The least stay that counts, in milliseconds.
    pub mintime: Option<u64>,
    /// The period within which it must add up, in milliseconds; only with `mintime`.
    pub within: Option<u64>,
}

/// A row of `LCT.DENSITY`: space, hour, person-minutes in company, most people at once.
pub type Crowd = (String, u64, u64, u64);

/// A graph as `LCT.INFO` tells of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GraphInfo {
    /// Visits stored.
    pub visits: u64,
    /// When the earliest begins, in epoch milliseconds.
    pub oldest: Option<u64>,
    /// Bytes held.
    pub memory: u64,
    /// The same for each visit.
    pub bytes_per_visit: u64,
    /// How long visits are kept, in milliseconds; 0: for ever.
    pub retention: u64,
    /// When something was last purged, in epoch milliseconds; 0: not since the server loaded it.
    pub last_purge: u64,
    /// Warnings that wait for an operator.
    pub held: u64,
    /// Of fewer people than this nothing is told.
    pub k: u64,
}

/// A warning as operators see it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the columns of LCT.WARNINGS")]
pub struct WarningRow {
    pub warning: String,
    pub kind: String,
    pub reason: String,
    pub state: String,
    /// Epoch milliseconds.
    pub issued: u64,
    /// Visitors ever alerted.
    pub alerts: u64,
}

/// What a write has to have reached before it counts as done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Durability {
    /// How many replicas must have a warning, a retraction, an erasure or a revocation.
    pub replicas: u64,
    /// Whether they must have visits as well.
    pub visits: bool,
}

/// Why a command failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModuleError {
    /// The module refused an argument: its name in the command's syntax, and the rule it broke.
    #[error("{argument}: {rule}")]
    Refused {
        /// Which of several visits it is about, from 1.
        visit: Option<usize>,
        /// As in the syntax: `start`, `newend`, `space`.
        argument: String,
        /// The rule, without the value.
        rule: String,
    },
    /// The visitor was revoked.
    #[error("the visitor was revoked")]
    Revoked {
        /// Which of several visits it is about, from 1.
        visit: Option<usize>,
    },
    /// Redis has no room for what this would add.
    #[error("Redis is full")]
    Full,
    /// Redis cannot be reached or cannot do it now. The command may have run.
    #[error("Redis cannot do it now")]
    Unavailable,
    /// Redis does not let this gateway's user do it.
    #[error("Redis does not let this user do it")]
    Denied,
    /// The server failed at a command that was in order, or has no LCT module.
    #[error("the server failed")]
    Internal,
}

/// The module. Cheap to clone: all clones use the same connections.
#[derive(Clone)]
pub struct Module {
    short: Line,
    lanes: Arc<Lanes>,
    durability: Durability,
    graphs: Arc<Graphs>,
    metrics: Arc<Metrics>,
    /// Whether its calls count in [`Metrics::lately`].
    for_clients: bool,
}

/// Connections that one command has to itself at a time: replies come in the order of the commands, so a search or a
/// wait for replicas would hold up everyone's visits.
struct Lanes {
    /// Those nobody uses; the one that rested longest first. A std mutex, never held across an await.
    free: Mutex<VecDeque<Line>>,
    turns: Semaphore,
}

/// A connection that is one command's alone; it goes back when this is dropped.
struct Lane<'a> {
    lanes: &'a Lanes,
    line: Line,
    _turn: SemaphorePermit<'a>,
}

impl Lanes {
    fn new(link: &RedisLink) -> Result<Self, RedisError> {
        let lines = (0..LANES).map(|_| link.commands());
        Ok(Self {
            free: Mutex::new(lines.collect::<Result<_, _>>()?),
            turns: Semaphore::new(LANES),
        })
    }

    /// A free connection, whichever that is, when there is one.
    async fn take(&self) -> Lane<'_> {
        let turn = self.turns.acquire().await.expect("never closed");
        let line = self.free().pop_front();
        Lane {
            lanes: self,
            line: line.expect("one for each turn"),
            _turn: turn,
        }
    }

    fn free(&self) -> MutexGuard<'_, VecDeque<Line>> {
        // Nothing that panics runs under the lock.
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Lane<'_> {
    fn drop(&mut self) {
        // The turn ends after this, when the connection is there for the next one.
        self.lanes.free().push_back(self.line.clone());
    }
}

impl Module {
    /// Prepares the connections; they open at the first command.
    ///
    /// # Errors
    /// Never seen; the library's signature.
    pub fn new(
        link: &RedisLink,
        durability: Durability,
        graphs: Arc<Graphs>,
        metrics: Arc<Metrics>,
    ) -> Result<Self, RedisError> {
        Ok(Self {
            short: link.commands()?,
            lanes: Arc::new(Lanes::new(link)?),
            durability,
            graphs,
            metrics,
            for_clients: true,
        })
    }

    /// The same for operators: how long they wait says nothing of how long clients do.
    #[must_use]
    pub const fn for_operators(mut self) -> Self {
        self.for_clients = false;
        self
    }

    /// `LCT.VISIT`: adds visits, or moves the end of those with the same space and start; all or nothing.
    ///
    /// # Errors
    /// See [`ModuleError`].
    pub async fn visit(
        &self,
        graph: Graph,
        visitor: &VisitorId,
        visits: &[Visit],
    ) -> Result<(), ModuleError> {
        let rows = visits.iter().map(|visit| (visitor, visit));
        match self.visit_rows(graph, rows).await {
            // Of one visit the number says nothing.
            Err(ModuleError::Refused { argument, rule, .. }) if visits.len() == 1 => {
                Err(ModuleError::Refused {
                    visit: None,
                    argument,
                    rule,
                })
            }
            // Nor does it where all are of the same visitor.
            Err(ModuleError::Revoked { .. }) => Err(ModuleError::Revoked { visit: None }),
            other => other,
        }
    }

    /// `LCT.VISIT` of several visitors; all or nothing.
    ///
    /// # Errors
    /// See [`ModuleError`].
    pub async fn visit_for(
        &self,
        graph: Graph,
        visits: &[(VisitorId, Visit)],
    ) -> Result<(), ModuleError> {
        let rows = visits.iter().map(|(visitor, visit)| (visitor, visit));
        self.visit_rows(graph, rows).await
    }

    async fn visit_rows<'a>(
        &self,
        graph: Graph,
        visits: impl Iterator<Item = (&'a VisitorId, &'a Visit)>,
    ) -> Result<(), ModuleError> {
        let mut command = self.command("LCT.VISIT", graph);
        for (visitor, visit) in visits {
            command
                .arg(visitor.as_str())
                .arg(visit.space.as_str())
                .arg(visit.start)
                .arg(visit.end);
        }
        self.visit_write::<u64>(Name::Visit, command)
            .await
            .map(drop)
    }

    /// `LCT.REVISIT`: gives the visit that begins at `start` the start and end of `new`. False: no such visit.
    ///
    /// # Errors
    /// See [`ModuleError`].
    pub async fn revisit(
        &self,
        graph: Graph,
        visitor: &VisitorId,
        start: u64,
        new: &Visit,
    ) -> Result<bool, ModuleError> {
        let mut command = self.about("LCT.REVISIT", graph, visitor);
        command
            .arg(new.space.as_str())
            .arg(start)
            .arg(new.start)
            .arg(new.end);
        self.visit_write(Name::Revisit, command).await
    }

    /// `LCT.UNVISIT`: removes a visit. False: no such visit.
    ///
    /// # Errors
    /// See [`ModuleError`].
    pub async fn unvisit(
        &self,
        graph: Graph,
        visitor: &VisitorId,
        space: &SpaceId,
        start: u64,
    ) -> Result<bool, ModuleError> {
        let mut command = self.about("LCT.UNVISIT", graph, visitor);
        command.arg(space.as_str()).arg(start);
        self.visit_write(Name::Unvisit, command).await
    }

    /// `LCT.VISITS`: everything the graph holds of this visitor's visits, by start.
    ///
    /// # Errors
    /// See [`ModuleError`].
    pub async fn visits(
        &self,
        graph: Graph,
        visitor: &VisitorId,
    ) -> Result<Vec<Visit>, ModuleError> {
        let command = self.about("LCT.VISITS", graph, visitor);
        let rows: Vec<(String, u64, u64)> = self.alone(Name::Visits, command, 0).await?;
        rows.into_iter()
            .map(|(space, start, end)| {
                let space = SpaceId::new(&space).map_err(|_| ModuleError::Internal)?;
                Ok(Visit { space, start, end })
            })
            .collect()
    }

    /// Whether this very visit is in the graph (`LCT.VISITS` over its first millisecond).
    ///
    /// # Errors
    /// See [`ModuleError`].
    pub async fn has_visit(
        &self,
        graph: Graph,
        visitor: &VisitorId,
        visit: &Visit,
    ) -> Result<bool, ModuleError> {
        let mut command = self.about("LCT.VISITS", graph, visitor);
        command
            .arg("FROM")
            .arg(visit.start)
            .arg("TO")
            .arg(visit.start + 1);
        let visits: Vec<(String, u64, u64)> = self.short(Name::Visits, &command).await?;
        Ok(visits.iter().any(|(space, start, end)| {
            (space.as_str(), *start, *end) == (visit.space.as_str(), visit.start, visit.end)
        }))
    }

    /// `LCT.WARN`: alerts whoever was exposed to this visitor. How many those are is nobody's concern here; whether anybody
    /// may have been: false where the warning is held.
    ///
    /// # Errors
    /// See [`ModuleError`].
    pub async fn warn(
        &self,
        graph: Graph,
        visitor: &VisitorId,
        warning: &Warning<'_>,
    ) -> Result<bool, ModuleError> {
        let terms = warning.terms;
        let mut command = self.command("LCT.WARN", graph);
        command
            .arg(warning_id(warning.id))
            .arg(visitor.as_str())
            .arg(warning.reason.word())
            .arg("ORDER")
            .arg(terms.order(warning.reason))
            .arg("MINPRIORITY")
            .arg(terms.minpriority.word());
        let options = [
            ("FROM", warning.from),
            ("MINTIME", Some(terms.mintime).filter(|&ms| ms > 0)),
            ("WITHIN", Some(terms.within).filter(|&ms| ms > 0)),
            ("LINGER", Some(terms.linger).filter(|&ms| ms > 0)),
            ("HOLD", Some(warning.hold).filter(|&most| most > 0)),
        ];
        for (name, value) in options {
            if let Some(value) = value {
                command.arg(name).arg(value);
            }
        }
        let alerted: Option<u64> = self.kept(Name::Warn, command).await?;
        Ok(alerted.is_some())
    }

    /// `LCT.RETRACT`: withdraws what a warning alerted of. Nothing, if there is no such warning.
    ///
    /// # Errors
    /// See [`ModuleError`].
    pub async fn retract(&self, graph: Graph, warning: Uuid) -> Result<(), ModuleError> {
        self.retract_any(graph, &warning_id(warning))
            .await
            .map(drop)
    }

    /// `LCT.RETRACT` for operators, by the id as `LCT.WARNINGS` lists it; how many alerts were withdrawn.
    ///
    /// # Errors
    /// See [`ModuleError`].
    pub async fn retract_any(&self, graph: Graph, warning: &str) -> Result<u64, ModuleError> {
        let mut command = self.command("LCT.RETRACT", graph);
        command.arg(warning);
        self.kept(Name::Retract, command).await
    }

    /// `LCT.RETRACT` with IFHELD: rejects a held warning; how many alerts were withdrawn. `None`: it is not held (any more),
    /// and nothing was done.
    ///
    /// # Errors
    /// See [`ModuleError`].
    pub async fn reject(&self, graph: Graph, warning: &str) -> Result<Option<u64>, ModuleError> {
        let mut command = self.command("LCT.RETRACT", graph);
        command.arg(warning).arg("IFHELD");
        self.kept(Name::Retract, command).await
    }

    /// `LCT.RELEASE`: lets a held warning go; how many visitors were alerted by it. `None`: it is not held (any more), or
    /// whoever gave it was forgotten, and nothing was done.
    ///
    /// # Errors
    /// See [`ModuleError`].
    pub async fn release(&self, graph: Graph, warning: &str) -> Result<Option<u64>, ModuleError> {
        let mut command = self.command("LCT.RELEASE", graph);
        command.arg(warning);
        self.kept(Name::Release, command).await
    }

    /// `LCT.RELEASE` with DRYRUN: how many visitors that would alert now; `None` as there.
    ///
    /// # Errors
    /// See [`ModuleError`].
    pub async fn would_release(
        &self,
        graph: Graph,
        warning: &str,
    ) -> Result<Option<u64>, ModuleError> {
        let mut command = self.command("LCT.RELEASE", graph);
        command.arg(warning).arg("DRYRUN");
        self.alone(Name::Release, command, 0).await
    }

    /// `LCT.WARNSPACE`: alerts whoever was in a place; how many those are. With `dry_run` nobody is alerted.
    ///
    /// # Errors
    /// See [`ModuleError`].
    pub async fn warn_space(
        &self,
        graph: Graph,
        warning: &SpaceWarning,
        dry_run: bool,
    ) -> Result<u64, ModuleError> {
        let mut command = self.command("LCT.WARNSPACE", graph);
        command
            .arg(warning_id(warning.id))
            .arg(warning.space.as_str())
            .arg(warning.reason.word())
            .arg(warning.from)
            .arg(warning.to);
        for (name, value) in [("MINTIME", warning.mintime), ("WITHIN", warning.within)] {
            if let Some(value) = value {
                command.arg(name).arg(value);
            }
        }
        if dry_run {
            command.arg("DRYRUN");
            self.alone(Name::WarnSpace, command, 0).await
        } else {
            self.kept(Name::WarnSpace, command).await
        }
    }

    /// `LCT.DENSITY`: how much people were together, by space (all, or this one) and whole hour from `from` to `to`, epoch
    /// milliseconds; by space, then by hour.
    ///
    /// # Errors
    /// See [`ModuleError`]; [`ModuleError::Refused`] where there are more rows than `most`.
    pub async fn density(
        &self,
        graph: Graph,
        from: u64,
        to: u64,
        space: Option<&SpaceId>,
        most: u64,
    ) -> Result<Vec<Crowd>, ModuleError> {
        let mut command = self.command("LCT.DENSITY", graph);
        command.arg(from).arg(to).arg("COUNT").arg(most);
        if let Some(space) = space {
            command.arg("SPACE").arg(space.as_str());
        }
        self.alone(Name::Density, command, 0).await
    }

    /// `LCT.WARNINGS`: the newest warnings in this state (or in any), of those that come after this one (or of all), at
    /// most `count`.
    ///
    /// # Errors
    /// See [`ModuleError`].
    pub async fn warnings(
        &self,
        graph: Graph,
        state: Option<&str>,
        after: Option<&str>,
        count: u64,
    ) -> Result<Vec<WarningRow>, ModuleError> {
        let mut command = self.command("LCT.WARNINGS", graph);
        for (name, value) in [("STATE", state), ("AFTER", after)] {
            if let Some(value) = value {
                command.arg(name).arg(value);
            }
        }
        command.arg("COUNT").arg(count);
        self.listed(command).await
    }

    /// `LCT.WARNINGS` of one: what is listed of this warning, if it is.
    ///
    /// # Errors
    /// See [`ModuleError`].
    pub async fn warning(
        &self,
        graph: Graph,
        warning: &str,
    ) -> Result<Option<WarningRow>, ModuleError> {
        let mut command = self.command("LCT.WARNINGS", graph);
        command.arg("WARNING").arg(warning);
        Ok(self.listed(command).await?.pop())
    }

    async fn listed(&self, command: Cmd) -> Result<Vec<WarningRow>, ModuleError> {
        let rows: Vec<(String, String, String, String, u64, u64)> =
            self.alone(Name::Warnings, command, 0).await?;
        let row = |(warning, kind, reason, state, issued, alerts)| WarningRow {
            warning,
            kind,
            reason,
            state,
            issued,
            alerts,
        };
        Ok(rows.into_iter().map(row).collect())
    }

    /// `LCT.ALERTS`: what waits in this visitor's inbox, most urgent first.
    ///
    /// # Errors
    /// See [`ModuleError`].
    pub async fn alerts(
        &self,
        graph: Graph,
        visitor: &VisitorId,
    ) -> Result<Vec<Alert>, ModuleError> {
        let command = self.about("LCT.ALERTS", graph, visitor);
        let rows: Vec<(String, String, String, String, u64)> =
            self.within(Name::Alerts, &command, INBOX).await?;
        let read =
            |(alert, reason, priority, state, issued): (String, String, String, String, _)| {
                Some(Alert {
                    alert: alert.parse().ok()?,
                    reason: Reason::from_text(&reason)?,
                    state: State::from_text(&state)?,
                    issued,
                    priority: Priority::from_text(&priority)?,
                })
            };
        let alerts: Option<Vec<Alert>> = rows.into_iter().map(read).collect();
        alerts.ok_or(ModuleError::Internal)
    }

    /// `LCT.ACK`: takes alerts out of the inbox, unless they have changed since.
    ///
    /// # Errors
    /// See [`ModuleError`].
    pub async fn ack(
        &self,
        graph: Graph,
        visitor: &VisitorId,
        alerts: &[AlertId],
    ) -> Result<(), ModuleError> {
        if alerts.is_empty() {
            return Ok(());
        }
        let mut command = self.about("LCT.ACK", graph, visitor);
        for alert in alerts {
            command.arg(alert.to_string());
        }
        self.short::<u64>(Name::Ack, &command).await.map(drop)
    }

    /// `LCT.FORGET`: removes everything about a visitor; how many visits that were.
    ///
    /// # Errors
    /// See [`ModuleError`].
    pub async fn forget(&self, graph: Graph, visitor: &VisitorId) -> Result<u64, ModuleError> {
        self.kept(Name::Forget, self.about("LCT.FORGET", graph, visitor))
            .await
    }

    /// `LCT.REVOKE`: as [`Module::forget`], and the id can never be used again.
    ///
    /// # Errors
    /// See [`ModuleError`].
    pub async fn revoke(&self, graph: Graph, visitor: &VisitorId) -> Result<u64, ModuleError> {
        self.kept(Name::Revoke, self.about("LCT.REVOKE", graph, visitor))
            .await
    }

    /// What a graph tells, whichever there is: the settings are the same for all. `None` as long as there is none.
    ///
    /// # Errors
    /// See [`ModuleError`].
    pub async fn any_info(&self) -> Result<Option<GraphInfo>, ModuleError> {
        for graph in Graphs::ALL {
            let info = self.info(graph).await?;
            if info.is_some() {
                return Ok(info);
            }
        }
        Ok(None)
    }

    /// `LCT.INFO`; `None`: there is no such graph. It is not counted among the calls, since nobody waits for it.
    ///
    /// # Errors
    /// See [`ModuleError`].
    pub async fn info(&self, graph: Graph) -> Result<Option<GraphInfo>, ModuleError> {
        let command = self.command("LCT.INFO", graph);
        let asked = self
            .short
            .query::<HashMap<String, Option<u64>>>(&command, SHORT);
        let info = match asked.await {
            Ok(info) => info,
            Err(error) if error.detail() == Some("no such key") => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let number = |name: &str| {
            info.get(name)
                .copied()
                .flatten()
                .ok_or(ModuleError::Internal)
        };
        Ok(Some(GraphInfo {
            visits: number("visits")?,
            oldest: info.get("oldest").copied().flatten(),
            memory: number("memory")?,
            bytes_per_visit: number("bytes-per-visit")?,
            retention: number("retention")?,
            last_purge: number("last-purge")?,
            held: number("warnings-held")?,
            k: number("density-k")?,
        }))
    }

    /// Whether Redis answers, is a primary and has the module. Costs the same however large the graph is.
    ///
    /// # Errors
    /// [`ModuleError::Unavailable`] without Redis or with a replica, [`ModuleError::Internal`] without the module.
    pub async fn check(&self) -> Result<(), ModuleError> {
        self.short::<Value>(Name::Ping, &primary_only()).await?;
        // An inbox that nobody has: LCT.INFO can take a search for the oldest visit.
        let mut command = self.command("LCT.ALERTS", Graph::Main);
        command.arg("-");
        Ok(self.short.query::<Value>(&command, SHORT).await.map(drop)?)
    }

    fn command(&self, name: &str, graph: Graph) -> Cmd {
        let mut command = redis::cmd(name);
        command.arg(self.graphs.name(graph));
        command
    }

    fn about(&self, name: &str, graph: Graph, visitor: &VisitorId) -> Cmd {
        let mut command = self.command(name, graph);
        command.arg(visitor.as_str());
        command
    }

    /// A short command, among others on one connection.
    async fn short<T: FromRedisValue>(&self, name: Name, command: &Cmd) -> Result<T, ModuleError> {
        self.within(name, command, SHORT).await
    }

    /// The same, with this long to do it.
    async fn within<T: FromRedisValue>(
        &self,
        name: Name,
        command: &Cmd,
        limit: Duration,
    ) -> Result<T, ModuleError> {
        self.timed(name, limit, async {
            Ok(self.short.query(command, limit).await?)
        })
        .await
    }

    /// A write of visits.
    async fn visit_write<T: FromRedisValue>(
        &self,
        name: Name,
        command: Cmd,
    ) -> Result<T, ModuleError> {
        if self.durability.visits {
            self.kept(name, command).await
        } else {
            self.short(name, &command).await
        }
    }

    /// A write that counts as done when the replicas have it.
    async fn kept<T: FromRedisValue>(&self, name: Name, command: Cmd) -> Result<T, ModuleError> {
        self.alone(name, command, self.durability.replicas).await
    }

    /// A command with a connection to itself, and then the wait until `replicas` have what it wrote.
    ///
    /// WAIT speaks of its own connection's writes, so both go out as one: after a reconnection in between it would
    /// confirm nothing. A repeated command that finds its work done waits for that work all the same, since WAIT goes
    /// by how far the server had come when the command before it ran.
    async fn alone<T: FromRedisValue>(
        &self,
        name: Name,
        command: Cmd,
        replicas: u64,
    ) -> Result<T, ModuleError> {
        self.timed(name, LONG, async {
            let lane = self.lanes.take().await;
            let line = &lane.line;
            if replicas == 0 {
                return Ok(line.query(&command, REPLY).await?);
            }
            let mut pipe = redis::pipe();
            pipe.add_command(command)
                .cmd("WAIT")
                .arg(replicas)
                .arg(REPLICA_WAIT);
            let (reply, reached): (T, u64) =
                line.pipe(&pipe, REPLY).await.map_err(first_of_several)?;
            if reached >= replicas {
                Ok(reply)
            } else {
                tracing::warn!(reached, replicas, "too few replicas confirm a write");
                Err(ModuleError::Unavailable)
            }
        })
        .await
    }

    /// Runs a command against the clock, waiting for its turn included, and counts how it ended.
    async fn timed<T>(
        &self,
        name: Name,
        limit: Duration,
        call: impl Future<Output = Result<T, ModuleError>>,
    ) -> Result<T, ModuleError> {
        let started = Instant::now();
        let result = tokio::time::timeout(limit, call)
            .await
            .unwrap_or(Err(ModuleError::Unavailable));
        let outcome = match &result {
            Ok(_) => Outcome::Ok,
            Err(ModuleError::Refused { .. } | ModuleError::Revoked { .. }) => Outcome::Refused,
            Err(ModuleError::Full | ModuleError::Unavailable) => Outcome::Unavailable,
            Err(ModuleError::Denied | ModuleError::Internal) => Outcome::Failed,
        };
        let took = started.elapsed();
        self.metrics.module_call(name, outcome, took);
        if self.for_clients {
            self.metrics.lately.add(took);
        }
        result
    }
}

/// A warning's id as the graph keeps it.
fn warning_id(warning: Uuid) -> String {
    warning.hyphenated().to_string()
}

/// The commands, as metrics name them.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, prometheus_client::encoding::EncodeLabelValue,
)]
#[expect(missing_docs, reason = "each is the command of that name")]
pub enum Name {
    Visit,
    Revisit,
    Unvisit,
    Visits,
    Warn,
    Retract,
    Release,
    WarnSpace,
    Density,
    Warnings,
    Alerts,
    Ack,
    Forget,
    Revoke,
    Ping,
}

/// Of the errors of a pipeline the first, which is the command's own.
fn first_of_several(error: RedisError) -> RedisError {
    match error.clone().into_server_errors() {
        Some(errors) if !errors.is_empty() => errors[0].1.clone().into(),
        _ => error,
    }
}

impl From<RedisError> for ModuleError {
    fn from(error: RedisError) -> Self {
        if is_of_a_replica(&error) {
            return Self::Unavailable;
        }
        // Of several commands the first that failed says why; a transaction's own error does not.
        let errors = error.clone().into_server_errors();
        let first = errors.as_deref().and_then(|errors| errors.first());
        let code = first.map(|(_, error)| error.code());
        let kind = first
            .and_then(|(_, error)| error.kind())
            .map_or_else(|| error.kind(), redis::ErrorKind::Server);
        match (kind, code) {
            (redis::ErrorKind::Server(ServerErrorKind::ResponseError), _) => {
                if let Some(refused) = error.detail().and_then(refusal) {
                    return refused;
                }
            }
            (_, Some("REVOKED")) => {
                let (visit, _) = numbered(error.detail().unwrap_or_default());
                return Self::Revoked { visit };
            }
            (_, Some("OOM")) => return Self::Full,
            (_, Some("NOPERM")) => {
                tracing::warn!(
                    "Redis does not let this gateway's user run a command; redis.conf has what it needs"
                );
                return Self::Denied;
            }
            (_, Some("MISCONF" | "NOREPLICAS" | "UNBLOCKED"))
            | (
                redis::ErrorKind::Io
                | redis::ErrorKind::Server(
                    ServerErrorKind::BusyLoading
                    | ServerErrorKind::TryAgain
                    | ServerErrorKind::ClusterDown,
                ),
                _,
            ) => return Self::Unavailable,
            _ => {}
        }
        // The kind and the code only: the text after it is not ours and could quote something.
        tracing::warn!(?kind, code, "a Redis command failed");
        Self::Internal
    }
}

/// Reads a refusal: `visit 1: end: must be after start`, or without the visit's number.
///
/// Only arguments that came from a client count; a complaint about any other is the gateway's own mistake.
fn refusal(line: &str) -> Option<ModuleError> {
    const FROM_CLIENTS: [&str; 10] = [
        "visitor", "space", "start", "end", "newstart", "newend", "FROM", "to", "warning", "alert",
    ];
    let (visit, line) = numbered(line);
    let (argument, rule) = line.split_once(": ")?;
    FROM_CLIENTS
        .contains(&argument)
        .then(|| ModuleError::Refused {
            visit,
            argument: argument.into(),
            rule: rule.into(),
        })
}

/// The number of the visit that a line begins with, if it does, and the rest.
fn numbered(line: &str) -> (Option<usize>, &str) {
    let numbered = line.strip_prefix("visit ").and_then(|rest| {
        let (number, rest) = rest.split_once(": ")?;
        Some((number.parse().ok()?, rest))
    });
    numbered.map_or((None, line), |(visit, rest)| (Some(visit), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(visit: Option<usize>, argument: &str, rule: &str) -> Option<ModuleError> {
        Some(ModuleError::Refused {
            visit,
            argument: argument.into(),
            rule: rule.into(),
        })
    }

    #[tokio::test]
    async fn a_command_waits_only_when_no_connection_is_free() {
        use futures_util::FutureExt;

        let link = RedisLink::new("redis://127.0.0.1:1", Default::default(), false).unwrap();
        let lanes = Lanes::new(&link).unwrap();
        let mut held = Vec::new();
        for _ in 1..LANES {
            held.push(lanes.take().now_or_never().expect("free"));
        }
        for _ in 0..2 * LANES {
            let last = lanes.take().now_or_never().expect("given back");
            assert!(lanes.take().now_or_never().is_none());
            drop(last);
        }
        drop(held);
        assert_eq!(lanes.free().len(), LANES);
    }

    #[test]
    fn refusals_are_told_from_failures() {
        assert_eq!(
            refusal("visit 12: start: further ahead than lct.max-ahead allows"),
            refused(Some(12), "start", "further ahead than lct.max-ahead allows")
        );
        assert_eq!(
            refusal("newend: must be after newstart"),
            refused(None, "newend", "must be after newstart")
        );
        for failure in [
            "internal error; nothing was changed",
            "unknown command 'LCT.VISIT', with args beginning with: 'lct' 'u1' ",
            "graph: must be 1 to 128 bytes long",
            "option 3: unknown; the options of LCT.EXPOSED are FROM, TO",
            "no such key",
        ] {
            assert_eq!(refusal(failure), None);
        }
    }
}
