//! A standby: follows the epoch log that another instance writes, with its output muted and compared, so that it can
//! take over at once. It asks for the lease when it is near the log's end. Whoever holds the lease becomes the store's only
//! writer, reads what was recorded until then, and leads; who is superseded drops its state and follows again.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::runtime::alive::Alive;
use crate::runtime::core::Core;
use crate::runtime::doors::{Clock, Engine, Error, Lease, Sink, Source, Store};
use crate::runtime::gauges::{Level, Phase, Recorder};
use crate::runtime::leader::{Leader, Retired};
use crate::runtime::recover::{Recovered, replay_on};
use crate::runtime::settings::Settings;
use crate::runtime::snapshot::{Keeper, Restored, Told};
use crate::types::{DurationMs, Millis};

/// Nearer than this to the end of the log a standby asks for the lease.
const NEAR: DurationMs = DurationMs::seconds(1);
/// Longest wait between two looks at log, lease and stop flag.
const WAIT: Duration = Duration::from_millis(50);

/// A leader, unless the stop flag was set meanwhile.
pub type Started<E, S, K, J, C> = Result<Option<Leader<E, S, K, J, C>>, Error>;

/// An instance that does not lead.
pub struct Standby<E, S, K, J, C> {
    pub(super) core: Core<E>,
    pub(super) source: S,
    pub(super) sink: K,
    pub(super) store: J,
    pub(super) clock: C,
    pub(super) settings: Settings,
    /// The snapshot that it began with; `None`: not looked for yet.
    pub(super) restored: Option<Restored>,
    /// The log since then.
    pub(super) found: Recovered,
    pub(super) keeper: Keeper,
    alive: Alive,
    told_snapshots: Vec<Told>,
    /// Whether the last round came to the end of the log quickly.
    near: bool,
    /// Whether the lease was asked for.
    asked: bool,
    recorder: Recorder,
}

impl<E: Engine, S: Source, K: Sink, J: Store, C: Clock> Standby<E, S, K, J, C> {
    /// Before the first epoch.
    pub fn new(engine: E, source: S, sink: K, store: J, clock: C, settings: Settings) -> Self {
        settings.gauges.set_phase(Phase::Starting);
        let keeper = Keeper::new(settings.snapshots.clone(), &settings.tenant, &settings.writer);
        Standby {
            keeper,
            alive: Alive::default(),
            told_snapshots: Vec::new(),
            core: Core::new(engine, &settings.tenant, settings.inbox_bytes),
            source,
            sink,
            store,
            clock,
            restored: None,
            found: Recovered::default(),
            near: false,
            asked: false,
            recorder: settings.gauges.recorder(),
            settings,
        }
    }

    /// The epochs walked through so far.
    pub fn found(&self) -> &Recovered {
        &self.found
    }

