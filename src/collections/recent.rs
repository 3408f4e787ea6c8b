//! Values by key, at most so many: the key that was put least recently leaves first. What is counted of strangers, whose
//! number nobody can bound, is kept here.
//!
//! A list through the records, newest to oldest, and a table from keys to records: a few lines of memory a call.

use crate::collections::{IndexTable, Slots};
use borsh::{BorshDeserialize, BorshSerialize};

/// No record.
const NONE: u32 = u32::MAX;

/// A bounded map. A key is a well-mixed hash: its low half is used as one.
#[derive(Clone, Debug, BorshSerialize, BorshDeserialize)]
pub struct Recent<V> {
    table: IndexTable,
    records: Slots<Record<V>>,
    oldest: u32,
    newest: u32,
    most: u32,
}

#[derive(Copy, Clone, Debug, BorshSerialize, BorshDeserialize)]
struct Record<V> {
    key: u128,
    value: V,
    older: u32,
    newer: u32,
}

impl<V: Copy> Recent<V> {
    /// Empty, for at most so many keys; at least one.
    pub fn new(most: usize) -> Recent<V> {
        Recent {
            table: IndexTable::with_segment_bits(6),
            records: Slots::new(),
            oldest: NONE,
            newest: NONE,
            most: most.clamp(1, NONE as usize - 1) as u32,
        }
    }

    /// Whether there is none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Keys.
    pub fn len(&self) -> u32 {
        self.records.len()
    }

    /// The value of a key.
    pub fn get(&self, key: u128) -> Option<&V> {
        self.find(key).and_then(|at| self.records.get(at)).map(|record| &record.value)
    }

    /// The value of a key, to change; the key becomes no more recent by it.
    pub fn get_mut(&mut self, key: u128) -> Option<&mut V> {
        let at = self.find(key)?;
        Some(&mut self.records[at].value)
    }

    /// Gives a key a value and makes it the most recent. If there are too many now, the least recent leaves.
    pub fn put(&mut self, key: u128, value: V) {
        self.take(key);
        if self.len() >= self.most {
            self.remove(self.oldest);
        }
        let record = Record { key, value, older: self.newest, newer: NONE };
        let at = self.records.insert(record);
        match self.newest {
            NONE => self.oldest = at,
            before => self.records[before].newer = at,
        }
        self.newest = at;
        self.table.insert(key as u64, at);
    }

    /// Takes a key out; its value.
    pub fn take(&mut self, key: u128) -> Option<V> {
        let at = self.find(key)?;
        Some(self.remove(at))
    }

    /// All keys, the least recent first.
    pub fn keys(&self) -> impl Iterator<Item = u128> {
        let first = self.records.get(self.oldest);
        std::iter::successors(first, |record| self.records.get(record.newer)).map(|record| record.key)
    }

    /// The least recent key.
    pub fn oldest(&self) -> Option<u128> {
        self.records.get(self.oldest).map(|record| record.key)
    }

    /// Whether another key would drive the least recent one out.
    pub fn is_full(&self) -> bool {
        self.len() >= self.most
    }

    /// Bytes allocated.
    pub fn bytes(&self) -> usize {
        self.table.bytes() + self.records.bound() as usize * size_of::<Record<V>>()
    }

    fn find(&self, key: u128) -> Option<u32> {
        if self.records.is_empty() {
            return None;
        }
        self.table.find(key as u64, |at| self.records[at].key == key)
    }

    fn remove(&mut self, at: u32) -> V {
        let Record { key, value, older, newer } = self.records[at];
        match older {
            NONE => self.oldest = newer,
            older => self.records[older].newer = newer,
        }
        match newer {
            NONE => self.newest = older,
            newer => self.records[newer].older = older,
        }
        self.table.remove(key as u64, at);
        self.records.remove(at);
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collections::seeded::{Seeded, mix, seeds};

    #[test]
    fn does_what_a_list_in_order_does() {
        for seed in 0..seeds(40) {
            let mut random = Seeded(seed);
            let most = 1 + random.below(20) as usize;
            let (mut recent, mut twin) = (Recent::new(most), Vec::<(u128, u64)>::new());
            for step in 0..2_000 {
                let number = random.below(30);
                let key = u128::from(mix(number)) | u128::from(number) << 64;
                let place = twin.iter().position(|(other, _)| *other == key);
                assert_eq!(recent.get(key).copied(), place.map(|place| twin[place].1), "seed {seed}");
                match random.below(5) {
                    0 => assert_eq!(recent.take(key), place.map(|place| twin.remove(place).1)),
                    1 => {
                        if let Some(value) = recent.get_mut(key) {
                            *value = step;
                            twin[place.unwrap()].1 = step;
                        }
                    }
                    _ => {
                        recent.put(key, step);
                        place.map(|place| twin.remove(place));
                        if twin.len() == most {
                            twin.remove(0);
                        }
                        twin.push((key, step));
                    }
                }
                assert_eq!((recent.len() as usize, recent.is_empty()), (twin.len(), twin.is_empty()));
                assert_eq!(recent.oldest(), twin.first().map(|(key, _)| *key));
                assert_eq!(recent.is_full(), twin.len() == most);
            }
        }
    }
}
