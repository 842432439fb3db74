//! Who was in a space during some whole hours, counted in steps: sorted by person, so that nobody counts twice, then by
//! time, and gone through once, however many hours somebody stayed.
//!
//! Times are milliseconds from the beginning of the first hour.

use std::cmp::Ordering;

use crate::runs::Runs;
use crate::search::Work;

/// An hour, in milliseconds.
const HOUR: u32 = 3_600_000;
/// Hours at most: twice their milliseconds fit into 32 bits.
pub(crate) const MAX_HOURS: usize = 24 * 14;

/// Room to count one space after another.
#[derive(Debug, Default)]
pub(crate) struct Crowd {
    stays: Runs<Stay>,
    /// What the next stay may prolong.
    open: Option<Stay>,
    /// How many different people there were in each hour.
    people: Vec<u32>,
    /// Who was counted last, and from which hour on they have not been.
    counted: (u32, u32),
    /// When somebody came or went: twice the time, and one more where they came.
    moments: Runs<u32>,
    /// Up to when the moments have been gone through, in which hour, and what there was in it so far.
    since: u32,
    hour: u32,
    present: u64,
    company: u64,
    peak: u64,
}

/// A visitor (in the upper half) and their start, and their end.
#[derive(Debug, Clone, Copy)]
struct Stay(u64, u32);

impl Stay {
    fn visitor(self) -> u32 {
        (self.0 >> 32) as u32
    }

    fn start(self) -> u32 {
        self.0 as u32
    }
}

/// What there was during one hour.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counted {
    pub(crate) hour: u32,
    /// Milliseconds that people spent in company.
    pub(crate) company: u64,
    /// The most people at once.
    pub(crate) peak: u64,
}

impl Crowd {
    /// Begins anew, with that many hours and nobody.
    pub(crate) fn begin(&mut self, hours: usize) {
        debug_assert!(hours <= MAX_HOURS);
        self.stays.clear();
        self.people.clear();
        self.people.resize(hours, 0);
        self.counted = (u32::MAX, 0); // no visitor
        self.moments.clear();
        (self.since, self.hour) = (0, 0);
        (self.present, self.company, self.peak) = (0, 0, 0);
    }

    /// Somebody was there, within these hours. They may have been there through other visits as well.
    pub(crate) fn add(&mut self, visitor: u32, start: u32, end: u32) {
        let stay = Stay(u64::from(visitor) << 32 | u64::from(start), end);
        self.stays.push(stay);
    }

    /// How many visits were added.
    pub(crate) fn visits(&self) -> usize {
        self.stays.items().len()
    }

    /// Goes on counting, and tells of each hour with at least `k` people when it is done with it; whether that is all.
    pub(crate) fn count(&mut self, k: u64, work: &mut Work, mut tell: impl FnMut(Counted)) -> bool {
        if !self.unite(work) {
            return false;
        }
        self.people.iter().all(|&people| u64::from(people) < k) || self.sweep(k, work, &mut tell)
    }

    /// Unites what overlaps of each person's stays; whether all has been united.
    fn unite(&mut self, work: &mut Work) -> bool {
        if !self.stays.sort(usize::MAX, work, by_visitor) {
            return false;
        }
        while !work.is_over() {
            let Some(&stay) = self.stays.next(by_visitor, |_| ()) else {
                self.close();
                return true;
            };
            work.spend(1);
            match &mut self.open {
                Some(open) if open.visitor() == stay.visitor() && stay.start() <= open.1 => {
                    open.1 = open.1.max(stay.1);
                }
                _ => {
                    self.close();
                    self.open = Some(stay);
                }
            }
        }
        false
    }

    /// The open stay is as long as it gets.
    fn close(&mut self) {
        let Some(stay) = self.open.take() else {
            return;
        };
        let (mut first, last) = (stay.start() / HOUR, (stay.1 - 1) / HOUR);
        if self.counted.0 == stay.visitor() {
            first = first.max(self.counted.1);
        }
        for people in &mut self.people[first as usize..=last as usize] {
            *people += 1;
        }
        self.counted = (stay.visitor(), last + 1);
        self.moments.push(stay.start() << 1 | 1);
        self.moments.push(stay.1 << 1);
    }

    /// Goes through the moments at which somebody came or went; whether that was all.
    fn sweep(&mut self, k: u64, work: &mut Work, tell: &mut impl FnMut(Counted)) -> bool {
        if !self.moments.sort(usize::MAX, work, u32::cmp) {
            return false;
        }
        while !work.is_over() {
            let Some(&moment) = self.moments.next(u32::cmp, |_| ()) else {
                self.tell(k, tell);
                return true;
            };
            work.spend(1);
            self.pass(moment >> 1, k, tell);
            // Who goes, goes before others come.
            if moment & 1 == 1 {
                self.present += 1;
            } else {
                self.present -= 1;
            }
        }
        false
    }

    /// Until then nobody comes or goes.
    fn pass(&mut self, until: u32, k: u64, tell: &mut impl FnMut(Counted)) {
        loop {
            let end = (self.hour + 1) * HOUR;
            let time = until.min(end) - self.since;
            if time > 0 {
                self.peak = self.peak.max(self.present);
                if self.present >= 2 {
                    self.company += self.present * u64::from(time);
                }
            }
            if until < end {
                self.since = until;
                return;
            }
            self.tell(k, tell);
            (self.company, self.peak) = (0, 0);
            // Hours with nobody in them need no look.
            (self.hour, self.since) = match self.present {
                0 => (until / HOUR, until),
                _ => (self.hour + 1, end),
            };
        }
    }

    /// Tells of the hour.
    fn tell(&self, k: u64, tell: &mut impl FnMut(Counted)) {
        let people = self.people.get(self.hour as usize);
        if people.is_some_and(|&people| u64::from(people) >= k) {
            tell(Counted {
                hour: self.hour,
                company: self.company,
                peak: self.peak,
            });
        }
    }
}

fn by_visitor(a: &Stay, b: &Stay) -> Ordering {
    a.0.cmp(&b.0)
}
