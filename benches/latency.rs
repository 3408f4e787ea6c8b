//! Latency at 70 % of the most that the engine can do (goal S7), in memory, one thread, `omni`.
//!
//! The loop is open. First the engine's greatest rate is measured on the same log; then every event gets its instant
//! before the run begins, evenly at 70 % of that rate, and its latency counts from that instant to when its output is
//! there, whether the engine was ready for it or not. So a stall shows in every event that it kept waiting (no
//! coordinated omission). A batch is what has become due, at most `--batch` events.
//!
//! Each round runs on two clocks: wall time, in which others who use the machine are measured as well; and processor
//! time of this thread, which stands still while others have the core and jumps to the next event's instant where the
//! engine would be idle. The figure is wall time's, unless others had the core for more than a hundredth of the time;
//! then it is processor time's, and `clock` in the JSON says so.
//!
//! What the machine itself does to whoever keeps such a schedule stands beside it in two floors, with the same instants.
//! `floor` is a loop that counts up for 70 % of the time. `memory` fetches and changes lines at random places of a block
//! beyond all caches, so many an event that at full speed it would be as fast as the engine: where memory is slow for a
//! while, because others use it, it falls behind as the engine does. The longest batches are told with what each stage
//! took and the page faults since the one before.
//!
//! Memory is touched ahead and kept, as `run` does (`io::memory`); `--cold` leaves that out.
//!
//! The first part of the log is not counted: twenty thousand agents log in there and every table grows from nothing.
//! The answer of each run must be that of the naive model on a prefix, and the same for any cut on the whole.

mod support;

use std::process::ExitCode;

use hdrhistogram::Histogram;
use serde_json::{Value, json};
use support::answer::{Whole, of_model, of_pipeline, pipeline};
use support::log::Log;
use support::options::Options;
use support::report::{Goal, rounded, tell};
use support::stopwatch::{thread_nanos, wall_nanos};
use trunkline::io::memory;
use trunkline::pipeline::{Stage, Watch};
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
/// Memory that is touched before the first run.
const AHEAD: usize = 1 << 30;
/// Batches that take longer are looked at.
const PAUSE_NANOS: u64 = 1_000_000;
/// Of them so many are told.
const PAUSES: usize = 5;
/// Name and quantile; the last one is the greatest value.
const QUANTILES: [(&str, f64); 5] =
    [("p50", 0.5), ("p99", 0.99), ("p999", 0.999), ("p9999", 0.9999), ("max", 1.0)];
/// Cache lines of the block that the floor of memory works on: 256 MB.
const LINES: usize = 1 << 22;
/// Lines that are touched to learn what one costs.
const TOUCHES: usize = 4 << 20;
/// Others may have had the core for this part of the time, in hundredths, for wall time to mean the engine.
const STOLEN_PERCENT_MAX: f64 = 1.0;

/// A clock to run by.
enum Clock {
    /// Time that passes.
    Wall,
    /// Processor time of this thread, and the nanoseconds that were skipped.
    Processor(u64),
}

/// What one run at a pace came to.
struct Run {
    clock: &'static str,
    /// Nanoseconds from an event's instant to its output.
    latency: Histogram<u64>,
    /// Events a batch.
    batches: Histogram<u64>,
    /// Rate at which events were due.
    events_per_s: f64,
    /// Nanoseconds that one batch took the engine, the longest.
    longest: u64,
    /// Part of the time in which this thread did not run, since others had the core, in hundredths.
    stolen_percent: f64,
    /// The longest batches, the longest first.
    pauses: Vec<Pause>,
    answer: Whole,
}

/// A batch that took long.
#[derive(Copy, Clone)]
struct Pause {
    /// Number of its first event.
    event: usize,
    events: usize,
    nanos: u64,
    stages: [u64; Stage::ALL.len()],
    /// Page faults since the pause before.
    faults: u64,
}

/// When each stage was done.
#[derive(Default)]
struct Marks([u64; Stage::ALL.len()]);

impl Watch for Marks {
    fn done(&mut self, stage: Stage) {
        self.0[stage as usize] = wall_nanos();
    }
}

