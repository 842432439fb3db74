//! The contract as a flat list of visits and loops over it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use crate::warnings::{Cut, Source, Warning, WarningState};

/// A point in time or a length of time, in milliseconds.
pub type Millis = u64;
/// The id of a visitor or a space.
pub type Id = Vec<u8>;
/// One hour in milliseconds.
pub const HOUR: Millis = 3_600_000;

/// A half-open interval `[start, end)`, never empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// first millisecond
    pub start: Millis,
    /// the millisecond after the last
    pub end: Millis,
}

impl Span {
    /// What is left of the span in `[from, to)`.
    pub(crate) fn clip(self, from: Millis, to: Millis) -> Option<Self> {
        let start = self.start.max(from);
        let end = self.end.min(to);
        (start < end).then_some(Self { start, end })
    }
}

/// One visit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Visit {
    /// who
    pub visitor: Id,
    /// where
    pub space: Id,
    /// when
    pub span: Span,
}

/// How many hops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Order {
    /// contacts
    First = 1,
    /// and contacts of contacts
    Second = 2,
}

/// How urgent, the most urgent first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// order 1 within 48 h
    High,
    /// order 1 within 96 h, or order 2 wholly within 48 h
    Medium,
    /// the rest
    Low,
}

/// A question whose window is resolved (see [`crate::Window`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Question {
    /// effective FROM
    pub from: Millis,
    /// effective TO
    pub to: Millis,
    /// AT
    pub at: Millis,
    /// ORDER
    pub order: Order,
    /// MINTIME
    pub min_time: Option<Millis>,
    /// WITHIN
    pub within: Option<Millis>,
    /// LINGER
    pub linger: Millis,
    /// MINPRIORITY
    pub min_priority: Priority,
}

/// One row of the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exposure {
    /// who
    pub contact: Id,
    /// over how many hops
    pub order: Order,
    /// how urgent
    pub priority: Priority,
    /// earliest start
    pub first: Millis,
    /// latest end
    pub last: Millis,
    /// measure of the union
    pub total: Millis,
}

/// What is told of one space during one hour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    /// where
    pub space: Id,
    /// when the hour begins
    pub hour: Millis,
    /// minutes people spent in company, to the nearest multiple of 60 k
    pub minutes: u64,
    /// the most people at once, to the nearest multiple of k
    pub peak: u64,
}

/// Counts of what is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// visitors with a visit
    pub visitors: u64,
    /// spaces with a visit
    pub spaces: u64,
    /// visits
    pub visits: u64,
    /// earliest start
    pub oldest: Option<Millis>,
    /// latest end
    pub newest: Option<Millis>,
    /// revocations
    pub revoked: u64,
    /// warnings, whatever their state
    pub warnings: u64,
    /// those of them that are held
    pub held: u64,
    /// alerts in inboxes
    pub alerts: u64,
}

/// A graph: its visits, the visitors barred from it and its warnings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Model {
    /// The visits in no particular order, each (visitor, space, start) once.
    pub visits: Vec<Visit>,
    /// Who was revoked.
    pub revoked: BTreeSet<Id>,
    /// The warnings with everybody they have alerted.
    pub warnings: BTreeMap<Id, Warning>,
}

impl Model {
    /// Logs a visit and tells how many were added: a visit known by (visitor, space, start) only moves its end.
    /// A revoked visitor is the caller's business.
    pub fn visit(&mut self, visitor: &[u8], space: &[u8], start: Millis, end: Millis) -> u64 {
        if let Some(known) = self.find(visitor, space, start) {
            self.visits[known].span.end = end;
            return 0;
        }
        self.visits.push(Visit {
            visitor: visitor.to_vec(),
            space: space.to_vec(),
            span: Span { start, end },
        });
        1
    }

    /// Moves a visit; one already at `new_start` is replaced. False: no such visit.
    pub fn revisit(
        &mut self,
        visitor: &[u8],
        space: &[u8],
        start: Millis,
        new_start: Millis,
        new_end: Millis,
    ) -> bool {
        if !self.unvisit(visitor, space, start) {
            return false;
        }
        self.unvisit(visitor, space, new_start);
        self.visit(visitor, space, new_start, new_end);
        true
    }

