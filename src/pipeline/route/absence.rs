//! Agents who are gone, and customers who are silent: work that goes back to the queue, weight that is given back, offers
//! that a minute bounds, and conversations that wait for somebody who cannot come.

use crate::types::{AgentPresence, Millis, WithdrawReason};

use super::Division;
use super::conversation::State;
use super::operations::Parting;
use super::orders::Moved;
use super::queueing::Entry;
use super::staff::Presence;
use super::timers::TimerKind;

impl Division {
    /// The conversation goes back to the queue when its agent has been offline for what its channel says.
    pub(super) fn arm_reclaim(&mut self, slot: u32) {
        let clock = self.clock;
        let conversation = &mut self.book[slot];
        let since = self.staff.agents[conversation.agent as usize].offline_since;
        let span = self.rules.channels[conversation.channel.at()].reclaim;
        let at = match span {
            Some(span) if since != Millis::MAX => since.plus(span).max(clock),
            _ => Millis::MAX,
        };
        self.extras.arm(conversation, TimerKind::Reclaim, at);
    }

    /// Its agent has been offline for long enough.
    pub(super) fn reclaim(&mut self, slot: u32) {
        let conversation = &mut self.book[slot];
        self.extras.arm(conversation, TimerKind::Reclaim, Millis::MAX);
        let accepted = matches!(conversation.state, State::Active | State::Held);
        if accepted && self.staff.agents[conversation.agent as usize].presence == Presence::Offline {
            self.put_back(slot);
        }
    }

    /// The agent who had it is gone: back to its queue, in which it counts as new; its place by age stays.
    pub(super) fn put_back(&mut self, slot: u32) {
        self.withdraw(slot, WithdrawReason::AgentLeft);
        self.part(slot, Parting::Free);
        let conversation = &mut self.book[slot];
        conversation.held_pause = false;
        conversation.settle_resolution(self.clock, &self.targets);
        self.enter_queue(slot, Entry::Return);
    }

    /// Who works on it has replied last; if the customer stays silent, the weight is given back.
    pub(super) fn note_reply(&mut self, slot: u32) {
        let clock = self.clock;
        let conversation = &mut self.book[slot];
        let accepted = matches!(conversation.state, State::Active | State::Held);
        if let Some(span) = self.rules.channels[conversation.channel.at()].release_after
            && accepted
        {
            self.extras.arm(conversation, TimerKind::Release, clock.plus(span));
        }
    }

    /// The customer has been silent for long enough.
    pub(super) fn release(&mut self, slot: u32) {
        let conversation = &mut self.book[slot];
        self.extras.arm(conversation, TimerKind::Release, Millis::MAX);
        let (agent, channel) = (conversation.agent, conversation.channel);
        let extra = self.extras.of_mut(conversation);
        if !std::mem::replace(&mut extra.released, true) {
            self.staff.give_back(agent, channel);
        }
        self.free(agent);
    }

    /// The weight of a conversation counts again, if it had been given back; nothing is to be given back for now.
    pub(super) fn take_again(&mut self, slot: u32) {
        let conversation = &mut self.book[slot];
        self.extras.arm(conversation, TimerKind::Release, Millis::MAX);
        if self.extras.of(conversation).is_some_and(|extra| extra.released) {
            self.extras.of_mut(conversation).released = false;
            let agent = conversation.agent;
            self.staff.take_back(agent, conversation.channel);
            self.settle(agent, Moved::Load);
        }
    }

    /// Before an agent changes: what waits for this agent and nobody else now.
    pub(super) fn note_waiting_for(&mut self, agent: u32) {
        let mut waiting = std::mem::take(&mut self.scratch.waiting);
        waiting.clear();
        let list = self.extras.waiting_for(agent).iter();
        waiting.extend(list.copied().filter(|slot| self.waits_for(*slot) == Some(agent)));
        self.scratch.waiting = waiting;
    }

    /// After it: what no longer does may be taken by others.
    pub(super) fn wait_no_longer(&mut self, agent: u32) {
        let waiting = std::mem::take(&mut self.scratch.waiting);
        for slot in &waiting {
            if self.waits_for(*slot) != Some(agent) {
                self.takeable.push(*slot);
            }
        }
        self.scratch.waiting = waiting;
    }

    /// The agent for whom a queued conversation waits now: one who is neither offline nor away and could serve it, room
    /// apart.
    pub(super) fn waits_for(&self, slot: u32) -> Option<u32> {
        if !self.extras.holds_back(slot) {
            return None;
        }
        let conversation = &self.book[slot];
        let window = self.extras.of(conversation)?.window(self.clock)?;
        let agent = &self.staff.agents[window.agent as usize];
        let is_there = matches!(agent.presence, Presence::Available | Presence::NotResponding);
        let class = self.waiting.classes.get(conversation.class as usize)?;
        (is_there && class.profiles.get(agent.profile)).then_some(window.agent)
    }

    /// Presence, and what becomes of an agent's work.
    pub(super) fn presence(&mut self, number: u32, presence: AgentPresence, requeue: bool) {
        self.note_waiting_for(number);
        let clock = self.clock;
        let agent = &mut self.staff.agents[number as usize];
        let was_offline = agent.presence == Presence::Offline;
        let leaves = presence == AgentPresence::Offline && !was_offline;
        if was_offline && presence != AgentPresence::Offline {
            agent.handled = 0;
        }
        agent.presence = match presence {
            AgentPresence::Available => Presence::Available,
            AgentPresence::Away => Presence::Away,
            AgentPresence::Offline => Presence::Offline,
        };
        if leaves {
            agent.offline_since = clock;
        } else if presence != AgentPresence::Offline {
            agent.offline_since = Millis::MAX;
        }
        let available = presence == AgentPresence::Available;
        if available && !agent.known_idle {
            agent.note_idle(clock);
        }
        if available {
            self.free(number);
        } else {
            self.settle(number, Moved::All);
        }
        if requeue || leaves || !available {
            self.part_from_work(number, (requeue, leaves, available));
        }
        self.wait_no_longer(number);
    }

    fn part_from_work(&mut self, number: u32, (requeue, leaves, available): (bool, bool, bool)) {
        let mut work = std::mem::take(&mut self.scratch.offers);
        work.clear();
        work.extend(self.staff.agents[number as usize].holds.iter().copied());
        work.sort_unstable_by_key(|slot| self.book[*slot].id);
        for slot in work.iter().copied() {
            let accepted = matches!(self.book[slot].state, State::Active | State::Held);
            if accepted && requeue && !available {
                self.put_back(slot);
            } else if accepted && leaves {
                self.arm_reclaim(slot);
            } else if !accepted && !available {
                self.miss(slot, WithdrawReason::AgentLeft);
            }
            self.rearm_if_held(slot);
        }
        self.scratch.offers = work;
    }

    /// The agent has been offered something: where offers are bounded, this one counts for a minute.
    pub(super) fn count_offer(&mut self, number: u32) {
        if self.staff.ramp.count(number, self.clock) {
            self.arm_agent(number);
        }
    }
}
