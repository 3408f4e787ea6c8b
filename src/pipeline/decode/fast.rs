//! One event in one pass: envelope and data are read where they stand, values go straight into the row and its side
//! tables. It takes exactly the valid events; on the first doubt it gives up (`None`) without saying why, since the
//! reason depends on the whole event and is worked out by `explain`.
//!
//! Members may come in any order. The envelope is tried in the usual order first, in which a value and the name behind
//! it cost a look and a comparison each; the general loop goes on at the first member that comes elsewhere.

use super::members::Shape;
use super::names::first_word;
use super::scan::{self, Source, WINDOW};
use super::tables::{Memory, Tables};
use super::texts::bytes_of;
use super::time;
use crate::types::event::{AgentQueue, Event, Events, Identifier, List, SkillLevel, Span, TYPE_PREFIX};
use crate::types::position::TRACE_PARENT_CHARS;
use crate::types::record::{BinaryHeaders, Record};
use crate::types::{ChannelId, EventType, Position, TraceParent};

/// One event being read.
pub struct Pass<'a> {
    pub(super) tables: &'a Tables,
    pub(super) memory: &'a mut Memory,
    pub(super) src: Source<'a>,
    pub(super) unescaped: &'a mut Vec<u8>,
    /// The row, in its place in the batch.
    pub(super) row: &'a mut Event,
    pub(super) lists: Lists<'a>,
    pub(super) shape: &'a Shape,
    /// The text whose language may have to be detected; length 0: none.
    pub(super) message: Span,
    /// A string passed that may not be UTF-8.
    pub(super) doubt: bool,
    /// A line end was passed between tokens.
    pub(super) newline: bool,
}

/// The side tables of the batch.
pub struct Lists<'a> {
    pub identifiers: &'a mut Vec<Identifier>,
    pub skills: &'a mut Vec<SkillLevel>,
    pub langs: &'a mut Vec<u64>,
    pub hits: &'a mut Vec<u32>,
    pub capacities: &'a mut Vec<(ChannelId, u32)>,
    pub queues: &'a mut Vec<AgentQueue>,
}

/// Envelope members seen so far, as bits.
mod seen {
    pub const SPECVERSION: u32 = 1;
    pub const ID: u32 = 2;
    pub const SOURCE: u32 = 4;
    pub const TYPE: u32 = 8;
    pub const TIME: u32 = 16;
    pub const TRACEPARENT: u32 = 32;
    pub const DATA: u32 = 64;
    pub const REQUIRED: u32 = SPECVERSION | ID | SOURCE | TYPE | DATA;
}

#[derive(Default)]
struct Envelope {
    seen: u32,
    id: Span,
    source: Span,
    /// Where a `data` stands that came before `type`.
    data: Option<usize>,
}

