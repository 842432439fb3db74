//! What requests and answers hold beside what WebSockets know: the types from which the description is made, too.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::alerts::Alert;
use crate::protocol::{Code, Fault, Millis, OwnVisit, ReasonField};
use crate::situation::Situation;

/// The most visits in one request.
pub const MAX_VISITS: usize = 1_000;

/// Visits to log: all of them, or none.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Visits {
    /// 1 to 1,000 visits.
    // Read one by one, so that what is wrong with one can be said of that one.
    #[schema(value_type = Vec<NewVisit>, min_items = 1, max_items = 1_000)]
    pub visits: Vec<Value>,
}

/// A visit to log. One with the same visitor, place and start as an earlier one replaces it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewVisit {
    /// The place: 1 to 128 bytes of UTF-8 without control characters.
    #[schema(min_length = 1, max_length = 128)]
    pub place_id: String,
    /// From, in epoch milliseconds.
    #[schema(value_type = u64, maximum = 9_007_199_254_740_991_u64)]
    pub start: Millis,
    /// Until, exclusive, in epoch milliseconds.
    #[schema(value_type = u64, maximum = 9_007_199_254_740_991_u64)]
    pub end: Millis,
    /// With a service token: whose visit it is. Persons log their own and leave this out.
    #[schema(min_length = 1, max_length = 128, nullable = false)]
    pub visitor: Option<String>,
}

/// The names of logged visits, in the order of the request.
#[derive(Serialize, ToSchema)]
pub struct LoggedVisits {
    /// Always true.
    pub logged: bool,
    /// One for each visit.
    #[serde(rename = "loggedNodeIds")]
    pub logged_node_ids: Vec<String>,
}

/// The times of a visit.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Times {
    /// From, in epoch milliseconds.
    #[schema(value_type = u64, maximum = 9_007_199_254_740_991_u64)]
    pub start: Millis,
    /// Until, exclusive, in epoch milliseconds.
    #[schema(value_type = u64, maximum = 9_007_199_254_740_991_u64)]
    pub end: Millis,
}

/// A warning to whoever shared a place with the person.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewWarning {
    /// The client's random UUID (version 4): the same warning again is no second one.
    pub warning: Uuid,
    /// 0 to 3, the word, or the sentence: positive, contact, symptoms, alerted.
    pub reason: ReasonField,
    /// The day of the first symptoms, else of the test, in epoch milliseconds.
    #[schema(value_type = u64, maximum = 9_007_199_254_740_991_u64, nullable = false)]
    pub since: Option<Millis>,
    /// The one-time code, where one is needed.
    #[schema(nullable = false)]
    pub code: Option<String>,
}

/// Alerts that were shown to the person.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Received {
    /// Their ids.
    pub alerts: Vec<String>,
}

/// The alerts that wait for a person.
#[derive(Serialize, ToSchema)]
pub struct Inbox {
    /// Newest day first, then by reason; the order says nothing else.
    pub alerts: Vec<Alert>,
}

/// Everything the graph holds of a person's visits.
#[derive(Serialize, ToSchema)]
pub struct Export {
    /// By start.
    pub visits: Vec<OwnVisit>,
}

/// A text to the operator.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewFeedback {
    /// The text.
    #[schema(min_length = 1, max_length = 2_000)]
    pub text: String,
}

/// What a client must know of this gateway.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Info {
    /// The gateway's version.
    pub version: &'static str,
    /// How persons say who they are.
    pub auth: Way,
    /// The main graph, which is meant where none is named.
    pub graph_name: String,
    /// The playground.
    pub sandbox: &'static str,
    /// Whether a warning with the reason positive needs a one-time code.
    pub codes_required: bool,
    /// Who signs the posters of places: Ed25519 public keys in base64url without padding. Absent where nobody does.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub place_keys: Vec<String>,
    /// How long visits are kept, in milliseconds; 0: for ever. Absent where it is not known now.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub retention: Option<u64>,
    /// How many warnings the main graph's community had. Absent where it is not known now.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub situation: Option<Situation>,
    /// The gateway's clock, in epoch milliseconds: signed requests must be within two minutes of it.
    pub now: u64,
}

