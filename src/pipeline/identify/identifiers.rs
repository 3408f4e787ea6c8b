//! Who owns which identifier: a table from the keyed hash to a flat entry. Entries are only added and never move, so
//! an entry that was found stays found; the owner is followed to its root by `Customers`.
//!
//! 24 bytes an entry and 11.2 of the table in the mean: 36 bytes an identifier.

use crate::collections::{IndexTable, Pages};
use crate::types::KindId;
use crate::types::event::Identifier;

/// No entry, no owner.
pub(super) const NONE: u32 = u32::MAX;

/// All identifiers that a customer owns.
#[derive(Clone, Debug, Default)]
pub(super) struct Identifiers {
    table: IndexTable,
    entries: Pages<Entry>,
}

/// | bytes | field |
/// |---|---|
/// | 0–15 | keyed hash, in halves for the sake of alignment |
/// | 16–19 | the customer who got it, or a later survivor |
/// | 20 | kind |
/// | 21–23 | unused |
#[derive(Copy, Clone, Debug)]
#[repr(C)]
struct Entry {
    hash: [u64; 2],
    customer: u32,
    kind: KindId,
}

const _: () = assert!(size_of::<Entry>() == 24 && align_of::<Entry>() == 8);

impl Identifiers {
    /// Identifiers owned.
    pub fn len(&self) -> u32 {
        self.entries.len()
    }

    /// Bytes allocated.
    pub fn bytes(&self) -> usize {
        self.table.bytes() + self.entries.bytes()
    }

    /// Asks for the table's line.
    #[inline]
    pub fn prefetch(&self, identifier: Identifier) {
        self.table.prefetch(low(identifier));
    }

    /// The entry that is probably this identifier's, asked for, or `NONE` if there is certainly none. Reads the
    /// table only.
    #[inline]
    pub fn candidate(&self, identifier: Identifier) -> u32 {
        let entry = self.table.find(low(identifier), |_| true).unwrap_or(NONE);
        self.entries.prefetch(entry);
        entry
    }

    /// Whether a candidate is this identifier's entry.
    #[inline]
    pub fn is_of(&self, entry: u32, identifier: Identifier) -> bool {
        self.entries
            .get(entry)
            .is_some_and(|entry| entry.hash == halves(identifier) && entry.kind == identifier.kind)
    }

    /// The identifier's entry, or `NONE`.
    #[inline]
    pub fn find(&self, identifier: Identifier) -> u32 {
        self.table.find(low(identifier), |entry| self.is_of(entry, identifier)).unwrap_or(NONE)
    }

    /// The customer of an entry; its root owns the identifier.
    #[inline]
    pub fn customer(&self, entry: u32) -> u32 {
        self.entries[entry].customer
    }

    /// Shortens the way from an entry to its root.
    #[inline]
    pub fn set_customer(&mut self, entry: u32, customer: u32) {
        self.entries[entry].customer = customer;
    }

    /// Gives an identifier that nobody owns to a customer.
    pub fn insert(&mut self, identifier: Identifier, customer: u32) {
        debug_assert_eq!(self.find(identifier), NONE, "an identifier has one owner");
        let entry = Entry { hash: halves(identifier), customer, kind: identifier.kind };
        let index = self.entries.push(entry);
        self.table.insert(low(identifier), index);
    }

    /// Every identifier as (kind, customer who got it), for audits.
    pub fn owners(&self) -> impl Iterator<Item = (KindId, u32)> {
        self.entries.iter().map(|entry| (entry.kind, entry.customer))
    }
}

#[inline]
const fn low(identifier: Identifier) -> u64 {
    identifier.hash as u64
}

#[inline]
const fn halves(identifier: Identifier) -> [u64; 2] {
    [identifier.hash as u64, (identifier.hash >> 64) as u64]
}
