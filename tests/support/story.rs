//! Stories: small logs with what must come out of them, in the words of the domain, so that a test reads as a table.
//!
//! ```text
//! +0s   agent ann capacity.chat=1
//! +0s   state ann available
//! +1s   contact chat id:7 value=30
//!       -> opened c1 queue=chat
//!       -> offered c1 ann value=30 expires=+21s
//! +21s  -> withdrawn c1 ann timeout
//! until +1m
//! ```
//!
//! A line with an instant and a word is an event (`words`); the lines `->` below it are all its outputs, in their
//! order. A line with an instant and `->` is an output of a timer; those stand where they happen, all of them.
//! `#` begins a remark. An output is told by its word, its conversation, its agent and its reason, outcome or
//! objective; `member=value` asks for more of it (`-`: absent; dots go into objects; `+5s`: an instant; `c1` as part
//! of an id; `@c1`: the customer under whom `c1` was opened). Instants count from Monday, 2026-03-02, 09:00 UTC, in
//! `ms`, `s`, `m`, `h` and `d`.

use std::collections::BTreeMap;

use serde_json::Value;
use trunkline::model::output::time_text;
use trunkline::types::Millis;

use super::engines::{ENGINES, Engine, Lines};
use super::words;

/// Monday, 2026-03-02, 09:00 UTC.
pub const START: Millis = Millis(1_772_442_000_000);

/// What stands in a story.
#[derive(Default)]
struct Story {
    /// Instant and words of each event.
    events: Vec<(Millis, String)>,
    /// Outputs by event.
    caused: BTreeMap<usize, Vec<String>>,
    /// Outputs of timers, in their order.
    timed: Vec<(Millis, String)>,
    until: Option<Millis>,
    /// Rules that events name: `rules more` changes them to those called `more`.
    others: Vec<(&'static str, String)>,
}

/// Runs a story through every engine.
///
/// # Panics
/// If what comes out is not what the story tells: with the whole of what came out.
pub fn tell(rules: &str, text: &str) {
    tell_changing(rules, Vec::new(), text);
}

/// The same where rules change, to some of these.
///
/// # Panics
/// As `tell`.
pub fn tell_changing(rules: &str, others: Vec<(&'static str, String)>, text: &str) {
    let story = Story { others, ..read(text) };
    for (name, engine) in
        ENGINES.iter().filter(|e| std::env::var_os("ONLY_MODEL").is_none() || e.0 == "model")
    {
        let ids = Ids::of(*engine, rules, &story);
        let outputs = sorted(&(*engine)(rules, &ids.log, story.until));
        if let Err(difference) = compare(&story, &outputs, &ids) {
            panic!("{name}: {difference}\n--- what came out:\n{}", transcript(&story, &outputs, &ids));
        }
    }
}

fn read(text: &str) -> Story {
    let mut story = Story::default();
    for line in text.lines() {
        let line = line.split(" #").next().expect("there is a first part").trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(output) = line.strip_prefix("->") {
            let event = story.events.len().checked_sub(1).expect("an output follows an event");
            story.caused.entry(event).or_default().push(output.trim().to_owned());
        } else if let Some(until) = line.strip_prefix("until ") {
            story.until = Some(instant(until.trim()));
        } else {
            let (at, rest) = line.split_once(' ').unwrap_or_else(|| panic!("what is {line:?}?"));
            match rest.trim().strip_prefix("->") {
                Some(output) => story.timed.push((instant(at), output.trim().to_owned())),
                None => story.events.push((instant(at), rest.trim().to_owned())),
            }
        }
    }
    story
}

/// `+90s`, `+1m`, `+1m30s`, `+500ms` … after `START`; `-5s` before it.
pub fn instant(text: &str) -> Millis {
    parse_instant(text).unwrap_or_else(|| panic!("{text:?} is no instant"))
}

fn parse_instant(text: &str) -> Option<Millis> {
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let mut rest = text.strip_prefix(['+', '-']).filter(|rest| !rest.is_empty())?;
    let mut ms = 0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let units = rest[digits..].find(|c: char| c.is_ascii_digit()).map_or(rest.len(), |at| at + digits);
        let unit = match &rest[digits..units] {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return None,
        };
        ms += rest[..digits].parse::<i64>().ok()? * unit;
        rest = &rest[units..];
    }
    Some(Millis(START.0 + sign * ms))
}

/// The log of a story and the ids of its conversations.
struct Ids {
    log: Vec<String>,
    /// In the order of opening: `c1` first.
    conversations: Vec<String>,
}

impl Ids {
    /// Ids are known only from the output, so the log grows event by event, and runs anew where an event names one.
    fn of(engine: Engine, rules: &str, story: &Story) -> Ids {
        let mut ids = Ids { log: Vec::new(), conversations: Vec::new() };
        for (number, (at, words)) in story.events.iter().enumerate() {
            if words.split_whitespace().any(words::is_conversation) {
                ids.learn(engine, rules);
            }
            let time = time_text(*at);
            let mut event = words::event(words, &format!("e{number}"), &time, |word| ids.conversation(word));
            for (name, rules) in &story.others {
                let text = serde_json::json!(rules);
                event = event.replace(&format!("\"text\":\"{name}\""), &format!("\"text\":{text}"));
            }
            ids.log.push(event);
        }
        ids.learn(engine, rules);
        ids
    }

