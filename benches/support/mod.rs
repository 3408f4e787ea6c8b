//! What the benches share: the log they run over, the yardstick of `serde_json`, the answer that has to be right, a
//! clock that other people's work on the machine does not move, and the way figures are told. Nothing here is measured
//! but `typed` and `hashes`.
#![allow(dead_code, reason = "each bench uses its part")]

pub mod answer;
pub mod hall;
pub mod hashes;
pub mod log;
pub mod options;
pub mod people;
pub mod report;
pub mod stopwatch;
pub mod typed;
