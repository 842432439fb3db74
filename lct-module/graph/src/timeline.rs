//! All visits of one visitor, or all visits to one space, in time order.
//!
//! Up to [`MAX_ROWS`] visits are one [`Chunk`]. More become a sorted list of chunks, and here the two sides differ: a
//! space keeps its visits apart by length (`BY_LENGTH`), each class four times as long as the one before. A visit that
//! overlaps `[from, to)` starts at most its own length before `from`, so within a class at most a few times as many rows
//! are looked at as are found; were all lengths in one order, one cleaner's eight-hour shift would make every question
//! about a station look at eight hours of five-minute stops. A visitor's visits stay in order of start alone, which is
//! how they are looked up and listed; nobody makes enough of them at once for the difference to count.

use crate::Millis;
use crate::chunk::{Chunk, MAX_ROWS, Row, Swept, TooWide, bits};
use crate::memory::allocated;

/// A list falls back to a single chunk at this many rows; well below the limit, so that it does not flap.
const FEW_ROWS: usize = MAX_ROWS / 2;

/// The visits of one visitor (in order of start) or, `BY_LENGTH`, of one space.
#[derive(Debug, Clone)]
pub(crate) enum Timeline<const BY_LENGTH: bool> {
    Small(Chunk),
    Large(Box<Large<BY_LENGTH>>),
}

/// A chunk in a list. Its rows are of one class, and no row is below (class, chunk's base, other).
#[derive(Debug, Clone)]
struct Piece {
    chunk: Chunk,
    other: u32,
    class: u8,
}

impl Piece {
    fn new(class: u8, chunk: Chunk) -> Self {
        Self {
            other: chunk.row(0).other,
            chunk,
            class,
        }
    }

    fn key(&self) -> (u8, Millis, u32) {
        (self.class, self.chunk.base(), self.other)
    }

    /// Inserts a row and keeps the lower bound true.
    fn insert(&mut self, index: usize, row: &Row) -> Result<(), TooWide> {
        self.chunk.insert(index, row)?;
        self.raise_bound();
        Ok(())
    }

    /// Packing a chunk anew moves its base to its first row, and the bound with it.
    fn raise_bound(&mut self) {
        let first = self.chunk.row(0);
        if first.start == self.chunk.base() {
            self.other = first.other;
        }
    }

    fn set_len(&mut self, index: usize, len: Millis) -> Result<(), TooWide> {
        self.chunk.set_len(index, len)?;
        self.raise_bound();
        Ok(())
    }
}

/// A sorted list of chunks, none empty.
#[derive(Debug)]
pub(crate) struct Large<const BY_LENGTH: bool> {
    pieces: Vec<Piece>,
    rows: usize,
    /// Heap bytes of the chunks.
    heap: usize,
    /// Which classes have or had rows.
    classes: u32,
    /// Every length is below 2^`longest`.
    longest: u8,
}

impl<const BY_LENGTH: bool> Timeline<BY_LENGTH> {
    pub(crate) fn new() -> Self {
        Self::Small(Chunk::new())
    }

