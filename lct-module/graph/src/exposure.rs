//! Who was exposed: contacts of the index case, and contacts of contacts along time-respecting paths.
//!
//! The index case's visits, clipped to the window and lengthened by lingering, are looked up one by one in their spaces;
//! whoever overlaps is a contact. For the second order the contacts' visits since their first meeting are joined per
//! space before they are looked up, so that a stadium is searched once and not once for each of its fifty thousand
//! visitors; a second-order exposure is a union over all contacts, so joining loses nothing.
//!
//! The plain answer needs a set only and never stores an overlap. Times are summed only where they are asked for, or
//! where MINTIME depends on them.

use crate::Millis;
use crate::chunk::Row;
use crate::graph::{Graph, VisitorVisits};
use crate::order::first_by;
use crate::warnings::Stamp;

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

impl Question {
    /// Whether who belongs to the answer depends on how long, or along which path, somebody was met.
    fn needs_times(&self) -> bool {
        self.min_time.is_some() || (self.follows_relays() && self.min_priority == Priority::Medium)
    }

    /// Whether second-order contacts can be part of the answer; none of them is ever high.
    fn follows_relays(&self) -> bool {
        self.order == Order::Second && self.min_priority > Priority::High
    }
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

/// Working memory for questions, to be kept between them. It fits any graph and holds nothing of the last one.
#[derive(Debug, Default)]
pub struct Scratch {
    /// For each visitor who was met, 1 + the place in `met`; else 0.
    place: Vec<u32>,
    /// Visitors met, in order of discovery.
    met: Vec<u32>,
    /// What the index case or the contacts occupied.
    windows: Vec<Window>,
    /// The part of `windows` that makes a second-order contact medium.
    recent: Vec<Window>,
    meetings: Vec<Meeting>,
    sorted: Vec<Span>,
    starts: Vec<u32>,
    /// First-order contacts.
    contacts: Vec<Contact>,
}

/// A space between two times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Window {
    space: u32,
    start: Millis,
    end: Millis,
}

impl Window {
    fn clip(&self, start: Millis, end: Millis) -> Span {
        Span {
            start: start.max(self.start),
            end: end.min(self.end),
        }
    }
}

/// From when to when; never empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
struct Span {
    start: Millis,
    end: Millis,
}

/// One co-presence with the visitor at `place` in `met`.
#[derive(Debug, Clone, Copy)]
struct Meeting {
    place: u32,
    span: Span,
}

/// What is known of a visitor met at order 1.
#[derive(Debug, Clone, Copy)]
struct Contact {
    visitor: u32,
    /// Relays from here on.
    first: Millis,
    last: Millis,
    total: Millis,
    /// Relays along recent paths from here on.
    recent: Option<Millis>,
}

/// The union of one contact's co-presences.
struct Union {
    first: Millis,
    last: Millis,
    total: Millis,
}

impl Graph {
    /// Calls `each` once with every exposed contact, in no order.
    pub fn exposed<'g>(
        &'g self,
        visitor: &[u8],
        question: &Question,
        scratch: &mut Scratch,
        mut each: impl FnMut(&'g [u8]),
    ) {
        let Some(index_case) = self.visitors.find(visitor) else {
            return;
        };
        let mut search = Search::new(
            self,
            Whose::Visitor(index_case),
            question,
            Sight::ALL,
            scratch,
        );
        if question.needs_times() {
            for found in search.rows() {
                each(self.visitors.name(found.visitor));
            }
        } else {
            for &contact in search.set() {
                each(self.visitors.name(contact));
            }
        }
        search.clear();
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
        let Some(index_case) = self.visitors.find(visitor) else {
            return Vec::new();
        };
        let mut search = Search::new(
            self,
            Whose::Visitor(index_case),
            question,
            Sight::ALL,
            scratch,
        );
        let mut found = search.rows();
        search.clear();
        first_by(&mut found, count, |a, b| {
            (a.rank.cmp(&b.rank)).then_with(|| {
                self.visitors
                    .name(a.visitor)
                    .cmp(self.visitors.name(b.visitor))
            })
        });
        found.iter().map(|found| found.exposure(self)).collect()
    }
}

