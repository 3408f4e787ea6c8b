//! The invariants by full scan, pair by pair and record by record, without the structures that make matching fast: for
//! tests after each batch, and for whoever verifies a log.

use crate::rules::StepAction;
use crate::types::ids::CHANNELS_MAX;
use crate::types::tally::ObjectiveTally;
use crate::types::{ChannelId, DurationMs, Objective};

use super::clocks::Running;
use super::conversation::State;
use super::profile::Profile;
use super::staff::{Presence, Staff};
use super::timers::Handle;
use super::{Division, NONE};

impl Division {
    /// Checks what can be seen between two entries.
    ///
    /// # Panics
    /// If an invariant does not hold: that is a bug.
    pub fn audit(&self) {
        let slots: Vec<u32> = (0..self.book.bound()).filter(|slot| self.book[*slot].id.is_some()).collect();
        self.audit_states(&slots);
        self.audit_agents(&slots);
        self.audit_line(&slots);
        self.audit_cycles(&slots);
    }

    /// Each conversation is in exactly one state, with an agent or without, and its earliest deadline is in the wheel.
    fn audit_states(&self, slots: &[u32]) {
        let mut with_agents = 0;
        for slot in slots.iter().copied() {
            let conversation = &self.book[slot];
            let id = conversation.id;
            let with_agent = matches!(conversation.state, State::Offered | State::Active | State::Held);
            assert_eq!(conversation.agent != NONE, with_agent, "{id:?}: an agent has it or nobody has");
            assert_eq!(conversation.class != NONE, conversation.state == State::Queued, "{id:?} waits");
            if with_agent {
                let holds = &self.staff.agents[conversation.agent as usize].holds;
                assert_eq!(holds.iter().filter(|held| **held == slot).count(), 1, "{id:?} is held once");
                with_agents += 1;
            }
            let earliest = conversation.earliest(self.rules.conversation.idle_close);
            let armed = self.wheel.deadline(Handle::conversation(slot)).unwrap_or(i64::MAX);
            assert!(armed <= earliest.0, "{id:?}: a deadline is missed");
        }
        let held: usize = self.staff.agents.iter().map(|agent| agent.holds.len()).sum();
        assert_eq!(held, with_agents, "an agent has what is not its own");
    }

    /// Each agent's load is what it holds, offers and wrap-ups included, and it stands where it has room.
    fn audit_agents(&self, slots: &[u32]) {
        for number in 0..self.staff.agents.len() as u32 {
            let released = |slot: u32| self.extras.of(&self.book[slot]).is_some_and(|extra| extra.released);
            let agent = &self.staff.agents[number as usize];
            let held = agent.holds.iter().map(|slot| (self.book[*slot].channel, released(*slot)));
            let wrapped = agent.wrap_ups.iter().map(|wrap_up| (wrap_up.channel, false));
            self.staff.audit(number, held.chain(wrapped));
        }
        let waiting = |slot: &&u32| self.book[**slot].state == State::Queued;
        assert_eq!(slots.iter().filter(waiting).count(), self.waiting.all as usize, "what waits is counted");
    }

    /// Nobody waits whom somebody may take.
    fn audit_line(&self, slots: &[u32]) {
        let seated = self.waiting.is_seated() && self.staff.newcomer.is_none();
        assert!(seated, "what waits is in its heap, and who is free in the orders, between two entries");
        let mut by_queue = vec![0; self.rules.queues.len()];
        for slot in slots.iter().copied().filter(|slot| self.book[*slot].state == State::Queued) {
            let conversation = &self.book[slot];
            by_queue[conversation.queue.at()] += 1;
            let key = self.waiting.key(slot, conversation);
            let own = (conversation.arrived, conversation.queued, conversation.id);
            assert_eq!((key.arrived, key.queued, key.id), own, "its own key");
            for number in 0..self.staff.agents.len() as u32 {
                assert!(
                    !self.may_take(number, slot),
                    "{:?} waits, and {number} may take it",
                    conversation.id
                );
            }
        }
        for (queue, count) in by_queue.into_iter().enumerate() {
            assert_eq!(self.waiting.lines[queue].waiting, count, "what waits in a queue is counted");
        }
    }

