//! What code may ask of the server while the server waits for it: replies, replication, events, flags, the clock.

use std::ffi::{CStr, CString, c_int, c_long};
use std::marker::PhantomData;

use lct_graph::{Millis, VisitOf};
use redis_module::raw;

use super::guard;
use super::string::{Arg, Name};
use crate::error::Error;

/// The server's context of one call into the module; it must not outlive the call, hence the lifetime.
#[derive(Clone, Copy)]
pub(crate) struct Context<'c> {
    raw: *mut raw::RedisModuleCtx,
    call: PhantomData<&'c ()>,
}

impl Context<'_> {
    /// # Safety
    /// `raw` must be the context the server passed to the running callback, and `'c` must end with it.
    pub(super) unsafe fn new(raw: *mut raw::RedisModuleCtx) -> Self {
        Self {
            raw,
            call: PhantomData,
        }
    }

    pub(super) fn raw(self) -> *mut raw::RedisModuleCtx {
        self.raw
    }

    fn flags(self) -> u32 {
        let flags = api!(RedisModule_GetContextFlags);
        // SAFETY: a context we were given.
        unsafe { flags(self.raw) }.cast_unsigned()
    }

    /// Whether this call must be obeyed whatever the clock and the settings say: it comes from the primary or from
    /// the append-only file, and has been checked when a client sent it.
    pub(crate) fn must_obey(self) -> bool {
        self.flags() & (raw::REDISMODULE_CTX_FLAGS_LOADING | raw::REDISMODULE_CTX_FLAGS_REPLICATED)
            != 0
    }

    /// Whether data is being loaded from disk or from the primary.
    pub(crate) fn is_loading(self) -> bool {
        self.flags()
            & (raw::REDISMODULE_CTX_FLAGS_LOADING | raw::REDISMODULE_CTX_FLAGS_ASYNC_LOADING)
            != 0
    }

    /// Whether the caller cannot wait for an answer: MULTI, a script, another module, loading.
    pub(crate) fn is_indivisible(self) -> bool {
        const INDIVISIBLE: u32 = raw::REDISMODULE_CTX_FLAGS_MULTI
            | raw::REDISMODULE_CTX_FLAGS_LUA
            | raw::REDISMODULE_CTX_FLAGS_DENY_BLOCKING
            | raw::REDISMODULE_CTX_FLAGS_LOADING;
        self.flags() & INDIVISIBLE != 0
    }

    /// Whether this process is the child that saves.
    pub(super) fn is_child(self) -> bool {
        self.flags() & raw::REDISMODULE_CTX_FLAGS_IS_CHILD != 0
    }

    /// Whether this server may change data on its own: a primary whose writes are not paused for a failover.
    pub(crate) fn may_write(self) -> bool {
        let avoid = api!(RedisModule_AvoidReplicaTraffic);
        // SAFETY: takes nothing.
        let paused = unsafe { avoid() } != 0;
        self.leads() && !paused
    }

    /// Whether this server is a primary, with all its data loaded.
    pub(crate) fn leads(self) -> bool {
        let flags = self.flags();
        flags & raw::REDISMODULE_CTX_FLAGS_MASTER != 0
            && flags & raw::REDISMODULE_CTX_FLAGS_LOADING == 0
    }

    /// Now, in epoch milliseconds.
    pub(crate) fn now(self) -> Millis {
        let milliseconds = api!(RedisModule_Milliseconds);
        // SAFETY: takes nothing.
        Millis::try_from(unsafe { milliseconds() }).unwrap_or(0)
    }

    /// The number of the selected database.
    pub(crate) fn database(self) -> i32 {
        let selected = api!(RedisModule_GetSelectedDb);
        // SAFETY: a context we were given.
        unsafe { selected(self.raw) }
    }

    /// Selects a database; false if there is none of this number.
    pub(crate) fn select(self, database: i32) -> bool {
        let select = api!(RedisModule_SelectDb);
        // SAFETY: a context we were given.
        unsafe { select(self.raw, database) == raw::REDISMODULE_OK as c_int }
    }

    /// Writes a line to the server's log; it must not name an id.
    pub(crate) fn warn(self, line: &str) {
        guard::log(c"warning", line);
    }
}

