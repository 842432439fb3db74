//! The messages: JSON objects, one per WebSocket text message.
//!
//! `type` names a message and `id` (any text up to 128 bytes, or a whole number, chosen by the client) is echoed in
//! its answer. Event and field names are those that LCT clients have used from the start. Fields a message does not
//! have are skipped and never stored: old clients send a `username` or `nickname` along, which is nobody's business here.

use std::borrow::Cow;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::alerts::Alert;
use crate::identity::Role;
use crate::policy::Reason;

/// The latest time and longest duration: 2^53 - 1 milliseconds, what a JavaScript number holds exactly.
pub const MAX_MILLIS: u64 = (1 << 53) - 1;

/// Frames and replies to clients are filled up to a multiple of this many bytes, so that their length tells an onlooker nothing.
const FRAME_BLOCK: usize = 512;

/// Epoch milliseconds from 0 to [`MAX_MILLIS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "u64")]
pub struct Millis(pub u64);

impl TryFrom<u64> for Millis {
    type Error = &'static str;

    fn try_from(ms: u64) -> Result<Self, Self::Error> {
        if ms <= MAX_MILLIS {
            Ok(Self(ms))
        } else {
            Err("out of range")
        }
    }
}

/// What a client chose to recognise the answer by.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum RequestId {
    /// A whole number.
    Number(i64),
    /// A text of at most 128 bytes.
    Text(String),
}

/// Opens the session.
#[derive(Default, Deserialize)]
pub struct Hello {
    /// Open mode: the visitor.
    #[serde(rename = "userID")]
    pub user_id: Option<String>,
    /// The session's graph; the main one if absent.
    #[serde(rename = "graphName")]
    pub graph_name: Option<String>,
    /// Key mode: the device's public key, in base64url like all that follows.
    #[serde(rename = "devicePublicKey")]
    pub device_public_key: Option<String>,
    /// Key mode: the public key from the key code.
    #[serde(rename = "codePublicKey")]
    pub code_public_key: Option<String>,
    /// Key mode: which of the two signed.
    pub key: Option<Role>,
    /// Key mode: the signature over [`crate::identity::hello_text`].
    pub signature: Option<String>,
}

/// Logs a visit, or moves the end of one logged before with the same place and start.
#[derive(Deserialize)]
pub struct LogVisit {
    /// The space.
    pub place_id: String,
    /// From.
    pub start: Millis,
    /// Until, exclusive.
    pub end: Millis,
    /// The graph of this message alone.
    #[serde(rename = "graphName")]
    pub graph_name: Option<String>,
}

/// Gives a logged visit another start and end.
#[derive(Deserialize)]
pub struct UpdateVisit {
    /// The visit, as `logVisit` named it.
    #[serde(rename = "loggedNodeId")]
    pub logged_node_id: String,
    /// The new start.
    pub start: Millis,
    /// The new end, exclusive.
    pub end: Millis,
    /// The graph of this message alone.
    #[serde(rename = "graphName")]
    pub graph_name: Option<String>,
}

/// Deletes a logged visit.
#[derive(Deserialize)]
pub struct DeleteVisit {
    /// The visit, as `logVisit` named it.
    #[serde(rename = "loggedNodeId")]
    pub logged_node_id: String,
    /// The graph of this message alone.
    #[serde(rename = "graphName")]
    pub graph_name: Option<String>,
}

/// Warns whoever shared a space with the sender.
#[derive(Deserialize)]
pub struct ExposureWarning {
    /// The client's random UUID (version 4): a repeated message is no second warning.
    pub warning: Uuid,
    /// Place in the client's list, word or sentence.
    pub reason: ReasonField,
    /// The day of first symptoms, else of the test.
    pub since: Option<Millis>,
    /// The operator's one-time code.
    pub code: Option<String>,
    /// The graph of this message alone.
    #[serde(rename = "graphName")]
    pub graph_name: Option<String>,
}

/// The forms in which a client may give a reason.
#[derive(Deserialize, ToSchema)]
#[serde(untagged)]
pub enum ReasonField {
    /// Place in the list, from 0.
    Index(u64),
    /// Word or sentence.
    Text(String),
}

impl ReasonField {
    /// The reason, if it is one.
    pub fn reason(&self) -> Option<Reason> {
        match self {
            Self::Index(index) => Reason::from_index(*index),
            Self::Text(text) => Reason::from_text(text),
        }
    }
}

/// The client has shown these alerts to its person.
#[derive(Deserialize)]
pub struct AlertReceived {
    /// Alert ids.
    pub alerts: Vec<String>,
}

