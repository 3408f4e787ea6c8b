//! The steps of the fast pass: each begins at a place, and gives the place behind what it read. What is usual is done
//! where it stands, by one look at a window; what is not (white space, escapes, texts beyond a block) is left to the
//! cursor. Places travel in registers; the pass itself only keeps what was met on the way.

use super::cursor::{Cursor, Text, unescape};
use super::fast::Pass;
use super::names::{Names, first_word, word_within};
use super::scan;
use crate::types::event::Span;

impl<'a> Pass<'a> {
    /// Lets the cursor read from a place.
    #[inline(always)]
    pub(super) fn with_cursor<T>(
        &mut self,
        at: usize,
        read: impl FnOnce(&mut Cursor<'a>) -> Option<T>,
    ) -> Option<(T, usize)> {
        let mut cursor = Cursor::new(self.src.bytes(), at);
        let value = read(&mut cursor)?;
        self.doubt |= cursor.doubt;
        self.newline |= cursor.newline;
        Some((value, cursor.at))
    }

    /// Passes exactly these bytes, if they come next.
    #[inline(always)]
    pub(super) fn literal<const N: usize>(&self, at: usize, text: &[u8; N]) -> Option<usize> {
        let window = self.src.window(at)?;
        (window.first_chunk::<N>()? == text).then_some(at + N)
    }

    /// Passes white space: the first other byte, and its place.
    #[inline(always)]
    pub(super) fn token(&mut self, at: usize) -> Option<(u8, usize)> {
        let byte = self.src.window(at)?[0];
        if byte > b' ' { Some((byte, at)) } else { self.token_after_space(at) }
    }

    #[cold]
    #[inline(never)]
    fn token_after_space(&mut self, at: usize) -> Option<(u8, usize)> {
        self.with_cursor(at, Cursor::token)
    }

    /// Passes white space and then this byte.
    #[inline(always)]
    pub(super) fn expect(&mut self, at: usize, byte: u8) -> Option<usize> {
        if self.src.window(at)?[0] == byte { Some(at + 1) } else { self.expect_after_space(at, byte) }
    }

    #[cold]
    #[inline(never)]
    fn expect_after_space(&mut self, at: usize, byte: u8) -> Option<usize> {
        self.with_cursor(at, |cursor| cursor.expect(byte)).map(|(_, at)| at)
    }

    /// Passes a comma (true) or the closing byte (false).
    #[inline(always)]
    pub(super) fn more(&mut self, at: usize, closing: u8) -> Option<(bool, usize)> {
        let (token, at) = self.token(at)?;
        if token == b',' { Some((true, at + 1)) } else { (token == closing).then_some((false, at + 1)) }
    }

    /// Passes a comma and the quote of the next name (true), or the end of the object (false).
    #[inline(always)]
    pub(super) fn next_name(&mut self, at: usize) -> Option<(bool, usize)> {
        match self.src.window(at)? {
            [b',', b'"', ..] => Some((true, at + 2)),
            [b'}', ..] => Some((false, at + 1)),
            _ => self.next_name_after_space(at),
        }
    }

    #[cold]
    #[inline(never)]
    fn next_name_after_space(&mut self, at: usize) -> Option<(bool, usize)> {
        match self.more(at, b'}')? {
            (true, at) => Some((true, self.expect(at, b'"')?)),
            end => Some(end),
        }
    }

    /// Passes a value that nobody reads, with at most `room` containers in each other.
    #[cold]
    #[inline(never)]
    pub(super) fn skip(&mut self, at: usize, room: u32) -> Option<usize> {
        self.with_cursor(at, |cursor| cursor.skip(room)).map(|(_, at)| at)
    }

    /// A string whose opening quote has been passed.
    #[inline(always)]
    pub(super) fn text_here(&mut self, at: usize) -> Option<(Span, usize)> {
        let window = self.src.window(at)?;
        let ends = scan::not_plain(scan::block(window));
        if ends != 0 {
            let length = ends.trailing_zeros() as usize;
            if window[length] == b'"' {
                return Some((Span { start: at as u32, len: length as u32 }, at + length + 1));
            }
        }
        self.any_text_here(at)
    }

    #[inline(never)]
    fn any_text_here(&mut self, at: usize) -> Option<(Span, usize)> {
        let (text, at) = self.with_cursor(at, Cursor::string)?;
        Some((self.span(text), at))
    }

    /// The same, of a permitted length.
    #[inline(always)]
    pub(super) fn name_here(&mut self, at: usize) -> Option<(Span, usize)> {
        let (span, at) = self.text_here(at)?;
        (span.len > 0 && span.len as usize <= self.tables.limits.name_bytes).then_some((span, at))
    }

    /// A string.
    #[inline(always)]
    pub(super) fn text(&mut self, at: usize) -> Option<(Span, usize)> {
        let at = self.expect(at, b'"')?;
        self.text_here(at)
    }

    /// A string of a permitted length.
    #[inline(always)]
    pub(super) fn name(&mut self, at: usize) -> Option<(Span, usize)> {
        let at = self.expect(at, b'"')?;
        self.name_here(at)
    }

    /// An integer of at most 2^53 in size.
    #[inline]
    pub(super) fn integer(&mut self, at: usize) -> Option<(i64, usize)> {
        self.with_cursor(at, Cursor::integer)
    }

    /// An integer within bounds, which are those of its type or closer.
    #[inline]
    pub(super) fn integer_within<T: TryFrom<i64>>(
        &mut self,
        at: usize,
        least: i64,
        most: i64,
    ) -> Option<(T, usize)> {
        let (number, at) = self.integer(at)?;
        if !(least..=most).contains(&number) {
            return None;
        }
        Some((T::try_from(number).ok()?, at))
    }

    /// `true` or `false`.
    #[inline]
    pub(super) fn boolean(&mut self, at: usize) -> Option<(bool, usize)> {
        self.with_cursor(at, Cursor::boolean)
    }

    /// Where a text stands for the stages: unescaped now, if it carries an escape.
    pub(super) fn span(&mut self, text: Text) -> Span {
        let raw = Span { start: text.start as u32, len: (text.end - text.start) as u32 };
        if text.escaped { self.unescaped_span(raw) } else { raw }
    }

    #[cold]
    fn unescaped_span(&mut self, raw: Span) -> Span {
        let (before, src) = (self.unescaped.len(), self.src.bytes());
        unescape(bytes_of(src, &[], raw), self.unescaped);
        let start = (src.len() + before) as u32;
        Span { start, len: (self.unescaped.len() - before) as u32 }
    }

    /// The bytes of a text.
    #[inline(always)]
    pub(super) fn bytes(&self, span: Span) -> &[u8] {
        bytes_of(self.src.bytes(), self.unescaped, span)
    }

    /// The first 16 bytes of a text as a word.
    #[inline(always)]
    pub(super) fn word(&self, span: Span) -> u128 {
        match self.src.window(span.start as usize).and_then(|window| window.first_chunk()) {
            Some(block) => word_within(block, span.len as usize),
            None => first_word(self.bytes(span)),
        }
    }

    /// The place of a text in a set of names.
    #[inline(always)]
    pub(super) fn place(&self, names: &Names, span: Span) -> Option<u16> {
        names.find_word(self.word(span), self.bytes(span))
    }
}

/// The bytes of a text in the source, or behind it in what was unescaped.
#[inline(always)]
pub fn bytes_of<'t>(src: &'t [u8], unescaped: &'t [u8], span: Span) -> &'t [u8] {
    let (start, len) = (span.start as usize, span.len as usize);
    if start < src.len() {
        &src[start..start + len]
    } else {
        &unescaped[start - src.len()..start - src.len() + len]
    }
}
