//! The one place that reads the clock; everything else is given the time.

use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds in a day.
pub const DAY: u64 = 86_400_000;

/// Milliseconds since the epoch; 0 on a machine whose clock stands before it.
pub fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| {
            u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
        })
}

/// The UTC midnight before `ms`: all that an alert says about when it was issued.
pub const fn utc_midnight(ms: u64) -> u64 {
    ms - ms % DAY
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn midnight_is_the_start_of_the_same_day() {
        assert_eq!(utc_midnight(1_621_018_800_000), 1_620_950_400_000);
        assert_eq!(utc_midnight(1_620_950_400_000), 1_620_950_400_000);
        assert_eq!(utc_midnight(0), 0);
    }
}
