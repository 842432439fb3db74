//! All visits of one visitor, or all visits to one space, in time order.
//!
//! Up to [`MAX_ROWS`] visits are one [`Chunk`]. More become sorted lists of chunks, and here the two sides differ: a
//! space keeps its visits apart by length (`BY_LENGTH`), each class four times as long as the one before. A visit that
//! overlaps `[from, to)` starts at most its own length before `from`, so within a class at most a few times as many rows
//! are looked at as are found; were all lengths in one order, one cleaner's eight-hour shift would make every question
//! about a station look at eight hours of five-minute stops. A visitor's visits stay in order of start alone, which is
//! how they are looked up and listed; nobody makes enough of them at once for the difference to count.
//!
//! Visits mostly arrive in order, so the chunk they arrive in is at hand: a visit in its turn is written without
//! anything being read but what stands beside the name and, in a list, at one further place.
//!
//! What changes a timeline keeps the books of its heap: `heap` is the sum for all timelines of the graph.

use crate::Millis;
use crate::chunk::{Chunk, MAX_ROWS, Row, Swept, TooWide, bits, longest};
use crate::memory::allocated;
use crate::prefetch;

/// A list falls back to a single chunk at this many rows; well below the limit, so that it does not flap.
const FEW_ROWS: usize = MAX_ROWS / 2;

/// Rows that come together are packed anew with those that are there, unless these are so many times as many.
const FEW_AMONG: usize = 8;

/// The visits of one visitor (in order of start) or, `BY_LENGTH`, of one space.
#[derive(Debug, Clone)]
pub(crate) enum Timeline<const BY_LENGTH: bool> {
    Small(Chunk),
    Large(Large<BY_LENGTH>),
}

/// A chunk in a list. No row is below (chunk's base, other).
#[derive(Debug, Clone)]
struct Piece {
    chunk: Chunk,
    other: u32,
}

/// Changes a chunk and keeps the books.
fn changed<R>(chunk: &mut Chunk, heap: &mut usize, change: impl FnOnce(&mut Chunk) -> R) -> R {
    let held = chunk.heap();
    let result = change(chunk);
    *heap = *heap - held + chunk.heap();
    result
}

impl Piece {
    fn new(chunk: Chunk) -> Self {
        Self {
            other: chunk.row(0).other,
            chunk,
        }
    }

    fn key(&self) -> (Millis, u32) {
        (self.chunk.base(), self.other)
    }

    /// Changes the chunk and keeps the books and the lower bound true. `first` says whether it may change the first row.
    fn change<R>(
        &mut self,
        first: bool,
        heap: &mut usize,
        change: impl FnOnce(&mut Chunk) -> R,
    ) -> R {
        let base = self.chunk.base();
        let result = changed(&mut self.chunk, heap, change);
        // Packing a chunk anew moves its base to its first row, and the bound with it.
        if (first || self.chunk.base() != base) && self.chunk.rows() > 0 {
            let row = self.chunk.row(0);
            if row.start == self.chunk.base() {
                self.other = row.other;
            }
        }
        result
    }
}

/// The visits of one class: a sorted list of chunks, none empty.
#[derive(Debug)]
struct Class {
    /// The last chunk, in which visits arrive.
    last: Piece,
    /// The chunks before it.
    before: Vec<Piece>,
    rows: usize,
    /// Every length is below 2^`longest`.
    longest: u8,
}

/// More visits than one chunk holds.
#[derive(Debug, Clone)]
pub(crate) struct Large<const BY_LENGTH: bool> {
    /// In order of class.
    classes: Box<[Class]>,
    /// Which classes there are, one bit each.
    present: u32,
}

impl<const BY_LENGTH: bool> Timeline<BY_LENGTH> {
    pub(crate) fn new() -> Self {
        Self::Small(Chunk::new())
    }

