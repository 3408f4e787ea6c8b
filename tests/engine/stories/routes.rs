//! Routes: the first whose conditions hold.

use super::PLAIN;
use crate::support::story::tell;

/// Rules that send to `other` what meets the condition.
fn when(condition: &str) -> String {
    let routes = format!(
        "[queues.other]\ndivision = \"main\"\n[calendars.day]\nzone = \"UTC\"\nopen = {{ mon = [\"09:01-09:02\"] }}\n\
         [value]\ntier = {{ gold = 0 }}\nintent = {{ buy = 0 }}\n[conversation]\ncontinuity = \"0s\"\n\
         [[routes]]\nwhen = {{ {condition} }}\nqueue = \"other\"\n[[routes]]"
    );
    PLAIN.replacen("[[routes]]", &routes, 1)
}

/// A story of contacts, each with the queue that it should come to.
fn contacts(contacts: &[(&str, &str)]) -> String {
    let mut story = String::new();
    for (number, (words, queue)) in contacts.iter().enumerate() {
        let at = if words.starts_with('+') { String::new() } else { format!("+{number}s ") };
        story += &format!("{at}{words}\n");
        if !queue.is_empty() {
            let opened = contacts[..=number].iter().filter(|(_, queue)| !queue.is_empty()).count();
            story += &format!("-> opened c{opened} queue={queue}\n");
        }
    }
    story
}

#[test]
fn each_condition() {
    for (condition, words, queue) in [
        ("channel = [\"chat\", \"mail\"]", "contact mail id:1", "other"),
        ("channel = [\"chat\", \"mail\"]", "contact phone id:1", "desk"),
        ("lang = [\"ES\"]", "contact chat id:1 lang=eS", "other"),
        ("lang = [\"es\"]", "contact chat id:1 lang=en", "desk"),
        ("lang = [\"es\"]", "contact chat id:1", "desk"),
        ("intent = [\"buy\", \"sell\"]", "contact chat id:1 intent=sell", "other"),
        ("intent = [\"buy\"]", "contact chat id:1 intent=sell", "desk"),
        ("intent = [\"buy\"]", "contact chat id:1", "desk"),
        ("public = true", "contact chat id:1 public=true", "other"),
        ("public = false", "contact chat id:1", "other"),
        ("public = true", "contact chat id:1", "desk"),
        ("reach = { at_least = 5, at_most = 6 }", "contact chat id:1 reach=5", "other"),
        ("reach = { at_least = 5, at_most = 6 }", "contact chat id:1 reach=7", "desk"),
        ("reach = { at_most = 6 }", "contact chat id:1", "desk"),
        ("sentiment = { at_most = -1 }", "contact chat id:1 sentiment=-1", "other"),
        ("sentiment = { at_most = -1 }", "contact chat id:1 sentiment=0", "desk"),
        ("failed_attempts = { at_most = 0 }", "contact chat id:1", "other"),
        ("channel = [\"chat\"], public = true", "contact chat id:1", "desk"),
        ("channel = [\"chat\"]", "contact chat id:1 queue=desk", "desk"),
        ("open = { calendar = \"day\" }", "+60s contact chat id:1", "other"),
        ("open = { calendar = \"day\" }", "+59s999ms contact chat id:1", "desk"),
        ("open = { calendar = \"day\" }", "+120s contact chat id:1", "desk"),
        ("hour_of_week = [9]", "+59m contact chat id:1", "other"),
        ("hour_of_week = [9]", "+60m contact chat id:1", "desk"),
        ("hour_of_week = [8, 163]", "+154h contact chat id:1", "other"),
    ] {
        tell(&when(condition), &contacts(&[(words, queue)]));
    }
}

#[test]
fn tier_language_and_failed_attempts_are_the_customers() {
    tell(
        &when("tier = [\"gold\"]"),
        &contacts(&[
            ("customer id:1 tier=gold", ""),
            ("contact chat id:1", "other"),
            ("customer id:1 tier=lead", ""),
            ("contact chat id:1", "desk"),
        ]),
    );
    tell(
        &when("lang = [\"es\"]"),
        &contacts(&[
            ("customer id:1 lang=ES", ""),
            ("contact chat id:1", "other"),
            ("contact chat id:1 lang=en", "desk"),
        ]),
    );
    tell(
        &when("failed_attempts = { at_least = 2 }"),
        &contacts(&[
            ("contact chat id:1", "desk"),
            ("contact chat id:1", "desk"),
            ("contact chat id:1", "other"),
            ("replied id:1", ""),
            ("contact chat id:1", "other"),
            ("contact chat id:2", "desk"),
        ]),
    );
}

#[test]
fn without_queues_a_contact_is_counted_and_no_more() {
    let rules = PLAIN.split("[queues.desk]").next().expect("there is a first part");
    tell(rules, "+0s contact chat id:1");
}
