//! Answers as HTTP carries them: JSON, filled up so that its length tells an onlooker nothing.

use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use serde::Serialize;
use warp::reply::Response;

use crate::protocol::padded;

/// The type of everything said and read here.
pub const JSON: &str = "application/json";

/// An answer with this body, filled up as frames are.
pub fn json(status: StatusCode, body: &impl Serialize) -> Response {
    let text = serde_json::to_string(body).expect("replies hold nothing that JSON cannot write");
    text_of(status, padded(text))
}

/// A document, which is the same for everyone.
pub fn document(text: &str) -> Response {
    text_of(StatusCode::OK, text.to_owned())
}

fn text_of(status: StatusCode, text: String) -> Response {
    let mut response = Response::new(text.into());
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(JSON));
    response
}
