//! Whole files: the example with everything in it, files full of faults with the complaints they get, defaults, and
//! the rules in `config`.

use proptest::prelude::{ProptestConfig, any, prop, prop_assert, prop_assert_eq, proptest};

use super::*;
use crate::types::Objective;

mod faults;
mod terms;

const EXAMPLE: &str = include_str!("../../tests/data/rules/example.toml");
const SHOP: &str = include_str!("../../config/rules.shop.toml");
const BANK: &str = include_str!("../../config/rules.bank.toml");
const TELCO: &str = include_str!("../../config/rules.telco.toml");

/// The complaints as text, a line each.
fn complaints(text: &str) -> Vec<String> {
    let checked = check(text, "r.toml");
    assert_eq!(checked.rules.is_none(), !checked.complaints.is_empty(), "rules or complaints, never both");
    checked.complaints.iter().map(Complaint::to_string).collect()
}

fn sound(text: &str) -> Rules {
    compile(text, "r.toml").unwrap_or_else(|complaints| {
        panic!("{}", complaints.iter().map(Complaint::to_string).collect::<Vec<_>>().join("\n"))
    })
}

/// The example has everything in it, and all of it is carried out.
#[test]
fn the_example() {
    let checked = check(EXAMPLE, "example.toml");
    assert_eq!(complaints(EXAMPLE), Vec::<String>::new());
    assert!(checked.warnings.is_empty(), "{:?}", checked.warnings);
}

#[test]
fn nothing_is_valid() {
    let rules = sound("");
    assert!(rules.queues.is_empty() && rules.routes.is_empty() && rules.identity.kinds.is_empty());
    assert_eq!((rules.clock.tick, rules.clock.max_late), (Tick::Wall, DurationMs::days(1)));
    assert_eq!((rules.dedup.window, rules.dedup.max_events), (DurationMs::seconds(600), 50_000_000));
    assert_eq!(rules.identity.max_identifiers, 64);
    let conversation = &rules.conversation;
    assert_eq!(
        (conversation.continuity, conversation.idle_close),
        (DurationMs::days(1), DurationMs::days(7))
    );
    assert_eq!((conversation.attempts_kept, conversation.attempts_window), (8, DurationMs::days(7)));
    assert_eq!(rules.hash, xxhash_rust::xxh3::xxh3_128(b""));
    assert_eq!((rules.value.base, rules.value.public, rules.value.failed_attempt_points), (0, 0, 0));
}

#[test]
fn defaults_of_a_queue() {
    let rules =
        sound("[channels.c]\n[divisions.d]\n[queues.q]\ndivision = \"d\"\n[[routes]]\nqueue = \"q\"\n");
    let queue = &rules.queues[0];
    assert_eq!((queue.strategy, queue.auto_accept, queue.match_lang), (Strategy::LongestIdle, false, false));
    assert_eq!(
        (queue.offer_timeout, queue.exclude_after_miss),
        (DurationMs::seconds(20), DurationMs::seconds(30))
    );
    assert_eq!((queue.max_offers, queue.wrap_up), (10, DurationMs::ZERO));
    assert!(queue.skills.is_empty() && queue.sla.iter().all(Option::is_none));
    assert_eq!(queue.curve, Curve::default());
    assert_eq!(
        (rules.channels[0].weight, rules.channels[0].excludes, rules.channels[0].public),
        (100, 0, false)
    );
    assert_eq!((rules.divisions[0].agents_budget, &rules.divisions[0].queues[..]), (100, &[QueueId(0)][..]));
}

#[test]
fn curve_after_by_default() {
    let queue = |lines: &str| {
        let rules =
            format!("[divisions.d]\n[queues.q]\ndivision = \"d\"\n{lines}\n[[routes]]\nqueue = \"q\"\n");
        sound(&rules).queues[0].curve.clone()
    };
    let slope = (1i64 << 32) / 60_000;
    assert_eq!(queue("curve = [[\"0s\", 5]]").segments[0].slope, 0, "with a curve nothing comes after it");
    assert_eq!(queue("").segments[0].slope, slope, "without one a point a minute");
    assert_eq!(queue("curve_after = { per_minute = 0 }").segments[0].slope, 0);
    assert_eq!(queue("curve = [[\"0s\", 5]]\ncurve_after = { per_minute = 1 }").segments[0].slope, slope);
}

