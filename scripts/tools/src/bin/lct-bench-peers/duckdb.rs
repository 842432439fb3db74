//! DuckDB in a Python process of its own, which holds the data itself: no server, so no way to ask but from within. The
//! Python side is scripts/tools/peers/duckdb/peer.py; it takes the times.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::time::Duration;

use lct_tools::{Error, bound, process_cpu};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::peer::{Answer, Ingest, Peer, Purge};
use crate::work::{Question, Work};

/// From the root of the repository, where scripts/bench runs.
const PROGRAM: &str = "scripts/tools/peers/duckdb/peer.py";

/// How the visits lie in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// One table, in the order of arrival.
    Plain,
    /// Sorted twice, by space and by visitor, and an index on the visitor.
    Sorted,
}

impl Layout {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Plain => "duckdb",
            Self::Sorted => "duckdb-sorted",
        }
    }
}

pub(crate) struct DuckDb {
    layout: Layout,
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    version: String,
    bytes: f64,
    folder: TempDir,
}

impl DuckDb {
    /// `python` has the package duckdb.
    pub(crate) fn start(python: &Path, layout: Layout, cores: Option<&str>) -> Result<Self, Error> {
        let folder = tempfile::tempdir()?;
        let mut command = bound(python, cores);
        command.arg(PROGRAM).arg(match layout {
            Layout::Plain => "plain",
            Layout::Sorted => "sorted",
        });
        command
            .arg(folder.path().join("visits"))
            .arg(folder.path().join("database"));
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let pipes = process.stdin.take().zip(process.stdout.take());
        let (input, output) = pipes.ok_or("no pipes to Python")?;
        let mut peer = Self {
            layout,
            process,
            input,
            output: BufReader::new(output),
            version: String::new(),
            bytes: 0.0,
            folder,
        };
        let about = peer.tell(&json!(["version"]))?;
        peer.version = format!(
            "DuckDB {} with {} threads",
            about["version"].as_str().unwrap_or_default(),
            about["threads"]
        );
        Ok(peer)
    }

    fn tell(&mut self, command: &Value) -> Result<Value, Error> {
        writeln!(self.input, "{command}")?;
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        if line.is_empty() {
            return Err("DuckDB's process has ended; what it said is above".into());
        }
        Ok(serde_json::from_str(&line)?)
    }
}

fn seconds(reply: &Value, field: &str) -> Result<f64, Error> {
    let number = reply[field].as_f64();
    number.ok_or_else(|| format!("no {field} in what DuckDB's process says").into())
}

fn count(reply: &Value, field: &str) -> Result<u64, Error> {
    let number = reply[field].as_u64();
    number.ok_or_else(|| format!("no {field} in what DuckDB's process says").into())
}

impl Peer for DuckDb {
    fn name(&self) -> &'static str {
        self.layout.name()
    }

    fn about(&self) -> String {
        let layout = match self.layout {
            Layout::Plain => "one table in the order of arrival",
            Layout::Sorted => "two sorted tables and an index",
        };
        format!("{}, in process, {layout}, numbers for names", self.version)
    }

    fn cpu(&self) -> Result<f64, Error> {
        Ok(process_cpu(self.process.id()))
    }

    fn load(&mut self, work: &Work) -> Result<Vec<Ingest>, Error> {
        let path = self.folder.path().join("visits");
        let mut file = BufWriter::new(File::create(&path)?);
        for stay in &work.stays {
            let span = work.town.span(stay);
            file.write_all(&work.town.visitor_number(stay.visitor).to_le_bytes())?;
            file.write_all(&stay.space.to_le_bytes())?;
            file.write_all(&span.start.to_le_bytes())?;
            file.write_all(&span.end.to_le_bytes())?;
        }
        file.into_inner()?;
        let reply = self.tell(&json!(["load"]))?;
        std::fs::remove_file(path)?;
        self.bytes = seconds(&reply, "bytes")?;
        let rows = reply["ingest"].as_array().into_iter().flatten();
        rows.zip(["one by one", "bulk"])
            .map(|(row, path)| {
                Ok(Ingest {
                    visits: count(row, "visits")?,
                    seconds: seconds(row, "seconds")?,
                    cpu: seconds(row, "cpu")?,
                    ..Ingest::new(path)
                })
            })
            .collect()
    }

    fn bytes(&mut self) -> Result<Option<f64>, Error> {
        Ok(Some(self.bytes))
    }

    fn ask(&mut self, work: &Work, question: Question, visitor: u32) -> Result<Answer, Error> {
        let order = if question.second() { "second" } else { "first" };
        let visitor = work.town.visitor_number(visitor);
        let reply = self.tell(&json!([
            "ask",
            order,
            visitor,
            question.from(work),
            work.at()
        ]))?;
        let mut ids = vec![0; 8 * usize::try_from(count(&reply, "found")?)?];
        self.output.read_exact(&mut ids)?;
        let read = move || {
            let (ids, _) = ids.as_chunks();
            Ok(ids.iter().map(|&id| u64::from_le_bytes(id)).collect())
        };
        Ok(Answer {
            took: Duration::from_secs_f64(seconds(&reply, "seconds")?),
            visitors: Box::new(read),
        })
    }

    fn watch(&mut self, work: &Work) -> Result<bool, Error> {
        let visitor = work.town.visitor_number(work.sample[0]);
        self.tell(&json!(["probe", visitor]))?;
        Ok(true)
    }

    fn longest_wait(&mut self) -> Result<Duration, Error> {
        let reply = self.tell(&json!(["stalled"]))?;
        Ok(Duration::from_secs_f64(seconds(&reply, "longest")?))
    }

    fn purge(&mut self, work: &Work) -> Result<Option<Purge>, Error> {
        let reply = self.tell(&json!(["purge", work.first_midnight()]))?;
        Ok(Some(Purge {
            took: Duration::from_secs_f64(seconds(&reply, "seconds")?),
            removed: count(&reply, "removed")?,
            expected: work.begun_on_the_first_day(),
        }))
    }
}

impl Drop for DuckDb {
    fn drop(&mut self) {
        // Ours alone, and nothing in it is worth keeping.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
