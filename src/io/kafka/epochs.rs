//! The epoch topic: read once from its start, then appended to, one record a transaction, acknowledged before anything
//! of that epoch is sent. Two transactional producers take turns, since the next transaction of the same one would wait
//! for the coordinator to complete the last. A thread of its own commits, so that the leader goes on meanwhile.
//!
//! Whoever initialises the two producers ends every older instance. A commit whose result is not certain is never
//! guessed: both producers are made anew (which ends their open transactions), then the tail of the topic says whether
//! the record is there.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use rdkafka::TopicPartitionList;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::topic_partition_list::Offset;

use crate::io::kafka::Waker;
use crate::io::kafka::context::{Deliveries, Quiet};
use crate::io::kafka::settings::KafkaSettings;
use crate::io::kafka::topics;
use crate::runtime::{Error, Store};

/// Longest wait for the initialisation of a producer: a coordinator that starts up needs some seconds.
const INIT: Duration = Duration::from_secs(30);
/// Longest wait for a record and its commit: the transaction itself ends after 15 s.
const COMMIT: Duration = Duration::from_secs(15);
/// Longest silence of the broker while the topic is read.
const SILENCE: Duration = Duration::from_secs(30);
/// How often an uncertain commit is looked up and tried again.
const TRIES: usize = 5;
/// Records handed to the committing thread at once; the leader bounds its epochs in flight far below.
const QUEUE: usize = 64;

/// Reads the epoch topic from its start to the end that it had when it was opened.
pub struct EpochLogReader {
    consumer: BaseConsumer<Quiet>,
    topic: String,
    /// Offset after the last record read.
    next: u64,
    end: u64,
}

impl EpochLogReader {
    /// Reads from the start on.
    ///
    /// # Errors
    /// If the topic is missing, has more than one partition, or lacks its beginning.
    pub fn open(settings: &KafkaSettings) -> Result<EpochLogReader, Error> {
        let consumer = topics::client(settings)?;
        let topic = settings.epoch_topic.clone();
        let partitions = topics::partitions(&consumer, &topic)?;
        if partitions != 1 {
            let what = format!("topic {topic}: the epoch topic has one partition, this one has {partitions}");
            return Err(Error::Door(what));
        }
        let (low, end) = topics::offsets(&consumer, &topic, 0)?;
        if low > 0 {
            return Err(Error::Log(format!(
                "topic {topic} begins at offset {low}: its beginning was cut, so the state cannot be rebuilt. Epoch \
                 topics need retention.ms=-1"
            )));
        }
        EpochLogReader::from(consumer, topic, 0, end)
    }

    fn from(
        consumer: BaseConsumer<Quiet>,
        topic: String,
        next: u64,
        end: u64,
    ) -> Result<EpochLogReader, Error> {
        let mut list = TopicPartitionList::new();
        let offset = Offset::Offset(i64::try_from(next).expect("an offset fits 63 bits"));
        list.add_partition_offset(&topic, 0, offset)
            .and_then(|()| consumer.assign(&list))
            .map_err(|e| Error::Door(format!("topic {topic}: {e}")))?;
        Ok(EpochLogReader { consumer, topic, next, end })
    }
}

impl Store for EpochLogReader {
    fn read(&mut self) -> Result<Option<Vec<u8>>, Error> {
        let silent = Instant::now() + SILENCE;
        loop {
            // Commit markers take offsets too: the end is reached when the broker says so, or by the last record.
            if self.next >= self.end {
                return Ok(None);
            }
            match self.consumer.poll(Duration::from_millis(100)) {
                None if Instant::now() > silent => {
                    return Err(Error::Door(format!("topic {}: the broker is silent", self.topic)));
                }
                None => {}
                Some(Ok(message)) => {
                    self.next = u64::try_from(message.offset()).expect("not negative") + 1;
                    return Ok(Some(message.payload().unwrap_or_default().to_vec()));
                }
                Some(Err(KafkaError::PartitionEOF(_))) => {
                    self.next = self.end;
                    return Ok(None);
                }
                Some(Err(KafkaError::MessageConsumption(
                    RDKafkaErrorCode::BrokerTransportFailure
                    | RDKafkaErrorCode::AllBrokersDown
                    | RDKafkaErrorCode::OperationTimedOut,
                ))) => {}
                Some(Err(e)) => return Err(Error::Door(format!("topic {}: {e}", self.topic))),
            }
        }
    }

