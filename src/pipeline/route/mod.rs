//! The fourth stage: one division. Who gets what, when, and what is due.
//!
//! A division is a state machine over its operations and its own deadlines: conversations wait in classes, agents
//! stand in groups, and after every event and every timer the two are matched until no agent may take anything that
//! waits. Every decision is explained by what the division holds; nothing is read from another stage.
//!
//! Cost: a hash look-up, one conversation record and one node of the wheel an operation; a heap move where something
//! begins or ends to wait, or an agent's load changes. What an operation will touch is fetched ahead. Invariants: a
//! conversation has at most one agent and one live offer; an agent's load is what it holds; what is queued is in
//! exactly one heap; a conversation's or agent's earliest deadline is in the wheel.

mod absence;
mod adopt;
mod agents;
mod audit;
mod clocks;
mod ahead;
mod callbacks;
mod class;
mod conversation;
mod dispatch;
mod exclusions;
mod extras;
mod floor;
mod folding;
mod handover;
mod line;
mod matching;
mod offering;
mod operations;
mod order;
mod orders;
mod profile;
mod queueing;
mod ramp;
mod relaxation;
mod seats;
mod staff;
mod state;
mod sweep;
mod timers;
mod turns;
mod wait_key;
mod waiting;

use std::sync::Arc;

use crate::collections::blocks::Blocks;
use crate::collections::index_table::IndexTable;
use crate::collections::names::Names;
use crate::collections::wheel::Wheel;
use crate::rules::Rules;
use crate::rules::keys::Keys;
use crate::types::decision::{Attempt, Body, Closed, Decision, DecisionBatch};
use crate::types::event::Events;
use crate::types::operation::Operations;
use crate::types::tally::ObjectiveTally;
use crate::types::{Cause, DivisionId, IgnoreReason, Millis, Tally, TraceParent};

pub use adopt::ChangedBy;
use ahead::Ahead;
use clocks::Targets;
use conversation::{Book, NONE};
use dispatch::Served;
use exclusions::Exclusions;
use extras::Extras;
use matching::Scratch;
use order::Order;
use queueing::Gaps;
use staff::Staff;
use timers::Due;
use waiting::Waiting;

/// One division.
#[derive(Debug)]
pub struct Division {
    rules: Arc<Rules>,
    targets: Targets,
    id: DivisionId,
    clock: Millis,
    /// The leader's wall clock of the epoch in hand, if there is one.
    now: Option<Millis>,
    unit: Unit,
    book: Book,
    staff: Staff,
    waiting: Waiting,
    exclusions: Exclusions,
    extras: Extras,
    /// Callbacks that wait for their time, by customer.
    callbacks: IndexTable,
    /// By queue of all divisions: how fast it is worked off.
    gaps: Vec<Gaps>,
    served: Served,
    /// The conversation of the contact in hand.
    contacted: u32,
    wheel: Wheel,
    due: Due,
    attempts: Blocks<Attempt>,
    /// Names of agents of earlier replies and resolves.
    last_agents: Names,
    /// Conversations that the step in hand made takeable.
    takeable: Vec<u32>,
    /// Agents that the step in hand made freer.
    freed: Vec<u32>,
    scratch: Scratch,
    order: Order,
    ahead: Ahead,
    /// The slot that the conversation of the operation in hand most likely has.
    guess: u32,
    /// What has been decided in this batch.
    pub batch: DecisionBatch,
    /// Operations without effect by reason.
    pub ignored: [u64; IgnoreReason::ALL.len()],
    /// By queue (of all divisions), then by objective.
    pub objectives: Vec<[ObjectiveTally; 4]>,
}

/// One entry or one timer: what its decisions bear, and where they begin.
#[derive(Copy, Clone, Debug)]
struct Unit {
    cause: Cause,
    traceparent: TraceParent,
    start: usize,
}

impl Division {
    /// A division in which nothing has happened.
    pub fn new(id: DivisionId, rules: Arc<Rules>, keys: &Keys) -> Division {
        Division {
            id,
            clock: Millis::MIN,
            now: None,
            unit: Unit { cause: Cause::Timer, traceparent: TraceParent::NONE, start: 0 },
            book: Book::default(),
            staff: Staff::new(&rules, id),
            waiting: Waiting::new(&rules, |name| keys.name(name.as_bytes())),
            exclusions: Exclusions::default(),
            extras: Extras::default(),
            callbacks: IndexTable::with_segment_bits(0),
            gaps: vec![Gaps::NONE; rules.queues.len()],
            served: Served::new(&rules, id),
            contacted: NONE,
            wheel: Wheel::default(),
            due: Due::default(),
            attempts: Blocks::new(rules.conversation.attempts_kept as usize),
            last_agents: Names::default(),
            takeable: Vec::new(),
            freed: Vec::new(),
            scratch: Scratch::default(),
            order: Order::default(),
            ahead: Ahead::default(),
            guess: NONE,
            batch: DecisionBatch { first_number: 1, ..DecisionBatch::default() },
            ignored: Default::default(),
            objectives: vec![Default::default(); rules.queues.len()],
            targets: Targets::new(&rules),
            rules,
        }
    }

