//! Matching, in both directions: who gets a conversation, and what an agent takes.
//!
//! `may_take` is never asked pair by pair. What does not change with time is in bit sets (profiles that fit a class,
//! groups of those profiles, groups with room for a channel); what does (delays, exclusions) is tested where a head
//! is looked at.

use std::cmp::Ordering;

use crate::rules::Strategy;
use crate::types::decision::{Body, Offered};
use crate::types::event::List;
use crate::types::{AcceptMode, DurationMs, Millis, QueueId};

use super::conversation::State;
use super::staff::{Agent, BY_IDLE, OrderKey, Profile};
use super::waiting::{WaitKey, points_shown, priority_at};
use super::{Division, NONE};

/// Candidates are counted up to this.
const CANDIDATES_MAX: u32 = 1_000;

/// Buffers that are used again and again.
#[derive(Default)]
pub struct Scratch {
    pub(super) skills: Vec<(u64, u8)>,
    pub(super) profile: Profile,
    pub(super) offers: Vec<u32>,
    frontier: Vec<u32>,
    groups: Vec<u32>,
    freed: Vec<u32>,
}

/// What an agent found to take.
#[derive(Copy, Clone)]
struct Found {
    slot: u32,
    key: WaitKey,
    priority: i64,
}

impl Division {
    /// After an event or a timer: one conversation that became takeable asks first who gets it, then the agents who
    /// became freer take; if several became takeable, every agent takes.
    pub(super) fn match_up(&mut self) {
        let mut takeable = std::mem::take(&mut self.takeable);
        takeable.sort_unstable();
        takeable.dedup();
        if let [slot] = takeable[..]
            && self.book[slot].class != NONE
        {
            self.who_gets(slot);
        }
        let mut agents = std::mem::take(&mut self.scratch.freed);
        if takeable.len() > 1 {
            self.staff.takers(&mut agents);
        } else {
            agents.clear();
            agents.extend_from_slice(&self.freed);
            agents.sort_unstable_by_key(|agent| self.staff.agents[*agent as usize].label);
            agents.dedup();
        }
        for agent in &agents {
            while self.take_one(*agent) {}
        }
        self.scratch.freed = agents;
        self.freed.clear();
        takeable.clear();
        self.takeable = takeable;
    }

    /// Offers a queued conversation to the best of those who may take it, if anybody may.
    fn who_gets(&mut self, slot: u32) {
        let queue = self.book[slot].queue;
        let candidates = self.candidates(slot);
        if candidates == 0 {
            return;
        }
        let mut frontier = std::mem::take(&mut self.scratch.frontier);
        let best = match self.rules.queues[queue.at()].strategy {
            Strategy::BestSkill => {
                let skills = &self.waiting.classes[self.book[slot].class as usize].skills;
                self.best_head(slot, BY_IDLE, |profile| -levels(profile, skills), &mut frontier)
            }
            Strategy::RoundRobin => self.longest_without_offer(slot),
            strategy => self.best_head(slot, self.staff.order_of(strategy), |_| 0, &mut frontier),
        };
        self.scratch.frontier = frontier;
        let agent = best.expect("somebody was counted");
        self.offer(slot, agent, candidates);
    }

    /// Collects the groups whose agents may take a conversation, exclusions apart, and counts their agents, excluded
    /// ones left out, up to 1,000.
    fn candidates(&mut self, slot: u32) -> u32 {
        let conversation = &self.book[slot];
        let class = &self.waiting.classes[conversation.class as usize];
        let waited = self.clock.since(conversation.queued);
        let roomy = &self.staff.roomy[conversation.channel.at()];
        let mut groups = std::mem::take(&mut self.scratch.groups);
        groups.clear();
        let mut count = 0;
        let words = class.groups.words().iter().zip(self.staff.staffed.words()).zip(roomy.words());
        for (word, ((fitting, staffed), roomy)) in words.enumerate() {
            let mut bits = fitting & staffed & roomy;
            while bits != 0 {
                let number = word as u32 * 64 + bits.trailing_zeros();
                bits &= bits - 1;
                let group = &self.staff.groups[number as usize];
                let serves = self.staff.profiles[group.profile as usize].serves(conversation.queue);
                if serves.is_some_and(|serves| waited >= serves.delay) {
                    groups.push(number);
                    count += group.orders[BY_IDLE].len() as u32;
                }
            }
        }
        for (agent, until) in &conversation.exclusions {
            let counted = groups.contains(&self.staff.agents[*agent as usize].group);
            count -= u32::from(counted && self.clock < *until);
        }
        self.scratch.groups = groups;
        count.min(CANDIDATES_MAX)
    }

