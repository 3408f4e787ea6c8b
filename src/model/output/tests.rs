//! Golden lines of every output type, the order within an entry, and the collection by stream.

use super::*;
use crate::types::{RefusalReason, RejectReason};

const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn customer() -> CustomerId {
    CustomerId { hash: u64::MAX, generation: 2 }
}

fn conversation(ordinal: u32) -> ConversationId {
    ConversationId { customer: customer(), ordinal }
}

fn at(millis: i64) -> Millis {
    Millis(1_767_225_600_000 + millis)
}

fn by_event(body: Body) -> Output {
    let cause = Cause::Event(Position { partition: 1, offset: 20, index: 3 });
    Output { time: at(5), cause, traceparent: TraceParent::parse(TRACE.as_bytes()), body }
}

fn by_timer(body: Body) -> Output {
    Output { time: at(5), cause: Cause::Timer, traceparent: TraceParent::NONE, body }
}

fn withdrawn(division: &str, ordinal: u32) -> Body {
    Body::Withdrawn(Withdrawn {
        conversation: conversation(ordinal),
        agent: "ann".into(),
        division: division.into(),
        reason: WithdrawReason::Timeout,
    })
}

fn opened(ordinal: u32) -> Opened {
    Opened {
        conversation: conversation(ordinal),
        customer: customer(),
        division: "care".into(),
        queue: "care_de".into(),
        channel: "chat".into(),
        value: -3,
        thread: Some("t\"1\"\u{7f}\u{1}ü/".into()),
        reopened: false,
    }
}

fn closed(ordinal: u32, outcome: CloseOutcome) -> Closed {
    Closed {
        conversation: conversation(ordinal),
        customer: customer(),
        division: "care".into(),
        queue: "care_de".into(),
        channel: "chat".into(),
        outcome,
        disposition: None,
        wait: None,
        first_response: None,
        open: DurationMs(0),
        contacts: 1,
        transfers: 0,
        offers: 0,
        breached: vec![],
        at_once: false,
    }
}

fn offered() -> Offered {
    Offered {
        conversation: conversation(7),
        customer: customer(),
        agent: "ann".into(),
        division: "care".into(),
        queue: "care_de".into(),
        channel: "chat".into(),
        priority: 12,
        value: 10,
        waited: DurationMs(61_000),
        accept: AcceptMode::Offer,
        expires: Some(at(20_005)),
        due: BTreeMap::from([(Objective::Resolution, at(9_000)), (Objective::QueueWait, at(100))]),
        strategy: "longest_idle".into(),
        rank: 1,
        relaxed: 0,
        affinity: None,
        candidates: 4,
        first_contact: at(-60_995),
        failed_attempts: 1,
        attempts: vec![
            Attempt { at: at(-90_000), channel: "email".into(), outcome: AttemptOutcome::Open },
            Attempt { at: at(-80_000), channel: "chat".into(), outcome: AttemptOutcome::Answered },
        ],
        last_agent: Some("bob".into()),
        kinds: vec!["customer_id".into(), "email".into()],
        message: Position { partition: 0, offset: 4, index: 1 },
    }
}

fn sla(mark: SlaMark) -> Body {
    Body::Sla(Sla {
        conversation: conversation(7),
        customer: customer(),
        division: "care".into(),
        queue: "care_de".into(),
        channel: "chat".into(),
        objective: Objective::FirstResponse,
        due: at(100),
        mark,
    })
}

#[track_caller]
fn assert_line(output: &Output, expected: &str) {
    assert_eq!(encode("local", 9, output), expected);
}

