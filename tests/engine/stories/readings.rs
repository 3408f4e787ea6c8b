//! Sentences of routing that no other file tells: what counts from when, ties, several at once,
//! and readings that two people could take differently.

use super::{ANN, PLAIN, desk, with_ann};
use crate::support::story::tell;

/// Two agents for one chat each, both available, bob for longer.
const TWO: &str = "
    +0s   agent ann capacity.chat=1
    +0s   agent bob capacity.chat=1
    +0s   state bob available
    +1s   state ann available
";

/// `desk` and a queue `spare` of the same division.
fn two_queues(desk_lines: &str, spare: &str) -> String {
    desk(&format!("{desk_lines}\n[queues.spare]\ndivision = \"main\"\n{spare}"))
}

#[test]
fn arrived_counts_for_priority_and_queued_for_everything_else() {
    let lines = "steps = [{ after = \"20s\", drop = [\"law\"] }]\naffinity = \"15s\"\n\
                 max_wait = { after = \"30s\", then = \"expire\" }\n";
    let sla = "[queues.spare.sla]\nqueue_wait = { target = \"10s\", calendar = \"always\" }";
    tell(
        &two_queues("", &format!("{lines}{sla}")),
        "
    +0s   agent ann capacity.chat=1 queues.spare.rank=1 queues.spare.delay_s=5 skills.law=1
    +0s   agent bob capacity.chat=1
    +0s   state ann available
    +0s   contact chat id:7 skills.law=1
          -> opened c1 queue=desk
    +100s transferred spare c1               # delay of 5 s, objective of 10 s, bound of 30 s from now on
    +105s -> offered c1 ann waited_ms=105000 priority=2 due.queue_wait=+110s
    +106s state ann offline
          -> withdrawn c1 ann agent_left
    +107s state bob available                # lacks the skill until +120s
    +110s1ms -> breached c1 queue_wait
    +120s -> offered c1 bob reason.relaxed=1 waited_ms=120000
    +121s declines bob c1
          -> withdrawn c1 bob declined
    +130s -> closed c1 expired
    until +140s
    ",
    );
    tell(
        &two_queues("", lines),
        "
    +0s   agent ann capacity.chat=0
    +0s   agent bob capacity.chat=1
    +0s   state ann available
    +0s   contact chat id:7 preferred_agent=ann
          -> opened c1 queue=desk
    +100s updated c1 queue=spare
    +101s state bob available                # 15 s for ann alone, from the entry into this queue
    +115s -> offered c1 bob
    until +115s
    ",
    );
}

#[test]
fn what_an_agent_takes_goes_by_priority_then_arrival_then_id() {
    tell(
        &desk("curve = [[\"0s\", 0]]\ncurve_after = { per_minute = 0 }"),
        "
    +0s   contact chat id:1 value=1
          -> opened c1
    +1s   contact chat id:2 value=2
          -> opened c2
    +1s   contact chat id:3 value=2
          -> opened c3
    +0s   contact chat id:4 value=2          # arrived before, though it came later
          -> opened c4
    +2s   agent ann capacity.chat=1
    +2s   state ann available
          -> offered c4 ann
    +3s   resolved ann c4
          -> closed c4 resolved
          -> offered c3 ann
    +4s   resolved ann c3                    # of one arrival the smaller id
          -> closed c3 resolved
          -> offered c2 ann
    +5s   resolved ann c2
          -> closed c2 resolved
          -> offered c1 ann
    ",
    );
}

#[test]
fn priorities_are_compared_exactly_and_shown_rounded() {
    // A point a minute: c2 is a point dearer and 59.9 s younger, so 1/600 of a point ahead.
    tell(
        PLAIN,
        "
    +0s      contact chat id:1
             -> opened c1
    +59900ms contact chat id:2 value=1
             -> opened c2
    +10m     agent ann capacity.chat=2
    +10m     state ann available
             -> offered c2 ann priority=10
             -> offered c1 ann priority=10
    ",
    );
    tell(
        PLAIN,
        "
    +0s      contact chat id:1
             -> opened c1
    +59900ms contact chat id:2 value=1
             -> opened c2
    +10m     agent ann capacity.chat=1
    +10m     state ann available
             -> offered c2 ann priority=10
    ",
    );
}

#[test]
fn beyond_four_hundred_days_priority_grows_no_more() {
    tell(
        &format!("[conversation]\nidle_close = \"600d\"\n[identity]\nforget_after = \"700d\"\n{}", desk("")),
        "
    +0s    contact chat id:1
           -> opened c1
    +50d   contact chat id:3                  # both older than 400 days, whose slope is rounded down
           -> opened c2
    +500d  contact chat id:2
           -> opened c3
    +501d  agent ann capacity.chat=9
    +501d  state ann available
           -> offered c2 ann priority=575993
           -> offered c3 ann priority=1440
           -> offered c1 ann priority=575993
    ",
    );
}

