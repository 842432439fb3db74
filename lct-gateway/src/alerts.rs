//! What an alert is: an id, a reason, a state and the day it was issued. No place, no time of exposure, no count, no
//! other person.

use std::fmt::{self, Write};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::policy::Reason;

/// An alert's id: `<32 hex>.<n>`. Same hex, same alert; n counts its changes from 1.
///
/// The hex is the first half of SHA-256 over the warning's id and the recipient's, so the ids that one warning gives
/// to different people cannot be linked without the warning's id, which only its sender has.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct AlertId {
    hash: [u8; 16],
    version: u32,
}

impl AlertId {
    /// The first alert of this warning for this visitor.
    pub fn first(warning: Uuid, visitor: &str) -> Self {
        let digest = Sha256::new()
            .chain_update(warning.hyphenated().to_string())
            .chain_update(visitor)
            .finalize();
        let mut hash = [0; 16];
        hash.copy_from_slice(&digest[..16]);
        Self { hash, version: 1 }
    }
}

impl fmt::Display for AlertId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.hash {
            write!(f, "{byte:02x}")?;
        }
        f.write_char('.')?;
        self.version.fmt(f)
    }
}

impl fmt::Debug for AlertId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AlertId(..)")
    }
}

/// The text is no alert id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no alert id")]
pub struct NoAlertId;

impl FromStr for AlertId {
    type Err = NoAlertId;

    fn from_str(text: &str) -> Result<Self, NoAlertId> {
        let (hex, version) = text.split_once('.').ok_or(NoAlertId)?;
        let lower_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        let plain = version.bytes().all(|b| b.is_ascii_digit()) && !version.starts_with('0');
        if hex.len() != 32 || !hex.bytes().all(lower_hex) || !plain {
            return Err(NoAlertId);
        }
        let hash = u128::from_str_radix(hex, 16).map_err(|_| NoAlertId)?;
        Ok(Self {
            hash: hash.to_be_bytes(),
            version: version.parse().map_err(|_| NoAlertId)?,
        })
    }
}

impl Serialize for AlertId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for AlertId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

/// Whether an alert still holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It does.
    Active,
    /// Its warning was taken back.
    Withdrawn,
}

/// An alert as its recipient gets it.
#[derive(Clone, Serialize)]
pub struct Alert {
    /// Its id.
    pub alert: AlertId,
    /// Why the sender warned.
    pub reason: Reason,
    /// Whether it holds.
    pub state: State,
    /// UTC midnight of the day it was issued, in epoch milliseconds.
    pub issued: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_half_a_hash_of_warning_and_visitor() {
        let warning: Uuid = "0d9a5e4c-6c1e-4f0a-9d6b-3f0a5e4c6c1e".parse().unwrap();
        // printf 0d9a5e4c-6c1e-4f0a-9d6b-3f0a5e4c6c1eu1 | sha256sum | cut -c-32
        let id = AlertId::first(warning, "u1");
        assert_eq!(id.to_string(), "d0d677c1919b14ed7b5715b212f1bafd.1");
        assert_ne!(id, AlertId::first(warning, "u2"));
        assert_eq!(id.to_string().parse(), Ok(id));
    }

    #[test]
    fn only_the_canonical_form_is_an_id() {
        let hex = "00112233445566778899aabbccddeeff";
        assert!(format!("{hex}.17").parse::<AlertId>().is_ok());
        for bad in [
            String::new(),
            hex.into(),
            format!("{hex}."),
            format!("{hex}.0"),
            format!("{hex}.01"),
            format!("{hex}.+1"),
            format!("{hex}.4294967296"),
            format!("{}.1", hex.to_uppercase()),
            format!("+{}.1", &hex[1..]),
            format!("{hex}0.1"),
        ] {
            assert_eq!(bad.parse::<AlertId>(), Err(NoAlertId), "{bad}");
        }
    }
}
