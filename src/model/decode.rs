//! The oracle's decoder: a record to events or rejects, check by check over the whole event. Every failure is noted
//! in document order and the least reason wins, so that no check depends on another's being first. It may keep no
//! plain identifier and may not look at anything but the bytes, the rules and the limits.

mod members;

use std::collections::BTreeSet;

use serde_json::value::RawValue;

use crate::model::event::Event;
use crate::model::instant;
use crate::model::json::{self, Shape};
use crate::rules::Rules;
use crate::rules::keys::Keys;
use crate::types::event::TYPE_PREFIX;
use crate::types::record::{BinaryHeaders, CONTROL_TYPES, Limits, Record};
use crate::types::{EventType, Millis, Position, RejectReason, TraceParent};

#[cfg(test)]
pub(crate) mod fixtures;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod record_tests;

/// An event, or why it is refused and which member is to blame.
pub type Decoded = Result<Event, (RejectReason, String)>;

/// Members of the envelope.
const ENVELOPE: [&str; 7] = ["specversion", "id", "source", "type", "time", "data", "traceparent"];

/// Every event of a record, in order.
pub fn decode_record(
    record: &Record,
    rules: &Rules,
    keys: &Keys,
    limits: &Limits,
) -> Vec<(Position, Decoded)> {
    let whole = |decoded: Decoded| vec![(position(record, 0), decoded)];
    let refused = |reason: RejectReason| whole(Err((reason, String::new())));
    if record.value.len() > limits.record_bytes {
        return refused(RejectReason::TooLarge);
    }
    let decode = |index: u32, bytes: &[u8]| Reader::new(record, index, rules, keys, limits).structured(bytes);
    if let Some(headers) = record.binary {
        return whole(Reader::new(record, 0, rules, keys, limits).binary(headers, record.value));
    }
    let trimmed = trim(record.value);
    if trimmed.is_empty() && record.timestamp.is_none() {
        return Vec::new();
    }
    if trimmed.starts_with(b"[") {
        let Ok(text) = std::str::from_utf8(trimmed) else { return refused(RejectReason::InvalidUtf8) };
        if json::check(text).is_err() {
            return refused(RejectReason::InvalidJson);
        }
        let Shape::Array(elements) = json::shape(json::raw(text)) else {
            unreachable!("it begins with a bracket")
        };
        let event =
            |(index, raw): (u32, &&RawValue)| (position(record, index), decode(index, raw.get().as_bytes()));
        return (0..).zip(&elements).map(event).collect();
    }
    let lines: Vec<&[u8]> = record.value.split(|byte| *byte == b'\n').collect();
    if !lines[1..].iter().any(|line| line.starts_with(b"{")) {
        return whole(decode(0, record.value));
    }
    let full = (0..).zip(&lines).filter(|(_, line)| !trim(line).is_empty());
    full.map(|(index, line)| (position(record, index), decode(index, line))).collect()
}

fn position(record: &Record, index: u32) -> Position {
    Position { partition: record.partition, index, offset: record.offset }
}

/// Without the white space of JSON at both ends.
fn trim(bytes: &[u8]) -> &[u8] {
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
    let Some(start) = bytes.iter().position(|byte| !is_space(byte)) else { return &[] };
    let end = bytes.iter().rposition(|byte| !is_space(byte)).expect("there is one");
    &bytes[start..=end]
}

/// Reads one event and remembers everything that is wrong with it.
struct Reader<'a> {
    rules: &'a Rules,
    keys: &'a Keys,
    limits: &'a Limits,
    /// The record's timestamp; `None` in a plain file.
    timestamp: Option<Millis>,
    /// Bit `EventType as u8`.
    allowed: u32,
    /// Most bytes of the event; in a topic of nothing but rules as many as a record has.
    event_bytes: usize,
    /// Most bytes of `text`.
    text_bytes: usize,
    /// In document order, but for missing members, which come last and in the order of the specification.
    failures: Vec<(RejectReason, String)>,
    event: Event,
    /// Identifiers named by `from` or `identifier`, blocked and bad ones too; `None`: no such object.
    identifiers_named: Option<usize>,
    /// `text`, until it has been searched.
    text: Option<String>,
}

