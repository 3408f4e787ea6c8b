//! Decode through its public interface: each member, each reason, their order, the ways in which records hold
//! events, and random events against the careful pass.

use std::sync::Arc;

use trunkline::pipeline::decode::{Decoder, Limits};
use trunkline::rules::keys::{HashKey, Keys};
use trunkline::types::event::*;
use trunkline::types::record::{ALL_TYPES, BinaryHeaders, Record};
use trunkline::types::*;

use crate::events::{Generator, rules};

/// A small valid event.
pub const GOOD: &[u8] = br#"{"specversion":"1.0","id":"1","source":"/a","type":"trunkline.identity.linked","time":"2026-11-21T23:00:00Z","data":{"from":{"phone":"+493012345678","cookie":"x"}}}"#;

/// A decoder for the small rules.
pub fn decoder() -> Decoder {
    let rules = rules();
    let keys = keys();
    Decoder::new(Arc::new(rules), keys, Limits::default())
}

fn keys() -> Keys {
    Keys::new(&HashKey::PUBLIC, &rules())
}

fn decode(value: &[u8]) -> Events {
    let mut events = Events::default();
    decoder().decode(&[Record::kafka(3, 7, Millis(1_000), value)], &mut events);
    events
}

fn outcome(events: &Events) -> Vec<String> {
    let show = |entry: &Entry| match entry {
        Entry::Event(at) => format!("{}", events.rows[*at as usize].position),
        Entry::Rejected(at) => {
            let rejected = &events.rejected[*at as usize];
            format!("{} {} {}", rejected.position, rejected.reason.word(), rejected.detail)
                .trim_end()
                .to_owned()
        }
    };
    events.entries.iter().map(show).collect()
}

fn event(event_type: &str, data: &str) -> String {
    format!(r#"{{"specversion":"1.0","id":"1","source":"/a","type":"trunkline.{event_type}","data":{data}}}"#)
}

#[track_caller]
fn refused(value: impl AsRef<[u8]>, expected: &str) {
    let value = value.as_ref();
    let shown = String::from_utf8_lossy(&value[..value.len().min(600)]).into_owned();
    assert_eq!(outcome(&decode(value)), [format!("3:7:0 {expected}")], "{shown}");
}

#[track_caller]
fn accepted(value: impl AsRef<[u8]>) -> (Event, Events) {
    let events = decode(value.as_ref());
    assert_eq!(outcome(&events), ["3:7:0"], "{}", String::from_utf8_lossy(value.as_ref()));
    (events.rows[0].clone(), events)
}

#[test]
fn a_contact_with_everything() {
    let data = r#"{"channel":"voice","from":{"phone":["+49 30 12345678","0"],"email":" A.b+c@Gmail.com","twitter":"@Nick"},
        "queue":"sales","thread":"t\u00fc","conversation":"0123456789ABC.7","text":"hi \ud83d\ude00","lang":"EN","intent":"upgrade",
        "skills":{"fran\u00e7ais":10,"x":1},"value":-0,"reach":9007199254740992,"sentiment":-100,"public":true,"preferred_agent":"ann"}"#;
    let (row, events) = accepted(event("contact.received", data));
    let keys = keys();
    let identifier = |kind, form: &str| Identifier {
        kind: KindId(kind),
        hash: keys.identifier(KindId(kind), form.as_bytes()),
    };
    assert_eq!(
        events.identifiers,
        [identifier(2, "+493012345678"), identifier(1, "ab@gmail.com"), identifier(3, "nick")]
    );
    assert_eq!(row.identifiers, List { start: 0, len: 3 });
    assert_eq!((row.recorded, row.time), (Millis(1_000), Millis(1_000)));
    assert_eq!(row.dedup_key, keys.event(b"/a", b"1"));
    assert_eq!((row.channel, row.queue, row.has_from), (Some(ChannelId(2)), Some(QueueId(3)), true));
    assert_eq!((events.text(row.thread), row.thread_key), ("tü".as_bytes(), keys.thread("tü".as_bytes())));
    assert_eq!(row.conversation, ConversationId::parse(b"0123456789ABC.7").unwrap());
    assert_eq!((row.lang_key, row.intent), (keys.name(b"en"), Some(1)));
    assert_eq!(
        (row.value, row.reach, row.sentiment, row.public),
        (Some(0), Some(1 << 53), Some(-100), Some(true))
    );
    assert_eq!((events.text(row.preferred), row.preferred_key), (&b"ann"[..], keys.name(b"ann")));
    let skills: Vec<_> = events.skills.iter().map(|s| (events.text(s.name), s.key, s.level)).collect();
    let french = "français".as_bytes();
    assert_eq!(skills, [(french, keys.name(french), 10), (b"x", keys.name(b"x"), 1)]);
}

