//! What a client may log and ask, given what time it is and how the server is set.

use lct_graph::{HOUR, MAX_MILLIS, Millis, Moment, Order, Priority, Question};

use crate::error::{Error, Result, Rule};
use crate::options::Options;
use crate::settings;

/// The clock and the settings at one moment. Durations are milliseconds, and 0 is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    now: Millis,
    retention: Millis,
    alert_ttl: Millis,
    late: Millis,
    max_visit: Millis,
    max_ahead: Millis,
}

impl Limits {
    /// None at all: replication and the append-only file must always replay.
    pub(crate) const NONE: Self = Self {
        now: 0,
        retention: 0,
        alert_ttl: 0,
        late: 0,
        max_visit: 0,
        max_ahead: 0,
    };

    /// The settings, at `now`.
    pub(crate) fn current(now: Millis) -> Self {
        Self {
            now,
            retention: settings::RETENTION.millis(),
            alert_ttl: settings::ALERT_TTL.millis(),
            late: settings::LATE.millis(),
            max_visit: settings::MAX_VISIT.millis(),
            max_ahead: settings::MAX_AHEAD.millis(),
        }
    }

    /// A visit that ended by then has expired; 0, by which none has, without a retention.
    pub(crate) const fn expired(&self) -> Millis {
        before(self.now, self.retention)
    }

    /// An alert given or changed before then has aged; 0, before which none was, without `lct.alert-ttl`.
    pub(crate) const fn aged(&self) -> Millis {
        before(self.now, self.alert_ttl)
    }

    /// What time it is, and which visits are late or have expired.
    pub(crate) const fn moment(&self) -> Moment {
        Moment {
            now: self.now,
            late: before(self.now, self.late),
            expired: self.expired(),
        }
    }

    /// From then on no visit that is not late can overlap what happened before `at`.
    pub(crate) fn stands_until(&self, at: Millis) -> Millis {
        if self.max_visit == 0 || self.late == 0 {
            MAX_MILLIS
        } else {
            at.saturating_add(self.max_visit)
                .saturating_add(self.late)
                .min(MAX_MILLIS)
        }
    }

