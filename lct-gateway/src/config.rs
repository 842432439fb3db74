//! Flags, their environment twins (`LCT_…`), and the checks between them.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Parser, ValueEnum};
use ipnet::IpNet;

use crate::bucket::Rate;
use crate::connection::Deadlines;
use crate::graphs::Graphs;
use crate::identity::Auth;
use crate::operator::Action;
use crate::ops::token::Operators;
use crate::origin::Origin;
use crate::redis_link::{Certificates, RedisLink};
use crate::rules::{self, Rules};
use crate::tls::{Files, Tls};

/// Connects contact tracing clients to the LCT module in Redis.
///
/// Clients connect by WebSocket to /ws on the --listen address; operators have their page, /healthz, /readyz and
/// /metrics on the --ops-listen address. Every flag can be given by an environment variable instead; a flag wins. SIGTERM ends the
/// gateway and sends its clients away, SIGHUP reads the certificate again.
#[derive(Debug, Parser)]
#[command(name = "lct-gateway", version, after_help = EXAMPLES)]
pub struct Flags {
    /// What to do instead of serving.
    #[command(subcommand)]
    pub action: Option<Action>,

    /// Where clients connect; port 0 takes a free one and the log says which.
    #[arg(
        long,
        env = "LCT_LISTEN",
        value_name = "ADDRESS",
        default_value = "127.0.0.1:8787",
        help_heading = "Addresses"
    )]
    pub listen: SocketAddr,

    /// Where operators find their page and ask for health and numbers, by HTTP without TLS; keep it off the open internet.
    #[arg(
        long,
        env = "LCT_OPS_LISTEN",
        value_name = "ADDRESS",
        default_value = "127.0.0.1:8788",
        help_heading = "Addresses"
    )]
    pub ops_listen: SocketAddr,

    /// Allow --ops-token on an --ops-listen address that other machines can reach: the listener has no TLS, so whoever sees
    /// that network sees the secrets. Better is a loopback address, with a proxy with TLS before it.
    #[arg(long, env = "LCT_ALLOW_PLAIN_OPS", help_heading = "Operators")]
    pub allow_plain_ops: bool,

    /// By what operators prove who they are on the operators' page: `name:secret`, several by commas. The name is what
    /// the audit shows; the secret has at least 16 random bytes, letters and digits. Without it the page can do nothing.
    #[arg(
        long,
        env = "LCT_OPS_TOKEN",
        hide_env_values = true,
        value_name = "TOKEN",
        help_heading = "Operators"
    )]
    pub ops_token: Option<String>,

    /// The same Redis as that of --redis, with the user for what operators do: the gateway's own may not do it. Without
    /// it, that of --redis.
    #[arg(
        long,
        env = "LCT_OPS_REDIS",
        hide_env_values = true,
        value_name = "URL",
        help_heading = "Operators"
    )]
    pub ops_redis: Option<String>,

    /// The certificate for TLS on --listen and those that signed it, in PEM. Read again when it changes.
    #[arg(
        long,
        env = "LCT_TLS_CERT",
        value_name = "FILE",
        requires = "tls_key",
        help_heading = "TLS"
    )]
    pub tls_cert: Option<PathBuf>,

    /// Its private key, in PEM.
    #[arg(
        long,
        env = "LCT_TLS_KEY",
        value_name = "FILE",
        requires = "tls_cert",
        help_heading = "TLS"
    )]
    pub tls_key: Option<PathBuf>,

    /// The Redis that has the LCT module: redis://, rediss:// (TLS) or unix://.
    #[arg(
        long,
        env = "LCT_REDIS",
        global = true,
        hide_env_values = true,
        value_name = "URL",
        default_value = "redis://127.0.0.1:6390",
        help_heading = "Redis"
    )]
    pub redis: String,

    /// Who may have signed the certificate of a rediss:// server, in PEM; without it, whoever this machine trusts.
    #[arg(
        long,
        env = "LCT_REDIS_CA",
        global = true,
        value_name = "FILE",
        help_heading = "Redis"
    )]
    pub redis_ca: Option<PathBuf>,

    /// The gateway's own certificate for a rediss:// server that asks for one, in PEM.
    #[arg(
        long,
        env = "LCT_REDIS_CERT",
        global = true,
        value_name = "FILE",
        requires = "redis_key",
        help_heading = "Redis"
    )]
    pub redis_cert: Option<PathBuf>,

    /// Its private key, in PEM.
    #[arg(
        long,
        env = "LCT_REDIS_KEY",
        global = true,
        value_name = "FILE",
        requires = "redis_cert",
        help_heading = "Redis"
    )]
    pub redis_key: Option<PathBuf>,

    /// Allow a Redis on another machine without TLS.
    #[arg(
        long,
        env = "LCT_ALLOW_PLAIN_REDIS",
        global = true,
        help_heading = "Redis"
    )]
    pub allow_plain_redis: bool,

    /// The graph that clients write to unless they ask for Sandbox, the playground.
    #[arg(
        long,
        env = "LCT_GRAPH",
        global = true,
        value_name = "NAME",
        default_value = "lct",
        help_heading = "Redis"
    )]
    pub graph: String,

    /// How clients say who they are: `key`, by a signature, or `open`, by a userID that is believed, for development
    /// and old clients.
    #[arg(long, env = "LCT_AUTH", value_name = "WAY", default_value = "key", value_parser = auth,
          help_heading = "Who may connect")]
    pub auth: Auth,

    /// Allow --auth open on an address that other machines can reach.
    #[arg(long, env = "LCT_ALLOW_OPEN", help_heading = "Who may connect")]
    pub allow_open: bool,

    /// Web pages that may connect, like `https://lct.example.org`; several by commas or by repeating the flag. Pages
    /// that the gateway serves itself and programs that are no browsers always may.
    #[arg(
        long,
        env = "LCT_ALLOW_ORIGIN",
        value_name = "ORIGIN",
        value_delimiter = ',',
        help_heading = "Who may connect"
    )]
    pub allow_origin: Vec<Origin>,

    /// Networks of your own reverse proxies, like `10.0.0.0/8` or `127.0.0.1`; several by commas or by repeating the
    /// flag. What they say in X-Forwarded-For is believed, from nobody else.
    #[arg(long, env = "LCT_TRUSTED_PROXY", value_name = "NETWORK", value_delimiter = ',', value_parser = network,
          help_heading = "Who may connect")]
    pub trusted_proxy: Vec<IpNet>,

    /// The most client connections at once.
    #[arg(long, env = "LCT_MAX_CONNECTIONS", value_name = "N", default_value_t = 10_000,
          value_parser = count, help_heading = "Limits")]
    pub max_connections: usize,

    /// Of these, the most from one address (IPv6: from one /64). A school or a mobile network can be one address.
    #[arg(long, env = "LCT_MAX_PER_ADDRESS", value_name = "N", default_value_t = 256,
          value_parser = count, help_heading = "Limits")]
    pub max_per_address: usize,

    /// Of these, the most that have not opened a session.
    #[arg(long, env = "LCT_MAX_UNOPENED", value_name = "N", default_value_t = 2_000,
          value_parser = count, help_heading = "Limits")]
    pub max_unopened: usize,

    /// Messages a second that a client may send in the long run.
    #[arg(long, env = "LCT_MESSAGE_RATE", value_name = "N", default_value = "10", value_parser = per_second,
          help_heading = "Limits")]
    pub message_rate: f64,

    /// Messages it may send at once.
    #[arg(long, env = "LCT_MESSAGE_BURST", value_name = "N", default_value = "100", value_parser = count,
          help_heading = "Limits")]
    pub message_burst: usize,

    /// How long a TLS handshake may take.
    #[arg(long, env = "LCT_HANDSHAKE_TIMEOUT", value_name = "SECONDS", default_value = "5",
          value_parser = seconds, help_heading = "Deadlines")]
    pub handshake_timeout: Duration,

    /// How long the head of a request may take.
    #[arg(long, env = "LCT_HEADER_TIMEOUT", value_name = "SECONDS", default_value = "5",
          value_parser = seconds, help_heading = "Deadlines")]
    pub header_timeout: Duration,

    /// How long a new WebSocket may take to say hello.
    #[arg(long, env = "LCT_HELLO_TIMEOUT", value_name = "SECONDS", default_value = "10",
          value_parser = seconds, help_heading = "Deadlines")]
    pub hello_timeout: Duration,

    /// After how much silence a client is asked for a sign of life.
    #[arg(long, env = "LCT_PING_INTERVAL", value_name = "SECONDS", default_value = "25",
          value_parser = seconds, help_heading = "Deadlines")]
    pub ping_interval: Duration,

    /// How long it may take to give one.
    #[arg(long, env = "LCT_PING_TIMEOUT", value_name = "SECONDS", default_value = "10",
          value_parser = seconds, help_heading = "Deadlines")]
    pub ping_timeout: Duration,

    /// How long a client may take to read what it is sent.
    #[arg(long, env = "LCT_WRITE_TIMEOUT", value_name = "SECONDS", default_value = "10",
          value_parser = seconds, help_heading = "Deadlines")]
    pub write_timeout: Duration,

    /// How long /readyz says no before anything else ends, so that a load balancer has time to hear it.
    #[arg(long, env = "LCT_DRAIN_NOTICE", value_name = "SECONDS", default_value = "0",
          value_parser = seconds_or_none, help_heading = "Ending")]
    pub drain_notice: Duration,

    /// How many clients are sent away per second; more where half of --drain-timeout would not suffice.
    #[arg(long, env = "LCT_DRAIN_RATE", value_name = "N", default_value_t = 500,
          value_parser = clap::value_parser!(u32).range(1..=1_000_000), help_heading = "Ending")]
    pub drain_rate: u32,

    /// How long the gateway may take to end after SIGTERM or Ctrl-C and the notice.
    #[arg(long, env = "LCT_DRAIN_TIMEOUT", value_name = "SECONDS", default_value = "30",
          value_parser = seconds, help_heading = "Ending")]
    pub drain_timeout: Duration,

    /// Warnings, caps, replicas.
    #[command(flatten)]
    pub rules: rules::Flags,

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

