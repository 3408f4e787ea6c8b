//! Where an event stands in the log, and what a decision was caused by.

use crate::types::Millis;
use borsh::{BorshDeserialize, BorshSerialize};
use std::fmt;

/// Place of an event: partition (of a plain file: its number on the command line), offset (its line) and index
/// within the record, all from 0. Text form `partition:offset:index`.
#[derive(
    Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, BorshSerialize, BorshDeserialize,
)]
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
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug, Default, BorshSerialize, BorshDeserialize)]
pub struct TraceParent(pub [u8; 26]);

/// Characters of the text form.
pub const TRACE_PARENT_CHARS: usize = 55;

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
        let mut bytes = [0; 26];
        let mut wrong = 0;
        let mut read = |bytes: &mut [u8], text: &[u8]| {
            for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
                let (high, low) = (DIGITS[usize::from(pair[0])], DIGITS[usize::from(pair[1])]);
                wrong |= high | low;
                *byte = high << 4 | low;
            }
        };
        read(&mut bytes[..1], &text[..2]);
        read(&mut bytes[1..17], &text[3..35]);
        read(&mut bytes[17..25], &text[36..52]);
        read(&mut bytes[25..], &text[53..]);
        if wrong > 15 || [text[2], text[35], text[52]] != *b"---" {
            return TraceParent::NONE;
        }
        let empty = |range: std::ops::Range<usize>| bytes[range].iter().all(|b| *b == 0);
        if bytes[0] == 0xff || empty(1..17) || empty(17..25) { TraceParent::NONE } else { TraceParent(bytes) }
    }

    /// The text form.
    pub fn characters(&self) -> [u8; TRACE_PARENT_CHARS] {
        let mut text = [b'-'; TRACE_PARENT_CHARS];
        let mut write = |place: usize, bytes: &[u8]| {
            for (pair, byte) in text[place..].chunks_exact_mut(2).zip(bytes) {
                pair.copy_from_slice(&PAIRS[usize::from(*byte)]);
            }
        };
        write(0, &self.0[..1]);
        write(3, &self.0[1..17]);
        write(36, &self.0[17..25]);
        write(53, &self.0[25..]);
        text
    }
}

/// Value of a hexadecimal digit in lower case; 255 of every other byte.
static DIGITS: [u8; 256] = {
    let mut table = [255; 256];
    let mut value = 0;
    while value < 16 {
        table[HEX[value as usize] as usize] = value;
        value += 1;
    }
    table
};

/// The two digits of each byte.
static PAIRS: [[u8; 2]; 256] = {
    let mut table = [[0; 2]; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = [HEX[byte >> 4], HEX[byte & 15]];
        byte += 1;
    }
    table
};

const HEX: &[u8; 16] = b"0123456789abcdef";

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
