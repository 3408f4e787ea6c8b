//! The real engine, as the world knows it: lines in, news out. `PipelineEngine` works in the world's own thread, when
//! its answer is asked for; `FlowEngine` works in others while the world writes on, and in the world's own while that
//! waits for an answer. The log is the same.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::pipeline::{Pipeline, Watch};
use crate::rules::Rules;
use crate::rules::keys::HashKey;
use crate::runtime::flow::{Finished, Flow, Threads};
use crate::sim::batch::UNDER_WAY_MAX;
use crate::sim::{Batch, Engine};
use crate::types::Output;
use crate::types::decision::DecisionBatch;
use crate::types::event::Events;
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

/// The stages over several threads, the world's own included.
pub struct FlowEngine {
    flow: Flow<()>,
    finished: Finished,
    /// Oldest first; as many of them as there is room for are in the flow.
    submitted: VecDeque<Batch>,
}

impl FlowEngine {
    /// An engine that has seen nothing, with the public key of trials, on so many threads.
    pub fn new(rules: &Rules, threads: usize) -> FlowEngine {
        let rules = Arc::new(rules.clone());
        let flow = Flow::new(rules, &HashKey::PUBLIC, "local", Threads::new(threads), |_| ());
        FlowEngine { flow, finished: Finished::default(), submitted: VecDeque::with_capacity(UNDER_WAY_MAX) }
    }

    /// The engine itself.
    pub fn flow(&self) -> &Flow<()> {
        &self.flow
    }

    fn feed(&mut self) {
        while let under_way = self.flow.under_way()
            && under_way < self.flow.room()
            && let Some(batch) = self.submitted.get(under_way)
        {
            let take_in = |events: &mut Events, most: usize| {
                for (offset, line) in batch.lines() {
                    events.take_in(&Record::line(0, offset, line), most);
                }
            };
            self.flow.submit_with(take_in, None, None);
        }
    }
}

impl Engine for FlowEngine {
    fn submit(&mut self, batch: Batch) {
        assert!(self.submitted.len() < UNDER_WAY_MAX, "the world knows how many may be under way");
        self.submitted.push_back(batch);
        self.feed();
    }

    fn collect(&mut self) -> Batch {
        let finished = self.flow.collect(&mut self.finished).expect("the world collects what it submitted");
        finished.expect("without a greatest jump no jump is too far");
        let mut batch = self.submitted.pop_front().expect("the flow had it");
        batch.hear(self.finished.decisions.iter());
        self.feed();
        batch
    }
}
