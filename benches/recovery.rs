//! What a snapshot costs and gives (goal S13): how long epochs at 20,000 events a second are kept up while one is taken
//! beside the engine, and how fast one is read again, from a file that the system still has in memory.
//!
//! The state: customers of two identifiers each who have all written and wait, so that identify, understand and route
//! hold something of everybody. What was read is saved again, and must have the same hash as what was written, and the
//! engine that goes on from it must put out what the other one does; else the bench ends with code 1.

mod support;

use std::fmt::Write as _;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;

use serde_json::json;
use support::options::Options;
use support::report::{Goal, rounded, tell, tell_at_least};
use support::stopwatch::wall_nanos;
use trunkline::io::machine::Stopwatch;
use trunkline::io::memory;
use trunkline::io::snapshots::Directory;
use trunkline::rules::Rules;
use trunkline::rules::keys::HashKey;
use trunkline::runtime::Files;
use trunkline::runtime::SEMANTICS;
use trunkline::runtime::flow::{Finished, Flow, Threads};
use trunkline::runtime::journal::Hash;
use trunkline::runtime::snapshot::{CONTENT, Header, Reader, Writer};
use trunkline::types::Millis;
use trunkline::types::record::Record;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const RULES: &str = r#"
version = "recovery"
[identity.kinds.email]
rank = 1
form = "email"
[identity.kinds.account]
rank = 2
form = "handle"
[channels.chat]
[divisions.care]
[queues.help]
division = "care"
[[routes]]
queue = "help"
"#;

/// Events of an epoch, and how often one comes: 20,000 events a second.
const EPOCH: u64 = 100;
const EPOCH_NANOS: u64 = 5_000_000;
/// Epochs measured without a snapshot.
const WARM_EPOCHS: u64 = 1_000;
/// Records handed in at once while the state grows.
const BATCH: u64 = 2_048;
const START: i64 = 1_795_251_600_000;
const NAME: &str = "bench.snapshot";

/// An engine, and what it is fed.
struct Engine {
    flow: Flow<()>,
    finished: Finished,
    lines: Vec<String>,
    customers: u64,
    next: u64,
}

impl Engine {
    fn new(rules: &Arc<Rules>, customers: u64) -> Engine {
        let flow = Flow::new(rules.clone(), &HashKey::PUBLIC, "bench", Threads::new(1), |_| ());
        Engine { flow, finished: Finished::default(), lines: Vec::new(), customers, next: 0 }
    }

    /// Makes the next events: each customer in turn at first, later one or another.
    fn make(&mut self, count: u64) {
        self.lines.resize_with(count as usize, String::new);
        for line in &mut self.lines {
            let who = if self.next < self.customers {
                self.next
            } else {
                self.next.wrapping_mul(0x9e37_79b9_7f4a_7c15) % self.customers
            };
            line.clear();
            write!(
                line,
                r#"{{"specversion":"1.0","id":"{}","source":"bench","type":"trunkline.contact.received","time":"2026-11-21T09:00:00Z","data":{{"channel":"chat","from":{{"email":"c{who}@example.org","account":"a{who}"}}}}}}"#,
                self.next
            )
            .expect("a text takes all");
            self.next += 1;
        }
    }

    /// Carries out what was made; bytes of output.
    fn run(&mut self) -> usize {
        let first = self.next - self.lines.len() as u64;
        let now = Millis(START + (self.next / 100_000) as i64);
        let lines = self.lines.iter().zip(first..);
        let records: Vec<Record<'_>> =
            lines.map(|(line, offset)| Record::kafka(0, offset, now, line.as_bytes())).collect();
        self.flow.submit(&records, Some(now), None);
        self.flow
            .collect(&mut self.finished)
            .expect("a batch is under way")
            .expect("Kafka's records jump freely");
        self.finished.output.divisions.iter().map(|lines| lines.bytes.len()).sum()
    }

