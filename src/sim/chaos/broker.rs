//! What a broker holds: partitions whose records are open, committed or aborted, and two transactional ids, each with
//! the epoch of its newest producer. Readers of committed records see a partition up to its first open record. A
//! transaction that ends is ended partition by partition, and so is seen in one earlier than in another.

use std::collections::{BTreeMap, BTreeSet};

use crate::types::Millis;

/// A record as it is stored.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Stored {
    /// Key.
    pub key: Vec<u8>,
    /// Timestamp.
    pub timestamp: Millis,
    /// Value.
    pub value: Vec<u8>,
}

#[derive(Copy, Clone, PartialEq, Eq, Debug)]
enum State {
    /// Of this transactional id.
    Open(usize),
    Committed,
    Aborted,
}

#[derive(Clone, Debug)]
enum Entry {
    Record(Stored, State),
    /// The end of a transaction takes an offset, too.
    Marker,
}

/// Where a transactional id stands.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
enum Transaction {
    #[default]
    None,
    Ongoing(BTreeSet<usize>),
    /// Its end is decided and written to these partitions yet.
    Ending {
        commit: bool,
        left: BTreeSet<usize>,
    },
}

#[derive(Clone, Debug, Default)]
struct Id {
    epoch: u32,
    transaction: Transaction,
    /// How its last transaction ended.
    last: Option<bool>,
}

/// Why a request is not carried out.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Refused {
    /// A newer producer has been initialised.
    Fenced,
    /// The last transaction is still being ended: the client asks again.
    Busy,
    /// There is no transaction to be ended.
    NoTransaction,
}

/// All partitions (0: the epoch log) and transactional ids.
#[derive(Clone, Debug, Default)]
pub struct Broker {
    partitions: BTreeMap<usize, Vec<Entry>>,
    ids: [Id; 2],
}

impl Broker {
    /// A new producer of an id: the transaction of the one before is ended, its requests are refused from now on.
    pub fn initialise(&mut self, id: usize) -> u32 {
        self.end_open(id);
        self.ids[id].epoch += 1;
        self.ids[id].last = None;
        self.ids[id].epoch
    }

    /// Epoch of the newest producer of an id.
    pub fn epoch(&self, id: usize) -> u32 {
        self.ids[id].epoch
    }

    /// What is open is aborted, what is being ended is ended.
    fn end_open(&mut self, id: usize) {
        if let Transaction::Ongoing(partitions) = &self.ids[id].transaction {
            self.ids[id].transaction = Transaction::Ending { commit: false, left: partitions.clone() };
        }
        while self.end_partition(id, 0) {}
    }

    /// The coordinator aborts a transaction that takes too long, and fences its producer.
    pub fn time_out(&mut self, id: usize) {
        if matches!(self.ids[id].transaction, Transaction::Ongoing(_)) {
            self.initialise(id);
        }
    }

    /// A record of a transaction.
    pub fn produce(
        &mut self,
        id: usize,
        epoch: u32,
        partition: usize,
        record: Stored,
    ) -> Result<u64, Refused> {
        let this = &mut self.ids[id];
        if this.epoch != epoch {
            return Err(Refused::Fenced);
        }
        match &mut this.transaction {
            Transaction::Ending { .. } => return Err(Refused::Busy),
            Transaction::None => this.transaction = Transaction::Ongoing([partition].into()),
            Transaction::Ongoing(partitions) => drop(partitions.insert(partition)),
        }
        let entries = self.partitions.entry(partition).or_default();
        entries.push(Entry::Record(record, State::Open(id)));
        Ok(entries.len() as u64 - 1)
    }

    /// A record without a transaction.
    pub fn append(&mut self, partition: usize, record: Stored) {
        self.partitions.entry(partition).or_default().push(Entry::Record(record, State::Committed));
    }

    /// Commits. As in the old protocol, nothing tells a late request from one about a later transaction.
    pub fn commit(&mut self, id: usize, epoch: u32) -> Result<(), Refused> {
        let this = &mut self.ids[id];
        if this.epoch != epoch {
            return Err(Refused::Fenced);
        }
        match &this.transaction {
            Transaction::Ongoing(partitions) => {
                this.transaction = Transaction::Ending { commit: true, left: partitions.clone() };
                Ok(())
            }
            Transaction::Ending { commit: true, .. } => Ok(()),
            Transaction::Ending { commit: false, .. } => Err(Refused::Busy),
            Transaction::None if this.last == Some(true) => Ok(()),
            Transaction::None => Err(Refused::NoTransaction),
        }
    }

    /// Ends the transaction of an id in one more partition; false: there is nothing to end.
    pub fn end_partition(&mut self, id: usize, which: u64) -> bool {
        let Transaction::Ending { commit, left } = &mut self.ids[id].transaction else { return false };
        let commit = *commit;
        let Some(partition) = left.iter().nth(which as usize % left.len().max(1)).copied() else {
            self.ids[id].transaction = Transaction::None;
            self.ids[id].last = Some(commit);
            return false;
        };
        left.remove(&partition);
        let entries = self.partitions.get_mut(&partition).expect("a transaction's partition is there");
        for entry in entries.iter_mut() {
            if let Entry::Record(_, state @ State::Open(_)) = entry
                && *state == State::Open(id)
            {
                *state = if commit { State::Committed } else { State::Aborted };
            }
        }
        entries.push(Entry::Marker);
        true
    }

    /// Committed records of a partition from an offset on, with their offsets, and the offset at which that ends.
    pub fn read(&self, partition: usize, from: u64) -> (Vec<(u64, Stored)>, u64) {
        let mut found = Vec::new();
        let Some(entries) = self.partitions.get(&partition) else { return (found, 0) };
        for (offset, entry) in entries.iter().enumerate() {
            match entry {
                Entry::Record(_, State::Open(_)) => return (found, offset as u64),
                Entry::Record(record, State::Committed) if offset as u64 >= from => {
                    found.push((offset as u64, record.clone()));
                }
                _ => {}
            }
        }
        (found, entries.len() as u64)
    }

    /// Committed records of a partition.
    pub fn committed(&self, partition: usize) -> Vec<Stored> {
        self.read(partition, 0).0.into_iter().map(|(_, record)| record).collect()
    }

    /// Puts other committed records in the place of a partition's: what no sound broker does.
    pub fn replace(&mut self, partition: usize, records: Vec<Stored>) {
        let entries = records.into_iter().map(|record| Entry::Record(record, State::Committed)).collect();
        self.partitions.insert(partition, entries);
    }

    /// Time goes on until no transaction is open.
    pub fn settle(&mut self) {
        (0..self.ids.len()).for_each(|id| self.end_open(id));
    }
}
