//! Every kind of complaint, with its place and its words.

use super::{ComplaintSort, check, complaints, sound};
use crate::types::DurationMs;

const TEN: &str = include_str!("../../../tests/data/rules/ten-faults.toml");

/// A division, a queue and a route, to which a case adds.
pub(super) const BASE: &str = "[divisions.d]\n[queues.q]\ndivision = \"d\"\n[[routes]]\nqueue = \"q\"\n";

/// Asserts the complaints of a text, without the name of the file.
pub(super) fn told(text: &str, expected: &[&str]) {
    let told = complaints(text);
    let told: Vec<&str> =
        told.iter().map(|line| line.strip_prefix("r.toml:").expect("the file's name")).collect();
    assert_eq!(told, expected, "in:\n{text}");
}

/// The same for a line added to the queue.
fn queue(line: &str, expected: &[&str]) {
    told(&BASE.replace("[[routes]]", &format!("{line}\n[[routes]]")), expected);
}

#[test]
fn ten_faults_at_once() {
    told(
        TEN,
        &[
            "5:10: dedup.window is \"10 minutes\"; write a duration: a whole number and ms, s, m, h or d in quotes, as \"90s\" or \"24h\"",
            "6:1: unknown key `dedup.max_evnts`; remove it; known here: window, max_events",
            "10:8: identity.kinds.email.form is \"mail\"; write one of \"opaque\", \"handle\", \"email\", \"phone\"",
            "13:10: channels.chat.weight is a string; write an integer from 0 to 1000000",
            "16:8: calendars.office.zone is \"America/New_Amsterdam\", which is no time zone; write an IANA name, as \"America/New_York\"",
            "17:17: calendars.office.open.mon[0] is \"17:00-09:00\", which is no interval; write start and end within one day, as \"09:00-17:30\" or \"00:00-24:00\"; over midnight, two",
            "19:12: a division cannot be named `identity`, which is the name of an output stream; choose another name",
            "22:12: queues.chat.division: the division `care` is not declared; declare it under [divisions.care], or correct the name",
            "23:32: queues.chat.skills.billing.level is 11; write an integer from 1 to 10",
            "25:1: routes[0]: the last route has a condition; end with a [[routes]] that has a `queue` and no `when`",
        ],
    );
}

#[test]
fn keys_and_types() {
    told(
        "colour = 1",
        &[
            "1:1: unknown key `colour`; remove it; known at the top: version, clock, dedup, conversation, identity, channels, calendars, terms, value, divisions, queues, routes, replies",
        ],
    );
    for (section, known) in [
        ("clock", "tick, max_late"),
        ("dedup", "window, max_events"),
        ("identity", "blocked, kinds, forget_after, max_identifiers, generic_after, customer_created"),
        ("conversation", "idle_close, zone, continuity, attempts_kept, attempts_window, blocked"),
        ("channels.c", "excludes, reclaim, release_after, weight, public"),
        ("calendars.c", "zone, open, closed, open_on"),
        (
            "value",
            "base, public, failed_attempt, tier, intent, term, channel, reach, lifetime_value, sentiment",
        ),
        ("divisions.d", "dispatch, ramp, agents_budget"),
    ] {
        let line = format!("2:1: unknown key `{section}.x y`; remove it; known here: {known}");
        told(&format!("[{section}]\n\"x y\" = 1"), &[&line.replace("x y`", "\"x y\"`")]);
    }
    told("version = 1", &["1:11: version is an integer; write a string in quotes"]);
    told("clock = 1", &["1:9: clock is an integer; write a table"]);
    told("channels = []", &["1:12: channels is an array; write a table"]);
    told("[channels.c]\npublic = \"yes\"", &["2:10: channels.c.public is a string; write true or false"]);
    told(
        "[identity]\ncustomer_created = \"on\"",
        &["2:20: identity.customer_created is a string; write true or false"],
    );
    told(
        "[value]\nbase = 1.5",
        &["2:8: value.base is a number with a fraction; write an integer from -1000000 to 1000000"],
    );
    told(
        "[value]\nbase = 0x100_0000",
        &["2:8: value.base is 0x1000000; write an integer from -1000000 to 1000000"],
    );
    told(
        "[value]\nbase = 99999999999999999999",
        &["2:8: value.base is 99999999999999999999; write an integer from -1000000 to 1000000"],
    );
    told(
        "[identity]\nblocked = [1, \"\"]",
        &[
            "2:12: identity.blocked[0] is an integer; write a string in quotes",
            "2:15: identity.blocked[1]: a name of 0 bytes; write 1 to 256 bytes",
        ],
    );
    let long = "n".repeat(257);
    told(
        &format!("[channels.{long}]"),
        &[&format!("1:11: channels.{long}: a name of 257 bytes; write 1 to 256 bytes")],
    );
}

