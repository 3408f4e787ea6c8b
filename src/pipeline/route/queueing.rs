//! Into a queue and out of it again without an agent: closed and full queues, overflow and expiry, steps of relaxation,
//! callbacks, and what is sent to a customer who has to wait.

use crate::rules::{Leave, Reply};
use crate::types::decision::{Body, Replied};
use crate::types::operation::Contact;
use crate::types::{
    Affinity, CloseOutcome, CustomerId, DurationMs, Millis, Objective, QueueId, WithdrawReason,
};
use borsh::{BorshDeserialize, BorshSerialize};

use super::conversation::State;
use super::extras::Window;
use super::operations::Parting;
use super::timers::TimerKind;
use super::{Division, NONE};

/// How a conversation comes into a queue.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(super) enum Entry {
    /// By a contact, a transfer, an update, a callback.
    Ordinary,
    /// From another queue that did not keep it.
    Overflow,
    /// Back from an agent who is gone.
    Return,
}

/// How fast a queue is worked off.
#[derive(Copy, Clone, Debug, BorshSerialize, BorshDeserialize)]
pub(super) struct Gaps {
    /// The last acceptance; `Millis::MIN`: none yet.
    last: Millis,
    /// Mean gap in ms; below 0: not known yet.
    mean: i64,
}

impl Gaps {
    /// Nothing accepted yet.
    pub(super) const NONE: Gaps = Gaps { last: Millis::MIN, mean: -1 };

    /// The mean follows each gap by an eighth.
    pub(super) fn note(&mut self, clock: Millis) {
        if self.last != Millis::MIN {
            let gap = clock.since(self.last).0;
            self.mean = if self.mean < 0 { gap } else { self.mean + (gap - self.mean).div_euclid(8) };
        }
        self.last = clock;
    }
}

impl Division {
    /// Enters the queue that it names: the place in the queue begins anew, the place in line does not. It waits there, or
    /// leaves at once if the queue is closed or full.
    pub(super) fn enter_queue(&mut self, slot: u32, entry: Entry) {
        let clock = self.clock;
        let rules = self.rules.clone();
        let conversation = &mut self.book[slot];
        conversation.state = State::Queued;
        conversation.queued = clock;
        conversation.cancel(Objective::QueueWait, &mut self.objectives);
        conversation.start(Objective::QueueWait, clock, clock, &rules, &mut self.objectives);
        self.extras.begin(slot, conversation, entry != Entry::Ordinary);
        let queue = &rules.queues[conversation.queue.at()];
        if queue.affinity > DurationMs::ZERO {
            self.wait_for_known(slot, queue.affinity);
        }
        let conversation = &mut self.book[slot];
        if let Some(max_wait) = queue.max_wait {
            self.extras.arm(conversation, TimerKind::MaxWait, clock.plus(max_wait.after));
        }
        if entry != Entry::Return
            && let Some(closed) = queue.closed
            && !rules.calendar(closed.calendar).is_open(clock)
        {
            let Some(leave) = closed.leave else {
                let calendar = rules.calendar(closed.calendar);
                // A calendar that is never open has no next opening: it waits until it leaves otherwise.
                let opening = match calendar.is_never_open() {
                    true => Millis::MAX,
                    false => calendar.add(clock, DurationMs(1)).minus(DurationMs(1)),
                };
                self.extras.wait_until(slot, conversation, opening);
                return self.wait_unless_full(slot, entry);
            };
            return self.leave(slot, leave);
        }
        self.wait_unless_full(slot, entry);
    }

    fn wait_unless_full(&mut self, slot: u32, entry: Entry) {
        let queue = self.book[slot].queue;
        match self.rules.queues[queue.at()].max_waiting {
            Some(most)
                if entry == Entry::Ordinary && self.waiting.lines[queue.at()].waiting >= most.count =>
            {
                self.leave(slot, most.leave);
            }
            _ => self.wait(slot),
        }
    }

    /// The conversation, which waits no longer, leaves its queue without an agent: to another queue, or it is closed.
    pub(super) fn leave(&mut self, slot: u32, leave: Leave) {
        if let Some(template) = leave.template {
            self.reply(slot, Replied { template, private: false, position: None, expected_wait_s: None });
        }
        match leave.to {
            Some(to) => {
                let conversation = &mut self.book[slot];
                self.extras.of_mut(conversation).left.push(conversation.queue);
                conversation.queue = to;
                self.enter_queue(slot, Entry::Overflow);
            }
            None => self.close(slot, CloseOutcome::Expired, None),
        }
    }

    /// It has waited for as long as its queue lets it: an offer that is still alive is withdrawn.
    pub(super) fn waited_too_long(&mut self, slot: u32) {
        let conversation = &mut self.book[slot];
        self.extras.arm(conversation, TimerKind::MaxWait, Millis::MAX);
        let leave = self.rules.queues[conversation.queue.at()].max_wait.expect("a bound was armed").leave;
        match conversation.state {
            State::Queued => self.waiting.leave(slot, conversation),
            State::Offered => {
                let expires = leave.to.is_none();
                self.withdraw(slot, if expires { WithdrawReason::Expired } else { WithdrawReason::Overflow });
                self.part(slot, Parting::Free);
            }
            State::Active | State::Held | State::Scheduled => return,
        }
        self.leave(slot, leave);
    }

