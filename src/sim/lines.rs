//! The log under the pen: lines of JSON written straight into one buffer, and for each line what the world has to
//! remember of it until the engine has answered. No text is built anywhere else.

use crate::sim::batch::Batch;
use crate::sim::clock_text::ClockText;
use crate::sim::directory::NOBODY;
use crate::sim::rng::{Rng, mix};
use crate::types::{ConversationId, Millis};

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

const SOURCES: [&str; 8] = [
    "/telephony/acd-2",
    "/web/chat",
    "/mail/imap-1",
    "/sms/gateway",
    "/social/stream-4",
    "/crm",
    "/desktop",
    "/workforce",
];

/// What the world remembers of a line.
#[derive(Copy, Clone, Debug)]
pub struct Sent {
    /// Who wrote; `NOBODY`: the line is no contact.
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
}

/// A line that is no contact.
pub const NO_CONTACT: Sent =
    Sent { person: NOBODY, thread: 0, lane: 0, intent: u16::MAX, by_route: false, which: 0 };

/// Lines of one batch.
pub struct Lines {
    /// The lines, each with its line feed.
    pub bytes: Vec<u8>,
    /// Where each line ends, without its line feed.
    pub ends: Vec<u32>,
    /// One a line.
    pub sent: Vec<Sent>,
    clock: ClockText,
    number: u64,
    salt: u64,
    comma: bool,
}

impl Lines {
    /// No lines; event ids are drawn from the seed.
    pub fn new(seed: u64) -> Lines {
        Lines {
            bytes: Vec::with_capacity(1 << 18),
            ends: Vec::new(),
            sent: Vec::new(),
            clock: ClockText::new(),
            number: 0,
            salt: mix(seed ^ 0x1d_e4_7e),
            comma: false,
        }
    }

