//! Customers as flat records; the number of the founding says who survives: the smaller one. Who was absorbed points to its
//! survivor by a way that is halved as it is walked; the lower tree of ways goes under the higher one, and its end names the
//! survivor (disjoint sets linked by rank, with a name of their own, so that neither the cut into batches nor the way shows).
//!
//! 64 bytes a customer and 11.2 of the table of ids in the mean. Absorbed customers stay as long as their survivor: their
//! ids are aliases. Who is erased or forgotten leaves its record to another.

use borsh::{BorshDeserialize, BorshSerialize};
use std::collections::BTreeMap;

use crate::collections::{IndexTable, Pages, Slots};
use crate::rules::keys::founding_bits;
use crate::rules::{FORGET_LOOKS, FORGET_SLOT};
use crate::types::ids::KINDS_MAX;
use crate::types::{CustomerId, DurationMs, KindId, Millis};

use super::generations::Generations;
use super::identifiers::NONE;

/// Everybody who is known.
#[derive(Clone, Debug, BorshSerialize, BorshDeserialize)]
pub(super) struct Customers {
    records: Pages<Customer>,
    /// Records that are nobody's.
    free: Vec<u32>,
    ids: IndexTable,
    generations: Generations,
    /// Identifiers owned by kind, of customers for whom four bits a kind do not suffice.
    many: Slots<[u16; KINDS_MAX]>,
    /// Customers founded.
    founded: u64,
    looks: Looks,
}

/// Who is to be looked at when: by the hour at whose beginning, counted from 1970, first and last of a list.
#[derive(Clone, Debug, Default, BorshSerialize, BorshDeserialize)]
struct Looks {
    by_hour: BTreeMap<i64, (u32, u32)>,
    /// The first such instant; nothing is to be done before.
    next: Option<Millis>,
}

/// | bytes | field |
/// |---|---|
/// | 0–7 | the id's 64 bits |
/// | 8–11 | the id's generation |
/// | 12–15 | the way to the survivor, or itself where it ends |
/// | 16–23 | identifiers owned by kind, four bits each, unless in `many` |
/// | 24–27 | place in `many`, or `FEW` |
/// | 28–29 | identifiers owned |
/// | 30–31 | bit k: owns identifiers of kind k |
/// | 32–39 | number of the founding |
/// | 40–47 | clock of the last event |
/// | 48–51 | a member of the ring of what it owns |
/// | 52–55 | ring of those who have become one |
/// | 56–59 | next to be looked at in the same hour |
/// | 60–63 | `LISTED`, `GONE`, `ABSORBED`, height |
///
/// One cache line. Of an absorbed customer only the id, the way and the ring count; at the end of a way bytes 16–19 of one
/// who was absorbed name the survivor.
#[derive(Copy, Clone, Debug, BorshSerialize, BorshDeserialize)]
#[repr(C, align(64))]
pub(super) struct Customer {
    hash: u64,
    generation: u32,
    parent: u32,
    counts: u64,
    many: u32,
    total: u16,
    kinds: u16,
    founded: u64,
    last: Millis,
    owned: u32,
    ring: u32,
    next_look: u32,
    flags: u32,
}

const _: () = assert!(size_of::<Customer>() == 64 && KINDS_MAX <= 16);

/// Four bits a kind suffice.
const FEW: u32 = u32::MAX;
/// The most that four bits hold.
const FOUR_BITS: u32 = 15;
/// Is in a list of those to be looked at.
const LISTED: u32 = 1;
/// Erased or forgotten: the record is free as soon as it has been looked at.
const GONE: u32 = 2;
/// Has become part of another.
const ABSORBED: u32 = 4;
/// One more of the ways' longest that end here.
const HEIGHT: u32 = 8;

/// A customer as it may be kept over time: the record may have become another's.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default, BorshSerialize, BorshDeserialize)]
pub(super) struct Mark {
    index: u32,
    founded: u64,
}

impl Default for Customers {
    fn default() -> Customers {
        Customers {
            records: Pages::default(),
            free: Vec::new(),
            ids: IndexTable::default(),
            generations: Generations::default(),
            many: Slots::new(),
            founded: 0,
            looks: Looks::default(),
        }
    }
}

impl Customers {
    /// Customers founded.
    pub fn founded(&self) -> u64 {
        self.founded
    }

    /// Bytes allocated.
    pub fn bytes(&self) -> usize {
        let many = self.many.bound() as usize * size_of::<[u16; KINDS_MAX]>();
        let free = self.free.capacity() * size_of::<u32>();
        self.records.bytes() + self.ids.bytes() + self.generations.bytes() + many + free
    }