#[test]
fn an_agent_with_everything() {
    let data = r#"{"queues":{"billing":{"rank":2,"delay_s":5,"note":[1]},"calls":{}},"agent":"a\/1","capacity":{"\u00e9cran":1000,"chat":0},
        "division":"east","skills":{},"budget":1000000,"langs":["DE","\u0395\u03bb"]}"#;
    let (row, events) = accepted(event("agent.updated", data));
    let keys = keys();
    assert_eq!((events.text(row.agent), row.agent_key), (&b"a/1"[..], keys.name(b"a/1")));
    assert_eq!((row.division, row.budget), (Some(DivisionId(0)), Some(1_000_000)));
    assert_eq!(events.capacities, [(ChannelId(3), 1_000), (ChannelId(0), 0)]);
    assert_eq!(events.langs, [keys.name(b"de"), keys.name("ελ".as_bytes())]);
    let queue = |queue, rank, seconds| AgentQueue {
        queue: QueueId(queue),
        rank,
        delay: DurationMs::seconds(seconds),
    };
    assert_eq!(events.queues, [queue(0, 2, 5), queue(1, 1, 0)]);
    assert_eq!((row.queues, row.skills), (Some(List { start: 0, len: 2 }), Some(List { start: 0, len: 0 })));
    assert!(
        accepted(event("agent.updated", r#"{"agent":"a","division":"west","capacity":{},"skills":{}}"#))
            .0
            .queues
            .is_none()
    );
}

#[test]
fn the_other_members() {
    let (row, _) = accepted(event(
        "agent.state",
        r#"{"agent":"a","division":"west","state":"away","reason":"x","requeue":true}"#,
    ));
    assert_eq!(
        (row.presence, row.requeue, row.division),
        (Some(AgentPresence::Away), true, Some(DivisionId(1)))
    );
    let (row, _) = accepted(event(
        "customer.updated",
        r#"{"from":{"cookie":"guest"},"tier":"x","lifetime_value":-5,"blocked":false}"#,
    ));
    assert_eq!((row.tier, row.lifetime_value, row.blocked), (Some(u16::MAX), Some(-5), Some(false)));
    assert_eq!((row.has_from, row.identifiers.len), (true, 0), "a blocked value does not identify");
    let (row, events) =
        accepted(event("conversation.resolved", r#"{"from":{"cookie":"c"},"outcome":"sold"}"#));
    assert_eq!(events.text(row.outcome.unwrap()), b"sold");
    let (row, _) =
        accepted(event("conversation.replied", r#"{"conversation":"0000000000000.1","automated":true}"#));
    assert!(row.automated && !row.has_from);
    let due = r#"{"from":{"phone":"030 123456"},"channel":"voice","due":"1970-01-01T00:00:01+00:00"}"#;
    let (row, events) = accepted(event("callback.requested", due));
    assert_eq!(
        (row.due, events.identifiers[0].hash),
        (Some(Millis(1_000)), keys().identifier(KindId(2), b"+4930123456"))
    );
    let (row, _) = accepted(event("identity.unlinked", r#"{"identifier":{"cookie":"c"}}"#));
    assert_eq!((row.identifiers.len, row.has_from), (1, false));
    accepted(event("agent.wrapped", r#"{"agent":"a","division":"east"}"#));
    accepted(event("rules.changed", r#"{"text":""}"#));
}

#[test]
fn notation_does_not_matter() {
    let plain = decode(GOOD);
    let odd = br#" { "d\u0061ta" : {"x":[{"from":1}],"fr\u006fm":{"cookie":["x"],"phone":"+493012345678"}},"x":1,"x":2,
        "time":"2026-11-21t23:00:00.000z" , "type":"trunkline.identity\u002elinked","source":"\/a","id":"\u0031","specversion":"1\u002e0"} "#;
    let odd = decode(odd);
    assert_eq!(outcome(&odd), ["3:7:0"]);
    assert_eq!((odd.rows[0].dedup_key, odd.rows[0].time), (plain.rows[0].dedup_key, plain.rows[0].time));
    let mut hashes: Vec<_> = odd.identifiers.iter().map(|i| i.hash).collect();
    hashes.reverse();
    assert_eq!(hashes, plain.identifiers.iter().map(|i| i.hash).collect::<Vec<_>>());
}

#[test]
fn each_reason_with_its_member() {
    let contact = |members: &str| {
        event("contact.received", &format!(r#"{{"channel":"voice","from":{{"cookie":"c"}}{members}}}"#))
    };
    refused(contact(&format!(r#","text":"{}""#, "x".repeat(16_385))), "too_large data.text");
    accepted(contact(&format!(r#","text":"{}""#, "\\u0078".repeat(5_000))));
    accepted(contact(&format!(r#","text":"{}""#, "x".repeat(16_384))));
    refused(contact(&format!(r#","x":"{}""#, "x".repeat(70_000))), "too_large");
    refused(vec![b'{'; (1 << 20) + 1], "too_large");
    refused([&contact("").as_bytes()[..50], b"\xff", &contact("").as_bytes()[50..]].concat(), "invalid_utf8");
    for broken in [
        "",
        "{",
        "nul",
        "\u{feff}{}",
        "{}x",
        "{} {}",
        r#"{"a":01}"#,
        r#"{"a":"\ud800"}"#,
        r#"{"a":"\x"}"#,
        "{\"a\":\"\t\"}",
        r#"{"a":1,}"#,
    ] {
        refused(broken, "invalid_json");
    }
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    refused(contact(&format!(r#","x":{}"#, nested(15))), "too_deep");
    accepted(contact(&format!(r#","x":{}"#, nested(14))));
    accepted(contact("").replace("\"data\"", &format!("\"x\":{},\"data\"", nested(15))));
    for other in ["1", "\"x\"", "null", "true"] {
        refused(other, "not_an_object");
    }
    for (members, expected) in [
        (r#","from":{}"#, "duplicate_member data.from"),
        (r#","ch\u0061nnel":1"#, "duplicate_member data.channel"),
        (r#","skills":{"a":1,"\u0061":2}"#, "duplicate_member data.skills.a"),
        (r#","value":null"#, "wrong_type data.value"),
        (r#","value":1.0"#, "wrong_type data.value"),
        (r#","value":1e3"#, "wrong_type data.value"),
        (r#","value":9007199254740993"#, "out_of_range data.value"),
        (r#","reach":-99999999999999999999"#, "out_of_range data.reach"),
        (r#","sentiment":101"#, "out_of_range data.sentiment"),
        (r#","skills":{"a":11}"#, "out_of_range data.skills.a"),
        (r#","skills":{"":1}"#, "out_of_range data.skills."),
        (r#","thread":"""#, "out_of_range data.thread"),
        (r#","public":1"#, "wrong_type data.public"),
        (r#","queue":"nope""#, "unknown_queue data.queue"),
        (r#","conversation":"x""#, "bad_conversation data.conversation"),
    ] {
        refused(contact(members), expected);
    }
    refused(contact(&format!(r#","lang":"{}""#, "x".repeat(257))), "out_of_range data.lang");
}

#[test]
fn reasons_of_the_envelope() {
    let swap = |from: &str, to: &str| {
        let text = std::str::from_utf8(GOOD).unwrap();
        assert!(text.contains(from));
        text.replace(from, to)
    };
    refused(swap("\"1.0\"", "\"1.1\""), "not_cloudevents specversion");
    refused(swap("\"specversion\":\"1.0\",", ""), "not_cloudevents specversion");
    refused(swap("\"id\":\"1\",", ""), "missing_member id");
    refused(swap("\"id\":\"1\"", "\"id\":\"\""), "out_of_range id");
    refused(swap("\"id\":\"1\"", "\"id\":7"), "wrong_type id");
    refused(swap("\"id\":\"1\"", "\"id\":\"1\",\"i\\u0064\":\"2\""), "duplicate_member id");
    refused(swap("\"source\":\"/a\",", ""), "missing_member source");
    refused(swap("identity.linked", "identity.link"), "unknown_type type");
    refused(swap("\"2026-11-21T23:00:00Z\"", "\"2026-11-21 23:00:00Z\""), "bad_time time");
    refused(swap("\"2026-11-21T23:00:00Z\"", "null"), "wrong_type time");
    refused(swap("\"id\"", "\"traceparent\":1,\"id\""), "wrong_type traceparent");
    refused(swap("\"data\":{\"from\"", "\"data\":[],\"x\":{\"from\""), "wrong_type data");
    refused(swap("\"data\"", "\"x\""), "missing_member data");
    refused(swap("identity.linked\",", "nope\",\"x\":{\"from\":{},\"from\":{}},"), "unknown_type type");
}

#[test]
fn reasons_of_contacts() {
    for (event_type, data, expected) in [
        ("contact.received", r#"{"from":{}}"#, "missing_member data.channel"),
        ("contact.received", r#"{"channel":"voice"}"#, "missing_member data.from"),
        ("contact.received", r#"{"channel":"voice","from":{"cookie":[]}}"#, "missing_member data.from"),
        ("contact.received", r#"{"channel":"fax","from":{"cookie":"c"}}"#, "unknown_channel data.channel"),
        ("contact.received", r#"{"channel":"voice","from":{"fax":"c"}}"#, "unknown_kind data.from.fax"),
        ("contact.received", r#"{"channel":"voice","from":{"cookie":[1]}}"#, "wrong_type data.from.cookie"),
        ("contact.received", r#"{"channel":"voice","from":"c"}"#, "wrong_type data.from"),
        (
            "contact.received",
            r#"{"channel":"voice","from":{"cookie":" "}}"#,
            "bad_identifier data.from.cookie",
        ),
        (
            "contact.received",
            r#"{"channel":"voice","from":{"email":"a b@c"}}"#,
            "bad_identifier data.from.email",
        ),
        (
            "contact.received",
            r#"{"channel":"voice","from":{"email":"+x@gmail.com"}}"#,
            "bad_identifier data.from.email",
        ),
        (
            "contact.received",
            r#"{"channel":"voice","from":{"phone":"+0"}}"#,
            "bad_identifier data.from.phone",
        ),
        (
            "contact.received",
            r#"{"channel":"voice","from":{"cookie":"a","cookie":"b"}}"#,
            "duplicate_member data.from.cookie",
        ),
    ] {
        refused(event(event_type, data), expected);
    }
}

#[test]
fn reasons_of_agents() {
    for (event_type, data, expected) in [
        ("agent.updated", "{}", "missing_member data.agent"),
        (
            "agent.updated",
            r#"{"agent":"a","division":"x","capacity":{"fax":1},"skills":{}}"#,
            "unknown_channel data.capacity.fax",
        ),
        (
            "agent.updated",
            r#"{"agent":"a","division":"x","capacity":{},"skills":{},"queues":{"sales":{}}}"#,
            "unknown_division data.division",
        ),
        (
            "agent.updated",
            r#"{"agent":"a","queues":{"sales":{}},"division":"east","capacity":{},"skills":{}}"#,
            "unknown_queue data.queues.sales",
        ),
        (
            "agent.updated",
            r#"{"agent":"a","division":"east","capacity":{"chat":1001},"skills":{}}"#,
            "out_of_range data.capacity.chat",
        ),
        (
            "agent.updated",
            r#"{"agent":"a","division":"east","capacity":{},"skills":{},"queues":{"calls":{"rank":0}}}"#,
            "out_of_range data.queues.calls.rank",
        ),
        (
            "agent.updated",
            r#"{"agent":"a","division":"east","capacity":{},"skills":{},"queues":{"calls":{"rank":1,"rank":1}}}"#,
            "duplicate_member data.queues.calls.rank",
        ),
        (
            "agent.updated",
            r#"{"agent":"a","division":"east","capacity":{},"skills":{},"queues":{"calls":1}}"#,
            "wrong_type data.queues.calls",
        ),
        (
            "agent.updated",
            r#"{"agent":"a","division":"east","capacity":{},"skills":{},"langs":["de",1]}"#,
            "wrong_type data.langs",
        ),
        ("agent.state", r#"{"agent":"a","division":"east","state":"busy"}"#, "out_of_range data.state"),
        ("offer.accepted", r#"{"agent":"a","division":"east"}"#, "missing_member data.conversation"),
        ("agent.wrapped", r#"{"agent":"a","division":"east","from":{}}"#, "missing_member data.from"),
    ] {
        refused(event(event_type, data), expected);
    }
}

#[test]
fn reasons_of_the_other_types() {
    for (event_type, data, expected) in [
        ("contact.abandoned", "{}", "missing_member data.conversation"),
        ("contact.abandoned", r#"{"conversation":"0000000000000.1","from":{}}"#, "missing_member data.from"),
        ("identity.linked", r#"{"from":{"cookie":"a"}}"#, "missing_member data.from"),
        ("identity.unlinked", r#"{"identifier":{}}"#, "missing_member data.identifier"),
        (
            "conversation.assigned",
            r#"{"from":{"cookie":"c"},"division":"east"}"#,
            "missing_member data.agent",
        ),
        (
            "callback.requested",
            r#"{"from":{"cookie":"c"},"channel":"voice","due":"soon"}"#,
            "bad_time data.due",
        ),
    ] {
        refused(event(event_type, data), expected);
    }
}

#[test]
fn bounds_of_identifiers() {
    let many = |n: usize| (0..n).map(|i| format!("\"c{i}\"")).collect::<Vec<_>>().join(",");
    let erase = |n| event("customer.erased", &format!(r#"{{"from":{{"cookie":[{}]}}}}"#, many(n)));
    assert_eq!(accepted(erase(16)).0.identifiers.len, 16);
    refused(erase(17), "too_many_identifiers data.from");
    let long = |n| event("customer.erased", &format!(r#"{{"from":{{"cookie":"{}"}}}}"#, "c".repeat(n)));
    accepted(long(256));
    refused(long(257), "bad_identifier data.from.cookie");
}

/// Faults of two reasons in one event, in both orders: the reason that stands first in the list counts.
#[test]
fn the_first_reason_counts_wherever_it_stands() {
    let faults = [
        (r#""text":"LONG""#, "too_large data.text"),
        (r#""x":[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]"#, "too_deep"),
        (r#""skills":{"a":1,"a":1}"#, "duplicate_member data.skills.a"),
        (r#""public":null"#, "wrong_type data.public"),
        (r#""sentiment":-101"#, "out_of_range data.sentiment"),
        (r#""queue":"nope""#, "unknown_queue data.queue"),
        (r#""from":{"nope":"x","cookie":"c"}"#, "unknown_kind data.from.nope"),
        (r#""conversation":"x""#, "bad_conversation data.conversation"),
    ];
    let long = "x".repeat(20_000);
    for (first, (early, expected)) in faults.iter().enumerate() {
        for (late, _) in &faults[first + 1..] {
            for pair in [[early, late], [late, early]] {
                let from = if late.contains("from") || early.contains("from") {
                    ""
                } else {
                    r#","from":{"cookie":"c"}"#
                };
                let data =
                    format!(r#"{{{},{},"channel":"voice"{from}}}"#, pair[0], pair[1]).replace("LONG", &long);
                refused(event("contact.received", &data), expected);
            }
        }
    }
    let both = event("contact.received", r#"{"from":{"cookie":7},"sentiment":101}"#);
    refused(both.replace("\"id\":\"1\"", "\"id\":null"), "missing_member data.channel");
    refused(both.replace("\"1.0\"", "1.0"), "not_cloudevents specversion");
}

#[test]
fn types_that_a_topic_may_not_carry() {
    let mut record = Record::line(1, 2, GOOD);
    record.allowed = ALL_TYPES & !(1 << EventType::IdentityLinked as u8);
    let mut events = Events::default();
    decoder().decode(&[record], &mut events);
    assert_eq!(outcome(&events), ["1:2:0 type_not_allowed type"]);
}

#[test]
fn a_plain_file_needs_a_time_and_has_empty_lines() {
    let timeless = event("customer.erased", r#"{"from":{"cookie":"c"}}"#);
    let mut events = Events::default();
    let lines = [GOOD, b"", b" \t\r", timeless.as_bytes()];
    let records: Vec<_> =
        lines.iter().enumerate().map(|(at, line)| Record::line(0, at as u64, line)).collect();
    decoder().decode(&records, &mut events);
    assert_eq!(outcome(&events), ["0:0:0", "0:3:0 missing_member time"]);
    assert_eq!(events.rows[0].recorded, events.rows[0].time);
    assert_eq!(events.rows[0].time, Millis(1_795_302_000_000));
}

#[test]
fn arrays_and_lines() {
    let good = std::str::from_utf8(GOOD).unwrap();
    let show = |text: &str| outcome(&decode(text.as_bytes()));
    assert_eq!(show("[]"), [""; 0]);
    assert_eq!(show(&format!(" \n[{good} , 1,\n{good}]\n")), ["3:7:0", "3:7:1 not_an_object", "3:7:2"]);
    assert_eq!(show(&format!("[{good},{good}")), ["3:7:0 invalid_json"]);
    assert_eq!(show(&format!("[{good},]")), ["3:7:0 invalid_json"]);
    assert_eq!(show(&format!("[{good}]x")), ["3:7:0 invalid_json"]);
    assert_eq!(
        show(&format!("[{good},{}{}]", "[".repeat(500), "]".repeat(500))),
        ["3:7:0", "3:7:1 too_deep"]
    );
    assert_eq!(
        show(&format!("{good}\n\n{good}\r\n{{\"a\n{good}\n")),
        ["3:7:0", "3:7:2", "3:7:3 invalid_json", "3:7:4"]
    );
    assert_eq!(show(&format!("\n{good}")), ["3:7:1"]);
    assert_eq!(show(&good.replace(',', ",\n ")), ["3:7:0"], "one event over several lines");
    let broken = good.replace("\"data\":{", "\"data\":\n{");
    assert_eq!(
        show(&broken),
        ["3:7:0 invalid_json", "3:7:1 invalid_json"],
        "a line that begins with a brace"
    );
}

#[test]
fn an_event_ends_with_its_line_or_element() {
    let good = std::str::from_utf8(GOOD).unwrap();
    let half = good.len() - 1;
    let show = |text: String| outcome(&decode(text.as_bytes()));
    assert_eq!(
        show(format!("{}\n}}\n{good}", &good[..half])),
        ["3:7:0 invalid_json", "3:7:1 invalid_json", "3:7:2"]
    );
}

#[test]
fn binary_mode() {
    let data = br#"{"from":{"phone":"+493012345678","cookie":"x"}}"#;
    let headers = BinaryHeaders {
        specversion: b"1.0",
        id: Some(b"1"),
        source: Some(b"/a"),
        event_type: Some(b"trunkline.identity.linked"),
        time: Some(b"2026-11-21T23:00:00Z"),
        traceparent: None,
    };
    let decode = |headers: BinaryHeaders<'_>, value: &[u8]| {
        let mut events = Events::default();
        let record = Record { binary: Some(&headers), ..Record::kafka(3, 7, Millis(1_000), value) };
        decoder().decode(&[record], &mut events);
        events
    };
    let (binary, structured) = (decode(headers, data), crate::decode::decode(GOOD));
    assert_eq!(binary.rows[0].dedup_key, structured.rows[0].dedup_key);
    assert_eq!((binary.rows[0].time, binary.rows[0].recorded), (structured.rows[0].time, Millis(1_000)));
    assert_eq!(binary.identifiers, structured.identifiers);
    let none = BinaryHeaders::default();
    for (headers, value, expected) in [
        (BinaryHeaders { specversion: b"0.3", ..headers }, &data[..], "not_cloudevents specversion"),
        (BinaryHeaders { id: None, ..headers }, data, "missing_member id"),
        (BinaryHeaders { id: Some(b""), ..headers }, data, "out_of_range id"),
        (BinaryHeaders { source: Some(b"\xff"), ..headers }, data, "invalid_utf8"),
        (BinaryHeaders { time: Some(b"now"), ..headers }, data, "bad_time time"),
        (BinaryHeaders { event_type: Some(b"x"), ..headers }, data, "unknown_type type"),
        (headers, b"", "invalid_json"),
        (headers, b"[1]", "not_an_object"),
        (headers, br#"{"from":{"cookie":"x"}}"#, "missing_member data.from"),
        (none, data, "not_cloudevents specversion"),
    ] {
        assert_eq!(outcome(&decode(headers, value)), [format!("3:7:0 {expected}")]);
    }
}

/// Random events to look at; raise it with `TRUNKLINE_DECODE_EVENTS`.
fn rounds() -> u64 {
    std::env::var("TRUNKLINE_DECODE_EVENTS").ok().and_then(|n| n.parse().ok()).unwrap_or(20_000)
}

#[test]
fn valid_events_are_accepted() {
    let mut decoder = decoder();
    let mut events = Events::default();
    for seed in 0..rounds() {
        let bytes = Generator::new(seed).valid();
        let record = Record::line(0, seed, &bytes);
        decoder.decode(&[record], &mut events);
        assert!(
            events.rejected.is_empty(),
            "seed {seed}: {:?}\n{}",
            events.rejected,
            String::from_utf8_lossy(&bytes)
        );
        assert_eq!(events.rows.len(), 1, "seed {seed}");
    }
}

/// The quick pass takes an event exactly if the careful one finds nothing in it.
#[test]
fn both_passes_agree() {
    let (mut decoder, mut careful) = (decoder(), decoder());
    let mut events = Events::default();
    let mut refused = [0; RejectReason::ALL.len()];
    for seed in 0..rounds() {
        let bytes = Generator::new(seed).mutated();
        let record = Record::kafka(0, seed, Millis(0), &bytes);
        let first = bytes.iter().find(|b| !b" \t\r\n".contains(b));
        if first == Some(&b'[') || bytes.windows(2).any(|pair| pair == b"\n{") {
            continue;
        }
        let expected = careful.fault(&record);
        decoder.decode(&[record], &mut events);
        let got = events.rejected.first().map(|r| (r.reason, r.detail.clone()));
        assert_eq!(got, expected, "seed {seed}: {}", String::from_utf8_lossy(&bytes));
        if let Some((reason, _)) = got {
            refused[reason as usize] += 1;
        }
    }
    let never: Vec<_> =
        RejectReason::ALL.iter().filter(|r| refused[**r as usize] == 0).map(|r| r.word()).collect();
    assert_eq!(never, ["type_not_allowed"], "reasons that never came up");
}

/// A batch gives what its records give one by one, whatever was decoded before.
#[test]
fn batches_do_not_matter() {
    let (mut together, mut alone) = (decoder(), decoder());
    let (mut whole, mut single) = (Events::default(), Events::default());
    for seed in 0..rounds() / 50 {
        let values: Vec<Vec<u8>> = (0..30).map(|n| Generator::new(seed * 30 + n).mutated()).collect();
        let records: Vec<_> =
            values.iter().enumerate().map(|(at, v)| Record::kafka(1, at as u64, Millis(5), v)).collect();
        together.decode(&records, &mut whole);
        let (mut entries, mut texts) = (Vec::new(), Vec::new());
        for record in &records {
            alone.decode(std::slice::from_ref(record), &mut single);
            entries.extend(outcome(&single));
            texts.extend(single.rows.iter().map(|row| describe(row, &single)));
        }
        assert_eq!(outcome(&whole), entries, "seed {seed}");
        assert_eq!(
            whole.rows.iter().map(|row| describe(row, &whole)).collect::<Vec<_>>(),
            texts,
            "seed {seed}"
        );
    }
}

/// A row with its texts and lists resolved.
fn describe(row: &Event, events: &Events) -> String {
    let text = |span| String::from_utf8(events.text(span).to_vec()).unwrap();
    let skills = row.skills.map(|list| {
        events.skills[list.range()].iter().map(|s| (s.key, text(s.name), s.level)).collect::<Vec<_>>()
    });
    let queues = row.queues.map(|list| &events.queues[list.range()]);
    let mut flat = row.clone();
    for span in [&mut flat.agent, &mut flat.preferred, &mut flat.thread] {
        *span = Span::default();
    }
    (flat.outcome, flat.skills, flat.queues) = (None, None, None);
    (flat.identifiers, flat.langs, flat.capacity) = Default::default();
    format!(
        "{flat:?} {skills:?} {queues:?} {:?} {:?} {:?} {} {} {} {:?}",
        &events.identifiers[row.identifiers.range()],
        &events.langs[row.langs.range()],
        &events.capacities[row.capacity.range()],
        text(row.agent),
        text(row.preferred),
        text(row.thread),
        row.outcome.map(text),
    )
}
