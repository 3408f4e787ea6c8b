//! Customers as flat records in the order of their founding, which is also the order of who survives: the smaller
//! index. Who was absorbed points to its survivor, and ways are halved as they are walked (disjoint sets linked by
//! index instead of by size, so that the result does not depend on how events were cut into batches).
//!
//! 32 bytes a customer and 11.2 of the table of ids in the mean. Absorbed customers stay: their ids are aliases.

use crate::collections::{IndexTable, Pages};
use crate::rules::keys::founding_bits;
use crate::types::ids::KINDS_MAX;
use crate::types::{CustomerId, KindId};

/// Everybody who was ever founded.
#[derive(Clone, Debug, Default)]
pub(super) struct Customers {
    records: Pages<Customer>,
    ids: IndexTable,
    /// Identifiers owned by kind, of customers for whom four bits a kind do not suffice.
    many: Pages<[u16; KINDS_MAX]>,
}

/// | bytes | field |
/// |---|---|
/// | 0–7 | the id's 64 bits |
/// | 8–11 | the id's generation |
/// | 12–15 | itself, or who absorbed it |
/// | 16–23 | identifiers owned by kind, four bits each, unless in `many` |
/// | 24–27 | place in `many`, or `FEW` |
/// | 28–29 | identifiers owned |
/// | 30–31 | bit k: owns identifiers of kind k |
///
/// Half a cache line, never across two. Of an absorbed customer only the id and the way to the survivor count.
#[derive(Copy, Clone, Debug)]
#[repr(C, align(32))]
pub(super) struct Customer {
    hash: u64,
    generation: u32,
    parent: u32,
    counts: u64,
    many: u32,
    total: u16,
    kinds: u16,
}

const _: () = assert!(size_of::<Customer>() == 32 && KINDS_MAX <= 16);

/// Four bits a kind suffice.
const FEW: u32 = u32::MAX;
/// The most that four bits hold.
const FOUR_BITS: u32 = 15;

impl Customers {
    /// Customers founded.
    pub fn len(&self) -> u32 {
        self.records.len()
    }

    /// Bytes allocated.
    pub fn bytes(&self) -> usize {
        self.records.bytes() + self.ids.bytes() + self.many.bytes()
    }

    /// Asks for a record.
    #[inline]
    pub fn prefetch(&self, index: u32) {
        self.records.prefetch(index);
    }

    /// Asks for the line of the table of ids.
    #[inline]
    pub fn prefetch_id(&self, hash: u64) {
        self.ids.prefetch(hash);
    }

    /// Asks for the record that is probably the id's.
    #[inline]
    pub fn prefetch_of_id(&self, hash: u64) {
        if let Some(index) = self.ids.find(hash, |_| true) {
            self.records.prefetch(index);
        }
    }

    /// Founds a customer without identifiers. Its generation is the number of customers founded before under the
    /// same 64 bits.
    pub fn found(&mut self, hash: u128) -> u32 {
        let bits = founding_bits(hash);
        let mut generation = 0;
        let every_one = |index| {
            generation += u32::from(self.records[index].hash == bits);
            false
        };
        self.ids.find(bits, every_one);
        let parent = self.records.len();
        let customer = Customer { hash: bits, generation, parent, counts: 0, many: FEW, total: 0, kinds: 0 };
        let index = self.records.push(customer);
        self.ids.insert(bits, index);
        index
    }

    /// The survivor of a customer, or itself.
    #[inline]
    pub fn root(&mut self, index: u32) -> u32 {
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

    /// The survivor of the customer who was given this id.
    #[inline]
    pub fn of_id(&mut self, id: CustomerId) -> Option<u32> {
        let is_it = |index| {
            let customer: &Customer = &self.records[index];
            customer.hash == id.hash && customer.generation == id.generation
        };
        let index = self.ids.find(id.hash, is_it)?;
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
        assert!(customer.total < u16::MAX && customer.parent == root, "a root within the limits");
        customer.kinds |= 1 << kind.0;
        customer.total += 1;
        self.count_more(root, kind, 1);
    }

    /// Lets a root absorb a later one.
    pub fn absorb(&mut self, survivor: u32, absorbed: u32) {
        assert!(survivor < absorbed, "who was founded first survives");
        let other = self.records[absorbed];
        assert!(other.parent == absorbed, "a root is absorbed once");
        for kind in 0..KINDS_MAX as u8 {
            self.count_more(survivor, KindId(kind), self.count(absorbed, KindId(kind)));
        }
        self.records[absorbed].parent = survivor;
        let customer = &mut self.records[survivor];
        assert!(customer.parent == survivor, "a root survives");
        customer.kinds |= other.kinds;
        customer.total = customer.total.checked_add(other.total).expect("a union within the limits");
    }

    #[inline]
    fn count_more(&mut self, root: u32, kind: KindId, more: u32) {
        let count = self.count(root, kind) + more;
        if count > FOUR_BITS && self.records[root].many == FEW {
            let counts = std::array::from_fn(|kind| self.count(root, KindId(kind as u8)) as u16);
            self.records[root].many = self.many.push(counts);
        }
        let customer = &mut self.records[root];
        if customer.many == FEW {
            customer.counts += u64::from(more) << (4 * kind.0);
        } else {
            self.many[customer.many][kind.at()] = count as u16;
        }
    }

    /// Checks that the roots' counts are those of the index. Each item: kind and a customer who got it.
    pub fn audit(&self, owners: impl Iterator<Item = (KindId, u32)>) {
        let mut counts = vec![[0_u16; KINDS_MAX]; self.records.len() as usize];
        for (kind, mut customer) in owners {
            while self.records[customer].parent != customer {
                customer = self.records[customer].parent;
            }
            counts[customer as usize][kind.at()] += 1;
        }
        for (index, customer) in self.records.iter().enumerate() {
            if customer.parent as usize == index {
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