    pub(crate) fn rows(&self) -> usize {
        match self {
            Self::Small(chunk) => chunk.rows(),
            Self::Large(large) => large.rows(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows() == 0
    }

    /// Heap bytes, as the allocator rounds them.
    pub(crate) fn heap(&self) -> usize {
        match self {
            Self::Small(chunk) => chunk.heap(),
            Self::Large(large) => large.heap(),
        }
    }

    /// Looks at what there is to see before a visit of that length is logged, so that it is at hand by then.
    pub(crate) fn touch(&self, len: Millis) -> u8 {
        match self {
            Self::Small(chunk) => chunk.touch(),
            Self::Large(large) => large
                .find(Self::class(len))
                .map_or(0, |at| large.classes[at].last.chunk.touch()),
        }
    }

    /// Reads some of what a sweep of what ended by `before` will look at.
    pub(crate) fn touch_oldest(&self, before: Millis) -> u8 {
        match self {
            Self::Small(chunk) => chunk.touch_oldest(before),
            Self::Large(large) => large
                .classes
                .iter()
                .map(|class| class.piece(0).chunk.touch_oldest(before))
                .fold(0, |all, byte| all ^ byte),
        }
    }

    /// Asks memory for what it is made of, and waits for nothing but itself.
    #[inline]
    pub(crate) fn ask(&self) {
        match self {
            Self::Small(chunk) => chunk.ask(),
            Self::Large(large) => large.classes.iter().for_each(prefetch::ask),
        }
    }

    /// Asks memory for the latest visits of a long one.
    #[inline]
    pub(crate) fn ask_latest(&self) {
        if let Self::Large(large) = self {
            (large.classes.iter()).for_each(|class| class.last.chunk.ask());
        }
    }

    /// Adds rows together, which are sorted by (start, other), at least within each class of lengths; false where one is
    /// there already, and then perhaps not all are.
    pub(crate) fn extend(&mut self, rows: &mut [Row], heap: &mut usize) -> bool {
        if rows.len() * FEW_AMONG < self.rows() {
            return rows.iter().all(|row| self.insert(row, heap));
        }
        *heap -= self.heap();
        let extended = match self {
            Self::Large(large) => large.extend(rows),
            Self::Small(chunk) if chunk.rows() == 0 => {
                let distinct = BY_LENGTH || rows.is_sorted_by(|a, b| a.key() < b.key());
                if distinct {
                    *self = Self::from_rows(rows);
                }
                distinct
            }
            Self::Small(chunk) => merge([&*chunk].into_iter(), rows)
                .map(|mut rows| *self = Self::from_rows(&mut rows))
                .is_some(),
        };
        *heap += self.heap();
        extended
    }

    /// A timeline of rows in such an order.
    fn from_rows(rows: &mut [Row]) -> Self {
        if rows.len() <= MAX_ROWS {
            if BY_LENGTH {
                rows.sort_unstable();
            }
            if let Ok(chunk) = Chunk::from_rows(rows) {
                return Self::Small(chunk);
            }
        }
        Self::Large(Large::new(rows))
    }

    /// Lengths from 4^class up to 4^(class + 1), where they are kept apart.
    pub(crate) const fn class(len: Millis) -> u8 {
        if BY_LENGTH {
            (len.ilog2() / 2) as u8
        } else {
            0
        }
    }

    /// Adds a row; false where it is there already.
    pub(crate) fn insert(&mut self, row: &Row, heap: &mut usize) -> bool {
        match self {
            Self::Small(chunk) => {
                let place = chunk.search(row.start, row.other);
                if let Err(index) = place {
                    self.insert_small(index, row, heap);
                }
                place.is_err()
            }
            Self::Large(large) => large.insert(row, heap),
        }
    }

    /// Adds a row to a single chunk at the place a search gave.
    fn insert_small(&mut self, index: usize, row: &Row, heap: &mut usize) {
        let Self::Small(chunk) = self else { return };
        if chunk.rows() < MAX_ROWS && changed(chunk, heap, |chunk| chunk.insert(index, row)).is_ok()
        {
            return;
        }
        let held = chunk.heap();
        let mut rows: Vec<Row> = chunk.iter().collect();
        rows.insert(index, *row);
        *self = Self::Large(Large::new(&mut rows));
        *heap = *heap - held + self.heap();
    }

    /// Removes exactly this row; false where it is not there.
    pub(crate) fn remove(&mut self, row: &Row, heap: &mut usize) -> bool {
        match self {
            Self::Small(chunk) => match chunk.search(row.start, row.other) {
                Ok(index) if chunk.row(index).len == row.len => {
                    changed(chunk, heap, |chunk| chunk.remove(index));
                    true
                }
                _ => false,
            },
            Self::Large(large) => {
                let removed = large.remove(row, heap);
                self.settle(heap);
                removed
            }
        }
    }

    /// No row starts earlier.
    pub(crate) fn earliest(&self) -> Millis {
        match self {
            Self::Small(chunk) => chunk.base(),
            Self::Large(large) => {
                let classes = large.classes.iter();
                let bases = classes.map(|class| class.piece(0).chunk.base());
                bases.min().unwrap_or(Millis::MAX)
            }
        }
    }

    /// Calls `each` with every row that overlaps `[from, to)`, in order of start only where the side keeps that order.
    #[inline]
    pub(crate) fn overlapping(&self, from: Millis, to: Millis, mut each: impl FnMut(Row)) {
        self.overlapping_while(from, to, |row| {
            each(row);
            true
        });
    }

    /// The same for as long as `each` says to go on; whether it did to the end.
    #[inline]
    pub(crate) fn overlapping_while(
        &self,
        from: Millis,
        to: Millis,
        mut each: impl FnMut(Row) -> bool,
    ) -> bool {
        match self {
            Self::Small(chunk) => chunk.overlapping(from, to, &mut each),
            Self::Large(large) => large.overlapping(from, to, &mut each),
        }
    }

    /// Calls `each` with every row.
    pub(crate) fn for_each(&self, mut each: impl FnMut(Row)) {
        match self {
            Self::Small(chunk) => chunk.iter().for_each(&mut each),
            Self::Large(large) => large
                .chunks()
                .for_each(|chunk| chunk.iter().for_each(&mut each)),
        }
    }

    /// Removes the rows that end by `before` and of which `dead` says so.
    pub(crate) fn sweep(
        &mut self,
        before: Millis,
        heap: &mut usize,
        mut dead: impl FnMut(&Row) -> bool,
    ) -> Swept {
        match self {
            Self::Small(chunk) => changed(chunk, heap, |chunk| chunk.sweep(before, &mut dead)),
            Self::Large(large) => {
                let swept = large.sweep(before, heap, &mut dead);
                self.settle(heap);
                swept
            }
        }
    }

    /// A list that lost most of its rows becomes one chunk again.
    fn settle(&mut self, heap: &mut usize) {
        let Self::Large(large) = self else { return };
        if large.rows() > FEW_ROWS {
            return;
        }
        let mut rows = Vec::with_capacity(FEW_ROWS);
        large.chunks().for_each(|chunk| chunk.list(&mut rows));
        rows.sort();
        if let Ok(chunk) = Chunk::from_rows(&rows) {
            *heap = *heap - large.heap() + chunk.heap();
            *self = Self::Small(chunk);
        }
    }
}

impl Timeline<false> {
    /// The length of the visit known by (start, other).
    pub(crate) fn find(&self, start: Millis, other: u32) -> Option<Millis> {
        let chunk = match self {
            Self::Small(chunk) => chunk,
            Self::Large(large) => large.only()?.chunk_of(start, other),
        };
        chunk
            .search(start, other)
            .ok()
            .map(|index| chunk.row(index).len)
    }

    /// Adds a row, or gives the one known by (start, other) another length; the length it had.
    pub(crate) fn upsert(&mut self, row: &Row, heap: &mut usize) -> Option<Millis> {
        let (index, old) = match self {
            Self::Small(chunk) => match chunk.search(row.start, row.other) {
                Ok(index) => (index, chunk.row(index)),
                Err(index) => {
                    self.insert_small(index, row, heap);
                    return None;
                }
            },
            Self::Large(large) => {
                let chunk = large
                    .only()
                    .map(|class| class.chunk_of(row.start, row.other));
                match chunk.map(|chunk| (chunk, chunk.search(row.start, row.other))) {
                    Some((chunk, Ok(index))) => (index, chunk.row(index)),
                    _ => {
                        large.insert(row, heap);
                        return None;
                    }
                }
            }
        };
        if old.len != row.len {
            self.set_len(&old, index, row.len, heap);
        }
        Some(old.len)
    }

    /// Gives the row at `index` of its chunk another length.
    fn set_len(&mut self, old: &Row, index: usize, len: Millis, heap: &mut usize) {
        let done = match self {
            Self::Small(chunk) => changed(chunk, heap, |chunk| chunk.set_len(index, len)),
            Self::Large(large) => large.set_len(old, index, len, heap),
        };
        if done.is_err() {
            self.remove(old, heap);
            self.insert(&Row { len, ..*old }, heap);
        }
    }

    /// The row that starts first.
    pub(crate) fn first(&self) -> Option<Row> {
        match self {
            Self::Small(chunk) if chunk.rows() == 0 => None,
            Self::Small(chunk) => Some(chunk.row(0)),
            Self::Large(large) => large.chunks().next().map(|chunk| chunk.row(0)),
        }
    }
}

impl Clone for Class {
    /// A copy takes as much memory as what it was made of, so that the graph's books hold for both.
    fn clone(&self) -> Self {
        let mut before = Vec::with_capacity(self.before.capacity());
        before.extend(self.before.iter().cloned());
        Self {
            last: self.last.clone(),
            before,
            ..*self
        }
    }
}

impl Class {
    /// A class of these sorted rows, of which there is one at least.
    fn new(rows: &[Row]) -> Self {
        let mut before = Vec::with_capacity(rows.len().div_ceil(MAX_ROWS));
        rows.chunks(MAX_ROWS)
            .for_each(|rows| pack(rows, &mut before));
        let last = before.pop().expect("one row at least");
        before.shrink_to_fit();
        Self {
            last,
            before,
            rows: rows.len(),
            longest: longest(rows),
        }
    }

    /// Heap bytes of the list.
    fn list(&self) -> usize {
        allocated(self.before.capacity() * size_of::<Piece>())
    }

    fn heap(&self) -> usize {
        self.list() + self.pieces().map(|piece| piece.chunk.heap()).sum::<usize>()
    }

    fn pieces(&self) -> impl Iterator<Item = &Piece> {
        self.before.iter().chain(std::iter::once(&self.last))
    }

    fn piece(&self, at: usize) -> &Piece {
        self.before.get(at).unwrap_or(&self.last)
    }

    fn piece_mut(&mut self, at: usize) -> &mut Piece {
        self.before.get_mut(at).unwrap_or(&mut self.last)
    }

    /// Which piece holds a row of that key, or would.
    fn locate(&self, start: Millis, other: u32) -> usize {
        if self.last.key() <= (start, other) {
            return self.before.len();
        }
        let after = self
            .before
            .partition_point(|piece| piece.key() <= (start, other));
        after.saturating_sub(1)
    }

    fn chunk_of(&self, start: Millis, other: u32) -> &Chunk {
        &self.piece(self.locate(start, other)).chunk
    }

    fn insert(&mut self, row: &Row, heap: &mut usize) -> bool {
        let mut at = self.locate(row.start, row.other);
        let chunk = &self.piece(at).chunk;
        let Err(mut index) = chunk.search(row.start, row.other) else {
            return false;
        };
        let is_full = chunk.rows() == MAX_ROWS;
        self.rows += 1;
        self.longest = self.longest.max(bits(row.len) as u8);
        if is_full {
            if index == MAX_ROWS {
                // In order of arrival: leave the full chunk full.
                if at == 0 {
                    self.piece_mut(at).change(false, heap, Chunk::pack);
                }
                let next = self.piece(at).chunk.followed_by(row);
                self.add(at + 1, Piece::new(next), heap);
                return true;
            }
            // Nearly in order: leave the left one nearly full.
            let middle = if index > MAX_ROWS / 4 * 3 {
                index
            } else {
                MAX_ROWS / 2
            };
            self.split(at, middle, heap);
            if index > middle {
                at += 1;
                index -= middle;
            }
        }
        let piece = self.piece_mut(at);
        let inserted = piece.change(index == 0, heap, |chunk| chunk.insert(index, row));
        if inserted.is_ok() {
            return true;
        }
        // Together these rows would be wider than a row may be: it stands alone.
        if index > 0 && index < piece.chunk.rows() {
            self.split(at, index, heap);
        }
        let place = if index > 0 { at + 1 } else { at };
        self.add(place, Piece::new(Chunk::alone(row)), heap);
        true
    }

    fn add(&mut self, at: usize, piece: Piece, heap: &mut usize) {
        *heap = *heap - self.list() + piece.chunk.heap();
        if self.before.len() == self.before.capacity() {
            self.before.reserve_exact(self.before.len() / 4 + 1); // most lists stay short
        }
        if at > self.before.len() {
            self.before.push(std::mem::replace(&mut self.last, piece));
        } else {
            self.before.insert(at, piece);
        }
        *heap += self.list();
    }

    fn split(&mut self, at: usize, index: usize, heap: &mut usize) {
        let right = self
            .piece_mut(at)
            .change(false, heap, |chunk| chunk.split_off(index));
        self.add(at + 1, Piece::new(right), heap);
    }

    fn remove(&mut self, row: &Row, heap: &mut usize) -> bool {
        let at = self.locate(row.start, row.other);
        let chunk = &self.piece(at).chunk;
        let Ok(index) = chunk.search(row.start, row.other) else {
            return false;
        };
        if chunk.row(index).len != row.len {
            return false;
        }
        self.rows -= 1;
        let piece = self.piece_mut(at);
        piece.change(false, heap, |chunk| chunk.remove(index));
        if piece.chunk.rows() < MAX_ROWS / 8 {
            self.merge(at, heap);
        }
        true
    }

    /// Joins a piece that has become small with a neighbour, or drops it when it is empty and not the only one.
    fn merge(&mut self, at: usize, heap: &mut usize) {
        if self.piece(at).chunk.rows() == 0 {
            if at < self.before.len() {
                self.before.remove(at);
            } else if let Some(last) = self.before.pop() {
                self.last = last;
            }
            return;
        }
        for left in [at.checked_sub(1), Some(at)].into_iter().flatten() {
            if left >= self.before.len() {
                continue;
            }
            let (a, b) = (&self.piece(left).chunk, &self.piece(left + 1).chunk);
            if a.rows() + b.rows() > MAX_ROWS / 2 {
                continue;
            }
            let rows: Vec<Row> = a.iter().chain(b.iter()).collect();
            if let Ok(chunk) = Chunk::from_rows(&rows) {
                *heap = *heap - a.heap() - b.heap() + chunk.heap();
                *self.piece_mut(left + 1) = Piece::new(chunk);
                self.before.remove(left);
                return;
            }
        }
    }

    fn sweep(
        &mut self,
        before: Millis,
        heap: &mut usize,
        dead: &mut impl FnMut(&Row) -> bool,
    ) -> Swept {
        let mut swept = Swept::NOTHING;
        for piece in self
            .before
            .iter_mut()
            .chain(std::iter::once(&mut self.last))
        {
            if piece.chunk.base() >= before {
                // All that follows starts no earlier.
                swept.earliest_end = swept.earliest_end.min(piece.chunk.base() + 1);
                break;
            }
            swept = swept.and(piece.change(false, heap, |chunk| chunk.sweep(before, dead)));
        }
        self.rows -= swept.removed;
        if swept.removed > 0 {
            *heap -= self.list();
            self.before.retain(|piece| piece.chunk.rows() > 0);
            if self.last.chunk.rows() == 0
                && let Some(last) = self.before.pop()
            {
                self.last = last;
            }
            if self.before.capacity() > 2 * self.before.len() {
                self.before.shrink_to_fit();
            }
            *heap += self.list();
        }
        swept
    }
}

/// The rows of sorted chunks and sorted rows beside them as one list; `None` where they have one in common.
fn merge<'c>(chunks: impl Iterator<Item = &'c Chunk>, beside: &[Row]) -> Option<Vec<Row>> {
    let mut rows = Vec::new();
    chunks.for_each(|chunk| chunk.list(&mut rows));
    rows.extend_from_slice(beside);
    rows.sort(); // finds two runs and merges them
    let distinct = rows.is_sorted_by(|a, b| a.key() < b.key());
    distinct.then_some(rows)
}

/// Packs sorted rows into as few chunks as hold them.
fn pack(rows: &[Row], pieces: &mut Vec<Piece>) {
    match Chunk::from_rows(rows) {
        Ok(chunk) => pieces.push(Piece::new(chunk)),
        Err(TooWide) => {
            let (left, right) = rows.split_at(rows.len() / 2);
            pack(left, pieces);
            pack(right, pieces);
        }
    }
}

impl<const BY_LENGTH: bool> Large<BY_LENGTH> {
    /// The list of these rows, sorted by (start, other), at least within each class.
    fn new(rows: &mut [Row]) -> Self {
        if BY_LENGTH {
            rows.sort_by_key(|row| Timeline::<BY_LENGTH>::class(row.len));
        }
        let mut present = 0;
        let classes = rows
            .chunk_by(|a, b| {
                Timeline::<BY_LENGTH>::class(a.len) == Timeline::<BY_LENGTH>::class(b.len)
            })
            .map(|rows| {
                present |= 1 << Timeline::<BY_LENGTH>::class(rows[0].len);
                Class::new(rows)
            });
        Self {
            classes: classes.collect(),
            present,
        }
    }

