//! Fifth stage: decisions → CloudEvents bytes. It decides nothing: it writes down what the stages before it have
//! decided, in the order in which they did, and counts nothing but the place of a decision in its batch.
//!
//! Everything that repeats is rendered once: what an envelope says of tenant, division and type, and the names of
//! the rules, escaped. An output is a run of copies, a handful of integers and two to four instants (`time`).
//! No floats, no allocation once the output buffers have grown to their size.
//!
//! Invariant: members always stand in the order written here, absent ones are left out, so that the same
//! decisions are the same bytes.

mod append;
#[cfg(test)]
mod tests;
mod time;

use crate::rules::Rules;
use crate::types::decision::{
    Attempt, Body, Closed, Decision, DecisionBatch, IdentityBatch, IdentityDecision, Offered, Rejected,
};
use crate::types::event::Span;
use crate::types::{
    Cause, ChannelId, CustomerId, DivisionId, DurationMs, KindId, Lines, Millis, Objective, Stream,
    TraceParent,
};
use append::{conversation, customer, escaped, integer, position, traceparent};
use time::Clockface;

/// Bytes to make room for ahead of each decision: most outputs are shorter.
const LINE_BYTES: usize = 900;

/// Renders the outputs of one tenant.
pub struct Emitter {
    clockface: Clockface,
    /// By `DivisionId`.
    divisions: Vec<DivisionPieces>,
    /// By `QueueId`: `,"division":"…","queue":"…"`.
    queues: Vec<Piece>,
    /// By `ChannelId`: the name in quotes.
    channels: Vec<Piece>,
    /// By `KindId`: the name in quotes.
    kinds: Vec<Piece>,
    /// Up to the number in the id of an identity output.
    identity_head: Piece,
    /// From behind the number up to the subject.
    merged: Piece,
    refused: Piece,
    /// Of a reject: from behind the position in `id` up to the time.
    rejected: Piece,
}

/// Bytes rendered ahead.
type Piece = Box<[u8]>;

/// Rendered ahead of a division's outputs.
struct DivisionPieces {
    /// `{"specversion":"1.0","id":"<tenant>-<division>-`.
    head: Piece,
    /// By `kind_of`: from behind the number up to the subject.
    envelopes: [Piece; 7],
    /// `,"division":"<division>"`.
    name: Piece,
}

/// Types of a division's outputs, by `kind_of`.
const TYPES: [&str; 7] = [
    "assignment.offered",
    "assignment.withdrawn",
    "sla.warning",
    "sla.breached",
    "conversation.opened",
    "conversation.pivoted",
    "conversation.closed",
];

impl Emitter {
    /// Renders ahead what the outputs of this tenant under these rules have in common.
    pub fn new(rules: &Rules, tenant: &str) -> Emitter {
        let names = Names {
            divisions: rules.divisions.iter().map(|d| d.name.as_str()).collect(),
            queues: rules.queues.iter().map(|q| (q.name.as_str(), q.division)).collect(),
            channels: rules.channels.iter().map(|c| c.name.as_str()).collect(),
            kinds: rules.identity.kinds.iter().map(|k| k.name.as_str()).collect(),
        };
        Emitter::of_names(&names, tenant)
    }

    /// Appends the outputs of one division's decisions.
    pub fn division(&mut self, division: DivisionId, batch: &DecisionBatch, out: &mut Lines) {
        let Emitter { clockface, divisions, queues, channels, kinds, .. } = self;
        let pieces = &divisions[division.at()];
        out.bytes.reserve(batch.decisions.len() * LINE_BYTES);
        for (place, decision) in batch.decisions.iter().enumerate() {
            let number = batch.first_number.max(1) + place as u64;
            let mut line = Line { out: &mut out.bytes, clockface, pieces, queues, channels, kinds, batch };
            line.decision(number, decision);
            out.end(stream_of(&decision.body));
        }
    }

    /// Appends the outputs of identify's decisions.
    pub fn identity(&mut self, batch: &IdentityBatch, out: &mut Lines) {
        for (place, (time, cause, trace, decision)) in batch.decisions.iter().enumerate() {
            let number = batch.first_number.max(1) + place as u64;
            let (piece, subject) = match decision {
                IdentityDecision::Merged { customer, .. } => (&self.merged, *customer),
                IdentityDecision::Refused { customer, .. } => (&self.refused, *customer),
            };
            let bytes = &mut out.bytes;
            bytes.extend_from_slice(&self.identity_head);
            integer(bytes, number);
            bytes.extend_from_slice(piece);
            customer(bytes, subject);
            bytes.extend_from_slice(b"\",\"time\":\"");
            self.clockface.append(bytes, *time);
            envelope_end(bytes, Cause::Event(*cause), trace);
            bytes.extend_from_slice(b"\"customer\":\"");
            customer(bytes, subject);
            match decision {
                IdentityDecision::Merged { absorbed, .. } => {
                    bytes.extend_from_slice(b"\",\"absorbed\":[");
                    customers(bytes, &batch.absorbed[absorbed.range()]);
                    bytes.extend_from_slice(b"]}}");
                }
                IdentityDecision::Refused { kind, reason, .. } => {
                    bytes.extend_from_slice(b"\",\"kind\":");
                    bytes.extend_from_slice(&self.kinds[kind.at()]);
                    bytes.extend_from_slice(b",\"reason\":\"");
                    bytes.extend_from_slice(reason.word().as_bytes());
                    bytes.extend_from_slice(b"\"}}");
                }
            }
            out.end(Stream::Customers);
        }
    }

