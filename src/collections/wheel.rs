//! Timers by deadline: a hierarchical wheel of eight levels of 256 slots, one level a byte of the deadline, so every
//! instant that an `i64` holds has its slot and no overflow list is needed. Arming and disarming touch one or two
//! nodes; the common question "is anything due?" is one comparison.
//!
//! A deadline stands at the level of the highest byte in which it differs from `base`, which is never later than
//! any deadline in the wheel. Hence every deadline of a level is earlier than all of the levels above it, a slot of
//! level 0 holds one single deadline, and a node's slot follows from its deadline alone. Looking for the least
//! deadline moves `base` to the beginning of the earliest slot, if that is within the limit, and spreads the slot
//! over the levels below: a node moves down at most seven times, mostly once or twice.
//!
//! What is armed earlier than `base` goes to a list of its own, which is searched whole: correct, but meant for few.

use crate::collections::Pages;

/// One timer a handle; deadlines in milliseconds.
#[derive(Clone, Debug)]
pub struct Wheel {
    nodes: Pages<Node>,
    /// First node of each slot, level by level, and of the list of the overdue.
    heads: Box<[u32; SLOTS + 1]>,
    /// Bit s of level l: the slot is not empty.
    occupied: [[u64; WORDS]; LEVELS],
    /// Not later than any deadline in the levels.
    base: u64,
    /// Not later than any deadline armed: what `next` asks first.
    least: u64,
    len: u32,
}

const LEVELS: usize = 8;
const WORDS: usize = 4;
const SLOTS: usize = LEVELS * 256;
const OVERDUE: usize = SLOTS;
const NIL: u32 = u32::MAX;
/// In `previous`: the node is in no list.
const UNARMED: u32 = u32::MAX - 1;

/// | bytes | field |
/// |---|---|
/// | 0–7 | deadline, sign bit turned so that unsigned order is time's order |
/// | 8–11 | next in the slot |
/// | 12–15 | previous in the slot, or a mark |
#[derive(Copy, Clone, Debug)]
struct Node {
    deadline: u64,
    next: u32,
    previous: u32,
}

const _: () = assert!(size_of::<Node>() == 16);

impl Default for Wheel {
    fn default() -> Self {
        Wheel::new()
    }
}

impl Wheel {
    /// No timer is armed.
    pub fn new() -> Wheel {
        Wheel {
            nodes: Pages::new(),
            heads: Box::new([NIL; SLOTS + 1]),
            occupied: [[0; WORDS]; LEVELS],
            base: 0,
            least: u64::MAX,
            len: 0,
        }
    }

    /// Timers armed.
    #[inline]
    pub fn len(&self) -> u32 {
        self.len
    }

    /// Whether none is armed.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Sets the deadline of a handle, in place of the one that it had. One that has passed is due at once.
    #[inline]
    pub fn arm(&mut self, handle: u32, deadline: i64) {
        assert!(handle < UNARMED, "a handle below the two marks");
        let deadline = unsigned(deadline);
        if handle >= self.nodes.len() {
            self.nodes.grow(handle + 1, Node { deadline: 0, next: NIL, previous: UNARMED });
        }
        let node = &self.nodes[handle];
        if node.previous != UNARMED {
            if node.deadline == deadline {
                return;
            }
            self.unlink(handle);
        }
        self.nodes[handle].deadline = deadline;
        self.link(handle);
        self.least = self.least.min(deadline);
    }

    /// Takes the deadline away; whether there was one.
    #[inline]
    pub fn disarm(&mut self, handle: u32) -> bool {
        let armed = self.nodes.get(handle).is_some_and(|node| node.previous != UNARMED);
        if armed {
            self.unlink(handle);
        }
        armed
    }

    /// The deadline of a handle.
    #[inline]
    pub fn deadline(&self, handle: u32) -> Option<i64> {
        self.nodes.get(handle).filter(|node| node.previous != UNARMED).map(|node| signed(node.deadline))
    }

    /// Asks for the handle's line.
    #[inline]
    pub fn prefetch(&self, handle: u32) {
        self.nodes.prefetch(handle);
    }

    /// The least deadline, if it is not after `limit`. One comparison unless something may be due.
    #[inline]
    pub fn next(&mut self, limit: i64) -> Option<i64> {
        let limit = unsigned(limit);
        if limit < self.least { None } else { self.search(limit).map(signed) }
    }

