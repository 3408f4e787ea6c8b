//! The agents of a division: definitions, presence, load, and who has room for what.
//!
//! Equal definitions (skills, languages, queues) are one *profile*. Available agents of one profile with room for
//! the same channels are one *group*; so "who may take this?" is a few bit operations over groups, and counting
//! candidates is adding up their sizes. Agents are compared by name through labels: numbers
//! that ascend as the names do.

use crate::collections::few::Few;
use crate::collections::index_table::IndexTable;
use crate::collections::names::Names;
use crate::collections::prefetch::{line_of, lines_of};
use crate::rules::{Renumbering, Rules, StepAction, Strategy};
use crate::types::ids::CHANNELS_MAX;
use crate::types::{ChannelId, ConversationId, CustomerId, DivisionId, Millis, QueueId};
use borsh::{BorshDeserialize, BorshSerialize};

use super::conversation::NONE;
use super::orders::{AgentOrder, Moved, OrderKey};
use super::profile::{Mixer, Profile};
use super::ramp::Ramp;
use super::seats::{Seat, Seats};
use super::turns::Turns;

/// Presence, as route sees it.
#[derive(Copy, Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
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
#[derive(Copy, Clone, Debug, Default, BorshSerialize, BorshDeserialize)]
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

/// An agent, laid out so that taking and finishing work needs the first three lines.
///
/// | bytes | holds |
/// |---|---|
/// | 0–45 | definition, presence, sums |
/// | 46–109 | load and capacity by channel |
/// | 112–175 | what it holds |
/// | 176–247 | wrap-ups |
/// | 248–255 | since when it is offline |
#[derive(Debug, BorshSerialize, BorshDeserialize)]
#[repr(C, align(64))]
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
    /// What it holds in all, wrap-ups included.
    pub held: u32,
    /// Bit c: it holds something of channel c.
    holding: u16,
    /// Bit c: it holds less of channel c than its capacity.
    below: u16,
    /// Its presence.
    pub presence: Presence,
    /// Whether `idle_since` means something: it has been available, or has had a conversation.
    pub known_idle: bool,
    /// Conversations, offers and wrap-ups held by channel.
    pub(super) load: [u16; CHANNELS_MAX],
    /// Most of each.
    pub(super) capacity: [u16; CHANNELS_MAX],
    /// Whether its definition names a budget; else it is the division's.
    pub own_budget: bool,
    /// Slots of the conversations that it has or was offered.
    pub holds: Few<u32, HOLDS>,
    /// Its wrap-ups.
    pub wrap_ups: Few<WrapUp, 1>,
    /// Since when it has been offline; `Millis::MAX`: it is not, or has never been anything else.
    pub offline_since: Millis,
}

/// Conversations that an agent's record has room for: more than most have at a time.
const HOLDS: usize = 8;

const _: () = assert!(size_of::<Agent>() == 256);
const _: () = assert!(std::mem::offset_of!(Agent, wrap_ups) == 176);

impl Agent {
    /// Someone of whom nothing is known, offline.
    fn new() -> Agent {
        Agent {
            label: 0,
            idle_since: Millis::MAX,
            profile: NONE,
            group: NONE,
            handled: 0,
            used: 0,
            budget: 0,
            held: 0,
            holding: 0,
            below: 0,
            presence: Presence::Offline,
            known_idle: false,
            load: [0; CHANNELS_MAX],
            capacity: [0; CHANNELS_MAX],
            own_budget: false,
            holds: Few::default(),
            wrap_ups: Few::default(),
            offline_since: Millis::MAX,
        }
    }

    /// A definition's capacities by channel; none of those that it does not name.
    pub fn define_capacity(&mut self, named: impl Iterator<Item = (ChannelId, u32)>) {
        self.capacity = Default::default();
        for (channel, most) in named {
            self.capacity[channel.at()] = most.min(u32::from(u16::MAX)) as u16;
        }
        (0..CHANNELS_MAX).for_each(|channel| self.note_load(channel));
    }

    /// Channels have other numbers; what it could do on one that is gone, it can no more.
    fn carry_channels(&mut self, numbers: &Renumbering) {
        let (load, capacity) = (std::mem::take(&mut self.load), std::mem::take(&mut self.capacity));
        for (from, (load, capacity)) in load.into_iter().zip(capacity).enumerate() {
            if let Some(to) = numbers.channel_at(from) {
                (self.load[to.at()], self.capacity[to.at()]) = (load, capacity);
            } else {
                assert!(load == 0, "a channel in use stays");
            }
        }
        for wrap_up in self.wrap_ups.iter_mut() {
            wrap_up.channel = numbers.channel(wrap_up.channel).expect("a channel in use stays");
        }
        (0..CHANNELS_MAX).for_each(|channel| self.note_load(channel));
    }

