//! Sorting in steps: runs are sorted one at a time and merged while they are read.

use std::cmp::Ordering;

use crate::prefetch::TOGETHER;
use crate::search::Work;

/// Items sorted at a time, some 3 ms.
const RUN: usize = 16_384;
/// Runs at most, since each item read is compared with the first of every run.
const RUNS: usize = 32;

/// Items to be sorted, then taken in order.
#[derive(Debug)]
pub(crate) struct Runs<T> {
    items: Vec<T>,
    /// How many have been sorted into runs.
    sorted: usize,
    /// From where to where the rest of each run goes.
    runs: Vec<(usize, usize)>,
}

impl<T> Default for Runs<T> {
    fn default() -> Self {
        Self {
            items: Vec::new(),
            sorted: 0,
            runs: Vec::new(),
        }
    }
}

impl<T> Runs<T> {
    pub(crate) fn push(&mut self, item: T) {
        self.items.push(item);
    }

    /// All items, taken or not, in no order.
    pub(crate) fn items(&self) -> &[T] {
        &self.items
    }

    /// The items from that one on, at most `count`; `None` where there are no more.
    pub(crate) fn some_mut(&mut self, from: usize, count: usize) -> Option<&mut [T]> {
        let end = self.items.len().min(from.saturating_add(count));
        self.items
            .get_mut(from..end)
            .filter(|some| !some.is_empty())
    }

    pub(crate) fn clear(&mut self) {
        self.items.clear();
        self.sorted = 0;
        self.runs.clear();
    }

    /// Sorts the first `count` items that are there in the end; false where there is more to do.
    pub(crate) fn sort(
        &mut self,
        count: usize,
        work: &mut Work,
        mut compare: impl FnMut(&T, &T) -> Ordering,
    ) -> bool {
        if self.sorted == 0 && count < self.items.len() {
            if count > 0 {
                self.items.select_nth_unstable_by(count - 1, &mut compare);
            }
            self.items.truncate(count);
        }
        let run = RUN.max(self.items.len().div_ceil(RUNS));
        while self.sorted < self.items.len() {
            if work.is_over() {
                return false;
            }
            let end = self.items.len().min(self.sorted + run);
            self.items[self.sorted..end].sort_unstable_by(&mut compare);
            self.runs.push((self.sorted, end));
            work.spend(4 * (end - self.sorted));
            self.sorted = end;
        }
        true
    }

    /// Takes the next item. Now and then `look_ahead` is shown some that come soon.
    pub(crate) fn next(
        &mut self,
        mut compare: impl FnMut(&T, &T) -> Ordering,
        look_ahead: impl FnOnce(&[T]),
    ) -> Option<&T> {
        let Self { items, runs, .. } = self;
        let heads = runs.iter().enumerate();
        let (run, &(at, end)) =
            heads.min_by(|(_, (a, _)), (_, (b, _))| compare(&items[*a], &items[*b]))?;
        if at.is_multiple_of(TOGETHER) {
            look_ahead(&items[at..end.min(at + TOGETHER)]);
        }
        if at + 1 == end {
            runs.swap_remove(run);
        } else {
            runs[run].0 = at + 1;
        }
        items.get(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_come_out_in_order_however_many_runs_there_are() {
        for (many, count) in [
            (0, 5),
            (10, 3),
            (100_000, usize::MAX),
            (700_000, 600_000),
            (9, 0),
        ] {
            let mut runs = Runs::default();
            for n in 0..many as u64 {
                runs.push(n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20);
            }
            let mut all = runs.items().to_vec();
            all.sort_unstable();
            all.truncate(count);
            while !runs.sort(count, &mut Work::new(1), Ord::cmp) {}
            assert_eq!(runs.items().len(), all.len());
            let taken: Vec<u64> =
                std::iter::from_fn(|| runs.next(Ord::cmp, |_| {}).copied()).collect();
            assert!(taken == all, "{many} items");
        }
    }
}
