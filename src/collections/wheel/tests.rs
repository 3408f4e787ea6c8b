//! The wheel beside an ordered set of (deadline, handle).

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::collections::seeded::{Seeded, seeds};

/// The naive twin.
#[derive(Default)]
struct Twin {
    order: BTreeSet<(i64, u32)>,
    deadlines: BTreeMap<u32, i64>,
}

impl Twin {
    fn arm(&mut self, handle: u32, deadline: i64) {
        self.disarm(handle);
        self.order.insert((deadline, handle));
        self.deadlines.insert(handle, deadline);
    }

    fn disarm(&mut self, handle: u32) -> bool {
        let known = self.deadlines.remove(&handle);
        known.is_some_and(|deadline| self.order.remove(&(deadline, handle)))
    }

    fn next(&self, limit: i64) -> Option<i64> {
        self.order.first().map(|(deadline, _)| *deadline).filter(|deadline| *deadline <= limit)
    }

    fn take(&mut self, at: i64) -> Vec<u32> {
        let due: Vec<u32> = self.order.range((at, 0)..=(at, u32::MAX)).map(|(_, handle)| *handle).collect();
        due.iter().for_each(|handle| assert!(self.disarm(*handle)));
        due
    }
}

/// A distance in time: mostly near, now and then years.
fn distance(random: &mut Seeded) -> i64 {
    let bits = random.below(45);
    (random.bits() >> (63 - bits)) as i64
}

/// Fires all that is due until `clock`, as the engine does: what fires may arm anew.
fn fire(wheel: &mut Wheel, twin: &mut Twin, clock: i64, random: &mut Seeded, handles: u64) {
    let mut due = Vec::new();
    while let Some(at) = wheel.next(clock) {
        assert_eq!(Some(at), twin.next(clock));
        due.clear();
        wheel.take(at, &mut due);
        due.sort();
        assert_eq!(due, twin.take(at));
        assert!(!due.is_empty());
        if random.below(3) == 0 {
            let (handle, deadline) = (random.below(handles) as u32, at + distance(random) % 5_000);
            wheel.arm(handle, deadline);
            twin.arm(handle, deadline);
        }
    }
    assert_eq!(twin.next(clock), None);
}

fn run(seed: u64, start: i64) {
    let mut random = Seeded(seed);
    let (mut wheel, mut twin) = (Wheel::new(), Twin::default());
    let mut clock = start;
    let handles = [3, 40, 5_000][seed as usize % 3];
    for _ in 0..1_500 {
        let handle = random.below(handles) as u32;
        match random.below(10) {
            0 => assert_eq!(wheel.disarm(handle), twin.disarm(handle)),
            1 => {
                clock = clock.saturating_add(distance(&mut random));
                fire(&mut wheel, &mut twin, clock, &mut random, handles);
            }
            2 => {
                clock = clock.saturating_add(1);
                fire(&mut wheel, &mut twin, clock, &mut random, handles);
            }
            3 => {
                let past = clock.saturating_sub(distance(&mut random));
                wheel.arm(handle, past);
                twin.arm(handle, past);
            }
            _ => {
                let deadline = clock.saturating_add(distance(&mut random));
                wheel.arm(handle, deadline);
                twin.arm(handle, deadline);
            }
        }
        assert_eq!(wheel.deadline(handle), twin.deadlines.get(&handle).copied());
        assert_eq!(wheel.len() as usize, twin.order.len());
        assert_eq!(wheel.is_empty(), twin.order.is_empty());
    }
    fire(&mut wheel, &mut twin, i64::MAX - 10_000, &mut random, handles);
}

#[test]
fn does_what_an_ordered_set_does() {
    for seed in 0..seeds(12) {
        for start in [0, 1_764_000_000_000, -5_000, i64::MIN, i64::MAX / 2] {
            run(seed, start);
        }
    }
}

#[test]
fn holds_the_ends_of_time() {
    let mut wheel = Wheel::new();
    for (handle, deadline) in [i64::MAX, i64::MIN, 0, -1, 255, 256, i64::MAX - 1].into_iter().enumerate() {
        wheel.arm(handle as u32, deadline);
    }
    let mut fired = Vec::new();
    while let Some(at) = wheel.next(i64::MAX) {
        let mut due = Vec::new();
        wheel.take(at, &mut due);
        fired.extend(due.into_iter().map(|handle| (at, handle)));
    }
    let expected = [(i64::MIN, 1), (-1, 3), (0, 2), (255, 4), (256, 5), (i64::MAX - 1, 6), (i64::MAX, 0)];
    assert_eq!(fired, expected);
}

#[test]
fn what_has_passed_is_due_at_once() {
    let mut wheel = Wheel::new();
    wheel.arm(1, 5_000);
    assert_eq!(wheel.next(6_000), Some(5_000));
    wheel.arm(2, 10);
    wheel.arm(3, 20);
    wheel.arm(4, 10);
    assert_eq!(wheel.next(9), None);
    assert_eq!(wheel.next(6_000), Some(10));
    let mut due = Vec::new();
    wheel.take(10, &mut due);
    due.sort();
    assert_eq!(due, [2, 4]);
    assert!(wheel.disarm(3) && !wheel.disarm(3));
    assert_eq!(wheel.next(6_000), Some(5_000));
    assert_eq!(wheel.deadline(1), Some(5_000));
}

#[test]
fn a_slot_is_nearly_empty_when_its_turn_comes() {
    const MINUTE: i64 = 1 << 16;
    let (mut wheel, mut due, mut fired) = (Wheel::new(), Vec::new(), 0);
    wheel.arm(0, 0);
    assert_eq!(wheel.next(0), Some(0));
    wheel.take(0, &mut due);
    let slot = slot(unsigned(5 * MINUTE), wheel.base);
    assert_eq!(slot / RING, 2, "a minute is a slot of level 2");
    let count = 3_000_u32;
    (0..count).for_each(|handle| wheel.arm(handle, 5 * MINUTE + i64::from(handle) * 21));
    assert_ne!(wheel.heads[slot], NIL);
    for clock in (0..5 * MINUTE).step_by(100) {
        // Something else is due now and then, as in a division that works.
        wheel.arm(count, clock);
        while let Some(at) = wheel.next(clock) {
            wheel.take(at, &mut due);
        }
    }
    assert_eq!(wheel.heads[slot], NIL, "all have moved ahead");
    due.clear();
    while let Some(at) = wheel.next(6 * MINUTE) {
        assert!(at >= 5 * MINUTE);
        wheel.take(at, &mut due);
        fired += 1;
    }
    assert_eq!((fired, due.len()), (count, count as usize));
}
