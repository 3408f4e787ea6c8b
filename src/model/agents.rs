//! What events about agents do in their division: definition, presence, the end of wrap-up; and what each timer
//! does, if its reason still holds.

use std::collections::{BTreeMap, BTreeSet};

use super::division::{Agent, Conversation, Division, Moment, State};
use super::event::Event;
use super::identity::CustomerNumber;
use super::timers::Timer;
use crate::rules::StepAction;
use crate::types::{
    AgentPresence, ConversationId, DurationMs, EventType, IgnoreReason, QueueId, WithdrawReason,
};

impl Agent {
    /// Whether it serves a queue, by itself or by a step, with exactly this delay: a former definition's counts no more.
    fn has_delay(&self, queue: QueueId, delay: i64, moment: &Moment) -> bool {
        let Some(queues) = &self.queues else { return false };
        if let Some(own) = queues.get(&queue) {
            return own.delay.0 == delay;
        }
        let mut steps = moment.queue(queue).steps.iter();
        steps.any(|step| match step.action {
            StepAction::Add(added) => queues.get(&added).is_some_and(|entry| entry.delay.0 == delay),
            _ => false,
        })
    }
}

impl Division {
    /// An event about an agent. `customer`: whom the `from` of `agent.wrapped` found.
    ///
    /// # Errors
    /// Why it has no effect.
    pub fn agent_event(
        &mut self,
        event: &Event,
        customer: Option<CustomerNumber>,
        moment: &mut Moment,
    ) -> Result<(), IgnoreReason> {
        let name = event.agent.as_deref().expect("an event about an agent names it");
        if event.event_type == EventType::AgentUpdated {
            self.define(name, event, moment);
            return Ok(());
        }
        if !self.agents.contains_key(name) {
            return Err(IgnoreReason::UnknownAgent);
        }
        match event.event_type {
            EventType::AgentState => {
                let presence = event.presence.expect("a presence has a state");
                self.presence(name, presence, event.requeue, moment);
                Ok(())
            }
            EventType::AgentWrapped => self.wrapped(name, event, customer, moment),
            other => unreachable!("{} is not about an agent", other.name()),
        }
    }

    /// Carries out a timer whose deadline is the moment's clock.
    pub fn carry_out(&mut self, timer: Timer, moment: &mut Moment) {
        match timer {
            Timer::OfferExpiry(id) => self.offer_expired(id, moment),
            Timer::WrapUp(agent, id) => self.wrap_up_over(&agent, id, moment),
            Timer::Reclaim(id) => self.reclaim(id, moment),
            Timer::Release(id) => self.release(id, moment),
            Timer::Step(id, number) => {
                let after = |c: &Conversation| moment.queue(c.queue).steps.get(number).map(|step| step.after);
                let conversation = self.conversations.get(&id);
                let now = conversation
                    .is_some_and(|c| after(c).is_some_and(|after| c.queued.plus(after) == moment.clock));
                self.touch(id, now);
            }
            Timer::Affinity(id, number) => {
                let window = self.conversations.get(&id).and_then(|c| c.windows.get(number));
                let over = window.is_some_and(|window| window.until == moment.clock);
                self.touch(id, over);
            }
            Timer::Exclusion(id, agent) => {
                let conversation = self.conversations.get(&id);
                let over = conversation.is_some_and(|c| c.excluded.get(&agent) == Some(&moment.clock));
                self.touch(id, over);
            }
            Timer::Delay(id, delay) => {
                let conversation = self.conversations.get(&id);
                let passed = conversation.is_some_and(|c| {
                    c.queued.plus(DurationMs(delay)) == moment.clock
                        && self.agents.values().any(|agent| agent.has_delay(c.queue, delay, moment))
                });
                self.touch(id, passed);
            }
            Timer::Opening(id) => {
                let opening = self.conversations.get(&id).and_then(|c| c.opening);
                self.touch(id, opening == Some(moment.clock));
            }
            Timer::Ramp(agent) => {
                self.freer.insert(agent);
            }
            Timer::MaxWait(id) => self.waited_too_long(id, moment),
            Timer::Callback(id) => self.callback_due(id, moment),
            Timer::Warning(id, objective, percent) => self.warn(id, objective, percent, moment),
            Timer::Breach(id, objective) => self.breach(id, objective, moment),
            Timer::IdleClose(id) => self.idle(id, moment),
        }
    }

