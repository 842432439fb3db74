//! Puts the parts together: listeners, routes, module, doorbell; starts them and ends them.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;

use crate::config::Config;
use crate::connection::Context;
use crate::doorbell::Doorbell;
use crate::ending::Ending;
use crate::metrics::Metrics;
use crate::module::Module;
use crate::origin::Origins;
use crate::registry::Registry;
use crate::server::{self, Limits, Server};
use crate::{ops, routes};

/// The most connections to the operators' listener.
const OPS_CONNECTIONS: usize = 64;

/// Why the gateway could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A listener could not be opened.
    #[error("{flag} {address}: cannot listen there: {source}")]
    Listen {
        /// The flag with the address.
        flag: &'static str,
        /// The address.
        address: SocketAddr,
        /// The system's reason.
        source: io::Error,
    },
    /// The Redis library refused its settings.
    #[error("--redis: {0}")]
    Redis(#[from] redis::RedisError),
}

/// A running gateway.
pub struct Gateway {
    client_address: SocketAddr,
    ops_address: SocketAddr,
    context: Arc<Context>,
    tasks: TaskTracker,
    doorbell: JoinHandle<()>,
    drain: Duration,
}

impl Gateway {
    /// Opens the listeners and serves. Redis may come up later; `/readyz` says when all is well.
    ///
    /// # Errors
    /// A listener could not be opened.
    pub fn start(config: Config) -> Result<Self, StartError> {
        let (clients, client_address) = listen("--listen", config.listen)?;
        let (operators, ops_address) = listen("--ops-listen", config.ops_listen)?;
        let graphs = Arc::new(config.graphs);
        let metrics = Arc::new(Metrics::default());
        let registry = Registry::default();
        let doorbell = Doorbell::new(
            &config.redis,
            Arc::clone(&graphs),
            registry.clone(),
            Arc::clone(&metrics),
        )?;
        let context = Arc::new(Context {
            module: Module::new(&config.redis, Arc::clone(&graphs), Arc::clone(&metrics))?,
            graphs,
            registry,
            metrics,
            deadlines: config.deadlines,
            ending: Arc::new(Ending::default()),
        });
        let tasks = TaskTracker::new();
        let origins = Arc::new(Origins::new(&config.allow_origin, client_address));
        let server = |listener, routes, connections| Server {
            listener,
            routes,
            limits: Limits {
                connections,
                head: config.head_timeout,
            },
            ending: Arc::clone(&context.ending),
            tasks: tasks.clone(),
            metrics: Arc::clone(&context.metrics),
        };
        let client_routes = routes::clients(Arc::clone(&context), origins, tasks.clone());
        let ops_routes = ops::routes(Arc::clone(&context));
        tasks.spawn(server(clients, client_routes, config.max_connections).run());
        tasks.spawn(server(operators, ops_routes, OPS_CONNECTIONS).run());
        tracing::info!(
            clients = %format_args!("http://{client_address}"),
            operators = %format_args!("http://{ops_address}"),
            redis = %config.redis.address(),
            "listening"
        );
        Ok(Self {
            client_address,
            ops_address,
            context,
            tasks,
            doorbell: tokio::spawn(doorbell.run()),
            drain: config.drain_timeout,
        })
    }

    /// Where clients connect: the address asked for, with the real port.
    pub const fn client_address(&self) -> SocketAddr {
        self.client_address
    }

    /// Where operators ask: the address asked for, with the real port.
    pub const fn ops_address(&self) -> SocketAddr {
        self.ops_address
    }

    /// Ends: no new connections, running commands finish, clients are sent away. Takes at most the drain timeout.
    pub async fn end(self) {
        let connections = u32::try_from(self.context.metrics.connections.get()).unwrap_or(0);
        tracing::info!(connections, "ending");
        self.context.ending.begin(connections, self.drain);
        self.tasks.close();
        if tokio::time::timeout(self.drain, self.tasks.wait())
            .await
            .is_err()
        {
            tracing::warn!("some connections did not end in time");
        }
        self.doorbell.abort();
        tracing::info!("ended");
    }
}

fn listen(
    flag: &'static str,
    address: SocketAddr,
) -> Result<(tokio::net::TcpListener, SocketAddr), StartError> {
    let open = || {
        let listener = server::bind(address)?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    };
    open().map_err(|source| StartError::Listen {
        flag,
        address,
        source,
    })
}
