//! A short list in its owner's own memory: the first `N` items lie in the record, the rest, if there ever are that many,
//! in memory of their own. For lists of a handful, each of which would otherwise cost a miss.

use borsh::{BorshDeserialize, BorshSerialize};
use std::ops::{Deref, DerefMut};

/// A list of which the first `N` items lie here.
#[derive(Clone, Debug, BorshSerialize, BorshDeserialize)]
pub struct Few<T, const N: usize> {
    len: u32,
    here: [T; N],
    /// All items, once there were more than `N`; it is then used whatever their number.
    more: Vec<T>,
}

impl<T: Copy + Default, const N: usize> Default for Few<T, N> {
    fn default() -> Self {
        Few { len: 0, here: [T::default(); N], more: Vec::new() }
    }
}

impl<T: Copy + Default, const N: usize> Few<T, N> {
    /// Adds an item at the end.
    #[inline]
    pub fn push(&mut self, item: T) {
        let len = self.len as usize;
        self.len += 1;
        if self.more.is_empty() {
            match self.here.get_mut(len) {
                Some(place) => {
                    *place = item;
                    return;
                }
                None => self.more.extend_from_slice(&self.here),
            }
        }
        self.more.push(item);
    }

    /// Takes an item out; the last one takes its place. Panics if there is none at `place`.
    #[inline]
    pub fn swap_remove(&mut self, place: usize) -> T {
        if !self.more.is_empty() {
            let item = self.more.swap_remove(place);
            self.len -= 1;
            if self.len as usize <= N {
                self.here[..self.more.len()].copy_from_slice(&self.more);
                self.more.clear();
            }
            return item;
        }
        let len = self.len as usize;
        assert!(place < len, "a place in the list");
        let item = self.here[place];
        self.here[place] = self.here[len - 1];
        self.len -= 1;
        item
    }
}

impl<T, const N: usize> Deref for Few<T, N> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        if self.more.is_empty() { &self.here[..self.len as usize] } else { &self.more }
    }
}

impl<T, const N: usize> DerefMut for Few<T, N> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [T] {
        if self.more.is_empty() { &mut self.here[..self.len as usize] } else { &mut self.more }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collections::seeded::{Seeded, seeds};

    #[test]
    fn does_what_a_list_does() {
        for seed in 0..seeds(20) {
            let mut random = Seeded(seed);
            let (mut few, mut twin) = (Few::<u32, 3>::default(), Vec::new());
            for step in 0..400 {
                if twin.is_empty() || random.below(9) < 5 - 2 * (step / 100 % 2) {
                    few.push(step as u32);
                    twin.push(step as u32);
                } else {
                    let place = random.below(twin.len() as u64) as usize;
                    assert_eq!(few.swap_remove(place), twin.swap_remove(place));
                }
                assert_eq!(*few, *twin);
                few.iter_mut().for_each(|item| *item += 1);
                twin.iter_mut().for_each(|item| *item += 1);
            }
        }
    }
}
