//! `customer.created`: who is told as new, where the rules ask for it.

use super::PLAIN;
use crate::support::story::{tell, tell_changing};

const ON: &str = "customer_created = true";

fn rules(limits: &str) -> String {
    format!("[conversation]\ncontinuity = \"0s\"\nidle_close = \"1h\"\n[identity]\n{limits}\n{PLAIN}")
}

#[test]
fn whoever_is_founded_is_told_once_and_before_anything_that_names_them() {
    tell(
        &rules(ON),
        "
    +0s   contact chat mail:a mail:b mail:c mail:d
          -> created customer=@c1 !subject=@c1
          -> refused mail limit customer=@c1
          -> opened c1
    +1s   contact chat mail:a
          -> opened c2 customer=@c1
    +2s   callback chat mail:e due=+30m
          -> created customer=@c3
          -> opened c3
    +3s   customer mail:f tier=gold          # by a profile
          -> created customer=@c4
    +4s   contact chat mail:f
          -> opened c4
    +5s   linked mail:g id:7                 # by a link
          -> created customer=@c5
    +6s   contact chat mail:g
          -> opened c5
    ",
    );
}

#[test]
fn nobody_is_told_unless_the_rules_ask_for_it() {
    for limits in ["", "customer_created = false"] {
        tell(
            &rules(limits),
            "
    +0s   contact chat mail:a
          -> opened c1
    +1s   contact chat mail:null
          -> opened c2
            ",
        );
    }
}

#[test]
fn events_that_look_up_found_nobody() {
    tell(
        &rules(ON),
        "
    +0s   replied mail:a
    +1s   resolved mail:a
    +2s   erased mail:a
    +3s   unlinked mail:a
    +4s   customer mail:none tier=gold
    +4s   abandoned mail:a
    +4s   held mail:a
    +4s   resumed mail:a
    +4s   transferred desk mail:a
    +4s   updated value=7 mail:a
    +4s   assigned ann mail:a
    +4s   accepts ann mail:a
    +4s   declines ann mail:a
    +4s   wrapped ann mail:a
    +4s   linked mail:none mail:null
    +5s   contact chat mail:a
          -> created customer=@c1
          -> opened c1
    ",
    );
}

#[test]
fn a_merge_creates_nobody() {
    tell(
        &rules(ON),
        "
    +0s   contact chat mail:a
          -> created
          -> opened c1
    +1s   contact chat mail:b
          -> created
          -> opened c2
    +2s   contact chat mail:a mail:b mail:c
          -> merged customer=@c1 absorbed=[@c2]
          -> opened c3 customer=@c1
    ",
    );
}

#[test]
fn what_is_split_off_is_told_by_the_split() {
    tell(
        &rules(ON),
        "
    +0s   contact chat id:1 mail:a
          -> created
          -> opened c1
    +1s   unlinked mail:a
          -> split from=@c1 to=@c2
    +2s   contact chat mail:a
          -> opened c2 customer=@c2
    ",
    );
}

#[test]
fn who_has_no_identifier_is_told_like_anybody() {
    tell(
        &rules(ON),
        "
    +0s   contact chat mail:withheld
          -> created customer=@c1
          -> opened c1
    +1s   contact chat mail:withheld c1      # the conversation says who it is
    +2s   contact chat mail:withheld
          -> created customer=@c2
          -> opened c2
    ",
    );
}

#[test]
fn who_comes_back_after_an_erasure_or_after_being_forgotten_is_told_again() {
    tell(
        &rules(&format!("{ON}\nforget_after = \"100d\"")),
        "
    +0s   contact chat mail:a
          -> created customer=@c1
          -> opened c1
    +1s   erased mail:a
          -> erased customer=@c1
          -> closed c1 erased
    +2s   contact chat mail:a                # by the next generation's id
          -> created customer=@c2
          -> opened c2 customer=@c2
    +3s   contact chat mail:b
          -> created customer=@c3
          -> opened c3
    +1h2s -> closed c2 idle
    +1h3s -> closed c3 idle
    +101d contact chat mail:b                # by the same id: nothing was kept of it
          -> created customer=@c3
          -> opened c3 customer=@c3
    ",
    );
}

#[test]
fn rules_that_change_switch_it_with_the_event() {
    tell_changing(
        &rules(""),
        vec![("on", rules(ON)), ("off", rules(""))],
        "
    +0s   contact chat mail:a
          -> opened c1
    +1s   rules on
    +2s   contact chat mail:a                # known before
          -> opened c2 customer=@c1
    +3s   contact chat mail:b
          -> created
          -> opened c3
    +4s   rules off
    +5s   contact chat mail:c
          -> opened c4
    ",
    );
}
