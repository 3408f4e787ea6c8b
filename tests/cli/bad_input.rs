//! What goes wrong outside: each a clear error, code 1, and nothing half-written left behind.

use crate::world::{World, event, is_untouched, morning};

const CONTACT: &str = r#"{"channel":"chat","from":{"email":"a@example.com"}}"#;
const HOUR: i64 = 3_600;

#[test]
fn a_log_that_is_not_there() {
    let world = World::new();
    world.file("a.ndjson", b"");
    for command in ["replay", "reference"] {
        let ran = world.run(&format!("{command} a.ndjson nowhere.ndjson --rules rules.toml --out out"));
        ran.fails(1, &["nowhere.ndjson", "cannot be opened"]);
        assert!(is_untouched(&world.path("out")));
    }
    world.run("replay . --rules rules.toml").fails(1, &["cannot be opened"]);
}

#[test]
fn a_truncated_log_names_file_and_line() {
    let world = World::new();
    let lines: Vec<String> =
        (0..5_000).map(|n| event(n, i64::from(n), "contact.received", CONTACT)).collect();
    let whole = zstd::encode_all(lines.join("\n").as_bytes(), 1).expect("it compresses");
    world.file("cut.ndjson.zst", &whole[..whole.len() / 2]);
    let ran = world.run("replay cut.ndjson.zst --rules rules.toml --out out");
    ran.fails(1, &["cut.ndjson.zst:", "end too early"]);
    let line =
        ran.err.split("cut.ndjson.zst:").nth(1).and_then(|rest| rest.split(':').next()?.parse::<u32>().ok());
    assert!(line.is_some_and(|line| (1..5_000).contains(&line)), "{}", ran.err);
    assert!(is_untouched(&world.path("out")));
}

#[test]
fn a_jump_of_the_time_names_file_and_line() {
    let world = World::new();
    let at = |id, seconds| event(id, seconds, "contact.received", CONTACT) + "\n";
    world.file("a.ndjson", (at(1, 0) + "\n" + &at(2, 48 * HOUR) + "{}\n" + &at(3, 96 * HOUR + 1)).as_bytes());
    world.file("b.ndjson", (at(4, 50 * HOUR) + &at(5, 99 * HOUR)).as_bytes());
    for command in ["replay", "reference"] {
        let run = |rest: &str| world.run(&format!("{command} {rest} --rules rules.toml --out out"));
        run("a.ndjson").fails(1, &["a.ndjson:5: ", "jumps forward by 48 h", "0:4:0", "--max-jump none"]);
        assert!(is_untouched(&world.path("out")), "a run that failed leaves no output");
        run("a.ndjson --max-jump 1h").fails(1, &["a.ndjson:3: "]);
        run("a.ndjson b.ndjson --max-jump 49h").succeeds();
        run("a.ndjson --max-jump none").succeeds();
        run("b.ndjson --max-jump 48h").fails(1, &["b.ndjson:2: "]);
        std::fs::remove_dir_all(world.path("out")).expect("it is there");
    }
    // The first event has no clock before it, and against an earlier time there is no jump.
    world.file("c.ndjson", (at(6, 300 * HOUR) + &at(7, 0)).as_bytes());
    world.run("reference c.ndjson --rules rules.toml --max-jump 1s").succeeds();
}

#[test]
fn a_full_disk_is_code_1_and_leaves_no_output() {
    if !std::path::Path::new("/dev/full").exists() {
        eprintln!("skipped: there is no /dev/full here");
        return;
    }
    let world = World::new();
    world.file("a.ndjson", morning().as_bytes());
    let ran = world.shell(
        "mkdir out; ln -s /dev/full out/conversations.ndjson.tmp; exec $T replay a.ndjson --rules rules.toml --out out",
    );
    ran.fails(1, &["out/conversations.ndjson.tmp", "cannot be written", "Make room"]);
    assert!(is_untouched(&world.path("out")));
    world.run("replay a.ndjson --rules rules.toml --report /dev/full").fails(1, &["/dev/full", "report"]);
}

#[test]
fn a_file_that_may_not_grow_is_code_1_and_leaves_no_output() {
    let world = World::new();
    world.file("a.ndjson", morning().as_bytes());
    // Without the trap the signal of the limit would end the process; a full quota sends none.
    let script = "trap '' XFSZ; ulimit -f 1 || exit 77; exec $T replay a.ndjson --rules rules.toml --out out";
    let ran = world.shell(script);
    if ran.code == Some(77) {
        eprintln!("skipped: the shell cannot limit the size of files");
        return;
    }
    ran.fails(1, &["out/", "cannot be written"]);
    assert!(is_untouched(&world.path("out")));
}

#[test]
fn an_output_directory_that_cannot_be() {
    let world = World::new();
    world.file("a.ndjson", b"");
    world
        .run("replay a.ndjson --rules rules.toml --out rules.toml")
        .fails(1, &["rules.toml", "cannot be written"]);
}

#[test]
fn a_search_that_cannot_be_read_is_shown_with_a_caret() {
    let world = World::new();
    world.file("terms.toml", b"[terms.t]\nen = 'refund AND (\"money back)'\n");
    let ran = world.run("check terms.toml");
    ran.fails(3, &["terms.toml:2:19: terms.t.en is no search: a quote never ends; "]);
    assert!(ran.err.contains("\n    refund AND (\"money back)\n                ^\n"), "{}", ran.err);
    let told: serde_json::Value =
        serde_json::from_str(&world.run("check terms.toml --json").out).expect("one object");
    assert_eq!(told["complaints"][0]["excerpt"], "refund AND (\"money back)\n            ^");
}