/// Takes a warning back.
#[derive(Deserialize)]
pub struct RetractWarning {
    /// The warning.
    pub warning: Uuid,
    /// The graph of this message alone.
    #[serde(rename = "graphName")]
    pub graph_name: Option<String>,
}

/// A message that says nothing but what it is: `exportMyData`, `forgetMe`, `revokeMe`.
#[derive(Deserialize)]
pub struct Plain {
    /// The graph of this message alone.
    #[serde(rename = "graphName")]
    pub graph_name: Option<String>,
}

/// Tells the operator something.
#[derive(Deserialize)]
pub struct UserFeedback {
    /// The text.
    pub text: String,
    /// The graph of this message alone.
    #[serde(rename = "graphName")]
    pub graph_name: Option<String>,
}

/// A message from a client.
pub enum ClientMessage {
    /// `hello`
    Hello(Hello),
    /// `logVisit`
    LogVisit(LogVisit),
    /// `updateVisit`
    UpdateVisit(UpdateVisit),
    /// `deleteVisit`
    DeleteVisit(DeleteVisit),
    /// `exposureWarning`
    ExposureWarning(ExposureWarning),
    /// `retractWarning`
    RetractWarning(RetractWarning),
    /// `alertReceived`
    AlertReceived(AlertReceived),
    /// `exportMyData`
    ExportMyData(Plain),
    /// `forgetMe`
    ForgetMe(Plain),
    /// `revokeMe`
    RevokeMe(Plain),
    /// `userFeedback`
    UserFeedback(UserFeedback),
    /// `ping`: is the gateway there? (A page cannot see the pings of the WebSocket protocol itself.)
    Ping,
    /// `pong`: the answer to the gateway's `ping`, if a client wants to give one.
    Pong,
}

impl ClientMessage {
    /// Its `type`.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Hello(_) => "hello",
            Self::LogVisit(_) => "logVisit",
            Self::UpdateVisit(_) => "updateVisit",
            Self::DeleteVisit(_) => "deleteVisit",
            Self::ExposureWarning(_) => "exposureWarning",
            Self::RetractWarning(_) => "retractWarning",
            Self::AlertReceived(_) => "alertReceived",
            Self::ExportMyData(_) => "exportMyData",
            Self::ForgetMe(_) => "forgetMe",
            Self::RevokeMe(_) => "revokeMe",
            Self::UserFeedback(_) => "userFeedback",
            Self::Ping => "ping",
            Self::Pong => "pong",
        }
    }
}

/// A text from a client, read.
pub struct Incoming {
    /// The id to echo, if the text had a proper one.
    pub id: Option<RequestId>,
    /// The message, or what is wrong with it.
    pub message: Result<ClientMessage, Fault>,
}

impl Incoming {
    /// Its `type`; `unreadable` for what is no message.
    pub const fn kind(&self) -> &'static str {
        match &self.message {
            Ok(message) => message.kind(),
            Err(_) => "unreadable",
        }
    }
}

/// Reads a text message. Never fails: what cannot be read becomes the fault to answer.
pub fn read(text: &str) -> Incoming {
    #[derive(Deserialize)]
    struct Envelope<'a> {
        #[serde(borrow, rename = "type")]
        kind: Cow<'a, str>,
        id: Option<RequestId>,
    }

    let Ok(Envelope { kind, id }) = serde_json::from_str(text) else {
        let fault = Fault::new(
            Code::BadMessage,
            "message: must be one JSON object with a text `type` and, if any, an `id` that is a text or a whole number",
        );
        return Incoming {
            id: None,
            message: Err(fault),
        };
    };
    if matches!(&id, Some(RequestId::Text(text)) if text.len() > crate::ids::MAX_BYTES) {
        let fault = Fault::new(Code::BadMessage, "id: must be at most 128 bytes long");
        return Incoming {
            id: None,
            message: Err(fault),
        };
    }
    Incoming {
        id,
        message: read_as(&kind, text),
    }
}

