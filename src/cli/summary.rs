//! The report for people: a table on stdout.

use super::report::Report;
use serde_json::{Map, Value};
use std::fmt::Write;

/// Width of the column of words.
const WIDTH: usize = 28;

/// The table of a run.
pub fn of(report: &Report) -> String {
    let mut text = String::new();
    row(&mut text, "events", report.events);
    row(&mut text, "accepted", report.accepted);
    row(&mut text, "duplicates", report.duplicates);
    row(&mut text, "rejected", report.rejected.values().filter_map(Value::as_u64).sum());
    rows(&mut text, &report.rejected);
    row(&mut text, "ignored", report.ignored.values().filter_map(Value::as_u64).sum());
    rows(&mut text, &report.ignored);
    row(&mut text, "customers founded", report.customers);
    row(&mut text, "customers absorbed", report.absorbed);
    row(&mut text, "identifiers split off", report.split);
    row(&mut text, "customers erased", report.erased);
    row(&mut text, "customers forgotten", report.forgotten);
    row(&mut text, "times clamped", report.clamped);
    text.push_str("\noutputs\n");
    rows(&mut text, &report.outputs);
    service_levels(&mut text, report);
    speed(&mut text, report);
    text
}

fn service_levels(text: &mut String, report: &Report) {
    let mut sums: Vec<(String, [u64; 4])> = Vec::new();
    for queue in report.objectives.values().filter_map(Value::as_object) {
        for (objective, counts) in queue {
            let place = sums.iter().position(|(name, _)| name == objective).unwrap_or_else(|| {
                sums.push((objective.clone(), [0; 4]));
                sums.len() - 1
            });
            for (sum, key) in sums[place].1.iter_mut().zip(["started", "met", "breached", "cancelled"]) {
                *sum += counts[key].as_u64().unwrap_or(0);
            }
        }
    }
    if sums.is_empty() {
        return;
    }
    let _ = writeln!(
        text,
        "\n{:WIDTH$}{:>13}{:>13}{:>13}{:>13}{:>9}",
        "service levels", "started", "met", "breached", "cancelled", "met"
    );
    for (objective, [started, met, breached, cancelled]) in sums {
        let ended = met + breached;
        let share =
            if ended > 0 { format!("{:.1} %", met as f64 * 100.0 / ended as f64) } else { "–".to_owned() };
        let name = format!("  {objective}");
        let [started, met, breached, cancelled] = [started, met, breached, cancelled].map(grouped);
        let _ = writeln!(text, "{name:WIDTH$}{started:>13}{met:>13}{breached:>13}{cancelled:>13}{share:>9}");
    }
}

fn speed(text: &mut String, report: &Report) {
    let latency = &report.latency_us;
    text.push('\n');
    row(text, "events/s", report.events_per_s as u64);
    let _ = writeln!(text, "{:WIDTH$}{:>13.3} s", "wall", report.wall_s);
    if let Some(cpu) = report.cpu_s {
        let _ = writeln!(text, "{:WIDTH$}{cpu:>13.2} s", "processor");
    }
    if let Some(bytes) = report.peak_rss_bytes {
        let _ = writeln!(text, "{:WIDTH$}{:>13.1} MiB", "peak memory", bytes as f64 / f64::from(1 << 20));
    }
    let percentiles = [latency.p50, latency.p90, latency.p99, latency.p999, latency.max];
    let [p50, p90, p99, p999, max] = percentiles.map(|us| format!("{us:.0}"));
    let _ = writeln!(
        text,
        "{:WIDTH$}p50 {p50}  p90 {p90}  p99 {p99}  p99.9 {p999}  max {max}",
        "latency of a batch in µs"
    );
    let _ = writeln!(text, "{:WIDTH$}{}", "rules", report.rules_hash);
    if let Some(hash) = &report.output_hash {
        let _ = writeln!(text, "{:WIDTH$}{hash}", "output");
    }
}

fn row(text: &mut String, word: &str, count: u64) {
    let _ = writeln!(text, "{word:WIDTH$}{:>13}", grouped(count));
}

fn rows(text: &mut String, counts: &Map<String, Value>) {
    for (word, count) in counts {
        row(text, &format!("  {word}"), count.as_u64().unwrap_or(0));
    }
}

/// Thousands apart: `1,234,567`.
fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_set_apart() {
        for (count, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(count), text);
        }
    }
}