/// A row of the answer, ready to be sorted by one comparison.
struct Found {
    /// Priority, order and complement of the total: 2 + 1 + 53 bits.
    rank: u64,
    visitor: u32,
    first: Millis,
    last: Millis,
}

impl Found {
    fn new(order: Order, priority: Priority, visitor: u32, union: &Union) -> Self {
        let urgency = (priority as u64) << 1 | (order as u64 - 1);
        Self {
            rank: urgency << 53 | (crate::MAX_MILLIS - union.total),
            visitor,
            first: union.first,
            last: union.last,
        }
    }

    fn order(&self) -> Order {
        if self.rank >> 53 & 1 == 0 {
            Order::First
        } else {
            Order::Second
        }
    }

    fn priority(&self) -> Priority {
        match self.rank >> 54 {
            0 => Priority::High,
            1 => Priority::Medium,
            _ => Priority::Low,
        }
    }

    fn exposure<'g>(&self, graph: &'g Graph) -> Exposure<'g> {
        Exposure {
            contact: graph.visitors.name(self.visitor),
            order: self.order(),
            priority: self.priority(),
            first: self.first,
            last: self.last,
            total: crate::MAX_MILLIS - (self.rank & crate::MAX_MILLIS),
        }
    }
}

/// Whose contacts are sought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whose {
    /// Those of a visitor, the index case.
    Visitor(u32),
    /// Whoever was in a space.
    Space(u32),
}

/// Which visits a question leaves out, besides those a purge has declared dead.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sight {
    /// Visits that ended by then have expired.
    pub(crate) expired: Millis,
    /// Late visits that were logged after this stamp; `None` leaves out none of them.
    pub(crate) asked: Option<Stamp>,
}

impl Sight {
    /// Everything there is.
    const ALL: Self = Self {
        expired: 0,
        asked: None,
    };
}

/// The graph as one question sees it.
#[derive(Clone, Copy)]
struct View<'g> {
    graph: &'g Graph,
    sight: Sight,
    /// Nobody is their own contact. [`NOBODY`] where the question is about a space.
    index_case: u32,
}

/// No visitor has this number.
const NOBODY: u32 = u32::MAX;

impl View<'_> {
    #[inline]
    fn is_hidden(&self, visitor: u32, space: u32, start: Millis, end: Millis) -> bool {
        end <= self.sight.expired
            || self.graph.is_dead(visitor, space, start, end)
            || (self.sight.asked)
                .is_some_and(|asked| self.graph.warnings.is_exempt(asked, visitor, space, start))
    }

    /// Calls `each` with every co-presence in a window: the visitor (never the index case) and its start and end.
    #[inline]
    fn co_present(&self, window: &Window, mut each: impl FnMut(u32, Span)) {
        let visits = self.graph.spaces.value(window.space);
        visits.overlapping(window.start, window.end, |row| {
            if row.other == self.index_case
                || self.is_hidden(row.other, window.space, row.start, row.end())
            {
                return;
            }
            each(row.other, window.clip(row.start, row.end()));
        });
    }

    /// Adds what a contact occupied between two times.
    fn relay(&self, contact: u32, since: Millis, at: Millis, windows: &mut Vec<Window>) {
        let visits: &VisitorVisits = self.graph.visitors.value(contact);
        visits.overlapping(since, at, |row| {
            if !self.is_hidden(contact, row.other, row.start, row.end()) {
                let (start, end) = (row.start.max(since), row.end().min(at));
                windows.push(Window {
                    space: row.other,
                    start,
                    end,
                });
            }
        });
    }
}

/// One question under way.
pub(crate) struct Search<'g, 's> {
    view: View<'g>,
    whose: Whose,
    /// Only the index case's visit to that space with that start.
    only: Option<(u32, Millis)>,
    question: Question,
    /// A co-presence that ends later than this is high. (0 where AT is less: no visit ends at 0.)
    high_after: Millis,
    medium_after: Millis,
    scratch: &'s mut Scratch,
}

