//! How the gateway ends: no new connections, running commands finish, clients are sent away spread over time so that
//! they do not all come back at once.

use std::sync::OnceLock;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

/// How many clients are sent away per second.
const PER_SECOND: u32 = 500;

/// The signal to end, shared by everything that runs.
#[derive(Debug, Default)]
pub struct Ending {
    token: CancellationToken,
    spread: OnceLock<Duration>,
}

impl Ending {
    /// Begins the end for this many connections. They are all sent away within half of `limit`.
    pub fn begin(&self, connections: u32, limit: Duration) {
        let spread = (Duration::from_secs(1) * connections / PER_SECOND).min(limit / 2);
        let _ = self.spread.set(spread); // set already: it has begun
        self.token.cancel();
    }

    /// Whether the end has begun.
    pub fn begun(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Waits for the end to begin, and gives the caller its own random share of the delay.
    pub async fn wait(&self) -> Duration {
        self.token.cancelled().await;
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
            assert!(!ending.begun());
            ending.begin(connections, limit);
            ending.begin(0, limit);
            assert!(ending.begun());
            assert_eq!(ending.spread.get().unwrap().as_millis(), most);
            assert!(ending.wait().await.as_millis() <= most);
        }
    }
}
