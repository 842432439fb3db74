//! Prefetching: memory answers slowly, but many at once, so who knows what comes next asks for all of it together. What
//! can be asked for without reading anything on the way there is only asked for; else a byte of each is read.

use prefetch_index::prefetch_index;

/// So many are asked for at once: about as many as a processor waits for at a time.
pub(crate) const TOGETHER: usize = 16;

/// Asks memory for where an item begins, and waits for nothing.
#[inline(always)]
pub(crate) fn ask<T>(item: &T) {
    prefetch_index(std::slice::from_ref(item), 0);
}

/// Reads these bytes, which are of no other use.
#[inline(always)]
pub(crate) fn touch(bytes: impl Iterator<Item = u8>) {
    std::hint::black_box(bytes.fold(0, |all, byte| all ^ byte));
}
