//! Who writes the epoch log: record and output of an epoch are one transaction of one of two producers, which take
//! turns. `commits` says what comes next; here it is done, by a broker that is behind a trait. So the same code runs on
//! Kafka, where a thread drives it (`io::kafka::transactions`), and in the simulator.
//!
//! Whoever initialises the two producers ends every older instance; only the holder of the lease does. An outcome that is
//! not certain is never guessed: both producers are dropped, and made anew (which ends their open transactions) when the lease
//! is held, then the tail of the log says which epochs are there. Without the lease nothing is written: if it comes back and
//! nobody wrote meanwhile, the writer goes on where it was.

use crate::runtime::commits::{Commits, PRODUCERS, Step};
use crate::runtime::doors::{Commit, Error};
use crate::runtime::outgoing::OutputRecord;

/// How often producers are made anew without an epoch committed in between.
const TRIES: u32 = 5;

/// Why a transaction did not end well.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Trouble {
    /// Another instance has initialised the producers, or the broker has ended the transaction itself.
    Fenced(String),
    /// It may or may not be there.
    Uncertain(String),
}

/// What the epoch log holds, committed records only.
pub trait Log {
    /// The next record; `None` at the end that the log had when it was opened.
    ///
    /// # Errors
    /// If it cannot be read.
    fn read(&mut self) -> Result<Option<Vec<u8>>, Error>;

    /// Offset after the last record read, or the log's end.
    fn next(&self) -> u64;
}

/// What a writer needs of a broker: two transactional producers and the log.
pub trait Broker {
    /// Reads the log.
    type Log: Log;

    /// Whether a lease says who leads. If not, who is fenced is superseded.
    fn is_leased(&self) -> bool {
        false
    }

    /// Whether this instance holds the lease, if there is one.
    ///
    /// # Errors
    /// If it cannot be had at all.
    fn holds_lease(&mut self) -> Result<bool, Error> {
        Ok(true)
    }

    /// Waits a little for the lease, if there is one; true: producers may be made.
    ///
    /// # Errors
    /// If it cannot be had at all, or was waited for too long.
    fn await_lease(&mut self) -> Result<bool, Error> {
        Ok(true)
    }

    /// Lets go of both producers; what they had under way ends as chance will have it.
    fn release(&mut self);

    /// Makes a producer anew, which ends its open transaction and every older producer of its name.
    ///
    /// # Errors
    /// If the broker does not answer, or does not let it.
    fn initialise(&mut self, producer: usize) -> Result<(), Error>;

    /// Begins a transaction.
    ///
    /// # Errors
    /// From here on: what became of the transaction is not certain, or the producer is fenced.
    fn begin(&mut self, producer: usize) -> Result<(), Trouble>;

    /// Begins to send an output.
    ///
    /// # Errors
    /// As `begin`.
    fn output(&mut self, producer: usize, epoch: u64, record: &OutputRecord<'_>) -> Result<(), Trouble>;

    /// Begins to send an epoch's record.
    ///
    /// # Errors
    /// As `begin`.
    fn record(&mut self, producer: usize, epoch: u64, record: &[u8]) -> Result<(), Trouble>;

    /// Whether all that was sent is acknowledged; waits a little.
    ///
    /// # Errors
    /// As `begin`.
    fn delivered(&mut self, producer: usize) -> Result<bool, Trouble>;

    /// Begins to commit; `Writer::outcome` is told how it ended.
    ///
    /// # Errors
    /// If nobody can.
    fn commit(&mut self, producer: usize) -> Result<(), Error>;

    /// Offset at which the record of an epoch was written, if that is known.
    fn recorded_at(&self, epoch: u64) -> Option<u64>;

    /// Opens the log at an offset, up to the end that it has now.
    ///
    /// # Errors
    /// If it cannot be read, or is not what it must be.
    fn log(&mut self, from: u64) -> Result<Self::Log, Error>;
}

/// What a step came to.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Did {
    /// Something; there may be more to do.
    Something,
    /// What is being sent is not acknowledged yet.
    Waited,
    /// There is nothing to do before the next epoch, or the outcome of the commit under way.
    Nothing,
}

