//! Agents who have, or were offered, conversations that become one.

use super::folding::wide;
use super::{ANN, PLAIN, desk, with_ann};
use crate::support::story::tell;

#[test]
fn its_own_agent_stays_and_the_others_loses_it() {
    let two = "
    +0s   agent ann capacity.chat=1
    +0s   agent bob capacity.chat=1 capacity.mail=1
    +0s   state ann available
    +1s   contact chat mail:a
          -> opened c1
          -> offered c1 ann
    +2s   state bob available
    +3s   contact mail mail:b
          -> opened c2
          -> offered c2 bob
    ";
    tell(
        PLAIN,
        &format!(
            "{two}
    +4s   linked mail:a mail:b               # both are offers, in one queue
          -> merged customer=@c1 absorbed=[@c2]
          -> withdrawn c2 bob superseded
          -> merged c2 into=c1 agent=ann from_channel=mail channel=mail
          -> pivoted c1 ann from_channel=chat channel=mail
    +5s   accepts bob c1
    +5s   accepts ann c2                     # an id that has been folded means the one that goes on
    +6s   resolved ann c1
          -> closed c1 resolved wait_ms=4000 offers=2
    "
        ),
    );
    tell(
        PLAIN,
        &format!(
            "{two}
    +4s   accepts bob c2
    +5s   linked mail:a mail:b               # who has accepted goes before who has only been offered
          -> merged customer=@c1 absorbed=[@c2]
          -> withdrawn c1 ann superseded
          -> merged c2 into=c1 agent=bob from_channel=mail channel=mail
    +6s   contact chat mail:c                # ann is free, and not excluded from anything
          -> opened c3
          -> offered c3 ann
    +7s   resolved bob c2
          -> closed c1 resolved wait_ms=1000 contacts=2
    "
        ),
    );
    tell(
        PLAIN,
        &format!(
            "{two}
    +4s   accepts ann c1
    +4s   accepts bob c2
    +5s   linked mail:a mail:b
          -> merged customer=@c1 absorbed=[@c2]
          -> withdrawn c2 bob superseded
          -> merged c2 into=c1 agent=ann from_channel=mail channel=chat
    +6s   contact mail mail:c
          -> opened c3
          -> offered c3 bob
    "
        ),
    );
}

#[test]
fn one_agent_who_has_both_holds_one_from_then_on() {
    tell(
        PLAIN,
        "
    +0s   agent ann capacity.chat=2
    +0s   state ann available
    +1s   contact chat mail:a
          -> opened c1
          -> offered c1 ann
    +1s   contact chat mail:b
          -> opened c2
          -> offered c2 ann
    +1s   contact chat mail:c
          -> opened c3
    +2s   accepts ann c1
    +2s   accepts ann c2
    +3s   linked mail:a mail:b
          -> merged customer=@c1 absorbed=[@c2]
          -> withdrawn c2 ann superseded
          -> merged c2 into=c1 agent=ann
          -> offered c3 ann
    ",
    );
}

#[test]
fn the_folded_ones_agent_or_offer_goes_over() {
    let two = "
    +0s   agent bob capacity.mail=1 capacity.chat=1
    +1s   contact chat mail:a
          -> opened c1
    +2s   contact mail mail:b
          -> opened c2
    ";
    tell(
        &desk("queues_unused = 1").replace("queues_unused = 1", "offer_timeout = \"30s\""),
        &format!(
            "{two}
    +3s   agent bob capacity.mail=1
    +3s   state bob available
          -> offered c2 bob expires=+33s
    +4s   linked mail:a mail:b
          -> merged customer=@c1 absorbed=[@c2]
          -> merged c2 into=c1 agent=bob
    +33s  -> withdrawn c1 bob timeout
    until +33s
    "
        ),
    );
    tell(
        PLAIN,
        &format!(
            "{two}
    +3s   agent bob capacity.mail=1
    +3s   state bob available
          -> offered c2 bob
    +3s   accepts bob c2
    +4s   held c2
    +5s   linked mail:a mail:b
          -> merged customer=@c1 absorbed=[@c2]
          -> merged c2 into=c1 agent=bob
    +6s   resumed c1                         # it was on hold, and still is
    +6s   contact mail mail:c
          -> opened c3
    +7s   resolved bob c1
          -> closed c1 resolved wait_ms=1000
          -> offered c3 bob
    "
        ),
    );
}

