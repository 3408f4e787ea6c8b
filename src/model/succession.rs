//! A change of rules within a log. Everything before it goes by the old rules, everything behind it by the new ones:
//! whatever is asked of the rules when it is needed is asked of the new ones from then on; what was fixed and told by
//! the old ones stays (values, clocks that run, offers, windows of affinity, exclusions, wrap-ups). All numbers of the
//! state are those of the rules in force, so each is looked up by its name and renumbered.

use std::collections::BTreeMap;

use super::division::{Agent, Conversation, Division, Moment, State};
use super::event::{Event, Tier};
use super::identity::Identity;
use super::sla::Run;
use super::timers::{Timer, Timers};
use super::understand::{Context, Understand, keep_last};
use super::{Applied, Model};
use crate::rules::{self, Renumbering, Rules, Strategy, Uses};
use crate::types::{Cause, ConversationId, DivisionId, DurationMs, IgnoreReason, Millis, QueueId};

/// One change: from which rules, and what becomes of their numbers.
#[derive(Debug)]
pub struct Change<'a> {
    pub from: &'a Rules,
    pub numbers: Renumbering,
}

impl Change<'_> {
    /// Whether anybody waited for anybody under the old rules; if not, it was not kept whom customers prefer.
    fn had_affinity(&self) -> bool {
        self.from.queues.iter().any(|queue| queue.affinity > DurationMs::ZERO)
    }
}

impl Model {
    /// `rules.changed`.
    pub(super) fn change_rules(&mut self, event: &Event) -> Applied {
        let text = event.text.as_deref().expect("it has a text");
        let rules = rules::compile(text, "rules").map_err(|_| IgnoreReason::BadRules)?;
        let before = std::sync::Arc::clone(&self.rules);
        let change = Change { from: &before, numbers: Renumbering::new(&before, &rules) };
        change.numbers.check(&before, &self.uses()).map_err(|_| IgnoreReason::InUse)?;
        let clock = self.clock.time();
        self.keys = self.keys.under(&rules);
        self.rules = std::sync::Arc::new(rules);
        self.rules_changed = true;
        let numbers = &change.numbers;
        self.identity.adopt(numbers);
        self.understand.adopt(&change, clock, &self.rules);
        let queues = self.rules.queues.len();
        let objectives = std::mem::take(&mut self.tally.objectives);
        self.tally.objectives = numbers.carry_queues(objectives, queues, Default::default);
        let count = self.rules.divisions.len();
        let mut divisions: Vec<Division> =
            (0..count).map(|at| Division::new(DivisionId(at as u16))).collect();
        for division in std::mem::take(&mut self.divisions) {
            let id = numbers.division(division.id).expect("a division stays");
            divisions[id.at()] = Division { id, ..division };
        }
        self.divisions = divisions;
        for at in 0..count {
            let cause = Cause::Event(event.position);
            self.in_division(DivisionId(at as u16), clock, cause, event.traceparent, |division, moment| {
                division.adopt(&change, moment);
                Ok(())
            })?;
        }
        // What is overdue under the new rules is due now.
        self.fire(clock);
        Ok(())
    }

    /// What is in use of what the rules declare.
    fn uses(&self) -> Uses {
        let mut uses = Uses::none(&self.rules);
        for division in &self.divisions {
            for conversation in division.conversations.values() {
                uses.channels[conversation.channel.at()] += 1;
                let began = conversation.cycles.values().map(|cycle| cycle.queue);
                let mut queues: Vec<QueueId> = began.chain([conversation.queue]).collect();
                queues.sort_unstable();
                queues.dedup();
                queues.iter().for_each(|queue| uses.queues[queue.at()] += 1);
            }
            for wrap_up in division.agents.values().flat_map(|agent| agent.wrap_ups.values()) {
                uses.channels[wrap_up.channel.at()] += 1;
            }
        }
        self.identity.count_kinds(&mut uses.kinds);
        let mut open = Uses::none(&self.rules);
        for (customer, _) in self.understand.histories.iter() {
            for id in self.understand.open(*customer, self.clock.time(), &self.rules) {
                open.channels[self.understand.known[&id].facts.channel.at()] += 1;
            }
        }
        uses.at_least(&open);
        uses
    }
}

impl Identity {
    fn count_kinds(&self, kinds: &mut [u64]) {
        self.owned().for_each(|identifier| kinds[identifier.kind.at()] += 1);
    }
}

