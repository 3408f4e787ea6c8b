//! Doors in memory, for tests: one world that outlives its leaders as a broker does. What is under way when a leader
//! is dropped arrives or not, by seed; so every crash point between two steps is met.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use crate::runtime::doors::{Clock, Commit, Error, Lease, Sink, Source, Store};
use crate::runtime::inbox::Inbox;
use crate::runtime::journal::Input;
use crate::runtime::outgoing::OutputRecord;
use crate::runtime::verify::{Found, Outputs};
use crate::types::{Millis, Stream};

/// A generator of test numbers: SplitMix64 (Steele, Lea and Flood 2014).
#[derive(Debug)]
pub struct Seed(pub u64);

impl Seed {
    /// The next number below `n`.
    pub fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }
}

/// An output as it arrived: key, timestamp, value.
pub type Arrived = (Vec<u8>, Millis, Vec<u8>);

/// What a broker would hold.
#[derive(Debug)]
pub struct World {
    /// By slot: (offset, timestamp, value).
    pub input: Vec<Vec<(u64, Millis, Vec<u8>)>>,
    /// The epoch log.
    pub epochs: Vec<Vec<u8>>,
    /// So many of its first are not there any more.
    cut: usize,
    /// By (stream, partition).
    pub output: Vec<Vec<Vec<Arrived>>>,
    /// Partitions of each output topic.
    pub partitions: [u32; 6],
    /// The wall clock.
    pub now: Millis,
    /// Chances.
    pub seed: Seed,
    /// Number of the store that may write.
    writer: u64,
    /// Instances that ask for the lease, in the order in which they came; the first holds it.
    pub asking: Vec<u64>,
    storing: Vec<Commit>,
    sending: Vec<(u64, Stream, u32, Arrived)>,
    /// Output is taken and never acknowledged.
    pub stuck: bool,
    /// By slot: what came before is processed, as was told.
    pub told: Vec<u64>,
}

/// A world and the hands that leaders get on it.
#[derive(Clone, Debug)]
pub struct Shared(pub Rc<RefCell<World>>);

impl World {
    /// Of the transactions under way some are committed, in order; the others never will be.
    fn end_transactions(&mut self) {
        let kept = self.seed.below(self.storing.len() as u64 + 1) as usize;
        let kept: Vec<Commit> = self.storing.drain(..).take(kept).collect();
        kept.into_iter().for_each(|commit| self.keep(commit));
    }

    /// Retention has taken so many epochs from the beginning of the log.
    pub fn cut_epochs(&mut self, count: usize) {
        self.cut = count;
    }

    /// A transaction ends well.
    fn keep(&mut self, commit: Commit) {
        self.epochs.push(commit.record);
        let output = commit.output.iter();
        for record in output.flat_map(|output| output.records()) {
            let arrived = (record.key.to_vec(), record.timestamp, record.value.to_vec());
            self.output[record.stream as usize][record.partition as usize].push(arrived);
        }
    }
}

impl Shared {
    /// An empty world.
    pub fn new(slots: usize, partitions: [u32; 6], seed: u64) -> Shared {
        Shared(Rc::new(RefCell::new(World {
            input: vec![Vec::new(); slots],
            epochs: Vec::new(),
            cut: 0,
            output: partitions.iter().map(|n| vec![Vec::new(); *n as usize]).collect(),
            partitions,
            now: Millis(1_795_251_600_000),
            seed: Seed(seed),
            writer: 0,
            asking: Vec::new(),
            storing: Vec::new(),
            sending: Vec::new(),
            stuck: false,
            told: vec![0; slots],
        })))
    }

    /// The leader is gone: of what was under way some arrives, in order a partition.
    pub fn crash(&self) {
        let world = &mut *self.0.borrow_mut();
        world.now.0 += world.seed.below(50) as i64;
        world.end_transactions();
        let mut cut = vec![Vec::new(); 6];
        for (stream, n) in cut.iter_mut().zip(world.partitions) {
            *stream = vec![false; n as usize];
        }
        for (_, stream, partition, record) in std::mem::take(&mut world.sending) {
            let cut = &mut cut[stream as usize][partition as usize];
            *cut |= world.seed.below(4) == 0;
            if !*cut {
                world.output[stream as usize][partition as usize].push(record);
            }
        }
    }

