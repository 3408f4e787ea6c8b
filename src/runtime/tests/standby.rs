//! Several instances of one tenant on doors in memory: one leads, the others follow and take over, whatever happens to
//! whom. The number of seeds grows with `TRUNKLINE_SEEDS`.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::{Toy, Toys, check_at_least_once, live, seeds, settings, verdict};
use crate::runtime::doors::{Error, Lease};
use crate::runtime::gauges::{Level, Phase};
use crate::runtime::journal::EpochRecord;
use crate::runtime::memory::{MemoryClock, MemoryLease, MemorySource, MemoryStore, Shared};
use crate::runtime::settings::{Delivery, Settings};
use crate::runtime::snapshot::memory::MemoryFiles;
use crate::runtime::snapshot::{By, Snapshots, Told};
use crate::runtime::standby::{Standby, Turn, serve};
use crate::types::DurationMs;

type Toyby = Standby<Toy, MemorySource, Shared, MemoryStore, MemoryClock>;

static GO_ON: AtomicBool = AtomicBool::new(false);

fn standby(world: &Shared, settings: Settings) -> Toyby {
    let clock = MemoryClock(world.clone());
    Standby::new(Toy::default(), world.source(), world.clone(), world.store(), clock, settings)
}

/// An instance's directory of snapshots.
type Files = Arc<Mutex<MemoryFiles>>;

enum Role {
    Follows(Box<Toyby>),
    Leads(Box<Toys>),
}

struct Instance {
    lease: MemoryLease,
    /// Its directory of snapshots outlives it.
    files: Files,
    role: Role,
}

/// What happened in a run.
#[derive(Debug, Default)]
struct Count {
    takeovers: usize,
    kills: usize,
    zombies: usize,
    stops: usize,
    superseded: usize,
    snapshots: usize,
    restored: usize,
}

struct Run<'w> {
    world: &'w Shared,
    delivery: Delivery,
    /// Each instance's number is new after each of its deaths.
    born: u64,
    count: Count,
}

