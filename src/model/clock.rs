//! The logical clock: the only time that the model knows. It never goes back, and nothing here reads a wall clock.

use crate::types::{DurationMs, Millis};

/// The clock of the last entry; none before the first event.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    last: Option<Millis>,
}

impl Clock {
    /// The present clock; before the first event the epoch, which is what a reject at the very start carries.
    pub fn time(&self) -> Millis {
        self.last.unwrap_or(Millis(0))
    }

    /// The clock of the next entry: `max(previous clock, min(recorded, now))`. `now` is absent in plain files.
    pub fn entry(&mut self, recorded: Millis, now: Option<Millis>) -> Millis {
        self.forward(now.map_or(recorded, |now| recorded.min(now)))
    }

    /// Moves on to `to`, or stays if that lies behind.
    pub fn forward(&mut self, to: Millis) -> Millis {
        let clock = self.last.map_or(to, |last| last.max(to));
        self.last = Some(clock);
        clock
    }
}

/// `arrived` of an event: its time, but never later than the clock and at most `max_late` before it.
pub fn arrived(time: Millis, clock: Millis, max_late: DurationMs) -> Millis {
    time.min(clock).max(clock.minus(max_late))
}
