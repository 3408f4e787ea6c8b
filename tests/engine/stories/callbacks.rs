//! Callbacks: a conversation that waits for its time, keeps its place, is replaced and cancelled.

use super::{ANN, PLAIN, desk, with_ann};
use crate::support::story::tell;

#[test]
fn a_callback_waits_for_its_time_and_keeps_its_place() {
    tell(
        &desk(
            "[queues.desk.sla]\nqueue_wait = { target = \"1m\", calendar = \"always\" }\n\
             first_response = { target = \"2m\", calendar = \"always\" }\n\
             resolution = { target = \"1h\", calendar = \"always\" }",
        ),
        &with_ann(
            "
    +1s   callback phone due=+1h id:7 value=30
          -> opened c1 channel=phone value=30 reopened=false
    +1h   -> offered c1 ann waited_ms=3599000 due.queue_wait=+1h1m due.first_response=+1h2m due.resolution=+2h context.attempts=[] context.first_contact=+1s
    until +1h
    ",
        ),
    );
}

#[test]
fn what_waits_becomes_a_callback_and_its_offer_is_superseded() {
    tell(
        &desk("[queues.desk.sla]\nfirst_response = { target = \"2m\", calendar = \"always\", warn = [50] }"),
        &with_ann(
            "
    +1s   contact chat id:7
          -> opened c1
          -> offered c1 ann
    +2s   callback phone due=+10m id:7
          -> withdrawn c1 ann superseded
    +10m  -> offered c1 ann channel=phone waited_ms=599000 due.first_response=+12m
    until +10m
    ",
        ),
    );
}

#[test]
fn one_that_has_passed_is_queued_at_once() {
    tell(
        PLAIN,
        &with_ann(
            "
    +1s   callback phone due=-1h id:7
          -> opened c1
          -> offered c1 ann
    ",
        ),
    );
}

#[test]
fn a_callback_counts_as_at_most_ninety_days_away() {
    tell(
        PLAIN,
        &with_ann(
            "
    +1s    callback phone due=+400d id:7
           -> opened c1
    +90d1s -> offered c1 ann
    until +90d1s
    ",
        ),
    );
}

#[test]
fn a_newer_callback_takes_the_place_of_the_pending_one() {
    tell(
        PLAIN,
        &with_ann(
            "
    +1s   callback phone due=+1h id:7
          -> opened c1
    +2s   callback phone due=+30m id:7
    +30m  -> offered c1 ann
    until +30m
    ",
        ),
    );
}

#[test]
fn who_talks_to_an_agent_gets_a_callback_of_its_own() {
    tell(
        PLAIN,
        &with_ann(
            "
    +1s   contact chat id:7
          -> opened c1
          -> offered c1 ann
    +2s   accepts ann c1
    +3s   callback phone due=+1h id:7
          -> opened c2 channel=phone
    +4s   callback phone due=+2h id:7     # one pending a customer: the first is given up
          -> closed c2 abandoned
          -> opened c3
    +5s   contact chat id:7                  # belongs to what is going on
    +6s   resolved ann c1
          -> closed c1 resolved contacts=2
    +2h   -> offered c3 ann waited_ms=7196000 context.first_contact=+4s
    until +2h
    ",
        ),
    );
}

#[test]
fn leaving_cancels_a_callback() {
    tell(
        PLAIN,
        &with_ann(
            "
    +1s   callback phone due=+1h id:7
          -> opened c1
    +2s   abandoned id:7
          -> closed c1 abandoned contacts=0
    until +2h
    ",
        ),
    );
}

#[test]
fn a_contact_queues_a_callback_now() {
    tell(
        &desk("[queues.desk.sla]\nfirst_response = { target = \"2m\", calendar = \"always\" }"),
        &with_ann(
            "
    +1s   callback phone due=+1h id:7
          -> opened c1
    +1m   contact chat id:7
          -> offered c1 ann channel=chat waited_ms=59000 due.first_response=+3m
    +61s  accepts ann c1
    +62s  replied ann c1
    until +2h
    ",
        ),
    );
}

#[test]
fn a_callback_is_no_attempt() {
    tell(
        PLAIN,
        "
    +1s   callback phone due=+1h id:7
          -> opened c1
    +2s   abandoned id:7
          -> closed c1 abandoned
    +0s   agent ann capacity.chat=1
    +2s   state ann available
    +3s   contact chat id:7
          -> opened c2
          -> offered c2 ann context.attempts=[] context.failed_attempts=0
    ",
    );
}

