//! The accept loop: how many connections, how long a request may take to arrive, and HTTP/1.1 only.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::task::TaskTracker;
use tower_service::Service;
use warp::filters::BoxedFilter;
use warp::reply::Response;

use crate::ending::Ending;
use crate::metrics::Metrics;

/// What the kernel keeps for a client that does not read; left alone it grows to megabytes.
const SEND_BUFFER: u32 = 32 * 1024;

/// Connections the kernel holds until they are accepted.
const BACKLOG: u32 = 1024;

/// The longest request head.
const MAX_HEAD: usize = 16 * 1024;

/// How long a connection may last unless it becomes a WebSocket: who asks and never reads the answer leaves too.
const LIFETIME: Duration = Duration::from_secs(60);

/// How long to wait when the process cannot accept, which is nearly always for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Who is at the other end of a request's connection, and its place among the connections; a request extension.
/// Whoever takes the connection over by an upgrade keeps this as long as it lasts.
#[derive(Clone)]
pub struct Peer {
    /// The address, never to be logged.
    pub address: SocketAddr,
    _place: Arc<OwnedSemaphorePermit>,
}

/// What a listener asks of its clients.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The most connections at once.
    pub connections: usize,
    /// How long a request's head may take, from the first byte or, on a kept connection, from the last answer.
    pub head: Duration,
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
        let places = Arc::new(Semaphore::new(self.limits.connections));
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                _ = self.ending.wait() => return,
            };
            let (stream, address) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(kind = ?error.kind(), "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            match Arc::clone(&places).try_acquire_owned() {
                Ok(place) => {
                    let peer = Peer {
                        address,
                        _place: Arc::new(place),
                    };
                    self.tasks.spawn(self.serve(stream, peer));
                }
                // Closed at once: an answer could only be read by waiting for the request, and who waits holds a place.
                Err(_) => {
                    self.metrics.over_capacity.inc();
                }
            }
        }
    }

    /// Serves the requests of one connection.
    fn serve(&self, stream: TcpStream, peer: Peer) -> impl Future<Output = ()> + Send + use<> {
        let routes = warp::service(self.routes.clone());
        let ending = Arc::clone(&self.ending);
        let limits = self.limits;
        async move {
            let _ = stream.set_nodelay(true); // a slower connection is still one
            let service = service_fn(move |mut request| {
                request.extensions_mut().insert(peer.clone());
                routes.clone().call(request)
            });
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(limits.head)
                .max_buf_size(MAX_HEAD)
                .serve_connection(TokioIo::new(stream), service)
                .with_upgrades();
            let mut connection = std::pin::pin!(connection);
            // How a connection breaks is its client's affair.
            tokio::select! {
                _ = connection.as_mut() => return,
                _ = ending.wait() => {}
                () = tokio::time::sleep(LIFETIME) => {}
            }
            connection.as_mut().graceful_shutdown();
            let _ = tokio::time::timeout(limits.head, connection).await;
        }
    }
}
