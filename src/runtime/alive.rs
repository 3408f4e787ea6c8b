//! How long an instance has followed or led: for what is done from time to time. By the clock's steps forward, so that
//! nothing waits while a clock that was ahead is right again. No decision depends on it.

use crate::types::{DurationMs, Millis};

/// How long something has been, by the steps forward of its clock.
#[derive(Copy, Clone, Debug)]
pub(super) struct Alive {
    time: Millis,
    /// The clock when it was last looked at.
    wall: Option<Millis>,
}

impl Default for Alive {
    fn default() -> Alive {
        Alive { time: Millis(0), wall: None }
    }
}

impl Alive {
    pub(super) fn look(&mut self, wall: Millis) {
        let gone = self.wall.map_or(DurationMs::ZERO, |before| wall.since(before).max(DurationMs::ZERO));
        (self.time, self.wall) = (self.time.plus(gone), Some(wall));
    }

    pub(super) fn for_how_long(&self) -> Millis {
        self.time
    }
}