    /// Notes how a channel's load stands to its capacity.
    #[inline]
    fn note_load(&mut self, channel: usize) {
        let bit = 1 << channel;
        let put = |bits: u16, set: bool| if set { bits | bit } else { bits & !bit };
        self.holding = put(self.holding, self.load[channel] > 0);
        self.below = put(self.below, self.load[channel] < self.capacity[channel]);
    }

    /// A conversation has begun or ended.
    pub fn note_idle(&mut self, clock: Millis) {
        (self.idle_since, self.known_idle) = (clock, true);
    }

    /// Its place in the order of a strategy.
    pub fn key(&self, strategy: Strategy) -> OrderKey {
        let merit = match strategy {
            Strategy::LeastBusy => i64::from(self.held),
            Strategy::MostSpare => i64::from(self.used) - i64::from(self.budget),
            Strategy::FewestHandled => i64::from(self.handled),
            Strategy::LongestIdle | Strategy::BestSkill | Strategy::RoundRobin => 0,
        };
        OrderKey { merit, idle_since: self.idle_since, label: self.label }
    }
}

/// Whether a strategy compares something that an agent has whatever the conversation, so that an order can be kept.
/// Levels are the profile's, and the last offer is the queue's.
fn is_order(strategy: Strategy) -> bool {
    !matches!(strategy, Strategy::BestSkill | Strategy::RoundRobin)
}

/// Available agents of one profile with room for the same channels.
#[derive(Debug, Default, BorshSerialize, BorshDeserialize)]
pub struct Group {
    /// Their profile.
    pub profile: u32,
    /// Bit c: room for channel c.
    pub room: u16,
    /// How many there are.
    pub size: u32,
    /// Bit by place in `Staff::orders`: queues that the profile serves ask for this order.
    orders: u32,
}

/// All agents of a division.
#[derive(Default, Debug, BorshSerialize, BorshDeserialize)]
pub struct Staff {
    /// By agent number.
    pub agents: Vec<Agent>,
    /// Names by agent number.
    pub names: Names,
    /// By profile number.
    pub profiles: Vec<Profile>,
    /// By profile number: agents who have it.
    pub users: Vec<u32>,
    /// Profiles that nobody has.
    unused: u32,
    profile_table: IndexTable,
    /// The groups that are not empty.
    pub seats: Seats,
    /// By group number; a group stays, if empty.
    pub groups: Vec<Group>,
    group_table: IndexTable,
    /// The orders of the queues that go round robin.
    pub turns: Turns,
    /// The orders that queues of the division ask for; first by longest idle.
    pub orders: Vec<AgentOrder>,
    /// By queue of all divisions, bit by place among these: the order of the queue, and of those with a step of relaxation
    /// that adds its agents.
    asking: Vec<u32>,
    /// Who has a group but stands in none of its orders yet, and is not counted in it. Most who become free have something
    /// to do at once, so they take their place only when it is known that they have not, or when somebody else becomes free.
    pub newcomer: Option<u32>,
    /// Agent numbers by name.
    by_name: Vec<u32>,
    /// By channel: weight.
    pub(super) weights: Vec<u32>,
    /// Weights, each with the channels that have it.
    by_weight: Vec<(u32, u16)>,
    /// How many offers a minute an agent gets.
    pub ramp: Ramp,
    /// By channel: other channels that cannot be held beside it, either way.
    pub(super) excluded_by: Vec<u16>,
}

