//! Through a real Kafka on the same cores, exactly once (goals S5, S8, and the replay rate of S13).
//!
//! S5: a leader takes an `omni` log from the input topic to its end. The floor beside it reads the same records through
//! the same source and commits the same output and the same epoch records in as many transactions, through the same
//! writer, with nothing in between. In turn, several rounds, wall time, the broker's share included. S13: the recorded
//! epochs once more, as a start without snapshot does it. S8: events come at a fixed rate, each with the time at which it was
//! due as its record's timestamp; a client of committed records compares each output's time with its own clock, which is
//! this machine's too. A timestamp has whole milliseconds, so half of one is added on average.
//!
//! After each run of the engine its epochs are carried out again and every byte of the output topics compared with the result, by
//! an ordinary client; a difference ends the bench with code 1. Without a Kafka it measures nothing and says so.

#[path = "../tests/kafka/broker.rs"]
#[allow(dead_code, reason = "the tests use more of it")]
mod broker;
#[path = "../tests/kafka/proxy.rs"]
#[allow(dead_code, reason = "the broker may be behind one")]
mod proxy;
mod support;

use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use serde_json::{Value, json};
use support::log::Log;
use support::options::Options;
use support::report::{Goal, Spread, rounded, tell, tell_at_least};
use trunkline::io::clock::WallClock;
use trunkline::io::kafka::settings::{CLOCK_OFF_MAX, InputTopic, KafkaSettings};
use trunkline::io::kafka::{self, Hold, OutputTopics};
use trunkline::io::machine::Stopwatch;
use trunkline::io::memory::Ahead;
use trunkline::io::{machine, memory};
use trunkline::rules::keys::HashKey;
use trunkline::runtime::core::Core;
use trunkline::runtime::flow::{Flow, Threads};
use trunkline::runtime::inbox::{Inbox, Selection};
use trunkline::runtime::journal::EpochRecord;
use trunkline::runtime::outgoing::{Outgoing, Outlets};
use trunkline::runtime::recover::replay;
use trunkline::runtime::settings::INBOX_BYTES;
use trunkline::runtime::verify::verify;
use trunkline::runtime::{Clock as _, Commit, Error, FlowEngine, Laps, Leader, Settings, Source, Store};
use trunkline::types::{Millis, Stream};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Partitions of the input topic, and of each output topic.
const INPUTS: i32 = 4;
const OUTPUTS: i32 = 1;
/// Events that are handed to the producer at once: a millisecond's, all to one partition, as producers do it with events without
/// key; librdkafka makes a request of each partition's.
const AT_ONCE: u64 = 20;
/// How latency is measured, once the broker has compiled what it runs; and for a look whether it works.
const LIVE: Pace = Pace { rate: 20_000, seconds: 50, warm: Duration::from_secs(20) };
const TEST: Pace = Pace { rate: 1_000, seconds: 4, warm: Duration::from_secs(1) };
/// Epochs on their way in the floor: as many as the engine may have.
const IN_FLIGHT: u64 = trunkline::runtime::settings::EPOCHS_IN_FLIGHT as u64;
/// Longest wait for Kafka.
const PATIENCE: Duration = Duration::from_secs(120);
/// Memory touched ahead, as `run` does it.
const MEMORY_AHEAD: usize = 64 << 20;

type AnyError = Box<dyn std::error::Error + Send + Sync>;

/// What all runs share.
struct Bench<'l> {
    log: &'l Log,
    broker: Arc<broker::Broker>,
    records: u64,
}

/// One recorded epoch: its record, its output, how far each slot was taken.
struct Recorded {
    bytes: Vec<u8>,
    output: Arc<Outgoing>,
    ends: Vec<(usize, u64)>,
}

/// What a log of epochs came to.
struct Epochs {
    all: Vec<Recorded>,
    outputs: u64,
    output_bytes: u64,
}

/// Events a second, for how long, and what is not counted at its beginning.
struct Pace {
    rate: u64,
    seconds: u64,
    warm: Duration,
}

