//! A queue as agents look at it: what the best of it could be, the heads of its classes, and who serves it in which way.

use crate::collections::heap::{Heap, Positions};
use crate::rules::{Curve, Segment};
use crate::types::{DurationMs, Millis};
use borsh::{BorshDeserialize, BorshSerialize};

use super::class::Class;
use super::profile::Serves;
use super::relaxation::Relaxation;
use super::wait_key::FrontKey;

/// The heads of all classes of a queue in one segment of its curve.
#[derive(Debug, BorshSerialize, BorshDeserialize)]
pub struct Front {
    /// 2⁻³² points a millisecond.
    pub slope: i64,
    /// The classes in which something waits, by place, in the order of their heads.
    pub heads: Heap<FrontKey>,
    positions: Positions,
}

/// What of a queue an agent looks at first, in one line: what the best of it could be.
#[derive(Clone, Debug, BorshSerialize, BorshDeserialize)]
#[repr(C, align(64))]
pub struct Top {
    /// The first of its fronts; the others stand behind it.
    pub front: u32,
    /// How many fronts: segments of its curve.
    pub segments: u32,
    /// Segments in which something waits.
    pub occupied: u32,
    /// Bit by segment, of the first three: something waits there.
    held: u32,
    /// Key of the best of each of these.
    keys: [i64; FIRST],
    /// And slope.
    slopes: [i64; FIRST],
}

/// Segments of which the best stands in `Top`.
pub const FIRST: usize = 3;

const _: () = assert!(size_of::<Top>() == 64);

/// A way in which agents serve a queue.
#[derive(Copy, Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub struct Way {
    /// The queue's rank with them.
    pub rank: u32,
    /// What waits shorter is not for them.
    pub delay: DurationMs,
}

/// The way of who serves a queue through a step of relaxation alone.
pub const THROUGH_A_STEP: u16 = u16::MAX;

/// One queue.
#[derive(Debug, Default, BorshSerialize, BorshDeserialize)]
pub struct Line {
    /// Its classes, by place.
    pub classes: Vec<u32>,
    /// Profiles that serve it, ascending.
    pub profiles: Vec<u32>,
    /// In which way each of these does.
    pub ways_of: Vec<u16>,
    /// The ways in which agents serve it.
    pub ways: Vec<Way>,
    /// The delays that agents' definitions have named, ascending; one that nobody has any more costs a timer that finds
    /// nobody, until definitions are swept.
    pub delays: Vec<DurationMs>,
    /// Conversations that wait.
    pub waiting: u32,
    /// Keyed skills that it requires, ascending.
    pub skills: Vec<(u64, u8)>,
    pub relaxation: Relaxation,
}

/// A queue that agents of a profile serve: one line, because an agent who looks for work looks at all of its own.
#[derive(Debug, BorshSerialize, BorshDeserialize)]
#[repr(C, align(64))]
pub struct Served {
    /// How.
    pub serves: Serves,
    /// Bit by place of one of the first 64 classes of the queue: agents of the profile fit it.
    fits: u64,
    /// The same of the others, 64 a word.
    more: Vec<u64>,
    /// Steps of relaxation after which; 0: the queue is one of the profile's own.
    pub from: u8,
}

const _: () = assert!(size_of::<Served>() == 64);

impl Top {
    /// Of a queue in which nothing waits.
    pub fn of(front: u32, curve: &Curve) -> Top {
        let mut top = Top {
            front,
            segments: curve.segments.len() as u32,
            occupied: 0,
            held: 0,
            keys: [0; FIRST],
            slopes: [0; FIRST],
        };
        top.slopes.iter_mut().zip(&curve.segments).for_each(|(slope, segment)| *slope = segment.slope);
        top
    }

    /// Whether anything waits in the queue.
    #[inline]
    pub fn is_occupied(&self) -> bool {
        self.occupied > 0
    }

    /// The best that one of the first segments could have, in 2⁻³² points at an instant, if something waits there.
    #[inline]
    pub fn bound(&self, segment: usize, at: Millis) -> Option<i64> {
        let holds = self.held >> segment & 1 == 1;
        holds.then(|| self.keys[segment].wrapping_add(self.slopes[segment].wrapping_mul(at.0)))
    }

    /// The best of a segment has this key now.
    #[inline]
    pub fn note(&mut self, segment: u32, best: Option<i64>) {
        let Some(key) = self.keys.get_mut(segment as usize) else { return };
        let bit = 1 << segment;
        match best {
            Some(best) => (*key, self.held) = (best, self.held | bit),
            None => self.held &= !bit,
        }
    }
}

impl Line {
    /// It knows of nobody.
    pub fn forget_profiles(&mut self) {
        self.profiles.clear();
        self.ways_of.clear();
        self.ways.clear();
        self.delays.clear();
    }

    /// A profile serves it, by itself or by a step: in which way; profiles come in ascending order.
    pub fn meet_profile(&mut self, number: u32, own: Option<Serves>) -> u16 {
        let way = own.map_or(THROUGH_A_STEP, |Serves { rank, delay, .. }| {
            let way = Way { rank, delay };
            let known = self.ways.iter().position(|known| *known == way);
            known.unwrap_or_else(|| {
                self.ways.push(way);
                self.ways.len() - 1
            }) as u16
        });
        self.profiles.push(number);
        self.ways_of.push(way);
        way
    }

    /// The way in which a profile serves it.
    pub fn way_of(&self, profile: u32) -> u16 {
        self.profiles.binary_search(&profile).map_or(THROUGH_A_STEP, |place| self.ways_of[place])
    }
}

impl Front {
    /// Of a segment in which nothing waits.
    pub fn of(segment: &Segment) -> Front {
        Front { slope: segment.slope, heads: Heap::default(), positions: Positions::default() }
    }

    /// A class's heap of this segment has changed.
    pub fn note(&mut self, class: &Class, segment: u32) {
        let Front { heads, positions, .. } = self;
        let first = class.heaps[segment as usize].peek();
        let first = first.map(|(key, slot)| FrontKey { key: *key, slot, channel: class.channel });
        match (first, heads.key(positions, class.place).copied()) {
            (Some(first), Some(known)) if first != known => {
                heads.change(positions, first, class.place);
            }
            (Some(first), None) => heads.push(positions, first, class.place),
            (None, Some(_)) => {
                heads.remove(positions, class.place);
            }
            _ => {}
        }
    }
}

impl Served {
    pub fn new(serves: Serves, from: u8) -> Served {
        Served { serves, fits: 0, more: Vec::new(), from }
    }

    /// Whether the class at a place in the queue is for agents of the profile.
    #[inline]
    pub fn fits(&self, place: u32) -> bool {
        if place < 64 {
            return self.fits >> place & 1 == 1;
        }
        let word = self.more.get(place as usize / 64 - 1);
        word.is_some_and(|word| word >> (place % 64) & 1 == 1)
    }

    /// It is.
    pub fn fit(&mut self, place: u32) {
        let bit = 1 << (place % 64);
        match (place as usize / 64).checked_sub(1) {
            None => self.fits |= bit,
            Some(word) => {
                self.more.resize(self.more.len().max(word + 1), 0);
                self.more[word] |= bit;
            }
        }
    }
}
