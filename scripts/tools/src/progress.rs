//! Progress that people can read: one line that renews itself on a terminal, a line now and then elsewhere.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

/// How far a piece of work of known size has come, on stderr.
#[derive(Debug)]
pub struct Progress {
    what: String,
    total: u64,
    terminal: bool,
    start: Instant,
    shown: Instant,
}

impl Progress {
    /// Starts the clock. `what` names the things counted, in the plural.
    pub fn new(what: &str, total: u64) -> Self {
        let (start, terminal) = (Instant::now(), std::io::stderr().is_terminal());
        Self {
            what: what.into(),
            total,
            terminal,
            start,
            shown: start,
        }
    }

    /// Tells that `done` of the total are done; shows it when it is time to.
    pub fn update(&mut self, done: u64) {
        let pause = Duration::from_millis(if self.terminal { 100 } else { 5_000 });
        if done == 0 || self.shown.elapsed() < pause {
            return;
        }
        self.shown = Instant::now();
        let seconds = self.start.elapsed().as_secs_f64();
        let rate = done as f64 / seconds;
        let left = self.total.saturating_sub(done) as f64 / rate;
        let percent = 100 * done / self.total.max(1);
        let speed = if rate >= 1.0 {
            format!(", {}/s", grouped(rate as u64))
        } else {
            String::new()
        };
        let line = format!(
            "{percent:3} %  {} of {} {}{speed}, {left:.0} s left",
            grouped(done),
            grouped(self.total),
            self.what,
        );
        if self.terminal {
            eprint!("\r\x1b[K{line}");
        } else {
            eprintln!("{line}");
        }
    }

    /// Ends it: removes the line from a terminal. Returns the time it took.
    pub fn finish(self) -> Duration {
        if self.terminal {
            eprint!("\r\x1b[K");
        }
        // Nothing to do about a stderr that is gone.
        let _ = std::io::stderr().flush();
        self.start.elapsed()
    }
}

/// A number with its thousands apart: `1,234,567`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn thousands_stand_apart() {
        let cases = [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (1_234_567, "1,234,567"),
        ];
        for (number, text) in cases {
            assert_eq!(grouped(number), text);
        }
    }
}
