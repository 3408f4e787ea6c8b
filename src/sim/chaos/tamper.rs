//! A broker that lost, doubled, changed or moved a record that was safe, or an operator with another key: `verify` must
//! find each of them. What no reader can find is left out: the last epoch record, which no later one is chained to, and
//! copies where outputs may come again.

use std::rc::Rc;

use super::broker::Stored;
use super::run::{Failure, Sim, failure};
use super::world::World;
use crate::rules::keys::HashKey;

/// Changes tried on each run.
const TRIES: u64 = 1;

/// What is changed.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
enum Target {
    Output,
    Log,
    Input,
    Key,
}

/// Changes what is safe, one thing after another, and back; gives how many changes were found.
pub fn all_is_found(sim: &Rc<Sim>, repeats: bool) -> Result<u64, Failure> {
    let mut found = 0;
    for _ in 0..if repeats { 0 } else { TRIES } {
        let (broker, inputs) = {
            let world = sim.world.borrow();
            (world.broker.clone(), world.inputs.clone())
        };
        let (target, what) = {
            let world = &mut *sim.world.borrow_mut();
            let target =
                [Target::Output, Target::Log, Target::Input, Target::Key][world.dice.below(4) as usize];
            let what = match target {
                Target::Output => output(world),
                Target::Log => log(world),
                Target::Input => input(world),
                Target::Key => another_key(world),
            };
            (target, what)
        };
        if let Some(what) = what {
            let key = if target == Target::Key { HashKey([7; 16]) } else { HashKey::PUBLIC };
            match sim.verdict(&key) {
                Ok(verdict) if verdict.is_sound() && verdict.beyond == 0 => {
                    return failure("tampering", format!("nobody finds it: {target:?}, {what}"));
                }
                _ => found += 1,
            }
        }
        let world = &mut *sim.world.borrow_mut();
        (world.broker, world.inputs) = (broker, inputs);
    }
    Ok(found)
}

/// Another key gives other customers; without any there is no difference.
fn another_key(world: &World) -> Option<String> {
    let some = world
        .output()
        .iter()
        .any(|((stream, _), records)| *stream == crate::types::Stream::Conversations && !records.is_empty());
    some.then(|| "another key".to_owned())
}

fn output(world: &mut World) -> Option<String> {
    let output = world.output();
    let filled: Vec<_> = output.iter().filter(|(_, records)| !records.is_empty()).collect();
    let ((stream, partition), records) = filled.get(world.dice.below(filled.len().max(1) as u64) as usize)?;
    let place = world.place(*stream, *partition);
    let mut records = (*records).clone();
    let at = world.dice.below(records.len() as u64) as usize;
    let kind = world.dice.below(6);
    match kind {
        0 => drop(records.remove(at)),
        1 => {
            let behind = at + 1 + world.dice.below((records.len() - at) as u64) as usize;
            records.insert(behind, records[at].clone());
        }
        2 => flip(&mut records[at], world),
        3 => records[at].timestamp.0 += 1,
        4 => records[at].key.push(b'x'),
        _ => {
            if at + 1 >= records.len() {
                return None;
            }
            records.swap(at, at + 1);
        }
    }
    world.broker.replace(place, records);
    Some(format!("kind {kind} at {stream:?}[{partition}]@{at}"))
}

fn flip(record: &mut Stored, world: &mut World) {
    let at = world.dice.below(record.value.len() as u64) as usize;
    record.value[at] ^= 1;
}

fn log(world: &mut World) -> Option<String> {
    let mut records = world.broker.committed(0);
    if records.len() < 3 {
        return None;
    }
    let at = world.dice.below(records.len() as u64 - 1) as usize;
    let kind = world.dice.below(6);
    match kind {
        5 => return other_rules(world, records),
        0 => drop(records.remove(at)),
        1 => records.insert(at + 1, records[at].clone()),
        2 => flip(&mut records[at], world),
        3 => {
            // Well formed, and otherwise than it was.
            let text = String::from_utf8_lossy(&records[at].value).into_owned();
            let value = text.replacen("\"now\":1", "\"now\":2", 1).into_bytes();
            if value == records[at].value {
                return None;
            }
            records[at].value = value;
        }
        _ => records.swap(at, at + 1),
    }
    world.broker.replace(0, records);
    Some(format!("kind {kind} at epoch {at}"))
}

/// The last record, which no hash of another protects, names other rules.
fn other_rules(world: &mut World, mut records: Vec<Stored>) -> Option<String> {
    let last = records.last_mut()?;
    let text = String::from_utf8_lossy(&last.value).into_owned();
    let at = text.find("\"rules\":\"")? + "\"rules\":\"".len();
    last.value[at] = if last.value[at] == b'0' { b'1' } else { b'0' };
    world.broker.replace(0, records);
    Some("rules of the last epoch".into())
}

fn input(world: &mut World) -> Option<String> {
    let partition = world.dice.below(world.inputs.len() as u64) as usize;
    let count = world.inputs[partition].len() as u64;
    if count == 0 {
        return None;
    }
    let (at, kind) = (world.dice.below(count) as usize, world.dice.below(3));
    let records = &mut world.inputs[partition];
    match kind {
        // No event changes by this.
        0 => records[at].value.push(b' '),
        1 => records[at].timestamp.0 += 1,
        _ => drop(records.remove(at)),
    }
    Some(format!("kind {kind} at {partition}@{at}"))
}
