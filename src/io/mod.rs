//! The real doors: files, the machine's own readings and clock, Kafka. Nothing else touches the operating system.

pub mod file;
pub mod machine;
pub mod clock;
#[cfg(feature = "kafka")]
pub mod kafka;
