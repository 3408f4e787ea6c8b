//! What a run came to, as `--report` and `--json` show it. Counts come from the engine's tally and from the outputs
//! themselves, times from outside.

use crate::io::machine;
use crate::rules::Rules;
use crate::types::{IgnoreReason, Lines, Objective, Output, RejectReason, Tally};
use hdrhistogram::Histogram;
use memchr::memmem;
use serde::Serialize;
use serde_json::{Map, Value};
use std::time::Duration;

/// Outputs by type.
#[derive(Default)]
pub struct Counts {
    by_type: Vec<(Box<[u8]>, u64)>,
}

/// Time that a run took.
pub struct Spent {
    /// From the first read to the last output, the writing of the final files left out.
    pub wall_nanos: u64,
    /// Threads of the engine.
    pub threads: usize,
    /// Processor time of all threads meanwhile.
    pub cpu: Option<Duration>,
    /// Nanoseconds of each record.
    pub latency: Histogram<u64>,
    /// By stage, in their order.
    pub stage_nanos: [u64; 5],
}

/// The report. Members in the order in which they are written.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Events read, rejected ones and duplicates included.
    pub events: u64,
    /// Neither rejected nor duplicates.
    pub accepted: u64,
    /// Dropped.
    pub duplicates: u64,
    /// By reason; reasons that did not occur are left out.
    pub rejected: Map<String, Value>,
    /// Accepted without effect, by reason; reasons that did not occur are left out.
    pub ignored: Map<String, Value>,
    /// By type without prefix; types that did not occur are left out.
    pub outputs: Map<String, Value>,
    /// Founded.
    pub customers: u64,
    /// Absorbed by another.
    pub absorbed: u64,
    /// Identifiers split off.
    pub split: u64,
    /// Customers erased.
    pub erased: u64,
    /// Customers forgotten.
    pub forgotten: u64,
    /// Events whose time was not taken as it was.
    pub clamped: u64,
    /// Lines without anything in them.
    pub blank_lines: u64,
    /// By queue, then by objective: `started`, `met`, `breached`, `cancelled`; those that the rules set.
    pub objectives: Map<String, Value>,
    /// Events a second of wall time.
    pub events_per_s: f64,
    /// Seconds from the first read to the last output, the writing of the final files left out.
    pub wall_s: f64,
    /// Seconds of processor time meanwhile, all threads; absent where the system does not tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_s: Option<f64>,
    /// Nanoseconds in all, by stage.
    pub stage_ns: Stages,
    /// Most memory that the process held.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peak_rss_bytes: Option<u64>,
    /// Microseconds from handing in (at a pace: from when it was due) to the output of a record's batch.
    pub latency_us: Latency,
    /// Threads of the engine.
    pub threads: usize,
    /// The machine, in words.
    pub machine: String,
    /// Of this program.
    pub version: &'static str,
    /// xxh3-128 of the rules' text.
    pub rules_hash: String,
    /// xxh3-128 of all streams, one after another; absent without `--out`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_hash: Option<String>,
}

/// Of each stage.
#[derive(Debug, Serialize)]
pub struct Stages {
    decode: u64,
    identify: u64,
    understand: u64,
    route: u64,
    emit: u64,
}

/// Percentiles.
#[derive(Debug, Serialize)]
pub struct Latency {
    /// Half of the records took no longer.
    pub p50: f64,
    /// 90 %.
    pub p90: f64,
    /// 99 %.
    pub p99: f64,
    /// 99.9 %.
    pub p999: f64,
    /// 99.99 %.
    pub p9999: f64,
    /// The longest.
    pub max: f64,
}

impl Counts {
    /// Counts the outputs of a batch.
    pub fn add(&mut self, output: &Output) {
        for lines in [&output.rejected, &output.identity].into_iter().chain(&output.divisions) {
            self.add_lines(lines);
        }
    }

    fn add_lines(&mut self, lines: &Lines) {
        // Within a string the quotes would be escaped, so this stands only where the type does.
        let finder = memmem::Finder::new(b"\"type\":\"trunkline.");
        for (_, line) in lines.iter() {
            let start = finder.find(line).expect("every output has a type") + finder.needle().len();
            let len = memchr::memchr(b'"', &line[start..]).expect("the type is closed");
            let name = &line[start..start + len];
            match self.by_type.iter_mut().find(|(known, _)| **known == *name) {
                Some((_, count)) => *count += 1,
                None => self.by_type.push((name.into(), 1)),
            }
        }
    }

