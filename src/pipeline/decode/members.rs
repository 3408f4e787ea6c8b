//! Which members an event of each type has, and which it must have: the table of the specification, in its order.
//! Read by the fast pass as bit masks and by the careful pass as a list.

use crate::types::EventType;

macro_rules! members {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// A member of `data` that some type has.
        #[derive(Copy, Clone, PartialEq, Eq, Debug)]
        #[repr(u8)]
        pub enum Member { $($(#[$doc])* $name,)* }

        impl Member {
            /// Every member.
            pub const ALL: &'static [Member] = &[$(Member::$name,)*];

            /// The name in `data`.
            pub const fn name(self) -> &'static str {
                match self { $(Member::$name => $text,)* }
            }
        }
    };
}

members! {
    Channel = "channel",
    From = "from",
    Queue = "queue",
    Thread = "thread",
    Conversation = "conversation",
    Text = "text",
    Lang = "lang",
    Intent = "intent",
    Skills = "skills",
    Value = "value",
    Reach = "reach",
    Sentiment = "sentiment",
    Public = "public",
    PreferredAgent = "preferred_agent",
    Due = "due",
    Tier = "tier",
    LifetimeValue = "lifetime_value",
    Blocked = "blocked",
    Identifier = "identifier",
    Agent = "agent",
    Division = "division",
    Capacity = "capacity",
    Budget = "budget",
    Langs = "langs",
    Queues = "queues",
    State = "state",
    Reason = "reason",
    Requeue = "requeue",
    Automated = "automated",
    Outcome = "outcome",
}

impl Member {
    /// Its bit in a set of members.
    #[inline]
    pub const fn bit(self) -> u32 {
        1 << self as u8
    }
}

/// Something that a type cannot do without.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Need {
    /// This member.
    One(Member),
    /// `conversation` or `from`.
    Whose,
}

/// The members of one type.
#[derive(Copy, Clone, Debug)]
pub struct Shape {
    /// In the order of the specification's table.
    pub needs: &'static [Need],
    /// All that it knows, as a set.
    pub known: u32,
    /// What it must have, as a set, `Need::Whose` apart.
    pub required: u32,
    /// Whether it must have `conversation` or `from`.
    pub whose: bool,
    /// Least number of values in `from`, if there is one.
    pub values_min: usize,
}

/// Both members by which an event says whose it is.
pub const WHOSE: u32 = Member::Conversation.bit() | Member::From.bit();

/// Members by which an event that gives `from` may narrow which conversation it means.
const NARROWS: u32 = Member::Thread.bit() | Member::Queue.bit() | Member::Channel.bit();

const fn shape(needs: &'static [Need], optional: &[Member]) -> Shape {
    let mut shape = Shape { needs, known: 0, required: 0, whose: false, values_min: 1 };
    let mut at = 0;
    while at < needs.len() {
        match needs[at] {
            Need::One(member) => shape.required |= member.bit(),
            Need::Whose => {
                shape.whose = true;
                shape.known |= WHOSE | NARROWS;
            }
        }
        at += 1;
    }
    shape.known |= shape.required;
    at = 0;
    while at < optional.len() {
        shape.known |= optional[at].bit();
        at += 1;
    }
    shape
}

impl Shape {
    /// The members of a type.
    pub const fn of(event_type: EventType) -> Shape {
        use Member::*;
        use Need::{One, Whose};
        match event_type {
            EventType::ContactReceived => shape(
                &[One(Channel), One(From)],
                &[
                    Queue,
                    Thread,
                    Conversation,
                    Text,
                    Lang,
                    Intent,
                    Skills,
                    Value,
                    Reach,
                    Sentiment,
                    Public,
                    PreferredAgent,
                ],
            ),
            EventType::ContactAbandoned => shape(&[Whose], &[]),
            EventType::CallbackRequested => {
                shape(&[One(From), One(Channel), One(Due)], &[Queue, Conversation, Value, Skills])
            }
            EventType::CustomerUpdated => {
                shape(&[One(From)], &[Tier, LifetimeValue, Lang, PreferredAgent, Blocked])
            }
            EventType::IdentityLinked => Shape { values_min: 2, ..shape(&[One(From)], &[]) },
            EventType::IdentityUnlinked => shape(&[One(Identifier)], &[]),
            EventType::CustomerErased => shape(&[One(From)], &[]),
            EventType::AgentUpdated => {
                shape(&[One(Agent), One(Division), One(Capacity), One(Skills)], &[Budget, Langs, Queues])
            }
            EventType::AgentState => shape(&[One(Agent), One(Division), One(State)], &[Reason, Requeue]),
            EventType::OfferAccepted | EventType::OfferDeclined => {
                shape(&[One(Agent), One(Division), Whose], &[])
            }
            EventType::AgentWrapped => shape(&[One(Agent), One(Division)], &[Conversation, From]),
            EventType::ConversationReplied => shape(&[Whose], &[Agent, Automated]),
            EventType::ConversationHeld | EventType::ConversationResumed => shape(&[Whose], &[Reason]),
            EventType::ConversationTransferred => shape(&[Whose], &[Queue, Agent, Skills]),
            EventType::ConversationUpdated => shape(&[Whose], &[Value, Skills, Intent, Queue]),
            EventType::ConversationAssigned => shape(&[Whose, One(Agent), One(Division)], &[]),
            EventType::ConversationResolved => shape(&[Whose], &[Agent, Outcome]),
            EventType::RulesChanged => shape(&[One(Text)], &[]),
        }
    }

    /// Whether an event of this type has the member.
    #[inline]
    pub const fn has(&self, member: Member) -> bool {
        self.known & member.bit() != 0
    }
}
