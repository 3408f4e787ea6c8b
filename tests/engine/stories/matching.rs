//! Who may take what: affinity, relaxation, ramp, released weight, and which queue a free agent serves.

use super::{PLAIN, desk, with_ann};
use crate::support::story::tell;

const TWO: &str = "
    +0s   agent ann capacity.chat=2
    +0s   agent bob capacity.chat=2
";

#[test]
fn a_conversation_waits_for_the_preferred_and_then_for_the_last_agent() {
    tell(
        &desk("affinity = \"1m\""),
        &format!(
            "{TWO}
    +0s   agent cy capacity.chat=9
    +0s   state bob available
    +1s   contact chat id:7
          -> opened c1
          -> offered c1 bob reason.affinity=-
    +2s   accepts bob c1
    +3s   replied bob c1
    +4s   resolved bob c1
          -> closed c1 resolved
    +5s   agent ann capacity.chat=0
    +5s   agent bob capacity.chat=0
    +6s   state ann available
    +7s   state cy available
    +10s  contact chat id:7 preferred_agent=ann      # both could serve, but have no room
          -> opened c2
    +80s  agent bob capacity.chat=1                  # ann's minute is over, bob's is not
          -> offered c2 bob reason.affinity=last
    +81s  declines bob c2
          -> withdrawn c2 bob declined
    +111s -> offered c2 bob reason.affinity=last
    +120s declines bob c2
          -> withdrawn c2 bob declined
    +130s -> offered c2 cy reason.affinity=-
    until +130s
    "
        ),
    );
}

#[test]
fn nobody_is_waited_for_who_is_away_or_cannot_serve() {
    let rules = desk("affinity = \"1m\"");
    tell(
        &rules,
        &format!(
            "{TWO}
    +0s   state bob available
    +1s   contact chat id:1 preferred_agent=ann      # offline
          -> opened c1
          -> offered c1 bob
    +2s   contact chat id:2 preferred_agent=zoe      # unknown
          -> opened c2
          -> offered c2 bob
    "
        ),
    );
    tell(
        &rules,
        &format!(
            "{TWO}
    +0s   agent bob capacity.chat=9 skills.law=1 budget=1000
    +0s   state bob available
    +0s   state ann available
    +1s   contact chat id:1 preferred_agent=ann skills.law=1
          -> opened c1
          -> offered c1 bob
    +2s   agent ann capacity.chat=0
    +3s   contact chat id:2 preferred_agent=ann
          -> opened c2
    +4s   contact chat id:3 preferred_agent=ann
          -> opened c3
    +5s   state ann away                             # both may be taken by others now
          -> offered c3 bob
          -> offered c2 bob
    +6s   state ann available
    +7s   contact chat id:4 preferred_agent=ann
          -> opened c4
    +8s   agent ann capacity.chat=0 queues={{}}      # serves no queue any more
          -> offered c4 bob
    "
        ),
    );
}

#[test]
fn the_same_agent_preferred_and_last_has_one_window() {
    tell(
        &desk("affinity = \"1m\""),
        &format!(
            "{TWO}
    +0s   state ann available
    +1s   contact chat id:7
          -> opened c1
          -> offered c1 ann
    +2s   accepts ann c1
    +3s   replied ann c1
    +4s   resolved ann c1
          -> closed c1 resolved
    +5s   agent ann capacity.chat=0
    +6s   state bob available
    +10s  contact chat id:7 preferred_agent=ann
          -> opened c2
    +70s  -> offered c2 bob
    until +70s
    "
        ),
    );
}

#[test]
fn steps_relax_what_is_required() {
    tell(
        &desk(
            "skills = { law = { level = 5 }, tax = { level = 3, hard = true } }\n\
             steps = [{ after = \"10s\", lower = { law = 3 } }, { after = \"20s\", drop = [\"law\"] }]",
        ),
        "
    +0s   agent ann capacity.chat=1 skills.law=3 skills.tax=3
    +0s   agent bob capacity.chat=1 skills.tax=9
    +0s   agent cy capacity.chat=1 skills.law=9 skills.tax=2
    +0s   state cy available
    +0s   state bob available
    +1s   contact chat id:7
          -> opened c1
    +2s   state ann available
    +11s  -> offered c1 ann reason.relaxed=1 reason.candidates=1
    +12s  declines ann c1
          -> withdrawn c1 ann declined
    +21s  -> offered c1 bob reason.relaxed=2
    until +21s
    ",
    );
}

#[test]
fn a_step_relaxes_the_skills_of_the_contact_too() {
    tell(
        &desk("steps = [{ after = \"10s\", drop = [\"law\"] }]"),
        &with_ann(
            "
    +1s   contact chat id:7 skills.law=3
          -> opened c1
    +11s  -> offered c1 ann reason.relaxed=1
    until +11s
    ",
        ),
    );
}

