//! Timers on the server's event loop.

use std::ffi::c_void;
use std::ptr;
use std::time::Duration;

use redis_module::raw;

use super::context::Context;
use super::guard;

/// Work the event loop does by itself now and then.
pub(crate) trait Task {
    /// Does a slice of it. Returns when to come again, `None` for not at all.
    fn run(context: Context<'_>) -> Option<Duration>;

    /// When to come again after a panic.
    const AFTER_PANIC: Option<Duration>;
}

/// Runs `T` once, `delay` from now.
pub(crate) fn after<T: Task>(context: Context<'_>, delay: Duration) {
    let create = api!(RedisModule_CreateTimer);
    let milliseconds = i64::try_from(delay.as_millis()).unwrap_or(i64::MAX);
    // SAFETY: a context we were given; no data.
    unsafe {
        create(
            context.raw(),
            milliseconds,
            Some(fire::<T>),
            ptr::null_mut(),
        )
    };
}

unsafe extern "C" fn fire<T: Task>(context: *mut raw::RedisModuleCtx, _data: *mut c_void) {
    let _ = guard::catch(|| {
        // SAFETY: the server's context of this call.
        let context = unsafe { Context::new(context) };
        if let Some(delay) = guard::catch(|| Ok(T::run(context))).unwrap_or(T::AFTER_PANIC) {
            after::<T>(context, delay);
        }
        Ok(())
    });
}
