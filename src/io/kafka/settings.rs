//! What the Kafka doors are told, and the librdkafka configurations that follow from it. Properties of the user pass
//! through, except those that run code and those on which correctness rests.

use std::collections::BTreeMap;

use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;

use crate::types::Stream;

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
}

/// Properties that make librdkafka or OpenSSL load code or run a program.
const RUNS_CODE: [&str; 5] = [
    "plugin.library.paths",
    "ssl.engine.location",
    "ssl.engine.id",
    "ssl.providers",
    "sasl.kerberos.kinit.cmd",
];

/// Properties that the engine sets itself: other values would lose, double or reorder records.
const OURS: [&str; 21] = [
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

    /// One of the two writers of the epoch topic.
    pub fn epoch_producer(&self, turn: usize) -> ClientConfig {
        let mut config = self.producer();
        config
            .set("linger.ms", "0")
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
        };
        let consumer = settings.consumer();
        assert_eq!(consumer.get("auto.offset.reset"), Some("error"));
        assert_eq!(consumer.get("isolation.level"), Some("read_committed"));
        assert_eq!(consumer.get("fetch.wait.max.ms"), Some("7"));
        assert_eq!(settings.producer().get("enable.idempotence"), Some("true"));
        assert_eq!(settings.output_topic(Stream::Sla), "out.sla");
        for config in [consumer, settings.producer(), settings.epoch_producer(1)] {
            config.create_native_config().expect("librdkafka knows every property");
        }
    }
}
