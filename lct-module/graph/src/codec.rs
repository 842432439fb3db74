//! The graph as bytes: self-contained, checksummed parts of at most 4 MiB.
//!
//! A part can be decoded by itself and parts can be loaded in any order. All numbers are little-endian; a *varint* is an
//! unsigned LEB128 number of at most eight bytes without superfluous ones.
//!
//! ```text
//! part         "LCT" version=1 kind:u8 0 0 0 crc32:u32 body      the CRC covers all but itself
//! visits       spaces:varint { id }  visitors:varint { run }     kind 1
//! id           length:varint bytes
//! run          id unit:u8 rows:varint { space:varint start:varint length:varint }
//! revocations  salt:16 hashes:varint { hash:16 }                 kind 2
//! warnings     stamp:varint warnings:varint { warning }          kind 3
//! warning      id record recipients:varint { id recipient }
//! record       owner:u8 id? reason:u8 state:u8 terms stands-until:varint flags:u8 hold:varint? issued:varint asked:varint
//! terms        from:varint to:varint at:varint order:u8 flags:u8 min-time:varint? within:varint? linger:varint
//!              min-priority:u8
//! recipient    issued:varint version:varint reason:u8 priority:u8 flags:u8
//! late visits  visits:varint { id id start:varint length:varint stamp:varint }     kind 4
//! ```
//!
//! In a run `space` is an index into the part's spaces, and both times are counted in the run's unit (0 millisecond,
//! 1 second, 2 minute), the start from the start before (the first from 0) in whole units; starts never go back. The
//! first start of a run is in milliseconds. A visitor with very many visits may appear in several parts, and so may a
//! warning with very many recipients, each time with the same record. Late visits (visitor, space, start, length and the
//! stamp of the moment they were logged) are those hidden from some warning; they are in no other part.
//!
//! Nothing in a part is believed: every count is held against the bytes that are there before anything is allocated, and
//! [`Graph::load`] takes only visits the graph does not have yet.

use std::fmt;

use crate::codec_warnings::{LateParts, WarningParts};
use crate::graph::{Graph, Logged};
use crate::loading::Loader;
use crate::warnings::Stamp;
use crate::{MAX_MILLIS, Millis, check_id};

/// No part is longer, in bytes.
pub const MAX_PART_BYTES: usize = 4 << 20;

const MAGIC: &[u8; 3] = b"LCT";
const VERSION: u8 = 1;
const VISITS: u8 = 1;
const REVOCATIONS: u8 = 2;
pub(crate) const WARNINGS: u8 = 3;
pub(crate) const LATE_VISITS: u8 = 4;
/// Magic, version, kind, reserve; the CRC follows.
const PREFIX: usize = 8;
pub(crate) const HEADER: usize = PREFIX + 4;
const UNITS: [Millis; 3] = [1, 1_000, 60_000];
/// A varint of 53 bits takes eight bytes.
pub(crate) const MAX_VARINT: usize = 8;
/// What one more row can add to a part: its space's name, itself, and the run it may begin.
const MAX_ROW: usize = (MAX_VARINT + crate::MAX_ID_BYTES) * 2 + 1 + 5 * MAX_VARINT;

/// Why bytes are no part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecodeError(pub(crate) &'static str);

/// Why a part does not go with what the graph already holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoadError(pub(crate) &'static str);

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for DecodeError {}
impl std::error::Error for LoadError {}

/// A part whose every byte has been checked. It borrows the bytes.
#[derive(Debug)]
pub struct Part<'a>(Body<'a>);

#[derive(Debug)]
enum Body<'a> {
    Visits {
        spaces: Vec<&'a [u8]>,
        runs: Reader<'a>,
        count: u64,
        /// How many visits there are in all runs.
        visits: usize,
    },
    Revocations {
        salt: [u8; 16],
        hashes: &'a [[u8; 16]],
    },
    Warnings {
        stamp: Stamp,
        entries: Reader<'a>,
        count: u64,
    },
    LateVisits {
        visits: Reader<'a>,
        count: u64,
    },
}