    /// Disarms all timers of the deadline that `next` has just given and appends their handles to `into`, in no
    /// particular order.
    pub fn take(&mut self, at: i64, into: &mut Vec<u32>) {
        let at = unsigned(at);
        // A deadline of an upper level is not unlinked: `next` brings the least one down to level 0 first.
        let list = if at < self.base { OVERDUE } else { slot(at, self.base) };
        if list != OVERDUE && list >= 256 {
            return;
        }
        let mut handle = self.heads[list];
        while handle != NIL {
            let node = self.nodes[handle];
            if node.deadline == at {
                self.unlink(handle);
                into.push(handle);
            }
            handle = node.next;
        }
    }

    fn search(&mut self, limit: u64) -> Option<u64> {
        if self.heads[OVERDUE] != NIL {
            self.least = self.least_overdue();
            return (self.least <= limit).then_some(self.least);
        }
        loop {
            let Some((level, place)) = self.first_slot() else {
                self.least = u64::MAX;
                return None;
            };
            let shift = 8 * level as u32;
            // The bytes above the level are those of `base`, the ones below are 0.
            let above = u64::MAX.checked_shl(shift + 8).unwrap_or(0);
            let start = (self.base & above) | (place as u64) << shift;
            self.least = start;
            if start > limit {
                return None;
            }
            if level == 0 {
                return Some(start);
            }
            self.base = start;
            self.spread(level * 256 + place);
        }
    }

    fn least_overdue(&self) -> u64 {
        let mut least = u64::MAX;
        let mut handle = self.heads[OVERDUE];
        while handle != NIL {
            let node = &self.nodes[handle];
            least = least.min(node.deadline);
            handle = node.next;
        }
        least
    }

    #[inline]
    fn first_slot(&self) -> Option<(usize, usize)> {
        for (level, words) in self.occupied.iter().enumerate() {
            for (word, bits) in words.iter().enumerate() {
                if *bits != 0 {
                    return Some((level, word * 64 + bits.trailing_zeros() as usize));
                }
            }
        }
        None
    }

    /// Moves all nodes of a slot to where they belong since `base` has come to the slot's beginning.
    fn spread(&mut self, list: usize) {
        let mut handle = std::mem::replace(&mut self.heads[list], NIL);
        self.vacate(list);
        while handle != NIL {
            let next = self.nodes[handle].next;
            if next != NIL {
                self.nodes.prefetch(next);
            }
            self.len -= 1;
            self.link(handle);
            handle = next;
        }
    }

    #[inline]
    fn link(&mut self, handle: u32) {
        let list = self.list_of(self.nodes[handle].deadline);
        let first = std::mem::replace(&mut self.heads[list], handle);
        if first != NIL {
            self.nodes[first].previous = handle;
        } else if list != OVERDUE {
            self.occupied[list / 256][list % 256 / 64] |= 1 << (list % 64);
        }
        let node = &mut self.nodes[handle];
        node.next = first;
        node.previous = NIL;
        self.len += 1;
    }

    #[inline]
    fn unlink(&mut self, handle: u32) {
        let Node { deadline, next, previous } = self.nodes[handle];
        if next != NIL {
            self.nodes[next].previous = previous;
        }
        if previous != NIL {
            self.nodes[previous].next = next;
        } else {
            let list = self.list_of(deadline);
            debug_assert_eq!(
                self.heads[list], handle,
                "a node without a previous one is the first of its list"
            );
            self.heads[list] = next;
            if next == NIL {
                self.vacate(list);
            }
        }
        self.nodes[handle].previous = UNARMED;
        self.len -= 1;
    }

    #[inline]
    fn vacate(&mut self, list: usize) {
        if list != OVERDUE {
            self.occupied[list / 256][list % 256 / 64] &= !(1 << (list % 64));
        }
    }

    #[inline]
    fn list_of(&self, deadline: u64) -> usize {
        if deadline < self.base { OVERDUE } else { slot(deadline, self.base) }
    }
}

/// Number of the slot of a deadline that is not before `base`.
#[inline]
const fn slot(deadline: u64, base: u64) -> usize {
    // `| 1` puts equal ones on level 0.
    let level = (63 - ((deadline ^ base) | 1).leading_zeros()) / 8;
    level as usize * 256 + ((deadline >> (8 * level)) & 255) as usize
}

#[inline]
const fn unsigned(time: i64) -> u64 {
    (time as u64) ^ (1 << 63)
}

#[inline]
const fn signed(time: u64) -> i64 {
    (time ^ (1 << 63)) as i64
}

#[cfg(test)]
mod tests;
