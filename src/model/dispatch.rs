//! Which queue a free agent serves where priority does not say it: costs of waiting (`gcmu`) or a share of all that
//! waits (`ratio`), after Gurvich and Whitt (2009), each with a share of the offers that no queue falls below.

use std::collections::BTreeMap;

use super::division::{Division, Moment};
use crate::rules::Dispatch;
use crate::types::{ConversationId, QueueId};

/// At so many offers all counts are halved: shares are of the recent past.
const SERVED_MAX: u64 = 1_000;

impl Division {
    /// The queue whose head the agent takes. One that got less than its share of the offers comes first, the one that
    /// lacks most. Ties go to the queue with the smaller name.
    pub fn queue_to_serve(
        &self,
        heads: &BTreeMap<QueueId, ConversationId>,
        moment: &Moment,
    ) -> Option<QueueId> {
        let lacks = |queue: QueueId| {
            let got = self.served.0.get(&queue).copied().unwrap_or(0);
            i128::from(moment.queue(queue).dispatch.share) * i128::from(self.served.1) - 100 * i128::from(got)
        };
        let behind = heads.keys().copied().filter(|queue| lacks(*queue) > 0);
        let most_behind = behind.min_by_key(|queue| (-lacks(*queue), *queue));
        let dispatch = moment.rules.divisions[self.id.at()].dispatch;
        most_behind.or_else(|| match dispatch {
            Dispatch::Priority => None,
            Dispatch::Gcmu => heads.keys().copied().min_by(|a, b| {
                let ((cost_a, time_a), (cost_b, time_b)) =
                    (self.cost(heads[a], moment), self.cost(heads[b], moment));
                (cost_b * time_a).cmp(&(cost_a * time_b)).then(a.cmp(b))
            }),
            Dispatch::Ratio => {
                heads.keys().copied().min_by_key(|queue| (-self.excess(*queue, moment), *queue))
            }
        })
    }

    /// Counts an offer.
    pub fn count_served(&mut self, queue: QueueId) {
        *self.served.0.entry(queue).or_default() += 1;
        self.served.1 += 1;
        if self.served.1 == SERVED_MAX {
            self.served.0.values_mut().for_each(|count| *count /= 2);
            self.served.1 /= 2;
        }
    }

    /// `2 c w µ` of quadratic costs without the 2, as numerator and denominator: the cost of waiting times how long the
    /// head of the queue has waited, over the time that it takes an agent.
    fn cost(&self, head: ConversationId, moment: &Moment) -> (i128, i128) {
        let conversation = self.conversation(head);
        let rules = moment.queue(conversation.queue).dispatch;
        let waited = moment.clock.since(conversation.arrived).0.max(0);
        (i128::from(rules.cost) * i128::from(waited), i128::from(rules.handle.0))
    }

    /// `Q_k − p_k ΣQ`, times the sum of all ratios of the division.
    fn excess(&self, queue: QueueId, moment: &Moment) -> i128 {
        let queues = &moment.rules.divisions[self.id.at()].queues;
        let ratios: i128 = queues.iter().map(|queue| i128::from(moment.queue(*queue).dispatch.ratio)).sum();
        let here = self.waiting.iter().filter(|id| self.conversation(**id).queue == queue).count() as i128;
        here * ratios - i128::from(moment.queue(queue).dispatch.ratio) * self.waiting.len() as i128
    }
}
