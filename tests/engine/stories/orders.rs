//! What the business orders: transfers, supervisors' orders, updates; and agents who leave with work.

use super::{ANN, PLAIN, desk, with_ann};
use crate::support::story::tell;

/// A second queue and a second division.
fn wide(desk_lines: &str) -> String {
    let more = "[divisions.side]\n[queues.spare]\ndivision = \"main\"\n[queues.far]\ndivision = \"side\"\n\
                [queues.far.sla]\nfirst_response = { target = \"2m\", calendar = \"always\" }\n[[routes]]";
    desk(desk_lines).replace("[[routes]]", more)
}

#[test]
fn a_transfer_to_an_agent_waits_for_that_agent_and_then_for_anybody() {
    tell(
        &desk("affinity = \"1m\"\nstrategy = \"least_busy\""),
        "
    +0s   agent ann capacity.chat=1
    +0s   agent bob capacity.chat=1
    +0s   agent cy capacity.chat=1
    +0s   state ann available
    +1s   contact chat id:7
          -> opened c1
          -> offered c1 ann
    +2s   accepts ann c1
    +3s   state cy available
    +4s   state bob available
    +5s   transferred c1 agent=cy            # bob is as free
          -> withdrawn c1 ann transferred
          -> offered c1 cy reason.affinity=preferred reason.candidates=1
    +6s   declines cy c1
          -> withdrawn c1 cy declined
    +36s  -> offered c1 cy reason.affinity=preferred
    +40s  declines cy c1
          -> withdrawn c1 cy declined
    +65s  -> offered c1 bob reason.affinity=- reason.candidates=2
    until +65s
    ",
    );
}

#[test]
fn without_affinity_a_transfer_to_an_agent_waits_as_long_as_an_offer() {
    tell(
        PLAIN,
        "
    +0s   agent ann capacity.chat=1
    +0s   agent bob capacity.chat=1
    +0s   agent cy capacity.chat=1
    +0s   state ann available
    +0s   state cy available
    +1s   contact chat id:7
          -> opened c1
          -> offered c1 ann
    +2s   accepts ann c1
    +3s   contact chat id:8
          -> opened c2
          -> offered c2 cy
    +4s   accepts cy c2
    +5s   state bob available
    +6s   transferred c1 agent=cy            # cy is busy
          -> withdrawn c1 ann transferred
    +26s  -> offered c1 bob
    until +26s
    ",
    );
}

#[test]
fn a_transfer_to_nobody_known_is_a_transfer_to_the_queue() {
    tell(
        PLAIN,
        "
    +0s   agent ann capacity.chat=1
    +0s   agent bob capacity.chat=1
    +0s   state ann available
    +1s   contact chat id:7
          -> opened c1
          -> offered c1 ann
    +2s   accepts ann c1
    +3s   state bob available
    +4s   transferred c1 agent=zoe
          -> withdrawn c1 ann transferred
          -> offered c1 bob
    ",
    );
}

#[test]
fn a_transfer_to_another_division_is_a_new_conversation_there() {
    tell(
        &wide(""),
        "
    +0s   agent ann capacity.chat=1
    +0s   agent sue division=side capacity.chat=1 skills.law=3
    +0s   state ann available
    +0s   state sue division=side available
    +1s   contact chat id:7 value=5
          -> opened c1
          -> offered c1 ann
    +2s   accepts ann c1
    +3s   transferred far c1 skills.law=2
          -> withdrawn c1 ann transferred
          -> closed c1 moved transfers=0
          -> opened c2 division=side queue=far value=5 reopened=false thread=-
          -> offered c2 sue waited_ms=2000 due.first_response=+2m3s context.first_contact=+1s context.attempts=[]
    +4s   accepts sue c2 division=side
    +5s   replied sue id:7                   # finds the new one
    +6s   contact chat id:7 queue=far        # still talks to sue
    +7s   resolved sue id:7
          -> closed c2 resolved contacts=1 first_response_ms=4000
    +8s   contact chat id:7
          -> opened c3
          -> offered c3 ann context.attempts.0.outcome=answered
    ",
    );
}