fn checksum(part: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&part[..PREFIX]);
    hasher.update(&part[HEADER..]);
    hasher.finalize()
}

/// What is left to read.
#[derive(Debug, Clone)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn bytes(&mut self, count: usize) -> Result<&'a [u8], DecodeError> {
        let (taken, rest) = self
            .0
            .split_at_checked(count)
            .ok_or(DecodeError("the part ends too early"))?;
        self.0 = rest;
        Ok(taken)
    }

    pub(crate) fn byte(&mut self) -> Result<u8, DecodeError> {
        Ok(self.bytes(1)?[0])
    }

    #[inline]
    pub(crate) fn varint(&mut self) -> Result<u64, DecodeError> {
        if let [byte @ 0..0x80, rest @ ..] = self.0 {
            self.0 = rest;
            return Ok((*byte).into());
        }
        self.long_varint()
    }

    fn long_varint(&mut self) -> Result<u64, DecodeError> {
        let mut value = 0;
        for shift in 0..MAX_VARINT {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << (7 * shift);
            if byte < 0x80 {
                if byte == 0 && shift > 0 {
                    return Err(DecodeError("a number has superfluous bytes"));
                }
                return Ok(value);
            }
        }
        Err(DecodeError("a number is too long"))
    }

    /// A count of things that take at least `each` bytes, so no more can follow than there is room for.
    pub(crate) fn count(&mut self, each: usize) -> Result<u64, DecodeError> {
        let count = self.varint()?;
        if count > (self.0.len() / each) as u64 {
            return Err(DecodeError("a count exceeds what the part has room for"));
        }
        Ok(count)
    }

    /// A time or duration.
    pub(crate) fn millis(&mut self) -> Result<Millis, DecodeError> {
        let millis = self.varint()?;
        if millis > MAX_MILLIS {
            return Err(DecodeError("a time is out of range"));
        }
        Ok(millis)
    }

    pub(crate) fn id(&mut self) -> Result<&'a [u8], DecodeError> {
        let length = self.varint()?;
        let length = usize::try_from(length).map_err(|_| DecodeError("an id is too long"))?;
        let id = self.bytes(length)?;
        check_id(id).map_err(|_| DecodeError("an id breaks the rules for ids"))?;
        Ok(id)
    }
}

/// One row of a run.
pub(crate) struct RunRow {
    pub(crate) space: usize,
    pub(crate) start: Millis,
    pub(crate) end: Millis,
}

/// Reads a run, checking everything, and says whose it is; used to validate and again to load.
pub(crate) fn read_run<'a>(
    reader: &mut Reader<'a>,
    spaces: usize,
    mut each: impl FnMut(RunRow),
) -> Result<&'a [u8], DecodeError> {
    let visitor = reader.id()?;
    let unit = *UNITS
        .get(usize::from(reader.byte()?))
        .ok_or(DecodeError("a run has an unknown unit"))?;
    let rows = reader.count(3)?;
    if rows == 0 {
        return Err(DecodeError("a run has no rows"));
    }
    let mut start = 0;
    for row in 0..rows {
        let space = usize::try_from(reader.varint()?).unwrap_or(usize::MAX);
        if space >= spaces {
            return Err(DecodeError("a row names a space that is not in the part"));
        }
        let step = if row == 0 { 1 } else { unit };
        let time = DecodeError("a time is out of range");
        // Each product is checked: a count of minutes may be near 2^56.
        let later = reader.varint()?.checked_mul(step).ok_or(time)?;
        let length = reader.varint()?.checked_mul(unit).ok_or(time)?;
        start = later
            .checked_add(start)
            .filter(|&start| start < MAX_MILLIS)
            .ok_or(time)?;
        if length == 0 || length > MAX_MILLIS - start {
            return Err(time);
        }
        each(RunRow {
            space,
            start,
            end: start + length,
        });
    }
    Ok(visitor)
}

