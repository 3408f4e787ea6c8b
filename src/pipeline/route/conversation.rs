//! What a division keeps of a conversation that is not closed.

use borsh::{BorshDeserialize, BorshSerialize};
use std::collections::BTreeMap;

use crate::collections::index_table::IndexTable;
use crate::collections::pages::Pages;
use crate::collections::prefetch::{line_of, lines_of};
use crate::types::operation::Contact;
use crate::types::{
    ChannelId, ConversationId, CustomerId, DurationMs, Millis, Position, QueueId, TraceParent,
};

use super::clocks::ServiceClock;

/// No agent, class, block, list or name.
pub const NONE: u32 = u32::MAX;

/// A span that is not known yet.
pub const UNSET: DurationMs = DurationMs(i64::MIN);

/// Where a conversation is.
#[derive(Copy, Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub enum State {
    /// Waits in its queue.
    Queued,
    /// An agent has a live offer.
    Offered,
    /// An agent has it.
    Active,
    /// An agent has it and waits for the customer or a third party.
    Held,
    /// The customer wants to be called back.
    Scheduled,
}

/// A conversation of a division, laid out so that an operation needs the first lines and a contact all of them.
///
/// | line | holds |
/// |---|---|
/// | 0 | which, whose, where, counts, flags |
/// | 1 | deadlines |
/// | 2, 3 | service clocks, place in line |
/// | 4, 5 | spans, what an assignment tells of the latest contact |
#[derive(Clone, Debug, BorshSerialize, BorshDeserialize)]
#[repr(C, align(64))]
pub struct Conversation {
    /// Its id; `ConversationId::NONE`: the place is free.
    pub id: ConversationId,
    /// The customer's id at the last operation.
    pub customer: CustomerId,
    /// The agent who has it or its offer.
    pub agent: u32,
    /// Its class in the waiting lists, while queued.
    pub class: u32,
    /// Segment of the curve, while queued.
    pub segment: u32,
    /// Offers made.
    pub offers: u32,
    /// Contacts.
    pub contacts: u32,
    /// Transfers.
    pub transfers: u32,
    /// Its queue.
    pub queue: QueueId,
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
    /// Steps of relaxation passed, while queued.
    pub relaxed: u8,
    /// Whether understand knows it by another id.
    pub has_alias: bool,
    /// By `Objective as usize`: when the next warning or the breach is to be told; `Millis::MAX`: never.
    pub alarms: [Millis; 4],
    /// While queued, when its priority goes into the next segment of the curve; while offered, when the offer
    /// expires; while scheduled, when the callback is due; `Millis::MAX`: never.
    pub turn: Millis,
    /// When the next delay of some agent ends, while queued.
    pub delay_ends: Millis,
    /// When the first of its exclusions ends; `Millis::MAX`: it has none.
    pub exclusion_ends: Millis,
    /// Clock of the last operation.
    pub last: Millis,
    /// By `Objective as usize`.
    pub clocks: [ServiceClock; 4],
    /// Open time left of the resolution, from its clock's anchor or while it stands.
    pub resolution_left: DurationMs,
    /// `arrived` of the oldest unanswered contact.
    pub arrived: Millis,
    /// Clock at which it entered its queue.
    pub queued: Millis,
    /// Clock at which it opened.
    pub opened: Millis,
    /// Arrived → first acceptance, or `UNSET`.
    pub wait: DurationMs,
    /// Arrived → first reply, or `UNSET`.
    pub first_response: DurationMs,
    /// Its list of exclusions.
    pub exclusions: u32,
    /// Its place among the extras.
    pub extra: u32,
    /// The earliest deadline among its extras; `Millis::MAX`: none.
    pub extra_ends: Millis,
    /// What an assignment tells.
    pub context: Context,
}

/// What an assignment tells of the latest contact.
#[derive(Clone, Debug, BorshSerialize, BorshDeserialize)]
#[repr(C)]
pub struct Context {
    /// Business value.
    pub value: i64,
    /// Keyed hash of the contact's language; 0: unknown.
    pub lang_key: u64,
    /// `arrived` of the contact that opened it.
    pub first_contact: Millis,
    /// Position of the latest message.
    pub message: Position,
    /// Number of the set of skills that the contact asks for.
    pub skills: u32,
    /// Earlier attempts that failed.
    pub failed_attempts: u32,
    /// Block of earlier attempts.
    pub attempts: u32,
    /// Attempts in the block.
    pub attempt_count: u32,
    /// Number of the name of the agent of the latest reply or resolve.
    pub last_agent: u32,
    /// Number of the name of the agent whom the contact prefers.
    pub preferred: u32,
    /// Kinds by which the customer is known.
    pub kinds: u16,
    /// Trace of the latest contact.
    pub traceparent: TraceParent,
}

const _: () = assert!(size_of::<Conversation>() == 384);
const _: () = assert!(std::mem::offset_of!(Conversation, alarms) == 64);
const _: () = assert!(std::mem::offset_of!(Conversation, clocks) == 128);
const _: () = assert!(std::mem::offset_of!(Conversation, wait) == 256);

