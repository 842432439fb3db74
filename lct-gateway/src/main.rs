//! The gateway as a program: reads the flags, serves until SIGTERM or Ctrl-C, or does one thing for an
//! operator.

use std::process::ExitCode;

use clap::Parser;
use lct_gateway::config::{Config, Flags, LogFormat, LogLevel};
use lct_gateway::gateway::Gateway;
use lct_gateway::operator::{self, Action};
use tokio::signal::unix::{SignalKind, signal};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

fn main() -> ExitCode {
    let mut flags = Flags::parse();
    let action = flags.action.take();
    log_to_stderr(flags.log_level, flags.log_format);
    let config = match Config::try_from(flags) {
        Ok(config) => config,
        Err(line) => {
            eprintln!("lct-gateway: {line}");
            return ExitCode::from(2); // as for flags that clap refuses
        }
    };
    let result = match action {
        Some(action) => act(action, config),
        None => run(config),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("lct-gateway: {error}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn run(config: Config) -> Result<(), Box<dyn std::error::Error>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let gateway = Gateway::start(config)?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    gateway.end().await;
    Ok(())
}

#[tokio::main]
async fn act(action: Action, config: Config) -> Result<(), Box<dyn std::error::Error>> {
    print!("{}", operator::run(action, config).await?);
    Ok(())
}

/// Logs what the gateway itself says, at `level`. Of the libraries only warnings: below that, what they log can hold
/// headers and payloads.
fn log_to_stderr(level: LogLevel, format: LogFormat) {
    let level = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
    };
    let targets = Targets::new()
        .with_target("lct_gateway", level)
        .with_default(LevelFilter::WARN.min(level));
    let log = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let registry = tracing_subscriber::registry().with(targets);
    match format {
        LogFormat::Text => registry.with(log.with_ansi(false)).init(),
        LogFormat::Json => registry.with(log.json()).init(),
    }
}
