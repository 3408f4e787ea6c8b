//! What is outside of all processes: input that arrives, time that goes on, broker and network, and which faults this
//! seed has. Each seed goes without some kinds of faults altogether, so that the others are met in purer form.

use std::collections::{BTreeMap, VecDeque};

use super::broker::{Broker, Stored};
use super::network::Network;
use super::support::random_log::random_log;
use crate::runtime::memory::Seed;
use crate::types::{Millis, Stream};

/// What goes wrong.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Fault {
    /// A process dies at a call of a door.
    Dies,
    /// A process stands still at a call, and others take over.
    Pauses,
    /// A connection breaks, and the client tries again.
    Disturbs,
    /// A record is given up by its producer.
    LosesRecord,
    /// A commit request is lost or late.
    LosesCommit,
    /// A commit is carried out and the answer lost.
    LosesAnswer,
    /// A commit request is sent twice, and the first comes later.
    RepeatsCommit,
    /// A producer is not initialised, or is and nobody hears of it.
    InitFails,
    /// A read or a look at the topics fails.
    ReadFails,
    /// The clock jumps or stands.
    ClockJumps,
    /// An input partition more.
    AddsPartition,
    /// Nothing that is sent arrives for a while.
    Sticks,
    /// The coordinator aborts a transaction.
    TimesOut,
    /// A process starts though another one leads.
    TakesOver,
    /// A process starts with another configuration, and must be refused.
    StartsWrongly,
    /// An input comes again.
    RepeatsInput,
    /// Two inputs change places.
    SwapsInput,
    /// The machine of a process stops with it: what was not made safe is there in part, or not.
    LosesPower,
    /// A bit of a snapshot is another, or its end is not there.
    SpoilsSnapshot,
    /// Files have no more room for a while.
    FillsDisk,
    /// A record is skipped.
    Skips,
}

impl Fault {
    /// All, each with how often it strikes as a rule: once in so many chances.
    pub const ALL: [(Fault, u64); 21] = [
        (Fault::Dies, 2),
        (Fault::Pauses, 200),
        (Fault::Disturbs, 40),
        (Fault::LosesRecord, 80),
        (Fault::LosesCommit, 10),
        (Fault::LosesAnswer, 8),
        (Fault::RepeatsCommit, 6),
        (Fault::InitFails, 30),
        (Fault::ReadFails, 400),
        (Fault::ClockJumps, 150),
        (Fault::AddsPartition, 60),
        (Fault::Sticks, 40),
        (Fault::TimesOut, 60),
        (Fault::TakesOver, 30),
        (Fault::StartsWrongly, 10),
        (Fault::RepeatsInput, 8),
        (Fault::SwapsInput, 8),
        (Fault::LosesPower, 3),
        (Fault::SpoilsSnapshot, 4),
        (Fault::FillsDisk, 4),
        (Fault::Skips, 60),
    ];
}

/// How often what goes wrong, and how often it did.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// Once in so many chances; absent: never.
    chances: BTreeMap<Fault, u64>,
    /// How often.
    pub struck: BTreeMap<Fault, u64>,
}

impl Faults {
    /// Those of a seed.
    fn of(dice: &mut Seed) -> Faults {
        let mut faults = Faults::default();
        for (fault, usual) in Fault::ALL {
            let chance = match dice.below(7) {
                0..2 => continue,
                2 => usual * 4,
                3 => usual / 2 + 1,
                4 => usual / 6 + 2,
                _ => usual,
            };
            faults.chances.insert(fault, chance);
        }
        faults
    }

    /// Whether it happens now.
    pub fn strikes(&mut self, fault: Fault, dice: &mut Seed) -> bool {
        let Some(chance) = self.chances.get(&fault) else { return false };
        let strikes = dice.below(*chance) == 0;
        *self.struck.entry(fault).or_default() += u64::from(strikes);
        strikes
    }

    /// Nothing goes wrong any more.
    fn end(&mut self) {
        self.chances.clear();
    }
}

/// An input record, and when it arrived, counted in calls.
#[derive(Clone, Debug)]
pub struct Arrived {
    /// Of its partition.
    pub offset: u64,
    /// Of the record.
    pub timestamp: Millis,
    /// The event.
    pub value: Vec<u8>,
    /// Calls of doors before it arrived.
    pub born: u64,
}

/// Everything outside.
#[derive(Debug)]
pub struct World {
    /// Chances.
    pub dice: Seed,
    /// What goes wrong.
    pub faults: Faults,
    /// What is stored.
    pub broker: Broker,
    /// What is on its way.
    pub network: Network,
    /// By input partition; the first is the control topic.
    pub inputs: Vec<Vec<Arrived>>,
    /// Partitions of each output topic.
    pub outputs: [u32; 6],
    /// The right time.
    pub now: Millis,
    /// Calls of doors so far: the order of all that happens.
    pub calls: u64,
    /// Most calls, beyond which the run goes round in circles.
    pub calls_max: u64,
    /// Calls before each process, by its writer id.
    pub begun: BTreeMap<String, u64>,
    /// How often processes may yet stand still: each time others run meanwhile.
    pub pauses_left: u32,
    script: VecDeque<(Millis, Vec<u8>)>,
    past: Vec<(Millis, Vec<u8>)>,
}

