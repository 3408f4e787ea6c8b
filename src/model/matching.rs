//! Matching: who may take what, what an agent takes, who gets a conversation. Every question is answered by going
//! through all agents of the division, or through all its waiting conversations.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::division::{Agent, Conversation, Division, Hold, Moment, State, Window};
use super::output::{self, Body};
use super::timers::Timer;
use crate::rules::{Curve, Dispatch, Step, StepAction, Strategy};
use crate::types::{
    AcceptMode, AgentPresence, ChannelId, ConversationId, DurationMs, Millis, Objective, QueueId,
};

/// Offers are counted over this time.
pub(super) const RAMP: DurationMs = DurationMs::seconds(60);

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
            for name in self.agents.keys() {
                if self.may_take(name, *id, moment) {
                    missed.push((*id, name.clone()));
                }
            }
        }
        missed
    }

    /// Whether the agent may take the conversation, which waits, now.
    pub fn may_take(&self, name: &str, id: ConversationId, moment: &Moment) -> bool {
        let (agent, conversation) = (&self.agents[name], self.conversation(id));
        let excluded = conversation.excluded.get(name).is_some_and(|until| moment.clock < *until);
        agent.is_available()
            && rank(agent, conversation, moment).is_some()
            && conversation.opening.is_none_or(|opening| opening <= moment.clock)
            && qualifies(agent, conversation, moment)
            && has_room(agent, conversation.channel, moment)
            && self.on_ramp(agent, moment)
            && !excluded
            && self.waits_for(conversation, moment).is_none_or(|window| window.agent == name)
    }

    /// The window of affinity that holds now: its agent is neither offline nor away and could serve the conversation,
    /// room apart.
    pub fn waits_for<'c>(&self, conversation: &'c Conversation, moment: &Moment) -> Option<&'c Window> {
        let window = conversation.windows.iter().find(|window| moment.clock < window.until)?;
        let agent = &self.agents[&window.agent];
        let serves = agent.presence == AgentPresence::Available
            && listed(agent, conversation, moment).next().is_some()
            && qualifies(agent, conversation, moment);
        serves.then_some(window)
    }

    /// Whether the agent may get one more offer this minute.
    fn on_ramp(&self, agent: &Agent, moment: &Moment) -> bool {
        let Some(ramp) = moment.rules.divisions[self.id.at()].ramp else { return true };
        let oldest = moment.clock.minus(RAMP);
        agent.offers.iter().filter(|offer| **offer > oldest).count() < ramp as usize
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
            .filter(|(name, _)| self.may_take(name, id, moment))
            .min_by_key(|(name, agent)| {
                (merit(agent, conversation, moment), agent.idle_since.unwrap_or(Millis::MIN), name.as_str())
            })
            .map(|(name, _)| name.clone());
        if let Some(agent) = best {
            self.offer_as_the_queue_says(id, &agent, moment);
        }
    }

    /// The agent takes the best of what it may take, until it may take no more.
    fn take(&mut self, name: &str, moment: &mut Moment) {
        while let Some(id) = self.best_for(name, moment) {
            self.offer_as_the_queue_says(id, name, moment);
        }
    }

    /// Of what the agent may take: its lowest rank, then what the division's `dispatch` says.
    pub fn best_for(&self, name: &str, moment: &Moment) -> Option<ConversationId> {
        let agent = &self.agents[name];
        if !has_room_at_all(agent, moment) {
            return None;
        }
        let takeable: Vec<ConversationId> =
            self.waiting.iter().copied().filter(|id| self.may_take(name, *id, moment)).collect();
        let rank = |id: &ConversationId| rank(agent, self.conversation(*id), moment);
        let lowest = takeable.iter().map(rank).min()?;
        let of_rank: Vec<ConversationId> = takeable.into_iter().filter(|id| rank(id) == lowest).collect();
        let place = |id: ConversationId| {
            let conversation = self.conversation(id);
            (Reverse(priority(conversation, moment)), conversation.arrived, id)
        };
        if moment.rules.divisions[self.id.at()].dispatch == Dispatch::Priority {
            return of_rank.into_iter().min_by_key(|id| place(*id));
        }
        let mut heads: BTreeMap<QueueId, ConversationId> = BTreeMap::new();
        for id in of_rank {
            let head = heads.entry(self.conversation(id).queue).or_insert(id);
            if place(id) < place(*head) {
                *head = id;
            }
        }
        self.queue_to_serve(&heads, moment).map(|queue| heads[&queue])
    }

    /// Offers the conversation, or gives it at once if its queue says so.
    fn offer_as_the_queue_says(&mut self, id: ConversationId, name: &str, moment: &mut Moment) {
        let auto = moment.queue(self.conversation(id).queue).auto_accept;
        self.offer(id, name, if auto { AcceptMode::Auto } else { AcceptMode::Offer }, moment);
    }

    /// Offers or gives the conversation to the agent.
    pub fn offer(&mut self, id: ConversationId, name: &str, accept: AcceptMode, moment: &mut Moment) {
        if moment.reasons.is_some() {
            let reasons = self.reasons(id, name, accept, moment);
            moment.reasons.iter_mut().for_each(|all| all.push(reasons.clone()));
        }
        let body = self.offered(id, name, accept, moment);
        let expires = body.expires;
        self.tell(id, Body::Offered(Box::new(body)), moment);
        self.waiting.remove(&id);
        let conversation = self.conversation_mut(id);
        conversation.offers += 1;
        conversation.state =
            State::Offered { agent: name.to_owned(), expires: expires.unwrap_or(moment.clock) };
        let (queue_id, channel) = (conversation.queue, conversation.channel);
        let agent = self.agent_mut(name);
        agent.holding.insert(id, Hold { channel, released: false });
        agent.last_offer.insert(queue_id, moment.clock);
        let oldest = moment.clock.minus(RAMP);
        agent.offers.retain(|offer| *offer > oldest);
        agent.offers.push(moment.clock);
        if moment.rules.divisions[self.id.at()].ramp.is_some() {
            self.timers.arm(moment.clock.plus(RAMP), Timer::Ramp(name.to_owned()));
        }
        self.count_served(queue_id);
        match expires {
            Some(expires) => self.timers.arm(expires, Timer::OfferExpiry(id)),
            None => self.accept(id, moment),
        }
    }

    /// What the offer says.
    fn offered(
        &self,
        id: ConversationId,
        name: &str,
        accept: AcceptMode,
        moment: &Moment,
    ) -> output::Offered {
        let conversation = &self.conversations[&id];
        let queue = moment.queue(conversation.queue);
        let from = moment.now.map_or(moment.clock, |now| now.max(moment.clock));
        let window = self
            .waits_for(conversation, moment)
            .filter(|window| window.agent == name && accept != AcceptMode::Ordered);
        output::Offered {
            conversation: id,
            customer: moment.identity.id(conversation.customer),
            agent: name.to_owned(),
            division: self.name(moment),
            queue: queue.name.clone(),
            channel: moment.channel_name(conversation.channel),
            priority: shown(priority(conversation, moment)),
            value: conversation.worth.value(),
            waited: moment.clock.since(conversation.arrived),
            accept,
            expires: (accept == AcceptMode::Offer).then(|| from.plus(queue.offer_timeout)),
            due: running_clocks(conversation, accept != AcceptMode::Offer),
            strategy: queue.strategy.word().to_owned(),
            rank: rank(&self.agents[name], conversation, moment).unwrap_or(0),
            relaxed: passed_steps(conversation, moment).count() as u32,
            affinity: window.map(|window| window.affinity),
            candidates: self.candidates(id, moment) as u32,
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
        }
    }

    /// Agents who may take the conversation, up to the limit of counting. What somebody has is nobody's to take.
    fn candidates(&self, id: ConversationId, moment: &Moment) -> usize {
        if !self.waiting.contains(&id) {
            return 0;
        }
        let may = |name: &&String| self.may_take(name, id, moment);
        self.agents.keys().filter(may).count().min(CANDIDATES_MAX)
    }
}

