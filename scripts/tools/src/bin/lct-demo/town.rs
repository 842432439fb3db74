//! A synthetic town: places with names and opening hours, people with habits, and the visits of two weeks. Equal seeds and
//! equal days give equal towns.

use std::collections::HashSet;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use lct_graph::Millis;
use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};

pub(crate) const MINUTE: Millis = 60_000;
pub(crate) const HOUR: Millis = 60 * MINUTE;
pub(crate) const DAY: Millis = 24 * HOUR;

/// A diary that fits into a link has at most so many visits.
const DIARY: usize = 30;
/// A visit in company is one of at least so long, beside at least so many others.
const LONG: Millis = 45 * MINUTE;
const COMPANY: usize = 3;

/// How many days back the town was lived in; visits are kept for 14.
const DAYS: u64 = 13;
const PEOPLE: usize = 900;

/// What people do at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Class,
    Work,
    Shop,
    Lunch,
    Leisure,
    Evening,
    Church,
}

/// Rooms of one name and kind: name, rooms (none: it is one), kind, usual stay in minutes.
const BUILDINGS: &[(&str, &[&str], Kind, u64)] = &[
    (
        "Riverside school",
        &[
            "class 1", "class 2", "class 3", "class 4", "class 5", "class 6", "class 7", "class 8",
        ],
        Kind::Class,
        330,
    ),
    ("Town hall", &["counters", "first floor"], Kind::Work, 240),
    (
        "Mill street offices",
        &["ground floor", "first floor", "second floor"],
        Kind::Work,
        240,
    ),
    (
        "Furniture works",
        &["hall A", "hall B", "paint shop"],
        Kind::Work,
        240,
    ),
    (
        "St. Anne clinic",
        &["ward 1", "ward 2", "waiting room"],
        Kind::Work,
        240,
    ),
    ("Bus depot", &[], Kind::Work, 240),
    ("Market square", &["fish", "vegetables"], Kind::Shop, 20),
    ("Corner market", &[], Kind::Shop, 20),
    ("Station bakery", &[], Kind::Shop, 10),
    ("Pharmacy", &[], Kind::Shop, 10),
    ("Canteen by the river", &[], Kind::Lunch, 40),
    ("Café Central", &["front", "terrace"], Kind::Lunch, 45),
    ("Noodle house", &[], Kind::Lunch, 40),
    (
        "City library",
        &["reading room", "children's corner"],
        Kind::Leisure,
        90,
    ),
    ("Swimming pool", &[], Kind::Leisure, 90),
    ("Sports club", &["gym", "court"], Kind::Leisure, 90),
    ("Museum of clocks", &[], Kind::Leisure, 75),
    (
        "Community centre",
        &["senior café", "workshop"],
        Kind::Leisure,
        120,
    ),
    (
        "Cinema Astra",
        &["screen 1", "screen 2"],
        Kind::Evening,
        130,
    ),
    ("Olive restaurant", &[], Kind::Evening, 110),
    ("The Anchor", &[], Kind::Evening, 120),
    ("Choir of St. Anne", &[], Kind::Evening, 100),
    ("St. Anne church", &[], Kind::Church, 70),
];

/// A place, as a poster would have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// 16 random bytes.
    pub(crate) id: [u8; 16],
    /// What people call it.
    pub(crate) name: String,
    /// In minutes.
    pub(crate) stay: u64,
    kind: Kind,
}

impl Place {
    /// The id, as the gateway and the graph have it.
    pub(crate) fn id(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.id)
    }

    /// What comes after `#` in the link of its QR code (docs/pages.md).
    pub(crate) fn payload(&self) -> String {
        let mut bytes = vec![1];
        bytes.extend(self.id);
        bytes.push(u8::try_from(self.stay / 5).unwrap_or(u8::MAX).max(1));
        bytes.push(0);
        bytes.extend(self.name.bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }
}

/// A visit, by the number of the person and of the place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Visit {
    pub(crate) person: usize,
    pub(crate) place: usize,
    pub(crate) start: Millis,
    pub(crate) end: Millis,
}

/// The town.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Town {
    /// Ids, as devices have them.
    pub(crate) people: Vec<String>,
    pub(crate) places: Vec<Place>,
    /// By start.
    pub(crate) visits: Vec<Visit>,
}

