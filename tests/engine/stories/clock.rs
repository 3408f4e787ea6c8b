//! The clock, and when timers fire.

use super::{PLAIN, desk, with_ann};
use crate::support::story::tell;

#[test]
fn the_clock_never_goes_back() {
    tell(
        PLAIN,
        &with_ann(
            "
    +10s  contact chat id:7
          -> opened c1
          -> offered c1 ann expires=+30s
    +4s   accepts ann c1                     # its time is behind the clock, which stays at +10s
    +12s  resolved ann c1
          -> closed c1 resolved open_ms=2000 wait_ms=0
    ",
        ),
    );
}

#[test]
fn a_late_contact_has_arrived_when_it_was_sent() {
    tell(
        PLAIN,
        &with_ann(
            "
    +60s  customer id:9
    +20s  contact chat id:7
          -> opened c1 !time=+60s
          -> offered c1 ann waited_ms=40000 priority=1 expires=+80s context.first_contact=+20s
    ",
        ),
    );
}

#[test]
fn but_at_most_max_late_ago() {
    let rules = format!("[clock]\nmax_late = \"5s\"\n{PLAIN}");
    tell(
        &rules,
        &with_ann(
            "
    +60s  customer id:9
    +20s  contact chat id:7
          -> opened c1
          -> offered c1 ann waited_ms=5000 context.first_contact=+55s
    ",
        ),
    );
}

#[test]
fn timers_fire_before_the_entry_at_their_very_instant() {
    tell(
        PLAIN,
        &with_ann(
            "
    +1s   contact chat id:7
          -> opened c1
          -> offered c1 ann expires=+21s
    +21s  -> withdrawn c1 ann timeout
    +21s  accepts ann c1                     # too late
    ",
        ),
    );
}

#[test]
fn a_duplicate_moves_the_clock_and_fires_timers() {
    tell(
        PLAIN,
        &with_ann(
            "
    +1s   contact chat id:7
          -> opened c1
          -> offered c1 ann
    +30s  contact chat id:7 !id=e2
    +21s  -> withdrawn c1 ann timeout
    ",
        ),
    );
}

#[test]
fn a_reject_does_not_move_the_clock() {
    tell(
        PLAIN,
        &with_ann(
            "
    +1s   contact chat id:7
          -> opened c1
          -> offered c1 ann
    +60s  contact fax id:8
          -> rejected unknown_channel position=0:3:0 detail=data.channel !time=+1s !cause=0:3:0
    +2s   accepts ann c1
    +3s   resolved ann c1
          -> closed c1 resolved wait_ms=1000
    ",
        ),
    );
}

#[test]
fn until_is_inclusive() {
    tell(
        PLAIN,
        &with_ann(
            "
    +1s   contact chat id:7
          -> opened c1
          -> offered c1 ann
    +21s  -> withdrawn c1 ann timeout !cause=timer
    until +21s
    ",
        ),
    );
    tell(
        PLAIN,
        &with_ann(
            "
    +1s   contact chat id:7
          -> opened c1
          -> offered c1 ann
    until +20s999ms
    ",
        ),
    );
}

#[test]
fn what_the_last_entry_made_due_fires_at_the_end() {
    tell(
        &desk("offer_timeout = \"0s\""),
        &with_ann(
            "
    +1s   contact chat id:7
          -> opened c1
          -> offered c1 ann expires=+1s
    +1s   -> withdrawn c1 ann timeout
    ",
        ),
    );
}

#[test]
fn timers_of_one_instant_fire_by_kind_then_conversation() {
    // The offer expires, then wrap-up ends and frees the other agent, then the breaches are told, first of c1.
    let rules = desk(
        "wrap_up = \"10s\"\noffer_timeout = \"10s\"\n[queues.desk.sla]\n\
         queue_wait = { target = \"9999ms\", calendar = \"always\", warn = [50] }",
    );
    tell(
        &rules,
        "
    +0s   agent bob capacity.chat=1
    +0s   agent ann capacity.chat=1
    +0s   state ann available
    +0s   contact chat id:1
          -> opened c1
          -> offered c1 ann
    +0s   accepts ann c1
    +5s   resolved ann c1
          -> closed c1 resolved
    +5s   state bob available
    +5s   contact chat id:2
          -> opened c2
          -> offered c2 bob expires=+15s
    +9999ms  -> warning c2 queue_wait percent=50 due=+14999ms
    +15s  -> withdrawn c2 bob timeout
    +15s  -> offered c2 ann
    +15s  -> breached c2 queue_wait late_ms=1
    until +15s
    ",
    );
}

#[test]
fn a_decision_of_a_timer_carries_the_trace_of_the_latest_contact() {
    let trace = |n: u8| format!("00-0000000000000000000000000000000{n}-00f067aa0ba902b7-01");
    let (one, two, three) = (trace(1), trace(2), trace(3));
    tell(
        PLAIN,
        &with_ann(&format!(
            "
    +1s   contact chat id:7 !traceparent={one}
          -> opened c1 !traceparent={one}
          -> offered c1 ann !traceparent={one}
    +2s   contact chat id:7 !traceparent={two}
    +21s  -> withdrawn c1 ann timeout !traceparent={two}
    +22s  state ann available !traceparent={three}
    +51s  -> offered c1 ann !traceparent={two}      # no longer excluded
    +60s  accepts ann c1
    +61s  resolved ann c1
          -> closed c1 resolved !traceparent=-
    "
        )),
    );
}
