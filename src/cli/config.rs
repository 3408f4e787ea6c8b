//! The configuration of the service: one TOML file, every key with a default, unknown keys refused with their line.
//! What the keys mean stands beside them in `config/trunkline.toml`.

use super::failure::Failure;
use super::http::Http;
use super::rules_file;
use super::snapshots::{By, Snapshots};
use crate::io::machine;
use crate::rules::keys::HashKey;
use crate::runtime::flow::Threads;
use crate::runtime::settings::{Delivery, EPOCH_MAX_BYTES, EPOCH_MAX_EVENTS, EPOCHS_IN_FLIGHT, INBOX_BYTES};
use crate::types::event::TYPE_PREFIX;
use crate::types::{EventType, Stream};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The whole file.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Whose events.
    pub tenant: String,
    /// The rules file; `load` makes it relative to the working directory.
    pub rules: PathBuf,
    /// File of the secret key; empty: none.
    pub key_file: PathBuf,
    /// Variable of the secret key.
    pub key_env: String,
    /// When outputs are sent.
    pub delivery: Delivery,
    /// Most records of an epoch.
    pub epoch_max_events: u64,
    /// Most bytes of an epoch.
    pub epoch_max_bytes: u64,
    /// Epochs under way.
    pub epochs_in_flight: u32,
    /// Threads of the engine; 0: as many as the machine runs at once.
    pub threads: u32,
    /// Whether they look for work without pause.
    pub spin: bool,
    /// Whether each stays on a core of its own.
    pub pin: bool,
    /// `[standby]`.
    pub standby: Standby,
    /// `[snapshots]`.
    pub snapshots: Snapshots,
    /// `[http]`.
    pub http: Http,
    /// `[kafka]`.
    pub kafka: Kafka,
}

/// `[standby]`.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Standby {
    /// Which tenants are followed while another instance leads them.
    pub tenants: Tenants,
}

/// `"all"`, or a list of names.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(untagged, expecting = "expected \"all\" or a list of tenants")]
pub enum Tenants {
    /// Every one.
    All(All),
    /// These.
    Named(Vec<String>),
}

/// The word.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum All {
    /// Every tenant.
    #[default]
    All,
}

impl Default for Tenants {
    fn default() -> Tenants {
        Tenants::All(All::All)
    }
}

impl Standby {
    /// Whether this tenant is followed.
    pub fn follows(&self, tenant: &str) -> bool {
        match &self.tenants {
            Tenants::All(_) => true,
            Tenants::Named(names) => names.iter().any(|name| name == tenant),
        }
    }
}

/// `[kafka]`.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Kafka {
    /// `host:port`, separated by commas.
    pub brokers: String,
    /// The epoch topic.
    pub epoch_topic: String,
    /// The control topic; empty: none.
    pub control_topic: String,
    /// Output topics are `<prefix>.<stream>`.
    pub output_prefix: String,
    /// Seconds between two looks for new partitions.
    pub discover_every_s: u32,
    /// Bytes that wait, a partition.
    pub partition_buffer_bytes: u64,
    /// Input topics.
    pub inputs: Vec<Input>,
    /// Passed through to librdkafka.
    pub properties: BTreeMap<String, String>,
}

/// `[[kafka.inputs]]`.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Its name.
    pub topic: String,
    /// Types that it may carry; `None`: all.
    #[serde(default)]
    pub types: Option<Vec<String>>,
}

impl Input {
    /// The control topic, as an input.
    #[cfg(feature = "kafka")]
    fn control(topic: &str) -> Input {
        let types = crate::runtime::journal::Input::control(topic).types;
        Input { topic: topic.to_owned(), types }
    }
}

impl Default for Config {
    fn default() -> Config {
        Config {
            tenant: "main".into(),
            rules: "rules.toml".into(),
            key_file: PathBuf::new(),
            key_env: "TRUNKLINE_KEY".into(),
            delivery: Delivery::ExactlyOnce,
            epoch_max_events: EPOCH_MAX_EVENTS as u64,
            epoch_max_bytes: EPOCH_MAX_BYTES as u64,
            epochs_in_flight: EPOCHS_IN_FLIGHT,
            threads: 0,
            spin: false,
            pin: false,
            standby: Standby::default(),
            snapshots: Snapshots::default(),
            http: Http::default(),
            kafka: Kafka::default(),
        }
    }
}

impl Default for Kafka {
    fn default() -> Kafka {
        Kafka {
            brokers: "127.0.0.1:9092".into(),
            epoch_topic: "trunkline.epochs".into(),
            control_topic: "trunkline.control".into(),
            output_prefix: "trunkline".into(),
            discover_every_s: 30,
            partition_buffer_bytes: INBOX_BYTES as u64,
            inputs: vec![Input { topic: "trunkline.events".into(), types: None }],
            properties: BTreeMap::new(),
        }
    }
}

