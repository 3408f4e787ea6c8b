//! Ageing as other systems do it, one story for each row of `rules::ageing`: which points a contact has, and who
//! goes first.

use super::{PLAIN, desk};
use crate::support::story::tell;

/// Rules with two queues, each with lines of its table.
fn two(first: &str, second: &str) -> String {
    format!("{}\n[queues.second]\ndivision = \"main\"\n{second}", desk(first))
}

/// After `story` an agent comes and takes one after another in this order, each told as `c1 priority=7`.
fn goes(rules: &str, story: &str, at: &str, order: &[&str]) {
    let mut story = format!("{story}\n{at} agent ann capacity.chat=1\n{at} state ann available\n");
    for who in order {
        let (conversation, points) = who.split_once(' ').expect("who, and with how many points");
        story += &format!("-> offered {conversation} ann {points}\n");
        story += &format!("{at} resolved ann {conversation}\n-> closed {conversation} resolved\n");
    }
    tell(rules, &story);
}

/// Each opens a conversation and waits: the customers n1, n2 …, told by instant and more words.
fn contacts(list: &[&str]) -> String {
    let lines = list.iter().enumerate().map(|(at, words)| {
        let (instant, more) = words.split_once(' ').unwrap_or((words, ""));
        format!("{instant} contact chat id:n{number} {more}\n-> opened c{number}\n", number = at + 1)
    });
    lines.collect()
}

#[test]
fn genesys_cloud_adds_minutes_and_priority() {
    let waiting = contacts(&["+0s value=0", "+4m value=5", "+6m value=5"]);
    goes(PLAIN, &waiting, "+10m", &["c2 priority=11", "c1 priority=10", "c3 priority=9"]);
    // The order is that of arrival less 60,000 ms a point, whenever it is asked for.
    goes(PLAIN, &waiting, "+100m", &["c2 priority=101", "c1 priority=100", "c3 priority=99"]);
}

#[test]
fn genesys_cloud_serves_queues_of_priority_score_first() {
    let rules = two("", "curve = [[\"0s\", 0]]");
    let waiting = contacts(&["+0s value=0", "+8m value=3 queue=second", "+9m value=7 queue=second"]);
    let ranks = "queues.second.rank=1 queues.desk.rank=2";
    let story = format!(
        "{waiting}
    +10m agent ann capacity.chat=1 {ranks}
    +10m state ann available
         -> offered c3 ann priority=7
    +10m resolved ann c3
         -> closed c3 resolved
         -> offered c2 ann priority=3
    +10m resolved ann c2
         -> closed c2 resolved
         -> offered c1 ann priority=10
    "
    );
    tell(&rules, &story);
}

#[test]
fn cxone_accelerates_up_to_a_maximum() {
    // Initial 10, acceleration 5, maximum 60; initial 40, acceleration 1, maximum 1,000.
    let rules = two("curve = [[\"0s\", 10], [\"10m\", 60]]", "curve = [[\"0s\", 40], [\"16h\", 1000]]");
    let waiting = contacts(&["+0s", "+0s queue=second"]);
    goes(&rules, &waiting, "+5m", &["c2 priority=45", "c1 priority=35"]);
    goes(&rules, &waiting, "+8m", &["c1 priority=50", "c2 priority=48"]);
    goes(&rules, &waiting, "+30m", &["c2 priority=70", "c1 priority=60"]);
    goes(&rules, &waiting, "+20h", &["c2 priority=1000", "c1 priority=60"]);
    // Between minutes there are points too: 10 + 5 · 2.4, where whole minutes would give 20.
    goes(&rules, &waiting, "+2m24s", &["c2 priority=42", "c1 priority=22"]);
    // Who brings points of their own has them above the maximum.
    goes(&rules, &contacts(&["+0s", "+1m value=7"]), "+30m", &["c2 priority=67", "c1 priority=60"]);
}

#[test]
fn urs_divides_the_wait_by_the_objective() {
    // 100 points where the objective is reached: 2 minutes, half a minute.
    let rules = two("curve_after = { per_minute = 50 }", "curve_after = { per_minute = 200 }");
    let waiting = contacts(&["+0s", "+0s queue=second"]);
    goes(&rules, &waiting, "+1m", &["c2 priority=200", "c1 priority=50"]);
    let waiting = contacts(&["+0s", "+4m queue=second"]);
    goes(&rules, &waiting, "+5m", &["c1 priority=250", "c2 priority=200"]);
    // Seven minutes at 100 points, not a whole number a minute: a point is 4.2 s.
    let rules = desk("curve = [[\"0s\", 0], [\"700m\", 10000]]");
    goes(&rules, &contacts(&["+0s", "+4200ms"]), "+7m", &["c1 priority=100", "c2 priority=99"]);
}

#[test]
fn iwd_steps_up_to_the_service_level_and_down_after_it() {
    let rules = desk(
        "curve = [[\"0s\", 100], [\"4h\", 100], [\"4h\", 200], [\"8h\", 200], [\"8h\", 500], [\"12h\", 500], [\"12h\", 50]]",
    );
    let waiting = contacts(&["+0s", "+5h", "+6h"]);
    goes(&rules, &waiting, "+8h", &["c1 priority=500", "c2 priority=100", "c3 priority=100"]);
    goes(&rules, &waiting, "+9h", &["c1 priority=500", "c2 priority=200", "c3 priority=100"]);
    // The first is late: those who can still be in time go before it.
    goes(&rules, &waiting, "+12h", &["c2 priority=200", "c3 priority=200", "c1 priority=50"]);
    goes(&rules, &waiting, "+13h30m", &["c2 priority=500", "c3 priority=200", "c1 priority=50"]);
}