    /// Appends the output of one rejected event; `time` is the clock, which a reject does not move.
    pub fn rejected(&mut self, time: Millis, rejected: &Rejected, out: &mut Lines) {
        let bytes = &mut out.bytes;
        bytes.extend_from_slice(b"{\"specversion\":\"1.0\",\"id\":\"");
        position(bytes, rejected.position);
        bytes.extend_from_slice(&self.rejected);
        self.clockface.append(bytes, time);
        envelope_end(bytes, Cause::Event(rejected.position), &TraceParent::NONE);
        bytes.extend_from_slice(b"\"position\":\"");
        position(bytes, rejected.position);
        bytes.extend_from_slice(b"\",\"reason\":\"");
        bytes.extend_from_slice(rejected.reason.word().as_bytes());
        if !rejected.detail.is_empty() {
            bytes.extend_from_slice(b"\",\"detail\":\"");
            escaped(bytes, rejected.detail.as_bytes());
        }
        bytes.extend_from_slice(b"\"}}");
        out.end(Stream::Rejected);
    }

    fn of_names(names: &Names<'_>, tenant: &str) -> Emitter {
        let divisions = names.divisions.iter().map(|division| DivisionPieces {
            head: head(tenant, division),
            envelopes: TYPES.map(|name| envelope(tenant, division, name)),
            name: piece(&[",\"division\":", &quoted(division)]),
        });
        let queue = |(name, division): &(&str, DivisionId)| {
            let division = names.divisions[division.at()];
            piece(&[",\"division\":", &quoted(division), ",\"queue\":", &quoted(name)])
        };
        let all_quoted = |names: &[&str]| names.iter().map(|name| piece(&[&quoted(name)])).collect();
        Emitter {
            clockface: Clockface::new(),
            divisions: divisions.collect(),
            queues: names.queues.iter().map(queue).collect(),
            channels: all_quoted(&names.channels),
            kinds: all_quoted(&names.kinds),
            identity_head: head(tenant, "identity"),
            merged: envelope(tenant, "identity", "customer.merged"),
            refused: envelope(tenant, "identity", "identity.refused"),
            rejected: {
                let source = quoted(&format!("/trunkline/{tenant}/rejects"));
                piece(&["\",\"source\":", &source, ",\"type\":\"trunkline.event.rejected\",\"time\":\""])
            },
        }
    }
}

/// One output of a division in the making.
struct Line<'a> {
    out: &'a mut Vec<u8>,
    clockface: &'a mut Clockface,
    pieces: &'a DivisionPieces,
    queues: &'a [Piece],
    channels: &'a [Piece],
    kinds: &'a [Piece],
    batch: &'a DecisionBatch,
}

