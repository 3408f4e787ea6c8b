//! What each event about a conversation does in its division. An operation first changes the state and notes which
//! conversations became takeable and which agents freer; matching follows when it is done.

use std::collections::{BTreeMap, BTreeSet};

use super::division::{Conversation, Division, Moment, State};
use super::event::Event;
use super::output::{self, Body};
use super::understand::Contact;
use crate::types::{
    ChannelId, CloseOutcome, ConversationId, EventType, IgnoreReason, Objective, WithdrawReason,
};

impl Division {
    /// A contact: opens a conversation, or joins one.
    pub fn contact(&mut self, contact: Contact, moment: &mut Moment) {
        if contact.opens {
            self.open(contact, moment);
        } else {
            self.join(contact, moment);
        }
    }

    /// Any other event about a conversation that this division holds.
    ///
    /// # Errors
    /// Why it has no effect; the conversation is refreshed all the same.
    pub fn operate(
        &mut self,
        id: ConversationId,
        event: &Event,
        moment: &mut Moment,
    ) -> Result<(), IgnoreReason> {
        self.refresh(id, moment);
        match event.event_type {
            EventType::ContactAbandoned => self.abandoned(id, moment),
            EventType::OfferAccepted => {
                self.check_offered_to(id, event.agent.as_deref())?;
                self.accept(id, moment);
            }
            EventType::OfferDeclined => {
                self.check_offered_to(id, event.agent.as_deref())?;
                self.miss_offer(id, WithdrawReason::Declined, moment);
            }
            EventType::ConversationReplied => {
                if !event.automated {
                    self.replied(id, moment);
                }
            }
            EventType::ConversationHeld => self.held(id, moment)?,
            EventType::ConversationResumed => self.resumed(id, moment)?,
            EventType::ConversationTransferred => self.transferred(id, event, moment),
            EventType::ConversationResolved => self.resolved(id, event, moment),
            other => unreachable!("{} is not about an open conversation", other.name()),
        }
        Ok(())
    }

    /// The agent to whom it was offered, or given, begins to work on it.
    pub fn accept(&mut self, id: ConversationId, moment: &mut Moment) {
        let conversation = self.conversation_mut(id);
        let name = conversation.state.agent().expect("an offer is somebody's").to_owned();
        conversation.state = State::Active { agent: name.clone() };
        conversation.wait.get_or_insert(moment.clock.since(conversation.arrived));
        self.stop_cycle(id, Objective::QueueWait, moment);
        let agent = self.agent_mut(&name);
        agent.idle_since = Some(moment.clock);
        agent.handled += 1;
    }

    /// Nothing has happened for `idle_close`.
    pub fn idle(&mut self, id: ConversationId, moment: &mut Moment) {
        if let Some(agent) = self.take_away(id, moment) {
            self.withdraw(id, &agent, WithdrawReason::Expired, moment);
        }
        self.close(id, CloseOutcome::Idle, None, moment);
    }

    fn open(&mut self, contact: Contact, moment: &mut Moment) {
        let id = contact.conversation;
        let queue = contact.queue.expect("who opens a conversation knows the queue");
        let automated = contact.automated;
        let opened = output::Opened {
            conversation: id,
            customer: moment.identity.id(contact.customer),
            division: self.name(moment),
            queue: moment.queue_name(queue),
            channel: moment.channel_name(contact.channel),
            value: contact.value,
            thread: contact.thread.clone(),
            reopened: false,
        };
        let arrived = contact.arrived;
        let conversation = Conversation {
            customer: contact.customer,
            state: State::Queued,
            queue,
            channel: contact.channel,
            value: contact.value,
            skills: contact.skills,
            lang: contact.lang,
            opened: moment.clock,
            first_contact: arrived,
            arrived,
            queued: moment.clock,
            last: moment.clock,
            contacts: 1,
            transfers: 0,
            offers: 0,
            replied: false,
            wait: None,
            first_response: None,
            excluded: BTreeMap::new(),
            cycles: BTreeMap::new(),
            breached: BTreeSet::new(),
            held_pause: false,
            reply_pause: false,
            context: contact.context,
            traceparent: contact.traceparent,
        };
        self.conversations.insert(id, conversation);
        self.tell(id, Body::Opened(opened), moment);
        if automated {
            self.close(id, CloseOutcome::Automated, None, moment);
            return;
        }
        self.refresh(id, moment);
        self.enter_queue(id, queue, moment);
        self.start_cycle(id, Objective::FirstResponse, arrived, moment);
        self.start_cycle(id, Objective::Resolution, arrived, moment);
    }

