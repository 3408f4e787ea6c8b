//! `trunkline run`: the service, Kafka in and out.

use super::failure::{Failure, Outcome};

/// Runs the service.
#[derive(Debug, clap::Args)]
pub struct Arguments {}

/// Runs it.
///
/// # Errors
/// Exit code 2.
pub fn run(_: &Arguments, _: bool) -> Outcome {
    Err(Failure::usage(
        "this build has no Kafka client. Build with the feature `kafka` (it is on by default)",
    ))
}
