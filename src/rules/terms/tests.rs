//! The grammar of searches: what is taken, what is refused and where.

use proptest::prelude::{ProptestConfig, any, prop, prop_assert, proptest};

use super::{Fault, Search, parse};

/// The tree in a notation of its own: words as they are, phrases in brackets, operators before their parts.
fn shown(search: &Search) -> String {
    let word = |word: &super::Word| format!("{}{}", word.text, if word.prefix { "*" } else { "" });
    let all = |parts: &[Search]| parts.iter().map(shown).collect::<Vec<_>>().join(" ");
    match search {
        Search::Word(own) => word(own),
        Search::Phrase(words) => format!("[{}]", words.iter().map(word).collect::<Vec<_>>().join(" ")),
        Search::Near(distance, left, right) => format!("(near{distance} {} {})", shown(left), shown(right)),
        Search::Not(part) => format!("(not {})", shown(part)),
        Search::And(parts) => format!("(and {})", all(parts)),
        Search::Or(parts) => format!("(or {})", all(parts)),
    }
}

#[test]
fn what_searches_mean() {
    for (text, tree) in [
        ("refund", "refund"),
        ("  ReFund ", "refund"),
        ("a OR b AND c", "(or a (and b c))"),
        ("a AND b OR c AND d", "(or (and a b) (and c d))"),
        ("NOT a AND b", "(and (not a) b)"),
        ("NOT NOT a", "(not (not a))"),
        ("NOT (a OR b)", "(not (or a b))"),
        ("a NEAR/3 b AND c", "(and (near3 a b) c)"),
        ("a NEAR/3 b NEAR/4 c", "(near4 (near3 a b) c)"),
        ("a NEAR/1000 (b OR \"c d\")", "(near1000 a (or b [c d]))"),
        (
            "(refund OR \"money back\" OR complain*) AND NOT (thanks NEAR/3 refund)",
            "(and (or refund [money back] complain*) (not (near3 thanks refund)))",
        ),
        ("reembolso OR queja* OR \"devolver el dinero\"", "(or reembolso queja* [devolver el dinero])"),
        ("and or not near", "!"),
        ("and", "and"),
        ("\"AND\"", "and"),
        ("\"NEAR/3\"", "[near 3]"),
        ("(a)", "a"),
        ("a(b)", "!"),
        ("(a)OR(b)", "(or a b)"),
        ("\"a\"OR\"b\"", "(or a b)"),
        ("e-mail", "[e mail]"),
        ("e-mail*", "[e mail*]"),
        ("don't", "don't"),
        ("3.14", "3.14"),
        ("\"mon* back*\"", "[mon* back*]"),
        ("a*-b", "[a* b]"),
        ("STRASSE OR straße", "(or strasse strasse)"),
        ("e\u{301}te\u{301}", "été"),
        ("İstanbul OR ISPARTA OR ılık", "(or i\u{307}stanbul isparta ılık)"),
        ("返金", "[返 金]"),
        ("ﬁn*", "fin*"),
        ("ΣΊΣΥΦΟΣ", "σίσυφοσ"),
    ] {
        match parse(text) {
            Ok(search) => assert_eq!(shown(&search), tree, "{text}"),
            Err(fault) => assert_eq!("!", tree, "{text}: {fault:?}"),
        }
    }
}

#[test]
fn what_is_refused_and_where() {
    let nested = |depth: usize| format!("{}a{}", "(".repeat(depth), ")".repeat(depth));
    assert!(parse(&nested(31)).is_ok());
    let words = |count: usize| vec!["a"; count].join(" OR ");
    assert!(parse(&words(1_024)).is_ok());
    for (text, at, what) in [
        ("", 0, "a word is missing at the end"),
        ("  ", 0, "a word is missing at the end"),
        ("AND", 0, "a word is missing before this"),
        ("a b", 2, "AND, OR or NEAR is missing before this"),
        ("a NOT b", 2, "AND, OR or NEAR is missing before this"),
        ("(a b", 3, "AND, OR or NEAR is missing before this"),
        ("x AND (a", 6, "this parenthesis never closes"),
        ("a) OR b", 1, "a parenthesis closes that never opened"),
        ("a OR \"b", 5, "a quote never ends"),
        ("a OR ", 4, "a word is missing at the end"),
        ("a OR OR b", 5, "a word is missing before this"),
        ("NEAR/3 a", 0, "a word is missing before this"),
        ("a NEAR b", 6, "NEAR lacks its distance, as in NEAR/3"),
        ("a NEAR/0 b", 7, "the distance of NEAR is a number from 1 to 1000"),
        ("a NEAR/x b", 7, "the distance of NEAR is a number from 1 to 1000"),
        ("a NEAR/+3 b", 7, "the distance of NEAR is a number from 1 to 1000"),
        ("a NEAR/1001 b", 7, "the distance of NEAR is a number from 1 to 1000"),
        ("a AND *", 6, "no word stands before this *"),
        ("a* *", 3, "no word stands before this *"),
        ("\"a *\"", 3, "no word stands before this *"),
        ("a**", 2, "no word stands before this *"),
        ("a*b", 1, "this * does not end its word"),
        ("été*é", 5, "this * does not end its word"),
        ("a AND \"\"", 7, "there is no word here"),
        ("a AND !?", 6, "there is no word here"),
        ("()", 1, "a word is missing before this"),
        ("NOT a NEAR/3 b", 0, "NOT has no place that NEAR could measure from: write NOT (a NEAR/3 b)"),
        (
            "b NEAR/3 (a AND c)",
            9,
            "AND has no place that NEAR could measure from: write NEAR on both sides of AND",
        ),
        ("b NEAR/3 (a OR NOT c)", 9, "NOT has no place that NEAR could measure from: write NOT (a NEAR/3 b)"),
        (&nested(32), 32, "nested deeper than 32"),
        (&"(".repeat(10_000), 32, "nested deeper than 32"),
        (&words(1_025), 5_120, "more than 1024 words"),
        (&format!("\"{}\"", "a ".repeat(33)), 1, "a phrase of 33 words, 32 are permitted"),
        (&format!("b AND {}", "a".repeat(257)), 6, "a word of 257 bytes, 256 are permitted"),
        (&"a".repeat(16_385), 0, "it has 16385 bytes, 16384 are permitted"),
    ] {
        let told = parse(text);
        assert_eq!(told, Err(Fault { at, what: what.to_owned() }), "{text:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    /// Whatever stands there: a search, or a fault at a character of it.
    #[test]
    fn any_text(
        parts in prop::collection::vec(prop::sample::select(vec![
            "a", "b*", "ß", "İ", "返金", "NOT", "NOT ", " AND ", " OR ", "NEAR/2", " NEAR/3 ", "NEAR/", "(", ")", "\"", "*", " ",
            "\t", "\n", "e\u{301}", "\u{301}", "\u{200d}", "👩\u{200d}🚒", "’", "-", "'", "/", "\0", "NEAR",
        ]), 0..24),
        tail in any::<String>(),
        bytes in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        for text in [parts.concat(), parts.concat() + &tail, String::from_utf8_lossy(&bytes).into_owned()] {
            match parse(&text) {
                Ok(search) => {
                    prop_assert!(!search.words().is_empty());
                    prop_assert!(search.words().iter().all(|word| word.text.contains(char::is_alphanumeric)));
                }
                Err(Fault { at, what }) => {
                    prop_assert!(at <= text.len() && text.is_char_boundary(at), "{:?}: {} at {}", text, what, at);
                }
            }
        }
    }
}
