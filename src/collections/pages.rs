//! A list in pages, usually of 4,096 items: growth allocates one page and copies nothing, so no call is ever long, and an
//! item never moves. Costs one more load an access than `Vec`, from a table that stays in the cache.

use std::io;
use std::ops::{Index, IndexMut};

use borsh::{BorshDeserialize, BorshSerialize};

use crate::collections::prefetch;

/// A list that only grows, indexed by `u32`, in pages of 2^`BITS` items. With the usual 12 the table of pages of 10 M
/// items is 60 KB; where many lists grow side by side smaller pages spread their growth.
#[derive(Clone, Debug)]
pub struct Pages<T, const BITS: u32 = 12> {
    pages: Vec<Vec<T>>,
    len: u32,
}

impl<T, const BITS: u32> Default for Pages<T, BITS> {
    fn default() -> Self {
        Pages { pages: Vec::new(), len: 0 }
    }
}

impl<T> Pages<T> {
    /// An empty list with pages of the usual size.
    pub fn new() -> Pages<T> {
        Pages::default()
    }
}

impl<T, const BITS: u32> Pages<T, BITS> {
    /// Items of a page.
    pub const PAGE: usize = 1 << BITS;

    /// Items.
    #[inline]
    pub fn len(&self) -> u32 {
        self.len
    }

    /// Whether there is none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Appends an item; its index.
    #[inline]
    pub fn push(&mut self, item: T) -> u32 {
        let index = self.len;
        assert!(index < u32::MAX, "fewer than 2^32 - 1 items");
        if Self::place(index) == 0 {
            self.pages.push(Vec::with_capacity(Self::PAGE));
        }
        self.pages.last_mut().expect("a page was just made sure of").push(item);
        self.len += 1;
        index
    }

    /// The item, if the index was given.
    #[inline]
    pub fn get(&self, index: u32) -> Option<&T> {
        self.pages.get(Self::page(index))?.get(Self::place(index))
    }

    /// The item to change, if the index was given.
    #[inline]
    pub fn get_mut(&mut self, index: u32) -> Option<&mut T> {
        self.pages.get_mut(Self::page(index))?.get_mut(Self::place(index))
    }

    /// Asks for the item's cache lines.
    #[inline]
    pub fn prefetch(&self, index: u32) {
        if let Some(item) = self.get(index) {
            prefetch::lines_of(item);
        }
    }

    #[inline]
    const fn page(index: u32) -> usize {
        (index >> BITS) as usize
    }

    #[inline]
    const fn place(index: u32) -> usize {
        index as usize % Self::PAGE
    }

    /// All items in the order of their indices.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.pages.iter().flatten()
    }

    /// Bytes allocated.
    pub fn bytes(&self) -> usize {
        self.pages.len() * Self::PAGE * size_of::<T>() + self.pages.capacity() * size_of::<Vec<T>>()
    }
}

impl<T: BorshSerialize, const BITS: u32> BorshSerialize for Pages<T, BITS> {
    fn serialize<W: io::Write>(&self, to: &mut W) -> io::Result<()> {
        self.len.serialize(to)?;
        self.iter().try_for_each(|item| item.serialize(to))
    }
}

impl<T: BorshDeserialize, const BITS: u32> BorshDeserialize for Pages<T, BITS> {
    fn deserialize_reader<R: io::Read>(from: &mut R) -> io::Result<Pages<T, BITS>> {
        let mut pages = Pages::default();
        for _ in 0..u32::deserialize_reader(from)? {
            pages.push(T::deserialize_reader(from)?);
        }
        Ok(pages)
    }
}

impl<T: Clone, const BITS: u32> Pages<T, BITS> {
    /// Appends copies of `fill` until there are at least `len` items.
    #[inline]
    pub fn grow(&mut self, len: u32, fill: T) {
        while self.len < len {
            self.push(fill.clone());
        }
    }
}

impl<T, const BITS: u32> Index<u32> for Pages<T, BITS> {
    type Output = T;

    #[inline]
    fn index(&self, index: u32) -> &T {
        &self.pages[Self::page(index)][Self::place(index)]
    }
}

impl<T, const BITS: u32> IndexMut<u32> for Pages<T, BITS> {
    #[inline]
    fn index_mut(&mut self, index: u32) -> &mut T {
        &mut self.pages[Self::page(index)][Self::place(index)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: usize = Pages::<u32>::PAGE;

    #[test]
    fn is_a_list() {
        let mut pages = Pages::new();
        assert!(pages.is_empty() && pages.get(0).is_none());
        let count = 3 * PAGE as u32 + 5;
        for number in 0..count {
            assert_eq!(pages.push(number * 3), number);
        }
        assert_eq!(pages.len(), count);
        pages[PAGE as u32] = 7;
        *pages.get_mut(0).unwrap() = 8;
        let expected = |index: u32| {
            if index == 0 {
                8
            } else if index == PAGE as u32 {
                7
            } else {
                index * 3
            }
        };
        assert!(
            (0..count)
                .all(|index| pages[index] == expected(index) && pages.get(index) == Some(&pages[index]))
        );
        assert!(pages.iter().copied().eq((0..count).map(expected)));
        assert_eq!((pages.get(count), pages.get(u32::MAX)), (None, None));
        pages.prefetch(count);
        let mut small: Pages<u32, 3> = Pages::default();
        (0..100).for_each(|number| assert_eq!(small.push(number), number));
        assert!(small.iter().copied().eq(0..100) && small[99] == 99 && small.bytes() >= 400);
    }

    #[test]
    fn no_item_moves() {
        let mut pages = Pages::new();
        pages.push(1_u64);
        let address = std::ptr::from_ref(&pages[0]);
        pages.grow(20 * PAGE as u32, 2);
        assert_eq!(std::ptr::from_ref(&pages[0]), address);
        assert_eq!(pages.len(), 20 * PAGE as u32);
    }
}