/// Events a second.
struct Round {
    engine: f64,
    floor: f64,
    replayed: f64,
}

fn main() -> ExitCode {
    let options = Options { events: 1_000_000, rounds: 3, ..Options::default() }.words();
    memory::keep();
    let _ahead = Ahead::start(MEMORY_AHEAD);
    let Some(broker) = broker::broker() else {
        println!("kafka: no Kafka here, nothing measured");
        return ExitCode::SUCCESS;
    };
    let log = Log::omni(&options);
    let bench = Bench { log: &log, broker, records: log.records().len() as u64 };
    match measure(&bench, &options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(what) => {
            eprintln!("WRONG: {what}");
            ExitCode::FAILURE
        }
    }
}

fn measure(bench: &Bench<'_>, options: &Options) -> Result<(), AnyError> {
    println!(
        "omni, {} events of {} bytes, {} threads",
        bench.records,
        bench.log.bytes() as u64 / bench.records,
        machine::threads()
    );
    bench.create("in", INPUTS)?;
    bench.load_all()?;
    let (mut rounds, mut told) = (Vec::new(), Value::Null);
    for number in 0..options.rounds {
        let (round, epochs) = bench.round(number)?;
        println!(
            "round {number}: engine {:.0}, floor {:.0}, replay {:.0} events/s; {} epochs, {} outputs",
            round.engine,
            round.floor,
            round.replayed,
            epochs.all.len(),
            epochs.outputs
        );
        told = json!({
            "epochs": epochs.all.len(), "outputs_an_event": rounded(epochs.outputs as f64 / bench.records as f64),
            "output_bytes_an_event": rounded(epochs.output_bytes as f64 / bench.records as f64),
        });
        rounds.push(round);
    }
    report(bench, options, &rounds, &told);
    // What the rounds wrote would be on its way to the disk meanwhile.
    Command::new("sync").status()?;
    let pace = if bench.records < LIVE.rate { TEST } else { LIVE };
    latency(bench, options, &pace)
}

