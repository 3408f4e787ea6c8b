//! Service levels: one cycle at a time of each objective, its due time, its warnings and its breach, by the calendar
//! of the queue in which the cycle began. `resolution` may stand still. Every cycle that starts is counted as met,
//! breached or cancelled exactly once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::division::{Division, Moment};
use super::output::{self, Body, SlaMark};
use super::timers::Timer;
use crate::rules::calendar::Calendar;
use crate::rules::{Rules, Target};
use crate::types::tally::ObjectiveTally;
use crate::types::{ConversationId, DurationMs, Millis, Objective, QueueId};

/// A cycle of one objective.
#[derive(Clone, Debug)]
pub struct Cycle {
    /// The queue in which it began, by its number now.
    pub queue: QueueId,
    /// The rules by which it began, and the queue's number there: target, calendar and warnings are these.
    pub began: (Arc<Rules>, QueueId),
    /// Whether the breach has been told.
    pub breached: bool,
    /// Percentages of which the warning has been given.
    pub warned: BTreeSet<u8>,
    /// Running or standing still.
    pub run: Run,
}

/// Whether a cycle runs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Run {
    /// It is due then; the timers that are armed for it.
    Running { due: Millis, breach: Millis, warnings: BTreeMap<u8, Millis> },
    /// It stands still with so much open time left.
    Standing { remaining: DurationMs },
}

impl Cycle {
    /// The target by which it began, and its calendar.
    fn target(&self, objective: Objective) -> (&Target, &Calendar) {
        target_of(&self.began, objective)
    }

    /// When it is due, if it runs and is not breached.
    pub fn due(&self) -> Option<Millis> {
        match self.run {
            Run::Running { due, .. } if !self.breached => Some(due),
            _ => None,
        }
    }
}

impl Division {
    /// A new cycle with the target of the conversation's queue, if that has one.
    pub fn start_cycle(
        &mut self,
        id: ConversationId,
        objective: Objective,
        start: Millis,
        moment: &mut Moment,
    ) {
        let queue = self.conversation(id).queue;
        let Some(target) = moment.queue(queue).sla[objective as usize].clone() else { return };
        let calendar = moment.rules.calendar(target.calendar);
        let due = calendar.add(start, target.target);
        let warning_at = |passed| calendar.add(start, passed);
        let run = run(&target, &BTreeSet::new(), due, moment.clock, warning_at);
        let began = (moment.rules.clone(), queue);
        let cycle = Cycle { queue, began, breached: false, warned: BTreeSet::new(), run };
        let before = self.conversation_mut(id).cycles.insert(objective, cycle);
        assert!(before.is_none(), "one cycle at a time");
        counts(moment, queue, objective).started += 1;
        self.arm_cycle(id, objective);
    }

    /// What the clock measures has happened: met, unless breached before.
    pub fn stop_cycle(&mut self, id: ConversationId, objective: Objective, moment: &mut Moment) {
        if let Some(cycle) = self.conversation_mut(id).cycles.remove(&objective)
            && !cycle.breached
        {
            counts(moment, cycle.queue, objective).met += 1;
        }
    }

    /// What the clock measures will not happen any more: cancelled, unless breached before.
    pub fn cancel_cycle(&mut self, id: ConversationId, objective: Objective, moment: &mut Moment) {
        if let Some(cycle) = self.conversation_mut(id).cycles.remove(&objective)
            && !cycle.breached
        {
            counts(moment, cycle.queue, objective).cancelled += 1;
        }
    }

    /// Two conversations have become one: of an objective of both the earlier due stays, and the other is cancelled.
    pub fn fold_cycle(
        &mut self,
        kept: ConversationId,
        folded: ConversationId,
        objective: Objective,
        moment: &mut Moment,
    ) {
        let due = |division: &Division, id: ConversationId| {
            let cycle = division.conversation(id).cycles.get(&objective)?;
            let (_, calendar) = cycle.target(objective);
            Some(match cycle.run {
                Run::Running { due, .. } => due,
                Run::Standing { remaining } => calendar.add(moment.clock, remaining),
            })
        };
        match (due(self, kept), due(self, folded)) {
            (_, None) => return,
            (Some(mine), Some(other)) if mine <= other => {
                self.cancel_cycle(folded, objective, moment);
                return;
            }
            (Some(_), Some(_)) => self.cancel_cycle(kept, objective, moment),
            (None, Some(_)) => {}
        }
        let cycle = self.conversation_mut(folded).cycles.remove(&objective).expect("it has one");
        let breached = cycle.breached;
        self.conversation_mut(kept).cycles.insert(objective, cycle);
        if !breached {
            self.arm_cycle(kept, objective);
        }
    }