impl<'a> Pass<'a> {
    /// A pass over `src` that makes a row at the end of the batch; what it unescapes stands behind the whole of `src`.
    #[inline]
    pub fn new(
        tables: &'a Tables,
        memory: &'a mut Memory,
        src: Source<'a>,
        unescaped: &'a mut Vec<u8>,
        out: &'a mut Events,
    ) -> Pass<'a> {
        let Events { rows, identifiers, skills, langs, hits, capacities, queues, .. } = out;
        rows.push(Event::EMPTY);
        let row = rows.last_mut().expect("a row was added");
        let lists = Lists { identifiers, skills, langs, hits, capacities, queues };
        let shape = &tables.shapes[0];
        let message = Span::default();
        Pass { tables, memory, src, unescaped, row, lists, shape, message, doubt: false, newline: false }
    }

    /// Reads the event in structured mode from `start` to `end`. Tells whether a line end was passed between tokens.
    pub fn structured(
        mut self,
        record: &Record<'_>,
        position: Position,
        start: usize,
        end: usize,
    ) -> Option<bool> {
        let mut envelope = Envelope::default();
        let mut at = self.usual_envelope(start, &mut envelope, record.allowed)?;
        at = match self.literal(at, b"}") {
            Some(at) => at,
            None => self.rest_of_envelope(at, &mut envelope, record.allowed)?,
        };
        if let Some(data) = envelope.data {
            self.data(data)?;
        }
        if at != end && !self.is_blank(at, end) || envelope.seen & seen::REQUIRED != seen::REQUIRED {
            return None;
        }
        if self.doubt && std::str::from_utf8(&self.src.bytes()[start..end]).is_err() {
            return None;
        }
        let id = bytes_of(self.src.bytes(), self.unescaped, envelope.id);
        let source = bytes_of(self.src.bytes(), self.unescaped, envelope.source);
        let source_word = self.word(envelope.source);
        self.row.dedup_key = self.memory.event_key(&self.tables.keys, source_word, source, id);
        self.finish(record, position, envelope.seen & seen::TIME != 0)?;
        Some(self.newline)
    }

    /// Reads the event in binary mode whose data stands from `start` to `end`.
    pub fn binary(
        mut self,
        headers: &BinaryHeaders<'_>,
        record: &Record<'_>,
        position: Position,
        start: usize,
        end: usize,
    ) -> Option<()> {
        let (id, source) = (headers.id?, headers.source?);
        let texts = [Some(id), Some(source), headers.traceparent, headers.time];
        let good = |text: &[u8]| (1..=self.tables.limits.name_bytes).contains(&text.len());
        if headers.specversion != b"1.0"
            || !good(id)
            || !good(source)
            || texts.into_iter().flatten().any(|text| std::str::from_utf8(text).is_err())
        {
            return None;
        }
        let name = headers.event_type?.strip_prefix(TYPE_PREFIX.as_bytes())?;
        self.event_type(self.tables.types.find(name)?, record.allowed)?;
        if let Some(time) = headers.time {
            self.row.time = self.memory.dates.parse(time)?;
        }
        self.row.traceparent = headers.traceparent.map_or(TraceParent::NONE, TraceParent::parse);
        self.row.dedup_key = self.memory.event_key(&self.tables.keys, first_word(source), source, id);
        let at = self.data(start)?;
        let valid = !self.doubt || std::str::from_utf8(&self.src.bytes()[start..end]).is_ok();
        ((at == end || self.is_blank(at, end)) && valid).then_some(())?;
        self.finish(record, position, headers.time.is_some())
    }

    /// Whether nothing but white space stands from `at` to `end`.
    #[cold]
    fn is_blank(&self, at: usize, end: usize) -> bool {
        self.src.bytes().get(at..end).is_some_and(super::split::is_blank)
    }

    #[inline(always)]
    fn finish(&mut self, record: &Record<'_>, position: Position, has_time: bool) -> Option<()> {
        self.row.position = position;
        match (record.timestamp, has_time) {
            (Some(recorded), true) => self.row.recorded = recorded,
            (Some(recorded), false) => (self.row.recorded, self.row.time) = (recorded, recorded),
            (None, true) => self.row.recorded = self.row.time,
            (None, false) => return None,
        }
        Some(())
    }

    /// As many members as stand in the usual order; the place behind them.
    #[inline(always)]
    fn usual_envelope(&mut self, start: usize, envelope: &mut Envelope, allowed: u32) -> Option<usize> {
        let Some(mut at) = self.literal(start, b"{\"specversion\":\"1.0\",\"id\":\"") else {
            return self.expect(start, b'{');
        };
        (envelope.id, at) = self.name_here(at)?;
        envelope.seen = seen::SPECVERSION | seen::ID;
        if let Some(next) = self.literal(at, b",\"source\":\"") {
            (envelope.source, at) = self.name_here(next)?;
            envelope.seen |= seen::SOURCE;
        }
        if let Some(next) = self.literal(at, b",\"type\":\"trunkline.") {
            let name;
            (name, at) = self.text_here(next)?;
            self.event_type(self.place(&self.tables.types, name)?, allowed)?;
            envelope.seen |= seen::TYPE;
        }
        if let Some(next) = self.literal(at, b",\"time\":\"") {
            at = self.time_here(next)?;
            envelope.seen |= seen::TIME;
        }
        if let Some(next) = self.literal(at, b",\"traceparent\":\"") {
            at = self.traceparent_here(next)?;
            envelope.seen |= seen::TRACEPARENT;
        }
        // The one member that nobody reads and most senders write.
        if let Some(next) = self.literal(at, b",\"datacontenttype\":\"application/json\"") {
            at = next;
        }
        if envelope.seen & seen::TYPE != 0
            && let Some(next) = self.literal(at, b",\"data\":")
        {
            at = self.data(next)?;
            envelope.seen |= seen::DATA;
        }
        Some(at)
    }

    #[cold]
    #[inline(never)]
    fn rest_of_envelope(&mut self, mut at: usize, envelope: &mut Envelope, allowed: u32) -> Option<usize> {
        let mut first = envelope.seen == 0;
        loop {
            let token;
            (token, at) = self.token(at)?;
            match token {
                b'}' => return Some(at + 1),
                b',' if !first => at += 1,
                _ if first => {}
                _ => return None,
            }
            first = false;
            at = self.envelope_member(at, envelope, allowed)?;
        }
    }

    fn envelope_member(&mut self, at: usize, envelope: &mut Envelope, allowed: u32) -> Option<usize> {
        let (name, mut at) = self.text(at)?;
        at = self.expect(at, b':')?;
        let member = match self.bytes(name) {
            b"specversion" => seen::SPECVERSION,
            b"id" => seen::ID,
            b"source" => seen::SOURCE,
            b"type" => seen::TYPE,
            b"time" => seen::TIME,
            b"traceparent" => seen::TRACEPARENT,
            b"data" => seen::DATA,
            _ => return self.skip(at, self.tables.limits.depth - 1),
        };
        if envelope.seen & member != 0 {
            return None;
        }
        envelope.seen |= member;
        if member == seen::DATA {
            if envelope.seen & seen::TYPE != 0 {
                return self.data(at);
            }
            (_, at) = self.token(at)?;
            envelope.data = Some(at);
            return self.skip(at, self.tables.limits.depth - 1);
        }
        at = self.expect(at, b'"')?;
        match member {
            seen::ID => (envelope.id, at) = self.name_here(at)?,
            seen::SOURCE => (envelope.source, at) = self.name_here(at)?,
            seen::TYPE => {
                let text;
                (text, at) = self.text_here(at)?;
                let place = self.tables.types.find(self.bytes(text).strip_prefix(TYPE_PREFIX.as_bytes())?)?;
                self.event_type(place, allowed)?;
            }
            seen::TIME => at = self.time_here(at)?,
            seen::TRACEPARENT => at = self.traceparent_here(at)?,
            _ => {
                let version;
                (version, at) = self.text_here(at)?;
                (self.bytes(version) == b"1.0").then_some(())?;
            }
        }
        Some(at)
    }

    #[inline(always)]
    fn event_type(&mut self, place: u16, allowed: u32) -> Option<()> {
        let place = usize::from(place);
        self.row.event_type = EventType::ALL[place];
        self.shape = &self.tables.shapes[place];
        (allowed >> place & 1 == 1).then_some(())
    }

    /// A time stamp whose opening quote has been passed.
    #[inline(always)]
    fn time_here(&mut self, at: usize) -> Option<usize> {
        let window = self.src.window(at)?;
        if let Some(usual) = window.first_chunk()
            && let Some(millis) = self.memory.dates.in_last_minute(usual)
            && window[time::USUAL] == b'"'
        {
            self.row.time = millis;
            return Some(at + time::USUAL + 1);
        }
        self.any_time_here(at)
    }

    #[inline(never)]
    fn any_time_here(&mut self, at: usize) -> Option<usize> {
        let (text, at) = self.text_here(at)?;
        self.row.time = self.memory.dates.parse(bytes_of(self.src.bytes(), self.unescaped, text))?;
        Some(at)
    }

    /// A `traceparent` whose opening quote has been passed.
    #[inline(always)]
    fn traceparent_here(&mut self, at: usize) -> Option<usize> {
        if usual_traceparent(self.src.window(at)?, &mut self.row.traceparent) {
            return Some(at + TRACE_PARENT_CHARS + 1);
        }
        self.any_traceparent_here(at)
    }

    #[cold]
    #[inline(never)]
    fn any_traceparent_here(&mut self, at: usize) -> Option<usize> {
        let (text, at) = self.text_here(at)?;
        self.row.traceparent = TraceParent::parse(self.bytes(text));
        Some(at)
    }
}

