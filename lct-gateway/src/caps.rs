//! How much one visitor and one address may do, counted in Redis so that all gateways agree.
//!
//! Nothing here can be read back: keys are `lct:cap:<graph>:<hash>`, the hash an HMAC under a random salt that all
//! gateways share, that is made anew for every day (or fortnight) and gone a day after it. An address counts as
//! the network it lies in ([`crate::address::Network`]). Days and fortnights are counted from the epoch, in UTC.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::books::Books;
use crate::clock::{self, DAY};
use crate::graphs::{Graph, Graphs};
use crate::identity::Caller;
use crate::metrics::{Limit, Metrics};
use crate::module::ModuleError;
use crate::policy::Reason;
use crate::protocol::{Code, Fault};

/// How many visits are reserved at once: a twentieth of the cap, so that not every visit asks Redis.
const LOTS: u64 = 20;

/// How often a warning or its retraction may be sent, repeats included, for each warning allowed: toggling one back and
/// forth would alert people each time.
const REQUESTS: u64 = 20;

/// Wrong one-time codes a day.
const GUESSES_VISITOR: u64 = 10;
const GUESSES_ADDRESS: u64 = 100;

/// Texts to the operator a day.
const FEEDBACK_VISITOR: u64 = 10;
const FEEDBACK_ADDRESS: u64 = 100;

/// Revocations a day from an address: each leaves its mark in the graph for ever, and visitors to revoke cost nothing.
const REVOCATIONS_ADDRESS: u64 = 100;

/// Exports a day: each may be megabytes long.
const EXPORTS_VISITOR: u64 = 20;
const EXPORTS_ADDRESS: u64 = 1_000;

/// Those who come at once wait for one another, by their key, and share what the first of them reserves: with a lot each, a
/// crowd at one gateway would leave the others nothing. So many keys can be reserved at a time.
const TURNS: usize = 64;

/// The most visitors and addresses whose reserved visits are remembered.
const MAX_LEASES: usize = 100_000;

/// The caps an operator chooses; 0: none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Visits a day and visitor, changed ones included.
    pub visits_visitor: u64,
    /// Visits a day and address.
    pub visits_network: u64,
    /// Warnings a day and visitor.
    pub warnings_visitor: u64,
    /// Warnings a fortnight and visitor.
    pub warnings_fortnight: u64,
    /// Warnings a day and address.
    pub warnings_network: u64,
}

/// A stretch of time for which something is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Window {
    Day,
    Fortnight,
}

impl Window {
    const fn length(self) -> u64 {
        match self {
            Self::Day => DAY,
            Self::Fortnight => 14 * DAY,
        }
    }
}

/// Counts.
pub struct Caps {
    books: Books,
    graphs: Arc<Graphs>,
    limits: Limits,
    metrics: Arc<Metrics>,
    memory: Mutex<Memory>,
    turns: [tokio::sync::Mutex<()>; TURNS],
}

/// What need not be asked of Redis each time. A std mutex, never held across an await.
#[derive(Default)]
struct Memory {
    salts: HashMap<String, [u8; 32]>,
    /// Reserved and not yet used, by key.
    leases: HashMap<String, u64>,
}

impl Caps {
    /// Counts in these books.
    pub fn new(books: Books, graphs: Arc<Graphs>, limits: Limits, metrics: Arc<Metrics>) -> Self {
        Self {
            books,
            graphs,
            limits,
            metrics,
            memory: Mutex::default(),
            turns: std::array::from_fn(|_| tokio::sync::Mutex::default()),
        }
    }

    /// Takes `count` visits from what the caller may log today.
    ///
    /// # Errors
    /// A cap is reached, or Redis cannot be asked.
    pub async fn visits(&self, graph: Graph, caller: &Caller, count: u64) -> Result<(), Fault> {
        const LINE: &str = "visits: no more can be logged today";
        let Limits {
            visits_visitor,
            visits_network,
            ..
        } = self.limits;
        for (kind, who, limit) in [
            ("visits", visitor(caller), visits_visitor),
            ("visits-from", network(caller), visits_network),
        ] {
            if limit > 0 {
                let key = self.key(Window::Day, graph, kind, &who).await?;
                if !self.reserve(key, limit, count).await? {
                    return Err(self.reached(Limit::Visits, LINE));
                }
            }
        }
        Ok(())
    }