    /// Removes a visit. False: no such visit.
    pub fn unvisit(&mut self, visitor: &[u8], space: &[u8], start: Millis) -> bool {
        let known = self.find(visitor, space, start);
        let removed = known.map(|at| self.visits.swap_remove(at)).is_some();
        self.tidy();
        removed
    }

    /// When a known visit ends.
    pub fn end_of(&self, visitor: &[u8], space: &[u8], start: Millis) -> Option<Millis> {
        let known = self.find(visitor, space, start)?;
        Some(self.visits[known].span.end)
    }

    /// A visitor's visits that overlap `[from, to)` and end after `expired`, by start, then space.
    pub fn visits(
        &self,
        visitor: &[u8],
        from: Millis,
        to: Millis,
        expired: Millis,
    ) -> Vec<(Id, Millis, Millis)> {
        self.overlapping(from, to, expired)
            .filter(|visit| visit.visitor == visitor)
            .map(|visit| (visit.span.start, visit.space.clone(), visit.span.end))
            .collect::<BTreeSet<_>>()
            .into_iter()
            .map(|(start, space, end)| (space, start, end))
            .collect()
    }

    /// Who was in a space during `[from, to)`, visits that end by `expired` left out, by start, then visitor.
    pub fn present(
        &self,
        space: &[u8],
        from: Millis,
        to: Millis,
        expired: Millis,
        count: usize,
    ) -> Vec<(Id, Millis, Millis)> {
        self.overlapping(from, to, expired)
            .filter(|visit| visit.space == space)
            .map(|visit| (visit.span.start, visit.visitor.clone(), visit.span.end))
            .collect::<BTreeSet<_>>()
            .into_iter()
            .map(|(start, visitor, end)| (visitor, start, end))
            .take(count)
            .collect()
    }

    /// Each space and whole hour from `from` to `to` in which at least `k` people were there: by space, then hour.
    pub fn density(&self, space: Option<&[u8]>, from: Millis, to: Millis, k: u64) -> Vec<Cell> {
        let mut visits: BTreeMap<&Id, Vec<&Visit>> = BTreeMap::new();
        for visit in &self.visits {
            if space.is_none_or(|space| space == visit.space) {
                visits.entry(&visit.space).or_default().push(visit);
            }
        }
        let mut cells = Vec::new();
        for (name, visits) in visits {
            for hour in (from / HOUR..to / HOUR).map(|hour| hour * HOUR) {
                cells.extend(cell(name, &visits, hour, k));
            }
        }
        cells
    }

