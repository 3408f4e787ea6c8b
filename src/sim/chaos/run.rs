//! A run: processes start, lead, die, stand still and wake up under faults; then all of them die, all that is under way
//! comes to an end, and what is there must be right; then, without faults, one process must come to the end of the
//! input within a bounded number of calls, and what is there must be right and complete.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use super::doors::{Process, SimClock, SimLog, SimSink, SimSource, SimStore};
use super::outputs::SimOutputs;
use super::support::dice::Dice;
use super::support::engines::compiled;
use super::support::random_rules;
use super::world::{Fault, World};
use super::{oracle, tamper};
use crate::rules::Rules;
use crate::rules::keys::HashKey;
use crate::runtime::FlowEngine;
use crate::runtime::core::Core;
use crate::runtime::doors::{Error, Files};
use crate::runtime::flow::{Flow, Threads};
use crate::runtime::gauges::Gauges;
use crate::runtime::in_hand::InHand;
use crate::runtime::inbox::Limits;
use crate::runtime::journal::Input;
use crate::runtime::leader::Leader;
use crate::runtime::settings::{Delivery, Settings};
use crate::runtime::skip::skip;
use crate::runtime::snapshot::memory::MemoryFiles;
use crate::runtime::snapshot::{By, Restored, Snapshots, Told};
use crate::runtime::verify::{Verdict, verify};
use crate::types::{DurationMs, Stream};

/// What is wrong with a run.
#[derive(Clone, Debug)]
pub struct Failure {
    /// What found it.
    pub check: &'static str,
    /// What it found.
    pub what: String,
}

/// A failure.
pub fn failure<T>(check: &'static str, what: impl Into<String>) -> Result<T, Failure> {
    Err(Failure { check, what: what.into() })
}

/// What a run was like.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Processes that were started.
    pub processes: u64,
    /// Of them, those that led.
    pub leaders: u64,
    /// Epochs recorded.
    pub epochs: u64,
    /// Inputs taken.
    pub records: u64,
    /// Outputs compared.
    pub outputs: u64,
    /// Outputs that were there again, where that may be.
    pub copies: u64,
    /// What went wrong, and how often.
    pub struck: BTreeMap<Fault, u64>,
    /// Calls that the end took, and those that it might have taken.
    pub end: (u64, u64),
    /// Starts from a snapshot, and snapshots that were passed over.
    pub snapshots: (u64, u64),
    /// Epochs in which rules changed.
    pub changes: u64,
    /// Inputs that were skipped.
    pub skipped: u64,
    /// Changes of what was safe that were tried, all of them found.
    pub tampered: u64,
}

type SimLeader = Leader<FlowEngine<()>, SimSource, SimSink, SimStore, SimClock>;

struct Led {
    process: Rc<Process>,
    leader: SimLeader,
}

/// A directory that outlives the processes that run beside it, one at a time.
struct Machine {
    files: Arc<Mutex<MemoryFiles>>,
    taken: Cell<bool>,
    /// The newest snapshot that was said to be there.
    newest: Cell<Option<u64>>,
    /// What is there may have been damaged.
    spoiled: Cell<bool>,
}

impl Machine {
    fn new(seed: u64) -> Machine {
        Machine {
            files: Arc::new(Mutex::new(MemoryFiles::new(seed))),
            taken: Cell::new(false),
            newest: Cell::new(None),
            spoiled: Cell::new(false),
        }
    }
}

/// Machines with a directory for snapshots.
const MACHINES: u64 = 2;

/// A run.
pub struct Sim {
    /// What is outside.
    pub world: RefCell<World>,
    /// Rules that the tenant begins with.
    pub rules: Arc<Rules>,
    /// Rules in a file that somebody has edited since.
    edited: Arc<Rules>,
    /// Processes that stand still.
    pub standing: Cell<u32>,
    /// Writer ids of processes that had to be refused.
    pub wrong: RefCell<BTreeSet<String>>,
    leaders: RefCell<Vec<Led>>,
    machines: Vec<Machine>,
    restored: Cell<u64>,
    passed_over: Cell<u64>,
    failed: RefCell<Option<Failure>>,
    /// `None`: a matter of each start.
    delivery: Option<Delivery>,
    processes: Cell<u64>,
    led: Cell<u64>,
}

