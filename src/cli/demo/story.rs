//! One assignment told in full: what it was worth, how long it waited, whom the engine could choose from, what the
//! customer had tried before.

use super::gather::Story;
use super::page::escape;
use crate::rules::Rules;
use crate::types::{AcceptMode, Millis, Objective};
use std::fmt::Write;

/// The story as lines of label and text.
fn lines(rules: &Rules, story: &Story) -> Vec<(&'static str, String)> {
    let offered = &story.offered;
    let mut all = vec![
        ("conversation", format!("{}, of customer {}", story.conversation, story.customer)),
        (
            "queue",
            format!("{} by {}", rules.queues[story.queue.at()].name, rules.channels[story.channel.at()].name),
        ),
        ("agent", format!("{}, {}", story.agent, how(offered.accept))),
        (
            "chosen by",
            format!(
                "{} among {} who could take it; rank {} of the agent's queues",
                offered.strategy, offered.candidates, offered.rank
            ),
        ),
        ("value", format!("{} points", offered.value)),
        (
            "priority",
            format!(
                "{} points: {:+} by waiting {}",
                offered.priority,
                offered.priority - offered.value,
                span(offered.waited.0)
            ),
        ),
        ("known by", kinds(rules, offered.kinds)),
    ];
    if !story.last_agent.is_empty() {
        all.push(("last agent", story.last_agent.clone()));
    }
    for (objective, due) in Objective::ALL.iter().zip(offered.due) {
        if let Some(due) = due {
            all.push((super::plain(*objective), format!("due at {}", time(due))));
        }
    }
    all
}

fn attempts(rules: &Rules, story: &Story) -> Vec<String> {
    let of = |attempt: &crate::types::decision::Attempt| {
        format!(
            "{} by {}: {}",
            time(attempt.at),
            rules.channels[attempt.channel.at()].name,
            attempt.outcome.word()
        )
    };
    story.attempts.iter().map(of).collect()
}

/// For the terminal.
pub fn text(rules: &Rules, story: &Story) -> String {
    let mut out = format!("one assignment: why {} got it at {}\n", story.agent, time(story.time));
    for (label, text) in lines(rules, story) {
        let _ = writeln!(out, "  {label:16}{text}");
    }
    for (place, attempt) in attempts(rules, story).iter().enumerate() {
        let label = if place == 0 { "tried before" } else { "" };
        let _ = writeln!(out, "  {label:16}{attempt}");
    }
    out
}

/// For the page.
pub fn page(rules: &Rules, story: &Story) -> String {
    let mut out = String::from("<div class=\"story\"><dl>");
    let _ = write!(out, "<dt>time</dt><dd>{}</dd>", time(story.time));
    for (label, text) in lines(rules, story) {
        let _ = write!(out, "<dt>{label}</dt><dd>{}</dd>", escape(&text));
    }
    let _ = write!(
        out,
        "</dl><div>Earlier attempts of this customer, {} of them failed:<ol>",
        story.offered.failed_attempts
    );
    for attempt in attempts(rules, story) {
        let _ = write!(out, "<li>{}</li>", escape(&attempt));
    }
    out + "</ol></div></div>"
}

fn how(accept: AcceptMode) -> &'static str {
    match accept {
        AcceptMode::Offer => "who was asked",
        AcceptMode::Auto => "who got it without being asked",
        AcceptMode::Ordered => "by a supervisor's order",
    }
}

fn kinds(rules: &Rules, bits: u16) -> String {
    let names: Vec<&str> = rules
        .identity
        .kinds
        .iter()
        .enumerate()
        .filter(|(at, _)| bits >> at & 1 == 1)
        .map(|(_, kind)| kind.name.as_str())
        .collect();
    names.join(", ")
}

/// Time of the day.
fn time(at: Millis) -> String {
    let second = at.0.div_euclid(1_000).rem_euclid(86_400);
    format!("{:02}:{:02}:{:02}", second / 3_600, second / 60 % 60, second % 60)
}

/// A span in minutes and seconds.
fn span(ms: i64) -> String {
    let seconds = ms / 1_000;
    if seconds < 60 { format!("{seconds} s") } else { format!("{} min {} s", seconds / 60, seconds % 60) }
}
