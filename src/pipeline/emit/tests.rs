//! Emit against golden lines, one of each type, and against a rendering with serde_json and jiff of random
//! decisions.

use super::*;
use crate::types::decision::WithdrawReason;
use crate::types::event::List;
use crate::types::{
    AcceptMode, Affinity, AttemptOutcome, CloseOutcome, ConversationId, RefusalReason, RejectReason,
};
use crate::types::{DurationMs, Position, QueueId, TemplateId};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

const DIVISIONS: [&str; 2] = ["cards", "loans \"b\\\n"];
const QUEUES: [(&str, DivisionId); 3] =
    [("cards_vip", DivisionId(0)), ("loans", DivisionId(1)), ("q\"\t", DivisionId(0))];
const CHANNELS: [&str; 3] = ["email", "phone", "tw\"itter"];
const KINDS: [&str; 3] = ["customer_id", "phone", "k\\"];
const TEMPLATES: [&str; 2] = ["in-line", "so\"rry"];
const TENANT: &str = "local";
/// 2026-03-02T08:00:00.000Z.
const MORNING: i64 = 1_772_438_400_000;

fn emitter() -> Emitter {
    let names = Names {
        divisions: DIVISIONS.to_vec(),
        queues: QUEUES.to_vec(),
        channels: CHANNELS.to_vec(),
        kinds: KINDS.to_vec(),
        templates: TEMPLATES.to_vec(),
    };
    Emitter::of_names(&names, TENANT)
}

fn rendered(lines: &Lines) -> Vec<(Stream, String)> {
    lines.iter().map(|(stream, line)| (stream, String::from_utf8(line.to_vec()).expect("UTF-8"))).collect()
}

const CONVERSATION: ConversationId = ConversationId { customer: customer_id(1, 0), ordinal: 3 };

const fn customer_id(hash: u64, generation: u32) -> CustomerId {
    CustomerId { hash, generation }
}

