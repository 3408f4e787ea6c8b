//! Running plain logs: the arguments, the way from files through an engine to files, and the report. The same for
//! `replay` and `reference`, so that the two differ in the engine and in nothing else.

use super::failure::{Failure, Outcome};
use super::progress::Progress;
use super::report::{Counts, Report, Spent};
use super::{print, rules_file, summary};
use crate::io::file::{FileError, Log, StreamFiles};
use crate::io::machine;
use crate::rules::Rules;
use crate::runtime::replay::{self, Machine, Pace, Settings, Sink, Source, Stopped, Stopwatch};
use crate::types::record::Record;
use crate::types::{DurationMs, Jump, Millis, Output};
use std::cell::Cell;
use std::path::{Path, PathBuf};

/// What `replay` and `reference` have in common.
#[derive(Debug, clap::Args)]
pub struct LogArguments {
    /// Logs (.ndjson or .ndjson.zst), read one after another
    #[arg(value_name = "F", required_unless_present = "kafka")]
    files: Vec<PathBuf>,
    /// The log of a live tenant instead: input topics and epoch topic of the configuration, in the epochs' order
    #[arg(long, conflicts_with_all = ["files", "report", "until"])]
    kafka: bool,
    /// Configuration of that tenant
    #[arg(long, value_name = "FILE", default_value = "config/trunkline.toml", requires = "kafka")]
    config: PathBuf,
    /// Rules; default: those that `generate` wrote beside the first log (a.ndjson.zst: a.rules.toml)
    #[arg(long, value_name = "R")]
    rules: Option<PathBuf>,
    /// Directory for <stream>.ndjson; without it outputs are counted only, and there is no output_hash
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// File for the report, as JSON
    #[arg(long, value_name = "R.json")]
    report: Option<PathBuf>,
    /// Moves the clock on to this after the last event, so that what falls due by then fires
    #[arg(long, value_name = "TIME", value_parser = instant)]
    until: Option<Millis>,
    /// Stops if the time jumps forward by more than this (90s, 48h, 7d …), or never (none)
    #[arg(long, value_name = "D|none", default_value = "48h", value_parser = max_jump)]
    max_jump: MaxJump,
    /// Records handed to the engine at once; makes no difference to the output
    #[arg(long, value_name = "N", default_value_t = 1024, hide = true, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    batch: u32,
}

/// Greatest jump of the clock; `None`: any.
#[derive(Copy, Clone, Debug)]
struct MaxJump(Option<DurationMs>);

impl LogArguments {
    /// Whether the log is a live tenant's, in Kafka.
    pub fn is_kafka(&self) -> bool {
        self.kafka
    }

    /// Runs the log of a live tenant through the engine or the model.
    ///
    /// # Errors
    /// As `epoch_log::run`.
    #[cfg(feature = "kafka")]
    pub fn run_kafka(&self, which: super::epoch_log::Which, json: bool) -> Outcome {
        super::epoch_log::run(which, &self.config, self.rules.as_deref(), self.out.as_deref(), json)
    }

    /// The rules to run with.
    ///
    /// # Errors
    /// Exit code 2 if none are given and none lie beside the log; 3 if they are wrong.
    pub fn rules(&self) -> Result<Rules, Failure> {
        if let Some(path) = &self.rules {
            return rules_file::load(path);
        }
        let beside = rules_file::beside(&self.files[0]);
        if !beside.exists() {
            let beside = beside.display();
            return Err(Failure::usage(format!(
                "no rules: there is no {beside}. Name the rules file with --rules"
            )));
        }
        rules_file::load(&beside)
    }

    /// Runs the logs through an engine, writes what was asked for and prints what it came to.
    ///
    /// # Errors
    /// Exit code 1 if a log cannot be read, jumps, or output cannot be written.
    pub fn run(&self, rules: &Rules, machine: &mut dyn Machine, pace: &mut dyn Pace, json: bool) -> Outcome {
        let log = Log::open(&self.files)?;
        tracing::debug!("plain files: each event is an entry with clock = its time");
        let files =
            self.out.as_deref().map(|path| StreamFiles::create(path, rules.divisions.len())).transpose()?;
        let read = Cell::new(0);
        let mut source = FileSource { read: &read, log };
        let progress = Progress::new(source.log.progress().1);
        let mut sink = FileSink { read: &read, files, counts: Counts::default(), progress };
        let settings = Settings { batch: self.batch as usize, until: self.until, max_jump: self.max_jump.0 };
        let cpu_before = machine::cpu_time();
        let stopwatch = Watch(machine::Stopwatch::start());
        let run = replay::run(machine, &mut source, &mut sink, pace, &stopwatch, settings);
        let wall_nanos = stopwatch.nanos();
        let cpu = machine::cpu_time().zip(cpu_before).map(|(after, before)| after.saturating_sub(before));
        sink.progress.finish();
        let finished = run.map_err(|stopped| match stopped {
            Stopped::Source(error) | Stopped::Sink(error) => Failure::from(error),
            Stopped::Jump(jump) => self.jumped(jump),
        })?;
        let divisions = machine.divisions();
        let output_hash = sink.files.map(|files| files.finish(&divisions)).transpose()?;
        let spent = Spent {
            wall_nanos,
            threads: machine.threads(),
            cpu,
            latency: finished.latency,
            stage_nanos: machine.stage_nanos(),
        };
        let blank_lines = source.log.blank_lines();
        let report =
            Report::new(&machine.rules(), &machine.tally(), &sink.counts, blank_lines, &spent, output_hash);
        let text = serde_json::to_string_pretty(&report).expect("a report is plain data") + "\n";
        if let Some(path) = &self.report {
            write_report(path, &text)?;
        }
        print(&if json { text } else { summary::of(&report) });
        Ok(())
    }

