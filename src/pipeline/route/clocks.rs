//! Service clocks: one objective of one conversation, with its due time, warnings, breach and pauses.
//!
//! A cycle starts, may stand still and run on, and ends as met, breached or cancelled, exactly once. Open time is
//! the calendar's; what is left when a clock stands is kept, and the due time is found anew when it runs on.

use std::io::{self, Read, Write};

use borsh::{BorshDeserialize, BorshSerialize};
use std::sync::Arc;

use crate::rules::calendar::Calendar;
use crate::rules::{Rules, Target};
use crate::types::tally::ObjectiveTally;
use crate::types::{DurationMs, Millis, Objective, QueueId};

use super::conversation::Conversation;

/// Of each queue and objective.
pub type ObjectiveTallies = [[ObjectiveTally; 4]];

/// Whether a cycle runs.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default, BorshSerialize, BorshDeserialize)]
pub enum Running {
    /// No cycle.
    #[default]
    No,
    /// It runs.
    Yes,
    /// It stands still.
    Stands,
}

/// One objective's clock: 24 bytes. When it is to be heard of next stands among the conversation's alarms.
#[derive(Copy, Clone, Debug, BorshSerialize, BorshDeserialize)]
pub struct ServiceClock {
    /// When it is due, while it runs.
    pub due: Millis,
    /// From when the open time that is left counts.
    anchor: Millis,
    /// The queue in which the cycle began, by its number now.
    pub queue: QueueId,
    /// By which of the former targets it runs; `OWN`: by the queue's.
    former: u16,
    /// Place of the next warning.
    pub next_warning: u8,
    /// Whether it runs.
    pub running: Running,
    /// Whether the cycle has been breached.
    pub breached: bool,
    /// Whether its alarm is a warning; else it is the breach.
    pub warns: bool,
}

const _: () = assert!(size_of::<ServiceClock>() == 24);

/// Runs by the target of its queue.
const OWN: u16 = u16::MAX;

/// By what clocks run: the rules in force, and, of cycles that began by former ones, what these said.
#[derive(Debug)]
pub struct Targets {
    rules: Arc<Rules>,
    former: Vec<Former>,
}

/// What former rules said.
#[derive(Debug)]
struct Former {
    target: Target,
    calendar: Calendar,
    origin: Origin,
}

/// Where former rules said it.
#[derive(Copy, Clone, Debug, BorshSerialize, BorshDeserialize)]
struct Origin {
    /// The how-manieth rules of the tenant, from 0.
    rules: u32,
    queue: QueueId,
    objective: u8,
}

impl Targets {
    /// No rules before these.
    pub fn new(rules: &Arc<Rules>) -> Targets {
        Targets { rules: rules.clone(), former: Vec::new() }
    }

    /// Writes where former rules said what still counts.
    pub fn save(&self, to: &mut impl Write) -> io::Result<()> {
        self.former.iter().map(|former| former.origin).collect::<Vec<_>>().serialize(to)
    }

