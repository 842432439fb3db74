//! What a warning asks the module, by its reason: the defaults, and the file an operator changes them with.

use std::ops::Range;
use std::path::Path;

use prometheus_client::encoding::EncodeLabelValue;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::DAY;
use crate::protocol::MAX_MILLIS;

/// Why someone warns, in the order of the client's list.
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
pub enum Reason {
    /// I tested positive.
    Positive,
    /// I was near a case.
    Contact,
    /// I present symptoms.
    Symptoms,
    /// LCT warned me of exposure.
    Alerted,
}

impl Reason {
    /// Every reason, in the order of the client's list.
    pub const ALL: [Self; 4] = [Self::Positive, Self::Contact, Self::Symptoms, Self::Alerted];

    /// The reason at this place of the client's list, counted from 0.
    pub fn from_index(index: u64) -> Option<Self> {
        Self::ALL.get(usize::try_from(index).ok()?).copied()
    }

    /// The reason as a word, or as a sentence of the client's list.
    pub fn from_text(text: &str) -> Option<Self> {
        Some(match text {
            "positive" | "I tested positive" | "I tested positive for COVID-19" => Self::Positive,
            "contact" | "I was near a case" | "I was near a COVID carrier" => Self::Contact,
            "symptoms" | "I present symptoms" | "I present COVID symptoms" => Self::Symptoms,
            "alerted" | "LCT warned me of exposure" => Self::Alerted,
            _ => return None,
        })
    }

    /// The word, as the module and the protocol write it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Positive => "positive",
            Self::Contact => "contact",
            Self::Symptoms => "symptoms",
            Self::Alerted => "alerted",
        }
    }
}

/// How urgent an alert is. It orders the work of operators and gateways and never reaches a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, EncodeLabelValue)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "docs/commands says what each means")]
pub enum Priority {
    High,
    Medium,
    Low,
}

impl Priority {
    /// The priority, as the module writes it.
    pub fn from_text(text: &str) -> Option<Self> {
        Some(match text {
            "high" => Self::High,
            "medium" => Self::Medium,
            "low" => Self::Low,
            _ => return None,
        })
    }

    /// The word, as the module writes it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
        }
    }
}

/// How far the days before the first symptoms (or the test) count: milliseconds before `since`.
pub const BEFORE_SINCE: u64 = 2 * DAY;

/// How far ahead of now `since` may lie: it is a day, and somewhere on earth today ends up to a day later than here.
pub const SINCE_AHEAD: u64 = DAY;

/// What a warning asks: the options of LCT.WARN. Durations are in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Terms {
    /// 1: contacts. 2: also those of their contacts whose priority is medium. `None`: 2 for `positive`, else 1.
    pub order: Option<u64>,
    /// The least exposure that counts; 0: any.
    pub mintime: u64,
    /// The period within which `mintime` must be reached; 0: the whole time asked about.
    pub within: u64,
    /// How long the air of a place stays infectious after the index case has left; 0: not at all.
    pub linger: u64,
    /// How far back visits count; 0: as far as the module keeps them.
    pub lookback: u64,
    /// The least urgent priority that is alerted.
    pub minpriority: Priority,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            order: None,
            mintime: 0,
            within: 0,
            linger: 0,
            lookback: 0,
            minpriority: Priority::Low,
        }
    }
}

impl Terms {
    /// The rule these terms break, if any; `reason` is whose they are.
    fn check(&self, reason: Reason) -> Result<(), &'static str> {
        let durations = [self.mintime, self.within, self.linger, self.lookback];
        if reason == Reason::Alerted && self.order(reason) != 1 {
            Err("order: must be 1 where the reason is alerted")
        } else if !(1..=2).contains(&self.order(reason)) {
            Err("order: must be 1 or 2")
        } else if durations.iter().any(|&duration| duration > MAX_MILLIS) {
            Err("durations: must be at most 9007199254740991 milliseconds")
        } else if self.within > 0 && self.mintime == 0 {
            Err("within: needs mintime")
        } else if self.within > 0 && self.within < self.mintime {
            Err("within: must not be shorter than mintime, or nobody is ever alerted")
        } else {
            Ok(())
        }
    }

    /// How many hops a warning with this reason goes.
    pub fn order(&self, reason: Reason) -> u64 {
        self.order.unwrap_or(match reason {
            Reason::Positive => 2,
            _ => 1,
        })
    }

    /// From when on visits count: 48 h before `since`, and no earlier than the look-back. `None`: as far back as the
    /// module keeps them. All in epoch milliseconds.
    pub fn from(&self, since: Option<u64>, now: u64) -> Option<u64> {
        let since = since.map(|since| since.saturating_sub(BEFORE_SINCE));
        let back = (self.lookback > 0).then(|| now.saturating_sub(self.lookback));
        since.max(back)
    }
}

/// The terms of every reason.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    positive: Terms,
    contact: Terms,
    symptoms: Terms,
    alerted: Terms,
}

