//! What operators did: the stream `lct:audit:operators`. An entry says who, what, in which graph, about what and what came
//! of it; no visitor and no place. Every action has two: `begun`, without which it is not done, and how it ended. It may have
//! been done where that is `unknown`, and where the second is missing, because the gateway was cut off.
//!
//! Entries are kept for a year, however many there are: nobody can push out what they did. How fast they come is limited
//! where actions begin ([`crate::ops::api`]).
//!
//! It is written with the gateway's own Redis user, not with that of operators: who has their password can read it and
//! cannot alter it.

use std::collections::HashMap;

use serde::Serialize;
use utoipa::ToSchema;

use crate::audit;
use crate::books::Books;
use crate::clock;
use crate::graphs::{Graph, Graphs};
use crate::module::ModuleError;
use crate::rounded::Rounded;

/// The stream.
const KEY: &str = "lct:audit:operators";

/// The outcome of what is about to be done, and of what was done; of anything else it is the error's code, which is
/// [`Word::Unknown`](crate::rest::refusal::Word) of what may have been done.
const BEGUN: &str = "begun";
const DONE: &str = "done";

/// An action, as it is written down.
pub struct Deed {
    /// Who does it.
    pub who: String,
    /// What it is.
    pub what: &'static str,
    /// In which graph.
    pub graph: Graph,
    /// What it is about: the id of a warning that is listed or given now, `unknown` for any other, how many codes, an entry
    /// of the feedback. Never a visitor, never a place.
    pub about: String,
}

/// An entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Entry {
    /// Its name, by which older ones are asked for.
    pub id: String,
    /// When, in epoch milliseconds.
    pub at: u64,
    /// Who did it.
    pub who: String,
    /// What it was.
    pub what: String,
    /// In which graph.
    pub graph: String,
    /// What it was about.
    pub about: String,
    /// `begun`, then `done` or the code of the error; `unknown`: it may have been done.
    pub outcome: String,
    /// How many were concerned, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub found: Option<Rounded>,
}

/// The stream, to be written to.
pub struct Audit {
    books: Books,
}

impl Audit {
    /// Writes into these books.
    pub const fn new(books: Books) -> Self {
        Self { books }
    }

    /// Writes that an action begins.
    ///
    /// # Errors
    /// Redis cannot do it: then the action must not be done.
    pub async fn begin(&self, graphs: &Graphs, deed: &Deed) -> Result<(), ModuleError> {
        self.add(graphs, deed, BEGUN, None).await
    }

    /// Writes how an action ended: well, or with this error's code.
    ///
    /// # Errors
    /// Redis cannot do it.
    pub async fn end(
        &self,
        graphs: &Graphs,
        deed: &Deed,
        ended: Result<Option<Rounded>, &str>,
    ) -> Result<(), ModuleError> {
        match ended {
            Ok(found) => self.add(graphs, deed, DONE, found).await,
            Err(code) => self.add(graphs, deed, code, None).await,
        }
    }

    async fn add(
        &self,
        graphs: &Graphs,
        deed: &Deed,
        outcome: &str,
        found: Option<Rounded>,
    ) -> Result<(), ModuleError> {
        let mut fields = vec![
            ("who", deed.who.clone()),
            ("what", deed.what.to_owned()),
            ("graph", graphs.name(deed.graph).to_owned()),
            ("about", deed.about.clone()),
            ("outcome", outcome.to_owned()),
        ];
        if let Some(found) = found {
            fields.push(("found", found.to_string()));
        }
        let entry = audit::entry(KEY, "*", &fields, None, clock::now());
        self.books.run(&entry).await
    }
}

/// The newest entries before one (or of all), at most `count`, read from these books.
///
/// # Errors
/// Redis cannot be asked.
pub async fn read(
    books: &Books,
    before: Option<&str>,
    count: u64,
) -> Result<Vec<Entry>, ModuleError> {
    let rows = books.newest(KEY, before, count).await?;
    Ok(rows
        .into_iter()
        .filter_map(|(id, fields)| entry(id, fields))
        .collect())
}

fn entry(id: String, mut fields: HashMap<String, String>) -> Option<Entry> {
    let (at, _) = id.split_once('-')?;
    Some(Entry {
        at: at.parse().ok()?,
        who: fields.remove("who")?,
        what: fields.remove("what")?,
        graph: fields.remove("graph")?,
        about: fields.remove("about")?,
        outcome: fields.remove("outcome")?,
        found: fields.get("found").and_then(|text| Rounded::read(text)),
        id,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_read_as_it_was_written() {
        let fields = |found: &str| {
            [
                ("who", "ana"),
                ("what", "release"),
                ("graph", "lct"),
                ("about", "w"),
                ("outcome", "done"),
                ("found", found),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into()
        };
        let read = entry("1795363200000-3".into(), fields("25")).expect("an entry");
        assert_eq!(
            (read.at, read.found),
            (1_795_363_200_000, Some(Rounded::About(25)))
        );
        let text = serde_json::to_string(&read).expect("JSON");
        assert!(text.contains(r#""found":{"about":25}"#), "{text}");
        assert_eq!(entry("7".into(), fields("25")), None);
        assert_eq!(entry("7-0".into(), HashMap::new()), None);
    }
}