impl Bench<'_> {
    fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.broker.address);
        config
    }

    fn create(&self, topic: &str, partitions: i32) -> Result<(), AnyError> {
        let admin: AdminClient<DefaultClientContext> = self.client().create()?;
        let new = NewTopic::new(topic, partitions, TopicReplication::Fixed(1))
            .set("retention.ms", "-1")
            .set("message.timestamp.after.max.ms", "9223372036854775807");
        let new =
            if topic.ends_with(".epochs") { new.set("message.timestamp.type", "LogAppendTime") } else { new };
        let answer = block_on(admin.create_topics(&[new], &AdminOptions::new()))?;
        answer[0].as_ref().map_err(|(topic, code)| format!("topic {topic}: {code}"))?;
        Ok(())
    }

    /// Topics of a run, and how the doors find them.
    fn topics(&self, name: &str, input: &str) -> Result<KafkaSettings, AnyError> {
        self.create(&format!("{name}.epochs"), 1)?;
        for stream in Stream::ALL {
            self.create(&format!("{name}.{}", stream.word()), OUTPUTS)?;
        }
        Ok(KafkaSettings {
            tenant: name.to_owned(),
            brokers: self.broker.address.clone(),
            inputs: vec![InputTopic { topic: input.to_owned(), types: None }],
            output_prefix: name.to_owned(),
            epoch_topic: format!("{name}.epochs"),
            properties: std::collections::BTreeMap::new(),
            clock_off_max: CLOCK_OFF_MAX,
        })
    }

    fn loader(&self) -> Result<BaseProducer, AnyError> {
        let mut config = self.client();
        // Idempotent, librdkafka would wait without pause for acknowledgements once five messages of a partition are on
        // their way, on the cores that are measured.
        config.set("max.in.flight", "1000").set("linger.ms", "1").set("batch.size", "1000000");
        Ok(config.set("queue.buffering.max.messages", "1000000").create()?)
    }

    /// The whole log, one line after another over the partitions, each with its event's time.
    fn load_all(&self) -> Result<(), AnyError> {
        let (producer, mut time) = (self.loader()?, 1);
        for (at, record) in self.log.records().iter().enumerate() {
            time = time_of(record.value).unwrap_or(time);
            send(&producer, "in", at, time, record.value)?;
        }
        Ok(producer.flush(PATIENCE)?)
    }

    fn engine(&self, settings: &Settings) -> FlowEngine<Laps<impl Fn() -> u64 + use<>>> {
        let meter = |_| Laps::new(settings.gauges.recorder(), support::stopwatch::wall_nanos);
        let threads = Threads::new(machine::threads());
        FlowEngine::new(Flow::new(self.log.rules.clone(), &HashKey::PUBLIC, &settings.tenant, threads, meter))
    }

    fn core(&self, tenant: &str) -> Core<FlowEngine<Laps<impl Fn() -> u64 + use<>>>> {
        let settings = Settings::new(tenant, "0");
        Core::new(self.engine(&settings), tenant, INBOX_BYTES)
    }

    fn round(&self, number: usize) -> Result<(Round, Epochs), AnyError> {
        let name = format!("r{number}");
        let topics = self.topics(&name, "in")?;
        let engine = self.live(&topics)?;
        self.check(&topics)?;
        let replayed = self.replay(&topics)?;
        let epochs = self.recorded(&topics)?;
        let floor = self.floor(&self.topics(&format!("f{number}"), "in")?, &epochs)?;
        Ok((Round { engine, floor, replayed }, epochs))
    }

    /// Takes the input to its end; events a second from the claim to the last acknowledgement.
    fn live(&self, topics: &KafkaSettings) -> Result<f64, AnyError> {
        let settings = Settings::new(&topics.tenant, "00000000000000aa");
        let stop = AtomicBool::new(false);
        let (source, sink, store) = kafka::open(topics, &Hold::always())?;
        let leader = Leader::start(self.engine(&settings), source, sink, store, WallClock, settings, &stop)?;
        let mut leader = leader.ok_or("nobody stopped it")?;
        let begun = Stopwatch::start();
        leader.run_to_end(&stop, |_, _| {})?;
        let taken = leader.progress().records;
        let rate = taken as f64 / begun.elapsed().as_secs_f64();
        if taken == self.records { Ok(rate) } else { Err(format!("{taken} records were taken").into()) }
    }

    /// The output topics hold what the epoch log says, each output once.
    fn check(&self, topics: &KafkaSettings) -> Result<(), AnyError> {
        let (mut source, mut log) = kafka::open_log(topics)?;
        let mut outputs = OutputTopics::open(topics)?;
        let verdict = verify(&mut self.core(&topics.tenant), &mut source, &mut log, &mut outputs)?;
        if verdict.is_sound() && verdict.beyond == 0 && verdict.outputs > 0 {
            return Ok(());
        }
        Err(format!("{verdict:?}").into())
    }

    /// Events a second of a start without snapshot.
    fn replay(&self, topics: &KafkaSettings) -> Result<f64, AnyError> {
        let (mut source, mut log) = kafka::open_log(topics)?;
        let mut core = self.core(&topics.tenant);
        let (stop, begun) = (AtomicBool::new(false), Stopwatch::start());
        let found = replay(&mut core, &mut source, &mut log, true, &stop, |_, _, _| {})?;
        Ok(found.records as f64 / begun.elapsed().as_secs_f64())
    }

    /// The epochs with their output.
    fn recorded(&self, topics: &KafkaSettings) -> Result<Epochs, AnyError> {
        let (mut source, mut log) = kafka::open_log(topics)?;
        let mut core = self.core(&topics.tenant);
        let divisions = trunkline::runtime::Engine::divisions(&core.engine);
        let mut outlets = Outlets::new([OUTPUTS as u32; 6], divisions);
        let mut epochs = Epochs { all: Vec::new(), outputs: 0, output_bytes: 0 };
        let take = |record: &EpochRecord, output: &[trunkline::types::Output], _: &[String]| {
            let (outgoing, _) = outlets.route(output);
            epochs.outputs += outgoing.len() as u64;
            epochs.output_bytes += outgoing.bytes() as u64;
            let ends = record.moved.iter().map(|moved| (moved.slot as usize, moved.end)).collect();
            epochs.all.push(Recorded { bytes: record.encode(), output: Arc::new(outgoing), ends });
        };
        replay(&mut core, &mut source, &mut log, true, &AtomicBool::new(false), take)?;
        Ok(epochs)
    }

    /// The same records read, the same output written in the same transactions; events a second.
    fn floor(&self, topics: &KafkaSettings, epochs: &Epochs) -> Result<f64, AnyError> {
        let (mut source, _sink, mut store) = kafka::open(topics, &Hold::always())?;
        store.lead()?;
        if store.read()?.is_some() {
            return Err("the floor's epoch topic is not empty".into());
        }
        let inputs = source.discover(&[])?;
        let mut inbox = Inbox::new(INBOX_BYTES);
        inputs.iter().for_each(|input| inbox.add_slot(input.first));
        source.open(&inputs.into_iter().map(|input| (input, 0)).collect::<Vec<_>>())?;
        let (mut selection, mut bytes, begun) = (Selection::default(), 0, Stopwatch::start());
        for (number, epoch) in (0_u64..).zip(&epochs.all) {
            inbox.want(&epoch.ends);
            while !inbox.select_recorded(&epoch.ends, &mut selection).unwrap_or(false) {
                source.poll(Duration::from_millis(100), &mut inbox)?;
            }
            bytes +=
                inbox.records(&selection, |records| records.iter().map(|r| r.value.len()).sum::<usize>());
            inbox.take(&selection);
            wait_for(&mut store, number.checked_sub(IN_FLIGHT))?;
            let output = Some(epoch.output.clone());
            store.append(Commit { epoch: number, record: epoch.bytes.clone(), output })?;
            source.poll(Duration::ZERO, &mut inbox)?;
        }
        wait_for(&mut store, (epochs.all.len() as u64).checked_sub(1))?;
        let rate = self.records as f64 / begun.elapsed().as_secs_f64();
        let lines = self.log.bytes() - self.records as usize;
        if bytes == lines { Ok(rate) } else { Err(format!("the floor read {bytes} bytes of {lines}").into()) }
    }
}

