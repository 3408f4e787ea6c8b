//! What the world keeps of each conversation and of each agent.

use crate::sim::directory::NOBODY;
use crate::types::ConversationId;

/// Where a case stands, as the world sees it.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(super) enum Stage {
    /// The place is free.
    Free,
    /// To be called back, not yet.
    Scheduled,
    /// Waiting in a queue.
    Waiting,
    /// With an agent who has not answered.
    Offered,
    /// With an agent.
    Active,
    /// On hold.
    Held,
    /// Closed, the agent still at it.
    Wrapping,
}

/// A conversation of the engine as its customer and agent see it.
#[derive(Clone, Debug)]
#[repr(align(64))]
pub(super) struct Case {
    pub id: ConversationId,
    pub person: u32,
    pub agent: u32,
    /// Raised when the place is freed: what was planned for the old case is stale.
    pub life: u32,
    /// Raised with every change of hands: what was planned for the former agent is stale.
    pub turn: u32,
    pub thread: u32,
    pub weight: u32,
    /// When the agent got it.
    pub since: u32,
    pub lane: u16,
    pub intent: u16,
    pub queue: u16,
    pub channel: u8,
    /// Exchanges still to come.
    pub rounds: u8,
    pub stage: Stage,
    pub by_route: bool,
    /// Which of the customer's numbers, addresses or browsers it came from.
    pub which: u8,
}

/// Presence of an agent.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(super) enum Presence {
    Offline,
    Available,
    Away,
    NotResponding,
}

impl Presence {
    /// Whether one counts as staff.
    pub(super) fn is_there(self) -> bool {
        matches!(self, Presence::Available | Presence::NotResponding)
    }
}

const _: () = assert!(size_of::<Case>() == 64, "a cache line");

/// An agent as the world sees him; who he is stands in `Cast::agents`.
#[derive(Clone, Debug)]
pub(super) struct Agent {
    pub turn: u32,
    pub shift_ends: u32,
    /// Weight held.
    pub used: u32,
    /// Place in `Cast::pools`.
    pub pool: u16,
    pub presence: Presence,
    pub leaving: bool,
}

impl Case {
    /// A free place.
    pub(super) fn nothing() -> Case {
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
