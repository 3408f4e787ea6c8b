//! What must be there, told from the epoch log and the input by other code than the runtime's: the records are parsed as
//! plain JSON, the entries of an epoch put in order by sorting, carried out by the sequential model, and its output laid
//! out by partition. Only the model and the hash of keys are shared with anybody.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use serde_json::Value;
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

use super::broker::Stored;
use super::run::{Failure, Sim, failure};
use super::support::engines::compiled;
use crate::model::Model;
use crate::model::output::{Body, encode};
use crate::rules::keys::HashKey;
use crate::types::record::{ALL_TYPES, Record};
use crate::types::{EventType, Millis, Stream};

/// What was compared.
#[derive(Debug, Default)]
pub struct Compared {
    /// Epochs of the log.
    pub epochs: u64,
    /// Inputs that they took.
    pub records: u64,
    /// Outputs that must be there.
    pub outputs: u64,
    /// Outputs that are there again.
    pub copies: u64,
    /// Changes of rules.
    pub changes: u64,
    /// Records that were skipped.
    pub skipped: u64,
    /// Whether a process delivered at least once.
    pub repeats: bool,
}

#[derive(Debug)]
struct Slot {
    partition: usize,
    end: u64,
    newest: Millis,
    control: bool,
}

struct Walk<'a> {
    sim: &'a Rc<Sim>,
    model: Model,
    numbers: BTreeMap<String, u64>,
    /// Slot and offset.
    skips: BTreeSet<(usize, u64)>,
    slots: Vec<Slot>,
    outputs: Vec<u32>,
    now: i64,
    expected: BTreeMap<(Stream, u32), Vec<Stored>>,
    compared: Compared,
}

/// Compares what is there with what must be; `complete`: all input is taken, and all output there.
pub fn check(sim: &Rc<Sim>, complete: bool) -> Result<Compared, Failure> {
    let mut walk = Walk {
        sim,
        // Those of the first claim take their place.
        model: Model::new((*sim.rules).clone(), &HashKey::PUBLIC, "t"),
        numbers: BTreeMap::new(),
        skips: BTreeSet::new(),
        slots: Vec::new(),
        outputs: Vec::new(),
        now: i64::MIN,
        expected: BTreeMap::new(),
        compared: Compared::default(),
    };
    let epochs = sim.world.borrow().epochs();
    let mut previous = 0;
    for (number, bytes) in epochs.iter().enumerate() {
        let Ok(record) = serde_json::from_slice::<Value>(bytes) else {
            return failure("chain", format!("epoch {number} is not JSON"));
        };
        if record["epoch"] != number || record["previous"] != format!("{previous:032x}") {
            return failure("chain", format!("in the place of epoch {number} stands {record}"));
        }
        previous = xxh3_128(bytes);
        walk.epoch(&record)?;
    }
    if complete {
        walk.all_is_taken()?;
    }
    walk.compare(complete)?;
    walk.compared.epochs = epochs.len() as u64;
    Ok(walk.compared)
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or(u64::MAX)
}

