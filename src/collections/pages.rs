//! A list in pages of 4,096 items: growth allocates one page and copies nothing, so no call is ever long, and an
//! item never moves. Costs one more load an access than `Vec`, from a table that stays in the cache.

use std::ops::{Index, IndexMut};

use crate::collections::prefetch;

/// Items a page: large enough that the table of pages of 10 M items is 60 KB.
pub const PAGE: usize = 1 << PAGE_BITS;
const PAGE_BITS: u32 = 12;

/// A list that only grows, indexed by `u32`.
#[derive(Clone, Debug)]
pub struct Pages<T> {
    pages: Vec<Vec<T>>,
    len: u32,
}

impl<T> Default for Pages<T> {
    fn default() -> Self {
        Pages { pages: Vec::new(), len: 0 }
    }
}

impl<T> Pages<T> {
    /// An empty list.
    pub fn new() -> Pages<T> {
        Pages::default()
    }

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
        if place(index) == 0 {
            self.pages.push(Vec::with_capacity(PAGE));
        }
        self.pages.last_mut().expect("a page was just made sure of").push(item);
        self.len += 1;
        index
    }

    /// The item, if the index was given.
    #[inline]
    pub fn get(&self, index: u32) -> Option<&T> {
        self.pages.get(page(index))?.get(place(index))
    }

    /// The item to change, if the index was given.
    #[inline]
    pub fn get_mut(&mut self, index: u32) -> Option<&mut T> {
        self.pages.get_mut(page(index))?.get_mut(place(index))
    }

    /// Asks for the item's cache lines.
    #[inline]
    pub fn prefetch(&self, index: u32) {
        if let Some(item) = self.get(index) {
            prefetch::lines_of(item);
        }
    }

    /// All items in the order of their indices.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.pages.iter().flatten()
    }

    /// Bytes allocated.
    pub fn bytes(&self) -> usize {
        self.pages.len() * PAGE * size_of::<T>() + self.pages.capacity() * size_of::<Vec<T>>()
    }
}

impl<T: Clone> Pages<T> {
    /// Appends copies of `fill` until there are at least `len` items.
    #[inline]
    pub fn grow(&mut self, len: u32, fill: T) {
        while self.len < len {
            self.push(fill.clone());
        }
    }
}

#[inline]
const fn page(index: u32) -> usize {
    (index >> PAGE_BITS) as usize
}

#[inline]
const fn place(index: u32) -> usize {
    index as usize % PAGE
}

impl<T> Index<u32> for Pages<T> {
    type Output = T;

    #[inline]
    fn index(&self, index: u32) -> &T {
        &self.pages[page(index)][place(index)]
    }
}

impl<T> IndexMut<u32> for Pages<T> {
    #[inline]
    fn index_mut(&mut self, index: u32) -> &mut T {
        &mut self.pages[page(index)][place(index)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