/// The writer of a tenant's epoch log.
#[derive(Debug)]
pub struct Writer<B> {
    broker: B,
    tenant: String,
    commits: Commits<Commit>,
    recorded: Option<u64>,
    /// Offset of the newest epoch that it has written, as far as it knows.
    place: Option<u64>,
    /// Offset after the last record known to be there.
    next: u64,
    /// How often the producers were made anew since the last commit.
    tries: u32,
}

impl<B: Broker> Writer<B> {
    /// Initialises both producers, which ends every older instance of this tenant, and only then opens the log: what
    /// it holds then is all that older instances will ever have written.
    ///
    /// # Errors
    /// If that fails, or the log is not what it must be.
    pub fn open(broker: B, tenant: &str) -> Result<(Writer<B>, B::Log), Error> {
        Writer::open_from(broker, tenant, 0)
    }

    /// The same, and the log is opened at an offset.
    ///
    /// # Errors
    /// As `open`.
    pub fn open_from(broker: B, tenant: &str, from: u64) -> Result<(Writer<B>, B::Log), Error> {
        let mut writer = Writer {
            broker,
            tenant: tenant.to_owned(),
            commits: Commits::default(),
            recorded: None,
            place: None,
            next: 0,
            tries: 0,
        };
        if planted!(TailReadBeforeFencing) {
            let log = writer.broker.log(from)?;
            writer.initialise()?;
            return Ok((writer, log));
        }
        writer.initialise()?;
        let log = writer.broker.log(from)?;
        Ok((writer, log))
    }

    /// The log is read; `next`: its end.
    pub fn go_on_from(&mut self, next: u64) {
        self.next = next;
    }

    /// One more epoch.
    pub fn append(&mut self, commit: Commit) {
        self.commits.add(commit);
    }

    /// The newest epoch that is safe, of those appended.
    pub fn recorded(&self) -> Option<u64> {
        self.recorded
    }

    /// Offset of the newest epoch that it has written, as far as it knows.
    pub fn place(&self) -> Option<u64> {
        self.place
    }

    /// What it writes to.
    pub fn broker(&mut self) -> &mut B {
        &mut self.broker
    }

    /// Does what comes next.
    ///
    /// # Errors
    /// If another instance has taken over, or it does not succeed again and again.
    pub fn step(&mut self) -> Result<Did, Error> {
        if !self.commits.in_doubt() && !self.broker.holds_lease()? {
            tracing::warn!("the lease is gone: nothing is written without it");
            self.commits.doubt(false);
        }
        match self.commits.step() {
            Step::Send(producer) => {
                let sent = self.send(producer);
                self.commits.sent();
                self.weigh(sent, false)?;
            }
            Step::Commit(producer) => {
                self.commits.committing();
                self.broker.commit(producer)?;
            }
            Step::Rebuild => self.rebuild()?,
            Step::Wait => {
                let Some(producer) = self.commits.sending().filter(|_| !self.commits.in_doubt()) else {
                    return Ok(Did::Nothing);
                };
                match self.broker.delivered(producer) {
                    Ok(true) => self.commits.delivered(),
                    Ok(false) if planted!(SecondSendsEarly) => self.commits.delivered(),
                    Ok(false) => return Ok(Did::Waited),
                    Err(trouble) => self.weigh(Err(trouble), false)?,
                }
            }
        }
        Ok(Did::Something)
    }

    /// The commit under way ended; well, but with `Ok(true)` the connection was disturbed since the transaction began.
    /// Then a request may have been sent twice and its twin still be on the way, to arrive in a later transaction.
    ///
    /// # Errors
    /// If another instance has taken over.
    pub fn outcome(&mut self, outcome: Result<bool, Trouble>) -> Result<(), Error> {
        let outcome = match outcome {
            Ok(true) if planted!(DisturbanceIgnored) => Ok(()),
            Err(Trouble::Uncertain(_)) if planted!(DoubtTakenForDone) => Ok(()),
            Ok(true) => Err(Trouble::Uncertain("the connection was disturbed meanwhile".into())),
            Ok(false) => Ok(()),
            Err(trouble) => Err(trouble),
        };
        if outcome.is_err() {
            return self.weigh(outcome, true);
        }
        let epoch = self.commits.committed().epoch;
        if let Some(offset) = self.broker.recorded_at(epoch) {
            (self.place, self.next) = (Some(offset), offset + 1);
        }
        self.done(epoch);
        Ok(())
    }

