//! What people have set out to do, by time: a ring of short slots for the near future, each sorted only when its
//! turn comes, and a heap for what lies beyond the ring. Putting something in costs a push, taking it out a share
//! of one small sort, however much is planned. Of two things at one instant the one planned first goes first.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Milliseconds of a slot. A working day of 20,000 agents has about 430 lines in one: enough for the engine to fetch its
/// memory ahead. Two are shorter than any person's reaction.
pub const SLOT_MS: u32 = 200;
/// Slots of the ring: about 13 minutes.
const SLOTS: usize = 4_096;

/// Something planned.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Item {
    /// When: milliseconds since the world began.
    pub at: u32,
    /// Order of planning.
    number: u32,
    /// What it is about: a place in a table that `what` implies.
    pub who: u32,
    /// Stale unless the table's entry still bears it.
    pub stamp: u32,
    /// What is to be done.
    pub what: u8,
    /// A small number that goes with it.
    pub with: u16,
}

/// Everything planned.
pub struct Agenda {
    ring: Vec<Vec<Item>>,
    far: BinaryHeap<Reverse<Item>>,
    slot: u32,
    planned: u32,
}

impl Agenda {
    /// Nothing planned, at time 0.
    pub fn new() -> Agenda {
        Agenda { ring: vec![Vec::new(); SLOTS], far: BinaryHeap::new(), slot: 0, planned: 0 }
    }

    /// Begin of the slot that `next_slot` gives next.
    pub fn now(&self) -> u32 {
        self.slot * SLOT_MS
    }

    /// Plans something; what would lie in the past is done as soon as possible.
    #[inline]
    pub fn plan(&mut self, at: u32, what: u8, who: u32, stamp: u32, with: u16) {
        let at = at.max(self.now());
        let item = Item { at, number: self.planned, who, stamp, what, with };
        self.planned = self.planned.wrapping_add(1);
        let slot = at / SLOT_MS;
        if slot - self.slot < SLOTS as u32 {
            self.ring[slot as usize % SLOTS].push(item);
        } else {
            self.far.push(Reverse(item));
        }
    }

    /// Something to be done in the slot at hand, for the caller to put among what `next_slot` gave.
    pub fn item(&mut self, at: u32, what: u8, who: u32) -> Item {
        let number = self.planned;
        self.planned = self.planned.wrapping_add(1);
        Item { at, number, who, stamp: 0, what, with: 0 }
    }

    /// Moves what the next slot holds into `into` (cleared before), unsorted, and goes on by one slot. Sorted,
    /// items stand in order of time and planning.
    pub fn next_slot(&mut self, into: &mut Vec<Item>) {
        let end = (self.slot + SLOTS as u32) * SLOT_MS;
        while let Some(Reverse(item)) = self.far.peek().copied()
            && item.at < end
        {
            self.far.pop();
            self.ring[(item.at / SLOT_MS) as usize % SLOTS].push(item);
        }
        into.clear();
        into.append(&mut self.ring[self.slot as usize % SLOTS]);
        self.slot += 1;
    }
}

impl Default for Agenda {
    fn default() -> Self {
        Agenda::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::rng::Rng;

    #[test]
    fn everything_comes_once_in_order_of_time_and_planning() {
        let mut rng = Rng::new(3);
        let mut agenda = Agenda::new();
        let mut twin = std::collections::BTreeSet::new();
        let mut now = Vec::new();
        let mut number = 0;
        for _ in 0..20_000 {
            for _ in 0..rng.below(3) {
                let at =
                    agenda.now() + if rng.chance(100) { rng.below(3_000_000) } else { rng.below(20_000) };
                agenda.plan(at, 1, number, 0, 0);
                twin.insert((at, number));
                number += 1;
            }
            let end = agenda.now() + SLOT_MS;
            agenda.next_slot(&mut now);
            now.sort_unstable();
            let expected: Vec<_> = twin.iter().copied().take_while(|(at, _)| *at < end).collect();
            for entry in &expected {
                twin.remove(entry);
            }
            assert_eq!(now.iter().map(|item| (item.at, item.who)).collect::<Vec<_>>(), expected);
        }
        assert!(number > 15_000 && twin.len() < 5_000);
    }
}
