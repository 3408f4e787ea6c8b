//! Priority queues whose members can be found and taken out: 4-ary heaps, smallest key first. The place of each
//! member stands in one list that many heaps share, so a thousand small queues cost no more than one large one.
//! Order is the key's alone: keys that tie must end in something unique.

use borsh::{BorshDeserialize, BorshSerialize};
use std::fmt;

use crate::collections::{Pages, prefetch};

/// Children a node: fewer levels than two, and the children of one node share a cache line or two.
const ARITY: usize = 4;

/// Where each handle stands in the heap that has it. A handle is in at most one heap at a time.
#[derive(Clone, Debug, Default, BorshSerialize, BorshDeserialize)]
pub struct Positions(Pages<u32>);

const ABSENT: u32 = u32::MAX;

impl Positions {
    /// No handle is in a heap.
    pub fn new() -> Positions {
        Positions::default()
    }

    /// Whether the handle is in one of the heaps.
    #[inline]
    pub fn contains(&self, handle: u32) -> bool {
        self.of(handle).is_some()
    }

    /// Makes room for the handles below `bound`, so that the first of them need not.
    pub fn grow(&mut self, bound: u32) {
        self.0.grow(bound, ABSENT);
    }

    /// Asks for the handle's line.
    #[inline]
    pub fn prefetch(&self, handle: u32) {
        self.0.prefetch(handle);
    }

    #[inline]
    fn of(&self, handle: u32) -> Option<usize> {
        self.0.get(handle).filter(|at| **at != ABSENT).map(|at| *at as usize)
    }

    #[inline]
    fn set(&mut self, handle: u32, at: usize) {
        if handle >= self.0.len() {
            self.0.grow(handle + 1, ABSENT);
        }
        self.0[handle] = at as u32;
    }

    #[inline]
    fn forget(&mut self, handle: u32) {
        self.0[handle] = ABSENT;
    }
}

/// A heap of (key, handle). `size_of::<(K, u32)>()` bytes a member.
#[derive(Clone, BorshSerialize, BorshDeserialize)]
pub struct Heap<K> {
    items: Vec<(K, u32)>,
}

impl<K> Default for Heap<K> {
    fn default() -> Self {
        Heap { items: Vec::new() }
    }
}

impl<K: fmt::Debug> fmt::Debug for Heap<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.items).finish()
    }
}

impl<K: Ord + Copy> Heap<K> {
    /// An empty heap.
    pub fn new() -> Heap<K> {
        Heap::default()
    }

    /// Members.
    #[inline]
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there is none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Adds a handle, which must not be in any heap of these positions.
    pub fn push(&mut self, positions: &mut Positions, key: K, handle: u32) {
        assert!(!positions.contains(handle), "a handle is in one heap at a time");
        self.items.push((key, handle));
        self.up(positions, self.items.len() - 1);
    }

    /// The smallest.
    #[inline]
    pub fn peek(&self) -> Option<(&K, u32)> {
        self.items.first().map(|(key, handle)| (key, *handle))
    }

    /// Takes the smallest out.
    pub fn pop(&mut self, positions: &mut Positions) -> Option<(K, u32)> {
        let (_, handle) = *self.items.first()?;
        self.remove(positions, handle).map(|key| (key, handle))
    }

    /// Takes a handle out; its key, or `None` if this heap does not have it.
    pub fn remove(&mut self, positions: &mut Positions, handle: u32) -> Option<K> {
        let at = self.place(positions, handle)?;
        let (key, _) = self.items.swap_remove(at);
        positions.forget(handle);
        if at < self.items.len() {
            self.settle(positions, at);
        }
        Some(key)
    }

    /// Gives a handle another key; whether this heap has it.
    pub fn change(&mut self, positions: &mut Positions, key: K, handle: u32) -> bool {
        let Some(at) = self.place(positions, handle) else { return false };
        self.items[at].0 = key;
        self.settle(positions, at);
        true
    }

