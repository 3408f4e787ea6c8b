//! Into a queue and out of it again without an agent: what an entry starts, closed queues, full queues, overflow and
//! expiry, callbacks that wait for their time, and what is sent to a customer who has to wait.

use std::collections::{BTreeMap, BTreeSet};

use super::division::{Division, Entry, Moment, State, Window};
use super::output::{self, Body};
use super::timers::Timer;
use super::understand::Reply;
use crate::rules::{Leave, StepAction};
use crate::types::{
    Affinity, CloseOutcome, ConversationId, DurationMs, Millis, Objective, QueueId, TemplateId,
    WithdrawReason,
};

impl Division {
    /// The conversation enters a queue (not the same as coming back to it after an offer): its place in it counts from
    /// now. It waits there, or leaves at once if the queue is closed or full.
    pub fn enter_queue(&mut self, id: ConversationId, queue: QueueId, entry: Entry, moment: &mut Moment) {
        self.cancel_cycle(id, Objective::QueueWait, moment);
        self.waiting.remove(&id);
        let conversation = self.conversation_mut(id);
        if entry == Entry::Ordinary {
            conversation.left.clear();
        }
        conversation.state = State::Queued;
        conversation.queue = queue;
        conversation.queued = moment.clock;
        conversation.missed = 0;
        conversation.opening = None;
        self.start_cycle(id, Objective::QueueWait, moment.clock, moment);
        let windows = self.windows(id, moment);
        self.wait_for(id, windows);
        self.arm_delays_of(id, moment);
        let rules = moment.queue(queue).clone();
        for (number, step) in rules.steps.iter().enumerate() {
            self.timers.arm(moment.clock.plus(step.after), Timer::Step(id, number));
        }
        let bound = rules.max_wait.map(|max_wait| moment.clock.plus(max_wait.after));
        self.conversation_mut(id).bound = bound;
        if let Some(bound) = bound {
            self.timers.arm(bound, Timer::MaxWait(id));
        }
        if entry != Entry::Return
            && let Some(closed) = rules.closed
            && !moment.rules.calendar(closed.calendar).is_open(moment.clock)
        {
            match closed.leave {
                Some(leave) => return self.leave(id, leave, moment),
                None => self.wait_for_opening(id, closed.calendar, moment),
            }
        }
        if entry == Entry::Ordinary
            && let Some(max_waiting) = rules.max_waiting
            && self.waiting_in(queue) >= max_waiting.count as usize
        {
            return self.leave(id, max_waiting.leave, moment);
        }
        self.wait(id);
    }

    /// The conversation leaves its queue without an agent: to another queue, or it is closed.
    pub fn leave(&mut self, id: ConversationId, leave: Leave, moment: &mut Moment) {
        if let Some(template) = leave.template {
            self.reply(id, (template, false), None, None, moment);
        }
        self.waiting.remove(&id);
        match leave.to {
            Some(to) => {
                let conversation = self.conversation_mut(id);
                conversation.left.insert(conversation.queue);
                self.enter_queue(id, to, Entry::Overflow, moment);
            }
            None => self.close(id, CloseOutcome::Expired, None, moment),
        }
    }

    /// It has waited for as long as its queue lets it: an offer that is still alive is withdrawn.
    pub fn waited_too_long(&mut self, id: ConversationId, moment: &mut Moment) {
        let Some(conversation) = self.conversations.get(&id) else { return };
        let Some(max_wait) = moment.queue(conversation.queue).max_wait else { return };
        let waits = matches!(conversation.state, State::Queued | State::Offered { .. });
        if !waits || conversation.bound != Some(moment.clock) {
            return;
        }
        if let Some(agent) = self.take_away(id, moment) {
            let expires = max_wait.leave.to.is_none();
            let reason = if expires { WithdrawReason::Expired } else { WithdrawReason::Overflow };
            self.withdraw(id, &agent, reason, moment);
        }
        self.leave(id, max_wait.leave, moment);
    }

