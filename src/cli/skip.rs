//! `trunkline skip`: a record that makes the engine panic is taken without effect.

use super::failure::Outcome;
use std::path::PathBuf;

/// Skips a record of the input that makes the engine panic: writes an epoch that says so, which every start, `replay`,
/// `reference` and `verify` honour. The service must not be running.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  \
    trunkline skip 'trunkline.events[3]@81220' --config config/trunkline.toml\n\n\
    The service names the position when it stops. Exit code 1 if another instance leads, or the record was taken already.")]
pub struct Arguments {
    /// Where it stands
    #[arg(value_name = "TOPIC[PARTITION]@OFFSET")]
    place: String,
    /// Configuration of the tenant
    #[arg(long, value_name = "FILE", default_value = "config/trunkline.toml")]
    config: PathBuf,
    /// Seconds to wait for the lease
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    wait: u64,
}

/// Skips it.
///
/// # Errors
/// Exit code 3 if the configuration is wrong; 1 if another instance leads, the record is of no input or taken, or Kafka
/// fails; 2 without the feature `kafka`.
#[cfg(feature = "kafka")]
pub fn run(arguments: &Arguments, json: bool) -> Outcome {
    use super::failure::Failure;
    use crate::io::clock::WallClock;
    use crate::io::kafka::{self, KafkaLease};
    use crate::runtime::{Error, Lease, skip};
    use std::time::Duration;

    let Arguments { place, config, wait } = arguments;
    let config = super::config::load(config)?;
    let settings = config.kafka_settings();
    let failed = |error: Error| Failure::failed(error.to_string());
    let mut lease = KafkaLease::new(&settings).map_err(failed)?;
    let hold = lease.hold();
    let (_source, _sink, mut epochs) = kafka::open(&settings, &hold).map_err(failed)?;
    lease.ask().map_err(failed)?;
    if !lease.holds(Duration::from_secs(*wait)).map_err(failed)? {
        return Err(Failure::failed(format!(
            "another instance leads, and has the lease after {wait} s still: a record is skipped while the service stands"
        )));
    }
    let epoch = skip::skip(&mut epochs, &mut WallClock, &super::run::random_id()?, place);
    drop(epochs);
    lease.give_back();
    let epoch = epoch.map_err(failed)?;
    let told = match epoch {
        _ if json => serde_json::json!({ "place": place, "epoch": epoch }).to_string(),
        Some(epoch) => format!("{place} is skipped, by epoch {epoch}"),
        None => format!("{place} is skipped already"),
    };
    super::print(&(told + "\n"));
    Ok(())
}

/// This build knows no Kafka.
///
/// # Errors
/// Always: exit code 2.
#[cfg(not(feature = "kafka"))]
pub fn run(arguments: &Arguments, _: bool) -> Outcome {
    let Arguments { place: _, config: _, wait: _ } = arguments;
    Err(super::run::no_kafka())
}
