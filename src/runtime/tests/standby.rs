//! Several instances of one tenant on doors in memory: one leads, the others follow and take over, whatever happens to
//! whom. The number of seeds grows with `TRUNKLINE_SEEDS`.

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::{Toy, Toys, check_at_least_once, live, seeds, settings, verdict};
use crate::runtime::doors::{Error, Lease};
use crate::runtime::gauges::{Level, Phase};
use crate::runtime::journal::EpochRecord;
use crate::runtime::memory::{MemoryClock, MemoryLease, MemorySource, MemoryStore, Shared};
use crate::runtime::settings::{Delivery, Settings};
use crate::runtime::standby::{Standby, Turn, serve};

type Toyby = Standby<Toy, MemorySource, Shared, MemoryStore, MemoryClock>;

static GO_ON: AtomicBool = AtomicBool::new(false);

fn standby(world: &Shared, settings: Settings) -> Toyby {
    let clock = MemoryClock(world.clone());
    Standby::new(Toy::default(), world.source(), world.clone(), world.store(), clock, settings)
}

enum Role {
    Follows(Box<Toyby>),
    Leads(Box<Toys>),
}

struct Instance {
    lease: MemoryLease,
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
}

struct Run<'w> {
    world: &'w Shared,
    delivery: Delivery,
    /// Each instance's number is new after each of its deaths.
    born: u64,
    count: Count,
}

impl Run<'_> {
    fn settings(&self, writer: u64) -> Settings {
        Settings { writer: format!("{writer:016x}"), delivery: self.delivery, ..settings() }
    }

    fn instance(&mut self) -> Instance {
        self.born += 1;
        let role = Role::Follows(Box::new(standby(self.world, self.settings(self.born))));
        Instance { lease: self.world.lease(self.born), role }
    }

    /// One round of an instance.
    fn step(&mut self, instance: Instance) -> Instance {
        let Instance { mut lease, role } = instance;
        let stepped = match role {
            Role::Follows(mut standby) => match standby.step(&mut lease, &GO_ON) {
                Ok(true) => {
                    self.count.takeovers += 1;
                    standby.lead(&GO_ON).map(|leader| Role::Leads(Box::new(leader.expect("not stopped"))))
                }
                Ok(false) => Ok(Role::Follows(standby)),
                Err(error) => Err(error),
            },
            Role::Leads(mut leader) => leader.step().map(|_| Role::Leads(leader)),
        };
        match stepped {
            Ok(role) => Instance { lease, role },
            Err(Error::Superseded(_)) => {
                self.count.superseded += 1;
                lease.give_back();
                self.instance()
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// Something befalls an instance.
    fn strike(&mut self, instance: Instance, what: u64) -> Instance {
        let Instance { mut lease, role } = instance;
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
                self.count.kills += 1;
                self.instance()
            }
            // Its lease goes to another, and it does not know.
            (1, Role::Leads(leader)) => {
                lease.give_back();
                self.count.zombies += 1;
                Instance { lease, role: Role::Leads(leader) }
            }
            // Ended cleanly.
            (2, Role::Leads(mut leader)) => match leader.drain() {
                Ok(()) | Err(Error::Superseded(_)) => {
                    self.count.stops += 1;
                    drop(leader);
                    lease.give_back();
                    self.instance()
                }
                Err(error) => panic!("{error}"),
            },
            (_, role) => Instance { lease, role },
        }
    }
}

fn run(seed: u64, delivery: Delivery) -> (Count, usize) {
    let world = Shared::new(3, [4, 1, 1, 1, 2, 3], seed);
    let mut run = Run { world: &world, delivery, born: 0, count: Count::default() };
    let mut instances: Vec<Instance> = (0..3).map(|_| run.instance()).collect();
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
        copied += copies;
    }
    println!("{all:?}, {copied} copies");
    let seen = [all.takeovers, all.kills, all.zombies, all.stops, all.superseded];
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
