//! Conversations of customers who become one: which become one, and what is left of the others.

use super::{PLAIN, desk, with_ann};
use crate::support::story::tell;

/// `PLAIN` with a second queue in `main`, and a division `side` with two.
pub fn wide() -> String {
    desk(
        "[queues.second]\ndivision = \"main\"\n[divisions.side]\n[queues.aside]\ndivision = \"side\"\n[queues.beside]\n\
         division = \"side\"",
    )
}

fn conversation(settings: &str, rules: &str) -> String {
    format!("[conversation]\n{settings}\n{rules}")
}

#[test]
fn what_waits_folds_into_the_oldest_and_keeps_its_place() {
    tell(
        PLAIN,
        "
    +0s   contact chat mail:a value=5
          -> opened c1
    +1s   contact mail mail:b value=9
          -> opened c2
    +2s   linked mail:a mail:b
          -> merged customer=@c1 absorbed=[@c2]
          -> merged c2 into=c1 from_channel=mail channel=mail agent=- customer=@c1 division=main
    +3s   agent ann capacity.mail=1
    +3s   state ann available
          -> offered c1 ann channel=mail value=9 waited_ms=3000 context.first_contact=+0s
    +4s   accepts ann c1
    +5s   resolved ann c1
          -> closed c1 resolved contacts=2 open_ms=5000
    ",
    );
}

#[test]
fn every_event_that_merges_folds_and_then_goes_on() {
    let two = "
    +0s   contact chat mail:a
          -> opened c1
    +1s   contact chat mail:b
          -> opened c2
    ";
    let resolved = |contacts| format!("+9s resolved id:1\n -> closed c1 resolved contacts={contacts}");
    let merged = "-> merged customer=@c1 absorbed=[@c2]\n-> merged c2 into=c1";
    for (event, more, contacts) in [
        ("linked mail:a mail:b id:1", "", 2),
        ("customer mail:a mail:b id:1 tier=gold", "", 2),
        ("contact chat mail:b mail:a id:1", "", 3),
    ] {
        tell(PLAIN, &format!("{two}\n+2s {event}\n{merged}\n{more}\n{}", resolved(contacts)));
    }
    // The callback finds what has just become one; nobody has it.
    tell(
        PLAIN,
        &format!(
            "{two}\n+2s callback phone due=+1h mail:a mail:b\n{merged}\n+3s abandoned mail:b\n-> closed c1 abandoned"
        ),
    );
}

#[test]
fn three_and_more_fold_at_once() {
    tell(
        PLAIN,
        "
    +0s   contact chat mail:a
          -> opened c1
    +1s   contact chat mail:b
          -> opened c2
    +2s   contact mail mail:c
          -> opened c3
    +3s   linked mail:a mail:b mail:c
          -> merged customer=@c1 absorbed=[@c2,@c3]
          -> merged c3 into=c1 from_channel=mail channel=mail   # in the order of ids
          -> merged c2 into=c1 from_channel=chat channel=chat
    +4s   resolved c3
          -> closed c1 resolved contacts=3 channel=mail
    ",
    );
}

#[test]
fn each_division_folds_its_own() {
    tell(
        &wide(),
        "
    +0s   contact chat mail:a
          -> opened c1 division=main
    +1s   contact chat mail:a queue=aside
          -> opened c2 division=side
    +2s   contact chat mail:b queue=beside
          -> opened c3 division=side
    +3s   contact chat mail:b queue=second
          -> opened c4 division=main
    +4s   contact mail mail:a mail:b queue=aside
          -> merged customer=@c1 absorbed=[@c3]
          -> merged c4 into=c1 division=main
          -> merged c3 into=c2 division=side
    +5s   resolved c4
          -> closed c1 resolved queue=second contacts=2
    +6s   resolved c2
          -> closed c2 resolved queue=aside contacts=3 channel=mail
    ",
    );
}

#[test]
fn who_has_a_thread_or_was_silent_for_longer_than_continuity_stays_apart() {
    tell(
        &conversation("continuity = \"10s\"", PLAIN),
        "
    +0s    contact chat mail:a
           -> opened c1
    +1s    contact chat mail:b thread=x
           -> opened c2
    +1s    contact chat mail:c
           -> opened c3
    +10s1ms linked mail:a mail:b mail:c      # c1 is beyond continuity, c2 has a thread
           -> merged customer=@c1 absorbed=[@c2,@c3]
    +11s   resolved c1
           -> closed c1 resolved
    +11s   resolved c2
           -> closed c2 resolved
    +11s   resolved c3
           -> closed c3 resolved
    ",
    );
    tell(
        &conversation("continuity = \"0s\"", PLAIN),
        "
    +0s   contact chat mail:a
          -> opened c1
    +0s   contact chat mail:b
          -> opened c2
    +0s   linked mail:a mail:b               # 0 is never
          -> merged customer=@c1 absorbed=[@c2]
    ",
    );
}