fn decision(body: Body) -> Decision {
    Decision {
        time: Millis(MORNING + 1),
        cause: Cause::Event(Position { partition: 0, index: 2, offset: 17 }),
        traceparent: TraceParent::parse(b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
        conversation: CONVERSATION,
        customer: customer_id(2, 1),
        queue: QueueId(0),
        channel: ChannelId(1),
        body,
    }
}

fn offered(batch: &mut DecisionBatch) -> Offered {
    batch.attempts.push(Attempt {
        at: Millis(MORNING - 5_000),
        channel: ChannelId(0),
        outcome: AttemptOutcome::Open,
    });
    batch.attempts.push(Attempt { at: Millis(-1), channel: ChannelId(1), outcome: AttemptOutcome::Answered });
    Offered {
        agent: batch.text("Ann \"A\"".as_bytes()),
        priority: 120,
        value: -7,
        waited: DurationMs(1_500),
        accept: AcceptMode::Offer,
        expires: Some(Millis(MORNING + 20_001)),
        due: [Some(Millis(MORNING + 30_000)), None, None, Some(Millis(MORNING + 86_400_000))],
        strategy: "longest_idle",
        rank: 1,
        relaxed: 0,
        affinity: Some(Affinity::Last),
        candidates: 4,
        first_contact: Millis(MORNING),
        failed_attempts: 1,
        attempts: List { start: 0, len: 2 },
        last_agent: batch.text(b"bob"),
        kinds: 0b011,
        message: Position { partition: 1, index: 0, offset: 18 },
    }
}

#[test]
fn golden_lines_of_a_division() {
    let mut batch = DecisionBatch { first_number: 9, ..DecisionBatch::default() };
    let body = Body::Offered(offered(&mut batch));
    let ann = batch.text(b"ann");
    let thread = batch.text("t/1".as_bytes());
    let word = batch.text("sold".as_bytes());
    let due = Millis(MORNING + 30_000);
    let closed = Closed {
        outcome: CloseOutcome::Resolved,
        disposition: Some(word),
        wait: Some(DurationMs(1_500)),
        first_response: None,
        open: DurationMs(60_000),
        contacts: 2,
        transfers: 0,
        offers: 1,
        breached: 0b1001,
        at_once: false,
    };
    for body in [
        body,
        Body::Withdrawn { agent: ann, reason: WithdrawReason::Timeout },
        Body::Warning { objective: Objective::QueueWait, due, percent: 80 },
        Body::Breached { objective: Objective::Resolution, due, late: DurationMs(1) },
        Body::Opened { value: 40, thread, reopened: false },
        Body::Pivoted { agent: ann, from: ChannelId(0) },
        Body::Folded { into: CONVERSATION, agent: Some(ann), channel: ChannelId(0) },
        Body::Folded { into: CONVERSATION, agent: None, channel: ChannelId(0) },
        Body::Closed(closed),
    ] {
        batch.decisions.push(decision(body));
    }
    batch.decisions[1].cause = Cause::Timer;
    batch.decisions[1].traceparent = TraceParent::NONE;
    let mut out = Lines::default();
    emitter().division(DivisionId(0), &batch, &mut out);
    let envelope = |n: u64, kind: &str| {
        format!(
            r#"{{"specversion":"1.0","id":"local-cards-{n}","source":"/trunkline/local/cards","type":"trunkline.{kind}","subject":"0000000000001.3","time":"2026-03-02T08:00:00.001Z","cause":"0:17:2","traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01","data":{{"conversation":"0000000000001.3","customer":"0000000000002~1""#
        )
    };
    let place = r#""division":"cards","queue":"cards_vip","channel":"phone""#;
    let expected = [
        format!(
            r#"{},"agent":"Ann \"A\"",{place},"priority":120,"value":-7,"waited_ms":1500,"accept":"offer","expires":"2026-03-02T08:00:20.001Z","due":{{"queue_wait":"2026-03-02T08:00:30.000Z","resolution":"2026-03-03T08:00:00.000Z"}},"reason":{{"strategy":"longest_idle","rank":1,"relaxed":0,"affinity":"last","candidates":4}},"context":{{"first_contact":"2026-03-02T08:00:00.000Z","failed_attempts":1,"attempts":[{{"at":"2026-03-02T07:59:55.000Z","channel":"email","outcome":"open"}},{{"at":"1969-12-31T23:59:59.999Z","channel":"phone","outcome":"answered"}}],"last_agent":"bob","kinds":["customer_id","phone"],"message":{{"position":"1:18:0"}}}}}}}}"#,
            envelope(9, "assignment.offered")
        ),
        r#"{"specversion":"1.0","id":"local-cards-10","source":"/trunkline/local/cards","type":"trunkline.assignment.withdrawn","subject":"0000000000001.3","time":"2026-03-02T08:00:00.001Z","cause":"timer","data":{"conversation":"0000000000001.3","agent":"ann","division":"cards","reason":"timeout"}}"#.to_owned(),
        format!(r#"{},{place},"objective":"queue_wait","due":"2026-03-02T08:00:30.000Z","percent":80}}}}"#, envelope(11, "sla.warning")),
        format!(r#"{},{place},"objective":"resolution","due":"2026-03-02T08:00:30.000Z","late_ms":1}}}}"#, envelope(12, "sla.breached")),
        format!(r#"{},{place},"value":40,"thread":"t/1","reopened":false}}}}"#, envelope(13, "conversation.opened")),
        format!(r#"{},"division":"cards","agent":"ann","from_channel":"email","channel":"phone"}}}}"#, envelope(14, "conversation.pivoted")),
        format!(r#"{},"division":"cards","agent":"ann","from_channel":"phone","channel":"email","into":"0000000000001.3"}}}}"#, envelope(15, "conversation.merged")),
        format!(r#"{},"division":"cards","from_channel":"phone","channel":"email","into":"0000000000001.3"}}}}"#, envelope(16, "conversation.merged")),
        format!(r#"{},{place},"outcome":"resolved","disposition":"sold","wait_ms":1500,"open_ms":60000,"contacts":2,"transfers":0,"offers":1,"breached":["queue_wait","resolution"]}}}}"#, envelope(17, "conversation.closed")),
    ];
    let lines = rendered(&out);
    assert_eq!(lines.len(), expected.len());
    for ((_, line), expected) in lines.iter().zip(&expected) {
        assert_eq!(line, expected);
    }
    let streams: Vec<_> = lines.iter().map(|(stream, _)| *stream).collect();
    let (assignments, sla, conversations) = (Stream::Assignments, Stream::Sla, Stream::Conversations);
    let others = [conversations; 5];
    assert_eq!(streams[..4], [assignments, assignments, sla, sla]);
    assert_eq!(streams[4..], others);
}

#[test]
fn golden_lines_of_automated_replies() {
    let mut batch = DecisionBatch { first_number: 4, ..DecisionBatch::default() };
    let replied = |template, private, position, expected_wait_s| {
        let template = TemplateId(template);
        decision(Body::Replied(Replied { template, private, position, expected_wait_s }))
    };
    batch.decisions = vec![replied(0, false, Some(3), Some(90)), replied(1, true, None, None)];
    let mut out = Lines::default();
    emitter().division(DivisionId(0), &batch, &mut out);
    let line = |number: u32, rest: &str| {
        format!(
            r#"{{"specversion":"1.0","id":"local-cards-{number}","source":"/trunkline/local/cards","type":"trunkline.reply.automated","subject":"0000000000001.3","time":"2026-03-02T08:00:00.001Z","cause":"0:17:2","traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01","data":{{"conversation":"0000000000001.3","customer":"0000000000002~1","channel":"phone",{rest}}}}}"#
        )
    };
    let expected = [
        line(4, r#""template":"in-line","private":false,"queue_position":3,"expected_wait_s":90"#),
        line(5, r#""template":"so\"rry","private":true"#),
    ];
    assert_eq!(rendered(&out), expected.map(|line| (Stream::Replies, line)));
}

#[test]
fn golden_line_of_a_founding() {
    let mut out = Lines::default();
    let cause = Position { partition: 2, index: 0, offset: 5 };
    let created = IdentityDecision::Created { customer: customer_id(7, 2) };
    let decisions = vec![(Millis(MORNING), cause, TraceParent::NONE, created)];
    emitter().identity(&IdentityBatch { first_number: 6, decisions, ..IdentityBatch::default() }, &mut out);
    let line = r#"{"specversion":"1.0","id":"local-identity-6","source":"/trunkline/local/identity","type":"trunkline.customer.created","subject":"0000000000007~2","time":"2026-03-02T08:00:00.000Z","cause":"2:5:0","data":{"customer":"0000000000007~2"}}"#;
    assert_eq!(rendered(&out), [(Stream::Customers, line.to_owned())]);
}

#[test]
fn golden_lines_of_identity_and_rejects() {
    let mut out = Lines::default();
    let cause = Position { partition: 2, index: 0, offset: 5 };
    let trace = TraceParent::parse(b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    let refused = IdentityDecision::Refused {
        customer: customer_id(7, 0),
        kind: KindId(1),
        reason: RefusalReason::Limit,
    };
    let merged =
        IdentityDecision::Merged { customer: customer_id(7, 0), absorbed: List { start: 1, len: 2 } };
    let split = IdentityDecision::Split { from: customer_id(7, 0), to: customer_id(8, 3) };
    let erased = IdentityDecision::Erased { customer: customer_id(7, 1) };
    let batch = IdentityBatch {
        first_number: 0,
        decisions: vec![
            (Millis(MORNING), cause, trace, refused),
            (Millis(MORNING), cause, TraceParent::NONE, merged),
            (Millis(MORNING), cause, TraceParent::NONE, split),
            (Millis(MORNING), cause, TraceParent::NONE, erased),
            (Millis(MORNING), cause, trace, IdentityDecision::Ambiguous),
        ],
        absorbed: vec![customer_id(1, 0), customer_id(8, 0), customer_id(9, 12)],
    };
    let emitter = &mut emitter();
    emitter.identity(&batch, &mut out);
    let mut reject =
        Rejected { position: cause, reason: RejectReason::UnknownKind, detail: "data.from.\u{1}".to_owned() };
    emitter.rejected(Millis(0), &reject, &mut out);
    reject.detail.clear();
    emitter.rejected(Millis(MORNING), &reject, &mut out);
    let expected = [
        (
            Stream::Customers,
            r#"{"specversion":"1.0","id":"local-identity-1","source":"/trunkline/local/identity","type":"trunkline.identity.refused","subject":"0000000000007","time":"2026-03-02T08:00:00.000Z","cause":"2:5:0","traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01","data":{"customer":"0000000000007","kind":"phone","reason":"limit"}}"#,
        ),
        (
            Stream::Customers,
            r#"{"specversion":"1.0","id":"local-identity-2","source":"/trunkline/local/identity","type":"trunkline.customer.merged","subject":"0000000000007","time":"2026-03-02T08:00:00.000Z","cause":"2:5:0","data":{"customer":"0000000000007","absorbed":["0000000000008","0000000000009~12"]}}"#,
        ),
        (
            Stream::Customers,
            r#"{"specversion":"1.0","id":"local-identity-3","source":"/trunkline/local/identity","type":"trunkline.customer.split","subject":"0000000000007","time":"2026-03-02T08:00:00.000Z","cause":"2:5:0","data":{"from":"0000000000007","to":"0000000000008~3"}}"#,
        ),
        (
            Stream::Customers,
            r#"{"specversion":"1.0","id":"local-identity-4","source":"/trunkline/local/identity","type":"trunkline.customer.erased","subject":"0000000000007~1","time":"2026-03-02T08:00:00.000Z","cause":"2:5:0","data":{"customer":"0000000000007~1"}}"#,
        ),
        (
            Stream::Customers,
            r#"{"specversion":"1.0","id":"local-identity-5","source":"/trunkline/local/identity","type":"trunkline.identity.refused","time":"2026-03-02T08:00:00.000Z","cause":"2:5:0","traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01","data":{"reason":"ambiguous"}}"#,
        ),
        (
            Stream::Rejected,
            r#"{"specversion":"1.0","id":"2:5:0","source":"/trunkline/local/rejects","type":"trunkline.event.rejected","time":"1970-01-01T00:00:00.000Z","cause":"2:5:0","data":{"position":"2:5:0","reason":"unknown_kind","detail":"data.from.\u0001"}}"#,
        ),
        (
            Stream::Rejected,
            r#"{"specversion":"1.0","id":"2:5:0","source":"/trunkline/local/rejects","type":"trunkline.event.rejected","time":"2026-03-02T08:00:00.000Z","cause":"2:5:0","data":{"position":"2:5:0","reason":"unknown_kind"}}"#,
        ),
    ];
    for ((stream, line), (expected_stream, expected)) in rendered(&out).iter().zip(expected) {
        assert_eq!((*stream, line.as_str()), (expected_stream, expected));
    }
    assert_eq!(out.len(), expected.len());
}

#[test]
fn nothing_is_allocated_once_the_buffer_has_grown() {
    let mut batch = DecisionBatch::default();
    let body = Body::Offered(offered(&mut batch));
    batch.decisions = vec![decision(body); 64];
    let (mut out, emitter) = (Lines::default(), &mut emitter());
    emitter.division(DivisionId(0), &batch, &mut out);
    let before = (out.bytes.as_ptr(), out.bytes.capacity(), out.ends.capacity());
    for _ in 0..3 {
        out.clear();
        emitter.division(DivisionId(0), &batch, &mut out);
    }
    assert_eq!((out.bytes.as_ptr(), out.bytes.capacity(), out.ends.capacity()), before);
    let lines = rendered(&out);
    let (_, rest) = lines[0].1.split_once("local-cards-1\"").expect("it is the first");
    for (place, (_, line)) in lines.iter().enumerate() {
        assert_eq!(*line, format!("{{\"specversion\":\"1.0\",\"id\":\"local-cards-{}\"{rest}", place + 1));
    }
    assert_eq!(lines.len(), 64, "more than the scratch holds at once");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(
        std::env::var("TRUNKLINE_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(200)
    ))]

    /// What serde_json writes of the same decision, member by member.
    #[test]
    fn as_serde_json_renders_them(seeds in prop::collection::vec(any_seed(), 1..8), first in 1_u64..u64::MAX / 2) {
        let mut batch = DecisionBatch { first_number: first, ..DecisionBatch::default() };
        let mut expected = Vec::new();
        for (place, seed) in seeds.iter().enumerate() {
            let decision = seed.decision(&mut batch);
            expected.push(naive(first + place as u64, &decision, &batch));
            batch.decisions.push(decision);
        }
        let mut out = Lines::default();
        emitter().division(DivisionId(0), &batch, &mut out);
        let lines: Vec<_> = rendered(&out).into_iter().map(|(_, line)| line).collect();
        prop_assert_eq!(lines, expected);
    }
}

/// What a random decision is made of.
#[derive(Clone, Debug)]
struct Seed {
    what: usize,
    times: [i64; 5],
    text: [String; 2],
    numbers: [i64; 3],
    small: [u32; 4],
    ids: [(u64, u32); 2],
    flags: [bool; 4],
    bits: u16,
    trace: [u8; 26],
    attempts: Vec<(i64, u8)>,
}

fn any_seed() -> impl Strategy<Value = Seed> {
    let time = || prop_oneof![-62_135_596_800_000_i64..=253_402_200_000_000, MORNING..MORNING + 200_000_000];
    let text = || "(\\PC|[\\x00-\\x22]|\\\\){0,12}";
    let number = || prop_oneof![any::<i64>(), -3_i64..3, Just(i64::MIN), Just(i64::MAX)];
    let ids = || (any::<u64>(), prop_oneof![Just(0), any::<u32>()]);
    let attempts = prop::collection::vec((time(), any::<u8>()), 0..4);
    (
        (
            0_usize..9,
            [time(), time(), time(), time(), time()],
            [text(), text()],
            [number(), number(), number()],
        ),
        (any::<[u32; 4]>(), [ids(), ids()], any::<[bool; 4]>(), any::<u16>(), any::<[u8; 26]>(), attempts),
    )
        .prop_map(|((what, times, text, numbers), (small, ids, flags, bits, trace, attempts))| Seed {
            what,
            times,
            text,
            numbers,
            small,
            ids,
            flags,
            bits,
            trace,
            attempts,
        })
}

impl Seed {
    fn decision(&self, batch: &mut DecisionBatch) -> Decision {
        let [a, b] = &self.text;
        let (agent, other) = (batch.text(a.as_bytes()), batch.text(b.as_bytes()));
        let due = Millis(self.times[1]);
        let objective = Objective::ALL[usize::from(self.bits & 3)];
        let span = |place: usize| self.flags[place].then_some(DurationMs(self.numbers[place]));
        let body = match self.what {
            0 => Body::Offered(self.offered(batch, agent, other)),
            1 => Body::Withdrawn { agent, reason: WithdrawReason::ALL[usize::from(self.bits % 10)] },
            2 => Body::Warning { objective, due, percent: self.bits as u8 },
            3 => Body::Breached { objective, due, late: DurationMs(self.numbers[0]) },
            4 => Body::Opened { value: self.numbers[0], thread: other, reopened: self.flags[0] },
            5 => Body::Pivoted { agent, from: ChannelId((self.bits >> 4) as u8 % 3) },
            6 => Body::Replied(Replied {
                template: TemplateId(self.bits % 2),
                private: self.flags[0],
                position: self.flags[1].then_some(self.small[0]),
                expected_wait_s: self.flags[2].then_some(self.numbers[1]),
            }),
            7 => Body::Folded {
                into: ConversationId {
                    customer: CustomerId { hash: self.ids[1].0, generation: self.ids[1].1 },
                    ordinal: self.small[1].max(1),
                },
                agent: self.flags[0].then_some(agent),
                channel: ChannelId((self.bits >> 4) as u8 % 3),
            },
            _ => Body::Closed(Closed {
                outcome: CloseOutcome::ALL[usize::from(self.bits % 8)],
                disposition: self.flags[3].then_some(other),
                wait: span(0),
                first_response: span(1),
                open: DurationMs(self.numbers[2]),
                contacts: self.small[0],
                transfers: self.small[1],
                offers: self.small[2],
                breached: self.bits as u8 & 15,
                at_once: self.flags[3],
            }),
        };
        let [(hash, generation), second] = self.ids;
        let place =
            Position { partition: self.small[0], index: self.small[1], offset: self.numbers[0] as u64 };
        Decision {
            time: Millis(self.times[0]),
            cause: if self.flags[2] { Cause::Timer } else { Cause::Event(place) },
            traceparent: if self.flags[1] { TraceParent::NONE } else { TraceParent(self.trace) },
            conversation: ConversationId { customer: customer_id(hash, generation), ordinal: self.small[3] },
            customer: customer_id(second.0, second.1),
            queue: QueueId(if self.flags[0] { 0 } else { 2 }),
            channel: ChannelId((self.bits >> 8) as u8 % 3),
            body,
        }
    }

    fn offered(&self, batch: &mut DecisionBatch, agent: Span, last_agent: Span) -> Offered {
        let start = batch.attempts.len() as u32;
        batch.attempts.extend(self.attempts.iter().map(|(at, bits)| Attempt {
            at: Millis(*at),
            channel: ChannelId(bits % 3),
            outcome: AttemptOutcome::ALL[usize::from(bits >> 4 & 3)],
        }));
        let some = |place: usize| (self.bits >> place & 1 == 1).then_some(Millis(self.times[place]));
        Offered {
            agent,
            priority: self.numbers[0],
            value: self.numbers[1],
            waited: DurationMs(self.numbers[2]),
            accept: AcceptMode::ALL[usize::from(self.bits % 3)],
            expires: some(4),
            due: [some(0), some(1), some(2), some(3)],
            strategy: "best_skill",
            rank: self.small[0],
            relaxed: self.small[1],
            affinity: [None, Some(Affinity::Preferred), Some(Affinity::Last)][usize::from(self.bits % 3)],
            candidates: self.small[2],
            first_contact: Millis(self.times[2]),
            failed_attempts: self.small[3],
            attempts: List { start, len: self.attempts.len() as u32 },
            last_agent,
            kinds: self.bits >> 5 & 7,
            message: Position { partition: self.small[1], index: self.small[2], offset: 5 },
        }
    }
}

fn time_text(at: Millis) -> String {
    format!("{:.3}", jiff::Timestamp::from_millisecond(at.0).expect("within jiff's range"))
}

/// The output as a tree of values, written by serde_json in order of insertion.
fn naive(number: u64, decision: &Decision, batch: &DecisionBatch) -> String {
    let text = |span: Span| std::str::from_utf8(batch.bytes_of(span)).expect("UTF-8").to_owned();
    let mut data = Map::new();
    data.insert("conversation".to_owned(), json!(decision.conversation.to_string()));
    let mut put = |name: &str, value: Value| assert!(data.insert(name.to_owned(), value).is_none());
    let customer = json!(decision.customer.to_string());
    let division = json!(DIVISIONS[0]);
    let place = |put: &mut dyn FnMut(&str, Value)| {
        put("division", division.clone());
        put("queue", json!(QUEUES[decision.queue.at()].0));
        put("channel", json!(CHANNELS[decision.channel.at()]));
    };
    match &decision.body {
        Body::Offered(offered) => {
            put("customer", customer);
            put("agent", json!(text(offered.agent)));
            place(&mut put);
            naive_offer(offered, batch, &mut put);
        }
        Body::Withdrawn { agent, reason } => {
            put("agent", json!(text(*agent)));
            put("division", division.clone());
            put("reason", json!(reason.word()));
        }
        Body::Warning { objective, due, .. } | Body::Breached { objective, due, .. } => {
            put("customer", customer);
            place(&mut put);
            put("objective", json!(objective.word()));
            put("due", json!(time_text(*due)));
            match &decision.body {
                Body::Breached { late, .. } => put("late_ms", json!(late.0)),
                Body::Warning { percent, .. } => put("percent", json!(percent)),
                _ => unreachable!("one of the two"),
            }
        }
        Body::Opened { value, thread, reopened } => {
            put("customer", customer);
            place(&mut put);
            put("value", json!(value));
            if thread.len > 0 {
                put("thread", json!(text(*thread)));
            }
            put("reopened", json!(reopened));
        }
        Body::Pivoted { agent, from } => {
            let channels = (*from, decision.channel);
            naive_channels((customer, division.clone()), Some(text(*agent)), channels, &mut put);
        }
        Body::Folded { into, agent, channel } => {
            let channels = (decision.channel, *channel);
            naive_channels((customer, division.clone()), agent.map(text), channels, &mut put);
            put("into", json!(into.to_string()));
        }
        Body::Closed(closed) => {
            put("customer", customer);
            place(&mut put);
            naive_end(closed, text, &mut put);
        }
        Body::Replied(replied) => {
            put("customer", customer);
            put("channel", json!(CHANNELS[decision.channel.at()]));
            naive_reply(replied, &mut put);
        }
    }
    naive_envelope(number, decision, data)
}

fn naive_channels(
    (customer, division): (Value, Value),
    agent: Option<String>,
    (from, channel): (ChannelId, ChannelId),
    put: &mut dyn FnMut(&str, Value),
) {
    put("customer", customer);
    put("division", division);
    agent.into_iter().for_each(|agent| put("agent", json!(agent)));
    put("from_channel", json!(CHANNELS[from.at()]));
    put("channel", json!(CHANNELS[channel.at()]));
}

fn naive_end(closed: &Closed, text: impl Fn(Span) -> String, put: &mut dyn FnMut(&str, Value)) {
    put("outcome", json!(closed.outcome.word()));
    closed.disposition.into_iter().for_each(|word| put("disposition", json!(text(word))));
    closed.wait.into_iter().for_each(|wait| put("wait_ms", json!(wait.0)));
    closed.first_response.into_iter().for_each(|ms| put("first_response_ms", json!(ms.0)));
    put("open_ms", json!(closed.open.0));
    put("contacts", json!(closed.contacts));
    put("transfers", json!(closed.transfers));
    put("offers", json!(closed.offers));
    let breached = Objective::ALL.iter().filter(|o| closed.breached >> **o as u8 & 1 == 1);
    put("breached", breached.map(|o| o.word()).collect());
}

fn naive_reply(replied: &Replied, put: &mut dyn FnMut(&str, Value)) {
    put("template", json!(TEMPLATES[replied.template.at()]));
    put("private", json!(replied.private));
    replied.position.into_iter().for_each(|position| put("queue_position", json!(position)));
    replied.expected_wait_s.into_iter().for_each(|wait| put("expected_wait_s", json!(wait)));
}

fn naive_envelope(number: u64, decision: &Decision, data: Map<String, Value>) -> String {
    let mut event = Map::new();
    let mut put = |name: &str, value: Value| assert!(event.insert(name.to_owned(), value).is_none());
    put("specversion", json!("1.0"));
    put("id", json!(format!("{TENANT}-{}-{number}", DIVISIONS[0])));
    put("source", json!(format!("/trunkline/{TENANT}/{}", DIVISIONS[0])));
    put("type", json!(format!("trunkline.{}", TYPES[kind_of(&decision.body)])));
    put("subject", json!(decision.conversation.to_string()));
    put("time", json!(time_text(decision.time)));
    put("cause", json!(decision.cause.to_string()));
    if decision.traceparent.is_some() {
        let characters = decision.traceparent.characters();
        put("traceparent", json!(std::str::from_utf8(&characters).expect("ASCII")));
    }
    put("data", Value::Object(data));
    serde_json::to_string(&event).expect("no map with other keys than strings")
}

fn naive_offer(offered: &Offered, batch: &DecisionBatch, put: &mut dyn FnMut(&str, Value)) {
    let text = |span: Span| std::str::from_utf8(batch.bytes_of(span)).expect("UTF-8").to_owned();
    put("priority", json!(offered.priority));
    put("value", json!(offered.value));
    put("waited_ms", json!(offered.waited.0));
    put("accept", json!(offered.accept.word()));
    offered.expires.into_iter().for_each(|at| put("expires", json!(time_text(at))));
    let due = Objective::ALL
        .iter()
        .zip(offered.due)
        .filter_map(|(o, due)| Some((o.word().to_owned(), json!(time_text(due?)))));
    put("due", Value::Object(due.collect()));
    let mut reason = json!({"strategy": offered.strategy, "rank": offered.rank, "relaxed": offered.relaxed});
    if let Some(affinity) = offered.affinity {
        reason["affinity"] = json!(affinity.word());
    }
    reason["candidates"] = json!(offered.candidates);
    put("reason", reason);
    let attempt = |a: &Attempt| json!({"at": time_text(a.at), "channel": CHANNELS[a.channel.at()], "outcome": a.outcome.word()});
    let attempts: Value = batch.attempts[offered.attempts.range()].iter().map(attempt).collect();
    let mut context = json!({
        "first_contact": time_text(offered.first_contact),
        "failed_attempts": offered.failed_attempts,
        "attempts": attempts,
    });
    if offered.last_agent.len > 0 {
        context["last_agent"] = json!(text(offered.last_agent));
    }
    context["kinds"] = (0..3).filter(|k| offered.kinds >> k & 1 == 1).map(|k| KINDS[k]).collect();
    context["message"] = json!({"position": offered.message.to_string()});
    put("context", context);
}
