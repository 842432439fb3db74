//! FROM, TO and AT as asked, and the window that results.

use crate::Millis;

/// What a caller wrote; `None` where the option was left out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Asked {
    /// FROM
    pub from: Option<Millis>,
    /// TO
    pub to: Option<Millis>,
    /// AT
    pub at: Option<Millis>,
}

/// The clock and the settings that bear on a window; 0 means no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// The present, in epoch milliseconds.
    pub now: Millis,
    /// `lct.retention`
    pub retention: Millis,
    /// `lct.max-ahead`
    pub max_ahead: Millis,
}

/// The effective window: the index case's visits count in `[from, to)`, those of contacts in `[from, at)`. It may be
/// empty (`from >= to`), which is no error: nobody is exposed then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// effective FROM
    pub from: Millis,
    /// effective TO, never after `at`
    pub to: Millis,
    /// AT
    pub at: Millis,
}

/// Why a window is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WindowError {
    /// FROM and TO are both given and FROM is not before TO.
    FromNotBeforeTo,
    /// AT is further ahead of now than `lct.max-ahead` allows.
    TooFarAhead,
}

impl Window {
    /// "Effective FROM = max(FROM, AT − retention, now − retention); with retention 0 it is unbounded. TO defaults to
    /// AT and never exceeds it; AT defaults to now and is at most now + max-ahead. FROM ≥ TO, both given, is an error;
    /// an otherwise empty window answers empty."
    pub fn resolve(asked: Asked, limits: Limits) -> Result<Self, WindowError> {
        if let (Some(from), Some(to)) = (asked.from, asked.to)
            && from >= to
        {
            return Err(WindowError::FromNotBeforeTo);
        }
        let at = asked.at.unwrap_or(limits.now);
        if limits.max_ahead != 0 && at > limits.now + limits.max_ahead {
            return Err(WindowError::TooFarAhead);
        }
        let mut from = asked.from.unwrap_or(0);
        if limits.retention != 0 {
            from = from
                .max(at.saturating_sub(limits.retention))
                .max(limits.now.saturating_sub(limits.retention));
        }
        let to = asked.to.unwrap_or(at).min(at);
        Ok(Self { from, to, at })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        now: 1000,
        retention: 100,
        max_ahead: 10,
    };

    fn resolve(
        from: Option<Millis>,
        to: Option<Millis>,
        at: Option<Millis>,
    ) -> Result<(Millis, Millis, Millis), WindowError> {
        Window::resolve(Asked { from, to, at }, LIMITS).map(|w| (w.from, w.to, w.at))
    }

    #[test]
    fn defaults_are_the_retention_until_now() {
        assert_eq!(resolve(None, None, None), Ok((900, 1000, 1000)));
    }

    #[test]
    fn from_is_bounded_by_retention_before_at_and_before_now() {
        assert_eq!(resolve(Some(5), None, Some(950)), Ok((900, 950, 950)));
        assert_eq!(resolve(Some(5), None, Some(1010)), Ok((910, 1010, 1010)));
        assert_eq!(resolve(Some(980), None, None), Ok((980, 1000, 1000)));
    }

    #[test]
    fn to_never_exceeds_at() {
        assert_eq!(resolve(None, Some(2000), Some(960)), Ok((900, 960, 960)));
    }

    #[test]
    fn an_empty_window_is_an_error_only_where_both_ends_are_given() {
        let refused = Err(WindowError::FromNotBeforeTo);
        assert_eq!(resolve(Some(950), Some(950), None), refused);
        assert_eq!(resolve(Some(951), Some(950), None), refused);
        assert_eq!(resolve(Some(1001), None, None), Ok((1001, 1000, 1000)));
        assert_eq!(resolve(None, Some(5), None), Ok((900, 5, 1000)));
    }

    #[test]
    fn at_may_be_ahead_by_max_ahead_and_no_more() {
        assert_eq!(
            resolve(None, None, Some(1011)),
            Err(WindowError::TooFarAhead)
        );
    }

    #[test]
    fn zero_means_no_limit() {
        let none = Limits {
            now: 1000,
            ..Limits::default()
        };
        let asked = Asked {
            at: Some(crate::data::MAX_MILLIS),
            ..Asked::default()
        };
        let window = Window::resolve(asked, none).expect("no limit");
        assert_eq!((window.from, window.at), (0, crate::data::MAX_MILLIS));
    }
}