#[test]
fn a_conversation_asks_who_gets_it_before_freer_agents_are_asked() {
    // Ann, idle for longest, is freed by the transfer and excluded; c1 asks first, and bob gets it although c2, which
    // ann may take, is worth more.
    tell(
        PLAIN,
        &format!(
            "{TWO}
    +2s   contact chat id:1
          -> opened c1
          -> offered c1 bob
    +3s   accepts bob c1
    +4s   contact chat id:2
          -> opened c2
          -> offered c2 ann
    +5s   accepts ann c2
    +6s   contact chat id:3 value=9
          -> opened c3
    +7s   transferred c1                     # bob may not have it back, but takes what waits
          -> withdrawn c1 bob transferred
          -> offered c3 bob
    +8s   agent cy capacity.chat=1
    +8s   state cy available
          -> offered c1 cy
    "
        ),
    );
}

#[test]
fn agents_freed_together_take_in_the_order_of_their_names() {
    // Bob has been idle for longer, but ann is asked first and takes the dearer one.
    tell(
        &format!("[conversation]\ncontinuity = \"0s\"\n{PLAIN}"),
        &format!(
            "{TWO}
    +2s   contact chat id:7
          -> opened c1
          -> offered c1 bob
    +3s   contact chat id:7
          -> opened c2
          -> offered c2 ann
    +4s   contact chat id:8 value=5
          -> opened c3
    +5s   contact chat id:9 value=9
          -> opened c4
    +6s   erased id:7
          -> erased
          -> withdrawn c1 bob erased
          -> withdrawn c2 ann erased
          -> closed c1 erased
          -> closed c2 erased
          -> offered c3 bob                  # offers of one entry stand in the order of ids
          -> offered c4 ann
    "
        ),
    );
}

#[test]
fn steps_leave_hard_skills_alone() {
    let rules = desk(
        "skills = { law = { level = 5, hard = true }, tax = { level = 5 } }\n\
         steps = [{ after = \"10s\", lower = { tax = 1 } }, { after = \"20s\", drop = [\"tax\", \"art\"] }]",
    );
    tell(
        &rules,
        "
    +0s   agent ann capacity.chat=9 skills.law=4 skills.tax=9 skills.art=9
    +0s   agent bob capacity.chat=9 skills.law=5 skills.tax=1
    +0s   state ann available
    +0s   state bob available
    +1s   contact chat id:7
          -> opened c1
    +11s  -> offered c1 bob reason.relaxed=1 reason.candidates=1
    +12s  accepts bob c1
    +13s  contact chat id:8 skills.art=3     # a contact's own are not hard
          -> opened c2
    +33s  -> offered c2 bob reason.relaxed=2
    until +33s
    ",
    );
}

#[test]
fn what_is_accepted_by_itself_counts_as_offer_and_acceptance() {
    let rules = |strategy: &str| {
        desk(&format!(
            "accept = \"auto\"\nstrategy = \"{strategy}\"\nacknowledge = {{ template = \"line\" }}"
        ))
    };
    for strategy in ["fewest_handled", "round_robin", "longest_idle"] {
        tell(
            &rules(strategy),
            "
    +0s   agent ann capacity.chat=2
    +0s   agent bob capacity.chat=2
    +0s   state ann available
    +0s   state bob available
    +1s   contact chat id:1
          -> opened c1
          -> offered c1 ann accept=auto
    +2s   contact chat id:2
          -> opened c2
          -> offered c2 bob
    ",
        );
    }
    // One offer a minute, whoever said yes; and a gap between two acceptances is known.
    tell(
        &rules("longest_idle").replace("[divisions.main]", "[divisions.main]\nramp = 1"),
        &with_ann(
            "
    +1s   contact chat id:1
          -> opened c1
          -> offered c1 ann accept=auto
    +2s   contact chat id:2
          -> opened c2
          -> automated c2 expected_wait_s=- queue_position=1
    +61s  -> offered c2 ann accept=auto
    +62s  contact mail id:3
          -> opened c3
          -> automated c3 expected_wait_s=60 queue_position=1
    until +70s
    ",
        ),
    );
}

