//! Strings of the server: the arguments of a command, and names of keys we make ourselves.

use std::ops::Deref;
use std::{ptr, slice};

use redis_module::raw;

/// An argument of a command. It is only ever seen behind a reference, which ends with the call.
#[repr(transparent)]
pub(crate) struct Arg(*mut raw::RedisModuleString);

impl Arg {
    /// The arguments of a command as the server passes them.
    ///
    /// # Safety
    /// `argv` must point to `argc` strings that outlive `'a`.
    pub(super) unsafe fn slice<'a>(
        argv: *mut *mut raw::RedisModuleString,
        argc: i32,
    ) -> &'a [Self] {
        // SAFETY: the caller's promise; `Arg` is a transparent wrapper of the pointer.
        unsafe { slice::from_raw_parts(argv.cast::<Self>(), usize::try_from(argc).unwrap_or(0)) }
    }

    pub(super) fn raw(&self) -> *mut raw::RedisModuleString {
        self.0
    }

    /// The bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: an `Arg` always holds a live string.
        unsafe { bytes(self.0) }
    }
}

impl AsRef<[u8]> for Arg {
    fn as_ref(&self) -> &[u8] {
        self.bytes()
    }
}

/// The bytes of a string.
///
/// # Safety
/// `string` must live for `'a` and not be changed.
pub(super) unsafe fn bytes<'a>(string: *const raw::RedisModuleString) -> &'a [u8] {
    let mut length = 0;
    let pointer_and_length = api!(RedisModule_StringPtrLen);
    // SAFETY: the caller's promise that the string is alive; `length` is ours.
    let start = unsafe { pointer_and_length(string, &mut length) };
    // SAFETY: the server answers a pointer to `length` bytes, which live as long as the string.
    unsafe { slice::from_raw_parts(start.cast(), length) }
}

/// A string that is ours.
pub(crate) struct Name(Arg);

impl Name {
    /// Copies `bytes` into a string.
    pub(crate) fn new(bytes: &[u8]) -> Self {
        let create = api!(RedisModule_CreateString);
        // SAFETY: pointer and length belong together; without a context the string is ours to free.
        Self(Arg(unsafe {
            create(ptr::null_mut(), bytes.as_ptr().cast(), bytes.len())
        }))
    }
}

impl Deref for Name {
    type Target = Arg;

    fn deref(&self) -> &Arg {
        &self.0
    }
}

impl Drop for Name {
    fn drop(&mut self) {
        let free = api!(RedisModule_FreeString);
        // SAFETY: the string is ours (`new`) and nothing outlives the borrow of `self`.
        unsafe { free(ptr::null_mut(), self.0.0) };
    }
}