/// Reads the fields of a message of this type. Serde's own errors quote the input, so each type has its line instead.
fn read_as(kind: &str, text: &str) -> Result<ClientMessage, Fault> {
    fn fields<'a, T: Deserialize<'a>>(text: &'a str, usage: &'static str) -> Result<T, Fault> {
        serde_json::from_str(text).map_err(|_| Fault::new(Code::BadMessage, usage))
    }
    Ok(match kind {
        "hello" => ClientMessage::Hello(fields(
            text,
            "hello: devicePublicKey, codePublicKey and signature must be texts, key device or code (with --auth open \
             userID a text instead); graphName, if any, a text",
        )?),
        "logVisit" => ClientMessage::LogVisit(fields(
            text,
            "logVisit: place_id must be a text, start and end whole numbers of milliseconds from 0 to \
             9007199254740991; graphName, if any, a text",
        )?),
        "updateVisit" => ClientMessage::UpdateVisit(fields(
            text,
            "updateVisit: loggedNodeId must be a text, start and end whole numbers of milliseconds from 0 to \
             9007199254740991; graphName, if any, a text",
        )?),
        "deleteVisit" => ClientMessage::DeleteVisit(fields(
            text,
            "deleteVisit: loggedNodeId must be a text; graphName, if any, a text",
        )?),
        "exposureWarning" => ClientMessage::ExposureWarning(fields(
            text,
            "exposureWarning: warning must be a UUID, reason a number from 0 to 3, a word or a sentence; since, if any, \
             a whole number of milliseconds from 0 to 9007199254740991; code and graphName, if any, texts",
        )?),
        "retractWarning" => ClientMessage::RetractWarning(fields(
            text,
            "retractWarning: warning must be a UUID; graphName, if any, a text",
        )?),
        "alertReceived" => ClientMessage::AlertReceived(fields(
            text,
            "alertReceived: alerts must be a list of alert ids",
        )?),
        "exportMyData" => ClientMessage::ExportMyData(fields(
            text,
            "exportMyData: graphName, if any, must be a text",
        )?),
        "forgetMe" => {
            ClientMessage::ForgetMe(fields(text, "forgetMe: graphName, if any, must be a text")?)
        }
        "revokeMe" => {
            ClientMessage::RevokeMe(fields(text, "revokeMe: graphName, if any, must be a text")?)
        }
        "userFeedback" => ClientMessage::UserFeedback(fields(
            text,
            "userFeedback: text must be a text; graphName, if any, a text",
        )?),
        "ping" => ClientMessage::Ping,
        "pong" => ClientMessage::Pong,
        _ => {
            return Err(Fault::new(
                Code::UnknownType,
                "type: unknown; this gateway reads hello, logVisit, updateVisit, deleteVisit, exposureWarning, \
                 retractWarning, alertReceived, exportMyData, forgetMe, revokeMe, userFeedback, ping and pong",
            ));
        }
    })
}

/// The kinds of error a client can tell apart. The words are part of the protocol and do not change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// No JSON object, or a field is missing or has another form.
    BadMessage,
    /// A field breaks a rule.
    BadValue,
    /// No such message.
    UnknownType,
    /// The first message was not `hello`.
    HelloFirst,
    /// A second `hello`.
    AlreadyOpen,
    /// The hello's signature does not fit, or came too late.
    BadSignature,
    /// This session may not do that.
    NotAllowed,
    /// No such graph.
    UnknownGraph,
    /// The visitor has no such visit (any more).
    UnknownVisit,
    /// The one-time code is missing, wrong or spent.
    BadCode,
    /// A cap is reached; it counts by days or fortnights.
    Limited,
    /// This visitor was revoked.
    Revoked,
    /// Faster than this gateway takes them; not carried out.
    RateLimited,
    /// Not now: the same message can be sent again later, and is safe to repeat even if it was carried out.
    Unavailable,
    /// The server failed at a message that was in order.
    Internal,
}

/// An error as a client gets it: one line that says what was wrong and what would be right, without the value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// For programs.
    pub code: Code,
    /// For people.
    pub message: Cow<'static, str>,
    /// After how many milliseconds the same message may be sent again, where that is known.
    pub retry_ms: Option<u64>,
}

impl Fault {
    /// A fault with a fixed line.
    pub const fn new(code: Code, message: &'static str) -> Self {
        Self {
            code,
            message: Cow::Borrowed(message),
            retry_ms: None,
        }
    }

    /// A message that came too soon, and how long to wait before it may come again.
    pub fn rate_limited(wait: Duration) -> Self {
        Self {
            code: Code::RateLimited,
            message: Cow::Borrowed(
                "message: too many at a time; send it again after retry_ms milliseconds",
            ),
            // Rounded up, so that who waits that long has waited long enough.
            retry_ms: Some(
                u64::try_from(wait.as_millis())
                    .unwrap_or(u64::MAX)
                    .saturating_add(1),
            ),
        }
    }

    /// A field that breaks a rule.
    pub fn bad_value(field: &str, rule: &str) -> Self {
        Self {
            code: Code::BadValue,
            message: Cow::Owned(format!("{field}: {rule}")),
            retry_ms: None,
        }
    }
}

