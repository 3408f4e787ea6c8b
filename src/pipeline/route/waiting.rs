//! What waits, ordered so that the best of a kind is found at once.
//!
//! Conversations of one queue that ask for the same (channel, skills, language) are one *class*. Within a class and
//! one segment of the queue's curve every priority grows at the same rate, so their order never changes by itself:
//! each has a static key, `value and points·2³² − slope·(arrived + from)`, and priority at `t` is key + slope·t, all
//! in wrapping 64-bit arithmetic, exact because true priorities lie within ±2⁶² (`check` bounds curves). So the
//! best of a class is the best of the heads of its few heaps; when a conversation's age passes a knee of the curve it
//! moves to the next heap.
//!
//! The heads of a queue's classes stand in heaps themselves, one a segment, and each profile knows by a bit a class what
//! of its queues fits it. So an agent who looks for work asks the classes of a queue in the order of their heads until one
//! fits, and passes over a queue whose best is not better than what it has found.

use crate::collections::bits::Bits;
use crate::collections::heap::{Heap, Positions};
use crate::collections::index_table::IndexTable;
use crate::rules::{Curve, Rules, Segment, Strategy};
use crate::types::{ChannelId, DurationMs, Millis, QueueId};

use super::conversation::{Conversation, NONE};
use super::profile::{Mixer, Profile, Serves};
use super::relaxation::Relaxation;
use super::staff::Staff;
use super::wait_key::WaitKey;

/// Conversations of one queue that ask for the same.
#[derive(Debug, Default)]
pub struct Class {
    /// Its queue.
    pub queue: QueueId,
    /// Its channel.
    pub channel: ChannelId,
    /// Its place among the classes of its queue.
    place: u32,
    /// Language that an agent must speak; 0: any.
    lang_key: u64,
    /// Number of the set of skills that its contacts ask for.
    set: u32,
    /// Steps of relaxation that its conversations have passed.
    relaxed: u8,
    /// Queues whose agents may take them too.
    added: Vec<QueueId>,
    /// Keyed skills and levels that an agent must have, ascending by skill: the set's and the queue's, relaxed.
    skills: Vec<(u64, u8)>,
    /// Profiles that serve the queue and meet the rest.
    pub profiles: Bits,
    /// By profile, if the queue's strategy asks for it: sum of its levels over the skills asked for.
    levels: Vec<u32>,
    /// Whether it does.
    compares_levels: bool,
    /// Groups of those profiles.
    pub groups: Bits,
    /// By segment of the curve.
    heaps: Vec<Heap<WaitKey>>,
}

/// Something that waits.
#[derive(Copy, Clone, Debug)]
pub struct Head {
    /// Its key.
    pub key: WaitKey,
    /// Its slot.
    pub slot: u32,
}

/// The heads of all classes of a queue in one segment of its curve.
#[derive(Debug, Default)]
pub struct Front {
    /// 2⁻³² points a millisecond.
    pub slope: i64,
    /// The classes in which something waits, by place, in the order of their heads.
    pub heads: Heap<WaitKey>,
    positions: Positions,
}

/// One queue.
#[derive(Debug, Default)]
pub struct Line {
    /// Its classes, by place.
    pub classes: Vec<u32>,
    /// By place: the channel.
    pub channels: Vec<ChannelId>,
    /// By segment.
    pub fronts: Vec<Front>,
    /// Profiles that serve it.
    profiles: Vec<u32>,
    /// The delays that agents' definitions have named, ascending; one that nobody has any more costs a timer that finds
    /// nobody.
    pub delays: Vec<DurationMs>,
    /// Conversations that wait.
    pub waiting: u32,
    /// Keyed skills that it requires, ascending.
    skills: Vec<(u64, u8)>,
    relaxation: Relaxation,
}

