//! A generated city: households, workplaces and public spaces over some days, in whole minutes, so that visits which
//! exactly touch are frequent. Equal seeds give equal cities.
//!
//! Its habits are those of the workload that other systems were measured with, so that the numbers compare: a million
//! visits give about 2,480 first-order contacts in 14 days and 12,950 of second order in the last 48 hours, ten million
//! give 8,540 and 105,000.

use std::collections::BTreeSet;

use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, LogNormal, Normal, Zipf};
use rand_pcg::Pcg64Mcg;

use crate::{Millis, Span, Visit};

const MINUTE: Millis = 60_000;
const DAY: Millis = 24 * 60 * MINUTE;
const MINUTES_A_DAY: u16 = 24 * 60;
/// Minutes since the beginning fit into 16 bits.
const MOST_DAYS: u64 = (u16::MAX / MINUTES_A_DAY) as u64;
/// Odd, so that multiplying by it gives every visitor an id of their own, in no order.
const SCATTER: u64 = 0x9e37_79b9_7f4a_7c15;
const NO_WORK: u32 = u32::MAX;

/// What to generate.
#[derive(Debug, Clone, Copy)]
pub struct City {
    /// How many people live there. Each makes about four visits a day: 17,857 people make a million in 14 days.
    pub visitors: usize,
    /// How many days, at most 45.
    pub days: u64,
    /// Midnight of the first day.
    pub begin: Millis,
    /// What makes this city differ from others.
    pub seed: u64,
    /// Whether everybody is in one stadium on the first evening.
    pub stadium: bool,
}

impl City {
    /// A city with about that many visits in 14 days, which end on a Sunday.
    pub fn with_visits(visits: usize) -> Self {
        Self {
            visitors: visits / 56,
            days: 14,
            begin: 1_780_272_000_000, // Monday, 2026-06-01
            seed: 1,
            stadium: false,
        }
    }

    /// A weekend of that many people who are all in the stadium on Saturday evening.
    pub fn with_stadium(visitors: usize) -> Self {
        let city = Self::with_visits(0);
        Self {
            visitors,
            days: 2,
            begin: city.begin + 12 * DAY,
            stadium: true,
            ..city
        }
    }

    /// Midnight after the last day. No visit lasts longer.
    pub fn end(&self) -> Millis {
        self.begin + self.days * DAY
    }

    /// Its visits, sorted by start. Visitors are 16 hexadecimal digits, spaces 8 characters. For more than a million
    /// visits there is [`City::settle`].
    pub fn visits(&self) -> Vec<Visit> {
        let town = self.settle();
        town.stays().map(|stay| town.visit(&stay)).collect()
    }

    /// Settles its people, so that their visits can be generated a day at a time.
    ///
    /// # Panics
    /// There are more than 45 days.
    pub fn settle(&self) -> Town {
        assert!(self.days <= MOST_DAYS, "at most {MOST_DAYS} days");
        Town::new(*self)
    }
}

/// A visit in twelve bytes: people and places by their number, times in minutes since the city began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stay {
    /// Who; less than the city's number of visitors.
    pub visitor: u32,
    /// Where; less than [`Town::spaces`].
    pub space: u32,
    /// When it begins.
    pub start: u16,
    /// When it ends.
    pub end: u16,
}

/// A city whose people have found homes and work.
#[derive(Debug, Clone)]
pub struct Town {
    city: City,
    people: Vec<Person>,
    /// Spaces are numbered: public ones first, then homes, then workplaces, then the stadium.
    publics: u32,
    homes: u32,
    workplaces: u32,
    habits: Habits,
}

#[derive(Debug, Clone, Copy)]
struct Person {
    home: u32,
    work: u32,
}

