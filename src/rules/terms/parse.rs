//! Text of a search → its tree. NOT binds closest, then NEAR, AND, OR; a bare word that UAX 29 splits is a phrase; `*`
//! ends a word, within phrases too.

use caseless::Caseless;
use unicode_normalization::UnicodeNormalization;
use unicode_segmentation::UnicodeSegmentation;

use super::{Search, Word};

/// Longest search in bytes.
const BYTES_MAX: usize = 16 * 1024;
/// Most words of a search.
const WORDS_MAX: usize = 1_024;
/// Most words of a phrase.
const PHRASE_WORDS_MAX: usize = 32;
/// Longest word in bytes, in normal form.
const WORD_BYTES_MAX: usize = 256;
/// Greatest distance of NEAR.
const DISTANCE_MAX: u32 = 1_000;
/// Deepest nesting of parentheses and NOT.
const DEPTH_MAX: usize = 32;

/// Why a text is no search.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    /// The byte of the search that is to blame: at most its length, and never within a character.
    pub at: usize,
    /// What is wrong there.
    pub what: String,
}

/// Reads a search.
///
/// # Errors
/// The first fault.
pub fn parse(text: &str) -> Result<Search, Fault> {
    if text.len() > BYTES_MAX {
        return fault(0, format!("it has {} bytes, {BYTES_MAX} are permitted", text.len()));
    }
    let tokens = Lexer { text, words: 0 }.tokens()?;
    let mut parser = Parser { tokens: &tokens, end: text.trim_end().len(), depth: 0 };
    let search = parser.either()?;
    match parser.tokens.first() {
        None => Ok(search),
        Some(Token { at, what: What::Close }) => fault(*at, "a parenthesis closes that never opened"),
        Some(Token { at, .. }) => fault(*at, "AND, OR or NEAR is missing before this"),
    }
}

fn fault<T>(at: usize, what: impl Into<String>) -> Result<T, Fault> {
    Err(Fault { at, what: what.into() })
}

#[derive(Clone, Debug)]
struct Token {
    /// Its first byte.
    at: usize,
    what: What,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum What {
    Open,
    Close,
    And,
    Or,
    Not,
    Near(u32),
    Words(Vec<Word>),
}

struct Lexer<'t> {
    text: &'t str,
    /// So far.
    words: usize,
}

impl Lexer<'_> {
    fn tokens(&mut self) -> Result<Vec<Token>, Fault> {
        let mut tokens = Vec::new();
        let mut at = 0;
        loop {
            let rest = &self.text[at..];
            at += rest.len() - rest.trim_start().len();
            let rest = &self.text[at..];
            let Some(first) = rest.chars().next() else { return Ok(tokens) };
            let (what, length) = match first {
                '(' => (What::Open, 1),
                ')' => (What::Close, 1),
                '"' => {
                    let Some(length) = rest[1..].find('"') else { return fault(at, "a quote never ends") };
                    (self.words(at + 1, &rest[1..1 + length])?, length + 2)
                }
                _ => {
                    let length =
                        rest.find(|c: char| c.is_whitespace() || "()\"".contains(c)).unwrap_or(rest.len());
                    (self.bare(at, &rest[..length])?, length)
                }
            };
            tokens.push(Token { at, what });
            at += length;
        }
    }

    /// An operator or a word without quotes.
    fn bare(&mut self, at: usize, text: &str) -> Result<What, Fault> {
        match text {
            "AND" => Ok(What::And),
            "OR" => Ok(What::Or),
            "NOT" => Ok(What::Not),
            "NEAR" => fault(at + text.len(), "NEAR lacks its distance, as in NEAR/3"),
            _ => match text.strip_prefix("NEAR/") {
                Some(distance) => {
                    let digits = !distance.is_empty() && distance.bytes().all(|byte| byte.is_ascii_digit());
                    match distance
                        .parse()
                        .ok()
                        .filter(|distance| digits && (1..=DISTANCE_MAX).contains(distance))
                    {
                        Some(distance) => Ok(What::Near(distance)),
                        None => fault(
                            at + 5,
                            format!("the distance of NEAR is a number from 1 to {DISTANCE_MAX}"),
                        ),
                    }
                }
                None => self.words(at, text),
            },
        }
    }

    /// The words of a phrase, or of what stands there without quotes. What a `*` follows is a word on its own.
    fn words(&mut self, start: usize, text: &str) -> Result<What, Fault> {
        let (mut words, mut at) = (Vec::new(), start);
        let mut pieces = text.split('*').peekable();
        while let Some(piece) = pieces.next() {
            let normal: String = piece.nfc().default_case_fold().collect();
            let before = words.len();
            words.extend(normal.unicode_words().map(|text| Word { text: text.to_owned(), prefix: false }));
            if let Some(word) = words[before..].iter().find(|word| word.text.len() > WORD_BYTES_MAX) {
                return fault(
                    at,
                    format!("a word of {} bytes, {WORD_BYTES_MAX} are permitted", word.text.len()),
                );
            }
            at += piece.len();
            if let Some(next) = pieces.peek() {
                let ended = words[before..].last_mut().filter(|word| normal.ends_with(word.text.as_str()));
                let Some(word) = ended else { return fault(at, "no word stands before this *") };
                if next.starts_with(char::is_alphanumeric) {
                    return fault(at, "this * does not end its word");
                }
                word.prefix = true;
                at += 1;
            }
        }
        self.words += words.len();
        if words.is_empty() {
            return fault(start, "there is no word here");
        } else if words.len() > PHRASE_WORDS_MAX {
            return fault(
                start,
                format!("a phrase of {} words, {PHRASE_WORDS_MAX} are permitted", words.len()),
            );
        } else if self.words > WORDS_MAX {
            return fault(start, format!("more than {WORDS_MAX} words"));
        }
        Ok(What::Words(words))
    }
}

