//! Searches of random rules, and what customers write under them: the words of the rules in several spellings, near
//! misses of them, sentences in several languages, and characters of every sort between them.

use super::dice::Dice;

/// Names of the terms of all random rules.
pub const TERMS: [&str; 3] = ["anger", "money", "rival"];

/// Words that searches are made of; each with spellings of it and with words that only look like it.
const WORDS: [(&str, &[&str]); 8] = [
    ("refund", &["refund", "REFUND", "Refund!", "refunds", "re-fund", "prerefund"]),
    ("complain*", &["complain", "COMPLAINTS", "complai", "com plain"]),
    ("\"money back\"", &["money back", "Money, BACK", "money is back", "money-back", "moneyback"]),
    ("straße", &["Straße", "STRASSE", "strasse", "stra\u{17f}se", "strase"]),
    ("İstanbul", &["İSTANBUL", "I\u{307}stanbul", "istanbul", "ıstanbul"]),
    ("返金", &["返金", "全額返金してください", "返 x 金", "金"]),
    ("café*", &["cafe\u{301}", "CAFÉS", "cafe"]),
    ("e-mail", &["E-mail", "e mail", "email", "e’mail"]),
];
const FILLERS: [&str; 14] = [
    "a",
    "the",
    "not",
    "x_1",
    "3.14",
    "👍🏽",
    "👩\u{200d}🚒",
    "…",
    "\u{301}",
    "ʼn",
    "ΣΊΣΥΦΟΣ",
    "한국어",
    "\u{200b}",
    "don't",
];
const SENTENCES: [&str; 6] = [
    "where is my order?",
    "¿dónde está mi pedido?",
    "wo ist meine Bestellung?",
    "où est ma commande ?",
    "注文はどこですか",
    "Siparişim nerede?",
];

/// The tables of the terms, each with a form or several.
pub fn terms(dice: &mut Dice) -> String {
    let mut text = String::new();
    for name in TERMS {
        text += &format!("[terms.{name}]\n");
        let langs = dice.pick(&["any", "any", "en", "any en", "any es", "en es de"]);
        for lang in langs.split(' ') {
            text += &format!("{lang} = '{}'\n", search(dice, 3));
        }
    }
    text
}

fn search(dice: &mut Dice, depth: usize) -> String {
    match if depth == 0 { 0 } else { dice.below(10) } {
        0..3 => dice.pick(&WORDS.map(|word| word.0)).to_owned(),
        3..5 => format!("({} OR {})", search(dice, depth - 1), search(dice, depth - 1)),
        5..6 => format!("({} AND {})", search(dice, depth - 1), search(dice, depth - 1)),
        6..7 => format!("({} AND NOT {})", search(dice, depth - 1), search(dice, depth - 1)),
        7..8 => format!("NOT {}", search(dice, depth - 1)),
        _ => near(dice, depth - 1),
    }
}

/// What may stand beside NEAR: words, phrases, one or another of them, NEAR.
fn near(dice: &mut Dice, depth: usize) -> String {
    let part = |dice: &mut Dice| match if depth == 0 { 0 } else { dice.below(3) } {
        0 => dice.pick(&WORDS.map(|word| word.0)).to_owned(),
        1 => {
            format!("({} OR {})", dice.pick(&WORDS.map(|word| word.0)), dice.pick(&["a", "the", "\"a the\""]))
        }
        _ => near(dice, depth - 1),
    };
    let (left, right) = (part(dice), part(dice));
    format!("({left} NEAR/{} {right})", dice.between(1, 4))
}

/// What a customer writes; a tenth of it is nothing.
pub fn text(dice: &mut Dice) -> String {
    let mut parts: Vec<&str> = Vec::new();
    if dice.percent(30) {
        parts.push(dice.pick(&SENTENCES));
    }
    for _ in 0..dice.below(8) {
        if dice.percent(50) {
            let spellings = WORDS[dice.below(WORDS.len())].1;
            parts.push(dice.pick(spellings));
        } else {
            parts.push(dice.pick(&FILLERS));
        }
    }
    parts.join(dice.pick(&[" ", " ", " ", ", ", "\n", "-"]))
}

/// Rules of automated replies, and in half of the cases what blocked customers are sent.
pub fn replies(dice: &mut Dice) -> String {
    let mut text = String::new();
    for _ in 0..[0, 1, 2, 3][dice.below(4)] {
        let term = dice.pick(&TERMS);
        let condition = match dice.below(8) {
            0..4 => format!("term = [\"{term}\"]"),
            4 => format!("term = [\"{term}\"], channel = [\"chat\"]"),
            5 => "lang = [\"es\"]".to_owned(),
            6 => "failed_attempts = { at_least = 2 }, public = true".to_owned(),
            _ => "intent = [\"cancel\"]".to_owned(),
        };
        let (template, then) = (dice.pick(&["sorry", "hello"]), dice.pick(&["close", "route", "route"]));
        let private = dice.percent(50);
        text += &format!(
            "[[replies]]\nwhen = {{ {condition} }}\ntemplate = \"{template}\"\nprivate = {private}\nthen = \"{then}\"\n"
        );
    }
    text
}
