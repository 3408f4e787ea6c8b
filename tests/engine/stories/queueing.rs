//! Into a queue and out of it without an agent: closed queues, full queues, overflow, expiry, acknowledgement.

use super::{PLAIN, desk, with_ann};
use crate::support::story::tell;

/// `desk` and a second queue `spare` of the same division; what waits longest goes first in both.
fn two(desk: &str, spare: &str) -> String {
    let queues = format!("{desk}\n[queues.spare]\ndivision = \"main\"\n{spare}\n[[routes]]");
    PLAIN.replace("[[routes]]", &queues)
}

/// Open from 10:00 to 12:00, an hour after stories begin.
const DAY: &str = "[calendars.day]\nzone = \"UTC\"\nopen = { mon = [\"10:00-12:00\"] }\n";

#[test]
fn who_waits_too_long_overflows() {
    tell(
        &two("max_wait = { after = \"1m\", then = \"overflow\", to = \"spare\", template = \"sorry\" }", ""),
        "
    +0s   agent ann capacity.chat=1 queues.spare.rank=3
    +0s   state ann available
    +1s   contact chat id:7
          -> opened c1 queue=desk
    +61s  -> automated c1 template=sorry private=false queue_position=-
    +61s  -> offered c1 ann queue=spare reason.rank=3 waited_ms=60000
    until +62s
    ",
    );
}

#[test]
fn who_waits_too_long_expires() {
    tell(
        &desk("max_wait = { after = \"1m\", then = \"expire\", template = \"gone\" }"),
        "
    +1s   contact chat id:7
          -> opened c1
    +61s  -> closed c1 expired contacts=1 open_ms=60000
    +61s  -> automated c1 template=gone
    until +2m
    ",
    );
}

#[test]
fn an_offer_that_is_alive_is_withdrawn_when_the_wait_is_over() {
    tell(
        &two(
            "offer_timeout = \"5m\"\nmax_wait = { after = \"1m\", then = \"overflow\", to = \"spare\" }",
            "offer_timeout = \"5m\"\nmax_wait = { after = \"1m\", then = \"expire\" }",
        ),
        &with_ann(
            "
    +1s   contact chat id:7
          -> opened c1
          -> offered c1 ann queue=desk
    +61s  -> withdrawn c1 ann overflow
    +61s  -> offered c1 ann queue=spare
    +121s -> withdrawn c1 ann expired
    +121s -> closed c1 expired queue=spare offers=2
    until +3m
    ",
        ),
    );
}

#[test]
fn who_has_accepted_is_not_hurried() {
    tell(
        &desk("max_wait = { after = \"1m\", then = \"expire\" }"),
        &with_ann(
            "
    +1s   contact chat id:7
          -> opened c1
          -> offered c1 ann
    +2s   accepts ann c1
    until +1h
    ",
        ),
    );
}

#[test]
fn too_many_missed_offers_lead_elsewhere() {
    tell(
        &two("exclude_after_miss = \"0s\"\nmax_offers = { count = 2, to = \"spare\" }", ""),
        &with_ann(
            "
    +1s   contact chat id:7
          -> opened c1
          -> offered c1 ann
    +2s   declines ann c1
          -> withdrawn c1 ann declined
          -> offered c1 ann queue=desk
    +3s   declines ann c1
          -> withdrawn c1 ann declined
          -> offered c1 ann queue=spare
    +4s   declines ann c1                    # the count is this queue's, and the exclusion too
          -> withdrawn c1 ann declined
    ",
        ),
    );
}

#[test]
fn without_another_queue_the_count_of_missed_offers_starts_again() {
    tell(
        &desk("exclude_after_miss = \"0s\"\nmax_offers = { count = 1 }"),
        &with_ann(
            "
    +1s   contact chat id:7
          -> opened c1
          -> offered c1 ann
    +2s   declines ann c1
          -> withdrawn c1 ann declined
          -> offered c1 ann
    +3s   declines ann c1
          -> withdrawn c1 ann declined
          -> offered c1 ann
    ",
        ),
    );
}