    pub(crate) fn rows(&self) -> usize {
        match self {
            Self::Small(chunk) => chunk.rows(),
            Self::Large(large) => large.rows,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows() == 0
    }

    /// Heap bytes, as the allocator rounds them.
    pub(crate) fn heap(&self) -> usize {
        match self {
            Self::Small(chunk) => chunk.heap(),
            Self::Large(large) => {
                large.heap
                    + allocated(size_of::<Large<BY_LENGTH>>())
                    + allocated(large.pieces.capacity() * size_of::<Piece>())
            }
        }
    }

    /// Adds a row that is not there yet.
    pub(crate) fn insert(&mut self, row: &Row) {
        match self {
            Self::Small(chunk) => match chunk.search(row.start, row.other) {
                Ok(_) => debug_assert!(false, "the row is there already"),
                Err(index) => self.insert_small(index, row),
            },
            Self::Large(large) => large.insert(row),
        }
    }

    /// Adds a row to a single chunk at the place a search gave.
    fn insert_small(&mut self, index: usize, row: &Row) {
        let Self::Small(chunk) = self else { return };
        if chunk.rows() == MAX_ROWS || chunk.insert(index, row).is_err() {
            let mut large = Large::from_chunk(chunk);
            large.insert(row);
            *self = Self::Large(Box::new(large));
        }
    }

    /// Removes exactly this row; false where it is not there.
    pub(crate) fn remove(&mut self, row: &Row) -> bool {
        match self {
            Self::Small(chunk) => match chunk.search(row.start, row.other) {
                Ok(index) if chunk.row(index).len == row.len => {
                    chunk.remove(index);
                    true
                }
                _ => false,
            },
            Self::Large(large) => {
                let removed = large.remove(row);
                self.settle();
                removed
            }
        }
    }

    /// Calls `each` with every row that overlaps `[from, to)`, in order of start only where the side keeps that order.
    #[inline]
    pub(crate) fn overlapping(&self, from: Millis, to: Millis, mut each: impl FnMut(Row)) {
        match self {
            Self::Small(chunk) => chunk.overlapping(from, to, &mut each),
            Self::Large(large) => large.overlapping(from, to, &mut each),
        }
    }

    /// Calls `each` with every row.
    pub(crate) fn for_each(&self, mut each: impl FnMut(Row)) {
        match self {
            Self::Small(chunk) => chunk.iter().for_each(&mut each),
            Self::Large(large) => {
                large
                    .pieces
                    .iter()
                    .for_each(|piece| piece.chunk.iter().for_each(&mut each));
            }
        }
    }

    /// Removes the rows that end by `before` and of which `dead` says so.
    pub(crate) fn sweep(&mut self, before: Millis, mut dead: impl FnMut(&Row) -> bool) -> Swept {
        match self {
            Self::Small(chunk) => chunk.sweep(before, &mut dead),
            Self::Large(large) => {
                let swept = large.sweep(before, &mut dead);
                self.settle();
                swept
            }
        }
    }

    /// A list that lost most of its rows becomes one chunk again.
    fn settle(&mut self) {
        let Self::Large(large) = self else { return };
        if large.rows > FEW_ROWS {
            return;
        }
        let mut rows: Vec<Row> = large
            .pieces
            .iter()
            .flat_map(|piece| piece.chunk.iter())
            .collect();
        rows.sort_unstable();
        if let Ok(chunk) = Chunk::from_rows(&rows) {
            *self = Self::Small(chunk);
        }
    }
}

impl Timeline<false> {
    /// The length of the visit known by (start, other).
    pub(crate) fn find(&self, start: Millis, other: u32) -> Option<Millis> {
        let chunk = match self {
            Self::Small(chunk) => chunk,
            Self::Large(large) => &large.pieces[large.locate(0, start, other)?].chunk,
        };
        chunk
            .search(start, other)
            .ok()
            .map(|index| chunk.row(index).len)
    }

    /// Adds a row, or gives the one known by (start, other) another length; the length it had.
    pub(crate) fn upsert(&mut self, row: &Row) -> Option<Millis> {
        let (index, old) = match self {
            Self::Small(chunk) => match chunk.search(row.start, row.other) {
                Ok(index) => (index, chunk.row(index)),
                Err(index) => {
                    self.insert_small(index, row);
                    return None;
                }
            },
            Self::Large(large) => {
                let at = large.locate(0, row.start, row.other);
                let found = at.map(|at| large.pieces[at].chunk.search(row.start, row.other));
                match (at, found) {
                    (Some(at), Some(Ok(index))) => (index, large.pieces[at].chunk.row(index)),
                    _ => {
                        large.insert(row);
                        return None;
                    }
                }
            }
        };
        if old.len != row.len {
            self.set_len(&old, index, row.len);
        }
        Some(old.len)
    }

    /// Gives the row at `index` of its chunk another length.
    fn set_len(&mut self, old: &Row, index: usize, len: Millis) {
        let done = match self {
            Self::Small(chunk) => chunk.set_len(index, len).is_ok(),
            Self::Large(large) => large.set_len(old, index, len).is_ok(),
        };
        if !done {
            self.remove(old);
            self.insert(&Row { len, ..*old });
        }
    }

    /// The row that starts first.
    pub(crate) fn first(&self) -> Option<Row> {
        match self {
            Self::Small(chunk) if chunk.rows() == 0 => None,
            Self::Small(chunk) => Some(chunk.row(0)),
            Self::Large(large) => large.pieces.first().map(|piece| piece.chunk.row(0)),
        }
    }
}

impl<const BY_LENGTH: bool> Clone for Large<BY_LENGTH> {
    /// A copy takes as much memory as what it was made of, so that the graph's books hold for both.
    fn clone(&self) -> Self {
        let mut pieces = Vec::with_capacity(self.pieces.capacity());
        pieces.extend(self.pieces.iter().cloned());
        Self { pieces, ..*self }
    }
}

impl<const BY_LENGTH: bool> Large<BY_LENGTH> {
    /// Lengths from 4^class up to 4^(class + 1).
    const fn class(len: Millis) -> u8 {
        if BY_LENGTH {
            (len.ilog2() / 2) as u8
        } else {
            0
        }
    }

