//! Token buckets: so many at once, and so many a second after that.

use std::time::{Duration, Instant};

/// What a bucket allows.
#[derive(Debug, Clone, Copy)]
pub struct Rate {
    /// The time one token takes to come back.
    pub every: Duration,
    /// Tokens in a full bucket.
    pub burst: u32,
}

impl Rate {
    /// So many tokens a second, and a full bucket of `burst`.
    pub fn per_second(tokens: f64, burst: u32) -> Self {
        Self {
            every: Duration::from_secs_f64(1.0 / tokens),
            burst,
        }
    }
}

/// A bucket, full at first. It keeps one instant: when it will be full again.
#[derive(Debug)]
pub struct Bucket {
    full_at: Instant,
}

impl Bucket {
    /// A full bucket.
    pub const fn new(now: Instant) -> Self {
        Self { full_at: now }
    }

    /// Takes a token.
    ///
    /// # Errors
    /// There is none; when the next will be.
    pub fn take(&mut self, rate: Rate, now: Instant) -> Result<(), Duration> {
        let full_at = self.full_at.max(now) + rate.every;
        let wait = (full_at - now).saturating_sub(rate.every * rate.burst);
        if wait.is_zero() {
            self.full_at = full_at;
            Ok(())
        } else {
            Err(wait)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_burst_and_then_the_rate() {
        let rate = Rate::per_second(2.0, 3);
        let start = Instant::now();
        let mut bucket = Bucket::new(start);
        for _ in 0..3 {
            assert_eq!(bucket.take(rate, start), Ok(()));
        }
        assert_eq!(bucket.take(rate, start), Err(SECOND / 2));
        assert_eq!(bucket.take(rate, start + SECOND / 4), Err(SECOND / 4));
        assert_eq!(bucket.take(rate, start + SECOND / 2), Ok(()));
        assert_eq!(bucket.take(rate, start + SECOND / 2), Err(SECOND / 2));
    }

    #[test]
    fn it_never_holds_more_than_a_burst() {
        let rate = Rate::per_second(10.0, 5);
        let start = Instant::now();
        let mut bucket = Bucket::new(start);
        let later = start + 3_600 * SECOND;
        let taken = (0..100)
            .filter(|_| bucket.take(rate, later).is_ok())
            .count();
        assert_eq!(taken, 5);
    }

    #[test]
    fn whoever_asks_all_the_time_gets_the_rate() {
        let rate = Rate::per_second(4.0, 8);
        let start = Instant::now();
        let mut bucket = Bucket::new(start);
        let taken = (0..10_000)
            .filter(|&ms| bucket.take(rate, start + Duration::from_millis(ms)).is_ok())
            .count();
        assert_eq!(taken, 8 + 39, "a burst, and 4 a second for 9.999 seconds");
    }
}
