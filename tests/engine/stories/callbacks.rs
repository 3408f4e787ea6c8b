//! Callbacks: a conversation that waits for its time, keeps its place, is replaced and cancelled.

use super::{PLAIN, desk, with_ann};
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
    +2h   -> offered c3 ann waited_ms=7196000
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
