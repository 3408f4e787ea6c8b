//! Decisions: what the stages resolve to do, before it becomes bytes. Closed lists with their words, and the rows
//! that route and identify hand to emit. A row's texts are places in the decision batch's byte arena.

use crate::types::event::{List, Span};
use crate::types::{
    Cause, ChannelId, ConversationId, CustomerId, DurationMs, KindId, Millis, Position, QueueId,
    RejectReason, TemplateId, TraceParent,
};
use borsh::{BorshDeserialize, BorshSerialize};

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, BorshSerialize, BorshDeserialize)]
        #[repr(u8)]
        pub enum $name { $($(#[$vdoc])* $variant,)* }

        impl $name {
            /// Every one, in the order of the type.
            pub const ALL: &'static [$name] = &[$($name::$variant,)*];

            /// The word in the output.
            pub const fn word(self) -> &'static str {
                match self { $($name::$variant => $word,)* }
            }
        }
    };
}

words! {
    /// How an assignment is accepted.
    AcceptMode {
        /// The agent answers.
        Offer = "offer",
        /// Straight to active.
        Auto = "auto",
        /// A supervisor's order.
        Ordered = "ordered",
    }
}

words! {
    /// For whom the conversation waited.
    Affinity {
        /// The preferred agent.
        Preferred = "preferred",
        /// The agent of the latest reply or resolve.
        Last = "last",
    }
}

words! {
    /// Why an agent loses an offer or a conversation.
    WithdrawReason {
        /// The offer expired.
        Timeout = "timeout",
        /// The agent said no.
        Declined = "declined",
        /// The customer left.
        Abandoned = "abandoned",
        /// The agent went away or offline.
        AgentLeft = "agent_left",
        /// Handed over.
        Transferred = "transferred",
        /// The conversation moved or folded while offered.
        Superseded = "superseded",
        /// Idle for too long.
        Expired = "expired",
        /// Overflowed to another queue.
        Overflow = "overflow",
        /// The customer was erased.
        Erased = "erased",
        /// Resolved by somebody else.
        Resolved = "resolved",
    }
}

words! {
    /// How a conversation ended.
    CloseOutcome {
        /// By `conversation.resolved`.
        Resolved = "resolved",
        /// Ended by the customer while active or held, or while waiting after a reply to its latest contact.
        Answered = "answered",
        /// The customer gave up waiting.
        Abandoned = "abandoned",
        /// By an automated reply, or the customer is blocked.
        Automated = "automated",
        /// Waited for too long.
        Expired = "expired",
        /// Went on in another division.
        Moved = "moved",
        /// The customer was erased.
        Erased = "erased",
        /// Nothing happened for `idle_close`.
        Idle = "idle",
    }
}

words! {
    /// What became of a contact.
    AttemptOutcome {
        /// No answer yet.
        Open = "open",
        /// A person replied.
        Answered = "answered",
        /// The customer gave up.
        Abandoned = "abandoned",
        /// An automated reply ended it.
        Automated = "automated",
    }
}

words! {
    /// Service-level objectives, in the order of their timer numbers.
    Objective {
        /// Queued → accepted.
        QueueWait = "queue_wait",
        /// Arrived → first reply.
        FirstResponse = "first_response",
        /// Oldest unanswered message → reply, after the first.
        NextResponse = "next_response",
        /// Arrived → resolved.
        Resolution = "resolution",
    }
}

words! {
    /// Why an identifier was not joined.
    RefusalReason {
        /// Too many values of its kind.
        Limit = "limit",
        /// Too many identifiers.
        Size = "size",
        /// It became generic.
        Generic = "generic",
        /// It was split off from here.
        Unlinked = "unlinked",
        /// Several owners where one is needed.
        Ambiguous = "ambiguous",
    }
}

words! {
    /// The files of `replay` and `reference`, and the topics of `run`.
    Stream {
        /// assignment.*
        Assignments = "assignments",
        /// sla.*
        Sla = "sla",
        /// reply.automated
        Replies = "replies",
        /// conversation.*
        Conversations = "conversations",
        /// customer.* and identity.*
        Customers = "customers",
        /// event.rejected
        Rejected = "rejected",
    }
}

