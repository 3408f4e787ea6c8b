//! `trunkline demo`: a working day without Kafka and without files.

use super::failure::{Failure, Outcome};

/// Shows a working day of an enterprise.
#[derive(Debug, clap::Args)]
pub struct Arguments {}

/// Shows it.
///
/// # Errors
/// Exit code 2.
pub fn run(_: &Arguments, _: bool) -> Outcome {
    Err(Failure::usage("`demo` is not part of this version yet"))
}
