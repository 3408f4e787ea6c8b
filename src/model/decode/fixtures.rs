//! Rules and shorthands for the tests of the oracle's decoder.

use super::{Decoded, decode_record};
use crate::rules::calendar::Calendar;
use crate::rules::keys::{HashKey, Keys};
use crate::rules::*;
use crate::types::record::{Limits, Record};
use crate::types::{DivisionId, DurationMs, KindId, Position, QueueId};

/// Kind of an account number.
pub const CUSTOMER_ID: KindId = KindId(0);
/// Kind of an e-mail address, folded at gmail.com.
pub const EMAIL: KindId = KindId(1);
/// Kind of a telephone number, German by default.
pub const PHONE: KindId = KindId(2);
/// Kind of a handle.
pub const TWITTER: KindId = KindId(3);

/// Three channels (chat, email, voice), two divisions (care: care_de, care_en; sales: sales_in), four kinds.
pub fn rules() -> Rules {
    let kind = |name: &str, rank, form| Kind { name: name.into(), rank, limit: 5, form };
    let kinds = vec![
        kind("customer_id", 1, Form::Opaque),
        kind("email", 2, Form::Email { fold_domains: vec!["gmail.com".into()] }),
        kind("phone", 3, Form::Phone { region: "DE".into() }),
        kind("twitter", 3, Form::Handle),
    ];
    let channel = |name: &str| Channel {
        name: name.into(),
        weight: 100,
        excludes: 0,
        public: false,
        reclaim: None,
        release_after: None,
    };
    let division = |name: &str, queues: &[u16]| Division {
        name: name.into(),
        agents_budget: 100,
        queues: queues.iter().map(|at| QueueId(*at)).collect(),
        ramp: None,
        dispatch: Dispatch::Priority,
    };
    let blocked = vec!["void".into(), "strasse".into(), "+4930123456".into(), "a@gmail.com".into()];
    Rules {
        version: String::new(),
        hash: 0,
        text: String::new(),
        clock: ClockRules { tick: Tick::Records, max_late: DurationMs::days(1) },
        dedup: DedupRules { window: DurationMs::seconds(600), max_events: 1_000 },
        identity: IdentityRules {
            max_identifiers: 64,
            generic_after: 1_000,
            forget_after: DurationMs::days(400),
            forget_one_off_after: DurationMs::days(8),
            customer_created: false,
            blocked,
            kinds,
        },
        channels: ["chat", "email", "voice"].map(channel).into(),
        calendars: vec![],
        intents: vec!["billing".into(), "buy".into()],
        tiers: vec!["gold".into(), "silver".into()],
        value: no_value(),
        conversation: ConversationRules {
            zone: Calendar::always("UTC"),
            continuity: DurationMs::days(1),
            idle_close: DurationMs::days(7),
            attempts_kept: 8,
            attempts_window: DurationMs::days(7),
            blocked: None,
        },
        divisions: vec![division("care", &[0, 1]), division("sales", &[2])],
        queues: vec![queue("care_de", 0), queue("care_en", 0), queue("sales_in", 1)],
        routes: vec![Route { when: Condition::default(), queue: QueueId(0) }],
        replies: Vec::new(),
        terms: Vec::new(),
        templates: Vec::new(),
        before: None,
    }
}

fn no_value() -> ValueRules {
    ValueRules {
        base: 0,
        public: 0,
        failed_attempt_points: 0,
        failed_attempt_at_most: 0,
        tier: vec![0; 2],
        intent: vec![0; 2],
        term: Vec::new(),
        channel: vec![0; 3],
        reach: vec![],
        lifetime_value: vec![],
        sentiment: vec![],
    }
}

fn queue(name: &str, division: u16) -> Queue {
    Queue {
        name: name.into(),
        division: DivisionId(division),
        strategy: Strategy::LongestIdle,
        auto_accept: false,
        offer_timeout: DurationMs::seconds(20),
        exclude_after_miss: DurationMs::seconds(30),
        max_offers: 10,
        max_offers_to: None,
        closed: None,
        max_wait: None,
        max_waiting: None,
        acknowledge: None,
        affinity: DurationMs::ZERO,
        steps: Vec::new(),
        dispatch: QueueDispatch::default(),
        match_lang: false,
        wrap_up: DurationMs::ZERO,
        skills: vec![],
        curve: Curve { segments: vec![Segment { from: DurationMs::ZERO, points: 0, slope: 0 }] },
        sla: [None, None, None, None],
    }
}

/// The keys that the fixtures hash with.
pub fn keys() -> Keys {
    Keys::new(&HashKey::PUBLIC, &rules())
}

/// What becomes of a record.
pub fn decode(record: &Record) -> Vec<(Position, Decoded)> {
    decode_record(record, &rules(), &keys(), &Limits::default())
}

/// The same, in short: the index and `None`, or the word of the reason and the detail.
pub fn verdicts(record: &Record) -> Vec<(u32, Option<(&'static str, String)>)> {
    let short = |(at, decoded): (Position, Decoded)| {
        (at.index, decoded.err().map(|(reason, detail)| (reason.word(), detail)))
    };
    decode(record).into_iter().map(short).collect()
}

/// The verdict on a line of a plain file that holds one event: `ok`, or reason and detail.
pub fn verdict(line: &str) -> String {
    verdict_bytes(line.as_bytes())
}

/// The same of any bytes.
pub fn verdict_bytes(line: &[u8]) -> String {
    match verdicts(&Record::line(0, 0, line)).as_slice() {
        [(0, None)] => "ok".to_owned(),
        [(0, Some((reason, detail)))] => format!("{reason} {detail}").trim_end().to_owned(),
        other => panic!("one event expected: {other:?}"),
    }
}

/// An event with a good envelope, of this type (without prefix) and with this `data`.
pub fn event(event_type: &str, data: &str) -> String {
    let head = r#"{"specversion":"1.0","id":"1","source":"/s","time":"2026-01-01T00:00:00Z""#;
    format!(r#"{head},"type":"trunkline.{event_type}","data":{data}}}"#)
}