#[test]
fn a_step_adds_the_agents_of_another_queue() {
    tell(
        &desk("steps = [{ after = \"10s\", add = \"spare\" }]\n[queues.spare]\ndivision = \"main\""),
        "
    +0s   agent ann capacity.chat=1 queues.spare.rank=4
    +0s   agent bob capacity.chat=1 queues.spare.rank=2 queues.spare.delay_s=15
    +0s   state bob available
    +1s   contact chat id:7
          -> opened c1
    +2s   state ann available
    +11s  -> offered c1 ann reason.rank=4 reason.relaxed=1
    +12s  declines ann c1
          -> withdrawn c1 ann declined
    +16s  -> offered c1 bob reason.rank=2
    until +16s
    ",
    );
}

#[test]
fn a_step_raises_the_priority() {
    tell(
        &desk("curve_after = { per_minute = 0 }\nsteps = [{ after = \"10s\", raise = 50 }]"),
        "
    +0s   agent ann capacity.chat=1
    +1s   contact chat id:1
          -> opened c1
    +5s   contact chat id:2 value=20
          -> opened c2
    +6s   contact chat id:3 value=80
          -> opened c3
    +12s  state ann available
          -> offered c3 ann priority=80
    +13s  accepts ann c3
    +14s  resolved ann c3
          -> closed c3 resolved
          -> offered c1 ann priority=50 value=0 reason.relaxed=1
    ",
    );
}

#[test]
fn steps_count_from_the_entry_into_the_queue() {
    tell(
        &desk(
            "steps = [{ after = \"10s\", drop = [\"law\"] }]\n[queues.spare]\ndivision = \"main\"\n\
               steps = [{ after = \"10s\", drop = [\"law\"] }]",
        ),
        &with_ann(
            "
    +1s   contact chat id:7 skills.law=3
          -> opened c1
    +9s   updated c1 queue=spare
    +19s  -> offered c1 ann queue=spare
    until +19s
    ",
        ),
    );
}

/// The bound ends at the same instant at which a delay would have, had the agent not been defined anew.
#[test]
fn a_delay_of_a_former_definition_lets_nobody_take_anything() {
    tell(
        &PLAIN.replace("[divisions.main]", "[divisions.main]\nramp = 1"),
        "
    +0s   agent ann capacity.chat=3 queues.desk.rank=1 queues.desk.delay_s=20
    +0s   state ann available
    +0s   agent ann capacity.chat=3
    +1s   contact chat id:6
          -> opened c1
          -> offered c1 ann
    +2s   accepts ann c1
    +2s   contact chat id:7 value=80
          -> opened c2
    +41s  contact chat id:8
          -> opened c3
    +61s  -> offered c2 ann                  # not c3, whose 20 s are over as well
    +62s  accepts ann c2
    +121s -> offered c3 ann
    until +121s
    ",
    );
}

#[test]
fn a_ramp_bounds_the_offers_of_a_minute() {
    tell(
        &PLAIN.replace("[divisions.main]", "[divisions.main]\nramp = 2"),
        "
    +0s   agent ann capacity.chat=9 budget=1000
    +0s   state ann available
    +1s   contact chat id:1
          -> opened c1
          -> offered c1 ann
    +2s   contact chat id:2
          -> opened c2
          -> offered c2 ann
    +3s   contact chat id:3
          -> opened c3
    +4s   contact chat id:4
          -> opened c4
    +21s  -> withdrawn c1 ann timeout
    +22s  -> withdrawn c2 ann timeout
    +23s  state ann available
    +61s  -> offered c1 ann
    +62s  -> offered c2 ann
    until +62s
    ",
    );
}

#[test]
fn the_weight_of_a_silent_customer_is_given_back() {
    tell(
        &PLAIN.replace("weight = 30", "weight = 60\nrelease_after = \"10m\""),
        "
    +0s   agent ann capacity.chat=3
    +0s   state ann available
    +1s   contact chat id:1
          -> opened c1
          -> offered c1 ann
    +2s   accepts ann c1
    +3s   contact chat id:2                  # 60 + 60 > 100
          -> opened c2
    +1m   replied ann c1
    +5m   replied ann c1                     # counts from the latest reply
    +6m   held c1
    +15m  -> offered c2 ann
    +15m1s accepts ann c2
    +16m  contact chat id:3
          -> opened c3
    +17m  contact chat id:1                  # takes its weight again, even above the budget
    +18m  resolved ann c2
          -> closed c2 resolved
    +19m  resolved ann c1
          -> closed c1 resolved
          -> offered c3 ann
    until +19m
    ",
    );
}

