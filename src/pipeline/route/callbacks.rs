//! Customers who want to be called back.

use crate::types::event::{Event, Events};
use crate::types::operation::{Callback, Contact, Operation, Operations};
use crate::types::{CloseOutcome, WithdrawReason};

use super::conversation::State;
use super::operations::Parting;
use super::{Division, NONE};

impl Division {
    /// The customer wants to be called back: what waits becomes a callback; for what an agent has, one of its own opens.
    pub(super) fn callback(
        &mut self,
        events: &Events,
        event: &Event,
        operation: &Operation,
        operations: &Operations,
        at: u32,
    ) {
        let Callback { contact, due, own } = operations.callbacks[at as usize];
        let contact = &operations.contacts[contact as usize];
        let found = self.book.find(operation.conversation, self.guess);
        let mut opens = contact.opens;
        let has_agent = |slot: &u32| matches!(self.book[*slot].state, State::Active | State::Held);
        let slot = match found {
            Some(slot) if has_agent(&slot) => {
                self.refresh(slot, operation.customer);
                self.rearm(slot);
                let own = self.book.enter(own);
                let contact = Contact { first_contact: contact.arrived, ..*contact };
                self.begin_callback(own, events, event, (&contact, true), operation, operations);
                opens = true;
                own
            }
            Some(slot) => {
                self.refresh(slot, operation.customer);
                if self.book[slot].agent != NONE {
                    self.withdraw(slot, WithdrawReason::Superseded);
                    self.part(slot, Parting::Free);
                }
                self.cease_to_wait(slot);
                self.keep_context(slot, event, events, contact, operations);
                let conversation = &mut self.book[slot];
                conversation.note_contact(contact);
                conversation.channel = contact.channel;
                conversation.queue = contact.queue.unwrap_or(conversation.queue);
                slot
            }
            None => {
                let slot = self.book.enter(operation.conversation);
                let is_new = contact.opens || contact.maybe;
                self.begin_callback(slot, events, event, (contact, is_new), operation, operations);
                slot
            }
        };
        if opens && contact.blocked {
            self.reply_to_contact(slot, contact);
            self.close(slot, CloseOutcome::Automated, None);
            return;
        }
        self.schedule(slot, due);
        self.rearm_if_held(slot);
    }

    fn begin_callback(
        &mut self,
        slot: u32,
        events: &Events,
        event: &Event,
        (contact, opens): (&Contact, bool),
        operation: &Operation,
        operations: &Operations,
    ) {
        self.book[slot].customer = operation.customer;
        self.book[slot].last = self.clock;
        self.keep_context(slot, event, events, contact, operations);
        self.create(slot, contact, &[], opens);
    }
}
