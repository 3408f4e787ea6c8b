//! A change of rules within a log: everything before it goes by the old ones, everything behind it by the new ones.

use std::sync::Arc;

use trunkline::model::Model;
use trunkline::model::decode::decode_record;
use trunkline::pipeline::Pipeline;
use trunkline::pipeline::decode::Decoder;
use trunkline::rules::keys::{HashKey, Keys};
use trunkline::types::event::Events;
use trunkline::types::record::{ALL_TYPES, CONTROL_TYPES, Limits, Record};
use trunkline::types::{IgnoreReason, Millis, Output};

use super::{PLAIN, desk, with_ann};
use crate::support::engines::compiled;
use crate::support::story::tell_changing;

/// `PLAIN` with more in front of its route.
fn more(text: &str) -> String {
    PLAIN.replace("[[routes]]", &format!("{text}\n[[routes]]"))
}

/// `PLAIN` with a second queue, to which everything goes.
fn spare(lines: &str) -> String {
    let text = format!("[queues.spare]\ndivision = \"main\"\n{lines}\n[[routes]]");
    PLAIN.replace("[[routes]]\nqueue = \"desk\"", &format!("{text}\nqueue = \"spare\""))
}

/// `PLAIN` with `spare` instead of `desk`.
fn only_spare() -> String {
    PLAIN.replace("[queues.desk]", "[queues.spare]").replace("\"desk\"", "\"spare\"")
}

#[test]
fn a_queue_in_which_work_waits_stays_and_the_change_is_refused_as_a_whole() {
    tell_changing(
        PLAIN,
        vec![("gone", only_spare())],
        "
    +1s   contact chat id:7
          -> opened c1 queue=desk
    +2s   rules gone
    +3s   contact mail id:8 queue=spare
          -> rejected unknown_queue
    +4s   agent ann capacity.chat=1
    +4s   state ann available
          -> offered c1 ann queue=desk
    +5s   accepts ann c1
    +6s   rules gone                      # an agent has it
    +7s   resolved ann c1
          -> closed c1 resolved queue=desk
    +8s   rules gone                      # nothing is in it any more
    +9s   contact chat id:7
          -> opened c2 queue=spare
          -> offered c2 ann queue=spare
    +10s  contact chat id:9 queue=desk
          -> rejected unknown_queue
    ",
    );
}

#[test]
fn a_queue_is_in_use_as_long_as_a_clock_runs_that_began_there() {
    let first = desk("[queues.desk.sla]\nfirst_response = { target = \"1h\", calendar = \"always\" }");
    let both = first.replace("[[routes]]", "[queues.spare]\ndivision = \"main\"\n[[routes]]");
    tell_changing(
        &both,
        vec![("gone", only_spare())],
        "
    +1s   contact chat id:7
          -> opened c1 queue=desk
    +2s   transferred spare c1
    +3s   rules gone
    +4s   contact chat id:8
          -> opened c2 queue=desk
    +5s   resolved c2
          -> closed c2 resolved
    +6s   replied c1
    +7s   rules gone
    +8s   contact chat id:8
          -> opened c3 queue=spare
    ",
    );
}

#[test]
fn a_new_queue_is_served_at_once_by_who_serves_all_queues() {
    tell_changing(
        PLAIN,
        vec![("spare", spare(""))],
        "
    +0s   agent ann capacity.chat=1                    # all queues
    +0s   agent bob capacity.chat=1 queues.desk.rank=1
    +0s   state bob available
    +1s   rules spare
    +2s   contact chat id:7
          -> opened c1 queue=spare
    +3s   state ann available
          -> offered c1 ann queue=spare
    ",
    );
}

#[test]
fn a_value_counts_from_the_next_contact_or_update() {
    let worth = |points: i64| {
        more(&format!("[value]\nchannel = {{ mail = {points} }}\nintent = {{ buy = {points} }}"))
    };
    tell_changing(
        &worth(10),
        vec![("more", worth(500))],
        "
    +1s   contact mail id:1 intent=buy
          -> opened c1 value=20
    +2s   rules more
    +3s   contact mail id:2 intent=buy
          -> opened c2 value=1000
    +4s   updated c1 value=1               # what the contact was worth stays, the intent is priced anew
    +5s   agent ann capacity.mail=1
    +5s   state ann available
          -> offered c2 ann value=1000
    +6s   agent ann capacity.mail=2
          -> offered c1 ann value=511
    ",
    );
}