#[test]
fn idle_close_counts_from_when_a_callback_is_due() {
    tell(
        &PLAIN.replace("[calendars", "[conversation]\nidle_close = \"1h\"\ncontinuity = \"10m\"\n[calendars"),
        "
    +1s   callback phone due=+3h id:7
          -> opened c1
    +2h   contact chat id:7                  # within continuity of what is still to come
    +3h   -> closed c1 idle contacts=1
    until +4h
    ",
    );
}

#[test]
fn a_callback_can_be_transferred_and_updated_and_stays_one() {
    tell(
        &desk("[queues.spare]\ndivision = \"main\""),
        "
    +0s   agent ann capacity.phone=1 queues.spare.rank=2
    +0s   state ann available
    +1s   callback phone due=+1h id:7
          -> opened c1 queue=desk
    +2s   transferred spare c1
    +3s   updated c1 value=70
    +4s   held c1                            # nobody has it
    +1h   -> offered c1 ann queue=spare value=70
    until +1h
    ",
    );
}

#[test]
fn an_id_set_aside_for_a_callback_counts_only_if_nothing_else_does() {
    tell(
        PLAIN,
        "
    +1s   contact chat id:7
          -> opened c1
    +2s   callback phone due=+10m id:7
    +3s   resolved ann c1
          -> closed c1 resolved
    +4s   contact chat id:7                  # never opened, so it is not opened again
          -> opened c2 reopened=false
    ",
    );
    let wide = desk("[divisions.side]\n[queues.far]\ndivision = \"side\"");
    tell(
        &wide,
        "
    +0s   contact chat id:7 queue=far
          -> opened c1 division=side
    +1s   contact chat id:7
          -> opened c2 division=main
    +2s   callback phone due=+10m id:7
    +3s   abandoned c2
          -> closed c2 abandoned
    +4s   abandoned id:7                     # what is there, not what may be
          -> closed c1 abandoned
    +5s   transferred far id:7               # and a hand-over never means it
    ",
    );
}

#[test]
fn what_comes_due_enters_its_queue_as_everything_does() {
    tell(
        &desk(
            "closed = { calendar = \"day\", then = \"overflow\", to = \"spare\" }\n[queues.spare]\ndivision = \"main\"\n\
             [calendars.day]\nzone = \"UTC\"\nopen = { mon = [\"10:00-12:00\"] }",
        ),
        &with_ann(
            "
    +1s   callback phone due=+3h id:7
          -> opened c1 queue=desk
    +3h   -> offered c1 ann queue=spare
    until +3h
    ",
        ),
    );
}

#[test]
fn the_clocks_of_one_that_has_passed_start_now() {
    tell(
        &desk("[queues.desk.sla]\nfirst_response = { target = \"2m\", calendar = \"always\" }"),
        &with_ann(
            "
    +10s  callback phone due=-1h id:7
          -> opened c1
          -> offered c1 ann due.first_response=+2m10s
    ",
        ),
    );
}

#[test]
fn who_cannot_be_told_apart_gets_a_callback_each() {
    tell(
        PLAIN,
        "
    +1s   callback phone due=+1h id:anonymous
          -> opened c1
    +2s   callback phone due=+1h id:anonymous
          -> opened c2
    ",
    );
}

/// `desk` in the division `main`, a queue `far` in `side`, where `sue` and `tim` work.
fn wide(desk_lines: &str) -> String {
    desk(&format!(
        "{desk_lines}\n[divisions.side]\n[queues.far]\ndivision = \"side\"\naffinity = \"1m\"\n[queues.far.sla]\n\
         first_response = {{ target = \"2m\", calendar = \"always\" }}"
    ))
}

const SIDE: &str = "
    +0s   agent sue division=side capacity.phone=1 capacity.chat=1
    +0s   agent tim division=side capacity.phone=1 capacity.chat=1
    +0s   state sue division=side available
    +1s   state tim division=side available
";