#[test]
fn an_offer_counts_only_in_the_queue_in_which_both_go_on() {
    tell(
        &wide(),
        "
    +0s   agent ann capacity.chat=1 queues.desk.rank=1
    +0s   state ann available
    +1s   contact chat mail:a
          -> opened c1
          -> offered c1 ann
    +2s   contact chat mail:b queue=second
          -> opened c2
    +3s   linked mail:a mail:b
          -> merged customer=@c1 absorbed=[@c2]
          -> withdrawn c1 ann superseded
          -> merged c2 into=c1 agent=-
    +4s   agent bob capacity.chat=1
    +4s   state bob available
          -> offered c1 bob queue=second waited_ms=3000
    ",
    );
    tell(
        &wide(),
        "
    +0s   agent ann capacity.chat=1 queues.desk.rank=1
    +0s   agent bob capacity.chat=1 queues.second.rank=1
    +0s   state ann available
    +0s   state bob available
    +1s   contact chat mail:a
          -> opened c1
          -> offered c1 ann
    +2s   contact chat mail:b queue=second
          -> opened c2
          -> offered c2 bob
    +3s   linked mail:a mail:b               # the folded one's is in the right queue
          -> merged customer=@c1 absorbed=[@c2]
          -> withdrawn c1 ann superseded
          -> merged c2 into=c1 agent=bob
    +4s   accepts bob c1
    ",
    );
}

#[test]
fn what_an_agent_has_keeps_its_agent_whatever_the_queue() {
    tell(
        &wide(),
        "
    +0s   agent ann capacity.chat=1 queues.desk.rank=1
    +0s   state ann available
    +1s   contact chat mail:a value=1
          -> opened c1
          -> offered c1 ann
    +1s   accepts ann c1
    +2s   contact chat mail:b queue=second value=2
          -> opened c2
    +3s   linked mail:a mail:b
          -> merged customer=@c1 absorbed=[@c2]
          -> merged c2 into=c1 agent=ann
    +4s   resolved ann c1
          -> closed c1 resolved queue=second
    ",
    );
}

#[test]
fn a_callback_beside_what_an_agent_has_stays_one() {
    tell(
        PLAIN,
        &with_ann(
            "
    +1s   contact chat mail:a
          -> opened c1
          -> offered c1 ann
    +2s   accepts ann c1
    +3s   callback phone due=+1h mail:a
          -> opened c2
    +4s   contact chat mail:b
          -> opened c3
          -> offered c3 ann
    +5s   linked mail:a mail:b
          -> merged customer=@c1 absorbed=[@c3]
          -> withdrawn c3 ann superseded
          -> merged c3 into=c1 agent=ann
    +6s   resolved ann c1
          -> closed c1 resolved
    +1h   -> offered c2 ann
    until +1h
    ",
        ),
    );
}

#[test]
fn the_load_is_what_an_agent_holds_then() {
    // 30 for a chat, 20 for a mail; a phone call goes with nothing else.
    tell(
        &PLAIN.replace("division = \"main\"\n", "division = \"main\"\nwrap_up = \"10s\"\n"),
        "
    +0s   agent ann capacity.chat=1 capacity.mail=1
    +0s   state ann available
    +1s   contact chat mail:a
          -> opened c1
          -> offered c1 ann
    +1s   accepts ann c1
    +2s   contact mail mail:b
          -> opened c2
          -> offered c2 ann
    +2s   accepts ann c2
    +3s   contact chat mail:c
          -> opened c3
    +4s   linked mail:a mail:b               # it is a mail now: room for a chat
          -> merged customer=@c1 absorbed=[@c2]
          -> withdrawn c2 ann superseded
          -> merged c2 into=c1 agent=ann
          -> pivoted c1 ann from_channel=chat channel=mail
          -> offered c3 ann
    +5s   contact mail mail:d
          -> opened c4
    +6s   resolved ann c1                    # wrap-up holds the room of a mail
          -> closed c1 resolved
    +16s  -> offered c4 ann
    until +16s
    ",
    );
}

#[test]
fn an_order_of_a_supervisor_goes_over_with_all_that_it_means() {
    tell(
        PLAIN,
        "
    +0s   agent ann
    +1s   contact chat mail:a
          -> opened c1
    +2s   contact chat mail:b
          -> opened c2
    +3s   assigned ann c2
          -> offered c2 ann accept=ordered
    +4s   linked mail:a mail:b
          -> merged customer=@c1 absorbed=[@c2]
          -> merged c2 into=c1 agent=ann
    +5s   resolved ann c1
          -> closed c1 resolved wait_ms=1000
    ",
    );
}

