//! Names → small dense numbers, first come first numbered, and back. The keyed 64-bit hash of a name comes with it;
//! equality is decided by the bytes. Names are never forgotten: they belong to agents and skills, of which a
//! business has a bounded number.

use crate::collections::index_table::IndexTable;
use crate::collections::prefetch::prefetch;
use borsh::{BorshDeserialize, BorshSerialize};

/// Numbered names.
#[derive(Debug, BorshSerialize, BorshDeserialize)]
pub struct Names {
    table: IndexTable,
    records: Vec<Name>,
    keys: Vec<u64>,
    /// Names that are longer than `SHORT`.
    bytes: Vec<u8>,
}

/// Bytes of a name that lie in its record.
const SHORT: usize = 27;

/// One name: half a cache line, with the bytes themselves if there are few.
#[derive(Copy, Clone, Debug, BorshSerialize, BorshDeserialize)]
struct Name {
    /// Where it begins in `Names::bytes`, if it is long.
    start: u32,
    /// The bytes of a short one.
    short: [u8; SHORT],
    /// Bytes, or `LONG`.
    len: u8,
}

const _: () = assert!(size_of::<Name>() == 32);

/// In `Name::len`: the name is not short; its length stands in the first four of its short bytes.
const LONG: u8 = u8::MAX;

impl Default for Names {
    fn default() -> Names {
        // One segment: names are few.
        Names {
            table: IndexTable::with_segment_bits(0),
            records: Vec::new(),
            keys: Vec::new(),
            bytes: Vec::new(),
        }
    }
}

impl Names {
    /// The number of a name that is known.
    #[inline]
    pub fn find(&self, key: u64, name: &[u8]) -> Option<u32> {
        self.table.find(key, |number| self.get(number) == name)
    }

    /// The number of a name, a new one if need be.
    pub fn number(&mut self, key: u64, name: &[u8]) -> u32 {
        if let Some(number) = self.find(key, name) {
            return number;
        }
        let number = self.records.len() as u32;
        let mut record = Name { start: self.bytes.len() as u32, short: [0; SHORT], len: LONG };
        match record.short.get_mut(..name.len()) {
            Some(short) => {
                short.copy_from_slice(name);
                record.len = name.len() as u8;
            }
            None => {
                record.short[..4].copy_from_slice(&(name.len() as u32).to_le_bytes());
                self.bytes.extend_from_slice(name);
            }
        }
        self.records.push(record);
        self.keys.push(key);
        self.table.insert(key, number);
        number
    }

    /// Key and bytes of every name, by number.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &[u8])> {
        self.keys.iter().zip(0..).map(|(key, number)| (*key, self.get(number)))
    }

    /// The name of a number.
    #[inline]
    pub fn get(&self, number: u32) -> &[u8] {
        let Name { start, short, len } = &self.records[number as usize];
        if *len != LONG {
            return &short[..usize::from(*len)];
        }
        let len = u32::from_le_bytes([short[0], short[1], short[2], short[3]]);
        &self.bytes[*start as usize..(*start + len) as usize]
    }

    /// The keyed hash of a number's name.
    #[inline]
    pub fn key(&self, number: u32) -> u64 {
        self.keys[number as usize]
    }

    /// Asks for the place of a key in the table ahead of its use.
    #[inline]
    pub fn prefetch(&self, key: u64) {
        self.table.prefetch(key);
    }

    /// The number that a key most likely has, its place having been fetched; asks for the name itself.
    #[inline]
    pub fn guess(&self, key: u64) -> Option<u32> {
        let guess = self.table.find(key, |_| true);
        guess.inspect(|number| self.prefetch_name(*number))
    }

    /// Asks for the name of a number.
    #[inline]
    pub fn prefetch_name(&self, number: u32) {
        prefetch(&self.records, number as usize);
    }

    /// Bytes allocated.
    pub fn bytes(&self) -> usize {
        let records = self.records.capacity() * size_of::<Name>() + self.keys.capacity() * size_of::<u64>();
        self.table.bytes() + records + self.bytes.capacity()
    }

    /// Names known.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether none is known.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_any_length_come_back() {
        let mut names = Names::default();
        let name = |len: usize| (0..len).map(|at| (at * 7 + len) as u8).collect::<Vec<u8>>();
        let lengths = [0, 1, SHORT - 1, SHORT, SHORT + 1, 254, 255, 256, 300];
        for (number, len) in lengths.into_iter().enumerate() {
            assert_eq!(names.number(number as u64, &name(len)), number as u32);
        }
        for (number, len) in lengths.into_iter().enumerate() {
            assert_eq!(names.get(number as u32), name(len));
            assert_eq!(names.find(number as u64, &name(len)), Some(number as u32));
        }
    }

    #[test]
    fn numbers_and_back_even_where_keys_collide() {
        let mut names = Names::default();
        assert_eq!(names.number(7, b"ann"), 0);
        assert_eq!(names.number(7, b"bob"), 1, "the same key, another name");
        assert_eq!(names.number(7, b"ann"), 0);
        assert_eq!(names.find(7, b"bob"), Some(1));
        assert_eq!(names.find(8 << 20, b"bob"), None, "another key");
        assert_eq!((names.get(0), names.get(1), names.len()), (&b"ann"[..], &b"bob"[..], 2));
    }
}
