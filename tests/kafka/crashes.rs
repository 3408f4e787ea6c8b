//! kill -9 in the middle, SIGTERM, and a second instance: nothing is lost and nothing repeated; at least once, what is
//! sent again is the same bytes.

use crate::broker::broker;
use crate::equality::{generate, lines};
use crate::tenant::{PARTITIONS, STREAMS, Tenant, expected, key_and_group, until};
use std::collections::{BTreeMap, BTreeSet};

const EVENTS: u64 = 20_000;

/// First appearances are the reference's lines in order; every other record is a copy of one of them.
pub fn check_nothing_lost(tenant: &Tenant) -> usize {
    let reference = tenant.reference("reference");
    let mut copies = 0;
    for (stream, name) in STREAMS.iter().enumerate() {
        for partition in 0..PARTITIONS[stream] {
            let mut firsts = BTreeMap::<String, Vec<String>>::new();
            let mut seen = BTreeSet::new();
            for record in tenant.read(&format!("out.{name}"), partition) {
                let line = String::from_utf8(record.value).unwrap();
                if seen.insert(line.clone()) {
                    firsts.entry(key_and_group(stream, &line).1).or_default().push(line);
                } else {
                    copies += 1;
                }
            }
            let expected = expected(&reference, stream, partition);
            assert!(firsts == expected, "{name}[{partition}] differs from the reference");
        }
    }
    let verdict = verdict(tenant);
    for (key, count) in [("lost", 0), ("doubled", 0), ("different", 0), ("beyond", 0), ("copies", copies)] {
        assert_eq!(verdict[key], count, "{key}: {verdict}");
    }
    copies
}

/// What `trunkline verify` says.
fn verdict(tenant: &Tenant) -> serde_json::Value {
    let (_, out, err) = tenant.run(&["--json", "verify", "--kafka"]);
    serde_json::from_str(&out).unwrap_or_else(|_| panic!("{err}"))
}

pub fn outputs(tenant: &Tenant) -> i64 {
    STREAMS.iter().zip(PARTITIONS).map(|(stream, n)| tenant.end(&format!("out.{stream}"), n)).sum()
}

/// Kills the service again and again while it works; gives how many records are copies of others.
fn kill_9(name: &str, delivery: &str) -> Option<usize> {
    let broker = broker()?;
    let folder = tempfile::tempdir().unwrap();
    let (log, rules) = generate(folder.path(), EVENTS, 11);
    let extra = format!("epoch_max_events = 50\ndelivery = \"{delivery}\"");
    let tenant = Tenant::new(&broker, name, &rules, &extra);
    let lines = lines(&log);
    let parts = 4;
    for part in lines.chunks(lines.len().div_ceil(parts)) {
        let before = outputs(&tenant);
        tenant.load(part.iter().copied());
        let service = tenant.spawn();
        until("some new output", || outputs(&tenant) > before + 100);
        service.kill();
    }
    let result = tenant.run_to_end();
    let known = result["snapshot"].as_u64().map_or(0, |epoch| epoch + 1);
    assert!(known + result["epochs_replayed"].as_u64().unwrap() > parts as u64, "{result}");
    let copies = check_nothing_lost(&tenant);
    println!("{copies} copies; last start: {result}");
    Some(copies)
}

#[test]
fn exactly_once_kill_9_loses_and_repeats_nothing() {
    let Some(copies) = kill_9("killed", "exactly_once") else { return };
    assert_eq!(copies, 0);
}

#[test]
fn at_least_once_kill_9_loses_nothing_and_repeats_only_the_same_bytes() {
    let Some(copies) = kill_9("repeating", "at_least_once") else { return };
    assert!(copies > 0, "the kills came in the middle");
}

/// An output that no epoch of the log explains, and one that is there twice, are found on the broker.
#[test]
fn verify_finds_what_does_not_belong() {
    let Some(broker) = broker() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (log, rules) = generate(folder.path(), 2_000, 14);
    let tenant = Tenant::new(&broker, "verified", &rules, "");
    tenant.load(lines(&log));
    tenant.run_to_end();
    assert_eq!(check_nothing_lost(&tenant), 0);
    let read = tenant.read("out.conversations", 0);
    let last = read.last().expect("a conversation opened");
    tenant.write("out.conversations", 0, &last.key, last.timestamp, &last.value);
    tenant.write("out.conversations", 0, b"care", None, b"{}");
    let (code, out, err) = tenant.run(&["--json", "verify", "--kafka"]);
    assert_eq!(code, 1, "{err}");
    assert!(out.contains(r#""beyond":1"#) && out.contains(r#""doubled":1"#), "{out}");
    assert!(err.contains("is there again at the end"), "{err}");
}

#[test]
fn sigterm_ends_cleanly_and_a_later_start_goes_on() {
    let Some(broker) = broker() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (log, rules) = generate(folder.path(), EVENTS / 4, 12);
    let tenant = Tenant::new(&broker, "terminated", &rules, "epoch_max_events = 20");
    tenant.load(lines(&log));
    let service = tenant.spawn();
    until("some output", || outputs(&tenant) > 100);
    assert_eq!(service.terminate(), 0, "{}", tenant.log());
    assert!(tenant.log().contains("ended cleanly"), "{}", tenant.log());
    tenant.run_to_end();
    assert_eq!(check_nothing_lost(&tenant), 0);
}

#[test]
fn a_second_instance_takes_over_and_the_first_stops() {
    let Some(broker) = broker() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (log, rules) = generate(folder.path(), 2_000, 13);
    let tenant = Tenant::new(&broker, "twice", &rules, "");
    let lines = lines(&log);
    let (first, second) = lines.split_at(lines.len() / 2);
    tenant.load(first.iter().copied());
    let mut older = tenant.spawn();
    until("some output", || outputs(&tenant) > 0);
    tenant.run_to_end();
    tenant.load(second.iter().copied());
    assert_eq!(older.0.wait().unwrap().code(), Some(1), "{}", tenant.log());
    assert!(tenant.log().contains("another instance of tenant twice"), "{}", tenant.log());
    tenant.run_to_end();
    assert_eq!(check_nothing_lost(&tenant), 0);
}
