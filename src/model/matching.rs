//! Matching: who may take what, what an agent takes, who gets a conversation. Every question is answered by going
//! through all agents of the division, or through all its waiting conversations.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::division::{Agent, Conversation, Division, Moment, State};
use super::output::{self, Body};
use crate::rules::{Curve, Strategy};
use crate::types::{AcceptMode, ChannelId, ConversationId, DurationMs, Millis, Objective, QueueId};

/// Candidates are counted up to this.
const CANDIDATES_MAX: usize = 1_000;

impl Division {
    /// Matching after one event or one timer: one conversation that it made takeable asks who gets it, then the
    /// agents that it made freer take in the order of their names; several conversations make all agents take.
    pub fn match_touched(&mut self, moment: &mut Moment) {
        let takeable = std::mem::take(&mut self.takeable);
        let freer = std::mem::take(&mut self.freer);
        if takeable.len() > 1 {
            let everybody: Vec<String> = self.agents.keys().cloned().collect();
            for agent in everybody {
                self.take(&agent, moment);
            }
            return;
        }
        for conversation in takeable {
            self.ask_who_gets(conversation, moment);
        }
        for agent in freer {
            self.take(&agent, moment);
        }
    }

    /// The waiting conversations that nobody takes although somebody may: after each entry there is none.
    pub fn missed_matches(&self, moment: &Moment) -> Vec<(ConversationId, String)> {
        let mut missed = Vec::new();
        for id in &self.waiting {
            for (name, agent) in &self.agents {
                if may_take(name, agent, self.conversation(*id), moment) {
                    missed.push((*id, name.clone()));
                }
            }
        }
        missed
    }

    /// Offers a waiting conversation to the agent whom the queue's strategy prefers.
    fn ask_who_gets(&mut self, id: ConversationId, moment: &mut Moment) {
        if !self.waiting.contains(&id) {
            return;
        }
        let conversation = self.conversation(id);
        let best = self
            .agents
            .iter()
            .filter(|(name, agent)| may_take(name, agent, conversation, moment))
            .min_by_key(|(name, agent)| {
                (merit(agent, conversation, moment), agent.idle_since.unwrap_or(Millis::MIN), name.as_str())
            })
            .map(|(name, _)| name.clone());
        if let Some(agent) = best {
            self.offer(id, &agent, moment);
        }
    }

    /// The agent takes the best of what it may take, until it may take no more.
    fn take(&mut self, name: &str, moment: &mut Moment) {
        loop {
            let agent = &self.agents[name];
            if !has_room_at_all(agent, moment) {
                return;
            }
            let best = self
                .waiting
                .iter()
                .map(|id| (*id, self.conversation(*id)))
                .filter(|(_, conversation)| may_take(name, agent, conversation, moment))
                .min_by_key(|(id, conversation)| {
                    let rank = rank(agent, conversation.queue).expect("it serves the queue");
                    (rank, Reverse(priority(conversation, moment)), conversation.arrived, *id)
                })
                .map(|(id, _)| id);
            match best {
                Some(id) => self.offer(id, name, moment),
                None => return,
            }
        }
    }

