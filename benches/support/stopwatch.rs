//! Processor time of this thread. The machine is shared: time that the thread spent waiting for a core is not counted,
//! so a ratio of two figures of one run says something even on a busy machine. (Caches are still shared.)

use rustix::time::{ClockId, clock_gettime};

/// Nanoseconds that this thread has run.
pub fn thread_nanos() -> u64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// Nanoseconds that have passed since some instant, for whoever waits: time without the core counts as well.
pub fn wall_nanos() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// What `work` took and what it came to.
pub fn time<T>(work: impl FnOnce() -> T) -> (u64, T) {
    let begun = thread_nanos();
    let result = work();
    (thread_nanos() - begun, result)
}

/// Nanoseconds that all threads of this process have run.
pub fn process_nanos() -> u64 {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}
