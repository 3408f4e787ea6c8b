//! Round robin: for each queue that goes by it, the agents of each group in the order of their last offer from it. An agent
//! stands in one heap for each such queue that it could get something from; most serve none.

use crate::collections::heap::{Heap, Positions};
use crate::collections::pages::Pages;
use crate::rules::{Renumbering, Rules, StepAction, Strategy};
use crate::types::{Millis, QueueId};
use borsh::{BorshDeserialize, BorshSerialize};

use super::orders::OrderKey;
use super::profile::Profile;
use super::staff::Agent;

/// Who was offered something when, and who is next.
#[derive(Default, Debug, BorshSerialize, BorshDeserialize)]
pub struct Turns {
    /// By queue of all divisions: the queues that go round robin and are offered to its agents, by themselves or by a step.
    reached: Vec<Vec<QueueId>>,
    /// By profile: the queues that go round robin and that its agents may get something from, ascending.
    queues: Vec<Vec<QueueId>>,
    /// By group: the first of its heaps.
    first: Pages<u32>,
    /// Of each group one a queue, in the order of its profile's queues.
    heaps: Pages<Heap<OrderKey>>,
    /// By place among the queues of a profile: where agents stand in the heap of that place.
    positions: Vec<Positions>,
    /// By agent: the last offer of each queue that ever offered it something.
    last: Pages<Vec<(QueueId, Millis)>>,
}

impl Turns {
    /// Nobody yet.
    pub fn new(rules: &Rules) -> Turns {
        let mut reached = vec![Vec::new(); rules.queues.len()];
        for (at, queue) in rules.queues.iter().enumerate() {
            if queue.strategy != Strategy::RoundRobin {
                continue;
            }
            let id = QueueId(at as u16);
            reached[at].push(id);
            for step in &queue.steps {
                if let StepAction::Add(added) = step.action {
                    reached[added.at()].push(id);
                }
            }
        }
        Turns { reached, ..Turns::default() }
    }

    /// Of the turns under former rules: what was offered last from queues that went round robin and are still there.
    pub fn carry(&mut self, former: &Turns, before: &Rules, numbers: &Renumbering) {
        let goes_round = |queue: QueueId| before.queues[queue.at()].strategy == Strategy::RoundRobin;
        let carried = |(queue, at): &(QueueId, Millis)| {
            numbers.queue(*queue).filter(|_| goes_round(*queue)).map(|queue| (queue, *at))
        };
        former.last.iter().for_each(|last| {
            self.last.push(last.iter().filter_map(carried).collect());
        });
    }

    /// There are so many agents now.
    pub fn grow(&mut self, agents: u32) {
        self.last.grow(agents, Vec::new());
        self.positions.iter_mut().for_each(|positions| positions.grow(agents));
    }

    /// One more profile.
    pub fn add_profile(&mut self, profile: &Profile) {
        let reached = |queue: QueueId| self.reached[queue.at()].iter().copied();
        let mut queues: Vec<QueueId> = profile.queues.iter().flat_map(|own| reached(own.queue)).collect();
        queues.sort_unstable();
        queues.dedup();
        self.positions.resize_with(self.positions.len().max(queues.len()), Positions::default);
        self.queues.push(queues);
        self.grow(self.last.len());
    }

    /// One more group.
    pub fn add_group(&mut self, profile: u32) {
        self.first.push(self.heaps.len());
        for _ in &self.queues[profile as usize] {
            self.heaps.push(Heap::default());
        }
    }

    /// An agent comes into a group.
    pub fn enter(&mut self, group: u32, number: u32, agent: &Agent) {
        let first = self.first[group];
        for (place, queue) in (0..).zip(&self.queues[agent.profile as usize]) {
            let key = self.key(*queue, number, agent);
            self.heaps[first + place].push(&mut self.positions[place as usize], key, number);
        }
    }

    /// An agent leaves a group of this profile.
    pub fn leave(&mut self, group: u32, profile: u32, number: u32) {
        let first = self.first[group];
        for place in 0..self.queues[profile as usize].len() as u32 {
            let key = self.heaps[first + place].remove(&mut self.positions[place as usize], number);
            assert!(key.is_some(), "an agent stands in the orders of its group");
        }
    }

    /// An agent takes its places anew: since when it is idle, or its name's place, has changed.
    pub fn reorder(&mut self, group: u32, number: u32, agent: &Agent) {
        let first = self.first[group];
        for (place, queue) in (0..).zip(&self.queues[agent.profile as usize]) {
            let key = self.key(*queue, number, agent);
            let heap = &mut self.heaps[first + place];
            let positions = &mut self.positions[place as usize];
            if heap.key(positions, number) != Some(&key) {
                heap.change(positions, key, number);
            }
        }
    }

    /// An agent, whose `group` may be none, is offered something from a queue that goes round robin.
    pub fn offered(&mut self, queue: QueueId, number: u32, agent: &Agent, group: Option<u32>, clock: Millis) {
        let last = &mut self.last[number];
        match last.iter_mut().find(|(known, _)| *known == queue) {
            Some((_, at)) => *at = clock,
            None => last.push((queue, clock)),
        }
        let place = self.queues[agent.profile as usize].binary_search(&queue);
        if let (Some(group), Ok(place)) = (group, place) {
            let key = self.key(queue, number, agent);
            let heap = self.first[group] + place as u32;
            self.heaps[heap].change(&mut self.positions[place], key, number);
        }
    }

    /// The agents of a group of this profile in the order of their last offer from a queue; none if they can get nothing
    /// from it.
    pub fn of(&self, queue: QueueId, group: u32, profile: u32) -> Option<&Heap<OrderKey>> {
        let place = self.queues[profile as usize].binary_search(&queue).ok()?;
        Some(&self.heaps[self.first[group] + place as u32])
    }

    fn key(&self, queue: QueueId, number: u32, agent: &Agent) -> OrderKey {
        let all = self.last.get(number).into_iter().flatten();
        let last = all.into_iter().find(|(known, _)| *known == queue).map_or(Millis::MIN, |(_, at)| *at);
        OrderKey { merit: last.0, ..agent.key(Strategy::RoundRobin) }
    }
}