/// What one of the people would have on their phone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Diary {
    /// By start.
    pub(crate) visits: Vec<Visit>,
    /// The last of them that was in company: it is over, and not for long.
    pub(crate) company: Visit,
}

impl Diary {
    /// What comes after `#` in the link that fills a phone in practice with it (docs/pages.md), where so many warned lately.
    pub(crate) fn payload(&self, town: &Town, warnings: usize) -> String {
        let mut places: Vec<usize> = self.visits.iter().map(|visit| visit.place).collect();
        places.sort_unstable();
        places.dedup();
        let mut payload = format!("sample~{warnings}");
        for place in places {
            payload += "~";
            payload += &town.places[place].payload();
            for visit in self.visits.iter().filter(|visit| visit.place == place) {
                let minutes = (visit.end - visit.start) / MINUTE;
                payload += &format!(".{},{}", base36(visit.start / MINUTE), base36(minutes));
            }
        }
        payload
    }
}

fn base36(mut number: u64) -> String {
    let mut digits = Vec::new();
    while number > 0 || digits.is_empty() {
        digits.push(char::from_digit((number % 36) as u32, 36).unwrap_or_default());
        number /= 36;
    }
    digits.into_iter().rev().collect()
}

/// What a person does every day.
struct Habits {
    /// Where they learn or work, if they do.
    duty: Option<usize>,
    pupil: bool,
    shop: usize,
    lunch: usize,
    leisure: usize,
    evening: usize,
    faithful: bool,
}

impl Town {
    /// The town as it was lived in until `now`, which is in epoch milliseconds.
    pub(crate) fn new(seed: u64, now: Millis) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let places = places(&mut rng);
        let habits: Vec<Habits> = (0..PEOPLE)
            .map(|_| Habits::new(&places, &mut rng))
            .collect();
        let people = (0..PEOPLE).map(|_| {
            let mut id = [0; 32];
            rng.fill_bytes(&mut id);
            URL_SAFE_NO_PAD.encode(id)
        });
        let people = people.collect();
        let mut visits = Vec::new();
        let today = now / DAY;
        for day in today - DAYS..=today {
            for (person, habits) in habits.iter().enumerate() {
                // Of its own for each day, so that a day later the days before are the same.
                let mut rng = StdRng::seed_from_u64(seed ^ (day << 32) ^ (person as u64 + 1));
                let mut plan = Plan {
                    person,
                    midnight: day * DAY,
                    free: 0,
                    visits: &mut visits,
                };
                // 1970-01-01 was a Thursday.
                habits.live((day + 4) % 7, &places, &mut plan, &mut rng);
            }
        }
        visits.retain(|visit| visit.start <= now);
        visits.sort_by_key(|visit| (visit.start, visit.person));
        Self {
            people,
            places,
            visits,
        }
    }

    /// Somebody who spends their days at a place of this name; the first of them, the second and so on.
    pub(crate) fn regulars(&self, name: &str) -> Vec<usize> {
        let mut days = vec![0; self.people.len()];
        for visit in &self.visits {
            if self.places[visit.place].name.starts_with(name) {
                days[visit.person] += 1;
            }
        }
        let mut regulars: Vec<usize> = (0..days.len()).filter(|&person| days[person] > 0).collect();
        regulars.sort_by_key(|&person| (std::cmp::Reverse(days[person]), person));
        regulars
    }

    /// The fullest diary of an adult who was in company lately: in the `lately` that ended at `now`.
    pub(crate) fn diary(&self, now: Millis, lately: Millis) -> Option<Diary> {
        let mut all = vec![Vec::new(); self.people.len()];
        for visit in &self.visits {
            all[visit.person].push(*visit);
        }
        let diary = |visits: Vec<Visit>| {
            let school = |visit: &Visit| self.places[visit.place].kind == Kind::Class;
            if visits.len() > DIARY || visits.iter().any(school) {
                return None;
            }
            let recent = |visit: &&Visit| visit.end < now && visit.end > now - lately;
            let mut recent = visits.iter().rev().filter(recent);
            let company = *recent.find(|visit| self.is_in_company(visit))?;
            Some(Diary { visits, company })
        };
        let fullness = |diary: &Diary| {
            let count = |of: fn(&Visit) -> u64| {
                let different: HashSet<u64> = diary.visits.iter().map(of).collect();
                different.len()
            };
            (
                count(|visit| visit.start / DAY),
                count(|visit| visit.place as u64),
            )
        };
        all.into_iter().filter_map(diary).max_by_key(fullness)
    }

    fn is_in_company(&self, visit: &Visit) -> bool {
        let beside = |other: &&Visit| {
            let shared = other
                .end
                .min(visit.end)
                .checked_sub(other.start.max(visit.start));
            other.place == visit.place
                && other.person != visit.person
                && shared.is_some_and(|shared| shared >= LONG)
        };
        visit.end - visit.start >= LONG && self.visits.iter().filter(beside).count() >= COMPANY
    }
}

