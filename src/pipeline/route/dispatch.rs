//! Which queue a free agent serves where priority does not say it: costs of waiting (`gcmu`) or a share of all that waits
//! (`ratio`), after Gurvich and Whitt (2009), each with a share of the offers that no queue falls below.

use crate::rules::{Dispatch, Renumbering, Rules};
use crate::types::{DivisionId, QueueId};
use borsh::{BorshDeserialize, BorshSerialize};

use super::Division;

/// At so many offers all counts are halved: shares are of the recent past.
const SERVED_MAX: u64 = 1_000;

/// Offers by queue of all divisions, and their sum.
#[derive(Debug, Default, BorshSerialize, BorshDeserialize)]
pub(super) struct Served {
    by_queue: Vec<u64>,
    sum: u64,
    /// Sum of the ratios of the division's queues.
    ratios: i128,
}

impl Served {
    /// None yet.
    pub(super) fn new(rules: &Rules, division: DivisionId) -> Served {
        Served { by_queue: vec![0; rules.queues.len()], sum: 0, ratios: ratios(rules, division) }
    }

    /// Queues have other numbers; offers from those that are gone count no more.
    pub(super) fn carry(&mut self, rules: &Rules, division: DivisionId, numbers: &Renumbering) {
        let before = std::mem::take(&mut self.by_queue);
        let all: u64 = before.iter().sum();
        self.by_queue = numbers.carry_queues(before, rules.queues.len(), || 0);
        self.sum -= all - self.by_queue.iter().sum::<u64>();
        self.ratios = ratios(rules, division);
    }

    /// Counts an offer.
    pub(super) fn count(&mut self, queue: QueueId) {
        self.by_queue[queue.at()] += 1;
        self.sum += 1;
        if self.sum == SERVED_MAX {
            self.by_queue.iter_mut().for_each(|count| *count /= 2);
            self.sum /= 2;
        }
    }
}

fn ratios(rules: &Rules, division: DivisionId) -> i128 {
    let queues = rules.divisions[division.at()].queues.iter();
    queues.map(|queue| i128::from(rules.queues[queue.at()].dispatch.ratio)).sum()
}

impl Division {
    /// The place among these heads (queue and slot) of the one that the agent takes. A queue that got less than its share
    /// of the offers comes first, the one that lacks most; ties go to the queue with the smaller name.
    pub(super) fn queue_to_serve(&self, heads: &[(QueueId, u32)]) -> usize {
        let rules = |queue: QueueId| self.rules.queues[queue.at()].dispatch;
        let lacks = |queue: QueueId| {
            i128::from(rules(queue).share) * i128::from(self.served.sum)
                - 100 * i128::from(self.served.by_queue[queue.at()])
        };
        let places = || heads.iter().enumerate();
        let behind = places().filter(|(_, (queue, _))| lacks(*queue) > 0);
        if let Some((place, _)) = behind.min_by_key(|(_, (queue, _))| (-lacks(*queue), *queue)) {
            return place;
        }
        let best = match self.rules.divisions[self.id.at()].dispatch {
            Dispatch::Ratio => places().min_by_key(|(_, (queue, _))| (-self.excess(*queue), *queue)),
            Dispatch::Gcmu | Dispatch::Priority => places().min_by(|(_, a), (_, b)| {
                let ((cost_a, time_a), (cost_b, time_b)) = (self.cost(**a), self.cost(**b));
                (cost_b * time_a).cmp(&(cost_a * time_b)).then(a.0.cmp(&b.0))
            }),
        };
        best.expect("there is a head").0
    }

    /// `2 c w µ` of quadratic costs without the 2, as numerator and denominator: the cost of waiting times how long the
    /// head of the queue has waited, over the time that it takes an agent.
    fn cost(&self, (queue, slot): (QueueId, u32)) -> (i128, i128) {
        let rules = self.rules.queues[queue.at()].dispatch;
        let waited = self.clock.since(self.book[slot].arrived).0.max(0);
        (i128::from(rules.cost) * i128::from(waited), i128::from(rules.handle.0))
    }

    /// `Q_k − p_k ΣQ`, times the sum of all ratios of the division.
    fn excess(&self, queue: QueueId) -> i128 {
        let ratio = i128::from(self.rules.queues[queue.at()].dispatch.ratio);
        let waiting = i128::from(self.waiting.lines[queue.at()].waiting);
        waiting * self.served.ratios - ratio * i128::from(self.waiting.all)
    }
}
