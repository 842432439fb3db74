//! The first few of many, in order.

use std::cmp::Ordering;

/// Sorts `items` and keeps the first `count`; where that is few of many, the rest is never sorted.
fn first_by<T>(items: &mut Vec<T>, count: usize, mut compare: impl FnMut(&T, &T) -> Ordering) {
    if count == 0 {
        items.clear();
    } else if count < items.len() {
        items.select_nth_unstable_by(count - 1, &mut compare);
        items.truncate(count);
    }
    items.sort_unstable_by(compare);
}

/// The first `count` items, in order. However many there are, no more than twice as many are kept at a time.
pub(crate) fn first_of<T>(
    items: impl Iterator<Item = T>,
    count: usize,
    mut compare: impl FnMut(&T, &T) -> Ordering,
) -> Vec<T> {
    let mut first = Vec::new();
    for item in items {
        if first.len() >= count.saturating_mul(2) {
            first_by(&mut first, count, &mut compare);
        }
        first.push(item);
    }
    first_by(&mut first, count, compare);
    first
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_few_are_found_in_whatever_order_they_come() {
        let mixed = |n: u64| n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
        for many in [0, 1, 2, 7, 1_000] {
            for count in [0, 1, 2, 3, 500, usize::MAX] {
                let mut all: Vec<u64> = (0..many).map(mixed).collect();
                let found = first_of(all.iter().copied(), count, Ord::cmp);
                all.sort_unstable();
                let rising = first_of(all.iter().copied(), count, Ord::cmp);
                let falling = first_of(all.iter().rev().copied(), count, Ord::cmp);
                all.truncate(count);
                assert_eq!([&found, &rising, &falling], [&all; 3], "{count} of {many}");
            }
        }
    }
}
