//! What operators can ask for by HTTP: `/healthz` (the process runs), `/readyz` (it can serve), `/metrics`.
//!
//! None of these names a person or a place, and none needs a token. They have a listener of their own, so that they
//! are not on the open internet by accident.

use std::sync::Arc;

use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::reply::Response;

use crate::connection::Context;
use crate::module::ModuleError;
use crate::routes::refuse;

const METRICS_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The routes of the operators' listener.
pub fn routes(context: Arc<Context>) -> BoxedFilter<(Response,)> {
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
    warp::get()
        .and(health.or(metrics).unify().or(ready).unify())
        .recover(refuse)
        .unify()
        .boxed()
}

/// What keeps the gateway from serving, if anything.
async fn obstacle(context: &Context) -> Option<&'static str> {
    if context.ending.begun() {
        return Some("the gateway is ending");
    }
    match context.module.check().await {
        Ok(()) if context.metrics.doorbell_heard.get() == 1 => None,
        Ok(()) => Some("the doorbell is not heard yet"),
        Err(ModuleError::Unavailable) => Some("Redis does not answer"),
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
