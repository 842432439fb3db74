//! Where the server loads the module.

use std::ffi::c_int;

use redis_module::raw;

use super::context::Context;
use super::{command, data_type, guard, info, settings};
use crate::error::Error;

/// The module's version as `MODULE LIST` shows it: 1.2.3 is 10203.
const VERSION: c_int = 100;

/// Called once, on load.
#[unsafe(no_mangle)]
unsafe extern "C" fn RedisModule_OnLoad(
    context: *mut raw::RedisModuleCtx,
    _argv: *mut *mut raw::RedisModuleString,
    argc: c_int,
) -> c_int {
    // SAFETY: the server's context of this call. This fills the table of API functions; nothing may allocate before.
    let status = unsafe {
        raw::Export_RedisModule_Init(
            context,
            c"lct".as_ptr(),
            VERSION,
            raw::REDISMODULE_APIVER_1 as c_int,
        )
    };
    if status != raw::REDISMODULE_OK as c_int {
        return status;
    }
    guard::install_panic_hook();
    // SAFETY: the server's context of this call.
    let context = unsafe { Context::new(context) };
    let loaded = guard::catch(|| {
        if register(context, argc) {
            Ok(())
        } else {
            Err(Error::Internal)
        }
    });
    let status = if loaded.is_ok() {
        raw::REDISMODULE_OK
    } else {
        raw::REDISMODULE_ERR
    };
    status as c_int
}

fn register(context: Context<'_>, argc: c_int) -> bool {
    if optional_api!(RedisModule_RegisterNumericConfig).is_none() {
        context.warn("needs Redis 7.0 or Valkey 7.2, or later");
        return false;
    }
    if argc != 0 {
        context.warn("takes no arguments; its settings are lines like `lct.retention 1209600000`");
        return false;
    }
    let set_options = api!(RedisModule_SetModuleOptions);
    let options = raw::REDISMODULE_OPTIONS_HANDLE_IO_ERRORS // a snapshot cut short is an error, not the end
        | raw::REDISMODULE_OPTION_NO_IMPLICIT_SIGNAL_MODIFIED // WATCH fires for changes only
        | raw::REDISMODULE_OPTIONS_HANDLE_REPL_ASYNC_LOAD; // no state of ours mirrors the keyspace
    // SAFETY: a context we were given.
    unsafe { set_options(context.raw(), options.cast_signed()) };
    if !(data_type::register(context) && command::register(context) && settings::register(context))
    {
        context.warn("the server refused to register the module's type, commands or settings");
        return false;
    }
    // From here on nothing can fail: what follows would outlive a module that is not loaded after all.
    data_type::watch_events(context);
    info::register(context);
    crate::start(context);
    true
}