fn main() -> ExitCode {
    let options = Options::read();
    let log = Log::omni(&options);
    let records = log.records();
    if options.ahead {
        memory::keep();
        memory::touch(AHEAD);
    }
    let prefix = &records[..records.len().min(options.model_events)];
    if of_model(&log.rules, prefix).value() != of_pipeline(&log.rules, prefix, options.batch).value() {
        eprintln!("WRONG: the first {} events give another output than the model's", prefix.len());
        return ExitCode::FAILURE;
    }
    let expected = whole(&log, &records, 333);
    println!(
        "omni, {} events, batches of at most {}; output {expected:032x}, equal to the model's on the first {}\n",
        records.len(),
        options.batch,
        prefix.len()
    );
    let head =
        ["p50", "p99", "p99.9", "p99.99", "max", "events/s", "stolen %"].map(|word| format!("{word:>9}"));
    println!("{:<10} {}", "us", head.join(" "));
    let mut runs = Vec::new();
    let mut lines = Lines::new(options.rounds);
    println!("{:<10} {:.1} ns a line", "memory", lines.nanos_each);
    for clock in Clock::BOTH {
        let fastest = (0..options.rounds).map(|_| fastest(&options, &log, &records, &clock()));
        let step = fastest.fold(f64::MAX, f64::min) * 100.0 / LOAD_PERCENT as f64;
        for _ in 0..options.rounds {
            let run = paced(&options, &log, &records, clock(), step);
            if run.answer.value() != expected {
                eprintln!("WRONG: at a pace the output is {:032x}", run.answer.value());
                return ExitCode::FAILURE;
            }
            print_run(&run);
            runs.push(run);
            if let Clock::Wall = clock() {
                let events = records.len() - warm_up(&records);
                let (work, batch) = (step * LOAD_PERCENT as f64 / 100.0, options.batch);
                let count = |events: usize| count_for(events as f64 * work);
                let touch = |events: usize| lines.touch((events as f64 * work / lines.nanos_each) as usize);
                for floor in
                    [floor("floor", events, batch, step, count), floor("memory", events, batch, step, touch)]
                {
                    print_run(&floor);
                    runs.push(floor);
                }
            }
        }
    }
    for run in &runs {
        run.pauses.iter().for_each(|pause| println!("{:<10} {}", run.clock, pause.sentence()));
    }
    report(&options, &runs, &records, expected);
    ExitCode::SUCCESS
}

impl Clock {
    const BOTH: [fn() -> Clock; 2] = [|| Clock::Wall, || Clock::Processor(0)];

    fn word(&self) -> &'static str {
        match self {
            Clock::Wall => "wall",
            Clock::Processor(_) => "processor",
        }
    }

    fn now(&self) -> u64 {
        match self {
            Clock::Wall => wall_nanos(),
            Clock::Processor(skipped) => thread_nanos() + skipped,
        }
    }

    /// The time, once it is not before this instant. Spins: how the system wakes a sleeper is not the engine's latency.
    fn wait_until(&mut self, instant: u64) -> u64 {
        loop {
            let now = self.now();
            if now >= instant {
                return now;
            }
            match self {
                Clock::Wall => std::hint::spin_loop(),
                Clock::Processor(skipped) => *skipped += instant - now,
            }
        }
    }
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

