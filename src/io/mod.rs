//! The real doors. Nothing else touches sockets, files or the wall clock of a running engine.

pub mod clock;
#[cfg(feature = "kafka")]
pub mod kafka;
