//! What agents do: come and go, answer offers, speak and write, hold, hand over, resolve, wrap up.

use crate::sim::act::Act;
use crate::sim::case::{Presence, Stage};
use crate::sim::cast::{Lane, Medium};
use crate::sim::lines::{NO_CONTACT, Source};
use crate::sim::phrases::LANGUAGES;
use crate::sim::profile::{Pace, Profile};
use crate::sim::world::{REACTION_MS_MIN, World};
use crate::types::EventType;

/// Time that a new case costs the agents from the offer to the resolve, by medium: measured over long runs, since
/// exchanges end early, are handed over and come back. Arrivals are set by it; a test measures it again.
pub(super) const HANDLING_MS: [u32; Medium::COUNT] = [198_000, 172_000, 303_000, 250_000, 266_000];

/// Mean time to read and to answer.
const THINKING_MS: [u32; Medium::COUNT] = [600, 24_000, 170_000, 40_000, 55_000];
/// Mean time until the customer writes again.
const PAUSE_MS: [u32; Medium::COUNT] = [0, 18_000, 60_000, 35_000, 40_000];
/// Mean of a telephone call.
const TALK_MS: u32 = 170_000;

impl World {
    /// The offer is answered or passed over.
    pub(super) fn consider(&mut self, at: u32, case: u32, expires: u32) {
        let turn = self.cases[case as usize].turn;
        let reaction = 500 + self.rng.work(2_200);
        match self.rng.below(1_000) {
            // Nobody at the desk: the offer runs out. Some answer all the same, too late.
            0..14 => {
                if self.rng.chance(300) {
                    let agent = self.cases[case as usize].agent;
                    let delay = self.rng.between(REACTION_MS_MIN, 3_000);
                    self.react_in(expires.max(at), delay, Act::AcceptLate, agent, case, 0);
                }
            }
            14..40 => self.react_in(at, reaction + 500, Act::Decline, case, turn, 0),
            _ => self.react_in(at, reaction, Act::Accept, case, turn, 0),
        }
    }

    pub(super) fn accept(&mut self, at: u32, case: u32) {
        let agent = self.cases[case as usize].agent;
        self.answer(at, case, agent, EventType::OfferAccepted);
        self.take_up(at, case);
    }

    pub(super) fn decline(&mut self, at: u32, case: u32) {
        let agent = self.cases[case as usize].agent;
        self.answer(at, case, agent, EventType::OfferDeclined);
    }

    pub(super) fn accept_late(&mut self, at: u32, agent: u32, case: u32) {
        if self.cases[case as usize].stage != Stage::Free {
            self.census_mut().late_answers += 1;
            self.answer(at, case, agent, EventType::OfferAccepted);
        }
    }

    fn answer(&mut self, at: u32, case: u32, agent: u32, event: EventType) {
        self.census_mut().answers += 1;
        self.begin(at, Source::Desktop, event);
        self.write_agent(agent);
        self.lines.conversation(self.cases[case as usize].id);
        self.end(at, NO_CONTACT);
    }

    /// From now on the agent works on it.
    pub(super) fn take_up(&mut self, at: u32, case: u32) {
        let (_, medium) = self.medium_of(case);
        let held = &mut self.cases[case as usize];
        held.stage = Stage::Active;
        held.turn += 1;
        let turn = held.turn;
        let delay = self.thinking(medium);
        self.react_in(at, delay, Act::Reply, case, turn, 0);
    }

    /// Time to read and answer.
    pub(super) fn thinking(&mut self, medium: Medium) -> u32 {
        REACTION_MS_MIN + self.rng.work(THINKING_MS[medium as usize])
    }

    pub(super) fn reply(&mut self, at: u32, case: u32) {
        let (_, medium) = self.medium_of(case);
        let source = if medium == Medium::Voice { Source::Switch } else { Source::Desktop };
        self.begin(at, source, EventType::ConversationReplied);
        // A mail server and a social network know who writes to whom, not the engine's id.
        let thread = self.cases[case as usize].thread;
        if matches!(medium, Medium::Mail | Medium::Social) && thread > 1 && self.rng.chance(300) {
            let carried = self.carried_in(case);
            self.people.write_from(&mut self.lines, &mut self.rng, &carried);
            self.lines.thread(thread);
        } else {
            self.lines.conversation(self.cases[case as usize].id);
        }
        self.lines.agent(self.cases[case as usize].agent);
        self.end(at, NO_CONTACT);
        if medium == Medium::Voice { self.talk(at, case) } else { self.go_on(at, case, medium) }
    }

