//! The global allocator: the server's own, so that `used_memory`, `maxmemory` and `deny-oom` see what graphs hold.
//!
//! Not compiled into unit tests, which run without a server.

use std::alloc::{GlobalAlloc, Layout};
use std::ptr;

#[global_allocator]
static ALLOCATOR: ServerAllocator = ServerAllocator;

/// What every server aligns blocks to. Not 16: the jemalloc that Redis brings along is built to align to 8 only, while
/// the hash tables of the graph read 16 bytes at a time.
const ALIGNED: usize = 8;

struct ServerAllocator;

// SAFETY: blocks come from the server's malloc, which hands out each block once and keeps it until it is freed, and
// have the size and the alignment of their layout. Where the table of functions is still empty there is no memory.
unsafe impl GlobalAlloc for ServerAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let Some(alloc) = optional_api!(RedisModule_Alloc) else {
            return ptr::null_mut();
        };
        // SAFETY: malloc takes any size.
        let block = unsafe { alloc(size_with_room(layout)) };
        // SAFETY: a fresh block of that size.
        unsafe { aligned(block.cast(), layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        let Some(calloc) = optional_api!(RedisModule_Calloc) else {
            return ptr::null_mut();
        };
        // SAFETY: calloc takes any size. It is worth asking: fresh pages come zeroed from the kernel.
        let block = unsafe { calloc(1, size_with_room(layout)) };
        // SAFETY: a fresh block of that size.
        unsafe { aligned(block.cast(), layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        if layout.align() > ALIGNED {
            // SAFETY: the caller's promise, which is that of `realloc`.
            return unsafe { realloc_aligned(block, layout, new_size) };
        }
        let Some(realloc) = optional_api!(RedisModule_Realloc) else {
            return ptr::null_mut();
        };
        // SAFETY: `block` is as the server gave it, because `aligned` changed nothing.
        unsafe { realloc(block.cast(), new_size) }.cast()
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let Some(free) = optional_api!(RedisModule_Free) else {
            return;
        };
        let given = if layout.align() > ALIGNED {
            // SAFETY: `aligned` left it there.
            unsafe { *given(block) }
        } else {
            block
        };
        // SAFETY: as the server gave it, freed once.
        unsafe { free(given.cast()) };
    }
}

/// The size to ask the server for: with room to move the block and to note where it began, if it must be moved.
const fn size_with_room(layout: Layout) -> usize {
    if layout.align() > ALIGNED {
        layout.size() + layout.align()
    } else {
        layout.size()
    }
}

/// Moves the start of a fresh block to where `layout` wants it.
///
/// # Safety
/// `block` must be null or of [`size_with_room`].
unsafe fn aligned(block: *mut u8, layout: Layout) -> *mut u8 {
    if layout.align() <= ALIGNED || block.is_null() {
        return block;
    }
    // A multiple of 8 from 8 to the alignment, for which there is room.
    let offset = layout.align() - block.addr() % layout.align();
    // SAFETY: inside the block.
    let start = unsafe { block.add(offset) };
    // SAFETY: the 8 bytes before `start` belong to the block and to nobody else.
    unsafe { *given(start) = block };
    start
}

/// Where [`aligned`] noted what the server gave.
fn given(start: *mut u8) -> *mut *mut u8 {
    start.cast::<*mut u8>().wrapping_sub(1)
}

/// # Safety
/// As [`GlobalAlloc::realloc`].
unsafe fn realloc_aligned(block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
    // SAFETY: the caller promises that the new size makes a layout.
    let new_layout = unsafe { Layout::from_size_align_unchecked(new_size, layout.align()) };
    // SAFETY: the caller promises that it is not empty.
    let new_block = unsafe { ALLOCATOR.alloc(new_layout) };
    if !new_block.is_null() {
        // SAFETY: two blocks, neither shorter than what is copied.
        unsafe { ptr::copy_nonoverlapping(block, new_block, layout.size().min(new_size)) };
        // SAFETY: the caller's block, which it gives up.
        unsafe { ALLOCATOR.dealloc(block, layout) };
    }
    new_block
}