/// Waits until an epoch is recorded.
fn wait_for(store: &mut impl Store, epoch: Option<u64>) -> Result<(), Error> {
    while epoch.is_some() && store.recorded(Duration::from_millis(1))? < epoch {}
    Ok(())
}

/// Waits for an answer of the client, whose own thread wakes this one.
fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(std::thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Arc::new(Unpark(std::thread::current())).into();
    let mut future = std::pin::pin!(future);
    loop {
        if let std::task::Poll::Ready(answer) =
            future.as_mut().poll(&mut std::task::Context::from_waker(&waker))
        {
            return answer;
        }
        std::thread::park();
    }
}

fn send(producer: &BaseProducer, topic: &str, at: usize, time: i64, value: &[u8]) -> Result<(), AnyError> {
    let partition = at as i32 % INPUTS;
    let mut record = BaseRecord::<(), [u8]>::to(topic).partition(partition).timestamp(time).payload(value);
    while let Err((error, back)) = producer.send(record) {
        if error.rdkafka_error_code() != Some(rdkafka::types::RDKafkaErrorCode::QueueFull) {
            return Err(error.into());
        }
        producer.poll(Duration::from_millis(10));
        record = back;
    }
    Ok(())
}

/// `time` of an event's text, in milliseconds since 1970.
fn time_of(line: &[u8]) -> Option<i64> {
    let start = memchr::memmem::find(line, b"\"time\":\"")? + 8;
    let end = start + memchr::memchr(b'"', &line[start..])?;
    let text = std::str::from_utf8(&line[start..end]).ok()?;
    text.parse::<jiff::Timestamp>().ok().map(|time| time.as_millisecond())
}

