//! `generate` and `demo`: a log of a seed, its rules beside it, both accepted by the engine and by the model; a day
//! as a table, as JSON and as a page.

use crate::world::World;

#[test]
fn a_generated_log_is_its_seeds_and_replays_with_the_rules_beside_it() {
    let world = World::new();
    let size = "--events 3k --customers 2k --agents 60";
    let made =
        world.run(&format!("generate --profile omni --seed 7 {size} --out a.ndjson.zst --json")).json();
    assert_eq!((&made["events"], &made["rules"]), (&3_000.into(), &"a.rules.toml".into()));
    world.run(&format!("generate --seed 7 {size} --out b.ndjson")).succeeds();
    world.run(&format!("generate --seed 8 {size} --out c.ndjson")).succeeds();
    let lines = |name: &str| std::fs::read(world.path(name)).expect("it is there");
    assert_ne!(lines("b.ndjson"), lines("c.ndjson"));
    let run = world.run("replay a.ndjson.zst --out engine --json").json();
    assert_eq!(run["events"], 3_000);
    world.run("replay b.ndjson --out plain").succeeds();
    assert!(
        world.streams("engine") == world.streams("plain"),
        "compressed or not, the same seed is the same log"
    );
    world.run("reference a.ndjson.zst --out model").succeeds();
    assert!(world.streams("engine") == world.streams("model"), "engine and model agree on a generated log");
}

#[test]
fn generate_says_what_is_missing_and_leaves_nothing_unfinished() {
    let world = World::new();
    world.file("none.toml", b"version = \"none\"\n");
    world
        .run("generate --events 10 --rules none.toml --out a.ndjson")
        .fails(3, &["none.toml", "[identity.kinds]"]);
    world
        .run("generate --events 10 --profile calm --out a.ndjson")
        .fails(2, &["omni, firehose, surge, viral"]);
    world.run("generate --events 0 --out a.ndjson").fails(2, &["above 0"]);
    world.run("generate --events 10 --out nowhere/a.ndjson").fails(1, &["nowhere/a.ndjson"]);
    assert_eq!(world.names("."), ["none.toml", "rules.toml"]);
    world.run("generate --events 500 --customers 50 --agents 5 --rules rules.toml --out a.ndjson").succeeds();
    assert_eq!(world.names("."), ["a.ndjson", "a.rules.toml", "none.toml", "rules.toml"]);
}

#[test]
fn the_demonstration_tells_its_day() {
    let world = World::new();
    let day = world.run("demo --agents 16 --customers 2k --report day.html --json").json();
    let count = |key: &str| day[key].as_u64().expect("a count");
    assert!(count("events") > 10_000 && count("assignments") > 500, "{day}");
    assert_eq!(count("events"), count("accepted") + count("duplicates") + sum(&day["rejected"]));
    let page = std::fs::read_to_string(world.path("day.html")).expect("the page is there");
    assert!(page.contains("<svg") && page.contains("prefers-color-scheme") && page.ends_with("</html>\n"));
    for outside in ["http://", "https://", "src=", "@import", "url("] {
        assert!(!page.contains(outside), "the page needs nothing from outside: {outside}");
    }
    let table = world.run("demo --agents 16 --customers 2k --events 5k --report day.html");
    for words in ["identities merged", "service level", "latency", "answered", "ns an event"] {
        assert!(table.succeeds().contains(words), "{words}");
    }
}

fn sum(counts: &serde_json::Value) -> u64 {
    counts.as_object().expect("counts").values().filter_map(serde_json::Value::as_u64).sum()
}
