//! What a running engine tells of itself: how long things take, how much there was, how the floor stands. Whoever
//! works writes, whoever watches reads; neither waits for the other, and nothing here is ever asked for a decision.
//!
//! ```text
//! thread ─► Recorder ─► its own Cells and counts ─┐
//! thread ─► Recorder ─► its own Cells and counts ─┴► Gauges: sums them up when somebody asks
//! ```
//! A thread gets a `Recorder` of its own. Times are handed in; no clock is read here. Stages are recorded twice: a value
//! a task, which says how long a core is held, and a value an event, which says what an event costs. A task costs two
//! records (a few ns), an event nothing.

mod cells;

use std::sync::atomic::{AtomicI64, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hdrhistogram::Histogram;

use crate::pipeline::Stage;
use crate::rules::Rules;
use crate::types::{Floor, Millis, Stream, Tally};
use cells::{Cells, add};

/// Something whose distribution is kept.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Series {
    /// Nanoseconds of a stage's task: a batch, a shard's or a division's part of one.
    Task(Stage),
    /// Nanoseconds of a stage an event: those of its task, shared among the task's events.
    Event(Stage),
    /// Nanoseconds from a record's timestamp until the output of its epoch is acknowledged.
    EndToEnd,
    /// Nanoseconds from an epoch record's appending until it is safe.
    Commit,
    /// Records of an epoch.
    EpochRecords,
}

const STAGES: usize = Stage::ALL.len();

impl Series {
    /// How many there are.
    pub const COUNT: usize = 2 * STAGES + 3;

    /// All of them.
    pub fn all() -> impl Iterator<Item = Series> {
        let stages = Stage::ALL.into_iter();
        let others = [Series::EndToEnd, Series::Commit, Series::EpochRecords];
        stages.clone().map(Series::Event).chain(stages.map(Series::Task)).chain(others)
    }

    /// The name of its file: `route`, `route-task`, `end-to-end`, `commit`, `epoch-records`.
    pub fn name(self) -> String {
        match self {
            Series::Task(stage) => format!("{}-task", stage.word()),
            Series::Event(stage) => stage.word().to_owned(),
            Series::EndToEnd => "end-to-end".to_owned(),
            Series::Commit => "commit".to_owned(),
            Series::EpochRecords => "epoch-records".to_owned(),
        }
    }

    fn at(self) -> usize {
        match self {
            Series::Task(stage) => stage as usize,
            Series::Event(stage) => STAGES + stage as usize,
            Series::EndToEnd => 2 * STAGES,
            Series::Commit => 2 * STAGES + 1,
            Series::EpochRecords => 2 * STAGES + 2,
        }
    }
}

/// Something that is counted up.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Count {
    /// Epochs formed.
    Epochs,
    /// Input records taken by epochs.
    Records,
    /// Bytes of their values.
    BytesIn,
    /// Bytes of keys and values of outputs.
    BytesOut,
    /// Input records that had no effect because the epoch log says so.
    Skipped,
}

const COUNTS: usize = 5;
const STREAMS: usize = Stream::ALL.len();

/// Something that goes up and down.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Level {
    /// Epochs processed, or being processed, whose output is not acknowledged.
    EpochsInFlight,
    /// Milliseconds by which a standby's last epoch is behind the leader's clock; 0: it is at the end of the log.
    LagMs,
}

const LEVELS: usize = 2;

/// Where the engine is in its life.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Phase {
    /// Reads the epoch log.
    Starting,
    /// Has read it, follows, and waits for the lease.
    Standby,
    /// Leads.
    Leading,
    /// Has ended.
    Ended,
}

/// What the engine counts by itself, as of its last publication.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Readings {
    /// Events by what became of them.
    pub tally: Tally,
    /// What waits and who is there.
    pub floor: Floor,
    /// Under which names: those of the rules in force.
    pub names: Arc<Names>,
}

/// Names that readings are told under.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Names {
    /// Queue and its division, by `QueueId`.
    pub queues: Vec<(String, String)>,
    /// By `DivisionId`.
    pub divisions: Vec<String>,
}

impl Names {
    /// Those of the rules.
    pub fn of(rules: &Rules) -> Names {
        let divisions: Vec<_> = rules.divisions.iter().map(|division| division.name.clone()).collect();
        let queues = rules.queues.iter();
        Names {
            queues: queues.map(|q| (q.name.clone(), divisions[q.division.at()].clone())).collect(),
            divisions,
        }
    }
}

/// One thread's place to write.
#[derive(Debug)]
struct Board {
    series: [Cells; Series::COUNT],
    counts: [AtomicU64; COUNTS],
    outputs: [AtomicU64; STREAMS],
}

#[derive(Debug)]
struct Shared {
    /// Taken when a thread comes and when somebody reads, never while anybody records.
    boards: Mutex<Vec<Arc<Board>>>,
    readings: Mutex<Readings>,
    levels: [AtomicU64; LEVELS],
    phase: AtomicU8,
    beat: AtomicI64,
}

/// All readings of one engine; clones are the same.
#[derive(Clone, Debug)]
pub struct Gauges(Arc<Shared>);

/// One thread's hand on the readings.
#[derive(Debug)]
pub struct Recorder {
    board: Arc<Board>,
    shared: Arc<Shared>,
}

