//! How the engine's state grows: what an event costs and what a customer weighs with 100 thousand, 1 million and
//! 10 million customers of 2.5 identifiers each (goals S4, S10), and how long the longest epoch takes on the way there
//! (goal S11).
//!
//! The stages identify and understand are fed with rows (`support::people`), measured in processor time of the thread,
//! and every answer is compared with what it has to be; a wrong one ends the bench with code 1. The yardstick is
//! `serde_json`'s typed decode of an `omni` log, measured in turn. What a waiting conversation weighs is read from the
//! process's resident memory while customers write and nobody takes them.

mod support;

use std::hint::black_box;
use std::process::ExitCode;
use std::sync::Arc;

use serde_json::{Value, json};
use support::log::Log;
use support::options::Options;
use support::people::{IDENTIFIERS_A_CUSTOMER, People, Took};
use support::report::{Goal, Spread, rounded, row, tell};
use support::stopwatch::time;
use support::typed;
use trunkline::io::memory;
use trunkline::pipeline::route::Division;
use trunkline::rules::Rules;
use trunkline::rules::keys::{HashKey, Keys};
use trunkline::types::DivisionId;
use trunkline::types::record::Record;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Events of an epoch while the tables grow.
const EPOCH: usize = 100;
/// Between two events at 20,000 a second.
const STEP_US: u64 = 50;
/// Lines of the yardstick.
const LINES: u64 = 100_000;

/// Memory that is touched ahead, as the thread of `io::memory` does beside an engine, and after how many customers again:
/// less often than every tenth of a second at 20,000 events a second.
const AHEAD: usize = 128 << 20;
const AHEAD_EVERY: u32 = 100_000;

/// What was measured at one number of customers.
struct Size {
    customers: u32,
    typed: Spread,
    identify: Spread,
    understand: Spread,
    /// Nanoseconds of the longest epochs on the way here, the longest first: both stages, and identify's part.
    longest: Vec<(u64, u64)>,
    /// Bytes: deduplication, identifiers, customers in identify; customers and conversations in understand.
    bytes: [usize; 5],
    live_keys: u64,
}

fn main() -> ExitCode {
    let defaults = Options { customers: 10_000_000, ..Options::default() };
    let options = defaults.words();
    let log =
        Log::omni(&Options { events: LINES.min(options.events), customers: 1_000_000, ..options.clone() });
    let records = log.records();
    memory::keep();
    // First, while the process has given no memory back that could be used again.
    let waiting = waiting(&log.rules, options.customers / 10);
    let mut people = People::new(&log.rules);
    let mut sizes = Vec::new();
    for part in [100, 10, 1] {
        sizes.push(grow(&mut people, &options, &records, options.customers / part));
    }
    people.identify.audit();
    report(&options, &sizes, waiting);
    ExitCode::SUCCESS
}

/// Founds customers until there are as many, then measures what is usual.
fn grow(people: &mut People, options: &Options, records: &[Record<'_>], customers: u32) -> Size {
    let (mut longest, mut warm) = (Vec::new(), people.founded);
    while people.founded < customers {
        if options.ahead && people.founded >= warm {
            memory::touch(AHEAD);
            warm = people.founded + AHEAD_EVERY;
        }
        people.found(EPOCH.min((customers - people.founded) as usize), STEP_US);
        let Took { identify, understand } = people.run();
        longest.push((identify + understand, identify));
        if longest.len() > 100_000 {
            longest.sort_unstable_by(|a, b| b.cmp(a));
            longest.truncate(10);
        }
    }
    longest.sort_unstable_by(|a, b| b.cmp(a));
    longest.truncate(10);
    // The window of deduplication holds about as many keys as there are customers, and lets go of some.
    // Steps are short enough that a duplicate in its batch is one.
    let window_us = people.rules().dedup.window.0 as u64 * 1_000;
    let step_us = (window_us / u64::from(customers)).min(window_us / 4 / options.batch as u64).max(STEP_US);
    let events = (options.events / 5).max(1) as usize;
    let mut run = |events: usize| {
        let mut took = Took::default();
        for start in (0..events).step_by(options.batch) {
            people.usual(options.batch.min(events - start), step_us);
            let batch = people.run();
            took.identify += batch.identify;
            took.understand += batch.understand;
        }
        took
    };
    run((window_us / step_us) as usize * 5 / 4);
    let (mut typed, mut identify, mut understand) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..options.rounds {
        let decoded =
            time(|| records.iter().for_each(|record| drop(black_box(typed::decode(record.value))))).0;
        typed.push(decoded as f64 / records.len() as f64);
        let took = run(events);
        identify.push(took.identify as f64 / events as f64);
        understand.push(took.understand as f64 / events as f64);
    }
    let [dedup, identifiers, ids] = people.identify.bytes();
    let [profiles, conversations] = people.understand.bytes();
    let spread = |rounds: Vec<f64>| Spread::of(rounds.into_iter());
    Size {
        customers: people.founded,
        typed: spread(typed),
        identify: spread(identify),
        understand: spread(understand),
        longest,
        bytes: [dedup, identifiers, ids, profiles, conversations],
        live_keys: people.live_keys(),
    }
}

/// Resident bytes a conversation that waits, in all stages, and how many wait.
fn waiting(rules: &Arc<Rules>, customers: u32) -> (f64, u32) {
    let keys = Keys::new(&HashKey::PUBLIC, rules);
    let mut people = People::new(rules);
    let mut divisions: Vec<Division> = (0..rules.divisions.len())
        .map(|at| Division::new(DivisionId(at as u16), rules.clone(), &keys))
        .collect();
    while people.founded < customers {
        people.found(512, STEP_US);
        people.run();
    }
    let at_rest = resident();
    let keys_before = people.identify.bytes()[0];
    for start in (0..customers).step_by(512) {
        people.first_contacts(start..(start + 512).min(customers));
        people.run();
        for (division, operations) in divisions.iter_mut().zip(&people.operations) {
            division.batch.clear();
            division.apply(&people.events, &people.clocks, None, &[operations]);
        }
    }
    let held: usize = divisions.iter().map(|division| division.size().0).sum();
    assert_eq!(held, customers as usize, "WRONG: each first contact waits");
    let keys_more = people.identify.bytes()[0] - keys_before;
    ((resident() - at_rest - keys_more as f64) / f64::from(customers), customers)
}

/// Bytes of memory that the process holds.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok());
    kilobytes.unwrap_or(f64::NAN) * 1_024.0
}

