//! What a snapshot costs and gives (goal S13): how long epochs at 20,000 events a second are kept up while one is taken
//! beside the engine, and how fast one is read again, from a file that the system still has in memory.
//!
//! The state: customers of two identifiers each who have all written and wait, so that identify, understand and route
//! hold something of everybody. What was read is saved again, and must have the same hash as what was written, and the
//! engine that goes on from it must put out what the other one does; else the bench ends with code 1.

mod support;

use std::fmt::Write as _;
use std::io::{self, Read as _, Write};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
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

    /// Epochs as they come, so many. `each` is called between two epochs.
    fn live(&mut self, epochs: u64, mut each: impl FnMut(&mut Engine) -> bool) -> Live {
        let watch = Stopwatch::start();
        let mut live = Live { longest: Vec::new(), spent: Spent::default(), slowest: Spent::default() };
        for epoch in 0..epochs {
            self.make(EPOCH);
            watch.wait_until(epoch * EPOCH_NANOS);
            let (begun, before) = (watch.nanos(), Spent::so_far());
            self.run();
            let spent = Spent::so_far().since(&before, watch.nanos() - begun);
            live.spent.add(&spent);
            if spent.took > live.slowest.took {
                live.slowest = spent;
            }
            live.longest.push(watch.nanos().saturating_sub(epoch * EPOCH_NANOS));
            if each(self) {
                break;
            }
        }
        live.longest.sort_unstable_by(|a, b| b.cmp(a));
        live.longest.truncate(5);
        live
    }
}

/// Epochs at their rate.
struct Live {
    /// The longest times from when an epoch should have begun to its end, the longest first.
    longest: Vec<u64>,
    spent: Spent,
    /// In the epoch that took longest by itself, the wait for those before it not counted.
    slowest: Spent,
}

/// What this thread spent in epochs.
#[derive(Default)]
struct Spent {
    epochs: u64,
    /// Nanoseconds that passed, on a core, and waiting for one.
    took: u64,
    ran: u64,
    waited: u64,
    /// Pages that the system had to make or to copy.
    faults: u64,
}

impl Spent {
    fn so_far() -> Spent {
        let numbers = |file: &str| -> Vec<u64> {
            let text = std::fs::read_to_string(file).unwrap_or_default();
            text.split_ascii_whitespace().map(|word| word.parse().unwrap_or(0)).collect()
        };
        let at = |numbers: &[u64], at: usize| numbers.get(at).copied().unwrap_or(0);
        let (ran, stat) = (numbers("/proc/thread-self/schedstat"), numbers("/proc/thread-self/stat"));
        Spent { epochs: 0, took: 0, ran: at(&ran, 0), waited: at(&ran, 1), faults: at(&stat, 9) }
    }

    /// In one epoch.
    fn since(&self, before: &Spent, took: u64) -> Spent {
        let (ran, waited) = (self.ran - before.ran, self.waited - before.waited);
        Spent { epochs: 1, took, ran, waited, faults: self.faults - before.faults }
    }

    fn add(&mut self, one: &Spent) {
        self.epochs += one.epochs;
        self.took += one.took;
        self.ran += one.ran;
        self.waited += one.waited;
        self.faults += one.faults;
    }

