//! What an agent's definition says besides capacity: skills, languages, queues. Equal ones are shared.

use crate::rules::{Renumbering, Rules};
use crate::types::{DivisionId, DurationMs, QueueId};
use borsh::{BorshDeserialize, BorshSerialize};

/// A queue that agents of a profile serve.
#[derive(Copy, Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub struct Serves {
    /// 1 is served first.
    pub rank: u32,
    /// The queue.
    pub queue: QueueId,
    /// What waits shorter is not for them.
    pub delay: DurationMs,
}

/// What a definition says besides capacity; equal ones are shared.
#[derive(Clone, PartialEq, Eq, Debug, Default, BorshSerialize, BorshDeserialize)]
pub struct Profile {
    /// Keyed name and level, ascending by name.
    pub skills: Vec<(u64, u8)>,
    /// Keyed languages, ascending.
    pub langs: Vec<u64>,
    /// Ascending by (rank, queue).
    pub queues: Vec<Serves>,
    /// They are all queues of the division, whatever these are: its definition names none.
    pub all: bool,
}

impl Profile {
    /// Serves every queue of a division, as one whose definition names none does.
    pub fn serve_all(&mut self, rules: &Rules, division: DivisionId) {
        let all = rules.divisions[division.at()].queues.iter();
        self.queues.extend(all.map(|queue| Serves { rank: 1, queue: *queue, delay: DurationMs::ZERO }));
    }

    /// The same definition under other rules.
    pub fn carried(&self, rules: &Rules, division: DivisionId, numbers: &Renumbering) -> Profile {
        let mut carried = Profile { queues: Vec::new(), ..self.clone() };
        if self.all {
            carried.serve_all(rules, division);
        } else {
            let to = |serves: &Serves| Some(Serves { queue: numbers.queue(serves.queue)?, ..*serves });
            carried.queues.extend(self.queues.iter().filter_map(to));
        }
        carried.queues.sort_unstable_by_key(|serves| (serves.rank, serves.queue));
        carried
    }

    /// How it serves a queue, if it does.
    #[inline]
    pub fn serves(&self, queue: QueueId) -> Option<Serves> {
        self.queues.iter().find(|serves| serves.queue == queue).copied()
    }

    /// Its level of a skill; 0 if it has none.
    #[inline]
    pub fn level(&self, skill: u64) -> u8 {
        self.skills.binary_search_by_key(&skill, |(key, _)| *key).map_or(0, |at| self.skills[at].1)
    }

    /// Of its contents.
    pub fn hash(&self) -> u64 {
        let mut hash = Mixer(u64::from(self.all));
        self.skills.iter().for_each(|(key, level)| hash.add(key ^ u64::from(*level) << 56));
        self.langs.iter().for_each(|key| hash.add(*key));
        self.queues.iter().for_each(|s| {
            hash.add(u64::from(s.queue.0) | u64::from(s.rank) << 16 | (s.delay.0 as u64) << 40)
        });
        hash.0
    }
}

/// Mixes words into a hash of contents that only serves to find equal ones; equality is decided by comparison.
#[derive(Default, Debug)]
pub struct Mixer(pub u64);

impl Mixer {
    /// Adds a word (the finaliser of SplitMix64, Steele, Lea and Flood 2014).
    pub fn add(&mut self, word: u64) {
        let mut mixed = (self.0 ^ word).wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        self.0 = mixed ^ mixed >> 31;
    }
}
