//! Writes epochs to Kafka: record and output of one are one transaction. Two transactional producers take turns, since the
//! next transaction of the same one would wait for the coordinator to complete the last; a second thread commits, so that
//! one epoch is sent while the one before is committed. What comes next, and what each outcome means, is the affair of
//! `runtime::writer`; here it is done by librdkafka.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use rdkafka::config::FromClientConfigAndContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};

use crate::io::clock::WallClock;
use crate::io::kafka::Waker;
use crate::io::kafka::context::Deliveries;
use crate::io::kafka::epochs::EpochLogReader;
use crate::io::kafka::lease::Hold;
use crate::io::kafka::native::flush;
use crate::io::kafka::settings::KafkaSettings;
use crate::io::kafka::sink::Outlets;
use crate::runtime::commits::PRODUCERS;
use crate::runtime::outgoing::OutputRecord;
use crate::runtime::writer::{Broker, Did, Trouble, Writer};
use crate::runtime::{Clock, Commit, Error};
use crate::types::{DurationMs, Millis};

/// Longest wait for the initialisation of a producer: a coordinator that starts up needs some seconds.
const INIT: Duration = Duration::from_secs(30);
/// Longest wait for an epoch's acknowledgement, and for its commit: the transaction itself ends after 15 s.
const COMMIT: Duration = Duration::from_secs(15);
/// Longest wait for a lease that went, before the state is dropped.
const SUSPENDED: Duration = Duration::from_secs(60);
/// Meanwhile the tail of the topic is looked at so often.
const LOOK: Duration = Duration::from_millis(500);
/// Wait for a word of the other threads before acknowledgements are looked at. Not in the client's `poll`, which knows whole
/// milliseconds only and looks at its queue without pause for the rest: on two cores the broker went short.
const PAUSE: Duration = Duration::from_micros(200);

/// Longest time until a flush notices that nobody has its producer any more.
const FLUSH: Duration = Duration::from_millis(100);

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
    Committed(Result<bool, Trouble>),
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

/// Two producers and the topics that they write to.
pub struct Producers {
    settings: KafkaSettings,
    outlets: Outlets,
    /// There but while they are made anew.
    producers: [Option<Arc<Producer>>; PRODUCERS],
    /// To the committing thread, once there is one.
    commit: Option<SyncSender<Arc<Producer>>>,
    /// To the flushing thread, once there is one.
    complete: Option<Sender<Arc<Producer>>>,
    shared: Arc<Shared>,
    hold: Hold,
    /// When the producers were let go.
    released: Instant,
    /// When sending began, and which epoch was sent last.
    begun: Millis,
    sent: u64,
    /// Whether the clock was compared with the broker's.
    compared: bool,
    /// When what is being sent must be acknowledged.
    deadline: Instant,
}

impl Producers {
    /// None yet.
    pub fn new(settings: &KafkaSettings, shared: Arc<Shared>, hold: Hold) -> Producers {
        Producers {
            outlets: Outlets::new(settings),
            settings: settings.clone(),
            producers: [const { None }; PRODUCERS],
            commit: None,
            complete: None,
            shared,
            hold,
            released: Instant::now(),
            begun: Millis::MIN,
            sent: 0,
            compared: false,
            deadline: Instant::now(),
        }
    }

    /// The claim's time on the broker's clock, if the topic keeps it, must be near this machine's: the clock of all that is
    /// decided is the leader's.
    fn compare_clocks(&mut self, producer: usize) -> Result<(), Error> {
        if std::mem::replace(&mut self.compared, true) {
            return Ok(());
        }
        let recorded = self.producer(producer).client().context().recorded(self.sent);
        let Some(appended) = recorded.and_then(|recorded| recorded.appended) else { return Ok(()) };
        let (off, most) = (clock_off(self.begun, WallClock.now(), appended), self.settings.clock_off_max);
        tracing::info!(milliseconds = off.0, "distance of this machine's clock from the broker's");
        if off <= most {
            return Ok(());
        }
        Err(Error::Door(format!(
            "this machine's clock is {} ms away from the broker's, and may be {} at most for a leader: set the clocks right",
            off.0, most.0
        )))
    }