/// So many profiles without an agent are kept in any case.
const UNUSED_FEW: u32 = 8;

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
        let bit = |queue: &crate::rules::Queue| {
            1 << strategies.iter().position(|kept| *kept == queue.strategy).unwrap_or(0)
        };
        let mut asking: Vec<u32> = rules.queues.iter().map(bit).collect();
        for queue in &rules.queues {
            for step in &queue.steps {
                if let StepAction::Add(added) = step.action {
                    asking[added.at()] |= bit(queue);
                }
            }
        }
        let count = rules.channels.len();
        let excludes = |one: usize, other: usize| rules.channels[one].excludes >> other & 1 == 1;
        let either = |one: usize| {
            (0..count)
                .filter(|other| *other != one && (excludes(one, *other) || excludes(*other, one)))
                .fold(0, |bits, c| bits | 1 << c)
        };
        let mut by_weight: Vec<(u32, u16)> = Vec::new();
        for (channel, rule) in rules.channels.iter().enumerate() {
            match by_weight.iter_mut().find(|(weight, _)| *weight == rule.weight) {
                Some((_, channels)) => *channels |= 1 << channel,
                None => by_weight.push((rule.weight, 1 << channel)),
            }
        }
        Staff {
            ramp: Ramp::new(rules.divisions[division.at()].ramp),
            turns: Turns::new(rules),
            by_weight,
            weights: rules.channels.iter().map(|channel| channel.weight).collect(),
            excluded_by: (0..count).map(either).collect(),
            seats: Seats::new(count),
            asking,
            orders: strategies.into_iter().map(AgentOrder::new).collect(),
            profile_table: IndexTable::with_segment_bits(0),
            group_table: IndexTable::with_segment_bits(0),
            ..Staff::default()
        }
    }

    /// The same agents under other rules, in no group yet. What they have used is for the caller to add up.
    pub fn adopt(&mut self, before: &Rules, rules: &Rules, division: DivisionId, numbers: &Renumbering) {
        let former = std::mem::replace(self, Staff::new(rules, division));
        (self.names, self.by_name, self.agents) = (former.names, former.by_name, former.agents);
        self.turns.carry(&former.turns, before, numbers);
        self.ramp = former.ramp.carried(rules.divisions[division.at()].ramp);
        let budget = rules.divisions[division.at()].agents_budget;
        for number in 0..self.agents.len() {
            let agent = &mut self.agents[number];
            agent.carry_channels(numbers);
            agent.group = NONE;
            agent.budget = if agent.own_budget { agent.budget } else { budget };
            let profile = std::mem::replace(&mut agent.profile, NONE);
            if profile != NONE {
                let carried = former.profiles[profile as usize].carried(rules, division, numbers);
                let (profile, _) = self.intern(&carried);
                self.take_profile(number as u32, profile);
            }
        }
    }

    /// What an agent has used of its budget, from nothing.
    pub fn count_used(&mut self, agent: u32, held: impl Iterator<Item = ChannelId>) {
        self.agents[agent as usize].used = held.map(|channel| self.weights[channel.at()]).sum();
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
        self.agents.push(Agent::new());
        let agents = self.agents.len() as u32;
        self.orders.iter_mut().for_each(|order| order.grow(agents));
        self.turns.grow(agents);
        self.label(place);
        agent
    }

    /// An agent has a profile from now on.
    pub fn take_profile(&mut self, agent: u32, profile: u32) {
        let before = std::mem::replace(&mut self.agents[agent as usize].profile, profile);
        if before != NONE {
            self.users[before as usize] -= 1;
            self.unused += u32::from(self.users[before as usize] == 0);
        }
        self.unused -= u32::from(self.users[profile as usize] == 0);
        self.users[profile as usize] += 1;
    }

    /// Whether profiles that nobody has are many.
    pub fn is_littered(&self) -> bool {
        self.unused > UNUSED_FEW + self.profiles.len() as u32 - self.unused
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
        self.users.push(0);
        self.unused += 1;
        self.turns.add_profile(profile);
        self.seats.add_profile();
        self.profile_table.insert(hash, number);
        (number, true)
    }

    /// Notes that an agent is offered something from a queue that goes round robin.
    pub fn offered_at(&mut self, queue: QueueId, number: u32, clock: Millis) {
        let agent = &self.agents[number as usize];
        let group = Some(agent.group).filter(|group| *group != NONE);
        let group = group.filter(|_| self.newcomer != Some(number));
        self.turns.offered(queue, number, agent, group, clock);
    }

    /// Adds an item of a channel to an agent's load.
    pub fn load(&mut self, agent: u32, channel: ChannelId) {
        let weight = self.weights[channel.at()];
        let agent = &mut self.agents[agent as usize];
        agent.load[channel.at()] += 1;
        agent.held += 1;
        agent.used += weight;
        agent.note_load(channel.at());
    }

    /// Takes an item of a channel off an agent's load.
    pub fn unload(&mut self, agent: u32, channel: ChannelId) {
        let weight = self.weights[channel.at()];
        let agent = &mut self.agents[agent as usize];
        assert!(agent.load[channel.at()] > 0 && agent.used >= weight, "an agent's load is what it holds");
        agent.load[channel.at()] -= 1;
        agent.held -= 1;
        agent.used -= weight;
        agent.note_load(channel.at());
    }

    /// Takes the weight of an item off what an agent has used; it still counts as load.
    pub fn give_back(&mut self, agent: u32, channel: ChannelId) {
        let weight = self.weights[channel.at()];
        let used = &mut self.agents[agent as usize].used;
        assert!(*used >= weight, "an agent's load is what it holds");
        *used -= weight;
    }

    /// Adds it again.
    pub fn take_back(&mut self, agent: u32, channel: ChannelId) {
        self.agents[agent as usize].used += self.weights[channel.at()];
    }

    /// Puts an agent where its presence, load and idle time belong; to be called after each change.
    pub fn settle(&mut self, number: u32, moved: Moved) {
        let agent = &self.agents[number as usize];
        let room = if agent.presence == Presence::Available && self.ramp.admits(number) {
            self.room(agent)
        } else {
            0
        };
        let (from, profile) = (agent.group, agent.profile);
        if from != NONE {
            let group = &self.groups[from as usize];
            if group.room == room && group.profile == profile {
                self.reorder(number, moved);
                return;
            }
            self.leave_group(number, from);
        }
        if room == 0 {
            self.agents[number as usize].group = NONE;
            return;
        }
        self.seat();
        self.agents[number as usize].group = self.group(profile, room);
        self.newcomer = Some(number);
    }

    /// Who has just come into a group takes its place in the orders; goes before any look at them.
    #[inline]
    pub fn seat(&mut self) {
        if let Some(number) = self.newcomer.take() {
            self.enter_group(number, self.agents[number as usize].group);
        }
    }

    fn leave_group(&mut self, number: u32, from: u32) {
        if self.newcomer == Some(number) {
            self.newcomer = None;
            return;
        }
        let group = &mut self.groups[from as usize];
        for order in asked_for(&mut self.orders, group.orders) {
            order.leave(from, number);
        }
        self.turns.leave(from, group.profile, number);
        group.size -= 1;
        if group.size == 0 {
            self.seats.empty(group.profile, from);
        }
    }

    fn enter_group(&mut self, number: u32, to: u32) {
        let agent = &self.agents[number as usize];
        let group = &mut self.groups[to as usize];
        for order in asked_for(&mut self.orders, group.orders) {
            order.enter(to, number, agent);
        }
        self.turns.enter(to, number, agent);
        group.size += 1;
        if group.size == 1 {
            self.seats.fill(group.profile, Seat { group: to, room: group.room });
        }
    }

    /// The order of a strategy, of agents who serve a queue that goes by it; by longest idle where the strategy is none of
    /// the orders kept.
    pub fn order_of(&self, strategy: Strategy) -> &AgentOrder {
        let kept = self.orders.iter().find(|order| order.strategy() == strategy);
        kept.unwrap_or(&self.orders[0])
    }

    /// An agent takes its place anew in the orders of its group that what has changed can move it in.
    fn reorder(&mut self, number: u32, moved: Moved) {
        let agent = &self.agents[number as usize];
        if agent.group == NONE || self.newcomer == Some(number) {
            return;
        }
        for order in asked_for(&mut self.orders, self.groups[agent.group as usize].orders) {
            order.reorder(agent.group, number, agent, moved);
        }
        if moved == Moved::All {
            self.turns.reorder(agent.group, number, agent);
        }
    }

    /// Asks for an agent's record and name; `all`: also for its wrap-ups.
    #[inline]
    pub fn prefetch(&self, number: u32, all: bool) {
        let Some(agent) = self.agents.get(number as usize) else { return };
        line_of(agent);
        line_of(&agent.holds);
        line_of(&agent.wrap_ups);
        if all {
            lines_of(&agent.wrap_ups);
        }
        self.names.prefetch_name(number);
    }

    /// Agents who can take something now, by name.
    pub fn takers(&self, into: &mut Vec<u32>) {
        into.clear();
        into.extend(self.by_name.iter().filter(|agent| self.agents[**agent as usize].group != NONE));
    }

    /// Bit c: room for channel c: below capacity, within the budget, nothing held that excludes it.
    fn room(&self, agent: &Agent) -> u16 {
        let mut room = agent.below;
        let mut held = agent.holding;
        while held != 0 {
            room &= !self.excluded_by[held.trailing_zeros() as usize];
            held &= held - 1;
        }
        for (weight, channels) in &self.by_weight {
            if agent.used + weight > agent.budget {
                room &= !channels;
            }
        }
        room
    }

    fn group(&mut self, profile: u32, room: u16) -> u32 {
        let mut hash = Mixer::default();
        hash.add(u64::from(profile) | u64::from(room) << 32);
        let is_it = |number: u32| {
            self.groups[number as usize].profile == profile && self.groups[number as usize].room == room
        };
        if let Some(number) = self.group_table.find(hash.0, is_it) {
            return number;
        }
        let number = self.groups.len() as u32;
        self.orders.iter_mut().for_each(AgentOrder::add_group);
        let queues = self.profiles[profile as usize].queues.iter();
        let orders = queues.fold(0, |bits, serves| bits | self.asking[serves.queue.at()]);
        self.groups.push(Group { profile, room, size: 0, orders });
        self.turns.add_group(profile);
        self.group_table.insert(hash.0, number);
        number
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
            self.reorder(agent, Moved::All);
        }
    }
}

/// The orders whose bits are set.
#[inline]
fn asked_for(orders: &mut [AgentOrder], bits: u32) -> impl Iterator<Item = &mut AgentOrder> {
    orders.iter_mut().enumerate().filter(move |(place, _)| bits >> place & 1 == 1).map(|(_, order)| order)
}