    /// Adds rows in such an order; false where one is there already, and then perhaps not all are.
    fn extend(&mut self, rows: &mut [Row]) -> bool {
        if BY_LENGTH {
            rows.sort_by_key(|row| Timeline::<BY_LENGTH>::class(row.len));
        }
        rows.chunk_by(|a, b| {
            Timeline::<BY_LENGTH>::class(a.len) == Timeline::<BY_LENGTH>::class(b.len)
        })
        .all(|rows| {
            let class = Timeline::<BY_LENGTH>::class(rows[0].len);
            let Some(at) = self.find(class) else {
                let new = Class::new(rows);
                self.change_classes(|classes, at| classes.insert(at, new), class);
                return true;
            };
            let chunks = self.classes[at].pieces().map(|piece| &piece.chunk);
            merge(chunks, rows)
                .map(|rows| self.classes[at] = Class::new(&rows))
                .is_some()
        })
    }

    fn rows(&self) -> usize {
        self.classes.iter().map(|class| class.rows).sum()
    }

    fn heap(&self) -> usize {
        self.list() + self.classes.iter().map(Class::heap).sum::<usize>()
    }

    /// Heap bytes of the list.
    fn list(&self) -> usize {
        allocated(self.classes.len() * size_of::<Class>())
    }

    /// Where the class is, or would be.
    fn place(&self, class: u8) -> usize {
        (self.present & ((1 << class) - 1)).count_ones() as usize
    }

