//! Random logs: the model keeps its invariants, gives the same bytes twice, and every other engine gives the bytes
//! of the model. `TRUNKLINE_SEEDS` says how many, `TRUNKLINE_SEED` where they begin.

use std::panic::{AssertUnwindSafe, catch_unwind};

use trunkline::types::Millis;

use crate::support::engines::{ENGINES, Lines};
use crate::support::random_log::{random_log, shrink};

const SEEDS: u64 = 100;

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// What is wrong with a log: an engine that panics, or one that differs from the first.
fn fault(rules: &str, lines: &[String], until: Option<Millis>) -> Option<String> {
    let mut first: Option<Lines> = None;
    for (name, engine) in ENGINES {
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
    for seed in from..from + number("TRUNKLINE_SEEDS", SEEDS) {
        let (rules, lines, until) = random_log(seed);
        if fault(&rules, &lines, until).is_some() {
            let small = shrink(&rules, &lines, |rules, lines| fault(rules, lines, until).is_some());
            let fault = fault(&rules, &small, until).expect("a shrunk log still fails");
            panic!("seed {seed}: {fault}\nuntil {until:?}\n{}\n\n{rules}", small.join("\n"));
        }
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
    let needs = |_: &str, lines: &[String]| ["3", "41", "97"].iter().all(|n| lines.iter().any(|line| line == n));
    assert_eq!(shrink("", &lines, needs), ["3", "41", "97"]);
}
