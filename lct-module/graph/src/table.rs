//! A hash table of numbers, found by 32 bits of a hash.
//!
//! It exists because looking up a name is most of the wait in logging a visit: an entry holds its hash, and entries are
//! tried one after the other, so that nearly every look-up waits for memory once. Who looks makes sure itself that what
//! it found is what it looks for.

use crate::memory::allocated;
use crate::prefetch;

/// No entry. Numbers are below 2^32 − 1.
const NONE: u64 = u64::MAX;

/// Entries of a hash (the upper half) and a number (the lower).
#[derive(Debug, Clone, Default)]
pub(crate) struct Table {
    /// Empty, or a power of two of them, at most seven eighths in use.
    entries: Box<[u64]>,
    used: usize,
}

const fn hash(entry: u64) -> u32 {
    (entry >> 32) as u32
}

impl Table {
    /// Heap bytes, as the allocator rounds them.
    pub(crate) fn heap(&self) -> usize {
        allocated(size_of_val(&*self.entries))
    }

    /// Asks memory for where a hash is looked for first.
    #[inline]
    pub(crate) fn ask(&self, hash: u32) {
        if let Some(last) = self.entries.len().checked_sub(1) {
            prefetch::ask(&self.entries[hash as usize & last]);
        }
    }

    /// The first number with this hash that `is_it`.
    #[inline]
    pub(crate) fn find(&self, hash: u32, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        self.place(hash, is_it).map(|at| self.entries[at] as u32)
    }

    fn place(&self, sought: u32, is_it: impl Fn(u32) -> bool) -> Option<usize> {
        let last = self.entries.len().checked_sub(1)?;
        let mut at = sought as usize & last;
        loop {
            let entry = self.entries[at];
            if entry == NONE {
                return None;
            }
            if hash(entry) == sought && is_it(entry as u32) {
                return Some(at);
            }
            at = (at + 1) & last;
        }
    }

    /// Adds a number that is not there yet.
    pub(crate) fn insert(&mut self, hash: u32, number: u32) {
        if (self.used + 1) * 8 > self.entries.len() * 7 {
            self.resize((self.entries.len() * 2).max(4));
        }
        self.used += 1;
        self.put(u64::from(hash) << 32 | u64::from(number));
    }

    fn put(&mut self, entry: u64) {
        let last = self.entries.len() - 1;
        let mut at = hash(entry) as usize & last;
        while self.entries[at] != NONE {
            at = (at + 1) & last;
        }
        self.entries[at] = entry;
    }

    fn resize(&mut self, entries: usize) {
        let old = std::mem::replace(&mut self.entries, vec![NONE; entries].into_boxed_slice());
        for &entry in old.iter().filter(|&&entry| entry != NONE) {
            self.put(entry);
        }
    }

    /// Takes out a number, which is there.
    pub(crate) fn remove(&mut self, sought: u32, number: u32) {
        let Some(mut gap) = self.place(sought, |other| other == number) else {
            return;
        };
        // What follows without a gap moves up as far as it may, so that it is still found.
        let last = self.entries.len() - 1;
        let mut at = gap;
        loop {
            at = (at + 1) & last;
            let entry = self.entries[at];
            if entry == NONE {
                break;
            }
            let wish = hash(entry) as usize;
            if at.wrapping_sub(wish) & last >= at.wrapping_sub(gap) & last {
                self.entries[gap] = entry;
                gap = at;
            }
        }
        self.entries[gap] = NONE;
        self.used -= 1;
        if self.entries.len() > 32 && self.used * 8 < self.entries.len() {
            self.resize(self.entries.len() / 4);
        }
    }

    /// Every entry: hash and number.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, u32)> {
        let used = self.entries.iter().filter(|&&entry| entry != NONE);
        used.map(|&entry| (hash(entry), entry as u32))
    }
}

#[cfg(test)]
mod tests {
    use super::Table;

    /// Few hashes for many numbers, so that entries are nearly always somewhere else than they would like to be.
    #[test]
    fn what_is_in_is_found_and_what_is_not_is_not() {
        let mut table = Table::default();
        let mut inside = [false; 1_000];
        let hash = |number: u32| number % 37 * 0x0100_0007;
        let mut random = 1_u64;
        for _ in 0..100_000 {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let number = (random >> 33) as u32 % 1_000;
            let is_inside = &mut inside[number as usize];
            let found = table.find(hash(number), |other| other == number);
            assert_eq!(found, is_inside.then_some(number));
            if *is_inside {
                table.remove(hash(number), number);
            } else {
                table.insert(hash(number), number);
            }
            *is_inside = !*is_inside;
        }
        let count = inside.iter().filter(|&&is_inside| is_inside).count();
        assert_eq!((table.used, table.iter().count()), (count, count));
        for (number, _) in (0..).zip(inside).filter(|&(_, is_inside)| is_inside) {
            table.remove(hash(number), number);
        }
        assert_eq!(table.used, 0);
        assert!(table.heap() <= 32 * 8);
    }
}
