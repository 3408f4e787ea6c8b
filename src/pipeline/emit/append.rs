//! The pen: writes one output into a scratch buffer, in blocks of constant size wherever it can. A copy of
//! constant size is one or two vector moves, a copy of variable size a call; an output has some thirty of them.
//! So pieces are padded to whole blocks, the pen moves on by their true length only, and what a block wrote too
//! much is overwritten by the next one.
//!
//! Strings are escaped as serde_json escapes them. Nothing is validated: texts come from decode and from the
//! rules, which hold UTF-8 only. Nothing grows: whoever hands out the scratch knows a bound of what will be
//! written; beyond it the pen panics.

use crate::types::position::TRACE_PARENT_CHARS;
use crate::types::{ConversationId, CustomerId, Position, TraceParent};
use std::mem::take;

/// Size of the blocks in which pieces are copied.
pub const BLOCK: usize = 32;
/// Size of the block in which short texts are copied.
const SHORT: usize = 16;
/// Bytes of scratch that a text of one byte may need: `\u0001`.
pub const ESCAPED_MAX: usize = 6;

/// Writes one output.
pub struct Pen<'a> {
    /// What is left of the scratch.
    room: &'a mut [u8],
}

/// Bytes rendered ahead, padded to whole blocks.
#[derive(Clone, Debug)]
pub struct Piece {
    padded: Box<[[u8; BLOCK]]>,
    len: usize,
}

impl Piece {
    /// A piece of these parts, one after another.
    pub fn of(parts: &[&str]) -> Piece {
        let mut bytes = parts.concat().into_bytes();
        let len = bytes.len();
        bytes.resize(len.next_multiple_of(BLOCK), b' ');
        let (blocks, rest) = bytes.as_chunks::<BLOCK>();
        assert!(rest.is_empty(), "padded to whole blocks");
        Piece { padded: blocks.into(), len }
    }

    /// Bytes of scratch that it needs.
    pub fn bound(&self) -> usize {
        self.padded.len() * BLOCK
    }
}

