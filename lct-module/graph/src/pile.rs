//! A list that grows without moving what it holds: a question may collect millions of things, and moving them all at
//! once would hold everybody up.

/// Things in one piece.
const PIECE: usize = 1 << 16;

/// A list to push onto and to go through.
#[derive(Debug)]
pub(crate) struct Pile<T> {
    full: Vec<Vec<T>>,
    /// The last piece, which grows like any list.
    last: Vec<T>,
}

impl<T> Default for Pile<T> {
    fn default() -> Self {
        Self {
            full: Vec::new(),
            last: Vec::new(),
        }
    }
}

impl<T> Pile<T> {
    pub(crate) fn len(&self) -> usize {
        self.full.len() * PIECE + self.last.len()
    }

    #[inline]
    pub(crate) fn push(&mut self, item: T) {
        if self.last.len() == PIECE {
            self.stack();
        }
        self.last.push(item);
    }

    #[cold]
    fn stack(&mut self) {
        let full = std::mem::replace(&mut self.last, Vec::with_capacity(PIECE));
        self.full.push(full);
    }

    /// Some that lie together, from that one on: at most `count`, and none only where there are no more.
    pub(crate) fn some(&self, from: usize, count: usize) -> &[T] {
        let piece = self.full.get(from / PIECE).unwrap_or(&self.last);
        let rest = &piece[from % PIECE..];
        &rest[..rest.len().min(count)]
    }

    pub(crate) fn clear(&mut self) {
        self.full.clear();
        self.last.clear();
    }

    /// Room for so many.
    pub(crate) fn capacity(&self) -> usize {
        self.full.len() * PIECE + self.last.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::{PIECE, Pile};

    #[test]
    fn all_come_back_in_order() {
        for many in [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE] {
            let mut pile = Pile::default();
            (0..many).for_each(|n| pile.push(n));
            assert_eq!(pile.len(), many);
            let mut at = 0;
            while at < many {
                let some = pile.some(at, 1000);
                assert!(!some.is_empty() && some.len() <= 1000);
                assert!(
                    some.iter().copied().eq(at..at + some.len()),
                    "from {at} of {many}"
                );
                at += some.len();
            }
            pile.clear();
            assert_eq!(pile.len(), 0);
        }
    }
}