const EXAMPLES: &str = "\
Examples:
  lct-gateway --auth open
      on this machine, for trying things out
  lct-gateway --listen 0.0.0.0:443 --tls-cert fullchain.pem --tls-key privkey.pem \\
              --allow-origin https://lct.example.org --redis unix:///run/redis/lct.sock
      on the open internet
  LCT_REDIS=rediss://gateway:PASSWORD@redis.internal:6390 \\
  lct-gateway --listen 10.0.0.5:8787 --trusted-proxy 10.0.0.0/24 \\
              --redis-ca ca.pem --redis-cert gateway.pem --redis-key gateway.key
      behind a reverse proxy that speaks TLS, with Redis on another machine";

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
    /// Who may act on the operators' listener.
    pub operators: Option<Operators>,
    /// The same Redis, with the user for what operators do.
    pub ops_redis: RedisLink,
    /// The certificate for clients, if there is one.
    pub tls: Option<Tls>,
    /// How clients say who they are.
    pub auth: Auth,
    /// Warnings, caps, replicas.
    pub rules: Rules,
    /// The proxies that are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// The most client connections.
    pub max_connections: usize,
    /// Of these, the most from one network.
    pub max_per_address: usize,
    /// Of these, the most without a session.
    pub max_unopened: usize,
    /// How many messages a client may send.
    pub messages: Rate,
    /// How long a TLS handshake may take.
    pub handshake_timeout: Duration,
    /// How long the head of a request may take.
    pub head_timeout: Duration,
    /// How long a connected client may take for what.
    pub deadlines: Deadlines,
    /// How to end.
    pub drain: Drain,
}

