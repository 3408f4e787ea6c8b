//! The doors of a process. At every call it may die (from then on no call has any effect), or stand still while the
//! rest of the world goes on, other processes take over, and requests that it had sent arrive. So it dies and wakes up
//! at every place between two calls, within the start and within a commit as well.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use super::broker::Stored;
use super::run::Sim;
use super::world::Fault;
use crate::runtime::doors::{Clock, Commit, Error, Sink, Source, Store};
use crate::runtime::inbox::Inbox;
use crate::runtime::journal::Input;
use crate::runtime::outgoing::OutputRecord;
use crate::runtime::writer::{Broker, Did, Log, Trouble, Writer};
use crate::types::Millis;

/// Processes that stand still at the same time.
const STANDING_MAX: u32 = 2;

/// A process, as its doors see it.
pub struct Process {
    pub sim: Rc<Sim>,
    /// Told apart by this.
    pub number: u64,
    /// The machine that it runs on, if that has a directory for snapshots.
    pub machine: Option<usize>,
    dead: Cell<bool>,
    /// Calls until it dies.
    fuse: Cell<u64>,
    skew: Cell<i64>,
    stands: Cell<Option<Millis>>,
    writing: RefCell<Option<Writing>>,
    clients: RefCell<Vec<u64>>,
}

/// The thread that writes, as far as it has come.
struct Writing {
    writer: Writer<Transactions>,
    failed: Option<String>,
}

impl Process {
    /// A process that lives for so many calls.
    pub fn new(sim: &Rc<Sim>, number: u64, machine: Option<usize>, fuse: u64) -> Rc<Process> {
        Rc::new(Process {
            sim: sim.clone(),
            number,
            machine,
            dead: Cell::new(false),
            fuse: Cell::new(fuse),
            skew: Cell::new(0),
            stands: Cell::new(None),
            writing: RefCell::new(None),
            clients: RefCell::new(Vec::new()),
        })
    }

    /// 16 digits, as a writer has them.
    pub fn writer_id(&self) -> String {
        format!("{:016x}", self.number)
    }

    /// Whether it died.
    pub fn is_dead(&self) -> bool {
        self.dead.get()
    }

    /// It dies: nothing that it still does has any effect; what it sent is on its way.
    pub fn die(&self) {
        if !self.dead.replace(true) {
            let world = &mut *self.sim.world.borrow_mut();
            for client in self.clients.borrow().iter() {
                world.network.abandon(*client, &mut world.dice);
            }
            world.network.abandon_plain(self.number, &mut world.dice);
        }
    }

    /// What it holds of itself is let go of.
    pub fn bury(&self) {
        self.die();
        *self.writing.borrow_mut() = None;
        if let Some(machine) = self.machine {
            self.sim.leave(machine);
        }
    }

    /// A call of a door begins.
    fn door(&self) -> Result<(), Error> {
        let gone = || Err(Error::Door("the process is dead".into()));
        if self.dead.get() {
            return gone();
        }
        let (endless, pauses) = {
            let world = &mut *self.sim.world.borrow_mut();
            world.calls += 1;
            let pauses = self.sim.standing.get() < STANDING_MAX && world.strikes(Fault::Pauses);
            let pauses = pauses && world.pauses_left > 0;
            world.pauses_left -= u32::from(pauses);
            (world.calls > world.calls_max, pauses.then(|| 1 + world.dice.below(40)))
        };
        self.fuse.set(self.fuse.get().saturating_sub(1));
        if endless || self.fuse.get() == 0 {
            self.die();
            return gone();
        }
        if let Some(rounds) = pauses {
            self.sim.standing.set(self.sim.standing.get() + 1);
            self.sim.rounds(rounds);
            self.sim.standing.set(self.sim.standing.get() - 1);
        }
        Ok(())
    }

    fn may_fail(&self, what: &str) -> Result<(), Error> {
        let world = &mut *self.sim.world.borrow_mut();
        if world.strikes(Fault::ReadFails) {
            return Err(Error::Door(format!("{what}: the broker does not answer")));
        }
        Ok(())
    }