#[test]
fn durations() {
    const WRITE: &str =
        "write a duration: a whole number and ms, s, m, h or d in quotes, as \"90s\" or \"24h\"";
    for text in ["", "90", "s", "-1s", "1.5h", "1w", "1 s", "1h30m", "90S"] {
        told(&format!("[dedup]\nwindow = {text:?}"), &[&format!("2:10: dedup.window is {text:?}; {WRITE}")]);
    }
    told("[dedup]\nwindow = 90", &[&format!("2:10: dedup.window is an integer; {WRITE}")]);
    for text in ["36501d", "99999999999999999999s"] {
        let line = format!("2:10: dedup.window is {text:?}; write at most \"36500d\"");
        told(&format!("[dedup]\nwindow = {text:?}"), &[&line]);
    }
    for (text, ms) in [
        ("0s", 0),
        ("500ms", 500),
        ("90s", 90_000),
        ("10m", 600_000),
        ("24h", 86_400_000),
        ("7d", 604_800_000),
    ] {
        assert_eq!(sound(&format!("[dedup]\nwindow = {text:?}")).dedup.window.0, ms);
    }
    told(
        "[conversation]\nidle_close = \"0s\"",
        &["2:14: conversation.idle_close is no time at all; write more than \"0s\", as \"7d\""],
    );
}

#[test]
fn syntax() {
    told(
        "[dedup]\nwindow = \n[clock]\ntick = \"sun\"",
        &[
            "2:10: string values must be quoted, expected literal string; correct the TOML",
            "4:8: clock.tick is \"sun\"; write one of \"wall\", \"records\"",
        ],
    );
    told(
        "[dedup]\nwindow = \"1s\"\nwindow = \"2s\"\nmax_events = 0",
        &[
            "3:1: duplicate key; correct the TOML",
            "4:14: dedup.max_events is 0; write an integer from 1 to 10000000000",
        ],
    );
    told(
        "[routes]\nx = 1\n[[routes]]\nqueue = 5\n[clock]\ntock = 1",
        &[
            "1:2: routes is a table; write an array of tables under [[routes]]",
            "3:3: duplicate key; correct the TOML",
            "6:1: unknown key `clock.tock`; remove it; known here: tick, max_late",
        ],
    );
    told(
        "[dedup]\nwindow = [1,2\nmax_events = 3",
        &["3:1: missing comma between array elements, expected `,`; correct the TOML"],
    );
    let broken = check("[queues.q\ndivision = \"d\"", "r.toml").complaints;
    assert!(!broken.is_empty() && broken.iter().all(|complaint| complaint.sort == ComplaintSort::Syntax));
}

#[test]
fn identity() {
    told(
        "[identity.kinds.k]",
        &[
            "1:17: identity.kinds.k lacks `form`; say how a value is normalised: \"opaque\", \"handle\", \"email\" or \"phone\"",
            "1:17: identity.kinds.k lacks `rank`; say how far it is trusted: 1 is the most",
        ],
    );
    told(
        "[identity.kinds.k]\nrank = 0\nlimit = 0\nform = \"phone\"\nregion = \"XX\"",
        &[
            "2:8: identity.kinds.k.rank is 0; write an integer from 1 to 1000000",
            "3:9: identity.kinds.k.limit is 0; write an integer from 1 to 65535",
            "5:10: identity.kinds.k.region is \"XX\", which is no region; write two capital letters of ISO 3166, as \"US\"",
        ],
    );
    told(
        "[identity.kinds.k]\nrank = 1\nform = \"opaque\"\nregion = \"US\"\nfold_domains = []",
        &[
            "4:10: identity.kinds.k.region has no meaning here; remove it, or write form = \"phone\"",
            "5:16: identity.kinds.k.fold_domains has no meaning here; remove it, or write form = \"email\"",
        ],
    );
    let kinds: String =
        (0..17).map(|k| format!("[identity.kinds.k{k}]\nrank = 1\nform = \"opaque\"\n")).collect();
    told(&kinds, &["49:17: identity.kinds: 17 are declared; declare at most 16"]);
    let kept = |text: &str| sound(text).identity.forget_after;
    assert_eq!(kept(""), DurationMs::days(400));
    assert_eq!(kept("[identity]\nforget_after = \"97d\""), DurationMs::days(97));
    assert_eq!(
        kept("[conversation]\nidle_close = \"500d\""),
        DurationMs::days(590),
        "the least there may be"
    );
    told(
        "[identity]\ngeneric_after = 0",
        &["2:17: identity.generic_after is 0; write an integer from 1 to 1000000000"],
    );
    told(
        "[identity]\nforget_after = \"10d\"",
        &[
            "2:16: identity.forget_after is too short; write at least `conversation.idle_close` and 90 days more",
        ],
    );
    let rules = sound(
        "[identity]\nblocked = [\" STRASSE\", \"straße\"]\n[identity.kinds.customer_id]\nrank = 1\nform = \"opaque\"",
    );
    assert_eq!(rules.identity.blocked, ["strasse"], "trimmed, case-folded, once");
    assert_eq!(rules.identity.kinds[0].limit, 1, "a customer has one account");
}