/// Reads the trace context that begins this window and ends with a quote; false if it is none of the usual ones, those of
/// version 0 and flags 0 to 9, and then `into` may hold anything.
#[inline(always)]
fn usual_traceparent(window: &[u8; WINDOW], into: &mut TraceParent) -> bool {
    // `00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"`
    let word = |at: usize| scan::hex(window[at..].first_chunk().expect("the digits lie within the window"));
    let ((high, high_good), (low, low_good), (parent, parent_good)) = (word(3), word(19), word(36));
    let marks =
        window[..3] == *b"00-" && window[35] == b'-' && window[52..54] == *b"-0" && window[55] == b'"';
    let flags = window[54].wrapping_sub(b'0');
    into.0[0] = 0;
    into.0[1..9].copy_from_slice(&high.to_le_bytes());
    into.0[9..17].copy_from_slice(&low.to_le_bytes());
    into.0[17..25].copy_from_slice(&parent.to_le_bytes());
    into.0[25] = flags;
    marks && high_good && low_good && parent_good && flags < 10 && high | low != 0 && parent != 0
}

/// The run of a side table from `start` to its present end.
#[inline]
pub(super) fn run<T>(table: &[T], start: usize) -> List {
    List { start: start as u32, len: (table.len() - start) as u32 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_trace_contexts_are_those_of_the_type() {
        let good = b"00-0123456789abcdef0023456789abcdef-0123456789abcdef-01";
        let zeros = |from: usize, to: usize| {
            let mut text = *good;
            text[from..to].fill(b'0');
            text
        };
        let mut texts = vec![*good, zeros(3, 35), zeros(3, 19), zeros(19, 35), zeros(36, 52)];
        for place in 0..good.len() {
            for byte in *b"0-9afgA\"\\ \x7f\xff" {
                let mut text = *good;
                text[place] = byte;
                texts.push(text);
            }
        }
        let mut usual = 0;
        for text in texts {
            let mut window = [b'"'; WINDOW];
            window[..TRACE_PARENT_CHARS].copy_from_slice(&text);
            let mut read = TraceParent::NONE;
            if usual_traceparent(&window, &mut read) {
                assert!(read.is_some());
                assert_eq!(read, TraceParent::parse(&text), "{}", text.escape_ascii());
                usual += 1;
            }
            window[TRACE_PARENT_CHARS] = b'x';
            assert!(!usual_traceparent(&window, &mut read));
        }
        assert!(usual > 100, "{usual} were usual");
    }
}