fn places(rng: &mut StdRng) -> Vec<Place> {
    let mut places = Vec::new();
    for &(building, rooms, kind, stay) in BUILDINGS {
        let names: Vec<String> = match rooms {
            [] => vec![building.to_owned()],
            rooms => rooms
                .iter()
                .map(|room| format!("{building}, {room}"))
                .collect(),
        };
        for name in names {
            let mut id = [0; 16];
            rng.fill_bytes(&mut id);
            places.push(Place {
                id,
                name,
                stay,
                kind,
            });
        }
    }
    places
}

/// The days of one person fill up: a visit begins after the one before has ended.
struct Plan<'a> {
    person: usize,
    midnight: Millis,
    free: Millis,
    visits: &'a mut Vec<Visit>,
}

impl Plan<'_> {
    /// A visit about that minute of the day, for about so many minutes.
    fn add(&mut self, place: usize, minute: u64, length: u64, rng: &mut StdRng) {
        let about = |middle: u64, rng: &mut StdRng| middle * rng.random_range(85..=115) / 100;
        let start = self.midnight + minute * MINUTE + rng.random_range(0..20 * MINUTE);
        let start = start.max(self.free);
        let end = start + about(length, rng).max(4) * MINUTE;
        self.free = end + 5 * MINUTE;
        self.visits.push(Visit {
            person: self.person,
            place,
            start,
            end,
        });
    }
}

impl Habits {
    fn new(places: &[Place], rng: &mut StdRng) -> Self {
        let mut any = |kind| {
            let of: Vec<usize> = (0..places.len())
                .filter(|&i| places[i].kind == kind)
                .collect();
            of[rng.random_range(0..of.len())]
        };
        let (class, work, shop, lunch) = (
            any(Kind::Class),
            any(Kind::Work),
            any(Kind::Shop),
            any(Kind::Lunch),
        );
        let (leisure, evening) = (any(Kind::Leisure), any(Kind::Evening));
        let share = rng.random_range(0..100);
        Self {
            duty: if share < 22 {
                Some(class)
            } else if share < 62 {
                Some(work)
            } else {
                None
            },
            pupil: share < 22,
            shop,
            lunch,
            leisure,
            evening,
            faithful: rng.random_range(0..100) < 8,
        }
    }

    /// One day; `weekday` counts from Sunday.
    fn live(&self, weekday: u64, places: &[Place], plan: &mut Plan<'_>, rng: &mut StdRng) {
        let chance = |percent: u32, rng: &mut StdRng| rng.random_range(0..100) < percent;
        let stay = |place: usize| places[place].stay;
        let workday = (1..=5).contains(&weekday);
        match self.duty {
            Some(class) if workday && self.pupil => {
                if chance(94, rng) {
                    plan.add(class, 7 * 60 + 40, 330, rng);
                }
                if chance(35, rng) {
                    plan.add(self.lunch, 13 * 60 + 20, 35, rng);
                }
            }
            Some(work) if workday => {
                if chance(90, rng) {
                    plan.add(work, 7 * 60 + 30, 250, rng);
                    if chance(45, rng) {
                        plan.add(self.lunch, 12 * 60, stay(self.lunch), rng);
                    }
                    plan.add(work, 12 * 60 + 50, 215, rng);
                }
            }
            _ => {
                if weekday == 0 && self.faithful {
                    plan.add(index(places, Kind::Church), 10 * 60, 70, rng);
                }
                if chance(45, rng) {
                    plan.add(
                        self.shop,
                        9 * 60 + rng.random_range(0..150),
                        stay(self.shop),
                        rng,
                    );
                }
                if chance(25, rng) {
                    plan.add(
                        self.lunch,
                        12 * 60 + rng.random_range(0..60),
                        stay(self.lunch),
                        rng,
                    );
                }
            }
        }
        if chance(if workday { 22 } else { 40 }, rng) {
            plan.add(
                self.leisure,
                15 * 60 + 30 + rng.random_range(0..90),
                stay(self.leisure),
                rng,
            );
        }
        if !self.pupil && chance(30, rng) {
            plan.add(
                self.shop,
                17 * 60 + rng.random_range(0..60),
                stay(self.shop),
                rng,
            );
        }
        // Most go out at the end of the week.
        if !self.pupil && chance(if weekday >= 5 { 32 } else { 12 }, rng) {
            plan.add(self.evening, 19 * 60, stay(self.evening), rng);
        }
    }
}

