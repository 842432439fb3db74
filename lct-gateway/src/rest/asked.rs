//! A request under `/v1` as it came: which operation it is for, and its body.

use futures_util::{Stream, StreamExt};
use hyper::Method;
use hyper::header::{CONTENT_TYPE, HeaderMap, ORIGIN};
use warp::filters::path::FullPath;
use warp::hyper::body::Buf;
use warp::reply::Response;
use warp::{Filter, Rejection};

use crate::rest::operations::Operation;
use crate::rest::refusal::{Refusal, Word};
use crate::rest::{cors, reply};
use crate::server::Peer;

/// A request as it came, without its body.
pub struct Asked {
    /// Its method.
    pub method: Method,
    /// Its path.
    pub path: FullPath,
    /// What follows the question mark; empty where nothing does.
    pub query: String,
    /// Its headers.
    pub headers: HeaderMap,
    /// Who is at the other end.
    pub peer: Peer,
}

/// An operation that a path is one of, with the segment that it leaves open.
type There<A> = (&'static Operation<A>, String);

impl Asked {
    /// Path and query.
    pub fn target(&self) -> String {
        let path = self.path.as_str();
        if self.query.is_empty() {
            path.to_owned()
        } else {
            format!("{path}?{}", self.query)
        }
    }

    /// The page's origin, which was found on the list; empty for a program.
    pub fn origin(&self) -> &str {
        let origin = self.headers.get(ORIGIN);
        origin.and_then(|origin| origin.to_str().ok()).unwrap_or("")
    }

    /// The operations that this path has, by whatever method.
    pub fn there<A>(&self, operations: &'static [Operation<A>]) -> Vec<There<A>> {
        let there = |operation: &'static Operation<A>| {
            let value = operation.matches(self.path.as_str())?;
            Some((operation, value.to_owned()))
        };
        operations.iter().filter_map(there).collect()
    }

    /// Of these the one with this method.
    pub fn known<'a, A>(&self, there: &'a [There<A>]) -> Option<&'a There<A>> {
        there
            .iter()
            .find(|(operation, _)| operation.method == self.method)
    }
}

/// Every request under `/v1`, and its body as it comes in.
pub fn under_v1() -> impl Filter<
    Extract = (
        Asked,
        impl Stream<Item = Result<impl Buf, warp::Error>> + Send + 'static,
    ),
    Error = Rejection,
> + Clone
+ Send
+ Sync
+ 'static {
    let query = warp::query::raw().or(warp::any().map(String::new)).unify();
    warp::path("v1")
        .and(warp::method())
        .and(warp::path::full())
        .and(query)
        .and(warp::header::headers_cloned())
        .and(warp::ext::get::<Peer>())
        .map(|method, path, query, headers, peer| Asked {
            method,
            path,
            query,
            headers,
            peer,
        })
        .and(warp::body::stream())
}

/// The answer to a method that a path does not have, or to any where there is no such path.
pub fn nothing_done<A>(method: &Method, there: &[There<A>]) -> Response {
    if there.is_empty() {
        return Refusal::new(Word::NotFound, "path: there is nothing here").response();
    }
    let methods: Vec<&str> = there
        .iter()
        .map(|(operation, _)| operation.method.as_str())
        .chain(["OPTIONS"])
        .collect();
    let methods = methods.join(", ");
    if method == Method::OPTIONS {
        return cors::options(&methods);
    }
    let refusal = Refusal::new(
        Word::MethodNotAllowed,
        format!("method: must be one of {methods}"),
    );
    Refusal {
        allow: Some(methods),
        ..refusal
    }
    .response()
}

/// Reads a body, as long as the operation takes one. What is too long is read to its end, up to what the server lets
/// through, because who is cut off while sending does not hear why.
///
/// # Errors
/// There is one too many, or it is too long, or no JSON.
pub async fn read<A: Sync, B: Buf>(
    operation: &Operation<A>,
    headers: &HeaderMap,
    body: impl Stream<Item = Result<B, warp::Error>> + Send,
) -> Result<Vec<u8>, Refusal> {
    let most = operation.body.map_or(0, |body| body.most);
    let mut bytes = Vec::new();
    let mut length = 0;
    let mut body = std::pin::pin!(body);
    while let Some(part) = body.next().await {
        let Ok(mut part) = part else {
            if length > most {
                break;
            }
            return Err(Refusal::new(Word::BadMessage, "body: did not arrive whole"));
        };
        length += part.remaining();
        while length <= most && part.has_remaining() {
            let chunk = part.chunk();
            bytes.extend_from_slice(chunk);
            let taken = chunk.len();
            part.advance(taken);
        }
    }
    match operation.body {
        None if length > 0 => Err(Refusal::new(Word::BadMessage, "body: this takes none")),
        Some(_) if length > most => Err(Refusal::new(
            Word::TooLarge,
            format!("body: must be at most {most} bytes long"),
        )),
        Some(_) if !is_json(headers) => Err(Refusal::new(
            Word::NotJson,
            "Content-Type: must be application/json",
        )),
        _ => Ok(bytes),
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let (Some(first), None) = (types.next(), types.next()) else {
        return false;
    };
    let first = first.to_str().unwrap_or_default();
    let essence = first.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case(reply::JSON)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_json_is_json() {
        let is = |values: &[&'static str]| {
            let headers = values
                .iter()
                .map(|value| (CONTENT_TYPE, hyper::header::HeaderValue::from_static(value)));
            let mut map = HeaderMap::new();
            headers.for_each(|(name, value)| {
                map.append(name, value);
            });
            is_json(&map)
        };
        assert!(is(&["application/json"]) && is(&["Application/JSON; charset=utf-8"]));
        for bad in [
            "text/plain",
            "application/jsonp",
            "application/json-patch",
            "",
        ] {
            assert!(!is(&[bad]), "{bad}");
        }
        assert!(!is(&[]) && !is(&["application/json", "application/json"]));
    }
}
