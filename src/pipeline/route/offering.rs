//! Offers: a conversation goes to an agent, who is asked or not, and what the assignment tells.

use crate::rules::Strategy;
use crate::types::decision::{Body, Offered};
use crate::types::event::List;
use crate::types::{AcceptMode, Affinity, Millis};

use super::conversation::{Conversation, State};
use super::orders::Moved;
use super::waiting::points_shown;
use super::{Division, NONE};

impl Division {
    /// Offers a queued conversation to an agent who may take it, or gives it straight away.
    pub(super) fn offer(&mut self, slot: u32, number: u32, candidates: u32) {
        let Conversation { queue, channel, .. } = self.book[slot];
        let auto = self.rules.queues[queue.at()].auto_accept;
        let room = self.staff.groups[self.staff.agents[number as usize].group as usize].room;
        assert!(room >> channel.0 & 1 == 1, "who is offered something has room for it");
        let priority = self.priority(slot);
        self.give(
            slot,
            number,
            if auto { AcceptMode::Auto } else { AcceptMode::Offer },
            candidates,
            priority,
        );
    }

    /// Offers or gives a conversation to an agent.
    pub(super) fn give(
        &mut self,
        slot: u32,
        number: u32,
        accept: AcceptMode,
        candidates: u32,
        priority: i64,
    ) {
        let clock = self.clock;
        self.staff.prefetch(number, false);
        let affinity = match accept {
            AcceptMode::Ordered => None,
            AcceptMode::Offer | AcceptMode::Auto => self.affinity_for(slot),
        };
        let conversation = &mut self.book[slot];
        let queue = &self.rules.queues[conversation.queue.at()];
        let round_robin = queue.strategy == Strategy::RoundRobin;
        if conversation.class != NONE {
            self.waiting.leave(slot, conversation);
        }
        assert!(conversation.agent == NONE, "a conversation is with one agent at a time");
        conversation.agent = number;
        conversation.offers += 1;
        let (channel, of) = (conversation.channel, conversation.queue);
        let mut expires = None;
        if accept == AcceptMode::Offer {
            let at = self.now.map_or(clock, |now| now.max(clock)).plus(queue.offer_timeout);
            conversation.state = State::Offered;
            conversation.turn = at;
            expires = Some(at);
        }
        self.note_offer(slot, number, accept, (points_shown(priority), affinity), candidates, expires);
        self.staff.load(number, channel);
        self.staff.agents[number as usize].holds.push(slot);
        if round_robin {
            self.staff.offered_at(of, number, clock);
        }
        self.served.count(of);
        self.count_offer(number);
        if accept == AcceptMode::Offer {
            self.settle(number, Moved::Load);
        } else {
            self.accept(slot);
        }
        self.rearm(slot);
    }

    /// For whom a queued conversation waits now, if for somebody.
    fn affinity_for(&self, slot: u32) -> Option<Affinity> {
        self.waits_for(slot)?;
        self.extras.of(&self.book[slot])?.window(self.clock).map(|window| window.affinity)
    }

    /// Writes the assignment, before the agent's load changes. Clocks that acceptance stops are told as running
    /// only where the agent is still to accept.
    fn note_offer(
        &mut self,
        slot: u32,
        number: u32,
        accept: AcceptMode,
        (priority, affinity): (i64, Option<Affinity>),
        candidates: u32,
        expires: Option<Millis>,
    ) {
        let conversation = &self.book[slot];
        let profile = self.staff.agents[number as usize].profile;
        let way = self.waiting.lines[conversation.queue.at()].way_of(profile);
        let rank = self.rank_of_profile(profile, way, slot);
        let relaxed = u32::from(self.steps_passed(slot));
        let mut due = [None; 4];
        for (due, clock) in due.iter_mut().zip(&conversation.clocks) {
            *due = clock.open_due();
        }
        if accept != AcceptMode::Offer {
            due[0] = None;
        }
        let attempts =
            &self.attempts.get(conversation.context.attempts)[..conversation.context.attempt_count as usize];
        let start = self.batch.attempts.len() as u32;
        self.batch.attempts.extend_from_slice(attempts);
        let last_agent = match conversation.context.last_agent {
            NONE => Default::default(),
            name => self.batch.text(self.last_agents.get(name)),
        };
        let agent = self.batch.text(self.staff.names.get(number));
        let offered = Offered {
            agent,
            priority,
            value: conversation.context.value,
            waited: self.clock.since(conversation.arrived),
            accept,
            expires,
            due,
            strategy: self.rules.queues[conversation.queue.at()].strategy.word(),
            rank: rank.unwrap_or(0),
            relaxed,
            affinity,
            candidates,
            first_contact: conversation.context.first_contact,
            failed_attempts: conversation.context.failed_attempts,
            attempts: List { start, len: conversation.context.attempt_count },
            last_agent,
            kinds: conversation.context.kinds,
            message: conversation.context.message,
        };
        self.decide(slot, Body::Offered(offered));
    }
}
