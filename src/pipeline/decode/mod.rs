//! decode: record bytes → event rows, or a reject with its reason. From the bytes and the rules in force and nothing
//! else; the outcome does not depend on what was decoded before, nor on how records are cut into batches.
//!
//! A batch is copied once into `Events::bytes`, each record with room behind it, so that a window of 64 bytes may be
//! looked at anywhere and the records' own memory is free again; texts are places in that copy. One hand-written pass
//! (`fast`, `data`, `maps`) reads an event and takes exactly the valid ones, without allocating once warm. What it does not
//! take goes through a second, careful pass (`explain`) that looks at the whole event, since the reason is the first
//! in the order of the reasons, not the first in the bytes.
//!
//! Invariant: what `fast` refuses, `explain` can explain; if not, the engine stops, for one of them is wrong.

mod scan;
mod utf8;
mod cursor;
mod names;
mod members;
mod time;
mod phone;
mod identifier;
mod tables;
mod texts;
mod words;
mod terms;
mod language;
mod fast;
mod data;
mod maps;
mod split;
mod explain;

use std::ops::Range;
use std::sync::Arc;

use crate::rules::Rules;
use crate::rules::keys::Keys;
use crate::types::decision::Rejected;
use crate::types::event::{Entry, Events};
pub use crate::types::record::Limits;
use crate::types::record::{BinaryHeaders, Record};
use crate::types::{Position, RejectReason};
use explain::{Around, explain};
use fast::Pass;
use scan::Source;
use tables::{Memory, Tables};

/// Decodes records by one tenant's rules.
pub struct Decoder {
    tables: Tables,
    memory: Memory,
    unescaped: Vec<u8>,
    parts: Vec<Range<usize>>,
}

/// How much of the side tables was filled before an event.
struct Mark {
    rows: usize,
    identifiers: usize,
    skills: usize,
    langs: usize,
    capacities: usize,
    queues: usize,
    hits: usize,
    unescaped: usize,
}

impl Decoder {
    /// Compiles the tables for these rules.
    pub fn new(rules: Arc<Rules>, keys: Keys, limits: Limits) -> Decoder {
        let tables = Tables::new(rules, keys, limits);
        let memory = Memory::new(&tables);
        Decoder { tables, memory, unescaped: Vec::new(), parts: Vec::new() }
    }