#[test]
fn a_full_queue_sends_on_and_a_full_target_takes_all_the_same() {
    tell(
        &two(
            "max_waiting = { count = 1, then = \"overflow\", to = \"spare\", template = \"full\" }",
            "max_waiting = { count = 1, then = \"expire\" }",
        ),
        "
    +1s   contact chat id:1
          -> opened c1 queue=desk
    +2s   contact chat id:2
          -> opened c2 queue=desk
          -> automated c2 template=full
    +3s   contact chat id:3
          -> opened c3 queue=desk
          -> automated c3 template=full
    +4s   contact chat id:4 queue=spare      # spare is full, and no overflow brought it there
          -> opened c4 queue=spare
          -> closed c4 expired queue=spare
    +5s   agent ann capacity.chat=9 queues.spare.rank=1
    +5s   state ann available
          -> offered c3 ann queue=spare
          -> offered c2 ann queue=spare
    ",
    );
}

#[test]
fn a_contact_routed_to_where_it_overflowed_from_leaves_it_where_it_is() {
    tell(
        &two("max_wait = { after = \"1m\", then = \"overflow\", to = \"spare\" }", ""),
        "
    +1s   contact chat id:7
          -> opened c1 queue=desk
    +70s  contact chat id:7                  # to desk again, by the route
    +80s  agent ann capacity.chat=1 queues.spare.rank=1
    +80s  state ann available
          -> offered c1 ann queue=spare waited_ms=79000
    until +90s
    ",
    );
}

/// A choice: by the letter the customer's next message would undo what somebody has decided.
#[test]
fn a_contact_does_not_put_back_what_the_business_took_out_of_a_queue() {
    tell(
        &two("", ""),
        "
    +1s   contact chat id:7
          -> opened c1 queue=desk
    +2s   transferred spare c1
    +3s   contact chat id:7                  # to desk again, by the route
    +4s   contact chat id:8
          -> opened c2 queue=desk
    +5s   updated c2 queue=spare
    +6s   contact chat id:8
    +80s  agent ann capacity.chat=2 queues.spare.rank=1
    +80s  state ann available
          -> offered c2 ann queue=spare      # told in the order of ids
          -> offered c1 ann queue=spare
    until +90s
    ",
    );
}

#[test]
fn at_a_closed_instant_the_queue_waits_for_the_next_opening() {
    tell(
        &desk(&format!("closed = {{ calendar = \"day\", then = \"wait\" }}\n{DAY}")),
        &with_ann(
            "
    +1s   contact chat id:7
          -> opened c1
    +1h   -> offered c1 ann waited_ms=3599000
    +1h1s contact chat id:8                  # open: takeable at once
          -> opened c2
          -> offered c2 ann
    +1h2s state ann away
          -> withdrawn c2 ann agent_left
          -> withdrawn c1 ann agent_left
    +3h   state ann available                # what waits when the queue closes stays takeable
          -> offered c2 ann
          -> offered c1 ann
    ",
        ),
    );
}

#[test]
fn at_a_closed_instant_the_queue_expires_or_overflows() {
    tell(
        &desk(&format!("closed = {{ calendar = \"day\", then = \"expire\", template = \"closed\" }}\n{DAY}")),
        &with_ann(
            "
    +1s   contact chat id:7
          -> opened c1
          -> closed c1 expired
          -> automated c1 template=closed
    ",
        ),
    );
    tell(
        &two(&format!("closed = {{ calendar = \"day\", then = \"overflow\", to = \"spare\" }}\n{DAY}"), ""),
        &with_ann(
            "
    +1s   contact chat id:7
          -> opened c1 queue=desk
          -> offered c1 ann queue=spare
    ",
        ),
    );
}

#[test]
fn a_contact_opens_again_what_has_expired() {
    tell(
        &desk(
            "max_wait = { after = \"1m\", then = \"expire\" }\n[queues.desk.sla]\n\
             first_response = { target = \"2m\", calendar = \"always\" }",
        ),
        "
    +1s   contact chat id:7 thread=t
          -> opened c1 reopened=false thread=t
    +61s  -> closed c1 expired
    +62s  replied ann c1                     # nothing that the division holds
    +63s  held c1
    +70s  contact mail id:7
          -> opened c1 reopened=true channel=mail
    +80s  agent ann capacity.mail=1
    +80s  state ann available
          -> offered c1 ann waited_ms=10000 due.first_response=+3m10s context.first_contact=+1s context.failed_attempts=0
    ",
    );
}

