//! The gateway's accept loop, upgrade and socket with an echo behind them: what scripts/autobahn tests. The gateway
//! itself holds no echo.
//!
//! Prints the address it listens on and serves until it is killed. Messages may be 16 MiB long here, the longest of the
//! test suite, and binary.

use std::sync::Arc;
use std::time::Duration;

use hyper::header::HeaderMap;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use lct_gateway::ending::Ending;
use lct_gateway::handshake::{self, Refusal};
use lct_gateway::metrics::Metrics;
use lct_gateway::origin::Origins;
use lct_gateway::server::{self, Limits, Peer, Server};
use lct_gateway::socket::{End, Received, Socket};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::task::TaskTracker;
use warp::Filter;
use warp::reply::Response;

const MAX_MESSAGE: usize = 16 * 1024 * 1024;
/// Long, because so are the messages.
const WRITE_TIMEOUT: Duration = Duration::from_secs(60);

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let listener = server::bind(([127, 0, 0, 1], 0).into())?;
    let address = listener.local_addr()?;
    println!("{address}");
    let origins = Arc::new(Origins::new(&[], address, false));
    let routes = warp::path!("ws")
        .and(warp::header::headers_cloned())
        .and(warp::ext::optional())
        .and(warp::ext::get())
        .map(move |headers, on_upgrade, peer| {
            upgrade(&headers, on_upgrade, peer, &origins).unwrap_or_else(Refusal::response)
        })
        .boxed();
    let server = Server {
        listener,
        routes,
        limits: Limits {
            connections: 64,
            unopened: None,
            census: None,
            proxies: Arc::default(),
            head: Duration::from_secs(5),
            handshake: Duration::from_secs(5),
        },
        tls: None,
        ending: Arc::new(Ending::default()),
        tasks: TaskTracker::new(),
        metrics: Arc::new(Metrics::default()),
    };
    server.run().await;
    Ok(())
}

fn upgrade(
    headers: &HeaderMap,
    on_upgrade: Option<OnUpgrade>,
    peer: Peer,
    origins: &Origins,
) -> Result<Response, Refusal> {
    let key = handshake::check(headers, origins)?;
    let on_upgrade = on_upgrade.ok_or(Refusal::NoUpgrade)?;
    tokio::spawn(async move {
        if let Ok(upgraded) = on_upgrade.await {
            let stream = TokioIo::new(upgraded);
            let mut socket = Socket::with_max_message(stream, WRITE_TIMEOUT, MAX_MESSAGE).await;
            let end = echo(&mut socket).await;
            socket.close(end).await;
        }
        drop(peer);
    });
    Ok(handshake::accept(key))
}

/// Sends back what comes until the connection ends, and tells why it did.
async fn echo<S: AsyncRead + AsyncWrite + Unpin>(socket: &mut Socket<S>) -> End {
    loop {
        let sent = match socket.receive().await {
            Ok(Received::Text(text)) => socket.feed(text.as_str()).await,
            Ok(Received::Binary(bytes)) => socket.feed(bytes).await,
            Ok(Received::Ping | Received::Pong) => Ok(()),
            Err(end) => return end,
        };
        // Pongs are flushed here as well.
        let sent = match sent {
            Ok(()) => socket.flush().await,
            error => error,
        };
        if let Err(end) = sent {
            return end;
        }
    }
}