    /// Everyone exposed, sorted.
    pub fn exposures(&self, visitor: &[u8], question: &Question) -> Vec<Exposure> {
        let &Question { from, to, at, .. } = question;
        let recent = at.saturating_sub(48 * HOUR);
        let mut in_space: HashMap<&[u8], Vec<&Visit>> = HashMap::new();
        for visit in &self.visits {
            in_space.entry(&visit.space).or_default().push(visit);
        }

        // Order 1: who was where the index case was, or had just been.
        let mut met: HashMap<&[u8], Vec<Span>> = HashMap::new();
        for visit in self.visits.iter().filter(|visit| visit.visitor == visitor) {
            let Some(mut infectious) = visit.span.clip(from, to) else {
                continue;
            };
            infectious.end = (infectious.end + question.linger).min(at);
            for other in &in_space[&visit.space[..]] {
                if other.visitor != visitor
                    && let Some(stay) = other.span.clip(from, at)
                    && let Some(together) = stay.clip(infectious.start, infectious.end)
                {
                    met.entry(&other.visitor).or_default().push(together);
                }
            }
        }
        met.retain(|_, spans| long_enough(spans, question));

        // Order 2: whom those met, from their own first meeting on.
        let mut passed_on: HashMap<&[u8], Vec<Span>> = HashMap::new();
        let mut recent_path: HashSet<&[u8]> = HashSet::new();
        if question.order == Order::Second {
            for visit in &self.visits {
                let Some(relay) = met.get(&visit.visitor[..]) else {
                    continue;
                };
                let since = first(relay);
                let Some(infectious) = visit.span.clip(since, at) else {
                    continue;
                };
                let recently_met = relay.iter().filter_map(|s| s.clip(recent, at)).min();
                for other in &in_space[&visit.space[..]] {
                    if other.visitor != visitor
                        && other.visitor != visit.visitor
                        && let Some(stay) = other.span.clip(from, at)
                        && let Some(together) = stay.clip(infectious.start, infectious.end)
                    {
                        passed_on.entry(&other.visitor).or_default().push(together);
                        if recently_met.is_some_and(|met| together.end > met.start) {
                            recent_path.insert(&other.visitor);
                        }
                    }
                }
            }
        }

        let contacts = met
            .iter()
            .map(|(contact, spans)| (contact, Order::First, spans));
        let contacts_of_contacts = passed_on
            .iter()
            .filter(|(contact, spans)| !met.contains_key(*contact) && long_enough(spans, question))
            .map(|(contact, spans)| (contact, Order::Second, spans));
        let mut rows: Vec<Exposure> = contacts
            .chain(contacts_of_contacts)
            .map(|(contact, order, spans)| {
                classify(contact, order, spans, recent_path.contains(contact), at)
            })
            .filter(|row| row.priority <= question.min_priority)
            .collect();
        rows.sort_by_key(|row| {
            (
                row.priority,
                row.order,
                Reverse(row.total),
                row.contact.clone(),
            )
        });
        rows
    }

    /// Erases a visitor and tells how many visits went.
    pub fn forget(&mut self, visitor: &[u8]) -> u64 {
        self.forget_place_in_warnings(visitor);
        self.remove(|visit| visit.visitor == visitor)
    }

    /// Erases a visitor and bars the id; tells how many visits went.
    pub fn revoke(&mut self, visitor: &[u8]) -> u64 {
        self.revoked.insert(visitor.to_vec());
        self.forget(visitor)
    }

    /// Removes every visit with `end <= before` and tells how many; alerts do not age.
    pub fn purge(&mut self, before: Millis) -> u64 {
        self.purge_cut(&Cut {
            before,
            ..Cut::default()
        })
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.visits.is_empty() && self.revoked.is_empty() && self.warnings.is_empty()
    }

    /// Counts.
    pub fn stats(&self) -> Stats {
        let mut visitors: BTreeSet<_> = self.visits.iter().map(|visit| &visit.visitor).collect();
        let mut spaces: BTreeSet<_> = self.visits.iter().map(|visit| &visit.space).collect();
        let mut alerts = 0;
        for warning in self.warnings.values() {
            match &warning.source {
                Some(Source::Visitor(visitor)) => visitors.insert(visitor),
                Some(Source::Space(space)) => spaces.insert(space),
                None => false,
            };
            visitors.extend(warning.recipients.keys());
            alerts += warning.recipients.values().filter(|r| r.in_inbox).count();
        }
        Stats {
            visitors: visitors.len() as u64,
            spaces: spaces.len() as u64,
            visits: self.visits.len() as u64,
            oldest: self.visits.iter().map(|visit| visit.span.start).min(),
            newest: self.visits.iter().map(|visit| visit.span.end).max(),
            revoked: self.revoked.len() as u64,
            warnings: self.warnings.len() as u64,
            held: self
                .warnings(Some(WarningState::Held), None, usize::MAX)
                .len() as u64,
            alerts: alerts as u64,
        }
    }

    fn find(&self, visitor: &[u8], space: &[u8], start: Millis) -> Option<usize> {
        self.visits.iter().position(|visit| {
            visit.span.start == start && visit.visitor == visitor && visit.space == space
        })
    }

    fn overlapping(
        &self,
        from: Millis,
        to: Millis,
        expired: Millis,
    ) -> impl Iterator<Item = &Visit> {
        self.visits.iter().filter(move |visit| {
            visit.span.start < to && from < visit.span.end && visit.span.end > expired
        })
    }

