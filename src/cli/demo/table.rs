//! The demonstration's table for the terminal.

use super::{Day, grouped, plain};
use crate::types::{AcceptMode, CloseOutcome, WithdrawReason};
use std::fmt::Write;

/// Width of the column of words.
const WIDTH: usize = 26;
/// Queues shown of the worst ones.
const WORST: usize = 6;

/// The table.
pub fn of(day: &Day<'_>) -> String {
    let mut out = String::new();
    let _ = writeln!(
        out,
        "a working day: {} agents, {} customers, {} divisions, {} queues\n",
        grouped(day.agents.into()),
        grouped(day.customers.into()),
        day.rules.divisions.len(),
        day.rules.queues.len()
    );
    for (name, count) in day.input() {
        row(&mut out, name, count);
    }
    row(&mut out, "contacts", day.contacts);
    row(&mut out, "conversations", day.conversations);
    row(&mut out, "customers recognised", day.tally.customers);
    row(&mut out, "identities merged", day.tally.absorbed);
    row(&mut out, "assignments", day.gathered.offered);
    row(&mut out, "  without asking", day.gathered.accepted[AcceptMode::Auto as usize]);
    row(&mut out, "  by a supervisor's order", day.gathered.accepted[AcceptMode::Ordered as usize]);
    let (missed, declined) = day.gathered.missed();
    row(&mut out, "  missed", missed);
    row(&mut out, "  declined", declined);
    row(&mut out, "handed over", day.gathered.withdrawn[WithdrawReason::Transferred as usize]);
    row(&mut out, "left by their agent", day.gathered.withdrawn[WithdrawReason::AgentLeft as usize]);
    row(&mut out, "moved to another division", day.gathered.closed[CloseOutcome::Moved as usize]);
    row(&mut out, "expired in the queue", day.gathered.closed[CloseOutcome::Expired as usize]);
    row(&mut out, "pivoted with their agent", day.gathered.pivoted);
    row(&mut out, "automated replies", day.gathered.replied);
    let _ = writeln!(out, "{:WIDTH$}{:>11.1} %", "agents' time used", day.occupancy_percent);
    channels(&mut out, day);
    objectives(&mut out, day);
    worst(&mut out, day);
    speed(&mut out, day);
    out
}

fn row(out: &mut String, word: &str, count: u64) {
    let _ = writeln!(out, "{word:WIDTH$}{:>13}", grouped(count));
}

fn channels(out: &mut String, day: &Day<'_>) {
    let head = ["channel", "opened", "answered", "given up", "median wait"];
    let _ = writeln!(out, "\n{:WIDTH$}{:>13}{:>13}{:>13}{:>13}", head[0], head[1], head[2], head[3], head[4]);
    for (name, count) in day.by_channel() {
        let closed = (count.answered + count.abandoned + count.other).max(1) as f64;
        let share = |part: u64| format!("{:.1} %", part as f64 * 100.0 / closed);
        let wait = format!("{:.1} s", count.waits.value_at_quantile(0.5) as f64 / 1e3);
        let (opened, answered, abandoned) =
            (grouped(count.opened), share(count.answered), share(count.abandoned));
        let _ = writeln!(out, "  {name:<24}{opened:>13}{answered:>13}{abandoned:>13}{wait:>13}");
    }
}

fn objectives(out: &mut String, day: &Day<'_>) {
    let head = ["service level", "met", "breached", "in time", "warned"];
    let _ = writeln!(out, "\n{:WIDTH$}{:>13}{:>13}{:>13}{:>13}", head[0], head[1], head[2], head[3], head[4]);
    for (objective, met, breached) in day.by_objective() {
        let share = format!("{:.1} %", met as f64 * 100.0 / (met + breached).max(1) as f64);
        let warned = grouped(day.gathered.warnings[objective as usize]);
        let (met, breached) = (grouped(met), grouped(breached));
        let _ = writeln!(out, "  {:<24}{met:>13}{breached:>13}{share:>13}{warned:>13}", plain(objective));
    }
}

/// The queues that kept least of what they promised.
fn worst(out: &mut String, day: &Day<'_>) {
    let mut all: Vec<(u64, &str, &str, u64)> = Vec::new();
    for (queue, counts) in day.rules.queues.iter().zip(&day.tally.objectives) {
        for (objective, counted) in crate::types::Objective::ALL.iter().zip(counts) {
            let ended = counted.met + counted.breached;
            if ended >= 50 {
                all.push((counted.met * 10_000 / ended, &queue.name, plain(*objective), counted.breached));
            }
        }
    }
    all.sort_unstable();
    if all.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n{:WIDTH$}{:>13}{:>13}", "hardest to keep", "in time", "breached");
    for (share, queue, objective, breached) in all.into_iter().take(WORST) {
        let share = format!("{:.1} %", share as f64 / 100.0);
        let _ = writeln!(out, "  {queue:<24}{share:>13}{:>13}  {objective}", grouped(breached));
    }
}

fn speed(out: &mut String, day: &Day<'_>) {
    let events = day.tally.events.max(1);
    let at = |quantile: f64| format!("{:.0}", day.latency.value_at_quantile(quantile) as f64 / 1e3);
    let _ =
        writeln!(out, "\n{:WIDTH$}{:>13}  engine alone", "events/s", grouped(day.engine_events_per_s as u64));
    let all = (day.tally.events as f64 / day.wall_s.max(1e-9)) as u64;
    let _ = writeln!(out, "{:WIDTH$}{:>13}  with the world that reacts to it", "", grouped(all));
    let _ = writeln!(out, "{:WIDTH$}{:>11.1} s", "wall", day.wall_s);
    let _ = writeln!(
        out,
        "{:WIDTH$}p50 {}  p90 {}  p99 {}  p99.9 {}  p99.99 {}  max {}",
        "latency of a batch in µs",
        at(0.5),
        at(0.9),
        at(0.99),
        at(0.999),
        at(0.9999),
        at(1.0)
    );
    let stages: Vec<String> = crate::pipeline::Stage::ALL
        .into_iter()
        .map(|stage| format!("{} {}", stage.word(), day.stage_nanos[stage as usize] / events))
        .collect();
    let _ = writeln!(out, "{:WIDTH$}{}", "ns an event", stages.join("  "));
}