    fn chance(&self, below: u64) -> u64 {
        self.sim.world.borrow_mut().dice.below(below)
    }

    /// A wait, of at most so long.
    fn wait(&self, wait: Duration) {
        let world = &mut *self.sim.world.borrow_mut();
        if !wait.is_zero() {
            world.now.0 += 1 + world.dice.below(wait.as_millis() as u64 + 1) as i64;
            world.network.go_on(&mut world.broker, &mut world.dice, &mut world.faults);
        }
    }

    /// The writing thread comes so many steps further.
    fn write(&self, steps: u64) {
        let Ok(mut writing) = self.writing.try_borrow_mut() else { return };
        let Some(writing) = &mut *writing else { return };
        for _ in 0..steps {
            if writing.failed.is_some() || self.dead.get() {
                return;
            }
            if let Err(error) = writing.go() {
                writing.failed = Some(error.to_string());
            }
        }
    }
}

impl Writing {
    fn go(&mut self) -> Result<(), Error> {
        if let Some(outcome) = self.writer.broker().outcome() {
            self.writer.outcome(outcome)?;
        }
        while self.writer.step()? == Did::Something {
            if self.writer.broker().process.chance(3) == 0 {
                break;
            }
        }
        Ok(())
    }
}

/// Two transactional producers.
pub struct Transactions {
    process: Rc<Process>,
    clients: [Option<u64>; 2],
    /// Who commits.
    committing: Option<u64>,
}

impl Transactions {
    fn client(&self, producer: usize) -> u64 {
        self.clients[producer].expect("there are producers but while they are made anew")
    }

    /// Some requests arrive.
    fn deliver(&self, client: u64) {
        let world = &mut *self.process.sim.world.borrow_mut();
        if world.network.stuck > 0 {
            world.network.stuck -= 1;
            return;
        }
        for _ in 0..world.dice.below(6) {
            world.network.deliver(client, &mut world.broker, &mut world.dice, &mut world.faults);
        }
        if world.dice.below(2) == 0 {
            world.network.go_on(&mut world.broker, &mut world.dice, &mut world.faults);
        }
    }

    fn outcome(&mut self) -> Option<Result<bool, Trouble>> {
        let client = self.committing?;
        self.deliver(client);
        let outcome = self.process.sim.world.borrow_mut().network.outcome(client);
        if outcome.is_some() {
            self.committing = None;
        }
        outcome
    }

    fn alive(&self) -> Result<(), Trouble> {
        self.process.door().map_err(|error| Trouble::Uncertain(error.to_string()))
    }
}

impl Broker for Transactions {
    type Log = SimLog;

    fn release(&mut self) {
        let world = &mut *self.process.sim.world.borrow_mut();
        for client in self.clients.iter_mut().filter_map(Option::take) {
            world.network.abandon(client, &mut world.dice);
        }
        self.committing = None;
    }

    fn initialise(&mut self, producer: usize) -> Result<(), Error> {
        self.process.door()?;
        let world = &mut *self.process.sim.world.borrow_mut();
        let fails = world.strikes(Fault::InitFails);
        if fails && world.dice.below(2) == 0 {
            return Err(Error::Door("the coordinator does not answer".into()));
        }
        let older = Some(world.broker.epoch(producer)).filter(|epoch| *epoch > 0 && producer == 1);
        let epoch = match older.filter(|_| planted!(ZombieNotFenced)) {
            Some(older) => older,
            None => world.broker.initialise(producer),
        };
        if fails {
            return Err(Error::Door("the coordinator's answer does not come".into()));
        }
        let client = world.network.connect(producer, epoch);
        self.clients[producer] = Some(client);
        self.process.clients.borrow_mut().push(client);
        Ok(())
    }

    fn begin(&mut self, producer: usize) -> Result<(), Trouble> {
        self.alive()?;
        self.process.sim.world.borrow_mut().network.begin(self.client(producer))
    }

