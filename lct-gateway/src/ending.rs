//! How the gateway ends: readiness goes first, then no new connections, running commands finish, clients are sent away
//! spread over time so that they do not all come back at once.

use std::sync::OnceLock;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

/// The signal to end, shared by everything that runs.
#[derive(Debug, Default)]
pub struct Ending {
    announced: CancellationToken,
    begun: CancellationToken,
    spread: OnceLock<Duration>,
}

impl Ending {
    /// Says that the end is near: `/readyz` answers so, and everything else goes on.
    pub fn announce(&self) {
        self.announced.cancel();
    }

    /// Begins the end for this many connections. They are sent away at `per_second`, or faster where half of `limit`
    /// would not suffice.
    pub fn begin(&self, connections: u32, per_second: u32, limit: Duration) {
        let spread = (Duration::from_secs(1) * connections / per_second).min(limit / 2);
        let _ = self.spread.set(spread); // set already: it has begun
        self.announce();
        self.begun.cancel();
    }

    /// Whether the end was announced or has begun.
    pub fn announced(&self) -> bool {
        self.announced.is_cancelled()
    }

    /// Waits for the end to begin, and gives the caller its own random share of the delay.
    pub async fn wait(&self) -> Duration {
        self.begun.cancelled().await;
        let spread = self.spread.get().copied().unwrap_or_default();
        spread.mul_f64(rand::random::<f64>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn few_leave_at_once_and_many_within_half_the_limit() {
        let limit = Duration::from_secs(30);
        for (connections, most) in [(1, 2), (5_000, 10_000), (1_000_000, 15_000)] {
            let ending = Ending::default();
            assert!(!ending.announced());
            ending.begin(connections, 500, limit);
            ending.begin(0, 500, limit);
            assert!(ending.announced());
            assert_eq!(ending.spread.get().unwrap().as_millis(), most);
            assert!(ending.wait().await.as_millis() <= most);
        }
    }

    #[tokio::test]
    async fn announced_is_not_begun() {
        let ending = Ending::default();
        ending.announce();
        assert!(ending.announced());
        let begun = tokio::time::timeout(Duration::from_millis(20), ending.wait()).await;
        assert!(begun.is_err());
    }
}
