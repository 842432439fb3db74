//! Every operation there is: what the server answers and what it says of itself come from this one table.

use std::borrow::Cow;

use hyper::Method;
use utoipa::ToSchema;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;

use crate::protocol::{Deleted, Logged, Nothing, Removed, Warned};
use crate::rest::bodies::{
    Document, Export, Inbox, Info, LoggedVisits, NewFeedback, NewWarning, Received, Times, Visits,
};

/// The longest body of a batch of visits: a thousand with the longest ids.
const BATCH: usize = 256 * 1024;

/// The longest of any other body.
const SHORT: usize = 16 * 1024;

/// What can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the table says what each means")]
pub enum Ask {
    LogVisits,
    ChangeVisit,
    DeleteVisit,
    Warn,
    Retract,
    Alerts,
    Acknowledge,
    Export,
    Erase,
    Revoke,
    Feedback,
    Info,
    OpenApi,
    AsyncApi,
}

impl Ask {
    /// Whether it only takes away, so that it must work when there is no room for anything.
    pub const fn erases(self) -> bool {
        matches!(
            self,
            Self::DeleteVisit | Self::Retract | Self::Acknowledge | Self::Erase | Self::Revoke
        )
    }

    /// Its name, in numbers for operators.
    pub const fn name(self) -> &'static str {
        match self {
            Self::LogVisits => "LogVisits",
            Self::ChangeVisit => "ChangeVisit",
            Self::DeleteVisit => "DeleteVisit",
            Self::Warn => "Warn",
            Self::Retract => "Retract",
            Self::Alerts => "Alerts",
            Self::Acknowledge => "Acknowledge",
            Self::Export => "Export",
            Self::Erase => "Erase",
            Self::Revoke => "Revoke",
            Self::Feedback => "Feedback",
            Self::Info => "Info",
            Self::OpenApi => "OpenApi",
            Self::AsyncApi => "AsyncApi",
        }
    }
}

/// Who may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anybody.
    Public,
    /// Persons.
    Persons,
    /// Persons, and services with a token.
    Services,
    /// Operators, on their own listener.
    Operators,
}

/// A type that is said or read, by name and description.
#[derive(Clone, Copy)]
pub struct Shape {
    /// Its name.
    pub name: fn() -> Cow<'static, str>,
    /// Adds its description and those of its parts.
    pub describe: fn(&mut Vec<(String, RefOr<Schema>)>),
}

/// The shape of this type.
pub(crate) const fn shape<T: ToSchema>() -> Shape {
    fn describe<T: ToSchema>(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((T::name().into_owned(), T::schema()));
        T::schemas(schemas);
    }
    Shape {
        name: T::name,
        describe: describe::<T>,
    }
}

/// A body that is read.
#[derive(Clone, Copy)]
pub struct Body {
    /// What it holds.
    pub shape: Shape,
    /// The most bytes.
    pub most: usize,
}

/// One operation. `A` names all there are on a listener.
pub struct Operation<A = Ask> {
    /// What it is.
    pub ask: A,
    /// Its method.
    pub method: Method,
    /// Its path; one segment in braces stands for any.
    pub path: &'static str,
    /// Who may ask.
    pub access: Access,
    /// What the request holds, if it holds anything.
    pub body: Option<Body>,
    /// What the answer holds.
    pub reply: Shape,
    /// One line.
    pub summary: &'static str,
    /// More about it.
    pub description: &'static str,
}

impl<A> Operation<A> {
    /// The value of the segment in braces (empty where there is none), if this is the path.
    pub fn matches<'a>(&self, path: &'a str) -> Option<&'a str> {
        let (mut ours, mut theirs) = (self.path.split('/'), path.split('/'));
        let mut value = "";
        loop {
            match (ours.next(), theirs.next()) {
                (None, None) => return Some(value),
                (Some(ours), Some(theirs)) if ours.starts_with('{') && !theirs.is_empty() => {
                    value = theirs;
                }
                (Some(ours), Some(theirs)) if ours == theirs => {}
                _ => return None,
            }
        }
    }

    /// The name of the segment in braces, if there is one.
    pub fn parameter(&self) -> Option<&'static str> {
        let (_, rest) = self.path.split_once('{')?;
        rest.split_once('}').map(|(name, _)| name)
    }
}

/// A body of a thousand visits.
const fn batch<T: ToSchema>() -> Option<Body> {
    Some(Body {
        shape: shape::<T>(),
        most: BATCH,
    })
}

/// Any other body.
pub(crate) const fn short<T: ToSchema>() -> Option<Body> {
    Some(Body {
        shape: shape::<T>(),
        most: SHORT,
    })
}

