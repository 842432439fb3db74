//! One question under way.
//!
//! A search goes on in steps and holds no reference to the graph between them, so that a heavy question can be answered
//! in slices while others are served; in one piece it is one step. Once a journal runs (`journal.rs`) it sees every visit
//! as it was when that began.
//!
//! The index case's visits, clipped and lengthened, are looked up one by one in their spaces. For the second order the
//! contacts' visits since their first meeting are joined per space (`windows.rs`) and looked up in turn. Where only
//! membership is asked for, nothing else is kept; meetings are collected, grouped by visitor and united where times
//! count.

use std::cmp::Ordering;

use crate::Millis;
use crate::chunk::Row;
use crate::exposure::{Exposure, HIGH_WITHIN, MEDIUM_WITHIN, Order, Priority, Question, Scratch};
use crate::graph::Graph;
use crate::journal::{Changed, Journal};
use crate::prefetch::TOGETHER;
use crate::spans::{Span, Union, lasts, measure, unite};
use crate::warnings::Stamp;
use crate::windows::Window;

/// So many of something are gone through before the time is looked at.
pub(crate) const A_PASS: usize = 4096;

/// What looking up a window or a contact costs, in rows.
const LOOK_UP: usize = 8;

/// The work a step may still do, in rows looked at or moved; a thousand take about 20 µs.
#[derive(Debug)]
pub(crate) struct Work(usize);

impl Work {
    pub(crate) fn new(rows: usize) -> Self {
        Self(rows.max(1))
    }

    pub(crate) fn spend(&mut self, rows: usize) {
        self.0 = self.0.saturating_sub(rows);
    }

    pub(crate) fn is_over(&self) -> bool {
        self.0 == 0
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
    pub(crate) const ALL: Self = Self {
        expired: 0,
        asked: None,
    };
}

/// What a search looks for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms {
    pub(crate) whose: Whose,
    /// Only the index case's visit to that space with that start.
    only: Option<(u32, Millis)>,
    question: Question,
    sight: Sight,
    /// A co-presence that ends later than this is high. (0 where AT is less: no visit ends at 0.)
    high_after: Millis,
    medium_after: Millis,
}