/// Calls of doors in a run with faults; some thousand are usual.
const CALLS_MAX: u64 = 300_000;
/// Times that processes stand still.
const PAUSES_MAX: u32 = 12;
/// Input partitions at most, the control topic included.
const INPUTS_MAX: usize = 5;

/// In what belongs to the control topic.
const RULES_CHANGED: &[u8] = b"\"trunkline.rules.changed\"";

impl World {
    /// The world of a seed, and the rules that it lives under.
    pub fn new(seed: u64) -> (World, String) {
        let mut dice = Seed(seed ^ 0x7472_756e_6b6c_696e);
        let (rules, lines, _) = random_log(seed);
        let mut now = Millis(1_772_441_940_000);
        let mut script: VecDeque<(Millis, Vec<u8>)> = VecDeque::new();
        for line in lines {
            now = time_of(&line).unwrap_or(now);
            script.push_back((now, line.into_bytes()));
        }
        let outputs = std::array::from_fn(|_| 1 + dice.below(3) as u32);
        let faults = Faults::of(&mut dice);
        let world = World {
            inputs: vec![Vec::new(); 2 + dice.below(3) as usize],
            now: script.front().map_or(now, |(time, _)| *time),
            faults,
            broker: Broker::default(),
            network: Network::default(),
            outputs,
            calls: 0,
            calls_max: CALLS_MAX,
            begun: BTreeMap::new(),
            pauses_left: PAUSES_MAX,
            script,
            past: Vec::new(),
            dice,
        };
        (world, rules)
    }

    /// Whether this goes wrong now.
    pub fn strikes(&mut self, fault: Fault) -> bool {
        self.faults.strikes(fault, &mut self.dice)
    }

    /// The broker's partition of an output partition; 0 is the epoch log.
    pub fn place(&self, stream: Stream, partition: u32) -> usize {
        let before = self.outputs[..stream as usize].iter().sum::<u32>();
        1 + (before + partition) as usize
    }

    /// Input that has not arrived yet.
    pub fn is_over(&self) -> bool {
        self.script.is_empty()
    }

    /// Time goes on, input arrives, requests arrive, things go wrong.
    pub fn go_on(&mut self) {
        self.now.0 += self.dice.below(20) as i64;
        for _ in 0..self.dice.below(6) {
            self.arrive();
        }
        self.network.go_on(&mut self.broker, &mut self.dice, &mut self.faults);
        if self.strikes(Fault::AddsPartition) && self.inputs.len() < INPUTS_MAX {
            self.inputs.push(Vec::new());
        }
        if self.strikes(Fault::Sticks) {
            self.network.stuck = self.dice.below(200) as u32;
        }
        if self.strikes(Fault::TimesOut) {
            let id = self.dice.below(2) as usize;
            self.broker.time_out(id);
        }
    }

    /// One record arrives, if one is left.
    pub fn arrive(&mut self) {
        if self.strikes(Fault::SwapsInput) && self.script.len() > 1 {
            let other = 1 + self.dice.below(self.script.len().min(4) as u64 - 1) as usize;
            self.script.swap(0, other);
        }
        let again = !self.past.is_empty() && self.strikes(Fault::RepeatsInput);
        let (time, value) = if again {
            let newest = self.past.len() as u64;
            self.past[(newest - 1 - self.dice.below(newest.min(30))) as usize].clone()
        } else {
            let Some(next) = self.script.pop_front() else { return };
            self.past.push(next.clone());
            next
        };
        self.now = self.now.max(time);
        let late = if self.dice.below(4) == 0 { self.dice.below(3_000) as i64 } else { 0 };
        let timestamp = Millis(if again { self.now.0 } else { time.0 } - late);
        // Now and then somebody takes the wrong topic.
        let asks = value.windows(RULES_CHANGED.len()).any(|part| part == RULES_CHANGED);
        let partition = match asks != (self.dice.below(20) == 0) {
            true => 0,
            false => 1 + self.dice.below(self.inputs.len() as u64 - 1) as usize,
        };
        // Ends of transactions take offsets in inputs, too.
        let gap = if self.dice.below(5) == 0 { 1 + self.dice.below(3) } else { 0 };
        let offset = self.inputs[partition].last().map_or(0, |last| last.offset + 1) + gap;
        self.inputs[partition].push(Arrived { offset, timestamp, value, born: self.calls });
    }

    /// Nothing goes wrong any more, and all that is under way has come to an end.
    pub fn settle(&mut self) {
        self.faults.end();
        self.network.stuck = 0;
        self.network.settle(&mut self.broker, &mut self.dice);
        self.broker.settle();
        while !self.is_over() {
            self.arrive();
        }
    }

    /// Committed epoch records.
    pub fn epochs(&self) -> Vec<Vec<u8>> {
        self.broker.committed(0).into_iter().map(|record| record.value).collect()
    }

    /// Committed records of every output partition.
    pub fn output(&self) -> BTreeMap<(Stream, u32), Vec<Stored>> {
        let places = Stream::ALL.iter().flat_map(|stream| {
            (0..self.outputs[*stream as usize]).map(move |partition| (*stream, partition))
        });
        places.map(|place| (place, self.broker.committed(self.place(place.0, place.1)))).collect()
    }
}

fn time_of(line: &str) -> Option<Millis> {
    let event: serde_json::Value = serde_json::from_str(line).ok()?;
    let time: jiff::Timestamp = event.get("time")?.as_str()?.parse().ok()?;
    Some(Millis(time.as_millisecond()))
}
