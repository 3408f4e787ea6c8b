//! The engines behind the one trait that a log is run through: the pipeline, and the model that it is compared with.

use crate::io::machine::Stopwatch;
use crate::model::output::encode;
use crate::model::{Model, decode};
use crate::pipeline::Stage;
use crate::rules::keys::HashKey;
use crate::rules::{Refusal, Rules, Tick, compile};
use crate::runtime::flow::{Finished, Flow, Meter, Threads};
use crate::runtime::gauges::Readings;
use crate::runtime::replay::Machine;
use crate::runtime::snapshot::{Reader, Writer};
use crate::runtime::{Collected, Engine};
use crate::types::record::{Limits, Record};
use crate::types::{DurationMs, Jump, Lines, Millis, Output, Stream, Tally};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Tenant of runs over plain logs.
pub const TENANT: &str = "local";

/// The engine itself, with the time that its stages take.
pub struct EngineMachine {
    flow: Flow<StageTimes>,
    sums: Arc<[AtomicU64; Stage::ALL.len()]>,
    finished: Finished,
}

/// The naive model. It puts out owned decisions one record at a time; here they become lines by division.
pub struct ModelMachine {
    model: Model,
    key: HashKey,
    tenant: String,
    /// Names of divisions, in the order in which they came.
    divisions: Vec<String>,
    max_jump: Option<DurationMs>,
    /// Outputs so far: of identify, then by division.
    numbers: Vec<u64>,
    /// Of the batch that is submitted and not collected.
    submitted: Option<(Output, Result<(), Jump>)>,
}

/// Adds up the time that one thread spends in the stages.
struct StageTimes {
    stopwatch: Stopwatch,
    begun: u64,
    sums: Arc<[AtomicU64; Stage::ALL.len()]>,
}

impl EngineMachine {
    /// An engine that has seen nothing, on so many threads.
    pub fn new(rules: Rules, threads: usize) -> EngineMachine {
        let sums: Arc<[AtomicU64; Stage::ALL.len()]> = Arc::default();
        let stopwatch = Stopwatch::start();
        let meter = |_| StageTimes { stopwatch, begun: 0, sums: sums.clone() };
        let flow = Flow::new(Arc::new(rules), &HashKey::PUBLIC, TENANT, Threads::new(threads), meter);
        EngineMachine { flow, sums, finished: Finished::default() }
    }
}

impl Meter for StageTimes {
    fn begin(&mut self) {
        self.begun = self.stopwatch.nanos();
    }

    fn end(&mut self, stage: Stage, _: usize) {
        self.sums[stage as usize].fetch_add(self.stopwatch.nanos() - self.begun, Ordering::Relaxed);
    }
}

impl Machine for EngineMachine {
    fn set_max_jump(&mut self, most: Option<DurationMs>) {
        self.flow.set_max_jump(most);
    }

    fn room(&self) -> usize {
        self.flow.room()
    }

    fn submit(&mut self, records: &[Record<'_>], tick: Option<Millis>) {
        self.flow.submit(records, None, tick);
    }

    fn collect(&mut self, out: &mut Output) -> Result<(), Jump> {
        let done = self.flow.collect(&mut self.finished).expect("a batch was submitted");
        std::mem::swap(out, &mut self.finished.output);
        done
    }

    fn clock(&self) -> Option<Millis> {
        self.flow.clock()
    }

    fn tally(&self) -> Tally {
        self.flow.tally()
    }

    fn rules(&self) -> Arc<Rules> {
        self.flow.rules().clone()
    }

    fn divisions(&self) -> Vec<String> {
        self.flow.rules().divisions.iter().map(|division| division.name.clone()).collect()
    }

    fn threads(&self) -> usize {
        self.flow.threads()
    }

    fn stage_nanos(&self) -> [u64; 5] {
        std::array::from_fn(|stage| self.sums[stage].load(Ordering::Relaxed))
    }
}

impl ModelMachine {
    /// A model that has seen nothing.
    pub fn new(rules: &Rules) -> ModelMachine {
        ModelMachine::of_tenant(rules, &HashKey::PUBLIC, TENANT)
    }

    /// The same for a tenant of its own name and key.
    pub fn of_tenant(rules: &Rules, key: &HashKey, tenant: &str) -> ModelMachine {
        ModelMachine {
            model: Model::new(rules.clone(), key, tenant),
            key: key.clone(),
            tenant: tenant.to_owned(),
            max_jump: None,
            numbers: vec![0; rules.divisions.len() + 1],
            submitted: None,
            divisions: rules.divisions.iter().map(|division| division.name.clone()).collect(),
        }
    }

    /// The first event of a record that would move the clock too far.
    fn jump(&self, record: &Record<'_>) -> Option<Jump> {
        let most = self.max_jump?;
        let mut clock = Machine::clock(self);
        let (rules, keys) = self.model.rules();
        for (position, decoded) in decode::decode_record(record, rules, keys, &Limits::default()) {
            let Ok(event) = decoded else { continue };
            if let Some(from) = clock.filter(|clock| event.recorded.since(*clock) > most) {
                return Some(Jump { position, from, to: event.recorded });
            }
            clock = clock.max(Some(event.recorded));
        }
        None
    }

