//! What may be done next: the order of stages and batches as a state machine that knows neither threads nor data.
//!
//! ```text
//! decode(n) ─► sequence(n) ─► understand(n, part)… ─► join(n) ─► route(n, division) ─► emit(n, division)
//! ```
//! Decode and emit depend on nothing else. Every other step waits for the same step of the batch before, for it changes
//! state that belongs to it alone: so each state sees all batches in order, whatever the number of threads and however
//! they are scheduled, and the output cannot depend on it. Of what is ready, the oldest batch goes first, and of one
//! batch the latest step: batches leave as soon as they can.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

/// One step of a batch. The order is that of preference within a batch.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Task {
    /// Decisions of a division → bytes.
    Emit(u16),
    /// Rejects, merges and refusals → bytes.
    EmitIdentity,
    /// Operations of a division → decisions.
    Route(u16),
    /// Merges of customers, and the rows of who merges.
    Join,
    /// Rows of a part's customers → operations.
    Understand(u16),
    /// Clocks, customers, who works on what.
    Sequence,
    /// Bytes → rows.
    Decode,
}

/// A step of a certain batch.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Step {
    /// Number of the batch, from 0.
    pub batch: u64,
    /// Which step.
    pub task: Task,
}

/// How far a batch is.
#[derive(Debug)]
struct Way {
    decoded: bool,
    sequenced: bool,
    understood: bool,
    /// Whether customers merge in it: known once it is sequenced.
    joins: bool,
    parts_left: usize,
    emits_left: usize,
}

/// All batches under way.
#[derive(Debug)]
pub struct Plan {
    parts: usize,
    divisions: usize,
    ways: VecDeque<Way>,
    /// Number of the oldest batch under way.
    first: u64,
    /// The batch that each of these does next.
    sequence_next: u64,
    understand_next: Vec<u64>,
    route_next: Vec<u64>,
    /// Who had the state of each last.
    understand_last: Vec<Option<usize>>,
    route_last: Vec<Option<usize>>,
    ready: BinaryHeap<Reverse<Step>>,
}

impl Plan {
    /// Nothing is under way.
    pub fn new(parts: usize, divisions: usize) -> Plan {
        Plan {
            parts,
            divisions,
            ways: VecDeque::new(),
            first: 0,
            sequence_next: 0,
            understand_next: vec![0; parts],
            route_next: vec![0; divisions],
            understand_last: vec![None; parts],
            route_last: vec![None; divisions],
            ready: BinaryHeap::new(),
        }
    }

    /// Lets the next batch in; its number.
    pub fn enter(&mut self) -> u64 {
        let batch = self.next();
        self.ways.push_back(Way {
            decoded: false,
            sequenced: false,
            understood: false,
            joins: false,
            parts_left: self.parts,
            emits_left: self.divisions + 1,
        });
        self.offer(batch, Task::Decode);
        batch
    }

    /// Lets the next batch in as one that is through: somebody did all its steps in order while nothing else was to do.
    pub fn enter_through(&mut self) -> u64 {
        assert!(self.is_idle(), "steps are done in order");
        let batch = self.next();
        self.ways.push_back(Way {
            decoded: true,
            sequenced: true,
            understood: true,
            joins: false,
            parts_left: 0,
            emits_left: 0,
        });
        self.sequence_next = batch + 1;
        self.understand_next.fill(batch + 1);
        self.route_next.fill(batch + 1);
        batch
    }

    /// There are more divisions from now on; every batch under way is through.
    pub fn widen(&mut self, divisions: usize) {
        assert!(self.is_idle(), "divisions come between batches");
        self.divisions = divisions;
        self.route_next.resize(divisions, self.next());
        self.route_last.resize(divisions, None);
    }

    /// Numbers of the batches under way.
    pub fn numbers(&self) -> std::ops::Range<u64> {
        self.first..self.next()
    }

    /// Whether every batch under way is through.
    pub fn is_idle(&self) -> bool {
        self.ways.iter().all(|way| way.emits_left == 0)
    }

    /// Number of the next batch to enter.
    pub fn next(&self) -> u64 {
        self.first + self.ways.len() as u64
    }

    /// Batches under way.
    pub fn under_way(&self) -> usize {
        self.ways.len()
    }

    /// Steps that somebody could begin now.
    pub fn ready(&self) -> usize {
        self.ready.len()
    }