    /// The steps of relaxation that have been passed by now.
    pub(super) fn steps_passed(&self, slot: u32) -> u8 {
        let conversation = &self.book[slot];
        let steps = &self.rules.queues[conversation.queue.at()].steps;
        let waited = self.clock.since(conversation.queued);
        steps.partition_point(|step| step.after <= waited) as u8
    }

    /// Finds when the next step of relaxation comes for a queued conversation.
    pub(super) fn arm_step(&mut self, slot: u32) {
        let conversation = &mut self.book[slot];
        let steps = &self.rules.queues[conversation.queue.at()].steps;
        let next = steps.get(usize::from(conversation.relaxed));
        let at = next.map_or(Millis::MAX, |step| conversation.queued.plus(step.after));
        self.extras.arm(conversation, TimerKind::Relaxation, at);
    }

    /// A step of relaxation is passed: the conversation waits among those that ask for less.
    pub(super) fn relax(&mut self, slot: u32) {
        if self.book[slot].class == NONE {
            self.extras.arm(&mut self.book[slot], TimerKind::Relaxation, Millis::MAX);
            return;
        }
        self.place_anew(slot);
    }

    /// Waits for the preferred and then for the last agent, those that the division knows.
    fn wait_for_known(&mut self, slot: u32, span: DurationMs) {
        let context = &self.book[slot].context;
        let wanted = [(context.preferred, Affinity::Preferred), (context.last_agent, Affinity::Last)];
        let mut windows: [Option<Window>; 2] = [None; 2];
        let mut until = self.clock;
        for (name, affinity) in wanted.into_iter().filter(|(name, _)| *name != NONE) {
            let (key, name) = (self.last_agents.key(name), self.last_agents.get(name));
            let Some(agent) = self.staff.find(key, name) else { continue };
            if windows[0].is_some_and(|first| first.agent == agent) {
                continue;
            }
            until = until.plus(span);
            let place = usize::from(windows[0].is_some());
            windows[place] = Some(Window { agent, affinity, until });
        }
        self.extras.wait_for(slot, &mut self.book[slot], windows);
    }

    /// Waits for this agent alone before everybody may take it.
    pub(super) fn wait_for_agent(&mut self, slot: u32, agent: u32) {
        let conversation = &mut self.book[slot];
        let queue = &self.rules.queues[conversation.queue.at()];
        let span = if queue.affinity > DurationMs::ZERO { queue.affinity } else { queue.offer_timeout };
        let until = self.clock.plus(span);
        let window = Window { agent, affinity: Affinity::Preferred, until };
        self.extras.wait_for(slot, conversation, [Some(window).filter(|_| span > DurationMs::ZERO), None]);
    }

    /// The conversation waits until its customer wants to be called; nobody has it, no clock runs. A callback that has
    /// been waiting for the same customer is given up. What has come due enters its queue at once.
    pub(super) fn schedule(&mut self, slot: u32, due: Millis) {
        let conversation = &mut self.book[slot];
        if conversation.agent != NONE {
            self.withdraw(slot, WithdrawReason::Superseded);
            self.part(slot, Parting::Free);
        } else if conversation.class != NONE {
            self.waiting.leave(slot, conversation);
        }
        self.takeable.retain(|other| *other != slot);
        self.cancel_callback(slot);
        self.give_up_pending(slot);
        let conversation = &mut self.book[slot];
        for objective in Objective::ALL {
            conversation.cancel(*objective, &mut self.objectives);
        }
        self.extras.begin(slot, conversation, true);
        (conversation.held_pause, conversation.customer_pause) = (false, false);
        conversation.state = State::Scheduled;
        conversation.last = due.max(self.clock);
        conversation.turn = due;
        let hash = hash_of(conversation.customer);
        self.callbacks.insert(hash, slot);
        if due <= self.clock {
            self.call_back(slot);
        }
    }

    /// Of a customer's callbacks that wait for their time the earliest stays, the others are given up.
    pub(super) fn keep_one_callback(&mut self, customer: CustomerId) {
        let hash = hash_of(customer);
        let mut pending = std::mem::take(&mut self.scratch.offers);
        pending.clear();
        while let Some(slot) = self.callbacks.find(hash, |slot| self.book[slot].customer == customer) {
            self.callbacks.remove(hash, slot);
            pending.push(slot);
        }
        pending.sort_unstable_by_key(|slot| (self.book[*slot].turn, self.book[*slot].id));
        for slot in &pending {
            self.callbacks.insert(hash, *slot);
        }
        for slot in pending.drain(..).skip(1) {
            self.close(slot, CloseOutcome::Abandoned, None);
        }
        self.scratch.offers = pending;
    }

