//! From a well-mixed 64-bit hash to a `u32` index: the large tables of the engine. Keys stand where the index
//! points; the table keeps 32 bits of the hash and lets its caller compare.
//!
//! A slot is one `u64`: tag (32 bits of the hash) above, index below; an empty one is larger than all. The top bits
//! of the hash choose one of (usually) 1,024 segments, each an open-addressed list that is sorted by slot: a tag's home is
//! `tag · capacity / 2³²`, which grows with the tag, and whoever collides stands behind in order. Hence a search
//! ends at the first larger tag, present or not; removing shifts back and leaves no graves; the places depend on
//! the content alone, not on its history; and moving a segment into a larger one needs only the slots.
//!
//! Segments grow on their own, by a quarter at 4/5 full, from capacities that are spread over that factor, so that
//! they do not all grow at once: 11.2 bytes an entry in the mean, and at 50 M entries the longest pause is that of
//! moving 60,000 slots. Nothing is rehashed, and nothing shrinks. (Larger steps cost memory, fuller segments time:
//! at 7/8 full an insertion moves twice as many slots.)

use crate::collections::prefetch::prefetch;
use borsh::{BorshDeserialize, BorshSerialize};

/// A multimap from hashes to indices.
#[derive(Clone, Debug, BorshSerialize, BorshDeserialize)]
pub struct IndexTable {
    segments: Vec<Segment>,
    /// How many of the top bits of a hash choose the segment.
    bits: u32,
    len: u32,
}

/// 1,024 segments: 50 M entries make 49,000 a segment.
const SEGMENT_BITS: u32 = 10;

/// Larger than every slot: no index is `u32::MAX`.
const EMPTY: u64 = u64::MAX;

#[derive(Clone, Debug, Default, BorshSerialize, BorshDeserialize)]
struct Segment {
    /// `capacity` homes, then some more for those who collide at the end; the last one is always empty. None before
    /// the first entry.
    slots: Box<[u64]>,
    capacity: u32,
    len: u32,
}

/// Slots behind the last home of a segment at first.
const SPARE: usize = 8;

impl Default for IndexTable {
    fn default() -> Self {
        IndexTable::new()
    }
}

impl IndexTable {
    /// An empty table for up to 100 M entries; 24 KB before the first.
    pub fn new() -> IndexTable {
        IndexTable::with_segment_bits(SEGMENT_BITS)
    }

    /// An empty table of 2^`bits` segments (`bits` at most 16): 0 for a small one. A segment should stay below
    /// 100,000 entries, or its growth is felt.
    pub fn with_segment_bits(bits: u32) -> IndexTable {
        assert!(bits <= 16, "at most 65,536 segments");
        IndexTable { segments: vec![Segment::default(); 1 << bits], bits, len: 0 }
    }

    /// Entries.
    #[inline]
    pub fn len(&self) -> u32 {
        self.len
    }

    /// Whether there is none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes allocated.
    pub fn bytes(&self) -> usize {
        let slots: usize = self.segments.iter().map(|segment| segment.slots.len() * size_of::<u64>()).sum();
        slots + self.segments.len() * size_of::<Segment>()
    }

    /// The first index under this hash, smallest first, of which `is_it` says so. It is also asked about the few
    /// whose hash differs, but not in the tag.
    #[inline]
    pub fn find(&self, hash: u64, mut is_it: impl FnMut(u32) -> bool) -> Option<u32> {
        let (segment, tag) = self.locate(hash);
        let first = slot_of(tag, 0);
        for slot in self.segments[segment].behind_home(tag) {
            if *slot >= first {
                if tag_of(*slot) != tag || *slot == EMPTY {
                    return None;
                }
                if is_it(index_of(*slot)) {
                    return Some(index_of(*slot));
                }
            }
        }
        None
    }

    /// Adds an index under this hash, whether or not there are others.
    #[inline]
    pub fn insert(&mut self, hash: u64, index: u32) {
        assert!(index < u32::MAX, "an index below 2^32 - 1");
        let (segment, tag) = self.locate(hash);
        self.segments[segment].insert(slot_of(tag, index), segment);
        self.len += 1;
    }

