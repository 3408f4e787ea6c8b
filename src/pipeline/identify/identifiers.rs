//! Who owns which identifier: one table, whose slots hold the keyed hash, the kind and the customer themselves, so that
//! a look-up reads one cache line. The owner is followed to its root by `Customers`.
//!
//! A bucket is a line of four slots. The top bits of the hash choose one of 1,024 segments, others the home bucket, and
//! what finds its bucket full lies in the next; a search ends at the first bucket that is not full, and what leaves lets
//! one of those behind it move up. Of the 128 bits of a hash 91 are kept; the segment stands for ten more and the home for about as many as there are buckets.
//!
//! Segments grow on their own, by a half at three quarters, from capacities that are spread over that factor, so that
//! they do not all grow at once: 26.3 bytes an identifier in the mean.

use crate::collections::prefetch::prefetch;
use crate::types::KindId;
use crate::types::event::Identifier;
use borsh::{BorshDeserialize, BorshSerialize};

/// No customer.
pub(super) const NONE: u32 = u32::MAX;
/// The identifier does not identify any more, whoever owns it.
pub(super) const GENERIC: u32 = u32::MAX - 1;
/// In a slot: a generic identifier that nobody owns.
const NOBODY: u32 = u32::MAX - 1;

/// All identifiers that a customer owns.
#[derive(Clone, Debug, BorshSerialize, BorshDeserialize)]
pub(super) struct Identifiers {
    segments: Vec<Segment>,
    len: u32,
}

/// 1,024 segments: 25 M identifiers make 24,000 a segment.
const SEGMENT_BITS: u32 = 10;
/// Slots of a bucket.
const SLOTS: usize = 4;
/// Buckets behind the last home of a segment at first.
const SPARE: usize = 2;
/// Of this many slots those below are used when a segment grows.
const FULL: (usize, usize) = (4, 3);

#[derive(Clone, Debug, Default, BorshSerialize, BorshDeserialize)]
struct Segment {
    /// `homes` buckets, then some more for those who collide at the end; the last one is never full.
    buckets: Box<[Bucket]>,
    homes: u32,
    len: u32,
}

/// Filled from the first slot on.
#[derive(Copy, Clone, Debug, BorshSerialize, BorshDeserialize)]
#[repr(align(64))]
struct Bucket([Slot; SLOTS]);

/// What the table keeps of an identifier.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(super) struct Key {
    /// Lower half of the hash.
    pub low: u64,
    /// Upper bits of the hash, a bit of the slot, kind.
    pub high: u32,
}

/// | bits | field |
/// |---|---|
/// | 64 | lower half of the hash |
/// | 27 + 1 + 4 | upper bits of the hash, whether it is generic, kind |
/// | 32 | the customer who got it, or a later survivor; `NONE`: empty |
#[derive(Copy, Clone, Debug, BorshSerialize, BorshDeserialize)]
struct Slot {
    low: u64,
    high: u32,
    customer: u32,
}

const _: () = assert!(size_of::<Bucket>() == 64);

/// In `Slot::high`.
const IS_GENERIC: u32 = 16;

const EMPTY: Slot = Slot { low: 0, high: 0, customer: NONE };

impl Default for Identifiers {
    fn default() -> Self {
        Identifiers { segments: vec![Segment::default(); 1 << SEGMENT_BITS], len: 0 }
    }
}

impl Identifiers {
    /// Identifiers owned.
    pub fn len(&self) -> u32 {
        self.len
    }

    /// Bytes allocated.
    pub fn bytes(&self) -> usize {
        let buckets: usize = self.segments.iter().map(|segment| size_of_val(&*segment.buckets)).sum();
        buckets + self.segments.len() * size_of::<Segment>()
    }

    /// Asks for the identifier's bucket.
    #[inline]
    pub fn prefetch(&self, identifier: Identifier) {
        let segment = &self.segments[segment_of(identifier.hash as u64)];
        prefetch(&segment.buckets, segment.home(identifier.hash as u64));
    }

    /// The customer who got the identifier, or a later survivor, or `NONE`, or `GENERIC`.
    #[inline]
    pub fn find(&self, identifier: Identifier) -> u32 {
        let key = Key::of(identifier);
        let segment = &self.segments[segment_of(key.low)];
        for bucket in segment.behind_home(key.low) {
            for other in &bucket.0 {
                if other.low == key.low && other.is(key) {
                    return if other.high & IS_GENERIC == 0 { other.customer } else { GENERIC };
                }
            }
            if !bucket.is_full() {
                break;
            }
        }
        NONE
    }

    /// Gives an identifier that is there to another customer: to its root, which shortens the way, or to somebody else.
    pub fn set_customer(&mut self, identifier: Identifier, customer: u32) {
        let key = Key::of(identifier);
        let slot = self.segments[segment_of(key.low)].slot_mut(key).expect("an identifier that was found");
        slot.customer = customer;
    }