#[test]
fn names_become_places() {
    let rules = sound(TELCO);
    let names: Vec<&str> = rules.channels.iter().map(|channel| channel.name.as_str()).collect();
    assert_eq!(names, ["chat", "email", "phone", "twitter", "whatsapp"]);
    assert_eq!(rules.channels[2].excludes, 0b10001, "chat and whatsapp");
    assert_eq!(rules.value.channel, [0, 0, 30, 0, 0]);
    assert_eq!(rules.intents, ["buy", "cancel", "fault", "outage"], "those of conditions too");
    assert_eq!(rules.value.intent, [200, 300, 0, 80]);
    let kinds: Vec<&str> = rules.identity.kinds.iter().map(|kind| kind.name.as_str()).collect();
    assert_eq!(kinds, ["customer_id", "phone", "email", "twitter", "whatsapp"], "by rank, then name");
    let fixed = rules.division("fixed").expect("declared");
    let faults = rules.queue("faults").expect("declared");
    assert_eq!(rules.queues[faults.at()].division, fixed);
    assert_eq!(rules.divisions[fixed.at()].queues, [faults]);
    assert_eq!(rules.divisions[1].queues.len(), 4);
    assert_eq!(rules.routes[2].queue, faults);
    assert_eq!(rules.routes[2].when.intent, Some(vec![2, 3]));
    assert_eq!(rules.routes[1].when.failed_attempts, Some(Range { at_least: 4, at_most: i64::MAX }));
    assert_eq!(rules.routes[4].when.channel, Some(1 << 3));
    let hours = rules.routes[3].when.hour_of_week.as_deref().expect("given");
    let set = |hour: usize| hours[hour / 64] >> (hour % 64) & 1 == 1;
    assert_eq!((0..168).filter(|hour| set(*hour)).count(), 60);
    assert!(!set(8) && set(9) && set(20) && !set(21) && set(116) && !set(117));
    let target = rules.queues[faults.at()].sla[Objective::Resolution as usize].as_ref().expect("given");
    assert_eq!(rules.calendar(target.calendar).name, "shops");
    assert_eq!((target.target, &target.warn[..]), (DurationMs::seconds(108_000), &[50, 80][..]));
    let all =
        sound("[channels.a]\nexcludes = [\"*\"]\n[channels.b]\n[channels.c]\nexcludes = [\"a\", \"b\"]\n");
    assert_eq!([0, 1, 2].map(|at| all.channels[at].excludes), [0b110, 0, 0b011], "never its own bit");
}

#[test]
fn example_rules_are_sound() {
    for (name, text) in [("shop", SHOP), ("bank", BANK), ("telco", TELCO)] {
        let checked = check(text, name);
        let told: Vec<String> =
            checked.complaints.iter().chain(&checked.warnings).map(Complaint::to_string).collect();
        assert!(told.is_empty(), "{}", told.join("\n"));
        let rules = checked.rules.expect("no complaint");
        assert!(rules.queues.len() >= 4 && rules.text == text);
        assert!(
            rules.divisions.iter().map(|division| division.queues.len()).sum::<usize>() == rules.queues.len()
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    /// Whatever is cut out of a file, put into it or doubled: complaints or rules, in order, within the file.
    #[test]
    fn damaged_files(
        text in prop::sample::select(vec![EXAMPLE, SHOP, BANK, TELCO]),
        damage in prop::collection::vec((any::<prop::sample::Index>(), 0usize..40, "[\\[\\]{}=\"'.,#\n a-z0-9é-]{0,6}"), 1..4),
    ) {
        let mut text = text.to_owned();
        for (at, length, put) in damage {
            let places: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
            let first = at.index(places.len());
            let end = places.get(first + length).copied().unwrap_or(text.len());
            text.replace_range(places[first]..end, &put);
        }
        let checked = check(&text, "r.toml");
        prop_assert_eq!(checked.rules.is_some(), checked.complaints.is_empty());
        let lines: Vec<usize> = text.split('\n').map(|line| line.chars().count()).collect();
        let mut last = (0, 0);
        for complaint in &checked.complaints {
            let place = (complaint.line as usize, complaint.column as usize);
            prop_assert!(last <= place, "{} comes after {:?}", complaint, last);
            prop_assert!(place.0 <= lines.len() && place.1 <= lines[place.0 - 1] + 1, "{} is outside", complaint);
            last = place;
        }
    }
}