impl<'a> Part<'a> {
    /// Checks and decodes one part.
    ///
    /// Any bytes are safe to pass: there is no panic, and time and memory are bounded by a small multiple of their
    /// length.
    ///
    /// # Errors
    /// The first rule of the format that is broken.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        if bytes.len() < HEADER || bytes.len() > MAX_PART_BYTES {
            return Err(DecodeError("a part is 12 bytes to 4 MiB long"));
        }
        if &bytes[..3] != MAGIC {
            return Err(DecodeError("this is no part of an LCT graph"));
        }
        if bytes[3] != VERSION {
            return Err(DecodeError(
                "the part's version is unknown; a newer LCT wrote it",
            ));
        }
        let crc = u32::from_le_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]);
        if crc != checksum(bytes) {
            return Err(DecodeError(
                "the checksum does not match; the part is damaged",
            ));
        }
        if bytes[5..PREFIX] != [0; 3] {
            return Err(DecodeError("the reserved bytes are not 0"));
        }
        let mut reader = Reader(&bytes[HEADER..]);
        match bytes[4] {
            VISITS => {
                let spaces = reader.count(2)?;
                let spaces = (0..spaces)
                    .map(|_| reader.id())
                    .collect::<Result<Vec<_>, _>>()?;
                // A run is an id of a byte, a unit, a count and a row at the least.
                let count = reader.count(7)?;
                if count == 0 {
                    return Err(DecodeError("a part without a visit is never written"));
                }
                let runs = reader.clone();
                let mut visits = 0;
                for _ in 0..count {
                    read_run(&mut reader, spaces.len(), |_| visits += 1)?;
                }
                finish(&reader)?;
                Ok(Self(Body::Visits {
                    spaces,
                    runs,
                    count,
                    visits,
                }))
            }
            REVOCATIONS => {
                let mut salt = [0; 16];
                salt.copy_from_slice(reader.bytes(16)?);
                let count = reader.count(16)? as usize;
                if count == 0 {
                    return Err(DecodeError("a part without a revocation is never written"));
                }
                let hashes = reader.bytes(count * 16)?.as_chunks::<16>().0;
                if !hashes.is_sorted_by(|a, b| a < b) {
                    return Err(DecodeError("the hashes are not in order"));
                }
                finish(&reader)?;
                Ok(Self(Body::Revocations { salt, hashes }))
            }
            WARNINGS => {
                let stamp = reader.millis()?;
                // A warning is an id of a byte, a record of at least twelve and a count.
                let count = reader.count(15)?;
                if count == 0 {
                    return Err(DecodeError("a part without a warning is never written"));
                }
                let entries = reader.clone();
                for _ in 0..count {
                    let warning = reader.warning()?;
                    if warning.record.asked > stamp {
                        return Err(DecodeError("a warning was given after its part"));
                    }
                    for _ in 0..warning.recipients {
                        reader.id()?;
                        reader.recipient()?;
                    }
                }
                finish(&reader)?;
                Ok(Self(Body::Warnings {
                    stamp,
                    entries,
                    count,
                }))
            }
            LATE_VISITS => {
                let count = reader.count(7)?;
                if count == 0 {
                    return Err(DecodeError("a part without a visit is never written"));
                }
                let visits = reader.clone();
                for _ in 0..count {
                    reader.late_visit()?;
                }
                finish(&reader)?;
                Ok(Self(Body::LateVisits { visits, count }))
            }
            _ => Err(DecodeError(
                "the part's kind is unknown; a newer LCT wrote it",
            )),
        }
    }

    /// Writes the right checksum into a part that was changed, for tests that want to get past it; false where the
    /// bytes are too few to have one.
    pub fn reseal(bytes: &mut [u8]) -> bool {
        if bytes.len() < HEADER {
            return false;
        }
        let crc = checksum(bytes);
        bytes[PREFIX..HEADER].copy_from_slice(&crc.to_le_bytes());
        true
    }
}

