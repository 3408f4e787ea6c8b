//! Leaders that take snapshots and go on from them, through crashes, lost power, spoiled files and a full disk.

use std::sync::atomic::AtomicBool;

use super::memory::MemoryFiles;
use super::*;
use crate::runtime::memory::{Seed, Shared};
use crate::runtime::settings::{Delivery, Settings};
use crate::runtime::tests::{Toy, Toys, check_at_least_once, live, seeds, settings, start, verdict};

type Directory = Arc<Mutex<MemoryFiles>>;

fn directory(seed: u64) -> Directory {
    Arc::new(Mutex::new(MemoryFiles::new(seed)))
}

fn kept_in(files: &Directory) -> Option<Snapshots> {
    Some(Snapshots {
        files: files.clone(),
        every: DurationMs(60),
        by: By::Leader,
        generations: GENERATIONS,
        key: 9,
    })
}

fn leader(world: &Shared, files: &Directory) -> Toys {
    let settings = Settings { snapshots: kept_in(files), ..settings() };
    start(world, Toy::default(), settings).expect("it starts")
}

/// Lets a leader work; then it is gone, with a snapshot if it ends cleanly.
fn work(leader: &mut Toys, world: &Shared, rounds: u64) {
    for _ in 0..rounds {
        live(world, 5);
        world.0.borrow_mut().now.0 += 5;
        leader.step().expect("no door fails");
    }
}

/// Ends a leader cleanly: what became of its snapshots, and its last epoch.
fn end(mut leader: Toys) -> (Vec<Told>, u64) {
    let mut told = Vec::new();
    leader
        .run_to_end(&AtomicBool::new(false), |_, snapshots| told.extend_from_slice(snapshots))
        .expect("no door fails");
    let last = leader.progress().epochs - 1;
    told.extend(leader.retire().save());
    (told, last)
}

fn names(files: &Directory) -> Vec<String> {
    newest_first(&mut *files.lock().unwrap(), "t").unwrap()
}

#[test]
fn a_clean_stop_ends_with_a_snapshot_and_the_next_start_replays_nothing() {
    let (world, files) = (Shared::new(3, [2; 6], 1), directory(1));
    let mut first = leader(&world, &files);
    work(&mut first, &world, 50);
    let (told, last) = end(first);
    assert_eq!(told.last(), Some(&Told::Taken { epoch: last }));
    let mut second = leader(&world, &files);
    assert_eq!(second.restored().epoch, Some(last));
    assert_eq!((second.progress().epochs_replayed, second.progress().records_replayed), (0, 0));
    work(&mut second, &world, 20);
    end(second);
    assert!(verdict(&world).is_sound());
}

#[test]
fn no_more_are_kept_than_generations() {
    let (world, files) = (Shared::new(2, [1; 6], 2), directory(2));
    let mut first = leader(&world, &files);
    work(&mut first, &world, 400);
    let (_, last) = end(first);
    assert_eq!(names(&files).len(), GENERATIONS);
    assert_eq!(epoch_of(&names(&files)[0], "t"), Some(last), "the newest is kept");
}

