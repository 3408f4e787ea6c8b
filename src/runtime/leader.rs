//! The leader of a tenant: takes what has arrived, carries it out, has the epoch recorded and its output sent. Exactly
//! once, both are one transaction. At least once, the output leaves when the record is safe, so that after a crash the
//! outputs of the last recorded epochs are sent again, the same bytes. At most `epochs_in_flight` epochs are under way
//! (processed, being recorded, being sent).
//!
//! Reading goes on while older epochs are processed, recorded and sent; with the limit reached it stops, and the
//! broker keeps the rest. While nothing arrives the leader's thread works at what is under way.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::rules::Tick;
use crate::runtime::alive::Alive;
use crate::runtime::arrivals::Arrivals;
use crate::runtime::core::Core;
use crate::runtime::doors::{Clock, Commit, Engine, Error, Sink, Source, Store};
use crate::runtime::inbox::{Limits, Selection};
use crate::runtime::journal::{Claim, EpochRecord, Hash, Input, Moved};
use crate::runtime::outgoing::Outgoing;
use crate::runtime::recover::Recovered;
use crate::runtime::settings::{Delivery, Settings};
use crate::runtime::snapshot::{Keeper, Restored, Told};
use crate::runtime::standby::Standby;
use crate::runtime::telling::Telling;
use crate::runtime::{FORMAT, SEMANTICS};
use crate::types::{DurationMs, Millis};

/// Longest wait for input: the stop flag is looked at as often.
const IDLE_MAX_MS: i64 = 100;
/// Epochs without input are at least so far apart.
const TICK_EVERY: DurationMs = DurationMs(5);
/// How far the input is processed is told so often.
const TELL_EVERY: DurationMs = DurationMs(1_000);
/// Longest wait for an acknowledgement before the other doors are looked at.
const ACK_WAIT: Duration = Duration::from_millis(1);

/// What a leader has done since its start.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default)]
pub struct Progress {
    /// Recorded epochs walked through at the start.
    pub epochs_replayed: u64,
    /// Records of the input taken by them.
    pub records_replayed: u64,
    /// Outputs sent again at the start.
    pub sent_again: u64,
    /// Epochs formed.
    pub epochs: u64,
    /// Input records taken by them.
    pub records: u64,
    /// Outputs sent.
    pub sent: u64,
    /// Records that are yet to be taken one by one, because the engine panicked at one of them.
    pub careful: u64,
    /// Records taken without effect, at the start and since.
    pub skipped: u64,
}

/// A processed epoch whose record is not safe yet.
struct Pending {
    epoch: u64,
    output: Arc<Outgoing>,
    moved: Vec<Moved>,
}

/// What is left of a leader that has ended cleanly.
pub struct Retired<E> {
    core: Core<E>,
    keeper: Keeper,
    place: u64,
    now: Millis,
}

impl<E: Engine> Retired<E> {
    /// Saves the end, so that the next start replays nothing; what became of that, if there is a place for snapshots.
    pub fn save(mut self) -> Option<Told> {
        self.keeper.finish(&mut self.core, self.place, self.now)
    }
}

/// One tenant's leader.
pub struct Leader<E, S, K, J, C> {
    core: Core<E>,
    source: S,
    sink: K,
    store: J,
    clock: C,
    settings: Settings,
    selection: Selection,
    /// Processed epochs whose record is not safe yet, oldest first.
    pending: VecDeque<Pending>,
    /// `now` of the last epoch.
    now: Millis,
    /// By slot, of those that have moved since it was last told: the input before is processed and safe.
    safe: BTreeMap<usize, u64>,
    /// How long it has been leading: `now` stands still while a clock that was ahead is right again, and what is done from
    /// time to time may not.
    alive: Alive,
    /// When it was last told.
    told: Millis,
    discovered: Millis,
    progress: Progress,
    telling: Telling,
    keeper: Keeper,
    restored: Restored,
    told_snapshots: Vec<Told>,
}

