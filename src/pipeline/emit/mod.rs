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
use append::{ESCAPED_MAX, Pen, Piece, quoted};
use time::Clockface;

/// Outputs gather here before they are copied out: reading at once what was just written in small parts would
/// stall.
const SCRATCH_BYTES: usize = 16 * 1_024;
/// Bytes of an output besides pieces of the rules, texts and attempts: its members and numbers.
const MEMBERS_BYTES: usize = 2_048;
/// Bytes of an attempt besides its channel, at most.
const ATTEMPT_BYTES: usize = 128;
/// Bytes of a customer's id in a list, at most.
const ID_BYTES: usize = 32;
/// Bytes of a conversation's id, at most.
const SUBJECT_BYTES: usize = 48;
/// Bytes to make room for ahead of each decision: most outputs are shorter.
const LINE_BYTES: usize = 900;

/// Renders the outputs of one tenant.
pub struct Emitter {
    scratch: Vec<u8>,
    /// Bytes that no output exceeds, its texts and attempts apart.
    bound: usize,
    /// Bytes that no attempt exceeds.
    attempt_bytes: usize,
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
        let Emitter { scratch, bound, attempt_bytes, clockface, divisions, queues, channels, kinds, .. } =
            self;
        let pieces = &divisions[division.at()];
        out.bytes.reserve(batch.decisions.len() * LINE_BYTES);
        let mut waiting = 0;
        for (place, decision) in batch.decisions.iter().enumerate() {
            let number = batch.first_number.max(1) + place as u64;
            let needed = *bound + extent(&decision.body, *attempt_bytes);
            if scratch.len() < waiting + needed {
                out.bytes.extend_from_slice(&scratch[..waiting]);
                waiting = 0;
            }
            let scratch = &mut room(scratch, needed)[waiting..];
            let all = scratch.len();
            let pen = Pen::new(scratch);
            let mut line = Line { pen, clockface, pieces, queues, channels, kinds, batch };
            line.decision(number, decision);
            waiting += all - line.pen.left();
            out.end_after(waiting, stream_of(&decision.body));
        }
        out.bytes.extend_from_slice(&scratch[..waiting]);
    }

    /// Appends the outputs of identify's decisions.
    pub fn identity(&mut self, batch: &IdentityBatch, out: &mut Lines) {
        for (place, (time, cause, trace, decision)) in batch.decisions.iter().enumerate() {
            let number = batch.first_number.max(1) + place as u64;
            let (envelope, subject) = match decision {
                IdentityDecision::Merged { customer, .. } => (&self.merged, *customer),
                IdentityDecision::Refused { customer, .. } => (&self.refused, *customer),
            };
            let absorbed = match decision {
                IdentityDecision::Merged { absorbed, .. } => &batch.absorbed[absorbed.range()],
                IdentityDecision::Refused { .. } => &[],
            };
            let scratch = room(&mut self.scratch, self.bound + absorbed.len() * ID_BYTES);
            let all = scratch.len();
            let pen = &mut Pen::new(scratch);
            pen.piece(&self.identity_head);
            pen.unsigned(number);
            pen.piece(envelope);
            pen.customer(subject);
            pen.put(b"\",\"time\":\"");
            self.clockface.write(pen, *time);
            envelope_end(pen, Cause::Event(*cause), trace);
            pen.put(b"\"customer\":\"");
            pen.customer(subject);
            match decision {
                IdentityDecision::Merged { .. } => {
                    pen.put(b"\",\"absorbed\":[");
                    customers(pen, absorbed);
                    pen.put(b"]}}");
                }
                IdentityDecision::Refused { kind, reason, .. } => {
                    pen.put(b"\",\"kind\":");
                    pen.piece(&self.kinds[kind.at()]);
                    pen.put(b",\"reason\":\"");
                    pen.bytes(reason.word().as_bytes());
                    pen.put(b"\"}}");
                }
            }
            let written = all - pen.left();
            out.bytes.extend_from_slice(&scratch[..written]);
            out.end(Stream::Customers);
        }
    }

    /// Appends the output of one rejected event; `time` is the clock, which a reject does not move.
    pub fn rejected(&mut self, time: Millis, rejected: &Rejected, out: &mut Lines) {
        let scratch = room(&mut self.scratch, self.bound + rejected.detail.len() * ESCAPED_MAX);
        let all = scratch.len();
        let pen = &mut Pen::new(scratch);
        pen.put(b"{\"specversion\":\"1.0\",\"id\":\"");
        pen.position(rejected.position);
        pen.piece(&self.rejected);
        self.clockface.write(pen, time);
        envelope_end(pen, Cause::Event(rejected.position), &TraceParent::NONE);
        pen.put(b"\"position\":\"");
        pen.position(rejected.position);
        pen.put(b"\",\"reason\":\"");
        pen.bytes(rejected.reason.word().as_bytes());
        if !rejected.detail.is_empty() {
            pen.put(b"\",\"detail\":\"");
            pen.text(rejected.detail.as_bytes(), 0, rejected.detail.len());
        }
        pen.put(b"\"}}");
        let written = all - pen.left();
        out.bytes.extend_from_slice(&scratch[..written]);
        out.end(Stream::Rejected);
    }

    fn of_names(names: &Names<'_>, tenant: &str) -> Emitter {
        let divisions = names.divisions.iter().map(|division| DivisionPieces {
            head: head(tenant, division),
            envelopes: TYPES.map(|name| envelope(tenant, division, name)),
            name: Piece::of(&[",\"division\":", &quoted(division)]),
        });
        let divisions: Vec<_> = divisions.collect();
        let queue = |(name, division): &(&str, DivisionId)| {
            let division = names.divisions[division.at()];
            Piece::of(&[",\"division\":", &quoted(division), ",\"queue\":", &quoted(name)])
        };
        let queues: Vec<_> = names.queues.iter().map(queue).collect();
        let all_quoted =
            |names: &[&str]| -> Vec<Piece> { names.iter().map(|name| Piece::of(&[&quoted(name)])).collect() };
        let (channels, kinds) = (all_quoted(&names.channels), all_quoted(&names.kinds));
        let widest = |pieces: &[Piece]| pieces.iter().map(Piece::bound).max().unwrap_or(0);
        let envelope_bytes = |d: &DivisionPieces| d.head.bound() + widest(&d.envelopes) + d.name.bound();
        let bound = MEMBERS_BYTES
            + divisions.iter().map(envelope_bytes).max().unwrap_or(0)
            + widest(&queues)
            + 2 * widest(&channels)
            + kinds.iter().map(Piece::bound).sum::<usize>()
            + tenant.len() * 2 * ESCAPED_MAX;
        Emitter {
            scratch: vec![0; SCRATCH_BYTES.max(bound)],
            bound,
            attempt_bytes: ATTEMPT_BYTES + widest(&channels),
            clockface: Clockface::new(),
            divisions,
            queues,
            channels,
            kinds,
            identity_head: head(tenant, "identity"),
            merged: envelope(tenant, "identity", "customer.merged"),
            refused: envelope(tenant, "identity", "identity.refused"),
            rejected: {
                let source = quoted(&format!("/trunkline/{tenant}/rejects"));
                Piece::of(&["\",\"source\":", &source, ",\"type\":\"trunkline.event.rejected\",\"time\":\""])
            },
        }
    }
}

