//! The pipeline asks for no memory once warm (goal S9). A small world runs long enough that every customer, identifier
//! and agent has been seen and every buffer has its size; after that the same people come back, and hardly any
//! state grows. What is left then is growth to a new maximum (a table's segment, a free list, the first further thread
//! or exclusion of a place, a new class of waiting); nothing asks for memory each time an event comes. The bound below is
//! what is left of that now and may only become smaller; the goal is 0.
//!
//! Left out of the log are the two things that do ask for memory each time they come, both rare and outside of the
//! quick way: an event that is refused (the careful pass that finds the reason builds a tree), and a telephone number in
//! its national form (the library that reads it). What these ask for is told, not judged.
//!
//! A binary of its own, since the counting allocator is one for the whole program.

mod counter;

#[path = "../../benches/support/report.rs"]
#[allow(dead_code, reason = "shared with the benches")]
mod report;

use std::sync::Arc;

use trunkline::pipeline::Pipeline;
use trunkline::pipeline::decode::{Decoder, Limits};
use trunkline::rules::Rules;
use trunkline::rules::keys::{HashKey, Keys};
use trunkline::sim::{PipelineEngine, Plan, Profile, World, rulebook};
use trunkline::types::Output;
use trunkline::types::event::Events;
use trunkline::types::record::Record;

#[global_allocator]
static ALLOCATOR: counter::Counter = counter::Counter;

/// Lines of the log.
const EVENTS: u64 = 240_000;
/// Few enough that all of them come, and come back, before the measured part.
const CUSTOMERS: u32 = 1_500;
const AGENTS: u32 = 160;
/// Requests a thousand events that growth to new maxima still needs.
const REQUESTS_PER_THOUSAND_MAX: f64 = 10.0;
/// Records handed in at once.
const BATCH: usize = 256;

fn small_world() -> (Arc<Rules>, Vec<u8>) {
    let rules =
        trunkline::rules::compile(&rulebook::text(Profile::Omni), "omni").expect("own rules are valid");
    let plan = Plan { customers: CUSTOMERS, agents: AGENTS, ..Plan::new(Profile::Omni, 3, EVENTS) };
    let mut world = World::new(plan, &rules).expect("own rules have what a world needs");
    let mut bytes = Vec::new();
    world.run(&mut PipelineEngine::new(&rules, ()), &mut bytes).expect("memory takes every line");
    (Arc::new(rules), bytes)
}

/// Whether the line is accepted and has no telephone number in national form.
fn takes_the_quick_way(decoder: &mut Decoder, line: &[u8]) -> bool {
    let mut events = Events::default();
    decoder.decode(&[Record::line(0, 0, line)], &mut events);
    let Ok(event) = serde_json::from_slice::<serde_json::Value>(line) else { return false };
    let national =
        |number: &serde_json::Value| number.as_str().is_some_and(|number| !number.trim().starts_with('+'));
    let has_national = match &event["data"]["from"]["phone"] {
        serde_json::Value::Array(numbers) => numbers.iter().any(national),
        number => national(number),
    };
    events.rows.len() == 1 && !has_national
}

#[test]
fn the_steady_state_asks_for_no_memory() {
    let (rules, bytes) = small_world();
    let mut decoder = Decoder::new(rules.clone(), Keys::new(&HashKey::PUBLIC, &rules), Limits::default());
    let lines =
        bytes.split(|byte| *byte == b'\n').filter(|line| takes_the_quick_way(&mut decoder, line)).enumerate();
    let records: Vec<Record<'_>> = lines.map(|(at, line)| Record::line(0, at as u64, line)).collect();
    let (warm_up, measured) = records.split_at(records.len() * 3 / 4);
    let (mut pipeline, mut out) = (Pipeline::new(rules, &HashKey::PUBLIC, "local"), Output::default());
    let mut apply = |records: &[Record<'_>]| {
        for records in records.chunks(BATCH) {
            pipeline.apply(records, None, &mut out).expect("no greatest jump is set");
        }
    };
    apply(warm_up);
    let (requests, ()) = counter::requests(|| apply(measured));
    let an_event = requests as f64 / measured.len() as f64;
    println!("{requests} requests for memory in {} events", measured.len());
    let origins = counter::origins();
    origins.iter().take(40).for_each(|(count, origin)| println!("{count:>6} {origin}"));
    if let Some(path) = std::env::var_os("TRUNKLINE_BENCH_JSON") {
        let detail = serde_json::json!({"events": measured.len(), "requests": requests, "warm_up_events": warm_up.len()});
        let goal = report::Goal {
            name: "S9",
            what: "requests for memory an event, warm",
            figure: an_event,
            goal: 0.0,
            detail,
        };
        report::tell(&[goal], Some(path.as_ref()));
    }
    assert!(
        an_event * 1_000.0 <= REQUESTS_PER_THOUSAND_MAX,
        "the warm pipeline asks for memory {an_event} times an event"
    );
}

#[test]
fn the_counter_counts() {
    let (requests, text) = counter::requests(|| vec![1u8, 2, 3]);
    assert_eq!((requests, text.len()), (1, 3));
    let (requests, _) = counter::requests(|| std::hint::black_box(1) + 1);
    assert_eq!(requests, 0);
}
