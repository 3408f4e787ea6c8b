//! `trunkline generate`: a workload of customers and agents who react to the assignments they get.

use super::failure::{Failure, Outcome};
use super::{print, rules_file};
use crate::io::file::NewLog;
use crate::io::machine::{self, Stopwatch};
use crate::rules::{self, Rules};
use crate::sim::{FlowEngine, Plan, Profile, World, rulebook};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::path::PathBuf;

/// Generates a workload
///
/// Customers reach out, give up and come back by other channels; agents accept, miss, reply, hand over and resolve.
/// Both react to what the engine decides about the log so far, so the log is consistent. The same seed gives the
/// same bytes. The rules are written beside the log: a.ndjson.zst → a.rules.toml.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    trunkline generate --profile omni --events 1000000 --seed 7 --out day.ndjson.zst\n  \
    trunkline generate --profile surge --events 2M --out surge.ndjson\n  \
    trunkline generate --profile omni --events 100k --agents 500 --customers 50000 --rules mine.toml --out mine.ndjson")]
pub struct Arguments {
    /// Which world: omni (all channels, agents nine tenths busy), firehose (many cheap messages, few answers), surge (a
    /// burst of ten times the load), viral (one public thread, shared identifiers, chains of merges)
    #[arg(long, value_name = "PROFILE", default_value = "omni", value_parser = profile)]
    profile: Profile,
    /// Lines of the log, exactly; k and M stand for thousands and millions
    #[arg(long, value_name = "N", value_parser = count)]
    events: u64,
    /// Everything random comes from this
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// File of the log (.ndjson or .ndjson.zst)
    #[arg(long, value_name = "F")]
    out: PathBuf,
    /// People who may call; default: the profile's
    #[arg(long, value_name = "N", value_parser = few)]
    customers: Option<u32>,
    /// People who answer; default: the profile's
    #[arg(long, value_name = "N", value_parser = few)]
    agents: Option<u32>,
    /// Rules that the world lives under; default: the profile's own
    #[arg(long, value_name = "R")]
    rules: Option<PathBuf>,
    /// Threads of the engine, the world's own included; the log is the same for any number; default: as many as run at
    /// once here
    #[arg(long, value_name = "T", value_parser = clap::value_parser!(u8).range(1..=64))]
    threads: Option<u8>,
}

/// Generates.
///
/// # Errors
/// Exit code 1 if the log cannot be written, 3 if the rules are wrong or lack what a world needs.
pub fn run(arguments: &Arguments, json: bool) -> Outcome {
    let (text, rules) = match &arguments.rules {
        Some(path) => (rules_file::read(path)?, rules_file::load(path)?),
        None => {
            let text = rulebook::text(arguments.profile);
            let rules = own_rules(arguments.profile, &text)?;
            (text, rules)
        }
    };
    let mut plan = Plan::new(arguments.profile, arguments.seed, arguments.events);
    plan.customers = arguments.customers.unwrap_or(plan.customers);
    plan.agents = arguments.agents.unwrap_or(plan.agents);
    let mut world = World::new(plan, &rules).map_err(|lacks| match &arguments.rules {
        Some(path) => Failure::configuration(format!("{}: {lacks}", path.display())),
        None => Failure::usage(lacks.to_string()),
    })?;
    let beside = rules_file::beside(&arguments.out);
    let mut log = NewLog::create(&arguments.out)?;
    let stopwatch = Stopwatch::start();
    let threads = arguments.threads.map_or_else(machine::threads, usize::from);
    let mut engine = FlowEngine::new(&rules, threads);
    let bar = bar(arguments.events);
    while !world.is_over() {
        world.step(&mut engine, &mut log, &mut |_, _| {}).map_err(|source| log.error(source))?;
        bar.set_position(world.census().lines);
    }
    bar.finish_and_clear();
    log.finish()?;
    let seconds = stopwatch.nanos() as f64 / 1e9;
    let mut copy = NewLog::create(&beside)?;
    std::io::Write::write_all(&mut copy, text.as_bytes()).map_err(|source| copy.error(source))?;
    copy.finish()?;
    print(&report(arguments, &world, seconds, json));
    Ok(())
}

