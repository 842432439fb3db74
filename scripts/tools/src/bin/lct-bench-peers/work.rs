//! The work all peers are given: one city, and the same questions about the same people.

use lct_model::Millis;
use lct_model::city::{City, Stay, Town};

const HOUR: Millis = 60 * 60 * 1000;
pub(crate) const DAY: Millis = 24 * HOUR;

/// A city with everything a peer needs to know of it.
pub(crate) struct Work {
    pub(crate) town: Town,
    /// Its visits, sorted by start.
    pub(crate) stays: Vec<Stay>,
    /// Whom the questions are about.
    pub(crate) sample: Vec<u32>,
    /// How long the longest visit is: who overlaps an interval began no earlier than that before it.
    pub(crate) longest: Millis,
}

impl Work {
    pub(crate) fn new(city: City, questions: usize) -> Self {
        let town = city.settle();
        let stays: Vec<Stay> = town.stays().collect();
        let longest = stays.iter().map(|stay| {
            let span = town.span(stay);
            span.end - span.start
        });
        Self {
            longest: longest.max().unwrap_or_default(),
            sample: town.sample(questions),
            stays,
            town,
        }
    }

    pub(crate) fn begin(&self) -> Millis {
        self.town.city().begin
    }

    /// The AT of every question.
    pub(crate) fn at(&self) -> Millis {
        self.town.city().end()
    }

    /// The end of the first day: what the purge is to remove lies before.
    pub(crate) fn first_midnight(&self) -> Millis {
        self.begin() + DAY
    }

    /// On which of the city's days a time lies.
    pub(crate) fn day(&self, time: Millis) -> u64 {
        (time - self.begin()) / DAY
    }

    pub(crate) fn days(&self) -> u64 {
        self.town.city().days
    }

    /// How many visits began on the first day.
    pub(crate) fn begun_on_the_first_day(&self) -> u64 {
        self.stays
            .iter()
            .filter(|stay| self.town.span(stay).start < self.first_midnight())
            .count() as u64
    }
}

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Question {
    /// Everybody someone met in 14 days.
    FirstTwoWeeks,
    /// Everybody they met in the last 48 hours.
    FirstTwoDays,
    /// Whom those met from then on, in the last 48 hours. Who is of the first order as well is not asked for again; LCT
    /// and the floor answer both orders at once.
    SecondTwoDays,
}

impl Question {
    pub(crate) const ALL: [Self; 3] =
        [Self::FirstTwoWeeks, Self::FirstTwoDays, Self::SecondTwoDays];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::FirstTwoWeeks => "first order, 14 days",
            Self::FirstTwoDays => "first order, 48 hours",
            Self::SecondTwoDays => "second order, 48 hours",
        }
    }

    /// The name that fits into a table.
    pub(crate) fn short(self) -> &'static str {
        match self {
            Self::FirstTwoWeeks => "1st, 14 d",
            Self::FirstTwoDays => "1st, 48 h",
            Self::SecondTwoDays => "2nd, 48 h",
        }
    }

    pub(crate) fn hours(self) -> u32 {
        match self {
            Self::FirstTwoWeeks => 14 * 24,
            Self::FirstTwoDays | Self::SecondTwoDays => 48,
        }
    }

    pub(crate) fn second(self) -> bool {
        self == Self::SecondTwoDays
    }

    pub(crate) fn from(self, work: &Work) -> Millis {
        work.at() - Millis::from(self.hours()) * HOUR
    }
}
