//! Who owns which identifier: one table, whose slots hold the keyed hash, the kind and the customer themselves, so that
//! a look-up reads one cache line. Entries are only added; the owner is followed to its root by `Customers`.
//!
//! A bucket is a line of four slots. The top bits of the hash choose one of 1,024 segments, others the home bucket, and
//! what finds its bucket full lies in the next; a search ends at the first bucket that is not full. Of the 128 bits of a
//! hash 92 are kept; the segment stands for ten more and the home for about as many as there are buckets.
//!
//! Segments grow on their own, by a half at three quarters, from capacities that are spread over that factor, so that
//! they do not all grow at once: 26.3 bytes an identifier in the mean.

use crate::collections::prefetch::prefetch;
use crate::types::KindId;
use crate::types::event::Identifier;

/// No customer.
pub(super) const NONE: u32 = u32::MAX;

/// All identifiers that a customer owns.
#[derive(Clone, Debug)]
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

#[derive(Clone, Debug, Default)]
struct Segment {
    /// `homes` buckets, then some more for those who collide at the end; the last one is never full.
    buckets: Box<[Bucket]>,
    homes: u32,
    len: u32,
}

/// Filled from the first slot on.
#[derive(Copy, Clone, Debug)]
#[repr(align(64))]
struct Bucket([Slot; SLOTS]);

/// | bits | field |
/// |---|---|
/// | 64 | lower half of the hash |
/// | 28 + 4 | upper bits of the hash, kind |
/// | 32 | the customer who got it, or a later survivor; `NONE`: empty |
#[derive(Copy, Clone, Debug)]
struct Slot {
    low: u64,
    high: u32,
    customer: u32,
}

const _: () = assert!(size_of::<Bucket>() == 64);

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

    /// The customer who got the identifier, or a later survivor, or `NONE`.
    #[inline]
    pub fn find(&self, identifier: Identifier) -> u32 {
        let slot = slot_of(identifier, NONE);
        let segment = &self.segments[segment_of(slot.low)];
        for bucket in segment.behind_home(slot.low) {
            for other in &bucket.0 {
                if other.low == slot.low && other.high == slot.high && other.customer != NONE {
                    return other.customer;
                }
            }
            if !bucket.is_full() {
                break;
            }
        }
        NONE
    }

    /// Shortens the way from an identifier that is there to its root.
    pub fn set_customer(&mut self, identifier: Identifier, customer: u32) {
        let slot = slot_of(identifier, customer);
        let segment = &mut self.segments[segment_of(slot.low)];
        let home = segment.home(slot.low);
        let mut slots = segment.buckets[home..].iter_mut().flat_map(|bucket| &mut bucket.0);
        let same = |other: &&mut Slot| other.low == slot.low && other.high == slot.high;
        *slots.find(same).expect("an identifier that was found") = slot;
    }

    /// Gives an identifier that nobody owns to a customer.
    pub fn insert(&mut self, identifier: Identifier, customer: u32) {
        debug_assert_eq!(self.find(identifier), NONE, "an identifier has one owner");
        assert!(customer < NONE && self.len < u32::MAX, "fewer than 2^32 - 1 customers and identifiers");
        let slot = slot_of(identifier, customer);
        let number = segment_of(slot.low);
        self.segments[number].insert(slot, number);
        self.len += 1;
    }

    /// Every identifier as (kind, customer who got it), for audits.
    pub fn owners(&self) -> impl Iterator<Item = (KindId, u32)> {
        let slots = self.segments.iter().flat_map(|segment| &segment.buckets).flat_map(|bucket| &bucket.0);
        let used = slots.filter(|slot| slot.customer != NONE);
        used.map(|slot| (KindId((slot.high & 15) as u8), slot.customer))
    }
}

impl Segment {
    /// The bucket in which the search for a hash begins.
    #[inline]
    fn home(&self, low: u64) -> usize {
        ((u64::from((low >> 16) as u32) * u64::from(self.homes)) >> 32) as usize
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
        let free = bucket.0.iter_mut().find(|other| other.customer == NONE);
        *free.expect("the bucket is not full") = slot;
        // Asked only of the last bucket itself, whose line nobody else has to wait for.
        if bucket.is_full() && place + 1 == self.buckets.len() {
            self.lengthen();
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
}

#[inline]
fn segment_of(low: u64) -> usize {
    (low >> (64 - SEGMENT_BITS)) as usize
}

#[inline]
fn slot_of(identifier: Identifier, customer: u32) -> Slot {
    let high = (identifier.hash >> 100) as u32;
    Slot { low: identifier.hash as u64, high: high << 4 | u32::from(identifier.kind.0), customer }
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
    fn costs_less_than_thirty_bytes_an_identifier() {
        for count in [300_000, 360_000, 430_000] {
            let mut identifiers = Identifiers::default();
            (0..count).for_each(|number| identifiers.insert(identifier(number, 0), number as u32));
            assert!(identifiers.bytes() < count as usize * 30, "{count}: {}", identifiers.bytes());
        }
    }
}
