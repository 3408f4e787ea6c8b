//! What the model puts out: owned decisions with names as text, their JSON by `serde_json`, and the collection of
//! lines by stream. The order of members is written down once, member by member, so that it can be read beside the
//! specification. Nothing here decides anything.

use std::collections::BTreeMap;

use jiff::{SignedDuration, civil};
use serde_json::{Map, Value};

use crate::types::{
    AcceptMode, Affinity, AttemptOutcome, Cause, CloseOutcome, ConversationId, CustomerId, DurationMs,
    Millis, Objective, Position, Stream, TraceParent, WithdrawReason,
};

mod collected;
mod elsewhere;
#[cfg(test)]
mod tests;

pub use collected::Collected;
pub use elsewhere::{Created, Erased, Merged, Refused, Rejected, Split};

/// One output event without its number, which it gets when it is collected.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Output {
    /// Logical time: the entry's clock, or the timer's deadline.
    pub time: Millis,
    /// What caused it. Of a reject: its position.
    pub cause: Cause,
    /// The causing event's trace, or for a timer the conversation's; not shown of a reject.
    pub traceparent: TraceParent,
    /// Type and data.
    pub body: Body,
}

/// Type and data of an output event.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Body {
    /// assignment.offered
    Offered(Box<Offered>),
    /// assignment.withdrawn
    Withdrawn(Withdrawn),
    /// sla.warning or sla.breached
    Sla(Sla),
    /// conversation.opened
    Opened(Opened),
    /// conversation.pivoted
    Pivoted(Pivoted),
    /// conversation.merged
    Folded(Folded),
    /// conversation.closed
    Closed(Closed),
    /// reply.automated
    Replied(Replied),
    /// customer.created
    Created(Created),
    /// customer.merged
    Merged(Merged),
    /// customer.split
    Split(Split),
    /// customer.erased
    Erased(Erased),
    /// identity.refused
    Refused(Refused),
    /// event.rejected
    Rejected(Rejected),
}

/// Data of assignment.offered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Offered {
    /// Which conversation.
    pub conversation: ConversationId,
    /// Its customer.
    pub customer: CustomerId,
    /// To whom.
    pub agent: String,
    /// Name of the division.
    pub division: String,
    /// Name of the queue.
    pub queue: String,
    /// Name of the channel.
    pub channel: String,
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
    /// Due times of the clocks that run, are not breached and do not stand still.
    pub due: BTreeMap<Objective, Millis>,
    /// The queue's strategy, as its word.
    pub strategy: String,
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
    /// Earlier attempts, oldest first.
    pub attempts: Vec<Attempt>,
    /// The agent of the customer's latest reply or resolve.
    pub last_agent: Option<String>,
    /// Names of the kinds of identifiers that the customer is known by, in the order of `KindId`.
    pub kinds: Vec<String>,
    /// Position of the latest contact.
    pub message: Position,
}

/// An earlier contact in the context of an assignment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Attempt {
    /// `arrived` of the contact.
    pub at: Millis,
    /// Name of its channel.
    pub channel: String,
    /// What became of it.
    pub outcome: AttemptOutcome,
}

/// Data of assignment.withdrawn.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Withdrawn {
    /// Which conversation.
    pub conversation: ConversationId,
    /// Who loses it.
    pub agent: String,
    /// Name of the division.
    pub division: String,
    /// Why.
    pub reason: WithdrawReason,
}

/// Data of sla.warning and sla.breached.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sla {
    /// Which conversation.
    pub conversation: ConversationId,
    /// Its customer.
    pub customer: CustomerId,
    /// Name of the division.
    pub division: String,
    /// Name of the queue in which the cycle began.
    pub queue: String,
    /// Name of the conversation's current channel.
    pub channel: String,
    /// Which clock.
    pub objective: Objective,
    /// When it is, or was, due.
    pub due: Millis,
    /// Warning or breach.
    pub mark: SlaMark,
}

/// What an sla output tells.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum SlaMark {
    /// sla.warning: this much of the target has passed.
    Warning {
        /// 1 to 99.
        percent: u8,
    },
    /// sla.breached: this long after it was due.
    Breached {
        /// At least 1 ms.
        late: DurationMs,
    },
}

/// Data of conversation.opened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Opened {
    /// Which conversation.
    pub conversation: ConversationId,
    /// Its customer.
    pub customer: CustomerId,
    /// Name of the division.
    pub division: String,
    /// Name of the queue.
    pub queue: String,
    /// Name of the channel.
    pub channel: String,
    /// Business value.
    pub value: i64,
    /// The contact's thread.
    pub thread: Option<String>,
    /// Whether the id was used before.
    pub reopened: bool,
}