    /// Somebody may take it now who might not before, if it waits.
    fn touch(&mut self, id: ConversationId, is_so: bool) {
        if is_so && self.waiting.contains(&id) {
            self.takeable.insert(id);
        }
    }

    fn define(&mut self, name: &str, event: &Event, moment: &mut Moment) {
        let division = &moment.rules.divisions[self.id.at()];
        let waiting = self.waiting_for(name, moment);
        let agent = self.agents.entry(name.to_owned()).or_insert_with(|| Agent {
            presence: AgentPresence::Offline,
            not_responding: false,
            capacity: BTreeMap::new(),
            budget: 0,
            own_budget: None,
            skills: BTreeMap::new(),
            langs: Default::default(),
            queues: None,
            holding: BTreeMap::new(),
            wrap_ups: BTreeMap::new(),
            idle_since: None,
            handled: 0,
            last_offer: BTreeMap::new(),
            offline_since: None,
            offers: Vec::new(),
        });
        agent.capacity = event.capacity.clone();
        agent.own_budget = event.budget;
        agent.budget = event.budget.unwrap_or(division.agents_budget);
        agent.skills = event.skills.clone().unwrap_or_default();
        agent.langs = event.langs.clone();
        agent.queues = event.queues.clone();
        if agent.is_available() {
            self.freer.insert(name.to_owned());
        }
        self.arm_delays(name, moment);
        self.wait_no_longer(name, &waiting, moment);
    }

    /// What waits for this agent and nobody else now.
    fn waiting_for(&self, name: &str, moment: &Moment) -> BTreeSet<ConversationId> {
        let waits = |id: &ConversationId| {
            let conversation = self.conversation(*id);
            self.waits_for(conversation, moment).is_some_and(|window| window.agent == name)
        };
        self.waiting.iter().copied().filter(waits).collect()
    }

    /// The agent has changed: what waited for it, and no longer does, may be taken by others.
    fn wait_no_longer(&mut self, name: &str, before: &BTreeSet<ConversationId>, moment: &Moment) {
        let still = self.waiting_for(name, moment);
        self.takeable.extend(before.difference(&still));
    }

    /// What waits, or may come back to the queue, learns when this agent's delays will have passed.
    pub fn arm_delays(&mut self, name: &str, moment: &Moment) {
        let Some(queues) = &self.agents[name].queues else { return };
        for (id, conversation) in &self.conversations {
            let steps = moment.queue(conversation.queue).steps.iter();
            let added = steps.filter_map(|step| match step.action {
                StepAction::Add(added) => Some(added),
                _ => None,
            });
            for entry in added.chain([conversation.queue]).filter_map(|queue| queues.get(&queue)) {
                let deadline = conversation.queued.plus(entry.delay);
                if deadline > moment.clock {
                    self.timers.arm(deadline, Timer::Delay(*id, entry.delay.0));
                }
            }
        }
    }

