//! How many customers were founded under the same 64 bits, where that is not told by one who is still there: under most
//! bits only one ever is. An entry stays as a tombstone when one is erased, and leaves when the last one is forgotten.

use crate::collections::{IndexTable, Slots};
use borsh::{BorshDeserialize, BorshSerialize};

/// Generations by founding bits.
#[derive(Clone, Debug, BorshSerialize, BorshDeserialize)]
pub(super) struct Generations {
    table: IndexTable,
    entries: Slots<Entry>,
}

#[derive(Copy, Clone, Debug, BorshSerialize, BorshDeserialize)]
struct Entry {
    bits: u64,
    /// The next generation.
    next: u32,
    /// Customers founded under these bits who are still there, and whether one was erased.
    there: u32,
}

/// In `Entry::there`.
const ERASED: u32 = 1 << 31;

impl Default for Generations {
    fn default() -> Generations {
        Generations { table: IndexTable::with_segment_bits(6), entries: Slots::new() }
    }
}

impl Generations {
    /// The generation of one who is founded now. `is_there`: whether somebody of generation 0 is there, asked only if there
    /// is no entry.
    #[inline]
    pub fn found(&mut self, bits: u64, is_there: impl FnOnce() -> bool) -> u32 {
        if let Some(at) = self.find(bits) {
            let entry = &mut self.entries[at];
            (entry.next, entry.there) = (entry.next + 1, entry.there + 1);
            return entry.next - 1;
        }
        if !is_there() {
            return 0;
        }
        self.enter(Entry { bits, next: 2, there: 2 });
        1
    }

    /// One is forgotten; when nobody is left, the next one begins anew.
    pub fn forget(&mut self, bits: u64) {
        let Some(at) = self.find(bits) else { return };
        self.entries[at].there -= 1;
        if self.entries[at].there == 0 {
            self.table.remove(bits, at);
            self.entries.remove(at);
        }
    }

    /// One is erased: its generation is never given again.
    pub fn erase(&mut self, bits: u64) {
        match self.find(bits) {
            Some(at) => self.entries[at].there = (self.entries[at].there - 1) | ERASED,
            None => self.enter(Entry { bits, next: 1, there: ERASED }),
        }
    }

    /// Bytes allocated.
    pub fn bytes(&self) -> usize {
        self.table.bytes() + self.entries.bound() as usize * size_of::<Entry>()
    }

    fn enter(&mut self, entry: Entry) {
        let at = self.entries.insert(entry);
        self.table.insert(entry.bits, at);
    }

    #[inline]
    fn find(&self, bits: u64) -> Option<u32> {
        if self.table.is_empty() {
            return None;
        }
        self.table.find(bits, |at| self.entries[at].bits == bits)
    }
}
