//! The whole engine in memory, one thread: raw bytes of an `omni` log in, all its output bytes out, against nothing but
//! the decoding of the same log by `serde_json` (goal S1).
//!
//! The two are measured in turn, several rounds, in processor time of the thread. Each round begins with an engine that
//! has seen nothing, so the growth of its tables is in the figure. The engine runs a second time with its gauges, which
//! read the clock and record after every stage of a batch, to tell what those cost. The answer is compared with the naive model's on a
//! prefix, and between batch sizes on the whole; a wrong one ends the bench with code 1.

mod support;

use std::hint::black_box;
use std::process::ExitCode;

use serde_json::json;
use support::answer::{Answer, of_model, of_pipeline, pipeline};
use support::log::Log;
use support::options::Options;
use support::report::{Goal, Spread, row, tell};
use support::stopwatch::{time, wall_nanos};
use support::typed;
use trunkline::pipeline::Watch;
use trunkline::runtime::{Gauges, Laps};
use trunkline::types::Output;
use trunkline::types::record::Record;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// One round, in nanoseconds of processor time.
struct Round {
    typed: u64,
    engine: u64,
    /// The same with its stages recorded.
    gauged: u64,
    /// The engine's second half of the log, when its tables are warm.
    warm: u64,
}

fn main() -> ExitCode {
    let options = Options::read();
    let log = Log::omni(&options);
    let records = log.records();
    println!(
        "omni, {} events of {} bytes, batches of {}",
        records.len(),
        log.bytes() / records.len(),
        options.batch
    );
    let Some(answer) = checked(&options, &log, &records) else { return ExitCode::FAILURE };
    let mut rounds = Vec::new();
    for number in 0..options.rounds {
        // In turn first, so that neither always finds the caches as the other left them.
        let early = (number % 2 == 0).then(|| typed_round(&records));
        let gauged = || {
            let mut laps = Laps::new(Gauges::default().recorder(), wall_nanos);
            engine_round(&options, &log, &records, &mut laps, Laps::batch).0
        };
        let early_gauged = (number % 2 == 0).then(gauged);
        let (engine, warm, outputs) = engine_round(&options, &log, &records, &mut (), |(), _| {});
        let gauged = early_gauged.unwrap_or_else(gauged);
        if outputs != answer.outputs {
            eprintln!("WRONG: {outputs} outputs instead of {}", answer.outputs);
            return ExitCode::FAILURE;
        }
        let typed = early.unwrap_or_else(|| typed_round(&records));
        rounds.push(Round { typed, engine, gauged, warm });
    }
    report(&options, &log, &records, &answer, &rounds);
    ExitCode::SUCCESS
}

/// The answer on the whole log, if it is right.
fn checked(options: &Options, log: &Log, records: &[Record<'_>]) -> Option<Answer> {
    let prefix = &records[..records.len().min(options.model_events)];
    let model = of_model(&log.rules, prefix).value();
    for batch in [1, 7, options.batch] {
        let ours = of_pipeline(&log.rules, prefix, batch).value();
        if ours != model {
            eprintln!(
                "WRONG: in batches of {batch} the first {} events give {ours:032x}, the model {model:032x}",
                prefix.len()
            );
            return None;
        }
    }
    let whole = of_pipeline(&log.rules, records, options.batch);
    let odd = of_pipeline(&log.rules, records, 333);
    if whole.value() != odd.value() {
        eprintln!("WRONG: batches of {} and of 333 give different output", options.batch);
        return None;
    }
    println!("output {:032x}, equal to the model's on the first {}", whole.value(), prefix.len());
    Some(whole)
}

fn typed_round(records: &[Record<'_>]) -> u64 {
    time(|| records.iter().for_each(|record| drop(black_box(typed::decode(record.value))))).0
}

/// Nanoseconds of the whole log and of its second half, and the outputs.
fn engine_round<W: Watch>(
    options: &Options,
    log: &Log,
    records: &[Record<'_>],
    watch: &mut W,
    begin: impl Fn(&mut W, u64),
) -> (u64, u64, u64) {
    let mut pipeline = pipeline(&log.rules);
    let mut out = Output::default();
    let mut run = |records: &[Record<'_>], last: bool| {
        let mut outputs = 0;
        let mut count = |out: &Output| {
            let lines = out.divisions.iter().chain([&out.identity, &out.rejected]);
            outputs += black_box(lines.map(|lines| lines.len() as u64).sum::<u64>());
        };
        for records in records.chunks(options.batch) {
            begin(watch, records.len() as u64);
            pipeline.apply_watched(records, None, &mut out, watch).expect("no greatest jump is set");
            count(&out);
        }
        if let Some(clock) = pipeline.clock().filter(|_| last) {
            pipeline.advance(clock, None, &mut out);
            count(&out);
        }
        outputs
    };
    let (first, second) = records.split_at(records.len() / 2);
    let (cold, before) = time(|| run(first, false));
    let (warm, after) = time(|| run(second, true));
    (cold + warm, warm, before + after)
}

fn report(options: &Options, log: &Log, records: &[Record<'_>], answer: &Answer, rounds: &[Round]) {
    let events = records.len() as f64;
    let spread = |of: &dyn Fn(&Round) -> f64| Spread::of(rounds.iter().map(of));
    let typed = spread(&|round| round.typed as f64 / events);
    let engine = spread(&|round| round.engine as f64 / events);
    let gauged = spread(&|round| round.gauged as f64 / events);
    let warm = spread(&|round| round.warm as f64 / (events / 2.0).ceil());
    let ratio = spread(&|round| round.engine as f64 / round.typed as f64);
    println!("\n{:<44} {:>9} {:>9}", "nanoseconds of processor time an event", "min", "median");
    row("serde_json, typed decode only", typed);
    row("engine, bytes to bytes", engine);
    row("engine, with its gauges", gauged);
    row("engine, second half of the log", warm);
    println!(
        "outputs an event {:.3}, bytes of output an event {:.1}\n",
        answer.outputs as f64 / events,
        answer.bytes as f64 / events
    );
    let detail = json!({
        "profile": "omni", "events": records.len(), "bytes_an_event": log.bytes() / records.len(), "batch": options.batch,
        "rounds": rounds.len(), "engine_ns": engine.json(), "engine_gauged_ns": gauged.json(),
        "engine_warm_ns": warm.json(), "serde_json_ns": typed.json(),
        "ratio_by_round": ratio.json(), "outputs": answer.outputs, "output_bytes": answer.bytes,
        "output_hash": format!("{:032x}", answer.value()),
    });
    let goal = Goal {
        name: "S1",
        what: "engine ÷ serde_json typed decode only, least of each",
        figure: engine.least / typed.least,
        goal: 0.75,
        detail,
    };
    tell(&[goal], options.json.as_deref());
}
