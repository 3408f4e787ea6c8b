//! Pieces of JSON appended to a byte vector: strings escaped as serde_json escapes them, integers, ids. Nothing
//! is validated: texts come from decode and from the rules, which hold UTF-8 only.

use crate::types::position::TRACE_PARENT_CHARS;
use crate::types::{ConversationId, CustomerId, Position, TraceParent};

/// Appends the inside of a JSON string. Escapes `"`, `\` and what is below U+0020, with the short forms where
/// there are any; everything else stands as it is.
#[inline]
pub fn escaped(out: &mut Vec<u8>, text: &[u8]) {
    // Without an early exit the test is a few vector instructions; nearly no text needs escapes.
    let dirty = text.iter().fold(false, |dirty, b| dirty | (*b < 0x20) | (*b == b'"') | (*b == b'\\'));
    if dirty { escaped_slowly(out, text) } else { out.extend_from_slice(text) }
}

/// Appends a decimal integer.
#[inline]
pub fn integer(out: &mut Vec<u8>, number: impl itoa::Integer) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// Appends `partition:offset:index`.
#[inline]
pub fn position(out: &mut Vec<u8>, position: Position) {
    integer(out, position.partition);
    out.push(b':');
    integer(out, position.offset);
    out.push(b':');
    integer(out, position.index);
}

/// Appends `,"traceparent":"…"`, or nothing if there is none.
#[inline]
pub fn traceparent(out: &mut Vec<u8>, trace: &TraceParent) {
    if trace.is_some() {
        const BEFORE: &[u8; 16] = b",\"traceparent\":\"";
        let mut text = [b'"'; BEFORE.len() + TRACE_PARENT_CHARS + 1];
        text[..BEFORE.len()].copy_from_slice(BEFORE);
        text[BEFORE.len()..][..TRACE_PARENT_CHARS].copy_from_slice(&trace.characters());
        out.extend_from_slice(&text);
    }
}

/// Appends the text form of a customer's id.
#[inline]
pub fn customer(out: &mut Vec<u8>, id: CustomerId) {
    out.extend_from_slice(&id.characters());
    if id.generation > 0 {
        out.push(b'~');
        integer(out, id.generation);
    }
}

/// Appends the text form of a conversation's id.
#[inline]
pub fn conversation(out: &mut Vec<u8>, id: ConversationId) {
    customer(out, id.customer);
    out.push(b'.');
    integer(out, id.ordinal);
}

#[cold]
fn escaped_slowly(out: &mut Vec<u8>, text: &[u8]) {
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
                let hex = [b'0', b'0', HEX[usize::from(control >> 4)], HEX[usize::from(control & 15)]];
                out.extend_from_slice(b"\\u");
                out.extend_from_slice(&hex);
                continue;
            }
            plain => {
                out.push(plain);
                continue;
            }
        };
        out.extend_from_slice(&[b'\\', short]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_byte_that_needs_an_escape() {
        let text: String = (0..0x80).map(|code| char::from(code as u8)).collect();
        let mut out = Vec::new();
        escaped(&mut out, text.as_bytes());
        let expected = serde_json::to_string(&text).expect("a string");
        assert_eq!(String::from_utf8(out).expect("ASCII"), expected[1..expected.len() - 1]);
    }

    proptest! {
        #[test]
        fn strings_as_serde_json_writes_them(text in "(\\PC|[\\x00-\\x22]|\\\\|\\p{any}){0,40}") {
            let mut out = vec![b'"'];
            escaped(&mut out, text.as_bytes());
            out.push(b'"');
            prop_assert_eq!(String::from_utf8(out).expect("UTF-8"), serde_json::to_string(&text).expect("a string"));
        }

        #[test]
        fn ids_as_they_display(hash: u64, generation in prop_oneof![Just(0), Just(1), any::<u32>()], ordinal: u32) {
            let id = ConversationId { customer: CustomerId { hash, generation }, ordinal };
            let mut out = Vec::new();
            conversation(&mut out, id);
            prop_assert_eq!(String::from_utf8(out).expect("ASCII"), id.to_string());
        }
    }
}
