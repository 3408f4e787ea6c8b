//! Deadlines of a division. Each conversation and each agent has one node in the wheel, at its earliest deadline; what is due at one instant fires one by one in the order (kind, id, number), newly armed ones included.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::types::decision::Body;
use crate::types::{
    Cause, CloseOutcome, ConversationId, CustomerId, DurationMs, Millis, Objective, QueueId, TraceParent,
    WithdrawReason,
};

use super::conversation::{Conversation, State};
use super::operations::Parting;
use super::orders::Moved;
use super::profile::Profile;
use super::staff::{Agent, Presence};
use super::{Division, NONE, Unit};

/// Kinds of deadlines in the order in which they fire. `Knee` has no effect outside: what passes a knee of its
/// queue's curve moves to another heap before anything of that instant is decided.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum TimerKind {
    /// Priority goes into the next segment of its curve.
    Knee,
    /// A step of relaxation is passed: no effect outside either.
    Relaxation,
    /// An offer of an agent no longer counts: no effect outside either.
    Ramp,
    /// A live offer expires.
    OfferExpiry,
    /// A wrap-up ends.
    WrapUp,
    /// The agent who had it has been offline for too long.
    Reclaim,
    /// The customer has been silent for so long that the agent gets the weight back.
    Release,
    /// A step of relaxation: others may take it.
    Step,
    /// It no longer waits for one agent.
    Affinity,
    /// An agent may take it again.
    Exclusion,
    /// Agents with a delay may take it.
    Delay,
    /// The queue opens that was closed when it entered.
    Opening,
    /// An agent may get one more offer.
    Ramped,
    /// It has waited for too long.
    MaxWait,
    /// A callback is due.
    Callback,
    /// A percentage of an objective has passed.
    Warning,
    /// An objective is breached.
    Breach,
    /// Nothing happened for too long.
    IdleClose,
}

/// A deadline's place among those of one instant, and whose it is.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct DueKey {
    kind: TimerKind,
    id: ConversationId,
    number: u64,
    handle: u32,
}

/// What is due at the instant in hand.
#[derive(Default, Debug)]
pub struct Due {
    heap: BinaryHeap<Reverse<DueKey>>,
    handles: Vec<u32>,
}

impl Due {
    /// The first.
    fn next(&mut self) -> Option<DueKey> {
        if planted!(TimersByDeadlineAlone) {
            let mut all = std::mem::take(&mut self.heap).into_vec();
            all.sort_by_key(|due| Reverse(due.0.handle));
            let next = all.pop();
            self.heap = all.into();
            return next.map(|due| due.0);
        }
        self.heap.pop().map(|due| due.0)
    }
}

/// Whose node of the wheel it is.
#[derive(Debug)]
pub struct Handle;

impl Handle {
    /// A conversation's.
    pub fn conversation(slot: u32) -> u32 {
        slot << 1
    }

    /// An agent's.
    pub fn agent(number: u32) -> u32 {
        number << 1 | 1
    }
}

impl Division {
    /// Makes sure that the wheel knows of a conversation's earliest deadline.
    pub(super) fn rearm(&mut self, slot: u32) {
        let deadline = self.book[slot].earliest(self.rules.conversation.idle_close);
        self.wheel.arm(Handle::conversation(slot), deadline.0);
    }

    /// Makes sure that the wheel knows of an agent's earliest deadline.
    pub(super) fn arm_agent(&mut self, number: u32) {
        let wrap_up = self.staff.agents[number as usize].next_wrap_up().map(|(ends, _)| ends);
        let ramp =
            [self.staff.ramp.ends(number), self.staff.ramp.forgotten(number)].into_iter().flatten().min();
        if let Some(ends) = wrap_up.into_iter().chain(ramp).min() {
            self.wheel.arm(Handle::agent(number), ends.0);
        }
    }

