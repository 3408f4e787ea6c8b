//! Deadlines of a division in the order in which they are carried out: deadline, kind, conversation or agent,
//! number. The order of the variants is the specification's order of kinds. A timer whose reason is gone finds that
//! out when it is carried out, so that nobody has to take it back.

use std::collections::BTreeSet;

use crate::types::{ConversationId, Millis, Objective};

/// What is due.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Timer {
    /// An offer expires.
    OfferExpiry(ConversationId),
    /// Wrap-up of this agent after this conversation ends.
    WrapUp(String, ConversationId),
    /// The agent who had it has been offline for the channel's `reclaim`.
    Reclaim(ConversationId),
    /// The customer has been silent for the channel's `release_after`.
    Release(ConversationId),
    /// A step of relaxation, by its number.
    Step(ConversationId, usize),
    /// A window of affinity is over, by its number.
    Affinity(ConversationId, usize),
    /// This agent may be offered the conversation again.
    Exclusion(ConversationId, String),
    /// Agents with this delay (ms) in their list may take the conversation.
    Delay(ConversationId, i64),
    /// The queue that was closed when it entered opens.
    Opening(ConversationId),
    /// An offer of this agent no longer counts.
    Ramp(String),
    /// It has waited for as long as its queue lets it.
    MaxWait(ConversationId),
    /// A callback is due.
    Callback(ConversationId),
    /// A warning: number of the objective, percent.
    Warning(ConversationId, Objective, u8),
    /// A breach.
    Breach(ConversationId, Objective),
    /// Nothing has happened for `idle_close`.
    IdleClose(ConversationId),
}

/// All armed timers of a division.
#[derive(Clone, Debug, Default)]
pub struct Timers {
    armed: BTreeSet<(Millis, Timer)>,
}

impl Timers {
    /// Arms a timer.
    pub fn arm(&mut self, deadline: Millis, timer: Timer) {
        self.armed.insert((deadline, timer));
    }

    /// Takes a timer back; one that is not armed is none.
    pub fn disarm(&mut self, deadline: Millis, timer: Timer) {
        self.armed.remove(&(deadline, timer));
    }

    /// The least timer, if it is due at `clock` or before.
    pub fn next_due(&mut self, clock: Millis) -> Option<(Millis, Timer)> {
        let due = self.armed.first().is_some_and(|(deadline, _)| *deadline <= clock);
        if due { self.armed.pop_first() } else { None }
    }

    /// The next deadline.
    pub fn next_deadline(&self) -> Option<Millis> {
        self.armed.first().map(|(deadline, _)| *deadline)
    }
}
