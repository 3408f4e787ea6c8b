//! Calendars: open time in a zone.

use crate::types::{DurationMs, Millis};

/// A compiled calendar.
#[derive(Clone, Debug)]
pub struct Calendar {
    /// As in the rules.
    pub name: String,
}

impl Calendar {
    /// Open at all times.
    pub fn always(name: &str) -> Calendar {
        Calendar { name: name.to_owned() }
    }

    /// The least instant at which `span` of open time has passed since `start`. A calendar that is never open
    /// counts wall time.
    pub fn add(&self, start: Millis, span: DurationMs) -> Millis {
        start.plus(span)
    }

    /// Open time in `[from, to)`; 0 if `to <= from`. A calendar that is never open counts wall time.
    pub fn open_between(&self, from: Millis, to: Millis) -> DurationMs {
        to.since(from).max(DurationMs::ZERO)
    }

    /// Whether `at` lies in an interval; intervals hold their start, not their end.
    pub fn is_open(&self, at: Millis) -> bool {
        at >= Millis::MIN
    }

    /// Hour of the week of `at` in the calendar's zone: 0 = Monday 00:00 to 00:59, up to 167.
    pub fn hour_of_week(&self, at: Millis) -> u16 {
        ((at.0.div_euclid(3_600_000) + 72).rem_euclid(168)) as u16
    }
}
