//! How fast the questions can be answered at all: a city's visits in sorted arrays, in process, read-only, with nothing
//! to parse and nothing to write. It is what the module is measured against, and its answers check the module's.
//!
//! Two copies of every visit, one by visitor and one by space, each sorted by start: whoever overlaps an interval began
//! before its end, and not earlier than the longest visit before its beginning.

use lct_model::city::{Stay, Town};

/// Milliseconds since the city began.
type Time = u32;

const HOUR: Time = 60 * 60 * 1000;
const MINUTE: Time = 60 * 1000;

/// A city ready for questions.
pub struct Floor<'t> {
    town: &'t Town,
    of_visitor: Side,
    of_space: Side,
    longest: Time,
    /// The city's end: the AT of every question.
    at: Time,
    // What a question needs, kept for the next one.
    question: u32,
    /// The number of the question that last met a visitor, and which of its contacts they are.
    met: Vec<(u32, u32)>,
    ids: Vec<u32>,
    since: Vec<Time>,
    spread: Vec<Piece>,
}

/// A contact with their exposure, as EXPOSED WITHTIMES tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exposed {
    /// Who.
    pub visitor: u32,
    /// 1 or 2.
    pub order: u8,
    /// 0 is high, 1 medium, 2 low.
    pub priority: u8,
    /// The earliest start, ms since the city began.
    pub first: u32,
    /// The latest end, ms since the city began.
    pub last: u32,
    /// The measure of the union, ms.
    pub total: u32,
}

/// A space during an hour, as LCT.DENSITY tells of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crowd {
    /// Where.
    pub space: u32,
    /// When the hour begins, ms since the city began.
    pub hour: u32,
    /// Minutes in company, to the nearest multiple of 60 k.
    pub minutes: u64,
    /// The most people at once, to the nearest multiple of k.
    pub peak: u64,
}

/// One copy of the visits: whose they are, each with the other side.
struct Side {
    begins: Vec<u32>,
    parts: Vec<Part>,
}

#[derive(Clone, Copy, Default)]
struct Part {
    start: Time,
    end: Time,
    other: u32,
}

/// An interval of a contact or of a space.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Piece {
    of: u32,
    start: Time,
    end: Time,
}

impl Side {
    /// Sorts by counting; visits come sorted by start and stay so.
    fn new(keys: usize, town: &Town, sides: impl Fn(&Stay) -> (u32, u32)) -> Self {
        let mut begins = vec![0; keys + 1];
        for stay in town.stays() {
            begins[sides(&stay).0 as usize + 1] += 1;
        }
        for key in 0..keys {
            begins[key + 1] += begins[key];
        }
        let mut next = begins.clone();
        let mut parts = vec![Part::default(); begins[keys] as usize];
        for stay in town.stays() {
            let (key, other) = sides(&stay);
            let at = &mut next[key as usize];
            parts[*at as usize] = Part {
                start: Time::from(stay.start) * MINUTE,
                end: Time::from(stay.end) * MINUTE,
                other,
            };
            *at += 1;
        }
        Self { begins, parts }
    }

    fn of(&self, key: u32) -> &[Part] {
        &self.parts[self.begins[key as usize] as usize..self.begins[key as usize + 1] as usize]
    }

    /// Calls `meet` with everything that overlaps the interval.
    fn overlapping(
        &self,
        key: u32,
        start: Time,
        end: Time,
        longest: Time,
        mut meet: impl FnMut(&Part),
    ) {
        let parts = self.of(key);
        let from = parts.partition_point(|part| part.start + longest <= start);
        for part in &parts[from..] {
            if part.start >= end {
                break;
            }
            if part.end > start {
                meet(part);
            }
        }
    }
}

