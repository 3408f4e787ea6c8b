//! Records as they come from a log: bytes with a position, before anything is known of the events in them.

use crate::types::{EventType, Millis};

/// One record of a partition, or one line of a plain file.
#[derive(Copy, Clone, Debug)]
pub struct Record<'a> {
    /// Partition, or number of the file.
    pub partition: u32,
    /// Offset, or number of the line, from 0.
    pub offset: u64,
    /// The record's timestamp. `None`: a line of a plain file, where the event's own time stands for it.
    pub timestamp: Option<Millis>,
    /// Bit `EventType as u8`: the types that the topic may carry.
    pub allowed: u32,
    /// The value.
    pub value: &'a [u8],
    /// The `ce_*` headers of Kafka's binary mode; `None`: structured mode.
    pub binary: Option<&'a BinaryHeaders<'a>>,
}

/// `Record::allowed` of the control topic: the operator's, not the customers'.
pub const CONTROL_TYPES: u32 = 1 << EventType::RulesChanged as u32;

/// `Record::allowed` of a topic that may carry every type.
pub const ALL_TYPES: u32 = (1 << EventType::ALL.len()) - 1;

impl<'a> Record<'a> {
    /// A line of a plain file.
    pub const fn line(file: u32, line: u64, value: &'a [u8]) -> Record<'a> {
        Record { partition: file, offset: line, timestamp: None, allowed: ALL_TYPES, value, binary: None }
    }

    /// A record of a topic that may carry every type, in structured mode.
    pub const fn kafka(partition: u32, offset: u64, timestamp: Millis, value: &'a [u8]) -> Record<'a> {
        Record { partition, offset, timestamp: Some(timestamp), allowed: ALL_TYPES, value, binary: None }
    }
}

/// The headers of a CloudEvent in Kafka's binary mode, raw; `None`: absent. A record is in binary mode if it has the
/// header `ce_specversion`.
#[derive(Copy, Clone, Debug, Default)]
pub struct BinaryHeaders<'a> {
    /// `ce_specversion`.
    pub specversion: &'a [u8],
    /// `ce_id`.
    pub id: Option<&'a [u8]>,
    /// `ce_source`.
    pub source: Option<&'a [u8]>,
    /// `ce_type`.
    pub event_type: Option<&'a [u8]>,
    /// `ce_time`.
    pub time: Option<&'a [u8]>,
    /// `ce_traceparent`.
    pub traceparent: Option<&'a [u8]>,
}

/// Bounds of what is taken in; one tenant's configuration.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Bytes of a record.
    pub record_bytes: usize,
    /// Bytes of an event.
    pub event_bytes: usize,
    /// Unescaped bytes of `text`; that of `rules.changed` is bounded with its event.
    pub text_bytes: usize,
    /// Unescaped bytes of `id`, `source`, an identifier, a name.
    pub name_bytes: usize,
    /// Values in `from`.
    pub identifiers: usize,
    /// Containers in each other, the event itself being the first; from 4, which an agent's queues need, to 64.
    pub depth: u32,
}

impl Limits {
    /// Bytes of an event of a topic that may carry these types: rules are longer than what people write.
    pub const fn event_bytes_of(&self, allowed: u32) -> usize {
        if allowed == CONTROL_TYPES { self.record_bytes } else { self.event_bytes }
    }
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            record_bytes: 1 << 20,
            event_bytes: 64 << 10,
            text_bytes: 16 << 10,
            name_bytes: 256,
            identifiers: 16,
            depth: 16,
        }
    }
}
