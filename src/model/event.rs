//! One decoded event as the model sees it: everything owned, names as text, maps ordered. It says the same as the
//! flat row of `types::event`, so that the two can be compared, but shares neither memory nor hashing tricks with
//! it. It may not hold what decode leaves out: plain identifiers, blocked values, unknown members.

use std::collections::{BTreeMap, BTreeSet};

use crate::types::{
    AgentPresence, ChannelId, ConversationId, DivisionId, DurationMs, EventType, KindId, Millis, Position,
    QueueId, TraceParent,
};

/// One accepted event. A member that the type does not have is always absent (`None`, `false` or empty), whatever
/// the bytes said.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Event {
    /// Where it stands in the log.
    pub position: Position,
    /// The record's timestamp; in a plain file the event's own `time`. The clock comes from this.
    pub recorded: Millis,
    /// The event's `time`, or the record's timestamp in its absence.
    pub time: Millis,
    /// Keyed hash of (`source`, `id`); never the text.
    pub dedup_key: u128,
    /// `traceparent`; `TraceParent::NONE` if absent or not well-formed.
    pub traceparent: TraceParent,
    /// What it is.
    pub event_type: EventType,
    /// `conversation`: the engine's own id.
    pub conversation: Option<ConversationId>,
    /// Whether the event has a `from` member at all: its values may all be blocked.
    pub has_from: bool,
    /// `from`, or the one `identifier` of an unlink: kind and keyed hash, in the order of the bytes, blocked values
    /// left out, repetitions kept.
    pub identifiers: Vec<Identifier>,
    /// `channel`.
    pub channel: Option<ChannelId>,
    /// `queue`.
    pub queue: Option<QueueId>,
    /// `division`.
    pub division: Option<DivisionId>,
    /// `thread`.
    pub thread: Option<String>,
    /// `agent`.
    pub agent: Option<String>,
    /// `preferred_agent`.
    pub preferred_agent: Option<String>,
    /// `lang`, lower-cased.
    pub lang: Option<String>,
    /// `text` of a change of rules.
    pub text: Option<String>,
    /// The language detected in `text`, where `lang` is absent and the rules ask for languages.
    pub detected: Option<String>,
    /// The forms of terms that hold of `text`: places in `Rules::terms` and in the term's forms. Empty without a text.
    pub hits: BTreeSet<(usize, usize)>,
    /// `intent`: its place in `Rules::intents`; `None`: absent, or one that the rules do not name.
    pub intent: Option<u16>,
    /// `tier` of a profile.
    pub tier: Option<Tier>,
    /// `value`.
    pub value: Option<i64>,
    /// `reach`.
    pub reach: Option<i64>,
    /// `lifetime_value` of a profile.
    pub lifetime_value: Option<i64>,
    /// `sentiment`, −100 to 100.
    pub sentiment: Option<i64>,
    /// `public`.
    pub public: Option<bool>,
    /// `blocked` of a profile.
    pub blocked: Option<bool>,
    /// `automated` of a reply; absent: false.
    pub automated: bool,
    /// `requeue` of a presence; absent: false.
    pub requeue: bool,
    /// `state` of a presence.
    pub presence: Option<AgentPresence>,
    /// `outcome` of a resolve: the resolver's own word.
    pub outcome: Option<String>,
    /// `due` of a callback.
    pub due: Option<Millis>,
    /// `skills`: name → level 1 to 10; `None`: absent.
    pub skills: Option<BTreeMap<String, u8>>,
    /// `langs` of an agent, lower-cased; absent: empty.
    pub langs: BTreeSet<String>,
    /// `capacity` of an agent; a channel that is not named has 0.
    pub capacity: BTreeMap<ChannelId, u32>,
    /// `budget` of an agent; `None`: the division's.
    pub budget: Option<u32>,
    /// `queues` of an agent; `None`: absent, that is all queues of the division.
    pub queues: Option<BTreeMap<QueueId, AgentQueue>>,
}

/// An identifier: its kind and the keyed hash of its normal form. Ordered by (kind, hash); the order of trust is by
/// (rank of the kind, hash), which only the rules know.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Identifier {
    /// Its kind.
    pub kind: KindId,
    /// `Keys::identifier` of the normal form.
    pub hash: u128,
}

/// `tier` of a profile.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Tier {
    /// Its place in `Rules::tiers`.
    Known(u16),
    /// One that the rules do not name: it brings no points and meets no condition.
    Unknown,
}

/// An entry of an agent's own list of queues.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct AgentQueue {
    /// 1 is served first; absent in the event: 1.
    pub rank: u32,
    /// What waits shorter in the queue than this is not for this agent; absent: 0.
    pub delay: DurationMs,
}

impl Event {
    /// An event of this type at this place with no member at all; for tests and as the start of decoding.
    pub fn bare(event_type: EventType, position: Position, recorded: Millis) -> Event {
        Event {
            position,
            recorded,
            time: recorded,
            dedup_key: 0,
            traceparent: TraceParent::NONE,
            event_type,
            conversation: None,
            has_from: false,
            identifiers: Vec::new(),
            channel: None,
            queue: None,
            division: None,
            thread: None,
            agent: None,
            preferred_agent: None,
            lang: None,
            text: None,
            detected: None,
            hits: BTreeSet::new(),
            intent: None,
            tier: None,
            value: None,
            reach: None,
            lifetime_value: None,
            sentiment: None,
            public: None,
            blocked: None,
            automated: false,
            requeue: false,
            presence: None,
            outcome: None,
            due: None,
            skills: None,
            langs: BTreeSet::new(),
            capacity: BTreeMap::new(),
            budget: None,
            queues: None,
        }
    }
}
