//! The words of a text in normal form (NFC, full case folding, words of UAX 29), one pass from its bytes.
//!
//! The libraries that know Unicode take some hundred instructions a character. So characters that hardly need them are
//! put into a table, by asking the libraries: what they fold to, and how they stand to their neighbours. Then the rules
//! of UAX 29 are few: letters, digits and `_` join; one mark joins two letters (`'`) or two digits (`,`) between which
//! it stands. That covers ASCII, Latin, Greek and Cyrillic letters, punctuation, kana syllables, ideographs (a word each)
//! and plain pictures. Words of ASCII letters are found by bits, 64 bytes at once. A text with any other character (combining marks, joiners, flags, other scripts) goes through the
//! libraries as a whole, so that the result is theirs in every case; tests hold one against the other.

use std::sync::LazyLock;

use caseless::Caseless;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};
use unicode_segmentation::UnicodeSegmentation;

use super::scan::{self, Texture, WINDOW};

/// Is given the words of a text, byte by byte.
pub trait Listener {
    /// A word begins.
    fn begin(&mut self);
    /// It goes on with these bytes.
    fn bytes(&mut self, bytes: &[u8]);
    /// It goes on with the letters that `text` begins with, folded: how many they are.
    fn letters(&mut self, text: &[u8]) -> usize {
        let letters =
            text.iter().map_while(|byte| Some(LETTERS[usize::from(*byte)]).filter(|folded| *folded != 0));
        letters.map(|folded| self.bytes(&[folded])).count()
    }
    /// A word of ASCII letters begins so, not folded; the second is 0 or another byte if it has but one. `false`: nobody asks
    /// what it is, and it has been counted.
    fn cares(&mut self, _first: u8, _second: u8) -> bool {
        true
    }
    /// A whole word of ASCII letters, not folded: as many as `length` from `start` on.
    fn letters_only(&mut self, text: &[u8], start: usize, length: usize) {
        self.begin();
        self.letters(&text[start..start + length]);
        self.end(true);
    }
    /// It ends; `false`: what began is no word after all, for it has neither letter nor digit.
    fn end(&mut self, is_word: bool);
    /// All that was told is void: the text is read anew.
    fn again(&mut self);
}

/// By byte: what a letter of ASCII folds to; 0: it is none.
pub static LETTERS: [u8; 256] = {
    let mut letters = [0; 256];
    let mut byte = 0;
    while byte < 128 {
        if (byte as u8).is_ascii_alphabetic() {
            letters[byte] = (byte as u8).to_ascii_lowercase();
        }
        byte += 1;
    }
    letters
};

/// Tells the words of a text in UTF-8. `normal` is used again and again.
pub fn words(text: &[u8], normal: &mut String, listener: &mut impl Listener) {
    if !plain(text, &TABLE, listener) {
        listener.again();
        normal.clear();
        let text = std::str::from_utf8(text).expect("the text is UTF-8");
        normal.extend(text.nfc().default_case_fold());
        for word in normal.unicode_words() {
            listener.begin();
            listener.bytes(word.as_bytes());
            listener.end(true);
        }
    }
}

/// How a character stands to its neighbours.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
#[repr(u8)]
enum Class {
    /// The table does not know it.
    Special,
    /// Joins nothing and is no word.
    Other,
    /// Joins nothing and is a word.
    Alone,
    Letter,
    Digit,
    /// `_`: joins letters, digits and itself.
    Joiner,
    /// Between two letters it joins them.
    MidLetter,
    /// Between two digits it joins them.
    MidDigit,
    /// Either.
    MidEither,
}

/// Most bytes to which a character of the table folds.
const FOLDED_MAX: usize = 5;

/// A character of the table.
#[derive(Copy, Clone, Debug)]
#[repr(align(8))]
struct Entry {
    class: Class,
    /// Whether it makes a word of what it is part of; and bytes that it folds to.
    is_word: bool,
    length: u8,
    folded: [u8; FOLDED_MAX],
}

const _: () = assert!(size_of::<Entry>() == 8);

impl Entry {
    const SPECIAL: Entry =
        Entry { class: Class::Special, is_word: false, length: 0, folded: [0; FOLDED_MAX] };

    #[inline(always)]
    fn folded(&self) -> &[u8] {
        &self.folded[..usize::from(self.length)]
    }
}

