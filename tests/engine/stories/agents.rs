//! Who may take what: skills, languages, queues, ranks and delays, capacity; wrap-up; transfers.

use super::{PLAIN, desk, with_ann};
use crate::support::story::tell;

/// A second queue of the division, for contacts that ask for it.
fn two_queues(lines: &str) -> String {
    PLAIN.replacen("[[routes]]", &format!("{lines}\n[queues.second]\ndivision = \"main\"\n[[routes]]"), 1)
}

#[test]
fn every_skill_of_queue_and_contact_at_the_higher_level() {
    let rules = desk("skills = { law = { level = 3 } }");
    for (agent, contact, offered) in [
        ("", "", false),
        ("skills.law=2", "", false),
        ("skills.law=3", "", true),
        ("skills.law=3", "skills.law=4", false),
        ("skills.law=4", "skills.law=4", true),
        ("skills.law=3", "skills.law=1", true),
        ("skills.law=3", "skills.tax=1", false),
        ("skills.law=3 skills.tax=1", "skills.tax=1", true),
    ] {
        let offer = if offered { "-> offered c1 ann" } else { "" };
        let story = format!(
            "
    +0s  agent ann capacity.chat=1 {agent}
    +0s  state ann available
    +1s  contact chat id:1 {contact}
         -> opened c1
         {offer}
    "
        );
        tell(&rules, &story);
    }
}

#[test]
fn a_later_contacts_skills_replace_the_earlier_ones() {
    tell(
        PLAIN,
        &with_ann(
            "
    +1s  contact chat id:1 skills.tax=5
         -> opened c1
    +2s  contact chat id:1
         -> offered c1 ann
    ",
        ),
    );
}

#[test]
fn a_known_language_must_be_spoken_where_the_queue_asks() {
    for (rules, agent, contact, offered) in [
        (desk("match_lang = true"), "langs=[EN]", "lang=en", true),
        (desk("match_lang = true"), "langs=[en]", "lang=es", false),
        (desk("match_lang = true"), "", "lang=es", false),
        (desk("match_lang = true"), "", "", true),
        (desk("match_lang = false"), "", "lang=es", true),
    ] {
        let offer = if offered { "-> offered c1 ann" } else { "" };
        let story = format!(
            "
    +0s  agent ann capacity.chat=1 {agent}
    +0s  state ann available
    +1s  contact chat id:1 {contact}
         -> opened c1
         {offer}
    "
        );
        tell(&rules, &story);
    }
}

#[test]
fn an_agents_own_queues_ranks_and_delays() {
    tell(
        &two_queues(""),
        "
    +0s   agent ann capacity.chat=1 queues.second.rank=1 queues.desk.rank=2 queues.desk.delay_s=10
    +0s   contact chat id:1 value=1000
          -> opened c1 queue=desk
    +5s   state ann available                # not before 10 s in that queue
    +10s  -> offered c1 ann reason.rank=2
    +11s  accepts ann c1
    +12s  contact chat id:2 value=1000
          -> opened c2 queue=desk
    +13s  contact chat id:3 queue=second
          -> opened c3 queue=second
    +30s  resolved ann c1                    # the lower rank goes before the value
          -> closed c1 resolved
          -> offered c3 ann reason.rank=1
    ",
    );
}

#[test]
fn no_queues_of_its_own_is_none_and_absent_is_all() {
    tell(
        PLAIN,
        "
    +0s   agent ann capacity.chat=1 queues={}
    +0s   state ann available
    +1s   contact chat id:1
          -> opened c1
    +2s   agent ann capacity.chat=1
          -> offered c1 ann reason.rank=1
    ",
    );
}

#[test]
fn a_new_delay_counts_for_what_waits_already() {
    tell(
        PLAIN,
        "
    +0s   contact chat id:1
          -> opened c1
    +1s   agent ann capacity.chat=1 queues={}
    +1s   state ann available
    +2s   agent ann capacity.chat=1 queues.desk.delay_s=5
    +5s   -> offered c1 ann
    until +5s
    ",
    );
}

