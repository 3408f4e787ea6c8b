//! Automated replies and what blocked customers are sent.

use super::{PLAIN, desk, with_ann};
use crate::support::story::tell;

const RULES: &str = r#"
[terms.competitor]
any = 'globex'
[terms.complaint]
any = 'refund'
[[replies]]
when = { channel = ["chat"], term = ["competitor"], reach = { at_most = 500 } }
template = "we-do-it-too"
then = "close"
[[replies]]
when = { term = ["complaint"] }
template = "let-us-talk"
private = true
then = "route"
"#;

fn rules(more: &str) -> String {
    format!("{RULES}\n{more}\n{PLAIN}")
}

#[test]
fn the_first_rule_that_holds_is_the_one_that_is_sent() {
    tell(
        &rules("[conversation]\ncontinuity = \"0s\""),
        "
    +0s   contact chat id:1 reach=500 text=globex~gave~me~a~refund
          -> opened c1
          -> closed c1 automated
          -> automated c1 template=we-do-it-too private=false channel=chat queue_position=- expected_wait_s=-
    +1s   contact chat id:1 reach=501 text=globex~gave~me~a~refund
          -> opened c2
          -> automated c2 template=let-us-talk private=true channel=chat
    +2s   contact mail id:1 reach=500 text=globex
          -> opened c3
    +3s   contact chat id:1 text=globex              # no reach is no small reach
          -> opened c4
    ",
    );
}

#[test]
fn what_a_reply_closed_is_over_and_counts_as_no_failure() {
    tell(
        &rules(""),
        &with_ann(
            "
    +1s   contact chat id:1 reach=5 text=globex
          -> opened c1
          -> closed c1 automated contacts=1 offers=0 wait_ms=- first_response_ms=-
          -> automated c1
    +2s   contact chat id:1 text=hello             # within continuity, but nothing is open
          -> opened c2
          -> offered c2 ann context.attempts.0.outcome=automated context.attempts.0.at=+1s context.failed_attempts=0
    +3s   replied ann c1
    ",
        ),
    );
}

#[test]
fn a_reply_closes_only_what_its_contact_opened() {
    tell(
        &rules(""),
        &with_ann(
            "
    +1s   contact chat id:1 text=hello
          -> opened c1
          -> offered c1 ann
    +2s   contact chat id:1 reach=5 text=globex
          -> automated c1 template=we-do-it-too
    +3s   accepted ann c1
    +4s   contact chat id:1 text=hello
    ",
        )
        .replace("accepted ann", "accepts ann"),
    );
}

#[test]
fn of_replies_and_acknowledgements_a_conversation_gets_the_first_only() {
    let rules = format!("{RULES}\n{}", desk("acknowledge = { template = \"in-line\" }"));
    tell(
        &rules,
        "
    +0s   contact chat id:1 text=refund
          -> opened c1
          -> automated c1 template=let-us-talk
    +1s   contact chat id:1 text=hello
    +2s   contact chat id:1 text=refund
    +3s   contact chat id:2 text=hello
          -> opened c2
          -> automated c2 template=in-line queue_position=2
    +4s   contact chat id:2 text=refund
    +5s   contact mail id:2 thread=other reach=5 text=globex
    +6s   contact chat id:3 text=hi
          -> opened c3
          -> automated c3 template=in-line queue_position=3
    ",
    );
}

#[test]
fn an_agent_who_has_the_conversation_is_no_obstacle() {
    tell(
        &rules(""),
        &with_ann(
            "
    +1s   contact chat id:1 text=hello
          -> opened c1
          -> offered c1 ann
    +2s   accepts ann c1
    +3s   contact mail id:1 text=refund~please
          -> pivoted c1 ann
          -> automated c1 template=let-us-talk channel=mail
    +4s   contact mail id:1 text=refund~please
    ",
        ),
    );
}