#[test]
fn channels_and_divisions() {
    let channels: String = (0..17).map(|c| format!("[channels.c{c}]\n")).collect();
    told(&channels, &["17:11: channels: 17 are declared; declare at most 16"]);
    let divisions: String = (0..257).map(|d| format!("[divisions.d{d}]\n")).collect();
    told(&divisions, &["257:12: divisions: 257 are declared; declare at most 256"]);
    told(
        "[channels.c]\nexcludes = [\"c\", \"d\"]\nweight = -1",
        &[
            "2:13: channels.c.excludes[0] is the channel itself; limit a channel by the agent's capacity instead",
            "2:18: channels.c.excludes[1]: the channel `d` is not declared; declare it under [channels.d], or correct the name",
            "3:10: channels.c.weight is -1; write an integer from 0 to 1000000",
        ],
    );
    told(
        "[divisions.rejects]\ndispatch = \"best\"\nramp = 0",
        &[
            "1:12: a division cannot be named `rejects`, which is the name of an output stream; choose another name",
            "2:12: divisions.rejects.dispatch is \"best\"; write one of \"priority\", \"gcmu\", \"ratio\"",
            "3:8: divisions.rejects.ramp is 0; write an integer from 1 to 1000",
        ],
    );
}

#[test]
fn calendars() {
    const INTERVAL: &str = "which is no interval; write start and end within one day, as \"09:00-17:30\" or \"00:00-24:00\"; over midnight, two";
    for text in ["9:00-17:00", "09:00-09:00", "23:00-24:01", "09:60-10:00", "09:00", "22:00-06:00"] {
        let line = format!("2:17: calendars.c.open.mon[0] is {text:?}, {INTERVAL}");
        told(&format!("[calendars.c]\nopen = {{ mon = [{text:?}] }}"), &[&line]);
    }
    told(
        "[calendars.c]\nopen = { mon = [\"09:00-12:00\", \"11:00-13:00\"], someday = [] }",
        &[
            "2:32: calendars.c.open.mon[1] is \"11:00-13:00\", which overlaps another of its day; join them",
            "2:48: unknown key `calendars.c.open.someday`; remove it; known here: mon, tue, wed, thu, fri, sat, sun",
        ],
    );
    told(
        "[calendars.c]\nopen = \"never\"",
        &["2:8: calendars.c.open is a string; write \"always\", or a table as { mon = [\"09:00-17:00\"] }"],
    );
    told(
        "[calendars.c]\nclosed = [\"2026-02-29\", \"2026-12-25\", \"2026-12-25\"]\nopen_on = { \"2026-12-25\" = [] }",
        &[
            "2:11: calendars.c.closed[0]: \"2026-02-29\" is no date; write year, month and day, as \"2026-12-25\"",
            "2:39: calendars.c.closed[2] is \"2026-12-25\" again; name each date once",
            "3:13: calendars.c is closed and open on 2026-12-25; name each date once",
        ],
    );
    told(
        "[calendars.c]\nzone = \"Etc/Unknown\"",
        &[
            "2:8: calendars.c.zone is \"Etc/Unknown\", which is no time zone; write an IANA name, as \"America/New_York\"",
        ],
    );
    sound(
        "[calendars.c]\nopen = { mon = [\"22:00-24:00\"], tue = [\"06:00-07:00\", \"00:00-06:00\"] }\nclosed = []",
    );
}

