//! All customers and who owns which identifier: what changes both together, and what is remembered of refusals and unlinks.

use crate::collections::Recent;
use crate::rules::{BANS_MAX, BANS_OF_ONE, GENERIC_UNOWNED_MAX, REFUSALS_MAX};
use crate::types::event::Identifier;
use crate::types::{KindId, Millis, RefusalReason};
use borsh::{BorshDeserialize, BorshSerialize};

use super::customers::{Customers, Mark};
use super::identifiers::{GENERIC, Identifiers, Key, NONE};
use super::owned::Owned;
use super::resolve::Limits;

/// All customers and who owns which identifier.
#[derive(Clone, Debug, BorshSerialize, BorshDeserialize)]
pub(super) struct Registry {
    pub customers: Customers,
    pub identifiers: Identifiers,
    owned: Owned,
    /// Whom an identifier was split off from: the latest ones, the oldest first.
    bans: Recent<Sides>,
    /// How often an identifier was refused at a limit.
    refusals: Recent<u32>,
    /// Generic identifiers that nobody owns.
    unowned: Recent<()>,
    /// Counts up whenever an identifier changes its owner other than by a merge, or loses it: what was found ahead of it may
    /// not be so any more.
    pub changes: u64,
}

/// Customers from whom one identifier was split off.
#[derive(Copy, Clone, Debug, Default, BorshSerialize, BorshDeserialize)]
struct Sides {
    len: u8,
    marks: [Mark; BANS_OF_ONE],
}

/// How much is remembered.
#[derive(Copy, Clone, Debug)]
pub(super) struct Bounds {
    pub refusals: usize,
    pub unowned: usize,
    pub bans: usize,
}

impl Bounds {
    /// Those of the rules.
    pub const RULES: Bounds = Bounds { refusals: REFUSALS_MAX, unowned: GENERIC_UNOWNED_MAX, bans: BANS_MAX };
}

impl Registry {
    /// Knows nobody.
    pub fn new(bounds: Bounds) -> Registry {
        Registry {
            customers: Customers::default(),
            identifiers: Identifiers::default(),
            owned: Owned::default(),
            bans: Recent::new(bounds.bans),
            refusals: Recent::new(bounds.refusals),
            unowned: Recent::new(bounds.unowned),
            changes: 0,
        }
    }

    /// Bytes allocated: identifiers with what is remembered of them, customers.
    pub fn bytes(&self) -> [usize; 2] {
        let remembered = self.bans.bytes() + self.refusals.bytes() + self.unowned.bytes();
        [self.identifiers.bytes() + self.owned.bytes() + remembered, self.customers.bytes()]
    }

    /// The root of the customer who is known to have got an identifier; the way is shortened.
    #[inline]
    pub fn owner(&mut self, identifier: Identifier, customer: u32) -> u32 {
        let root = self.customers.root(customer);
        if root != customer {
            self.identifiers.set_customer(identifier, root);
        }
        root
    }

    /// The common case, in which neither ranks nor limits matter: the one owner of all of these identifiers, the
    /// customers who got them being known.
    #[inline]
    pub fn owner_of_all(&mut self, identifiers: &[Identifier], known: &[u32]) -> Option<u32> {
        let (first, others) = known.split_first().filter(|(first, _)| **first < GENERIC)?;
        let owner = self.owner(identifiers[0], *first);
        for (identifier, customer) in identifiers[1..].iter().zip(others) {
            if *customer != owner && (*customer >= GENERIC || self.owner(*identifier, *customer) != owner) {
                return None;
            }
        }
        Some(owner)
    }

    /// Gives a root an identifier that nobody owns.
    pub fn attach(&mut self, customer: u32, identifier: Identifier) {
        self.identifiers.insert(identifier, customer);
        self.own(customer, identifier);
    }

    /// Lets a root absorb a later one.
    pub fn absorb(&mut self, survivor: u32, absorbed: u32) {
        let ring = self.owned.join(self.customers.owned(survivor), self.customers.owned(absorbed));
        self.customers.set_owned(survivor, ring);
        self.customers.absorb(survivor, absorbed);
    }

    /// Why a root cannot own one more of this kind.
    pub fn reason_against(&self, customer: u32, kind: KindId, limits: &Limits) -> Option<RefusalReason> {
        if self.customers.count(customer, kind) >= limits.of_kind[kind.at()] {
            Some(RefusalReason::Limit)
        } else if self.customers.total(customer) >= limits.in_all {
            Some(RefusalReason::Size)
        } else {
            None
        }
    }