impl<E: Engine, S: Source, K: Sink, J: Store, C: Clock> Leader<E, S, K, J, C> {
    /// Replays the epoch log, becomes its writer, sends again what may not have arrived, and claims the tenant.
    /// `Ok(None)`: the stop flag was set meanwhile.
    ///
    /// # Errors
    /// As `replay`; or if inputs or outputs no longer fit the epoch log.
    pub fn start(
        engine: E,
        source: S,
        sink: K,
        store: J,
        clock: C,
        settings: Settings,
        stop: &AtomicBool,
    ) -> Result<Option<Self>, Error> {
        Standby::new(engine, source, sink, store, clock, settings).lead(stop)
    }

    /// Goes on where a standby has come to, whose store this instance alone may write: sends again what may not have
    /// arrived, and claims the tenant.
    ///
    /// # Errors
    /// If inputs or outputs no longer fit the epoch log, or a door fails.
    pub(super) fn take_over(standby: Standby<E, S, K, J, C>) -> Result<Self, Error> {
        let now = standby.now();
        let Standby {
            core,
            source,
            sink,
            store,
            clock,
            settings,
            found: recovered,
            restored,
            mut keeper,
            ..
        } = standby;
        let restored = restored.unwrap_or_default();
        if let Some(snapshots) = &settings.snapshots {
            // What somebody was writing when he died.
            snapshots.clean(&settings.tenant);
        }
        keeper.lead();
        let telling = Telling::new(&settings.gauges);
        let (careful, skipped) = (settings.careful, core.skipped());
        let mut leader = Leader {
            core,
            telling,
            source,
            sink,
            store,
            clock,
            settings,
            selection: Selection::default(),
            pending: VecDeque::new(),
            now,
            keeper,
            restored,
            told_snapshots: Vec::new(),
            safe: BTreeMap::new(),
            alive: Alive::default(),
            told: Millis::MIN,
            discovered: Millis::MIN,
            progress: Progress {
                careful,
                skipped,
                epochs_replayed: recovered.epochs,
                records_replayed: recovered.records,
                ..Progress::default()
            },
        };
        leader.send_again(&recovered)?;
        leader.move_now();
        let inputs = leader.all_inputs()?;
        leader.claim(inputs)?;
        leader.telling.leads();
        Ok(leader)
    }

    /// What the start found of snapshots.
    pub fn restored(&self) -> &Restored {
        &self.restored
    }

    /// What became of the snapshots since the last question.
    #[cfg(test)]
    pub(crate) fn snapshots(&mut self) -> Vec<Told> {
        std::mem::take(&mut self.told_snapshots)
    }

    /// Whether a record, `topic[partition]@offset`, is yet to be taken, and with effect.
    pub fn awaits(&self, place: &str) -> bool {
        let inputs = self.core.inputs().iter().enumerate();
        inputs.filter_map(|(slot, input)| Some((slot, input.offset(place)?))).any(|(slot, offset)| {
            self.core.inbox.taken(slot) <= offset && !self.core.skips(slot as u32, offset)
        })
    }

    /// What was done so far.
    pub fn progress(&self) -> Progress {
        self.progress
    }

    /// The stages.
    pub fn engine(&self) -> &E {
        &self.core.engine
    }

    /// Runs until the stop flag is set, then finishes what is in hand.
    ///
    /// # Errors
    /// If a door fails. Nothing is lost by that: what is recorded is sent again at the next start.
    pub fn run(&mut self, stop: &AtomicBool, mut each: impl FnMut(&Progress, &[Told])) -> Result<(), Error> {
        while !stop.load(Ordering::Relaxed) {
            self.step()?;
            each(&self.progress, &std::mem::take(&mut self.told_snapshots));
        }
        self.drain()?;
        each(&self.progress, &std::mem::take(&mut self.told_snapshots));
        Ok(())
    }

    /// Runs until everything is processed that the input held when it was called, or until the stop flag is set; then
    /// finishes what is in hand.
    ///
    /// # Errors
    /// As `run`.
    pub fn run_to_end(
        &mut self,
        stop: &AtomicBool,
        mut each: impl FnMut(&Progress, &[Told]),
    ) -> Result<(), Error> {
        let ends = self.source.ends()?;
        while !self.reached(&ends) && !stop.load(Ordering::Relaxed) {
            self.step()?;
            each(&self.progress, &std::mem::take(&mut self.told_snapshots));
        }
        self.drain()?;
        each(&self.progress, &std::mem::take(&mut self.told_snapshots));
        Ok(())
    }

