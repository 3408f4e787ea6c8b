//! Identities as a whole: the order of links does not matter, storms are silenced, and nothing plain is kept.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use trunkline::model::Model;
use trunkline::pipeline::Pipeline;
use trunkline::pipeline::decode::{Decoder, Limits};
use trunkline::pipeline::identify::Identify;
use trunkline::rules::keys::{HashKey, Keys};
use trunkline::types::decision::IdentityBatch;
use trunkline::types::event::Events;
use trunkline::types::operation::Resolutions;
use trunkline::types::record::Record;
use trunkline::types::{Millis, Output, Tally};

use crate::support::dice::Dice;
use crate::support::engines::{ENGINES, Lines, compiled, run_model, run_pipeline};

pub const RULES: &str = r#"
[conversation]
continuity = "0s"
[identity]
max_identifiers = 1000
generic_after = 50
[identity.kinds.mail]
rank = 1
limit = 1000
form = "email"
[identity.kinds.phone]
rank = 2
limit = 1000
form = "phone"
region = "US"
[identity.kinds.nick]
rank = 3
limit = 3
form = "handle"
[channels.chat]
[divisions.main]
[queues.desk]
division = "main"
[[routes]]
queue = "desk"
"#;

pub fn event(number: usize, event_type: &str, data: &Value) -> String {
    json!({
        "specversion": "1.0", "id": format!("n{number}"), "source": "identity", "type": format!("trunkline.{event_type}"),
        "time": "2026-03-02T09:00:00Z", "data": data,
    })
    .to_string()
}

fn mail(number: usize) -> String {
    format!("m{number}@example.com")
}

/// Of an output of this type: a member of its data.
fn told<'a>(lines: &'a Lines, event_type: &'a str, member: &'a str) -> impl Iterator<Item = String> + 'a {
    let read = |(_, line): &(_, String)| serde_json::from_str::<Value>(line).expect("output is JSON");
    let of_type = move |output: &Value| output["type"] == format!("trunkline.{event_type}");
    lines.iter().map(read).filter(of_type).map(move |output| output["data"][member].to_string())
}

/// Who is named by an event, and by which of those that merge.
type Link = (usize, Vec<usize>);

/// One identifier of each person, of one kind or another.
fn of_person(person: usize) -> (&'static str, String) {
    match person % 3 {
        0 => ("phone", format!("+1202555{:04}", person)),
        _ => ("mail", mail(person)),
    }
}

fn from(people: &[usize]) -> Value {
    let mut from: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for person in people {
        let (kind, value) = of_person(*person);
        from.entry(kind).or_default().push(value);
    }
    json!(from)
}

/// Which identifiers are one customer's, after these links, according to the model and to the pipeline.
fn partition(links: &[Link], people: usize) -> BTreeSet<Vec<usize>> {
    let mut log: Vec<String> = Vec::new();
    for (by, named) in links {
        let from = from(named);
        let (event_type, data) = match by % 4 {
            0 => ("identity.linked", json!({ "from": from })),
            1 => ("customer.updated", json!({ "from": from, "tier": "gold" })),
            2 => ("contact.received", json!({ "channel": "chat", "queue": "desk", "from": from })),
            _ => {
                let due = "2026-03-02T10:00:00Z";
                ("callback.requested", json!({ "channel": "chat", "due": due, "from": from }))
            }
        };
        log.push(event(log.len(), event_type, &data));
    }
    let before = log.len() as u64;
    for person in 0..people {
        let contact = json!({ "channel": "chat", "from": from(&[person]) });
        log.push(event(log.len(), "contact.received", &contact));
    }
    let of = |lines: &Lines| -> BTreeSet<Vec<usize>> {
        let mut by_customer: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        let read = lines.iter().map(|(_, line)| serde_json::from_str::<Value>(line).expect("output is JSON"));
        for output in read.filter(|output| output["type"] == "trunkline.conversation.opened") {
            let cause =
                output["cause"].as_str().and_then(|cause| cause.split(':').nth(1)?.parse::<u64>().ok());
            if let Some(person) = cause.expect("no timer opens one").checked_sub(before) {
                by_customer.entry(output["data"]["customer"].to_string()).or_default().push(person as usize);
            }
        }
        let told: usize = by_customer.values().map(Vec::len).sum();
        assert_eq!(told, people, "a contact of each opens a conversation");
        by_customer.into_values().collect()
    };
    let found = of(&run_pipeline(RULES, &log, None, 7));
    assert_eq!(of(&run_model(RULES, &log, None)), found);
    found
}

/// The classes of people whom links join, directly or by way of others.
fn joined(links: &[Link], people: usize) -> BTreeSet<Vec<usize>> {
    let mut class: Vec<usize> = (0..people).collect();
    for (_, named) in links {
        for other in &named[1..] {
            let (to, from) = (class[named[0]], class[*other]);
            class.iter_mut().filter(|one| **one == from).for_each(|one| *one = to);
        }
    }
    let of = |one: usize| (0..people).filter(|person| class[*person] == one).collect::<Vec<_>>();
    (0..people).map(of).filter(|members| !members.is_empty()).collect()
}

#[test]
fn within_the_limits_the_order_of_links_does_not_matter() {
    for seed in 0..20 {
        let mut dice = Dice::new(seed);
        let people = 2 + dice.below(40);
        let count = dice.below(people);
        let mut links: Vec<Link> = Vec::new();
        for _ in 0..count {
            let named: BTreeSet<usize> = (0..2 + dice.below(3)).map(|_| dice.below(people)).collect();
            if named.len() > 1 {
                links.push((dice.below(4), named.into_iter().collect()));
            }
        }
        let expected = joined(&links, people);
        for _ in 0..4 {
            for place in (1..links.len()).rev() {
                links.swap(place, dice.below(place + 1));
            }
            links.iter_mut().for_each(|(_, named)| named.rotate_left(1));
            assert_eq!(partition(&links, people), expected, "seed {seed}");
        }
    }
}