    /// An epoch's share.
    fn json(&self) -> serde_json::Value {
        let share = |n: u64| rounded(n as f64 / self.epochs.max(1) as f64 / 1e6);
        let faults = rounded(self.faults as f64 / self.epochs.max(1) as f64);
        json!({ "epochs": self.epochs, "took_ms": share(self.took), "ran_ms": share(self.ran), "waited_ms": share(self.waited), "faults": faults })
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
    if let Some(path) = std::env::var_os(STANDBY) {
        return stand_by(&options, Path::new(&path));
    }
    let rules = Arc::new(trunkline::rules::compile(RULES, "recovery").expect("sound rules"));
    let folder = tempfile::tempdir().expect("a folder for the file");
    let mut files = Directory::new(folder.path()).expect("a folder for the file");
    let mut engine = grown(&rules, &options);
    let held: usize = engine.flow.bytes().iter().sum();
    println!("{} customers, each waiting: {} MB held\n", options.customers, held >> 20);

    let quiet = engine.live(WARM_EPOCHS.min(options.events), |_| false);
    let by_another = match taken_by_another(&mut engine, &options, folder.path()) {
        Ok(live) => live,
        Err(error) => {
            eprintln!("another process's snapshot failed: {error}");
            return ExitCode::FAILURE;
        }
    };
    // Not the first one: after that much memory lies in small pages, and the next begins more slowly.
    let taken = taken_beside(&mut engine, &mut files).and_then(|first| {
        println!(
            "the first snapshot: begun in {} ms, longest epochs {:?}",
            first.0 as f64 / 1e6,
            first.2.longest
        );
        taken_beside(&mut engine, &mut files)
    });
    let (begun, written, beside) = match taken {
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
    report(&options, held, (&quiet, &by_another), (begun, written, &beside), &read);
    ExitCode::SUCCESS
}

/// An engine that knows all customers.
fn grown(rules: &Arc<Rules>, options: &Options) -> Engine {
    let mut engine = Engine::new(rules, u64::from(options.customers));
    while engine.next < engine.customers {
        engine.make(BATCH.min(engine.customers - engine.next));
        engine.run();
    }
    engine
}

/// Names the file that a process of this bench writes as a standby does.
const STANDBY: &str = "TRUNKLINE_BENCH_STANDBY";

/// The standby: grows the same state, says so, and writes it when it is told to.
fn stand_by(options: &Options, path: &Path) -> ExitCode {
    let rules = Arc::new(trunkline::rules::compile(RULES, "recovery").expect("sound rules"));
    let mut engine = grown(&rules, options);
    let written = (|| -> io::Result<()> {
        println!("ready");
        io::stdin().read_line(&mut String::new())?;
        let mut file = std::fs::File::create(path)?;
        engine.save(&mut file)?;
        file.sync_all()
    })();
    ExitCode::from(u8::from(written.is_err()))
}

/// Another process, on the same machine, takes a snapshot of as much while the engine lives.
fn taken_by_another(engine: &mut Engine, options: &Options, folder: &Path) -> io::Result<Live> {
    let mut another = Command::new(std::env::current_exe()?)
        .args(["--customers", &options.customers.to_string()])
        .env(STANDBY, folder.join("another"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut ready = [0; 6];
    another.stdout.take().expect("it was asked for").read_exact(&mut ready)?;
    another.stdin.take().expect("it was asked for").write_all(b"\n")?;
    let mut ended = Ok(None);
    let live = engine.live(u64::MAX, |_| {
        ended = another.try_wait();
        !matches!(ended, Ok(None))
    });
    match ended? {
        Some(status) if status.success() => Ok(live),
        status => Err(io::Error::other(format!("it ended with {status:?}"))),
    }
}

/// Takes a snapshot beside the live engine: nanoseconds in which it was begun, until it was there, and the longest epochs
/// meanwhile.
fn taken_beside(engine: &mut Engine, files: &mut Directory) -> io::Result<(u64, u64, Live)> {
    let (mut begun, mut failed) = (0, Ok(()));
    let started = wall_nanos();
    let mut first = true;
    let live = engine.live(u64::MAX, |engine| {
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
    Ok((begun, wall_nanos() - started, live))
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
    (quiet, by_another): (&Live, &Live),
    (begun, written, beside): (u64, u64, &Live),
    read: &Read,
) {
    let ms = |nanos: u64| rounded(nanos as f64 / 1e6);
    let gigabytes = read.bytes as f64 / 1e9;
    let best = read.rounds.iter().map(|(check, rebuild)| check + rebuild).min().expect("at least one round");
    let rate = gigabytes / (best as f64 / 1e9);
    let longest = |live: &Live| live.longest.iter().map(|nanos| ms(*nanos)).collect::<Vec<_>>();
    println!("snapshot of {:.2} GB: begun in {} ms, there after {} ms", gigabytes, ms(begun), ms(written));
    let all =
        [("without", quiet), ("while another process took one", by_another), ("while it was taken", beside)];
    for (when, live) in all {
        println!("longest epochs, ms, {when}: {:?}", longest(live));
        println!("    an epoch's share {}, the slowest {}", live.spent.json(), live.slowest.json());
    }
    for (check, rebuild) in &read.rounds {
        println!("read: every byte checked in {} ms, state rebuilt in {} ms", ms(*check), ms(*rebuild));
    }
    let detail = json!({
        "customers": options.customers, "bytes": read.bytes, "state_bytes": held,
        "begun_ms": ms(begun), "written_ms": ms(written), "longest_epochs_ms": longest(beside),
        "longest_epochs_without_ms": longest(quiet), "epochs_share": beside.spent.json(), "slowest_epoch": beside.slowest.json(),
        "epochs_share_without": quiet.spent.json(),
    });
    let first = |live: &Live| live.longest.first().copied().unwrap_or(0);
    let delay = |live: &Live| first(live).saturating_sub(first(quiet)) as f64 / 1e6;
    let another = json!({
        "customers": options.customers, "longest_epochs_ms": longest(by_another),
        "longest_epochs_without_ms": longest(quiet), "epochs_share": by_another.spent.json(), "slowest_epoch": by_another.slowest.json(),
    });
    let goal = |name, what, live, detail| Goal { name, what, figure: delay(live), goal: 10.0, detail };
    let goals = [
        goal(
            "S13",
            "longest delay of an epoch by a standby's snapshot on this machine, ms",
            by_another,
            another,
        ),
        goal("S13d", "the same by one that the leader takes, by a child process, ms", beside, detail),
    ];
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
