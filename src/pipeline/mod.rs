//! The way of the data: the five stages in order, and nothing else.
//!
//! ```text
//! records ─► decode ─► identify ─► understand ─► route ─► emit ─► lines
//! ```
//! A stage decides from what came before it and from its own state, never from a later stage, so `Pipeline::apply`
//! reads top to bottom as the story of a batch. Where a batch ends makes no difference to a single byte of output.

pub mod decode;
pub mod identify;
pub mod sequence;
pub mod understand;
pub mod route;
pub mod emit;
pub mod change;
pub mod state;

use std::fmt;
use std::sync::Arc;

use crate::rules::Rules;
use crate::rules::keys::{HashKey, Keys};
use crate::types::decision::DecisionBatch;
use crate::types::event::Events;
use crate::types::lines::Output;
use crate::types::operation::Operations;
use crate::types::position::Jump;
use crate::types::record::Record;
use crate::types::{DivisionId, DurationMs, Floor, Millis, Tally};

use change::{Changed, Stages};
use decode::{Decoder, Limits};
use emit::Emitter;
use route::Division;
use sequence::{Cut, Sequenced, Sequencer};
use understand::Understand;

/// The stages, for whoever watches them work.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Stage {
    /// Bytes → events.
    Decode,
    /// Events → customers.
    Identify,
    /// Customers → conversations.
    Understand,
    /// Conversations → decisions.
    Route,
    /// Decisions → bytes.
    Emit,
}

impl Stage {
    /// In the order of the data.
    pub const ALL: [Stage; 5] =
        [Stage::Decode, Stage::Identify, Stage::Understand, Stage::Route, Stage::Emit];

    /// The word in reports.
    pub const fn word(self) -> &'static str {
        match self {
            Stage::Decode => "decode",
            Stage::Identify => "identify",
            Stage::Understand => "understand",
            Stage::Route => "route",
            Stage::Emit => "emit",
        }
    }
}

/// Is told when a stage has done its part of a batch; the core itself reads no clock.
pub trait Watch {
    /// The stage is done.
    fn done(&mut self, stage: Stage);
}

impl Watch for () {
    fn done(&mut self, _: Stage) {}
}

/// The engine of one tenant on one thread.
pub struct Pipeline {
    rules: Arc<Rules>,
    decoder: Decoder,
    sequencer: Sequencer,
    understand: Understand,
    divisions: Vec<Division>,
    emitter: Emitter,
    batch: Batch,
}

/// What is known from event to event: the states of the stages, not the batch that passed last, nor the rules.
impl fmt::Debug for Pipeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Pipeline { sequencer, understand, divisions, .. } = self;
        f.debug_struct("Pipeline")
            .field("sequencer", sequencer)
            .field("understand", understand)
            .field("divisions", divisions)
            .finish_non_exhaustive()
    }
}

/// What passes between the stages; kept between batches so that its memory is reused.
#[derive(Default)]
struct Batch {
    events: Events,
    sequenced: Sequenced,
    /// By division.
    operations: Vec<Operations>,
}

impl Pipeline {
    /// An engine that has seen nothing.
    pub fn new(rules: Arc<Rules>, key: &HashKey, tenant: &str) -> Pipeline {
        let keys = Keys::new(key, &rules);
        let divisions = 0..rules.divisions.len();
        let batch = Batch {
            operations: divisions.clone().map(|_| Operations::default()).collect(),
            ..Batch::default()
        };
        Pipeline {
            decoder: Decoder::new(rules.clone(), keys.clone(), Limits::default()),
            sequencer: Sequencer::new(rules.clone(), 1),
            understand: Understand::new(&rules, &keys),
            divisions: divisions
                .map(|at| Division::new(DivisionId(at as u16), rules.clone(), &keys))
                .collect(),
            emitter: Emitter::new(&rules, tenant),
            batch,
            rules,
        }
    }

    /// How far the time of a plain file may jump forward from one event to the next; `None`: as far as it likes.
    pub fn set_max_jump(&mut self, max_jump: Option<DurationMs>) {
        self.sequencer.set_max_jump(max_jump);
    }