/// Milliseconds since 1970.
fn now_ms() -> f64 {
    WallClock.now_nanos() as f64 / 1e6
}

/// Events at a fixed rate; how long each took until a client of committed records had what came of it.
fn latency(bench: &Bench<'_>, options: &Options, pace: &Pace) -> Result<(), AnyError> {
    bench.create("live", INPUTS)?;
    let topics = bench.topics("latency", "live")?;
    let (stop, over) = (AtomicBool::new(false), AtomicBool::new(false));
    let (sent, leads) = (AtomicU64::new(0), AtomicBool::new(false));
    let (taken, put_out, found) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    let (mut latencies, engine) = std::thread::scope(|scope| {
        let reading = scope.spawn(|| read(bench, pace, &found, &over));
        let leading = scope.spawn(|| -> Result<u64, AnyError> {
            let settings = Settings::new(&topics.tenant, "00000000000000bb");
            let (source, sink, store) = kafka::open(&topics, &Hold::always())?;
            let engine = bench.engine(&settings);
            let leader = Leader::start(engine, source, sink, store, WallClock, settings, &stop)?;
            let mut leader = leader.ok_or("nobody stopped it")?;
            leads.store(true, Ordering::Relaxed);
            leader.run(&stop, |progress, _| {
                taken.store(progress.records, Ordering::Relaxed);
                put_out.store(progress.sent, Ordering::Relaxed);
            })?;
            Ok(leader.progress().records)
        });
        while !leads.load(Ordering::Relaxed) && !leading.is_finished() {
            std::thread::yield_now();
        }
        let loaded = load_live(bench, pace, &sent);
        // What was loaded last is on its way for a moment.
        await_equal(&taken, &sent);
        stop.store(true, Ordering::Relaxed);
        let engine = leading.join().expect("it tells what went wrong");
        await_equal(&found, &put_out);
        over.store(true, Ordering::Relaxed);
        let latencies = reading.join().expect("it tells what went wrong");
        (latencies, loaded.and(engine))
    });
    let latencies = latencies.as_mut().map_err(std::mem::take)?;
    let (taken, sent) = (engine?, sent.load(Ordering::Relaxed));
    if taken != sent {
        return Err(format!("{sent} events were sent, {taken} taken").into());
    }
    bench.check(&topics)?;
    tell_latency(latencies, sent, pace, options);
    Ok(())
}

/// Waits until one count has come to the other, for at most `PATIENCE`.
fn await_equal(one: &AtomicU64, other: &AtomicU64) {
    let watch = Stopwatch::start();
    while one.load(Ordering::Relaxed) < other.load(Ordering::Relaxed) && watch.elapsed() < PATIENCE {
        watch.wait_until(watch.nanos() + 1_000_000);
    }
}

/// Sends each event when it is due; its timestamp says when that was.
fn load_live(bench: &Bench<'_>, pace: &Pace, sent: &AtomicU64) -> Result<(), AnyError> {
    let producer = bench.loader()?;
    let records = bench.log.records();
    let (begun, since) = (now_ms(), Stopwatch::start());
    for at in 0..(pace.rate * pace.seconds).min(bench.records) {
        let due = Duration::from_nanos(at * 1_000_000_000 / pace.rate);
        if at % AT_ONCE == 0 {
            producer.poll(Duration::ZERO);
            since.wait_until(due.as_nanos() as u64);
        }
        let time = (begun + due.as_secs_f64() * 1e3) as i64;
        send(&producer, "live", (at / AT_ONCE) as usize, time, records[at as usize].value)?;
        sent.fetch_add(1, Ordering::Relaxed);
    }
    Ok(producer.flush(PATIENCE)?)
}

