//! The loop that runs a recorded log through an engine, batch after batch: the same for pipeline and model, at full
//! speed or at a pace. It knows neither files nor clocks: log, destination and stopwatch are handed in.
//!
//! At a pace the loop is open: a record's latency counts from the instant at which it was due, not from when the
//! engine got round to it, so that a stall shows in all the records that it kept waiting.
//!
//! Batches are submitted as long as the machine has room, and collected in order: so a machine of several threads has
//! the next batch at hand before the last is through.

use std::sync::Arc;

use crate::rules::Rules;
use crate::types::record::Record;
use crate::types::{DurationMs, Jump, Millis, Output, Tally};
use hdrhistogram::Histogram;

/// Longer latencies count as this long: an hour.
const LATENCY_MAX_NANOS: u64 = 3_600_000_000_000;

/// A machine that turns records into output. What is submitted comes out in order, by `collect`.
pub trait Machine {
    /// Refuses to move the clock forward by more than this at once; `None`: any jump is taken.
    fn set_max_jump(&mut self, most: Option<DurationMs>);

    /// Batches that may be submitted and not yet collected; at least 1.
    fn room(&self) -> usize;

    /// Takes a batch in: records in order, then the clock moves on to `tick` (never back) and fires what is due.
    fn submit(&mut self, records: &[Record<'_>], tick: Option<Millis>);

    /// Waits for the oldest batch submitted; `out` then holds what it caused, and nothing else.
    ///
    /// # Errors
    /// The jump that was refused; everything before that event has been applied, and nothing behind it.
    fn collect(&mut self, out: &mut Output) -> Result<(), Jump>;

    /// The clock of the last entry collected; `None` before the first.
    fn clock(&self) -> Option<Millis>;

    /// What was counted so far, everything being collected.
    fn tally(&self) -> Tally;

    /// The rules in force.
    fn rules(&self) -> Arc<Rules>;

    /// Names of the divisions, by their places in `Output`: new ones come behind.
    fn divisions(&self) -> Vec<String>;

    /// Threads that it works with.
    fn threads(&self) -> usize {
        1
    }

    /// Nanoseconds spent in each stage so far, all threads, in their order; zeros where nobody measures.
    fn stage_nanos(&self) -> [u64; 5];
}

/// Where records come from.
pub trait Source {
    /// What can go wrong.
    type Error;

    /// The next records, at most `most`; none at the end.
    ///
    /// # Errors
    /// Whatever the log's medium says.
    fn read(&mut self, most: usize) -> Result<Vec<Record<'_>>, Self::Error>;
}

/// Where output goes, and whoever watches.
pub trait Sink {
    /// What can go wrong.
    type Error;

    /// Takes the output of one batch of so many records.
    ///
    /// # Errors
    /// Whatever the destination's medium says.
    fn take(&mut self, records: usize, output: &Output) -> Result<(), Self::Error>;
}

/// Time that passes outside.
pub trait Stopwatch {
    /// Nanoseconds since the start of the run.
    fn nanos(&self) -> u64;

    /// Returns when so many nanoseconds have passed.
    fn wait_until(&self, nanos: u64);
}

/// When a record is due.
pub trait Pace {
    /// Nanoseconds after the start at which this record, the next in order, is due; `None`: at once.
    fn due(&mut self, record: &Record<'_>) -> Option<u64>;
}

/// As fast as it goes.
pub struct FullSpeed;

/// So many records a second, evenly.
pub struct Rate {
    per_second: u64,
    given: u64,
}

/// How a log is run.
#[derive(Copy, Clone, Debug)]
pub struct Settings {
    /// Most records handed in at once.
    pub batch: usize,
    /// The clock moves on to this after the last record.
    pub until: Option<Millis>,
    /// Greatest jump of the clock.
    pub max_jump: Option<DurationMs>,
}

/// What a run came to.
#[derive(Debug)]
pub struct Finished {
    /// Nanoseconds from handing in (at a pace: from when it was due) to the output, a value each record.
    pub latency: Histogram<u64>,
    /// Records applied.
    pub records: u64,
}

/// Why a run stopped before its end.
#[derive(Debug)]
pub enum Stopped<R, W> {
    /// The log could not be read.
    Source(R),
    /// The output could not be taken.
    Sink(W),
    /// The clock would have jumped.
    Jump(Jump),
}

/// Runs the whole log.
///
/// # Errors
/// What stopped the run; output up to there was handed to the sink, but for the last batch.
pub fn run<R: Source, W: Sink>(
    machine: &mut dyn Machine,
    source: &mut R,
    sink: &mut W,
    pace: &mut dyn Pace,
    stopwatch: &dyn Stopwatch,
    settings: Settings,
) -> Result<Finished, Stopped<R::Error, W::Error>> {
    machine.set_max_jump(settings.max_jump);
    let mut run =
        Run { machine, sink, stopwatch, under_way: Vec::new(), latency: latencies(), out: Output::default() };
    let (mut due, mut records) = (Vec::with_capacity(settings.batch), 0);
    loop {
        let read = source.read(settings.batch).map_err(Stopped::Source)?;
        if read.is_empty() {
            break;
        }
        records += read.len() as u64;
        due.clear();
        due.extend(read.iter().map(|record| pace.due(record)));
        let mut start = 0;
        while start < read.len() {
            if due[start].is_some_and(|at| at > stopwatch.nanos()) {
                // Time to wait: nothing is kept waiting with it.
                run.collect_all()?;
            }
            let end = start + ready(&due[start..], stopwatch);
            run.submit(&read[start..end], &due[start..end])?;
            start = end;
        }
    }
    run.collect_all()?;
    // What the last entry armed for its own instant is still due, as at the tick that ends an epoch.
    if let Some(clock) = settings.until.max(run.machine.clock()) {
        run.machine.submit(&[], Some(clock));
        run.under_way.push(UnderWay { begun: 0, due: Vec::new() });
        run.collect_all()?;
    }
    Ok(Finished { latency: run.latency, records })
}

/// A run in the making.
struct Run<'a, W> {
    machine: &'a mut dyn Machine,
    sink: &'a mut W,
    stopwatch: &'a dyn Stopwatch,
    /// Submitted and not collected, oldest first: a handful.
    under_way: Vec<UnderWay>,
    latency: Histogram<u64>,
    out: Output,
}

/// A batch under way.
struct UnderWay {
    /// When it was submitted.
    begun: u64,
    /// When each of its records was due.
    due: Vec<Option<u64>>,
}

impl<W: Sink> Run<'_, W> {
    fn submit<R>(&mut self, records: &[Record<'_>], due: &[Option<u64>]) -> Result<(), Stopped<R, W::Error>> {
        let mut batch = UnderWay { begun: 0, due: Vec::new() };
        while self.under_way.len() >= self.machine.room() {
            batch = self.collect()?;
        }
        batch.begun = self.stopwatch.nanos();
        batch.due.clear();
        batch.due.extend_from_slice(due);
        self.machine.submit(records, None);
        self.under_way.push(batch);
        Ok(())
    }

    fn collect_all<R>(&mut self) -> Result<(), Stopped<R, W::Error>> {
        while !self.under_way.is_empty() {
            self.collect()?;
        }
        Ok(())
    }

    /// Hands the oldest batch's output on; gives the batch back, its memory to be used again.
    fn collect<R>(&mut self) -> Result<UnderWay, Stopped<R, W::Error>> {
        let batch = self.under_way.remove(0);
        self.machine.collect(&mut self.out).map_err(Stopped::Jump)?;
        let done = self.stopwatch.nanos();
        for due in &batch.due {
            self.latency.saturating_record(done.saturating_sub(due.unwrap_or(batch.begun)).max(1));
        }
        self.sink.take(batch.due.len(), &self.out).map_err(Stopped::Sink)?;
        Ok(batch)
    }
}

fn latencies() -> Histogram<u64> {
    Histogram::new_with_max(LATENCY_MAX_NANOS, 3).expect("valid bounds")
}

/// Waits for the first of these and says how many are due by then; all that are due at once go together.
fn ready(due: &[Option<u64>], stopwatch: &dyn Stopwatch) -> usize {
    let Some(first) = due[0] else { return due.iter().take_while(|due| due.is_none()).count() };
    if stopwatch.nanos() < first {
        stopwatch.wait_until(first);
    }
    let now = stopwatch.nanos().max(first);
    due.iter().take_while(|due| due.is_none_or(|at| at <= now)).count()
}

impl Rate {
    /// `per_second` records a second; at least 1.
    pub fn new(per_second: u64) -> Rate {
        Rate { per_second: per_second.max(1), given: 0 }
    }
}

impl Pace for FullSpeed {
    fn due(&mut self, _: &Record<'_>) -> Option<u64> {
        None
    }
}

impl Pace for Rate {
    fn due(&mut self, _: &Record<'_>) -> Option<u64> {
        let nanos = u128::from(self.given) * 1_000_000_000 / u128::from(self.per_second);
        self.given += 1;
        Some(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{Position, Stream};
    use std::cell::Cell;
    use std::collections::VecDeque;

    /// Counts records; refuses the one at `jump_at`; takes `cost` of the shared time for each batch.
    struct Counter<'a> {
        tally: Tally,
        clock: Option<Millis>,
        jump_at: u64,
        cost: u64,
        time: &'a Cell<u64>,
        batches: Vec<usize>,
        room: usize,
        under_way: VecDeque<(Output, Option<Jump>)>,
    }

    impl Machine for Counter<'_> {
        fn set_max_jump(&mut self, _: Option<DurationMs>) {}

        fn rules(&self) -> Arc<Rules> {
            Arc::new(crate::rules::compile("", "none").expect("no rules at all are sound"))
        }

        fn divisions(&self) -> Vec<String> {
            Vec::new()
        }

        fn room(&self) -> usize {
            self.room
        }

        fn submit(&mut self, records: &[Record<'_>], tick: Option<Millis>) {
            assert!(self.under_way.len() < self.room);
            let (mut out, mut jump) = (Output::default(), None);
            if let Some(clock) = tick {
                out.identity.bytes.extend_from_slice(format!("@{}", clock.0).as_bytes());
                out.identity.end(Stream::Customers);
            } else {
                self.batches.push(records.len());
            }
            for record in records {
                if record.offset == self.jump_at {
                    let position = Position { offset: record.offset, ..Position::default() };
                    jump = Some(Jump { position, from: Millis(0), to: Millis(1) });
                    break;
                }
                self.clock = Some(Millis(record.offset as i64));
                out.identity.bytes.extend_from_slice(record.value);
                out.identity.end(Stream::Customers);
            }
            self.under_way.push_back((out, jump));
        }

        fn collect(&mut self, out: &mut Output) -> Result<(), Jump> {
            self.time.set(self.time.get() + self.cost);
            let (output, jump) = self.under_way.pop_front().expect("something was submitted");
            *out = output;
            jump.map_or(Ok(()), Err)
        }

        fn clock(&self) -> Option<Millis> {
            self.clock
        }

        fn tally(&self) -> Tally {
            self.tally.clone()
        }

        fn stage_nanos(&self) -> [u64; 5] {
            [0; 5]
        }
    }

    struct Numbers(u64, u64);

    impl Source for Numbers {
        type Error = ();

        fn read(&mut self, most: usize) -> Result<Vec<Record<'_>>, ()> {
            let end = self.1.min(self.0 + most as u64);
            let records = (self.0..end).map(|offset| Record::line(0, offset, b"x")).collect();
            self.0 = end;
            Ok(records)
        }
    }

    #[derive(Default)]
    struct Text(String, usize);

    impl Sink for Text {
        type Error = ();

        fn take(&mut self, records: usize, output: &Output) -> Result<(), ()> {
            output
                .identity
                .iter()
                .for_each(|(_, line)| self.0.push_str(std::str::from_utf8(line).expect("ASCII")));
            self.1 += records;
            Ok(())
        }
    }

    struct Hand<'a>(&'a Cell<u64>);

    impl Stopwatch for Hand<'_> {
        fn nanos(&self) -> u64 {
            self.0.get()
        }

        fn wait_until(&self, nanos: u64) {
            self.0.set(self.0.get().max(nanos));
        }
    }

