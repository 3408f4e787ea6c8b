//! Events as the stages see them: the closed list of types, and one decoded event as a flat row whose texts are
//! places in the batch's byte arena. Rows carry no owned memory, so a batch is reused without allocating.

use crate::types::record::{BinaryHeaders, Record};
use crate::types::{
    ChannelId, ConversationId, DivisionId, DurationMs, KindId, Millis, Position, QueueId, TraceParent,
    decision::Rejected,
};

macro_rules! event_types {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// The input types; the text form carries the prefix `trunkline.`.
        #[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[repr(u8)]
        pub enum EventType { $($(#[$doc])* $name,)* }

        impl EventType {
            /// Every type, in the order of the specification's table.
            pub const ALL: &'static [EventType] = &[$(EventType::$name,)*];

            /// The text form without the prefix `trunkline.`.
            pub const fn name(self) -> &'static str {
                match self { $(EventType::$name => $text,)* }
            }
        }
    };
}

event_types! {
    /// A customer reached out or wrote again.
    ContactReceived = "contact.received",
    /// Hung up, closed the chat, deleted the tweet.
    ContactAbandoned = "contact.abandoned",
    /// Call me back at.
    CallbackRequested = "callback.requested",
    /// CRM profile.
    CustomerUpdated = "customer.updated",
    /// These identifiers belong to one person.
    IdentityLinked = "identity.linked",
    /// This identifier is somebody else's.
    IdentityUnlinked = "identity.unlinked",
    /// Forget this person.
    CustomerErased = "customer.erased",
    /// An agent's definition, whole.
    AgentUpdated = "agent.updated",
    /// Presence.
    AgentState = "agent.state",
    /// Yes to an offer.
    OfferAccepted = "offer.accepted",
    /// No to an offer.
    OfferDeclined = "offer.declined",
    /// Wrap-up work is done.
    AgentWrapped = "agent.wrapped",
    /// Somebody answered the customer.
    ConversationReplied = "conversation.replied",
    /// Waiting on the customer or a third party.
    ConversationHeld = "conversation.held",
    /// No longer.
    ConversationResumed = "conversation.resumed",
    /// Hand over.
    ConversationTransferred = "conversation.transferred",
    /// The business changes its mind.
    ConversationUpdated = "conversation.updated",
    /// A supervisor's order.
    ConversationAssigned = "conversation.assigned",
    /// Done.
    ConversationResolved = "conversation.resolved",
    /// A whole rules file; only in plain logs.
    RulesChanged = "rules.changed",
}

/// What every `type` begins with.
pub const TYPE_PREFIX: &str = "trunkline.";

/// `state` of `agent.state`.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum AgentPresence {
    /// Takes offers.
    Available,
    /// Logged in, takes no offers.
    Away,
    /// Logged out.
    Offline,
}

impl AgentPresence {
    /// Every state.
    pub const ALL: [AgentPresence; 3] =
        [AgentPresence::Available, AgentPresence::Away, AgentPresence::Offline];

    /// The word in `agent.state`.
    pub const fn word(self) -> &'static str {
        match self {
            AgentPresence::Available => "available",
            AgentPresence::Away => "away",
            AgentPresence::Offline => "offline",
        }
    }
}

/// A text: its place in `Events::bytes`, unescaped.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// Bytes.
    pub len: u32,
}

/// A run of entries in one of the side tables of `Events`.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default)]
pub struct List {
    /// First entry.
    pub start: u32,
    /// Entries.
    pub len: u32,
}

impl List {
    /// The run as a range of indices.
    #[inline]
    pub fn range(self) -> std::ops::Range<usize> {
        self.start as usize..(self.start + self.len) as usize
    }
}

/// An identifier: its kind and the keyed 128-bit hash of its normal form. The plain text is not kept.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Identifier {
    /// Keyed hash of the normal form under the kind's own key.
    pub hash: u128,
    /// Its kind.
    pub kind: KindId,
}

