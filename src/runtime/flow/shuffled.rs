//! The same steps over the same states in one thread, in any order that the plan allows: what threads and their
//! scheduling may do to the order, by choice. With a seeded choice every run can be repeated.

use std::sync::Arc;

use crate::rules::Rules;
use crate::rules::keys::HashKey;
use crate::runtime::flow::Finished;
use crate::runtime::flow::barrier::in_order;
use crate::runtime::flow::batch::{Batch, States, Tools, UNLOCKED};
use crate::runtime::flow::plan::{Plan, Task};
use crate::types::record::{Limits, Record};
use crate::types::{Jump, Millis, Tally};

/// An engine whose steps are done in an order of choice.
pub struct Shuffled<C> {
    states: States,
    batches: Vec<Batch>,
    plan: Plan,
    tools: Tools,
    rules: Arc<Rules>,
    choose: C,
}

impl<C: FnMut(usize) -> usize> Shuffled<C> {
    /// An engine that has seen nothing, with so many parts of understand (a power of two up to 64) and room for so many
    /// batches under way. `choose` picks one of so many steps.
    pub fn new(
        rules: &Arc<Rules>,
        key: &HashKey,
        tenant: &str,
        parts: usize,
        room: usize,
        choose: C,
    ) -> Shuffled<C> {
        let divisions = rules.divisions.len();
        Shuffled {
            states: States::new(rules, key, parts),
            batches: (0..room.max(1)).map(|_| Batch::new(parts, divisions)).collect(),
            plan: Plan::new(parts, divisions),
            tools: Tools::new(rules, key, tenant),
            rules: rules.clone(),
            choose,
        }
    }

    /// Whether a batch may be submitted.
    pub fn has_room(&self) -> bool {
        self.plan.under_way() < self.batches.len()
    }

    /// Takes a batch in, as `Flow::submit` does.
    pub fn submit(&mut self, records: &[Record<'_>], now: Option<Millis>, tick: Option<Millis>) {
        assert!(self.has_room(), "a batch is collected before another one is submitted");
        let batch = self.plan.enter();
        let mut front = self.batches[batch as usize % self.batches.len()].front.write().expect(UNLOCKED);
        front.events.clear();
        for record in records {
            front.events.take_in(record, Limits::default().record_bytes);
        }
        (front.now, front.tick) = (now, tick);
    }

    /// Does one step; false: none is ready.
    pub fn step(&mut self) -> bool {
        let Some(step) = self.plan.begin_any(&mut self.choose) else { return false };
        let batch = &self.batches[step.batch as usize % self.batches.len()];
        let joins = self.states.run(step.task, batch, &mut self.tools).joins;
        self.plan.done(step, joins && step.task == Task::Sequence);
        true
    }

    /// The oldest batch under way, if it is through; where rules change in it, when all are.
    ///
    /// # Errors
    /// As `Flow::collect`.
    pub fn collect(&mut self, into: &mut Finished) -> Option<Result<(), Jump>> {
        if !self.plan.is_through() {
            return None;
        }
        let room = self.batches.len();
        let numbers = self.plan.numbers();
        if self.batches[numbers.start as usize % room].cut().is_some() {
            if !self.plan.is_idle() {
                return None;
            }
            let mut batches = in_order(&mut self.batches, numbers);
            let run = |states: &States, task, batch: &Batch, tools: &mut Tools| {
                states.run(task, batch, tools).joins
            };
            self.states.finish(&mut batches, &mut self.tools, run);
            let divisions = self.states.divisions.len();
            self.batches.iter_mut().for_each(|batch| batch.widen(divisions));
            self.plan.widen(divisions);
            self.rules = self.states.sequencer.get_mut().expect(UNLOCKED).rules().clone();
        }
        let batch = self.plan.leave()?;
        Some(self.batches[batch as usize % self.batches.len()].take(into))
    }

    /// The rules in force.
    pub fn rules(&self) -> &Arc<Rules> {
        &self.rules
    }

    /// What was counted so far, no batch being under way.
    pub fn tally(&self) -> Tally {
        self.states.tally()
    }
}