#[test]
fn released_work_still_counts_as_load() {
    tell(
        &PLAIN.replace("weight = 30", "weight = 30\nrelease_after = \"10s\""),
        "
    +0s   agent ann capacity.chat=1
    +0s   state ann available
    +1s   contact chat id:1
          -> opened c1
          -> offered c1 ann
    +2s   accepts ann c1
    +3s   replied ann c1
    +4s   contact chat id:2
          -> opened c2
    until +1m
    ",
    );
}

/// Three queues under a dispatch; each has what `a`, `b`, `c` say.
fn dispatching(dispatch: &str, a: &str, b: &str) -> String {
    PLAIN.replace("[divisions.main]", &format!("[divisions.main]\ndispatch = \"{dispatch}\"")).replace(
        "[queues.desk]",
        &format!("[queues.a]\ndivision = \"main\"\n{a}\n[queues.b]\ndivision = \"main\"\n{b}\n[queues.desk]"),
    )
}

#[test]
fn generalised_c_mu_serves_the_dearest_wait() {
    tell(
        &dispatching(
            "gcmu",
            "dispatch = { cost = 3, handle = \"5m\" }",
            "dispatch = { cost = 1, handle = \"1m\" }",
        ),
        "
    +0s   agent ann capacity.chat=1
    +1s   contact chat id:1 queue=a value=900
          -> opened c1
    +1s   contact chat id:2 queue=b
          -> opened c2
    +11s  state ann available                # 3 · 10 s / 5 min against 1 · 10 s / 1 min
          -> offered c2 ann
    +12s  accepts ann c2
    +13s  contact chat id:3 queue=b
          -> opened c3
    +14s  resolved ann c2                    # 3 · 13 / 5 = 7.8 against 1
          -> closed c2 resolved
          -> offered c1 ann
    ",
    );
}

#[test]
fn within_a_queue_priority_says_who_is_next() {
    tell(
        &dispatching("gcmu", "", ""),
        "
    +0s   agent ann capacity.chat=1
    +1s   contact chat id:1 queue=a
          -> opened c1
    +2s   contact chat id:2 queue=a value=50
          -> opened c2
    +3s   state ann available
          -> offered c2 ann
    ",
    );
}

#[test]
fn fixed_queue_ratio_serves_the_queue_that_is_longest_beyond_its_part() {
    tell(
        &dispatching("ratio", "dispatch = { ratio = 3 }", "dispatch = { ratio = 1 }"),
        "
    +0s   agent ann capacity.chat=1 queues.a.rank=1 queues.b.rank=1
    +1s   contact chat id:1 queue=a
          -> opened c1
    +1s   contact chat id:2 queue=a
          -> opened c2
    +1s   contact chat id:3 queue=b
          -> opened c3
    +2s   state ann available                # of 3 waiting: a 2 · 5 - 3 · 3 = 1, b 1 · 5 - 1 · 3 = 2
          -> offered c3 ann
    +3s   accepts ann c3
    +4s   resolved ann c3                    # a alone
          -> closed c3 resolved
          -> offered c2 ann                  # the smaller id
    ",
    );
}

#[test]
fn no_queue_gets_less_than_its_share() {
    tell(
        &dispatching("gcmu", "dispatch = { cost = 1000 }", "dispatch = { share = 40 }"),
        "
    +0s   agent ann capacity.chat=1 queues.a.rank=1 queues.b.rank=1
    +1s   contact chat id:1 queue=a
          -> opened c1
    +1s   contact chat id:2 queue=a
          -> opened c2
    +1s   contact chat id:3 queue=b
          -> opened c3
    +2s   state ann available                # nothing offered yet: nobody lacks anything
          -> offered c2 ann
    +3s   accepts ann c2
    +4s   resolved ann c2                    # b lacks 40 % of one
          -> closed c2 resolved
          -> offered c3 ann
    ",
    );
}

#[test]
fn an_agents_ranks_go_before_the_dispatch() {
    tell(
        &dispatching("gcmu", "dispatch = { cost = 1000 }", ""),
        "
    +0s   agent ann capacity.chat=1 queues.a.rank=2 queues.b.rank=1
    +1s   contact chat id:1 queue=a
          -> opened c1
    +1s   contact chat id:2 queue=b
          -> opened c2
    +2s   state ann available
          -> offered c2 ann reason.rank=1
    ",
    );
}

#[test]
fn an_agents_own_list_goes_before_what_a_step_adds() {
    tell(
        &desk("steps = [{ after = \"10s\", add = \"spare\" }]\n[queues.spare]\ndivision = \"main\""),
        "
    +0s   agent ann capacity.chat=1 queues.desk.rank=5 queues.desk.delay_s=20 queues.spare.rank=1
    +0s   state ann available
    +1s   contact chat id:7
          -> opened c1
    +21s  -> offered c1 ann reason.rank=5 reason.relaxed=1
    until +21s
    ",
    );
}
