//! Registers the settings with the server: redis.conf, CONFIG GET, SET and REWRITE, MODULE LOADEX.

use std::ffi::{c_char, c_int, c_longlong, c_void};
use std::ptr;

use redis_module::raw;

use super::context::Context;
use crate::settings::{ALL, Setting};

/// Registers every setting and reads those the server was started with; false if the server refuses.
pub(super) fn register(context: Context<'_>) -> bool {
    let register = api!(RedisModule_RegisterNumericConfig);
    let registered = ALL.iter().all(|setting| {
        let own: *const Setting = *setting;
        // SAFETY: the callbacks get `own` back, which is static and only read through shared references.
        let status = unsafe {
            register(
                context.raw(),
                setting.name().as_ptr(),
                setting.default_value(),
                raw::REDISMODULE_CONFIG_DEFAULT,
                setting.least(),
                setting.greatest(),
                Some(get),
                Some(set),
                None,
                own.cast_mut().cast(),
            )
        };
        status == raw::REDISMODULE_OK as c_int
    });
    let load = api!(RedisModule_LoadConfigs);
    // SAFETY: a context we were given.
    registered && unsafe { load(context.raw()) } == raw::REDISMODULE_OK as c_int
}

unsafe extern "C" fn get(_name: *const c_char, setting: *mut c_void) -> c_longlong {
    // SAFETY: `register` passed a static `Setting`.
    unsafe { &*setting.cast::<Setting>() }.stored()
}

unsafe extern "C" fn set(
    _name: *const c_char,
    value: c_longlong,
    setting: *mut c_void,
    error: *mut *mut raw::RedisModuleString,
) -> c_int {
    // SAFETY: `register` passed a static `Setting`.
    unsafe { &*setting.cast::<Setting>() }.store(value); // the server has checked the range
    // SAFETY: the server passes a place for a message.
    unsafe { *error = ptr::null_mut() };
    raw::REDISMODULE_OK as c_int
}
