//! What users of other routers complain about, one story each, under the names of the survey: C1 to C17.

use super::{PLAIN, desk, with_ann};
use crate::support::story::tell;

/// Queued items stay while newer ones are assigned.
#[test]
fn c1_what_waits_goes_first_when_an_agent_frees() {
    tell(
        PLAIN,
        "
    +0s   agent ann capacity.chat=1
    +0s   state ann available
    +1s   contact chat id:1
          -> opened c1
          -> offered c1 ann
    +2s   accepts ann c1
    +3s   contact chat id:2
          -> opened c2
    +4s   contact chat id:3
          -> opened c3
    +5s   resolved ann c1                    # with this very event, the older one
          -> closed c1 resolved
          -> offered c2 ann
    ",
    );
}

/// Two agents get one contact, or one agent more than the limit, when all comes at once.
#[test]
fn c2_nobody_gets_more_than_the_limit_nor_two_the_same() {
    let events: String = (1..=6)
        .map(|n| {
            format!(
                "+1s contact chat id:{n}\n-> opened c{n}\n{}\n",
                match n {
                    1 => "-> offered c1 ann",
                    2 => "-> offered c2 bob",
                    _ => "",
                }
            )
        })
        .collect();
    tell(
        PLAIN,
        &format!(
            "
    +0s   agent ann capacity.chat=1
    +0s   agent bob capacity.chat=1
    +0s   state ann available
    +0s   state bob available
    {events}
    +2s   accepts bob c1                     # not his
    +2s   accepts ann c1
    +2s   accepts ann c1                     # twice
    "
        ),
    );
}

/// Agents or contacts stuck after a race: every order of answer, time-out, hang-up and log-out ends well.
#[test]
fn c3_no_race_leaves_anybody_stuck() {
    for race in [
        "+2s abandoned c1\n-> withdrawn c1 ann abandoned\n-> closed c1 abandoned\n+2s accepts ann c1",
        "+2s accepts ann c1\n+2s abandoned c1\n-> withdrawn c1 ann abandoned\n-> closed c1 answered",
        "+2s resolved ann c1\n-> closed c1 resolved\n+2s declines ann c1",
        "+2s state ann offline\n-> withdrawn c1 ann agent_left\n+2s accepts ann c1\n+3s abandoned c1\n\
         -> closed c1 abandoned\n+3s state ann available",
        "+21s -> withdrawn c1 ann timeout\n+21s accepts ann c1\n+22s abandoned c1\n-> closed c1 abandoned\n\
         +23s state ann available",
    ] {
        tell(
            PLAIN,
            &format!(
                "
    +0s   agent ann capacity.chat=1
    +0s   state ann available
    +1s   contact chat id:1
          -> opened c1
          -> offered c1 ann
    {race}
    +1m   contact chat id:2                  # ann is free and gets the next one
          -> opened c2
          -> offered c2 ann
    "
            ),
        );
    }
}

/// "Why this agent?"
#[test]
fn c4_every_offer_says_why() {
    tell(
        &desk(
            "strategy = \"best_skill\"\nskills = { law = { level = 5 } }\naffinity = \"5s\"\n\
             steps = [{ after = \"10s\", lower = { law = 1 } }]",
        ),
        "
    +0s   agent ann capacity.chat=1 skills.law=2 queues.desk.rank=3
    +0s   agent bob capacity.chat=1 skills.law=1
    +0s   state ann available
    +0s   state bob available
    +1s   contact chat id:1 value=7
          -> opened c1
    +11s  -> offered c1 ann reason.strategy=best_skill reason.rank=3 reason.relaxed=1 reason.candidates=2 reason.affinity=- priority=7 value=7 waited_ms=10000
    until +11s
    ",
    );
}

/// One target a queue, where several are needed.
#[test]
fn c5_a_queue_has_several_service_levels() {
    tell(
        &desk(
            "[queues.desk.sla]\nfirst_response = { target = \"1m\", calendar = \"always\" }\n\
             queue_wait = { target = \"20s\", calendar = \"always\" }\nresolution = { target = \"1h\", calendar = \"always\" }",
        ),
        "
    +0s      contact chat id:1
             -> opened c1
    +20s1ms  -> breached c1 queue_wait
    +1m1ms   -> breached c1 first_response
    +1h1ms   -> breached c1 resolution
    until +2h
    ",
    );
}

