//! The pen: writes one output into a scratch buffer, in blocks of constant size wherever it can. A copy of
//! constant size is one or two vector moves, a copy of variable size a call; an output has some thirty of them.
//! So pieces are padded to whole blocks, the pen moves on by their true length only, and what a block wrote too
//! much is overwritten by the next one. A pen is handed from hand to hand by value: it is two words, which stay
//! in registers, where a reference to it would have to be written back after every stroke.
//!
//! Strings are escaped as serde_json escapes them. Nothing is validated: texts come from decode and from the
//! rules, which hold UTF-8 only. Nothing grows: whoever hands out the scratch knows a bound of what will be
//! written; beyond it the pen panics.

use crate::types::position::TRACE_PARENT_CHARS;
use crate::types::{ConversationId, CustomerId, Position, TraceParent};

/// Size of the block in which short texts are copied.
const SHORT: usize = 16;
/// Bytes of scratch that a text of one byte may need: `\u0001`.
pub const ESCAPED_MAX: usize = 6;

/// Writes one output.
#[must_use]
pub struct Pen<'a> {
    /// What is left of the scratch.
    room: &'a mut [u8],
}

/// Bytes rendered ahead: a block that is copied whole, and the rest of a long one.
#[derive(Clone, Debug)]
pub struct Piece<const N: usize> {
    block: [u8; N],
    rest: Box<[u8]>,
    len: usize,
}

impl<const N: usize> Piece<N> {
    /// A piece of these parts, one after another.
    pub fn of(parts: &[&str]) -> Piece<N> {
        let mut bytes = parts.concat().into_bytes();
        let len = bytes.len();
        bytes.resize(len.max(N), b' ');
        let (block, rest) = bytes.split_first_chunk::<N>().expect("padded to the block");
        Piece { block: *block, rest: rest.into(), len }
    }

    /// Bytes of scratch that it needs.
    pub fn bound(&self) -> usize {
        N + self.rest.len()
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
    pub fn put<const N: usize>(self, bytes: &[u8; N]) -> Pen<'a> {
        let (head, room) = self.room.split_first_chunk_mut::<N>().expect("the bound holds");
        *head = *bytes;
        Pen { room }
    }

    /// Writes the first `len` of a block.
    #[inline(always)]
    pub fn part<const N: usize>(self, bytes: &[u8; N], len: usize) -> Pen<'a> {
        *self.room.first_chunk_mut::<N>().expect("the bound holds") = *bytes;
        Pen { room: &mut self.room[len..] }
    }

    /// Writes a piece.
    #[inline(always)]
    pub fn piece<const N: usize>(self, piece: &Piece<N>) -> Pen<'a> {
        let pen = self.part(&piece.block, piece.len.min(N));
        if piece.rest.is_empty() { pen } else { pen.long(&piece.rest) }
    }

    /// Writes any bytes as they are.
    #[inline(always)]
    pub fn bytes(self, bytes: &[u8]) -> Pen<'a> {
        let (head, room) = self.room.split_at_mut(bytes.len());
        copy(head, bytes);
        Pen { room }
    }

    /// Writes the text at `start` of `arena` as the inside of a JSON string. Escapes `"`, `\` and what is below
    /// U+0020, with the short forms where there are any; everything else stands as it is.
    #[inline]
    pub fn text(self, arena: &[u8], start: usize, len: usize) -> Pen<'a> {
        if len <= SHORT
            && let Some(block) = arena.get(start..).and_then(<[u8]>::first_chunk::<SHORT>)
            // The whole block is tested: its neighbours in the arena can only make it slower.
            && !dirty(block)
        {
            return self.part(block, len);
        }
        let text = &arena[start..start + len];
        if dirty(text) { self.escaped(text) } else { self.long(text) }
    }

    /// Writes a decimal integer without sign.
    #[inline(always)]
    pub fn unsigned(self, number: u64) -> Pen<'a> {
        if number < 10 { self.put(&[b'0' + number as u8]) } else { self.large(number) }
    }

    /// Writes a decimal integer.
    #[inline]
    pub fn integer(self, number: i64) -> Pen<'a> {
        let pen = if number < 0 { self.put(b"-") } else { self };
        pen.unsigned(number.unsigned_abs())
    }

    /// Writes `partition:offset:index`.
    #[inline]
    pub fn position(self, position: Position) -> Pen<'a> {
        let pen = self.unsigned(u64::from(position.partition)).put(b":");
        pen.unsigned(position.offset).put(b":").unsigned(u64::from(position.index))
    }

    /// Writes `,"traceparent":"…"`, or nothing if there is none.
    #[inline]
    pub fn traceparent(self, trace: &TraceParent) -> Pen<'a> {
        if !trace.is_some() {
            return self;
        }
        self.put(b",\"traceparent\":\"").put::<TRACE_PARENT_CHARS>(&trace.characters()).put(b"\"")
    }

    /// Writes the text form of a customer's id.
    #[inline]
    pub fn customer(self, id: CustomerId) -> Pen<'a> {
        let mut text = [0; 13];
        text[0] = FIVE_BITS[(id.hash >> 60) as usize];
        for pair in 0..6 {
            let digits = id.hash >> (50 - 10 * pair) & 1_023;
            text[1 + 2 * pair..][..2].copy_from_slice(&TEN_BITS[digits as usize]);
        }
        let pen = self.put(&text);
        if id.generation > 0 { pen.put(b"~").unsigned(u64::from(id.generation)) } else { pen }
    }

    /// Writes the text form of a conversation's id.
    #[inline]
    pub fn conversation(self, id: ConversationId) -> Pen<'a> {
        self.customer(id.customer).put(b".").unsigned(u64::from(id.ordinal))
    }

    /// Writes a number of two digits or more, from its last digits to its first ones.
    #[inline(never)]
    fn large(self, number: u64) -> Pen<'a> {
        let digits = number.ilog10() as usize + 1;
        let (head, room) = self.room.split_at_mut(digits);
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
        Pen { room }
    }

    /// Writes any bytes as they are; not worth the room that `bytes` takes in its caller.
    #[inline(never)]
    fn long(self, bytes: &[u8]) -> Pen<'a> {
        self.bytes(bytes)
    }

    #[cold]
    fn escaped(self, text: &[u8]) -> Pen<'a> {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        text.iter().fold(self, |pen, byte| {
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
                    return pen.put(&[b'\\', b'u', b'0', b'0', high, low]);
                }
                plain => return pen.put(&[plain]),
            };
            pen.put(&[b'\\', short])
        })
    }
}

/// A name as a JSON string, quotes included.
pub fn quoted(name: &str) -> String {
    let mut scratch = vec![0; name.len() * ESCAPED_MAX + SHORT];
    let left = Pen::new(&mut scratch).put(b"\"").text(name.as_bytes(), 0, name.len()).put(b"\"").left();
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

    fn written(write: impl FnOnce(Pen<'_>) -> Pen<'_>) -> String {
        let mut scratch = vec![b'?'; 1_024];
        let left = write(Pen::new(&mut scratch)).left();
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
            let (short, long) = (Piece::<16>::of(&[text]), Piece::<64>::of(&[text]));
            let four = written(|pen| {
                pen.piece(&short).piece(&long).bytes(text.as_bytes()).text(text.as_bytes(), 0, len)
            });
            assert_eq!(four, text.repeat(4));
        }
    }

    #[test]
    #[should_panic(expected = "the bound holds")]
    fn nothing_is_written_beyond_the_scratch() {
        let _ = Pen::new(&mut [0; 4]).put(b"12345");
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
