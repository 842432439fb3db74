//! What follows the question mark: names and values, each name at most once, and none that is not known.

use std::ops::RangeInclusive;

use percent_encoding::percent_decode_str;

use crate::graphs::{Graph, Graphs, SANDBOX};
use crate::protocol::MAX_MILLIS;
use crate::rest::refusal::{Refusal, Word};

/// The most of them, whatever they are.
const MOST: usize = 16;

/// A query, read.
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Reads a query in which these names may stand (each with what it means), and `graph`.
    ///
    /// # Errors
    /// What is wrong, without what was sent.
    pub fn read(text: &str, names: &[(&str, &str)]) -> Result<Self, Refusal> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (Some(name), Some(value)) = (decoded(name), decoded(value)) else {
                return Err(bad("query", "must be percent-encoded UTF-8"));
            };
            let known = name == "graph" || names.iter().any(|(known, _)| *known == name);
            if !known || pairs.len() >= MOST || pairs.iter().any(|(other, _)| *other == name) {
                let names: Vec<&str> = names.iter().map(|(name, _)| *name).collect();
                let names = [&["graph"], &names[..]].concat().join(", ");
                let rule = format!("must be any of {names}, each at most once");
                return Err(bad("query", &rule));
            }
            pairs.push((name, value));
        }
        Ok(Self(pairs))
    }

    /// The graph it names; the main one if it names none.
    ///
    /// # Errors
    /// There is no such graph.
    pub fn graph(&self, graphs: &Graphs) -> Result<Graph, Refusal> {
        let named = self
            .text("graph")
            .map_or(Some(Graph::Main), |name| graphs.find(name));
        named.ok_or_else(|| {
            let main = graphs.name(Graph::Main);
            Refusal::new(
                Word::UnknownGraph,
                format!("graph: must be {main} or {SANDBOX}"),
            )
        })
    }

    /// The value of this name, if it is there.
    pub fn text(&self, name: &str) -> Option<&str> {
        let pair = self.0.iter().find(|(known, _)| known == name);
        pair.map(|(_, value)| value.as_str())
    }

    /// The number of this name, if it is there.
    ///
    /// # Errors
    /// It is none of these.
    pub fn number(&self, name: &str, range: RangeInclusive<u64>) -> Result<Option<u64>, Refusal> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let number = text
            .parse()
            .ok()
            .filter(|number| plain && range.contains(number));
        number.map(Some).ok_or_else(|| {
            let (least, most) = (range.start(), range.end());
            bad(
                name,
                &format!("must be a whole number from {least} to {most}"),
            )
        })
    }

    /// The time of this name in epoch milliseconds, if it is there.
    ///
    /// # Errors
    /// It is no time.
    pub fn millis(&self, name: &str) -> Result<Option<u64>, Refusal> {
        self.number(name, 0..=MAX_MILLIS)
    }

    /// The entry of a stream with this name, if it is there.
    ///
    /// # Errors
    /// It is none.
    pub fn entry(&self, name: &str) -> Result<Option<&str>, Refusal> {
        let entry = self.text(name);
        if entry.is_none_or(is_entry) {
            Ok(entry)
        } else {
            Err(bad(name, "must be the id of an entry"))
        }
    }
}

/// Whether a text is the id of an entry in a stream: two numbers.
pub fn is_entry(text: &str) -> bool {
    let number = |text: &str| -> Option<u64> {
        let plain = text.bytes().all(|b| b.is_ascii_digit());
        text.parse().ok().filter(|_| plain)
    };
    text.split_once('-').is_some_and(|(time, place)| {
        // Nothing can stand before 0-0, so that no entry has that id.
        matches!((number(time), number(place)), (Some(time), Some(place)) if (time, place) != (0, 0))
    })
}

/// A part of a query as it was meant.
fn decoded(text: &str) -> Option<String> {
    let text = text.replace('+', " ");
    let text = percent_decode_str(&text).decode_utf8().ok()?;
    Some(text.into_owned())
}

fn bad(name: &str, rule: &str) -> Refusal {
    Refusal::new(Word::BadValue, format!("{name}: {rule}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Query, Refusal> {
        Query::read(text, &[("count", "x"), ("place", "y")])
    }

    #[test]
    fn values_are_decoded() {
        let query = read("count=7&place=caf%C3%A9+%26+bar&graph=Sandbox").unwrap();
        assert_eq!(query.number("count", 1..=10).unwrap(), Some(7));
        assert_eq!(query.text("place"), Some("café & bar"));
        let graphs = Graphs::new("lct").unwrap();
        assert!(matches!(query.graph(&graphs), Ok(Graph::Sandbox)));
        assert!(matches!(read("").unwrap().graph(&graphs), Ok(Graph::Main)));
    }

    #[test]
    fn what_is_wrong_is_said_without_the_value() {
        let graphs = Graphs::new("lct").unwrap();
        let fails = |text: &str| -> Option<Refusal> {
            let query = match read(text) {
                Ok(query) => query,
                Err(refusal) => return Some(refusal),
            };
            let graph = query.graph(&graphs).err();
            graph
                .or(query.number("count", 1..=10).err())
                .or(query.entry("place").err())
        };
        assert!(fails("count=10&place=1795363200000-0").is_none());
        for bad in [
            "secret=1",
            "count=1&count=2",
            "count=",
            "count=0",
            "count=11",
            "count=+1",
            "count=1e1",
            "count=99999999999999999999999",
            "graph=secret",
            "graph=",
            "place=secret",
            "place=1-",
            "place=-1",
            "place=0-0",
            "place=1-18446744073709551616",
            "place=%ff",
            "%ff",
            "=",
        ] {
            let refusal = fails(bad).expect(bad);
            assert!(!refusal.problem.message.contains("secret"), "{bad}");
            assert_eq!(refusal.problem.code.status(), 400, "{bad}");
        }
    }
}
