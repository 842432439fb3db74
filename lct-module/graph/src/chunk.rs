//! A run of visits packed into bytes: the leaf of every timeline.
//!
//! A chunk holds up to [`MAX_ROWS`] rows, sorted by (start, other). All rows of a chunk have one width, a whole number
//! of bytes, so that inserting and removing are one `memmove`; inside a row three bit fields stand side by side: the
//! start as an offset from the chunk's base, the length, and the number of the other side (the space in a visitor's
//! chunk, the visitor in a space's). Both times are counted in the chunk's unit, the coarsest of a minute, a second and
//! a millisecond that loses nothing. Field widths are chosen per chunk from what it holds, so a fortnight of visits
//! recorded to the minute takes 6 bytes a row and one recorded to the millisecond 10, and any time the contract allows
//! still fits. A row that does not fit the chunk's shape has the chunk packed anew, which happens a handful of times in
//! a chunk's life because every field can only grow to its limit by doubling.

use crate::Millis;

/// The most rows in one chunk: an insertion moves at most about a kilobyte.
pub(crate) const MAX_ROWS: usize = 128;

/// The widest row, in bits: what one 128-bit load can hold.
const MAX_BITS: u32 = 128;

/// The least room for rows, so that a row can always be read by one load.
const MIN_BYTES: usize = 16;

/// One visit as one side sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Row {
    pub(crate) start: Millis,
    /// Number of the space (visitor's side) or of the visitor (space's side).
    pub(crate) other: u32,
    /// Length of the visit; never 0.
    pub(crate) len: Millis,
}

impl Row {
    pub(crate) const fn end(&self) -> Millis {
        self.start + self.len
    }

    const fn key(&self) -> (Millis, u32) {
        (self.start, self.other)
    }
}

/// The coarsest grain that every time of a chunk is a multiple of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Unit {
    Millisecond,
    Second,
    Minute,
}

impl Unit {
    const fn millis(self) -> Millis {
        match self {
            Self::Millisecond => 1,
            Self::Second => 1_000,
            Self::Minute => 60_000,
        }
    }

    /// Spelled out so that each division is one by a constant.
    const fn floor(self, millis: Millis) -> u64 {
        match self {
            Self::Millisecond => millis,
            Self::Second => millis / 1_000,
            Self::Minute => millis / 60_000,
        }
    }

    const fn ceil(self, millis: Millis) -> u64 {
        let floor = self.floor(millis);
        floor + (floor * self.millis() < millis) as u64
    }

    const fn exact(self, millis: Millis) -> Option<u64> {
        let count = self.floor(millis);
        if count * self.millis() == millis {
            Some(count)
        } else {
            None
        }
    }

    /// The coarsest unit of which `millis` is a multiple.
    const fn of(millis: Millis) -> Self {
        if millis.is_multiple_of(60_000) {
            Self::Minute
        } else if millis.is_multiple_of(1_000) {
            Self::Second
        } else {
            Self::Millisecond
        }
    }
}

/// How the rows of a chunk are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Shape {
    unit: Unit,
    /// Bytes a row takes.
    width: u8,
    start_bits: u8,
    len_bits: u8,
}

/// How many bits a number needs.
pub(crate) const fn bits(value: u64) -> u32 {
    u64::BITS - value.leading_zeros()
}

const fn mask(bits: u32) -> u64 {
    if bits >= 64 {
        u64::MAX
    } else {
        (1 << bits) - 1
    }
}

impl Shape {
    /// The narrowest shape for rows up to these maxima; `None` where a row would need more than 128 bits.
    fn new(unit: Unit, max_offset: u64, max_len: u64, max_other: u32) -> Option<Self> {
        let mut start_bits = bits(max_offset);
        let mut len_bits = bits(max_len);
        let needed = start_bits + len_bits + bits(u64::from(max_other));
        if needed > MAX_BITS {
            return None;
        }
        let width = needed.div_ceil(8);
        // Bits left over by rounding go where growth is likeliest: starts move on, numbers rise, stays lengthen.
        let spare = width * 8 - needed;
        start_bits += spare.div_ceil(2);
        len_bits += spare / 4;
        Some(Self {
            unit,
            width: width as u8,
            start_bits: start_bits as u8,
            len_bits: len_bits as u8,
        })
    }