impl<'g, 's> Search<'g, 's> {
    pub(crate) fn new(
        graph: &'g Graph,
        whose: Whose,
        question: &Question,
        sight: Sight,
        scratch: &'s mut Scratch,
    ) -> Self {
        if scratch.place.len() < graph.visitors.bound() {
            scratch.place.resize(graph.visitors.bound(), 0);
        }
        Self {
            view: View {
                graph,
                sight,
                index_case: match whose {
                    Whose::Visitor(visitor) => visitor,
                    Whose::Space(_) => NOBODY,
                },
            },
            whose,
            only: None,
            question: *question,
            high_after: question.at.saturating_sub(HIGH_WITHIN),
            medium_after: question.at.saturating_sub(MEDIUM_WITHIN),
            scratch,
        }
    }

    /// Forgets everyone met, so that the scratch serves the next question.
    fn clear(&mut self) {
        for &visitor in &self.scratch.met {
            self.scratch.place[visitor as usize] = 0;
        }
        self.scratch.met.clear();
        // One enormous answer must not hold its memory for ever.
        if self.scratch.meetings.capacity() > 1 << 20 {
            *self.scratch = Scratch::default();
        }
    }

    fn first_order_priority(&self, last: Millis) -> Priority {
        if last > self.high_after {
            Priority::High
        } else if last > self.medium_after {
            Priority::Medium
        } else {
            Priority::Low
        }
    }

    /// What the index case occupied: clipped, then lengthened.
    fn index_windows(&mut self) {
        let Question {
            from,
            to,
            at,
            linger,
            ..
        } = self.question;
        let windows = &mut self.scratch.windows;
        windows.clear();
        if from >= to {
            return;
        }
        let index_case = match self.whose {
            Whose::Visitor(visitor) => visitor,
            Whose::Space(space) => {
                windows.push(Window {
                    space,
                    start: from,
                    end: to,
                });
                return;
            }
        };
        let view = self.view;
        let visits = view.graph.visitors.value(index_case);
        let mut add = |row: Row| {
            if row.start >= to
                || row.end() <= from
                || view.is_hidden(index_case, row.other, row.start, row.end())
            {
                return;
            }
            let (start, end) = (row.start.max(from), row.end().min(to));
            windows.push(Window {
                space: row.other,
                start,
                end: end.saturating_add(linger).min(at),
            });
        };
        match self.only {
            None => visits.overlapping(from, to, add),
            Some((other, start)) => {
                if let Some(len) = visits.find(start, other) {
                    add(Row { start, other, len });
                }
            }
        }
    }

    /// The plain answer: who, without times.
    fn set(&mut self) -> &[u32] {
        self.index_windows();
        if self.question.follows_relays() {
            self.set_second_order();
            return &self.scratch.met;
        }
        let after = match self.question.min_priority {
            Priority::High => self.high_after,
            Priority::Medium => self.medium_after,
            Priority::Low => 0,
        };
        let view = self.view;
        let Scratch {
            place,
            met,
            windows,
            ..
        } = &mut *self.scratch;
        for window in &*windows {
            view.co_present(window, |visitor, span| {
                if place[visitor as usize] == 0 && span.end > after {
                    met.push(visitor);
                    place[visitor as usize] = met.len() as u32;
                }
            });
        }
        &self.scratch.met
    }

    /// Order 2 as a set: everyone met, then everyone who shared a space with them later on.
    fn set_second_order(&mut self) {
        self.contacts_without_totals();
        let (view, at) = (self.view, self.question.at);
        let Scratch {
            place,
            met,
            windows,
            contacts,
            ..
        } = &mut *self.scratch;
        windows.clear();
        for contact in &*contacts {
            view.relay(contact.visitor, contact.first, at, windows);
        }
        join(windows);
        for window in &*windows {
            view.co_present(window, |visitor, _| {
                if place[visitor as usize] == 0 {
                    met.push(visitor);
                    place[visitor as usize] = met.len() as u32;
                }
            });
        }
    }

