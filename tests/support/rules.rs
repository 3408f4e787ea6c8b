//! Small rules for tests, with every form of identifier, and the names in them.
#![allow(dead_code)]

use trunkline::rules::calendar::Calendar;
use trunkline::rules::*;
use trunkline::types::{DivisionId, DurationMs, QueueId};

/// Channels of `rules`, by name.
pub const CHANNELS: [&str; 4] = ["chat", "tweet", "voice", "écran"];
/// Kinds of `rules`, by (rank, name).
pub const KINDS: [&str; 5] = ["customer_id", "email", "phone", "twitter", "cookie"];
/// Queues of `rules`, by name; the last belongs to the second division.
pub const QUEUES: [&str; 4] =
    ["billing", "calls", "long-name-of-a-queue-of-more-than-sixteen-bytes", "sales"];
/// Divisions of `rules`.
pub const DIVISIONS: [&str; 2] = ["east", "west"];

/// Nothing is worth more than anything else.
fn no_value() -> ValueRules {
    ValueRules {
        base: 0,
        public: 0,
        failed_attempt_points: 0,
        failed_attempt_at_most: 0,
        tier: vec![0; 2],
        intent: vec![0; 2],
        term: Vec::new(),
        channel: vec![0; CHANNELS.len()],
        reach: Vec::new(),
        lifetime_value: Vec::new(),
        sentiment: Vec::new(),
    }
}

/// Small rules with every form of identifier.
pub fn rules() -> Rules {
    let kind = |name: &str, rank, form| Kind { name: name.to_owned(), rank, limit: 5, form };
    let email = Form::Email { fold_domains: vec!["gmail.com".to_owned()] };
    let calendar = Calendar::always("always");
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
            blocked: vec!["+15550000000".to_owned(), "nobody@example.com".to_owned(), "strasse".to_owned()],
            kinds: vec![
                kind(KINDS[0], 1, Form::Opaque),
                kind(KINDS[1], 2, email),
                kind(KINDS[2], 2, Form::Phone { region: "DE".to_owned() }),
                kind(KINDS[3], 3, Form::Handle),
                kind(KINDS[4], 9, Form::Opaque),
            ],
        },
        channels: CHANNELS
            .iter()
            .map(|name| Channel {
                name: (*name).to_owned(),
                weight: 100,
                excludes: 0,
                public: false,
                reclaim: None,
                release_after: None,
            })
            .collect(),
        calendars: vec![calendar.clone()],
        intents: vec!["cancel".to_owned(), "upgrade".to_owned()],
        tiers: vec!["gold".to_owned(), "silver".to_owned()],
        value: no_value(),
        conversation: ConversationRules {
            zone: calendar,
            continuity: DurationMs::days(1),
            idle_close: DurationMs::days(7),
            attempts_kept: 8,
            attempts_window: DurationMs::days(7),
            blocked: None,
        },
        divisions: vec![division(DIVISIONS[0], &[0, 1, 2]), division(DIVISIONS[1], &[3])],
        queues: QUEUES
            .iter()
            .enumerate()
            .map(|(at, name)| queue(name, DivisionId(u16::from(at == 3))))
            .collect(),
        routes: vec![Route { when: Condition::default(), queue: QueueId(0) }],
        replies: Vec::new(),
        terms: Vec::new(),
        templates: Vec::new(),
        before: None,
    }
}

fn division(name: &str, queues: &[u16]) -> Division {
    Division {
        name: name.to_owned(),
        agents_budget: 100,
        queues: queues.iter().map(|at| QueueId(*at)).collect(),
        ramp: None,
        dispatch: Dispatch::Priority,
    }
}

fn queue(name: &str, division: DivisionId) -> Queue {
    Queue {
        name: name.to_owned(),
        division,
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
        skills: Vec::new(),
        curve: Curve { segments: vec![Segment { from: DurationMs::ZERO, points: 0, slope: 0 }] },
        sla: [None, None, None, None],
    }
}
