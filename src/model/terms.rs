//! Boolean searches, word for word as `rules::terms` defines them: the whole text into normal form, the whole list of its
//! words, and for each part of a search every place where it occurs. Slow on purpose.

use std::collections::BTreeSet;

use caseless::Caseless;
use unicode_normalization::UnicodeNormalization;
use unicode_segmentation::UnicodeSegmentation;

use crate::rules::Rules;
use crate::rules::terms::{Search, Word};

/// The forms that hold of a text: places in `Rules::terms` and in the term's forms.
pub fn hits(text: &str, rules: &Rules) -> BTreeSet<(usize, usize)> {
    let words = words(text);
    let mut hits = BTreeSet::new();
    for (at, term) in rules.terms.iter().enumerate() {
        let forms = term.forms.iter().enumerate().filter(|(_, form)| holds(&form.search, &words));
        hits.extend(forms.map(|(form, _)| (at, form)));
    }
    hits
}

/// The terms that hold of a contact in this language, given what `hits` found in its text.
pub fn holding(hits: &BTreeSet<(usize, usize)>, lang: Option<&str>, rules: &Rules) -> BTreeSet<u16> {
    let holds = |at: &u16| {
        let forms = &rules.terms[usize::from(*at)].forms;
        let own = forms.iter().position(|form| form.lang.is_some() && form.lang.as_deref() == lang);
        let form = own.or_else(|| forms.iter().position(|form| form.lang.is_none()));
        form.is_some_and(|form| hits.contains(&(usize::from(*at), form)))
    };
    (0..rules.terms.len() as u16).filter(holds).collect()
}

/// The words of a text in normal form.
pub fn words(text: &str) -> Vec<String> {
    let normal: String = text.nfc().default_case_fold().collect();
    normal.unicode_words().map(str::to_owned).collect()
}

/// Whether a search holds.
pub fn holds(search: &Search, words: &[String]) -> bool {
    match search {
        Search::Not(part) => !holds(part, words),
        Search::And(parts) => parts.iter().all(|part| holds(part, words)),
        Search::Or(parts) => parts.iter().any(|part| holds(part, words)),
        Search::Word(_) | Search::Phrase(_) | Search::Near(..) => !occurrences(search, words).is_empty(),
    }
}

/// Where something occurs: first and last word of each place.
fn occurrences(search: &Search, words: &[String]) -> BTreeSet<(usize, usize)> {
    match search {
        Search::Word(word) => phrase(std::slice::from_ref(word), words),
        Search::Phrase(phrase) => self::phrase(phrase, words),
        Search::Or(parts) => parts.iter().flat_map(|part| occurrences(part, words)).collect(),
        Search::Near(distance, left, right) => {
            let (left, right) = (occurrences(left, words), occurrences(right, words));
            let mut found = BTreeSet::new();
            for a in &left {
                for b in &right {
                    let (earlier, later) = if a.0 < b.0 { (a, b) } else { (b, a) };
                    if earlier.1 < later.0 && later.0 - earlier.1 <= *distance as usize {
                        found.extend([*a, *b]);
                    }
                }
            }
            found
        }
        Search::Not(_) | Search::And(_) => unreachable!("the parser refuses what has no place beside NEAR"),
    }
}

fn phrase(phrase: &[Word], words: &[String]) -> BTreeSet<(usize, usize)> {
    let is = |word: &Word, text: &String| {
        if word.prefix { text.starts_with(&word.text) } else { *text == word.text }
    };
    let starts = (0..words.len()).filter(|start| {
        words.len() - start >= phrase.len()
            && phrase.iter().zip(&words[*start..]).all(|(word, text)| is(word, text))
    });
    starts.map(|start| (start, start + phrase.len() - 1)).collect()
}

#[cfg(test)]
mod tests;
