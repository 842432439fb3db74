//! The first few of many, in order.

use std::cmp::Ordering;

/// Sorts `items` and keeps the first `count`; where that is few of many, the rest is never sorted.
pub(crate) fn first_by<T>(
    items: &mut Vec<T>,
    count: usize,
    mut compare: impl FnMut(&T, &T) -> Ordering,
) {
    if count == 0 {
        items.clear();
    } else if count < items.len() {
        items.select_nth_unstable_by(count - 1, &mut compare);
        items.truncate(count);
    }
    items.sort_unstable_by(compare);
}
