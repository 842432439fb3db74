//! What was measured beside what it was meant to be: a table for people, a file for machines.

use std::path::{Path, PathBuf};

use lct_tools::{Error, load_average, machine, median, quantile, save};
use serde_json::{Value, json};

use crate::Place;

/// Everything measured so far.
pub(crate) struct Report {
    bench: &'static str,
    machine: Value,
    where_it_ran: String,
    rows: Vec<Row>,
}

/// A row of the table.
pub(crate) struct Row {
    /// What was measured.
    pub(crate) what: String,
    /// What it is meant to be; empty where nothing is asked.
    pub(crate) target: String,
    /// What it is.
    pub(crate) measured: String,
    /// Whether that is as good as the target, where there is one.
    pub(crate) met: Option<bool>,
    /// What else is to be known.
    pub(crate) note: String,
    /// The numbers.
    pub(crate) numbers: Value,
}

impl Report {
    /// `how` says for people, and `more` for machines, what is special about this bench.
    pub(crate) fn new(
        bench: &'static str,
        place: &Place,
        how: &str,
        more: &Value,
    ) -> Result<Self, Error> {
        let server = place.start()?.version.clone();
        let cores = match (place.server_core, place.client_core) {
            (Some(server), Some(client)) => {
                format!("server on core {server}, client on core {client}")
            }
            _ => "server and client share all cores: expect the client to disturb".into(),
        };
        let mut about = machine();
        let here = json!({
            "server": server, "server_core": place.server_core, "client_core": place.client_core,
            "load_average_before": load_average(),
        });
        for (name, value) in [&here, more]
            .into_iter()
            .filter_map(Value::as_object)
            .flatten()
        {
            about[name] = value.clone();
        }
        Ok(Self {
            bench,
            machine: about,
            where_it_ran: format!("{server}; {cores}; {how}"),
            rows: vec![],
        })
    }

    pub(crate) fn add(&mut self, row: Row) {
        eprintln!("  {}: {}", row.what, row.measured);
        self.rows.push(row);
    }

    pub(crate) fn print(&self) {
        println!("{}; load average {}\n", self.where_it_ran, load_average());
        let width = |column: fn(&Row) -> &str, title: &str| {
            let widths = self.rows.iter().map(|row| column(row).chars().count());
            widths.max().unwrap_or(0).max(title.len())
        };
        let what = width(|row| &row.what, "what");
        let target = width(|row| &row.target, "target");
        let measured = width(|row| &row.measured, "measured");
        println!(
            "{:what$}  {:target$}  {:measured$}  met  note",
            "what", "target", "measured"
        );
        for row in &self.rows {
            let met = match row.met {
                Some(true) => "yes",
                Some(false) => "NO",
                None => "",
            };
            println!(
                "{:what$}  {:target$}  {:measured$}  {met:3}  {}",
                row.what, row.target, row.measured, row.note
            );
        }
    }

    pub(crate) fn save(&mut self, folder: &Path) -> Result<PathBuf, Error> {
        let rows: Vec<Value> = self
            .rows
            .iter()
            .map(|row| {
                json!({
                    "what": row.what, "target": row.target, "measured": row.measured, "met": row.met,
                    "note": row.note, "numbers": row.numbers,
                })
            })
            .collect();
        self.machine["load_average_after"] = json!(load_average());
        let numbers = json!({ "bench": self.bench, "machine": self.machine, "rows": rows });
        save(folder, self.bench, "", &numbers)
    }
}

/// Times of one kind.
#[derive(Debug, Clone, Default)]
pub(crate) struct Times {
    micros: Vec<f64>,
}

impl Times {
    pub(crate) fn add(&mut self, time: std::time::Duration) {
        self.micros.push(time.as_secs_f64() * 1e6);
    }

    pub(crate) fn extend(&mut self, other: Self) {
        self.micros.extend(other.micros);
    }

    pub(crate) fn len(&self) -> usize {
        self.micros.len()
    }

    /// In microseconds: the time that this part of all does not exceed; NaN if there are none.
    pub(crate) fn at(&self, share: f64) -> f64 {
        quantile(&self.micros, share)
    }
}

/// The median over rounds of a number of each.
pub(crate) fn over<T>(rounds: &[T], number: impl Fn(&T) -> f64) -> f64 {
    median(&rounds.iter().map(number).collect::<Vec<f64>>())
}

/// Microseconds for people.
pub(crate) fn time(micros: f64) -> String {
    match micros {
        ..100.0 => format!("{micros:.1} µs"),
        ..1_000.0 => format!("{micros:.0} µs"),
        ..10_000.0 => format!("{:.2} ms", micros / 1e3),
        ..1_000_000.0 => format!("{:.1} ms", micros / 1e3),
        _ => format!("{:.2} s", micros / 1e6),
    }
}