    /// A call, with what may come between.
    fn talk(&mut self, at: u32, case: u32) {
        let turn = self.cases[case as usize].turn;
        let talk = 8_000 + self.rng.work(TALK_MS - 8_000);
        match self.rng.below(100) {
            0..8 => {
                let hold = self.rng.work(25_000).max(2_000);
                self.plan_in(at, talk / 3, Act::Hold, case, turn, 0);
                self.plan_in(at, talk / 3 + hold, Act::Resume, case, turn, 0);
                self.plan_in(at, talk + hold, Act::Resolve, case, turn, 0);
            }
            8..12 => self.plan_in(at, talk / 2, Act::Transfer, case, turn, 0),
            12..14 => self.plan_in(at, talk / 2, Act::HangUp, case, turn, 0),
            _ => self.plan_in(at, talk, Act::Resolve, case, turn, 0),
        }
    }

    /// After a written answer: the customer writes again, or it is done.
    fn go_on(&mut self, at: u32, case: u32, medium: Medium) {
        let held = &mut self.cases[case as usize];
        let turn = held.turn;
        if held.rounds == 0 {
            let delay = self.rng.between(2_000, 25_000);
            self.plan_in(at, delay, Act::Resolve, case, turn, 0);
            return;
        }
        held.rounds -= 1;
        let pause = 1_000 + self.rng.work(PAUSE_MS[medium as usize]);
        match self.rng.below(1_000) {
            0..15 => self.plan_in(at, pause, Act::Transfer, case, turn, 0),
            15..30 => self.plan_in(at, pause, Act::HangUp, case, turn, 0),
            // Nobody writes any more; in the end the agent calls it done.
            30..60 => self.plan_in(at, 90_000, Act::Resolve, case, turn, 0),
            _ => {
                let more = match self.rng.below(10) {
                    0..6 => 0,
                    6..9 => 1,
                    _ => 2,
                };
                self.plan_in(at, pause, Act::Message, case, turn, more);
            }
        }
    }

    pub(super) fn hold(&mut self, at: u32, case: u32, held: bool) {
        let event = if held { EventType::ConversationHeld } else { EventType::ConversationResumed };
        self.begin(at, Source::Switch, event);
        self.lines.conversation(self.cases[case as usize].id);
        if held {
            self.lines.text("reason", "asking a colleague");
        }
        self.cases[case as usize].stage = if held { Stage::Held } else { Stage::Active };
        self.end(at, NO_CONTACT);
    }

    pub(super) fn transfer(&mut self, at: u32, case: u32) {
        let (_, medium) = self.medium_of(case);
        let from = self.cases[case as usize].lane;
        let pool = self.cast.pools_of[self.cast.lanes[usize::from(from)].division.at()];
        let pool =
            pool[usize::from(medium != Medium::Voice)].or(pool[0]).or(pool[1]).expect("a lane has a pool");
        if self.rng.chance(self.habits.to_division)
            && let Some(lane) = self.lane_elsewhere(case)
        {
            return self.hand_to_division(at, case, lane);
        }
        let lanes = &self.cast.pools[usize::from(pool)].lanes;
        let to = lanes[self.rng.below(lanes.len() as u32) as usize];
        self.begin(at, Source::Desktop, EventType::ConversationTransferred);
        self.lines.conversation(self.cases[case as usize].id);
        let channel = self.cases[case as usize].channel;
        let Lane { channel: of_lane, queue, .. } = self.cast.lanes[usize::from(to)];
        if self.rng.chance(self.habits.to_colleague)
            && let Some(colleague) = self.member_of(pool)
        {
            self.lines.agent(colleague);
        } else if of_lane.0 == channel && self.rng.chance(800) {
            self.lines.put(self.lines.texts.queues[queue.at()]);
        }
        self.end(at, NO_CONTACT);
    }

