//! A warning to begin with.

use lct_graph::{MAX_MILLIS, Order, Priority, Question, Reason, Source, Warn};

/// A warning over all time, of the first order, which stands for ever and alerts every contact.
pub(crate) fn warning_of<'a>(warning: &'a [u8], source: Source<'a>) -> Warn<'a> {
    Warn {
        warning,
        source,
        reason: Reason::Positive,
        terms: Question {
            from: 0,
            to: MAX_MILLIS,
            at: MAX_MILLIS,
            order: Order::First,
            min_time: None,
            within: None,
            linger: 0,
            min_priority: Priority::Low,
        },
        stands_until: MAX_MILLIS,
        hold: None,
    }
}