/// A profile's own rules, compiled.
pub(super) fn own_rules(profile: Profile, text: &str) -> Result<Rules, Failure> {
    rules::compile(text, profile.word()).map_err(|complaints| {
        let all: Vec<String> = complaints.iter().map(ToString::to_string).collect();
        Failure::failed(format!(
            "the profile's own rules are refused, which is a fault of this program:\n{}",
            all.join("\n")
        ))
    })
}

fn report(arguments: &Arguments, world: &World, seconds: f64, json: bool) -> String {
    let census = world.census();
    let simulated_s = world.clock().since(crate::sim::profile::BEGIN).0 / 1_000;
    let rate = census.lines as f64 / seconds.max(1e-9);
    let beside = rules_file::beside(&arguments.out);
    if json {
        let value = serde_json::json!({
            "profile": arguments.profile.word(),
            "seed": arguments.seed,
            "events": census.lines,
            "bytes": census.bytes,
            "contacts": census.contacts,
            "conversations": census.opened,
            "offers": census.offered,
            "duplicates": census.duplicates,
            "rejects": census.rejects,
            "late": census.late,
            "occupancy_per_mille": census.occupancy_per_mille(),
            "simulated_s": simulated_s,
            "wall_s": seconds,
            "events_per_s": rate.round(),
            "log": arguments.out.display().to_string(),
            "rules": beside.display().to_string(),
        });
        return format!("{value:#}\n");
    }
    format!(
        "{} events of {} bytes, {} min of a day, in {seconds:.1} s ({rate:.0} events/s, the engine's work included)\n\
         {} contacts, {} conversations, {} offers; {} duplicates, {} late, {} broken; staff {:.1} % busy\n\
         log    {}\nrules  {}\n",
        census.lines,
        census.bytes / census.lines.max(1),
        simulated_s / 60,
        census.contacts,
        census.opened,
        census.offered,
        census.duplicates,
        census.late,
        census.rejects,
        census.occupancy_per_mille() as f64 / 10.0,
        arguments.out.display(),
        beside.display(),
    )
}

fn bar(events: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = "{bar:40} {percent:>3} %  {per_sec}  {eta} to go";
    let style = ProgressStyle::with_template(style).expect("the template is well-formed");
    ProgressBar::with_draw_target(Some(events), ProgressDrawTarget::stderr_with_hz(5)).with_style(style)
}

fn profile(word: &str) -> Result<Profile, String> {
    let words: Vec<&str> = Profile::ALL.iter().map(|profile| profile.word()).collect();
    Profile::of(word).ok_or_else(|| format!("one of {}", words.join(", ")))
}

/// A count, with k or M behind it for thousands or millions.
pub(super) fn count(text: &str) -> Result<u64, String> {
    let (digits, unit) = match text.as_bytes().last() {
        Some(b'k') => (&text[..text.len() - 1], 1_000),
        Some(b'M') => (&text[..text.len() - 1], 1_000_000),
        _ => (text, 1),
    };
    let number = digits.replace('_', "").parse::<u64>().ok().and_then(|number| number.checked_mul(unit));
    number
        .filter(|number| *number > 0)
        .ok_or_else(|| "a whole number above 0, as 250000, 250k or 2M".to_owned())
}

/// Most customers: their identifiers are numbers of nine digits.
const CUSTOMERS_MAX: u64 = 200_000_000;

/// A count of people.
pub(super) fn few(text: &str) -> Result<u32, String> {
    let number = count(text)?;
    u32::try_from(number)
        .ok()
        .filter(|_| number <= CUSTOMERS_MAX)
        .ok_or_else(|| format!("at most {CUSTOMERS_MAX}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_of_the_command_line() {
        assert_eq!((count("250k"), count("2M"), count("1_000")), (Ok(250_000), Ok(2_000_000), Ok(1_000)));
        assert!(["0", "k", "", "-1", "1.5M", "99999999999999999999"].iter().all(|text| count(text).is_err()));
        assert!(few("200M").is_ok() && few("201M").is_err());
    }
}