/// An earlier contact in the context of an assignment.
#[derive(Copy, Clone, PartialEq, Eq, Debug, BorshSerialize, BorshDeserialize)]
pub struct Attempt {
    /// `arrived` of the contact.
    pub at: Millis,
    /// Its channel.
    pub channel: ChannelId,
    /// What became of it.
    pub outcome: AttemptOutcome,
}

impl Default for Attempt {
    fn default() -> Self {
        Attempt { at: Millis(0), channel: ChannelId(0), outcome: AttemptOutcome::Open }
    }
}

/// A decision of one division, ready to become one output event.
#[derive(Clone, Debug)]
pub struct Decision {
    /// Logical time: the entry's clock, or the timer's deadline.
    pub time: Millis,
    /// What caused it.
    pub cause: Cause,
    /// The causing event's trace, or for a timer the conversation's.
    pub traceparent: TraceParent,
    /// Which conversation.
    pub conversation: ConversationId,
    /// Its customer.
    pub customer: CustomerId,
    /// The queue that the output names.
    pub queue: QueueId,
    /// The channel that the output names.
    pub channel: ChannelId,
    /// What was decided.
    pub body: Body,
}

/// The kinds of a division's decisions.
#[derive(Clone, Debug)]
pub enum Body {
    /// assignment.offered
    Offered(Offered),
    /// assignment.withdrawn
    Withdrawn {
        /// Who loses it: a name in the byte arena.
        agent: Span,
        /// Why.
        reason: WithdrawReason,
    },
    /// sla.warning
    Warning {
        /// Which clock.
        objective: Objective,
        /// When it is due.
        due: Millis,
        /// How much of the target has passed.
        percent: u8,
    },
    /// sla.breached
    Breached {
        /// Which clock.
        objective: Objective,
        /// When it was due.
        due: Millis,
        /// How long after that.
        late: DurationMs,
    },
    /// conversation.opened
    Opened {
        /// Business value.
        value: i64,
        /// The contact's thread in the byte arena; length 0: none.
        thread: Span,
        /// Whether the id was used before.
        reopened: bool,
    },
    /// conversation.pivoted; `Decision::channel` is the new channel.
    Pivoted {
        /// Who has it: a name in the byte arena.
        agent: Span,
        /// The channel before.
        from: ChannelId,
    },
    /// conversation.merged; `Decision::channel` is the channel that it had.
    Folded {
        /// The one that goes on.
        into: ConversationId,
        /// Who has that one, or its offer: a name in the byte arena.
        agent: Option<Span>,
        /// Its channel now.
        channel: ChannelId,
    },
    /// conversation.closed
    Closed(Closed),
    /// reply.automated
    Replied(Replied),
}

/// Data of reply.automated.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Replied {
    /// What is sent.
    pub template: TemplateId,
    /// Whether only the customer may see it.
    pub private: bool,
    /// Conversations that wait in the queue, this one included; only of an acknowledgement.
    pub position: Option<u32>,
    /// `floor(position × mean gap between acceptances / 1000)`; absent before the first gap.
    pub expected_wait_s: Option<i64>,
}

/// Data of assignment.offered.
#[derive(Clone, Debug)]
pub struct Offered {
    /// To whom: a name in the byte arena.
    pub agent: Span,
    /// Priority in points, rounded: `floor(p / 2³² + ½)`.
    pub priority: i64,
    /// Business value.
    pub value: i64,
    /// Since `arrived`.
    pub waited: DurationMs,
    /// How it is accepted.
    pub accept: AcceptMode,
    /// When the offer expires; `None` unless `accept` is `Offer`.
    pub expires: Option<Millis>,
    /// Due times of the running clocks, by `Objective as usize`.
    pub due: [Option<Millis>; 4],
    /// The queue's strategy, as its word.
    pub strategy: &'static str,
    /// The agent's rank of the queue.
    pub rank: u32,
    /// Steps of relaxation passed.
    pub relaxed: u32,
    /// For whom it waited, if for this agent.
    pub affinity: Option<Affinity>,
    /// Agents who might have taken it, this one included, counted up to 1,000.
    pub candidates: u32,
    /// `arrived` of the contact that opened the conversation.
    pub first_contact: Millis,
    /// Earlier attempts that failed.
    pub failed_attempts: u32,
    /// Earlier attempts, oldest first: into `DecisionBatch::attempts`.
    pub attempts: List,
    /// A name in the byte arena; length 0: none.
    pub last_agent: Span,
    /// Bit k: the customer is known by an identifier of kind k.
    pub kinds: u16,
    /// Position of the latest message.
    pub message: Position,
}

