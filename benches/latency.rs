//! Latency at 70 % of the most that the engine can do (goal S7), in memory, one thread, `omni`.
//!
//! The loop is open. First the engine's greatest rate is measured on the same log in wall time; then every event gets
//! its instant before the run begins, evenly at 70 % of that rate, and its latency counts from that instant to when its
//! output is there, whether the engine was ready for it or not. So a stall shows in every event that it kept waiting
//! (no coordinated omission). A batch is what has become due, at most `--batch` events.
//!
//! The first part of the log is not counted: twenty thousand agents log in there and every table grows from nothing. The
//! answer of each run must be that of the naive model on a prefix, and the same for any cut on the whole. Wall time on
//! a machine that others use measures them as well: `--rounds` runs, the one with the least p99.9 is the figure, all
//! are in the JSON, with the time that this thread wanted to run and did not.

mod support;

use std::process::ExitCode;

use hdrhistogram::Histogram;
use serde_json::{Value, json};
use support::answer::{Whole, of_model, of_pipeline, pipeline};
use support::log::Log;
use support::options::Options;
use support::report::{Goal, rounded, tell};
use support::stopwatch::{thread_nanos, wall_nanos};
use trunkline::types::Output;
use trunkline::types::record::Record;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Hundredths of the greatest rate.
const LOAD_PERCENT: u64 = 70;
/// Parts of the log in a hundred that warm the engine up.
const WARM_UP_PERCENT: usize = 40;
/// Longer latencies count as this: a minute.
const NANOS_MAX: u64 = 60_000_000_000;
/// Name and quantile; the last one is the greatest value.
const QUANTILES: [(&str, f64); 5] =
    [("p50", 0.5), ("p99", 0.99), ("p999", 0.999), ("p9999", 0.9999), ("max", 1.0)];

/// What one run at a pace came to.
struct Run {
    /// Nanoseconds from an event's instant to its output.
    latency: Histogram<u64>,
    /// Events a batch.
    batches: Histogram<u64>,
    /// Nanoseconds that one batch took the engine, the longest.
    longest: u64,
    /// Nanoseconds of wall time within the engine in which this thread did not run: others had the core.
    stolen: u64,
    answer: Whole,
}

fn main() -> ExitCode {
    let options = Options::read();
    let log = Log::omni(&options);
    let records = log.records();
    let prefix = &records[..records.len().min(options.model_events)];
    if of_model(&log.rules, prefix).value() != of_pipeline(&log.rules, prefix, options.batch).value() {
        eprintln!("WRONG: the first {} events give another output than the model's", prefix.len());
        return ExitCode::FAILURE;
    }
    let expected = whole(&log, &records, 333);
    println!(
        "omni, {} events, output {expected:032x}, equal to the model's on the first {}",
        records.len(),
        prefix.len()
    );
    let nanos_an_event =
        (0..options.rounds).map(|_| fastest(&options, &log, &records)).fold(f64::MAX, f64::min);
    let step = nanos_an_event * 100.0 / LOAD_PERCENT as f64;
    println!(
        "at most {:.0} events a second; {LOAD_PERCENT} % of it is one every {step:.0} ns; batches of at most {}\n",
        1e9 / nanos_an_event,
        options.batch
    );
    println!("{:>10} {:>9} {:>9} {:>9} {:>9} {:>9}", "us", "p50", "p99", "p99.9", "p99.99", "max");
    let mut runs = Vec::new();
    for number in 0..options.rounds {
        let run = paced(&options, &log, &records, step);
        if run.answer.value() != expected {
            eprintln!("WRONG: at a pace the output is {:032x}", run.answer.value());
            return ExitCode::FAILURE;
        }
        let cells: Vec<_> = micros(&run.latency).iter().map(|us| format!("{us:>9.1}")).collect();
        println!("{:>10} {}", format!("round {}", number + 1), cells.join(" "));
        runs.push(run);
    }
    report(&options, &runs, &records, nanos_an_event, expected);
    ExitCode::SUCCESS
}

