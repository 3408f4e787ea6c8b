//! Founding and leaving: generations of ids, erasure, and forgetting those who have not been heard of for long.

use std::collections::{BTreeMap, VecDeque};

use super::{Customer, CustomerNumber, Identity};
use crate::rules::keys::founding_bits;
use crate::rules::{FORGET_LOOKS, FORGET_SLOT, IdentityRules};
use crate::types::{CustomerId, DurationMs, Millis};

/// What was founded under the same 64 bits.
#[derive(Clone, Debug, Default)]
struct Generations {
    next: u32,
    /// Customers founded under them who are still there, absorbed ones included.
    there: u32,
    /// One was erased: this is its tombstone.
    erased: bool,
}

/// Who was founded when, and who is to be looked at when.
#[derive(Clone, Debug, Default)]
pub struct Leaving {
    generations: BTreeMap<u64, Generations>,
    /// By the hour, counted from 1970, at whose beginning they are looked at; first come first.
    looks: BTreeMap<i64, VecDeque<CustomerNumber>>,
}

impl Identity {
    /// Founds a customer, to be looked at after `span`.
    pub(super) fn found(&mut self, hash: u128, clock: Millis, span: DurationMs) -> CustomerNumber {
        let bits = founding_bits(hash);
        let generations = self.leaving.generations.entry(bits).or_default();
        let id = CustomerId { hash: bits, generation: generations.next };
        generations.next += 1;
        generations.there += 1;
        let number = CustomerNumber(self.customers.len());
        self.customers.push(Customer {
            id,
            identifiers: Default::default(),
            merged_into: None,
            last: clock,
            gone: false,
        });
        self.by_id.insert(id, number);
        self.look_at(number, clock.plus(span));
        number
    }

    /// Erases a customer; the ids that were its own.
    pub fn erase(&mut self, customer: CustomerNumber) -> Vec<CustomerId> {
        let ids = self.remove(customer);
        for id in &ids {
            let generations = self.leaving.generations.entry(id.hash).or_default();
            generations.there -= 1;
            generations.erased = true;
        }
        ids
    }

    /// Looks at the next few whose time has come: who has had no event is forgotten, the others are looked at again
    /// when theirs has. Says who was forgotten, and the ids that were theirs.
    pub fn forget_due(
        &mut self,
        clock: Millis,
        rules: &IdentityRules,
    ) -> Vec<(CustomerNumber, Vec<CustomerId>)> {
        let mut forgotten = Vec::new();
        for _ in 0..FORGET_LOOKS {
            let Some(mut first) = self.leaving.looks.first_entry() else { break };
            if first.key() * FORGET_SLOT.0 > clock.0 {
                break;
            }
            let number = first.get_mut().pop_front().expect("an hour has customers");
            if first.get().is_empty() {
                first.remove();
            }
            let customer = &self.customers[number.0];
            if customer.gone || customer.merged_into.is_some() {
                continue;
            }
            let one_off = customer.identifiers.is_empty();
            let span = if one_off { rules.forget_one_off_after } else { rules.forget_after };
            let due = customer.last.plus(span);
            if due > clock {
                self.look_at(number, due);
                continue;
            }
            let ids = self.remove(number);
            for bits in ids.iter().map(|id| id.hash) {
                let generations = self.leaving.generations.get_mut(&bits).expect("it was founded");
                generations.there -= 1;
                if generations.there == 0 && !generations.erased {
                    self.leaving.generations.remove(&bits);
                }
            }
            forgotten.push((number, ids));
        }
        forgotten
    }

    /// Whether this customer, or who absorbed it, is neither erased nor forgotten.
    pub(super) fn is_alive(&self, customer: CustomerNumber) -> bool {
        !self.customers[self.root(customer).0].gone
    }

    fn look_at(&mut self, number: CustomerNumber, due: Millis) {
        let hour = due.0.saturating_add(FORGET_SLOT.0 - 1).div_euclid(FORGET_SLOT.0);
        self.leaving.looks.entry(hour).or_default().push_back(number);
    }

    /// Takes a customer and everybody whom it absorbed out, with what it owns; the ids of all of them.
    fn remove(&mut self, customer: CustomerNumber) -> Vec<CustomerId> {
        for identifier in std::mem::take(&mut self.customers[customer.0].identifiers) {
            self.owners.remove(&identifier);
            self.bans.forget(identifier);
            self.generic.forget(identifier);
        }
        let all = (0..self.customers.len()).map(CustomerNumber);
        let own: Vec<_> =
            all.filter(|one| !self.customers[one.0].gone && self.root(*one) == customer).collect();
        for one in &own {
            self.customers[one.0].gone = true;
            self.by_id.remove(&self.customers[one.0].id);
        }
        own.iter().map(|one| self.customers[one.0].id).collect()
    }
}
