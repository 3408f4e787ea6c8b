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
    Replied,
};
use crate::types::event::Span;
use crate::types::{
    Cause, ChannelId, CustomerId, DivisionId, KindId, Lines, Millis, Objective, RefusalReason, Stream,
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
    tenant: String,
    scratch: Vec<u8>,
    /// Bytes that no output exceeds, its texts and attempts apart.
    bound: usize,
    /// Bytes that no attempt exceeds.
    attempt_bytes: usize,
    clockface: Clockface,
    /// By `DivisionId`.
    divisions: Vec<DivisionPieces>,
    /// By `QueueId`: `,"division":"…","queue":"…","channel":`.
    queues: Vec<Piece<96>>,
    /// By `ChannelId`: the name in quotes.
    channels: Vec<Piece<16>>,
    /// By `KindId`: the name in quotes.
    kinds: Vec<Piece<16>>,
    /// Kinds in the order in which they are told.
    kinds_by_rank: Vec<KindId>,
    /// By `TemplateId`: the name in quotes.
    templates: Vec<Piece<16>>,
    /// Up to the number in the id of an identity output.
    identity_head: Piece<64>,
    /// From behind the number up to the subject.
    created: Piece<128>,
    merged: Piece<128>,
    refused: Piece<128>,
    split: Piece<128>,
    erased: Piece<128>,
    /// From behind the number up to the time: it has no subject.
    ambiguous: Piece<128>,
    /// Of a reject: from behind the position in `id` up to the time.
    rejected: Piece<128>,
}

/// Rendered ahead of a division's outputs.
struct DivisionPieces {
    /// `{"specversion":"1.0","id":"<tenant>-<division>-`.
    head: Piece<64>,
    /// By `kind_of`: from behind the number up to the subject.
    envelopes: [Piece<128>; 9],
    /// `,"division":"<division>"`.
    name: Piece<64>,
}

/// Types of a division's outputs, by `kind_of`.
const TYPES: [&str; 9] = [
    "assignment.offered",
    "assignment.withdrawn",
    "sla.warning",
    "sla.breached",
    "conversation.opened",
    "conversation.pivoted",
    "conversation.closed",
    "reply.automated",
    "conversation.merged",
];

impl Emitter {
    /// Renders ahead what the outputs of this tenant under these rules have in common.
    pub fn new(rules: &Rules, tenant: &str) -> Emitter {
        let names = Names {
            divisions: rules.divisions.iter().map(|d| d.name.as_str()).collect(),
            queues: rules.queues.iter().map(|q| (q.name.as_str(), q.division)).collect(),
            channels: rules.channels.iter().map(|c| c.name.as_str()).collect(),
            kinds: rules.identity.kinds.iter().map(|k| k.name.as_str()).collect(),
            templates: rules.templates.iter().map(String::as_str).collect(),
        };
        Emitter { kinds_by_rank: rules.kinds_by_rank(), ..Emitter::of_names(&names, tenant) }
    }

    /// The same tenant's under other rules.
    pub fn under(&self, rules: &Rules) -> Emitter {
        Emitter::new(rules, &self.tenant)
    }