    /// Adds an index under this hash in the place of one that is `dead`, if one stands in its way. Before a segment grows, its
    /// dead entries are taken out; it grows only if those that are left fill three quarters of it.
    #[inline]
    pub fn insert_over(&mut self, hash: u64, index: u32, dead: impl Fn(u32) -> bool) {
        assert!(index < u32::MAX, "an index below 2^32 - 1");
        let (segment, tag) = self.locate(hash);
        let before = self.segments[segment].len;
        self.segments[segment].insert_over(slot_of(tag, index), segment, dead);
        self.len = self.len - before + self.segments[segment].len;
    }

    /// Takes one entry out; whether it was there.
    #[inline]
    pub fn remove(&mut self, hash: u64, index: u32) -> bool {
        let (segment, tag) = self.locate(hash);
        let segment = &mut self.segments[segment];
        let Some(at) = segment.place(slot_of(tag, index)) else { return false };
        segment.close(at);
        self.len -= 1;
        true
    }

    /// Puts `new` in the place of `old` under this hash; whether `old` was there.
    #[inline]
    pub fn replace(&mut self, hash: u64, old: u32, new: u32) -> bool {
        let found = self.remove(hash, old);
        if found {
            self.insert(hash, new);
        }
        found
    }

    /// Asks for the line in which a search for this hash begins.
    #[inline]
    pub fn prefetch(&self, hash: u64) {
        let (segment, tag) = self.locate(hash);
        let segment = &self.segments[segment];
        prefetch(&segment.slots, segment.home(tag));
    }

    #[inline]
    fn locate(&self, hash: u64) -> (usize, u32) {
        let segment = hash.rotate_left(self.bits) as usize & (self.segments.len() - 1);
        // The tag is taken from below the largest number of segments, whatever theirs is.
        (segment, (hash >> 16) as u32)
    }
}

impl Segment {
    /// Where a tag's search begins. Grows with the tag.
    #[inline]
    fn home(&self, tag: u32) -> usize {
        home(tag, self.capacity)
    }

    /// The slots from a tag's home on.
    #[inline]
    fn behind_home(&self, tag: u32) -> &[u64] {
        &self.slots[self.home(tag)..]
    }

    /// The place of a slot that is there.
    #[inline]
    fn place(&self, slot: u64) -> Option<usize> {
        let behind_home = self.behind_home(tag_of(slot));
        let before = behind_home.iter().position(|other| *other >= slot)?;
        (behind_home[before] == slot).then(|| self.home(tag_of(slot)) + before)
    }

    #[inline]
    fn insert_over(&mut self, slot: u64, number: usize, dead: impl Fn(u32) -> bool) {
        if u64::from(self.len) * 5 >= u64::from(self.capacity) * 4 {
            self.purge(&dead);
            if u64::from(self.len) * 4 >= u64::from(self.capacity) * 3 {
                self.grow(number);
            }
        }
        self.len += 1;
        while !self.open(slot, &dead) {
            self.resize(self.capacity, self.spare() * 2);
        }
    }

    /// Takes all dead entries out: the others move back towards their homes, in order.
    #[cold]
    fn purge(&mut self, dead: &impl Fn(u32) -> bool) {
        let (mut next, mut kept) = (0, 0);
        for place in 0..self.slots.len() {
            let slot = std::mem::replace(&mut self.slots[place], EMPTY);
            if slot != EMPTY && !dead(index_of(slot)) {
                let at = next.max(home(tag_of(slot), self.capacity));
                self.slots[at] = slot;
                next = at + 1;
                kept += 1;
            }
        }
        self.len = kept;
    }

    #[inline]
    fn insert(&mut self, slot: u64, number: usize) {
        if u64::from(self.len) * 5 >= u64::from(self.capacity) * 4 {
            self.grow(number);
        }
        self.len += 1;
        while !self.open(slot, &|_| false) {
            self.resize(self.capacity, self.spare() * 2);
        }
    }

