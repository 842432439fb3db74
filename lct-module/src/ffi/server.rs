//! Services of the server beyond keys: its append-only file, random bytes.

use std::ffi::{CStr, c_int};
use std::{fs, process};

use redis_module::raw;

use super::context::Context;

/// What the append-only file is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AofRewrite {
    /// There is no append-only file.
    Off,
    /// A rewrite, or a snapshot it would have to wait for, is running or scheduled.
    Busy,
    /// Nothing; `failed` says how the last rewrite ended.
    Idle {
        /// The last rewrite failed.
        failed: bool,
    },
}

impl AofRewrite {
    /// Asks the server.
    pub(crate) fn state(context: Context<'_>) -> Self {
        let info = Persistence::read(context);
        let is_set = |field| info.field(field) == b"1";
        if !is_set(c"aof_enabled") {
            return Self::Off;
        }
        let busy = [
            c"aof_rewrite_in_progress",
            c"aof_rewrite_scheduled",
            c"rdb_bgsave_in_progress",
        ];
        if busy.into_iter().any(is_set) {
            return Self::Busy;
        }
        Self::Idle {
            failed: info.field(c"aof_last_bgrewrite_status") != b"ok",
        }
    }

    /// Asks for one; false if the server refuses.
    pub(crate) fn start(context: Context<'_>) -> bool {
        let call = api!(RedisModule_Call);
        // SAFETY: a context we were given; the empty format takes no arguments.
        let reply = unsafe { call(context.raw(), c"BGREWRITEAOF".as_ptr(), c"".as_ptr()) };
        if reply.is_null() {
            return false;
        }
        let kind = api!(RedisModule_CallReplyType);
        // SAFETY: a reply that is ours.
        let refused = unsafe { kind(reply) } == raw::REDISMODULE_REPLY_ERROR as c_int;
        let free = api!(RedisModule_FreeCallReply);
        // SAFETY: a reply that is ours, freed once.
        unsafe { free(reply) };
        !refused
    }
}

/// The section `persistence` of the server's INFO.
struct Persistence<'c> {
    context: Context<'c>,
    raw: *mut raw::RedisModuleServerInfoData,
}

impl<'c> Persistence<'c> {
    fn read(context: Context<'c>) -> Self {
        let read = api!(RedisModule_GetServerInfo);
        // SAFETY: a context we were given and a C string.
        let raw = unsafe { read(context.raw(), c"persistence".as_ptr()) };
        Self { context, raw }
    }

    /// A field's text, empty if there is none of this name.
    fn field(&self, name: &CStr) -> &[u8] {
        let field = api!(RedisModule_ServerInfoGetFieldC);
        // SAFETY: our own data and a C string.
        let text = unsafe { field(self.raw, name.as_ptr()) };
        if text.is_null() {
            return b"";
        }
        // SAFETY: a C string inside our own data.
        unsafe { CStr::from_ptr(text) }.to_bytes()
    }
}

impl Drop for Persistence<'_> {
    fn drop(&mut self) {
        let free = api!(RedisModule_FreeServerInfo);
        // SAFETY: read by `read`, freed once.
        unsafe { free(self.context.raw(), self.raw) };
    }
}

/// Bytes nobody can guess.
pub(crate) fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    let fill = api!(RedisModule_GetRandomBytes);
    // SAFETY: pointer and length belong together.
    unsafe { fill(bytes.as_mut_ptr(), N) };
    bytes
}

unsafe extern "C" {
    /// Sends this process a signal.
    safe fn raise(signal: c_int) -> c_int;
}

/// Ends this process at once, as a crash would: what is on disk stays as it is, but for the snapshot half written,
/// which would keep ids for ever. By a signal, so that the server cleans up after its child as after one killed.
pub(super) fn die() -> ! {
    const SIGKILL: c_int = 9;
    let _ = fs::remove_file(format!("temp-{}.rdb", process::id())); // what the server calls it; it may not exist
    raise(SIGKILL);
    unreachable!("nothing survives this signal");
}
