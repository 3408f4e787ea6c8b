//! What the Kafka doors are told, and the librdkafka configurations that follow from it. Properties of the user pass
//! through, except those that run code and those on which correctness rests.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;

use crate::runtime::Error;
use crate::types::{DurationMs, Stream};

/// An input topic.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InputTopic {
    /// Its name.
    pub topic: String,
    /// Types that it may carry, with their prefix; `None`: all.
    pub types: Option<Vec<String>>,
}

/// Brokers, topics, properties of one tenant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KafkaSettings {
    /// Whose events.
    pub tenant: String,
    /// `host:port`, separated by commas.
    pub brokers: String,
    /// In this order their partitions get their slots.
    pub inputs: Vec<InputTopic>,
    /// Output topics are `<prefix>.<stream>`.
    pub output_prefix: String,
    /// The epoch topic, of one partition.
    pub epoch_topic: String,
    /// librdkafka's properties for all clients.
    pub properties: BTreeMap<String, String>,
    /// A leader's clock is no further than this from the broker's.
    pub clock_off_max: DurationMs,
}

/// `clock_off_max`, unless a test says otherwise.
pub const CLOCK_OFF_MAX: DurationMs = DurationMs::seconds(2);

/// Property of the session time-out.
const SESSION: &str = "session.timeout.ms";
/// The lease's, if the property does not say otherwise: the shortest that brokers allow by default.
const LEASE_SESSION: Duration = Duration::from_secs(6);
/// Heartbeats in a session: the next member hears of a leader's clean end within one of them.
const HEARTBEATS: u32 = 12;

/// Properties that make librdkafka or OpenSSL load code or run a program.
const RUNS_CODE: [&str; 5] = [
    "plugin.library.paths",
    "ssl.engine.location",
    "ssl.engine.id",
    "ssl.providers",
    "sasl.kerberos.kinit.cmd",
];

/// Properties that the engine sets itself: other values would lose, double or reorder records.
const OURS: [&str; 22] = [
    "acks",
    "allow.auto.create.topics",
    "auto.commit.enable",
    "auto.offset.reset",
    "bootstrap.servers",
    "check.crcs",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "enable.gapless.guarantee",
    "enable.idempotence",
    "enable.partition.eof",
    "group.id",
    "group.instance.id",
    "group.protocol",
    "isolation.level",
    "max.in.flight",
    "max.in.flight.requests.per.connection",
    "metadata.broker.list",
    "partition.assignment.strategy",
    "partitioner",
    "request.required.acks",
    "transactional.id",
];

/// Why a property is refused; `None`: it may be set.
pub fn refusal(name: &str, value: &str) -> Option<String> {
    if RUNS_CODE.contains(&name) {
        return Some(format!("kafka property {name:?} is refused: it would load or run code"));
    }
    if OURS.contains(&name) {
        return Some(format!("kafka property {name:?} is refused: the engine sets it itself"));
    }
    let mut config = ClientConfig::new();
    config.set(name, value);
    config.create_native_config().err().map(|e| format!("kafka property {name:?} = {value:?}: {e}"))
}

impl KafkaSettings {
    /// The topic of a stream.
    pub fn output_topic(&self, stream: Stream) -> String {
        format!("{}.{}", self.output_prefix, stream.word())
    }

