//! Decode, the normal forms, the terms and their parser under bytes that nobody would send: corpora of usual inputs, mutated by
//! seed. The pipeline must take what the model takes and read the same in it, and what it takes `serde_json` must take.
//!
//! Each test looks at some thousands of inputs; with `TRUNKLINE_FUZZ_SECONDS=60` it goes on with further seeds for so long,
//! from `TRUNKLINE_SEED` on, and says how many inputs it has looked at (`--nocapture`).

use std::time::Duration;

use serde_json::Value;
use trunkline::io::machine::Stopwatch;
use trunkline::model;
use trunkline::rules::terms::{Search, Term, TermForm, parse};
use trunkline::rules::{Rules, language};

use crate::events::{Generator, rules};
use crate::support::dice::Dice;

mod both;

use both::Both;

/// Inputs made from one valid event or one search: making that costs more than looking at one of them.
const MUTANTS: u64 = 24;

fn number(variable: &str) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// Seeds: so many at least, and further ones for as long as the environment says.
fn seeds(least: u64) -> impl Iterator<Item = u64> {
    let (from, seconds) = (number("TRUNKLINE_SEED"), number("TRUNKLINE_FUZZ_SECONDS"));
    let (watch, budget) = (Stopwatch::start(), Duration::from_secs(seconds));
    (from..).take_while(move |seed| seed - from < least || watch.elapsed() < budget)
}

fn say(test: &str, inputs: u64) {
    println!("fuzz: {test}: {inputs} inputs from seed {}", number("TRUNKLINE_SEED"));
}

/// The small rules, with terms and somebody who asks for languages.
fn rules_with_terms(searches: &[(Option<&str>, Search)]) -> Rules {
    let mut rules = rules();
    let form = |(lang, search): &(Option<&str>, Search)| TermForm {
        lang: lang.map(str::to_owned),
        search: search.clone(),
    };
    let term = |(at, search)| Term { name: format!("t{at:03}"), forms: vec![form(search)] };
    rules.terms = searches.iter().enumerate().map(term).collect();
    rules.value.term = vec![0; rules.terms.len()];
    rules.queues[0].match_lang = true;
    rules
}

const SEARCHES: [(Option<&str>, &str); 8] = [
    (None, "refund* OR \"money back\""),
    (Some("de"), "kündig* OR straße"),
    (Some("en"), "order NEAR/3 (late OR missing)"),
    (None, "NOT thanks"),
    (Some("fr"), "été AND NOT hiver"),
    (None, "返金 OR 退款"),
    (None, "don't OR o'neill OR 3.50 OR a_b"),
    (Some("tr"), "istanbul OR İstanbul"),
];

/// What a mutation puts in.
const TOKENS: [&[u8]; 30] = [
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"\"",
    b"\\",
    b"\\u0000",
    b"\\ud83d",
    b"\\ude42",
    b"null",
    b"true",
    b"0",
    b"-0",
    b"1e5",
    b"9007199254740993",
    b"0.5",
    b" ",
    b"\n",
    b"\n{",
    b"\t",
    b"\x00",
    b"\x7f",
    b"\xc3\xa9",
    b"\xff",
    b"\xed\xa0\x80",
    b"\xf0\x9f\x99\x82",
    b"\"text\":\"refund\",",
    b"e\xcc\x81",
];

fn mutate(bytes: &mut Vec<u8>, other: &[u8], dice: &mut Dice) {
    for _ in 0..=dice.below(4) {
        let at = dice.below(bytes.len() + 1);
        let end = (at + dice.below(12)).min(bytes.len());
        match dice.below(8) {
            0 if at < bytes.len() => bytes[at] ^= 1 << dice.below(8),
            1 => drop(bytes.drain(at..end)),
            2 => {
                let again = bytes[at..end].to_vec();
                drop(bytes.splice(at..at, again));
            }
            3 if dice.below(4) == 0 => bytes.truncate(at),
            4 => {
                let (from, to) = (dice.below(other.len() + 1), dice.below(other.len() + 1));
                drop(bytes.splice(at..end, other[from.min(to)..to].iter().copied()));
            }
            5 => drop(bytes.splice(at..end, TOKENS[dice.below(TOKENS.len())].iter().copied())),
            _ => drop(bytes.splice(at..at, TOKENS[dice.below(TOKENS.len())].iter().copied())),
        }
    }
}