fn report(options: &Options, sizes: &[Size], (waiting, waiters): (f64, u32)) {
    for size in sizes {
        println!(
            "\n{} customers{:<28} {:>9} {:>9}",
            size.customers, ", nanoseconds an event", "min", "median"
        );
        row("serde_json, typed decode only", size.typed);
        row("identify", size.identify);
        row("understand", size.understand);
        println!("longest epochs of {EPOCH}, µs, with identify's part: {:?}", micros(&size.longest));
        println!("bytes {:?}, live keys {}", size.bytes, size.live_keys);
    }
    let mut goals = speed(sizes);
    goals.extend(memory(&sizes[sizes.len() - 1], waiting));
    goals[0].detail = json!({
        "sizes": sizes.iter().map(told).collect::<Value>(), "events_a_round": options.events / 5,
        "rounds": options.rounds, "waiting": waiters,
    });
    tell(&goals, options.json.as_deref());
}

fn speed(sizes: &[Size]) -> Vec<Goal> {
    let (first, last) = (&sizes[0], &sizes[sizes.len() - 1]);
    let ratio = |size: &Size, stage: Spread| stage.least / size.typed.least;
    let identify = ratio(last, last.identify);
    let growth = identify / ratio(first, first.identify);
    let understand = ratio(last, last.understand) / ratio(first, first.understand);
    let longest = sizes.iter().flat_map(|size| &size.longest).map(|epoch| epoch.0).max().unwrap_or(0);
    vec![
        goal("S4", "identify ÷ serde_json typed decode, most customers", identify, 0.16),
        goal("S4-identify", "its growth, 1 % of the customers → all", growth, 2.0),
        goal("S4-understand", "growth of understand, the same", understand, 2.0),
        goal("S11", "milliseconds of the longest epoch of 100", longest as f64 / 1e6, 10.0),
    ]
}

fn memory(last: &Size, waiting: f64) -> Vec<Goal> {
    let customers = f64::from(last.customers);
    let [dedup, identifiers, ids, profiles, conversations] = last.bytes.map(|bytes| bytes as f64);
    let (an_identifier, a_key) =
        (identifiers / customers / IDENTIFIERS_A_CUSTOMER, dedup / last.live_keys as f64);
    let all = (dedup + identifiers + ids + profiles + conversations) / GIB;
    vec![
        goal("S10-identifier", "bytes an identifier", an_identifier, 48.0),
        goal("S10-customer", "bytes a customer at rest", (ids + profiles) / customers, 160.0),
        goal("S10-waiting", "bytes a waiting conversation", waiting, 400.0),
        goal("S10-dedup", "bytes a key of deduplication, of the most alive at once", a_key, 32.0),
        goal("S10", "GiB of all tables", all, 4.0),
    ]
}

fn goal(name: &'static str, what: &'static str, figure: f64, goal: f64) -> Goal {
    Goal { name, what, figure, goal, detail: Value::Null }
}

const GIB: f64 = (1u64 << 30) as f64;

fn micros(nanos: &[(u64, u64)]) -> Vec<(u64, u64)> {
    nanos.iter().map(|(both, identify)| (both / 1_000, identify / 1_000)).collect()
}

fn told(size: &Size) -> Value {
    json!({
        "customers": size.customers, "bytes": size.bytes, "live_keys": size.live_keys, "serde_json_ns": size.typed.json(), "identify_ns": size.identify.json(),
        "understand_ns": size.understand.json(), "longest_epochs_us": micros(&size.longest),
        "identify_ratio": rounded(size.identify.least / size.typed.least),
    })
}
