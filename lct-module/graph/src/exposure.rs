//! Who was exposed: contacts of the index case, and contacts of contacts along time-respecting paths.
//!
//! The words of a question and of its answer; how it is answered stands in `search.rs`.

use crate::Millis;
use crate::graph::Graph;
use crate::members::Members;
use crate::pile::Pile;
use crate::runs::Runs;
use crate::search::{Contact, Form, Found, Meeting, Search, Sight, Terms, Whose};
use crate::spans::Span;
use crate::windows::{Window, Windows};

/// A high priority ends this long before AT, and so does the recent path of a medium one.
pub const HIGH_WITHIN: Millis = 48 * 3_600_000;
/// A medium priority at order 1 ends this long before AT.
pub const MEDIUM_WITHIN: Millis = 96 * 3_600_000;

/// How many hops from the index case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Order {
    /// A contact.
    First = 1,
    /// A contact of a contact, met after that contact met the index case.
    Second = 2,
}

/// How urgent an exposure is. Sorts most urgent first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// Order 1 and exposed within the last 48 hours.
    High,
    /// Order 1 within the last 96 hours, or order 2 along one path wholly within the last 48 hours.
    Medium,
    /// Everyone else.
    Low,
}

/// A question about one index case, with every default already resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Question {
    /// The index case's visits count from here on. Retention is part of it.
    pub from: Millis,
    /// The index case's visits count up to here; at most `at`.
    pub to: Millis,
    /// Everyone's visits count up to here, and priorities count back from here.
    pub at: Millis,
    /// How many hops to follow.
    pub order: Order,
    /// Co-presence must add up to this much.
    pub min_time: Option<Millis>,
    /// … within some period as long as this. Means nothing without `min_time`.
    pub within: Option<Millis>,
    /// How long the index case's visits go on after they ended, never past `at`.
    pub linger: Millis,
    /// Leave out who is less urgent; [`Priority::Low`] leaves out nobody.
    pub min_priority: Priority,
}

/// One contact's exposure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exposure<'g> {
    /// The contact's id.
    pub contact: &'g [u8],
    /// The lowest order along which there is an exposure; the times are those of this order.
    pub order: Order,
    /// The more urgent priority of all orders asked for.
    pub priority: Priority,
    /// Start of the earliest co-presence.
    pub first: Millis,
    /// End of the latest co-presence.
    pub last: Millis,
    /// How long the co-presences are together; time counted twice counts once.
    pub total: Millis,
}

/// Working memory that has room for more of anything is not kept.
const A_LOT: usize = 1 << 20;

/// Working memory for questions, to be kept between them. It fits any graph and holds nothing of the last one.
#[derive(Debug, Default)]
pub struct Scratch {
    /// For each visitor who was met, 1 + the place in `met`; else 0.
    pub(crate) place: Vec<u32>,
    /// Visitors met, in order of discovery.
    pub(crate) met: Vec<u32>,
    /// Who was met, where nothing else counts.
    pub(crate) members: Members,
    /// What the index case occupied.
    pub(crate) windows: Vec<Window>,
    /// What the contacts occupied.
    pub(crate) relayed: Windows,
    /// The part of that which makes a second-order contact medium.
    pub(crate) recent: Windows,
    pub(crate) meetings: Pile<Meeting>,
    pub(crate) sorted: Vec<Span>,
    pub(crate) starts: Vec<u32>,
    /// First-order contacts.
    pub(crate) contacts: Vec<Contact>,
    /// For each place, whether a recent path leads there.
    pub(crate) medium: Vec<bool>,
    /// The answer: exposures.
    pub(crate) found: Runs<Found>,
    /// The answer: contacts.
    pub(crate) answer: Vec<u32>,
}

impl Scratch {
    /// Forgets everyone met.
    pub(crate) fn clear(&mut self) {
        // One enormous answer must not hold its memory for ever.
        if self.room() > A_LOT {
            *self = Self::default();
            return;
        }
        for &visitor in &self.met {
            self.place[visitor as usize] = 0;
        }
        self.met.clear();
        self.members.drain(&mut self.answer);
        self.meetings.clear();
        self.contacts.clear();
        self.medium.clear();
        self.found.clear();
        self.answer.clear();
    }

    /// Room for so many of what an answer can have most of.
    fn room(&self) -> usize {
        let met = self.meetings.capacity().max(self.sorted.capacity());
        let relayed = self.relayed.capacity().max(self.recent.capacity());
        met.max(relayed)
    }
}

impl Graph {
    /// Begins to answer who was exposed to a visitor, without times.
    pub fn ask_contacts(&self, visitor: &[u8], question: &Question, scratch: Scratch) -> Search {
        self.search(visitor, question, Form::Set, scratch)
    }

    /// Begins to answer who was exposed to a visitor, with times and in order, at most `count` of them.
    pub fn ask_exposures(
        &self,
        visitor: &[u8],
        question: &Question,
        count: usize,
        scratch: Scratch,
    ) -> Search {
        self.search(visitor, question, Form::Rows(count), scratch)
    }

    fn search(&self, visitor: &[u8], question: &Question, form: Form, scratch: Scratch) -> Search {
        match self.visitors.find(visitor) {
            Some(visitor) => {
                let terms = Terms::new(Whose::Visitor(visitor), question, Sight::ALL);
                Search::new(terms, form, scratch)
            }
            None => Search::nobody(form, scratch),
        }
    }

    /// Calls `each` once with every exposed contact, in no order.
    pub fn exposed<'g>(
        &'g self,
        visitor: &[u8],
        question: &Question,
        scratch: &mut Scratch,
        mut each: impl FnMut(&'g [u8]),
    ) {
        let mut search = self.ask_contacts(visitor, question, std::mem::take(scratch));
        search.finish(self);
        while let Some(contact) = search.next_contact(self) {
            each(contact);
        }
        *scratch = search.into_scratch();
    }

    /// The exposures, most urgent first, then order 1 before 2, then the longest, then by id; at most `count` of them.
    #[must_use]
    pub fn exposures(
        &self,
        visitor: &[u8],
        question: &Question,
        scratch: &mut Scratch,
        count: usize,
    ) -> Vec<Exposure<'_>> {
        let mut search = self.ask_exposures(visitor, question, count, std::mem::take(scratch));
        search.finish(self);
        let mut found = Vec::with_capacity(search.len());
        while let Some(exposure) = search.next_exposure(self) {
            found.push(exposure);
        }
        *scratch = search.into_scratch();
        found
    }
}
