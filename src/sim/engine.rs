//! The real engine, as the world knows it: lines in, news out. `PipelineEngine` works in the world's own thread, when
//! its answer is asked for; `Beside` has a thread of its own and works while the world writes on. The log is the same.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::io::worker::Worker;
use crate::pipeline::{Pipeline, Watch};
use crate::rules::Rules;
use crate::rules::keys::HashKey;
use crate::sim::batch::UNDER_WAY_MAX;
use crate::sim::{Batch, Engine};
use crate::types::Output;
use crate::types::decision::DecisionBatch;
use crate::types::record::Record;

/// The pipeline behind the world's door, with somebody who may watch its stages.
pub struct PipelineEngine<W> {
    pipeline: Pipeline,
    out: Output,
    watch: W,
    submitted: VecDeque<Batch>,
}

impl<W: Watch> PipelineEngine<W> {
    /// An engine that has seen nothing, with the public key of trials.
    pub fn new(rules: &Rules, watch: W) -> PipelineEngine<W> {
        let pipeline = Pipeline::new(Arc::new(rules.clone()), &HashKey::PUBLIC, "local");
        let submitted = VecDeque::with_capacity(UNDER_WAY_MAX);
        PipelineEngine { pipeline, out: Output::default(), watch, submitted }
    }

    /// The pipeline itself.
    pub fn pipeline(&self) -> &Pipeline {
        &self.pipeline
    }

    /// What the batch collected last put out.
    pub fn output(&self) -> &Output {
        &self.out
    }

    /// What the divisions (by `DivisionId`) decided about the batch collected last.
    pub fn decisions(&self) -> impl Iterator<Item = &DecisionBatch> {
        self.pipeline.decisions().map(|(_, batch)| batch)
    }

    /// Whoever watches.
    pub fn watch(&mut self) -> &mut W {
        &mut self.watch
    }

    fn apply(&mut self, batch: &mut Batch) {
        let records: Vec<Record<'_>> =
            batch.lines().map(|(offset, line)| Record::line(0, offset, line)).collect();
        let applied = self.pipeline.apply_watched(&records, None, &mut self.out, &mut self.watch);
        applied.expect("without a greatest jump no jump is too far");
        batch.hear(self.decisions());
    }
}

impl<W: Watch> Engine for PipelineEngine<W> {
    fn submit(&mut self, batch: Batch) {
        assert!(self.submitted.len() < UNDER_WAY_MAX, "the world knows how many may be under way");
        self.submitted.push_back(batch);
    }

    fn collect(&mut self) -> Batch {
        let mut batch = self.submitted.pop_front().expect("the world collects what it submitted");
        self.apply(&mut batch);
        batch
    }
}

/// The pipeline in a thread of its own.
pub struct Beside {
    worker: Worker<Batch>,
}

impl Beside {
    /// An engine that has seen nothing, with the public key of trials.
    ///
    /// # Errors
    /// If the system has no thread to give.
    pub fn new(rules: &Rules) -> std::io::Result<Beside> {
        let mut engine = PipelineEngine::new(rules, ());
        let worker = Worker::start("engine", UNDER_WAY_MAX, move |batch: &mut Batch| engine.apply(batch))?;
        Ok(Beside { worker })
    }
}

impl Engine for Beside {
    fn submit(&mut self, batch: Batch) {
        self.worker.give(batch);
    }

    fn collect(&mut self) -> Batch {
        self.worker.take()
    }
}
