//! The leader on doors in memory with a toy engine: crashes at every kind of moment, recovery, and each fault that
//! recovery must find. The number of seeds grows with `TRUNKLINE_SEEDS`.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::sync::atomic::AtomicBool;

use borsh::{BorshDeserialize, BorshSerialize};
use xxhash_rust::xxh3::xxh3_128;

use crate::rules::Tick;
use crate::runtime::core::Core;
use crate::runtime::doors::{Collected, Engine, Error};
use crate::runtime::gauges::{Count, Gauges, Level, Phase, Readings, Series};
use crate::runtime::in_hand::InHand;
use crate::runtime::inbox::Limits;
use crate::runtime::journal::EpochRecord;
use crate::runtime::leader::Leader;
use crate::runtime::memory::{Arrived, MemoryClock, MemoryOutputs, MemorySource, MemoryStore, Seed, Shared};
use crate::runtime::recover::replay;
use crate::runtime::settings::{Delivery, Settings};
use crate::runtime::snapshot::{Reader, Writer};
use crate::runtime::verify::{Verdict, verify};
use crate::types::lines::{Lines, Output};
use crate::types::record::Record;
use crate::types::{DurationMs, Millis, Stream};

/// Offers each record to one of three divisions, with the epoch's `now` in the offer, and warns of it 40 ms later;
/// rejects what begins with `x`.
#[derive(Debug, Default)]
pub(super) struct Toy {
    clock: Option<Millis>,
    timers: BTreeSet<(Millis, u64)>,
    seen: u64,
    numbers: [u64; 4],
    /// A bug to plant.
    skew: u64,
    /// Text of the rules, if not "rules".
    rules: Option<String>,
    submitted: VecDeque<(Output, Option<Millis>)>,
}

fn line(lines: &mut Lines, stream: Stream, id: &str, subject: &str, time: Millis) {
    line_with(lines, stream, id, subject, time, "");
}

fn line_with(lines: &mut Lines, stream: Stream, id: &str, subject: &str, time: Millis, data: &str) {
    let time = jiff::Timestamp::from_millisecond(time.0).unwrap().strftime("%Y-%m-%dT%H:%M:%S.%3fZ");
    let text = format!(
        r#"{{"specversion":"1.0","id":"{id}","subject":"{subject}","time":"{time}","data":"{data}"}}"#
    );
    lines.bytes.extend_from_slice(text.as_bytes());
    lines.end(stream);
}

impl Toy {
    fn put(&mut self, out: &mut Output, division: usize, stream: Stream, time: Millis, data: &str) {
        self.numbers[division] += 1;
        let id = format!("t-{division}-{}", self.numbers[division]);
        line_with(&mut out.divisions[division], stream, &id, "c", time, data);
    }
}

impl Engine for Toy {
    fn room(&self) -> usize {
        2
    }

