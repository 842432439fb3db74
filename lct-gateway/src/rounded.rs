//! Numbers of people, or of what points at people, as they may be told: in steps of five, and none under five.

use std::fmt;

use serde::Serialize;
use utoipa::ToSchema;

/// Below this number none is told.
pub const FEW: u64 = 5;

/// Numbers are told in steps of this.
const STEP: u64 = 5;

/// A number as it may be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum Rounded {
    /// About so many, rounded to five.
    About(u64),
    /// Fewer than so many.
    FewerThan(u64),
}

impl Rounded {
    /// What may be told of this number.
    pub const fn of(count: u64) -> Self {
        if count < FEW {
            Self::FewerThan(FEW)
        } else {
            Self::About(count.saturating_add(STEP / 2) / STEP * STEP)
        }
    }

    /// Reads what [`fmt::Display`] wrote.
    pub fn read(text: &str) -> Option<Self> {
        match text.strip_prefix('<') {
            Some(few) => few.parse().ok().map(Self::FewerThan),
            None => text.parse().ok().map(Self::About),
        }
    }
}

impl fmt::Display for Rounded {
    /// As it is kept: `25`, or `<5`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::About(count) => write!(f, "{count}"),
            Self::FewerThan(count) => write!(f, "<{count}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_are_not_counted_and_many_are_rounded() {
        for (count, rounded, text) in [
            (0, Rounded::FewerThan(5), "<5"),
            (4, Rounded::FewerThan(5), "<5"),
            (5, Rounded::About(5), "5"),
            (7, Rounded::About(5), "5"),
            (8, Rounded::About(10), "10"),
            (12, Rounded::About(10), "10"),
            (1_003, Rounded::About(1_005), "1005"),
        ] {
            assert_eq!(Rounded::of(count), rounded, "{count}");
            assert_eq!(rounded.to_string(), text);
            assert_eq!(Rounded::read(text), Some(rounded));
        }
        assert!(matches!(Rounded::of(u64::MAX), Rounded::About(_)));
        assert_eq!(Rounded::read("many"), None);
    }
}
