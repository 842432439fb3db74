//! What a warning asks the module, by its reason.

use crate::clock::DAY;
use crate::module::Order;

/// Why someone warns, in the order of the client's list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
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
    const ALL: [Self; 4] = [Self::Positive, Self::Contact, Self::Symptoms, Self::Alerted];

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
}

/// How far the days before the first symptoms (or the test) count: milliseconds before `since`.
pub const BEFORE_SINCE: u64 = 2 * DAY;

/// How far ahead of now `since` may lie: it is a day, and somewhere on earth today ends up to a day later than here.
pub const SINCE_AHEAD: u64 = DAY;

/// How many hops a warning with this reason goes, or `None` where it alerts nobody.
///
/// `alerted` concerns only people met after the warner's own exposure by a warning that stands. This gateway keeps no
/// warnings yet, so nobody has been exposed by one: such a warning is accepted and alerts nobody.
pub const fn order(reason: Reason) -> Option<Order> {
    match reason {
        Reason::Positive => Some(Order::Second),
        Reason::Contact | Reason::Symptoms => Some(Order::First),
        Reason::Alerted => None,
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
            assert_eq!(
                serde_json::to_value(reason).unwrap(),
                serde_json::json!(words[index])
            );
        }
        assert_eq!(Reason::from_index(4), None);
        assert_eq!(Reason::from_text("Positive"), None);
    }
}