    /// Of the groups collected, those with the least merit of their profile, and of them the first in an order.
    fn best_head(
        &self,
        slot: u32,
        order: usize,
        merit: impl Fn(&Profile) -> i64,
        frontier: &mut Vec<u32>,
    ) -> Option<u32> {
        let conversation = &self.book[slot];
        let mut best: Option<((i64, OrderKey), u32)> = None;
        for number in &self.scratch.groups {
            let group = &self.staff.groups[*number as usize];
            let merit = merit(&self.staff.profiles[group.profile as usize]);
            if best.is_some_and(|((least, _), _)| merit > least) {
                continue;
            }
            let heap = &group.orders[order];
            let head = if conversation.exclusions.is_empty() {
                heap.peek().map(|(key, agent)| (*key, agent))
            } else {
                let fits = |agent: u32| !conversation.excludes(agent, self.clock);
                let agent = heap.best_where(fits, frontier);
                agent.and_then(|agent| Some((*self.staff.key_in(heap, order, agent)?, agent)))
            };
            if let Some((key, agent)) = head
                && best.is_none_or(|(least, _)| (merit, key) < least)
            {
                best = Some(((merit, key), agent));
            }
        }
        best.map(|(_, agent)| agent)
    }

    /// Of the groups collected, the agent longest without an offer from the conversation's queue: looks at each.
    fn longest_without_offer(&self, slot: u32) -> Option<u32> {
        let conversation = &self.book[slot];
        let mut best: Option<(OrderKey, u32)> = None;
        for group in &self.scratch.groups {
            for ((_, idle_since, label), number) in
                self.staff.groups[*group as usize].orders[BY_IDLE].members()
            {
                let last = self.staff.agents[number as usize].last_offer(conversation.queue);
                let key = (last.unwrap_or(Millis::MIN).0, *idle_since, *label);
                if best.is_none_or(|(least, _)| key < least) && !conversation.excludes(number, self.clock) {
                    best = Some((key, number));
                }
            }
        }
        best.map(|(_, agent)| agent)
    }

    /// The agent takes the best of what it may take; whether there was anything.
    fn take_one(&mut self, agent: u32) -> bool {
        let Some(found) = self.best_for(agent) else { return false };
        let candidates = self.candidates(found.slot);
        assert!(candidates > 0, "who takes a conversation is one of its candidates");
        self.offer(found.slot, agent, candidates);
        true
    }

    /// What an agent takes: its lowest queue rank, then highest priority, then earliest arrived, then id.
    fn best_for(&mut self, number: u32) -> Option<Found> {
        let agent = &self.staff.agents[number as usize];
        let group = self.staff.groups.get(agent.group as usize)?;
        let (room, profile) = (group.room, &self.staff.profiles[group.profile as usize]);
        let mut best: Option<(u32, Found)> = None;
        for serves in &profile.queues {
            if best.is_some_and(|(rank, _)| rank < serves.rank) {
                break;
            }
            for class in &self.waiting.live[serves.queue.at()] {
                let class = &self.waiting.classes[*class as usize];
                if room >> class.channel.0 & 1 == 0 || !class.profiles.get(group.profile) {
                    continue;
                }
                let curve = &self.rules.queues[serves.queue.at()].curve;
                for (segment, heap) in class.heaps.iter().enumerate() {
                    let Some((first, slot)) = heap.peek() else { continue };
                    let fits = |slot: u32| may_take_now(&self.book[slot], number, serves.delay, self.clock);
                    let (key, slot) = if fits(slot) {
                        (*first, slot)
                    } else {
                        let Some(slot) = heap.best_where(fits, &mut self.scratch.frontier) else { continue };
                        (*heap.key(&self.waiting.positions, slot).expect("it was found in this heap"), slot)
                    };
                    let found = Found { slot, key, priority: priority_at(key, curve, segment, self.clock) };
                    if best.is_none_or(|(_, best)| found.order(&best) == Ordering::Less) {
                        best = Some((serves.rank, found));
                    }
                }
            }
        }
        best.map(|(_, found)| found)
    }