    /// Finds when the next delay of an agent ends for a queued conversation.
    pub(super) fn arm_delay(&mut self, slot: u32) {
        let conversation = &mut self.book[slot];
        let delays = &self.waiting.lines[conversation.queue.at()].delays;
        let waited = self.clock.since(conversation.queued);
        let next = delays.get(delays.partition_point(|delay| *delay <= waited));
        conversation.delay_ends = next.map_or(Millis::MAX, |delay| conversation.queued.plus(*delay));
    }

    /// A new definition with delays: what waits in its queues learns of them.
    pub(super) fn meet_delays(&mut self, profile: &Profile) {
        self.waiting.seat();
        for serves in profile.queues.iter().filter(|serves| serves.delay > DurationMs::ZERO) {
            let queues: Vec<QueueId> = self.waiting.served_through(serves.queue).collect();
            for queue in queues {
                let delays = &mut self.waiting.lines[queue.at()].delays;
                let Err(place) = delays.binary_search(&serves.delay) else { continue };
                delays.insert(place, serves.delay);
                let mut slots: Vec<u32> = self.waiting.members(queue).collect();
                slots.sort_unstable();
                for slot in slots {
                    self.arm_delay(slot);
                    self.rearm(slot);
                }
            }
        }
    }

    /// An agent may not take a conversation for a while.
    pub(super) fn exclude(&mut self, slot: u32, agent: u32, span: DurationMs) {
        if span == DurationMs::ZERO {
            return;
        }
        self.exclusions.add(slot, &mut self.book[slot], agent, self.clock.plus(span));
    }

    /// Fires everything that is due at one instant, the least first.
    pub(super) fn fire_all_at(&mut self, at: Millis) {
        debug_assert!(at >= self.clock, "no deadline lies before the clock");
        self.clock = at;
        self.collect(at);
        while let Some(key) = self.due.next() {
            if self.current(key.handle, at) != Some(key) {
                self.remind(key.handle, at);
                continue;
            }
            self.unit = Unit {
                cause: Cause::Timer,
                traceparent: TraceParent::NONE,
                start: self.batch.decisions.len(),
            };
            self.fire(key);
            self.match_up();
            self.close_unit();
            self.remind(key.handle, at);
            self.collect(at);
        }
    }

    /// Takes what the wheel has for this instant into the order of firing.
    fn collect(&mut self, at: Millis) {
        while let Some(deadline) = self.wheel.next(at.0) {
            let mut handles = std::mem::take(&mut self.due.handles);
            handles.clear();
            self.wheel.take(deadline, &mut handles);
            for handle in handles.iter().filter(|handle| **handle & 1 == 0) {
                self.book.prefetch_slot(handle >> 1, true);
            }
            for handle in &handles {
                self.remind(*handle, at);
            }
            self.due.handles = handles;
        }
    }

    /// Puts a node's earliest deadline where it belongs: among what is due now, or back into the wheel.
    fn remind(&mut self, handle: u32, at: Millis) {
        match self.current(handle, at) {
            Some(key) => {
                if self.due.heap.iter().len() < REMINDED_TWICE_CHECK
                    && self.due.heap.iter().any(|other| other.0 == key)
                {
                    return;
                }
                self.due.heap.push(Reverse(key));
            }
            None if handle & 1 == 1 => self.arm_agent(handle >> 1),
            None => {
                if self.book[handle >> 1].id.is_some() {
                    self.rearm(handle >> 1);
                }
            }
        }
    }