    /// Where the class is, if there is one.
    fn find(&self, class: u8) -> Option<usize> {
        (self.present & 1 << class != 0).then(|| self.place(class))
    }

    fn insert(&mut self, row: &Row, heap: &mut usize) -> bool {
        let class = Timeline::<BY_LENGTH>::class(row.len);
        match self.find(class) {
            Some(at) => self.classes[at].insert(row, heap),
            None => {
                let new = Class::new(std::slice::from_ref(row));
                *heap = *heap - self.list() + new.heap();
                self.change_classes(|classes, at| classes.insert(at, new), class);
                *heap += self.list();
                true
            }
        }
    }

    /// Adds or takes away a class.
    fn change_classes(&mut self, change: impl FnOnce(&mut Vec<Class>, usize), class: u8) {
        let at = self.place(class);
        let mut classes = std::mem::take(&mut self.classes).into_vec();
        change(&mut classes, at);
        self.classes = classes.into_boxed_slice();
        self.present ^= 1 << class;
    }

    fn remove(&mut self, row: &Row, heap: &mut usize) -> bool {
        let class = Timeline::<BY_LENGTH>::class(row.len);
        let Some(at) = self.find(class) else {
            return false;
        };
        let removed = self.classes[at].remove(row, heap);
        self.drop_empty(heap);
        removed
    }

