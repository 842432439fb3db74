//! Loads a file of visits into a graph: `scripts/load FILE.csv[.gz]`.
//!
//! Reads the file twice: once, before it asks for a server, to check every row, so that nothing is sent from a file
//! that is wrong somewhere, and to find its newest visit for `--shift`; then to send it, many visits a command and many
//! commands under way.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Parser;
use lct_graph::Millis;
use lct_tools::{Progress, VisitFile, VisitFileError, VisitRow, grouped};
use redis::{Cmd, Connection, RedisError, from_redis_value};

/// Visits a command: the cost of a command, spread over a hundred, no longer counts.
const VISITS_PER_COMMAND: usize = 100;
/// Commands sent ahead of their replies, so that neither side waits for the other.
const COMMANDS_AHEAD: usize = 32;

/// Loads a file of visits into a graph.
///
/// The file is CSV with the header visitor,space,start_ms,end_ms, plain or compressed with gzip. Visits that are there
/// already are not added again, so a load that was interrupted can simply be repeated.
#[derive(Debug, Parser)]
#[command(name = "lct-load", version)]
struct Args {
    /// The file of visits
    file: PathBuf,
    /// The graph to load into
    #[arg(long, env = "LCT_GRAPH", default_value = "lct")]
    graph: String,
    /// The server; LCT_REDIS keeps a password out of the list of processes
    #[arg(
        long,
        env = "LCT_REDIS",
        hide_env_values = true,
        default_value = "redis://127.0.0.1:6390"
    )]
    redis: String,
    /// Move all times by the same span so that the newest visit ends now
    #[arg(long)]
    shift: bool,
}

#[derive(Debug, thiserror::Error)]
enum LoadError {
    #[error("{file}: {error}")]
    File { file: String, error: VisitFileError },
    #[error("{file}: line {line}: start_ms: would lie before 1970 after the shift")]
    Shift { file: String, line: u64 },
    #[error("--redis: must be like redis://127.0.0.1:6390 or redis://user:password@host:6390/0")]
    Url,
    #[error("{address}: {error}")]
    Connect { address: String, error: RedisError },
    #[error("line {line}: refused by the server: {message}{hint}\n{} visits were added", grouped(*added))]
    Refused {
        line: u64,
        message: String,
        hint: &'static str,
        added: u64,
    },
    #[error("the connection broke: {error}\n{} visits are known to be added; loading again adds the rest", grouped(*added))]
    Broken { error: RedisError, added: u64 },
}

impl LoadError {
    /// 2 for a file that is wrong, as for a wrong option; 1 where the server is the reason.
    fn exit_code(&self) -> u8 {
        match self {
            Self::File { .. } | Self::Shift { .. } | Self::Url => 2,
            Self::Connect { .. } | Self::Refused { .. } | Self::Broken { .. } => 1,
        }
    }
}