impl Understand {
    fn adopt(&mut self, change: &Change, clock: Millis, rules: &Rules) {
        let (numbers, before) = (&change.numbers, &change.from.conversation);
        for customer in self.histories.keys().copied().collect::<Vec<_>>() {
            let open = self.open(customer, clock, change.from);
            let all = self.histories[&customer].open.clone();
            all.into_iter().filter(|id| !open.contains(id)).for_each(|id| self.forget(id, customer));
            for id in open {
                if !self.renumber(id, change, rules) {
                    self.forget(id, customer);
                }
            }
            let history = self.histories.get_mut(&customer).expect("it is there");
            let oldest = clock.minus(before.attempts_window);
            history.attempts.retain_mut(|attempt| {
                let channel = numbers.channel(attempt.channel);
                attempt.channel = channel.unwrap_or(attempt.channel);
                channel.is_some() && attempt.at >= oldest
            });
            keep_last(&mut history.attempts, rules.conversation.attempts_kept);
            let tier = |tier: Tier| match tier {
                Tier::Known(tier) => numbers.tier(tier).map_or(Tier::Unknown, Tier::Known),
                Tier::Unknown => Tier::Unknown,
            };
            history.profile.tier = history.profile.tier.map(tier);
            if !change.had_affinity() {
                history.profile.preferred_agent = None;
            }
        }
    }

    /// Whether the conversation goes on: not where its division has no queue left, in which route holds nothing either.
    fn renumber(&mut self, id: ConversationId, change: &Change, rules: &Rules) -> bool {
        let numbers = &change.numbers;
        let known = self.known.get_mut(&id).expect("it is open");
        known.division = numbers.division(known.division).expect("a division stays");
        known.facts.channel = numbers.channel(known.facts.channel).expect("a channel in use stays");
        known.facts.intent = known.facts.intent.and_then(|intent| numbers.intent(intent));
        if !change.had_affinity() {
            known.preferred = None;
        }
        // Where it was sent last may be gone, if it is not there any more.
        let first = rules.divisions[known.division.at()].queues.first().copied();
        let queue = numbers.queue(known.queue).or(first);
        known.queue = queue.unwrap_or(known.queue);
        queue.is_some()
    }
}

impl Division {
    /// Goes on by the moment's rules. Everything that waits may be taken by somebody else now.
    fn adopt(&mut self, change: &Change, moment: &mut Moment) {
        let numbers = &change.numbers;
        let bounded = change.from.divisions.iter().any(|division| {
            division.name == moment.rules.divisions[self.id.at()].name && division.ramp.is_some()
        });
        for agent in self.agents.values_mut() {
            agent.adopt(change, moment, self.id);
            if !bounded {
                agent.offers.clear();
            }
        }
        for conversation in self.conversations.values_mut() {
            conversation.adopt(change, moment);
        }
        let by_queue = |queue: &QueueId| numbers.queue(*queue);
        self.gaps = std::mem::take(&mut self.gaps)
            .into_iter()
            .filter_map(|(queue, gaps)| Some((by_queue(&queue)?, gaps)))
            .collect();
        let served = std::mem::take(&mut self.served.0);
        self.served.0 = served.iter().filter_map(|(queue, count)| Some((by_queue(queue)?, *count))).collect();
        self.served.1 -=
            served.iter().filter(|(q, _)| by_queue(q).is_none()).map(|(_, count)| count).sum::<u64>();
        self.arm_all(moment);
        self.takeable = self.waiting.clone();
    }

    /// Every deadline anew.
    fn arm_all(&mut self, moment: &Moment) {
        self.timers = Timers::default();
        let clock = moment.clock;
        for (id, conversation) in self.conversations.clone() {
            let idle_close = moment.rules.conversation.idle_close;
            self.timers.arm(conversation.last.plus(idle_close), Timer::IdleClose(id));
            match conversation.state {
                State::Offered { expires, .. } => self.timers.arm(expires, Timer::OfferExpiry(id)),
                State::Scheduled { due } => self.timers.arm(due, Timer::Callback(id)),
                State::Active { .. } | State::Held { .. } => self.arm_reclaim(id, moment),
                State::Queued => {}
            }
            if let (Some(replied), Some(span)) =
                (conversation.agent_replied, moment.rules.channels[conversation.channel.at()].release_after)
            {
                self.conversation_mut(id).release = Some(replied.plus(span).max(clock));
                self.timers.arm(replied.plus(span).max(clock), Timer::Release(id));
            }
            for (number, step) in moment.queue(conversation.queue).steps.iter().enumerate() {
                if conversation.queued.plus(step.after) > clock {
                    self.timers.arm(conversation.queued.plus(step.after), Timer::Step(id, number));
                }
            }
            for (number, window) in conversation.windows.iter().enumerate() {
                if window.until > clock {
                    self.timers.arm(window.until, Timer::Affinity(id, number));
                }
            }
            for (agent, until) in conversation.excluded.iter().filter(|(_, until)| **until > clock) {
                self.timers.arm(*until, Timer::Exclusion(id, agent.clone()));
            }
            if let Some(opening) = conversation.opening.filter(|at| *at > clock && *at < Millis(i64::MAX)) {
                self.timers.arm(opening, Timer::Opening(id));
            }
            if let Some(bound) = conversation.bound {
                self.timers.arm(bound, Timer::MaxWait(id));
            }
            for (objective, cycle) in &conversation.cycles {
                if matches!(cycle.run, Run::Running { .. }) && !cycle.breached {
                    self.arm_cycle(id, *objective);
                }
            }
        }
        self.arm_agents(moment);
    }

