//! The stages over several threads, without a byte of difference to one.
//!
//! A batch is cut into steps (`plan`): decode and emit of any batch at once, the one sequencer, customers by part,
//! divisions each for itself. Threads take what is ready, oldest batch first, so decode runs ahead while older batches
//! are understood, routed and emitted, and whoever is free does what there is: nothing is bound to a thread but its
//! tools. Bounded: so many batches are under way, then the caller must collect before it may submit.
//!
//! The calling thread works as well while it waits for a result; with one thread there is no other. A small batch that
//! meets nothing under way goes through on the calling thread without being handed over to anybody: at low load that
//! is every batch. A thread with nothing to do parks, after looking for work a little longer if it is told to spin.

mod barrier;
mod batch;
mod plan;
mod shuffled;
mod state;
#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle, Thread};

use crate::pipeline::Stage;
use crate::pipeline::change::Asked;
use crate::pipeline::decode::Limits;
use crate::rules::Rules;
use crate::rules::keys::HashKey;
use crate::types::decision::DecisionBatch;
use crate::types::event::Events;
use crate::types::record::Record;
use crate::types::{DurationMs, Floor, Jump, Millis, Output, Tally};

pub use shuffled::Shuffled;

use batch::{Batch, Done, States, Tools, UNLOCKED};
use plan::{Plan, Step, Task};

/// How the stages are spread.
#[derive(Copy, Clone, Debug)]
pub struct Threads {
    /// Threads that work, the caller's own included: at least 1.
    pub count: usize,
    /// Whether a thread looks for work without pause instead of parking: lowest latency for a core each.
    pub spin: bool,
    /// Batches of no more records than this go through on the caller's thread if nothing else is to do.
    pub small: usize,
    /// Is called by each thread at its start with its number, the caller's own being 0: to bind it to a core.
    pub start: fn(usize),
}

impl Threads {
    /// So many threads that park; what is handed over is worth it.
    pub fn new(count: usize) -> Threads {
        Threads { count: count.max(1), spin: false, small: SMALL, start: |_| () }
    }
}

/// Is told what each thread works at; every thread has one of its own.
pub trait Meter: Send + 'static {
    /// A step of a batch begins.
    fn begin(&mut self);

    /// It ends; it was about so many events (of emit: outputs).
    fn end(&mut self, stage: Stage, events: usize);
}

impl Meter for () {
    fn begin(&mut self) {}

    fn end(&mut self, _: Stage, _: usize) {}
}

/// What became of a batch.
#[derive(Debug, Default)]
pub struct Finished {
    /// What it put out.
    pub output: Output,
    /// What was decided, by division; if rules changed in it, behind that.
    pub decisions: Vec<DecisionBatch>,
    /// The clock behind its last entry, or its tick.
    pub clock: Option<Millis>,
    /// Hash of the rules in force behind it.
    pub rules: u128,
    /// Those of its events that asked for other rules.
    pub asked: Vec<Asked>,
}

/// The engine of one tenant on several threads. Batches go in by `submit` and come out by `collect`, in order.
pub struct Flow<M> {
    shared: Arc<Shared>,
    tools: Tools,
    meter: M,
    workers: Vec<JoinHandle<M>>,
    threads: Threads,
    rules: Arc<Rules>,
    key: HashKey,
    tenant: String,
    record_bytes: usize,
    small: usize,
}

/// What all threads see.
struct Shared {
    states: States,
    /// A batch has the place of its number modulo their count.
    batches: Vec<Batch>,
    desk: Mutex<Desk>,
    /// Steps ready, and whether the oldest batch is through: for whoever spins, exact only under the lock.
    ready: AtomicUsize,
    through: AtomicBool,
    spin: bool,
}

/// Who does what.
struct Desk {
    plan: Plan,
    /// Threads that wait for work, the latest last.
    parked: Vec<Thread>,
    /// The caller, if it waits: for work, or for the oldest batch.
    caller: Option<Thread>,
    closing: bool,
    /// A thread panicked: nothing will become of the batches under way.
    broken: bool,
}