    fn output(&mut self, producer: usize, _: u64, record: &OutputRecord<'_>) -> Result<(), Trouble> {
        self.alive()?;
        let world = &mut *self.process.sim.world.borrow_mut();
        let place = world.place(record.stream, record.partition);
        world.network.send(self.client(producer), place, stored(record), None);
        Ok(())
    }

    fn record(&mut self, producer: usize, epoch: u64, record: &[u8]) -> Result<(), Trouble> {
        self.alive()?;
        let (key, value) = (epoch.to_string().into_bytes(), record.to_vec());
        let record = Stored { key, timestamp: Millis(0), value };
        let world = &mut *self.process.sim.world.borrow_mut();
        world.network.send(self.client(producer), 0, record, Some(epoch));
        Ok(())
    }

    fn delivered(&mut self, producer: usize) -> Result<bool, Trouble> {
        self.alive()?;
        let client = self.client(producer);
        self.deliver(client);
        self.process.sim.world.borrow_mut().network.delivered(client)
    }

    fn commit(&mut self, producer: usize) -> Result<(), Error> {
        self.process.door()?;
        self.committing = Some(self.client(producer));
        self.process.sim.world.borrow_mut().network.commit(self.client(producer));
        Ok(())
    }

    fn recorded_at(&self, epoch: u64) -> Option<u64> {
        let world = self.process.sim.world.borrow();
        self.clients.iter().flatten().find_map(|client| world.network.recorded_at(*client, epoch))
    }

    fn log(&mut self, from: u64) -> Result<SimLog, Error> {
        self.process.door()?;
        self.process.may_fail("the epoch topic")?;
        let (records, end) = self.process.sim.world.borrow().broker.read(0, from);
        let records = records.into_iter().map(|(offset, record)| (offset, record.value)).collect();
        Ok(SimLog { process: Some(self.process.clone()), records, at: 0, next: from, end })
    }
}

/// Committed epoch records.
pub struct SimLog {
    process: Option<Rc<Process>>,
    records: Vec<(u64, Vec<u8>)>,
    /// Those read.
    at: usize,
    next: u64,
    end: u64,
}

impl SimLog {
    /// For a reader that does not lead.
    pub fn of(epochs: Vec<Vec<u8>>) -> SimLog {
        let records = (0..).zip(epochs).collect();
        SimLog { process: None, records, at: 0, next: 0, end: 0 }
    }
}

impl Log for SimLog {
    fn read(&mut self) -> Result<Option<Vec<u8>>, Error> {
        if let Some(process) = &self.process {
            process.door()?;
            process.may_fail("the epoch topic")?;
        }
        match self.records.get(self.at) {
            Some((offset, record)) => {
                (self.at, self.next) = (self.at + 1, offset + 1);
                Ok(Some(record.clone()))
            }
            None => {
                self.next = self.end;
                Ok(None)
            }
        }
    }

    fn next(&self) -> u64 {
        self.next
    }
}

impl Store for SimLog {
    fn read(&mut self) -> Result<Option<Vec<u8>>, Error> {
        Log::read(self)
    }

    fn seek(&mut self, place: u64) -> Result<(), Error> {
        self.at = self.records.partition_point(|(offset, _)| *offset < place);
        self.next = place;
        Ok(())
    }

    fn place(&self) -> u64 {
        self.next.saturating_sub(1)
    }

    fn lead(&mut self) -> Result<(), Error> {
        unreachable!("a reader does not lead")
    }

    fn append(&mut self, _: Commit) -> Result<(), Error> {
        unreachable!("a reader does not lead")
    }

    fn recorded(&mut self, _: Duration) -> Result<Option<u64>, Error> {
        Ok(None)
    }
}

/// The epoch log of a process.
pub struct SimStore {
    process: Rc<Process>,
    log: SimLog,
}

