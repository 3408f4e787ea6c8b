//! Timers by deadline: a hierarchical wheel of eight levels, the slots of a level 256 times as long as those of the one
//! below, so every instant that an `i64` holds has its slot and no overflow list is needed. The common question "is
//! anything due?" is one comparison.
//!
//! `base` is never later than any deadline in the levels. A level has 512 slots, a ring: what is left of the slot of the
//! level above in which `base` lies, and the whole next one. A node stands at the lowest level whose ring its deadline was
//! in when it was linked; a slot of level 0 stands for one single instant. Looking for the least deadline moves `base` to
//! the beginning of the earliest slot, if that is within the limit, and spreads the slot over the levels below: a node
//! moves down at most seven times, mostly once or twice.
//!
//! A slot of a minute may hold ten thousands of nodes, and spreading them at once is a pause of milliseconds. Hence the
//! second half of a ring: while `base` goes through one slot of the level above, the nodes of the next one move down some
//! at a time, so that there are few left when its turn comes.
//!
//! A deadline that is put off, or taken away, touches its own node only: the node stays where it is, which is early enough,
//! and goes where it belongs when its slot's turn comes. Only a deadline that becomes earlier than its slot moves the
//! node at once, and with it two neighbours.
//!
//! What is armed earlier than `base` goes to a list of its own, which is searched whole: correct, but meant for few.

use std::io;
use std::ops::{Index, IndexMut};

use borsh::{BorshDeserialize, BorshSerialize};

use crate::collections::Pages;

/// One timer a handle; deadlines in milliseconds.
#[derive(Clone, Debug)]
pub struct Wheel {
    nodes: Nodes,
    /// First node of each slot, level by level, and of the list of the overdue.
    heads: Box<[u32; SLOTS + 1]>,
    /// Bit s of level l: the slot is not empty.
    occupied: [[u64; WORDS]; LEVELS],
    /// Bit w of level l: word w of `occupied[l]` is not 0.
    words: [u8; LEVELS],
    /// Not later than any deadline in the levels.
    base: u64,
    /// Not later than any deadline armed: what `next` asks first.
    least: u64,
    len: u32,
}

const LEVELS: usize = 8;
/// Slots of a level: those of two slots of the level above.
const RING: usize = 512;
const WORDS: usize = RING / 64;
const _: () = assert!(WORDS == u8::BITS as usize);
const SLOTS: usize = LEVELS * RING;
/// Nodes that move down ahead of their slot's turn at each search and level: some microseconds. A search comes at least
/// every 256 ms of the timers' time, and about once for each instant at which something fires.
const AHEAD: usize = 16;
const OVERDUE: usize = SLOTS;
const NIL: u32 = u32::MAX;
/// In `Node::list`: the node is in no list.
const NOWHERE: u16 = u16::MAX;

/// | bytes | field |
/// |---|---|
/// | 0–7 | deadline, sign bit turned so that unsigned order is time's order |
/// | 8–11 | next in the slot |
/// | 12–15 | previous in the slot |
/// | 16–17 | its slot, or a mark |
/// | 18 | whether the deadline counts |
#[derive(Copy, Clone, Debug)]
struct Node {
    deadline: u64,
    next: u32,
    previous: u32,
    list: u16,
    armed: bool,
}

const _: () = assert!(size_of::<Node>() == 24);

impl Node {
    const IDLE: Node = Node { deadline: 0, next: NIL, previous: NIL, list: NOWHERE, armed: false };
}

/// Nodes by handle: even handles in one list, odd ones in another, so that two kinds of owners, of which there are more of
/// one than of the other, leave no places between them unused.
#[derive(Clone, Debug, Default)]
struct Nodes([Pages<Node>; 2]);

impl Nodes {
    #[inline]
    fn make_sure_of(&mut self, handle: u32) {
        let list = &mut self.0[handle as usize & 1];
        if handle >> 1 >= list.len() {
            list.grow((handle >> 1) + 1, Node::IDLE);
        }
    }

    fn bytes(&self) -> usize {
        self.0.iter().map(Pages::bytes).sum()
    }

    #[inline]
    fn get(&self, handle: u32) -> Option<&Node> {
        self.0[handle as usize & 1].get(handle >> 1)
    }

    #[inline]
    fn get_mut(&mut self, handle: u32) -> Option<&mut Node> {
        self.0[handle as usize & 1].get_mut(handle >> 1)
    }

    #[inline]
    fn prefetch(&self, handle: u32) {
        self.0[handle as usize & 1].prefetch(handle >> 1);
    }
}