/// Reads and checks a configuration file.
///
/// # Errors
/// Exit code 3: not there, not TOML, an unknown key, or every value that is refused.
pub fn load(path: &Path) -> Result<Config, Failure> {
    let mut config = parse(&rules_file::read(path)?, &path.display().to_string())
        .map_err(|c| Failure::configuration(c.join("\n")))?;
    let folder = path.parent().unwrap_or(Path::new(""));
    config.rules = folder.join(&config.rules);
    if !config.key_file.as_os_str().is_empty() {
        config.key_file = folder.join(&config.key_file);
    }
    config.snapshots.settle(folder);
    config.http.settle(folder);
    Ok(config)
}

/// Every complaint about a configuration file, for `check`.
///
/// # Errors
/// Exit code 3 if it cannot be read.
pub fn complaints(path: &Path) -> Result<Vec<String>, Failure> {
    let parsed = parse(&rules_file::read(path)?, &path.display().to_string());
    Ok(parsed.err().unwrap_or_default())
}

/// Reads a configuration's text.
///
/// # Errors
/// The first thing that is not TOML, an unknown key or of the wrong type, with its line; or every value that is refused.
fn parse(text: &str, file: &str) -> Result<Config, Vec<String>> {
    let config: Config = toml::from_str(text).map_err(|error| {
        let before = &text[..error.span().map_or(0, |span| span.start)];
        vec![format!(
            "{file}:{}: {}; correct it and check again",
            before.matches('\n').count() + 1,
            error.message()
        )]
    })?;
    let complaints = config.complaints();
    if complaints.is_empty() {
        return Ok(config);
    }
    Err(complaints.into_iter().map(|complaint| format!("{file}: {complaint}")).collect())
}

impl Config {
    /// Everything that is wrong with the values.
    fn complaints(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        let mut unless = |sound: bool, complaint: &str| {
            if !sound {
                complaints.push(complaint.to_owned());
            }
        };
        unless(name(&self.tenant, 64), "tenant: 1 to 64 letters, digits, '.', '_' or '-'");
        unless(!self.rules.as_os_str().is_empty(), "rules: name the rules file");
        unless(!self.key_env.is_empty() && !self.key_env.contains(['=', '\0']), "key_env: name a variable");
        unless((1..=1_000_000).contains(&self.epoch_max_events), "epoch_max_events: 1 to 1,000,000");
        unless((1 << 20..=1 << 30).contains(&self.epoch_max_bytes), "epoch_max_bytes: 1 MiB to 1 GiB");
        unless((1..=64).contains(&self.epochs_in_flight), "epochs_in_flight: 1 to 64");
        unless(self.threads <= 256, "threads: up to 256; 0 for as many as the machine runs at once");
        if let Tenants::Named(names) = &self.standby.tenants {
            let strange = names.iter().find(|name| **name != self.tenant);
            complaints.extend(strange.map(|name| {
                format!(
                    "standby.tenants: {name:?} is not the tenant of this file: name {:?}, or none",
                    self.tenant
                )
            }));
        }
        if self.snapshots.by == By::Standby && self.delivery == Delivery::AtLeastOnce {
            let why = "what is delivered at least once is not in a snapshot before it was sent, and only the leader knows that";
            complaints.push(format!("snapshots.by: \"leader\" or \"any\": {why}"));
        }
        complaints.extend(self.snapshots.complaints());
        complaints.extend(self.http.complaints());
        complaints.extend(self.kafka.complaints());
        complaints
    }

    /// How the stages are spread.
    pub fn threads(&self) -> Threads {
        let count = if self.threads == 0 { machine::threads() } else { self.threads as usize };
        let start = if self.pin { machine::pin } else { |_| () };
        Threads { spin: self.spin, start, ..Threads::new(count) }
    }

    /// The secret key, from the file or the variable.
    ///
    /// # Errors
    /// Exit code 3 if it is there but not 32 hexadecimal digits, or the file is not.
    pub fn key(&self) -> Result<HashKey, Failure> {
        let (text, place) = if !self.key_file.as_os_str().is_empty() {
            (rules_file::read(&self.key_file)?, self.key_file.display().to_string())
        } else if let Some(text) = std::env::var(&self.key_env).ok().filter(|text| !text.is_empty()) {
            (text, format!("variable {}", self.key_env))
        } else {
            tracing::warn!(
                "no secret key: identifiers are hashed under a public one. Set key_file, or the variable {}",
                self.key_env
            );
            return Ok(HashKey::PUBLIC);
        };
        // The text is secret: the complaint does not show it.
        key_of(text.trim()).ok_or_else(|| {
            Failure::configuration(format!("{place}: the key is 32 hexadecimal digits (16 bytes)"))
        })
    }
}

