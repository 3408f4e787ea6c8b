//! A change of rules: a division goes on by other ones. Records keep their slots, agents and names their numbers; numbers of
//! queues and channels are carried over, and everything that is derived from rules (profiles, groups, classes, heaps,
//! deadlines) is made anew. What was fixed by the former rules stays: clocks that run (`Targets`), live offers, windows of
//! affinity, exclusions, wrap-ups.
//!
//! Cost: that of everything that the division holds, once; it is the only step of the engine that looks at all of it.

use std::sync::Arc;

use super::clocks::{Running, Targets};
use super::conversation::State;
use super::orders::Moved;
use super::timers::TimerKind;
use super::{Division, NONE, Unit};
use crate::rules::keys::Keys;
use crate::rules::{Renumbering, Rules, Uses};
use crate::types::{Cause, ChannelId, Millis, Objective, Position, QueueId, TraceParent};

/// The event that changes the rules, for what follows from it.
#[derive(Copy, Clone, Debug)]
pub struct ChangedBy {
    /// Where it stands.
    pub position: Position,
    /// Its trace.
    pub traceparent: TraceParent,
    /// Its clock.
    pub clock: Millis,
    /// The leader's wall clock of its epoch, if there is one.
    pub now: Option<Millis>,
}

impl Division {
    /// What is in use here of what the rules declare.
    pub fn uses(&self) -> Uses {
        let mut uses = Uses::none(&self.rules);
        for slot in self.slots() {
            let conversation = &self.book[slot];
            uses.channels[conversation.channel.at()] += 1;
            let running = conversation.clocks.iter().filter(|clock| clock.running != Running::No);
            let mut queues: Vec<QueueId> =
                running.map(|clock| clock.queue).chain([conversation.queue]).collect();
            queues.sort_unstable();
            queues.dedup();
            queues.iter().for_each(|queue| uses.queues[queue.at()] += 1);
        }
        for wrap_up in self.staff.agents.iter().flat_map(|agent| agent.wrap_ups.iter()) {
            uses.channels[wrap_up.channel.at()] += 1;
        }
        uses
    }

    /// Goes on by other rules, in which nothing that is in use is gone; everything up to the event's clock has fired.
    /// Whatever waits may be somebody else's to take now.
    pub fn adopt(&mut self, rules: &Arc<Rules>, keys: &Keys, numbers: &Renumbering, by: ChangedBy) {
        self.clock = by.clock;
        self.now = by.now;
        self.unit = Unit {
            cause: Cause::Event(by.position),
            traceparent: by.traceparent,
            start: self.batch.decisions.len(),
        };
        let before = std::mem::replace(&mut self.rules, rules.clone());
        let queues = rules.queues.len();
        self.gaps = numbers.carry_queues(std::mem::take(&mut self.gaps), queues, || super::Gaps::NONE);
        let objectives = std::mem::take(&mut self.objectives);
        self.objectives = numbers.carry_queues(objectives, queues, Default::default);
        self.served.carry(rules, self.id, numbers);
        self.carry_attempts(numbers);
        let former = std::mem::replace(&mut self.targets, Targets::new(rules));
        for slot in self.slots() {
            self.carry_conversation(slot, &before, &former, numbers);
        }
        self.staff.adopt(&before, rules, self.id, numbers);
        self.waiting.adopt(rules, |name| keys.name(name.as_bytes()));
        for (number, profile) in self.staff.profiles.iter().enumerate() {
            self.waiting.meet_profile(number as u32, profile);
        }
        self.seat_agents();
        for slot in self.slots() {
            self.arm_anew(slot);
        }
        self.match_up();
        self.close_unit();
    }

    /// Slots of conversations.
    fn slots(&self) -> Vec<u32> {
        (0..self.book.bound()).filter(|slot| self.book[*slot].id.is_some()).collect()
    }

    /// Earlier attempts on a channel that is gone are told no more.
    fn carry_attempts(&mut self, numbers: &Renumbering) {
        self.attempts.widen(self.rules.conversation.attempts_kept as usize);
        if numbers.keeps_channels() {
            return;
        }
        for slot in self.slots() {
            let context = &mut self.book[slot].context;
            let attempts = self.attempts.get_mut(context.attempts);
            let mut kept = 0;
            for place in 0..context.attempt_count as usize {
                if let Some(channel) = numbers.channel(attempts[place].channel) {
                    attempts[kept] = attempts[place];
                    attempts[kept].channel = channel;
                    kept += 1;
                }
            }
            context.attempt_count = kept as u32;
        }
    }

