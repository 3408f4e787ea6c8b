//! Who gets a conversation, by strategy; ties: longest idle, then the name.

use super::desk;
use crate::support::story::tell;

/// Three agents, available from `+1s` on in the order cy, bob, ann.
const THREE: &str = "
    +0s  agent ann capacity.chat=3 skills.law=2 skills.tax=1
    +0s  agent bob capacity.chat=3 skills.law=9 budget=90
    +0s  agent cy capacity.chat=3 skills.law=1 skills.tax=9 budget=200
    +1s  state cy available
    +2s  state bob available
    +3s  state ann available
";

fn strategy(name: &str, more: &str, story: &str) {
    let story = format!("{THREE}{story}");
    tell(&desk(&format!("strategy = \"{name}\"\n{more}")), &story);
}

#[test]
fn longest_idle() {
    strategy(
        "longest_idle",
        "",
        "
    +4s   contact chat id:1
          -> opened c1
          -> offered c1 cy reason.candidates=3 reason.strategy=longest_idle
    +5s   contact chat id:2                  # an offer alone changes nothing
          -> opened c2
          -> offered c2 cy
    +6s   accepts cy c1
    +7s   contact chat id:3
          -> opened c3
          -> offered c3 bob
    +8s   state cy away
          -> withdrawn c2 cy agent_left
          -> offered c2 bob
    +9s   state cy available                 # changes of state do not reset it
    +10s  accepts bob c2
    +11s  resolved cy c1                     # the end of a conversation does
          -> closed c1 resolved
    +12s  contact chat id:4
          -> opened c4
          -> offered c4 ann
    +13s  accepts ann c4
    +14s  contact chat id:5
          -> opened c5
          -> offered c5 bob
    ",
    );
}

#[test]
fn ties_go_by_name() {
    tell(
        &desk(""),
        "
    +0s  agent bob capacity.chat=1
    +0s  agent ann capacity.chat=1
    +1s  state bob available
    +1s  state ann available
    +2s  contact chat id:1
         -> opened c1
         -> offered c1 ann
    ",
    );
}

#[test]
fn least_busy() {
    strategy(
        "least_busy",
        "wrap_up = \"1h\"",
        "
    +4s   contact chat id:1
          -> opened c1
          -> offered c1 cy
    +5s   contact chat id:2
          -> opened c2
          -> offered c2 bob
    +6s   accepts cy c1
    +7s   resolved cy c1                     # wrap-up counts
          -> closed c1 resolved
    +8s   contact chat id:3
          -> opened c3
          -> offered c3 ann
    +9s   contact chat id:4
          -> opened c4
          -> offered c4 bob
    ",
    );
}

#[test]
fn most_spare() {
    strategy(
        "most_spare",
        "",
        "
    +4s   contact chat id:1                  # 200 against 90 and 100
          -> opened c1
          -> offered c1 cy
    +5s   state cy away
          -> withdrawn c1 cy agent_left
          -> offered c1 ann
    +6s   contact chat id:2                  # 70 against 90
          -> opened c2
          -> offered c2 bob
    ",
    );
}

#[test]
fn best_skill() {
    strategy(
        "best_skill",
        "skills = { law = { level = 1 } }",
        "
    +4s   contact chat id:1
          -> opened c1
          -> offered c1 bob
    +5s   contact chat id:2 skills.tax=1     # bob lacks it; 1 + 9 against 2 + 1
          -> opened c2
          -> offered c2 cy reason.candidates=2
    ",
    );
}

#[test]
fn round_robin() {
    strategy(
        "round_robin",
        "",
        "
    +4s   contact chat id:1
          -> opened c1
          -> offered c1 cy
    +5s   contact chat id:2
          -> opened c2
          -> offered c2 bob
    +6s   contact chat id:3
          -> opened c3
          -> offered c3 ann
    +7s   accepts cy c1
    +8s   contact chat id:4
          -> opened c4
          -> offered c4 cy
    ",
    );
}

#[test]
fn fewest_handled() {
    strategy(
        "fewest_handled",
        "",
        "
    +4s   contact chat id:1
          -> opened c1
          -> offered c1 cy
    +5s   accepts cy c1
    +6s   contact chat id:2
          -> opened c2
          -> offered c2 bob
    +7s   accepts bob c2
    +8s   contact chat id:3
          -> opened c3
          -> offered c3 ann
    +9s   accepts ann c3
    +10s  state ann offline                  # who comes from offline begins at 0
    +10s  state ann available
    +11s  contact chat id:4
          -> opened c4
          -> offered c4 ann
    ",
    );
}