/// Most processes that lead, or believe to.
const LEADERS_MAX: usize = 3;
/// Rounds with faults: enough for the longest log.
const ROUNDS_MAX: u64 = 240;
/// Calls that a run may take to its end without faults: some, and some for each input, epoch and output.
const END_CALLS: (u64, u64) = (2_000, 15);

impl Sim {
    fn new(seed: u64) -> Rc<Sim> {
        let (mut world, rules) = World::new(seed);
        let delivery = match world.dice.below(8) {
            0..5 => Some(Delivery::ExactlyOnce),
            5..7 => Some(Delivery::AtLeastOnce),
            _ => None,
        };
        Rc::new(Sim {
            world: RefCell::new(world),
            rules: Arc::new(compiled(&rules)),
            edited: Arc::new(compiled(&random_rules::rules(&mut Dice::new(seed ^ 1)))),
            standing: Cell::new(0),
            wrong: RefCell::default(),
            leaders: RefCell::default(),
            machines: (0..MACHINES).map(|at| Machine::new(seed + at)).collect(),
            restored: Cell::new(0),
            passed_over: Cell::new(0),
            failed: RefCell::default(),
            delivery,
            processes: Cell::new(0),
            led: Cell::new(0),
        })
    }

    /// An engine of this tenant.
    pub fn engine(&self, key: &HashKey) -> FlowEngine<()> {
        // Batches go through as they come, or several are under way.
        let small = if self.processes.get().is_multiple_of(2) { 0 } else { 64 };
        let threads = Threads { small, ..Threads::new(1) };
        let edited = self.processes.get().is_multiple_of(3) && !self.world.borrow().epochs().is_empty();
        let rules = if edited { &self.edited } else { &self.rules };
        FlowEngine::new(Flow::new(rules.clone(), key, "t", threads, |_| ()))
    }

    /// So many rounds: the world goes on, and a process starts, or one of those that lead does a step.
    pub fn rounds(self: &Rc<Sim>, count: u64) {
        for _ in 0..count {
            if self.failed.borrow().is_some() {
                return;
            }
            let leaders = self.leaders.borrow().len();
            let skips =
                !self.world.borrow().epochs().is_empty() && self.world.borrow_mut().strikes(Fault::Skips);
            if skips {
                self.skip();
                continue;
            }
            let (starts, which) = {
                let world = &mut *self.world.borrow_mut();
                if world.calls > world.calls_max {
                    return;
                }
                world.go_on();
                let more = leaders < LEADERS_MAX && world.strikes(Fault::TakesOver);
                (leaders == 0 || more, world.dice.below(leaders.max(1) as u64) as usize)
            };
            if starts {
                self.start();
                continue;
            }
            let mut led = self.leaders.borrow_mut().swap_remove(which);
            let stepped = led.leader.step();
            self.told(&led.process, &led.leader.snapshots());
            match stepped {
                Ok(_) if !led.process.is_dead() => self.leaders.borrow_mut().push(led),
                Ok(_) => led.process.bury(),
                Err(error) => self.ended(&led.process, &error, false),
            }
        }
    }

