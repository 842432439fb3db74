//! What the operators' API reads and says: the types from which its description is made, too.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::feedback::Status;
use crate::module::Crowd;
use crate::ops::audit::Entry;
use crate::ops::server_info::{Aof, Rdb, Role};
use crate::ops::watch::{Reach, Sample};
use crate::policy::Reason;
use crate::protocol::Millis;
use crate::rounded::Rounded;

/// Who asks, and what there is.
#[derive(Serialize, ToSchema)]
pub struct Me {
    /// The name of the token.
    pub name: String,
    /// The graph that was asked about.
    pub graph: String,
    /// All there are, the main one first.
    pub graphs: Vec<String>,
    /// Fewer people than this are not counted.
    pub k: u64,
}

/// How things are, and how they were.
#[derive(Serialize, ToSchema)]
pub struct Now {
    /// How often a sample is taken, in milliseconds.
    pub interval: u64,
    /// Oldest first.
    pub samples: Vec<Sample>,
    /// As of the last sample.
    pub state: State,
}

/// How things are. What is not known, as while Redis is away, is null.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct State {
    /// Whether Redis answers.
    pub redis: Reach,
    /// The gateway's version.
    pub gateway: &'static str,
    /// The module's.
    pub module: Option<String>,
    /// What the server is to others.
    pub role: Option<Role>,
    /// How many replicas it has.
    pub replicas: Option<u64>,
    /// Its append-only file.
    pub aof: Option<Aof>,
    /// Its snapshots.
    pub rdb: Option<Rdb>,
    /// When the earliest visit begins, in epoch milliseconds; null also where there is none.
    pub oldest: Option<u64>,
    /// How long visits are kept, in milliseconds; 0: for ever.
    pub retention: Option<u64>,
    /// When something was last purged, in epoch milliseconds; 0: not since the server loaded the graph.
    pub last_purge: Option<u64>,
    /// How many warnings wait for an operator.
    pub held: Option<u64>,
}

/// How much people were together.
#[derive(Serialize, ToSchema)]
pub struct Density {
    /// By place, then by hour: the place; when the hour begins, in epoch milliseconds; person-minutes that people spent
    /// there in company; the most people who were there at once.
    #[schema(value_type = Vec<Vec<Value>>)]
    pub rows: Vec<Crowd>,
}

/// Warnings.
#[derive(Serialize, ToSchema)]
pub struct Warnings {
    /// Newest first.
    pub warnings: Vec<Warning>,
}

/// A warning.
#[derive(Serialize, ToSchema)]
pub struct Warning {
    /// Its id, which is a secret: with it one can tell which alerts belong together.
    pub warning: String,
    /// `visitor` or `space`: who or what it is about.
    pub kind: String,
    /// `positive`, `contact`, `symptoms` or `alerted`.
    pub reason: String,
    /// `active`, `held` or `retracted`.
    pub state: String,
    /// When it was first given, in epoch milliseconds.
    pub issued: u64,
    /// How many people it ever alerted.
    pub alerts: Rounded,
}

/// How many people were alerted, or would be.
#[derive(Serialize, ToSchema)]
pub struct Counted {
    /// So many.
    pub alerted: Rounded,
}

/// How many alerts were withdrawn.
#[derive(Serialize, ToSchema)]
pub struct Withdrawn {
    /// So many.
    pub withdrawn: Rounded,
}

/// A warning of whoever was in a place.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlaceWarning {
    /// Its random UUID, as the dry run answered it; a new one if absent.
    #[schema(nullable = false)]
    pub warning: Option<Uuid>,
    /// The place: 1 to 128 bytes of UTF-8 without control characters.
    #[schema(min_length = 1, max_length = 128)]
    pub place: String,
    /// Why; not `alerted`.
    pub reason: Reason,
    /// From, in epoch milliseconds.
    #[schema(value_type = u64, maximum = 9_007_199_254_740_991_u64)]
    pub from: Millis,
    /// Until, exclusive, in epoch milliseconds; now at the latest.
    #[schema(value_type = u64, maximum = 9_007_199_254_740_991_u64)]
    pub to: Millis,
    /// The least stay that counts, in milliseconds.
    #[schema(value_type = u64, maximum = 9_007_199_254_740_991_u64, nullable = false)]
    pub min_time: Option<Millis>,
    /// The period within which it must add up, in milliseconds; only with `minTime`.
    #[schema(value_type = u64, maximum = 9_007_199_254_740_991_u64, nullable = false)]
    pub within: Option<Millis>,
    /// Only count, alert nobody.
    pub dry_run: bool,
}

/// A warning of a place was given, or tried.
#[derive(Serialize, ToSchema)]
pub struct PlaceWarned {
    /// Its id.
    pub warning: Uuid,
    /// How many people it alerted, or would.
    pub alerted: Rounded,
}

/// Codes to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCodes {
    /// How many.
    #[schema(minimum = 1, maximum = 100)]
    pub count: u64,
    /// The day of first symptoms, else of the test, as YYYY-MM-DD; it wins over what the person says.
    #[schema(nullable = false)]
    pub since: Option<String>,
}

/// One-time codes.
#[derive(Serialize, ToSchema)]
pub struct Codes {
    /// Each is good for one warning.
    pub codes: Vec<String>,
    /// Until when, in epoch milliseconds.
    pub expires: u64,
}

/// What people wrote.
#[derive(Serialize, ToSchema)]
pub struct FeedbackEntries {
    /// Newest first.
    pub entries: Vec<FeedbackEntry>,
}

/// What somebody wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FeedbackEntry {
    /// Its name, by which older ones are asked for.
    pub id: String,
    /// The day, as YYYY-MM-DD in UTC.
    pub day: String,
    /// The text.
    pub text: String,
    /// How far operators have come with it.
    pub status: Status,
}

/// How far one has come.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewStatus {
    /// So far.
    pub status: Status,
}

/// It was done.
#[derive(Serialize, ToSchema)]
pub struct Done {}

/// What operators did.
#[derive(Serialize, ToSchema)]
pub struct AuditTrail {
    /// Newest first.
    pub entries: Vec<Entry>,
}