#[test]
fn the_earlier_arrival_stays_whichever_is_kept() {
    // What was opened later had arrived earlier.
    tell(
        PLAIN,
        "
    +10s  contact chat mail:a
          -> opened c1
    +11s  contact chat mail:b !time=2026-03-02T09:00:05Z
          -> opened c2
    +12s  linked mail:a mail:b
          -> merged customer=@c1 absorbed=[@c2]
          -> merged c2 into=c1
    +15s  agent ann capacity.chat=1
    +15s  state ann available
          -> offered c1 ann
    ",
    );
}

#[test]
fn an_answered_one_has_no_place_in_line_to_keep() {
    tell(
        PLAIN,
        "
    +0s   contact chat mail:a
          -> opened c1
    +5s   replied c1                         # by nobody; it waits on
    +9s   contact chat mail:b
          -> opened c2
    +10s  linked mail:a mail:b
          -> merged customer=@c1 absorbed=[@c2]
          -> merged c2 into=c1
    +19s  agent ann capacity.chat=1
    +19s  state ann available
          -> offered c1 ann waited_ms=10000
    +20s  accepts ann c1
    +21s  resolved ann c1
          -> closed c1 resolved first_response_ms=5000 contacts=2
    ",
    );
}

#[test]
fn the_one_active_later_says_channel_queue_and_value() {
    // c1 has had an event since.
    tell(
        &wide(),
        "
    +0s   contact chat mail:a value=1
          -> opened c1
    +1s   contact mail mail:b queue=second value=2
          -> opened c2
    +2s   replied c1 automated=true
    +3s   linked mail:a mail:b
          -> merged customer=@c1 absorbed=[@c2]
          -> merged c2 into=c1 from_channel=mail channel=chat
    +4s   agent ann capacity.chat=1
    +4s   state ann available
          -> offered c1 ann queue=desk value=1 context.message.position=0:0:0
    ",
    );
}

#[test]
fn the_earlier_due_of_each_objective_stays() {
    tell(
        &desk(
            "[queues.desk.sla]\nfirst_response = { target = \"1m\", calendar = \"always\" }\n\
             queue_wait = { target = \"50s\", calendar = \"always\" }\n\
             [queues.second]\ndivision = \"main\"\n\
             [queues.second.sla]\nfirst_response = { target = \"20s\", calendar = \"always\", warn = [50] }\n\
             resolution = { target = \"10m\", calendar = \"always\" }",
        ),
        "
    +0s    contact chat mail:a
           -> opened c1
    +1s    contact chat mail:b queue=second
           -> opened c2
    +2s    linked mail:a mail:b
           -> merged customer=@c1 absorbed=[@c2]
           -> merged c2 into=c1
    +11s   -> warning c1 first_response queue=second due=+21s
    +21s1ms -> breached c1 first_response queue=second due=+21s
    +30s   agent ann capacity.chat=1
    +30s   state ann available
           -> offered c1 ann due.first_response=- due.resolution=+10m1s due.queue_wait=+50s
    +31s   accepts ann c1
    +32s   replied ann c1
    +33s   resolved ann c1
           -> closed c1 resolved breached=[first_response]
    ",
    );
}

#[test]
fn a_reply_stops_whatever_clock_of_an_answer_runs() {
    // c1 has been answered once and waits again, c2 never has.
    tell(
        &desk(
            "[queues.desk.sla]\nfirst_response = { target = \"1m\", calendar = \"always\" }\n\
             next_response = { target = \"1m\", calendar = \"always\" }",
        ),
        "
    +0s   contact chat mail:a
          -> opened c1
    +1s   replied c1
    +2s   contact chat mail:a
    +3s   contact chat mail:b
          -> opened c2
    +4s   linked mail:a mail:b
          -> merged customer=@c1 absorbed=[@c2]
          -> merged c2 into=c1
    +5s   replied c1
    +6s   resolved c1
          -> closed c1 resolved first_response_ms=1000 breached=[]
    until +1h
    ",
    );
}

#[test]
fn of_two_callbacks_the_earlier_stays() {
    tell(
        PLAIN,
        &with_ann(
            "
    +1s   callback phone due=+2h mail:a
          -> opened c1
    +2s   callback chat due=+1h mail:b
          -> opened c2
    +3s   linked mail:a mail:b
          -> merged customer=@c1 absorbed=[@c2]
          -> merged c2 into=c1
    +1h   -> offered c1 ann channel=chat
    +1h   accepts ann c1
    +1h1s resolved ann c1
          -> closed c1 resolved
    until +3h
    ",
        ),
    );
}

