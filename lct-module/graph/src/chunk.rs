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
use crate::prefetch;

/// The most rows in one chunk: an insertion moves at most about a kilobyte.
pub(crate) const MAX_ROWS: usize = 128;

/// Fewer rows than these are the beginning of more.
const FEW_ROWS: usize = 4;
/// A fortnight, and a length few visits exceed: what the first rows leave room for.
const USUAL_OFFSET: Millis = 14 * 24 * 60 * 60_000;
const USUAL_LEN: Millis = 16 * 60 * 60_000;

/// The widest row, in bits: what one 128-bit load can hold.
const MAX_BITS: u32 = 128;

/// Room for the rows that came last, beside what else is known of a chunk: most visits are logged without a look at the
/// rows that came before them, which would have to be waited for, and every so often these are moved there together.
const PORCH: usize = 40;

/// The least room for rows, so that a row can always be read by one load.
const MIN_BYTES: usize = 16;

/// One visit as one side sees it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
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

    pub(crate) const fn key(&self) -> (Millis, u32) {
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

/// Every length of these rows is below 2^this.
pub(crate) fn longest(rows: &[Row]) -> u8 {
    let bits = rows.iter().map(|row| bits(row.len) as u8);
    bits.max().unwrap_or(0)
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

    /// The shape that holds all of `rows` (sorted, not empty), counted from the first. Few rows are the beginning of
    /// more: they get room for a usual visit of a fortnight.
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
        let mut max_offset = rows[rows.len() - 1].start - base;
        if rows.len() < FEW_ROWS {
            max_offset = max_offset.max(USUAL_OFFSET);
            max_len = max_len.max(USUAL_LEN);
        }
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

    /// Writes rows it was made for side by side.
    fn write(self, base: Millis, rows: &[Row], bytes: &mut [u8]) {
        let width = usize::from(self.width);
        for (index, row) in rows.iter().enumerate() {
            let word = self.encode(base, row).expect("a shape made for this row");
            let word = word.to_le_bytes();
            let at = index * width;
            match bytes.get_mut(at..at + 8) {
                // What is too much is written over by the next row.
                Some(room) if width <= 8 => room.copy_from_slice(&word[..8]),
                _ => bytes[at..at + width].copy_from_slice(&word[..width]),
            }
        }
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

/// Reads rows that stand side by side; made once per use of a chunk, so that masks and shifts are computed once.
#[derive(Clone, Copy)]
struct Reader<'a> {
    bytes: &'a [u8],
    /// Where the first row stands. The slice begins before it, for a load of a late row may reach back.
    from: usize,
    rows: usize,
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
        let word = W::load(self.bytes, self.from + index * self.width);
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
    /// The first rows: empty, or at least [`MIN_BYTES`] and a size the allocator hands out whole.
    data: Box<[u8]>,
    /// So many rows of `data` before those have left, and were not worth moving the others for.
    left: u8,
    /// The rows after those.
    porch: [u8; PORCH],
    rows: u8,
    /// How many rows are in the porch.
    waiting: u8,
    shape: Shape,
    /// Every length is below 2^`longest`.
    longest: u8,
}

impl Chunk {
    pub(crate) fn new() -> Self {
        Self {
            base: 0,
            data: Box::default(),
            left: 0,
            porch: [0; PORCH],
            rows: 0,
            waiting: 0,
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
        debug_assert!(rows.is_sorted_by_key(Row::key));
        let Some(first) = rows.first() else {
            return Ok(Self::new());
        };
        let shape = Shape::for_rows(rows).ok_or(TooWide)?;
        let width = usize::from(shape.width);
        let waiting = rows.len().min(PORCH / width);
        let packed = rows.len() - waiting;
        let mut chunk = Self {
            base: first.start,
            data: if packed == 0 {
                Box::default()
            } else {
                vec![0; room(packed * width)].into_boxed_slice()
            },
            rows: rows.len() as u8,
            waiting: waiting as u8,
            shape,
            longest: longest(rows),
            ..Self::new()
        };
        let (packed, waiting) = rows.split_at(packed);
        shape.write(chunk.base, packed, &mut chunk.data);
        shape.write(chunk.base, waiting, &mut chunk.porch);
        Ok(chunk)
    }

    /// A chunk of one row.
    pub(crate) fn alone(row: &Row) -> Self {
        Self::from_rows(std::slice::from_ref(row))
            .unwrap_or_else(|TooWide| unreachable!("one row has no offset, so it fits"))
    }

    /// Packs the rows as narrowly as they can be.
    pub(crate) fn pack(&mut self) {
        let rows: Vec<Row> = self.iter().collect();
        if let Ok(packed) = Self::from_rows(&rows)
            && packed.shape.width < self.shape.width
        {
            *self = packed;
        }
    }

    /// A chunk of one row, which comes after this full one and is likely to have successors of its kind.
    pub(crate) fn followed_by(&self, row: &Row) -> Self {
        let Some(word) = self.shape.encode(row.start, row) else {
            return Self::alone(row);
        };
        let mut chunk = Self {
            base: row.start,
            rows: 1,
            waiting: 1,
            shape: self.shape,
            longest: bits(row.len) as u8,
            ..Self::new()
        };
        chunk.write(0, word);
        chunk
    }

    pub(crate) fn rows(&self) -> usize {
        usize::from(self.rows)
    }

    pub(crate) fn base(&self) -> Millis {
        self.base
    }

    /// Heap bytes.
    pub(crate) fn heap(&self) -> usize {
        self.data.len()
    }

    /// Reads from each end of the porch.
    pub(crate) fn touch(&self) -> u8 {
        self.rows ^ self.porch[0] ^ self.porch[PORCH - 1]
    }

    /// Reads some of what a sweep of what ended by `before` will look at.
    pub(crate) fn touch_oldest(&self, before: Millis) -> u8 {
        if self.base >= before {
            return 0;
        }
        self.data.get(self.front()).copied().unwrap_or(0)
    }

    /// Asks memory for its rows.
    #[inline]
    pub(crate) fn ask(&self) {
        if let [first, .., last] = &*self.data {
            prefetch::ask(first);
            prefetch::ask(last);
        }
    }

    fn width(&self) -> usize {
        usize::from(self.shape.width)
    }

    fn waiting(&self) -> usize {
        usize::from(self.waiting)
    }

    /// Where the rows that are not in the porch begin.
    fn front(&self) -> usize {
        usize::from(self.left) * self.width()
    }

    /// How many rows are not in the porch.
    fn packed(&self) -> usize {
        self.rows() - self.waiting()
    }

    fn reader<'a>(&self, bytes: &'a [u8], from: usize, rows: usize) -> Reader<'a> {
        let (start_bits, len_bits) = (
            u32::from(self.shape.start_bits),
            u32::from(self.shape.len_bits),
        );
        Reader {
            bytes,
            from,
            rows,
            width: self.width(),
            len_shift: start_bits,
            other_shift: start_bits + len_bits,
            start_mask: mask(start_bits),
            len_mask: mask(len_bits),
            other_mask: mask(self.shape.other_bits()),
        }
    }

    fn packed_reader(&self) -> Reader<'_> {
        self.reader(&self.data, self.front(), self.packed())
    }

    fn porch_reader(&self) -> Reader<'_> {
        self.reader(&self.porch, 0, self.waiting())
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
        self.unpack(&match index.checked_sub(self.packed()) {
            Some(waiting) => self.porch_reader().get(waiting),
            None => self.packed_reader().get(index),
        })
    }

    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = Row> + '_ {
        let (packed, porch) = (self.packed_reader(), self.porch_reader());
        (0..self.rows()).map(move |index| {
            self.unpack(&match index.checked_sub(packed.rows) {
                Some(waiting) => porch.get(waiting),
                None => packed.get(index),
            })
        })
    }

    /// Adds all rows to a list.
    pub(crate) fn list(&self, rows: &mut Vec<Row>) {
        for reader in [self.packed_reader(), self.porch_reader()] {
            let all = 0..reader.rows;
            if reader.width <= 8 {
                rows.extend(all.map(|index| self.unpack(&reader.read::<u64>(index))));
            } else {
                rows.extend(all.map(|index| self.unpack(&reader.read::<u128>(index))));
            }
        }
    }

    /// The row of that key, or where it would stand.
    pub(crate) fn search(&self, start: Millis, other: u32) -> Result<usize, usize> {
        let sought = (start, other);
        let key = |reader: &Reader<'_>, index| self.unpack(&reader.get(index)).key();
        let (packed, porch) = (self.packed(), self.porch_reader());
        // Visits mostly arrive in order.
        if porch.rows > 0 && key(&porch, porch.rows - 1) < sought {
            return Err(self.rows());
        }
        let (reader, before) = if porch.rows > 0 && key(&porch, 0) <= sought {
            (porch, packed)
        } else {
            (self.packed_reader(), 0)
        };
        let (mut low, mut high) = (0, reader.rows);
        while low < high {
            let middle = usize::midpoint(low, high);
            if key(&reader, middle) < sought {
                low = middle + 1
            } else {
                high = middle
            }
        }
        if low < reader.rows && key(&reader, low) == sought {
            Ok(before + low)
        } else {
            Err(before + low)
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
        let width = self.width();
        if index >= self.packed() && (self.waiting() + 1) * width > PORCH {
            self.let_in();
        }
        if let Some(place) = index.checked_sub(self.packed()) {
            let used = self.waiting() * width;
            self.porch
                .copy_within(place * width..used, (place + 1) * width);
            self.waiting += 1;
        } else {
            let used = self.packed() * width;
            self.make_room(used + width);
            let at = self.front() + index * width;
            let end = self.front() + used;
            self.data.copy_within(at..end, at + width);
        }
        self.rows += 1;
        self.write(index, word);
        self.longest = self.longest.max(bits(row.len) as u8);
        Ok(())
    }

    /// Moves the rows in the porch to the others.
    fn let_in(&mut self) {
        let (from, to) = (self.packed() * self.width(), self.rows() * self.width());
        self.make_room(to);
        let front = self.front();
        self.data[front + from..front + to].copy_from_slice(&self.porch[..to - from]);
        self.waiting = 0;
    }

    /// Makes room for `bytes` of rows outside the porch.
    fn make_room(&mut self, bytes: usize) {
        if self.front() + bytes <= self.data.len() {
            return;
        }
        if self.left > 0 {
            let (front, used) = (self.front(), self.packed() * self.width());
            self.data.copy_within(front..front + used, 0);
            self.left = 0;
        }
        if bytes > self.data.len() {
            let mut data = std::mem::take(&mut self.data).into_vec();
            let room = room(bytes);
            data.reserve_exact(room - data.len());
            data.resize(room, 0);
            self.data = data.into_boxed_slice();
        }
    }

    /// Writes a row where the one of this index stands.
    fn write(&mut self, index: usize, word: u128) {
        let (width, packed, front) = (self.width(), self.packed(), self.front());
        let row = match index.checked_sub(packed) {
            Some(waiting) => &mut self.porch[waiting * width..][..width],
            None => &mut self.data[front + index * width..][..width],
        };
        row.copy_from_slice(&word.to_le_bytes()[..width]);
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
                self.write(index, word);
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
        let width = self.width();
        let (packed, used) = (self.packed() * width, self.waiting() * width);
        if let Some(place) = index.checked_sub(self.packed()) {
            self.porch
                .copy_within((place + 1) * width..used, place * width);
            self.waiting -= 1;
        } else {
            let front = self.front();
            self.data[front..].copy_within((index + 1) * width..packed, index * width);
        }
        self.rows -= 1;
        self.shrink();
    }

    /// Splits off the rows from `index` on.
    pub(crate) fn split_off(&mut self, index: usize) -> Self {
        let rows: Vec<Row> = self.iter().skip(index).collect();
        self.waiting = index.saturating_sub(self.packed()) as u8;
        self.rows = index as u8;
        self.shrink();
        Self::from_rows(&rows).unwrap_or_else(|TooWide| unreachable!("these rows shared a chunk"))
    }

    /// Gives back room that is no longer needed.
    fn shrink(&mut self) {
        let used = self.packed() * self.width();
        if self.rows == 0 {
            *self = Self::new();
        } else if used == 0 {
            (self.data, self.left) = (Box::default(), 0);
        } else if used * 2 <= self.data.len() && room(used) < self.data.len() {
            let mut data = Vec::with_capacity(room(used));
            data.extend_from_slice(&self.data[self.front()..][..used]);
            data.resize(room(used), 0);
            (self.data, self.left) = (data.into_boxed_slice(), 0);
        }
    }

    /// Calls `each` with every row that overlaps `[from, to)`, for as long as it says to go on; whether it did to the end.
    #[inline]
    pub(crate) fn overlapping(
        &self,
        from: Millis,
        to: Millis,
        each: &mut impl FnMut(Row) -> bool,
    ) -> bool {
        if self.shape.width <= 8 {
            self.overlapping_in::<u64>(from, to, each)
        } else {
            self.overlapping_in::<u128>(from, to, each)
        }
    }

    #[inline]
    fn overlapping_in<W: Word>(
        &self,
        from: Millis,
        to: Millis,
        each: &mut impl FnMut(Row) -> bool,
    ) -> bool {
        if self.rows == 0 || to <= self.base {
            return true;
        }
        // Compared in the chunk's own unit: start < to, and end > from.
        let unit = self.shape.unit;
        let start_below = unit.ceil(to - self.base);
        let end_from = from
            .checked_sub(self.base)
            .map_or(0, |since| unit.floor(since) + 1);
        // Who starts by from − longest has left by from.
        let start_from = from
            .checked_sub(1 << self.longest)
            .and_then(|since| since.checked_sub(self.base))
            .map_or(0, |since| unit.floor(since));
        let porch = self.porch_reader();
        if porch.rows == 0 || porch.read::<W>(0).offset >= start_from {
            let reader = self.packed_reader();
            let (mut first, mut high) = (0, if start_from == 0 { 0 } else { reader.rows });
            while first < high {
                let middle = usize::midpoint(first, high);
                if reader.read::<W>(middle).offset < start_from {
                    first = middle + 1
                } else {
                    high = middle
                }
            }
            for index in first..reader.rows {
                let packed = reader.read::<W>(index);
                if packed.offset >= start_below {
                    return true;
                }
                if packed.offset + packed.len >= end_from && !each(self.unpack(&packed)) {
                    return false;
                }
            }
        }
        for index in 0..porch.rows {
            let packed = porch.read::<W>(index);
            if packed.offset >= start_below {
                return true;
            }
            if packed.offset + packed.len >= end_from && !each(self.unpack(&packed)) {
                return false;
            }
        }
        true
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
        let mut gone = 0_u128;
        for (index, row) in self.iter().enumerate() {
            if row.start >= before {
                // All that follows starts no earlier.
                swept.earliest_end = swept.earliest_end.min(row.start + 1);
                break;
            }
            swept.seen += 1;
            if row.end() <= before && dead(&row) {
                gone |= 1 << index;
            } else {
                swept.earliest_end = swept.earliest_end.min(row.end());
            }
        }
        if gone != 0 {
            swept.removed = gone.count_ones() as usize;
            let (width, packed, waiting) = (self.width(), self.packed(), self.waiting());
            // Those that are gone at the front leave a gap there, others are closed.
            let leave = (gone.trailing_ones() as usize).min(packed);
            let gone = gone.checked_shr(leave as u32).unwrap_or(0);
            self.left += leave as u8;
            let packed = packed - leave;
            let front = self.front();
            let kept = keep(&mut self.data[front..], packed, width, gone);
            let gone = gone.checked_shr(packed as u32).unwrap_or(0);
            let waiting = keep(&mut self.porch, waiting, width, gone);
            self.waiting = waiting as u8;
            self.rows = (kept + waiting) as u8;
            self.shrink();
        }
        swept
    }
}

