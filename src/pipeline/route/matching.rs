//! Matching, in both directions: who gets a conversation, and what an agent takes.
//!
//! `may_take` is never asked pair by pair. What does not change with time is in bit sets (profiles that fit a class,
//! profiles with room for a channel); what does (delays, exclusions) is tested where a head
//! is looked at.

use crate::rules::{Dispatch, StepAction, Strategy};
use crate::types::{Cause, QueueId};

use super::line::{Served, THROUGH_A_STEP, Top};
use super::orders::{AgentOrder, Foremost, OrderKey};
use super::profile::{Profile, Serves};
use super::wait_key::WaitKey;
use super::waiting::{Head, priority_at, priority_of};
use super::{Division, NONE};

/// Candidates are counted up to this.
const CANDIDATES_MAX: u32 = 1_000;

/// Of more conversations that became takeable at once, as by a change of rules, it costs less to ask every agent than to
/// look for those who could take one of them.
const FEW_TAKEABLE: usize = 16;

/// Buffers that are used again and again.
#[derive(Default, Debug)]
pub struct Scratch {
    pub(super) skills: Vec<(u64, u8)>,
    pub(super) profile: Profile,
    pub(super) offers: Vec<u32>,
    pub(super) waiting: Vec<u32>,
    heads: Vec<(QueueId, u32)>,
    found: Vec<(QueueId, Found)>,
    frontiers: [Vec<u32>; 2],
    groups: Vec<Able>,
    bounds: Vec<Bound>,
}

/// A group whose agents may take a conversation.
#[derive(Copy, Clone, Debug)]
pub(super) struct Able {
    /// Its number.
    group: u32,
    /// Its profile's place among the profiles of the conversation's class.
    place: u32,
}

/// What the best of a queue's segment could be.
#[derive(Copy, Clone, Debug)]
struct Bound {
    priority: i64,
    /// Place of the queue among those that the profile serves.
    place: u32,
    /// Which of all fronts.
    front: u32,
}

/// What an agent found to take.
#[derive(Copy, Clone, Debug)]
pub(super) struct Found {
    slot: u32,
    key: WaitKey,
    priority: i64,
}