/// How the gateway ends.
#[derive(Debug, Clone, Copy)]
pub struct Drain {
    /// How long only `/readyz` knows.
    pub notice: Duration,
    /// How many clients are sent away per second.
    pub per_second: u32,
    /// How long it may take after the notice.
    pub timeout: Duration,
}

impl TryFrom<Flags> for Config {
    type Error = String;

    /// # Errors
    /// One line that names the flag and its rule.
    fn try_from(flags: Flags) -> Result<Self, String> {
        if flags.auth == Auth::Open && !flags.listen.ip().is_loopback() && !flags.allow_open {
            return Err(
                "--listen: must be a loopback address with --auth open, which lets anyone act for anyone; \
                 --allow-open lifts this"
                    .into(),
            );
        }
        if flags.ops_token.is_some()
            && !flags.ops_listen.ip().is_loopback()
            && !flags.allow_plain_ops
        {
            return Err(
                "--ops-listen: must be a loopback address with --ops-token, behind a proxy with TLS: the secrets of \
                 operators would cross the network for all to read; --allow-plain-ops lifts this"
                    .into(),
            );
        }
        let tls = match (flags.tls_cert, flags.tls_key) {
            (Some(cert), Some(key)) => Some(Tls::load(Files { cert, key })?),
            _ => None,
        };
        let certificates = Certificates {
            ca: file("--redis-ca", flags.redis_ca.as_deref())?,
            client: file("--redis-cert", flags.redis_cert.as_deref())?
                .zip(file("--redis-key", flags.redis_key.as_deref())?),
        };
        let operators = flags.ops_token.as_deref().map(Operators::new).transpose();
        let redis = |flag, url: &str| {
            RedisLink::new(url, certificates.clone(), flags.allow_plain_redis)
                .map_err(|rule| format!("{flag}: {rule}"))
        };
        Ok(Self {
            listen: flags.listen,
            ops_listen: flags.ops_listen,
            redis: redis("--redis", &flags.redis)?,
            ops_redis: match &flags.ops_redis {
                Some(url) => redis("--ops-redis", url)?,
                None => redis("--redis", &flags.redis)?,
            },
            graphs: Graphs::new(&flags.graph).map_err(|rule| format!("--graph: {rule}"))?,
            allow_origin: flags.allow_origin,
            operators: operators.map_err(|rule| format!("--ops-token: {rule}"))?,
            tls,
            auth: flags.auth,
            rules: flags.rules.try_into()?,
            trusted_proxies: flags.trusted_proxy,
            max_connections: flags.max_connections,
            max_per_address: flags.max_per_address,
            max_unopened: flags.max_unopened,
            messages: Rate::per_second(
                flags.message_rate,
                u32::try_from(flags.message_burst).unwrap_or(u32::MAX),
            ),
            handshake_timeout: flags.handshake_timeout,
            head_timeout: flags.header_timeout,
            deadlines: Deadlines {
                hello: flags.hello_timeout,
                ping: flags.ping_interval,
                pong: flags.ping_timeout,
                write: flags.write_timeout,
            },
            drain: Drain {
                notice: flags.drain_notice,
                per_second: flags.drain_rate,
                timeout: flags.drain_timeout,
            },
        })
    }
}