    /// The shape that holds all of `rows` (sorted, not empty), counted from the first.
    fn for_rows(rows: &[Row]) -> Option<Self> {
        let base = rows[0].start;
        let mut unit = Unit::Minute;
        let (mut max_len, mut max_other) = (0, 0);
        for row in rows {
            if unit != Unit::Millisecond {
                unit = unit.min(Unit::of(row.start - base)).min(Unit::of(row.len));
            }
            max_len = max_len.max(row.len);
            max_other = max_other.max(row.other);
        }
        let max_offset = rows[rows.len() - 1].start - base;
        Self::new(unit, unit.floor(max_offset), unit.floor(max_len), max_other)
    }

    fn other_bits(self) -> u32 {
        u32::from(self.width) * 8 - u32::from(self.start_bits) - u32::from(self.len_bits)
    }

    /// The row as bits, or `None` where it does not fit.
    fn encode(self, base: Millis, row: &Row) -> Option<u128> {
        let offset = self.unit.exact(row.start.checked_sub(base)?)?;
        let len = self.unit.exact(row.len)?;
        let (start_bits, len_bits) = (u32::from(self.start_bits), u32::from(self.len_bits));
        if offset > mask(start_bits)
            || len > mask(len_bits)
            || u64::from(row.other) > mask(self.other_bits())
        {
            return None;
        }
        let high = u128::from(len) | (u128::from(row.other) << len_bits);
        Some(u128::from(offset) | (high << start_bits))
    }
}

/// A row as it is stored: times in the chunk's unit, the start counted from its base.
struct Packed {
    offset: u64,
    len: u64,
    other: u32,
}

/// An integer that holds a whole row: 64 bits for all but the widest, where the work is halved.
trait Word: Copy {
    /// The row that begins at byte `at`; higher bits may belong to the next.
    fn load(data: &[u8], at: usize) -> Self;
    fn field(self, shift: u32, mask: u64) -> u64;
}

impl Word for u64 {
    #[inline(always)]
    fn load(data: &[u8], at: usize) -> Self {
        let from = at.min(data.len() - 8);
        let bytes: [u8; 8] = data[from..from + 8].try_into().expect("eight bytes");
        Self::from_le_bytes(bytes) >> ((at - from) * 8)
    }

    #[inline(always)]
    fn field(self, shift: u32, mask: u64) -> u64 {
        // A field of no bits may begin past the word's end.
        self.checked_shr(shift).unwrap_or(0) & mask
    }
}

impl Word for u128 {
    #[inline(always)]
    fn load(data: &[u8], at: usize) -> Self {
        let from = at.min(data.len() - 16);
        let bytes: [u8; 16] = data[from..from + 16].try_into().expect("sixteen bytes");
        Self::from_le_bytes(bytes) >> ((at - from) * 8)
    }

    #[inline(always)]
    fn field(self, shift: u32, mask: u64) -> u64 {
        self.checked_shr(shift).unwrap_or(0) as u64 & mask
    }
}

/// Reads rows; made once per use of a chunk, so that masks and shifts are computed once.
#[derive(Clone, Copy)]
struct Reader<'a> {
    data: &'a [u8],
    width: usize,
    len_shift: u32,
    other_shift: u32,
    start_mask: u64,
    len_mask: u64,
    other_mask: u64,
}

impl Reader<'_> {
    #[inline(always)]
    fn read<W: Word>(&self, index: usize) -> Packed {
        let word = W::load(self.data, index * self.width);
        Packed {
            offset: word.field(0, self.start_mask),
            len: word.field(self.len_shift, self.len_mask),
            other: word.field(self.other_shift, self.other_mask) as u32,
        }
    }

    #[inline(always)]
    fn get(&self, index: usize) -> Packed {
        if self.width <= 8 {
            self.read::<u64>(index)
        } else {
            self.read::<u128>(index)
        }
    }
}