/// All of them.
pub static OPERATIONS: [Operation; 14] = [
    Operation {
        ask: Ask::LogVisits,
        method: Method::POST,
        path: "/v1/visits",
        access: Access::Services,
        body: batch::<Visits>(),
        reply: shape::<LoggedVisits>(),
        summary: "Log visits",
        description: "All of them, or none: an error names the first visit that is refused. A visit with the same \
                      place and start as an earlier one replaces it. A service gives each visit a visitor.",
    },
    Operation {
        ask: Ask::ChangeVisit,
        method: Method::PUT,
        path: "/v1/visits/{loggedNodeId}",
        access: Access::Persons,
        body: short::<Times>(),
        reply: shape::<Logged>(),
        summary: "Give a visit another start and end",
        description: "The visit has another name afterwards if its start moved.",
    },
    Operation {
        ask: Ask::DeleteVisit,
        method: Method::DELETE,
        path: "/v1/visits/{loggedNodeId}",
        access: Access::Persons,
        body: None,
        reply: shape::<Deleted>(),
        summary: "Delete a visit",
        description: "The same answer whether it was there or not.",
    },
    Operation {
        ask: Ask::Warn,
        method: Method::POST,
        path: "/v1/warnings",
        access: Access::Persons,
        body: short::<NewWarning>(),
        reply: shape::<Warned>(),
        summary: "Warn whoever shared a place with the person",
        description: "The same answer whether nobody or a thousand were exposed.",
    },
    Operation {
        ask: Ask::Retract,
        method: Method::DELETE,
        path: "/v1/warnings/{warning}",
        access: Access::Persons,
        body: None,
        reply: shape::<Nothing>(),
        summary: "Take a warning back",
        description: "Withdraws every alert it caused. The same answer whether there was such a warning or not.",
    },
    Operation {
        ask: Ask::Alerts,
        method: Method::GET,
        path: "/v1/alerts",
        access: Access::Persons,
        body: None,
        reply: shape::<Inbox>(),
        summary: "Read the alerts that wait",
        description: "They wait until they are acknowledged, or have aged.",
    },
    Operation {
        ask: Ask::Acknowledge,
        method: Method::POST,
        path: "/v1/alerts/ack",
        access: Access::Persons,
        body: short::<Received>(),
        reply: shape::<Nothing>(),
        summary: "Say that alerts were shown to the person",
        description: "An alert that has changed since goes on waiting. The same answer whether they were there or not.",
    },
    Operation {
        ask: Ask::Export,
        method: Method::GET,
        path: "/v1/export",
        access: Access::Persons,
        body: None,
        reply: shape::<Export>(),
        summary: "Read all own visits",
        description: "With the device's key only.",
    },
    Operation {
        ask: Ask::Erase,
        method: Method::POST,
        path: "/v1/erase",
        access: Access::Persons,
        body: None,
        reply: shape::<Removed>(),
        summary: "Erase everything about the person",
        description: "Visits, alerts, and the name on their warnings. With either key.",
    },
    Operation {
        ask: Ask::Revoke,
        method: Method::POST,
        path: "/v1/revoke",
        access: Access::Persons,
        body: None,
        reply: shape::<Removed>(),
        summary: "Erase, and let nobody use the id again",
        description: "With either key. Every open connection of this visitor ends.",
    },
    Operation {
        ask: Ask::Feedback,
        method: Method::POST,
        path: "/v1/feedback",
        access: Access::Persons,
        body: short::<NewFeedback>(),
        reply: shape::<Nothing>(),
        summary: "Tell the operator something",
        description: "The operator sees the text and the day, without an id.",
    },
    Operation {
        ask: Ask::Info,
        method: Method::GET,
        path: "/v1/info",
        access: Access::Public,
        body: None,
        reply: shape::<Info>(),
        summary: "What a client must know of this gateway",
        description: "",
    },
    Operation {
        ask: Ask::OpenApi,
        method: Method::GET,
        path: "/v1/openapi.json",
        access: Access::Public,
        body: None,
        reply: shape::<Document>(),
        summary: "This description, as OpenAPI",
        description: "",
    },
    Operation {
        ask: Ask::AsyncApi,
        method: Method::GET,
        path: "/v1/asyncapi.json",
        access: Access::Public,
        body: None,
        reply: shape::<Document>(),
        summary: "The description of the WebSocket at /ws, as AsyncAPI",
        description: "",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    fn find(path: &str) -> Vec<(Ask, &str)> {
        let found = |operation: &'static Operation| Some((operation.ask, operation.matches(path)?));
        OPERATIONS.iter().filter_map(found).collect()
    }

    #[test]
    fn a_path_is_found_whole() {
        assert_eq!(find("/v1/visits"), [(Ask::LogVisits, "")]);
        assert_eq!(
            find("/v1/visits/AQ"),
            [(Ask::ChangeVisit, "AQ"), (Ask::DeleteVisit, "AQ")]
        );
        assert_eq!(find("/v1/alerts/ack"), [(Ask::Acknowledge, "")]);
        for none in [
            "/v1",
            "/v1/",
            "/v1/visits/",
            "/v1/visits/a/b",
            "//v1/visits",
            "/V1/visits",
        ] {
            assert_eq!(find(none), []);
        }
    }

    #[test]
    fn no_two_operations_are_the_same() {
        for (place, one) in OPERATIONS.iter().enumerate() {
            let twin = |other: &Operation| other.path == one.path && other.method == one.method;
            assert!(!OPERATIONS[place + 1..].iter().any(twin));
        }
    }
}