/// Crashes of the process, and of the machine, at any moment; gives how many starts went on from a snapshot.
fn crashes(choose: impl Fn(&mut Seed) -> Delivery) -> usize {
    let (mut from_snapshots, mut from_the_start) = (0, 0);
    for seed in 0..seeds() {
        let (world, files) = (Shared::new(3, [4, 1, 1, 1, 2, 3], seed), directory(seed));
        let begin = || {
            let dice = &mut world.0.borrow_mut().seed;
            let epochs_in_flight = 1 + dice.below(4) as u32;
            Settings { epochs_in_flight, delivery: choose(dice), snapshots: kept_in(&files), ..settings() }
        };
        let mut leader = start(&world, Toy::default(), begin()).unwrap();
        for _ in 0..60 {
            live(&world, 5);
            leader.step().unwrap();
            if world.0.borrow_mut().seed.below(8) > 0 {
                continue;
            }
            drop(leader);
            world.crash();
            if world.0.borrow_mut().seed.below(2) == 0 {
                files.lock().unwrap().crash();
            } else {
                files.lock().unwrap().lose_power();
            }
            leader = start(&world, Toy::default(), begin()).unwrap();
            let restored = leader.restored();
            from_snapshots += usize::from(restored.epoch.is_some());
            from_the_start += usize::from(restored.epoch.is_none());
            for why in &restored.passed_over {
                assert!(
                    why.contains("does not hold its epoch"),
                    "a file with its right name is whole: {why}"
                );
            }
        }
        leader.run_to_end(&AtomicBool::new(false), |_, _| {}).unwrap();
        drop(leader);
        check_at_least_once(&world, seed);
        let verdict = verdict(&world);
        assert!(verdict.is_sound() && verdict.beyond == 0, "seed {seed}: {verdict:?}");
        let total: usize = world.0.borrow().input.iter().map(Vec::len).sum();
        assert_eq!(total, 300);
    }
    assert!(from_the_start > 0, "the test meets what it is for");
    from_snapshots
}

#[test]
fn crashes_lose_and_repeat_nothing_whatever_a_start_goes_on_from() {
    assert!(crashes(|_| Delivery::ExactlyOnce) > 0, "the test meets what it is for");
}

#[test]
fn at_least_once_too() {
    assert!(crashes(|_| Delivery::AtLeastOnce) > 0, "the test meets what it is for");
}

#[test]
fn a_delivery_that_changes_too() {
    let either = |dice: &mut Seed| {
        if dice.below(2) == 0 { Delivery::ExactlyOnce } else { Delivery::AtLeastOnce }
    };
    assert!(crashes(either) > 0, "the test meets what it is for");
}

/// A world with some snapshots, of which the newest is spoiled; the epochs of all, and what the next start says.
fn spoiled(with: impl Fn(&mut Vec<u8>)) -> (Vec<u64>, Restored) {
    let (world, files) = (Shared::new(2, [1; 6], 3), directory(3));
    let mut first = leader(&world, &files);
    work(&mut first, &world, 200);
    end(first);
    let names = names(&files);
    assert_eq!(names.len(), GENERATIONS);
    files.lock().unwrap().spoil(&names[0], with);
    let mut second = leader(&world, &files);
    work(&mut second, &world, 20);
    let restored = second.restored().clone();
    end(second);
    assert!(verdict(&world).is_sound());
    let epochs = names.iter().filter_map(|name| epoch_of(name, "t")).collect();
    (epochs, restored)
}

#[test]
fn each_kind_of_spoiled_snapshot_has_its_message_and_the_one_before_is_taken() {
    type Spoil = fn(&mut Vec<u8>);
    let kinds: [(&str, Spoil); 7] = [
        ("it ends in block", |bytes| bytes.truncate(bytes.len() / 2 + 200)),
        ("it ends in its last block", |bytes| bytes.truncate(bytes.len() - 1)),
        ("does not begin as a snapshot", |bytes| bytes.clear()),
        ("checksum of block 0", |bytes| {
            let at = bytes.len() - 40;
            bytes[at] ^= 1;
        }),
        ("checksum of its head", |bytes| bytes[40] ^= 1),
        ("form 2", |bytes| bytes[19] = b'2'),
        ("something follows", |bytes| bytes.push(0)),
    ];
    for (message, spoil) in kinds {
        let (epochs, restored) = spoiled(spoil);
        assert_eq!(restored.epoch, Some(epochs[1]), "{message}");
        let [told] = &restored.passed_over[..] else { panic!("{:?}", restored.passed_over) };
        assert!(told.contains(message), "{told} should say {message:?}");
    }
}