    fn sorted(&self) -> Map<String, Value> {
        let mut all: Vec<_> = self.by_type.iter().collect();
        all.sort();
        all.iter()
            .map(|(name, count)| (String::from_utf8_lossy(name).into_owned(), (*count).into()))
            .collect()
    }
}

impl Report {
    /// Puts a report together.
    pub fn new(
        rules: &Rules,
        tally: &Tally,
        counts: &Counts,
        blank_lines: u64,
        spent: &Spent,
        output_hash: Option<u128>,
    ) -> Report {
        let wall_s = spent.wall_nanos as f64 / 1e9;
        let [decode, identify, understand, route, emit] = spent.stage_nanos;
        Report {
            events: tally.events,
            accepted: tally.accepted,
            duplicates: tally.duplicates,
            rejected: seen(&RejectReason::ALL.map(RejectReason::word), &tally.rejected),
            ignored: seen(&IgnoreReason::ALL.map(IgnoreReason::word), &tally.ignored),
            outputs: counts.sorted(),
            customers: tally.customers,
            absorbed: tally.absorbed,
            split: tally.split,
            erased: tally.erased,
            forgotten: tally.forgotten,
            clamped: tally.clamped,
            blank_lines,
            objectives: objectives(rules, tally),
            events_per_s: rounded(tally.events as f64 / wall_s.max(1e-9), 0),
            wall_s: rounded(wall_s, 6),
            cpu_s: spent.cpu.map(|cpu| cpu.as_secs_f64()),
            stage_ns: Stages { decode, identify, understand, route, emit },
            peak_rss_bytes: machine::peak_rss_bytes(),
            latency_us: Latency::of(&spent.latency),
            threads: spent.threads,
            machine: machine::description(),
            version: env!("CARGO_PKG_VERSION"),
            rules_hash: format!("{:032x}", rules.hash),
            output_hash: output_hash.map(|hash| format!("{hash:032x}")),
        }
    }
}

impl Latency {
    fn of(nanos: &Histogram<u64>) -> Latency {
        let at = |quantile: f64| rounded(nanos.value_at_quantile(quantile) as f64 / 1e3, 3);
        Latency {
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            p9999: at(0.9999),
            max: at(1.0),
        }
    }
}

/// The words whose count is not 0.
fn seen(words: &[&str], counts: &[u64]) -> Map<String, Value> {
    let all = words.iter().zip(counts).filter(|(_, count)| **count > 0);
    all.map(|(word, count)| ((*word).to_owned(), (*count).into())).collect()
}

fn objectives(rules: &Rules, tally: &Tally) -> Map<String, Value> {
    let mut queues = Map::new();
    for (queue, counts) in rules.queues.iter().zip(&tally.objectives) {
        let mut by_objective = Map::new();
        for objective in Objective::ALL {
            if queue.sla[*objective as usize].is_some() {
                let count = counts[*objective as usize];
                let value = serde_json::json!({
                    "started": count.started,
                    "met": count.met,
                    "breached": count.breached,
                    "cancelled": count.cancelled,
                });
                by_objective.insert(objective.word().to_owned(), value);
            }
        }
        if !by_objective.is_empty() {
            queues.insert(queue.name.clone(), Value::Object(by_objective));
        }
    }
    queues
}

/// Rounded to so many places.
fn rounded(value: f64, places: i32) -> f64 {
    let scale = 10_f64.powi(places);
    (value * scale).round() / scale
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Stream;

    #[test]
    fn outputs_are_counted_by_their_type_and_nothing_that_looks_like_one() {
        let mut output = Output::new(1);
        for (name, thread) in
            [("sla.warning", ""), ("sla.breached", "\\\"type\\\":\\\"trunkline.x"), ("sla.warning", "")]
        {
            let line = format!("{{\"source\":\"/{thread}\",\"type\":\"trunkline.{name}\",\"data\":{{}}}}");
            output.divisions[0].bytes.extend_from_slice(line.as_bytes());
            output.divisions[0].end(Stream::Sla);
        }
        let mut counts = Counts::default();
        counts.add(&output);
        let sorted = serde_json::to_string(&counts.sorted()).expect("plain data");
        assert_eq!(sorted, r#"{"sla.breached":1,"sla.warning":2}"#);
    }
}
