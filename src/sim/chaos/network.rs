//! Clients of the broker and their requests on the way: in order a partition, in any order between partitions; late,
//! lost, carried out with the answer lost. Requests go on after the process that sent them has died.

use std::collections::{BTreeMap, VecDeque};

use super::broker::{Broker, Refused, Stored};
use super::world::{Fault, Faults};
use crate::runtime::memory::Seed;
use crate::runtime::writer::Trouble;

#[derive(Clone, Debug)]
enum Request {
    /// To a partition; the epoch, if it is an epoch record.
    Produce(usize, Stored, Option<u64>),
    Commit,
}

/// A transactional producer.
#[derive(Debug)]
struct Client {
    id: usize,
    epoch: u32,
    queue: VecDeque<Request>,
    /// A disconnect or a time-out was reported since the transaction began.
    disturbed: bool,
    failed: Option<Trouble>,
    outcome: Option<Result<bool, Trouble>>,
    /// Epoch and offset of the last epoch record written.
    record: Option<(u64, u64)>,
}

/// Records sent without transactions, by epoch.
#[derive(Debug, Default)]
struct Plain {
    queue: VecDeque<(u64, usize, Stored)>,
    orphan: bool,
}

/// Everything that is on its way.
#[derive(Debug, Default)]
pub struct Network {
    clients: BTreeMap<u64, Client>,
    next: u64,
    /// Clients nobody waits for any more, whose requests may still arrive.
    orphans: Vec<u64>,
    /// Commit requests that arrive again later: transactional id and producer epoch.
    late: Vec<(usize, u32)>,
    plain: BTreeMap<u64, Plain>,
    /// Calls for which nothing that is sent arrives.
    pub stuck: u32,
}

impl Network {
    /// A new producer.
    pub fn connect(&mut self, id: usize, epoch: u32) -> u64 {
        self.next += 1;
        let client = Client {
            id,
            epoch,
            queue: VecDeque::new(),
            disturbed: false,
            failed: None,
            outcome: None,
            record: None,
        };
        self.clients.insert(self.next, client);
        self.next
    }

    /// Nobody waits for this producer any more: what it has sent arrives or not.
    pub fn abandon(&mut self, client: u64, dice: &mut Seed) {
        let Some(this) = self.clients.get_mut(&client) else { return };
        let kept = dice.below(this.queue.len() as u64 + 1) as usize;
        if dice.below(2) == 0 {
            this.queue.truncate(kept);
        }
        self.orphans.push(client);
    }

    fn client(&mut self, client: u64) -> &mut Client {
        self.clients.get_mut(&client).expect("a client is connected")
    }

    /// A transaction begins.
    pub fn begin(&mut self, client: u64) -> Result<(), Trouble> {
        let this = self.client(client);
        this.disturbed = false;
        this.failed.clone().map_or(Ok(()), Err)
    }

    /// A record is handed over.
    pub fn send(&mut self, client: u64, partition: usize, record: Stored, epoch: Option<u64>) {
        self.client(client).queue.push_back(Request::Produce(partition, record, epoch));
    }

    /// Whether all is acknowledged.
    pub fn delivered(&mut self, client: u64) -> Result<bool, Trouble> {
        let this = self.client(client);
        this.failed.clone().map_or(Ok(this.queue.is_empty()), Err)
    }

    /// A commit is asked for.
    pub fn commit(&mut self, client: u64) {
        self.client(client).queue.push_back(Request::Commit);
    }

    /// How a commit ended, if it has.
    pub fn outcome(&mut self, client: u64) -> Option<Result<bool, Trouble>> {
        self.clients.get_mut(&client)?.outcome.take()
    }

    /// Where an epoch's record was written.
    pub fn recorded_at(&self, client: u64, epoch: u64) -> Option<u64> {
        let record = self.clients.get(&client)?.record;
        record.filter(|(of, _)| *of == epoch).map(|(_, offset)| offset)
    }

    /// One request of this client arrives.
    pub fn deliver(&mut self, client: u64, broker: &mut Broker, dice: &mut Seed, faults: &mut Faults) {
        let Some(this) = self.clients.get_mut(&client) else { return };
        let sends = this.queue.iter().filter(|request| matches!(request, Request::Produce(..))).count();
        if sends > 0 {
            this.produce(dice.below(sends as u64) as usize, broker, dice, faults);
        } else if !this.queue.is_empty() {
            this.end(broker, dice, faults, &mut self.late);
        }
    }

    /// What goes on by itself: transactions are ended, late requests arrive, those of dead processes, too.
    pub fn go_on(&mut self, broker: &mut Broker, dice: &mut Seed, faults: &mut Faults) {
        for id in 0..2 {
            for _ in 0..dice.below(4) {
                broker.end_partition(id, dice.below(8));
            }
        }
        if !self.orphans.is_empty() && dice.below(2) == 0 {
            let orphan = self.orphans[dice.below(self.orphans.len() as u64) as usize];
            self.deliver(orphan, broker, dice, faults);
        }
        if !self.late.is_empty() && dice.below(4) == 0 {
            let (id, epoch) = self.late.swap_remove(dice.below(self.late.len() as u64) as usize);
            // Nobody hears the answer.
            let _ = broker.commit(id, epoch);
        }
        let orphan = |plain: &Plain| plain.orphan && !plain.queue.is_empty();
        let orphans: Vec<u64> =
            self.plain.iter().filter(|(_, plain)| orphan(plain)).map(|(at, _)| *at).collect();
        if let Some(at) = orphans.first().filter(|_| dice.below(2) == 0) {
            self.deliver_plain(*at, broker, dice);
        }
    }

