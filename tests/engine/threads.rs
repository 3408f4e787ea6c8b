//! Threads: whole worlds of every profile come out the same over any number of threads, in batches of any size; what
//! stops a run stops it over threads, too. Random logs go through threads in `random`.

use std::sync::Arc;
use std::time::Duration;

use trunkline::pipeline::{Pipeline, Stage};
use trunkline::rules::keys::HashKey;
use trunkline::runtime::flow::{Finished, Flow, Meter, Threads};
use trunkline::sim::{PipelineEngine, Plan, Profile, World, rulebook};
use trunkline::types::record::Record;
use trunkline::types::{DurationMs, Output};

use crate::support::engines::{BATCHES, THREADS, compiled, run_pipeline, run_threads};

/// A world's rules and log.
fn world(profile: Profile, events: u64) -> (String, Vec<String>) {
    let text = rulebook::text(profile);
    let rules = compiled(&text);
    let mut plan = Plan::new(profile, 11, events);
    (plan.customers, plan.agents) = (2_000, 300);
    let mut log = Vec::new();
    World::new(plan, &rules)
        .expect("the profile's rules have what its world needs")
        .run(&mut PipelineEngine::new(&rules, ()), &mut log)
        .expect("memory takes every line");
    let lines = String::from_utf8_lossy(&log).lines().map(str::to_owned).collect();
    (text, lines)
}

#[test]
fn every_world_comes_out_the_same_over_any_number_of_threads() {
    for profile in Profile::ALL {
        let (rules, log) = world(profile, 12_000);
        let expected = run_pipeline(&rules, &log, None, 512);
        assert!(expected.len() > 1_000, "{} puts something out", profile.word());
        for threads in THREADS {
            for batch in BATCHES {
                let found = run_threads(&rules, &log, None, threads, batch);
                assert!(
                    found == expected,
                    "{} over {threads} threads, in batches of {batch}, differs first at {:#?}",
                    profile.word(),
                    expected.iter().zip(&found).find(|(a, b)| a != b)
                );
            }
        }
    }
}

#[test]
fn a_jump_ends_the_log_at_once_over_threads_too() {
    let (toml, log) = world(Profile::Omni, 3_000);
    let rules = Arc::new(compiled(&toml));
    let late = log[1_500].replace("T07:", "T19:");
    let mut log: Vec<&str> = log.iter().map(String::as_str).collect();
    log[1_500] = &late;
    let records: Vec<Record<'_>> =
        log.iter().enumerate().map(|(at, line)| Record::line(0, at as u64, line.as_bytes())).collect();

    let mut pipeline = Pipeline::new(rules.clone(), &HashKey::PUBLIC, "local");
    pipeline.set_max_jump(Some(DurationMs::seconds(3_600)));
    let expected =
        pipeline.apply(&records, None, &mut Output::default()).expect_err("a jump of twelve hours");
    assert_eq!(expected.position.offset, 1_500);

    let threads = Threads { small: 0, ..Threads::new(3) };
    let mut flow = Flow::new(rules, &HashKey::PUBLIC, "local", threads, |_| ());
    flow.set_max_jump(Some(DurationMs::seconds(3_600)));
    let (mut jumps, mut finished) = (Vec::new(), Finished::default());
    for batch in records.chunks(100) {
        if flow.under_way() == flow.room() {
            jumps.extend(flow.collect(&mut finished).and_then(Result::err));
        }
        flow.submit(batch, None, None);
    }
    while let Some(done) = flow.collect(&mut finished) {
        jumps.extend(done.err());
    }
    assert_eq!(jumps, [expected]);
    assert_eq!(flow.tally(), pipeline.tally());
}

/// A meter that panics at a thread's first step.
struct Panics(bool);

impl Meter for Panics {
    fn begin(&mut self) {
        assert!(!self.0, "planted");
    }

    fn end(&mut self, _: Stage, _: usize) {}
}

#[test]
fn a_panic_in_a_thread_reaches_the_caller() {
    let (toml, log) = world(Profile::Omni, 4_000);
    let rules = Arc::new(compiled(&toml));
    let (told, result) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let run = std::panic::catch_unwind(|| {
            let threads = Threads { small: 0, ..Threads::new(2) };
            let mut flow = Flow::new(rules, &HashKey::PUBLIC, "local", threads, |thread| Panics(thread == 1));
            let mut finished = Finished::default();
            // Sooner or later the other thread gets a step; if it never did, the end of this loop would tell.
            for _ in 0..1_000 {
                for batch in log.chunks(40) {
                    let records: Vec<Record<'_>> = batch
                        .iter()
                        .enumerate()
                        .map(|(at, line)| Record::line(0, at as u64, line.as_bytes()))
                        .collect();
                    if flow.under_way() == flow.room() {
                        flow.collect(&mut finished).expect("under way").expect("no limit to jumps");
                    }
                    flow.submit(&records, None, None);
                }
            }
        });
        told.send(run.is_err()).expect("somebody waits");
    });
    let panicked = result.recv_timeout(Duration::from_secs(300)).expect("nobody waits for ever");
    assert!(panicked, "the caller learns of it");
}
