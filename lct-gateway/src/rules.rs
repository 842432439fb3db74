//! Flags about what people may do and what becomes of it: what warnings ask, who may warn, how much is too much, and
//! when something counts as done.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::caps::Limits;
use crate::module::Durability;
use crate::policy::Policy;

/// The flags.
#[derive(Debug, Args)]
#[group(id = "rules")]
pub struct Flags {
    /// What warnings ask the module, by reason, in TOML; docs/operating.md shows one. Without it: positive alerts
    /// contacts of contacts too, the others contacts only.
    #[arg(
        long,
        env = "LCT_POLICY",
        value_name = "FILE",
        help_heading = "Warnings"
    )]
    pub policy: Option<PathBuf>,

    /// Whether a warning with the reason positive needs a one-time code: `lct-gateway codes new` makes them.
    #[arg(
        long,
        env = "LCT_WARNING_CODES",
        value_name = "WHEN",
        default_value = "off",
        help_heading = "Warnings"
    )]
    pub warning_codes: WarningCodes,

    /// A warning that would alert more people than this waits until an operator lets it go; 0: none waits.
    #[arg(
        long,
        env = "LCT_HOLD",
        value_name = "N",
        default_value_t = 0,
        help_heading = "Warnings"
    )]
    pub hold: u64,

    /// Visits a visitor may log or move a day (UTC, like all days here); 0: no cap.
    #[arg(
        long,
        env = "LCT_MAX_VISITS",
        value_name = "N",
        default_value_t = 200,
        help_heading = "Caps, kept in Redis for all gateways together"
    )]
    pub max_visits: u64,

    /// The same for an address (IPv6: a /64), from which many people may come.
    #[arg(
        long,
        env = "LCT_MAX_VISITS_PER_ADDRESS",
        value_name = "N",
        default_value_t = 20_000,
        help_heading = "Caps, kept in Redis for all gateways together"
    )]
    pub max_visits_per_address: u64,

    /// Warnings a visitor may send a day; the same one again does not count.
    #[arg(
        long,
        env = "LCT_MAX_WARNINGS",
        value_name = "N",
        default_value_t = 5,
        help_heading = "Caps, kept in Redis for all gateways together"
    )]
    pub max_warnings: u64,

    /// The same for a fortnight.
    #[arg(
        long,
        env = "LCT_MAX_WARNINGS_PER_FORTNIGHT",
        value_name = "N",
        default_value_t = 10,
        help_heading = "Caps, kept in Redis for all gateways together"
    )]
    pub max_warnings_per_fortnight: u64,

    /// Warnings a day from an address.
    #[arg(
        long,
        env = "LCT_MAX_WARNINGS_PER_ADDRESS",
        value_name = "N",
        default_value_t = 200,
        help_heading = "Caps, kept in Redis for all gateways together"
    )]
    pub max_warnings_per_address: u64,

    /// How many replicas must have a warning, a retraction, an erasure or a revocation before it is acknowledged.
    #[arg(
        long,
        env = "LCT_REPLICAS",
        value_name = "N",
        default_value_t = 0,
        help_heading = "Redis"
    )]
    pub replicas: u64,

    /// The same for visits; costs each of them a round trip to the replicas.
    #[arg(long, env = "LCT_WAIT_VISITS", help_heading = "Redis")]
    pub wait_visits: bool,
}

/// Whether warnings need one-time codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum WarningCodes {
    /// None does.
    Off,
    /// Those with the reason positive do.
    Required,
}

/// The flags, read and checked.
#[derive(Debug, Clone)]
pub struct Rules {
    /// What warnings ask.
    pub policy: Policy,
    /// Whether a warning with the reason positive needs a code.
    pub codes_required: bool,
    /// See [`Flags::hold`].
    pub hold: u64,
    /// Caps.
    pub limits: Limits,
    /// When a write counts as done.
    pub durability: Durability,
}

impl TryFrom<Flags> for Rules {
    type Error = String;

    /// # Errors
    /// One line that names the flag and its rule.
    fn try_from(flags: Flags) -> Result<Self, String> {
        if flags.wait_visits && flags.replicas == 0 {
            return Err(
                "--wait-visits: needs --replicas, else there is nothing to wait for".into(),
            );
        }
        let policy = match &flags.policy {
            Some(path) => Policy::read(path).map_err(|rule| format!("--policy: {rule}"))?,
            None => Policy::default(),
        };
        Ok(Self {
            policy,
            codes_required: flags.warning_codes == WarningCodes::Required,
            hold: flags.hold,
            limits: Limits {
                visits_visitor: flags.max_visits,
                visits_network: flags.max_visits_per_address,
                warnings_visitor: flags.max_warnings,
                warnings_fortnight: flags.max_warnings_per_fortnight,
                warnings_network: flags.max_warnings_per_address,
            },
            durability: Durability {
                replicas: flags.replicas,
                visits: flags.wait_visits,
            },
        })
    }
}