/// An event to begin with: a valid one, or one with something wrong in a place where it means something.
fn event(seed: u64) -> Vec<u8> {
    let mut generator = Generator::new(seed);
    if seed.is_multiple_of(4) { generator.mutated() } else { generator.valid() }
}

#[test]
fn events() {
    let mut both = Both::with_searches();
    let (mut taken, mut asked) = (0, 0);
    let mut value = Vec::new();
    let mut next = event(number("TRUNKLINE_SEED"));
    for seed in seeds(400) {
        let mut dice = Dice::new(seed);
        let first = std::mem::replace(&mut next, event(seed + 1));
        value.clone_from(&first);
        for _ in 0..MUTANTS {
            taken += both.judge(&value, seed) as u64;
            asked += 1;
            // One in four goes on from the last one.
            if dice.below(4) > 0 {
                value.clone_from(&first);
            }
            mutate(&mut value, &next, &mut dice);
        }
    }
    say("events", asked);
    assert!(taken * 20 > asked && taken < asked, "{taken} of {asked} were taken");
}

/// Pieces of values that identify, and of others.
const PIECES: [&str; 48] = [
    "+49",
    "0049",
    "030",
    "1512345678",
    "+1",
    "202",
    "555",
    "0100",
    "(0)",
    "-",
    "/",
    ".",
    " ",
    "ext. 5",
    ";ext=5",
    "tel:",
    "x7",
    "٠١٢",
    "１２",
    "ada",
    "Ada",
    "@",
    "@@",
    "example.com",
    "Example.ORG",
    "gmail.com",
    "a.d.a",
    "+tag",
    "ß",
    "É",
    "e\u{301}",
    "İ",
    "ǆ",
    "Σς",
    "ﬃ",
    "\u{200b}",
    "\u{a0}",
    "\u{3000}",
    "null",
    "NONE",
    "-1",
    "0",
    "Straße",
    "strasse",
    "test@test.com",
    "\u{0}",
    "\t",
    "nobody@example.com",
];

fn joined(pieces: &[&str], most: usize, between: &[&str], dice: &mut Dice) -> String {
    let mut text = String::new();
    for _ in 0..dice.below(most) {
        text += pieces[dice.below(pieces.len())];
        text += between[dice.below(between.len())];
    }
    text
}

/// A contact with one member more.
fn contact(member: &str, value: &Value) -> String {
    format!(
        r#"{{"specversion":"1.0","id":"1","source":"/a","type":"trunkline.contact.received","data":{{"channel":"chat",{member}:{value}}}}}"#
    )
}

