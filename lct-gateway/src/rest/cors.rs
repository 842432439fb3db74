//! Web pages of other origins: those on the list may ask and read the answer, others are refused before anything
//! happens. Nothing is ever sent along by a browser by itself, so there are no credentials to allow.

use hyper::StatusCode;
use hyper::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ALLOW, HeaderMap, HeaderValue, ORIGIN,
    VARY,
};
use warp::reply::Response;

/// What a page may send along.
const SENT: HeaderValue = HeaderValue::from_static("authorization, content-type");

/// What it may read of the answer beside the body.
const READ: HeaderValue = HeaderValue::from_static("date, retry-after, www-authenticate");

/// How long a browser may remember, in seconds.
const REMEMBERED: HeaderValue = HeaderValue::from_static("600");

/// Lets the page that asks read the answer. Its origin has been found on the list.
pub fn let_read(asked: &HeaderMap, response: &mut Response) {
    let headers = response.headers_mut();
    headers.insert(VARY, HeaderValue::from_static("origin"));
    if let Some(origin) = asked.get(ORIGIN) {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, READ);
    }
}

/// The answer to OPTIONS, which browsers ask first: the methods of a path.
pub fn options(methods: &str) -> Response {
    let mut response = Response::default();
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    if let Ok(methods) = HeaderValue::from_str(methods) {
        headers.insert(ALLOW, methods.clone());
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, methods);
    }
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, SENT);
    headers.insert(ACCESS_CONTROL_MAX_AGE, REMEMBERED);
    response
}
