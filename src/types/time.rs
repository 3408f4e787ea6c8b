//! Instants and spans of time in whole milliseconds. Nothing here reads a clock.

use borsh::{BorshDeserialize, BorshSerialize};

/// An instant: milliseconds since 1970-01-01T00:00:00Z, leap seconds not counted.
#[derive(
    Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, BorshSerialize, BorshDeserialize,
)]
pub struct Millis(pub i64);

/// A span of time in milliseconds.
#[derive(
    Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, BorshSerialize, BorshDeserialize,
)]
pub struct DurationMs(pub i64);

impl Millis {
    /// Earlier than every instant that an event can carry.
    pub const MIN: Millis = Millis(i64::MIN);
    /// Later than every instant that an event can carry; the deadline of a timer that is not armed.
    pub const MAX: Millis = Millis(i64::MAX);

    /// This instant moved on by `span`; saturates at the ends.
    #[inline]
    pub const fn plus(self, span: DurationMs) -> Millis {
        Millis(self.0.saturating_add(span.0))
    }

    /// This instant moved back by `span`; saturates at the ends.
    #[inline]
    pub const fn minus(self, span: DurationMs) -> Millis {
        Millis(self.0.saturating_sub(span.0))
    }

    /// The span from `earlier` to this instant; negative when `earlier` is the later one.
    #[inline]
    pub const fn since(self, earlier: Millis) -> DurationMs {
        DurationMs(self.0.saturating_sub(earlier.0))
    }
}

impl DurationMs {
    /// No time at all.
    pub const ZERO: DurationMs = DurationMs(0);

    /// A span of `n` seconds.
    pub const fn seconds(n: i64) -> DurationMs {
        DurationMs(n * 1_000)
    }

    /// A span of `n` days of 24 hours.
    pub const fn days(n: i64) -> DurationMs {
        DurationMs(n * 86_400_000)
    }
}