    pub(super) fn resolve(&mut self, at: u32, case: u32) {
        self.begin(at, Source::Desktop, EventType::ConversationResolved);
        self.lines.conversation(self.cases[case as usize].id);
        if self.rng.chance(950) {
            self.lines.agent(self.cases[case as usize].agent);
        }
        let outcome =
            ["solved", "solved", "solved", "informed", "sold", "not solved"][self.rng.below(6) as usize];
        self.lines.text("outcome", outcome);
        self.end(at, NO_CONTACT);
    }

    /// The agent's work after the exchange is over; the desktop may say so before the time allowed is.
    pub(super) fn wrapped(&mut self, at: u32, case: u32, said: bool) {
        let agent = self.cases[case as usize].agent;
        if said {
            self.begin(at, Source::Desktop, EventType::AgentWrapped);
            self.write_agent(agent);
            self.lines.conversation(self.cases[case as usize].id);
            self.end(at, NO_CONTACT);
        }
        self.lay_down(at, case);
        self.release(case);
    }

    pub(super) fn log_in(&mut self, at: u32, agent: u32) {
        self.define(at, agent);
        let delay = self.rng.between(1_000, 6_000);
        let turn = self.agents[agent as usize].turn;
        self.plan_in(at, delay, Act::Available, agent, turn, 0);
        let ends = self.agents[agent as usize].shift_ends;
        if ends < u32::MAX {
            self.plan_in(ends, 0, Act::Leave, agent, 0, 0);
        }
    }

    /// Writes the agent's definition.
    fn define(&mut self, at: u32, agent: u32) {
        let cast = self.cast.agents[agent as usize];
        let pool = &self.cast.pools[usize::from(cast.pool)];
        let voice = pool.voice;
        self.begin(at, Source::Workforce, EventType::AgentUpdated);
        self.write_agent(agent);
        self.write_capacity(voice, cast.blended);
        self.lines.open("skills");
        // What the queues served ask for, and some more: levels differ from agent to agent.
        let mut named: [&str; 8] = [""; 8];
        let mut count = 0;
        for place in &cast.lanes[..usize::from(cast.lane_count)] {
            let queue = self.cast.lane(cast.pool, *place).queue;
            for skill in &self.rules.queues[queue.at()].skills {
                if !named.contains(&skill.name.as_str()) && count < named.len() {
                    named[count] = &skill.name;
                    count += 1;
                    let level = (skill.level + (agent % 4) as u8 + 1).min(10);
                    self.lines.number(&skill.name, i64::from(level));
                }
            }
        }
        self.lines.close();
        self.lines.number("budget", 100);
        self.lines.literal(b"\"langs\":[");
        for (place, language) in LANGUAGES.iter().enumerate() {
            if cast.languages >> place & 1 == 1 {
                self.lines.literal(b"\"");
                self.lines.raw(language.as_bytes());
                self.lines.literal(b"\",");
            }
        }
        self.lines.close_list();
        self.write_queues(agent);
        self.end(at, NO_CONTACT);
    }

    fn write_capacity(&mut self, voice: bool, blended: bool) {
        const WRITTEN: [i64; Medium::COUNT] = [0, 4, 5, 5, 5];
        self.lines.open("capacity");
        for (place, medium) in self.cast.media.iter().enumerate() {
            let capacity = match (voice, medium) {
                (true, Medium::Voice) => 1,
                (true, Medium::Chat) if blended => 1,
                (true, _) | (false, Medium::Voice) => continue,
                (false, medium) => WRITTEN[*medium as usize],
            };
            self.lines.number(&self.rules.channels[place].name, capacity);
        }
        self.lines.close();
    }

    fn write_queues(&mut self, agent: u32) {
        let cast = self.cast.agents[agent as usize];
        self.lines.open("queues");
        let served = &cast.lanes[..usize::from(cast.lane_count)];
        for (place, lane) in served.iter().enumerate() {
            let queue = self.cast.lane(cast.pool, *lane).queue;
            // Several lanes may lead to one queue.
            if served[..place].iter().any(|other| self.cast.lane(cast.pool, *other).queue == queue) {
                continue;
            }
            self.lines.open(&self.rules.queues[queue.at()].name);
            // Half of them know no ranks; a few leave their third queue to others for ten seconds.
            if agent.is_multiple_of(2) {
                self.lines.number("rank", place as i64 + 1);
            }
            if place == 2 && agent % 16 == 3 {
                self.lines.number("delay_s", 10);
            }
            self.lines.close();
        }
        self.lines.close();
    }

