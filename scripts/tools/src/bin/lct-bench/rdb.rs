//! A snapshot, written and read.

use std::path::PathBuf;

use lct_model::city::Town;
use lct_tools::{Asker, Error};
use serde_json::json;

use crate::report::{Report, Row, over, time};
use crate::send::load;
use crate::{CITY, Options, about, size};

/// Seconds, for writing and for reading.
const TARGET: f64 = 1.5;

/// Seconds, on the clock and of the server's processor time.
struct Took {
    clock: f64,
    cpu: f64,
}

pub(crate) fn measure(options: &Options, town: &Town, report: &mut Report) -> Result<(), Error> {
    let server = options.server()?;
    let visits = load(&server, town)?.operations;
    let name = size(about(town));
    let mut asker = Asker::new(server.connect()?);
    let file = folder(&mut asker)?.join("dump.rdb");

    eprintln!(
        "Writing and reading a snapshot: {} rounds …",
        options.rounds
    );
    let digest = |asker: &mut Asker| -> Result<Vec<u8>, Error> {
        Ok(asker.ask(&[b"DEBUG", b"DIGEST-VALUE", CITY])?.1.to_vec())
    };
    let whole = digest(&mut asker)?;
    let mut timed = |command: &[&[u8]]| -> Result<Took, Error> {
        let before = server.cpu()?;
        let (took, _) = asker.ask(command)?;
        Ok(Took {
            clock: took.as_secs_f64(),
            cpu: server.cpu()? - before,
        })
    };
    let (mut saved, mut loaded) = (vec![], vec![]);
    for _ in 0..options.rounds {
        saved.push(timed(&[b"SAVE"])?);
        // Emptied before, so that reading is all there is to time.
        timed(&[b"FLUSHALL", b"SYNC"])?;
        loaded.push(timed(&[b"DEBUG", b"RELOAD", b"NOSAVE", b"NOFLUSH"])?);
    }
    if digest(&mut asker)? != whole {
        return Err("the graph read is not the graph written".into());
    }
    let bytes = std::fs::metadata(file)?.len();
    for (what, rounds) in [("SAVE", saved), ("loading it", loaded)] {
        let clock = over(&rounds, |took| took.clock);
        let cpu = over(&rounds, |took| took.cpu);
        report.add(Row {
            what: format!("{what}, {name}"),
            target: time(TARGET * 1e6),
            measured: time(clock * 1e6),
            met: Some(clock <= TARGET),
            note: format!("server CPU {}; {:.1} bytes a visit in the file", time(cpu * 1e6), bytes as f64 / visits as f64),
            numbers: json!({ "clock_s": clock, "cpu_s": cpu, "file_bytes": bytes, "visits": visits }),
        });
    }
    Ok(())
}

/// Where the server keeps its files.
pub(crate) fn folder(asker: &mut Asker) -> Result<PathBuf, Error> {
    let (_, reply) = asker.ask(&[b"CONFIG", b"GET", b"dir"])?;
    let folder = String::from_utf8_lossy(reply);
    let folder = folder.lines().last();
    Ok(folder
        .ok_or("the server keeps its folder to itself")?
        .into())
}
