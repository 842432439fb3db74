//! Service tokens: with one a service, like the till of a library, writes visits for the visitors it names, and nothing
//! else. Its graph, the beginning that every place must have, its rate and its last day are fixed when it is made.
//!
//! Written down a token is `lct_<id>_<secret>`, 16 hexadecimal digits and 32 random bytes in base64url. Redis keeps the
//! SHA-256 of the secret and the terms, as a hash `lct:token:<id>`; `lct:token:all` names them all, with their labels. What a token wrote in a
//! minute is counted in `lct:rate:<id>:<minute>`, so that all gateways agree.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::books::Books;
use crate::graphs::{Graph, Graphs};
use crate::ids::SpaceId;
use crate::module::ModuleError;

/// What every token begins with, so that one that was published by mistake can be searched for.
const MARK: &str = "lct_";

/// The key that names all tokens.
const ALL: &str = "lct:token:all";

/// The stretch of time for which visits are counted, in milliseconds.
const MINUTE: u64 = 60_000;

/// A token as its service holds it. The secret is never printed but by [`Bearer::encode`].
#[derive(Clone, PartialEq, Eq)]
pub struct Bearer {
    id: [u8; 8],
    secret: [u8; 32],
}

impl fmt::Debug for Bearer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bearer(..)")
    }
}

impl Bearer {
    /// A new token.
    pub fn random() -> Self {
        Self {
            id: rand::random(),
            secret: rand::random(),
        }
    }

    /// The token as it is written down.
    pub fn encode(&self) -> String {
        let secret = URL_SAFE_NO_PAD.encode(self.secret);
        format!("{MARK}{}_{secret}", self.id())
    }

    /// Reads what [`Bearer::encode`] wrote; `None` for anything else.
    pub fn read(text: &str) -> Option<Self> {
        let (id, secret) = text.strip_prefix(MARK)?.split_once('_')?;
        Some(Self {
            id: read_id(id)?,
            secret: URL_SAFE_NO_PAD.decode(secret).ok()?.try_into().ok()?,
        })
    }

    /// Names the token, to operators and in the audit.
    pub fn id(&self) -> String {
        HEXLOWER.encode(&self.id)
    }

    fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.secret).into()
    }
}

/// What a token allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// The graph it writes to.
    pub graph: Graph,
    /// What every place must begin with.
    pub prefix: String,
    /// Visits a minute.
    pub rate: u64,
    /// When it ends, in epoch milliseconds.
    pub expires: u64,
}

/// A token that was found, with the right secret. Its time may be over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Its id.
    pub id: String,
    /// What it allows.
    pub terms: Terms,
    /// Redis's clock, in epoch milliseconds: the one that all gateways share.
    pub now: u64,
}

impl Grant {
    /// Whether its time is over.
    pub const fn is_over(&self) -> bool {
        self.terms.expires <= self.now
    }

    /// Whether it may write to that place.
    pub fn covers(&self, space: &SpaceId) -> bool {
        space.as_str().starts_with(&self.terms.prefix)
    }
}

/// A token as operators see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its id.
    pub id: String,
    /// The graph's name.
    pub graph: String,
    /// What every place must begin with.
    pub prefix: String,
    /// Visits a minute.
    pub rate: u64,
    /// When it ends, in epoch milliseconds.
    pub expires: u64,
    /// Whom the operator gave it to.
    pub label: String,
}

/// A token's record.
type Fields = HashMap<String, String>;

/// The tokens in Redis.
pub struct Tokens {
    books: Books,
    graphs: Arc<Graphs>,
}

impl Tokens {
    /// Keeps them in these books.
    pub const fn new(books: Books, graphs: Arc<Graphs>) -> Self {
        Self { books, graphs }
    }

    /// Makes a token. It cannot be shown again.
    ///
    /// # Errors
    /// Redis cannot do it.
    pub async fn create(&self, terms: &Terms, label: &str) -> Result<Bearer, ModuleError> {
        let bearer = Bearer::random();
        let mut pipe = redis::pipe();
        pipe.atomic()
            .cmd("HSET")
            .arg(key(&bearer.id()))
            .arg(&[("hash", HEXLOWER.encode(&bearer.hash()).as_str())])
            .arg(&[("graph", self.graphs.name(terms.graph))])
            .arg(&[("prefix", terms.prefix.as_str())])
            .arg(&[("rate", terms.rate), ("expires", terms.expires)])
            .ignore();
        pipe.cmd("HSET")
            .arg(ALL)
            .arg(bearer.id())
            .arg(label)
            .ignore();
        self.books.run::<()>(&pipe).await?;
        Ok(bearer)
    }

    /// All tokens, those whose time is over among them.
    ///
    /// # Errors
    /// Redis cannot be asked.
    pub async fn list(&self) -> Result<Vec<Listed>, ModuleError> {
        let mut all = redis::pipe();
        all.cmd("HGETALL").arg(ALL);
        let (labels,): (BTreeMap<String, String>,) = self.books.run(&all).await?;
        let mut pipe = redis::pipe();
        for id in labels.keys() {
            pipe.cmd("HGETALL").arg(key(id));
        }
        let rows: Vec<Fields> = self.books.run(&pipe).await?;
        let listed = labels
            .into_iter()
            .zip(rows)
            .filter_map(|((id, label), row)| {
                Some(Listed {
                    id,
                    graph: row.get("graph")?.clone(),
                    prefix: row.get("prefix")?.clone(),
                    rate: row.get("rate")?.parse().ok()?,
                    expires: row.get("expires")?.parse().ok()?,
                    label,
                })
            });
        Ok(listed.collect())
    }

