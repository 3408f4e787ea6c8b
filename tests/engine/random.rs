//! Random logs: the model keeps its invariants, gives the same bytes twice, and every other engine gives the bytes
//! of the model. `TRUNKLINE_LOGS` says how many, `TRUNKLINE_SEED` where they begin; `scripts/test` runs 10,000.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::Value;
use trunkline::model::Model;
use trunkline::rules::Rules;
use trunkline::rules::keys::HashKey;
use trunkline::types::record::Record;
use trunkline::types::{IgnoreReason, Millis};

use crate::support::engines::{ENGINES, Lines, compiled};
use crate::support::random_log::{random_log, shrink};

const LOGS: u64 = 200;

/// Asks for `customer.created`.
const ON: &str = "customer_created = true\n";

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// What is wrong with a log: an engine that panics, or one that differs from the first.
fn fault(rules: &str, lines: &[String], until: Option<Millis>) -> Option<String> {
    let mut first: Option<Lines> = None;
    for (name, engine) in
        ENGINES.iter().filter(|e| std::env::var_os("ONLY_MODEL").is_none() || e.0 == "model")
    {
        let run = catch_unwind(AssertUnwindSafe(|| engine(rules, lines, until)));
        let Ok(output) = run else { return Some(format!("{name} panics")) };
        match &first {
            None => first = Some(output),
            Some(expected) if *expected != output => {
                let differs = expected.iter().zip(&output).find(|(a, b)| a != b);
                let lengths = (expected.len(), output.len());
                return Some(format!("{name} differs: {differs:#?}, lines {lengths:?}"));
            }
            Some(_) => {}
        }
    }
    None
}

#[test]
fn engines_agree_and_keep_their_invariants() {
    let from = number("TRUNKLINE_SEED", 1);
    let seeds = from..from + number("TRUNKLINE_LOGS", LOGS);
    let next = AtomicU64::new(seeds.start);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    check(seed);
                }
            });
        }
    });
}

/// Runs one log through every engine; a log on which they differ is made small and shown.
fn check(seed: u64) {
    let (rules, lines, until) = random_log(seed);
    if fault(&rules, &lines, until).is_some() {
        let small = shrink(&rules, &lines, |rules, lines| fault(rules, lines, until).is_some());
        let fault = fault(&rules, &small, until).expect("a shrunk log still fails");
        panic!("seed {seed}: {fault}\nuntil {until:?}\n{}\n\n{rules}", small.join("\n"));
    }
}

#[test]
fn a_seed_gives_the_same_log() {
    assert_eq!(random_log(7), random_log(7));
    assert_ne!(random_log(7).1, random_log(8).1);
}

#[test]
fn shrinking_keeps_what_makes_a_log_fail() {
    let lines: Vec<String> = (0..100).map(|n| n.to_string()).collect();
    let needs =
        |_: &str, lines: &[String]| ["3", "41", "97"].iter().all(|n| lines.iter().any(|line| line == n));
    assert_eq!(shrink("", &lines, needs), ["3", "41", "97"]);
}

/// Random logs are worth something only if they meet what there is to meet.
#[test]
fn random_logs_meet_every_decision_and_every_reason() {
    let mut met: BTreeMap<String, u64> = BTreeMap::new();
    for seed in 1..=150 {
        let (rules, lines, until) = random_log(seed);
        let mut model = Model::new(compiled(&rules), &HashKey::PUBLIC, "local");
        for (number, line) in lines.iter().enumerate() {
            let before = model.rules().0.clone();
            model.apply_record(&Record::line(0, number as u64, line.as_bytes()), None);
            for (what, is_so) in changes(&before, model.rules().0) {
                *met.entry(what.to_owned()).or_default() += u64::from(is_so);
            }
        }
        model.advance(until, None);
        for (name, count) in model.collected().counts() {
            *met.entry((*name).to_owned()).or_default() += count;
        }
        for reason in IgnoreReason::ALL {
            *met.entry(format!("ignored {}", reason.word())).or_default() +=
                model.tally().ignored[reason as usize];
        }
        *met.entry("duplicates".to_owned()).or_default() += model.tally().duplicates;
        *met.entry("clamped".to_owned()).or_default() += model.tally().clamped;
        *met.entry("forgotten".to_owned()).or_default() += model.tally().forgotten;
        let all: Vec<u8> = model.collected().streams().into_values().flatten().collect();
        let all = String::from_utf8(all).expect("output is UTF-8");
        for word in WORDS {
            *met.entry((*word).to_owned()).or_default() += all.matches(word).count() as u64;
        }
    }
    let rare: Vec<_> = met.iter().filter(|(_, count)| **count < 3).collect();
    assert!(rare.is_empty(), "hardly met: {rare:?}");
    let poor: Vec<_> =
        met.iter().filter(|(name, count)| RICH.contains(&name.as_str()) && **count < 30).collect();
    assert!(poor.is_empty(), "met too seldom: {poor:?}");
    assert!(met.len() > WORDS.len() + IgnoreReason::ALL.len() + 10, "a type of output is not met: {met:?}");
}

