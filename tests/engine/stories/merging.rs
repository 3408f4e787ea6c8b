//! What is known of customers who become one: profile, attempts, last agent, wrap-ups, threads.

use super::PLAIN;
use crate::support::story::tell;

#[test]
fn the_context_tells_what_all_of_them_have_been_through() {
    tell(
        PLAIN,
        "
    +0s   contact chat mail:a
          -> opened c1
    +1s   abandoned c1
          -> closed c1 abandoned
    +2s   contact mail mail:a
          -> opened c2
    +3s   contact chat id:7
          -> opened c3
    +4s   linked mail:a id:7
          -> merged customer=@c1 absorbed=[@c3]
          -> merged c3 into=c2
    +5s   agent ann capacity.chat=1
    +5s   state ann available
          -> offered c2 ann context.attempts.0.outcome=abandoned context.attempts.1.channel=mail context.attempts.2=- context.kinds=[id,mail] context.message.position=0:3:0 context.first_contact=+2s
    +6s   accepts ann c2
    +7s   replied ann c2                     # answers both
    +8s   resolved ann c2
          -> closed c2 resolved
    +9s   contact chat id:7
          -> opened c4
          -> offered c4 ann context.attempts.1.outcome=answered context.attempts.2.outcome=answered context.failed_attempts=1
    ",
    );
}

#[test]
fn the_last_agent_is_the_one_of_the_latest_reply_of_all() {
    tell(
        PLAIN,
        "
    +0s   contact chat mail:a
          -> opened c1
    +1s   resolved bob c1
          -> closed c1 resolved
    +2s   contact chat mail:b
          -> opened c2
    +3s   resolved cy c2
          -> closed c2 resolved
    +4s   linked mail:a mail:b
          -> merged customer=@c1 absorbed=[@c2]
    +5s   agent ann capacity.chat=1
    +5s   state ann available
    +6s   contact chat mail:a
          -> opened c3
          -> offered c3 ann context.last_agent=cy
    ",
    );
}

#[test]
fn a_wrap_up_is_found_by_any_of_the_customers_identifiers() {
    let rules = PLAIN.replace("division = \"main\"\n", "division = \"main\"\nwrap_up = \"10m\"\n");
    tell(
        &rules,
        "
    +0s   agent ann capacity.chat=1
    +0s   state ann available
    +0s   contact mail mail:a
          -> opened c1
    +1s   contact chat mail:b
          -> opened c2
          -> offered c2 ann
    +2s   accepts ann c2
    +3s   resolved ann c2
          -> closed c2 resolved
    +4s   contact mail mail:z
          -> opened c3
    +5s   linked mail:b mail:a
          -> merged customer=@c1 absorbed=[@c2]
    +6s   contact chat mail:c
          -> opened c4
    +7s   wrapped ann mail:a                 # the wrap-up of what was mail:b's
          -> offered c4 ann
    ",
    );
}

#[test]
fn the_survivors_profile_wins_and_gaps_are_filled() {
    tell(
        &format!("{PLAIN}[value]\ntier = {{ gold = 300, silver = 100 }}\nlifetime_value = [[1000, 50]]\n"),
        "
    +0s   agent ann capacity.chat=3
    +0s   state ann available
    +0s   customer mail:a tier=silver
    +0s   customer mail:b tier=gold lifetime_value=2000 blocked=true
    +1s   linked mail:a mail:b
          -> merged
    +2s   contact chat mail:b                # blocked: a gap that is filled
          -> opened c1 value=150
          -> closed c1 automated
    +3s   customer mail:a blocked=false
    +4s   contact chat mail:b
          -> opened c2 value=150
          -> offered c2 ann
    ",
    );
}

#[test]
fn a_block_acts_on_what_opens_later() {
    tell(
        PLAIN,
        "
    +0s   contact chat mail:a
          -> opened c1
    +1s   customer mail:b blocked=true
    +2s   contact chat mail:a mail:b         # joins what was open before
          -> merged customer=@c1
    +3s   resolved c1
          -> closed c1 resolved contacts=2
    +4s   contact chat mail:a
          -> opened c2
          -> closed c2 automated
    ",
    );
}

#[test]
fn threads_of_who_was_absorbed_are_the_customers() {
    tell(
        PLAIN,
        "
    +0s   contact chat mail:a
          -> opened c1
    +1s   contact chat mail:b thread=x
          -> opened c2
    +2s   linked mail:a mail:b
          -> merged customer=@c1 absorbed=[@c2]
    +3s   contact chat mail:a thread=x
    +4s   resolved mail:b thread=x
          -> closed c2 resolved contacts=2 customer=@c1
    ",
    );
}

#[test]
fn gaps_are_filled_by_whoever_was_founded_first() {
    let routes = "affinity = \"1m\"\n[queues.spanish]\ndivision = \"main\"\n[value]\ntier = { gold = 300, silver = 100 }\n\
                  [[routes]]\nwhen = { lang = [\"es\"] }\nqueue = \"spanish\"\n[[routes]]";
    let rules = PLAIN.replacen("[[routes]]", routes, 1);
    tell(
        &rules,
        "
    +0s   agent ann capacity.chat=1
    +0s   agent bob capacity.chat=1
    +0s   state ann available
    +1s   state bob available
    +1s   customer mail:a lifetime_value=5
    +2s   customer mail:b tier=silver lang=es
    +3s   customer mail:c tier=gold lang=en preferred_agent=bob
    +4s   linked mail:c mail:b mail:a
          -> merged
    +5s   contact chat mail:a                # the language of the second, the tier, too
          -> opened c1 queue=spanish value=100
          -> offered c1 ann reason.affinity=-
    +6s   resolved c1
          -> withdrawn c1 ann resolved
          -> closed c1 resolved
    +7s   contact chat mail:b queue=desk     # whom only the third prefers
          -> opened c2 queue=desk
          -> offered c2 bob reason.affinity=preferred
    ",
    );
}

#[test]
fn a_profile_prices_what_opens_later_and_an_update_what_waits() {
    let value =
        "[value]\ntier = { gold = 300 }\nintent = { buy = 20 }\n[conversation]\ncontinuity = \"0s\"\n";
    tell(
        &format!("{PLAIN}{value}"),
        "
    +0s   contact chat id:1
          -> opened c1 value=0
    +0s   contact chat id:2
          -> opened c2 value=0
    +1s   customer id:1 tier=gold
    +1s   customer id:2 tier=gold
    +2s   updated c2 intent=buy              # anew, by what is known now
    +3s   contact chat id:1
          -> opened c3 value=300
    +4s   agent ann capacity.chat=9
    +4s   state ann available
          -> offered c2 ann value=320
          -> offered c1 ann value=0
          -> offered c3 ann value=300
    ",
    );
}