    /// Takes one warning from what the caller may send. The same warning with the same content counts once a day.
    ///
    /// # Errors
    /// A cap is reached, or Redis cannot be asked.
    pub async fn warning(
        &self,
        graph: Graph,
        caller: &Caller,
        warning: Uuid,
        reason: Reason,
        since: Option<u64>,
    ) -> Result<(), Fault> {
        const LINE: &str = "exposureWarning: no more can be sent for now; the same one again can";
        let limits = self.limits;
        let content = Sha256::new()
            .chain_update(warning.as_bytes())
            .chain_update(reason.word())
            .chain_update(since.unwrap_or_default().to_be_bytes())
            .finalize();
        let member = &content[..16];
        let (visitor, network) = (visitor(caller), network(caller));
        let mut keys = Vec::new();
        for (window, kind, who, limit) in [
            (Window::Day, "warnings", &visitor, limits.warnings_visitor),
            (
                Window::Fortnight,
                "warnings",
                &visitor,
                limits.warnings_fortnight,
            ),
            (
                Window::Day,
                "warnings-from",
                &network,
                limits.warnings_network,
            ),
        ] {
            if limit > 0 {
                keys.push((self.key(window, graph, kind, who).await?, window, limit));
            }
        }
        if keys.is_empty() {
            return Ok(());
        }
        let mut pipe = redis::pipe();
        pipe.atomic();
        for (key, window, _) in &keys {
            pipe.cmd("SADD").arg(key).arg(member);
            pipe.cmd("SCARD").arg(key);
            pipe.cmd("PEXPIRE")
                .arg(key)
                .arg(window.length())
                .arg("NX")
                .ignore();
        }
        let replies: Vec<(u64, u64)> = pairs(self.run(&pipe).await?);
        let over = |((_, size), (_, _, limit)): (&(u64, u64), &(_, _, u64))| size > limit;
        if !replies.iter().zip(&keys).any(over) {
            return Ok(());
        }
        let mut undo = redis::pipe();
        for ((added, _), (key, ..)) in replies.iter().zip(&keys) {
            if *added == 1 {
                undo.cmd("SREM").arg(key).arg(member).ignore();
            }
        }
        self.run::<()>(&undo).await?;
        Err(self.reached(Limit::Warnings, LINE))
    }

    /// Takes one from how often the caller may send a warning or a retraction at all today.
    ///
    /// # Errors
    /// The cap is reached, or Redis cannot be asked.
    pub async fn warning_request(&self, graph: Graph, caller: &Caller) -> Result<(), Fault> {
        const LINE: &str = "message: warnings were sent and retracted too often today";
        let limit = self.limits.warnings_visitor.saturating_mul(REQUESTS);
        if limit > 0
            && self
                .count(graph, "warn-requests", &visitor(caller), 1)
                .await?
                > limit
        {
            return Err(self.reached(Limit::Warnings, LINE));
        }
        Ok(())
    }

    /// Takes one text to the operator.
    ///
    /// # Errors
    /// A cap is reached, or Redis cannot be asked.
    pub async fn feedback(&self, graph: Graph, caller: &Caller) -> Result<(), Fault> {
        const LINE: &str = "userFeedback: no more can be sent today";
        for (kind, who, limit) in [
            ("feedback", visitor(caller), FEEDBACK_VISITOR),
            ("feedback-from", network(caller), FEEDBACK_ADDRESS),
        ] {
            if self.count(graph, kind, &who, 1).await? > limit {
                return Err(self.reached(Limit::Feedback, LINE));
            }
        }
        Ok(())
    }

    /// Takes one export.
    ///
    /// # Errors
    /// A cap is reached, or Redis cannot be asked.
    pub async fn export(&self, graph: Graph, caller: &Caller) -> Result<(), Fault> {
        const LINE: &str = "exportMyData: no more can be done today";
        for (kind, who, limit) in [
            ("exports", visitor(caller), EXPORTS_VISITOR),
            ("exports-from", network(caller), EXPORTS_ADDRESS),
        ] {
            if self.count(graph, kind, &who, 1).await? > limit {
                return Err(self.reached(Limit::Exports, LINE));
            }
        }
        Ok(())
    }

    /// Takes one revocation.
    ///
    /// # Errors
    /// The cap is reached, or Redis cannot be asked.
    pub async fn revocation(&self, graph: Graph, caller: &Caller) -> Result<(), Fault> {
        const LINE: &str = "revokeMe: no more can be done from this address today; forgetMe can";
        let who = network(caller);
        if self.count(graph, "revocations-from", &who, 1).await? > REVOCATIONS_ADDRESS {
            return Err(self.reached(Limit::Revocations, LINE));
        }
        Ok(())
    }

    /// Takes one attempt at a one-time code, before it is made, so that many attempts at once are counted too.
    ///
    /// # Errors
    /// A cap is reached, or Redis cannot be asked.
    pub async fn guess(&self, graph: Graph, caller: &Caller) -> Result<(), Fault> {
        const LINE: &str = "code: too many wrong ones today";
        for (kind, who, limit) in guesses(caller) {
            if self.count(graph, kind, &who, 1).await? > limit {
                return Err(self.reached(Limit::Guesses, LINE));
            }
        }
        Ok(())
    }

    /// The attempt was right: it does not count.
    ///
    /// # Errors
    /// Redis cannot be asked.
    pub async fn guessed_right(&self, graph: Graph, caller: &Caller) -> Result<(), Fault> {
        for (kind, who, _) in guesses(caller) {
            self.count(graph, kind, &who, -1).await?;
        }
        Ok(())
    }

