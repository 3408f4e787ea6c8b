//! A batch on its way over several threads, and the states that it passes: what one step writes and later ones read.
//!
//! Each piece has a lock of its own. The plan lets nobody begin a step before what it reads is written, so no thread
//! ever waits for one of these locks; they are what lets the compiler see it.

use std::sync::{Arc, Mutex, MutexGuard, RwLock};

use crate::pipeline::change::Asked;
use crate::pipeline::decode::{Decoder, Limits};
use crate::pipeline::emit::Emitter;
use crate::pipeline::route::Division;
use crate::pipeline::sequence::{Sequenced, Sequencer};
use crate::pipeline::understand::Understand;
use crate::rules::Rules;
use crate::rules::keys::{HashKey, Keys};
use crate::runtime::flow::Finished;
use crate::runtime::flow::plan::Task;
use crate::types::decision::DecisionBatch;
use crate::types::event::Events;
use crate::types::operation::Operations;
use crate::types::{DivisionId, Jump, Lines, Millis, Output, Tally};

/// Why a lock is sound.
pub const UNLOCKED: &str = "no thread died while it held this";

/// One batch.
#[derive(Debug, Default)]
pub struct Batch {
    pub front: RwLock<Front>,
    /// By part of understand, the last of the join; then by division.
    pub operations: Vec<RwLock<Vec<Operations>>>,
    /// By division.
    pub back: Vec<Mutex<Back>>,
    /// Rejects; merges and refusals.
    pub identity: Mutex<(Lines, Lines)>,
}

/// Up to the dealing out.
#[derive(Debug, Default)]
pub struct Front {
    pub events: Events,
    pub sequenced: Sequenced,
    /// The leader's wall clock; a plain file has none.
    pub now: Option<Millis>,
    /// Behind the last record the clock moves on to this.
    pub tick: Option<Millis>,
    /// It has: to this.
    pub ticked: Option<Millis>,
    pub jump: Option<Jump>,
    /// Hash of the rules in force behind it.
    pub rules: u128,
    /// Those of its events that asked for other rules.
    pub asked: Vec<Asked>,
}

/// What a division made of it.
#[derive(Debug, Default)]
pub struct Back {
    pub decisions: DecisionBatch,
    pub lines: Lines,
}

/// The states, each changed by one thread at a time.
pub struct States {
    pub sequencer: Mutex<Sequencer>,
    pub understand: Vec<Mutex<Understand>>,
    pub divisions: Vec<Mutex<Division>>,
}

/// What a step came to.
#[derive(Copy, Clone, Debug)]
pub struct Done {
    /// Of `Sequence`: whether customers merge in the batch (and there are parts to join).
    pub joins: bool,
    /// Events that it worked at: decode all, understand a part's, route the operations of a division, emit the outputs.
    pub events: usize,
}

/// What each thread has for itself.
pub struct Tools {
    pub decoder: Decoder,
    pub emitter: Emitter,
}

impl Tools {
    /// The same for another thread.
    pub fn twin(&self, rules: &Arc<Rules>) -> Tools {
        let decoder = Decoder::new(rules.clone(), self.decoder.keys().clone(), Limits::default());
        Tools { decoder, emitter: self.emitter.under(rules) }
    }

    pub fn new(rules: &Arc<Rules>, key: &HashKey, tenant: &str) -> Tools {
        Tools {
            decoder: Decoder::new(rules.clone(), Keys::new(key, rules), Limits::default()),
            emitter: Emitter::new(rules, tenant),
        }
    }
}

impl Batch {
    /// Empty, for so many parts and divisions.
    pub fn new(parts: usize, divisions: usize) -> Batch {
        let operations = || RwLock::new((0..divisions).map(|_| Operations::default()).collect());
        Batch {
            operations: (0..=parts).map(|_| operations()).collect(),
            back: (0..divisions).map(|_| Mutex::default()).collect(),
            ..Batch::default()
        }
    }
}

impl Batch {
    /// What became of it, its steps all done, in exchange for memory to use again.
    ///
    /// # Errors
    /// A jump of the clock that was refused.
    pub fn take(&self, into: &mut Finished) -> Result<(), Jump> {
        let Output { rejected, identity, divisions } = &mut into.output;
        {
            let mut lines = self.identity.lock().expect(UNLOCKED);
            std::mem::swap(rejected, &mut lines.0);
            std::mem::swap(identity, &mut lines.1);
        }
        divisions.resize_with(self.back.len(), Default::default);
        into.decisions.resize_with(self.back.len(), Default::default);
        let to = divisions.iter_mut().zip(&mut into.decisions);
        for (back, (lines, decisions)) in self.back.iter().zip(to) {
            let mut back = back.lock().expect(UNLOCKED);
            std::mem::swap(lines, &mut back.lines);
            std::mem::swap(decisions, &mut back.decisions);
        }
        let mut front = self.front.write().expect(UNLOCKED);
        into.clock = front.sequenced.clock.max(front.ticked);
        into.rules = front.rules;
        into.asked.clear();
        into.asked.append(&mut front.asked);
        front.jump.take().map_or(Ok(()), Err)
    }
}

