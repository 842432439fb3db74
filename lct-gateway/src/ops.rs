//! What operators can ask for by HTTP: `/healthz` (the process runs), `/readyz` (it can serve), `/metrics`.
//!
//! None of these names a person or a place, and none needs a token; whatever else there is needs `--ops-token`. They
//! have a listener of their own, so that they are not on the open internet by accident.

use std::sync::Arc;

use hyper::StatusCode;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use warp::filters::BoxedFilter;
use warp::reply::Response;
use warp::{Filter, Rejection};

use crate::connection::Context;
use crate::module::ModuleError;
use crate::routes::refuse;

const METRICS_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The token of `--ops-token`: its hash, so that comparing takes the same time whatever is guessed.
#[derive(Clone)]
pub struct Token([u8; 32]);

impl Token {
    /// A token of at least 16 bytes.
    ///
    /// # Errors
    /// It is shorter.
    pub fn new(text: &str) -> Result<Self, &'static str> {
        if text.len() < 16 {
            return Err("must be at least 16 bytes long, and random");
        }
        Ok(Self(Sha256::digest(text).into()))
    }

    /// Whether a request carries it, as `Authorization: Bearer …`.
    fn is_in(&self, headers: &HeaderMap) -> bool {
        let given = headers
            .get(AUTHORIZATION)
            .and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
        given.is_some_and(|given| {
            let given: [u8; 32] = Sha256::digest(given).into();
            self.0.ct_eq(&given).into()
        })
    }
}

/// The routes of the operators' listener.
pub fn routes(context: Arc<Context>, token: Option<Token>) -> BoxedFilter<(Response,)> {
    let health = warp::path!("healthz").map(|| answer(StatusCode::OK, "ok\n".into()));
    let metrics = {
        let context = Arc::clone(&context);
        warp::path!("metrics").map(move || {
            let mut response = answer(StatusCode::OK, context.metrics.text());
            response
                .headers_mut()
                .insert(CONTENT_TYPE, HeaderValue::from_static(METRICS_TYPE));
            response
        })
    };
    let ready = warp::path!("readyz").then(move || {
        let context = Arc::clone(&context);
        async move {
            match obstacle(&context).await {
                None => answer(StatusCode::OK, "ready\n".into()),
                Some(line) => answer(StatusCode::SERVICE_UNAVAILABLE, format!("{line}\n")),
            }
        }
    });
    let open = warp::get().and(health.or(metrics).unify().or(ready).unify());
    open.or(guarded(token))
        .unify()
        .recover(refuse)
        .unify()
        .boxed()
}

/// Everything but the open routes: nothing is there, and with `--ops-token` only who has the token learns that.
fn guarded(token: Option<Token>) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone {
    warp::header::headers_cloned().and_then(move |headers: HeaderMap| {
        let denied = token.as_ref().is_some_and(|token| !token.is_in(&headers));
        std::future::ready(if denied {
            let mut response = answer(
                StatusCode::UNAUTHORIZED,
                "Authorization: must be Bearer and the token of --ops-token\n".into(),
            );
            response
                .headers_mut()
                .insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            Ok(response)
        } else {
            Err(warp::reject::not_found())
        })
    })
}

/// What keeps the gateway from serving, if anything.
async fn obstacle(context: &Context) -> Option<&'static str> {
    if context.ending.announced() {
        return Some("the gateway is ending");
    }
    match context.services.module.check().await {
        Ok(()) if context.metrics.doorbell_heard.get() == 1 => None,
        Ok(()) => Some("the doorbell is not heard yet"),
        Err(ModuleError::Unavailable) => Some("Redis does not answer, or is a replica"),
        Err(_) => {
            Some("Redis answers, but not as one with the LCT module that this gateway may use")
        }
    }
}

fn answer(status: StatusCode, text: String) -> Response {
    let mut response = Response::new(text.into());
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_very_token_is_taken() {
        assert!(Token::new("short").is_err());
        let token = Token::new("0123456789abcdef").unwrap();
        for (value, good) in [
            ("Bearer 0123456789abcdef", true),
            ("Bearer 0123456789abcdeF", false),
            ("Bearer 0123456789abcde", false),
            ("Bearer ", false),
            ("bearer0123456789abcdef", false),
            ("Basic 0123456789abcdef", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, HeaderValue::from_static(value));
            assert_eq!(token.is_in(&headers), good, "{value}");
        }
        assert!(!token.is_in(&HeaderMap::new()));
    }
}
