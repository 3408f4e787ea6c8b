//! The end of a customer's record: by erasure, which ends what is open of it in every division, or because it is forgotten.

use crate::types::event::List;
use crate::types::operation::{Action, Operation, Operations};
use crate::types::{CustomerId, Millis};

use super::Place;
use super::customer::{Customer, NONE};
use super::shard::Shard;

impl Shard {
    /// `customer.erased`: what is open of the customer ends, and nothing is kept of it. The record has been met.
    pub(super) fn erase(&mut self, place: Place, local: u32, id: CustomerId, out: &mut [Operations]) {
        let mut open = Vec::new();
        let mut slot = self.customers[local].conversations;
        while slot != NONE {
            let conversation = &self.conversations[slot];
            open.push((conversation.division, conversation.id));
            slot = conversation.next;
        }
        open.sort_unstable();
        for of_division in open.chunk_by(|one, other| one.0 == other.0) {
            let (division, conversation) = of_division[0];
            let out = &mut out[division.at()];
            let start = out.erased.len() as u32;
            out.erased.extend(of_division.iter().map(|(_, conversation)| *conversation));
            out.erasures.push(List { start, len: of_division.len() as u32 });
            let action = Action::Erased(out.erasures.len() as u32 - 1);
            out.rows.push(Operation { row: place.row, conversation, customer: id, action });
        }
        self.forget(local);
    }

    /// Nothing is kept of a customer.
    pub(super) fn forget(&mut self, local: u32) {
        if self.customers.len() <= local {
            return;
        }
        while self.customers[local].conversations != NONE {
            self.close(self.customers[local].conversations);
        }
        self.customers[local].clear_attempts(&mut self.blocks);
        self.preferred.remove(&local);
        if let Some(list) = self.known_as.remove(&local) {
            self.threads.give_back(list);
        }
        if let Some(told) = self.told_agent.get_mut(local) {
            *told = Millis::MIN;
        }
        self.customers[local] = Customer::default();
    }
}