    /// The numbers that stand in a conversation.
    fn carry_conversation(&mut self, slot: u32, before: &Rules, former: &Targets, numbers: &Renumbering) {
        let conversation = &mut self.book[slot];
        let channel = numbers.channel(conversation.channel).expect("a channel in use stays");
        let release = self.extras.armed(conversation, TimerKind::Release);
        if release != Millis::MAX {
            let spans = before.channels[conversation.channel.at()].release_after;
            let at = spans.zip(self.rules.channels[channel.at()].release_after);
            let at = at.map_or(Millis::MAX, |(was, is)| release.minus(was).plus(is).max(self.clock));
            self.extras.arm(conversation, TimerKind::Release, at);
        }
        conversation.channel = channel;
        conversation.class = NONE;
        if before.queues[conversation.queue.at()].max_offers_to.is_none() && conversation.extra != NONE {
            self.extras.of_mut(conversation).missed = 0;
        }
        conversation.queue = numbers.queue(conversation.queue).expect("a queue in use stays");
        for (clock, objective) in conversation.clocks.iter_mut().zip(Objective::ALL) {
            if clock.running != Running::No {
                let queue = numbers.queue(clock.queue).expect("a queue in use stays");
                former.keep(clock, *objective, queue, &mut self.targets);
            }
        }
        let gone = numbers.kinds_gone().fold(0, |bits, kind| bits | 1u16 << kind.0);
        conversation.context.kinds &= !gone;
        if !before.has_affinity() {
            conversation.context.preferred = NONE;
        }
        if let Some(extra) = self.extras.of(conversation)
            && !extra.left.is_empty()
        {
            let left = &mut self.extras.of_mut(conversation).left;
            *left = left.iter().filter_map(|queue| numbers.queue(*queue)).collect();
        }
    }

    /// Agents take their places.
    fn seat_agents(&mut self) {
        for profile in self.staff.profiles.clone() {
            self.meet_delays(&profile);
        }
        for number in 0..self.staff.agents.len() as u32 {
            let agent = &self.staff.agents[number as usize];
            let counts =
                |slot: &&u32| !self.extras.of(&self.book[**slot]).is_some_and(|extra| extra.released);
            let holds = agent.holds.iter().filter(counts).map(|slot| self.book[*slot].channel);
            let held: Vec<ChannelId> = holds.chain(agent.wrap_ups.iter().map(|w| w.channel)).collect();
            self.staff.count_used(number, held.into_iter());
            self.settle(number, Moved::All);
            self.arm_agent(number);
        }
    }

    /// What is still to come for a conversation; what is overdue now is due now.
    fn arm_anew(&mut self, slot: u32) {
        let (clock, rules) = (self.clock, self.rules.clone());
        let conversation = &mut self.book[slot];
        conversation.last = conversation.last.max(clock.minus(rules.conversation.idle_close));
        let queue = &rules.queues[conversation.queue.at()];
        if self.extras.of(conversation).is_some_and(|extra| extra.opening > clock) {
            let closed = queue.closed.filter(|closed| closed.leave.is_none());
            let opening = closed.and_then(|closed| rules.calendar(closed.calendar).opening(clock));
            self.extras.of_mut(conversation).opening = opening.unwrap_or(Millis::MIN);
            self.extras.arm(conversation, TimerKind::Opening, opening.unwrap_or(Millis::MAX));
        }
        let waits = matches!(conversation.state, State::Queued | State::Offered);
        let bound = queue.max_wait.filter(|_| waits);
        let bound = bound.map_or(Millis::MAX, |bound| conversation.queued.plus(bound.after).max(clock));
        self.extras.arm(conversation, TimerKind::MaxWait, bound);
        self.extras.arm(conversation, TimerKind::Relaxation, Millis::MAX);
        self.extras.arm(conversation, TimerKind::Step, Millis::MAX);
        match conversation.state {
            State::Queued => self.wait(slot),
            State::Active | State::Held => self.arm_reclaim(slot),
            State::Offered | State::Scheduled => {}
        }
        self.rearm(slot);
    }
}