/// Replies, in the order they go out.
impl Context<'_> {
    /// A number.
    pub(crate) fn reply_integer(self, number: u64) {
        let reply = api!(RedisModule_ReplyWithLongLong);
        // SAFETY: a context we were given.
        unsafe { reply(self.raw, i64::try_from(number).unwrap_or(i64::MAX)) };
    }

    /// A string.
    pub(crate) fn reply_bytes(self, bytes: &[u8]) {
        let reply = api!(RedisModule_ReplyWithStringBuffer);
        // SAFETY: pointer and length belong together; the server copies.
        unsafe { reply(self.raw, bytes.as_ptr().cast(), bytes.len()) };
    }

    /// Nothing.
    pub(crate) fn reply_null(self) {
        let reply = api!(RedisModule_ReplyWithNull);
        // SAFETY: a context we were given.
        unsafe { reply(self.raw) };
    }

    /// `OK`.
    pub(crate) fn reply_ok(self) {
        let reply = api!(RedisModule_ReplyWithSimpleString);
        // SAFETY: a context we were given and a C string.
        unsafe { reply(self.raw, c"OK".as_ptr()) };
    }

    /// The head of an array; its `length` elements follow.
    pub(crate) fn reply_array(self, length: usize) {
        let reply = api!(RedisModule_ReplyWithArray);
        // SAFETY: a context we were given.
        unsafe { reply(self.raw, c_long::try_from(length).unwrap_or(c_long::MAX)) };
    }

    /// The head of a map (RESP2: of a flat array); its `pairs` of key and value follow.
    pub(crate) fn reply_map(self, pairs: usize) {
        let reply = api!(RedisModule_ReplyWithMap);
        // SAFETY: a context we were given.
        unsafe { reply(self.raw, c_long::try_from(pairs).unwrap_or(c_long::MAX)) };
    }

    /// A row of the other side's id, start and end.
    pub(crate) fn reply_visit(self, &(id, start, end): &VisitOf<'_>) {
        self.reply_array(3);
        self.reply_bytes(id);
        self.reply_integer(start);
        self.reply_integer(end);
    }

    /// An error.
    pub(crate) fn reply_error(self, error: Error) {
        if error == Error::WrongArity {
            let reply = api!(RedisModule_WrongArity);
            // SAFETY: a context we were given.
            unsafe { reply(self.raw) };
            return;
        }
        let line = CString::new(error.to_string()).unwrap_or_default(); // no error line holds a NUL
        let reply = api!(RedisModule_ReplyWithError);
        // SAFETY: a context we were given and a C string, which the server copies.
        unsafe { reply(self.raw, line.as_ptr()) };
    }
}

/// What others hear of a change: replicas and the append-only file, clients that watch a key, and subscribers.
impl Context<'_> {
    /// Replicates the running command as it was given.
    pub(crate) fn replicate_verbatim(self) {
        let replicate = api!(RedisModule_ReplicateVerbatim);
        // SAFETY: a context we were given.
        unsafe { replicate(self.raw) };
    }

    /// Replicates `command` with `arguments`.
    pub(crate) fn replicate(self, command: &CStr, arguments: &[impl AsRef<[u8]>]) {
        let names: Vec<Name> = arguments
            .iter()
            .map(|bytes| Name::new(bytes.as_ref()))
            .collect();
        let mut raw_names: Vec<_> = names.iter().map(|name| name.raw()).collect();
        let replicate = api!(RedisModule_Replicate);
        // SAFETY: the format "v" takes an array of strings and its length; the strings live until `names` goes.
        unsafe {
            replicate(
                self.raw,
                command.as_ptr(),
                c"v".as_ptr(),
                raw_names.as_mut_ptr(),
                raw_names.len(),
            )
        };
    }

    /// Publishes a message to the subscribers of this server and, in a cluster, of all its nodes. Not replicated.
    pub(crate) fn publish(self, channel: &Arg, message: &Arg) {
        let publish = api!(RedisModule_PublishMessage);
        // SAFETY: a context we were given and live strings.
        unsafe { publish(self.raw, channel.raw(), message.raw()) };
    }

    /// Tells clients that watch or cache `key` that it changed.
    pub(super) fn signal(self, key: &Arg) {
        let signal = api!(RedisModule_SignalModifiedKey);
        // SAFETY: a context we were given and a live string.
        unsafe { signal(self.raw, key.raw()) };
    }

    /// Publishes a keyspace event of the class `class`.
    pub(super) fn notify(self, class: c_int, event: &CStr, key: &Arg) {
        let notify = api!(RedisModule_NotifyKeyspaceEvent);
        // SAFETY: a context we were given, a C string and a live string.
        unsafe { notify(self.raw, class, event.as_ptr(), key.raw()) };
    }
}