    fn arm_agents(&mut self, moment: &Moment) {
        let ramp = moment.rules.divisions[self.id.at()].ramp;
        for (name, agent) in self.agents.clone() {
            for (id, wrap_up) in &agent.wrap_ups {
                self.timers.arm(wrap_up.ends, Timer::WrapUp(name.clone(), *id));
            }
            for offer in agent.offers.iter().filter(|_| ramp.is_some()) {
                if offer.plus(super::matching::RAMP) > moment.clock {
                    self.timers.arm(offer.plus(super::matching::RAMP), Timer::Ramp(name.clone()));
                }
            }
            self.arm_delays(&name, moment);
        }
    }
}

impl Agent {
    fn adopt(&mut self, change: &Change, moment: &Moment, division: DivisionId) {
        let numbers = &change.numbers;
        self.budget = self.own_budget.unwrap_or(moment.rules.divisions[division.at()].agents_budget);
        let capacity = std::mem::take(&mut self.capacity).into_iter();
        self.capacity = capacity.filter_map(|(c, most)| Some((numbers.channel(c)?, most))).collect();
        let queues = self.queues.take();
        self.queues = queues
            .map(|list| list.into_iter().filter_map(|(q, entry)| Some((numbers.queue(q)?, entry))).collect());
        // Of a queue that did not go round robin nobody kept who was offered something.
        let went_round = |queue: QueueId| change.from.queues[queue.at()].strategy == Strategy::RoundRobin;
        let offers: BTreeMap<QueueId, Millis> = std::mem::take(&mut self.last_offer);
        self.last_offer = offers
            .into_iter()
            .filter(|(queue, _)| went_round(*queue))
            .filter_map(|(queue, at)| Some((numbers.queue(queue)?, at)))
            .collect();
        for hold in self.holding.values_mut() {
            hold.channel = numbers.channel(hold.channel).expect("a channel in use stays");
        }
        for wrap_up in self.wrap_ups.values_mut() {
            wrap_up.channel = numbers.channel(wrap_up.channel).expect("a channel in use stays");
        }
    }
}

impl Conversation {
    fn adopt(&mut self, change: &Change, moment: &Moment) {
        let (numbers, clock) = (&change.numbers, moment.clock);
        if change.from.channels[self.channel.at()].release_after.is_none() {
            self.agent_replied = None;
        }
        // Missed offers count only where too many of them lead elsewhere.
        if change.from.queues[self.queue.at()].max_offers_to.is_none() {
            self.missed = 0;
        }
        self.queue = numbers.queue(self.queue).expect("a queue in use stays");
        self.channel = numbers.channel(self.channel).expect("a channel in use stays");
        self.left = self.left.iter().filter_map(|queue| numbers.queue(*queue)).collect();
        for cycle in self.cycles.values_mut() {
            cycle.queue = numbers.queue(cycle.queue).expect("a queue in use stays");
        }
        self.context.adopt(change);
        if !change.had_affinity() {
            self.preferred = None;
        }
        self.last = self.last.max(clock.minus(moment.rules.conversation.idle_close));
        let queue = moment.queue(self.queue);
        if self.opening.is_some_and(|opening| opening > clock) {
            let closed = queue.closed.filter(|closed| closed.leave.is_none());
            self.opening = closed.and_then(|closed| moment.rules.calendar(closed.calendar).opening(clock));
        }
        let waits = matches!(self.state, State::Queued | State::Offered { .. });
        let max_wait = queue.max_wait.filter(|_| waits);
        self.bound = max_wait.map(|bound| self.queued.plus(bound.after).max(clock));
    }
}

impl Context {
    fn adopt(&mut self, change: &Change) {
        let numbers = &change.numbers;
        self.kinds = self.kinds.iter().filter_map(|kind| numbers.kind(*kind)).collect();
        self.attempts.retain_mut(|attempt| {
            let channel = numbers.channel(attempt.channel);
            attempt.channel = channel.unwrap_or(attempt.channel);
            channel.is_some()
        });
    }
}
