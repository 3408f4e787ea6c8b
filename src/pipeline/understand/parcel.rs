//! A customer's record on its way to another, possibly in another shard: what happens when customers become one.

use crate::collections::names::Names;
use crate::types::{ConversationId, DivisionId};

use super::customer::{Conversation, Customer, KeptAttempt, NONE};
use super::shard::Shard;

/// What a customer leaves to another; used again and again, so that its lists keep their memory.
#[derive(Default)]
pub struct Parcel {
    customer: Customer,
    last_agent: Option<u64>,
    last_agent_name: Vec<u8>,
    attempts: Vec<KeptAttempt>,
    /// With the places that they had.
    conversations: Vec<(u32, Conversation)>,
    /// Further threads, with the conversation's place.
    threads: Vec<(u32, u128)>,
    /// Places before and after.
    moved: Vec<(u32, u32)>,
}

impl Shard {
    /// Takes a customer's record out, to be received by another.
    pub fn part(&mut self, local: u32, agents: &Names, parcel: &mut Parcel) {
        parcel.attempts.clear();
        parcel.attempts.extend_from_slice(self.customers[local].attempts(&self.blocks));
        self.customers[local].clear_attempts(&mut self.blocks);
        parcel.conversations.clear();
        parcel.threads.clear();
        let mut slot = self.customers[local].conversations;
        while slot != NONE {
            let conversation = self.conversations[slot];
            parcel.conversations.push((slot, conversation));
            parcel.threads.extend(self.threads.iter(conversation.more_threads).map(|thread| (slot, thread)));
            self.threads.give_back(conversation.more_threads);
            self.free.push(slot);
            slot = conversation.next;
        }
        parcel.customer = std::mem::take(&mut self.customers[local]);
        let last_agent = parcel.customer.last_agent;
        parcel.last_agent = (last_agent != NONE).then(|| agents.key(last_agent));
        parcel.last_agent_name.clear();
        if last_agent != NONE {
            parcel.last_agent_name.extend_from_slice(agents.get(last_agent));
        }
    }

    /// Joins a customer's record to another: profile gaps, attempts by time, conversations. `renamed` is told of each
    /// conversation, the smallest id first.
    pub fn receive(
        &mut self,
        local: u32,
        agents: &mut Names,
        parcel: &mut Parcel,
        mut renamed: impl FnMut(ConversationId, DivisionId),
    ) {
        self.customers[local].fill_gaps(&parcel.customer);
        if self.customers[local].last_agent == NONE
            && let Some(key) = parcel.last_agent
        {
            self.customers[local].last_agent = agents.number(key, &parcel.last_agent_name);
        }
        parcel.conversations.sort_unstable_by_key(|(_, conversation)| conversation.id);
        parcel.moved.clear();
        for (before, conversation) in parcel.conversations.drain(..) {
            renamed(conversation.id, conversation.division);
            let mut more_threads = NONE;
            for (_, thread) in parcel.threads.iter().filter(|(place, _)| *place == before) {
                more_threads = self.threads.add(more_threads, *thread);
            }
            parcel.moved.push((before, self.adopt(local, Conversation { more_threads, ..conversation })));
        }
        for attempt in &mut parcel.attempts {
            let place = parcel.moved.iter().find(|(before, _)| *before == attempt.conversation);
            attempt.conversation = place.map_or(NONE, |(_, after)| *after);
        }
        // The survivor's come first where the instants are equal: the sort is stable.
        let all = &mut parcel.attempts;
        let theirs = all.len();
        all.extend_from_slice(self.customers[local].attempts(&self.blocks));
        all.rotate_left(theirs);
        all.sort_by_key(|attempt| attempt.at);
        let surplus = all.len().saturating_sub(self.kept);
        self.customers[local].clear_attempts(&mut self.blocks);
        for attempt in &all[surplus..] {
            self.customers[local].add_attempt(*attempt, self.kept, &mut self.blocks);
        }
    }
}