/// Data of conversation.closed.
#[derive(Clone, Debug)]
pub struct Closed {
    /// How it ended.
    pub outcome: CloseOutcome,
    /// The resolver's own word in the byte arena; `None`: absent.
    pub disposition: Option<Span>,
    /// Arrived → first acceptance.
    pub wait: Option<DurationMs>,
    /// Arrived → first reply.
    pub first_response: Option<DurationMs>,
    /// Since the opening clock.
    pub open: DurationMs,
    /// Contacts.
    pub contacts: u32,
    /// Transfers.
    pub transfers: u32,
    /// Offers made.
    pub offers: u32,
    /// Bit `Objective as usize`: breached at least once.
    pub breached: u8,
    /// Whether the entry that closes it opened it, too: then its opened goes first.
    pub at_once: bool,
}

/// What identify decides besides whose event it is; in entry order, one stream for the tenant.
#[derive(Clone, Debug)]
pub enum IdentityDecision {
    /// customer.created
    Created {
        /// Who was founded.
        customer: CustomerId,
    },
    /// customer.merged
    Merged {
        /// The survivor.
        customer: CustomerId,
        /// Founded first first: into `IdentityBatch::absorbed`.
        absorbed: List,
    },
    /// identity.refused
    Refused {
        /// The customer found.
        customer: CustomerId,
        /// Kind of the identifier.
        kind: KindId,
        /// Why.
        reason: RefusalReason,
    },
    /// identity.refused of an erasure that means several customers.
    Ambiguous,
    /// customer.split
    Split {
        /// Who had the identifier.
        from: CustomerId,
        /// Who was founded for it.
        to: CustomerId,
    },
    /// customer.erased
    Erased {
        /// Who was erased.
        customer: CustomerId,
    },
}

/// A rejected event.
#[derive(Clone, Debug)]
pub struct Rejected {
    /// Where it stands.
    pub position: Position,
    /// Why.
    pub reason: RejectReason,
    /// The member concerned, as a path (`data.channel`); empty where none is.
    pub detail: String,
}

/// Everything that one division decided in a batch, in decision order.
#[derive(Debug, Default)]
pub struct DecisionBatch {
    /// Number of the first of them in the division's stream, counted from 1.
    pub first_number: u64,
    /// The decisions.
    pub decisions: Vec<Decision>,
    /// Attempts of `Offered::attempts`.
    pub attempts: Vec<Attempt>,
    /// Texts.
    pub bytes: Vec<u8>,
}

impl DecisionBatch {
    /// Forgets the decisions, keeps the memory; numbering goes on.
    pub fn clear(&mut self) {
        self.first_number = self.first_number.max(1) + self.decisions.len() as u64;
        self.decisions.clear();
        self.attempts.clear();
        self.bytes.clear();
    }

    /// Forgets the decisions, keeps the memory; numbering goes on where `before` ends.
    pub fn begin_after(&mut self, before: &DecisionBatch) {
        self.clear();
        self.first_number = before.first_number.max(1) + before.decisions.len() as u64;
    }

    /// Keeps a copy of a text.
    #[inline]
    pub fn text(&mut self, text: &[u8]) -> Span {
        let start = self.bytes.len() as u32;
        self.bytes.extend_from_slice(text);
        Span { start, len: text.len() as u32 }
    }

    /// A text kept by `text`.
    #[inline]
    pub fn bytes_of(&self, span: Span) -> &[u8] {
        &self.bytes[span.start as usize..(span.start + span.len) as usize]
    }
}

/// What identify decided in a batch, in entry order.
#[derive(Debug, Default)]
pub struct IdentityBatch {
    /// Number of the first of them in the stream, counted from 1.
    pub first_number: u64,
    /// Logical time, cause and trace, then the decision.
    pub decisions: Vec<(Millis, Position, TraceParent, IdentityDecision)>,
    /// Ids of `IdentityDecision::Merged::absorbed`.
    pub absorbed: Vec<CustomerId>,
}

impl IdentityBatch {
    /// Forgets the decisions, keeps the memory; numbering goes on.
    pub fn clear(&mut self) {
        self.first_number = self.first_number.max(1) + self.decisions.len() as u64;
        self.decisions.clear();
        self.absorbed.clear();
    }
}