    fn submit(&mut self, records: &[Record<'_>], now: Millis, tick: Option<Millis>) {
        assert!(self.submitted.len() < self.room());
        let mut out = Output::new(3);
        self.apply(records, now, &mut out);
        if let Some(clock) = tick {
            self.fire(clock, &mut out);
        }
        self.submitted.push_back((out, self.clock));
    }

    /// Now and then the engine is slow.
    fn is_through(&self) -> bool {
        !self.submitted.is_empty() && !self.seen.is_multiple_of(3)
    }

    fn collect(&mut self, out: &mut Output) -> Result<Collected, String> {
        let (output, clock) = self.submitted.pop_front().expect("a batch was submitted");
        *out = output;
        Ok(Collected { clock, rules: self.rules_hash(), asked: Vec::new() })
    }

    fn clock(&self) -> Option<Millis> {
        self.clock
    }

    fn next_deadline(&mut self) -> Option<Millis> {
        self.timers.first().map(|(deadline, _)| *deadline)
    }

    fn divisions(&self) -> Vec<String> {
        ["alpha", "beta", "gamma"].map(String::from).to_vec()
    }

    fn save(&mut self, to: &mut Writer<'_>) -> io::Result<()> {
        assert!(self.submitted.is_empty());
        (self.clock, &self.timers, self.seen, self.numbers).serialize(to)
    }

    fn restore(&mut self, rules: &[String], from: &mut Reader<'_>) -> io::Result<()> {
        self.rules = rules.last().cloned();
        (self.clock, self.timers, self.seen, self.numbers) = BorshDeserialize::deserialize_reader(from)?;
        Ok(())
    }

    fn rules(&self) -> Vec<String> {
        vec![self.rules.clone().unwrap_or("rules".into())]
    }

    fn rules_hash(&self) -> u128 {
        xxh3_128(self.rules()[0].as_bytes())
    }

    fn tick(&self) -> Tick {
        if self.rules()[0] == "ticks are records" { Tick::Records } else { Tick::Wall }
    }

    fn begin_anew(&mut self, rules: &str) -> Result<(), String> {
        *self = Toy { rules: Some(rules.into()), skew: self.skew, ..Toy::default() };
        Ok(())
    }

    fn read(&self, readings: &mut Readings) {
        readings.tally.events = self.seen;
    }
}

impl Toy {
    fn apply(&mut self, records: &[Record<'_>], now: Millis, out: &mut Output) {
        for record in records {
            let clock = self.clock.max(record.timestamp.map(|timestamp| timestamp.min(now))).unwrap();
            self.fire(clock, out);
            if record.value.starts_with(b"x") {
                let position = format!("{}:{}:0", record.partition, record.offset);
                line(&mut out.rejected, Stream::Rejected, &position, "", clock);
                continue;
            }
            self.seen += 1 + self.skew;
            self.numbers[3] += 1;
            let id = format!("t-identity-{}", self.numbers[3]);
            line(&mut out.identity, Stream::Customers, &id, &format!("C{}", record.value.len()), clock);
            self.put(out, (self.seen % 3) as usize, Stream::Assignments, clock, &now.0.to_string());
            self.timers.insert((clock.plus(DurationMs(40)), self.seen));
        }
    }

    fn fire(&mut self, clock: Millis, out: &mut Output) {
        while let Some(&(deadline, seen)) = self.timers.first().filter(|(deadline, _)| *deadline <= clock) {
            self.timers.pop_first();
            self.put(out, (seen % 3) as usize, Stream::Sla, deadline, "");
        }
        self.clock = self.clock.max(Some(clock));
    }
}

mod standby;

pub(super) type Toys = Leader<Toy, MemorySource, Shared, MemoryStore, MemoryClock>;

pub(super) fn settings() -> Settings {
    Settings {
        tenant: "t".into(),
        writer: "0123456789abcdef".into(),
        limits: Limits { records: 10, bytes: 1 << 20 },
        delivery: Delivery::ExactlyOnce,
        epochs_in_flight: 3,
        inbox_bytes: 1 << 20,
        discover_every: DurationMs::seconds(30),
        snapshots: None,
        in_hand: InHand::default(),
        careful: 0,
        gauges: Gauges::default(),
    }
}

pub(super) fn start(world: &Shared, engine: Toy, settings: Settings) -> Result<Toys, Error> {
    let stop = AtomicBool::new(false);
    let clock = MemoryClock(world.clone());
    let leader = Leader::start(engine, world.source(), world.clone(), world.store(), clock, settings, &stop)?;
    Ok(leader.expect("the stop flag is not set"))
}

/// Some records arrive, time goes on.
pub(super) fn live(world: &Shared, records: u64) {
    let world = &mut *world.0.borrow_mut();
    for _ in 0..records {
        let slot = world.seed.below(world.input.len() as u64) as usize;
        let offset = world.input[slot].last().map_or(0, |(offset, ..)| offset + 1 + world.seed.below(2));
        let timestamp = Millis(world.now.0 - world.seed.below(30) as i64);
        let value =
            if world.seed.below(9) == 0 { b"x".to_vec() } else { vec![b'v'; offset as usize % 7 + 1] };
        world.input[slot].push((offset, timestamp, value));
        world.now.0 += world.seed.below(10) as i64;
    }
}

/// What each output partition should hold, by a fresh engine on the epoch log.
pub(super) fn expected(world: &Shared) -> BTreeMap<(usize, usize), Vec<Vec<u8>>> {
    let mut core = Core::new(Toy::default(), "t", 1 << 20);
    let (mut source, mut store) = (world.source(), world.store());
    let partitions = world.0.borrow().partitions;
    let mut all = BTreeMap::<_, Vec<Vec<u8>>>::new();
    replay(&mut core, &mut source, &mut store, true, &AtomicBool::new(false), |_, output, _| {
        let divisions = Toy::default().divisions();
        let mut outlets = crate::runtime::outgoing::Outlets::new(partitions, divisions);
        for record in outlets.route(output).0.records() {
            let place = (record.stream as usize, record.partition as usize);
            all.entry(place).or_default().push(record.value.to_vec());
        }
    })
    .unwrap();
    all
}

/// First appearances are the expected outputs in order; everything else is a copy of one of them.
pub(super) fn check_at_least_once(world: &Shared, seed: u64) -> usize {
    let expected = expected(world);
    let world = world.0.borrow();
    let mut copies = 0;
    for (stream, partitions) in world.output.iter().enumerate() {
        for (partition, arrived) in partitions.iter().enumerate() {
            let mut seen = BTreeSet::new();
            let firsts: Vec<_> = arrived
                .iter()
                .map(|(_, _, value)| value.clone())
                .filter(|value| seen.insert(value.clone()))
                .collect();
            copies += arrived.len() - firsts.len();
            let none = Vec::new();
            let expected = expected.get(&(stream, partition)).unwrap_or(&none);
            assert_eq!(&firsts, expected, "seed {seed}, stream {stream}, partition {partition}");
        }
    }
    copies
}

/// What `verify` says of a world.
pub(super) fn verdict(world: &Shared) -> Verdict {
    let mut core = Core::new(Toy::default(), "t", 1 << 20);
    let (mut source, mut store) = (world.source(), world.store());
    verify(&mut core, &mut source, &mut store, &mut MemoryOutputs::of(world)).unwrap()
}

pub(super) fn seeds() -> u64 {
    std::env::var("TRUNKLINE_SEEDS").ok().and_then(|n| n.parse().ok()).unwrap_or(200)
}

/// Leaders that crash at any moment, each with a delivery of the choice; gives crashes, outputs and copies among them.
fn crashes(choose: impl Fn(&mut Seed) -> Delivery) -> (usize, usize, usize) {
    let (mut crashes, mut outputs, mut copies) = (0, 0, 0);
    for seed in 0..seeds() {
        let world = Shared::new(3, [4, 1, 1, 1, 2, 3], seed);
        let settings = || {
            let dice = &mut world.0.borrow_mut().seed;
            Settings { epochs_in_flight: 1 + dice.below(4) as u32, delivery: choose(dice), ..settings() }
        };
        let mut leader = start(&world, Toy::default(), settings()).unwrap();
        for _ in 0..60 {
            live(&world, 5);
            leader.step().unwrap();
            if world.0.borrow_mut().seed.below(8) == 0 {
                drop(leader);
                world.crash();
                crashes += 1;
                leader = start(&world, Toy::default(), settings()).unwrap();
            }
        }
        let stop = AtomicBool::new(false);
        leader.run_to_end(&stop, |_, _| {}).unwrap();
        drop(leader);
        let found = check_at_least_once(&world, seed);
        let verdict = verdict(&world);
        assert!(verdict.is_sound() && verdict.beyond == 0, "seed {seed}: {verdict:?}");
        assert_eq!(verdict.copies, found as u64, "seed {seed}");
        copies += found;
        let world = world.0.borrow();
        outputs += world.output.iter().flatten().map(Vec::len).sum::<usize>();
        let total: usize = world.input.iter().map(Vec::len).sum();
        assert_eq!(total, 300);
    }
    println!("{crashes} crashes, {outputs} outputs, {copies} of them copies");
    assert!(crashes > 0, "the test meets what it is for");
    (crashes, outputs, copies)
}

#[test]
fn exactly_once_crashes_lose_and_repeat_nothing() {
    let (_, _, copies) = crashes(|_| Delivery::ExactlyOnce);
    assert_eq!(copies, 0);
}

#[test]
fn at_least_once_crashes_lose_nothing_and_repeat_only_the_same_bytes() {
    let (_, _, copies) = crashes(|_| Delivery::AtLeastOnce);
    assert!(copies > 0, "the test meets what it is for");
}

#[test]
fn nothing_is_lost_when_the_delivery_changes_from_start_to_start() {
    crashes(|dice| if dice.below(2) == 0 { Delivery::ExactlyOnce } else { Delivery::AtLeastOnce });
}

#[test]
fn timers_fire_without_input() {
    let world = Shared::new(1, [1; 6], 5);
    let mut leader = start(&world, Toy::default(), settings()).unwrap();
    live(&world, 1);
    world.0.borrow_mut().input[0][0].2 = b"v".to_vec();
    let stop = AtomicBool::new(false);
    leader.run_to_end(&stop, |_, _| {}).unwrap();
    let warned = |world: &Shared| world.0.borrow().output[Stream::Sla as usize][0].len();
    assert_eq!(warned(&world), 0);
    world.0.borrow_mut().now.0 += 100;
    while !leader.step().unwrap() {}
    leader.drain().unwrap();
    assert_eq!(warned(&world), 1);
    let before = world.0.borrow().epochs.len();
    (0..50).for_each(|_| assert!(!leader.step().unwrap(), "nothing is due, no epoch"));
    assert_eq!(world.0.borrow().epochs.len(), before);
}

#[test]
fn the_gauges_tell_what_the_leader_did() {
    let world = Shared::new(2, [1; 6], 11);
    let settings = settings();
    let gauges = settings.gauges.clone();
    assert_eq!(gauges.phase(), Phase::Starting);
    let mut leader = start(&world, Toy::default(), settings).unwrap();
    for _ in 0..100 {
        live(&world, 5);
        leader.step().unwrap();
    }
    leader.run_to_end(&AtomicBool::new(false), |_, _| {}).unwrap();
    let (progress, told) = (leader.progress(), gauges.snapshot());
    assert_eq!(told.phase, Phase::Leading);
    assert_eq!(told.count(Count::Records), 500);
    assert_eq!(told.count(Count::Epochs), progress.epochs);
    assert_eq!(told.outputs.iter().sum::<u64>(), progress.sent);
    assert_eq!(told.histogram(Series::EndToEnd).len(), 500, "all output is acknowledged");
    world.0.borrow_mut().now.0 += 2_000;
    for _ in 0..2 {
        leader.step().unwrap();
    }
    leader.drain().unwrap();
    let ends: Vec<u64> = world.0.borrow().input.iter().map(|slot| slot.last().unwrap().0 + 1).collect();
    assert_eq!(world.0.borrow().told, ends, "whoever watches knows how far the input is processed");
    assert_eq!(told.histogram(Series::Commit).len(), progress.epochs);
    assert_eq!(told.histogram(Series::EpochRecords).len(), progress.epochs - 1, "a claim has no records");
    assert_eq!(told.level(Level::EpochsInFlight), 0);
    let input: usize = world.0.borrow().input.iter().flatten().map(|(_, _, value)| value.len()).sum();
    assert_eq!(told.count(Count::BytesIn), input as u64);
    assert!(told.beat > Millis::MIN && told.readings.tally.events > 0);
    drop(leader);
    assert_eq!(gauges.phase(), Phase::Ended);
    let again = Settings { gauges: gauges.clone(), ..self::settings() };
    start(&world, Toy::default(), again).unwrap();
    assert_eq!(gauges.snapshot().count(Count::Records), 500, "what is replayed does not count");
}

#[test]
fn records_never_tick_ahead_of_the_input() {
    let world = Shared::new(1, [1; 6], 5);
    let engine = Toy { rules: Some("ticks are records".into()), ..Toy::default() };
    let mut leader = start(&world, engine, settings()).unwrap();
    live(&world, 1);
    world.0.borrow_mut().now.0 += 1_000;
    leader.run_to_end(&AtomicBool::new(false), |_, _| {}).unwrap();
    assert_eq!(leader.engine().clock(), Some(world.0.borrow().input[0][0].1));
    (0..50).for_each(|_| assert!(!leader.step().unwrap()));
}

#[test]
fn output_that_is_stuck_stops_the_source_and_nothing_is_lost() {
    [Delivery::ExactlyOnce, Delivery::AtLeastOnce].into_iter().for_each(stuck);
}

fn stuck(delivery: Delivery) {
    let world = Shared::new(2, [1; 6], 6);
    let settings = Settings { inbox_bytes: 512, delivery, ..settings() };
    let (in_flight, most) = (u64::from(settings.epochs_in_flight), settings.limits.records as u64);
    let mut leader = start(&world, Toy::default(), settings).unwrap();
    leader.drain().unwrap();
    world.0.borrow_mut().stuck = true;
    live(&world, 3_000);
    let before = leader.progress();
    for _ in 0..2_000 {
        leader.step().unwrap();
    }
    let stuck = leader.progress();
    assert!(stuck.epochs - before.epochs <= in_flight, "{stuck:?}");
    assert!((1..=in_flight * most).contains(&stuck.records), "{stuck:?}");
    for _ in 0..2_000 {
        leader.step().unwrap();
    }
    assert_eq!(leader.progress(), stuck, "nothing more is read or processed");

    world.0.borrow_mut().stuck = false;
    leader.run_to_end(&AtomicBool::new(false), |_, _| {}).unwrap();
    assert_eq!(leader.progress().records, 3_000);
    assert_eq!(check_at_least_once(&world, 6), 0, "nothing crashed: nothing is sent twice");
}

#[test]
fn a_new_input_partition_is_claimed_and_read_from_its_start() {
    let world = Shared::new(1, [1; 6], 9);
    let mut leader = start(&world, Toy::default(), settings()).unwrap();
    live(&world, 20);
    leader.run_to_end(&AtomicBool::new(false), |_, _| {}).unwrap();
    world.0.borrow_mut().input.push(Vec::new());
    live(&world, 40);
    world.0.borrow_mut().now.0 += 60_000;
    while !leader.step().unwrap() {}
    leader.run_to_end(&AtomicBool::new(false), |_, _| {}).unwrap();
    drop(leader);
    check_at_least_once(&world, 9);
    let last = EpochRecord::decode(world.0.borrow().epochs.last().unwrap()).unwrap();
    let moved = world
        .0
        .borrow()
        .epochs
        .iter()
        .any(|bytes| EpochRecord::decode(bytes).unwrap().moved.iter().any(|moved| moved.slot == 1));
    assert!(moved && last.claim.is_none());
}

/// `now` waits for a clock that was ahead; what is done from time to time does not.
#[test]
fn a_clock_that_was_an_hour_ahead_does_not_keep_a_new_partition_waiting() {
    let world = Shared::new(1, [1; 6], 9);
    let mut leader = start(&world, Toy::default(), settings()).unwrap();
    live(&world, 20);
    world.0.borrow_mut().now.0 += 3_600_000;
    leader.run_to_end(&AtomicBool::new(false), |_, _| {}).unwrap();
    world.0.borrow_mut().now.0 -= 3_600_000;
    (0..3).for_each(|_| assert!(!leader.step().unwrap()));
    world.0.borrow_mut().input.push(Vec::new());
    world.0.borrow_mut().now.0 += 60_000;
    assert!((0..5).any(|_| leader.step().unwrap()), "it is found and claimed");
    leader.drain().unwrap();
    let last = EpochRecord::decode(world.0.borrow().epochs.last().unwrap()).unwrap();
    assert_eq!(last.claim.map(|claim| claim.inputs.len()), Some(2));
}

/// A world in which a leader has worked and ended cleanly.
fn worked() -> Shared {
    let world = Shared::new(2, [1; 6], 3);
    let mut leader = start(&world, Toy::default(), settings()).unwrap();
    live(&world, 100);
    leader.run_to_end(&AtomicBool::new(false), |_, _| {}).unwrap();
    world
}

fn refused(world: &Shared, engine: Toy, settings: Settings) -> String {
    let before: usize = world.0.borrow().output.iter().flatten().map(Vec::len).sum();
    let error = start(world, engine, settings).err().expect("it must not start").to_string();
    let after: usize = world.0.borrow().output.iter().flatten().map(Vec::len).sum();
    assert_eq!(before, after, "nothing was sent");
    error
}

#[test]
fn a_restart_that_comes_out_otherwise_stops_before_it_sends() {
    let world = worked();
    assert!(start(&world, Toy::default(), settings()).is_ok(), "the undamaged world starts");

    let error = refused(&worked(), Toy { skew: 1, ..Toy::default() }, settings());
    assert!(error.contains("comes out otherwise than recorded: output"), "{error}");

    let world = worked();
    world.0.borrow_mut().input[1][7].2 = b"changed".to_vec();
    let error = refused(&world, Toy::default(), settings());
    assert!(error.contains("comes out otherwise than recorded: input slot 1"), "{error}");

    let world = worked();
    world.0.borrow_mut().input[0].truncate(3);
    let error = refused(&world, Toy::default(), settings());
    assert!(error.contains("which the topic does not hold (any more)"), "{error}");

    let world = worked();
    world.0.borrow_mut().epochs.remove(4);
    let error = refused(&world, Toy::default(), settings());
    assert!(error.contains("the chain is broken"), "{error}");

    let world = worked();
    world.0.borrow_mut().epochs.remove(0);
    let error = refused(&world, Toy::default(), settings());
    assert!(error.contains("the chain is broken"), "{error}");

    let error = refused(&worked(), Toy::default(), Settings { tenant: "other".into(), ..settings() });
    assert!(error.contains(r#"it is tenant "t"'s"#), "{error}");

    let other = || Toy { rules: Some("other rules".into()), ..Toy::default() };
    let leader = start(&worked(), other(), settings()).unwrap();
    assert_eq!(leader.engine().rules(), ["rules"], "those of the log, whatever is configured");

    let world = worked();
    world.0.borrow_mut().input.pop();
    let error = refused(&world, Toy::default(), settings());
    assert!(error.contains("in[1]"), "{error}");
}

/// Each way in which an output topic may not be what the log says is told as what it is.
#[test]
fn verify_finds_what_is_lost_doubled_or_different() {
    let world = worked();
    let sound = verdict(&world);
    assert!(
        sound.is_sound() && sound.outputs > 100 && sound.copies == 0 && sound.first.is_none(),
        "{sound:?}"
    );
    let stream = Stream::Assignments as usize;
    let spoilt = |spoil: &dyn Fn(&mut Vec<Arrived>)| {
        let world = worked();
        spoil(&mut world.0.borrow_mut().output[stream][0]);
        let verdict = verdict(&world);
        assert_eq!(verdict.outputs, sound.outputs);
        (verdict.lost, verdict.doubled, verdict.different, verdict.beyond, verdict.first.is_some())
    };
    assert_eq!(spoilt(&|records| drop(records.pop())), (1, 0, 0, 0, true), "the last is lost");
    let twice = |records: &mut Vec<Arrived>| {
        let again = records[3].clone();
        records.insert(7, again);
    };
    assert_eq!(spoilt(&twice), (0, 1, 0, 0, true));
    assert_eq!(spoilt(&|records| records[5].2[20] ^= 1), (0, 0, 1, 0, true), "a bit");
    assert_eq!(spoilt(&|records| records[5].1.0 += 1), (0, 0, 1, 0, true), "a timestamp");
    assert_eq!(spoilt(&|records| records[5].0.push(b'x')), (0, 0, 1, 0, true), "a key");
    assert_eq!(spoilt(&|records| records.swap(5, 6)).2, 2, "order");
    let more = |records: &mut Vec<Arrived>| records.push((b"k".to_vec(), Millis(1), b"{}".to_vec()));
    assert_eq!(spoilt(&more), (0, 0, 0, 1, false), "what no recorded epoch explains, yet");
}

#[test]
fn the_older_of_two_leaders_stops() {
    let world = Shared::new(1, [1; 6], 3);
    let mut older = start(&world, Toy::default(), settings()).unwrap();
    older.drain().unwrap();
    let mut newer = start(&world, Toy::default(), settings()).unwrap();
    live(&world, 10);
    let error = (0..100).find_map(|_| older.step().err()).expect("it is fenced").to_string();
    assert!(error.contains("another instance leads"), "{error}");
    drop(older);
    newer.run_to_end(&AtomicBool::new(false), |_, _| {}).unwrap();
    check_at_least_once(&world, 3);
}
