//! What understand asks of route, and what identify tells understand: the rows that pass between the stages.

use crate::types::decision::Attempt;
use crate::types::event::{List, Span};
use crate::types::{
    ChannelId, ConversationId, CustomerId, IgnoreReason, Millis, Position, QueueId, TraceParent,
};

/// Whose event it is, as identify found.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Resolved {
    /// Seen before: dropped.
    Duplicate,
    /// Without effect, counted.
    Ignored(IgnoreReason),
    /// Nothing is left to be done: it has been told what became of it.
    Told,
    /// An event that concerns no customer (an agent's).
    NoCustomer,
    /// The customer.
    Customer {
        /// Index of the customer's record: dense; one that was forgotten or erased leaves its index to another.
        index: u32,
        /// The id.
        id: CustomerId,
        /// Bit k: the customer owns an identifier of kind k.
        kinds: u16,
    },
}

/// One customer absorbed by another.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Merge {
    /// Row of the event that caused it; the records join before that event is understood.
    pub row: u32,
    /// Index of the customer who stays.
    pub survivor: u32,
    /// The survivor's id.
    pub survivor_id: CustomerId,
    /// Index of the customer who is absorbed.
    pub absorbed: u32,
    /// The id that it had.
    pub absorbed_id: CustomerId,
}

/// A customer who is nobody any more.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Forgotten {
    /// Row of the entry before which it is forgotten.
    pub row: u32,
    /// Index of the customer; it may be given out again from that row on.
    pub customer: u32,
    /// Whether customers merge under this index in the batch, so that whoever holds all parts has to do it.
    pub jointly: bool,
}

/// What identify found out about a batch.
#[derive(Debug, Default)]
pub struct Resolutions {
    /// By row.
    pub rows: Vec<Resolved>,
    /// In the order of the rows; of one row, absorbed customers in the order of founding.
    pub merges: Vec<Merge>,
    /// In the order of the rows.
    pub forgotten: Vec<Forgotten>,
}

impl Resolutions {
    /// Forgets everything, keeps the memory.
    pub fn clear(&mut self) {
        self.rows.clear();
        self.merges.clear();
        self.forgotten.clear();
    }
}

/// What to do in a division.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Action {
    /// A contact opens or joins the conversation; index into `Operations::contacts`.
    Contact(u32),
    /// The customer wants to be called back; index into `Operations::callbacks`.
    Callback(u32),
    /// It goes on in another division.
    MovedOut,
    /// It comes from another division; index into `Operations::moves`.
    MovedIn(u32),
    /// The business has changed its mind; index into `Operations::values`: the value now.
    Updated(u32),
    /// An order to give it to an agent.
    Assigned,
    /// A person replied.
    Replied,
    /// The conversation was named, nothing more.
    Touched,
    /// Held.
    Held,
    /// Resumed.
    Resumed,
    /// The customer left.
    Abandoned,
    /// Resolved.
    Resolved,
    /// Handed over within the division.
    Transferred,
    /// The agent said yes.
    Accepted,
    /// The agent said no.
    Declined,
    /// Wrap-up is done: of `conversation`, else of `customer`, else all.
    Wrapped(WrappedBy),
    /// The customer is erased; index into `Operations::erasures`.
    Erased(u32),
    /// An agent's definition.
    AgentUpdated,
    /// An agent's presence.
    AgentState,
    /// The conversation's customer has another id from now on; not an event of its own.
    Renamed,
    /// Conversations become one, by its id as understand knows it; index into `Operations::folds`. Not an event of its
    /// own.
    Folded(u32),
    /// Of the customer's callbacks that wait for their time one stays; not an event of its own.
    OneCallback,
}

impl Action {
    /// Whether it comes with a merge, before what the event itself asks.
    #[inline]
    pub const fn comes_with_a_merge(self) -> bool {
        matches!(self, Action::Renamed | Action::Folded(_) | Action::OneCallback)
    }
}

/// Which wrap-ups of an agent are done.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum WrappedBy {
    /// Of this conversation.
    Conversation,
    /// Of conversations of this customer.
    Customer,
    /// All.
    Agent,
}

/// One step of a division: what an event means there. Everything else that route needs stands in the event's row.
#[derive(Copy, Clone, Debug)]
pub struct Operation {
    /// The event's row in the batch.
    pub row: u32,
    /// Which conversation, if any.
    pub conversation: ConversationId,
    /// Its customer, or `CustomerId::default()` for agents' events.
    pub customer: CustomerId,
    /// What to do.
    pub action: Action,
}

