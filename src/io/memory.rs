//! Memory from the system, ahead of its use. The first touch of memory is a page fault, and where the allocator asks for
//! large pages it is one of 2 MB: 0.2 ms to clear it, and where the system itself is a guest whose host has not given
//! that memory yet, 5 to 11 ms. A table that grows steps on one such page every some thousand events, and everything
//! that is due in the meantime waits.
//!
//! Two remedies. What was touched once is kept: nothing is given back to the system (`keep`). And what will be needed is
//! touched ahead by somebody else: at the start as much as is asked for (`touch`), or all the time, by a thread, so much
//! beyond what is in use (`Ahead`). The blocks that are touched are given back to the allocator, which hands them out
//! again; that only works after `keep`. No answer depends on any of it.

#![allow(unsafe_code)]

use std::ffi::{c_int, c_long};
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use libmimalloc_sys as _;

/// Bytes between two touches: the smallest page there is.
const PAGE: usize = 4 << 10;
/// Bytes of a block: with the allocator's 64 KB for itself one megabyte, so that blocks fill its chunks of 32 MB without a
/// rest. (Blocks of 8 MB left the last quarter of each chunk untouched, and the engine stepped on it.)
const BLOCK: usize = (1 << 20) - (64 << 10);
/// How long the thread rests.
const REST: Duration = Duration::from_millis(100);

// SAFETY: the signature is that of `mimalloc.h`.
unsafe extern "C" {
    /// mimalloc's own: sets one of its options.
    fn mi_option_set(option: c_int, value: c_long);
}

/// `mi_option_purge_delay` of mimalloc 2 and 3.
const PURGE_DELAY: c_int = 15;
/// Never.
const NEVER: c_long = -1;

/// From now on the allocator gives nothing back to the system.
pub fn keep() {
    // SAFETY: the function has this signature in `mimalloc.h`, may be called at any time, and the option is a number
    // that the allocator reads when it looks for what it could give back; every value has a meaning.
    unsafe { mi_option_set(PURGE_DELAY, NEVER) }
}

/// Makes sure that so many bytes more than are in use have been touched; takes as long as the system needs to give what
/// is missing.
pub fn touch(bytes: usize) {
    let blocks: Vec<Vec<u8>> = (0..bytes.div_ceil(BLOCK)).map(|_| touched()).collect();
    drop(black_box(blocks));
}

fn touched() -> Vec<u8> {
    let mut block = Vec::with_capacity(BLOCK);
    for page in block.spare_capacity_mut().chunks_mut(PAGE) {
        page[0].write(0);
    }
    block
}

/// A thread that keeps so many bytes ahead, until this is dropped.
pub struct Ahead {
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Ahead {
    /// Begins; the first `bytes` are touched when this returns.
    pub fn start(bytes: usize) -> Ahead {
        keep();
        touch(bytes);
        let over = Arc::new(AtomicBool::new(false));
        let life = {
            let over = over.clone();
            move || {
                while !over.load(Ordering::Relaxed) {
                    thread::park_timeout(REST);
                    touch(bytes);
                }
            }
        };
        let thread = thread::Builder::new().name("trunkline-memory".to_owned()).spawn(life);
        Ahead { over, thread: thread.ok() }
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // A thread that panicked has nothing to tell that the panic did not.
            drop(thread.join());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_touched_whole_and_the_thread_ends() {
        assert_eq!(touched().capacity(), BLOCK);
        let ahead = Ahead::start(3 * BLOCK);
        assert!(ahead.thread.as_ref().is_some_and(|thread| !thread.is_finished()));
        drop(ahead);
    }
}
