//! The recorded epochs once more: same entries, same `now`, same ticks, and the comparison of what comes out with what
//! was recorded. The restart of a leader uses it with output muted; `reference`, `replay` and `verify` use it to see
//! every epoch's output.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::runtime::core::{Core, Outcome};
use crate::runtime::doors::{Engine, Error, Source, Store};
use crate::runtime::inbox::Selection;
use crate::runtime::journal::{Asked, EpochRecord, Sent};
use crate::runtime::outgoing::Outgoing;
use crate::types::{Millis, Output};

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

/// Walks through all recorded epochs; `each` sees an epoch's record, the engine's output and the names of its divisions. With
/// `compare`, rules, counts and hashes must be those recorded (the model sets it to false: its output is compared elsewhere).
///
/// # Errors
/// If a door fails, the chain is broken, recorded input is gone, or an epoch comes out otherwise than recorded.
pub fn replay<E: Engine>(
    core: &mut Core<E>,
    source: &mut impl Source,
    store: &mut impl Store,
    compare: bool,
    stop: &AtomicBool,
    each: impl FnMut(&EpochRecord, &[Output], &[String]),
) -> Result<Recovered, Error> {
    let mut found = Recovered::default();
    replay_on(core, source, store, compare, stop, &mut found, each)?;
    Ok(found)
}

/// The same from where an earlier walk over the same doors ended; `found` is that walk's.
///
/// # Errors
/// As `replay`.
pub fn replay_on<E: Engine>(
    core: &mut Core<E>,
    source: &mut impl Source,
    store: &mut impl Store,
    compare: bool,
    stop: &AtomicBool,
    found: &mut Recovered,
    mut each: impl FnMut(&EpochRecord, &[Output], &[String]),
) -> Result<(), Error> {
    let mut walk = Walk { core, compare, found, records: VecDeque::new() };
    let mut selection = Selection::default();
    while let Some(bytes) = store.read()? {
        let record = walk.core.chain.follow(&bytes)?;
        if let Some(claim) = &record.claim {
            walk.finish_all(&mut each)?;
            walk.core.adopt(claim, source)?;
        }
        walk.core.skip(&record.skip)?;
        if !await_input(walk.core, source, &record, &mut selection, stop)? {
            walk.finish_all(&mut each)?;
            walk.found.stopped = true;
            return Ok(());
        }
        if walk.core.outputs().is_none() {
            return Err(Error::Log("it does not begin with a claim".into()));
        }
        let now = Millis(record.now + i64::from(planted!(WrongNowInReplay)) * 60_000);
        walk.core.begin(&selection, record.tick.map(Millis), now)?;
        walk.records.push_back(record);
        while walk.core.under_way() > EPOCHS_BEGUN || walk.core.is_through()? {
            walk.finish(&mut each)?;
        }
    }
    walk.finish_all(&mut each)
}

/// Epochs begun and not finished while the log is read on.
const EPOCHS_BEGUN: usize = 3;

/// A walk under way.
struct Walk<'a, E> {
    core: &'a mut Core<E>,
    compare: bool,
    found: &'a mut Recovered,
    /// Of the epochs begun, oldest first.
    records: VecDeque<EpochRecord>,
}

impl<E: Engine> Walk<'_, E> {
    fn finish_all(&mut self, each: &mut impl FnMut(&EpochRecord, &[Output], &[String])) -> Result<(), Error> {
        while !self.records.is_empty() {
            self.finish(each)?;
        }
        Ok(())
    }

    /// Finishes the oldest epoch begun and compares it with its record.
    fn finish(&mut self, each: &mut impl FnMut(&EpochRecord, &[Output], &[String])) -> Result<(), Error> {
        let record = self.records.pop_front().expect("an epoch is begun");
        let outcome = self.core.finish()?.expect("an epoch is begun");
        if self.compare {
            check(&record, &outcome)?;
        }
        each(&record, self.core.output(), self.core.divisions());
        let found = &mut *self.found;
        found.epochs += 1;
        found.records += outcome.arrivals.records;
        found.now = Some(Millis(record.now));
        // One that skips has no output, and was written by nobody who sends any.
        if record.skip.is_empty() {
            found.unsent.push_back((record.epoch, outcome.outgoing));
        }
        let kept = (self.core.in_flight as usize).saturating_sub(usize::from(planted!(OneTooFewSentAgain)));
        while found.unsent.len() > kept {
            found.unsent.pop_front();
        }
        Ok(())
    }
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
            // The writer has seen input that this reader, at the end as of a moment ago, is about to be told of.
            Err((slot, offset)) if core.inbox.next(slot) <= offset && source.ends()?[slot] > offset => {
                source.poll(WAIT, &mut core.inbox)?;
            }
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

fn check(record: &EpochRecord, outcome: &Outcome) -> Result<(), Error> {
    let differs = |what: String| Err(Error::Differs { epoch: record.epoch, what });
    if let Some((old, new)) =
        record.moved.iter().zip(&outcome.moved).find(|(old, new)| old != new && !planted!(InputNotCompared))
    {
        return differs(format!(
            "input slot {} up to offset {}: hash {:032x} recorded, {:032x} found",
            old.slot, old.end, old.hash.0, new.hash.0
        ));
    }
    if record.rules.0 != outcome.rules && !planted!(RulesNotChecked) {
        return differs(format!("rules {:032x} recorded, {:032x} in force", record.rules.0, outcome.rules));
    }
    let answers = |asked: &[Asked]| asked.iter().map(|a| (a.at.clone(), a.answer)).collect::<Vec<_>>();
    if answers(&record.asked) != answers(&outcome.asked) {
        return differs(format!("changes of rules recorded {:?}, found {:?}", record.asked, outcome.asked));
    }
    if record.sent != outcome.sent && !planted!(OutputNotCompared) {
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
