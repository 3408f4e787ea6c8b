//! Everything that people do of their own accord, as the agenda names it.

/// What somebody sets out to do; `who` of the agenda's item is named behind each.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(super) enum Act {
    /// A new contact (person; with: lane).
    Arrive,
    /// Somebody comes back by another way (person; with: lane).
    Return,
    /// A message in a conversation with an agent (case, turn; with: messages that follow at once).
    Message,
    /// A message while waiting (case, life).
    Nudge,
    /// Patience ends (case, life).
    GiveUp,
    /// The customer ends the exchange (case, turn).
    HangUp,
    /// An agent says yes (case, turn).
    Accept,
    /// An agent says no (case, turn).
    Decline,
    /// An agent says yes to an offer that has gone (agent; stamp: case).
    AcceptLate,
    /// An agent writes or speaks (case, turn).
    Reply,
    /// On hold (case, turn).
    Hold,
    /// Back from hold (case, turn).
    Resume,
    /// Handed over (case, turn).
    Transfer,
    /// Done (case, turn).
    Resolve,
    /// A supervisor looks at what waits (case, life).
    Supervise,
    /// The hour of a callback (case, turn).
    CallBack,
    /// Wrap-up ends (case, life; with: 1 if the agent says so).
    Wrapped,
    /// A shift begins (agent).
    LogIn,
    /// Ready (agent, turn).
    Available,
    /// A break (agent, turn).
    Break,
    /// The shift ends (agent).
    Leave,
    /// Gone (agent).
    Offline,
    /// A profile changes (person).
    Profile,
    /// A login tells that identifiers belong together (person).
    Link,
    /// One of somebody's identifiers is said to be somebody else's (person).
    Unlink,
    /// Somebody wants to be forgotten (person).
    Erase,
    /// A line comes again (place in the faults' store).
    Again,
}

impl Act {
    /// By number.
    pub(super) const ALL: [Act; 27] = [
        Act::Arrive,
        Act::Return,
        Act::Message,
        Act::Nudge,
        Act::GiveUp,
        Act::HangUp,
        Act::Accept,
        Act::Decline,
        Act::AcceptLate,
        Act::Reply,
        Act::Hold,
        Act::Resume,
        Act::Transfer,
        Act::Resolve,
        Act::Supervise,
        Act::CallBack,
        Act::Wrapped,
        Act::LogIn,
        Act::Available,
        Act::Break,
        Act::Leave,
        Act::Offline,
        Act::Profile,
        Act::Link,
        Act::Unlink,
        Act::Erase,
        Act::Again,
    ];
}