impl States {
    /// Before the first event.
    pub fn new(rules: &Arc<Rules>, key: &HashKey, parts: usize) -> States {
        let keys = Keys::new(key, rules);
        let division = |at| Mutex::new(Division::new(DivisionId(at as u16), rules.clone(), &keys));
        States {
            sequencer: Mutex::new(Sequencer::new(rules.clone(), parts)),
            understand: Understand::in_parts(rules, &keys, parts).into_iter().map(Mutex::new).collect(),
            divisions: (0..rules.divisions.len()).map(division).collect(),
        }
    }

    /// Does one step of a batch.
    pub fn run(&self, task: Task, batch: &Batch, tools: &mut Tools) -> Done {
        let events = match task {
            Task::Decode => {
                let mut front = batch.front.write().expect(UNLOCKED);
                tools.decoder.decode_taken(&mut front.events);
                front.events.entries.len()
            }
            Task::Sequence => return self.sequence(batch),
            Task::Understand(part) => self.understand(usize::from(part), batch),
            Task::Join => self.join(batch),
            Task::Route(division) => self.route(usize::from(division), batch),
            Task::Emit(division) => {
                let mut back = batch.back[usize::from(division)].lock().expect(UNLOCKED);
                let Back { decisions, lines } = &mut *back;
                lines.clear();
                tools.emitter.division(DivisionId(division), decisions, lines);
                lines.len()
            }
            Task::EmitIdentity => {
                let front = batch.front.read().expect(UNLOCKED);
                let mut lines = batch.identity.lock().expect(UNLOCKED);
                let (rejected, identity) = &mut *lines;
                rejected.clear();
                identity.clear();
                front.sequenced.emit(&mut tools.emitter, &front.events, rejected, identity);
                rejected.len() + identity.len()
            }
        };
        Done { joins: false, events }
    }

    /// What was counted so far, no batch being under way.
    pub fn tally(&self) -> Tally {
        let mut tally = self.sequencer.lock().expect(UNLOCKED).tally.clone();
        for part in &self.understand {
            tally.add_ignored(&part.lock().expect(UNLOCKED).ignored);
        }
        for division in &self.divisions {
            division.lock().expect(UNLOCKED).count_into(&mut tally);
        }
        tally
    }

    fn sequence(&self, batch: &Batch) -> Done {
        let mut sequencer = self.sequencer.lock().expect(UNLOCKED);
        let mut front = batch.front.write().expect(UNLOCKED);
        let Front { events, sequenced, now, tick, ticked, jump, rules, .. } = &mut *front;
        *jump = sequencer.apply(events, *now, sequenced).err();
        *rules = sequencer.rules().hash;
        *ticked = tick.filter(|_| !sequencer.is_held()).map(|clock| sequencer.advance(clock));
        Done { joins: !sequenced.joint.is_empty(), events: events.rows.len() }
    }

    fn understand(&self, part: usize, batch: &Batch) -> usize {
        let front = batch.front.read().expect(UNLOCKED);
        let mut out = batch.operations[part].write().expect(UNLOCKED);
        out.iter_mut().for_each(Operations::clear);
        let mut understand = self.understand[part].lock().expect(UNLOCKED);
        let rows = &front.sequenced.rows[part];
        understand.apply(front.sequenced.of(&front.events), rows, &mut out);
        rows.len()
    }

    fn join(&self, batch: &Batch) -> usize {
        let front = batch.front.read().expect(UNLOCKED);
        let mut out = batch.operations[self.understand.len()].write().expect(UNLOCKED);
        out.iter_mut().for_each(Operations::clear);
        let mut guards: Vec<MutexGuard<'_, Understand>> =
            self.understand.iter().map(|part| part.lock().expect(UNLOCKED)).collect();
        let mut parts: Vec<&mut Understand> = guards.iter_mut().map(|guard| &mut **guard).collect();
        let (sequence, rows) = (front.sequenced.of(&front.events), &front.sequenced.joint);
        Understand::apply_jointly(&mut parts, sequence, rows, &mut out);
        rows.len()
    }

    fn route(&self, at: usize, batch: &Batch) -> usize {
        let front = batch.front.read().expect(UNLOCKED);
        let Front { events, sequenced, now, ticked, .. } = &*front;
        let joined = usize::from(!sequenced.joint.is_empty());
        let parts: Vec<_> = batch.operations[..self.understand.len() + joined]
            .iter()
            .map(|part| part.read().expect(UNLOCKED))
            .collect();
        let lists: Vec<&Operations> =
            std::iter::once(&sequenced.agents[at]).chain(parts.iter().map(|part| &part[at])).collect();
        let mut division = self.divisions[at].lock().expect(UNLOCKED);
        division.apply(events, &sequenced.clocks, *now, &lists);
        if let Some(clock) = sequenced.clock {
            division.advance(clock);
        }
        if let Some(clock) = *ticked {
            division.tick(clock, *now);
        }
        division.hand_over(&mut batch.back[at].lock().expect(UNLOCKED).decisions);
        lists.iter().map(|list| list.rows.len()).sum()
    }
}