    /// Turns the windows into contacts where nothing depends on how long somebody was met.
    fn contacts_without_totals(&mut self) {
        let (view, high_after) = (self.view, self.high_after);
        let Scratch {
            place,
            met,
            windows,
            contacts,
            ..
        } = &mut *self.scratch;
        contacts.clear();
        for window in &*windows {
            view.co_present(window, |visitor, span| {
                let recent = (span.end > high_after).then(|| span.start.max(high_after));
                let found = place[visitor as usize];
                if found == 0 {
                    met.push(visitor);
                    place[visitor as usize] = met.len() as u32;
                    contacts.push(Contact {
                        visitor,
                        first: span.start,
                        last: span.end,
                        total: 0,
                        recent,
                    });
                    return;
                }
                let contact = &mut contacts[found as usize - 1];
                contact.first = contact.first.min(span.start);
                contact.last = contact.last.max(span.end);
                contact.recent = match (contact.recent, recent) {
                    (Some(known), Some(recent)) => Some(known.min(recent)),
                    (known, recent) => known.or(recent),
                };
            });
        }
    }

    /// Looks for contacts only.
    pub(crate) fn first_order_only(mut self) -> Self {
        self.question.order = Order::First;
        self
    }

    /// Looks at one visit of the index case only, and leaves out nobody for a priority: all visits decide on that.
    pub(crate) fn only(mut self, space: u32, start: Millis) -> Self {
        self.only = Some((space, start));
        self.question.min_priority = Priority::Low;
        self
    }

    /// Whom a warning with this question alerts, and how urgently: contacts, and with ORDER 2 those second-order
    /// contacts to whom a recent path leads.
    pub(crate) fn recipients(mut self) -> Vec<(u32, Priority)> {
        let mut found = if self.question.min_time.is_some() && self.question.follows_relays() {
            let rows = self.rows();
            let rows = rows
                .iter()
                .map(|row| (row.visitor, row.order(), row.priority()));
            rows.filter(|&(_, order, priority)| {
                order == Order::First || priority == Priority::Medium
            })
            .map(|(visitor, _, priority)| (visitor, priority))
            .collect()
        } else {
            self.recipients_without_totals()
        };
        self.clear();
        found.retain(|&(_, priority)| priority <= self.question.min_priority);
        found
    }

    fn recipients_without_totals(&mut self) -> Vec<(u32, Priority)> {
        self.index_windows();
        if self.question.min_time.is_some() {
            self.meet(0);
            self.first_order();
        } else {
            self.contacts_without_totals();
        }
        let mut found: Vec<_> = (self.scratch.contacts.iter())
            .map(|contact| (contact.visitor, self.first_order_priority(contact.last)))
            .collect();
        if self.question.follows_relays() {
            let (view, at) = (self.view, self.question.at);
            let Scratch {
                place,
                met,
                recent,
                contacts,
                ..
            } = &mut *self.scratch;
            recent.clear();
            for contact in &*contacts {
                if let Some(since) = contact.recent {
                    view.relay(contact.visitor, since, at, recent);
                }
            }
            join(recent);
            for window in &*recent {
                view.co_present(window, |visitor, _| {
                    let known = &mut place[visitor as usize];
                    if *known == 0 {
                        met.push(visitor);
                        *known = met.len() as u32;
                        found.push((visitor, Priority::Medium));
                    } else {
                        let priority = &mut found[*known as usize - 1].1;
                        *priority = (*priority).min(Priority::Medium);
                    }
                });
            }
        }
        found
    }

    /// Whether a visitor is a first-order contact: when the first co-presence began, and how urgent it is.
    pub(crate) fn contact(mut self, visitor: u32) -> Option<(Millis, Priority)> {
        if visitor == self.view.index_case {
            return None;
        }
        self.index_windows();
        let (view, question) = (self.view, self.question);
        let visits = view.graph.visitors.value(visitor);
        let Scratch {
            windows, sorted, ..
        } = &mut *self.scratch;
        sorted.clear();
        for window in &*windows {
            visits.overlapping(window.start, window.end, |row| {
                if row.other == window.space
                    && !view.is_hidden(visitor, row.other, row.start, row.end())
                {
                    sorted.push(window.clip(row.start, row.end()));
                }
            });
        }
        let spans = unite(sorted);
        if !lasts(spans, &question) {
            return None;
        }
        let union = measure(spans);
        let priority = self.first_order_priority(union.last);
        (priority <= question.min_priority).then_some((union.first, priority))
    }