    /// A store, to be read.
    pub fn store(&self) -> MemoryStore {
        MemoryStore { world: self.clone(), writer: 0, read: 0, recorded: None }
    }

    /// One instance's hand on the lease; instances are told apart by number.
    pub fn lease(&self, instance: u64) -> MemoryLease {
        MemoryLease { world: self.clone(), instance }
    }

    /// A source.
    pub fn source(&self) -> MemorySource {
        MemorySource { world: self.clone(), next: Vec::new(), told: BTreeMap::new() }
    }
}

/// Reads the world's input.
#[derive(Debug)]
pub struct MemorySource {
    world: Shared,
    next: Vec<usize>,
    /// By slot, what this one told.
    told: BTreeMap<usize, u64>,
}

impl Source for MemorySource {
    fn discover(&mut self, _: &[Input]) -> Result<Vec<Input>, Error> {
        let slots = self.world.0.borrow().input.len() as u32;
        Ok((0..slots)
            .map(|partition| Input { topic: "in".into(), partition, first: 0, types: None })
            .collect())
    }

    fn open(&mut self, slots: &[(Input, u64)]) -> Result<(), Error> {
        let world = self.world.0.borrow();
        self.next = slots
            .iter()
            .map(|(input, from)| {
                let gone = || Error::Door(format!("{}[{}] is not there", input.topic, input.partition));
                let records = world.input.get(input.partition as usize).ok_or_else(gone)?;
                Ok(records.partition_point(|(offset, ..)| offset < from))
            })
            .collect::<Result<_, Error>>()?;
        Ok(())
    }

    fn starts(&mut self) -> Result<Vec<u64>, Error> {
        Ok(vec![0; self.world.0.borrow().input.len()])
    }

    fn ends(&mut self) -> Result<Vec<u64>, Error> {
        let world = self.world.0.borrow();
        Ok(world.input.iter().map(|slot| slot.last().map_or(0, |(offset, ..)| offset + 1)).collect())
    }

    fn poll(&mut self, _: Duration, inbox: &mut Inbox) -> Result<(), Error> {
        let world = &mut *self.world.0.borrow_mut();
        for (slot, next) in self.next.iter_mut().enumerate() {
            let count = world.seed.below(20) as usize;
            for (offset, timestamp, value) in world.input[slot].iter().skip(*next).take(count) {
                if inbox.has_room(slot) {
                    inbox.push(slot, *offset, *timestamp, value, None);
                    *next += 1;
                }
            }
            if *next == world.input[slot].len() {
                inbox.reached_end(slot);
            }
        }
        Ok(())
    }

    fn tell(&mut self, ends: &[(usize, u64)]) {
        let told = &mut self.world.0.borrow_mut().told;
        for (slot, end) in ends {
            told.resize(told.len().max(slot + 1), 0);
            assert!(self.told.insert(*slot, *end).is_none_or(|before| before < *end), "it moves on");
            told[*slot] = told[*slot].max(*end);
        }
    }
}

/// Sends into the world's output.
impl Sink for Shared {
    fn partitions(&mut self) -> Result<[u32; 6], Error> {
        Ok(self.0.borrow().partitions)
    }

    fn send(&mut self, epoch: u64, record: &OutputRecord<'_>) -> Result<(), Error> {
        let arrived = (record.key.to_vec(), record.timestamp, record.value.to_vec());
        self.0.borrow_mut().sending.push((epoch, record.stream, record.partition, arrived));
        Ok(())
    }

    fn unacknowledged(&mut self, _: Duration) -> Result<Option<u64>, Error> {
        let world = &mut *self.0.borrow_mut();
        if world.stuck {
            return Ok(world.sending.first().map(|(epoch, ..)| *epoch));
        }
        let count = world.seed.below(world.sending.len() as u64 + 2) as usize;
        for (_, stream, partition, record) in world.sending.drain(..count.min(world.sending.len())) {
            world.output[stream as usize][partition as usize].push(record);
        }
        Ok(world.sending.first().map(|(epoch, ..)| *epoch))
    }
}

