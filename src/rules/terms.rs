//! Terms: named Boolean searches over the text of a contact, a form for each language. What a form says is a tree of
//! words in the normal form that texts are brought into before they are searched: NFC, full case folding, words of
//! UAX 29. Whoever searches (decode with one pass for all forms, the model form by form) reads the tree by these
//! definitions and no other:
//!
//! * A **word** occurs where the text has this word; with `prefix` where a word begins so. Words of the text are
//!   numbered; an occurrence is the stretch of words that it fills.
//! * A **phrase** occurs where its words follow each other.
//! * **OR** and **NEAR** occur where their parts do, NEAR only where they are near. `a NEAR/n b` holds where an occurrence
//!   of `a` and one of `b` have no word in common and from the last word of the earlier to the first of the later it is at
//!   most n words, in either order; neighbours are at distance 1. So `a NEAR/2 b NEAR/5 c` asks for a `c` within five words of
//!   an `a` or a `b` that are within two of each other.
//! * What occurs holds; **AND** and **NOT** say whether, not where, so the parser refuses them beside NEAR.

mod parse;
#[cfg(test)]
mod tests;

pub use parse::{Fault, parse};

/// `[terms.<name>]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Term {
    /// As in conditions and in `[value]`.
    pub name: String,
    /// Ordered by language, `any` first.
    pub forms: Vec<TermForm>,
}

/// What a term means in a language.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TermForm {
    /// Lower case; `None`: `any`, which serves where the language has no form.
    pub lang: Option<String>,
    /// The search.
    pub search: Search,
}

/// A search; `And` and `Or` have two parts at least, a phrase two words at least.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Search {
    /// A word.
    Word(Word),
    /// Words that follow each other.
    Phrase(Vec<Word>),
    /// Both sides at most so many words apart.
    Near(u32, Box<Search>, Box<Search>),
    /// Not this.
    Not(Box<Search>),
    /// All of these.
    And(Vec<Search>),
    /// One of these.
    Or(Vec<Search>),
}

/// A word in normal form.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Word {
    /// NFC, case-folded; one word of UAX 29.
    pub text: String,
    /// Words that begin so (`word*`).
    pub prefix: bool,
}

impl Search {
    /// Every word, phrases taken apart.
    pub fn words(&self) -> Vec<&Word> {
        match self {
            Search::Word(word) => vec![word],
            Search::Phrase(words) => words.iter().collect(),
            Search::Not(part) => part.words(),
            Search::Near(_, left, right) => [left, right].into_iter().flat_map(|part| part.words()).collect(),
            Search::And(parts) | Search::Or(parts) => parts.iter().flat_map(Search::words).collect(),
        }
    }
}

impl Term {
    /// Whether it means different things by language.
    pub fn asks_for_language(&self) -> bool {
        self.forms.iter().any(|form| form.lang.is_some())
    }

    /// Whether it has a form in this language, or one for any.
    pub fn serves(&self, lang: &str) -> bool {
        self.forms.iter().any(|form| form.lang.as_deref().is_none_or(|own| own == lang))
    }
}
