//! Where the time of an event goes: nanoseconds by stage, and decode with its hashes taken off against `serde_json`'s
//! typed decode of the same bytes (goal S3).
//!
//! Everything is measured in processor time of the thread, in turn, several rounds. The hashes are measured by themselves:
//! the same number of SipHash calls over the same texts (see `support::hashes`). With `--instructions` everything runs
//! once, with named functions between the stages at which an instruction counter can cut (`scripts/callgrind`).

mod support;

use std::hint::black_box;
use std::process::ExitCode;

use serde_json::{Value, json};
use support::answer::{Answer, of_model, of_pipeline, pipeline};
use support::hashes::Hashes;
use support::log::Log;
use support::options::Options;
use support::report::{Goal, Spread, rounded, row, tell};
use support::stopwatch::{thread_nanos, time};
use support::typed;
use trunkline::pipeline::decode::{Decoder, Limits};
use trunkline::pipeline::{Stage, Watch};
use trunkline::rules::keys::{HashKey, Keys};
use trunkline::types::event::Events;
use trunkline::types::record::Record;
use trunkline::types::{KindId, Output};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Adds up what each stage takes.
struct Laps {
    last: u64,
    nanos: [u64; 5],
}

impl Watch for Laps {
    fn done(&mut self, stage: Stage) {
        let now = thread_nanos();
        self.nanos[stage as usize] += now - self.last;
        self.last = now;
    }
}

/// One round, in nanoseconds.
struct Round {
    typed: u64,
    decode: u64,
    hashes: u64,
    stages: [u64; 5],
}

/// What all rounds share.
struct Bench<'a> {
    options: &'a Options,
    log: &'a Log,
    records: &'a [Record<'a>],
    keys: Keys,
    hashes: Hashes,
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
    let kinds = &log.rules.identity.kinds;
    let kind = |name: &str| kinds.iter().position(|kind| kind.name == name).map(|at| KindId(at as u8));
    if options.instructions {
        count_instructions(&options, &log, &records, kind);
        return ExitCode::SUCCESS;
    }
    let prefix = &records[..records.len().min(options.model_events)];
    if of_model(&log.rules, prefix).value() != of_pipeline(&log.rules, prefix, options.batch).value() {
        eprintln!("WRONG: the first {} events give another output than the model's", prefix.len());
        return ExitCode::FAILURE;
    }
    let keys = Keys::new(&HashKey::PUBLIC, &log.rules);
    let hashes = Hashes::of(records.iter().map(|record| record.value), kind);
    let bench = Bench { options: &options, log: &log, records: &records, keys, hashes };
    let expected = of_pipeline(&log.rules, &records, 333).value();
    let mut rounds = Vec::new();
    for _ in 0..options.rounds {
        let typed = time(|| records.iter().for_each(|record| drop(black_box(typed::decode(record.value))))).0;
        let decode = bench.decode();
        let hashed = time(|| black_box(bench.hashes.run(&bench.keys))).0;
        let (stages, answer) = bench.stages();
        if answer.value() != expected {
            eprintln!("WRONG: two runs over one log give different output");
            return ExitCode::FAILURE;
        }
        rounds.push((Round { typed, decode, hashes: hashed, stages }, answer));
    }
    bench.report(&rounds);
    ExitCode::SUCCESS
}

