//! The stages over threads as the runtime's engine, and how they are measured.

use std::io;
use std::sync::Arc;

use crate::pipeline::{Stage, Watch};
use crate::rules::{Refusal, Rules, Tick};
use crate::runtime::doors::{Collected, Engine};
use crate::runtime::flow::{Finished, Flow, Meter};
use crate::runtime::gauges::{Names, Readings, Recorder};
use crate::runtime::snapshot::{Reader, Writer};
use crate::types::Millis;
use crate::types::lines::Output;
use crate::types::record::Record;

/// The real engine.
pub struct FlowEngine<M> {
    flow: Flow<M>,
    finished: Finished,
    /// Of the rules with this hash.
    names: (u128, Arc<Names>),
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

impl<N: Fn() -> u64 + Send + 'static> Meter for Laps<N> {
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
    /// The stages.
    pub fn flow(&self) -> &Flow<M> {
        &self.flow
    }

    /// Drives these stages.
    pub fn new(flow: Flow<M>) -> FlowEngine<M> {
        let names = (flow.rules().hash, Arc::new(Names::of(flow.rules())));
        FlowEngine { flow, finished: Finished::default(), names }
    }

    /// Knows nothing, and goes by the last of these rules, which follows the others.
    fn go_by(&mut self, rules: &[String]) -> Result<(), String> {
        let rules =
            Rules::from_history(rules).map_err(|complaints| Refusal::Unsound(complaints).to_string())?;
        self.flow.begin_anew(&rules);
        self.names = (rules.hash, Arc::new(Names::of(&rules)));
        Ok(())
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

    fn collect(&mut self, out: &mut Output) -> Result<Collected, String> {
        let done = self.flow.collect(&mut self.finished).expect("a batch was submitted");
        // Jumps of the clock are a plain file's concern: Kafka's records bear the broker's or the producer's time.
        done.map_err(|jump| format!("{jump:?}"))?;
        std::mem::swap(out, &mut self.finished.output);
        let Finished { clock, rules, asked, .. } = &mut self.finished;
        if self.names.0 != self.flow.rules().hash {
            self.names = (self.flow.rules().hash, Arc::new(Names::of(self.flow.rules())));
        }
        Ok(Collected { clock: *clock, rules: *rules, asked: std::mem::take(asked) })
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

    fn save(&mut self, to: &mut Writer<'_>) -> io::Result<()> {
        self.flow.save(to)
    }

    fn restore(&mut self, rules: &[String], from: &mut Reader<'_>) -> io::Result<()> {
        if self.rules() != rules {
            self.go_by(rules).map_err(|what| io::Error::new(io::ErrorKind::InvalidData, what))?;
        }
        self.flow.restore(from)
    }

    fn rules_hash(&self) -> u128 {
        self.flow.rules().hash
    }

    fn tick(&self) -> Tick {
        self.flow.rules().clock.tick
    }

    fn begin_anew(&mut self, rules: &str) -> Result<(), String> {
        self.go_by(&[rules.to_owned()])
    }

    fn rules(&self) -> Vec<String> {
        self.flow.rules().history().iter().map(|rules| rules.text.clone()).collect()
    }

    fn read(&self, readings: &mut Readings) {
        readings.tally = self.flow.counted();
        self.flow.floor(&mut readings.floor);
        readings.names = self.names.1.clone();
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::sync::Arc;

    use super::*;
    use crate::pipeline::Pipeline;
    use crate::rules::compile;
    use crate::rules::keys::HashKey;
    use crate::runtime::gauges::{Gauges, Series};

    const RULES: &str = r#"
        version = "laps"
        [identity.kinds.email]
        rank = 1
        form = "email"
        [channels.chat]
        [divisions.care]
        [queues.help]
        division = "care"
        [[routes]]
        queue = "help"
    "#;

    const CONTACT: &[u8] = br#"{"specversion":"1.0","id":"1","source":"t","type":"trunkline.contact.received","time":"2026-11-16T09:00:00Z","data":{"channel":"chat","from":{"email":"c@example.org"}}}"#;

    #[test]
    fn every_stage_is_recorded_once_a_batch_and_once_an_event() {
        let gauges = Gauges::default();
        let rules = Arc::new(compile(RULES, "rules.toml").unwrap());
        let mut pipeline = Pipeline::new(rules, &HashKey::PUBLIC, "t");
        let time = Cell::new(0);
        // Each look at the clock is 100 ns after the one before.
        let mut laps = Laps::new(gauges.recorder(), || time.replace(time.get() + 100));
        let now = Millis(1_795_000_000_000);
        let records = [0, 1, 2].map(|offset| Record::kafka(0, offset, now, CONTACT));
        let mut out = Output::default();
        laps.batch(records.len() as u64);
        pipeline.apply_watched(&records, Some(now), &mut out, &mut laps).unwrap();
        for stage in Stage::ALL {
            let tasks = gauges.histogram(Series::Task(stage));
            assert_eq!((tasks.len(), tasks.min(), tasks.max()), (1, 100, 100), "{stage:?}");
            let events = gauges.histogram(Series::Event(stage));
            assert_eq!((events.len(), events.min(), events.max()), (3, 33, 33), "{stage:?}");
        }
    }
}