fn finish(reader: &Reader<'_>) -> Result<(), DecodeError> {
    if reader.0.is_empty() {
        Ok(())
    } else {
        Err(DecodeError("bytes are left over"))
    }
}

impl Graph {
    /// The content as parts: none for an empty graph. Visits a purge has declared dead are left out.
    pub fn parts(&self) -> impl Iterator<Item = Vec<u8>> + '_ {
        Revoked::new(self)
            .chain(WarningParts::new(self))
            .chain(VisitParts::new(self))
            .chain(LateParts::new(self))
    }
}

impl Part<'_> {
    /// Hands what it holds to a loader.
    pub(crate) fn load(&self, loader: &mut Loader<'_>) -> Result<(), LoadError> {
        let graph = &mut *loader.graph;
        match &self.0 {
            Body::Visits {
                spaces,
                runs,
                count,
                visits,
            } => loader.add_runs(spaces, runs.clone(), *count, *visits)?,
            Body::Revocations { salt, hashes } => {
                for hash in *hashes {
                    match graph.revocations.load(*salt, *hash) {
                        Some(true) => {}
                        Some(false) => return Err(LoadError("the part repeats a revocation")),
                        None => {
                            return Err(LoadError("the parts were hashed under different keys"));
                        }
                    }
                }
            }
            Body::Warnings {
                stamp,
                entries,
                count,
            } => graph.load_warnings(*stamp, entries.clone(), *count)?,
            Body::LateVisits { visits, count } => {
                let mut reader = visits.clone();
                for _ in 0..*count {
                    let Ok(late) = reader.late_visit() else {
                        break; // never: decoding has checked every byte
                    };
                    if graph.visit(late.visitor, late.space, late.start, late.end) != Logged::Added
                    {
                        return Err(LoadError("the part repeats a visit"));
                    }
                    graph.load_late(late.visitor, late.space, late.start, late.stamp);
                }
            }
        }
        Ok(())
    }
}

pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

pub(crate) fn put_id(out: &mut Vec<u8>, id: &[u8]) {
    put_varint(out, id.len() as u64);
    out.extend_from_slice(id);
}

pub(crate) fn seal(kind: u8, sections: &[&[u8]]) -> Vec<u8> {
    let mut part =
        Vec::with_capacity(HEADER + sections.iter().map(|section| section.len()).sum::<usize>());
    part.extend_from_slice(MAGIC);
    part.extend_from_slice(&[VERSION, kind, 0, 0, 0, 0, 0, 0, 0]);
    for section in sections {
        part.extend_from_slice(section);
    }
    Part::reseal(&mut part);
    part
}

/// Revocations as parts.
struct Revoked {
    salt: [u8; 16],
    hashes: std::vec::IntoIter<[u8; 16]>,
}

impl Revoked {
    const PER_PART: usize = (MAX_PART_BYTES - HEADER - 16 - MAX_VARINT) / 16;

    fn new(graph: &Graph) -> Self {
        let mut hashes: Vec<_> = graph.revocations.hashes().copied().collect();
        hashes.sort_unstable();
        Self {
            salt: graph.salt().unwrap_or_default(),
            hashes: hashes.into_iter(),
        }
    }
}

impl Iterator for Revoked {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        let hashes: Vec<_> = self.hashes.by_ref().take(Self::PER_PART).collect();
        if hashes.is_empty() {
            return None;
        }
        let mut count = Vec::new();
        put_varint(&mut count, hashes.len() as u64);
        Some(seal(
            REVOCATIONS,
            &[&self.salt, &count, hashes.as_flattened()],
        ))
    }
}