/// Units of priority are unclear; mail must never beat a call.
#[test]
fn c6_a_mail_never_beats_a_call() {
    tell(
        &desk("[queues.calls]\ndivision = \"main\""),
        "
    +0s   contact mail id:1 value=1000000
          -> opened c1
    +300h contact phone id:2 queue=calls
          -> opened c2
    +300h agent ann capacity.mail=1 capacity.phone=1 queues.calls.rank=1 queues.desk.rank=2
    +300h state ann available
          -> offered c2 ann
    "
        .replace("300h", "20h")
        .as_str(),
    );
}

/// Wrap-up is lost or cut short across queues.
#[test]
fn c7_wrap_up_counts_in_every_queue() {
    tell(
        &desk("wrap_up = \"1m\"\n[queues.other]\ndivision = \"main\""),
        "
    +0s   agent ann capacity.chat=1
    +0s   state ann available
    +1s   contact chat id:1
          -> opened c1
          -> offered c1 ann
    +2s   accepts ann c1
    +3s   resolved ann c1
          -> closed c1 resolved
    +4s   contact chat id:2 queue=other
          -> opened c2
    +5s   state ann away                     # nor does a change of state end it
    +6s   state ann available
    +63s  -> offered c2 ann
    until +63s
    ",
    );
}

/// Capacity is exceeded when silent chats wake up, and when somebody comes back to a hundred items.
#[test]
fn c8_woken_chats_count_and_a_ramp_bounds_who_comes_back() {
    let waiting: String = (1..=5).map(|n| format!("+{n}s contact mail id:{n}\n-> opened c{n}\n")).collect();
    tell(
        &PLAIN.replace("[divisions.main]", "[divisions.main]\nramp = 2"),
        &format!(
            "{waiting}
    +10s  agent ann capacity.mail=100 budget=1000
    +10s  state ann available                # two at once, told in the order of ids
          -> offered c2 ann
          -> offered c1 ann
    +11s  accepts ann c1
    +11s  accepts ann c2
    +70s  -> offered c3 ann
    +70s  -> offered c4 ann
    until +70s
    "
        ),
    );
}

/// A clock runs after the resolve, counts closed hours, cannot split a day.
#[test]
fn c9_clocks_end_with_the_resolve_and_lunch_is_no_time() {
    tell(
        &desk(
            "[queues.desk.sla]\nfirst_response = { target = \"90m\", calendar = \"day\" }\n[calendars.day]\nzone = \"UTC\"\n\
             open = { mon = [\"09:00-10:00\", \"11:00-17:00\"] }",
        ),
        "
    +0s        contact chat id:1
               -> opened c1
    +1s        contact chat id:2
               -> opened c2
    +2s        resolved c2
               -> closed c2 resolved breached=[]
    +2h30m1ms  -> breached c1 first_response due=+2h30m
    until +8h
    ",
    );
}

/// A clock is parked in "waiting on customer" although the customer has replied.
#[test]
fn c10_the_customers_message_restarts_a_parked_clock() {
    tell(
        &desk("[queues.desk.sla]\nresolution = { target = \"1m\", calendar = \"always\" }"),
        &with_ann(
            "
    +0s      contact chat id:1
             -> opened c1
             -> offered c1 ann
    +1s      accepts ann c1
    +10s     held c1                         # 50 s left
    +20s     contact chat id:1
    +70s1ms  -> breached c1 resolution due=+70s
    until +2m
    ",
        ),
    );
}

/// A queue of high weight blocks others though its contact cannot use the agent.
#[test]
fn c11_what_an_agent_cannot_take_stands_in_nobodys_way() {
    tell(
        &desk("[queues.vip]\ndivision = \"main\"\nskills = { law = { level = 9 } }"),
        "
    +0s   contact chat id:1 queue=vip value=9000
          -> opened c1
    +1s   contact chat id:2
          -> opened c2
    +2s   agent ann capacity.chat=1 skills.law=8 queues.vip.rank=1 queues.desk.rank=2
    +2s   state ann available
          -> offered c2 ann
    ",
    );
}

