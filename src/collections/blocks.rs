//! Blocks of a fixed number of entries, handed out and taken back: for short lists that belong to a record but are
//! absent in most. Blocks lie in pages and never move.

use crate::collections::prefetch::prefetch;
use borsh::{BorshDeserialize, BorshSerialize};

/// No block.
pub const NO_BLOCK: u32 = u32::MAX;

/// Blocks of a page.
const PAGE: usize = 256;

/// Blocks of `stride` entries each.
#[derive(Debug, BorshSerialize, BorshDeserialize)]
pub struct Blocks<T> {
    stride: usize,
    /// `PAGE` blocks each, one right after another.
    #[borsh(bound(deserialize = "T: Clone + BorshDeserialize"))]
    pages: Vec<Box<[T]>>,
    /// Blocks handed out for the first time so far.
    len: u32,
    free: Vec<u32>,
}

impl<T: Copy + Default> Blocks<T> {
    /// Blocks of `stride` entries; at least one.
    pub fn new(stride: usize) -> Blocks<T> {
        Blocks { stride: stride.max(1), pages: Vec::new(), len: 0, free: Vec::new() }
    }

    /// Blocks of at least `stride` entries from now on; those handed out keep their numbers and what they hold.
    pub fn widen(&mut self, stride: usize) {
        if stride <= self.stride {
            return;
        }
        for page in &mut self.pages {
            let mut wider = vec![T::default(); PAGE * stride].into_boxed_slice();
            for (to, from) in wider.chunks_exact_mut(stride).zip(page.chunks_exact(self.stride)) {
                to[..self.stride].copy_from_slice(from);
            }
            *page = wider;
        }
        self.stride = stride;
    }

    /// Entries of a block.
    pub fn stride(&self) -> usize {
        self.stride
    }

    /// Bytes allocated.
    pub fn bytes(&self) -> usize {
        let page = PAGE * self.stride * size_of::<T>() + size_of::<Box<[T]>>();
        self.pages.len() * page + self.free.capacity() * size_of::<u32>()
    }

    /// A block; what it holds is left from before.
    pub fn take(&mut self) -> u32 {
        if let Some(block) = self.free.pop() {
            return block;
        }
        let block = self.len;
        assert!(block < NO_BLOCK, "fewer than 2^32 - 1 blocks");
        if (block as usize).is_multiple_of(PAGE) {
            self.pages.push(vec![T::default(); PAGE * self.stride].into_boxed_slice());
        }
        self.len += 1;
        block
    }

    /// Takes a block back; `NO_BLOCK` is passed over.
    pub fn give_back(&mut self, block: u32) {
        if block != NO_BLOCK {
            debug_assert!(
                !self.free.contains(&block) || self.free.len() > 1_000,
                "a block is given back once"
            );
            self.free.push(block);
        }
    }

    /// The entries of a block; none of `NO_BLOCK`.
    #[inline]
    pub fn get(&self, block: u32) -> &[T] {
        if block == NO_BLOCK {
            return &[];
        }
        &self.pages[block as usize / PAGE][self.entries(block)]
    }

    /// The entries of a block; none of `NO_BLOCK`.
    #[inline]
    pub fn get_mut(&mut self, block: u32) -> &mut [T] {
        if block == NO_BLOCK {
            return &mut [];
        }
        let entries = self.entries(block);
        &mut self.pages[block as usize / PAGE][entries]
    }

    /// Asks for the first line of a block ahead of its use.
    #[inline]
    pub fn prefetch(&self, block: u32) {
        if let Some(page) = self.pages.get(block as usize / PAGE) {
            prefetch(page, self.entries(block).start);
        }
    }

    /// Where in its page a block stands.
    #[inline]
    fn entries(&self, block: u32) -> std::ops::Range<usize> {
        let start = block as usize % PAGE * self.stride;
        start..start + self.stride
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_keeps_its_entries_until_given_back() {
        let mut blocks: Blocks<u32> = Blocks::new(3);
        let (first, second) = (blocks.take(), blocks.take());
        blocks.get_mut(first).copy_from_slice(&[1, 2, 3]);
        blocks.get_mut(second).copy_from_slice(&[4, 5, 6]);
        assert_eq!((blocks.get(first), blocks.get(second)), (&[1, 2, 3][..], &[4, 5, 6][..]));
        blocks.give_back(first);
        assert_eq!(blocks.take(), first, "a block given back is handed out again");
        assert!(blocks.get(NO_BLOCK).is_empty());
        blocks.give_back(NO_BLOCK);
    }
}