impl SimStore {
    /// Ends every older instance and opens the log.
    pub fn open(process: &Rc<Process>) -> Result<SimStore, Error> {
        let transactions = Transactions { process: process.clone(), clients: [None; 2], committing: None };
        let (writer, log) = Writer::open(transactions, "t")?;
        *process.writing.borrow_mut() = Some(Writing { writer, failed: None });
        Ok(SimStore { process: process.clone(), log })
    }
}

impl Store for SimStore {
    fn read(&mut self) -> Result<Option<Vec<u8>>, Error> {
        let record = Log::read(&mut self.log)?;
        if record.is_none()
            && let Some(writing) = &mut *self.process.writing.borrow_mut()
        {
            writing.writer.go_on_from(self.log.next());
        }
        Ok(record)
    }

    fn seek(&mut self, place: u64) -> Result<(), Error> {
        self.process.door()?;
        self.process.may_fail("the epoch topic")?;
        self.log.seek(place)
    }

    fn place(&self) -> u64 {
        let writing = self.process.writing.borrow();
        writing.as_ref().and_then(|writing| writing.writer.place()).unwrap_or_else(|| self.log.place())
    }

    /// Opening it has ended every older instance.
    fn lead(&mut self) -> Result<(), Error> {
        self.process.door()
    }

    fn append(&mut self, commit: Commit) -> Result<(), Error> {
        self.process.door()?;
        if let Some(writing) = &mut *self.process.writing.borrow_mut() {
            writing.writer.append(commit);
        }
        Ok(())
    }

    fn recorded(&mut self, wait: Duration) -> Result<Option<u64>, Error> {
        self.process.door()?;
        self.process.wait(wait);
        self.process.write(self.process.chance(5));
        match &*self.process.writing.borrow() {
            Some(Writing { failed: Some(failed), .. }) => Err(Error::Door(failed.clone())),
            Some(writing) => Ok(writing.writer.recorded()),
            None => Ok(None),
        }
    }
}

/// Input of a process, or of a reader.
pub struct SimSource {
    sim: Rc<Sim>,
    process: Option<Rc<Process>>,
    /// By slot: partition, and offset to go on from.
    slots: Vec<(usize, u64)>,
}

impl SimSource {
    /// For a process.
    pub fn of(process: &Rc<Process>) -> SimSource {
        SimSource { sim: process.sim.clone(), process: Some(process.clone()), slots: Vec::new() }
    }

    /// For a reader that does not lead.
    pub fn reader(sim: &Rc<Sim>) -> SimSource {
        SimSource { sim: sim.clone(), process: None, slots: Vec::new() }
    }

    fn door(&self, what: &str) -> Result<(), Error> {
        self.process.as_ref().map_or(Ok(()), |process| {
            process.door()?;
            process.write(u64::from(process.chance(3) == 0));
            process.may_fail(what)
        })
    }

    fn drain(&mut self, inbox: &mut Inbox) -> bool {
        let world = &mut *self.sim.world.borrow_mut();
        let before: Vec<u64> = (0..self.slots.len()).map(|slot| inbox.next(slot)).collect();
        for (slot, (partition, next)) in self.slots.iter_mut().enumerate() {
            let records = &world.inputs[*partition];
            let first = records.partition_point(|record| record.offset < *next);
            let count = if self.process.is_some() { world.dice.below(12) as usize } else { usize::MAX };
            let mut end = first;
            for record in records.iter().skip(first).take(count) {
                if !inbox.has_room(slot) {
                    break;
                }
                inbox.push(slot, record.offset, record.timestamp, &record.value, None);
                *next = record.offset + 1;
                end += 1;
            }
            // That the end is reached may be told later.
            if end == records.len() && (self.process.is_none() || world.dice.below(4) > 0) {
                inbox.reached_end(slot);
            }
        }
        before.iter().enumerate().any(|(slot, next)| inbox.next(slot) > *next)
    }
}