/// Records whose work is taken not to be worth a hand-over: chosen, not measured.
const SMALL: usize = 64;
/// Batches under way for each thread, and besides: enough that a thread that has finished finds the next at hand.
const BATCHES_A_THREAD: usize = 2;
const BATCHES_BESIDES: usize = 2;
/// Parts of understand at most: what route has to put together again grows with them.
const PARTS_MAX: usize = 16;
/// Looks for work before a thread parks: a short while beside a step, so that the next step finds it awake.
const LOOKS: usize = 2_000;

impl<M: Meter> Flow<M> {
    /// An engine that has seen nothing. `meter` makes one for each thread; the caller's has number 0.
    pub fn new(
        rules: Arc<Rules>,
        key: &HashKey,
        tenant: &str,
        threads: Threads,
        mut meter: impl FnMut(usize) -> M,
    ) -> Flow<M> {
        let count = threads.count.max(1);
        // With two and more, a state does not depend on how many: what merges is kept apart.
        let parts = count.next_power_of_two().clamp(2, PARTS_MAX);
        let room = if count == 1 { 1 } else { count * BATCHES_A_THREAD + BATCHES_BESIDES };
        let shared = Arc::new(Shared::new(States::new(&rules, key, parts), room, threads.spin));
        let caller = (Tools::new(&rules, key, tenant), meter(0));
        (threads.start)(0);
        let mut flow = Flow {
            shared,
            tools: caller.0,
            meter: caller.1,
            workers: Vec::new(),
            threads,
            key: key.clone(),
            tenant: tenant.to_owned(),
            record_bytes: Limits::default().record_bytes,
            small: threads.small,
            rules,
        };
        flow.begin((1..count).map(meter).collect());
        flow
    }

    /// A thread for each of these meters.
    fn begin(&mut self, meters: Vec<M>) {
        for (number, meter) in (1..).zip(meters) {
            let (shared, tools, threads) = (self.shared.clone(), self.tools.twin(&self.rules), self.threads);
            let thread = thread::Builder::new().name(format!("trunkline-{number}"));
            let life = move || {
                (threads.start)(number);
                shared.work(number, tools, meter)
            };
            self.workers.push(thread.spawn(life).expect("the system gives a thread"));
        }
    }

    /// Ends the threads; their meters.
    fn end(&mut self) -> Vec<Result<M, Box<dyn std::any::Any + Send>>> {
        let parked = {
            let mut desk = self.shared.desk();
            desk.closing = true;
            std::mem::take(&mut desk.parked)
        };
        parked.into_iter().for_each(|thread| thread.unpark());
        self.workers.drain(..).map(JoinHandle::join).collect()
    }

    /// The oldest batch asks for other rules, and every batch under way has come as far as it may: the threads end, the
    /// states change, what stands behind the change is done on this thread, and others begin.
    #[cold]
    fn change_rules(&mut self) {
        let meters =
            self.end().into_iter().map(|meter| meter.expect("a thread at rest ends in peace")).collect();
        let Flow { shared, tools, meter, .. } = self;
        let shared = Arc::get_mut(shared).expect("no other thread is left");
        let desk = shared.desk.get_mut().expect(UNLOCKED);
        let mut batches = barrier::in_order(&mut shared.batches, desk.plan.numbers());
        shared.states.finish(&mut batches, tools, |states, task, batch, tools| {
            meter.begin();
            let Done { joins, events } = states.run(task, batch, tools);
            meter.end(stage_of(task), events);
            joins
        });
        let divisions = shared.states.divisions.len();
        shared.batches.iter_mut().for_each(|batch| batch.widen(divisions));
        desk.plan.widen(divisions);
        desk.closing = false;
        self.rules = shared.states.sequencer.get_mut().expect(UNLOCKED).rules().clone();
        self.begin(meters);
    }

    /// How far the time of a plain file may jump forward from one event to the next; `None`: as far as it likes.
    pub fn set_max_jump(&mut self, max_jump: Option<DurationMs>) {
        self.sequencer(|sequencer| sequencer.set_max_jump(max_jump));
    }

    /// Threads that work, the caller's own included.
    pub fn threads(&self) -> usize {
        self.workers.len() + 1
    }

