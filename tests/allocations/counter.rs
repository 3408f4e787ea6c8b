//! An allocator that counts. It hands everything to the system's allocator and keeps, while a thread is watched, how
//! often that thread asked for memory and where the first few requests came from.
#![allow(unsafe_code, reason = "an allocator cannot be had without; only this test binary has it")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::backtrace::Backtrace;
use std::cell::{Cell, RefCell};

/// Requests whose origin is kept.
const ORIGINS_MAX: usize = 4_000;

thread_local! {
    static WATCHED: Cell<bool> = const { Cell::new(false) };
    static REQUESTS: Cell<u64> = const { Cell::new(0) };
    static ORIGINS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Counts requests of watched threads.
pub struct Counter;

// SAFETY: every call is handed on unchanged to the system's allocator, which fulfils the contract; what is done besides
// only touches thread-local cells. `note` may itself allocate: it stops watching before it does, so that it is not
// entered again, and it holds no borrow while memory is asked for on behalf of somebody else.
unsafe impl GlobalAlloc for Counter {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note();
        // SAFETY: the caller's promise about `layout` is handed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: `memory` came from `System` by one of the other methods, with this layout.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note();
        // SAFETY: `memory` came from `System` with this layout; the caller's promise about `size` is handed on.
        unsafe { System.realloc(memory, layout, size) }
    }
}

fn note() {
    // At the end of a thread its cells are gone; then nobody watches.
    if WATCHED.try_with(|watched| watched.replace(false)).unwrap_or(false) {
        REQUESTS.set(REQUESTS.get() + 1);
        let wanted = ORIGINS.with_borrow(|origins| origins.len() < ORIGINS_MAX);
        if wanted {
            let origin = Backtrace::force_capture().to_string();
            ORIGINS.with_borrow_mut(|origins| origins.push(origin));
        }
        WATCHED.set(true);
    }
}

/// Does the work and says how often this thread asked for memory meanwhile.
pub fn requests<T>(work: impl FnOnce() -> T) -> (u64, T) {
    let before = REQUESTS.get();
    WATCHED.set(true);
    let result = work();
    WATCHED.set(false);
    (REQUESTS.get() - before, result)
}

/// Where the requests came from, most frequent first: the first lines of this crate's own code in each backtrace.
pub fn origins() -> Vec<(usize, String)> {
    let origins = ORIGINS.with_borrow_mut(std::mem::take);
    let mut counts = std::collections::BTreeMap::<String, usize>::new();
    for origin in origins {
        let own =
            origin.lines().map(str::trim).filter(|line| line.starts_with("at ") && line.contains("/src/"));
        let own = own.filter(|line| {
            ["pipeline", "collections", "types", "rules"]
                .iter()
                .any(|part| line.contains(&format!("/src/{part}")))
        });
        let short = own.map(|line| line.rsplit_once("/src/").map_or(line, |(_, place)| place)).take(4);
        *counts.entry(short.collect::<Vec<_>>().join(" < ")).or_default() += 1;
    }
    let mut counts: Vec<(usize, String)> =
        counts.into_iter().map(|(origin, count)| (count, origin)).collect();
    counts.sort_by(|a, b| b.cmp(a));
    counts
}