#[test]
fn a_callback_folded_with_one_that_is_not_scheduled_is_cancelled() {
    tell(
        PLAIN,
        "
    +1s   callback phone due=+1h mail:a
          -> opened c1
    +2s   contact chat mail:b
          -> opened c2
    +3s   linked mail:a mail:b
          -> merged customer=@c1 absorbed=[@c2]
          -> merged c2 into=c1 channel=chat
    +4s   agent ann capacity.chat=1 capacity.phone=1
    +4s   state ann available
          -> offered c1 ann waited_ms=3000 channel=chat
    until +19s
    ",
    );
    // The callback was asked for later, in another queue: it is that queue in which both wait now.
    tell(
        &wide(),
        "
    +1s   contact chat mail:a
          -> opened c1
    +2s   callback phone due=+1h mail:b queue=second
          -> opened c2
    +3s   linked mail:a mail:b
          -> merged customer=@c1 absorbed=[@c2]
          -> merged c2 into=c1
    +4s   agent ann capacity.phone=1
    +4s   state ann available
          -> offered c1 ann waited_ms=3000 channel=phone queue=second
    until +19s
    ",
    );
}

#[test]
fn one_callback_of_a_customer_is_pending_even_if_conversations_stay_apart() {
    tell(
        PLAIN,
        &with_ann(
            "
    +1s   contact chat mail:a thread=x
          -> opened c1
          -> offered c1 ann
    +2s   callback phone due=+2h mail:a
          -> withdrawn c1 ann superseded
    +3s   callback phone due=+1h mail:b
          -> opened c2
    +4s   linked mail:a mail:b               # c1 has a thread, so they do not fold
          -> merged customer=@c1 absorbed=[@c2]
          -> closed c1 abandoned
    +1h   -> offered c2 ann
    until +1h
    ",
        ),
    );
}

#[test]
fn what_has_expired_takes_no_part_and_is_not_woken() {
    let rules = desk("max_wait = { after = \"10s\", then = \"expire\" }");
    tell(
        &rules,
        "
    +0s   contact chat mail:a
          -> opened c1
    +10s  -> closed c1 expired
    +11s  contact chat mail:b
          -> opened c2
    +12s  contact chat mail:c
          -> opened c3
    +13s  linked mail:a mail:b mail:c        # the oldest of those that wait stays
          -> merged customer=@c1 absorbed=[@c2,@c3]
          -> merged c3 into=c2
    +14s  contact chat mail:a                # and it is the one that the customer goes on with
    +15s  resolved c3
          -> closed c2 resolved contacts=3
    +16s  contact chat mail:a
          -> opened c4
    until +17s
    ",
    );
    tell(
        &rules,
        "
    +0s   contact chat mail:a
          -> opened c1
    +10s  -> closed c1 expired
    +11s  contact chat mail:b
          -> opened c2
    +12s  linked mail:a mail:b               # for understand c1 is what goes on; here it is c2
          -> merged customer=@c1 absorbed=[@c2]
    +13s  erased mail:a                      # and that ends
          -> erased customer=@c1
          -> closed c2 erased
    until +17s
    ",
    );
    tell(
        &rules,
        "
    +0s   contact chat mail:a
          -> opened c1
    +1s   contact chat mail:b
          -> opened c2
    +10s  -> closed c1 expired
    +11s  -> closed c2 expired
    +12s  linked mail:a mail:b
          -> merged customer=@c1 absorbed=[@c2]
    +13s  contact chat mail:b                # a contact opens it again, as ever
          -> opened c1 reopened=true
    until +14s
    ",
    );
}

#[test]
fn an_expired_chat_leaves_a_callback_alone() {
    tell(
        &desk("max_wait = { after = \"10s\", then = \"expire\" }"),
        &with_ann(
            "
    +0s   state ann away
    +0s   contact chat mail:a
          -> opened c1
    +10s  -> closed c1 expired
    +11s  callback phone due=+1h mail:b
          -> opened c2
    +12s  linked mail:a mail:b
          -> merged customer=@c1 absorbed=[@c2]
    +13s  state ann available
    +1h   -> offered c2 ann
    until +1h
    ",
        ),
    );
}

