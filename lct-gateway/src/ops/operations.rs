//! Every operation of the operators' API: what is answered and what it says of itself come from this one table.

use hyper::Method;

use crate::ops::bodies::{
    AuditTrail, Codes, Counted, Done, FeedbackEntries, Me, NewCodes, NewStatus, Now, PlaceWarned,
    PlaceWarning, Warnings, Withdrawn,
};
use crate::rest::operations::{Access, Operation, shape, short};

/// What can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the table says what each means")]
pub enum Ask {
    Me,
    Now,
    Warnings,
    DryRun,
    Release,
    Reject,
    Withdraw,
    WarnPlace,
    MakeCodes,
    ReadFeedback,
    SetStatus,
    Audit,
}

impl Ask {
    /// Its name, in numbers for operators.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Me => "Me",
            Self::Now => "Now",
            Self::Warnings => "Warnings",
            Self::DryRun => "DryRun",
            Self::Release => "Release",
            Self::Reject => "Reject",
            Self::Withdraw => "Withdraw",
            Self::WarnPlace => "WarnPlace",
            Self::MakeCodes => "MakeCodes",
            Self::ReadFeedback => "ReadFeedback",
            Self::SetStatus => "SetStatus",
            Self::Audit => "Audit",
        }
    }

    /// What may stand in its query beside `graph`.
    pub const fn query(self) -> &'static [&'static str] {
        match self {
            Self::Now => &["since"],
            Self::Warnings => &["count", "state"],
            Self::ReadFeedback | Self::Audit => &["before", "count"],
            _ => &[],
        }
    }
}

/// An operation that changes nothing.
const fn get(
    ask: Ask,
    path: &'static str,
    reply: crate::rest::operations::Shape,
    summary: &'static str,
    description: &'static str,
) -> Operation<Ask> {
    Operation {
        ask,
        method: Method::GET,
        path,
        access: Access::Operators,
        body: None,
        reply,
        summary,
        description,
    }
}

/// An action: it is audited.
const fn post(
    ask: Ask,
    path: &'static str,
    body: Option<crate::rest::operations::Body>,
    reply: crate::rest::operations::Shape,
    summary: &'static str,
    description: &'static str,
) -> Operation<Ask> {
    Operation {
        ask,
        method: Method::POST,
        path,
        access: Access::Operators,
        body,
        reply,
        summary,
        description,
    }
}

/// All of them.
pub static OPERATIONS: [Operation<Ask>; 12] = [
    get(
        Ask::Me,
        "/v1/me",
        shape::<Me>(),
        "Who asks, and what there is",
        "To find out whether a token is good.",
    ),
    get(
        Ask::Now,
        "/v1/now",
        shape::<Now>(),
        "How things are, and were in the last half hour",
        "`since`: only what came after that time, in epoch milliseconds.",
    ),
    get(
        Ask::Warnings,
        "/v1/warnings",
        shape::<Warnings>(),
        "List warnings, newest first",
        "`state`: held, active or retracted ones only. `count`: 1 to 1000, 100 if absent.",
    ),
    get(
        Ask::DryRun,
        "/v1/warnings/{warning}/dry-run",
        shape::<Counted>(),
        "How many people releasing a held warning would alert now",
        "",
    ),
    post(
        Ask::Release,
        "/v1/warnings/{warning}/release",
        None,
        shape::<Counted>(),
        "Let a held warning go",
        "",
    ),
    post(
        Ask::Reject,
        "/v1/warnings/{warning}/reject",
        None,
        shape::<Withdrawn>(),
        "Withdraw a held warning",
        "",
    ),
    post(
        Ask::Withdraw,
        "/v1/warnings/{warning}/retract",
        None,
        shape::<Withdrawn>(),
        "Withdraw any warning, and every alert it caused",
        "",
    ),
    post(
        Ask::WarnPlace,
        "/v1/places/warnings",
        short::<PlaceWarning>(),
        shape::<PlaceWarned>(),
        "Warn whoever was in a place",
        "With `dryRun` nobody is alerted. The same warning again is no second one: it revises the first.",
    ),
    post(
        Ask::MakeCodes,
        "/v1/codes",
        short::<NewCodes>(),
        shape::<Codes>(),
        "Make one-time codes",
        "They cannot be shown again.",
    ),
    get(
        Ask::ReadFeedback,
        "/v1/feedback",
        shape::<FeedbackEntries>(),
        "Read what people wrote, newest first",
        "`before`: the entries before this one. `count`: 1 to 100, 50 if absent.",
    ),
    post(
        Ask::SetStatus,
        "/v1/feedback/{entry}/status",
        short::<NewStatus>(),
        shape::<Done>(),
        "Say how far one has come with a text",
        "Other operators see it. Whoever wrote it does not.",
    ),
    get(
        Ask::Audit,
        "/v1/audit",
        shape::<AuditTrail>(),
        "Read what operators did, newest first",
        "`before`: the entries before this one. `count`: 1 to 1000, 100 if absent.",
    ),
];
