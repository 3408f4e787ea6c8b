//! The way of the data: the five stages in order, and nothing else.
//!
//! ```text
//! records ─► decode ─► identify ─► understand ─► route ─► emit ─► lines
//! ```
//! A stage decides from what came before it and from its own state, never from a later stage, so `Pipeline::apply`
//! reads top to bottom as the story of a batch. Where a batch ends makes no difference to a single byte of output.

pub mod decode;
pub mod identify;
pub mod understand;
pub mod route;
pub mod emit;

use std::sync::Arc;

use crate::rules::Rules;
use crate::rules::keys::{HashKey, Keys};
use crate::types::decision::{DecisionBatch, IdentityBatch};
use crate::types::event::{Entry, Events};
use crate::types::lines::Output;
use crate::types::operation::{Operations, Resolutions, Resolved};
use crate::types::position::Jump;
use crate::types::record::Record;
use crate::types::{DivisionId, DurationMs, Floor, Millis, Tally};

use decode::{Decoder, Limits};
use emit::Emitter;
use identify::Identify;
use route::Division;
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
    identify: Identify,
    understand: Understand,
    divisions: Vec<Division>,
    emitter: Emitter,
    batch: Batch,
    clock: Option<Millis>,
    max_jump: Option<DurationMs>,
    tally: Tally,
}

/// What passes between the stages; kept between batches so that its memory is reused.
#[derive(Default)]
struct Batch {
    events: Events,
    /// By row.
    clocks: Vec<Millis>,
    /// By refused event: the clock that it did not move.
    refused_at: Vec<Millis>,
    resolutions: Resolutions,
    identities: IdentityBatch,
    /// By division.
    operations: Vec<Operations>,
}

impl Pipeline {
    /// An engine that has seen nothing.
    pub fn new(rules: Arc<Rules>, key: &HashKey, tenant: &str) -> Pipeline {
        let keys = Keys::new(key, &rules);
        let divisions = 0..rules.divisions.len();
        let batch = Batch {
            identities: IdentityBatch { first_number: 1, ..IdentityBatch::default() },
            operations: divisions.clone().map(|_| Operations::default()).collect(),
            ..Batch::default()
        };
        Pipeline {
            decoder: Decoder::new(rules.clone(), keys.clone(), Limits::default()),
            identify: Identify::new(&rules),
            understand: Understand::new(rules.clone(), &keys),
            divisions: divisions
                .map(|at| Division::new(DivisionId(at as u16), rules.clone(), &keys))
                .collect(),
            emitter: Emitter::new(&rules, tenant),
            batch,
            clock: None,
            max_jump: None,
            tally: Tally::new(rules.queues.len()),
            rules,
        }
    }

    /// How far the time of a plain file may jump forward from one event to the next; `None`: as far as it likes.
    pub fn set_max_jump(&mut self, max_jump: Option<DurationMs>) {
        self.max_jump = max_jump;
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
        self.forget();
        let batch = &mut self.batch;
        self.decoder.decode(records, &mut batch.events);
        let jump = self.set_clocks(now);
        watch.done(Stage::Decode);

        let batch = &mut self.batch;
        self.identify.apply(
            &batch.events,
            &batch.clocks,
            &mut batch.resolutions,
            &mut batch.identities,
            &mut self.tally,
        );
        self.count();
        watch.done(Stage::Identify);

        let batch = &mut self.batch;
        self.understand.apply(&batch.events, &batch.clocks, &batch.resolutions, &mut batch.operations);
        watch.done(Stage::Understand);

        for (division, operations) in self.divisions.iter_mut().zip(&batch.operations) {
            division.apply(&batch.events, &batch.clocks, now, operations);
            if let Some(clock) = self.clock {
                division.advance(clock);
            }
        }
        watch.done(Stage::Route);

        self.emit(out);
        watch.done(Stage::Emit);
        jump.map_or(Ok(()), Err)
    }

    /// Moves the clock on, never back, and fires what falls due: the tick of an epoch, or `--until`.
    pub fn advance(&mut self, clock: Millis, now: Option<Millis>, out: &mut Output) {
        self.forget();
        let clock = self.clock.map_or(clock, |before| before.max(clock));
        self.clock = Some(clock);
        for division in &mut self.divisions {
            division.tick(clock, now);
        }
        self.emit(out);
    }

    /// The clock of the last entry.
    pub fn clock(&self) -> Option<Millis> {
        self.clock
    }

