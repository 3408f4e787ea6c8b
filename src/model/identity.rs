//! Identities: which customer owns which identifier, merging within limits, ids founded from content. Written after
//! section 4 of the semantics step by step; every test counts what the customers own anew.

use std::collections::{BTreeMap, BTreeSet};

use super::event::Identifier;
use crate::rules::{IdentityRules, Renumbering};
use crate::types::{CustomerId, KindId, Millis, RefusalReason};

mod generic;
mod leaving;
mod unlinking;

use generic::Generic;
use leaving::Leaving;
use unlinking::Bans;

/// A customer's place in the order of founding.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct CustomerNumber(usize);

#[derive(Clone, Debug)]
struct Customer {
    id: CustomerId,
    identifiers: BTreeSet<Identifier>,
    merged_into: Option<CustomerNumber>,
    /// Clock of the last event.
    last: Millis,
    /// Erased or forgotten: nothing leads here any more.
    gone: bool,
}

/// All customers ever founded.
#[derive(Clone, Debug, Default)]
pub struct Identity {
    customers: Vec<Customer>,
    by_id: BTreeMap<CustomerId, CustomerNumber>,
    owners: BTreeMap<Identifier, CustomerNumber>,
    bans: Bans,
    generic: Generic,
    leaving: Leaving,
}

/// What resolving an event's identifiers came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Resolved {
    /// The customer found or founded.
    pub customer: CustomerNumber,
    /// Identifiers that were not joined, best-ranked first.
    pub refused: Vec<(KindId, RefusalReason)>,
    /// Customers that were absorbed, in the order of their founding.
    pub absorbed: Vec<CustomerNumber>,
}

impl Identity {
    /// The customer of whom `id` is the id or an alias.
    pub fn customer_of_id(&self, id: CustomerId) -> Option<CustomerNumber> {
        self.by_id.get(&id).map(|number| self.root(*number))
    }

    /// The survivor that a customer has become part of, or itself.
    pub fn root(&self, customer: CustomerNumber) -> CustomerNumber {
        let mut root = customer;
        while let Some(next) = self.customers[root.0].merged_into {
            root = next;
        }
        root
    }

    /// The id that outputs name: the survivor's.
    pub fn id(&self, customer: CustomerNumber) -> CustomerId {
        self.customers[self.root(customer).0].id
    }

    /// The id that the customer itself was given, whatever it has become part of since.
    pub fn own_id(&self, customer: CustomerNumber) -> CustomerId {
        self.customers[customer.0].id
    }

    /// Kinds of the identifiers that the customer owns, in the order of the rules.
    pub fn kinds(&self, customer: CustomerNumber) -> BTreeSet<KindId> {
        self.customers[self.root(customer).0].identifiers.iter().map(|i| i.kind).collect()
    }

    /// Customers founded so far.
    pub fn founded(&self) -> usize {
        self.customers.len()
    }

    /// Founds a customer that owns no identifiers and so never merges.
    pub fn found_one_off(&mut self, dedup_key: u128, clock: Millis, rules: &IdentityRules) -> CustomerNumber {
        self.found(dedup_key, clock, rules.forget_one_off_after)
    }

    /// The owner of the best-ranked of these identifiers that has one.
    pub fn look_up(&self, identifiers: &[Identifier], rules: &IdentityRules) -> Option<CustomerNumber> {
        self.ranked(identifiers, rules).iter().find_map(|identifier| self.owner(*identifier))
    }

    /// Everybody who owns one of these identifiers.
    pub fn owners(&self, identifiers: &[Identifier], rules: &IdentityRules) -> BTreeSet<CustomerNumber> {
        self.ranked(identifiers, rules).iter().filter_map(|identifier| self.owner(*identifier)).collect()
    }

    /// Every identifier that somebody owns.
    pub fn owned(&self) -> impl Iterator<Item = &Identifier> {
        self.owners.keys()
    }