    fn learn(&mut self, engine: Engine, rules: &str) {
        let outputs = sorted(&engine(rules, &self.log, None));
        let opened = outputs.iter().filter(|output| output.event_type == "conversation.opened");
        self.conversations = opened.map(|output| text(&output.data["conversation"])).collect();
    }

    fn conversation(&self, word: &str) -> String {
        let number: usize = word[1..].parse().expect("it is a number");
        let id = self.conversations.get(number - 1);
        id.unwrap_or_else(|| panic!("{word} has not been opened yet")).clone()
    }

    /// `c1` for an id, or the id itself.
    fn word(&self, id: &str) -> String {
        match self.conversations.iter().position(|known| known == id) {
            Some(place) => format!("c{}", place + 1),
            None => id.to_owned(),
        }
    }
}

/// An output line, read.
struct Told {
    /// The event's line, or none for a timer.
    event: Option<usize>,
    time: String,
    source: String,
    number: u64,
    event_type: String,
    whole: Value,
    data: Value,
}

/// Outputs in the order of a story: by event, identities before divisions; those of timers by time.
fn sorted(lines: &Lines) -> Vec<Told> {
    let mut told: Vec<Told> = lines.iter().map(|(_, line)| told(line)).collect();
    told.sort_by_key(|output| {
        let in_division = !output.source.ends_with("/identity");
        (output.event, output.time.clone(), in_division, output.source.clone(), output.number)
    });
    told
}

fn told(line: &str) -> Told {
    let whole: Value = serde_json::from_str(line).expect("output is JSON");
    let id = text(&whole["id"]);
    let cause = text(&whole["cause"]);
    Told {
        event: cause.split(':').nth(1).map(|line| line.parse().expect("a line number")),
        time: text(&whole["time"]),
        source: text(&whole["source"]),
        number: id.rsplit('-').next().and_then(|number| number.parse().ok()).unwrap_or(0),
        event_type: text(&whole["type"]).trim_start_matches("trunkline.").to_owned(),
        data: whole["data"].clone(),
        whole,
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

impl Told {
    /// The words that always tell an output.
    fn words(&self, ids: &Ids) -> String {
        let places: &[&str] = match self.event_type.as_str() {
            "assignment.offered" => &["agent"],
            "assignment.withdrawn" => &["agent", "reason"],
            "conversation.opened" => &[],
            "conversation.pivoted" => &["agent"],
            "conversation.merged" => &[],
            "conversation.closed" => &["outcome"],
            "sla.warning" | "sla.breached" => &["objective"],
            "reply.automated" => &[],
            "customer.created" | "customer.merged" | "customer.split" | "customer.erased" => &[],
            "identity.refused" => &["kind", "reason"],
            "event.rejected" => &["reason"],
            other => panic!("an output that stories do not know: {other}"),
        };
        let mut words = vec![self.event_type.split('.').nth(1).expect("a type has two parts").to_owned()];
        if let Some(id) = self.data["conversation"].as_str() {
            words.push(ids.word(id));
        }
        let told = places.iter().map(|place| &self.data[*place]);
        words.extend(told.filter(|value| !value.is_null()).map(text));
        words.join(" ")
    }

    /// Whether this output is the one expected.
    fn check(&self, expected: &str, ids: &Ids) -> Result<(), String> {
        let (asked, fixed): (Vec<&str>, Vec<&str>) =
            expected.split_whitespace().partition(|word| word.contains('='));
        if fixed.join(" ") != self.words(ids) {
            return Err(format!("expected {expected:?}, got {:?}", self.words(ids)));
        }
        for member in asked {
            let (path, value) = member.split_once('=').expect("it has one");
            let found = match path.strip_prefix('!') {
                Some(member) => self.whole.get(member),
                None => path.split('.').try_fold(&self.data, |object, name| match object {
                    Value::Array(items) => items.get(name.parse::<usize>().ok()?),
                    _ => object.get(name),
                }),
            };
            let found = found.map_or_else(|| "-".to_owned(), |value| shown(value, ids));
            if found != meant(value, ids) {
                return Err(format!(
                    "expected {path}={value} ({}), got {found}, in {expected:?}",
                    meant(value, ids)
                ));
            }
        }
        Ok(())
    }
}

/// A value of the output as a story writes it.
fn shown(value: &Value, ids: &Ids) -> String {
    match value {
        Value::String(text) => ids.word(text),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(|item| shown(item, ids)).collect();
            format!("[{}]", items.join(","))
        }
        other => other.to_string(),
    }
}

/// A value of the story as the output writes it.
fn meant(text: &str, ids: &Ids) -> String {
    if let Some(items) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        let items: Vec<String> = items.split(',').map(|item| meant(item, ids)).collect();
        return format!("[{}]", items.join(","));
    }
    if let Some(conversation) = text.strip_prefix('@') {
        return ids.conversation(conversation).split('.').next().expect("there is a first part").to_owned();
    }
    match parse_instant(text) {
        Some(at) => time_text(at),
        None => text.to_owned(),
    }
}

fn compare(story: &Story, outputs: &[Told], ids: &Ids) -> Result<(), String> {
    for number in 0..story.events.len() {
        let expected = story.caused.get(&number).cloned().unwrap_or_default();
        let found: Vec<&Told> = outputs.iter().filter(|output| output.event == Some(number)).collect();
        let event = &story.events[number].1;
        for (output, expected) in found.iter().zip(&expected) {
            output.check(expected, ids).map_err(|difference| format!("at {event:?}: {difference}"))?;
        }
        if found.len() != expected.len() {
            return Err(format!("at {event:?}: {} outputs, not {}", found.len(), expected.len()));
        }
    }
    let found: Vec<&Told> = outputs.iter().filter(|output| output.event.is_none()).collect();
    for (output, (at, expected)) in found.iter().zip(&story.timed) {
        output.check(expected, ids)?;
        if output.time != time_text(*at) {
            return Err(format!("{expected:?} at {}, not {}", output.time, time_text(*at)));
        }
    }
    if found.len() != story.timed.len() {
        return Err(format!("{} outputs of timers, not {}", found.len(), story.timed.len()));
    }
    Ok(())
}

/// Everything that came out, as a story would tell it.
fn transcript(story: &Story, outputs: &[Told], ids: &Ids) -> String {
    let mut lines: Vec<String> = Vec::new();
    for output in outputs.iter().filter(|output| output.event.is_none()) {
        lines.push(format!("{} -> {}   {}", offset(&output.time), output.words(ids), output.data));
    }
    for (number, (at, words)) in story.events.iter().enumerate() {
        lines.push(format!("{} {words}", offset(&time_text(*at))));
        for output in outputs.iter().filter(|output| output.event == Some(number)) {
            lines.push(format!("      -> {}   {}", output.words(ids), output.data));
        }
    }
    lines.join("\n")
}

fn offset(time: &str) -> String {
    let at: jiff::Timestamp = time.parse().expect("outputs carry instants");
    format!("+{}ms", at.as_millisecond() - START.0)
}