    /// Moves what is larger to the right, up to the first that is dead, and puts the slot in; `false` if there is no room
    /// at the end.
    #[inline]
    fn open(&mut self, slot: u64, dead: &impl Fn(u32) -> bool) -> bool {
        let home = self.home(tag_of(slot));
        let slots = &mut self.slots[home..];
        let at = slots.iter().position(|other| *other >= slot).expect("the last slot is empty");
        let mut moved = slot;
        for (place, other) in slots.iter_mut().enumerate().skip(at) {
            std::mem::swap(other, &mut moved);
            if moved == EMPTY {
                if home + place + 1 < self.slots.len() {
                    return true;
                }
                break;
            }
            if dead(index_of(moved)) {
                self.len -= 1;
                return true;
            }
        }
        // The last slot was taken, which must stay empty: all are moved back.
        self.slots.copy_within(home + at + 1.., home + at);
        *self.slots.last_mut().expect("there is a last slot") = EMPTY;
        false
    }

    /// Takes the slot at a place out and moves back those behind that do not stand at their home.
    #[inline]
    fn close(&mut self, at: usize) {
        let capacity = self.capacity;
        let behind = self.slots[at + 1..].iter().enumerate();
        let stays =
            |(place, slot): (usize, &u64)| *slot == EMPTY || home(tag_of(*slot), capacity) == at + 1 + place;
        let moving = behind.map(stays).position(|stays| stays).expect("the last slot is empty");
        self.slots.copy_within(at + 1..at + 1 + moving, at);
        self.slots[at + moving] = EMPTY;
        self.len -= 1;
    }

    fn spare(&self) -> usize {
        (self.slots.len() - self.capacity as usize).max(SPARE)
    }

    #[cold]
    fn grow(&mut self, number: usize) {
        // From 16 to 19 in the beginning: the factor by which they grow, spread over the segments.
        let first = 16 + number as u32 % 4;
        let next = if self.capacity == 0 { first } else { self.capacity + self.capacity / 4 };
        self.resize(next, self.spare());
    }

    /// Moves the slots, in order, each to its home or behind the one before.
    #[cold]
    fn resize(&mut self, capacity: u32, spare: usize) {
        let old = std::mem::take(&mut self.slots);
        self.capacity = capacity;
        let mut slots = vec![EMPTY; capacity as usize + spare];
        let mut next = 0;
        for slot in old.iter().filter(|slot| **slot != EMPTY) {
            let at = next.max(home(tag_of(*slot), capacity));
            next = at + 1;
            if next == slots.len() {
                slots.resize(slots.len() + spare, EMPTY);
            }
            slots[at] = *slot;
        }
        self.slots = slots.into_boxed_slice();
    }
}

#[inline]
const fn home(tag: u32, capacity: u32) -> usize {
    ((tag as u64 * capacity as u64) >> 32) as usize
}

#[inline]
const fn slot_of(tag: u32, index: u32) -> u64 {
    (tag as u64) << 32 | index as u64
}

#[inline]
const fn tag_of(slot: u64) -> u32 {
    (slot >> 32) as u32
}