/// A skill named by an event, with a level of 1 to 10.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct SkillLevel {
    /// Keyed 64-bit hash of the name: what the stages compare.
    pub key: u64,
    /// The name.
    pub name: Span,
    /// 1 to 10.
    pub level: u8,
}

/// A queue in an agent's own list.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct AgentQueue {
    /// The queue; of the agent's division.
    pub queue: QueueId,
    /// 1 is served first; at least 1.
    pub rank: u32,
    /// What waits shorter in the queue than this is not for this agent.
    pub delay: DurationMs,
}

/// One decoded event. A member that the type does not have, or that is absent, holds the value named at it.
#[derive(Clone, Debug)]
pub struct Event {
    /// Keyed hash of (`source`, `id`).
    pub dedup_key: u128,
    /// Keyed hash of `thread`; 0: absent.
    pub thread_key: u128,
    /// Where it stands in the log.
    pub position: Position,
    /// The record's timestamp; in a plain file the event's own `time`.
    pub recorded: Millis,
    /// The event's `time`, or the record's timestamp in its absence.
    pub time: Millis,
    /// The engine's id; `ConversationId::NONE`: absent.
    pub conversation: ConversationId,
    /// `value`.
    pub value: Option<i64>,
    /// `reach`.
    pub reach: Option<i64>,
    /// `lifetime_value`.
    pub lifetime_value: Option<i64>,
    /// `due` of a callback.
    pub due: Option<Millis>,
    /// Keyed hash of the agent's name (`agent`); 0: absent.
    pub agent_key: u64,
    /// Keyed hash of `preferred_agent`; 0: absent.
    pub preferred_key: u64,
    /// Keyed hash of the lower-cased `lang`; 0: absent.
    pub lang_key: u64,
    /// Keyed hash of the language detected in the text, where `lang` is absent and the rules ask for languages; 0: none.
    pub detected_key: u64,
    /// `agent`; length 0: absent.
    pub agent: Span,
    /// `preferred_agent`; length 0: absent.
    pub preferred: Span,
    /// `thread`; length 0: absent (a thread has at least one byte).
    pub thread: Span,
    /// `outcome` of a resolve, `text` of a change of rules; `None`: absent.
    pub outcome: Option<Span>,
    /// `from` (or the one `identifier` of an unlink), blocked values left out, in the order of the bytes: into
    /// `Events::identifiers`.
    pub identifiers: List,
    /// `skills`: into `Events::skills`; `None`: absent.
    pub skills: Option<List>,
    /// Forms of terms that hold of `text`, numbered by term, then by their place in it: into `Events::hits`, ascending.
    pub hits: List,
    /// `langs`, keyed hashes as `lang_key`: into `Events::langs`.
    pub langs: List,
    /// `capacity`: into `Events::capacities`.
    pub capacity: List,
    /// `queues` of an agent: into `Events::queues`; `None`: absent (all queues of the division).
    pub queues: Option<List>,
    /// `budget`.
    pub budget: Option<u32>,
    /// `traceparent`.
    pub traceparent: TraceParent,
    /// What it is.
    pub event_type: EventType,
    /// `channel`.
    pub channel: Option<ChannelId>,
    /// `queue`.
    pub queue: Option<QueueId>,
    /// `division`.
    pub division: Option<DivisionId>,
    /// `state`.
    pub presence: Option<AgentPresence>,
    /// `sentiment`, −100 to 100.
    pub sentiment: Option<i8>,
    /// `public`.
    pub public: Option<bool>,
    /// `blocked` of a profile.
    pub blocked: Option<bool>,
    /// `automated` of a reply; absent: false.
    pub automated: bool,
    /// `requeue` of a presence; absent: false.
    pub requeue: bool,
    /// Whether the event has a `from` member at all (its identifiers may all be blocked).
    pub has_from: bool,
    /// `intent`, as its place in `Rules::intents`; `None`: absent or none that the rules name.
    pub intent: Option<u16>,
    /// `tier`, as its place in `Rules::tiers`; `Some(u16::MAX)`: one that the rules do not name; `None`: absent.
    pub tier: Option<u16>,
}

