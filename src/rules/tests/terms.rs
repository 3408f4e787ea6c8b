//! Terms, replies, and what is doubted of rules that are sound.

use super::faults::{BASE, told};
use super::{check, sound};

#[test]
fn terms() {
    const USE: &str = "use AND OR NOT ( ) \"a phrase\" word* NEAR/3";
    told("[terms.t]", &["1:8: terms.t has no form; write one for a language, as en = \"refund\", or `any`"]);
    told(
        "[terms.t]\nEN = 'a'\nen = 'b'\nany = 1",
        &[
            "3:6: terms.t.en is a second form of this language; languages are compared in lower case: write one form",
            "4:7: terms.t.any is an integer; write a string in quotes",
        ],
    );
    told(
        "[terms.t]\nen = '(refund OR \"money back) AND'",
        &[&format!(
            "2:18: terms.t.en is no search: a quote never ends; {USE}\n    (refund OR \"money back) AND\n               ^"
        )],
    );
    // With escapes the place within the file cannot be told; the excerpt still can.
    told(
        "[terms.t]\nen = \"\\\"été\\\" b\"",
        &[&format!(
            "2:6: terms.t.en is no search: AND, OR or NEAR is missing before this; {USE}\n    \"été\" b\n          ^"
        )],
    );
    told(
        "[terms.t]\nen = '''\nrefund OR\n\tété OR a*b\n'''",
        &[&format!(
            "4:10: terms.t.en is no search: this * does not end its word; {USE}\n    \tété OR a*b\n    \t        ^"
        )],
    );
    let words = vec!["w"; 1_024].join(" OR ");
    let many: String = (0..65).map(|at| format!("[terms.t{at:02}]\nany = '{words}'\n")).collect();
    told(
        &many,
        &[
            "129:8: terms: more than 65536 words in all searches together; use `word*` for words that begin alike, or remove some",
        ],
    );
}

#[test]
fn replies() {
    told(
        "[[replies]]\nwhen = { channel = [], nose = 1 }\nthen = \"go\"",
        &[
            "1:1: replies[0] lacks `template`; name the template to send",
            "2:20: replies[0].when.channel is empty, so the condition never holds; name at least one, or remove the key",
            "2:24: unknown key `replies[0].when.nose`; remove it; known here: channel, term, lang, intent, tier, public, reach, sentiment, failed_attempts, open, hour_of_week",
            "3:8: replies[0].then is \"go\"; write one of \"close\", \"route\"",
        ],
    );
    told(
        "[conversation]\nblocked = {}",
        &["2:1: conversation.blocked lacks `template`; name the template to send"],
    );
    let rules = sound(
        "[conversation]\nblocked = { template = \"t\" }\n[[replies]]\nwhen = { intent = [\"a\"], tier = [\"b\"] }\n\
         template = \"s\"\nprivate = true\nthen = \"close\"\n[[replies]]\ntemplate = \"t\"\nthen = \"route\"\n",
    );
    assert_eq!(
        (&rules.templates[..], &rules.intents[..]),
        (&["s".to_owned(), "t".to_owned()][..], &["a".to_owned()][..])
    );
    let kept = |reply: &crate::rules::Reply| {
        (rules.template(reply.template).to_owned(), reply.private, reply.closes)
    };
    assert_eq!(
        rules.replies.iter().map(kept).collect::<Vec<_>>(),
        [("s".to_owned(), true, true), ("t".to_owned(), false, false)]
    );
    assert_eq!(rules.conversation.blocked.map(|template| rules.template(template)), Some("t"));
}

/// Rules with these routes before the last, and these terms: what is doubted.
fn doubted(text: &str, expected: &[&str]) {
    let text = format!(
        "{BASE}[channels.a]\n[channels.b]\n[calendars.never]\n[calendars.always]\nopen = \"always\"\n{text}"
    );
    let text = text.replacen("[[routes]]\nqueue = \"q\"\n", "", 1) + "[[routes]]\nqueue = \"q\"\n";
    let checked = check(&text, "r.toml");
    assert!(checked.complaints.is_empty(), "{:?}", checked.complaints);
    let told: Vec<String> = checked.warnings.iter().map(|warning| warning.what.clone()).collect();
    assert_eq!(told, expected, "in:\n{text}");
}

