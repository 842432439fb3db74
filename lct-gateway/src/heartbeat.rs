//! Signs of life of one client: when to ask for one, and when to give up. No timers, only the time it is told.

use std::time::{Duration, Instant};

/// What to do now.
#[derive(Debug, PartialEq, Eq)]
pub enum Beat {
    /// Nothing yet.
    Wait,
    /// Send a ping.
    Ask,
    /// The client did not answer the last one.
    Silent,
}

/// Watches one client. Anything it sends is a sign of life, not only a pong.
#[derive(Debug)]
pub struct Heartbeat {
    interval: Duration,
    patience: Duration,
    heard: Instant,
    asked: Option<Instant>,
}

impl Heartbeat {
    /// Asks after `interval` of silence and waits `patience` for the answer.
    pub const fn new(interval: Duration, patience: Duration, now: Instant) -> Self {
        Self {
            interval,
            patience,
            heard: now,
            asked: None,
        }
    }

    /// Whether an answer to a ping is owed.
    pub const fn is_asking(&self) -> bool {
        self.asked.is_some()
    }

    /// The client sent something.
    pub const fn heard(&mut self, now: Instant) {
        self.heard = now;
        self.asked = None;
    }

    /// When to call [`Heartbeat::tick`] next.
    pub fn due(&self) -> Instant {
        match self.asked {
            Some(asked) => asked + self.patience,
            None => self.heard + self.interval,
        }
    }

    /// What to do at `now`. After [`Beat::Ask`] the patience runs.
    pub fn tick(&mut self, now: Instant) -> Beat {
        if now < self.due() {
            Beat::Wait
        } else if self.asked.is_some() {
            Beat::Silent
        } else {
            self.asked = Some(now);
            Beat::Ask
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn asks_after_silence_and_gives_up_without_an_answer() {
        let start = Instant::now();
        let mut beat = Heartbeat::new(25 * SECOND, 8 * SECOND, start);
        assert_eq!(beat.tick(start + 24 * SECOND), Beat::Wait);
        assert_eq!(beat.tick(start + 25 * SECOND), Beat::Ask);
        assert_eq!(beat.tick(start + 32 * SECOND), Beat::Wait);
        assert_eq!(beat.due(), start + 33 * SECOND);
        assert_eq!(beat.tick(start + 33 * SECOND), Beat::Silent);
    }

    #[test]
    fn any_sign_of_life_starts_over() {
        let start = Instant::now();
        let mut beat = Heartbeat::new(25 * SECOND, 8 * SECOND, start);
        assert_eq!(beat.tick(start + 25 * SECOND), Beat::Ask);
        beat.heard(start + 30 * SECOND);
        assert_eq!(beat.tick(start + 54 * SECOND), Beat::Wait);
        assert_eq!(beat.tick(start + 55 * SECOND), Beat::Ask);
    }
}
