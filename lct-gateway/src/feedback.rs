//! What people write to the operator: a stream `lct:feedback:<graph>` that only operators read. An entry holds a text
//! and the day, no id and no time of day, and is gone after 14 days. How far operators have come with a text is in the hash
//! `lct:feedback-status:<graph>`, by the entry's id.

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::books::Books;
use crate::clock::{self, DAY};
use crate::graphs::{Graph, Graphs};
use crate::module::ModuleError;
use crate::ops::bodies::FeedbackEntry;
use crate::protocol::Fault;

/// The longest text, in characters.
pub const MAX_TEXT: usize = 2_000;

/// The most texts kept.
const MAX_ENTRIES: u64 = 10_000;

/// How long texts are kept, in milliseconds.
const LIFE: u64 = 14 * DAY;

/// The stream of texts.
pub struct Feedback {
    books: Books,
    graphs: Arc<Graphs>,
}

impl Feedback {
    /// Writes into these books.
    pub const fn new(books: Books, graphs: Arc<Graphs>) -> Self {
        Self { books, graphs }
    }

    /// Adds a text.
    ///
    /// # Errors
    /// Redis cannot do it.
    pub async fn add(&self, graph: Graph, text: &str) -> Result<(), Fault> {
        let key = self.graphs.key("feedback", graph);
        // The entry's id would tell the millisecond; made of the day and a running number it does not.
        let day = clock::utc_midnight(clock::now());
        let mut pipe = redis::pipe();
        pipe.cmd("XADD")
            .arg(&key)
            .arg("MAXLEN")
            .arg("~")
            .arg(MAX_ENTRIES)
            .arg(format!("{day}-*"))
            .arg("text")
            .arg(text)
            .ignore();
        pipe.cmd("XTRIM")
            .arg(&key)
            .arg("MINID")
            .arg(day.saturating_sub(LIFE))
            .ignore();
        pipe.cmd("PEXPIRE").arg(&key).arg(LIFE + DAY).ignore();
        Ok(self.books.run(&pipe).await?)
    }

    /// The newest entries before this one (or of all), at most `count`.
    ///
    /// # Errors
    /// Redis cannot be asked.
    pub async fn newest(
        &self,
        graph: Graph,
        before: Option<&str>,
        count: u64,
    ) -> Result<Vec<FeedbackEntry>, ModuleError> {
        let stream = self.graphs.key("feedback", graph);
        let rows = self.books.newest(&stream, before, count).await?;
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<&str> = rows.iter().map(|(id, _)| id.as_str()).collect();
        let mut pipe = redis::pipe();
        pipe.cmd("HMGET").arg(self.status_key(graph)).arg(&ids);
        let (statuses,): (Vec<Option<String>>,) = self.books.run(&pipe).await?;
        let entry = |((id, mut fields), status): ((String, HashMap<String, String>), _)| {
            let status: Option<String> = status;
            Some(FeedbackEntry {
                day: clock::day_text(day_of(&id)?),
                text: fields.remove("text")?,
                status: status.map_or(Some(Status::Open), |word| Status::read(&word))?,
                id,
            })
        };
        Ok(rows.into_iter().zip(statuses).filter_map(entry).collect())
    }

    /// Notes how far operators have come with an entry; false if there is none of this id. What is known of entries that
    /// are gone goes with it.
    ///
    /// # Errors
    /// Redis cannot do it.
    pub async fn set_status(
        &self,
        graph: Graph,
        id: &str,
        status: Status,
    ) -> Result<bool, ModuleError> {
        let (stream, key) = (self.graphs.key("feedback", graph), self.status_key(graph));
        let mut look = redis::pipe();
        look.cmd("XRANGE").arg(&stream).arg(id).arg(id);
        look.cmd("XRANGE")
            .arg(&stream)
            .arg("-")
            .arg("+")
            .arg("COUNT")
            .arg(1);
        look.cmd("HKEYS").arg(&key);
        type Entries = Vec<(String, HashMap<String, String>)>;
        let (found, first, known): (Entries, Entries, Vec<String>) = self.books.run(&look).await?;
        let (Some((id, _)), Some((oldest, _))) = (found.first(), first.first()) else {
            return Ok(false);
        };
        let oldest = day_of(oldest);
        let mut pipe = redis::pipe();
        pipe.cmd("HSET")
            .arg(&key)
            .arg(id)
            .arg(status.word())
            .ignore();
        for gone in known.iter().filter(|id| day_of(id) < oldest) {
            pipe.cmd("HDEL").arg(&key).arg(gone).ignore();
        }
        pipe.cmd("PEXPIRE").arg(&key).arg(LIFE + DAY).ignore();
        self.books.run::<()>(&pipe).await?;
        Ok(true)
    }

    fn status_key(&self, graph: Graph) -> String {
        self.graphs.key("feedback-status", graph)
    }
}

/// The midnight with which the day of an entry begins, by its id.
fn day_of(id: &str) -> Option<u64> {
    id.split_once('-')?.0.parse().ok()
}

/// How far operators have come with a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Nobody has read it, or somebody has to again.
    Open,
    /// Somebody has.
    Read,
    /// There is nothing more to do.
    Done,
}

impl Status {
    /// The word, as it is kept.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Read => "read",
            Self::Done => "done",
        }
    }

    fn read(word: &str) -> Option<Self> {
        [Self::Open, Self::Read, Self::Done]
            .into_iter()
            .find(|status| status.word() == word)
    }
}
