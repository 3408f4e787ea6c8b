//! Which case of the world is which conversation of the engine: open addressing with linear probing, entries
//! moved back on removal, so that a long run leaves no tombstones. Nothing depends on its order.

use crate::sim::rng::mix;
use crate::types::ConversationId;

/// No case.
pub const NOBODY: u32 = u32::MAX;

/// Conversation id → place of the case.
pub struct Directory {
    slots: Vec<(ConversationId, u32)>,
    mask: usize,
    len: usize,
}

impl Directory {
    /// Empty.
    pub fn new() -> Directory {
        Directory { slots: vec![(ConversationId::NONE, NOBODY); 1_024], mask: 1_023, len: 0 }
    }

    /// The case of a conversation, or `NOBODY`.
    #[inline]
    pub fn get(&self, id: ConversationId) -> u32 {
        let mut at = self.home(id);
        loop {
            let (key, case) = self.slots[at];
            if case == NOBODY || key == id {
                return case;
            }
            at = (at + 1) & self.mask;
        }
    }

    /// Enters a conversation that is not there.
    pub fn insert(&mut self, id: ConversationId, case: u32) {
        if self.len * 2 >= self.slots.len() {
            self.grow();
        }
        let mut at = self.home(id);
        while self.slots[at].1 != NOBODY {
            at = (at + 1) & self.mask;
        }
        self.slots[at] = (id, case);
        self.len += 1;
    }

    /// Forgets a conversation; what is not there stays so.
    pub fn remove(&mut self, id: ConversationId) {
        let mut at = self.home(id);
        loop {
            let (key, case) = self.slots[at];
            if case == NOBODY {
                return;
            }
            if key == id {
                break;
            }
            at = (at + 1) & self.mask;
        }
        self.len -= 1;
        let mut hole = at;
        loop {
            at = (at + 1) & self.mask;
            let (key, case) = self.slots[at];
            if case == NOBODY {
                break;
            }
            let home = self.home(key);
            // Whoever's way from home to its place leads over the hole moves into it.
            if at.wrapping_sub(home) & self.mask >= at.wrapping_sub(hole) & self.mask {
                self.slots[hole] = (key, case);
                hole = at;
            }
        }
        self.slots[hole] = (ConversationId::NONE, NOBODY);
    }

    fn home(&self, id: ConversationId) -> usize {
        let salt = u64::from(id.customer.generation) << 32 | u64::from(id.ordinal);
        mix(id.customer.hash ^ salt.wrapping_mul(0x9e37_79b9_7f4a_7c15)) as usize & self.mask
    }

    fn grow(&mut self) {
        let double = self.slots.len() * 2;
        let old = std::mem::replace(&mut self.slots, vec![(ConversationId::NONE, NOBODY); double]);
        self.mask = double - 1;
        self.len = 0;
        for (id, case) in old {
            if case != NOBODY {
                self.insert(id, case);
            }
        }
    }
}

impl Default for Directory {
    fn default() -> Self {
        Directory::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::rng::Rng;
    use crate::types::CustomerId;
    use std::collections::BTreeMap;

    #[test]
    fn agrees_with_a_map() {
        let mut rng = Rng::new(5);
        let (mut directory, mut twin) = (Directory::new(), BTreeMap::new());
        for case in 0..50_000 {
            let customer = CustomerId { hash: u64::from(rng.below(3_000)), generation: rng.below(2) };
            let id = ConversationId { customer, ordinal: rng.between(1, 2) };
            match rng.below(3) {
                0 => {
                    directory.remove(id);
                    twin.remove(&id);
                }
                _ if !twin.contains_key(&id) => {
                    directory.insert(id, case);
                    twin.insert(id, case);
                }
                _ => {}
            }
            assert_eq!(directory.get(id), twin.get(&id).copied().unwrap_or(NOBODY));
        }
        assert!(twin.iter().all(|(id, case)| directory.get(*id) == *case) && twin.len() > 1_000);
    }
}
