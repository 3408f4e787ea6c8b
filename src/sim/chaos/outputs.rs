//! What an independent reader finds in the output topics.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::broker::Stored;
use super::run::Sim;
use crate::runtime::doors::Error;
use crate::runtime::verify::{Found, Outputs};
use crate::types::Stream;

/// Reads committed output.
pub struct SimOutputs {
    partitions: BTreeMap<(Stream, u32), std::vec::IntoIter<Stored>>,
}

impl SimOutputs {
    /// As it is now.
    pub fn of(sim: &Rc<Sim>) -> SimOutputs {
        let output = sim.world.borrow().output();
        SimOutputs { partitions: output.into_iter().map(|(place, all)| (place, all.into_iter())).collect() }
    }
}

impl Outputs for SimOutputs {
    fn next(&mut self, stream: Stream, partition: u32) -> Result<Option<Found>, Error> {
        let next = self.partitions.get_mut(&(stream, partition)).and_then(Iterator::next);
        Ok(next.map(|Stored { key, timestamp, value }| Found { key, timestamp, value }))
    }
}
