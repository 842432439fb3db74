//! Connections to Redis: RESP3, no Nagle delay, reconnecting for as long as the gateway runs.

use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::io::tcp::TcpSettings;
use redis::{Client, IntoConnectionInfo, ProtocolVersion, PushInfo, RedisResult};

/// The first pause between attempts to reconnect; it doubles up to [`MAX_PAUSE`].
const MIN_PAUSE: Duration = Duration::from_millis(50);
const MAX_PAUSE: Duration = Duration::from_secs(1);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// How many commands may queue for one connection before callers wait.
const PIPELINE: usize = 1024;

/// Where Redis is, and how to open connections to it.
#[derive(Clone)]
pub struct RedisLink {
    client: Client,
}

impl RedisLink {
    /// Reads a `redis://` address. Nothing is opened yet.
    ///
    /// # Errors
    /// The address is none; the line does not repeat it, since it can hold a password.
    pub fn new(url: &str) -> Result<Self, &'static str> {
        const RULE: &str =
            "must be like redis://127.0.0.1:6390 or redis://user:password@host:6390/0";
        let info = url.into_connection_info().map_err(|_| RULE)?;
        let settings = info
            .redis_settings()
            .clone()
            .set_protocol(ProtocolVersion::RESP3)
            // CLIENT SETINFO would be one more command to allow in an ACL.
            .set_skip_set_lib_name();
        let info = info
            .set_redis_settings(settings)
            .set_tcp_settings(TcpSettings::default().set_nodelay(true));
        let client = Client::open(info).map_err(|_| RULE)?;
        Ok(Self { client })
    }

    /// Host and port (or socket), without user and password: fit for a log.
    pub fn address(&self) -> String {
        self.client.get_connection_info().addr().to_string()
    }

    /// A connection for commands, opened at the first one. A reply may take `response_timeout`.
    ///
    /// # Errors
    /// Never seen; the library's signature.
    pub fn commands(&self, response_timeout: Duration) -> RedisResult<ConnectionManager> {
        ConnectionManager::new_lazy_with_config(self.client.clone(), config(response_timeout))
    }

    /// A connection for subscriptions, which it renews after every break. What arrives goes to `on_push`, which must
    /// not block.
    ///
    /// # Errors
    /// Never seen; the library's signature.
    pub fn subscriptions(
        &self,
        on_push: impl Fn(PushInfo) + Send + Sync + 'static,
    ) -> RedisResult<ConnectionManager> {
        let push = move |info| -> Result<(), std::convert::Infallible> {
            on_push(info);
            Ok(())
        };
        let config = config(Duration::from_secs(2))
            .set_push_sender(push)
            .set_automatic_resubscription();
        ConnectionManager::new_lazy_with_config(self.client.clone(), config)
    }
}

fn config(response_timeout: Duration) -> ConnectionManagerConfig {
    ConnectionManagerConfig::new()
        .set_min_delay(MIN_PAUSE)
        .set_max_delay(MAX_PAUSE)
        // Callers have deadlines of their own; the connection itself never gives up.
        .set_number_of_retries(usize::MAX)
        .set_connection_timeout(Some(CONNECT_TIMEOUT))
        .set_response_timeout(Some(response_timeout))
        .set_pipeline_buffer_size(PIPELINE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_shows_no_password() {
        let link = RedisLink::new("redis://gateway:secret@127.0.0.1:6390/0").unwrap();
        assert_eq!(link.address(), "127.0.0.1:6390");
    }

    #[test]
    fn what_is_no_address_is_refused_without_repeating_it() {
        for bad in [
            "",
            "127.0.0.1:6390",
            "http://secret",
            "redis://:port",
            "rediss://secret:1",
        ] {
            match RedisLink::new(bad) {
                Err(line) => assert!(!line.contains("secret")),
                Ok(_) => panic!("{bad} was taken"),
            }
        }
    }
}
