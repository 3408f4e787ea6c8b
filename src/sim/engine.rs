//! The real engine, as the world knows it: lines in, typed decisions out.

use std::sync::Arc;

use crate::pipeline::{Pipeline, Watch};
use crate::rules::Rules;
use crate::rules::keys::HashKey;
use crate::sim::{Batch, Engine};
use crate::types::Output;
use crate::types::decision::DecisionBatch;
use crate::types::record::Record;

/// The pipeline behind the world's door, with somebody who may watch its stages.
pub struct PipelineEngine<W> {
    pipeline: Pipeline,
    out: Output,
    watch: W,
}

impl<W: Watch> PipelineEngine<W> {
    /// An engine that has seen nothing, with the public key of trials.
    pub fn new(rules: &Rules, watch: W) -> PipelineEngine<W> {
        let pipeline = Pipeline::new(Arc::new(rules.clone()), &HashKey::PUBLIC, "local");
        PipelineEngine { pipeline, out: Output::default(), watch }
    }

    /// The pipeline itself.
    pub fn pipeline(&self) -> &Pipeline {
        &self.pipeline
    }

    /// What the last batch put out.
    pub fn output(&self) -> &Output {
        &self.out
    }

    /// Whoever watches.
    pub fn watch(&mut self) -> &mut W {
        &mut self.watch
    }
}

impl<W: Watch> Engine for PipelineEngine<W> {
    fn apply(&mut self, batch: &Batch<'_>) {
        let records: Vec<Record<'_>> =
            batch.lines().map(|(offset, line)| Record::line(0, offset, line)).collect();
        let applied = self.pipeline.apply_watched(&records, None, &mut self.out, &mut self.watch);
        applied.expect("without a greatest jump no jump is too far");
    }

    fn decisions(&self) -> impl Iterator<Item = &DecisionBatch> {
        self.pipeline.decisions().map(|(_, batch)| batch)
    }
}