impl Policy {
    /// The terms of a reason.
    pub const fn terms(&self, reason: Reason) -> &Terms {
        match reason {
            Reason::Positive => &self.positive,
            Reason::Contact => &self.contact,
            Reason::Symptoms => &self.symptoms,
            Reason::Alerted => &self.alerted,
        }
    }

    /// Reads a policy file.
    ///
    /// # Errors
    /// One line: what is wrong, and where.
    pub fn read(path: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| format!("cannot read the file: {}", error.kind()))?;
        Self::parse(&text)
    }

    /// Reads the text of a policy file: TOML, a table per reason, every field of [`Terms`] optional.
    ///
    /// # Errors
    /// One line: what is wrong, and where.
    pub fn parse(text: &str) -> Result<Self, String> {
        let policy: Self = toml::from_str(text).map_err(|error| {
            let line = error.span().map_or(1, |Range { start, .. }| {
                text[..start].matches('\n').count() + 1
            });
            // The message's first line only: the rest shows the file.
            let message = error.message().lines().next().unwrap_or_default();
            format!("line {line}: {message}")
        })?;
        for reason in Reason::ALL {
            policy
                .terms(reason)
                .check(reason)
                .map_err(|rule| format!("{}: {rule}", reason.word()))?;
        }
        Ok(policy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_names_its_reason() {
        let sentences = [
            "I tested positive for COVID-19",
            "I was near a COVID carrier",
            "I present COVID symptoms",
            "LCT warned me of exposure",
        ];
        let words = ["positive", "contact", "symptoms", "alerted"];
        for (index, reason) in Reason::ALL.into_iter().enumerate() {
            assert_eq!(Reason::from_index(index as u64), Some(reason));
            assert_eq!(Reason::from_text(words[index]), Some(reason));
            assert_eq!(Reason::from_text(sentences[index]), Some(reason));
            assert_eq!(reason.word(), words[index]);
            assert_eq!(
                serde_json::to_value(reason).unwrap(),
                serde_json::json!(words[index])
            );
        }
        assert_eq!(Reason::from_index(4), None);
        assert_eq!(Reason::from_text("Positive"), None);
    }

    #[test]
    fn a_file_changes_what_it_names() {
        assert_eq!(Policy::parse(""), Ok(Policy::default()));
        let text =
            "[positive]\nmintime = 900000\nwithin = 86400000\n\n[contact]\nminpriority = \"high\"";
        let policy = Policy::parse(text).unwrap();
        let terms = policy.terms(Reason::Positive);
        assert_eq!((terms.mintime, terms.within), (900_000, DAY));
        assert_eq!(terms.order(Reason::Positive), 2);
        assert_eq!(policy.terms(Reason::Contact).order(Reason::Contact), 1);
        assert_eq!(policy.terms(Reason::Contact).minpriority, Priority::High);
        assert_eq!(*policy.terms(Reason::Symptoms), Terms::default());
    }

    #[test]
    fn the_file_of_the_document_is_one() {
        let document = include_str!("../../docs/operating.md");
        let (_, rest) = document.split_once("```toml\n").expect("an example");
        let (example, _) = rest.split_once("```").expect("its end");
        let policy = Policy::parse(example).unwrap();
        let terms = policy.terms(Reason::Positive);
        assert_eq!(
            (terms.mintime, terms.within, terms.linger, terms.lookback),
            (15 * 60_000, DAY, 3 * 3_600_000, 10 * DAY)
        );
        assert_eq!(policy.terms(Reason::Symptoms).order(Reason::Symptoms), 1);
    }

    #[test]
    fn what_is_wrong_in_a_file_is_said_with_its_place() {
        for (text, line) in [
            ("[positive]\norder = 3", "positive: order: must be 1 or 2"),
            ("[alerted]\norder = 2", "alerted: order: must be 1 where"),
            ("[contact]\nwithin = 5", "contact: within: needs mintime"),
            (
                "[contact]\nmintime = 6\nwithin = 5",
                "contact: within: must not be shorter",
            ),
            ("[contact]\nlinger = 9007199254740992", "contact: durations"),
            ("\n\n[contact]\nmintime = -1", "line 4: "),
            ("[contact]\nmintimes = 1", "line 2: unknown field"),
            ("[joy]", "line 1: unknown field"),
            ("[contact", "line 1: "),
        ] {
            let error = Policy::parse(text).unwrap_err();
            assert!(error.starts_with(line), "{error}");
            assert!(!error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn the_window_begins_at_the_later_of_look_back_and_two_days_before_since() {
        let mut terms = Terms::default();
        assert_eq!(terms.from(None, 10 * DAY), None);
        assert_eq!(terms.from(Some(5 * DAY), 10 * DAY), Some(3 * DAY));
        assert_eq!(terms.from(Some(DAY), 10 * DAY), Some(0));
        terms.lookback = 4 * DAY;
        assert_eq!(terms.from(None, 10 * DAY), Some(6 * DAY));
        assert_eq!(terms.from(Some(5 * DAY), 10 * DAY), Some(6 * DAY));
        assert_eq!(terms.from(Some(9 * DAY), 10 * DAY), Some(7 * DAY));
    }
}