/// A queue that agents of a profile serve.
#[derive(Debug)]
pub struct Served {
    /// How.
    pub serves: Serves,
    /// Steps of relaxation after which; 0: the queue is one of the profile's own.
    from: u8,
    /// Bit by place of a class in the queue, 64 a word: agents of the profile fit it.
    fits: Vec<u64>,
}

/// All classes of a division.
#[derive(Debug)]
pub struct Waiting {
    /// By class number; a class stays, if empty.
    pub classes: Vec<Class>,
    table: IndexTable,
    /// Places of conversations in their class's heap.
    positions: Positions,
    /// By queue of all divisions.
    pub lines: Vec<Line>,
    /// By queue: segments of its curve in which something waits, side by side because an agent asks them all.
    occupied: Vec<u32>,
    /// By profile: its queues in the order of its definition.
    pub served: Vec<Vec<Served>>,
    /// Sets of skills that contacts asked for, ascending by skill, by number.
    skill_sets: Vec<Vec<(u64, u8)>>,
    skill_table: IndexTable,
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
        let line = |queue: &crate::rules::Queue| Line {
            skills: skills_of(queue),
            relaxation: Relaxation::of(queue, &skill_key),
            fronts: queue.curve.segments.iter().map(Front::of).collect(),
            ..Line::default()
        };
        Waiting {
            lines: rules.queues.iter().map(line).collect(),
            occupied: vec![0; rules.queues.len()],
            served: Vec::new(),
            classes: Vec::new(),
            table: IndexTable::with_segment_bits(0),
            positions: Positions::default(),
            skill_sets: Vec::new(),
            skill_table: IndexTable::with_segment_bits(0),
        }
    }

    /// Nothing waits, under other rules; sets of skills keep their numbers.
    pub fn adopt(&mut self, rules: &Rules, skill_key: impl Fn(&str) -> u64) {
        let former = std::mem::replace(self, Waiting::new(rules, skill_key));
        (self.skill_sets, self.skill_table) = (former.skill_sets, former.skill_table);
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
        let lang_key = if rules.queues[queue.at()].match_lang { conversation.context.lang_key } else { 0 };
        let mut hash = Mixer::default();
        hash.add(
            u64::from(queue.0)
                | u64::from(conversation.channel.0) << 16
                | u64::from(conversation.context.skills) << 32,
        );
        hash.add(lang_key);
        hash.add(u64::from(conversation.relaxed));
        let set = conversation.context.skills;
        let is_it = |number: u32| {
            let class = &self.classes[number as usize];
            class.queue == queue
                && class.channel == conversation.channel
                && class.lang_key == lang_key
                && class.set == set
                && class.relaxed == conversation.relaxed
        };
        if let Some(number) = self.table.find(hash.0, is_it) {
            return number;
        }
        let (relaxed, relaxation) = (conversation.relaxed, &self.lines[queue.at()].relaxation);
        let class = Class {
            queue,
            channel: conversation.channel,
            lang_key,
            set,
            relaxed,
            added: relaxation.added(relaxed).map(|(_, queue)| queue).collect(),
            skills: relaxation.skills(relaxed, self.merged_skills(queue, set)),
            compares_levels: rules.queues[queue.at()].strategy == Strategy::BestSkill,
            heaps: self.lines[queue.at()].fronts.iter().map(|_| Heap::default()).collect(),
            ..Class::default()
        };
        let number = self.classes.len() as u32;
        self.add_class(number, class, staff);
        self.table.insert(hash.0, number);
        number
    }

    /// A new class: it and the profiles learn of each other.
    fn add_class(&mut self, number: u32, mut class: Class, staff: &Staff) {
        let line = &mut self.lines[class.queue.at()];
        class.place = line.classes.len() as u32;
        line.classes.push(number);
        line.channels.push(class.channel);
        for profile in &line.profiles {
            let at = *profile as usize;
            class.meet(*profile, &staff.profiles[at], &mut self.served[at]);
        }
        for (group, members) in (0..).zip(&staff.groups) {
            if class.profiles.get(members.profile) {
                class.groups.set(group);
            }
        }
        self.classes.push(class);
    }

    /// A new profile: the classes of its queues learn whether it fits.
    pub fn meet_profile(&mut self, number: u32, profile: &Profile) {
        let own = |serves: &Serves| Served { serves: *serves, from: 0, fits: Vec::new() };
        let mut served: Vec<Served> = profile.queues.iter().map(own).collect();
        for (at, line) in self.lines.iter().enumerate() {
            let queue = QueueId(at as u16);
            if profile.serves(queue).is_some() {
                continue;
            }
            // By a step that adds a queue of the profile's own; a queue may be added more than once.
            for (from, added) in line.relaxation.added(u8::MAX) {
                let by = profile.serves(added);
                served.extend(by.map(|by| Served { serves: Serves { queue, ..by }, from, fits: Vec::new() }));
            }
        }
        served.sort_by_key(|served| {
            (served.serves.rank, served.serves.queue, served.serves.delay, served.from)
        });
        for place in 0..served.len() {
            let queue = served[place].serves.queue;
            let line = &mut self.lines[queue.at()];
            if line.profiles.last() == Some(&number) {
                continue;
            }
            line.profiles.push(number);
            for class in &line.classes {
                self.classes[*class as usize].meet(number, profile, &mut served);
            }
        }
        debug_assert_eq!(self.served.len(), number as usize, "profiles come in the order of their numbers");
        self.served.push(served);
    }

    /// Queues with a step that adds the agents of this one, and the queue itself.
    pub fn served_through(&self, queue: QueueId) -> impl Iterator<Item = QueueId> {
        let adds = move |line: &Line| line.relaxation.added(u8::MAX).any(|(_, added)| added == queue);
        let others = self.lines.iter().enumerate().filter(move |(_, line)| adds(line));
        others.map(|(at, _)| QueueId(at as u16)).filter(move |other| *other != queue).chain([queue])
    }

    /// Whether an agent serves a queue, by itself or by a step, with exactly this delay. `users`: agents by profile.
    pub fn has_delay(&self, queue: QueueId, delay: DurationMs, users: &[u32]) -> bool {
        let has = |served: &Served| served.serves.queue == queue && served.serves.delay == delay;
        let profiles = self.lines[queue.at()].profiles.iter().map(|profile| *profile as usize);
        profiles.into_iter().any(|profile| users[profile] > 0 && self.served[profile].iter().any(has))
    }

    /// Points that steps have added to the priority of a conversation.
    pub fn raised(&self, queue: QueueId, relaxed: u8) -> i64 {
        self.lines[queue.at()].relaxation.raised(relaxed)
    }

    /// A new group: the classes that fit its profile learn of it.
    pub fn meet_group(&mut self, number: u32, profile: u32) {
        for served in &self.served[profile as usize] {
            for class in &self.lines[served.serves.queue.at()].classes {
                let class = &mut self.classes[*class as usize];
                if class.profiles.get(profile) {
                    class.groups.set(number);
                }
            }
        }
    }

    /// Puts a queued conversation among those that wait, at `at`; its `class`, `segment` and `turn` are set.
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
        let raised = self.raised(conversation.queue, conversation.relaxed);
        let key = place_in_curve(conversation, curve, raised, at);
        self.lines[conversation.queue.at()].waiting += 1;
        let class = &mut self.classes[number as usize];
        class.heaps[conversation.segment as usize].push(&mut self.positions, key, slot);
        self.note(number, conversation.segment);
    }

    /// Takes a conversation out.
    pub fn leave(&mut self, slot: u32, conversation: &mut Conversation) {
        let number = std::mem::replace(&mut conversation.class, NONE);
        conversation.turn = Millis::MAX;
        conversation.delay_ends = Millis::MAX;
        self.lines[conversation.queue.at()].waiting -= 1;
        let class = &mut self.classes[number as usize];
        let key = class.heaps[conversation.segment as usize].remove(&mut self.positions, slot);
        assert!(key.is_some(), "a queued conversation is in its class's heap");
        self.note(number, conversation.segment);
    }

    /// A class's heap of a segment has changed.
    fn note(&mut self, class: u32, segment: u32) {
        let class = &self.classes[class as usize];
        let front = &mut self.lines[class.queue.at()].fronts[segment as usize];
        let before = u32::from(!front.heads.is_empty());
        front.note(class, segment);
        let after = u32::from(!front.heads.is_empty());
        let occupied = &mut self.occupied[class.queue.at()];
        *occupied = *occupied + after - before;
    }

    /// Whether anything waits in a queue.
    #[inline]
    pub fn is_occupied(&self, queue: QueueId) -> bool {
        self.occupied[queue.at()] > 0
    }

    /// The first of a class in a segment in which something waits.
    #[inline]
    pub fn first(&self, class: u32, segment: usize) -> Head {
        let first = self.classes[class as usize].heaps[segment].peek();
        first.map(|(key, slot)| Head { key: *key, slot }).expect("a class in a front has a head")
    }

    /// The first of a class in a segment for which `fits` holds.
    pub fn best_where(
        &self,
        class: u32,
        segment: usize,
        fits: impl FnMut(u32) -> bool,
        frontier: &mut Vec<u32>,
    ) -> Option<Head> {
        let heap = &self.classes[class as usize].heaps[segment];
        let slot = heap.best_where(fits, frontier)?;
        heap.key(&self.positions, slot).map(|key| Head { key: *key, slot })
    }

    /// The key of a queued conversation.
    pub fn key(&self, slot: u32, conversation: &Conversation) -> WaitKey {
        let heap = &self.classes[conversation.class as usize].heaps[conversation.segment as usize];
        *heap.key(&self.positions, slot).expect("a queued conversation is in its class's heap")
    }

    /// Whatever waits in a queue, in no particular order.
    pub fn members(&self, queue: QueueId) -> impl Iterator<Item = u32> {
        let classes = self.lines[queue.at()].classes.iter();
        let heaps = classes.flat_map(|class| &self.classes[*class as usize].heaps);
        heaps.flat_map(|heap| heap.members().map(|(_, slot)| slot))
    }

    /// Asks for the place of a conversation ahead of its use.
    #[inline]
    pub fn prefetch(&self, slot: u32) {
        self.positions.prefetch(slot);
    }

    /// The queue's and the contact's requirements joined: the higher level counts.
    fn merged_skills(&self, queue: QueueId, set: u32) -> Vec<(u64, u8)> {
        let mut merged = self.lines[queue.at()].skills.clone();
        if set == NONE {
            return merged;
        }
        for (key, level) in &self.skill_sets[set as usize] {
            match merged.binary_search_by_key(key, |(known, _)| *known) {
                Ok(place) => merged[place].1 = merged[place].1.max(*level),
                Err(place) => merged.insert(place, (*key, *level)),
            }
        }
        merged
    }
}

