//! States: what leads from which to which, what ends a conversation in any of them, and what an agent keeps.

use super::{PLAIN, desk, with_ann};
use crate::support::story::tell;

#[test]
fn a_message_while_the_agent_wraps_up_opens_a_new_conversation() {
    tell(
        &desk("wrap_up = \"1m\""),
        &with_ann(
            "
    +1s   contact chat id:7
          -> opened c1
          -> offered c1 ann
    +2s   accepts ann c1
    +3s   resolved ann c1
          -> closed c1 resolved
    +4s   contact chat id:7
          -> opened c2 reopened=false
          -> offered c2 ann
    ",
        ),
    );
}

/// Each state, by what leads there, and who has the conversation then.
const STATES: [(&str, bool); 5] = [
    ("+1s callback chat due=+1h id:7\n-> opened c1", false),
    ("+1s contact chat id:7 skills.law=1\n-> opened c1", false),
    ("+1s contact chat id:7\n-> opened c1\n-> offered c1 ann expires=+21s", true),
    ("+1s contact chat id:7\n-> opened c1\n-> offered c1 ann\n+2s accepts ann c1", true),
    ("+1s contact chat id:7\n-> opened c1\n-> offered c1 ann\n+2s accepts ann c1\n+3s held c1", true),
];

#[test]
fn a_resolve_leaves_from_any_state() {
    for (state, has) in STATES {
        let told = if has { "-> withdrawn c1 ann resolved" } else { "" };
        tell(
            PLAIN,
            &with_ann(&format!("{state}\n+9s resolved zoe c1\n{told}\n-> closed c1 resolved\nuntil +2h")),
        );
    }
}

#[test]
fn an_erasure_leaves_from_any_state() {
    for (state, has) in STATES {
        let told = if has { "-> withdrawn c1 ann erased" } else { "" };
        let end = format!("+9s erased id:7\n-> erased\n{told}\n-> closed c1 erased\nuntil +2h");
        tell(PLAIN, &with_ann(&format!("{state}\n{end}")));
    }
}

#[test]
fn idleness_leaves_from_any_state_but_that_of_a_callback() {
    let rules = format!(
        "[conversation]\nidle_close = \"10s\"\ncontinuity = \"10s\"\n{}",
        desk("offer_timeout = \"1m\"")
    );
    for ((state, has), at) in STATES[1..].iter().zip(["+11s", "+11s", "+12s", "+13s"]) {
        let told = if *has { format!("{at} -> withdrawn c1 ann expired\n") } else { String::new() };
        let state = state.replace(" expires=+21s", "");
        tell(&rules, &with_ann(&format!("{state}\n{told}{at} -> closed c1 idle\nuntil +2h")));
    }
    tell(&rules, &format!("{}\n+1h10s -> closed c1 idle\nuntil +2h", STATES[0].0));
}

#[test]
fn a_hold_keeps_load_and_weight() {
    tell(
        PLAIN,
        "
    +0s   agent ann capacity.chat=1 capacity.mail=9 budget=49
    +0s   state ann available
    +1s   contact chat id:1
          -> opened c1
          -> offered c1 ann
    +2s   accepts ann c1
    +3s   held c1
    +4s   contact chat id:2                  # one chat at most
          -> opened c2
    +5s   contact mail id:3                  # 30 + 20 > 49
          -> opened c3
    +6s   resolved ann c1
          -> closed c1 resolved
          -> offered c2 ann
    ",
    );
}

#[test]
fn held_work_is_reclaimed_like_active_work() {
    let rules = PLAIN.replace("[channels.chat]", "[channels.chat]\nreclaim = \"30s\"");
    tell(
        &rules,
        &with_ann(
            "
    +1s   contact chat id:7
          -> opened c1
          -> offered c1 ann
    +2s   accepts ann c1
    +3s   held c1
    +4s   state ann offline
    +34s  -> withdrawn c1 ann agent_left
    until +40s
    ",
        ),
    );
}

#[test]
fn an_agent_is_a_name_in_a_division() {
    let rules = desk("[divisions.side]\n[queues.far]\ndivision = \"side\"");
    tell(
        &rules,
        "
    +0s   agent ann capacity.chat=1
    +0s   agent ann division=side capacity.chat=1
    +0s   state ann available
    +1s   contact chat id:1 queue=far        # offline there
          -> opened c1 division=side
    +2s   contact chat id:2
          -> opened c2
          -> offered c2 ann division=main
    +3s   state ann offline                  # who moves is set offline by the sender
          -> withdrawn c2 ann agent_left
    +4s   state ann division=side available
          -> offered c1 ann division=side
    +5s   accepts ann c1                     # of the division that it names
    +6s   accepts ann c1 division=side
    +7s   resolved ann c1
          -> closed c1 resolved
    ",
    );
}

#[test]
fn a_changed_definition_acts_on_new_offers_only() {
    tell(
        &desk("skills = { law = { level = 1 } }"),
        "
    +0s   agent ann capacity.chat=2 skills.law=1
    +0s   state ann available
    +1s   contact chat id:1
          -> opened c1
          -> offered c1 ann
    +2s   accepts ann c1
    +3s   contact chat id:2
          -> opened c2
          -> offered c2 ann
    +4s   agent ann capacity.mail=1          # neither offer nor work is lost
    +5s   accepts ann c2
    +6s   contact chat id:3
          -> opened c3
    +7s   resolved ann c1
          -> closed c1 resolved
    +8s   agent ann capacity.chat=1 skills.law=1
    +9s   resolved ann c2
          -> closed c2 resolved
          -> offered c3 ann
    ",
    );
}

#[test]
fn an_agent_who_can_nothing_any_more_keeps_what_it_has() {
    tell(
        PLAIN,
        "
    +0s   agent ann capacity.chat=1
    +0s   state ann available
    +1s   contact chat id:1
          -> opened c1
          -> offered c1 ann
    +2s   accepts ann c1
    +3s   agent ann queues={}                # removed as far as a definition can
    +3s   state ann offline
    +4s   contact chat id:2
          -> opened c2
    +5s   replied ann c1
    +6s   resolved ann c1
          -> closed c1 resolved
    +7s   state ann available
    until +2h
    ",
    );
}

#[test]
fn what_names_an_unknown_conversation_has_no_effect() {
    tell(
        PLAIN,
        &with_ann(
            "
    +1s   contact chat id:7
          -> opened c1
          -> offered c1 ann
    +2s   resolved zoe c1
          -> withdrawn c1 ann resolved
          -> closed c1 resolved
    +3s   accepts ann c1
    +3s   declines ann c1
    +3s   held c1
    +3s   resumed c1
    +3s   replied ann c1
    +3s   transferred desk c1
    +3s   updated c1 value=9
    +3s   assigned ann c1
    +3s   resolved ann c1
    +3s   abandoned c1
    +3s   resolved ann id:9
    until +2h
    ",
        ),
    );
}
