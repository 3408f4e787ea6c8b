//! Input from Kafka: all partitions of the configured topics, assigned by hand, read from exactly the offsets that the
//! leader names. The epoch log is the authority on what was taken; what is committed to the consumer group is for tools that
//! tell how far a reader lags behind.

use std::ffi::CString;
use std::io::Read;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::topic_partition_list::Offset;
use rdkafka::types::RDKafkaErrorCode;

use crate::io::kafka::Waker;
use crate::io::kafka::context::Quiet;
use crate::io::kafka::native::{PartitionQueue, Received};
use crate::io::kafka::reach::Reach;
use crate::io::kafka::settings::{InputTopic, KafkaSettings};
use crate::io::kafka::topics;
use crate::runtime::inbox::{Inbox, OwnedHeaders};
use crate::runtime::journal::Input;
use crate::runtime::{Error, Source};

/// Reads the input topics.
pub struct KafkaSource {
    /// By slot; dropped before the consumer.
    slots: Vec<Slot>,
    consumer: Arc<BaseConsumer<Quiet>>,
    reach: Reach,
    topics: Vec<InputTopic>,
    waker: Waker,
    woken: UnixStream,
}

struct Slot {
    topic: String,
    partition: u32,
    queue: PartitionQueue,
}

impl KafkaSource {
    /// A source of the configured topics; nothing is read before `open`.
    ///
    /// # Errors
    /// If librdkafka refuses the properties.
    pub fn new(settings: &KafkaSettings, waker: Waker, woken: UnixStream) -> Result<KafkaSource, Error> {
        let consumer = Arc::new(topics::client(settings)?);
        let (reach, topics) = (Reach::new(&settings.brokers), settings.inputs.clone());
        Ok(KafkaSource { slots: Vec::new(), consumer, reach, topics, waker, woken })
    }

    /// Moves what waits into the inbox; true: something was there.
    fn drain(&mut self, inbox: &mut Inbox) -> Result<bool, Error> {
        self.serve()?;
        let mut some = false;
        for (at, slot) in self.slots.iter_mut().enumerate() {
            let mut trouble = None;
            while inbox.has_room(at) && trouble.is_none() {
                let count = slot.queue.drain(|received| {
                    let done = take(at, &slot.topic, slot.partition, &received, inbox);
                    trouble = trouble.take().or(done.err());
                });
                some |= count > 0;
                if count == 0 {
                    break;
                }
            }
            if let Some(trouble) = trouble {
                return Err(trouble);
            }
            if slot.queue.end_seen().is_some_and(|end| end <= inbox.next(at)) {
                inbox.reached_end(at);
            }
        }
        Ok(some)
    }

    /// Lets librdkafka say what is not about a partition.
    fn serve(&self) -> Result<(), Error> {
        self.reach.restore(self.consumer.client());
        match self.consumer.poll(Duration::ZERO) {
            Some(Err(KafkaError::MessageConsumptionFatal(code))) => {
                Err(Error::Door(format!("the Kafka consumer failed: {code}")))
            }
            Some(Err(error)) => {
                self.reach.heard(&error);
                tracing::warn!("librdkafka: {error}");
                Ok(())
            }
            Some(Ok(record)) => Err(Error::Door(format!(
                "record {} of {}[{}] came past its partition's queue",
                record.offset(),
                record.topic(),
                record.partition()
            ))),
            None => Ok(()),
        }
    }

    /// Waits until a queue fills, another door wakes, or the time is over.
    fn wait(&mut self, wait: Duration) -> Result<(), Error> {
        let broken = |e: std::io::Error| Error::Door(format!("the socket pair to wait on failed: {e}"));
        self.woken.set_read_timeout(Some(wait.max(Duration::from_millis(1)))).map_err(broken)?;
        let mut bytes = [0; 64];
        match self.woken.read(&mut bytes) {
            Ok(woken) => {
                assert_ne!(woken, 0, "this source holds a waking end itself");
                Ok(())
            }
            Err(e) => match e.kind() {
                std::io::ErrorKind::WouldBlock
                | std::io::ErrorKind::TimedOut
                | std::io::ErrorKind::Interrupted => Ok(()),
                _ => Err(broken(e)),
            },
        }
    }
}

impl Source for KafkaSource {
    fn discover(&mut self, known: &[Input]) -> Result<Vec<Input>, Error> {
        let mut inputs = Vec::new();
        for input in &self.topics {
            for partition in 0..topics::partitions(&self.consumer, &input.topic)? {
                let same = |known: &&Input| known.topic == input.topic && known.partition == partition;
                let first = match known.iter().find(same) {
                    Some(known) => known.first,
                    None => topics::offsets(&self.consumer, &input.topic, partition)?.0,
                };
                inputs.push(Input {
                    topic: input.topic.clone(),
                    partition,
                    first,
                    types: input.types.clone(),
                });
            }
        }
        Ok(inputs)
    }

