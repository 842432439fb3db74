//! Connections to Redis: RESP3, TLS beyond this machine, no Nagle delay, reconnecting for as long as the gateway runs.

use std::io;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use redis::aio::{ConnectionManager, ConnectionManagerConfig, MultiplexedConnection};
use redis::io::tcp::TcpSettings;
use redis::{
    AsyncConnectionConfig, Client, ClientTlsConfig, Cmd, ConnectionAddr, FromRedisValue,
    IntoConnectionInfo, Pipeline, ProtocolVersion, PushInfo, RedisError, RedisResult,
    ServerErrorKind, TlsCertificates,
};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;

/// The first pause between attempts to reconnect; it doubles up to [`MAX_PAUSE`].
const MIN_PAUSE: Duration = Duration::from_millis(50);
const MAX_PAUSE: Duration = Duration::from_secs(1);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// How long the kernel keeps trying to get bytes to a Redis whose network is gone.
const UNACKNOWLEDGED: Duration = Duration::from_secs(5);

/// How many commands may queue for one connection before callers wait.
const PIPELINE: usize = 1024;

/// The certificates for a Redis that speaks TLS, in PEM.
#[derive(Clone, Default)]
pub struct Certificates {
    /// Those that may have signed the server's; without it, those this machine trusts.
    pub ca: Option<Vec<u8>>,
    /// The gateway's own certificate and key, for a server that asks for them.
    pub client: Option<(Vec<u8>, Vec<u8>)>,
}

impl Certificates {
    const fn any(&self) -> bool {
        self.ca.is_some() || self.client.is_some()
    }
}

impl From<Certificates> for TlsCertificates {
    fn from(certificates: Certificates) -> Self {
        Self {
            client_tls: certificates
                .client
                .map(|(client_cert, client_key)| ClientTlsConfig {
                    client_cert,
                    client_key,
                }),
            root_cert: certificates.ca,
        }
    }
}

fn holds_certificates(pem: &[u8]) -> bool {
    let mut certificates = CertificateDer::pem_slice_iter(pem).peekable();
    certificates.peek().is_some() && certificates.all(|certificate| certificate.is_ok())
}