#[inline]
const fn index_of(slot: u64) -> u32 {
    slot as u32
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::collections::seeded::{Seeded, mix, seeds};

    fn all(table: &IndexTable, hash: u64) -> Vec<u32> {
        let mut found = Vec::new();
        assert_eq!(
            table.find(hash, |index| {
                found.push(index);
                false
            }),
            None
        );
        found
    }

    fn check(table: &IndexTable) {
        let mut len = 0;
        for segment in &table.segments {
            let mut last = 0;
            for (at, slot) in segment.slots.iter().enumerate().filter(|(_, slot)| **slot != EMPTY) {
                assert!(*slot >= last && segment.home(tag_of(*slot)) <= at, "sorted, none before its home");
                assert!(
                    (segment.home(tag_of(*slot))..at).all(|between| segment.slots[between] != EMPTY),
                    "no gap between home and place"
                );
                last = *slot;
                len += 1;
            }
            assert_eq!(segment.slots.last().copied().unwrap_or(EMPTY), EMPTY);
        }
        assert_eq!(table.len(), len);
    }

    /// Hashes of this many tags in this many segments, also those at the ends of a segment.
    fn hash(random: &mut Seeded, tags: u64) -> u64 {
        let pick = random.below(tags);
        match pick % 8 {
            0 => mix(pick) | 0x0000_ffff_ffff_0000,
            1 => mix(pick) & !0x0000_ffff_ffff_0000,
            _ => mix(pick),
        }
    }

    #[test]
    fn does_what_an_ordered_set_does() {
        for seed in 0..seeds(12) {
            let mut random = Seeded(seed);
            let mut table = IndexTable::with_segment_bits([0, 1, 10, 16][seed as usize % 4]);
            let mut twin = BTreeSet::new();
            let tags = [5, 60, 100_000][seed as usize % 3];
            for step in 0..3_000 {
                let hash = hash(&mut random, tags);
                let some = twin.range((hash, 0)..=(hash, u32::MAX)).next().copied();
                match (random.below(8), some) {
                    (0..5, _) => {
                        let index = random.below(1_000_000) as u32;
                        if twin.insert((hash, index)) {
                            table.insert(hash, index);
                        }
                    }
                    (5, Some((_, index))) => {
                        assert!(table.replace(hash, index, step));
                        assert!(twin.remove(&(hash, index)));
                        twin.insert((hash, step));
                    }
                    (_, Some((_, index))) => {
                        assert!(table.remove(hash, index) && !table.remove(hash, index));
                        twin.remove(&(hash, index));
                    }
                    // An entry of another hash may share tag and index.
                    _ if all(&table, hash).contains(&step) => {}
                    _ => assert!(!table.remove(hash, step) && !table.replace(hash, step, 0)),
                }
                let expected: Vec<u32> =
                    twin.range((hash, 0)..=(hash, u32::MAX)).map(|entry| entry.1).collect();
                // Others may share the tag: none is missing, and what is found is in ascending order.
                let found = all(&table, hash);
                assert!(found.is_sorted() && expected.iter().all(|index| found.contains(index)));
                assert_eq!(table.len() as usize, twin.len());
                table.prefetch(hash);
            }
            check(&table);
        }
    }

    #[test]
    fn takes_the_places_of_the_dead() {
        for seed in 0..seeds(12) {
            let mut random = Seeded(seed);
            let mut table = IndexTable::with_segment_bits([0, 1, 4][seed as usize % 3]);
            let mut live = BTreeSet::new();
            let lifetime = [10, 300, 2_000][seed as usize / 3 % 3];
            for index in 0..12_000 {
                let hash = hash(&mut random, 100_000);
                let first = index - lifetime.min(index);
                table.insert_over(hash, index, |index| index < first);
                live.insert((index, hash));
                live = live.split_off(&(first, 0));
                let (index, hash) = *live.iter().nth(random.below(live.len() as u64) as usize).unwrap();
                assert_eq!(table.find(hash, |it| it == index), Some(index));
            }
            assert!(live.iter().all(|(index, hash)| table.find(*hash, |it| it == *index).is_some()));
            check(&table);
            assert!(table.len() < 2 * lifetime + 1_000, "{} for {lifetime}", table.len());
        }
    }

    #[test]
    fn forgets_its_history() {
        let (mut one, mut other) = (IndexTable::with_segment_bits(0), IndexTable::with_segment_bits(0));
        (0..1_000).for_each(|index| one.insert(mix(u64::from(index)), index));
        (0..1_000).rev().for_each(|index| other.insert(mix(u64::from(index)), index));
        let places = |table: &IndexTable| {
            let slots = table.segments[0].slots.iter().copied().enumerate();
            slots.filter(|(_, slot)| *slot != EMPTY).collect::<Vec<_>>()
        };
        assert!(places(&one) == places(&other));
        (0..1_000).for_each(|index| assert!(one.remove(mix(u64::from(index)), index)));
        assert!(one.is_empty() && one.segments[0].slots.iter().all(|slot| *slot == EMPTY));
    }

    #[test]
    fn many_under_one_hash_make_room_at_the_end() {
        for hash in [0, u64::MAX] {
            let mut table = IndexTable::new();
            (0..5_000).for_each(|index| table.insert(hash, index));
            assert!(all(&table, hash).into_iter().eq(0..5_000));
            check(&table);
            assert!(table.bytes() < 300_000, "{}", table.bytes());
        }
    }

    #[test]
    fn costs_less_than_thirteen_bytes_an_entry() {
        for entries in [200_000, 250_000, 300_000, 400_000] {
            let mut table = IndexTable::new();
            (0..entries).for_each(|index| table.insert(mix(u64::from(index)), index));
            assert!((table.bytes() as u32) < entries * 13, "{entries}: {}", table.bytes());
            assert!((0..entries).all(|index| table.find(mix(u64::from(index)), |it| it == index).is_some()));
        }
    }
}
