//! The wall clock.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::runtime::Clock;
use crate::types::Millis;

/// The machine's clock.
#[derive(Copy, Clone, Debug, Default)]
pub struct WallClock;

impl Clock for WallClock {
    fn now(&mut self) -> Millis {
        Millis(i64::try_from(since_1970().as_millis()).unwrap_or(i64::MAX))
    }

    fn now_nanos(&mut self) -> u64 {
        u64::try_from(since_1970().as_nanos()).unwrap_or(u64::MAX)
    }
}

fn since_1970() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
