//! The epoch topic: read from its start and on as others write it, then written to, an epoch a transaction
//! (`transactions`), by a thread of its own, so that the leader goes on meanwhile.

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
use crate::io::kafka::lease::Hold;
use crate::io::kafka::reach::Reach;
use crate::io::kafka::settings::KafkaSettings;
use crate::io::kafka::topics;
use crate::io::kafka::transactions::{Message, Producers, Shared, start};
use crate::runtime::writer::{Log, Writer};
use crate::runtime::{Commit, Error, Store};

/// Wait for a record that is there.
const READ: Duration = Duration::from_millis(100);
/// Longest silence of the broker while the topic is read.
const SILENCE: Duration = Duration::from_secs(30);

/// Reads the epoch topic from its start to the end that it had when it was opened, or on from there, too.
pub struct EpochLogReader {
    consumer: BaseConsumer<Quiet>,
    reach: Reach,
    topic: String,
    /// Offset after the last record read, or the end.
    next: u64,
    /// Offset of the last record read, or where it began.
    last: u64,
    /// Offset of the first record that is there.
    low: u64,
    end: u64,
    /// Whether it reads on behind `end`.
    follows: bool,
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
        EpochLogReader::from((consumer, Reach::new(&settings.brokers)), topic, 0, low..end)
    }

    /// Reads on, to the end that the topic has now.
    ///
    /// # Errors
    /// If the broker does not answer.
    pub fn tail(settings: &KafkaSettings, next: u64) -> Result<EpochLogReader, Error> {
        let client = topics::client(settings)?;
        let (low, end) = topics::offsets(&client, &settings.epoch_topic, 0)?;
        EpochLogReader::from(
            (client, Reach::new(&settings.brokers)),
            settings.epoch_topic.clone(),
            next,
            low..end,
        )
    }

    /// Reads what comes behind the end that the topic has now.
    ///
    /// # Errors
    /// If the broker does not answer.
    pub fn at_end(settings: &KafkaSettings) -> Result<EpochLogReader, Error> {
        let client = topics::client(settings)?;
        let (low, end) = topics::offsets(&client, &settings.epoch_topic, 0)?;
        let reader = EpochLogReader::from(
            (client, Reach::new(&settings.brokers)),
            settings.epoch_topic.clone(),
            end,
            low..end,
        )?;
        Ok(EpochLogReader { follows: true, ..reader })
    }

    fn from(
        (consumer, reach): (BaseConsumer<Quiet>, Reach),
        topic: String,
        next: u64,
        offsets: Range<u64>,
    ) -> Result<EpochLogReader, Error> {
        assign(&consumer, &topic, next.max(offsets.start))?;
        let last = next.saturating_sub(1);
        Ok(EpochLogReader {
            consumer,
            reach,
            topic,
            next,
            last,
            low: offsets.start,
            end: offsets.end,
            follows: false,
        })
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

impl Log for EpochLogReader {
    fn next(&self) -> u64 {
        self.next
    }

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
            if self.next >= self.end && !self.follows {
                return Ok(None);
            }
            let wait = if self.next < self.end { READ } else { Duration::ZERO };
            self.reach.restore(self.consumer.client());
            match self.consumer.poll(wait) {
                None if wait.is_zero() => return Ok(None),
                None if Instant::now() > silent => {
                    return Err(Error::Door(format!("topic {}: the broker is silent", self.topic)));
                }
                None => {}
                Some(Ok(message)) => {
                    self.last = u64::try_from(message.offset()).expect("not negative");
                    self.next = self.last + 1;
                    return Ok(Some(message.payload().unwrap_or_default().to_vec()));
                }
                Some(Err(KafkaError::PartitionEOF(_))) => {
                    self.next = self.next.max(self.end);
                    return Ok(None);
                }
                Some(Err(
                    error @ KafkaError::MessageConsumption(
                        RDKafkaErrorCode::BrokerTransportFailure
                        | RDKafkaErrorCode::AllBrokersDown
                        | RDKafkaErrorCode::OperationTimedOut,
                    ),
                )) => self.reach.heard(&error),
                Some(Err(e)) => return Err(Error::Door(format!("topic {}: {e}", self.topic))),
            }
        }
    }
}

impl Store for EpochLogReader {
    fn read(&mut self) -> Result<Option<Vec<u8>>, Error> {
        Log::read(self)
    }

    fn seek(&mut self, place: u64) -> Result<(), Error> {
        (self.next, self.last) = (place, place);
        assign(&self.consumer, &self.topic, place.max(self.low))
    }

    fn place(&self) -> u64 {
        self.last
    }

    fn lead(&mut self) -> Result<(), Error> {
        unreachable!("a reader of the epoch log does not lead")
    }

    fn append(&mut self, _: Commit) -> Result<(), Error> {
        unreachable!("a reader of the epoch log does not lead")
    }

    fn recorded(&mut self, _: Duration) -> Result<Option<u64>, Error> {
        Ok(None)
    }
}

/// The epoch topic of an instance that may come to lead.
pub struct EpochTopic {
    settings: KafkaSettings,
    hold: Hold,
    reader: EpochLogReader,
    /// From `lead` until the first epoch is appended.
    writer: Option<Writer<Producers>>,
    appends: Option<Sender<Message>>,
    shared: Arc<Shared>,
    appended: Option<u64>,
}

impl EpochTopic {
    /// Opens the topic to be read.
    ///
    /// # Errors
    /// If it is not what it must be.
    pub fn open(settings: &KafkaSettings, waker: Waker, hold: Hold) -> Result<EpochTopic, Error> {
        Ok(EpochTopic {
            settings: settings.clone(),
            hold,
            reader: EpochLogReader { follows: true, ..EpochLogReader::open(settings)? },
            writer: None,
            appends: None,
            shared: Arc::new(Shared::new(waker)),
            appended: None,
        })
    }

    /// The thread begins with the first append; by then the whole topic is read.
    fn begin(&mut self) -> Result<&Sender<Message>, Error> {
        if let Some(mut writer) = self.writer.take() {
            writer.go_on_from(self.reader.next);
            self.appends = Some(start(writer, self.shared.clone())?);
        }
        Ok(self.appends.as_ref().expect("`lead` comes before the first append"))
    }
}

impl Drop for EpochTopic {
    fn drop(&mut self) {
        self.shared.end();
        if let Some(appends) = &self.appends {
            // If the thread has ended, there is nothing left to end.
            let _ = appends.send(Message::End);
        }
    }
}

impl Store for EpochTopic {
    fn read(&mut self) -> Result<Option<Vec<u8>>, Error> {
        Log::read(&mut self.reader)
    }

    fn seek(&mut self, place: u64) -> Result<(), Error> {
        self.reader.seek(place)
    }

    fn place(&self) -> u64 {
        self.shared.place().unwrap_or_else(|| self.reader.place())
    }

    /// Initialises both producers, which ends every other instance's, and only then looks where the end is.
    fn lead(&mut self) -> Result<(), Error> {
        let producers = Producers::new(&self.settings, self.shared.clone(), self.hold.clone());
        let (writer, reader) = Writer::open_from(producers, &self.settings.tenant, self.reader.next)?;
        (self.writer, self.reader) = (Some(writer), reader);
        Ok(())
    }

    fn append(&mut self, commit: Commit) -> Result<(), Error> {
        self.appended = Some(commit.epoch);
        // If the thread has ended, `recorded` tells why.
        let _ = self.begin()?.send(Message::Append(commit));
        Ok(())
    }

    fn recorded(&mut self, wait: Duration) -> Result<Option<u64>, Error> {
        self.shared.recorded(self.appended, wait)
    }
}