    /// Asks for a record.
    #[inline]
    pub fn prefetch(&self, index: u32) {
        self.records.prefetch(index);
    }

    /// Asks for the line of the table of ids.
    #[inline]
    pub fn prefetch_id(&self, id: CustomerId) {
        self.ids.prefetch(place_of(id));
    }

    /// Asks for the record that is probably the id's.
    #[inline]
    pub fn prefetch_of_id(&self, id: CustomerId) {
        if let Some(index) = self.ids.find(place_of(id), |_| true) {
            self.records.prefetch(index);
        }
    }

    /// Founds a customer without identifiers, to be looked at after `span`. Its generation is the number of customers founded
    /// before under the same 64 bits.
    pub fn found(&mut self, hash: u128, clock: Millis, span: DurationMs) -> u32 {
        let bits = founding_bits(hash);
        let Customers { records, ids, generations, .. } = self;
        let generation = generations.found(bits, || {
            let is_it = |index| {
                let other: &Customer = &records[index];
                other.hash == bits && other.generation == 0
            };
            ids.find(bits, is_it).is_some()
        });
        let index = self.free.pop().unwrap_or(records.len());
        let customer = Customer {
            hash: bits,
            generation,
            parent: index,
            counts: 0,
            many: FEW,
            total: 0,
            kinds: 0,
            founded: self.founded,
            last: clock,
            owned: NONE,
            ring: index,
            next_look: NONE,
            flags: 0,
        };
        if index == records.len() {
            records.push(customer);
        } else {
            records[index] = customer;
        }
        self.founded += 1;
        ids.insert(place_of(CustomerId { hash: bits, generation }), index);
        self.look_at(index, clock.plus(span));
        index
    }

    /// An event of a root: it is kept from then on.
    #[inline]
    pub fn touch(&mut self, root: u32, clock: Millis) {
        let customer = &mut self.records[root];
        customer.last = customer.last.max(clock);
    }

    /// Whether the first was founded before the second.
    #[inline]
    pub fn is_older(&self, one: u32, other: u32) -> bool {
        self.records[one].founded < self.records[other].founded
    }

    /// Number of the founding.
    #[inline]
    pub fn number(&self, index: u32) -> u64 {
        self.records[index].founded
    }

    /// What can be kept of a customer.
    pub fn mark(&self, index: u32) -> Mark {
        Mark { index, founded: self.records[index].founded }
    }

    /// The survivor of a customer, if it is still there.
    pub fn of_mark(&mut self, mark: Mark) -> Option<u32> {
        let customer = self.records.get(mark.index)?;
        let is_it = customer.founded == mark.founded && customer.flags & GONE == 0;
        is_it.then(|| self.root(mark.index))
    }

    /// The survivor of a customer, or itself.
    #[inline]
    pub fn root(&mut self, index: u32) -> u32 {
        let end = self.end_of(index);
        self.survivor_at(end)
    }

    /// Where a customer's way ends.
    #[inline]
    fn end_of(&mut self, index: u32) -> u32 {
        let mut at = index;
        loop {
            let parent = self.records[at].parent;
            if parent == at {
                return at;
            }
            let grandparent = self.records[parent].parent;
            self.records[at].parent = grandparent;
            at = grandparent;
        }
    }

    /// The survivor of those whose ways end here.
    #[inline]
    fn survivor_at(&self, end: u32) -> u32 {
        let customer = &self.records[end];
        if customer.flags & ABSORBED == 0 { end } else { customer.counts as u32 }
    }

    /// The survivor of the customer who was given this id.
    #[inline]
    pub fn of_id(&mut self, id: CustomerId) -> Option<u32> {
        let is_it = |index| {
            let customer: &Customer = &self.records[index];
            customer.hash == id.hash && customer.generation == id.generation
        };
        let index = self.ids.find(place_of(id), is_it)?;
        Some(self.root(index))
    }

    /// The id that a customer was given itself.
    #[inline]
    pub fn id(&self, index: u32) -> CustomerId {
        let customer = &self.records[index];
        CustomerId { hash: customer.hash, generation: customer.generation }
    }

    /// Bit k: the customer, a root, owns an identifier of kind k.
    #[inline]
    pub fn kinds(&self, root: u32) -> u16 {
        self.records[root].kinds
    }

    /// Identifiers of a kind that a root owns.
    #[inline]
    pub fn count(&self, root: u32, kind: KindId) -> u32 {
        let customer = &self.records[root];
        if customer.many == FEW {
            (customer.counts >> (4 * kind.0)) as u32 & FOUR_BITS
        } else {
            u32::from(self.many[customer.many][kind.at()])
        }
    }

