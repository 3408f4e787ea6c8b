//! What each operation means for a division.

use crate::rules::Leave;
use crate::types::decision::{Body, Closed, Decision};
use crate::types::event::{Event, Events, Span};
use crate::types::operation::{Action, Contact, Operation, Operations};
use crate::types::{ChannelId, CloseOutcome, CustomerId, IgnoreReason, Millis, Objective, WithdrawReason};

use super::conversation::{State, UNSET};
use super::orders::Moved;
use super::queueing::Entry;
use super::staff::WrapUp;
use super::timers::{Handle, TimerKind};
use super::{Division, NONE};

/// What becomes of an agent's capacity when it loses a conversation.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(super) enum Parting {
    /// It is free at once.
    Free,
    /// Wrap-up work follows.
    WrapUp,
}

impl Division {
    /// Carries out one operation; matching follows.
    pub(super) fn carry_out(
        &mut self,
        events: &Events,
        event: &Event,
        operation: &Operation,
        operations: &Operations,
    ) -> Result<(), IgnoreReason> {
        match operation.action {
            Action::AgentUpdated => return self.agent_updated(events, event),
            Action::AgentState => return self.agent_state(events, event),
            Action::Wrapped(by) => return self.agent_wrapped(events, event, (operation, operations), by),
            _ => {}
        }
        if self.needs_none(events, event, operation, operations) {
            return Ok(());
        }
        let found = self.book.find(operation.conversation, self.guess);
        if operation.action == Action::MovedOut {
            // What has expired here goes on there all the same: understand cannot know.
            found.into_iter().for_each(|slot| self.moved_out(slot, operation));
            return Ok(());
        }
        let slot = found.ok_or(IgnoreReason::UnknownConversation)?;
        self.refresh(slot, operation.customer);
        let done = match operation.action {
            Action::Touched => Ok(()),
            Action::Replied => {
                self.replied(slot);
                Ok(())
            }
            Action::Held => self.held(slot, State::Active, State::Held),
            Action::Resumed => self.held(slot, State::Held, State::Active),
            Action::Transferred => {
                self.transferred(slot, events, event);
                Ok(())
            }
            Action::Updated(at) => {
                self.updated(slot, events, event, operations.values[at as usize]);
                Ok(())
            }
            Action::Assigned => self.assigned(slot, events, event),
            Action::Abandoned => {
                self.abandoned(slot);
                return Ok(());
            }
            Action::Resolved => {
                self.resolved(slot, events, event);
                return Ok(());
            }
            Action::Accepted | Action::Declined => self.answered_offer(slot, events, event, operation.action),
            other => unreachable!("{other:?} was carried out above"),
        };
        self.rearm_if_held(slot);
        done
    }

    /// Carries out what does not need a conversation that is there; whether it was such.
    #[inline]
    fn needs_none(
        &mut self,
        events: &Events,
        event: &Event,
        operation: &Operation,
        operations: &Operations,
    ) -> bool {
        match operation.action {
            Action::Contact(at) => {
                self.contact(events, event, operation, operations, at);
            }
            Action::Callback(at) => {
                self.callback(events, event, operation, operations, at);
            }
            Action::MovedIn(at) => {
                self.moved_in(event, events, operation, operations, at);
            }
            Action::Erased(at) => {
                self.erased(operation, operations, at);
            }
            Action::Renamed | Action::Folded(_) | Action::OneCallback => self.merged(operation, operations),
            _ => return false,
        }
        true
    }

    /// The conversation has been touched: `idle_close` counts from now, of a callback from when it is due.
    pub(super) fn refresh(&mut self, slot: u32, customer: CustomerId) {
        self.rename_callback(slot, customer);
        let conversation = &mut self.book[slot];
        let is_callback = conversation.state == State::Scheduled;
        conversation.last = if is_callback { self.clock.max(conversation.turn) } else { self.clock };
    }