    /// Offers the conversation, or gives it at once if its queue says so.
    fn offer(&mut self, id: ConversationId, name: &str, moment: &mut Moment) {
        let candidates = self.candidates(id, moment);
        let conversation = &self.conversations[&id];
        let queue = moment.queue(conversation.queue).clone();
        let agent_rank = rank(&self.agents[name], conversation.queue).expect("it serves the queue");
        let from = moment.now.map_or(moment.clock, |now| now.max(moment.clock));
        let expires = from.plus(queue.offer_timeout);
        let body = output::Offered {
            conversation: id,
            customer: moment.identity.id(conversation.customer),
            agent: name.to_owned(),
            division: self.name(moment),
            queue: queue.name.clone(),
            channel: moment.channel_name(conversation.channel),
            priority: shown(priority(conversation, moment)),
            value: conversation.value,
            waited: moment.clock.since(conversation.arrived),
            accept: if queue.auto_accept { AcceptMode::Auto } else { AcceptMode::Offer },
            expires: if queue.auto_accept { None } else { Some(expires) },
            due: running_clocks(conversation, queue.auto_accept),
            strategy: queue.strategy.word().to_owned(),
            rank: agent_rank,
            relaxed: 0,
            affinity: None,
            candidates: candidates as u32,
            first_contact: conversation.first_contact,
            failed_attempts: conversation.context.failed_attempts,
            attempts: shown_attempts(conversation, moment),
            last_agent: conversation.context.last_agent.clone(),
            kinds: conversation
                .context
                .kinds
                .iter()
                .map(|kind| moment.rules.identity.kinds[kind.at()].name.clone())
                .collect(),
            message: conversation.context.message,
        };
        self.tell(id, Body::Offered(Box::new(body)), moment);
        self.waiting.remove(&id);
        let conversation = self.conversation_mut(id);
        conversation.offers += 1;
        conversation.state = State::Offered { agent: name.to_owned(), expires };
        let (queue_id, channel) = (conversation.queue, conversation.channel);
        let agent = self.agent_mut(name);
        agent.holding.insert(id, channel);
        agent.last_offer.insert(queue_id, moment.clock);
        if queue.auto_accept {
            self.accept(id, moment);
        } else {
            self.timers.arm(expires, super::timers::Timer::OfferExpiry(id));
        }
    }

    /// Agents who may take the conversation, up to the limit of counting.
    fn candidates(&self, id: ConversationId, moment: &Moment) -> usize {
        let conversation = self.conversation(id);
        let may = |(name, agent): &(&String, &Agent)| may_take(name, agent, conversation, moment);
        self.agents.iter().filter(may).count().min(CANDIDATES_MAX)
    }
}

/// Whether the agent may take the conversation now.
pub fn may_take(name: &str, agent: &Agent, conversation: &Conversation, moment: &Moment) -> bool {
    let Some(delay) = delay(agent, conversation.queue) else { return false };
    if !agent.is_available() || !has_room(agent, conversation.channel, moment) {
        return false;
    }
    let queue = moment.queue(conversation.queue);
    let delay_passed = conversation.queued.plus(delay) <= moment.clock;
    let excluded = conversation.excluded.get(name).is_some_and(|until| moment.clock < *until);
    let speaks =
        !queue.match_lang || conversation.lang.as_ref().is_none_or(|lang| agent.langs.contains(lang));
    let skilled = || {
        required_skills(conversation, moment)
            .iter()
            .all(|(skill, level)| agent.skills.get(*skill).is_some_and(|has| has >= level))
    };
    delay_passed && !excluded && speaks && skilled()
}

/// Whether the agent has room for one more of this channel.
fn has_room(agent: &Agent, channel: ChannelId, moment: &Moment) -> bool {
    let channels = &moment.rules.channels;
    let load = agent.load().filter(|held| *held == channel).count();
    let capacity = agent.capacity.get(&channel).copied().unwrap_or(0) as usize;
    let weight = u64::from(channels[channel.at()].weight);
    let excludes = |a: ChannelId, b: ChannelId| channels[a.at()].excludes >> b.0 & 1 == 1;
    load < capacity
        && used(agent, moment) + weight <= u64::from(agent.budget)
        && agent.load().all(|held| held == channel || !(excludes(held, channel) || excludes(channel, held)))
}

/// Whether the agent has room for anything: only to spare a search that finds nothing.
fn has_room_at_all(agent: &Agent, moment: &Moment) -> bool {
    agent.is_available() && agent.capacity.keys().any(|channel| has_room(agent, *channel, moment))
}