#[test]
fn a_curve_changes_priorities_with_the_same_event() {
    let by_age = |per_minute: i64| {
        desk(&format!("curve = [[\"0s\", 0]]\ncurve_after = {{ per_minute = {per_minute} }}"))
    };
    tell_changing(
        &by_age(60),
        vec![("falling", by_age(-60))],
        "
    +0s   contact mail id:1
          -> opened c1
    +10s  contact mail id:2
          -> opened c2
    +20s  rules falling                    # who came later goes first now
    +20s  agent ann capacity.mail=1
    +20s  state ann available
          -> offered c2 ann priority=-10
    +30s  agent ann capacity.mail=2
          -> offered c1 ann priority=-30
    ",
    );
}

#[test]
fn a_strategy_counts_from_the_next_decision() {
    tell_changing(
        &desk("strategy = \"longest_idle\""),
        vec![("spare", desk("strategy = \"most_spare\""))],
        "
    +0s   agent ann capacity.mail=2
    +0s   state ann available
    +1s   agent bob capacity.mail=2 budget=200
    +1s   state bob available
    +2s   contact mail id:1
          -> opened c1
          -> offered c1 ann reason.strategy=longest_idle
    +3s   rules spare
    +4s   contact mail id:2
          -> opened c2
          -> offered c2 bob reason.strategy=most_spare
    ",
    );
}

#[test]
fn a_clock_keeps_its_target_and_the_next_cycle_has_the_new_one() {
    let target = |span: &str, warn: &str| {
        desk(&format!(
            "[queues.desk.sla]\nfirst_response = {{ target = \"{span}\", calendar = \"always\", warn = [{warn}] }}"
        ))
    };
    tell_changing(
        &target("60s", "50"),
        vec![("short", target("10s", "20")), ("none", PLAIN.to_owned())],
        "
    +0s       contact chat id:1
              -> opened c1
    +5s       rules short
    +6s       contact chat id:2
              -> opened c2
    +8s       -> warning c2 first_response percent=20 due=+16s
    +9s       rules none
    +16s1ms   -> breached c2 first_response due=+16s
    +30s      -> warning c1 first_response percent=50 due=+60s
    +60s1ms   -> breached c1 first_response due=+60s
    until +2m
    ",
    );
}

#[test]
fn a_clock_that_stands_runs_on_by_the_calendar_by_which_it_began() {
    let day = "[calendars.day]\nzone = \"UTC\"\nopen = { mon = [\"09:00-09:01\", \"09:10-10:00\"] }\n";
    let target = |calendar: &str| {
        format!(
            "{day}{}",
            desk(&format!(
                "[queues.desk.sla]\nresolution = {{ target = \"90s\", calendar = \"{calendar}\" }}"
            ))
        )
    };
    tell_changing(
        &target("day"),
        vec![("always", target("always"))],
        "
    +0s         contact chat id:1
                -> opened c1
    +10s        replied c1
    +11s        rules always
    +20s        contact chat id:1          # 80 s are left, 40 s of them before 09:01
    +640s1ms    -> breached c1 resolution due=+640s
    until +1h
    ",
    );
}

#[test]
fn what_is_asked_for_no_longer_lets_others_take_with_the_same_event() {
    tell_changing(
        &desk("skills = { law = { level = 3 } }"),
        vec![("plain", PLAIN.to_owned())],
        &with_ann(
            "
    +1s   contact chat id:1
          -> opened c1
    +3s   rules plain
          -> offered c1 ann waited_ms=2000
    ",
        ),
    );
}

#[test]
fn weights_and_the_divisions_budget_count_at_once() {
    let light = PLAIN.replace("weight = 30", "weight = 60");
    tell_changing(
        &light,
        vec![("more", light.replace("[divisions.main]", "[divisions.main]\nagents_budget = 120"))],
        &with_ann(
            "
    +0s   agent bob capacity.chat=2 budget=100
    +0s   state bob away
    +1s   contact chat id:1
          -> opened c1
          -> offered c1 ann
    +1s   accepts ann c1
    +2s   contact chat id:2
          -> opened c2
    +3s   rules more
          -> offered c2 ann
    +4s   contact chat id:3
          -> opened c3
    +5s   state bob available              # names a budget of its own
          -> offered c3 bob
    +5s   accepts bob c3
    +6s   contact chat id:4
          -> opened c4
    ",
        ),
    );
}

