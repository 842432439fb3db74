//! Panics end here: as an error for the client, a line in the log and a count, never as a dead server.

use std::cell::Cell;
use std::ffi::CString;
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::ptr;

use crate::error::{Error, Result};
use crate::metrics;

thread_local! {
    /// Whether a graph is being changed right now on this thread.
    static MUTATING: Cell<bool> = const { Cell::new(false) };
}

/// Runs `change`, during which a panic leaves a graph half changed: [`catch`] then answers [`Error::Damaged`].
pub(crate) fn mutating<T>(change: impl FnOnce() -> T) -> T {
    MUTATING.set(true);
    let result = change();
    MUTATING.set(false);
    result
}

/// Runs `body` and turns a panic in it into an error.
pub(crate) fn catch<T>(body: impl FnOnce() -> Result<T>) -> Result<T> {
    // What a panic may have left half done is either dropped with `body` or marked as damaged in the graph's value.
    panic::catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|_| {
        metrics::PANICS.add(1);
        Err(if MUTATING.take() {
            Error::Damaged
        } else {
            Error::Internal
        })
    })
}

/// Writes panics to the server's log. The default hook must not run: the backtrace it can take makes a Valkey that
/// was linked against another allocator abort.
pub(crate) fn install_panic_hook() {
    panic::set_hook(Box::new(|info| log(c"warning", &describe(info))));
}

/// Where it happened, and the message if it is a literal: a formatted one could carry somebody's id.
fn describe(info: &PanicHookInfo<'_>) -> String {
    let message = info
        .payload()
        .downcast_ref::<&'static str>()
        .unwrap_or(&"(message withheld)");
    match info.location() {
        Some(at) => format!(
            "panic at {}:{}:{}: {message}",
            at.file(),
            at.line(),
            at.column()
        ),
        None => format!("panic: {message}"),
    }
}

/// Writes a line to the server's log. `level` is one of the server's: debug, verbose, notice, warning.
pub(crate) fn log(level: &'static std::ffi::CStr, line: &str) {
    let Ok(line) = CString::new(line) else { return };
    let log = api!(RedisModule_Log);
    // SAFETY: the format is ours and takes one C string, so that nothing in `line` is read as a format; a line
    // without a context is allowed.
    unsafe {
        log(
            ptr::null_mut(),
            level.as_ptr(),
            c"lct: %s".as_ptr(),
            line.as_ptr(),
        )
    };
}