    /// Follows until this instance holds the lease, for which it asks when it is near the end of the log; false: the stop
    /// flag was set.
    ///
    /// # Errors
    /// As `replay`, or if the lease cannot be had at all.
    pub fn follow(
        &mut self,
        lease: &mut impl Lease,
        stop: &AtomicBool,
        mut tell: impl FnMut(Turn<'_>),
    ) -> Result<bool, Error> {
        while !stop.load(Ordering::Relaxed) {
            let asked = self.asked;
            if self.step(lease, stop)? {
                return Ok(true);
            }
            if self.asked && !asked {
                tell(Turn::StandsBy(&self.found));
            }
            for told in self.told_snapshots.drain(..) {
                tell(Turn::Snapshot(&told));
            }
            if self.near && !stop.load(Ordering::Relaxed) {
                self.source.poll(WAIT, &mut self.core.inbox)?;
            }
        }
        Ok(false)
    }

    /// One round without waiting: walks through what is recorded, asks for the lease if that was little; true: this
    /// instance holds it.
    ///
    /// # Errors
    /// As `follow`.
    pub fn step(&mut self, lease: &mut impl Lease, stop: &AtomicBool) -> Result<bool, Error> {
        let begun = self.clock.now();
        if !self.catch_up(stop)? {
            return Ok(false);
        }
        self.near = self.clock.now().since(begun) <= NEAR;
        if self.near && !self.asked {
            lease.ask()?;
            self.settings.gauges.set_phase(Phase::Standby);
            self.asked = true;
        }
        self.take_snapshot();
        Ok(self.asked && lease.holds(Duration::ZERO)?)
    }

    /// `now` of the last epoch walked through.
    pub(super) fn now(&self) -> Millis {
        let restored = self.restored.as_ref().and_then(|restored| restored.now);
        self.found.now.or(restored).unwrap_or(Millis::MIN)
    }

    /// Begins a snapshot if it is time for one, and hears what became of the one before. What it holds is recorded, for
    /// nothing else was walked through. Delivered at least once, recorded is not sent, and only the leader knows what is.
    fn take_snapshot(&mut self) {
        self.alive.look(self.clock.now());
        let alive = self.alive.for_how_long();
        self.told_snapshots.extend(self.keeper.outcome(alive));
        if self.near && self.core.in_flight == 0 && self.keeper.is_due(alive) {
            let (place, now) = (self.store.place(), self.now());
            self.keeper.begin(&mut self.core, place, now, alive);
        }
    }

    /// What became of the snapshots since the last question.
    #[cfg(test)]
    pub(crate) fn snapshots(&mut self) -> Vec<Told> {
        std::mem::take(&mut self.told_snapshots)
    }

    /// Waits for the lease without following, which costs neither time nor memory now, but the whole replay later; false:
    /// the stop flag was set.
    ///
    /// # Errors
    /// If the lease cannot be had at all.
    pub fn wait(&mut self, lease: &mut impl Lease, stop: &AtomicBool) -> Result<bool, Error> {
        lease.ask()?;
        self.settings.gauges.set_phase(Phase::Standby);
        while !stop.load(Ordering::Relaxed) {
            self.recorder.beat(self.clock.now());
            if lease.holds(WAIT)? {
                self.settings.gauges.set_phase(Phase::Starting);
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Becomes the only writer, reads what was recorded until then, and leads. `Ok(None)`: the stop flag was set.
    ///
    /// # Errors
    /// As `replay`; or if inputs or outputs no longer fit the epoch log.
    pub fn lead(mut self, stop: &AtomicBool) -> Started<E, S, K, J, C> {
        // What can be read without ending anybody's work is read first.
        if !self.catch_up(stop)? {
            return Ok(None);
        }
        self.store.lead()?;
        if !self.catch_up(stop)? {
            return Ok(None);
        }
        Leader::take_over(self).map(Some)
    }

    /// Walks through what is recorded and not walked through yet; false: the stop flag was set.
    fn catch_up(&mut self, stop: &AtomicBool) -> Result<bool, Error> {
        let Standby { core, source, store, clock, recorder, found, restored, settings, keeper, .. } = self;
        recorder.beat(clock.now());
        if let (None, Some(snapshots)) = (&restored, &settings.snapshots) {
            let from = snapshots.restore(core, &settings.tenant, source, store)?;
            keeper.restored(from.epoch);
            *restored = Some(from);
        }
        let in_hand = &settings.in_hand;
        in_hand.begin(core.chain.next, 0, None, true);
        replay_on(core, source, store, true, stop, found, |record, _, _| {
            in_hand.begin(record.epoch + 1, 0, None, true);
            let now = clock.now();
            recorder.beat(now);
            recorder.level(Level::LagMs, now.since(Millis(record.now)).0.max(0) as u64);
        })?;
        self.recorder.level(Level::LagMs, 0);
        Ok(!self.found.stopped && !stop.load(Ordering::Relaxed))
    }
}

/// What an instance tells of its turns.
#[derive(Copy, Clone, Debug)]
pub enum Turn<'a> {
    /// It has come to the end of the log, of these epochs, and asks for the lease.
    StandsBy(&'a Recovered),
    /// It holds the lease and takes over; these epochs it knew before.
    TakesOver(&'a Recovered),
    /// Another one leads, as the text says; it follows again.
    SteppedDown(&'a str),
    /// What became of a snapshot that it took while it followed, or at its clean end.
    Snapshot(&'a Told),
}

/// One instance's life: it follows (or only waits, if not `follows`), leads when it holds the lease, and follows again,
/// from the start, when it is superseded. `standby` opens the doors anew for each turn; `lead` has the leader do its work.
/// Ends when `lead` does, or with the stop flag; the lease is given back when nothing is written any more, before the last
/// snapshot: that is of an epoch that is recorded, and nobody waits for it.
///
/// # Errors
/// If a door fails, or the log is not what it must be.
pub fn serve<E: Engine, S: Source, K: Sink, J: Store, C: Clock>(
    lease: &mut impl Lease,
    follows: bool,
    stop: &AtomicBool,
    mut standby: impl FnMut() -> Result<Standby<E, S, K, J, C>, Error>,
    mut lead: impl FnMut(&mut Leader<E, S, K, J, C>) -> Result<(), Error>,
    mut tell: impl FnMut(Turn<'_>),
) -> Result<(), Error> {
    loop {
        let done = turn(lease, follows, stop, standby()?, &mut lead, &mut tell);
        lease.give_back();
        match done {
            Ok(retired) => {
                if let Some(told) = retired.and_then(Retired::save) {
                    tell(Turn::Snapshot(&told));
                }
                return Ok(());
            }
            Err(Error::Superseded(what)) => {
                tell(Turn::SteppedDown(&what));
                if stop.load(Ordering::Relaxed) {
                    return Ok(());
                }
            }
            Err(error) => return Err(error),
        }
    }
}

/// What is left when it has led and ended cleanly.
fn turn<E: Engine, S: Source, K: Sink, J: Store, C: Clock>(
    lease: &mut impl Lease,
    follows: bool,
    stop: &AtomicBool,
    mut standby: Standby<E, S, K, J, C>,
    lead: &mut impl FnMut(&mut Leader<E, S, K, J, C>) -> Result<(), Error>,
    tell: &mut impl FnMut(Turn<'_>),
) -> Result<Option<Retired<E>>, Error> {
    let holds = if follows { standby.follow(lease, stop, &mut *tell)? } else { standby.wait(lease, stop)? };
    if !holds {
        return Ok(None);
    }
    tell(Turn::TakesOver(standby.found()));
    match standby.lead(stop)? {
        Some(mut leader) => lead(&mut leader).map(|()| Some(leader.retire())),
        None => Ok(None),
    }
}