    fn presence(&mut self, name: &str, presence: AgentPresence, requeue: bool, moment: &mut Moment) {
        let waiting = self.waiting_for(name, moment);
        let agent = self.agent_mut(name);
        let leaves = presence == AgentPresence::Offline && agent.presence != AgentPresence::Offline;
        if agent.presence == AgentPresence::Offline && presence != AgentPresence::Offline {
            agent.handled = 0;
        }
        agent.presence = presence;
        agent.not_responding = false;
        if presence == AgentPresence::Available {
            agent.idle_since.get_or_insert(moment.clock);
        }
        if leaves {
            agent.offline_since = Some(moment.clock);
        }
        if presence != AgentPresence::Offline {
            agent.offline_since = None;
        }
        let holding: Vec<ConversationId> = agent.holding.keys().copied().collect();
        if presence == AgentPresence::Available {
            self.freer.insert(name.to_owned());
        }
        for id in holding {
            let accepted = self.conversation(id).state.is_accepted();
            if accepted && requeue && presence != AgentPresence::Available {
                self.put_back(id, moment);
            } else if accepted && leaves {
                self.arm_reclaim(id, moment);
            } else if !accepted && presence != AgentPresence::Available {
                self.miss_offer(id, WithdrawReason::AgentLeft, moment);
            }
        }
        self.wait_no_longer(name, &waiting, moment);
    }

    /// The conversation goes back to the queue when its agent has been offline for what its channel says.
    pub fn arm_reclaim(&mut self, id: ConversationId, moment: &Moment) {
        let conversation = self.conversation(id);
        let agent = &self.agents[conversation.state.agent().expect("an agent has it")];
        let span = moment.rules.channels[conversation.channel.at()].reclaim;
        let reclaimed = agent.offline_since.zip(span).map(|(since, span)| since.plus(span).max(moment.clock));
        self.conversation_mut(id).reclaimed = reclaimed;
        if let Some(deadline) = reclaimed {
            self.timers.arm(deadline, Timer::Reclaim(id));
        }
    }

    fn reclaim(&mut self, id: ConversationId, moment: &mut Moment) {
        let Some(conversation) = self.conversations.get(&id) else { return };
        if !conversation.state.is_accepted() || conversation.reclaimed != Some(moment.clock) {
            return;
        }
        let agent = &self.agents[conversation.state.agent().expect("an agent has it")];
        if agent.presence == AgentPresence::Offline {
            self.put_back(id, moment);
        }
    }

    /// The agent gets the weight back, as long as the customer is silent.
    fn release(&mut self, id: ConversationId, moment: &Moment) {
        let Some(conversation) = self.conversations.get(&id) else { return };
        if conversation.agent_replied.is_none() || conversation.release != Some(moment.clock) {
            return;
        }
        let name = conversation.state.agent().expect("who replied has it").to_owned();
        let hold = self.agent_mut(&name).holding.get_mut(&id).expect("an agent knows what it has");
        hold.released = true;
        self.freer.insert(name);
    }

    fn wrapped(
        &mut self,
        name: &str,
        event: &Event,
        customer: Option<CustomerNumber>,
        moment: &Moment,
    ) -> Result<(), IgnoreReason> {
        let agent = self.agent_mut(name);
        let before = agent.wrap_ups.len();
        match (event.conversation, customer) {
            (Some(id), _) => {
                agent.wrap_ups.remove(&id);
            }
            (None, Some(customer)) => {
                agent.wrap_ups.retain(|_, wrap_up| moment.identity.root(wrap_up.customer) != customer);
            }
            (None, None) => agent.wrap_ups.clear(),
        }
        if agent.wrap_ups.len() == before {
            return Err(IgnoreReason::WrongState);
        }
        self.freer.insert(name.to_owned());
        Ok(())
    }

    fn offer_expired(&mut self, id: ConversationId, moment: &mut Moment) {
        let Some(conversation) = self.conversations.get(&id) else { return };
        let State::Offered { agent, expires } = conversation.state.clone() else { return };
        if expires == moment.clock {
            self.miss_offer(id, WithdrawReason::Timeout, moment);
            self.agent_mut(&agent).not_responding = true;
        }
    }

    fn wrap_up_over(&mut self, name: &str, id: ConversationId, moment: &Moment) {
        let agent = self.agent_mut(name);
        if agent.wrap_ups.get(&id).is_some_and(|wrap_up| wrap_up.ends == moment.clock) {
            agent.wrap_ups.remove(&id);
            self.freer.insert(name.to_owned());
        }
    }
}
