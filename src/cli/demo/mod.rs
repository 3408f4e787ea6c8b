//! `trunkline demo`: a working day without Kafka and without files, decided at full speed; a table of what happened,
//! the story of one assignment, and a page with the charts of the day.

mod charts;
mod gather;
mod page;
mod story;
mod table;

use super::failure::{Failure, Outcome};
use super::{generate, print};
use crate::io::machine::{self, Stopwatch};
use crate::rules::Rules;
use crate::sim::{Pace, Plan, Profile, World, rulebook};
use crate::types::{AcceptMode, CloseOutcome, IgnoreReason, Objective, RejectReason, Tally, WithdrawReason};
use gather::{ChannelCount, Gathered, TimedEngine};
use hdrhistogram::Histogram;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

/// Hour of the day at which the world begins.
const BEGIN_HOUR: f64 = 7.0;

/// Shows a working day of an enterprise
///
/// Customers and agents of eight divisions react to the engine over a day of 14 hours, as fast as it goes: no Kafka,
/// no files. Prints what happened and why one conversation went to its agent; writes a page with the day's charts.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    trunkline demo\n  \
    trunkline demo --agents 200 --customers 50000 --seed 3\n  \
    trunkline demo --report day.html --json")]
pub struct Arguments {
    /// Everything random comes from this
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// People who answer; the day's events go with them, about 3,000 each
    #[arg(long, value_name = "N", default_value = "800", value_parser = generate::few)]
    agents: u32,
    /// People who may call
    #[arg(long, value_name = "N", default_value = "200000", value_parser = generate::few)]
    customers: u32,
    /// Most events; then the day ends early
    #[arg(long, value_name = "N", default_value = "20M", value_parser = generate::count)]
    events: u64,
    /// The page; default: trunkline-demo.html in the directory for temporary files
    #[arg(long, value_name = "FILE.html")]
    report: Option<PathBuf>,
}

/// The day, over: what the table and the page show.
struct Day<'a> {
    seed: u64,
    agents: u32,
    customers: u32,
    rules: &'a Rules,
    gathered: &'a Gathered,
    tally: Tally,
    contacts: u64,
    conversations: u64,
    occupancy_percent: f64,
    latency: &'a Histogram<u64>,
    stage_nanos: [u64; 5],
    engine_events_per_s: f64,
    wall_s: f64,
    machine: String,
}

/// Shows it.
///
/// # Errors
/// Exit code 1 if the page cannot be written.
pub fn run(arguments: &Arguments, json: bool) -> Outcome {
    let rules = generate::own_rules(Profile::Omni, &rulebook::text(Profile::Omni))?;
    let plan = Plan {
        customers: arguments.customers,
        agents: arguments.agents,
        pace: Pace::Day,
        ..Plan::new(Profile::Omni, arguments.seed, arguments.events)
    };
    let mut world = World::new(plan, &rules).map_err(|lacks| Failure::usage(lacks.to_string()))?;
    let mut engine = TimedEngine::new(&rules);
    let mut gathered = Gathered::new(&rules);
    let stopwatch = Stopwatch::start();
    let bar = bar();
    while !world.is_over() {
        let mut seen = |_: &World, engine: &mut TimedEngine| gathered.batch(engine);
        world.step(&mut engine, &mut std::io::sink(), &mut seen).expect("a sink takes everything");
        gathered.sample(&world, &mut engine);
        bar.set_position(world.clock().since(crate::sim::profile::BEGIN).0.unsigned_abs());
    }
    bar.finish_and_clear();
    let wall_s = stopwatch.nanos() as f64 / 1e9;
    let tally = engine.inner().pipeline().tally();
    let stage_nanos = engine.inner().watch().nanos;
    let census = world.census();
    let day = Day {
        seed: arguments.seed,
        agents: arguments.agents,
        customers: arguments.customers,
        rules: &rules,
        gathered: &gathered,
        contacts: census.contacts,
        conversations: census.opened,
        occupancy_percent: census.occupancy_per_mille() as f64 / 10.0,
        engine_events_per_s: tally.events as f64 * 1e9 / engine.nanos.max(1) as f64,
        latency: &engine.latency,
        stage_nanos,
        wall_s,
        tally,
        machine: machine::description(),
    };
    let page = arguments.report.clone().unwrap_or_else(|| std::env::temp_dir().join("trunkline-demo.html"));
    write_page(&page, &page::of(&day))?;
    if json {
        print(&format!("{:#}\n", day.json(&page)));
    } else {
        let story = gathered.story.as_ref().map(|story| story::text(&rules, story)).unwrap_or_default();
        print(&format!("{}\n{story}\nthe day's charts: {}\n", table::of(&day), page.display()));
    }
    Ok(())
}