    /// Makes sure that the wheel knows of a conversation's earliest deadline, unless the conversation has just ended.
    pub(super) fn rearm_if_held(&mut self, slot: u32) {
        if self.book[slot].id.is_some() {
            self.rearm(slot);
        }
    }

    fn contact(
        &mut self,
        events: &Events,
        event: &Event,
        operation: &Operation,
        operations: &Operations,
        at: u32,
    ) {
        let contact = &operations.contacts[at as usize];
        let (slot, held) = match self.book.find(operation.conversation, self.guess) {
            Some(slot) => (slot, true),
            None => (self.book.enter(operation.conversation), false),
        };
        self.contacted = slot;
        if held {
            self.cease_to_wait(slot);
            let was_callback = self.cancel_callback(slot);
            self.refresh(slot, operation.customer);
            self.keep_context(slot, event, events, contact, operations);
            self.book[slot].contacts += 1;
            self.join(slot, contact, was_callback);
        } else {
            self.book[slot].customer = operation.customer;
            self.keep_context(slot, event, events, contact, operations);
            self.book[slot].contacts = 1;
            self.open(slot, events, event, contact);
        }
        self.rearm_if_held(slot);
    }

    /// What a waiting conversation asks for decides its place, so it leaves before that changes.
    pub(super) fn cease_to_wait(&mut self, slot: u32) {
        let conversation = &mut self.book[slot];
        if conversation.class != NONE {
            self.waiting.leave(slot, conversation);
        }
    }

    /// What the contact brings and an assignment will tell.
    pub(super) fn keep_context(
        &mut self,
        slot: u32,
        event: &Event,
        events: &Events,
        contact: &Contact,
        operations: &Operations,
    ) {
        let skills = match event.skills {
            Some(list) => {
                self.scratch.skills.clear();
                self.scratch
                    .skills
                    .extend(events.skills[list.range()].iter().map(|skill| (skill.key, skill.level)));
                self.waiting.skill_set(&mut self.scratch.skills)
            }
            None => NONE,
        };
        self.keep_history(slot, contact, operations);
        let Span { start, len } = contact.preferred;
        let name = &operations.bytes[start as usize..(start + len) as usize];
        let preferred = if len == 0 { NONE } else { self.last_agents.number(contact.preferred_key, name) };
        let context = &mut self.book[slot].context;
        context.skills = skills;
        context.lang_key = contact.lang_key;
        context.value = contact.value;
        context.preferred = preferred;
        context.failed_attempts = contact.failed_attempts;
        context.message = event.position;
        context.traceparent = event.traceparent;
    }

    /// What an assignment will tell of the customer's history.
    pub(super) fn keep_history(&mut self, slot: u32, contact: &Contact, operations: &Operations) {
        let attempts = &operations.attempts[contact.attempts.range()];
        if !attempts.is_empty() {
            let block = &mut self.book[slot].context.attempts;
            if *block == NONE {
                *block = self.attempts.take();
            }
            self.attempts.get_mut(*block)[..attempts.len()].copy_from_slice(attempts);
        }
        let Span { start, len } = contact.last_agent;
        let name = &operations.bytes[start as usize..(start + len) as usize];
        let last_agent = if len == 0 { NONE } else { self.last_agents.number(contact.last_agent_key, name) };
        let context = &mut self.book[slot].context;
        context.attempt_count = attempts.len() as u32;
        context.last_agent = last_agent;
        context.kinds = contact.kinds;
    }

    fn open(&mut self, slot: u32, events: &Events, event: &Event, contact: &Contact) {
        self.book[slot].last = self.clock;
        self.create(slot, contact, events.text(event.thread), contact.opens || contact.maybe);
        if self.reply_to_contact(slot, contact) {
            self.close(slot, CloseOutcome::Automated, None);
            return;
        }
        self.begin_clocks(slot, contact.arrived);
        self.enter_queue(slot, Entry::Ordinary);
    }