impl<'a> Pen<'a> {
    /// A pen at the beginning of `scratch`.
    #[inline]
    pub fn new(scratch: &'a mut [u8]) -> Pen<'a> {
        Pen { room: scratch }
    }

    /// Bytes of scratch left.
    #[inline]
    pub fn left(&self) -> usize {
        self.room.len()
    }

    /// Writes bytes of constant length.
    #[inline(always)]
    pub fn put<const N: usize>(&mut self, bytes: &[u8; N]) {
        let (head, tail) = take(&mut self.room).split_first_chunk_mut::<N>().expect("the bound holds");
        *head = *bytes;
        self.room = tail;
    }

    /// Writes the first `len` of a block.
    #[inline(always)]
    pub fn part<const N: usize>(&mut self, bytes: &[u8; N], len: usize) {
        let room = take(&mut self.room);
        *room.first_chunk_mut::<N>().expect("the bound holds") = *bytes;
        self.room = &mut room[len..];
    }

    /// Writes a piece.
    #[inline(always)]
    pub fn piece(&mut self, piece: &Piece) {
        let room = take(&mut self.room);
        let (blocks, _) = room[..piece.bound()].as_chunks_mut::<BLOCK>();
        for (to, from) in blocks.iter_mut().zip(&piece.padded) {
            *to = *from;
        }
        self.room = &mut room[piece.len..];
    }

    /// Writes any bytes as they are.
    #[inline(always)]
    pub fn bytes(&mut self, bytes: &[u8]) {
        let (head, tail) = take(&mut self.room).split_at_mut(bytes.len());
        copy(head, bytes);
        self.room = tail;
    }

    /// Writes the text at `start` of `arena` as the inside of a JSON string. Escapes `"`, `\` and what is below
    /// U+0020, with the short forms where there are any; everything else stands as it is.
    #[inline]
    pub fn text(&mut self, arena: &[u8], start: usize, len: usize) {
        if len <= SHORT
            && let Some(block) = arena.get(start..).and_then(<[u8]>::first_chunk::<SHORT>)
            // The whole block is tested: its neighbours in the arena can only make it slower.
            && !dirty(block)
        {
            return self.part(block, len);
        }
        let text = &arena[start..start + len];
        if dirty(text) { self.escaped(text) } else { self.bytes(text) }
    }

    /// Writes a decimal integer without sign.
    #[inline]
    pub fn unsigned(&mut self, number: u64) {
        match number {
            0..10 => self.put(&[b'0' + number as u8]),
            10..100 => self.put(&TWO[number as usize]),
            _ => self.large(number),
        }
    }

    /// Writes a decimal integer.
    #[inline]
    pub fn integer(&mut self, number: i64) {
        if number < 0 {
            self.put(b"-");
        }
        self.unsigned(number.unsigned_abs());
    }

    /// Writes `partition:offset:index`.
    #[inline]
    pub fn position(&mut self, position: Position) {
        self.unsigned(u64::from(position.partition));
        self.put(b":");
        self.unsigned(position.offset);
        self.put(b":");
        self.unsigned(u64::from(position.index));
    }

    /// Writes `,"traceparent":"…"`, or nothing if there is none.
    #[inline]
    pub fn traceparent(&mut self, trace: &TraceParent) {
        if trace.is_some() {
            self.put(b",\"traceparent\":\"");
            self.put::<TRACE_PARENT_CHARS>(&trace.characters());
            self.put(b"\"");
        }
    }

    /// Writes the text form of a customer's id.
    #[inline]
    pub fn customer(&mut self, id: CustomerId) {
        let mut text = [0; 13];
        text[0] = FIVE_BITS[(id.hash >> 60) as usize];
        for pair in 0..6 {
            let digits = id.hash >> (50 - 10 * pair) & 1_023;
            text[1 + 2 * pair..][..2].copy_from_slice(&TEN_BITS[digits as usize]);
        }
        self.put(&text);
        if id.generation > 0 {
            self.put(b"~");
            self.unsigned(u64::from(id.generation));
        }
    }

    /// Writes the text form of a conversation's id.
    #[inline]
    pub fn conversation(&mut self, id: ConversationId) {
        self.customer(id.customer);
        self.put(b".");
        self.unsigned(u64::from(id.ordinal));
    }

    /// Writes a number of three digits or more, from its last digits to its first ones.
    fn large(&mut self, number: u64) {
        let digits = number.ilog10() as usize + 1;
        let (head, tail) = take(&mut self.room).split_at_mut(digits);
        let (mut left, mut place) = (number, digits);
        while left >= 100 {
            place -= 2;
            head[place..place + 2].copy_from_slice(&TWO[(left % 100) as usize]);
            left /= 100;
        }
        let [ten, one] = TWO[left as usize];
        head[place - 1] = one;
        if place > 1 {
            head[0] = ten;
        }
        self.room = tail;
    }

    #[cold]
    fn escaped(&mut self, text: &[u8]) {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        for byte in text {
            let short = match *byte {
                b'"' => b'"',
                b'\\' => b'\\',
                0x08 => b'b',
                0x09 => b't',
                0x0a => b'n',
                0x0c => b'f',
                0x0d => b'r',
                control @ ..0x20 => {
                    let (high, low) = (HEX[usize::from(control >> 4)], HEX[usize::from(control & 15)]);
                    self.put(&[b'\\', b'u', b'0', b'0', high, low]);
                    continue;
                }
                plain => {
                    self.put(&[plain]);
                    continue;
                }
            };
            self.put(&[b'\\', short]);
        }
    }
}

/// A name as a JSON string, quotes included.
pub fn quoted(name: &str) -> String {
    let mut scratch = vec![0; name.len() * ESCAPED_MAX + SHORT];
    let mut pen = Pen::new(&mut scratch);
    pen.put(b"\"");
    pen.text(name.as_bytes(), 0, name.len());
    pen.put(b"\"");
    let left = pen.left();
    scratch.truncate(scratch.len() - left);
    String::from_utf8(scratch).expect("escapes keep UTF-8")
}

/// Copies between slices of one length; up to two blocks in a head and a tail that overlap, without a call.
#[inline(always)]
fn copy(to: &mut [u8], from: &[u8]) {
    #[inline(always)]
    fn ends<const N: usize>(to: &mut [u8], from: &[u8]) -> bool {
        let (Some(head), Some(tail)) = (from.first_chunk::<N>(), from.last_chunk::<N>()) else {
            return false;
        };
        let last = to.len() - N;
        to[..N].copy_from_slice(head);
        to[last..].copy_from_slice(tail);
        true
    }
    let done = match from.len() {
        0 => true,
        1..4 => {
            to[0] = from[0];
            to[from.len() / 2] = from[from.len() / 2];
            to[from.len() - 1] = from[from.len() - 1];
            true
        }
        4..8 => ends::<4>(to, from),
        8..16 => ends::<8>(to, from),
        16..=32 => ends::<16>(to, from),
        _ => false,
    };
    if !done {
        to.copy_from_slice(from);
    }
}

/// Whether some byte needs an escape. Without an early exit this is a few vector instructions.
#[inline(always)]
fn dirty(text: &[u8]) -> bool {
    text.iter().fold(false, |dirty, b| dirty | (*b < 0x20) | (*b == b'"') | (*b == b'\\'))
}

/// The two decimal digits of the numbers below 100.
pub static TWO: [[u8; 2]; 100] = {
    let mut table = [[0; 2]; 100];
    let mut number = 0;
    while number < 100 {
        table[number] = [b'0' + (number / 10) as u8, b'0' + (number % 10) as u8];
        number += 1;
    }
    table
};

/// Digits of ids, as `CustomerId` writes them.
const FIVE_BITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Two digits of an id at once.
static TEN_BITS: [[u8; 2]; 1_024] = {
    let mut table = [[0; 2]; 1_024];
    let mut bits = 0;
    while bits < 1_024 {
        table[bits] = [FIVE_BITS[bits >> 5], FIVE_BITS[bits & 31]];
        bits += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(write: impl FnOnce(&mut Pen<'_>)) -> String {
        let mut scratch = vec![b'?'; 1_024];
        let mut pen = Pen::new(&mut scratch);
        write(&mut pen);
        let left = pen.left();
        scratch.truncate(scratch.len() - left);
        String::from_utf8(scratch).expect("UTF-8")
    }

    #[test]
    fn every_byte_that_needs_an_escape() {
        let text: String = (0..0x80).map(|code| char::from(code as u8)).collect();
        assert_eq!(quoted(&text), serde_json::to_string(&text).expect("a string"));
    }

    #[test]
    fn pieces_and_texts_of_every_length() {
        let long = "0123456789".repeat(10);
        for len in 0..70 {
            let text = &long[..len];
            let thrice = written(|pen| {
                pen.piece(&Piece::of(&[text]));
                pen.bytes(text.as_bytes());
                pen.text(text.as_bytes(), 0, len);
            });
            assert_eq!(thrice, [text, text, text].concat());
        }
    }

    #[test]
    #[should_panic(expected = "the bound holds")]
    fn nothing_is_written_beyond_the_scratch() {
        Pen::new(&mut [0; 4]).put(b"12345");
    }

    proptest! {
        #[test]
        fn strings_as_serde_json_writes_them(
            before in "\\PC{0,3}",
            text in "(\\PC|[\\x00-\\x22]|\\\\|\\p{any}){0,40}",
            after in "(\\PC|\"){0,20}",
        ) {
            let arena = [before.as_str(), &text, &after].concat();
            let got = written(|pen| pen.text(arena.as_bytes(), before.len(), text.len()));
            let expected = serde_json::to_string(&text).expect("a string");
            prop_assert_eq!(got, &expected[1..expected.len() - 1]);
        }

        #[test]
        fn integers_as_they_display(bits: u64, shift in 0_u32..64, ten in 0_u32..20) {
            for number in [bits, bits >> shift, 10_u64.pow(ten), 10_u64.pow(ten) - 1, 0, u64::MAX] {
                prop_assert_eq!(written(|pen| pen.unsigned(number)), number.to_string());
                prop_assert_eq!(written(|pen| pen.integer(number as i64)), (number as i64).to_string());
            }
        }

        #[test]
        fn ids_as_they_display(hash: u64, generation in prop_oneof![Just(0), Just(1), any::<u32>()], ordinal: u32) {
            let id = ConversationId { customer: CustomerId { hash, generation }, ordinal };
            prop_assert_eq!(written(|pen| pen.conversation(id)), id.to_string());
        }
    }
}