    /// The least of a node's deadlines that are due at an instant.
    fn current(&self, handle: u32, at: Millis) -> Option<DueKey> {
        if handle & 1 == 1 {
            let number = handle >> 1;
            let agent = &self.staff.agents[number as usize];
            let wrap_up = agent.next_wrap_up().map(|(ends, _)| (ends, TimerKind::WrapUp));
            let ramp = self.staff.ramp.ends(number).map(|ends| (ends, TimerKind::Ramp));
            let ramped = self.staff.ramp.forgotten(number).map(|at| (at, TimerKind::Ramped));
            let all = wrap_up.into_iter().chain(ramp).chain(ramped).filter(|(ends, _)| *ends <= at);
            let kind = all.map(|(_, kind)| kind).min()?;
            let id = ConversationId { customer: CustomerId { hash: agent.label, generation: 0 }, ordinal: 1 };
            return Some(DueKey { kind, id, number: 0, handle });
        }
        let conversation = &self.book[handle >> 1];
        if !conversation.id.is_some() {
            return None;
        }
        let idle_close = self.rules.conversation.idle_close;
        let deadline = conversation.earliest(idle_close);
        if deadline > at {
            return None;
        }
        let extra = self.extras.of(conversation).and_then(|extra| extra.first_at(deadline));
        let (kind, number) = conversation.first_at(deadline, idle_close, extra);
        Some(DueKey { kind, id: conversation.id, number, handle })
    }

    fn fire(&mut self, key: DueKey) {
        let slot = key.handle >> 1;
        match key.kind {
            TimerKind::Knee => self.place_anew(slot),
            TimerKind::Relaxation => self.relax(slot),
            TimerKind::Ramp => {
                self.staff.ramp.forget(slot, self.clock);
                self.settle(slot, Moved::All);
            }
            TimerKind::Ramped => {
                self.staff.ramp.ask(slot);
                self.free(slot);
            }
            TimerKind::Reclaim => self.reclaim(slot),
            TimerKind::Release => self.release(slot),
            TimerKind::Step | TimerKind::Opening => {
                self.extras.arm(&mut self.book[slot], key.kind, Millis::MAX);
                self.touch(slot);
            }
            TimerKind::Affinity => {
                self.extras.tell_window(&mut self.book[slot]);
                self.touch(slot);
            }
            TimerKind::MaxWait => self.waited_too_long(slot),
            TimerKind::Callback => self.call_back(slot),
            TimerKind::OfferExpiry => {
                let agent = self.book[slot].agent;
                self.staff.agents[agent as usize].presence = Presence::NotResponding;
                self.miss(slot, WithdrawReason::Timeout);
            }
            TimerKind::WrapUp => {
                let agent = &mut self.staff.agents[slot as usize];
                let (_, place) = agent.next_wrap_up().expect("a wrap-up is due");
                let wrap_up = agent.wrap_ups.swap_remove(place);
                self.staff.unload(slot, wrap_up.channel);
                self.free(slot);
            }
            TimerKind::Exclusion => {
                let conversation = &mut self.book[slot];
                self.exclusions.expire(slot, conversation, self.clock);
                if conversation.state == State::Queued {
                    self.takeable.push(slot);
                }
            }
            TimerKind::Delay => {
                self.arm_delay(slot);
                let conversation = &self.book[slot];
                let waited = self.clock.since(conversation.queued);
                // A delay that only a former definition named makes nobody able to take anything.
                if self.waiting.has_delay(conversation.queue, waited, &self.staff.users) {
                    self.takeable.push(slot);
                }
            }
            TimerKind::Warning => self.warn(slot),
            TimerKind::Breach => self.breach(slot),
            TimerKind::IdleClose => {
                if self.book[slot].agent != NONE {
                    self.withdraw(slot, WithdrawReason::Expired);
                    self.part(slot, Parting::Free);
                }
                self.close(slot, CloseOutcome::Idle, None);
            }
        }
    }

    /// Somebody may take it now who might not before, if it waits.
    fn touch(&mut self, slot: u32) {
        if self.book[slot].class != NONE {
            self.takeable.push(slot);
        }
    }