#[test]
fn an_update_to_a_queue_of_another_division_is_a_transfer() {
    tell(
        &wide(""),
        "
    +0s   agent sue division=side capacity.chat=1
    +0s   state sue division=side available
    +1s   contact chat id:7 value=5
          -> opened c1
    +2s   updated c1 queue=far value=9
          -> closed c1 moved
          -> opened c2 division=side value=9
          -> offered c2 sue value=9
    ",
    );
}

#[test]
fn an_update_is_effective_at_once() {
    tell(
        &format!("{}[value]\nintent = {{ buy = 200 }}\n", wide("skills = { law = { level = 1 } }")),
        "
    +1s   contact chat id:1 value=10
          -> opened c1
    +2s   contact chat id:2 value=20
          -> opened c2
    +3s   updated c1 intent=buy
    +4s   updated c2 value=30
    +5s   agent ann capacity.chat=9 skills.law=9 queues.desk.rank=1
    +5s   state ann available                # offers of one entry stand in the order of ids
          -> offered c2 ann value=30
          -> offered c1 ann value=210
    ",
    );
    tell(
        &wide("skills = { law = { level = 1 } }"),
        "
    +0s   agent ann capacity.chat=9 queues.spare.rank=1
    +0s   state ann available
    +1s   contact chat id:1
          -> opened c1 queue=desk
    +2s   updated c1 queue=spare
          -> offered c1 ann queue=spare waited_ms=1000
    +3s   updated c1 queue=desk              # the offer is of the other queue
          -> withdrawn c1 ann superseded
    +4s   updated c1 queue=spare
          -> offered c1 ann
    +5s   accepts ann c1
    +6s   updated c1 queue=desk value=4      # keeps agent and queue
    +7s   resolved ann c1
          -> closed c1 resolved queue=spare
    ",
    );
    tell(
        PLAIN,
        "
    +0s   agent ann capacity.chat=1
    +0s   state ann available
    +1s   contact chat id:1 skills.law=3
          -> opened c1
    +2s   updated c1 skills={}
          -> offered c1 ann
    ",
    );
}

#[test]
fn an_order_counts_whatever_the_agent_does() {
    tell(
        PLAIN,
        "
    +0s   agent ann capacity.chat=1
    +0s   agent bob capacity.chat=0
    +0s   state ann available
    +1s   contact chat id:7
          -> opened c1
          -> offered c1 ann
    +2s   assigned bob c1                    # offline, and no room
          -> withdrawn c1 ann transferred
          -> offered c1 bob accept=ordered expires=- reason.rank=1 reason.candidates=0
    +3s   assigned bob c1                    # has it
    +4s   assigned zoe c1                    # unknown
    +5s   contact chat id:8
          -> opened c2
          -> offered c2 ann
    +6s   assigned ann c2                    # its own offer: no withdrawal
          -> offered c2 ann accept=ordered
    +7s   assigned ann c1
          -> withdrawn c1 bob transferred
          -> offered c1 ann accept=ordered
    +8s   resolved ann c1
          -> closed c1 resolved offers=3 wait_ms=1000
    ",
    );
}

#[test]
fn an_order_ends_a_callback() {
    tell(
        &desk("[queues.desk.sla]\nfirst_response = { target = \"2m\", calendar = \"always\" }"),
        &with_ann(
            "
    +1s   callback phone due=+1h id:7
          -> opened c1
    +2s   assigned ann c1
          -> offered c1 ann accept=ordered due.first_response=+2m2s
    +2m2s1ms -> breached c1 first_response
    until +2h
    ",
        ),
    );
}

/// Chats are reclaimed after 30 s, mails never.
fn reclaiming() -> String {
    PLAIN.replace("[channels.chat]", "[channels.chat]\nreclaim = \"30s\"")
}