impl Front {
    /// Of a segment in which nothing waits.
    fn of(segment: &Segment) -> Front {
        Front { slope: segment.slope, ..Front::default() }
    }

    /// A class's heap of this segment has changed.
    fn note(&mut self, class: &Class, segment: u32) {
        let Front { heads, positions, .. } = self;
        let first = class.heaps[segment as usize].peek().map(|(key, _)| *key);
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
    /// Whether the class at a place in the queue is for agents of the profile.
    #[inline]
    pub fn fits(&self, place: u32) -> bool {
        let word = self.fits.get(place as usize / 64);
        word.is_some_and(|word| word >> (place % 64) & 1 == 1)
    }
}

impl Class {
    /// Conversations that wait in it.
    pub fn waiting(&self) -> usize {
        self.heaps.iter().map(Heap::len).sum()
    }

    /// Learns of a profile, and the profile of it.
    fn meet(&mut self, number: u32, profile: &Profile, served: &mut [Served]) {
        if !self.fits(profile) {
            return;
        }
        if self.compares_levels {
            let levels = self.skills.iter().map(|(skill, _)| u32::from(profile.level(*skill)));
            self.levels.resize(self.levels.len().max(number as usize + 1), 0);
            self.levels[number as usize] = levels.sum();
        }
        self.profiles.set(number);
        let queue = |served: &&mut Served| served.serves.queue == self.queue && served.from <= self.relaxed;
        for served in served.iter_mut().filter(queue) {
            let word = self.place as usize / 64;
            served.fits.resize(served.fits.len().max(word + 1), 0);
            served.fits[word] |= 1 << (self.place % 64);
        }
    }

