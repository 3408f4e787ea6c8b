//! `trunkline reference`: the sequential model, slow and plain, that the engine is compared with.

use super::failure::Outcome;
use super::log::LogArguments;
use super::machines::ModelMachine;
use crate::runtime::replay::FullSpeed;

/// Runs a recorded log through the sequential model: slow and plain, the oracle.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  \
    trunkline reference day.ndjson.zst --rules day.rules.toml --out expected\n  \
    trunkline replay day.ndjson.zst --rules day.rules.toml --out got\n  \
    cmp expected/assignments.ndjson got/assignments.ndjson\n  \
    trunkline reference --kafka --config config/trunkline.toml --out expected")]
pub struct Arguments {
    #[command(flatten)]
    log: LogArguments,
}

/// Runs the model.
///
/// # Errors
/// As `LogArguments::run` and `LogArguments::rules`.
pub fn run(arguments: &Arguments, json: bool) -> Outcome {
    if arguments.log.is_kafka() {
        #[cfg(feature = "kafka")]
        return arguments.log.run_kafka(super::epoch_log::Which::Model, json);
        #[cfg(not(feature = "kafka"))]
        return Err(super::run::no_kafka());
    }
    let rules = arguments.log.rules()?;
    let mut machine = ModelMachine::new(&rules);
    arguments.log.run(&rules, &mut machine, &mut FullSpeed, json)
}