fn key_of(text: &str) -> Option<HashKey> {
    if text.len() != 32 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    u128::from_str_radix(text, 16).ok().map(|key| HashKey(key.to_be_bytes()))
}

impl Kafka {
    /// The control topic, if there is one.
    pub fn control(&self) -> Option<&str> {
        Some(self.control_topic.as_str()).filter(|topic| !topic.is_empty())
    }

    fn complaints(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        if self.brokers.trim().is_empty() {
            complaints.push("kafka.brokers: name at least one host:port".to_owned());
        }
        if !(1..=86_400).contains(&self.discover_every_s) {
            complaints.push("kafka.discover_every_s: 1 to 86,400".to_owned());
        }
        if !(1 << 20..=1 << 32).contains(&self.partition_buffer_bytes) {
            complaints.push("kafka.partition_buffer_bytes: 1 MiB to 4 GiB".to_owned());
        }
        if self.inputs.is_empty() {
            complaints.push("kafka.inputs: name at least one topic".to_owned());
        }
        let outputs = Stream::ALL.iter().map(|stream| format!("{}.{}", self.output_prefix, stream.word()));
        let topics = self.inputs.iter().map(|input| ("kafka.inputs", input.topic.clone()));
        let topics = topics
            .chain([("kafka.epoch_topic", self.epoch_topic.clone())])
            .chain(self.control().map(|topic| ("kafka.control_topic", topic.to_owned())))
            .chain(outputs.map(|topic| ("kafka.output_prefix", topic)));
        let mut seen = BTreeSet::new();
        for (key, topic) in topics {
            if !name(&topic, 249) {
                complaints
                    .push(format!("{key}: {topic:?} is no topic: 1 to 249 letters, digits, '.', '_' or '-'"));
            }
            if !seen.insert(topic.clone()) {
                complaints.push(format!("{key}: topic {topic:?} is used twice"));
            }
        }
        for event in self.inputs.iter().flat_map(|input| input.types.iter().flatten()) {
            let known = |known: &EventType| event.strip_prefix(TYPE_PREFIX) == Some(known.name());
            if !EventType::ALL.iter().any(known) {
                complaints.push(format!("kafka.inputs.types: {event:?} is no event type"));
            }
            if event.strip_prefix(TYPE_PREFIX) == Some(EventType::RulesChanged.name()) {
                complaints.push(format!("kafka.inputs.types: {event:?} comes by kafka.control_topic alone"));
            }
        }
        #[cfg(feature = "kafka")]
        complaints
            .extend(self.properties.iter().filter_map(|(k, v)| crate::io::kafka::settings::refusal(k, v)));
        complaints
    }
}

fn name(text: &str, len_max: usize) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    (1..=len_max).contains(&text.len()) && text.bytes().all(allowed) && text != "." && text != ".."
}