#[test]
fn value() {
    told(
        "[value]\nchannel = { fax = 1 }",
        &[
            "2:13: value: the channel `fax` is not declared; declare it under [channels.fax], or correct the name",
        ],
    );
    told(
        "[value]\nfailed_attempt = { points = 5, at_most = -5 }\nreach = [[5, 1], [5, 2], [6]]\nsentiment = [[-101, 1]]",
        &[
            "2:42: value.failed_attempt.at_most has another sign than the points; give both the same sign",
            "3:18: value.reach[1] begins at 5, not above the one before it; order brackets ascending",
            "3:26: value.reach[2] has 1 elements; write two integers: from, points",
            "4:15: value.sentiment[0][0] is -101; write an integer from -100 to 100",
        ],
    );
    told(
        "[value]\nfailed_attempt = {}",
        &["2:1: value.failed_attempt lacks `points`; say how many points each failed attempt gives"],
    );
    told(
        "[terms.t]\nen = \"a AND\"\n[value]\nterm = { t = 1, u = 2 }",
        &[
            "2:12: terms.t.en is no search: a word is missing at the end; use AND OR NOT ( ) \"a phrase\" word* NEAR/3\n    a AND\n         ^",
            "4:17: value: the term `u` is not declared; declare it under [terms.u], or correct the name",
        ],
    );
    let rules = sound("[value]\nfailed_attempt = { points = -5 }");
    assert_eq!((rules.value.failed_attempt_points, rules.value.failed_attempt_at_most), (-5, -1_000_000));
}

#[test]
fn queues() {
    told(
        "[queues.q]\n[[routes]]\nqueue = \"q\"",
        &["1:9: queues.q lacks `division`; name the division that it belongs to"],
    );
    queue(
        "max_offers = { count = 0 }",
        &["4:24: queues.q.max_offers.count is 0; write an integer from 1 to 1000000"],
    );
    queue(
        "accept = \"no\"\nstrategy = \"best\"",
        &[
            "4:10: queues.q.accept is \"no\"; write one of \"offer\", \"auto\"",
            "5:12: queues.q.strategy is \"best\"; write one of \"longest_idle\", \"least_busy\", \"most_spare\", \"best_skill\", \"round_robin\", \"fewest_handled\"",
        ],
    );
    queue(
        "curve = [[\"5m\", 1], [\"4m\", 2], [\"6m\"]]",
        &[
            "4:21: queues.q.curve[1] is younger than the point before it; order points by age; a repeated age is a step",
            "4:32: queues.q.curve[2] has 1 elements; write an age and points, as [\"5m\", 50]",
        ],
    );
    queue("curve = []", &["2:9: queues.q.curve has no point; write one, or leave it out"]);
    queue(
        "curve_after = { per_minute = 2000 }",
        &["4:1: queues.q: the curve leaves ±1073741824 points within 400 days; make it less steep"],
    );
    queue(
        "curve = [[\"0s\", 1073741825]]",
        &["4:17: queues.q.curve[0][1] is 1073741825; write an integer from -1073741824 to 1073741824"],
    );
    queue("affinity = \"0s\"\nsteps = []\nskills = { a = { level = 3, hard = true } }", &[]);
    queue(
        "sla = { queue_wait = { target = \"1s\", calendar = \"c\", warn = [80, 80, 100] }, lunch = {} }",
        &[
            "4:50: queues.q.sla.queue_wait.calendar: the calendar `c` is not declared; declare it under [calendars.c], or correct the name",
            "4:67: queues.q.sla.queue_wait.warn[1] is 80 again; write each percentage once",
            "4:71: queues.q.sla.queue_wait.warn[2] is 100; write an integer from 1 to 99",
            "4:79: unknown key `queues.q.sla.lunch`; remove it; known here: queue_wait, first_response, next_response, resolution",
        ],
    );
}

/// A queue `q` with a line more, among a calendar, a channel and a queue of another division.
fn amid(line: &str, expected: &[&str]) {
    const MORE: &str = "[calendars.c]\n[channels.chat]\n[divisions.e]\n[queues.far]\ndivision = \"e\"\n";
    told(&format!("{}{MORE}", BASE.replace("[[routes]]", &format!("{line}\n[[routes]]"))), expected);
}

