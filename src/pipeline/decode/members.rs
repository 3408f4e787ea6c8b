//! Which members an event of each type has, and which it must have: the table of the specification, in its order.
//! Read by the fast pass as bit masks and by the careful pass as a list.

use super::names::{WORD, first_word};
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

/// Guesses which member a name is from its first bytes, by one multiplication; a comparison says whether the guess holds.
pub struct MemberNames {
    /// By the mixed first bytes: a place in `patterns`.
    guesses: [u8; GUESSES],
    patterns: [Pattern; PATTERNS],
    multiplier: u64,
}

/// How a member's name begins, its quote and, if the word has room for it, the colon included.
#[derive(Copy, Clone, Debug)]
pub struct Pattern {
    /// The bytes.
    pub word: u128,
    /// Which bits of a word they fill.
    pub mask: u128,
    /// How many they are.
    pub length: usize,
    /// Whether the colon is among them.
    pub colon: bool,
}

/// So many that some multiplier keeps all members apart; the tenth tried or so does.
const GUESSES: usize = 256;
const PATTERNS: usize = 32;
/// The bytes that tell members apart: `queue"` from `queues`. Of the one shorter name they take in the quote of its value.
const TELLING: u64 = (1 << 48) - 1;

impl MemberNames {
    /// The guesses for all members.
    pub fn new() -> MemberNames {
        // What no name matches: a word beyond its mask.
        let mut patterns = [Pattern { word: 1, mask: 0, length: 0, colon: false }; PATTERNS];
        for (pattern, member) in patterns.iter_mut().zip(Member::ALL) {
            *pattern = Pattern::of(member.name());
        }
        for odd in 0..1_000_000_u64 {
            let mut names = MemberNames {
                guesses: [PATTERNS as u8 - 1; GUESSES],
                patterns,
                multiplier: 0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(2 * odd + 1),
            };
            if Member::ALL.iter().all(|member| names.set(*member)) {
                return names;
            }
        }
        unreachable!("thirty names fall into 256 places without meeting for one multiplier of a hundred")
    }

    fn set(&mut self, member: Member) -> bool {
        let slot = self.slot(first_word(format!("{}\":\"", member.name()).as_bytes()));
        let free = usize::from(self.guesses[slot]) == PATTERNS - 1;
        self.guesses[slot] = member as u8;
        free
    }

    /// The only member that can begin with this word, and what it has to be compared with.
    #[inline(always)]
    pub fn guess(&self, word: u128) -> (Member, &Pattern) {
        let guess = usize::from(self.guesses[self.slot(word)]) % PATTERNS;
        (Member::ALL[guess.min(Member::ALL.len() - 1)], &self.patterns[guess])
    }

    #[inline(always)]
    fn slot(&self, word: u128) -> usize {
        ((word as u64 & TELLING).wrapping_mul(self.multiplier) >> 56) as usize % GUESSES
    }
}

impl Pattern {
    fn of(name: &str) -> Pattern {
        let full = format!("{name}\":");
        let length = full.len().min(WORD);
        let text = &full.as_bytes()[..length];
        let mask = first_word(&[0xff; WORD][..length]);
        Pattern { word: first_word(text), mask, length, colon: length == full.len() }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_member_is_guessed() {
        let names = MemberNames::new();
        for member in Member::ALL {
            let text = format!("{}\":\"0123456789abcdef", member.name());
            let word = first_word(text.as_bytes());
            let (guess, pattern) = names.guess(word);
            assert_eq!(guess, *member);
            assert_eq!(word & pattern.mask, pattern.word, "{member:?}");
            assert_eq!(pattern.length + usize::from(!pattern.colon), member.name().len() + 2, "{member:?}");
        }
        for text in ["agents\":", "agen\":", "due \":", "queue\" :", "\0\0\0\0\0\0\0\0"] {
            let word = first_word(text.as_bytes());
            let (_, pattern) = names.guess(word);
            assert_ne!(word & pattern.mask, pattern.word, "{text:?}");
        }
    }
}