fn main() -> ExitCode {
    match load(&Args::parse()) {
        Ok(summary) => {
            println!("{summary}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("lct-load: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}

fn load(args: &Args) -> Result<String, LoadError> {
    let file_error = |error| LoadError::File {
        file: args.file.display().to_string(),
        error,
    };
    let (visits, newest) = check(&args.file).map_err(file_error)?;
    let connection = connect(&args.redis)?;
    let shift = if args.shift {
        now() as i64 - newest as i64
    } else {
        0
    };

    let mut file = VisitFile::open(&args.file).map_err(file_error)?;
    let mut loader = Loader::new(connection, &args.graph);
    let mut progress = Progress::new("visits", visits);
    while let Some(mut row) = file.next_row().map_err(file_error)? {
        let moved = row
            .start
            .checked_add_signed(shift)
            .zip(row.end.checked_add_signed(shift));
        (row.start, row.end) = moved.ok_or_else(|| LoadError::Shift {
            file: args.file.display().to_string(),
            line: row.line,
        })?;
        loader.push(&row)?;
        progress.update(loader.answered);
    }
    let added = loader.finish()?;
    let seconds = progress
        .finish()
        .max(Duration::from_millis(1))
        .as_secs_f64();
    Ok(format!(
        "{} visits into {}: {} added, {} there already; {seconds:.2} s, {} visits/s",
        grouped(visits),
        args.graph,
        grouped(added),
        grouped(visits - added),
        grouped((visits as f64 / seconds) as u64),
    ))
}

fn connect(url: &str) -> Result<Connection, LoadError> {
    let client = redis::Client::open(url).map_err(|_| LoadError::Url)?;
    // The address alone: the URL may hold a password.
    let address = client.get_connection_info().addr().to_string();
    let connection = client.get_connection_with_timeout(Duration::from_secs(5));
    connection.map_err(|error| LoadError::Connect { address, error })
}

/// Checks every row; how many there are, and when the newest ended.
fn check(path: &std::path::Path) -> Result<(u64, Millis), VisitFileError> {
    let mut file = VisitFile::open(path)?;
    let (mut visits, mut newest) = (0, 0);
    while let Some(row) = file.next_row()? {
        visits += 1;
        newest = newest.max(row.end);
    }
    Ok((visits, newest))
}

fn now() -> Millis {
    let since_1970 = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    since_1970.as_millis() as Millis
}

/// Sends visits in commands of a hundred, some commands ahead of the replies.
struct Loader<'a> {
    connection: Connection,
    graph: &'a str,
    command: Cmd,
    /// Line numbers of the visits in `command`.
    lines: Vec<u64>,
    /// The same for each command sent and not yet answered, oldest first.
    under_way: VecDeque<Vec<u64>>,
    answered: u64,
    added: u64,
}

impl<'a> Loader<'a> {
    fn new(connection: Connection, graph: &'a str) -> Self {
        let (command, lines, under_way) = (Cmd::new(), Vec::new(), VecDeque::new());
        Self {
            connection,
            graph,
            command,
            lines,
            under_way,
            answered: 0,
            added: 0,
        }
    }

    fn push(&mut self, row: &VisitRow<'_>) -> Result<(), LoadError> {
        if self.lines.is_empty() {
            self.command = redis::cmd("LCT.VISIT");
            self.command.arg(self.graph);
        }
        self.command
            .arg(row.visitor)
            .arg(row.space)
            .arg(row.start)
            .arg(row.end);
        self.lines.push(row.line);
        if self.lines.len() == VISITS_PER_COMMAND {
            self.send()
        } else {
            Ok(())
        }
    }

    /// Sends what is left and waits for every reply; how many visits were added.
    fn finish(mut self) -> Result<u64, LoadError> {
        if !self.lines.is_empty() {
            self.send()?;
        }
        while !self.under_way.is_empty() {
            self.receive()?;
        }
        Ok(self.added)
    }

    fn send(&mut self) -> Result<(), LoadError> {
        let sent = self
            .connection
            .send_packed_command(&self.command.get_packed_command());
        sent.map_err(|error| LoadError::Broken {
            error,
            added: self.added,
        })?;
        self.under_way.push_back(std::mem::take(&mut self.lines));
        if self.under_way.len() > COMMANDS_AHEAD {
            self.receive()
        } else {
            Ok(())
        }
    }

    fn receive(&mut self) -> Result<(), LoadError> {
        let Some(lines) = self.under_way.pop_front() else {
            return Ok(());
        };
        match self.reply() {
            Ok(added) => {
                self.answered += lines.len() as u64;
                self.added += added;
                Ok(())
            }
            Err(error) if error.is_io_error() => Err(LoadError::Broken {
                error,
                added: self.added,
            }),
            Err(error) => {
                // What was sent ahead still happens: hear it out, so that the count is right.
                while self.under_way.pop_front().is_some() {
                    self.added += self.reply().unwrap_or(0);
                }
                Err(self.refused(&lines, &error))
            }
        }
    }

    fn reply(&mut self) -> Result<u64, RedisError> {
        Ok(from_redis_value(
            self.connection.recv_response()?.extract_error()?,
        )?)
    }

    /// The server counts visits within a command; people count lines.
    fn refused(&self, lines: &[u64], error: &RedisError) -> LoadError {
        let message = match (error.code(), error.detail()) {
            (Some(code), Some(detail)) => format!("{code} {detail}"),
            _ => error.to_string(),
        };
        let number = message
            .split_once(" visit ")
            .and_then(|(_, rest)| rest.split(':').next()?.parse::<usize>().ok());
        let line = number
            .and_then(|number| lines.get(number.checked_sub(1)?))
            .or(lines.first());
        let hint = if message.contains("lct.retention") {
            "\n(--shift moves the visits up to now; `CONFIG SET lct.retention 0` keeps visits of any age)"
        } else {
            ""
        };
        LoadError::Refused {
            line: line.copied().unwrap_or_default(),
            message,
            hint,
            added: self.added,
        }
    }
}