    fn jumped(&self, jump: Jump) -> Failure {
        let file = self.files[jump.position.partition as usize].display();
        let time = |at: Millis| {
            jiff::Timestamp::from_millisecond(at.0).map_or_else(|_| at.0.to_string(), |t| t.to_string())
        };
        let hours = jump.to.since(jump.from).0 / 3_600_000;
        let limit = self.max_jump.0.map_or(0, |most| most.0 / 1_000);
        Failure::failed(format!(
            "{file}:{}: the time jumps forward by {hours} h, from {} to {} (event {}), more than --max-jump allows \
             ({limit} s). If the log is meant to have such gaps, give a longer one or --max-jump none; no output was \
             left behind",
            jump.position.offset + 1,
            time(jump.from),
            time(jump.to),
            jump.position,
        ))
    }
}

/// Lines of files as records; tells how far it has read.
struct FileSource<'a> {
    read: &'a Cell<u64>,
    log: Log,
}

/// Files or nothing, and counts.
struct FileSink<'a> {
    read: &'a Cell<u64>,
    files: Option<StreamFiles>,
    counts: Counts,
    progress: Progress,
}

/// The machine's stopwatch as the loop wants it.
struct Watch(machine::Stopwatch);

impl Source for FileSource<'_> {
    type Error = FileError;

    fn read(&mut self, most: usize) -> Result<Vec<Record<'_>>, FileError> {
        self.read.set(self.log.progress().0);
        self.log.read(most)
    }
}

impl Sink for FileSink<'_> {
    type Error = FileError;

    fn take(&mut self, records: usize, output: &Output) -> Result<(), FileError> {
        self.counts.add(output);
        self.progress.advance(self.read.get(), records);
        self.files.as_mut().map_or(Ok(()), |files| files.append(output))
    }
}

impl Stopwatch for Watch {
    fn nanos(&self) -> u64 {
        self.0.nanos()
    }

    fn wait_until(&self, nanos: u64) {
        self.0.wait_until(nanos);
    }
}

fn write_report(path: &Path, text: &str) -> Outcome {
    std::fs::write(path, text).map_err(|error| {
        Failure::failed(format!("{}: the report cannot be written: {error}", path.display()))
    })
}

/// An instant as RFC 3339.
fn instant(text: &str) -> Result<Millis, String> {
    let parsed: Result<jiff::Timestamp, _> = text.parse();
    parsed
        .map(|at| Millis(at.as_millisecond()))
        .map_err(|_| "a time is written as in RFC 3339: 2026-03-02T18:00:00Z".to_owned())
}

/// A duration, or `none`.
fn max_jump(text: &str) -> Result<MaxJump, String> {
    if text == "none" {
        return Ok(MaxJump(None));
    }
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let unit_ms = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => 0,
    };
    let span =
        number.parse::<i64>().ok().and_then(|number| number.checked_mul(unit_ms)).filter(|_| unit_ms > 0);
    span.map(|span| MaxJump(Some(DurationMs(span))))
        .ok_or_else(|| "a duration is a whole number and ms, s, m, h or d, as 48h; or none".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_instants_of_the_command_line() {
        for (text, expected) in [
            ("none", Some(None)),
            ("48h", Some(Some(172_800_000))),
            ("250ms", Some(Some(250))),
            ("0s", Some(Some(0))),
            ("7d", Some(Some(604_800_000))),
            ("3m", Some(Some(180_000))),
            ("h", None),
            ("48", None),
            ("-1h", None),
            ("1.5h", None),
            ("99999999999999999d", None),
        ] {
            let parsed = max_jump(text).ok().map(|MaxJump(most)| most.map(|span| span.0));
            assert_eq!(parsed, expected, "{text}");
        }
        assert_eq!(instant("1970-01-01T01:00:00.5+01:00"), Ok(Millis(500)));
        assert!(instant("1970-01-01").is_err());
    }
}
