//! Working memory for searches, kept from one to the next.

use std::cell::Cell;

use lct_graph::Scratch;

thread_local! {
    static SCRATCH: Cell<Scratch> = Cell::default();
}

/// Takes it; where it is taken already, a fresh one.
pub(crate) fn take() -> Scratch {
    SCRATCH.take()
}

/// Puts it back.
pub(crate) fn put(scratch: Scratch) {
    SCRATCH.set(scratch);
}

/// Lends it to `search`. A panic in there leaves a fresh one.
pub(crate) fn with<T>(search: impl FnOnce(&mut Scratch) -> T) -> T {
    let mut scratch = take();
    let found = search(&mut scratch);
    put(scratch);
    found
}