impl<'t> Floor<'t> {
    /// Sorts a city's visits, generating it twice rather than holding it a third time.
    pub fn new(town: &'t Town) -> Self {
        let of_visitor = Side::new(town.city().visitors, town, |stay| {
            (stay.visitor, stay.space)
        });
        let of_space = Side::new(town.spaces() as usize, town, |stay| {
            (stay.space, stay.visitor)
        });
        let longest = of_space
            .parts
            .iter()
            .map(|part| part.end - part.start)
            .max();
        Self {
            town,
            longest: longest.unwrap_or_default(),
            at: (town.city().end() - town.city().begin) as Time,
            question: 0,
            met: vec![(0, 0); town.city().visitors],
            ids: vec![],
            since: vec![],
            spread: vec![],
            of_visitor,
            of_space,
        }
    }

    /// How many visits there are.
    pub fn visits(&self) -> usize {
        self.of_space.parts.len()
    }

    /// Who was exposed in the last `hours` hours, in no order: by order 1, and where `second` by order 2 as well.
    pub fn exposed(&mut self, visitor: u32, hours: u32, second: bool) -> &[u32] {
        let from = self.at.saturating_sub(hours * HOUR);
        self.begin(visitor);
        self.first_order(visitor, from, |_, _, _| ());
        if second {
            self.second_order(|_, _, _| ());
        }
        &self.ids
    }

    /// The same with their exposures, sorted as the contract says.
    ///
    /// # Panics
    /// Order 2 is asked for more than 48 hours: then a path may reach back further than what makes it urgent, which
    /// this does not reckon with.
    pub fn exposures(&mut self, visitor: u32, hours: u32, second: bool) -> Vec<Exposed> {
        assert!(!second || hours <= 48, "order 2 only for the last 48 hours");
        let from = self.at.saturating_sub(hours * HOUR);
        let mut pieces = Vec::with_capacity(self.ids.capacity());
        let mut keep = |of, start, end| pieces.push(Piece { of, start, end });
        self.begin(visitor);
        self.first_order(visitor, from, &mut keep);
        let firsts = self.ids.len();
        if second {
            self.second_order(&mut keep);
        }

        // Each contact's pieces together, by counting; then the few of each in order.
        let mut begins = vec![0u32; self.ids.len() + 1];
        for piece in &pieces {
            begins[piece.of as usize + 1] += 1;
        }
        for contact in 0..self.ids.len() {
            begins[contact + 1] += begins[contact];
        }
        let mut next = begins.clone();
        self.spread.clear();
        self.spread.resize(pieces.len(), Piece::default());
        for piece in &pieces {
            let at = &mut next[piece.of as usize];
            self.spread[*at as usize] = *piece;
            *at += 1;
        }
        let mut rows = Vec::with_capacity(self.ids.len());
        for (contact, &visitor) in self.ids.iter().enumerate() {
            let own = &mut self.spread[begins[contact] as usize..begins[contact + 1] as usize];
            own.sort_unstable();
            let (mut reached, mut total) = (0, 0);
            for piece in own.iter() {
                total += piece.end.saturating_sub(piece.start.max(reached));
                reached = reached.max(piece.end);
            }
            let order = if contact < firsts { 1 } else { 2 };
            let ago = self.at - reached;
            rows.push(Exposed {
                visitor,
                order,
                priority: match order {
                    1 if ago < 48 * HOUR => 0,
                    1 if ago >= 96 * HOUR => 2,
                    _ => 1,
                },
                first: own[0].start,
                last: reached,
                total,
            });
        }
        rows.sort_by_cached_key(|row| {
            let urgency = u64::from(row.priority) << 36 | u64::from(row.order) << 32;
            let sorted = urgency | u64::from(u32::MAX - row.total);
            (sorted, self.town.visitor_number(row.visitor))
        });
        rows
    }

