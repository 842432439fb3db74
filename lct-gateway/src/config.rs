//! Flags, their environment twins (`LCT_…`), and the checks between them.

use std::net::SocketAddr;
use std::time::Duration;

use clap::{Parser, ValueEnum};

use crate::connection::Deadlines;
use crate::graphs::Graphs;
use crate::origin::Origin;
use crate::redis_link::RedisLink;

/// Connects contact tracing clients to the LCT module in Redis.
///
/// Clients connect by WebSocket to /ws on the --listen address; operators ask /healthz, /readyz and /metrics on the
/// --ops-listen address. Every flag can be given by an environment variable instead; a flag wins.
#[derive(Debug, Parser)]
#[command(name = "lct-gateway", version)]
pub struct Flags {
    /// Where clients connect; port 0 takes a free one and the log says which.
    #[arg(
        long,
        env = "LCT_LISTEN",
        value_name = "ADDRESS",
        default_value = "127.0.0.1:8787"
    )]
    pub listen: SocketAddr,

    /// Where operators ask; keep it off the open internet.
    #[arg(
        long,
        env = "LCT_OPS_LISTEN",
        value_name = "ADDRESS",
        default_value = "127.0.0.1:8788"
    )]
    pub ops_listen: SocketAddr,

    /// The Redis that has the LCT module.
    #[arg(
        long,
        env = "LCT_REDIS",
        hide_env_values = true,
        value_name = "URL",
        default_value = "redis://127.0.0.1:6390"
    )]
    pub redis: String,

    /// The graph that clients write to unless they ask for Sandbox, the playground.
    #[arg(long, env = "LCT_GRAPH", value_name = "NAME", default_value = "lct")]
    pub graph: String,

    /// How clients say who they are. `open` believes their userID: for development and for old clients.
    #[arg(long, env = "LCT_AUTH", value_name = "WAY", default_value = "open", value_parser = auth)]
    pub auth: Auth,

    /// Allow --auth open on an address that other machines can reach.
    #[arg(long, env = "LCT_ALLOW_OPEN")]
    pub allow_open: bool,

    /// Web pages that may connect, like `https://lct.example.org`; several by commas or by repeating the flag. Pages
    /// that the gateway serves itself and programs that are no browsers always may.
    #[arg(
        long,
        env = "LCT_ALLOW_ORIGIN",
        value_name = "ORIGIN",
        value_delimiter = ','
    )]
    pub allow_origin: Vec<Origin>,

    /// The most client connections at once.
    #[arg(long, env = "LCT_MAX_CONNECTIONS", value_name = "N", default_value_t = 10_000,
          value_parser = connections, help_heading = "Limits")]
    pub max_connections: usize,

    /// How long the head of a request may take.
    #[arg(long, env = "LCT_HEADER_TIMEOUT", value_name = "SECONDS", default_value = "5",
          value_parser = seconds, help_heading = "Limits")]
    pub header_timeout: Duration,

    /// How long a new WebSocket may take to say hello.
    #[arg(long, env = "LCT_HELLO_TIMEOUT", value_name = "SECONDS", default_value = "10",
          value_parser = seconds, help_heading = "Limits")]
    pub hello_timeout: Duration,

    /// After how much silence a client is asked for a sign of life.
    #[arg(long, env = "LCT_PING_INTERVAL", value_name = "SECONDS", default_value = "25",
          value_parser = seconds, help_heading = "Limits")]
    pub ping_interval: Duration,

    /// How long it may take to give one.
    #[arg(long, env = "LCT_PING_TIMEOUT", value_name = "SECONDS", default_value = "10",
          value_parser = seconds, help_heading = "Limits")]
    pub ping_timeout: Duration,

    /// How long a client may take to read what it is sent.
    #[arg(long, env = "LCT_WRITE_TIMEOUT", value_name = "SECONDS", default_value = "10",
          value_parser = seconds, help_heading = "Limits")]
    pub write_timeout: Duration,

    /// How long the gateway may take to end after SIGTERM or Ctrl-C.
    #[arg(long, env = "LCT_DRAIN_TIMEOUT", value_name = "SECONDS", default_value = "30",
          value_parser = seconds, help_heading = "Limits")]
    pub drain_timeout: Duration,

    /// How much to log. Logs never hold an id, a place, a message or a client's address.
    #[arg(
        long,
        env = "LCT_LOG_LEVEL",
        value_name = "LEVEL",
        default_value = "info",
        help_heading = "Logs"
    )]
    pub log_level: LogLevel,

    /// The form of the log, which goes to standard error.
    #[arg(
        long,
        env = "LCT_LOG_FORMAT",
        value_name = "FORM",
        default_value = "text",
        help_heading = "Logs"
    )]
    pub log_format: LogFormat,
}

/// How clients say who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Auth {
    /// By a userID, which is believed.
    Open,
}

/// How much to log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[expect(missing_docs, reason = "each is the level of that name")]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
}

/// The form of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}

