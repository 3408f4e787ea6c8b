//! What a leader tells of its epochs: how large they were, how long their records took to be safe, and how long after
//! its record's time each event's output was acknowledged. It watches the leader and is never asked.

use std::collections::VecDeque;

use crate::runtime::arrivals::Arrivals;
use crate::runtime::doors::Engine;
use crate::runtime::gauges::{Count, Gauges, Level, Phase, Recorder, Series};
use crate::runtime::journal::{EpochRecord, stream};
use crate::types::{DurationMs, Millis};

/// The engine's own counts are renewed so often: reading them takes up to a millisecond on a large floor.
const READ_EVERY: DurationMs = DurationMs::seconds(1);

/// An epoch under way.
#[derive(Debug)]
struct UnderWay {
    epoch: u64,
    arrivals: Arrivals,
    appended: u64,
    recorded: bool,
}

/// One leader's telling.
#[derive(Debug)]
pub struct Telling {
    gauges: Gauges,
    recorder: Recorder,
    /// Oldest first.
    under_way: VecDeque<UnderWay>,
    read: Millis,
}

impl Telling {
    /// Into these gauges.
    pub fn new(gauges: &Gauges) -> Telling {
        Telling {
            gauges: gauges.clone(),
            recorder: gauges.recorder(),
            under_way: VecDeque::new(),
            read: Millis::MIN,
        }
    }

    /// The leader leads.
    pub fn leads(&self) {
        self.gauges.set_phase(Phase::Leading);
    }

    /// The leader goes round once more.
    pub fn round(&mut self, now: Millis, engine: &impl Engine) {
        self.recorder.beat(now);
        if now.since(self.read) >= READ_EVERY {
            self.read = now;
            self.recorder.publish(|readings| engine.read(readings));
        }
    }

    /// An epoch's record was appended.
    pub fn appended(&mut self, record: &EpochRecord, arrivals: Arrivals, bytes_out: usize, nanos: u64) {
        if record.claim.is_none() {
            self.recorder.record(Series::EpochRecords, arrivals.records, 1);
        }
        self.recorder.count(Count::Epochs, 1);
        self.recorder.count(Count::Records, arrivals.records);
        self.recorder.count(Count::BytesIn, arrivals.bytes);
        self.recorder.count(Count::BytesOut, bytes_out as u64);
        for sent in &record.sent {
            let stream = stream(&sent.stream).expect("an epoch record names streams");
            self.recorder.outputs(stream, sent.count);
        }
        let under_way = UnderWay { epoch: record.epoch, arrivals, appended: nanos, recorded: false };
        self.under_way.push_back(under_way);
        self.recorder.level(Level::EpochsInFlight, self.under_way.len() as u64);
    }

    /// So many records had no effect.
    pub fn skipped(&mut self, records: u64) {
        self.recorder.count(Count::Skipped, records);
    }

    /// The records up to this epoch are safe.
    pub fn recorded(&mut self, epoch: u64, nanos: u64) {
        for under_way in self.under_way.iter_mut().take_while(|under_way| under_way.epoch <= epoch) {
            if !std::mem::replace(&mut under_way.recorded, true) {
                self.recorder.record(Series::Commit, nanos.saturating_sub(under_way.appended), 1);
            }
        }
    }

    /// The output of every epoch before this one is acknowledged.
    pub fn acknowledged(&mut self, before: u64, nanos: u64) {
        while self.under_way.front().is_some_and(|under_way| under_way.epoch < before) {
            let done = self.under_way.pop_front().expect("there is a front");
            for (at, count) in &done.arrivals.runs {
                let made = u64::try_from(at.0).unwrap_or(0).saturating_mul(1_000_000);
                self.recorder.end_to_end(nanos.saturating_sub(made), *count);
            }
        }
        self.recorder.level(Level::EpochsInFlight, self.under_way.len() as u64);
    }
}

/// Whoever watches sees that it ended.
impl Drop for Telling {
    fn drop(&mut self) {
        self.gauges.set_phase(Phase::Ended);
    }
}
