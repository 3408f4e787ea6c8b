//! The agents of a division: definitions, presence, load, and who has room for what.
//!
//! Equal definitions (skills, languages, queues) are one *profile*. Available agents of one profile with room for
//! the same channels are one *group*, a heap by longest idle; so "who may take this?" is a few bit operations over
//! groups, and counting candidates is adding up their sizes. Agents are compared by name through labels: numbers
//! that ascend as the names do.

use crate::collections::bits::Bits;
use crate::collections::heap::{Heap, Positions};
use crate::collections::index_table::IndexTable;
use crate::collections::names::Names;
use crate::rules::{Rules, Strategy};
use crate::types::ids::CHANNELS_MAX;
use crate::types::{ChannelId, ConversationId, CustomerId, DivisionId, DurationMs, Millis, QueueId};

use super::conversation::NONE;

/// Presence, as route sees it.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Presence {
    /// Logged out.
    Offline,
    /// Logged in, takes nothing.
    Away,
    /// Takes offers.
    Available,
    /// Missed an offer: takes nothing until its next `agent.state`.
    NotResponding,
}

/// Work after a conversation that still holds capacity.
#[derive(Copy, Clone, Debug)]
pub struct WrapUp {
    /// Which conversation.
    pub conversation: ConversationId,
    /// Whose it was when it ended.
    pub customer: CustomerId,
    /// When it ends by itself.
    pub ends: Millis,
    /// Its channel.
    pub channel: ChannelId,
}

/// An agent.
#[derive(Debug)]
pub struct Agent {
    /// Ascends as names do.
    pub label: u64,
    /// Start of the longest idle: when its last conversation began or ended, or it was first available.
    pub idle_since: Millis,
    /// Its profile.
    pub profile: u32,
    /// Its group; `NONE`: it can take nothing now.
    pub group: u32,
    /// Accepted since it came from offline.
    pub handled: u32,
    /// Sum of the weights that it holds.
    pub used: u32,
    /// Its budget.
    pub budget: u32,
    /// Conversations, offers and wrap-ups held by channel.
    pub load: [u16; CHANNELS_MAX],
    /// Most of each.
    pub capacity: [u16; CHANNELS_MAX],
    /// Its presence.
    pub presence: Presence,
    /// Whether it has ever been available.
    pub known_idle: bool,
    /// Slots of the conversations that it has or was offered.
    pub holds: Vec<u32>,
    /// Its wrap-ups.
    pub wrap_ups: Vec<WrapUp>,
    /// When it was last offered something from a `round_robin` queue.
    pub last_offers: Vec<(QueueId, Millis)>,
}

impl Agent {
    /// What it holds in all, wrap-ups included.
    pub fn held(&self) -> u32 {
        self.load.iter().map(|load| u32::from(*load)).sum()
    }

    /// Its place in the order of a strategy.
    pub fn key(&self, strategy: Strategy) -> OrderKey {
        let merit = match strategy {
            Strategy::LeastBusy => i64::from(self.held()),
            Strategy::MostSpare => i64::from(self.used) - i64::from(self.budget),
            Strategy::FewestHandled => i64::from(self.handled),
            Strategy::LongestIdle | Strategy::BestSkill | Strategy::RoundRobin => 0,
        };
        (merit, self.idle_since, self.label)
    }

    /// When it was last offered something from this queue.
    pub fn last_offer(&self, queue: QueueId) -> Option<Millis> {
        self.last_offers.iter().find(|(of, _)| *of == queue).map(|(_, at)| *at)
    }
}

/// Whether a strategy compares something that an agent has whatever the conversation, so that an order can be kept.
/// Levels are the profile's, and the last offer is the queue's.
fn is_order(strategy: Strategy) -> bool {
    !matches!(strategy, Strategy::BestSkill | Strategy::RoundRobin)
}

/// A queue that agents of a profile serve.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Serves {
    /// 1 is served first.
    pub rank: u32,
    /// The queue.
    pub queue: QueueId,
    /// What waits shorter is not for them.
    pub delay: DurationMs,
}

/// What a definition says besides capacity; equal ones are shared.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Profile {
    /// Keyed name and level, ascending by name.
    pub skills: Vec<(u64, u8)>,
    /// Keyed languages, ascending.
    pub langs: Vec<u64>,
    /// Ascending by (rank, queue).
    pub queues: Vec<Serves>,
}

impl Profile {
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

    fn hash(&self) -> u64 {
        let mut hash = Mixer::default();
        self.skills.iter().for_each(|(key, level)| hash.add(key ^ u64::from(*level) << 56));
        self.langs.iter().for_each(|key| hash.add(*key));
        self.queues.iter().for_each(|s| {
            hash.add(u64::from(s.queue.0) | u64::from(s.rank) << 16 | (s.delay.0 as u64) << 40)
        });
        hash.0
    }
}

/// Mixes words into a hash of contents that only serves to find equal ones; equality is decided by comparison.
#[derive(Default)]
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

