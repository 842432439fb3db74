//! The accept loop: how many connections and from where, TLS, how long a request may take to arrive and how long it
//! may be, HTTP/1.1 only, and the headers that every answer has.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http_body_util::Limited;
use hyper::body::{Body, Incoming};
use hyper::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, REFERRER_POLICY,
    STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request};
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tokio_util::task::TaskTracker;
use tower_service::Service;
use warp::filters::BoxedFilter;
use warp::reply::Response;

use crate::address::{Census, Counted, Network, Proxies};
use crate::ending::Ending;
use crate::metrics::{Limit, Metrics};
use crate::rest::refusal::{Refusal, Word};
use crate::tls::Tls;

/// What the kernel keeps for a client that does not read; left alone it grows to megabytes.
const SEND_BUFFER: u32 = 32 * 1024;

/// Connections the kernel holds until they are accepted.
const BACKLOG: u32 = 1024;

/// The longest request head.
const MAX_HEAD: usize = 16 * 1024;

/// The longest request body: a thousand visits are shorter.
pub const MAX_BODY: usize = 512 * 1024;

/// How long a connection may last unless it becomes a WebSocket: who asks and never reads the answer leaves too.
const LIFETIME: Duration = Duration::from_secs(60);

/// How long the kernel keeps trying to get bytes to a client whose network is gone.
const UNACKNOWLEDGED: Duration = Duration::from_secs(30);

/// How long to wait when the process cannot accept, which is nearly always for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What every answer tells a browser, unless the route says it better: show nothing but what is here, guess nothing,
/// keep nothing, tell nobody.
const HEADERS: [(HeaderName, HeaderValue); 6] = [
    (
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"),
    ),
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    ),
];

/// A year of TLS only.
const HSTS: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// Who is at the other end of a request's connection, and the places it takes; a request extension. Whoever takes the
/// connection over by an upgrade keeps this as long as it lasts.
#[derive(Clone)]
pub struct Peer {
    /// Where the client is, behind a trusted proxy too.
    pub network: Network,
    /// Whether a proxy speaks for it, so that its connections were not counted when they came.
    proxied: bool,
    place: Arc<Place>,
}

/// The places a connection takes; they are free again when this is dropped.
struct Place {
    _total: OwnedSemaphorePermit,
    _network: Option<Counted>,
    unopened: Mutex<Option<Unopened>>,
}

/// A place among the connections without a session.
struct Unopened {
    _permit: OwnedSemaphorePermit,
    metrics: Arc<Metrics>,
}

impl Drop for Unopened {
    fn drop(&mut self) {
        self.metrics.unopened.dec();
    }
}

impl Peer {
    /// The connection has a session now, so it no longer counts among those without.
    pub fn settle(&self) {
        // Nothing that panics runs under the lock.
        let mut unopened = self
            .place
            .unopened
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        unopened.take();
    }

    /// Counts the connections that came through a proxy; `Err` if their network has its most. Keep what it gives.
    ///
    /// # Errors
    /// The network has its most.
    pub fn enter(&self, census: &Census) -> Result<Option<Counted>, TooMany> {
        if !self.proxied {
            return Ok(None); // counted when it was accepted
        }
        census.enter(self.network).map(Some).ok_or(TooMany)
    }
}

/// A network has as many connections as it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooMany;

/// What a listener asks of its clients.
#[derive(Clone)]
pub struct Limits {
    /// The most connections at once.
    pub connections: usize,
    /// Of these, the most without a session, where sessions matter.
    pub unopened: Option<usize>,
    /// The connections of each network, where these are limited.
    pub census: Option<Census>,
    /// The proxies that speak for others.
    pub proxies: Arc<Proxies>,
    /// How long a request's head may take, from the first byte or, on a kept connection, from the last answer.
    pub head: Duration,
    /// How long a TLS handshake may take.
    pub handshake: Duration,
}

/// Opens a listener.
///
/// # Errors
/// The system's.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()
    } else {
        TcpSocket::new_v6()
    }?;
    socket.set_reuseaddr(true)?;
    socket.set_send_buffer_size(SEND_BUFFER)?; // inherited by what is accepted
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// A listener and what it serves.
pub struct Server {
    /// Where clients arrive.
    pub listener: TcpListener,
    /// What they can ask for.
    pub routes: BoxedFilter<(Response,)>,
    /// What is asked of them.
    pub limits: Limits,
    /// With which certificate, if any.
    pub tls: Option<Tls>,
    /// The signal to end.
    pub ending: Arc<Ending>,
    /// Where connections run.
    pub tasks: TaskTracker,
    /// Numbers.
    pub metrics: Arc<Metrics>,
}

