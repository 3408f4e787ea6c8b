//! What events about agents do in their division: definition, presence, the end of wrap-up; and what each timer
//! does, if its reason still holds.

use std::collections::BTreeMap;

use super::division::{Agent, Division, Moment, State};
use super::event::Event;
use super::identity::CustomerNumber;
use super::timers::Timer;
use crate::types::{AgentPresence, ConversationId, DurationMs, EventType, IgnoreReason, WithdrawReason};

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
                self.presence(name, event.presence.expect("a presence has a state"), moment);
                Ok(())
            }
            EventType::AgentWrapped => self.wrapped(name, event, customer),
            other => unreachable!("{} is not about an agent", other.name()),
        }
    }

    /// Carries out a timer whose deadline is the moment's clock.
    pub fn carry_out(&mut self, timer: Timer, moment: &mut Moment) {
        match timer {
            Timer::OfferExpiry(id) => self.offer_expired(id, moment),
            Timer::WrapUp(agent, id) => self.wrap_up_over(&agent, id, moment),
            Timer::Exclusion(id, agent) => {
                let conversation = self.conversations.get(&id);
                let over = conversation.is_some_and(|c| c.excluded.get(&agent) == Some(&moment.clock));
                if over && self.waiting.contains(&id) {
                    self.takeable.insert(id);
                }
            }
            Timer::Delay(id, delay) => {
                let conversation = self.conversations.get(&id);
                let passed = conversation.is_some_and(|c| c.queued.plus(DurationMs(delay)) == moment.clock);
                if passed && self.waiting.contains(&id) {
                    self.takeable.insert(id);
                }
            }
            Timer::Warning(id, objective, percent) => self.warn(id, objective, percent, moment),
            Timer::Breach(id, objective) => self.breach(id, objective, moment),
            Timer::IdleClose(id) => self.idle(id, moment),
        }
    }

    fn define(&mut self, name: &str, event: &Event, moment: &mut Moment) {
        let division = &moment.rules.divisions[self.id.at()];
        let agent = self.agents.entry(name.to_owned()).or_insert_with(|| Agent {
            presence: AgentPresence::Offline,
            not_responding: false,
            capacity: BTreeMap::new(),
            budget: 0,
            skills: BTreeMap::new(),
            langs: Default::default(),
            queues: None,
            holding: BTreeMap::new(),
            wrap_ups: BTreeMap::new(),
            idle_since: None,
            handled: 0,
            last_offer: BTreeMap::new(),
        });
        agent.capacity = event.capacity.clone();
        agent.budget = event.budget.unwrap_or(division.agents_budget);
        agent.skills = event.skills.clone().unwrap_or_default();
        agent.langs = event.langs.clone();
        agent.queues = event.queues.clone();
        if agent.is_available() {
            self.freer.insert(name.to_owned());
        }
        self.arm_delays(name, moment);
    }

    /// What waits, or may come back to the queue, learns when this agent's delays will have passed.
    fn arm_delays(&mut self, name: &str, moment: &Moment) {
        let Some(queues) = &self.agents[name].queues else { return };
        for (id, conversation) in &self.conversations {
            let Some(entry) = queues.get(&conversation.queue) else { continue };
            let deadline = conversation.queued.plus(entry.delay);
            if !conversation.state.is_accepted() && deadline > moment.clock {
                self.timers.arm(deadline, Timer::Delay(*id, entry.delay.0));
            }
        }
    }

    fn presence(&mut self, name: &str, presence: AgentPresence, moment: &mut Moment) {
        let agent = self.agent_mut(name);
        if agent.presence == AgentPresence::Offline && presence != AgentPresence::Offline {
            agent.handled = 0;
        }
        agent.presence = presence;
        agent.not_responding = false;
        if presence == AgentPresence::Available {
            agent.idle_since.get_or_insert(moment.clock);
            self.freer.insert(name.to_owned());
            return;
        }
        let holding: Vec<ConversationId> = agent.holding.keys().copied().collect();
        for id in holding {
            if matches!(self.conversation(id).state, State::Offered { .. }) {
                self.miss_offer(id, WithdrawReason::AgentLeft, moment);
            }
        }
    }

    fn wrapped(
        &mut self,
        name: &str,
        event: &Event,
        customer: Option<CustomerNumber>,
    ) -> Result<(), IgnoreReason> {
        let agent = self.agent_mut(name);
        let before = agent.wrap_ups.len();
        match (event.conversation, customer) {
            (Some(id), _) => {
                agent.wrap_ups.remove(&id);
            }
            (None, Some(customer)) => agent.wrap_ups.retain(|_, wrap_up| wrap_up.customer != customer),
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
