//! Which language a text is in, for contacts of which neither event nor profile says it. The weights are those of the crate
//! `whichlang` 0.1.1 (Quickwit Inc., MIT: `language/LICENSE.whichlang`), which knows sixteen languages and always names one of
//! them; so what is too short to tell anything by is left out here.
//!
//! Chosen by cost and accuracy on short texts: of the 90 texts of the tests below, 2 to 31 letters each, it names 84
//! rightly, `whatlang` names 52; `lingua` takes longer still. What it costs grows with the
//! text, what it tells hardly does: of 720 pairs of sentences in five languages the first 64 bytes tell all, 48 tell 718,
//! 32 tell 704.
//!
//! A text is a sum of rows of the table, one for each of its features: runs of two, three and four ASCII characters, which
//! begin anew after each that is neither letter nor digit, and two for each other character. Here the weights are
//! whole numbers, 64 to a unit. So a sum does not depend on the order of its parts, and decode may remember the sums of
//! words; and no machine rounds another way.

/// As many bytes of a text are looked at.
pub const BYTES_MAX: usize = 64;
/// Letters of scripts that several languages share that a text must have at least.
pub const LETTERS_MIN: usize = 8;
/// The same for scripts of which a letter is a syllable or a word.
const IDEOGRAPHS_MIN: usize = 3;

/// Every language that may be detected: ISO 639-1, in the order of the weights.
pub const LANGUAGES: [&str; 16] =
    ["ar", "zh", "de", "en", "fr", "hi", "it", "ja", "ko", "nl", "pt", "ru", "es", "sv", "tr", "vi"];

/// Weights by feature, then by language: two bytes each, the lower first; 64 to a unit.
static WEIGHTS: &[u8; FEATURES * ROW_BYTES] = include_bytes!("language/weights.i16");
/// Rows of the table.
const FEATURES: usize = 1 << 12;
const ROW_BYTES: usize = 2 * LANGUAGES.len();
/// What each language has before anything is read, 1,024 to a unit.
const INTERCEPTS: [i32; LANGUAGES.len()] =
    [-2362, -2313, 536, 1821, 1079, -2738, 2591, -655, -1733, 2543, 1186, -2463, 904, 1818, 2043, -2257];

/// The language of a text; `None`: too short to tell.
pub fn detect(text: &str) -> Option<&'static str> {
    let text = beginning(text);
    let mut reader = Reader::default();
    text.chars().for_each(|character| reader.read(character));
    is_long_enough(text).then(|| LANGUAGES[reader.scores.best()])
}

/// The part of a text that is looked at: whole characters of its first bytes.
pub fn beginning(text: &str) -> &str {
    &text[..beginning_bytes(text.as_bytes())]
}

/// How long it is, of a text in UTF-8.
pub fn beginning_bytes(text: &[u8]) -> usize {
    let is_inner = |byte: &u8| byte & 0xc0 == 0x80;
    let mut end = text.len().min(BYTES_MAX);
    while text.get(end).is_some_and(is_inner) {
        end -= 1;
    }
    end
}

/// Looks no further than it must.
pub fn is_long_enough(text: &str) -> bool {
    let (mut letters, mut ideographs) = (0, 0);
    for character in text.chars() {
        if character.is_ascii() {
            letters += usize::from(character.is_ascii_alphabetic());
        } else if character >= '\u{2e80}' {
            ideographs += usize::from(character.is_alphabetic());
        } else {
            letters += usize::from(character.is_alphabetic());
        }
        if letters >= LETTERS_MIN || ideographs >= IDEOGRAPHS_MIN {
            return true;
        }
    }
    false
}

/// What speaks for each language.
#[derive(Copy, Clone, PartialEq, Eq, Default, Debug)]
pub struct Scores {
    /// Sum of the weights, by place in `LANGUAGES`; 64 to a unit.
    pub sums: [i32; LANGUAGES.len()],
    /// As many rows were added up.
    pub features: u32,
}