    /// Takes a token back; false if there is none of that id.
    ///
    /// # Errors
    /// Redis cannot do it.
    pub async fn revoke(&self, id: &str) -> Result<bool, ModuleError> {
        if read_id(id).is_none() {
            return Ok(false);
        }
        let mut pipe = redis::pipe();
        pipe.atomic().cmd("UNLINK").arg(key(id));
        pipe.cmd("HDEL").arg(ALL).arg(id).ignore();
        let (removed,): (bool,) = self.books.run(&pipe).await?;
        Ok(removed)
    }

    /// What is known of a token: nothing where the id is unknown, the secret another, or the graph none of this gateway's.
    ///
    /// # Errors
    /// Redis cannot be asked.
    pub async fn find(&self, bearer: &Bearer) -> Result<Option<Grant>, ModuleError> {
        let id = bearer.id();
        let mut pipe = redis::pipe();
        pipe.cmd("HGETALL").arg(key(&id));
        pipe.cmd("TIME");
        let (row, (seconds, micros)): (Fields, (u64, u64)) = self.books.run(&pipe).await?;
        let number = |name| row.get(name).and_then(|text| text.parse().ok());
        let (Some(hash), Some(graph), Some(prefix), Some(rate), Some(expires)) = (
            row.get("hash"),
            row.get("graph"),
            row.get("prefix"),
            number("rate"),
            number("expires"),
        ) else {
            return Ok(None);
        };
        let right: bool = hash
            .as_bytes()
            .ct_eq(HEXLOWER.encode(&bearer.hash()).as_bytes())
            .into();
        let graph = self.graphs.find(graph).filter(|_| right);
        Ok(graph.map(|graph| Grant {
            id,
            terms: Terms {
                graph,
                prefix: prefix.clone(),
                rate,
                expires,
            },
            now: seconds * 1_000 + micros / 1_000,
        }))
    }

    /// Takes so many visits from this minute's.
    ///
    /// # Errors
    /// Redis cannot be asked. Within: there are not so many left; when the next minute begins.
    pub async fn take(
        &self,
        grant: &Grant,
        visits: u64,
    ) -> Result<Result<(), Duration>, ModuleError> {
        let minute = grant.now / MINUTE;
        let used = format!("lct:rate:{}:{minute}", grant.id);
        let mut pipe = redis::pipe();
        pipe.atomic().cmd("INCRBY").arg(&used).arg(visits);
        pipe.cmd("PEXPIRE").arg(&used).arg(2 * MINUTE).ignore();
        let (total,): (u64,) = self.books.run(&pipe).await?;
        if total <= grant.terms.rate {
            return Ok(Ok(()));
        }
        let mut undo = redis::pipe();
        undo.cmd("INCRBY")
            .arg(&used)
            .arg(format!("-{visits}"))
            .ignore();
        self.books.run::<()>(&undo).await?;
        Ok(Err(Duration::from_millis(MINUTE - grant.now % MINUTE)))
    }
}

fn key(id: &str) -> String {
    format!("lct:token:{id}")
}

fn read_id(text: &str) -> Option<[u8; 8]> {
    let lower_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    if text.len() != 16 || !text.bytes().all(lower_hex) {
        return None;
    }
    let id = u64::from_str_radix(text, 16).ok()?;
    Some(id.to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_as_it_was_written() {
        for _ in 0..100 {
            let bearer = Bearer::random();
            let text = bearer.encode();
            assert_eq!(text.len(), 4 + 16 + 1 + 43, "{text}");
            assert!(Bearer::read(&text).as_ref() == Some(&bearer));
            assert_eq!(format!("{bearer:?}"), "Bearer(..)");
        }
    }

    #[test]
    fn nothing_else_is_read() {
        let good = Bearer {
            id: [0xab; 8],
            secret: [7; 32],
        }
        .encode();
        for bad in [
            String::new(),
            "lct_".into(),
            good[4..].into(),
            good[..good.len() - 1].into(),
            format!("{good}A"),
            format!("{good}="),
            good.replace("ab", "AB"),
            good.replace("lct_ab", "lct_+b"),
            good.replacen("ab", "", 1),
        ] {
            assert!(Bearer::read(&bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_place_must_begin_as_agreed() {
        let grant = Grant {
            id: "0".repeat(16),
            terms: Terms {
                graph: Graph::Main,
                prefix: "library/".into(),
                rate: 1,
                expires: 10,
            },
            now: 9,
        };
        let covers = |text| grant.covers(&SpaceId::new(text).expect("a space"));
        assert!(covers("library/1") && covers("library/"));
        assert!(!covers("library") && !covers("Library/1") && !covers("x/library/"));
        assert!(!grant.is_over() && Grant { now: 10, ..grant }.is_over());
    }
}
