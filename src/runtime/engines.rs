//! The pipeline as the runtime's engine, and the same with its stages measured.

use crate::pipeline::{Pipeline, Stage, Watch};
use crate::runtime::doors::Engine;
use crate::runtime::gauges::{Readings, Recorder};
use crate::types::lines::Output;
use crate::types::record::Record;
use crate::types::{Jump, Millis};

/// A pipeline whose stages are measured. Each batch is one task of every stage.
pub struct Measured<N> {
    pipeline: Pipeline,
    laps: Laps<N>,
}

/// Records the time from one stage's end to the next one's, for a pipeline that runs all of them on one thread.
pub struct Laps<N> {
    nanos: N,
    recorder: Recorder,
    last: u64,
    events: u64,
}

impl<N: Fn() -> u64> Measured<N> {
    /// `nanos` is a stopwatch: nanoseconds since some instant, never back.
    pub fn new(pipeline: Pipeline, recorder: Recorder, nanos: N) -> Measured<N> {
        Measured { pipeline, laps: Laps::new(recorder, nanos) }
    }
}

impl<N: Fn() -> u64> Laps<N> {
    /// `nanos` is a stopwatch: nanoseconds since some instant, never back.
    pub fn new(recorder: Recorder, nanos: N) -> Laps<N> {
        Laps { nanos, recorder, last: 0, events: 0 }
    }

    /// A batch of so many events begins.
    pub fn begin(&mut self, events: u64) {
        self.events = events;
        self.last = (self.nanos)();
    }
}

impl<N: Fn() -> u64> Watch for Laps<N> {
    fn done(&mut self, stage: Stage) {
        let now = (self.nanos)();
        self.recorder.task(stage, now.saturating_sub(self.last), self.events);
        self.last = now;
    }
}

impl<N: Fn() -> u64> Engine for Measured<N> {
    fn apply(&mut self, records: &[Record<'_>], now: Millis, out: &mut Output) -> Result<(), String> {
        self.laps.begin(records.len() as u64);
        applied(self.pipeline.apply_watched(records, Some(now), out, &mut self.laps))
    }

    /// The timers of a tick are route's work, for no event in particular.
    fn advance(&mut self, clock: Millis, now: Millis, out: &mut Output) {
        let begun = (self.laps.nanos)();
        Engine::advance(&mut self.pipeline, clock, now, out);
        let taken = (self.laps.nanos)().saturating_sub(begun);
        self.laps.recorder.task(Stage::Route, taken, 0);
    }

    fn clock(&self) -> Option<Millis> {
        Engine::clock(&self.pipeline)
    }

    fn next_deadline(&mut self) -> Option<Millis> {
        Engine::next_deadline(&mut self.pipeline)
    }

    fn divisions(&self) -> Vec<String> {
        self.pipeline.divisions()
    }

    fn read(&self, readings: &mut Readings) {
        self.pipeline.read(readings);
    }
}

impl Engine for Pipeline {
    fn apply(&mut self, records: &[Record<'_>], now: Millis, out: &mut Output) -> Result<(), String> {
        applied(Pipeline::apply(self, records, Some(now), out))
    }

    fn advance(&mut self, clock: Millis, now: Millis, out: &mut Output) {
        Pipeline::advance(self, clock, Some(now), out);
    }

    fn clock(&self) -> Option<Millis> {
        Pipeline::clock(self)
    }

    fn next_deadline(&mut self) -> Option<Millis> {
        Pipeline::next_deadline(self)
    }

    fn divisions(&self) -> Vec<String> {
        self.rules().divisions.iter().map(|division| division.name.clone()).collect()
    }
    fn read(&self, readings: &mut Readings) {
        readings.tally = self.tally();
        self.floor(&mut readings.floor);
    }
}

/// Jumps of the clock are a plain file's concern: Kafka's records bear the broker's or the producer's time.
fn applied(result: Result<(), Jump>) -> Result<(), String> {
    result.map_err(|jump| format!("{jump:?}"))
}
