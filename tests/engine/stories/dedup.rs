//! Duplicates.

use super::PLAIN;
use crate::support::story::tell;

fn rules(dedup: &str) -> String {
    format!("[conversation]\ncontinuity = \"0s\"\n[dedup]\n{dedup}\n{PLAIN}")
}

#[test]
fn the_window_is_inclusive() {
    tell(
        &rules("window = \"10s\""),
        "
    +0s     contact chat id:7 !id=x
            -> opened c1
    +10s    contact chat id:7 !id=x
    +10s1ms contact chat id:7 !id=x
            -> opened c2
    ",
    );
}

#[test]
fn a_dropped_duplicate_does_not_renew_the_window() {
    tell(
        &rules("window = \"10s\""),
        "
    +0s   contact chat id:7 !id=x
          -> opened c1
    +9s   contact chat id:7 !id=x
    +12s  contact chat id:7 !id=x
          -> opened c2
    ",
    );
}

#[test]
fn only_the_last_accepted_count() {
    tell(
        &rules("max_events = 2"),
        "
    +0s   contact chat id:1 !id=x
          -> opened c1
    +1s   contact chat id:2 !id=y
          -> opened c2
    +1s   contact chat id:1 !id=x
    +2s   contact chat id:3 !id=z
          -> opened c3
    +3s   contact chat id:1 !id=x            # two were accepted since
          -> opened c4
    +3s   contact chat id:3 !id=z
    ",
    );
}

#[test]
fn source_and_id_make_the_key() {
    tell(
        &rules("window = \"10s\""),
        "
    +0s   contact chat id:1 !id=x
          -> opened c1
    +0s   contact chat id:1 !id=x !source=elsewhere
          -> opened c2
    ",
    );
}

#[test]
fn a_rejected_event_is_not_remembered_but_an_ignored_one_is() {
    tell(
        &rules("window = \"10s\""),
        "
    +0s   contact fax id:1 !id=x
          -> rejected unknown_channel
    +1s   contact chat id:1 !id=x
          -> opened c1
    +2s   replied id:5 !id=y                 # nobody
    +3s   contact chat id:1 !id=y
    ",
    );
}
