//! The language of a text, as `rules::language` tells it. A text is taken apart into pieces whose sums of weights do not depend
//! on what stands around them: a run of ASCII letters and digits with the byte that ends it, or one other character.
//! What a piece adds up to is remembered, since words come again and again.
//!
//! Cost: some 45 instructions a piece that is remembered; some 60 a character where it is not.

use super::scan::{self, BLOCK};
use crate::rules::language::{self, BYTES_MAX, LANGUAGES, LETTERS_MIN, Reader, Scores};

/// Pieces that are remembered: a line of the cache each, two of them where their bytes tell.
const PIECES: usize = 2_048;
/// Longest piece that is remembered, in bytes: a word with room for a byte that tells length and place.
const PIECE_BYTES: usize = 15;
/// Bytes of the text, and behind them as many as one look at a piece may take.
const BUFFER: usize = BYTES_MAX + 16;

/// Detects languages, and remembers pieces of texts.
pub struct Detector {
    pieces: Vec<Piece>,
}

/// What a piece adds up to.
#[derive(Copy, Clone)]
#[repr(align(64))]
struct Piece {
    /// Its bytes, in lower case, and in the highest byte what `key` says; 0: none is remembered here.
    key: u128,
    sums: [i16; LANGUAGES.len()],
    features: u16,
}

const _: () = assert!(size_of::<Piece>() == 64);

impl Detector {
    /// A detector that remembers nothing yet.
    pub fn new() -> Detector {
        Detector { pieces: vec![Piece { key: 0, sums: [0; LANGUAGES.len()], features: 0 }; PIECES] }
    }

    /// The place in `LANGUAGES` of the language of a text in UTF-8 of at most `BYTES_MAX` bytes; `None`: too short to tell.
    pub fn detect(&mut self, text: &[u8]) -> Option<usize> {
        let mut lower = [0; BUFFER];
        lower[..text.len()].copy_from_slice(text);
        lower[..BYTES_MAX].make_ascii_lowercase();
        let mask = |look: fn(&[u8; BLOCK]) -> u32| {
            let blocks = lower[..BYTES_MAX].as_chunks::<BLOCK>().0;
            u64::from(look(&blocks[0])) | u64::from(look(&blocks[1])) << BLOCK
        };
        let letters = mask(|block| scan::within(block, b'a', 25));
        if (letters.count_ones() as usize) < LETTERS_MIN && !language::is_long_enough(in_utf8(text)) {
            return None;
        }
        let word = letters | mask(|block| scan::within(block, b'0', 9));
        let high = mask(|block| scan::look(block).high);
        let (mut total, mut at, mut run) = (Scores::default(), 0, 1);
        while at < text.len() {
            let length;
            if high >> at & 1 == 1 {
                length = (!(u32::from(lower[at]) << 24)).leading_zeros() as usize;
                run = 0;
            } else {
                let end = (at + (!word >> at).trailing_zeros() as usize).min(text.len());
                length = end - at + usize::from(end < text.len() && high >> end & 1 == 0);
            }
            let piece = &text[at..at + length];
            let bytes =
                u128::from_le_bytes(*lower[at..].first_chunk().expect("the buffer is longer than the text"));
            self.add(piece, bytes, run, &mut total);
            if high >> at & 1 == 0 {
                run = (run + length as u32).min(3);
            }
            at += length;
        }
        Some(total.best())
    }

    /// Adds what a piece adds up to that has `run` ASCII characters before it; `bytes` begins with it.
    #[inline(always)]
    fn add(&mut self, piece: &[u8], bytes: u128, run: u32, total: &mut Scores) {
        if piece.len() > PIECE_BYTES {
            return add_anew(piece, run, total);
        }
        let kept = u128::MAX >> (128 - 8 * piece.len());
        let key = bytes & kept | u128::from(0x80 | run << 4 | piece.len() as u32) << 120;
        let mixed = (key as u64 ^ (key >> 64) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 53;
        let first = (mixed as usize % PIECES) & !1;
        let place = first + usize::from(self.pieces[first].key != key);
        let mut found = &self.pieces[place];
        if found.key != key {
            // What came longer ago makes room.
            self.pieces[first + 1] = self.pieces[first];
            if !self.pieces[first].remember(key, piece, run) {
                return add_anew(piece, run, total);
            }
            found = &self.pieces[first];
        }
        for (sum, own) in total.sums.iter_mut().zip(&found.sums) {
            *sum += i32::from(*own);
        }
        total.features += u32::from(found.features);
    }
}

impl Piece {
    /// False: it adds up to more than can be remembered.
    #[inline(never)]
    fn remember(&mut self, key: u128, piece: &[u8], run: u32) -> bool {
        let mut scores = Scores::default();
        add_anew(piece, run, &mut scores);
        let fits = scores.sums.iter().all(|sum| i16::try_from(*sum).is_ok());
        if fits {
            (self.key, self.features) = (key, scores.features as u16);
            for (own, sum) in self.sums.iter_mut().zip(&scores.sums) {
                *own = *sum as i16;
            }
        }
        fits
    }
}

#[inline(never)]
fn add_anew(piece: &[u8], run: u32, total: &mut Scores) {
    let mut reader = Reader::at_word(run);
    in_utf8(piece).chars().for_each(|character| reader.read(character));
    for (sum, own) in total.sums.iter_mut().zip(&reader.scores.sums) {
        *sum += own;
    }
    total.features += reader.scores.features;
}

fn in_utf8(text: &[u8]) -> &str {
    std::str::from_utf8(text).expect("whole characters: it was looked at when it was read")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{ProptestConfig, any, prop, prop_assert_eq, proptest};

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        /// With what other texts have left behind, too.
        #[test]
        fn equals_the_rules_own(
            texts in prop::collection::vec(prop::collection::vec(prop::sample::select(vec![
                "I", "want", "a", "Refund", "refund", "Où", "est", "ma", "ÉTÉ", "été", "où", "l'été", "¿", "?", " ", ", ", "\n", "12", "_", "\0",
                "Straße", "Привет", "返金", "して", "한국", "🙂", "e\u{301}", "Donaudampfschifffahrtsgesellschaft", "\u{7f}", "é",
            ]), 0..24), 1..6),
            tail in any::<String>(),
        ) {
            let mut detector = Detector::new();
            for text in texts.iter().flat_map(|parts| [parts.concat(), parts.join(" "), parts.concat() + &tail]) {
                let found = detector.detect(language::beginning(&text).as_bytes());
                prop_assert_eq!(found.map(|place| LANGUAGES[place]), language::detect(&text), "{:?}", text);
            }
        }
    }
}