#[test]
fn iwd_rises_and_falls_in_straight_lines() {
    let rules = desk("curve = [[\"0s\", 100], [\"4h\", 200], [\"12h\", 500], [\"24h\", 50]]");
    let waiting = contacts(&["+0s", "+8h"]);
    goes(&rules, &waiting, "+10h", &["c1 priority=425", "c2 priority=150"]);
    // The lines cross at 16 hours.
    goes(&rules, &waiting, "+15h59m", &["c1 priority=351", "c2 priority=349"]);
    goes(&rules, &waiting, "+16h1m", &["c2 priority=351", "c1 priority=349"]);
    goes(&rules, &waiting, "+20h", &["c2 priority=500", "c1 priority=200"]);
    goes(&rules, &waiting, "+30h", &["c2 priority=125", "c1 priority=50"]);
}

#[test]
fn connect_serves_priorities_strictly() {
    let rules = desk("curve = [[\"0s\", 0]]");
    let waiting = contacts(&["+0s value=-5", "+50m value=-1", "+55m value=-5", "+59m value=-1"]);
    let order = ["c2 priority=-1", "c4 priority=-1", "c1 priority=-5", "c3 priority=-5"];
    goes(&rules, &waiting, "+1h", &order);
    // A change counts at once: the third writes again, as a better customer.
    let changed = format!("{waiting}+1h contact chat id:n3 value=-1\n");
    goes(&rules, &changed, "+1h", &["c2 priority=-1", "c3 priority=-1", "c4 priority=-1", "c1 priority=-5"]);
}

#[test]
fn connect_shifts_the_routing_age() {
    let rules = desk("curve_after = { per_minute = 60 }");
    let waiting = contacts(&["+0s", "+60s value=90", "+61s value=-30"]);
    goes(&rules, &waiting, "+2m", &["c2 priority=150", "c1 priority=120", "c3 priority=29"]);
    // With priorities 5, 5 and 4 as well.
    let waiting = contacts(&["+0s value=-500000", "+60s value=-499910", "+61s value=-400030"]);
    goes(&rules, &waiting, "+2m", &["c3 priority=-399971", "c2 priority=-499850", "c1 priority=-499880"]);
}

#[test]
fn asterisk_knows_priority_and_the_line() {
    let rules = desk("curve = [[\"0s\", 0]]");
    let waiting = contacts(&["+0s value=0", "+1s value=10", "+2s value=0", "+3s value=10"]);
    let order = ["c2 priority=10", "c4 priority=10", "c1 priority=0", "c3 priority=0"];
    goes(&rules, &waiting, "+1h", &order);
}

#[test]
fn freeswitch_adds_seconds_and_scores() {
    let rules = desk("curve_after = { per_minute = 60 }");
    // Base score 20 and skill score 15; two of one second.
    let waiting = contacts(&["+0s", "+30s value=35", "+30s100ms", "+30s900ms"]);
    let order = ["c2 priority=65", "c1 priority=60", "c3 priority=30", "c4 priority=29"];
    goes(&rules, &waiting, "+1m", &order);
}

#[test]
fn salesforce_has_two_priorities_and_zendesk_one() {
    let rules = desk("curve = [[\"0s\", 0]]");
    let waiting = contacts(&["+0s value=-2001", "+1m value=-1005", "+2m value=-1002", "+3m value=-1002"]);
    let order = ["c3 priority=-1002", "c4 priority=-1002", "c2 priority=-1005", "c1 priority=-2001"];
    goes(&rules, &waiting, "+9h", &order);
    let waiting = contacts(&["+0s value=2", "+1m value=4", "+2m value=2", "+3m value=1"]);
    let order = ["c2 priority=4", "c1 priority=2", "c3 priority=2", "c4 priority=1"];
    goes(&rules, &waiting, "+9h", &order);
}

#[test]
fn zendesk_goes_by_the_time_to_the_breach() {
    // Targets of an hour and of ten minutes; points are minutes past the target.
    let rules = two(
        "curve = [[\"0s\", -60]]\ncurve_after = { per_minute = 1 }",
        "curve = [[\"0s\", -10]]\ncurve_after = { per_minute = 1 }",
    );
    let waiting = contacts(&["+0s", "+20m queue=second", "+55m queue=second"]);
    goes(&rules, &waiting, "+57m", &["c2 priority=27", "c1 priority=-3", "c3 priority=-8"]);
}

#[test]
fn rocket_chat_sorts_by_what_does_not_age() {
    let rules = desk("curve = [[\"0s\", 0]]");
    goes(&rules, &contacts(&["+0s", "+1m"]), "+1h", &["c1 priority=0", "c2 priority=0"]);
    // Targets of ten and five minutes: the second goes first, though the first is late already.
    let waiting = contacts(&["+0s value=-10", "+30m value=-5"]);
    goes(&rules, &waiting, "+31m", &["c2 priority=-5", "c1 priority=-10"]);
}
