//! One event's identifiers → one customer: found, founded, attached, merged, set aside. Works on a list of at most
//! 16 members, ranked best first, that is reused from event to event.

use crate::rules::IdentityRules;
use crate::types::event::Identifier;
use crate::types::ids::KINDS_MAX;
use crate::types::{DurationMs, KindId, Millis, RefusalReason};

use super::identifiers::{GENERIC, NONE};
use super::registry::Registry;

/// The limits of the rules in the form in which they are asked.
#[derive(Clone, Debug)]
pub(super) struct Limits {
    ranks: [u32; KINDS_MAX],
    pub of_kind: [u32; KINDS_MAX],
    pub in_all: u32,
    kinds: usize,
    pub generic_after: u32,
    pub forget_after: DurationMs,
    pub forget_one_off_after: DurationMs,
    /// Whether founding is told.
    pub customer_created: bool,
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
        Limits {
            ranks,
            of_kind,
            in_all,
            kinds: rules.kinds.len(),
            generic_after: rules.generic_after,
            forget_after: rules.forget_after,
            forget_one_off_after: rules.forget_one_off_after,
            customer_created: rules.customer_created,
        }
    }
}

/// An identifier of the event.
#[derive(Copy, Clone, Debug)]
pub(super) struct Member {
    identifier: Identifier,
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

impl Resolver {
    /// Takes an event's identifiers with the customers known to have got them (`NONE`: to be looked for): each once,
    /// best first, with their owners, the generic ones left out. `false` if there are none.
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
                let known = if *known == NONE { registry.identifiers.find(*identifier) } else { *known };
                let owner = match known {
                    GENERIC => continue,
                    NONE => NONE,
                    customer => registry.owner(*identifier, customer),
                };
                self.members.insert(place, Member { identifier: *identifier, owner, aside: None });
            }
        }
        !self.members.is_empty()
    }

    /// The owner of the best member that has one.
    #[inline]
    pub fn owner_of_best(&self) -> Option<u32> {
        self.members.iter().map(|member| member.owner).find(|owner| *owner != NONE)
    }

    /// The first member and its owner, if it has one.
    pub fn only(&self) -> Option<(Identifier, u32)> {
        let member = self.members.first().filter(|member| member.owner != NONE)?;
        Some((member.identifier, member.owner))
    }

    /// The owners of all members, founded first first.
    pub fn owners(&mut self, registry: &Registry) -> &[u32] {
        self.collect_owners(registry);
        &self.owners
    }

    /// The event is a link: where it names both sides of an unlink, the identifier leads back again.
    pub fn lift_bans(&self, registry: &mut Registry) {
        for member in &self.members {
            let owns = |root| self.members.iter().any(|member| member.owner == root);
            registry.lift_ban(member.identifier, owns);
        }
    }

    /// The customer of the ranked members, of which there is at least one. `absorbed`, `refused` and `founded` tell
    /// what else came of it.
    pub fn resolve(&mut self, registry: &mut Registry, limits: &Limits, clock: Millis) -> u32 {
        self.absorbed.clear();
        self.refused.clear();
        self.founded = false;
        let owner = self.members[0].owner;
        if owner != NONE && self.members.iter().all(|member| member.owner == owner) {
            return owner;
        }
        let customer = loop {
            self.collect_owners(registry);
            if self.owners.is_empty() {
                break self.found(registry, limits, clock);
            }
            if let Some(reason) = self.reason_against_union(registry, limits) {
                let worst = self.members.iter_mut().rev().find(|member| member.aside.is_none());
                worst.expect("one existing owner and nothing new always passes").aside = Some(reason);
            } else if let Some(place) = self.banned(registry) {
                self.members[place].aside = Some(RefusalReason::Unlinked);
            } else {
                break self.join(registry);
            }
        };
        self.finish(customer, registry, limits);
        customer
    }

    /// The owners of the members that are not set aside, founded first first.
    fn collect_owners(&mut self, registry: &Registry) {
        self.owners.clear();
        let rest = self.members.iter().filter(|member| member.aside.is_none());
        let owners = rest.map(|member| member.owner);
        self.owners.extend(owners.filter(|owner| *owner != NONE));
        if self.owners.len() > 1 {
            self.owners.sort_unstable_by_key(|owner| registry.customers.number(*owner));
            self.owners.dedup();
        }
    }

    /// A new customer, who gets of the members what fits, best first; the others are set aside.
    fn found(&mut self, registry: &mut Registry, limits: &Limits, clock: Millis) -> u32 {
        let best = self.members[0].identifier;
        let customer = registry.customers.found(best.hash, clock, limits.forget_after);
        self.founded = true;
        for member in self.members.iter_mut().filter(|member| member.aside.is_none()) {
            member.aside = try_to_attach(registry, customer, member, limits);
        }
        customer
    }

    /// The worst member that would bring the two sides of an unlink together and is all that the event has of its side.
    fn banned(&self, registry: &mut Registry) -> Option<usize> {
        if self.owners.len() < 2 || !registry.has_bans() {
            return None;
        }
        (0..self.members.len()).rev().find(|place| {
            let Member { identifier, owner, aside } = self.members[*place];
            let others = |other: &&Member| other.aside.is_none() && other.identifier != identifier;
            aside.is_none()
                && owner != NONE
                && self.members.iter().filter(others).all(|other| other.owner != owner)
                && registry.is_banned(identifier, |root| root != owner && self.owners.contains(&root))
        })
    }

    /// Why the owners and the unowned ones of the members that are not set aside cannot become one.
    fn reason_against_union(&self, registry: &Registry, limits: &Limits) -> Option<RefusalReason> {
        let mut counts = [0; KINDS_MAX];
        let mut total = 0;
        let rest = self.members.iter().filter(|member| member.aside.is_none());
        for member in rest.filter(|member| member.owner == NONE) {
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
    fn join(&mut self, registry: &mut Registry) -> u32 {
        let survivor = self.owners[0];
        for owner in &self.owners[1..] {
            registry.absorb(survivor, *owner);
            self.absorbed.push(*owner);
        }
        for member in &self.members {
            if member.owner == NONE && member.aside.is_none() {
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
                try_to_attach(registry, customer, member, limits)
            } else {
                (registry.customers.root(member.owner) != customer).then_some(recorded)
            };
            if let Some(reason) = reason {
                self.refused.push((member.identifier.kind, reason));
                if reason != RefusalReason::Unlinked && registry.refuse(member.identifier, limits) {
                    self.refused.push((member.identifier.kind, RefusalReason::Generic));
                }
            }
        }
    }
}

/// Attaches, unless a limit forbids it: then why.
fn try_to_attach(
    registry: &mut Registry,
    customer: u32,
    member: &Member,
    limits: &Limits,
) -> Option<RefusalReason> {
    let reason = registry.reason_against(customer, member.identifier.kind, limits);
    if reason.is_none() {
        registry.attach(customer, member.identifier);
    }
    reason
}