impl Division {
    /// After an event or a timer: one conversation that became takeable asks first who gets it, then the agents who
    /// became freer take; if several became takeable, every agent takes.
    pub(super) fn match_up(&mut self) {
        if self.takeable.is_empty() && self.freed.is_empty() {
            self.waiting.seat();
            self.staff.seat();
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
        self.waiting.seat();
        let several = takeable.len() > 1;
        let by_event = matches!(self.unit.cause, Cause::Event(_)) && takeable.len() <= FEW_TAKEABLE;
        if several && by_event {
            self.all_take(&takeable);
        } else if several {
            self.staff.takers(&mut self.freed);
        } else if self.freed.len() > 1 {
            let agents = &self.staff.agents;
            self.freed.sort_unstable_by_key(|agent| agents[*agent as usize].label);
            self.freed.dedup();
        }
        takeable.clear();
        self.takeable = takeable;
        for place in 0..self.freed.len() {
            while self.take_one(self.freed[place]) {}
        }
        self.freed.clear();
        self.staff.seat();
    }

    /// Every agent takes, in the order of names, because an event made several conversations takeable. Nothing was left to
    /// take before it, so whoever is neither freer nor able to take one of these is passed over: of a hundred thousand
    /// idle agents as many are asked as there is something to take for.
    fn all_take(&mut self, takeable: &[u32]) {
        let mut after = None;
        loop {
            self.staff.seat();
            let mut next: Option<(u64, u32)> = None;
            let mut ask = |label: u64, agent: u32| {
                let is_later = after.is_none_or(|after| after < label);
                if is_later && next.is_none_or(|(least, _)| label < least) {
                    next = Some((label, agent));
                }
            };
            self.freed.iter().for_each(|agent| ask(self.staff.agents[*agent as usize].label, *agent));
            for slot in takeable.iter().filter(|slot| self.book[**slot].class != NONE) {
                let strategy = self.rules.queues[self.book[*slot].queue.at()].strategy;
                let order = self.staff.order_of(strategy);
                self.candidates(*slot, |able| {
                    order.members(able.group).for_each(|(key, agent)| ask(key.label, agent));
                });
            }
            let Some((label, agent)) = next else { break };
            after = Some(label);
            while self.take_one(agent) {}
        }
        self.freed.clear();
    }

    /// Offers a queued conversation to the best of those who may take it, if anybody may.
    fn who_gets(&mut self, slot: u32) {
        self.staff.seat();
        let mut groups = std::mem::take(&mut self.scratch.groups);
        groups.clear();
        let candidates = self.candidates(slot, |able| groups.push(able));
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
                let skilled = |place: u32| -class.levels(place as usize);
                let order = self.staff.order_of(Strategy::LongestIdle);
                best_head(order, &groups, skilled, self.who_fits(slot), frontier)
            }
            Strategy::RoundRobin => self.longest_without_offer(slot, &groups, frontier),
            strategy => {
                let order = self.staff.order_of(strategy);
                best_head(order, &groups, |_| 0, self.who_fits(slot), frontier)
            }
        };
        (self.scratch.groups, self.scratch.frontiers) = (groups, frontiers);
        self.offer(slot, best.expect("somebody was counted"), candidates);
    }

    /// Whether an agent is not excluded from a conversation, which waits for nobody else.
    fn who_fits(&self, slot: u32) -> impl Fn(u32) -> bool {
        let (conversation, any) = (&self.book[slot], self.exclusions.any(slot));
        let waits_for = self.waits_for(slot);
        move |agent| {
            waits_for.is_none_or(|wanted| wanted == agent)
                && (!any || !self.exclusions.excludes(conversation, agent, self.clock))
        }
    }

    /// Whether a conversation waits for an opening.
    pub(super) fn is_shut(&self, slot: u32) -> bool {
        self.extras.holds_back(slot)
            && self.extras.of(&self.book[slot]).is_some_and(|extra| extra.opening > self.clock)
    }

    /// The lowest rank by which agents of a profile serve a queued conversation, delays considered. `way`: how they do.
    pub(super) fn rank_of_profile(&self, profile: u32, way: u16, slot: u32) -> Option<u32> {
        let conversation = &self.book[slot];
        let waited = self.clock.since(conversation.queued);
        if way != THROUGH_A_STEP {
            let way = self.waiting.lines[conversation.queue.at()].ways[usize::from(way)];
            return (way.delay <= waited).then_some(way.rank);
        }
        let profile = &self.staff.profiles[profile as usize];
        let steps = &self.rules.queues[conversation.queue.at()].steps;
        let added =
            steps.iter().take_while(|step| step.after <= waited).filter_map(|step| match step.action {
                StepAction::Add(queue) => profile.serves(queue),
                _ => None,
            });
        added.filter(|serves| serves.delay <= waited).map(|serves| serves.rank).min()
    }

    /// Priority of a queued conversation now, in units of 2⁻³² point.
    pub(super) fn priority(&self, slot: u32) -> i64 {
        let conversation = &self.book[slot];
        let curve = &self.rules.queues[conversation.queue.at()].curve;
        let slope = curve.segments[conversation.segment as usize].slope;
        priority_at(self.waiting.key(slot, conversation), slope, self.clock)
    }

    /// The same of one that is not queued.
    pub(super) fn priority_of_one_that_does_not_wait(&self, slot: u32) -> i64 {
        let conversation = &self.book[slot];
        let raised = self.waiting.raised(conversation.queue, self.steps_passed(slot));
        priority_of(conversation, &self.rules.queues[conversation.queue.at()].curve, raised, self.clock)
    }

    /// Tells the groups whose agents may take a conversation, exclusions apart, and counts their agents, excluded
    /// ones left out, up to 1,000. Who stands in no order yet is counted and not told.
    pub(super) fn candidates(&self, slot: u32, mut tell: impl FnMut(Able)) -> u32 {
        let conversation = &self.book[slot];
        let class = &self.waiting.classes[conversation.class as usize];
        if self.is_shut(slot) {
            return 0;
        }
        let delays = !self.waiting.lines[conversation.queue.at()].delays.is_empty();
        let roomy = &self.staff.seats.roomy(conversation.channel);
        // Heads say how many stand behind them; whoever is told of a group looks at its head next.
        let order = self.staff.order_of(self.rules.queues[conversation.queue.at()].strategy);
        let may = |profile: u32, place: usize| {
            !delays || self.rank_of_profile(profile, class.way(place), slot).is_some()
        };
        let channel = conversation.channel.0;
        // The place among the class's profiles of that of a group whose agents may, if they may.
        let able = |group: u32| {
            let group =
                self.staff.groups.get(group as usize).filter(|group| group.room >> channel & 1 == 1)?;
            class.profiles.place(group.profile).filter(|place| may(group.profile, *place))
        };
        if let Some(agent) = self.waits_for(slot) {
            let group = self.staff.agents[agent as usize].group;
            let place = able(group).filter(|_| !self.exclusions.excludes(conversation, agent, self.clock));
            if let Some(place) = place {
                tell(Able { group, place: place as u32 });
            }
            return u32::from(place.is_some());
        }
        let mut count = 0;
        let roomy = roomy.words();
        for word in class.profiles.words() {
            let Some(roomy) = roomy.get(word.at as usize) else { break };
            let mut bits = word.bits & roomy;
            while bits != 0 {
                let bit = bits.trailing_zeros();
                let (profile, place) = (word.at * 64 + bit, word.place(bit));
                bits &= bits - 1;
                if !may(profile, place) {
                    continue;
                }
                for seat in self.staff.seats.of(profile).iter().filter(|seat| seat.room >> channel & 1 == 1) {
                    tell(Able { group: seat.group, place: place as u32 });
                    count += order.head(seat.group).size();
                }
            }
        }
        if let Some(agent) = self.staff.newcomer {
            count += u32::from(able(self.staff.agents[agent as usize].group).is_some());
        }
        for (agent, until) in self.exclusions.of(conversation) {
            let counted = able(self.staff.agents[*agent as usize].group).is_some();
            count -= u32::from(counted && self.clock < *until);
        }
        count.min(CANDIDATES_MAX)
    }

    /// Of some groups, the agent longest without an offer from the conversation's queue.
    fn longest_without_offer(&self, slot: u32, groups: &[Able], frontier: &mut Vec<u32>) -> Option<u32> {
        let queue = self.book[slot].queue;
        let fits = self.who_fits(slot);
        let mut best: Option<(OrderKey, u32)> = None;
        for Able { group, .. } in groups {
            let profile = self.staff.groups[*group as usize].profile;
            let heap = self.staff.turns.of(queue, *group, profile);
            let heap = heap.expect("who may take something from a queue has a turn in it");
            heap.best_where(
                |key, agent| {
                    let is_behind = best.is_some_and(|(least, _)| *key >= least);
                    let is_next = !is_behind && fits(agent);
                    if is_next {
                        best = Some((*key, agent));
                    }
                    is_behind || is_next
                },
                frontier,
            );
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

    /// Of what the agent may take: its lowest rank, then what the division's `dispatch` says.
    fn best_for(&mut self, number: u32) -> Option<u32> {
        match self.rules.divisions[self.id.at()].dispatch {
            Dispatch::Priority => self.best_by_priority(number),
            Dispatch::Gcmu | Dispatch::Ratio => self.best_by_queue(number),
        }
    }

    /// The first of the queue that is to be served, among those of the lowest rank in which the agent may take something.
    fn best_by_queue(&mut self, number: u32) -> Option<u32> {
        let agent = &self.staff.agents[number as usize];
        let group = self.staff.groups.get(agent.group as usize)?;
        let mut frontiers = std::mem::take(&mut self.scratch.frontiers);
        let mut found = std::mem::take(&mut self.scratch.found);
        found.clear();
        let mut least = None;
        for served in &self.waiting.served[group.profile as usize] {
            let Serves { rank, queue, .. } = served.serves;
            if least.is_some_and(|least| least < rank) {
                break;
            }
            let top = &self.waiting.tops[queue.at()];
            for front in top.front..top.front + top.segments {
                let head = self.best_of(top, front, served, group.room, number, &mut frontiers);
                let Some(first) = head else { continue };
                least = Some(rank);
                match found.iter_mut().find(|(known, _)| *known == queue) {
                    Some((_, best)) if first.goes_before(best) => *best = first,
                    Some(_) => {}
                    None => found.push((queue, first)),
                }
            }
        }
        let mut heads = std::mem::take(&mut self.scratch.heads);
        heads.clear();
        heads.extend(found.iter().map(|(queue, first)| (*queue, first.slot)));
        let slot = (!heads.is_empty()).then(|| heads[self.queue_to_serve(&heads)].1);
        (self.scratch.frontiers, self.scratch.found, self.scratch.heads) = (frontiers, found, heads);
        slot
    }

    /// What an agent takes by priority: its lowest queue rank, then highest priority, then earliest arrived, then id. Of one
    /// rank the fronts are asked in the order of what the best of each could be.
    fn best_by_priority(&mut self, number: u32) -> Option<u32> {
        let agent = &self.staff.agents[number as usize];
        let group = self.staff.groups.get(agent.group as usize)?;
        let (mut frontiers, mut bounds) =
            (std::mem::take(&mut self.scratch.frontiers), std::mem::take(&mut self.scratch.bounds));
        let served = &self.waiting.served[group.profile as usize];
        let mut best: Option<Found> = None;
        let mut place = 0;
        while place < served.len() && best.is_none() {
            bounds.clear();
            let rank = served[place].serves.rank;
            while let Some(next) = served.get(place).filter(|next| next.serves.rank == rank) {
                self.add_bounds(next, place, &mut bounds);
                place += 1;
            }
            bounds
                .sort_unstable_by_key(|bound| (std::cmp::Reverse(bound.priority), bound.front, bound.place));
            for (next, bound) in bounds.iter().enumerate() {
                if best.is_some_and(|best| bound.priority < best.priority) {
                    break;
                }
                if let Some(next) = bounds.get(next + 1) {
                    self.waiting.prefetch_front(next.front);
                }
                let served = &served[bound.place as usize];
                let top = &self.waiting.tops[served.serves.queue.at()];
                let found = self.best_of(top, bound.front, served, group.room, number, &mut frontiers);
                if let Some(found) = found
                    && best.is_none_or(|best| found.goes_before(&best))
                {
                    best = Some(found);
                }
            }
        }
        (self.scratch.frontiers, self.scratch.bounds) = (frontiers, bounds);
        best.map(|found| found.slot)
    }

    /// What the best of each segment of a queue could be.
    fn add_bounds(&self, served: &Served, place: usize, bounds: &mut Vec<Bound>) {
        let top = &self.waiting.tops[served.serves.queue.at()];
        if !top.is_occupied() {
            return;
        }
        for segment in 0..top.segments {
            if let Some(priority) = self.waiting.bound(top, segment, self.clock) {
                bounds.push(Bound { priority, place: place as u32, front: top.front + segment });
            }
        }
    }

    /// The best of a queue's segment that an agent may take: the classes are asked in the order of their heads until
    /// the head of one is for this agent. Of a class whose head is not, though the class is, the best behind it counts.
    fn best_of(
        &self,
        top: &Top,
        number_of_front: u32,
        served: &Served,
        room: u16,
        number: u32,
        [outer, inner]: &mut [Vec<u32>; 2],
    ) -> Option<Found> {
        let Serves { delay, queue, .. } = served.serves;
        let front = &self.waiting.fronts[number_of_front as usize];
        // What is too young is told by its key; records are looked at of what is held back from somebody.
        let may_take = |key: &WaitKey, slot: u32| {
            self.clock.since(key.queued) >= delay
                && (!(self.exclusions.any(slot) || self.extras.holds_back(slot)) || {
                    !self.exclusions.excludes(&self.book[slot], number, self.clock)
                        && !self.is_shut(slot)
                        && self.waits_for(slot).is_none_or(|wanted| wanted == number)
                })
        };
        let mut best: Option<(WaitKey, u32)> = None;
        front.heads.best_where(
            |head, place| {
                if !served.fits(place) || room >> head.channel.0 & 1 == 0 {
                    return false;
                }
                let is_for_it = may_take(&head.key, head.slot);
                let found = if is_for_it {
                    Some((head.key, head.slot))
                } else {
                    let class = self.waiting.lines[queue.at()].classes[place as usize];
                    let segment = (number_of_front - top.front) as usize;
                    let behind = self.waiting.best_where(class, segment, may_take, inner);
                    behind.map(|Head { key, slot }| (key, slot))
                };
                if let Some(found) = found
                    && best.is_none_or(|best| found.0 < best.0)
                {
                    best = Some(found);
                }
                is_for_it
            },
            outer,
        );
        best.map(|(key, slot)| Found { slot, key, priority: priority_at(key, front.slope, self.clock) })
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
    groups: &[Able],
    merit: impl Fn(u32) -> i64,
    fits: impl Fn(u32) -> bool,
    frontier: &mut Vec<u32>,
) -> Option<u32> {
    let mut best: Option<(i64, Foremost)> = None;
    for Able { group, place } in groups {
        let merit = merit(*place);
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