fn text_of(text: &str) -> String {
    contact(r#""from":{"cookie":"x"},"text""#, &text.into())
}

#[test]
fn normal_forms() {
    let mut both = Both::with_searches();
    let kinds: Vec<String> = both.rules.identity.kinds.iter().map(|kind| kind.name.clone()).collect();
    let (mut taken, mut asked) = (0, 0);
    for seed in seeds(8_000) {
        let mut dice = Dice::new(seed);
        let kind = &kinds[dice.below(kinds.len())];
        let value = joined(&PIECES, 7, &["", "", "", " "], &mut dice);
        let from = serde_json::json!({ kind.as_str(): value });
        taken += both.judge(contact("\"from\"", &from).as_bytes(), seed) as u64;
        asked += 1;
    }
    say("normal forms", asked);
    assert!(taken * 4 > asked && taken < asked, "{taken} of {asked} were taken");
}

/// Words of texts and searches, and what stands between them.
const WORDS: [&str; 32] = [
    "refund",
    "Refunds",
    "money",
    "back",
    "order",
    "late",
    "missing",
    "thanks",
    "été",
    "ÉTÉ",
    "e\u{301}te\u{301}",
    "hiver",
    "kündigen",
    "STRASSE",
    "straße",
    "返金",
    "退款して",
    "don't",
    "o'neill",
    "O’Neill",
    "3.50",
    "3,50",
    "a_b",
    "istanbul",
    "İstanbul",
    "ISTANBUL",
    "🙂",
    "한국어",
    "a\u{ad}b",
    "x",
    "donaudampfschifffahrtsgesellschaft",
    "I",
];
const BETWEEN: [&str; 16] =
    [" ", " ", " ", ", ", ". ", "", "'", "-", "\n", "\u{a0}", "…", "«", ":", "\r\n", "\u{301}", "\u{200d}"];

#[test]
fn texts() {
    let mut both = Both::with_searches();
    let (mut met, mut known, mut asked) = (0, 0, 0);
    for seed in seeds(6_000) {
        let mut dice = Dice::new(seed);
        let most = [4, 12, 40][dice.below(3)];
        let text = joined(&WORDS, most, &BETWEEN, &mut dice);
        assert_eq!(both.judge(text_of(&text).as_bytes(), seed), 1);
        met += u64::from(both.events.rows[0].hits.len);
        known += u64::from(language::detect(&text).is_some());
        asked += 1;
    }
    say("texts", asked);
    assert!(met > asked && known * 6 > asked, "{met} terms, {known} languages in {asked}");
}

const PARTS: [&str; 26] = [
    "(", ")", " AND ", " OR ", " NOT ", " NEAR/2 ", " NEAR/0 ", " NEAR/", " NEAR ", "\"", "\"", "*", "* ",
    " ", "and", "\\", "refund", "order", "late", "été", "don't", "a-b", "返金", "🙂", "x", "İ",
];

/// A search, or something that begins as one: if it is none, the fault says where, and the caret falls on a character.
fn search(dice: &mut Dice) -> Result<Search, ()> {
    let text = if dice.below(2) == 0 {
        joined(&PARTS, 12, &[""], dice)
    } else {
        let of = |dice: &mut Dice| SEARCHES[dice.below(SEARCHES.len())].1.as_bytes();
        let (mut bytes, other) = (of(dice).to_vec(), of(dice));
        mutate(&mut bytes, other, dice);
        String::from_utf8_lossy(&bytes).into_owned()
    };
    parse(&text).map_err(|fault| {
        assert!(text.is_char_boundary(fault.at), "{} in {text:?}", fault.at);
        assert!(!fault.what.is_empty(), "{text:?}");
    })
}

/// Each seed parses 240 searches, and looks for the first twelve that are sound in eight texts.
#[test]
fn searches() {
    let (mut sound, mut refused, mut looked) = (0, 0, 0);
    for seed in seeds(200) {
        let mut dice = Dice::new(seed);
        let mut searches = Vec::new();
        for _ in 0..10 * MUTANTS {
            match search(&mut dice) {
                Ok(search) => {
                    sound += 1;
                    if searches.len() < 12 {
                        searches.push((None, search));
                    }
                }
                Err(()) => refused += 1,
            }
        }
        let mut both = Both::new(rules_with_terms(&searches));
        for _ in 0..8 {
            let text = joined(&WORDS, 14, &BETWEEN, &mut dice);
            assert_eq!(both.judge(text_of(&text).as_bytes(), seed), 1);
            let words = model::terms::words(&text);
            let expected: Vec<u32> = (0..searches.len() as u32)
                .filter(|at| model::terms::holds(&searches[*at as usize].1, &words))
                .collect();
            assert_eq!(both.events.hits, expected, "seed {seed}: {text:?}");
            looked += 1;
        }
    }
    say("searches", sound + refused);
    say("texts searched", looked);
    assert!(sound > 10_000 && refused > 10_000, "{sound} searches, {refused} faults");
}
