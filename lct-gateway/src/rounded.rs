//! Numbers of people, or of what points at people, as they may be told: none of fewer than k, which is `lct.density-k` of the
//! server, and in steps of five, or of k where that is more.

use std::fmt;

use serde::Serialize;
use utoipa::ToSchema;

/// k, as long as there is no graph that could tell it, and nobody to be counted.
pub const FEW: u64 = 5;

/// Numbers are told in steps of this at least.
const STEP: u64 = 5;

/// A number as it may be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum Rounded {
    /// About so many, rounded to five, or to k where that is more.
    About(u64),
    /// Fewer than so many.
    FewerThan(u64),
}

impl Rounded {
    /// What may be told of this number where fewer than `k` are too few.
    pub fn of(count: u64, k: u64) -> Self {
        if count < k {
            return Self::FewerThan(k);
        }
        let step = STEP.max(k);
        Self::About(count.saturating_add(step / 2) / step * step)
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
        for (count, k, rounded, text) in [
            (0, 5, Rounded::FewerThan(5), "<5"),
            (4, 5, Rounded::FewerThan(5), "<5"),
            (5, 5, Rounded::About(5), "5"),
            (7, 5, Rounded::About(5), "5"),
            (8, 5, Rounded::About(10), "10"),
            (12, 5, Rounded::About(10), "10"),
            (1_003, 5, Rounded::About(1_005), "1005"),
            (2, 3, Rounded::FewerThan(3), "<3"),
            (3, 3, Rounded::About(5), "5"),
            (6, 7, Rounded::FewerThan(7), "<7"),
            (7, 7, Rounded::About(7), "7"),
            (10, 7, Rounded::About(7), "7"),
            (11, 7, Rounded::About(14), "14"),
            (199, 100, Rounded::About(200), "200"),
        ] {
            assert_eq!(Rounded::of(count, k), rounded, "{count} {k}");
            assert_eq!(rounded.to_string(), text);
            assert_eq!(Rounded::read(text), Some(rounded));
        }
        assert!(matches!(Rounded::of(u64::MAX, 5), Rounded::About(_)));
        assert_eq!(Rounded::read("many"), None);
    }
}