/// A message to a client.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum ServerMessage {
    /// Key mode, before anything else: what the hello must sign.
    Challenge {
        /// 32 random bytes in base64url, good for this connection, once, and for half a minute.
        nonce: String,
    },
    /// The hello is accepted.
    Session {
        /// The hello's id.
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<RequestId>,
        /// Who this session speaks for.
        #[serde(rename = "userID")]
        user_id: String,
        /// The session's graph.
        #[serde(rename = "graphName")]
        graph_name: String,
        /// Whether every alert that waited for this visitor was sent before this message.
        complete: bool,
    },
    /// A message was carried out.
    Ack {
        /// The message's id.
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<RequestId>,
        /// What the answer says beside that.
        #[serde(flatten)]
        body: Ack,
    },
    /// A message was not carried out.
    Error {
        /// The message's id.
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<RequestId>,
        /// For programs.
        code: Code,
        /// For people.
        message: Cow<'static, str>,
        /// After how many milliseconds the same message may be sent again, where that is known.
        #[serde(skip_serializing_if = "Option::is_none")]
        retry_ms: Option<u64>,
    },
    /// This person may have been exposed.
    ExposureAlert {
        /// One or more alerts.
        alerts: Vec<Alert>,
    },
    /// Sent after a silence, so that a page can tell a quiet connection from a dead one.
    Ping,
    /// The answer to a client's `ping`.
    Pong {
        /// The message's id.
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<RequestId>,
    },
}

/// The fields of an `ack`.
#[derive(Serialize)]
#[serde(untagged)]
pub enum Ack {
    /// To `logVisit` and `updateVisit`.
    Logged(Logged),
    /// To `deleteVisit`.
    Deleted(Deleted),
    /// To `exposureWarning`.
    Warned(Warned),
    /// To `exportMyData`; several if there are many visits.
    Visits(OwnVisits),
    /// To `forgetMe` and `revokeMe`.
    Removed(Removed),
    /// To `retractWarning`, `alertReceived` and `userFeedback`.
    Plain(Nothing),
}

/// A visit was logged or changed.
#[derive(Serialize, ToSchema)]
pub struct Logged {
    /// Always true.
    pub logged: bool,
    /// Names the visit from now on.
    #[serde(rename = "loggedNodeId")]
    pub logged_node_id: String,
}

/// A visit is not there (any more).
#[derive(Serialize, ToSchema)]
pub struct Deleted {
    /// Always true.
    pub deleted: bool,
}

/// A warning was taken: the same whether nobody or a thousand were exposed.
#[derive(Serialize, ToSchema)]
pub struct Warned {
    /// Always true.
    pub warned: bool,
}

/// Some of the visitor's visits.
#[derive(Serialize)]
pub struct OwnVisits {
    /// By start.
    pub visits: Vec<OwnVisit>,
    /// Whether another `ack` with more follows.
    pub more: bool,
}

/// Everything about the visitor was removed.
#[derive(Serialize, ToSchema)]
pub struct Removed {
    /// How many visits that were.
    pub removed: u64,
}

/// It was done; there is nothing more to say.
#[derive(Serialize, ToSchema)]
pub struct Nothing {}

/// A visit as its own visitor gets it.
#[derive(Serialize, ToSchema)]
pub struct OwnVisit {
    /// The place.
    pub place_id: String,
    /// From, in epoch milliseconds.
    pub start: u64,
    /// Until, exclusive.
    pub end: u64,
}

/// Fills JSON up with the spaces that it allows after a value.
pub fn padded(mut text: String) -> String {
    let fill = text.len().next_multiple_of(FRAME_BLOCK) - text.len();
    text.extend(std::iter::repeat_n(' ', fill));
    text
}

impl ServerMessage {
    /// The answer to the message with this id that was not carried out.
    pub fn error(id: Option<RequestId>, fault: Fault) -> Self {
        Self::Error {
            id,
            code: fault.code,
            message: fault.message,
            retry_ms: fault.retry_ms,
        }
    }