/// Data of conversation.pivoted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pivoted {
    /// Which conversation.
    pub conversation: ConversationId,
    /// Its customer.
    pub customer: CustomerId,
    /// Name of the division.
    pub division: String,
    /// Who has it.
    pub agent: String,
    /// Name of the channel before.
    pub from_channel: String,
    /// Name of the channel now.
    pub channel: String,
}

/// Data of conversation.merged.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Folded {
    /// The one that is no more.
    pub conversation: ConversationId,
    /// Its customer.
    pub customer: CustomerId,
    /// Name of the division.
    pub division: String,
    /// Who has what has become of both, or its offer.
    pub agent: Option<String>,
    /// Name of the channel that it had.
    pub from_channel: String,
    /// Name of the channel of what has become of both.
    pub channel: String,
    /// The one that goes on.
    pub into: ConversationId,
}

/// Data of conversation.closed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Closed {
    /// Which conversation.
    pub conversation: ConversationId,
    /// Its customer.
    pub customer: CustomerId,
    /// Name of the division.
    pub division: String,
    /// Name of the queue.
    pub queue: String,
    /// Name of the channel.
    pub channel: String,
    /// How it ended.
    pub outcome: CloseOutcome,
    /// The resolver's own word.
    pub disposition: Option<String>,
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
    /// Objectives breached at least once, in the order of their timer numbers.
    pub breached: Vec<Objective>,
    /// Opened by the same entry; not shown.
    pub at_once: bool,
}

/// Data of reply.automated.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Replied {
    /// Which conversation.
    pub conversation: ConversationId,
    /// Its customer.
    pub customer: CustomerId,
    /// Name of the division.
    pub division: String,
    /// Name of the channel.
    pub channel: String,
    /// What is sent.
    pub template: String,
    /// Whether only the customer may see it.
    pub private: bool,
    /// Conversations that wait in the queue, this one included; only of an acknowledgement.
    pub position: Option<u32>,
    /// How long it may take, by the mean gap between acceptances; only of an acknowledgement, after the first gap.
    pub expected_wait_s: Option<i64>,
}

impl Output {
    /// `type` without the prefix `trunkline.`.
    pub fn name(&self) -> &'static str {
        match &self.body {
            Body::Offered(_) => "assignment.offered",
            Body::Withdrawn(_) => "assignment.withdrawn",
            Body::Sla(Sla { mark: SlaMark::Warning { .. }, .. }) => "sla.warning",
            Body::Sla(Sla { mark: SlaMark::Breached { .. }, .. }) => "sla.breached",
            Body::Opened(_) => "conversation.opened",
            Body::Pivoted(_) => "conversation.pivoted",
            Body::Folded(_) => "conversation.merged",
            Body::Closed(_) => "conversation.closed",
            Body::Replied(_) => "reply.automated",
            Body::Created(_) => "customer.created",
            Body::Merged(_) => "customer.merged",
            Body::Split(_) => "customer.split",
            Body::Erased(_) => "customer.erased",
            Body::Refused(_) => "identity.refused",
            Body::Rejected(_) => "event.rejected",
        }
    }

    /// The file or topic that it goes to.
    pub fn stream(&self) -> Stream {
        match &self.body {
            Body::Offered(_) | Body::Withdrawn(_) => Stream::Assignments,
            Body::Sla(_) => Stream::Sla,
            Body::Opened(_) | Body::Pivoted(_) | Body::Folded(_) | Body::Closed(_) => Stream::Conversations,
            Body::Replied(_) => Stream::Replies,
            Body::Created(_) | Body::Merged(_) | Body::Split(_) | Body::Erased(_) | Body::Refused(_) => {
                Stream::Customers
            }
            Body::Rejected(_) => Stream::Rejected,
        }
    }

    /// Name of the division that decided it; `None` of identities and rejects.
    pub fn division(&self) -> Option<&str> {
        match &self.body {
            Body::Offered(body) => Some(&body.division),
            Body::Withdrawn(body) => Some(&body.division),
            Body::Sla(body) => Some(&body.division),
            Body::Opened(body) => Some(&body.division),
            Body::Pivoted(body) => Some(&body.division),
            Body::Folded(body) => Some(&body.division),
            Body::Closed(body) => Some(&body.division),
            Body::Replied(body) => Some(&body.division),
            _ => None,
        }
    }

    /// The conversation that it is about; `None` of identities and rejects.
    pub fn conversation(&self) -> Option<ConversationId> {
        match &self.body {
            Body::Offered(body) => Some(body.conversation),
            Body::Withdrawn(body) => Some(body.conversation),
            Body::Sla(body) => Some(body.conversation),
            Body::Opened(body) => Some(body.conversation),
            Body::Pivoted(body) => Some(body.conversation),
            Body::Folded(body) => Some(body.conversation),
            Body::Closed(body) => Some(body.conversation),
            Body::Replied(body) => Some(body.conversation),
            _ => None,
        }
    }

    /// `subject`: the conversation or the customer; none of a reject.
    pub fn subject(&self) -> Option<String> {
        match &self.body {
            Body::Created(body) => Some(body.customer.to_string()),
            Body::Merged(body) => Some(body.customer.to_string()),
            Body::Split(body) => Some(body.from.to_string()),
            Body::Erased(body) => Some(body.customer.to_string()),
            Body::Refused(body) => body.customer.map(|id| id.to_string()),
            _ => self.conversation().map(|id| id.to_string()),
        }
    }

    /// Place among the outputs of one entry or one timer. A conversation that is opened and closed at once is told in
    /// that order.
    fn class(&self) -> u8 {
        match &self.body {
            Body::Withdrawn(_) => 0,
            Body::Closed(Closed { at_once: true, .. }) => 2,
            Body::Closed(_) | Body::Folded(_) => 1,
            Body::Opened(_) | Body::Pivoted(_) => 2,
            Body::Sla(_) => 3,
            Body::Replied(_) => 4,
            Body::Offered(_) => 5,
            _ => 0,
        }
    }
}

