//! The stages over threads as the runtime's engine, and how they are measured.

use crate::pipeline::{Stage, Watch};
use crate::runtime::doors::Engine;
use crate::runtime::flow::{Finished, Flow, Meter};
use crate::runtime::gauges::{Readings, Recorder};
use crate::types::Millis;
use crate::types::lines::Output;
use crate::types::record::Record;

/// The real engine.
pub struct FlowEngine<M> {
    flow: Flow<M>,
    finished: Finished,
}

/// Records how long one thread is at each step: of several threads' steps, or of one thread's stages one after another.
pub struct Laps<N> {
    nanos: N,
    recorder: Recorder,
    last: u64,
    events: u64,
}

impl<N: Fn() -> u64> Laps<N> {
    /// `nanos` is a stopwatch: nanoseconds since some instant, never back.
    pub fn new(recorder: Recorder, nanos: N) -> Laps<N> {
        Laps { nanos, recorder, last: 0, events: 0 }
    }

    /// A batch of so many events begins, whose stages follow one after another.
    pub fn batch(&mut self, events: u64) {
        self.events = events;
        self.last = (self.nanos)();
    }
}

impl<N: Fn() -> u64 + Send> Meter for Laps<N> {
    fn begin(&mut self) {
        self.last = (self.nanos)();
    }

    fn end(&mut self, stage: Stage, events: usize) {
        self.recorder.task(stage, (self.nanos)().saturating_sub(self.last), events as u64);
    }
}

impl<N: Fn() -> u64> Watch for Laps<N> {
    fn done(&mut self, stage: Stage) {
        let now = (self.nanos)();
        self.recorder.task(stage, now.saturating_sub(self.last), self.events);
        self.last = now;
    }
}

impl<M: Meter> FlowEngine<M> {
    /// Drives these stages.
    pub fn new(flow: Flow<M>) -> FlowEngine<M> {
        FlowEngine { flow, finished: Finished::default() }
    }
}

impl<M: Meter> Engine for FlowEngine<M> {
    fn room(&self) -> usize {
        self.flow.room()
    }

    fn submit(&mut self, records: &[Record<'_>], now: Millis, tick: Option<Millis>) {
        self.flow.submit(records, Some(now), tick);
    }

    fn is_through(&self) -> bool {
        self.flow.is_through()
    }

    fn collect(&mut self, out: &mut Output) -> Result<Option<Millis>, String> {
        let done = self.flow.collect(&mut self.finished).expect("a batch was submitted");
        // Jumps of the clock are a plain file's concern: Kafka's records bear the broker's or the producer's time.
        done.map_err(|jump| format!("{jump:?}"))?;
        std::mem::swap(out, &mut self.finished.output);
        Ok(self.finished.clock)
    }

    fn clock(&self) -> Option<Millis> {
        self.flow.clock()
    }

    fn next_deadline(&mut self) -> Option<Millis> {
        self.flow.next_deadline()
    }

    fn divisions(&self) -> Vec<String> {
        self.flow.rules().divisions.iter().map(|division| division.name.clone()).collect()
    }

    fn read(&self, readings: &mut Readings) {
        readings.tally = self.flow.counted();
        self.flow.floor(&mut readings.floor);
    }
}