impl Line<'_> {
    fn decision(&mut self, number: u64, decision: &Decision) {
        self.put(&self.pieces.head);
        integer(self.out, number);
        self.put(&self.pieces.envelopes[kind_of(&decision.body)]);
        let subject = self.out.len();
        conversation(self.out, decision.conversation);
        let subject = subject..self.out.len();
        self.put(b"\",\"time\":\"");
        self.clockface.append(self.out, decision.time);
        envelope_end(self.out, decision.cause, &decision.traceparent);
        self.put(b"\"conversation\":\"");
        self.out.extend_from_within(subject);
        if !matches!(decision.body, Body::Withdrawn { .. }) {
            self.put(b"\",\"customer\":\"");
            customer(self.out, decision.customer);
        }
        match &decision.body {
            Body::Offered(offered) => self.offered(decision, offered),
            Body::Withdrawn { agent, reason } => {
                self.agent(*agent);
                self.put(&self.pieces.name);
                self.put(b",\"reason\":\"");
                self.put(reason.word().as_bytes());
                self.put(b"\"}}");
            }
            Body::Warning { objective, due, percent } => {
                self.objective(decision, *objective, *due);
                self.put(b"\",\"percent\":");
                integer(self.out, *percent);
                self.put(b"}}");
            }
            Body::Breached { objective, due, late } => {
                self.objective(decision, *objective, *due);
                self.put(b"\",\"late_ms\":");
                integer(self.out, late.0);
                self.put(b"}}");
            }
            Body::Opened { value, thread, reopened } => self.opened(decision, *value, *thread, *reopened),
            Body::Pivoted { agent, from } => {
                self.put(b"\"");
                self.put(&self.pieces.name);
                self.put(b",\"agent\":\"");
                self.name(*agent);
                self.put(b"\",\"from_channel\":");
                self.channel(*from);
                self.put(b",\"channel\":");
                self.channel(decision.channel);
                self.put(b"}}");
            }
            Body::Closed(closed) => self.closed(decision, closed),
        }
    }

    fn offered(&mut self, decision: &Decision, offered: &Offered) {
        self.agent(offered.agent);
        self.queue_and_channel(decision);
        self.put(b",\"priority\":");
        integer(self.out, offered.priority);
        self.put(b",\"value\":");
        integer(self.out, offered.value);
        self.put(b",\"waited_ms\":");
        integer(self.out, offered.waited.0);
        self.put(b",\"accept\":\"");
        self.put(offered.accept.word().as_bytes());
        if let Some(expires) = offered.expires {
            self.put(b"\",\"expires\":\"");
            self.clockface.append(self.out, expires);
        }
        self.put(b"\",\"due\":{");
        let mut comma = false;
        for (objective, due) in Objective::ALL.iter().zip(offered.due) {
            let Some(due) = due else { continue };
            self.put(if comma { b",\"" } else { b"\"" });
            self.put(objective.word().as_bytes());
            self.put(b"\":\"");
            self.clockface.append(self.out, due);
            self.put(b"\"");
            comma = true;
        }
        self.put(b"},\"reason\":{\"strategy\":\"");
        self.put(offered.strategy.as_bytes());
        self.put(b"\",\"rank\":");
        integer(self.out, offered.rank);
        self.put(b",\"relaxed\":");
        integer(self.out, offered.relaxed);
        if let Some(affinity) = offered.affinity {
            self.put(b",\"affinity\":\"");
            self.put(affinity.word().as_bytes());
            self.put(b"\"");
        }
        self.put(b",\"candidates\":");
        integer(self.out, offered.candidates);
        self.put(b"},\"context\":{");
        self.context(offered);
        self.put(b"}}}");
    }

    fn context(&mut self, offered: &Offered) {
        self.put(b"\"first_contact\":\"");
        self.clockface.append(self.out, offered.first_contact);
        self.put(b"\",\"failed_attempts\":");
        integer(self.out, offered.failed_attempts);
        self.put(b",\"attempts\":[");
        for (place, attempt) in self.batch.attempts[offered.attempts.range()].iter().enumerate() {
            self.put(if place > 0 { b"," } else { b"" });
            self.attempt(attempt);
        }
        self.put(b"]");
        if offered.last_agent.len > 0 {
            self.put(b",\"last_agent\":\"");
            self.name(offered.last_agent);
            self.put(b"\"");
        }
        self.put(b",\"kinds\":[");
        let mut left = offered.kinds;
        while left != 0 {
            let kind = KindId(left.trailing_zeros() as u8);
            left &= left - 1;
            self.put(&self.kinds[kind.at()]);
            self.put(if left != 0 { b"," } else { b"" });
        }
        self.put(b"],\"message\":{\"position\":\"");
        position(self.out, offered.message);
        self.put(b"\"}");
    }

    fn attempt(&mut self, attempt: &Attempt) {
        self.put(b"{\"at\":\"");
        self.clockface.append(self.out, attempt.at);
        self.put(b"\",\"channel\":");
        self.channel(attempt.channel);
        self.put(b",\"outcome\":\"");
        self.put(attempt.outcome.word().as_bytes());
        self.put(b"\"}");
    }

    /// What warning and breach share, up to the due time within its quotes.
    fn objective(&mut self, decision: &Decision, objective: Objective, due: Millis) {
        self.put(b"\"");
        self.queue_and_channel(decision);
        self.put(b",\"objective\":\"");
        self.put(objective.word().as_bytes());
        self.put(b"\",\"due\":\"");
        self.clockface.append(self.out, due);
    }

    fn opened(&mut self, decision: &Decision, value: i64, thread: Span, reopened: bool) {
        self.put(b"\"");
        self.queue_and_channel(decision);
        self.put(b",\"value\":");
        integer(self.out, value);
        if thread.len > 0 {
            self.put(b",\"thread\":\"");
            self.name(thread);
            self.put(b"\"");
        }
        self.put(if reopened { b",\"reopened\":true}}" } else { b",\"reopened\":false}}" });
    }

    fn closed(&mut self, decision: &Decision, closed: &Closed) {
        self.put(b"\"");
        self.queue_and_channel(decision);
        self.put(b",\"outcome\":\"");
        self.put(closed.outcome.word().as_bytes());
        if let Some(disposition) = closed.disposition {
            self.put(b"\",\"disposition\":\"");
            self.name(disposition);
        }
        self.put(b"\"");
        self.span(b",\"wait_ms\":", closed.wait);
        self.span(b",\"first_response_ms\":", closed.first_response);
        self.span(b",\"open_ms\":", Some(closed.open));
        self.put(b",\"contacts\":");
        integer(self.out, closed.contacts);
        self.put(b",\"transfers\":");
        integer(self.out, closed.transfers);
        self.put(b",\"offers\":");
        integer(self.out, closed.offers);
        self.put(b",\"breached\":[");
        let mut comma = false;
        for objective in Objective::ALL {
            if closed.breached >> *objective as u8 & 1 == 1 {
                self.put(if comma { b",\"" } else { b"\"" });
                self.put(objective.word().as_bytes());
                self.put(b"\"");
                comma = true;
            }
        }
        self.put(b"]}}");
    }

    /// Ends the string before and appends `,"agent":"…"`.
    fn agent(&mut self, agent: Span) {
        self.put(b"\",\"agent\":\"");
        self.name(agent);
        self.put(b"\"");
    }

    fn queue_and_channel(&mut self, decision: &Decision) {
        self.put(&self.queues[decision.queue.at()]);
        self.put(b",\"channel\":");
        self.channel(decision.channel);
    }

    fn channel(&mut self, channel: ChannelId) {
        self.put(&self.channels[channel.at()]);
    }

    /// A text of the batch, within quotes that stand already.
    fn name(&mut self, name: Span) {
        escaped(self.out, self.batch.bytes_of(name));
    }

    fn span(&mut self, member: &[u8], span: Option<DurationMs>) {
        if let Some(span) = span {
            self.put(member);
            integer(self.out, span.0);
        }
    }

    #[inline(always)]
    fn put(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }
}

