//! The log under the pen: lines of JSON written straight into one buffer, and for each line what the world has to
//! remember of it until the engine has answered. No text is built anywhere else.
//!
//! What is the same in many lines is prepared (`Texts`) and copied in blocks of a fixed size, which costs a few moves
//! and no call; so the buffer always has room for a line and a block more than was written. Each member of an object
//! brings the comma that follows it, and the object's end takes the last one back.

use crate::sim::batch::Batch;
use crate::sim::clock_text::ClockText;
use crate::sim::directory::NOBODY;
use crate::sim::rng::{Rng, mix};
use crate::sim::texts::{BLOCK, HEX_CHARS, Head, Text, Texts};
use crate::types::{ConversationId, EventType, Millis};

/// Systems that send events, by place.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Source {
    /// Telephone switch.
    Switch,
    /// Web chat.
    Chat,
    /// Mail server.
    Mail,
    /// Text messages.
    Text,
    /// Social networks.
    Social,
    /// Customer relations: profiles, logins.
    Crm,
    /// The agents' desktop.
    Desktop,
    /// Workforce management.
    Workforce,
}

/// What the world remembers of a line.
#[derive(Copy, Clone, Debug)]
pub struct Sent {
    /// Whose conversation may open with the line; `NOBODY`: none may.
    pub person: u32,
    /// The thread's number; 0: none.
    pub thread: u32,
    /// Place in `Cast::lanes`.
    pub lane: u16,
    /// Place in `Rules::intents`; `u16::MAX`: none.
    pub intent: u16,
    /// Whether the queue was left to the routes.
    pub by_route: bool,
    /// Which of the writer's numbers, addresses or browsers it came from.
    pub which: u8,
    /// When to call back, in milliseconds since the world began; 0: the line asks for no such thing.
    pub due: u32,
}

/// A line that opens no conversation.
pub const NO_CONTACT: Sent =
    Sent { person: NOBODY, thread: 0, lane: 0, intent: u16::MAX, by_route: false, which: 0, due: 0 };

/// Room that each line begins with: more than the longest that the world writes.
const LINE_ROOM: usize = 48 * 1_024;

/// Lines of one batch.
pub struct Lines {
    /// What was written, then room.
    bytes: Vec<u8>,
    /// Bytes written.
    at: usize,
    /// Where each line ends, without its line feed.
    pub ends: Vec<u32>,
    /// One a line.
    pub sent: Vec<Sent>,
    /// What is the same in many lines.
    pub texts: Texts,
    clock: ClockText,
    number: u64,
    salt: u64,
}

impl Lines {
    /// No lines; event ids are drawn from the seed.
    pub fn new(texts: Texts, seed: u64) -> Lines {
        Lines {
            bytes: Vec::new(),
            at: 0,
            ends: Vec::new(),
            sent: Vec::new(),
            texts,
            clock: ClockText::new(),
            number: 0,
            salt: mix(seed ^ 0x1d_e4_7e),
        }
    }

    /// Forgets the lines, keeps the memory and the numbering.
    pub fn clear(&mut self) {
        self.at = 0;
        self.ends.clear();
        self.sent.clear();
    }

    /// Moves the first `most` lines into a batch that has none, and forgets the rest.
    pub fn hand_over(&mut self, most: usize, batch: &mut Batch) {
        assert!(batch.ends.is_empty(), "a batch is filled once");
        std::mem::swap(&mut self.bytes, &mut batch.room);
        std::mem::swap(&mut self.ends, &mut batch.ends);
        std::mem::swap(&mut self.sent, &mut batch.sent);
        batch.ends.truncate(most);
        batch.sent.truncate(most);
        self.at = 0;
    }

    /// Begins an event up to the opening of `data`.
    #[inline]
    pub fn begin(&mut self, source: Source, event: EventType, time: Millis, rng: &mut Rng) {
        self.make_room();
        let start = self.at;
        let Head { text, time_at, trace_at } = self.texts.head(source, event);
        self.put(text);
        self.number += 1;
        // A bijection of the number: no id comes twice.
        self.patch(start + ID_AT, &hex(mix(self.number ^ self.salt)));
        let time = self.clock.of(time);
        self.patch(start + time_at as usize, &time);
        if trace_at > 0 {
            let at = start + trace_at as usize;
            self.patch(at, &hex(rng.bits() | 1));
            self.patch(at + HEX_CHARS, &hex(rng.bits()));
            self.patch(at + 2 * HEX_CHARS + 1, &hex(rng.bits() | 1));
        }
    }

    /// Ends the event and its line.
    #[inline]
    pub fn end(&mut self, sent: Sent) {
        self.shut(b'}');
        self.literal(b"}");
        self.end_line(sent);
    }

    /// Ends a line as it stands.
    #[inline]
    pub fn end_line(&mut self, sent: Sent) {
        self.ends.push(self.at as u32);
        self.sent.push(sent);
        self.literal(b"\n");
    }

