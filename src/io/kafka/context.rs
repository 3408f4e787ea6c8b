//! Where librdkafka's own words go: its log lines into ours, its delivery reports into counts by epoch.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::KafkaError;
use rdkafka::message::{DeliveryResult, Message, Timestamp};
use rdkafka::producer::ProducerContext;
use rdkafka::types::RDKafkaErrorCode;

use crate::types::Millis;

/// Tells an epoch record from the outputs of its epoch.
const RECORD: usize = 1 << 63;

/// Of consumers and of clients that only ask.
#[derive(Debug, Default)]
pub struct Quiet;

/// Of producers: counts what is under way by epoch, keeps the first failure.
#[derive(Debug, Default)]
pub struct Deliveries {
    state: Mutex<State>,
    disturbed: AtomicBool,
}

/// Where an epoch record was written.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Recorded {
    epoch: u64,
    /// Its offset.
    pub offset: u64,
    /// When, on the broker's clock; `None`: the topic keeps the writer's time instead.
    pub appended: Option<Millis>,
}

#[derive(Debug, Default)]
struct State {
    /// (epoch, records not acknowledged), ascending.
    under_way: VecDeque<(u64, u64)>,
    /// The last epoch record that was acknowledged.
    record: Option<Recorded>,
    failed: Option<String>,
}

/// Into ours.
pub(super) fn log(level: RDKafkaLogLevel, facility: &str, message: &str) {
    match level {
        // Notes that a property of consumers says nothing to producers, and the other way round.
        _ if facility == "CONFWARN" => tracing::trace!(facility, "{message}"),
        RDKafkaLogLevel::Emerg
        | RDKafkaLogLevel::Alert
        | RDKafkaLogLevel::Critical
        | RDKafkaLogLevel::Error
        | RDKafkaLogLevel::Warning => tracing::warn!(facility, "librdkafka: {message}"),
        _ => tracing::debug!(facility, "librdkafka: {message}"),
    }
}

impl ClientContext for Quiet {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        // What was still queued when a consumer ended.
        if !matches!(error, KafkaError::Global(RDKafkaErrorCode::PartitionEOF)) {
            tracing::warn!("librdkafka: {error}: {reason}");
        }
    }
}

impl ConsumerContext for Quiet {}

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.disturbed.store(true, Ordering::Relaxed);
        tracing::warn!("librdkafka: {error}: {reason}");
    }
}

impl ProducerContext for Deliveries {
    /// The epoch, with the bit `RECORD` for its record.
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, epoch: usize) {
        let mut state = self.state();
        if let Err((error, message)) = result {
            let what = format!("output to {}[{}] failed: {error}", message.topic(), message.partition());
            state.failed.get_or_insert(what);
            return;
        }
        let is_record = epoch & RECORD != 0;
        let epoch = (epoch & !RECORD) as u64;
        if let Ok(message) = result
            && is_record
        {
            let appended = match message.timestamp() {
                Timestamp::LogAppendTime(millis) => Some(Millis(millis)),
                _ => None,
            };
            let offset = u64::try_from(message.offset()).ok();
            state.record = offset.map(|offset| Recorded { epoch, offset, appended });
        }
        let found = state.under_way.iter_mut().find(|(of, _)| *of == epoch);
        found.expect("a report is of a record that was sent").1 -= 1;
        while state.under_way.front().is_some_and(|(_, count)| *count == 0) {
            state.under_way.pop_front();
        }
    }
}

impl Deliveries {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("no holder of the lock panics")
    }

    /// A record of this epoch is about to be sent; epochs come in ascending order.
    pub fn begin(&self, epoch: u64) {
        let mut state = self.state();
        match state.under_way.back_mut() {
            Some((last, count)) if *last == epoch => *count += 1,
            _ => state.under_way.push_back((epoch, 1)),
        }
    }

    /// It was not sent after all.
    pub fn take_back(&self, epoch: u64) {
        let mut state = self.state();
        let last = state.under_way.back_mut().filter(|(of, _)| *of == epoch).expect("the last begun");
        last.1 -= 1;
        if last.1 == 0 {
            state.under_way.pop_back();
        }
    }

    /// The oldest epoch with records under way, and how many records are under way in all.
    ///
    /// # Errors
    /// The first failed delivery: from then on nothing is certain.
    pub fn under_way(&self) -> Result<(Option<u64>, u64), String> {
        let state = self.state();
        match &state.failed {
            Some(what) => Err(what.clone()),
            None => {
                Ok((state.under_way.front().map(|front| front.0), state.under_way.iter().map(|x| x.1).sum()))
            }
        }
    }

    /// What the record of an epoch carries through librdkafka.
    pub fn record_of(epoch: u64) -> usize {
        epoch as usize | RECORD
    }

    /// Where the record of an epoch was written, if it was the last one.
    pub fn recorded(&self, epoch: u64) -> Option<Recorded> {
        self.state().record.filter(|record| record.epoch == epoch)
    }

    /// Whether librdkafka reported any trouble since this was asked last: a disconnect, a time-out, a transport error.
    pub fn disturbed(&self) -> bool {
        self.disturbed.swap(false, Ordering::Relaxed)
    }
}