/// One output of a division in the making.
struct Line<'a> {
    pen: Pen<'a>,
    clockface: &'a mut Clockface,
    pieces: &'a DivisionPieces,
    queues: &'a [Piece],
    channels: &'a [Piece],
    kinds: &'a [Piece],
    batch: &'a DecisionBatch,
}

impl Line<'_> {
    fn decision(&mut self, number: u64, decision: &Decision) {
        self.pen.piece(&self.pieces.head);
        self.pen.unsigned(number);
        self.pen.piece(&self.pieces.envelopes[kind_of(&decision.body)]);
        let mut subject = [0; SUBJECT_BYTES];
        let mut pen = Pen::new(&mut subject);
        pen.conversation(decision.conversation);
        let subject_len = SUBJECT_BYTES - pen.left();
        self.pen.part(&subject, subject_len);
        self.put(b"\",\"time\":\"");
        self.clockface.write(&mut self.pen, decision.time);
        envelope_end(&mut self.pen, decision.cause, &decision.traceparent);
        self.put(b"\"conversation\":\"");
        self.pen.part(&subject, subject_len);
        if !matches!(decision.body, Body::Withdrawn { .. }) {
            self.put(b"\",\"customer\":\"");
            self.pen.customer(decision.customer);
        }
        match &decision.body {
            Body::Offered(offered) => self.offered(decision, offered),
            Body::Withdrawn { agent, reason } => {
                self.agent(*agent);
                self.pen.piece(&self.pieces.name);
                self.put(b",\"reason\":\"");
                self.pen.bytes(reason.word().as_bytes());
                self.put(b"\"}}");
            }
            Body::Warning { objective, due, percent } => {
                self.objective(decision, *objective, *due);
                self.put(b"\",\"percent\":");
                self.pen.unsigned(u64::from(*percent));
                self.put(b"}}");
            }
            Body::Breached { objective, due, late } => {
                self.objective(decision, *objective, *due);
                self.put(b"\",\"late_ms\":");
                self.pen.integer(late.0);
                self.put(b"}}");
            }
            Body::Opened { value, thread, reopened } => self.opened(decision, *value, *thread, *reopened),
            Body::Pivoted { agent, from } => {
                self.put(b"\"");
                self.pen.piece(&self.pieces.name);
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
        self.pen.integer(offered.priority);
        self.put(b",\"value\":");
        self.pen.integer(offered.value);
        self.put(b",\"waited_ms\":");
        self.pen.integer(offered.waited.0);
        self.put(b",\"accept\":\"");
        self.pen.bytes(offered.accept.word().as_bytes());
        if let Some(expires) = offered.expires {
            self.put(b"\",\"expires\":\"");
            self.clockface.write(&mut self.pen, expires);
        }
        self.put(b"\",\"due\":{");
        let mut comma = false;
        for (objective, due) in Objective::ALL.iter().zip(offered.due) {
            let Some(due) = due else { continue };
            self.comma(comma);
            self.put(b"\"");
            self.pen.bytes(objective.word().as_bytes());
            self.put(b"\":\"");
            self.clockface.write(&mut self.pen, due);
            self.put(b"\"");
            comma = true;
        }
        self.put(b"},\"reason\":{\"strategy\":\"");
        self.pen.bytes(offered.strategy.as_bytes());
        self.put(b"\",\"rank\":");
        self.pen.unsigned(u64::from(offered.rank));
        self.put(b",\"relaxed\":");
        self.pen.unsigned(u64::from(offered.relaxed));
        if let Some(affinity) = offered.affinity {
            self.put(b",\"affinity\":\"");
            self.pen.bytes(affinity.word().as_bytes());
            self.put(b"\"");
        }
        self.put(b",\"candidates\":");
        self.pen.unsigned(u64::from(offered.candidates));
        self.put(b"},\"context\":{");
        self.context(offered);
        self.put(b"}}}");
    }

    fn context(&mut self, offered: &Offered) {
        self.put(b"\"first_contact\":\"");
        self.clockface.write(&mut self.pen, offered.first_contact);
        self.put(b"\",\"failed_attempts\":");
        self.pen.unsigned(u64::from(offered.failed_attempts));
        self.put(b",\"attempts\":[");
        for (place, attempt) in self.batch.attempts[offered.attempts.range()].iter().enumerate() {
            self.comma(place > 0);
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
            self.pen.piece(&self.kinds[kind.at()]);
            self.comma(left != 0);
        }
        self.put(b"],\"message\":{\"position\":\"");
        self.pen.position(offered.message);
        self.put(b"\"}");
    }

    fn attempt(&mut self, attempt: &Attempt) {
        self.put(b"{\"at\":\"");
        self.clockface.write(&mut self.pen, attempt.at);
        self.put(b"\",\"channel\":");
        self.channel(attempt.channel);
        self.put(b",\"outcome\":\"");
        self.pen.bytes(attempt.outcome.word().as_bytes());
        self.put(b"\"}");
    }

    /// What warning and breach share, up to the due time within its quotes.
    fn objective(&mut self, decision: &Decision, objective: Objective, due: Millis) {
        self.put(b"\"");
        self.queue_and_channel(decision);
        self.put(b",\"objective\":\"");
        self.pen.bytes(objective.word().as_bytes());
        self.put(b"\",\"due\":\"");
        self.clockface.write(&mut self.pen, due);
    }

    fn opened(&mut self, decision: &Decision, value: i64, thread: Span, reopened: bool) {
        self.put(b"\"");
        self.queue_and_channel(decision);
        self.put(b",\"value\":");
        self.pen.integer(value);
        if thread.len > 0 {
            self.put(b",\"thread\":\"");
            self.name(thread);
            self.put(b"\"");
        }
        self.put(b",\"reopened\":");
        self.pen.bytes(if reopened { b"true}}" } else { b"false}}" });
    }

    fn closed(&mut self, decision: &Decision, closed: &Closed) {
        self.put(b"\"");
        self.queue_and_channel(decision);
        self.put(b",\"outcome\":\"");
        self.pen.bytes(closed.outcome.word().as_bytes());
        if let Some(disposition) = closed.disposition {
            self.put(b"\",\"disposition\":\"");
            self.name(disposition);
        }
        self.put(b"\"");
        self.span(b",\"wait_ms\":", closed.wait);
        self.span(b",\"first_response_ms\":", closed.first_response);
        self.span(b",\"open_ms\":", Some(closed.open));
        self.put(b",\"contacts\":");
        self.pen.unsigned(u64::from(closed.contacts));
        self.put(b",\"transfers\":");
        self.pen.unsigned(u64::from(closed.transfers));
        self.put(b",\"offers\":");
        self.pen.unsigned(u64::from(closed.offers));
        self.put(b",\"breached\":[");
        let mut comma = false;
        for objective in Objective::ALL {
            if closed.breached >> *objective as u8 & 1 == 1 {
                self.comma(comma);
                self.put(b"\"");
                self.pen.bytes(objective.word().as_bytes());
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
        self.pen.piece(&self.queues[decision.queue.at()]);
        self.put(b",\"channel\":");
        self.channel(decision.channel);
    }

    fn channel(&mut self, channel: ChannelId) {
        self.pen.piece(&self.channels[channel.at()]);
    }

    /// A text of the batch, within quotes that stand already.
    fn name(&mut self, name: Span) {
        self.pen.text(&self.batch.bytes, name.start as usize, name.len as usize);
    }

    fn comma(&mut self, needed: bool) {
        if needed {
            self.put(b",");
        }
    }

    fn span(&mut self, member: &[u8], span: Option<DurationMs>) {
        if let Some(span) = span {
            self.pen.bytes(member);
            self.pen.integer(span.0);
        }
    }

    #[inline(always)]
    fn put<const N: usize>(&mut self, bytes: &[u8; N]) {
        self.pen.put(bytes);
    }
}

/// Scratch of at least so many bytes.
#[inline]
fn room(scratch: &mut Vec<u8>, bytes: usize) -> &mut [u8] {
    if scratch.len() < bytes {
        scratch.resize(bytes, 0);
    }
    scratch
}

/// Bytes that the texts and attempts of an output do not exceed.
#[inline]
fn extent(body: &Body, attempt_bytes: usize) -> usize {
    let text = |span: Span| span.len as usize * ESCAPED_MAX;
    match body {
        Body::Offered(offered) => {
            text(offered.agent) + text(offered.last_agent) + offered.attempts.len as usize * attempt_bytes
        }
        Body::Withdrawn { agent, .. } | Body::Pivoted { agent, .. } => text(*agent),
        Body::Opened { thread, .. } => text(*thread),
        Body::Closed(closed) => text(closed.disposition.unwrap_or_default()),
        Body::Warning { .. } | Body::Breached { .. } => 0,
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
fn envelope_end(pen: &mut Pen<'_>, cause: Cause, trace: &TraceParent) {
    match cause {
        Cause::Event(at) => {
            pen.put(b"\",\"cause\":\"");
            pen.position(at);
            pen.put(b"\"");
        }
        Cause::Timer => pen.put(b"\",\"cause\":\"timer\""),
    }
    pen.traceparent(trace);
    pen.put(b",\"data\":{");
}

fn customers(pen: &mut Pen<'_>, ids: &[CustomerId]) {
    for (place, id) in ids.iter().enumerate() {
        if place > 0 {
            pen.put(b",");
        }
        pen.put(b"\"");
        pen.customer(*id);
        pen.put(b"\"");
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
    Piece::of(&["{\"specversion\":\"1.0\",\"id\":", &id[..id.len() - 1]])
}

/// An envelope from behind that number up to the subject.
fn envelope(tenant: &str, who: &str, name: &str) -> Piece {
    let source = quoted(&format!("/trunkline/{tenant}/{who}"));
    Piece::of(&["\",\"source\":", &source, ",\"type\":\"trunkline.", name, "\",\"subject\":\""])
}