    /// A whole line written before.
    pub fn copy(&mut self, line: &[u8]) {
        self.make_room();
        self.raw(line);
        self.end_line(NO_CONTACT);
    }

    /// The last line.
    pub fn last(&self) -> &[u8] {
        let count = self.ends.len();
        let start = if count > 1 { self.ends[count - 2] as usize + 1 } else { 0 };
        &self.bytes[start..self.ends[count - 1] as usize]
    }

    /// Makes sure that a line fits in, and a block behind it.
    #[inline]
    pub fn make_room(&mut self) {
        if self.bytes.len() - self.at < LINE_ROOM {
            self.bytes.resize(self.bytes.len() + 4 * LINE_ROOM, 0);
        }
    }

    /// A prepared text.
    #[inline]
    pub fn put(&mut self, text: Text) {
        let end = self.at + text.len as usize;
        let (mut from, mut to) = (text.start as usize, self.at);
        while to < end {
            let block: &[u8; BLOCK] = self.texts.block(from);
            let into: &mut [u8; BLOCK] =
                self.bytes[to..].first_chunk_mut().expect("a line has room, and a block more");
            *into = *block;
            from += BLOCK;
            to += BLOCK;
        }
        self.at = end;
    }

    /// A text that is known when this is compiled.
    #[inline]
    pub fn literal<const N: usize>(&mut self, text: &[u8; N]) {
        self.patch(self.at, text);
        self.at += N;
    }

    /// Any text.
    #[inline]
    pub fn raw(&mut self, text: &[u8]) {
        self.bytes[self.at..self.at + text.len()].copy_from_slice(text);
        self.at += text.len();
    }

    #[inline]
    fn patch<const N: usize>(&mut self, at: usize, text: &[u8; N]) {
        let into: &mut [u8; N] = self.bytes[at..].first_chunk_mut().expect("a line has room");
        *into = *text;
    }

    /// A name and a colon, for what is said too seldom to be prepared.
    pub fn key(&mut self, name: &str) {
        self.literal(b"\"");
        self.raw(name.as_bytes());
        self.literal(b"\":");
    }

    /// A member that holds a text which needs no escapes.
    pub fn text(&mut self, name: &str, value: &str) {
        self.key(name);
        self.literal(b"\"");
        self.raw(value.as_bytes());
        self.literal(b"\",");
    }

    /// A member that holds a number.
    pub fn number(&mut self, name: &str, value: i64) {
        self.key(name);
        self.value(value);
    }

    /// Opens an object that is a member.
    pub fn open(&mut self, name: &str) {
        self.key(name);
        self.literal(b"{");
    }

    /// The end of an object that is a member.
    #[inline]
    pub fn close(&mut self) {
        self.shut(b'}');
        self.literal(b",");
    }

    /// The end of a list that is a member.
    #[inline]
    pub fn close_list(&mut self) {
        self.shut(b']');
        self.literal(b",");
    }

    /// Ends a list or an object: takes back the comma of what it holds.
    #[inline]
    fn shut(&mut self, end: u8) {
        let last = &mut self.bytes[self.at - 1];
        if *last == b',' {
            *last = end;
        } else {
            self.literal(&[end]);
        }
    }

    /// The id of a conversation, as a member.
    #[inline]
    pub fn conversation(&mut self, id: ConversationId) {
        self.literal(b"\"conversation\":\"");
        self.literal(&id.customer.characters());
        if id.customer.generation > 0 {
            self.literal(b"~");
            self.decimal(i64::from(id.customer.generation));
        }
        self.literal(b".");
        self.decimal(i64::from(id.ordinal));
        self.literal(b"\",");
    }

    /// The number of a thread, as a member.
    #[inline]
    pub fn thread(&mut self, thread: u32) {
        self.literal(b"\"thread\":\"thread-");
        self.literal(&ten_digits(thread));
        self.literal(b"\",");
    }

    /// An instant, as a member.
    pub fn time(&mut self, name: &str, time: Millis) {
        self.key(name);
        self.literal(b"\"");
        let text = self.clock.of(time);
        self.literal(&text);
        self.literal(b"\",");
    }

    /// An agent to whom a customer or a system would give it, as a member.
    pub fn preferred_agent(&mut self, agent: u32) {
        let mut text = *b"\"preferred_agent\":\"a000000\",";
        text[20..26].copy_from_slice(&eight_digits(agent)[2..]);
        self.literal(&text);
    }

    /// The name of an agent, as a member.
    #[inline]
    pub fn agent(&mut self, agent: u32) {
        let mut text = *b"\"agent\":\"a000000\",";
        text[10..16].copy_from_slice(&eight_digits(agent)[2..]);
        self.literal(&text);
    }

    /// An integer and the comma behind it.
    #[inline]
    pub fn value(&mut self, value: i64) {
        self.decimal(value);
        self.literal(b",");
    }

