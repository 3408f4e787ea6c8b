//! Faults under load on a real broker, and one comparison behind each: the output topics hold what the epoch log says,
//! each output once (`trunkline verify`), and that is what the reference gives. `TRUNKLINE_KILLS` says how often the
//! service is killed, `TRUNKLINE_CHAOS_SEED` when, `TRUNKLINE_BROKER_KILLS` how often the broker; `TRUNKLINE_CHAOS_JSON` names a file for what was measured.

use crate::broker::{broker, broker_alone};
use crate::crashes::check_nothing_lost;
use crate::equality::{generate, lines};
use crate::tenant::{Tenant, until};
use rdkafka::consumer::{BaseConsumer, Consumer};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// SplitMix64 (Steele, Lea and Flood 2014).
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}

pub fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().and_then(|n| n.parse().ok()).unwrap_or(default)
}

/// End of the epoch log, for whoever reads committed records, asked again and again.
struct Epochs<'t> {
    consumer: BaseConsumer,
    tenant: &'t Tenant,
}

impl Epochs<'_> {
    fn of(tenant: &Tenant) -> Epochs<'_> {
        Epochs { consumer: tenant.consumer(), tenant }
    }

    fn end(&self) -> i64 {
        let (topic, mut end) = (self.tenant.topic("epochs"), None);
        // A broker that is just starting refuses for a while.
        until("an answer", || {
            end = self.consumer.fetch_watermarks(&topic, 0, Duration::from_secs(10)).ok();
            end.is_some()
        });
        end.expect("an answer").1
    }

    /// Lets the time pass that so many questions take, some milliseconds each.
    fn ask(&self, questions: u64) {
        for _ in 0..questions {
            self.end();
        }
    }

    /// Waits until an epoch is committed that was not when `before` was the end.
    fn wait(&self, before: i64) {
        until("a new epoch", || self.end() > before);
    }
}

/// Input enough for so many steps, and rules.
pub fn work(steps: u64, a_step: u64, seed: u64) -> (Vec<Vec<u8>>, String) {
    let folder = tempfile::tempdir().unwrap();
    let (log, rules) = generate(folder.path(), steps * a_step, seed);
    let lines = lines(&log);
    let chunks = lines.chunks(lines.len().div_ceil(steps as usize));
    (chunks.map(|chunk| chunk.join(&b"\n"[..])).collect(), rules)
}

pub fn percentile(sorted: &[u128], percent: usize) -> u128 {
    sorted[(sorted.len() * percent).div_ceil(100).saturating_sub(1)]
}

/// Prints what was measured, and adds it to the file of figures: numbers under the same name are summed up.
pub fn tell(told: &serde_json::Value) {
    static ONE: Mutex<()> = Mutex::new(());
    println!("{told}");
    let Some(path) = std::env::var_os("TRUNKLINE_CHAOS_JSON") else { return };
    let _one = ONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let before = std::fs::read_to_string(&path).ok().and_then(|text| serde_json::from_str(&text).ok());
    let mut all: serde_json::Map<String, serde_json::Value> = before.unwrap_or_default();
    for (name, value) in told.as_object().expect("an object") {
        let sum = all.get(name).and_then(|n| n.as_u64()).zip(value.as_u64()).map(|(a, b)| (a + b).into());
        all.insert(name.clone(), sum.unwrap_or_else(|| value.clone()));
    }
    std::fs::write(path, format!("{:#}\n", serde_json::Value::Object(all))).unwrap();
}

/// Behind so many kills a clean end leaves a snapshot: few live long enough for one, and each start would replay more.
const CLEAN: usize = 25;

/// The service is killed at random moments, in its start and in its work, and started again.
#[test]
fn random_kills_lose_double_and_change_nothing() {
    let Some(broker) = broker() else { return };
    let (kills, seed) = (number("TRUNKLINE_KILLS", 12), number("TRUNKLINE_CHAOS_SEED", 1));
    println!("{kills} kills, seed {seed}");
    let (work, rules) = work(kills, 300, seed);
    let tenant = Tenant::new(&broker, "chaos", &rules, "epoch_max_events = 20");
    let (epochs, mut dice, mut recovery) = (Epochs::of(&tenant), Dice(seed), Vec::new());
    for (at, part) in work.iter().enumerate() {
        tenant.load(lines(part));
        let before = epochs.end();
        let started = Instant::now();
        let service = tenant.spawn();
        if dice.below(3) == 0 {
            epochs.ask(dice.below(400));
        } else {
            epochs.wait(before);
            recovery.push(started.elapsed().as_millis());
            epochs.ask(dice.below(100));
        }
        service.kill();
        if at % CLEAN == CLEAN - 1 {
            tenant.run_to_end();
        }
    }
    tenant.run_to_end();
    assert_eq!(check_nothing_lost(&tenant), 0, "seed {seed}");
    recovery.sort_unstable();
    let told = serde_json::json!({
        "kills": kills, "lost": 0, "doubled": 0, "different": 0, "seed": seed,
        "events": work.iter().map(|part| lines(part).len()).sum::<usize>(),
        "epochs": epochs.end(),
        "recovery_ms": {
            "p50": percentile(&recovery, 50) as u64,
            "p90": percentile(&recovery, 90) as u64,
            "p99": percentile(&recovery, 99) as u64,
            "max": percentile(&recovery, 100) as u64,
        },
    });
    tell(&told);
}

