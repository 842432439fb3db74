//! The module's section of INFO.

use std::ffi::{CStr, c_int};

use redis_module::raw;

use super::context::Context;
use super::guard;
use crate::metrics;

/// The section while it is being written.
pub(crate) struct InfoSection(*mut raw::RedisModuleInfoCtx);

impl InfoSection {
    /// Adds a field; the server puts `lct_` before its name.
    pub(crate) fn field(&mut self, name: &'static CStr, value: u64) {
        let add = api!(RedisModule_InfoAddFieldULongLong);
        // SAFETY: the server's context of this call and a C string.
        unsafe { add(self.0, name.as_ptr(), value) };
    }
}

/// Registers the section.
pub(super) fn register(context: Context<'_>) {
    let register = api!(RedisModule_RegisterInfoFunc);
    // SAFETY: a context we were given and a function that lives as long as the module.
    unsafe { register(context.raw(), Some(write)) };
}

unsafe extern "C" fn write(info: *mut raw::RedisModuleInfoCtx, for_crash_report: c_int) {
    if for_crash_report != 0 {
        return; // a signal handler, and whatever crashed may have been at our numbers
    }
    let _ = guard::catch(|| {
        let section = api!(RedisModule_InfoAddSection);
        // SAFETY: the server's context of this call; an empty name makes the section bear the module's.
        let wanted = unsafe { section(info, c"".as_ptr()) } == raw::REDISMODULE_OK as c_int;
        if wanted {
            metrics::write(&mut InfoSection(info));
        }
        Ok(())
    });
}
