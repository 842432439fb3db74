//! What an alert is: an id, a reason, a state and the day it was issued. No place, no time of exposure, no count, no
//! other person.

use std::fmt::{self, Write};
use std::str::FromStr;

use data_encoding::HEXLOWER;
use prometheus_client::encoding::EncodeLabelValue;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

use utoipa::ToSchema;

use crate::policy::{Priority, Reason};

/// An alert's id: `<32 hex>.<n>`. Same hex, same alert; n counts its changes from 1.
///
/// The module makes it from the warning's id and the recipient's, so the ids that one warning gives to different
/// people cannot be linked without the warning's id, which only its sender has.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AlertId {
    hash: [u8; 16],
    version: u32,
}

impl fmt::Display for AlertId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.hash))?;
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
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    EncodeLabelValue,
    ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It does.
    Active,
    /// Its warning was taken back.
    Withdrawn,
}

impl State {
    /// The state, as the module writes it.
    pub fn from_text(text: &str) -> Option<Self> {
        match text {
            "active" => Some(Self::Active),
            "withdrawn" => Some(Self::Withdrawn),
            _ => None,
        }
    }
}

/// An alert as its recipient gets it.
#[derive(Clone, Serialize, ToSchema)]
pub struct Alert {
    /// Its id: the same up to the dot is the same alert, and the number counts its changes.
    #[schema(value_type = String, pattern = "^[0-9a-f]{32}\\.[1-9][0-9]*$")]
    pub alert: AlertId,
    /// Why the sender warned.
    pub reason: Reason,
    /// Whether it holds.
    pub state: State,
    /// UTC midnight of the day it was issued, in epoch milliseconds.
    pub issued: u64,
    /// How urgent it is: for numbers only, never sent.
    #[serde(skip)]
    pub priority: Priority,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_canonical_form_is_an_id() {
        let hex = "00112233445566778899aabbccddeeff";
        let id: AlertId = format!("{hex}.17").parse().unwrap();
        assert_eq!(id.to_string(), format!("{hex}.17"));
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