impl Terms {
    pub(crate) fn new(whose: Whose, question: &Question, sight: Sight) -> Self {
        Self {
            whose,
            only: None,
            question: *question,
            sight,
            high_after: question.at.saturating_sub(HIGH_WITHIN),
            medium_after: question.at.saturating_sub(MEDIUM_WITHIN),
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

    /// Whether second-order contacts can be part of the answer; none of them is ever high.
    fn follows_relays(&self) -> bool {
        self.question.order == Order::Second && self.question.min_priority > Priority::High
    }

    /// Whether who belongs to the answer depends on how long, or along which path, somebody was met.
    fn needs_times(&self) -> bool {
        let medium = self.question.min_priority == Priority::Medium;
        self.question.min_time.is_some() || (self.follows_relays() && medium)
    }

    /// The visitor who is never found. No visitor has the greatest number.
    fn index_case(&self) -> u32 {
        match self.whose {
            Whose::Visitor(visitor) => visitor,
            Whose::Space(_) => u32::MAX,
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

    /// Co-presences that end by then do not count where only membership is asked for.
    fn after(&self) -> Millis {
        match self.question.min_priority {
            Priority::High => self.high_after,
            Priority::Medium => self.medium_after,
            Priority::Low => 0,
        }
    }

    /// Whether a visitor is a first-order contact: when the first co-presence began, and how urgent it is.
    pub(crate) fn contact(
        &self,
        graph: &Graph,
        visitor: u32,
        scratch: &mut Scratch,
    ) -> Option<(Millis, Priority)> {
        if visitor == self.index_case() {
            return None;
        }
        let view = View::new(graph, self, None);
        let Scratch {
            windows, sorted, ..
        } = scratch;
        self.index_windows(view, windows);
        let visits = graph.visitors.value(visitor);
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
        if !lasts(spans, &self.question) {
            return None;
        }
        let union = measure(spans);
        let priority = self.first_order_priority(union.last);
        (priority <= self.question.min_priority).then_some((union.first, priority))
    }

    /// What the index case occupied: clipped, then lengthened.
    fn index_windows(&self, view: View<'_>, windows: &mut Vec<Window>) {
        let Question {
            from,
            to,
            at,
            linger,
            ..
        } = self.question;
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
        let mut add = |row: Row| {
            if row.start < to && row.end() > from {
                let (start, end) = (row.start.max(from), row.end().min(to));
                windows.push(Window {
                    space: row.other,
                    start,
                    end: end.saturating_add(linger).min(at),
                });
            }
        };
        match self.only {
            None => view.visits(index_case, from, to, add),
            Some((other, start)) => {
                if let Some(len) = view.graph.visitors.value(index_case).find(start, other)
                    && !view.is_hidden(index_case, other, start, start + len)
                {
                    add(Row { start, other, len });
                }
            }
        }
    }
}

/// The graph as one question sees it.
#[derive(Clone, Copy)]
struct View<'g> {
    graph: &'g Graph,
    sight: Sight,
    /// Nobody is their own contact.
    index_case: u32,
    /// What has changed since, and is not seen.
    since: Option<&'g Journal>,
}

impl<'g> View<'g> {
    fn new(graph: &'g Graph, terms: &Terms, since: Option<&'g Journal>) -> Self {
        Self {
            graph,
            sight: terms.sight,
            index_case: terms.index_case(),
            since,
        }
    }

    #[inline]
    fn is_hidden(&self, visitor: u32, space: u32, start: Millis, end: Millis) -> bool {
        end <= self.sight.expired
            || self.graph.is_dead(visitor, space, start, end)
            || (self.sight.asked)
                .is_some_and(|asked| self.graph.warnings.is_exempt(asked, visitor, space, start))
    }

    /// Calls `each` with every co-presence in a window: the visitor (never the index case) and its start and end. How
    /// many there were.
    #[inline]
    fn co_present(&self, window: &Window, mut each: impl FnMut(u32, Span)) -> usize {
        let space = window.space;
        let mut found = 0;
        let mut meet = |row: Row| {
            if row.other != self.index_case {
                found += 1;
                each(row.other, window.clip(row.start, row.end()));
            }
        };
        let visits = self.graph.spaces.value(space);
        match self.since.and_then(|journal| journal.space(space)) {
            None => visits.overlapping(window.start, window.end, |row| {
                if !self.is_hidden(row.other, space, row.start, row.end()) {
                    meet(row);
                }
            }),
            Some(changed) => {
                visits.overlapping(window.start, window.end, |row| {
                    if !changed.contains_key(&(row.other, row.start))
                        && !self.is_hidden(row.other, space, row.start, row.end())
                    {
                        meet(row);
                    }
                });
                were(changed, window.start, window.end, meet);
            }
        }
        found
    }

    /// Calls `each` with every visit of a visitor that overlaps `[from, to)`.
    #[inline]
    fn visits(&self, visitor: u32, from: Millis, to: Millis, mut each: impl FnMut(Row)) {
        let visits = self.graph.visitors.value(visitor);
        match self.since.and_then(|journal| journal.visitor(visitor)) {
            None => visits.overlapping(from, to, |row| {
                if !self.is_hidden(visitor, row.other, row.start, row.end()) {
                    each(row);
                }
            }),
            Some(changed) => {
                visits.overlapping(from, to, |row| {
                    if !changed.contains_key(&(row.other, row.start))
                        && !self.is_hidden(visitor, row.other, row.start, row.end())
                    {
                        each(row);
                    }
                });
                were(changed, from, to, each);
            }
        }
    }

    /// Asks memory for the visits of whoever comes in so many places.
    #[inline]
    fn ask_visits(&self, ahead: impl Fn(usize) -> Option<u32>) {
        if let Some(visitor) = ahead(2 * TOGETHER) {
            self.graph.visitors.ask_value(visitor);
        }
        if let Some(visitor) = ahead(TOGETHER) {
            self.graph.visitors.value(visitor).ask();
        }
    }

    /// The same for spaces.
    #[inline]
    fn ask_spaces(&self, ahead: impl Fn(usize) -> Option<u32>) {
        let spaces = &self.graph.spaces;
        if let Some(space) = ahead(3 * TOGETHER) {
            spaces.ask_value(space);
        }
        if let Some(space) = ahead(2 * TOGETHER) {
            spaces.value(space).ask();
        }
        if let Some(space) = ahead(TOGETHER) {
            spaces.value(space).ask_latest();
        }
    }

    /// Calls `each` with what a contact occupied between two times; how many visits that are.
    fn relay(
        &self,
        contact: u32,
        since: Millis,
        at: Millis,
        mut each: impl FnMut(Window),
    ) -> usize {
        let mut found = 0;
        self.visits(contact, since, at, |row| {
            found += 1;
            let (start, end) = (row.start.max(since), row.end().min(at));
            each(Window {
                space: row.other,
                start,
                end,
            });
        });
        found
    }
}

impl Graph {
    /// Reads ahead the names of visitors who come next.
    pub(crate) fn prefetch_names(&self, visitors: impl Iterator<Item = u32>) {
        visitors.for_each(|visitor| self.visitors.ask_name(visitor));
    }
}

/// Calls `each` with the visits there were, before they changed, that overlap `[from, to)`.
#[cold]
fn were(changed: &Changed, from: Millis, to: Millis, mut each: impl FnMut(Row)) {
    for (&(other, start), &was) in changed {
        if let Some(len) = was
            && start < to
            && start + len > from
        {
            each(Row { start, other, len });
        }
    }
}

/// One co-presence with the visitor at `place` in `met`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Meeting {
    place: u32,
    span: Span,
}

/// What is known of a visitor met at order 1.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Contact {
    visitor: u32,
    /// Relays from here on.
    first: Millis,
    last: Millis,
    total: Millis,
    /// Relays along recent paths from here on.
    recent: Option<Millis>,
}

/// A row of the answer, ready to be sorted by one comparison.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found {
    /// Priority, order and complement of the total: 2 + 1 + 53 bits.
    rank: u64,
    /// How the name begins, so that rows alike are mostly told apart without it.
    begins: u64,
    visitor: u32,
    first: Millis,
    last: Millis,
}

