//! The seeds. `TRUNKLINE_SEEDS` says how many, `TRUNKLINE_SEED` where they begin.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use super::run::{Failure, Report, run};
use super::world::Fault;
use crate::plants::{Bug, plant};

/// Seeds of a run of the tests.
const SEEDS: u64 = 2_000;
/// Seeds that fail before the others are not run any more.
const FAILURES_MAX: usize = 10;

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Runs a seed; an assertion that does not hold is a failure like any other.
fn checked(seed: u64) -> Result<Report, Failure> {
    catch_unwind(AssertUnwindSafe(|| run(seed))).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let what = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Err(Failure { check: "assertion", what: what.unwrap_or_default() })
    })
}

#[test]
fn seeds() {
    let first = number("TRUNKLINE_SEED", 1);
    let end = first + number("TRUNKLINE_SEEDS", SEEDS);
    let next = AtomicU64::new(first);
    let sum = Mutex::new((Report::default(), BTreeMap::<Fault, u64>::new()));
    let failed = Mutex::new(Vec::new());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end || failed.lock().unwrap().len() >= FAILURES_MAX {
                        return;
                    }
                    match checked(seed) {
                        Ok(report) => add(&mut sum.lock().unwrap(), &report),
                        Err(failure) => failed.lock().unwrap().push(told(seed, &failure)),
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "{} seeds failed\n{}\n", failed.len(), failed.join("\n"));
    let (sum, struck) = sum.into_inner().unwrap();
    println!("{} seeds: {sum:?}, struck {struck:?}", end - first);
    if end - first >= 200 {
        for (fault, _) in Fault::ALL {
            assert!(struck.contains_key(&fault), "the seeds never meet {fault:?}");
        }
        assert!(
            sum.copies > 0
                && sum.tampered > 0
                && sum.changes > 0
                && sum.skipped > 0
                && sum.snapshots.0 > 0
                && sum.snapshots.1 > 0
                && sum.leaders > end - first,
            "{sum:?}"
        );
    }
}

fn told(seed: u64, failure: &Failure) -> String {
    format!(
        "seed {seed}, found by {}: {}\nrepeat: TRUNKLINE_SEED={seed} TRUNKLINE_SEEDS=1 cargo test --profile quick \
         --no-default-features --lib sim::chaos::tests::seeds -- --nocapture",
        failure.check, failure.what
    )
}

fn add((sum, struck): &mut (Report, BTreeMap<Fault, u64>), report: &Report) {
    sum.processes += report.processes;
    sum.leaders += report.leaders;
    sum.epochs += report.epochs;
    sum.records += report.records;
    sum.outputs += report.outputs;
    sum.copies += report.copies;
    sum.tampered += report.tampered;
    sum.changes += report.changes;
    sum.skipped += report.skipped;
    sum.snapshots.0 += report.snapshots.0;
    sum.snapshots.1 += report.snapshots.1;
    // The nearest to the limit.
    if report.end.0 * sum.end.1.max(1) > sum.end.0 * report.end.1 {
        sum.end = report.end;
    }
    for (fault, count) in &report.struck {
        *struck.entry(*fault).or_default() += count;
    }
}

/// The same seed is the same run.
#[test]
fn a_seed_can_be_repeated() {
    let text = || format!("{:?}", (1..12).map(|seed| checked(seed).map_err(|f| f.what)).collect::<Vec<_>>());
    assert_eq!(text(), text());
}

/// Bugs that are planted one after another; `scripts/seeds` prints what finds each.
const BUGS: [Bug; 33] = [
    Bug::TailReadBeforeFencing,
    Bug::ZombieNotFenced,
    Bug::OutputApart,
    Bug::SecondSendsEarly,
    Bug::SentAgainThoughThere,
    Bug::DoubtTakenForDone,
    Bug::DisturbanceIgnored,
    Bug::ForeignTakenForOwn,
    Bug::OutputBeforeRecord,
    Bug::UnsentForgotten,
    Bug::OneTooFewSentAgain,
    Bug::WrongNowInReplay,
    Bug::InputNotCompared,
    Bug::OutputNotCompared,
    Bug::ChainNotChecked,
    Bug::RulesNotChecked,
    Bug::RulesOfAnotherEpoch,
    Bug::ConfiguredRulesTaken,
    Bug::DivisionsNotWidened,
    Bug::SkipForgotten,
    Bug::ClaimNotChecked,
    Bug::PositionOffByOne,
    Bug::TimesGoBack,
    Bug::TimersBeforeBacklog,
    Bug::NowGoesBack,
    Bug::DuplicatesTaken,
    Bug::TimersByDeadlineAlone,
    Bug::RoundedPriorities,
    Bug::SnapshotOfUnrecorded,
    Bug::SnapshotNotChecked,
    Bug::SnapshotNotSynced,
    Bug::DirectoryNotSynced,
    Bug::SnapshotBeforeSent,
];

/// Seeds within which each planted bug must be found.
const SEEDS_TO_FIND: u64 = 600;

/// Each planted bug is found: the test of the simulator.
#[test]
fn planted_bugs_are_found() {
    let next = AtomicU64::new(0);
    let rows = Mutex::new(Vec::new());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(bug) = BUGS.get(next.fetch_add(1, Ordering::Relaxed) as usize) {
                    plant(Some(*bug));
                    let found = (1..=SEEDS_TO_FIND).find_map(|seed| Some((seed, checked(seed).err()?)));
                    plant(None);
                    rows.lock().unwrap().push((*bug, found));
                }
            });
        }
    });
    let mut rows = rows.into_inner().unwrap();
    rows.sort_by_key(|(bug, _)| BUGS.iter().position(|other| other == bug));
    for (bug, found) in &rows {
        let text = found.as_ref().map(|(seed, failure)| (failure.check, *seed));
        println!(
            "{:24} {:12} seed {}",
            format!("{bug:?}"),
            text.map_or("NOT FOUND", |t| t.0),
            text.map_or(0, |t| t.1)
        );
    }
    let missed: Vec<_> = rows.iter().filter(|(_, found)| found.is_none()).map(|(bug, _)| bug).collect();
    assert!(missed.is_empty(), "not found in {SEEDS_TO_FIND} seeds: {missed:?}");
}
