//! Agents of a group in order: for each strategy that a queue of the division asks for, one heap a group, and the first
//! of each heap once more, side by side, because that is what everybody looks at.

use borsh::{BorshDeserialize, BorshSerialize};
use std::cmp::Ordering;

use crate::collections::heap::{Heap, Positions};
use crate::rules::Strategy;
use crate::types::Millis;

use super::conversation::NONE;
use super::staff::Agent;

/// Order among the agents of a group: what the strategy compares, then longest idle, then name.
#[derive(Copy, Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub struct OrderKey {
    /// What the strategy compares, the least first.
    pub merit: i64,
    /// Start of the longest idle.
    pub idle_since: Millis,
    /// Ascends as names do.
    pub label: u64,
}

impl Ord for OrderKey {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_merit = self.merit.cmp(&other.merit);
        by_merit.then(self.idle_since.cmp(&other.idle_since)).then(self.label.cmp(&other.label))
    }
}

impl PartialOrd for OrderKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }

    #[inline]
    fn lt(&self, other: &Self) -> bool {
        if self.merit != other.merit {
            return self.merit < other.merit;
        }
        if self.idle_since != other.idle_since {
            return self.idle_since < other.idle_since;
        }
        self.label < other.label
    }

    #[inline]
    fn le(&self, other: &Self) -> bool {
        !other.lt(self)
    }

    #[inline]
    fn gt(&self, other: &Self) -> bool {
        other.lt(self)
    }

    #[inline]
    fn ge(&self, other: &Self) -> bool {
        !self.lt(other)
    }
}

/// The first of a group in an order.
#[derive(Copy, Clone, Debug, BorshSerialize, BorshDeserialize)]
pub struct Foremost {
    /// Its key.
    pub key: OrderKey,
    /// Its number; `NONE`: the group is empty.
    pub agent: u32,
    /// How many stand behind it.
    behind: u32,
}

impl Foremost {
    /// How many are in the group.
    #[inline]
    pub fn size(&self) -> u32 {
        if self.agent == NONE { 0 } else { self.behind + 1 }
    }
}

const NOBODY: Foremost =
    Foremost { key: OrderKey { merit: 0, idle_since: Millis(0), label: 0 }, agent: NONE, behind: 0 };

/// One order of all groups.
#[derive(Debug, BorshSerialize, BorshDeserialize)]
pub struct AgentOrder {
    strategy: Strategy,
    /// By group.
    heads: Vec<Foremost>,
    /// By group: those behind the first. Where definitions differ from agent to agent most groups have one agent, and
    /// its place in `heads` is all that is looked at.
    heaps: Vec<Heap<OrderKey>>,
    /// Places in these.
    positions: Positions,
}

/// What of an agent has changed, if it stays in its group.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Moved {
    /// Its load.
    Load,
    /// Anything.
    All,
}

impl AgentOrder {
    /// The order of a strategy; nobody yet.
    pub fn new(strategy: Strategy) -> AgentOrder {
        AgentOrder { strategy, positions: Positions::default(), heaps: Vec::new(), heads: Vec::new() }
    }

    /// Whose order it is.
    pub fn strategy(&self) -> Strategy {
        self.strategy
    }

    /// One more group.
    pub fn add_group(&mut self) {
        self.heaps.push(Heap::default());
        self.heads.push(NOBODY);
    }

    /// There are so many agents now.
    pub fn grow(&mut self, agents: u32) {
        self.positions.grow(agents);
    }

    /// An agent comes into a group.
    pub fn enter(&mut self, group: u32, number: u32, agent: &Agent) {
        let key = agent.key(self.strategy);
        let head = &mut self.heads[group as usize];
        if head.agent == NONE {
            *head = Foremost { key, agent: number, behind: 0 };
            return;
        }
        head.behind += 1;
        self.heaps[group as usize].push(&mut self.positions, key, number);
        self.correct_head(group);
    }

    /// An agent leaves a group.
    pub fn leave(&mut self, group: u32, number: u32) {
        let head = &mut self.heads[group as usize];
        if head.behind == 0 {
            assert!(head.agent == number, "an agent stands in its group's order");
            *head = NOBODY;
            return;
        }
        let behind = head.behind - 1;
        let heap = &mut self.heaps[group as usize];
        if head.agent == number {
            let (key, agent) = heap.pop(&mut self.positions).expect("somebody stands behind");
            *head = Foremost { key, agent, behind };
        } else {
            head.behind = behind;
            let key = heap.remove(&mut self.positions, number);
            assert!(key.is_some(), "an agent stands in its group's order");
        }
    }

    /// An agent takes its place in its group anew, if what has changed can move it.
    pub fn reorder(&mut self, group: u32, number: u32, agent: &Agent, moved: Moved) {
        let by_load = matches!(self.strategy, Strategy::LeastBusy | Strategy::MostSpare);
        if moved != Moved::All && !by_load {
            return;
        }
        let key = agent.key(self.strategy);
        let head = &mut self.heads[group as usize];
        if head.agent == number {
            if head.key == key {
                return;
            }
            head.key = key;
        } else {
            self.heaps[group as usize].change(&mut self.positions, key, number);
        }
        self.correct_head(group);
    }

    /// The first of a group.
    #[inline]
    pub fn head(&self, group: u32) -> &Foremost {
        &self.heads[group as usize]
    }

    /// All of a group, in no particular order.
    pub fn members(&self, group: u32) -> impl Iterator<Item = (&OrderKey, u32)> {
        let Foremost { key, agent, behind } = &self.heads[group as usize];
        let heap = (*behind > 0).then(|| self.heaps[group as usize].members());
        let first = (*agent != NONE).then_some((key, *agent));
        first.into_iter().chain(heap.into_iter().flatten())
    }

    /// The first of a group for whom `fits` holds.
    pub fn best_where(
        &self,
        group: u32,
        fits: impl Fn(u32) -> bool,
        frontier: &mut Vec<u32>,
    ) -> Option<Foremost> {
        let head = self.heads[group as usize];
        if head.agent == NONE || fits(head.agent) {
            return Some(head).filter(|head| head.agent != NONE);
        }
        let heap = &self.heaps[group as usize];
        let agent = heap.best_where(|_, agent| fits(agent), frontier)?;
        heap.key(&self.positions, agent).map(|key| Foremost { key: *key, agent, behind: 0 })
    }

    /// The first of a group and the first of those behind it change places if they stand the wrong way round.
    fn correct_head(&mut self, group: u32) {
        let head = &mut self.heads[group as usize];
        if head.behind == 0 {
            return;
        }
        let heap = &mut self.heaps[group as usize];
        let (key, agent) = heap.peek().map(|(key, agent)| (*key, agent)).expect("somebody stands behind");
        if key < head.key {
            heap.pop(&mut self.positions);
            heap.push(&mut self.positions, head.key, head.agent);
            (head.key, head.agent) = (key, agent);
        }
    }
}