/// What a sweep of old rows found.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Swept {
    /// Rows removed.
    pub(crate) removed: usize,
    /// Rows looked at.
    pub(crate) seen: usize,
    /// No row left ends earlier than this.
    pub(crate) earliest_end: Millis,
}

impl Swept {
    pub(crate) const NOTHING: Self = Self {
        removed: 0,
        seen: 0,
        earliest_end: Millis::MAX,
    };

    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            removed: self.removed + other.removed,
            seen: self.seen + other.seen,
            earliest_end: self.earliest_end.min(other.earliest_end),
        }
    }
}

/// The rows would need more than 128 bits each; they must be split.
#[derive(Debug)]
pub(crate) struct TooWide;

/// Up to [`MAX_ROWS`] rows sorted by (start, other), packed.
#[derive(Debug, Clone)]
pub(crate) struct Chunk {
    /// What starts are counted from; no row starts earlier.
    base: Millis,
    /// Room for rows; empty, or at least [`MIN_BYTES`] and a size the allocator hands out whole.
    data: Box<[u8]>,
    rows: u16,
    shape: Shape,
    /// Every length is below 2^`longest`.
    longest: u8,
}

impl Chunk {
    pub(crate) fn new() -> Self {
        Self {
            base: 0,
            data: Box::default(),
            rows: 0,
            shape: Shape {
                unit: Unit::Minute,
                width: 0,
                start_bits: 0,
                len_bits: 0,
            },
            longest: 0,
        }
    }

    /// A chunk of sorted rows.
    pub(crate) fn from_rows(rows: &[Row]) -> Result<Self, TooWide> {
        debug_assert!(rows.len() <= MAX_ROWS && rows.is_sorted_by_key(Row::key));
        let Some(first) = rows.first() else {
            return Ok(Self::new());
        };
        let shape = Shape::for_rows(rows).ok_or(TooWide)?;
        let width = usize::from(shape.width);
        let mut chunk = Self {
            base: first.start,
            data: vec![0; room(rows.len() * width)].into_boxed_slice(),
            rows: rows.len() as u16,
            shape,
            longest: 0,
        };
        for (index, row) in rows.iter().enumerate() {
            let word = shape
                .encode(chunk.base, row)
                .expect("the shape was made for these rows");
            chunk.data[index * width..][..width].copy_from_slice(&word.to_le_bytes()[..width]);
            chunk.longest = chunk.longest.max(bits(row.len) as u8);
        }
        Ok(chunk)
    }

    pub(crate) fn rows(&self) -> usize {
        usize::from(self.rows)
    }

    pub(crate) fn base(&self) -> Millis {
        self.base
    }

    /// Every length is below 2^`longest`.
    pub(crate) fn longest(&self) -> u8 {
        self.longest
    }

    /// Heap bytes.
    pub(crate) fn heap(&self) -> usize {
        self.data.len()
    }