    /// An integer.
    #[inline]
    pub fn decimal(&mut self, value: i64) {
        if let digit @ 0..10 = value {
            return self.literal(&[b'0' + digit as u8]);
        }
        let mut buffer = itoa::Buffer::new();
        self.raw(buffer.format(value).as_bytes());
    }
}

/// Where the id stands in the head of an event.
pub(super) const ID_AT: usize = 27;

/// The last eight digits of a number, with leading zeros: pairs of pairs of digits, all at once in the bytes of a
/// word, divided by multiplying (103/1,024 and 5,243/524,288 are near enough to a tenth and a hundredth).
#[inline]
pub fn eight_digits(number: u32) -> [u8; 8] {
    let fours = u64::from(number / 10_000 % 10_000) | u64::from(number % 10_000) << 32;
    let hundreds = ((fours * 5_243) >> 19) & 0x0000_007f_0000_007f;
    let twos = hundreds | (fours - hundreds * 100) << 16;
    let tens = ((twos * 103) >> 10) & 0x000f_000f_000f_000f;
    let digits = tens | (twos - tens * 10) << 8;
    (digits + 0x3030_3030_3030_3030).to_le_bytes()
}

/// Ten digits with leading zeros.
#[inline]
fn ten_digits(number: u32) -> [u8; 10] {
    let mut text = [b'0'; 10];
    let high = number / 100_000_000;
    text[0] += (high / 10) as u8;
    text[1] += (high % 10) as u8;
    text[2..].copy_from_slice(&eight_digits(number));
    text
}

/// Sixteen hexadecimal digits: all nibbles at once, spread over the bytes of a word.
#[inline]
pub fn hex(value: u64) -> [u8; HEX_CHARS] {
    const LOW: u128 = 0x0f0f_0f0f_0f0f_0f0f_0f0f_0f0f_0f0f_0f0f;
    const ONES: u128 = 0x0101_0101_0101_0101_0101_0101_0101_0101;
    let mut word = u128::from(value);
    word = (word | word << 32) & 0x0000_0000_ffff_ffff_0000_0000_ffff_ffff;
    word = (word | word << 16) & 0x0000_ffff_0000_ffff_0000_ffff_0000_ffff;
    word = (word | word << 8) & 0x00ff_00ff_00ff_00ff_00ff_00ff_00ff_00ff;
    word = (word | word << 4) & LOW;
    // A nibble above 9 carries into the bit that tells letters.
    let letters = ((word + 6 * ONES) >> 4) & ONES;
    let text = word + u128::from(b'0') * ONES + letters * u128::from(b'a' - b'0' - 10);
    text.to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::Profile;
    use crate::sim::rulebook;

    #[test]
    fn an_event_is_json_with_its_id_and_trace_in_place() {
        let rules = crate::rules::compile(&rulebook::text(Profile::Omni), "omni").expect("sound rules");
        let texts = Texts::new(&rules, &Default::default());
        let (mut lines, mut rng) = (Lines::new(texts, 1), Rng::new(1));
        lines.begin(Source::Mail, EventType::OfferAccepted, Millis(1_794_812_400_123), &mut rng);
        lines.agent(1_234);
        lines.thread(1_000_000_007);
        lines.end(NO_CONTACT);
        lines.begin(Source::Mail, EventType::AgentState, Millis(1_794_812_400_123), &mut rng);
        lines.end(NO_CONTACT);
        let text = &lines.bytes[..lines.at];
        let events: Vec<serde_json::Value> = text
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| serde_json::from_slice(line).expect("well-formed"))
            .collect();
        let [event, empty] = &events[..] else { panic!("two events") };
        assert_eq!(event["id"], format!("{:016x}", mix(1 ^ lines.salt)));
        let mut rng = Rng::new(1);
        let (high, low, span) = (rng.bits() | 1, rng.bits(), rng.bits() | 1);
        assert_eq!(event["traceparent"], format!("00-{high:016x}{low:016x}-{span:016x}-01"));
        assert_eq!(
            (&event["time"], &event["data"]["agent"], &event["data"]["thread"]),
            (&"2026-11-16T07:00:00.123Z".into(), &"a001234".into(), &"thread-1000000007".into())
        );
        assert!(empty["traceparent"].is_null() && empty["data"] == serde_json::json!({}));
    }

    #[test]
    fn digits_of_both_kinds() {
        for value in [0, 1, 9, 10, u64::MAX, 0x0123_4567_89ab_cdef, mix(3)] {
            assert_eq!(hex(value), *format!("{value:016x}").as_bytes());
        }
        for number in (0..100_000_000).step_by(9_973).chain(0..10_000).chain([99_999_999]) {
            assert_eq!(eight_digits(number), *format!("{number:08}").as_bytes());
        }
        assert_eq!(ten_digits(u32::MAX), *b"4294967295");
    }
}