impl Run<'_> {
    fn settings(&self, writer: u64, files: &Files) -> Settings {
        let by = By::Any;
        let snapshots =
            Some(Snapshots { files: files.clone(), every: DurationMs(40), by, generations: 2, key: 1 });
        Settings { writer: format!("{writer:016x}"), delivery: self.delivery, snapshots, ..settings() }
    }

    fn instance(&mut self, files: Files) -> Instance {
        self.born += 1;
        let role = Role::Follows(Box::new(standby(self.world, self.settings(self.born, &files))));
        Instance { lease: self.world.lease(self.born), files, role }
    }

    /// One round of an instance.
    fn step(&mut self, instance: Instance) -> Instance {
        let Instance { mut lease, files, role } = instance;
        let stepped = match role {
            Role::Follows(mut standby) => match standby.step(&mut lease, &GO_ON) {
                Ok(true) => {
                    self.count.takeovers += 1;
                    self.count.restored +=
                        usize::from(standby.restored.as_ref().is_some_and(|from| from.epoch.is_some()));
                    standby.lead(&GO_ON).map(|leader| Role::Leads(Box::new(leader.expect("not stopped"))))
                }
                Ok(false) => {
                    self.count.snapshots += standby.snapshots().len();
                    Ok(Role::Follows(standby))
                }
                Err(error) => Err(error),
            },
            Role::Leads(mut leader) => leader.step().map(|_| Role::Leads(leader)),
        };
        match stepped {
            Ok(role) => Instance { lease, files, role },
            Err(Error::Superseded(_)) => {
                self.count.superseded += 1;
                lease.give_back();
                self.instance(files)
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// Something befalls an instance.
    fn strike(&mut self, instance: Instance, what: u64) -> Instance {
        let Instance { mut lease, files, role } = instance;
        match (what, role) {
            // Killed: what it had under way arrives or not.
            (0, role) => {
                // Of a zombie nothing arrives: somebody else writes, or will before anything is read.
                let writes = matches!(role, Role::Leads(_)) && lease.holds(Duration::ZERO).unwrap();
                drop(role);
                lease.give_back();
                if writes {
                    self.world.crash();
                }
                files.lock().unwrap().lose_power();
                self.count.kills += 1;
                self.instance(files)
            }
            // Its lease goes to another, and it does not know.
            (1, Role::Leads(leader)) => {
                lease.give_back();
                self.count.zombies += 1;
                Instance { lease, files, role: Role::Leads(leader) }
            }
            // Ended cleanly.
            (2, Role::Leads(mut leader)) => match leader.drain() {
                Ok(()) => {
                    self.count.stops += 1;
                    let retired = leader.retire();
                    lease.give_back();
                    assert!(retired.save().is_some());
                    self.instance(files)
                }
                Err(Error::Superseded(_)) => {
                    self.count.stops += 1;
                    drop(leader);
                    lease.give_back();
                    self.instance(files)
                }
                Err(error) => panic!("{error}"),
            },
            (_, role) => Instance { lease, files, role },
        }
    }
}

fn run(seed: u64, delivery: Delivery) -> (Count, usize) {
    let world = Shared::new(3, [4, 1, 1, 1, 2, 3], seed);
    let mut run = Run { world: &world, delivery, born: 0, count: Count::default() };
    let mut instances: Vec<Instance> =
        (0..3).map(|at| run.instance(Arc::new(Mutex::new(MemoryFiles::new(seed * 3 + at))))).collect();
    let dice = |n: u64| world.0.borrow_mut().seed.below(n);
    for round in 0..200 {
        if round < 150 {
            live(&world, dice(3));
        }
        let at = dice(3) as usize;
        let mut instance = run.step(instances.remove(at));
        if round < 150 && dice(12) == 0 {
            let what = dice(3);
            instance = run.strike(instance, what);
        }
        instances.insert(at, instance);
    }
    // The faults are over: whoever leads comes to the end, and nobody has to do anything for it.
    let end = |run: &mut Run<'_>, instances: &mut Vec<Instance>| {
        for _ in 0..100 {
            let instance = instances.remove(0);
            instances.push(run.step(instance));
        }
    };
    end(&mut run, &mut instances);
    let mut leaders = instances.iter_mut().filter_map(|instance| match &mut instance.role {
        Role::Leads(leader) => Some(leader),
        Role::Follows(_) => None,
    });
    let leader = leaders.next().unwrap_or_else(|| panic!("seed {seed}: nobody leads"));
    assert!(leaders.next().is_none(), "seed {seed}: two lead");
    leader.run_to_end(&GO_ON, |_, _| {}).unwrap();
    drop(instances);
    let copies = check_at_least_once(&world, seed);
    let verdict = verdict(&world);
    assert!(verdict.is_sound() && verdict.beyond == 0, "seed {seed}: {verdict:?}");
    (run.count, copies)
}

fn runs(delivery: Delivery) -> usize {
    let mut all = Count::default();
    let mut copied = 0;
    for seed in 0..seeds() {
        let (count, copies) = run(seed, delivery);
        all.takeovers += count.takeovers;
        all.kills += count.kills;
        all.zombies += count.zombies;
        all.stops += count.stops;
        all.superseded += count.superseded;
        all.snapshots += count.snapshots;
        all.restored += count.restored;
        copied += copies;
    }
    println!("{all:?}, {copied} copies");
    let taken = (all.snapshots > 0, delivery == Delivery::ExactlyOnce);
    assert_eq!(taken.0, taken.1, "a standby does not know what was sent: {all:?}");
    let seen = [all.takeovers, all.kills, all.zombies, all.stops, all.superseded, all.restored];
    assert!(seen.iter().all(|count| *count as u64 > seeds() / 2), "{all:?}");
    copied
}

#[test]
fn takeovers_lose_and_repeat_nothing() {
    assert_eq!(runs(Delivery::ExactlyOnce), 0);
}

/// The follower keeps the outputs of the last epochs, so it sends again what the leader may not have sent.
#[test]
fn at_least_once_takeovers_lose_nothing_and_repeat_the_same_bytes() {
    assert!(runs(Delivery::AtLeastOnce) > 0);
}

/// A standby is told as such, is at the end of the log, and leads when the leader is gone.
#[test]
fn a_standby_says_what_it_is() {
    let world = Shared::new(2, [1; 6], 7);
    let mut leader = super::start(&world, Toy::default(), settings()).unwrap();
    world.lease(1).ask().unwrap();
    let settings = settings();
    let gauges = settings.gauges.clone();
    let mut follower = standby(&world, settings);
    assert_eq!(gauges.phase(), Phase::Starting);
    let mut lease = world.lease(2);
    for _ in 0..20 {
        live(&world, 3);
        leader.step().unwrap();
        assert!(!follower.step(&mut lease, &GO_ON).unwrap());
    }
    leader.drain().unwrap();
    assert!(!follower.step(&mut lease, &GO_ON).unwrap());
    assert_eq!((gauges.phase(), gauges.snapshot().level(Level::LagMs)), (Phase::Standby, 0));
    assert_eq!(follower.found().epochs, world.0.borrow().epochs.len() as u64);
    assert!(gauges.beat() >= world.0.borrow().now);
    drop(leader);
    world.lease(1).give_back();
    assert!(follower.step(&mut lease, &GO_ON).unwrap());
    let leader = follower.lead(&GO_ON).unwrap().unwrap();
    assert_eq!(gauges.phase(), Phase::Leading);
    assert_eq!(leader.progress().records_replayed, 60);
}

/// An instance that stands by while input arrives that only the leader has seen waits for it, and does not take it for lost.
#[test]
fn recorded_input_that_the_follower_has_not_seen_yet_is_waited_for() {
    let world = Shared::new(1, [1; 6], 3);
    let mut leader = super::start(&world, Toy::default(), settings()).unwrap();
    let mut follower = standby(&world, settings());
    let mut lease = world.lease(1);
    for _ in 0..50 {
        // Both are at the end of the input; then there is more, and the leader is the first to take it.
        follower.step(&mut world.lease(2), &GO_ON).unwrap();
        live(&world, 1);
        while !leader.step().unwrap() {}
        leader.drain().unwrap();
    }
    assert!(follower.step(&mut lease, &GO_ON).is_ok());
    assert_eq!(follower.found().records, 50);
}

/// The whole life of an instance: it leads, is superseded, follows again, leads again, and is stopped.
#[test]
fn an_instance_that_is_superseded_follows_again() {
    for follows in [true, false] {
        let world = Shared::new(2, [1; 6], 5);
        let (mut lease, stop) = (world.lease(1), AtomicBool::new(false));
        let (mut turns, mut led) = (Vec::new(), 0);
        let lead = |leader: &mut Toys| {
            led += 1;
            live(&world, 5);
            leader.step()?;
            if led == 1 {
                // Another one leads, and ends.
                drop(super::start(&world, Toy::default(), settings()).unwrap());
                world.crash();
            }
            leader.run_to_end(&stop, |_, _| {})
        };
        let tell = |turn: Turn<'_>| {
            turns.push(match turn {
                Turn::StandsBy(_) => "stands by",
                Turn::TakesOver(_) => "takes over",
                Turn::SteppedDown(_) => "steps down",
                Turn::Snapshot(_) => "snapshot",
            });
        };
        let again = || Ok(standby(&world, settings()));
        serve(&mut lease, follows, &stop, again, lead, tell).unwrap();
        turns.retain(|turn| *turn != "stands by");
        assert_eq!((turns.as_slice(), led), (&["takes over", "steps down", "takes over"][..], 2));
        assert!(world.0.borrow().asking.is_empty(), "the lease is given back");
        assert_eq!(check_at_least_once(&world, 5), 0);
    }
}