    /// Begins the step that goes first; of equal ones for several divisions or parts, one whose state this thread had
    /// last: it is most likely still in its caches.
    pub fn begin(&mut self, thread: usize) -> Option<Step> {
        let Reverse(first) = self.ready.peek()?;
        let (batch, kind) = (first.batch, std::mem::discriminant(&first.task));
        let known = |Reverse(step): &&Reverse<Step>| {
            let Step { batch: of, task } = *step;
            of == batch && std::mem::discriminant(&task) == kind && self.last_thread(task) == Some(thread)
        };
        let step = self.ready.iter().find(known).map_or(*first, |Reverse(step)| *step);
        if step == *first {
            self.ready.pop();
        } else {
            self.ready.retain(|Reverse(other)| *other != step);
        }
        if let Some(last) = self.last_mut(step.task) {
            *last = Some(thread);
        }
        Some(step)
    }

    fn last_thread(&self, task: Task) -> Option<usize> {
        match task {
            Task::Understand(part) => self.understand_last[usize::from(part)],
            Task::Route(division) => self.route_last[usize::from(division)],
            _ => None,
        }
    }

    fn last_mut(&mut self, task: Task) -> Option<&mut Option<usize>> {
        match task {
            Task::Understand(part) => self.understand_last.get_mut(usize::from(part)),
            Task::Route(division) => self.route_last.get_mut(usize::from(division)),
            _ => None,
        }
    }

    /// Begins any of the steps that are ready, by choice of the caller, who is told how many there are.
    pub fn begin_any(&mut self, choose: impl FnOnce(usize) -> usize) -> Option<Step> {
        let mut ready = std::mem::take(&mut self.ready).into_sorted_vec();
        let chosen = (!ready.is_empty()).then(|| choose(ready.len())).map(|at| ready.swap_remove(at).0);
        self.ready = ready.into();
        chosen
    }

    /// A step is done. `joins`: of `Sequence`, whether customers merge in the batch.
    pub fn done(&mut self, step: Step, joins: bool) {
        let Step { batch, task } = step;
        match task {
            Task::Decode => {
                self.way(batch).decoded = true;
                if self.sequence_next == batch {
                    self.offer(batch, Task::Sequence);
                }
            }
            Task::Sequence => {
                let way = self.way(batch);
                (way.sequenced, way.joins) = (true, joins);
                self.sequence_next = batch + 1;
                if self.is(batch + 1, |way| way.decoded) {
                    self.offer(batch + 1, Task::Sequence);
                }
                self.offer(batch, Task::EmitIdentity);
                for part in 0..self.parts {
                    if self.understand_next[part] == batch {
                        self.offer(batch, Task::Understand(part as u16));
                    }
                }
            }
            Task::Understand(part) => {
                let way = self.way(batch);
                way.parts_left -= 1;
                let (joins, all) = (way.joins, way.parts_left == 0);
                if !joins {
                    self.part_goes_on(usize::from(part), batch + 1);
                }
                match (all, joins) {
                    (true, true) => self.offer(batch, Task::Join),
                    (true, false) => self.understood(batch),
                    _ => {}
                }
            }
            Task::Join => {
                (0..self.parts).for_each(|part| self.part_goes_on(part, batch + 1));
                self.understood(batch);
            }
            Task::Route(division) => {
                self.route_next[usize::from(division)] = batch + 1;
                if self.is(batch + 1, |way| way.understood) {
                    self.offer(batch + 1, task);
                }
                self.offer(batch, Task::Emit(division));
            }
            Task::Emit(_) | Task::EmitIdentity => self.way(batch).emits_left -= 1,
        }
    }

    /// Whether the oldest batch under way is through.
    pub fn is_through(&self) -> bool {
        self.ways.front().is_some_and(|way| way.emits_left == 0)
    }

    /// Lets the oldest batch out, if it is through; its number.
    pub fn leave(&mut self) -> Option<u64> {
        self.is_through().then(|| {
            self.ways.pop_front();
            self.first += 1;
            self.first - 1
        })
    }

    fn part_goes_on(&mut self, part: usize, batch: u64) {
        self.understand_next[part] = batch;
        if self.is(batch, |way| way.sequenced) {
            self.offer(batch, Task::Understand(part as u16));
        }
    }

    fn understood(&mut self, batch: u64) {
        self.way(batch).understood = true;
        for division in 0..self.divisions {
            if self.route_next[division] == batch {
                self.offer(batch, Task::Route(division as u16));
            }
        }
    }

    fn offer(&mut self, batch: u64, task: Task) {
        self.ready.push(Reverse(Step { batch, task }));
    }

    fn is(&self, batch: u64, what: impl FnOnce(&Way) -> bool) -> bool {
        self.ways.get((batch - self.first) as usize).is_some_and(what)
    }