    fn join(&mut self, contact: Contact, moment: &mut Moment) {
        let id = contact.conversation;
        self.refresh(id, moment);
        let arrived = contact.arrived;
        let conversation = self.conversation_mut(id);
        let channel_before = conversation.channel;
        conversation.contacts += 1;
        conversation.channel = contact.channel;
        conversation.value = contact.value;
        conversation.skills = contact.skills;
        conversation.lang = contact.lang;
        conversation.context = contact.context;
        conversation.traceparent = contact.traceparent;
        if conversation.replied {
            conversation.replied = false;
            conversation.arrived = arrived;
        }
        let queue = contact.queue.unwrap_or(conversation.queue);
        let same_queue = queue == conversation.queue;
        match conversation.state {
            State::Queued if same_queue => {
                self.takeable.insert(id);
            }
            State::Queued => self.enter_queue(id, queue, moment),
            State::Offered { .. } if !same_queue => {
                let agent = self.take_away(id, moment).expect("a live offer is somebody's");
                self.withdraw(id, &agent, WithdrawReason::Superseded, moment);
                self.enter_queue(id, queue, moment);
            }
            State::Offered { .. } | State::Active { .. } | State::Held { .. } => {
                self.pivot(id, channel_before, moment);
            }
        }
        let conversation = self.conversation_mut(id);
        conversation.held_pause = false;
        conversation.reply_pause = false;
        let next_response = conversation.first_response.is_some()
            && !conversation.cycles.contains_key(&Objective::NextResponse);
        self.settle_resolution(id, moment);
        if next_response {
            self.start_cycle(id, Objective::NextResponse, arrived, moment);
        }
    }

    /// The agent keeps the conversation; if the customer has changed the channel, so does the load.
    fn pivot(&mut self, id: ConversationId, from: ChannelId, moment: &mut Moment) {
        let conversation = self.conversation(id);
        let channel = conversation.channel;
        if channel == from {
            return;
        }
        let agent = conversation.state.agent().expect("an agent has it").to_owned();
        let body = output::Pivoted {
            conversation: id,
            customer: moment.identity.id(conversation.customer),
            division: self.name(moment),
            agent: agent.clone(),
            from_channel: moment.channel_name(from),
            channel: moment.channel_name(channel),
        };
        self.tell(id, Body::Pivoted(body), moment);
        self.agent_mut(&agent).holding.insert(id, channel);
        self.freer.insert(agent);
    }

    fn check_offered_to(&self, id: ConversationId, agent: Option<&str>) -> Result<(), IgnoreReason> {
        let agent = agent.expect("an answer names the agent");
        if !self.agents.contains_key(agent) {
            return Err(IgnoreReason::UnknownAgent);
        }
        match &self.conversation(id).state {
            State::Offered { agent: offered_to, .. } if offered_to == agent => Ok(()),
            _ => Err(IgnoreReason::DeadOffer),
        }
    }

    fn abandoned(&mut self, id: ConversationId, moment: &mut Moment) {
        let conversation = self.conversation(id);
        let accepted = conversation.state.is_accepted();
        let outcome =
            if accepted || conversation.replied { CloseOutcome::Answered } else { CloseOutcome::Abandoned };
        if let Some(agent) = self.take_away(id, moment) {
            self.withdraw(id, &agent, WithdrawReason::Abandoned, moment);
            if accepted {
                self.wrap_up(id, &agent, moment);
            }
        }
        self.close(id, outcome, None, moment);
    }

    fn replied(&mut self, id: ConversationId, moment: &mut Moment) {
        let conversation = self.conversation_mut(id);
        conversation.replied = true;
        conversation.reply_pause = true;
        let objective = if conversation.first_response.is_none() {
            conversation.first_response = Some(moment.clock.since(conversation.arrived));
            Objective::FirstResponse
        } else {
            Objective::NextResponse
        };
        self.stop_cycle(id, objective, moment);
        self.settle_resolution(id, moment);
    }

    fn held(&mut self, id: ConversationId, moment: &mut Moment) -> Result<(), IgnoreReason> {
        let conversation = self.conversation_mut(id);
        let State::Active { agent } = &conversation.state else { return Err(IgnoreReason::WrongState) };
        conversation.state = State::Held { agent: agent.clone() };
        conversation.held_pause = true;
        self.settle_resolution(id, moment);
        Ok(())
    }

    fn resumed(&mut self, id: ConversationId, moment: &mut Moment) -> Result<(), IgnoreReason> {
        let conversation = self.conversation_mut(id);
        let State::Held { agent } = &conversation.state else { return Err(IgnoreReason::WrongState) };
        conversation.state = State::Active { agent: agent.clone() };
        conversation.held_pause = false;
        self.settle_resolution(id, moment);
        Ok(())
    }

    fn transferred(&mut self, id: ConversationId, event: &Event, moment: &mut Moment) {
        let agent = self.take_away(id, moment);
        if let Some(agent) = &agent {
            self.withdraw(id, agent, WithdrawReason::Transferred, moment);
        }
        let conversation = self.conversation_mut(id);
        conversation.transfers += 1;
        conversation.held_pause = false;
        if let Some(skills) = &event.skills {
            conversation.skills = skills.clone();
        }
        let queue = event.queue.unwrap_or(conversation.queue);
        self.enter_queue(id, queue, moment);
        if let Some(agent) = &agent {
            self.exclude(id, agent, moment);
        }
        self.settle_resolution(id, moment);
    }

    fn resolved(&mut self, id: ConversationId, event: &Event, moment: &mut Moment) {
        let accepted = self.conversation(id).state.is_accepted();
        if let Some(agent) = self.take_away(id, moment) {
            let own = match event.agent.as_deref() {
                Some(resolver) => resolver == agent,
                None => accepted,
            };
            if !own {
                self.withdraw(id, &agent, WithdrawReason::Resolved, moment);
            }
            if accepted {
                self.wrap_up(id, &agent, moment);
            }
        }
        self.close(id, CloseOutcome::Resolved, event.outcome.clone(), moment);
    }
}