    /// The record of a conversation that opens, in no queue yet; its context is there.
    pub(super) fn create(&mut self, slot: u32, contact: &Contact, thread: &[u8], is_new: bool) {
        let conversation = &mut self.book[slot];
        conversation.channel = contact.channel;
        conversation.queue = contact.queue.unwrap_or(contact.home);
        conversation.arrived = contact.arrived;
        conversation.opened = self.clock;
        conversation.queued = self.clock;
        conversation.context.first_contact = contact.first_contact;
        let thread = self.batch.text(thread);
        self.decide(slot, Body::Opened { value: contact.value, thread, reopened: !is_new });
    }

    fn join(&mut self, slot: u32, contact: &Contact, was_callback: bool) {
        let clock = self.clock;
        let conversation = &mut self.book[slot];
        conversation.note_contact(contact);
        (conversation.held_pause, conversation.customer_pause) = (false, false);
        let routed = contact.queue.filter(|queue| !self.has_left(slot, *queue));
        let state = self.book[slot].state;
        let conversation = &mut self.book[slot];
        let elsewhere = routed.filter(|queue| *queue != conversation.queue);
        conversation.settle_resolution(clock, &self.targets);
        if state == State::Offered && elsewhere.is_some() {
            self.withdraw(slot, WithdrawReason::Superseded);
            self.part(slot, Parting::Free);
        }
        if self.book[slot].agent != NONE {
            self.take_again(slot);
        }
        let conversation = &mut self.book[slot];
        let from = std::mem::replace(&mut conversation.channel, contact.channel);
        self.reply_to_contact(slot, contact);
        let conversation = &mut self.book[slot];
        if conversation.agent != NONE {
            self.start_next_response(slot, contact.arrived);
            if from != contact.channel {
                self.pivot(slot, from);
            }
            return;
        }
        conversation.queue = elsewhere.unwrap_or(conversation.queue);
        if was_callback {
            self.start_again(slot, contact.arrived);
        } else {
            self.start_next_response(slot, contact.arrived);
        }
        if was_callback || elsewhere.is_some() {
            self.enter_queue(slot, Entry::Ordinary);
        } else {
            self.wait(slot);
        }
    }

    fn start_next_response(&mut self, slot: u32, arrived: Millis) {
        let conversation = &mut self.book[slot];
        let waits =
            conversation.clocks[Objective::NextResponse as usize].running != super::clocks::Running::No;
        if conversation.answered && !waits {
            let (rules, tally) = (&*self.rules, &mut self.objectives);
            conversation.start(Objective::NextResponse, arrived, self.clock, rules, tally);
        }
    }

    /// The agent's load moves with the conversation to its new channel, whatever the capacity.
    fn pivot(&mut self, slot: u32, from: ChannelId) {
        let (agent, channel) = (self.book[slot].agent, self.book[slot].channel);
        self.staff.unload(agent, from);
        self.staff.load(agent, channel);
        let name = self.batch.text(self.staff.names.get(agent));
        self.decide(slot, Body::Pivoted { agent: name, from });
        if matches!(self.book[slot].state, State::Active | State::Held) {
            self.arm_reclaim(slot);
        }
        self.free(agent);
    }

    fn replied(&mut self, slot: u32) {
        self.note_reply(slot);
        let clock = self.clock;
        let conversation = &mut self.book[slot];
        if conversation.answered {
            conversation.meet(Objective::NextResponse, &mut self.objectives);
            // Only what was folded may have both.
            conversation.meet(Objective::FirstResponse, &mut self.objectives);
        } else {
            conversation.meet(Objective::FirstResponse, &mut self.objectives);
            conversation.first_response = clock.since(conversation.arrived);
        }
        conversation.answered = true;
        conversation.replied = true;
        conversation.customer_pause = true;
        conversation.settle_resolution(clock, &self.targets);
    }

    fn held(&mut self, slot: u32, from: State, to: State) -> Result<(), IgnoreReason> {
        let conversation = &mut self.book[slot];
        if conversation.state != from {
            return Err(IgnoreReason::WrongState);
        }
        conversation.state = to;
        conversation.held_pause = to == State::Held;
        conversation.settle_resolution(self.clock, &self.targets);
        Ok(())
    }