    fn way(&mut self, batch: u64) -> &mut Way {
        &mut self.ways[(batch - self.first) as usize]
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::collections::seeded::{Seeded, seeds};

    /// Runs batches through a plan, several steps at once, in an order that chance chooses, and checks what each step
    /// may count on when it begins.
    #[test]
    fn every_order_of_steps_keeps_the_order_of_states() {
        for seed in 0..seeds(300) {
            let mut random = Seeded(seed);
            let (parts, divisions) = (1 << random.below(4), 1 + random.below(5) as usize);
            let (batches, room) = (1 + random.below(12), 1 + random.below(5) as usize);
            let mut plan = Plan::new(parts, divisions);
            let mut joins = Vec::new();
            let (mut running, mut done, mut left) = (Vec::new(), BTreeSet::new(), 0);
            while left < batches {
                match random.below(4) {
                    0 if joins.len() < batches as usize && plan.under_way() < room => {
                        assert_eq!(plan.enter(), joins.len() as u64);
                        joins.push(random.below(2) == 0);
                    }
                    1 | 2 => {
                        if let Some(step) = plan.begin_any(|ready| random.below(ready as u64) as usize) {
                            for needed in needs(step, parts, &joins) {
                                assert!(done.contains(&needed), "{step:?} needs {needed:?}");
                            }
                            running.push(step);
                        }
                    }
                    _ if !running.is_empty() => {
                        let step = running.swap_remove(random.below(running.len() as u64) as usize);
                        plan.done(step, step.task == Task::Sequence && joins[step.batch as usize]);
                        assert!(done.insert(step), "{step:?} is done once");
                        while let Some(batch) = plan.leave() {
                            assert_eq!(batch, left);
                            left += 1;
                        }
                    }
                    _ => {}
                }
            }
            let joint = joins.iter().filter(|joins| **joins).count();
            assert_eq!(done.len(), batches as usize * (3 + parts + 2 * divisions) + joint);
            assert!(plan.ready() == 0 && plan.under_way() == 0);
        }
    }

    /// What must be done before a step begins, as the stages need it.
    fn needs(step: Step, parts: usize, joins: &[bool]) -> Vec<Step> {
        let Step { batch, task } = step;
        let of = |batch: u64, task: Task| Step { batch, task };
        let all_parts = |batch| (0..parts).map(move |part| of(batch, Task::Understand(part as u16)));
        let understood = |batch: u64| {
            all_parts(batch).chain(joins[batch as usize].then_some(of(batch, Task::Join))).collect::<Vec<_>>()
        };
        let mut needs = match task {
            Task::Decode => return Vec::new(),
            Task::Sequence => vec![of(batch, Task::Decode)],
            Task::Understand(_) | Task::EmitIdentity => vec![of(batch, Task::Sequence)],
            Task::Join => all_parts(batch).collect(),
            Task::Route(_) => understood(batch),
            Task::Emit(division) => return vec![of(batch, Task::Route(division))],
        };
        if let Some(before) = batch.checked_sub(1) {
            match task {
                Task::Sequence | Task::Route(_) => needs.push(of(before, task)),
                Task::Understand(_) if joins[before as usize] => needs.push(of(before, Task::Join)),
                Task::Understand(_) => needs.push(of(before, task)),
                _ => {}
            }
        }
        needs
    }

    #[test]
    fn the_oldest_batch_and_its_latest_step_go_first() {
        let mut plan = Plan::new(1, 1);
        plan.enter();
        plan.enter();
        let mut order = Vec::new();
        while let Some(step) = plan.begin(0) {
            order.push(step);
            plan.done(step, false);
        }
        let batch = [
            Task::Decode,
            Task::Sequence,
            Task::EmitIdentity,
            Task::Understand(0),
            Task::Route(0),
            Task::Emit(0),
        ];
        let expected = (0..2).flat_map(|number| batch.map(|task| Step { batch: number, task }));
        assert!(order.into_iter().eq(expected));
    }

    #[test]
    fn a_batch_may_enter_as_one_that_is_through() {
        let mut plan = Plan::new(2, 1);
        assert_eq!((plan.enter_through(), plan.enter_through(), plan.enter()), (0, 1, 2));
        assert!(!plan.is_idle());
        while let Some(step) = plan.begin(0) {
            plan.done(step, true);
        }
        assert!(plan.is_idle());
        assert!((0..3).all(|batch| plan.leave() == Some(batch)) && plan.leave().is_none());
    }
}
