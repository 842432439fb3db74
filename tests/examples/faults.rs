//! The fault campaign as a program: what scripts/faults runs. Ends with 0 if nothing was lost and nothing wrong.

use clap::Parser;
use lct_tests::faults::{Campaign, run};
use std::process::ExitCode;
use std::time::Duration;

/// Kills, cuts and stalls gateways, Redis, links and clients at random while people log visits and warn, and then compares
/// the alerts everyone holds with a brute-force model.
#[derive(Parser)]
#[command(name = "scripts/faults")]
struct Flags {
    /// What the campaign follows from [default: the clock]
    #[arg(long, env = "SEED")]
    seed: Option<u64>,
    /// How many faults
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..))]
    faults: u32,
    /// The mean time from one fault to the next, in milliseconds
    #[arg(long, default_value_t = 600)]
    pace: u64,
    /// How many clients
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..))]
    clients: u32,
    /// How many gateways
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    gateways: u32,
}

#[tokio::main]
async fn main() -> ExitCode {
    let flags = Flags::parse();
    let campaign = Campaign {
        seed: flags.seed.unwrap_or_else(lct_tests::now),
        faults: flags.faults as usize,
        pace: Duration::from_millis(flags.pace),
        clients: flags.clients as usize,
        gateways: flags.gateways as usize,
    };
    println!("SEED={}", campaign.seed);
    let report = run(campaign).await;
    println!("{report}");
    if report.is_good() {
        println!("Nothing lost, nothing wrong.");
        ExitCode::SUCCESS
    } else {
        println!("FAILED.");
        ExitCode::FAILURE
    }
}