/// Required skills, languages.
fn qualifies(agent: &Agent, conversation: &Conversation, moment: &Moment) -> bool {
    let speaks = !moment.queue(conversation.queue).match_lang
        || conversation.lang.as_ref().is_none_or(|lang| agent.langs.contains(lang));
    let has = |(skill, level): (&str, u8)| agent.skills.get(skill).is_some_and(|own| *own >= level);
    speaks && required_skills(conversation, moment).into_iter().all(has)
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

/// Sum of the weights of what the agent holds and has not given back.
fn used(agent: &Agent, moment: &Moment) -> u64 {
    let held = agent.holding.values().filter(|hold| !hold.released).map(|hold| hold.channel);
    let channels = held.chain(agent.wrap_ups.values().map(|wrap_up| wrap_up.channel));
    channels.map(|channel| u64::from(moment.rules.channels[channel.at()].weight)).sum()
}

/// The steps of relaxation that the conversation has passed.
fn passed_steps<'m>(conversation: &Conversation, moment: &'m Moment) -> impl Iterator<Item = &'m Step> {
    let (queued, clock) = (conversation.queued, moment.clock);
    moment.queue(conversation.queue).steps.iter().filter(move |step| queued.plus(step.after) <= clock)
}

/// Rank and delay by which the agent's list serves the conversation: those of its queue, or else those of the queues
/// whose agents a step has added.
fn listed(
    agent: &Agent,
    conversation: &Conversation,
    moment: &Moment,
) -> impl Iterator<Item = (u32, DurationMs)> {
    let of = |queue: QueueId| match &agent.queues {
        None => Some((1, DurationMs::ZERO)),
        Some(list) => list.get(&queue).map(|entry| (entry.rank, entry.delay)),
    };
    let added = passed_steps(conversation, moment).filter_map(|step| match step.action {
        StepAction::Add(queue) => Some(queue),
        _ => None,
    });
    let entries: Vec<(u32, DurationMs)> = match of(conversation.queue) {
        Some(own) => vec![own],
        None => added.filter_map(of).collect(),
    };
    entries.into_iter()
}

