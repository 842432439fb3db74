//! How fast requests may come, from one network and from one person: token buckets, as WebSockets have one each.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::bucket::{Bucket, Rate};

/// The most buckets that are remembered.
const MOST: usize = 50_000;

/// A bucket for everyone who comes.
pub struct Pace<K> {
    rate: Rate,
    // A std mutex: it is held for one look-up.
    buckets: Mutex<HashMap<K, Bucket>>,
}

impl<K: Eq + Hash> Pace<K> {
    /// Lets each ask at this rate.
    pub fn new(rate: Rate) -> Self {
        Self {
            rate,
            buckets: Mutex::default(),
        }
    }

    /// Takes a token.
    ///
    /// # Errors
    /// There is none; when the next will be.
    pub fn take(&self, who: K, now: Instant) -> Result<(), Duration> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= MOST {
            buckets.clear(); // everybody begins anew, which is better than nobody
        }
        buckets
            .entry(who)
            .or_insert_with(|| Bucket::new(now))
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
        for who in 2..=MOST {
            assert!(pace.take(who, now).is_ok());
        }
        assert!(pace.buckets.lock().unwrap().len() <= MOST);
    }
}