    /// Every length of the class is below 2^this.
    fn longest(&self, class: u8) -> u8 {
        if BY_LENGTH {
            2 * class + 2
        } else {
            self.longest
        }
    }

    fn from_chunk(chunk: &Chunk) -> Self {
        let mut rows: Vec<Row> = chunk.iter().collect();
        rows.sort_unstable_by_key(|row| (Self::class(row.len), row.start, row.other));
        let mut large = Self {
            pieces: Vec::new(),
            rows: 0,
            heap: 0,
            classes: 0,
            longest: chunk.longest(),
        };
        for run in rows.chunk_by(|a, b| Self::class(a.len) == Self::class(b.len)) {
            let class = Self::class(run[0].len);
            let chunk = Chunk::from_rows(run).expect("these rows shared a chunk");
            large.heap += chunk.heap();
            large.rows += chunk.rows();
            large.classes |= 1 << class;
            large.pieces.push(Piece::new(class, chunk));
        }
        large
    }

    /// The piece in which a row of that key is or belongs; `None` where the class has no piece.
    fn locate(&self, class: u8, start: Millis, other: u32) -> Option<usize> {
        let after = self
            .pieces
            .partition_point(|piece| piece.key() <= (class, start, other));
        let of_class = |at: usize| {
            self.pieces
                .get(at)
                .is_some_and(|piece| piece.class == class)
        };
        if after > 0 && of_class(after - 1) {
            Some(after - 1)
        } else if of_class(after) {
            Some(after)
        } else {
            None
        }
    }

    fn insert(&mut self, row: &Row) {
        let class = Self::class(row.len);
        self.classes |= 1 << class;
        self.longest = self.longest.max(bits(row.len) as u8);
        self.rows += 1;
        let Some(at) = self.locate(class, row.start, row.other) else {
            let at = self.pieces.partition_point(|piece| piece.class < class);
            self.add(at, Piece::new(class, Self::alone(row)));
            return;
        };
        let chunk = &mut self.pieces[at].chunk;
        let Err(mut index) = chunk.search(row.start, row.other) else {
            debug_assert!(false, "the row is there already");
            self.rows -= 1;
            return;
        };
        let mut at = at;
        if chunk.rows() == MAX_ROWS {
            if index == MAX_ROWS {
                // In order of arrival: leave the full chunk full.
                self.add(at + 1, Piece::new(class, Self::alone(row)));
                return;
            }
            // Nearly in order: leave the left one nearly full.
            let middle = if index > MAX_ROWS / 4 * 3 {
                index
            } else {
                MAX_ROWS / 2
            };
            self.split(at, middle);
            if index > middle {
                at += 1;
                index -= middle;
            }
        }
        let before = self.pieces[at].chunk.heap();
        if self.pieces[at].insert(index, row).is_ok() {
            self.heap = self.heap - before + self.pieces[at].chunk.heap();
            return;
        }
        // Together these rows would be wider than a row may be: it stands alone.
        if index > 0 && index < self.pieces[at].chunk.rows() {
            self.split(at, index);
        }
        let place = if index > 0 { at + 1 } else { at };
        self.add(place, Piece::new(class, Self::alone(row)));
    }

    fn alone(row: &Row) -> Chunk {
        Chunk::from_rows(std::slice::from_ref(row)).expect("one row has no offset, so it fits")
    }

    fn add(&mut self, at: usize, piece: Piece) {
        self.heap += piece.chunk.heap();
        self.pieces.insert(at, piece);
    }

    fn split(&mut self, at: usize, index: usize) {
        let left = &mut self.pieces[at];
        let before = left.chunk.heap();
        let right = Piece::new(left.class, left.chunk.split_off(index));
        self.heap = self.heap - before + left.chunk.heap();
        self.add(at + 1, right);
    }

    fn set_len(&mut self, old: &Row, index: usize, len: Millis) -> Result<(), TooWide> {
        debug_assert!(!BY_LENGTH, "another length may be another class");
        let at = self.locate(0, old.start, old.other).ok_or(TooWide)?;
        let before = self.pieces[at].chunk.heap();
        self.pieces[at].set_len(index, len)?;
        self.heap = self.heap - before + self.pieces[at].chunk.heap();
        self.longest = self.longest.max(bits(len) as u8);
        Ok(())
    }

