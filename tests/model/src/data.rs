//! The recorded data sets with their exact answers: visits, windows, option questions, contact lists.

use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use serde_json::Value;

use crate::{Asked, Exposure, Id, Limits, Millis, Order, Priority, Question, Span, Visit, Window};

/// The names of the sets.
pub const SETS: [&str; 3] = ["sfhh", "sfhh_cliques", "invs13"];

/// The greatest time: 2^53 − 1.
pub const MAX_MILLIS: Millis = (1 << 53) - 1;

/// One data set, read whole.
#[derive(Debug)]
pub struct Set {
    /// Its name.
    pub name: &'static str,
    /// `visits.csv.gz`, sorted by start.
    pub visits: Vec<Visit>,
    /// `queries.jsonl.gz`
    pub windows: Vec<WindowQuery>,
    /// `options.jsonl.gz`
    pub options: Vec<OptionsQuery>,
    /// `contacts.csv.gz`: every co-present pair over the whole span, each once, sorted.
    pub contacts: Vec<Pair>,
}

/// A line of `queries.jsonl.gz`: order 2 in the window `[from, to)`, asked at its end.
#[derive(Debug, PartialEq, Eq)]
pub struct WindowQuery {
    /// Who warns.
    pub visitor: Id,
    /// The window's start.
    pub from: Millis,
    /// The window's end.
    pub to: Millis,
    /// The contacts by id: (contact, total, first).
    pub first: Vec<(Id, Millis, Millis)>,
    /// The contacts of contacts by id: (contact, first).
    pub second: Vec<(Id, Millis)>,
}

impl WindowQuery {
    /// The question as the model takes it.
    pub fn question(&self) -> Question {
        Question {
            from: self.from,
            to: self.to,
            at: self.to,
            order: Order::Second,
            min_time: None,
            within: None,
            linger: 0,
            min_priority: Priority::Low,
        }
    }
}

/// A line of `options.jsonl.gz`.
#[derive(Debug)]
pub struct OptionsQuery {
    /// The arguments after the graph, as a client would send them: the visitor, then options. Add WITHTIMES.
    pub args: Vec<String>,
    /// The sorted rows, COUNT applied.
    pub rows: Vec<Exposure>,
}

impl OptionsQuery {
    /// The visitor, the question with no limit on times, and COUNT.
    pub fn question(&self) -> (Id, Question, Option<usize>) {
        let mut asked = Asked::default();
        let mut question = Question {
            from: 0,
            to: 0,
            at: 0,
            order: Order::First,
            min_time: None,
            within: None,
            linger: 0,
            min_priority: Priority::Low,
        };
        let mut count = None;
        for option in self.args[1..].chunks_exact(2) {
            let value = option[1].as_str();
            let number = || value.parse::<Millis>().expect("a number");
            match option[0].as_str() {
                "FROM" => asked.from = Some(number()),
                "TO" => asked.to = Some(number()),
                "AT" => asked.at = Some(number()),
                "ORDER" => question.order = order(number()),
                "MINTIME" => question.min_time = Some(number()),
                "WITHIN" => question.within = Some(number()),
                "LINGER" => question.linger = number(),
                "MINPRIORITY" => question.min_priority = priority(value),
                "COUNT" => count = Some(number() as usize),
                other => panic!("an option the reader does not know: {other}"),
            }
        }
        assert!(asked.at.is_some(), "every recorded question says AT");
        let window = Window::resolve(asked, Limits::default()).expect("a sound window");
        question.from = window.from;
        question.to = window.to;
        question.at = window.at;
        (self.args[0].clone().into_bytes(), question, count)
    }
}

/// A line of `contacts.csv.gz`.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pair {
    /// The smaller id.
    pub a: Id,
    /// The greater id.
    pub b: Id,
    /// Measure of the union of their co-presence.
    pub total: Millis,
    /// Earliest start.
    pub first: Millis,
    /// Latest end.
    pub last: Millis,
}

/// Where the sets lie: `$LCT_DATA`, else `../shared/data`, relative to the repository's root.
pub fn folder() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.join(std::env::var_os("LCT_DATA").unwrap_or_else(|| "../shared/data".into()))
}

