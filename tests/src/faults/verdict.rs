//! What the brute-force model expects everyone to hold, and how it differs from what they do hold.
//!
//! The model hears of everything that was acknowledged, in an order of its own: visits first, then warnings. Where a
//! warning was taken back, whoever was to be alerted by then depends on what had arrived. Between what had been
//! acknowledged before the retraction was sent, and what had been sent before it was acknowledged, both outcomes are right:
//! a withdrawn alert, or none.

use super::person::{Done, Record};
use super::plan::Act;
use lct_model::warnings::{Moment, Reason, Source, Warn, alert_hash};
use lct_model::{Model, Order, Priority, Question, Span, Visit};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::{Duration, Instant};

/// What gateways put before the day that somebody names.
const BEFORE_SINCE: u64 = 48 * 3_600_000;

/// By then second-order contacts have been alerted: ten seconds, and Redis may have been away.
const SETTLED: Duration = Duration::from_secs(30);

/// An alert that somebody must or may hold.
struct Alert {
    must: bool,
    active: bool,
    reasons: BTreeSet<&'static str>,
}

/// The alerts by person and by the hexadecimal part of their ids.
pub(super) struct Expected {
    alerts: BTreeMap<(String, String), Alert>,
    /// How many visits the graph holds.
    pub(super) visits: usize,
}

/// How it came out.
pub(super) struct Verdict {
    active: usize,
    withdrawn: usize,
    open: usize,
    lost: Vec<String>,
    wrong: Vec<String>,
}

impl Verdict {
    pub(super) fn is_good(&self) -> bool {
        self.lost.is_empty() && self.wrong.is_empty()
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (count, name) in [
            (self.active, "must be held and active"),
            (self.withdrawn, "must be held and withdrawn"),
            (
                self.open,
                "may be held: what they hung on crossed a retraction",
            ),
            (self.lost.len(), "lost"),
            (self.wrong.len(), "wrong"),
        ] {
            writeln!(f, "{count:>8}  {name}")?;
        }
        let some = self.lost.iter().chain(&self.wrong).take(20);
        some.into_iter()
            .try_for_each(|line| writeln!(f, "          {line}"))
    }
}

/// Everything that was done about one warning.
struct Chain<'a> {
    person: &'a str,
    warning: &'a str,
    /// The terms as last given: reason and since.
    terms: (&'static str, Option<u64>),
    reasons: BTreeSet<&'static str>,
    /// When the last message about it, if that took it back, was sent and acknowledged.
    retracted: Option<(Instant, Instant)>,
}

/// What the model makes of all that was acknowledged.
pub(super) fn expected(records: &[Record]) -> Expected {
    let at = crate::now();
    let visits = visits(records, |_| true);
    let mut alerts = BTreeMap::new();
    let mut expect = |chain: &Chain<'_>, visitor: &[u8], must, reasons: &BTreeSet<_>| {
        let hash = alert_hash(chain.warning.as_bytes(), visitor);
        let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        let alert = Alert {
            must,
            active: chain.retracted.is_none(),
            reasons: reasons.clone(),
        };
        alerts.insert((text(visitor), hex), alert);
    };

    let chains = chains(records);
    // Those that hang on other warnings come last, so that the model need not look at them again after each.
    let (dependent, plain): (Vec<_>, Vec<_>) =
        chains.iter().partition(|chain| chain.terms.0 == "alerted");
    let sorted: Vec<&Chain<'_>> = plain.into_iter().chain(dependent).collect();
    let standing = sorted.iter().filter(|chain| chain.retracted.is_none());
    let now = alerted(visits.clone(), standing.copied(), at);
    let ever = alerted(visits.clone(), sorted.iter().copied(), at);
    for chain in sorted {
        let last = BTreeSet::from([chain.terms.0]);
        let Some((sent, acked)) = chain.retracted else {
            if chain.terms.0 == "alerted" {
                // What it hung on may have stood for a while and been taken back.
                for visitor in &ever[chain.warning] {
                    expect(chain, visitor, false, &last);
                }
            }
            for visitor in &now[chain.warning] {
                expect(chain, visitor, true, &last);
            }
            continue;
        };
        let before = self::visits(records, |done| done.sent < acked);
        for visitor in &alerted(before, [chain], at)[chain.warning] {
            expect(chain, visitor, false, &chain.reasons);
        }
        // First-order contacts are alerted at once, the others within ten seconds.
        let first = Question {
            order: Order::First,
            ..terms(chain, at)
        };
        for (settled, terms) in [(Duration::ZERO, first), (SETTLED, terms(chain, at))] {
            let before = self::visits(records, |done| done.acked + settled < sent);
            for visitor in &recipients(before, [(chain, terms)], at)[chain.warning] {
                expect(chain, visitor, true, &last);
            }
        }
    }
    Expected {
        alerts,
        visits: visits.len(),
    }
}

