//! Hands the arguments to `cli` and turns its result into an exit code; it decides nothing itself.

use std::process::ExitCode;

/// Fewer cycles than the system's allocator on every path that is not warm yet.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    trunkline::cli::main()
}
