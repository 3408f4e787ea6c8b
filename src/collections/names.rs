//! Names → small dense numbers, first come first numbered, and back. The keyed 64-bit hash of a name comes with it;
//! equality is decided by the bytes. Names are never forgotten: they belong to agents and skills, of which a
//! business has a bounded number.

use crate::collections::index_table::IndexTable;
use crate::collections::prefetch::prefetch;

/// Bytes of a name that lie beside its key: most names are no longer.
const SHORT: usize = 16;

/// Numbered names.
#[derive(Debug)]
pub struct Names {
    table: IndexTable,
    names: Vec<Name>,
    /// Names that are not short.
    bytes: Vec<u8>,
}

/// | bytes | field |
/// |---|---|
/// | 0–7 | keyed hash |
/// | 8–15 | bytes of the name; where a longer one begins |
/// | 16–31 | a short name |
#[derive(Copy, Clone, Debug)]
#[repr(C, align(32))]
struct Name {
    key: u64,
    len: u32,
    start: u32,
    short: [u8; SHORT],
}

impl Default for Names {
    fn default() -> Names {
        // One segment: names are few, and there is a list of them in every shard.
        Names { table: IndexTable::with_segment_bits(0), names: Vec::new(), bytes: Vec::new() }
    }
}

impl Names {
    /// The number of a name that is known.
    #[inline]
    pub fn find(&self, key: u64, name: &[u8]) -> Option<u32> {
        self.table.find(key, |number| self.key(number) == key && self.get(number) == name)
    }

    /// The number of a name, a new one if need be.
    #[inline]
    pub fn number(&mut self, key: u64, name: &[u8]) -> u32 {
        match self.find(key, name) {
            Some(number) => number,
            None => self.add(key, name),
        }
    }

    #[cold]
    fn add(&mut self, key: u64, name: &[u8]) -> u32 {
        let number = self.names.len() as u32;
        let (mut short, mut start) = ([0; SHORT], 0);
        if name.len() <= SHORT {
            short[..name.len()].copy_from_slice(name);
        } else {
            start = self.bytes.len() as u32;
            self.bytes.extend_from_slice(name);
        }
        self.names.push(Name { key, len: name.len() as u32, start, short });
        self.table.insert(key, number);
        number
    }

    /// The name of a number.
    #[inline]
    pub fn get(&self, number: u32) -> &[u8] {
        let Name { len, start, short, .. } = &self.names[number as usize];
        match short.get(..*len as usize) {
            Some(short) => short,
            None => &self.bytes[*start as usize..(*start + *len) as usize],
        }
    }

    /// The keyed hash of a number's name.
    #[inline]
    pub fn key(&self, number: u32) -> u64 {
        self.names[number as usize].key
    }

    /// Asks for the line in which a search for this key begins.
    #[inline]
    pub fn prefetch(&self, key: u64) {
        self.table.prefetch(key);
    }

    /// Asks for the name that is probably meant by this key, the line of the search being fetched.
    #[inline]
    pub fn prefetch_name(&self, key: u64) {
        if let Some(number) = self.table.find(key, |_| true) {
            self.prefetch_number(number);
        }
    }

    /// Asks for a number's name; any number will do.
    #[inline]
    pub fn prefetch_number(&self, number: u32) {
        prefetch(&self.names, number as usize);
    }

    /// Bytes allocated.
    pub fn bytes(&self) -> usize {
        self.table.bytes() + self.names.capacity() * size_of::<Name>() + self.bytes.capacity()
    }

    /// Names known.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether none is known.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
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
        assert_eq!(names.find(7 | 1 << 60, b"bob"), None, "another key of the same tag");
        assert_eq!((names.get(0), names.get(1), names.len()), (&b"ann"[..], &b"bob"[..], 2));
    }

    #[test]
    fn names_of_every_length() {
        let text = [b'x'; 300];
        let mut names = Names::default();
        for len in [0, 1, SHORT - 1, SHORT, SHORT + 1, 256, 300] {
            let number = names.number(len as u64, &text[..len]);
            assert_eq!((names.get(number), names.key(number)), (&text[..len], len as u64));
            names.prefetch(len as u64);
            names.prefetch_name(len as u64);
        }
        assert_eq!(names.number(300, &text), 6);
    }
}