fn write_page(path: &Path, text: &str) -> Outcome {
    std::fs::write(path, text).map_err(|error| {
        let path = path.display();
        Failure::failed(format!(
            "{path}: the page cannot be written: {error}. Name another file with --report"
        ))
    })
}

fn bar() -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = "a day goes by {bar:40} {percent:>3} %  {elapsed} gone, {eta} to go";
    let style = ProgressStyle::with_template(style).expect("the template is well-formed");
    let day = u64::from(crate::sim::profile::DAY_MS);
    ProgressBar::with_draw_target(Some(day), ProgressDrawTarget::stderr_with_hz(5)).with_style(style)
}

impl Day<'_> {
    /// Where the lines of the log went.
    fn input(&self) -> [(&'static str, u64); 5] {
        [
            ("events", self.tally.events),
            ("  accepted", self.tally.accepted),
            ("  duplicates", self.tally.duplicates),
            ("  rejected", self.tally.rejected.iter().sum()),
            ("  without effect", self.tally.ignored.iter().sum()),
        ]
    }

    /// Channels that anybody came by.
    fn by_channel(&self) -> impl Iterator<Item = (&str, &ChannelCount)> {
        let all = self.rules.channels.iter().zip(&self.gathered.channels);
        all.filter(|(_, count)| count.opened > 0).map(|(channel, count)| (channel.name.as_str(), count))
    }

    /// Met and breached of each objective over all queues.
    fn by_objective(&self) -> impl Iterator<Item = (Objective, u64, u64)> {
        Objective::ALL.iter().map(|objective| {
            let of = |queue: &[crate::types::tally::ObjectiveTally; 4]| queue[*objective as usize];
            let met = self.tally.objectives.iter().map(|queue| of(queue).met).sum();
            (*objective, met, self.tally.objectives.iter().map(|queue| of(queue).breached).sum())
        })
    }

    fn json(&self, page: &Path) -> serde_json::Value {
        let at = |quantile: f64| self.latency.value_at_quantile(quantile) as f64 / 1e3;
        let levels: serde_json::Map<_, _> = self
            .by_objective()
            .map(|(o, met, breached)| {
                (o.word().to_owned(), serde_json::json!({"met": met, "breached": breached}))
            })
            .collect();
        serde_json::json!({
            "seed": self.seed,
            "agents": self.agents,
            "customers": self.customers,
            "events": self.tally.events,
            "accepted": self.tally.accepted,
            "duplicates": self.tally.duplicates,
            "rejected": words_of(RejectReason::ALL.iter().map(|reason| reason.word()), &self.tally.rejected),
            "ignored": words_of(IgnoreReason::ALL.iter().map(|reason| reason.word()), &self.tally.ignored),
            "contacts": self.contacts,
            "conversations": self.conversations,
            "customers_founded": self.tally.customers,
            "customers_absorbed": self.tally.absorbed,
            "assignments": self.gathered.offered,
            "accept": words_of(AcceptMode::ALL.iter().map(|mode| mode.word()), &self.gathered.accepted),
            "withdrawn": words_of(WithdrawReason::ALL.iter().map(|reason| reason.word()), &self.gathered.withdrawn),
            "closed": words_of(CloseOutcome::ALL.iter().map(|outcome| outcome.word()), &self.gathered.closed),
            "service_levels": levels,
            "occupancy_percent": self.occupancy_percent,
            "latency_us": {"p50": at(0.5), "p90": at(0.9), "p99": at(0.99), "p999": at(0.999), "max": at(1.0)},
            "events_per_s": self.engine_events_per_s.round(),
            "wall_s": self.wall_s,
            "report": page.display().to_string(),
        })
    }
}

/// Counts by word, those above 0.
fn words_of(
    words: impl Iterator<Item = &'static str>,
    counts: &[u64],
) -> serde_json::Map<String, serde_json::Value> {
    let seen = words.zip(counts).filter(|(_, count)| **count > 0);
    seen.map(|(word, count)| (word.to_owned(), (*count).into())).collect()
}

/// An objective in plain words.
fn plain(objective: Objective) -> &'static str {
    match objective {
        Objective::QueueWait => "wait in queue",
        Objective::FirstResponse => "first response",
        Objective::NextResponse => "next response",
        Objective::Resolution => "resolution",
    }
}

/// Thousands apart: `1,234,567`.
fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
