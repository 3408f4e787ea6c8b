//! Between decode and understand: the one writer of a tenant. It gives each event its clock, lets identify say whose
//! it is, and deals the events out: customers' by shard, agents' straight to their divisions.
//!
//! Customers are independent of each other but for merges. So what a batch holds of customers who merge in it is kept
//! apart and understood after the rest, by one thread with all shards at hand; everything else by as many threads as
//! there are parts. With a single part there is nothing to keep apart.

use std::io::{self, Read, Write};
use std::sync::Arc;

use borsh::{BorshDeserialize, BorshSerialize};

use crate::pipeline::emit::Emitter;
use crate::pipeline::identify::Identify;
use crate::pipeline::route::ChangedBy;
use crate::pipeline::understand::{self, Sequence, part_of};
use crate::rules::{Renumbering, Rules, Uses};
use crate::types::decision::IdentityBatch;
use crate::types::event::{Entry, Events};
use crate::types::operation::{Operations, Resolutions, Resolved};
use crate::types::position::Jump;
use crate::types::{DurationMs, EventType, IgnoreReason, Lines, Millis, Position, Tally, TraceParent};

/// Clock, identify and what is counted there.
#[derive(Debug)]
pub struct Sequencer {
    rules: Arc<Rules>,
    identify: Identify,
    clock: Option<Millis>,
    max_jump: Option<DurationMs>,
    /// A jump was refused: nothing is applied any more.
    stopped: bool,
    /// Rules may have changed: nothing is applied before `go_on`.
    held: bool,
    parts: usize,
    /// Number of the next identity decision.
    next_identity: u64,
    merging: Merging,
    /// What decode, identify and the dealing out counted.
    pub tally: Tally,
}

/// What the sequencer found out about a batch; kept between batches so that its memory is reused.
#[derive(Debug, Default)]
pub struct Sequenced {
    /// By row.
    pub clocks: Vec<Millis>,
    /// By refused event: the clock that it did not move.
    pub refused_at: Vec<Millis>,
    /// Whose each row is.
    pub resolutions: Resolutions,
    /// Merges and refusals.
    pub identities: IdentityBatch,
    /// Rows by part of understand, each in order.
    pub rows: Vec<Vec<u32>>,
    /// Rows of customers who merge in this batch, in order; empty with one part.
    pub joint: Vec<u32>,
    /// Agents' events by division.
    pub agents: Vec<Operations>,
    /// The clock after the last entry.
    pub clock: Option<Millis>,
    /// The batch was cut behind an event that changes the rules.
    pub cut: Option<Cut>,
}

/// Where a batch was cut: what stands behind it goes by other rules, or would.
#[derive(Copy, Clone, Debug)]
pub struct Cut {
    /// Where the event stands that asks for other rules, the last one.
    pub position: Position,
    /// Its trace.
    pub traceparent: TraceParent,
    /// It came before, and asks for nothing.
    pub is_duplicate: bool,
}

impl Cut {
    /// What goes on by other rules from here on; `None`: it came before.
    pub fn asks_for_rules(self, sequenced: &Sequenced, now: Option<Millis>) -> Option<ChangedBy> {
        let clock = *sequenced.clocks.last().expect("it is the last row");
        let by = ChangedBy { position: self.position, traceparent: self.traceparent, clock, now };
        (!self.is_duplicate).then_some(by)
    }
}

impl Sequenced {
    /// The batch as understand reads it.
    pub fn of<'a>(&'a self, events: &'a Events) -> Sequence<'a> {
        Sequence { events, clocks: &self.clocks, resolutions: &self.resolutions }
    }

    /// Writes down what needs no division: rejects, merges and refusals.
    pub fn emit(&self, emitter: &mut Emitter, events: &Events, rejected: &mut Lines, identity: &mut Lines) {
        for (time, refused) in self.refused_at.iter().zip(&events.rejected) {
            emitter.rejected(*time, refused, rejected);
        }
        emitter.identity(&self.identities, identity);
    }

    /// Forgets the batch, keeps the memory.
    pub fn forget(&mut self) {
        let (parts, divisions) = (self.rows.len(), self.agents.len());
        self.clear(parts, divisions);
    }

    fn clear(&mut self, parts: usize, divisions: usize) {
        self.clocks.clear();
        self.refused_at.clear();
        self.resolutions.clear();
        self.identities.clear();
        self.cut = None;
        self.rows.resize_with(parts, Vec::new);
        self.rows.iter_mut().for_each(Vec::clear);
        self.joint.clear();
        self.agents.resize_with(divisions, Operations::default);
        self.agents.iter_mut().for_each(Operations::clear);
    }
}

