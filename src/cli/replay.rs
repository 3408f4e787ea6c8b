//! `trunkline replay`: a recorded log through the engine, at full speed or at a pace.

use super::failure::Outcome;
use super::log::LogArguments;
use super::machines::EngineMachine;
use super::pace::{Speed, SpeedArgument};
use crate::io::machine;
use crate::runtime::replay::{FullSpeed, Pace, Rate};

/// Runs a recorded log through the engine.
///
/// Writes what the engine puts out, a file a stream: divisions in the order of their names, each in decision order, so
/// that two runs compare with cmp.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    trunkline replay day.ndjson.zst --rules day.rules.toml --out out\n  \
    trunkline replay day.ndjson.zst --speed 60 --report report.json\n  \
    trunkline replay day.ndjson.zst --rate 200000 --threads 2 --json\n  \
    trunkline replay old.ndjson --rules new.toml --out out --max-jump none --until 2026-03-03T00:00:00Z\n  \
    trunkline replay --kafka --config config/trunkline.toml --out out")]
pub struct Arguments {
    #[command(flatten)]
    log: LogArguments,
    /// Threads of the engine; by default as many as the machine runs at once
    #[arg(long, value_name = "T", value_parser = clap::value_parser!(u32).range(1..=256))]
    threads: Option<u32>,
    /// Multiple of the log's own pace, or as fast as it goes
    #[arg(long, value_name = "max|1|60", default_value = "max", conflicts_with = "rate")]
    speed: SpeedArgument,
    /// Events a second, evenly; latencies count from when an event was due
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    rate: Option<u64>,
}

/// Runs the engine.
///
/// # Errors
/// As `LogArguments::run` and `LogArguments::rules`.
pub fn run(arguments: &Arguments, json: bool) -> Outcome {
    if arguments.log.is_kafka() {
        #[cfg(feature = "kafka")]
        return arguments.log.run_kafka(super::epoch_log::Which::Engine, json);
        #[cfg(not(feature = "kafka"))]
        return Err(super::run::no_kafka());
    }
    let rules = arguments.log.rules()?;
    let mut pace: Box<dyn Pace> = match (arguments.rate, arguments.speed) {
        (Some(rate), _) => Box::new(Rate::new(rate)),
        (None, SpeedArgument::Times(times)) => Box::new(Speed::new(times)),
        (None, SpeedArgument::Max) => Box::new(FullSpeed),
    };
    let threads = arguments.threads.map_or_else(machine::threads, |threads| threads as usize);
    let mut machine = EngineMachine::new(rules.clone(), threads);
    arguments.log.run(&rules, &mut machine, pace.as_mut(), json)
}
