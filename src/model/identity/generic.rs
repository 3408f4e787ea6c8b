//! Identifiers that were refused at a limit so often that they do not identify any more: a telephone in a hotel's lobby, an
//! address that a shop's staff types in for everybody.

use std::collections::{BTreeSet, VecDeque};

use super::Identifier;
use crate::rules::{GENERIC_UNOWNED_MAX, REFUSALS_MAX};

/// Counts of refusals, and those who had too many.
#[derive(Clone, Debug, Default)]
pub struct Generic {
    /// The least recently refused first.
    counts: VecDeque<(Identifier, u32)>,
    generic: BTreeSet<Identifier>,
    /// Those of them that nobody owned, oldest first.
    unowned: VecDeque<Identifier>,
}

impl Generic {
    /// Whether it does not identify any more.
    pub fn contains(&self, identifier: &Identifier) -> bool {
        self.generic.contains(identifier)
    }

    /// Counts a refusal at a limit; whether it becomes generic by it.
    pub fn refuse(&mut self, identifier: Identifier, owned: bool, generic_after: u32) -> bool {
        let count = self.forget_count(identifier) + 1;
        if count < generic_after {
            self.counts.push_back((identifier, count));
            if self.counts.len() > REFUSALS_MAX {
                self.counts.pop_front();
            }
            return false;
        }
        self.generic.insert(identifier);
        if !owned {
            self.unowned.push_back(identifier);
        }
        if self.unowned.len() > GENERIC_UNOWNED_MAX {
            let oldest = self.unowned.pop_front().expect("there are some");
            self.generic.remove(&oldest);
        }
        true
    }

    /// Kinds have other numbers.
    pub fn adopt(&mut self, to: impl Fn(&Identifier) -> Option<Identifier>) {
        let counts = std::mem::take(&mut self.counts).into_iter();
        self.counts = counts.filter_map(|(one, count)| Some((to(&one)?, count))).collect();
        self.generic = self.generic.iter().filter_map(&to).collect();
        self.unowned = self.unowned.iter().filter_map(&to).collect();
    }

    /// Its owner is gone: nothing is kept of it.
    pub fn forget(&mut self, identifier: Identifier) {
        self.forget_count(identifier);
        self.generic.remove(&identifier);
    }

    fn forget_count(&mut self, identifier: Identifier) -> u32 {
        let place = self.counts.iter().position(|(other, _)| *other == identifier);
        place.and_then(|place| self.counts.remove(place)).map_or(0, |(_, count)| count)
    }
}
