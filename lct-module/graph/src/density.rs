//! How much people are together: co-presence by space and whole hour, in steps.
//!
//! A *cell* is one space during one hour. Its figures tell about a crowd and nobody in it: fewer than k people have none,
//! and both figures are rounded to what k people make. One person changes the minutes by 120 at most (60 of their own,
//! 60 of somebody who would be alone without them) and the peak by one; the steps are 60 k and k. (Had minutes been
//! counted for each pair, one person would change them by an hour for everyone there, and no step could hide that.)
//!
//! Each cell is as of one moment, and no cell depends on another. So a question in steps needs no journal: it copies the
//! name of a space as it comes to it, and who was there during some hours before it counts them (`crowd.rs`).

use std::ops::Range;

use crate::Millis;
use crate::crowd::{Crowd, MAX_HOURS};
use crate::graph::Graph;
use crate::prefetch::TOGETHER;
use crate::runs::Runs;
use crate::search::{Progress, Work};

/// An hour, in milliseconds. Hours begin where hours of UTC begin.
pub const HOUR: Millis = 3_600_000;
/// A minute, in milliseconds.
const MINUTE: Millis = 60_000;
/// As many cells as anybody should ask for; some 24 bytes each.
pub const MAX_CELLS: usize = 1_000_000;

/// A space with more visits is not looked at as a whole, but some hours at a time: about as many as have this many.
const MANY_ROWS: usize = 4_096;
/// What looking up hours of a space costs, in rows.
const LOOK_UP: usize = 8;

/// What is answered of one space during one hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cell<'d> {
    /// The space.
    pub space: &'d [u8],
    /// When the hour begins, in epoch milliseconds.
    pub hour: Millis,
    /// Minutes that people spent there in company, to the nearest multiple of 60 k.
    pub minutes: u64,
    /// The most people who were there at once, to the nearest multiple of k.
    pub peak: u64,
}

/// A question about cells under way; see [`Graph::ask_density`].
#[derive(Debug)]
pub struct Density {
    from: Millis,
    to: Millis,
    k: u64,
    most: usize,
    /// The spaces that are left to look at.
    spaces: Range<u32>,
    /// The one that is being looked at.
    place: Option<Place>,
    /// Who was there during the hours that are being looked at.
    crowd: Crowd,
    /// All names, one after another, and all figures.
    names: Vec<u8>,
    figures: Vec<Figures>,
    /// What belongs to one space, and then the same in order.
    found: Runs<Group>,
    groups: Vec<Group>,
    /// How many cells the groups have.
    cells: usize,
    /// The next group and the next of its cells to be read.
    next: (usize, usize),
}

/// A space that is being looked at. Its name is the last one so far, its figures are the last ones.
#[derive(Debug)]
struct Place {
    space: u32,
    name: usize,
    figures: usize,
    /// Which hours have been copied last, and whether they are still being counted.
    from: Millis,
    to: Millis,
    is_counting: bool,
    /// How many to look at next.
    hours: usize,
}

/// The name and the figures of a space: from where to where.
#[derive(Debug, Clone, Copy)]
struct Group {
    name: (usize, usize),
    figures: (usize, usize),
}

/// What is known of a cell.
#[derive(Debug, Clone, Copy)]
struct Figures {
    hour: Millis,
    minutes: u64,
    peak: u64,
}

impl Graph {
    /// Begins to answer how much people were together in each whole hour from `from` to `to`, both of which must be
    /// multiples of [`HOUR`], in one space or in all of them. Cells with fewer than `k` people (`k` being at least 1) are
    /// left out. Once there are more than `most` cells it is over: there is no answer.
    ///
    /// The caller sees to it that no hour is asked about that is not over or in which visits may have expired.
    #[must_use]
    pub fn ask_density(
        &self,
        space: Option<&[u8]>,
        from: Millis,
        to: Millis,
        k: u64,
        most: usize,
    ) -> Density {
        debug_assert!(from.is_multiple_of(HOUR) && to.is_multiple_of(HOUR) && k > 0);
        let spaces = match space.map(|space| self.spaces.find(space)) {
            None => 0..u32::MAX,
            Some(Some(space)) => space..space + 1,
            Some(None) => 0..0,
        };
        Density {
            from,
            to,
            k,
            most,
            spaces: if from < to { spaces } else { 0..0 },
            place: None,
            crowd: Crowd::default(),
            names: Vec::new(),
            figures: Vec::new(),
            found: Runs::default(),
            groups: Vec::new(),
            cells: 0,
            next: (0, 0),
        }
    }
}

impl Density {
    /// Goes on for about `rows` rows' worth of work, some 20 ns each; never void. Only copying who was in one space during
    /// one hour is never divided.
    pub fn step(&mut self, graph: &Graph, rows: usize) -> Progress {
        let mut work = Work::new(rows);
        if self.scan(graph, &mut work) && self.sort(&mut work) {
            Progress::Done
        } else {
            Progress::More
        }
    }

    /// Whether there are more cells than were asked for at most, once it is done. Then there is no answer.
    #[must_use]
    pub fn is_too_large(&self) -> bool {
        self.figures.len() > self.most
    }

    /// How many cells were asked for at most.
    #[must_use]
    pub const fn most(&self) -> usize {
        self.most
    }

    /// How many cells the answer holds, once it is done.
    #[must_use]
    pub fn len(&self) -> usize {
        self.cells
    }

