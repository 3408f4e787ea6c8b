//! The output topics as any consumer reads them: committed records only, each partition from its start, by the client's
//! ordinary calls. For `verify`, which shares nothing with the side that writes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::TopicPartitionList;
use rdkafka::consumer::base_consumer::PartitionQueue;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::topic_partition_list::Offset;

use crate::io::kafka::context::Quiet;
use crate::io::kafka::settings::KafkaSettings;
use crate::io::kafka::topics;
use crate::runtime::Error;
use crate::runtime::verify::{Found, Outputs};
use crate::types::{Millis, Stream};

/// Longest silence of the broker.
const SILENCE: Duration = Duration::from_secs(30);

/// Reads all output topics.
pub struct OutputTopics {
    /// By (stream, partition); dropped before the consumer.
    partitions: Vec<Vec<Partition>>,
    topics: Vec<String>,
    consumer: Arc<BaseConsumer<Quiet>>,
}

struct Partition {
    queue: PartitionQueue<Quiet>,
    /// The broker says so once.
    at_end: bool,
}

impl OutputTopics {
    /// From the start of each partition on.
    ///
    /// # Errors
    /// If a topic is missing, or nobody answers.
    pub fn open(settings: &KafkaSettings) -> Result<OutputTopics, Error> {
        let consumer = Arc::new(topics::client(settings)?);
        let names: Vec<String> = Stream::ALL.iter().map(|stream| settings.output_topic(*stream)).collect();
        let (mut list, mut partitions) = (TopicPartitionList::new(), Vec::new());
        for topic in &names {
            let mut of_topic = Vec::new();
            for partition in 0..topics::partitions(&consumer, topic)? as i32 {
                let door = |e: KafkaError| Error::Door(format!("{topic}[{partition}]: {e}"));
                list.add_partition_offset(topic, partition, Offset::Beginning).map_err(door)?;
                let queue = consumer.split_partition_queue(topic, partition);
                let queue = queue.ok_or_else(|| Error::Door(format!("no queue for {topic}[{partition}]")))?;
                of_topic.push(Partition { queue, at_end: false });
            }
            partitions.push(of_topic);
        }
        consumer.assign(&list).map_err(|e| Error::Door(format!("assignment of the outputs: {e}")))?;
        Ok(OutputTopics { partitions, topics: names, consumer })
    }
}

impl Outputs for OutputTopics {
    fn next(&mut self, stream: Stream, partition: u32) -> Result<Option<Found>, Error> {
        let topic = &self.topics[stream as usize];
        let found = self.partitions[stream as usize].get_mut(partition as usize);
        let Partition { queue, at_end } =
            found.ok_or_else(|| Error::Log(format!("{topic} has no partition {partition} any more")))?;
        let silent = Instant::now() + SILENCE;
        while !*at_end {
            // What is not about a partition comes here, and nothing else.
            if let Some(Err(error)) = self.consumer.poll(Duration::ZERO) {
                tracing::warn!("librdkafka: {error}");
            }
            match queue.poll(Duration::from_millis(100)) {
                Some(Ok(message)) => {
                    return Ok(Some(Found {
                        key: message.key().unwrap_or_default().to_vec(),
                        timestamp: Millis(message.timestamp().to_millis().unwrap_or(0)),
                        value: message.payload().unwrap_or_default().to_vec(),
                    }));
                }
                Some(Err(KafkaError::PartitionEOF(_))) => *at_end = true,
                Some(Err(error)) => tracing::warn!("librdkafka: {topic}[{partition}]: {error}"),
                None => {}
            }
            if Instant::now() > silent {
                return Err(Error::Door(format!("{topic}[{partition}]: the broker is silent")));
            }
        }
        Ok(None)
    }
}