    fn reached(&self, limit: Limit, line: &'static str) -> Fault {
        self.metrics.limit(limit);
        Fault::new(Code::Limited, line)
    }

    /// Adds to a number of today; what it is now.
    async fn count(&self, graph: Graph, kind: &str, who: &[u8], by: i64) -> Result<u64, Fault> {
        let key = self.key(Window::Day, graph, kind, who).await?;
        let mut pipe = redis::pipe();
        pipe.atomic().cmd("INCRBY").arg(&key).arg(by);
        pipe.cmd("PEXPIRE").arg(&key).arg(DAY).arg("NX").ignore();
        let (total,): (i64,) = self.run(&pipe).await?;
        Ok(u64::try_from(total).unwrap_or(0))
    }

    /// Takes `count` from what is reserved under a key, after reserving more if need be. False: the cap is reached.
    async fn reserve(&self, key: String, limit: u64, count: u64) -> Result<bool, Fault> {
        if self.take(&key, count) {
            return Ok(true);
        }
        let turn = key.bytes().map(usize::from).sum::<usize>() % TURNS;
        let _turn = self.turns[turn].lock().await;
        if self.take(&key, count) {
            return Ok(true);
        }
        let lot = (limit / LOTS).max(count);
        let mut pipe = redis::pipe();
        pipe.atomic().cmd("INCRBY").arg(&key).arg(lot);
        pipe.cmd("PEXPIRE").arg(&key).arg(DAY).arg("NX").ignore();
        let (total,): (u64,) = self.run(&pipe).await?;
        let granted = lot.saturating_sub(total.saturating_sub(limit));
        let mut memory = self.memory();
        if memory.leases.len() >= MAX_LEASES {
            memory.leases.clear(); // what was reserved and not used is lost, which errs on the safe side
        }
        *memory.leases.entry(key.clone()).or_default() += granted;
        drop(memory);
        Ok(self.take(&key, count))
    }

    /// Takes this many of what was reserved, if there are.
    fn take(&self, key: &str, count: u64) -> bool {
        let mut memory = self.memory();
        let left = memory.leases.get_mut(key).filter(|left| **left >= count);
        left.map(|left| *left -= count).is_some()
    }

    fn memory(&self) -> std::sync::MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The key under which something of someone is counted now.
    async fn key(
        &self,
        window: Window,
        graph: Graph,
        kind: &str,
        who: &[u8],
    ) -> Result<String, Fault> {
        let salt = self.salt(window).await?;
        let mut mac = Hmac::<Sha256>::new_from_slice(&salt).expect("HMAC takes any length");
        mac.update(kind.as_bytes());
        mac.update(b"\0");
        mac.update(who);
        let hash = mac.finalize().into_bytes();
        let digits = HEXLOWER.encode(&hash[..16]);
        Ok(format!("{}:{digits}", self.graphs.key("cap", graph)))
    }

    /// The salt of the window that is now. Whichever gateway asks first makes it.
    async fn salt(&self, window: Window) -> Result<[u8; 32], Fault> {
        let number = clock::now() / window.length();
        let name = format!("lct:cap:salt:{window:?}:{number}").to_lowercase();
        if let Some(salt) = self.memory().salts.get(&name) {
            return Ok(*salt);
        }
        let mut pipe = redis::pipe();
        pipe.atomic()
            .cmd("SET")
            .arg(&name)
            .arg(&rand::random::<[u8; 32]>())
            .arg("NX")
            .arg("PX")
            .arg(window.length() + DAY)
            .ignore();
        pipe.cmd("GET").arg(&name);
        let (salt,): (Vec<u8>,) = self.run(&pipe).await?;
        let salt: [u8; 32] = salt
            .try_into()
            .map_err(|_| Fault::from(ModuleError::Internal))?;
        let mut memory = self.memory();
        if memory.salts.len() > 4 {
            *memory = Memory::default(); // of days gone by
        }
        memory.salts.insert(name, salt);
        Ok(salt)
    }

    async fn run<T: redis::FromRedisValue>(&self, pipe: &redis::Pipeline) -> Result<T, Fault> {
        Ok(self.books.run(pipe).await?)
    }
}

fn visitor(caller: &Caller) -> Vec<u8> {
    caller.visitor.as_str().into()
}

fn network(caller: &Caller) -> Vec<u8> {
    caller.network.bytes().to_vec()
}

fn guesses(caller: &Caller) -> [(&'static str, Vec<u8>, u64); 2] {
    [
        ("guesses", visitor(caller), GUESSES_VISITOR),
        ("guesses-from", network(caller), GUESSES_ADDRESS),
    ]
}

fn pairs(flat: Vec<u64>) -> Vec<(u64, u64)> {
    flat.chunks_exact(2).map(|two| (two[0], two[1])).collect()
}
