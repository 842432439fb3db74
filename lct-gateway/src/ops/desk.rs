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
use crate::module::{Crowd, Durability, Module, ModuleError, WarningRow};
use crate::ops::server_info::{SECTIONS, ServerInfo};
use crate::redis_link::RedisLink;

/// As many warnings as there are.
const ALL: u64 = (1 << 53) - 1;

/// How long to wait for one's turn to ask for the density.
const TURN: Duration = Duration::from_secs(3);

/// The most rows of it in one answer.
const MOST_ROWS: usize = 100_000;

/// The density is asked for so much at a time, in milliseconds, so that an answer that is too long is noticed early.
const PART: u64 = 6 * 3_600_000;

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
        let mut rows = Vec::new();
        for (from, to) in parts(from, to) {
            rows.append(&mut self.module.density(graph, from, to, place).await?);
            if rows.len() > MOST_ROWS {
                return Err(ModuleError::Refused {
                    visit: None,
                    argument: "to".into(),
                    rule: format!(
                        "the answer has more than {MOST_ROWS} rows; ask for fewer hours, or for one place"
                    ),
                });
            }
        }
        rows.sort_unstable();
        Ok(rows)
    }

    /// How many warnings wait for an operator.
    ///
    /// # Errors
    /// See [`ModuleError`].
    pub async fn held(&self, graph: Graph) -> Result<u64, ModuleError> {
        let rows = self.warnings(graph, Some(HELD), ALL).await?;
        Ok(rows.len() as u64)
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

/// A period in parts that begin and end with whole quarters of a day, but for the first and the last.
fn parts(from: u64, to: u64) -> impl Iterator<Item = (u64, u64)> {
    let mut from = from;
    let mut first = true;
    std::iter::from_fn(move || {
        let begin = from;
        if begin >= to && !first {
            return None;
        }
        first = false;
        from = to.min((begin / PART + 1) * PART);
        Some((begin, from))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_the_whole() {
        let all = |from, to| -> Vec<_> { parts(from * PART / 6, to * PART / 6).collect() };
        let hours = |pairs: &[(u64, u64)]| -> Vec<_> {
            let hour = |(from, to): &(u64, u64)| (from * PART / 6, to * PART / 6);
            pairs.iter().map(hour).collect()
        };
        assert_eq!(all(2, 4), hours(&[(2, 4)]));
        assert_eq!(all(2, 6), hours(&[(2, 6)]));
        assert_eq!(all(6, 18), hours(&[(6, 12), (12, 18)]));
        assert_eq!(all(5, 13), hours(&[(5, 6), (6, 12), (12, 13)]));
        assert_eq!(all(7, 7), hours(&[(7, 7)]), "the module says what is wrong");
    }
}