    /// Other rules: kinds have other numbers. What is remembered of a kind that is gone is forgotten.
    pub fn adopt(&mut self, numbers: &Renumbering) {
        let to = |one: &Identifier| Some(Identifier { kind: numbers.kind(one.kind)?, ..*one });
        let owned = |one: &Identifier| to(one).expect("a kind in use stays");
        for customer in &mut self.customers {
            customer.identifiers = customer.identifiers.iter().map(owned).collect();
        }
        self.owners = self.owners.iter().map(|(one, owner)| (owned(one), *owner)).collect();
        self.bans.adopt(to);
        self.generic.adopt(to);
    }

    /// An event of the customer: it is kept from then on as long as the rules say, one without identifiers at least until
    /// its callback is due.
    pub fn touch(&mut self, customer: CustomerNumber, clock: Millis, due: Option<Millis>) {
        let root = self.root(customer);
        let customer = &mut self.customers[root.0];
        let due = due.filter(|_| customer.identifiers.is_empty()).unwrap_or(clock);
        customer.last = customer.last.max(clock).max(due);
    }

    /// The identifiers that count, each once, best first: by rank of the kind, then by hash.
    pub fn ranked(&self, identifiers: &[Identifier], rules: &IdentityRules) -> Vec<Identifier> {
        let each_once: BTreeSet<Identifier> = identifiers.iter().copied().collect();
        let mut ranked: Vec<_> = each_once.into_iter().filter(|one| !self.generic.contains(one)).collect();
        ranked.sort_by_key(|identifier| rank(*identifier, rules));
        ranked
    }

    /// Finds or founds the customer of these identifiers, ranked, of which there is at least one: attaches, merges, sets
    /// aside.
    pub fn resolve(&mut self, ranked: Vec<Identifier>, clock: Millis, rules: &IdentityRules) -> Resolved {
        let mut rest = ranked;
        let mut aside = Vec::new();
        loop {
            let owners: BTreeSet<_> = rest.iter().filter_map(|identifier| self.owner(*identifier)).collect();
            if owners.is_empty() {
                let best = rest.first().expect("the last one is never set aside");
                let customer = self.found(best.hash, clock, rules.forget_after);
                self.attach_at_founding(customer, &rest, &mut aside, rules);
                return self.finish(customer, Vec::new(), aside, rules);
            }
            match self.reason_against_union(&owners, &rest, rules) {
                None => {
                    if let Some(banned) = self.banned(&rest) {
                        rest.retain(|identifier| *identifier != banned);
                        aside.push((banned, RefusalReason::Unlinked));
                        continue;
                    }
                    let mut founded_first = owners.into_iter();
                    let survivor = founded_first.next().expect("there is an owner");
                    let absorbed: Vec<_> = founded_first.collect();
                    self.merge(survivor, &absorbed);
                    for identifier in rest {
                        self.attach(survivor, identifier);
                    }
                    return self.finish(survivor, absorbed, aside, rules);
                }
                Some(reason) => {
                    let worst = rest.pop().expect("one existing owner and nothing new always passes");
                    aside.push((worst, reason));
                }
            }
        }
    }

    /// Checks invariant 6, and limits if they have never changed: every identifier has exactly one owner, and the customers' sets say the same as the index.
    ///
    /// # Panics
    /// If not.
    pub fn audit(&self, rules: &IdentityRules, within_limits: bool) {
        let mut owned = 0;
        for (place, customer) in self.customers.iter().enumerate() {
            assert!(!customer.gone || customer.identifiers.is_empty(), "one who is gone owns");
            assert!(
                customer.merged_into.is_none() || customer.identifiers.is_empty(),
                "an absorbed one owns"
            );
            let too_many = customer.identifiers.len() > rules.max_identifiers as usize;
            assert!(!(within_limits && too_many), "too many identifiers");
            for (place, kind) in rules.kinds.iter().enumerate().filter(|_| within_limits) {
                let of_kind = count(&customer.identifiers, KindId(place as u8));
                assert!(of_kind <= kind.limit as usize, "{of_kind} values of {}", kind.name);
            }
            for identifier in &customer.identifiers {
                assert_eq!(self.owners.get(identifier), Some(&CustomerNumber(place)), "another owner");
                owned += 1;
            }
        }
        assert_eq!(owned, self.owners.len(), "an owner in the index that does not know it");
    }

