//! Who was in a space, in steps.

use crate::Millis;
use crate::graph::{Graph, VisitOf};
use crate::runs::Runs;
use crate::search::{Progress, Work};

/// A question about one space under way; see [`Graph::ask_present`].
///
/// All visits are found when it begins, so it needs no journal to tell them; but the graph must be
/// [watched](Graph::watch) until everything is read, so that their numbers stay theirs.
#[derive(Debug)]
pub struct Presence {
    count: usize,
    /// Start, visitor, end.
    visits: Runs<(Millis, u32, Millis)>,
}

impl Graph {
    /// Begins to answer who was in the space during `[from, to)`, unclipped, at most `count` of them. What ended by
    /// `expired` is never answered.
    #[must_use]
    pub fn ask_present(
        &self,
        space: &[u8],
        from: Millis,
        to: Millis,
        expired: Millis,
        count: usize,
    ) -> Presence {
        let mut visits = Runs::default();
        if let Some(space) = self.spaces.find(space) {
            self.spaces.value(space).overlapping(from, to, |row| {
                if row.end() > expired && !self.is_dead(row.other, space, row.start, row.end()) {
                    visits.push((row.start, row.other, row.end()));
                }
            });
        }
        Presence { count, visits }
    }

    /// Who was in the space during `[from, to)`, unclipped, by start, then visitor, at most `count` of them. What ended
    /// by `expired` is never answered.
    #[must_use]
    pub fn present(
        &self,
        space: &[u8],
        from: Millis,
        to: Millis,
        expired: Millis,
        count: usize,
    ) -> Vec<VisitOf<'_>> {
        let mut presence = self.ask_present(space, from, to, expired, count);
        presence.step(self, usize::MAX);
        std::iter::from_fn(|| presence.next(self)).collect()
    }
}

impl Presence {
    /// Goes on for about `rows` rows' worth of work; never void.
    pub fn step(&mut self, graph: &Graph, rows: usize) -> Progress {
        let sorted = self.visits.sort(self.count, &mut Work::new(rows), |a, b| {
            compare(graph, a, b)
        });
        if sorted {
            Progress::Done
        } else {
            Progress::More
        }
    }

    /// How many visits the answer holds, once it is done.
    #[must_use]
    pub fn len(&self) -> usize {
        self.visits.items().len()
    }

    /// Whether the answer is empty, once it is done.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The next visit, once it is done: visitor, start and end, by start, then visitor.
    pub fn next<'g>(&mut self, graph: &'g Graph) -> Option<VisitOf<'g>> {
        let look_ahead =
            |visits: &[_]| graph.prefetch_names(visits.iter().map(|&(_, visitor, _)| visitor));
        let &(start, visitor, end) = (self.visits).next(|a, b| compare(graph, a, b), look_ahead)?;
        Some((graph.visitors.name(visitor), start, end))
    }
}

fn compare(
    graph: &Graph,
    a: &(Millis, u32, Millis),
    b: &(Millis, u32, Millis),
) -> std::cmp::Ordering {
    let name = |visitor| graph.visitors.name(visitor);
    a.0.cmp(&b.0).then_with(|| name(a.1).cmp(name(b.1)))
}
