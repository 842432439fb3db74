//! What a warning and an alert are: the words that go in and come out. `warnings.rs` holds what a graph knows of them.

use std::cmp::Reverse;
use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};

use crate::Millis;
use crate::exposure::{Priority, Question};

/// Why somebody warns, in the order of the clients' list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// I tested positive.
    Positive,
    /// I was near a case.
    Contact,
    /// I present symptoms.
    Symptoms,
    /// LCT warned me of exposure. Concerns only people the warner met after their own exposure, and only while they are
    /// a first-order contact of an unretracted warning with another reason.
    Alerted,
}

impl Reason {
    /// All of them, in the order of the list.
    pub const ALL: [Self; 4] = [Self::Positive, Self::Contact, Self::Symptoms, Self::Alerted];

    /// The word that commands and replies use.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Positive => "positive",
            Self::Contact => "contact",
            Self::Symptoms => "symptoms",
            Self::Alerted => "alerted",
        }
    }
}

/// Who or what a warning is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source<'a> {
    /// The index case, who warns those they met.
    Visitor(&'a [u8]),
    /// A place, whose visitors an authority warns.
    Space(&'a [u8]),
}

/// A warning to be given, with every default already resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Warn<'a> {
    /// Its id, a secret of whoever gives it.
    pub warning: &'a [u8],
    /// Who warns, or the place that was declared.
    pub source: Source<'a>,
    /// Why.
    pub reason: Reason,
    /// Whom it concerns. For a place, `from` and `to` are the period declared, `order` is the first and `linger` 0. An
    /// empty window (`from >= to`) concerns nobody.
    pub terms: Question,
    /// From this moment on no visit that is not late can match it any more; [`MAX_MILLIS`](crate::MAX_MILLIS): never.
    pub stands_until: Millis,
    /// If it would alert more visitors than this over its whole life, it is held until it is released.
    pub hold: Option<u64>,
}

/// What time it is, and what follows from that, resolved by whoever has the clock and the settings: a replica is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Now.
    pub now: Millis,
    /// A visit that ended by then is late: it is stored, but matches no warning that stands already. 0: none is.
    pub late: Millis,
    /// A visit that ended by then has expired and is seen by nobody. 0: none has.
    pub expired: Millis,
}

/// The warning's id is in use by another visitor or place, or by a warning whose owner is forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this id belongs to another visitor or another kind of warning")]
pub struct Taken;

/// Where a warning stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WarningState {
    /// It alerts whomever it finds.
    Active,
    /// It would alert more visitors than it may and waits for its release.
    Held,
    /// It was taken back.
    Retracted,
}

impl WarningState {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Active, Self::Held, Self::Retracted];

    /// The word that commands and replies use.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Held => "held",
            Self::Retracted => "retracted",
        }
    }
}

/// Where an alert stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlertState {
    /// It holds.
    Active,
    /// The warning behind it was taken back.
    Withdrawn,
}

impl AlertState {
    /// The word that replies and the doorbell use.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Withdrawn => "withdrawn",
        }
    }
}

/// A warning as a list shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WarningOf<'g> {
    /// Its id.
    pub warning: &'g [u8],
    /// `visitor` or `space`.
    pub kind: &'static str,
    /// Why it was given, as last revised.
    pub reason: Reason,
    /// Where it stands.
    pub state: WarningState,
    /// When it was first given.
    pub issued: Millis,
    /// How many visitors it has alerted, withdrawn alerts included.
    pub alerts: u64,
}

impl<'g> WarningOf<'g> {
    /// By what the list is ordered.
    pub(crate) const fn place(&self) -> (Reverse<Millis>, &'g [u8]) {
        (Reverse(self.issued), self.warning)
    }
}

/// An alert as its recipient's inbox holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AlertOf {
    /// Its id and version.
    pub alert: AlertId,
    /// Why.
    pub reason: Reason,
    /// How urgent: for those who work with it, not for its recipient.
    pub priority: Priority,
    /// Whether it holds.
    pub state: AlertState,
    /// Midnight, UTC, of the day it was given or last changed.
    pub issued: Millis,
}

/// The id of an alert: half of SHA-256 of warning and visitor, and how often it has changed.
///
/// Ids of different recipients cannot be linked without the warning's id. Written `<32 hex>.<n>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AlertId {
    /// The first half of SHA-256 of the warning's id, a zero byte and the visitor's id.
    pub hash: [u8; 16],
    /// Counts its changes, from 1.
    pub version: u32,
}

impl AlertId {
    pub(crate) fn hash(warning: &[u8], visitor: &[u8]) -> [u8; 16] {
        let digest: [u8; 32] = Sha256::new()
            .chain_update(warning)
            .chain_update([0])
            .chain_update(visitor)
            .finalize()
            .into();
        *digest.first_chunk().expect("32 is more than 16")
    }
}

impl fmt::Display for AlertId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.hash {
            write!(f, "{byte:02x}")?;
        }
        write!(f, ".{}", self.version)
    }
}

/// Not the id of an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be an id as LCT.ALERTS gives it")]
pub struct NoAlertId;

impl FromStr for AlertId {
    type Err = NoAlertId;

    fn from_str(text: &str) -> Result<Self, NoAlertId> {
        let (hex, version) = text.split_once('.').ok_or(NoAlertId)?;
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Ok(byte - b'0'),
            b'a'..=b'f' => Ok(byte - b'a' + 10),
            _ => Err(NoAlertId),
        };
        let (pairs, rest) = hex.as_bytes().as_chunks::<2>();
        if pairs.len() != 16 || !rest.is_empty() {
            return Err(NoAlertId);
        }
        let mut hash = [0; 16];
        for (byte, &[high, low]) in hash.iter_mut().zip(pairs) {
            *byte = digit(high)? << 4 | digit(low)?;
        }
        // One way to write each number: no sign, no leading zero.
        if !version.bytes().all(|byte| byte.is_ascii_digit()) || version.starts_with('0') {
            return Err(NoAlertId);
        }
        let version = version.parse().map_err(|_| NoAlertId)?;
        Ok(Self { hash, version })
    }
}

/// Something for the doorbell: an alert was given to a visitor, or changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ring<'g> {
    /// Whose.
    pub visitor: &'g [u8],
    /// Its id and version.
    pub alert: AlertId,
    /// Whether it holds.
    pub state: AlertState,
}

/// What a warning that was given did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Warned {
    /// Visitors newly or differently alerted.
    pub alerted: u64,
    /// Whether it waits for its release instead.
    pub held: bool,
    /// Whether anything changed at all.
    pub changed: bool,
}

/// What a retraction did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retracted {
    /// Alerts withdrawn.
    pub withdrawn: u64,
    /// False where the warning is unknown or was retracted already.
    pub changed: bool,
}

/// What forgetting a visitor did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forgotten {
    /// Visits removed.
    pub visits: u64,
    /// Whether anything changed at all: an inbox, a warning or a place in one counts too.
    pub changed: bool,
}
