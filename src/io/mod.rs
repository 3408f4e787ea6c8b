//! The real doors: files, Kafka, the machine's own readings and clock. Nothing else touches the operating system.

#![allow(clippy::disallowed_types, reason = "whoever reads the clock for all others has to name it")]

pub mod panics;
pub mod clock;
pub mod file;
#[cfg(feature = "kafka")]
pub mod kafka;
pub mod machine;
pub mod memory;
pub mod snapshots;