    /// Writes the state; the hash of what was written.
    fn save(&mut self, mut to: impl Write) -> io::Result<u128> {
        let mut writer = Writer::new(&mut to, &header())?;
        self.flow.save(&mut writer)?;
        writer.finish()
    }

    /// Epochs as they come, so many; the longest times from when each should have begun to its end, the longest first.
    /// `each` is called between two epochs.
    fn live(&mut self, epochs: u64, mut each: impl FnMut(&mut Engine) -> bool) -> (Vec<u64>, u64) {
        let watch = Stopwatch::start();
        let (mut took, mut done) = (Vec::new(), 0);
        for epoch in 0..epochs {
            self.make(EPOCH);
            watch.wait_until(epoch * EPOCH_NANOS);
            self.run();
            took.push(watch.nanos().saturating_sub(epoch * EPOCH_NANOS));
            done = epoch;
            if each(self) {
                break;
            }
        }
        took.sort_unstable_by(|a, b| b.cmp(a));
        took.truncate(5);
        (took, done + 1)
    }
}

fn header() -> Header {
    Header {
        content: CONTENT,
        semantics: SEMANTICS,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        tenant: "bench".to_owned(),
        epoch: 0,
        record: Hash(0),
        now: START,
        rules: Hash(0),
        key: Hash(0),
        place: 0,
    }
}

fn main() -> ExitCode {
    let options = Options { customers: 2_500_000, ..Options::default() }.words();
    memory::keep();
    let rules = Arc::new(trunkline::rules::compile(RULES, "recovery").expect("sound rules"));
    let folder = tempfile::tempdir().expect("a folder for the file");
    let mut files = Directory::new(folder.path()).expect("a folder for the file");
    let mut engine = Engine::new(&rules, u64::from(options.customers));
    while engine.next < engine.customers {
        engine.make(BATCH.min(engine.customers - engine.next));
        engine.run();
    }
    let held: usize = engine.flow.bytes().iter().sum();
    println!("{} customers, each waiting: {} MB held\n", options.customers, held >> 20);

    let quiet = engine.live(WARM_EPOCHS.min(options.events), |_| false).0;
    let (begun, written, beside) = match taken_beside(&mut engine, &mut files) {
        Ok(measured) => measured,
        Err(error) => {
            eprintln!("the snapshot failed: {error}");
            return ExitCode::FAILURE;
        }
    };
    let read = match read_again(&mut engine, &rules, &mut files, options.rounds) {
        Ok(read) => read,
        Err(what) => {
            eprintln!("wrong answer: {what}");
            return ExitCode::FAILURE;
        }
    };
    report(&options, held, &quiet, (begun, written, &beside), &read);
    ExitCode::SUCCESS
}

/// Takes a snapshot beside the live engine: nanoseconds in which it was begun, until it was there, and the longest epochs
/// meanwhile.
fn taken_beside(engine: &mut Engine, files: &mut Directory) -> io::Result<(u64, u64, Vec<u64>)> {
    let (mut begun, mut failed) = (0, Ok(()));
    let started = wall_nanos();
    let mut first = true;
    let (longest, _) = engine.live(u64::MAX, |engine| {
        if first {
            first = false;
            let start = wall_nanos();
            let done = files.begin(&mut |files| {
                let mut file = files.create(NAME)?;
                engine.save(&mut *file)?;
                file.sync()
            });
            begun = wall_nanos() - start;
            failed = done;
            return failed.is_err();
        }
        match files.outcome() {
            None => false,
            Some(outcome) => {
                failed = outcome;
                true
            }
        }
    });
    failed?;
    Ok((begun, wall_nanos() - started, longest))
}

/// What reading came to.
struct Read {
    bytes: u64,
    /// Nanoseconds by round: the check of every byte, and the rebuilding of the state.
    rounds: Vec<(u64, u64)>,
}