    /// The callbacks that wait for the same customer end, by id.
    fn give_up_pending(&mut self, slot: u32) {
        let customer = self.book[slot].customer;
        let mut pending = std::mem::take(&mut self.scratch.offers);
        pending.clear();
        while let Some(other) =
            self.callbacks.find(hash_of(customer), |other| self.book[other].customer == customer)
        {
            self.callbacks.remove(hash_of(customer), other);
            pending.push(other);
        }
        pending.sort_unstable_by_key(|slot| self.book[*slot].id);
        for other in pending.drain(..) {
            self.book[other].state = State::Queued;
            self.close(other, CloseOutcome::Abandoned, None);
        }
        self.scratch.offers = pending;
    }

    /// A callback's time has come.
    pub(super) fn call_back(&mut self, slot: u32) {
        self.cancel_callback(slot);
        let clock = self.clock;
        self.start_again(slot, clock);
        self.enter_queue(slot, Entry::Ordinary);
    }

    /// It is no callback any more, if it was one; says whether it was.
    pub(super) fn cancel_callback(&mut self, slot: u32) -> bool {
        let conversation = &mut self.book[slot];
        if conversation.state != State::Scheduled {
            return false;
        }
        let known = self.callbacks.remove(hash_of(conversation.customer), slot);
        assert!(known, "a callback is in the table");
        conversation.state = State::Queued;
        conversation.turn = Millis::MAX;
        true
    }

    /// The customer of a callback has another id.
    pub(super) fn rename_callback(&mut self, slot: u32, customer: CustomerId) {
        let conversation = &mut self.book[slot];
        if conversation.state == State::Scheduled && conversation.customer != customer {
            self.callbacks.remove(hash_of(conversation.customer), slot);
            self.callbacks.insert(hash_of(customer), slot);
        }
        self.book[slot].customer = customer;
    }

    /// A callback is over: the clocks that stood still in the meantime start.
    pub(super) fn start_again(&mut self, slot: u32, start: Millis) {
        let (clock, rules, tally) = (self.clock, &*self.rules, &mut self.objectives);
        let conversation = &mut self.book[slot];
        let response = if conversation.answered { Objective::NextResponse } else { Objective::FirstResponse };
        conversation.start(response, start, clock, rules, tally);
        conversation.start(Objective::Resolution, start, clock, rules, tally);
    }

    /// After matching: a contact for whom nobody was at hand is told how many wait, if the queue says so.
    pub(super) fn acknowledge(&mut self) {
        let slot = std::mem::replace(&mut self.contacted, NONE);
        if slot == NONE || self.book[slot].class == NONE {
            return;
        }
        let conversation = &mut self.book[slot];
        let (queue, channel) = (conversation.queue, conversation.channel);
        let Some(acknowledge) = self.rules.queues[queue.at()].acknowledge else { return };
        let has_been = self.extras.of(conversation).is_some_and(|extra| extra.acknowledged);
        if has_been || acknowledge.channels >> channel.0 & 1 == 0 {
            return;
        }
        self.extras.of_mut(conversation).acknowledged = true;
        let position = self.waiting.lines[queue.at()].waiting;
        let mean = Some(self.gaps[queue.at()].mean).filter(|mean| *mean >= 0);
        let expected = mean.map(|mean| (i128::from(position) * i128::from(mean) / 1_000) as i64);
        let template = acknowledge.template;
        self.reply(
            slot,
            Replied { template, private: false, position: Some(position), expected_wait_s: expected },
        );
    }

    /// What the rules send back to a contact: of reply rules and acknowledgements a conversation gets the first only. Says
    /// whether the conversation, which the contact opened, ends with it.
    pub(super) fn reply_to_contact(&mut self, slot: u32, contact: &Contact) -> bool {
        if contact.blocked {
            if let Some(template) = self.rules.conversation.blocked {
                self.reply(slot, Replied { template, private: false, position: None, expected_wait_s: None });
            }
            return true;
        }
        let Some(at) = contact.reply else { return false };
        let Reply { template, private, closes, .. } = self.rules.replies[usize::from(at)];
        if !std::mem::replace(&mut self.extras.of_mut(&mut self.book[slot]).acknowledged, true) {
            self.reply(slot, Replied { template, private, position: None, expected_wait_s: None });
        }
        closes && contact.opens
    }

    fn reply(&mut self, slot: u32, replied: Replied) {
        self.decide(slot, Body::Replied(replied));
    }

    /// Whether it has left a queue since its customer put it into one.
    pub(super) fn has_left(&self, slot: u32, queue: QueueId) -> bool {
        let extra = self.extras.of(&self.book[slot]);
        extra.is_some_and(|extra| extra.left.contains(&queue))
    }
}

/// Place of a customer's callbacks in their table.
pub(super) fn hash_of(customer: CustomerId) -> u64 {
    customer.hash ^ u64::from(customer.generation).rotate_left(32)
}