/// Whether a host is this machine.
fn is_here(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || address.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

/// Where Redis is, and how to open connections to it.
#[derive(Clone)]
pub struct RedisLink {
    client: Client,
    /// Counts the times all lines had to open anew, in seconds since `born`; so that is at most once a second.
    era: Arc<AtomicU64>,
    born: Instant,
}

impl RedisLink {
    /// Reads a `redis://`, `rediss://` (TLS) or `unix://` address. Nothing is opened yet. Without TLS it must be on this
    /// machine, unless `allow_plain`.
    ///
    /// # Errors
    /// The address is none, or may not be used; the line does not repeat it, since it can hold a password.
    pub fn new(url: &str, tls: Certificates, allow_plain: bool) -> Result<Self, &'static str> {
        const RULE: &str = "must be like redis://127.0.0.1:6390, rediss://user:password@host:6390/0 or \
                            unix:///run/redis.sock";
        let info = url.into_connection_info().map_err(|_| RULE)?;
        let settings = info
            .redis_settings()
            .clone()
            .set_protocol(ProtocolVersion::RESP3)
            // CLIENT SETINFO would be one more command to allow in an ACL.
            .set_skip_set_lib_name();
        let info = info.set_redis_settings(settings).set_tcp_settings(
            TcpSettings::default()
                .set_nodelay(true)
                .set_user_timeout(UNACKNOWLEDGED),
        );
        let client = match info.addr() {
            ConnectionAddr::TcpTls { .. } => {
                // The library takes whichever cryptography the process has settled on; settled already is as good.
                let _ = ring::default_provider().install_default();
                if tls
                    .ca
                    .as_deref()
                    .is_some_and(|pem| !holds_certificates(pem))
                {
                    return Err("the file of --redis-ca must hold certificates in PEM");
                }
                Client::build_with_tls(info, tls.into()).map_err(|_| {
                    "the files of --redis-cert and --redis-key must hold a certificate and its key in PEM"
                })?
            }
            _ if tls.any() => {
                return Err(
                    "must begin with rediss:// for --redis-ca, --redis-cert and --redis-key to mean anything",
                );
            }
            ConnectionAddr::Tcp(host, _) if !(allow_plain || is_here(host)) => {
                return Err(
                    "must begin with rediss:// unless Redis is on this machine: every visit would cross the network \
                     for all to read; --allow-plain-redis lifts this",
                );
            }
            _ => Client::open(info).map_err(|_| RULE)?,
        };
        Ok(Self {
            client,
            era: Arc::default(),
            born: Instant::now(),
        })
    }

    /// Host and port (or socket), without user and password: fit for a log.
    pub fn address(&self) -> String {
        self.client.get_connection_info().addr().to_string()
    }

    /// Why a connection cannot be opened, if it cannot: fit for a log. The connections below only wait and try again.
    pub async fn obstacle(&self) -> Option<String> {
        let connect = self.client.get_multiplexed_async_connection();
        match tokio::time::timeout(CONNECT_TIMEOUT, connect).await {
            Ok(Ok(_)) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some("it does not answer".into()),
        }
    }

    /// A line for commands, opened at the first one.
    ///
    /// # Errors
    /// Never seen; the library's signature.
    pub fn commands(&self) -> RedisResult<Line> {
        let connection = ConnectionManager::new_lazy_with_config(self.client.clone(), config())?;
        Ok(Line {
            link: self.clone(),
            current: Arc::new(Mutex::new(Current {
                number: 0,
                era: self.era.load(Ordering::Acquire),
                connection,
            })),
        })
    }

    /// Has every line open another connection at its next command: the server is a replica now, and the address may
    /// lead to the primary. Redis leaves connections alone when it changes its role, so nothing else would.
    pub fn renew_lines(&self) {
        self.era
            .fetch_max(self.born.elapsed().as_secs(), Ordering::AcqRel);
    }

    /// A connection for subscriptions. It does not outlive a break: open another then. What arrives goes to `on_push`,
    /// which must not block and is dropped when the connection ends.
    ///
    /// # Errors
    /// Redis cannot be reached, or refuses the connection.
    pub async fn subscription(
        &self,
        on_push: impl Fn(PushInfo) + Send + Sync + 'static,
    ) -> RedisResult<MultiplexedConnection> {
        let push = move |info| -> Result<(), std::convert::Infallible> {
            on_push(info);
            Ok(())
        };
        let config = AsyncConnectionConfig::new()
            .set_push_sender(push)
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(CONNECT_TIMEOUT));
        self.client
            .get_multiplexed_async_connection_with_config(&config)
            .await
    }
}

/// A connection for commands, for as long as the gateway runs. Cheap to clone: all clones are the same line.
///
/// The library reconnects when a connection breaks. One that stands and is silent, because something between has
/// forgotten it, it would keep; so whenever an answer does not come in time a new one takes its place, and so it does
/// when a server turns out to have become a replica.
#[derive(Clone)]
pub struct Line {
    link: RedisLink,
    /// A std mutex, never held across an await.
    current: Arc<Mutex<Current>>,
}

/// A line's connection, and which it is.
struct Current {
    number: u64,
    era: u64,
    connection: ConnectionManager,
}

impl Line {
    /// Runs a command.
    ///
    /// # Errors
    /// Redis's refusal; no answer within `limit`, reconnecting included, is an I/O error.
    pub async fn query<T: FromRedisValue>(&self, command: &Cmd, limit: Duration) -> RedisResult<T> {
        self.run(limit, async |mut connection| {
            command.query_async(&mut connection).await
        })
        .await
    }

    /// Runs several commands as one.
    ///
    /// # Errors
    /// As [`Line::query`].
    pub async fn pipe<T: FromRedisValue>(
        &self,
        commands: &Pipeline,
        limit: Duration,
    ) -> RedisResult<T> {
        self.run(limit, async |mut connection| {
            commands.query_async(&mut connection).await
        })
        .await
    }

