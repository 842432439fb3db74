//! Prefetching by plain reads: memory answers slowly, but many at once. Who knows what comes next reads a byte of each of
//! it, so that all of it is on its way together.

/// So many are asked for at once: about as many as a processor waits for at a time.
pub(crate) const TOGETHER: usize = 16;

/// Reads these bytes, which are of no other use.
#[inline(always)]
pub(crate) fn touch(bytes: impl Iterator<Item = u8>) {
    std::hint::black_box(bytes.fold(0, |all, byte| all ^ byte));
}