    /// Identifiers that a root owns.
    #[inline]
    pub fn total(&self, root: u32) -> u32 {
        u32::from(self.records[root].total)
    }

    /// Counts one identifier more. Limits are at most 65,535, so the counts hold them.
    #[inline]
    pub fn add(&mut self, root: u32, kind: KindId) {
        let customer = &mut self.records[root];
        assert!(customer.total < u16::MAX && customer.flags & ABSORBED == 0, "a root within the limits");
        customer.kinds |= 1 << kind.0;
        customer.total += 1;
        self.count_more(root, kind, 1);
    }

    /// Counts one identifier less.
    pub fn subtract(&mut self, root: u32, kind: KindId) {
        let left = self.count(root, kind) - 1;
        let customer = &mut self.records[root];
        customer.total -= 1;
        if left == 0 {
            customer.kinds &= !(1 << kind.0);
        }
        if customer.many == FEW {
            customer.counts -= 1 << (4 * kind.0);
        } else {
            self.many[customer.many][kind.at()] = left as u16;
        }
    }

    /// A member of the ring of what a root owns.
    #[inline]
    pub fn owned(&self, root: u32) -> u32 {
        self.records[root].owned
    }

    /// The same, to change it.
    #[inline]
    pub fn set_owned(&mut self, root: u32, owned: u32) {
        self.records[root].owned = owned;
    }

    /// Lets a root absorb a later one; the rings of what they own are the caller's to join.
    pub fn absorb(&mut self, survivor: u32, absorbed: u32) {
        assert!(self.is_older(survivor, absorbed), "who was founded first survives");
        let other = self.records[absorbed];
        assert!(other.flags & ABSORBED == 0, "a root is absorbed once");
        for kind in 0..KINDS_MAX as u8 {
            self.count_more(survivor, KindId(kind), self.count(absorbed, KindId(kind)));
        }
        let ring = self.records[survivor].ring;
        let gone = &mut self.records[absorbed];
        (gone.owned, gone.flags) = (NONE, gone.flags | ABSORBED);
        let next = std::mem::replace(&mut gone.ring, ring);
        if gone.many != FEW {
            self.many.remove(std::mem::replace(&mut gone.many, FEW));
        }
        self.join_ways(survivor, absorbed);
        let customer = &mut self.records[survivor];
        assert!(customer.flags & ABSORBED == 0, "a root survives");
        customer.ring = next;
        customer.kinds |= other.kinds;
        customer.total = customer.total.checked_add(other.total).expect("a union within the limits");
    }

    /// The lower tree of ways goes under the higher one: so no way is ever longer than the logarithm of those who take it,
    /// whoever survives.
    fn join_ways(&mut self, survivor: u32, absorbed: u32) {
        let (one, other) = (self.end_of(survivor), self.end_of(absorbed));
        let height = |end: u32| self.records[end].flags / HEIGHT;
        let (mut end, mut under) = (one, other);
        if height(one) < height(other) {
            (end, under) = (other, one);
        }
        if height(one) == height(other) {
            self.records[end].flags += HEIGHT;
        }
        self.records[under].parent = end;
        let end = &mut self.records[end];
        if end.flags & ABSORBED != 0 {
            end.counts = u64::from(survivor);
        }
    }

    /// The instant from which somebody is to be looked at.
    #[inline]
    pub fn next_look(&self) -> Option<Millis> {
        self.looks.next
    }

    /// Looks at the next few whose time has come: those who have had no event for `spans` (of one with identifiers, of one
    /// without) are told in `due`, the others are looked at again when their time has come.
    pub fn look(&mut self, clock: Millis, spans: (DurationMs, DurationMs), due: &mut Vec<u32>) {
        due.clear();
        for _ in 0..FORGET_LOOKS {
            let Some(mut first) = self.looks.by_hour.first_entry() else { break };
            if first.key() * FORGET_SLOT.0 > clock.0 {
                break;
            }
            let (index, last) = *first.get();
            if index == last {
                first.remove();
            } else {
                first.get_mut().0 = self.records[index].next_look;
            }
            let customer = &mut self.records[index];
            customer.flags &= !LISTED;
            if customer.flags & GONE != 0 {
                self.free.push(index);
            } else if customer.flags & ABSORBED == 0 {
                let span = if customer.total == 0 { spans.1 } else { spans.0 };
                let until = customer.last.plus(span);
                if until > clock {
                    self.look_at(index, until);
                } else {
                    due.push(index);
                }
            }
        }
        self.looks.next = self.looks.by_hour.keys().next().map(|hour| Millis(hour * FORGET_SLOT.0));
    }

