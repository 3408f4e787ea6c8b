//! Writes epochs: record and output of one are one transaction. Two transactional producers take turns, since the next
//! transaction of the same one would wait for the coordinator to complete the last; a second thread commits, so that one
//! epoch is sent while the one before is committed. `commits` says what comes next; here it is done.
//!
//! Whoever initialises the two producers ends every older instance's; only the holder of the lease does. A commit whose
//! result is not certain is never guessed: the producers are dropped, and made anew (which ends their open transactions)
//! when the lease is held; then the tail of the topic says which epochs are there. Without the lease nothing is written: if
//! it comes back and nobody wrote meanwhile, the writer goes on where it was.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, TryRecvError, channel, sync_channel};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use rdkafka::config::FromClientConfigAndContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};

use crate::io::clock::WallClock;
use crate::io::kafka::Waker;
use crate::io::kafka::commits::{Commits, PRODUCERS, Step};
use crate::io::kafka::context::Deliveries;
use crate::io::kafka::epochs::EpochLogReader;
use crate::io::kafka::lease::Hold;
use crate::io::kafka::settings::KafkaSettings;
use crate::io::kafka::sink::Outlets;
use crate::runtime::{Clock, Commit, Error, Store};
use crate::types::{DurationMs, Millis};

/// Longest wait for the initialisation of a producer: a coordinator that starts up needs some seconds.
const INIT: Duration = Duration::from_secs(30);
/// Longest wait for an epoch's acknowledgement, and for its commit: the transaction itself ends after 15 s.
const COMMIT: Duration = Duration::from_secs(15);
/// Longest wait for a lease that went, before the state is dropped.
const SUSPENDED: Duration = Duration::from_secs(60);
/// Meanwhile the tail of the topic is looked at so often.
const LOOK: Duration = Duration::from_millis(500);
/// How often producers are made anew without an epoch committed in between.
const TRIES: u32 = 5;
/// Wait for an acknowledgement before the other threads' words are looked at.
const POLL: Duration = Duration::from_micros(200);

type Producer = BaseProducer<Deliveries>;

/// A place at which a test makes the process die, as by `kill -9`; nothing without the feature.
macro_rules! may_die {
    ($place:literal) => {
        #[cfg(feature = "failpoints")]
        fail::fail_point!($place, |_| std::process::abort());
    };
}

/// What the writing thread is told.
pub enum Message {
    /// The next epoch.
    Append(Commit),
    /// The commit under way ended.
    Committed(Result<(), Trouble>),
    /// The lease is gone.
    Revoked,
    /// Nobody is interested any more.
    End,
}

/// Between the leader and the writing thread.
pub struct Shared {
    /// The newest recorded epoch, or why there will be no further one.
    state: Mutex<Result<Option<u64>, Ended>>,
    changed: Condvar,
    /// Whether nobody is interested any more.
    end: AtomicBool,
    /// Offset of the newest recorded epoch that this instance wrote, and 1; 0: none yet.
    place: AtomicU64,
    waker: Waker,
}

/// Why nothing is written any more.
#[derive(Clone, Debug)]
struct Ended {
    superseded: bool,
    what: String,
}

impl Ended {
    fn of(error: &Error) -> Ended {
        Ended { superseded: matches!(error, Error::Superseded(_)), what: error.to_string() }
    }

    fn error(self) -> Error {
        if self.superseded { Error::Superseded(self.what) } else { Error::Door(self.what) }
    }
}

/// Why a transaction did not end well.
#[derive(Debug)]
pub enum Trouble {
    /// Another instance has initialised the producers, or the broker has ended the transaction itself.
    Fenced(String),
    /// It may or may not be there.
    Uncertain(String),
}

impl Shared {
    /// Nothing is recorded yet; `waker` is woken with each change.
    pub fn new(waker: Waker) -> Shared {
        let (state, changed) = (Mutex::new(Ok(None)), Condvar::new());
        Shared { state, changed, end: AtomicBool::new(false), place: AtomicU64::new(0), waker }
    }

    /// Offset of the newest recorded epoch that this instance wrote.
    pub fn place(&self) -> Option<u64> {
        self.place.load(Ordering::Relaxed).checked_sub(1)
    }

    /// The newest recorded epoch; waits for at most `wait` for a change while `appended` is not.
    ///
    /// # Errors
    /// Why there will be no further one.
    pub fn recorded(&self, appended: Option<u64>, wait: Duration) -> Result<Option<u64>, Error> {
        let mut state = self.state.lock().expect("no holder of the lock panics");
        if !wait.is_zero() && matches!(&*state, Ok(recorded) if *recorded < appended) {
            state = self.changed.wait_timeout(state, wait).expect("no holder of the lock panics").0;
        }
        state.clone().map_err(Ended::error)
    }