    /// Renders what the model's last call put out.
    fn collect_latest(&mut self, out: &mut Output) {
        for output in self.model.latest() {
            let stream = output.stream();
            let division = output.division().map(|name| {
                let known = self.divisions.iter().position(|other| other == name);
                known.unwrap_or_else(|| {
                    self.divisions.push(name.to_owned());
                    self.divisions.len() - 1
                })
            });
            self.numbers.resize(self.divisions.len() + 1, 0);
            out.divisions.resize_with(self.divisions.len(), Lines::default);
            let number = &mut self.numbers[division.map_or(0, |division| division + 1)];
            let lines: &mut Lines = match stream {
                Stream::Rejected => &mut out.rejected,
                Stream::Customers => &mut out.identity,
                _ => &mut out.divisions[division.expect("other outputs are a division's")],
            };
            *number += u64::from(stream != Stream::Rejected);
            lines.bytes.extend_from_slice(encode(&self.tenant, *number, output).as_bytes());
            lines.end(stream);
        }
    }

    fn empty(&self, out: &mut Output) {
        out.clear();
        out.divisions.resize_with(self.divisions.len(), Lines::default);
    }
}

impl Machine for ModelMachine {
    fn set_max_jump(&mut self, most: Option<DurationMs>) {
        self.max_jump = most;
    }

    fn room(&self) -> usize {
        1
    }

    fn submit(&mut self, records: &[Record<'_>], tick: Option<Millis>) {
        let mut out = Output::default();
        self.empty(&mut out);
        let mut done = Ok(());
        for record in records {
            if let Some(jump) = self.jump(record) {
                done = Err(jump);
                break;
            }
            self.model.apply_record(record, None);
            self.collect_latest(&mut out);
        }
        if let Some(clock) = tick.filter(|_| done.is_ok()) {
            self.model.advance(Some(clock), None);
            self.collect_latest(&mut out);
        }
        self.submitted = Some((out, done));
    }

    fn collect(&mut self, out: &mut Output) -> Result<(), Jump> {
        let (output, done) = self.submitted.take().expect("a batch was submitted");
        *out = output;
        done
    }

    fn clock(&self) -> Option<Millis> {
        let tally = self.model.tally();
        (tally.accepted + tally.duplicates > 0).then(|| self.model.clock())
    }

    fn tally(&self) -> Tally {
        self.model.tally().clone()
    }

    fn rules(&self) -> Arc<Rules> {
        self.model.rules().0.clone()
    }

    fn divisions(&self) -> Vec<String> {
        self.divisions.clone()
    }

    fn stage_nanos(&self) -> [u64; 5] {
        [0; 5]
    }
}

impl Engine for ModelMachine {
    fn room(&self) -> usize {
        1
    }

    fn submit(&mut self, records: &[Record<'_>], now: Millis, tick: Option<Millis>) {
        let mut out = Output::default();
        self.empty(&mut out);
        for record in records {
            self.model.apply_record(record, Some(now));
            self.collect_latest(&mut out);
        }
        if let Some(clock) = tick {
            self.model.advance(Some(clock), Some(now));
            self.collect_latest(&mut out);
        }
        self.submitted = Some((out, Ok(())));
    }

    fn is_through(&self) -> bool {
        self.submitted.is_some()
    }

    fn collect(&mut self, out: &mut Output) -> Result<Collected, String> {
        let (output, _) = self.submitted.take().expect("a batch was submitted");
        *out = output;
        Ok(Collected { clock: Machine::clock(self), rules: self.rules_hash(), asked: Vec::new() })
    }

    fn clock(&self) -> Option<Millis> {
        Machine::clock(self)
    }

    fn next_deadline(&mut self) -> Option<Millis> {
        self.model.next_deadline()
    }

    fn divisions(&self) -> Vec<String> {
        self.divisions.clone()
    }

    fn save(&mut self, _: &mut Writer<'_>) -> std::io::Result<()> {
        Err(std::io::ErrorKind::Unsupported.into())
    }

    fn restore(&mut self, _: &[String], _: &mut Reader<'_>) -> std::io::Result<()> {
        Err(std::io::ErrorKind::Unsupported.into())
    }

    fn rules(&self) -> Vec<String> {
        vec![self.model.rules().0.text.clone()]
    }

    fn rules_hash(&self) -> u128 {
        self.model.rules().0.hash
    }

    fn tick(&self) -> Tick {
        self.model.rules().0.clock.tick
    }

    fn begin_anew(&mut self, rules: &str) -> Result<(), String> {
        let rules = compile(rules, "rules").map_err(|complaints| Refusal::Unsound(complaints).to_string())?;
        *self = ModelMachine::of_tenant(&rules, &self.key, &self.tenant);
        Ok(())
    }

    fn read(&self, readings: &mut Readings) {
        readings.tally.clone_from(self.model.tally());
    }
}
