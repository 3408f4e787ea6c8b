//! Deduplication as the semantics say it: the acceptances of the window in their order, and the latest acceptance
//! of each key. A dropped duplicate leaves no trace here.

use std::collections::{BTreeMap, VecDeque};

use crate::rules::DedupRules;
use crate::types::Millis;

/// An acceptance: when, and the how-manieth of all, from 0.
#[derive(Copy, Clone, Debug)]
struct Acceptance {
    clock: Millis,
    number: u64,
}

/// What was accepted lately.
#[derive(Clone, Debug, Default)]
pub struct Dedup {
    latest: BTreeMap<u128, Acceptance>,
    in_order: VecDeque<(u128, Acceptance)>,
    accepted: u64,
}

impl Dedup {
    /// Whether the event of this key is new; if so it counts as accepted at `clock`.
    pub fn accept(&mut self, key: u128, clock: Millis, rules: &DedupRules) -> bool {
        self.forget_old(clock, rules);
        if self.latest.contains_key(&key) {
            return false;
        }
        let acceptance = Acceptance { clock, number: self.accepted };
        self.accepted += 1;
        self.latest.insert(key, acceptance);
        self.in_order.push_back((key, acceptance));
        true
    }

    /// Drops what is older than the window, and what is not among the last `max_events` accepted.
    fn forget_old(&mut self, clock: Millis, rules: &DedupRules) {
        while let Some((key, first)) = self.in_order.front() {
            let in_window = first.clock >= clock.minus(rules.window);
            let among_the_last = self.accepted - first.number <= rules.max_events;
            if in_window && among_the_last {
                break;
            }
            self.latest.remove(key);
            self.in_order.pop_front();
        }
    }
}
