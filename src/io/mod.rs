//! The real doors: files, Kafka, the machine's own readings and clock. Nothing else touches the operating system.

pub mod clock;
pub mod file;
#[cfg(feature = "kafka")]
pub mod kafka;
pub mod machine;