    /// Appends the outputs of one division's decisions.
    pub fn division(&mut self, division: DivisionId, batch: &DecisionBatch, out: &mut Lines) {
        let Emitter { scratch, bound, attempt_bytes, clockface, divisions, .. } = self;
        let (queues, channels, kinds, templates) =
            (&*self.queues, &*self.channels, &*self.kinds, &*self.templates);
        let (pieces, kinds_by_rank) = (&divisions[division.at()], &*self.kinds_by_rank);
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
            let mut line =
                Line { clockface, pieces, queues, channels, kinds, kinds_by_rank, templates, batch };
            waiting += all - line.decision(Pen::new(scratch), number, decision).left();
            out.end_after(waiting, stream_of(&decision.body));
        }
        out.bytes.extend_from_slice(&scratch[..waiting]);
    }

    /// Appends the outputs of identify's decisions.
    pub fn identity(&mut self, batch: &IdentityBatch, out: &mut Lines) {
        for (place, (time, cause, trace, decision)) in batch.decisions.iter().enumerate() {
            let number = batch.first_number.max(1) + place as u64;
            let (envelope, subject) = match decision {
                IdentityDecision::Created { customer } => (&self.created, Some(*customer)),
                IdentityDecision::Merged { customer, .. } => (&self.merged, Some(*customer)),
                IdentityDecision::Refused { customer, .. } => (&self.refused, Some(*customer)),
                IdentityDecision::Split { from, .. } => (&self.split, Some(*from)),
                IdentityDecision::Erased { customer } => (&self.erased, Some(*customer)),
                IdentityDecision::Ambiguous => (&self.ambiguous, None),
            };
            let absorbed = match decision {
                IdentityDecision::Merged { absorbed, .. } => &batch.absorbed[absorbed.range()],
                _ => &[],
            };
            let scratch = room(&mut self.scratch, self.bound + absorbed.len() * ID_BYTES);
            let all = scratch.len();
            let pen = Pen::new(scratch).piece(&self.identity_head).unsigned(number);
            let pen = match subject {
                Some(subject) => pen.piece(envelope).customer(subject).put(b"\",\"time\":\""),
                None => pen.piece(envelope),
            };
            let pen = envelope_end(self.clockface.write(pen, *time), Cause::Event(*cause), trace);
            let pen = match decision {
                IdentityDecision::Merged { customer, .. } => {
                    let pen = pen.put(b"\"customer\":\"").customer(*customer);
                    customers(pen.put(b"\",\"absorbed\":["), absorbed).put(b"]}}")
                }
                IdentityDecision::Refused { customer, kind, reason } => {
                    let pen = pen.put(b"\"customer\":\"").customer(*customer);
                    let pen = pen.put(b"\",\"kind\":").piece(&self.kinds[kind.at()]);
                    pen.put(b",\"reason\":\"").bytes(reason.word().as_bytes()).put(b"\"}}")
                }
                IdentityDecision::Split { from, to } => {
                    let pen = pen.put(b"\"from\":\"").customer(*from);
                    pen.put(b"\",\"to\":\"").customer(*to).put(b"\"}}")
                }
                IdentityDecision::Created { customer } | IdentityDecision::Erased { customer } => {
                    pen.put(b"\"customer\":\"").customer(*customer).put(b"\"}}")
                }
                IdentityDecision::Ambiguous => {
                    let reason = RefusalReason::Ambiguous.word().as_bytes();
                    pen.put(b"\"reason\":\"").bytes(reason).put(b"\"}}")
                }
            };
            let written = all - pen.left();
            out.bytes.extend_from_slice(&scratch[..written]);
            out.end(Stream::Customers);
        }
    }

    /// Appends the output of one rejected event; `time` is the clock, which a reject does not move.
    pub fn rejected(&mut self, time: Millis, rejected: &Rejected, out: &mut Lines) {
        let scratch = room(&mut self.scratch, self.bound + rejected.detail.len() * ESCAPED_MAX);
        let all = scratch.len();
        let pen = Pen::new(scratch).put(b"{\"specversion\":\"1.0\",\"id\":\"").position(rejected.position);
        let pen = self.clockface.write(pen.piece(&self.rejected), time);
        let pen = envelope_end(pen, Cause::Event(rejected.position), &TraceParent::NONE);
        let pen = pen.put(b"\"position\":\"").position(rejected.position);
        let pen = pen.put(b"\",\"reason\":\"").bytes(rejected.reason.word().as_bytes());
        let detail = rejected.detail.as_bytes();
        let pen =
            if detail.is_empty() { pen } else { pen.put(b"\",\"detail\":\"").text(detail, 0, detail.len()) };
        let pen = pen.put(b"\"}}");
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
            Piece::of(&[",\"division\":", &quoted(division), ",\"queue\":", &quoted(name), ",\"channel\":"])
        };
        let queues: Vec<_> = names.queues.iter().map(queue).collect();
        let all_quoted = |names: &[&str]| -> Vec<Piece<16>> {
            names.iter().map(|name| Piece::of(&[&quoted(name)])).collect()
        };
        let (channels, kinds) = (all_quoted(&names.channels), all_quoted(&names.kinds));
        let templates = all_quoted(&names.templates);
        let envelope_bytes = |d: &DivisionPieces| d.head.bound() + widest(&d.envelopes) + d.name.bound();
        let bound = MEMBERS_BYTES
            + divisions.iter().map(envelope_bytes).max().unwrap_or(0)
            + widest(&queues)
            + widest(&templates)
            + 2 * widest(&channels)
            + kinds.iter().map(Piece::bound).sum::<usize>()
            + tenant.len() * 2 * ESCAPED_MAX;
        Emitter {
            tenant: tenant.to_owned(),
            scratch: vec![0; SCRATCH_BYTES.max(bound)],
            bound,
            attempt_bytes: ATTEMPT_BYTES + widest(&channels),
            clockface: Clockface::new(),
            divisions,
            queues,
            channels,
            kinds_by_rank: (0..kinds.len()).map(|kind| KindId(kind as u8)).collect(),
            kinds,
            templates,
            identity_head: head(tenant, "identity"),
            created: envelope(tenant, "identity", "customer.created"),
            merged: envelope(tenant, "identity", "customer.merged"),
            refused: envelope(tenant, "identity", "identity.refused"),
            split: envelope(tenant, "identity", "customer.split"),
            erased: envelope(tenant, "identity", "customer.erased"),
            ambiguous: without_subject(tenant, "identity", "identity.refused"),
            rejected: without_subject(tenant, "rejects", "event.rejected"),
        }
    }
}

