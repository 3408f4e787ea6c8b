//! One event: what is taken, what is refused, for which reason and with which member to blame.

use std::collections::{BTreeMap, BTreeSet};

use super::fixtures::{CUSTOMER_ID, PHONE, TWITTER, decode, event, keys, verdict, verdict_bytes};
use super::members::*;
use crate::model::event::{AgentQueue, Event, Identifier, Tier};
use crate::types::record::Record;
use crate::types::{
    AgentPresence, ChannelId, ConversationId, CustomerId, DivisionId, DurationMs, EventType, Millis,
    Position, QueueId, TraceParent,
};

const CONVERSATION: &str = "0000000000000.1";

/// Each type with no more than it needs: its members in the order of the table.
const LEAST: [(&str, &[(&str, &str)]); 20] = [
    ("contact.received", &[("channel", r#""chat""#), ("from", r#"{"twitter":"a"}"#)]),
    ("contact.abandoned", &[("conversation", r#""0000000000000.1""#)]),
    (
        "callback.requested",
        &[("from", r#"{"twitter":"a"}"#), ("channel", r#""chat""#), ("due", r#""2026-01-01T00:00:00Z""#)],
    ),
    ("customer.updated", &[("from", r#"{"twitter":"a"}"#)]),
    ("identity.linked", &[("from", r#"{"twitter":["a","b"]}"#)]),
    ("identity.unlinked", &[("identifier", r#"{"twitter":"a"}"#)]),
    ("customer.erased", &[("from", r#"{"twitter":"a"}"#)]),
    (
        "agent.updated",
        &[("agent", r#""ann""#), ("division", r#""care""#), ("capacity", "{}"), ("skills", "{}")],
    ),
    ("agent.state", &[("agent", r#""ann""#), ("division", r#""care""#), ("state", r#""away""#)]),
    (
        "offer.accepted",
        &[("agent", r#""ann""#), ("division", r#""care""#), ("conversation", r#""0000000000000.1""#)],
    ),
    (
        "offer.declined",
        &[("agent", r#""ann""#), ("division", r#""care""#), ("conversation", r#""0000000000000.1""#)],
    ),
    ("agent.wrapped", &[("agent", r#""ann""#), ("division", r#""care""#)]),
    ("conversation.replied", &[("conversation", r#""0000000000000.1""#)]),
    ("conversation.held", &[("conversation", r#""0000000000000.1""#)]),
    ("conversation.resumed", &[("conversation", r#""0000000000000.1""#)]),
    ("conversation.transferred", &[("conversation", r#""0000000000000.1""#)]),
    ("conversation.updated", &[("conversation", r#""0000000000000.1""#)]),
    (
        "conversation.assigned",
        &[("conversation", r#""0000000000000.1""#), ("agent", r#""ann""#), ("division", r#""care""#)],
    ),
    ("conversation.resolved", &[("conversation", r#""0000000000000.1""#)]),
    ("rules.changed", &[("text", r#""""#)]),
];

fn object<'m>(members: impl IntoIterator<Item = &'m (&'m str, &'m str)>) -> String {
    let members: Vec<String> =
        members.into_iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    format!("{{{}}}", members.join(","))
}

/// A contact with these further members of `data`.
fn contact(members: &str) -> String {
    event("contact.received", &format!(r#"{{"channel":"chat","from":{{"twitter":"a"}},{members}}}"#))
}

/// The one event of a line of a plain file.
fn decoded(line: &str) -> Event {
    let mut events = decode(&Record::line(3, 7, line.as_bytes()));
    assert_eq!(events.len(), 1);
    let (position, decoded) = events.remove(0);
    assert_eq!(position, Position { partition: 3, offset: 7, index: 0 });
    decoded.unwrap()
}

#[test]
fn every_type_with_no_more_than_it_needs() {
    for ((name, members), event_type) in LEAST.iter().zip(EventType::ALL) {
        assert_eq!(*name, event_type.name());
        assert_eq!(decoded(&event(name, &object(*members))).event_type, *event_type);
    }
}

#[test]
fn every_required_member_is_missed_in_the_order_of_the_table() {
    for (name, members) in LEAST {
        for (at, (missing, _)) in members.iter().enumerate() {
            let rest = members.iter().enumerate().filter(|(other, _)| *other != at).map(|(_, m)| m);
            assert_eq!(
                verdict(&event(name, &object(rest))),
                format!("missing_member data.{missing}"),
                "{name}"
            );
        }
        if let Some((first, _)) = members.first() {
            assert_eq!(verdict(&event(name, "{}")), format!("missing_member data.{first}"), "{name}");
        }
    }
}

#[test]
fn from_stands_for_the_conversation() {
    for (name, members) in LEAST.iter().filter(|(_, m)| m.iter().any(|(n, _)| *n == "conversation")) {
        let from = |(name, value): &(&'static str, &'static str)| match *name {
            "conversation" => ("from", r#"{"twitter":"a"}"#),
            _ => (*name, *value),
        };
        let members: Vec<(&str, &str)> = members.iter().map(from).collect();
        let event = decoded(&event(name, &object(&members)));
        assert!(event.has_from && event.identifiers.len() == 1 && event.conversation.is_none(), "{name}");
    }
}

#[test]
fn a_contact_with_everything() {
    let text = r#"{"data":{"channel":"ch\u0061t","from":{"twitter":["@Ann","guest"],"customer_id":" 7 "},
        "queue":"sales_in","thread":"t1","conversation":"FZZZZZZZZZZZZ~2.9","text":"\u0000","lang":"DE-at",
        "intent":"buy","skills":{"b":10,"a":1},"value":-9007199254740992,"reach":9007199254740992,
        "sentiment":-100,"public":false,"preferred_agent":"bob","new":{"a":1,"a":[null]},"new":0},
        "traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01","other":[{}],"other":1,
        "t\u0079pe":"trunkline.contact.received","source":"/s","specversion":"1.0","id":"é",
        "time":"2026-01-01T01:00:00.1239+01:00"}"#
        .replace('\n', " ");
    let (hash, keys) = (u64::MAX, keys());
    let position = Position { partition: 3, offset: 7, index: 0 };
    let time = Millis(1_767_225_600_123);
    let identifier = |kind, normal: &str| Identifier { kind, hash: keys.identifier(kind, normal.as_bytes()) };
    let expected = Event {
        dedup_key: keys.event(b"/s", "é".as_bytes()),
        traceparent: TraceParent::parse(b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
        conversation: Some(ConversationId { customer: CustomerId { hash, generation: 2 }, ordinal: 9 }),
        has_from: true,
        identifiers: vec![identifier(TWITTER, "ann"), identifier(CUSTOMER_ID, "7")],
        channel: Some(ChannelId(0)),
        queue: Some(QueueId(2)),
        thread: Some("t1".into()),
        preferred_agent: Some("bob".into()),
        lang: Some("de-at".into()),
        intent: Some(1),
        value: Some(-(1 << 53)),
        reach: Some(1 << 53),
        sentiment: Some(-100),
        public: Some(false),
        skills: Some(BTreeMap::from([("a".into(), 1), ("b".into(), 10)])),
        ..Event::bare(EventType::ContactReceived, position, time)
    };
    assert_eq!(decoded(&text), expected);
}

#[test]
fn an_agent_with_everything() {
    let event = decoded(&event(
        "agent.updated",
        r#"{"queues":{"care_en":{"rank":2,"delay_s":30,"x":1},"care_de":{}},"agent":"ann","division":"care",
        "capacity":{"voice":1,"chat":1000},"skills":{"de":3},"budget":0,"langs":["DE","de","İ"]}"#
            .replace('\n', " ")
            .as_str(),
    ));
    assert_eq!((event.agent.as_deref(), event.division), (Some("ann"), Some(DivisionId(0))));
    assert_eq!(event.capacity, BTreeMap::from([(ChannelId(0), 1000), (ChannelId(2), 1)]));
    assert_eq!(event.budget, Some(0));
    assert_eq!(event.langs, BTreeSet::from(["de".to_owned(), "i\u{307}".to_owned()]));
    let queues = BTreeMap::from([
        (QueueId(0), AgentQueue { rank: 1, delay: DurationMs(0) }),
        (QueueId(1), AgentQueue { rank: 2, delay: DurationMs(30_000) }),
    ]);
    assert_eq!(event.queues, Some(queues));
}

#[test]
fn a_profile_a_presence_a_reply_a_resolve_and_a_callback() {
    let profile = r#"{"from":{"phone":"none"},"tier":"gold","lifetime_value":5,"blocked":true}"#;
    let event_of = |name, data| decoded(&event(name, data));
    let updated = event_of("customer.updated", profile);
    assert_eq!((updated.tier, updated.lifetime_value), (Some(Tier::Known(0)), Some(5)));
    assert_eq!((updated.blocked, updated.has_from), (Some(true), true));
    assert_eq!(updated.identifiers, [], "a blocked value counts but does not identify");
    let updated = event_of("customer.updated", r#"{"from":{"phone":"none"},"tier":"tin"}"#);
    assert_eq!(updated.tier, Some(Tier::Unknown));
    let state = event_of(
        "agent.state",
        r#"{"agent":"a","division":"care","state":"offline","reason":"lunch","requeue":true}"#,
    );
    assert_eq!((state.presence, state.requeue), (Some(AgentPresence::Offline), true));
    let reply = format!(r#"{{"conversation":"{CONVERSATION}","agent":"a","automated":true,"value":1}}"#);
    let reply = event_of("conversation.replied", &reply);
    assert_eq!((reply.agent.as_deref(), reply.automated, reply.value), (Some("a"), true, None));
    let resolved = format!(r#"{{"conversation":"{CONVERSATION}","outcome":"sold"}}"#);
    assert_eq!(event_of("conversation.resolved", &resolved).outcome.as_deref(), Some("sold"));
    let (_, callback) = LEAST[2];
    assert_eq!(event_of("callback.requested", &object(callback)).due, Some(Millis(1_767_225_600_000)));
}

#[test]
fn whoever_looks_up_by_from_may_narrow_but_a_division_counts_only_where_the_table_has_it() {
    let members = r#"{"from":{"twitter":"a"},"thread":"t","queue":"care_en","channel":"voice","division":5}"#;
    for name in ["contact.abandoned", "conversation.replied", "conversation.held", "conversation.resolved"] {
        let event = decoded(&event(name, members));
        let narrowing = (event.thread.as_deref(), event.queue, event.channel, event.division);
        assert_eq!(narrowing, (Some("t"), Some(QueueId(1)), Some(ChannelId(2)), None), "{name}");
    }
}

#[test]
fn the_envelope() {
    let whole = [
        ("specversion", r#""1.0""#),
        ("id", r#""1""#),
        ("source", r#""/s""#),
        ("type", r#""trunkline.customer.erased""#),
        ("time", r#""2026-01-01T00:00:00Z""#),
        ("data", r#"{"from":{"twitter":"a"}}"#),
    ];
    assert_eq!(verdict(&object(&whole)), "ok");
    for name in ["id", "source", "type", "time", "data"] {
        let rest = whole.iter().filter(|(other, _)| *other != name);
        assert_eq!(verdict(&object(rest)), format!("missing_member {name}"));
    }
    assert_eq!(verdict(&object(&whole[1..])), "not_cloudevents specversion");
    assert_eq!(verdict(&object(&whole[..1])), "missing_member id");
    let long = format!("\"{}\"", "x".repeat(257));
    for (name, value, expected) in [
        ("specversion", r#""1""#, "not_cloudevents specversion"),
        ("specversion", "1.0", "not_cloudevents specversion"),
        ("specversion", "null", "not_cloudevents specversion"),
        ("id", "1", "wrong_type id"),
        ("id", "null", "wrong_type id"),
        ("id", r#""""#, "out_of_range id"),
        ("source", long.as_str(), "out_of_range source"),
        ("type", "{}", "wrong_type type"),
        ("type", r#""""#, "unknown_type type"),
        ("type", r#""customer.erased""#, "unknown_type type"),
        ("type", r#""trunkline.Customer.erased""#, "unknown_type type"),
        ("type", r#""trunkline.customer.erased ""#, "unknown_type type"),
        ("time", "0", "wrong_type time"),
        ("time", r#""2026-01-01""#, "bad_time time"),
        ("data", "[]", "wrong_type data"),
        ("data", "null", "wrong_type data"),
        ("traceparent", "1", "wrong_type traceparent"),
        ("traceparent", r#""no trace""#, "ok"),
    ] {
        let mut members: Vec<(&str, &str)> = whole.into_iter().filter(|(other, _)| *other != name).collect();
        members.push((name, value));
        assert_eq!(verdict(&object(&members)), expected, "{name}: {value}");
        members.insert(0, (name, value));
        assert_eq!(verdict(&object(&members)), format!("duplicate_member {name}"), "{name} twice");
    }
}

#[test]
fn of_an_unknown_type_only_the_envelope_is_looked_at() {
    let odd = event("new", r#"{"channel":5,"channel":6,"from":{}}"#);
    assert_eq!(verdict(&odd), "unknown_type type");
    assert_eq!(verdict(&odd.replace(r#""id":"1""#, r#""id":"""#)), "out_of_range id");
    assert_eq!(verdict(&event("new", "5")), "wrong_type data");
}

#[test]
fn members_of_a_contact() {
    for (members, expected) in [
        (r#""queue":"care_de""#, "ok"),
        (r#""queue":"""#, "unknown_queue data.queue"),
        (r#""queue":"care""#, "unknown_queue data.queue"),
        (r#""queue":null"#, "wrong_type data.queue"),
        (r#""channel":"chat""#, "duplicate_member data.channel"),
        (r#""ch\u0061nnel":"chat""#, "duplicate_member data.channel"),
        (r#""division":5,"division":6"#, "ok"),
        (r#""thread":"""#, "out_of_range data.thread"),
        (r#""lang":"""#, "out_of_range data.lang"),
        (r#""intent":"other""#, "ok"),
        (r#""intent":7"#, "wrong_type data.intent"),
        (r#""preferred_agent":"""#, "out_of_range data.preferred_agent"),
        (r#""text":"""#, "ok"),
        (r#""text":[]"#, "wrong_type data.text"),
        (r#""public":"true""#, "wrong_type data.public"),
        (r#""public":0"#, "wrong_type data.public"),
        (r#""conversation":"FZZZZZZZZZZZZ.1""#, "ok"),
        (r#""conversation":"fzzzzzzzzzzzz.1""#, "bad_conversation data.conversation"),
        (r#""conversation":"""#, "bad_conversation data.conversation"),
        (r#""conversation":1"#, "wrong_type data.conversation"),
        (r#""skills":{}"#, "ok"),
        (r#""skills":[]"#, "wrong_type data.skills"),
        (r#""skills":{"a":1,"a":1}"#, "duplicate_member data.skills.a"),
        (r#""skills":{"a":1,"\u0061":1}"#, "duplicate_member data.skills.a"),
        (r#""skills":{"":1}"#, "out_of_range data.skills."),
        (r#""skills":{"a":0}"#, "out_of_range data.skills.a"),
        (r#""skills":{"a":11}"#, "out_of_range data.skills.a"),
        (r#""skills":{"a":"1"}"#, "wrong_type data.skills.a"),
        (r#""sentiment":-101"#, "out_of_range data.sentiment"),
        (r#""sentiment":100"#, "ok"),
        (r#""sentiment":101"#, "out_of_range data.sentiment"),
    ] {
        assert_eq!(verdict(&contact(members)), expected, "{members}");
    }
}

#[test]
fn integers() {
    for (number, expected) in [
        ("0", "ok"),
        ("-0", "ok"),
        ("9007199254740992", "ok"),
        ("-9007199254740992", "ok"),
        ("9007199254740993", "out_of_range data.value"),
        ("-9007199254740993", "out_of_range data.value"),
        ("9223372036854775808", "out_of_range data.value"),
        ("18446744073709551616", "out_of_range data.value"),
        ("1000000000000000000000000000000000000000000000", "out_of_range data.value"),
        ("1.0", "wrong_type data.value"),
        ("1e3", "wrong_type data.value"),
        ("1E3", "wrong_type data.value"),
        ("1e999", "wrong_type data.value"),
        ("0.0", "wrong_type data.value"),
        ("\"1\"", "wrong_type data.value"),
        ("null", "wrong_type data.value"),
        ("[1]", "wrong_type data.value"),
        ("01", "invalid_json"),
        ("+1", "invalid_json"),
    ] {
        assert_eq!(verdict(&contact(&format!("\"value\":{number}"))), expected, "{number}");
    }
    assert_eq!(decoded(&contact("\"value\":-0")).value, Some(0));
}

#[test]
fn members_of_agents() {
    let base = r#""agent":"a","division":"care","capacity":{"chat":1},"skills":{}"#;
    for (members, expected) in [
        (r#""budget":0"#, "ok"),
        (r#""budget":1000000"#, "ok"),
        (r#""budget":1000001"#, "out_of_range data.budget"),
        (r#""budget":-1"#, "out_of_range data.budget"),
        (r#""langs":[]"#, "ok"),
        (r#""langs":"de""#, "wrong_type data.langs"),
        (r#""langs":["de",1]"#, "wrong_type data.langs"),
        (r#""langs":["de",""]"#, "out_of_range data.langs"),
        (r#""queues":{}"#, "ok"),
        (r#""queues":[]"#, "wrong_type data.queues"),
        (r#""queues":{"care_en":1}"#, "wrong_type data.queues.care_en"),
        (r#""queues":{"care_en":{},"care_en":{}}"#, "duplicate_member data.queues.care_en"),
        (r#""queues":{"care_en":{"rank":1,"rank":1}}"#, "duplicate_member data.queues.care_en.rank"),
        (r#""queues":{"care_en":{"x":1,"x":1}}"#, "ok"),
        (r#""queues":{"care_en":{"rank":0}}"#, "out_of_range data.queues.care_en.rank"),
        (r#""queues":{"care_en":{"rank":1000000}}"#, "ok"),
        (r#""queues":{"care_en":{"rank":1000001}}"#, "out_of_range data.queues.care_en.rank"),
        (r#""queues":{"care_en":{"delay_s":31536000}}"#, "ok"),
        (r#""queues":{"care_en":{"delay_s":31536001}}"#, "out_of_range data.queues.care_en.delay_s"),
        (r#""queues":{"care_en":{"delay_s":-1}}"#, "out_of_range data.queues.care_en.delay_s"),
        (r#""queues":{"sales_in":{}}"#, "unknown_queue data.queues.sales_in"),
        (r#""queues":{"nowhere":{}}"#, "unknown_queue data.queues.nowhere"),
    ] {
        assert_eq!(verdict(&event("agent.updated", &format!("{{{base},{members}}}"))), expected, "{members}");
        let before = verdict(&event("agent.updated", &format!("{{{members},{base}}}")));
        assert_eq!(before, expected, "{members}, whatever the order");
    }
    for (from, to, expected) in [
        (r#""chat":1"#, r#""chat":1000"#, "ok"),
        (r#""chat":1"#, r#""chat":1001"#, "out_of_range data.capacity.chat"),
        (r#""chat":1"#, r#""fax":1"#, "unknown_channel data.capacity.fax"),
        (r#""chat":1"#, r#""chat":1,"chat":2"#, "duplicate_member data.capacity.chat"),
        (r#""a""#, r#""""#, "out_of_range data.agent"),
        (r#""care""#, r#""nobody""#, "unknown_division data.division"),
        (r#""care""#, r#""sales","queues":{"sales_in":{}}"#, "ok"),
        (r#""care""#, r#""nobody","queues":{"sales_in":{}}"#, "unknown_division data.division"),
    ] {
        let data = format!("{{{}}}", base.replace(from, to));
        assert_eq!(verdict(&event("agent.updated", &data)), expected, "{data}");
    }
    let state = |state: &str| {
        verdict(&event("agent.state", &format!(r#"{{"agent":"a","division":"care","state":{state}}}"#)))
    };
    assert_eq!(state(r#""available""#), "ok");
    assert_eq!(state(r#""Available""#), "out_of_range data.state");
    assert_eq!(state("true"), "wrong_type data.state");
}

#[test]
fn identifiers() {
    let values = |count: usize| {
        let list: Vec<String> = (0..count).map(|n| format!("\"v{n}\"")).collect();
        format!(r#"{{"twitter":[{}]}}"#, list.join(","))
    };
    let (sixteen, seventeen) = (values(16), values(17));
    let long = format!(r#"{{"customer_id":"{}"}}"#, "0".repeat(257));
    for (from, expected) in [
        (r#"{}"#, "missing_member data.from"),
        (r#"{"twitter":[]}"#, "missing_member data.from"),
        (r#"{"twitter":[],"phone":["+4930123450"]}"#, "ok"),
        (r#"{"fax":[]}"#, "missing_member data.from"),
        (r#"{"fax":"1"}"#, "unknown_kind data.from.fax"),
        (r#"{"twitter":1}"#, "wrong_type data.from.twitter"),
        (r#"{"twitter":null}"#, "wrong_type data.from.twitter"),
        (r#"{"twitter":["a",["b"]]}"#, "wrong_type data.from.twitter"),
        (r#"{"twitter":"a","twitter":"b"}"#, "duplicate_member data.from.twitter"),
        (r#""a""#, "wrong_type data.from"),
        (sixteen.as_str(), "ok"),
        (seventeen.as_str(), "too_many_identifiers data.from"),
        (r#"{"twitter":""}"#, "bad_identifier data.from.twitter"),
        (r#"{"twitter":"a","phone":"call me"}"#, "bad_identifier data.from.phone"),
        (r#"{"phone":"+49"}"#, "bad_identifier data.from.phone"),
        (r#"{"phone":"anonymous"}"#, "ok"),
        (long.as_str(), "bad_identifier data.from.customer_id"),
    ] {
        assert_eq!(verdict(&event("customer.erased", &format!(r#"{{"from":{from}}}"#))), expected, "{from}");
        let wrapped = format!(r#"{{"agent":"a","division":"care","from":{from}}}"#);
        assert_eq!(verdict(&event("agent.wrapped", &wrapped)), expected, "{from}, which may be absent");
    }
    for (from, expected) in [
        (r#"{"twitter":"a"}"#, "missing_member data.from"),
        (r#"{"twitter":["a","a"]}"#, "ok"),
        (r#"{"twitter":"a","phone":"guest"}"#, "ok"),
    ] {
        assert_eq!(verdict(&event("identity.linked", &format!(r#"{{"from":{from}}}"#))), expected, "{from}");
    }
    for (identifier, expected) in [
        (r#"{}"#, "missing_member data.identifier"),
        (r#"{"twitter":[5]}"#, "wrong_type data.identifier.twitter"),
        (r#"{"fax":"1"}"#, "unknown_kind data.identifier.fax"),
    ] {
        let data = format!(r#"{{"identifier":{identifier}}}"#);
        assert_eq!(verdict(&event("identity.unlinked", &data)), expected, "{identifier}");
    }
    let event = decoded(&event("customer.erased", r#"{"from":{"phone":["+49 30 123450","030/123450"]}}"#));
    let hash = keys().identifier(PHONE, b"+4930123450");
    assert_eq!(event.identifiers, [Identifier { kind: PHONE, hash }; 2], "repetitions are kept");
}

#[test]
fn sizes() {
    let name = |bytes: usize| "é".repeat(bytes / 2) + &"x".repeat(bytes % 2);
    let threads = [(256, "ok"), (257, "out_of_range data.thread")];
    for (bytes, expected) in threads {
        assert_eq!(verdict(&contact(&format!("\"thread\":\"{}\"", name(bytes)))), expected, "{bytes}");
    }
    let escaped = "\\u0041".repeat(256);
    assert_eq!(verdict(&contact(&format!("\"thread\":\"{escaped}\""))), "ok", "bytes count unescaped");
    let text = |bytes: usize| contact(&format!("\"text\":\"{}\"", "x".repeat(bytes)));
    assert_eq!(verdict(&text(16_384)), "ok");
    assert_eq!(verdict(&text(16_385)), "too_large data.text");
    let escaped = "\\n".repeat(16_384);
    assert_eq!(verdict(&contact(&format!("\"text\":\"{escaped}\""))), "ok");
    let padded = |bytes: usize| {
        let bare = contact("\"new\":\"\"").len();
        contact(&format!("\"new\":\"{}\"", "x".repeat(bytes - bare)))
    };
    assert_eq!(verdict(&padded(65_536)), "ok");
    assert_eq!(verdict(&padded(65_537)), "too_large");
    assert_eq!(verdict(&format!("{} ", padded(65_535))), "ok");
    assert_eq!(verdict(&format!("{} ", padded(65_536))), "too_large", "the line's white space counts");
    let twice = format!("\"text\":\"\",\"text\":\"{}\"", "x".repeat(16_385));
    assert_eq!(verdict(&contact(&twice)), "too_large data.text", "every member is looked at");
}

#[test]
fn depth() {
    let nested = |levels: usize| contact(&format!("\"new\":{}{}", "[".repeat(levels), "]".repeat(levels)));
    assert_eq!(verdict(&nested(14)), "ok");
    assert_eq!(verdict(&nested(15)), "too_deep");
    assert_eq!(verdict(&nested(30_000)), "too_deep");
    assert_eq!(verdict(&nested(30_000).replace("]]}", "]}")), "invalid_json");
    let scalar = format!("{}5{}", "{\"a\":".repeat(17), "}".repeat(17));
    assert_eq!(verdict(&scalar), "too_deep");
}

#[test]
fn what_is_not_an_event_at_all() {
    for (line, expected) in [
        ("5", "not_an_object"),
        ("\"{}\"", "not_an_object"),
        ("null", "not_an_object"),
        ("{", "invalid_json"),
        ("{}{}", "invalid_json"),
        ("\u{feff}{}", "invalid_json"),
        (r#"{"a":"\ud800"}"#, "invalid_json"),
        ("{}", "not_cloudevents specversion"),
    ] {
        assert_eq!(verdict(line), expected, "{line}");
    }
    assert_eq!(verdict_bytes(b"{\"a\":\"\xff\"}"), "invalid_utf8");
    assert_eq!(verdict_bytes(b"{\"a\":\xc3"), "invalid_utf8");
}

/// Faults of one event by reason, best reason first; each is a text replaced by another.
const FAULTS: [(&str, &str, &str); 16] = [
    ("too_deep", r#""new":0"#, r#""new":[[[[[[[[[[[[[[[[0]]]]]]]]]]]]]]]]"#),
    ("duplicate_member data.agent", r#""end":0"#, r#""agent":0"#),
    ("not_cloudevents specversion", r#""1.0""#, r#""1.1""#),
    ("missing_member source", r#""source":"#, r#""sauce":"#),
    ("wrong_type data.agent", r#""agent":"ann""#, r#""agent":5"#),
    ("out_of_range data.thread", r#""thread":"t""#, r#""thread":"""#),
    ("bad_time time", "2026-01-01", "2026-01-00"),
    ("type_not_allowed type", "offer.accepted", "offer.declined"),
    ("unknown_channel data.channel", r#""chat""#, r#""fax""#),
    ("unknown_queue data.queue", r#""care_de""#, r#""x""#),
    ("unknown_division data.division", r#""care""#, r#""y""#),
    ("unknown_kind data.from.email", r#""email""#, r#""fax""#),
    (
        "too_many_identifiers data.from",
        r#"["a"]"#,
        r#"["a","b","c","d","e","f","g","h","i","j","k","l","m","n","o","p"]"#,
    ),
    ("bad_identifier data.from.phone", "+4930123450", "+"),
    ("bad_conversation data.conversation", CONVERSATION, "1"),
    ("ok", "", ""),
];

#[test]
fn of_many_faults_the_first_reason_of_the_list_counts() {
    let good = event(
        "offer.accepted",
        r#"{"conversation":"0000000000000.1","from":{"phone":"+4930123450","email":"a@b","twitter":["a"]},"division":"care","queue":"care_de","channel":"chat","thread":"t","agent":"ann","new":0,"end":0}"#,
    );
    let allowed = 1 << EventType::OfferAccepted as u8;
    for first in 0..FAULTS.len() {
        let mut bad = good.clone();
        let mut reached = Vec::new();
        for (expected, from, to) in &FAULTS[first..] {
            if !from.is_empty() {
                assert!(bad.contains(from), "{from}");
                bad = bad.replacen(from, to, 1);
            }
            reached.push(expected.replace("email", "fax"));
        }
        let record = Record { allowed, ..Record::line(0, 0, bad.as_bytes()) };
        let verdict = match &decode(&record)[0].1 {
            Ok(_) => "ok".to_owned(),
            Err((reason, detail)) => format!("{} {detail}", reason.word()).trim_end().to_owned(),
        };
        assert_eq!(verdict, reached[0], "{bad}");
    }
}

#[test]
fn of_equal_reasons_the_first_in_the_document_counts() {
    let agent =
        r#"{"specversion":"1.0","source":"/s","time":"2026-01-01T00:00:00Z","type":"trunkline.agent.state""#;
    let data = r#""data":{"state":1,"division":2,"agent":3}"#;
    assert_eq!(verdict(&format!(r#"{agent},"id":1,{data}}}"#)), "wrong_type id");
    assert_eq!(verdict(&format!(r#"{agent},{data},"id":1}}"#)), "wrong_type data.state");
    let twice = r#"{"value":1,"from":{"twitter":"a","twitter":"b"},"value":2,"channel":"chat"}"#;
    assert_eq!(verdict(&event("contact.received", twice)), "duplicate_member data.from.twitter");
}

#[test]
fn every_member_of_the_table_is_read() {
    let names: BTreeSet<&str> = EventType::ALL
        .iter()
        .flat_map(|event_type| {
            let (required, optional) = table(*event_type);
            required.iter().copied().flatten().chain(optional).copied().collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(names.len(), 30, "{names:?}");
    for event_type in EventType::ALL {
        for name in names.iter().filter(|name| knows(*event_type, name)) {
            let line = event(event_type.name(), &format!("{{\"{name}\":0,\"{name}\":0}}"));
            assert_eq!(verdict(&line), format!("duplicate_member data.{name}"), "{}", event_type.name());
        }
    }
}