/// Reads a snapshot of the engine again and again; what was read must be what was saved.
fn read_again(
    engine: &mut Engine,
    rules: &Arc<Rules>,
    files: &mut Directory,
    rounds: usize,
) -> Result<Read, String> {
    let told = |error: &dyn std::fmt::Display| error.to_string();
    let hash = {
        let mut file = files.create(NAME).map_err(|e| told(&e))?;
        engine.save(&mut *file).map_err(|e| told(&e))?
    };
    let mut read = Read { bytes: 0, rounds: Vec::new() };
    let mut restored = Engine::new(rules, engine.customers);
    for _ in 0..rounds {
        restored = Engine::new(rules, engine.customers);
        let start = wall_nanos();
        let (_, reader) = Reader::new(files.open(NAME).map_err(|e| told(&e))?).map_err(|e| told(&e))?;
        let (bytes, found) = reader.finish().map_err(|e| told(&e))?;
        let checked = wall_nanos();
        let (_, mut reader) = Reader::new(files.open(NAME).map_err(|e| told(&e))?).map_err(|e| told(&e))?;
        restored.flow.restore(&mut reader).map_err(|e| told(&e))?;
        read.rounds.push((checked - start, wall_nanos() - checked));
        read.bytes = bytes;
        if found != hash {
            return Err("the file has another hash than what was saved".into());
        }
    }
    if restored.save(io::sink()).map_err(|e| told(&e))? != hash {
        return Err("what was read is not what was saved".into());
    }
    restored.next = engine.next;
    for engine in [&mut *engine, &mut restored] {
        // New people open conversations, so there is something to compare.
        engine.customers = engine.next + EPOCH;
        engine.make(EPOCH);
        engine.run();
    }
    let output = |engine: &Engine| -> Vec<Vec<u8>> {
        engine.finished.output.divisions.iter().map(|lines| lines.bytes.clone()).collect()
    };
    let (expected, found) = (output(engine), output(&restored));
    if expected != found || expected.iter().all(Vec::is_empty) {
        return Err("what was read goes on otherwise".into());
    }
    Ok(read)
}

fn report(
    options: &Options,
    held: usize,
    quiet: &[u64],
    (begun, written, beside): (u64, u64, &[u64]),
    read: &Read,
) {
    let ms = |nanos: u64| rounded(nanos as f64 / 1e6);
    let gigabytes = read.bytes as f64 / 1e9;
    let best = read.rounds.iter().map(|(check, rebuild)| check + rebuild).min().expect("at least one round");
    let rate = gigabytes / (best as f64 / 1e9);
    let longest = |epochs: &[u64]| epochs.iter().map(|nanos| ms(*nanos)).collect::<Vec<_>>();
    println!("snapshot of {:.2} GB: begun in {} ms, there after {} ms", gigabytes, ms(begun), ms(written));
    println!("longest epochs, ms: without {:?}, while it was taken {:?}", longest(quiet), longest(beside));
    for (check, rebuild) in &read.rounds {
        println!("read: every byte checked in {} ms, state rebuilt in {} ms", ms(*check), ms(*rebuild));
    }
    let detail = json!({
        "customers": options.customers, "bytes": read.bytes, "state_bytes": held,
        "begun_ms": ms(begun), "written_ms": ms(written), "longest_epochs_ms": longest(beside),
        "longest_epochs_without_ms": longest(quiet),
    });
    let delay = beside.first().copied().unwrap_or(0).saturating_sub(quiet.first().copied().unwrap_or(0));
    let goals = [Goal {
        name: "S13",
        what: "longest delay of an epoch by a snapshot beside the engine, ms",
        figure: delay as f64 / 1e6,
        goal: 10.0,
        detail: detail.clone(),
    }];
    tell(&goals, options.json.as_deref());
    let rounds: Vec<_> =
        read.rounds.iter().map(|(c, r)| json!({"check_ms": ms(*c), "rebuild_ms": ms(*r)})).collect();
    let goals = [Goal {
        name: "S13b",
        what: "a snapshot read from the system's memory, checked and rebuilt, GB/s",
        figure: rate,
        goal: 1.0,
        detail: json!({ "bytes": read.bytes, "rounds": rounds }),
    }];
    tell_at_least(&goals, options.json.as_deref());
}
