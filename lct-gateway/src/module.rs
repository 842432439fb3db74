//! The commands of the LCT module, typed. Nothing else in the gateway speaks to the graphs.
//!
//! Every write is safe to repeat: a command whose reply was lost may have run, and running it again changes nothing.

use std::sync::Arc;
use std::time::{Duration, Instant};

use redis::aio::ConnectionManager;
use redis::{Cmd, FromRedisValue, RedisError, ServerErrorKind};

use crate::graphs::{Graph, Graphs};
use crate::ids::{SpaceId, VisitorId};
use crate::metrics::{Metrics, Outcome};
use crate::redis_link::RedisLink;

/// How long a short command may take, reconnecting included.
const SHORT: Duration = Duration::from_secs(5);

/// How long a question about exposures may take. It has a connection of its own, because replies come in the order
/// of the commands and a long one would hold up everyone's visits.
const LONG: Duration = Duration::from_secs(30);

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

/// How many hops a question goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Contacts.
    First,
    /// Contacts, and those of their contacts whose priority is medium.
    Second,
}

/// Why a command failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModuleError {
    /// The module refused an argument: its name in the command's syntax, and the rule it broke.
    #[error("{argument}: {rule}")]
    Refused {
        /// As in the syntax: `start`, `newend`, `space`.
        argument: String,
        /// The rule, without the value.
        rule: String,
    },
    /// The visitor was revoked.
    #[error("the visitor was revoked")]
    Revoked,
    /// Redis cannot be reached or cannot do it now. The command may have run.
    #[error("Redis cannot do it now")]
    Unavailable,
    /// The server failed at a command that was in order, or has no LCT module.
    #[error("the server failed")]
    Internal,
}

/// The module. Cheap to clone: all clones use the same connections.
#[derive(Clone)]
pub struct Module {
    short: ConnectionManager,
    long: ConnectionManager,
    graphs: Arc<Graphs>,
    metrics: Arc<Metrics>,
}

impl Module {
    /// Prepares the connections; they open at the first command.
    ///
    /// # Errors
    /// Never seen; the library's signature.
    pub fn new(
        link: &RedisLink,
        graphs: Arc<Graphs>,
        metrics: Arc<Metrics>,
    ) -> Result<Self, RedisError> {
        Ok(Self {
            short: link.commands(SHORT)?,
            long: link.commands(LONG)?,
            graphs,
            metrics,
        })
    }

