//! The full reasons of a decision: everybody who might have been offered a conversation, everything else that the agent
//! might have taken, every point of the value. The engine tells a line of it with each offer; the rest is derived here.

use std::cmp::Reverse;

use super::division::{Division, Moment};
use super::matching::{merit, points, priority, raised, rank};
use super::value::Points;
use crate::types::{AcceptMode, Cause, ConversationId, DurationMs, Millis};

/// Why an agent was offered a conversation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reasons {
    /// When.
    pub at: Millis,
    /// By which event, or by a timer.
    pub cause: Cause,
    /// Which conversation.
    pub conversation: ConversationId,
    /// Which agent.
    pub agent: String,
    /// Offered, given, or ordered: of an order the lists of others only tell what else there was.
    pub accept: AcceptMode,
    /// Who might have taken it, in the order in which the queue's strategy prefers them.
    pub agents: Vec<Candidate>,
    /// What the agent might have taken, in the order in which an agent takes by priority.
    pub conversations: Vec<Alternative>,
    /// The terms of the conversation's value; it is their sum, clamped.
    pub value: Vec<Points>,
    /// What its age adds to that, in 2⁻³² points.
    pub ageing: i128,
    /// What steps of relaxation have added, in points.
    pub raised: i128,
}

/// An agent who might have taken a conversation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Candidate {
    /// Its name.
    pub agent: String,
    /// What the queue's strategy compares, the least first.
    pub merit: i64,
    /// What decides among equals: since when it is idle.
    pub idle_since: Option<Millis>,
}

/// A conversation that an agent might have taken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Alternative {
    /// The agent's rank for it.
    pub rank: u32,
    /// In 2⁻³² points.
    pub priority: i128,
    /// What decides among equals.
    pub arrived: Millis,
    /// Which, the last word among equals.
    pub conversation: ConversationId,
}

impl Division {
    /// The reasons of an offer that is about to be made.
    pub fn reasons(&self, id: ConversationId, name: &str, accept: AcceptMode, moment: &Moment) -> Reasons {
        let conversation = self.conversation(id);
        let waits = self.waiting.contains(&id);
        let candidates = self.agents.iter().filter(|(name, _)| waits && self.may_take(name, id, moment));
        let mut agents: Vec<Candidate> = candidates
            .map(|(name, agent)| Candidate {
                agent: name.clone(),
                merit: merit(agent, conversation, moment),
                idle_since: agent.idle_since,
            })
            .collect();
        agents.sort_by_key(|one| (one.merit, one.idle_since.unwrap_or(Millis::MIN), one.agent.clone()));
        let takeable = self.waiting.iter().copied().filter(|id| self.may_take(name, *id, moment));
        let alternative = |id: ConversationId| {
            let conversation = self.conversation(id);
            let rank = rank(&self.agents[name], conversation, moment).expect("who may take it serves it");
            let (priority, arrived) = (priority(conversation, moment), conversation.arrived);
            Alternative { rank, priority, arrived, conversation: id }
        };
        let mut conversations: Vec<Alternative> = takeable.map(alternative).collect();
        conversations.sort_by_key(|one| (one.rank, Reverse(one.priority), one.arrived, one.conversation));
        let age = moment.clock.since(conversation.arrived).max(DurationMs::ZERO);
        Reasons {
            at: moment.clock,
            cause: moment.cause,
            conversation: id,
            agent: name.to_owned(),
            accept,
            agents,
            conversations,
            value: conversation.worth.0.clone(),
            ageing: points(&moment.queue(conversation.queue).curve, age),
            raised: raised(conversation, moment),
        }
    }
}