/// What understand made of a contact.
#[derive(Copy, Clone, Debug)]
pub struct Contact {
    /// Business value.
    pub value: i64,
    /// Keyed hash of the language; 0: unknown.
    pub lang_key: u64,
    /// When it counts as arrived.
    pub arrived: Millis,
    /// `arrived` of the contact that opened the conversation.
    pub first_contact: Millis,
    /// Earlier attempts that failed.
    pub failed_attempts: u32,
    /// Earlier attempts, oldest first: into `Operations::attempts`.
    pub attempts: List,
    /// Agent of the latest reply or resolve: into `Operations::bytes`; length 0: none.
    pub last_agent: Span,
    /// Keyed hash of that name; 0: none.
    pub last_agent_key: u64,
    /// Bit k: the customer owns an identifier of kind k.
    pub kinds: u16,
    /// The agent whom the contact, or else the profile, prefers: into `Operations::bytes`; length 0: nobody.
    pub preferred: Span,
    /// Keyed hash of that name; 0: none.
    pub preferred_key: u64,
    /// Where to; `None`: where it is.
    pub queue: Option<QueueId>,
    /// The queue to which it was routed last, for a conversation that the division no longer holds.
    pub home: QueueId,
    /// It joins what was set aside for a callback and may never have been opened.
    pub maybe: bool,
    /// By which channel.
    pub channel: ChannelId,
    /// Whether it opens the conversation.
    pub opens: bool,
    /// Whether it is a blocked customer's and what it opens is closed at once.
    pub blocked: bool,
    /// The automated reply, a place in `Rules::replies`; one that closes does so only if the contact `opens`.
    pub reply: Option<u16>,
}

impl Contact {
    /// Nothing known.
    pub const EMPTY: Contact = Contact {
        value: 0,
        lang_key: 0,
        arrived: Millis(0),
        first_contact: Millis(0),
        failed_attempts: 0,
        attempts: List { start: 0, len: 0 },
        last_agent: Span { start: 0, len: 0 },
        last_agent_key: 0,
        preferred: Span { start: 0, len: 0 },
        preferred_key: 0,
        kinds: 0,
        queue: None,
        home: QueueId(0),
        maybe: false,
        channel: ChannelId(0),
        opens: false,
        blocked: false,
        reply: None,
    };
}

/// A request to be called back.
#[derive(Copy, Clone, Debug)]
pub struct Callback {
    /// Index into `Operations::contacts`.
    pub contact: u32,
    /// When.
    pub due: Millis,
    /// The conversation that opens if an agent has the one that was found.
    pub own: ConversationId,
}

/// Conversations that become one.
#[derive(Copy, Clone, Debug)]
pub struct Fold {
    /// The oldest first: into `Operations::members`.
    pub members: List,
    /// What an agent is told of the customer now: index into `Operations::contacts`.
    pub contact: u32,
    /// From when idleness counts, unless what becomes of them is a callback.
    pub last: Millis,
}

/// What a conversation brings from another division.
#[derive(Copy, Clone, Debug)]
pub struct MovedIn {
    /// Index into `Operations::contacts`.
    pub contact: u32,
    /// Position of its latest message.
    pub message: Position,
    /// Trace of its latest contact.
    pub traceparent: TraceParent,
    /// Skills that it asks for, by keyed name: into `Operations::skills`.
    pub skills: List,
    /// Whether everything before has been replied to.
    pub replied: bool,
    /// Of a callback whose time has not come: when it is due.
    pub due: Option<Millis>,
}

/// Operations of one division in a batch, in entry order.
#[derive(Debug, Default)]
pub struct Operations {
    /// The steps.
    pub rows: Vec<Operation>,
    /// Contacts of `Action::Contact`.
    pub contacts: Vec<Contact>,
    /// Of `Action::Callback`.
    pub callbacks: Vec<Callback>,
    /// Of `Action::MovedIn`.
    pub moves: Vec<MovedIn>,
    /// Of `Action::Erased`: into `Operations::erased`.
    pub erasures: Vec<List>,
    /// Conversations of an erased customer, the smallest id first.
    pub erased: Vec<ConversationId>,
    /// Of `Action::Folded`.
    pub folds: Vec<Fold>,
    /// Of `Fold::members`: which, and the clock of its last event.
    pub members: Vec<(ConversationId, Millis)>,
    /// By row of an `agent.wrapped`: other ids that its customer has had.
    pub known_as: Vec<(u32, CustomerId)>,
    /// Of `Action::Updated`.
    pub values: Vec<i64>,
    /// Skills of `MovedIn::skills`: keyed name and level.
    pub skills: Vec<(u64, u8)>,
    /// Attempts of `Contact::attempts`.
    pub attempts: Vec<Attempt>,
    /// Texts.
    pub bytes: Vec<u8>,
}

impl Operations {
    /// Forgets everything, keeps the memory.
    pub fn clear(&mut self) {
        self.rows.clear();
        self.contacts.clear();
        self.callbacks.clear();
        self.moves.clear();
        self.erasures.clear();
        self.erased.clear();
        self.folds.clear();
        self.members.clear();
        self.known_as.clear();
        self.values.clear();
        self.skills.clear();
        self.attempts.clear();
        self.bytes.clear();
    }
}