    /// Nobody is interested any more.
    pub fn end(&self) {
        self.end.store(true, Ordering::Relaxed);
    }

    fn set(&self, state: Result<Option<u64>, Ended>) {
        *self.state.lock().expect("no holder of the lock panics") = state;
        self.changed.notify_all();
        self.waker.wake();
    }
}

/// The writing side.
pub struct Writer {
    settings: KafkaSettings,
    outlets: Outlets,
    producers: Option<[Arc<Producer>; PRODUCERS]>,
    commits: Commits<Commit>,
    shared: Arc<Shared>,
    hold: Hold,
    /// Whether this writer's first epoch, its claim, is acknowledged.
    claimed: bool,
    /// When sending began.
    begun: Millis,
    /// Offset after the last record known to be there.
    next: u64,
    /// How often the producers were made anew since the last commit.
    tries: u32,
    /// When what is being sent must be acknowledged.
    deadline: Instant,
}

impl Writer {
    /// Initialises both producers.
    ///
    /// # Errors
    /// If the lease is not held, or the broker does not answer, or does not let it.
    pub fn new(settings: &KafkaSettings, shared: Arc<Shared>, hold: Hold) -> Result<Writer, Error> {
        if !hold.begin_writing(Duration::ZERO)? {
            return Err(Error::Superseded("the lease went before the first epoch was written".into()));
        }
        let mut writer = Writer {
            producers: None,
            outlets: Outlets::new(settings),
            settings: settings.clone(),
            commits: Commits::default(),
            shared,
            hold,
            claimed: false,
            begun: Millis::MIN,
            next: 0,
            tries: 0,
            deadline: Instant::now(),
        };
        writer.producers = Some(initialise(settings)?);
        Ok(writer)
    }

    /// Starts the two threads; `next`: the end of the epoch topic.
    ///
    /// # Errors
    /// If the system gives none.
    pub fn start(mut self, next: u64) -> Result<Sender<Message>, Error> {
        let none = |e: std::io::Error| Error::Door(format!("no thread for the epoch topic: {e}"));
        let (sender, receiver) = channel();
        let (commit, commits) = sync_channel::<Arc<Producer>>(1);
        let done = sender.clone();
        let thread = |name: &str| std::thread::Builder::new().name(name.into());
        let committing = thread("commits").spawn(move || {
            for producer in commits {
                let result = commit_of(&producer);
                // Its last holder may have to drop it.
                drop(producer);
                if done.send(Message::Committed(result)).is_err() {
                    return;
                }
            }
        });
        committing.map_err(none)?;
        self.next = next;
        let revoked = sender.clone();
        // A writer that has ended need not be told.
        self.hold.on_revoked(move || drop(revoked.send(Message::Revoked)));
        let writing = thread("epochs").spawn(move || {
            if let Err(error) = self.run(&receiver, &commit) {
                self.shared.set(Err(Ended::of(&error)));
            }
        });
        writing.map_err(none)?;
        Ok(sender)
    }

