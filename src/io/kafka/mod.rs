//! Kafka's side of the doors, through librdkafka: a source over manually assigned partitions, the epoch topic with
//! its transactional writer, an idempotent sink for delivery at least once. Every failure that could lose or double something is an error; what
//! librdkafka itself retries within its time-outs is only logged.
//!
//! `native` is the one module with `unsafe` code. Nothing here decides what an epoch is.

pub mod settings;
pub mod context;
pub mod topics;
pub mod source;
pub mod sink;
pub mod lease;
pub mod native;
pub mod reach;
pub mod transactions;
pub mod epochs;
pub mod control;
pub mod outputs;
#[cfg(test)]
mod tests;

pub use epochs::{EpochLogReader, EpochTopic};
pub use lease::{Hold, KafkaLease};
pub use outputs::OutputTopics;
pub use settings::{InputTopic, KafkaSettings};
pub use sink::KafkaSink;
pub use source::KafkaSource;

use std::os::unix::net::UnixStream;
use std::sync::Arc;

use crate::runtime::Error;

/// Wakes the source from its wait: a socket pair, since librdkafka can write to a descriptor when a queue fills.
#[derive(Clone, Debug)]
pub struct Waker(Arc<UnixStream>);

impl Waker {
    /// The waking and the woken end.
    ///
    /// # Errors
    /// If the process has no descriptors left.
    pub fn pair() -> Result<(Waker, UnixStream), Error> {
        let pair = || -> std::io::Result<_> {
            let (here, there) = UnixStream::pair()?;
            // Neither end may ever block a thread of librdkafka: a full socket wakes just as well.
            here.set_nonblocking(true)?;
            Ok((Waker(Arc::new(here)), there))
        };
        pair().map_err(|e| Error::Door(format!("no socket pair to wait on: {e}")))
    }

    /// Ends the wait, or the next one.
    pub fn wake(&self) {
        use std::io::Write;
        let _ = (&*self.0).write(&[1]);
    }
}

/// Everything that one instance needs of Kafka: input, output, epoch topic. Nothing is written, and nobody's work ended,
/// before the epoch topic is told to lead; and that only while the lease is held.
///
/// # Errors
/// If the broker does not answer, or a topic is missing, compacted, or otherwise not what it must be.
pub fn open(settings: &KafkaSettings, hold: &Hold) -> Result<(KafkaSource, KafkaSink, EpochTopic), Error> {
    topics::check_log(settings)?;
    topics::check_outputs(settings)?;
    let (waker, woken) = Waker::pair()?;
    let source = KafkaSource::new(settings, waker.clone(), woken)?;
    let sink = KafkaSink::new(settings)?;
    let epochs = EpochTopic::open(settings, waker, hold.clone())?;
    Ok((source, sink, epochs))
}

/// What a reader of a recorded log needs: input and epoch topic, without any right to write.
///
/// # Errors
/// As `open`.
pub fn open_log(settings: &KafkaSettings) -> Result<(KafkaSource, EpochLogReader), Error> {
    topics::check_log(settings)?;
    let (waker, woken) = Waker::pair()?;
    Ok((KafkaSource::new(settings, waker, woken)?, EpochLogReader::open(settings)?))
}