    /// Sum of a fitting profile's levels over the skills asked for; kept where the strategy compares them.
    #[inline]
    pub fn levels(&self, profile: u32) -> i64 {
        i64::from(self.levels[profile as usize])
    }

    /// Whether agents of a profile serve the queue and meet skills and language.
    fn fits(&self, profile: &Profile) -> bool {
        let serves = |queue: QueueId| profile.serves(queue).is_some();
        (serves(self.queue) || self.added.iter().any(|added| serves(*added)))
            && (self.lang_key == 0 || profile.langs.binary_search(&self.lang_key).is_ok())
            && self.skills.iter().all(|(skill, level)| profile.level(*skill) >= *level)
    }
}

/// Sets segment and turn for an instant and gives the key.
fn place_in_curve(conversation: &mut Conversation, curve: &Curve, raised: i64, at: Millis) -> WaitKey {
    let age = at.since(conversation.arrived).max(DurationMs::ZERO);
    let segment = curve.segments.partition_point(|segment| segment.from <= age) - 1;
    let from = curve.segments[segment];
    conversation.segment = segment as u32;
    conversation.turn =
        curve.segments.get(segment + 1).map_or(Millis::MAX, |next| conversation.arrived.plus(next.from));
    let start = conversation.arrived.0.wrapping_add(from.from.0);
    let key = (conversation.context.value + raised + from.points)
        .wrapping_shl(32)
        .wrapping_sub(from.slope.wrapping_mul(start));
    WaitKey { key, arrived: conversation.arrived, id: conversation.id }
}

/// Priority in 2⁻³² points at an instant of something that waits with this key in a segment of this slope.
#[inline]
pub fn priority_at(key: WaitKey, slope: i64, at: Millis) -> i64 {
    key.key.wrapping_add(slope.wrapping_mul(at.0))
}

/// Priority in 2⁻³² points of something that does not wait.
pub fn priority_of(conversation: &Conversation, curve: &Curve, raised: i64, at: Millis) -> i64 {
    let key = place_in_curve(&mut conversation.clone(), curve, raised, at);
    let age = at.since(conversation.arrived).max(DurationMs::ZERO);
    let segment = curve.segments.partition_point(|segment| segment.from <= age) - 1;
    priority_at(key, curve.segments[segment].slope, at)
}

/// Priority in points, rounded: `floor(p / 2³² + ½)`.
pub fn points_shown(priority: i64) -> i64 {
    ((i128::from(priority) + (1 << 31)) >> 32) as i64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::CURVE_AGE_MAX;

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
                let mut conversation = Conversation { arrived, ..Conversation::FREE };
                conversation.context.value = value;
                let at = Millis(arrived.0 + age);
                let key = place_in_curve(&mut conversation, &curve, 0, at);
                let exact = priority_at(key, curve.segments[conversation.segment as usize].slope, at);
                assert_eq!(i128::from(exact), naive(&curve, value, arrived, at), "age {age}, value {value}");
                assert!(conversation.turn > at);
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
