//! Parts put together to a graph.
//!
//! A part lists visits by visitor. Logged one by one, each would go to a space far from the last one's and into the
//! middle of what is there; so the visits of each visitor are packed at once, and those of many parts wait until they
//! are taken to their spaces together, in order of space.

use crate::chunk::Row;
use crate::codec::{LoadError, Part, Reader, read_run};
use crate::graph::{Graph, SpaceVisits};
use crate::{MAX_MILLIS, Millis};

const REPEATED: LoadError = LoadError("the part repeats a visit");

/// So many visits wait at most, a part's at least: 192 megabytes.
const MOST_WAITING: usize = 12_000_000;
/// They wait in so many groups, so that each can be sorted in a processor's own memory.
const GROUPS: u32 = 1024;

/// Puts parts together, in any order.
///
/// Until [`finish`](Self::finish) has been called the graph is not complete, so nobody can see it before.
#[derive(Debug)]
pub struct Loader<'g> {
    pub(crate) graph: &'g mut Graph,
    /// Visits on their way from their visitors to their spaces, those to one space in one group.
    groups: Vec<Vec<Arrival>>,
    /// How many they are.
    waiting: usize,
    /// What their starts are counted from.
    base: Millis,
}

/// A visit on its way, as one number: its place among the spaces of its group, the class of its length, its start from
/// the base, its visitor and its length, in this order, which is the order in which it arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Arrival(u128);

impl Arrival {
    /// `None` for a visit of times so unusual that it is better taken there by itself.
    fn new(base: Millis, row: &Row, visitor: u32) -> Option<Self> {
        let offset = u32::try_from(row.start.checked_sub(base)?).ok()?;
        let len = u32::try_from(row.len).ok()?;
        let place = row.other / GROUPS; // 22 bits
        let order = u64::from(place) << 37
            | u64::from(SpaceVisits::class(row.len)) << 32
            | u64::from(offset);
        let rest = u64::from(visitor) << 32 | u64::from(len);
        Some(Self(u128::from(order) << 64 | u128::from(rest)))
    }

    /// Which space of its group.
    const fn place(self) -> u32 {
        (self.0 >> (64 + 37)) as u32
    }

    /// The row of the space.
    const fn row(self, base: Millis) -> Row {
        Row {
            start: base + (self.0 >> 64) as u32 as Millis,
            other: (self.0 >> 32) as u32,
            len: self.0 as u32 as Millis,
        }
    }
}

impl<'g> Loader<'g> {
    /// For parts that are added to what the graph holds.
    pub fn new(graph: &'g mut Graph) -> Self {
        graph.lose_sight();
        while graph.purging() {
            graph.purge_step(usize::MAX);
        }
        Self {
            graph,
            groups: vec![Vec::new(); GROUPS as usize],
            waiting: 0,
            base: MAX_MILLIS,
        }
    }

    /// Adds what a part holds.
    ///
    /// # Errors
    /// Where the part repeats a visit or was hashed under another key. Some of it may have been added, so the graph is
    /// to be thrown away.
    pub fn add(&mut self, part: &Part<'_>) -> Result<(), LoadError> {
        part.load(self)
    }

    /// Adds what still waits.
    pub fn finish(mut self) {
        self.arrive();
    }

    /// Adds the visits of a part, which has been checked: `count` runs of all those `visits`, referring to `spaces`.
    pub(crate) fn add_runs(
        &mut self,
        spaces: &[&[u8]],
        mut runs: Reader<'_>,
        count: u64,
        visits: usize,
    ) -> Result<(), LoadError> {
        if self.waiting + visits > MOST_WAITING {
            self.arrive();
        }
        // The graph's number of each space, once a visit has named it.
        let mut numbers: Vec<Option<u32>> = vec![None; spaces.len()];
        let mut rows = Vec::new();
        for _ in 0..count {
            rows.clear();
            let read = read_run(&mut runs, spaces.len(), |row| {
                let name = spaces[row.space];
                let number = &mut numbers[row.space];
                rows.push(Row {
                    start: row.start,
                    other: *number.get_or_insert_with(|| self.graph.spaces.intern(name)),
                    len: row.end - row.start,
                });
            });
            let Ok(name) = read else {
                debug_assert!(false, "decoding has checked every byte");
                break;
            };
            let visitor = self.graph.visitors.intern(name);
            if !rows.is_sorted() {
                rows.sort_unstable(); // their spaces have other numbers than in the part
            }
            self.graph.load_run(visitor, &mut rows)?;
            for row in &rows {
                self.depart(visitor, row);
            }
        }
        Ok(())
    }

    /// A visitor's visit sets out for its space.
    fn depart(&mut self, visitor: u32, row: &Row) {
        if self.waiting == 0 {
            self.base = row.start.saturating_sub(1 << 31); // 25 days before
        }
        match Arrival::new(self.base, row, visitor) {
            Some(arrival) => {
                self.groups[(row.other % GROUPS) as usize].push(arrival);
                self.waiting += 1;
            }
            None => self.graph.load_arrivals(
                row.other,
                &mut [Row {
                    other: visitor,
                    ..*row
                }],
            ),
        }
    }

    /// Takes those who wait to their spaces.
    fn arrive(&mut self) {
        let mut rows = Vec::new();
        for (number, group) in (0..).zip(&mut self.groups) {
            let mut group = std::mem::take(group);
            group.sort_unstable();
            for arrivals in group.chunk_by(|a, b| a.place() == b.place()) {
                rows.clear();
                rows.extend(arrivals.iter().map(|arrival| arrival.row(self.base)));
                let space = arrivals[0].place() * GROUPS + number;
                self.graph.load_arrivals(space, &mut rows);
            }
        }
        self.waiting = 0;
    }
}

impl Graph {
    /// Adds what a part holds. Parts of one graph can be loaded in any order; many are loaded faster by a [`Loader`].
    ///
    /// # Errors
    /// As [`Loader::add`].
    pub fn load(&mut self, part: &Part<'_>) -> Result<(), LoadError> {
        let mut loader = Loader::new(self);
        loader.add(part)?;
        loader.finish();
        Ok(())
    }

    /// Adds the sorted visits of a visitor on the visitor's side, and what else there is to note of them.
    fn load_run(&mut self, visitor: u32, rows: &mut [Row]) -> Result<(), LoadError> {
        let visits = self.visitors.value_mut(visitor);
        if !visits.extend(rows, &mut self.timelines) {
            return Err(REPEATED);
        }
        self.visits += rows.len() as u64;
        for row in rows {
            self.reach(row.start, row.end());
            self.warnings
                .logged(visitor, row.other, row.start, row.end());
        }
        Ok(())
    }

    /// Adds visits on the space's side.
    fn load_arrivals(&mut self, space: u32, rows: &mut [Row]) {
        let visits = self.spaces.value_mut(space);
        let extended = visits.extend(rows, &mut self.timelines);
        debug_assert!(extended, "both sides hold the same visits");
    }
}