#[test]
fn assignment_offered() {
    let envelope = format!(
        r#"{{"specversion":"1.0","id":"local-care-9","source":"/trunkline/local/care","type":"trunkline.assignment.offered","subject":"FZZZZZZZZZZZZ~2.7","time":"2026-01-01T00:00:00.005Z","cause":"1:20:3","traceparent":"{TRACE}","data":"#
    );
    let data = r#"{"conversation":"FZZZZZZZZZZZZ~2.7","customer":"FZZZZZZZZZZZZ~2","agent":"ann","division":"care","queue":"care_de","channel":"chat","priority":12,"value":10,"waited_ms":61000,"accept":"offer","expires":"2026-01-01T00:00:20.005Z","due":{"queue_wait":"2026-01-01T00:00:00.100Z","resolution":"2026-01-01T00:00:09.000Z"},"reason":{"strategy":"longest_idle","rank":1,"relaxed":0,"candidates":4},"context":{"first_contact":"2025-12-31T23:58:59.005Z","failed_attempts":1,"attempts":[{"at":"2025-12-31T23:58:30.000Z","channel":"email","outcome":"open"},{"at":"2025-12-31T23:58:40.000Z","channel":"chat","outcome":"answered"}],"last_agent":"bob","kinds":["customer_id","email"],"message":{"position":"0:4:1"}}}}"#;
    assert_line(&by_event(Body::Offered(Box::new(offered()))), &format!("{envelope}{data}"));
}

#[test]
fn assignment_taken_at_once() {
    let offered = Offered {
        accept: AcceptMode::Auto,
        expires: None,
        due: BTreeMap::new(),
        affinity: Some(Affinity::Last),
        attempts: vec![],
        last_agent: None,
        kinds: vec![],
        ..offered()
    };
    assert_line(
        &by_timer(Body::Offered(Box::new(offered))),
        r#"{"specversion":"1.0","id":"local-care-9","source":"/trunkline/local/care","type":"trunkline.assignment.offered","subject":"FZZZZZZZZZZZZ~2.7","time":"2026-01-01T00:00:00.005Z","cause":"timer","data":{"conversation":"FZZZZZZZZZZZZ~2.7","customer":"FZZZZZZZZZZZZ~2","agent":"ann","division":"care","queue":"care_de","channel":"chat","priority":12,"value":10,"waited_ms":61000,"accept":"auto","due":{},"reason":{"strategy":"longest_idle","rank":1,"relaxed":0,"affinity":"last","candidates":4},"context":{"first_contact":"2025-12-31T23:58:59.005Z","failed_attempts":1,"attempts":[],"kinds":[],"message":{"position":"0:4:1"}}}}"#,
    );
}

#[test]
fn assignment_withdrawn() {
    assert_line(
        &by_timer(withdrawn("care", 7)),
        r#"{"specversion":"1.0","id":"local-care-9","source":"/trunkline/local/care","type":"trunkline.assignment.withdrawn","subject":"FZZZZZZZZZZZZ~2.7","time":"2026-01-01T00:00:00.005Z","cause":"timer","data":{"conversation":"FZZZZZZZZZZZZ~2.7","agent":"ann","division":"care","reason":"timeout"}}"#,
    );
}

#[test]
fn service_levels() {
    assert_line(
        &by_timer(sla(SlaMark::Warning { percent: 75 })),
        r#"{"specversion":"1.0","id":"local-care-9","source":"/trunkline/local/care","type":"trunkline.sla.warning","subject":"FZZZZZZZZZZZZ~2.7","time":"2026-01-01T00:00:00.005Z","cause":"timer","data":{"conversation":"FZZZZZZZZZZZZ~2.7","customer":"FZZZZZZZZZZZZ~2","division":"care","queue":"care_de","channel":"chat","objective":"first_response","due":"2026-01-01T00:00:00.100Z","percent":75}}"#,
    );
    assert_line(
        &by_timer(sla(SlaMark::Breached { late: DurationMs(1) })),
        r#"{"specversion":"1.0","id":"local-care-9","source":"/trunkline/local/care","type":"trunkline.sla.breached","subject":"FZZZZZZZZZZZZ~2.7","time":"2026-01-01T00:00:00.005Z","cause":"timer","data":{"conversation":"FZZZZZZZZZZZZ~2.7","customer":"FZZZZZZZZZZZZ~2","division":"care","queue":"care_de","channel":"chat","objective":"first_response","due":"2026-01-01T00:00:00.100Z","late_ms":1}}"#,
    );
}

