//! One event in one pass: envelope and data are read where they stand, values go straight into the row and its side
//! tables. It takes exactly the valid events; on the first doubt it gives up (`None`) without saying why, since the
//! reason depends on the whole event and is worked out by `explain`.
//!
//! Members may come in any order. The envelope is tried in the usual order first; in data the member that followed
//! last time is tried first, so a producer that keeps its order costs one comparison of a word a member.

use super::cursor::{Cursor, Text, unescape};
use super::members::{Member, Shape, WHOSE};
use super::tables::{FIRST, Memory, Tables};
use crate::types::event::{Event, Events, List, Span, TYPE_PREFIX};
use crate::types::record::{BinaryHeaders, Record};
use crate::types::{ConversationId, EventType, Position, TraceParent};

/// One event being read.
pub struct Pass<'a> {
    pub(super) tables: &'a Tables,
    pub(super) memory: &'a mut Memory,
    pub(super) src: &'a [u8],
    pub(super) cursor: Cursor<'a>,
    pub(super) unescaped: &'a mut Vec<u8>,
    pub(super) out: &'a mut Events,
    pub(super) row: Event,
    shape: &'a Shape,
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
    /// A pass over `src` from `start`; what it unescapes stands behind the whole of `src`.
    pub fn new(
        tables: &'a Tables,
        memory: &'a mut Memory,
        src: &'a [u8],
        start: usize,
        unescaped: &'a mut Vec<u8>,
        out: &'a mut Events,
    ) -> Pass<'a> {
        let shape = &tables.shapes[0];
        Pass {
            tables,
            memory,
            src,
            cursor: Cursor::new(src, start),
            unescaped,
            out,
            row: Event::EMPTY,
            shape,
        }
    }

    /// Reads the event in structured mode that ends at `end`, and makes a row of it. Tells whether a line end was
    /// passed between tokens.
    pub fn structured(mut self, record: &Record<'_>, position: Position, end: usize) -> Option<bool> {
        let start = self.cursor.at;
        let mut envelope = Envelope::default();
        self.cursor.expect(b'{')?;
        self.usual_envelope(&mut envelope, record.allowed)?;
        self.rest_of_envelope(&mut envelope, record.allowed)?;
        if let Some(at) = envelope.data {
            let behind = std::mem::replace(&mut self.cursor.at, at);
            self.data()?;
            self.cursor.at = behind;
        }
        while self.cursor.at < end && matches!(self.src[self.cursor.at], b' ' | b'\t' | b'\n' | b'\r') {
            self.cursor.at += 1;
        }
        if self.cursor.at != end || envelope.seen & seen::REQUIRED != seen::REQUIRED {
            return None;
        }
        if self.cursor.high != 0 && std::str::from_utf8(&self.src[start..end]).is_err() {
            return None;
        }
        let id = bytes_of(self.src, self.unescaped, envelope.id);
        let source = bytes_of(self.src, self.unescaped, envelope.source);
        self.row.dedup_key = self.memory.event_key(&self.tables.keys, source, id);
        let newline = self.cursor.newline;
        self.finish(record, position, envelope.seen & seen::TIME != 0)?;
        Some(newline)
    }

    /// Reads the event in binary mode whose data ends at `end`, and makes a row of it.
    pub fn binary(
        mut self,
        headers: &BinaryHeaders<'_>,
        record: &Record<'_>,
        position: Position,
        end: usize,
    ) -> Option<()> {
        let start = self.cursor.at;
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
        self.event_type(headers.event_type?, record.allowed)?;
        if let Some(time) = headers.time {
            self.row.time = self.memory.dates.parse(time)?;
        }
        self.row.traceparent = headers.traceparent.map_or(TraceParent::NONE, TraceParent::parse);
        self.row.dedup_key = self.memory.event_key(&self.tables.keys, source, id);
        self.data()?;
        while self.cursor.at < end && matches!(self.src[self.cursor.at], b' ' | b'\t' | b'\n' | b'\r') {
            self.cursor.at += 1;
        }
        let valid = self.cursor.high == 0 || std::str::from_utf8(&self.src[start..end]).is_ok();
        (self.cursor.at == end && valid).then_some(())?;
        self.finish(record, position, headers.time.is_some())
    }

    #[inline]
    fn finish(&mut self, record: &Record<'_>, position: Position, has_time: bool) -> Option<()> {
        self.row.position = position;
        match (record.timestamp, has_time) {
            (Some(recorded), true) => self.row.recorded = recorded,
            (Some(recorded), false) => (self.row.recorded, self.row.time) = (recorded, recorded),
            (None, true) => self.row.recorded = self.row.time,
            (None, false) => return None,
        }
        self.out.rows.push(self.row.clone());
        Some(())
    }

    /// As many members as stand in the usual order; the general loop goes on at the first that does not.
    #[inline]
    fn usual_envelope(&mut self, envelope: &mut Envelope, allowed: u32) -> Option<()> {
        if !self.cursor.literal(b"\"specversion\":\"1.0\",\"id\":\"") {
            return Some(());
        }
        envelope.id = self.name_here()?;
        envelope.seen = seen::SPECVERSION | seen::ID;
        if self.cursor.literal(b",\"source\":\"") {
            envelope.source = self.name_here()?;
            envelope.seen |= seen::SOURCE;
        }
        if self.cursor.literal(b",\"type\":\"") {
            self.event_type_here(allowed)?;
            envelope.seen |= seen::TYPE;
        }
        if self.cursor.literal(b",\"time\":\"") {
            self.time_here()?;
            envelope.seen |= seen::TIME;
        }
        if self.cursor.literal(b",\"traceparent\":\"") {
            self.traceparent_here()?;
            envelope.seen |= seen::TRACEPARENT;
        }
        // The one member that nobody reads and most senders write.
        while self.cursor.literal(b",\"datacontenttype\":\"application/json\"") {}
        if envelope.seen & seen::TYPE != 0 && self.cursor.literal(b",\"data\":") {
            self.data()?;
            envelope.seen |= seen::DATA;
        }
        Some(())
    }

    fn rest_of_envelope(&mut self, envelope: &mut Envelope, allowed: u32) -> Option<()> {
        let mut first = envelope.seen == 0;
        loop {
            match self.cursor.token()? {
                b'}' => break,
                b',' if !first => self.cursor.at += 1,
                _ if first => {}
                _ => return None,
            }
            first = false;
            self.envelope_member(envelope, allowed)?;
        }
        self.cursor.at += 1;
        Some(())
    }

    fn envelope_member(&mut self, envelope: &mut Envelope, allowed: u32) -> Option<()> {
        let name = self.cursor.quoted()?;
        self.cursor.expect(b':')?;
        let name = self.span(name);
        let member = match bytes_of(self.src, self.unescaped, name) {
            b"specversion" => seen::SPECVERSION,
            b"id" => seen::ID,
            b"source" => seen::SOURCE,
            b"type" => seen::TYPE,
            b"time" => seen::TIME,
            b"traceparent" => seen::TRACEPARENT,
            b"data" => seen::DATA,
            _ => return self.cursor.skip(self.tables.limits.depth - 1),
        };
        if envelope.seen & member != 0 {
            return None;
        }
        envelope.seen |= member;
        if member == seen::DATA {
            if envelope.seen & seen::TYPE != 0 {
                return self.data();
            }
            self.cursor.token()?;
            envelope.data = Some(self.cursor.at);
            return self.cursor.skip(self.tables.limits.depth - 1);
        }
        self.cursor.expect(b'"')?;
        match member {
            seen::ID => envelope.id = self.name_here()?,
            seen::SOURCE => envelope.source = self.name_here()?,
            seen::TYPE => self.event_type_here(allowed)?,
            seen::TIME => self.time_here()?,
            seen::TRACEPARENT => self.traceparent_here()?,
            _ => {
                let version = self.text_here()?;
                (bytes_of(self.src, self.unescaped, version) == b"1.0").then_some(())?;
            }
        }
        Some(())
    }

    #[inline]
    fn event_type_here(&mut self, allowed: u32) -> Option<()> {
        let text = self.text_here()?;
        // The bytes are borrowed from the source or the unescaped text, neither of which the next step changes.
        let (src, unescaped) = (self.src, std::mem::take(self.unescaped));
        let done = self.event_type(bytes_of(src, &unescaped, text), allowed);
        *self.unescaped = unescaped;
        done
    }

    #[inline]
    fn event_type(&mut self, text: &[u8], allowed: u32) -> Option<()> {
        let name = text.strip_prefix(TYPE_PREFIX.as_bytes())?;
        let place = usize::from(self.tables.types.find(name)?);
        self.row.event_type = EventType::ALL[place];
        self.shape = &self.tables.shapes[place];
        (allowed >> place & 1 == 1).then_some(())
    }

    #[inline]
    fn time_here(&mut self) -> Option<()> {
        let text = self.text_here()?;
        self.row.time = self.memory.dates.parse(bytes_of(self.src, self.unescaped, text))?;
        Some(())
    }

    fn traceparent_here(&mut self) -> Option<()> {
        let text = self.text_here()?;
        self.row.traceparent = TraceParent::parse(bytes_of(self.src, self.unescaped, text));
        Some(())
    }

    /// Reads `data`, whose type is known.
    #[inline]
    fn data(&mut self) -> Option<()> {
        self.cursor.expect(b'{')?;
        let mut seen = 0;
        let mut before = FIRST;
        if self.cursor.token()? == b'}' {
            self.cursor.at += 1;
        } else {
            loop {
                self.cursor.expect(b'"')?;
                match self.member(before)? {
                    Some(member) => {
                        if seen & member.bit() != 0 {
                            return None;
                        }
                        seen |= member.bit();
                        before = member as usize;
                        self.value(member)?;
                    }
                    None => self.cursor.skip(self.tables.limits.depth - 2)?,
                }
                let token = self.cursor.token()?;
                self.cursor.at += 1;
                match token {
                    b',' => {}
                    b'}' => break,
                    _ => return None,
                }
            }
        }
        let whole = seen & self.shape.required == self.shape.required;
        let whose = !self.shape.whose || seen & WHOSE != 0;
        (whole && whose && self.queues_are_of_the_division()).then_some(())
    }

    /// The member whose name comes next, its opening quote passed; the colon is passed too. `Some(None)`: one that
    /// the type does not have.
    #[inline]
    fn member(&mut self, before: usize) -> Option<Option<Member>> {
        let guess = self.memory.followers[self.row.event_type as usize][before];
        let (pattern, mask) = self.tables.patterns[usize::from(guess)];
        let member = if self.cursor.word()? & mask == pattern {
            let member = Member::ALL[usize::from(guess)];
            self.cursor.at += member.name().len() + 1;
            self.shape.has(member).then_some(member)
        } else {
            self.member_by_name(before)?
        };
        self.cursor.expect(b':')?;
        Some(member)
    }

    fn member_by_name(&mut self, before: usize) -> Option<Option<Member>> {
        let name = self.cursor.string()?;
        let name = self.span(name);
        let member = self
            .tables
            .members
            .find(bytes_of(self.src, self.unescaped, name))
            .map(|place| Member::ALL[usize::from(place)])
            .filter(|member| self.shape.has(*member));
        if let Some(member) = member {
            self.memory.followers[self.row.event_type as usize][before] = member as u8;
        }
        Some(member)
    }

    /// Reads the value of a member of data.
    #[inline]
    fn value(&mut self, member: Member) -> Option<()> {
        let tables = self.tables;
        match member {
            Member::Channel => self.row.channel = Some(self.channel()?),
            Member::Queue => self.row.queue = Some(self.queue()?),
            Member::Division => self.row.division = Some(self.division()?),
            Member::From => {
                self.row.has_from = true;
                self.row.identifiers = self.identifiers(self.shape.values_min)?;
            }
            Member::Identifier => self.row.identifiers = self.identifiers(1)?,
            Member::Conversation => self.row.conversation = self.conversation()?,
            Member::Thread => {
                self.row.thread = self.name()?;
                let thread = bytes_of(self.src, self.unescaped, self.row.thread);
                self.row.thread_key = tables.keys.thread(thread);
            }
            Member::Text => self.message()?,
            Member::Lang => self.row.lang_key = self.lang()?,
            Member::Langs => self.row.langs = self.langs()?,
            Member::Intent => {
                let name = self.name()?;
                self.row.intent = tables.intents.find(bytes_of(self.src, self.unescaped, name));
            }
            Member::Tier => {
                let name = self.name()?;
                let place = tables.tiers.find(bytes_of(self.src, self.unescaped, name));
                self.row.tier = Some(place.unwrap_or(u16::MAX));
            }
            Member::Agent => {
                self.row.agent = self.name()?;
                self.row.agent_key = self.name_hash(self.row.agent);
            }
            Member::PreferredAgent => {
                self.row.preferred = self.name()?;
                self.row.preferred_key = self.name_hash(self.row.preferred);
            }
            Member::Skills => self.row.skills = Some(self.skills()?),
            Member::Capacity => self.row.capacity = self.capacity()?,
            Member::Queues => self.row.queues = Some(self.queues()?),
            Member::Value => self.row.value = Some(self.cursor.integer()?),
            Member::Reach => self.row.reach = Some(self.cursor.integer()?),
            Member::LifetimeValue => self.row.lifetime_value = Some(self.cursor.integer()?),
            Member::Sentiment => self.row.sentiment = Some(self.integer_within(-100, 100)? as i8),
            Member::Budget => self.row.budget = Some(self.integer_within(0, BUDGET_MAX)? as u32),
            Member::Public => self.row.public = Some(self.cursor.boolean()?),
            Member::Blocked => self.row.blocked = Some(self.cursor.boolean()?),
            Member::Automated => self.row.automated = self.cursor.boolean()?,
            Member::Requeue => self.row.requeue = self.cursor.boolean()?,
            Member::State => self.row.presence = Some(self.presence()?),
            Member::Outcome => self.row.outcome = Some(self.name()?),
            Member::Reason => {
                self.name()?;
            }
            Member::Due => {
                let text = self.text()?;
                let due = self.memory.dates.parse(bytes_of(self.src, self.unescaped, text))?;
                self.row.due = Some(due);
            }
        }
        Some(())
    }

    fn conversation(&mut self) -> Option<ConversationId> {
        let text = self.text()?;
        ConversationId::parse(bytes_of(self.src, self.unescaped, text))
    }

    /// Where a text stands for the stages: unescaped now, if it carries an escape.
    #[inline]
    pub(super) fn span(&mut self, text: Text) -> Span {
        let raw = Span { start: text.start as u32, len: (text.end - text.start) as u32 };
        if text.escaped { self.unescaped_span(raw) } else { raw }
    }

    #[cold]
    fn unescaped_span(&mut self, raw: Span) -> Span {
        let before = self.unescaped.len();
        unescape(bytes_of(self.src, &[], raw), self.unescaped);
        let start = (self.src.len() + before) as u32;
        Span { start, len: (self.unescaped.len() - before) as u32 }
    }

    /// A string whose opening quote has been passed.
    #[inline]
    fn text_here(&mut self) -> Option<Span> {
        let text = self.cursor.string()?;
        Some(self.span(text))
    }

    /// The same, of a permitted length.
    #[inline]
    fn name_here(&mut self) -> Option<Span> {
        let span = self.text_here()?;
        (span.len > 0 && span.len as usize <= self.tables.limits.name_bytes).then_some(span)
    }

    /// A string.
    #[inline]
    pub(super) fn text(&mut self) -> Option<Span> {
        self.cursor.expect(b'"')?;
        self.text_here()
    }

    /// A string of a permitted length.
    #[inline]
    pub(super) fn name(&mut self) -> Option<Span> {
        self.cursor.expect(b'"')?;
        self.name_here()
    }

    #[inline]
    pub(super) fn integer_within(&mut self, least: i64, most: i64) -> Option<i64> {
        self.cursor.integer().filter(|number| (least..=most).contains(number))
    }

    #[inline]
    fn name_hash(&self, name: Span) -> u64 {
        self.tables.keys.name(bytes_of(self.src, self.unescaped, name))
    }
}

/// Most of an agent's budget.
pub const BUDGET_MAX: i64 = 1_000_000;
/// Most of an agent's capacity in one channel.
pub const CAPACITY_MAX: i64 = 1_000;
/// Largest rank of a queue in an agent's own list.
pub const RANK_MAX: i64 = 1_000_000;
/// Longest delay of a queue in an agent's own list: a year in seconds.
pub const DELAY_S_MAX: i64 = 31_536_000;
/// Highest level of a skill.
pub const LEVEL_MAX: i64 = 10;

/// The bytes of a text in the source, or behind it in what was unescaped.
#[inline]
pub(super) fn bytes_of<'t>(src: &'t [u8], unescaped: &'t [u8], span: Span) -> &'t [u8] {
    let (start, len) = (span.start as usize, span.len as usize);
    if start < src.len() {
        &src[start..start + len]
    } else {
        &unescaped[start - src.len()..start - src.len() + len]
    }
}

/// The run of a side table from `start` to its present end.
#[inline]
pub(super) fn run<T>(table: &[T], start: usize) -> List {
    List { start: start as u32, len: (table.len() - start) as u32 }
}
