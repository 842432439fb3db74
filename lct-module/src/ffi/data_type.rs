//! The native type `lct-graph`: its callbacks. They only carry bytes and boxes; what a graph is, the graph knows.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::marker::PhantomData;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

use redis_module::raw;

use super::context::Context;
use super::guard::catch;
use super::server;
use crate::error::Error;
use crate::value::Value;
use crate::{erasure, retention};

/// The name in every RDB file, for ever.
const NAME: &CStr = c"lct-graph";
/// The version of how strings are laid out in an RDB file. What is in them carries a version of its own.
const ENCODING: c_int = 0;

static TYPE: AtomicPtr<raw::RedisModuleType> = AtomicPtr::new(ptr::null_mut());

/// The type, as the server knows it.
pub(super) fn handle() -> *mut raw::RedisModuleType {
    TYPE.load(Ordering::Relaxed)
}

/// Whether an open key holds a graph.
///
/// # Safety
/// `key` must be an open key that exists.
pub(super) unsafe fn is_graph(key: *mut raw::RedisModuleKey) -> bool {
    let kind = api!(RedisModule_ModuleTypeGetType);
    // SAFETY: the caller's promise; the server answers null for other types.
    unsafe { kind(key) == handle() }
}

/// Registers the type; false if the server refuses.
pub(super) fn register(context: Context<'_>) -> bool {
    let mut methods = raw::RedisModuleTypeMethods {
        version: u64::from(raw::REDISMODULE_TYPE_METHOD_VERSION),
        rdb_load: Some(rdb_load),
        rdb_save: Some(rdb_save),
        aof_rewrite: Some(aof_rewrite),
        free: Some(free),
        digest: Some(digest),
        defrag: Some(defrag),
        mem_usage2: Some(mem_usage),
        free_effort2: Some(free_effort),
        unlink2: Some(unlink),
        copy2: Some(copy),
        mem_usage: None,
        free_effort: None,
        unlink: None,
        copy: None,
        aux_load: None,
        aux_save: None,
        aux_save2: None,
        aux_save_triggers: 0,
    };
    let create = api!(RedisModule_CreateDataType);
    // SAFETY: a context we were given, a name of nine characters, and a table the server copies.
    let created = unsafe { create(context.raw(), NAME.as_ptr(), ENCODING, &mut methods) };
    TYPE.store(created, Ordering::Relaxed);
    !created.is_null()
}

/// The value behind a pointer the server keeps for us.
///
/// # Safety
/// `value` must come from the server as the value of a graph's key, and nobody may change it during `'a`.
unsafe fn value_of<'a>(value: *const c_void) -> &'a Value {
    // SAFETY: every value of our type is a `Box<Value>` given to the server.
    unsafe { &*value.cast::<Value>() }
}

/// Reads strings up to an empty one, each a part of the graph. Whatever they hold, the worst is an error.
unsafe extern "C" fn rdb_load(io: *mut raw::RedisModuleIO, encoding: c_int) -> *mut c_void {
    // SAFETY: the server's context of this call.
    let io = unsafe { Io::new(io) };
    let load = || {
        if encoding != ENCODING {
            return Err(Error::Snapshot("written by a newer version of this module"));
        }
        let mut value = Value::default();
        value.load_all(std::iter::from_fn(|| match io.read() {
            None => Some(Err(Error::Snapshot("cut short"))),
            Some(part) if part.as_ref().is_empty() => None,
            Some(part) => Some(Ok(part)),
        }))?;
        retention::look_round(); // it may hold errands, and RESTORE tells nobody else
        Ok(Box::into_raw(Box::new(value)).cast())
    };
    catch(load).unwrap_or_else(|error| {
        io.log(&format!("a graph could not be read: {error}"));
        ptr::null_mut()
    })
}

unsafe extern "C" fn rdb_save(io: *mut raw::RedisModuleIO, value: *mut c_void) {
    // SAFETY: the server's context of this call.
    let io = unsafe { Io::new(io) };
    // SAFETY: the server's value; nothing else runs in this process meanwhile.
    let value = unsafe { value_of(value) };
    let saved = catch(|| {
        value.parts()?.for_each(|part| io.write(&part));
        Ok(())
    });
    if saved.is_err() {
        refuse_to_save(&io);
        io.write(b"damaged"); // no part: whoever restores this payload is refused
    }
    io.write(b"");
}

