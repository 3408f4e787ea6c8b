//! The nouns: instants, ids, events (in), decisions (out), positions and tallies. No behaviour beyond
//! arithmetic, comparison and the text form of an id; every other layer may use them.

pub mod time;
pub mod ids;
pub mod position;
pub mod record;
pub mod event;
pub mod reject;
pub mod decision;
pub mod lines;
pub mod operation;
pub mod tally;
pub mod floor;

pub use decision::{
    AcceptMode, Affinity, AttemptOutcome, CloseOutcome, Objective, RefusalReason, Stream, WithdrawReason,
};
pub use event::{AgentPresence, EventType};
pub use floor::Floor;
pub use ids::{ChannelId, ConversationId, CustomerId, DivisionId, KindId, QueueId, TemplateId};
pub use lines::{Lines, Output};
pub use position::{Cause, Jump, Position, TraceParent};
pub use reject::RejectReason;
pub use tally::{IgnoreReason, Tally};
pub use time::{DurationMs, Millis};
