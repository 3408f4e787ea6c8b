//! `trunkline generate`: a workload of customers and agents who react to the assignments they get.

use super::failure::{Failure, Outcome};

/// Generates a workload.
#[derive(Debug, clap::Args)]
pub struct Arguments {}

/// Generates.
///
/// # Errors
/// Exit code 2.
pub fn run(_: &Arguments, _: bool) -> Outcome {
    Err(Failure::usage("`generate` is not part of this version yet"))
}