    /// Carries out a batch's operations, which come in one or more lists, each in the order of the rows; no row is in
    /// two of them. `clocks` is by row.
    pub fn apply(&mut self, events: &Events, clocks: &[Millis], now: Option<Millis>, lists: &[&Operations]) {
        self.now = now;
        let mut order = std::mem::take(&mut self.order);
        order.merge(lists);
        let operations = order.over(lists);
        let mut goes_on = false;
        for place in 0..operations.len() {
            self.look_ahead(events, operations, place);
            let (list, operation) = operations.get(place).expect("a place of the order");
            let event = &events.rows[operation.row as usize];
            if !goes_on {
                let clock = clocks[operation.row as usize];
                self.advance(clock);
                self.clock = clock;
                self.unit = Unit {
                    cause: Cause::Event(event.position),
                    traceparent: event.traceparent,
                    start: self.batch.decisions.len(),
                };
            }
            if let Err(reason) = self.carry_out(events, event, operation, list) {
                self.ignored[reason as usize] += 1;
            }
            // A merge and the event that caused it are one entry.
            goes_on = operation.action.comes_with_a_merge()
                && operations.get(place + 1).is_some_and(|(_, next)| next.row == operation.row);
            if goes_on {
                continue;
            }
            self.match_up();
            self.acknowledge();
            self.close_unit();
        }
        self.order = order;
    }

    /// Gives what was decided away, in exchange for an empty batch; numbering goes on.
    pub fn hand_over(&mut self, into: &mut DecisionBatch) {
        std::mem::swap(&mut self.batch, into);
        self.batch.begin_after(into);
    }

    /// Fires every timer with a deadline up to and including `clock`.
    pub fn advance(&mut self, clock: Millis) {
        while let Some(deadline) = self.wheel.next(clock.0) {
            self.fire_all_at(Millis(deadline));
        }
    }

    /// The tick of an epoch: fires every timer up to and including `clock`; offers that it makes last from `now`.
    pub fn tick(&mut self, clock: Millis, now: Option<Millis>) {
        self.now = now;
        self.advance(clock);
    }

    /// Which division.
    pub fn id(&self) -> DivisionId {
        self.id
    }

    /// The earliest deadline, or an instant before it, if anything is armed.
    pub fn next_deadline(&mut self) -> Option<Millis> {
        self.wheel.next(i64::MAX).map(Millis)
    }

    /// Adds what this division counted: a queue's objectives are counted by its own division only.
    pub fn count_into(&self, tally: &mut Tally) {
        tally.add_ignored(&self.ignored);
        let queues = self.rules.queues.iter().zip(&self.objectives).zip(&mut tally.objectives);
        for ((_, counted), into) in queues.filter(|((queue, _), _)| queue.division == self.id) {
            *into = *counted;
        }
    }

    /// Conversations held, and agents known.
    pub fn size(&self) -> (usize, usize) {
        (self.book.len(), self.staff.agents.len())
    }

    /// Bytes allocated: conversations with their deadlines and attempts, names of agents. What waits in which order and
    /// who works are not counted: some bytes a conversation, and an agent's record.
    pub fn bytes(&self) -> [usize; 2] {
        let names = self.last_agents.bytes() + self.staff.names.bytes();
        [self.book.bytes() + self.wheel.bytes() + self.attempts.bytes(), names]
    }

    /// Writes a decision about a conversation.
    fn decide(&mut self, slot: u32, body: Body) {
        let conversation = &self.book[slot];
        let traceparent = match self.unit.cause {
            Cause::Timer => conversation.context.traceparent,
            Cause::Event(_) => self.unit.traceparent,
        };
        let queue = match body {
            Body::Warning { objective, .. } | Body::Breached { objective, .. } => {
                conversation.clocks[objective as usize].queue
            }
            _ => conversation.queue,
        };
        self.batch.decisions.push(Decision {
            time: self.clock,
            cause: self.unit.cause,
            traceparent,
            conversation: conversation.id,
            customer: conversation.customer,
            queue,
            channel: conversation.channel,
            body,
        });
    }

    /// Puts the decisions of one entry or timer into their order: by kind, then by conversation.
    fn close_unit(&mut self) {
        let decisions = &mut self.batch.decisions[self.unit.start..];
        if decisions.len() < 2 {
            return;
        }
        let class = |decision: &Decision| match decision.body {
            Body::Withdrawn { .. } => 0,
            Body::Closed(Closed { at_once: true, .. }) => 2,
            Body::Closed(_) | Body::Folded { .. } => 1,
            Body::Opened { .. } | Body::Pivoted { .. } => 2,
            Body::Warning { .. } | Body::Breached { .. } => 3,
            Body::Replied(_) => 4,
            Body::Offered(_) => 5,
        };
        let order = |d: &Decision| (class(d), d.conversation);
        if decisions.len() > INSERTION_SORT_MAX {
            decisions.sort_by_key(order);
            return;
        }
        for end in 1..decisions.len() {
            let mut place = end;
            while place > 0 && order(&decisions[place - 1]) > order(&decisions[place]) {
                decisions.swap(place - 1, place);
                place -= 1;
            }
        }
    }
}

/// Longer runs of decisions go through the library's stable sort, which allocates.
const INSERTION_SORT_MAX: usize = 16;