    fn reader(&self) -> Reader<'_> {
        let (start_bits, len_bits) = (
            u32::from(self.shape.start_bits),
            u32::from(self.shape.len_bits),
        );
        Reader {
            data: &self.data,
            width: usize::from(self.shape.width),
            len_shift: start_bits,
            other_shift: start_bits + len_bits,
            start_mask: mask(start_bits),
            len_mask: mask(len_bits),
            other_mask: mask(self.shape.other_bits()),
        }
    }

    #[inline(always)]
    fn unpack(&self, packed: &Packed) -> Row {
        let unit = self.shape.unit.millis();
        Row {
            start: self.base + packed.offset * unit,
            other: packed.other,
            len: packed.len * unit,
        }
    }

    pub(crate) fn row(&self, index: usize) -> Row {
        debug_assert!(index < self.rows());
        self.unpack(&self.reader().get(index))
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = Row> + '_ {
        let reader = self.reader();
        (0..self.rows()).map(move |index| self.unpack(&reader.get(index)))
    }

    /// The row of that key, or where it would stand.
    pub(crate) fn search(&self, start: Millis, other: u32) -> Result<usize, usize> {
        let rows = self.rows();
        if rows == 0 {
            return Err(0);
        }
        let reader = self.reader();
        let key = |index| self.unpack(&reader.get(index)).key();
        // Visits mostly arrive in order.
        if key(rows - 1) < (start, other) {
            return Err(rows);
        }
        let (mut low, mut high) = (0, rows);
        while low < high {
            let middle = usize::midpoint(low, high);
            if key(middle) < (start, other) {
                low = middle + 1
            } else {
                high = middle
            }
        }
        if key(low) == (start, other) {
            Ok(low)
        } else {
            Err(low)
        }
    }

    /// Puts a row at its place, which [`search`](Self::search) gave.
    pub(crate) fn insert(&mut self, index: usize, row: &Row) -> Result<(), TooWide> {
        debug_assert!(self.rows() < MAX_ROWS);
        let word = if self.rows == 0 {
            None
        } else {
            self.shape.encode(self.base, row)
        };
        let Some(word) = word else {
            return self.repack(index, row);
        };
        let width = usize::from(self.shape.width);
        let (at, used) = (index * width, self.rows() * width);
        if used + width > self.data.len() {
            let mut grown = vec![0; room(used + width)].into_boxed_slice();
            grown[..at].copy_from_slice(&self.data[..at]);
            grown[at + width..used + width].copy_from_slice(&self.data[at..used]);
            self.data = grown;
        } else {
            self.data.copy_within(at..used, at + width);
        }
        self.data[at..at + width].copy_from_slice(&word.to_le_bytes()[..width]);
        self.rows += 1;
        self.longest = self.longest.max(bits(row.len) as u8);
        Ok(())
    }

    #[cold]
    fn repack(&mut self, index: usize, row: &Row) -> Result<(), TooWide> {
        let mut rows: Vec<Row> = Vec::with_capacity(self.rows() + 1);
        rows.extend(self.iter());
        rows.insert(index, *row);
        *self = Self::from_rows(&rows)?;
        Ok(())
    }

    /// Gives the row another length; `Err` where that does not fit the shape and nothing was changed.
    pub(crate) fn set_len(&mut self, index: usize, len: Millis) -> Result<(), TooWide> {
        let row = Row {
            len,
            ..self.row(index)
        };
        match self.shape.encode(self.base, &row) {
            Some(word) => {
                let width = usize::from(self.shape.width);
                self.data[index * width..][..width].copy_from_slice(&word.to_le_bytes()[..width]);
                self.longest = self.longest.max(bits(len) as u8);
            }
            None => {
                let mut rows: Vec<Row> = self.iter().collect();
                rows[index] = row;
                *self = Self::from_rows(&rows)?;
            }
        }
        Ok(())
    }

    /// Takes the row out.
    pub(crate) fn remove(&mut self, index: usize) {
        let width = usize::from(self.shape.width);
        let used = self.rows() * width;
        self.data
            .copy_within((index + 1) * width..used, index * width);
        self.rows -= 1;
        self.shrink();
    }

    /// Splits off the rows from `index` on.
    pub(crate) fn split_off(&mut self, index: usize) -> Self {
        let rows: Vec<Row> = self.iter().skip(index).collect();
        self.rows = index as u16;
        self.shrink();
        Self::from_rows(&rows).unwrap_or_else(|TooWide| unreachable!("these rows shared a chunk"))
    }

    /// Gives back room that is no longer needed.
    fn shrink(&mut self) {
        let used = self.rows() * usize::from(self.shape.width);
        if self.rows == 0 {
            *self = Self::new();
        } else if used * 2 <= self.data.len() && room(used) < self.data.len() {
            self.data = self.data[..room(used)].into();
        }
    }

    /// Calls `each` with every row that overlaps `[from, to)`.
    #[inline]
    pub(crate) fn overlapping(&self, from: Millis, to: Millis, each: &mut impl FnMut(Row)) {
        if self.shape.width <= 8 {
            self.overlapping_in::<u64>(from, to, each);
        } else {
            self.overlapping_in::<u128>(from, to, each);
        }
    }

    #[inline]
    fn overlapping_in<W: Word>(&self, from: Millis, to: Millis, each: &mut impl FnMut(Row)) {
        if self.rows == 0 || to <= self.base {
            return;
        }
        // Compared in the chunk's own unit: start < to, and end > from.
        let unit = self.shape.unit;
        let start_below = unit.ceil(to - self.base);
        let end_from = from
            .checked_sub(self.base)
            .map_or(0, |since| unit.floor(since) + 1);
        let reader = self.reader();
        // Who starts by from − longest has left by from.
        let mut first = 0;
        if let Some(since) = from
            .checked_sub(1 << self.longest)
            .and_then(|s| s.checked_sub(self.base))
        {
            let offset = unit.floor(since);
            let mut high = self.rows();
            while first < high {
                let middle = usize::midpoint(first, high);
                if reader.read::<W>(middle).offset < offset {
                    first = middle + 1
                } else {
                    high = middle
                }
            }
        }
        for index in first..self.rows() {
            let packed = reader.read::<W>(index);
            if packed.offset >= start_below {
                break;
            }
            if packed.offset + packed.len >= end_from {
                each(self.unpack(&packed));
            }
        }
    }

    /// Removes rows that end by `before` and of which `dead` says so.
    pub(crate) fn sweep(&mut self, before: Millis, dead: &mut impl FnMut(&Row) -> bool) -> Swept {
        let mut swept = Swept::NOTHING;
        if self.rows == 0 || self.base >= before {
            if self.rows > 0 {
                swept.earliest_end = self.base + 1;
            }
            return swept;
        }
        let width = usize::from(self.shape.width);
        let (rows, mut kept) = (self.rows(), 0);
        let mut index = 0;
        while index < rows {
            let row = self.row(index);
            if row.start >= before {
                // All that follows starts no earlier.
                swept.earliest_end = swept.earliest_end.min(row.start + 1);
                break;
            }
            if row.end() <= before && dead(&row) {
                swept.removed += 1;
            } else {
                swept.earliest_end = swept.earliest_end.min(row.end());
                if kept != index {
                    self.data
                        .copy_within(index * width..(index + 1) * width, kept * width);
                }
                kept += 1;
            }
            index += 1;
        }
        swept.seen = index;
        if swept.removed > 0 {
            self.data
                .copy_within(index * width..rows * width, kept * width);
            self.rows -= swept.removed as u16;
            self.shrink();
        }
        swept
    }
}

