//! The pipeline as the runtime's engine.

use crate::pipeline::Pipeline;
use crate::runtime::doors::Engine;
use crate::types::Millis;
use crate::types::lines::Output;
use crate::types::record::Record;

impl Engine for Pipeline {
    fn apply(&mut self, records: &[Record<'_>], now: Millis, out: &mut Output) -> Result<(), String> {
        // Jumps of the clock are a plain file's concern: Kafka's records bear the broker's or the producer's time.
        Pipeline::apply(self, records, Some(now), out).map_err(|jump| format!("{jump:?}"))
    }

    fn advance(&mut self, clock: Millis, now: Millis, out: &mut Output) {
        Pipeline::advance(self, clock, Some(now), out);
    }

    fn clock(&self) -> Option<Millis> {
        Pipeline::clock(self)
    }

    fn next_deadline(&mut self) -> Option<Millis> {
        Pipeline::next_deadline(self)
    }

    fn divisions(&self) -> Vec<String> {
        self.rules().divisions.iter().map(|division| division.name.clone()).collect()
    }
}
