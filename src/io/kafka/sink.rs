//! Output to Kafka: one idempotent producer, partition and timestamp set by the runtime, epochs told apart in the
//! delivery reports. librdkafka keeps the order a partition and sends again within `message.timeout.ms`; what fails
//! after that stops the engine.

use std::time::{Duration, Instant};

use rdkafka::config::FromClientConfigAndContext;
use rdkafka::error::KafkaError;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::types::RDKafkaErrorCode;

use crate::io::kafka::context::Deliveries;
use crate::io::kafka::settings::KafkaSettings;
use crate::io::kafka::topics;
use crate::runtime::outgoing::OutputRecord;
use crate::runtime::{Error, Sink};
use crate::types::Stream;

/// Longest wait for room in the producer's queue: deliveries time out before.
const ROOM_WAIT: Duration = Duration::from_secs(330);

/// Sends output.
pub struct KafkaSink {
    producer: BaseProducer<Deliveries>,
    settings: KafkaSettings,
    /// By `Stream as usize`.
    topics: Vec<String>,
    headers: OwnedHeaders,
}

impl KafkaSink {
    /// A producer for the output topics.
    ///
    /// # Errors
    /// If librdkafka refuses the properties.
    pub fn new(settings: &KafkaSettings) -> Result<KafkaSink, Error> {
        let producer = BaseProducer::from_config_and_context(&settings.producer(), Deliveries::default())
            .map_err(|e| Error::Door(format!("librdkafka refuses its configuration: {e}")))?;
        let content_type = Header { key: "content-type", value: Some("application/cloudevents+json") };
        Ok(KafkaSink {
            producer,
            topics: Stream::ALL.iter().map(|stream| settings.output_topic(*stream)).collect(),
            settings: settings.clone(),
            headers: OwnedHeaders::new().insert(content_type),
        })
    }

    fn deliveries(&self) -> &Deliveries {
        self.producer.client().context()
    }

    fn under_way(&self) -> Result<(Option<u64>, u64), Error> {
        self.deliveries().under_way().map_err(Error::Door)
    }

    /// Serves delivery reports as long as there are any.
    fn serve(&self) -> Result<Option<u64>, Error> {
        loop {
            let before = self.under_way()?;
            if before.0.is_none() {
                return Ok(None);
            }
            self.producer.poll(Duration::ZERO);
            let after = self.under_way()?;
            if after.1 == before.1 {
                return Ok(after.0);
            }
        }
    }
}

impl Sink for KafkaSink {
    fn partitions(&mut self) -> Result<[u32; 6], Error> {
        let client = topics::client(&self.settings)?;
        let mut partitions = [0; 6];
        for (count, topic) in partitions.iter_mut().zip(&self.topics) {
            *count = topics::partitions(&client, topic)?;
        }
        Ok(partitions)
    }

    fn send(&mut self, epoch: u64, record: &OutputRecord<'_>) -> Result<(), Error> {
        let topic = &self.topics[record.stream as usize];
        // librdkafka takes a timestamp of 0 for none.
        let timestamp = record.timestamp.0.max(1);
        self.deliveries().begin(epoch);
        let mut message = BaseRecord::with_opaque_to(topic, epoch as usize)
            .partition(record.partition as i32)
            .key(record.key)
            .payload(record.value)
            .timestamp(timestamp)
            .headers(self.headers.clone());
        let deadline = Instant::now() + ROOM_WAIT;
        loop {
            match self.producer.send(message) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back))
                    if Instant::now() < deadline =>
                {
                    message = back;
                    self.producer.poll(Duration::from_millis(1));
                    self.under_way()?;
                }
                Err((error, _)) => {
                    self.deliveries().take_back(epoch);
                    return Err(Error::Door(format!("output to {topic}[{}]: {error}", record.partition)));
                }
            }
        }
    }

    fn unacknowledged(&mut self, wait: Duration) -> Result<Option<u64>, Error> {
        let oldest = self.serve()?;
        if oldest.is_none() || wait.is_zero() {
            return Ok(oldest);
        }
        self.producer.poll(wait);
        self.serve()
    }
}
