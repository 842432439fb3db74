//! What is not carried out, as HTTP says it: a status, and one line that names what was wrong and what would be right.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use hyper::StatusCode;
use hyper::header::{ALLOW, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use serde::Serialize;
use utoipa::ToSchema;
use warp::reply::Response;

use crate::clock::{self, DAY};
use crate::module::ModuleError;
use crate::protocol::{Code, Fault};
use crate::rest::reply;

/// How long to wait for a Redis that cannot do it now.
const UNAVAILABLE: Duration = Duration::from_secs(2);

/// The kinds of error a program can tell apart. The words do not change; those that WebSockets know too mean the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Word {
    /// The body is not what this request takes.
    BadMessage,
    /// A field breaks a rule.
    BadValue,
    /// No such graph.
    UnknownGraph,
    /// The request does not say who asks, or not in a way that is taken here.
    Unauthorized,
    /// The signature does not fit, came too late or was used before.
    BadSignature,
    /// Who asks may not do that.
    NotAllowed,
    /// The one-time code is missing, wrong or spent.
    BadCode,
    /// The visitor was revoked.
    Revoked,
    /// The page's origin is not on the list.
    ForeignOrigin,
    /// There is no such path.
    NotFound,
    /// The path has no such method.
    MethodNotAllowed,
    /// The visitor has no such visit (any more).
    UnknownVisit,
    /// What an operator names is not there (any more), or not in the state that this takes.
    Conflict,
    /// The body is too long.
    TooLarge,
    /// The body is not JSON.
    NotJson,
    /// A cap is reached; it counts by days or fortnights.
    Limited,
    /// Faster than this gateway takes them.
    RateLimited,
    /// The server failed at a request that was in order.
    Internal,
    /// Not now: the same can be asked again later.
    Unavailable,
    /// What an operator asked for may have been done, and may not: look before asking again.
    Unknown,
}

impl Word {
    /// The status it comes with.
    pub const fn status(self) -> StatusCode {
        match self {
            Self::BadMessage | Self::BadValue | Self::UnknownGraph => StatusCode::BAD_REQUEST,
            Self::Unauthorized | Self::BadSignature => StatusCode::UNAUTHORIZED,
            Self::NotAllowed | Self::BadCode | Self::Revoked | Self::ForeignOrigin => {
                StatusCode::FORBIDDEN
            }
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::UnknownVisit | Self::Conflict => StatusCode::CONFLICT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::NotJson => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Limited | Self::RateLimited => StatusCode::TOO_MANY_REQUESTS,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Unavailable | Self::Unknown => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

impl fmt::Display for Word {
    /// The word, as it is answered.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

impl From<Code> for Word {
    fn from(code: Code) -> Self {
        match code {
            // Of a session only: no request leads to the last three.
            Code::BadMessage | Code::UnknownType | Code::HelloFirst | Code::AlreadyOpen => {
                Self::BadMessage
            }
            Code::BadValue => Self::BadValue,
            Code::BadSignature => Self::BadSignature,
            Code::NotAllowed => Self::NotAllowed,
            Code::UnknownGraph => Self::UnknownGraph,
            Code::UnknownVisit => Self::UnknownVisit,
            Code::BadCode => Self::BadCode,
            Code::Limited => Self::Limited,
            Code::Revoked => Self::Revoked,
            Code::RateLimited => Self::RateLimited,
            Code::Unavailable => Self::Unavailable,
            Code::Internal => Self::Internal,
        }
    }
}

/// An error, as the body of its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Problem {
    /// For programs.
    pub code: Word,
    /// For people: one line, without the value that was sent.
    #[schema(value_type = String)]
    pub message: Cow<'static, str>,
}

/// Why a request is not carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What is said.
    pub problem: Problem,
    /// After how long the same may be asked again, where that is known.
    pub retry: Option<Duration>,
    /// The methods there are, where the one asked for is none.
    pub allow: Option<String>,
    /// How to say who asks, where that was missing or wrong.
    pub challenge: Option<&'static str>,
}

impl Refusal {
    /// A refusal with this line.
    pub fn new(code: Word, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            problem: Problem {
                code,
                message: message.into(),
            },
            retry: match code {
                Word::Unavailable => Some(UNAVAILABLE),
                // The caps begin anew at midnight.
                Word::Limited => Some(Duration::from_millis(DAY - clock::now() % DAY)),
                _ => None,
            },
            allow: None,
            challenge: None,
        }
    }

    /// A refusal with this line, where there is no use in asking again.
    pub const fn plain(code: Word, message: &'static str) -> Self {
        Self {
            problem: Problem {
                code,
                message: Cow::Borrowed(message),
            },
            retry: None,
            allow: None,
            challenge: None,
        }
    }

    /// A request that came too soon, and how long to wait before it may come again.
    pub fn too_fast(wait: Duration) -> Self {
        Self {
            retry: Some(wait),
            ..Self::new(
                Word::RateLimited,
                "requests: too many at a time; ask again after as many seconds as Retry-After says",
            )
        }
    }

    /// Its answer.
    pub fn response(&self) -> Response {
        let mut response = reply::json(self.problem.code.status(), &self.problem);
        let headers = response.headers_mut();
        if let Some(retry) = self.retry {
            // Rounded up, so that who waits that long has waited long enough.
            headers.insert(RETRY_AFTER, HeaderValue::from(retry.as_secs() + 1));
        }
        if let Some(Ok(allow)) = self.allow.as_deref().map(HeaderValue::from_str) {
            headers.insert(ALLOW, allow);
        }
        if let Some(challenge) = self.challenge {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        response
    }
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Self::new(fault.code.into(), fault.message)
    }
}

impl From<ModuleError> for Refusal {
    fn from(error: ModuleError) -> Self {
        Fault::from(error).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_to_wait_is_told_how_long() {
        let wait = |refusal: Refusal| {
            let response = refusal.response();
            let seconds = response.headers().get(RETRY_AFTER)?.to_str().ok()?;
            Some((response.status().as_u16(), seconds.parse::<u64>().ok()?))
        };
        let soon = Refusal::too_fast(Duration::from_millis(1_500));
        assert_eq!(wait(soon), Some((429, 2)));
        assert_eq!(wait(ModuleError::Unavailable.into()), Some((503, 3)));
        let (status, seconds) = wait(Fault::new(Code::Limited, "x").into()).expect("a time");
        assert!(status == 429 && (1..=86_401).contains(&seconds));
        assert_eq!(wait(Fault::new(Code::BadValue, "x").into()), None);
    }
}
