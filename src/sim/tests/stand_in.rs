//! A router just good enough to live with: decodes with the real decoder, takes one shared identifier for one
//! customer, serves each queue first come, first served. It shows that the world needs an engine's decisions and
//! nothing else of it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use crate::pipeline::decode::Decoder;
use crate::rules::Rules;
use crate::rules::keys::{HashKey, Keys};
use crate::sim::{Batch, Engine};
use crate::types::decision::{Body, Closed, Decision, DecisionBatch, Offered};
use crate::types::event::{Entry, Event, Events};
use crate::types::record::Record;
use crate::types::{
    AcceptMode, AgentPresence, Cause, ChannelId, CloseOutcome, ConversationId, CustomerId, DivisionId,
    DurationMs, EventType, Millis, Position, QueueId, TraceParent, WithdrawReason,
};

#[derive(Clone, Default)]
struct Talk {
    customer: u32,
    queue: QueueId,
    channel: ChannelId,
    holder: Option<(u64, ChannelId)>,
    active: bool,
    expires: Option<Millis>,
}

#[derive(Default)]
struct Clerk {
    name: Vec<u8>,
    division: DivisionId,
    available: bool,
    capacity: Vec<(ChannelId, u32)>,
    queues: Option<Vec<QueueId>>,
    load: BTreeMap<ChannelId, u32>,
}

pub struct StandIn {
    rules: Arc<Rules>,
    decoder: Decoder,
    events: Events,
    clock: Millis,
    seen: BTreeSet<u128>,
    owners: BTreeMap<u128, u32>,
    parents: Vec<u32>,
    ordinals: Vec<u32>,
    talks: BTreeMap<ConversationId, Talk>,
    /// Conversations opened under each customer number, closed ones too.
    opened: Vec<Vec<ConversationId>>,
    queues: Vec<VecDeque<ConversationId>>,
    clerks: BTreeMap<u64, Clerk>,
    expiries: BTreeSet<(Millis, ConversationId)>,
    batches: Vec<DecisionBatch>,
    submitted: VecDeque<Batch>,
    pub accepted: [u64; 20],
    pub rejected: BTreeMap<&'static str, u64>,
    pub duplicates: u64,
    pub backwards: u64,
    pub dead_answers: u64,
}

impl StandIn {
    pub fn new(rules: &Rules) -> StandIn {
        let rules = Arc::new(rules.clone());
        let keys = Keys::new(&HashKey::PUBLIC, &rules);
        StandIn {
            decoder: Decoder::new(rules.clone(), keys, Default::default()),
            events: Events::default(),
            clock: Millis::MIN,
            seen: BTreeSet::new(),
            owners: BTreeMap::new(),
            parents: Vec::new(),
            ordinals: Vec::new(),
            talks: BTreeMap::new(),
            opened: Vec::new(),
            queues: vec![VecDeque::new(); rules.queues.len()],
            clerks: BTreeMap::new(),
            expiries: BTreeSet::new(),
            batches: rules.divisions.iter().map(|_| DecisionBatch::default()).collect(),
            submitted: VecDeque::new(),
            rules,
            accepted: [0; 20],
            rejected: BTreeMap::new(),
            duplicates: 0,
            backwards: 0,
            dead_answers: 0,
        }
    }

    fn root(&self, mut customer: u32) -> u32 {
        while self.parents[customer as usize] != customer {
            customer = self.parents[customer as usize];
        }
        customer
    }

    fn known(&self, events: &Events, event: &Event) -> Option<u32> {
        let identifiers = &events.identifiers[event.identifiers.range()];
        identifiers.iter().find_map(|i| self.owners.get(&i.hash)).map(|owner| self.root(*owner))
    }

    fn resolve(&mut self, events: &Events, event: &Event) -> u32 {
        let root = self.known(events, event).unwrap_or_else(|| {
            let new = self.parents.len() as u32;
            self.parents.push(new);
            self.ordinals.push(0);
            self.opened.push(Vec::new());
            new
        });
        for identifier in &events.identifiers[event.identifiers.range()] {
            let owner = *self.owners.entry(identifier.hash).or_insert(root);
            let owner = self.root(owner);
            if owner != root {
                self.parents[owner as usize] = root;
                let theirs = std::mem::take(&mut self.opened[owner as usize]);
                self.opened[root as usize].extend(theirs);
            }
        }
        root
    }

