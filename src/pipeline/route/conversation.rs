//! What a division keeps of a conversation that is not closed.

use crate::collections::index_table::IndexTable;
use crate::collections::pages::Pages;
use crate::types::{
    ChannelId, ConversationId, CustomerId, DurationMs, Millis, Position, QueueId, TraceParent,
};

use super::clocks::ServiceClock;

/// No agent, class, block or name.
pub const NONE: u32 = u32::MAX;

/// Where a conversation is.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum State {
    /// Waits in its queue.
    Queued,
    /// An agent has a live offer.
    Offered,
    /// An agent has it.
    Active,
    /// An agent has it and waits for the customer or a third party.
    Held,
}

/// A conversation of a division.
///
/// | bytes | field |
/// |---|---|
/// | 4 × 40 | service clocks |
/// | 32 | ids |
/// | 7 × 8 | instants, value |
/// | 16 + 26 | position and trace of the latest contact |
/// | about 110 | state, queue, agent, counts, context |
#[derive(Clone, Debug)]
pub struct Conversation {
    /// By `Objective as usize`.
    pub clocks: [ServiceClock; 4],
    /// Its id.
    pub id: ConversationId,
    /// The customer's id at the last operation.
    pub customer: CustomerId,
    /// `arrived` of the oldest unanswered contact.
    pub arrived: Millis,
    /// Clock at which it entered its queue.
    pub queued: Millis,
    /// Clock at which it opened.
    pub opened: Millis,
    /// Clock of the last operation.
    pub last: Millis,
    /// `arrived` of the contact that opened it.
    pub first_contact: Millis,
    /// Business value.
    pub value: i64,
    /// Position of the latest message.
    pub message: Position,
    /// Keyed hash of the contact's language; 0: unknown.
    pub lang_key: u64,
    /// When the live offer expires; `Millis::MAX`: there is none that expires.
    pub offer_expires: Millis,
    /// When its priority goes into the next segment of the curve, while queued.
    pub knee: Millis,
    /// When the next delay of some agent ends, while queued.
    pub delay_ends: Millis,
    /// Arrived → first acceptance.
    pub wait: Option<DurationMs>,
    /// Arrived → first reply.
    pub first_response: Option<DurationMs>,
    /// Trace of the latest contact.
    pub traceparent: TraceParent,
    /// Number of the set of skills that the contact asks for.
    pub skills: u32,
    /// Its class in the waiting lists, while queued.
    pub class: u32,
    /// Segment of the curve, while queued.
    pub segment: u32,
    /// The agent who has it or its offer.
    pub agent: u32,
    /// Offers made.
    pub offers: u32,
    /// Contacts.
    pub contacts: u32,
    /// Transfers.
    pub transfers: u32,
    /// Earlier attempts that failed.
    pub failed_attempts: u32,
    /// Block of earlier attempts.
    pub attempts: u32,
    /// Attempts in the block.
    pub attempt_count: u32,
    /// Number of the name of the agent of the latest reply or resolve.
    pub last_agent: u32,
    /// Its queue.
    pub queue: QueueId,
    /// Kinds by which the customer is known.
    pub kinds: u16,
    /// Channel of the latest contact.
    pub channel: ChannelId,
    /// Where it is.
    pub state: State,
    /// Whether its latest contact has been replied to.
    pub replied: bool,
    /// Whether a first reply has been given.
    pub answered: bool,
    /// The resolution clock stands because the conversation is held.
    pub held_pause: bool,
    /// The resolution clock stands because the customer is to write next.
    pub customer_pause: bool,
    /// Bit `Objective as usize`: breached at least once.
    pub breached: u8,
    /// Agents who may not take it yet, and until when.
    pub exclusions: Vec<(u32, Millis)>,
}

const _: () = assert!(size_of::<Conversation>() <= 480);