impl Walk<'_> {
    fn epoch(&mut self, record: &Value) -> Result<(), Failure> {
        let writer = record["writer"].as_str().unwrap_or_default();
        if self.sim.wrong.borrow().contains(writer) {
            return failure("refusal", format!("a process that had to be refused wrote {record}"));
        }
        let now = record["now"].as_i64().unwrap_or(i64::MIN);
        if now < self.now {
            return failure("now", format!("it goes back from {} in {record}", self.now));
        }
        self.now = now;
        if let Some(claim) = record.get("claim") {
            self.claim(claim);
        }
        for skip in record["skip"].as_array().into_iter().flatten() {
            self.skips.insert((number(&skip["slot"]) as usize, number(&skip["offset"])));
        }
        let rules = |model: &Model| format!("{:032x}", model.rules().0.hash);
        let before = rules(&self.model);
        let mut outputs = Outputs::default();
        let clock = self.entries(record, now, &mut outputs)?;
        if let Some(tick) = record["tick"].as_i64() {
            if tick != clock.0 && tick != now.max(clock.0) {
                return failure("tick", format!("neither {} nor `now`: {record}", clock.0));
            }
            if tick > clock.0 {
                self.backlog_is_taken(writer, record)?;
            }
            self.model.advance(Some(Millis(tick)), Some(Millis(now)));
            self.collect(&mut outputs);
        }
        let after = rules(&self.model);
        if record["rules"] != after {
            return failure("rules", format!("{after} are in force behind {record}"));
        }
        self.compared.changes += u64::from(before != after);
        self.lay_out(outputs, record)
    }

    fn claim(&mut self, claim: &Value) {
        if let Some(text) = claim["rules_text"].as_str() {
            self.model = Model::new(compiled(text), &HashKey::PUBLIC, "t");
        }
        self.compared.repeats |= claim["epochs_in_flight"] != 0;
        let outputs = claim["outputs"].as_array().into_iter().flatten();
        self.outputs = outputs.map(|n| number(n) as u32).collect();
        let inputs = claim["inputs"].as_array().into_iter().flatten().skip(self.slots.len());
        let slots = inputs.map(|input| Slot {
            partition: number(&input["partition"]) as usize,
            end: number(&input["first"]),
            newest: Millis::MIN,
            control: input.get("types").is_some(),
        });
        self.slots.extend(slots);
    }

    /// Carries an epoch's records out: by their time, never back within a partition, by slot, by offset. Gives the clock.
    fn entries(&mut self, record: &Value, now: i64, outputs: &mut Outputs) -> Result<Millis, Failure> {
        let mut entries = Vec::new();
        let world = self.sim.world.borrow();
        for moved in record["moved"].as_array().into_iter().flatten() {
            let (at, end) = (number(&moved["slot"]) as usize, number(&moved["end"]));
            let Some(slot) = self.slots.get_mut(at) else {
                return failure("input", format!("a slot that no claim names: {record}"));
            };
            let taken = world.inputs[slot.partition].iter();
            let taken: Vec<_> = taken.filter(|input| (slot.end..end).contains(&input.offset)).collect();
            if taken.last().is_none_or(|last| last.offset + 1 != end) {
                return failure("input", format!("slot {at} from {} on: {record}", slot.end));
            }
            slot.end = end;
            for input in taken {
                slot.newest = slot.newest.max(input.timestamp);
                entries.push((slot.newest, at, input.offset, input, slot.control));
            }
        }
        entries.sort_by_key(|(time, slot, offset, ..)| (*time, *slot, *offset));
        self.compared.records += entries.len() as u64;
        let rules = 1 << EventType::RulesChanged as u32;
        for (_, slot, offset, input, control) in entries {
            let record = Record {
                partition: slot as u32,
                offset,
                timestamp: Some(input.timestamp),
                allowed: if control { rules } else { ALL_TYPES & !rules },
                value: &input.value,
                binary: None,
            };
            if self.skips.contains(&(slot, offset)) {
                self.compared.skipped += 1;
                continue;
            }
            self.model.apply_record(&record, Some(Millis(now)));
            collect(&mut self.numbers, &self.model, outputs);
        }
        Ok(self.model.clock())
    }

    fn collect(&mut self, outputs: &mut Outputs) {
        collect(&mut self.numbers, &self.model, outputs);
    }

    /// The clock ran ahead of the input: then nothing may be left of what waited when the process began.
    fn backlog_is_taken(&self, writer: &str, record: &Value) -> Result<(), Failure> {
        let world = self.sim.world.borrow();
        let Some(begun) = world.begun.get(writer) else {
            return failure("chain", format!("of nobody: {record}"));
        };
        for (partition, inputs) in world.inputs.iter().enumerate() {
            let end = self.slots.iter().find(|slot| slot.partition == partition).map_or(0, |slot| slot.end);
            let left = inputs.iter().find(|input| input.offset >= end && input.born < *begun);
            if let Some(left) = left {
                return failure(
                    "backlog",
                    format!("{partition}@{} waits, and the clock is beyond: {record}", left.offset),
                );
            }
        }
        Ok(())
    }

    /// By partition: rejects, then identities, then divisions by name.
    fn lay_out(&mut self, outputs: Outputs, record: &Value) -> Result<(), Failure> {
        let Outputs { rejected, identity, divisions } = outputs;
        let all = rejected.into_iter().chain(identity).chain(divisions.into_values().flatten());
        let mut counts = BTreeMap::<(&str, u32), u64>::new();
        for (stream, stored) in all {
            let Some(partitions) = self.outputs.get(stream as usize) else {
                return failure("chain", "no claim comes first");
            };
            let partition = (xxh3_64(&stored.key) % u64::from(*partitions)) as u32;
            *counts.entry((stream.word(), partition)).or_default() += 1;
            self.compared.outputs += 1;
            self.expected.entry((stream, partition)).or_default().push(stored);
        }
        let recorded = record["sent"].as_array().into_iter().flatten().map(|sent| {
            let stream = sent["stream"].as_str().unwrap_or_default();
            ((stream, number(&sent["partition"]) as u32), number(&sent["count"]))
        });
        let recorded: BTreeMap<_, _> = recorded.collect();
        if recorded != counts {
            return failure("counts", format!("{recorded:?} recorded, {counts:?} expected: {record}"));
        }
        Ok(())
    }

    fn all_is_taken(&self) -> Result<(), Failure> {
        let world = self.sim.world.borrow();
        for (partition, inputs) in world.inputs.iter().enumerate() {
            let slot = self.slots.iter().find(|slot| slot.partition == partition);
            let end = inputs.last().map_or(0, |last| last.offset + 1);
            if slot.is_none_or(|slot| slot.end < end) {
                return failure("liveness", format!("partition {partition} is read to {slot:?}, not {end}"));
            }
        }
        let all: u64 = world.inputs.iter().map(|inputs| inputs.len() as u64).sum();
        if self.compared.records != all {
            return failure("input", format!("{} of {all} records taken", self.compared.records));
        }
        Ok(())
    }

    fn compare(&mut self, complete: bool) -> Result<(), Failure> {
        let found = self.sim.world.borrow().output();
        for (place, found) in found {
            let expected = self.expected.remove(&place).unwrap_or_default();
            let mut seen = BTreeSet::new();
            let firsts: Vec<Stored> = if self.compared.repeats {
                found.iter().filter(|record| seen.insert(*record)).cloned().collect()
            } else {
                found.clone()
            };
            self.compared.copies += (found.len() - firsts.len()) as u64;
            let late = self.compared.repeats && !complete;
            let same = firsts.iter().zip(&expected).all(|(found, expected)| found == expected);
            let all = firsts.len() == expected.len() || late && firsts.len() < expected.len();
            if !same || !all {
                let differs = firsts.iter().zip(&expected).position(|(found, expected)| found != expected);
                let at = differs.unwrap_or(firsts.len().min(expected.len()));
                let text = |records: &[Stored]| {
                    records.get(at).map(|record| String::from_utf8_lossy(&record.value).into_owned())
                };
                return failure(
                    "output",
                    format!(
                        "{place:?}@{at} of {} found, {} expected: {:?} instead of {:?}",
                        firsts.len(),
                        expected.len(),
                        text(&firsts),
                        text(&expected)
                    ),
                );
            }
        }
        if let Some(place) = self.expected.keys().next() {
            return failure("output", format!("nothing in {place:?}"));
        }
        Ok(())
    }
}

/// An epoch's output.
#[derive(Default)]
struct Outputs {
    rejected: Vec<(Stream, Stored)>,
    identity: Vec<(Stream, Stored)>,
    divisions: BTreeMap<String, Vec<(Stream, Stored)>>,
}

/// What the model put out last, each with its key.
fn collect(numbers: &mut BTreeMap<String, u64>, model: &Model, into: &mut Outputs) {
    for output in model.latest() {
        let stream = output.stream();
        let name = output.division().unwrap_or("").to_owned();
        let number = numbers.entry(name.clone()).or_default();
        let rejected = matches!(output.body, Body::Rejected(_));
        *number += u64::from(!rejected);
        let value = encode("t", *number, output).into_bytes();
        let key = match &output.body {
            Body::Rejected(rejected) => rejected.position.to_string(),
            _ if !name.is_empty() => name.clone(),
            _ => output.subject().unwrap_or_else(|| output.cause.to_string()),
        };
        let stored = Stored { key: key.into_bytes(), timestamp: Millis(output.time.0.max(1)), value };
        let list = match rejected {
            true => &mut into.rejected,
            false if name.is_empty() => &mut into.identity,
            false => into.divisions.entry(name).or_default(),
        };
        list.push((stream, stored));
    }
}