    /// The conversation waits until its customer wants to be called; nobody has it, no clock runs. A callback that has
    /// been waiting for the same customer is given up. What has come due enters its queue at once.
    pub fn schedule(&mut self, id: ConversationId, due: Millis, moment: &mut Moment) {
        if let Some(agent) = self.take_away(id, moment) {
            self.withdraw(id, &agent, WithdrawReason::Superseded, moment);
        }
        for objective in Objective::ALL {
            self.cancel_cycle(id, *objective, moment);
        }
        self.waiting.remove(&id);
        self.takeable.remove(&id);
        let customer = moment.identity.root(self.conversation(id).customer);
        let pending = |other: &ConversationId| {
            let conversation = &self.conversations[other];
            *other != id
                && matches!(conversation.state, State::Scheduled { .. })
                && moment.identity.root(conversation.customer) == customer
        };
        let pending: Vec<ConversationId> = self.conversations.keys().copied().filter(pending).collect();
        for other in pending {
            self.close(other, CloseOutcome::Abandoned, None, moment);
        }
        let conversation = self.conversation_mut(id);
        conversation.held_pause = false;
        conversation.reply_pause = false;
        conversation.state = State::Scheduled { due };
        self.refresh(id, moment);
        if due <= moment.clock {
            self.call_back(id, moment);
        } else {
            self.timers.arm(due, Timer::Callback(id));
        }
    }

    /// A callback's time has come.
    pub fn callback_due(&mut self, id: ConversationId, moment: &mut Moment) {
        let state = self.conversations.get(&id).map(|conversation| &conversation.state);
        if state == Some(&State::Scheduled { due: moment.clock }) {
            self.call_back(id, moment);
        }
    }

    fn call_back(&mut self, id: ConversationId, moment: &mut Moment) {
        self.start_again(id, moment.clock, moment);
        let queue = self.conversation(id).queue;
        self.enter_queue(id, queue, Entry::Ordinary, moment);
    }

    /// A callback is over: the clocks that stood still in the meantime start.
    pub fn start_again(&mut self, id: ConversationId, start: Millis, moment: &mut Moment) {
        let answered = self.conversation(id).first_response.is_some();
        let objective = if answered { Objective::NextResponse } else { Objective::FirstResponse };
        self.start_cycle(id, objective, start, moment);
        self.start_cycle(id, Objective::Resolution, start, moment);
    }

    /// The agent who had it is gone: back to its queue, in which it counts as new; its place by age stays.
    pub fn put_back(&mut self, id: ConversationId, moment: &mut Moment) {
        let agent = self.take_away(id, moment).expect("it is somebody's");
        self.withdraw(id, &agent, WithdrawReason::AgentLeft, moment);
        self.conversation_mut(id).held_pause = false;
        self.settle_resolution(id, moment);
        let queue = self.conversation(id).queue;
        self.enter_queue(id, queue, Entry::Return, moment);
    }

    /// After matching: a contact for whom nobody was at hand is told how many wait, if the queue says so.
    pub fn acknowledge(&mut self, moment: &mut Moment) {
        let Some(id) = self.contacted.take().filter(|id| self.waiting.contains(id)) else { return };
        let conversation = self.conversation(id);
        let queue = conversation.queue;
        let Some(acknowledge) = moment.queue(queue).acknowledge else { return };
        if conversation.acknowledged || acknowledge.channels >> conversation.channel.0 & 1 == 0 {
            return;
        }
        self.conversation_mut(id).acknowledged = true;
        let position = self.waiting_in(queue) as u32;
        let mean = self.gaps.get(&queue).and_then(|gaps| gaps.mean);
        let expected = mean.map(|mean| (i128::from(position) * i128::from(mean) / 1_000) as i64);
        self.reply(id, (acknowledge.template, false), Some(position), expected, moment);
    }