impl Default for Conversation {
    fn default() -> Self {
        Conversation {
            clocks: Default::default(),
            id: ConversationId::NONE,
            customer: CustomerId::default(),
            arrived: Millis(0),
            queued: Millis(0),
            opened: Millis(0),
            last: Millis(0),
            first_contact: Millis(0),
            value: 0,
            message: Position::default(),
            lang_key: 0,
            offer_expires: Millis::MAX,
            knee: Millis::MAX,
            delay_ends: Millis::MAX,
            wait: None,
            first_response: None,
            traceparent: TraceParent::NONE,
            skills: NONE,
            class: NONE,
            segment: 0,
            agent: NONE,
            offers: 0,
            contacts: 0,
            transfers: 0,
            failed_attempts: 0,
            attempts: NONE,
            attempt_count: 0,
            last_agent: NONE,
            queue: QueueId(0),
            kinds: 0,
            channel: ChannelId(0),
            state: State::Queued,
            replied: false,
            answered: false,
            held_pause: false,
            customer_pause: false,
            breached: 0,
            exclusions: Vec::new(),
        }
    }
}

impl Conversation {
    /// Whether this agent may not take it at `at`.
    #[inline]
    pub fn excludes(&self, agent: u32, at: Millis) -> bool {
        self.exclusions.iter().any(|(excluded, until)| *excluded == agent && at < *until)
    }
}

/// Segments of the table of conversations, as a power of two: a million held at once make 16,000 each.
const SEGMENT_BITS: u32 = 6;

/// The conversations of a division, by slot and by id.
pub struct Book {
    table: IndexTable,
    slots: Pages<Conversation>,
    free: Vec<u32>,
}

impl Default for Book {
    fn default() -> Book {
        Book { table: IndexTable::with_segment_bits(SEGMENT_BITS), slots: Pages::default(), free: Vec::new() }
    }
}

impl Book {
    /// The slot of a conversation that the division holds.
    #[inline]
    pub fn find(&self, id: ConversationId) -> Option<u32> {
        self.table.find(hash_of(id), |slot| self.slots[slot].id == id)
    }

    /// A slot for a conversation; everything in it is as by default.
    pub fn enter(&mut self, id: ConversationId) -> u32 {
        let slot = self.free.pop().unwrap_or_else(|| self.slots.push(Conversation::default()));
        self.slots[slot].id = id;
        self.table.insert(hash_of(id), slot);
        slot
    }

    /// Forgets a conversation; its list keeps its memory.
    pub fn leave(&mut self, slot: u32) {
        let conversation = &mut self.slots[slot];
        let known = self.table.remove(hash_of(conversation.id), slot);
        assert!(known, "a conversation in the book is in its table");
        let mut exclusions = std::mem::take(&mut conversation.exclusions);
        exclusions.clear();
        *conversation = Conversation { exclusions, ..Conversation::default() };
        self.free.push(slot);
    }

    /// Conversations held.
    pub fn len(&self) -> usize {
        self.slots.len() as usize - self.free.len()
    }

    /// Asks for the place of a conversation in the table ahead of its use.
    #[inline]
    pub fn prefetch(&self, id: ConversationId) {
        self.table.prefetch(hash_of(id));
    }

    /// Asks for the conversation itself, its place being fetched; the slot that it most likely has.
    #[inline]
    pub fn prefetch_slot(&self, id: ConversationId) -> Option<u32> {
        let slot = self.table.find(hash_of(id), |_| true);
        slot.inspect(|slot| self.slots.prefetch(*slot))
    }
}

impl std::ops::Index<u32> for Book {
    type Output = Conversation;

    #[inline]
    fn index(&self, slot: u32) -> &Conversation {
        &self.slots[slot]
    }
}

impl std::ops::IndexMut<u32> for Book {
    #[inline]
    fn index_mut(&mut self, slot: u32) -> &mut Conversation {
        &mut self.slots[slot]
    }
}

/// The customer's bits are a keyed hash already; the ordinal spreads over all of them.
#[inline]
fn hash_of(id: ConversationId) -> u64 {
    let ordinal = u64::from(id.ordinal) | u64::from(id.customer.generation) << 32;
    id.customer.hash ^ ordinal.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}