#[test]
fn what_is_overdue_under_the_new_rules_is_due_with_the_change() {
    tell_changing(
        &desk("max_wait = { after = \"10m\", then = \"expire\" }"),
        vec![(
            "hurry",
            format!(
                "[conversation]\nidle_close = \"1m\"\n{}",
                desk("max_wait = { after = \"20s\", then = \"expire\" }")
            ),
        )],
        "
    +0s    agent ann capacity.mail=1
    +0s    state ann available
    +0s    contact mail id:1
           -> opened c1
           -> offered c1 ann
    +1s    accepts ann c1
    +20s   contact chat id:2
           -> opened c2
    +50s   contact chat id:3
           -> opened c3
    +61s   rules hurry
    +61s   -> closed c2 expired
    +61s   -> withdrawn c1 ann expired
    +61s   -> closed c1 idle
    +70s   -> closed c3 expired
    until +2m
    ",
    );
}

#[test]
fn who_waits_for_an_opening_waits_for_that_of_the_new_calendar() {
    let closed = |hours: &str| {
        let calendar = format!("[calendars.day]\nzone = \"UTC\"\nopen = {{ mon = [\"{hours}\"] }}\n");
        format!("{calendar}{}", desk("closed = { calendar = \"day\", then = \"wait\" }"))
    };
    tell_changing(
        &closed("15:00-16:00"),
        vec![("early", closed("09:05-16:00")), ("open", PLAIN.to_owned())],
        &with_ann(
            "
    +1m   contact chat id:1
          -> opened c1
    +2m   rules early
    +5m   -> offered c1 ann
    +5m   accepts ann c1
    until +6m
    ",
        ),
    );
    tell_changing(
        &closed("15:00-16:00"),
        vec![("open", PLAIN.to_owned())],
        &with_ann(
            "
    +1m   contact chat id:1
          -> opened c1
    +2m   rules open
          -> offered c1 ann
    ",
        ),
    );
}

#[test]
fn a_division_comes_and_none_goes() {
    let two = more("[divisions.aside]\n[queues.quiet]\ndivision = \"aside\"");
    tell_changing(
        PLAIN,
        vec![("two", two), ("one", PLAIN.to_owned())],
        "
    +1s   contact chat id:1 queue=quiet
          -> rejected unknown_queue
    +2s   rules two
    +3s   contact chat id:1 queue=quiet
          -> opened c1 queue=quiet division=aside
    +4s   agent ann division=aside capacity.chat=2
    +4s   state ann available division=aside
          -> offered c1 ann division=aside
    +5s   rules one
    +6s   contact chat id:2 queue=quiet
          -> opened c2 division=aside
          -> offered c2 ann
    ",
    );
}

#[test]
fn a_channel_with_something_open_stays_and_capacities_do_not_keep_it() {
    let without = PLAIN.replace("[channels.mail]\nweight = 20\n", "");
    tell_changing(
        PLAIN,
        vec![("fewer", without)],
        &with_ann(
            "
    +1s   contact mail id:1
          -> opened c1
          -> offered c1 ann
    +2s   rules fewer
    +3s   contact mail id:2
          -> opened c2
          -> offered c2 ann
    +4s   resolved c1
          -> withdrawn c1 ann resolved
          -> closed c1 resolved
    +4s   resolved c2
          -> withdrawn c2 ann resolved
          -> closed c2 resolved
    +5s   rules fewer
    +6s   contact mail id:1
          -> rejected unknown_channel
    +7s   contact phone id:1              # nothing is told of a channel that is gone
          -> opened c3
          -> offered c3 ann channel=phone context.attempts=[]
    ",
        ),
    );
}

#[test]
fn a_kind_comes_and_one_that_identifies_somebody_stays() {
    let kinds = more("[identity.kinds.badge]\nrank = 1\nlimit = 1\nform = \"opaque\"");
    let without = PLAIN.replace("[identity.kinds.mail]\nrank = 2\nlimit = 3\nform = \"opaque\"\n", "");
    tell_changing(
        PLAIN,
        vec![("badges", kinds), ("fewer", without)],
        &with_ann(
            "
    +1s   contact chat mail:a badge:b
          -> rejected unknown_kind
    +2s   rules badges
    +3s   contact chat mail:a badge:b
          -> opened c1
          -> offered c1 ann context.kinds=[badge,mail]
    +4s   rules fewer                      # both are owned
    +5s   contact chat mail:a
    ",
        ),
    );
}