    /// The answer with times, unsorted.
    fn rows(&mut self) -> Vec<Found> {
        self.index_windows();
        self.meet(0);
        self.first_order();
        let firsts = self.scratch.met.len();
        let medium = if self.question.follows_relays() {
            self.second_order()
        } else {
            vec![false; firsts]
        };
        let mut found = Vec::new();
        for (contact, medium) in self.scratch.contacts.iter().zip(&medium) {
            let mut priority = self.first_order_priority(contact.last);
            if *medium {
                priority = priority.min(Priority::Medium);
            }
            if priority <= self.question.min_priority {
                let union = Union {
                    first: contact.first,
                    last: contact.last,
                    total: contact.total,
                };
                found.push(Found::new(Order::First, priority, contact.visitor, &union));
            }
        }
        if self.question.follows_relays() {
            self.second_order_rows(firsts, &medium, &mut found);
        }
        found
    }

    /// Collects the co-presences in `windows`, leaving out visitors whose place is below `from`.
    fn meet(&mut self, from: u32) {
        let view = self.view;
        let Scratch {
            place,
            met,
            windows,
            meetings,
            ..
        } = &mut *self.scratch;
        meetings.clear();
        for window in &*windows {
            view.co_present(window, |visitor, span| {
                let found = &mut place[visitor as usize];
                if *found == 0 {
                    met.push(visitor);
                    *found = met.len() as u32;
                }
                if *found > from {
                    meetings.push(Meeting {
                        place: *found - 1,
                        span,
                    });
                }
            });
        }
    }

    /// Turns the meetings into contacts; who falls short of MINTIME is none, and unknown to the second order.
    fn first_order(&mut self) {
        let high_after = self.high_after;
        let question = self.question;
        let Scratch {
            place,
            met,
            meetings,
            sorted,
            starts,
            contacts,
            ..
        } = &mut *self.scratch;
        contacts.clear();
        group(meetings, met.len(), sorted, starts);
        for (index, &visitor) in met.iter().enumerate() {
            let spans = &mut sorted[starts[index] as usize..starts[index + 1] as usize];
            let spans = unite(spans);
            if !lasts(spans, &question) {
                continue;
            }
            let union = measure(spans);
            let recent = spans
                .iter()
                .find(|span| span.end > high_after)
                .map(|span| span.start.max(high_after));
            contacts.push(Contact {
                visitor,
                first: union.first,
                last: union.last,
                total: union.total,
                recent,
            });
        }
        if contacts.len() < met.len() {
            // Met anew, those who fell short may still be second-order contacts.
            for &visitor in &*met {
                place[visitor as usize] = 0;
            }
            met.clear();
            for contact in &*contacts {
                met.push(contact.visitor);
                place[contact.visitor as usize] = met.len() as u32;
            }
        }
    }

    /// Collects the meetings of the second order, and tells for each place whether a recent path leads there.
    fn second_order(&mut self) -> Vec<bool> {
        let (view, at) = (self.view, self.question.at);
        let firsts = self.scratch.met.len() as u32;
        let Scratch {
            windows,
            recent,
            contacts,
            ..
        } = &mut *self.scratch;
        windows.clear();
        recent.clear();
        for contact in &*contacts {
            view.relay(contact.visitor, contact.first, at, windows);
            if let Some(since) = contact.recent {
                view.relay(contact.visitor, since, at, recent);
            }
        }
        join(windows);
        join(recent);
        self.meet(firsts);
        let Scratch {
            place,
            met,
            windows,
            recent,
            ..
        } = &mut *self.scratch;
        // Where all windows are recent all contacts are high, so it does not matter that they too are marked.
        let all = windows == recent;
        let mut medium = vec![all; met.len()];
        if !all {
            for window in &*recent {
                view.co_present(window, |visitor, _| {
                    // Recent windows are part of the others: whoever is here was met.
                    medium[place[visitor as usize] as usize - 1] = true;
                });
            }
        }
        medium
    }

