//! A shard's open conversations: each in its customer's list, and nowhere else. One that had no event for `idle_close`
//! is taken out when its customer is met, or when room is sought for another, whichever comes first; since nobody
//! looks at a customer's conversations without meeting the customer, it makes no difference which.

use crate::types::{ConversationId, CustomerId, DivisionId, Millis};

use super::customer::{Conversation, NONE};
use super::latest::Latest;
use super::shard::Shard;

/// Most places looked at for room at a time.
const LOOKED_AT: u32 = 4;

impl Shard {
    /// Of a customer's open conversations that meet `meant`: the most recently active, then the smallest id.
    #[inline]
    pub(super) fn best(&self, local: u32, meant: impl Fn(&Conversation) -> bool) -> Option<u32> {
        self.best_slot(local, |slot| meant(&self.conversations[slot]))
    }

    /// The same, by place.
    #[inline]
    pub(super) fn best_slot(&self, local: u32, meant: impl Fn(u32) -> bool) -> Option<u32> {
        let mut best: Option<u32> = None;
        let mut slot = self.customers[local].conversations;
        while slot != NONE {
            let conversation = &self.conversations[slot];
            if meant(slot) {
                let better = best.is_none_or(|best| {
                    let other = &self.conversations[best];
                    (other.last, conversation.id) < (conversation.last, other.id)
                });
                best = if better { Some(slot) } else { best };
            }
            slot = conversation.next;
        }
        best
    }

    /// Opens a conversation of the customer who has this id.
    pub(super) fn open(
        &mut self,
        local: u32,
        id: CustomerId,
        division: DivisionId,
        first_contact: Millis,
        clock: Millis,
    ) -> u32 {
        let customer = &mut self.customers[local];
        customer.opened += 1;
        let id = ConversationId { customer: id, ordinal: customer.opened };
        self.adopt(
            local,
            Conversation { id, last: clock, first_contact, division, ..Conversation::default() },
            Latest { opened: clock, ..Latest::default() },
        )
    }

    /// The instant from which idleness and continuity count: of a callback from when it is due.
    #[inline]
    pub(super) fn active(&self, slot: u32) -> Millis {
        let conversation = &self.conversations[slot];
        let last = conversation.last;
        if conversation.calls_back() { last.max(self.latest[slot].due) } else { last }
    }

    /// Whether a conversation was set aside for a callback, and is open only if route needed it.
    #[inline]
    pub(super) fn is_maybe(&self, slot: u32) -> bool {
        self.conversations[slot].calls_back() && self.latest[slot].maybe
    }

    /// Puts a conversation into a customer's list; its place.
    pub(super) fn adopt(&mut self, local: u32, conversation: Conversation, latest: Latest) -> u32 {
        if self.free.is_empty() {
            self.seek_room();
        }
        let next = self.customers[local].conversations;
        let conversation = Conversation { customer: local, next, ..conversation };
        let slot = match self.free.pop() {
            Some(slot) => {
                self.conversations[slot] = conversation;
                self.latest[slot] = latest;
                slot
            }
            None => {
                self.latest.push(latest);
                self.conversations.push(conversation)
            }
        };
        self.customers[local].conversations = slot;
        slot
    }

    /// Takes a conversation out.
    pub(super) fn close(&mut self, slot: u32) {
        let Conversation { customer: local, next, more_threads, .. } = self.conversations[slot];
        if self.conversations[slot].stands_for() {
            self.threads.give_back(self.latest[slot].stands_for);
        }
        let customer = &mut self.customers[local];
        for attempt in customer.attempts_mut(&mut self.blocks) {
            if attempt.conversation == slot {
                attempt.conversation = NONE;
            }
        }
        if customer.conversations == slot {
            customer.conversations = next;
        } else {
            let mut link = customer.conversations;
            while self.conversations[link].next != slot {
                link = self.conversations[link].next;
            }
            self.conversations[link].next = next;
        }
        self.threads.give_back(more_threads);
        self.free.push(slot);
    }

    /// Takes a customer's idle conversations out.
    #[inline]
    pub(super) fn close_idle(&mut self, local: u32, clock: Millis) {
        let mut slot = self.customers[local].conversations;
        while slot != NONE {
            let next = self.conversations[slot].next;
            if clock.since(self.active(slot)) >= self.idle_close {
                self.close(slot);
            }
            slot = next;
        }
    }

    /// Looks at the next place, and on while they are idle for every event of the batch, and takes those out. No place is
    /// free. So the conversations get one place more only while less than half of them are idle.
    fn seek_room(&mut self) {
        for _ in 0..LOOKED_AT.min(self.conversations.len()) {
            self.hand = if self.hand + 1 < self.conversations.len() { self.hand + 1 } else { 0 };
            if self.horizon.since(self.active(self.hand)) < self.idle_close {
                break;
            }
            self.close(self.hand);
        }
        self.conversations.prefetch(self.hand + 1);
    }
}
