//! One identifier is somebody else's: it moves to a new customer, and does not lead back by itself.

use std::collections::VecDeque;

use super::{CustomerNumber, Identifier, Identity};
use crate::rules::{BANS_MAX, BANS_OF_ONE, IdentityRules};
use crate::types::{IgnoreReason, Millis};

/// By identifier: whom it was split off from. The one split off longest ago first.
#[derive(Clone, Debug, Default)]
pub struct Bans(VecDeque<(Identifier, Vec<CustomerNumber>)>);

impl Bans {
    /// Nothing is kept of this identifier.
    pub fn forget(&mut self, identifier: Identifier) {
        self.take(identifier);
    }

    /// Kinds have other numbers.
    pub fn adopt(&mut self, to: impl Fn(&Identifier) -> Option<Identifier>) {
        let all = std::mem::take(&mut self.0).into_iter();
        self.0 = all.filter_map(|(one, sides)| Some((to(&one)?, sides))).collect();
    }

    fn of(&self, identifier: Identifier) -> &[CustomerNumber] {
        self.0.iter().find(|(other, _)| *other == identifier).map_or(&[], |(_, sides)| sides)
    }

    fn take(&mut self, identifier: Identifier) -> Vec<CustomerNumber> {
        let place = self.0.iter().position(|(other, _)| *other == identifier);
        place.and_then(|place| self.0.remove(place)).map_or(Vec::new(), |(_, sides)| sides)
    }
}

impl Identity {
    /// Moves an identifier to a new customer: who had it, who has it now.
    ///
    /// # Errors
    /// Nobody owns it, or its owner has no other.
    pub fn unlink(
        &mut self,
        identifier: Identifier,
        clock: Millis,
        rules: &IdentityRules,
    ) -> Result<(CustomerNumber, CustomerNumber), IgnoreReason> {
        let owner = self.owner(identifier).filter(|_| !self.generic.contains(&identifier));
        let from = owner.ok_or(IgnoreReason::UnknownCustomer)?;
        if self.customers[from.0].identifiers.len() == 1 {
            return Err(IgnoreReason::OnlyIdentifier);
        }
        self.touch(from, clock, None);
        let to = self.found(identifier.hash, clock, rules.forget_after);
        self.customers[from.0].identifiers.remove(&identifier);
        self.attach(to, identifier);
        let mut sides = self.bans.take(identifier);
        sides.retain(|side| self.is_alive(*side) && self.root(*side) != from);
        sides.push(from);
        if sides.len() > BANS_OF_ONE {
            sides.remove(0);
        }
        self.bans.0.push_back((identifier, sides));
        if self.bans.0.len() > BANS_MAX {
            self.bans.0.pop_front();
        }
        Ok((from, to))
    }

    /// A link names both sides of a ban: it is lifted.
    pub fn lift_bans(&mut self, ranked: &[Identifier]) {
        let owners: Vec<_> = ranked.iter().filter_map(|identifier| self.owner(*identifier)).collect();
        for place in (0..self.bans.0.len()).rev() {
            let (identifier, sides) = self.bans.0[place].clone();
            if !ranked.contains(&identifier) {
                continue;
            }
            let still = |side: &CustomerNumber| self.is_alive(*side) && !owners.contains(&self.root(*side));
            let still: Vec<_> = sides.into_iter().filter(still).collect();
            if still.is_empty() {
                self.bans.0.remove(place);
            } else {
                self.bans.0[place].1 = still;
            }
        }
    }

    /// The worst-ranked of these identifiers that would bring the two sides of an unlink together and is all that the event
    /// has of its side.
    pub(super) fn banned(&self, ranked: &[Identifier]) -> Option<Identifier> {
        let owner = |identifier: &Identifier| self.owner(*identifier);
        let leads_back = |identifier: &&Identifier| {
            let Some(own) = owner(identifier) else { return false };
            let alone = ranked.iter().all(|other| other == *identifier || owner(other) != Some(own));
            let is_here = |side: &CustomerNumber| {
                let side = Some(self.root(*side)).filter(|root| self.is_alive(*root) && *root != own);
                side.is_some() && ranked.iter().any(|other| owner(other) == side)
            };
            alone && self.bans.of(**identifier).iter().any(is_here)
        };
        ranked.iter().rev().find(leads_back).copied()
    }
}