struct Parser<'t> {
    tokens: &'t [Token],
    /// Where the search ends.
    end: usize,
    depth: usize,
}

impl Parser<'_> {
    fn either(&mut self) -> Result<Search, Fault> {
        let parts = self.chain(&What::Or, Self::both)?;
        Ok(several(parts, Search::Or))
    }

    fn both(&mut self) -> Result<Search, Fault> {
        let parts = self.chain(&What::And, Self::near)?;
        Ok(several(parts, Search::And))
    }

    fn chain(
        &mut self,
        by: &What,
        part: fn(&mut Self) -> Result<Search, Fault>,
    ) -> Result<Vec<Search>, Fault> {
        let mut parts = vec![part(self)?];
        while self.tokens.first().is_some_and(|token| token.what == *by) {
            self.tokens = &self.tokens[1..];
            parts.push(part(self)?);
        }
        Ok(parts)
    }

    fn near(&mut self) -> Result<Search, Fault> {
        let mut at = self.at();
        let mut search = self.operand()?;
        while let Some(Token { what: What::Near(distance), .. }) = self.tokens.first() {
            self.tokens = &self.tokens[1..];
            check_place(at, &search)?;
            at = self.at();
            let right = self.operand()?;
            check_place(at, &right)?;
            search = Search::Near(*distance, Box::new(search), Box::new(right));
        }
        Ok(search)
    }

    fn operand(&mut self) -> Result<Search, Fault> {
        let at = self.at();
        let Some((first, rest)) = self.tokens.split_first() else {
            return fault(at, "a word is missing at the end");
        };
        self.tokens = rest;
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return fault(at, format!("nested deeper than {DEPTH_MAX}"));
        }
        let search = match &first.what {
            What::Words(words) if words.len() == 1 => Search::Word(words[0].clone()),
            What::Words(words) => Search::Phrase(words.clone()),
            What::Not => Search::Not(Box::new(self.operand()?)),
            What::Open => {
                let search = self.either()?;
                match self.tokens.split_first() {
                    Some((Token { what: What::Close, .. }, rest)) => self.tokens = rest,
                    Some((other, _)) => return fault(other.at, "AND, OR or NEAR is missing before this"),
                    None => return fault(at, "this parenthesis never closes"),
                }
                search
            }
            _ => return fault(at, "a word is missing before this"),
        };
        self.depth -= 1;
        Ok(search)
    }

    /// Where the next token begins.
    fn at(&self) -> usize {
        self.tokens.first().map_or(self.end, |token| token.at)
    }
}

fn several(mut parts: Vec<Search>, of: fn(Vec<Search>) -> Search) -> Search {
    if parts.len() > 1 { of(parts) } else { parts.pop().expect("a chain has a first part") }
}

/// Only what occurs somewhere can be near something.
fn check_place(at: usize, search: &Search) -> Result<(), Fault> {
    match search {
        Search::Word(_) | Search::Phrase(_) | Search::Near(..) => Ok(()),
        Search::Or(parts) => parts.iter().try_for_each(|part| check_place(at, part)),
        Search::Not(_) => fault(at, "NOT has no place that NEAR could measure from: write NOT (a NEAR/3 b)"),
        Search::And(_) => {
            fault(at, "AND has no place that NEAR could measure from: write NEAR on both sides of AND")
        }
    }
}
