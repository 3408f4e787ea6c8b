//! A world in memory: customers and agents who react to what the engine decides, so that the log they write is
//! consistent; with duplicates, late and broken events; the same bytes for the same seed. It makes workloads
//! (`trunkline generate`) and the demonstration.
//!
//! * `profile`: which worlds there are and their numbers; `rulebook`: the rules they live under.
//! * `rng`, `agenda`, `directory`: chance, what is planned, which conversation is which case.
//! * `cast`, `people`, `phrases`: who plays, read off the rules.
//! * `world`: the clockwork; `customers`, `desk`: what people do; `reactions`: what they make of decisions;
//!   `faults`: what goes wrong on the way; `engine`: the real engine behind the world's door.
//! * `lines`, `clock_text`: JSON straight into a buffer; `census`: what the world knows of itself.
//!
//! An event costs the world well below a microsecond: flat tables, no text built on the side, no allocation once
//! warm. It knows the engine by its typed decisions only and parses nothing.

pub mod agenda;
pub mod cast;
pub mod census;
pub mod clock_text;
mod customers;
mod desk;
pub mod directory;
pub mod engine;
pub mod faults;
pub mod lines;
pub mod people;
pub mod phrases;
pub mod profile;
mod reactions;
pub mod rng;
pub mod rulebook;
pub mod world;

#[cfg(test)]
mod tests;

pub use engine::PipelineEngine;
pub use profile::{Pace, Plan, Profile};
pub use world::World;

use crate::types::decision::DecisionBatch;

/// Lines of a log, to be applied in order.
#[derive(Copy, Clone)]
pub struct Batch<'a> {
    /// The lines, each followed by a line feed.
    pub bytes: &'a [u8],
    /// Where each ends, without its line feed.
    pub ends: &'a [u32],
    /// Number of the first line in the log, from 0.
    pub first_offset: u64,
}

impl<'a> Batch<'a> {
    /// Each line with its number, without line feeds.
    pub fn lines(&self) -> impl Iterator<Item = (u64, &'a [u8])> + use<'a> {
        let Batch { bytes, ends, first_offset } = *self;
        let mut start = 0;
        ends.iter().enumerate().map(move |(place, end)| {
            let line = &bytes[start..*end as usize];
            start = *end as usize + 1;
            (first_offset + place as u64, line)
        })
    }
}

/// What the world reacts to.
pub trait Engine {
    /// Applies the lines, each an entry whose clock is its own `time`.
    fn apply(&mut self, batch: &Batch<'_>);

    /// What the divisions (by `DivisionId`) decided in the last `apply`.
    fn decisions(&self) -> impl Iterator<Item = &DecisionBatch>;
}