/// Visits as parts, visitor by visitor.
struct VisitParts<'g> {
    graph: &'g Graph,
    next_visitor: u32,
    /// What is left of the current visitor's visits: (start, space, length).
    rows: std::iter::Peekable<std::vec::IntoIter<(Millis, u32, Millis)>>,
    /// The index of each space in the current part, or `NONE`.
    index: Vec<u32>,
    /// Visits logged late after this are written elsewhere.
    floor: Option<Stamp>,
}

impl<'g> VisitParts<'g> {
    const NONE: u32 = u32::MAX;

    fn new(graph: &'g Graph) -> Self {
        Self {
            graph,
            next_visitor: 0,
            rows: Vec::new().into_iter().peekable(),
            index: vec![Self::NONE; graph.spaces.bound()],
            floor: graph.warnings.floor(),
        }
    }

    /// The visitor whose rows come next, if any are left.
    fn visitor(&mut self) -> Option<u32> {
        let graph = self.graph;
        while self.rows.peek().is_none() {
            if self.next_visitor as usize >= graph.visitors.bound() {
                return None;
            }
            let visitor = self.next_visitor;
            self.next_visitor += 1;
            if graph.visitors.is_used(visitor) {
                let visits = graph.visitors.value(visitor);
                let mut rows = Vec::with_capacity(visits.rows());
                visits.for_each(|row| {
                    let late = graph
                        .warnings
                        .late(self.floor, (visitor, row.other, row.start));
                    if late.is_none() && !graph.is_dead(visitor, row.other, row.start, row.end()) {
                        rows.push((row.start, row.other, row.len));
                    }
                });
                self.rows = rows.into_iter().peekable();
            }
        }
        Some(self.next_visitor - 1)
    }
}

impl Iterator for VisitParts<'_> {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        let (mut names, mut spaces) = (Vec::new(), Vec::new());
        let (mut runs, mut count) = (Vec::new(), 0u64);
        let mut run = Vec::new();
        let room = |names: &Vec<u8>, runs: &Vec<u8>, run: &Vec<u8>| {
            HEADER + 2 * MAX_VARINT + names.len() + runs.len() + run.len() + MAX_ROW
                <= MAX_PART_BYTES
        };
        while room(&names, &runs, &run) {
            let Some(visitor) = self.visitor() else { break };
            // A run's unit is decided before its rows are written, from all that are left.
            let left = self.rows.clone();
            let mut before = None;
            let unit = left.fold(2, |unit, (start, _, len)| {
                let later = before.map_or(0, |before| start - before);
                before = Some(start);
                (0..=unit)
                    .rev()
                    .find(|&unit| later % UNITS[unit] == 0 && len % UNITS[unit] == 0)
                    .unwrap_or(0)
            });
            let (mut rows, mut last) = (0u64, None);
            while room(&names, &runs, &run) {
                let Some((start, space, len)) = self.rows.next() else {
                    break;
                };
                let index = &mut self.index[space as usize];
                if *index == Self::NONE {
                    *index = spaces.len() as u32;
                    spaces.push(space);
                    put_id(&mut names, self.graph.spaces.name(space));
                }
                put_varint(&mut run, u64::from(*index));
                put_varint(
                    &mut run,
                    last.map_or(start, |last| (start - last) / UNITS[unit]),
                );
                put_varint(&mut run, len / UNITS[unit]);
                last = Some(start);
                rows += 1;
            }
            put_id(&mut runs, self.graph.visitors.name(visitor));
            runs.push(unit as u8);
            put_varint(&mut runs, rows);
            runs.append(&mut run);
            count += 1;
        }
        if count == 0 {
            return None;
        }
        for &space in &spaces {
            self.index[space as usize] = Self::NONE;
        }
        let (mut space_count, mut run_count) = (Vec::new(), Vec::new());
        put_varint(&mut space_count, spaces.len() as u64);
        put_varint(&mut run_count, count);
        Some(seal(VISITS, &[&space_count, &names, &run_count, &runs]))
    }
}