fn auth(text: &str) -> Result<Auth, &'static str> {
    match text {
        "key" => Ok(Auth::Key),
        "open" => Ok(Auth::Open),
        _ => Err("must be key or open"),
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

/// As [`seconds`], and 0.
fn seconds_or_none(text: &str) -> Result<Duration, &'static str> {
    match text {
        "0" => Ok(Duration::ZERO),
        _ => seconds(text).map_err(|_| "must be 0 or a number of seconds from 0.001 to 86400"),
    }
}

fn count(text: &str) -> Result<usize, &'static str> {
    text.parse()
        .ok()
        .filter(|count| (1..=1_000_000).contains(count))
        .ok_or("must be a whole number from 1 to 1000000")
}

fn per_second(text: &str) -> Result<f64, &'static str> {
    text.parse::<f64>()
        .ok()
        .filter(|rate| (0.01..=1_000_000.0).contains(rate))
        .ok_or("must be a number from 0.01 to 1000000")
}

/// A network, or one address.
fn network(text: &str) -> Result<IpNet, &'static str> {
    let address = || text.parse::<IpAddr>().map(IpNet::from);
    text.parse::<IpNet>()
        .or_else(|_| address())
        .map_err(|_| "must be like 10.0.0.0/8, 2001:db8::/32 or 127.0.0.1")
}

fn file(flag: &str, path: Option<&Path>) -> Result<Option<Vec<u8>>, String> {
    path.map(std::fs::read)
        .transpose()
        .map_err(|error| format!("{flag}: cannot be read ({})", error.kind()))
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
        let open = ["--auth", "open", "--listen", "0.0.0.0:8787"];
        assert!(refused(&open).contains("--allow-open lifts this"));
        assert!(config(&[&open[..], &["--allow-open"]].concat()).is_ok());
        assert!(
            config(&open[2..]).is_ok(),
            "with keys it may listen anywhere"
        );
        assert!(config(&["--listen", "[::1]:8787"]).is_ok());
    }

    #[test]
    fn operators_secrets_stay_on_this_machine_unless_told_otherwise() {
        let plain = [
            "--ops-listen",
            "0.0.0.0:8788",
            "--ops-token",
            "0123456789abcdef",
        ];
        assert!(refused(&plain).contains("--allow-plain-ops lifts this"));
        assert!(config(&[&plain[..], &["--allow-plain-ops"]].concat()).is_ok());
        assert!(config(&plain[..2]).is_ok(), "numbers are no secrets");
        assert!(config(&plain[2..]).is_ok());
        assert!(config(&[&plain[2..], &["--ops-listen", "[::1]:8788"]].concat()).is_ok());
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
            (["--max-per-address", "0"], "must be a whole number from 1"),
            (["--message-rate", "0"], "must be a number from 0.01"),
            (
                ["--trusted-proxy", "example.org"],
                "must be like 10.0.0.0/8",
            ),
            (["--drain-notice", "x"], "must be 0 or a number"),
            (["--ops-token", "short"], "--ops-token: must be at least 16"),
            (["--tls-cert", "cert.pem"], "--tls-key"),
            (["--redis-cert", "cert.pem"], "--redis-key"),
            (["--redis-ca", "/nowhere"], "--redis-ca: cannot be read"),
            (
                ["--redis", "redis://192.0.2.1:6390"],
                "--redis: must begin with rediss://",
            ),
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