    /// Takes records in and decodes them; `events` is cleared first.
    pub fn decode(&mut self, records: &[Record<'_>], events: &mut Events) {
        events.clear();
        for record in records {
            events.take_in(record, self.tables.limits.record_bytes);
        }
        self.decode_taken(events);
    }

    /// Decodes the records that were taken into the batch.
    pub fn decode_taken(&mut self, events: &mut Events) {
        self.decode_from(0, events);
    }

    /// Decodes what stands behind an event of the batch once more: rules have changed with it. What came of the events up to
    /// it is forgotten.
    pub fn decode_behind(&mut self, event: Position, events: &mut Events) {
        let from = events.record_of(event);
        events.forget_decoded();
        self.decode_from(from, events);
        let position = |entry: &Entry| match entry {
            Entry::Event(row) => events.rows[*row as usize].position,
            Entry::Rejected(at) => events.rejected[*at as usize].position,
        };
        let is_before = |entry: &&Entry| {
            let Position { partition, offset, index } = position(entry);
            (partition, offset) == (event.partition, event.offset) && index <= event.index
        };
        let before = events.entries.iter().take_while(is_before).count();
        events.drop_first(before);
    }

    /// The tenant's keys.
    pub fn keys(&self) -> &Keys {
        &self.tables.keys
    }

    /// By one tenant's other rules from now on.
    pub fn adopt(&mut self, rules: &Arc<Rules>) {
        let Decoder { tables, .. } = self;
        *self = Decoder::new(rules.clone(), tables.keys.under(rules), tables.limits);
    }

    fn decode_from(&mut self, first: usize, events: &mut Events) {
        self.unescaped.clear();
        let bytes = std::mem::take(&mut events.bytes);
        for at in first..events.records() {
            let mut headers = BinaryHeaders::default();
            let (record, start, whole) = events.record(at, &bytes, &mut headers);
            if whole {
                self.record(&record, &bytes, start, events);
            } else {
                reject(events, position(&record, 0), RejectReason::TooLarge, String::new());
            }
        }
        events.bytes = bytes;
        events.bytes.extend_from_slice(&self.unescaped);
    }

    /// What the careful pass alone says of a record that is one event: the reason to refuse it and the member
    /// concerned, or nothing. For tests, which hold both passes against each other.
    pub fn fault(&mut self, record: &Record<'_>) -> Option<(RejectReason, String)> {
        explain(&self.tables, &mut self.memory, record.value, around(record))
    }

    fn record(&mut self, record: &Record<'_>, bytes: &[u8], start: usize, events: &mut Events) {
        let length = record.value.len();
        let whole = start..start + length;
        if record.binary.is_some() {
            return self.event(record, bytes, whole, 0, events);
        }
        // Nearly every record is one event on one line: then nothing has to be searched for first.
        if record.value.first() == Some(&b'{') && length <= self.tables.limits.event_bytes_of(record.allowed)
        {
            let mark = self.mark(events);
            let pass = self.pass(bytes, events);
            match pass.structured(record, position(record, 0), start, whole.end) {
                Some(newline) if !newline || !split::is_packed(record.value) => return accept(events),
                _ => self.roll_back(events, &mark),
            }
        }
        let blank = record.value.iter().take_while(|b| split::is_blank(&[**b])).count();
        if blank == length && record.timestamp.is_none() {
            return;
        }
        if record.value.get(blank) == Some(&b'[') {
            self.batch(record, bytes, whole, events);
        } else if split::is_packed(record.value) {
            self.lines(record, bytes, whole, events);
        } else {
            self.event(record, bytes, whole, 0, events);
        }
    }

    /// An array of events: split only if it is JSON as a whole.
    fn batch(&mut self, record: &Record<'_>, bytes: &[u8], whole: Range<usize>, events: &mut Events) {
        let mut parts = std::mem::take(&mut self.parts);
        if std::str::from_utf8(record.value).is_err() {
            reject(events, position(record, 0), RejectReason::InvalidUtf8, String::new());
        } else if !split::elements(bytes, whole, &mut parts) {
            reject(events, position(record, 0), RejectReason::InvalidJson, String::new());
        } else {
            for (index, part) in parts.iter().enumerate() {
                self.event(record, bytes, part.clone(), index as u32, events);
            }
        }
        self.parts = parts;
    }

    /// Events packed a line each; an empty line is none, but counts.
    fn lines(&mut self, record: &Record<'_>, bytes: &[u8], whole: Range<usize>, events: &mut Events) {
        let mut start = whole.start;
        for (index, line) in record.value.split(|b| *b == b'\n').enumerate() {
            if !split::is_blank(line) {
                self.event(record, bytes, start..start + line.len(), index as u32, events);
            }
            start += line.len() + 1;
        }
    }

    /// One event at `range`: a row or a reject.
    fn event(
        &mut self,
        record: &Record<'_>,
        bytes: &[u8],
        range: Range<usize>,
        index: u32,
        events: &mut Events,
    ) {
        let place = position(record, index);
        let mark = self.mark(events);
        if range.len() <= self.tables.limits.event_bytes_of(record.allowed) {
            let pass = self.pass(bytes, events);
            let taken = match record.binary {
                Some(headers) => pass.binary(headers, record, place, range.start, range.end),
                None => pass.structured(record, place, range.start, range.end).map(|_| ()),
            };
            if taken.is_some() {
                return accept(events);
            }
            self.roll_back(events, &mark);
        }
        self.refuse(record, &bytes[range], place, events);
    }

    #[cold]
    fn refuse(&mut self, record: &Record<'_>, event: &[u8], place: Position, events: &mut Events) {
        let (reason, detail) = explain(&self.tables, &mut self.memory, event, around(record))
            .expect("what the fast pass refuses the careful one can explain");
        reject(events, place, reason, detail);
    }

    #[inline]
    fn pass<'a>(&'a mut self, bytes: &'a [u8], events: &'a mut Events) -> Pass<'a> {
        Pass::new(&self.tables, &mut self.memory, Source::new(bytes), &mut self.unescaped, events)
    }

    #[inline]
    fn mark(&self, events: &Events) -> Mark {
        Mark {
            rows: events.rows.len(),
            identifiers: events.identifiers.len(),
            skills: events.skills.len(),
            langs: events.langs.len(),
            capacities: events.capacities.len(),
            queues: events.queues.len(),
            hits: events.hits.len(),
            unescaped: self.unescaped.len(),
        }
    }

    #[cold]
    fn roll_back(&mut self, events: &mut Events, mark: &Mark) {
        events.rows.truncate(mark.rows);
        events.identifiers.truncate(mark.identifiers);
        events.skills.truncate(mark.skills);
        events.langs.truncate(mark.langs);
        events.capacities.truncate(mark.capacities);
        events.queues.truncate(mark.queues);
        events.hits.truncate(mark.hits);
        self.unescaped.truncate(mark.unescaped);
    }
}

fn around<'r>(record: &Record<'r>) -> Around<'r> {
    Around { needs_time: record.timestamp.is_none(), allowed: record.allowed, binary: record.binary }
}

fn position(record: &Record<'_>, index: u32) -> Position {
    Position { partition: record.partition, offset: record.offset, index }
}

fn accept(events: &mut Events) {
    events.entries.push(Entry::Event(events.rows.len() as u32 - 1));
}

#[cold]
fn reject(events: &mut Events, position: Position, reason: RejectReason, detail: String) {
    events.entries.push(Entry::Rejected(events.rejected.len() as u32));
    events.rejected.push(Rejected { position, reason, detail });
}
