//! What operators can ask for by HTTP: `/healthz` (the process runs), `/readyz` (it can serve), `/metrics`, the operators'
//! page, and under `/v1` the API by which it works. On a listener of their own, so that none of it is on the open internet
//! by accident.
//!
//! The first four need no token: the numbers name neither person nor place, and the page's files are public. Everything under
//! `/v1` needs one.
//!
//! | file | responsibility |
//! |---|---|
//! | [`token`] | who asks: names, proved by secrets |
//! | [`api`], [`operations`] | what can be asked for, and the doing |
//! | [`query`], [`bodies`] | what is read and said |
//! | [`audit`] | who did what |
//! | [`desk`] | the module and the books, as operators may use them |
//! | [`watch`], [`server_info`] | how things are, and were |

pub mod api;
pub mod audit;
pub mod bodies;
pub mod desk;
pub mod operations;
pub mod query;
pub mod server_info;
pub mod token;
pub mod watch;

use std::sync::Arc;

use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::reply::Response;

use crate::connection::Context;
use crate::module::ModuleError;
use crate::ops::api::Api;
use crate::pages;
use crate::routes::refuse;

const METRICS_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The routes of the operators' listener.
pub fn routes(context: Arc<Context>, api: Arc<Api>) -> BoxedFilter<(Response,)> {
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
    open.or(api::routes(api))
        .unify()
        .or(pages::routes(&pages::OPERATORS))
        .unify()
        .recover(refuse)
        .unify()
        .boxed()
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