    /// Lets go of classes without rows.
    fn drop_empty(&mut self, heap: &mut usize) {
        let mut classes = self.present;
        while classes != 0 {
            let class = classes.trailing_zeros() as u8;
            classes &= classes - 1;
            if self.classes[self.place(class)].rows == 0 {
                *heap -= self.list();
                self.change_classes(|classes, at| drop(classes.remove(at)), class);
                *heap += self.list();
            }
        }
    }

    fn chunks(&self) -> impl Iterator<Item = &Chunk> {
        let pieces = self.classes.iter().flat_map(Class::pieces);
        pieces.map(|piece| &piece.chunk)
    }

    #[inline]
    fn overlapping(&self, from: Millis, to: Millis, each: &mut impl FnMut(Row) -> bool) -> bool {
        for class in &self.classes {
            let since = from.saturating_sub(1 << class.longest);
            let after = class
                .before
                .partition_point(|piece| piece.key() < (since, 0));
            // The piece before may reach past `since`.
            for piece in class.before[after.saturating_sub(1)..]
                .iter()
                .chain(std::iter::once(&class.last))
            {
                if piece.chunk.base() >= to {
                    break;
                }
                if !piece.chunk.overlapping(from, to, each) {
                    return false;
                }
            }
        }
        true
    }

    fn sweep(
        &mut self,
        before: Millis,
        heap: &mut usize,
        dead: &mut impl FnMut(&Row) -> bool,
    ) -> Swept {
        let mut swept = Swept::NOTHING;
        for class in &mut self.classes {
            swept = swept.and(class.sweep(before, heap, dead));
        }
        if swept.removed > 0 {
            self.drop_empty(heap);
        }
        swept
    }
}

impl Large<false> {
    /// All there is, in order of start; `None` when it is empty.
    fn only(&self) -> Option<&Class> {
        self.classes.first()
    }

