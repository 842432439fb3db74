//! Answers compared with a search through everything: the visits of a region are generated again, a day at a time, and
//! each is held against the places and times of whoever is asked about. It shares no code with the module and keeps no
//! visit.

use std::collections::{BTreeSet, HashMap};

use lct_tools::{Asker, Error, Progress, grouped};
use serde_json::json;

use super::ask::KINDS;
use super::people::{Nation, Region};
use super::{DAYS, MINUTES_A_DAY, Minute};
use crate::ask::{Kind, SECOND_48_HOURS, ask, values};
use crate::report::{Report, Row};

/// So many regions are generated again, and so many of their people asked about, and of their guests.
const REGIONS: usize = 4;
const RESIDENTS: usize = 9;
const GUESTS: usize = 1;
const END: Minute = DAYS as Minute * MINUTES_A_DAY;

/// Whom somebody has met, and when first.
type Met = HashMap<u32, Minute>;
/// Where cases were: for each place whose case, from when to when.
type Whereabouts = Vec<Vec<(usize, Minute, Minute)>>;

pub(crate) fn check(asker: &mut Asker, nation: &Nation, report: &mut Report) -> Result<(), Error> {
    let every = nation.regions.len().div_ceil(REGIONS);
    let checked: Vec<usize> = (0..nation.regions.len()).step_by(every).collect();
    eprintln!("Comparing answers with a search through everything …");
    let mut progress = Progress::new("regions", checked.len() as u64);
    let (mut answers, mut second, mut elsewhere) = (0, 0, 0);
    for (done, &number) in checked.iter().enumerate() {
        let region = &nation.regions[number];
        let residents = region.town().sample(RESIDENTS).into_iter();
        let residents = residents.map(|resident| region.person(resident));
        let people: Vec<u32> = region.guests().take(GUESTS).chain(residents).collect();
        for kind in KINDS {
            let (firsts, all) = answer(region, &people, &kind);
            for (&person, expected) in people.iter().zip(&all) {
                compare(asker, region, &kind, person, expected)?;
                answers += 1;
            }
            if kind.second {
                let cases = people.into_iter().zip(firsts).zip(all);
                let (found, beyond) = beyond(nation, number, cases);
                second += found;
                elsewhere += beyond;
                break;
            }
        }
        progress.update(done as u64 + 1);
    }
    progress.finish();
    report.add(Row {
        what: "answers compared".into(),
        target: "all equal".into(),
        measured: grouped(answers),
        met: Some(true),
        note: format!(
            "with a search through all visits of {} regions",
            checked.len()
        ),
        numbers: json!({ "answers": answers, "regions": checked.len() }),
    });
    let share = 100.0 * elsewhere as f64 / second as f64;
    report.add(Row {
        what: "second-order contacts in another region".into(),
        target: String::new(),
        measured: format!("{share:.1} % more"),
        met: None,
        note: format!(
            "{} beside {} found where the index case was: a path that changes the graph is not followed",
            grouped(elsewhere as u64),
            grouped(second as u64)
        ),
        numbers: json!({ "found": second, "elsewhere": elsewhere }),
    });
    Ok(())
}

/// The contacts of first order of each person, and all that the question asks for.
fn answer(region: &Region, people: &[u32], kind: &Kind) -> (Vec<Met>, Vec<BTreeSet<u32>>) {
    let from = from(kind);
    let cases: Vec<Met> = people
        .iter()
        .map(|&person| HashMap::from([(person, from)]))
        .collect();
    let mut firsts = met(region, from, &cases);
    for (firsts, person) in firsts.iter_mut().zip(people) {
        firsts.remove(person);
    }
    let mut all: Vec<BTreeSet<u32>> = firsts
        .iter()
        .map(|firsts| firsts.keys().copied().collect())
        .collect();
    if kind.second {
        let seconds = met(region, from, &firsts);
        for ((all, seconds), person) in all.iter_mut().zip(seconds).zip(people) {
            all.extend(seconds.into_keys());
            all.remove(person);
        }
    }
    (firsts, all)
}