    /// `may_take` of a pair, from the records alone.
    fn may_take(&self, number: u32, slot: u32) -> bool {
        let (agent, conversation) = (&self.staff.agents[number as usize], &self.book[slot]);
        agent.presence == Presence::Available
            && agent.profile != NONE
            && self.staff.has_room(number, conversation.channel)
            && self.staff.ramp.admits(number)
            && self.serves(&self.staff.profiles[agent.profile as usize], slot)
            && !self.exclusions.excludes(conversation, number, self.clock)
            && !self.is_shut(slot)
            && self.waits_for(slot).is_none_or(|wanted| wanted == number)
    }

    /// Whether a profile serves a conversation now: queue or a step that adds one, delay, skills, language.
    fn serves(&self, profile: &Profile, slot: u32) -> bool {
        let conversation = &self.book[slot];
        let (queue, waited) = (conversation.queue, self.clock.since(conversation.queued));
        let steps = self.rules.queues[queue.at()].steps.iter().take_while(|step| step.after <= waited);
        let added = steps.filter_map(|step| match step.action {
            StepAction::Add(added) => profile.serves(added),
            _ => None,
        });
        let delays: Vec<DurationMs> = match profile.serves(queue) {
            Some(own) => vec![own.delay],
            None => added.map(|serves| serves.delay).collect(),
        };
        let class = &self.waiting.classes[conversation.class as usize];
        delays.iter().any(|delay| *delay <= waited)
            && (class.lang_key == 0 || profile.langs.contains(&class.lang_key))
            && class.skills.iter().all(|(skill, level)| profile.level(*skill) >= *level)
    }

    /// Each cycle is met, breached or cancelled once, or is still under way.
    fn audit_cycles(&self, slots: &[u32]) {
        let mut counted = self.objectives.clone();
        for slot in slots {
            for (clock, objective) in self.book[*slot].clocks.iter().zip(Objective::ALL) {
                if clock.running != Running::No && !clock.breached {
                    counted[clock.queue.at()][*objective as usize].cancelled += 1;
                }
            }
        }
        for ObjectiveTally { started, met, breached, cancelled } in counted.into_iter().flatten() {
            assert_eq!(started, met + breached + cancelled, "cycles");
        }
    }
}

impl Staff {
    /// Whether an agent has room for a channel, from its record alone.
    pub fn has_room(&self, number: u32, channel: ChannelId) -> bool {
        let agent = &self.agents[number as usize];
        let at = channel.at();
        agent.load[at] < agent.capacity[at]
            && agent.used + self.weights[at] <= agent.budget
            && (0..CHANNELS_MAX).all(|other| agent.load[other] == 0 || self.excluded_by[at] >> other & 1 == 0)
    }

    /// Checks an agent's sums against what it holds: channel by channel, with whether the weight has been given back.
    /// Panics if they differ, or if the agent does not stand where it has room.
    pub fn audit(&self, number: u32, held: impl Iterator<Item = (ChannelId, bool)>) {
        let agent = &self.agents[number as usize];
        let (mut load, mut used) = ([0; CHANNELS_MAX], 0);
        for (channel, released) in held {
            load[channel.at()] += 1;
            used += if released { 0 } else { self.weights[channel.at()] };
        }
        assert_eq!((agent.load, agent.used), (load, used), "load of agent {number}");
        assert_eq!(agent.held, load.iter().map(|count| u32::from(*count)).sum::<u32>(), "agent {number}");
        let takes = agent.presence == Presence::Available && self.ramp.admits(number);
        let channels = (0..self.weights.len()).map(|at| ChannelId(at as u8));
        let room = channels.filter(|c| takes && self.has_room(number, *c)).fold(0, |bits, c| bits | 1 << c.0);
        let stands = self.groups.get(agent.group as usize).map_or(0, |group| group.room);
        assert_eq!(stands, room, "room of agent {number}");
    }
}