    pub(crate) fn remove(&mut self, goes: impl Fn(&Visit) -> bool) -> u64 {
        let before = self.visits.len();
        self.visits.retain(|visit| !goes(visit));
        self.tidy();
        (before - self.visits.len()) as u64
    }
}

/// The figures of a space during one hour: from moment to moment at which somebody comes or goes, whoever is there is listed.
fn cell(space: &[u8], visits: &[&Visit], hour: Millis, k: u64) -> Option<Cell> {
    let stays: Vec<(&Id, Span)> = visits
        .iter()
        .filter_map(|visit| Some((&visit.visitor, visit.span.clip(hour, hour + HOUR)?)))
        .collect();
    let moments: BTreeSet<Millis> = stays
        .iter()
        .flat_map(|(_, span)| [span.start, span.end])
        .collect();
    let moments: Vec<Millis> = moments.into_iter().collect();
    let people: BTreeSet<&Id> = stays.iter().map(|(visitor, _)| *visitor).collect();
    let (mut time, mut peak) = (0, 0);
    for pair in moments.windows(2) {
        let there: BTreeSet<&Id> = stays
            .iter()
            .filter(|(_, span)| span.start <= pair[0] && pair[1] <= span.end)
            .map(|(visitor, _)| *visitor)
            .collect();
        peak = peak.max(there.len() as u64);
        if there.len() > 1 {
            time += there.len() as u64 * (pair[1] - pair[0]);
        }
    }
    // Twice the number and half a step more, so that halves go up.
    let nearest = |number: u64, step: u64| (2 * number + step) / (2 * step) * step;
    (people.len() as u64 >= k).then(|| Cell {
        space: space.to_vec(),
        hour,
        minutes: nearest(time, 60 * k * 60_000) / 60_000,
        peak: nearest(peak, k),
    })
}

/// A row of an answer; `recent_path`: order 2 along one path wholly in the last 48 h.
pub(crate) fn classify(
    contact: &[u8],
    order: Order,
    spans: &[Span],
    recent_path: bool,
    at: Millis,
) -> Exposure {
    let priority = if order == Order::First && ends_after(spans, at, 48 * HOUR) {
        Priority::High
    } else if order == Order::First && ends_after(spans, at, 96 * HOUR) || recent_path {
        Priority::Medium
    } else {
        Priority::Low
    };
    Exposure {
        contact: contact.to_vec(),
        order,
        priority,
        first: first(spans),
        last: last(spans),
        total: total(spans),
    }
}

/// The union of spans as disjoint spans in order.
fn union(spans: &[Span]) -> Vec<Span> {
    let mut sorted = spans.to_vec();
    sorted.sort();
    let mut union: Vec<Span> = Vec::new();
    for span in sorted {
        match union.last_mut() {
            Some(before) if span.start <= before.end => before.end = before.end.max(span.end),
            _ => union.push(span),
        }
    }
    union
}

fn first(spans: &[Span]) -> Millis {
    spans.iter().map(|s| s.start).min().expect("never empty")
}

fn last(spans: &[Span]) -> Millis {
    spans.iter().map(|s| s.end).max().expect("never empty")
}

fn total(spans: &[Span]) -> Millis {
    union(spans).iter().map(|s| s.end - s.start).sum()
}

/// last > AT − age, where AT − age may lie before the epoch.
fn ends_after(spans: &[Span], at: Millis, age: Millis) -> bool {
    last(spans) + age > at
}

/// MINTIME and WITHIN: the union adds up to MINTIME, within some period as long as WITHIN if that is given. The richest
/// period begins where a span begins or ends where one ends.
pub(crate) fn long_enough(spans: &[Span], question: &Question) -> bool {
    let Some(min_time) = question.min_time else {
        return true;
    };
    let Some(within) = question.within else {
        return total(spans) >= min_time;
    };
    let union = union(spans);
    let measure = |from: Millis, to: Millis| -> Millis {
        let parts = union.iter().filter_map(|s| s.clip(from, to));
        parts.map(|s| s.end - s.start).sum()
    };
    union.iter().any(|s| {
        measure(s.start, s.start + within) >= min_time
            || measure(s.end.saturating_sub(within), s.end) >= min_time
    })
}
