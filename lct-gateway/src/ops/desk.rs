//! What operators can do and see, with the Redis user of `--ops-redis`.

use std::sync::Arc;

use redis::RedisError;

use crate::books::Books;
use crate::codes::Codes;
use crate::feedback::Feedback;
use crate::graphs::{Graph, Graphs};
use crate::metrics::Metrics;
use crate::module::{Durability, Module, ModuleError, WarningRow};
use crate::ops::server_info::{SECTIONS, ServerInfo};
use crate::redis_link::RedisLink;

/// As many warnings as there are.
const ALL: u64 = (1 << 53) - 1;

/// The state of a warning that waits for an operator.
pub const HELD: &str = "held";

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
        Ok(Self {
            module: Module::new(link, durability, Arc::clone(graphs), Arc::clone(metrics))?,
            codes: Codes::new(books.clone(), Arc::clone(graphs)),
            feedback: Feedback::new(books.clone(), Arc::clone(graphs)),
            books,
        })
    }

    /// The newest warnings in this state (or in any), at most `count`.
    ///
    /// # Errors
    /// See [`ModuleError`].
    pub async fn warnings(
        &self,
        graph: Graph,
        state: Option<&str>,
        count: u64,
    ) -> Result<Vec<WarningRow>, ModuleError> {
        let Some(state) = state else {
            return self.module.warnings(graph, count).await;
        };
        let mut rows = self.module.warnings(graph, ALL).await?;
        rows.retain(|row| row.state == state);
        rows.truncate(usize::try_from(count).unwrap_or(usize::MAX));
        Ok(rows)
    }

    /// The state of a warning, if there is one of this id.
    ///
    /// # Errors
    /// See [`ModuleError`].
    pub async fn state(&self, graph: Graph, warning: &str) -> Result<Option<String>, ModuleError> {
        let rows = self.module.warnings(graph, ALL).await?;
        let row = rows.into_iter().find(|row| row.warning == warning);
        Ok(row.map(|row| row.state))
    }

    /// How many warnings wait for an operator.
    ///
    /// # Errors
    /// See [`ModuleError`].
    pub async fn held(&self, graph: Graph) -> Result<u64, ModuleError> {
        let rows = self.warnings(graph, Some(HELD), ALL).await?;
        Ok(rows.len() as u64)
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
