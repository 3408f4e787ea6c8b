//! Questions to the broker before anything is read or written: is it there, which partitions has a topic, is it
//! compacted. Each has a bound on its wait.

use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, ResourceSpecifier};
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::types::RDKafkaErrorCode;

use crate::io::kafka::context::Quiet;
use crate::io::kafka::settings::KafkaSettings;
use crate::runtime::Error;
use crate::types::Stream;

/// Longest wait for an answer: a broker that is up answers in milliseconds.
pub const ANSWER: Duration = Duration::from_secs(8);

/// Whether a broker answers, and epoch topic and input topics are there and keep what they are given.
///
/// # Errors
/// If none answers within 8 s; else names the topic.
pub fn check_log(settings: &KafkaSettings) -> Result<(), Error> {
    let client = client(settings)?;
    client.fetch_metadata(Some(&settings.epoch_topic), ANSWER).map_err(|e| {
        Error::Door(format!(
            "no Kafka broker answers at {} ({e}): is it running, and is `brokers` right?",
            settings.brokers
        ))
    })?;
    let inputs = settings.inputs.iter().map(|input| input.topic.as_str());
    let topics: Vec<&str> = inputs.chain([settings.epoch_topic.as_str()]).collect();
    for topic in &topics {
        partitions(&client, topic)?;
    }
    check_kept(settings, &topics)
}

/// Whether all output topics are there.
///
/// # Errors
/// Names the first that is not.
pub fn check_outputs(settings: &KafkaSettings) -> Result<(), Error> {
    let client = client(settings)?;
    Stream::ALL.iter().try_for_each(|stream| partitions(&client, &settings.output_topic(*stream)).map(|_| ()))
}

/// A client that only asks.
///
/// # Errors
/// If librdkafka refuses the properties.
pub fn client(settings: &KafkaSettings) -> Result<BaseConsumer<Quiet>, Error> {
    let config = settings.consumer();
    BaseConsumer::from_config_and_context(&config, Quiet)
        .map_err(|e| Error::Door(format!("librdkafka refuses its configuration: {e}")))
}

/// Number of partitions of a topic.
///
/// # Errors
/// If it does not exist, may not be read, or nobody answers.
pub fn partitions(client: &BaseConsumer<Quiet>, topic: &str) -> Result<u32, Error> {
    let door = |what: String| Error::Door(format!("topic {topic}: {what}"));
    let metadata = client.fetch_metadata(Some(topic), ANSWER).map_err(|e| door(e.to_string()))?;
    let found = metadata.topics().iter().find(|found| found.name() == topic);
    let found = found.ok_or_else(|| door("the broker says nothing of it".into()))?;
    match found.error().map(RDKafkaErrorCode::from) {
        None if found.partitions().is_empty() => Err(door("it has no partitions".into())),
        None => Ok(found.partitions().len() as u32),
        Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => {
            Err(door("it does not exist; create it, or correct its name in the configuration".into()))
        }
        Some(code) => Err(door(code.to_string())),
    }
}

/// First and end offset of a partition's committed records.
///
/// # Errors
/// If nobody answers, or the partition is gone.
pub fn offsets(client: &BaseConsumer<Quiet>, topic: &str, partition: u32) -> Result<(u64, u64), Error> {
    let answer = client.fetch_watermarks(topic, partition as i32, ANSWER);
    let (low, high) = answer.map_err(|e| Error::Door(format!("offsets of {topic}[{partition}]: {e}")))?;
    let offset = |offset: i64| u64::try_from(offset).expect("a watermark is not negative");
    Ok((offset(low), offset(high)))
}

/// Refuses topics that lose records by compaction, and says so if time or size will cut them.
///
/// # Errors
/// Names the compacted topic.
fn check_kept(settings: &KafkaSettings, topics: &[&str]) -> Result<(), Error> {
    let door = |e: String| Error::Door(format!("settings of {}: {e}", topics.join(", ")));
    let admin: AdminClient<Quiet> =
        AdminClient::from_config_and_context(&settings.client(), Quiet).map_err(|e| door(e.to_string()))?;
    let resources: Vec<_> = topics.iter().map(|topic| ResourceSpecifier::Topic(topic)).collect();
    let options = AdminOptions::new().request_timeout(Some(ANSWER));
    let answers = block_on(admin.describe_configs(&resources, &options)).map_err(|e| door(e.to_string()))?;
    for (topic, answer) in topics.iter().zip(answers) {
        let answer = match answer {
            Ok(answer) => answer,
            Err(RDKafkaErrorCode::TopicAuthorizationFailed) => {
                tracing::warn!(topic, "may not see the topic's settings: make sure that it is not compacted");
                continue;
            }
            Err(e) => return Err(door(e.to_string())),
        };
        let value = |name| answer.get(name).and_then(|entry| entry.value.clone()).unwrap_or_default();
        if value("cleanup.policy").contains("compact") {
            return Err(Error::Door(format!(
                "topic {topic} is compacted (cleanup.policy={}): compaction takes records out of the middle of the \
                 log. Set cleanup.policy=delete",
                value("cleanup.policy")
            )));
        }
        if *topic == settings.epoch_topic && value("message.timestamp.type") != "LogAppendTime" {
            tracing::warn!(
                topic,
                "the epoch topic keeps the writers' times, so a leader's clock cannot be compared with the broker's. Set \
                 message.timestamp.type=LogAppendTime"
            );
        }
        if *topic == settings.epoch_topic && value("retention.ms") != "-1" {
            tracing::warn!(
                topic,
                retention_ms = value("retention.ms"),
                "the epoch topic will be cut: a restart needs it, and the input, from the start. Set retention.ms=-1"
            );
        }
    }
    Ok(())
}

/// Waits for a future on this thread; librdkafka's thread wakes it.
fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(std::thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = std::pin::pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park(),
        }
    }
}