/// Characters that are looked up: first code, number, place of the first in the table.
const RANGES: [(u32, u32, usize); 6] = [
    (0, 0x530, 0),
    (0x2000, 0x100, 0x530),
    (0x3000, 0x100, 0x630),
    (0xff00, 0xf0, 0x730),
    (0x1f300, 0x350, 0x820),
    (0x1f680, 0x380, 0xb70),
];
const ENTRIES: usize = 0xef0;
/// Ideographs, a word each: no normal form changes them.
const IDEOGRAPHS: std::ops::RangeInclusive<u32> = 0x4e00..=0x9fff;

type Table = [Entry; ENTRIES];

static TABLE: LazyLock<Box<Table>> = LazyLock::new(|| {
    let mut table = Box::new([Entry::SPECIAL; ENTRIES]);
    for (first, count, place) in RANGES {
        for code in 0..count {
            let character = char::from_u32(first + code);
            table[place + code as usize] = character.map_or(Entry::SPECIAL, entry);
        }
    }
    table
});

/// Asks the libraries about a character.
fn entry(character: char) -> Entry {
    let folded: String = std::iter::once(character).default_case_fold().collect();
    let stable = is_nfc_quick(std::iter::once(character)) == IsNormalized::Yes
        && unicode_normalization::char::canonical_combining_class(character) == 0;
    if !stable || folded.len() > FOLDED_MAX {
        return Entry::SPECIAL;
    }
    let joined = |parts: [&str; 3]| parts.concat().split_word_bounds().count() == 1;
    let own = folded.as_str();
    let (behind, before) = (joined(["a", own, ""]), joined(["", own, "a"]));
    let is_word = folded.contains(char::is_alphanumeric);
    let class = if behind && before {
        if joined([own, "·", own]) {
            Class::Letter
        } else if joined([own, ",", own]) {
            Class::Digit
        } else if joined(["_", own, "_"]) && !is_word {
            Class::Joiner
        } else {
            Class::Special
        }
    } else if behind || before || joined(["", own, "1"]) || joined(["1", own, ""]) {
        Class::Special
    } else {
        match (joined(["a", own, "a"]), joined(["1", own, "1"])) {
            (true, true) => Class::MidEither,
            (true, false) => Class::MidLetter,
            (false, true) => Class::MidDigit,
            (false, false) if is_word && joined([own, own, ""]) => Class::Special,
            (false, false) if is_word => Class::Alone,
            (false, false) => Class::Other,
        }
    };
    let mut bytes = [0; FOLDED_MAX];
    bytes[..folded.len()].copy_from_slice(folded.as_bytes());
    Entry { class, is_word, length: folded.len() as u8, folded: bytes }
}

/// The character at `at` of a text, which is UTF-8, and the place behind it.
#[inline(always)]
fn at(text: &[u8], table: &Table, at: usize) -> Option<(Entry, usize)> {
    let byte = *text.get(at)?;
    if byte < 0x80 { Some((table[usize::from(byte)], at + 1)) } else { Some(beyond_ascii(text, table, at)) }
}

#[inline(never)]
fn beyond_ascii(text: &[u8], table: &Table, at: usize) -> (Entry, usize) {
    let low = |place: usize| u32::from(text[at + place] & 0x3f);
    let first = u32::from(text[at]);
    let (code, length) = match first {
        ..=0xdf => ((first & 0x1f) << 6 | low(1), 2),
        0xe0..=0xef => ((first & 0xf) << 12 | low(1) << 6 | low(2), 3),
        _ => ((first & 7) << 18 | low(1) << 12 | low(2) << 6 | low(3), 4),
    };
    for (first, count, place) in RANGES {
        if code.wrapping_sub(first) < count {
            return (table[place + (code - first) as usize], at + length);
        }
    }
    if IDEOGRAPHS.contains(&code) {
        let mut entry = Entry { class: Class::Alone, is_word: true, length: 3, folded: [0; FOLDED_MAX] };
        entry.folded[..3].copy_from_slice(&text[at..at + 3]);
        return (entry, at + length);
    }
    (Entry::SPECIAL, at + length)
}