impl Index<u32> for Nodes {
    type Output = Node;

    #[inline]
    fn index(&self, handle: u32) -> &Node {
        &self.0[handle as usize & 1][handle >> 1]
    }
}

impl IndexMut<u32> for Nodes {
    #[inline]
    fn index_mut(&mut self, handle: u32) -> &mut Node {
        &mut self.0[handle as usize & 1][handle >> 1]
    }
}

/// The deadlines, by handle: where their nodes stand depends on when somebody looked.
impl BorshSerialize for Wheel {
    fn serialize<W: io::Write>(&self, to: &mut W) -> io::Result<()> {
        self.len.serialize(to)?;
        let handles = self.nodes.0.iter().map(Pages::len).max().unwrap_or(0) * 2;
        for handle in 0..handles {
            if let Some(node) = self.nodes.get(handle).filter(|node| node.armed) {
                (handle, node.deadline).serialize(to)?;
            }
        }
        Ok(())
    }
}

impl BorshDeserialize for Wheel {
    fn deserialize_reader<R: io::Read>(from: &mut R) -> io::Result<Wheel> {
        let armed = Vec::<(u32, u64)>::deserialize_reader(from)?;
        let mut wheel = Wheel::new();
        wheel.base = armed.iter().map(|(_, deadline)| *deadline).min().unwrap_or(0);
        armed.iter().for_each(|(handle, deadline)| wheel.arm(*handle, signed(*deadline)));
        Ok(wheel)
    }
}

impl Default for Wheel {
    fn default() -> Self {
        Wheel::new()
    }
}