    /// One round: acknowledgements, arrivals, and an epoch if there is reason for one (then true).
    ///
    /// # Errors
    /// As `run`.
    pub fn step(&mut self) -> Result<bool, Error> {
        self.telling.round(self.now, &self.core.engine);
        self.tell();
        self.take_snapshot()?;
        self.send_recorded(Duration::ZERO)?;
        while self.core.is_through()? {
            self.finish()?;
        }
        let careful = self.progress.careful > 0;
        if self.under_way()? >= if careful { 1 } else { u64::from(self.settings.epochs_in_flight) } {
            self.make_room()?;
            return Ok(false);
        }
        self.source.poll(Duration::ZERO, &mut self.core.inbox)?;
        self.look();
        if !self.something_to_do() && self.core.under_way() > 0 {
            // Nothing has arrived: what has been begun goes first.
            self.finish()?;
            return Ok(false);
        }
        if !self.something_to_do() {
            let wait = self.wait();
            self.source.poll(wait, &mut self.core.inbox)?;
            self.look();
        }
        if self.alive.for_how_long().since(self.discovered) >= self.settings.discover_every {
            let inputs = self.all_inputs()?;
            if inputs.len() > self.core.inputs().len() {
                while self.core.under_way() > 0 {
                    self.finish()?;
                }
                self.claim(inputs)?;
                return Ok(true);
            }
        }
        let work = self.something_to_do();
        if work {
            self.begin()?;
        }
        Ok(work)
    }

    /// Finishes what is in hand: every epoch formed is recorded, every output acknowledged.
    ///
    /// # Errors
    /// As `run`.
    pub fn drain(&mut self) -> Result<(), Error> {
        while self.under_way()? > 0 {
            self.make_room()?;
        }
        Ok(())
    }

    /// After `run`: lets go of every door, so that another may lead at once. What is left can still be saved.
    pub fn retire(self) -> Retired<E> {
        let Leader { core, keeper, now, store, .. } = self;
        Retired { core, keeper, place: store.place(), now }
    }

    /// Begins a snapshot if it is time for one, and hears what became of the one before.
    fn take_snapshot(&mut self) -> Result<(), Error> {
        let alive = self.alive.for_how_long();
        self.told_snapshots.extend(self.keeper.outcome(alive));
        if !self.keeper.is_due(alive) {
            return Ok(());
        }
        match self.settings.delivery {
            Delivery::ExactlyOnce => {
                while self.core.under_way() > 0 {
                    self.finish()?;
                }
            }
            // What is in a snapshot is not sent again, so all of it must have arrived.
            Delivery::AtLeastOnce if planted!(SnapshotBeforeSent) => {
                while self.core.under_way() > 0 {
                    self.finish()?;
                }
            }
            Delivery::AtLeastOnce => self.drain()?,
        }
        self.keeper.begin(&mut self.core, self.store.place(), self.now, alive);
        Ok(())
    }

    /// Waits for the oldest epoch under way to go a step on: through the stages, into the log, or out.
    fn make_room(&mut self) -> Result<(), Error> {
        if self.core.under_way() > 0 { self.finish() } else { self.await_acknowledgement() }
    }

    fn reached(&self, ends: &[u64]) -> bool {
        let inbox = &self.core.inbox;
        ends.iter().enumerate().all(|(slot, end)| inbox.taken(slot) >= *end || inbox.at_end(slot))
    }

    /// Epochs begun whose output is not acknowledged.
    fn under_way(&mut self) -> Result<u64, Error> {
        let next = self.core.chain.next;
        let unrecorded = self.pending.front().map_or(next, |pending| pending.epoch);
        let unsent = self.sink.unacknowledged(Duration::ZERO)?.unwrap_or(next);
        let first = unrecorded.min(unsent);
        self.telling.acknowledged(first, self.clock.now_nanos());
        Ok(next - first + self.core.under_way() as u64)
    }

    fn await_acknowledgement(&mut self) -> Result<(), Error> {
        if self.pending.is_empty() {
            self.sink.unacknowledged(ACK_WAIT)?;
        } else {
            self.send_recorded(ACK_WAIT)?;
        }
        Ok(())
    }