/// Counters double when an event comes twice.
#[test]
fn c12_what_comes_twice_counts_once() {
    tell(
        &desk("strategy = \"fewest_handled\""),
        "
    +0s   agent ann capacity.chat=2
    +0s   agent bob capacity.chat=2
    +0s   state ann available
    +0s   state bob available
    +1s   contact chat id:1
          -> opened c1
          -> offered c1 ann
    +2s   accepts ann c1 !id=same
    +2s   accepts ann c1 !id=same
    +3s   contact chat id:2
          -> opened c2
          -> offered c2 bob
    +4s   accepts bob c2
    +5s   contact chat id:3                  # one each: ann, idle for longer
          -> opened c3
          -> offered c3 ann
    ",
    );
}

/// Bulk changes meet a limit of requests: a thousand updates of one instant are all there for the next decision.
#[test]
fn c13_bulk_changes_count_at_once() {
    let waiting: String = (1..=40).map(|n| format!("+1s contact chat id:{n}\n-> opened c{n}\n")).collect();
    let changes: String = (1..=40).map(|n| format!("+2s updated id:{n} value={}\n", n * 10)).collect();
    tell(
        PLAIN,
        &format!(
            "{waiting}{changes}+2s agent ann capacity.chat=1\n+2s state ann available\n-> offered c40 ann value=400"
        ),
    );
}

/// A change of routing cannot be tried before it goes live: one log, two rules, two answers, each the same every time.
#[test]
fn c14_the_same_log_under_other_rules() {
    let log = |first: &str, priority: &str| {
        format!(
            "
    +0s   contact chat id:1
          -> opened c1
    +10m  contact chat id:2 value=5
          -> opened c2
    +11m  agent ann capacity.chat=1
    +11m  state ann available
          -> offered {first} ann priority={priority}
    "
        )
    };
    tell(&desk(""), &log("c1", "11"));
    tell(&desk("curve = [[\"0s\", 0]]"), &log("c2", "5"));
}

/// Declined work is offered to the same agents again.
#[test]
fn c15_who_declined_is_not_asked_again_for_a_while() {
    tell(
        &desk("exclude_after_miss = \"1m\""),
        "
    +0s   agent ann capacity.chat=1
    +0s   state ann available
    +1s   contact chat id:1
          -> opened c1
          -> offered c1 ann
    +2s   declines ann c1
          -> withdrawn c1 ann declined
    +30s  agent bob capacity.chat=1
    +30s  state bob available
          -> offered c1 bob
    +31s  declines bob c1
          -> withdrawn c1 bob declined
    +62s  -> offered c1 ann
    until +62s
    ",
    );
}

/// A queued callback can be neither seen nor removed.
#[test]
fn c16_a_callback_can_be_moved_and_cancelled() {
    tell(
        PLAIN,
        &with_ann(
            "
    +1s   callback phone due=+10h id:1
          -> opened c1
    +2s   callback phone due=+20h id:1       # put off
    +3s   abandoned c1                       # cancelled
          -> closed c1 abandoned
    until +30h
    ",
        ),
    );
}

/// Offline agents' conversations open to them again.
#[test]
fn c17_nobody_waits_for_who_is_offline() {
    tell(
        &desk("affinity = \"1h\""),
        "
    +0s   agent ann capacity.chat=1
    +0s   agent bob capacity.chat=1
    +0s   state ann available
    +1s   contact chat id:1
          -> opened c1
          -> offered c1 ann
    +2s   accepts ann c1
    +3s   replied ann c1
    +4s   resolved ann c1
          -> closed c1 resolved
    +5s   state ann offline
    +6s   state bob available
    +7s   contact chat id:1
          -> opened c2
          -> offered c2 bob reason.affinity=- context.last_agent=ann
    ",
    );
}
