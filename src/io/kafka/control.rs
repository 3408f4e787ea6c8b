//! The operator's side of the control topic: a command is written there, and what came of it is read in the epoch log, where
//! the leader says so.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use rdkafka::ClientContext;
use rdkafka::config::{FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::message::{DeliveryResult, Message};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};

use crate::io::kafka::context;
use crate::io::kafka::epochs::EpochLogReader;
use crate::io::kafka::settings::KafkaSettings;
use crate::io::kafka::topics;
use crate::runtime::journal::{Asked, EpochRecord, Input};
use crate::runtime::{Error, Store};

/// Longest wait for the broker to take the command.
const DELIVERY: Duration = Duration::from_secs(30);
/// Between two looks at the end of the epoch log.
const LOOK: Duration = Duration::from_millis(20);

/// What came of a command.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// The leader has answered, in this epoch.
    Answered(Asked, Box<EpochRecord>),
    /// Nobody has, so far; it stands here, and whoever leads will take it.
    Silence(String),
}

/// Writes a command into the control topic and waits for what comes of it.
///
/// # Errors
/// If a topic is missing, the broker does not take it, or the epoch log is not what it must be.
pub fn ask(settings: &KafkaSettings, topic: &str, command: &[u8], wait: Duration) -> Result<Outcome, Error> {
    topics::check_log(settings)?;
    // Before it is written: the answer stands behind this end.
    let mut log = EpochLogReader::at_end(settings)?;
    let place = Input::control(topic).place(write(settings, topic, command)?);
    let asked = Instant::now();
    loop {
        while let Some(bytes) = log.read()? {
            let record = EpochRecord::decode(&bytes)?;
            if let Some(asked) = record.asked.iter().find(|asked| asked.at == place).cloned() {
                return Ok(Outcome::Answered(asked, Box::new(record)));
            }
        }
        if asked.elapsed() > wait {
            return Ok(Outcome::Silence(place));
        }
        std::thread::sleep(LOOK);
    }
}

/// Writes a record into the only partition of a topic; its offset.
fn write(settings: &KafkaSettings, topic: &str, value: &[u8]) -> Result<u64, Error> {
    let door = |what: String| Error::Door(format!("topic {topic}: the command was not written: {what}"));
    let producer: BaseProducer<Written> =
        BaseProducer::from_config_and_context(&settings.producer(), Written::default())
            .map_err(|e| door(e.to_string()))?;
    producer
        .send(BaseRecord::<(), [u8]>::to(topic).partition(0).payload(value))
        .map_err(|(e, _)| door(e.to_string()))?;
    producer.flush(DELIVERY).map_err(|e| door(e.to_string()))?;
    let written = producer.context().0.lock().expect("no holder of the lock panics").take();
    written.unwrap_or_else(|| Err("nobody has acknowledged it".into())).map_err(door)
}

/// What became of the only record: its offset.
#[derive(Default)]
struct Written(Mutex<Option<Result<u64, String>>>);

impl ClientContext for Written {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        context::log(level, facility, message);
    }
}

impl ProducerContext for Written {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let written = match result {
            Ok(message) => u64::try_from(message.offset()).map_err(|e| e.to_string()),
            Err((error, _)) => Err(error.to_string()),
        };
        *self.0.lock().expect("no holder of the lock panics") = Some(written);
    }
}
