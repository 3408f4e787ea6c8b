//! What people make of the engine's decisions: a conversation opened is a case to wait for, an offer is one to
//! answer, a withdrawal or a closing ends what was planned.

use crate::sim::cast::Medium;
use crate::sim::directory::NOBODY;
use crate::sim::profile::BEGIN;
use crate::sim::world::{Act, Case, Stage, World};
use crate::types::decision::{Body, Closed, Decision, DecisionBatch, Offered};
use crate::types::{AcceptMode, Cause, CloseOutcome, ConversationId, Millis, WithdrawReason};

impl World {
    /// Reads what the engine decided about the lines at hand, the first of which has number `first_offset`.
    pub(super) fn react<'a>(
        &mut self,
        decisions: impl Iterator<Item = &'a DecisionBatch>,
        first_offset: u64,
    ) {
        for batch in decisions {
            for decision in &batch.decisions {
                self.react_to(batch, decision, first_offset);
            }
        }
    }

    fn react_to(&mut self, batch: &DecisionBatch, decision: &Decision, first_offset: u64) {
        let at = since_begin(decision.time);
        if let Body::Opened { .. } = decision.body {
            return self.opened(at, decision, first_offset);
        }
        let case = self.directory.get(decision.conversation);
        if case == NOBODY {
            if matches!(decision.body, Body::Offered(_)) {
                self.census_mut().strangers += 1;
            }
            return;
        }
        match &decision.body {
            Body::Offered(offered) => {
                self.offered(at, case, decision, offered, batch.bytes_of(offered.agent))
            }
            Body::Withdrawn { reason, .. } => self.withdrawn(at, case, *reason),
            Body::Pivoted { .. } => self.pivoted(at, case, decision),
            Body::Closed(closed) => self.closed(at, case, closed),
            Body::Opened { .. } | Body::Warning { .. } | Body::Breached { .. } => {}
        }
    }

    fn opened(&mut self, at: u32, decision: &Decision, first_offset: u64) {
        let Cause::Event(position) = decision.cause else { return };
        let line = position.offset.wrapping_sub(first_offset) as usize;
        let Some(sent) = self.lines.sent.get(line).copied().filter(|sent| sent.person != NOBODY) else {
            self.census_mut().strangers += 1;
            return;
        };
        let case = self.free.pop().unwrap_or_else(|| {
            self.cases.push(Case::nothing());
            self.cases.len() as u32 - 1
        });
        let medium = self.cast.media[decision.channel.at()];
        let rounds = match medium {
            Medium::Voice => 0,
            Medium::Chat => self.rng.between(1, 5),
            Medium::Mail => self.rng.below(2),
            Medium::Text => self.rng.between(1, 4),
            Medium::Social => self.rng.between(1, 3),
        } as u8;
        let held = &mut self.cases[case as usize];
        *held = Case {
            id: decision.conversation,
            person: sent.person,
            thread: sent.thread,
            lane: sent.lane,
            intent: sent.intent,
            by_route: sent.by_route,
            which: sent.which,
            queue: decision.queue.0,
            channel: decision.channel.0,
            rounds,
            stage: Stage::Waiting,
            agent: NOBODY,
            weight: 0,
            since: 0,
            life: held.life,
            turn: held.turn + 1,
        };
        let life = held.life;
        self.directory.insert(decision.conversation, case);
        self.people.set_open_case(sent.person, case);
        self.census_mut().waiting[decision.queue.at()] += 1;
        self.census_mut().opened += 1;
        if medium != Medium::Voice && self.rng.chance(self.habits.nudge) {
            let delay = self.rng.between(1_500, 40_000);
            self.plan_in(at, delay, Act::Nudge, case, life, 0);
        }
        if let Some(patience) = self.patience(medium) {
            self.plan_in(at, patience, Act::GiveUp, case, life, 0);
        }
    }

    fn offered(&mut self, at: u32, case: u32, decision: &Decision, offered: &Offered, name: &[u8]) {
        let Some(agent) = self.agent_of(name) else { return };
        self.take_from_queue(case);
        let weight = self.cast.weights[decision.channel.at()];
        let held = &mut self.cases[case as usize];
        held.agent = agent;
        held.weight = weight;
        held.queue = decision.queue.0;
        held.channel = decision.channel.0;
        held.stage = Stage::Offered;
        held.turn += 1;
        held.since = at;
        self.weigh(at, agent, i64::from(weight));
        self.census_mut().offered += 1;
        match (offered.accept, offered.expires) {
            (AcceptMode::Offer, Some(expires)) => self.consider(at, case, since_begin(expires)),
            _ => self.take_up(at, case),
        }
    }

    fn withdrawn(&mut self, at: u32, case: u32, reason: WithdrawReason) {
        let Case { agent, stage, .. } = self.cases[case as usize];
        // The exchange was under way: what the agent has left to do comes with its closing.
        if matches!(reason, WithdrawReason::Abandoned | WithdrawReason::Resolved)
            && matches!(stage, Stage::Active | Stage::Held)
        {
            return;
        }
        self.lay_down(at, case);
        let held = &mut self.cases[case as usize];
        held.stage = Stage::Waiting;
        held.agent = NOBODY;
        held.turn += 1;
        let queue = usize::from(held.queue);
        self.census_mut().waiting[queue] += 1;
        if reason == WithdrawReason::Timeout && agent != NOBODY {
            self.miss(at, agent);
        }
    }

    fn pivoted(&mut self, at: u32, case: u32, decision: &Decision) {
        let Case { agent, weight, .. } = self.cases[case as usize];
        let new = self.cast.weights[decision.channel.at()];
        self.cases[case as usize].channel = decision.channel.0;
        if agent != NOBODY {
            self.cases[case as usize].weight = new;
            self.weigh(at, agent, i64::from(new) - i64::from(weight));
        }
    }

    fn closed(&mut self, at: u32, case: u32, closed: &Closed) {
        self.take_from_queue(case);
        let Case { id, person, lane, queue, stage, life, .. } = self.cases[case as usize];
        self.directory.remove(id);
        if self.people.open_case(person) == case {
            self.people.set_open_case(person, NOBODY);
        }
        self.think_over(at, person, lane, closed.outcome);
        let wrap_up = self.cast.wrap_ups[usize::from(queue)];
        let exchanged = matches!(closed.outcome, CloseOutcome::Resolved | CloseOutcome::Answered);
        if matches!(stage, Stage::Active | Stage::Held) && exchanged && wrap_up > 0 {
            let held = &mut self.cases[case as usize];
            held.stage = Stage::Wrapping;
            held.turn += 1;
            let said = self.rng.chance(600);
            let delay = if said { wrap_up / 10 + self.rng.below(wrap_up * 8 / 10 + 1) } else { wrap_up };
            self.plan_in(at, delay, Act::Wrapped, case, life, u16::from(said));
        } else {
            self.lay_down(at, case);
            self.release(case);
        }
    }

    /// The customer, afterwards: some who were left waiting try elsewhere, some had not got what they came for.
    fn think_over(&mut self, at: u32, person: u32, lane: u16, outcome: CloseOutcome) {
        let (share, from, to) = match outcome {
            CloseOutcome::Abandoned => (self.habits.pivot, 15_000, 300_000),
            CloseOutcome::Resolved | CloseOutcome::Answered => (self.habits.come_back, 60_000, 2_400_000),
            _ => return,
        };
        if self.rng.chance(share) {
            let lane = self.another_lane(lane);
            let delay = self.rng.between(from, to);
            self.plan_in(at, delay, Act::Return, person, 0, lane);
        }
    }

    fn take_from_queue(&mut self, case: u32) {
        let Case { stage, queue, .. } = self.cases[case as usize];
        if stage == Stage::Waiting {
            let waiting = &mut self.census_mut().waiting[usize::from(queue)];
            *waiting = waiting.saturating_sub(1);
        }
    }

    /// The agent has the case's weight no longer.
    pub(super) fn lay_down(&mut self, at: u32, case: u32) {
        let Case { agent, weight, since, .. } = self.cases[case as usize];
        if agent != NOBODY && weight > 0 {
            let (_, medium) = self.medium_of(case);
            self.census_mut().handling[medium as usize].1 += u64::from(at.saturating_sub(since));
            self.weigh(at, agent, -i64::from(weight));
            self.cases[case as usize].weight = 0;
        }
    }

    /// What an agent holds changes. Who is away counts as staff for what he still holds, no more.
    fn weigh(&mut self, at: u32, agent: u32, change: i64) {
        let held = &mut self.agents[agent as usize];
        held.used = held.used.saturating_add_signed(change as i32);
        let budget = if held.presence.is_there() { 0 } else { change };
        let staff = self.staff_of(agent);
        self.census_mut().staff[staff].change(at, budget, change);
    }

    /// The place may be used again; whatever was planned for it is stale.
    pub(super) fn release(&mut self, case: u32) {
        let held = &mut self.cases[case as usize];
        held.life += 1;
        held.turn += 1;
        held.stage = Stage::Free;
        held.agent = NOBODY;
        self.free.push(case);
    }
}

impl Case {
    fn nothing() -> Case {
        Case {
            id: ConversationId::NONE,
            person: NOBODY,
            agent: NOBODY,
            life: 0,
            turn: 0,
            thread: 0,
            weight: 0,
            since: 0,
            lane: 0,
            intent: u16::MAX,
            queue: 0,
            channel: 0,
            rounds: 0,
            stage: Stage::Free,
            by_route: false,
            which: 0,
        }
    }
}

fn since_begin(at: Millis) -> u32 {
    (at.0 - BEGIN.0).clamp(0, i64::from(u32::MAX)) as u32
}
