//! A client that waits for an answer that comes later.

use std::ffi::{c_int, c_void};
use std::ptr;

use redis_module::raw;

use super::context::Context;
use super::guard;
use crate::error::{Error, Result};

/// What the client will be told.
type Answer = Result<u64>;

/// A waiting client. Dropping it unanswered tells the client of an internal error, so that none waits for ever.
pub(crate) struct BlockedClient(*mut raw::RedisModuleBlockedClient);

impl BlockedClient {
    /// Lets the client of the running command wait, for as long as it takes. Nothing may be replied to it here.
    pub(crate) fn new(context: Context<'_>) -> Self {
        let block = api!(RedisModule_BlockClient);
        // SAFETY: the context of a command that may block (`Context::is_indivisible` is false); no timeout, hence no
        // timeout callback.
        Self(unsafe { block(context.raw(), Some(reply), None, Some(free), 0) })
    }

    /// Answers.
    pub(crate) fn answer(mut self, answer: Answer) {
        self.unblock(answer);
    }

    fn unblock(&mut self, answer: Answer) {
        if self.0.is_null() {
            return;
        }
        let unblock = api!(RedisModule_UnblockClient);
        let answer = Box::into_raw(Box::new(answer));
        // SAFETY: a blocked client that has not been unblocked yet; `free` takes the box back.
        unsafe { unblock(self.0, answer.cast()) };
        self.0 = ptr::null_mut();
    }
}

impl Drop for BlockedClient {
    fn drop(&mut self) {
        self.unblock(Err(Error::Internal));
    }
}

unsafe extern "C" fn reply(
    context: *mut raw::RedisModuleCtx,
    _argv: *mut *mut raw::RedisModuleString,
    _argc: c_int,
) -> c_int {
    let _ = guard::catch(|| {
        // SAFETY: the server's context of this call.
        let reply_to = unsafe { Context::new(context) };
        let private_data = api!(RedisModule_GetBlockedClientPrivateData);
        // SAFETY: the server's context of this call.
        let answer = unsafe { private_data(context) }.cast::<Answer>();
        // SAFETY: `unblock` left a boxed answer there; `free` has not run yet.
        match unsafe { *answer } {
            Ok(number) => reply_to.reply_integer(number),
            Err(error) => reply_to.reply_error(error),
        }
        Ok(())
    });
    raw::REDISMODULE_OK as c_int
}

unsafe extern "C" fn free(_context: *mut raw::RedisModuleCtx, answer: *mut c_void) {
    // SAFETY: `unblock` gave this box away; the server calls this once, at the end.
    drop(unsafe { Box::from_raw(answer.cast::<Answer>()) });
}
