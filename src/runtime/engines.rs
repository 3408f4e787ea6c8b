//! The stages over threads as the runtime's engine.

use crate::runtime::doors::Engine;
use crate::runtime::flow::{Finished, Flow, Meter};
use crate::types::Millis;
use crate::types::lines::Output;
use crate::types::record::Record;

/// The real engine.
pub struct FlowEngine<M> {
    flow: Flow<M>,
    finished: Finished,
}

impl<M: Meter> FlowEngine<M> {
    /// Drives these stages.
    pub fn new(flow: Flow<M>) -> FlowEngine<M> {
        FlowEngine { flow, finished: Finished::default() }
    }
}

impl<M: Meter> Engine for FlowEngine<M> {
    fn room(&self) -> usize {
        self.flow.room()
    }

    fn submit(&mut self, records: &[Record<'_>], now: Millis, tick: Option<Millis>) {
        self.flow.submit(records, Some(now), tick);
    }

    fn is_through(&self) -> bool {
        self.flow.is_through()
    }

    fn collect(&mut self, out: &mut Output) -> Result<Option<Millis>, String> {
        let done = self.flow.collect(&mut self.finished).expect("a batch was submitted");
        // Jumps of the clock are a plain file's concern: Kafka's records bear the broker's or the producer's time.
        done.map_err(|jump| format!("{jump:?}"))?;
        std::mem::swap(out, &mut self.finished.output);
        Ok(self.finished.clock)
    }

    fn clock(&self) -> Option<Millis> {
        self.flow.clock()
    }

    fn next_deadline(&mut self) -> Option<Millis> {
        self.flow.next_deadline()
    }

    fn divisions(&self) -> Vec<String> {
        self.flow.rules().divisions.iter().map(|division| division.name.clone()).collect()
    }
}