unsafe extern "C" fn aof_rewrite(
    io: *mut raw::RedisModuleIO,
    key: *mut raw::RedisModuleString,
    value: *mut c_void,
) {
    // SAFETY: the server's context of this call.
    let io = unsafe { Io::new(io) };
    // SAFETY: the server's value; nothing else runs in this process meanwhile.
    let value = unsafe { value_of(value) };
    let saved = catch(|| {
        // SAFETY: the server's string, alive during this call.
        value
            .parts()?
            .for_each(|part| unsafe { io.emit_load(key, &part) });
        Ok(())
    });
    if saved.is_err() {
        refuse_to_save(&io);
    }
}

unsafe extern "C" fn free(value: *mut c_void) {
    // May run on a background thread. A panic here (of a damaged graph) costs the memory, nothing else.
    let _ = catch(|| {
        // SAFETY: every value of our type is a `Box<Value>` given to the server, which gives it back once.
        drop(unsafe { Box::from_raw(value.cast::<Value>()) });
        Ok(())
    });
}

unsafe extern "C" fn mem_usage(
    _context: *mut raw::RedisModuleKeyOptCtx,
    value: *const c_void,
    _sample_size: usize,
) -> usize {
    // SAFETY: the server's value, alive during this call.
    let value = unsafe { value_of(value) };
    catch(|| Ok(value.memory())).unwrap_or(0)
}

unsafe extern "C" fn free_effort(
    _context: *mut raw::RedisModuleKeyOptCtx,
    value: *const c_void,
) -> usize {
    // SAFETY: the server's value, alive during this call.
    let value = unsafe { value_of(value) };
    catch(|| Ok(value.blocks())).unwrap_or(1)
}

/// A graph was deleted, overwritten or has expired: its ids should leave the disk too.
unsafe extern "C" fn unlink(_context: *mut raw::RedisModuleKeyOptCtx, _value: *const c_void) {
    let _ = catch(|| {
        erasure::something_removed();
        Ok(())
    });
}

unsafe extern "C" fn copy(
    _context: *mut raw::RedisModuleKeyOptCtx,
    value: *const c_void,
) -> *mut c_void {
    // SAFETY: the server's value, alive during this call.
    let value = unsafe { value_of(value) };
    let duplicate = || {
        let duplicate = value.duplicate()?;
        retention::look_round(); // it may hold errands
        Ok(Box::into_raw(Box::new(duplicate)).cast())
    };
    catch(duplicate).unwrap_or(ptr::null_mut())
}

unsafe extern "C" fn digest(digest: *mut raw::RedisModuleDigest, value: *mut c_void) {
    // SAFETY: the server's value, alive during this call.
    let value = unsafe { value_of(value) };
    let content = catch(|| value.digest()).unwrap_or_default();
    let add = api!(RedisModule_DigestAddStringBuffer);
    // SAFETY: the server's digest; pointer and length belong together.
    unsafe { add(digest, content.as_ptr().cast(), content.len()) };
    let end = api!(RedisModule_DigestEndSequence);
    // SAFETY: the server's digest.
    unsafe { end(digest) };
}

/// Moves the value's own block. What the graph owns stays where it is: moving the blocks of its collections would
/// need their raw parts, and the graph is plain safe Rust.
unsafe extern "C" fn defrag(
    context: *mut raw::RedisModuleDefragCtx,
    _key: *mut raw::RedisModuleString,
    value: *mut *mut c_void,
) -> c_int {
    let alloc = api!(RedisModule_DefragAlloc);
    // SAFETY: the server passes the place where it keeps our pointer.
    let old = unsafe { *value };
    // SAFETY: the block of a `Box<Value>`. A `Value` does not point into itself, so that a bytewise move is a move.
    let new = unsafe { alloc(context, old) };
    if !new.is_null() {
        // SAFETY: the server passes the place where it keeps our pointer.
        unsafe { *value = new };
    }
    0 // done
}

/// A snapshot, an append-only file or a payload of DUMP that is being written or read.
struct Io<'c> {
    raw: *mut raw::RedisModuleIO,
    call: PhantomData<&'c ()>,
}