impl Expected {
    /// Compares with what everyone holds.
    pub(super) fn judge(&self, records: &[Record]) -> Verdict {
        let must = |active| {
            let alike = move |alert: &&Alert| alert.must && alert.active == active;
            self.alerts.values().filter(alike).count()
        };
        let mut verdict = Verdict {
            active: must(true),
            withdrawn: must(false),
            open: self.alerts.values().filter(|alert| !alert.must).count(),
            lost: Vec::new(),
            wrong: Vec::new(),
        };
        let held: BTreeMap<(&str, &str), _> = records
            .iter()
            .flat_map(|record| {
                let of = |(hash, held)| ((record.id.as_str(), String::as_str(hash)), held);
                record.alerts.iter().map(of)
            })
            .collect();
        for ((person, hash), alert) in &self.alerts {
            match held.get(&(person.as_str(), hash.as_str())) {
                None if alert.must => verdict.lost.push(format!("{person} lacks {hash}")),
                None => {}
                // Told the old state and not the new one.
                Some(held) if held.active && !alert.active => verdict
                    .lost
                    .push(format!("{person} does not know that {hash} was withdrawn")),
                Some(held)
                    if held.active != alert.active
                        || !alert.reasons.contains(held.reason.as_str()) =>
                {
                    verdict
                        .wrong
                        .push(format!("{person} holds {hash} as {held:?}"));
                }
                Some(_) => {}
            }
        }
        for (person, hash) in held.keys() {
            if !self
                .alerts
                .contains_key(&((*person).into(), (*hash).into()))
            {
                verdict
                    .wrong
                    .push(format!("{person} holds {hash}, which nobody gave"));
            }
        }
        verdict
    }
}

/// The visits of which these messages tell.
fn visits(records: &[Record], counts: impl Fn(&Done) -> bool) -> Vec<Visit> {
    let mut ends = BTreeMap::new();
    for record in records {
        for done in record.done.iter().filter(|done| counts(done)) {
            if let Act::Log(stay) | Act::Lengthen(stay) = &done.act {
                let end = ends
                    .entry((&record.id, &stay.place, stay.start))
                    .or_insert(stay.end);
                *end = stay.end.max(*end);
            }
        }
    }
    let visit = |((visitor, space, start), end): ((&String, &String, _), _)| Visit {
        visitor: visitor.clone().into_bytes(),
        space: space.clone().into_bytes(),
        span: Span { start, end },
    };
    ends.into_iter().map(visit).collect()
}

fn chains(records: &[Record]) -> Vec<Chain<'_>> {
    let mut chains = BTreeMap::new();
    for record in records {
        for done in &record.done {
            match &done.act {
                Act::Warn {
                    warning,
                    reason,
                    since,
                } => {
                    let chain = chains.entry(warning.as_str()).or_insert_with(|| Chain {
                        person: &record.id,
                        warning,
                        terms: (*reason, *since),
                        reasons: BTreeSet::new(),
                        retracted: None,
                    });
                    chain.terms = (*reason, *since);
                    chain.reasons.insert(*reason);
                    chain.retracted = None;
                }
                Act::Retract { warning } => {
                    let chain = chains.get_mut(warning.as_str());
                    let chain = chain.expect("a warning is given before it is taken back");
                    chain.retracted = Some((done.sent, done.acked));
                }
                Act::Log(_) | Act::Lengthen(_) => {}
            }
        }
    }
    chains.into_values().collect()
}

/// What a gateway asks for such a warning.
fn terms(chain: &Chain<'_>, at: u64) -> Question {
    let (reason, since) = chain.terms;
    Question {
        from: since.map_or(0, |since| since - BEFORE_SINCE),
        to: at,
        at,
        order: if reason == "positive" {
            Order::Second
        } else {
            Order::First
        },
        min_time: None,
        within: None,
        linger: 0,
        min_priority: Priority::Low,
    }
}

/// Whom each of these warnings alerts on these visits.
fn alerted<'a>(
    visits: Vec<Visit>,
    chains: impl IntoIterator<Item = &'a Chain<'a>>,
    at: u64,
) -> BTreeMap<&'a str, Vec<Vec<u8>>> {
    let with_terms = chains.into_iter().map(|chain| (chain, terms(chain, at)));
    recipients(visits, with_terms, at)
}

fn recipients<'a>(
    visits: Vec<Visit>,
    chains: impl IntoIterator<Item = (&'a Chain<'a>, Question)>,
    at: u64,
) -> BTreeMap<&'a str, Vec<Vec<u8>>> {
    let mut model = Model {
        visits,
        ..Model::default()
    };
    let moment = Moment {
        now: at,
        late: 0,
        expired: 0,
    };
    let mut warned = Vec::new();
    for (chain, terms) in chains {
        let warn = Warn {
            warning: chain.warning.as_bytes().to_vec(),
            source: Source::Visitor(chain.person.as_bytes().to_vec()),
            reason: match chain.terms.0 {
                "positive" => Reason::Positive,
                "contact" => Reason::Contact,
                "symptoms" => Reason::Symptoms,
                _ => Reason::Alerted,
            },
            terms,
            stands_until: u64::MAX,
            hold: None,
        };
        model.warn(&warn, &moment).expect("an id of its own");
        warned.push(chain.warning);
    }
    let given = |warning: &str| {
        let recipients = &model.warnings[warning.as_bytes()].recipients;
        recipients.keys().cloned().collect()
    };
    warned
        .into_iter()
        .map(|warning| (warning, given(warning)))
        .collect()
}

fn text(id: &[u8]) -> String {
    String::from_utf8(id.to_vec()).expect("UTF-8")
}