    /// Its `type`.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Challenge { .. } => "challenge",
            Self::Session { .. } => "session",
            Self::Ack { .. } => "ack",
            Self::Error { .. } => "error",
            Self::ExposureAlert { .. } => "exposureAlert",
            Self::Ping => "ping",
            Self::Pong { .. } => "pong",
        }
    }

    /// The text of the frame: JSON, filled up.
    pub fn to_frame(&self) -> String {
        padded(serde_json::to_string(self).expect("messages hold nothing that JSON cannot write"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> Fault {
        match read(text).message {
            Err(fault) => fault,
            Ok(_) => panic!("read without a fault: {text}"),
        }
    }

    #[test]
    fn what_is_no_message_is_said_so() {
        for text in [
            "",
            "hello",
            "[]",
            "3",
            "{}",
            r#"{"type":3}"#,
            r#"{"type":"ping","type":"pong"}"#,
            r#"{"type":"ping","id":[1]}"#,
            r#"{"type":"ping","id":1.5}"#,
            r#"{"type":"ping"} {"type":"ping"}"#,
        ] {
            assert_eq!(fault(text).code, Code::BadMessage, "{text}");
        }
        let deep = format!(r#"{{"type":"ping","x":{}}}"#, "[".repeat(5_000));
        assert_eq!(fault(&deep).code, Code::BadMessage);
        assert_eq!(fault(r#"{"type":"Hello"}"#).code, Code::UnknownType);
    }

    #[test]
    fn times_are_whole_milliseconds() {
        for (start, good) in [
            ("0", true),
            ("9007199254740991", true),
            ("9007199254740992", false),
            ("-1", false),
            ("1.5", false),
            ("1e3", false),
            ("\"5\"", false),
            ("null", false),
        ] {
            let text = format!(r#"{{"type":"logVisit","place_id":"x","start":{start},"end":9}}"#);
            assert_eq!(read(&text).message.is_ok(), good, "{start}");
        }
    }

    #[test]
    fn no_fault_repeats_a_value() {
        for text in [
            r#"{"type":"secret"}"#,
            r#"{"type":"logVisit","place_id":7,"start":"secret","end":"secret"}"#,
            r#"{"type":"exposureWarning","warning":"secret","reason":0}"#,
            r#"{"type":"deleteVisit","loggedNodeId":{"secret":1}}"#,
            "secret",
        ] {
            assert!(!fault(text).message.contains("secret"));
        }
    }

    #[test]
    fn the_id_is_kept_even_if_the_rest_is_wrong() {
        assert!(matches!(
            read(r#"{"type":"logVisit","id":"a"}"#).id,
            Some(RequestId::Text(text)) if text == "a"
        ));
        assert!(matches!(
            read(r#"{"id":7,"type":"nothing"}"#).id,
            Some(RequestId::Number(7))
        ));
        let long = format!(r#"{{"type":"ping","id":"{}"}}"#, "x".repeat(129));
        assert!(read(&long).id.is_none() && read(&long).message.is_err());
    }

    #[test]
    fn fields_of_old_clients_are_skipped() {
        let text = r#"{"type":"logVisit","username":"weeFox","nickname":"f","place_id":"x","start":1,"end":2}"#;
        assert!(read(text).message.is_ok());
    }

    #[test]
    fn every_frame_is_a_multiple_of_the_block_and_still_json() {
        for length in [
            0, 100, 469, 470, 471, 472, 473, 474, 475, 476, 477, 478, 479, 480, 2_000,
        ] {
            let frame = ServerMessage::Pong {
                id: Some(RequestId::Text("x".repeat(length))),
            }
            .to_frame();
            assert_eq!(frame.len() % 512, 0);
            let value: serde_json::Value = serde_json::from_str(&frame).unwrap();
            assert_eq!(value["type"], "pong");
        }
    }

    #[test]
    fn answers_have_the_names_clients_know() {
        let text = |message: ServerMessage| message.to_frame().trim_end().to_owned();
        assert_eq!(
            text(ServerMessage::Ack {
                id: Some(RequestId::Number(4)),
                body: Ack::Logged(Logged {
                    logged: true,
                    logged_node_id: "AQ".into()
                })
            }),
            r#"{"type":"ack","id":4,"logged":true,"loggedNodeId":"AQ"}"#
        );
        assert_eq!(
            text(ServerMessage::Ack {
                id: None,
                body: Ack::Plain(Nothing {})
            }),
            r#"{"type":"ack"}"#
        );
        assert_eq!(
            text(ServerMessage::Error {
                id: None,
                code: Code::HelloFirst,
                message: "x".into(),
                retry_ms: None,
            }),
            r#"{"type":"error","code":"hello_first","message":"x"}"#
        );
        assert_eq!(
            text(ServerMessage::Session {
                id: None,
                user_id: "u".into(),
                graph_name: "lct".into(),
                complete: true
            }),
            r#"{"type":"session","userID":"u","graphName":"lct","complete":true}"#
        );
        assert_eq!(text(ServerMessage::Ping), r#"{"type":"ping"}"#);
    }
}
