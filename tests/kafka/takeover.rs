//! Two instances of one tenant under load, on a broker of their own: one of them reaches it through a proxy. Leader and
//! standby are killed, stopped and frozen, the broker too, and the network between; behind all of it stands one comparison
//! with the reference. `TRUNKLINE_STRIKES` says how often something happens, `TRUNKLINE_CHAOS_SEED` what and when.

use crate::broker::{Broker, broker, broker_behind_a_proxy};
use crate::chaos::{Dice, number, percentile, tell, work};
use crate::crashes::check_nothing_lost;
use crate::equality::lines;
use crate::proxy::Pause;
use crate::tenant::{PARTITIONS, Running, STREAMS, Tenant, until};
use rdkafka::consumer::Consumer;
use rdkafka::message::Message;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use trunkline::io::kafka::reach::Reach;

/// Between two loads of some records.
const PACE: Duration = Duration::from_millis(50);
/// Epochs that must come after a fault before the next.
const EPOCHS_BETWEEN: u64 = 20;

/// What a reader of committed records sees, all the time.
#[derive(Default)]
struct Seen {
    epochs: u64,
    /// Of the last epoch.
    writer: String,
    /// When the last output came, and the longest wait for one since it was asked for.
    output: Option<Instant>,
    stall: Duration,
}

struct Watch<'t> {
    tenant: &'t Tenant,
    seen: Mutex<Seen>,
    end: AtomicBool,
}

impl Watch<'_> {
    fn run(&self) {
        let (consumer, mut list) = (self.tenant.committed(), TopicPartitionList::new());
        let outputs =
            STREAMS.iter().zip(PARTITIONS).map(|(stream, partitions)| (format!("out.{stream}"), partitions));
        for (name, partitions) in outputs.chain([("epochs".to_owned(), 1)]) {
            for partition in 0..partitions {
                list.add_partition_offset(&self.tenant.topic(&name), partition, Offset::Beginning).unwrap();
            }
        }
        let reach = Reach::new(&self.tenant.broker.address);
        consumer.assign(&list).unwrap();
        while !self.end.load(Ordering::Relaxed) {
            reach.restore(consumer.client());
            let message = match consumer.poll(Duration::from_millis(50)) {
                Some(Ok(message)) => message,
                Some(Err(error)) => {
                    reach.heard(&error);
                    continue;
                }
                None => continue,
            };
            let mut seen = self.seen.lock().unwrap();
            if message.topic() == self.tenant.topic("epochs") {
                let record: serde_json::Value = serde_json::from_slice(message.payload().unwrap()).unwrap();
                seen.writer = record["writer"].as_str().unwrap().to_owned();
                seen.epochs += 1;
            } else {
                seen.stall = seen.stall();
                seen.output = Some(Instant::now());
            }
        }
    }

    fn epochs(&self) -> u64 {
        self.seen.lock().unwrap().epochs
    }

    fn writer(&self) -> String {
        self.seen.lock().unwrap().writer.clone()
    }

    /// The longest wait for an output since this was asked last.
    fn stall(&self) -> Duration {
        let mut seen = self.seen.lock().unwrap();
        let stall = seen.stall();
        seen.stall = Duration::ZERO;
        stall
    }
}

impl Seen {
    fn stall(&self) -> Duration {
        self.stall.max(self.output.map_or(Duration::ZERO, |at| at.elapsed()))
    }
}

/// The two instances; each is started again when it has ended.
struct Pair<'t> {
    tenant: &'t Tenant,
    running: [Running; 2],
    /// How often one ended otherwise than by what was done to it.
    ended: usize,
}

const FILES: [(&str, &str); 2] = [("proxied.toml", "proxied.log"), ("direct.toml", "direct.log")];