impl Source for SimSource {
    fn discover(&mut self, _: &[Input]) -> Result<Vec<Input>, Error> {
        self.door("the input topic")?;
        let partitions = self.sim.world.borrow().inputs.len() as u32;
        let input = |partition| Input { topic: "in".into(), partition, first: 0, types: None };
        Ok(std::iter::once(Input::control("in")).chain((1..partitions).map(input)).collect())
    }

    fn open(&mut self, slots: &[(Input, u64)]) -> Result<(), Error> {
        self.door("the input topic")?;
        let there = self.sim.world.borrow().inputs.len();
        if slots.iter().any(|(input, _)| input.partition as usize >= there) {
            return Err(Error::Door("an input partition is not there".into()));
        }
        self.slots = slots.iter().map(|(input, from)| (input.partition as usize, *from)).collect();
        Ok(())
    }

    fn starts(&mut self) -> Result<Vec<u64>, Error> {
        self.door("the input")?;
        Ok(vec![0; self.slots.len()])
    }

    fn ends(&mut self) -> Result<Vec<u64>, Error> {
        self.door("the input topic")?;
        let world = self.sim.world.borrow();
        let end = |(partition, _): &(usize, u64)| {
            world.inputs[*partition].last().map_or(0, |record| record.offset + 1)
        };
        Ok(self.slots.iter().map(end).collect())
    }

    fn poll(&mut self, wait: Duration, inbox: &mut Inbox) -> Result<(), Error> {
        self.door("the input")?;
        if !self.drain(inbox)
            && let Some(process) = &self.process
        {
            process.wait(wait);
            self.drain(inbox);
        }
        Ok(())
    }

    fn tell(&mut self, _: &[(usize, u64)]) {}
}

/// Output without transactions, and what topics there are.
pub struct SimSink {
    process: Rc<Process>,
    /// A topic was made anew with fewer partitions.
    fewer: bool,
}

impl SimSink {
    /// Of a process.
    pub fn of(process: &Rc<Process>, fewer: bool) -> SimSink {
        SimSink { process: process.clone(), fewer }
    }
}

impl Sink for SimSink {
    fn partitions(&mut self) -> Result<[u32; 6], Error> {
        self.process.door()?;
        self.process.may_fail("the output topics")?;
        let outputs = self.process.sim.world.borrow().outputs;
        Ok(if self.fewer { outputs.map(|n| n - 1) } else { outputs })
    }

    fn send(&mut self, epoch: u64, record: &OutputRecord<'_>) -> Result<(), Error> {
        self.process.door()?;
        let world = &mut *self.process.sim.world.borrow_mut();
        let place = world.place(record.stream, record.partition);
        world.network.send_plain(self.process.number, epoch, place, stored(record));
        Ok(())
    }

    fn unacknowledged(&mut self, wait: Duration) -> Result<Option<u64>, Error> {
        self.process.door()?;
        self.process.wait(wait);
        let world = &mut *self.process.sim.world.borrow_mut();
        Ok(world.network.unacknowledged(self.process.number, &mut world.broker, &mut world.dice))
    }
}

fn stored(record: &OutputRecord<'_>) -> Stored {
    // Kafka keeps no timestamp of 0 or below.
    let timestamp = Millis(record.timestamp.0.max(1));
    Stored { key: record.key.to_vec(), timestamp, value: record.value.to_vec() }
}

/// The clock of a process: an hour off, ten years ahead, standing.
pub struct SimClock(pub Rc<Process>);

impl Clock for SimClock {
    fn now(&mut self) -> Millis {
        let process = &self.0;
        let world = &mut *process.sim.world.borrow_mut();
        if world.strikes(Fault::ClockJumps) {
            const HOUR: i64 = 3_600_000;
            process.stands.set(None);
            match world.dice.below(16) {
                0..5 => process.skew.set(HOUR),
                5..10 => process.skew.set(-HOUR),
                10 => process.skew.set(87_660 * HOUR),
                11..13 => process.skew.set(0),
                _ => process.stands.set(Some(world.now)),
            }
        }
        process.stands.get().unwrap_or(Millis(world.now.0 + process.skew.get()))
    }
}