/// Whom each case met, where a case is one or more people, each from a time of their own on. None of these times is
/// before `from`.
fn met(region: &Region, from: Minute, cases: &[Met]) -> Vec<Met> {
    // No visit lasts into the day after the next.
    let first_day = u64::from(from / MINUTES_A_DAY).saturating_sub(1);
    let days = first_day..DAYS;
    let mut places: Whereabouts = vec![vec![]; region.town().spaces() as usize];
    let mut of: HashMap<u32, Vec<(usize, Minute)>> = HashMap::new();
    for (case, people) in cases.iter().enumerate() {
        for (&person, &since) in people {
            of.entry(person).or_default().push((case, since));
        }
    }
    for stay in days.clone().flat_map(|day| region.day(day)) {
        for &(case, since) in of.get(&stay.visitor).into_iter().flatten() {
            let (start, end) = (stay.start.max(since), stay.end.min(END));
            if start < end {
                places[stay.space as usize].push((case, start, end));
            }
        }
    }
    for place in &mut places {
        place.sort_unstable();
        // Who is met in the one interval or the other is met in both together, and not before.
        place.dedup_by(|later, earlier| {
            let together = later.0 == earlier.0 && later.1 <= earlier.2;
            if together {
                earlier.2 = earlier.2.max(later.2);
            }
            together
        });
    }
    let mut met = vec![Met::new(); cases.len()];
    for stay in days.flat_map(|day| region.day(day)) {
        for &(case, start, end) in &places[stay.space as usize] {
            if stay.start < end && start < stay.end {
                let since = stay.start.max(start);
                let first = met[case].entry(stay.visitor).or_insert(since);
                *first = since.min(*first);
            }
        }
    }
    met
}

/// For those who were in one region alone: how many contacts of second order were found there, and how many more their
/// contacts met in the regions beside it.
fn beyond(
    nation: &Nation,
    number: usize,
    cases: impl Iterator<Item = ((u32, Met), BTreeSet<u32>)>,
) -> (usize, usize) {
    let cases: Vec<(Met, BTreeSet<u32>)> = cases
        .filter(|((person, _), _)| nation.regions_of(*person).count() == 1)
        .map(|((_, firsts), all)| (firsts, all))
        .collect();
    let found = cases.iter().map(|(firsts, all)| all.len() - firsts.len());
    let regions = nation.regions.len();
    let beside = BTreeSet::from([(number + 1) % regions, (number + regions - 1) % regions]);
    let mut beyond = 0;
    for other in beside {
        let travellers = cases.iter().map(|(firsts, _)| {
            let firsts = firsts.iter().map(|(&person, &since)| (person, since));
            let there = |person| nation.regions_of(person).any(|region| region == other);
            firsts.filter(|&(person, _)| there(person)).collect()
        });
        let travellers: Vec<Met> = travellers.collect();
        let met = met(&nation.regions[other], from(&SECOND_48_HOURS), &travellers);
        for (met, (_, all)) in met.iter().zip(&cases) {
            beyond += met.keys().filter(|person| !all.contains(person)).count();
        }
    }
    (found.sum(), beyond)
}

/// When the question begins.
fn from(kind: &Kind) -> Minute {
    END - (kind.hours / 24) as Minute * MINUTES_A_DAY
}

fn compare(
    asker: &mut Asker,
    region: &Region,
    kind: &Kind,
    person: u32,
    expected: &BTreeSet<u32>,
) -> Result<(), Error> {
    let id = |&person: &u32| region.town().visitor_id(person);
    let command = kind.about(
        region.graph.as_bytes(),
        &id(&person),
        region.at(DAYS),
        false,
    );
    let (_, reply) = ask(asker, &command)?;
    let answered: BTreeSet<Vec<u8>> = values(reply).map(<[u8]>::to_vec).collect();
    let expected: BTreeSet<Vec<u8>> = expected.iter().map(|p| id(p).to_vec()).collect();
    if answered != expected {
        return Err(format!(
            "{}, person {person}, {}: {} too many and {} too few of {} contacts",
            region.graph,
            kind.name,
            answered.difference(&expected).count(),
            expected.difference(&answered).count(),
            expected.len(),
        )
        .into());
    }
    Ok(())
}