#[test]
fn an_identifier_in_very_many_events_is_silenced() {
    let mut log = Vec::new();
    for person in 0..1_500 {
        let from = json!({ "mail": mail(person), "nick": ["@everybody", format!("own{person}")] });
        log.push(event(log.len(), "contact.received", &json!({ "channel": "chat", "from": from })));
        let more = json!({ "mail": mail(person), "nick": [format!("x{person}"), format!("y{person}")] });
        log.push(event(log.len(), "identity.linked", &json!({ "from": more })));
    }
    let rules = RULES.replace("rank = 1\nlimit = 1000", "rank = 1\nlimit = 1");
    let lines = run_pipeline(&rules, &log, None, 1_000);
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    told(&lines, "identity.refused", "reason").for_each(|reason| *reasons.entry(reason).or_default() += 1);
    // Nobody has two addresses: 50 times the shared name is refused, then it is generic.
    assert_eq!(reasons.get("\"generic\""), Some(&1), "{reasons:?}");
    assert!(reasons["\"limit\""] < 120, "{reasons:?}");
    let customers: BTreeSet<String> = told(&lines, "conversation.opened", "customer").collect();
    assert!(customers.len() > 1_400, "{} customers", customers.len());
}

/// Plain texts that a log carries and that nobody may find again.
pub const NEEDLES: [&str; 5] =
    ["needle.mail", "2024561111", "needlenick", "needle of a text", "needle-source"];

pub fn log_with_needles() -> Vec<String> {
    let from = json!({ "mail": "Needle.Mail@example.com", "phone": "(202) 456-1111", "nick": "@NeedleNick" });
    let contact = json!({ "channel": "chat", "from": from, "text": "needle of a text" });
    let nick = json!({ "identifier": { "nick": "@NeedleNick" } });
    let both = json!({ "from": { "mail": "Needle.Mail@example.com", "nick": "@NeedleNick" } });
    let by_nick = json!({ "from": { "nick": "@NeedleNick" } });
    let steps = [
        ("contact.received", &contact),
        ("identity.unlinked", &nick),
        ("contact.received", &contact),
        ("customer.erased", &both),
        ("customer.erased", &by_nick),
        ("contact.received", &contact),
    ];
    let log = steps.iter().enumerate().map(|(number, (event_type, data))| event(number, event_type, data));
    log.map(|line| line.replace("\"source\":\"identity\"", "\"source\":\"needle-source\"")).collect()
}

/// Whether a text, or what `{:?}` writes of its bytes, stands in another.
fn finds(haystack: &str, needle: &str) -> bool {
    let bytes: Vec<String> = needle.bytes().map(|byte| byte.to_string()).collect();
    haystack.to_lowercase().contains(needle) || haystack.contains(&bytes.join(", "))
}

#[test]
fn nothing_plain_is_put_out_or_kept() {
    let log = log_with_needles();
    assert!(NEEDLES[..1].iter().all(|needle| finds(&log.join("\n"), needle)), "the log has them");
    for (name, engine) in ENGINES {
        let lines = engine(RULES, &log, None);
        for (_, line) in &lines {
            let found = NEEDLES.iter().find(|needle| finds(line, needle));
            assert_eq!(found, None, "{name} puts it out: {line}");
        }
        assert_eq!(told(&lines, "customer.erased", "customer").count(), 1, "{name}");
    }
    let mut model = Model::new(compiled(RULES), &HashKey::PUBLIC, "local");
    for (number, line) in log.iter().enumerate() {
        model.apply_record(&Record::line(0, number as u64, line.as_bytes()), None);
    }
    let rules = std::sync::Arc::new(compiled(RULES));
    let keys = Keys::new(&HashKey::PUBLIC, &rules);
    let records: Vec<Record> =
        log.iter().enumerate().map(|(at, line)| Record::line(0, at as u64, line.as_bytes())).collect();
    let mut events = Events::default();
    Decoder::new(rules.clone(), keys, Limits::default()).decode(&records, &mut events);
    let clocks = vec![Millis(1_772_442_000_000); events.rows.len()];
    let mut identify = Identify::new(&rules);
    let (mut resolutions, mut decisions) = (Resolutions::default(), IdentityBatch::default());
    identify.apply(&events, &clocks, &mut resolutions, &mut decisions, &mut Tally::default());
    let mut pipeline = Pipeline::new(rules.clone(), &HashKey::PUBLIC, "local");
    let mut out = Output::default();
    let mut states = vec![format!("{pipeline:?}")];
    for record in &records {
        pipeline.apply(std::slice::from_ref(record), None, &mut out).expect("no limit to jumps was set");
        states.push(format!("{pipeline:?}"));
    }
    assert!(states[1] != states[0] && states[1].contains("understand") && states[1].contains("divisions"));
    let own = [format!("{model:?}"), format!("{identify:?}"), format!("{resolutions:?} {decisions:?}")];
    let kept = own.into_iter().chain(states);
    for (state, text) in kept.enumerate() {
        let found = NEEDLES.iter().find(|needle| finds(&text, needle));
        assert_eq!(found, None, "in state {state} of {} bytes", text.len());
    }
}