    /// Priority or what is required has changed with time: it waits in another place. Who may take it now that less is
    /// required is asked when other deadlines of this instant that go before have fired.
    pub(super) fn place_anew(&mut self, slot: u32) {
        let relaxed = self.steps_passed(slot);
        let conversation = &mut self.book[slot];
        let delay_ends = conversation.delay_ends;
        self.waiting.leave(slot, conversation);
        if std::mem::replace(&mut conversation.relaxed, relaxed) != relaxed {
            self.extras.arm(conversation, TimerKind::Step, self.clock);
        }
        self.waiting.enter(slot, conversation, &self.rules, &self.staff, self.clock);
        conversation.delay_ends = delay_ends;
        self.arm_step(slot);
    }

    fn warn(&mut self, slot: u32) {
        let conversation = &mut self.book[slot];
        let objective = conversation.alarmed(self.clock, true).expect("a warning is due");
        let (percent, due) = conversation.warn(objective, self.clock, &self.targets);
        self.decide(slot, Body::Warning { objective, due, percent });
    }

    fn breach(&mut self, slot: u32) {
        let conversation = &mut self.book[slot];
        let objective = conversation.alarmed(self.clock, false).expect("a breach is due");
        let due = conversation.clocks[objective as usize].due;
        conversation.breach(objective, &mut self.objectives);
        self.decide(slot, Body::Breached { objective, due, late: self.clock.since(due) });
    }
}

/// Below this many due deadlines one that is noted already is not noted again; above, a second note costs less than
/// the search and is passed over when it comes up.
const REMINDED_TWICE_CHECK: usize = 8;

impl Conversation {
    /// Its earliest deadline.
    #[inline]
    pub(super) fn earliest(&self, idle_close: DurationMs) -> Millis {
        let alarms = self.alarms[0].min(self.alarms[1]).min(self.alarms[2].min(self.alarms[3]));
        let waits = self.turn.min(self.delay_ends).min(self.exclusion_ends).min(self.extra_ends);
        alarms.min(waits).min(self.last.plus(idle_close))
    }

    /// What its earliest deadline is; of several at that instant the one that fires first. The number tells
    /// deadlines of one kind and conversation apart. `extra`: what of its extras is due then.
    fn first_at(
        &self,
        deadline: Millis,
        idle_close: DurationMs,
        extra: Option<(TimerKind, u64)>,
    ) -> (TimerKind, u64) {
        let turn = match self.state {
            State::Offered => TimerKind::OfferExpiry,
            State::Scheduled => TimerKind::Callback,
            State::Queued | State::Active | State::Held => TimerKind::Knee,
        };
        let kept = [
            (self.turn, turn),
            (self.exclusion_ends, TimerKind::Exclusion),
            (self.delay_ends, TimerKind::Delay),
        ];
        let kept = kept.into_iter().filter(|(at, _)| *at == deadline).map(|(_, kind)| (kind, 0));
        if let Some(first) = kept.chain(extra).min() {
            return first;
        }
        for (warns, kind) in [(true, TimerKind::Warning), (false, TimerKind::Breach)] {
            if let Some(objective) = self.alarmed(deadline, warns) {
                let next_warning = self.clocks[objective as usize].next_warning;
                return (kind, objective as u64 * 1_000 + u64::from(next_warning));
            }
        }
        debug_assert_eq!(self.last.plus(idle_close), deadline, "the earliest is one of them");
        (TimerKind::IdleClose, 0)
    }

    /// The first objective with a warning, or with a breach, at or before an instant.
    fn alarmed(&self, at: Millis, warns: bool) -> Option<Objective> {
        let due = |objective: &&Objective| {
            self.alarms[**objective as usize] <= at && self.clocks[**objective as usize].warns == warns
        };
        Objective::ALL.iter().find(due).copied()
    }
}

impl Agent {
    /// When its next wrap-up ends and its place in the list; of several at one instant the smallest conversation.
    fn next_wrap_up(&self) -> Option<(Millis, usize)> {
        let places = self.wrap_ups.iter().enumerate();
        let next = places.min_by_key(|(_, wrap_up)| (wrap_up.ends, wrap_up.conversation));
        next.map(|(place, wrap_up)| (wrap_up.ends, place))
    }
}
