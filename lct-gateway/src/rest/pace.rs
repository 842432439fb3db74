//! How fast requests may come, from one network and from one person: token buckets, as WebSockets have one each.

use std::collections::HashMap;
use std::hash::Hash;
use std::mem;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::bucket::{Bucket, Rate};

/// The most buckets that are remembered of those who came lately, and of those before them.
const MOST: usize = 50_000;

struct Buckets<K> {
    lately: HashMap<K, Bucket>,
    /// Of those who did not come again since [`MOST`] others did: the next to be forgotten.
    before: HashMap<K, Bucket>,
}

/// A bucket for everyone who comes.
pub struct Pace<K> {
    rate: Rate,
    // A std mutex: it is held for one look-up.
    buckets: Mutex<Buckets<K>>,
}

impl<K: Eq + Hash> Pace<K> {
    /// Lets each ask at this rate.
    pub fn new(rate: Rate) -> Self {
        Self {
            rate,
            buckets: Mutex::new(Buckets {
                lately: HashMap::new(),
                before: HashMap::new(),
            }),
        }
    }

    /// Takes a token.
    ///
    /// # Errors
    /// There is none; when the next will be.
    pub fn take(&self, who: K, now: Instant) -> Result<(), Duration> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let Buckets { lately, before } = &mut *buckets;
        if lately.len() >= MOST {
            *before = mem::take(lately);
        }
        let known = before.remove(&who);
        lately
            .entry(who)
            .or_insert_with(|| known.unwrap_or_else(|| Bucket::new(now)))
            .take(self.rate, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_a_bucket_and_there_are_only_so_many() {
        let pace = Pace::new(Rate::per_second(1.0, 2));
        let now = Instant::now();
        assert!(pace.take(0, now).is_ok() && pace.take(0, now).is_ok());
        assert!(pace.take(0, now).is_err());
        assert!(pace.take(1, now).is_ok());
        for who in 2..3 * MOST {
            assert!(pace.take(who, now).is_ok());
            // Who keeps coming is not forgotten over a crowd of others.
            assert!(who % 1_000 > 0 || pace.take(0, now).is_err());
        }
        let buckets = pace.buckets.lock().unwrap();
        assert!(buckets.lately.len() <= MOST && buckets.before.len() <= MOST);
    }
}
