//! Matching, in both directions: who gets a conversation, and what an agent takes.
//!
//! `may_take` is never asked pair by pair. What does not change with time is in bit sets (profiles that fit a class,
//! groups of those profiles, groups with room for a channel); what does (delays, exclusions) is tested where a head
//! is looked at.

use crate::rules::Strategy;
use crate::types::decision::{Body, Offered};
use crate::types::event::List;
use crate::types::{AcceptMode, DurationMs, Millis};

use super::conversation::State;
use super::orders::{AgentOrder, Foremost, Moved, OrderKey};
use super::staff::{Profile, Serves};
use super::waiting::{Head, Line, Served, WaitKey, points_shown, priority_at};
use super::{Division, NONE};

/// Candidates are counted up to this.
const CANDIDATES_MAX: u32 = 1_000;

/// Buffers that are used again and again.
#[derive(Default)]
pub struct Scratch {
    pub(super) skills: Vec<(u64, u8)>,
    pub(super) profile: Profile,
    pub(super) offers: Vec<u32>,
    frontiers: [Vec<u32>; 2],
    groups: Vec<u32>,
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
        if self.takeable.is_empty() && self.freed.is_empty() {
            return;
        }
        let mut takeable = std::mem::take(&mut self.takeable);
        takeable.sort_unstable();
        takeable.dedup();
        if let [slot] = takeable[..]
            && self.book[slot].class != NONE
        {
            self.who_gets(slot);
        }
        let several = takeable.len() > 1;
        takeable.clear();
        self.takeable = takeable;
        if several {
            self.staff.takers(&mut self.freed);
        } else if self.freed.len() > 1 {
            let agents = &self.staff.agents;
            self.freed.sort_unstable_by_key(|agent| agents[*agent as usize].label);
            self.freed.dedup();
        }
        for place in 0..self.freed.len() {
            while self.take_one(self.freed[place]) {}
        }
        self.freed.clear();
    }

    /// Offers a queued conversation to the best of those who may take it, if anybody may.
    fn who_gets(&mut self, slot: u32) {
        let mut groups = std::mem::take(&mut self.scratch.groups);
        groups.clear();
        let candidates = self.candidates(slot, |group| groups.push(group));
        if candidates == 0 {
            self.scratch.groups = groups;
            return;
        }
        let conversation = &self.book[slot];
        let mut frontiers = std::mem::take(&mut self.scratch.frontiers);
        let frontier = &mut frontiers[0];
        let best = match self.rules.queues[conversation.queue.at()].strategy {
            Strategy::BestSkill => {
                let class = &self.waiting.classes[conversation.class as usize];
                let skilled = |group: u32| -class.levels(self.staff.groups[group as usize].profile);
                let order = self.staff.order_of(Strategy::LongestIdle);
                best_head(order, &groups, skilled, self.who_fits(slot), frontier)
            }
            Strategy::RoundRobin => self.longest_without_offer(slot, &groups),
            strategy => {
                let order = self.staff.order_of(strategy);
                best_head(order, &groups, |_| 0, self.who_fits(slot), frontier)
            }
        };
        (self.scratch.groups, self.scratch.frontiers) = (groups, frontiers);
        self.offer(slot, best.expect("somebody was counted"), candidates);
    }

    /// Whether an agent is not excluded from a conversation.
    fn who_fits(&self, slot: u32) -> impl Fn(u32) -> bool {
        let (conversation, any) = (&self.book[slot], self.exclusions.any(slot));
        move |agent| !any || !self.exclusions.excludes(conversation, agent, self.clock)
    }

    /// Tells the groups whose agents may take a conversation, exclusions apart, and counts their agents, excluded
    /// ones left out, up to 1,000.
    fn candidates(&self, slot: u32, mut tell: impl FnMut(u32)) -> u32 {
        let conversation = &self.book[slot];
        let class = &self.waiting.classes[conversation.class as usize];
        let delays = !self.waiting.lines[conversation.queue.at()].delays.is_empty();
        let waited = self.clock.since(conversation.queued);
        let roomy = &self.staff.roomy[conversation.channel.at()];
        let may = |group: u32| {
            let serves = || self.staff.profile_in(group).serves(conversation.queue);
            !delays || serves().is_some_and(|serves| waited >= serves.delay)
        };
        let mut count = 0;
        let words = class.groups.words().iter().zip(self.staff.staffed.words()).zip(roomy.words());
        for (word, ((fitting, staffed), roomy)) in words.enumerate() {
            let mut bits = fitting & staffed & roomy;
            while bits != 0 {
                let group = word as u32 * 64 + bits.trailing_zeros();
                bits &= bits - 1;
                if may(group) {
                    tell(group);
                    count += self.staff.groups[group as usize].size;
                }
            }
        }
        for (agent, until) in self.exclusions.of(conversation) {
            let group = self.staff.agents[*agent as usize].group;
            let counted = class.groups.get(group) && roomy.get(group) && may(group);
            count -= u32::from(counted && self.clock < *until);
        }
        count.min(CANDIDATES_MAX)
    }

    /// Of some groups, the agent longest without an offer from the conversation's queue: looks at each.
    fn longest_without_offer(&self, slot: u32, groups: &[u32]) -> Option<u32> {
        let queue = self.book[slot].queue;
        let fits = self.who_fits(slot);
        let order = self.staff.order_of(Strategy::LongestIdle);
        let mut best: Option<(OrderKey, u32)> = None;
        for (key, number) in groups.iter().flat_map(|group| order.members(*group)) {
            let key = OrderKey { merit: self.staff.last_offer(queue, number).0, ..*key };
            if best.is_none_or(|(least, _)| key < least) && fits(number) {
                best = Some((key, number));
            }
        }
        best.map(|(_, agent)| agent)
    }

    /// The agent takes the best of what it may take; whether there was anything.
    fn take_one(&mut self, agent: u32) -> bool {
        let Some(slot) = self.best_for(agent) else { return false };
        self.book.prefetch_slot(slot, true);
        let candidates = self.candidates(slot, |_| ());
        assert!(candidates > 0, "who takes a conversation is one of its candidates");
        self.offer(slot, agent, candidates);
        true
    }

    /// What an agent takes: its lowest queue rank, then highest priority, then earliest arrived, then id.
    fn best_for(&mut self, number: u32) -> Option<u32> {
        let agent = &self.staff.agents[number as usize];
        let group = self.staff.groups.get(agent.group as usize)?;
        let mut best: Option<(u32, Found)> = None;
        let mut frontiers = std::mem::take(&mut self.scratch.frontiers);
        for served in &self.waiting.served[group.profile as usize] {
            let Serves { rank, queue, .. } = served.serves;
            if best.is_some_and(|(least, _)| least < rank) {
                break;
            }
            if !self.waiting.is_occupied(queue) {
                continue;
            }
            let line = &self.waiting.lines[queue.at()];
            for (segment, front) in line.fronts.iter().enumerate() {
                let Some((first, _)) = front.heads.peek() else { continue };
                let bound = priority_at(*first, front.slope, self.clock);
                if best.is_some_and(|(_, best)| bound < best.priority) {
                    continue;
                }
                let head = self.best_of(line, segment, served, group.room, number, &mut frontiers);
                let found = head.map(|Head { key, slot }| Found {
                    slot,
                    key,
                    priority: priority_at(key, front.slope, self.clock),
                });
                if let Some(found) = found
                    && best.is_none_or(|(_, best)| found.goes_before(&best))
                {
                    best = Some((rank, found));
                }
            }
        }
        self.scratch.frontiers = frontiers;
        best.map(|(_, found)| found.slot)
    }

    /// The best of a queue's segment that an agent may take: the classes are asked in the order of their heads until
    /// the head of one is for this agent. Of a class whose head is not, though the class is, the best behind it counts.
    fn best_of(
        &self,
        line: &Line,
        segment: usize,
        served: &Served,
        room: u16,
        number: u32,
        [outer, inner]: &mut [Vec<u32>; 2],
    ) -> Option<Head> {
        let delay = served.serves.delay;
        let may_take = |slot: u32| {
            let waits = delay > DurationMs::ZERO || self.exclusions.any(slot);
            !waits || {
                let conversation = &self.book[slot];
                self.clock.since(conversation.queued) >= delay
                    && !self.exclusions.excludes(conversation, number, self.clock)
            }
        };
        let mut best: Option<Head> = None;
        line.fronts[segment].heads.best_where(
            |place| {
                if !served.fits(place) || room >> line.channels[place as usize].0 & 1 == 0 {
                    return false;
                }
                let class = line.classes[place as usize];
                let head = self.waiting.first(class, segment);
                let is_for_it = may_take(head.slot);
                let found = if is_for_it {
                    Some(head)
                } else {
                    self.waiting.best_where(class, segment, may_take, inner)
                };
                if let Some(found) = found
                    && best.is_none_or(|best| found.key < best.key)
                {
                    best = Some(found);
                }
                is_for_it
            },
            outer,
        );
        best
    }

    /// Offers a queued conversation to an agent who may take it, or gives it straight away.
    fn offer(&mut self, slot: u32, number: u32, candidates: u32) {
        let clock = self.clock;
        self.staff.prefetch(number, false);
        let conversation = &mut self.book[slot];
        let queue = &self.rules.queues[conversation.queue.at()];
        let (auto, round_robin) = (queue.auto_accept, queue.strategy == Strategy::RoundRobin);
        let slope = queue.curve.segments[conversation.segment as usize].slope;
        let priority = points_shown(priority_at(self.waiting.key(slot, conversation), slope, clock));
        self.waiting.leave(slot, conversation);
        conversation.agent = number;
        conversation.offers += 1;
        let (channel, of) = (conversation.channel, conversation.queue);
        if auto {
            self.note_offer(slot, number, AcceptMode::Auto, priority, candidates, None);
        } else {
            let expires = self.now.map_or(clock, |now| now.max(clock)).plus(queue.offer_timeout);
            conversation.state = State::Offered;
            conversation.turn = expires;
            self.note_offer(slot, number, AcceptMode::Offer, priority, candidates, Some(expires));
        }
        self.staff.load(number, channel);
        self.staff.agents[number as usize].holds.push(slot);
        if round_robin {
            self.staff.offered_at(of, number, clock);
        }
        if auto {
            self.accept(slot);
        } else {
            self.settle(number, Moved::Load);
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
        let attempts =
            &self.attempts.get(conversation.context.attempts)[..conversation.context.attempt_count as usize];
        let start = self.batch.attempts.len() as u32;
        self.batch.attempts.extend_from_slice(attempts);
        let last_agent = match conversation.context.last_agent {
            NONE => Default::default(),
            name => self.batch.text(self.last_agents.get(name)),
        };
        let agent = self.batch.text(self.staff.names.get(number));
        let offered = Offered {
            agent,
            priority,
            value: conversation.context.value,
            waited: self.clock.since(conversation.arrived),
            accept,
            expires,
            due,
            strategy: self.rules.queues[conversation.queue.at()].strategy.word(),
            rank: serves.rank,
            relaxed: 0,
            affinity: None,
            candidates,
            first_contact: conversation.context.first_contact,
            failed_attempts: conversation.context.failed_attempts,
            attempts: List { start, len: conversation.context.attempt_count },
            last_agent,
            kinds: conversation.context.kinds,
            message: conversation.context.message,
        };
        self.decide(slot, Body::Offered(offered));
    }
}

impl Found {
    /// Highest priority first, then earliest arrived, then id.
    #[inline]
    fn goes_before(&self, other: &Found) -> bool {
        if self.priority != other.priority {
            return self.priority > other.priority;
        }
        (self.key.arrived, self.key.id) < (other.key.arrived, other.key.id)
    }
}

/// Of some groups, those with the least merit, and of them the agent who is first in an order and for whom `fits` holds.
fn best_head(
    order: &AgentOrder,
    groups: &[u32],
    merit: impl Fn(u32) -> i64,
    fits: impl Fn(u32) -> bool,
    frontier: &mut Vec<u32>,
) -> Option<u32> {
    let mut best: Option<(i64, Foremost)> = None;
    for group in groups {
        let merit = merit(*group);
        if best.is_some_and(|(least, _)| merit > least) {
            continue;
        }
        let mut head = *order.head(*group);
        if !fits(head.agent) {
            let Some(other) = order.best_where(*group, &fits, frontier) else { continue };
            head = other;
        }
        if best.is_none_or(|(least, best)| merit < least || head.key < best.key) {
            best = Some((merit, head));
        }
    }
    best.map(|(_, head)| head.agent)
}
