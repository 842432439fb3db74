//! A country in regions, each a city and a graph of its own: a visit belongs to the graph of the place, so people who
//! go to a place of the next region are visitors of both. Nothing of it is stored: a region's visits of a day are
//! generated when they are needed, as often as they are needed, and are the same every time.

use std::ops::Range;

use lct_model::city::{City, Stay, Town};
use lct_tools::{pack_count, pack_word};

/// One in so many goes to the next region every day.
const ONE_ABROAD_IN: u32 = 20;

/// The country.
pub(crate) struct Nation {
    pub(crate) regions: Vec<Region>,
}

/// A region: who lives there, and who comes from the one before.
pub(crate) struct Region {
    /// The key of its graph.
    pub(crate) graph: String,
    town: Town,
    /// Their numbers in the country.
    residents: Range<u32>,
    /// Those among whom the guests are.
    neighbours: Range<u32>,
}

impl Nation {
    /// Settles so many people in at least two regions.
    pub(crate) fn new(visitors: u32, graphs: usize, days: u64) -> Self {
        let first = |region: usize| (u64::from(visitors) * region as u64 / graphs as u64) as u32;
        let residents = |region: usize| first(region)..first(region + 1);
        let regions = (0..graphs).map(|region| {
            let city = City {
                visitors: residents(region).len(),
                days,
                seed: 1 + region as u64,
                ..City::with_visits(0)
            };
            Region {
                graph: format!("lct:{{{region:02}}}"),
                town: city.settle(),
                residents: residents(region),
                neighbours: residents((region + graphs - 1) % graphs),
            }
        });
        Self {
            regions: regions.collect(),
        }
    }

    /// The regions somebody goes to: their own, and perhaps the next one.
    pub(crate) fn regions_of(&self, person: u32) -> impl Iterator<Item = usize> + '_ {
        let home = self
            .regions
            .partition_point(|region| region.residents.end <= person);
        let next = (home + 1) % self.regions.len();
        let goes = self.regions[next].neighbours.contains(&person) && goes_abroad(person);
        std::iter::once(home).chain(goes.then_some(next))
    }
}

impl Region {
    /// Its city, where residents are numbered from 0 on.
    pub(crate) fn town(&self) -> &Town {
        &self.town
    }

    /// Midnight after so many days, in epoch milliseconds.
    pub(crate) fn at(&self, days: u64) -> u64 {
        self.town.city().begin + days * crate::DAY
    }

    /// The number in the country of somebody who lives here.
    pub(crate) fn person(&self, resident: u32) -> u32 {
        self.residents.start + resident
    }

    /// The numbers in the country of those who come from the region before.
    pub(crate) fn guests(&self) -> impl Iterator<Item = u32> + use<> {
        let all = self.neighbours.clone();
        all.filter(|&person| goes_abroad(person))
    }

    /// The visits that begin on a day, sorted by start, visitors by their number in the country.
    pub(crate) fn day(&self, day: u64) -> Vec<Stay> {
        let mut stays = self.town.day(day);
        for stay in &mut stays {
            stay.visitor = self.person(stay.visitor);
        }
        stays.extend(self.town.guests(day, self.guests()));
        // Two sorted runs, which a stable sort merges.
        stays.sort_by_key(|stay| stay.start);
        stays
    }

    /// Writes the command that logs these visits.
    pub(crate) fn pack(&self, bytes: &mut Vec<u8>, stays: &[Stay]) {
        pack_count(bytes, 2 + 4 * stays.len());
        pack_word(bytes, b"LCT.VISIT");
        pack_word(bytes, self.graph.as_bytes());
        for stay in stays {
            let span = self.town.span(stay);
            pack_word(bytes, &self.town.visitor_id(stay.visitor));
            pack_word(bytes, &self.town.space_id(stay.space));
            pack_word(bytes, span.start.to_string().as_bytes());
            pack_word(bytes, span.end.to_string().as_bytes());
        }
    }
}

fn goes_abroad(person: u32) -> bool {
    person.is_multiple_of(ONE_ABROAD_IN)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn people_who_go_to_the_next_region_are_visitors_of_both() {
        let nation = Nation::new(1_000, 3, 2);
        let mut seen = vec![BTreeSet::new(); 3];
        for (region, seen) in nation.regions.iter().zip(&mut seen) {
            for day in 0..2 {
                let stays = region.day(day);
                assert!(stays.is_sorted_by_key(|stay| stay.start));
                assert!(stays == region.day(day));
                seen.extend(stays.iter().map(|stay| stay.visitor));
            }
        }
        for person in 0..1_000 {
            let of: BTreeSet<usize> = nation.regions_of(person).collect();
            assert_eq!(of.len(), 1 + usize::from(person % ONE_ABROAD_IN == 0));
            for (region, seen) in seen.iter().enumerate() {
                assert_eq!(seen.contains(&person), of.contains(&region), "{person}");
            }
        }
    }
}
