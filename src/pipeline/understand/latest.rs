//! What the latest contact of an open conversation said, and updates since: all that another division needs if the
//! conversation goes on there, and what its value is made of. Beside the conversation's own line, since only contacts
//! write it and hardly anybody reads it.

use crate::types::{Millis, Position, QueueId, TraceParent};
use borsh::{BorshDeserialize, BorshSerialize};

use super::customer::NONE;

/// Two cache lines.
///
/// | bytes | field |
/// |---|---|
/// | 16 + 28 | position of the message, trace |
/// | 8 × 6 | arrived, due, opened, value in two parts, language |
/// | 4 × 4 | preferred agent, skills, failed attempts, conversations folded into it |
/// | 2 + 2 + 1 + 1 | intent, queue, replied, maybe |
#[derive(Copy, Clone, Debug, BorshSerialize, BorshDeserialize)]
#[repr(align(64))]
pub struct Latest {
    /// Position of the latest message.
    pub message: Position,
    /// Its trace.
    pub traceparent: TraceParent,
    /// `arrived` of the oldest contact that nobody has replied to, or of the latest if there is none.
    pub arrived: Millis,
    /// When the callback is due, of a conversation that is one.
    pub due: Millis,
    /// Clock of the event that opened it.
    pub opened: Millis,
    /// Value without what an update or the profile may change.
    pub standing: i64,
    /// The event's own `value`.
    pub own_value: i64,
    /// Keyed hash of the language; 0: unknown.
    pub lang_key: u64,
    /// Number of the name of the agent who is preferred, or `NONE`.
    pub preferred: u32,
    /// Number of the set of skills that the contact asks for, or `NONE`.
    pub skills: u32,
    /// Ids of conversations that have become part of it, a list among the shard's threads; counts if the conversation
    /// says so.
    pub stands_for: u32,
    /// Earlier attempts that had failed.
    pub failed_attempts: u32,
    /// Place in `Rules::intents`, or `u16::MAX`.
    pub intent: u16,
    /// Where it was routed last.
    pub queue: QueueId,
    /// Whether everything so far has been replied to.
    pub replied: bool,
    /// Set aside for a callback, and open only if route needed it.
    pub maybe: bool,
}

const _: () = assert!(size_of::<Latest>() == 128);

impl Default for Latest {
    fn default() -> Latest {
        Latest {
            message: Position { partition: 0, index: 0, offset: 0 },
            traceparent: TraceParent::NONE,
            arrived: Millis(0),
            due: Millis::MIN,
            opened: Millis::MIN,
            stands_for: NONE,
            standing: 0,
            own_value: 0,
            lang_key: 0,
            preferred: NONE,
            skills: NONE,
            failed_attempts: 0,
            intent: u16::MAX,
            queue: QueueId(0),
            replied: false,
            maybe: false,
        }
    }
}

impl Latest {
    /// Place in `Rules::intents`.
    #[inline]
    pub fn intent(&self) -> Option<u16> {
        Some(self.intent).filter(|intent| *intent != u16::MAX)
    }
}