#[test]
fn capacity_by_channel_budget_and_exclusion() {
    tell(
        PLAIN,
        "
    +0s   agent ann capacity.chat=2 capacity.mail=9 capacity.phone=1 budget=100
    +0s   state ann available
    +1s   contact chat id:1
          -> opened c1
          -> offered c1 ann
    +1s   contact chat id:2
          -> opened c2
          -> offered c2 ann
    +1s   contact chat id:3                  # two chats at most
          -> opened c3
    +1s   contact phone id:4                 # excludes every other channel
          -> opened c4
    +1s   contact mail id:5                  # 30 + 30 + 20
          -> opened c5
          -> offered c5 ann
    +1s   contact mail id:6                  # 100 in all
          -> opened c6
          -> offered c6 ann
    +1s   contact mail id:7
          -> opened c7
    ",
    );
    tell(
        PLAIN,
        "
    +0s   agent ann capacity.chat=2 capacity.phone=1 budget=999
    +0s   state ann available
    +1s   contact phone id:1
          -> opened c1
          -> offered c1 ann
    +1s   contact chat id:2                  # nor does a phone let anything beside it
          -> opened c2
    +2s   contact fresh id:3
          -> rejected unknown_channel
    +3s   resolved ann c1
          -> closed c1 resolved
          -> offered c2 ann
    ",
    );
}

#[test]
fn the_budget_is_the_divisions_unless_the_agent_has_its_own() {
    let rules = PLAIN.replace("[divisions.main]", "[divisions.main]\nagents_budget = 29");
    tell(
        &rules,
        "
    +0s   agent ann capacity.chat=1
    +0s   state ann available
    +1s   contact chat id:1
          -> opened c1
    +2s   agent ann capacity.chat=1 budget=30
          -> offered c1 ann
    ",
    );
}

#[test]
fn wrap_up_holds_capacity_until_it_ends() {
    tell(
        &desk("wrap_up = \"10s\""),
        "
    +0s   agent ann capacity.chat=1
    +0s   state ann available
    +1s   contact chat id:1
          -> opened c1
          -> offered c1 ann
    +2s   accepts ann c1
    +3s   resolved c1
          -> closed c1 resolved
    +4s   contact chat id:2
          -> opened c2
    +13s  -> offered c2 ann
    +14s  accepts ann c2
    +15s  abandoned c2
          -> withdrawn c2 ann abandoned
          -> closed c2 answered
    +16s  contact chat id:3
          -> opened c3
    +17s  wrapped ann                        # all of it
          -> offered c3 ann
    +18s  resolved ann c3                    # only offered: nothing to wrap up
          -> closed c3 resolved
    +18s  contact chat id:4
          -> opened c4
          -> offered c4 ann
    ",
    );
}

#[test]
fn a_wrap_up_ends_by_conversation_or_customer() {
    let story = |wrapped: &str, offered: &str| {
        tell(
            &desk("wrap_up = \"1h\""),
            &format!(
                "
    +0s   agent ann capacity.chat=1
    +0s   state ann available
    +1s   contact chat id:1
          -> opened c1
          -> offered c1 ann
    +2s   accepts ann c1
    +3s   resolved c1
          -> closed c1 resolved
    +4s   contact chat id:2
          -> opened c2
    +17s  wrapped ann {wrapped}
          {offered}
    "
            ),
        );
    };
    story("c1", "-> offered c2 ann");
    story("id:1", "-> offered c2 ann");
    story("", "-> offered c2 ann");
    story("c2", "");
    story("id:2", "");
    story("id:99", "");
}

#[test]
fn a_transfer_enters_the_queue_anew_without_wrap_up_and_excludes_the_agent() {
    let rules = two_queues("wrap_up = \"1h\"").replace(
        "[queues.second]\n",
        "[queues.second]\nexclude_after_miss = \"5s\"\nskills = { tax = { level = 1 } }\n",
    );
    tell(
        &rules,
        "
    +0s   agent ann capacity.chat=1 skills.tax=9
    +0s   state ann available
    +1s   contact chat id:1 skills.law=1
          -> opened c1
    +2s   transferred c1 queue=second skills.tax=3
          -> offered c1 ann queue=second waited_ms=1000
    +3s   accepts ann c1
    +4s   transferred c1
          -> withdrawn c1 ann transferred
    +5s   contact chat id:2
          -> opened c2 queue=desk
          -> offered c2 ann
    +6s   abandoned c2
          -> withdrawn c2 ann abandoned
          -> closed c2 abandoned
    +9s   -> offered c1 ann
    +10s  resolved ann c1
          -> closed c1 resolved transfers=2 queue=second
    ",
    );
}