impl<'a> Reader<'a> {
    fn new(record: &Record, index: u32, rules: &'a Rules, keys: &'a Keys, limits: &'a Limits) -> Reader<'a> {
        // The type is not known yet; the envelope tells it before the event is given out.
        let event = Event::bare(EventType::ContactReceived, position(record, index), Millis(0));
        Reader {
            rules,
            keys,
            limits,
            timestamp: record.timestamp,
            allowed: record.allowed,
            event_bytes: match record.allowed {
                CONTROL_TYPES => limits.record_bytes,
                _ => limits.event_bytes,
            },
            text_bytes: limits.text_bytes,
            failures: Vec::new(),
            event,
            identifiers_named: None,
            text: None,
        }
    }

    /// One object that holds everything.
    fn structured(self, bytes: &[u8]) -> Decoded {
        let refused = |reason: RejectReason| Err((reason, String::new()));
        if bytes.len() > self.event_bytes {
            return refused(RejectReason::TooLarge);
        }
        match std::str::from_utf8(bytes) {
            Ok(text) if json::check(text).is_ok() => self.checked(text),
            Ok(_) => refused(RejectReason::InvalidJson),
            Err(_) => refused(RejectReason::InvalidUtf8),
        }
    }

    /// The value is `data`, the headers are the other members: put together they are an event like any other.
    fn binary(mut self, headers: &BinaryHeaders, value: &[u8]) -> Decoded {
        let refused = |reason: RejectReason| Err((reason, String::new()));
        if value.len() > self.event_bytes {
            return refused(RejectReason::TooLarge);
        }
        let mut text = String::from("{");
        for (name, header) in [
            ("specversion", Some(headers.specversion)),
            ("id", headers.id),
            ("source", headers.source),
            ("type", headers.event_type),
            ("time", headers.time),
            ("traceparent", headers.traceparent),
        ] {
            let Some(header) = header else { continue };
            let Ok(header) = std::str::from_utf8(header) else { return refused(RejectReason::InvalidUtf8) };
            text += &format!("\"{name}\":{},", serde_json::Value::from(header));
        }
        match std::str::from_utf8(value) {
            Ok(data) if json::check(data).is_ok() => {
                if !matches!(json::shape(json::raw(data)), Shape::Object(_)) {
                    self.fail(RejectReason::NotAnObject, "");
                }
                self.checked(&format!("{text}\"data\":{data}}}"))
            }
            Ok(_) => refused(RejectReason::InvalidJson),
            Err(_) => refused(RejectReason::InvalidUtf8),
        }
    }

    /// `text` is JSON.
    fn checked(mut self, text: &str) -> Decoded {
        if json::check(text).expect("checked before") > self.limits.depth as usize {
            self.fail(RejectReason::TooDeep, "");
        }
        match json::shape(json::raw(text)) {
            Shape::Object(members) => self.envelope(&members),
            _ => self.fail(RejectReason::NotAnObject, ""),
        }
        // Of equal reasons `min_by_key` returns the first.
        match self.failures.into_iter().min_by_key(|(reason, _)| *reason) {
            Some(failure) => Err(failure),
            None => Ok(self.event),
        }
    }

    fn fail(&mut self, reason: RejectReason, detail: &str) {
        self.failures.push((reason, detail.to_owned()));
    }

    fn envelope(&mut self, envelope: &[(String, &RawValue)]) {
        let event_type = self.event_type(envelope);
        if event_type == Some(EventType::RulesChanged) {
            self.text_bytes = usize::MAX;
        }
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        let mut data_seen = None;
        let (mut id, mut source, mut time) = (None, None, None);
        for (name, raw) in envelope {
            if !ENVELOPE.contains(&name.as_str()) {
                continue;
            }
            if !seen.insert(name) {
                self.fail(RejectReason::DuplicateMember, name);
            }
            match name.as_str() {
                "specversion" => self.specversion(raw),
                "id" => id = self.name("id", raw),
                "source" => source = self.name("source", raw),
                "type" => self.check_type(raw),
                "time" => time = self.time("time", raw),
                "traceparent" => {
                    let text = self.text("traceparent", raw).unwrap_or_default();
                    self.event.traceparent = TraceParent::parse(text.as_bytes());
                }
                _ => match json::shape(raw) {
                    Shape::Object(members) => {
                        data_seen = event_type.map(|event_type| self.data(event_type, &members));
                    }
                    _ => self.fail(RejectReason::WrongType, "data"),
                },
            }
        }
        if !seen.contains("specversion") {
            self.fail(RejectReason::NotCloudEvents, "specversion");
        }
        let is_plain_file = self.timestamp.is_none();
        for name in ["id", "source", "type", "time", "data"] {
            if !seen.contains(name) && (name != "time" || is_plain_file) {
                self.fail(RejectReason::MissingMember, name);
            }
        }
        if let (Some(event_type), Some(data_seen)) = (event_type, data_seen) {
            self.check_required(event_type, &data_seen);
            self.event.event_type = event_type;
        }
        let (id, source) = (id.unwrap_or_default(), source.unwrap_or_default());
        self.event.dedup_key = self.keys.event(source.as_bytes(), id.as_bytes());
        // Where neither is there the event is refused anyway.
        self.event.time = time.or(self.timestamp).unwrap_or_default();
        self.event.recorded = self.timestamp.or(time).unwrap_or_default();
    }

    fn specversion(&mut self, raw: &RawValue) {
        if !matches!(json::shape(raw), Shape::Text(text) if text == "1.0") {
            self.fail(RejectReason::NotCloudEvents, "specversion");
        }
    }

    /// The type by which the members of `data` are judged: what the first `type` says.
    fn event_type(&self, envelope: &[(String, &RawValue)]) -> Option<EventType> {
        let (_, raw) = envelope.iter().find(|(name, _)| name == "type")?;
        let Shape::Text(text) = json::shape(raw) else { return None };
        let name = text.strip_prefix(TYPE_PREFIX)?;
        EventType::ALL.iter().copied().find(|event_type| event_type.name() == name)
    }

    fn check_type(&mut self, raw: &RawValue) {
        let Some(text) = self.text("type", raw) else { return };
        let known = text
            .strip_prefix(TYPE_PREFIX)
            .and_then(|name| EventType::ALL.iter().find(|event_type| event_type.name() == name));
        match known {
            None => self.fail(RejectReason::UnknownType, "type"),
            Some(event_type) if self.allowed & (1 << *event_type as u8) == 0 => {
                self.fail(RejectReason::TypeNotAllowed, "type");
            }
            Some(_) => {}
        }
    }

    /// A string, or the failure noted.
    fn text(&mut self, path: &str, raw: &RawValue) -> Option<String> {
        match json::shape(raw) {
            Shape::Text(text) => Some(text),
            _ => {
                self.fail(RejectReason::WrongType, path);
                None
            }
        }
    }

    /// A string of 1 to `name_bytes` bytes.
    fn name(&mut self, path: &str, raw: &RawValue) -> Option<String> {
        let text = self.text(path, raw)?;
        self.check_name(path, &text);
        Some(text)
    }

    fn check_name(&mut self, path: &str, text: &str) {
        if text.is_empty() || text.len() > self.limits.name_bytes {
            self.fail(RejectReason::OutOfRange, path);
        }
    }

    fn time(&mut self, path: &str, raw: &RawValue) -> Option<Millis> {
        let text = self.text(path, raw)?;
        let time = instant::parse(&text);
        if time.is_none() {
            self.fail(RejectReason::BadTime, path);
        }
        time
    }

    fn boolean(&mut self, path: &str, raw: &RawValue) -> Option<bool> {
        match json::shape(raw) {
            Shape::Bool(value) => Some(value),
            _ => {
                self.fail(RejectReason::WrongType, path);
                None
            }
        }
    }

    /// A number without fraction and exponent, within `bounds`.
    fn integer(&mut self, path: &str, raw: &RawValue, bounds: std::ops::RangeInclusive<i64>) -> Option<i64> {
        match json::shape(raw) {
            Shape::Number(text) if !text.contains(['.', 'e', 'E']) => {
                // One that does not fit 64 bits is out of every bounds.
                let number = text.parse().ok().filter(|number| bounds.contains(number));
                if number.is_none() {
                    self.fail(RejectReason::OutOfRange, path);
                }
                number
            }
            _ => {
                self.fail(RejectReason::WrongType, path);
                None
            }
        }
    }

    /// The members of an object, or the failure noted.
    fn object<'r>(&mut self, path: &str, raw: &'r RawValue) -> Option<Vec<(String, &'r RawValue)>> {
        match json::shape(raw) {
            Shape::Object(members) => Some(members),
            _ => {
                self.fail(RejectReason::WrongType, path);
                None
            }
        }
    }
}