/// What an output of a division is written from.
struct Line<'a> {
    clockface: &'a mut Clockface,
    pieces: &'a DivisionPieces,
    queues: &'a [Piece<96>],
    channels: &'a [Piece<16>],
    kinds: &'a [Piece<16>],
    kinds_by_rank: &'a [KindId],
    templates: &'a [Piece<16>],
    batch: &'a DecisionBatch,
}

impl Line<'_> {
    fn decision<'p>(&mut self, pen: Pen<'p>, number: u64, decision: &Decision) -> Pen<'p> {
        let mut subject = [0; SUBJECT_BYTES];
        let subject_len = SUBJECT_BYTES - Pen::new(&mut subject).conversation(decision.conversation).left();
        let pen = pen.piece(&self.pieces.head).unsigned(number);
        let pen = pen.piece(&self.pieces.envelopes[kind_of(&decision.body)]).part(&subject, subject_len);
        let pen = self.clockface.write(pen.put(b"\",\"time\":\""), decision.time);
        let pen = envelope_end(pen, decision.cause, &decision.traceparent);
        let pen = pen.put(b"\"conversation\":\"").part(&subject, subject_len);
        if let Body::Withdrawn { agent, reason } = &decision.body {
            let pen = self.name(pen.put(b"\",\"agent\":\""), *agent).put(b"\"").piece(&self.pieces.name);
            return pen.put(b",\"reason\":\"").bytes(reason.word().as_bytes()).put(b"\"}}");
        }
        let pen = pen.put(b"\",\"customer\":\"").customer(decision.customer).put(b"\"");
        match &decision.body {
            Body::Offered(offered) => self.offered(pen, decision, offered),
            Body::Withdrawn { .. } => unreachable!("written above"),
            Body::Warning { objective, due, percent } => {
                let pen = self.objective(pen, decision, *objective, *due);
                pen.put(b"\",\"percent\":").unsigned(u64::from(*percent)).put(b"}}")
            }
            Body::Breached { objective, due, late } => {
                let pen = self.objective(pen, decision, *objective, *due);
                pen.put(b"\",\"late_ms\":").integer(late.0).put(b"}}")
            }
            Body::Opened { value, thread, reopened } => {
                let pen = self.queue_and_channel(pen, decision).put(b",\"value\":").integer(*value);
                let pen = match thread.len {
                    0 => pen,
                    _ => self.name(pen.put(b",\"thread\":\""), *thread).put(b"\""),
                };
                let pen = pen.put(b",\"reopened\":");
                if *reopened { pen.put(b"true}}") } else { pen.put(b"false}}") }
            }
            Body::Pivoted { agent, from } => {
                let pen = self.name(pen.piece(&self.pieces.name).put(b",\"agent\":\""), *agent);
                let pen = self.channel(pen.put(b"\",\"from_channel\":"), *from);
                self.channel(pen.put(b",\"channel\":"), decision.channel).put(b"}}")
            }
            Body::Folded { into, agent, channel } => {
                let pen = pen.piece(&self.pieces.name);
                let pen = match agent {
                    Some(agent) => self.name(pen.put(b",\"agent\":\""), *agent).put(b"\""),
                    None => pen,
                };
                let pen = self.channel(pen.put(b",\"from_channel\":"), decision.channel);
                let pen = self.channel(pen.put(b",\"channel\":"), *channel);
                pen.put(b",\"into\":\"").conversation(*into).put(b"\"}}")
            }
            Body::Closed(closed) => self.closed(pen, decision, closed),
            Body::Replied(replied) => self.replied(pen, decision, replied),
        }
    }

    fn replied<'p>(&mut self, pen: Pen<'p>, decision: &Decision, replied: &Replied) -> Pen<'p> {
        let pen = self.channel(pen.put(b",\"channel\":"), decision.channel);
        let pen = pen.put(b",\"template\":").piece(&self.templates[replied.template.at()]);
        let pen = pen.put(b",\"private\":");
        let pen = if replied.private { pen.put(b"true") } else { pen.put(b"false") };
        let pen = match replied.position {
            Some(position) => pen.put(b",\"queue_position\":").unsigned(u64::from(position)),
            None => pen,
        };
        let pen = match replied.expected_wait_s {
            Some(seconds) => pen.put(b",\"expected_wait_s\":").integer(seconds),
            None => pen,
        };
        pen.put(b"}}")
    }

    fn offered<'p>(&mut self, pen: Pen<'p>, decision: &Decision, offered: &Offered) -> Pen<'p> {
        let pen = self.name(pen.put(b",\"agent\":\""), offered.agent).put(b"\"");
        let pen = self.queue_and_channel(pen, decision);
        let pen = pen.put(b",\"priority\":").integer(offered.priority);
        let pen = pen.put(b",\"value\":").integer(offered.value);
        let pen = pen.put(b",\"waited_ms\":").integer(offered.waited.0);
        let pen = pen.put(b",\"accept\":\"").bytes(offered.accept.word().as_bytes());
        let pen = match offered.expires {
            Some(expires) => self.clockface.write(pen.put(b"\",\"expires\":\""), expires),
            None => pen,
        };
        let pen = self.due(pen.put(b"\",\"due\":{"), &offered.due);
        let pen = pen.put(b"},\"reason\":{\"strategy\":\"").bytes(offered.strategy.as_bytes());
        let pen = pen.put(b"\",\"rank\":").unsigned(u64::from(offered.rank));
        let pen = pen.put(b",\"relaxed\":").unsigned(u64::from(offered.relaxed));
        let pen = match offered.affinity {
            Some(affinity) => pen.put(b",\"affinity\":\"").bytes(affinity.word().as_bytes()).put(b"\""),
            None => pen,
        };
        let pen = pen.put(b",\"candidates\":").unsigned(u64::from(offered.candidates));
        self.context(pen.put(b"},\"context\":{\"first_contact\":\""), offered).put(b"}}}")
    }

    fn due<'p>(&mut self, mut pen: Pen<'p>, due: &[Option<Millis>; 4]) -> Pen<'p> {
        let mut comma = false;
        for (objective, due) in Objective::ALL.iter().zip(due) {
            let Some(due) = due else { continue };
            pen = if comma { pen.put(b",\"") } else { pen.put(b"\"") };
            pen = self.clockface.write(pen.bytes(objective.word().as_bytes()).put(b"\":\""), *due).put(b"\"");
            comma = true;
        }
        pen
    }

    fn context<'p>(&mut self, pen: Pen<'p>, offered: &Offered) -> Pen<'p> {
        let pen = self.clockface.write(pen, offered.first_contact);
        let pen = pen.put(b"\",\"failed_attempts\":").unsigned(u64::from(offered.failed_attempts));
        let mut pen = pen.put(b",\"attempts\":[");
        for (place, attempt) in self.batch.attempts[offered.attempts.range()].iter().enumerate() {
            pen = self.attempt(if place > 0 { pen.put(b",") } else { pen }, attempt);
        }
        pen = pen.put(b"]");
        if offered.last_agent.len > 0 {
            pen = self.name(pen.put(b",\"last_agent\":\""), offered.last_agent).put(b"\"");
        }
        pen = pen.put(b",\"kinds\":[");
        let mut left = offered.kinds;
        for kind in self.kinds_by_rank.iter().filter(|kind| offered.kinds >> kind.0 & 1 == 1) {
            pen = pen.piece(&self.kinds[kind.at()]);
            left &= !(1 << kind.0);
            pen = if left != 0 { pen.put(b",") } else { pen };
        }
        pen.put(b"],\"message\":{\"position\":\"").position(offered.message).put(b"\"}")
    }

    fn attempt<'p>(&mut self, pen: Pen<'p>, attempt: &Attempt) -> Pen<'p> {
        let pen = self.clockface.write(pen.put(b"{\"at\":\""), attempt.at);
        let pen = self.channel(pen.put(b"\",\"channel\":"), attempt.channel);
        pen.put(b",\"outcome\":\"").bytes(attempt.outcome.word().as_bytes()).put(b"\"}")
    }

    /// What warning and breach share, up to the due time within its quotes.
    fn objective<'p>(
        &mut self,
        pen: Pen<'p>,
        decision: &Decision,
        objective: Objective,
        due: Millis,
    ) -> Pen<'p> {
        let pen = self.queue_and_channel(pen, decision);
        let pen = pen.put(b",\"objective\":\"").bytes(objective.word().as_bytes());
        self.clockface.write(pen.put(b"\",\"due\":\""), due)
    }

    fn closed<'p>(&mut self, pen: Pen<'p>, decision: &Decision, closed: &Closed) -> Pen<'p> {
        let pen = self.queue_and_channel(pen, decision);
        let pen = pen.put(b",\"outcome\":\"").bytes(closed.outcome.word().as_bytes());
        let pen = match closed.disposition {
            Some(word) => self.name(pen.put(b"\",\"disposition\":\""), word),
            None => pen,
        };
        let pen = pen.put(b"\"");
        let pen = match closed.wait {
            Some(wait) => pen.put(b",\"wait_ms\":").integer(wait.0),
            None => pen,
        };
        let pen = match closed.first_response {
            Some(response) => pen.put(b",\"first_response_ms\":").integer(response.0),
            None => pen,
        };
        let pen = pen.put(b",\"open_ms\":").integer(closed.open.0);
        let pen = pen.put(b",\"contacts\":").unsigned(u64::from(closed.contacts));
        let pen = pen.put(b",\"transfers\":").unsigned(u64::from(closed.transfers));
        let pen = pen.put(b",\"offers\":").unsigned(u64::from(closed.offers));
        let mut pen = pen.put(b",\"breached\":[");
        let mut comma = false;
        for objective in Objective::ALL {
            if closed.breached >> *objective as u8 & 1 == 1 {
                pen = if comma { pen.put(b",\"") } else { pen.put(b"\"") };
                pen = pen.bytes(objective.word().as_bytes()).put(b"\"");
                comma = true;
            }
        }
        pen.put(b"]}}")
    }

    #[inline]
    fn queue_and_channel<'p>(&self, pen: Pen<'p>, decision: &Decision) -> Pen<'p> {
        self.channel(pen.piece(&self.queues[decision.queue.at()]), decision.channel)
    }

    #[inline]
    fn channel<'p>(&self, pen: Pen<'p>, channel: ChannelId) -> Pen<'p> {
        pen.piece(&self.channels[channel.at()])
    }

    /// A text of the batch, within quotes that stand already.
    #[inline]
    fn name<'p>(&self, pen: Pen<'p>, name: Span) -> Pen<'p> {
        pen.text(&self.batch.bytes, name.start as usize, name.len as usize)
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
        Body::Folded { agent, .. } => text(agent.unwrap_or_default()),
        Body::Closed(closed) => text(closed.disposition.unwrap_or_default()),
        Body::Warning { .. } | Body::Breached { .. } | Body::Replied(_) => 0,
    }
}