    fn decide(&mut self, id: ConversationId, cause: Cause, body: Body) {
        let Talk { customer, queue, channel, .. } = self.talks[&id];
        let division = self.rules.queues[queue.at()].division;
        let customer = CustomerId { hash: u64::from(customer), generation: 0 };
        let (time, traceparent) = (self.clock, TraceParent::NONE);
        let decision =
            Decision { time, cause, traceparent, conversation: id, customer, queue, channel, body };
        self.batches[division.at()].decisions.push(decision);
    }

    fn withdraw(&mut self, id: ConversationId, cause: Cause, reason: WithdrawReason) {
        let talk = self.talks.get_mut(&id).expect("known");
        let Some((agent, channel)) = talk.holder.take() else { return };
        talk.active = false;
        if let Some(expires) = talk.expires.take() {
            self.expiries.remove(&(expires, id));
        }
        let division = self.rules.queues[talk.queue.at()].division;
        let clerk = self.clerks.get_mut(&agent).expect("known");
        *clerk.load.get_mut(&channel).expect("held") -= 1;
        let agent = self.batches[division.at()].text(&clerk.name);
        self.decide(id, cause, Body::Withdrawn { agent, reason });
    }

    fn close(&mut self, id: ConversationId, cause: Cause, outcome: CloseOutcome) {
        let silent = outcome == CloseOutcome::Resolved;
        if silent {
            let talk = self.talks.get_mut(&id).expect("known");
            if let Some((agent, channel)) = talk.holder.take() {
                *self.clerks.get_mut(&agent).expect("known").load.get_mut(&channel).expect("held") -= 1;
            }
        } else {
            self.withdraw(id, cause, WithdrawReason::Abandoned);
        }
        let closed = Closed {
            outcome,
            disposition: None,
            wait: None,
            first_response: None,
            open: DurationMs::ZERO,
            contacts: 1,
            transfers: 0,
            offers: 0,
            breached: 0,
            at_once: false,
        };
        self.decide(id, cause, Body::Closed(closed));
        let talk = self.talks.remove(&id).expect("known");
        if outcome != CloseOutcome::Resolved || self.queues[talk.queue.at()].contains(&id) {
            self.queues[talk.queue.at()].retain(|other| *other != id);
        }
    }

    fn offer(&mut self, id: ConversationId, agent: u64, cause: Cause) {
        let talk = self.talks.get_mut(&id).expect("known");
        let queue = &self.rules.queues[talk.queue.at()];
        talk.holder = Some((agent, talk.channel));
        talk.active = queue.auto_accept;
        talk.expires = (!queue.auto_accept).then(|| self.clock.plus(queue.offer_timeout));
        let expires = talk.expires;
        if let Some(expires) = expires {
            self.expiries.insert((expires, id));
        }
        let clerk = self.clerks.get_mut(&agent).expect("known");
        *clerk.load.entry(talk.channel).or_default() += 1;
        let batch = &mut self.batches[queue.division.at()];
        let (agent, last_agent) = (batch.text(&clerk.name), batch.text(b""));
        let offered = Offered {
            agent,
            priority: 0,
            value: 0,
            waited: DurationMs::ZERO,
            accept: if queue.auto_accept { AcceptMode::Auto } else { AcceptMode::Offer },
            expires,
            due: [None; 4],
            strategy: "longest_idle",
            rank: 1,
            relaxed: 0,
            affinity: None,
            candidates: 1,
            first_contact: self.clock,
            failed_attempts: 0,
            attempts: Default::default(),
            last_agent,
            kinds: 0,
            message: Position::default(),
        };
        self.decide(id, cause, Body::Offered(offered));
    }

    fn can(&self, clerk: &Clerk, queue: QueueId, channel: ChannelId) -> bool {
        let load = |channel| clerk.load.get(&channel).copied().unwrap_or(0);
        let weight = |channel: ChannelId| self.rules.channels[channel.at()].weight;
        let used: u32 = clerk.load.iter().map(|(channel, load)| load * weight(*channel)).sum();
        clerk.available
            && clerk.queues.as_ref().is_none_or(|queues| queues.contains(&queue))
            && clerk.capacity.iter().any(|(c, capacity)| *c == channel && load(channel) < *capacity)
            && used + weight(channel) <= 100
    }