    fn append(&mut self, _: u64, _: Vec<u8>) -> Result<(), Error> {
        unreachable!("a reader of the epoch log does not lead")
    }

    fn recorded(&mut self, _: Duration) -> Result<Option<u64>, Error> {
        Ok(None)
    }
}

/// The epoch topic of a leader.
pub struct EpochTopic {
    reader: EpochLogReader,
    /// Until the first record is appended.
    writer: Option<Writer>,
    appends: Option<SyncSender<(u64, Vec<u8>)>>,
    shared: Arc<Shared>,
    appended: Option<u64>,
    waker: Waker,
}

/// Between the leader and the committing thread.
struct Shared {
    /// The newest recorded epoch, or why there will be no further one.
    state: Mutex<Result<Option<u64>, String>>,
    changed: Condvar,
}

impl EpochTopic {
    /// Initialises both producers, which ends every older instance of this tenant, then opens the topic.
    ///
    /// # Errors
    /// If that fails, or the topic is not what it must be.
    pub fn open(settings: &KafkaSettings, waker: Waker) -> Result<EpochTopic, Error> {
        // First, so that a missing topic is told before another instance is ended.
        drop(EpochLogReader::open(settings)?);
        let writer = Writer::new(settings)?;
        let reader = EpochLogReader::open(settings)?;
        let shared = Arc::new(Shared { state: Mutex::new(Ok(None)), changed: Condvar::new() });
        Ok(EpochTopic { reader, writer: Some(writer), appends: None, shared, appended: None, waker })
    }

    /// The thread begins with the first append; by then the whole topic is read.
    fn begin(&mut self) -> Result<&SyncSender<(u64, Vec<u8>)>, Error> {
        if let Some(mut writer) = self.writer.take() {
            writer.next = self.reader.next;
            let (sender, receiver) = sync_channel(QUEUE);
            let (shared, waker) = (self.shared.clone(), self.waker.clone());
            std::thread::Builder::new()
                .name("epochs".into())
                .spawn(move || writer.run(&receiver, &shared, &waker))
                .map_err(|e| Error::Door(format!("no thread for the epoch topic: {e}")))?;
            self.appends = Some(sender);
        }
        Ok(self.appends.as_ref().expect("begun above"))
    }
}

impl Store for EpochTopic {
    fn read(&mut self) -> Result<Option<Vec<u8>>, Error> {
        self.reader.read()
    }

    fn append(&mut self, epoch: u64, record: Vec<u8>) -> Result<(), Error> {
        self.appended = Some(epoch);
        // If the thread has ended, `recorded` tells why.
        let _ = self.begin()?.send((epoch, record));
        Ok(())
    }

    fn recorded(&mut self, wait: Duration) -> Result<Option<u64>, Error> {
        let mut state = self.shared.state.lock().expect("no holder of the lock panics");
        if !wait.is_zero() && matches!(&*state, Ok(recorded) if *recorded < self.appended) {
            let waited = self.shared.changed.wait_timeout(state, wait);
            state = waited.expect("no holder of the lock panics").0;
        }
        state.clone().map_err(Error::Door)
    }
}

/// The committing side.
struct Writer {
    settings: KafkaSettings,
    producers: Option<[BaseProducer<Deliveries>; 2]>,
    turn: usize,
    /// Offset after the last record known to be there.
    next: u64,
}

/// Why a transaction did not end well.
enum Trouble {
    /// Another instance has initialised the producers.
    Fenced(String),
    /// It may or may not be there.
    Uncertain(String),
}

impl Writer {
    fn new(settings: &KafkaSettings) -> Result<Writer, Error> {
        let producers = Some(initialise(settings)?);
        Ok(Writer { settings: settings.clone(), producers, turn: 0, next: 0 })
    }