    /// The operator skips a record that may not even have arrived; other processes may lead, or believe to.
    fn skip(self: &Rc<Sim>) {
        self.processes.set(self.processes.get() + 1);
        let process = Process::new(self, self.processes.get(), None, u64::MAX);
        let place = {
            let world = &mut *self.world.borrow_mut();
            world.begun.insert(process.writer_id(), world.calls);
            let partition = world.dice.below(world.inputs.len() as u64) as usize;
            let end = world.inputs[partition].last().map_or(0, |last| last.offset + 1);
            Input::control("in").place(end + world.dice.below(3)).replace("[0]", &format!("[{partition}]"))
        };
        let store = SimStore::open(&process);
        let done = store.and_then(|mut store| {
            skip(&mut store, &mut SimClock(process.clone()), &process.writer_id(), &place)
        });
        // Whatever came of it: the log says, and is compared.
        drop(done);
        process.bury();
    }

    /// A process starts.
    fn start(self: &Rc<Sim>) {
        self.processes.set(self.processes.get() + 1);
        let machine = self.machine();
        let (settings, fuse, wrong) = {
            let world = &mut *self.world.borrow_mut();
            let calls = [12, 60, 300, 1_500][world.dice.below(4) as usize];
            let dies = world.strikes(Fault::Dies);
            let fuse = if dies { 1 + world.dice.below(calls) } else { u64::MAX };
            let wrong = world.strikes(Fault::StartsWrongly) && !world.epochs().is_empty();
            // Another key can be told from what customers it gives, once there are some.
            let customers = wrong
                && world
                    .output()
                    .iter()
                    .any(|((stream, _), records)| *stream == Stream::Conversations && !records.is_empty());
            let kinds = if customers { 3 } else { 2 };
            (self.settings(world, machine), fuse, wrong.then(|| world.dice.below(kinds)))
        };
        let process = Process::new(self, self.processes.get(), machine, fuse);
        let mut settings = Settings { writer: process.writer_id(), ..settings };
        match wrong {
            Some(0) => settings.tenant = "other".into(),
            Some(2) => settings.snapshots.iter_mut().for_each(|snapshots| snapshots.key = 2),
            _ => {}
        }
        if wrong.is_some() {
            self.wrong.borrow_mut().insert(process.writer_id());
        }
        let calls = self.world.borrow().calls;
        self.world.borrow_mut().begun.insert(process.writer_id(), calls);
        let key = if wrong == Some(2) { HashKey([7; 16]) } else { HashKey::PUBLIC };
        match self.lead(&process, settings, &key, wrong == Some(1)) {
            Ok(_) if wrong.is_some() => {
                let what = format!("a process with another configuration ({wrong:?}) leads");
                *self.failed.borrow_mut() = Some(Failure { check: "refusal", what });
            }
            Ok(leader) => {
                self.led.set(self.led.get() + 1);
                self.leaders.borrow_mut().push(Led { process, leader });
            }
            Err(error) => self.ended(&process, &error, wrong.is_some()),
        }
    }

    fn lead(
        &self,
        process: &Rc<Process>,
        settings: Settings,
        key: &HashKey,
        fewer: bool,
    ) -> Result<SimLeader, Error> {
        let (source, sink) = (SimSource::of(process), SimSink::of(process, fewer));
        let store = SimStore::open(process)?;
        let (engine, clock) = (self.engine(key), SimClock(process.clone()));
        let stop = AtomicBool::new(false);
        let leader = Leader::start(engine, source, sink, store, clock, settings, &stop)?;
        let leader = leader.expect("the stop flag is not set");
        self.restored.set(self.restored.get() + u64::from(leader.restored().epoch.is_some()));
        self.passed_over.set(self.passed_over.get() + leader.restored().passed_over.len() as u64);
        self.weigh_snapshots(process, leader.restored());
        Ok(leader)
    }

    /// What was said to be there must be there and whole, whatever stopped the machine.
    fn weigh_snapshots(&self, process: &Process, restored: &Restored) {
        let Some(machine) = process.machine.map(|machine| &self.machines[machine]) else { return };
        let excused =
            |why: &&String| why.contains("the epoch log does not hold") || why.contains("not answer");
        let damaged = restored.passed_over.iter().find(|why| !excused(why));
        let gone = restored.passed_over.is_empty() && restored.epoch < machine.newest.get();
        if !machine.spoiled.get() && (damaged.is_some() || gone) {
            let what = format!("of {:?} there is {restored:?}", machine.newest.get());
            *self.failed.borrow_mut() = Some(Failure { check: "snapshots", what });
        }
    }