#[test]
fn behind_a_change_even_the_same_record_goes_by_the_new_rules() {
    let event = |id: &str, kind: &str, data: String| {
        format!(
            "{{\"specversion\":\"1.0\",\"id\":\"{id}\",\"source\":\"s\",\"time\":\"2026-03-02T09:00:01Z\",\
             \"type\":\"trunkline.{kind}\",\"data\":{data}}}"
        )
    };
    let contact = |id: &str| {
        event(
            id,
            "contact.received",
            format!("{{\"channel\":\"chat\",\"from\":{{\"id\":\"{id}\"}},\"queue\":\"spare\"}}"),
        )
    };
    let change = event("r", "rules.changed", "{\"text\":\"spare\"}".to_owned());
    let record = format!("[{},{change},{},{change},{}]", contact("a"), contact("b"), contact("c"));
    tell_changing(
        PLAIN,
        vec![("spare", spare(""))],
        &format!(
            "
    +1s   raw {record}
          -> rejected unknown_queue position=0:0:0
          -> opened c1 queue=spare
          -> opened c2 queue=spare
    "
        ),
    );
}

#[test]
fn what_refuses_a_change_is_counted() {
    let change = |at: usize, text: &str| {
        let text = serde_json::json!(text);
        format!(
            "{{\"specversion\":\"1.0\",\"id\":\"{at}\",\"source\":\"s\",\"time\":\"2026-03-02T09:00:0{at}Z\",\
             \"type\":\"trunkline.rules.changed\",\"data\":{{\"text\":{text}}}}}"
        )
    };
    let contact = change(1, "")
        .replace("rules.changed", "contact.received")
        .replace("{\"text\":\"\"}", "{\"channel\":\"chat\",\"from\":{\"id\":\"1\"}}");
    let texts =
        ["no rules", &PLAIN.replace("desk", "disc"), "", &PLAIN.replace("\"desk\"", "\"disc\""), PLAIN];
    let log: Vec<String> =
        std::iter::once(contact).chain(texts.iter().zip(2..).map(|(text, at)| change(at, text))).collect();
    let records: Vec<Record<'_>> =
        log.iter().zip(0..).map(|(line, at)| Record::line(0, at, line.as_bytes())).collect();

    let mut model = Model::new(compiled(PLAIN), &HashKey::PUBLIC, "local");
    records.iter().for_each(|record| model.apply_record(record, None));
    let mut pipeline = Pipeline::new(Arc::new(compiled(PLAIN)), &HashKey::PUBLIC, "local");
    pipeline.apply(&records, None, &mut Output::default()).expect("no limit to jumps was set");

    assert_eq!(*model.tally(), pipeline.tally());
    let ignored = |reason: IgnoreReason| pipeline.tally().ignored[reason as usize];
    assert_eq!((ignored(IgnoreReason::BadRules), ignored(IgnoreReason::InUse)), (2, 2));
    assert_eq!(pipeline.tally().ignored.iter().sum::<u64>(), 4);
}

/// Rules may be as long as an event, and as a record where nothing else may come; engine and model agree.
#[test]
fn long_rules_come_by_the_control_topic() {
    let event = |kind: &str, bytes: usize| {
        let text = "x".repeat(bytes);
        format!(
            "{{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"s\",\"type\":\"trunkline.{kind}\",\"data\":{{\"channel\":\"chat\",\"from\":{{\"id\":\"a\"}},\"text\":\"{text}\"}}}}"
        )
    };
    let rules = Arc::new(compiled(PLAIN));
    let keys = Keys::new(&HashKey::PUBLIC, &rules);
    let mut decoder = Decoder::new(rules.clone(), keys.clone(), Limits::default());
    for (allowed, kind, bytes, expected) in [
        (ALL_TYPES, "rules.changed", 60_000, None),
        (ALL_TYPES, "rules.changed", 66_000, Some("too_large")),
        (CONTROL_TYPES, "rules.changed", 1_000_000, None),
        (CONTROL_TYPES, "rules.changed", 1 << 20, Some("too_large")),
        (CONTROL_TYPES, "contact.received", 10, Some("type_not_allowed")),
        (ALL_TYPES & !CONTROL_TYPES, "rules.changed", 60_000, Some("type_not_allowed")),
    ] {
        let value = event(kind, bytes);
        let record = Record { allowed, ..Record::kafka(0, 0, Millis(1_000), value.as_bytes()) };
        let mut events = Events::default();
        decoder.decode(&[record], &mut events);
        let told = events.rejected.first().map(|rejected| rejected.reason.word());
        assert_eq!(told, expected, "{kind} of {bytes} bytes");
        let model = decode_record(&record, &rules, &keys, &Limits::default());
        let told = model[0].1.as_ref().err().map(|(reason, _)| reason.word());
        assert_eq!(told, expected, "model: {kind} of {bytes} bytes");
    }
}
