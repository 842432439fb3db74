//! Walking over the keys of a database, a few at a time.

use std::ffi::c_void;

use redis_module::raw;

use super::context::Context;
use super::string::bytes;
use super::{data_type, guard};

/// Where a walk stands. Keys that exist from its beginning to its end are met at least once.
pub(crate) struct Cursor(*mut raw::RedisModuleScanCursor);

impl Cursor {
    /// A walk from the beginning.
    pub(crate) fn new() -> Self {
        let create = api!(RedisModule_ScanCursorCreate);
        // SAFETY: takes nothing.
        Self(unsafe { create() })
    }

    /// Takes a step in the selected database and adds the names of the graphs it met to `graphs`; false at the end.
    pub(crate) fn step(&mut self, context: Context<'_>, graphs: &mut Vec<Vec<u8>>) -> bool {
        let scan = api!(RedisModule_Scan);
        let graphs: *mut Vec<Vec<u8>> = graphs;
        // SAFETY: a context we were given and our own cursor; `met` gets `graphs` back and only during this call.
        unsafe { scan(context.raw(), self.0, Some(met), graphs.cast()) != 0 }
    }
}

impl Drop for Cursor {
    fn drop(&mut self) {
        let destroy = api!(RedisModule_ScanCursorDestroy);
        // SAFETY: created by `new`, destroyed once.
        unsafe { destroy(self.0) };
    }
}

unsafe extern "C" fn met(
    _context: *mut raw::RedisModuleCtx,
    name: *mut raw::RedisModuleString,
    key: *mut raw::RedisModuleKey,
    graphs: *mut c_void,
) {
    let _ = guard::catch(|| {
        // SAFETY: the server opened the key for this call.
        if !key.is_null() && unsafe { data_type::is_graph(key) } {
            // SAFETY: `step` passes its list along, borrowed for the whole call.
            let graphs = unsafe { &mut *graphs.cast::<Vec<Vec<u8>>>() };
            // SAFETY: the server's string, alive during this call.
            graphs.push(unsafe { bytes(name) }.to_vec());
        }
        Ok(())
    });
}
