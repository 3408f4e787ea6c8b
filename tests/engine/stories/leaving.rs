//! Who turns out to be somebody else, who wants to be forgotten, and who has not been heard of for long.

use super::PLAIN;
use crate::support::story::tell;

fn rules(limits: &str) -> String {
    let nick = "[identity.kinds.nick]\nrank = 3\nlimit = 3\nform = \"opaque\"\n[channels.chat]";
    let rest = PLAIN.replace("[channels.chat]", nick);
    format!("[conversation]\ncontinuity = \"0s\"\n[identity]\n{limits}\n{rest}")
}

#[test]
fn an_unlinked_identifier_is_a_new_customers_and_conversations_stay() {
    tell(
        &rules(""),
        "
    +0s   contact chat id:1 mail:a
          -> opened c1
    +1s   unlinked mail:a
          -> split from=@c1 !subject=@c1
    +2s   contact chat mail:a
          -> opened c2 customer=@c2
    +3s   contact chat id:1
          -> opened c3 customer=@c1
    +4s   resolved c1
          -> closed c1 resolved customer=@c1
    ",
    );
}

#[test]
fn what_founded_a_customer_founds_the_next_generation() {
    tell(
        &rules(""),
        "
    +0s   contact chat mail:a
          -> opened c1
    +1s   contact chat mail:a id:1
          -> opened c2 customer=@c1
    +2s   unlinked mail:a                    # the id stays with the old one
          -> split from=@c1
    +3s   contact chat mail:a
          -> opened c3 customer=@c3
    +4s   contact chat id:1
          -> opened c4 customer=@c1
    ",
    );
}

#[test]
fn an_unknown_or_only_identifier_is_not_unlinked() {
    tell(
        &rules(""),
        "
    +0s   contact chat mail:a
          -> opened c1
    +1s   unlinked mail:a
    +2s   unlinked mail:b
    +3s   unlinked mail:null
    +4s   contact chat mail:a
          -> opened c2 customer=@c1
    ",
    );
}

#[test]
fn what_was_unlinked_does_not_lead_back_by_itself() {
    tell(
        &rules(""),
        "
    +0s   contact chat id:1 mail:a mail:b
          -> opened c1
    +1s   unlinked mail:a
          -> split from=@c1
    +2s   contact chat mail:a
          -> opened c2 customer=@c2
    +3s   contact chat mail:a id:1           # whatever its rank, it is the one set aside
          -> refused mail unlinked customer=@c1
          -> opened c3 customer=@c1
    +4s   contact chat mail:a nick:n         # the other side grows
          -> opened c4 customer=@c2
    +5s   contact chat mail:a mail:b
          -> refused mail unlinked customer=@c1
          -> opened c5 customer=@c1
    +6s   contact chat nick:n mail:a mail:b  # something else than what was unlinked says so
          -> merged customer=@c1 absorbed=[@c2]
          -> opened c6 customer=@c1
    ",
    );
}

#[test]
fn what_is_better_ranked_is_set_aside_all_the_same() {
    tell(
        &rules(""),
        "
    +0s   contact chat id:1 mail:a
          -> opened c1
    +1s   unlinked id:1
          -> split from=@c1
    +2s   contact chat id:1 mail:a
          -> refused id unlinked customer=@c1
          -> opened c2 customer=@c1
    ",
    );
}

#[test]
fn a_limit_is_named_before_an_unlink() {
    tell(
        &rules("max_identifiers = 2"),
        "
    +0s   contact chat mail:a nick:n
          -> opened c1
    +1s   unlinked nick:n
          -> split from=@c1
    +2s   contact chat nick:n nick:o
          -> opened c2 customer=@c2
    +3s   contact chat nick:n mail:a         # three would be too many
          -> refused nick size customer=@c1
          -> opened c3 customer=@c1
    ",
    );
}