/// Sum of the weights of what the agent holds.
fn used(agent: &Agent, moment: &Moment) -> u64 {
    agent.load().map(|channel| u64::from(moment.rules.channels[channel.at()].weight)).sum()
}

/// The agent's rank of a queue of its division; none if it does not serve it.
fn rank(agent: &Agent, queue: QueueId) -> Option<u32> {
    match &agent.queues {
        None => Some(1),
        Some(own) => own.get(&queue).map(|entry| entry.rank),
    }
}

fn delay(agent: &Agent, queue: QueueId) -> Option<DurationMs> {
    match &agent.queues {
        None => Some(DurationMs::ZERO),
        Some(own) => own.get(&queue).map(|entry| entry.delay),
    }
}

/// The queue's skills and the contact's, of one that both name the higher level.
fn required_skills<'a>(conversation: &'a Conversation, moment: &'a Moment) -> BTreeMap<&'a str, u8> {
    let mut required: BTreeMap<&str, u8> = BTreeMap::new();
    let of_queue =
        moment.queue(conversation.queue).skills.iter().map(|skill| (skill.name.as_str(), skill.level));
    let of_contact = conversation.skills.iter().map(|(name, level)| (name.as_str(), *level));
    for (name, level) in of_queue.chain(of_contact) {
        let highest = required.entry(name).or_insert(level);
        *highest = level.max(*highest);
    }
    required
}

/// What the queue's strategy compares: the smallest gets the conversation. Ties are the caller's.
fn merit(agent: &Agent, conversation: &Conversation, moment: &Moment) -> i64 {
    match moment.queue(conversation.queue).strategy {
        Strategy::LongestIdle => 0,
        Strategy::LeastBusy => agent.load().count() as i64,
        Strategy::MostSpare => used(agent, moment) as i64 - i64::from(agent.budget),
        Strategy::BestSkill => {
            let required = required_skills(conversation, moment);
            let levels = required.keys().filter_map(|skill| agent.skills.get(*skill));
            -levels.map(|level| i64::from(*level)).sum::<i64>()
        }
        Strategy::RoundRobin => agent.last_offer.get(&conversation.queue).map_or(i64::MIN, |offer| offer.0),
        Strategy::FewestHandled => agent.handled as i64,
    }
}

/// Priority in units of 2⁻³² point: the value, and what the curve of the queue adds at this age.
fn priority(conversation: &Conversation, moment: &Moment) -> i128 {
    let age = moment.clock.since(conversation.arrived).max(DurationMs::ZERO);
    (i128::from(conversation.value) << 32) + points(&moment.queue(conversation.queue).curve, age)
}

/// The curve at an age: points at the beginning of the last segment that has begun, and its slope since.
fn points(curve: &Curve, age: DurationMs) -> i128 {
    let begun = curve.segments.iter().rfind(|segment| segment.from <= age);
    let segment = begun.expect("the first segment begins at age 0");
    (i128::from(segment.points) << 32) + i128::from(segment.slope) * i128::from(age.0 - segment.from.0)
}

/// Rounded to points: `floor(p / 2³² + ½)`.
fn shown(priority: i128) -> i64 {
    ((priority + (1 << 31)) >> 32) as i64
}

/// Due times of the clocks that run for the agent: straight acceptance stops the wait in the queue.
fn running_clocks(conversation: &Conversation, accepted: bool) -> BTreeMap<Objective, Millis> {
    let running =
        conversation.cycles.iter().filter(|(objective, _)| !accepted || **objective != Objective::QueueWait);
    running.filter_map(|(objective, cycle)| Some((*objective, cycle.due()?))).collect()
}

fn shown_attempts(conversation: &Conversation, moment: &Moment) -> Vec<output::Attempt> {
    let attempts = conversation.context.attempts.iter();
    attempts
        .map(|attempt| output::Attempt {
            at: attempt.at,
            channel: moment.channel_name(attempt.channel),
            outcome: attempt.outcome,
        })
        .collect()
}