    fn second_order_rows(&mut self, firsts: usize, medium: &[bool], found: &mut Vec<Found>) {
        let question = self.question;
        let Scratch {
            met,
            meetings,
            sorted,
            starts,
            ..
        } = &mut *self.scratch;
        group(meetings, met.len(), sorted, starts);
        for (index, &visitor) in met.iter().enumerate().skip(firsts) {
            let priority = if medium[index] {
                Priority::Medium
            } else {
                Priority::Low
            };
            if priority > question.min_priority {
                continue;
            }
            let spans = unite(&mut sorted[starts[index] as usize..starts[index + 1] as usize]);
            if lasts(spans, &question) {
                found.push(Found::new(
                    Order::Second,
                    priority,
                    visitor,
                    &measure(spans),
                ));
            }
        }
    }
}

/// Sorts windows and joins those of one space that touch or overlap.
fn join(windows: &mut Vec<Window>) {
    windows.sort_unstable();
    windows.dedup_by(|next, last| {
        let joined = next.space == last.space && next.start <= last.end;
        if joined {
            last.end = last.end.max(next.end);
        }
        joined
    });
}

/// Brings the meetings of each place together: those of place p become `sorted[starts[p]..starts[p + 1]]`.
fn group(meetings: &[Meeting], places: usize, sorted: &mut Vec<Span>, starts: &mut Vec<u32>) {
    starts.clear();
    starts.resize(places + 2, 0);
    for meeting in meetings {
        starts[meeting.place as usize + 2] += 1;
    }
    for place in 2..starts.len() {
        starts[place] += starts[place - 1];
    }
    sorted.clear();
    sorted.resize(meetings.len(), Span::default());
    for meeting in meetings {
        let at = &mut starts[meeting.place as usize + 1];
        sorted[*at as usize] = meeting.span;
        *at += 1;
    }
}

/// The union of some spans, as disjoint spans in order.
fn unite(spans: &mut [Span]) -> &[Span] {
    if spans.len() < 2 {
        return spans;
    }
    spans.sort_unstable();
    let mut last = 0;
    for index in 1..spans.len() {
        let next = spans[index];
        if next.start <= spans[last].end {
            spans[last].end = spans[last].end.max(next.end);
        } else {
            last += 1;
            spans[last] = next;
        }
    }
    &spans[..=last]
}

/// First, last and measure of disjoint spans in order; there is at least one.
fn measure(spans: &[Span]) -> Union {
    Union {
        first: spans[0].start,
        last: spans[spans.len() - 1].end,
        total: spans.iter().map(|span| span.end - span.start).sum(),
    }
}

/// Whether disjoint spans in order add up to MINTIME within some period as long as WITHIN.
fn lasts(spans: &[Span], question: &Question) -> bool {
    let Some(min_time) = question.min_time else {
        return !spans.is_empty();
    };
    let total: Millis = spans.iter().map(|span| span.end - span.start).sum();
    let Some(within) = question.within else {
        return !spans.is_empty() && total >= min_time;
    };
    if total < min_time || spans.is_empty() {
        return false;
    }
    // What a period of fixed length covers is greatest where the period begins as a span begins or ends as one ends.
    // Both are swept with two pointers; `covered` is the measure of the spans between them.
    let mut covered = 0;
    let mut head = 0;
    for (tail, span) in spans.iter().enumerate() {
        let end = span.start.saturating_add(within);
        while head < spans.len() && spans[head].end <= end {
            covered += spans[head].end - spans[head].start;
            head += 1;
        }
        let part = spans
            .get(head)
            .map_or(0, |next| end.saturating_sub(next.start.max(span.start)));
        if covered + part >= min_time {
            return true;
        }
        if head > tail {
            covered -= span.end - span.start;
        } else {
            head = tail + 1;
        }
    }
    let (mut covered, mut tail) = (0, 0);
    for span in spans {
        covered += span.end - span.start;
        let start = span.end.saturating_sub(within);
        while spans[tail].end <= start {
            covered -= spans[tail].end - spans[tail].start;
            tail += 1;
            if tail == spans.len() {
                break;
            }
        }
        let cut = spans
            .get(tail)
            .map_or(0, |first| start.saturating_sub(first.start));
        if covered.saturating_sub(cut) >= min_time {
            return true;
        }
    }
    false
}