#[test]
fn a_link_lifts_the_ban() {
    tell(
        &rules(""),
        "
    +0s   contact chat id:1 mail:a
          -> opened c1
    +1s   unlinked mail:a
          -> split from=@c1
    +2s   contact chat mail:a
          -> opened c2 customer=@c2
    +3s   contact chat mail:a mail:x         # a contact of one side lifts nothing
          -> opened c3 customer=@c2
    +4s   linked mail:a nick:q               # nor does a link to somebody else
    +5s   contact chat mail:a id:1
          -> refused mail unlinked customer=@c1
          -> opened c4 customer=@c1
    +6s   linked mail:a id:1
          -> merged customer=@c1 absorbed=[@c2]
    ",
    );
}

#[test]
fn a_lifted_ban_stays_lifted_even_if_the_limits_refuse_the_link() {
    tell(
        &rules("max_identifiers = 3"),
        "
    +0s   contact chat id:1 mail:a mail:b
          -> opened c1
    +1s   unlinked mail:a
          -> split from=@c1
    +2s   contact chat mail:a nick:n
          -> opened c2 customer=@c2
    +3s   linked mail:a id:1
          -> refused mail size customer=@c1
    +4s   unlinked mail:b
          -> split from=@c1
    +5s   contact chat mail:a id:1
          -> merged customer=@c1 absorbed=[@c2]
          -> opened c3 customer=@c1
    ",
    );
}

#[test]
fn the_ban_holds_against_whoever_the_old_side_has_become() {
    tell(
        &rules(""),
        "
    +0s   contact chat mail:z
          -> opened c1
    +1s   contact chat id:1 mail:a
          -> opened c2
    +2s   unlinked mail:a
          -> split from=@c2
    +3s   linked id:1 mail:z
          -> merged customer=@c1 absorbed=[@c2]
    +4s   contact chat mail:a mail:z
          -> refused mail unlinked customer=@c1
          -> opened c3 customer=@c1
    ",
    );
}

#[test]
fn an_erased_customer_is_nobody_and_its_ids_are_never_given_again() {
    tell(
        &rules(""),
        "
    +0s   contact chat mail:a
          -> opened c1
    +1s   contact mail mail:a
          -> opened c2 customer=@c1
    +2s   resolved c2
          -> closed c2 resolved
    +3s   erased mail:a
          -> erased customer=@c1 !subject=@c1
          -> closed c1 erased customer=@c1
    +4s   resolved c1
    +5s   contact chat mail:a c1             # passed over: the id means nobody
          -> opened c3 customer=@c3
    +6s   erased mail:a
          -> erased customer=@c3
          -> closed c3 erased
    +7s   contact chat mail:a
          -> opened c4 customer=@c4
    +8s   erased mail:b
    +9s   erased mail:null
    ",
    );
}

#[test]
fn an_alias_goes_with_the_customer() {
    tell(
        &rules(""),
        "
    +0s   contact chat mail:a
          -> opened c1
    +1s   contact chat mail:b
          -> opened c2
    +2s   linked mail:a mail:b
          -> merged
    +3s   erased mail:a
          -> erased customer=@c1
          -> closed c1 erased customer=@c1
          -> closed c2 erased customer=@c1
    +4s   contact chat mail:b
          -> opened c3 customer=@c3
    +5s   contact chat mail:a
          -> opened c4 customer=@c4
    +6s   replied c2
    ",
    );
}

#[test]
fn an_erasure_that_means_several_changes_nothing() {
    tell(
        &rules(""),
        "
    +0s   contact chat id:1
          -> opened c1
    +1s   contact chat mail:a
          -> opened c2
    +2s   erased id:1 mail:a
          -> refused ambiguous customer=- kind=- !subject=-
    +3s   contact chat id:1
          -> opened c3 customer=@c1
    +4s   erased id:1 mail:zz                # one owner is enough
          -> erased customer=@c1
          -> closed c1 erased
          -> closed c3 erased
    ",
    );
}

