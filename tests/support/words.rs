//! The words of a story's events: one line to one JSON event.
//!
//! `contact chat id:7 value=30` → `contact.received` with `data` `{"channel":"chat","from":{"id":"7"},"value":30}`.
//! After the word for the type come words in the order that `TYPES` gives, then in any order: `kind:value` for an
//! identifier, `c1` for the first conversation that was opened, `member=value` (dots nest, `[a,b]` is an array),
//! `!member=value` for a member of the envelope; `due=+1h` is an instant; `~` in a `text` is a blank.

use serde_json::{Map, Value, json};
use trunkline::model::output::time_text;

use super::story::instant;

/// Word, type, members that follow by their place, and whether `division` is `main` unless it is given.
const TYPES: &[(&str, &str, &[&str], bool)] = &[
    ("contact", "contact.received", &["channel"], false),
    ("abandoned", "contact.abandoned", &[], false),
    ("callback", "callback.requested", &["channel"], false),
    ("customer", "customer.updated", &[], false),
    ("linked", "identity.linked", &[], false),
    ("unlinked", "identity.unlinked", &[], false),
    ("erased", "customer.erased", &[], false),
    ("agent", "agent.updated", &["agent"], true),
    ("state", "agent.state", &["agent", "state"], true),
    ("accepts", "offer.accepted", &["agent"], true),
    ("declines", "offer.declined", &["agent"], true),
    ("wrapped", "agent.wrapped", &["agent"], true),
    ("replied", "conversation.replied", &["agent"], false),
    ("held", "conversation.held", &[], false),
    ("resumed", "conversation.resumed", &[], false),
    ("transferred", "conversation.transferred", &["queue"], false),
    ("updated", "conversation.updated", &[], false),
    ("assigned", "conversation.assigned", &["agent"], true),
    ("resolved", "conversation.resolved", &["agent"], false),
    ("rules", "rules.changed", &["text"], false),
];

/// The JSON of an event. `time` is its text form; `id` serves unless the line gives one; `conversation` knows the
/// id behind `c1`, `c2` …
pub fn event(line: &str, id: &str, time: &str, conversation: impl Fn(&str) -> String) -> String {
    if let Some(raw) = line.strip_prefix("raw ") {
        return raw.to_owned();
    }
    let mut words = line.split_whitespace();
    let word = words.next().expect("an event has a word");
    let (_, event_type, places, in_main) =
        TYPES.iter().find(|entry| entry.0 == word).unwrap_or_else(|| panic!("no event is called {word:?}"));
    let mut places = places.iter();
    let mut data = Map::new();
    let mut event = Map::new();
    for (name, value) in [("specversion", "1.0"), ("id", id), ("source", "story"), ("time", time)] {
        event.insert(name.to_owned(), json!(value));
    }
    event.insert("type".to_owned(), json!(format!("trunkline.{event_type}")));
    for word in words {
        if let Some((member, value)) = word.split_once('=') {
            match member.strip_prefix('!') {
                Some(member) => put(&mut event, member, json!(value)),
                None if member == "text" => put(&mut data, member, json!(value.replace('~', " "))),
                None if member == "due" => put(&mut data, member, json!(time_text(instant(value)))),
                None => put(&mut data, member, value_of(value)),
            }
        } else if is_conversation(word) {
            put(&mut data, "conversation", json!(conversation(word)));
        } else if let Some((kind, value)) = word.split_once(':') {
            identifier(&mut data, event_type, kind, value);
        } else {
            let member = places.next().unwrap_or_else(|| panic!("{word:?} has no place in {line:?}"));
            put(&mut data, member, json!(word));
        }
    }
    if *in_main && !data.contains_key("division") {
        put(&mut data, "division", json!("main"));
    }
    if *event_type == "agent.updated" {
        for member in ["capacity", "skills"] {
            data.entry(member).or_insert_with(|| json!({}));
        }
    }
    event.insert("data".to_owned(), Value::Object(data));
    Value::Object(event).to_string()
}

/// Whether a word stands for a conversation: `c1`, `c2` …
pub fn is_conversation(word: &str) -> bool {
    word.strip_prefix('c').is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
}

fn identifier(data: &mut Map<String, Value>, event_type: &str, kind: &str, value: &str) {
    let member = if event_type == "identity.unlinked" { "identifier" } else { "from" };
    let from = data.entry(member).or_insert_with(|| json!({}));
    let entry = from.as_object_mut().expect("from is a map").entry(kind).or_insert_with(|| json!([]));
    entry.as_array_mut().expect("values of a kind are an array").push(json!(value));
    if event_type == "identity.unlinked" {
        *entry = json!(value);
    }
}

/// A member by its path; dots nest.
fn put(object: &mut Map<String, Value>, path: &str, value: Value) {
    match path.split_once('.') {
        None => {
            object.insert(path.to_owned(), value);
        }
        Some((head, rest)) => {
            let inner = object.entry(head).or_insert_with(|| json!({}));
            put(inner.as_object_mut().expect("a path goes through objects"), rest, value);
        }
    }
}

fn value_of(text: &str) -> Value {
    if let Some(list) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return list.split(',').filter(|item| !item.is_empty()).map(|item| json!(item)).collect();
    }
    match text {
        "true" => json!(true),
        "false" => json!(false),
        "{}" => json!({}),
        _ => text.parse::<i64>().map_or_else(|_| json!(text), |number| json!(number)),
    }
}
