//! What each event about a conversation does in its division. An operation first changes the state and notes which
//! conversations became takeable and which agents freer; matching follows when it is done.

use std::collections::{BTreeMap, BTreeSet};

use super::division::{Conversation, Division, Entry, Gaps, Hold, Moment, State, Window};
use super::event::Event;
use super::output::{self, Body};
use super::timers::Timer;
use super::understand::{Asks, Contact};
use super::value::Worth;
use crate::types::{
    AcceptMode, Affinity, ChannelId, CloseOutcome, ConversationId, DurationMs, EventType, IgnoreReason,
    Millis, Objective, QueueId, WithdrawReason,
};

impl Division {
    /// A contact or a callback: opens a conversation, joins one, or opens one again that is no longer held. A callback
    /// for a conversation that an agent has opens one of its own.
    pub fn contact(&mut self, contact: Contact, moment: &mut Moment) {
        let id = self.actual(contact.conversation).unwrap_or(contact.conversation);
        let contact = Contact { conversation: id, ..contact };
        match contact.asks {
            Asks::Answer => {
                self.contacted = Some(id);
                if self.conversations.contains_key(&id) {
                    self.join(&contact, moment);
                } else {
                    self.open(contact, moment);
                }
            }
            Asks::Move { due: Some(due) } => {
                self.create(contact, moment);
                self.schedule(id, due, moment);
            }
            Asks::Move { due: None } => self.open(contact, moment),
            Asks::Callback { due, own } => {
                let held = self.conversations.get(&id).map(|conversation| conversation.state.is_accepted());
                let (opens, automated, reply) = (contact.opens, contact.automated, contact.reply);
                let id = match held {
                    Some(false) => {
                        self.update(&contact, moment);
                        id
                    }
                    Some(true) => {
                        self.refresh(id, moment);
                        let queue = contact.queue.or(Some(contact.home));
                        let first_contact = contact.arrived;
                        let of_its_own =
                            Contact { conversation: own, opens: true, first_contact, queue, ..contact };
                        self.create(of_its_own, moment);
                        own
                    }
                    None => {
                        self.create(contact, moment);
                        id
                    }
                };
                if automated && (opens || held == Some(true)) {
                    self.reply_to_contact(id, reply, moment);
                    self.close(id, CloseOutcome::Automated, None, moment);
                } else {
                    self.schedule(id, due, moment);
                }
            }
        }
    }

    /// A conversation comes from another division, for an agent of this one, if that is known here.
    pub fn moved_in(&mut self, contact: Contact, agent: Option<String>, moment: &mut Moment) {
        let id = contact.conversation;
        self.contact(contact, moment);
        let Some(agent) = agent.filter(|agent| self.agents.contains_key(agent)) else { return };
        match self.conversations.get_mut(&id) {
            Some(Conversation { state: State::Scheduled { .. }, preferred, .. }) => *preferred = Some(agent),
            _ => self.wait_for_agent(id, &agent, moment),
        }
    }

    /// Any other event about a conversation that this division holds.
    ///
    /// # Errors
    /// Why it has no effect; a conversation that is held is refreshed all the same.
    pub fn operate(
        &mut self,
        id: ConversationId,
        event: &Event,
        moment: &mut Moment,
    ) -> Result<(), IgnoreReason> {
        let id = self.actual(id).ok_or(IgnoreReason::UnknownConversation)?;
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
            EventType::ConversationAssigned => self.assigned(id, event, moment)?,
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
        conversation.agent_replied = None;
        let queue = conversation.queue;
        self.stop_cycle(id, Objective::QueueWait, moment);
        self.note_acceptance(queue, moment.clock);
        let agent = self.agent_mut(&name);
        agent.idle_since = Some(moment.clock);
        agent.handled += 1;
    }

    /// Its customer is erased.
    pub fn erased(&mut self, id: ConversationId, moment: &mut Moment) {
        let Some(id) = self.actual(id) else { return };
        if let Some(agent) = self.take_away(id, moment) {
            self.withdraw(id, &agent, WithdrawReason::Erased, moment);
        }
        self.close(id, CloseOutcome::Erased, None, moment);
    }

    /// Nothing has happened for `idle_close`.
    pub fn idle(&mut self, id: ConversationId, moment: &mut Moment) {
        if let Some(agent) = self.take_away(id, moment) {
            self.withdraw(id, &agent, WithdrawReason::Expired, moment);
        }
        self.close(id, CloseOutcome::Idle, None, moment);
    }