    async fn run<T>(
        &self,
        limit: Duration,
        call: impl AsyncFnOnce(ConnectionManager) -> RedisResult<T>,
    ) -> RedisResult<T> {
        let (number, connection) = self.connection()?;
        match tokio::time::timeout(limit, call(connection)).await {
            Ok(reply) => reply.inspect_err(|error| {
                if is_of_a_replica(error) {
                    self.link.renew_lines();
                }
            }),
            Err(_) => {
                let mut current = self.lock();
                // Unless somebody else has.
                if current.number == number {
                    self.renew(&mut current)?;
                }
                Err(io::Error::from(io::ErrorKind::TimedOut).into())
            }
        }
    }

    /// The connection to use now, and its number.
    fn connection(&self) -> RedisResult<(u64, ConnectionManager)> {
        let mut current = self.lock();
        if current.era != self.link.era.load(Ordering::Acquire) {
            self.renew(&mut current)?;
        }
        Ok((current.number, current.connection.clone()))
    }

    fn renew(&self, current: &mut Current) -> RedisResult<()> {
        let client = self.link.client.clone();
        *current = Current {
            number: current.number + 1,
            era: self.link.era.load(Ordering::Acquire),
            connection: ConnectionManager::new_lazy_with_config(client, config())?,
        };
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Current> {
        // Nothing that panics runs under the lock.
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The command that a replica refuses and a primary answers at once, whatever the keys.
pub fn primary_only() -> Cmd {
    let mut wait = redis::cmd("WAIT");
    wait.arg(0).arg(0);
    wait
}

/// Whether it was a replica that refused: a write, a read it has no data for, or [`primary_only`].
pub fn is_of_a_replica(error: &RedisError) -> bool {
    // Of a transaction each command has its own error.
    let errors = error.clone().into_server_errors().unwrap_or_default();
    errors.iter().any(|(_, error)| match error.kind() {
        Some(ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown) => true,
        _ => error
            .details()
            .is_some_and(|line| line.starts_with("WAIT cannot be used with replica")),
    })
}

fn config() -> ConnectionManagerConfig {
    ConnectionManagerConfig::new()
        .set_min_delay(MIN_PAUSE)
        .set_max_delay(MAX_PAUSE)
        // A line's callers have deadlines of their own; the connection itself never gives up.
        .set_number_of_retries(usize::MAX)
        .set_connection_timeout(Some(CONNECT_TIMEOUT))
        .set_response_timeout(None)
        .set_pipeline_buffer_size(PIPELINE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(url: &str) -> Result<RedisLink, &'static str> {
        RedisLink::new(url, Certificates::default(), false)
    }

    #[test]
    fn the_address_shows_no_password() {
        let link = link("redis://gateway:secret@127.0.0.1:6390/0").unwrap();
        assert_eq!(link.address(), "127.0.0.1:6390");
    }

    #[test]
    fn what_is_no_address_is_refused_without_repeating_it() {
        for bad in ["", "127.0.0.1:6390", "http://secret", "redis://:port"] {
            match link(bad) {
                Err(line) => assert!(!line.contains("secret")),
                Ok(_) => panic!("{bad} was taken"),
            }
        }
    }

    #[test]
    fn nothing_crosses_a_network_in_the_clear() {
        for here in [
            "redis://127.0.0.1:6390",
            "redis://127.9.9.9:6390",
            "redis://[::1]:6390",
            "redis://localhost:6390",
            "unix:///run/redis.sock",
            "rediss://redis.example:6390",
            "rediss://192.0.2.1:6390",
        ] {
            assert!(link(here).is_ok(), "{here}");
        }
        for there in [
            "redis://192.0.2.1:6390",
            "redis://redis.example:6390",
            "redis://localhost.example:6390",
        ] {
            let line = link(there).err().expect(there);
            assert!(line.contains("--allow-plain-redis lifts this"), "{line}");
            assert!(RedisLink::new(there, Certificates::default(), true).is_ok());
        }
    }

    #[test]
    fn certificates_are_for_tls() {
        let certificates = || Certificates {
            ca: Some(b"none".to_vec()),
            client: None,
        };
        let line = |url| RedisLink::new(url, certificates(), false).err();
        let plain = line("redis://127.0.0.1:6390").expect("no TLS");
        assert!(plain.starts_with("must begin with rediss://"), "{plain}");
        let none = line("rediss://127.0.0.1:6390").expect("no certificate");
        assert!(none.contains("must hold certificates in PEM"), "{none}");
    }
}