    fn set_len(
        &mut self,
        old: &Row,
        index: usize,
        len: Millis,
        heap: &mut usize,
    ) -> Result<(), TooWide> {
        let class = self.classes.first_mut().ok_or(TooWide)?;
        let at = class.locate(old.start, old.other);
        class
            .piece_mut(at)
            .change(false, heap, |chunk| chunk.set_len(index, len))?;
        class.longest = class.longest.max(bits(len) as u8);
        Ok(())
    }
}

const _: () = assert!(
    size_of::<Timeline<true>>() == 72,
    "a slot holds a name and this, 112 bytes together"
);

#[cfg(test)]
mod tests {
    use super::*;

    /// Splitting, joining and falling back keep every row, the order and the heap figure.
    #[test]
    fn large_timelines_keep_their_books() {
        let mut timeline = Timeline::<true>::new();
        let mut rows = Vec::new();
        let mut heap = 0;
        let mut random = 0x9e37_79b9_u64;
        for step in 0..20_000u32 {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let pick = random >> 33;
            if step % 3 == 2 && step < 12_000 || step >= 12_000 && !rows.is_empty() {
                let row = rows.swap_remove(pick as usize % rows.len());
                assert!(timeline.remove(&row, &mut heap));
            } else if step < 12_000 {
                let row = Row {
                    start: pick % 1_000 * 60_000,
                    other: step,
                    len: 1 << (pick % 27),
                };
                assert!(timeline.insert(&row, &mut heap));
                rows.push(row);
            }
            if let Timeline::Large(large) = &timeline
                && step % 97 == 0
            {
                assert_eq!(large.classes.len(), large.present.count_ones() as usize);
                for class in &large.classes {
                    assert!(class.pieces().map(Piece::key).is_sorted());
                    let rows = class.pieces().map(|piece| piece.chunk.rows());
                    assert_eq!(rows.sum::<usize>(), class.rows);
                }
                assert!(large.chunks().all(|chunk| chunk.rows() > 0));
            }
            assert_eq!(timeline.rows(), rows.len());
            assert_eq!(timeline.heap(), heap);
        }
        assert!(timeline.is_empty() && heap == 0);
    }
}