    /// No deadline lies before this instant; `None`: nothing is armed.
    pub fn next_deadline(&mut self) -> Option<Millis> {
        self.divisions.iter_mut().filter_map(Division::next_deadline).min()
    }

    /// What was decided in the last batch, by division.
    pub fn decisions(&self) -> impl Iterator<Item = (DivisionId, &DecisionBatch)> {
        self.divisions.iter().enumerate().map(|(at, division)| (DivisionId(at as u16), &division.batch))
    }

    /// The rules in force.
    pub fn rules(&self) -> &Arc<Rules> {
        &self.rules
    }

    /// What was counted so far.
    pub fn tally(&self) -> Tally {
        let mut tally = self.tally.clone();
        let by_stage =
            self.divisions.iter().map(|division| &division.ignored).chain([&self.understand.ignored]);
        for ignored in by_stage {
            tally.ignored.iter_mut().zip(ignored).for_each(|(sum, count)| *sum += count);
        }
        for division in &self.divisions {
            for (queue, counted) in self
                .rules
                .queues
                .iter()
                .zip(&division.objectives)
                .enumerate()
                .map(|(at, (q, c))| ((at, q), c))
            {
                if queue.1.division == division.id() {
                    tally.objectives[queue.0] = *counted;
                }
            }
        }
        tally
    }

    /// What waits and who is there, now.
    pub fn floor(&self, floor: &mut Floor) {
        floor.clear(self.rules.queues.len(), self.divisions.len());
        self.divisions.iter().for_each(|division| division.add_to(floor));
    }

    fn forget(&mut self) {
        self.batch.clocks.clear();
        self.batch.refused_at.clear();
        self.batch.resolutions.clear();
        self.batch.identities.clear();
        self.batch.operations.iter_mut().for_each(Operations::clear);
        self.batch.events.clear();
        self.divisions.iter_mut().for_each(|division| division.batch.clear());
    }

    /// Gives each entry its clock: `max(previous, min(record timestamp, now))`; a refused one has the previous. At a
    /// jump that is too far the batch ends.
    fn set_clocks(&mut self, now: Option<Millis>) -> Option<Jump> {
        let Batch { events, clocks, refused_at, .. } = &mut self.batch;
        for place in 0..events.entries.len() {
            let row = match events.entries[place] {
                Entry::Rejected(_) => {
                    refused_at.push(self.clock.unwrap_or_default());
                    continue;
                }
                Entry::Event(row) => row as usize,
            };
            let event = &events.rows[row];
            let recorded = now.map_or(event.recorded, |now| now.min(event.recorded));
            if let (Some(before), Some(max_jump), None) = (self.clock, self.max_jump, now)
                && recorded.since(before) > max_jump
            {
                let jump = Jump { position: event.position, from: before, to: recorded };
                events.entries.truncate(place);
                events.rows.truncate(row);
                events.rejected.truncate(refused_at.len());
                return Some(jump);
            }
            let clock = self.clock.map_or(recorded, |before| before.max(recorded));
            self.clock = Some(clock);
            clocks.push(clock);
        }
        None
    }

    /// Counts what decode and identify made of the entries; later stages count what they ignore.
    fn count(&mut self) {
        let Batch { events, clocks, resolutions, .. } = &self.batch;
        self.tally.events += events.entries.len() as u64;
        for rejected in &events.rejected {
            self.tally.rejected[rejected.reason as usize] += 1;
        }
        let max_late = self.rules.clock.max_late;
        for ((event, clock), resolved) in events.rows.iter().zip(clocks).zip(&resolutions.rows) {
            if *resolved == Resolved::Duplicate {
                continue;
            }
            self.tally.accepted += 1;
            self.tally.clamped += u64::from(event.time > *clock || event.time < clock.minus(max_late));
            if let Resolved::Ignored(reason) = resolved {
                self.tally.ignored[*reason as usize] += 1;
            }
        }
    }

    fn emit(&mut self, out: &mut Output) {
        out.clear();
        out.divisions.resize_with(self.divisions.len(), Default::default);
        for (time, rejected) in self.batch.refused_at.iter().zip(&self.batch.events.rejected) {
            self.emitter.rejected(*time, rejected, &mut out.rejected);
        }
        self.emitter.identity(&self.batch.identities, &mut out.identity);
        for (at, division) in self.divisions.iter().enumerate() {
            self.emitter.division(DivisionId(at as u16), &division.batch, &mut out.divisions[at]);
        }
    }
}