/// Closes the gaps that rows leave which are `gone`, one bit each; how many of `rows` are left.
fn keep(bytes: &mut [u8], rows: usize, width: usize, gone: u128) -> usize {
    if gone == 0 {
        return rows;
    }
    let (mut kept, mut at) = (0, 0);
    while at < rows {
        at += (gone >> at).trailing_ones() as usize;
        if at < rows {
            let run = ((gone >> at).trailing_zeros() as usize).min(rows - at);
            bytes.copy_within(at * width..(at + run) * width, kept * width);
            kept += run;
            at += run;
        }
    }
    kept
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

    /// A load takes eight bytes, and what was swept away may leave fewer behind it.
    #[test]
    fn the_last_rows_of_a_swept_chunk_are_read() {
        let rows: Vec<Row> = (1..=40)
            .map(|i| row(u64::from(i) * 60_000, 60_000, i))
            .collect();
        let mut chunk = Chunk::from_rows(&rows).unwrap();
        for gone in 1..=40 {
            chunk.sweep((gone + 1) * 60_000, &mut |_| true);
            let left = &rows[gone as usize..];
            assert!(chunk.iter().eq(left.iter().copied()), "{gone} are gone");
            for row in left {
                assert!(chunk.search(row.start, row.other).is_ok());
            }
        }
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