impl Pair<'_> {
    fn start(tenant: &Tenant) -> Pair<'_> {
        let spawn = |at: usize| tenant.spawn_as(FILES[at].0, FILES[at].1);
        Pair { tenant, running: [spawn(0), spawn(1)], ended: 0 }
    }

    fn log(&self, at: usize) -> String {
        std::fs::read_to_string(self.tenant.path(FILES[at].1)).unwrap()
    }

    /// Whose epochs these are.
    fn of(&self, writer: &str) -> Option<usize> {
        (0..2).find(|at| !writer.is_empty() && self.log(*at).contains(writer))
    }

    /// Follows, at the end of the log.
    fn stands_by(&self, at: usize) -> bool {
        let log = self.log(at);
        let last = |words: &str| log.rfind(words).map_or(0, |at| at + 1);
        last("standing by for the lease") > last("taking over").max(last("following again"))
    }

    fn spawn(&mut self, at: usize) {
        self.running[at] = self.tenant.spawn_as(FILES[at].0, FILES[at].1);
    }

    fn kill(&mut self, at: usize) {
        self.running[at].0.kill().unwrap();
        self.running[at].0.wait().unwrap();
    }

    /// Waits until one leads, the other stands by, and epochs come; starts again who has ended. Gives the leader.
    fn settle(&mut self, watch: &Watch<'_>) -> usize {
        let before = watch.epochs();
        let (mut leader, pause) = (None, Pause::default());
        until("one leads and the other stands by", || {
            pause.wait(Duration::from_millis(20));
            for at in 0..2 {
                if self.running[at].0.try_wait().unwrap().is_some() {
                    println!("instance {at} ended: {}", self.log(at).lines().last().unwrap_or_default());
                    self.ended += 1;
                    self.spawn(at);
                }
            }
            leader = self.of(&watch.writer());
            watch.epochs() > before + EPOCHS_BETWEEN
                && leader.is_some_and(|leader| self.stands_by(1 - leader))
        });
        leader.expect("until it leads")
    }
}

/// What befalls whom.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Strike {
    KillLeader,
    KillStandby,
    Zombie,
    StopLeader,
    BrokerFrozen,
    BrokerKilled,
    BrokerStopped,
    AnswersSwallowed,
    RequestsSwallowed,
    Cut,
    Refused,
    Delayed,
}

impl Strike {
    const ALL: [Strike; 12] = [
        Strike::KillLeader,
        Strike::StopLeader,
        Strike::AnswersSwallowed,
        Strike::Zombie,
        Strike::BrokerFrozen,
        Strike::Cut,
        Strike::KillStandby,
        Strike::RequestsSwallowed,
        Strike::BrokerStopped,
        Strike::Refused,
        Strike::Delayed,
        Strike::BrokerKilled,
    ];
}

struct Course<'t> {
    broker: &'t Broker,
    watch: &'t Watch<'t>,
    pair: Pair<'t>,
    dice: Dice,
    pause: Pause,
    /// Milliseconds until somebody else wrote an epoch, and until readers had something to read again.
    failover: BTreeMap<Strike, Vec<u128>>,
    stall: BTreeMap<Strike, Vec<u128>>,
}

impl Course<'_> {
    /// Some time, in milliseconds.
    fn some(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_millis(from + self.dice.below(to - from))
    }

    fn strike(&mut self, strike: Strike) {
        let leader = self.pair.settle(self.watch);
        let wait = self.some(0, 200);
        self.pause.wait(wait);
        self.watch.stall();
        println!("{strike:?}, instance {leader} leads, epoch {}", self.watch.epochs());
        match strike {
            Strike::KillLeader => {
                self.leaves(strike, |pair| pair.kill(leader));
                self.pair.spawn(leader);
            }
            Strike::StopLeader => {
                self.leaves(strike, |pair| pair.running[leader].signal("-TERM"));
                assert_eq!(
                    self.pair.running[leader].0.wait().unwrap().code(),
                    Some(0),
                    "{}",
                    self.pair.log(leader)
                );
                self.pair.spawn(leader);
            }
            Strike::Zombie => {
                self.leaves(strike, |pair| pair.running[leader].signal("-STOP"));
                self.pair.running[leader].signal("-CONT");
                until("the zombie follows again", || {
                    self.pause.wait(Duration::from_millis(20));
                    self.pair.log(leader).contains("following again")
                });
            }
            Strike::KillStandby => {
                self.pair.kill(1 - leader);
                self.pair.spawn(1 - leader);
            }
            Strike::BrokerFrozen => {
                self.broker.signal("-STOP");
                let wait = self.some(1_000, 12_000);
                self.pause.wait(wait);
                self.broker.signal("-CONT");
            }
            Strike::BrokerKilled => self.broker.kill_and_start(),
            Strike::BrokerStopped => self.broker.restart(),
            Strike::AnswersSwallowed
            | Strike::RequestsSwallowed
            | Strike::Cut
            | Strike::Refused
            | Strike::Delayed => self.disturb(strike),
        }
        self.pair.settle(self.watch);
        self.stall.entry(strike).or_default().push(self.watch.stall().as_millis());
    }

    fn disturb(&mut self, strike: Strike) {
        let wait = self.some(500, 10_000);
        let proxy = self.broker.proxy.as_ref().expect("a broker behind a proxy");
        match strike {
            Strike::AnswersSwallowed => proxy.swallow_answers(),
            Strike::RequestsSwallowed => proxy.swallow_requests(),
            Strike::Refused => proxy.refuse(),
            Strike::Delayed => proxy.delay(300),
            _ => proxy.cut(),
        }
        if strike != Strike::Cut {
            self.pause.wait(wait);
        }
        proxy.heal();
    }

    /// Measures the time until somebody else has written an epoch.
    fn leaves(&mut self, strike: Strike, act: impl FnOnce(&mut Pair<'_>)) {
        let before = self.watch.writer();
        let begun = Instant::now();
        act(&mut self.pair);
        let (watch, pause) = (self.watch, &self.pause);
        until("another one leads", || {
            pause.wait(Duration::from_millis(1));
            watch.writer() != before
        });
        self.failover.entry(strike).or_default().push(begun.elapsed().as_millis());
    }
}

