//! How long something took lately: counts in steps of a fifth, of bounded size however much there is to count.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The first step ends here; each is 2^¼ times as long as the one before it, the last one takes all above 2 minutes.
const FIRST: f64 = 10e-6;
const STEPS: usize = 96;
const STEPS_A_DOUBLING: f64 = 4.0;

/// What took how long since it was last asked.
pub struct Latencies([AtomicU64; STEPS]);

/// Of what took how long, in milliseconds, to a tenth of it: half took at most the one, all but a hundredth the other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Percentiles {
    /// The median.
    pub p50: f64,
    /// The 99th hundredth.
    pub p99: f64,
}

impl Default for Latencies {
    fn default() -> Self {
        Self(std::array::from_fn(|_| AtomicU64::new(0)))
    }
}

impl Latencies {
    /// Something took this long.
    pub fn add(&self, took: Duration) {
        let steps = (took.as_secs_f64() / FIRST).log2() * STEPS_A_DOUBLING;
        // Too large, too small or none at all: the cast keeps to the bounds.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let step = (steps.ceil() as usize).min(STEPS - 1);
        self.0[step].fetch_add(1, Ordering::Relaxed);
    }

    /// What was added since the last call of this; `None`: nothing was.
    pub fn take(&self) -> Option<Percentiles> {
        let counts: Vec<u64> = self
            .0
            .iter()
            .map(|count| count.swap(0, Ordering::Relaxed))
            .collect();
        let total: u64 = counts.iter().sum();
        let at = |hundredths: u64| {
            let rank = (total * hundredths).div_ceil(100);
            let mut seen = 0;
            let step = counts.iter().position(|count| {
                seen += count;
                seen >= rank
            });
            // The middle of the step.
            let steps = step.unwrap_or(STEPS - 1) as f64 - 0.5;
            (FIRST * 1_000.0) * (steps / STEPS_A_DOUBLING).exp2()
        };
        (total > 0).then(|| Percentiles {
            p50: at(50),
            p99: at(99),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_right_to_a_tenth() {
        let latencies = Latencies::default();
        assert_eq!(latencies.take(), None);
        for micros in [15_u64, 100, 777, 5_000, 123_456, 20_000_000] {
            for _ in 0..98 {
                latencies.add(Duration::from_micros(micros));
            }
            latencies.add(Duration::from_micros(10 * micros));
            latencies.add(Duration::from_micros(10 * micros));
            let taken = latencies.take().expect("some");
            let near = |ms: f64, micros: u64| {
                let wanted = micros as f64 / 1_000.0;
                assert!((ms / wanted - 1.0).abs() < 0.1, "{ms} ms of {wanted}");
            };
            near(taken.p50, micros);
            if micros < 10_000_000 {
                near(taken.p99, 10 * micros);
            }
            assert_eq!(latencies.take(), None);
        }
    }

    #[test]
    fn nothing_is_too_long_or_too_short() {
        let latencies = Latencies::default();
        latencies.add(Duration::ZERO);
        latencies.add(Duration::MAX);
        let taken = latencies.take().expect("some");
        assert!(taken.p50 > 0.0 && taken.p99 > 60_000.0);
    }
}
