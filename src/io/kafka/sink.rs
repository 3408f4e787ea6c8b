//! Output to Kafka, at least once: one idempotent producer, partition and timestamp set by the runtime, epochs told apart in the
//! delivery reports. librdkafka keeps the order a partition and sends again within `message.timeout.ms`; what fails
//! after that stops the engine.

use std::time::{Duration, Instant};

use rdkafka::config::FromClientConfigAndContext;
use rdkafka::error::KafkaError;
use rdkafka::message::{Header, OwnedHeaders, ToBytes};
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

/// Topics and headers of all output.
pub struct Outlets {
    /// By `Stream as usize`.
    topics: Vec<String>,
    headers: OwnedHeaders,
}

impl Outlets {
    /// Of the configured topics.
    pub fn new(settings: &KafkaSettings) -> Outlets {
        let content_type = Header { key: "content-type", value: Some("application/cloudevents+json") };
        Outlets {
            topics: Stream::ALL.iter().map(|stream| settings.output_topic(*stream)).collect(),
            headers: OwnedHeaders::new().insert(content_type),
        }
    }

    /// Hands an output of this epoch to a producer, waiting for room if need be.
    ///
    /// # Errors
    /// If the producer refuses it, has failed before, or has no room for very long.
    pub fn send(
        &self,
        producer: &BaseProducer<Deliveries>,
        epoch: u64,
        record: &OutputRecord<'_>,
    ) -> Result<(), Error> {
        let message = BaseRecord::with_opaque_to(&self.topics[record.stream as usize], epoch as usize)
            .partition(record.partition as i32)
            .key(record.key)
            .payload(record.value)
            // librdkafka takes a timestamp of 0 for none.
            .timestamp(record.timestamp.0.max(1))
            .headers(self.headers.clone());
        self.produce(producer, epoch, message)
    }

    /// Hands any record of this epoch to a producer.
    ///
    /// # Errors
    /// As `send`.
    pub fn produce<K: ToBytes + ?Sized>(
        &self,
        producer: &BaseProducer<Deliveries>,
        epoch: u64,
        mut message: BaseRecord<'_, K, [u8], usize>,
    ) -> Result<(), Error> {
        let deliveries = producer.client().context();
        let deadline = Instant::now() + ROOM_WAIT;
        deliveries.begin(epoch);
        loop {
            match producer.send(message) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back))
                    if Instant::now() < deadline =>
                {
                    message = back;
                    producer.poll(Duration::from_millis(1));
                    deliveries.under_way().map_err(Error::Door)?;
                }
                Err((error, back)) => {
                    deliveries.take_back(epoch);
                    let partition = back.partition.unwrap_or(-1);
                    return Err(Error::Door(format!("output to {}[{partition}]: {error}", back.topic)));
                }
            }
        }
    }
}

/// Sends output.
pub struct KafkaSink {
    producer: BaseProducer<Deliveries>,
    settings: KafkaSettings,
    outlets: Outlets,
}

impl KafkaSink {
    /// A producer for the output topics.
    ///
    /// # Errors
    /// If librdkafka refuses the properties.
    pub fn new(settings: &KafkaSettings) -> Result<KafkaSink, Error> {
        let producer = BaseProducer::from_config_and_context(&settings.producer(), Deliveries::default())
            .map_err(|e| Error::Door(format!("librdkafka refuses its configuration: {e}")))?;
        Ok(KafkaSink { producer, outlets: Outlets::new(settings), settings: settings.clone() })
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
        for (count, topic) in partitions.iter_mut().zip(&self.outlets.topics) {
            *count = topics::partitions(&client, topic)?;
        }
        Ok(partitions)
    }

    fn send(&mut self, epoch: u64, record: &OutputRecord<'_>) -> Result<(), Error> {
        self.outlets.send(&self.producer, epoch, record)
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
