//! The recorded epochs once more: same entries, same `now`, same ticks, and the comparison of what comes out with what
//! was recorded. The restart of a leader uses it with output muted; `reference`, `replay` and `verify` use it to see
//! every epoch's output.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::runtime::core::{Core, Epoch, Outcome};
use crate::runtime::doors::{Engine, Error, Source, Store};
use crate::runtime::inbox::Selection;
use crate::runtime::journal::{EpochRecord, Sent};
use crate::runtime::outgoing::Outgoing;
use crate::types::Millis;

/// How long a read waits before the stop flag is looked at again.
const WAIT: Duration = Duration::from_millis(100);

/// What a walk through the recorded epochs found.
#[derive(Debug, Default)]
pub struct Recovered {
    /// Recorded epochs.
    pub epochs: u64,
    /// Records of the input that they took.
    pub records: u64,
    /// Output of the last of them, oldest first: as many as their writer may have left unsent.
    pub unsent: VecDeque<(u64, Outgoing)>,
    /// `now` of the last one.
    pub now: Option<Millis>,
    /// Whether the stop flag ended the walk before its end.
    pub stopped: bool,
}

/// Walks through all recorded epochs; `each` sees an epoch's record and the engine's output. With `compare`, counts
/// rules, counts and hashes must be those recorded (the model sets it to false: its output is compared elsewhere).
///
/// # Errors
/// If a door fails, the chain is broken, recorded input is gone, or an epoch comes out otherwise than recorded.
pub fn replay<E: Engine>(
    core: &mut Core<E>,
    source: &mut impl Source,
    store: &mut impl Store,
    compare: bool,
    stop: &AtomicBool,
    mut each: impl FnMut(&EpochRecord, &Epoch),
) -> Result<Recovered, Error> {
    let mut found = Recovered::default();
    let mut in_flight = 1;
    let mut selection = Selection::default();
    while let Some(bytes) = store.read()? {
        let record = core.chain.follow(&bytes)?;
        if compare {
            core.check_rules(&record)?;
        }
        if let Some(claim) = &record.claim {
            core.adopt(claim, source)?;
            in_flight = claim.epochs_in_flight as usize;
        }
        if !await_input(core, source, &record, &mut selection, stop)? {
            found.stopped = true;
            return Ok(found);
        }
        let outcome = carry_out(core, &record, &selection)?;
        if compare {
            check(&record, &outcome)?;
        }
        each(&record, core.output());
        found.epochs += 1;
        found.records += selection.len() as u64;
        found.now = Some(Millis(record.now));
        found.unsent.push_back((record.epoch, outcome.outgoing));
        while found.unsent.len() > in_flight {
            found.unsent.pop_front();
        }
    }
    Ok(found)
}

/// Reads until everything is there that the epoch took; false: stopped.
fn await_input<E: Engine>(
    core: &mut Core<E>,
    source: &mut impl Source,
    record: &EpochRecord,
    selection: &mut Selection,
    stop: &AtomicBool,
) -> Result<bool, Error> {
    let slots = core.inbox.slots();
    if let Some(moved) = record.moved.iter().find(|moved| moved.slot as usize >= slots) {
        return Err(Error::Log(format!(
            "epoch {} moves slot {}, which no claim names",
            record.epoch, moved.slot
        )));
    }
    let ends: Vec<_> = record.moved.iter().map(|moved| (moved.slot as usize, moved.end)).collect();
    core.inbox.want(&ends);
    loop {
        match core.inbox.select_recorded(&ends, selection) {
            Ok(true) => return Ok(true),
            Ok(false) => source.poll(WAIT, &mut core.inbox)?,
            Err((slot, offset)) => {
                let Some(input) = core.inputs().get(slot) else { unreachable!("ends name known slots") };
                return Err(Error::Log(format!(
                    "epoch {} took {}[{}]@{offset}, which the topic does not hold (any more): was it deleted, made \
                     anew, or cut by its retention? Without its input the state cannot be rebuilt",
                    record.epoch, input.topic, input.partition
                )));
            }
        }
        if stop.load(Ordering::Relaxed) {
            return Ok(false);
        }
    }
}

fn carry_out<E: Engine>(
    core: &mut Core<E>,
    record: &EpochRecord,
    selection: &Selection,
) -> Result<Outcome, Error> {
    if core.outputs().is_none() {
        return Err(Error::Log("it does not begin with a claim".into()));
    }
    core.apply(selection, Millis(record.now))?;
    Ok(core.finish(selection, record.tick.map(Millis), Millis(record.now)))
}

fn check(record: &EpochRecord, outcome: &Outcome) -> Result<(), Error> {
    let differs = |what: String| Err(Error::Differs { epoch: record.epoch, what });
    if let Some((old, new)) = record.moved.iter().zip(&outcome.moved).find(|(old, new)| old != new) {
        return differs(format!(
            "input slot {} up to offset {}: hash {:032x} recorded, {:032x} found",
            old.slot, old.end, old.hash.0, new.hash.0
        ));
    }
    if record.sent != outcome.sent {
        let only =
            |a: &[Sent], b: &[Sent]| a.iter().filter(|x| !b.contains(x)).take(3).cloned().collect::<Vec<_>>();
        return differs(format!(
            "output recorded {:?}, found {:?}",
            only(&record.sent, &outcome.sent),
            only(&outcome.sent, &record.sent)
        ));
    }
    if record.moved.len() != outcome.moved.len() {
        return differs("other slots moved".into());
    }
    Ok(())
}
