//! A generated city: households, workplaces and public spaces over some days, in whole minutes, so that visits which
//! exactly touch are frequent. Equal seeds give equal cities.

use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, LogNormal, Zipf};
use rand_pcg::Pcg64Mcg;

use crate::{Millis, Span, Visit};

const MINUTE: Millis = 60_000;
const DAY: Millis = 24 * 60 * MINUTE;

/// What to generate.
#[derive(Debug, Clone, Copy)]
pub struct City {
    /// How many people live there. Each makes about four visits a day: 17,857 people make a million in 14 days.
    pub visitors: usize,
    /// How many days.
    pub days: u64,
    /// Midnight of the first day, a Monday.
    pub begin: Millis,
    /// What makes this city differ from others.
    pub seed: u64,
}

impl City {
    /// A city with about that many visits in 14 days.
    pub fn with_visits(visits: usize) -> Self {
        Self {
            visitors: visits / 56,
            days: 14,
            begin: 1_780_272_000_000, // 2026-06-01
            seed: 1,
        }
    }

    /// Midnight after the last day. Who is at home then stays on.
    pub fn end(&self) -> Millis {
        self.begin + self.days * DAY
    }

    /// Its visits, sorted by start. Visitors are 16 hexadecimal digits, spaces 8 characters.
    ///
    /// A day is an evening at home (a household of one to five, 4 h), on weekdays 7 h at work for 60 % (a workplace of
    /// about 20), and visits to one of `visitors / 20` public spaces, few of them popular (Zipf, 0.8), around lunch and
    /// after work, 5 min to 8 h, 45 min in the median.
    pub fn visits(&self) -> Vec<Visit> {
        let mut rng = Pcg64Mcg::seed_from_u64(self.seed);
        let people = self.people(&mut rng);
        let publics = (self.visitors / 20).max(1);
        let popularity = Zipf::new(publics as f64, 0.8).expect("sound parameters");

        let mut visits = Vec::with_capacity(people.len() * self.days as usize * 4);
        for day in 0..self.days {
            let midnight = self.begin + day * DAY;
            for person in &people {
                let mut go = |space: String, start: Millis, length: Millis| {
                    visits.push(Visit {
                        visitor: person.id.clone().into_bytes(),
                        space: space.into_bytes(),
                        span: Span {
                            start: midnight + start * MINUTE,
                            end: midnight + (start + length) * MINUTE,
                        },
                    });
                };
                let home = minutes(&mut rng, 240.0, 0.4, 30, 660);
                go(
                    format!("h{:07}", person.household),
                    rng.random_range(17 * 60..22 * 60),
                    home,
                );
                let mut outings = rng.random_range(1..=5u64);
                if let Some(workplace) = person.workplace
                    && day % 7 < 5
                {
                    let work = minutes(&mut rng, 420.0, 0.2, 60, 600);
                    go(
                        format!("w{workplace:07}"),
                        rng.random_range(7 * 60..10 * 60),
                        work,
                    );
                    outings -= 1;
                }
                for _ in 0..outings {
                    let space = popularity.sample(&mut rng) as usize;
                    let start = match rng.random_range(0..10) {
                        0..4 => rng.random_range(11 * 60 + 30..13 * 60 + 30),
                        4..8 => rng.random_range(16 * 60 + 30..20 * 60),
                        _ => rng.random_range(8 * 60..22 * 60),
                    };
                    let length = minutes(&mut rng, 45.0, 0.8, 5, 480);
                    go(format!("p{space:07}"), start, length);
                }
            }
        }
        // A visit is known by (visitor, space, start): of two that collide one stays.
        visits.sort_by(|a, b| {
            (a.span.start, &a.visitor, &a.space).cmp(&(b.span.start, &b.visitor, &b.space))
        });
        visits.dedup_by(|a, b| {
            (a.span.start, &a.visitor, &a.space) == (b.span.start, &b.visitor, &b.space)
        });
        visits
    }

    fn people(&self, rng: &mut Pcg64Mcg) -> Vec<Person> {
        let mut people = Vec::with_capacity(self.visitors);
        let (mut household, mut room) = (0, 0);
        for _ in 0..self.visitors {
            if room == 0 {
                household += 1;
                room = rng.random_range(1..=5);
            }
            room -= 1;
            people.push(Person {
                id: format!("{:016x}", rng.random::<u64>()),
                household,
                workplace: None,
            });
        }
        let (mut workplace, mut staff) = (0, 0);
        // Neighbours do not work together: every 7th, then again from the second.
        for turn in 0..7 {
            for person in people.iter_mut().skip(turn).step_by(7) {
                if rng.random_bool(0.6) {
                    if staff == 0 {
                        workplace += 1;
                        staff = minutes(rng, 20.0, 0.8, 1, 500);
                    }
                    staff -= 1;
                    person.workplace = Some(workplace);
                }
            }
        }
        people
    }
}

struct Person {
    id: String,
    household: usize,
    workplace: Option<usize>,
}

/// A log-normal whole number with the given median and spread, clipped.
fn minutes(rng: &mut Pcg64Mcg, median: f64, sigma: f64, least: u64, most: u64) -> u64 {
    let spread = LogNormal::new(median.ln(), sigma).expect("sound parameters");
    (spread.sample(rng).round() as u64).clamp(least, most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_city_is_as_large_as_asked_in_whole_minutes_and_repeatable() {
        let city = City::with_visits(100_000);
        let visits = city.visits();
        assert!(
            (90_000..110_000).contains(&visits.len()),
            "{}",
            visits.len()
        );
        assert!(visits.iter().all(|v| {
            v.span.start % MINUTE == 0
                && v.span.end % MINUTE == 0
                && v.span.start < v.span.end
                && city.begin <= v.span.start
                && v.span.start < city.end()
        }));
        assert!(visits.is_sorted_by_key(|v| v.span.start));
        assert!(visits == city.visits());
        assert!(visits != City { seed: 2, ..city }.visits());
    }
}