/// Places in the course of a transaction at which the process dies.
#[cfg(feature = "failpoints")]
const PLACES: [&str; 10] = [
    "initialising",
    "one-initialised",
    "begun",
    "sending",
    "output-sent",
    "record-sent",
    "delivered",
    "before-commit",
    "committed",
    "told",
];

#[cfg(feature = "failpoints")]
fn die_after(place: &str, passes: u32) -> String {
    match passes {
        0 => format!("{place}=return"),
        passes => format!("{place}={passes}*off->return"),
    }
}

/// The service dies at each place, at its first epochs and at later ones.
#[test]
#[cfg(feature = "failpoints")]
fn a_death_at_any_place_loses_doubles_and_changes_nothing() {
    let Some(broker) = broker() else { return };
    const PASSES: [u32; 3] = [0, 1, 7];
    let (work, rules) = work(PLACES.len() as u64 * PASSES.len() as u64, 200, 5);
    let tenant = Tenant::new(&broker, "places", &rules, "epoch_max_events = 10");
    let places = PLACES.iter().flat_map(|place| PASSES.map(|passes| (place, passes)));
    let mut deaths = 0;
    for ((place, passes), part) in places.zip(&work) {
        tenant.load(lines(part));
        // Not the binary of `TRUNKLINE_TEST_BIN`, which may have no failpoints.
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_trunkline"));
        command.args(["run", "--stop-at-end", "--json", "--config"]).arg(tenant.path("trunkline.toml"));
        let ended = command.env("FAILPOINTS", die_after(place, passes)).output().unwrap();
        let initialising = place.contains("initialis") && passes > 0;
        assert_eq!(ended.status.success(), initialising, "{place}, {passes}: it is passed once a start");
        deaths += usize::from(!ended.status.success());
    }
    assert!(deaths >= PLACES.len() * 2);
    tenant.run_to_end();
    assert_eq!(check_nothing_lost(&tenant), 0);
}

/// A leader that stood still while another took over wakes up and writes nothing.
#[test]
fn a_zombie_writes_nothing() {
    let Some(broker) = broker() else { return };
    let (work, rules) = work(3, 2_000, 6);
    let tenant = Tenant::new(&broker, "zombie", &rules, "epoch_max_events = 20");
    let epochs = Epochs::of(&tenant);
    tenant.load(lines(&work[0]));
    let before = epochs.end();
    let zombie = tenant.spawn();
    epochs.wait(before);
    zombie.signal("-STOP");
    tenant.load(lines(&work[1]));
    tenant.run_to_end();
    zombie.signal("-CONT");
    tenant.load(lines(&work[2]));
    until("it follows again", || {
        epochs.end();
        tenant.log().contains("following again")
    });
    assert_eq!(zombie.terminate(), 0, "{}", tenant.log());
    tenant.run_to_end();
    assert_eq!(check_nothing_lost(&tenant), 0);
}

/// The broker is killed under load and comes back: the service goes on, or ends and is started again.
#[test]
fn a_broker_that_dies_and_comes_back_costs_nothing() {
    let Some(broker) = broker_alone() else { return };
    let (work, rules) = work(number("TRUNKLINE_BROKER_KILLS", 1), 2_000, 7);
    let tenant = Tenant::new(&broker, "broker", &rules, "epoch_max_events = 20");
    let epochs = Epochs::of(&tenant);
    for part in &work {
        tenant.load(lines(part));
        let before = epochs.end();
        let mut service = tenant.spawn();
        epochs.wait(before);
        broker.kill_and_start();
        let after = epochs.end();
        until("the service goes on or ends", || {
            epochs.end() > after + 10 || service.0.try_wait().unwrap().is_some()
        });
    }
    tenant.run_to_end();
    assert_eq!(check_nothing_lost(&tenant), 0);
}