impl Event {
    /// An event without any member, at the first position.
    pub const EMPTY: Event = Event {
        dedup_key: 0,
        thread_key: 0,
        position: Position { partition: 0, index: 0, offset: 0 },
        recorded: Millis(0),
        time: Millis(0),
        conversation: ConversationId::NONE,
        value: None,
        reach: None,
        lifetime_value: None,
        due: None,
        agent_key: 0,
        preferred_key: 0,
        lang_key: 0,
        detected_key: 0,
        agent: Span { start: 0, len: 0 },
        preferred: Span { start: 0, len: 0 },
        thread: Span { start: 0, len: 0 },
        outcome: None,
        identifiers: List { start: 0, len: 0 },
        skills: None,
        hits: List { start: 0, len: 0 },
        langs: List { start: 0, len: 0 },
        capacity: List { start: 0, len: 0 },
        queues: None,
        budget: None,
        traceparent: TraceParent::NONE,
        event_type: EventType::ContactReceived,
        channel: None,
        queue: None,
        division: None,
        presence: None,
        sentiment: None,
        public: None,
        blocked: None,
        automated: false,
        requeue: false,
        has_from: false,
        intent: None,
        tier: None,
    };
}

impl Default for Event {
    fn default() -> Event {
        Event::EMPTY
    }
}

/// One entry of a batch, in log order: what came of one event.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Entry {
    /// Accepted: its place in `Events::rows`.
    Event(u32),
    /// Refused: its place in `Events::rejected`.
    Rejected(u32),
}

/// A record taken into a batch: a `Record` whose bytes lie in `Events::bytes`.
#[derive(Copy, Clone, Debug)]
pub struct Taken {
    /// Partition, or number of the file.
    partition: u32,
    /// Bit `EventType as u8`: the types that the topic may carry.
    allowed: u32,
    /// Offset, or number of the line.
    offset: u64,
    /// The record's timestamp.
    timestamp: Option<Millis>,
    /// First byte of the value.
    start: u32,
    /// Bytes of the value. More than stand there if it is too large to be looked at.
    len: u32,
    /// Whether the bytes stand there.
    whole: bool,
    /// Place in `Events::headers`, for Kafka's binary mode.
    headers: Option<u32>,
}

/// The headers of binary mode, in the order of `BinaryHeaders`; `None`: absent.
type TakenHeaders = [Option<Span>; 6];

/// Bytes of 0 behind each record in `Events::bytes`: so far a scanner may look beyond it.
pub const PADDING: usize = 64;

/// A batch, first as records, then decoded: flat tables that keep their memory from batch to batch.
#[derive(Debug, Default)]
pub struct Events {
    /// The records taken in.
    taken: Vec<Taken>,
    headers: Vec<TakenHeaders>,
    /// Every event of the batch in log order, the refused ones too.
    pub entries: Vec<Entry>,
    /// The accepted events, in log order.
    pub rows: Vec<Event>,
    /// The texts: a copy of the records, each with `PADDING` behind it, then what had to be unescaped.
    pub bytes: Vec<u8>,
    /// Entries of `Event::identifiers`.
    pub identifiers: Vec<Identifier>,
    /// Entries of `Event::skills`.
    pub skills: Vec<SkillLevel>,
    /// Entries of `Event::langs`.
    pub langs: Vec<u64>,
    /// Entries of `Event::hits`.
    pub hits: Vec<u32>,
    /// Entries of `Event::capacity`; no channel stands twice in one event.
    pub capacities: Vec<(ChannelId, u32)>,
    /// Entries of `Event::queues`; no queue stands twice in one event.
    pub queues: Vec<AgentQueue>,
    /// The refused events, in log order.
    pub rejected: Vec<Rejected>,
}

impl Events {
    /// Forgets the batch, keeps the memory.
    pub fn clear(&mut self) {
        self.taken.clear();
        self.headers.clear();
        self.bytes.clear();
        self.forget_decoded();
    }

