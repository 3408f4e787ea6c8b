//! Which conversation an event is about.

use super::{PLAIN, with_ann};
use crate::support::story::tell;

fn rules(conversation: &str) -> String {
    let two_more = "[divisions.side]\n[queues.aside]\ndivision = \"side\"\n[queues.second]\ndivision = \"main\"\n[[routes]]";
    format!("[conversation]\n{conversation}\n{}", PLAIN.replacen("[[routes]]", two_more, 1))
}

#[test]
fn a_contact_joins_what_was_active_within_continuity() {
    tell(
        &rules("continuity = \"10s\""),
        "
    +0s      contact chat id:1
             -> opened c1
    +10s     contact chat id:1
    +20s1ms  contact chat id:1               # later than 10 s after the latest event
             -> opened c2
    ",
    );
}

#[test]
fn continuity_zero_is_never() {
    tell(
        &rules("continuity = \"0s\""),
        "
    +0s  contact chat id:1
         -> opened c1
    +0s  contact chat id:1
         -> opened c2
    ",
    );
}

#[test]
fn the_id_goes_first_and_looks_beyond_continuity() {
    tell(
        &rules("continuity = \"0s\""),
        "
    +0s  contact chat id:1
         -> opened c1
    +1s  contact chat id:1
         -> opened c2
    +9s  contact chat id:1 c1 value=5
    +9s  resolved c1
         -> closed c1 resolved contacts=2
    ",
    );
}

#[test]
fn then_the_thread_in_the_division_routed_to() {
    tell(
        &rules("continuity = \"1h\""),
        "
    +0s   contact chat id:1 thread=a
          -> opened c1 thread=a
    +1s   contact chat id:1 queue=aside thread=a
          -> opened c2 division=side thread=a
    +2s   contact chat id:1 queue=aside      # continuity, there
    +3h   contact chat id:1 thread=a         # no continuity any more, but the thread
    +3h   contact chat id:1 thread=b         # continuity; c1 now has both threads
    +6h   contact chat id:1 thread=b
    +6h   resolved c1
          -> closed c1 resolved contacts=4
    +6h   resolved c2
          -> closed c2 resolved contacts=2
    ",
    );
}

#[test]
fn of_several_the_most_recently_active_then_the_smallest_id() {
    tell(
        &rules("continuity = \"0s\""),
        "
    +0s  contact chat id:1
         -> opened c1
    +1s  contact chat id:1
         -> opened c2
    +2s  contact chat id:1
         -> opened c3
    +3s  replied c1
    +3s  replied c2
    +4s  resolved id:1                       # c1 and c2 are equally recent
         -> closed c1 resolved
    +5s  resolved id:1
         -> closed c2 resolved
    ",
    );
}

#[test]
fn somebody_elses_or_a_closed_id_is_passed_over_by_a_contact() {
    tell(
        &rules("continuity = \"1h\""),
        "
    +0s  contact chat id:1
         -> opened c1
    +1s  contact chat id:2 c1
         -> opened c2 customer=@c2
    +2s  resolved c1
         -> closed c1 resolved contacts=1
    +3s  contact chat id:1 c1
         -> opened c3 customer=@c1 reopened=false
    ",
    );
}

#[test]
fn a_queue_of_another_division_than_the_joined_conversations_is_passed_over() {
    let rules = rules("continuity = \"1h\"");
    tell(
        &rules,
        "
    +0s  contact chat id:1 queue=second
         -> opened c1 queue=second
    +1s  contact chat id:1 c1 queue=aside    # the route leads to desk, which is of the same division
    +2s  resolved c1
         -> closed c1 resolved queue=desk
    +3s  contact chat id:1 queue=aside
         -> opened c2 queue=aside
    +4s  contact chat id:1 c2 queue=second   # the route leads elsewhere too
    +5s  resolved c2
         -> closed c2 resolved queue=aside division=side
    ",
    );
}

#[test]
fn a_conversation_without_events_is_closed_after_idle_close() {
    tell(
        &rules("idle_close = \"1m\""),
        &with_ann(
            "
    +0s    contact chat id:1
           -> opened c1
           -> offered c1 ann
    +5s    accepts ann c1
    +30s   replied c1 automated=true        # names it, so it counts
    +1m30s -> withdrawn c1 ann expired
    +1m30s -> closed c1 idle open_ms=90000 wait_ms=5000 queue=desk
    +1m40s contact chat id:1
           -> opened c2
           -> offered c2 ann
    ",
        ),
    );
}

#[test]
fn other_events_find_open_conversations_whatever_the_continuity() {
    tell(
        &rules("continuity = \"1s\""),
        "
    +0s   contact chat id:1
          -> opened c1
    +10m  resolved id:1
          -> closed c1 resolved
    +11m  resolved id:1                      # none is open
    ",
    );
}