#[cfg(feature = "kafka")]
impl Config {
    /// What the Kafka doors are told.
    pub fn kafka_settings(&self) -> crate::io::kafka::KafkaSettings {
        let inputs = self.kafka.inputs.iter();
        // Behind the others: slots are given in this order.
        let control = self.kafka.control().map(Input::control);
        crate::io::kafka::KafkaSettings {
            tenant: self.tenant.clone(),
            brokers: self.kafka.brokers.clone(),
            inputs: inputs
                .map(|input| crate::io::kafka::InputTopic {
                    topic: input.topic.clone(),
                    types: input.types.clone(),
                })
                .chain(control.map(|Input { topic, types }| crate::io::kafka::InputTopic { topic, types }))
                .collect(),
            output_prefix: self.kafka.output_prefix.clone(),
            epoch_topic: self.kafka.epoch_topic.clone(),
            properties: self.kafka.properties.clone(),
            clock_off_max: crate::io::kafka::settings::CLOCK_OFF_MAX,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commented_file_holds_the_defaults() {
        let text = include_str!("../../config/trunkline.toml");
        let config = parse(text, "config/trunkline.toml").unwrap();
        assert_eq!(config, Config { rules: "rules.bank.toml".into(), ..Config::default() });
        assert_eq!(parse("", "empty").unwrap(), Config::default());
    }

    fn refused(text: &str) -> String {
        parse(text, "c.toml").expect_err(text).join("\n")
    }

    #[test]
    fn each_key_refuses_what_it_cannot_be() {
        for (text, complaint) in [
            ("tenant = \"\"", "tenant: "),
            ("tenant = \"a b\"", "tenant: "),
            ("tenant = 7", "c.toml:1: "),
            ("rules = \"\"", "rules: "),
            ("key_file = 1", "c.toml:1: "),
            ("key_env = \"A=B\"", "key_env: "),
            ("snapshots.by = \"me\"", "unknown variant `me`, expected one of `leader`, `standby`, `any`"),
            (
                "delivery = \"at_least_once\"\nsnapshots.by = \"standby\"",
                "snapshots.by: \"leader\" or \"any\"",
            ),
            ("delivery = \"maybe\"", "unknown variant `maybe`, expected `exactly_once` or `at_least_once`"),
            ("epoch_max_events = 0", "epoch_max_events: "),
            ("epoch_max_events = -1", "c.toml:1: "),
            ("epoch_max_bytes = 1", "epoch_max_bytes: "),
            ("epochs_in_flight = 0", "epochs_in_flight: "),
            ("standby.tenants = \"none\"", "expected \"all\" or a list of tenants"),
            ("standby.tenants = [\"other\"]", "standby.tenants: \"other\" is not the tenant"),
            ("[standby]\ntenant = \"all\"", "unknown field `tenant`"),
            ("snapshots.generations = 0", "snapshots.generations: "),
            ("snapshots.interval_s = 86401", "snapshots.interval_s: "),
            ("[snapshots]\ndir = \"x\"", "unknown field `dir`"),
            ("http.address = \"9464\"", "http.address: "),
            ("http.token_env = \"\"", "http.token_env: "),
            ("[http]\nport = 1", "unknown field `port`"),
            ("kafka.brokers = \" \"", "kafka.brokers: "),
            ("kafka.epoch_topic = \"a/b\"", "kafka.epoch_topic: "),
            ("kafka.output_prefix = \"ä\"", "kafka.output_prefix: "),
            ("kafka.epoch_topic = \"trunkline.events\"", "is used twice"),
            ("kafka.epoch_topic = \"trunkline.sla\"", "is used twice"),
            ("kafka.control_topic = \"trunkline.sla\"", "is used twice"),
            ("kafka.control_topic = \"a b\"", "kafka.control_topic: "),
            (
                "[[kafka.inputs]]\ntopic = \"a\"\ntypes = [\"trunkline.rules.changed\"]",
                "comes by kafka.control_topic alone",
            ),
            ("kafka.discover_every_s = 0", "kafka.discover_every_s: "),
            ("kafka.partition_buffer_bytes = 1", "kafka.partition_buffer_bytes: "),
            ("kafka.inputs = []", "kafka.inputs: "),
            ("[[kafka.inputs]]\ntypes = []", "topic"),
            ("[[kafka.inputs]]\ntopic = \"a\"\ntypes = [\"contact.received\"]", "is no event type"),
            ("epoch_max_event = 1", "unknown field `epoch_max_event`"),
            ("[kafka]\nbroker = \"x\"", "unknown field `broker`"),
        ] {
            let told = refused(text);
            assert!(told.contains(complaint), "{text}: {told}");
        }
        #[cfg(feature = "kafka")]
        for text in
            ["\"plugin.library.paths\" = \"x\"", "\"enable.auto.commit\" = \"true\"", "\"nonsense\" = \"x\""]
        {
            assert!(refused(&format!("[kafka.properties]\n{text}")).contains("kafka property"), "{text}");
        }
    }

    #[test]
    fn a_standby_follows_all_tenants_or_those_named() {
        for (text, follows) in
            [("", true), ("standby.tenants = [\"main\"]", true), ("standby.tenants = []", false)]
        {
            assert_eq!(parse(text, "c.toml").unwrap().standby.follows("main"), follows, "{text}");
        }
    }

    #[test]
    fn every_complaint_is_told_at_once_and_with_its_line() {
        let told = refused("tenant = \"\"\nepochs_in_flight = 0\nkafka.brokers = \"\"");
        assert!(
            ["tenant", "epochs_in_flight", "kafka.brokers"].iter().all(|key| told.contains(key)),
            "{told}"
        );
        assert!(refused("tenant = \"a\"\nnonsense = 1").contains("c.toml:2: unknown field `nonsense`"));
    }

    #[test]
    fn keys_are_read_and_never_shown() {
        assert_eq!(key_of("000102030405060708090a0b0c0d0e0f").unwrap().0[1], 1);
        for bad in ["", "00", "+00102030405060708090a0b0c0d0e0f", "g00102030405060708090a0b0c0d0e0f"] {
            assert!(key_of(bad).is_none(), "{bad}");
        }
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        std::fs::write(&file, "very secret text").unwrap();
        let failure = Config { key_file: file, ..Config::default() }.key().unwrap_err();
        assert_eq!(failure.exit_code(), 3);
        assert!(!failure.to_string().contains("secret text"), "{failure}");
    }
}