/// Puts the decisions of one division for one entry or one timer into the order of the output: by class, then by
/// conversation, then as they were made.
pub fn sort(outputs: &mut [Output]) {
    outputs.sort_by_key(|output| (output.class(), output.conversation()));
}

/// The JSON of an output event: one object, no line end. `number` counts from 1 within the division's or the
/// identities' stream; a reject does not use it.
pub fn encode(tenant: &str, number: u64, output: &Output) -> String {
    let stream = match &output.body {
        Body::Rejected(_) => "rejects",
        _ => output.division().unwrap_or("identity"),
    };
    let id = match &output.body {
        Body::Rejected(body) => body.position.to_string(),
        _ => format!("{tenant}-{stream}-{number}"),
    };
    let is_reject = matches!(output.body, Body::Rejected(_));
    let trace = Some(output.traceparent).filter(|trace| trace.is_some() && !is_reject);
    let trace = trace.map(|trace| String::from_utf8_lossy(&trace.characters()).into_owned());
    let event = Members::new()
        .with("specversion", "1.0")
        .with("id", id)
        .with("source", format!("/trunkline/{tenant}/{stream}"))
        .with("type", format!("trunkline.{}", output.name()))
        .with_some("subject", output.subject())
        .with("time", time_text(output.time))
        .with("cause", output.cause.to_string())
        .with_some("traceparent", trace)
        .with("data", data(&output.body));
    Value::from(event).to_string()
}

/// `YYYY-MM-DDTHH:MM:SS.mmmZ`. Years beyond 9999 are written with as many digits as they need.
pub fn time_text(time: Millis) -> String {
    // The calendar repeats itself after 400 years: so every instant finds a year that the library can name.
    const CYCLE_MS: i64 = 146_097 * 86_400_000;
    let epoch = civil::date(1970, 1, 1).at(0, 0, 0, 0);
    let at = epoch + SignedDuration::from_millis(time.0.rem_euclid(CYCLE_MS));
    let year = i64::from(at.year()) + 400 * time.0.div_euclid(CYCLE_MS);
    format!("{year:04}-{}Z", at.strftime("%m-%dT%H:%M:%S%.3f"))
}

fn data(body: &Body) -> Members {
    match body {
        Body::Offered(offered) => offered_data(offered),
        Body::Withdrawn(body) => Members::new()
            .with("conversation", body.conversation.to_string())
            .with("agent", body.agent.as_str())
            .with("division", body.division.as_str())
            .with("reason", body.reason.word()),
        Body::Sla(body) => sla_data(body),
        Body::Opened(body) => Members::new()
            .with("conversation", body.conversation.to_string())
            .with("customer", body.customer.to_string())
            .with("division", body.division.as_str())
            .with("queue", body.queue.as_str())
            .with("channel", body.channel.as_str())
            .with("value", body.value)
            .with_some("thread", body.thread.as_deref())
            .with("reopened", body.reopened),
        Body::Pivoted(body) => Members::new()
            .with("conversation", body.conversation.to_string())
            .with("customer", body.customer.to_string())
            .with("division", body.division.as_str())
            .with("agent", body.agent.as_str())
            .with("from_channel", body.from_channel.as_str())
            .with("channel", body.channel.as_str()),
        Body::Folded(body) => Members::new()
            .with("conversation", body.conversation.to_string())
            .with("customer", body.customer.to_string())
            .with("division", body.division.as_str())
            .with_some("agent", body.agent.as_deref())
            .with("from_channel", body.from_channel.as_str())
            .with("channel", body.channel.as_str())
            .with("into", body.into.to_string()),
        Body::Closed(body) => closed_data(body),
        Body::Replied(body) => Members::new()
            .with("conversation", body.conversation.to_string())
            .with("customer", body.customer.to_string())
            .with("channel", body.channel.as_str())
            .with("template", body.template.as_str())
            .with("private", body.private)
            .with_some("queue_position", body.position)
            .with_some("expected_wait_s", body.expected_wait_s),
        Body::Created(body) => Members::new().with("customer", body.customer.to_string()),
        Body::Merged(body) => {
            let absorbed: Vec<String> = body.absorbed.iter().map(CustomerId::to_string).collect();
            Members::new().with("customer", body.customer.to_string()).with("absorbed", absorbed)
        }
        Body::Split(body) => {
            Members::new().with("from", body.from.to_string()).with("to", body.to.to_string())
        }
        Body::Erased(body) => Members::new().with("customer", body.customer.to_string()),
        Body::Refused(body) => Members::new()
            .with_some("customer", body.customer.map(|id| id.to_string()))
            .with_some("kind", body.kind.as_deref())
            .with("reason", body.reason.word()),
        Body::Rejected(body) => Members::new()
            .with("position", body.position.to_string())
            .with("reason", body.reason.word())
            .with_some("detail", Some(body.detail.as_str()).filter(|detail| !detail.is_empty())),
    }
}