impl Scores {
    /// The language for which most speaks: its place in `LANGUAGES`.
    pub fn best(&self) -> usize {
        // sum / √n + intercept, times √n: in units of 1/1024, √n in sixteenths.
        let root = (u64::from(self.features) << 8).isqrt() as i64;
        let score = |place: &usize| i64::from(self.sums[*place]) * 256 + root * i64::from(INTERCEPTS[*place]);
        (0..LANGUAGES.len()).max_by_key(score).expect("there are languages")
    }

    #[inline(always)]
    fn add(&mut self, feature: u32, seed: u32) {
        let row = hash(feature, seed) as usize % FEATURES * ROW_BYTES;
        let row: &[u8; ROW_BYTES] = WEIGHTS[row..].first_chunk().expect("the table has whole rows");
        for (sum, weight) in self.sums.iter_mut().zip(row.as_chunks::<2>().0) {
            *sum += i32::from(i16::from_le_bytes(*weight));
        }
        self.features += 1;
    }
}

/// Reads a text character by character.
#[derive(Copy, Clone, Debug)]
pub struct Reader {
    /// What has been read.
    pub scores: Scores,
    /// The last four ASCII characters in lower case, the latest in the lowest byte; before a word, a blank.
    previous: u32,
    /// How many of them follow each other, at most 3; before a text, 1.
    run: u32,
}

impl Default for Reader {
    fn default() -> Reader {
        Reader::at_word(1)
    }
}

impl Reader {
    /// Before a word, with `run` ASCII characters (0 to 3, at most 3 are counted) before it.
    pub fn at_word(run: u32) -> Reader {
        Reader { scores: Scores::default(), previous: u32::from(b' '), run }
    }

    /// ASCII characters right before, at most 3.
    pub fn run(&self) -> u32 {
        self.run
    }

    /// One character more.
    #[inline]
    pub fn read(&mut self, character: char) {
        if !character.is_ascii() {
            return self.beyond_ascii(character);
        }
        let byte = (character as u8).to_ascii_lowercase();
        self.previous = self.previous << 8 | u32::from(byte);
        if self.run >= 1 {
            self.scores.add(self.previous & 0xffff, SEED);
        }
        if self.run >= 2 {
            self.scores.add(self.previous & 0xff_ffff, SEED);
        }
        if self.run >= 3 {
            self.scores.add(self.previous, SEED);
        }
        self.run = (self.run + 1).min(3);
        if !byte.is_ascii_alphanumeric() {
            self.previous = u32::from(b' ');
        }
    }

    fn beyond_ascii(&mut self, character: char) {
        let code = u32::from(character);
        self.scores.add(code / 128, SEED ^ 2);
        self.scores.add(CLASSES.partition_point(|first| *first < code) as u32, SEED ^ 4);
        self.run = 0;
    }
}

const SEED: u32 = 3_242_157_231;

/// MurmurHash2 of one word, as the weights were made with.
#[inline(always)]
fn hash(word: u32, seed: u32) -> u32 {
    const M: u32 = 0x5bd1_e995;
    let mut word = word.wrapping_mul(M);
    word ^= word >> 24;
    let mut hash = seed.wrapping_mul(M) ^ word.wrapping_mul(M);
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^ hash >> 15
}

/// Characters that tell languages apart; one between two of them counts as the higher.
const CLASSES: [u32; 52] = [
    160, 161, 171, 172, 173, 174, 187, 192, 196, 199, 200, 201, 202, 205, 214, 220, 223, 224, 225, 226, 227,
    228, 231, 232, 233, 234, 235, 236, 237, 238, 239, 242, 243, 244, 245, 246, 249, 250, 251, 252, 333, 339,
    0x3000, 0x303f, 0x3040, 0x309f, 0x30a0, 0x30ff, 0x4e00, 0x9faf, 0xff61, 0xff90,
];

#[cfg(test)]
mod tests;