    fn run(&mut self, messages: &Receiver<Message>, commit: &SyncSender<Arc<Producer>>) -> Result<(), Error> {
        loop {
            if !self.commits.in_doubt() && !self.hold.holds(Duration::ZERO)? {
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
                    let producer = self.producers()[producer].clone();
                    commit.send(producer).map_err(|_| Error::Door("the committing thread ended".into()))?;
                }
                Step::Rebuild => self.rebuild()?,
                Step::Wait => {
                    if !self.listen(messages)? {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// Waits for something to happen; false: nobody is interested any more.
    fn listen(&mut self, messages: &Receiver<Message>) -> Result<bool, Error> {
        let message = match self.commits.sending().filter(|_| !self.commits.in_doubt()) {
            Some(producer) => {
                let delivered = self.delivered(producer);
                if matches!(delivered, Ok(true)) {
                    self.check_clock(producer)?;
                    self.commits.delivered();
                    return Ok(true);
                }
                self.weigh(delivered.map(|_| ()), false)?;
                match messages.try_recv() {
                    Err(TryRecvError::Empty) => return Ok(true),
                    message => message.ok(),
                }
            }
            None => messages.recv().ok(),
        };
        match message {
            Some(Message::Append(epoch)) => self.commits.add(epoch),
            Some(Message::Revoked) => {}
            Some(Message::Committed(Ok(()))) => self.committed(),
            Some(Message::Committed(Err(trouble))) => self.weigh(Err(trouble), true)?,
            Some(Message::End) | None => return Ok(false),
        }
        Ok(true)
    }

    fn committed(&mut self) {
        let epoch = self.commits.committed().epoch;
        self.tries = 0;
        let producers = self.producers.iter().flatten();
        let written = producers.filter_map(|producer| producer.client().context().recorded(epoch)).next();
        if let Some(recorded) = written {
            self.next = recorded.offset + 1;
            self.shared.place.store(self.next, Ordering::Relaxed);
        }
        self.shared.set(Ok(Some(epoch)));
        may_die!("told");
    }

    /// What an outcome means.
    fn weigh(&mut self, outcome: Result<(), Trouble>, commit: bool) -> Result<(), Error> {
        match outcome {
            Ok(()) => Ok(()),
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
            "epoch {epoch} was not recorded: another instance of tenant {} has taken over ({what})",
            self.settings.tenant
        ))
    }

    /// The claim's time on the broker's clock, if the topic keeps it, must be near this machine's: the clock of all that is
    /// decided is the leader's.
    fn check_clock(&mut self, producer: usize) -> Result<(), Error> {
        if std::mem::replace(&mut self.claimed, true) {
            return Ok(());
        }
        let epoch = self.commits.oldest().map_or(0, |commit| commit.epoch);
        let recorded = self.producers()[producer].client().context().recorded(epoch);
        let Some(appended) = recorded.and_then(|recorded| recorded.appended) else { return Ok(()) };
        let off = clock_off(self.begun, WallClock.now(), appended);
        tracing::info!(milliseconds = off.0, "distance of this machine's clock from the broker's");
        if off <= self.settings.clock_off_max {
            return Ok(());
        }
        Err(Error::Door(format!(
            "this machine's clock is {} ms away from the broker's, and may be {} at most for a leader: set the clocks right",
            off.0, self.settings.clock_off_max.0
        )))
    }

    fn producers(&self) -> &[Arc<Producer>; PRODUCERS] {
        self.producers.as_ref().expect("there are producers but while they are made anew")
    }

    /// Begins a transaction and hands the first epoch that waits to its producer.
    fn send(&mut self, producer: usize) -> Result<(), Trouble> {
        self.deadline = Instant::now() + COMMIT;
        self.begun = WallClock.now();
        let producer = &self.producers()[producer];
        let deliveries = producer.client().context();
        // What was reported since its last transaction is not about this one.
        producer.poll(Duration::ZERO);
        deliveries.disturbed();
        producer.begin_transaction().map_err(|e| trouble(&e))?;
        may_die!("begun");
        let commit = self.commits.next().expect("an epoch waits");
        for record in commit.output.iter().flat_map(|output| output.records()) {
            may_die!("sending");
            self.outlets
                .send(producer, commit.epoch, &record)
                .map_err(|e| reported(producer, e.to_string()))?;
        }
        let key = commit.epoch.to_string();
        let message =
            BaseRecord::with_opaque_to(&self.settings.epoch_topic, Deliveries::record_of(commit.epoch))
                .partition(0)
                .key(&key)
                .payload(commit.record.as_slice());
        may_die!("output-sent");
        self.outlets
            .produce(producer, commit.epoch, message)
            .map_err(|e| reported(producer, e.to_string()))?;
        may_die!("record-sent");
        Ok(())
    }

    /// Whether all of the epoch being sent is acknowledged; waits a little.
    fn delivered(&self, producer: usize) -> Result<bool, Trouble> {
        let producer = &self.producers()[producer];
        producer.poll(POLL);
        producer.client().context().under_way().map_err(|what| reported(producer, what))?;
        // `commit_transaction` would wait in steps of 100 ms for what is in flight.
        if producer.in_flight_count() == 0 {
            producer.poll(Duration::ZERO);
            may_die!("delivered");
            return Ok(true);
        }
        if Instant::now() > self.deadline {
            return Err(Trouble::Uncertain("no acknowledgement in time".into()));
        }
        Ok(false)
    }

    /// New producers, as soon as the lease is held, which ends the transactions of the old ones; only then the tail of the
    /// topic is read. What fails is tried again.
    fn rebuild(&mut self) -> Result<(), Error> {
        self.producers = None;
        self.hold.end_writing();
        self.await_lease()?;
        self.tries += 1;
        if self.tries > TRIES {
            let epoch = self.commits.oldest().map_or(0, |commit| commit.epoch);
            return Err(Error::Door(format!("epoch {epoch} could not be recorded in {TRIES} tries")));
        }
        let (producers, tail) =
            match initialise(&self.settings).and_then(|producers| Ok((producers, self.tail()?))) {
                Ok(done) => done,
                Err(error) => {
                    tracing::warn!("the producers could not be made anew: {error}");
                    return Ok(());
                }
            };
        self.producers = Some(producers);
        for found in tail.records {
            match self.commits.oldest() {
                Some(oldest) if oldest.record == found => {
                    let epoch = self.commits.found().epoch;
                    (self.tries, self.claimed) = (0, true);
                    self.shared.set(Ok(Some(epoch)));
                }
                _ => {
                    return Err(self.superseded("the epoch topic holds a record that is not this instance's"));
                }
            }
        }
        self.next = tail.next;
        if let Some(oldest) = self.commits.oldest() {
            tracing::info!(epoch = oldest.epoch, "not recorded; sending again from it on");
        }
        self.commits.rebuilt();
        Ok(())
    }

    /// Waits for the lease. Whoever has it meanwhile begins with a claim, which is looked for.
    fn await_lease(&self) -> Result<(), Error> {
        let deadline = Instant::now() + SUSPENDED;
        while !self.hold.begin_writing(LOOK)? {
            if self.shared.end.load(Ordering::Relaxed) || Instant::now() > deadline {
                let wait = SUSPENDED.as_secs();
                return Err(
                    self.superseded(&format!("the lease went, and did not come back within {wait} s"))
                );
            }
            // A broker that is away has no tail to show.
            let Ok(tail) = self.tail() else { continue };
            let mut own = self.commits.all();
            if !tail.records.iter().all(|found| own.next().is_some_and(|commit| commit.record == *found)) {
                return Err(self.superseded("another one has written to the epoch topic"));
            }
        }
        Ok(())
    }

    /// What is behind the last record known to be there.
    fn tail(&self) -> Result<Tail, Error> {
        let mut reader = EpochLogReader::tail(&self.settings, self.next)?;
        let mut records = Vec::new();
        while let Some(record) = reader.read()? {
            records.push(record);
        }
        Ok(Tail { records, next: reader.next() })
    }
}

/// End of the epoch topic.
struct Tail {
    records: Vec<Vec<u8>>,
    next: u64,
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.producers = None;
        self.hold.end_writing();
    }
}

/// How far an instant of another clock is from the time in which it must lie.
fn clock_off(begun: Millis, ended: Millis, other: Millis) -> DurationMs {
    DurationMs(begun.since(other).0.max(other.since(ended).0).max(0))
}

/// Commits what a producer has sent.
fn commit_of(producer: &Producer) -> Result<(), Trouble> {
    may_die!("before-commit");
    let deadline = Instant::now() + COMMIT;
    loop {
        match producer.commit_transaction(deadline.saturating_duration_since(Instant::now())) {
            Ok(()) => break,
            // It goes on in the background: the same call again, and nothing else.
            Err(KafkaError::Transaction(e)) if e.is_retriable() && Instant::now() < deadline => {}
            Err(e) => return Err(trouble(&e)),
        }
    }
    may_die!("committed");
    if producer.client().context().disturbed() {
        return Err(Trouble::Uncertain("the connection was disturbed meanwhile".into()));
    }
    Ok(())
}

/// What a failed delivery means: why the producer itself has failed, if it has.
fn reported(producer: &Producer, what: String) -> Trouble {
    match producer.client().fatal_error() {
        Some((code, text)) => fatal(code, &format!("{what}: {text}")),
        None => Trouble::Uncertain(what),
    }
}

fn trouble(error: &KafkaError) -> Trouble {
    match error {
        KafkaError::Transaction(inner) if inner.is_fatal() => fatal(inner.code(), &error.to_string()),
        _ => Trouble::Uncertain(error.to_string()),
    }
}

fn fatal(code: RDKafkaErrorCode, text: &str) -> Trouble {
    match code {
        RDKafkaErrorCode::Fenced
        | RDKafkaErrorCode::ProducerFenced
        | RDKafkaErrorCode::InvalidProducerEpoch => Trouble::Fenced(text.to_owned()),
        _ => Trouble::Uncertain(text.to_owned()),
    }
}

/// All producers, one after the other.
fn initialise(settings: &KafkaSettings) -> Result<[Arc<Producer>; PRODUCERS], Error> {
    may_die!("initialising");
    let one = |turn| {
        let door = |e: KafkaError| Error::Door(format!("the epoch topic's producer {turn}: {e}"));
        let producer =
            BaseProducer::from_config_and_context(&settings.epoch_producer(turn), Deliveries::default())
                .map_err(door)?;
        let deadline = Instant::now() + INIT;
        loop {
            match producer.init_transactions(deadline.saturating_duration_since(Instant::now())) {
                Ok(()) => return Ok(Arc::new(producer)),
                Err(KafkaError::Transaction(e)) if e.is_retriable() && Instant::now() < deadline => {}
                Err(e) => return Err(door(e)),
            }
        }
    };
    let first = one(0)?;
    may_die!("one-initialised");
    Ok([first, one(1)?])
}