#[test]
fn conversation_opened_and_pivoted() {
    assert_line(
        &by_timer(Body::Opened(opened(7))),
        "{\"specversion\":\"1.0\",\"id\":\"local-care-9\",\"source\":\"/trunkline/local/care\",\"type\":\"trunkline.conversation.opened\",\"subject\":\"FZZZZZZZZZZZZ~2.7\",\"time\":\"2026-01-01T00:00:00.005Z\",\"cause\":\"timer\",\"data\":{\"conversation\":\"FZZZZZZZZZZZZ~2.7\",\"customer\":\"FZZZZZZZZZZZZ~2\",\"division\":\"care\",\"queue\":\"care_de\",\"channel\":\"chat\",\"value\":-3,\"thread\":\"t\\\"1\\\"\u{7f}\\u0001ü/\",\"reopened\":false}}",
    );
    let pivoted = Pivoted {
        conversation: conversation(7),
        customer: customer(),
        division: "care".into(),
        agent: "ann".into(),
        from_channel: "chat".into(),
        channel: "voice".into(),
    };
    assert_line(
        &by_timer(Body::Pivoted(pivoted)),
        r#"{"specversion":"1.0","id":"local-care-9","source":"/trunkline/local/care","type":"trunkline.conversation.pivoted","subject":"FZZZZZZZZZZZZ~2.7","time":"2026-01-01T00:00:00.005Z","cause":"timer","data":{"conversation":"FZZZZZZZZZZZZ~2.7","customer":"FZZZZZZZZZZZZ~2","division":"care","agent":"ann","from_channel":"chat","channel":"voice"}}"#,
    );
    let folded = Folded {
        conversation: conversation(7),
        customer: customer(),
        division: "care".into(),
        agent: None,
        from_channel: "chat".into(),
        channel: "voice".into(),
        into: conversation(3),
    };
    assert_line(
        &by_timer(Body::Folded(folded)),
        r#"{"specversion":"1.0","id":"local-care-9","source":"/trunkline/local/care","type":"trunkline.conversation.merged","subject":"FZZZZZZZZZZZZ~2.7","time":"2026-01-01T00:00:00.005Z","cause":"timer","data":{"conversation":"FZZZZZZZZZZZZ~2.7","customer":"FZZZZZZZZZZZZ~2","division":"care","from_channel":"chat","channel":"voice","into":"FZZZZZZZZZZZZ~2.3"}}"#,
    );
}

#[test]
fn conversation_closed() {
    assert_line(
        &by_timer(Body::Closed(closed(7, CloseOutcome::Idle))),
        r#"{"specversion":"1.0","id":"local-care-9","source":"/trunkline/local/care","type":"trunkline.conversation.closed","subject":"FZZZZZZZZZZZZ~2.7","time":"2026-01-01T00:00:00.005Z","cause":"timer","data":{"conversation":"FZZZZZZZZZZZZ~2.7","customer":"FZZZZZZZZZZZZ~2","division":"care","queue":"care_de","channel":"chat","outcome":"idle","open_ms":0,"contacts":1,"transfers":0,"offers":0,"breached":[]}}"#,
    );
    let resolved = Closed {
        disposition: Some("sold".into()),
        wait: Some(DurationMs(0)),
        first_response: Some(DurationMs(2)),
        breached: vec![Objective::QueueWait, Objective::Resolution],
        ..closed(7, CloseOutcome::Resolved)
    };
    assert_line(
        &by_timer(Body::Closed(resolved)),
        r#"{"specversion":"1.0","id":"local-care-9","source":"/trunkline/local/care","type":"trunkline.conversation.closed","subject":"FZZZZZZZZZZZZ~2.7","time":"2026-01-01T00:00:00.005Z","cause":"timer","data":{"conversation":"FZZZZZZZZZZZZ~2.7","customer":"FZZZZZZZZZZZZ~2","division":"care","queue":"care_de","channel":"chat","outcome":"resolved","disposition":"sold","wait_ms":0,"first_response_ms":2,"open_ms":0,"contacts":1,"transfers":0,"offers":0,"breached":["queue_wait","resolution"]}}"#,
    );
}

