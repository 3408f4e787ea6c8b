//! Records: batches, packed lines, binary mode, the clock's time; and that an event fares the same in each.

use super::fixtures::{decode, event, verdicts};
use crate::types::record::{ALL_TYPES, BinaryHeaders, Record};
use crate::types::{EventType, Millis, TraceParent};

const DATA: &str = r#"{"from":{"twitter":"a"}}"#;

fn good() -> String {
    event("customer.erased", DATA)
}

/// Index and verdict (`ok` or the reason) of each event of a record from a topic.
fn outcome(value: &[u8]) -> Vec<(u32, &'static str)> {
    let record = Record::kafka(0, 0, Millis(0), value);
    let short = |(index, refused): (u32, Option<(&'static str, String)>)| {
        (index, refused.map_or("ok", |(reason, _)| reason))
    };
    verdicts(&record).into_iter().map(short).collect()
}

#[test]
fn batches() {
    let good = good();
    for (value, expected) in [
        (format!("[{good},{good}]"), vec![(0, "ok"), (1, "ok")]),
        (
            format!(" \n[{good} ,5,[],{{}}\n,{good}]\n"),
            vec![(0, "ok"), (1, "not_an_object"), (2, "not_an_object"), (3, "not_cloudevents"), (4, "ok")],
        ),
        ("[]".to_owned(), vec![]),
        (" [ ] ".to_owned(), vec![]),
        (format!("[{good},]"), vec![(0, "invalid_json")]),
        (format!("[{good}"), vec![(0, "invalid_json")]),
        (format!("[{good}] x"), vec![(0, "invalid_json")]),
        (format!("[{good}]\n{good}"), vec![(0, "invalid_json")]),
        (format!("\u{feff}[{good}]"), vec![(0, "invalid_json")]),
        (format!(r#"[{good},"\ud800"]"#), vec![(0, "invalid_json")]),
    ] {
        assert_eq!(outcome(value.as_bytes()), expected, "{value}");
    }
    let mut broken = format!("[{good},\"x\"]").into_bytes();
    let at = broken.len() - 3;
    broken[at] = 0xff;
    assert_eq!(outcome(&broken), [(0, "invalid_utf8")]);
}

#[test]
fn the_nesting_of_a_batch_does_not_count() {
    let nested = |levels: usize| {
        event("customer.erased", DATA)
            .replace("\"id\"", &format!("\"new\":{}{},\"id\"", "[".repeat(levels), "]".repeat(levels)))
    };
    let batch = format!("[{},{}]", nested(15), nested(16));
    assert_eq!(outcome(batch.as_bytes()), [(0, "ok"), (1, "too_deep")]);
}

#[test]
fn packed_lines() {
    let good = good();
    for (value, expected) in [
        (format!("{good}\n{good}"), vec![(0, "ok"), (1, "ok")]),
        (format!("\n{good}\r\n \t\r\n{good}\n\n"), vec![(1, "ok"), (3, "ok")]),
        (format!("{good}\nnonsense\n{good}"), vec![(0, "ok"), (1, "invalid_json"), (2, "ok")]),
        (format!("nonsense\n{good}"), vec![(0, "invalid_json"), (1, "ok")]),
        (format!("{good}\n [1]\n{good}"), vec![(0, "ok"), (1, "not_an_object"), (2, "ok")]),
        (format!("{good}\n {good}"), vec![(0, "invalid_json")]),
        (good.replace(',', ",\n"), vec![(0, "ok")]),
    ] {
        assert_eq!(outcome(value.as_bytes()), expected, "{value:?}");
    }
    // A line that begins with a brace makes packed lines of what was meant as one event.
    let broken = outcome(good.replace(':', ":\n").as_bytes());
    assert!(broken.len() > 1 && broken.iter().all(|(_, verdict)| *verdict != "ok"), "{broken:?}");
    let mut bytes = format!("{good}\n{{\"x\"}}\n{good}").into_bytes();
    bytes[good.len() + 3] = 0xff;
    assert_eq!(outcome(&bytes), [(0, "ok"), (1, "invalid_utf8"), (2, "ok")], "neighbours are untouched");
}

#[test]
fn empty_records() {
    assert_eq!(verdicts(&Record::line(0, 5, b"")), []);
    assert_eq!(verdicts(&Record::line(0, 5, b" \t\r")), []);
    assert_eq!(outcome(b""), [(0, "invalid_json")], "a record of a topic is an event");
    assert_eq!(outcome(b" \n "), [(0, "invalid_json")]);
}

#[test]
fn size_of_records_and_of_their_events() {
    let good = good();
    let spaces = format!("{}\n", " ".repeat(49_999)).repeat(20);
    let rest = " ".repeat((1 << 20) - good.len() - spaces.len() - 1);
    assert_eq!(outcome(format!("{spaces}{rest}\n{good}").as_bytes()), [(21, "ok")]);
    assert_eq!(outcome(format!("{spaces}{rest} \n{good}").as_bytes()), [(0, "too_large")]);
    let large = good.replace("\"id\"", &format!("\"new\":\"{}\",\"id\"", "x".repeat(1 << 16)));
    assert_eq!(
        outcome(format!("{good}\n{large}\n{good}").as_bytes()),
        [(0, "ok"), (1, "too_large"), (2, "ok")]
    );
    assert_eq!(
        outcome(format!("[{good},{large},{good}]").as_bytes()),
        [(0, "ok"), (1, "too_large"), (2, "ok")]
    );
}

#[test]
fn time_comes_from_the_event_or_from_the_record() {
    let with = good();
    let without = with.replace(r#""time":"2026-01-01T00:00:00Z","#, "");
    let times = |record: &Record| {
        let (_, event) = decode(record).remove(0);
        event
            .map(|event| (event.recorded.0, event.time.0))
            .map_err(|(reason, detail)| (reason.word(), detail))
    };
    const NEW_YEAR: i64 = 1_767_225_600_000;
    assert_eq!(times(&Record::line(0, 0, with.as_bytes())), Ok((NEW_YEAR, NEW_YEAR)));
    assert_eq!(times(&Record::line(0, 0, without.as_bytes())), Err(("missing_member", "time".into())));
    assert_eq!(times(&Record::kafka(0, 0, Millis(5), with.as_bytes())), Ok((5, NEW_YEAR)));
    assert_eq!(times(&Record::kafka(0, 0, Millis(5), without.as_bytes())), Ok((5, 5)));
}

#[test]
fn a_topic_may_be_limited() {
    let good = good();
    let allowed = ALL_TYPES & !(1 << EventType::CustomerErased as u8);
    let record = Record { allowed, ..Record::kafka(0, 0, Millis(0), good.as_bytes()) };
    assert_eq!(verdicts(&record), [(0, Some(("type_not_allowed", "type".into())))]);
}

const TRACE: &[u8] = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn headers() -> BinaryHeaders<'static> {
    BinaryHeaders {
        specversion: b"1.0",
        id: Some(b"1"),
        source: Some(b"/s"),
        event_type: Some(b"trunkline.customer.erased"),
        time: Some(b"2026-01-01T00:00:00Z"),
        traceparent: Some(TRACE),
    }
}

fn binary(headers: &BinaryHeaders, value: &[u8]) -> Vec<(u32, Option<(&'static str, String)>)> {
    verdicts(&Record { binary: Some(headers), ..Record::kafka(0, 0, Millis(0), value) })
}

#[test]
fn binary_mode_says_the_same_as_structured_mode() {
    let headers = headers();
    let good = good();
    let record = Record::kafka(1, 2, Millis(3), DATA.as_bytes());
    let (position, from_headers) = decode(&Record { binary: Some(&headers), ..record }).remove(0);
    let (_, mut whole) = decode(&Record { value: good.as_bytes(), ..record }).remove(0);
    whole.as_mut().unwrap().traceparent = TraceParent::parse(TRACE);
    assert_eq!(from_headers, whole);
    assert_eq!((position.partition, position.offset, position.index), (1, 2, 0));
}

#[test]
fn binary_mode_refuses() {
    let good = headers();
    let refused = |headers: BinaryHeaders, value: &[u8]| {
        let (reason, detail) = binary(&headers, value).remove(0).1.expect("refused");
        format!("{reason} {detail}").trim_end().to_owned()
    };
    let data = DATA.as_bytes();
    let long = [b'x'; 257];
    for (headers, expected) in [
        (BinaryHeaders { specversion: b"0.3", ..good }, "not_cloudevents specversion"),
        (BinaryHeaders { id: None, ..good }, "missing_member id"),
        (BinaryHeaders { source: None, ..good }, "missing_member source"),
        (BinaryHeaders { event_type: None, ..good }, "missing_member type"),
        (BinaryHeaders { id: Some(b""), ..good }, "out_of_range id"),
        (BinaryHeaders { source: Some(&long), ..good }, "out_of_range source"),
        (BinaryHeaders { id: Some(b"\xff"), ..good }, "invalid_utf8"),
        (BinaryHeaders { time: Some(b"now"), ..good }, "bad_time time"),
        (BinaryHeaders { event_type: Some(b"a\"b"), ..good }, "unknown_type type"),
    ] {
        assert_eq!(refused(headers, data), expected);
    }
    for (value, expected) in [
        ("", "invalid_json"),
        ("5", "not_an_object"),
        ("[]", "not_an_object"),
        (r#"{},"id":"2""#, "invalid_json"),
        ("{}", "missing_member data.from"),
        (r#"{"from":{"twitter":1}}"#, "wrong_type data.from.twitter"),
    ] {
        assert_eq!(refused(good, value.as_bytes()), expected, "{value}");
    }
    let nested =
        |levels: usize| format!(r#"{{"new":{}{},{}"#, "[".repeat(levels), "]".repeat(levels), &DATA[1..]);
    assert_eq!(binary(&good, nested(14).as_bytes()), [(0, None)]);
    assert_eq!(
        refused(good, nested(15).as_bytes()),
        "too_deep",
        "data is at the second level, as in an object"
    );
    let quoted = BinaryHeaders { id: Some(br#"a"b\"#), ..good };
    assert_eq!(binary(&quoted, data), [(0, None)], "headers are texts, not JSON");
}

/// Numbers from a seed: SplitMix64 (Steele, Lea and Flood 2014).
fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[test]
fn a_mangled_event_fares_alike_alone_in_a_batch_and_packed() {
    let base = event(
        "agent.updated",
        r#"{"agent":"é","division":"care","capacity":{"chat":1},"skills":{"a":1},"queues":{"care_de":{"rank":2}}}"#,
    );
    let good = good();
    let rounds: u64 = std::env::var("TRUNKLINE_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(2_000);
    let bytes = b"{}[],:\"\\0123456789.eE-+ \tabcnull\xc3\xa9\xff";
    let mut accepted = 0;
    for seed in 0..rounds {
        let mut state = seed;
        let mut event = base.clone().into_bytes();
        for _ in 0..random(&mut state) % 3 {
            let at = random(&mut state) as usize % event.len();
            let byte = bytes[random(&mut state) as usize % bytes.len()];
            match random(&mut state) % 3 {
                0 => event[at] = byte,
                1 => event.insert(at, byte),
                _ => drop(event.remove(at)),
            }
        }
        let [(0, alone)] = outcome(&event)[..] else { continue };
        accepted += usize::from(alone == "ok");
        let packed = [&event, good.as_bytes()].join(&b"\n"[..]);
        if event[0] != b'[' {
            assert_eq!(outcome(&packed), [(0, alone), (1, "ok")], "{}", String::from_utf8_lossy(&packed));
        }
        if !matches!(alone, "invalid_json" | "invalid_utf8") && event[0] != b'[' {
            let batch = [b"[", event.as_slice(), b",", good.as_bytes(), b"]"].concat();
            assert_eq!(outcome(&batch), [(0, alone), (1, "ok")], "{}", String::from_utf8_lossy(&batch));
        }
    }
    assert!(accepted > 0 && accepted < rounds as usize, "both happen: {accepted} of {rounds}");
}