    /// The key of a handle that this heap has.
    #[inline]
    pub fn key(&self, positions: &Positions, handle: u32) -> Option<&K> {
        self.place(positions, handle).map(|at| &self.items[at].0)
    }

    /// The smallest member for which `fits` holds. Members are asked in ascending order, so the cost is that of
    /// those refused before it, each times the logarithm of the frontier. `scratch` only lends its memory.
    pub fn best_where(&self, mut fits: impl FnMut(&K, u32) -> bool, scratch: &mut Vec<u32>) -> Option<u32> {
        scratch.clear();
        if self.items.is_empty() {
            return None;
        }
        scratch.push(0);
        while let Some(at) = self.pop_frontier(scratch) {
            let (key, handle) = &self.items[at];
            if fits(key, *handle) {
                return Some(*handle);
            }
            let first = at * ARITY + 1;
            for child in first..(first + ARITY).min(self.items.len()) {
                self.push_frontier(scratch, child as u32);
            }
        }
        None
    }

    /// All members in no particular order: for audits, and for answers that do not depend on order.
    pub fn members(&self) -> impl Iterator<Item = (&K, u32)> {
        self.items.iter().map(|(key, handle)| (key, *handle))
    }

    /// Asks for the line of a handle's item; best after `Positions::prefetch` has arrived.
    #[inline]
    pub fn prefetch(&self, positions: &Positions, handle: u32) {
        if let Some(at) = positions.of(handle) {
            prefetch::prefetch(&self.items, at);
        }
    }

    #[inline]
    fn place(&self, positions: &Positions, handle: u32) -> Option<usize> {
        positions.of(handle).filter(|at| self.items.get(*at).is_some_and(|item| item.1 == handle))
    }

    fn settle(&mut self, positions: &mut Positions, at: usize) {
        if at > 0 && self.items[at].0 < self.items[(at - 1) / ARITY].0 {
            self.up(positions, at);
        } else {
            self.down(positions, at);
        }
    }

    fn up(&mut self, positions: &mut Positions, mut at: usize) {
        let item = self.items[at];
        while at > 0 {
            let parent = (at - 1) / ARITY;
            if self.items[parent].0 <= item.0 {
                break;
            }
            self.items[at] = self.items[parent];
            positions.set(self.items[at].1, at);
            at = parent;
        }
        self.items[at] = item;
        positions.set(item.1, at);
    }

    fn down(&mut self, positions: &mut Positions, mut at: usize) {
        let item = self.items[at];
        loop {
            let first = at * ARITY + 1;
            let children = first..(first + ARITY).min(self.items.len());
            let Some(mut least) = children.clone().next() else { break };
            for child in children.skip(1) {
                if self.items[child].0 < self.items[least].0 {
                    least = child;
                }
            }
            if self.items[least].0 >= item.0 {
                break;
            }
            self.items[at] = self.items[least];
            positions.set(self.items[at].1, at);
            at = least;
        }
        self.items[at] = item;
        positions.set(item.1, at);
    }

    // The frontier is a binary heap of places in `items`, by their keys.
    fn push_frontier(&self, frontier: &mut Vec<u32>, place: u32) {
        frontier.push(place);
        let mut at = frontier.len() - 1;
        while at > 0 && self.before(frontier[at], frontier[(at - 1) / 2]) {
            frontier.swap(at, (at - 1) / 2);
            at = (at - 1) / 2;
        }
    }

    fn pop_frontier(&self, frontier: &mut Vec<u32>) -> Option<usize> {
        if frontier.is_empty() {
            return None;
        }
        let least = frontier.swap_remove(0);
        let mut at = 0;
        loop {
            let mut child = 2 * at + 1;
            if child >= frontier.len() {
                break;
            }
            if child + 1 < frontier.len() && self.before(frontier[child + 1], frontier[child]) {
                child += 1;
            }
            if !self.before(frontier[child], frontier[at]) {
                break;
            }
            frontier.swap(at, child);
            at = child;
        }
        Some(least as usize)
    }

