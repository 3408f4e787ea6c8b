//! JSON by RFC 8259, token by token, over bytes that go on behind the value with at least `PADDING` bytes of 0 (or
//! with bytes that cannot belong to it). A text is its place plus whether it carries an escape; it is unescaped only
//! where it is needed. `None` everywhere means "not JSON, or deeper than allowed"; why is found out elsewhere.

use super::scan::{self, BLOCK};
use super::utf8::Watch;

pub use crate::types::event::PADDING;

/// A string as it stands in the bytes, between its quotes.
#[derive(Copy, Clone, Debug)]
pub struct Text {
    /// First byte.
    pub start: usize,
    /// Behind the last byte.
    pub end: usize,
    /// Whether it carries an escape (a valid one).
    pub escaped: bool,
}

/// A place in the bytes, and what was seen on the way there.
pub struct Cursor<'a> {
    src: &'a [u8],
    /// Next byte.
    pub at: usize,
    /// A string passed that may not be UTF-8.
    pub doubt: bool,
    /// A line end was passed.
    pub newline: bool,
}

/// Remembers which containers are open: how a value of any depth is skipped without recursion.
pub trait Nest {
    /// Opens an object or an array; false if it would be too deep.
    fn open(&mut self, object: bool) -> bool;
    /// Closes the innermost one.
    fn close(&mut self);
    /// What the innermost one is; `None`: all are closed.
    fn object(&self) -> Option<bool>;
}

/// Up to 64 containers in one word.
pub struct Shallow {
    kinds: u64,
    depth: u32,
    room: u32,
}

impl Shallow {
    /// A nest for so many more containers.
    #[inline]
    pub fn new(room: u32) -> Shallow {
        Shallow { kinds: 0, depth: 0, room: room.min(64) }
    }
}

impl Nest for Shallow {
    #[inline]
    fn open(&mut self, object: bool) -> bool {
        self.kinds = self.kinds << 1 | u64::from(object);
        self.depth += 1;
        self.depth <= self.room
    }

    #[inline]
    fn close(&mut self) {
        self.kinds >>= 1;
        self.depth -= 1;
    }

    #[inline]
    fn object(&self) -> Option<bool> {
        (self.depth > 0).then_some(self.kinds & 1 == 1)
    }
}

impl<'a> Cursor<'a> {
    /// A cursor at a place.
    #[inline]
    pub fn new(src: &'a [u8], at: usize) -> Cursor<'a> {
        Cursor { src, at, doubt: false, newline: false }
    }

    /// Passes exactly these bytes, if they come next.
    #[inline]
    pub fn literal<const N: usize>(&mut self, text: &[u8; N]) -> bool {
        let hit = self.src.get(self.at..self.at + N) == Some(text);
        self.at += if hit { N } else { 0 };
        hit
    }

    /// The first byte that is not white space, not passed.
    #[inline]
    pub fn token(&mut self) -> Option<u8> {
        let byte = *self.src.get(self.at)?;
        if byte > b' ' { Some(byte) } else { self.token_after_space() }
    }

    #[cold]
    fn token_after_space(&mut self) -> Option<u8> {
        loop {
            match *self.src.get(self.at)? {
                b'\n' => self.newline = true,
                b' ' | b'\t' | b'\r' => {}
                byte => return Some(byte),
            }
            self.at += 1;
        }
    }

    /// Passes white space and then this byte.
    #[inline]
    pub fn expect(&mut self, byte: u8) -> Option<()> {
        (self.token()? == byte).then(|| self.at += 1)
    }

    /// Passes white space and a string, quotes included.
    #[inline]
    pub fn quoted(&mut self) -> Option<Text> {
        self.expect(b'"')?;
        self.string()
    }

    /// Passes a string whose opening quote has been passed.
    #[inline]
    pub fn string(&mut self) -> Option<Text> {
        let start = self.at;
        let mut escaped = false;
        let mut watch = Watch::default();
        loop {
            let block: &[u8; BLOCK] = self.src.get(self.at..self.at + BLOCK)?.try_into().ok()?;
            let found = scan::look(block);
            if found.special == 0 {
                if found.high != 0 || watch.waits() {
                    watch.whole(block);
                }
                self.at += BLOCK;
                continue;
            }
            let length = found.special.trailing_zeros();
            if found.high & ((1 << length) - 1) != 0 || watch.waits() {
                watch.last(block, length);
            }
            self.at += length as usize;
            match self.src[self.at] {
                b'"' => {
                    self.doubt |= watch.doubts();
                    let text = Text { start, end: self.at, escaped };
                    self.at += 1;
                    return Some(text);
                }
                b'\\' => {
                    self.escape()?;
                    escaped = true;
                }
                _ => return None,
            }
        }
    }

    /// Passes one escape; both halves of a surrogate pair.
    #[cold]
    fn escape(&mut self) -> Option<()> {
        match *self.src.get(self.at + 1)? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => self.at += 2,
            b'u' => {
                let unit = hex(self.src, self.at + 2)?;
                self.at += 6;
                match unit {
                    0xd800..=0xdbff => {
                        if self.src.get(self.at..self.at + 2)? != b"\\u"
                            || !(0xdc00..=0xdfff).contains(&hex(self.src, self.at + 2)?)
                        {
                            return None;
                        }
                        self.at += 6;
                    }
                    0xdc00..=0xdfff => return None,
                    _ => {}
                }
            }
            _ => return None,
        }
        Some(())
    }