fn summary(figures: &BTreeMap<Strike, Vec<u128>>) -> serde_json::Value {
    let each = figures.iter().map(|(strike, millis)| {
        let mut sorted = millis.clone();
        sorted.sort_unstable();
        let at = |percent| percentile(&sorted, percent) as u64;
        let told = serde_json::json!({ "n": sorted.len(), "p50": at(50), "p99": at(99), "max": at(100) });
        (format!("{strike:?}"), told)
    });
    each.collect::<serde_json::Map<_, _>>().into()
}

/// Two instances, each with its way to the broker; sessions as they are by default.
fn tenant(broker: &std::sync::Arc<Broker>, name: &str, rules: &str) -> Tenant {
    let tenant = Tenant::new(broker, name, rules, "epoch_max_events = 50");
    let session = "[kafka.properties]\n\"session.timeout.ms\" = \"6000\"";
    let proxied = broker.proxy.as_ref().map_or(broker.address.clone(), crate::proxy::Proxy::address);
    tenant.configure_as(FILES[0].0, &proxied, "epoch_max_events = 50", session);
    tenant.configure_as(FILES[1].0, &broker.address, "epoch_max_events = 50", session);
    tenant
}

#[test]
fn chaos_of_two_instances_loses_doubles_and_changes_nothing() {
    let Some(broker) = broker_behind_a_proxy() else { return };
    let (strikes, seed) = (number("TRUNKLINE_STRIKES", 7), number("TRUNKLINE_CHAOS_SEED", 1));
    println!("{strikes} strikes, seed {seed}");
    let (work, rules) = work(strikes * 2 + 4, 2_000, seed);
    let tenant = tenant(&broker, "pair", &rules);
    let watch = Watch { tenant: &tenant, seen: Mutex::default(), end: AtomicBool::new(false) };
    let mut course = Course {
        broker: &broker,
        watch: &watch,
        pair: Pair::start(&tenant),
        dice: Dice(seed),
        pause: Pause::default(),
        failover: BTreeMap::new(),
        stall: BTreeMap::new(),
    };
    let loaded = std::thread::scope(|scope| {
        scope.spawn(|| watch.run());
        let load = scope
            .spawn(|| tenant.load_slowly(work.iter().flat_map(|part| lines(part)), 10, PACE, &watch.end));
        for at in 0..strikes as usize {
            // First each once, in their order; then by chance.
            let by_chance = course.dice.below(Strike::ALL.len() as u64) as usize;
            course.strike(*Strike::ALL.get(at).unwrap_or(&Strike::ALL[by_chance]));
        }
        course.pair.settle(&watch);
        watch.end.store(true, Ordering::Relaxed);
        load.join().unwrap()
    });
    let Course { pair, failover, stall, .. } = course;
    let proxied = broker.proxy.as_ref().unwrap().forwarded.load(Ordering::Relaxed);
    assert!(proxied > 100_000, "the proxy was used: {proxied} bytes");
    let ended = pair.ended;
    for running in pair.running {
        assert_eq!(running.terminate(), 0);
    }
    tenant.run_to_end();
    assert_eq!(check_nothing_lost(&tenant), 0, "seed {seed}");
    let kills = [Strike::KillLeader, Strike::KillStandby].map(|kind| stall.get(&kind).map_or(0, Vec::len));
    tell(&serde_json::json!({
        "kills": kills.iter().sum::<usize>(), "lost": 0, "doubled": 0, "different": 0,
        "strikes": strikes, "strikes_seed": seed, "strikes_events": loaded, "strikes_epochs": watch.epochs(),
        "ended_by_themselves": ended, "failover_ms": summary(&failover), "stall_ms": summary(&stall),
    }));
}