    pub(super) fn state(&mut self, at: u32, agent: u32, presence: Presence, requeue: bool) {
        let held = &mut self.agents[agent as usize];
        let before = held.presence;
        held.presence = presence;
        held.turn += 1;
        let budget =
            (100 - i64::from(held.used)) * (i64::from(presence.is_there()) - i64::from(before.is_there()));
        let staff = self.staff_of(agent);
        self.census_mut().staff[staff].change(at, budget, 0);
        self.census_mut().agents[before as usize] -= 1;
        self.census_mut().agents[presence as usize] += 1;
        let word = match presence {
            Presence::Offline => "offline",
            Presence::Available => "available",
            Presence::Away => "away",
            // The engine knows by itself.
            Presence::NotResponding => return,
        };
        self.begin(at, Source::Desktop, EventType::AgentState);
        self.write_agent(agent);
        self.lines.text("state", word);
        if presence == Presence::Away {
            self.lines.text("reason", ["break", "lunch", "training"][self.rng.below(3) as usize]);
        }
        if requeue {
            self.lines.literal(b"\"requeue\":true,");
        }
        self.end(at, NO_CONTACT);
    }

    pub(super) fn available(&mut self, at: u32, agent: u32) {
        if self.agents[agent as usize].leaving {
            return;
        }
        self.state(at, agent, Presence::Available, false);
        let turn = self.agents[agent as usize].turn;
        let delay = 120_000 + self.rng.wait(90 * 60_000);
        self.plan_in(at, delay, Act::Break, agent, turn, 0);
    }

    pub(super) fn take_break(&mut self, at: u32, agent: u32) {
        if self.rng.chance(self.habits.restart) {
            return self.restart(at, agent);
        }
        self.state(at, agent, Presence::Away, false);
        let turn = self.agents[agent as usize].turn;
        let delay = self.rng.between(240_000, 900_000);
        if self.rng.chance(100) {
            self.define(at, agent);
        }
        self.plan_in(at, delay, Act::Available, agent, turn, 0);
    }

    /// Takes nothing new any more; logs out when the last exchange should be over.
    pub(super) fn leave(&mut self, at: u32, agent: u32) {
        self.agents[agent as usize].leaving = true;
        if self.agents[agent as usize].presence != Presence::Away {
            self.state(at, agent, Presence::Away, false);
        }
        let delay = self.rng.between(300_000, 900_000);
        self.plan_in(at, delay, Act::Offline, agent, 0, 0);
    }

    pub(super) fn offline(&mut self, at: u32, agent: u32) {
        // Whoever is last to leave hands over what is left on the desk.
        let requeue = self.agents[agent as usize].used > 0 && self.rng.chance(500);
        self.state(at, agent, Presence::Offline, requeue);
    }

    /// The engine holds that an agent does not answer; he finds out after a while.
    pub(super) fn miss(&mut self, at: u32, agent: u32) {
        if self.agents[agent as usize].presence != Presence::Available {
            return;
        }
        self.state(at, agent, Presence::NotResponding, false);
        let turn = self.agents[agent as usize].turn;
        let delay = self.rng.between(10_000, 60_000);
        self.react_in(at, delay, Act::Available, agent, turn, 0);
    }

    /// How long somebody waits before giving up, if ever.
    pub(super) fn patience(&mut self, medium: Medium) -> Option<u32> {
        let flooded = matches!(self.plan.profile, Profile::Firehose | Profile::Viral);
        match medium {
            Medium::Voice => Some(20_000 + self.rng.wait(150_000)),
            Medium::Chat => Some(40_000 + self.rng.wait(300_000)),
            Medium::Text if self.rng.chance(300) => Some(60_000 + self.rng.wait(1_200_000)),
            // Some delete what they wrote.
            Medium::Social if self.rng.chance(if flooded { 250 } else { 150 }) => {
                Some(10_000 + self.rng.wait(if self.plan.pace == Pace::Day { 900_000 } else { 90_000 }))
            }
            _ => None,
        }
    }
}
