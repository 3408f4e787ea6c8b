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

use crate::collections::heap::{Heap, Positions};
use crate::collections::index_table::IndexTable;
use crate::collections::prefetch::prefetch;
use crate::rules::{Curve, Rules, Strategy};
use crate::types::{DurationMs, Millis, QueueId};
use borsh::{BorshDeserialize, BorshSerialize};

use super::class::Class;
use super::conversation::{Conversation, NONE};
use super::line::{FIRST, Front, Line, Served, Top};
use super::profile::{Mixer, Profile, Serves};
use super::relaxation::Relaxation;
use super::staff::Staff;
use super::wait_key::WaitKey;

/// Something that waits.
#[derive(Copy, Clone, Debug)]
pub struct Head {
    /// Its key.
    pub key: WaitKey,
    /// Its slot.
    pub slot: u32,
}

/// What has just begun to wait. Most contacts find an agent at once, so it comes into its heap only when it is known that
/// nobody takes it, or when something else begins to wait.
#[derive(Copy, Clone, Debug, BorshSerialize, BorshDeserialize)]
struct Newcomer {
    slot: u32,
    class: u32,
    segment: u32,
    key: WaitKey,
}

/// All classes of a division.
#[derive(Debug, BorshSerialize, BorshDeserialize)]
pub struct Waiting {
    /// By class number; a class stays, if empty.
    pub classes: Vec<Class>,
    table: IndexTable,
    /// Conversations that wait in all queues.
    pub all: u32,
    /// The one that is counted and has its class, but is in no heap yet.
    newcomer: Option<Newcomer>,
    /// Places of conversations in their class's heap.
    positions: Positions,
    /// By queue of all divisions.
    pub lines: Vec<Line>,
    /// By queue of all divisions.
    pub tops: Vec<Top>,
    /// Of all queues, those of one side by side.
    pub fronts: Vec<Front>,
    /// Queues of which a step of relaxation adds the agents of another.
    adding: Vec<QueueId>,
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
            ..Line::default()
        };
        let lines: Vec<Line> = rules.queues.iter().map(line).collect();
        let ids = (0..rules.queues.len()).map(|at| QueueId(at as u16));
        let adds = |queue: &QueueId| lines[queue.at()].relaxation.added(u8::MAX).next().is_some();
        let mut fronts = Vec::new();
        let mut top = |queue: &crate::rules::Queue| {
            let front = fronts.len() as u32;
            fronts.extend(queue.curve.segments.iter().map(Front::of));
            Top::of(front, &queue.curve)
        };
        Waiting {
            tops: rules.queues.iter().map(&mut top).collect(),
            fronts,
            adding: ids.filter(adds).collect(),
            lines,
            served: Vec::new(),
            all: 0,
            newcomer: None,
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
            heaps: rules.queues[queue.at()].curve.segments.iter().map(|_| Heap::default()).collect(),
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
        for (profile, way) in line.profiles.iter().zip(&line.ways_of) {
            let at = *profile as usize;
            class.meet(*profile, &staff.profiles[at], *way, &mut self.served[at]);
        }
        self.classes.push(class);
    }

    /// A new profile: the classes of its queues learn whether it fits.
    pub fn meet_profile(&mut self, number: u32, profile: &Profile) {
        let mut served: Vec<Served> = profile.queues.iter().map(|own| Served::new(*own, 0)).collect();
        for queue in self.adding.iter().copied().filter(|queue| profile.serves(*queue).is_none()) {
            // By a step that adds a queue of the profile's own; a queue may be added more than once.
            for (from, added) in self.lines[queue.at()].relaxation.added(u8::MAX) {
                let by = profile.serves(added);
                served.extend(by.map(|by| Served::new(Serves { queue, ..by }, from)));
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
            let way = line.meet_profile(number, profile.serves(queue));
            for class in &line.classes {
                self.classes[*class as usize].meet(number, profile, way, &mut served);
            }
        }
        debug_assert_eq!(self.served.len(), number as usize, "profiles come in the order of their numbers");
        self.served.push(served);
    }

    /// No agent's definition is known any more; what waits stays where it is.
    pub fn forget_profiles(&mut self) {
        self.served.clear();
        self.classes.iter_mut().for_each(Class::forget_profiles);
        self.lines.iter_mut().for_each(Line::forget_profiles);
    }

    /// Notes the delays of a definition; what waits is armed for them already.
    pub fn note_delays(&mut self, profile: &Profile) {
        for serves in profile.queues.iter().filter(|serves| serves.delay > DurationMs::ZERO) {
            let queues: Vec<QueueId> = self.served_through(serves.queue).collect();
            for queue in queues {
                let delays = &mut self.lines[queue.at()].delays;
                if let Err(place) = delays.binary_search(&serves.delay) {
                    delays.insert(place, serves.delay);
                }
            }
        }
    }

    /// Queues with a step that adds the agents of this one, and the queue itself.
    pub fn served_through(&self, queue: QueueId) -> impl Iterator<Item = QueueId> {
        let adds = move |line: &Line| line.relaxation.added(u8::MAX).any(|(_, added)| added == queue);
        let others = self.lines.iter().enumerate().filter(move |(_, line)| adds(line));
        others.map(|(at, _)| QueueId(at as u16)).filter(move |other| *other != queue).chain([queue])
    }

    /// Whether an agent serves a queue, by itself or by a step, with exactly this delay. `users`: agents by profile.
    pub fn has_delay(&self, queue: QueueId, delay: DurationMs, users: &[u32]) -> bool {
        let line = &self.lines[queue.at()];
        let by_step = |served: &Served| served.serves.queue == queue && served.serves.delay == delay;
        line.profiles.iter().zip(&line.ways_of).any(|(profile, way)| {
            let has = match line.ways.get(usize::from(*way)) {
                Some(way) => way.delay == delay,
                None => self.served[*profile as usize].iter().any(by_step),
            };
            has && users[*profile as usize] > 0
        })
    }

    /// Points that steps have added to the priority of a conversation.
    pub fn raised(&self, queue: QueueId, relaxed: u8) -> i64 {
        self.lines[queue.at()].relaxation.raised(relaxed)
    }

    /// Puts a queued conversation among those that wait, at `at`; its `class`, `segment` and `turn` are set. It comes into
    /// its heap with `seat`, which goes before any look at heaps.
    pub fn enter(
        &mut self,
        slot: u32,
        conversation: &mut Conversation,
        rules: &Rules,
        staff: &Staff,
        at: Millis,
    ) {
        assert!(conversation.class == NONE, "what waits stands in one place");
        self.seat();
        let number = self.class_of(conversation, rules, staff);
        let curve = &rules.queues[conversation.queue.at()].curve;
        conversation.class = number;
        let raised = self.raised(conversation.queue, conversation.relaxed);
        let key = place_in_curve(conversation, curve, raised, at);
        self.lines[conversation.queue.at()].waiting += 1;
        self.all += 1;
        self.newcomer = Some(Newcomer { slot, class: number, segment: conversation.segment, key });
    }

    /// What has just begun to wait comes into its heap.
    #[inline]
    pub fn seat(&mut self) {
        let Some(Newcomer { slot, class, segment, key }) = self.newcomer.take() else { return };
        let heaps = &mut self.classes[class as usize].heaps;
        heaps[segment as usize].push(&mut self.positions, key, slot);
        self.note(class, segment);
    }

    /// Whether everything that waits is in its heap.
    pub fn is_seated(&self) -> bool {
        self.newcomer.is_none()
    }

    /// Takes a conversation out.
    pub fn leave(&mut self, slot: u32, conversation: &mut Conversation) {
        let number = std::mem::replace(&mut conversation.class, NONE);
        conversation.turn = Millis::MAX;
        conversation.delay_ends = Millis::MAX;
        self.lines[conversation.queue.at()].waiting -= 1;
        self.all -= 1;
        if self.newcomer.is_some_and(|newcomer| newcomer.slot == slot) {
            self.newcomer = None;
            return;
        }
        let class = &mut self.classes[number as usize];
        let key = class.heaps[conversation.segment as usize].remove(&mut self.positions, slot);
        assert!(key.is_some(), "a queued conversation is in its class's heap");
        self.note(number, conversation.segment);
    }

    /// A class's heap of a segment has changed.
    fn note(&mut self, class: u32, segment: u32) {
        let class = &self.classes[class as usize];
        let top = &mut self.tops[class.queue.at()];
        let front = &mut self.fronts[(top.front + segment) as usize];
        let before = u32::from(!front.heads.is_empty());
        front.note(class, segment);
        let best = front.heads.peek().map(|(key, _)| key.key.key);
        top.occupied = top.occupied + u32::from(best.is_some()) - before;
        top.note(segment, best);
    }

    /// Asks for the best of a front ahead of its use.
    #[inline]
    pub fn prefetch_front(&self, front: u32) {
        prefetch(&self.fronts, front as usize);
    }

    /// The best that a queue's segment could have for anybody, in 2⁻³² points at an instant, if something waits there.
    #[inline]
    pub fn bound(&self, top: &Top, segment: u32, at: Millis) -> Option<i64> {
        if (segment as usize) < FIRST {
            return top.bound(segment as usize, at);
        }
        let front = &self.fronts[(top.front + segment) as usize];
        front.heads.peek().map(|(key, _)| priority_at(key.key, front.slope, at))
    }

    /// The first of a class in a segment for which `fits` holds.
    pub fn best_where(
        &self,
        class: u32,
        segment: usize,
        fits: impl Fn(&WaitKey, u32) -> bool,
        frontier: &mut Vec<u32>,
    ) -> Option<Head> {
        let heap = &self.classes[class as usize].heaps[segment];
        let slot = heap.best_where(|key, slot| fits(key, slot), frontier)?;
        heap.key(&self.positions, slot).map(|key| Head { key: *key, slot })
    }

    /// The key of a queued conversation.
    pub fn key(&self, slot: u32, conversation: &Conversation) -> WaitKey {
        if let Some(newcomer) = self.newcomer.filter(|newcomer| newcomer.slot == slot) {
            return newcomer.key;
        }
        let heap = &self.classes[conversation.class as usize].heaps[conversation.segment as usize];
        *heap.key(&self.positions, slot).expect("a queued conversation is in its class's heap")
    }

    /// Whatever waits in a queue, in no particular order; all of it is seated.
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
    let key = if planted!(RoundedPriorities) { key >> 32 << 32 } else { key };
    WaitKey { key, arrived: conversation.arrived, queued: conversation.queued, id: conversation.id }
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
