//! Where an event stands in the log, and what a decision was caused by.

use crate::types::Millis;
use std::fmt;

/// Place of an event: partition (of a plain file: its number on the command line), offset (its line) and index
/// within the record, all from 0. Text form `partition:offset:index`.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Position {
    /// Partition, or number of the file.
    pub partition: u32,
    /// Index of the event within its record (of newline-packed records: number of the line within the record).
    pub index: u32,
    /// Offset of the record, or number of the line.
    pub offset: u64,
}

/// What caused a decision: an input event, or a timer.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub enum Cause {
    /// The event at this position.
    Event(Position),
    /// A deadline.
    Timer,
}

/// The clock would move forward by more than the limit that was set: nothing from this event on was applied.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Jump {
    /// The event that would move it.
    pub position: Position,
    /// The clock before.
    pub from: Millis,
    /// What it would be.
    pub to: Millis,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.partition, self.offset, self.index)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cause::Event(position) => position.fmt(f),
            Cause::Timer => f.write_str("timer"),
        }
    }
}

/// A W3C trace context `traceparent` in binary: version, trace id (16), parent id (8), flags. All zero: none.
///
/// Only the 55-character lower-case form with a version other than `ff` and ids other than zero is carried; any
/// other text is passed over, as <https://www.w3.org/TR/trace-context/> asks.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct TraceParent(pub [u8; 26]);

/// Characters of the text form.
pub const TRACE_PARENT_CHARS: usize = 55;

/// By character: the value of a lower-case hexadecimal digit; 255 for any other.
const HEX_VALUES: [u8; 256] = {
    let mut values = [255; 256];
    let mut value = 0;
    while value < 16 {
        values[b"0123456789abcdef"[value as usize] as usize] = value;
        value += 1;
    }
    values
};

impl TraceParent {
    /// No trace.
    pub const NONE: TraceParent = TraceParent([0; 26]);

    /// Whether a trace is carried.
    #[inline]
    pub fn is_some(&self) -> bool {
        *self != TraceParent::NONE
    }

    /// Reads the text form; `NONE` for any other text.
    pub fn parse(text: &[u8]) -> TraceParent {
        let Ok(text) = <&[u8; TRACE_PARENT_CHARS]>::try_from(text) else { return TraceParent::NONE };
        if text[2] != b'-' || text[35] != b'-' || text[52] != b'-' {
            return TraceParent::NONE;
        }
        let mut bytes = [0; 26];
        let mut seen = 0;
        for (index, byte) in bytes.iter_mut().enumerate() {
            let place = 2 * index + usize::from(index >= 1) + usize::from(index >= 17) + usize::from(index >= 25);
            let (high, low) = (HEX_VALUES[usize::from(text[place])], HEX_VALUES[usize::from(text[place + 1])]);
            seen |= high | low;
            *byte = high << 4 | low & 15;
        }
        if seen > 15 {
            return TraceParent::NONE;
        }
        let empty = |range: std::ops::Range<usize>| bytes[range].iter().all(|b| *b == 0);
        if bytes[0] == 0xff || empty(1..17) || empty(17..25) { TraceParent::NONE } else { TraceParent(bytes) }
    }

    /// The text form.
    pub fn characters(&self) -> [u8; TRACE_PARENT_CHARS] {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let mut text = [b'-'; TRACE_PARENT_CHARS];
        let mut place = 0;
        for (index, byte) in self.0.iter().enumerate() {
            if matches!(index, 1 | 17 | 25) {
                place += 1;
            }
            text[place] = HEX[usize::from(byte >> 4)];
            text[place + 1] = HEX[usize::from(byte & 15)];
            place += 2;
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traceparent_and_back() {
        let text = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(&TraceParent::parse(text).characters(), text);
        for bad in [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
            "00-4BF92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00x4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert!(!TraceParent::parse(bad.as_bytes()).is_some(), "{bad}");
        }
    }
}