impl Wheel {
    /// No timer is armed.
    pub fn new() -> Wheel {
        Wheel {
            nodes: Nodes::default(),
            heads: Box::new([NIL; SLOTS + 1]),
            occupied: [[0; WORDS]; LEVELS],
            words: [0; LEVELS],
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
        let deadline = unsigned(deadline);
        self.nodes.make_sure_of(handle);
        let node = &mut self.nodes[handle];
        if node.armed && node.deadline == deadline {
            return;
        }
        self.len += u32::from(!node.armed);
        node.armed = true;
        node.deadline = deadline;
        let list = usize::from(node.list);
        self.least = self.least.min(deadline);
        if list < SLOTS && deadline >= self.start(list) {
            return;
        }
        if list <= OVERDUE {
            self.unlink(handle);
        }
        self.link(handle);
    }

    /// Takes the deadline away; whether there was one.
    #[inline]
    pub fn disarm(&mut self, handle: u32) -> bool {
        let Some(node) = self.nodes.get_mut(handle).filter(|node| node.armed) else { return false };
        node.armed = false;
        self.len -= 1;
        if usize::from(node.list) == OVERDUE {
            self.unlink(handle);
        }
        true
    }

    /// Bytes allocated.
    pub fn bytes(&self) -> usize {
        self.nodes.bytes() + size_of_val(&*self.heads)
    }

    /// The deadline of a handle.
    #[inline]
    pub fn deadline(&self, handle: u32) -> Option<i64> {
        self.nodes.get(handle).filter(|node| node.armed).map(|node| signed(node.deadline))
    }

    /// Asks for the handle's line.
    #[inline]
    pub fn prefetch(&self, handle: u32) {
        self.nodes.prefetch(handle);
    }

    /// Asks for the lines of those next to the handle in its list, its own having been asked for: they change if it moves.
    #[inline]
    pub fn prefetch_neighbours(&self, handle: u32) {
        let Some(node) = self.nodes.get(handle).filter(|node| node.list != NOWHERE) else { return };
        self.nodes.prefetch(node.next);
        self.nodes.prefetch(node.previous);
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
        let list = self.list_of(at);
        if list != OVERDUE && list >= RING {
            return;
        }
        let mut handle = self.heads[list];
        while handle != NIL {
            let node = self.nodes[handle];
            if node.armed && node.deadline == at {
                self.unlink(handle);
                self.nodes[handle].armed = false;
                self.len -= 1;
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
            let Some((list, start)) = self.first_slot() else {
                self.least = u64::MAX;
                return None;
            };
            self.least = start.max(self.base);
            if self.least > limit {
                self.move_ahead();
                return None;
            }
            if list >= RING {
                self.base = self.least;
                self.spread(list);
            } else if self.is_due(list, start) {
                self.move_ahead();
                return Some(start);
            }
        }
    }

    /// Moves some nodes of each level's next slot down to where they belong once it is not the next any more.
    fn move_ahead(&mut self) {
        for level in 1..LEVELS {
            let next = ((self.base >> (8 * level)) + 1) as usize % RING;
            if self.occupied[level][next / 64] & 1 << (next % 64) == 0 {
                continue;
            }
            let list = level * RING + next;
            for _ in 0..AHEAD {
                let handle = self.heads[list];
                if handle == NIL {
                    break;
                }
                self.unlink(handle);
                if self.heads[list] != NIL {
                    self.nodes.prefetch(self.heads[list]);
                }
                if self.nodes[handle].armed {
                    self.link(handle);
                }
            }
        }
    }

    /// Whether anything in a slot of level 0 is due at its instant; what was put off or disarmed leaves the slot.
    #[inline]
    fn is_due(&mut self, list: usize, start: u64) -> bool {
        while self.heads[list] != NIL {
            let handle = self.heads[list];
            let Node { deadline, armed, .. } = self.nodes[handle];
            if armed && deadline == start {
                return true;
            }
            self.unlink(handle);
            if armed {
                self.link(handle);
            }
        }
        false
    }

    /// The first instant of a slot: the one of its place in the ring that `base` has not passed.
    #[inline]
    const fn start(&self, list: usize) -> u64 {
        let shift = 8 * (list / RING) as u32;
        let current = self.base >> shift;
        let ahead = (list as u64).wrapping_sub(current) % RING as u64;
        (current + ahead) << shift
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

    /// The slot that begins first, and when; of several the one of the highest level, which may hold what is due then.
    #[inline]
    fn first_slot(&self) -> Option<(usize, u64)> {
        let mut first = None;
        for level in 0..LEVELS {
            if let Some(place) = self.first_place(level) {
                let list = level * RING + place;
                let start = self.start(list);
                if first.is_none_or(|(_, least)| start <= least) {
                    first = Some((list, start));
                }
            }
        }
        first
    }

    /// The first place of a level that is not empty, from that of `base` on around the ring.
    #[inline]
    fn first_place(&self, level: usize) -> Option<usize> {
        if self.words[level] == 0 {
            return None;
        }
        let from = (self.base >> (8 * level)) as usize % RING;
        let own = self.occupied[level][from / 64] & (u64::MAX << (from % 64));
        if own != 0 {
            return Some(from / 64 * 64 + own.trailing_zeros() as usize);
        }
        // The word of `from` itself comes last, for the places before it.
        let behind = from / 64 + 1;
        let turned = self.words[level].rotate_right(behind as u32);
        let word = (behind + turned.trailing_zeros() as usize) % WORDS;
        Some(word * 64 + self.occupied[level][word].trailing_zeros() as usize)
    }

    /// Moves all nodes of a slot to where they belong since `base` has come to the slot's beginning.
    fn spread(&mut self, list: usize) {
        let mut handle = std::mem::replace(&mut self.heads[list], NIL);
        self.vacate(list);
        while handle != NIL {
            let node = &mut self.nodes[handle];
            let (next, armed) = (node.next, node.armed);
            node.list = NOWHERE;
            if next != NIL {
                self.nodes.prefetch(next);
            }
            if armed {
                self.link(handle);
            }
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
            let (level, word) = (list / RING, list % RING / 64);
            self.occupied[level][word] |= 1 << (list % 64);
            self.words[level] |= 1 << word;
        }
        let node = &mut self.nodes[handle];
        node.next = first;
        node.previous = NIL;
        node.list = list as u16;
    }

    #[inline]
    fn unlink(&mut self, handle: u32) {
        let node = &mut self.nodes[handle];
        let Node { next, previous, list, .. } = *node;
        node.list = NOWHERE;
        if next != NIL {
            self.nodes[next].previous = previous;
        }
        if previous != NIL {
            self.nodes[previous].next = next;
            return;
        }
        let list = usize::from(list);
        debug_assert_eq!(self.heads[list], handle, "a node without a previous one is the first of its list");
        self.heads[list] = next;
        if next == NIL {
            self.vacate(list);
        }
    }

    #[inline]
    fn vacate(&mut self, list: usize) {
        if list != OVERDUE {
            let (level, word) = (list / RING, list % RING / 64);
            let bits = &mut self.occupied[level][word];
            *bits &= !(1 << (list % 64));
            self.words[level] &= !(u8::from(*bits == 0) << word);
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
    let mut level = (63 - ((deadline - base) | 1).leading_zeros()) / 8;
    if level > 0 && (deadline >> (8 * level)) - (base >> (8 * level)) <= 1 {
        level -= 1;
    }
    level as usize * RING + (deadline >> (8 * level)) as usize % RING
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