/// The answer on the whole log in batches of so many records.
fn whole(log: &Log, records: &[Record<'_>], batch: usize) -> u128 {
    let (mut pipeline, mut answer, mut out) = (pipeline(&log.rules), Whole::default(), Output::default());
    for records in records.chunks(batch) {
        pipeline.apply(records, None, &mut out).expect("no greatest jump is set");
        answer.take(&out);
    }
    if let Some(clock) = pipeline.clock() {
        pipeline.advance(clock, None, &mut out);
        answer.take(&out);
    }
    answer.value()
}

/// Nanoseconds of wall time an event, warm, at full speed.
fn fastest(options: &Options, log: &Log, records: &[Record<'_>]) -> f64 {
    let (warm_up, measured) = records.split_at(records.len() * WARM_UP_PERCENT / 100);
    let (mut pipeline, mut out) = (pipeline(&log.rules), Output::default());
    let mut apply = |records: &[Record<'_>]| {
        for records in records.chunks(options.batch) {
            pipeline.apply(records, None, &mut out).expect("no greatest jump is set");
        }
    };
    apply(warm_up);
    let begun = wall_nanos();
    apply(measured);
    (wall_nanos() - begun) as f64 / measured.len() as f64
}

/// The log with the events after the warm-up due one every `step` nanoseconds.
fn paced(options: &Options, log: &Log, records: &[Record<'_>], step: f64) -> Run {
    let (warm_up, measured) = records.split_at(records.len() * WARM_UP_PERCENT / 100);
    let (mut pipeline, mut out) = (pipeline(&log.rules), Output::default());
    let mut run = Run {
        latency: Histogram::new_with_max(NANOS_MAX, 3).expect("valid bounds"),
        batches: Histogram::new_with_max(options.batch.max(2) as u64, 3).expect("valid bounds"),
        longest: 0,
        stolen: 0,
        answer: Whole::default(),
    };
    for records in warm_up.chunks(options.batch) {
        pipeline.apply(records, None, &mut out).expect("no greatest jump is set");
        run.answer.take(&out);
    }
    let start = wall_nanos();
    let due = |event: usize| start + (event as f64 * step) as u64;
    let mut next = 0;
    while next < measured.len() {
        let mut begun = wall_nanos();
        // Spinning: how the system wakes a sleeper is not the engine's latency.
        while begun < due(next) {
            std::hint::spin_loop();
            begun = wall_nanos();
        }
        let ready = (begun.saturating_sub(due(next)) as f64 / step) as usize + 1;
        let end = measured.len().min(next + ready.min(options.batch));
        let ran = thread_nanos();
        pipeline.apply(&measured[next..end], None, &mut out).expect("no greatest jump is set");
        let (ran, done) = (thread_nanos() - ran, wall_nanos());
        (next..end).for_each(|event| run.latency.saturating_record(done - due(event)));
        run.batches.saturating_record((end - next) as u64);
        run.longest = run.longest.max(done - begun);
        run.stolen += (done - begun).saturating_sub(ran);
        // The bench's own work, 10 to 20 ns an event: it delays what comes next and so counts against the engine.
        run.answer.take(&out);
        next = end;
    }
    if let Some(clock) = pipeline.clock() {
        pipeline.advance(clock, None, &mut out);
        run.answer.take(&out);
    }
    run
}

fn micros(latency: &Histogram<u64>) -> [f64; QUANTILES.len()] {
    QUANTILES.map(|(_, quantile)| latency.value_at_quantile(quantile) as f64 / 1_000.0)
}

fn report(options: &Options, runs: &[Run], records: &[Record<'_>], nanos_an_event: f64, expected: u128) {
    let p999 = |run: &Run| run.latency.value_at_quantile(0.999);
    let best = runs.iter().min_by_key(|run| p999(run)).expect("there is a round");
    let told = |run: &Run| -> Value {
        let quantiles = QUANTILES.iter().zip(micros(&run.latency));
        let mut told: serde_json::Map<String, Value> =
            quantiles.map(|((name, _), us)| (format!("{name}_us"), json!(rounded(us)))).collect();
        told.insert("longest_batch_us".to_owned(), json!(rounded(run.longest as f64 / 1_000.0)));
        told.insert("batch_p50".to_owned(), json!(run.batches.value_at_quantile(0.5)));
        told.insert("batch_max".to_owned(), json!(run.batches.max()));
        told.insert("stolen_ms".to_owned(), json!(rounded(run.stolen as f64 / 1e6)));
        Value::Object(told)
    };
    println!(
        "\nbest round: batches of {} (median) to {} events, the longest took {:.0} us, others had the core for {:.1} ms",
        best.batches.value_at_quantile(0.5),
        best.batches.max(),
        best.longest as f64 / 1e3,
        best.stolen as f64 / 1e6
    );
    let detail = json!({
        "profile": "omni", "events": records.len(), "warm_up_percent": WARM_UP_PERCENT, "load_percent": LOAD_PERCENT,
        "threads": 1, "batch_max": options.batch, "events_per_s_max": rounded(1e9 / nanos_an_event),
        "events_per_s": rounded(1e7 * LOAD_PERCENT as f64 / nanos_an_event), "best": told(best),
        "rounds": runs.iter().map(told).collect::<Vec<_>>(), "output_hash": format!("{expected:032x}"),
    });
    let goal = Goal {
        name: "S7",
        what: "p99.9 in ms at 70 % of the maximum, from the scheduled time",
        figure: p999(best) as f64 / 1e6,
        goal: 1.0,
        detail,
    };
    tell(&[goal], options.json.as_deref());
}