    fn match_all(&mut self, division: DivisionId, cause: Cause) {
        for queue in self.rules.divisions[division.at()].queues.clone() {
            // Only the head of the queue is looked at, and the next while it finds somebody.
            while let Some(id) = self.queues[queue.at()].front().copied() {
                let channel = self.talks[&id].channel;
                let able = |(_, clerk): &(&u64, &Clerk)| {
                    clerk.division == division && self.can(clerk, queue, channel)
                };
                let Some((agent, _)) = self.clerks.iter().find(able) else { break };
                let agent = *agent;
                self.queues[queue.at()].pop_front();
                self.offer(id, agent, cause);
            }
        }
    }

    fn expire(&mut self) {
        while let Some((deadline, id)) = self.expiries.first().copied().filter(|(at, _)| *at <= self.clock) {
            let now = std::mem::replace(&mut self.clock, deadline);
            let agent = self.talks[&id].holder.expect("offered").0;
            self.clerks.get_mut(&agent).expect("known").available = false;
            self.withdraw(id, Cause::Timer, WithdrawReason::Timeout);
            let queue = self.talks[&id].queue;
            self.queues[queue.at()].push_front(id);
            self.match_all(self.rules.queues[queue.at()].division, Cause::Timer);
            self.clock = now;
        }
    }

    fn contact(&mut self, events: &Events, event: &Event, cause: Cause) {
        let customer = self.resolve(events, event);
        let channel = event.channel.expect("required");
        let by_route = || {
            let fits = |when: &crate::rules::Condition| {
                when.channel.is_none_or(|mask| mask >> channel.0 & 1 == 1)
                    && when.intent.as_ref().is_none_or(|list| event.intent.is_some_and(|i| list.contains(&i)))
                    && when.tier.is_none()
            };
            self.rules.routes.iter().find(|route| fits(&route.when)).expect("the last has no condition").queue
        };
        let queue = event.queue.unwrap_or_else(by_route);
        let division = self.rules.queues[queue.at()].division;
        self.opened[customer as usize].retain(|id| self.talks.contains_key(id));
        let joins = |id: &ConversationId| self.rules.queues[self.talks[id].queue.at()].division == division;
        let known = event.conversation.is_some() && self.talks.contains_key(&event.conversation);
        if known || self.opened[customer as usize].iter().any(joins) {
            return;
        }
        self.ordinals[customer as usize] += 1;
        let customer_id = CustomerId { hash: u64::from(customer), generation: 0 };
        let id = ConversationId { customer: customer_id, ordinal: self.ordinals[customer as usize] };
        self.opened[customer as usize].push(id);
        self.talks.insert(id, Talk { customer, queue, channel, ..Talk::default() });
        self.queues[queue.at()].push_back(id);
        let thread = self.batches[division.at()].text(b"");
        self.decide(id, cause, Body::Opened { value: 0, thread, reopened: false });
        self.match_all(division, cause);
    }

    fn found(&self, events: &Events, event: &Event) -> Option<ConversationId> {
        if event.conversation.is_some() {
            return self.talks.contains_key(&event.conversation).then_some(event.conversation);
        }
        let customer = self.known(events, event)?;
        self.opened[customer as usize].iter().find(|id| self.talks.contains_key(id)).copied()
    }

    fn event(&mut self, events: &Events, event: &Event) {
        self.accepted[event.event_type as usize] += 1;
        let cause = Cause::Event(event.position);
        match event.event_type {
            EventType::ContactReceived => self.contact(events, event, cause),
            EventType::CustomerUpdated
            | EventType::IdentityLinked
            | EventType::IdentityUnlinked
            | EventType::CustomerErased => {
                self.resolve(events, event);
            }
            EventType::AgentUpdated | EventType::AgentState => self.clerk(events, event, cause),
            EventType::AgentWrapped | EventType::ConversationReplied => {}
            EventType::ConversationHeld | EventType::ConversationResumed => {}
            _ => match self.found(events, event) {
                Some(id) => self.on_talk(id, event, cause),
                None => self.dead_answers += u64::from(event.event_type == EventType::OfferAccepted),
            },
        }
    }