#[test]
fn work_of_an_agent_who_has_gone_offline_is_reclaimed() {
    tell(
        &reclaiming(),
        &with_ann(
            "
    +0s   agent bob capacity.chat=9 capacity.mail=9
    +1s   contact chat id:7
          -> opened c1
          -> offered c1 ann
    +1s   contact mail id:8
          -> opened c2
          -> offered c2 ann
    +2s   accepts ann c1
    +2s   accepts ann c2
    +3s   held c1
    +4s   state bob available
    +5s   state ann offline
    +35s  -> withdrawn c1 ann agent_left
    +35s  -> offered c1 bob waited_ms=34000
    until +40s
    ",
        ),
    );
}

#[test]
fn who_comes_back_in_time_keeps_its_work_and_away_is_not_gone() {
    tell(
        &reclaiming(),
        &with_ann(
            "
    +1s   contact chat id:7
          -> opened c1
          -> offered c1 ann
    +2s   accepts ann c1
    +3s   state ann away
    +40s  state ann offline
    +69s  state ann available
    +80s  state ann offline
    +81s  state ann offline                  # has been since +80s
    +110s -> withdrawn c1 ann agent_left
    until +2m
    ",
        ),
    );
}

#[test]
fn requeue_puts_all_work_back_at_once() {
    tell(
        PLAIN,
        &with_ann(
            "
    +1s   contact chat id:7
          -> opened c1
          -> offered c1 ann
    +1s   contact mail id:8
          -> opened c2
          -> offered c2 ann
    +2s   accepts ann c1
    +2s   accepts ann c2
    +3s   held c2
    +4s   state ann away requeue=true
          -> withdrawn c2 ann agent_left
          -> withdrawn c1 ann agent_left
    +5s   state ann available
          -> offered c2 ann
          -> offered c1 ann
    ",
        ),
    );
}

#[test]
fn a_pivot_to_a_reclaimed_channel_counts_from_when_the_agent_left() {
    tell(
        &reclaiming(),
        &format!(
            "{ANN}
    +1s   contact mail id:7
          -> opened c1
          -> offered c1 ann
    +2s   accepts ann c1
    +3s   state ann offline
    +10s  contact chat id:7
          -> pivoted c1 ann
    +33s  -> withdrawn c1 ann agent_left
    until +34s
    "
        ),
    );
}

#[test]
fn what_is_put_back_asks_neither_whether_the_queue_is_full_nor_closed() {
    let rules =
        reclaiming().replace("[[routes]]", "max_waiting = { count = 1, then = \"expire\" }\n[[routes]]");
    tell(
        &rules,
        "
    +0s   agent ann capacity.chat=1
    +0s   state ann available
    +1s   contact chat id:7
          -> opened c1
          -> offered c1 ann
    +2s   accepts ann c1
    +3s   contact chat id:8
          -> opened c2
    +4s   state ann offline
    +34s  -> withdrawn c1 ann agent_left
    +40s  state ann available
          -> offered c1 ann
    ",
    );
}

#[test]
fn work_of_who_has_gone_can_be_put_back_later() {
    tell(
        PLAIN,
        "
    +0s   agent ann capacity.mail=1
    +0s   agent bob capacity.mail=1
    +0s   state ann available
    +1s   contact mail id:7
          -> opened c1
          -> offered c1 ann
    +4s   accepts ann c1
    +5s   state ann offline
    +6s   state bob available
    +7s   state ann offline requeue=true
          -> withdrawn c1 ann agent_left
          -> offered c1 bob
    +8s   state bob available requeue=true   # who is there keeps its offers and work
    ",
    );
}

#[test]
fn an_order_takes_room_above_the_capacity() {
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
    +4s   assigned ann c2
          -> offered c2 ann accept=ordered
    +5s   contact chat id:3
          -> opened c3
    +6s   resolved ann c1                    # one left: no room
          -> closed c1 resolved
    +7s   resolved ann c2
          -> closed c2 resolved
          -> offered c3 ann
    ",
    );
}
