//! What people have set out to do, by time: a ring of short slots for the near future, each put in order only when its
//! turn comes, and a heap for what lies beyond the ring. Putting something in costs a push, taking it out a share of a
//! counting by milliseconds, however much is planned. Of two things at one instant the one planned first goes first.

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
    /// What it is about: a place in a table that `what` implies.
    pub who: u32,
    /// Stale unless the table's entry still bears it.
    pub stamp: u32,
    /// A small number that goes with it.
    pub with: u16,
    /// What is to be done.
    pub what: u8,
}

const _: () = assert!(size_of::<Item>() == 16, "four items a cache line");

/// Everything planned.
pub struct Agenda {
    /// By slot, in the order of planning.
    ring: Vec<Vec<Item>>,
    /// Beyond the ring: when, the order of planning, what.
    far: BinaryHeap<Reverse<(u32, u64, Item)>>,
    planned_far: u64,
    /// Of the slot at hand, in order of time.
    items: Vec<Item>,
    /// Memory of slots that have passed.
    spare: Vec<Vec<Item>>,
    slot: u32,
}

impl Agenda {
    /// Nothing planned, at time 0.
    pub fn new() -> Agenda {
        let ring = vec![Vec::new(); SLOTS];
        Agenda { ring, far: BinaryHeap::new(), planned_far: 0, items: Vec::new(), spare: Vec::new(), slot: 0 }
    }

    /// Bytes allocated.
    pub fn bytes(&self) -> usize {
        let slots = self.ring.iter().chain(&self.spare).map(Vec::capacity).sum::<usize>();
        (slots + self.items.capacity()) * size_of::<Item>()
            + self.far.capacity() * size_of::<Reverse<(u32, u64, Item)>>()
    }

    /// Begin of the first slot that is still open.
    pub fn now(&self) -> u32 {
        self.slot * SLOT_MS
    }

    /// Plans something; what would lie in the past is done as soon as possible.
    #[inline]
    pub fn plan(&mut self, at: u32, what: u8, who: u32, stamp: u32, with: u16) {
        let at = at.max(self.now());
        let item = Item { at, who, stamp, with, what };
        if at / SLOT_MS - self.slot < SLOTS as u32 {
            self.enter(item);
        } else {
            self.far.push(Reverse((at, self.planned_far, item)));
            self.planned_far += 1;
        }
    }

    #[inline]
    fn enter(&mut self, item: Item) {
        let slot = &mut self.ring[(item.at / SLOT_MS) as usize % SLOTS];
        if slot.capacity() == 0 {
            *slot = self.spare.pop().unwrap_or_default();
        }
        slot.push(item);
    }

    /// Closes the slot that is open and gives what it holds, in order of time and planning; `give_back` returns the memory.
    pub fn close_slot(&mut self) -> Vec<Item> {
        let begins = self.now();
        let mut planned = std::mem::take(&mut self.ring[self.slot as usize % SLOTS]);
        let mut items = std::mem::take(&mut self.items);
        put_in_order(begins, &planned, &mut items);
        planned.clear();
        self.spare.push(planned);
        self.slot += 1;
        // Before anything can be planned for the slot that has come within reach: planned earlier, it stands first.
        let end = (self.slot + SLOTS as u32).saturating_mul(SLOT_MS);
        while let Some(Reverse((at, _, item))) = self.far.peek().copied()
            && at < end
        {
            self.far.pop();
            self.enter(item);
        }
        items
    }

    /// Takes the memory back that `close_slot` gave.
    pub fn give_back(&mut self, items: Vec<Item>) {
        self.items = items;
    }
}

/// Sorts a slot's items by time, those of one instant as they stand: counts each millisecond, then puts each item in
/// its place.
fn put_in_order(begins: u32, planned: &[Item], items: &mut Vec<Item>) {
    let mut ends = [0_u32; SLOT_MS as usize + 1];
    for item in planned {
        ends[(item.at - begins) as usize + 1] += 1;
    }
    // Now the number of items of a millisecond stands behind its place; summed up, each place holds where to begin.
    for millisecond in 0..SLOT_MS as usize {
        ends[millisecond + 1] += ends[millisecond];
    }
    items.clear();
    items.resize(planned.len(), Item { at: 0, who: 0, stamp: 0, with: 0, what: 0 });
    for item in planned {
        let place = &mut ends[(item.at - begins) as usize];
        items[*place as usize] = *item;
        *place += 1;
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
            let now = agenda.close_slot();
            let expected: Vec<_> = twin.iter().copied().take_while(|(at, _)| *at < end).collect();
            for entry in &expected {
                twin.remove(entry);
            }
            assert_eq!(now.iter().map(|item| (item.at, item.who)).collect::<Vec<_>>(), expected);
            agenda.give_back(now);
        }
        assert!(number > 15_000 && twin.len() < 5_000);
    }
}