    fn producer(&self, producer: usize) -> &Arc<Producer> {
        self.producers[producer].as_ref().expect("there are producers but while they are made anew")
    }
}

impl Broker for Producers {
    type Log = EpochLogReader;

    fn is_leased(&self) -> bool {
        true
    }

    fn holds_lease(&mut self) -> Result<bool, Error> {
        self.hold.holds(Duration::ZERO)
    }

    fn await_lease(&mut self) -> Result<bool, Error> {
        if self.hold.begin_writing(LOOK)? {
            return Ok(true);
        }
        if self.shared.end.load(Ordering::Relaxed) || self.released.elapsed() > SUSPENDED {
            let seconds = self.released.elapsed().as_secs();
            return Err(Error::Superseded(format!(
                "the lease went, and did not come back within {seconds} s"
            )));
        }
        Ok(false)
    }

    fn release(&mut self) {
        self.producers = [const { None }; PRODUCERS];
        self.released = Instant::now();
        self.hold.end_writing();
    }

    fn initialise(&mut self, producer: usize) -> Result<(), Error> {
        if !self.hold.begin_writing(Duration::ZERO)? {
            return Err(Error::Superseded("the lease went before the first epoch was written".into()));
        }
        match producer {
            0 => {
                may_die!("initialising");
            }
            _ => {
                may_die!("one-initialised");
            }
        }
        self.producers[producer] = Some(Arc::new(initialise(&self.settings, producer)?));
        Ok(())
    }

    fn begin(&mut self, producer: usize) -> Result<(), Trouble> {
        self.deadline = Instant::now() + COMMIT;
        self.begun = WallClock.now();
        let producer = self.producer(producer);
        // What was reported since its last transaction is not about this one.
        producer.poll(Duration::ZERO);
        producer.client().context().disturbed();
        producer.begin_transaction().map_err(|e| trouble(&e))?;
        may_die!("begun");
        Ok(())
    }

    fn output(&mut self, producer: usize, epoch: u64, record: &OutputRecord<'_>) -> Result<(), Trouble> {
        may_die!("sending");
        let producer = self.producer(producer);
        self.outlets.send(producer, epoch, record).map_err(|e| reported(producer, e.to_string()))
    }

    fn record(&mut self, producer: usize, epoch: u64, record: &[u8]) -> Result<(), Trouble> {
        may_die!("output-sent");
        self.sent = epoch;
        let producer = self.producer(producer);
        let key = epoch.to_string();
        let message = BaseRecord::with_opaque_to(&self.settings.epoch_topic, Deliveries::record_of(epoch))
            .partition(0)
            .key(&key)
            .payload(record);
        self.outlets.produce(producer, epoch, message).map_err(|e| reported(producer, e.to_string()))?;
        may_die!("record-sent");
        if let Some(complete) = &self.complete {
            // Without that thread it would linger, and be late, but not lost.
            drop(complete.send(producer.clone()));
        }
        Ok(())
    }

