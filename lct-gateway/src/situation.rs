//! How many warnings a community gave lately, for everybody to see: the whole UTC days before today, rounded, and "fewer than
//! k" where it is so few that a number would point at people. A figure holds for its day: asking again tells nothing.
//!
//! Counted are warnings that visitors gave, until they take them back or an operator does. One that is held does not count
//! before an operator releases it by the operators' API; then it does so on that day. The books keep a set a day,
//! `lct:cap:<graph>:warnings:<day>`, of hashes of the warnings' ids, which are random and secret; nothing about anyone.

use std::sync::Arc;

use serde::Serialize;
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::books::Books;
use crate::clock::DAY;
use crate::graphs::{Graph, Graphs};
use crate::module::ModuleError;
use crate::rounded::Rounded;

/// Over how many days.
const DAYS: u64 = 14;

/// How many warnings the last 14 whole days (UTC) had: one of the two fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Situation {
    /// About so many, rounded to five, or to k where that is more.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub warnings: Option<u64>,
    /// Fewer than so many.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub fewer_than: Option<u64>,
}

impl Situation {
    fn of(count: u64, k: u64) -> Self {
        let (warnings, fewer_than) = match Rounded::of(count, k) {
            Rounded::About(warnings) => (Some(warnings), None),
            Rounded::FewerThan(few) => (None, Some(few)),
        };
        Self {
            warnings,
            fewer_than,
        }
    }
}

/// Counts warnings, and tells how many there were.
pub struct Situations {
    books: Books,
    graphs: Arc<Graphs>,
    /// How many there were, as of which day.
    counted: Mutex<Option<(u64, u64)>>,
}

impl Situations {
    /// Counts in these books.
    pub fn new(books: Books, graphs: Arc<Graphs>) -> Self {
        Self {
            books,
            graphs,
            counted: Mutex::default(),
        }
    }

    /// A warning was given, or given again: it counts once, on this day. Where the books cannot be written it does not
    /// count, which must not stand in its way.
    pub async fn given(&self, graph: Graph, warning: Uuid, now: u64) {
        let mut pipe = self.without(graph, warning, now);
        let today = self.key(graph, now / DAY);
        pipe.cmd("SADD").arg(&today).arg(member(warning)).ignore();
        let life = (DAYS + 2) * DAY;
        pipe.cmd("PEXPIRE").arg(&today).arg(life).ignore();
        let _ = self.books.run::<()>(&pipe).await;
    }

    /// A warning was taken back, or is held.
    pub async fn taken_back(&self, graph: Graph, warning: Uuid, now: u64) {
        let pipe = self.without(graph, warning, now);
        let _ = self.books.run::<()>(&pipe).await;
    }

    /// What everybody may know of the main graph today, where fewer than `k` are too few.
    ///
    /// # Errors
    /// Redis cannot be asked.
    pub async fn today(&self, now: u64, k: u64) -> Result<Situation, ModuleError> {
        let today = now / DAY;
        let mut counted = self.counted.lock().await;
        if let Some((_, count)) = counted.filter(|(day, _)| *day == today) {
            return Ok(Situation::of(count, k));
        }
        let mut pipe = redis::pipe();
        for day in today.saturating_sub(DAYS)..today {
            pipe.cmd("SCARD").arg(self.key(Graph::Main, day));
        }
        let counts: Vec<u64> = self.books.run(&pipe).await?;
        let count = counts.iter().sum();
        *counted = Some((today, count));
        Ok(Situation::of(count, k))
    }

    fn without(&self, graph: Graph, warning: Uuid, now: u64) -> redis::Pipeline {
        let today = now / DAY;
        let mut pipe = redis::pipe();
        for day in today.saturating_sub(DAYS)..=today {
            let key = self.key(graph, day);
            pipe.cmd("SREM").arg(key).arg(member(warning)).ignore();
        }
        pipe
    }

    fn key(&self, graph: Graph, day: u64) -> String {
        format!("{}:warnings:{day}", self.graphs.key("cap", graph))
    }
}

/// What stands for a warning: it tells nothing to who does not know its id.
fn member(warning: Uuid) -> Vec<u8> {
    let hash = Sha256::new()
        .chain_update("lct-situation-v1")
        .chain_update(warning.as_bytes())
        .finalize();
    hash[..12].to_vec()
}
