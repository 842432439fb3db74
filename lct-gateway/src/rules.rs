//! Flags about what people may do and what becomes of it: what warnings ask, who may warn, how much is too much, and
//! when something counts as done.

use std::path::PathBuf;

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use clap::{Args, ValueEnum};
use ed25519_dalek::VerifyingKey;

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

    /// Who signs the posters of places: Ed25519 public keys as `openssl pkey -pubout` writes them, without the lines of
    /// dashes; several by commas or by repeating the flag. Pages check codes by them and say what came of it.
    #[arg(
        long,
        env = "LCT_PLACE_KEY",
        value_name = "KEY",
        value_delimiter = ',',
        value_parser = place_key,
        help_heading = "Places"
    )]
    pub place_key: Vec<String>,

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
    /// Who signs the posters of places: public keys in base64url without padding.
    pub place_keys: Vec<String>,
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
            place_keys: flags.place_key,
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

/// What comes before the 32 bytes of an Ed25519 public key in its standard form (RFC 8410).
const PUBLIC_KEY: [u8; 12] = [0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 0x21, 0];

/// Reads a key as openssl writes it; gives it as the gateway tells it.
fn place_key(text: &str) -> Result<String, &'static str> {
    let key = STANDARD.decode(text.trim()).ok().and_then(|bytes| {
        let key: [u8; 32] = bytes.strip_prefix(&PUBLIC_KEY)?.try_into().ok()?;
        VerifyingKey::from_bytes(&key)
            .ok()
            .filter(|key| !key.is_weak())
    });
    key.map(|key| URL_SAFE_NO_PAD.encode(key)).ok_or(
        "must be an Ed25519 public key as openssl pkey -pubout writes it, without the lines of dashes",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_as_openssl_writes_it() {
        // The key of RFC 8410, 10.1.
        let key = "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=";
        let told = "Gb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE";
        assert_eq!(place_key(&format!(" {key}\n")), Ok(told.to_owned()));
        let weak = STANDARD.encode([PUBLIC_KEY.as_slice(), &[1], &[0; 31]].concat());
        for bad in ["", told, &key[..40], "-----BEGIN PUBLIC KEY-----", &weak] {
            assert!(place_key(bad).is_err(), "{bad}");
        }
    }
}
