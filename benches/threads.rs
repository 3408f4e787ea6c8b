//! The whole engine in memory over threads: how much faster two are than one (goal S2), with eight divisions and with
//! one, and what more threads would give.
//!
//! Wall time, rounds in turn. The machine must be quiet for that: the processor time of all threads stands beside it
//! and says what handing over costs even where it is not. The answer of every run is compared with the pipeline's on
//! one thread; a wrong one ends the bench with code 1.

mod support;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};
use support::answer::{Answer, TENANT, of_pipeline, over};
use support::log::Log;
use support::options::Options;
use support::report::{Goal, Spread, rounded, row, tell_at_least};
use support::stopwatch::{process_nanos, wall_nanos};
use trunkline::pipeline::Stage;
use trunkline::rules::keys::HashKey;
use trunkline::runtime::flow::{Flow, Meter, Threads};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Records handed in at once: large enough that a step of a division is worth a hand-over.
const BATCH: usize = 2_048;

/// One run, in nanoseconds.
struct Run {
    wall: u64,
    /// Processor time of all threads.
    cpu: u64,
    /// By stage, all threads, in wall time.
    stages: [u64; Stage::ALL.len()],
}

/// Adds up the time of each stage.
struct Sums {
    begun: u64,
    sums: Arc<[AtomicU64; Stage::ALL.len()]>,
}

impl Meter for Sums {
    fn begin(&mut self) {
        self.begun = wall_nanos();
    }

    fn end(&mut self, stage: Stage, _: usize) {
        self.sums[stage as usize].fetch_add(wall_nanos() - self.begun, Ordering::Relaxed);
    }
}

fn main() -> ExitCode {
    let options = Options::read();
    let counts = [1, 2];
    let mut goals = Vec::new();
    let worlds = [
        ("S2", "2 threads against 1, 8 divisions", Log::omni(&options), 1.8),
        ("S2b", "2 threads against 1, 1 division (no goal: reported)", Log::of_one_division(&options), 0.0),
    ];
    for (name, what, log, goal) in worlds {
        let records = log.records();
        let expected = of_pipeline(&log.rules, &records, options.batch);
        println!("\n{what}: {} events, batches of {BATCH}", records.len());
        let mut runs: Vec<Vec<Run>> = counts.iter().map(|_| Vec::new()).collect();
        for _ in 0..options.rounds {
            for (threads, runs) in counts.iter().zip(&mut runs) {
                match run(&log, &expected, *threads) {
                    Some(run) => runs.push(run),
                    None => return ExitCode::FAILURE,
                }
            }
        }
        goals.push(report(name, what, goal, records.len(), &counts, &runs));
    }
    tell_at_least(&goals, options.json.as_deref());
    ExitCode::SUCCESS
}

/// One run, if its answer is right.
fn run(log: &Log, expected: &Answer, threads: usize) -> Option<Run> {
    let sums: Arc<[AtomicU64; Stage::ALL.len()]> = Arc::default();
    let meter = |_| Sums { begun: 0, sums: sums.clone() };
    let records = log.records();
    let mut flow = Flow::new(log.rules.clone(), &HashKey::PUBLIC, TENANT, Threads::new(threads), meter);
    let (wall, cpu, mut outputs) = (wall_nanos(), process_nanos(), 0);
    over(&mut flow, &records, BATCH, |output| {
        let lines = output.divisions.iter().chain([&output.identity, &output.rejected]);
        outputs += lines.map(|lines| lines.len() as u64).sum::<u64>();
    });
    let (wall, cpu) = (wall_nanos() - wall, process_nanos() - cpu);
    let stages = std::array::from_fn(|stage| sums[stage].load(Ordering::Relaxed));
    drop(flow);
    // Hashing costs a good part of a run: the answer is checked in a run of its own, with the same hand-over.
    let mut flow = Flow::new(log.rules.clone(), &HashKey::PUBLIC, TENANT, Threads::new(threads), |_| ());
    let mut answer = Answer::new(&log.rules);
    over(&mut flow, &records, BATCH, |output| answer.take(output));
    if (answer.value(), outputs) != (expected.value(), expected.outputs) {
        eprintln!(
            "WRONG: {threads} threads put out {:032x} instead of {:032x}",
            answer.value(),
            expected.value()
        );
        return None;
    }
    Some(Run { wall, cpu, stages })
}

fn report(
    name: &'static str,
    what: &'static str,
    goal: f64,
    events: usize,
    counts: &[usize],
    runs: &[Vec<Run>],
) -> Goal {
    let spread =
        |runs: &[Run], of: fn(&Run) -> u64| Spread::of(runs.iter().map(|run| of(run) as f64 / events as f64));
    println!("{:<44} {:>9} {:>9}", "nanoseconds an event", "min", "median");
    for (threads, runs) in counts.iter().zip(runs) {
        row(&format!("{threads} threads, wall"), spread(runs, |run| run.wall));
        row(&format!("{threads} threads, processor time of all"), spread(runs, |run| run.cpu));
    }
    let least = |at: usize, of: fn(&Run) -> u64| spread(&runs[at], of).least;
    let speed_up = least(0, |run| run.wall) / least(1, |run| run.wall);
    // Without waiting and with a core each, this is what two threads could reach at most.
    let bound = counts[1] as f64 * least(0, |run| run.cpu) / least(1, |run| run.cpu);
    let stages: Value = Stage::ALL
        .iter()
        .map(|stage| {
            let of = |run: &Run| run.stages[*stage as usize] as f64 / events as f64;
            (stage.word().to_owned(), json!(rounded(Spread::of(runs[0].iter().map(of)).least)))
        })
        .collect::<serde_json::Map<_, _>>()
        .into();
    println!("by processor time two threads could reach {bound:.3}");
    let detail = json!({
        "events": events, "batch": BATCH, "rounds": runs[0].len(),
        "wall_ns": counts.iter().zip(runs).map(|(count, runs)| (count.to_string(), spread(runs, |run| run.wall).json()))
            .collect::<serde_json::Map<_, _>>(),
        "cpu_ns": counts.iter().zip(runs).map(|(count, runs)| (count.to_string(), spread(runs, |run| run.cpu).json()))
            .collect::<serde_json::Map<_, _>>(),
        "stage_ns_one_thread": stages, "bound_by_processor_time": rounded(bound),
    });
    Goal { name, what, figure: speed_up, goal, detail }
}
