//! Short lists of threads, for the few conversations that have more than one.

use crate::collections::pages::Pages;
use borsh::{BorshDeserialize, BorshSerialize};

use super::customer::NONE;

/// Lists of threads: linked entries of 32 bytes.
#[derive(Default, Debug, BorshSerialize, BorshDeserialize)]
pub struct Threads {
    entries: Pages<Entry, 6>,
    /// Entries that are in no list.
    free: Vec<u32>,
}

#[derive(Copy, Clone, Debug, BorshSerialize, BorshDeserialize)]
struct Entry {
    thread: u128,
    next: u32,
}

impl Threads {
    /// Bytes allocated.
    pub fn bytes(&self) -> usize {
        self.entries.bytes() + self.free.capacity() * size_of::<u32>()
    }

    /// Puts a thread before a list (`NONE`: the empty one); the longer list.
    pub fn add(&mut self, list: u32, thread: u128) -> u32 {
        let entry = Entry { thread, next: list };
        match self.free.pop() {
            Some(place) => {
                self.entries[place] = entry;
                place
            }
            None => self.entries.push(entry),
        }
    }

    /// The threads of a list.
    pub fn iter(&self, list: u32) -> impl Iterator<Item = u128> {
        let mut place = list;
        std::iter::from_fn(move || {
            let entry = self.entries.get(place)?;
            place = entry.next;
            Some(entry.thread)
        })
    }

    /// Takes the first entry of a list back; gives its thread and the rest of the list.
    pub fn take_first(&mut self, list: u32) -> Option<(u128, u32)> {
        let Entry { thread, next } = *self.entries.get(list)?;
        self.free.push(list);
        Some((thread, next))
    }

    /// Takes the entries of a list back.
    pub fn give_back(&mut self, list: u32) {
        let mut place = list;
        while place != NONE {
            self.free.push(place);
            place = self.entries[place].next;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_share_entries_one_after_another() {
        let mut threads = Threads::default();
        let list = threads.add(NONE, 7);
        let (list, other) = (threads.add(list, 8), threads.add(NONE, 9));
        assert!(threads.iter(list).eq([8, 7]) && threads.iter(other).eq([9]));
        assert_eq!(threads.iter(NONE).next(), None);
        threads.give_back(list);
        threads.give_back(NONE);
        let list = threads.add(other, 10);
        assert!(threads.iter(list).eq([10, 9]) && threads.entries.len() == 3);
    }
}
