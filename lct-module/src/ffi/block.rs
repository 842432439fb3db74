//! A client that waits for an answer that comes later, at once or piece by piece.

use std::cell::RefCell;
use std::collections::HashSet;
use std::ptr;

use redis_module::raw;

use super::context::Context;
use super::guard;
use crate::error::{Error, Result};

thread_local! {
    /// The waiting clients that have left.
    static GONE: RefCell<HashSet<*mut raw::RedisModuleBlockedClient>> = RefCell::default();
}

/// A waiting client. Dropping it unanswered tells the client of an internal error, so that none waits for ever.
pub(crate) struct BlockedClient(*mut raw::RedisModuleBlockedClient);

impl BlockedClient {
    /// Lets the client of the running command wait, for as long as it takes. Nothing may be replied to it here.
    pub(crate) fn new(context: Context<'_>) -> Self {
        let block = api!(RedisModule_BlockClient);
        // SAFETY: the context of a command that may block (`Context::is_indivisible` is false); no timeout, hence no
        // timeout callback, and no data to free.
        let client = unsafe { block(context.raw(), None, None, None, 0) };
        let notice = api!(RedisModule_SetDisconnectCallback);
        // SAFETY: a blocked client that has not been unblocked yet.
        unsafe { notice(client, Some(left)) };
        Self(client)
    }

    /// Writes the next piece of the answer. The client gets all of them together when this goes.
    pub(crate) fn write(&self, write: impl FnOnce(Context<'_>)) {
        if self.0.is_null() {
            return;
        }
        let get = api!(RedisModule_GetThreadSafeContext);
        // SAFETY: a blocked client that has not been unblocked yet; on the main thread no lock is needed.
        let context = unsafe { get(self.0) };
        // SAFETY: the context of this client, which lives until it is freed below.
        write(unsafe { Context::new(context) });
        let free = api!(RedisModule_FreeThreadSafeContext);
        // SAFETY: obtained above, freed once.
        unsafe { free(context) };
    }

    /// Whether the client has left, so that nobody will read the answer.
    pub(crate) fn has_left(&self) -> bool {
        GONE.with_borrow(|gone| gone.contains(&self.0))
    }

    /// The answer is complete.
    pub(crate) fn end(mut self) {
        self.unblock();
    }

    /// Answers with a number or an error.
    pub(crate) fn answer(self, answer: Result<u64>) {
        self.write(|context| match answer {
            Ok(number) => context.reply_integer(number),
            Err(error) => context.reply_error(error),
        });
        self.end();
    }

    fn unblock(&mut self) {
        GONE.with_borrow_mut(|gone| gone.remove(&self.0));
        let unblock = api!(RedisModule_UnblockClient);
        // SAFETY: a blocked client that has not been unblocked yet, and will not be again.
        unsafe { unblock(self.0, ptr::null_mut()) };
        self.0 = ptr::null_mut();
    }
}

impl Drop for BlockedClient {
    fn drop(&mut self) {
        if !self.0.is_null() {
            self.write(|context| context.reply_error(Error::Internal));
            self.unblock();
        }
    }
}

unsafe extern "C" fn left(
    _context: *mut raw::RedisModuleCtx,
    client: *mut raw::RedisModuleBlockedClient,
) {
    let _ = guard::catch(|| {
        GONE.with_borrow_mut(|gone| gone.insert(client));
        Ok(())
    });
}