impl Town {
    /// Households of one to five; for 60 % a workplace of about twenty, log-normal, strangers to each other; a public
    /// space for twenty people.
    fn new(city: City) -> Self {
        let mut rng = Pcg64Mcg::seed_from_u64(city.seed);
        let publics = (city.visitors as u32 / 20).max(20);
        let mut next = publics;
        let mut people = Vec::with_capacity(city.visitors);
        while people.len() < city.visitors {
            let household = rng.random_range(1..=5).min(city.visitors - people.len());
            let person = Person {
                home: next,
                work: NO_WORK,
            };
            people.resize(people.len() + household, person);
            next += 1;
        }
        let homes = next - publics;

        let mut staff: Vec<usize> = (0..people.len()).filter(|_| rng.random_bool(0.6)).collect();
        for last in (1..staff.len()).rev() {
            staff.swap(last, rng.random_range(0..=last));
        }
        let size = LogNormal::new(2.3, 1.1).expect("sound parameters");
        let mut rest = staff.as_slice();
        while !rest.is_empty() {
            let size: f64 = size.sample(&mut rng);
            let size = size.round().clamp(1.0, 400.0) as usize;
            let (colleagues, others) = rest.split_at(size.min(rest.len()));
            for &one in colleagues {
                people[one].work = next;
            }
            next += 1;
            rest = others;
        }
        Self {
            city,
            people,
            publics,
            homes,
            workplaces: next - publics - homes,
            habits: Habits::new(publics),
        }
    }

    /// What was generated.
    pub fn city(&self) -> &City {
        &self.city
    }

    /// How many spaces there are.
    pub fn spaces(&self) -> u32 {
        self.stadium() + u32::from(self.city.stadium)
    }

    fn stadium(&self) -> u32 {
        self.publics + self.homes + self.workplaces
    }

    /// All visits, sorted by start; a day of them is in memory at a time.
    pub fn stays(&self) -> impl Iterator<Item = Stay> + '_ {
        (0..self.city.days).flat_map(|day| self.day(day))
    }

    /// The visits that begin on a day, sorted by start. Each day can be generated without the others.
    pub fn day(&self, day: u64) -> Vec<Stay> {
        let mut rng = Pcg64Mcg::seed_from_u64(self.city.seed ^ (day + 1).wrapping_mul(SCATTER));
        // 0 is a Monday, and 1970-01-01 was a Thursday.
        let weekday = (self.city.begin / DAY + day + 3) % 7;
        let mut stays = Vec::with_capacity(self.people.len() * 5);
        for (visitor, person) in self.people.iter().enumerate() {
            let mut go = |space, when| stays.push(self.stay(day, visitor as u32, space, when));
            let mut outings = rng.random_range(1..=5u64);
            go(person.home, self.habits.home(&mut rng));
            if weekday < 5 && person.work != NO_WORK {
                go(person.work, self.habits.work(&mut rng));
                outings -= 1;
            }
            for _ in 0..outings {
                let (space, when) = self.habits.outing(&mut rng);
                go(space, when);
            }
            if self.city.stadium && day == 0 {
                let before = rng.random_range(0..60);
                let after = 120 + rng.random_range(0..40);
                go(self.stadium(), (19 * 60 - before, before + after));
            }
        }
        // A visit is known by (visitor, space, start): of two that collide the shorter one stays.
        stays.sort_unstable_by_key(|stay| (stay.start, stay.visitor, stay.space, stay.end));
        stays.dedup_by_key(|stay| (stay.start, stay.visitor, stay.space));
        stays
    }

    /// The outings of people from elsewhere on a day, one to each, sorted by start. `guests` are numbers that nobody who
    /// lives here has.
    pub fn guests(&self, day: u64, guests: impl Iterator<Item = u32>) -> Vec<Stay> {
        let seed = self.city.seed ^ (day + 1).wrapping_mul(SCATTER);
        let mut rng = Pcg64Mcg::seed_from_u64(!seed);
        let outings = guests.map(|guest| {
            let (space, when) = self.habits.outing(&mut rng);
            self.stay(day, guest, space, when)
        });
        let mut stays: Vec<Stay> = outings.collect();
        stays.sort_unstable_by_key(|stay| (stay.start, stay.visitor));
        stays
    }

    /// A visit from a minute of a day on, within the city's time.
    fn stay(&self, day: u64, visitor: u32, space: u32, (start, minutes): (u16, u16)) -> Stay {
        let last = self.city.days as u16 * MINUTES_A_DAY;
        let start = (day as u16 * MINUTES_A_DAY + start).min(last - 5);
        Stay {
            visitor,
            space,
            start,
            end: start.saturating_add(minutes).min(last),
        }
    }

    /// Some visitors by chance, each at most once, in no order: whom to ask about.
    pub fn sample(&self, visitors: usize) -> Vec<u32> {
        let mut rng = Pcg64Mcg::seed_from_u64(self.city.seed ^ 0x05a3_91e5);
        let (mut seen, mut sample) = (BTreeSet::new(), vec![]);
        while sample.len() < visitors.min(self.people.len()) {
            let visitor = rng.random_range(0..self.people.len() as u32);
            if seen.insert(visitor) {
                sample.push(visitor);
            }
        }
        sample
    }

    /// A visitor's id: 16 hexadecimal digits.
    pub fn visitor_id(&self, visitor: u32) -> [u8; 16] {
        let id = self.visitor_number(visitor);
        let mut digits = [0; 16];
        for (i, digit) in digits.iter_mut().enumerate() {
            *digit = b"0123456789abcdef"[(id >> (60 - 4 * i)) as usize & 15];
        }
        digits
    }

    /// The same as a number; ids are sorted as their numbers are.
    pub fn visitor_number(&self, visitor: u32) -> u64 {
        (u64::from(visitor) + 1).wrapping_mul(SCATTER)
    }

    /// The visitor with an id; `None` if nobody here has it.
    pub fn visitor(&self, id: &[u8]) -> Option<u32> {
        let id = std::str::from_utf8(id).ok().filter(|id| id.len() == 16)?;
        let number = u64::from_str_radix(id, 16).ok()?;
        let visitor = number
            .wrapping_mul(const { inverse(SCATTER) })
            .wrapping_sub(1);
        (visitor < self.people.len() as u64).then_some(visitor as u32)
    }

    /// A space's id: a letter for its kind and seven digits.
    pub fn space_id(&self, space: u32) -> [u8; 8] {
        let kinds = [
            (b'p', self.publics),
            (b'h', self.homes),
            (b'w', self.workplaces),
        ];
        let (mut kind, mut rest) = (b's', space);
        for (letter, count) in kinds {
            if rest < count {
                kind = letter;
                break;
            }
            rest -= count;
        }
        let mut id = [kind; 8];
        for digit in id[1..].iter_mut().rev() {
            *digit = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        id
    }

    /// When a visit begins and ends, in epoch milliseconds.
    pub fn span(&self, stay: &Stay) -> Span {
        Span {
            start: self.city.begin + Millis::from(stay.start) * MINUTE,
            end: self.city.begin + Millis::from(stay.end) * MINUTE,
        }
    }

    /// A visit written out.
    pub fn visit(&self, stay: &Stay) -> Visit {
        Visit {
            visitor: self.visitor_id(stay.visitor).to_vec(),
            space: self.space_id(stay.space).to_vec(),
            span: self.span(stay),
        }
    }
}