impl Server {
    /// Accepts connections until the end begins.
    pub async fn run(self) {
        let server = Arc::new(self);
        let total = Arc::new(Semaphore::new(server.limits.connections));
        let unopened = server.limits.unopened.map(Semaphore::new).map(Arc::new);
        loop {
            let accepted = tokio::select! {
                accepted = server.listener.accept() => accepted,
                _ = server.ending.wait() => return,
            };
            let (stream, address) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(kind = ?error.kind(), "cannot accept a connection");
                    sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            match server.place(&total, unopened.as_ref(), address) {
                Ok(peer) => {
                    let serve = Arc::clone(&server).serve(stream, peer, address);
                    server.tasks.spawn(serve);
                }
                // Closed at once: an answer could only be read by waiting for the request, and who waits holds a place.
                Err(limit) => server.metrics.limit(limit),
            }
        }
    }

    /// Places for a connection, or the limit that leaves it none.
    fn place(
        &self,
        total: &Arc<Semaphore>,
        unopened: Option<&Arc<Semaphore>>,
        address: SocketAddr,
    ) -> Result<Peer, Limit> {
        let proxied = self.limits.proxies.trust(address.ip());
        let network = Network::of(address.ip());
        let counted = match &self.limits.census {
            Some(census) if !proxied => Some(census.enter(network).ok_or(Limit::Network)?),
            _ => None,
        };
        let permit = |places: &Arc<Semaphore>, limit| {
            Arc::clone(places).try_acquire_owned().map_err(|_| limit)
        };
        let total = permit(total, Limit::Connections)?;
        let unopened = match unopened {
            Some(places) => {
                let permit = permit(places, Limit::Unopened)?;
                self.metrics.unopened.inc();
                Some(Unopened {
                    _permit: permit,
                    metrics: Arc::clone(&self.metrics),
                })
            }
            None => None,
        };
        Ok(Peer {
            network,
            proxied,
            place: Arc::new(Place {
                _total: total,
                _network: counted,
                unopened: Mutex::new(unopened),
            }),
        })
    }

    async fn serve(self: Arc<Self>, stream: TcpStream, peer: Peer, address: SocketAddr) {
        // Without these a connection is slower, or held longer, but still one.
        let _ = stream.set_nodelay(true);
        let _ = SockRef::from(&stream).set_tcp_user_timeout(Some(UNACKNOWLEDGED));
        let Some(tls) = &self.tls else {
            return self.http(stream, peer, address).await;
        };
        match timeout(self.limits.handshake, tls.accept(stream)).await {
            // Boxed, so that connections without TLS do not carry the room for it.
            Ok(Ok(stream)) => Box::pin(self.http(stream, peer, address)).await,
            Ok(Err(_)) | Err(_) => {
                self.metrics.tls_failed.inc();
            }
        }
    }

    /// Serves the requests of one connection.
    async fn http<S>(&self, stream: S, peer: Peer, address: SocketAddr)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let service = service_fn(|request| {
            let peer = Peer {
                network: Network::of(self.limits.proxies.client(address.ip(), request.headers())),
                ..peer.clone()
            };
            self.answer(request, peer)
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.head)
            .max_buf_size(MAX_HEAD)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        let mut connection = std::pin::pin!(connection);
        // How a connection breaks is its client's affair.
        tokio::select! {
            _ = connection.as_mut() => return,
            _ = self.ending.wait() => {}
            () = sleep(LIFETIME) => {}
        }
        connection.as_mut().graceful_shutdown();
        let _ = timeout(self.limits.head, connection).await;
    }

    /// Answers one request.
    async fn answer(&self, request: Request<Incoming>, peer: Peer) -> Result<Response, Infallible> {
        let mut response = match refuse_body(&request) {
            Some(refusal) => {
                self.metrics.limit(Limit::Body);
                refusal
            }
            None => {
                let mut request = request.map(|body| Limited::new(body, MAX_BODY));
                request.extensions_mut().insert(peer);
                warp::service(self.routes.clone()).call(request).await?
            }
        };
        let headers = response.headers_mut();
        for (name, value) in HEADERS {
            headers.entry(name).or_insert(value);
        }
        if self.tls.is_some() {
            headers.insert(STRICT_TRANSPORT_SECURITY, HSTS);
        }
        Ok(response)
    }
}

/// Refuses a body that is too long, or that has no business there: between two servers that disagree about where a
/// request ends, a second one can be smuggled in.
fn refuse_body(request: &Request<Incoming>) -> Option<Response> {
    let length = request.body().size_hint();
    if length.lower() > MAX_BODY as u64 {
        let line = "body: must be at most 524288 bytes long";
        Some(Refusal::new(Word::TooLarge, line).response())
    } else if matches!(*request.method(), Method::GET | Method::HEAD)
        && !request.body().is_end_stream()
    {
        Some(Refusal::new(Word::BadMessage, "body: a GET has none").response())
    } else {
        None
    }
}