    /// Batches that may be under way at once.
    pub fn room(&self) -> usize {
        self.shared.batches.len()
    }

    /// Batches under way.
    pub fn under_way(&self) -> usize {
        self.shared.desk().plan.under_way()
    }

    /// Takes a batch in: records, then, if there is one, the tick. `now` is the leader's wall clock of the epoch; a plain
    /// file has none.
    ///
    /// # Panics
    /// If `room` batches are under way.
    pub fn submit(&mut self, records: &[Record<'_>], now: Option<Millis>, tick: Option<Millis>) {
        self.submit_with(
            |events, most| records.iter().for_each(|record| events.take_in(record, most)),
            now,
            tick,
        );
    }

    /// The same for whoever takes the records in itself; it is told how many bytes a record may have.
    ///
    /// # Panics
    /// If `room` batches are under way.
    pub fn submit_with(
        &mut self,
        take_in: impl FnOnce(&mut Events, usize),
        now: Option<Millis>,
        tick: Option<Millis>,
    ) {
        let (next, idle) = {
            let plan = &self.shared.desk().plan;
            assert!(plan.under_way() < self.room(), "a batch is collected before another one is submitted");
            (plan.next(), plan.is_idle())
        };
        let small = {
            let mut front = self.shared.batch(next).front.write().expect(UNLOCKED);
            front.events.clear();
            take_in(&mut front.events, self.record_bytes);
            (front.now, front.tick) = (now, tick);
            front.events.records() <= self.small
        };
        if idle && (small || self.workers.is_empty()) {
            return self.pass_through(next);
        }
        let woken = self.shared.change(&mut self.shared.desk(), |plan| {
            plan.enter();
        });
        wake(woken);
    }

    /// All steps of a batch on this thread, in order, while nothing else is under way.
    fn pass_through(&mut self, batch: u64) {
        let (parts, divisions) = (self.shared.states.understand.len(), self.shared.states.divisions.len());
        let mut run = |task| self.shared.run(Step { batch, task }, &mut self.tools, &mut self.meter);
        run(Task::Decode);
        let joins = run(Task::Sequence);
        run(Task::EmitIdentity);
        for part in 0..parts {
            run(Task::Understand(part as u16));
        }
        if joins {
            run(Task::Join);
        }
        for division in 0..divisions {
            run(Task::Route(division as u16));
            run(Task::Emit(division as u16));
        }
        let woken = self.shared.change(&mut self.shared.desk(), |plan| {
            assert_eq!(plan.enter_through(), batch, "the caller alone submits");
        });
        wake(woken);
    }

    /// The oldest batch under way, when it is through; works meanwhile. `None`: nothing is under way.
    ///
    /// # Errors
    /// A plain file's time jumped forward by more than `max_jump`. What stands before the jump has been applied, and is
    /// put out; nothing behind it is.
    pub fn collect(&mut self, into: &mut Finished) -> Option<Result<(), Jump>> {
        let shared = self.shared.clone();
        let mut desk = shared.desk();
        let mut looks = 0;
        loop {
            assert!(!desk.broken, "a thread of the engine panicked");
            if desk.plan.under_way() == 0 {
                return None;
            }
            if desk.plan.is_through() {
                let cut = shared.batch(desk.plan.numbers().start).cut().is_some();
                if !cut || desk.plan.is_idle() {
                    drop(desk);
                    drop(shared);
                    if cut {
                        self.change_rules();
                    }
                    return Some(self.take(into));
                }
            }
            if let Some(step) = desk.plan.begin(0) {
                let woken = shared.change(&mut desk, |_| ());
                drop(desk);
                wake(woken);
                let joins = shared.run(step, &mut self.tools, &mut self.meter);
                desk = shared.desk();
                wake(shared.change(&mut desk, |plan| plan.done(step, joins)));
                looks = 0;
                continue;
            }
            let park = !shared.spin && looks >= LOOKS;
            desk.caller = park.then(thread::current);
            drop(desk);
            if park {
                thread::park();
                looks = 0;
            } else {
                looks += shared.look(|| shared.through.load(Ordering::Relaxed), LOOKS);
            }
            desk = shared.desk();
            desk.caller = None;
        }
    }

    /// Whether the oldest batch under way is through: `collect` would not wait.
    pub fn is_through(&self) -> bool {
        let desk = self.shared.desk();
        desk.broken || desk.plan.is_through()
    }

    fn take(&mut self, into: &mut Finished) -> Result<(), Jump> {
        let mut desk = self.shared.desk();
        let number = desk.plan.leave().expect("the oldest batch is through");
        self.shared.through.store(desk.plan.is_through(), Ordering::Relaxed);
        // The batch's place is not given out again before this returns: the caller alone submits.
        drop(desk);
        self.shared.batch(number).take(into)
    }

    /// The clock of the last entry that was sequenced.
    pub fn clock(&self) -> Option<Millis> {
        self.shared.states.sequencer.lock().expect(UNLOCKED).clock()
    }

    /// No deadline lies before this instant; `None`: nothing is armed.
    ///
    /// # Panics
    /// If a batch is under way: it may arm one.
    pub fn next_deadline(&mut self) -> Option<Millis> {
        assert_eq!(self.under_way(), 0, "deadlines are asked for between batches");
        let divisions = self.shared.states.divisions.iter();
        divisions.filter_map(|division| division.lock().expect(UNLOCKED).next_deadline()).min()
    }

    /// What was counted so far.
    ///
    /// # Panics
    /// If a batch is under way: it is counted in parts.
    pub fn tally(&self) -> Tally {
        assert_eq!(self.under_way(), 0, "what was counted is asked for between batches");
        self.shared.states.tally()
    }

    /// The same at any time; of a batch under way some is counted and some is not yet. Waits for steps that are being
    /// done.
    pub fn counted(&self) -> Tally {
        self.shared.states.tally()
    }

    /// What waits and who is there, at any time, division by division.
    pub fn floor(&self, floor: &mut Floor) {
        floor.clear(self.rules.queues.len(), self.rules.divisions.len());
        for division in &self.shared.states.divisions {
            division.lock().expect(UNLOCKED).add_to(floor);
        }
    }

    /// Customers founded so far.
    pub fn customers(&self) -> u32 {
        self.sequencer(|sequencer| sequencer.customers())
    }

    /// Bytes that the states have allocated, by what they are for: deduplication, identifiers, customers in identify;
    /// customers and conversations in understand; conversations and names of agents in route. Waits for steps that are
    /// being done.
    pub fn bytes(&self) -> [usize; 7] {
        let mut bytes = [0; 7];
        let mut add = |from: usize, held: &[usize]| {
            bytes[from..].iter_mut().zip(held).for_each(|(sum, held)| *sum += held);
        };
        add(0, &self.sequencer(|sequencer| sequencer.bytes()));
        for part in &self.shared.states.understand {
            add(3, &part.lock().expect(UNLOCKED).bytes());
        }
        for division in &self.shared.states.divisions {
            add(5, &division.lock().expect(UNLOCKED).bytes());
        }
        bytes
    }

    /// The rules in force.
    pub fn rules(&self) -> &Arc<Rules> {
        &self.rules
    }

    /// The caller's own meter.
    pub fn meter(&mut self) -> &mut M {
        &mut self.meter
    }

    fn sequencer<R>(&self, with: impl FnOnce(&mut crate::pipeline::sequence::Sequencer) -> R) -> R {
        with(&mut self.shared.states.sequencer.lock().expect(UNLOCKED))
    }
}

impl<M> Drop for Flow<M> {
    /// Ends the threads; what is under way is dropped.
    fn drop(&mut self) {
        let parked = {
            let mut desk = self.shared.desk();
            desk.closing = true;
            std::mem::take(&mut desk.parked)
        };
        parked.into_iter().for_each(|thread| thread.unpark());
        for worker in self.workers.drain(..) {
            // A panic has been told of by its own message, and by `broken` to whoever waited.
            drop(worker.join());
        }
    }
}

impl Shared {
    /// Nothing is under way; room for so many batches.
    fn new(states: States, room: usize, spin: bool) -> Shared {
        let (parts, divisions) = (states.understand.len(), states.divisions.len());
        let desk = Desk {
            plan: Plan::new(parts, divisions),
            parked: Vec::new(),
            caller: None,
            closing: false,
            broken: false,
        };
        Shared {
            states,
            batches: (0..room).map(|_| Batch::new(parts, divisions)).collect(),
            desk: Mutex::new(desk),
            ready: AtomicUsize::new(0),
            through: AtomicBool::new(false),
            spin,
        }
    }