fn routes_doubted(conditions: &[&str], expected: &[&str]) {
    let route = |when: &&str| format!("[[routes]]\nwhen = {{ {when} }}\nqueue = \"q\"\n");
    doubted(&conditions.iter().map(route).collect::<String>(), expected);
}

#[test]
fn what_is_never_reached() {
    let second = ["routes[1] is never reached: routes[0] holds whenever it does"];
    for (first, then) in [
        ("channel = [\"a\"]", "channel = [\"a\"], intent = [\"x\"]"),
        ("intent = [\"x\", \"y\"]", "intent = [\"y\"], public = true"),
        ("lang = [\"EN\", \"es\"]", "lang = [\"en\"]"),
        ("public = true", "public = true, tier = [\"gold\"]"),
        ("reach = { at_least = 5 }", "reach = { at_least = 5, at_most = 9 }"),
        ("open = { calendar = \"always\" }", "open = { calendar = \"always\" }, sentiment = { at_most = 3 }"),
        ("hour_of_week = { at_least = 9, at_most = 12 }", "hour_of_week = [10, 12]"),
        (
            "failed_attempts = { at_least = 1 }, channel = [\"b\"]",
            "failed_attempts = { at_least = 2 }, channel = [\"b\"]",
        ),
    ] {
        routes_doubted(&[first, then], &second);
        routes_doubted(&[then, first], &[]);
    }
    for (first, then) in [
        ("channel = [\"a\"]", "channel = [\"b\"]"),
        ("reach = { at_least = 5 }", "reach = { at_least = 4, at_most = 9 }"),
        ("reach = { at_least = 5 }", "sentiment = { at_least = 5 }"),
        ("public = true", "public = false"),
        ("sentiment = { at_least = -100 }", "channel = [\"a\"]"),
        ("lang = [\"en\"]", "lang = [\"en\", \"es\"]"),
    ] {
        routes_doubted(&[first, then], &[]);
    }
    let none = "routes[1] is never reached: a route above it has no condition";
    for first in
        ["channel = [\"b\", \"a\"]", "failed_attempts = { at_least = 0 }", "hour_of_week = { at_least = 0 }"]
    {
        let last = none.replace("[1]", "[2]");
        routes_doubted(&[first, "channel = [\"a\"]"], &[none, last.as_str()]);
    }
    doubted(
        "[[replies]]\nwhen = { channel = [\"a\"] }\ntemplate = \"t\"\nthen = \"route\"\n\
         [[replies]]\nwhen = { channel = [\"a\"], public = true }\ntemplate = \"t\"\nthen = \"route\"\n",
        &["replies[1] is never reached: replies[0] holds whenever it does"],
    );
}

#[test]
fn what_never_holds() {
    routes_doubted(
        &[
            "open = { calendar = \"never\" }",
            "failed_attempts = { at_least = 9 }",
            "failed_attempts = { at_least = 8 }",
        ],
        &[
            "routes[0] never holds: the calendar `never` is never open",
            "routes[1] never holds: only 8 attempts are kept",
        ],
    );
    let terms = "[terms.t]\nen = 'a'\n[terms.u]\nany = 'b'\nfr = 'c'\n[terms.v]\nany = 'd'\n[value]\nterm = { t = 1 }\n";
    let route = |when: &str| format!("{terms}[[routes]]\nwhen = {{ {when} }}\nqueue = \"q\"\n");
    doubted(
        &route("lang = [\"es\"], term = [\"t\"]"),
        &[
            "nothing asks for the term `u`",
            "nothing asks for the term `v`",
            "routes[0] never holds: none of its terms has a form in one of its languages",
        ],
    );
    doubted(&route("lang = [\"es\"], term = [\"t\", \"u\"]"), &["nothing asks for the term `v`"]);
    doubted(
        &route("lang = [\"es\", \"EN\"], term = [\"t\"]"),
        &["nothing asks for the term `u`", "nothing asks for the term `v`"],
    );
}
