//! Runs over plain logs: what `replay` and `reference` write and report.

use crate::world::{RULES, World, event, morning};
use serde_json::{Value, json};
use xxhash_rust::xxh3::xxh3_128;

#[test]
fn replay_writes_what_reference_writes_whatever_the_batch() {
    let world = World::new();
    world.file("a.ndjson", morning().as_bytes());
    world.file("b.ndjson.zst", &zstd::encode_all(morning().as_bytes(), 1).expect("it compresses"));
    for log in ["a.ndjson", "b.ndjson.zst"] {
        world.run(&format!("reference {log} --rules rules.toml --out expected")).succeeds();
        let expected = world.streams("expected");
        for options in ["", "--batch 1", "--batch 7", "--rate 1000000", "--speed 1000000"] {
            world.run(&format!("replay {log} --rules rules.toml --out got {options}")).succeeds();
            assert_eq!(world.streams("got"), expected, "{log} {options}");
        }
    }
    let names = ["assignments", "conversations", "customers", "rejected", "replies", "sla"];
    assert_eq!(world.names("got"), names.map(|name| format!("{name}.ndjson")));
    for stream in ["assignments", "conversations"] {
        let lines = world.stream("got", stream);
        let division = |line: &String| line.contains("\"division\":\"sales\"");
        assert!(lines.iter().map(division).is_sorted() && lines.iter().any(division), "care before sales");
    }
}

#[test]
fn threads_and_batches_change_nothing() {
    let world = World::new();
    world
        .run("generate --profile omni --events 20000 --customers 5000 --agents 300 --out a.ndjson")
        .succeeds();
    let hash = |arguments: &str| {
        let ran = world.run(&format!("replay a.ndjson --out out --json {arguments}"));
        ran.json()["output_hash"].as_str().expect("output was written").to_owned()
    };
    let expected = hash("--threads 1");
    for arguments in ["", "--threads 2", "--threads 8 --batch 7", "--threads 3 --batch 65536", "--batch 1"] {
        assert_eq!(hash(arguments), expected, "{arguments}");
    }
}

#[test]
fn the_report_tells_what_happened() {
    let world = World::new();
    world.file("a.ndjson", morning().as_bytes());
    let ran = world.run("replay a.ndjson --rules rules.toml --out out --report report.json --json");
    let report = ran.json();
    let written = std::fs::read_to_string(world.path("report.json")).expect("a report");
    assert_eq!(ran.out, written);
    let keys: Vec<_> = report.as_object().expect("an object").keys().map(String::as_str).collect();
    let expected = "events accepted duplicates rejected ignored outputs customers absorbed split erased forgotten clamped blank_lines objectives \
                    events_per_s wall_s cpu_s stage_ns peak_rss_bytes latency_us threads machine version rules_hash \
                    output_hash";
    let of_linux = |key: &&str| cfg!(target_os = "linux") || !["cpu_s", "peak_rss_bytes"].contains(key);
    assert_eq!(keys, expected.split_whitespace().filter(of_linux).collect::<Vec<_>>());
    let lines = morning().lines().filter(|line| !line.is_empty()).count();
    assert_eq!(report["events"], json!(lines));
    assert_eq!((&report["duplicates"], &report["blank_lines"]), (&json!(1), &json!(1)));
    assert_eq!(report["rejected"], json!({"missing_member": 1}));
    assert_eq!(report["ignored"]["in_use"], json!(1));
    let outputs = report["outputs"].as_object().expect("an object");
    let sum: u64 = outputs.values().filter_map(Value::as_u64).sum();
    assert_eq!(sum as usize, world.streams("out").lines().count());
    assert_eq!(outputs["event.rejected"], json!(1));
    let help = &report["objectives"]["help"]["first_response"];
    assert!(help["started"].as_u64().is_some_and(|started| started > 0), "{help}");
    assert_eq!(report["rules_hash"], json!(format!("{:032x}", xxh3_128(RULES.as_bytes()))));
    assert_eq!(report["output_hash"], json!(format!("{:032x}", xxh3_128(world.streams("out").as_bytes()))));
    let without = world.run("replay a.ndjson --rules rules.toml --json").json();
    assert_eq!(without.get("output_hash"), None);
    assert_eq!(without["outputs"], report["outputs"]);
}