impl Sequencer {
    /// Customers founded so far.
    pub fn customers(&self) -> u32 {
        self.identify.customers()
    }

    /// Bytes that identify holds: deduplication, identifiers, customers.
    pub fn bytes(&self) -> [usize; 3] {
        self.identify.bytes()
    }

    /// Writes what is known between two batches.
    ///
    /// # Errors
    /// If `to` fails.
    pub fn save(&self, to: &mut impl Write) -> io::Result<()> {
        assert!(!self.stopped && !self.held, "an engine that has come to its end is not saved");
        self.identify.save(to)?;
        (self.clock, self.next_identity, &self.tally).serialize(to)
    }

    /// Puts what was saved in the place of what is known.
    ///
    /// # Errors
    /// If `from` fails.
    pub fn restore(&mut self, from: &mut impl Read) -> io::Result<()> {
        self.identify.restore(from)?;
        (self.clock, self.next_identity, self.tally) = BorshDeserialize::deserialize_reader(from)?;
        Ok(())
    }

    /// Has seen nothing; deals out to so many parts of understand.
    pub fn new(rules: Arc<Rules>, parts: usize) -> Sequencer {
        Sequencer {
            identify: Identify::new(&rules),
            clock: None,
            max_jump: None,
            stopped: false,
            held: false,
            parts,
            next_identity: 1,
            merging: Merging::default(),
            tally: Tally::new(rules.queues.len()),
            rules,
        }
    }

    /// How far the time of a plain file may jump forward from one event to the next; `None`: as far as it likes.
    pub fn set_max_jump(&mut self, max_jump: Option<DurationMs>) {
        self.max_jump = max_jump;
    }

    /// Checks by full scan that every identifier has one owner and customers' counts are those of the identifiers.
    pub fn audit(&self) {
        self.identify.audit();
    }

    /// The clock of the last entry.
    pub fn clock(&self) -> Option<Millis> {
        self.clock
    }

    /// Moves the clock on, never back; gives it.
    pub fn advance(&mut self, clock: Millis) -> Millis {
        let clock = self.clock.map_or(clock, |before| before.max(clock));
        self.clock = Some(clock);
        clock
    }

    /// Other rules, or the same as before: what stands behind the cut may come.
    pub fn go_on(&mut self) {
        self.held = false;
    }

    /// The rules in force.
    pub fn rules(&self) -> &Arc<Rules> {
        &self.rules
    }

    /// Whether nothing is applied before `go_on`.
    pub fn is_held(&self) -> bool {
        self.held
    }

    /// Identifiers in use, by kind.
    pub fn uses(&self) -> Uses {
        let mut uses = Uses::none(&self.rules);
        self.identify.count_kinds(&mut uses.kinds);
        uses
    }

    /// The event that asked for them had no effect.
    pub fn count_ignored(&mut self, reason: IgnoreReason) {
        self.tally.ignored[reason as usize] += 1;
    }

    /// Goes on by other rules.
    pub fn adopt(&mut self, rules: &Arc<Rules>, numbers: &Renumbering) {
        self.identify.adopt(rules, numbers);
        let objectives = std::mem::take(&mut self.tally.objectives);
        self.tally.objectives = numbers.carry_queues(objectives, rules.queues.len(), Default::default);
        self.rules = rules.clone();
    }

    /// Takes a decoded batch; it ends behind the first event that asks for other rules. `now` is the leader's wall clock of the epoch; a plain file has none.
    ///
    /// # Errors
    /// A plain file's time jumped forward by more than `max_jump`: what stands before the jump is applied, and nothing
    /// from there on, in later batches neither.
    pub fn apply(
        &mut self,
        events: &mut Events,
        now: Option<Millis>,
        out: &mut Sequenced,
    ) -> Result<(), Jump> {
        out.clear(self.parts, self.rules.divisions.len());
        out.identities.first_number = self.next_identity;
        if self.stopped || self.held {
            cut(events, 0, 0, 0);
        }
        let jump = self.set_clocks(events, now, out);
        self.stopped |= jump.is_some();
        out.clock = self.clock;
        let Sequenced { clocks, resolutions, identities, .. } = out;
        self.identify.apply(events, clocks, resolutions, identities, &mut self.tally);
        self.next_identity += identities.decisions.len() as u64;
        self.deal_out(events, out);
        let last = events.rows.last().filter(|event| event.event_type == EventType::RulesChanged);
        out.cut = last.map(|event| Cut {
            position: event.position,
            traceparent: event.traceparent,
            is_duplicate: out.resolutions.rows.last() == Some(&Resolved::Duplicate),
        });
        self.held |= out.cut.is_some();
        jump.map_or(Ok(()), Err)
    }