#[test]
fn identities() {
    let first = CustomerId { hash: 0, generation: 0 };
    assert_line(
        &by_timer(Body::Created(Created { customer: customer() })),
        r#"{"specversion":"1.0","id":"local-identity-9","source":"/trunkline/local/identity","type":"trunkline.customer.created","subject":"FZZZZZZZZZZZZ~2","time":"2026-01-01T00:00:00.005Z","cause":"timer","data":{"customer":"FZZZZZZZZZZZZ~2"}}"#,
    );
    let merged = Merged { customer: customer(), absorbed: vec![first] };
    assert_line(
        &by_event(Body::Merged(merged)),
        &format!(
            r#"{{"specversion":"1.0","id":"local-identity-9","source":"/trunkline/local/identity","type":"trunkline.customer.merged","subject":"FZZZZZZZZZZZZ~2","time":"2026-01-01T00:00:00.005Z","cause":"1:20:3","traceparent":"{TRACE}","data":{{"customer":"FZZZZZZZZZZZZ~2","absorbed":["0000000000000"]}}}}"#
        ),
    );
    let refused =
        Refused { customer: Some(customer()), kind: Some("phone".into()), reason: RefusalReason::Limit };
    assert_line(
        &by_timer(Body::Refused(refused)),
        r#"{"specversion":"1.0","id":"local-identity-9","source":"/trunkline/local/identity","type":"trunkline.identity.refused","subject":"FZZZZZZZZZZZZ~2","time":"2026-01-01T00:00:00.005Z","cause":"timer","data":{"customer":"FZZZZZZZZZZZZ~2","kind":"phone","reason":"limit"}}"#,
    );
    assert_line(
        &by_timer(Body::Split(Split { from: customer(), to: first })),
        r#"{"specversion":"1.0","id":"local-identity-9","source":"/trunkline/local/identity","type":"trunkline.customer.split","subject":"FZZZZZZZZZZZZ~2","time":"2026-01-01T00:00:00.005Z","cause":"timer","data":{"from":"FZZZZZZZZZZZZ~2","to":"0000000000000"}}"#,
    );
    assert_line(
        &by_timer(Body::Erased(Erased { customer: customer() })),
        r#"{"specversion":"1.0","id":"local-identity-9","source":"/trunkline/local/identity","type":"trunkline.customer.erased","subject":"FZZZZZZZZZZZZ~2","time":"2026-01-01T00:00:00.005Z","cause":"timer","data":{"customer":"FZZZZZZZZZZZZ~2"}}"#,
    );
    assert_line(
        &by_timer(Body::Refused(Refused { customer: None, kind: None, reason: RefusalReason::Ambiguous })),
        r#"{"specversion":"1.0","id":"local-identity-9","source":"/trunkline/local/identity","type":"trunkline.identity.refused","time":"2026-01-01T00:00:00.005Z","cause":"timer","data":{"reason":"ambiguous"}}"#,
    );
}

#[test]
fn a_reject_has_neither_subject_nor_trace_and_is_its_position() {
    let position = Position { partition: 1, offset: 20, index: 3 };
    let with = |detail: &str| {
        let reason = RejectReason::UnknownChannel;
        let body = Body::Rejected(Rejected { position, reason, detail: detail.into() });
        Output { time: Millis(0), ..by_event(body) }
    };
    assert_line(
        &with("data.channel"),
        r#"{"specversion":"1.0","id":"1:20:3","source":"/trunkline/local/rejects","type":"trunkline.event.rejected","time":"1970-01-01T00:00:00.000Z","cause":"1:20:3","data":{"position":"1:20:3","reason":"unknown_channel","detail":"data.channel"}}"#,
    );
    assert_line(
        &with(""),
        r#"{"specversion":"1.0","id":"1:20:3","source":"/trunkline/local/rejects","type":"trunkline.event.rejected","time":"1970-01-01T00:00:00.000Z","cause":"1:20:3","data":{"position":"1:20:3","reason":"unknown_channel"}}"#,
    );
}

