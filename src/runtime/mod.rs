//! From pure stages to a restartable engine: what has arrived becomes an epoch, the epoch becomes a record in the
//! epoch log, and its output leaves with it. It meets the outside through four doors (`doors`), so the same code
//! runs on a real Kafka and, in tests, on memory with faults. It may not read a clock, a socket or a file itself.
//!
//! The way of an epoch: `inbox` (buffers and orders what arrived) → `Engine` (the stages) → `outgoing` (partition and
//! key of each output) → `journal` (the epoch record) → `leader` (when what may be sent) → `writer` (the transactions, by
//! `commits`). `standby` follows a log that another instance writes, until it may lead; `recover` walks the recorded
//! epochs again, for the restart and for `reference`, `replay` and `verify`, which compares what is outside (`verify`). Beside it `replay` runs plain logs, which
//! have no epochs. `flow` spreads the stages over threads; `gauges` is what the runtime tells of itself, for whoever
//! watches.

pub mod flow;
pub mod replay;
pub mod doors;
pub mod inbox;
pub mod digest;
pub mod outgoing;
pub mod journal;
pub mod core;
pub mod snapshot;
pub mod recover;
pub mod skip;
pub mod in_hand;
pub mod verify;
pub mod arrivals;
pub mod gauges;
mod telling;
mod alive;
pub mod commits;
pub mod writer;
pub mod leader;
pub mod standby;
pub mod settings;
mod engines;

#[cfg(test)]
pub(crate) mod memory;
#[cfg(test)]
mod tests;

pub use doors::{Clock, Collected, Commit, Engine, Error, Files, Lease, NewFile, Sink, Source, Store};
pub use engines::{FlowEngine, Laps};
pub use gauges::{Gauges, Recorder};
pub use leader::Leader;
pub use settings::{Delivery, Settings};
pub use standby::Standby;

/// Version of the semantics: epochs recorded by another one cannot be replayed for comparison.
pub const SEMANTICS: u32 = 1;
/// Version of the epoch record's form.
pub const FORMAT: u32 = 2;
