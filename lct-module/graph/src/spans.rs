//! Sets of times: unions of spans and how long they last.

use crate::Millis;
use crate::exposure::Question;

/// From when to when; never empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Span {
    pub(crate) start: Millis,
    pub(crate) end: Millis,
}

/// The union of one contact's co-presences.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Union {
    pub(crate) first: Millis,
    pub(crate) last: Millis,
    /// Time counted twice counts once.
    pub(crate) total: Millis,
}

/// The union of some spans, as disjoint spans in order.
pub(crate) fn unite(spans: &mut [Span]) -> &[Span] {
    if spans.len() < 2 {
        return spans;
    }
    spans.sort_unstable();
    let mut last = 0;
    for index in 1..spans.len() {
        let next = spans[index];
        if next.start <= spans[last].end {
            spans[last].end = spans[last].end.max(next.end);
        } else {
            last += 1;
            spans[last] = next;
        }
    }
    &spans[..=last]
}

/// First, last and measure of disjoint spans in order; there is at least one.
pub(crate) fn measure(spans: &[Span]) -> Union {
    Union {
        first: spans[0].start,
        last: spans[spans.len() - 1].end,
        total: spans.iter().map(|span| span.end - span.start).sum(),
    }
}

/// Whether disjoint spans in order add up to MINTIME within some period as long as WITHIN.
pub(crate) fn lasts(spans: &[Span], question: &Question) -> bool {
    let Some(min_time) = question.min_time else {
        return !spans.is_empty();
    };
    let total: Millis = spans.iter().map(|span| span.end - span.start).sum();
    let Some(within) = question.within else {
        return !spans.is_empty() && total >= min_time;
    };
    if total < min_time || spans.is_empty() {
        return false;
    }
    // What a period of fixed length covers is greatest where the period begins as a span begins or ends as one ends.
    // Both are swept with two pointers; `covered` is the measure of the spans between them.
    let mut covered = 0;
    let mut head = 0;
    for (tail, span) in spans.iter().enumerate() {
        let end = span.start.saturating_add(within);
        while head < spans.len() && spans[head].end <= end {
            covered += spans[head].end - spans[head].start;
            head += 1;
        }
        let part = spans
            .get(head)
            .map_or(0, |next| end.saturating_sub(next.start.max(span.start)));
        if covered + part >= min_time {
            return true;
        }
        if head > tail {
            covered -= span.end - span.start;
        } else {
            head = tail + 1;
        }
    }
    let (mut covered, mut tail) = (0, 0);
    for span in spans {
        covered += span.end - span.start;
        let start = span.end.saturating_sub(within);
        while spans[tail].end <= start {
            covered -= spans[tail].end - spans[tail].start;
            tail += 1;
            if tail == spans.len() {
                break;
            }
        }
        let cut = spans
            .get(tail)
            .map_or(0, |first| start.saturating_sub(first.start));
        if covered.saturating_sub(cut) >= min_time {
            return true;
        }
    }
    false
}