    /// The desk; whoever panicked at it has broken it.
    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(|poisoned| {
            let mut desk = poisoned.into_inner();
            desk.broken = true;
            desk
        })
    }

    fn batch(&self, number: u64) -> &Batch {
        &self.batches[number as usize % self.batches.len()]
    }

    fn run(&self, step: Step, tools: &mut Tools, meter: &mut impl Meter) -> bool {
        let batch = self.batch(step.batch);
        meter.begin();
        let Done { joins, events } = self.states.run(step.task, batch, tools);
        meter.end(stage_of(step.task), events);
        joins
    }

    /// Changes the plan and says whom to wake: one thread for a step that nobody has begun, the caller for a batch that
    /// is through. Who is woken wakes the next if there is more to do.
    fn change(&self, desk: &mut Desk, change: impl FnOnce(&mut Plan)) -> [Option<Thread>; 2] {
        change(&mut desk.plan);
        let (ready, through) = (desk.plan.ready(), desk.plan.is_through());
        self.ready.store(ready, Ordering::Relaxed);
        self.through.store(through, Ordering::Relaxed);
        let worker = if ready > 0 { desk.parked.pop() } else { None };
        let caller = if through || (ready > 0 && worker.is_none()) { desk.caller.take() } else { None };
        [worker, caller]
    }

