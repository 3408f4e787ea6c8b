//! What waits, ordered so that the best of a kind is found at once.
//!
//! Conversations of one queue that ask for the same (channel, skills, language) are one *class*. Within a class and
//! one segment of the queue's curve every priority grows at the same rate, so their order never changes by itself:
//! each has a static key, `value and points·2³² − slope·(arrived + from)`, and priority at `t` is key + slope·t, all
//! in wrapping 64-bit arithmetic, exact because true priorities lie within ±2⁶² (`check` bounds curves). So the
//! best of a class is the best of the heads of its few heaps; when a conversation's age passes a knee of the curve it
//! moves to the next heap.

use std::cmp::Ordering;

use crate::collections::bits::Bits;
use crate::collections::heap::{Heap, Positions};
use crate::collections::index_table::IndexTable;
use crate::rules::{Curve, Rules};
use crate::types::{ChannelId, ConversationId, DurationMs, Millis, QueueId};

use super::conversation::{Conversation, NONE};
use super::staff::{Mixer, Profile, Staff};

/// Order within a heap: highest static key, then earliest arrived, then id.
#[derive(Copy, Clone, Debug)]
pub struct WaitKey {
    /// Priority minus slope·t, wrapping.
    pub key: i64,
    /// When it arrived.
    pub arrived: Millis,
    /// Which it is.
    pub id: ConversationId,
}

impl Ord for WaitKey {
    fn cmp(&self, other: &Self) -> Ordering {
        // Higher priority first. The difference of two true priorities fits, whatever the keys wrapped around.
        0.cmp(&self.key.wrapping_sub(other.key))
            .then(self.arrived.cmp(&other.arrived))
            .then_with(|| self.id.cmp(&other.id))
    }
}

impl PartialOrd for WaitKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for WaitKey {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for WaitKey {}

/// Conversations of one queue that ask for the same.
#[derive(Debug, Default)]
pub struct Class {
    /// Its queue.
    pub queue: QueueId,
    /// Its channel.
    pub channel: ChannelId,
    /// Language that an agent must speak; 0: any.
    pub lang_key: u64,
    /// Keyed skills and levels that an agent must have, ascending by skill.
    pub skills: Vec<(u64, u8)>,
    /// Profiles that serve the queue and meet the rest.
    pub profiles: Bits,
    /// Groups of those profiles.
    pub groups: Bits,
    /// By segment of the curve.
    pub heaps: Vec<Heap<WaitKey>>,
    /// Conversations in all heaps.
    pub waiting: u32,
}

/// All classes of a division.
pub struct Waiting {
    /// By class number; a class stays, if empty.
    pub classes: Vec<Class>,
    table: IndexTable,
    /// Places of conversations in their class's heap.
    pub positions: Positions,
    /// By queue: classes with something waiting.
    pub live: Vec<Vec<u32>>,
    /// By queue: the delays that agents' definitions have named, ascending; one that nobody has any more costs a
    /// timer that finds nobody.
    pub delays: Vec<Vec<DurationMs>>,
    /// By queue: keyed skills that it requires, ascending.
    queue_skills: Vec<Vec<(u64, u8)>>,
    /// Sets of skills that contacts asked for, ascending by skill, by number.
    skill_sets: Vec<Vec<(u64, u8)>>,
    skill_table: IndexTable,
    merged: Vec<(u64, u8)>,
}

impl Waiting {
    /// Nothing waits. `skill_key` gives the keyed hash of a skill's name.
    pub fn new(rules: &Rules, skill_key: impl Fn(&str) -> u64) -> Waiting {
        let skills_of = |queue: &crate::rules::Queue| {
            let mut skills: Vec<_> =
                queue.skills.iter().map(|skill| (skill_key(&skill.name), skill.level)).collect();
            skills.sort_unstable();
            skills
        };
        Waiting {
            live: rules.queues.iter().map(|_| Vec::new()).collect(),
            delays: rules.queues.iter().map(|_| Vec::new()).collect(),
            queue_skills: rules.queues.iter().map(skills_of).collect(),
            classes: Vec::new(),
            table: IndexTable::with_segment_bits(0),
            positions: Positions::default(),
            skill_sets: Vec::new(),
            skill_table: IndexTable::with_segment_bits(0),
            merged: Vec::new(),
        }
    }

