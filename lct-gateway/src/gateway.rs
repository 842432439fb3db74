//! Puts the parts together: listeners, routes, module, doorbell; starts them and ends them.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};
use tokio_util::task::TaskTracker;

use crate::address::{Census, Proxies};
use crate::books::Books;
use crate::command::Services;
use crate::config::{Config, Drain};
use crate::connection::Context;
use crate::doorbell::Doorbell;
use crate::ending::Ending;
use crate::metrics::Metrics;
use crate::ops::audit::Audit;
use crate::ops::desk::Desk;
use crate::ops::watch::Watch;
use crate::origin::Origins;
use crate::registry::Registry;
use crate::rest::Api;
use crate::server::{self, Limits, Server};
use crate::{ops, routes, tls};

/// The most connections to the operators' listener, and of these the most from one address, so that nobody without a token
/// can shut out operators and whoever asks for health.
const OPS_CONNECTIONS: usize = 256;
const OPS_PER_ADDRESS: usize = 64;

/// How long operators may take for their last answer.
const OPS_GOODBYE: Duration = Duration::from_millis(200);

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
    clients: TaskTracker,
    operators: TaskTracker,
    actions: TaskTracker,
    ops_ending: Arc<Ending>,
    background: Vec<JoinHandle<()>>,
    drain: Drain,
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
        let durability = config.rules.durability;
        let services = Services::new(
            &config.redis,
            config.rules,
            Arc::clone(&graphs),
            Arc::clone(&metrics),
        )?;
        let context = Arc::new(Context {
            services: Arc::new(services),
            auth: config.auth,
            graphs,
            registry,
            metrics,
            deadlines: config.deadlines,
            messages: config.messages,
            ending: Arc::new(Ending::default()),
        });
        let (client_tasks, ops_tasks) = (TaskTracker::new(), TaskTracker::new());
        // Operators can still ask while the clients leave.
        let ops_ending = Arc::new(Ending::default());
        let link = config.redis.clone();
        let try_redis = async move {
            if let Some(reason) = link.obstacle().await {
                tracing::warn!("cannot connect to Redis, goes on trying: {reason}");
            }
        };
        let mut background = vec![tokio::spawn(doorbell.run()), tokio::spawn(try_redis)];
        if let Some(tls) = &config.tls {
            let hangup = signal(SignalKind::hangup()).ok();
            let metrics = Arc::clone(&context.metrics);
            let watch = tls.clone().watch(tls::WATCH, hangup, metrics);
            background.push(tokio::spawn(watch));
        }
        let proxies = Arc::new(Proxies::new(&config.trusted_proxies));
        let origins = Origins::new(&config.allow_origin, client_address, config.tls.is_some());
        let census = Census::new(config.max_per_address);
        let origins = Arc::new(origins);
        let api = Api::new(Arc::clone(&context), Arc::clone(&origins), census.clone());
        let routes = routes::clients(
            Arc::clone(&context),
            Arc::new(api),
            origins,
            census.clone(),
            client_tasks.clone(),
        );
        let scheme = if config.tls.is_some() {
            "https"
        } else {
            "http"
        };
        let server = Server {
            listener: clients,
            routes,
            limits: Limits {
                connections: config.max_connections,
                unopened: Some(config.max_unopened),
                census: Some(census),
                proxies: Arc::clone(&proxies),
                head: config.head_timeout,
                handshake: config.handshake_timeout,
            },
            tls: config.tls,
            ending: Arc::clone(&context.ending),
            tasks: client_tasks.clone(),
            metrics: Arc::clone(&context.metrics),
        };
        client_tasks.spawn(server.run());
        let desk = Desk::new(
            &config.ops_redis,
            durability,
            &context.graphs,
            &context.metrics,
        )?;
        let desk = Arc::new(desk);
        let watch = Arc::new(Watch::new(Arc::clone(&desk), Arc::clone(&context.metrics)));
        // Nobody looks where no operator gets in.
        if config.operators.is_some() {
            background.push(tokio::spawn(Arc::clone(&watch).run()));
        }
        let actions = TaskTracker::new();
        let ops_api = ops::api::Api::new(
            Arc::clone(&context),
            config.operators,
            desk,
            watch,
            Audit::new(Books::new(&config.redis)?),
            actions.clone(),
        );
        let server = Server {
            listener: operators,
            routes: ops::routes(Arc::clone(&context), Arc::new(ops_api)),
            limits: Limits {
                connections: OPS_CONNECTIONS,
                unopened: None,
                census: Some(Census::new(OPS_PER_ADDRESS)),
                proxies,
                head: config.head_timeout,
                handshake: config.handshake_timeout,
            },
            tls: None,
            ending: Arc::clone(&ops_ending),
            tasks: ops_tasks.clone(),
            metrics: Arc::clone(&context.metrics),
        };
        ops_tasks.spawn(server.run());
        tracing::info!(
            clients = %format_args!("{scheme}://{client_address}"),
            operators = %format_args!("http://{ops_address}"),
            redis = %config.redis.address(),
            "listening"
        );
        Ok(Self {
            client_address,
            ops_address,
            context,
            clients: client_tasks,
            operators: ops_tasks,
            actions,
            ops_ending,
            background,
            drain: config.drain,
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

    /// Ends: says so at `/readyz`, then no new connections, running commands finish, clients are sent away, and what
    /// operators began comes to its end. Takes at most the drain timeout after the notice, and a moment.
    pub async fn end(self) {
        self.context.ending.announce();
        tokio::time::sleep(self.drain.notice).await;
        let connections = u32::try_from(self.context.metrics.connections.get()).unwrap_or(0);
        tracing::info!(connections, "ending");
        let Drain {
            per_second,
            timeout,
            ..
        } = self.drain;
        let deadline = Instant::now() + timeout;
        self.context.ending.begin(connections, per_second, timeout);
        self.clients.close();
        if tokio::time::timeout(timeout, self.clients.wait())
            .await
            .is_err()
        {
            tracing::warn!("some connections did not end in time");
        }
        self.ops_ending.begin(0, 1, Duration::ZERO);
        self.operators.close();
        self.actions.close();
        if timeout_at(deadline, self.actions.wait()).await.is_err() {
            tracing::warn!("an operator's action did not end in time; it may have been done");
        }
        // Nobody is waited for who only reads numbers.
        let _ = tokio::time::timeout(OPS_GOODBYE, self.operators.wait()).await;
        for task in &self.background {
            task.abort();
        }
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
