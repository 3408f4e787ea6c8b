//! Terms and languages: which form counts, and what conditions and value make of it.

use super::PLAIN;
use crate::support::story::tell;

/// `t` by language, `x` for any, `n` a negation, each worth its own points.
const TERMS: &str = r#"
[terms.t]
en = '(refund OR "money back" OR complain*) AND NOT (thanks NEAR/3 refund)'
es = 'reembolso OR queja*'
[terms.x]
any = 'globex'
[terms.n]
any = 'NOT (a OR b)'
[value]
term = { t = 100, x = 10, n = 1 }
[conversation]
continuity = "0s"
"#;

fn rules(text: &str) -> String {
    format!("{text}\n{PLAIN}")
}

#[test]
fn every_term_that_holds_adds_its_points() {
    tell(
        &rules(TERMS),
        "
    +0s   contact chat id:1 lang=en text=I~want~my~MONEY,~back!
          -> opened c1 value=101
    +1s   contact chat id:1 lang=en text=a~complaint~about~Globex
          -> opened c2 value=110
    +2s   contact chat id:1 lang=en text=thanks~for~the~refund
          -> opened c3 value=1
    +3s   contact chat id:1 lang=en text=thanks,~a~b~c~refund
          -> opened c4 value=100
    +4s   contact chat id:1 lang=en text=b
          -> opened c5 value=0
    ",
    );
}

#[test]
fn a_contact_without_text_meets_no_term() {
    tell(
        &rules(TERMS),
        "
    +0s   contact chat id:1 lang=en
          -> opened c1 value=0
    +1s   contact chat id:1 lang=en text=
          -> opened c2 value=1               # an empty one has neither a nor b
    +2s   callback chat id:1 due=+1h
          -> opened c3 value=0
    ",
    );
}

#[test]
fn the_event_s_language_chooses_the_form_then_the_profile_s_then_what_is_detected() {
    tell(
        &rules(TERMS),
        "
    +0s   contact chat id:1 lang=es text=refund~a
          -> opened c1 value=0
    +1s   contact chat id:1 lang=ES text=reembolso~a
          -> opened c2 value=100
    +2s   customer id:1 lang=es
    +3s   contact chat id:1 text=Quejas.~I~want~a~refund~of~the~whole~amount~please
          -> opened c3 value=100
    +4s   contact chat id:1 lang=en text=quejas~a
          -> opened c4 value=0
    +5s   contact chat id:2 text=I~have~got~a~complaint~and~want~a~refund
          -> opened c5 value=100
    +6s   contact chat id:2 text=Quiero~un~reembolso~a~mi~tarjeta
          -> opened c6 value=100
    +7s   contact chat id:2 text=a~refund~!       # too short to tell a language by, so no form serves
          -> opened c7 value=0
    ",
    );
}

#[test]
fn any_serves_where_the_language_has_no_form() {
    let terms = "
[terms.t]
any = 'one'
en = 'two'
[terms.u]
en = 'one'
[value]
term = { t = 1, u = 10 }
[conversation]
continuity = \"0s\"
";
    tell(
        &rules(terms),
        "
    +0s   contact chat id:1 lang=fr text=one
          -> opened c1 value=1
    +1s   contact chat id:1 lang=en text=one
          -> opened c2 value=10
    +2s   contact chat id:1 lang=en text=two
          -> opened c3 value=1
    +3s   contact chat id:1 lang=fr text=two
          -> opened c4 value=0
    +4s   contact chat id:1 lang=en-us text=two    # a language of its own
          -> opened c5 value=0
    +5s   contact chat id:1 text=one               # unknown
          -> opened c6 value=1
    ",
    );
}

#[test]
fn points_of_terms_stay_with_the_latest_contact() {
    let terms = "
[terms.t]
any = 'refund'
[value]
term = { t = 100 }
tier = { gold = 7 }
[divisions.other]
[queues.elsewhere]
division = \"other\"
";
    tell(
        &rules(terms),
        "
    +0s   contact chat id:1 text=refund
          -> opened c1 value=100
    +1s   agent ann capacity.chat=1
    +2s   state ann available
          -> offered c1 ann value=100
    +3s   state ann away
          -> withdrawn c1 ann agent_left
    +4s   customer id:1 tier=gold
    +5s   updated c1 value=5
    +40s  state ann available
          -> offered c1 ann value=112
    +41s  state ann away
          -> withdrawn c1 ann agent_left
    +42s  contact chat id:1 text=hello
    +80s  state ann available
          -> offered c1 ann value=7
    +81s  state ann away
          -> withdrawn c1 ann agent_left
    +82s  contact chat id:1 text=REFUND
    +83s  transferred elsewhere c1
          -> closed c1 moved
          -> opened c2 value=107
    ",
    );
}