/// What to multiply by to undo multiplying by an odd number.
const fn inverse(odd: u64) -> u64 {
    // Each step doubles the bits that are right; an odd number is its own inverse in the last three.
    let mut inverse = odd;
    let mut step = 0;
    while step < 5 {
        inverse = inverse.wrapping_mul(2u64.wrapping_sub(odd.wrapping_mul(inverse)));
        step += 1;
    }
    inverse
}

/// When people go where and for how long: minutes of the day, and minutes.
#[derive(Debug, Clone, Copy)]
struct Habits {
    at_home: LogNormal<f64>,
    to_work: Normal<f64>,
    at_work: LogNormal<f64>,
    popularity: Zipf<f64>,
    lunch: Normal<f64>,
    after_work: Normal<f64>,
    out: LogNormal<f64>,
}

impl Habits {
    fn new(publics: u32) -> Self {
        let sound = "sound parameters";
        let hours =
            |mean: f64, deviation: f64| Normal::new(60.0 * mean, 60.0 * deviation).expect(sound);
        let stay = |median: f64, spread: f64| LogNormal::new(median.ln(), spread).expect(sound);
        Self {
            at_home: stay(240.0, 0.5),
            to_work: hours(8.75, 0.75),
            at_work: stay(420.0, 0.2),
            popularity: Zipf::new(f64::from(publics), 0.8).expect(sound),
            lunch: hours(12.5, 1.5),
            after_work: hours(17.5, 2.0),
            out: stay(45.0, 0.8),
        }
    }

