//! What understand keeps of a customer and of an open conversation.

use crate::types::decision::Attempt;
use crate::types::event::Event;
use crate::types::{AttemptOutcome, ChannelId, ConversationId, CustomerId, DivisionId, Millis};

/// No conversation, agent or neighbour in a list.
pub const NONE: u32 = u32::MAX;

/// A customer's record.
///
/// | bytes | field |
/// |---|---|
/// | 16 | id |
/// | 16 | lifetime value |
/// | 8 | language |
/// | 20 | last agent, attempts, open conversations, conversations opened |
/// | 4+3 | tier, blocked, number of attempts |
#[derive(Clone, Debug)]
pub struct Customer {
    /// The id under which conversations open.
    pub id: CustomerId,
    /// From the profile.
    pub lifetime_value: Option<i64>,
    /// From the profile: keyed hash; 0: unknown.
    pub lang_key: u64,
    /// Number of the name in the shard's names.
    pub last_agent: u32,
    /// Block of attempts in the shard.
    pub attempts: u32,
    /// First open conversation.
    pub conversations: u32,
    /// Conversations ever opened under `id`.
    pub opened: u32,
    /// From the profile: place in `Rules::tiers`, `u16::MAX` for one that the rules do not name.
    pub tier: Option<u16>,
    /// From the profile.
    pub blocked: Option<bool>,
    /// Attempts in the block.
    pub attempt_count: u8,
    /// Whether the block is a large one.
    pub attempts_large: bool,
}

const _: () = assert!(size_of::<Customer>() <= 72);

impl Default for Customer {
    fn default() -> Self {
        Customer {
            id: CustomerId::default(),
            lifetime_value: None,
            lang_key: 0,
            last_agent: NONE,
            attempts: NONE,
            conversations: NONE,
            opened: 0,
            tier: None,
            blocked: None,
            attempt_count: 0,
            attempts_large: false,
        }
    }
}

impl Customer {
    /// Each field that the event names overwrites.
    pub fn update(&mut self, event: &Event) {
        self.tier = event.tier.or(self.tier);
        self.lifetime_value = event.lifetime_value.or(self.lifetime_value);
        self.blocked = event.blocked.or(self.blocked);
        if event.lang_key != 0 {
            self.lang_key = event.lang_key;
        }
    }

    /// What this profile lacks is filled from `other`.
    pub fn fill_gaps(&mut self, other: &Customer) {
        self.tier = self.tier.or(other.tier);
        self.lifetime_value = self.lifetime_value.or(other.lifetime_value);
        self.blocked = self.blocked.or(other.blocked);
        if self.lang_key == 0 {
            self.lang_key = other.lang_key;
        }
    }
}

/// A contact that is kept: 16 bytes.
#[derive(Copy, Clone, Debug)]
pub struct KeptAttempt {
    /// `arrived`.
    pub at: Millis,
    /// The open conversation it belongs to, else `NONE`.
    pub conversation: u32,
    /// Its channel.
    pub channel: ChannelId,
    /// What became of it.
    pub outcome: AttemptOutcome,
}

const _: () = assert!(size_of::<KeptAttempt>() == 16);

impl Default for KeptAttempt {
    fn default() -> Self {
        KeptAttempt {
            at: Millis(0),
            conversation: NONE,
            channel: ChannelId(0),
            outcome: AttemptOutcome::Open,
        }
    }
}

impl KeptAttempt {
    /// Whether it counts among the failed ones.
    pub fn failed(&self) -> bool {
        matches!(self.outcome, AttemptOutcome::Open | AttemptOutcome::Abandoned)
    }

    /// What an assignment's context tells of it.
    pub fn told(&self) -> Attempt {
        Attempt { at: self.at, channel: self.channel, outcome: self.outcome }
    }
}

/// An open conversation.
#[derive(Clone, Debug)]
pub struct Conversation {
    /// Its first thread; 0: none.
    pub thread: u128,
    /// Its id.
    pub id: ConversationId,
    /// Clock of the last event that named, found or joined it.
    pub last: Millis,
    /// `arrived` of the contact that opened it.
    pub first_contact: Millis,
    /// Local index of its customer.
    pub customer: u32,
    /// Next of the same customer.
    pub next: u32,
    /// Neighbours in the ageing list, which is ordered by `last`.
    pub older: u32,
    /// See `older`.
    pub younger: u32,
    /// Its division, which never changes.
    pub division: DivisionId,
    /// Channel of the latest contact.
    pub channel: ChannelId,
    /// Further threads: a message may join by continuity and bring its own.
    pub more_threads: Vec<u128>,
}

impl Default for Conversation {
    fn default() -> Self {
        Conversation {
            thread: 0,
            id: ConversationId::NONE,
            last: Millis(0),
            first_contact: Millis(0),
            customer: NONE,
            next: NONE,
            older: NONE,
            younger: NONE,
            division: DivisionId(0),
            channel: ChannelId(0),
            more_threads: Vec::new(),
        }
    }
}

impl Conversation {
    /// Whether the thread is one of its own; a thread of 0 is nobody's.
    #[inline]
    pub fn has_thread(&self, thread: u128) -> bool {
        thread != 0 && (self.thread == thread || self.more_threads.contains(&thread))
    }

    /// Adds a thread to its set.
    pub fn add_thread(&mut self, thread: u128) {
        if thread == 0 || self.has_thread(thread) {
        } else if self.thread == 0 {
            self.thread = thread;
        } else {
            self.more_threads.push(thread);
        }
    }
}