/// How persons say who they are.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Way {
    /// By a signature.
    Key,
    /// By a userID, which is believed.
    Open,
}

/// A description in JSON.
#[derive(ToSchema)]
#[schema(value_type = Object)]
pub struct Document(#[expect(dead_code, reason = "only its schema is used")] Value);

/// Reads a body. Serde's own errors quote what was sent, so each type has its line instead.
///
/// # Errors
/// The line.
pub fn read<T: DeserializeOwned>(body: &[u8], usage: &'static str) -> Result<T, Fault> {
    serde_json::from_slice(body).map_err(|_| Fault::new(Code::BadMessage, usage))
}

/// Reads the visits of a batch, and makes of each what `visit` makes of it.
///
/// # Errors
/// What is wrong, and with which visit, counted from 1.
pub fn read_visits<T>(
    body: &[u8],
    visit: impl Fn(NewVisit) -> Result<T, Fault>,
) -> Result<Vec<T>, Fault> {
    let Visits { visits } = read(body, "body: must be {\"visits\": [...]}, and nothing else")?;
    if !(1..=MAX_VISITS).contains(&visits.len()) {
        return Err(Fault::bad_value("visits", "must be 1 to 1000"));
    }
    let one = |(place, value)| {
        let read = serde_json::from_value(value).map_err(|_| {
            Fault::new(
                Code::BadMessage,
                "place_id must be a text, start and end whole numbers of milliseconds from 0 to 9007199254740991; \
                 visitor, with a service token only, a text; nothing else",
            )
        });
        read.and_then(&visit).map_err(|fault| Fault {
            message: format!("visit {}: {}", place + 1, fault.message).into(),
            ..fault
        })
    };
    visits.into_iter().enumerate().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(body: &str) -> Fault {
        read_visits(body.as_bytes(), |visit| Ok(visit.place_id)).expect_err("a fault")
    }

    #[test]
    fn what_is_wrong_with_a_visit_is_said_of_that_visit() {
        let good = r#"{"place_id":"x","start":1,"end":2}"#;
        for bad in [
            "7",
            r#"{"place_id":"secret","start":1}"#,
            r#"{"place_id":"secret","start":1,"end":"secret"}"#,
            r#"{"place_id":"secret","start":1,"end":9007199254740992}"#,
            r#"{"place_id":"secret","start":-1,"end":2}"#,
            r#"{"place_id":"secret","start":1,"end":2,"graphName":"Sandbox"}"#,
        ] {
            let fault = fault(&format!(r#"{{"visits":[{good},{bad}]}}"#));
            assert_eq!(fault.code, Code::BadMessage);
            assert!(fault.message.starts_with("visit 2: place_id must be"));
            assert!(!fault.message.contains("secret"));
        }
    }

    #[test]
    fn a_batch_has_one_to_a_thousand() {
        let batch = |count: usize| {
            let visits = vec![r#"{"place_id":"x","start":1,"end":2}"#; count];
            format!(r#"{{"visits":[{}]}}"#, visits.join(","))
        };
        for count in [0, 1_001] {
            assert_eq!(fault(&batch(count)).message, "visits: must be 1 to 1000");
        }
        for count in [1, 1_000] {
            let read = read_visits(batch(count).as_bytes(), |visit| Ok(visit.place_id));
            assert_eq!(read.expect("visits").len(), count);
        }
        for bad in [
            "",
            "[]",
            "{}",
            r#"{"visits":{}}"#,
            r#"{"visits":[],"x":1}"#,
            "\u{ff}",
        ] {
            assert_eq!(fault(bad).code, Code::BadMessage);
        }
    }
}