    fn delivered(&mut self, producer: usize) -> Result<bool, Trouble> {
        let producer = self.producer(producer);
        serve(producer);
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

    fn commit(&mut self, producer: usize) -> Result<(), Error> {
        self.compare_clocks(producer)?;
        let ended = || Error::Door("the committing thread ended".into());
        let commit = self.commit.as_ref().ok_or_else(ended)?;
        commit.send(self.producer(producer).clone()).map_err(|_| ended())
    }

    fn recorded_at(&self, epoch: u64) -> Option<u64> {
        let producers = self.producers.iter().flatten();
        let recorded = producers.filter_map(|producer| producer.client().context().recorded(epoch)).next();
        recorded.map(|recorded| recorded.offset)
    }

    fn log(&mut self, from: u64) -> Result<EpochLogReader, Error> {
        if from == 0 {
            EpochLogReader::open(&self.settings)
        } else {
            EpochLogReader::tail(&self.settings, from)
        }
    }
}

impl Drop for Producers {
    fn drop(&mut self) {
        self.release();
    }
}

/// How far an instant of another clock is from the time in which it must lie.
fn clock_off(begun: Millis, ended: Millis, other: Millis) -> DurationMs {
    DurationMs(begun.since(other).0.max(other.since(ended).0).max(0))
}

/// Starts the three threads: one writes, one flushes what is complete, one commits.
///
/// # Errors
/// If the system gives none.
pub fn start(mut writer: Writer<Producers>, shared: Arc<Shared>) -> Result<Sender<Message>, Error> {
    let none = |e: std::io::Error| Error::Door(format!("no thread for the epoch topic: {e}"));
    let (sender, receiver) = channel();
    let (commit, commits) = sync_channel::<Arc<Producer>>(1);
    let (complete, completed) = channel::<Arc<Producer>>();
    writer.broker().commit = Some(commit);
    writer.broker().complete = Some(complete);
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
    let flushing = thread("flushes").spawn(move || completed.iter().for_each(|producer| flush_of(&producer)));
    flushing.map_err(none)?;
    let revoked = sender.clone();
    // A writer that has ended need not be told.
    writer.broker().hold.on_revoked(move || drop(revoked.send(Message::Revoked)));
    let writing = thread("epochs").spawn(move || {
        if let Err(error) = write(&mut writer, &receiver, &shared) {
            shared.set(Err(Ended::of(&error)));
        }
    });
    writing.map_err(none)?;
    Ok(sender)
}

/// Writes until nobody is interested any more.
fn write(writer: &mut Writer<Producers>, messages: &Receiver<Message>, shared: &Shared) -> Result<(), Error> {
    let mut told = None;
    loop {
        let did = writer.step()?;
        if writer.recorded() != told {
            told = writer.recorded();
            shared.place.store(writer.place().map_or(0, |offset| offset + 1), Ordering::Relaxed);
            shared.set(Ok(told));
            may_die!("told");
        }
        let message = match did {
            Did::Something => continue,
            Did::Waited => match messages.recv_timeout(PAUSE) {
                Err(RecvTimeoutError::Timeout) => continue,
                message => message.ok(),
            },
            Did::Nothing => messages.recv().ok(),
        };
        match message {
            Some(Message::Append(epoch)) => writer.append(epoch),
            Some(Message::Revoked) => {}
            Some(Message::Committed(outcome)) => writer.outcome(outcome)?,
            Some(Message::End) | None => return Ok(()),
        }
    }
}

/// Sends what a producer holds, until all of it is acknowledged or nobody else has the producer any more.
fn flush_of(producer: &Arc<Producer>) {
    while producer.in_flight_count() > 0 && Arc::strong_count(producer) > 1 {
        flush(producer, FLUSH);
    }
}

/// Commits what a producer has sent; true: the connection was disturbed meanwhile.
fn commit_of(producer: &Producer) -> Result<bool, Trouble> {
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
    Ok(producer.client().context().disturbed())
}

/// Hears all that is acknowledged so far; each `poll` tells of one batch.
fn serve(producer: &Producer) {
    let mut before = i32::MAX;
    while (1..before).contains(&producer.in_flight_count()) {
        before = producer.in_flight_count();
        producer.poll(Duration::ZERO);
    }
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

/// A producer that leads.
fn initialise(settings: &KafkaSettings, turn: usize) -> Result<Producer, Error> {
    let door = |e: KafkaError| Error::Door(format!("the epoch topic's producer {turn}: {e}"));
    let producer =
        BaseProducer::from_config_and_context(&settings.epoch_producer(turn), Deliveries::default())
            .map_err(door)?;
    let deadline = Instant::now() + INIT;
    loop {
        match producer.init_transactions(deadline.saturating_duration_since(Instant::now())) {
            Ok(()) => return Ok(producer),
            Err(KafkaError::Transaction(e)) if e.is_retriable() && Instant::now() < deadline => {}
            Err(e) => return Err(door(e)),
        }
    }
}
