//! What each customer owns: rings of keys, so that two of them are joined by one exchange. Read only where a customer or an
//! identifier leaves. 16 bytes an identifier.

use crate::collections::Pages;
use borsh::{BorshDeserialize, BorshSerialize};

use super::identifiers::{Key, NONE};

/// Rings of keys; a ring is known by any of its members.
#[derive(Clone, Debug, BorshSerialize, BorshDeserialize)]
pub(super) struct Owned {
    members: Pages<Member>,
    /// The first place that is free; each leads to the next.
    free: u32,
}

#[derive(Copy, Clone, Debug, BorshSerialize, BorshDeserialize)]
struct Member {
    low: u64,
    high: u32,
    next: u32,
}

const _: () = assert!(size_of::<Member>() == 16);

impl Default for Owned {
    fn default() -> Owned {
        Owned { members: Pages::default(), free: NONE }
    }
}

impl Owned {
    /// Adds a key to a ring (`NONE`: a new one); a member of it.
    #[inline]
    pub fn add(&mut self, ring: u32, key: Key) -> u32 {
        let member = Member::of(key, NONE);
        let place = match self.free {
            NONE => self.members.push(member),
            place => {
                self.free = self.members[place].next;
                self.members[place] = member;
                place
            }
        };
        self.members[place].next = place;
        self.join(ring, place)
    }

    /// Makes two rings one; a member of it.
    #[inline]
    pub fn join(&mut self, ring: u32, other: u32) -> u32 {
        if ring == NONE || other == NONE {
            return ring.min(other);
        }
        let next = self.members[ring].next;
        self.members[ring].next = self.members[other].next;
        self.members[other].next = next;
        ring
    }

    /// Takes a key out of its ring; a member of the rest, or `NONE`.
    pub fn remove(&mut self, ring: u32, key: Key) -> u32 {
        let mut before = ring;
        while self.members[self.members[before].next].key() != key {
            before = self.members[before].next;
            assert!(before != ring, "a key that is in the ring");
        }
        let place = self.members[before].next;
        self.members[before].next = self.members[place].next;
        self.give_back(place);
        if before == place { NONE } else { before }
    }

    /// Takes one key after another out of a ring until it is empty; the next of them, and a member of the rest.
    pub fn pop(&mut self, ring: u32) -> Option<(Key, u32)> {
        if ring == NONE {
            return None;
        }
        let place = self.members[ring].next;
        let member = self.members[place];
        self.members[ring].next = member.next;
        self.give_back(place);
        Some((member.key(), if place == ring { NONE } else { ring }))
    }

    /// Bytes allocated.
    pub fn bytes(&self) -> usize {
        self.members.bytes()
    }

    fn give_back(&mut self, place: u32) {
        self.members[place] = Member { low: 0, high: 0, next: self.free };
        self.free = place;
    }
}

impl Member {
    #[inline]
    fn of(Key { low, high }: Key, next: u32) -> Member {
        Member { low, high, next }
    }

    #[inline]
    fn key(self) -> Key {
        Key { low: self.low, high: self.high }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: u128) -> Key {
        Key::of_number(number)
    }

    fn all(owned: &mut Owned, mut ring: u32) -> Vec<u128> {
        let mut all = Vec::new();
        while let Some((key, rest)) = owned.pop(ring) {
            all.push(key.number());
            ring = rest;
        }
        all.sort_unstable();
        all
    }

    #[test]
    fn rings_are_joined_and_lose_members() {
        let mut owned = Owned::default();
        let one = (1..4).fold(NONE, |ring, number| owned.add(ring, key(number)));
        let other = (7..9).fold(NONE, |ring, number| owned.add(ring, key(number)));
        let ring = owned.join(one, other);
        let ring = [2, 8, 1].into_iter().fold(ring, |ring, number| owned.remove(ring, key(number)));
        assert_eq!(all(&mut owned, ring), [3, 7]);
        let alone = owned.add(NONE, key(5));
        assert_eq!((owned.remove(alone, key(5)), owned.members.len()), (NONE, 5), "places are used again");
        assert_eq!((owned.join(NONE, NONE), owned.pop(NONE)), (NONE, None));
    }
}