    /// Looks for work or for what `or` says, at most so often; how often it looked.
    fn look(&self, or: impl Fn() -> bool, most: usize) -> usize {
        for looked in 1..=most {
            if self.ready.load(Ordering::Relaxed) > 0 || or() {
                return looked;
            }
            std::hint::spin_loop();
        }
        most
    }

    /// The life of a worker.
    fn work<M: Meter>(&self, number: usize, mut tools: Tools, mut meter: M) -> M {
        let mut looks = 0;
        let mut desk = self.desk();
        while !desk.closing && !desk.broken {
            let Some(step) = desk.plan.begin(number) else {
                let park = !self.spin && looks >= LOOKS;
                if park {
                    desk.parked.push(thread::current());
                }
                drop(desk);
                if park {
                    thread::park();
                    looks = 0;
                } else {
                    looks += self.look(|| false, LOOKS);
                }
                desk = self.desk();
                if park {
                    let me = thread::current().id();
                    desk.parked.retain(|parked| parked.id() != me);
                }
                continue;
            };
            let woken = self.change(&mut desk, |_| ());
            drop(desk);
            wake(woken);
            let guard = Broken(self);
            let joins = self.run(step, &mut tools, &mut meter);
            std::mem::forget(guard);
            desk = self.desk();
            wake(self.change(&mut desk, |plan| plan.done(step, joins)));
            looks = 0;
        }
        meter
    }
}

fn wake(threads: [Option<Thread>; 2]) {
    threads.into_iter().flatten().for_each(|thread| thread.unpark());
}

/// Dropped when a step panics: nobody shall wait for what will not come.
struct Broken<'a>(&'a Shared);

impl Drop for Broken<'_> {
    fn drop(&mut self) {
        // The desk is not held while a step runs, so its lock is sound.
        let mut desk = self.0.desk();
        desk.broken = true;
        let parked = std::mem::take(&mut desk.parked);
        wake([None, desk.caller.take()]);
        parked.into_iter().for_each(|thread| thread.unpark());
    }
}

fn stage_of(task: Task) -> Stage {
    match task {
        Task::Decode => Stage::Decode,
        Task::Sequence => Stage::Identify,
        Task::Understand(_) | Task::Join => Stage::Understand,
        Task::Route(_) => Stage::Route,
        Task::Emit(_) | Task::EmitIdentity => Stage::Emit,
    }
}
