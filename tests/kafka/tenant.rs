//! One tenant on the test broker: topics of its own, configuration and rules in a folder of its own, its input loaded
//! and its output read by a plain client that shares no code with the product.

use crate::broker::{Broker, binary};
use crate::proxy::Pause;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{Headers, Message};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

pub const STREAMS: [&str; 6] = ["assignments", "sla", "replies", "conversations", "customers", "rejected"];
/// Partitions of each output topic.
pub const PARTITIONS: [i32; 6] = [3, 2, 1, 3, 4, 2];
pub const INPUT_PARTITIONS: i32 = 4;
/// Longest wait of any test for anything.
const PATIENCE: Duration = Duration::from_secs(600);

/// A record of an output topic.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Received {
    pub key: Vec<u8>,
    pub timestamp: Option<i64>,
    pub content_type: Option<Vec<u8>>,
    pub value: Vec<u8>,
}

pub struct Tenant {
    pub broker: Arc<Broker>,
    pub name: String,
    pub folder: tempfile::TempDir,
}

impl Tenant {
    /// Topics, rules and configuration; `extra` goes before `[kafka]`.
    pub fn new(broker: &Arc<Broker>, name: &str, rules: &str, extra: &str) -> Tenant {
        let tenant =
            Tenant { broker: broker.clone(), name: name.to_owned(), folder: tempfile::tempdir().unwrap() };
        let endless = [("retention.ms", "-1"), ("message.timestamp.after.max.ms", "9223372036854775807")];
        tenant.create("in", INPUT_PARTITIONS, &endless);
        tenant.create("control", 1, &endless);
        let broker_time = ("message.timestamp.type", "LogAppendTime");
        tenant.create("epochs", 1, &[endless[0], broker_time]);
        for (stream, partitions) in STREAMS.iter().zip(PARTITIONS) {
            tenant.create(&format!("out.{stream}"), partitions, &endless);
        }
        std::fs::write(tenant.path("rules.toml"), rules).unwrap();
        tenant.configure(extra, "");
        tenant
    }

    pub fn configure(&self, extra: &str, kafka: &str) {
        self.configure_as("trunkline.toml", &self.broker.address, extra, kafka);
    }

    /// Configuration of an instance. Sessions of the lease are short: most tests start again what they killed, and wait for it.
    pub fn configure_as(&self, file: &str, brokers: &str, extra: &str, kafka: &str) {
        let Tenant { name, broker, .. } = self;
        let mut kafka = kafka.to_owned();
        if broker.is_own() && !kafka.contains("session.timeout.ms") {
            if !kafka.contains("[kafka.properties]") {
                kafka += "\n[kafka.properties]";
            }
            kafka += "\n\"session.timeout.ms\" = \"2000\"";
        }
        let text = format!(
            "tenant = \"{name}\"\nrules = \"rules.toml\"\nsnapshots.interval_s = 1\n{extra}\n[http]\naddress = \"127.0.0.1:0\"\n[kafka]\nbrokers = \"{}\"\n\
             epoch_topic = \"{name}.epochs\"\ncontrol_topic = \"{name}.control\"\noutput_prefix = \"{name}.out\"\n{kafka}\n\
             [[kafka.inputs]]\ntopic = \"{name}.in\"\n",
            brokers
        );
        std::fs::write(self.path(file), text).unwrap();
    }

    pub fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    pub fn topic(&self, name: &str) -> String {
        format!("{}.{name}", self.name)
    }

    fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.broker.address);
        config
    }

    fn admin(&self) -> AdminClient<DefaultClientContext> {
        self.client().create().unwrap()
    }

    pub fn create(&self, name: &str, partitions: i32, settings: &[(&str, &str)]) {
        let topic = self.topic(name);
        let mut new = NewTopic::new(&topic, partitions, TopicReplication::Fixed(1));
        for (key, value) in settings {
            new = new.set(key, value);
        }
        let answer = block_on(self.admin().create_topics(&[new], &AdminOptions::new())).unwrap();
        answer[0].as_ref().unwrap();
    }

    pub fn delete(&self, name: &str) {
        let topic = self.topic(name);
        let answer = block_on(self.admin().delete_topics(&[&topic], &AdminOptions::new())).unwrap();
        answer[0].as_ref().unwrap();
    }

    /// Loads lines as records, one after another over the partitions, each with its event's time as timestamp.
    pub fn load<'a>(&self, lines: impl IntoIterator<Item = &'a [u8]>) -> usize {
        let producer: BaseProducer =
            self.client().set("linger.ms", "5").set("enable.idempotence", "true").create().unwrap();
        let topic = self.topic("in");
        let mut count = 0;
        let mut timestamp = 1;
        for line in lines {
            timestamp = std::str::from_utf8(line).ok().and_then(time_of).unwrap_or(timestamp);
            let mut record = BaseRecord::<(), [u8]>::to(&topic)
                .partition(count as i32 % INPUT_PARTITIONS)
                .timestamp(timestamp)
                .payload(line);
            while let Err((error, back)) = producer.send(record) {
                assert!(error.to_string().contains("QueueFull"), "{error}");
                producer.poll(Duration::from_millis(10));
                record = back;
            }
            count += 1;
        }
        producer.flush(PATIENCE).unwrap();
        count
    }

    /// The same `count` by `count`, with a pause behind each, until told to end; panics if there is nothing left before.
    pub fn load_slowly<'a>(
        &self,
        lines: impl Iterator<Item = &'a [u8]>,
        count: usize,
        pause: Duration,
        end: &AtomicBool,
    ) -> usize {
        let producer: BaseProducer = self.client().set("enable.idempotence", "true").create().unwrap();
        let (topic, clock) = (self.topic("in"), Pause::default());
        let mut timestamp = 1;
        for (at, line) in lines.enumerate() {
            timestamp = std::str::from_utf8(line).ok().and_then(time_of).unwrap_or(timestamp);
            let record = BaseRecord::<(), [u8]>::to(&topic).partition(at as i32 % INPUT_PARTITIONS);
            producer.send(record.timestamp(timestamp).payload(line)).map_err(|(error, _)| error).unwrap();
            if at % count == 0 {
                clock.wait(pause);
                producer.poll(Duration::ZERO);
                if end.load(Ordering::Relaxed) {
                    producer.flush(PATIENCE).unwrap();
                    return at + 1;
                }
            }
        }
        panic!("nothing left to load");
    }

    /// A plain consumer of committed records that is assigned nothing.
    pub fn committed(&self) -> BaseConsumer {
        let mut client = self.client();
        let config = client.set("group.id", "trunkline-test").set("enable.auto.commit", "false");
        config.set("auto.offset.reset", "error").set("isolation.level", "read_committed").create().unwrap()
    }

    /// A plain consumer that is assigned nothing.
    pub fn consumer(&self) -> BaseConsumer {
        self.client().create().unwrap()
    }

    /// Writes a record that was read once more, or any value, as an intruder would.
    pub fn write(&self, name: &str, partition: i32, key: &[u8], timestamp: Option<i64>, value: &[u8]) {
        let producer: BaseProducer = self.client().create().unwrap();
        let topic = self.topic(name);
        let record = BaseRecord::to(&topic).partition(partition).key(key).payload(value);
        producer.send(BaseRecord { timestamp, ..record }).map_err(|(error, _)| error).unwrap();
        producer.flush(PATIENCE).unwrap();
    }

    /// End offsets summed over an output topic's partitions.
    pub fn end(&self, name: &str, partitions: i32) -> i64 {
        let consumer: BaseConsumer = self.client().create().unwrap();
        let end = |partition| {
            consumer.fetch_watermarks(&self.topic(name), partition, Duration::from_secs(20)).unwrap().1
        };
        (0..partitions).map(end).sum()
    }

    /// Everything that a partition holds, committed records only.
    pub fn read(&self, name: &str, partition: i32) -> Vec<Received> {
        let consumer: BaseConsumer = self
            .client()
            .set("group.id", "trunkline-test")
            .set("enable.auto.commit", "false")
            .set("enable.partition.eof", "true")
            .set("isolation.level", "read_committed")
            .create()
            .unwrap();
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&self.topic(name), partition, Offset::Beginning).unwrap();
        consumer.assign(&list).unwrap();
        let mut all = Vec::new();
        let deadline = Instant::now() + PATIENCE;
        loop {
            assert!(Instant::now() < deadline, "no end of {name}[{partition}]");
            match consumer.poll(Duration::from_millis(200)) {
                Some(Err(KafkaError::PartitionEOF(_))) => return all,
                Some(Ok(message)) => all.push(Received {
                    key: message.key().unwrap_or_default().to_vec(),
                    timestamp: message.timestamp().to_millis(),
                    content_type: message.headers().and_then(|headers| {
                        headers.iter().find(|h| h.key == "content-type")?.value.map(<[u8]>::to_vec)
                    }),
                    value: message.payload().unwrap().to_vec(),
                }),
                Some(Err(error)) => panic!("{error}"),
                None => {}
            }
        }
    }

    /// The service, ready to be started; its log goes to `log`.
    pub fn command(&self, arguments: &[&str]) -> Command {
        self.command_as("trunkline.toml", arguments)
    }

    fn command_as(&self, file: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command.args(arguments).arg("--config").arg(self.path(file));
        command.env_remove("TRUNKLINE_KEY").stdin(Stdio::null());
        command
    }

    /// Runs it to its end: exit code, stdout, stderr.
    pub fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        let output = self.command(arguments).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
    }

    /// The same for a command that has no configuration.
    pub fn tool(&self, arguments: &[&str]) -> (i32, String, String) {
        let output = Command::new(binary()).args(arguments).stdin(Stdio::null()).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
    }

    pub fn run_to_end(&self) -> serde_json::Value {
        let (code, out, err) = self.run(&["run", "--stop-at-end", "--json"]);
        assert_eq!(code, 0, "{err}");
        serde_json::from_str(&out).unwrap()
    }

    pub fn spawn(&self) -> Running {
        self.spawn_as("trunkline.toml", "run.log")
    }

    /// An instance with a configuration and a log of its own.
    pub fn spawn_as(&self, file: &str, log: &str) -> Running {
        let log = std::fs::File::create(self.path(log)).unwrap();
        Running(self.command_as(file, &["run"]).stdout(Stdio::null()).stderr(log).spawn().unwrap())
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.path("run.log")).unwrap()
    }

    /// Output of the model on the same epoch log, a file a stream.
    pub fn reference(&self, which: &str) -> PathBuf {
        let out = self.path(which);
        let (code, _, err) = self.run(&[which, "--kafka", "--out", out.to_str().unwrap()]);
        assert_eq!(code, 0, "{err}");
        out
    }
}