/// Writes the world's epoch log.
#[derive(Debug)]
pub struct MemoryStore {
    world: Shared,
    writer: u64,
    read: usize,
    recorded: Option<u64>,
}

impl Store for MemoryStore {
    fn read(&mut self) -> Result<Option<Vec<u8>>, Error> {
        let world = self.world.0.borrow();
        self.read = self.read.max(world.cut);
        let record = world.epochs.get(self.read).cloned();
        self.read += usize::from(record.is_some());
        Ok(record)
    }

    fn lead(&mut self) -> Result<(), Error> {
        let world = &mut *self.world.0.borrow_mut();
        world.end_transactions();
        world.writer += 1;
        self.writer = world.writer;
        Ok(())
    }

    fn seek(&mut self, place: u64) -> Result<(), Error> {
        self.read = place as usize;
        Ok(())
    }

    fn place(&self) -> u64 {
        self.recorded.unwrap_or(0)
    }

    fn append(&mut self, commit: Commit) -> Result<(), Error> {
        let world = &mut *self.world.0.borrow_mut();
        if world.writer != self.writer {
            return Err(Error::Superseded("fenced: another instance leads".into()));
        }
        let next = (world.epochs.len() + world.storing.len()) as u64;
        assert_eq!(commit.epoch, next, "epochs are appended in order");
        world.storing.push(commit);
        Ok(())
    }

    fn recorded(&mut self, _: Duration) -> Result<Option<u64>, Error> {
        let world = &mut *self.world.0.borrow_mut();
        if world.writer != self.writer {
            return Err(Error::Superseded("fenced: another instance leads".into()));
        }
        let count = world.seed.below(world.storing.len() as u64 + 1) as usize;
        let stuck = world.stuck && world.storing.iter().any(|commit| commit.output.is_some());
        let kept: Vec<Commit> = world.storing.drain(..if stuck { 0 } else { count }).collect();
        kept.into_iter().for_each(|commit| world.keep(commit));
        self.recorded = world.epochs.len().checked_sub(1).map(|last| last as u64);
        Ok(self.recorded)
    }
}

/// Whoever came first holds it, until it is taken out of `World::asking`.
#[derive(Debug)]
pub struct MemoryLease {
    world: Shared,
    instance: u64,
}

impl Lease for MemoryLease {
    fn ask(&mut self) -> Result<(), Error> {
        let asking = &mut self.world.0.borrow_mut().asking;
        if !asking.contains(&self.instance) {
            asking.push(self.instance);
        }
        Ok(())
    }

    fn holds(&mut self, _: Duration) -> Result<bool, Error> {
        Ok(self.world.0.borrow().asking.first() == Some(&self.instance))
    }

    fn give_back(&mut self) {
        self.world.0.borrow_mut().asking.retain(|instance| *instance != self.instance);
    }
}

/// Reads the world's output, each partition from its start.
#[derive(Debug)]
pub struct MemoryOutputs {
    world: Shared,
    /// By (stream, partition).
    next: BTreeMap<(usize, u32), usize>,
}

impl MemoryOutputs {
    /// Of this world.
    pub fn of(world: &Shared) -> MemoryOutputs {
        MemoryOutputs { world: world.clone(), next: BTreeMap::new() }
    }
}

impl Outputs for MemoryOutputs {
    fn next(&mut self, stream: Stream, partition: u32) -> Result<Option<Found>, Error> {
        let next = self.next.entry((stream as usize, partition)).or_default();
        let world = self.world.0.borrow();
        let found = world.output[stream as usize][partition as usize].get(*next).cloned();
        *next += 1;
        Ok(found.map(|(key, timestamp, value)| Found { key, timestamp, value }))
    }
}

/// The world's clock.
#[derive(Debug)]
pub struct MemoryClock(pub Shared);

impl Clock for MemoryClock {
    fn now(&mut self) -> Millis {
        self.0.0.borrow().now
    }
}