    /// An evening, 4 h in the median.
    fn home(&self, rng: &mut Pcg64Mcg) -> (u16, u16) {
        let start = rng.random_range(18.0 * 60.0..21.0 * 60.0);
        when(start, self.at_home.sample(rng))
    }

    /// A working day, 7 h in the median.
    fn work(&self, rng: &mut Pcg64Mcg) -> (u16, u16) {
        when(self.to_work.sample(rng), self.at_work.sample(rng))
    }

    /// A public space, few of them popular, and when: around lunch, after work or at any time, 45 min in the median.
    fn outing(&self, rng: &mut Pcg64Mcg) -> (u32, (u16, u16)) {
        let space = self.popularity.sample(rng) as u32 - 1;
        let start = match rng.random_range(0..10) {
            0..4 => self.lunch.sample(rng),
            4..7 => self.after_work.sample(rng),
            _ => rng.random_range(8.0 * 60.0..22.0 * 60.0),
        };
        let start = start.clamp(6.0 * 60.0, 23.5 * 60.0);
        (space, when(start, self.out.sample(rng)))
    }
}

/// Whole minutes; no visit is shorter than five minutes or longer than eight hours.
fn when(start: f64, minutes: f64) -> (u16, u16) {
    let start = start.round().clamp(0.0, f64::from(MINUTES_A_DAY - 1));
    (start as u16, minutes.round().clamp(5.0, 480.0) as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_city_is_as_large_as_asked_in_whole_minutes_and_repeatable() {
        let city = City::with_visits(100_000);
        let visits = city.visits();
        assert!(
            (95_000..105_000).contains(&visits.len()),
            "{}",
            visits.len()
        );
        assert!(visits.iter().all(|v| {
            v.span.start % MINUTE == 0
                && v.span.end % MINUTE == 0
                && v.span.start < v.span.end
                && city.begin <= v.span.start
                && v.span.end <= city.end()
        }));
        assert!(visits.is_sorted_by_key(|v| v.span.start));
        assert!(visits == city.visits());
        assert!(visits != City { seed: 2, ..city }.visits());
    }

    #[test]
    fn a_guest_goes_out_once_a_day_and_is_nobody_who_lives_here() {
        let town = City::with_visits(56_000).settle();
        let stays = town.guests(3, 1_000..1_050);
        assert!(stays == town.guests(3, 1_000..1_050));
        assert!(stays != town.guests(4, 1_000..1_050));
        assert!(stays.is_sorted_by_key(|stay| stay.start));
        let guests: BTreeSet<u32> = stays.iter().map(|stay| stay.visitor).collect();
        assert!(guests.into_iter().eq(1_000..1_050));
        assert!(stays.iter().all(|stay| stay.space < town.publics
            && stay.start / MINUTES_A_DAY == 3
            && stay.start < stay.end));
    }

    #[test]
    fn everybody_has_one_id_and_every_space_another() {
        let town = City::with_stadium(1_000).settle();
        let people: BTreeSet<_> = (0..1_000).map(|v| town.visitor_id(v)).collect();
        assert_eq!(people.len(), 1_000);
        assert!((0..1_000).all(|v| town.visitor(&town.visitor_id(v)) == Some(v)));
        assert_eq!(town.visitor(&town.visitor_id(1_000)), None);
        assert_eq!(town.visitor(b"nobody"), None);
        let spaces: BTreeSet<_> = (0..town.spaces()).map(|s| town.space_id(s)).collect();
        assert_eq!(spaces.len(), town.spaces() as usize);
        assert_eq!(&town.space_id(town.spaces() - 1), b"s0000000");
    }

    #[test]
    fn at_eight_on_the_first_evening_everybody_is_in_the_stadium() {
        let town = City::with_stadium(5_000).settle();
        let there = |stay: &Stay| {
            stay.space == town.stadium() && stay.start < 20 * 60 && 20 * 60 < stay.end
        };
        assert_eq!(town.stays().filter(there).count(), 5_000);
    }

    #[test]
    fn a_sample_names_nobody_twice() {
        let town = City::with_visits(56_000).settle();
        let sample = town.sample(500);
        assert_eq!(BTreeSet::from_iter(&sample).len(), 500);
        assert_eq!(town.sample(2_000).len(), 1_000);
    }
}