    fn clerk(&mut self, events: &Events, event: &Event, cause: Cause) {
        let clerk = self.clerks.entry(event.agent_key).or_default();
        clerk.division = event.division.expect("required");
        if let Some(presence) = event.presence {
            clerk.available = presence == AgentPresence::Available;
        } else {
            clerk.name = events.text(event.agent).to_vec();
            clerk.capacity = events.capacities[event.capacity.range()].to_vec();
            clerk.queues =
                event.queues.map(|list| events.queues[list.range()].iter().map(|q| q.queue).collect());
        }
        let division = clerk.division;
        if event.presence.is_some_and(|presence| presence != AgentPresence::Available) {
            let left =
                |talk: &Talk| !talk.active && talk.holder.is_some_and(|holder| holder.0 == event.agent_key);
            let ids: Vec<_> = self.talks.iter().filter(|(_, talk)| left(talk)).map(|(id, _)| *id).collect();
            for id in ids {
                self.withdraw(id, cause, WithdrawReason::AgentLeft);
                self.queues[self.talks[&id].queue.at()].push_front(id);
            }
        }
        self.match_all(division, cause);
    }

    fn on_talk(&mut self, id: ConversationId, event: &Event, cause: Cause) {
        let talk = self.talks.get_mut(&id).expect("found");
        let division = self.rules.queues[talk.queue.at()].division;
        let offered = talk.holder.is_some_and(|holder| holder.0 == event.agent_key) && !talk.active;
        match event.event_type {
            EventType::OfferAccepted if offered => {
                talk.active = true;
                let expires = talk.expires.take().expect("offered");
                self.expiries.remove(&(expires, id));
            }
            EventType::OfferAccepted => self.dead_answers += 1,
            EventType::OfferDeclined if offered => {
                self.withdraw(id, cause, WithdrawReason::Declined);
                self.queues[self.talks[&id].queue.at()].push_back(id);
            }
            EventType::ConversationTransferred => {
                self.withdraw(id, cause, WithdrawReason::Transferred);
                let talk = self.talks.get_mut(&id).expect("found");
                self.queues[talk.queue.at()].retain(|other| *other != id);
                talk.queue = event.queue.unwrap_or(talk.queue);
                self.queues[talk.queue.at()].push_back(id);
            }
            EventType::ConversationResolved => self.close(id, cause, CloseOutcome::Resolved),
            EventType::ContactAbandoned => {
                let outcome = if talk.active { CloseOutcome::Answered } else { CloseOutcome::Abandoned };
                self.close(id, cause, outcome);
            }
            _ => {}
        }
        self.match_all(division, cause);
    }
}

impl Engine for StandIn {
    fn submit(&mut self, batch: Batch) {
        self.submitted.push_back(batch);
    }

    fn collect(&mut self) -> Batch {
        let mut batch = self.submitted.pop_front().expect("one was submitted");
        self.apply(&batch);
        batch.hear(self.batches.iter());
        batch
    }
}

impl StandIn {
    fn apply(&mut self, batch: &Batch) {
        self.batches.iter_mut().for_each(DecisionBatch::clear);
        let records: Vec<Record<'_>> =
            batch.lines().map(|(offset, line)| Record::line(0, offset, line)).collect();
        let mut events = std::mem::take(&mut self.events);
        self.decoder.decode(&records, &mut events);
        for entry in &events.entries {
            match *entry {
                Entry::Rejected(place) => {
                    *self.rejected.entry(events.rejected[place as usize].reason.word()).or_default() += 1;
                }
                Entry::Event(place) => {
                    let event = &events.rows[place as usize];
                    self.backwards += u64::from(event.time.0 < self.clock.0.saturating_sub(900));
                    self.clock = self.clock.max(event.time);
                    self.expire();
                    if self.seen.insert(event.dedup_key) {
                        self.event(&events, event);
                    } else {
                        self.duplicates += 1;
                    }
                }
            }
        }
        self.events = events;
    }
}