    fn remove(&mut self, row: &Row) -> bool {
        let Some(at) = self.locate(Self::class(row.len), row.start, row.other) else {
            return false;
        };
        let chunk = &mut self.pieces[at].chunk;
        let Ok(index) = chunk.search(row.start, row.other) else {
            return false;
        };
        if chunk.row(index).len != row.len {
            return false;
        }
        let before = chunk.heap();
        chunk.remove(index);
        self.heap = self.heap - before + chunk.heap();
        self.rows -= 1;
        if self.pieces[at].chunk.rows() < MAX_ROWS / 8 {
            self.merge(at);
        }
        true
    }

    /// Joins a piece that has become small with a neighbour, or drops it when it is empty.
    fn merge(&mut self, at: usize) {
        if self.pieces[at].chunk.rows() == 0 {
            self.pieces.remove(at);
            return;
        }
        for left in [at.checked_sub(1), Some(at)].into_iter().flatten() {
            let Some([a, b]) = self.pieces.get(left..left + 2) else {
                continue;
            };
            if a.class != b.class || a.chunk.rows() + b.chunk.rows() > MAX_ROWS / 2 {
                continue;
            }
            let rows: Vec<Row> = a.chunk.iter().chain(b.chunk.iter()).collect();
            if let Ok(chunk) = Chunk::from_rows(&rows) {
                self.heap = self.heap - a.chunk.heap() - b.chunk.heap() + chunk.heap();
                self.pieces[left] = Piece::new(a.class, chunk);
                self.pieces.remove(left + 1);
                return;
            }
        }
    }

    #[inline]
    fn overlapping(&self, from: Millis, to: Millis, each: &mut impl FnMut(Row)) {
        let mut classes = self.classes;
        while classes != 0 {
            let class = classes.trailing_zeros() as u8;
            classes &= classes - 1;
            let since = from.saturating_sub(1 << self.longest(class));
            let after = self
                .pieces
                .partition_point(|piece| piece.key() < (class, since, 0));
            // The piece before may reach past `since`.
            for piece in &self.pieces[after.saturating_sub(1)..] {
                if piece.class < class {
                    continue;
                }
                if piece.class > class || piece.chunk.base() >= to {
                    break;
                }
                piece.chunk.overlapping(from, to, each);
            }
        }
    }

    fn sweep(&mut self, before: Millis, dead: &mut impl FnMut(&Row) -> bool) -> Swept {
        let mut swept = Swept::NOTHING;
        let mut emptied = false;
        let mut classes = self.classes;
        while classes != 0 {
            let class = classes.trailing_zeros() as u8;
            classes &= classes - 1;
            let first = self.pieces.partition_point(|piece| piece.class < class);
            for piece in &mut self.pieces[first..] {
                if piece.class != class {
                    break;
                }
                let chunk = &mut piece.chunk;
                let heap = chunk.heap();
                let found = chunk.sweep(before, dead);
                self.heap = self.heap - heap + chunk.heap();
                self.rows -= found.removed;
                emptied |= chunk.rows() == 0;
                swept = swept.and(found);
                if chunk.base() >= before {
                    break;
                }
            }
        }
        if emptied {
            self.pieces.retain(|piece| piece.chunk.rows() > 0);
            if self.pieces.capacity() > 2 * self.pieces.len() {
                self.pieces.shrink_to_fit();
            }
        }
        swept
    }
}

const _: () = assert!(
    size_of::<Timeline<true>>() == 32,
    "a slot holds a name and this, 72 bytes together"
);

#[cfg(test)]
mod tests {
    use super::*;

    /// Splitting, joining and falling back keep every row, the order and the heap figure.
    #[test]
    fn large_timelines_keep_their_books() {
        let mut timeline = Timeline::<true>::new();
        let mut rows = Vec::new();
        let mut random = 0x9e37_79b9_u64;
        for step in 0..20_000u32 {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let pick = random >> 33;
            if step % 3 == 2 && step < 12_000 || step >= 12_000 && !rows.is_empty() {
                let row = rows.swap_remove(pick as usize % rows.len());
                assert!(timeline.remove(&row));
            } else if step < 12_000 {
                let row = Row {
                    start: pick % 1_000 * 60_000,
                    other: step,
                    len: 1 << (pick % 27),
                };
                timeline.insert(&row);
                rows.push(row);
            }
            if let Timeline::Large(large) = &timeline
                && step % 97 == 0
            {
                assert!(large.pieces.is_sorted_by_key(Piece::key));
                let heap: usize = large.pieces.iter().map(|piece| piece.chunk.heap()).sum();
                assert_eq!(large.heap, heap);
                assert!(large.pieces.iter().all(|piece| piece.chunk.rows() > 0));
            }
            assert_eq!(timeline.rows(), rows.len());
        }
        assert!(timeline.is_empty() && timeline.heap() == 0);
    }
}
