//! Deadlines of a division. Each conversation and each agent has one node in the wheel, at or before its earliest
//! deadline; what is due at one instant fires one by one in the order (kind, id, number), newly armed ones included.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::rules::Rules;
use crate::types::decision::Body;
use crate::types::{
    Cause, CloseOutcome, ConversationId, CustomerId, DurationMs, Millis, Objective, TraceParent,
    WithdrawReason,
};

use super::conversation::{Conversation, State};
use super::operations::Parting;
use super::staff::{Agent, Presence, Profile};
use super::{Division, NONE, Unit};

/// Kinds of deadlines in the order in which they fire. `Knee` has no effect outside: what passes a knee of its
/// queue's curve moves to another heap before anything of that instant is decided.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum TimerKind {
    /// Priority goes into the next segment of its curve.
    Knee,
    /// A live offer expires.
    OfferExpiry,
    /// A wrap-up ends.
    WrapUp,
    /// An agent may take it again.
    Exclusion,
    /// Agents with a delay may take it.
    Delay,
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
#[derive(Default)]
pub struct Due {
    heap: BinaryHeap<Reverse<DueKey>>,
    handles: Vec<u32>,
}

/// Whose node of the wheel it is.
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
        let deadline = self.book[slot].earliest(self.rules.conversation.idle_close).0;
        self.arm(Handle::conversation(slot), deadline);
    }

    /// Makes sure that the wheel knows of an agent's earliest deadline.
    pub(super) fn arm_agent(&mut self, number: u32) {
        if let Some((ends, _)) = self.staff.agents[number as usize].next_wrap_up() {
            self.arm(Handle::agent(number), ends);
        }
    }

    fn arm(&mut self, handle: u32, deadline: Millis) {
        if self.wheel.deadline(handle).is_none_or(|armed| armed > deadline.0) {
            self.wheel.arm(handle, deadline.0);
        }
    }

    /// Finds when the next delay of an agent ends for a queued conversation.
    pub(super) fn arm_delay(&mut self, slot: u32) {
        let conversation = &mut self.book[slot];
        let delays = &self.waiting.delays[conversation.queue.at()];
        let waited = self.clock.since(conversation.queued);
        let next = delays.get(delays.partition_point(|delay| *delay <= waited));
        conversation.delay_ends = next.map_or(Millis::MAX, |delay| conversation.queued.plus(*delay));
    }

    /// A new definition with delays: what waits in its queues learns of them.
    pub(super) fn meet_delays(&mut self, profile: &Profile) {
        for serves in profile.queues.iter().filter(|serves| serves.delay > DurationMs::ZERO) {
            let delays = &mut self.waiting.delays[serves.queue.at()];
            let Err(place) = delays.binary_search(&serves.delay) else { continue };
            delays.insert(place, serves.delay);
            let classes = self.waiting.live[serves.queue.at()].iter();
            let heaps = classes.flat_map(|class| &self.waiting.classes[*class as usize].heaps);
            let mut slots: Vec<u32> = heaps.flat_map(|heap| heap.members().map(|(_, slot)| slot)).collect();
            slots.sort_unstable();
            for slot in slots {
                self.arm_delay(slot);
                self.rearm(slot);
            }
        }
    }

    /// An agent may not take a conversation for a while.
    pub(super) fn exclude(&mut self, slot: u32, agent: u32, span: DurationMs) {
        if span == DurationMs::ZERO {
            return;
        }
        let until = self.clock.plus(span);
        let exclusions = &mut self.book[slot].exclusions;
        match exclusions.iter_mut().find(|(excluded, _)| *excluded == agent) {
            Some(exclusion) => exclusion.1 = exclusion.1.max(until),
            None => exclusions.push((agent, until)),
        }
    }

    /// Fires everything that is due at one instant, the least first.
    pub(super) fn fire_all_at(&mut self, at: Millis) {
        debug_assert!(at >= self.clock, "no deadline lies before the clock");
        self.clock = at;
        self.collect(at);
        while let Some(Reverse(key)) = self.due.heap.pop() {
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
        while self.wheel.next(at.0).is_some() {
            let mut handles = std::mem::take(&mut self.due.handles);
            handles.clear();
            let deadline = self.wheel.next(at.0).expect("just seen");
            self.wheel.take(deadline, &mut handles);
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
            let agent = &self.staff.agents[(handle >> 1) as usize];
            let (ends, _) = agent.next_wrap_up()?;
            let id = ConversationId { customer: CustomerId { hash: agent.label, generation: 0 }, ordinal: 1 };
            return (ends <= at).then_some(DueKey { kind: TimerKind::WrapUp, id, number: 0, handle });
        }
        let conversation = &self.book[handle >> 1];
        if !conversation.id.is_some() {
            return None;
        }
        let (deadline, kind) = conversation.earliest(self.rules.conversation.idle_close);
        let number = self.number(conversation, kind, deadline);
        (deadline <= at).then_some(DueKey { kind, id: conversation.id, number, handle })
    }

    /// What tells deadlines of one kind and conversation apart.
    fn number(&self, conversation: &Conversation, kind: TimerKind, deadline: Millis) -> u64 {
        match kind {
            TimerKind::Warning | TimerKind::Breach => conversation
                .objective_at(kind, deadline)
                .map_or(0, |(objective, number)| objective as u64 * 1_000 + number),
            _ => 0,
        }
    }

    fn fire(&mut self, key: DueKey) {
        let slot = key.handle >> 1;
        match key.kind {
            TimerKind::Knee => self.pass_knee(slot),
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
                let clock = self.clock;
                let conversation = &mut self.book[slot];
                conversation.exclusions.retain(|(_, until)| *until > clock);
                if conversation.state == State::Queued {
                    self.takeable.push(slot);
                }
            }
            TimerKind::Delay => {
                self.arm_delay(slot);
                self.takeable.push(slot);
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

    fn pass_knee(&mut self, slot: u32) {
        let conversation = &mut self.book[slot];
        let delay_ends = conversation.delay_ends;
        self.waiting.leave(slot, conversation);
        self.waiting.enter(slot, conversation, &self.rules, &self.staff, self.clock);
        conversation.delay_ends = delay_ends;
    }

    fn warn(&mut self, slot: u32) {
        let rules: &Rules = &self.rules;
        let conversation = &mut self.book[slot];
        let (objective, _) =
            conversation.objective_at(TimerKind::Warning, self.clock).expect("a warning is due");
        let service = &mut conversation.clocks[objective as usize];
        let target =
            rules.queues[service.queue.at()].sla[objective as usize].as_ref().expect("a clock has a target");
        let percent = target.warn[usize::from(service.next_warning)];
        let due = service.due;
        service.next_warning += 1;
        service.arm_warning(rules, target);
        self.decide(slot, Body::Warning { objective, due, percent });
    }

    fn breach(&mut self, slot: u32) {
        let conversation = &mut self.book[slot];
        let (objective, _) =
            conversation.objective_at(TimerKind::Breach, self.clock).expect("a breach is due");
        let due = conversation.clocks[objective as usize].due;
        conversation.breach(objective, &mut self.objectives);
        self.decide(slot, Body::Breached { objective, due, late: self.clock.since(due) });
    }
}

/// Below this many due deadlines one that is noted already is not noted again; above, a second note costs less than
/// the search and is passed over when it comes up.
const REMINDED_TWICE_CHECK: usize = 8;

impl Conversation {
    /// Its earliest deadline and what it is; of several at one instant the one that fires first.
    pub(super) fn earliest(&self, idle_close: DurationMs) -> (Millis, TimerKind) {
        let mut least = (self.knee, TimerKind::Knee);
        let mut consider = |deadline: Millis, kind: TimerKind| {
            if (deadline, kind) < least {
                least = (deadline, kind);
            }
        };
        consider(self.offer_expires, TimerKind::OfferExpiry);
        for (_, until) in &self.exclusions {
            consider(*until, TimerKind::Exclusion);
        }
        consider(self.delay_ends, TimerKind::Delay);
        for clock in &self.clocks {
            consider(clock.warn_at, TimerKind::Warning);
            consider(clock.breach_at(), TimerKind::Breach);
        }
        consider(self.last.plus(idle_close), TimerKind::IdleClose);
        least
    }

    /// The first objective with a warning or breach at or before an instant, and the place of the warning.
    fn objective_at(&self, kind: TimerKind, at: Millis) -> Option<(Objective, u64)> {
        let due = |objective: &&Objective| {
            let clock = &self.clocks[**objective as usize];
            let deadline = if kind == TimerKind::Warning { clock.warn_at } else { clock.breach_at() };
            deadline <= at
        };
        Objective::ALL
            .iter()
            .find(due)
            .map(|objective| (*objective, u64::from(self.clocks[*objective as usize].next_warning)))
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