    /// Checks that a client may log a visit. `start_name` and `end_name` are what the command calls its times.
    ///
    /// # Errors
    /// The visit starts too far ahead, is too long, or has expired.
    pub(crate) fn check_visit(
        &self,
        (start_name, start): (&'static str, Millis),
        (end_name, end): (&'static str, Millis),
    ) -> Result<()> {
        if self.is_too_far_ahead(start) {
            return Err(Rule::MaxAhead.broken_by(start_name));
        }
        if self.max_visit > 0 && end - start > self.max_visit {
            return Err(Rule::MaxVisit.broken_by(end_name));
        }
        if end <= self.expired() {
            return Err(Rule::Retention.broken_by(end_name));
        }
        Ok(())
    }

    /// The question that `options` ask, with every default resolved; `None` if its window is empty.
    ///
    /// # Errors
    /// AT too far ahead, FROM not before TO, WITHIN without MINTIME.
    pub(crate) fn question(&self, options: &Options) -> Result<Option<Question>> {
        let question = self.window(options)?;
        Ok((question.from < question.to).then_some(question))
    }

    /// The terms that `options` give a warning, with every default resolved. An empty window is the empty one at AT.
    ///
    /// # Errors
    /// As [`Self::question`].
    pub(crate) fn terms(&self, options: &Options) -> Result<Question> {
        let terms = self.window(options)?;
        Ok(if terms.from < terms.to {
            terms
        } else {
            Question {
                from: terms.at,
                to: terms.at,
                ..terms
            }
        })
    }

    fn window(&self, options: &Options) -> Result<Question> {
        if let (Some(from), Some(to)) = (options.from, options.to)
            && from >= to
        {
            return Err(Rule::Before("TO").broken_by("FROM"));
        }
        if options.within.is_some() && options.min_time.is_none() {
            return Err(Rule::With("MINTIME").broken_by("WITHIN"));
        }
        let at = self.at(options.at)?;
        let from = options
            .from
            .unwrap_or(0)
            .max(before(at.max(self.now), self.retention));
        Ok(Question {
            from,
            to: options.to.unwrap_or(at).min(at),
            at,
            order: options.order.unwrap_or(Order::First),
            min_time: options.min_time,
            within: options.within,
            linger: options.linger.unwrap_or(0),
            min_priority: options.min_priority.unwrap_or(Priority::Low),
        })
    }

    /// AT, which is now if nobody says otherwise.
    fn at(&self, given: Option<Millis>) -> Result<Millis> {
        match given {
            Some(at) if self.is_too_far_ahead(at) => Err(Rule::MaxAhead.broken_by("AT")),
            Some(at) => Ok(at),
            None => Ok(self.now),
        }
    }

    /// The whole hours from `from` to `to` that are over and in which no visit has expired: from when to when.
    pub(crate) const fn closed_hours(&self, from: Millis, to: Millis) -> (Millis, Millis) {
        let from = if from < self.expired() {
            self.expired()
        } else {
            from
        };
        let to = if to < self.now { to } else { self.now };
        (from.next_multiple_of(HOUR), to / HOUR * HOUR)
    }

    const fn is_too_far_ahead(&self, time: Millis) -> bool {
        self.max_ahead > 0 && time > self.now + self.max_ahead
    }
}

/// The end of the half-open period that a question from `from` to `to` is about. Where both are the same it is that
/// one instant, at which somebody is who came then and nobody who left then.
pub(crate) const fn period_end(from: Millis, to: Millis) -> Millis {
    if to == from { from + 1 } else { to }
}

/// `duration` before `time`; 0 if it lasts for ever.
const fn before(time: Millis, duration: Millis) -> Millis {
    if duration == 0 {
        0
    } else {
        time.saturating_sub(duration)
    }
}

/// The time a client set as `name`, which must not lie ahead of `now`; `default` if none.
///
/// # Errors
/// It lies ahead.
pub(crate) fn not_after(
    now: Millis,
    name: &'static str,
    given: Option<Millis>,
    default: Millis,
) -> std::result::Result<Millis, Error> {
    match given {
        Some(time) if time > now => Err(Rule::NotAfterNow.broken_by(name)),
        Some(time) => Ok(time),
        None => Ok(default),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        now: 10_000,
        retention: 1_000,
        alert_ttl: 500,
        late: 500,
        max_visit: 300,
        max_ahead: 200,
    };

    fn window(limits: Limits, options: Options) -> Option<(Millis, Millis, Millis)> {
        limits
            .question(&options)
            .unwrap()
            .map(|question| (question.from, question.to, question.at))
    }

    fn at(at: Millis) -> Options {
        Options {
            at: Some(at),
            ..Options::default()
        }
    }

    #[test]
    fn the_window_ends_at_at_and_never_reaches_past_retention() {
        assert_eq!(
            window(LIMITS, Options::default()),
            Some((9_000, 10_000, 10_000))
        );
        assert_eq!(window(LIMITS, at(10_200)), Some((9_200, 10_200, 10_200)));
        assert_eq!(window(LIMITS, at(9_500)), Some((9_000, 9_500, 9_500)));
        assert_eq!(window(LIMITS, at(9_000)), None);
        let options = Options {
            from: Some(1),
            to: Some(20_000),
            ..Options::default()
        };
        assert_eq!(window(LIMITS, options), Some((9_000, 10_000, 10_000)));
        let options = Options {
            from: Some(9_100),
            to: Some(9_200),
            ..Options::default()
        };
        assert_eq!(window(LIMITS, options), Some((9_100, 9_200, 10_000)));
    }

    #[test]
    fn retention_0_is_unbounded() {
        let limits = Limits {
            retention: 0,
            ..LIMITS
        };
        assert_eq!(
            window(limits, Options::default()),
            Some((0, 10_000, 10_000))
        );
        assert_eq!(limits.expired(), 0);
        assert_eq!(
            window(Limits { now: 500, ..LIMITS }, Options::default()),
            Some((0, 500, 500))
        );
    }

    #[test]
    fn hours_are_whole_over_and_not_yet_expiring() {
        let limits = Limits {
            now: 10 * HOUR + 5,
            retention: 4 * HOUR,
            ..LIMITS
        };
        let hours = |from, to| limits.closed_hours(from, to);
        assert_eq!(hours(8 * HOUR, 9 * HOUR), (8 * HOUR, 9 * HOUR));
        assert_eq!(hours(8 * HOUR - 1, 9 * HOUR + 1), (8 * HOUR, 9 * HOUR));
        assert_eq!(hours(8 * HOUR + 1, 9 * HOUR - 1), (9 * HOUR, 8 * HOUR));
        // At six hours and five milliseconds visits expire, and at ten the hour is not over.
        assert_eq!(hours(0, MAX_MILLIS), (7 * HOUR, 10 * HOUR));
        let limits = Limits {
            retention: 0,
            now: 10 * HOUR,
            ..limits
        };
        assert_eq!(limits.closed_hours(0, MAX_MILLIS), (0, 10 * HOUR));
    }

    #[test]
    fn refuses_what_the_settings_forbid() {
        let check = |start, end| {
            LIMITS
                .check_visit(("start", start), ("end", end))
                .map_err(|error| error.to_string())
        };
        assert_eq!(check(10_200, 10_500), Ok(()));
        assert_eq!(
            check(10_201, 10_202),
            Err("ERR start: further ahead than lct.max-ahead allows".into())
        );
        assert_eq!(
            check(9_000, 9_301),
            Err("ERR end: the visit is longer than lct.max-visit allows".into())
        );
        assert_eq!(check(8_900, 9_001), Ok(()));
        assert_eq!(
            check(8_900, 9_000),
            Err("ERR end: the visit ended longer ago than lct.retention".into())
        );
        let none = Limits::NONE.check_visit(("start", 0), ("end", lct_graph::MAX_MILLIS));
        assert_eq!(none, Ok(()));
    }

    #[test]
    fn a_warning_whose_window_is_empty_is_a_warning_all_the_same() {
        let terms = |limits: Limits, options: &Options| {
            let terms = limits.terms(options).unwrap();
            (terms.from, terms.to, terms.at)
        };
        assert_eq!(terms(LIMITS, &Options::default()), (9_000, 10_000, 10_000));
        let options = Options {
            to: Some(8_000),
            ..Options::default()
        };
        assert_eq!(terms(LIMITS, &options), (10_000, 10_000, 10_000));
        // What a replica is told of it means the same there.
        let told = Options {
            from: Some(10_000),
            at: Some(10_000),
            ..Options::default()
        };
        assert_eq!(terms(Limits::NONE, &told), (10_000, 10_000, 10_000));
    }

    #[test]
    fn a_warning_stands_until_whatever_may_still_match_it_would_be_late() {
        assert_eq!(LIMITS.stands_until(10_000), 10_800);
        for for_ever in [
            Limits { late: 0, ..LIMITS },
            Limits {
                max_visit: 0,
                ..LIMITS
            },
        ] {
            assert_eq!(for_ever.stands_until(10_000), MAX_MILLIS);
        }
        assert_eq!(LIMITS.stands_until(MAX_MILLIS), MAX_MILLIS);
        let moment = Moment {
            now: 10_000,
            late: 9_500,
            expired: 9_000,
        };
        assert_eq!(LIMITS.moment(), moment);
    }

    #[test]
    fn refuses_questions_that_make_no_sense() {
        let ask = |options: &Options| LIMITS.question(options).map_err(|error| error.to_string());
        assert_eq!(
            ask(&at(10_201)),
            Err("ERR AT: further ahead than lct.max-ahead allows".into())
        );
        let options = Options {
            from: Some(5),
            to: Some(5),
            ..Options::default()
        };
        assert_eq!(ask(&options), Err("ERR FROM: must be before TO".into()));
        let options = Options {
            within: Some(5),
            ..Options::default()
        };
        assert_eq!(ask(&options), Err("ERR WITHIN: needs MINTIME".into()));
        assert_eq!(not_after(7, "BEFORE", Some(7), 0), Ok(7));
        assert_eq!(not_after(7, "BEFORE", None, 3), Ok(3));
        let error = not_after(7, "ALERTS", Some(8), 0).unwrap_err();
        assert_eq!(error.to_string(), "ERR ALERTS: must not be later than now");
    }
}
