//! Agents who may not take a conversation for a while, because they let its offer pass or handed it over. Most
//! conversations have none, so their lists lie apart, and one bit a conversation says whether there is one.

use crate::collections::bits::Bits;
use crate::types::Millis;
use borsh::{BorshDeserialize, BorshSerialize};

use super::conversation::{Conversation, NONE};

/// Lists of (agent, until when) of the conversations that have any.
#[derive(Default, Debug, BorshSerialize, BorshDeserialize)]
pub struct Exclusions {
    /// By slot: it has a list.
    marked: Bits,
    lists: Vec<Vec<(u32, Millis)>>,
    free: Vec<u32>,
}

impl Exclusions {
    /// Whether a conversation has any exclusions.
    #[inline]
    pub fn any(&self, slot: u32) -> bool {
        self.marked.get(slot)
    }

    /// The exclusions of a conversation, in no order that means anything.
    #[inline]
    pub fn of(&self, conversation: &Conversation) -> &[(u32, Millis)] {
        match conversation.exclusions {
            NONE => &[],
            list => &self.lists[list as usize],
        }
    }

    /// Whether this agent may not take it at `at`.
    #[inline]
    pub fn excludes(&self, conversation: &Conversation, agent: u32, at: Millis) -> bool {
        self.of(conversation).iter().any(|(excluded, until)| *excluded == agent && at < *until)
    }

    /// An agent may not take it until then; the longer of two exclusions counts.
    pub fn add(&mut self, slot: u32, conversation: &mut Conversation, agent: u32, until: Millis) {
        if conversation.exclusions == NONE {
            conversation.exclusions = self.free.pop().unwrap_or_else(|| {
                self.lists.push(Vec::new());
                self.lists.len() as u32 - 1
            });
            self.marked.set(slot);
        }
        let list = &mut self.lists[conversation.exclusions as usize];
        match list.iter_mut().find(|(excluded, _)| *excluded == agent) {
            Some(exclusion) => exclusion.1 = exclusion.1.max(until),
            None => list.push((agent, until)),
        }
        conversation.exclusion_ends = first_end(list);
    }

    /// Drops those that have ended.
    pub fn expire(&mut self, slot: u32, conversation: &mut Conversation, at: Millis) {
        if conversation.exclusions == NONE {
            return;
        }
        let list = &mut self.lists[conversation.exclusions as usize];
        list.retain(|(_, until)| *until > at);
        conversation.exclusion_ends = first_end(list);
        if list.is_empty() {
            self.forget(slot, conversation);
        }
    }

    /// Drops all of a conversation.
    pub fn forget(&mut self, slot: u32, conversation: &mut Conversation) {
        if conversation.exclusions == NONE {
            return;
        }
        self.lists[conversation.exclusions as usize].clear();
        self.free.push(conversation.exclusions);
        self.marked.clear(slot);
        conversation.exclusions = NONE;
        conversation.exclusion_ends = Millis::MAX;
    }
}

fn first_end(list: &[(u32, Millis)]) -> Millis {
    list.iter().map(|(_, until)| *until).min().unwrap_or(Millis::MAX)
}
