//! `trunkline verify`: whether the output topics of a tenant hold what its epoch log says, and nothing else.

use super::failure::Outcome;
use std::path::PathBuf;

/// Checks a tenant's epoch log and every byte of its output topics: the chain of records, their counts and hashes, and the
/// epochs carried out again. Reads only; the tenant may be led meanwhile.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  \
    trunkline verify --kafka --config config/trunkline.toml\n  \
    trunkline --json verify --kafka --config config/trunkline.toml | jq '.lost, .doubled, .different'\n\n\
    Exit code 1 if something is lost, doubled or different, or the log does not fit together.")]
pub struct Arguments {
    /// The log is a tenant's on Kafka
    #[arg(long, required = true)]
    kafka: bool,
    /// Configuration of the tenant
    #[arg(long, value_name = "FILE", default_value = "config/trunkline.toml")]
    config: PathBuf,
}

/// Checks.
///
/// # Errors
/// Exit code 3 if configuration or rules are wrong; 1 if the log or an output topic cannot be read, an epoch comes out
/// otherwise than recorded, or outputs are lost, doubled or different.
#[cfg(feature = "kafka")]
pub fn run(arguments: &Arguments, json: bool) -> Outcome {
    use super::config;
    use super::failure::Failure;
    use super::rules_file;
    use crate::io::kafka::{self, OutputTopics};
    use crate::runtime::core::Core;
    use crate::runtime::flow::Flow;
    use crate::runtime::verify::verify;
    use crate::runtime::{Error, FlowEngine};
    use std::sync::Arc;

    let failed = |error: Error| Failure::failed(error.to_string());
    debug_assert!(arguments.kafka, "clap requires it");
    let config = config::load(&arguments.config)?;
    let rules = rules_file::load(&config.rules)?;
    let key = config.key()?;
    let settings = config.kafka_settings();
    let (mut source, mut epochs) = kafka::open_log(&settings).map_err(failed)?;
    let mut outputs = OutputTopics::open(&settings).map_err(failed)?;
    let flow = Flow::new(Arc::new(rules), &key, &config.tenant, config.threads(), |_| ());
    let room = usize::try_from(config.kafka.partition_buffer_bytes).expect("bounded by the configuration");
    let mut core = Core::new(FlowEngine::new(flow), &config.tenant, room);
    let verdict = verify(&mut core, &mut source, &mut epochs, &mut outputs).map_err(failed)?;
    let result = serde_json::to_value(&verdict).expect("a verdict has no keys that JSON lacks");
    super::print(&if json { format!("{result}\n") } else { format!("{result:#}\n") });
    match &verdict.first {
        Some(first) => {
            Err(Failure::failed(format!("the output topics are not what the epoch log says: {first}")))
        }
        None => Ok(()),
    }
}

/// This build knows no Kafka.
///
/// # Errors
/// Always: exit code 2.
#[cfg(not(feature = "kafka"))]
pub fn run(arguments: &Arguments, _: bool) -> Outcome {
    let Arguments { kafka: _, config: _ } = arguments;
    Err(super::run::no_kafka())
}
