//! A key of the keyspace, opened by name, and the graph in it.

use std::ffi::CStr;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, Ordering};

use redis_module::raw;

use super::context::Context;
use super::data_type;
use super::string::Arg;
use crate::errands;
use crate::error::{Error, Result};
use crate::value::Value;

/// Whether a key is open. One at a time is all a command needs, and what makes handing out `&mut Value` sound.
static OPEN: AtomicBool = AtomicBool::new(false);

/// What a key is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// A question.
    Read,
    /// A change.
    Write,
    /// Work of our own, which must not count as use of the key (LRU, LFU).
    Housekeeping,
}

/// An open key; closed when it goes.
pub(crate) struct Key<'c> {
    context: Context<'c>,
    name: &'c Arg,
    raw: *mut raw::RedisModuleKey, // null: no such key, opened for reading
    /// The value, once somebody has asked for it.
    found: Option<NonNull<Value>>,
}

impl<'c> Key<'c> {
    /// Opens `name` in the selected database.
    ///
    /// # Panics
    /// If another key is open.
    pub(crate) fn open(context: Context<'c>, name: &'c Arg, mode: Mode) -> Self {
        assert!(!OPEN.load(Ordering::Relaxed), "one key at a time");
        OPEN.store(true, Ordering::Relaxed);
        let flags = match mode {
            Mode::Read => raw::REDISMODULE_READ,
            Mode::Write => raw::REDISMODULE_READ | raw::REDISMODULE_WRITE,
            Mode::Housekeeping => {
                raw::REDISMODULE_READ | raw::REDISMODULE_WRITE | raw::REDISMODULE_OPEN_KEY_NOTOUCH
            }
        };
        let open = api!(RedisModule_OpenKey);
        // SAFETY: a context we were given and a live string.
        let raw = unsafe { open(context.raw(), name.raw(), flags.cast_signed()) };
        Self {
            context,
            name,
            raw,
            found: None,
        }
    }

    /// The value in this key, damaged or not; `None` if the key does not exist.
    ///
    /// # Errors
    /// [`Error::WrongType`] if the key holds something else.
    fn any_value(&mut self) -> Result<Option<&mut Value>> {
        if self.found.is_none() {
            if self.is_missing() {
                return Ok(None);
            }
            // SAFETY: an open key that exists.
            if !unsafe { data_type::is_graph(self.raw) } {
                return Err(Error::WrongType);
            }
            let value = api!(RedisModule_ModuleTypeGetValue);
            // SAFETY: an open key.
            self.found = NonNull::new(unsafe { value(self.raw) }.cast::<Value>());
        }
        // SAFETY: a value of our type is a `Box<Value>` given away by `create` or by the type's callbacks. Only one
        // key is open at a time and the borrow ends with it, so that nobody else sees the value meanwhile.
        Ok(self.found.map(|mut value| unsafe { value.as_mut() }))
    }

    /// The value in this key; `None` if the key does not exist.
    ///
    /// # Errors
    /// [`Error::WrongType`] if the key holds something else, [`Error::Damaged`] if a panic interrupted a change.
    pub(crate) fn value(&mut self) -> Result<Option<&mut Value>> {
        match self.any_value()? {
            Some(value) if value.is_damaged() => Err(Error::Damaged),
            value => Ok(value),
        }
    }

    /// The value in this key, which is created if it does not exist.
    ///
    /// # Errors
    /// As [`Self::value`].
    pub(crate) fn value_or_create(&mut self) -> Result<&mut Value> {
        if self.found.is_none() && self.is_missing() {
            let set = api!(RedisModule_ModuleTypeSetValue);
            let value = Box::into_raw(Box::new(Value::default()));
            // SAFETY: a key opened for writing; the type's `free` takes the box back. It cannot fail on such a key.
            unsafe { set(self.raw, data_type::handle(), value.cast()) };
        }
        Ok(self
            .value()?
            .expect("the key has just been made sure to exist"))
    }

    /// Ends a change: tells who listens (`event`), notes what it leaves to be done, and lets go of a graph that holds nothing
    /// any more.
    pub(crate) fn changed(self, event: &'static CStr) {
        self.end(Some(event));
    }

    /// The same after looking only.
    pub(crate) fn retire(self) {
        self.end(None);
    }

    fn end(mut self, event: Option<&'static CStr>) {
        let (context, name) = (self.context, self.name);
        let deleted = self.delete_if_empty();
        if !deleted && let Ok(Some(value)) = self.value() {
            errands::note(context, name.bytes(), value);
        }
        if event.is_some() || deleted {
            context.signal(name);
        }
        drop(self); // another module may hear of it and ask us about this very key
        if let Some(event) = event {
            context.notify(raw::REDISMODULE_NOTIFY_MODULE, event, name);
        }
        if deleted {
            context.notify(raw::REDISMODULE_NOTIFY_GENERIC, c"del", name);
        }
    }

    /// Deletes the key if its graph holds nothing, on the server that leads. It says so with a DEL: replicas and the
    /// append-only file follow that and never decide for themselves, because how far a purge in slices has got
    /// differs from server to server.
    fn delete_if_empty(&mut self) -> bool {
        let empty = matches!(self.value(), Ok(Some(value)) if value.is_retired());
        if !empty || !self.context.may_write() {
            return false;
        }
        self.found = None;
        let delete = api!(RedisModule_DeleteKey);
        // SAFETY: a key opened for writing; no borrow of its value is alive.
        unsafe { delete(self.raw) };
        self.context.replicate(c"DEL", &[self.name.bytes()]);
        true
    }

    /// The key's name.
    pub(crate) fn name(&self) -> &'c Arg {
        self.name
    }

    fn is_missing(&self) -> bool {
        if self.raw.is_null() {
            return true;
        }
        let kind = api!(RedisModule_KeyType);
        // SAFETY: an open key.
        let kind = unsafe { kind(self.raw) };
        i64::from(kind) == raw::REDISMODULE_KEYTYPE_EMPTY as i64
    }
}

impl Drop for Key<'_> {
    fn drop(&mut self) {
        let close = api!(RedisModule_CloseKey);
        // SAFETY: opened by `open`, closed once; the server accepts a null.
        unsafe { close(self.raw) };
        OPEN.store(false, Ordering::Relaxed);
    }
}