    /// Offers a queued conversation to an agent who may take it, or gives it straight away.
    fn offer(&mut self, slot: u32, number: u32, candidates: u32) {
        let (clock, rules) = (self.clock, self.rules.clone());
        let conversation = &mut self.book[slot];
        let queue = &rules.queues[conversation.queue.at()];
        let key = self.waiting.classes[conversation.class as usize].heaps[conversation.segment as usize]
            .key(&self.waiting.positions, slot)
            .expect("a queued conversation is in its class's heap");
        let priority = points_shown(priority_at(*key, &queue.curve, conversation.segment as usize, clock));
        self.waiting.leave(slot, conversation);
        conversation.agent = number;
        conversation.offers += 1;
        let expires = self.now.map_or(clock, |now| now.max(clock)).plus(queue.offer_timeout);
        let (channel, of) = (conversation.channel, conversation.queue);
        if queue.auto_accept {
            self.note_offer(slot, number, AcceptMode::Auto, priority, candidates, None);
        } else {
            conversation.state = State::Offered;
            conversation.offer_expires = expires;
            self.note_offer(slot, number, AcceptMode::Offer, priority, candidates, Some(expires));
        }
        self.staff.load(number, channel);
        let agent = &mut self.staff.agents[number as usize];
        agent.holds.push(slot);
        if queue.strategy == Strategy::RoundRobin {
            agent.offered_at(of, clock);
        }
        if queue.auto_accept {
            self.accept(slot);
        } else {
            self.settle(number);
        }
        self.rearm(slot);
    }

    /// Writes the assignment, before the agent's load changes. Clocks that acceptance stops are told as running
    /// only where the agent is still to accept.
    fn note_offer(
        &mut self,
        slot: u32,
        number: u32,
        accept: AcceptMode,
        priority: i64,
        candidates: u32,
        expires: Option<Millis>,
    ) {
        let conversation = &self.book[slot];
        let serves = self
            .staff
            .profile_of(number)
            .serves(conversation.queue)
            .expect("an agent serves the queue it takes from");
        let mut due = [None; 4];
        for (due, clock) in due.iter_mut().zip(&conversation.clocks) {
            *due = clock.open_due();
        }
        if accept == AcceptMode::Auto {
            due[0] = None;
        }
        let attempts = &self.attempts.get(conversation.attempts)[..conversation.attempt_count as usize];
        let start = self.batch.attempts.len() as u32;
        self.batch.attempts.extend_from_slice(attempts);
        let last_agent = match conversation.last_agent {
            NONE => Default::default(),
            name => self.batch.text(self.last_agents.get(name)),
        };
        let agent = self.batch.text(self.staff.names.get(number));
        let offered = Offered {
            agent,
            priority,
            value: conversation.value,
            waited: self.clock.since(conversation.arrived),
            accept,
            expires,
            due,
            strategy: self.rules.queues[conversation.queue.at()].strategy.word(),
            rank: serves.rank,
            relaxed: 0,
            affinity: None,
            candidates,
            first_contact: conversation.first_contact,
            failed_attempts: conversation.failed_attempts,
            attempts: List { start, len: conversation.attempt_count },
            last_agent,
            kinds: conversation.kinds,
            message: conversation.message,
        };
        self.decide(slot, Body::Offered(offered));
    }
}

impl Found {
    /// Highest priority first, then earliest arrived, then id.
    fn order(&self, other: &Found) -> Ordering {
        let by_age = self.key.arrived.cmp(&other.key.arrived);
        other.priority.cmp(&self.priority).then(by_age).then_with(|| self.key.id.cmp(&other.key.id))
    }
}

impl Agent {
    fn offered_at(&mut self, queue: QueueId, clock: Millis) {
        match self.last_offers.iter_mut().find(|(of, _)| *of == queue) {
            Some((_, at)) => *at = clock,
            None => self.last_offers.push((queue, clock)),
        }
    }
}

/// What of `may_take` changes with time: the delay since it was queued, and exclusion.
fn may_take_now(
    conversation: &super::conversation::Conversation,
    agent: u32,
    delay: DurationMs,
    clock: Millis,
) -> bool {
    clock.since(conversation.queued) >= delay && !conversation.excludes(agent, clock)
}

/// Sum of a profile's levels over the skills that a class asks for.
fn levels(profile: &Profile, skills: &[(u64, u8)]) -> i64 {
    skills.iter().map(|(skill, _)| i64::from(profile.level(*skill))).sum()
}