/// Names that outputs carry.
struct Names<'a> {
    divisions: Vec<&'a str>,
    queues: Vec<(&'a str, DivisionId)>,
    channels: Vec<&'a str>,
    kinds: Vec<&'a str>,
    templates: Vec<&'a str>,
}

/// From behind the time up to the first member of `data`.
#[inline]
fn envelope_end<'p>(pen: Pen<'p>, cause: Cause, trace: &TraceParent) -> Pen<'p> {
    let pen = match cause {
        Cause::Event(at) => pen.put(b"\",\"cause\":\"").position(at).put(b"\""),
        Cause::Timer => pen.put(b"\",\"cause\":\"timer\""),
    };
    pen.traceparent(trace).put(b",\"data\":{")
}

fn customers<'p>(mut pen: Pen<'p>, ids: &[CustomerId]) -> Pen<'p> {
    for (place, id) in ids.iter().enumerate() {
        pen = if place > 0 { pen.put(b",\"") } else { pen.put(b"\"") };
        pen = pen.customer(*id).put(b"\"");
    }
    pen
}

/// Scratch that the widest of these needs.
fn widest<const N: usize>(pieces: &[Piece<N>]) -> usize {
    pieces.iter().map(Piece::bound).max().unwrap_or(0)
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
        Body::Replied(_) => 7,
        Body::Folded { .. } => 8,
    }
}