/// Names that outputs carry.
struct Names<'a> {
    divisions: Vec<&'a str>,
    queues: Vec<(&'a str, DivisionId)>,
    channels: Vec<&'a str>,
    kinds: Vec<&'a str>,
}

/// From behind the time up to the first member of `data`.
#[inline]
fn envelope_end(out: &mut Vec<u8>, cause: Cause, trace: &TraceParent) {
    match cause {
        Cause::Event(at) => {
            out.extend_from_slice(b"\",\"cause\":\"");
            position(out, at);
            out.push(b'"');
        }
        Cause::Timer => out.extend_from_slice(b"\",\"cause\":\"timer\""),
    }
    traceparent(out, trace);
    out.extend_from_slice(b",\"data\":{");
}

fn customers(out: &mut Vec<u8>, ids: &[CustomerId]) {
    for (place, id) in ids.iter().enumerate() {
        out.extend_from_slice(if place > 0 { b",\"" } else { b"\"" });
        customer(out, *id);
        out.push(b'"');
    }
}

/// Place of the output's type in `TYPES`.
const fn kind_of(body: &Body) -> usize {
    match body {
        Body::Offered(_) => 0,
        Body::Withdrawn { .. } => 1,
        Body::Warning { .. } => 2,
        Body::Breached { .. } => 3,
        Body::Opened { .. } => 4,
        Body::Pivoted { .. } => 5,
        Body::Closed(_) => 6,
    }
}

const fn stream_of(body: &Body) -> Stream {
    match body {
        Body::Offered(_) | Body::Withdrawn { .. } => Stream::Assignments,
        Body::Warning { .. } | Body::Breached { .. } => Stream::Sla,
        Body::Opened { .. } | Body::Pivoted { .. } | Body::Closed(_) => Stream::Conversations,
    }
}

/// An envelope up to the number that ends its id.
fn head(tenant: &str, who: &str) -> Piece {
    let id = quoted(&format!("{tenant}-{who}-"));
    piece(&["{\"specversion\":\"1.0\",\"id\":", &id[..id.len() - 1]])
}

/// An envelope from behind that number up to the subject.
fn envelope(tenant: &str, who: &str, name: &str) -> Piece {
    let source = quoted(&format!("/trunkline/{tenant}/{who}"));
    piece(&["\",\"source\":", &source, ",\"type\":\"trunkline.", name, "\",\"subject\":\""])
}

fn piece(parts: &[&str]) -> Piece {
    parts.concat().into_bytes().into_boxed_slice()
}

/// A name as a JSON string.
fn quoted(name: &str) -> String {
    let mut out = vec![b'"'];
    escaped(&mut out, name.as_bytes());
    out.push(b'"');
    String::from_utf8(out).expect("escapes keep UTF-8")
}