    /// Forgets the lines, keeps the memory and the numbering.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
        self.sent.clear();
    }

    /// Moves the first `most` lines into a batch that has none, and forgets the rest.
    pub fn hand_over(&mut self, most: usize, batch: &mut Batch) {
        assert!(batch.ends.is_empty(), "a batch is filled once");
        std::mem::swap(&mut self.bytes, &mut batch.bytes);
        std::mem::swap(&mut self.ends, &mut batch.ends);
        std::mem::swap(&mut self.sent, &mut batch.sent);
        batch.ends.truncate(most);
        batch.sent.truncate(most);
        batch.bytes.truncate(batch.ends.last().map_or(0, |end| *end as usize + 1));
    }

    /// Begins an event up to the opening of `data`.
    pub fn begin(&mut self, source: Source, name: &str, time: Millis, trace: Option<&mut Rng>) {
        let mut head = *b"{\"specversion\":\"1.0\",\"id\":\"0123456789abcdef";
        self.number += 1;
        // A bijection of the number: no id comes twice.
        put_hex(&mut head[ID_AT..], mix(self.number ^ self.salt));
        self.bytes.extend_from_slice(&head);
        self.bytes.extend_from_slice(b"\",\"source\":\"");
        self.bytes.extend_from_slice(SOURCES[source as usize].as_bytes());
        self.bytes.extend_from_slice(b"\",\"type\":\"trunkline.");
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.extend_from_slice(b"\",\"time\":\"");
        let text = self.clock.of(time);
        self.bytes.extend_from_slice(&text);
        if let Some(rng) = trace {
            let mut member = *b"\",\"traceparent\":\"00-0123456789abcdef0123456789abcdef-0123456789abcdef-01";
            put_hex(&mut member[TRACE_AT..], rng.bits() | 1);
            put_hex(&mut member[TRACE_AT + 16..], rng.bits());
            put_hex(&mut member[TRACE_AT + 33..], rng.bits() | 1);
            self.bytes.extend_from_slice(&member);
        }
        self.bytes.extend_from_slice(b"\",\"datacontenttype\":\"application/json\",\"data\":{");
        self.comma = false;
    }

    /// Ends the event and its line.
    pub fn end(&mut self, sent: Sent) {
        self.bytes.extend_from_slice(b"}}");
        self.end_line(sent);
    }

    /// Ends a line as it stands.
    pub fn end_line(&mut self, sent: Sent) {
        self.ends.push(self.bytes.len() as u32);
        self.sent.push(sent);
        self.bytes.push(b'\n');
    }

    /// A whole line written before.
    pub fn copy(&mut self, line: &[u8]) {
        self.bytes.extend_from_slice(line);
        self.end_line(NO_CONTACT);
    }

    /// Where the last line stands.
    pub fn last(&self) -> std::ops::Range<usize> {
        let count = self.ends.len();
        let start = if count > 1 { self.ends[count - 2] as usize + 1 } else { 0 };
        start..self.ends[count - 1] as usize
    }

    /// The name of a member and its colon.
    #[inline]
    pub fn key(&mut self, name: &str) {
        if self.comma {
            self.bytes.push(b',');
        }
        self.comma = true;
        self.bytes.push(b'"');
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.extend_from_slice(b"\":");
    }

    /// A member that holds a text which needs no escapes.
    #[inline]
    pub fn text(&mut self, name: &str, value: &str) {
        self.key(name);
        self.bytes.push(b'"');
        self.bytes.extend_from_slice(value.as_bytes());
        self.bytes.push(b'"');
    }

    /// A member that holds a number.
    #[inline]
    pub fn number(&mut self, name: &str, value: i64) {
        self.key(name);
        self.decimal(value);
    }

    /// A member that holds a truth value.
    #[inline]
    pub fn truth(&mut self, name: &str, value: bool) {
        self.key(name);
        self.bytes.extend_from_slice(if value { b"true" } else { b"false" });
    }

    /// A member that holds the id of a conversation.
    #[inline]
    pub fn conversation(&mut self, id: ConversationId) {
        self.key("conversation");
        self.bytes.push(b'"');
        self.bytes.extend_from_slice(&id.customer.characters());
        if id.customer.generation > 0 {
            self.bytes.push(b'~');
            self.decimal(i64::from(id.customer.generation));
        }
        self.bytes.push(b'.');
        self.decimal(i64::from(id.ordinal));
        self.bytes.push(b'"');
    }

    /// Opens an object that is a member.
    #[inline]
    pub fn open(&mut self, name: &str) {
        self.key(name);
        self.bytes.push(b'{');
        self.comma = false;
    }

    /// Closes it.
    #[inline]
    pub fn close(&mut self) {
        self.bytes.push(b'}');
        self.comma = true;
    }

    /// An integer.
    #[inline]
    pub fn decimal(&mut self, value: i64) {
        let mut buffer = itoa::Buffer::new();
        self.bytes.extend_from_slice(buffer.format(value).as_bytes());
    }

    /// A number with leading zeros.
    #[inline]
    pub fn padded(&mut self, value: u32, width: usize) {
        let start = self.bytes.len();
        self.bytes.resize(start + width, b'0');
        crate::sim::clock_text::digits(&mut self.bytes[start..], i64::from(value));
    }

    /// Sixteen hexadecimal digits.
    #[inline]
    pub fn hex(&mut self, value: u64) {
        let mut text = [0; 16];
        put_hex(&mut text, value);
        self.bytes.extend_from_slice(&text);
    }
}

/// Where the id stands in the head of an event.
const ID_AT: usize = 27;
/// Where the trace id stands in its member.
const TRACE_AT: usize = 20;

/// Puts sixteen hexadecimal digits at the front: all nibbles at once, spread over the bytes of a word.
#[inline]
fn put_hex(into: &mut [u8], value: u64) {
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
    into[..16].copy_from_slice(&text.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_json_with_its_id_and_trace_in_place() {
        let (mut lines, mut rng) = (Lines::new(1), Rng::new(1));
        lines.begin(Source::Mail, "agent.state", Millis(1_794_812_400_123), Some(&mut rng));
        lines.text("state", "away");
        lines.end(NO_CONTACT);
        let event: serde_json::Value = serde_json::from_slice(&lines.bytes).expect("well-formed");
        assert_eq!(event["id"], format!("{:016x}", mix(1 ^ lines.salt)));
        let mut rng = Rng::new(1);
        let (high, low, span) = (rng.bits() | 1, rng.bits(), rng.bits() | 1);
        assert_eq!(event["traceparent"], format!("00-{high:016x}{low:016x}-{span:016x}-01"));
        assert_eq!(
            (&event["time"], &event["data"]["state"]),
            (&"2026-11-16T07:00:00.123Z".into(), &"away".into())
        );
    }

    #[test]
    fn hexadecimal_digits() {
        for value in [0, 1, 9, 10, u64::MAX, 0x0123_4567_89ab_cdef, mix(3)] {
            let mut text = [0; 16];
            put_hex(&mut text, value);
            assert_eq!(text, *format!("{value:016x}").as_bytes());
        }
    }
}
