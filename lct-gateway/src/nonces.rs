//! Nonces of signed requests, each good once: kept in Redis so that all gateways agree, for as long as the request's
//! time would let it pass, as `lct:nonce:<graph>:<hash>`. The hash is of visitor and nonce, so that nobody can use up
//! another's.

use std::sync::Arc;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use crate::books::Books;
use crate::graphs::{Graph, Graphs};
use crate::ids::VisitorId;
use crate::module::ModuleError;

/// How far a request's time may be from the gateway's, in milliseconds.
pub const SKEW: u64 = 120_000;

/// How long a nonce is remembered, in milliseconds: a request can come early by one skew and again late by another, and
/// the gateways' clocks differ a little.
const LIFE: u64 = 2 * SKEW + 60_000;

/// Separates this use of the hash function from any other.
const DOMAIN: &[u8] = b"lct-nonce-v1\0";

/// The nonces that were used.
pub struct Nonces {
    books: Books,
    graphs: Arc<Graphs>,
}

impl Nonces {
    /// Keeps them in these books.
    pub const fn new(books: Books, graphs: Arc<Graphs>) -> Self {
        Self { books, graphs }
    }

    /// Uses a nonce; false if it was used before.
    ///
    /// # Errors
    /// Redis cannot be asked.
    pub async fn take(
        &self,
        graph: Graph,
        visitor: &VisitorId,
        nonce: &str,
    ) -> Result<bool, ModuleError> {
        let hash = Sha256::new()
            .chain_update(DOMAIN)
            .chain_update(visitor.as_str())
            .chain_update(b"\0")
            .chain_update(nonce)
            .finalize();
        let digits = HEXLOWER.encode(&hash[..16]);
        let mut pipe = redis::pipe();
        pipe.cmd("SET")
            .arg(format!("{}:{digits}", self.graphs.key("nonce", graph)))
            .arg("")
            .arg("NX")
            .arg("PX")
            .arg(LIFE);
        // OK, or nil where the key is there.
        let (set,): (Option<String>,) = self.books.run(&pipe).await?;
        Ok(set.is_some())
    }
}