const fn stream_of(body: &Body) -> Stream {
    match body {
        Body::Offered(_) | Body::Withdrawn { .. } => Stream::Assignments,
        Body::Warning { .. } | Body::Breached { .. } => Stream::Sla,
        Body::Opened { .. } | Body::Pivoted { .. } | Body::Folded { .. } | Body::Closed(_) => {
            Stream::Conversations
        }
        Body::Replied(_) => Stream::Replies,
    }
}

/// An envelope up to the number that ends its id.
fn head(tenant: &str, who: &str) -> Piece<64> {
    let id = quoted(&format!("{tenant}-{who}-"));
    Piece::of(&["{\"specversion\":\"1.0\",\"id\":", &id[..id.len() - 1]])
}

/// An envelope from behind that number up to the subject.
fn envelope(tenant: &str, who: &str, name: &str) -> Piece<128> {
    let source = quoted(&format!("/trunkline/{tenant}/{who}"));
    Piece::of(&["\",\"source\":", &source, ",\"type\":\"trunkline.", name, "\",\"subject\":\""])
}

/// The same up to the time, where there is no subject.
fn without_subject(tenant: &str, who: &str, name: &str) -> Piece<128> {
    let source = quoted(&format!("/trunkline/{tenant}/{who}"));
    Piece::of(&["\",\"source\":", &source, ",\"type\":\"trunkline.", name, "\",\"time\":\""])
}
