//! What clients can ask for by HTTP: the WebSocket at `/ws`, its REST twins under `/v1`, and the visitors' page.

use std::convert::Infallible;
use std::sync::Arc;

use hyper::StatusCode;
use hyper::header::{HeaderMap, ORIGIN};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio_util::task::TaskTracker;
use warp::filters::BoxedFilter;
use warp::reply::Response;
use warp::{Filter, Rejection};

use crate::address::Census;
use crate::connection::{self, Context};
use crate::handshake::{self, Refusal};
use crate::metrics::Limit;
use crate::origin::Origins;
use crate::pages;
use crate::rest::{self, Api};
use crate::server::{Peer, TooMany};

/// The routes of the client listener. WebSockets run as `tasks` of their own.
pub fn clients(
    context: Arc<Context>,
    api: Arc<Api>,
    origins: Arc<Origins>,
    census: Census,
    tasks: TaskTracker,
) -> BoxedFilter<(Response,)> {
    warp::path!("ws")
        .and(warp::get())
        .and(warp::header::headers_cloned())
        .and(warp::ext::optional::<OnUpgrade>())
        .and(warp::ext::get::<Peer>())
        .map(move |headers: HeaderMap, on_upgrade, peer| {
            match upgrade(
                &headers, on_upgrade, peer, &context, &origins, &census, &tasks,
            ) {
                Ok(response) => response,
                Err(refusal) => {
                    if refusal == Refusal::Busy {
                        context.metrics.limit(Limit::Network);
                    }
                    context.metrics.upgrades_refused.inc();
                    refusal.response()
                }
            }
        })
        .or(rest::routes(api))
        .unify()
        .or(pages::routes(&pages::VISITORS))
        .unify()
        .recover(refuse)
        .unify()
        .boxed()
}

/// Answers an upgrade request, and serves the client once the answer has been sent.
fn upgrade(
    headers: &HeaderMap,
    on_upgrade: Option<OnUpgrade>,
    peer: Peer,
    context: &Arc<Context>,
    origins: &Origins,
    census: &Census,
    tasks: &TaskTracker,
) -> Result<Response, Refusal> {
    let key = handshake::check(headers, origins)?;
    let on_upgrade = on_upgrade.ok_or(Refusal::NoUpgrade)?;
    // The only one, and allowed: the check has seen to that.
    let origin = headers.get(ORIGIN).and_then(|origin| origin.to_str().ok());
    let origin = origin.unwrap_or_default().to_owned();
    let counted = peer.enter(census).map_err(|TooMany| Refusal::Busy)?;
    let context = Arc::clone(context);
    tasks.spawn(async move {
        // An error here is a client that left before it read the answer.
        if let Ok(upgraded) = on_upgrade.await {
            connection::serve(TokioIo::new(upgraded), peer, origin, context).await;
        }
        drop(counted);
    });
    Ok(handshake::accept(key))
}

/// Answers what no route took.
pub async fn refuse(rejection: Rejection) -> Result<Response, Infallible> {
    let (status, line) = if rejection.is_not_found() {
        (StatusCode::NOT_FOUND, "there is nothing here\n")
    } else if rejection.find::<warp::reject::MethodNotAllowed>().is_some() {
        (StatusCode::METHOD_NOT_ALLOWED, "method: must be GET\n")
    } else {
        (StatusCode::BAD_REQUEST, "the request was not understood\n")
    };
    let mut response = Response::new(line.into());
    *response.status_mut() = status;
    Ok(response)
}