fn index(places: &[Place], kind: Kind) -> usize {
    places
        .iter()
        .position(|place| place.kind == kind)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = 1_780_300_000_000;

    #[test]
    fn equal_seeds_give_equal_towns() {
        assert_eq!(Town::new(7, NOW), Town::new(7, NOW));
        assert_ne!(Town::new(7, NOW).visits, Town::new(8, NOW).visits);
    }

    #[test]
    fn nobody_is_in_two_places_and_nothing_begins_later_than_now() {
        let town = Town::new(1, NOW);
        assert!(
            (15_000..60_000).contains(&town.visits.len()),
            "{}",
            town.visits.len()
        );
        let mut free = vec![0; town.people.len()];
        for visit in &town.visits {
            assert!(visit.start < visit.end && visit.end - visit.start < DAY);
            assert!(visit.start <= NOW && visit.start > NOW - 14 * DAY);
            assert!(visit.start >= free[visit.person]);
            free[visit.person] = visit.end;
        }
        let used: std::collections::HashSet<usize> =
            town.visits.iter().map(|visit| visit.place).collect();
        assert_eq!(used.len(), town.places.len());
    }

    #[test]
    fn whenever_it_is_asked_somebody_has_a_full_diary_and_was_in_company_lately() {
        for hour in 0..7 * 24 {
            let now = NOW + hour * HOUR;
            let town = Town::new(hour, now);
            let diary = town.diary(now, 16 * HOUR).expect("a diary");
            let days: HashSet<u64> = diary.visits.iter().map(|visit| visit.start / DAY).collect();
            assert!(days.len() >= 10 && diary.visits.len() <= DIARY, "{diary:?}");
            let Diary { visits, company } = &diary;
            assert!(visits.contains(company) && visits.is_sorted_by_key(|visit| visit.start));
            assert!(company.end < now && company.end > now - 16 * HOUR);
            assert!(diary.payload(&town, 5).len() < 1_000);
        }
    }

    #[test]
    fn a_diary_has_the_link_of_docs_pages() {
        let mut town = Town::new(1, NOW);
        town.places = ["City library", "Town hall"]
            .map(|name| Place {
                id: std::array::from_fn(|i| i as u8),
                name: name.into(),
                stay: 90,
                kind: Kind::Leisure,
            })
            .into();
        let visit = |place, start, minutes| Visit {
            person: 0,
            place,
            start: start * MINUTE,
            end: (start + minutes) * MINUTE,
        };
        let visits = vec![
            visit(0, 29_460_000, 90),
            visit(1, 29_461_000, 35),
            visit(0, 29_462_000, 36),
        ];
        let company = visits[0];
        assert_eq!(
            Diary { visits, company }.payload(&town, 5),
            "sample~5~AQABAgMEBQYHCAkKCwwNDg8SAENpdHkgbGlicmFyeQ.hjfhc,2i.hjh0w,10~AQABAgMEBQYHCAkKCwwNDg8SAFRvd24gaGFsbA.hjg94,z"
        );
    }

    #[test]
    fn a_place_has_the_link_of_docs_pages() {
        let place = Place {
            id: std::array::from_fn(|i| i as u8),
            name: "City library".into(),
            stay: 90,
            kind: Kind::Leisure,
        };
        assert_eq!(
            place.payload(),
            "AQABAgMEBQYHCAkKCwwNDg8SAENpdHkgbGlicmFyeQ"
        );
        assert_eq!(place.id(), "AAECAwQFBgcICQoLDA0ODw");
    }
}