    /// How much people were together in the last `hours` hours, in cells of `k` people and more: by space's number, then
    /// hour.
    pub fn density(&mut self, hours: u32, k: u64) -> Vec<Crowd> {
        let from = self.at.saturating_sub(hours * HOUR);
        let mut crowds = vec![];
        let (mut people, mut moments) = (vec![], vec![]);
        for space in 0..self.of_space.begins.len() as u32 - 1 {
            self.spread.clear();
            let spread = &mut self.spread;
            (self.of_space).overlapping(space, from, self.at, self.longest, |part| {
                spread.push(Piece {
                    of: part.other,
                    start: part.start.max(from) - from,
                    end: part.end.min(self.at) - from,
                });
            });
            if (spread.len() as u64) < k {
                continue;
            }
            spread.sort_unstable();
            unite(spread);
            people.clear();
            people.resize(hours as usize, 0);
            let mut last = (u32::MAX, 0);
            for piece in &*spread {
                for hour in piece.start / HOUR..=(piece.end - 1) / HOUR {
                    if last != (piece.of, hour) {
                        people[hour as usize] += 1;
                    }
                    last = (piece.of, hour);
                }
            }
            if people.iter().all(|&people| people < k) {
                continue;
            }
            moments.clear();
            moments.extend((spread.iter()).flat_map(|p| [p.start * 2 + 1, p.end * 2]));
            moments.sort_unstable();
            let mut at = 0;
            let mut present = 0u64;
            for (hour, &people) in people.iter().enumerate() {
                let end = (hour as Time + 1) * HOUR;
                let (mut since, mut company, mut peak) = (end - HOUR, 0, 0);
                loop {
                    let moment = moments.get(at).map_or(Time::MAX, |moment| moment / 2);
                    let until = moment.min(end);
                    if until > since {
                        peak = peak.max(present);
                        if present > 1 {
                            company += present * u64::from(until - since);
                        }
                        since = until;
                    }
                    if moment >= end {
                        break;
                    }
                    if moments[at] % 2 == 1 {
                        present += 1;
                    } else {
                        present -= 1;
                    }
                    at += 1;
                }
                let nearest = |number: u64, step: u64| (number + step / 2) / step * step;
                if people >= k {
                    crowds.push(Crowd {
                        space,
                        hour: from + end - HOUR,
                        minutes: nearest(company, k * u64::from(HOUR)) / u64::from(MINUTE),
                        peak: nearest(peak, k),
                    });
                }
            }
        }
        crowds
    }

    fn begin(&mut self, visitor: u32) {
        self.question += 1;
        self.ids.clear();
        self.since.clear();
        self.met[visitor as usize] = (self.question, u32::MAX);
    }

    /// Fills `ids` with whom the visitor met, and `since` with when they first did; calls `piece` with the number of
    /// the contact and the time together.
    fn first_order(&mut self, visitor: u32, from: Time, mut piece: impl FnMut(u32, Time, Time)) {
        for own in self.of_visitor.of(visitor) {
            let (start, end) = (own.start.max(from), own.end.min(self.at));
            if start >= end {
                continue;
            }
            self.of_space
                .overlapping(own.other, start, end, self.longest, |part| {
                    let first = part.start.max(start);
                    let (question, mut contact) = self.met[part.other as usize];
                    if question != self.question {
                        contact = self.ids.len() as u32;
                        self.met[part.other as usize] = (self.question, contact);
                        self.ids.push(part.other);
                        self.since.push(first);
                    } else if contact != u32::MAX {
                        let since = &mut self.since[contact as usize];
                        *since = first.min(*since);
                    } else {
                        return;
                    }
                    piece(contact, first, part.end.min(end));
                });
        }
    }

    /// Adds whom those contacts met from then on to `ids`.
    fn second_order(&mut self, mut piece: impl FnMut(u32, Time, Time)) {
        // Where and when there was somebody who had met the visitor: together, as one interval, where they were
        // together, so that a crowd is looked through once.
        let mut relays = std::mem::take(&mut self.spread);
        relays.clear();
        for (&contact, &since) in self.ids.iter().zip(&self.since) {
            for own in self.of_visitor.of(contact) {
                let (start, end) = (own.start.max(since), own.end.min(self.at));
                if start < end {
                    relays.push(Piece {
                        of: own.other,
                        start,
                        end,
                    });
                }
            }
        }
        relays.sort_unstable();
        unite(&mut relays);
        let firsts = self.ids.len() as u32;
        for relay in &relays {
            self.of_space
                .overlapping(relay.of, relay.start, relay.end, self.longest, |part| {
                    let (question, mut contact) = self.met[part.other as usize];
                    if question != self.question {
                        contact = self.ids.len() as u32;
                        self.met[part.other as usize] = (self.question, contact);
                        self.ids.push(part.other);
                    } else if contact < firsts || contact == u32::MAX {
                        return;
                    }
                    piece(
                        contact,
                        part.start.max(relay.start),
                        part.end.min(relay.end),
                    );
                });
        }
        self.spread = relays;
    }
}