    /// Lets go of epochs that are recorded by now; their output is sent, unless it has gone with the record. The store is
    /// asked even if there is none: it may have become another's.
    fn send_recorded(&mut self, wait: Duration) -> Result<(), Error> {
        let recorded = self.store.recorded(wait)?;
        if let Some(epoch) = recorded {
            self.telling.recorded(epoch, self.clock.now_nanos());
        }
        let is_safe = |pending: &Pending| recorded.is_some_and(|recorded| pending.epoch <= recorded);
        while self.pending.front().is_some_and(is_safe) {
            let Pending { epoch, output, moved } = self.pending.pop_front().expect("there is a front");
            self.safe.extend(moved.iter().map(|moved| (moved.slot as usize, moved.end)));
            self.progress.sent += output.len() as u64;
            if self.settings.delivery == Delivery::AtLeastOnce
                && !planted!(OutputBeforeRecord)
                && !planted!(OutputApart)
            {
                output.records().try_for_each(|record| self.sink.send(epoch, &record))?;
            }
        }
        Ok(())
    }

    fn send_again(&mut self, recovered: &Recovered) -> Result<(), Error> {
        for (epoch, outgoing) in recovered.unsent.iter().filter(|_| !planted!(UnsentForgotten)) {
            for record in outgoing.records() {
                self.sink.send(*epoch, &record)?;
                self.progress.sent_again += 1;
            }
        }
        // Before the claim: a claim would otherwise count as one of the epochs that are sent again after a crash.
        while self.sink.unacknowledged(ACK_WAIT)?.is_some() {}
        Ok(())
    }

    fn move_now(&mut self) {
        let wall = self.clock.now();
        self.alive.look(wall);
        self.now = if planted!(NowGoesBack) { wall } else { self.now.max(wall) };
    }

    /// Reads the clock and chooses what an epoch would take now.
    fn look(&mut self) {
        self.move_now();
        let records = if self.progress.careful > 0 { 1 } else { self.settings.limits.records };
        self.core.inbox.select(Limits { records, ..self.settings.limits }, &mut self.selection);
    }

    fn something_to_do(&mut self) -> bool {
        !self.selection.is_empty() || self.tick_due()
    }

    fn wait(&mut self) -> Duration {
        if !self.pending.is_empty() {
            return Duration::from_millis(TICK_EVERY.0 as u64);
        }
        let mut wait = IDLE_MAX_MS;
        if self.core.engine.tick() == Tick::Wall
            && let Some(deadline) = self.core.engine.next_deadline()
        {
            wait = deadline.since(self.clock.now()).0.clamp(1, IDLE_MAX_MS);
        }
        Duration::from_millis(wait as u64)
    }

    /// Whether an epoch without input has something to do. Epochs under way may arm timers: then it is too early to say.
    fn tick_due(&mut self) -> bool {
        self.core.engine.tick() == Tick::Wall
            && self.core.under_way() == 0
            && (self.selection.drained || planted!(TimersBeforeBacklog))
            && self.core.engine.next_deadline().is_some_and(|deadline| deadline <= self.now)
            && self.core.engine.clock().is_none_or(|clock| self.now.since(clock) >= TICK_EVERY)
    }

    fn begin(&mut self) -> Result<(), Error> {
        let drained = self.selection.drained || planted!(TimersBeforeBacklog);
        let ahead = self.core.engine.tick() == Tick::Wall && drained;
        let records = self.selection.len() as u64;
        let place = (records == 1 && self.core.under_way() == 0).then(|| self.core.first_of(&self.selection));
        let epoch = self.core.chain.next + self.core.under_way() as u64;
        self.settings.in_hand.begin(epoch, records, place.flatten(), false);
        self.progress.careful = self.progress.careful.saturating_sub(records);
        self.core.begin(&self.selection, ahead.then_some(self.now), self.now)
    }

    /// Waits for the oldest epoch begun and has it recorded.
    fn finish(&mut self) -> Result<(), Error> {
        let before = self.core.rules_hash();
        let Some(outcome) = self.core.finish()? else { return Ok(()) };
        if self.core.under_way() == 0 {
            self.settings.in_hand.finish();
        }
        self.telling.skipped(self.core.skipped() - self.progress.skipped);
        self.progress.skipped = self.core.skipped();
        self.progress.records += outcome.arrivals.records;
        let record = EpochRecord {
            now: outcome.now.0,
            tick: outcome.clock.map(|clock| clock.0),
            moved: outcome.moved,
            sent: outcome.sent,
            rules: Hash(if planted!(RulesOfAnotherEpoch) { before } else { outcome.rules }),
            asked: outcome.asked,
            ..self.record()
        };
        self.append(&record, outcome.outgoing, outcome.arrivals)
    }