/// The readings at an instant.
#[derive(Clone, Debug)]
pub struct Snapshot {
    series: Vec<Histogram<u64>>,
    counts: [u64; COUNTS],
    /// Outputs by stream (index: `Stream as usize`).
    pub outputs: [u64; STREAMS],
    /// What the engine counts by itself.
    pub readings: Readings,
    levels: [u64; LEVELS],
    /// Where the engine is in its life.
    pub phase: Phase,
    /// When the engine last said that it is there, on its own clock; `Millis::MIN`: not yet.
    pub beat: Millis,
}

impl Default for Gauges {
    fn default() -> Gauges {
        Gauges(Arc::new(Shared {
            boards: Mutex::default(),
            readings: Mutex::default(),
            levels: Default::default(),
            phase: AtomicU8::new(Phase::Starting as u8),
            beat: AtomicI64::new(Millis::MIN.0),
        }))
    }
}

impl Gauges {
    /// A hand for one more thread. The place of a thread that has ended goes on with its counts under the next one.
    pub fn recorder(&self) -> Recorder {
        let mut boards = lock(&self.0.boards);
        let free = boards.iter().find(|board| Arc::strong_count(board) == 1).cloned();
        let board = free.unwrap_or_else(|| {
            let board = Arc::new(Board::default());
            boards.push(board.clone());
            board
        });
        Recorder { board, shared: self.0.clone() }
    }

    /// One distribution over all threads.
    pub fn histogram(&self, series: Series) -> Histogram<u64> {
        let mut sum = Histogram::new(cells::DIGITS).expect("three digits are within what it can");
        lock(&self.0.boards).iter().for_each(|board| board.series[series.at()].add_to(&mut sum));
        sum
    }

    /// Everything.
    pub fn snapshot(&self) -> Snapshot {
        let boards = lock(&self.0.boards).clone();
        let sum =
            |of: &dyn Fn(&Board) -> &AtomicU64| boards.iter().map(|b| of(b).load(Ordering::Relaxed)).sum();
        let mut series: Vec<_> = Series::all().map(|series| (series.at(), self.histogram(series))).collect();
        series.sort_by_key(|(at, _)| *at);
        Snapshot {
            series: series.into_iter().map(|(_, histogram)| histogram).collect(),
            counts: std::array::from_fn(|at| sum(&|board| &board.counts[at])),
            outputs: std::array::from_fn(|at| sum(&|board| &board.outputs[at])),
            readings: lock(&self.0.readings).clone(),
            levels: std::array::from_fn(|at| self.0.levels[at].load(Ordering::Relaxed)),
            phase: self.phase(),
            beat: self.beat(),
        }
    }

    /// Where the engine is in its life.
    pub fn phase(&self) -> Phase {
        match self.0.phase.load(Ordering::Relaxed) {
            0 => Phase::Starting,
            1 => Phase::Standby,
            2 => Phase::Leading,
            _ => Phase::Ended,
        }
    }

    /// Says where the engine is in its life.
    pub fn set_phase(&self, phase: Phase) {
        self.0.phase.store(phase as u8, Ordering::Relaxed);
    }

    /// When the engine last said that it is there, on its own clock; `Millis::MIN`: not yet.
    pub fn beat(&self) -> Millis {
        Millis(self.0.beat.load(Ordering::Relaxed))
    }
}

impl Recorder {
    /// A task of a stage took so many nanoseconds for so many events; 0: it was for none in particular.
    #[inline]
    pub fn task(&mut self, stage: Stage, nanos: u64, events: u64) {
        self.record(Series::Task(stage), nanos, 1);
        if let Some(an_event) = nanos.checked_div(events) {
            self.record(Series::Event(stage), an_event, events);
        }
    }

    /// So many events took so long from their records' time until their output was acknowledged.
    #[inline]
    pub fn end_to_end(&mut self, nanos: u64, events: u64) {
        self.record(Series::EndToEnd, nanos, events);
    }

    /// Records a value `count` times.
    #[inline]
    pub fn record(&mut self, series: Series, value: u64, count: u64) {
        self.board.series[series.at()].record(value, count);
    }

    /// Counts.
    #[inline]
    pub fn count(&mut self, count: Count, more: u64) {
        add(&self.board.counts[count as usize], more);
    }

    /// Counts outputs.
    #[inline]
    pub fn outputs(&mut self, stream: Stream, more: u64) {
        add(&self.board.outputs[stream as usize], more);
    }

    /// Sets a level; of all threads that do, the last one's word stands.
    #[inline]
    pub fn level(&mut self, level: Level, value: u64) {
        self.shared.levels[level as usize].store(value, Ordering::Relaxed);
    }

    /// Says that the engine is there.
    #[inline]
    pub fn beat(&mut self, now: Millis) {
        self.shared.beat.store(now.0, Ordering::Relaxed);
    }

    /// Lets `fill` renew the engine's own counts, unless somebody reads them this very moment: then the ones before
    /// stand until the next time.
    pub fn publish(&mut self, fill: impl FnOnce(&mut Readings)) {
        if let Ok(mut readings) = self.shared.readings.try_lock() {
            fill(&mut readings);
        }
    }
}

impl Snapshot {
    /// A distribution.
    pub fn histogram(&self, series: Series) -> &Histogram<u64> {
        &self.series[series.at()]
    }

    /// A count.
    pub fn count(&self, count: Count) -> u64 {
        self.counts[count as usize]
    }

    /// A level.
    pub fn level(&self, level: Level) -> u64 {
        self.levels[level as usize]
    }
}

impl Default for Board {
    fn default() -> Board {
        Board {
            series: std::array::from_fn(|_| Cells::default()),
            counts: Default::default(),
            outputs: Default::default(),
        }
    }
}

/// What is behind these locks is whole at any instant, so it may be read even if a thread died holding one.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