    /// The identifier does not identify any more. Whether somebody owns it.
    pub fn set_generic(&mut self, identifier: Identifier) -> bool {
        let key = Key::of(identifier);
        if let Some(slot) = self.segments[segment_of(key.low)].slot_mut(key) {
            slot.high |= IS_GENERIC;
            return true;
        }
        self.put(Slot { low: key.low, high: key.high | IS_GENERIC, customer: NOBODY });
        false
    }

    /// Gives an identifier that nobody owns to a customer.
    pub fn insert(&mut self, identifier: Identifier, customer: u32) {
        debug_assert_eq!(self.find(identifier), NONE, "an identifier has one owner");
        assert!(customer < NOBODY && self.len < u32::MAX, "fewer than 2^32 - 2 customers and identifiers");
        let key = Key::of(identifier);
        self.put(Slot { low: key.low, high: key.high, customer });
    }

    /// Takes an identifier that is there out.
    pub fn remove(&mut self, key: Key) {
        self.segments[segment_of(key.low)].remove(key);
        self.len -= 1;
    }

    #[inline]
    fn put(&mut self, slot: Slot) {
        let number = segment_of(slot.low);
        self.segments[number].insert(slot, number);
        self.len += 1;
    }

    /// Every identifier as (kind, customer who got it), for audits.
    pub fn owners(&self) -> impl Iterator<Item = (KindId, u32)> {
        let slots = self.segments.iter().flat_map(|segment| &segment.buckets).flat_map(|bucket| &bucket.0);
        let used = slots.filter(|slot| slot.customer < NOBODY);
        used.map(|slot| (KindId((slot.high & 15) as u8), slot.customer))
    }
}

impl Segment {
    /// The bucket in which the search for a hash begins.
    #[inline]
    fn home(&self, low: u64) -> usize {
        home_of(low, self.homes)
    }

    #[inline]
    fn behind_home(&self, low: u64) -> &[Bucket] {
        &self.buckets[self.home(low)..]
    }

    #[inline]
    fn insert(&mut self, slot: Slot, number: usize) {
        if self.len as usize * FULL.0 >= self.homes as usize * SLOTS * FULL.1 {
            self.grow(number);
        }
        self.put(slot);
        self.len += 1;
    }

    /// Puts a slot into the first bucket from its home on that is not full.
    #[inline]
    fn put(&mut self, slot: Slot) {
        let home = self.home(slot.low);
        let place = self.buckets[home..].iter().position(|bucket| !bucket.is_full());
        let place = home + place.expect("the last bucket is not full");
        let bucket = &mut self.buckets[place];
        bucket.fill(slot);
        // Asked only of the last bucket itself, whose line nobody else has to wait for.
        if bucket.is_full() && place + 1 == self.buckets.len() {
            self.lengthen();
        }
    }

    fn slot_mut(&mut self, key: Key) -> Option<&mut Slot> {
        let home = self.home(key.low);
        for bucket in &mut self.buckets[home..] {
            if bucket.0.iter().any(|slot| slot.is(key)) {
                return bucket.0.iter_mut().find(|slot| slot.is(key));
            }
            if !bucket.is_full() {
                break;
            }
        }
        None
    }

    /// Takes a slot out. As long as buckets behind it are full, or were, one of theirs whose home lies far enough in front moves
    /// up into the gap, which is then where that one was.
    fn remove(&mut self, key: Key) {
        let from = self.home(key.low);
        let mut gap = from
            + self.buckets[from..]
                .iter()
                .position(|bucket| bucket.0.iter().any(|slot| slot.is(key)))
                .expect("an identifier that is there");
        let was_full = self.buckets[gap].is_full();
        self.buckets[gap].take(|slot| slot.is(key));
        self.len -= 1;
        let mut next = gap + 1;
        let mut goes_on = was_full;
        while goes_on && next < self.buckets.len() {
            goes_on = self.buckets[next].is_full();
            let homes = self.homes;
            if let Some(moved) = self.buckets[next].take(|slot| home_of(slot.low, homes) <= gap) {
                self.buckets[gap].fill(moved);
                gap = next;
            }
            next += 1;
        }
    }

    #[cold]
    fn lengthen(&mut self) {
        let mut buckets = std::mem::take(&mut self.buckets).into_vec();
        buckets.resize(buckets.len() + SPARE, Bucket([EMPTY; SLOTS]));
        self.buckets = buckets.into_boxed_slice();
    }

    /// Moves the slots, in order, into more buckets.
    #[cold]
    fn grow(&mut self, number: usize) {
        // From 8 to 11 in the beginning: the factor by which they grow, spread over the segments.
        let first = 8 + number as u32 % 4;
        self.homes = if self.homes == 0 { first } else { self.homes + self.homes / 2 };
        let more = vec![Bucket([EMPTY; SLOTS]); self.homes as usize + SPARE].into_boxed_slice();
        let before = std::mem::replace(&mut self.buckets, more);
        for slot in before.iter().flat_map(|bucket| &bucket.0).filter(|slot| slot.customer != NONE) {
            self.put(*slot);
        }
    }
}