    /// `LCT.VISIT`: adds a visit, or moves the end of the one with the same space and start.
    ///
    /// # Errors
    /// See [`ModuleError`].
    pub async fn visit(
        &self,
        graph: Graph,
        visitor: &VisitorId,
        visit: &Visit,
    ) -> Result<(), ModuleError> {
        let mut command = self.command("LCT.VISIT", graph, visitor);
        command
            .arg(visit.space.as_str())
            .arg(visit.start)
            .arg(visit.end);
        self.short::<u64>(Name::Visit, &command).await.map(drop)
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
        let mut command = self.command("LCT.REVISIT", graph, visitor);
        command
            .arg(new.space.as_str())
            .arg(start)
            .arg(new.start)
            .arg(new.end);
        self.short(Name::Revisit, &command).await
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
        let mut command = self.command("LCT.UNVISIT", graph, visitor);
        command.arg(space.as_str()).arg(start);
        self.short(Name::Unvisit, &command).await
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
        let mut command = self.command("LCT.VISITS", graph, visitor);
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

    /// `LCT.EXPOSED`: who was exposed to this visitor since `from` (default: as far back as visits count).
    ///
    /// # Errors
    /// See [`ModuleError`].
    pub async fn exposed(
        &self,
        graph: Graph,
        visitor: &VisitorId,
        from: Option<u64>,
        order: Order,
    ) -> Result<Vec<String>, ModuleError> {
        let mut command = self.command("LCT.EXPOSED", graph, visitor);
        if let Some(from) = from {
            command.arg("FROM").arg(from);
        }
        if order == Order::First {
            return self.long(Name::Exposed, &command).await;
        }
        command.arg("ORDER").arg(2).arg("WITHTIMES");
        // Rows of contact, order, priority, first, last, total.
        let rows: Vec<(String, u8, String, u64, u64, u64)> =
            self.long(Name::Exposed, &command).await?;
        Ok(rows
            .into_iter()
            .filter(|(_, order, priority, ..)| *order == 1 || priority == "medium")
            .map(|(contact, ..)| contact)
            .collect())
    }

    /// Rings `payload` on the graph's doorbell. The number of gateways that heard it is nobody's concern.
    ///
    /// # Errors
    /// See [`ModuleError`].
    pub async fn ring(&self, graph: Graph, payload: &str) -> Result<(), ModuleError> {
        let mut command = redis::cmd("PUBLISH");
        command.arg(self.graphs.channel(graph)).arg(payload);
        self.long::<u64>(Name::Publish, &command).await.map(drop)
    }

    /// Whether Redis answers and has the module: both `LCT.INFO`'s map and its "no such key" say so.
    ///
    /// # Errors
    /// [`ModuleError::Unavailable`] without Redis, [`ModuleError::Internal`] without the module.
    pub async fn check(&self) -> Result<(), ModuleError> {
        self.short::<String>(Name::Ping, &redis::cmd("PING"))
            .await?;
        let mut command = redis::cmd("LCT.INFO");
        command.arg(self.graphs.name(Graph::Main));
        let mut connection = self.short.clone();
        let reply = command.query_async::<redis::Value>(&mut connection);
        match tokio::time::timeout(SHORT, reply).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) if error.detail() == Some("no such key") => Ok(()),
            Ok(Err(error)) => Err(error.into()),
            Err(_) => Err(ModuleError::Unavailable),
        }
    }

    fn command(&self, name: &str, graph: Graph, visitor: &VisitorId) -> Cmd {
        let mut command = redis::cmd(name);
        command.arg(self.graphs.name(graph)).arg(visitor.as_str());
        command
    }

    async fn short<T: FromRedisValue>(&self, name: Name, command: &Cmd) -> Result<T, ModuleError> {
        self.call(name, command, &self.short, SHORT).await
    }

    async fn long<T: FromRedisValue>(&self, name: Name, command: &Cmd) -> Result<T, ModuleError> {
        self.call(name, command, &self.long, LONG).await
    }

    async fn call<T: FromRedisValue>(
        &self,
        name: Name,
        command: &Cmd,
        connection: &ConnectionManager,
        limit: Duration,
    ) -> Result<T, ModuleError> {
        let mut connection = connection.clone();
        let started = Instant::now();
        // The connection's own timeout runs from when the command is sent; this one also covers a broken link.
        let result = match tokio::time::timeout(limit, command.query_async(&mut connection)).await {
            Ok(result) => result.map_err(ModuleError::from),
            Err(_) => Err(ModuleError::Unavailable),
        };
        let outcome = match &result {
            Ok(_) => Outcome::Ok,
            Err(ModuleError::Refused { .. } | ModuleError::Revoked) => Outcome::Refused,
            Err(ModuleError::Unavailable) => Outcome::Unavailable,
            Err(ModuleError::Internal) => Outcome::Failed,
        };
        self.metrics.module_call(name, outcome, started.elapsed());
        result
    }
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
    Exposed,
    Publish,
    Ping,
}

impl From<RedisError> for ModuleError {
    fn from(error: RedisError) -> Self {
        match error.kind() {
            redis::ErrorKind::Server(ServerErrorKind::ResponseError) => {
                if let Some(refused) = error.detail().and_then(refusal) {
                    return refused;
                }
            }
            redis::ErrorKind::Extension if error.code() == Some("REVOKED") => return Self::Revoked,
            redis::ErrorKind::Extension
                if matches!(
                    error.code(),
                    Some("OOM" | "MISCONF" | "NOREPLICAS" | "UNBLOCKED")
                ) =>
            {
                return Self::Unavailable;
            }
            redis::ErrorKind::Io
            | redis::ErrorKind::Server(
                ServerErrorKind::BusyLoading
                | ServerErrorKind::TryAgain
                | ServerErrorKind::ClusterDown
                | ServerErrorKind::MasterDown
                | ServerErrorKind::ReadOnly,
            ) => return Self::Unavailable,
            _ => {}
        }
        // The kind and the code only: the text after it is not ours and could quote something.
        tracing::warn!(kind = ?error.kind(), code = error.code(), "a Redis command failed");
        Self::Internal
    }
}

/// Reads a refusal: `visit 1: end: must be after start`, or without the visit's number.
///
/// Only arguments that came from a client count; a complaint about any other is the gateway's own mistake.
fn refusal(line: &str) -> Option<ModuleError> {
    const FROM_CLIENTS: [&str; 7] = [
        "visitor", "space", "start", "end", "newstart", "newend", "FROM",
    ];
    let line = line.strip_prefix("visit 1: ").unwrap_or(line);
    let (argument, rule) = line.split_once(": ")?;
    FROM_CLIENTS
        .contains(&argument)
        .then(|| ModuleError::Refused {
            argument: argument.into(),
            rule: rule.into(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(argument: &str, rule: &str) -> Option<ModuleError> {
        Some(ModuleError::Refused {
            argument: argument.into(),
            rule: rule.into(),
        })
    }

    #[test]
    fn refusals_are_told_from_failures() {
        assert_eq!(
            refusal("visit 1: start: further ahead than lct.max-ahead allows"),
            refused("start", "further ahead than lct.max-ahead allows")
        );
        assert_eq!(
            refusal("newend: must be after newstart"),
            refused("newend", "must be after newstart")
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
