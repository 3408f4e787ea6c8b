//! What the machine says of itself and of this process: for reports only, never for a decision. Read from `/proc`;
//! elsewhere the readings are absent.

use std::fs;
use std::time::{Duration, Instant};

/// Ticks a second of the times in `/proc/self/stat`: fixed for programs on Linux (`USER_HZ`).
const TICKS_PER_SECOND: u64 = 100;

/// A clock that only goes forward; counts from its making.
#[derive(Copy, Clone, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts at 0.
    pub fn start() -> Stopwatch {
        Stopwatch(Instant::now())
    }

    /// Time since the start.
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    /// Nanoseconds since the start.
    pub fn nanos(&self) -> u64 {
        u64::try_from(self.0.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// Waits until so many nanoseconds have passed since the start.
    pub fn wait_until(&self, nanos: u64) {
        let left = nanos.saturating_sub(self.nanos());
        if left > 0 {
            std::thread::sleep(Duration::from_nanos(left));
        }
    }
}

/// Most memory that this process ever held, in bytes.
pub fn peak_rss_bytes() -> Option<u64> {
    status_bytes("VmHWM:")
}

/// Memory that this process holds, in bytes.
pub fn rss_bytes() -> Option<u64> {
    status_bytes("VmRSS:")
}

fn status_bytes(key: &str) -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(key))?;
    let kilobytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kilobytes * 1_024)
}

/// Processor time of this process so far, all threads, user and system.
pub fn cpu_time() -> Option<Duration> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The second field is the program's name in parentheses and may hold anything.
    let after_name = &stat[stat.rfind(')')? + 1..];
    let mut fields = after_name.split_whitespace().skip(11);
    let mut next = || fields.next()?.parse::<u64>().ok();
    let ticks = next()? + next()?;
    Some(Duration::from_millis(ticks * 1_000 / TICKS_PER_SECOND))
}

/// Threads that run at once here; 1 if the system does not say.
pub fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Binds the calling thread to a core of its own, by number; one that the system refuses stays unbound.
pub fn pin(number: usize) {
    let cores = core_affinity::get_core_ids().unwrap_or_default();
    if !cores.is_empty() {
        core_affinity::set_for_current(cores[number % cores.len()]);
    }
}

/// Processor, number of threads that run at once, memory and system, in a line.
pub fn description() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let value = |text: &str, key: &str| {
        let line = text.lines().find(|line| line.starts_with(key));
        line.and_then(|line| line.split_once(':')).map(|(_, value)| value.trim().to_owned())
    };
    let processor =
        value(&read("/proc/cpuinfo"), "model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    let threads = threads();
    let memory = value(&read("/proc/meminfo"), "MemTotal");
    let gib = memory.and_then(|text| text.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) >> 20;
    let release = read("/proc/sys/kernel/osrelease");
    format!("{processor}, {threads} threads, {gib} GiB, {} {}", std::env::consts::OS, release.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readings_of_this_process() {
        if !cfg!(target_os = "linux") {
            eprintln!("skipped: there is no /proc here");
            return;
        }
        let held = vec![1_u8; 8 << 20];
        assert!(peak_rss_bytes().expect("a reading") > held.len() as u64);
        assert!(cpu_time().is_some());
        assert!(description().contains("threads"));
    }
}