/// The claim names the writer: an epoch of another one between two of this instance's shows who led.
#[test]
fn each_takeover_begins_with_a_claim() {
    let world = Shared::new(1, [1; 6], 9);
    for writer in 0..3 {
        let settings = Settings { writer: format!("{writer:016x}"), ..settings() };
        let mut leader = super::start(&world, Toy::default(), settings).unwrap();
        live(&world, 2);
        leader.run_to_end(&GO_ON, |_, _| {}).unwrap();
    }
    let epochs = world.0.borrow().epochs.clone();
    let records: Vec<_> = epochs.iter().map(|bytes| EpochRecord::decode(bytes).unwrap()).collect();
    for pair in records.windows(2).filter(|pair| pair[0].writer != pair[1].writer) {
        assert!(pair[1].claim.is_some());
    }
    assert_eq!(records.iter().filter(|record| record.claim.is_some()).count(), 3);
}

/// Follows and leads side by side over one directory, so many rounds of 5 ms each; how many snapshots each has taken.
fn taken(by: By, follows: bool, rounds: u64) -> (usize, usize) {
    let world = Shared::new(2, [1; 6], 11);
    let files: Files = Arc::new(Mutex::new(MemoryFiles::new(11)));
    let snapshots = Snapshots { files: files.clone(), every: DurationMs(60), by, generations: 3, key: 1 };
    let settings = Settings { snapshots: Some(snapshots), ..settings() };
    let idle = || files.lock().unwrap().is_idle();
    let mut leader = super::start(&world, Toy::default(), settings.clone()).unwrap();
    world.lease(1).ask().unwrap();
    let (mut follower, mut lease) = (standby(&world, settings), world.lease(2));
    let (mut by_leader, mut by_standby) = (0, 0);
    for _ in 0..rounds {
        live(&world, 2);
        world.0.borrow_mut().now.0 += 5;
        leader.step().unwrap();
        // The directory knows one work at a time, and here are two processes.
        while !idle() {
            leader.step().unwrap();
        }
        by_leader += leader.snapshots().len();
        if follows {
            assert!(!follower.step(&mut lease, &GO_ON).unwrap());
            while !idle() {
                follower.step(&mut lease, &GO_ON).unwrap();
            }
            by_standby += follower.snapshots().len();
        }
    }
    (by_leader, by_standby)
}

