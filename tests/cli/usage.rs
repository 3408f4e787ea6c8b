//! Help, usage and configuration: codes 0, 2 and 3.

use crate::world::{World, event, morning};
use serde_json::json;

#[test]
fn help_has_examples_and_names_every_command() {
    let world = World::new();
    let help = world.run("--help");
    for command in ["demo", "run", "generate", "replay", "reference", "check"] {
        assert!(help.succeeds().contains(&format!("  {command}")), "{command}");
        assert_eq!(world.run(&format!("{command} --help")).code, Some(0), "{command}");
    }
    for command in ["replay", "reference", "check"] {
        assert!(world.run(&format!("{command} --help")).out.contains("Example"), "{command}");
    }
    assert!(world.run("--version").succeeds().starts_with("trunkline "));
}

#[test]
fn wrong_usage_is_code_2() {
    let world = World::new();
    world.file("a.ndjson", b"");
    for arguments in [
        "",
        "frobnicate",
        "replay",
        "check",
        "check a b c",
        "replay a.ndjson --rules rules.toml --frobnicate",
        "replay a.ndjson --rules rules.toml --until tomorrow",
        "replay a.ndjson --rules rules.toml --max-jump 48",
        "replay a.ndjson --rules rules.toml --speed 0",
        "replay a.ndjson --rules rules.toml --speed 1 --rate 10",
        "replay a.ndjson --rules rules.toml --rate 0",
        "replay a.ndjson --rules rules.toml --threads 0",
        "reference a.ndjson --rules rules.toml --speed 1",
    ] {
        assert_eq!(world.run(arguments).code, Some(2), "{arguments}");
    }
    world.run("replay a.ndjson").fails(2, &["a.rules.toml", "--rules"]);
}

#[test]
fn rules_beside_the_log_are_found() {
    let world = World::new();
    world.file("day.ndjson", morning().as_bytes());
    world.file("day.rules.toml", crate::world::RULES.as_bytes());
    world.run("reference day.ndjson").succeeds();
}

#[test]
fn check_tells_what_is_there() {
    let world = World::new();
    let text = world.run("check rules.toml");
    assert!(text.succeeds().contains("2 divisions, 2 queues, 2 channels"), "{}", text.out);
    assert_eq!(
        world.run("check --json rules.toml").json(),
        json!({"valid": true, "complaints": [], "warnings": []})
    );
    world.file("empty.toml", b"");
    world.run("check empty.toml rules.toml").succeeds();
    world.file("torn.toml", b"a = 1\nb = \n");
    world.run("check torn.toml rules.toml").fails(3, &["torn.toml:2: ", "1 complaint"]);
    world.file("wrong.toml", b"tenant = \"\"\nepochs_in_flight = 0\n");
    world
        .run("check wrong.toml rules.toml")
        .fails(3, &["wrong.toml: tenant", "epochs_in_flight", "2 complaints"]);
    world.file("odd.toml", b"\ntennant = \"a\"\n");
    world.run("check odd.toml rules.toml").fails(3, &["odd.toml:2: ", "tennant"]);
}

#[test]
fn ten_faults_are_ten_complaints_with_their_lines() {
    let world = World::new();
    world.file("bad.toml", include_bytes!("../data/rules/ten-faults.toml"));
    world
        .file("a.ndjson", event(1, 0, "customer.updated", r#"{"from":{"phone":"+12125550100"}}"#).as_bytes());
    let checked = world.run("check bad.toml");
    checked.fails(3, &["10 complaints"]);
    let complaints =
        checked.err.lines().filter(|line| line.starts_with("bad.toml:") && !line.ends_with("(warning)"));
    let lines: Vec<u32> = complaints
        .map(|line| line.split(':').nth(1).and_then(|n| n.parse().ok()).expect("a line number"))
        .collect();
    assert_eq!(lines.len(), 10, "{}", checked.err);
    assert!(lines.is_sorted(), "{lines:?}");
    let json = world.run("check --json bad.toml");
    json.fails(3, &[]);
    let value: serde_json::Value = serde_json::from_str(&json.out).expect("one JSON object");
    assert_eq!(value["complaints"].as_array().map(Vec::len), Some(10));
    assert_eq!(value["valid"], json!(false));
    for command in ["replay", "reference"] {
        let ran = world.run(&format!("{command} a.ndjson --rules bad.toml --out out"));
        ran.fails(3, &["10 complaints"]);
        assert_eq!(ran.err.lines().filter(|line| line.starts_with("bad.toml:")).count(), 10, "{}", ran.err);
        assert!(!world.path("out").exists());
    }
}

#[test]
fn rules_that_are_not_there_are_code_3() {
    let world = World::new();
    world.file("a.ndjson", b"");
    world.run("check nowhere.toml").fails(3, &["nowhere.toml"]);
    world.run("replay a.ndjson --rules nowhere.toml").fails(3, &["nowhere.toml"]);
}