#[test]
fn who_has_to_wait_is_told_how_long_once() {
    tell(
        &desk("acknowledge = { template = \"in-line\", channels = [\"chat\"] }\nwrap_up = \"0s\""),
        "
    +0s   agent ann capacity.chat=1
    +0s   state ann available
    +1s   contact chat id:1
          -> opened c1
          -> offered c1 ann
    +2s   accepts ann c1
    +3s   contact chat id:2
          -> opened c2
          -> automated c2 template=in-line queue_position=1 expected_wait_s=-
    +4s   contact mail id:3                  # not on this channel
          -> opened c3
    +12s  resolved ann c1
          -> closed c1 resolved
          -> offered c2 ann
    +18s  accepts ann c2                     # 16 s after the first acceptance
    +20s  contact chat id:4
          -> opened c4
          -> automated c4 queue_position=2 expected_wait_s=32
    +21s  contact chat id:4                  # has been told
    +22s  resolved ann c2
          -> closed c2 resolved
          -> offered c4 ann
    +26s  accepts ann c4                     # 8 s: 16 + (8 - 16) / 8 = 15
    +27s  contact chat id:5
          -> opened c5
          -> automated c5 queue_position=2 expected_wait_s=30
    ",
    );
}

#[test]
fn who_has_an_agent_at_once_is_told_nothing() {
    tell(
        &desk("acknowledge = { template = \"in-line\" }"),
        &with_ann(
            "
    +1s   contact chat id:1
          -> opened c1
          -> offered c1 ann
    ",
        ),
    );
}

#[test]
fn a_lost_offer_does_not_begin_the_wait_anew() {
    tell(
        &desk("exclude_after_miss = \"5m\"\nmax_wait = { after = \"1m\", then = \"expire\" }"),
        &with_ann(
            "
    +1s   contact chat id:7
          -> opened c1
          -> offered c1 ann
    +5s   declines ann c1
          -> withdrawn c1 ann declined
    +61s  -> closed c1 expired
    until +70s
    ",
        ),
    );
}

#[test]
fn offers_lost_and_expired_count_as_missed_too() {
    tell(
        &two("exclude_after_miss = \"0s\"\nmax_offers = { count = 2, to = \"spare\" }", ""),
        &with_ann(
            "
    +1s   contact chat id:7
          -> opened c1
          -> offered c1 ann queue=desk
    +2s   state ann away
          -> withdrawn c1 ann agent_left
    +3s   state ann available
          -> offered c1 ann queue=desk
    +23s  -> withdrawn c1 ann timeout
    +24s  state ann available
          -> offered c1 ann queue=spare
    ",
        ),
    );
}

#[test]
fn an_interval_does_not_hold_its_end() {
    tell(
        &desk(&format!("closed = {{ calendar = \"day\", then = \"expire\" }}\n{DAY}")),
        "
    +2h59m59s contact chat id:7
              -> opened c1
    +3h       contact chat id:8
              -> opened c2
              -> closed c2 expired
    ",
    );
}

#[test]
fn what_is_sent_on_leaving_does_not_count_as_the_acknowledgement() {
    tell(
        &two(
            "acknowledge = { template = \"in-line\" }\n\
             max_wait = { after = \"1m\", then = \"overflow\", to = \"spare\", template = \"sorry\" }",
            "acknowledge = { template = \"in-line-too\" }",
        ),
        "
    +1s   contact chat id:7
          -> opened c1
          -> automated c1 template=in-line
    +61s  -> automated c1 template=sorry
    +70s  contact chat id:7                  # a conversation is told once
    ",
    );
}

#[test]
fn a_later_contact_may_be_the_first_that_waits() {
    tell(
        &desk("acknowledge = { template = \"in-line\" }"),
        &with_ann(
            "
    +1s   contact chat id:7
          -> opened c1
          -> offered c1 ann
    +2s   declines ann c1
          -> withdrawn c1 ann declined
    +3s   contact chat id:7
          -> automated c1 template=in-line queue_position=1
    ",
        ),
    );
}
