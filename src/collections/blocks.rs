//! Blocks of a fixed number of entries, handed out and taken back: for short lists that belong to a record but are
//! absent in most. Blocks lie in pages and never move.

use crate::collections::pages::Pages;

/// No block.
pub const NO_BLOCK: u32 = u32::MAX;

/// Blocks of `stride` entries each.
#[derive(Debug)]
pub struct Blocks<T> {
    stride: usize,
    blocks: Pages<Box<[T]>>,
    free: Vec<u32>,
}

impl<T: Copy + Default> Blocks<T> {
    /// Blocks of `stride` entries; at least one.
    pub fn new(stride: usize) -> Blocks<T> {
        Blocks { stride: stride.max(1), blocks: Pages::default(), free: Vec::new() }
    }

    /// Entries of a block.
    pub fn stride(&self) -> usize {
        self.stride
    }

    /// A block; what it holds is left from before.
    pub fn take(&mut self) -> u32 {
        match self.free.pop() {
            Some(block) => block,
            None => self.blocks.push(vec![T::default(); self.stride].into_boxed_slice()),
        }
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
        if block == NO_BLOCK { &[] } else { &self.blocks[block] }
    }

    /// The entries of a block; none of `NO_BLOCK`.
    #[inline]
    pub fn get_mut(&mut self, block: u32) -> &mut [T] {
        if block == NO_BLOCK { &mut [] } else { &mut self.blocks[block] }
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