impl Conversation {
    /// A contact, or a wish to be called: if everything before has been replied to, the place in line is the new one's.
    pub fn note_contact(&mut self, contact: &Contact) {
        if self.replied {
            self.replied = false;
            self.arrived = contact.arrived;
        }
    }

    /// An empty place.
    pub const FREE: Conversation = Conversation {
        id: ConversationId::NONE,
        customer: CustomerId { hash: 0, generation: 0 },
        agent: NONE,
        class: NONE,
        segment: 0,
        queue: QueueId(0),
        channel: ChannelId(0),
        state: State::Queued,
        replied: false,
        answered: false,
        held_pause: false,
        customer_pause: false,
        breached: 0,
        relaxed: 0,
        has_alias: false,
        alarms: [Millis::MAX; 4],
        turn: Millis::MAX,
        delay_ends: Millis::MAX,
        exclusion_ends: Millis::MAX,
        last: Millis(0),
        clocks: [ServiceClock::IDLE; 4],
        resolution_left: DurationMs::ZERO,
        arrived: Millis(0),
        queued: Millis(0),
        opened: Millis(0),
        wait: UNSET,
        first_response: UNSET,
        offers: 0,
        contacts: 0,
        transfers: 0,
        exclusions: NONE,
        extra: NONE,
        extra_ends: Millis::MAX,
        context: Context {
            value: 0,
            lang_key: 0,
            first_contact: Millis(0),
            message: Position { partition: 0, index: 0, offset: 0 },
            skills: NONE,
            failed_attempts: 0,
            attempts: NONE,
            attempt_count: 0,
            last_agent: NONE,
            preferred: NONE,
            kinds: 0,
            traceparent: TraceParent::NONE,
        },
    };
}

/// Segments of the table of conversations, as a power of two: a million held at once make 16,000 each.
const SEGMENT_BITS: u32 = 6;

/// The conversations of a division, by slot and by id.
#[derive(Debug, BorshSerialize, BorshDeserialize)]
pub struct Book {
    table: IndexTable,
    slots: Pages<Conversation>,
    free: Vec<u32>,
    /// Ids by which understand knows a conversation that has another one here: of what was folded, the oldest may have
    /// been closed here.
    aliases: BTreeMap<ConversationId, u32>,
}

impl Default for Book {
    fn default() -> Book {
        Book {
            table: IndexTable::with_segment_bits(SEGMENT_BITS),
            slots: Pages::default(),
            free: Vec::new(),
            aliases: BTreeMap::new(),
        }
    }
}

impl Book {
    /// Bytes allocated.
    pub fn bytes(&self) -> usize {
        self.table.bytes() + self.slots.bytes() + self.free.capacity() * size_of::<u32>()
    }

    /// The slot of a conversation that the division holds; `guess` is looked at first.
    #[inline]
    pub fn find(&self, id: ConversationId, guess: u32) -> Option<u32> {
        if self.slots.get(guess).is_some_and(|conversation| conversation.id == id) {
            return Some(guess);
        }
        let found = self.table.find(hash_of(id), |slot| self.slots[slot].id == id);
        if found.is_some() || self.aliases.is_empty() { found } else { self.aliases.get(&id).copied() }
    }

    /// A conversation answers to another id, too, from now on.
    pub fn add_alias(&mut self, id: ConversationId, slot: u32) {
        self.slots[slot].has_alias = true;
        self.aliases.insert(id, slot);
    }

    /// A slot for a conversation; everything else in it is as in an empty place.
    pub fn enter(&mut self, id: ConversationId) -> u32 {
        let fresh = Conversation { id, ..Conversation::FREE };
        let slot = match self.free.pop() {
            Some(slot) => {
                self.slots[slot] = fresh;
                slot
            }
            None => self.slots.push(fresh),
        };
        self.table.insert(hash_of(id), slot);
        slot
    }

    /// Forgets a conversation.
    pub fn leave(&mut self, slot: u32) {
        let conversation = &mut self.slots[slot];
        let id = std::mem::replace(&mut conversation.id, ConversationId::NONE);
        if conversation.has_alias {
            self.aliases.retain(|_, other| *other != slot);
        }
        let known = self.table.remove(hash_of(id), slot);
        assert!(known, "a conversation in the book is in its table");
        self.free.push(slot);
    }

    /// Slots that are or were in use.
    pub fn bound(&self) -> u32 {
        self.slots.len()
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

    /// The slot that a conversation most likely has, its place in the table having been fetched; else `NONE`.
    #[inline]
    pub fn guess(&self, id: ConversationId) -> u32 {
        self.table.find(hash_of(id), |_| true).unwrap_or(NONE)
    }

    /// Asks for the lines of a conversation that every operation needs; `whole`: for all of them.
    #[inline]
    pub fn prefetch_slot(&self, slot: u32, whole: bool) {
        let Some(conversation) = self.slots.get(slot) else { return };
        line_of(conversation);
        line_of(&conversation.alarms);
        lines_of(&conversation.clocks);
        if whole {
            line_of(&conversation.wait);
            line_of(&conversation.context.message);
            line_of(&conversation.context.traceparent);
        }
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
