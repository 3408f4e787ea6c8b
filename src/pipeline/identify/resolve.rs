//! One event's identifiers → one customer: found, founded, attached, merged, set aside. Works on a list of at most
//! 16 members, ranked best first, that is reused from event to event.

use crate::rules::IdentityRules;
use crate::types::event::Identifier;
use crate::types::ids::KINDS_MAX;
use crate::types::{KindId, RefusalReason};

use super::customers::Customers;
use super::identifiers::{Identifiers, NONE};

/// The limits of the rules in the form in which they are asked.
#[derive(Clone, Debug)]
pub(super) struct Limits {
    ranks: [u32; KINDS_MAX],
    of_kind: [u32; KINDS_MAX],
    in_all: u32,
    kinds: usize,
}

impl Limits {
    /// Takes them from the rules.
    pub fn new(rules: &IdentityRules) -> Limits {
        let (mut ranks, mut of_kind) = ([0; KINDS_MAX], [0; KINDS_MAX]);
        for (place, kind) in rules.kinds.iter().enumerate() {
            ranks[place] = kind.rank;
            of_kind[place] = kind.limit;
        }
        let in_all = rules.max_identifiers.min(u32::from(u16::MAX));
        Limits { ranks, of_kind, in_all, kinds: rules.kinds.len() }
    }
}

/// An identifier of the event.
#[derive(Copy, Clone, Debug)]
pub(super) struct Member {
    identifier: Identifier,
    /// The customer who got it, or `NONE`: to be looked for.
    known: u32,
    /// The root who owns it, or `NONE`.
    owner: u32,
    /// Why it was set aside.
    aside: Option<RefusalReason>,
}

/// What resolving needs and leaves behind; the memory is reused.
#[derive(Debug, Default)]
pub(super) struct Resolver {
    members: Vec<Member>,
    owners: Vec<u32>,
    /// Roots that were absorbed, founded first first.
    pub absorbed: Vec<u32>,
    /// Identifiers that were not joined, best first.
    pub refused: Vec<(KindId, RefusalReason)>,
    /// Whether the customer was founded.
    pub founded: bool,
}

/// All customers and who owns which identifier.
#[derive(Clone, Debug, Default)]
pub(super) struct Registry {
    pub customers: Customers,
    pub identifiers: Identifiers,
}

impl Registry {
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
        let (first, others) = known.split_first().filter(|(first, _)| **first != NONE)?;
        let owner = self.owner(identifiers[0], *first);
        for (identifier, customer) in identifiers[1..].iter().zip(others) {
            if *customer != owner && (*customer == NONE || self.owner(*identifier, *customer) != owner) {
                return None;
            }
        }
        Some(owner)
    }

    fn attach(&mut self, customer: u32, identifier: Identifier) {
        self.identifiers.insert(identifier, customer);
        self.customers.add(customer, identifier.kind);
    }

    /// Why a root cannot own one more of this kind.
    fn reason_against(&self, customer: u32, kind: KindId, limits: &Limits) -> Option<RefusalReason> {
        if self.customers.count(customer, kind) >= limits.of_kind[kind.at()] {
            Some(RefusalReason::Limit)
        } else if self.customers.total(customer) >= limits.in_all {
            Some(RefusalReason::Size)
        } else {
            None
        }
    }

    /// Attaches, unless a limit forbids it: then why.
    fn try_to_attach(&mut self, customer: u32, member: &Member, limits: &Limits) -> Option<RefusalReason> {
        let reason = self.reason_against(customer, member.identifier.kind, limits);
        if reason.is_none() {
            self.attach(customer, member.identifier);
        }
        reason
    }
}

impl Resolver {
    /// Takes an event's identifiers with the customers known to have got them (`NONE`: to be looked for): each once,
    /// best first, with their owners. `false` if there are none.
    pub fn rank(
        &mut self,
        identifiers: &[Identifier],
        known: &[u32],
        registry: &mut Registry,
        limits: &Limits,
    ) -> bool {
        self.members.clear();
        for (identifier, known) in identifiers.iter().zip(known) {
            let rank = (limits.ranks[identifier.kind.at()], identifier.hash, identifier.kind);
            let better = |member: &Member| {
                let Identifier { hash, kind } = member.identifier;
                (limits.ranks[kind.at()], hash, kind) < rank
            };
            let place = self.members.iter().position(|member| !better(member)).unwrap_or(self.members.len());
            if self.members.get(place).is_none_or(|member| member.identifier != *identifier) {
                let member = Member { identifier: *identifier, known: *known, owner: NONE, aside: None };
                self.members.insert(place, member);
            }
        }
        for member in &mut self.members {
            if member.known == NONE {
                member.known = registry.identifiers.find(member.identifier);
            }
            if member.known != NONE {
                member.owner = registry.owner(member.identifier, member.known);
            }
        }
        !self.members.is_empty()
    }