    /// Takes a copy of a record into the batch; of one above `max_bytes` only that it was there. Decode comes after the
    /// last record.
    ///
    /// # Panics
    /// If the batch would exceed 2 GiB. Unescaping never lengthens a text, so every place fits into 32 bits.
    pub fn take_in(&mut self, record: &Record<'_>, max_bytes: usize) {
        let whole = record.value.len() <= max_bytes;
        let value = self.keep(if whole { record.value } else { &[] });
        self.bytes.extend_from_slice(&[0; PADDING]);
        let headers = record.binary.map(|headers| {
            let BinaryHeaders { specversion, id, source, event_type, time, traceparent } = *headers;
            let texts = [Some(specversion), id, source, event_type, time, traceparent];
            let kept = texts.map(|text| text.map(|text| self.keep(text)));
            self.headers.push(kept);
            self.headers.len() as u32 - 1
        });
        if headers.is_some() {
            self.bytes.extend_from_slice(&[0; PADDING]);
        }
        assert!(self.bytes.len() < 1 << 31, "a batch is below 2 GiB");
        self.taken.push(Taken {
            partition: record.partition,
            allowed: record.allowed,
            offset: record.offset,
            timestamp: record.timestamp,
            start: value.start,
            len: u32::try_from(record.value.len()).unwrap_or(u32::MAX),
            whole,
            headers,
        });
    }

    /// Records taken in.
    pub fn records(&self) -> usize {
        self.taken.len()
    }

    /// A record taken in, whose bytes lie in `bytes`, which are this batch's own, and where its value begins. `None`
    /// instead of the record: it was too large.
    #[inline]
    pub fn record<'b>(
        &self,
        at: usize,
        bytes: &'b [u8],
        binary: &'b mut BinaryHeaders<'b>,
    ) -> (Record<'b>, usize, bool) {
        let taken = &self.taken[at];
        let text = |span: Span| &bytes[span.start as usize..(span.start + span.len) as usize];
        let value = if taken.whole { text(Span { start: taken.start, len: taken.len }) } else { &[] };
        let binary = taken.headers.map(|headers| {
            let [specversion, id, source, event_type, time, traceparent] =
                self.headers[headers as usize].map(|span| span.map(text));
            *binary = BinaryHeaders {
                specversion: specversion.unwrap_or_default(),
                id,
                source,
                event_type,
                time,
                traceparent,
            };
            &*binary
        });
        let record = Record {
            partition: taken.partition,
            offset: taken.offset,
            timestamp: taken.timestamp,
            allowed: taken.allowed,
            value,
            binary,
        };
        (record, taken.start as usize, taken.whole)
    }

    fn keep(&mut self, text: &[u8]) -> Span {
        let start = self.bytes.len() as u32;
        self.bytes.extend_from_slice(text);
        Span { start, len: text.len() as u32 }
    }

    /// Forgets what came of the records, which stay; decode comes next.
    pub fn forget_decoded(&mut self) {
        self.entries.clear();
        self.rows.clear();
        self.identifiers.clear();
        self.skills.clear();
        self.langs.clear();
        self.hits.clear();
        self.capacities.clear();
        self.queues.clear();
        self.rejected.clear();
    }

    /// Drops the first entries with their rows and rejects.
    pub fn drop_first(&mut self, entries: usize) {
        let rows = self.entries[..entries].iter().filter(|entry| matches!(entry, Entry::Event(_))).count();
        let rejected = entries - rows;
        self.entries.drain(..entries);
        self.rows.drain(..rows);
        self.rejected.drain(..rejected);
        for entry in &mut self.entries {
            match entry {
                Entry::Event(row) => *row -= rows as u32,
                Entry::Rejected(at) => *at -= rejected as u32,
            }
        }
    }

    /// The record that an event of this batch came in.
    pub fn record_of(&self, position: Position) -> usize {
        let is_it = |taken: &Taken| (taken.partition, taken.offset) == (position.partition, position.offset);
        self.taken.iter().position(is_it).expect("an event of the batch comes from one of its records")
    }

    /// The bytes of a text.
    #[inline]
    pub fn text(&self, span: Span) -> &[u8] {
        &self.bytes[span.start as usize..(span.start + span.len) as usize]
    }
}