    fn abandoned(&mut self, slot: u32) {
        let conversation = &self.book[slot];
        let engaged = matches!(conversation.state, State::Active | State::Held);
        let outcome =
            if engaged || conversation.replied { CloseOutcome::Answered } else { CloseOutcome::Abandoned };
        if conversation.agent != NONE {
            self.withdraw(slot, WithdrawReason::Abandoned);
            self.part(slot, if engaged { Parting::WrapUp } else { Parting::Free });
        }
        self.close(slot, outcome, None);
    }

    /// The customer is erased: no agent has its conversations any more, nor work after them.
    fn erased(&mut self, operation: &Operation, operations: &Operations, at: u32) {
        for conversation in &operations.erased[operations.erasures[at as usize].range()] {
            let Some(slot) = self.book.find(*conversation, self.guess) else { continue };
            self.refresh(slot, operation.customer);
            if self.book[slot].agent != NONE {
                self.withdraw(slot, WithdrawReason::Erased);
                self.part(slot, Parting::Free);
            }
            self.close(slot, CloseOutcome::Erased, None);
        }
    }

    fn resolved(&mut self, slot: u32, events: &Events, event: &Event) {
        let conversation = &self.book[slot];
        let engaged = matches!(conversation.state, State::Active | State::Held);
        let agent = conversation.agent;
        if agent != NONE {
            let named = event.agent.len > 0;
            let own = if named {
                self.staff.find(event.agent_key, events.text(event.agent)) == Some(agent)
            } else {
                engaged
            };
            if !own {
                self.withdraw(slot, WithdrawReason::Resolved);
            }
            self.part(slot, if engaged { Parting::WrapUp } else { Parting::Free });
        }
        self.book[slot].meet(Objective::Resolution, &mut self.objectives);
        let disposition = event.outcome.map(|outcome| self.batch.text(events.text(outcome)));
        self.close(slot, CloseOutcome::Resolved, disposition);
    }

    fn answered_offer(
        &mut self,
        slot: u32,
        events: &Events,
        event: &Event,
        action: Action,
    ) -> Result<(), IgnoreReason> {
        let agent =
            self.staff.find(event.agent_key, events.text(event.agent)).ok_or(IgnoreReason::UnknownAgent)?;
        let conversation = &self.book[slot];
        if conversation.state != State::Offered || conversation.agent != agent {
            return Err(IgnoreReason::DeadOffer);
        }
        match action {
            Action::Accepted => self.accept(slot),
            _ => self.miss(slot, WithdrawReason::Declined),
        }
        Ok(())
    }

    /// An agent takes a conversation up.
    pub(super) fn accept(&mut self, slot: u32) {
        let clock = self.clock;
        let conversation = &mut self.book[slot];
        conversation.state = State::Active;
        conversation.turn = Millis::MAX;
        if conversation.wait == UNSET {
            conversation.wait = clock.since(conversation.arrived);
        }
        conversation.meet(Objective::QueueWait, &mut self.objectives);
        self.gaps[conversation.queue.at()].note(clock);
        let number = conversation.agent;
        let agent = &mut self.staff.agents[number as usize];
        agent.note_idle(clock);
        agent.handled += 1;
        self.settle(number, Moved::All);
    }

    /// An offer fails: the conversation waits on in its place, not for this agent.
    pub(super) fn miss(&mut self, slot: u32, reason: WithdrawReason) {
        let agent = self.book[slot].agent;
        self.withdraw(slot, reason);
        self.part(slot, Parting::Free);
        let span = self.rules.queues[self.book[slot].queue.at()].exclude_after_miss;
        self.exclude(slot, agent, span);
        let queue = &self.rules.queues[self.book[slot].queue.at()];
        if let Some(to) = queue.max_offers_to {
            let most = queue.max_offers;
            let extra = self.extras.of_mut(&mut self.book[slot]);
            extra.missed += 1;
            if extra.missed >= most {
                self.leave(slot, Leave { to: Some(to), template: None });
                return;
            }
        }
        self.wait(slot);
    }