    fn done(&mut self, epoch: u64) {
        self.tries = 0;
        self.recorded = Some(epoch);
    }

    /// What an outcome means.
    fn weigh(&mut self, outcome: Result<(), Trouble>, commit: bool) -> Result<(), Error> {
        match outcome {
            Ok(()) => Ok(()),
            Err(Trouble::Fenced(what)) if !self.broker.is_leased() => Err(self.superseded(&what)),
            // Who was fenced holds the lease, or will find that it does not.
            Err(Trouble::Fenced(what) | Trouble::Uncertain(what)) => {
                let epoch = self.commits.oldest().map(|commit| commit.epoch);
                tracing::warn!(epoch, "whether epochs are recorded is not certain ({what}); looking");
                self.commits.doubt(commit);
                Ok(())
            }
        }
    }

    fn superseded(&self, what: &str) -> Error {
        let epoch = self.commits.oldest().map_or(0, |commit| commit.epoch);
        Error::Superseded(format!(
            "epoch {epoch} was not recorded: another instance of tenant {} has taken over, or this one stood still for \
             longer than a transaction may last ({what})",
            self.tenant
        ))
    }

    fn initialise(&mut self) -> Result<(), Error> {
        self.broker.release();
        (0..PRODUCERS).try_for_each(|producer| self.broker.initialise(producer))
    }

    /// Begins a transaction and hands the first epoch that waits to its producer.
    fn send(&mut self, producer: usize) -> Result<(), Trouble> {
        self.broker.begin(producer)?;
        let commit = self.commits.next().expect("an epoch waits");
        for record in commit.output.iter().flat_map(|output| output.records()) {
            self.broker.output(producer, commit.epoch, &record)?;
        }
        self.broker.record(producer, commit.epoch, &commit.record)
    }

    /// New producers, as soon as the lease is held, which ends the transactions of the old ones; only then the tail of the
    /// log is read. What fails is tried again.
    fn rebuild(&mut self) -> Result<(), Error> {
        self.broker.release();
        self.await_lease()?;
        self.tries += 1;
        if self.tries > TRIES {
            let epoch = self.commits.oldest().map_or(0, |commit| commit.epoch);
            return Err(Error::Door(format!("epoch {epoch} could not be recorded in {TRIES} tries")));
        }
        let made = self.initialise().and_then(|()| self.tail());
        let (records, next) = match made {
            Ok(made) => made,
            Err(error) if self.broker.is_leased() => {
                tracing::warn!("the producers could not be made anew: {error}");
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        for found in records {
            match self.commits.oldest() {
                Some(oldest) if oldest.record == found || planted!(ForeignTakenForOwn) => {
                    let epoch = self.commits.found().epoch;
                    self.done(epoch);
                }
                _ => {
                    return Err(self.superseded("the epoch topic holds a record that is not this instance's"));
                }
            }
        }
        self.next = next;
        if let Some(oldest) = self.commits.oldest() {
            tracing::info!(epoch = oldest.epoch, "not recorded; sending again from it on");
        }
        self.commits.rebuilt();
        Ok(())
    }

    /// Waits for the lease. Whoever has it meanwhile begins with a claim, which is looked for.
    fn await_lease(&mut self) -> Result<(), Error> {
        while !self.broker.await_lease()? {
            // A broker that is away has no tail to show.
            let Ok((records, _)) = self.tail() else { continue };
            let mut own = self.commits.all();
            if !records.iter().all(|found| own.next().is_some_and(|commit| commit.record == *found)) {
                return Err(self.superseded("another one has written to the epoch topic"));
            }
        }
        Ok(())
    }

    /// What is behind the last record known to be there, and the offset after it.
    fn tail(&mut self) -> Result<(Vec<Vec<u8>>, u64), Error> {
        let mut log = self.broker.log(self.next)?;
        let mut records = Vec::new();
        while let Some(found) = log.read()?.filter(|_| !planted!(SentAgainThoughThere)) {
            records.push(found);
        }
        Ok((records, log.next()))
    }
}