/// How a name begins, as a number that is sorted as names are.
fn beginning(name: &[u8]) -> u64 {
    let mut bytes = [0; 8];
    let length = name.len().min(8);
    bytes[..length].copy_from_slice(&name[..length]);
    u64::from_be_bytes(bytes)
}

impl Found {
    fn new(order: Order, priority: Priority, visitor: u32, union: &Union) -> Self {
        let urgency = (priority as u64) << 1 | (order as u64 - 1);
        Self {
            rank: urgency << 53 | (crate::MAX_MILLIS - union.total),
            begins: 0, // until all are sorted
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

    fn compare(&self, other: &Self, graph: &Graph) -> Ordering {
        let name = |found: &Self| graph.visitors.name(found.visitor);
        (self.rank, self.begins)
            .cmp(&(other.rank, other.begins))
            .then_with(|| name(self).cmp(name(other)))
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

/// What a search answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// Who, in no order.
    Set,
    /// Exposures in order, at most that many.
    Rows(usize),
    /// Whom a warning with this question alerts, and how urgently: contacts, and with ORDER 2 those second-order
    /// contacts to whom a recent path leads.
    Recipients,
}

/// What a search does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// What the index case occupied.
    Windows,
    /// Whoever was there, as a set.
    MeetSet,
    /// The same with what the second order needs to know.
    MeetContacts,
    /// The same with all times.
    Meet,
    /// Meetings, grouped by visitor.
    Group,
    /// United, they tell who is a contact.
    FirstOrder,
    /// What the contacts occupied.
    Relays,
    Spread,
    SpreadRecent,
    /// Whoever was there, as a set.
    MeetSetAgain,
    /// The same with times.
    MeetAgain,
    /// Whoever a recent path leads to.
    MarkRecent,
    GroupAgain,
    /// The answer's rows: first order, then second.
    FirstRows,
    SecondRows,
    Sort,
    /// The answer's contacts.
    Collect,
    Done,
}

/// Where a search stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// There is more to do.
    More,
    /// It is done, and can be read.
    Done,
    /// Too much has changed since it began: it must begin anew.
    Void,
}

/// One question under way; see [`Graph::ask_contacts`] and [`Graph::ask_exposures`].
#[derive(Debug)]
pub struct Search {
    terms: Terms,
    form: Form,
    stage: Stage,
    /// How far the stage has come.
    at: usize,
    /// The number of the journal it looks through; 0 for none.
    journal: u64,
    /// How many were met at order 1.
    firsts: usize,
    /// Whether every relay's windows are recent.
    all_recent: bool,
    scratch: Scratch,
}

impl Search {
    pub(crate) fn new(terms: Terms, form: Form, scratch: Scratch) -> Self {
        Self {
            terms,
            form,
            stage: Stage::Windows,
            at: 0,
            journal: 0,
            firsts: 0,
            all_recent: false,
            scratch,
        }
    }