/// The lowest rank by which the agent serves the conversation, delays considered; none if it does not.
pub(super) fn rank(agent: &Agent, conversation: &Conversation, moment: &Moment) -> Option<u32> {
    let passed = |(_, delay): &(u32, DurationMs)| conversation.queued.plus(*delay) <= moment.clock;
    listed(agent, conversation, moment).filter(passed).map(|(rank, _)| rank).min()
}

/// The queue's skills and the contact's, of one that both name the higher level; then the steps passed, one after the
/// other, except on what the queue calls hard.
fn required_skills<'a>(conversation: &'a Conversation, moment: &'a Moment) -> BTreeMap<&'a str, u8> {
    let mut required: BTreeMap<&str, u8> = BTreeMap::new();
    let queue = moment.queue(conversation.queue);
    let of_queue = queue.skills.iter().map(|skill| (skill.name.as_str(), skill.level));
    let of_contact = conversation.skills.iter().map(|(name, level)| (name.as_str(), *level));
    for (name, level) in of_queue.chain(of_contact) {
        let highest = required.entry(name).or_insert(level);
        *highest = level.max(*highest);
    }
    let hard = |name: &str| queue.skills.iter().any(|skill| skill.hard && skill.name == name);
    for step in passed_steps(conversation, moment) {
        match &step.action {
            StepAction::Drop(names) => {
                required.retain(|name, _| hard(name) || !names.iter().any(|dropped| dropped == name));
            }
            StepAction::Lower(levels) => {
                for (name, to) in levels.iter().filter(|(name, _)| !hard(name)) {
                    required.entry(name).and_modify(|level| *level = *to.min(level));
                }
            }
            StepAction::Add(_) | StepAction::Raise(_) => {}
        }
    }
    required
}

/// What the queue's strategy compares: the smallest gets the conversation. Ties are the caller's.
pub(super) fn merit(agent: &Agent, conversation: &Conversation, moment: &Moment) -> i64 {
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

/// Priority in units of 2⁻³² point: the value, what the curve of the queue adds at this age, and what steps have raised.
pub(super) fn priority(conversation: &Conversation, moment: &Moment) -> i128 {
    let age = moment.clock.since(conversation.arrived).max(DurationMs::ZERO);
    let fixed = i128::from(conversation.worth.value()) + raised(conversation, moment);
    (fixed << 32) + points(&moment.queue(conversation.queue).curve, age)
}

/// The points that steps of relaxation have added.
pub(super) fn raised(conversation: &Conversation, moment: &Moment) -> i128 {
    let raised = passed_steps(conversation, moment).map(|step| match step.action {
        StepAction::Raise(points) => i128::from(points),
        _ => 0,
    });
    raised.sum()
}

/// The curve at an age: points at the beginning of the last segment that has begun, and its slope since.
pub(super) fn points(curve: &Curve, age: DurationMs) -> i128 {
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
