//! The gateways' own books in Redis, beside the graphs: caps, one-time codes, texts to the operator, and messages from
//! gateway to gateway.

use std::collections::HashMap;
use std::time::Duration;

use redis::{FromRedisValue, Pipeline, RedisError};

use crate::module::ModuleError;
use crate::redis_link::{Line, RedisLink};

/// How long an entry may take, reconnecting included.
const LIMIT: Duration = Duration::from_secs(2);

/// A line to the books. Cheap to clone: all clones are the same line.
#[derive(Clone)]
pub struct Books {
    line: Line,
}

impl Books {
    /// Prepares the line; it opens at the first entry.
    ///
    /// # Errors
    /// Never seen; the library's signature.
    pub fn new(link: &RedisLink) -> Result<Self, RedisError> {
        Ok(Self {
            line: link.commands()?,
        })
    }

    /// Runs these commands and gives their replies.
    ///
    /// # Errors
    /// [`ModuleError::Unavailable`] when Redis cannot be reached in time, [`ModuleError::Internal`] when it refuses.
    pub async fn run<T: FromRedisValue>(&self, commands: &Pipeline) -> Result<T, ModuleError> {
        Ok(self.line.pipe(commands, LIMIT).await?)
    }

    /// The newest entries of a stream before this one (or of all), at most `count`, newest first: ids and fields.
    ///
    /// # Errors
    /// As [`Books::run`].
    pub async fn newest(
        &self,
        stream: &str,
        before: Option<&str>,
        count: u64,
    ) -> Result<Vec<(String, HashMap<String, String>)>, ModuleError> {
        let mut pipe = redis::pipe();
        pipe.cmd("XREVRANGE")
            .arg(stream)
            .arg(before.map_or_else(|| "+".to_owned(), |id| format!("({id}")))
            .arg("-")
            .arg("COUNT")
            .arg(count);
        let (entries,) = self.run(&pipe).await?;
        Ok(entries)
    }
}