    /// A search that has found nobody.
    pub(crate) fn nobody(form: Form, scratch: Scratch) -> Self {
        let question = Question {
            from: 0,
            to: 0,
            at: 0,
            order: Order::First,
            min_time: None,
            within: None,
            linger: 0,
            min_priority: Priority::Low,
        };
        let mut search = Self::new(
            Terms::new(Whose::Space(0), &question, Sight::ALL),
            form,
            scratch,
        );
        search.stage = Stage::Done;
        search
    }

    /// From now on it sees the graph as it was when [`Graph::watch`] was called with this number, which was in the same
    /// breath. That must not end before everything is read.
    pub fn look_through(&mut self, journal: u64) {
        self.journal = journal;
    }

    /// Goes on for about `rows` rows' worth of work, some 20 ns each. One window (a space during one stay) is never
    /// divided.
    pub fn step(&mut self, graph: &Graph, rows: usize) -> Progress {
        let since = graph.journal(self.journal);
        if self.stage != Stage::Done && self.journal != 0 && since.is_none() {
            return Progress::Void;
        }
        let mut work = Work::new(rows);
        let view = View::new(graph, &self.terms, since);
        while self.stage != Stage::Done {
            if work.is_over() || !self.go_on(view, &mut work) {
                return Progress::More;
            }
            self.at = 0;
            self.stage = self.next();
        }
        Progress::Done
    }

    /// Does all of it at once.
    pub(crate) fn finish(&mut self, graph: &Graph) {
        let progress = self.step(graph, usize::MAX);
        debug_assert_eq!(progress, Progress::Done);
    }

    /// What follows the stage at hand.
    fn next(&self) -> Stage {
        let (terms, form) = (&self.terms, self.form);
        let relays = terms.follows_relays();
        let rows = matches!(form, Form::Rows(_))
            || match form {
                Form::Recipients => relays && terms.question.min_time.is_some(),
                _ => terms.needs_times(),
            };
        let recipients = form == Form::Recipients && !rows;
        match self.stage {
            Stage::Windows if rows => Stage::Meet,
            Stage::Windows if recipients && terms.question.min_time.is_some() => Stage::Meet,
            Stage::Windows if relays || recipients => Stage::MeetContacts,
            Stage::Windows => Stage::MeetSet,
            Stage::Meet => Stage::Group,
            Stage::Group => Stage::FirstOrder,
            Stage::FirstOrder | Stage::MeetContacts if relays => Stage::Relays,
            Stage::FirstOrder if rows => Stage::FirstRows,
            Stage::Relays if recipients => Stage::SpreadRecent,
            Stage::Relays => Stage::Spread,
            Stage::Spread if rows => Stage::MeetAgain,
            Stage::Spread => Stage::MeetSetAgain,
            Stage::MeetAgain if self.all_recent => Stage::GroupAgain,
            Stage::MeetAgain => Stage::SpreadRecent,
            Stage::SpreadRecent => Stage::MarkRecent,
            Stage::MarkRecent if rows => Stage::GroupAgain,
            Stage::GroupAgain => Stage::FirstRows,
            Stage::FirstRows if relays => Stage::SecondRows,
            Stage::FirstRows | Stage::SecondRows if matches!(form, Form::Rows(_)) => Stage::Sort,
            Stage::MeetSet | Stage::MeetSetAgain => Stage::Collect,
            Stage::FirstRows | Stage::SecondRows if form == Form::Set => Stage::Collect,
            _ => Stage::Done,
        }
    }

    /// Goes on with the stage at hand; whether it is over.
    fn go_on(&mut self, view: View<'_>, work: &mut Work) -> bool {
        match self.stage {
            Stage::Windows => self.begin(view),
            Stage::MeetSet => self.meet_set(view, work),
            Stage::MeetContacts => self.meet_contacts(view, work),
            Stage::Meet => self.meet(view, work),
            Stage::Group | Stage::GroupAgain => self.group(work),
            Stage::FirstOrder => self.first_order(work),
            Stage::Relays => self.relays(view, work),
            Stage::Spread => self.scratch.relayed.spread(work),
            Stage::SpreadRecent => self.scratch.recent.spread(work),
            Stage::MeetSetAgain => self.meet_set_again(view, work),
            Stage::MeetAgain => self.meet_again(view, work),
            Stage::MarkRecent => self.mark_recent(view, work),
            Stage::FirstRows => self.first_rows(),
            Stage::SecondRows => self.second_rows(work),
            Stage::Sort => self.sort(view.graph, work),
            Stage::Collect => self.collect(),
            Stage::Done => true,
        }
    }