#[test]
fn other_events_are_narrowed_by_queue_channel_and_thread() {
    let story = |narrow: &str, closed: &str| {
        format!(
            "
    +0s  contact chat id:1 thread=a
         -> opened c1
    +1s  contact mail id:1 thread=b
         -> opened c2
    +2s  contact chat id:1 queue=aside thread=c
         -> opened c3
    +3s  abandoned id:1 {narrow}
         {closed}
    "
        )
    };
    let rules = rules("continuity = \"0s\"");
    tell(&rules, &story("", "-> closed c3 abandoned"));
    tell(&rules, &story("channel=mail", "-> closed c2 abandoned"));
    tell(&rules, &story("thread=a", "-> closed c1 abandoned"));
    tell(&rules, &story("thread=a channel=mail", ""));
    tell(&rules, &story("thread=none-of-them", ""));
}

#[test]
fn an_answer_that_names_another_division_is_ignored_and_does_not_count_as_activity() {
    tell(
        &rules("idle_close = \"1m\""),
        &with_ann(
            "
    +0s   contact chat id:1
          -> opened c1
          -> offered c1 ann
    +10s  accepts ann c1 division=side
    +20s  -> withdrawn c1 ann timeout
    +1m   -> closed c1 idle
    until +1m
    ",
        ),
    );
}

#[test]
fn a_dead_answer_counts_as_activity_all_the_same() {
    tell(
        &rules("idle_close = \"1m\""),
        "
    +0s    contact chat id:1
           -> opened c1
    +10s   accepts ann c1
    +1m10s -> closed c1 idle
    until +2m
    ",
    );
}

#[test]
fn joining_moves_channel_queue_and_value_but_keeps_the_place_in_line() {
    tell(
        &rules("continuity = \"1h\""),
        "
    +0s   contact chat id:1 value=5
          -> opened c1 queue=desk value=5
    +10s  contact mail id:1 queue=second value=7
    +20s  agent ann capacity.mail=1
    +20s  state ann available
          -> offered c1 ann queue=second channel=mail value=7 waited_ms=20000 context.first_contact=+0s
    ",
    );
}

#[test]
fn after_a_reply_the_next_message_sets_the_place_in_line() {
    tell(
        &rules("continuity = \"1h\""),
        "
    +0s   contact chat id:1
          -> opened c1
    +5s   replied c1
    +10s  contact chat id:1
    +15s  contact chat id:1
    +20s  agent ann capacity.chat=1
    +20s  state ann available
          -> offered c1 ann waited_ms=10000 context.message.position=0:3:0
    ",
    );
}

#[test]
fn a_conversation_that_an_agent_holds_stays_and_pivots() {
    tell(
        &rules("continuity = \"1h\""),
        &with_ann(
            "
    +0s   contact chat id:1
          -> opened c1
          -> offered c1 ann
    +1s   contact mail id:1                  # the offer stays, the load moves
          -> pivoted c1 ann from_channel=chat channel=mail
    +2s   accepts ann c1
    +3s   contact phone id:1 queue=second    # agent and queue stay
          -> pivoted c1 ann from_channel=mail channel=phone
    +4s   contact phone id:1
    +5s   resolved ann c1
          -> closed c1 resolved queue=desk channel=phone contacts=4
    ",
        ),
    );
}

#[test]
fn an_offer_is_superseded_when_the_customer_moves_to_another_queue() {
    tell(
        &rules("continuity = \"1h\""),
        &with_ann(
            "
    +0s   contact chat id:1
          -> opened c1
          -> offered c1 ann expires=+20s
    +5s   contact mail id:1 queue=second     # no pivot: nobody has it; the agent is not excluded
          -> withdrawn c1 ann superseded
          -> offered c1 ann queue=second channel=mail expires=+25s
    +6s   resolved ann c1
          -> closed c1 resolved offers=2 wait_ms=-
    ",
        ),
    );
}

#[test]
fn a_blocked_customers_conversation_is_closed_at_once() {
    tell(
        &rules("continuity = \"1h\""),
        &with_ann(
            "
    +0s   contact chat id:1
          -> opened c1
          -> offered c1 ann
    +1s   customer id:1 blocked=true
    +2s   contact chat id:1                  # joins as usual
    +3s   resolved ann c1
          -> closed c1 resolved contacts=2
    +4s   contact chat id:1
          -> opened c2 reopened=false
          -> closed c2 automated open_ms=0 contacts=1 transfers=0 offers=0 breached=[]
    +5s   customer id:1 blocked=false
    +6s   contact chat id:1
          -> opened c3
          -> offered c3 ann context.attempts.2.outcome=automated context.failed_attempts=2
    ",
        ),
    );
}

#[test]
fn the_agent_of_a_reply_or_resolve_is_not_looked_up() {
    tell(
        PLAIN,
        "
    +0s   contact chat id:1
          -> opened c1
    +2s   replied stranger c1
    +3s   resolved stranger c1
          -> closed c1 resolved first_response_ms=2000
    ",
    );
}
