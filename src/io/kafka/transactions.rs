//! Writes epochs: record and output of one are one transaction. Two transactional producers take turns, since the next
//! transaction of the same one would wait for the coordinator to complete the last; a second thread commits, so that one
//! epoch is sent while the one before is committed. `commits` says what comes next; here it is done.
//!
//! Whoever initialises the two producers ends every older instance. A commit whose result is not certain is never
//! guessed: both producers are made anew (which ends their open transactions), then the tail of the topic says which
//! epochs are there.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, TryRecvError, channel, sync_channel};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use rdkafka::config::FromClientConfigAndContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};

use crate::io::kafka::Waker;
use crate::io::kafka::commits::{Commits, PRODUCERS, Step};
use crate::io::kafka::context::Deliveries;
use crate::io::kafka::epochs::EpochLogReader;
use crate::io::kafka::settings::KafkaSettings;
use crate::io::kafka::sink::Outlets;
use crate::runtime::{Commit, Error, Store};

/// Longest wait for the initialisation of a producer: a coordinator that starts up needs some seconds.
const INIT: Duration = Duration::from_secs(30);
/// Longest wait for an epoch's acknowledgement, and for its commit: the transaction itself ends after 15 s.
const COMMIT: Duration = Duration::from_secs(15);
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
    /// Nobody is interested any more.
    End,
}

/// Between the leader and the writing thread.
pub struct Shared {
    /// The newest recorded epoch, or why there will be no further one.
    state: Mutex<Result<Option<u64>, String>>,
    changed: Condvar,
    /// Offset of the newest recorded epoch that this instance wrote, and 1; 0: none yet.
    place: AtomicU64,
    waker: Waker,
}

/// Why a transaction did not end well.
#[derive(Debug)]
pub enum Trouble {
    /// Another instance has initialised the producers.
    Fenced(String),
    /// It may or may not be there.
    Uncertain(String),
}

impl Shared {
    /// Nothing is recorded yet; `waker` is woken with each change.
    pub fn new(waker: Waker) -> Shared {
        Shared { state: Mutex::new(Ok(None)), changed: Condvar::new(), place: AtomicU64::new(0), waker }
    }

    /// Offset of the newest recorded epoch that this instance wrote.
    pub fn place(&self) -> Option<u64> {
        self.place.load(Ordering::Relaxed).checked_sub(1)
    }

    /// The newest recorded epoch; waits for at most `wait` for a change while `appended` is not.
    ///
    /// # Errors
    /// Why there will be no further one.
    pub fn recorded(&self, appended: Option<u64>, wait: Duration) -> Result<Option<u64>, String> {
        let mut state = self.state.lock().expect("no holder of the lock panics");
        if !wait.is_zero() && matches!(&*state, Ok(recorded) if *recorded < appended) {
            state = self.changed.wait_timeout(state, wait).expect("no holder of the lock panics").0;
        }
        state.clone()
    }

    fn set(&self, state: Result<Option<u64>, String>) {
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
    /// If the broker does not answer, or does not let it.
    pub fn new(settings: &KafkaSettings, shared: Arc<Shared>) -> Result<Writer, Error> {
        Ok(Writer {
            producers: Some(initialise(settings)?),
            outlets: Outlets::new(settings),
            settings: settings.clone(),
            commits: Commits::default(),
            shared,
            next: 0,
            tries: 0,
            deadline: Instant::now(),
        })
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
        let writing = thread("epochs").spawn(move || {
            if let Err(error) = self.run(&receiver, &commit) {
                self.shared.set(Err(error.to_string()));
            }
        });
        writing.map_err(none)?;
        Ok(sender)
    }

    fn run(&mut self, messages: &Receiver<Message>, commit: &SyncSender<Arc<Producer>>) -> Result<(), Error> {
        loop {
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
        let written = producers.filter_map(|producer| producer.client().context().recorded_at(epoch)).next();
        if let Some(offset) = written {
            self.next = offset + 1;
            self.shared.place.store(self.next, Ordering::Relaxed);
        }
        self.shared.set(Ok(Some(epoch)));
        may_die!("told");
    }

    /// What an outcome means.
    fn weigh(&mut self, outcome: Result<(), Trouble>, commit: bool) -> Result<(), Error> {
        match outcome {
            Ok(()) => Ok(()),
            Err(Trouble::Fenced(what)) => Err(self.superseded(&what)),
            Err(Trouble::Uncertain(what)) => {
                let epoch = self.commits.oldest().map(|commit| commit.epoch);
                tracing::warn!(epoch, "whether epochs are recorded is not certain ({what}); looking");
                self.commits.doubt(commit);
                Ok(())
            }
        }
    }

    fn superseded(&self, what: &str) -> Error {
        let epoch = self.commits.oldest().map_or(0, |commit| commit.epoch);
        Error::Door(format!(
            "epoch {epoch} was not recorded: another instance of tenant {} has taken over, or this one stood still for \
             longer than a transaction may last ({what})",
            self.settings.tenant
        ))
    }

    fn producers(&self) -> &[Arc<Producer>; PRODUCERS] {
        self.producers.as_ref().expect("there are producers but while they are made anew")
    }

    /// Begins a transaction and hands the first epoch that waits to its producer.
    fn send(&mut self, producer: usize) -> Result<(), Trouble> {
        self.deadline = Instant::now() + COMMIT;
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

    /// New producers, which ends the transactions of the old ones; only then the tail of the topic is read.
    fn rebuild(&mut self) -> Result<(), Error> {
        self.tries += 1;
        if self.tries > TRIES {
            let epoch = self.commits.oldest().map_or(0, |commit| commit.epoch);
            return Err(Error::Door(format!("epoch {epoch} could not be recorded in {TRIES} tries")));
        }
        self.producers = None;
        self.producers = Some(initialise(&self.settings)?);
        let mut tail = EpochLogReader::tail(&self.settings, self.next)?;
        while let Some(found) = tail.read()? {
            match self.commits.oldest() {
                Some(oldest) if oldest.record == found => {
                    let epoch = self.commits.found().epoch;
                    self.tries = 0;
                    self.shared.set(Ok(Some(epoch)));
                }
                _ => {
                    return Err(self.superseded("the epoch topic holds a record that is not this instance's"));
                }
            }
        }
        self.next = tail.next();
        if let Some(oldest) = self.commits.oldest() {
            tracing::info!(epoch = oldest.epoch, "not recorded; sending again from it on");
        }
        self.commits.rebuilt();
        Ok(())
    }
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
