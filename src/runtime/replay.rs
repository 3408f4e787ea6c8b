//! The loop that runs a recorded log through an engine, batch after batch: the same for pipeline and model, at full
//! speed or at a pace. It knows neither files nor clocks: log, destination and stopwatch are handed in.
//!
//! At a pace the loop is open: a record's latency counts from the instant at which it was due, not from when the
//! engine got round to it, so that a stall shows in all the records that it kept waiting.

use crate::types::record::Record;
use crate::types::{DurationMs, Jump, Millis, Output, Tally};
use hdrhistogram::Histogram;

/// Longer latencies count as this long: an hour.
const LATENCY_MAX_NANOS: u64 = 3_600_000_000_000;

/// A machine that turns records into output.
pub trait Machine {
    /// Refuses to move the clock forward by more than this at once; `None`: any jump is taken.
    fn set_max_jump(&mut self, most: Option<DurationMs>);

    /// Applies records in order; `out` then holds what they caused, and nothing else.
    ///
    /// # Errors
    /// The jump that was refused; everything before that event has been applied.
    fn apply(&mut self, records: &[Record<'_>], out: &mut Output) -> Result<(), Jump>;

    /// Moves the clock on to `clock` (never back) and fires what is due; `out` then holds that, and nothing else.
    fn advance(&mut self, clock: Millis, out: &mut Output);

    /// The clock of the last entry; `None` before the first.
    fn clock(&self) -> Option<Millis>;

    /// What was counted so far.
    fn tally(&self) -> Tally;

    /// Nanoseconds spent in each stage so far, in their order; zeros where nobody measures.
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
    let mut latency = Histogram::new_with_max(LATENCY_MAX_NANOS, 3).expect("valid bounds");
    let (mut out, mut due, mut records) = (Output::default(), Vec::with_capacity(settings.batch), 0);
    machine.set_max_jump(settings.max_jump);
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
            let end = start + ready(&due[start..], stopwatch);
            let begun = stopwatch.nanos();
            machine.apply(&read[start..end], &mut out).map_err(Stopped::Jump)?;
            let done = stopwatch.nanos();
            for due in &due[start..end] {
                latency.saturating_record(done.saturating_sub(due.unwrap_or(begun)).max(1));
            }
            sink.take(end - start, &out).map_err(Stopped::Sink)?;
            start = end;
        }
    }
    // What the last entry armed for its own instant is still due, as at the tick that ends an epoch.
    let last = settings.until.max(machine.clock());
    if let Some(clock) = last {
        machine.advance(clock, &mut out);
        sink.take(0, &out).map_err(Stopped::Sink)?;
    }
    Ok(Finished { latency, records })
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

    /// Counts records; refuses the one at `jump_at`; takes `cost` of the shared time for each batch.
    struct Counter<'a> {
        tally: Tally,
        clock: Option<Millis>,
        jump_at: u64,
        cost: u64,
        time: &'a Cell<u64>,
        batches: Vec<usize>,
    }

    impl Machine for Counter<'_> {
        fn set_max_jump(&mut self, _: Option<DurationMs>) {}

        fn apply(&mut self, records: &[Record<'_>], out: &mut Output) -> Result<(), Jump> {
            self.batches.push(records.len());
            self.time.set(self.time.get() + self.cost);
            out.clear();
            for record in records {
                if record.offset == self.jump_at {
                    let position = Position { offset: record.offset, ..Position::default() };
                    return Err(Jump { position, from: Millis(0), to: Millis(1) });
                }
                self.clock = Some(Millis(record.offset as i64));
                out.identity.bytes.extend_from_slice(record.value);
                out.identity.end(Stream::Customers);
            }
            Ok(())
        }

        fn advance(&mut self, clock: Millis, out: &mut Output) {
            out.clear();
            out.identity.bytes.extend_from_slice(format!("@{}", clock.0).as_bytes());
            out.identity.end(Stream::Customers);
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
        Counter { tally: Tally::new(0), clock: None, jump_at, cost: 1_000_000, time, batches: Vec::new() }
    }

    const SETTINGS: Settings = Settings { batch: 4, until: None, max_jump: None };

    #[test]
    fn everything_is_handed_on_and_the_clock_moved_at_the_end() {
        for (until, last) in [(None, "@9"), (Some(Millis(5)), "@9"), (Some(Millis(20)), "@20")] {
            let time = Cell::new(0);
            let (mut machine, mut sink) = (counter(&time, u64::MAX), Text::default());
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
