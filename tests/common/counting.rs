//! An allocator that counts the allocations of each thread. A program that has this module uses it.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

struct Counting;

thread_local! {
    /// How many allocations this thread has made.
    pub static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
    /// How many bytes this thread has allocated and not freed, unless another thread frees them.
    pub static BYTES: Cell<usize> = const { Cell::new(0) };
    /// The most that `BYTES` has been, since it was last set.
    pub static PEAK: Cell<usize> = const { Cell::new(0) };
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocated(size: usize) {
    let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
    let bytes = BYTES.try_with(|bytes| bytes.replace(bytes.get().wrapping_add(size)).wrapping_add(size));
    let _ = PEAK.try_with(|peak| peak.set(peak.get().max(bytes.unwrap_or(0))));
}

fn freed(size: usize) {
    let _ = BYTES.try_with(|bytes| bytes.set(bytes.get().wrapping_sub(size)));
}

// SAFETY: each call is passed on to `System` as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        allocated(layout.size());
        // SAFETY: the caller keeps the promises that `System` asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        freed(layout.size());
        // SAFETY: the caller keeps the promises that `System` asks for.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        freed(layout.size());
        allocated(size);
        // SAFETY: the caller keeps the promises that `System` asks for.
        unsafe { System.realloc(pointer, layout, size) }
    }
}
