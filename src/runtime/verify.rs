//! Whether the outside holds what the epoch log says: the recorded epochs are carried out again, their counts and hashes
//! compared with the records (`recover`), and every output byte with what an independent reader finds in the output
//! topics.

use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::AtomicBool;

use xxhash_rust::xxh3::Xxh3Default;

use crate::runtime::core::Core;
use crate::runtime::doors::{Engine, Error, Source, Store};
use crate::runtime::journal::EpochRecord;
use crate::runtime::outgoing::{Outlets, OutputRecord};
use crate::runtime::recover::replay;
use crate::types::lines::Output;
use crate::types::{Millis, Stream};

/// Outputs a partition that are remembered, to tell one that comes twice from one that never should have come.
const REMEMBERED: usize = 100_000;

/// An output as a reader finds it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Found {
    /// Division, customer or position.
    pub key: Vec<u8>,
    /// Of the record.
    pub timestamp: Millis,
    /// The CloudEvent.
    pub value: Vec<u8>,
}

/// What is in the output topics: committed records, each partition from its start.
pub trait Outputs {
    /// The next record of a partition; `None`: at its end.
    ///
    /// # Errors
    /// If it cannot be read.
    fn next(&mut self, stream: Stream, partition: u32) -> Result<Option<Found>, Error>;
}

/// What was found.
#[derive(Clone, PartialEq, Eq, Debug, Default, serde::Serialize)]
pub struct Verdict {
    /// Recorded epochs.
    pub epochs: u64,
    /// Input records that they took.
    pub records: u64,
    /// Outputs that belong there.
    pub outputs: u64,
    /// Outputs that are there again, as delivery at least once may leave them.
    pub copies: u64,
    /// Outputs that are there again though no delivery at least once was at work.
    pub doubled: u64,
    /// Outputs that are not there.
    pub lost: u64,
    /// Records that are none of the outputs, or not in their place.
    pub different: u64,
    /// Records behind the last recorded epoch's; a tenant that is led has some.
    pub beyond: u64,
    /// The first that is lost, doubled or different.
    pub first: Option<String>,
}

impl Verdict {
    /// Whether everything is there, once and as it should be.
    pub fn is_sound(&self) -> bool {
        (self.doubled, self.lost, self.different) == (0, 0, 0)
    }
}

/// Walks through the epoch log of `store` and compares.
///
/// # Errors
/// As `replay`; or if an output topic cannot be read.
pub fn verify<E: Engine>(
    core: &mut Core<E>,
    source: &mut impl Source,
    store: &mut impl Store,
    outputs: &mut impl Outputs,
) -> Result<Verdict, Error> {
    let mut check =
        Check { outputs, outlets: None, seen: Vec::new(), repeats: false, verdict: Verdict::default() };
    let mut failed = None;
    let stop = AtomicBool::new(false);
    let found = replay(core, source, store, true, &stop, |record, output, divisions| {
        if failed.is_none() {
            failed = check.epoch(record, output, divisions).err();
            stop.store(failed.is_some(), std::sync::atomic::Ordering::Relaxed);
        }
    })?;
    if let Some(error) = failed {
        return Err(error);
    }
    check.finish()?;
    Ok(Verdict { epochs: found.epochs, records: found.records, ..check.verdict })
}

struct Check<'o, O> {
    outputs: &'o mut O,
    outlets: Option<Outlets>,
    /// By (stream, partition).
    seen: Vec<Vec<Seen>>,
    /// Whether a writer so far has delivered at least once.
    repeats: bool,
    verdict: Verdict,
}

/// What was read of a partition lately.
#[derive(Default)]
struct Seen {
    hashes: BTreeSet<u128>,
    order: VecDeque<u128>,
}

impl Seen {
    fn add(&mut self, hash: u128) {
        self.hashes.insert(hash);
        self.order.push_back(hash);
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.hashes.remove(&oldest);
        }
    }
}

impl<O: Outputs> Check<'_, O> {
    fn epoch(&mut self, record: &EpochRecord, output: &[Output], divisions: &[String]) -> Result<(), Error> {
        if let Some(claim) = &record.claim {
            self.repeats |= claim.epochs_in_flight > 0;
            if self.outlets.is_none() {
                self.outlets = Some(Outlets::new(claim.outputs, divisions.to_vec()));
                let seen = |n: &u32| (0..*n).map(|_| Seen::default()).collect();
                self.seen = claim.outputs.iter().map(seen).collect();
            }
        }
        let outlets = self.outlets.as_mut().expect("an epoch log begins with a claim");
        outlets.widen(divisions.to_vec());
        let (outgoing, _) = outlets.route(output);
        outgoing.records().try_for_each(|expected| self.expect(record.epoch, &expected))
    }

    fn expect(&mut self, epoch: u64, expected: &OutputRecord<'_>) -> Result<(), Error> {
        self.verdict.outputs += 1;
        // Kafka keeps no timestamp of 0 or below.
        let timestamp = Millis(expected.timestamp.0.max(1));
        let hash = hash_of(expected.key, timestamp, expected.value);
        loop {
            let Some(found) = self.outputs.next(expected.stream, expected.partition)? else {
                self.verdict.lost += 1;
                self.note(epoch, expected, "is not there");
                return Ok(());
            };
            let of_found = hash_of(&found.key, found.timestamp, &found.value);
            let seen = &mut self.seen[expected.stream as usize][expected.partition as usize];
            if of_found == hash {
                seen.add(hash);
                return Ok(());
            }
            if !seen.hashes.contains(&of_found) {
                self.verdict.different += 1;
                let instead = String::from_utf8_lossy(&found.value).into_owned();
                self.note(epoch, expected, &format!("is in its place another: {instead}"));
                return Ok(());
            }
            if self.repeats {
                self.verdict.copies += 1;
            } else {
                self.verdict.doubled += 1;
                self.note(epoch, expected, "comes after one that is there twice");
            }
        }
    }

    fn note(&mut self, epoch: u64, expected: &OutputRecord<'_>, what: &str) {
        let line = String::from_utf8_lossy(expected.value);
        let place = format!("{}[{}]", expected.stream.word(), expected.partition);
        self.verdict.first.get_or_insert_with(|| format!("epoch {epoch}, {place}: {line} {what}"));
    }

    /// What stands behind the last epoch: copies, or the output of epochs that are not of this log.
    fn finish(&mut self) -> Result<(), Error> {
        let Some(outlets) = &self.outlets else { return Ok(()) };
        let partitions = outlets.partitions();
        for stream in Stream::ALL {
            for partition in 0..partitions[*stream as usize] {
                while let Some(found) = self.outputs.next(*stream, partition)? {
                    let hash = hash_of(&found.key, found.timestamp, &found.value);
                    let again = self.seen[*stream as usize][partition as usize].hashes.contains(&hash);
                    match (again, self.repeats) {
                        (false, _) => self.verdict.beyond += 1,
                        (true, true) => self.verdict.copies += 1,
                        (true, false) => {
                            self.verdict.doubled += 1;
                            let line = String::from_utf8_lossy(&found.value);
                            let what =
                                format!("{}[{partition}]: {line} is there again at the end", stream.word());
                            self.verdict.first.get_or_insert(what);
                        }
                    }
                }
            }
        }
        Ok(())
    }
}

fn hash_of(key: &[u8], timestamp: Millis, value: &[u8]) -> u128 {
    let mut hash = Xxh3Default::new();
    hash.update(&(key.len() as u64).to_le_bytes());
    hash.update(key);
    hash.update(&timestamp.0.to_le_bytes());
    hash.update(value);
    hash.digest128()
}
