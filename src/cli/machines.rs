//! The engines behind the one trait that a log is run through: the pipeline, and the model that it is compared with.

use crate::io::machine::Stopwatch;
use crate::model::output::encode;
use crate::model::{Model, decode};
use crate::pipeline::{Pipeline, Stage, Watch};
use crate::rules::Rules;
use crate::rules::keys::{HashKey, Keys};
use crate::runtime::Engine;
use crate::runtime::gauges::Readings;
use crate::runtime::replay::Machine;
use crate::types::record::{Limits, Record};
use crate::types::{DurationMs, Jump, Lines, Millis, Output, Stream, Tally};
use std::sync::Arc;

/// Tenant of runs over plain logs.
pub const TENANT: &str = "local";

/// The engine itself, with the time that its stages take.
pub struct PipelineMachine {
    pipeline: Pipeline,
    stages: StageTimes,
}

/// The naive model. It puts out owned decisions one record at a time; here they become lines by division.
pub struct ModelMachine {
    model: Model,
    tenant: String,
    rules: Rules,
    keys: Keys,
    max_jump: Option<DurationMs>,
    /// Outputs so far by division, the last of identify.
    numbers: Vec<u64>,
}

/// Nanoseconds by stage. What happens between two batches counts for none.
struct StageTimes {
    stopwatch: Stopwatch,
    /// When the last stage was done, or the batch begun.
    last: u64,
    sums: [u64; Stage::ALL.len()],
}

impl PipelineMachine {
    /// An engine that has seen nothing.
    pub fn new(rules: Rules) -> PipelineMachine {
        let stages = StageTimes { stopwatch: Stopwatch::start(), last: 0, sums: [0; Stage::ALL.len()] };
        PipelineMachine { pipeline: Pipeline::new(Arc::new(rules), &HashKey::PUBLIC, TENANT), stages }
    }
}

impl Watch for StageTimes {
    fn done(&mut self, stage: Stage) {
        let now = self.stopwatch.nanos();
        self.sums[stage as usize] += now - self.last;
        self.last = now;
    }
}

impl Machine for PipelineMachine {
    fn set_max_jump(&mut self, most: Option<DurationMs>) {
        self.pipeline.set_max_jump(most);
    }

    fn apply(&mut self, records: &[Record<'_>], out: &mut Output) -> Result<(), Jump> {
        self.stages.last = self.stages.stopwatch.nanos();
        self.pipeline.apply_watched(records, None, out, &mut self.stages)
    }

    fn advance(&mut self, clock: Millis, out: &mut Output) {
        self.pipeline.advance(clock, None, out);
    }

    fn clock(&self) -> Option<Millis> {
        self.pipeline.clock()
    }

    fn tally(&self) -> Tally {
        self.pipeline.tally()
    }

    fn stage_nanos(&self) -> [u64; 5] {
        self.stages.sums
    }
}

impl ModelMachine {
    /// A model that has seen nothing.
    pub fn new(rules: Rules) -> ModelMachine {
        ModelMachine::of_tenant(rules, &HashKey::PUBLIC, TENANT)
    }

    /// The same for a tenant of its own name and key.
    pub fn of_tenant(rules: Rules, key: &HashKey, tenant: &str) -> ModelMachine {
        ModelMachine {
            model: Model::new(rules.clone(), key, tenant),
            tenant: tenant.to_owned(),
            keys: Keys::new(key, &rules),
            max_jump: None,
            numbers: vec![0; rules.divisions.len() + 1],
            rules,
        }
    }

    /// The first event of a record that would move the clock too far.
    fn jump(&self, record: &Record<'_>) -> Option<Jump> {
        let most = self.max_jump?;
        let mut clock = Machine::clock(self);
        for (position, decoded) in decode::decode_record(record, &self.rules, &self.keys, &Limits::default())
        {
            let Ok(event) = decoded else { continue };
            if let Some(from) = clock.filter(|clock| event.recorded.since(*clock) > most) {
                return Some(Jump { position, from, to: event.recorded });
            }
            clock = clock.max(Some(event.recorded));
        }
        None
    }

    /// Renders what the model's last call put out.
    fn collect(&mut self, out: &mut Output) {
        for output in self.model.latest() {
            let stream = output.stream();
            let identity = self.rules.divisions.len();
            let division = output.division().map_or(identity, |name| {
                self.rules.division(name).expect("the model names divisions of its rules").at()
            });
            let lines: &mut Lines = match stream {
                Stream::Rejected => &mut out.rejected,
                Stream::Customers => &mut out.identity,
                _ => &mut out.divisions[division],
            };
            self.numbers[division] += u64::from(stream != Stream::Rejected);
            lines.bytes.extend_from_slice(encode(&self.tenant, self.numbers[division], output).as_bytes());
            lines.end(stream);
        }
    }

    fn empty(&self, out: &mut Output) {
        out.clear();
        out.divisions.resize_with(self.rules.divisions.len(), Lines::default);
    }
}

impl Machine for ModelMachine {
    fn set_max_jump(&mut self, most: Option<DurationMs>) {
        self.max_jump = most;
    }

    fn apply(&mut self, records: &[Record<'_>], out: &mut Output) -> Result<(), Jump> {
        self.empty(out);
        for record in records {
            if let Some(jump) = self.jump(record) {
                return Err(jump);
            }
            self.model.apply_record(record, None);
            self.collect(out);
        }
        Ok(())
    }

    fn advance(&mut self, clock: Millis, out: &mut Output) {
        self.empty(out);
        self.model.advance(Some(clock), None);
        self.collect(out);
    }

    fn clock(&self) -> Option<Millis> {
        let tally = self.model.tally();
        (tally.accepted + tally.duplicates > 0).then(|| self.model.clock())
    }

    fn tally(&self) -> Tally {
        self.model.tally().clone()
    }

    fn stage_nanos(&self) -> [u64; 5] {
        [0; 5]
    }
}

impl Engine for ModelMachine {
    fn apply(&mut self, records: &[Record<'_>], now: Millis, out: &mut Output) -> Result<(), String> {
        self.empty(out);
        for record in records {
            self.model.apply_record(record, Some(now));
            self.collect(out);
        }
        Ok(())
    }

    fn advance(&mut self, clock: Millis, now: Millis, out: &mut Output) {
        self.empty(out);
        self.model.advance(Some(clock), Some(now));
        self.collect(out);
    }

    fn clock(&self) -> Option<Millis> {
        Machine::clock(self)
    }

    fn next_deadline(&mut self) -> Option<Millis> {
        self.model.next_deadline()
    }

    fn divisions(&self) -> Vec<String> {
        self.rules.divisions.iter().map(|division| division.name.clone()).collect()
    }

    fn read(&self, readings: &mut Readings) {
        readings.tally.clone_from(self.model.tally());
    }
}