    /// The number of a set of skills; `NONE` for the empty set. `skills` is sorted in place.
    pub fn skill_set(&mut self, skills: &mut [(u64, u8)]) -> u32 {
        if skills.is_empty() {
            return NONE;
        }
        skills.sort_unstable();
        let mut hash = Mixer::default();
        skills.iter().for_each(|(key, level)| hash.add(key ^ u64::from(*level) << 56));
        if let Some(number) =
            self.skill_table.find(hash.0, |number| self.skill_sets[number as usize] == *skills)
        {
            return number;
        }
        let number = self.skill_sets.len() as u32;
        self.skill_sets.push(skills.to_vec());
        self.skill_table.insert(hash.0, number);
        number
    }

    /// The class of a conversation in its queue, a new one if need be.
    pub fn class_of(&mut self, conversation: &Conversation, rules: &Rules, staff: &Staff) -> u32 {
        let queue = conversation.queue;
        let lang_key = if rules.queues[queue.at()].match_lang { conversation.lang_key } else { 0 };
        let mut hash = Mixer::default();
        hash.add(
            u64::from(queue.0)
                | u64::from(conversation.channel.0) << 16
                | u64::from(conversation.skills) << 32,
        );
        hash.add(lang_key);
        self.merge_skills(queue, conversation.skills);
        let merged = &self.merged;
        let is_it = |number: u32| {
            let class = &self.classes[number as usize];
            class.queue == queue
                && class.channel == conversation.channel
                && class.lang_key == lang_key
                && class.skills == *merged
        };
        if let Some(number) = self.table.find(hash.0, is_it) {
            return number;
        }
        let number = self.classes.len() as u32;
        let mut class = Class {
            queue,
            channel: conversation.channel,
            lang_key,
            skills: merged.clone(),
            heaps: rules.queues[queue.at()].curve.segments.iter().map(|_| Heap::default()).collect(),
            ..Class::default()
        };
        for (profile, definition) in staff.profiles.iter().enumerate() {
            class.profiles.put(profile as u32, class.fits(definition));
        }
        for (group, members) in staff.groups.iter().enumerate() {
            class.groups.put(group as u32, class.profiles.get(members.profile));
        }
        self.classes.push(class);
        self.table.insert(hash.0, number);
        number
    }

    /// A new profile: every class learns whether it fits.
    pub fn meet_profile(&mut self, number: u32, profile: &Profile) {
        for class in &mut self.classes {
            let fits = class.fits(profile);
            class.profiles.put(number, fits);
        }
    }

    /// A new group: every class learns whether it fits.
    pub fn meet_group(&mut self, number: u32, profile: u32) {
        for class in &mut self.classes {
            let fits = class.profiles.get(profile);
            class.groups.put(number, fits);
        }
    }

    /// Puts a queued conversation among those that wait, at `at`; its `class`, `segment` and `knee` are set.
    pub fn enter(
        &mut self,
        slot: u32,
        conversation: &mut Conversation,
        rules: &Rules,
        staff: &Staff,
        at: Millis,
    ) {
        let number = self.class_of(conversation, rules, staff);
        let curve = &rules.queues[conversation.queue.at()].curve;
        conversation.class = number;
        let key = place_in_curve(conversation, curve, at);
        let class = &mut self.classes[number as usize];
        class.heaps[conversation.segment as usize].push(&mut self.positions, key, slot);
        class.waiting += 1;
        if class.waiting == 1 {
            self.live[class.queue.at()].push(number);
        }
    }

    /// Takes a conversation out.
    pub fn leave(&mut self, slot: u32, conversation: &mut Conversation) {
        let number = std::mem::replace(&mut conversation.class, NONE);
        conversation.knee = Millis::MAX;
        conversation.delay_ends = Millis::MAX;
        let class = &mut self.classes[number as usize];
        let key = class.heaps[conversation.segment as usize].remove(&mut self.positions, slot);
        assert!(key.is_some(), "a queued conversation is in its class's heap");
        class.waiting -= 1;
        if class.waiting == 0 {
            let live = &mut self.live[class.queue.at()];
            let place =
                live.iter().position(|live| *live == number).expect("a class with something waiting is live");
            live.swap_remove(place);
        }
    }

