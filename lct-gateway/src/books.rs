//! The gateways' own books in Redis, beside the graphs: caps, one-time codes, texts to the operator, and messages from
//! gateway to gateway.

use std::time::Duration;

use redis::aio::ConnectionManager;
use redis::{FromRedisValue, Pipeline, RedisError};

use crate::module::ModuleError;
use crate::redis_link::RedisLink;

/// How long an entry may take, reconnecting included.
const LIMIT: Duration = Duration::from_secs(2);

/// A connection to the books. Cheap to clone: all clones use the same connection.
#[derive(Clone)]
pub struct Books {
    connection: ConnectionManager,
}

impl Books {
    /// Prepares the connection; it opens at the first entry.
    ///
    /// # Errors
    /// Never seen; the library's signature.
    pub fn new(link: &RedisLink) -> Result<Self, RedisError> {
        Ok(Self {
            connection: link.commands(LIMIT)?,
        })
    }

    /// Runs these commands and gives their replies.
    ///
    /// # Errors
    /// [`ModuleError::Unavailable`] when Redis cannot be reached in time, [`ModuleError::Internal`] when it refuses.
    pub async fn run<T: FromRedisValue>(&self, commands: &Pipeline) -> Result<T, ModuleError> {
        let mut connection = self.connection.clone();
        match tokio::time::timeout(LIMIT, commands.query_async(&mut connection)).await {
            Ok(reply) => Ok(reply?),
            Err(_) => Err(ModuleError::Unavailable),
        }
    }
}