    fn counter(time: &Cell<u64>, jump_at: u64) -> Counter<'_> {
        Counter {
            tally: Tally::new(0),
            clock: None,
            jump_at,
            cost: 1_000_000,
            time,
            batches: Vec::new(),
            room: 1,
            under_way: VecDeque::new(),
        }
    }

    const SETTINGS: Settings = Settings { batch: 4, until: None, max_jump: None };

    #[test]
    fn everything_is_handed_on_and_the_clock_moved_at_the_end() {
        for (room, until, last) in [(1, None, "@9"), (2, Some(Millis(5)), "@9"), (5, Some(Millis(20)), "@20")]
        {
            let time = Cell::new(0);
            let (mut machine, mut sink) = (counter(&time, u64::MAX), Text::default());
            machine.room = room;
            let settings = Settings { until, ..SETTINGS };
            let run =
                run(&mut machine, &mut Numbers(0, 10), &mut sink, &mut FullSpeed, &Hand(&time), settings);
            let finished = run.expect("nothing fails");
            assert_eq!((sink.0.as_str(), sink.1, finished.records), (&*format!("xxxxxxxxxx{last}"), 10, 10));
            assert_eq!(machine.batches, [4, 4, 2]);
            assert_eq!(finished.latency.len(), 10);
        }
    }

    #[test]
    fn an_empty_log_moves_the_clock_only_if_asked() {
        for (until, text) in [(None, ""), (Some(Millis(7)), "@7")] {
            let time = Cell::new(0);
            let (mut machine, mut sink) = (counter(&time, u64::MAX), Text::default());
            let settings = Settings { until, ..SETTINGS };
            run(&mut machine, &mut Numbers(0, 0), &mut sink, &mut FullSpeed, &Hand(&time), settings)
                .expect("fine");
            assert_eq!(sink.0, text);
        }
    }

    #[test]
    fn a_jump_stops_the_run() {
        let time = Cell::new(0);
        let mut sink = Text::default();
        let stopped = run(
            &mut counter(&time, 5),
            &mut Numbers(0, 10),
            &mut sink,
            &mut FullSpeed,
            &Hand(&time),
            SETTINGS,
        );
        assert!(matches!(stopped, Err(Stopped::Jump(jump)) if jump.position.offset == 5));
        assert_eq!(sink.0, "xxxx", "whole batches only");
    }

    #[test]
    fn at_a_rate_latency_counts_from_when_a_record_was_due() {
        // A batch takes 1 ms and a record is due every 0.25 ms: the first waits for nobody, the next four for it.
        let time = Cell::new(0);
        let (mut machine, mut sink) = (counter(&time, u64::MAX), Text::default());
        let settings = Settings { batch: 100, ..SETTINGS };
        let pace = &mut Rate::new(4_000);
        let run = run(&mut machine, &mut Numbers(0, 9), &mut sink, pace, &Hand(&time), settings);
        let latency = run.expect("nothing fails").latency;
        assert_eq!(machine.batches, [1, 4, 4]);
        let near = |value: u64, ms: f64| (value as f64 / 1e6 - ms).abs() < 0.01;
        assert!(
            near(latency.min(), 1.0) && near(latency.max(), 1.75),
            "{} to {}",
            latency.min(),
            latency.max()
        );
    }
}
