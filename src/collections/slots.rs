//! An arena of records with stable `u32` handles: freed places are given out again, last freed first, so that equal
//! histories give equal handles. Pages, so growth copies nothing. A freed record is not dropped but overwritten by
//! the next one in its place.

use borsh::{BorshDeserialize, BorshSerialize};
use std::ops::{Index, IndexMut};

use crate::collections::{Bits, Pages};

/// Records by handle.
#[derive(Clone, Debug, BorshSerialize, BorshDeserialize)]
pub struct Slots<T> {
    items: Pages<T>,
    free: Vec<u32>,
    live: Bits,
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Slots { items: Pages::new(), free: Vec::new(), live: Bits::new() }
    }
}

impl<T> Slots<T> {
    /// No records.
    pub fn new() -> Slots<T> {
        Slots::default()
    }

    /// Keeps a record; its handle.
    #[inline]
    pub fn insert(&mut self, item: T) -> u32 {
        let index = match self.free.pop() {
            Some(index) => {
                self.items[index] = item;
                index
            }
            None => self.items.push(item),
        };
        self.live.set(index);
        index
    }

    /// Frees a handle. Panics if it is not live: a handle freed twice would be given out twice.
    #[inline]
    pub fn remove(&mut self, index: u32) {
        assert!(self.live.clear(index), "a live handle");
        self.free.push(index);
    }

    /// The record, if the handle is live.
    #[inline]
    pub fn get(&self, index: u32) -> Option<&T> {
        if self.live.get(index) { self.items.get(index) } else { None }
    }

    /// Whether the handle is live.
    #[inline]
    pub fn contains(&self, index: u32) -> bool {
        self.live.get(index)
    }

    /// Live records.
    #[inline]
    pub fn len(&self) -> u32 {
        self.items.len() - self.free.len() as u32
    }

    /// Whether none is live.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All handles ever given out are below this.
    #[inline]
    pub fn bound(&self) -> u32 {
        self.items.len()
    }

    /// Asks for the record's first cache line.
    #[inline]
    pub fn prefetch(&self, index: u32) {
        self.items.prefetch(index);
    }

    /// The live records in the order of their handles.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        self.live.iter().map(|index| (index, &self.items[index]))
    }
}

impl<T> Index<u32> for Slots<T> {
    type Output = T;

    #[inline]
    fn index(&self, index: u32) -> &T {
        debug_assert!(self.live.get(index), "a live handle");
        &self.items[index]
    }
}

impl<T> IndexMut<u32> for Slots<T> {
    #[inline]
    fn index_mut(&mut self, index: u32) -> &mut T {
        debug_assert!(self.live.get(index), "a live handle");
        &mut self.items[index]
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::collections::seeded::{Seeded, seeds};

    #[test]
    fn does_what_an_ordered_map_does() {
        for seed in 0..seeds(10) {
            let mut random = Seeded(seed);
            let mut slots = Slots::new();
            let mut twin = BTreeMap::new();
            for step in 0..2_000 {
                let some = twin.keys().nth(random.below(twin.len().max(1) as u64) as usize).copied();
                match (random.below(5), some) {
                    (0 | 1, _) | (_, None) => {
                        let handle = slots.insert(step);
                        assert_eq!(twin.insert(handle, step), None, "a handle not in use");
                    }
                    (2, Some(handle)) => {
                        slots[handle] += 1;
                        *twin.get_mut(&handle).unwrap() += 1;
                    }
                    (_, Some(handle)) => {
                        slots.remove(handle);
                        twin.remove(&handle);
                        assert_eq!(slots.get(handle), None);
                    }
                }
                assert_eq!(slots.len() as usize, twin.len());
                assert!(slots.bound() as usize >= twin.len());
            }
            assert!(slots.iter().eq(twin.iter().map(|(handle, item)| (*handle, item))));
        }
    }

    #[test]
    #[should_panic(expected = "a live handle")]
    fn a_handle_is_freed_once() {
        let mut slots = Slots::new();
        let handle = slots.insert('a');
        slots.remove(handle);
        slots.remove(handle);
    }
}
