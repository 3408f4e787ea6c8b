//! Names that the rules declare, found by their bytes: one multiplication, one slot, one comparison of 16 bytes in
//! the common case. Built once from the rules; names that hash alike take the next free slot.

/// Bytes of a name that are compared as one word.
pub const WORD: usize = 16;
const EMPTY: u16 = u16::MAX;

/// A fixed set of names, each with its place in the list that it was built from.
pub struct Names {
    slots: Vec<u16>,
    names: Vec<Name>,
    shift: u32,
}

struct Name {
    /// The first 16 bytes.
    word: u128,
    /// The last 16 bytes, if there are more: up to 32 bytes both words are the name.
    tail: u128,
    text: Box<[u8]>,
}

impl Name {
    fn new(text: &[u8]) -> Name {
        Name { word: first_word(text), tail: last_word(text), text: text.into() }
    }

    /// Whether this is the name, whose first word is the same.
    #[inline(always)]
    fn ends_as(&self, text: &[u8]) -> bool {
        self.text.len() == text.len()
            && (text.len() <= WORD
                || self.tail == last_word(text) && (text.len() <= 2 * WORD || *self.text == *text))
    }
}

impl Names {
    /// The set of these names; at most 2^15 of them.
    pub fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Names {
        let names: Vec<Name> = names.into_iter().map(|text| Name::new(text.as_bytes())).collect();
        assert!(names.len() <= 1 << 15, "the rules bound their names");
        let bits = (names.len() * 4).next_power_of_two().trailing_zeros().max(2);
        let mut set = Names { slots: vec![EMPTY; 1 << bits], names, shift: 64 - bits };
        // An empty name is the place of one that is gone.
        for place in (0..set.names.len()).filter(|place| !set.names[*place].text.is_empty()) {
            let mut slot = set.slot(set.names[place].word, set.names[place].text.len());
            while set.slots[slot] != EMPTY {
                slot = (slot + 1) % set.slots.len();
            }
            set.slots[slot] = place as u16;
        }
        set
    }

    /// The place of a name.
    #[inline]
    pub fn find(&self, text: &[u8]) -> Option<u16> {
        self.find_word(first_word(text), text)
    }

    /// The place of a name whose `first_word` is known.
    #[inline]
    pub fn find_word(&self, word: u128, text: &[u8]) -> Option<u16> {
        let mut slot = self.slot(word, text.len());
        loop {
            let place = self.slots[slot];
            let name = self.names.get(usize::from(place))?;
            if name.word == word && name.ends_as(text) {
                return Some(place);
            }
            slot = (slot + 1) & (self.slots.len() - 1);
        }
    }

    #[inline]
    fn slot(&self, word: u128, length: usize) -> usize {
        let mixed = (word as u64 ^ ((word >> 64) as u64).rotate_left(29)).wrapping_add(length as u64);
        (mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> self.shift) as usize
    }
}

/// `first_word` of a text of `length` bytes that begins this block.
#[inline(always)]
pub fn word_within(block: &[u8; WORD], length: usize) -> u128 {
    u128::from_le_bytes(*block) & KEPT[length.min(WORD)]
}

/// By length: the bits of a word that belong to a text.
static KEPT: [u128; WORD + 1] = {
    let mut kept = [u128::MAX; WORD + 1];
    let mut length = 0;
    while length < WORD {
        kept[length] = (1 << (8 * length)) - 1;
        length += 1;
    }
    kept
};

/// The last 16 bytes of a text, 0 if there are fewer.
#[inline(always)]
fn last_word(text: &[u8]) -> u128 {
    text.last_chunk::<WORD>().map_or(0, |block| u128::from_le_bytes(*block))
}

/// The first 16 bytes as a little-endian word, filled up with 0.
#[inline]
pub fn first_word(text: &[u8]) -> u128 {
    if let Some(block) = text.first_chunk::<WORD>() {
        return u128::from_le_bytes(*block);
    }
    if let (Some(head), Some(tail)) = (text.first_chunk::<8>(), text.last_chunk::<8>()) {
        let tail = u128::from(u64::from_le_bytes(*tail)) << (8 * (text.len() - 8));
        return u128::from(u64::from_le_bytes(*head)) | tail;
    }
    if let (Some(head), Some(tail)) = (text.first_chunk::<4>(), text.last_chunk::<4>()) {
        let tail = u64::from(u32::from_le_bytes(*tail)) << (8 * (text.len() - 4));
        return u128::from(u64::from(u32::from_le_bytes(*head)) | tail);
    }
    text.iter().rev().fold(0, |word, byte| word << 8 | u128::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_is_there_and_nothing_else() {
        let texts: Vec<String> = (0..600).map(|n| format!("{}{n}", "queue-name-".repeat(n % 4))).collect();
        let names = Names::new(texts.iter().map(String::as_str));
        for (place, text) in texts.iter().enumerate() {
            assert_eq!(names.find(text.as_bytes()), Some(place as u16), "{text}");
            assert_eq!(names.find(format!("{text}x").as_bytes()), None);
            assert_eq!(names.find(&text.as_bytes()[1..]).map(|at| &texts[at as usize][..]), {
                texts.iter().map(String::as_str).find(|other| *other == &text[1..])
            });
        }
        assert_eq!(Names::new([]).find(b"voice"), None);
        assert_eq!(Names::new(["a"]).find(b"a\0"), None, "a trailing zero byte is not padding");
    }

    #[test]
    fn words_are_the_bytes_in_order() {
        let text = b"abcdefghijklmnopqrstuvwxyz";
        for length in 0..text.len() {
            let mut bytes = [0; WORD];
            let kept = length.min(WORD);
            bytes[..kept].copy_from_slice(&text[..kept]);
            assert_eq!(first_word(&text[..length]), u128::from_le_bytes(bytes), "{length} bytes");
            assert_eq!(word_within(text.first_chunk().unwrap(), length), u128::from_le_bytes(bytes));
        }
    }
}