/// Room for `bytes` of rows: the size an allocator of the usual classes (jemalloc's) hands out anyway.
fn room(bytes: usize) -> usize {
    crate::memory::allocated(bytes.max(MIN_BYTES))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(start: Millis, len: Millis, other: u32) -> Row {
        Row { start, other, len }
    }

    #[test]
    fn a_fortnight_to_the_minute_takes_six_bytes_a_row() {
        let rows: Vec<Row> = (0..56u32)
            .map(|i| {
                row(
                    u64::from(i) * 21_600_000,
                    60_000 * (5 + u64::from(i) * 8),
                    74_000 + i,
                )
            })
            .collect();
        let chunk = Chunk::from_rows(&rows).unwrap();
        assert_eq!(chunk.shape.width, 6);
        assert!(chunk.iter().eq(rows.iter().copied()));
    }

    #[test]
    fn the_widest_times_fit_when_alone_or_refuse_together() {
        let max = crate::MAX_MILLIS;
        let mut chunk = Chunk::from_rows(&[row(0, max, u32::MAX)]).unwrap();
        assert_eq!(chunk.row(0), row(0, max, u32::MAX));
        assert!(chunk.insert(1, &row(max - 1, 1, 7)).is_err());
        assert_eq!(chunk.rows(), 1);
        assert_eq!(chunk.row(0), row(0, max, u32::MAX));
    }

    #[test]
    fn a_coarse_chunk_turns_fine_when_it_must() {
        let mut chunk = Chunk::from_rows(&[row(60_000, 60_000, 1)]).unwrap();
        chunk.insert(1, &row(60_001, 7, 2)).unwrap();
        chunk.insert(0, &row(3, 60_000_000, 9)).unwrap();
        let rows: Vec<Row> = chunk.iter().collect();
        assert_eq!(
            rows,
            [
                row(3, 60_000_000, 9),
                row(60_000, 60_000, 1),
                row(60_001, 7, 2)
            ]
        );
    }
}
