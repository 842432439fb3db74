//! Every operation of the operators' API: what is answered and what it says of itself come from this one table.

use std::sync::LazyLock;

use hyper::{Method, StatusCode};

use crate::ops::bodies::{
    AuditTrail, Codes, Counted, Density, Done, FeedbackEntries, Me, NewCodes, NewStatus, Now,
    PlaceWarned, PlaceWarning, Warnings, Withdrawn,
};
use crate::rest::bodies::Document;
use crate::rest::openapi::{self, Book};
use crate::rest::operations::{Access, Body, Operation, Shape, shape, short};

/// What can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// To be shown something. It changes nothing.
    Show(Show),
    /// To do something: it is audited.
    Act(Act),
}

/// What can be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the table says what each means")]
pub enum Show {
    Me,
    Now,
    Density,
    Warnings,
    DryRun,
    ReadFeedback,
    Audit,
    OpenApi,
}

/// What can be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the table says what each means")]
pub enum Act {
    Release,
    Reject,
    Withdraw,
    WarnPlace,
    MakeCodes,
    SetStatus,
}

impl Ask {
    /// Its name, in numbers for operators.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Show(Show::Me) => "Me",
            Self::Show(Show::Now) => "Now",
            Self::Show(Show::Density) => "Density",
            Self::Show(Show::Warnings) => "Warnings",
            Self::Show(Show::DryRun) => "DryRun",
            Self::Show(Show::ReadFeedback) => "ReadFeedback",
            Self::Show(Show::Audit) => "Audit",
            Self::Show(Show::OpenApi) => "OpsOpenApi",
            Self::Act(Act::Release) => "Release",
            Self::Act(Act::Reject) => "Reject",
            Self::Act(Act::Withdraw) => "Withdraw",
            Self::Act(Act::WarnPlace) => "WarnPlace",
            Self::Act(Act::MakeCodes) => "MakeCodes",
            Self::Act(Act::SetStatus) => "SetStatus",
        }
    }

    /// What may stand in its query beside `graph`, and what that means.
    pub const fn query(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Show(Show::Now) => &[(
                "since",
                "Only what came after that time, in epoch milliseconds",
            )],
            Self::Show(Show::Density) => &[
                ("from", "From, in epoch milliseconds; is needed"),
                (
                    "to",
                    "Until, in epoch milliseconds; is needed, at most 8 days after `from`",
                ),
                ("place", "Only this place"),
            ],
            Self::Show(Show::Warnings) => &[
                ("state", "Only those that are held, active or retracted"),
                (
                    "before",
                    "Only those that come after this warning in the list",
                ),
                ("count", "The most, 1 to 1000; 100 if absent"),
            ],
            Self::Show(Show::ReadFeedback) => &[
                ("before", "Only older ones than this entry"),
                ("count", "The most, 1 to 100; 50 if absent"),
            ],
            Self::Show(Show::Audit) => &[
                ("before", "Only older ones than this entry"),
                ("count", "The most, 1 to 1000; 100 if absent"),
            ],
            _ => &[],
        }
    }
}