    /// Finds it again in these rules.
    pub fn restore(&mut self, from: &mut impl Read) -> io::Result<()> {
        let history = self.rules.history();
        let find = |origin: Origin| {
            let rules = history.get(origin.rules as usize)?;
            let target = rules.queues.get(origin.queue.at())?.sla.get(usize::from(origin.objective))?;
            let target = target.clone()?;
            let calendar = rules.calendar(target.calendar).clone();
            Some(Former { target, calendar, origin })
        };
        let origins = Vec::<Origin>::deserialize_reader(from)?;
        let former: Option<Vec<Former>> = origins.into_iter().map(find).collect();
        self.former = former.ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidData, "a target of rules that are not its rules")
        })?;
        Ok(())
    }

    /// Target and calendar by which a cycle runs.
    fn of(&self, service: &ServiceClock, objective: Objective) -> (&Target, &Calendar) {
        if let Some(former) = self.former.get(usize::from(service.former)) {
            return (&former.target, &former.calendar);
        }
        let target = self.rules.queues[service.queue.at()].sla[objective as usize].as_ref();
        let target = target.expect("a clock has a target");
        (target, self.rules.calendar(target.calendar))
    }

    /// A cycle under way goes on by what it began by, under other rules in which its queue has another number. `into`: what
    /// such cycles go on by, kept once each.
    pub fn keep(&self, service: &mut ServiceClock, objective: Objective, queue: QueueId, into: &mut Targets) {
        let (target, calendar) = self.of(service, objective);
        let origin = self.former.get(usize::from(service.former)).map_or_else(
            || Origin {
                rules: self.rules.history().len() as u32 - 1,
                queue: service.queue,
                objective: objective as u8,
            },
            |former| former.origin,
        );
        let own = into.rules.queues[queue.at()].sla[objective as usize].as_ref();
        service.queue = queue;
        if own.is_some_and(|own| is_same((own, into.rules.calendar(own.calendar)), (target, calendar))) {
            service.former = OWN;
            return;
        }
        let is_it = |other: &Former| is_same((&other.target, &other.calendar), (target, calendar));
        let place = into.former.iter().position(is_it).unwrap_or_else(|| {
            into.former.push(Former { target: target.clone(), calendar: calendar.clone(), origin });
            into.former.len() - 1
        });
        service.former =
            u16::try_from(place).expect("fewer than 65,535 targets of former rules are under way");
    }
}

/// Whether two say the same, whatever the calendars are called.
fn is_same((target, calendar): (&Target, &Calendar), (other, of): (&Target, &Calendar)) -> bool {
    target.target == other.target && target.warn == other.warn && calendar.is_same(of)
}

impl ServiceClock {
    /// No cycle.
    pub const IDLE: ServiceClock = ServiceClock {
        due: Millis::MAX,
        anchor: Millis(0),
        queue: QueueId(0),
        former: OWN,
        next_warning: 0,
        running: Running::No,
        breached: false,
        warns: false,
    };

    /// The due time of a clock that runs and is not breached.
    pub fn open_due(&self) -> Option<Millis> {
        (self.running == Running::Yes && !self.breached).then_some(self.due)
    }

    /// Finds the instant of the next warning, when all but the rest of the target has passed, not before `clock` and
    /// never after the due time; else of the breach: `max(due + 1 ms, clock)`.
    fn next_alarm(
        &mut self,
        (target, calendar): (&Target, &Calendar),
        left: DurationMs,
        clock: Millis,
    ) -> Millis {
        if let Some(percent) = target.warn.get(usize::from(self.next_warning)) {
            let rest = DurationMs(target.target.0 - warning_point(target.target, *percent).0);
            let until = DurationMs((left.0 - rest.0).max(0));
            let at = calendar.add(self.anchor, until).max(clock);
            if at <= self.due {
                self.warns = true;
                return at;
            }
        }
        self.warns = false;
        self.due.plus(DurationMs(1)).max(clock)
    }
}