/// Order among the agents of a group: what the strategy compares, then longest idle, then name.
pub type OrderKey = (i64, Millis, u64);

/// Place of the order by longest idle in `Group::orders`.
pub const BY_IDLE: usize = 0;

/// Available agents of one profile with room for the same channels.
#[derive(Debug, Default)]
pub struct Group {
    /// Their profile.
    pub profile: u32,
    /// Bit c: room for channel c.
    pub room: u16,
    /// They, in each order that a queue of the division asks for; first by longest idle.
    pub orders: Vec<Heap<OrderKey>>,
}

/// All agents of a division.
#[derive(Default)]
pub struct Staff {
    /// By agent number.
    pub agents: Vec<Agent>,
    /// Names by agent number.
    pub names: Names,
    /// By profile number.
    pub profiles: Vec<Profile>,
    profile_table: IndexTable,
    /// By group number; a group stays, if empty.
    pub groups: Vec<Group>,
    group_table: IndexTable,
    /// By order: the strategy that asks for it.
    strategies: Vec<Strategy>,
    /// By order: places of agents in their group's heap.
    positions: Vec<Positions>,
    /// Groups that are not empty.
    pub staffed: Bits,
    /// By channel: groups with room for it.
    pub roomy: Vec<Bits>,
    /// Agent numbers by name.
    by_name: Vec<u32>,
    /// By channel: weight.
    weights: Vec<u32>,
    /// By channel: channels that cannot be held beside it, either way.
    excluded_by: Vec<u16>,
}

/// Distance of the labels of agents that come in the order of their names.
const LABEL_STEP: u64 = 1 << 32;

impl Staff {
    /// Nobody yet, in a division.
    pub fn new(rules: &Rules, division: DivisionId) -> Staff {
        let mut strategies = vec![Strategy::LongestIdle];
        for queue in &rules.divisions[division.at()].queues {
            let strategy = rules.queues[queue.at()].strategy;
            if is_order(strategy) && !strategies.contains(&strategy) {
                strategies.push(strategy);
            }
        }
        let count = rules.channels.len();
        let excludes = |one: usize, other: usize| rules.channels[one].excludes >> other & 1 == 1;
        let either = |one: usize| {
            (0..count)
                .filter(|other| excludes(one, *other) || excludes(*other, one))
                .fold(0, |bits, c| bits | 1 << c)
        };
        Staff {
            weights: rules.channels.iter().map(|channel| channel.weight).collect(),
            excluded_by: (0..count).map(either).collect(),
            roomy: (0..count).map(|_| Bits::default()).collect(),
            positions: strategies.iter().map(|_| Positions::default()).collect(),
            strategies,
            profile_table: IndexTable::with_segment_bits(0),
            group_table: IndexTable::with_segment_bits(0),
            ..Staff::default()
        }
    }

    /// The number of an agent that is known.
    #[inline]
    pub fn find(&self, key: u64, name: &[u8]) -> Option<u32> {
        self.names.find(key, name)
    }

    /// The number of an agent, a new one, offline, if need be.
    pub fn hire(&mut self, key: u64, name: &[u8]) -> u32 {
        if let Some(agent) = self.names.find(key, name) {
            return agent;
        }
        let agent = self.names.number(key, name);
        let place = self.by_name.partition_point(|other| self.names.get(*other) < name);
        self.by_name.insert(place, agent);
        self.agents.push(Agent {
            label: 0,
            idle_since: Millis::MAX,
            profile: NONE,
            group: NONE,
            handled: 0,
            used: 0,
            budget: 0,
            load: [0; CHANNELS_MAX],
            capacity: [0; CHANNELS_MAX],
            presence: Presence::Offline,
            known_idle: false,
            holds: Vec::new(),
            wrap_ups: Vec::new(),
            last_offers: Vec::new(),
        });
        self.label(place);
        agent
    }

    /// The number of a profile, and whether it is a new one.
    pub fn intern(&mut self, profile: &Profile) -> (u32, bool) {
        let hash = profile.hash();
        if let Some(number) =
            self.profile_table.find(hash, |number| self.profiles[number as usize] == *profile)
        {
            return (number, false);
        }
        let number = self.profiles.len() as u32;
        self.profiles.push(profile.clone());
        self.profile_table.insert(hash, number);
        (number, true)
    }

    /// The profile of an agent.
    #[inline]
    pub fn profile_of(&self, agent: u32) -> &Profile {
        &self.profiles[self.agents[agent as usize].profile as usize]
    }

    /// Adds an item of a channel to an agent's load.
    pub fn load(&mut self, agent: u32, channel: ChannelId) {
        let weight = self.weights[channel.at()];
        let agent = &mut self.agents[agent as usize];
        agent.load[channel.at()] += 1;
        agent.used += weight;
    }

    /// Takes an item of a channel off an agent's load.
    pub fn unload(&mut self, agent: u32, channel: ChannelId) {
        let weight = self.weights[channel.at()];
        let agent = &mut self.agents[agent as usize];
        assert!(agent.load[channel.at()] > 0 && agent.used >= weight, "an agent's load is what it holds");
        agent.load[channel.at()] -= 1;
        agent.used -= weight;
    }

