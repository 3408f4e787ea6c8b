//! Why decode refuses an event: a closed list. The first check that fails, in the order of this list, names the
//! reason, whatever the order of members in the bytes.

/// Reason of an `event.rejected`, in order of precedence.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum RejectReason {
    /// The record, the event or its text is longer than the limits.
    TooLarge,
    /// Not UTF-8.
    InvalidUtf8,
    /// Not JSON by RFC 8259; a lone surrogate escape; a record that cannot be split into events.
    InvalidJson,
    /// Nested deeper than the limit.
    TooDeep,
    /// JSON, but not an object.
    NotAnObject,
    /// A member that this type knows, or a key of one of its maps, stands twice.
    DuplicateMember,
    /// `specversion` is not "1.0".
    NotCloudEvents,
    /// A member that the envelope or the type requires is absent; an empty `from` or `identifier`; fewer than two
    /// identifiers in `identity.linked`; no `time` in a plain file.
    MissingMember,
    /// A member has another JSON type than it should; a number with fraction or exponent.
    WrongType,
    /// An integer, level or sentiment outside its bounds, an unknown word of `state`, a name or id of 0 or more
    /// than 256 bytes.
    OutOfRange,
    /// `time` or `due` is not RFC 3339.
    BadTime,
    /// `type` is none of ours.
    UnknownType,
    /// The topic is limited to other types.
    TypeNotAllowed,
    /// A channel that the rules do not declare.
    UnknownChannel,
    /// A queue that the rules do not declare, or one of another division in `agent.updated`.
    UnknownQueue,
    /// A division that the rules do not declare.
    UnknownDivision,
    /// An identifier kind that the rules do not declare.
    UnknownKind,
    /// More identifiers than the limit.
    TooManyIdentifiers,
    /// An identifier that does not normalise, is empty or longer than the limit.
    BadIdentifier,
    /// `conversation` is not the text of a conversation id.
    BadConversation,
}

impl RejectReason {
    /// Every reason, in order of precedence.
    pub const ALL: [RejectReason; 20] = [
        RejectReason::TooLarge,
        RejectReason::InvalidUtf8,
        RejectReason::InvalidJson,
        RejectReason::TooDeep,
        RejectReason::NotAnObject,
        RejectReason::DuplicateMember,
        RejectReason::NotCloudEvents,
        RejectReason::MissingMember,
        RejectReason::WrongType,
        RejectReason::OutOfRange,
        RejectReason::BadTime,
        RejectReason::UnknownType,
        RejectReason::TypeNotAllowed,
        RejectReason::UnknownChannel,
        RejectReason::UnknownQueue,
        RejectReason::UnknownDivision,
        RejectReason::UnknownKind,
        RejectReason::TooManyIdentifiers,
        RejectReason::BadIdentifier,
        RejectReason::BadConversation,
    ];

    /// The word in `event.rejected` and in reports.
    pub const fn word(self) -> &'static str {
        match self {
            RejectReason::TooLarge => "too_large",
            RejectReason::InvalidUtf8 => "invalid_utf8",
            RejectReason::InvalidJson => "invalid_json",
            RejectReason::TooDeep => "too_deep",
            RejectReason::NotAnObject => "not_an_object",
            RejectReason::DuplicateMember => "duplicate_member",
            RejectReason::NotCloudEvents => "not_cloudevents",
            RejectReason::MissingMember => "missing_member",
            RejectReason::WrongType => "wrong_type",
            RejectReason::OutOfRange => "out_of_range",
            RejectReason::BadTime => "bad_time",
            RejectReason::UnknownType => "unknown_type",
            RejectReason::TypeNotAllowed => "type_not_allowed",
            RejectReason::UnknownChannel => "unknown_channel",
            RejectReason::UnknownQueue => "unknown_queue",
            RejectReason::UnknownDivision => "unknown_division",
            RejectReason::UnknownKind => "unknown_kind",
            RejectReason::TooManyIdentifiers => "too_many_identifiers",
            RejectReason::BadIdentifier => "bad_identifier",
            RejectReason::BadConversation => "bad_conversation",
        }
    }
}
