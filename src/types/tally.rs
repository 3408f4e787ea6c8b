//! What the engine counts besides its output: one tally for a run, the same for model and pipeline.

use crate::types::RejectReason;
use borsh::{BorshDeserialize, BorshSerialize};

/// Why an accepted event had no effect.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum IgnoreReason {
    /// Nobody owns the identifiers of `from`, or no such customer id was ever given.
    UnknownCustomer,
    /// No open conversation was found, or the division no longer holds it.
    UnknownConversation,
    /// The event names another division than the conversation's.
    OtherDivision,
    /// The agent is unknown in the division.
    UnknownAgent,
    /// An answer to an offer that is not alive (any more), or not this agent's.
    DeadOffer,
    /// The conversation is not in a state in which this means something (held while not active …), or the agent
    /// has no such wrap-up.
    WrongState,
    /// A profile or a link without an identifier that counts.
    NoIdentifier,
    /// The identifier that is to be split off is the only one of its customer.
    OnlyIdentifier,
    /// A contact, under rules that have no queue.
    NoQueue,
    /// Rules that `check` refuses.
    BadRules,
    /// Rules without a queue, channel or kind that is in use, or without a division.
    InUse,
}

impl IgnoreReason {
    /// Every reason, in the order of the type.
    pub const ALL: [IgnoreReason; 11] = [
        IgnoreReason::UnknownCustomer,
        IgnoreReason::UnknownConversation,
        IgnoreReason::OtherDivision,
        IgnoreReason::UnknownAgent,
        IgnoreReason::DeadOffer,
        IgnoreReason::WrongState,
        IgnoreReason::NoIdentifier,
        IgnoreReason::OnlyIdentifier,
        IgnoreReason::NoQueue,
        IgnoreReason::BadRules,
        IgnoreReason::InUse,
    ];

    /// The word in reports.
    pub const fn word(self) -> &'static str {
        match self {
            IgnoreReason::UnknownCustomer => "unknown_customer",
            IgnoreReason::UnknownConversation => "unknown_conversation",
            IgnoreReason::OtherDivision => "other_division",
            IgnoreReason::UnknownAgent => "unknown_agent",
            IgnoreReason::DeadOffer => "dead_offer",
            IgnoreReason::WrongState => "wrong_state",
            IgnoreReason::NoIdentifier => "no_identifier",
            IgnoreReason::OnlyIdentifier => "only_identifier",
            IgnoreReason::NoQueue => "no_queue",
            IgnoreReason::BadRules => "bad_rules",
            IgnoreReason::InUse => "in_use",
        }
    }
}

/// Counts of one objective in one queue: every cycle is met, breached or cancelled exactly once.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default, BorshSerialize, BorshDeserialize)]
pub struct ObjectiveTally {
    /// Cycles begun.
    pub started: u64,
    /// Stopped in time.
    pub met: u64,
    /// Breached, whenever stopped.
    pub breached: u64,
    /// Ended otherwise, or begun anew, before due.
    pub cancelled: u64,
}

/// Counts of a run. `events = accepted + duplicates + sum(rejected)`; `accepted = applied + sum(ignored)`.
#[derive(Clone, PartialEq, Eq, Debug, Default, BorshSerialize, BorshDeserialize)]
pub struct Tally {
    /// Events read, rejected ones included.
    pub events: u64,
    /// Events that passed decode and deduplication.
    pub accepted: u64,
    /// Events dropped as duplicates.
    pub duplicates: u64,
    /// Rejected events by reason (index: `RejectReason as usize`).
    pub rejected: [u64; RejectReason::ALL.len()],
    /// Accepted events without effect by reason (index: `IgnoreReason as usize`).
    pub ignored: [u64; IgnoreReason::ALL.len()],
    /// Events whose time was later than the clock or more than `max_late` before it.
    pub clamped: u64,
    /// Customers founded.
    pub customers: u64,
    /// Customers absorbed by another.
    pub absorbed: u64,
    /// Identifiers split off, each to a customer of its own.
    pub split: u64,
    /// Customers erased.
    pub erased: u64,
    /// Customers forgotten, for they had no event for too long.
    pub forgotten: u64,
    /// By queue (index: `QueueId`), then by objective (index: `Objective as usize`).
    pub objectives: Vec<[ObjectiveTally; 4]>,
}

impl Tally {
    /// An empty tally for rules with so many queues.
    pub fn new(queues: usize) -> Tally {
        Tally { objectives: vec![Default::default(); queues], ..Tally::default() }
    }

    /// Adds what a stage counted of events without effect.
    pub fn add_ignored(&mut self, ignored: &[u64; IgnoreReason::ALL.len()]) {
        self.ignored.iter_mut().zip(ignored).for_each(|(sum, count)| *sum += count);
    }
}