    /// Puts an agent where its presence, load and idle time belong; to be called after each change. Gives the
    /// number of a group that is new, if there is one.
    pub fn settle(&mut self, number: u32) -> Option<u32> {
        let agent = &self.agents[number as usize];
        let room = if agent.presence == Presence::Available { self.room(agent) } else { 0 };
        let (old, profile) = (agent.group, agent.profile);
        let mut created = None;
        let new = if room == 0 {
            NONE
        } else if old != NONE
            && self.groups[old as usize].room == room
            && self.groups[old as usize].profile == profile
        {
            old
        } else {
            let (group, is_new) = self.group(profile, room);
            created = is_new.then_some(group);
            group
        };
        if old == new {
            self.reorder(number);
            return None;
        }
        let Staff { agents, groups, strategies, positions, staffed, .. } = self;
        let orders = strategies.iter().zip(positions).enumerate();
        for (order, (strategy, positions)) in orders {
            if old != NONE {
                groups[old as usize].orders[order].remove(positions, number);
            }
            if new != NONE {
                let key = agents[number as usize].key(*strategy);
                groups[new as usize].orders[order].push(positions, key, number);
            }
        }
        if old != NONE && groups[old as usize].orders[BY_IDLE].is_empty() {
            staffed.clear(old);
        }
        if new != NONE {
            staffed.set(new);
        }
        self.agents[number as usize].group = new;
        created
    }

    /// The order of a strategy; by longest idle where the strategy is none of the orders kept.
    pub fn order_of(&self, strategy: Strategy) -> usize {
        self.strategies.iter().position(|kept| *kept == strategy).unwrap_or(BY_IDLE)
    }

    /// The key of an agent in a heap of an order.
    pub fn key_in<'a>(&self, heap: &'a Heap<OrderKey>, order: usize, agent: u32) -> Option<&'a OrderKey> {
        heap.key(&self.positions[order], agent)
    }

    /// An agent takes its place anew in each order of its group.
    fn reorder(&mut self, number: u32) {
        let agent = &self.agents[number as usize];
        if agent.group == NONE {
            return;
        }
        let group = &mut self.groups[agent.group as usize];
        for ((strategy, positions), order) in
            self.strategies.iter().zip(&mut self.positions).zip(&mut group.orders)
        {
            order.change(positions, agent.key(*strategy), number);
        }
    }

    /// Agents who can take something now, by name.
    pub fn takers(&self, into: &mut Vec<u32>) {
        into.clear();
        into.extend(self.by_name.iter().filter(|agent| self.agents[**agent as usize].group != NONE));
    }

    /// Bit c: room for channel c: below capacity, within the budget, nothing held that excludes it.
    fn room(&self, agent: &Agent) -> u16 {
        let mut held: u16 = 0;
        for (channel, load) in agent.load.iter().enumerate() {
            held |= u16::from(*load > 0) << channel;
        }
        let fits = |channel: usize| {
            agent.load[channel] < agent.capacity[channel]
                && agent.used + self.weights[channel] <= agent.budget
                && held & self.excluded_by[channel] & !(1 << channel) == 0
        };
        (0..self.weights.len()).filter(|channel| fits(*channel)).fold(0, |room, channel| room | 1 << channel)
    }

    fn group(&mut self, profile: u32, room: u16) -> (u32, bool) {
        let mut hash = Mixer::default();
        hash.add(u64::from(profile) | u64::from(room) << 32);
        let is_it = |number: u32| {
            self.groups[number as usize].profile == profile && self.groups[number as usize].room == room
        };
        if let Some(number) = self.group_table.find(hash.0, is_it) {
            return (number, false);
        }
        let number = self.groups.len() as u32;
        let orders = self.strategies.iter().map(|_| Heap::default()).collect();
        self.groups.push(Group { profile, room, orders });
        self.group_table.insert(hash.0, number);
        for (channel, groups) in self.roomy.iter_mut().enumerate() {
            if room >> channel & 1 == 1 {
                groups.set(number);
            }
        }
        (number, true)
    }

    /// Gives the agent at this place of the order a label between its neighbours'; all agents new ones where no
    /// number is left between them.
    fn label(&mut self, place: usize) {
        let label_at = |place: usize| self.by_name.get(place).map(|agent| self.agents[*agent as usize].label);
        let before = if place == 0 { 0 } else { label_at(place - 1).expect("a place before") };
        let after = label_at(place + 1).unwrap_or(before.saturating_add(2 * LABEL_STEP));
        if after - before >= 2 {
            let agent = self.by_name[place];
            self.agents[agent as usize].label = before + (after - before) / 2;
            return;
        }
        for place in 0..self.by_name.len() {
            let agent = self.by_name[place];
            self.agents[agent as usize].label = (place as u64 + 1) * LABEL_STEP;
            self.reorder(agent);
        }
    }
}