#[test]
fn an_order_counts_as_offer_and_acceptance() {
    tell(
        &desk(
            "strategy = \"fewest_handled\"\n[queues.desk.sla]\nqueue_wait = { target = \"10s\", calendar = \"always\" }",
        ),
        &format!(
            "{TWO}
    +2s   contact chat id:1 skills.law=1
          -> opened c1
    +3s   assigned bob c1
          -> offered c1 bob accept=ordered due={{}}
    +4s   resolved bob c1
          -> closed c1 resolved breached=[] wait_ms=1000
    +5s   contact chat id:2                  # bob has handled one
          -> opened c2
          -> offered c2 ann
    "
        ),
    );
    tell(
        &PLAIN.replace("[divisions.main]", "[divisions.main]\nramp = 1"),
        &format!(
            "{ANN}
    +1s   contact chat id:1 skills.law=1
          -> opened c1
    +2s   assigned ann c1
          -> offered c1 ann accept=ordered
    +3s   contact chat id:2
          -> opened c2
    +62s  -> offered c2 ann
    until +62s
    "
        ),
    );
}

#[test]
fn what_overflows_into_a_closed_queue_leaves_as_that_queue_says() {
    let day = "[calendars.day]\nzone = \"UTC\"\nopen = { mon = [\"10:00-12:00\"] }\n";
    let overflow = "max_wait = { after = \"1m\", then = \"overflow\", to = \"spare\" }";
    let closed = format!("closed = {{ calendar = \"day\", then = \"expire\", template = \"later\" }}\n{day}");
    tell(
        &two_queues(overflow, &closed),
        "
    +1s   contact chat id:7
          -> opened c1 queue=desk
    +61s  -> closed c1 expired queue=spare
    +61s  -> automated c1 template=later
    until +2m
    ",
    );
}

#[test]
fn what_counts_for_a_window_is_presence_and_ability_alone() {
    // Ann is on her ramp, has a delay and lets the offer pass; all the same c1 waits for her minute to end.
    let rules = desk("affinity = \"1m\"\nexclude_after_miss = \"5m\"")
        .replace("[divisions.main]", "[divisions.main]\nramp = 1");
    tell(
        &rules,
        "
    +0s   agent ann capacity.chat=2 queues.desk.rank=1 queues.desk.delay_s=5
    +0s   agent bob capacity.chat=1
    +0s   state ann available
    +1s   state bob available
    +2s   contact chat id:7 preferred_agent=ann
          -> opened c1
    +7s   -> offered c1 ann reason.affinity=preferred
    +8s   declines ann c1
          -> withdrawn c1 ann declined
    +62s  -> offered c1 bob reason.affinity=-
    until +62s
    ",
    );
    // Without the language she is not waited for.
    tell(
        &desk("affinity = \"1m\"\nmatch_lang = true"),
        "
    +0s   agent ann capacity.chat=2 langs=[en]
    +0s   agent bob capacity.chat=1 langs=[es]
    +0s   state ann available
    +1s   state bob available
    +2s   contact chat id:7 preferred_agent=ann lang=es
          -> opened c1
          -> offered c1 bob reason.affinity=-
    ",
    );
}

#[test]
fn without_a_known_preferred_agent_the_last_one_has_the_first_window() {
    tell(
        &desk("affinity = \"1m\""),
        &format!(
            "{TWO}
    +2s   contact chat id:7
          -> opened c1
          -> offered c1 bob
    +3s   accepts bob c1
    +4s   replied bob c1
    +5s   resolved bob c1
          -> closed c1 resolved
    +6s   agent bob capacity.chat=0
    +10s  contact chat id:7 preferred_agent=zoe
          -> opened c2
    +69s  agent bob capacity.chat=1
          -> offered c2 bob reason.affinity=last
    +69s  declines bob c2
          -> withdrawn c2 bob declined
    +70s  -> offered c2 ann reason.affinity=-
    until +70s
    "
        ),
    );
}

#[test]
fn wrap_ups_exclude_like_what_is_held() {
    tell(
        &desk("wrap_up = \"10s\""),
        &with_ann(
            "
    +1s   contact phone id:1
          -> opened c1
          -> offered c1 ann
    +2s   accepts ann c1
    +3s   resolved ann c1
          -> closed c1 resolved
    +4s   contact chat id:2
          -> opened c2
    +13s  -> offered c2 ann
    until +13s
    ",
        ),
    );
}

#[test]
fn a_call_of_which_the_switch_tells_nothing_stays_an_unanswered_attempt() {
    tell(
        &desk("accept = \"auto\""),
        &with_ann(
            "
    +1s   contact phone id:1
          -> opened c1
          -> offered c1 ann
    +2s   abandoned c1
          -> withdrawn c1 ann abandoned
          -> closed c1 answered
    +3s   contact phone id:1
          -> opened c2
          -> offered c2 ann context.failed_attempts=1 context.attempts.0.outcome=abandoned
    ",
        ),
    );
}
