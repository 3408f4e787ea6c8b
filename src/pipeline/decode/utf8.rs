//! Watches a text for bytes that are not UTF-8, a block at a time and without a branch a character. It knows the forms
//! of two bytes, nearly all of three (those that begin with E0 or ED have holes of their own) and those of four that
//! begin with F0, so letters with accents and emoji. The rest leaves it in doubt, and the whole event is checked then.

use super::scan::{self, BLOCK};

/// What is known of one text so far.
#[derive(Default)]
pub struct Watch {
    /// Bit n: byte n of the next block must continue a character.
    due: u64,
    doubt: bool,
}

impl Watch {
    /// Whether the next block has to be looked at though it is ASCII.
    #[inline(always)]
    pub fn waits(&self) -> bool {
        self.due != 0
    }

    /// Whether the bytes so far may not be UTF-8.
    #[inline(always)]
    pub fn doubts(&self) -> bool {
        self.doubt
    }

    /// Takes in a block of a text that goes on behind it.
    pub fn whole(&mut self, block: &[u8; BLOCK]) {
        self.look(block, u32::MAX);
        self.due >>= BLOCK;
    }

    /// Takes in the first `length` bytes of a block, with which the text ends.
    pub fn last(&mut self, block: &[u8; BLOCK], length: u32) {
        self.look(block, (1 << length) - 1);
        self.doubt |= self.due >> length != 0;
        self.due = 0;
    }

    /// Adds what the leading bytes promise, and compares it with the continuing bytes that are there.
    #[inline(always)]
    fn look(&mut self, block: &[u8; BLOCK], kept: u32) {
        let within = |least: u8, most: u8| scan::within(block, least, most - least) & kept;
        let two = within(0xc2, 0xdf);
        let three = within(0xe1, 0xec) | within(0xee, 0xef);
        let four = within(0xf0, 0xf0);
        let (more, far) = (within(0x80, 0xbf), within(0x90, 0xbf));
        let lead = u64::from(two | three | four);
        self.due |= lead << 1 | u64::from(three | four) << 2 | u64::from(four) << 3;
        // Behind F0 only 90 and above make a character of four bytes; if that byte is in the next block, it is not seen.
        let overlong = u64::from(four) << 1 & !u64::from(far) != 0;
        let known = two | three | four | more;
        self.doubt |= self.due as u32 & kept != more || within(0x80, 0xff) != known || overlong;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Whether a text passes without doubt.
    fn passes(text: &[u8]) -> bool {
        let mut watch = Watch::default();
        let (blocks, rest) = text.as_chunks::<BLOCK>();
        blocks.iter().for_each(|block| watch.whole(block));
        let mut last = [b'"'; BLOCK];
        last[..rest.len()].copy_from_slice(rest);
        watch.last(&last, rest.len() as u32);
        !watch.doubts()
    }

    #[test]
    fn usual_texts_pass_at_every_place() {
        for place in 0..2 * BLOCK {
            for text in ["é", "ß", "Größe", "日本", "¿Qué?", "文", "Żółć"] {
                let text = format!("{}{text} und weiter", "a".repeat(place));
                assert!(passes(text.as_bytes()), "{text}");
            }
            let text = format!("{}🙂", "a".repeat(place));
            assert_eq!(passes(text.as_bytes()), place % BLOCK != BLOCK - 1, "{text}");
        }
    }

    #[test]
    fn every_four_bytes_of_note() {
        let notable = [
            0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed,
            0xee, 0xef, 0xf0, 0xf1, 0xf4, 0xf5, 0xff,
        ];
        for place in [0, BLOCK - 4, BLOCK - 3, BLOCK - 2, BLOCK - 1] {
            for number in 0..notable.len().pow(4) {
                let digit = |nth: u32| notable[number / notable.len().pow(nth) % notable.len()];
                let mut text = vec![b'a'; place];
                text.extend([digit(0), digit(1), digit(2), digit(3)]);
                assert!(!passes(&text) || std::str::from_utf8(&text).is_ok(), "{text:x?}");
            }
        }
    }

    proptest! {
        #[test]
        fn what_passes_is_utf8(text in "[a-zé-ü€-₿가-힣😀-😿\"]{0,80}", place in 0usize..320, byte: u8) {
            let mut text = text.into_bytes();
            if let Some(at) = text.get_mut(place) {
                *at = byte;
            }
            prop_assert!(!passes(&text) || std::str::from_utf8(&text).is_ok(), "{:x?}", text);
        }
    }
}
