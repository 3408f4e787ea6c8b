//! A customer's record on its way to another, possibly in another shard: what happens when customers become one.

use crate::collections::names::Names;
use crate::types::operation::Operations;
use crate::types::{ConversationId, CustomerId, DivisionId, Millis};

use super::Texts;
use super::customer::{Conversation, Customer, KeptAttempt, NONE};
use super::fold::Candidate;
use super::latest::Latest;
use super::shard::Shard;

/// What a customer leaves to another; used again and again, so that its lists keep their memory.
#[derive(Default, Debug)]
pub struct Parcel {
    customer: Customer,
    last_agent: Option<u64>,
    last_agent_name: Vec<u8>,
    told_agent: Millis,
    /// Ids under which the customer has been known before.
    known_as: Vec<u128>,
    attempts: Vec<KeptAttempt>,
    /// With the places that they had.
    conversations: Vec<(u32, Conversation, Latest)>,
    /// Names that the profile or a conversation prefers: number, key, name.
    names: Vec<(u32, u64, Vec<u8>)>,
    /// The name that the profile prefers.
    preferred: Option<u32>,
    /// Skills of conversations, with the number of their set.
    skills: Vec<(u32, (u64, u8))>,
    /// Further threads, with the conversation's place.
    threads: Vec<(u32, u128)>,
    /// Conversations folded into one, with its place.
    folded: Vec<(u32, u128)>,
    /// Places before and after.
    moved: Vec<(u32, u32)>,
    /// Conversations that may become one.
    pub(super) candidates: Vec<Candidate>,
}

impl Parcel {
    /// Takes a name along.
    fn keep_name(&mut self, number: u32, texts: &Texts) {
        if number != NONE && self.names.iter().all(|(known, ..)| *known != number) {
            let name = texts.agents.get(number).to_vec();
            self.names.push((number, texts.agents.key(number), name));
        }
    }

    /// The number that a name taken along has here.
    fn name(&self, number: u32, agents: &mut Names) -> u32 {
        let known = self.names.iter().find(|(known, ..)| *known == number);
        known.map_or(NONE, |(_, key, name)| agents.number(*key, name))
    }
}

impl Shard {
    /// Takes a customer's record out, to be received by another.
    pub(super) fn part(&mut self, local: u32, id: CustomerId, texts: &Texts, parcel: &mut Parcel) {
        let agents = &texts.agents;
        parcel.attempts.clear();
        parcel.attempts.extend_from_slice(self.customers[local].attempts(&self.blocks));
        self.customers[local].clear_attempts(&mut self.blocks);
        parcel.conversations.clear();
        parcel.threads.clear();
        parcel.folded.clear();
        parcel.known_as.clear();
        parcel.known_as.push(bits_of_customer(id));
        if let Some(list) = self.known_as.remove(&local) {
            parcel.known_as.extend(self.threads.iter(list));
            self.threads.give_back(list);
        }
        parcel.names.clear();
        parcel.skills.clear();
        parcel.preferred = self.preferred.remove(&local);
        parcel.keep_name(parcel.preferred.unwrap_or(NONE), texts);
        let mut slot = self.customers[local].conversations;
        while slot != NONE {
            let (conversation, latest) = (self.conversations[slot], self.latest[slot]);
            parcel.conversations.push((slot, conversation, latest));
            parcel.keep_name(latest.preferred, texts);
            let skills = texts.skills_of(latest.skills);
            if parcel.skills.iter().all(|(set, _)| *set != latest.skills) {
                parcel.skills.extend(skills.map(|skill| (latest.skills, skill)));
            }
            parcel.threads.extend(self.threads.iter(conversation.more_threads).map(|thread| (slot, thread)));
            self.threads.give_back(conversation.more_threads);
            if conversation.stands_for() {
                parcel.folded.extend(self.threads.iter(latest.stands_for).map(|id| (slot, id)));
                self.threads.give_back(latest.stands_for);
            }
            self.free.push(slot);
            slot = conversation.next;
        }
        parcel.customer = std::mem::take(&mut self.customers[local]);
        let last_agent = parcel.customer.last_agent;
        parcel.told_agent = self.told_agent.get(local).copied().unwrap_or(Millis::MIN);
        parcel.last_agent = (last_agent != NONE).then(|| agents.key(last_agent));
        parcel.last_agent_name.clear();
        if last_agent != NONE {
            parcel.last_agent_name.extend_from_slice(agents.get(last_agent));
        }
    }

    /// Joins a customer's record to another: profile gaps, attempts by time, conversations. `renamed` is told of each
    /// conversation, the smallest id first.
    pub(super) fn receive(
        &mut self,
        local: u32,
        texts: &mut Texts,
        parcel: &mut Parcel,
        mut renamed: impl FnMut(ConversationId, DivisionId),
    ) {
        let agents = &mut texts.agents;
        self.customers[local].fill_gaps(&parcel.customer);
        if let Some(preferred) = parcel.preferred.filter(|_| !self.customers[local].prefers()) {
            self.preferred.insert(local, parcel.name(preferred, agents));
            self.customers[local].set_prefers();
        }
        let told_agent = self.told_agent.get(local).copied().unwrap_or(Millis::MIN);
        if parcel.told_agent > told_agent
            && let Some(key) = parcel.last_agent
        {
            self.customers[local].last_agent = agents.number(key, &parcel.last_agent_name);
            self.told_agent.grow(local + 1, Millis::MIN);
            self.told_agent[local] = parcel.told_agent;
        }
        let known_as = self.known_as.entry(local).or_insert(NONE);
        for id in &parcel.known_as {
            *known_as = self.threads.add(*known_as, *id);
        }
        parcel.conversations.sort_unstable_by_key(|(_, conversation, _)| conversation.id);
        parcel.moved.clear();
        let mut conversations = std::mem::take(&mut parcel.conversations);
        for (before, conversation, latest) in conversations.drain(..) {
            let preferred = parcel.name(latest.preferred, &mut texts.agents);
            let skills = match latest.skills {
                NONE => NONE,
                set => texts.keep_skills(parcel.skills.iter().filter(|(of, _)| *of == set).map(|(_, s)| *s)),
            };
            let mut stands_for = NONE;
            for (_, id) in parcel.folded.iter().filter(|(place, _)| *place == before) {
                stands_for = self.threads.add(stands_for, *id);
            }
            let latest = Latest { preferred, skills, stands_for, ..latest };
            renamed(conversation.id, conversation.division);
            let mut more_threads = NONE;
            for (_, thread) in parcel.threads.iter().filter(|(place, _)| *place == before) {
                more_threads = self.threads.add(more_threads, *thread);
            }
            let slot = self.adopt(local, Conversation { more_threads, ..conversation }, latest);
            parcel.moved.push((before, slot));
        }
        parcel.conversations = conversations;
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

impl Shard {
    /// Writes down the other ids that a customer has had, for the event of a row.
    pub(super) fn tell_other_ids(&self, local: u32, row: u32, out: &mut Operations) {
        if let Some(list) = self.known_as.get(&local) {
            out.known_as.extend(self.threads.iter(*list).map(|bits| (row, customer_of_bits(bits))));
        }
    }
}

/// A customer's id as lists of threads hold it.
fn bits_of_customer(id: CustomerId) -> u128 {
    u128::from(id.hash) << 32 | u128::from(id.generation)
}

fn customer_of_bits(bits: u128) -> CustomerId {
    CustomerId { hash: (bits >> 32) as u64, generation: bits as u32 }
}
