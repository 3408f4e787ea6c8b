//! Service clocks: one objective of one conversation, with its due time, warnings, breach and pauses.
//!
//! A cycle starts, may stand still and run on, and ends as met, breached or cancelled, exactly once. Open time is
//! the calendar's; what is left when a clock stands is kept, and the due time is found anew when it runs on.

use crate::rules::{Rules, Target};
use crate::types::tally::ObjectiveTally;
use crate::types::{DurationMs, Millis, Objective, QueueId};

use super::conversation::Conversation;

/// Of each queue and objective.
pub type ObjectiveTallies = [[ObjectiveTally; 4]];

/// Whether a cycle runs.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default)]
pub enum Running {
    /// No cycle.
    #[default]
    No,
    /// It runs.
    Yes,
    /// It stands still.
    Stands,
}

/// One objective's clock: 48 bytes.
#[derive(Copy, Clone, Debug)]
pub struct ServiceClock {
    /// When it is due, while it runs.
    pub due: Millis,
    /// When the next warning is due; `Millis::MAX`: none.
    pub warn_at: Millis,
    /// From when `left` counts.
    anchor: Millis,
    /// Open time left at `anchor`, or while it stands.
    left: DurationMs,
    /// Clock of the entry that armed it.
    armed: Millis,
    /// The queue in which the cycle began.
    pub queue: QueueId,
    /// Place of the next warning.
    pub next_warning: u8,
    /// Whether it runs.
    pub running: Running,
    /// Whether the cycle has been breached.
    pub breached: bool,
}

const _: () = assert!(size_of::<ServiceClock>() == 48);

impl Default for ServiceClock {
    fn default() -> Self {
        ServiceClock {
            due: Millis::MAX,
            warn_at: Millis::MAX,
            anchor: Millis(0),
            left: DurationMs::ZERO,
            armed: Millis(0),
            queue: QueueId(0),
            next_warning: 0,
            running: Running::No,
            breached: false,
        }
    }
}

impl ServiceClock {
    /// When the breach is told: `max(due + 1 ms, clock when armed)`; `Millis::MAX` unless it runs unbreached.
    #[inline]
    pub fn breach_at(&self) -> Millis {
        let runs = self.running == Running::Yes && !self.breached;
        if runs { self.due.plus(DurationMs(1)).max(self.armed) } else { Millis::MAX }
    }

    /// The due time of a clock that runs and is not breached.
    pub fn open_due(&self) -> Option<Millis> {
        (self.running == Running::Yes && !self.breached).then_some(self.due)
    }

    /// Arms due time and the next warning from `anchor` with `left`.
    fn arm(&mut self, rules: &Rules, target: &Target, clock: Millis) {
        self.armed = clock;
        self.due = rules.calendar(target.calendar).add(self.anchor, self.left);
        self.arm_warning(rules, target);
    }

    /// Finds the instant of the next warning: when all but the rest of the target has passed, not before the clock
    /// when armed, and never after the due time.
    pub fn arm_warning(&mut self, rules: &Rules, target: &Target) {
        self.warn_at = Millis::MAX;
        let Some(percent) = target.warn.get(usize::from(self.next_warning)) else { return };
        let rest = DurationMs(target.target.0 - warning_point(target.target, *percent).0);
        let until = DurationMs((self.left.0 - rest.0).max(0));
        let at = rules.calendar(target.calendar).add(self.anchor, until).max(self.armed);
        if at <= self.due {
            self.warn_at = at;
        }
    }
}

/// Open time after which the warning of a percentage is due.
fn warning_point(target: DurationMs, percent: u8) -> DurationMs {
    DurationMs((i128::from(target.0) * i128::from(percent) / 100) as i64)
}

impl Conversation {
    /// Starts a cycle of an objective by its queue's target, if that has one.
    pub fn start(
        &mut self,
        objective: Objective,
        start: Millis,
        clock: Millis,
        rules: &Rules,
        tally: &mut ObjectiveTallies,
    ) {
        let queue = self.queue;
        let Some(target) = &rules.queues[queue.at()].sla[objective as usize] else { return };
        let service = &mut self.clocks[objective as usize];
        assert!(service.running == Running::No, "a cycle starts when none is under way");
        *service = ServiceClock {
            anchor: start,
            left: target.target,
            queue,
            running: Running::Yes,
            ..ServiceClock::default()
        };
        service.arm(rules, target, clock);
        tally[queue.at()][objective as usize].started += 1;
    }

    /// Stops a cycle that reached its goal: met, unless it was breached.
    pub fn meet(&mut self, objective: Objective, tally: &mut ObjectiveTallies) {
        self.end(objective, |tally| tally.met += 1, tally);
    }

    /// Stops a cycle whose goal fell away: cancelled, unless it was breached.
    pub fn cancel(&mut self, objective: Objective, tally: &mut ObjectiveTallies) {
        self.end(objective, |tally| tally.cancelled += 1, tally);
    }

    fn end(
        &mut self,
        objective: Objective,
        count: impl Fn(&mut ObjectiveTally),
        tally: &mut ObjectiveTallies,
    ) {
        let service = &mut self.clocks[objective as usize];
        if service.running != Running::No && !service.breached {
            count(&mut tally[service.queue.at()][objective as usize]);
        }
        *service = ServiceClock::default();
    }

    /// A cycle is breached: told once, counted once.
    pub fn breach(&mut self, objective: Objective, tally: &mut ObjectiveTallies) {
        let service = &mut self.clocks[objective as usize];
        assert!(service.running == Running::Yes && !service.breached, "a running cycle is breached once");
        service.breached = true;
        service.warn_at = Millis::MAX;
        self.breached |= 1 << objective as u8;
        tally[service.queue.at()][objective as usize].breached += 1;
    }

    /// The resolution clock stands or runs as the pauses say.
    pub fn settle_resolution(&mut self, clock: Millis, rules: &Rules) {
        let stands = self.held_pause || self.customer_pause;
        let service = &mut self.clocks[Objective::Resolution as usize];
        let Some(target) = &rules.queues[service.queue.at()].sla[Objective::Resolution as usize] else {
            return;
        };
        match service.running {
            Running::Yes if stands && !service.breached => {
                service.left = rules.calendar(target.calendar).open_between(clock, service.due);
                service.running = Running::Stands;
                service.warn_at = Millis::MAX;
            }
            Running::Stands if !stands => {
                service.anchor = clock;
                service.running = Running::Yes;
                service.arm(rules, target, clock);
            }
            _ => {}
        }
    }
}