#[test]
fn instants_have_milliseconds_and_four_digits_of_year() {
    for (millis, expected) in [
        (0, "1970-01-01T00:00:00.000Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
        (951_782_400_000, "2000-02-29T00:00:00.000Z"),
        (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
        (253_402_300_800_000, "10000-01-01T00:00:00.000Z"),
        (-62_135_596_800_000, "0001-01-01T00:00:00.000Z"),
        (-62_135_596_800_001, "0000-12-31T23:59:59.999Z"),
    ] {
        assert_eq!(time_text(Millis(millis)), expected, "{millis}");
    }
}

#[test]
fn outputs_of_one_entry_go_by_class_then_conversation_then_creation() {
    let mut outputs = vec![
        by_event(Body::Offered(Box::new(offered()))),
        by_event(sla(SlaMark::Warning { percent: 1 })),
        by_event(Body::Opened(opened(7))),
        by_event(Body::Closed(closed(10, CloseOutcome::Idle))),
        by_event(Body::Closed(closed(9, CloseOutcome::Idle))),
        by_event(Body::Opened(opened(6))),
        by_event(Body::Closed(Closed { at_once: true, ..closed(6, CloseOutcome::Automated) })),
        by_event(withdrawn("care", 8)),
    ];
    sort(&mut outputs);
    let names: Vec<(&str, u32)> =
        outputs.iter().map(|o| (o.name(), o.conversation().map_or(0, |c| c.ordinal))).collect();
    let expected = [
        ("assignment.withdrawn", 8),
        ("conversation.closed", 9),
        ("conversation.closed", 10),
        ("conversation.opened", 6),
        ("conversation.closed", 6),
        ("conversation.opened", 7),
        ("sla.warning", 7),
        ("assignment.offered", 7),
    ];
    assert_eq!(names, expected);
}

#[test]
fn streams_hold_divisions_in_name_order_numbered_each_for_itself() {
    let mut collected = Collected::new("acme");
    let position = Position::default();
    let reject = Rejected { position, reason: RejectReason::TooLarge, detail: String::new() };
    for body in [
        withdrawn("sales", 1),
        withdrawn("care", 2),
        Body::Opened(opened(3)),
        withdrawn("sales", 4),
        Body::Rejected(reject),
        Body::Refused(Refused {
            customer: Some(customer()),
            kind: Some("x".into()),
            reason: RefusalReason::Size,
        }),
        withdrawn("care", 5),
    ] {
        collected.push(&by_timer(body));
    }
    let ids = |stream: Stream| -> Vec<String> {
        let bytes = &collected.streams()[&stream];
        let text = std::str::from_utf8(bytes).unwrap();
        assert!(bytes.is_empty() || text.ends_with('\n'));
        text.lines().map(|l| l.split('"').nth(7).unwrap().to_owned()).collect()
    };
    assert_eq!(ids(Stream::Assignments), ["acme-care-1", "acme-care-3", "acme-sales-1", "acme-sales-2"]);
    assert_eq!(ids(Stream::Conversations), ["acme-care-2"]);
    assert_eq!(ids(Stream::Customers), ["acme-identity-1"]);
    assert_eq!(ids(Stream::Rejected), ["0:0:0"]);
    assert_eq!(ids(Stream::Sla), [""; 0]);
    assert_eq!(ids(Stream::Replies), [""; 0]);
    assert_eq!(collected.counts()["assignment.withdrawn"], 4);
}