#[test]
fn snapshots_are_taken_by_whom_the_configuration_says() {
    let (leader, standby) = taken(By::Leader, true, 200);
    assert!(leader > 3 && standby == 0, "{leader}, {standby}");
    let (leader, standby) = taken(By::Standby, true, 200);
    assert!(leader == 0 && standby > 3, "{leader}, {standby}");
    assert_eq!(taken(By::Standby, false, 200), (0, 0));
    let (leader, standby) = taken(By::Any, true, 200);
    assert!(leader < 4 && standby > 10, "at first it is not known who else there is: {leader}, {standby}");
    let (leader, _) = taken(By::Any, false, 200);
    assert!(leader > 3, "without a standby the leader does: {leader}");
}

/// Whoever is superseded while a snapshot is being written begins another one when it leads again.
#[test]
fn a_snapshot_under_way_ends_with_its_turn() {
    let world = Shared::new(1, [1; 6], 12);
    let files: Files = Arc::new(Mutex::new(MemoryFiles::new(12)));
    let snapshots = Snapshots { files, every: DurationMs(20), by: By::Leader, generations: 3, key: 1 };
    for _ in 0..30 {
        let settings = Settings { snapshots: Some(snapshots.clone()), ..settings() };
        let mut leader = super::start(&world, Toy::default(), settings).unwrap();
        for _ in 0..10 {
            live(&world, 1);
            world.0.borrow_mut().now.0 += 5;
            leader.step().unwrap();
        }
        leader.drain().unwrap();
    }
    assert!(verdict(&world).is_sound());
}

/// A lease that notes how many snapshots there were when it was given back.
struct Noted<'f> {
    lease: MemoryLease,
    files: &'f Files,
    kept: Vec<usize>,
}

fn kept(files: &Files) -> usize {
    use crate::runtime::doors::Files as _;
    files.lock().unwrap().list().unwrap().len()
}

impl Lease for Noted<'_> {
    fn ask(&mut self) -> Result<(), Error> {
        self.lease.ask()
    }

    fn holds(&mut self, wait: Duration) -> Result<bool, Error> {
        self.lease.holds(wait)
    }

    fn give_back(&mut self) {
        self.kept.push(kept(self.files));
        self.lease.give_back();
    }
}

#[test]
fn a_clean_stop_gives_the_lease_back_before_its_last_snapshot() {
    let (world, stop) = (Shared::new(1, [1; 6], 4), AtomicBool::new(false));
    let files: Files = Arc::new(Mutex::new(MemoryFiles::new(4)));
    let snapshots =
        Snapshots { files: files.clone(), every: DurationMs::ZERO, by: By::Any, generations: 3, key: 1 };
    let settings = Settings { snapshots: Some(snapshots), ..settings() };
    let mut lease = Noted { lease: world.lease(1), files: &files, kept: Vec::new() };
    let lead = |leader: &mut Toys| {
        live(&world, 5);
        leader.run_to_end(&stop, |_, _| {})
    };
    let mut told = Vec::new();
    let tell = |turn: Turn<'_>| {
        if let Turn::Snapshot(snapshot) = turn {
            told.push(snapshot.clone());
        }
    };
    serve(&mut lease, true, &stop, || Ok(standby(&world, settings.clone())), lead, tell).unwrap();
    assert_eq!((lease.kept, kept(&files)), (vec![0], 1));
    let last = world.0.borrow().epochs.len() as u64 - 1;
    assert_eq!(told, [Told::Taken { epoch: last }], "it is of the last epoch all the same");
}