/// Reads the three sets. Where the folder is absent, says so on standard error and gives none.
pub fn sets() -> Vec<Set> {
    let folder = folder();
    if !folder.is_dir() {
        eprintln!("SKIPPED: no recorded data here; set LCT_DATA to their folder to run this test");
        return Vec::new();
    }
    SETS.map(|name| Set::read(&folder.join(name), name)).into()
}

impl Set {
    fn read(folder: &Path, name: &'static str) -> Self {
        Self {
            name,
            visits: csv(&folder.join("visits.csv.gz"))
                .iter()
                .map(|f| Visit {
                    visitor: f[0].clone().into_bytes(),
                    space: f[1].clone().into_bytes(),
                    span: Span {
                        start: number(&f[2]),
                        end: number(&f[3]),
                    },
                })
                .collect(),
            windows: json_lines(&folder.join("queries.jsonl.gz"))
                .iter()
                .map(|q| WindowQuery {
                    visitor: id(&q["x"]),
                    from: int(&q["w0"]),
                    to: int(&q["w1"]),
                    first: sorted(&q["first"], |row| (id(&row[0]), int(&row[2]), int(&row[3]))),
                    second: sorted(&q["second_causal"], |row| (id(&row[0]), int(&row[1]))),
                })
                .collect(),
            options: json_lines(&folder.join("options.jsonl.gz"))
                .iter()
                .map(|q| OptionsQuery {
                    args: array(&q["args"]).iter().map(argument).collect(),
                    rows: array(&q["rows"]).iter().map(row).collect(),
                })
                .collect(),
            contacts: pairs(&folder.join("contacts.csv.gz")),
        }
    }

    /// The earliest start and the latest end of all visits.
    pub fn span(&self) -> Span {
        Span {
            start: self.visits.iter().map(|v| v.span.start).min().unwrap_or(0),
            end: self.visits.iter().map(|v| v.span.end).max().unwrap_or(1),
        }
    }
}

fn text(path: &Path) -> String {
    let file = std::fs::File::open(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut text = String::new();
    GzDecoder::new(file)
        .read_to_string(&mut text)
        .unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    text
}

/// The fields of a CSV file without quoting, its heading left out.
fn csv(path: &Path) -> Vec<Vec<String>> {
    let text = text(path);
    let lines = text.lines().skip(1);
    lines
        .map(|line| line.split(',').map(str::to_owned).collect())
        .collect()
}

/// The file's pairs by id, the smaller id first.
fn pairs(path: &Path) -> Vec<Pair> {
    let mut pairs: Vec<Pair> = csv(path)
        .into_iter()
        .map(|f| Pair {
            a: f[0].clone().min(f[1].clone()).into_bytes(),
            b: f[0].clone().max(f[1].clone()).into_bytes(),
            total: number(&f[4]),
            first: number(&f[5]),
            last: number(&f[6]),
        })
        .collect();
    pairs.sort();
    pairs
}

fn json_lines(path: &Path) -> Vec<Value> {
    let text = text(path);
    text.lines()
        .map(|line| serde_json::from_str(line).expect("a line of JSON"))
        .collect()
}

fn row(row: &Value) -> Exposure {
    Exposure {
        contact: id(&row[0]),
        order: order(int(&row[1])),
        priority: priority(row[2].as_str().expect("a word")),
        first: int(&row[3]),
        last: int(&row[4]),
        total: int(&row[5]),
    }
}

fn sorted<T: Ord>(rows: &Value, read: impl Fn(&Value) -> T) -> Vec<T> {
    let mut rows: Vec<T> = array(rows).iter().map(read).collect();
    rows.sort();
    rows
}

fn argument(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn order(order: u64) -> Order {
    match order {
        1 => Order::First,
        2 => Order::Second,
        other => panic!("no such order: {other}"),
    }
}

fn priority(word: &str) -> Priority {
    match word {
        "high" => Priority::High,
        "medium" => Priority::Medium,
        "low" => Priority::Low,
        other => panic!("no such priority: {other}"),
    }
}

fn array(value: &Value) -> &[Value] {
    value.as_array().expect("an array")
}

fn id(value: &Value) -> Id {
    value.as_str().expect("an id").into()
}

fn int(value: &Value) -> Millis {
    value.as_u64().expect("a whole number")
}

fn number(field: &str) -> Millis {
    field.parse().expect("a whole number")
}