    /// `resolution` runs iff neither pause says otherwise: lets it stand still or restarts it accordingly.
    pub fn settle_resolution(&mut self, id: ConversationId, moment: &Moment) {
        let conversation = self.conversation_mut(id);
        let stands = conversation.held_pause || conversation.reply_pause;
        let Some(cycle) = conversation.cycles.get_mut(&Objective::Resolution) else { return };
        if cycle.breached {
            return;
        }
        let rules = cycle.began.clone();
        let (target, calendar) = target_of(&rules, Objective::Resolution);
        match cycle.run {
            Run::Running { due, .. } if stands => {
                cycle.run = Run::Standing { remaining: calendar.open_between(moment.clock, due) };
            }
            Run::Standing { remaining } if !stands => {
                let due = calendar.add(moment.clock, remaining);
                let warning_at = |passed: DurationMs| {
                    let still_to_warn = target.target.0 - passed.0;
                    let until_warning = (remaining.0 - still_to_warn).max(0);
                    calendar.add(moment.clock, DurationMs(until_warning))
                };
                cycle.run = run(target, &cycle.warned, due, moment.clock, warning_at);
                self.arm_cycle(id, Objective::Resolution);
            }
            _ => {}
        }
    }

    /// A warning's deadline has come.
    pub fn warn(&mut self, id: ConversationId, objective: Objective, percent: u8, moment: &mut Moment) {
        let Some(conversation) = self.conversations.get_mut(&id) else { return };
        let Some(cycle) = conversation.cycles.get_mut(&objective) else { return };
        let Run::Running { due, warnings, .. } = &mut cycle.run else { return };
        if warnings.get(&percent) != Some(&moment.clock) {
            return;
        }
        warnings.remove(&percent);
        cycle.warned.insert(percent);
        let (due, queue) = (*due, cycle.queue);
        self.tell_sla(id, objective, queue, due, SlaMark::Warning { percent }, moment);
    }

    /// A breach's deadline has come.
    pub fn breach(&mut self, id: ConversationId, objective: Objective, moment: &mut Moment) {
        let Some(conversation) = self.conversations.get_mut(&id) else { return };
        let Some(cycle) = conversation.cycles.get_mut(&objective) else { return };
        let Run::Running { due, breach, .. } = cycle.run else { return };
        if cycle.breached || breach != moment.clock {
            return;
        }
        cycle.breached = true;
        let queue = cycle.queue;
        conversation.breached.insert(objective);
        counts(moment, queue, objective).breached += 1;
        let late = moment.clock.since(due);
        self.tell_sla(id, objective, queue, due, SlaMark::Breached { late }, moment);
    }

    pub(super) fn arm_cycle(&mut self, id: ConversationId, objective: Objective) {
        let Run::Running { breach, warnings, .. } = self.conversation(id).cycles[&objective].run.clone()
        else {
            return;
        };
        self.timers.arm(breach, Timer::Breach(id, objective));
        for (percent, deadline) in warnings {
            self.timers.arm(deadline, Timer::Warning(id, objective, percent));
        }
    }

    fn tell_sla(
        &self,
        id: ConversationId,
        objective: Objective,
        queue: QueueId,
        due: Millis,
        mark: SlaMark,
        moment: &mut Moment,
    ) {
        let conversation = self.conversation(id);
        let body = output::Sla {
            conversation: id,
            customer: moment.identity.id(conversation.customer),
            division: self.name(moment),
            queue: moment.queue_name(queue),
            channel: moment.channel_name(conversation.channel),
            objective,
            due,
            mark,
        };
        self.tell(id, Body::Sla(body), moment);
    }
}

/// A running clock: the breach is one millisecond after due, warnings that come too late for it are left out, and
/// nothing is due before the present clock. `warning_at` tells when so much of the target has passed.
fn run(
    target: &Target,
    warned: &BTreeSet<u8>,
    due: Millis,
    clock: Millis,
    warning_at: impl Fn(DurationMs) -> Millis,
) -> Run {
    let mut warnings = BTreeMap::new();
    for percent in target.warn.iter().filter(|percent| !warned.contains(percent)) {
        let passed = i128::from(target.target.0) * i128::from(*percent) / 100;
        let deadline = warning_at(DurationMs(passed as i64)).max(clock);
        if deadline <= due {
            warnings.insert(*percent, deadline);
        }
    }
    Run::Running { due, breach: due.plus(DurationMs(1)).max(clock), warnings }
}

fn target_of((rules, queue): &(Arc<Rules>, QueueId), objective: Objective) -> (&Target, &Calendar) {
    let target = rules.queues[queue.at()].sla[objective as usize].as_ref();
    let target = target.expect("the queue in which it began had a target");
    (target, rules.calendar(target.calendar))
}

fn counts<'a>(moment: &'a mut Moment, queue: QueueId, objective: Objective) -> &'a mut ObjectiveTally {
    &mut moment.tally.objectives[queue.at()][objective as usize]
}