    #[inline]
    fn before(&self, a: u32, b: u32) -> bool {
        self.items[a as usize].0 < self.items[b as usize].0
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::collections::seeded::{Seeded, mix, seeds};

    type Key = (i64, u32);

    fn check(heap: &Heap<Key>, positions: &Positions, twin: &BTreeSet<(Key, u32)>) {
        assert_eq!(heap.len(), twin.len());
        assert_eq!(heap.peek().map(|(key, handle)| (*key, handle)), twin.first().copied());
        for (at, (key, handle)) in heap.items.iter().enumerate() {
            assert_eq!(positions.of(*handle), Some(at));
            assert!(at == 0 || heap.items[(at - 1) / ARITY].0 <= *key);
        }
    }

    #[test]
    fn does_what_ordered_sets_do() {
        for seed in 0..seeds(20) {
            let mut random = Seeded(seed);
            let mut positions = Positions::new();
            let mut heaps = [Heap::<Key>::new(), Heap::new(), Heap::new()];
            let mut twins = [BTreeSet::<(Key, u32)>::new(), BTreeSet::new(), BTreeSet::new()];
            let handles = [10, 300][seed as usize % 2];
            for _ in 0..1_500 {
                let which = random.below(3) as usize;
                let handle = random.below(handles) as u32;
                let key = (random.below(20) as i64 - 10, handle);
                let known = |twin: &BTreeSet<(Key, u32)>| twin.iter().find(|item| item.1 == handle).copied();
                match random.below(6) {
                    0 => assert_eq!(heaps[which].pop(&mut positions), twins[which].pop_first()),
                    1 => {
                        let expected = known(&twins[which]);
                        assert_eq!(heaps[which].remove(&mut positions, handle), expected.map(|item| item.0));
                        expected.map(|item| twins[which].remove(&item));
                    }
                    2 => {
                        let expected = known(&twins[which]);
                        assert_eq!(heaps[which].change(&mut positions, key, handle), expected.is_some());
                        if let Some(item) = expected {
                            twins[which].remove(&item);
                            twins[which].insert((key, handle));
                        }
                    }
                    _ if !positions.contains(handle) => {
                        heaps[which].push(&mut positions, key, handle);
                        twins[which].insert((key, handle));
                    }
                    _ => {}
                }
                assert_eq!(
                    heaps[which].key(&positions, handle).copied(),
                    known(&twins[which]).map(|item| item.0)
                );
                check(&heaps[which], &positions, &twins[which]);
            }
        }
    }

    #[test]
    fn finds_the_best_that_fits_and_asks_in_order() {
        let (mut positions, mut scratch) = (Positions::new(), Vec::new());
        for seed in 0..seeds(30) {
            let mut random = Seeded(seed);
            let mut heap = Heap::new();
            let count = random.below(200) as u32;
            for handle in 0..count {
                heap.push(&mut positions, (random.below(9) as i64, handle), handle);
            }
            let mut sorted: Vec<(Key, u32)> = heap.members().map(|(key, handle)| (*key, handle)).collect();
            sorted.sort();
            for part in [1, 2, 10, 1_000] {
                let fits = |handle: u32| mix(u64::from(handle) + seed).is_multiple_of(part);
                let expected = sorted.iter().position(|item| fits(item.1));
                let mut asked = Vec::new();
                let found = heap.best_where(
                    |_, handle| {
                        asked.push(handle);
                        fits(handle)
                    },
                    &mut scratch,
                );
                assert_eq!(found, expected.map(|at| sorted[at].1));
                let until = expected.map_or(sorted.len(), |at| at + 1);
                assert!(asked.iter().eq(sorted[..until].iter().map(|item| &item.1)));
            }
            while heap.pop(&mut positions).is_some() {}
        }
    }

    #[test]
    #[should_panic(expected = "one heap at a time")]
    fn refuses_a_handle_twice() {
        let mut positions = Positions::new();
        let (mut one, mut other) = (Heap::new(), Heap::new());
        one.push(&mut positions, 1, 5);
        other.push(&mut positions, 2, 5);
    }
}
