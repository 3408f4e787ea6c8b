//! The table against the libraries.

use caseless::Caseless;
use proptest::prelude::{ProptestConfig, any, prop, prop_assert_eq, proptest};
use unicode_normalization::UnicodeNormalization;
use unicode_segmentation::UnicodeSegmentation;

use super::super::scan;
use super::{Class, Listener, RANGES, TABLE, plain, words};

/// Keeps what it is told.
#[derive(Default)]
struct Told {
    words: Vec<Vec<u8>>,
    again: u32,
}

impl Listener for Told {
    fn begin(&mut self) {
        self.words.push(Vec::new());
    }
    fn bytes(&mut self, bytes: &[u8]) {
        self.words.last_mut().expect("a word has begun").extend_from_slice(bytes);
    }
    fn end(&mut self, is_word: bool) {
        if !is_word {
            self.words.pop();
        }
    }
    fn again(&mut self) {
        self.words.clear();
        self.again += 1;
    }
}

fn told(text: &str) -> (Vec<String>, bool) {
    let mut told = Told::default();
    words(text.as_bytes(), &mut String::new(), &mut told);
    let words = told.words.into_iter().map(|word| String::from_utf8(word).expect("whole characters"));
    (words.collect(), told.again == 0)
}

fn expected(text: &str) -> Vec<String> {
    let normal: String = text.nfc().default_case_fold().collect();
    normal.unicode_words().map(str::to_owned).collect()
}

/// All characters of the table in all the neighbourhoods that rules of UAX 29 tell apart.
#[test]
fn every_character_of_the_table() {
    let mut special = 0;
    for (first, count, place) in RANGES {
        for code in 0..count {
            let Some(own) = char::from_u32(first + code) else { continue };
            special += usize::from(TABLE[place + code as usize].class == Class::Special);
            for before in ["", "a", "a'", "a.", "1", "1,", "1.", "_", " ", "é", "你", "か", "'", "🙂"] {
                for behind in ["", "a", "'a", ".a", "1", ",1", ".1", "_", " ", "ß", "你", "か", "'", "🙂"]
                {
                    let text = format!("{before}{own}{behind}");
                    assert_eq!(told(&text).0, expected(&text), "{text:?} (U+{:04X})", first + code);
                }
            }
        }
    }
    println!("{special} characters of the ranges are special");
    for text in [
        "Don't panic!",
        "Où est-ce ? Être l'été",
        "Straße 🙂",
        "Привет, мир",
        "ΣΊΣΥΦΟΣ",
        "返金してください。",
        "«¿Qué?» – “no” €5",
    ] {
        assert!(told(text).1, "{text} needs the libraries");
    }
    assert!(!plain("e\u{301}".as_bytes(), &TABLE, &mut Told::default()));
}

/// What is told of a block by bits is what the table says of its bytes.
#[test]
fn ascii_by_bits() {
    for byte in 0..0x80 {
        let found = scan::texture(&[byte; scan::WINDOW]);
        let told = [found.letters, found.parts, found.marks].map(|bits| bits == u64::MAX);
        let class = TABLE[usize::from(byte)].class;
        let is_part = matches!(class, Class::Letter | Class::Digit | Class::Joiner);
        let is_mark = matches!(class, Class::MidLetter | Class::MidDigit | Class::MidEither);
        assert_eq!(told, [class == Class::Letter, is_part, is_mark], "{byte:#x} {class:?}");
        assert!(is_part || is_mark || class == Class::Other, "{byte:#x} {class:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]
    #[test]
    fn any_text(
        parts in prop::collection::vec(prop::sample::select(vec![
            "a", "Z", "1", "0", "_", "'", ".", ",", ":", ";", "-", " ", "\n", "ß", "É", "e\u{301}", "\u{301}", "\u{ad}", "·", "’", "İ",
            "ŉ", "µ", "ǰ", "²", "½", "ª", "ж", "Σ", "你", "好", "か", "カ", "が", "か\u{3099}", "한", "ａ", "１", "\u{200d}", "👩\u{200d}🚒", "🇩🇪",
            "❤\u{fe0f}", "👍🏽", "\u{3000}", "。", "—", "…", "€", "א", "א'א", "م", "ไทย", "\u{2028}", "\r\n", "\u{202f}", "‿", "\u{2060}",
        ]), 0..20),
        tail in any::<String>(),
        before in 0..140_usize,
    ) {
        // Words that begin and end anywhere in a window.
        let filled = |word: &str, count: usize| [word.repeat(count).as_str(), &parts.concat()].concat();
        for text in [
            parts.concat(),
            parts.concat() + &tail,
            tail.clone(),
            filled("a", before),
            filled("ab ", before),
            filled("é", before),
            parts.join(" and then "),
        ] {
            prop_assert_eq!(told(&text).0, expected(&text), "{:?}", text);
        }
    }
}
