//! A set of small numbers, one bit each: agents who speak a language, queues that wait. Iteration ascends, so
//! nothing depends on the order in which members came.

use borsh::{BorshDeserialize, BorshSerialize};

/// A set of numbers; grows as members need it. One bit a number up to the largest member so far.
#[derive(Clone, Debug, Default, BorshSerialize, BorshDeserialize)]
pub struct Bits {
    words: Vec<u64>,
}

impl Bits {
    /// The empty set.
    pub const fn new() -> Bits {
        Bits { words: Vec::new() }
    }

    /// Makes room for the numbers below `bound`, so that adding them does not allocate.
    pub fn grow(&mut self, bound: u32) {
        let words = (bound as usize).div_ceil(64);
        if words > self.words.len() {
            self.words.resize(words, 0);
        }
    }

    /// Adds a number; whether it was new.
    #[inline]
    pub fn set(&mut self, number: u32) -> bool {
        let (word, bit) = split(number);
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
        }
        let fresh = self.words[word] & bit == 0;
        self.words[word] |= bit;
        fresh
    }

    /// Takes a number out; whether it was there.
    #[inline]
    pub fn clear(&mut self, number: u32) -> bool {
        let (word, bit) = split(number);
        match self.words.get_mut(word) {
            Some(word) if *word & bit != 0 => {
                *word &= !bit;
                true
            }
            _ => false,
        }
    }

    /// Adds or takes out.
    #[inline]
    pub fn put(&mut self, number: u32, member: bool) {
        if member {
            self.set(number);
        } else {
            self.clear(number);
        }
    }

    /// Whether a number is in the set.
    #[inline]
    pub fn get(&self, number: u32) -> bool {
        let (word, bit) = split(number);
        self.words.get(word).is_some_and(|word| word & bit != 0)
    }

    /// Takes all out, keeps the memory.
    pub fn clear_all(&mut self) {
        self.words.fill(0);
    }

    /// Whether nothing is in the set.
    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    /// Members.
    pub fn count(&self) -> u32 {
        self.words.iter().map(|word| word.count_ones()).sum()
    }

    /// Whether the two sets share a member.
    pub fn meets(&self, other: &Bits) -> bool {
        self.words.iter().zip(&other.words).any(|(a, b)| a & b != 0)
    }

    /// The members, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.words.iter().enumerate().flat_map(|(at, word)| Word { bits: *word, base: at as u32 * 64 })
    }

    /// The members of both, ascending.
    pub fn iter_and<'a>(&'a self, other: &'a Bits) -> impl Iterator<Item = u32> + 'a {
        let both = self.words.iter().zip(&other.words);
        both.enumerate().flat_map(|(at, (a, b))| Word { bits: a & b, base: at as u32 * 64 })
    }

    /// The words, 64 numbers each, lowest first: for loops over several sets at once.
    #[inline]
    pub fn words(&self) -> &[u64] {
        &self.words
    }
}

#[inline]
const fn split(number: u32) -> (usize, u64) {
    ((number / 64) as usize, 1 << (number % 64))
}

/// The numbers of one word.
struct Word {
    bits: u64,
    base: u32,
}

impl Iterator for Word {
    type Item = u32;

    #[inline]
    fn next(&mut self) -> Option<u32> {
        if self.bits == 0 {
            return None;
        }
        let number = self.base + self.bits.trailing_zeros();
        self.bits &= self.bits - 1;
        Some(number)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::collections::seeded::{Seeded, seeds};

    #[test]
    fn does_what_ordered_sets_do() {
        for seed in 0..seeds(20) {
            let mut random = Seeded(seed);
            let mut sets = [Bits::new(), Bits::new()];
            let mut twins = [BTreeSet::new(), BTreeSet::new()];
            let bound = [70, 64, 1_000][seed as usize % 3];
            for _ in 0..400 {
                let (which, number) = (random.below(2) as usize, random.below(bound) as u32);
                match random.below(40) {
                    0 => sets[which].grow(bound as u32),
                    1 => {
                        sets[which].clear_all();
                        twins[which].clear();
                    }
                    2..18 => assert_eq!(sets[which].set(number), twins[which].insert(number)),
                    18..30 => assert_eq!(sets[which].clear(number), twins[which].remove(&number)),
                    _ => assert_eq!(sets[which].get(number), twins[which].contains(&number)),
                }
                assert!(sets[which].iter().eq(twins[which].iter().copied()));
                assert!(sets[0].iter_and(&sets[1]).eq(twins[0].intersection(&twins[1]).copied()));
                assert_eq!(sets[0].meets(&sets[1]), !twins[0].is_disjoint(&twins[1]));
                assert_eq!(sets[which].count() as usize, twins[which].len());
                assert_eq!(sets[which].is_empty(), twins[which].is_empty());
            }
        }
    }

    #[test]
    fn puts_both_ways() {
        let mut set = Bits::new();
        set.put(130, true);
        assert!(set.get(130) && !set.get(2) && !set.get(u32::MAX));
        set.put(130, false);
        assert!(set.is_empty() && set.words().len() == 3);
    }
}