/// An operation that changes nothing.
const fn get(
    show: Show,
    path: &'static str,
    reply: Shape,
    summary: &'static str,
    description: &'static str,
) -> Operation<Ask> {
    Operation {
        ask: Ask::Show(show),
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
    act: Act,
    path: &'static str,
    body: Option<Body>,
    reply: Shape,
    summary: &'static str,
    description: &'static str,
) -> Operation<Ask> {
    Operation {
        ask: Ask::Act(act),
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
pub static OPERATIONS: [Operation<Ask>; 14] = [
    get(
        Show::Me,
        "/v1/me",
        shape::<Me>(),
        "Who asks, and what there is",
        "To find out whether a token is good.",
    ),
    get(
        Show::Now,
        "/v1/now",
        shape::<Now>(),
        "How things are, and were in the last half hour",
        "",
    ),
    get(
        Show::Density,
        "/v1/density",
        shape::<Density>(),
        "How much people were together, by place and whole hour",
        "Hours that are over and lie in the period as a whole, and places where enough different people were; rounded.",
    ),
    get(
        Show::Warnings,
        "/v1/warnings",
        shape::<Warnings>(),
        "List warnings, newest first",
        "",
    ),
    get(
        Show::DryRun,
        "/v1/warnings/{warning}/dry-run",
        shape::<Counted>(),
        "How many people releasing a held warning would alert now",
        "",
    ),
    post(
        Act::Release,
        "/v1/warnings/{warning}/release",
        None,
        shape::<Counted>(),
        "Let a held warning go",
        "",
    ),
    post(
        Act::Reject,
        "/v1/warnings/{warning}/reject",
        None,
        shape::<Withdrawn>(),
        "Withdraw a held warning",
        "",
    ),
    post(
        Act::Withdraw,
        "/v1/warnings/{warning}/retract",
        None,
        shape::<Withdrawn>(),
        "Withdraw any warning, and every alert it caused",
        "",
    ),
    post(
        Act::WarnPlace,
        "/v1/places/warnings",
        short::<PlaceWarning>(),
        shape::<PlaceWarned>(),
        "Warn whoever was in a place",
        "With `dryRun` nobody is alerted. The same warning again is no second one: it revises the first.",
    ),
    post(
        Act::MakeCodes,
        "/v1/codes",
        short::<NewCodes>(),
        shape::<Codes>(),
        "Make one-time codes",
        "They cannot be shown again.",
    ),
    get(
        Show::ReadFeedback,
        "/v1/feedback",
        shape::<FeedbackEntries>(),
        "Read what people wrote, newest first",
        "",
    ),
    post(
        Act::SetStatus,
        "/v1/feedback/{entry}/status",
        short::<NewStatus>(),
        shape::<Done>(),
        "Say how far one has come with a text",
        "Other operators see it. Whoever wrote it does not.",
    ),
    get(
        Show::Audit,
        "/v1/audit",
        shape::<AuditTrail>(),
        "Read what operators did, newest first",
        "",
    ),
    get(
        Show::OpenApi,
        "/v1/openapi.json",
        shape::<Document>(),
        "This description, as OpenAPI",
        "",
    ),
];

/// The description of all this as text, made when it is first asked for.
pub static DESCRIPTION: LazyLock<String> = LazyLock::new(|| {
    let book = Book {
        title: "LCT gateway, for operators",
        description: "What the operators' page can ask for, on a listener of its own. Bodies are JSON. Every POST is \
                      audited. docs/operators.md has the rules at length.",
        operations: &OPERATIONS,
        name: |operation: &Operation<Ask>| operation.ask.name(),
        query: |operation| [GRAPH, operation.ask.query()].concat(),
        who: |_| &["operator"],
        refusals,
        schemes: vec![(
            "operator",
            openapi::bearer("An operator, by the secret of --ops-token."),
        )],
    };
    book.text()
});

/// What may stand in every query.
const GRAPH: &[(&str, &str)] = &[(
    "graph",
    "The main graph's name or Sandbox; the main graph if absent",
)];

/// The statuses an operation can have beside 200, each with what it means.
fn refusals(operation: &Operation<Ask>) -> Vec<(StatusCode, &'static str)> {
    let mut refusals = vec![
        (
            StatusCode::BAD_REQUEST,
            "Something in the request breaks a rule",
        ),
        (
            StatusCode::UNAUTHORIZED,
            "Who asks is not said, or not known",
        ),
        (
            StatusCode::FORBIDDEN,
            "There is no --ops-token, or the user of --ops-redis may not do that",
        ),
        (
            StatusCode::TOO_MANY_REQUESTS,
            "Too many wrong tokens of this address or of all, or more actions at a time than one operator may begin",
        ),
        (
            StatusCode::INTERNAL_SERVER_ERROR,
            "The server failed; the request was in order",
        ),
        (
            StatusCode::SERVICE_UNAVAILABLE,
            "Not now; an action whose beginning cannot be audited was not done. With `unknown`, an action that may have been done",
        ),
    ];
    if operation.body.is_some() {
        refusals.extend([
            (StatusCode::PAYLOAD_TOO_LARGE, "The body is too long"),
            (StatusCode::UNSUPPORTED_MEDIA_TYPE, "The body is not JSON"),
        ]);
    }
    if operation.path.contains('{') {
        refusals.push((
            StatusCode::CONFLICT,
            "What is named is not there (any more), or not in the state that this takes",
        ));
    }
    refusals
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_operations_are_the_same_and_each_is_described() {
        for (place, one) in OPERATIONS.iter().enumerate() {
            let twin = |other: &Operation<Ask>| {
                (other.path == one.path && other.method == one.method)
                    || other.ask.name() == one.ask.name()
            };
            assert!(!OPERATIONS[place + 1..].iter().any(twin));
            assert!(
                DESCRIPTION.contains(&format!("\"{}\"", one.path)),
                "{}",
                one.path
            );
        }
    }
}
