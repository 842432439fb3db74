//! Working memory for searches, kept from one to the next.

use std::cell::Cell;

use lct_graph::Scratch;

thread_local! {
    static SCRATCH: Cell<Scratch> = Cell::default();
}

/// Lends it to `search`. A panic in there leaves a fresh one.
pub(crate) fn with<T>(search: impl FnOnce(&mut Scratch) -> T) -> T {
    let mut scratch = SCRATCH.take();
    let found = search(&mut scratch);
    SCRATCH.set(scratch);
    found
}