    fn run(mut self, appends: &Receiver<(u64, Vec<u8>)>, shared: &Shared, waker: &Waker) {
        for (epoch, record) in appends {
            let result = self.append(epoch, &record);
            let failed = result.is_err();
            *shared.state.lock().expect("no holder of the lock panics") =
                result.map(|()| Some(epoch)).map_err(|e| e.to_string());
            shared.changed.notify_all();
            waker.wake();
            if failed {
                return;
            }
        }
    }

    fn append(&mut self, epoch: u64, record: &[u8]) -> Result<(), Error> {
        let mut last = String::new();
        for _ in 0..TRIES {
            match self.transaction(epoch, record) {
                Ok(()) => return Ok(()),
                Err(Trouble::Fenced(what)) => {
                    return Err(Error::Door(format!(
                        "epoch {epoch} was not recorded: another instance of tenant {} has taken over, or this one \
                         stood still for longer than a transaction may last ({what})",
                        self.settings.tenant
                    )));
                }
                Err(Trouble::Uncertain(what)) => {
                    tracing::warn!(epoch, "the epoch record may or may not be there ({what}); looking");
                    last = what;
                    // Both open transactions end before the tail is read.
                    self.producers = None;
                    self.producers = Some(initialise(&self.settings)?);
                    if self.is_there(epoch, record)? {
                        return Ok(());
                    }
                }
            }
        }
        Err(Error::Door(format!("epoch {epoch} could not be recorded in {TRIES} tries: {last}")))
    }

    /// One record in a transaction of its own.
    fn transaction(&mut self, epoch: u64, record: &[u8]) -> Result<(), Trouble> {
        let producer = &self.producers.as_ref().expect("there are producers between appends")[self.turn];
        self.turn = 1 - self.turn;
        let deliveries = producer.client().context();
        // What was reported since the last transaction is not about this one.
        producer.poll(Duration::ZERO);
        deliveries.disturbed();
        let deadline = Instant::now() + COMMIT;
        producer.begin_transaction().map_err(|e| trouble(&e))?;
        deliveries.begin(epoch);
        let key = epoch.to_string();
        let message = BaseRecord::with_opaque_to(&self.settings.epoch_topic, epoch as usize)
            .partition(0)
            .key(&key)
            .payload(record);
        producer.send(message).map_err(|(e, _)| trouble(&e))?;
        // `commit_transaction` would wait in steps of 100 ms for what is in flight.
        while producer.in_flight_count() > 0 {
            producer.poll(Duration::from_micros(200));
            deliveries.under_way().map_err(|what| match producer.client().fatal_error() {
                Some((code, text)) => fatal(code, &format!("{what}: {text}")),
                None => Trouble::Uncertain(what),
            })?;
            if Instant::now() > deadline {
                return Err(Trouble::Uncertain("no acknowledgement in time".into()));
            }
        }
        producer.poll(Duration::ZERO);
        producer.commit_transaction(COMMIT).map_err(|e| trouble(&e))?;
        if deliveries.disturbed() {
            return Err(Trouble::Uncertain("the connection was disturbed meanwhile".into()));
        }
        Ok(())
    }

    /// Whether the tail of the topic holds the record.
    fn is_there(&mut self, epoch: u64, record: &[u8]) -> Result<bool, Error> {
        let client = topics::client(&self.settings)?;
        let (_, end) = topics::offsets(&client, &self.settings.epoch_topic, 0)?;
        let topic = self.settings.epoch_topic.clone();
        let mut tail = EpochLogReader::from(client, topic, self.next, end)?;
        let mut last = None;
        while let Some(found) = tail.read()? {
            last = Some(found);
        }
        self.next = tail.next;
        Ok(last.is_some_and(|found| found == record) || {
            tracing::info!(epoch, "it is not there; sending it again");
            false
        })
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

/// Both producers, one after the other.
fn initialise(settings: &KafkaSettings) -> Result<[BaseProducer<Deliveries>; 2], Error> {
    let one = |turn| {
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
    };
    Ok([one(0)?, one(1)?])
}