    /// Waits in its queue, as it is now.
    pub(super) fn wait(&mut self, slot: u32) {
        let relaxed = self.steps_passed(slot);
        let conversation = &mut self.book[slot];
        conversation.state = State::Queued;
        conversation.relaxed = relaxed;
        self.waiting.enter(slot, conversation, &self.rules, &self.staff, self.clock);
        self.arm_delay(slot);
        self.arm_step(slot);
        self.takeable.push(slot);
    }

    /// Tells the agent that it loses the conversation.
    pub(super) fn withdraw(&mut self, slot: u32, reason: WithdrawReason) {
        let agent = self.batch.text(self.staff.names.get(self.book[slot].agent));
        self.decide(slot, Body::Withdrawn { agent, reason });
    }

    /// Parts a conversation from the agent who has it or its offer.
    pub(super) fn part(&mut self, slot: u32, parting: Parting) {
        self.take_again(slot);
        let clock = self.clock;
        let conversation = &mut self.book[slot];
        self.extras.arm(conversation, TimerKind::Reclaim, Millis::MAX);
        let engaged = matches!(conversation.state, State::Active | State::Held);
        conversation.state = State::Queued;
        let number = std::mem::replace(&mut conversation.agent, NONE);
        conversation.turn = Millis::MAX;
        let (channel, queue) = (conversation.channel, conversation.queue);
        let wrap_up = WrapUp {
            conversation: conversation.id,
            customer: conversation.customer,
            ends: clock.plus(self.rules.queues[queue.at()].wrap_up),
            channel,
        };
        let agent = &mut self.staff.agents[number as usize];
        let place = agent
            .holds
            .iter()
            .position(|held| *held == slot)
            .expect("an agent's list holds what it was given");
        agent.holds.swap_remove(place);
        if engaged {
            agent.note_idle(clock);
        }
        if parting == Parting::WrapUp && wrap_up.ends > clock {
            agent.wrap_ups.push(wrap_up);
            self.arm_agent(number);
        } else {
            self.staff.unload(number, channel);
        }
        self.free(number);
    }

    /// Ends a conversation that no agent has any more and forgets it.
    pub(super) fn close(&mut self, slot: u32, outcome: CloseOutcome, disposition: Option<Span>) {
        self.cancel_callback(slot);
        let conversation = &mut self.book[slot];
        assert!(conversation.agent == NONE, "a conversation is parted from its agent before it closes");
        if conversation.class != NONE {
            self.waiting.leave(slot, conversation);
        }
        for objective in Objective::ALL {
            conversation.cancel(*objective, &mut self.objectives);
        }
        let unit = &self.batch.decisions[self.unit.start..];
        let opens = |d: &Decision| d.conversation == conversation.id && matches!(d.body, Body::Opened { .. });
        let closed = Closed {
            outcome,
            disposition,
            at_once: unit.iter().any(opens),
            wait: Some(conversation.wait).filter(|wait| *wait != UNSET),
            first_response: Some(conversation.first_response).filter(|first| *first != UNSET),
            open: self.clock.since(conversation.opened),
            contacts: conversation.contacts,
            transfers: conversation.transfers,
            offers: conversation.offers,
            breached: conversation.breached,
        };
        let attempts = conversation.context.attempts;
        self.exclusions.forget(slot, conversation);
        self.extras.forget(slot, conversation);
        self.decide(slot, Body::Closed(closed));
        self.attempts.give_back(attempts);
        self.wheel.disarm(Handle::conversation(slot));
        self.book.leave(slot);
    }

    /// An agent became freer: it stands where it belongs now and will be asked what it takes.
    pub(super) fn free(&mut self, agent: u32) {
        self.settle(agent, Moved::All);
        self.freed.push(agent);
    }

    /// An agent stands where it belongs now.
    pub(super) fn settle(&mut self, agent: u32, moved: Moved) {
        self.staff.settle(agent, moved);
    }
}