#[test]
fn a_callback_that_moves_to_another_division_still_waits_for_its_time() {
    tell(
        &wide(""),
        &format!(
            "{SIDE}
    +1s   callback phone due=+1h id:7 value=5
          -> opened c1 division=main
    +2s   transferred far c1 agent=tim       # the call is wanted in an hour, wherever
          -> closed c1 moved
          -> opened c2 division=side queue=far value=5 reopened=false
    +1h   -> offered c2 tim reason.affinity=preferred waited_ms=3599000 due.first_response=+1h2m context.first_contact=+1s
    until +1h
    "
        ),
    );
    // So does one that a request made of what waited, by an update as by a transfer.
    tell(
        &wide(""),
        &format!(
            "{SIDE}
    +1s   contact chat id:7
          -> opened c1
    +2s   callback phone due=+1h id:7
    +3s   updated c1 queue=far value=9
          -> closed c1 moved
          -> opened c3 division=side queue=far value=9
    +4s   callback phone due=+2h id:7 queue=far      # a newer one takes its place there
    +5s   contact phone id:7 queue=far               # and a contact queues it now
          -> offered c3 sue waited_ms=4000
    until +20s
    "
        )
        .replace("c3", "c2"),
    );
}

#[test]
fn what_an_agent_may_have_moves_at_once() {
    // Talks to ann, who accepted it, while another callback is noted: the line must not go dead.
    let story = |taken: &str| {
        format!(
            "{ANN}{SIDE}
    +2s   contact chat id:7
          -> opened c1
          {taken}
    +4s   callback phone due=+1h id:7
          -> opened c2 channel=phone
    +5s   transferred far c1
          -> withdrawn c1 ann transferred
          -> closed c1 moved
          -> opened c3 division=side
          -> offered c3 sue
    "
        )
    };
    tell(&wide(""), &story("-> offered c1 ann\n+3s accepts ann c1"));
    tell(&wide("accept = \"auto\""), &story("-> offered c1 ann accept=auto"));
    // An order of a supervisor ends a callback, so there is nothing to wait for.
    tell(
        &wide(""),
        &format!(
            "{ANN}{SIDE}
    +2s   callback phone due=+1h id:7
          -> opened c1
    +3s   assigned ann c1
          -> offered c1 ann accept=ordered
    +4s   transferred far c1
          -> withdrawn c1 ann transferred
          -> closed c1 moved
          -> opened c2 division=side
          -> offered c2 sue
    "
        ),
    );
}

#[test]
fn of_two_callbacks_of_a_division_the_one_that_comes_later_stays() {
    tell(
        &wide(""),
        &format!(
            "{SIDE}
    +1s   callback phone due=+1h id:7 queue=far
          -> opened c1 division=side
    +2s   callback phone due=+2h id:7
          -> opened c2 division=main
    +3s   transferred far c2
          -> closed c2 moved
          -> closed c1 abandoned
          -> opened c3 division=side
    +2h   -> offered c3 sue
    until +2h
    "
        ),
    );
}

#[test]
fn what_was_folded_of_a_callback_and_a_conversation_that_waits_moves_at_once() {
    tell(
        &wide(""),
        &format!(
            "{SIDE}
    +1s   callback phone due=+1h mail:a
          -> opened c1
    +2s   contact chat id:7
          -> opened c2
    +3s   linked id:7 mail:a
          -> merged
          -> merged c2
    +4s   transferred far c1
          -> closed c1 moved
          -> opened c3 division=side
          -> offered c3 sue
    "
        ),
    );
}

#[test]
fn a_callback_that_a_blocked_customer_opens_is_closed_at_once() {
    let blocked = format!("[conversation]\nblocked = {{ template = \"blocked\" }}\n{PLAIN}");
    tell(
        &blocked,
        &with_ann(
            "
    +0s   customer id:7 blocked=true
    +1s   callback phone due=+1h id:7
          -> opened c1
          -> closed c1 automated contacts=0
          -> automated c1 template=blocked
    +2s   customer id:7 blocked=false
    +3s   contact chat id:7
          -> opened c2
          -> offered c2 ann context.attempts=[]
    +4s   accepts ann c2
    +5s   customer id:7 blocked=true
    +6s   callback phone due=+1h id:7        # beside what ann has: opened by it
          -> opened c3
          -> closed c3 automated
          -> automated c3 template=blocked
    +7s   resolved ann c2
          -> closed c2 resolved
    until +2h
    ",
        ),
    );
    // What was open before the block goes on, as a callback too.
    tell(
        &blocked,
        &with_ann(
            "
    +1s   contact chat id:7 skills.law=1
          -> opened c1
    +2s   customer id:7 blocked=true
    +3s   callback phone due=+1h id:7
    +1h   -> offered c1 ann channel=phone
    until +1h
    ",
        ),
    );
}