    /// What the rules send back to a contact: of reply rules and acknowledgements a conversation gets the first only.
    pub fn reply_to_contact(&mut self, id: ConversationId, reply: Option<Reply>, moment: &mut Moment) {
        let Some(reply) = reply else { return };
        if reply.always || !self.conversation(id).acknowledged {
            self.conversation_mut(id).acknowledged = true;
            self.reply(id, (reply.template, reply.private), None, None, moment);
        }
    }

    /// Conversations that wait in a queue.
    fn waiting_in(&self, queue: QueueId) -> usize {
        self.waiting.iter().filter(|id| self.conversation(**id).queue == queue).count()
    }

    /// Waits for these agents, one after the other.
    pub fn wait_for(&mut self, id: ConversationId, windows: Vec<Window>) {
        for (number, window) in windows.iter().enumerate() {
            self.timers.arm(window.until, Timer::Affinity(id, number));
        }
        self.conversation_mut(id).windows = windows;
    }

    /// First the preferred agent, then the last one, each for the affinity of the queue.
    fn windows(&self, id: ConversationId, moment: &Moment) -> Vec<Window> {
        let conversation = self.conversation(id);
        let span = moment.queue(conversation.queue).affinity;
        if span == DurationMs::ZERO {
            return Vec::new();
        }
        let wanted = [
            (conversation.preferred.as_ref(), Affinity::Preferred),
            (conversation.context.last_agent.as_ref(), Affinity::Last),
        ];
        let mut windows: Vec<Window> = Vec::new();
        let mut until = moment.clock;
        for (agent, affinity) in wanted {
            let Some(agent) = agent.filter(|agent| self.agents.contains_key(*agent)) else { continue };
            if windows.iter().all(|window| window.agent != *agent) {
                until = until.plus(span);
                windows.push(Window { agent: agent.clone(), affinity, until });
            }
        }
        windows
    }

    /// Every delay in an agent's list that holds this conversation back, of its queue and of those whose agents a step
    /// adds.
    fn arm_delays_of(&mut self, id: ConversationId, moment: &Moment) {
        let queue = self.conversation(id).queue;
        let added = moment.queue(queue).steps.iter().filter_map(|step| match step.action {
            StepAction::Add(added) => Some(added),
            _ => None,
        });
        let queues: BTreeSet<QueueId> = added.chain([queue]).collect();
        let own = self.agents.values().filter_map(|agent| agent.queues.as_ref());
        let delays: BTreeMap<DurationMs, ()> = own
            .flat_map(|list| queues.iter().filter_map(|queue| list.get(queue)))
            .map(|entry| (entry.delay, ()))
            .filter(|(delay, ())| *delay > DurationMs::ZERO)
            .collect();
        for delay in delays.into_keys() {
            self.timers.arm(moment.clock.plus(delay), Timer::Delay(id, delay.0));
        }
    }

    fn wait_for_opening(&mut self, id: ConversationId, calendar: crate::rules::CalendarId, moment: &Moment) {
        let calendar = moment.rules.calendar(calendar);
        // A calendar that is never open has no next opening, so the conversation waits until it leaves otherwise.
        let opening = if calendar.is_never_open() {
            Millis(i64::MAX)
        } else {
            let opening = calendar.add(moment.clock, DurationMs(1)).minus(DurationMs(1));
            self.timers.arm(opening, Timer::Opening(id));
            opening
        };
        self.conversation_mut(id).opening = Some(opening);
    }

    fn reply(
        &self,
        id: ConversationId,
        (template, private): (TemplateId, bool),
        position: Option<u32>,
        expected_wait_s: Option<i64>,
        moment: &mut Moment,
    ) {
        let conversation = self.conversation(id);
        let body = output::Replied {
            conversation: id,
            customer: moment.identity.id(conversation.customer),
            division: self.name(moment),
            channel: moment.channel_name(conversation.channel),
            template: moment.rules.template(template).to_owned(),
            private,
            position,
            expected_wait_s,
        };
        self.tell(id, Body::Replied(body), moment);
    }
}
