//! A hundred million events without a break: does memory stand still once warm, does speed? A world of the profile
//! `omni` goes on and on over all threads, and nothing of its log is kept; every tenth of the run is told.
//!
//! People who were met stay known, so a world that goes on meeting people grows. What has to stand still is what comes
//! and goes (keys within their window, conversations), and what a customer weighs. The process holds the world as well, and
//! what its allocator keeps; all of it is told.
//!
//! Time is wall time and includes the world, which costs each tenth the same. The run fails with code 1 if the world meets a
//! decision about something that it never wrote, or if the engine does not account for every event. `--events` shortens
//! it.

mod support;

use std::io::{self, Write};
use std::process::ExitCode;

use serde_json::json;
use support::options::Options;
use support::report::{Goal, rounded, tell, tell_at_least};
use support::stopwatch::wall_nanos;
use trunkline::io::machine;
use trunkline::sim::{FlowEngine, Plan, Profile, World, rulebook};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Events unless told otherwise.
const EVENTS: u64 = 100_000_000;
const TENTHS: u64 = 10;

/// What the engine's states hold: keys of deduplication, identifiers and customers in identify, customers with their
/// attempts and conversations in understand, conversations and names of agents in route.
const HELD: [&str; 7] =
    ["dedup", "identifiers", "customers", "profiles", "threads", "conversations", "names"];

/// Takes every line and keeps none.
struct Nowhere;

impl Write for Nowhere {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A tenth of the run.
struct Tenth {
    per_second: f64,
    /// Memory of the process behind it, in bytes.
    resident: u64,
    /// What the engine's states have allocated, in bytes, as `HELD` says.
    states: [usize; HELD.len()],
    /// What the world has.
    world: usize,
    /// Customers founded so far.
    customers: u32,
}

impl Tenth {
    /// Bytes of what comes and goes: keys within their window, open conversations.
    fn windows(&self) -> f64 {
        let [dedup, _, _, _, threads, conversations, _] = self.states;
        (dedup + threads + conversations) as f64
    }

    /// Bytes a customer of what stays: identifiers, customers, their profiles and attempts.
    fn a_customer(&self) -> f64 {
        let [_, identifiers, customers, profiles, ..] = self.states;
        (identifiers + customers + profiles) as f64 / f64::from(self.customers.max(1))
    }
}

fn main() -> ExitCode {
    let options = Options::read();
    let told = std::env::args().any(|word| word == "--events" || word == "--test");
    let events = if told { options.events } else { EVENTS };
    let rules = trunkline::rules::compile(&rulebook::text(Profile::Omni), "omni")
        .expect("the profile's rules are sound");
    let mut plan = Plan::new(Profile::Omni, 7, events);
    (plan.customers, plan.agents) = (options.customers, options.agents);
    let mut world = World::new(plan, &rules).expect("the profile's rules have what its world needs");
    let mut engine = FlowEngine::new(&rules, machine::threads());
    let mut tenths = Vec::new();
    println!("MiB of the process, of the engine's states (together, then each), of the world:");
    let heads = HELD.map(|head| format!("{head:>13}")).join(" ");
    println!(
        "{:>6} {:>12} {:>10} {:>9} {:>8} {heads} {:>7} {:>10}",
        "tenth", "events", "events/s", "resident", "engine", "world", "customers"
    );
    for tenth in 1..=TENTHS {
        let (begun, before) = (wall_nanos(), world.census().lines);
        while !world.is_over() && world.census().lines < events / TENTHS * tenth {
            world.step(&mut engine, &mut Nowhere, &mut |_, _| {}).expect("nothing is written");
        }
        let (lines, nanos) = (world.census().lines - before, wall_nanos() - begun);
        let per_second = lines as f64 * 1e9 / nanos as f64;
        let resident = machine::rss_bytes().unwrap_or(0);
        let (states, customers, world) = (engine.flow().bytes(), engine.flow().customers(), world.bytes());
        let engine = states.iter().sum::<usize>();
        let cells = states.map(|bytes| format!("{:>13.1}", mib(bytes))).join(" ");
        println!(
            "{tenth:>6} {lines:>12} {per_second:>10.0} {:>9} {:>8.1} {cells} {:>7.1} {customers:>10}",
            resident >> 20,
            mib(engine),
            mib(world)
        );
        tenths.push(Tenth { per_second, resident, states, world, customers });
    }
    if world.census().strangers > 0 {
        eprintln!("WRONG: {} decisions are about conversations that nobody began", world.census().strangers);
        return ExitCode::FAILURE;
    }
    report(events, &tenths, &options);
    ExitCode::SUCCESS
}

fn mib(bytes: usize) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// The first tenth is the warm-up; what follows is compared with the last.
fn report(events: u64, tenths: &[Tenth], options: &Options) {
    let (warm, last) = (&tenths[1], &tenths[tenths.len() - 1]);
    let detail = json!({
        "events": events,
        "events_per_s": tenths.iter().map(|tenth| tenth.per_second.round()).collect::<Vec<_>>(),
        "state_bytes": tenths.iter().map(|tenth| tenth.states).collect::<Vec<_>>(),
        "world_bytes": tenths.iter().map(|tenth| tenth.world).collect::<Vec<_>>(),
        "resident_bytes": tenths.iter().map(|tenth| tenth.resident).collect::<Vec<_>>(),
    });
    let speed = Goal {
        name: "LONG",
        what: "events/s in the last tenth ÷ in the second",
        figure: last.per_second / warm.per_second,
        goal: 0.9,
        detail: detail.clone(),
    };
    tell_at_least(&[speed], options.json.as_deref());
    let ratio = |of: fn(&Tenth) -> f64| rounded(of(last) / of(warm).max(1.0));
    let windows = Goal {
        name: "LONGM",
        what: "memory of windows and conversations, last tenth ÷ second",
        figure: ratio(Tenth::windows),
        goal: 1.1,
        detail,
    };
    let a_customer = Goal {
        name: "LONGC",
        what: "memory a customer known, last tenth ÷ second",
        figure: ratio(Tenth::a_customer),
        goal: 1.1,
        detail: json!({"customers": tenths.iter().map(|tenth| tenth.customers).collect::<Vec<_>>()}),
    };
    tell(&[windows, a_customer], options.json.as_deref());
}