    fn claim(&mut self, inputs: Vec<Input>) -> Result<(), Error> {
        let first = self.core.chain.next == 0;
        let outputs = self.outputs()?;
        let claim = Claim {
            tenant: self.settings.tenant.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            inputs,
            outputs,
            epochs_in_flight: match self.settings.delivery {
                Delivery::ExactlyOnce => 0,
                Delivery::AtLeastOnce => self.settings.epochs_in_flight,
            },
            rules_text: self.core.engine.rules().first().filter(|_| first).cloned(),
        };
        self.core.adopt(&claim, &mut self.source)?;
        let record = EpochRecord { claim: Some(Box::new(claim)), ..self.record() };
        self.append(&record, Outgoing::default(), Arrivals::default())
    }

    fn record(&self) -> EpochRecord {
        EpochRecord {
            format: FORMAT,
            semantics: SEMANTICS,
            epoch: self.core.chain.next,
            writer: self.settings.writer.clone(),
            previous: Hash(self.core.chain.hash),
            now: self.now.0,
            tick: None,
            moved: Vec::new(),
            sent: Vec::new(),
            rules: Hash(self.core.rules_hash()),
            asked: Vec::new(),
            skip: Vec::new(),
            claim: None,
        }
    }

    fn append(&mut self, record: &EpochRecord, outgoing: Outgoing, arrivals: Arrivals) -> Result<(), Error> {
        let bytes = record.encode();
        self.core.chain.append(&bytes);
        let (epoch, outgoing) = (record.epoch, Arc::new(outgoing));
        let once = self.settings.delivery == Delivery::ExactlyOnce && !planted!(OutputApart);
        let output = once.then(|| outgoing.clone());
        if output.is_none() && (planted!(OutputBeforeRecord) || planted!(OutputApart)) {
            outgoing.records().try_for_each(|record| self.sink.send(epoch, &record))?;
        }
        self.store.append(Commit { epoch, record: bytes, output })?;
        let nanos = self.clock.now_nanos();
        self.telling.appended(record, arrivals, outgoing.bytes(), nanos);
        self.pending.push_back(Pending { epoch, output: outgoing, moved: record.moved.clone() });
        self.progress.epochs += 1;
        Ok(())
    }

    /// Tells how far the input is processed, if that has moved and it is time.
    fn tell(&mut self) {
        if self.safe.is_empty() || self.alive.for_how_long().since(self.told) < TELL_EVERY {
            return;
        }
        self.told = self.alive.for_how_long();
        let ends: Vec<_> = std::mem::take(&mut self.safe).into_iter().collect();
        self.source.tell(&ends);
    }

    /// Known slots as they are, with the types that the configuration now allows, then new partitions.
    fn all_inputs(&mut self) -> Result<Vec<Input>, Error> {
        self.discovered = self.alive.for_how_long();
        let mut found = self.source.discover(self.core.inputs())?;
        let mut inputs = Vec::new();
        for known in self.core.inputs() {
            let same = |input: &Input| (&input.topic, input.partition) == (&known.topic, known.partition);
            let Some(at) = found.iter().position(same) else {
                return Err(Error::Log(format!(
                    "input {}[{}] is part of it, but is no longer configured or no longer there",
                    known.topic, known.partition
                )));
            };
            let now = found.remove(at);
            inputs.push(Input { types: now.types, ..known.clone() });
        }
        inputs.extend(found);
        Ok(inputs)
    }

    fn outputs(&mut self) -> Result<[u32; 6], Error> {
        let there = self.sink.partitions()?;
        let Some(pinned) = self.core.outputs() else { return Ok(there) };
        if pinned.iter().zip(there).any(|(pinned, there)| *pinned > there) {
            return Err(Error::Log(format!(
                "it pins {pinned:?} output partitions (assignments, sla, replies, conversations, customers, \
                 rejected), the topics now have {there:?}: were they made anew?"
            )));
        }
        Ok(pinned)
    }
}