    fn begin(&mut self, view: View<'_>) -> bool {
        let bound = view.graph.visitors.bound();
        let scratch = &mut self.scratch;
        scratch.members.reserve(bound);
        if scratch.place.len() < bound {
            scratch.place.resize(bound, 0);
        }
        self.terms.index_windows(view, &mut scratch.windows);
        true
    }

    fn meet_set(&mut self, view: View<'_>, work: &mut Work) -> bool {
        let after = self.terms.after();
        let Scratch {
            windows, members, ..
        } = &mut self.scratch;
        while let Some(window) = windows.get(self.at) {
            if work.is_over() {
                return false;
            }
            let found = view.co_present(window, |visitor, span| {
                if span.end > after {
                    members.insert(visitor);
                }
            });
            work.spend(LOOK_UP + found);
            self.at += 1;
        }
        true
    }

    /// Turns the windows into contacts where nothing depends on how long somebody was met.
    fn meet_contacts(&mut self, view: View<'_>, work: &mut Work) -> bool {
        let high_after = self.terms.high_after;
        let Scratch {
            place,
            met,
            windows,
            contacts,
            ..
        } = &mut self.scratch;
        while let Some(window) = windows.get(self.at) {
            if work.is_over() {
                return false;
            }
            let found = view.co_present(window, |visitor, span| {
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
            work.spend(LOOK_UP + found);
            self.at += 1;
        }
        true
    }

    /// Collects the co-presences of the first order.
    fn meet(&mut self, view: View<'_>, work: &mut Work) -> bool {
        let scratch = &mut self.scratch;
        while let Some(&window) = scratch.windows.get(self.at) {
            if work.is_over() {
                return false;
            }
            work.spend(LOOK_UP + scratch.meet(view, &window, 0));
            self.at += 1;
        }
        true
    }

    /// Brings the meetings of each place together: those of place p become `sorted[starts[p]..starts[p + 1]]`. In three
    /// passes: how many each place has, room for them, and each to its own.
    fn group(&mut self, work: &mut Work) -> bool {
        let Scratch {
            met,
            meetings,
            sorted,
            starts,
            ..
        } = &mut self.scratch;
        let all = meetings.len();
        if self.at == 0 {
            starts.clear();
            starts.resize(met.len() + 2, 0);
            sorted.clear();
            if sorted.capacity() < all {
                *sorted = Vec::with_capacity(all); // growing it would move what is no longer needed
            }
        }
        while self.at < 3 * all {
            let (pass, from) = (self.at / all, self.at % all);
            let done = match pass {
                0 => {
                    let some = meetings.some(from, A_PASS);
                    for meeting in some {
                        starts[meeting.place as usize + 2] += 1;
                    }
                    some.len()
                }
                1 => {
                    let some = (all - from).min(A_PASS);
                    sorted.resize(from + some, Span::default());
                    some
                }
                _ => {
                    if from == 0 {
                        for place in 2..starts.len() {
                            starts[place] += starts[place - 1];
                        }
                    }
                    let some = meetings.some(from, A_PASS);
                    for meeting in some {
                        let at = &mut starts[meeting.place as usize + 1];
                        sorted[*at as usize] = meeting.span;
                        *at += 1;
                    }
                    some.len()
                }
            };
            self.at += done;
            work.spend(done / 2);
            if work.is_over() {
                break;
            }
        }
        self.at == 3 * all
    }

    /// Turns the meetings into contacts; who falls short of MINTIME is none, and unknown to the second order.
    fn first_order(&mut self, work: &mut Work) -> bool {
        let high_after = self.terms.high_after;
        let question = self.terms.question;
        let Scratch {
            place,
            met,
            sorted,
            starts,
            contacts,
            ..
        } = &mut self.scratch;
        while let Some(&visitor) = met.get(self.at) {
            if work.is_over() {
                return false;
            }
            let spans = &mut sorted[starts[self.at] as usize..starts[self.at + 1] as usize];
            self.at += 1;
            work.spend(1 + spans.len());
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
        true
    }

    /// Collects what the contacts occupied since they were met.
    fn relays(&mut self, view: View<'_>, work: &mut Work) -> bool {
        let at = self.terms.question.at;
        let all = self.form != Form::Recipients || self.terms.question.min_time.is_some();
        let some = self.form != Form::Set || self.terms.needs_times();
        let Scratch {
            relayed,
            recent,
            contacts,
            ..
        } = &mut self.scratch;
        if self.at == 0 {
            self.firsts = contacts.len();
            let bound = view.graph.spaces.bound();
            relayed.begin(bound);
            recent.begin(bound);
            // Then all contacts are high, so it does not matter that they too would be marked.
            self.all_recent =
                (contacts.iter()).all(|contact| contact.recent == Some(contact.first));
        }
        let some = some && (!self.all_recent || !all);
        while let Some(contact) = contacts.get(self.at) {
            if work.is_over() {
                return false;
            }
            view.ask_visits(|ahead| {
                let contact = contacts.get(self.at + ahead);
                contact.map(|contact| contact.visitor)
            });
            let mut visits = 0;
            if all {
                let since = contact.first;
                visits += view.relay(contact.visitor, since, at, |window| relayed.push(window));
            }
            if some && let Some(since) = contact.recent {
                visits += view.relay(contact.visitor, since, at, |window| recent.push(window));
            }
            work.spend(LOOK_UP + visits);
            self.at += 1;
        }
        true
    }

    /// Everyone met, and everyone who shared a space with them later on.
    fn meet_set_again(&mut self, view: View<'_>, work: &mut Work) -> bool {
        let Scratch {
            members,
            relayed,
            contacts,
            ..
        } = &mut self.scratch;
        while !work.is_over() {
            let Some(window) = relayed.next(work) else {
                for contact in &*contacts {
                    members.insert(contact.visitor);
                }
                return true;
            };
            view.ask_spaces(|ahead| relayed.ahead(ahead));
            let found = view.co_present(&window, |visitor, _| members.insert(visitor));
            work.spend(LOOK_UP + found);
        }
        false
    }

    /// Collects the co-presences of the second order.
    fn meet_again(&mut self, view: View<'_>, work: &mut Work) -> bool {
        let scratch = &mut self.scratch;
        if self.at == 0 {
            scratch.meetings.clear();
            self.at = 1;
        }
        while !work.is_over() {
            let Some(window) = scratch.relayed.next(work) else {
                scratch.medium.clear();
                scratch.medium.resize(scratch.met.len(), self.all_recent);
                return true;
            };
            view.ask_spaces(|ahead| scratch.relayed.ahead(ahead));
            work.spend(LOOK_UP + scratch.meet(view, &window, self.firsts as u32));
        }
        false
    }

    /// Marks to whom a recent path leads. Of those a warning is for, they are the ones of the second order.
    fn mark_recent(&mut self, view: View<'_>, work: &mut Work) -> bool {
        let Scratch {
            place,
            met,
            recent,
            medium,
            ..
        } = &mut self.scratch;
        if medium.len() < met.len() {
            medium.resize(met.len(), false);
        }
        while !work.is_over() {
            let Some(window) = recent.next(work) else {
                return true;
            };
            view.ask_spaces(|ahead| recent.ahead(ahead));
            let found = view.co_present(&window, |visitor, _| {
                let found = &mut place[visitor as usize];
                if *found == 0 {
                    met.push(visitor);
                    *found = met.len() as u32;
                    medium.push(true);
                } else {
                    medium[*found as usize - 1] = true;
                }
            });
            work.spend(LOOK_UP + found);
        }
        false
    }

    fn first_rows(&mut self) -> bool {
        let terms = &self.terms;
        let Scratch {
            contacts,
            medium,
            found,
            ..
        } = &mut self.scratch;
        for (place, contact) in contacts.iter().enumerate() {
            let mut priority = terms.first_order_priority(contact.last);
            if medium.get(place) == Some(&true) {
                priority = priority.min(Priority::Medium);
            }
            if priority <= terms.question.min_priority {
                let union = Union {
                    first: contact.first,
                    last: contact.last,
                    total: contact.total,
                };
                found.push(Found::new(Order::First, priority, contact.visitor, &union));
            }
        }
        true
    }

    fn second_rows(&mut self, work: &mut Work) -> bool {
        let question = self.terms.question;
        let Scratch {
            met,
            medium,
            sorted,
            starts,
            found,
            ..
        } = &mut self.scratch;
        self.at = self.at.max(self.firsts);
        while let Some(&visitor) = met.get(self.at) {
            if work.is_over() {
                return false;
            }
            let place = self.at;
            self.at += 1;
            let priority = if medium[place] {
                Priority::Medium
            } else {
                Priority::Low
            };
            if priority > question.min_priority {
                continue;
            }
            let spans = &mut sorted[starts[place] as usize..starts[place + 1] as usize];
            work.spend(1 + spans.len());
            let spans = unite(spans);
            if lasts(spans, &question) {
                let union = measure(spans);
                found.push(Found::new(Order::Second, priority, visitor, &union));
            }
        }
        true
    }

    fn sort(&mut self, graph: &Graph, work: &mut Work) -> bool {
        let Form::Rows(count) = self.form else {
            return true;
        };
        let found = &mut self.scratch.found;
        while let Some(rows) = found.some_mut(self.at, TOGETHER) {
            if work.is_over() {
                return false;
            }
            graph.prefetch_names(rows.iter().map(|row| row.visitor));
            for row in &mut *rows {
                row.begins = beginning(graph.visitors.name(row.visitor));
            }
            work.spend(rows.len());
            self.at += rows.len();
        }
        found.sort(count, work, |a, b| a.compare(b, graph))
    }

    fn collect(&mut self) -> bool {
        let Scratch {
            members,
            found,
            answer,
            ..
        } = &mut self.scratch;
        members.drain(answer);
        answer.extend(found.items().iter().map(|found| found.visitor));
        true
    }

    /// How many the answer holds, once the search is done.
    #[must_use]
    pub fn len(&self) -> usize {
        match self.form {
            Form::Set => self.scratch.answer.len(),
            _ => self.scratch.found.items().len(),
        }
    }

    /// Whether the answer is empty, once the search is done.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The next contact, of a search for contacts only that is done; in no order.
    pub fn next_contact<'g>(&mut self, graph: &'g Graph) -> Option<&'g [u8]> {
        let &visitor = self.scratch.answer.get(self.at)?;
        if let Some(&soon) = self.scratch.answer.get(self.at + TOGETHER) {
            graph.visitors.ask_name(soon);
        }
        self.at += 1;
        Some(graph.visitors.name(visitor))
    }

    /// The next exposure, of a search for exposures that is done: most urgent first, then order 1 before 2, then the
    /// longest, then by id.
    pub fn next_exposure<'g>(&mut self, graph: &'g Graph) -> Option<Exposure<'g>> {
        let look_ahead = |rows: &[Found]| graph.prefetch_names(rows.iter().map(|row| row.visitor));
        let next = (self.scratch.found).next(|a, b| a.compare(b, graph), look_ahead)?;
        Some(next.exposure(graph))
    }

