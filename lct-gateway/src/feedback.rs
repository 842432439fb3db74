//! What people write to the operator: a stream `lct:feedback:<graph>` that only operators read. An entry holds a text
//! and the day, no id and no time of day, and is gone after 14 days.

use std::sync::Arc;

use crate::books::Books;
use crate::clock::{self, DAY};
use crate::graphs::{Graph, Graphs};
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
}
