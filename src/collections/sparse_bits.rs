//! A set of small numbers that come in ascending order and stay, of which most words would be empty: only the words that
//! hold a member are kept. Made for sets that are walked often and of which there are many thousands. Each member has a
//! place, its number among the members, so that lists beside the set can say more about it.

use borsh::{BorshDeserialize, BorshSerialize};

/// One run of 64 numbers that has a member.
#[derive(Copy, Clone, Debug, BorshSerialize, BorshDeserialize)]
pub struct SparseWord {
    /// The numbers divided by 64.
    pub at: u32,
    /// Members in the words before.
    before: u32,
    /// The members, lowest first.
    pub bits: u64,
}

impl SparseWord {
    /// The place of the member that this bit stands for.
    #[inline]
    pub fn place(&self, bit: u32) -> usize {
        self.before as usize + (self.bits & ((1 << bit) - 1)).count_ones() as usize
    }
}

/// A set of numbers; 16 bytes for each run of 64 numbers that has a member.
#[derive(Clone, Debug, Default, BorshSerialize, BorshDeserialize)]
pub struct SparseBits {
    words: Vec<SparseWord>,
}

impl SparseBits {
    /// Adds a number, which is above all members; whether it was new: the last one may come again.
    pub fn push(&mut self, number: u32) -> bool {
        let (at, bit) = (number / 64, 1_u64 << (number % 64));
        let before = match self.words.last_mut() {
            Some(last) if last.at == at => {
                assert!(bit >= 1 << (63 - last.bits.leading_zeros()), "numbers come in ascending order");
                let is_new = last.bits & bit == 0;
                last.bits |= bit;
                return is_new;
            }
            Some(last) => {
                assert!(last.at < at, "numbers come in ascending order");
                last.before + last.bits.count_ones()
            }
            None => 0,
        };
        self.words.push(SparseWord { at, before, bits: bit });
        true
    }

    /// The place of a number among the members, if it is one.
    pub fn place(&self, number: u32) -> Option<usize> {
        let word = self.words.binary_search_by_key(&(number / 64), |word| word.at).ok()?;
        let word = &self.words[word];
        let bit = number % 64;
        (word.bits >> bit & 1 == 1).then(|| word.place(bit))
    }

    /// Whether a number is in the set.
    #[inline]
    pub fn get(&self, number: u32) -> bool {
        self.place(number).is_some()
    }

    /// The words that hold a member, ascending.
    #[inline]
    pub fn words(&self) -> &[SparseWord] {
        &self.words
    }

    /// The members, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        let bits = |word: &SparseWord| {
            let SparseWord { at, bits, .. } = *word;
            (0..64).filter(move |bit| bits >> bit & 1 == 1).map(move |bit| at * 64 + bit)
        };
        self.words.iter().flat_map(bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collections::seeded::{Seeded, seeds};

    #[test]
    fn does_what_an_ordered_list_does() {
        for seed in 0..seeds(20) {
            let mut random = Seeded(seed);
            let (mut set, mut twin) = (SparseBits::default(), Vec::new());
            let (mut next, most) = (0, [2, 40, 5_000][seed as usize % 3]);
            for _ in 0..300 {
                next += 1 + random.below(most) as u32;
                assert!(set.push(next) && !set.push(next));
                twin.push(next);
                let some = random.below(u64::from(next) + 9) as u32;
                assert_eq!(set.place(some), twin.binary_search(&some).ok());
                assert_eq!(set.get(some), twin.contains(&some));
            }
            assert!(set.iter().eq(twin.iter().copied()));
        }
    }

    #[test]
    #[should_panic(expected = "ascending")]
    fn numbers_ascend() {
        let mut set = SparseBits::default();
        set.push(70);
        set.push(65);
    }
}
