//! Which case of the world is which conversation of the engine: open addressing with linear probing, entries
//! moved back on removal, so that a long run leaves no tombstones. An entry holds half of the id's hash; the id itself
//! stands in the case, so that the table is small. Nothing depends on its order.

use crate::collections::prefetch::prefetch;
use crate::sim::rng::mix;
use crate::types::ConversationId;

/// No case.
pub const NOBODY: u32 = u32::MAX;

/// Conversation id → place of the case.
pub struct Directory {
    /// Mark of the id, place of the case.
    slots: Vec<(u32, u32)>,
    mask: usize,
    len: usize,
}

/// What an entry keeps of an id.
#[inline]
pub fn mark(id: ConversationId) -> u32 {
    let salt = u64::from(id.customer.generation) << 32 | u64::from(id.ordinal);
    mix(id.customer.hash ^ salt.wrapping_mul(0x9e37_79b9_7f4a_7c15)) as u32
}

impl Directory {
    /// Empty.
    pub fn new() -> Directory {
        Directory { slots: vec![(0, NOBODY); 1_024], mask: 1_023, len: 0 }
    }

    /// Bytes allocated.
    pub fn bytes(&self) -> usize {
        self.slots.capacity() * size_of::<(u32, u32)>()
    }

    /// The first case under this mark that `is` the one meant, or `NOBODY`.
    #[inline]
    pub fn get(&self, mark: u32, is: impl Fn(u32) -> bool) -> u32 {
        let mut at = self.home(mark);
        loop {
            let (other, case) = self.slots[at];
            if case == NOBODY || (other == mark && is(case)) {
                return case;
            }
            at = (at + 1) & self.mask;
        }
    }

    /// Asks for the memory where a mark is looked for.
    #[inline]
    pub fn prefetch(&self, mark: u32) {
        prefetch(&self.slots, self.home(mark));
    }

    /// Enters a case that is not there.
    pub fn insert(&mut self, mark: u32, case: u32) {
        if self.len * 2 >= self.slots.len() {
            self.grow();
        }
        let mut at = self.home(mark);
        while self.slots[at].1 != NOBODY {
            at = (at + 1) & self.mask;
        }
        self.slots[at] = (mark, case);
        self.len += 1;
    }

    /// Forgets a case; what is not there stays so.
    pub fn remove(&mut self, mark: u32, case: u32) {
        let mut at = self.home(mark);
        while self.slots[at].1 != case {
            if self.slots[at].1 == NOBODY {
                return;
            }
            at = (at + 1) & self.mask;
        }
        self.len -= 1;
        let mut hole = at;
        loop {
            at = (at + 1) & self.mask;
            let (mark, case) = self.slots[at];
            if case == NOBODY {
                break;
            }
            let home = self.home(mark);
            // Whoever's way from home to its place leads over the hole moves into it.
            if at.wrapping_sub(home) & self.mask >= at.wrapping_sub(hole) & self.mask {
                self.slots[hole] = (mark, case);
                hole = at;
            }
        }
        self.slots[hole] = (0, NOBODY);
    }

    #[inline]
    fn home(&self, mark: u32) -> usize {
        mark as usize & self.mask
    }

    fn grow(&mut self) {
        let double = self.slots.len() * 2;
        let old = std::mem::replace(&mut self.slots, vec![(0, NOBODY); double]);
        self.mask = double - 1;
        self.len = 0;
        for (mark, case) in old {
            if case != NOBODY {
                self.insert(mark, case);
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
        let mut ids: Vec<ConversationId> = Vec::new();
        let get = |directory: &Directory, ids: &[ConversationId], id| {
            directory.get(few(id), |case| ids[case as usize] == id)
        };
        for case in 0..50_000 {
            let customer = CustomerId { hash: u64::from(rng.below(3_000)), generation: rng.below(2) };
            let id = ConversationId { customer, ordinal: rng.between(1, 2) };
            ids.push(id);
            match rng.below(3) {
                0 => {
                    if let Some(case) = twin.remove(&id) {
                        directory.remove(few(id), case);
                    }
                }
                _ if !twin.contains_key(&id) => {
                    directory.insert(few(id), case);
                    twin.insert(id, case);
                }
                _ => {}
            }
            assert_eq!(get(&directory, &ids, id), twin.get(&id).copied().unwrap_or(NOBODY));
        }
        assert!(twin.iter().all(|(id, case)| get(&directory, &ids, *id) == *case) && twin.len() > 1_000);
    }

    /// Marks that many share.
    fn few(id: ConversationId) -> u32 {
        mark(id) & 0x8000_03ff
    }
}
