//! What operators do by command: make one-time codes and service tokens, and list, release and retract warnings. It needs a Redis user
//! with the right to it, which the gateways' own does not have.

use std::fmt::Write;
use std::sync::Arc;

use clap::Subcommand;

use crate::clock::{self, DAY};
use crate::command::Services;
use crate::config::Config;
use crate::graphs::Graph;
use crate::ids::SpaceId;
use crate::metrics::Metrics;
use crate::module::ModuleError;
use crate::tokens::Terms;

/// What to do.
#[derive(Debug, Clone, Subcommand)]
pub enum Action {
    /// One-time codes for people who tested positive
    #[command(subcommand)]
    Codes(CodesAction),
    /// Warnings, held ones among them
    #[command(subcommand)]
    Warnings(WarningsAction),
    /// Tokens for services that log visits
    #[command(subcommand)]
    Tokens(TokensAction),
}

/// What to do about codes.
#[derive(Debug, Clone, Subcommand)]
pub enum CodesAction {
    /// Make codes, each good for one warning within 24 hours, and print them
    New {
        /// The day of first symptoms, else of the test, as YYYY-MM-DD; it wins over what the person says.
        #[arg(long, value_name = "DAY", value_parser = day)]
        since: Option<u64>,
        /// How many.
        #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1_000))]
        count: u64,
    },
}

/// What to do about warnings.
#[derive(Debug, Clone, Subcommand)]
pub enum WarningsAction {
    /// List the newest: id, kind, reason, state, day, people alerted
    List {
        /// How many.
        #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..))]
        count: u64,
    },
    /// Let a held warning go
    Release {
        /// Its id, as the list gives it.
        warning: String,
    },
    /// Withdraw a warning, and every alert it caused
    Retract {
        /// Its id, as the list gives it.
        warning: String,
    },
}

/// What to do about service tokens.
#[derive(Debug, Clone, Subcommand)]
pub enum TokensAction {
    /// Make a token and print it; it cannot be shown again
    New {
        /// It writes to the playground instead of the graph of --graph.
        #[arg(long)]
        sandbox: bool,
        /// What every place must begin with.
        #[arg(long, value_name = "TEXT", value_parser = prefix)]
        space_prefix: String,
        /// How many visits a minute it may log.
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
        rate: u64,
        /// The last day on which it is good, in UTC, as YYYY-MM-DD.
        #[arg(long, value_name = "DAY", value_parser = last_day)]
        expires: u64,
        /// Whom it is for; only operators see it.
        #[arg(long, value_name = "TEXT", default_value = "")]
        label: String,
    },
    /// List all: id, graph, visits a minute, last day, prefix, label
    List,
    /// Take a token back
    Revoke {
        /// Its id, as the list gives it.
        id: String,
    },
}

/// Does it, and gives what to print.
///
/// # Errors
/// What the module or Redis says against it.
pub async fn run(action: Action, config: Config) -> Result<String, ModuleError> {
    let services = Services::new(
        &config.redis,
        config.rules,
        Arc::new(config.graphs),
        Arc::new(Metrics::default()),
    )?;
    let module = &services.module;
    let mut text = String::new();
    match action {
        Action::Codes(CodesAction::New { since, count }) => {
            for code in services.codes.create(Graph::Main, since, count).await? {
                let _ = writeln!(text, "{}", code.encode()); // a String takes everything
            }
        }
        Action::Warnings(WarningsAction::List { count }) => {
            for row in module.warnings(Graph::Main, None, None, count).await? {
                let _ = writeln!(
                    text,
                    "{}  {}  {}  {}  {}  {}",
                    row.warning,
                    row.kind,
                    row.reason,
                    row.state,
                    clock::day_text(row.issued),
                    row.alerts
                );
            }
        }
        Action::Warnings(WarningsAction::Release { warning }) => {
            let _ = match module.release(Graph::Main, &warning).await? {
                Some(alerted) => writeln!(text, "alerted: {alerted}"),
                None => writeln!(text, "it is not held: nothing was done"),
            };
        }
        Action::Warnings(WarningsAction::Retract { warning }) => {
            let withdrawn = module.retract_any(Graph::Main, &warning).await?;
            let _ = writeln!(text, "withdrawn: {withdrawn}");
        }
        Action::Tokens(TokensAction::New {
            sandbox,
            space_prefix,
            rate,
            expires,
            label,
        }) => {
            let terms = Terms {
                graph: if sandbox { Graph::Sandbox } else { Graph::Main },
                prefix: space_prefix,
                rate,
                expires,
            };
            let token = services.tokens.create(&terms, &label).await?;
            let _ = writeln!(text, "{}", token.encode());
        }
        Action::Tokens(TokensAction::List) => {
            for token in services.tokens.list().await? {
                let _ = writeln!(
                    text,
                    "{}  {}  {}  {}  {:?}  {}",
                    token.id,
                    token.graph,
                    token.rate,
                    clock::day_text(token.expires - 1),
                    token.prefix,
                    token.label
                );
            }
        }
        Action::Tokens(TokensAction::Revoke { id }) => {
            let revoked = services.tokens.revoke(&id).await?;
            let _ = writeln!(text, "revoked: {}", u8::from(revoked));
        }
    }
    Ok(text)
}

fn prefix(text: &str) -> Result<String, &'static str> {
    SpaceId::new(text).map(|_| text.to_owned())
}

/// When a day that is not over will be.
fn last_day(text: &str) -> Result<u64, &'static str> {
    let end = day(text)? + DAY;
    if end > clock::now() {
        Ok(end)
    } else {
        Err("must not be over")
    }
}

fn day(text: &str) -> Result<u64, &'static str> {
    clock::day(text).ok_or("must be a day like 2026-11-22")
}
