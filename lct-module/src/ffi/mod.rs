//! The boundary to the server: everything that calls its C API or is called by it.
//!
//! `unsafe` lives here and nowhere else. What leaves this module are safe types whose lifetimes end with the call
//! they were made for. Three facts hold all of it up:
//!
//! 1. The server fills its table of API functions before [`load`] goes on and never changes it again.
//! 2. It calls a module on its main thread only; the one exception is the type's `free`, which may run on a
//!    background thread and touches nothing but the value it is given.
//! 3. No panic may cross back into C: every function the server can call runs its body inside [`guard::catch`].

/// A function of the server's API that every supported server has.
macro_rules! api {
    ($name:ident) => {{
        // SAFETY: the table is written once, before any of our code but `load` runs.
        let function = unsafe { redis_module::raw::$name };
        function.expect(concat!(stringify!($name), " is missing from this server"))
    }};
}

/// A function of the server's API that older servers lack.
macro_rules! optional_api {
    ($name:ident) => {{
        // SAFETY: the table is written once, before any of our code but `load` runs.
        unsafe { redis_module::raw::$name }
    }};
}

#[cfg(not(test))]
mod alloc;
mod block;
mod command;
mod context;
mod data_type;
pub(crate) mod guard;
mod info;
mod key;
mod load;
mod scan;
mod server;
mod settings;
mod string;
mod timer;

pub(crate) use block::BlockedClient;
pub(crate) use command::Call;
pub(crate) use context::Context;
pub(crate) use info::InfoSection;
pub(crate) use key::{Key, Mode};
pub(crate) use scan::Cursor;
pub(crate) use server::{AofRewrite, random_bytes};
pub(crate) use string::{Arg, Name};
pub(crate) use timer::{Task, after};
