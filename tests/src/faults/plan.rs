//! Who is going to do what.
//!
//! Visits lie in the six days before the campaign. None is shortened, moved or removed, and a warning that is given again
//! asks for no less than before, so who is to be alerted does not depend on the order in which messages arrive. Nor on
//! the minute of the warning: no visit touches the hour that begins 48 hours before the campaign, so its priority is the same
//! all along.

use rand::{Rng, RngExt, seq::SliceRandom};
use std::collections::HashSet;

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// Visits a person makes. With these people meet about one other at each visit.
const VISITS: usize = 20;
const PEOPLE_A_PLACE: usize = 3;

/// Somewhere, from when until when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stay {
    pub(super) place: String,
    pub(super) start: u64,
    pub(super) end: u64,
}

/// One thing to do. It can be repeated.
#[derive(Debug, Clone)]
pub(super) enum Act {
    /// Log a visit.
    Log(Stay),
    /// Give a logged visit a later end.
    Lengthen(Stay),
    /// Warn, or warn again.
    Warn {
        warning: String,
        reason: &'static str,
        since: Option<u64>,
    },
    /// Take a warning back.
    Retract { warning: String },
}

impl Act {
    /// What it is about: acts about the same thing are done in their order.
    pub(super) fn about(&self) -> String {
        match self {
            Self::Log(stay) | Self::Lengthen(stay) => format!("{} {}", stay.place, stay.start),
            Self::Warn { warning, .. } | Self::Retract { warning } => warning.clone(),
        }
    }
}

/// A person and what they will do, in this order.
pub(super) struct Plan {
    pub(super) id: String,
    pub(super) acts: Vec<Act>,
}

/// Plans for so many people, whose visits end before `now`.
pub(super) fn make(rng: &mut impl Rng, people: usize, now: u64) -> Vec<Plan> {
    (0..people)
        .map(|number| Plan {
            id: format!("person-{number}"),
            acts: acts(rng, people.div_ceil(PEOPLE_A_PLACE), now),
        })
        .collect()
}

fn acts(rng: &mut impl Rng, places: usize, now: u64) -> Vec<Act> {
    // Every chain is about one thing; they are interleaved at random.
    let mut chains: Vec<Vec<Act>> = visits(rng, places, now);
    if rng.random_bool(0.3) {
        chains.push(warnings(rng, now));
    }
    let mut turns: Vec<usize> = chains
        .iter()
        .enumerate()
        .flat_map(|(chain, acts)| std::iter::repeat_n(chain, acts.len()))
        .collect();
    turns.shuffle(rng);
    let mut chains: Vec<_> = chains.into_iter().map(Vec::into_iter).collect();
    turns
        .into_iter()
        .filter_map(|chain| chains[chain].next())
        .collect()
}

fn visits(rng: &mut impl Rng, places: usize, now: u64) -> Vec<Vec<Act>> {
    let mut known = HashSet::new();
    let mut chains = Vec::new();
    while chains.len() < VISITS {
        let start = now - 6 * DAY + rng.random_range(0..6 * DAY / MINUTE) * MINUTE;
        let end = start + rng.random_range(10..120) * MINUTE;
        let later = end + rng.random_range(5..60) * MINUTE;
        let place = format!("place-{}", rng.random_range(0..places));
        let gap = now - 48 * HOUR;
        let ends_in_time = later < gap || (start > gap + HOUR && later < now);
        if !ends_in_time || !known.insert((place.clone(), start)) {
            continue;
        }
        let stay = |end| Stay {
            place: place.clone(),
            start,
            end,
        };
        let mut chain = vec![Act::Log(stay(end))];
        if rng.random_bool(0.2) {
            chain.push(Act::Lengthen(stay(later)));
        }
        chains.push(chain);
    }
    chains
}

/// What becomes of one warning: it may be given again, with another reason or further back, and taken back.
fn warnings(rng: &mut impl Rng, now: u64) -> Vec<Act> {
    let warning = uuid4(rng);
    let warn = |reason, since| Act::Warn {
        warning: warning.clone(),
        reason,
        since,
    };
    let retract = Act::Retract {
        warning: warning.clone(),
    };
    let some_day = Some(now - rng.random_range(0..3) * DAY);
    match rng.random_range(0..8) {
        0 => vec![warn("contact", some_day)],
        1 => vec![warn("positive", some_day)],
        2 => vec![warn("symptoms", some_day), warn("positive", None)],
        3 => vec![
            warn("contact", None),
            warn("symptoms", None),
            warn("positive", None),
        ],
        4 => vec![warn("positive", None), retract],
        5 => vec![warn("positive", some_day), retract, warn("positive", None)],
        6 => vec![warn("symptoms", some_day), warn("positive", None), retract],
        _ => vec![warn("alerted", None)],
    }
}

/// A random UUID (version 4).
fn uuid4(rng: &mut impl Rng) -> String {
    let bits: u128 = rng.random();
    let bits = bits & !(0xf << 76) & !(0x3 << 62) | 0x4 << 76 | 0x2 << 62;
    let hex = format!("{bits:032x}");
    let parts = [
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..],
    ];
    parts.join("-")
}
