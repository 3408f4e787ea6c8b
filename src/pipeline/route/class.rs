//! What waits and asks for the same, and who is able to take it.

use crate::collections::heap::Heap;
use crate::collections::sparse_bits::SparseBits;
use crate::types::{ChannelId, QueueId};
use borsh::{BorshDeserialize, BorshSerialize};

use super::line::Served;
use super::profile::Profile;
use super::wait_key::WaitKey;

/// Conversations of one queue that ask for the same.
#[derive(Debug, Default, BorshSerialize, BorshDeserialize)]
pub struct Class {
    /// Its queue.
    pub queue: QueueId,
    /// Its channel.
    pub channel: ChannelId,
    /// Its place among the classes of its queue.
    pub place: u32,
    /// Language that an agent must speak; 0: any.
    pub lang_key: u64,
    /// Number of the set of skills that its contacts ask for.
    pub set: u32,
    /// Steps of relaxation that its conversations have passed.
    pub relaxed: u8,
    /// Queues whose agents may take them too.
    pub added: Vec<QueueId>,
    /// Keyed skills and levels that an agent must have, ascending by skill: the set's and the queue's, relaxed.
    pub skills: Vec<(u64, u8)>,
    /// Profiles that serve the queue and meet the rest.
    pub profiles: SparseBits,
    /// Whether the queue's strategy compares levels.
    pub compares_levels: bool,
    /// By place of a profile among these: how it serves the queue, as the queue's line numbers the ways.
    pub ways: Vec<u16>,
    /// By place of a profile, if the queue's strategy compares them: sum of its levels over the skills asked for.
    pub levels: Vec<u32>,
    /// By segment of the curve.
    pub heaps: Vec<Heap<WaitKey>>,
}

impl Class {
    /// It knows of nobody.
    pub fn forget_profiles(&mut self) {
        self.profiles = SparseBits::default();
        self.ways.clear();
        self.levels.clear();
    }

    /// Conversations that wait in it.
    pub fn waiting(&self) -> usize {
        self.heaps.iter().map(Heap::len).sum()
    }

    /// Learns of a profile, which serves the queue in this way, and the profile of it.
    pub fn meet(&mut self, number: u32, profile: &Profile, way: u16, served: &mut [Served]) {
        if !self.fits(profile) {
            return;
        }
        self.profiles.push(number);
        self.ways.push(way);
        if self.compares_levels {
            let levels = self.skills.iter().map(|(skill, _)| u32::from(profile.level(*skill)));
            self.levels.push(levels.sum());
        }
        let queue = |served: &&mut Served| served.serves.queue == self.queue && served.from <= self.relaxed;
        for served in served.iter_mut().filter(queue) {
            served.fit(self.place);
        }
    }

    /// The way in which a profile, by its place, serves the queue.
    #[inline]
    pub fn way(&self, place: usize) -> u16 {
        self.ways[place]
    }

    /// Sum of the levels of a profile, by its place, over the skills asked for; kept where the strategy compares them.
    #[inline]
    pub fn levels(&self, place: usize) -> i64 {
        i64::from(self.levels[place])
    }

    /// Whether agents of a profile serve the queue and meet skills and language.
    fn fits(&self, profile: &Profile) -> bool {
        let serves = |queue: QueueId| profile.serves(queue).is_some();
        (serves(self.queue) || self.added.iter().any(|added| serves(*added)))
            && (self.lang_key == 0 || profile.langs.binary_search(&self.lang_key).is_ok())
            && self.skills.iter().all(|(skill, level)| profile.level(*skill) >= *level)
    }
}