    /// Whom a warning alerts, and how urgently.
    pub(crate) fn recipients(&self) -> Vec<(u32, Priority)> {
        let (terms, scratch) = (&self.terms, &self.scratch);
        if terms.follows_relays() && terms.question.min_time.is_some() {
            let rows = scratch.found.items().iter();
            let counts =
                |row: &&Found| row.order() == Order::First || row.priority() == Priority::Medium;
            return rows
                .filter(counts)
                .map(|row| (row.visitor, row.priority()))
                .collect();
        }
        let mut found = Vec::with_capacity(scratch.met.len());
        for (place, &visitor) in scratch.met.iter().enumerate() {
            let medium = scratch.medium.get(place) == Some(&true);
            let priority = match scratch.contacts.get(place) {
                Some(contact) => terms.first_order_priority(contact.last),
                None => Priority::Medium,
            };
            let priority = if medium {
                priority.min(Priority::Medium)
            } else {
                priority
            };
            if priority <= terms.question.min_priority {
                found.push((visitor, priority));
            }
        }
        found
    }

    /// Its working memory, for the next question.
    #[must_use]
    pub fn into_scratch(mut self) -> Scratch {
        self.scratch.clear();
        self.scratch
    }
}

impl Scratch {
    /// Collects the co-presences in a window, leaving out visitors whose place is not above `from`; how many there
    /// were.
    fn meet(&mut self, view: View<'_>, window: &Window, from: u32) -> usize {
        let Self {
            place,
            met,
            meetings,
            ..
        } = self;
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
        })
    }
}