    /// Common to all clients.
    pub fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        // Defaults that a property may override.
        config.set("client.id", "trunkline").set("socket.nagle.disable", "true");
        for (name, value) in &self.properties {
            config.set(name, value);
        }
        config.set("bootstrap.servers", &self.brokers).set("allow.auto.create.topics", "false");
        config.set_log_level(RDKafkaLogLevel::Warning);
        config
    }

    /// Reads from exactly where it is told, committed records only, and says when it is at the end.
    pub fn consumer(&self) -> ClientConfig {
        let mut config = self.client();
        for (name, value) in [
            // At an empty queue the next fetch is tried again after this; the default of 1 s is a pause under load.
            ("fetch.queue.backoff.ms", "2"),
            ("queued.min.messages", "100000"),
            ("queued.max.messages.kbytes", "65536"),
            ("fetch.wait.max.ms", "100"),
        ] {
            if config.get(name).is_none() {
                config.set(name, value);
            }
        }
        config
            .set("group.id", format!("trunkline-{}", self.tenant))
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", "error")
            .set("check.crcs", "true")
            .set("isolation.level", "read_committed")
            .set("enable.partition.eof", "true");
        config
    }

    /// Every record once and in order a partition.
    pub fn producer(&self) -> ClientConfig {
        let mut config = self.client();
        for (name, value) in [
            ("linger.ms", "0"),
            ("batch.size", "1000000"),
            ("queue.buffering.max.messages", "1000000"),
            ("queue.buffering.max.kbytes", "262144"),
        ] {
            if config.get(name).is_none() {
                config.set(name, value);
            }
        }
        config.set("enable.idempotence", "true").set("acks", "all");
        config
    }

    /// The group whose one member leads.
    pub fn lease_group(&self) -> String {
        format!("trunkline-{}.lease", self.tenant)
    }

    /// After so long without a heartbeat the lease goes to another.
    ///
    /// # Errors
    /// If the property says otherwise and is no number.
    pub fn lease_session(&self) -> Result<Duration, Error> {
        let Some(text) = self.properties.get(SESSION) else { return Ok(LEASE_SESSION) };
        let millis = text.parse().map_err(|e| Error::Door(format!("kafka property {SESSION}: {e}")))?;
        Ok(Duration::from_millis(millis))
    }

    /// A member of the lease group.
    ///
    /// # Errors
    /// As `lease_session`.
    pub fn lease(&self) -> Result<ClientConfig, Error> {
        let session = self.lease_session()?;
        let millis = |duration: Duration| duration.as_millis().max(1).to_string();
        let mut config = self.consumer();
        config
            .set("group.id", self.lease_group())
            .set("partition.assignment.strategy", "cooperative-sticky")
            .set(SESSION, millis(session))
            .set("heartbeat.interval.ms", millis(session / HEARTBEATS))
            // Bounds how long a rebalance waits for a member that is gone.
            .set("max.poll.interval.ms", millis(session.max(Duration::from_secs(10))))
            .set("auto.offset.reset", "latest")
            .set("enable.partition.eof", "false");
        Ok(config)
    }

    /// One of the two writers of the epoch topic.
    pub fn epoch_producer(&self, turn: usize) -> ClientConfig {
        let mut config = self.producer();
        config
            // An epoch leaves when it is complete, by a flush, one request a partition: of a partition that has five messages
            // unacknowledged librdkafka sends no more, and without lingering it looks for an acknowledgement without pause.
            .set("linger.ms", "1000")
            .set("batch.num.messages", "1000000")
            .set("transactional.id", format!("trunkline-{}-epochs-{turn}", self.tenant))
            .set("transaction.timeout.ms", "15000")
            .set("message.timeout.ms", "10000");
        config
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_runs_code_or_breaks_a_promise_is_refused() {
        for name in RUNS_CODE.iter().chain(&OURS) {
            assert!(refusal(name, "x").is_some_and(|why| why.contains("is refused")), "{name}");
        }
        assert!(
            refusal("no.such.property", "x")
                .is_some_and(|why| why.contains("No such configuration property"))
        );
        assert!(refusal("linger.ms", "many").is_some(), "not a number");
        for (name, value) in [
            ("linger.ms", "5"),
            ("compression.type", "zstd"),
            ("security.protocol", "ssl"),
            ("sasl.username", "u"),
        ] {
            assert_eq!(refusal(name, value), None, "{name}");
        }
    }

    #[test]
    fn promises_hold_whatever_is_configured() {
        let settings = KafkaSettings {
            tenant: "t".into(),
            brokers: "localhost:1".into(),
            inputs: Vec::new(),
            output_prefix: "out".into(),
            epoch_topic: "epochs".into(),
            properties: BTreeMap::from([("fetch.wait.max.ms".into(), "7".into())]),
            clock_off_max: CLOCK_OFF_MAX,
        };
        let consumer = settings.consumer();
        assert_eq!(consumer.get("auto.offset.reset"), Some("error"));
        assert_eq!(consumer.get("isolation.level"), Some("read_committed"));
        assert_eq!(consumer.get("fetch.wait.max.ms"), Some("7"));
        assert_eq!(settings.producer().get("enable.idempotence"), Some("true"));
        assert_eq!(settings.output_topic(Stream::Sla), "out.sla");
        let lease = settings.lease().unwrap();
        assert_eq!(
            (lease.get("session.timeout.ms"), lease.get("heartbeat.interval.ms")),
            (Some("6000"), Some("500"))
        );
        for config in [consumer, lease, settings.producer(), settings.epoch_producer(1)] {
            config.create_native_config().expect("librdkafka knows every property");
        }
    }
}