    /// Passes an integer of at most 2^53 in size, `-0` included; no fraction, no exponent.
    #[inline]
    pub fn integer(&mut self) -> Option<i64> {
        let negative = self.token()? == b'-';
        self.at += usize::from(negative);
        let first = self.at;
        let mut number: i64 = 0;
        while let Some(digit) = self.src.get(self.at).map(|b| b.wrapping_sub(b'0')).filter(|d| *d < 10) {
            // Past 16 digits the number is refused below, so what it wraps to does not matter.
            number = number.wrapping_mul(10).wrapping_add(i64::from(digit));
            self.at += 1;
        }
        let digits = self.at - first;
        let good = (1..=16).contains(&digits)
            && (self.src[first] != b'0' || digits == 1)
            && !matches!(self.src.get(self.at), Some(b'.' | b'e' | b'E'))
            && number <= INTEGER_MAX;
        good.then_some(if negative { -number } else { number })
    }

    /// Passes any number.
    pub fn number(&mut self) -> Option<()> {
        self.at += usize::from(self.token()? == b'-');
        let first = *self.src.get(self.at)?;
        let digits = self.digits()?;
        if first == b'0' && digits > 1 {
            return None;
        }
        if self.src.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.src.get(self.at), Some(b'e' | b'E')) {
            self.at += 1;
            self.at += usize::from(matches!(self.src.get(self.at), Some(b'+' | b'-')));
            self.digits()?;
        }
        Some(())
    }

    fn digits(&mut self) -> Option<usize> {
        let first = self.at;
        while self.src.get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
        (self.at > first).then_some(self.at - first)
    }

    /// Passes `true` or `false`.
    #[inline]
    pub fn boolean(&mut self) -> Option<bool> {
        match self.token()? {
            b't' => self.literal(b"true").then_some(true),
            b'f' => self.literal(b"false").then_some(false),
            _ => None,
        }
    }

    /// Passes any value, its whole grammar checked, with at most `room` containers in each other.
    pub fn skip(&mut self, room: u32) -> Option<()> {
        self.skip_in(&mut Shallow::new(room))
    }

    /// Passes any value that the nest has room for.
    pub fn skip_in(&mut self, nest: &mut impl Nest) -> Option<()> {
        loop {
            if self.skip_start(nest)? {
                continue;
            }
            loop {
                let Some(object) = nest.object() else { return Some(()) };
                match self.token()? {
                    b',' => {
                        self.at += 1;
                        if object {
                            self.skip_key()?;
                        }
                        break;
                    }
                    b'}' if object => {}
                    b']' if !object => {}
                    _ => return None,
                }
                self.at += 1;
                nest.close();
            }
        }
    }

    /// Passes a scalar, an empty container, or the opening of one that has a value (then true).
    #[inline]
    fn skip_start(&mut self, nest: &mut impl Nest) -> Option<bool> {
        let first = self.token()?;
        match first {
            b'"' => {
                self.at += 1;
                self.string()?;
            }
            b'{' | b'[' => {
                self.at += 1;
                if !nest.open(first == b'{') {
                    return None;
                }
                // The closing byte of either kind is two past its opening byte in ASCII.
                if self.token()? != first + 2 {
                    if first == b'{' {
                        self.skip_key()?;
                    }
                    return Some(true);
                }
                self.at += 1;
                nest.close();
            }
            b'-' | b'0'..=b'9' => self.number()?,
            b'n' => return self.literal(b"null").then_some(false),
            _ => {
                self.boolean()?;
            }
        }
        Some(false)
    }

    fn skip_key(&mut self) -> Option<()> {
        self.quoted()?;
        self.expect(b':')
    }
}

/// Integers are within this on both sides.
pub const INTEGER_MAX: i64 = 1 << 53;

/// Four hexadecimal digits.
fn hex(src: &[u8], at: usize) -> Option<u32> {
    src.get(at..at + 4)?.iter().try_fold(0, |unit, digit| Some(unit << 4 | char::from(*digit).to_digit(16)?))
}

/// Appends a text, whose escapes are known to be valid, in its unescaped form.
pub fn unescape(text: &[u8], into: &mut Vec<u8>) {
    let mut rest = text;
    while let Some(place) = memchr::memchr(b'\\', rest) {
        into.extend_from_slice(&rest[..place]);
        let (character, length) = match rest[place + 1] {
            b'b' => ('\u{8}', 2),
            b'f' => ('\u{c}', 2),
            b'n' => ('\n', 2),
            b'r' => ('\r', 2),
            b't' => ('\t', 2),
            b'u' => {
                let unit = hex(rest, place + 2).expect("the cursor checked the escape");
                match char::from_u32(unit) {
                    Some(character) => (character, 6),
                    None => {
                        let low = hex(rest, place + 8).expect("the cursor checked the pair");
                        let code = 0x10000 + ((unit - 0xd800) << 10 | (low - 0xdc00));
                        (char::from_u32(code).expect("a surrogate pair is a character"), 12)
                    }
                }
            }
            other => (char::from(other), 2),
        };
        into.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        rest = &rest[place + length..];
    }
    into.extend_from_slice(rest);
}