/// Rolls the two instances: each is ended cleanly in turn, and killed in turn, under load.
#[test]
fn a_standby_takes_over_at_once_after_a_clean_end_and_after_the_session_if_killed() {
    let Some(broker) = broker() else { return };
    let rounds = number("TRUNKLINE_FAILOVERS", 2);
    let (work, rules) = work(rounds * 2 + 3, 2_000, 8);
    let tenant = tenant(&broker, "failover", &rules);
    let watch = Watch { tenant: &tenant, seen: Mutex::default(), end: AtomicBool::new(false) };
    let mut course = Course {
        broker: &broker,
        watch: &watch,
        pair: Pair::start(&tenant),
        dice: Dice(8),
        pause: Pause::default(),
        failover: BTreeMap::new(),
        stall: BTreeMap::new(),
    };
    std::thread::scope(|scope| {
        scope.spawn(|| watch.run());
        scope.spawn(|| tenant.load_slowly(work.iter().flat_map(|part| lines(part)), 10, PACE, &watch.end));
        for _ in 0..rounds {
            course.strike(Strike::StopLeader);
            course.strike(Strike::KillLeader);
        }
        watch.end.store(true, Ordering::Relaxed);
    });
    let Course { pair, failover, stall, .. } = course;
    assert_eq!(pair.ended, 0);
    for running in pair.running {
        assert_eq!(running.terminate(), 0);
    }
    tenant.run_to_end();
    assert_eq!(check_nothing_lost(&tenant), 0);
    let told =
        serde_json::json!({ "rolling_failover_ms": summary(&failover), "rolling_stall_ms": summary(&stall) });
    tell(&told);
    // The goals are 3 s and 8 s; a machine that is busy with other tests gets some more.
    assert!(failover[&Strike::StopLeader].iter().all(|millis| *millis < 6_000), "{told}");
    assert!(failover[&Strike::KillLeader].iter().all(|millis| *millis < 16_000), "{told}");
}

/// The second instance waits without writing; what is loaded is processed once, whoever leads.
#[test]
fn a_second_instance_stands_by_and_takes_over_when_the_first_ends() {
    let Some(broker) = broker() else { return };
    let (work, rules) = work(2, 1_000, 13);
    let tenant = Tenant::new(&broker, "twice", &rules, "snapshots.by = \"standby\"");
    tenant.configure_as("second.toml", &broker.address, "[standby]\ntenants = []", "");
    tenant.load(lines(&work[0]));
    let first = tenant.spawn_as("trunkline.toml", "first.log");
    let log = |file: &str| std::fs::read_to_string(tenant.path(file)).unwrap();
    until("the first leads", || tenant.end("epochs", 1) > 2 && log("first.log").contains(": leading"));
    // One that follows, and one that only waits for the lease.
    let second = tenant.spawn_as("trunkline.toml", "second.log");
    until("the second stands by", || {
        tenant.end("epochs", 1);
        log("second.log").contains("standing by for the lease")
    });
    assert!(!log("second.log").contains("taking over"));
    until("the second takes a snapshot", || {
        tenant.end("epochs", 1);
        std::fs::read_dir(tenant.path("snapshots"))
            .unwrap()
            .any(|file| file.unwrap().file_name().to_str().is_some_and(|name| name.ends_with(".snapshot")))
    });
    assert_eq!(first.terminate(), 0, "{}", log("first.log"));
    tenant.load(lines(&work[1]));
    until("the second leads", || {
        tenant.end("epochs", 1);
        log("second.log").contains(": leading")
    });
    let third = tenant.spawn_as("second.toml", "third.log");
    second.kill();
    until("the third leads, and has committed its claim", || {
        tenant.end("epochs", 1);
        let log = log("third.log");
        log.contains(": leading") && log.contains("distance of this machine's clock from the broker's")
    });
    assert_eq!(third.terminate(), 0, "{}", log("third.log"));
    tenant.run_to_end();
    assert_eq!(check_nothing_lost(&tenant), 0);
}
