//! What people make of the engine's decisions: a conversation opened is a case to wait for, an offer is one to
//! answer, a withdrawal or a closing ends what was planned. A reaction only plans; it writes nothing.

use crate::collections::prefetch::prefetch;
use crate::sim::act::Act;
use crate::sim::batch::{Batch, News, What};
use crate::sim::case::{Case, Stage};
use crate::sim::cast::Medium;
use crate::sim::directory::{NOBODY, mark};
use crate::sim::world::{AHEAD, REACTION_MS_MIN, World};
use crate::types::{ChannelId, CloseOutcome, ConversationId, QueueId, WithdrawReason};

impl World {
    /// Takes up what the engine decided about a batch.
    pub(super) fn react(&mut self, batch: &Batch) {
        for (place, news) in batch.news.iter().enumerate() {
            if let Some(later) = batch.news.get(place + 3 * AHEAD) {
                self.directory.prefetch(mark(later.conversation));
            }
            if let Some(later) = batch.news.get(place + 2 * AHEAD) {
                self.fetch_for(batch, later);
            }
            if let Some(later) = batch.news.get(place + AHEAD) {
                self.fetch_behind_case(later);
            }
            self.react_to(batch, news);
        }
    }

    /// Asks for the memory that news to be taken up soon will need.
    #[inline]
    fn fetch_for(&self, batch: &Batch, news: &News) {
        if let What::Opened { line, .. } = news.what {
            if let Some(sent) = batch.sent.get(line as usize) {
                self.people.fetch(sent.person);
            }
            return;
        }
        prefetch(&self.cases, self.likely_case(news));
        if let What::Offered { agent, .. } = news.what {
            prefetch(&self.agents, agent as usize);
        }
    }

    /// Asks for what is found by way of the case: its agent and its customer.
    #[inline]
    fn fetch_behind_case(&self, news: &News) {
        if let What::Withdrawn(_) | What::Closed(_) = news.what
            && let Some(case) = self.cases.get(self.likely_case(news))
        {
            prefetch(&self.agents, case.agent as usize);
            self.people.fetch(case.person);
        }
    }

    /// The case that news is about, unless two share a mark.
    #[inline]
    fn likely_case(&self, news: &News) -> usize {
        self.directory.get(mark(news.conversation), |_| true) as usize
    }

    fn react_to(&mut self, batch: &Batch, news: &News) {
        // A deadline of long ago fires with the first line after it; nobody hears of it before.
        let at = news.at.max(batch.begins);
        if let What::Opened { line, queue, channel } = news.what {
            return self.opened(at, batch, news, line, queue, channel);
        }
        let id = news.conversation;
        let case = self.directory.get(mark(id), |case| self.cases[case as usize].id == id);
        if case == NOBODY {
            self.census_mut().strangers += u64::from(matches!(news.what, What::Offered { .. }));
            return;
        }
        match news.what {
            What::Offered { agent, expires, queue, channel } if agent < self.plan.agents => {
                self.offered(at, case, agent, expires, queue, channel);
            }
            What::Withdrawn(reason) => self.withdrawn(at, case, reason),
            What::Pivoted(channel) => self.pivoted(at, case, channel),
            What::Folded { into, channel } => self.folded(at, case, into, channel),
            What::Closed(outcome) => self.closed(at, case, outcome),
            What::Opened { .. } | What::Offered { .. } => {}
        }
    }

    fn opened(&mut self, at: u32, batch: &Batch, news: &News, line: u32, queue: QueueId, channel: ChannelId) {
        let Some(sent) = batch.sent.get(line as usize).copied().filter(|sent| sent.person != NOBODY) else {
            self.census_mut().strangers += 1;
            return;
        };
        let case = self.free.pop().unwrap_or_else(|| {
            self.cases.push(Case::nothing());
            self.cases.len() as u32 - 1
        });
        let medium = self.cast.media[channel.at()];
        let rounds = match medium {
            Medium::Voice => 0,
            Medium::Chat => self.rng.between(1, 5),
            Medium::Mail => self.rng.below(2),
            Medium::Text => self.rng.between(1, 4),
            Medium::Social => self.rng.between(1, 3),
        } as u8;
        let is_callback = sent.due > at;
        let held = &mut self.cases[case as usize];
        *held = Case {
            id: news.conversation,
            person: sent.person,
            thread: sent.thread,
            lane: sent.lane,
            intent: sent.intent,
            by_route: sent.by_route,
            which: sent.which,
            queue: queue.0,
            channel: channel.0,
            rounds,
            stage: if is_callback { Stage::Scheduled } else { Stage::Waiting },
            agent: NOBODY,
            weight: 0,
            since: 0,
            life: held.life,
            turn: held.turn + 1,
        };
        let Case { life, turn, .. } = *held;
        self.directory.insert(mark(news.conversation), case);
        self.people.set_open_case(sent.person, case);
        self.census_mut().opened += 1;
        if is_callback {
            return self.plan_in(sent.due, 0, Act::CallBack, case, turn, 0);
        }
        self.census_mut().waiting[queue.at()] += 1;
        if self.rng.chance(self.habits.supervised) {
            let delay = self.rng.between(2_000, 30_000);
            self.react_in(at, delay, Act::Supervise, case, life, 0);
        }
        if medium != Medium::Voice && self.rng.chance(self.habits.nudge) {
            let delay = self.rng.between(1_500, 40_000);
            self.react_in(at, delay, Act::Nudge, case, life, 0);
        }
        if let Some(patience) = self.patience(medium) {
            self.react_in(at, patience, Act::GiveUp, case, life, 0);
        }
    }