#[test]
fn templates_of_those_who_leave_the_queue_are_always_sent() {
    let queue = "[queues.back]\ndivision = \"main\"";
    let lines = format!(
        "max_wait = {{ after = \"30s\", then = \"overflow\", to = \"back\", template = \"moved\" }}\n{queue}"
    );
    tell(
        &format!("{RULES}\n{}", desk(&lines)),
        "
    +0s   contact chat id:1 text=refund
          -> opened c1
          -> automated c1 template=let-us-talk
    +30s  -> automated c1 template=moved private=false
    +31s  contact chat id:1 text=refund
    ",
    );
    let full = desk("max_waiting = { count = 1, then = \"expire\", template = \"busy\" }");
    tell(
        &format!("{RULES}\n{full}"),
        "
    +0s   contact chat id:1 text=hello
          -> opened c1
    +1s   contact chat id:2 text=refund
          -> opened c2
          -> closed c2 expired
          -> automated c2 template=let-us-talk
          -> automated c2 template=busy
    ",
    );
}

#[test]
fn a_reopened_conversation_is_a_new_one_for_replies() {
    let queue = desk("max_wait = { after = \"10s\", then = \"expire\" }");
    tell(
        &format!("{RULES}\n{queue}"),
        "
    +0s   contact chat id:1 text=refund
          -> opened c1
          -> automated c1
    +10s  -> closed c1 expired
    +11s  contact chat id:1 reach=5 text=globex     # understand knows it as open, so it is not closed
          -> opened c1 reopened=true
          -> automated c1 template=we-do-it-too
    +21s  -> closed c1 expired
    until +30s
    ",
    );
}

#[test]
fn a_callback_is_asked_for_and_not_replied_to() {
    let any = "[[replies]]\ntemplate = \"hello\"\nthen = \"close\"\n";
    tell(
        &format!("{any}{PLAIN}"),
        "
    +0s   callback chat id:1 due=+1h
          -> opened c1
    +1s   contact chat id:1                       # joins it
          -> automated c1 template=hello
    +2s   contact chat id:2
          -> opened c2
          -> closed c2 automated
          -> automated c2 template=hello
    ",
    );
}

#[test]
fn what_a_blocked_customer_opens_is_closed_with_the_template_of_blocked() {
    let blocked = "[conversation]\nblocked = { template = \"blocked\" }";
    tell(
        &rules(blocked),
        "
    +0s   contact chat id:1 text=hello
          -> opened c1
    +1s   customer id:1 blocked=true
    +2s   contact chat id:1 text=refund           # joins what was open
          -> automated c1 template=let-us-talk
    +3s   resolved c1
          -> closed c1 resolved
    +4s   contact chat id:1 text=refund
          -> opened c2
          -> closed c2 automated
          -> automated c2 template=blocked private=false queue_position=-
    +5s   contact chat id:1 reach=1 text=globex
          -> opened c3
          -> closed c3 automated
          -> automated c3 template=blocked
    +6s   callback chat id:1 due=+1h              # opens as a contact does
          -> opened c4
          -> closed c4 automated
          -> automated c4 template=blocked
    +7s   customer id:1 blocked=false
    +8s   callback chat id:1 due=+1h
          -> opened c5
    +9s   contact chat id:1 reach=1 text=globex
          -> automated c5 template=we-do-it-too
    ",
    );
    tell(
        &rules(""),
        "
    +0s   customer id:1 blocked=true
    +1s   contact chat id:1 text=refund
          -> opened c1
          -> closed c1 automated
    ",
    );
}

#[test]
fn replies_look_at_all_that_routes_look_at() {
    let replies = "
[[replies]]
when = { lang = [\"es\"], failed_attempts = { at_least = 1 } }
template = \"paciencia\"
then = \"route\"
[[replies]]
when = { tier = [\"gold\"], intent = [\"buy\"] }
template = \"thank-you\"
then = \"route\"
[[replies]]
when = { hour_of_week = [10] }
template = \"ten\"
then = \"close\"
[conversation]
continuity = \"0s\"
";
    tell(
        &format!("{replies}{PLAIN}"),
        "
    +0s   contact chat id:1 lang=es
          -> opened c1
    +1s   contact chat id:1 lang=es
          -> opened c2
          -> automated c2 template=paciencia
    +2s   customer id:2 tier=gold
    +3s   contact chat id:2 intent=buy
          -> opened c3
          -> automated c3 template=thank-you
    +1h   contact chat id:3
          -> opened c4
          -> closed c4 automated
          -> automated c4 template=ten
    ",
    );
}