fn offered_data(body: &Offered) -> Members {
    let mut due = Members::new();
    for (objective, at) in &body.due {
        due = due.with(objective.word(), time_text(*at));
    }
    let reason = Members::new()
        .with("strategy", body.strategy.as_str())
        .with("rank", body.rank)
        .with("relaxed", body.relaxed)
        .with_some("affinity", body.affinity.map(Affinity::word))
        .with("candidates", body.candidates);
    let attempt = |attempt: &Attempt| {
        Members::new()
            .with("at", time_text(attempt.at))
            .with("channel", attempt.channel.as_str())
            .with("outcome", attempt.outcome.word())
    };
    let attempts: Vec<Members> = body.attempts.iter().map(attempt).collect();
    let context = Members::new()
        .with("first_contact", time_text(body.first_contact))
        .with("failed_attempts", body.failed_attempts)
        .with("attempts", attempts)
        .with_some("last_agent", body.last_agent.as_deref())
        .with("kinds", body.kinds.as_slice())
        .with("message", Members::new().with("position", body.message.to_string()));
    Members::new()
        .with("conversation", body.conversation.to_string())
        .with("customer", body.customer.to_string())
        .with("agent", body.agent.as_str())
        .with("division", body.division.as_str())
        .with("queue", body.queue.as_str())
        .with("channel", body.channel.as_str())
        .with("priority", body.priority)
        .with("value", body.value)
        .with("waited_ms", body.waited.0)
        .with("accept", body.accept.word())
        .with_some("expires", body.expires.map(time_text))
        .with("due", due)
        .with("reason", reason)
        .with("context", context)
}

fn sla_data(body: &Sla) -> Members {
    let members = Members::new()
        .with("conversation", body.conversation.to_string())
        .with("customer", body.customer.to_string())
        .with("division", body.division.as_str())
        .with("queue", body.queue.as_str())
        .with("channel", body.channel.as_str())
        .with("objective", body.objective.word())
        .with("due", time_text(body.due));
    match body.mark {
        SlaMark::Warning { percent } => members.with("percent", percent),
        SlaMark::Breached { late } => members.with("late_ms", late.0),
    }
}

fn closed_data(body: &Closed) -> Members {
    let breached: Vec<&str> = body.breached.iter().map(|objective| objective.word()).collect();
    Members::new()
        .with("conversation", body.conversation.to_string())
        .with("customer", body.customer.to_string())
        .with("division", body.division.as_str())
        .with("queue", body.queue.as_str())
        .with("channel", body.channel.as_str())
        .with("outcome", body.outcome.word())
        .with_some("disposition", body.disposition.as_deref())
        .with_some("wait_ms", body.wait.map(|span| span.0))
        .with_some("first_response_ms", body.first_response.map(|span| span.0))
        .with("open_ms", body.open.0)
        .with("contacts", body.contacts)
        .with("transfers", body.transfers)
        .with("offers", body.offers)
        .with("breached", breached)
}

/// A JSON object under construction, in the order of the calls.
struct Members(Map<String, Value>);

impl Members {
    fn new() -> Members {
        Members(Map::new())
    }

    fn with(mut self, name: &str, value: impl Into<Value>) -> Members {
        let before = self.0.insert(name.to_owned(), value.into());
        assert!(before.is_none(), "a member is written once: {name}");
        self
    }

    fn with_some(self, name: &str, value: Option<impl Into<Value>>) -> Members {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }
}

impl From<Members> for Value {
    fn from(members: Members) -> Value {
        Value::Object(members.0)
    }
}