/// What a client of committed records sees until it is over: milliseconds from each output's time to now, without those of
/// the beginning.
fn read(bench: &Bench<'_>, pace: &Pace, found: &AtomicU64, over: &AtomicBool) -> Result<Vec<f64>, String> {
    let told = |error: &dyn std::fmt::Display| error.to_string();
    let mut config = bench.client();
    config
        .set("group.id", "bench")
        .set("enable.auto.commit", "false")
        .set("isolation.level", "read_committed");
    let consumer: BaseConsumer = config.create().map_err(|e| told(&e))?;
    let mut list = TopicPartitionList::new();
    for stream in Stream::ALL {
        for partition in 0..OUTPUTS {
            let topic = format!("latency.{}", stream.word());
            list.add_partition_offset(&topic, partition, Offset::Beginning).map_err(|e| told(&e))?;
        }
    }
    consumer.assign(&list).map_err(|e| told(&e))?;
    let (mut latencies, mut first) = (Vec::new(), None);
    while !over.load(Ordering::Relaxed) {
        let Some(message) = consumer.poll(Duration::from_millis(20)) else { continue };
        let message = message.map_err(|e| told(&e))?;
        found.fetch_add(1, Ordering::Relaxed);
        if first.get_or_insert_with(Stopwatch::start).elapsed() >= pace.warm {
            let time = Millis(message.timestamp().to_millis().unwrap_or(0));
            latencies.push(now_ms() - time.0 as f64);
        }
    }
    Ok(latencies)
}

fn report(bench: &Bench<'_>, options: &Options, rounds: &[Round], told: &Value) {
    let best = |of: &dyn Fn(&Round) -> f64| rounds.iter().map(of).fold(0.0, f64::max);
    let all = |of: &dyn Fn(&Round) -> f64| rounds.iter().map(|round| of(round).round()).collect::<Vec<_>>();
    let ratio = Spread::of(rounds.iter().map(|round| round.engine / round.floor));
    let detail = json!({
        "profile": "omni", "events": bench.records, "bytes_an_event": bench.log.bytes() as u64 / bench.records,
        "threads": machine::threads(), "engine_events_s": all(&|r| r.engine), "floor_events_s": all(&|r| r.floor),
        "ratio_by_round": ratio.json(), "log": told,
    });
    let s5 = Goal {
        name: "S5",
        what: "exactly once through Kafka, engine ÷ I/O floor, best of each",
        figure: best(&|round| round.engine) / best(&|round| round.floor),
        goal: 0.6,
        detail,
    };
    let s13 = Goal {
        name: "S13c",
        what: "replay of the epoch log from Kafka ÷ live rate, best of each",
        figure: best(&|round| round.replayed) / best(&|round| round.engine),
        goal: 1.5,
        detail: json!({ "replay_events_s": all(&|r| r.replayed), "engine_events_s": all(&|r| r.engine) }),
    };
    tell_at_least(&[s5, s13], options.json.as_deref());
}

fn tell_latency(latencies: &mut [f64], sent: u64, pace: &Pace, options: &Options) {
    latencies.sort_by(f64::total_cmp);
    let at =
        |share: f64| rounded(latencies[((latencies.len() as f64 * share) as usize).min(latencies.len() - 1)]);
    let detail = json!({
        "events_s": pace.rate, "events": sent, "outputs": latencies.len(), "p50_ms": at(0.5), "p90_ms": at(0.9),
        "p99_ms": at(0.99), "p999_ms": at(0.999), "max_ms": at(1.0),
    });
    println!("latency of {} outputs: {detail}", latencies.len());
    let goal = |name, what, figure, goal| Goal { name, what, figure, goal, detail: detail.clone() };
    let p50 = goal("S8", "record time to a read_committed consumer, 20,000/s, p50, ms", at(0.5), 10.0);
    let p99 = goal("S8b", "record time to a read_committed consumer, 20,000/s, p99, ms", at(0.99), 40.0);
    tell(&[p50, p99], options.json.as_deref());
}