    /// Takes a root and all whom it absorbed out; what it owns has been taken from it. Their ids mean nobody.
    pub fn remove(&mut self, root: u32, erased: bool) {
        let mut at = root;
        loop {
            let customer = &mut self.records[at];
            assert!(customer.owned == NONE && customer.flags & GONE == 0, "it owns nothing and goes once");
            let (id, next) =
                (CustomerId { hash: customer.hash, generation: customer.generation }, customer.ring);
            if customer.many != FEW {
                self.many.remove(customer.many);
            }
            let emptied =
                Customer { hash: 0, generation: 0, many: FEW, counts: 0, total: 0, kinds: 0, ..*customer };
            *customer = Customer { flags: customer.flags | GONE, parent: at, ring: at, ..emptied };
            if customer.flags & LISTED == 0 {
                self.free.push(at);
            }
            self.ids.remove(place_of(id), at);
            if erased {
                self.generations.erase(id.hash);
            } else {
                self.generations.forget(id.hash);
            }
            if next == root {
                break;
            }
            at = next;
        }
    }

    /// Puts a customer behind the others of the hour in which `due` ends.
    fn look_at(&mut self, index: u32, due: Millis) {
        let hour = due.0.saturating_add(FORGET_SLOT.0 - 1).div_euclid(FORGET_SLOT.0);
        let customer = &mut self.records[index];
        (customer.next_look, customer.flags) = (NONE, customer.flags | LISTED);
        let at = Millis(hour * FORGET_SLOT.0);
        self.looks.next = Some(self.looks.next.map_or(at, |next| next.min(at)));
        match self.looks.by_hour.entry(hour) {
            std::collections::btree_map::Entry::Vacant(vacant) => {
                vacant.insert((index, index));
            }
            std::collections::btree_map::Entry::Occupied(mut list) => {
                let last = std::mem::replace(&mut list.get_mut().1, index);
                self.records[last].next_look = index;
            }
        }
    }

    #[inline]
    fn count_more(&mut self, root: u32, kind: KindId, more: u32) {
        let count = self.count(root, kind) + more;
        if count > FOUR_BITS && self.records[root].many == FEW {
            let counts = std::array::from_fn(|kind| self.count(root, KindId(kind as u8)) as u16);
            self.records[root].many = self.many.insert(counts);
        }
        let customer = &mut self.records[root];
        if customer.many == FEW {
            customer.counts += u64::from(more) << (4 * kind.0);
        } else {
            self.many[customer.many][kind.at()] = count as u16;
        }
    }

    /// Steps of a customer's way, and where it ends.
    fn way(&self, index: u32) -> (u32, u32) {
        let (mut steps, mut at) = (0, index);
        while self.records[at].parent != at {
            (steps, at) = (steps + 1, self.records[at].parent);
        }
        (steps, at)
    }

    /// Steps of the longest way.
    #[cfg(test)]
    pub fn longest_way(&self) -> u32 {
        (0..self.records.len()).map(|index| self.way(index).0).max().unwrap_or(0)
    }

    /// Checks that the roots' counts are those of the index. Each item: kind and a customer who got it.
    pub fn audit(&self, owners: impl Iterator<Item = (KindId, u32)>) {
        let mut counts = vec![[0_u16; KINDS_MAX]; self.records.len() as usize];
        for (kind, customer) in owners {
            let survivor = self.survivor_at(self.way(customer).1);
            counts[survivor as usize][kind.at()] += 1;
        }
        for (index, customer) in self.records.iter().enumerate() {
            if customer.flags & (ABSORBED | GONE) == 0 {
                let told: [u16; KINDS_MAX] =
                    std::array::from_fn(|kind| self.count(index as u32, KindId(kind as u8)) as u16);
                let kinds = told.iter().enumerate();
                let mask = kinds.fold(0, |mask, (kind, count)| mask | u16::from(*count > 0) << kind);
                assert_eq!(told, counts[index], "identifiers by kind of customer {index}");
                assert_eq!(customer.total, told.iter().sum::<u16>(), "identifiers of customer {index}");
                assert_eq!(customer.kinds, mask, "kinds of customer {index}");
            }
        }
    }
}

/// Where an id stands in the table: generations apart, so that many of them do not stand in each other's way.
#[inline]
fn place_of(id: CustomerId) -> u64 {
    id.hash ^ u64::from(id.generation).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}