/// What the gateway runs with: [`Flags`], read and checked.
#[derive(Clone)]
pub struct Config {
    /// Where clients connect.
    pub listen: SocketAddr,
    /// Where operators ask.
    pub ops_listen: SocketAddr,
    /// The Redis with the module.
    pub redis: RedisLink,
    /// The graphs' names.
    pub graphs: Graphs,
    /// Pages that may connect.
    pub allow_origin: Vec<Origin>,
    /// The most client connections.
    pub max_connections: usize,
    /// How long the head of a request may take.
    pub head_timeout: Duration,
    /// How long a connected client may take for what.
    pub deadlines: Deadlines,
    /// How long ending may take.
    pub drain_timeout: Duration,
}

impl TryFrom<Flags> for Config {
    type Error = String;

    /// # Errors
    /// One line that names the flag and its rule.
    fn try_from(flags: Flags) -> Result<Self, String> {
        let Auth::Open = flags.auth;
        if !flags.listen.ip().is_loopback() && !flags.allow_open {
            return Err(
                "--listen: must be a loopback address with --auth open, which lets anyone act for anyone; \
                 --allow-open lifts this"
                    .into(),
            );
        }
        Ok(Self {
            listen: flags.listen,
            ops_listen: flags.ops_listen,
            redis: RedisLink::new(&flags.redis).map_err(|rule| format!("--redis: {rule}"))?,
            graphs: Graphs::new(&flags.graph).map_err(|rule| format!("--graph: {rule}"))?,
            allow_origin: flags.allow_origin,
            max_connections: flags.max_connections,
            head_timeout: flags.header_timeout,
            deadlines: Deadlines {
                hello: flags.hello_timeout,
                ping: flags.ping_interval,
                pong: flags.ping_timeout,
                write: flags.write_timeout,
            },
            drain_timeout: flags.drain_timeout,
        })
    }
}

fn auth(text: &str) -> Result<Auth, &'static str> {
    match text {
        "open" => Ok(Auth::Open),
        _ => Err("this version serves only --auth open"),
    }
}

/// Seconds, with a fraction if need be: from a millisecond to a day.
fn seconds(text: &str) -> Result<Duration, &'static str> {
    text.parse::<f64>()
        .ok()
        .filter(|seconds| (0.001..=86_400.0).contains(seconds))
        .map(Duration::from_secs_f64)
        .ok_or("must be a number of seconds from 0.001 to 86400")
}

fn connections(text: &str) -> Result<usize, &'static str> {
    text.parse()
        .ok()
        .filter(|count| (1..=1_000_000).contains(count))
        .ok_or("must be a whole number from 1 to 1000000")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(args: &[&str]) -> Result<Config, String> {
        let args = std::iter::once("lct-gateway").chain(args.iter().copied());
        let flags = Flags::try_parse_from(args).map_err(|error| error.to_string())?;
        flags.try_into()
    }

    fn refused(args: &[&str]) -> String {
        match config(args) {
            Err(line) => line,
            Ok(_) => panic!("{args:?} was taken"),
        }
    }

    #[test]
    fn the_defaults_are_those_other_programs_rely_on() {
        let config = config(&[]).unwrap();
        assert_eq!(config.listen.to_string(), "127.0.0.1:8787");
        assert_eq!(config.ops_listen.to_string(), "127.0.0.1:8788");
        assert_eq!(config.redis.address(), "127.0.0.1:6390");
        assert_eq!(config.graphs.name(crate::graphs::Graph::Main), "lct");
    }

    #[test]
    fn open_identity_stays_on_this_machine_unless_told_otherwise() {
        assert!(refused(&["--listen", "0.0.0.0:8787"]).contains("--allow-open lifts this"));
        assert!(config(&["--listen", "0.0.0.0:8787", "--allow-open"]).is_ok());
        assert!(config(&["--listen", "[::1]:8787"]).is_ok());
        assert!(refused(&["--auth", "key"]).contains("this version serves only --auth open"));
    }

    #[test]
    fn wrong_flags_are_named_with_their_rule() {
        for (args, part) in [
            (["--graph", "Sandbox"], "--graph: must not be Sandbox"),
            (["--redis", "localhost"], "--redis: must be like redis://"),
            (["--ping-interval", "0"], "must be a number of seconds"),
            (["--ping-interval", "NaN"], "must be a number of seconds"),
            (["--max-connections", "0"], "must be a whole number from 1"),
            (["--allow-origin", "example.org"], "must be like https://"),
            (["--listen", "8787"], "--listen"),
        ] {
            let line = refused(&args);
            assert!(line.contains(part), "{line}");
        }
    }

    #[test]
    fn origins_come_by_commas_or_by_repeating() {
        let args = [
            "--allow-origin",
            "https://a.example,https://b.example",
            "--allow-origin",
            "http://c.example:81",
        ];
        assert_eq!(config(&args).unwrap().allow_origin.len(), 3);
    }

    #[test]
    fn every_flag_is_well_formed() {
        use clap::CommandFactory;
        Flags::command().debug_assert();
    }
}