    /// The queue's and the contact's requirements joined: the higher level counts.
    fn merge_skills(&mut self, queue: QueueId, set: u32) {
        self.merged.clear();
        self.merged.extend_from_slice(&self.queue_skills[queue.at()]);
        if set == NONE {
            return;
        }
        for (key, level) in &self.skill_sets[set as usize] {
            match self.merged.binary_search_by_key(key, |(known, _)| *known) {
                Ok(place) => self.merged[place].1 = self.merged[place].1.max(*level),
                Err(place) => self.merged.insert(place, (*key, *level)),
            }
        }
    }
}

impl Class {
    /// Whether agents of a profile serve the queue and meet skills and language.
    fn fits(&self, profile: &Profile) -> bool {
        profile.serves(self.queue).is_some()
            && (self.lang_key == 0 || profile.langs.binary_search(&self.lang_key).is_ok())
            && self.skills.iter().all(|(skill, level)| profile.level(*skill) >= *level)
    }
}

/// Sets segment and knee for an instant and gives the key.
fn place_in_curve(conversation: &mut Conversation, curve: &Curve, at: Millis) -> WaitKey {
    let age = at.since(conversation.arrived).max(DurationMs::ZERO);
    let segment = curve.segments.partition_point(|segment| segment.from <= age) - 1;
    let from = curve.segments[segment];
    conversation.segment = segment as u32;
    conversation.knee =
        curve.segments.get(segment + 1).map_or(Millis::MAX, |next| conversation.arrived.plus(next.from));
    let start = conversation.arrived.0.wrapping_add(from.from.0);
    let key =
        (conversation.value + from.points).wrapping_shl(32).wrapping_sub(from.slope.wrapping_mul(start));
    WaitKey { key, arrived: conversation.arrived, id: conversation.id }
}

/// Priority in 2⁻³² points at an instant of something that waits with this key in this segment of the curve.
#[inline]
pub fn priority_at(key: WaitKey, curve: &Curve, segment: usize, at: Millis) -> i64 {
    key.key.wrapping_add(curve.segments[segment].slope.wrapping_mul(at.0))
}

/// Priority in points, rounded: `floor(p / 2³² + ½)`.
pub fn points_shown(priority: i64) -> i64 {
    ((i128::from(priority) + (1 << 31)) >> 32) as i64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::{CURVE_AGE_MAX, Segment};

    fn naive(curve: &Curve, value: i64, arrived: Millis, at: Millis) -> i128 {
        let age = at.since(arrived).max(DurationMs::ZERO).min(CURVE_AGE_MAX);
        let segment =
            curve.segments.iter().rev().find(|segment| segment.from <= age).expect("the first begins at 0");
        (i128::from(value + segment.points) << 32)
            + i128::from(segment.slope) * i128::from(age.0 - segment.from.0)
    }

    #[test]
    fn keys_give_the_exact_priority_across_every_segment() {
        let segment = |from, points, slope| Segment { from: DurationMs(from), points, slope };
        let curve = Curve {
            segments: vec![
                segment(0, 0, 71_582),
                segment(60_000, -500, -(1 << 40)),
                segment(120_000, 1 << 29, 1 << 33),
                segment(CURVE_AGE_MAX.0, 1 << 30, 0),
            ],
        };
        let arrived = Millis(1_795_000_000_123);
        for age in
            [0, 1, 59_999, 60_000, 60_001, 119_999, 120_000, 7_777_777, CURVE_AGE_MAX.0, CURVE_AGE_MAX.0 + 5]
        {
            for value in [-VALUE, 0, VALUE] {
                let mut conversation = Conversation { value, arrived, ..Conversation::default() };
                let at = Millis(arrived.0 + age);
                let key = place_in_curve(&mut conversation, &curve, at);
                let exact = priority_at(key, &curve, conversation.segment as usize, at);
                assert_eq!(i128::from(exact), naive(&curve, value, arrived, at), "age {age}, value {value}");
                assert!(conversation.knee > at);
            }
        }
    }

    const VALUE: i64 = crate::rules::VALUE_MAX;

    #[test]
    fn points_are_rounded_half_up() {
        for (priority, shown) in
            [(0, 0), (1 << 31, 1), ((1 << 31) - 1, 0), (-(1 << 31), 0), (-(1 << 31) - 1, -1), (3 << 32, 3)]
        {
            assert_eq!(points_shown(priority), shown, "{priority}");
        }
    }
}
