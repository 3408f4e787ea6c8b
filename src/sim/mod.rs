//! A world in memory: customers and agents who react to what the engine decides, so that the log they write is
//! consistent; with duplicates, late and broken events; the same bytes for the same seed. It makes workloads
//! (`trunkline generate`) and the demonstration.
//!
//! * `profile`: which worlds there are and their numbers; `rulebook`: the rules they live under.
//! * `rng`, `agenda`, `directory`: chance, what is planned, which conversation is which case.
//! * `cast`, `people`, `phrases`: who plays, read off the rules.
//! * `act`, `case`: what people may do, and what the world keeps of them.
//! * `world`: the clockwork; `customers`, `desk`, `handover`: what people do; `reactions`: what they make of decisions;
//!   `faults`: what goes wrong on the way.
//! * `batch`: what passes between the world and an engine; `engine`: the real one, in this thread or in several.
//! * `chaos` (tests only): the runtime over doors that fail by seed.
//! * `lines`, `texts`, `clock_text`: JSON straight into a buffer; `census`: what the world knows of itself.
//!
//! An event costs the world well below a microsecond: flat tables, no text built on the side, no allocation once
//! warm. It knows the engine by its typed decisions only and parses nothing; it writes ahead while the engine works.

mod act;
pub mod agenda;
pub mod batch;
mod case;
pub mod cast;
pub mod census;
pub mod clock_text;
mod customers;
mod desk;
pub mod directory;
pub mod engine;
pub mod faults;
mod handover;
pub mod lines;
pub mod people;
pub mod phrases;
pub mod profile;
mod reactions;
pub mod rng;
pub mod rulebook;
pub mod texts;
pub mod world;

#[cfg(test)]
mod chaos;
#[cfg(test)]
mod tests;

pub use batch::{Batch, Engine, News, What};
pub use engine::{FlowEngine, PipelineEngine};
pub use profile::{Pace, Plan, Profile};
pub use world::World;