#[test]
fn the_place_in_the_queue_is_the_one_held_for_longer() {
    // Steps, delays and bounds count from there.
    tell(
        &desk("max_wait = { after = \"10s\", then = \"expire\" }"),
        "
    +0s   contact chat mail:a
          -> opened c1
    +4s   contact chat mail:b
          -> opened c2
    +5s   linked mail:a mail:b
          -> merged customer=@c1 absorbed=[@c2]
          -> merged c2 into=c1
    +10s  -> closed c1 expired
    until +20s
    ",
    );
    let rules = wide().replace(
        "[queues.second]\ndivision = \"main\"\n",
        "[queues.second]\ndivision = \"main\"\nmax_wait = { after = \"10s\", then = \"expire\" }\n",
    );
    tell(
        &rules,
        "
    +0s   contact chat mail:a
          -> opened c1
    +4s   contact chat mail:b queue=second
          -> opened c2
    +5s   linked mail:a mail:b               # it takes the place of the one in whose queue it goes on
          -> merged customer=@c1 absorbed=[@c2]
          -> merged c2 into=c1
    +14s  -> closed c1 expired queue=second
    until +20s
    ",
    );
    tell(
        &desk(
            "steps = [{ after = \"10s\", drop = [\"law\"] }]\nskills = { law = { level = 1 } }\naffinity = \"6s\"",
        ),
        "
    +0s   agent ann capacity.chat=1
    +0s   state ann available
    +0s   contact chat mail:a
          -> opened c1
    +4s   contact chat mail:b
          -> opened c2
    +5s   linked mail:a mail:b
          -> merged customer=@c1 absorbed=[@c2]
          -> merged c2 into=c1
    +10s  -> offered c1 ann reason.relaxed=1
    until +10s
    ",
    );
}

#[test]
fn a_folded_id_means_what_goes_on_as_long_as_that_is_open() {
    tell(
        PLAIN,
        "
    +0s   contact chat mail:a
          -> opened c1
    +1s   contact chat mail:b
          -> opened c2
    +2s   linked mail:a mail:b
          -> merged customer=@c1 absorbed=[@c2]
          -> merged c2 into=c1
    +3s   contact chat mail:b c2
    +4s   contact mail mail:c
          -> opened c3
    +5s   linked mail:c mail:a               # and on
          -> merged customer=@c1 absorbed=[@c3]
          -> merged c3 into=c1
    +6s   abandoned c2
          -> closed c1 abandoned contacts=4
    +7s   replied c2                         # over
    +8s   contact chat mail:a c2
          -> opened c4
    ",
    );
}

#[test]
fn what_was_folded_moves_to_another_division_as_one() {
    tell(
        &wide(),
        "
    +0s   contact chat mail:a
          -> opened c1
    +1s   contact chat mail:b
          -> opened c2
    +2s   linked mail:a mail:b
          -> merged customer=@c1 absorbed=[@c2]
          -> merged c2 into=c1
    +3s   transferred aside c2
          -> closed c1 moved
          -> opened c3 division=side
    +3s   agent ann capacity.chat=1 division=side
    +4s   state ann available division=side
          -> offered c3 ann waited_ms=4000 context.attempts.0.channel=chat context.attempts.1=-
    +5s   replied c2                         # has moved with the one that it was folded into, and is no more
    ",
    );
}

#[test]
fn a_customer_of_theirs_alone_may_fold_its_own() {
    tell(
        &conversation("continuity = \"10s\"", PLAIN),
        "
    +0s   contact chat mail:a
          -> opened c1
    +11s  contact chat mail:a
          -> opened c2
    +12s  replied c1
    +13s  contact chat mail:b
          -> opened c3
    +14s  linked mail:a mail:b
          -> merged customer=@c1 absorbed=[@c3]
          -> merged c2 into=c1
          -> merged c3 into=c1
    ",
    );
}

#[test]
fn an_acknowledgement_is_sent_once_for_both() {
    tell(
        &desk("acknowledge = { template = \"in-line\" }"),
        "
    +0s   contact chat mail:a
          -> opened c1
          -> automated c1 template=in-line queue_position=1
    +1s   contact chat mail:b
          -> opened c2
          -> automated c2 template=in-line queue_position=2
    +2s   contact chat mail:a mail:b
          -> merged customer=@c1 absorbed=[@c2]
          -> merged c2 into=c1
    ",
    );
}

#[test]
fn what_a_merge_ends_may_open_and_end_again_with_the_same_contact() {
    let closed = "closed = { calendar = \"late\", then = \"expire\" }\n[queues.second]\ndivision = \"main\"\n\
                  [calendars.late]\nzone = \"UTC\"\nopen = { mon = [\"20:00-22:00\"] }\n";
    // Within a class it goes by id: c1 is before c2.
    tell(
        &desk(closed),
        "
    +1s   callback chat due=+1h mail:a
          -> opened c1
    +2s   contact chat mail:b queue=second
          -> opened c2
    +3s   resumed c1                         # so it is the one active later
    +4s   contact mail mail:a mail:b thread=x
          -> merged customer=@c1 absorbed=[@c2]
          -> closed c1 expired
          -> merged c2 into=c1
          -> opened c1 reopened=true
          -> closed c1 expired
    until +5s
    ",
    );
}