    fn owner(&self, identifier: Identifier) -> Option<CustomerNumber> {
        self.owners.get(&identifier).copied()
    }

    fn attach_at_founding(
        &mut self,
        customer: CustomerNumber,
        identifiers: &[Identifier],
        aside: &mut Vec<(Identifier, RefusalReason)>,
        rules: &IdentityRules,
    ) {
        for identifier in identifiers {
            match self.reason_against_one(customer, *identifier, rules) {
                None => self.attach(customer, *identifier),
                Some(reason) => aside.push((*identifier, reason)),
            }
        }
    }

    /// Why the union of these customers with the identifiers would break a limit; none if it would not.
    fn reason_against_union(
        &self,
        owners: &BTreeSet<CustomerNumber>,
        identifiers: &[Identifier],
        rules: &IdentityRules,
    ) -> Option<RefusalReason> {
        let all_owned = identifiers.iter().all(|identifier| self.owners.contains_key(identifier));
        if owners.len() == 1 && all_owned {
            return None;
        }
        let mut union: BTreeSet<Identifier> = identifiers.iter().copied().collect();
        for owner in owners {
            union.extend(&self.customers[owner.0].identifiers);
        }
        let over_a_limit = rules
            .kinds
            .iter()
            .enumerate()
            .any(|(place, kind)| count(&union, KindId(place as u8)) > kind.limit as usize);
        if over_a_limit {
            Some(RefusalReason::Limit)
        } else if union.len() > rules.max_identifiers as usize {
            Some(RefusalReason::Size)
        } else {
            None
        }
    }

    /// Why this customer cannot own one identifier more; none if it can.
    fn reason_against_one(
        &self,
        customer: CustomerNumber,
        identifier: Identifier,
        rules: &IdentityRules,
    ) -> Option<RefusalReason> {
        let owned = &self.customers[customer.0].identifiers;
        if count(owned, identifier.kind) >= rules.kinds[identifier.kind.at()].limit as usize {
            Some(RefusalReason::Limit)
        } else if owned.len() >= rules.max_identifiers as usize {
            Some(RefusalReason::Size)
        } else {
            None
        }
    }

    fn attach(&mut self, customer: CustomerNumber, identifier: Identifier) {
        self.customers[customer.0].identifiers.insert(identifier);
        self.owners.insert(identifier, customer);
    }

    fn merge(&mut self, survivor: CustomerNumber, absorbed: &[CustomerNumber]) {
        for customer in absorbed {
            self.customers[customer.0].merged_into = Some(survivor);
            for identifier in std::mem::take(&mut self.customers[customer.0].identifiers) {
                self.attach(survivor, identifier);
            }
        }
    }

    /// What was set aside gets its last chance, best-ranked first; what has none is refused.
    fn finish(
        &mut self,
        customer: CustomerNumber,
        absorbed: Vec<CustomerNumber>,
        mut aside: Vec<(Identifier, RefusalReason)>,
        rules: &IdentityRules,
    ) -> Resolved {
        aside.sort_by_key(|(identifier, _)| rank(*identifier, rules));
        let mut refused = Vec::new();
        for (identifier, recorded) in aside {
            let reason = match self.owner(identifier) {
                Some(owner) if owner == customer => continue,
                Some(_) => recorded,
                None => match self.reason_against_one(customer, identifier, rules) {
                    None => {
                        self.attach(customer, identifier);
                        continue;
                    }
                    Some(reason) => reason,
                },
            };
            refused.push((identifier.kind, reason));
            let at_a_limit = reason != RefusalReason::Unlinked;
            let owned = self.owners.contains_key(&identifier);
            if at_a_limit && self.generic.refuse(identifier, owned, rules.generic_after) {
                refused.push((identifier.kind, RefusalReason::Generic));
            }
        }
        Resolved { customer, refused, absorbed }
    }
}

fn rank(identifier: Identifier, rules: &IdentityRules) -> (u32, u128, KindId) {
    (rules.kinds[identifier.kind.at()].rank, identifier.hash, identifier.kind)
}

fn count(identifiers: &BTreeSet<Identifier>, kind: KindId) -> usize {
    identifiers.iter().filter(|identifier| identifier.kind == kind).count()
}
