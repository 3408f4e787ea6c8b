//! The matcher against a naive one: random searches and texts over few words.

use proptest::prelude::{ProptestConfig, Strategy, prop, prop_assert_eq, proptest};

use super::{Scratch, Terms};
use crate::rules::terms::{Search, Word};
use crate::rules::{Rules, compile};

/// Rules with one term a search, for any language.
fn rules(searches: &[String]) -> Rules {
    let terms: String = searches
        .iter()
        .enumerate()
        .map(|(at, search)| format!("[terms.t{at:04}]\nany = '''{search}'''\n"))
        .collect();
    compile(&terms, "r.toml").expect("searches are sound")
}

fn hits(searches: &[String], texts: &[&str]) -> Vec<Vec<u32>> {
    let terms = Terms::new(&rules(searches)).expect("there are terms");
    let mut scratch = Scratch::default();
    let search = |text: &&str| {
        let mut out = Vec::new();
        terms.search(text.as_bytes(), &mut scratch, &mut out);
        out
    };
    texts.iter().map(search).collect()
}

/// The definitions, with a test for every place: does `search` occur with its first and last word there?
fn occurs(search: &Search, words: &[&str], first: usize, last: usize) -> bool {
    let is =
        |word: &Word, text: &str| if word.prefix { text.starts_with(&word.text) } else { word.text == text };
    let phrase = |phrase: &[Word]| {
        phrase.len() == last - first + 1
            && phrase.iter().zip(&words[first..=last]).all(|(word, text)| is(word, text))
    };
    match search {
        Search::Word(word) => phrase(std::slice::from_ref(word)),
        Search::Phrase(own) => phrase(own),
        Search::Or(parts) => parts.iter().any(|part| occurs(part, words, first, last)),
        Search::Near(distance, left, right) => {
            let near = |own: &Search, other: &Search| {
                occurs(own, words, first, last)
                    && all_places(words).any(|(a, b)| {
                        let gap = if a > last {
                            a - last
                        } else if b < first {
                            first - b
                        } else {
                            usize::MAX
                        };
                        gap <= *distance as usize && occurs(other, words, a, b)
                    })
            };
            near(left, right) || near(right, left)
        }
        Search::Not(_) | Search::And(_) => unreachable!("they occur nowhere"),
    }
}

fn all_places(words: &[&str]) -> impl Iterator<Item = (usize, usize)> {
    let count = words.len();
    (0..count).flat_map(move |a| (a..count).map(move |b| (a, b)))
}

fn holds(search: &Search, words: &[&str]) -> bool {
    match search {
        Search::Not(part) => !holds(part, words),
        Search::And(parts) => parts.iter().all(|part| holds(part, words)),
        Search::Or(parts) => parts.iter().any(|part| holds(part, words)),
        _ => all_places(words).any(|(a, b)| occurs(search, words, a, b)),
    }
}

/// What may stand beside NEAR.
fn placed() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "a",
        "b",
        "ab",
        "abc",
        "a*",
        "ab*",
        "b*",
        "\"a b\"",
        "\"b* a\"",
        "\"a b a\"",
        "b-ab",
    ]);
    word.prop_map(str::to_owned).prop_recursive(3, 8, 3, |part| {
        let near = (part.clone(), 1..5, part.clone());
        prop::strategy::Union::new_weighted(vec![
            (2, near.prop_map(|(a, n, b)| format!("({a}) NEAR/{n} ({b})")).boxed()),
            (1, (part.clone(), part).prop_map(|(a, b)| format!("({a} OR {b})")).boxed()),
        ])
    })
}

fn search() -> impl Strategy<Value = String> {
    placed().prop_recursive(3, 8, 3, |part| {
        let two = (part.clone(), prop::sample::select(vec!["AND", "OR", "AND NOT", "OR NOT"]), part.clone());
        prop::strategy::Union::new_weighted(vec![
            (3, two.prop_map(|(a, by, b)| format!("({a}) {by} ({b})")).boxed()),
            (1, part.prop_map(|a| format!("NOT ({a})")).boxed()),
        ])
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]
    #[test]
    fn equals_its_definition(
        searches in prop::collection::vec(search(), 1..12),
        texts in prop::collection::vec(prop::collection::vec(
            prop::sample::select(vec!["a", "b", "ab", "abc", "abcd", "ba", "c", "-", "_"]), 0..14), 1..4),
    ) {
        let rules = rules(&searches);
        let joined: Vec<String> = texts.iter().map(|words| words.join(" ")).collect();
        let texts_as: Vec<&str> = joined.iter().map(String::as_str).collect();
        for (words, hits) in texts.iter().zip(hits(&searches, &texts_as)) {
            let words: Vec<&str> = words.iter().copied().filter(|word| !matches!(*word, "-" | "_")).collect();
            let expected = (0..searches.len() as u32)
                .filter(|at| holds(&rules.terms[*at as usize].forms[0].search, &words));
            prop_assert_eq!(hits, expected.collect::<Vec<u32>>(), "{:?} in {:?}", &searches, words);
        }
    }
}

#[test]
fn a_long_text_is_bounded() {
    let near = |n: u32| format!("a* NEAR/{n} (\"b c\" OR \"c b a\" OR b) NEAR/{n} c*");
    let searches: Vec<String> = (1..200).map(near).chain(["NOT z".to_owned(), "z".to_owned()]).collect();
    let text = "a b c ".repeat(2_700);
    let found = hits(&searches, &[&text, "a x x x c", ""]);
    assert_eq!(found[0].len(), 200);
    assert_eq!(found[1], [199], "what has no word of a form is as if there were no text");
    assert_eq!(found[2], [199]);
}

#[test]
fn many_words_share_one_pass() {
    let searches: Vec<String> = (0..3_000).map(|at| format!("word{at} OR pre{at}fix*")).collect();
    let found = hits(&searches, &["say WORD17, then pre2999fixes; word3000 pre5fix"]);
    assert_eq!(found[0], [5, 17, 2_999]);
}