    /// Gives each entry its clock: `max(previous, min(record timestamp, now))`; a refused one has the previous. At a
    /// jump that is too far, and behind a change of rules, the batch ends.
    fn set_clocks(&mut self, events: &mut Events, now: Option<Millis>, out: &mut Sequenced) -> Option<Jump> {
        for place in 0..events.entries.len() {
            let row = match events.entries[place] {
                Entry::Rejected(_) => {
                    out.refused_at.push(self.clock.unwrap_or_default());
                    continue;
                }
                Entry::Event(row) => row as usize,
            };
            let event = &events.rows[row];
            let event_type = event.event_type;
            let recorded = now.map_or(event.recorded, |now| now.min(event.recorded));
            if let (Some(before), Some(max_jump), None) = (self.clock, self.max_jump, now)
                && recorded.since(before) > max_jump
            {
                let jump = Jump { position: event.position, from: before, to: recorded };
                cut(events, place, row, out.refused_at.len());
                return Some(jump);
            }
            out.clocks.push(self.advance(recorded));
            if event_type == EventType::RulesChanged {
                cut(events, place + 1, row + 1, out.refused_at.len());
                return None;
            }
        }
        None
    }

    /// Counts what became of each event, and says who works on it.
    fn deal_out(&mut self, events: &Events, out: &mut Sequenced) {
        self.tally.events += events.entries.len() as u64;
        for rejected in &events.rejected {
            self.tally.rejected[rejected.reason as usize] += 1;
        }
        self.merging.clear();
        if self.parts > 1 {
            for merge in &out.resolutions.merges {
                self.merging.add(merge.survivor);
                self.merging.add(merge.absorbed);
            }
        }
        for gone in &mut out.resolutions.forgotten {
            gone.jointly = self.merging.contains(gone.customer);
        }
        let max_late = self.rules.clock.max_late;
        let rows = events.rows.iter().zip(&out.clocks).zip(&out.resolutions.rows);
        for (row, ((event, clock), resolved)) in rows.enumerate() {
            if *resolved == Resolved::Duplicate {
                continue;
            }
            self.tally.accepted += 1;
            self.tally.clamped += u64::from(event.time > *clock || event.time < clock.minus(max_late));
            match *resolved {
                Resolved::Duplicate | Resolved::Told => {}
                Resolved::Ignored(reason) => self.tally.ignored[reason as usize] += 1,
                Resolved::NoCustomer => understand::agent_event(event, row as u32, None, &mut out.agents),
                Resolved::Customer { index, .. } if self.merging.contains(index) => {
                    out.joint.push(row as u32);
                }
                Resolved::Customer { index, .. } => {
                    out.rows[part_of(index, self.parts)].push(row as u32);
                }
            }
        }
    }
}

/// Drops what stands behind so many entries, rows and rejects.
fn cut(events: &mut Events, entries: usize, rows: usize, rejected: usize) {
    events.entries.truncate(entries);
    events.rows.truncate(rows);
    events.rejected.truncate(rejected);
}

/// The customers who merge in a batch: a filter in front of a list, for nearly everybody asked is not in it.
#[derive(Debug)]
struct Merging {
    filter: [u64; FILTER_WORDS],
    customers: Vec<u32>,
}

const FILTER_WORDS: usize = 64;

impl Default for Merging {
    fn default() -> Merging {
        Merging { filter: [0; FILTER_WORDS], customers: Vec::new() }
    }
}

impl Merging {
    fn clear(&mut self) {
        if !self.customers.is_empty() {
            self.filter = [0; FILTER_WORDS];
            self.customers.clear();
        }
    }

    fn add(&mut self, customer: u32) {
        let (word, bit) = Merging::place(customer);
        self.filter[word] |= bit;
        if let Err(place) = self.customers.binary_search(&customer) {
            self.customers.insert(place, customer);
        }
    }

    #[inline]
    fn contains(&self, customer: u32) -> bool {
        let (word, bit) = Merging::place(customer);
        self.filter[word] & bit != 0 && self.customers.binary_search(&customer).is_ok()
    }

    #[inline]
    fn place(customer: u32) -> (usize, u64) {
        (customer as usize / 64 % FILTER_WORDS, 1 << (customer % 64))
    }
}