/// Makes one of what overlaps, of sorted pieces.
fn unite(pieces: &mut Vec<Piece>) {
    pieces.dedup_by(|later, earlier| {
        let together = later.of == earlier.of && later.start <= earlier.end;
        if together {
            earlier.end = earlier.end.max(later.end);
        }
        together
    });
}

#[cfg(test)]
mod tests {
    use lct_model::city::City;
    use lct_model::{Cell, Exposure, HOUR, Model, Order, Priority, Question};

    use super::*;

    /// The module is checked against the floor, so the floor is checked against the contract.
    #[test]
    fn the_floor_answers_what_the_model_answers() {
        for city in [City::with_visits(6_000), City::with_stadium(60)] {
            let town = city.settle();
            let mut model = Model::default();
            model
                .visits
                .extend(town.stays().map(|stay| town.visit(&stay)));
            let mut floor = Floor::new(&town);
            assert_eq!(floor.visits(), model.visits.len());
            let mut seconds = 0;
            for visitor in town.sample(30) {
                for (hours, order) in [
                    (14 * 24, Order::First),
                    (48, Order::First),
                    (48, Order::Second),
                ] {
                    let question = Question {
                        from: city.end() - u64::from(hours) * HOUR,
                        to: city.end(),
                        at: city.end(),
                        order,
                        min_time: None,
                        within: None,
                        linger: 0,
                        min_priority: Priority::Low,
                    };
                    let expected = model.exposures(&town.visitor_id(visitor), &question);
                    let second = order == Order::Second;
                    let rows = floor.exposures(visitor, hours, second);
                    let told: Vec<Exposure> = rows.iter().map(|row| told(&town, row)).collect();
                    assert_eq!(told, expected, "visitor {visitor}, {hours} h, {order:?}");
                    seconds += rows.iter().filter(|row| row.order == 2).count();

                    let mut found = floor.exposed(visitor, hours, second).to_vec();
                    found.sort_unstable();
                    let mut expected: Vec<u32> = rows.iter().map(|row| row.visitor).collect();
                    expected.sort_unstable();
                    assert_eq!(found, expected);
                }
            }
            assert!(seconds > 0 || city.stadium);

            for (hours, k) in [(14 * 24, 3), (30, 5)] {
                let from = city.end() - u64::from(hours) * HOUR;
                let mut told: Vec<Cell> = (floor.density(hours, k).iter())
                    .map(|crowd| Cell {
                        space: town.space_id(crowd.space).to_vec(),
                        hour: city.begin + u64::from(crowd.hour),
                        minutes: crowd.minutes,
                        peak: crowd.peak,
                    })
                    .collect();
                told.sort_by(|a, b| a.space.cmp(&b.space));
                assert!(!told.is_empty());
                assert_eq!(told, model.density(None, from, city.end(), k));
            }
        }
    }

    fn told(town: &Town, row: &Exposed) -> Exposure {
        let begin = town.city().begin;
        Exposure {
            contact: town.visitor_id(row.visitor).to_vec(),
            order: if row.order == 1 {
                Order::First
            } else {
                Order::Second
            },
            priority: [Priority::High, Priority::Medium, Priority::Low][usize::from(row.priority)],
            first: begin + u64::from(row.first),
            last: begin + u64::from(row.last),
            total: u64::from(row.total),
        }
    }
}