#[test]
fn a_route_may_ask_for_one_of_several_terms_and_for_more() {
    let terms = "
[terms.angry]
en = 'angry OR furious'
[terms.legal]
any = 'lawyer*'
[queues.law]
division = \"main\"
[conversation]
continuity = \"0s\"
[[routes]]
when = { term = [\"angry\", \"legal\"], channel = [\"mail\"] }
queue = \"law\"
";
    tell(
        &rules(terms),
        "
    +0s   contact mail id:1 lang=en text=I~am~FURIOUS
          -> opened c1 queue=law
    +1s   contact mail id:1 lang=de text=angry~LAWYERS
          -> opened c2 queue=law
    +2s   contact mail id:1 lang=de text=angry
          -> opened c3 queue=desk
    +3s   contact chat id:1 lang=en text=angry~lawyer
          -> opened c4 queue=desk
    +4s   contact mail id:1 lang=en text=calm
          -> opened c5 queue=desk
    ",
    );
}

#[test]
fn the_detected_language_is_the_contact_s_known_language() {
    let queues = "
[queues.spanish]
division = \"main\"
match_lang = true
[conversation]
continuity = \"0s\"
[[routes]]
when = { lang = [\"es\"] }
queue = \"spanish\"
";
    tell(
        &rules(queues),
        "
    +0s   agent ann capacity.chat=5 langs=[en]
    +0s   state ann available
    +1s   contact chat id:1 text=¿Hola?~¿Hay~alguien~ahí?
          -> opened c1 queue=spanish
    +2s   contact chat id:1 text=Hello?~Is~anybody~there?
          -> opened c2 queue=desk
          -> offered c2 ann
    +3s   agent bob capacity.chat=5 langs=[es]
    +3s   state bob available
          -> offered c1 bob
    +4s   customer id:1 lang=en
    +5s   contact chat id:1 text=¿Hola?~¿Hay~alguien~ahí?
          -> opened c3 queue=desk
          -> offered c3 ann
    ",
    );
}

#[test]
fn words_are_those_of_uax_29_after_full_case_folding() {
    let terms = "
[terms.t]
any = 'straße OR İstanbul* OR \"返金\" OR e-mail OR \"ΣΊΣΥΦΟΣ*\" OR don\\'t'
[value]
term = { t = 1 }
[conversation]
continuity = \"0s\"
"
    .replace("OR don\\'t", "OR \"café au\"");
    tell(
        &rules(&terms),
        "
    +0s   contact chat id:1 text=in~der~STRASSE!
          -> opened c1 value=1
    +1s   contact chat id:1 text=İSTANBUL'da
          -> opened c2 value=1
    +2s   contact chat id:1 text=istanbul
          -> opened c3 value=0
    +3s   contact chat id:1 text=全額返金してください
          -> opened c4 value=1
    +4s   contact chat id:1 text=my~e~mail
          -> opened c5 value=1
    +5s   contact chat id:1 text=email
          -> opened c6 value=0
    +6s   contact chat id:1 text=Σίσυφος
          -> opened c7 value=1
    +7s   contact chat id:1 text=un~cafe\u{301}~au~lait
          -> opened c8 value=1
    +8s   contact chat id:1 text=straßen
          -> opened c9 value=0
    ",
    );
}

#[test]
fn what_binds_closer_and_what_is_near() {
    let terms = "
[terms.bound]
any = 'a OR b AND c'
[terms.near]
any = 'x NEAR/2 y'
[terms.phrase]
any = '\"k l m*\"'
[terms.start]
any = 'pre*'
[terms.without]
any = 'p AND NOT (q NEAR/1 r)'
[value]
term = { bound = 1, near = 10, phrase = 100, start = 1000, without = 10000 }
[conversation]
continuity = \"0s\"
";
    let worth = [
        ("a", 1),
        ("b", 0),
        ("c~b", 1),
        ("x~y", 10),
        ("y~o~x", 10), // either order
        ("x~o~o~y", 0),
        ("k~l~mother", 100),
        ("k~o~l~m", 0),
        ("PRE", 1_000),
        ("prefixes", 1_000),
        ("impre", 0),
        ("p~q~o~r", 10_000),
        ("r~q~p", 0),
    ];
    let contact = |(at, (text, value)): (usize, &(&str, i64))| {
        let number = at + 1;
        format!("+{number}s contact chat id:1 text={text}\n-> opened c{number} value={value}\n")
    };
    let story: String = worth.iter().enumerate().map(contact).collect();
    tell(&rules(terms), &story);
}