/// With `customer_created` a reader of `customers` knows every customer that any output names.
#[test]
fn whoever_is_named_was_told_as_created_or_split_off() {
    let (mut all_created, mut all_split, mut again) = (0, 0, 0);
    for seed in 1..=100 {
        let (rules, lines, until) = random_log(seed);
        let asked = |text: &str| text.replace("customer_created = false\n", "").replace(ON, "");
        let rules = asked(&rules).replace("[identity]\n", &format!("[identity]\n{ON}"));
        let mut model = Model::new(compiled(&rules), &HashKey::PUBLIC, "local");
        let lines = lines.iter().filter(|line| !line.contains("rules.changed"));
        for (number, line) in lines.enumerate() {
            model.apply_record(&Record::line(0, number as u64, line.as_bytes()), None);
        }
        model.advance(until, None);
        let (mut created, mut split, mut named) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
        for line in model.collected().streams().into_values() {
            let line = String::from_utf8(line).expect("output is UTF-8");
            for line in line.lines() {
                let line: Value = serde_json::from_str(line).expect("output is JSON");
                let data = &line["data"];
                let text = |value: &Value| value.as_str().map(str::to_owned);
                created
                    .extend(text(&data["customer"]).filter(|_| line["type"] == "trunkline.customer.created"));
                split.extend(text(&data["to"]));
                named.extend([&data["customer"], &data["from"]].into_iter().filter_map(text));
                named.extend(data["absorbed"].as_array().into_iter().flatten().filter_map(text));
            }
        }
        let once: BTreeSet<String> = created.iter().cloned().collect();
        let unknown: Vec<_> = named.iter().filter(|id| !once.contains(*id) && !split.contains(*id)).collect();
        assert!(unknown.is_empty(), "seed {seed}: {unknown:?}");
        let tally = model.tally();
        assert_eq!(created.len() as u64 + tally.split, tally.customers, "seed {seed}");
        let twice = created.len() - once.len();
        assert!(twice as u64 <= tally.forgotten, "seed {seed}: {twice} told twice");
        all_created += created.len();
        all_split += split.len();
        again += twice;
    }
    assert!(all_created > 1_000 && all_split > 20 && again > 0, "{all_created}, {all_split}, {again}");
}

/// What an event did to the rules.
fn changes(before: &Rules, after: &Rules) -> [(&'static str, bool); 6] {
    let queues =
        |one: &Rules, other: &Rules| one.queues.iter().any(|queue| other.queue(&queue.name).is_none());
    let channels = |one: &Rules, other: &Rules| one.channels.iter().any(|c| other.channel(&c.name).is_none());
    [
        ("rules change", before.hash != after.hash),
        ("a queue goes", queues(before, after)),
        ("a queue comes", queues(after, before)),
        ("a channel goes", channels(before, after)),
        ("a channel comes", channels(after, before)),
        ("a division comes", before.divisions.len() < after.divisions.len()),
    ]
}

/// What logs are to be full of, because so much depends on its order.
const RICH: &[&str] = &[
    "customer.created",
    "customer.merged",
    "customer.split",
    "customer.erased",
    "conversation.merged",
    "\"reason\":\"limit\"",
    "\"reason\":\"size\"",
    "\"reason\":\"generic\"",
    "\"outcome\":\"moved\"",
    "\"outcome\":\"erased\"",
];

/// Words of the output that say which way a decision went.
const WORDS: &[&str] = &[
    "\"reason\":\"timeout\"",
    "\"reason\":\"declined\"",
    "\"reason\":\"abandoned\"",
    "\"reason\":\"agent_left\"",
    "\"reason\":\"transferred\"",
    "\"reason\":\"superseded\"",
    "\"reason\":\"expired\"",
    "\"reason\":\"resolved\"",
    "\"reason\":\"overflow\"",
    "\"reason\":\"erased\"",
    "\"reason\":\"unlinked\"",
    "\"reason\":\"generic\"",
    "\"reason\":\"ambiguous\"",
    "\"outcome\":\"erased\"",
    "customer.split",
    "conversation.merged",
    "\"outcome\":\"moved\"",
    "\"outcome\":\"expired\"",
    "\"reopened\":true",
    "\"affinity\":\"preferred\"",
    "\"affinity\":\"last\"",
    "\"relaxed\":1",
    "\"relaxed\":2",
    "\"accept\":\"ordered\"",
    "\"queue_position\"",
    "\"expected_wait_s\"",
    "\"template\":\"moved\"",
    "\"template\":\"gone\"",
    "\"template\":\"blocked\"",
    "\"template\":\"sorry\"",
    "\"private\":true",
    "\"reason\":\"limit\"",
    "\"reason\":\"size\"",
    "\"outcome\":\"resolved\"",
    "\"outcome\":\"answered\"",
    "\"outcome\":\"abandoned\"",
    "\"outcome\":\"automated\"",
    "\"outcome\":\"idle\"",
    "\"outcome\":\"open\"",
    "\"disposition\"",
    "\"last_agent\"",
    "\"first_response_ms\"",
    "\"accept\":\"auto\"",
    "\"accept\":\"offer\"",
    "\"objective\":\"queue_wait\"",
    "\"objective\":\"first_response\"",
    "\"objective\":\"next_response\"",
    "\"objective\":\"resolution\"",
    "\"breached\":[\"",
    "\"cause\":\"timer\"",
    "\"strategy\":\"longest_idle\"",
    "\"strategy\":\"least_busy\"",
    "\"strategy\":\"most_spare\"",
    "\"strategy\":\"best_skill\"",
    "\"strategy\":\"round_robin\"",
    "\"strategy\":\"fewest_handled\"",
    "~1",
    "traceparent",
];