#[test]
fn erasure_ends_open_work_in_every_division() {
    let other =
        "[divisions.other]\n[queues.there]\ndivision = \"other\"\naccept = \"auto\"\nwrap_up = \"1m\"\n";
    let rules = format!("{}{other}", rules(""));
    tell(
        &rules,
        "
    +0s   agent ann capacity.chat=3 capacity.mail=1
    +0s   state ann available
    +0s   agent bob division=other capacity.chat=1
    +0s   state bob available division=other
    +1s   contact chat mail:a
          -> opened c1
          -> offered c1 ann
    +2s   contact chat mail:a queue=there
          -> opened c2 division=other
          -> offered c2 bob accept=auto
    +3s   contact chat mail:a
          -> opened c3
          -> offered c3 ann
    +3s   contact chat mail:z queue=there
          -> opened c4
    +4s   accepts ann c1
    +5s   callback mail mail:a due=+10m
          -> opened c5
    +6s   erased mail:a
          -> erased customer=@c1
          -> withdrawn c1 ann erased
          -> withdrawn c3 ann erased
          -> closed c1 erased
          -> closed c3 erased
          -> closed c5 erased contacts=0
          -> withdrawn c2 bob erased
          -> closed c2 erased division=other
          -> offered c4 bob                  # without wrap-up, bob is free at once
    until +20m
    ",
    );
}

#[test]
fn wrap_ups_stay_the_agents_and_clocks_stop() {
    let desk =
        "wrap_up = \"1m\"\n[queues.desk.sla]\nfirst_response = { target = \"1s\", calendar = \"always\" }\n";
    let rules = rules("").replace("[[routes]]", &format!("{desk}[[routes]]"));
    tell(
        &rules,
        "
    +0s   agent ann capacity.chat=1
    +0s   state ann available
    +1s   contact chat mail:a
          -> opened c1
          -> offered c1 ann
    +2s   accepts ann c1
    +2s1ms -> breached c1 first_response
    +3s   resolved ann c1
          -> closed c1 resolved breached=[first_response]
    +4s   contact chat mail:a
          -> opened c2
    +5s   erased mail:a
          -> erased customer=@c1
          -> closed c2 erased
    +6s   contact chat mail:b
          -> opened c3
    +7s   wrapped ann mail:a                 # nobody's
    +7s1ms -> breached c3 first_response     # and none of c2
    +8s   wrapped ann c1
          -> offered c3 ann
    until +9s
    ",
    );
}

#[test]
fn profile_attempts_and_last_agent_are_gone() {
    let rules =
        format!("{}\n[value]\ntier = {{ gold = 5 }}\nfailed_attempt = {{ points = 10 }}\n", rules(""));
    tell(
        &rules,
        "
    +0s   customer mail:a tier=gold
    +1s   contact chat mail:a
          -> opened c1 value=5
    +2s   contact chat mail:a
          -> opened c2 value=15
    +3s   erased mail:a
          -> erased
          -> closed c1 erased
          -> closed c2 erased
    +4s   contact chat mail:a
          -> opened c3 value=0
    ",
    );
}

#[test]
fn what_is_refused_too_often_at_a_limit_stops_identifying() {
    tell(
        &rules("generic_after = 2"),
        "
    +0s   contact chat mail:shared
          -> opened c1
    +1s   contact chat id:1 mail:a mail:b mail:c
          -> opened c2
    +2s   contact chat id:1 mail:shared
          -> refused mail limit customer=@c2
          -> opened c3 customer=@c2
    +3s   contact chat id:1 mail:shared
          -> refused mail limit customer=@c2
          -> refused mail generic customer=@c2
          -> opened c4 customer=@c2
    +4s   contact chat id:1 mail:shared      # nothing is told any more
          -> opened c5 customer=@c2
    +5s   contact chat mail:shared           # nobody's: a customer of its own
          -> opened c6 customer=@c6
    +6s   contact chat mail:shared
          -> opened c7 customer=@c7
    +7s   resolved mail:shared
    +8s   unlinked mail:shared
    +9s   erased mail:shared
    +10s  resolved c1                        # its owner keeps it
          -> closed c1 resolved customer=@c1
    ",
    );
}

#[test]
fn what_nobody_owns_becomes_generic_too() {
    tell(
        &rules("generic_after = 1\nmax_identifiers = 1"),
        "
    +0s   contact chat id:1 mail:a
          -> refused mail size customer=@c1
          -> refused mail generic customer=@c1
          -> opened c1
    +1s   contact chat mail:a
          -> opened c2 customer=@c2
    +2s   contact chat mail:a
          -> opened c3 customer=@c3
    +3s   customer mail:a tier=gold
    +4s   linked mail:a mail:null
    ",
    );
}

