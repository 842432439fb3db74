//! A set of visitors, by number.

/// One bit a visitor, and one for each 64 of them that are not all absent: small enough for the nearest cache, and the
/// members come out in order of number, which is how their names lie in memory.
#[derive(Debug, Default)]
pub(crate) struct Members {
    words: Vec<u64>,
    /// Which words are not 0.
    summary: Vec<u64>,
}

impl Members {
    /// Makes room for numbers below `bound`.
    pub(crate) fn reserve(&mut self, bound: usize) {
        let words = bound.div_ceil(64);
        if self.words.len() < words {
            self.words.resize(words, 0);
            self.summary.resize(words.div_ceil(64), 0);
        }
    }

    /// Adds a member.
    #[inline]
    pub(crate) fn insert(&mut self, number: u32) {
        let word = number as usize / 64;
        self.words[word] |= 1 << (number % 64);
        self.summary[word / 64] |= 1 << (word % 64);
    }

    /// Takes out every member, in order.
    pub(crate) fn drain(&mut self, members: &mut Vec<u32>) {
        for (at, summary) in self.summary.iter_mut().enumerate() {
            while *summary != 0 {
                let word = at * 64 + summary.trailing_zeros() as usize;
                *summary &= *summary - 1;
                let mut bits = std::mem::take(&mut self.words[word]);
                while bits != 0 {
                    members.push((word * 64) as u32 + bits.trailing_zeros());
                    bits &= bits - 1;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_come_out_once_and_in_order() {
        let mut members = Members::default();
        members.reserve(10_000);
        for number in [9_999, 0, 64, 63, 64, 0] {
            members.insert(number);
        }
        let mut all = Vec::new();
        members.drain(&mut all);
        assert_eq!(all, [0, 63, 64, 9_999]);
        all.clear();
        members.drain(&mut all);
        assert!(all.is_empty());
    }
}