    /// A snapshot is said to be there.
    fn told(&self, process: &Process, told: &[Told]) {
        let Some(machine) = process.machine.map(|machine| &self.machines[machine]) else { return };
        for told in told {
            if let Told::Taken { epoch } = told {
                machine.newest.set(machine.newest.get().max(Some(*epoch)));
            }
        }
    }

    /// A machine for a process, if one is free.
    fn machine(&self) -> Option<usize> {
        let free = self.machines.iter().position(|machine| !machine.taken.get())?;
        self.machines[free].taken.set(true);
        let world = &mut *self.world.borrow_mut();
        let full = world.strikes(Fault::FillsDisk);
        let mut files = self.files(free);
        files.room = if full { world.dice.below(60_000) as usize } else { usize::MAX };
        Some(free)
    }

    fn files(&self, machine: usize) -> std::sync::MutexGuard<'_, MemoryFiles> {
        self.machines[machine].files.lock().expect("no holder of the lock panics")
    }

    /// The process on this machine is gone.
    pub fn leave(&self, machine: usize) {
        let world = &mut *self.world.borrow_mut();
        let mut files = self.files(machine);
        if world.strikes(Fault::LosesPower) {
            files.lose_power()
        } else {
            files.crash()
        }
        let names = files.list().expect("names can be read");
        if !names.is_empty() && world.strikes(Fault::SpoilsSnapshot) {
            let dice = &mut world.dice;
            self.machines[machine].spoiled.set(true);
            files.spoil(&names[dice.below(names.len() as u64) as usize], |bytes| {
                let at = dice.below(bytes.len() as u64 + 1) as usize;
                match bytes.get_mut(at).filter(|_| dice.below(3) > 0) {
                    Some(byte) => *byte ^= 1 << dice.below(8),
                    None => bytes.truncate(at),
                }
            });
        }
        self.machines[machine].taken.set(false);
    }

    fn settings(&self, world: &mut World, machine: Option<usize>) -> Settings {
        let dice = &mut world.dice;
        let snapshots = machine.map(|machine| Snapshots {
            files: self.machines[machine].files.clone(),
            every: DurationMs([0, 20, 100, 1_000][dice.below(4) as usize]),
            by: By::Any,
            generations: 1 + dice.below(3) as usize,
            key: 1,
        });
        let either = if dice.below(2) == 0 { Delivery::ExactlyOnce } else { Delivery::AtLeastOnce };
        Settings {
            tenant: "t".into(),
            writer: String::new(),
            limits: Limits { records: 1 + dice.below(12) as usize, bytes: 1 << (8 + dice.below(10)) },
            delivery: self.delivery.unwrap_or(either),
            epochs_in_flight: 1 + dice.below(4) as u32,
            inbox_bytes: 1 << (8 + dice.below(10)),
            discover_every: DurationMs(50 << dice.below(7)),
            snapshots,
            in_hand: InHand::default(),
            careful: 0,
            gauges: Gauges::default(),
        }
    }

    /// A process ended: what failed must have been a door, for nothing else is wrong.
    fn ended(&self, process: &Rc<Process>, error: &Error, wrong: bool) {
        if !wrong && !process.is_dead() && !matches!(error, Error::Door(_)) {
            *self.failed.borrow_mut() = Some(Failure { check: "recovery", what: error.to_string() });
        }
        process.bury();
    }

    fn all_die(&self) -> Result<(), Failure> {
        for led in self.leaders.borrow_mut().drain(..) {
            led.process.bury();
        }
        self.failed.borrow_mut().take().map_or(Ok(()), Err)
    }

    /// One process, without faults, to the end of the input.
    fn end(self: &Rc<Sim>, report: &mut Report) -> Result<(), Failure> {
        self.processes.set(self.processes.get() + 1);
        let machine = self.machine();
        let process = Process::new(self, self.processes.get(), machine, u64::MAX);
        let (before, settings) = {
            let world = &mut *self.world.borrow_mut();
            world.begun.insert(process.writer_id(), world.calls);
            let inputs: usize = world.inputs.iter().map(Vec::len).sum();
            let outputs: usize = world.output().values().map(Vec::len).sum();
            let some = (inputs + outputs + world.epochs().len()) as u64;
            report.end.1 = END_CALLS.0 + END_CALLS.1 * some;
            world.calls_max = world.calls + report.end.1;
            (world.calls, Settings { writer: process.writer_id(), ..self.settings(world, machine) })
        };
        let mut leader = match self.lead(&process, settings, &HashKey::PUBLIC, false) {
            Ok(leader) => leader,
            Err(error) => return failure("liveness", format!("no process can start any more: {error}")),
        };
        self.led.set(self.led.get() + 1);
        let run = leader.run_to_end(&AtomicBool::new(false), |_, _| {});
        report.end.0 = self.world.borrow().calls - before;
        let retired = leader.retire();
        process.bury();
        self.failed.borrow_mut().take().map_or(Ok(()), Err)?;
        if run.is_ok() {
            retired.save();
        }
        match run {
            Ok(()) => Ok(()),
            Err(_) if report.end.0 > report.end.1 => {
                failure("liveness", format!("not at the end after {} calls", report.end.0))
            }
            Err(error) => failure("liveness", format!("it stops though nothing fails: {error}")),
        }
    }

    /// What the product's own check says of what is there.
    pub fn verdict(self: &Rc<Sim>, key: &HashKey) -> Result<Verdict, Error> {
        let mut core = Core::new(self.engine(key), "t", 1 << 20);
        let mut log = SimLog::of(self.world.borrow().epochs());
        verify(&mut core, &mut SimSource::reader(self), &mut log, &mut SimOutputs::of(self))
    }
}