#[test]
fn the_table_says_what_came_of_events_and_outputs() {
    let world = World::new();
    world.file("a.ndjson", morning().as_bytes());
    let ran = world.run("reference a.ndjson --rules rules.toml");
    let table = ran.succeeds();
    for word in [
        "events/s",
        "duplicates",
        "missing_member",
        "in_use",
        "conversation.opened",
        "first_response",
        "breached",
    ] {
        assert!(table.contains(word), "{word}: {table}");
    }
}

#[test]
fn rules_that_change_within_a_log_are_carried_out_by_both_engines() {
    let world = World::new();
    let first = "[divisions.aaa]\n[queues.first]\ndivision = \"aaa\"\n[[routes]]";
    let change = json!({ "text": RULES.replacen("[[routes]]", first, 1) }).to_string();
    let contact = r#"{"channel":"chat","from":{"email":"z@example.com"},"queue":"first"}"#;
    let lines =
        [event(900, 400, "rules.changed", &change), event(901, 401, "contact.received", contact)].join("\n");
    world.file("a.ndjson", format!("{}\n{lines}\n", morning().trim_end()).as_bytes());
    world.run("replay a.ndjson --rules rules.toml --threads 2 --batch 7 --out out").succeeds();
    world.run("reference a.ndjson --rules rules.toml --out expected").succeeds();
    assert_eq!(world.streams("out"), world.streams("expected"));
    let conversations = world.stream("out", "conversations");
    assert!(conversations[0].contains("\"division\":\"aaa\""), "divisions stand in the order of their names");
}

#[test]
fn positions_count_files_and_lines_from_0() {
    let world = World::new();
    world.file("a.ndjson", b"{}\n\n{}");
    world.file("b.ndjson", b"\n[1]\n");
    world.run("reference a.ndjson b.ndjson --rules rules.toml --out out").succeeds();
    let positions: Vec<_> = world
        .stream("out", "rejected")
        .iter()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON")["data"]["position"].clone())
        .collect();
    assert_eq!(positions, ["0:0:0", "0:2:0", "1:1:0"]);
}

#[test]
fn until_lets_fall_due_what_does_and_is_no_jump() {
    let world = World::new();
    let contact = event(1, 0, "contact.received", r#"{"channel":"chat","from":{"email":"a@example.com"}}"#);
    world.file("a.ndjson", contact.as_bytes());
    for (until, warnings, breaches) in [
        ("", 0, 0),
        ("--until 2026-03-02T08:00:29.999Z", 0, 0),
        ("--until 2026-03-02T08:00:30Z", 1, 0),
        ("--until 2026-03-02T08:01:00Z", 1, 0),
        ("--until 2026-03-02T09:01:00.001+01:00", 1, 1),
        ("--until 2026-03-09T08:00:00Z", 1, 1),
        ("--until 2020-01-01T00:00:00Z", 0, 0),
    ] {
        world.run(&format!("reference a.ndjson --rules rules.toml --out out {until}")).succeeds();
        let sla = world.stream("out", "sla");
        let count = |kind: &str| sla.iter().filter(|line| line.contains(kind)).count();
        assert_eq!((count("sla.warning"), count("sla.breached")), (warnings, breaches), "{until}");
    }
}

#[test]
fn an_empty_log_is_a_log() {
    let world = World::new();
    world.file("a.ndjson", b"");
    let report =
        world.run("replay a.ndjson --rules rules.toml --out out --json --until 2026-03-02T08:00:00Z").json();
    assert_eq!(report["events"], json!(0));
    assert_eq!(world.streams("out"), "");
}
