//! `trunkline skip`: an epoch that says which records of the input are taken without effect, because they make the engine
//! panic. It is written in place of a leader, with no engine at all: the chain and the claims say all that is needed.

use std::time::Duration;

use crate::runtime::doors::{Clock, Commit, Error, Store};
use crate::runtime::journal::{Chain, EpochRecord, Hash, Input, Skip};
use crate::runtime::{FORMAT, SEMANTICS};

/// Wait for the record to be safe, between two questions.
const WAIT: Duration = Duration::from_millis(10);
/// So many questions; a writer that is in doubt for longer gives up by itself.
const LOOKS: u32 = 6_000;

/// What the epoch log says so far.
#[derive(Debug, Default)]
struct Known {
    chain: Chain,
    inputs: Vec<Input>,
    /// Offset after the last record taken, by slot; 0: none.
    taken: Vec<u64>,
    skips: Vec<Skip>,
    last: Option<EpochRecord>,
}

impl Known {
    fn read(&mut self, store: &mut impl Store) -> Result<(), Error> {
        while let Some(bytes) = store.read()? {
            if self.last.is_none() {
                // Retention may have cut what comes before.
                let first = EpochRecord::decode(&bytes)?;
                self.chain = Chain { next: first.epoch, hash: first.previous.0 };
            }
            let record = self.chain.follow(&bytes)?;
            if let Some(claim) = &record.claim {
                self.inputs.clone_from(&claim.inputs);
                self.taken.resize(self.inputs.len(), 0);
            }
            for moved in &record.moved {
                let slot = moved.slot as usize;
                self.taken.resize(self.taken.len().max(slot + 1), 0);
                self.taken[slot] = moved.end;
            }
            self.skips.extend(record.skip.iter().copied());
            self.last = Some(record);
        }
        Ok(())
    }
}

/// Writes an epoch that skips the record at `place` (`topic[partition]@offset`); its number. `None`: it is skipped already.
/// Only whoever holds the lease may call it.
///
/// # Errors
/// If the log names no such input, or has taken the record; or a door fails.
pub fn skip(
    store: &mut impl Store,
    clock: &mut impl Clock,
    writer: &str,
    place: &str,
) -> Result<Option<u64>, Error> {
    let mut known = Known::default();
    known.read(store)?;
    store.lead()?;
    known.read(store)?;
    let Known { mut chain, inputs, taken, skips, last } = known;
    let Some(last) = last else { return Err(Error::Log("it is empty: nothing was ever taken".into())) };
    let found = inputs.iter().enumerate().find_map(|(slot, input)| Some((slot, input.offset(place)?)));
    let Some((slot, offset)) = found else {
        let known: Vec<String> = inputs.iter().map(|i| format!("{}[{}]", i.topic, i.partition)).collect();
        return Err(Error::Log(format!(
            "{place:?} is no topic[partition]@offset of its inputs, which are {}",
            known.join(", ")
        )));
    };
    if taken[slot] > offset {
        return Err(Error::Log(format!("{place} comes too late: it was read up to {}", taken[slot])));
    }
    let skip = Skip { slot: slot as u32, offset };
    if skips.contains(&skip) {
        return Ok(None);
    }
    let record = EpochRecord {
        format: FORMAT,
        semantics: SEMANTICS,
        epoch: chain.next,
        writer: writer.to_owned(),
        previous: Hash(chain.hash),
        now: last.now.max(clock.now().0),
        tick: None,
        moved: Vec::new(),
        sent: Vec::new(),
        rules: last.rules,
        asked: Vec::new(),
        skip: vec![skip],
        claim: None,
    };
    let bytes = record.encode();
    chain.append(&bytes);
    store.append(Commit { epoch: record.epoch, record: bytes, output: None })?;
    for _ in 0..LOOKS {
        if store.recorded(WAIT)?.is_some_and(|epoch| epoch >= record.epoch) {
            return Ok(Some(record.epoch));
        }
    }
    Err(Error::Door(
        "the epoch log does not take the record: look whether it is there before you try again".into(),
    ))
}
