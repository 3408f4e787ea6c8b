//! What a run put out, as one hash: xxh3-128 over each stream of each division, whatever the batches were. A bench whose
//! answer is not the naive model's fails.

use std::sync::Arc;

use trunkline::model::Model;
use trunkline::model::output::encode;
use trunkline::pipeline::Pipeline;
use trunkline::rules::Rules;
use trunkline::rules::keys::HashKey;
use trunkline::runtime::flow::{Finished, Flow, Meter};
use trunkline::types::record::Record;
use trunkline::types::{Lines, Output, Stream};
use xxhash_rust::xxh3::{Xxh3, xxh3_128};

/// Tenant of all runs.
pub const TENANT: &str = "local";

/// Streams that an output may belong to.
const STREAMS: usize = 6;

/// Running hashes of output.
pub struct Answer {
    running: Vec<Xxh3>,
    /// Outputs so far.
    pub outputs: u64,
    /// Their bytes, line ends not counted.
    pub bytes: u64,
}

impl Answer {
    /// Nothing yet.
    pub fn new(rules: &Rules) -> Answer {
        Answer { running: vec![Xxh3::new(); (rules.divisions.len() + 1) * STREAMS], outputs: 0, bytes: 0 }
    }

    /// Takes the output of a batch.
    pub fn take(&mut self, output: &Output) {
        for (division, lines) in output.divisions.iter().enumerate() {
            self.lines(division, lines);
        }
        self.lines(output.divisions.len(), &output.identity);
        self.lines(output.divisions.len(), &output.rejected);
    }

    fn lines(&mut self, division: usize, lines: &Lines) {
        lines.iter().for_each(|(stream, line)| self.line(division, stream, line));
    }

    fn line(&mut self, division: usize, stream: Stream, line: &[u8]) {
        let running = &mut self.running[division * STREAMS + stream as usize];
        running.update(line);
        running.update(b"\n");
        self.outputs += 1;
        self.bytes += line.len() as u64;
    }

    /// The hash.
    pub fn value(&self) -> u128 {
        let all: Vec<u8> =
            self.running.iter().flat_map(|running| running.digest128().to_le_bytes()).collect();
        xxh3_128(&all)
    }
}

/// The same in one hash a division, streams together, at the price of a few nanoseconds an event: for a run whose time
/// counts. It does not depend on the batches either, but its value is another one.
#[derive(Default)]
pub struct Whole {
    running: Vec<Xxh3>,
}

impl Whole {
    /// Takes the output of a batch.
    pub fn take(&mut self, output: &Output) {
        self.running.resize_with(output.divisions.len() + 2, Xxh3::new);
        let lines = output.divisions.iter().chain([&output.identity, &output.rejected]);
        for (running, lines) in self.running.iter_mut().zip(lines).filter(|(_, lines)| !lines.is_empty()) {
            running.update(&lines.bytes);
        }
    }

    /// The hash.
    pub fn value(&self) -> u128 {
        let all: Vec<u8> =
            self.running.iter().flat_map(|running| running.digest128().to_le_bytes()).collect();
        xxh3_128(&all)
    }
}

/// A pipeline that has seen nothing.
pub fn pipeline(rules: &Arc<Rules>) -> Pipeline {
    Pipeline::new(rules.clone(), &HashKey::PUBLIC, TENANT)
}

/// The pipeline's answer in batches of so many records, the last instant's timers included.
pub fn of_pipeline(rules: &Arc<Rules>, records: &[Record<'_>], batch: usize) -> Answer {
    let (mut pipeline, mut answer, mut out) = (pipeline(rules), Answer::new(rules), Output::default());
    for records in records.chunks(batch) {
        pipeline.apply(records, None, &mut out).expect("no greatest jump is set");
        answer.take(&out);
    }
    if let Some(clock) = pipeline.clock() {
        pipeline.advance(clock, None, &mut out);
        answer.take(&out);
    }
    answer
}

/// Runs a log over threads, as many batches under way as there may be; `take` gets the output of each batch.
pub fn over<M: Meter>(
    flow: &mut Flow<M>,
    records: &[Record<'_>],
    batch: usize,
    mut take: impl FnMut(&Output),
) {
    let mut finished = Finished::default();
    let mut collect = |flow: &mut Flow<M>| {
        flow.collect(&mut finished).expect("a batch is under way").expect("no greatest jump is set");
        take(&finished.output);
    };
    for records in records.chunks(batch) {
        if flow.under_way() == flow.room() {
            collect(flow);
        }
        flow.submit(records, None, None);
    }
    while flow.under_way() > 0 {
        collect(flow);
    }
    if let Some(clock) = flow.clock() {
        flow.submit(&[], None, Some(clock));
        collect(flow);
    }
}

/// The naive model's answer.
pub fn of_model(rules: &Rules, records: &[Record<'_>]) -> Answer {
    let mut model = Model::new(rules.clone(), &HashKey::PUBLIC, TENANT);
    let mut answer = Answer::new(rules);
    let mut numbers = vec![0u64; rules.divisions.len() + 1];
    let mut collect = |model: &Model| {
        for output in model.latest() {
            let division = output.division().map_or(rules.divisions.len(), |name| {
                rules
                    .divisions
                    .iter()
                    .position(|division| division.name == name)
                    .expect("a division of the rules")
            });
            let stream = output.stream();
            numbers[division] += u64::from(stream != Stream::Rejected);
            answer.line(division, stream, encode(TENANT, numbers[division], output).as_bytes());
        }
    };
    for record in records {
        model.apply_record(record, None);
        collect(&model);
    }
    model.advance(Some(model.clock()), None);
    collect(&model);
    answer
}