#[test]
fn who_let_it_pass_is_excluded_from_what_becomes_of_it() {
    tell(
        PLAIN,
        "
    +0s   agent ann capacity.chat=1
    +0s   state ann available
    +1s   contact chat mail:a
          -> opened c1
          -> offered c1 ann
    +2s   declines ann c1
          -> withdrawn c1 ann declined
    +2s   state ann away
    +3s   contact chat mail:b
          -> opened c2
    +4s   linked mail:a mail:b
          -> merged customer=@c1 absorbed=[@c2]
          -> merged c2 into=c1
    +5s   state ann available
    +32s  -> offered c1 ann
    until +32s
    ",
    );
    tell(
        PLAIN,
        "
    +0s   contact chat mail:a
          -> opened c1
    +0s   agent ann capacity.mail=1
    +0s   state ann available
    +1s   contact mail mail:b
          -> opened c2
          -> offered c2 ann
    +2s   declines ann c2
          -> withdrawn c2 ann declined
    +4s   linked mail:a mail:b
          -> merged customer=@c1 absorbed=[@c2]
          -> merged c2 into=c1
    +32s  -> offered c1 ann channel=mail
    until +32s
    ",
    );
}

#[test]
fn weight_given_back_is_taken_again() {
    let rules = PLAIN.replace("[channels.chat]\n", "[channels.chat]\nrelease_after = \"5s\"\n");
    tell(
        &rules,
        &format!(
            "{}
    +0s   agent ann capacity.chat=5 budget=60
    +1s   contact chat mail:a
          -> opened c1
          -> offered c1 ann
    +1s   accepts ann c1
    +2s   replied ann c1
    +7s   contact chat mail:b                # 30 have been given back
          -> opened c2
          -> offered c2 ann
    +7s   contact chat mail:c
          -> opened c3
          -> offered c3 ann
    +8s   linked mail:a mail:b               # 30 for both, 30 for c3
          -> merged customer=@c1 absorbed=[@c2]
          -> withdrawn c2 ann superseded
          -> merged c2 into=c1 agent=ann
    +9s   contact chat mail:d
          -> opened c4
    ",
            ANN.replace("+0s  state", "+0s state")
        ),
    );
}

#[test]
fn whom_a_place_waits_for_and_who_waits_for_it_go_with_the_place() {
    tell(
        &desk("affinity = \"20s\""),
        "
    +0s   agent ann capacity.chat=1
    +0s   agent bob capacity.chat=1
    +0s   state bob available
    +0s   contact mail mail:z preferred_agent=bob
          -> opened c1
    +1s   contact chat mail:x
          -> opened c2
          -> offered c2 bob
    +2s   accepts bob c2
    +6s   contact chat mail:a preferred_agent=bob
          -> opened c3
    +7s   contact chat mail:b
          -> opened c4
    +8s   linked mail:a mail:b               # waits for bob until 26 s, as c3 did
          -> merged
          -> merged c4 into=c3
    +9s   state ann available
    +26s  -> offered c3 ann reason.affinity=-
    until +26s
    ",
    );
    // ann may take what has been in the queue for ten seconds.
    tell(
        &wide(),
        "
    +0s   contact chat mail:a
          -> opened c1
    +2s   contact chat mail:b queue=second
          -> opened c2
    +3s   agent ann capacity.chat=1 queues.second.rank=1 queues.second.delay_s=10
    +3s   state ann available
    +4s   linked mail:a mail:b
          -> merged customer=@c1 absorbed=[@c2]
          -> merged c2 into=c1
    +12s  -> offered c1 ann queue=second
    until +12s
    ",
    );
}

#[test]
fn what_is_to_be_reclaimed_still_is() {
    let rules = PLAIN.replace("[channels.chat]\n", "[channels.chat]\nreclaim = \"10s\"\n");
    tell(
        &rules,
        "
    +0s   contact mail mail:a
          -> opened c1
    +1s   agent ann capacity.chat=1
    +1s   state ann available
    +2s   contact chat mail:b
          -> opened c2
          -> offered c2 ann
    +2s   accepts ann c2
    +3s   state ann offline
    +4s   linked mail:a mail:b
          -> merged customer=@c1 absorbed=[@c2]
          -> merged c2 into=c1 agent=ann
    +13s  -> withdrawn c1 ann agent_left
    until +14s
    ",
    );
}

#[test]
fn an_event_may_name_what_folds_with_it() {
    tell(
        PLAIN,
        "
    +0s   contact chat mail:a
          -> opened c1
    +1s   contact chat mail:b
          -> opened c2
    +2s   contact chat mail:b mail:a c2 !traceparent=00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01
          -> merged customer=@c1 absorbed=[@c2]
          -> merged c2 into=c1 !traceparent=00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01
    +3s   resolved c1
          -> closed c1 resolved contacts=3
    ",
    );
}