    /// Counts a refusal at a limit; whether the identifier does not identify any more from now on.
    pub fn refuse(&mut self, identifier: Identifier, limits: &Limits) -> bool {
        let key = Key::of(identifier).number();
        let count = self.refusals.take(key).unwrap_or(0) + 1;
        if count < limits.generic_after {
            self.refusals.put(key, count);
            return false;
        }
        self.changes += 1;
        if !self.identifiers.set_generic(identifier) {
            if let Some(oldest) = self.unowned.oldest().filter(|_| self.unowned.is_full()) {
                self.identifiers.remove(Key::of_number(oldest));
            }
            self.unowned.put(key, ());
        }
        true
    }

    /// Moves an identifier that a root owns besides others to a new customer, and remembers where it came from.
    pub fn unlink(&mut self, identifier: Identifier, from: u32, clock: Millis, limits: &Limits) -> u32 {
        let key = Key::of(identifier);
        let to = self.customers.found(identifier.hash, clock, limits.forget_after);
        let rest = self.owned.remove(self.customers.owned(from), key);
        self.customers.set_owned(from, rest);
        self.customers.subtract(from, identifier.kind);
        self.identifiers.set_customer(identifier, to);
        self.own(to, identifier);
        self.changes += 1;
        let mut sides = self.bans.take(key.number()).unwrap_or_default();
        sides.retain(|side| self.customers.of_mark(side).is_some_and(|root| root != from));
        sides.push(self.customers.mark(from));
        self.bans.put(key.number(), sides);
        to
    }

    /// Whether there is anything to ask `is_banned` for.
    #[inline]
    pub fn has_bans(&self) -> bool {
        !self.bans.is_empty()
    }

    /// Whether an identifier was split off from one of these roots.
    pub fn is_banned(&mut self, identifier: Identifier, mut among: impl FnMut(u32) -> bool) -> bool {
        let Some(sides) = self.bans.get(Key::of(identifier).number()).copied() else { return false };
        sides.iter().any(|side| self.customers.of_mark(side).is_some_and(&mut among))
    }

    /// An identifier leads back to these roots again.
    pub fn lift_ban(&mut self, identifier: Identifier, mut among: impl FnMut(u32) -> bool) {
        let key = Key::of(identifier).number();
        let Some(mut sides) = self.bans.get(key).copied() else { return };
        sides.retain(|side| self.customers.of_mark(side).is_some_and(|root| !among(root)));
        if sides.len == 0 {
            self.bans.take(key);
        } else if let Some(kept) = self.bans.get_mut(key) {
            *kept = sides;
        }
    }

    /// Takes a root out, with everything that it owns and everybody whom it absorbed.
    pub fn remove(&mut self, root: u32, erased: bool) {
        let mut ring = self.customers.owned(root);
        while let Some((key, rest)) = self.owned.pop(ring) {
            self.identifiers.remove(key);
            self.bans.take(key.number());
            self.refusals.take(key.number());
            ring = rest;
        }
        self.customers.set_owned(root, NONE);
        self.customers.remove(root, erased);
        self.changes += 1;
    }

    /// Nobody owns an identifier of this kind: nothing is remembered of any.
    pub fn forget_kind(&mut self, kind: KindId) {
        let is_of_kind = |key: &u128| Key::of_number(*key).kind() == kind;
        let unowned: Vec<u128> = self.unowned.keys().filter(is_of_kind).collect();
        for key in unowned {
            self.unowned.take(key);
            self.identifiers.remove(Key::of_number(key));
        }
        self.bans.keys().filter(is_of_kind).collect::<Vec<_>>().into_iter().for_each(|key| {
            self.bans.take(key);
        });
        self.refusals.keys().filter(is_of_kind).collect::<Vec<_>>().into_iter().for_each(|key| {
            self.refusals.take(key);
        });
        self.changes += 1;
    }

    fn own(&mut self, customer: u32, identifier: Identifier) {
        let ring = self.owned.add(self.customers.owned(customer), Key::of(identifier));
        self.customers.set_owned(customer, ring);
        self.customers.add(customer, identifier.kind);
    }
}

impl Sides {
    fn iter(&self) -> impl Iterator<Item = Mark> {
        self.marks.into_iter().take(usize::from(self.len))
    }

    fn retain(&mut self, mut stays: impl FnMut(Mark) -> bool) {
        let before = *self;
        self.len = 0;
        before.iter().filter(|mark| stays(*mark)).for_each(|mark| self.push(mark));
    }

    /// Adds one at the end; the first leaves if there is no room.
    fn push(&mut self, mark: Mark) {
        if usize::from(self.len) == BANS_OF_ONE {
            self.marks.rotate_left(1);
            self.len -= 1;
        }
        self.marks[usize::from(self.len)] = mark;
        self.len += 1;
    }
}