    fn offered(&mut self, at: u32, case: u32, agent: u32, expires: u32, queue: QueueId, channel: ChannelId) {
        self.leave_queue(case);
        let weight = self.cast.weights[channel.at()];
        let held = &mut self.cases[case as usize];
        held.agent = agent;
        held.weight = weight;
        held.queue = queue.0;
        held.channel = channel.0;
        held.stage = Stage::Offered;
        held.turn += 1;
        held.since = at;
        self.weigh(at, agent, i64::from(weight));
        self.census_mut().offered += 1;
        match expires {
            NOBODY => self.take_up(at, case),
            expires => self.consider(at, case, expires),
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

    fn pivoted(&mut self, at: u32, case: u32, channel: ChannelId) {
        let Case { agent, weight, .. } = self.cases[case as usize];
        let new = self.cast.weights[channel.at()];
        self.cases[case as usize].channel = channel.0;
        if agent != NOBODY {
            self.cases[case as usize].weight = new;
            self.weigh(at, agent, i64::from(new) - i64::from(weight));
        }
    }

    /// Two conversations of one customer are one from now on: whoever had this one, or its offer, has the other.
    fn folded(&mut self, at: u32, case: u32, into: ConversationId, channel: ChannelId) {
        self.census_mut().folded += 1;
        self.leave_queue(case);
        let Case { id, person, agent, stage, weight, since, .. } = self.cases[case as usize];
        self.directory.remove(mark(id), case);
        let other = self.directory.get(mark(into), |case| self.cases[case as usize].id == into);
        if self.people.open_case(person) == case {
            self.people.set_open_case(person, other);
        }
        if other == NOBODY || agent == NOBODY {
            self.lay_down(at, case);
            if other != NOBODY && stage == Stage::Waiting {
                self.call_no_more(other);
            }
            return self.release(case);
        }
        self.cases[case as usize].weight = 0;
        self.release(case);
        self.leave_queue(other);
        let held = &mut self.cases[other as usize];
        held.turn += 1;
        (held.agent, held.stage, held.weight, held.since) = (agent, stage, weight, since);
        self.pivoted(at, other, channel);
        let turn = self.cases[other as usize].turn;
        if stage == Stage::Offered {
            let delay = 500 + self.rng.work(2_200);
            self.react_in(at, delay, Act::Accept, other, turn, 0);
        } else {
            self.take_up(at, other);
        }
    }

    /// It waits now, if it waited for its time before.
    fn call_no_more(&mut self, case: u32) {
        let held = &mut self.cases[case as usize];
        if held.stage == Stage::Scheduled {
            held.stage = Stage::Waiting;
            held.turn += 1;
            let queue = usize::from(held.queue);
            self.census_mut().waiting[queue] += 1;
        }
    }

    fn closed(&mut self, at: u32, case: u32, outcome: CloseOutcome) {
        self.leave_queue(case);
        let Case { id, person, lane, queue, stage, life, .. } = self.cases[case as usize];
        self.directory.remove(mark(id), case);
        if self.people.open_case(person) == case {
            self.people.set_open_case(person, NOBODY);
        }
        self.think_over(at, person, lane, outcome);
        let wrap_up = self.cast.wrap_ups[usize::from(queue)];
        let exchanged = matches!(outcome, CloseOutcome::Resolved | CloseOutcome::Answered);
        if matches!(stage, Stage::Active | Stage::Held) && exchanged && wrap_up > 0 {
            let held = &mut self.cases[case as usize];
            held.stage = Stage::Wrapping;
            held.turn += 1;
            let said = self.rng.chance(600);
            let delay = if said { wrap_up / 10 + self.rng.below(wrap_up * 8 / 10 + 1) } else { wrap_up };
            let delay = delay.max(REACTION_MS_MIN);
            self.react_in(at, delay, Act::Wrapped, case, life, u16::from(said));
        } else {
            self.lay_down(at, case);
            self.release(case);
        }
    }

    /// The customer, afterwards: some who were left waiting try elsewhere, some had not got what they came for.
    fn think_over(&mut self, at: u32, person: u32, lane: u16, outcome: CloseOutcome) {
        let (share, from, to) = match outcome {
            CloseOutcome::Abandoned | CloseOutcome::Expired => (self.habits.pivot, 15_000, 300_000),
            CloseOutcome::Resolved | CloseOutcome::Answered => (self.habits.come_back, 60_000, 2_400_000),
            _ => return,
        };
        if self.rng.chance(share) {
            let lane = self.another_lane(lane);
            let delay = self.rng.between(from, to);
            self.react_in(at, delay, Act::Return, person, 0, lane);
        }
    }

    pub(super) fn leave_queue(&mut self, case: u32) {
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