impl Bench<'_> {
    fn decode(&self) -> u64 {
        let mut decoder = Decoder::new(self.log.rules.clone(), self.keys.clone(), Limits::default());
        let mut events = Events::default();
        let (nanos, entries) = time(|| {
            let mut entries = 0;
            for records in self.records.chunks(self.options.batch) {
                decoder.decode(records, &mut events);
                entries += black_box(&events).entries.len();
            }
            entries
        });
        assert_eq!(entries, self.records.len(), "each line is an event");
        nanos
    }

    fn stages(&self) -> ([u64; 5], Answer) {
        let (mut pipeline, mut out) = (pipeline(&self.log.rules), Output::default());
        let mut answer = Answer::new(&self.log.rules);
        let mut laps = Laps { last: 0, nanos: [0; 5] };
        for records in self.records.chunks(self.options.batch) {
            laps.last = thread_nanos();
            pipeline.apply_watched(records, None, &mut out, &mut laps).expect("no greatest jump is set");
            answer.take(&out);
        }
        if let Some(clock) = pipeline.clock() {
            pipeline.advance(clock, None, &mut out);
            answer.take(&out);
        }
        (laps.nanos, answer)
    }

    fn report(&self, rounds: &[(Round, Answer)]) {
        let events = self.records.len() as f64;
        let spread = |of: &dyn Fn(&Round) -> u64| {
            Spread::of(rounds.iter().map(|(round, _)| of(round) as f64 / events))
        };
        let typed = spread(&|round| round.typed);
        let decode = spread(&|round| round.decode);
        let hashes = spread(&|round| round.hashes);
        println!("\n{:<44} {:>9} {:>9}", "nanoseconds of processor time an event", "min", "median");
        row("serde_json, typed decode only", typed);
        row("decode alone", decode);
        row(&format!("its {:.2} hashes alone", self.hashes.len() as f64 / events), hashes);
        let mut stages = serde_json::Map::new();
        for stage in Stage::ALL {
            let spread = spread(&|round| round.stages[stage as usize]);
            row(&format!("stage {}", stage.word()), spread);
            stages.insert(stage.word().to_owned(), spread.json());
        }
        let answer = &rounds[0].1;
        println!(
            "outputs an event {:.3}, bytes of output an event {:.1}\n",
            answer.outputs as f64 / events,
            answer.bytes as f64 / events
        );
        let detail = json!({
            "profile": "omni", "events": self.records.len(), "bytes_an_event": self.log.bytes() / self.records.len(),
            "batch": self.options.batch, "rounds": rounds.len(), "serde_json_ns": typed.json(), "decode_ns": decode.json(),
            "hashes_ns": hashes.json(), "hashes_an_event": rounded(self.hashes.len() as f64 / events),
            "stages_ns": Value::Object(stages), "outputs_an_event": rounded(answer.outputs as f64 / events),
            "output_bytes_an_event": rounded(answer.bytes as f64 / events),
        });
        let goal = Goal {
            name: "S3",
            what: "decode without its hashes ÷ serde_json typed decode",
            figure: (decode.least - hashes.least) / typed.least,
            goal: 0.25,
            detail,
        };
        tell(&[goal], self.options.json.as_deref());
    }
}

/// Runs everything once, with a mark after each part. The counter's file up to a mark holds what was done before it.
fn count_instructions(
    options: &Options,
    log: &Log,
    records: &[Record<'_>],
    kind: impl Fn(&str) -> Option<KindId>,
) {
    let (warm_up, measured) = records.split_at(records.len() * 4 / 5);
    let (mut pipeline, mut out) = (pipeline(&log.rules), Output::default());
    for records in warm_up.chunks(options.batch) {
        pipeline.apply(records, None, &mut out).expect("no greatest jump is set");
    }
    let keys = Keys::new(&HashKey::PUBLIC, &log.rules);
    let hashes = Hashes::of(measured.iter().map(|record| record.value), kind);
    marks::mark_begin();
    for records in measured.chunks(options.batch) {
        pipeline.apply_watched(records, None, &mut out, &mut marks::Marks).expect("no greatest jump is set");
    }
    marks::mark_rest();
    measured.iter().for_each(|record| drop(black_box(typed::decode(record.value))));
    marks::mark_serde_json();
    black_box(hashes.run(&keys));
    marks::mark_hashes();
    println!("measured events {}", measured.len());
    println!("log {:032x}", log.hash());
}

/// Functions with a name and nothing in them, at which callgrind cuts. Each differs from the others, or the linker would
/// make them one.
mod marks {
    use std::hint::black_box;
    use trunkline::pipeline::{Stage, Watch};

    pub struct Marks;

    impl Watch for Marks {
        fn done(&mut self, stage: Stage) {
            match stage {
                Stage::Decode => mark_decode(),
                Stage::Identify => mark_identify(),
                Stage::Understand => mark_understand(),
                Stage::Route => mark_route(),
                Stage::Emit => mark_emit(),
            }
        }
    }

    macro_rules! marks {
        ($($name:ident = $number:literal,)*) => {
            $(#[inline(never)]
            pub fn $name() {
                black_box($number);
            })*
        };
    }

    marks! {
        mark_begin = 1,
        mark_decode = 2,
        mark_identify = 3,
        mark_understand = 4,
        mark_route = 5,
        mark_emit = 6,
        mark_rest = 7,
        mark_serde_json = 8,
        mark_hashes = 9,
    }
}