    /// The owner of the best member that has one.
    #[inline]
    pub fn owner_of_best(&self) -> Option<u32> {
        self.members.iter().map(|member| member.owner).find(|owner| *owner != NONE)
    }

    /// The customer of the ranked members, of which there is at least one. `absorbed`, `refused` and `founded` tell
    /// what else came of it.
    pub fn resolve(&mut self, registry: &mut Registry, limits: &Limits) -> u32 {
        self.absorbed.clear();
        self.refused.clear();
        self.founded = false;
        let owner = self.members[0].owner;
        if owner != NONE && self.members.iter().all(|member| member.owner == owner) {
            return owner;
        }
        let mut rest = self.members.len();
        let customer = loop {
            self.collect_owners(rest);
            if self.owners.is_empty() {
                break self.found(rest, registry, limits);
            }
            match self.reason_against_union(rest, registry, limits) {
                None => break self.join(rest, registry),
                reason => {
                    rest = rest.checked_sub(1).expect("one existing owner and nothing new always passes");
                    self.members[rest].aside = reason;
                }
            }
        };
        self.finish(customer, registry, limits);
        customer
    }

    /// The owners of the best `rest` members, founded first first.
    fn collect_owners(&mut self, rest: usize) {
        self.owners.clear();
        let owners = self.members[..rest].iter().map(|member| member.owner);
        self.owners.extend(owners.filter(|owner| *owner != NONE));
        self.owners.sort_unstable();
        self.owners.dedup();
    }

    /// A new customer, who gets of the members what fits, best first; the others are set aside.
    fn found(&mut self, rest: usize, registry: &mut Registry, limits: &Limits) -> u32 {
        let customer = registry.customers.found(self.members[0].identifier.hash);
        self.founded = true;
        for member in &mut self.members[..rest] {
            member.aside = registry.try_to_attach(customer, member, limits);
        }
        customer
    }

    /// Why the owners and the unowned ones of the best `rest` members cannot become one.
    fn reason_against_union(
        &self,
        rest: usize,
        registry: &Registry,
        limits: &Limits,
    ) -> Option<RefusalReason> {
        let members = &self.members[..rest];
        let mut counts = [0; KINDS_MAX];
        let mut total = 0;
        for member in members.iter().filter(|member| member.owner == NONE) {
            counts[member.identifier.kind.at()] += 1;
            total += 1;
        }
        if self.owners.len() == 1 && total == 0 {
            return None;
        }
        for owner in &self.owners {
            total += registry.customers.total(*owner);
            for (kind, count) in counts.iter_mut().enumerate().take(limits.kinds) {
                *count += registry.customers.count(*owner, KindId(kind as u8));
            }
        }
        if counts.iter().zip(&limits.of_kind).take(limits.kinds).any(|(count, limit)| count > limit) {
            Some(RefusalReason::Limit)
        } else if total > limits.in_all {
            Some(RefusalReason::Size)
        } else {
            None
        }
    }

    /// The owner founded first absorbs the others and gets what nobody owns.
    fn join(&mut self, rest: usize, registry: &mut Registry) -> u32 {
        let survivor = self.owners[0];
        for owner in &self.owners[1..] {
            registry.customers.absorb(survivor, *owner);
            self.absorbed.push(*owner);
        }
        for member in &self.members[..rest] {
            if member.owner == NONE {
                registry.attach(survivor, member.identifier);
            }
        }
        survivor
    }

    /// What was set aside gets its last chance, best first; what has none is refused.
    fn finish(&mut self, customer: u32, registry: &mut Registry, limits: &Limits) {
        for member in &self.members {
            let Some(recorded) = member.aside else { continue };
            let reason = if member.owner == NONE {
                registry.try_to_attach(customer, member, limits)
            } else {
                (registry.customers.root(member.owner) != customer).then_some(recorded)
            };
            if let Some(reason) = reason {
                self.refused.push((member.identifier.kind, reason));
            }
        }
    }
}
