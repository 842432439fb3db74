//! The WebSocket upgrade: every header is checked before the protocol changes.

use base64::{Engine, engine::general_purpose::STANDARD};
use hyper::StatusCode;
use hyper::header::{
    CONNECTION, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER, SEC_WEBSOCKET_ACCEPT,
    SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use warp::reply::Response;

use crate::origin::Origins;

/// Checks an upgrade request and gives the answer to its key.
///
/// # Errors
/// Which rule was broken.
pub fn check(headers: &HeaderMap, origins: &Origins) -> Result<HeaderValue, Refusal> {
    if !origins.allow(headers) {
        return Err(Refusal::Origin);
    }
    if !has_token(headers, CONNECTION, "upgrade") || !has_token(headers, UPGRADE, "websocket") {
        return Err(Refusal::NoUpgrade);
    }
    if only(headers, SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
        return Err(Refusal::Version);
    }
    let key = only(headers, SEC_WEBSOCKET_KEY).ok_or(Refusal::Key)?;
    match STANDARD.decode(key.as_bytes()) {
        Ok(nonce) if nonce.len() == 16 => {}
        _ => return Err(Refusal::Key),
    }
    HeaderValue::from_str(&derive_accept_key(key.as_bytes())).map_err(|_| Refusal::Key)
}

/// The answer that changes the protocol.
pub fn accept(key: HeaderValue) -> Response {
    let mut response = Response::default();
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_ACCEPT, key);
    response
}

/// Why a request is not upgraded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The page's origin is not allowed.
    Origin,
    /// It does not ask for a WebSocket.
    NoUpgrade,
    /// It asks for another version of the protocol.
    Version,
    /// Its key is not 16 bytes in base64.
    Key,
    /// Its network has as many connections as it may.
    Busy,
}

impl Refusal {
    /// The answer that refuses.
    pub fn response(self) -> Response {
        let (status, line) = match self {
            Self::Origin => (
                StatusCode::FORBIDDEN,
                "Origin: this page may not connect; the operator lists those that may with --allow-origin\n",
            ),
            Self::NoUpgrade => (
                StatusCode::UPGRADE_REQUIRED,
                "Upgrade: must be websocket, with Connection: Upgrade\n",
            ),
            Self::Version => (
                StatusCode::UPGRADE_REQUIRED,
                "Sec-WebSocket-Version: must be 13\n",
            ),
            Self::Key => (
                StatusCode::BAD_REQUEST,
                "Sec-WebSocket-Key: must be 16 bytes in base64, given once\n",
            ),
            Self::Busy => (
                StatusCode::TOO_MANY_REQUESTS,
                "too many connections from this address; come back later\n",
            ),
        };
        let mut response = Response::new(line.into());
        *response.status_mut() = status;
        if status == StatusCode::TOO_MANY_REQUESTS {
            let headers = response.headers_mut();
            headers.insert(RETRY_AFTER, HeaderValue::from_static("30"));
        }
        if status == StatusCode::UPGRADE_REQUIRED {
            let headers = response.headers_mut();
            headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
            headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
            headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        }
        response
    }
}

/// The header's value if it is there exactly once.
fn only(headers: &HeaderMap, name: HeaderName) -> Option<&HeaderValue> {
    let mut values = headers.get_all(name).iter();
    values.next().filter(|_| values.next().is_none())
}

/// Whether a comma-separated header holds this word, in any case.
fn has_token(headers: &HeaderMap, name: HeaderName, token: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|word| word.trim().eq_ignore_ascii_case(token))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(change: impl FnOnce(&mut HeaderMap)) -> Result<HeaderValue, Refusal> {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            (CONNECTION, "keep-alive, Upgrade"),
            (UPGRADE, "websocket"),
            (SEC_WEBSOCKET_VERSION, "13"),
            (SEC_WEBSOCKET_KEY, "dGhlIHNhbXBsZSBub25jZQ=="),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        change(&mut headers);
        let origins = Origins::new(&[], "127.0.0.1:8787".parse().unwrap(), false);
        check(&headers, &origins)
    }

    fn set(name: HeaderName, value: &'static str) -> impl FnOnce(&mut HeaderMap) {
        move |headers| {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }

    #[test]
    fn the_key_of_the_rfc_gets_the_answer_of_the_rfc() {
        assert_eq!(with(|_| {}).unwrap(), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn every_rule_is_checked() {
        use hyper::header::ORIGIN;
        assert_eq!(with(set(ORIGIN, "https://evil.test")), Err(Refusal::Origin));
        assert!(with(set(ORIGIN, "http://127.0.0.1:8787")).is_ok());
        assert_eq!(with(set(CONNECTION, "close")), Err(Refusal::NoUpgrade));
        assert_eq!(with(set(UPGRADE, "h2c")), Err(Refusal::NoUpgrade));
        assert_eq!(with(set(SEC_WEBSOCKET_VERSION, "8")), Err(Refusal::Version));
        assert_eq!(
            with(|headers| {
                headers.remove(SEC_WEBSOCKET_VERSION);
            }),
            Err(Refusal::Version)
        );
        for key in ["", "x", "dGhlIHNhbXBsZQ==", "dGhlIHNhbXBsZSBub25jZQ"] {
            assert_eq!(with(set(SEC_WEBSOCKET_KEY, key)), Err(Refusal::Key));
        }
        assert_eq!(
            with(|headers| {
                headers.append(
                    SEC_WEBSOCKET_KEY,
                    HeaderValue::from_static("dGhlIHNhbXBsZSBub25jZQ=="),
                );
            }),
            Err(Refusal::Key)
        );
    }
}