#[test]
fn only_refusals_at_limits_count() {
    tell(
        &rules("generic_after = 1"),
        "
    +0s   contact chat id:1 mail:a
          -> opened c1
    +1s   unlinked mail:a
          -> split from=@c1
    +2s   contact chat id:1 mail:a
          -> refused mail unlinked customer=@c1
          -> opened c2 customer=@c1
    +3s   contact chat mail:a
          -> opened c3 customer=@c3
    ",
    );
}

#[test]
fn with_its_owner_goes_that_it_was_generic() {
    tell(
        &rules("generic_after = 1"),
        "
    +0s   contact chat mail:shared mail:own
          -> opened c1
    +1s   contact chat id:1 mail:a mail:b mail:c
          -> opened c2
    +2s   contact chat id:1 mail:shared
          -> refused mail limit customer=@c2
          -> refused mail generic customer=@c2
          -> opened c3 customer=@c2
    +3s   erased mail:own
          -> erased customer=@c1
          -> closed c1 erased
    +4s   contact chat mail:shared
          -> opened c4 customer=@c4
    +5s   contact chat mail:shared
          -> opened c5 customer=@c4
    ",
    );
}

#[test]
fn who_is_not_heard_of_for_long_is_forgotten() {
    tell(
        &rules("forget_after = \"100d\""),
        "
    +0s   contact chat mail:a nick:a
          -> opened c1 value=0
    +0s   contact chat mail:b
          -> opened c2
    +7d   -> closed c1 idle
    +7d   -> closed c2 idle
    +50d  customer mail:b tier=gold          # an event is enough
    +101d contact chat nick:a
          -> opened c3 customer=@c3
    +102d contact chat mail:a                # the same id may be founded again
          -> opened c1 customer=@c1 reopened=false
    +103d contact chat mail:b
          -> opened c5 customer=@c2
    ",
    );
}

#[test]
fn an_event_at_the_last_moment_is_in_time() {
    tell(
        &rules("forget_after = \"100d\""),
        "
    +0s   contact chat mail:a mail:b
          -> opened c1
    +7d   -> closed c1 idle
    +99d  contact chat mail:b
          -> opened c2 customer=@c1
    +106d -> closed c2 idle
    +198d contact chat mail:b
          -> opened c3 customer=@c1
    +205d -> closed c3 idle
    +298d contact chat mail:b
          -> opened c4 customer=@c4
    ",
    );
}

#[test]
fn one_off_customers_are_forgotten_a_day_after_idleness() {
    let rules = rules("").replace("[conversation]\n", "[conversation]\nidle_close = \"1h\"\n");
    tell(
        &rules,
        "
    +0s   contact chat mail:none
          -> opened c1
    +0s   callback chat mail:none due=+40h
          -> opened c2
    +1h   -> closed c1 idle
    +2h   contact chat mail:none c1          # its customer is still known
          -> opened c3 customer=@c1
    +3h   -> closed c3 idle
    +26h  contact chat mail:none c1
          -> opened c4 customer=@c1
    +27h  -> closed c4 idle
    +41h  -> closed c2 idle
    +50h  contact chat mail:none c1
          -> opened c5 customer=@c1
    +51h  -> closed c5 idle
    +60h  contact chat mail:none c2          # kept until a day after its callback's time
          -> opened c6 customer=@c2
    +61h  -> closed c6 idle
    +75h  contact chat mail:none c1
          -> opened c7 customer=@c7
    ",
    );
}

#[test]
fn what_was_erased_is_never_founded_again_even_if_the_next_is_forgotten() {
    tell(
        &rules("forget_after = \"100d\""),
        "
    +0s   contact chat mail:a
          -> opened c1
    +1s   erased mail:a
          -> erased
          -> closed c1 erased
    +2s   contact chat mail:a
          -> opened c2
    +7d2s -> closed c2 idle
    +200d contact chat mail:a
          -> opened c3 customer=@c3
    ",
    );
}