impl Io<'_> {
    /// # Safety
    /// `raw` must be what the server passed to the running callback, and `'c` must end with it.
    unsafe fn new(raw: *mut raw::RedisModuleIO) -> Self {
        Self {
            raw,
            call: PhantomData,
        }
    }

    fn write(&self, string: &[u8]) {
        let save = api!(RedisModule_SaveStringBuffer);
        // SAFETY: the server's context of this call; pointer and length belong together.
        unsafe { save(self.raw, string.as_ptr().cast(), string.len()) };
    }

    /// The next string; `None` if there is none.
    fn read(&self) -> Option<SavedString> {
        let mut length = 0;
        let load = api!(RedisModule_LoadStringBuffer);
        // SAFETY: the server's context of this call; `length` is ours.
        let start = unsafe { load(self.raw, &mut length) };
        (!start.is_null()).then_some(SavedString { start, length })
    }

    /// Writes `LCT.LOAD key part` to an append-only file.
    ///
    /// # Safety
    /// `key` must be a live string.
    unsafe fn emit_load(&self, key: *mut raw::RedisModuleString, part: &[u8]) {
        let emit = api!(RedisModule_EmitAOF);
        let (command, format) = (c"LCT.LOAD".as_ptr(), c"sb".as_ptr());
        let start = part.as_ptr().cast::<c_char>();
        // SAFETY: the format "sb" takes a string, then a pointer and a length.
        unsafe { emit(self.raw, command, format, key, start, part.len()) };
    }

    /// Writes a line to the server's log; it must not name an id.
    fn log(&self, line: &str) {
        let Ok(line) = CString::new(line) else { return };
        let log = api!(RedisModule_LogIOError);
        // SAFETY: the server's context of this call. The format is ours and takes one C string, so that nothing in
        // `line` is read as a format.
        unsafe { log(self.raw, c"warning".as_ptr(), c"%s".as_ptr(), line.as_ptr()) };
    }

    /// Whether this is the child that saves.
    fn is_in_child(&self) -> bool {
        let context = api!(RedisModule_GetContextFromIO);
        // SAFETY: the server's context of this call.
        let context = unsafe { context(self.raw) };
        // SAFETY: a context the server made for this call.
        unsafe { Context::new(context) }.is_child()
    }
}

/// A string that was read; it is ours.
struct SavedString {
    start: *mut c_char,
    length: usize,
}

impl AsRef<[u8]> for SavedString {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: the server answered a pointer to `length` bytes, which are ours.
        unsafe { std::slice::from_raw_parts(self.start.cast(), self.length) }
    }
}

impl Drop for SavedString {
    fn drop(&mut self) {
        let free = api!(RedisModule_Free);
        // SAFETY: the server left the block to us.
        unsafe { free(self.start.cast()) };
    }
}

/// Whether this process is writing a snapshot in the foreground (SAVE, SHUTDOWN, DEBUG RELOAD).
static SAVING: AtomicBool = AtomicBool::new(false);

/// Keeps doubtful data from replacing good data: the process that writes a whole snapshot or append-only file ends,
/// and the server keeps the file it has. Usually that is a forked child. With SAVE and SHUTDOWN it is the server
/// itself, which comes back with what was last written, as after a crash. Returns where only this one value is being
/// written (DUMP, MIGRATE).
fn refuse_to_save(io: &Io<'_>) {
    if io.is_in_child() || SAVING.load(Ordering::Relaxed) {
        io.log("a damaged graph is not saved, the last good file stays; restart the server");
        server::die();
    }
}

/// Learns when this process writes a snapshot in the foreground, and when databases are emptied.
pub(super) fn watch_events(context: Context<'_>) {
    watch(context, raw::REDISMODULE_EVENT_PERSISTENCE, snapshot_event);
    watch(context, raw::REDISMODULE_EVENT_FLUSHDB, flush_event);
}

fn watch(
    context: Context<'_>,
    id: u64,
    event: unsafe extern "C" fn(*mut raw::RedisModuleCtx, raw::RedisModuleEvent, u64, *mut c_void),
) {
    let subscribe = api!(RedisModule_SubscribeToServerEvent);
    let kind = raw::RedisModuleEvent { id, dataver: 1 };
    // SAFETY: a context we were given and a function that lives as long as the module.
    unsafe { subscribe(context.raw(), kind, Some(event)) };
}

/// FLUSHALL or FLUSHDB: graphs may be among what goes, and `unlink` is not called for it.
unsafe extern "C" fn flush_event(
    _context: *mut raw::RedisModuleCtx,
    _event: raw::RedisModuleEvent,
    what: u64,
    _data: *mut c_void,
) {
    if what == raw::REDISMODULE_SUBEVENT_FLUSHDB_START {
        let _ = catch(|| {
            erasure::something_removed();
            Ok(())
        });
    }
}

unsafe extern "C" fn snapshot_event(
    _context: *mut raw::RedisModuleCtx,
    _event: raw::RedisModuleEvent,
    what: u64,
    _data: *mut c_void,
) {
    let in_foreground = matches!(
        what,
        raw::REDISMODULE_SUBEVENT_PERSISTENCE_SYNC_RDB_START
            | raw::REDISMODULE_SUBEVENT_PERSISTENCE_SYNC_AOF_START
    );
    SAVING.store(in_foreground, Ordering::Relaxed);
}