/// A running service; killed when the test ends otherwise.
pub struct Running(pub Child);

impl Running {
    pub fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    /// Sends a signal: `-STOP`.
    pub fn signal(&self, signal: &str) {
        let told = Command::new("kill").args([signal, &self.0.id().to_string()]).status().unwrap();
        assert!(told.success());
    }

    /// SIGTERM; then its exit code.
    pub fn terminate(mut self) -> i32 {
        self.signal("-TERM");
        self.0.wait().unwrap().code().unwrap_or(-1)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Asks until it holds; each question goes to the broker, which is the pause between them.
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "{what} did not happen");
    }
}

/// Lines of the reference that belong to one partition, in order; of a stream of divisions by division.
pub fn expected(folder: &Path, stream: usize, partition: i32) -> BTreeMap<String, Vec<String>> {
    let text = std::fs::read_to_string(folder.join(format!("{}.ndjson", STREAMS[stream]))).unwrap();
    let mut lines = BTreeMap::<_, Vec<String>>::new();
    for line in text.lines() {
        let (key, group) = key_and_group(stream, line);
        let hash = xxhash_rust::xxh3::xxh3_64(key.as_bytes());
        if hash % PARTITIONS[stream] as u64 == partition as u64 {
            lines.entry(group).or_default().push(line.to_owned());
        }
    }
    lines
}

/// Kafka key of a line, and what its order is kept within.
pub fn key_and_group(stream: usize, line: &str) -> (String, String) {
    let event: serde_json::Value = serde_json::from_str(line).unwrap();
    let member = |name: &str| event[name].as_str().unwrap().to_owned();
    match STREAMS[stream] {
        // What names no customer goes by the position of its event.
        "customers" if event["subject"].is_null() => (member("cause"), String::new()),
        "customers" => (member("subject"), String::new()),
        "rejected" => (member("id"), String::new()),
        _ => {
            let division = member("source").rsplit('/').next().unwrap().to_owned();
            (division.clone(), division)
        }
    }
}

/// `time` of an event's text.
pub fn time_of(line: &str) -> Option<i64> {
    let event: serde_json::Value = serde_json::from_str(line).ok()?;
    event["time"].as_str()?.parse::<jiff::Timestamp>().ok().map(|time| time.as_millisecond())
}

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