    /// Sends a record without a transaction.
    pub fn send_plain(&mut self, process: u64, epoch: u64, partition: usize, record: Stored) {
        self.plain.entry(process).or_default().queue.push_back((epoch, partition, record));
    }

    /// The oldest epoch with a record that is not acknowledged.
    pub fn unacknowledged(&mut self, process: u64, broker: &mut Broker, dice: &mut Seed) -> Option<u64> {
        if self.stuck > 0 {
            self.stuck -= 1;
        } else {
            for _ in 0..dice.below(8) {
                self.deliver_plain(process, broker, dice);
            }
        }
        self.plain.get(&process)?.queue.iter().map(|(epoch, ..)| *epoch).min()
    }

    fn deliver_plain(&mut self, process: u64, broker: &mut Broker, dice: &mut Seed) {
        let Some(plain) = self.plain.get_mut(&process) else { return };
        if plain.queue.is_empty() {
            return;
        }
        let partition = plain.queue[dice.below(plain.queue.len() as u64) as usize].1;
        let first = plain.queue.iter().position(|(_, other, _)| *other == partition);
        let (_, partition, record) = plain.queue.remove(first.expect("it has one")).expect("it is there");
        broker.append(partition, record);
    }

    /// The process died: of what it sent without transactions a part arrives, in order a partition.
    pub fn abandon_plain(&mut self, process: u64, dice: &mut Seed) {
        let Some(plain) = self.plain.get_mut(&process) else { return };
        plain.orphan = true;
        let mut cut = BTreeMap::new();
        plain.queue.retain(|(_, partition, _)| {
            let cut = cut.entry(*partition).or_insert(false);
            *cut |= dice.below(6) == 0;
            !*cut
        });
    }

    /// Whatever is on its way arrives or is lost.
    pub fn settle(&mut self, broker: &mut Broker, dice: &mut Seed) {
        for at in self.plain.keys().copied().collect::<Vec<_>>() {
            while self.plain[&at].orphan && !self.plain[&at].queue.is_empty() {
                self.deliver_plain(at, broker, dice);
            }
        }
        for (id, epoch) in self.late.drain(..) {
            let _ = broker.commit(id, epoch);
        }
        for client in self.orphans.drain(..) {
            self.clients.remove(&client);
        }
    }
}

impl Client {
    /// A record arrives: the first of the partition of the one at this place.
    fn produce(&mut self, at: usize, broker: &mut Broker, dice: &mut Seed, faults: &mut Faults) {
        let partition_of = |request: &Request| match request {
            Request::Produce(partition, ..) => Some(*partition),
            Request::Commit => None,
        };
        let sends: Vec<usize> = self.queue.iter().filter_map(partition_of).collect();
        let same = |request: &Request| partition_of(request) == Some(sends[at]);
        let first = self.queue.iter().position(same).expect("it is one of them");
        if faults.strikes(Fault::Disturbs, dice) {
            // It is tried again later.
            self.disturbed = true;
            return;
        }
        if faults.strikes(Fault::LosesRecord, dice) {
            self.failed.get_or_insert(Trouble::Uncertain("message timed out".into()));
            return;
        }
        let Request::Produce(partition, record, epoch) = self.queue[first].clone() else { return };
        match broker.produce(self.id, self.epoch, partition, record) {
            Ok(offset) => {
                self.record = epoch.map(|epoch| (epoch, offset)).or(self.record);
                self.queue.remove(first);
            }
            Err(Refused::Busy) => {}
            Err(_) => {
                self.queue.clear();
                self.failed = Some(Trouble::Fenced("producer fenced".into()));
            }
        }
    }

    fn end(
        &mut self,
        broker: &mut Broker,
        dice: &mut Seed,
        faults: &mut Faults,
        late: &mut Vec<(usize, u32)>,
    ) {
        let uncertain = || Some(Err(Trouble::Uncertain("no answer in time".into())));
        if faults.strikes(Fault::LosesCommit, dice) {
            // The request is lost, or is late and arrives when nobody waits for it.
            if dice.below(2) == 0 {
                late.push((self.id, self.epoch));
            }
            self.outcome = uncertain();
        } else {
            match broker.commit(self.id, self.epoch) {
                Err(Refused::Busy) => return,
                Err(Refused::Fenced) => self.outcome = Some(Err(Trouble::Fenced("producer fenced".into()))),
                Err(Refused::NoTransaction) => {
                    self.outcome = Some(Err(Trouble::Uncertain("invalid transaction state".into())));
                }
                Ok(()) if faults.strikes(Fault::LosesAnswer, dice) => self.outcome = uncertain(),
                Ok(()) => {
                    if faults.strikes(Fault::RepeatsCommit, dice) {
                        // The connection broke, the client asked again, and the first request is still on its way.
                        self.disturbed = true;
                        late.push((self.id, self.epoch));
                    }
                    self.outcome = Some(Ok(self.disturbed));
                }
            }
        }
        self.queue.clear();
    }
}