#[test]
fn queues_that_lead_elsewhere() {
    amid(
        "closed = { calendar = \"c\", then = \"overflow\" }",
        &["4:35: queues.q.closed overflows nowhere; name a queue with `to`"],
    );
    amid(
        "max_wait = { after = \"1m\", then = \"expire\", to = \"q\" }",
        &[
            "4:35: queues.q.max_wait has a `to` but does not overflow; write then = \"overflow\", or remove `to`",
            "4:50: queues.q.max_wait.to: conversations would overflow in a circle; lead one queue of the circle elsewhere",
        ],
    );
    amid(
        "max_waiting = { count = 0, then = \"overflow\", to = \"far\" }",
        &[
            "4:25: queues.q.max_waiting.count is 0; write an integer from 1 to 1000000000",
            "4:52: queues.q.max_waiting.to: the queue `far` is of another division; name a queue of the same division",
        ],
    );
    amid(
        "max_offers = { count = 3, to = \"nowhere\" }",
        &[
            "4:32: queues.q.max_offers.to: the queue `nowhere` is not declared; declare it under [queues.nowhere], or correct the name",
        ],
    );
    amid(
        "closed = { calendar = \"c\", then = \"wait\", template = \"shut\" }",
        &[
            "4:54: queues.q.closed.template is never sent: what waits stays; use `acknowledge`, or remove the template",
        ],
    );
    amid(
        "acknowledge = { channels = [\"fax\"] }",
        &[
            "4:1: queues.q.acknowledge lacks `template`; name the template to send",
            "4:29: queues.q.acknowledge.channels[0]: the channel `fax` is not declared; declare it under [channels.fax], or correct the name",
        ],
    );
}

#[test]
fn steps_and_dispatch() {
    amid(
        "steps = [{ after = \"9s\", add = \"far\" }]",
        &["4:32: queues.q.steps: the queue `far` is of another division; add a queue of the same division"],
    );
    amid(
        "curve = [[\"0s\", 1073741800]]\nsteps = [{ after = \"9s\", raise = -20 }, { after = \"10s\", raise = 20 }]",
        &["5:9: queues.q.steps: curve and steps together leave ±1073741824 points; raise by less"],
    );
    amid(
        "dispatch = { cost = 0, handle = \"0s\", share = 101 }",
        &[
            "4:21: queues.q.dispatch.cost is 0; write an integer from 1 to 1000000",
            "4:33: queues.q.dispatch.handle is no time at all; write how long a conversation takes an agent, as \"5m\"",
            "4:47: queues.q.dispatch.share is 101; write an integer from 0 to 100",
        ],
    );
    amid(
        "dispatch = { share = 60 }\n[queues.p]\ndivision = \"d\"\ndispatch = { share = 50 }",
        &[
            "1:12: the shares of the queues of `d` are 110 % together; give no more than 100 %",
            "1:12: the shares of the queues of `d` mean nothing by priority; write dispatch = \"gcmu\" or \"ratio\", or remove them",
        ],
    );
    amid(
        "skills = { a = { level = 3, hard = true } }\nsteps = [{ after = \"9s\", drop = [\"a\"] }, { after = \"8s\", raise = 1, add = \"q\" }, { lower = { b = 11 } }]",
        &[
            "5:34: queues.q.steps[0]: the skill `a` is hard; remove it from the step, or `hard` from the skill",
            "5:42: queues.q.steps[1] is not one action; write one of `drop`, `lower`, `add`, `raise` a step",
            "5:52: queues.q.steps[1].after is before the step above it; order steps by time",
            "5:82: queues.q.steps[2] lacks `after`; say how long after the queue is entered, as \"60s\"",
            "5:98: queues.q.steps[2].lower.b is 11; write an integer from 1 to 10",
        ],
    );
}

#[test]
fn circles_of_overflow() {
    let queue = |name: &str, to: &str| {
        format!("[queues.{name}]\ndivision = \"d\"\nmax_offers = {{ to = \"{to}\" }}\n")
    };
    let tail = "[divisions.d]\n[queues.z]\ndivision = \"d\"\n[[routes]]\nqueue = \"z\"\n";
    let told =
        complaints(&[&queue("a", "b"), &queue("b", "c"), &queue("c", "a"), &queue("x", "a"), tail].concat());
    let circles: Vec<&String> = told.iter().filter(|line| line.contains("circle")).collect();
    assert_eq!(circles.len(), 3, "a, b and c, but not x: {told:?}");
    let told = complaints(&[&queue("a", "b"), &queue("b", "z"), tail].concat());
    assert!(told.is_empty(), "{told:?}");
}

