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

/// The UTC day of a time, as YYYY-MM-DD.
pub fn day_text(ms: u64) -> String {
    let mut days = ms / DAY;
    let (mut year, mut month) = (1970, 1);
    while days >= 365 + u64::from(is_leap(year)) {
        days -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    while days >= month_length(year, month) {
        days -= month_length(year, month);
        month += 1;
    }
    format!("{year:04}-{month:02}-{:02}", days + 1)
}

const fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

const fn month_length(year: u64, month: u64) -> u64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 => 28 + is_leap(year) as u64,
        _ => 31,
    }
}

/// The UTC midnight with which a day begins, in epoch milliseconds; `None` for what is no day of the years 1970 to 9999
/// written as YYYY-MM-DD.
pub fn day(text: &str) -> Option<u64> {
    let digits = |range: std::ops::Range<usize>| -> Option<u64> {
        let part = text.get(range)?;
        part.bytes()
            .all(|b| b.is_ascii_digit())
            .then(|| part.parse().ok())?
    };
    let (year, month, day) = (digits(0..4)?, digits(5..7)?, digits(8..10)?);
    let dashes = text.len() == 10 && text.as_bytes()[4] == b'-' && text.as_bytes()[7] == b'-';
    if !dashes
        || year < 1970
        || !(1..=12).contains(&month)
        || !(1..=month_length(year, month)).contains(&day)
    {
        return None;
    }
    let years: u64 = (1970..year)
        .map(|year| 365 + u64::from(is_leap(year)))
        .sum();
    let months: u64 = (1..month).map(|month| month_length(year, month)).sum();
    Some((years + months + day - 1) * DAY)
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

    #[test]
    fn days_are_those_of_the_calendar() {
        assert_eq!(day("1970-01-01"), Some(0));
        assert_eq!(day("2000-02-29"), Some(951_782_400_000));
        assert_eq!(day("2021-05-14"), Some(1_620_950_400_000));
        assert_eq!(day("2026-12-31"), Some(1_798_675_200_000));
        for text in [
            "1970-01-01",
            "1999-12-31",
            "2000-02-29",
            "2021-03-01",
            "2100-02-28",
        ] {
            let midnight = day(text).unwrap();
            assert_eq!(day_text(midnight), text);
            assert_eq!(day_text(midnight + DAY - 1), text);
        }
        for bad in [
            "",
            "2021-02-29",
            "1900-01-01",
            "2021-13-01",
            "2021-00-10",
            "2021-04-31",
            "2021-1-01",
            "2021/05/14",
            "2021-05-14T",
            "+021-05-14",
            "2021-05-0é",
        ] {
            assert_eq!(day(bad), None, "{bad}");
        }
    }
}