    fn open(&mut self, contact: Contact, moment: &mut Moment) {
        let (id, automated, reply) = (contact.conversation, contact.automated, contact.reply);
        let start = if matches!(contact.asks, Asks::Move { .. }) { moment.clock } else { contact.arrived };
        self.create(contact, moment);
        self.reply_to_contact(id, reply, moment);
        if automated {
            self.close(id, CloseOutcome::Automated, None, moment);
            return;
        }
        self.refresh(id, moment);
        self.start_cycle(id, Objective::FirstResponse, start, moment);
        self.start_cycle(id, Objective::Resolution, start, moment);
        let queue = self.conversation(id).queue;
        self.enter_queue(id, queue, Entry::Ordinary, moment);
    }

    /// The record of a conversation that opens, in no queue yet.
    fn create(&mut self, contact: Contact, moment: &mut Moment) {
        let id = contact.conversation;
        let queue = contact.queue.unwrap_or(contact.home);
        let opened = output::Opened {
            conversation: id,
            customer: moment.identity.id(contact.customer),
            division: self.name(moment),
            queue: moment.queue_name(queue),
            channel: moment.channel_name(contact.channel),
            value: contact.worth.value(),
            thread: contact.thread.clone(),
            reopened: !(contact.opens || contact.maybe),
        };
        let conversation = Conversation {
            customer: contact.customer,
            state: State::Queued,
            queue,
            channel: contact.channel,
            worth: contact.worth,
            skills: contact.skills,
            lang: contact.lang,
            preferred: contact.preferred,
            opened: moment.clock,
            opened_by: moment.cause,
            first_contact: contact.first_contact,
            arrived: contact.arrived,
            queued: moment.clock,
            last: moment.clock,
            contacts: u32::from(contact.asks == Asks::Answer),
            transfers: 0,
            offers: 0,
            replied: contact.replied,
            missed: 0,
            windows: Vec::new(),
            opening: None,
            bound: None,
            left: BTreeSet::new(),
            agent_replied: None,
            release: None,
            reclaimed: None,
            acknowledged: false,
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
        let before = self.conversations.insert(id, conversation);
        assert!(before.is_none(), "{id} opens twice");
        self.tell(id, Body::Opened(opened), moment);
    }

    /// What the newest contact says is so from now on. Returns the channel before.
    fn update(&mut self, contact: &Contact, moment: &Moment) -> ChannelId {
        let id = contact.conversation;
        self.refresh(id, moment);
        let conversation = self.conversation_mut(id);
        let channel_before = conversation.channel;
        conversation.contacts += u32::from(contact.asks == Asks::Answer);
        conversation.channel = contact.channel;
        conversation.worth.clone_from(&contact.worth);
        conversation.skills.clone_from(&contact.skills);
        conversation.lang.clone_from(&contact.lang);
        conversation.preferred.clone_from(&contact.preferred);
        conversation.context = contact.context.clone();
        conversation.traceparent = contact.traceparent;
        if conversation.replied {
            conversation.replied = false;
            conversation.arrived = contact.arrived;
        }
        if !conversation.state.is_accepted() && contact.asks != Asks::Answer {
            conversation.queue = contact.queue.unwrap_or(conversation.queue);
        }
        channel_before
    }

    fn join(&mut self, contact: &Contact, moment: &mut Moment) {
        let id = contact.conversation;
        let state = self.conversation(id).state.clone();
        if let State::Scheduled { .. } = state {
            self.conversation_mut(id).state = State::Queued; // a callback no longer
        }
        let channel_before = self.update(contact, moment);
        self.reply_to_contact(id, contact.reply, moment);
        let conversation = self.conversation_mut(id);
        conversation.held_pause = false;
        conversation.reply_pause = false;
        let (answered, running) = (
            conversation.first_response.is_some(),
            conversation.cycles.contains_key(&Objective::NextResponse),
        );
        let routed = contact.queue.filter(|queue| !conversation.left.contains(queue));
        let queue = routed.unwrap_or(conversation.queue);
        let same_queue = queue == conversation.queue;
        if !state.is_accepted() {
            conversation.queue = queue;
        }
        self.settle_resolution(id, moment);
        if state.is_accepted() || (matches!(state, State::Offered { .. }) && same_queue) {
            if answered && !running {
                self.start_cycle(id, Objective::NextResponse, contact.arrived, moment);
            }
            self.pivot(id, channel_before, moment);
            return;
        }
        match state {
            State::Scheduled { .. } => self.start_again(id, contact.arrived, moment),
            _ if answered && !running => {
                self.start_cycle(id, Objective::NextResponse, contact.arrived, moment);
            }
            _ => {}
        }
        if let Some(agent) = self.take_away(id, moment) {
            self.withdraw(id, &agent, WithdrawReason::Superseded, moment);
        }
        if same_queue && state == State::Queued {
            self.takeable.insert(id);
        } else {
            self.enter_queue(id, queue, Entry::Ordinary, moment);
        }
    }

    /// The agent keeps the conversation and has the customer's attention again: a weight that was given back is taken
    /// again. If the customer has changed the channel, so does the load.
    fn pivot(&mut self, id: ConversationId, from: ChannelId, moment: &mut Moment) {
        let conversation = self.conversation_mut(id);
        conversation.agent_replied = None;
        let channel = conversation.channel;
        let agent = conversation.state.agent().expect("an agent has it").to_owned();
        self.agent_mut(&agent).holding.insert(id, Hold { channel, released: false });
        if channel == from {
            return;
        }
        self.tell_pivot(id, from, moment);
        if self.conversation(id).state.is_accepted() {
            self.arm_reclaim(id, moment);
        }
        self.freer.insert(agent);
    }

    /// Who has it, or its offer, is told of the customer's new channel.
    pub fn tell_pivot(&self, id: ConversationId, from: ChannelId, moment: &mut Moment) {
        let conversation = self.conversation(id);
        let agent = conversation.state.agent().expect("an agent has it").to_owned();
        let body = output::Pivoted {
            conversation: id,
            customer: moment.identity.id(conversation.customer),
            division: self.name(moment),
            agent,
            from_channel: moment.channel_name(from),
            channel: moment.channel_name(conversation.channel),
        };
        self.tell(id, Body::Pivoted(body), moment);
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
        self.note_reply(id, moment);
        let conversation = self.conversation_mut(id);
        conversation.replied = true;
        conversation.reply_pause = true;
        conversation.first_response.get_or_insert(moment.clock.since(conversation.arrived));
        // Only what was folded may have both.
        self.stop_cycle(id, Objective::FirstResponse, moment);
        self.stop_cycle(id, Objective::NextResponse, moment);
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

    /// To another queue, or to an agent of this division, for whom it then waits. A callback stays one.
    fn transferred(&mut self, id: ConversationId, event: &Event, moment: &mut Moment) {
        let agent = self.take_away(id, moment);
        if let Some(agent) = &agent {
            self.withdraw(id, agent, WithdrawReason::Transferred, moment);
        }
        let to = event.agent.as_ref().filter(|to| self.agents.contains_key(*to));
        let conversation = self.conversation_mut(id);
        conversation.transfers += 1;
        conversation.held_pause = false;
        if let Some(skills) = &event.skills {
            conversation.skills = skills.clone();
        }
        let before = conversation.queue;
        let queue = event.queue.unwrap_or(before);
        conversation.queue = queue;
        if let Some(agent) = agent.filter(|agent| Some(agent) != to) {
            self.exclude(id, &agent, moment);
        }
        if matches!(self.conversation(id).state, State::Scheduled { .. }) {
            self.conversation_mut(id).preferred = to.or(self.conversation(id).preferred.as_ref()).cloned();
            return;
        }
        self.settle_resolution(id, moment);
        self.enter_queue(id, queue, Entry::Ordinary, moment);
        self.note_left(id, before);
        if let Some(to) = to {
            self.wait_for_agent(id, to, moment);
        }
    }

    /// The business has taken the conversation out of a queue: its customer's next contact does not put it back.
    fn note_left(&mut self, id: ConversationId, before: QueueId) {
        let Some(conversation) = self.conversations.get_mut(&id) else { return };
        if conversation.queue != before {
            conversation.left.insert(before);
        }
    }

    /// Waits for this agent alone, before everybody may take it; unless it has left the queue that it was put into.
    pub fn wait_for_agent(&mut self, id: ConversationId, agent: &str, moment: &Moment) {
        let Some(conversation) = self.conversations.get(&id) else { return };
        let queue = moment.queue(conversation.queue);
        let span = if queue.affinity > DurationMs::ZERO { queue.affinity } else { queue.offer_timeout };
        let until = moment.clock.plus(span);
        let window = Window { agent: agent.to_owned(), affinity: Affinity::Preferred, until };
        self.wait_for(id, vec![window]);
    }

    /// It goes on in another division. What has expired here goes on there too: understand cannot know.
    pub fn moved(&mut self, id: ConversationId, moment: &mut Moment) {
        let Some(id) = self.actual(id) else { return };
        if let Some(agent) = self.take_away(id, moment) {
            self.withdraw(id, &agent, WithdrawReason::Transferred, moment);
        }
        self.close(id, CloseOutcome::Moved, None, moment);
    }

    /// An order: whatever the agent's state, skills and room.
    fn assigned(
        &mut self,
        id: ConversationId,
        event: &Event,
        moment: &mut Moment,
    ) -> Result<(), IgnoreReason> {
        let name = event.agent.as_deref().expect("an order names the agent");
        if !self.agents.contains_key(name) {
            return Err(IgnoreReason::UnknownAgent);
        }
        let state = self.conversation(id).state.clone();
        if state.is_accepted() && state.agent() == Some(name) {
            return Err(IgnoreReason::WrongState);
        }
        if let Some(agent) = self.take_away(id, moment)
            && agent != name
        {
            self.withdraw(id, &agent, WithdrawReason::Transferred, moment);
        }
        if let State::Scheduled { .. } = state {
            self.conversation_mut(id).state = State::Queued;
            self.refresh(id, moment);
            self.start_again(id, moment.clock, moment);
        }
        self.conversation_mut(id).held_pause = false;
        self.settle_resolution(id, moment);
        self.offer(id, name, AcceptMode::Ordered, moment);
        Ok(())
    }

    /// The business has changed its mind.
    pub fn updated(
        &mut self,
        id: ConversationId,
        worth: Worth,
        event: &Event,
        moment: &mut Moment,
    ) -> Result<(), IgnoreReason> {
        let id = self.actual(id).ok_or(IgnoreReason::UnknownConversation)?;
        self.refresh(id, moment);
        let conversation = self.conversation_mut(id);
        conversation.worth = worth;
        if let Some(skills) = &event.skills {
            conversation.skills = skills.clone();
        }
        let before = conversation.queue;
        let queue = event.queue.filter(|queue| *queue != before);
        match (&conversation.state, queue) {
            (State::Active { .. } | State::Held { .. } | State::Offered { .. }, None)
            | (State::Active { .. } | State::Held { .. }, _)
            | (State::Scheduled { .. }, None) => {}
            (State::Scheduled { .. }, Some(queue)) => conversation.queue = queue,
            (State::Queued, None) => {
                self.takeable.insert(id);
            }
            (State::Queued | State::Offered { .. }, Some(queue)) => {
                if let Some(agent) = self.take_away(id, moment) {
                    self.withdraw(id, &agent, WithdrawReason::Superseded, moment);
                }
                self.enter_queue(id, queue, Entry::Ordinary, moment);
                self.note_left(id, before);
            }
        }
        Ok(())
    }

    /// The mean gap between acceptances of a queue follows each new gap by an eighth.
    fn note_acceptance(&mut self, queue: QueueId, clock: Millis) {
        let Some(gaps) = self.gaps.get_mut(&queue) else {
            self.gaps.insert(queue, Gaps { last: clock, mean: None });
            return;
        };
        let gap = clock.since(gaps.last).0;
        gaps.mean = Some(gaps.mean.map_or(gap, |mean| mean + (gap - mean).div_euclid(8)));
        gaps.last = clock;
    }

    /// Who works on it has replied last; if the customer stays silent, the weight is given back.
    fn note_reply(&mut self, id: ConversationId, moment: &Moment) {
        let conversation = self.conversation_mut(id);
        if !conversation.state.is_accepted() {
            return;
        }
        conversation.agent_replied = Some(moment.clock);
        let channel = conversation.channel;
        conversation.release = None;
        if let Some(span) = moment.rules.channels[channel.at()].release_after {
            conversation.release = Some(moment.clock.plus(span));
            self.timers.arm(moment.clock.plus(span), Timer::Release(id));
        }
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