    /// Whether the answer is empty, once it is done.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.cells == 0
    }

    /// The next cell, once it is done: by space, bytewise, then by hour.
    pub fn next_cell(&mut self) -> Option<Cell<'_>> {
        let group = self.groups.get(self.next.0)?;
        let Figures {
            hour,
            minutes,
            peak,
        } = self.figures[group.figures.0 + self.next.1];
        self.next.1 += 1;
        if group.figures.0 + self.next.1 == group.figures.1 {
            self.next = (self.next.0 + 1, 0);
        }
        Some(Cell {
            space: &self.names[group.name.0..group.name.1],
            hour,
            minutes,
            peak,
        })
    }

    /// Looks at the spaces; whether all have been looked at.
    fn scan(&mut self, graph: &Graph, work: &mut Work) -> bool {
        loop {
            if work.is_over() {
                return false;
            }
            if let Some(mut place) = self.place.take() {
                let goes_on = if place.is_counting {
                    self.count(&mut place, work);
                    true
                } else {
                    self.look(graph, &mut place, work)
                };
                if goes_on {
                    self.place = Some(place);
                } else {
                    self.leave(&place);
                }
                continue;
            }
            let next = self.spaces.next();
            let Some(space) = next.filter(|&space| (space as usize) < graph.spaces.bound()) else {
                self.spaces = 0..0;
                self.crowd = Crowd::default();
                return true;
            };
            self.enter(graph, space, work);
        }
    }

    /// Begins with a space, if there may be anything to tell of it.
    fn enter(&mut self, graph: &Graph, space: u32, work: &mut Work) {
        work.spend(1);
        let ahead = space as usize + TOGETHER;
        if ahead < graph.spaces.bound() {
            graph.spaces.value(ahead as u32).ask();
        }
        if !graph.spaces.is_used(space) {
            return;
        }
        let visits = graph.spaces.value(space);
        if (visits.rows() as u64) < self.k {
            return;
        }
        let earliest = visits.earliest() / HOUR * HOUR;
        let few = visits.rows() <= MANY_ROWS;
        self.place = Some(Place {
            space,
            name: self.names.len(),
            figures: self.figures.len(),
            from: 0,
            to: self.from.max(earliest),
            hours: if few { MAX_HOURS } else { 1 },
            is_counting: false,
        });
        self.names.extend_from_slice(graph.spaces.name(space));
    }

    /// Copies who was there during the next hours, to be counted; false where nothing is left to look at.
    fn look(&mut self, graph: &Graph, place: &mut Place, work: &mut Work) -> bool {
        // Its last visit may have gone between two steps, and its number to another space.
        let is_there = graph.spaces.is_used(place.space)
            && *graph.spaces.name(place.space) == self.names[place.name..];
        if place.to >= self.to || !is_there || self.is_too_large() {
            return false;
        }
        let from = place.to;
        let to = self.to.min(from + place.hours as Millis * HOUR);
        let crowd = &mut self.crowd;
        crowd.begin(((to - from) / HOUR) as usize);
        let visits = graph.spaces.value(place.space);
        visits.overlapping(from, to, |row| {
            if !graph.is_dead(row.other, place.space, row.start, row.end()) {
                let (start, end) = (row.start.max(from), row.end().min(to));
                crowd.add(row.other, (start - from) as u32, (end - from) as u32);
            }
        });
        (place.from, place.to) = (from, to);
        let rows = crowd.visits();
        place.is_counting = rows as u64 >= self.k;
        if rows > MANY_ROWS {
            place.hours = (place.hours / 2).max(1);
        } else if rows < MANY_ROWS / 4 {
            place.hours = (place.hours * 2).min(MAX_HOURS);
        }
        work.spend(LOOK_UP + rows);
        true
    }

    /// Goes on counting those that were copied.
    fn count(&mut self, place: &mut Place, work: &mut Work) {
        let (k, figures) = (self.k, &mut self.figures);
        let is_done = self.crowd.count(k, work, |counted| {
            figures.push(Figures {
                hour: place.from + Millis::from(counted.hour) * HOUR,
                minutes: nearest(counted.company, k * HOUR) / MINUTE,
                peak: nearest(counted.peak, k),
            });
        });
        place.is_counting = !is_done;
    }

    /// Ends with a space.
    fn leave(&mut self, place: &Place) {
        if self.is_too_large() {
            self.spaces = 0..0;
        }
        if place.figures == self.figures.len() {
            self.names.truncate(place.name);
            return;
        }
        self.found.push(Group {
            name: (place.name, self.names.len()),
            figures: (place.figures, self.figures.len()),
        });
    }

    /// Puts the spaces in order; whether they are.
    fn sort(&mut self, work: &mut Work) -> bool {
        if self.is_too_large() {
            return true;
        }
        let Self { names, found, .. } = self;
        let name = |group: &Group| &names[group.name.0..group.name.1];
        if !found.sort(usize::MAX, work, |a, b| name(a).cmp(name(b))) {
            return false;
        }
        loop {
            if work.is_over() {
                return false;
            }
            let Some(&group) = found.next(|a, b| name(a).cmp(name(b)), |_| ()) else {
                return true;
            };
            work.spend(1);
            // A space that went and came again between two steps has two numbers: what was found first counts.
            if self
                .groups
                .last()
                .is_none_or(|last| name(last) != name(&group))
            {
                self.cells += group.figures.1 - group.figures.0;
                self.groups.push(group);
            }
        }
    }
}

/// The nearest multiple of `step`; halves go up.
const fn nearest(number: u64, step: u64) -> u64 {
    (number + step / 2) / step * step
}
