//! What the business orders: transfers, moves to other divisions, updates, a supervisor's orders.

use crate::types::event::{Event, Events};
use crate::types::operation::{Operation, Operations};
use crate::types::{AcceptMode, CloseOutcome, IgnoreReason, Millis, Objective, QueueId, WithdrawReason};

use super::conversation::State;
use super::operations::Parting;
use super::queueing::Entry;
use super::{Division, NONE};

impl Division {
    /// To another queue, or to an agent of this division, for whom it then waits. A callback stays one.
    pub(super) fn transferred(&mut self, slot: u32, events: &Events, event: &Event) {
        let before = self.book[slot].queue;
        let queue = event.queue.unwrap_or(before);
        let to = match event.agent.len {
            0 => None,
            _ => self.staff.find(event.agent_key, events.text(event.agent)),
        };
        let agent = self.book[slot].agent;
        if agent != NONE {
            self.withdraw(slot, WithdrawReason::Transferred);
            self.part(slot, Parting::Free);
            if Some(agent) != to {
                self.exclude(slot, agent, self.rules.queues[queue.at()].exclude_after_miss);
            }
        }
        self.cease_to_wait(slot);
        self.replace_skills(slot, events, event);
        let conversation = &mut self.book[slot];
        conversation.transfers += 1;
        conversation.queue = queue;
        conversation.held_pause = false;
        if conversation.state == State::Scheduled {
            if to.is_some() {
                let name = self.last_agents.number(event.agent_key, events.text(event.agent));
                self.book[slot].context.preferred = name;
            }
            return;
        }
        conversation.settle_resolution(self.clock, &self.targets);
        self.enter_queue(slot, Entry::Ordinary);
        self.note_left(slot, before);
        if let Some(agent) = to.filter(|_| self.book[slot].id.is_some()) {
            self.wait_for_agent(slot, agent);
        }
    }

    /// The business has taken it out of a queue: its customer's next contact does not put it back.
    fn note_left(&mut self, slot: u32, before: QueueId) {
        let conversation = &mut self.book[slot];
        if conversation.id.is_some() && conversation.queue != before {
            self.extras.of_mut(conversation).left.push(before);
        }
    }

    /// It goes on in another division.
    pub(super) fn moved_out(&mut self, slot: u32, operation: &Operation) {
        self.rename_callback(slot, operation.customer);
        if self.book[slot].agent != NONE {
            self.withdraw(slot, WithdrawReason::Transferred);
            self.part(slot, Parting::Free);
        }
        self.close(slot, CloseOutcome::Moved, None);
    }

    /// It comes from another division.
    pub(super) fn moved_in(
        &mut self,
        event: &Event,
        events: &Events,
        operation: &Operation,
        operations: &Operations,
        at: u32,
    ) {
        let moved = &operations.moves[at as usize];
        let contact = &operations.contacts[moved.contact as usize];
        let slot = self.book.enter(operation.conversation);
        self.book[slot].customer = operation.customer;
        self.book[slot].last = self.clock;
        self.keep_context(slot, event, events, contact, operations);
        self.scratch.skills.clear();
        self.scratch.skills.extend_from_slice(&operations.skills[moved.skills.range()]);
        let skills = self.waiting.skill_set(&mut self.scratch.skills);
        let conversation = &mut self.book[slot];
        conversation.replied = moved.replied;
        conversation.context.skills = skills;
        conversation.context.message = moved.message;
        conversation.context.traceparent = moved.traceparent;
        self.create(slot, contact, &[], true);
        let agent = match event.agent.len {
            0 => None,
            _ => self.staff.find(event.agent_key, events.text(event.agent)),
        };
        if let Some(due) = moved.due {
            if agent.is_some() {
                let name = self.last_agents.number(event.agent_key, events.text(event.agent));
                self.book[slot].context.preferred = name;
            }
            self.schedule(slot, due);
            self.rearm(slot);
            return;
        }
        let clock = self.clock;
        self.begin_clocks(slot, clock);
        self.enter_queue(slot, Entry::Ordinary);
        if self.book[slot].id.is_some()
            && let Some(agent) = agent
        {
            self.wait_for_agent(slot, agent);
        }
        self.rearm_if_held(slot);
    }

    /// An order: whatever the agent's state, skills and room.
    pub(super) fn assigned(&mut self, slot: u32, events: &Events, event: &Event) -> Result<(), IgnoreReason> {
        let agent =
            self.staff.find(event.agent_key, events.text(event.agent)).ok_or(IgnoreReason::UnknownAgent)?;
        let conversation = &self.book[slot];
        let holder = conversation.agent;
        let accepted = matches!(conversation.state, State::Active | State::Held);
        if accepted && holder == agent {
            return Err(IgnoreReason::WrongState);
        }
        let clock = self.clock;
        if self.cancel_callback(slot) {
            self.book[slot].last = clock;
            self.start_again(slot, clock);
        }
        let (mut candidates, mut priority) = (0, None);
        if self.book[slot].class != NONE {
            candidates = self.candidates(slot, |_| ());
            priority = Some(self.priority(slot));
        }
        if holder != NONE {
            if holder != agent {
                self.withdraw(slot, WithdrawReason::Transferred);
            }
            self.part(slot, Parting::Free);
        }
        let conversation = &mut self.book[slot];
        conversation.held_pause = false;
        conversation.settle_resolution(clock, &self.targets);
        let priority = priority.unwrap_or_else(|| self.priority_of_one_that_does_not_wait(slot));
        self.give(slot, agent, AcceptMode::Ordered, candidates, priority);
        Ok(())
    }

    /// The business has changed its mind.
    pub(super) fn updated(&mut self, slot: u32, events: &Events, event: &Event, value: i64) {
        let conversation = &mut self.book[slot];
        let waits = conversation.class != NONE;
        // What a waiting conversation asks for decides its place, so it leaves before that changes.
        if waits {
            self.waiting.leave(slot, conversation);
        }
        conversation.context.value = value;
        let queue = event.queue.filter(|queue| *queue != conversation.queue);
        self.replace_skills(slot, events, event);
        match (self.book[slot].state, queue) {
            (State::Queued, None) => self.wait(slot),
            (State::Scheduled, Some(queue)) => self.book[slot].queue = queue,
            (State::Queued | State::Offered, Some(queue)) => {
                if self.book[slot].agent != NONE {
                    self.withdraw(slot, WithdrawReason::Superseded);
                    self.part(slot, Parting::Free);
                }
                let before = std::mem::replace(&mut self.book[slot].queue, queue);
                self.enter_queue(slot, Entry::Ordinary);
                self.note_left(slot, before);
            }
            (State::Active | State::Held, _) | (State::Offered | State::Scheduled, None) => {}
        }
    }

    /// Skills that the event names take the place of the contact's.
    fn replace_skills(&mut self, slot: u32, events: &Events, event: &Event) {
        let Some(list) = event.skills else { return };
        self.scratch.skills.clear();
        self.scratch.skills.extend(events.skills[list.range()].iter().map(|skill| (skill.key, skill.level)));
        self.book[slot].context.skills = self.waiting.skill_set(&mut self.scratch.skills);
    }

    /// First response and resolution begin.
    pub(super) fn begin_clocks(&mut self, slot: u32, start: Millis) {
        let (clock, rules, tally) = (self.clock, &*self.rules, &mut self.objectives);
        let conversation = &mut self.book[slot];
        conversation.start(Objective::FirstResponse, start, clock, rules, tally);
        conversation.start(Objective::Resolution, start, clock, rules, tally);
    }
}