/// Open time after which the warning of a percentage is due.
fn warning_point(target: DurationMs, percent: u8) -> DurationMs {
    match target.0.checked_mul(i64::from(percent)) {
        Some(product) => DurationMs(product / 100),
        None => DurationMs((i128::from(target.0) * i128::from(percent) / 100) as i64),
    }
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
        assert!(
            self.clocks[objective as usize].running == Running::No,
            "a cycle starts when none is under way"
        );
        self.clocks[objective as usize] =
            ServiceClock { anchor: start, queue, running: Running::Yes, ..ServiceClock::IDLE };
        if objective == Objective::Resolution {
            self.resolution_left = target.target;
        }
        self.arm(objective, (target, rules.calendar(target.calendar)), clock);
        tally[queue.at()][objective as usize].started += 1;
    }

    /// Finds due time and alarm of a clock that begins to run, or runs on.
    fn arm(&mut self, objective: Objective, target: (&Target, &Calendar), clock: Millis) {
        let left = self.left(objective, target.0);
        let service = &mut self.clocks[objective as usize];
        service.due = target.1.add(service.anchor, left);
        self.alarms[objective as usize] = service.next_alarm(target, left, clock);
    }

    /// Open time left at a clock's anchor: only a resolution ever stands still.
    fn left(&self, objective: Objective, target: &Target) -> DurationMs {
        if objective == Objective::Resolution { self.resolution_left } else { target.target }
    }

    /// A warning is told; gives its percentage and when the clock is due.
    pub fn warn(&mut self, objective: Objective, clock: Millis, targets: &Targets) -> (u8, Millis) {
        let service = &mut self.clocks[objective as usize];
        let target = targets.of(service, objective);
        let percent = target.0.warn[usize::from(service.next_warning)];
        service.next_warning += 1;
        let left = self.left(objective, target.0);
        let service = &mut self.clocks[objective as usize];
        self.alarms[objective as usize] = service.next_alarm(target, left, clock);
        (percent, service.due)
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
        if service.running == Running::No {
            return;
        }
        if !service.breached {
            count(&mut tally[service.queue.at()][objective as usize]);
        }
        *service = ServiceClock::IDLE;
        self.alarms[objective as usize] = Millis::MAX;
    }

    /// A cycle is breached: told once, counted once.
    pub fn breach(&mut self, objective: Objective, tally: &mut ObjectiveTallies) {
        let service = &mut self.clocks[objective as usize];
        assert!(service.running == Running::Yes && !service.breached, "a running cycle is breached once");
        service.breached = true;
        self.alarms[objective as usize] = Millis::MAX;
        self.breached |= 1 << objective as u8;
        tally[service.queue.at()][objective as usize].breached += 1;
    }

    /// Two conversations have become this one: of an objective of both the earlier due stays, the other is cancelled.
    pub fn fold_clock(
        &mut self,
        other: &mut Conversation,
        objective: Objective,
        clock: Millis,
        targets: &Targets,
        tally: &mut ObjectiveTallies,
    ) {
        let at = objective as usize;
        if other.clocks[at].running == Running::No {
            return;
        }
        if self.clocks[at].running != Running::No {
            if self.due_now(objective, clock, targets) <= other.due_now(objective, clock, targets) {
                other.cancel(objective, tally);
                return;
            }
            self.cancel(objective, tally);
        }
        self.clocks[at] = std::mem::replace(&mut other.clocks[at], ServiceClock::IDLE);
        self.alarms[at] = std::mem::replace(&mut other.alarms[at], Millis::MAX);
        if objective == Objective::Resolution {
            self.resolution_left = other.resolution_left;
        }
    }

    /// When a cycle is due; of one that stands still, if it ran on now.
    fn due_now(&self, objective: Objective, clock: Millis, targets: &Targets) -> Millis {
        let service = &self.clocks[objective as usize];
        match service.running {
            Running::Stands => targets.of(service, objective).1.add(clock, self.resolution_left),
            Running::Yes | Running::No => service.due,
        }
    }

    /// The resolution clock stands or runs as the pauses say.
    pub fn settle_resolution(&mut self, clock: Millis, targets: &Targets) {
        const RESOLUTION: usize = Objective::Resolution as usize;
        let stands = self.held_pause || self.customer_pause;
        let service = &mut self.clocks[RESOLUTION];
        let changes = match service.running {
            Running::Yes => stands && !service.breached,
            Running::Stands => !stands,
            Running::No => false,
        };
        if !changes {
            return;
        }
        let target = targets.of(service, Objective::Resolution);
        if stands {
            self.resolution_left = target.1.open_between(clock, service.due);
            service.running = Running::Stands;
            self.alarms[RESOLUTION] = Millis::MAX;
        } else {
            service.anchor = clock;
            service.running = Running::Yes;
            self.arm(Objective::Resolution, target, clock);
        }
    }
}