/// Runs a seed.
pub fn run(seed: u64) -> Result<Report, Failure> {
    let sim = Sim::new(seed);
    let mut report = Report::default();
    let mut rounds = 0;
    let enough = 20 + sim.world.borrow_mut().dice.below(ROUNDS_MAX / 2);
    while rounds < ROUNDS_MAX && sim.failed.borrow().is_none() {
        if sim.world.borrow().is_over() && rounds > enough || rounds > 2 * enough {
            break;
        }
        sim.rounds(10);
        rounds += 10;
    }
    sim.all_die()?;
    if sim.world.borrow().calls > sim.world.borrow().calls_max {
        return failure("liveness", "a process goes round in circles");
    }
    sim.world.borrow_mut().settle();
    oracle::check(&sim, false)?;
    sim.end(&mut report)?;
    sim.world.borrow_mut().settle();
    let found = oracle::check(&sim, true)?;
    (report.epochs, report.records, report.outputs) = (found.epochs, found.records, found.outputs);
    (report.copies, report.changes, report.skipped) = (found.copies, found.changes, found.skipped);
    match sim.verdict(&HashKey::PUBLIC) {
        Err(error) => return failure("verify", error.to_string()),
        Ok(verdict) if !verdict.is_sound() || verdict.beyond > 0 || verdict.copies != found.copies => {
            return failure("verify", format!("{verdict:?}, and {} copies", found.copies));
        }
        Ok(_) => {}
    }
    report.tampered = tamper::all_is_found(&sim, found.repeats)?;
    report.snapshots = (sim.restored.get(), sim.passed_over.get());
    (report.processes, report.leaders) = (sim.processes.get(), sim.led.get());
    report.struck = std::mem::take(&mut sim.world.borrow_mut().faults.struck);
    Ok(report)
}
