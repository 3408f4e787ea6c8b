//! The epoch topic: read once from its start, then written to, an epoch a transaction (`transactions`), by a thread of
//! its own, so that the leader goes on meanwhile.

use std::ops::Range;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message as _;
use rdkafka::topic_partition_list::Offset;

use crate::io::kafka::Waker;
use crate::io::kafka::context::Quiet;
use crate::io::kafka::settings::KafkaSettings;
use crate::io::kafka::topics;
use crate::io::kafka::transactions::{Message, Shared, Writer};
use crate::runtime::{Commit, Error, Store};

/// Longest silence of the broker while the topic is read.
const SILENCE: Duration = Duration::from_secs(30);
/// Reads the epoch topic from its start to the end that it had when it was opened.
pub struct EpochLogReader {
    consumer: BaseConsumer<Quiet>,
    topic: String,
    /// Offset after the last record read.
    next: u64,
    /// Offset of the first record that is there.
    low: u64,
    end: u64,
}

impl EpochLogReader {
    /// Reads from the start on.
    ///
    /// # Errors
    /// If the topic is missing, or has more than one partition.
    pub fn open(settings: &KafkaSettings) -> Result<EpochLogReader, Error> {
        let consumer = topics::client(settings)?;
        let topic = settings.epoch_topic.clone();
        let partitions = topics::partitions(&consumer, &topic)?;
        if partitions != 1 {
            let what = format!("topic {topic}: the epoch topic has one partition, this one has {partitions}");
            return Err(Error::Door(what));
        }
        let (low, end) = topics::offsets(&consumer, &topic, 0)?;
        EpochLogReader::from(consumer, topic, 0, low..end)
    }

    /// Reads on, to the end that the topic has now.
    ///
    /// # Errors
    /// If the broker does not answer.
    pub fn tail(settings: &KafkaSettings, next: u64) -> Result<EpochLogReader, Error> {
        let client = topics::client(settings)?;
        let (low, end) = topics::offsets(&client, &settings.epoch_topic, 0)?;
        EpochLogReader::from(client, settings.epoch_topic.clone(), next, low..end)
    }

    /// Offset after the last record read, or the topic's end.
    pub fn next(&self) -> u64 {
        self.next
    }

    fn from(
        consumer: BaseConsumer<Quiet>,
        topic: String,
        next: u64,
        offsets: Range<u64>,
    ) -> Result<EpochLogReader, Error> {
        assign(&consumer, &topic, next.max(offsets.start))?;
        Ok(EpochLogReader { consumer, topic, next, low: offsets.start, end: offsets.end })
    }
}

/// Lets a consumer read from an offset on.
fn assign(consumer: &BaseConsumer<Quiet>, topic: &str, next: u64) -> Result<(), Error> {
    let mut list = TopicPartitionList::new();
    let offset = Offset::Offset(i64::try_from(next).expect("an offset fits 63 bits"));
    list.add_partition_offset(topic, 0, offset)
        .and_then(|()| consumer.assign(&list))
        .map_err(|e| Error::Door(format!("topic {topic}: {e}")))
}

impl Store for EpochLogReader {
    fn read(&mut self) -> Result<Option<Vec<u8>>, Error> {
        let silent = Instant::now() + SILENCE;
        if self.next < self.low {
            return Err(Error::Log(format!(
                "topic {} begins at offset {}, offset {} is needed: it was cut, so the state cannot be rebuilt from \
                 there. Epoch topics need retention.ms=-1, or snapshots that are younger than what is cut",
                self.topic, self.low, self.next
            )));
        }
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

    fn seek(&mut self, place: u64) -> Result<(), Error> {
        self.next = place;
        assign(&self.consumer, &self.topic, place.max(self.low))
    }

    fn place(&self) -> u64 {
        self.next.saturating_sub(1)
    }

    fn append(&mut self, _: Commit) -> Result<(), Error> {
        unreachable!("a reader of the epoch log does not lead")
    }

    fn recorded(&mut self, _: Duration) -> Result<Option<u64>, Error> {
        Ok(None)
    }
}

/// The epoch topic of a leader.
pub struct EpochTopic {
    reader: EpochLogReader,
    /// Until the first epoch is appended.
    writer: Option<Writer>,
    appends: Option<Sender<Message>>,
    shared: Arc<Shared>,
    appended: Option<u64>,
}

impl EpochTopic {
    /// Initialises both producers, which ends every older instance of this tenant, then opens the topic.
    ///
    /// # Errors
    /// If that fails, or the topic is not what it must be.
    pub fn open(settings: &KafkaSettings, waker: Waker) -> Result<EpochTopic, Error> {
        // First, so that a missing topic is told before another instance is ended.
        drop(EpochLogReader::open(settings)?);
        let shared = Arc::new(Shared::new(waker));
        let writer = Writer::new(settings, shared.clone())?;
        let reader = EpochLogReader::open(settings)?;
        Ok(EpochTopic { reader, writer: Some(writer), appends: None, shared, appended: None })
    }

    /// The thread begins with the first append; by then the whole topic is read.
    fn begin(&mut self) -> Result<&Sender<Message>, Error> {
        if let Some(writer) = self.writer.take() {
            self.appends = Some(writer.start(self.reader.next)?);
        }
        Ok(self.appends.as_ref().expect("begun above"))
    }
}

impl Drop for EpochTopic {
    fn drop(&mut self) {
        if let Some(appends) = &self.appends {
            // If the thread has ended, there is nothing left to end.
            let _ = appends.send(Message::End);
        }
    }
}

impl Store for EpochTopic {
    fn read(&mut self) -> Result<Option<Vec<u8>>, Error> {
        self.reader.read()
    }

    fn seek(&mut self, place: u64) -> Result<(), Error> {
        self.reader.seek(place)
    }

    fn place(&self) -> u64 {
        self.shared.place().unwrap_or_else(|| self.reader.place())
    }

    fn append(&mut self, commit: Commit) -> Result<(), Error> {
        self.appended = Some(commit.epoch);
        // If the thread has ended, `recorded` tells why.
        let _ = self.begin()?.send(Message::Append(commit));
        Ok(())
    }

    fn recorded(&mut self, wait: Duration) -> Result<Option<u64>, Error> {
        self.shared.recorded(self.appended, wait).map_err(Error::Door)
    }
}