#[test]
fn routes() {
    let routes = |lines: &str, expected: &[&str]| {
        told(&format!("[divisions.d]\n[queues.q]\ndivision = \"d\"\n{lines}"), expected);
    };
    routes(
        "",
        &["2:9: there are queues but no routes; end with a [[routes]] that has a `queue` and no `when`"],
    );
    routes("[[routes]]\n", &["4:1: routes[0] lacks `queue`; name the queue that it leads to"]);
    routes(
        "[[routes]]\nqueue = \"p\"",
        &[
            "5:9: routes[0].queue: the queue `p` is not declared; declare it under [queues.p], or correct the name",
        ],
    );
    let when = |when: &str, expected: &[&str]| {
        routes(&format!("[[routes]]\nwhen = {when}\nqueue = \"q\"\n[[routes]]\nqueue = \"q\"\n"), expected);
    };
    when(
        "{ reach = { at_least = 5, at_most = 4 } }",
        &[
            "5:10: routes[0].when.reach contradicts itself: `at_least` is above `at_most`; swap the two bounds",
        ],
    );
    when(
        "{ reach = 5, sentiment = {}, failed_attempts = { at_least = -1 } }",
        &[
            "5:18: routes[0].when.reach is an integer; write a range, as { at_least = 1, at_most = 5 }",
            "5:21: routes[0].when.sentiment has no bound; write `at_least`, `at_most` or both",
            "5:68: routes[0].when.failed_attempts.at_least is -1; write an integer from 0 to 9007199254740992",
        ],
    );
    when(
        "{ tier = \"gold\", lang = [], open = { calendar = \"c\" }, term = [\"t\"] }",
        &[
            "5:17: routes[0].when.tier is a string; write an array of strings",
            "5:32: routes[0].when.lang is empty, so the condition never holds; name at least one, or remove the key",
            "5:56: routes[0].when.open.calendar: the calendar `c` is not declared; declare it under [calendars.c], or correct the name",
            "5:71: routes[0].when.term[0]: the term `t` is not declared; declare it under [terms.t], or correct the name",
        ],
    );
    when(
        "{ hour_of_week = [168, { at_least = 9, at_most = 8 }] }",
        &[
            "5:26: routes[0].when.hour_of_week[0] is 168; write an integer from 0 to 167",
            "5:31: routes[0].when.hour_of_week[1] contradicts itself: `at_least` is above `at_most`; swap the two bounds",
        ],
    );
    let rules = sound(&BASE.replace(
        "[[routes]]",
        "[[routes]]\nwhen = { lang = [\"EN\"] }\nqueue = \"q\"\n[[routes]]\nwhen = {}",
    ));
    assert_eq!(rules.routes[0].when.lang.as_deref(), Some(&["en".to_owned()][..]));
}

#[test]
fn warnings_refuse_nothing() {
    let text = "[divisions.d]\n[divisions.e]\n[calendars.c]\n[queues.p]\ndivision = \"d\"\n[queues.p.sla]\n\
                queue_wait = { target = \"1s\", calendar = \"c\" }\n[queues.q]\ndivision = \"d\"\n\
                closed = { calendar = \"c\", then = \"wait\" }\n\
                [[routes]]\nqueue = \"q\"\n[[routes]]\nqueue = \"q\"\n";
    let checked = check(text, "r.toml");
    assert!(checked.complaints.is_empty() && checked.rules.is_some());
    let told: Vec<String> = checked.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "r.toml:2:12: the division `e` has no queue; remove it, or declare a queue of it",
            "r.toml:4:9: no route leads to the queue `p`; events may still name it; add a route if they do not",
            "r.toml:7:42: the calendar `c` is never open, so this clock counts wall time; give the calendar an interval, or open = \"always\"",
            "r.toml:10:23: the calendar `c` is never open, so what waits here waits for ever; give the calendar an interval, or then = \"overflow\" or \"expire\"",
            "r.toml:13:1: routes[1] is never reached: a route above it has no condition; move it up, or remove it",
        ]
    );
}
