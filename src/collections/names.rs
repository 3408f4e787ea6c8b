//! Names → small dense numbers, first come first numbered, and back. The keyed 64-bit hash of a name comes with it;
//! equality is decided by the bytes. Names are never forgotten: they belong to agents and skills, of which a
//! business has a bounded number.

use crate::collections::index_table::IndexTable;

/// Numbered names.
#[derive(Debug)]
pub struct Names {
    table: IndexTable,
    bytes: Vec<u8>,
    ends: Vec<u32>,
    keys: Vec<u64>,
}

impl Default for Names {
    fn default() -> Names {
        // One segment: names are few, and there is a list of them in every shard.
        Names {
            table: IndexTable::with_segment_bits(0),
            bytes: Vec::new(),
            ends: Vec::new(),
            keys: Vec::new(),
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
        let number = self.ends.len() as u32;
        self.bytes.extend_from_slice(name);
        self.ends.push(self.bytes.len() as u32);
        self.keys.push(key);
        self.table.insert(key, number);
        number
    }

    /// The name of a number.
    #[inline]
    pub fn get(&self, number: u32) -> &[u8] {
        let start = if number == 0 { 0 } else { self.ends[number as usize - 1] };
        &self.bytes[start as usize..self.ends[number as usize] as usize]
    }

    /// The keyed hash of a number's name.
    #[inline]
    pub fn key(&self, number: u32) -> u64 {
        self.keys[number as usize]
    }

    /// Names known.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether none is known.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