/// Tells the words of a text all of whose characters are in the table; `false`: they are not.
///
/// It is looked at by windows. What of ASCII is neither part of a word nor a mark is a gap, over which nothing joins, and so
/// is a mark that has no part on either side. What stands between two gaps is mostly a word of ASCII letters, and then it is
/// known without a look at its bytes; anything else is walked along.
fn plain(text: &[u8], table: &Table, listener: &mut impl Listener) -> bool {
    let mut rest = text;
    while !rest.is_empty() {
        let mut copy = [0; WINDOW];
        let window = match rest.first_chunk() {
            Some(window) => window,
            None => {
                copy[..rest.len()].copy_from_slice(rest);
                &copy
            }
        };
        let Texture { letters, parts, marks } = scan::texture(window);
        let Some(last_gap) = (!(parts | marks)).checked_ilog2() else {
            let end = rest.iter().position(|byte| is_gap(*byte, table)).unwrap_or(rest.len());
            if !stretch(&rest[..end], table, listener) {
                return false;
            }
            rest = &rest[end..];
            continue;
        };
        let joined = (parts | marks & parts << 1 & parts >> 1) & ((1 << last_gap) - 1);
        if !stretches(window, joined, joined & !letters, table, listener) {
            return false;
        }
        rest = rest.get(last_gap as usize + 1..).unwrap_or_default();
    }
    true
}

/// Tells the words of stretches without gap, whose bytes are the bits of `joined`; those of `odd` are no letters of ASCII.
#[inline(always)]
fn stretches(
    window: &[u8; WINDOW],
    joined: u64,
    odd: u64,
    table: &Table,
    listener: &mut impl Listener,
) -> bool {
    let mut starts = joined & !(joined << 1);
    while starts != 0 {
        let start = starts.trailing_zeros() as usize;
        starts &= starts - 1;
        // Mostly nothing is odd, and then the end is not even sought.
        let length = || (!(joined >> start)).trailing_zeros() as usize;
        if odd == 0 || odd >> start & ((1 << length()) - 1) == 0 {
            if listener.cares(window[start], window[(start + 1) % WINDOW]) {
                listener.letters_only(window, start, length());
            }
        } else if !stretch(&window[start..start + length()], table, listener) {
            return false;
        }
    }
    true
}

/// Whether a byte joins nothing, whatever stands around it.
fn is_gap(byte: u8, table: &Table) -> bool {
    byte < 0x80 && table[usize::from(byte)].class == Class::Other
}

/// Tells the words of a part of a text that no word and no mark reaches out of; `false`: a character is not in the table.
fn stretch(text: &[u8], table: &Table, listener: &mut impl Listener) -> bool {
    let mut place = 0;
    while let Some((entry, next)) = at(text, table, place) {
        match entry.class {
            Class::Other | Class::MidLetter | Class::MidDigit | Class::MidEither => place = next,
            Class::Special => return false,
            Class::Alone => {
                listener.begin();
                listener.bytes(entry.folded());
                listener.end(true);
                place = next;
            }
            Class::Letter | Class::Digit | Class::Joiner => {
                let rest = &text[place..];
                if rest.iter().all(|byte| LETTERS[usize::from(*byte)] != 0) {
                    if listener.cares(rest[0], rest.get(1).copied().unwrap_or(0)) {
                        listener.letters_only(text, place, rest.len());
                    }
                    return true;
                }
                listener.begin();
                match word(text, table, entry, next, listener) {
                    Some((next, is_word)) => {
                        listener.end(is_word);
                        place = next;
                    }
                    None => return false,
                }
            }
        }
    }
    true
}

/// A word that begins with `entry` and goes on at `place`: where it ends, and whether it is one. `None`: a character that
/// the table does not know.
#[inline(always)]
fn word(
    text: &[u8],
    table: &Table,
    mut entry: Entry,
    mut place: usize,
    listener: &mut impl Listener,
) -> Option<(usize, bool)> {
    let mut is_word = false;
    loop {
        is_word |= entry.is_word;
        listener.bytes(entry.folded());
        let mut last = entry.class;
        // Most of a text is such runs.
        let letters = listener.letters(&text[place..]);
        if letters > 0 {
            (is_word, last) = (true, Class::Letter);
            place += letters;
        }
        let next;
        (entry, next) = match at(text, table, place) {
            Some(found) => found,
            None => return Some((place, is_word)),
        };
        let joins = match entry.class {
            Class::Letter | Class::Digit | Class::Joiner => {
                place = next;
                continue;
            }
            Class::Special => return None,
            Class::Other | Class::Alone => return Some((place, is_word)),
            Class::MidLetter => Class::Letter,
            Class::MidDigit => Class::Digit,
            Class::MidEither => last,
        };
        // What is joined must stand on both sides of the mark.
        let Some((behind, after)) = at(text, table, next) else { return Some((place, is_word)) };
        match behind.class {
            Class::Special => return None,
            class if class == joins && class == last && class != Class::Joiner => {
                listener.bytes(entry.folded());
                (entry, place) = (behind, after);
            }
            _ => return Some((place, is_word)),
        }
    }
}

#[cfg(test)]
mod tests;