#[test]
fn another_key_is_told_and_not_used_and_rules_are_those_of_the_snapshot() {
    let (world, files) = (Shared::new(2, [1; 6], 4), directory(4));
    let mut first = leader(&world, &files);
    work(&mut first, &world, 30);
    end(first);
    let other_key = kept_in(&files).map(|snapshots| Snapshots { key: 8, ..snapshots });
    let second = start(&world, Toy::default(), Settings { snapshots: other_key, ..settings() }).unwrap();
    assert_eq!(second.restored().epoch, None);
    assert!(second.restored().passed_over[0].contains("another secret key"));
    drop(second);
    let mut other = Toy::default();
    other.begin_anew("other rules").unwrap();
    let third = start(&world, other, Settings { snapshots: kept_in(&files), ..settings() }).unwrap();
    assert!(third.restored().epoch.is_some());
    assert_eq!(third.engine().rules(), ["rules"]);
}

#[test]
fn a_full_disk_is_told_and_the_engine_goes_on_until_there_is_room() {
    let (world, files) = (Shared::new(2, [1; 6], 5), directory(5));
    let mut first = leader(&world, &files);
    files.lock().unwrap().room = 300;
    work(&mut first, &world, 100);
    let told = first.snapshots();
    let failed = |told: &Told| matches!(told, Told::Failed { why, .. } if !why.is_empty());
    assert!(!told.is_empty() && told.iter().all(failed), "{told:?}");
    assert!(names(&files).is_empty(), "nothing half-written gets its right name");
    files.lock().unwrap().room = usize::MAX;
    work(&mut first, &world, 100);
    assert!(first.snapshots().iter().any(|told| matches!(told, Told::Taken { .. })));
    drop(first);
    assert!(verdict(&world).is_sound());
}

#[test]
fn what_an_earlier_process_was_writing_is_removed() {
    let (world, files) = (Shared::new(1, [1; 6], 6), directory(6));
    let of = |tenant: &str| format!("{tenant}.00000000000000000007.aa.snapshot.part");
    for tenant in ["other", "t", "t.b", "t2"] {
        drop(files.lock().unwrap().create(&of(tenant)).unwrap());
    }
    drop(leader(&world, &files));
    let others = ["other", "t.b", "t2"].map(of);
    assert_eq!(files.lock().unwrap().list().unwrap(), others, "another tenant's may be under way");
}

#[test]
fn without_any_the_log_is_needed_from_its_start() {
    let (world, files) = (Shared::new(1, [1; 6], 7), directory(7));
    let mut first = leader(&world, &files);
    work(&mut first, &world, 30);
    end(first);
    // Retention has taken the beginning of the epoch log: with the snapshot it is not needed.
    world.0.borrow_mut().cut_epochs(5);
    assert!(leader(&world, &files).restored().epoch.is_some());
    let told = start(&world, Toy::default(), settings()).err().expect("the beginning is gone");
    assert!(told.to_string().contains("expected epoch 0"), "{told}");
}

/// Offset, timestamp and value.
type Records = Vec<(u64, Millis, Vec<u8>)>;

/// A leader that ended cleanly, then something that happens to its input, then what the next start says.
fn with_input_changed(change: impl Fn(&mut Records)) -> Result<Toys, Error> {
    let (world, files) = (Shared::new(2, [1; 6], 8), directory(8));
    let mut first = leader(&world, &files);
    work(&mut first, &world, 30);
    end(first);
    change(&mut world.0.borrow_mut().input[1]);
    start(&world, Toy::default(), Settings { snapshots: kept_in(&files), ..settings() })
}

#[test]
fn input_that_was_made_anew_is_told_though_nothing_of_it_is_replayed() {
    let told = |change: fn(&mut Records)| {
        with_input_changed(change).err().expect("the input is another").to_string()
    };
    assert!(told(|records| records.truncate(5)).contains("made anew"));
    assert!(told(|records| records.last_mut().unwrap().2.push(b'!')).contains("holds another record"));
    assert!(told(|records| records.last_mut().unwrap().1.0 += 1).contains("holds another record"));
    let more = |records: &mut Records| {
        let (offset, at) = records.last().map(|(offset, at, _)| (*offset, *at)).unwrap();
        records.push((offset + 3, at, b"v".to_vec()));
    };
    assert!(with_input_changed(more).is_ok(), "what comes behind it is no change");
}