/// Nanoseconds an event, warm, at full speed.
fn fastest(options: &Options, log: &Log, records: &[Record<'_>], clock: &Clock) -> f64 {
    let (warm_up, measured) = records.split_at(records.len() * WARM_UP_PERCENT / 100);
    let (mut pipeline, mut out) = (pipeline(&log.rules), Output::default());
    let mut apply = |records: &[Record<'_>]| {
        for records in records.chunks(options.batch) {
            pipeline.apply(records, None, &mut out).expect("no greatest jump is set");
        }
    };
    apply(warm_up);
    let begun = clock.now();
    apply(measured);
    (clock.now() - begun) as f64 / measured.len() as f64
}

/// Events that are not counted.
fn warm_up(records: &[Record<'_>]) -> usize {
    records.len() * WARM_UP_PERCENT / 100
}

fn print_run(run: &Run) {
    let cells = micros(&run.latency).map(|us| format!("{us:>9.1}")).join(" ");
    println!("{:<10} {cells} {:>9.0} {:>9.2}", run.clock, run.events_per_s, run.stolen_percent);
}

/// The same schedule without an engine: `work` keeps the thread busy for the share of the load of so many events.
fn floor(kind: &'static str, events: usize, batch: usize, step: f64, mut work: impl FnMut(usize)) -> Run {
    let mut run = Run::new(kind, batch, step);
    let (passed, ran) = (wall_nanos(), thread_nanos());
    let start = wall_nanos();
    let due = |event: usize| start + (event as f64 * step) as u64;
    let mut next = 0;
    while next < events {
        let begun = Clock::Wall.wait_until(due(next));
        let ready = ((begun - due(next)) as f64 / step) as usize + 1;
        let end = events.min(next + ready.min(batch));
        work(end - next);
        let done = wall_nanos();
        (next..end).for_each(|event| run.latency.saturating_record(done - due(event)));
        run.batches.saturating_record((end - next) as u64);
        run.longest = run.longest.max(done - begun);
        next = end;
    }
    run.stolen(wall_nanos() - passed, thread_nanos() - ran);
    run
}

/// Spins for so many nanoseconds of processor time.
fn count_for(nanos: f64) {
    let busy_until = thread_nanos() + nanos as u64;
    while thread_nanos() < busy_until {
        std::hint::spin_loop();
    }
}

/// Memory beyond all caches, line by line.
struct Lines {
    words: Vec<[u64; 8]>,
    /// Of the last place.
    state: u64,
    /// Nanoseconds of processor time to fetch and change one, where nobody disturbs: the least of some rounds.
    nanos_each: f64,
}

impl Lines {
    fn new(rounds: usize) -> Lines {
        let mut lines = Lines { words: vec![[1; 8]; LINES], state: 1, nanos_each: f64::MAX };
        for _ in 0..rounds.max(1) {
            let begun = thread_nanos();
            lines.touch(TOUCHES);
            let taken = (thread_nanos() - begun) as f64 / TOUCHES as f64;
            lines.nanos_each = lines.nanos_each.min(taken);
        }
        lines
    }

    /// Changes so many lines at places that follow from each other by arithmetic alone, so that several are on their way at
    /// a time. The generator is Marsaglia's xorshift64.
    fn touch(&mut self, lines: usize) {
        for _ in 0..lines {
            self.state ^= self.state << 13;
            self.state ^= self.state >> 7;
            self.state ^= self.state << 17;
            let line = &mut self.words[self.state as usize % LINES];
            line[0] = line[0].wrapping_add(self.state);
        }
        std::hint::black_box(&mut self.words);
    }
}

/// Page faults of this thread so far; 0 where nobody says.
fn faults() -> u64 {
    let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap_or_default();
    let behind_name = stat.rsplit(')').next().unwrap_or_default();
    behind_name.split_whitespace().nth(7).and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// The log with the events after the warm-up due one every `step` nanoseconds.
fn paced(options: &Options, log: &Log, records: &[Record<'_>], mut clock: Clock, step: f64) -> Run {
    let (warm_up, measured) = records.split_at(records.len() * WARM_UP_PERCENT / 100);
    let (mut pipeline, mut out) = (pipeline(&log.rules), Output::default());
    let mut run = Run::new(clock.word(), options.batch, step);
    for records in warm_up.chunks(options.batch) {
        pipeline.apply(records, None, &mut out).expect("no greatest jump is set");
        run.answer.take(&out);
    }
    let (passed, ran) = (wall_nanos(), thread_nanos());
    let start = clock.now();
    let due = |event: usize| start + (event as f64 * step) as u64;
    let (mut next, mut faults_before, mut marks) = (0, faults(), Marks::default());
    while next < measured.len() {
        let begun = clock.wait_until(due(next));
        let ready = ((begun - due(next)) as f64 / step) as usize + 1;
        let end = measured.len().min(next + ready.min(options.batch));
        let entered = wall_nanos();
        let applied = pipeline.apply_watched(&measured[next..end], None, &mut out, &mut marks);
        applied.expect("no greatest jump is set");
        let done = clock.now();
        (next..end).for_each(|event| run.latency.saturating_record(done - due(event)));
        run.batches.saturating_record((end - next) as u64);
        run.longest = run.longest.max(done - begun);
        if done - begun > PAUSE_NANOS {
            let faults = faults();
            let mut from = entered;
            let stages = marks.0.map(|mark| mark - std::mem::replace(&mut from, mark));
            run.pauses.push(Pause {
                event: next,
                events: end - next,
                nanos: done - begun,
                stages,
                faults: faults - faults_before,
            });
            faults_before = faults;
        }
        // The bench's own work, 10 to 20 ns an event: it delays what comes next and so counts against the engine.
        run.answer.take(&out);
        next = end;
    }
    run.stolen(wall_nanos() - passed, thread_nanos() - ran);
    if let Some(clock) = pipeline.clock() {
        pipeline.advance(clock, None, &mut out);
        run.answer.take(&out);
    }
    run
}

fn micros(latency: &Histogram<u64>) -> [f64; QUANTILES.len()] {
    QUANTILES.map(|(_, quantile)| latency.value_at_quantile(quantile) as f64 / 1_000.0)
}

impl Pause {
    fn sentence(&self) -> String {
        let stages = Stage::ALL.iter().zip(self.stages);
        let stages: Vec<String> =
            stages.map(|(stage, nanos)| format!("{} {:.0}", stage.word(), nanos as f64 / 1e3)).collect();
        format!(
            "{:.0} us for {} events at {}: {}; {} page faults since the one before",
            self.nanos as f64 / 1e3,
            self.events,
            self.event,
            stages.join(", "),
            self.faults
        )
    }
}

impl Run {
    fn new(clock: &'static str, batch: usize, step: f64) -> Run {
        Run {
            clock,
            latency: Histogram::new_with_max(NANOS_MAX, 3).expect("valid bounds"),
            batches: Histogram::new_with_max(batch.max(2) as u64, 3).expect("valid bounds"),
            events_per_s: 1e9 / step,
            longest: 0,
            stolen_percent: 0.0,
            pauses: Vec::new(),
            answer: Whole::default(),
        }
    }

    /// The run is over; so long it took, and so long this thread ran.
    fn stolen(&mut self, passed: u64, ran: u64) {
        self.stolen_percent = passed.saturating_sub(ran) as f64 * 100.0 / passed as f64;
        self.pauses.sort_unstable_by_key(|pause| std::cmp::Reverse(pause.nanos));
        self.pauses.truncate(PAUSES);
    }

    fn json(&self) -> Value {
        let quantiles = QUANTILES.iter().zip(micros(&self.latency));
        let mut told: serde_json::Map<String, Value> =
            quantiles.map(|((name, _), us)| (format!("{name}_us"), json!(rounded(us)))).collect();
        told.insert("clock".to_owned(), json!(self.clock));
        told.insert("events_per_s".to_owned(), json!(self.events_per_s.round()));
        told.insert("longest_batch_us".to_owned(), json!(rounded(self.longest as f64 / 1_000.0)));
        told.insert("batch_p50".to_owned(), json!(self.batches.value_at_quantile(0.5)));
        told.insert("batch_max".to_owned(), json!(self.batches.max()));
        let pauses = self.pauses.iter().map(Pause::sentence).collect::<Vec<_>>();
        told.insert("longest_batches".to_owned(), json!(pauses));
        told.insert("stolen_percent".to_owned(), json!(rounded(self.stolen_percent)));
        Value::Object(told)
    }
}

fn report(options: &Options, runs: &[Run], records: &[Record<'_>], expected: u128) {
    let p999 = |run: &Run| run.latency.value_at_quantile(0.999);
    let best = |clock: &str| {
        let runs = runs.iter().filter(|run| run.clock == clock);
        runs.min_by_key(|run| p999(run)).expect("there is a round of each")
    };
    let (wall, processor, floor, memory) = (best("wall"), best("processor"), best("floor"), best("memory"));
    let best = if wall.stolen_percent <= STOLEN_PERCENT_MAX { wall } else { processor };
    println!(
        "\nthe figure is {} time's: batches of {} (median) to {} events, the longest took {:.0} us",
        best.clock,
        best.batches.value_at_quantile(0.5),
        best.batches.max(),
        best.longest as f64 / 1e3
    );
    println!(
        "on the same schedule a loop that only counts had a p99.9 of {:.3} ms, one that fetches memory {:.3} ms",
        p999(floor) as f64 / 1e6,
        p999(memory) as f64 / 1e6
    );
    let detail = json!({
        "profile": "omni", "events": records.len(), "warm_up_percent": WARM_UP_PERCENT, "load_percent": LOAD_PERCENT,
        "threads": 1, "batch_max": options.batch, "clock": best.clock, "wall": wall.json(), "processor": processor.json(),
        "floor": floor.json(), "memory": memory.json(),
        "rounds": runs.iter().map(Run::json).collect::<Vec<_>>(), "output_hash": format!("{expected:032x}"),
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