impl Bucket {
    #[inline]
    fn is_full(&self) -> bool {
        self.0[SLOTS - 1].customer != NONE
    }

    /// Puts a slot behind the others.
    #[inline]
    fn fill(&mut self, slot: Slot) {
        let free = self.0.iter_mut().find(|other| other.customer == NONE);
        *free.expect("the bucket is not full") = slot;
    }

    /// Takes the first slot of which `is_it` says so out; the last one takes its place.
    fn take(&mut self, is_it: impl Fn(&Slot) -> bool) -> Option<Slot> {
        let used = self.0.iter().position(|slot| slot.customer == NONE).unwrap_or(SLOTS);
        let place = self.0[..used].iter().position(is_it)?;
        let taken = self.0[place];
        self.0[place] = self.0[used - 1];
        self.0[used - 1] = EMPTY;
        Some(taken)
    }
}

impl Slot {
    #[inline]
    fn is(&self, key: Key) -> bool {
        self.low == key.low && self.high & !IS_GENERIC == key.high && self.customer != NONE
    }
}

impl Key {
    #[inline]
    pub fn of(identifier: Identifier) -> Key {
        let high = (identifier.hash >> 101) as u32;
        Key { low: identifier.hash as u64, high: high << 5 | u32::from(identifier.kind.0) }
    }

    /// The key as a number whose low half is well mixed.
    pub fn number(self) -> u128 {
        u128::from(self.high) << 64 | u128::from(self.low)
    }

    /// Its kind.
    pub fn kind(self) -> KindId {
        KindId((self.high & 15) as u8)
    }

    /// The key that has this number.
    pub fn of_number(number: u128) -> Key {
        Key { low: number as u64, high: (number >> 64) as u32 }
    }
}

#[inline]
fn segment_of(low: u64) -> usize {
    (low >> (64 - SEGMENT_BITS)) as usize
}

#[inline]
fn home_of(low: u64, homes: u32) -> usize {
    ((u64::from((low >> 16) as u32) * u64::from(homes)) >> 32) as usize
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::collections::seeded::{Seeded, mix, seeds};

    fn identifier(number: u64, bits: u64) -> Identifier {
        let hash = u128::from(mix(number)) << 64 | u128::from(mix(!number) & !bits);
        Identifier { hash, kind: KindId((number % 3) as u8) }
    }

    #[test]
    fn does_what_an_ordered_map_does() {
        for seed in 0..seeds(12) {
            let mut random = Seeded(seed);
            let (mut identifiers, mut twin) = (Identifiers::default(), BTreeMap::new());
            // Everywhere, in one segment, in one bucket, at the end of one segment.
            let bits = [0, 1023 << 54, u64::MAX << 16, 1023 << 54][seed as usize % 4];
            let last = if seed % 4 == 3 { 0xffff_ffff_0000 } else { 0 };
            for step in 0..3_000 {
                let number = random.below(2_500);
                let mut identifier = identifier(number, bits);
                identifier.hash |= last;
                let owner = twin.get(&number).copied();
                assert_eq!(identifiers.find(identifier), owner.unwrap_or(NONE), "seed {seed}");
                identifiers.prefetch(identifier);
                match owner {
                    None => identifiers.insert(identifier, step),
                    Some(_) if random.below(3) == 0 => {
                        identifiers.remove(Key::of(identifier));
                        assert_eq!(identifiers.find(identifier), NONE);
                        twin.remove(&number);
                        continue;
                    }
                    Some(_) => identifiers.set_customer(identifier, step),
                }
                twin.insert(number, step);
            }
            assert_eq!(identifiers.len() as usize, twin.len());
            let mut owners: Vec<u32> = identifiers.owners().map(|(_, customer)| customer).collect();
            owners.sort_unstable();
            let mut expected: Vec<u32> = twin.into_values().collect();
            expected.sort_unstable();
            assert_eq!(owners, expected);
        }
    }

    #[test]
    fn a_generic_one_is_found_as_such_and_stays_its_owners() {
        let mut identifiers = Identifiers::default();
        let (owned, unowned) = (identifier(1, 0), identifier(2, 0));
        identifiers.insert(owned, 7);
        assert!(identifiers.set_generic(owned) && !identifiers.set_generic(unowned));
        assert_eq!((identifiers.find(owned), identifiers.find(unowned)), (GENERIC, GENERIC));
        assert!(identifiers.owners().eq([(owned.kind, 7)]));
        [owned, unowned].iter().for_each(|one| identifiers.remove(Key::of_number(Key::of(*one).number())));
        assert_eq!((identifiers.find(owned), identifiers.find(unowned)), (NONE, NONE));
        assert_eq!(identifiers.len(), 0);
    }

    #[test]
    fn costs_less_than_thirty_bytes_an_identifier() {
        for count in [300_000, 360_000, 430_000] {
            let mut identifiers = Identifiers::default();
            (0..count).for_each(|number| identifiers.insert(identifier(number, 0), number as u32));
            assert!(identifiers.bytes() < count as usize * 30, "{count}: {}", identifiers.bytes());
        }
    }
}
