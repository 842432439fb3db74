//! Spaces between two times, brought together so that each is looked up once.
//!
//! The contacts of an index case occupy many places, some of them together: a stadium counts once and not fifty thousand
//! times. Windows are collected in any order, spread over buckets (of one space each, or of a few neighbours), and sorted
//! and joined bucket by bucket as they are looked up, so that no step takes long however many there are.

use crate::Millis;
use crate::pile::Pile;
use crate::search::{A_PASS, Work};
use crate::spans::Span;

/// Buckets at most: half a megabyte to clear for each question.
const BUCKETS: usize = 1 << 17;

/// A space between two times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Window {
    pub(crate) space: u32,
    pub(crate) start: Millis,
    pub(crate) end: Millis,
}

impl Window {
    /// The part of `[start, end)` within the window.
    #[inline]
    pub(crate) fn clip(&self, start: Millis, end: Millis) -> Span {
        Span {
            start: start.max(self.start),
            end: end.min(self.end),
        }
    }
}

/// Windows on their way through the buckets: [`begin`](Self::begin), [`push`](Self::push) each,
/// [`spread`](Self::spread) them, take them by [`next`](Self::next).
#[derive(Debug, Default)]
pub(crate) struct Windows {
    pushed: Pile<Window>,
    spread: Vec<Window>,
    /// Bits of a space's number that do not count for the bucket.
    shift: u32,
    /// How many buckets there are.
    buckets: usize,
    /// While pushing, how many windows are in bucket b, at b + 2; then where the next of bucket b goes, at b + 1; in the
    /// end where bucket b begins, at b.
    starts: Vec<u32>,
    /// How many have been spread.
    at: usize,
    /// The bucket at hand, and the next window in `spread`.
    bucket: usize,
    next: usize,
}

impl Windows {
    /// Forgets all windows. Spaces have numbers below `bound`.
    pub(crate) fn begin(&mut self, bound: usize) {
        self.pushed.clear();
        self.spread.clear();
        self.shift = 0;
        while bound >> self.shift > BUCKETS {
            self.shift += 1;
        }
        self.buckets = (bound >> self.shift) + 1;
        self.starts.clear();
        self.starts.resize(self.buckets + 2, 0);
        (self.at, self.bucket, self.next) = (0, 0, 0);
    }

    #[inline]
    pub(crate) fn push(&mut self, window: Window) {
        let bucket = (window.space >> self.shift) as usize;
        self.starts[bucket + 2] += 1;
        self.pushed.push(window);
    }

    /// Brings the windows of each bucket together; false where there is more to do.
    pub(crate) fn spread(&mut self, work: &mut Work) -> bool {
        let all = self.pushed.len();
        if self.at == 0 {
            for bucket in 2..self.starts.len() {
                self.starts[bucket] += self.starts[bucket - 1];
            }
            if self.spread.capacity() < all {
                self.spread = Vec::with_capacity(all); // growing it would move what is no longer needed
            }
        }
        // Room for them first, then each to its own.
        while self.at < 2 * all {
            let done = if self.at < all {
                let some = (all - self.at).min(A_PASS);
                self.spread.resize(self.at + some, Window::default());
                some
            } else {
                let some = self.pushed.some(self.at - all, A_PASS);
                for &window in some {
                    let bucket = (window.space >> self.shift) as usize;
                    let place = &mut self.starts[bucket + 1];
                    self.spread[*place as usize] = window;
                    *place += 1;
                }
                some.len()
            };
            self.at += done;
            work.spend(done);
            if work.is_over() {
                break;
            }
        }
        self.at == 2 * all
    }

    /// The next window; those of one space that touch or overlap are one.
    pub(crate) fn next(&mut self, work: &mut Work) -> Option<Window> {
        while self.next == self.starts[self.bucket] as usize {
            // The bucket before is done, or empty.
            if self.bucket == self.buckets {
                return None;
            }
            self.bucket += 1;
            let bucket = self.next..self.starts[self.bucket] as usize;
            work.spend(bucket.len());
            let windows = &mut self.spread[bucket];
            if self.shift == 0 {
                windows.sort_unstable_by_key(|window| window.start);
            } else {
                windows.sort_unstable_by_key(|window| (window.space, window.start));
            }
        }
        let mut window = self.spread[self.next];
        self.next += 1;
        for next in &self.spread[self.next..self.starts[self.bucket] as usize] {
            if next.space != window.space || next.start > window.end {
                break;
            }
            window.end = window.end.max(next.end);
            self.next += 1;
        }
        Some(window)
    }

    /// The space that comes in so many windows.
    pub(crate) fn ahead(&self, count: usize) -> Option<u32> {
        let window = self.spread.get(self.next + count);
        window.map(|window| window.space)
    }

    /// Heap bytes.
    pub(crate) fn capacity(&self) -> usize {
        self.pushed.capacity() + self.spread.capacity()
    }
}
