//! The wall clock.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::runtime::Clock;
use crate::types::Millis;

/// The machine's clock.
#[derive(Copy, Clone, Debug, Default)]
pub struct WallClock;

impl Clock for WallClock {
    fn now(&mut self) -> Millis {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}
