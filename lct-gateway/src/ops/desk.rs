//! What operators can do and see, with the Redis user of `--ops-redis`.

use std::sync::Arc;
use std::time::Duration;

use redis::RedisError;
use tokio::sync::Semaphore;

use crate::books::Books;
use crate::codes::Codes;
use crate::feedback::Feedback;
use crate::graphs::{Graph, Graphs};
use crate::ids::SpaceId;
use crate::metrics::Metrics;
use crate::module::{Crowd, Durability, Module, ModuleError};
use crate::ops::server_info::{SECTIONS, ServerInfo};
use crate::redis_link::RedisLink;

/// How long to wait for one's turn to ask for the density.
const TURN: Duration = Duration::from_secs(3);

/// The most rows of it in one answer.
const MOST_ROWS: u64 = 100_000;

/// The module and the books, as operators may use them.
pub struct Desk {
    /// The module.
    pub module: Module,
    /// One-time codes.
    pub codes: Codes,
    /// What people wrote.
    pub feedback: Feedback,
    /// The books.
    pub books: Books,
    density: Semaphore,
}

impl Desk {
    /// Prepares everything; connections open at the first command.
    ///
    /// # Errors
    /// Never seen; the library's signature.
    pub fn new(
        link: &RedisLink,
        durability: Durability,
        graphs: &Arc<Graphs>,
        metrics: &Arc<Metrics>,
    ) -> Result<Self, RedisError> {
        let books = Books::new(link)?;
        let module = Module::new(link, durability, Arc::clone(graphs), Arc::clone(metrics))?;
        Ok(Self {
            module: module.for_operators(),
            codes: Codes::new(books.clone(), Arc::clone(graphs)),
            feedback: Feedback::new(books.clone(), Arc::clone(graphs)),
            books,
            density: Semaphore::new(1),
        })
    }

    /// How much people were together, by place and whole hour, by place, then by hour. One such question at a time.
    ///
    /// # Errors
    /// See [`ModuleError`]; [`ModuleError::Refused`] where the answer is too long.
    pub async fn density(
        &self,
        graph: Graph,
        from: u64,
        to: u64,
        place: Option<&SpaceId>,
    ) -> Result<Vec<Crowd>, ModuleError> {
        let Ok(turn) = tokio::time::timeout(TURN, self.density.acquire()).await else {
            return Err(ModuleError::Unavailable);
        };
        let _turn = turn.expect("never closed");
        let rows = self.module.density(graph, from, to, place, MOST_ROWS);
        rows.await.map_err(|error| match error {
            // Everything else about the times was looked at before.
            ModuleError::Refused { argument, .. } if argument == "to" => ModuleError::Refused {
                visit: None,
                argument,
                rule: format!(
                    "the answer has more than {MOST_ROWS} rows; ask for fewer hours, or for one place"
                ),
            },
            other => other,
        })
    }

    /// Finds out within two seconds that Redis is away. What may take long would wait for it as long, and look as if too much
    /// had been asked.
    ///
    /// # Errors
    /// [`ModuleError::Unavailable`].
    pub async fn reached(&self) -> Result<(), ModuleError> {
        let mut pipe = redis::pipe();
        pipe.cmd("PING");
        match self.books.run::<redis::Value>(&pipe).await {
            Err(ModuleError::Unavailable) => Err(ModuleError::Unavailable),
            // What else there is to say of it, the question hears.
            _ => Ok(()),
        }
    }

    /// What the server says of itself.
    ///
    /// # Errors
    /// See [`ModuleError`]; [`ModuleError::Internal`] without the module.
    pub async fn server(&self) -> Result<ServerInfo, ModuleError> {
        let mut pipe = redis::pipe();
        pipe.cmd("INFO").arg(&SECTIONS);
        let (text,): (String,) = self.books.run(&pipe).await?;
        ServerInfo::read(&text).ok_or(ModuleError::Internal)
    }
}