    /// Takes a batch of records through the five stages; `out` then holds what it put out, and nothing else.
    /// `now` is the leader's wall clock of the epoch; a plain file has none.
    ///
    /// # Errors
    /// A plain file's time jumped forward by more than `max_jump`. What stands before the jump has been applied.
    pub fn apply(
        &mut self,
        records: &[Record<'_>],
        now: Option<Millis>,
        out: &mut Output,
    ) -> Result<(), Jump> {
        self.apply_watched(records, now, out, &mut ())
    }

    /// The same, with somebody who watches the stages.
    ///
    /// # Errors
    /// As `apply`.
    pub fn apply_watched(
        &mut self,
        records: &[Record<'_>],
        now: Option<Millis>,
        out: &mut Output,
        watch: &mut impl Watch,
    ) -> Result<(), Jump> {
        out.clear();
        self.forget();
        self.decoder.decode(records, &mut self.batch.events);
        watch.done(Stage::Decode);
        let mut jump = self.pass(now, out, watch);
        while let Some(cut) = self.batch.sequenced.cut {
            self.change_rules(cut, now);
            self.decoder.decode_behind(cut.position, &mut self.batch.events);
            watch.done(Stage::Decode);
            jump = self.pass(now, out, watch);
        }
        jump
    }

    /// What was decoded goes through the other stages, up to where it asks for other rules.
    fn pass(&mut self, now: Option<Millis>, out: &mut Output, watch: &mut impl Watch) -> Result<(), Jump> {
        let Batch { events, sequenced, operations } = &mut self.batch;
        operations.iter_mut().for_each(Operations::clear);
        let jump = self.sequencer.apply(events, now, sequenced);
        watch.done(Stage::Identify);

        self.understand.apply(sequenced.of(events), &sequenced.rows[0], operations);
        watch.done(Stage::Understand);

        let by_division = self.divisions.iter_mut().zip(&sequenced.agents).zip(&*operations);
        for ((division, agents), operations) in by_division {
            division.apply(events, &sequenced.clocks, now, &[agents, operations]);
            if let Some(clock) = sequenced.clock {
                division.advance(clock);
            }
        }
        watch.done(Stage::Route);

        self.emit(out);
        watch.done(Stage::Emit);
        jump
    }

    /// Moves the clock on, never back, and fires what falls due: the tick of an epoch, or `--until`.
    pub fn advance(&mut self, clock: Millis, now: Option<Millis>, out: &mut Output) {
        out.clear();
        self.forget();
        let clock = self.sequencer.advance(clock);
        for division in &mut self.divisions {
            division.tick(clock, now);
        }
        self.emit(out);
    }

    /// The clock of the last entry.
    pub fn clock(&self) -> Option<Millis> {
        self.sequencer.clock()
    }

    /// No deadline lies before this instant; `None`: nothing is armed.
    pub fn next_deadline(&mut self) -> Option<Millis> {
        self.divisions.iter_mut().filter_map(Division::next_deadline).min()
    }

    /// What was decided in the last batch, by division; if rules changed in it, behind that.
    pub fn decisions(&self) -> impl Iterator<Item = (DivisionId, &DecisionBatch)> {
        self.divisions.iter().enumerate().map(|(at, division)| (DivisionId(at as u16), &division.batch))
    }

    /// The rules in force.
    pub fn rules(&self) -> &Arc<Rules> {
        &self.rules
    }

    /// What was counted so far.
    pub fn tally(&self) -> Tally {
        let mut tally = self.sequencer.tally.clone();
        tally.add_ignored(&self.understand.ignored);
        self.divisions.iter().for_each(|division| division.count_into(&mut tally));
        tally
    }

    /// Definitions of agents kept by a division, and groups of agents.
    pub fn definitions(&self, division: DivisionId) -> (usize, usize) {
        self.divisions[division.at()].definitions()
    }

    /// Checks the invariants of all stages by full scan: between two batches, for tests.
    ///
    /// # Panics
    /// If one does not hold: that is a bug.
    pub fn audit(&self) {
        self.sequencer.audit();
        self.divisions.iter().for_each(Division::audit);
        let tally = self.tally();
        let rejected: u64 = tally.rejected.iter().sum();
        assert_eq!(tally.events, tally.accepted + tally.duplicates + rejected, "events");
        assert!(tally.accepted >= tally.ignored.iter().sum(), "ignored");
    }

    /// What waits and who is there, now.
    pub fn floor(&self, floor: &mut Floor) {
        floor.clear(self.rules.queues.len(), self.divisions.len());
        self.divisions.iter().for_each(|division| division.add_to(floor));
    }

    fn forget(&mut self) {
        self.batch.events.clear();
        self.batch.sequenced.forget();
        self.batch.operations.iter_mut().for_each(Operations::clear);
        self.divisions.iter_mut().for_each(|division| division.batch.clear());
    }

    /// The batch asks for other rules, and all of it up to here is done.
    fn change_rules(&mut self, cut: Cut, now: Option<Millis>) {
        self.sequencer.go_on();
        self.divisions.iter_mut().for_each(|division| division.batch.clear());
        let Some(by) = cut.asks_for_rules(&self.batch.sequenced, now) else { return };
        let text = change::text(&self.batch.events).to_owned();
        let mut stages = Stages {
            sequencer: &mut self.sequencer,
            understand: vec![&mut self.understand],
            divisions: self.divisions.iter_mut().collect(),
        };
        let Ok(Changed { rules, added }) = stages.change(&text, self.decoder.keys(), by) else { return };
        self.divisions.extend(added);
        self.batch.operations.resize_with(self.divisions.len(), Operations::default);
        self.decoder.adopt(&rules);
        self.emitter = self.emitter.under(&rules);
        self.rules = rules;
    }

    fn emit(&mut self, out: &mut Output) {
        out.divisions.resize_with(self.divisions.len(), Default::default);
        let Batch { events, sequenced, .. } = &self.batch;
        sequenced.emit(&mut self.emitter, events, &mut out.rejected, &mut out.identity);
        for (at, division) in self.divisions.iter().enumerate() {
            self.emitter.division(DivisionId(at as u16), &division.batch, &mut out.divisions[at]);
        }
    }
}