    fn open(&mut self, slots: &[(Input, u64)]) -> Result<(), Error> {
        self.slots.clear();
        let mut list = TopicPartitionList::with_capacity(slots.len());
        for (input, offset) in slots {
            let there = topics::partitions(&self.consumer, &input.topic)?;
            if input.partition >= there {
                return Err(Error::Door(format!(
                    "topic {} has {there} partitions, the epoch log knows partition {}: was it made anew?",
                    input.topic, input.partition
                )));
            }
            check_range(&self.consumer, input, *offset)?;
            let offset = i64::try_from(*offset).expect("an offset fits 63 bits");
            list.add_partition_offset(&input.topic, input.partition as i32, Offset::Offset(offset))
                .map_err(|e| Error::Door(format!("assignment of {}: {e}", input.topic)))?;
        }
        // Before the assignment: what is fetched between the two would come through the consumer.
        for (input, _) in slots {
            let topic = CString::new(input.topic.as_str()).expect("a topic of the broker has no NUL");
            let consumer = self.consumer.clone();
            let queue = PartitionQueue::split(consumer, &topic, input.partition as i32, &self.waker)
                .ok_or_else(|| Error::Door(format!("no queue for {}[{}]", input.topic, input.partition)))?;
            self.slots.push(Slot { topic: input.topic.clone(), partition: input.partition, queue });
        }
        self.consumer.assign(&list).map_err(|e| Error::Door(format!("assignment: {e}")))?;
        Ok(())
    }

    fn starts(&mut self) -> Result<Vec<u64>, Error> {
        self.slots
            .iter()
            .map(|slot| Ok(topics::offsets(&self.consumer, &slot.topic, slot.partition)?.0))
            .collect()
    }

    fn ends(&mut self) -> Result<Vec<u64>, Error> {
        self.slots
            .iter()
            .map(|slot| Ok(topics::offsets(&self.consumer, &slot.topic, slot.partition)?.1))
            .collect()
    }

    fn poll(&mut self, wait: Duration, inbox: &mut Inbox) -> Result<(), Error> {
        if !self.drain(inbox)? && !wait.is_zero() {
            self.wait(wait)?;
            self.drain(inbox)?;
        }
        Ok(())
    }

    fn tell(&mut self, ends: &[(usize, u64)]) {
        let mut list = TopicPartitionList::with_capacity(ends.len());
        for (slot, end) in ends {
            let slot = &self.slots[*slot];
            let offset = Offset::Offset(i64::try_from(*end).expect("an offset fits 63 bits"));
            list.add_partition_offset(&slot.topic, slot.partition as i32, offset)
                .expect("an offset may be committed");
        }
        // The group has no members, so nobody's assignment is at stake.
        if let Err(error) = self.consumer.commit(&list, CommitMode::Async) {
            tracing::warn!("the group's offsets, which lag tools read, were not committed: {error}");
        }
    }
}

/// The offset to go on from must lie within what the partition holds.
fn check_range(client: &BaseConsumer<Quiet>, input: &Input, offset: u64) -> Result<(), Error> {
    let (low, high) = topics::offsets(client, &input.topic, input.partition)?;
    if low <= offset && offset <= high {
        return Ok(());
    }
    Err(Error::Log(format!(
        "input {}[{}] holds offsets {low} to {high}, but must be read from {offset} on: was the topic deleted, made \
         anew, or cut by its retention? Without its input the state cannot be rebuilt",
        input.topic, input.partition
    )))
}

fn take(
    slot: usize,
    topic: &str,
    partition: u32,
    received: &Received<'_>,
    inbox: &mut Inbox,
) -> Result<(), Error> {
    let Some(code) = received.error() else {
        inbox.push(slot, received.offset(), received.timestamp(), received.value(), binary(received));
        return Ok(());
    };
    let text = String::from_utf8_lossy(received.value());
    let stop = |what: &str| Err(Error::Door(format!("input {topic}[{partition}]: {what} ({code}: {text})")));
    match code {
        RDKafkaErrorCode::PartitionEOF => {
            inbox.reached_end(slot);
            Ok(())
        }
        RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange => {
            stop("the next offset is not there: the topic was cut or made anew. The engine never skips")
        }
        RDKafkaErrorCode::UnknownTopic
        | RDKafkaErrorCode::UnknownPartition
        | RDKafkaErrorCode::UnknownTopicOrPartition => stop("the topic is gone"),
        RDKafkaErrorCode::BrokerTransportFailure
        | RDKafkaErrorCode::AllBrokersDown
        | RDKafkaErrorCode::Resolve
        | RDKafkaErrorCode::OperationTimedOut
        | RDKafkaErrorCode::RequestTimedOut
        | RDKafkaErrorCode::NotLeaderForPartition
        | RDKafkaErrorCode::LeaderNotAvailable => {
            tracing::warn!(topic, partition, "librdkafka: {code}: {text}; it tries again");
            Ok(())
        }
        _ => stop("reading failed"),
    }
}

/// The `ce_*` headers, if the record is in binary mode.
fn binary(received: &Received<'_>) -> Option<Box<OwnedHeaders>> {
    let mut found: Option<Box<OwnedHeaders>> = None;
    let mut others: [Option<Vec<u8>>; 5] = Default::default();
    received.headers(|name, value| {
        if name == b"ce_specversion" {
            found.get_or_insert_default().specversion = value.to_vec();
        } else if let Some(at) = OwnedHeaders::OTHERS.iter().position(|other| other.as_bytes() == name) {
            others[at] = Some(value.to_vec());
        }
    });
    if let Some(headers) = &mut found {
        headers.others = others;
    }
    found
}
