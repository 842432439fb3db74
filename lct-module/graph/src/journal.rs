//! What changed while a question is answered in slices, so that it is answered as of one moment.
//!
//! From [`Graph::watch`] on, the first change of each visit is noted with what was there before, and a search that began
//! then sees what was. Numbers nothing refers to any more are not given to other names in the meantime. What is not
//! noted visit by visit (a purge that begins, an erasure, too many changes) ends the journal, and the question starts
//! anew: an erased visitor is not named, whoever asked first.

use std::collections::HashMap;

use crate::Millis;
use crate::graph::Graph;

/// Changes noted at most: some 20 MB, most of a second of a busy server.
const MAX_CHANGES: usize = 1 << 17;
/// The number of a journal that was given up.
const NO_NUMBER: u64 = 0;

/// One side's visits that changed, by (other side's number, start): the length each had, `None` where there was none.
pub(crate) type Changed = HashMap<(u32, Millis), Option<Millis>>;

/// The changes since a moment.
#[derive(Debug, Clone)]
pub(crate) struct Journal {
    number: u64,
    changes: usize,
    spaces: HashMap<u32, Changed>,
    visitors: HashMap<u32, Changed>,
    pub(crate) empty_visitors: Vec<u32>,
    pub(crate) empty_spaces: Vec<u32>,
}

impl Journal {
    /// Whether changes are noted no more.
    pub(crate) fn is_lost(&self) -> bool {
        self.number == NO_NUMBER
    }

    /// What changed in a space.
    pub(crate) fn space(&self, space: u32) -> Option<&Changed> {
        self.spaces.get(&space)
    }

    /// What changed of a visitor.
    pub(crate) fn visitor(&self, visitor: u32) -> Option<&Changed> {
        self.visitors.get(&visitor)
    }
}

impl Graph {
    /// Notes changes from now on, under a number of the caller's choice (not 0); what was noted before is over.
    pub fn watch(&mut self, number: u64) {
        self.unwatch();
        self.journal = Some(Box::new(Journal {
            number,
            changes: 0,
            spaces: HashMap::new(),
            visitors: HashMap::new(),
            empty_visitors: Vec::new(),
            empty_spaces: Vec::new(),
        }));
    }

    /// Whether every change since [`watch`](Self::watch) with this number is known.
    #[must_use]
    pub fn is_watched(&self, number: u64) -> bool {
        self.journal(number).is_some()
    }

    /// Notes no more.
    pub fn unwatch(&mut self) {
        if let Some(journal) = self.journal.take() {
            for visitor in journal.empty_visitors {
                self.release_visitor(visitor);
            }
            for space in journal.empty_spaces {
                self.release_space(space);
            }
        }
    }

    /// Whoever watches must begin anew. The numbers stay taken until then: an answer may be half written.
    pub(crate) fn lose_sight(&mut self) {
        if let Some(journal) = &mut self.journal {
            journal.number = NO_NUMBER;
            journal.spaces = HashMap::new();
            journal.visitors = HashMap::new();
        }
    }

    pub(crate) fn journal(&self, number: u64) -> Option<&Journal> {
        self.journal
            .as_deref()
            .filter(|journal| journal.number == number && number != NO_NUMBER)
    }

    /// A visit is about to change or to come; `was` is its length, `None` where no question sees it.
    #[inline]
    pub(crate) fn note(&mut self, visitor: u32, space: u32, start: Millis, was: Option<Millis>) {
        if self.journal.is_some() {
            self.note_down(visitor, space, start, was);
        }
    }

    #[cold]
    fn note_down(&mut self, visitor: u32, space: u32, start: Millis, was: Option<Millis>) {
        let Some(journal) = &mut self.journal else {
            return;
        };
        if journal.changes == MAX_CHANGES {
            self.lose_sight();
            return;
        }
        journal.changes += 1;
        let space_side = journal.spaces.entry(space).or_default();
        space_side.entry((visitor, start)).or_insert(was);
        let visitor_side = journal.visitors.entry(visitor).or_default();
        visitor_side.entry((space, start)).or_insert(was);
    }
}
