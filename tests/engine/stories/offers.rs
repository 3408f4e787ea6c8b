//! Offers: accepted, declined, timed out, withdrawn; exclusion after a miss; what ends a conversation.

use super::{PLAIN, desk, with_ann};
use crate::support::story::tell;

#[test]
fn an_offer_expires_and_the_agent_does_not_respond_until_its_next_state() {
    tell(
        PLAIN,
        &with_ann(
            "
    +1s   contact chat id:7 value=30
          -> opened c1 queue=desk channel=chat value=30 customer=@c1
          -> offered c1 ann value=30 accept=offer expires=+21s waited_ms=0 reason.candidates=1 reason.rank=1 reason.strategy=longest_idle reason.relaxed=0 reason.affinity=- due={}
    +21s  -> withdrawn c1 ann timeout
    +1m   contact chat id:8
          -> opened c2
    +2m   state ann available                # outputs of one entry go by the id of the conversation
          -> offered c2 ann
          -> offered c1 ann
    ",
        ),
    );
}

#[test]
fn who_declines_stays_available_and_does_not_get_it_again_for_a_while() {
    tell(
        &desk("exclude_after_miss = \"10s\""),
        &with_ann(
            "
    +1s   contact chat id:7
          -> opened c1
          -> offered c1 ann
    +5s   declines ann c1
          -> withdrawn c1 ann declined
    +6s   contact chat id:8
          -> opened c2
          -> offered c2 ann
    +15s  -> offered c1 ann waited_ms=14000 expires=+35s
    until +15s
    ",
        ),
    );
}

#[test]
fn without_exclusion_it_comes_back_at_once() {
    tell(
        &desk("exclude_after_miss = \"0s\""),
        &with_ann(
            "
    +1s   contact chat id:7
          -> opened c1
          -> offered c1 ann
    +5s   declines ann c1
          -> withdrawn c1 ann declined
          -> offered c1 ann
    ",
        ),
    );
}

#[test]
fn another_agent_gets_what_one_declined() {
    tell(
        PLAIN,
        "
    +0s   agent ann capacity.chat=1
    +0s   agent bob capacity.chat=1
    +0s   state bob available
    +1s   state ann available
    +2s   contact chat id:7
          -> opened c1
          -> offered c1 bob reason.candidates=2
    +3s   declines bob c1
          -> withdrawn c1 bob declined
          -> offered c1 ann reason.candidates=1
    +4s   accepts bob c1                     # a dead offer
    +5s   accepts ann c1
    +6s   declines ann c1                    # no offer any more
    +7s   resolved ann c1
          -> closed c1 resolved offers=2 wait_ms=3000
    ",
    );
}

#[test]
fn an_agent_who_goes_loses_offers_but_keeps_what_it_works_on() {
    tell(
        PLAIN,
        &with_ann(
            "
    +1s   contact chat id:7
          -> opened c1
          -> offered c1 ann
    +2s   accepts ann c1
    +3s   contact chat id:8
          -> opened c2
          -> offered c2 ann
    +4s   state ann away
          -> withdrawn c2 ann agent_left
    +5s   state ann available                # still excluded from c2
    +34s  -> offered c2 ann
    +40s  state ann offline
          -> withdrawn c2 ann agent_left
    +50s  resolved ann c1
          -> closed c1 resolved
    ",
        ),
    );
}

#[test]
fn several_lost_offers_make_all_agents_take() {
    tell(
        PLAIN,
        "
    +0s   agent ann capacity.chat=1
    +0s   agent bob capacity.chat=2
    +0s   agent cy capacity.chat=1
    +0s   state bob available
    +1s   contact chat id:7 value=1
          -> opened c1
          -> offered c1 bob
    +1s   contact chat id:8 value=2
          -> opened c2
          -> offered c2 bob
    +2s   state cy available
    +3s   state ann available
    +4s   state bob away
          -> withdrawn c2 bob agent_left
          -> withdrawn c1 bob agent_left
          -> offered c2 ann reason.candidates=2
          -> offered c1 cy
    ",
    );
}

#[test]
fn auto_goes_straight_to_active() {
    tell(
        &desk(
            "accept = \"auto\"\n[queues.desk.sla]\nqueue_wait = { target = \"5s\", calendar = \"always\" }",
        ),
        &with_ann(
            "
    +1s   contact chat id:7
          -> opened c1
          -> offered c1 ann accept=auto expires=- due={}
    +2s   accepts ann c1                     # nothing to accept
    +3s   abandoned c1
          -> withdrawn c1 ann abandoned
          -> closed c1 answered wait_ms=0 first_response_ms=- offers=1
    until +1h
    ",
        ),
    );
}

#[test]
fn unknown_agents_and_divisions_have_no_effect() {
    tell(
        PLAIN,
        &with_ann(
            "
    +1s   contact chat id:7
          -> opened c1
          -> offered c1 ann
    +2s   accepts zoe c1
    +2s   declines zoe c1
    +2s   state zoe available
    +2s   wrapped zoe
    +2s   contact chat id:8 division=nowhere # not a member of a contact
          -> opened c2
          -> offered c2 ann
    ",
        ),
    );
}

#[test]
fn an_answer_may_name_the_customer() {
    tell(
        PLAIN,
        &with_ann(
            "
    +1s   contact chat id:7
          -> opened c1
          -> offered c1 ann
    +2s   accepts ann id:7
    +9s   abandoned id:7
          -> withdrawn c1 ann abandoned
          -> closed c1 answered wait_ms=1000
    ",
        ),
    );
}

#[test]
fn how_an_abandoned_conversation_ends() {
    let end = |before: &str, end: &str| {
        tell(
            PLAIN,
            &format!(
                "
    +0s   contact chat id:7
          -> opened c1
    {before}
    +9s   abandoned c1
          {end}
    "
            ),
        );
    };
    end("", "-> closed c1 abandoned open_ms=9000 wait_ms=-");
    end("+1s replied c1", "-> closed c1 answered first_response_ms=1000");
    end("+1s replied c1\n+2s contact chat id:7", "-> closed c1 abandoned first_response_ms=1000 contacts=2");
    end("+1s replied c1 automated=true", "-> closed c1 abandoned");
    let ann = "+1s agent ann capacity.chat=1\n+1s state ann available\n-> offered c1 ann\n";
    end(ann, "-> withdrawn c1 ann abandoned\n-> closed c1 abandoned");
    end(&format!("{ann}+2s accepts ann c1"), "-> withdrawn c1 ann abandoned\n-> closed c1 answered");
    end(
        &format!("{ann}+2s accepts ann c1\n+3s held c1"),
        "-> withdrawn c1 ann abandoned\n-> closed c1 answered",
    );
}

#[test]
fn who_hears_of_a_resolve() {
    let resolve = |before: &str, resolver: &str, end: &str| {
        tell(
            PLAIN,
            &with_ann(&format!(
                "
    +0s   contact chat id:7
          -> opened c1
          -> offered c1 ann
    {before}
    +9s   resolved {resolver} c1 outcome=sold
          {end}
    "
            )),
        );
    };
    let (closed, told) = ("-> closed c1 resolved disposition=sold", "-> withdrawn c1 ann resolved\n");
    resolve("", "", &format!("{told}{closed}"));
    resolve("", "bob", &format!("{told}{closed}"));
    resolve("", "ann", closed);
    resolve("+1s accepts ann c1", "", closed);
    resolve("+1s accepts ann c1", "ann", closed);
    resolve("+1s accepts ann c1", "bob", &format!("{told}{closed}"));
}

#[test]
fn hold_and_resume_only_where_they_mean_something() {
    tell(
        PLAIN,
        &with_ann(
            "
    +0s   contact chat id:7
          -> opened c1
          -> offered c1 ann
    +1s   held c1                            # not active yet
    +2s   accepts ann c1
    +3s   resumed c1                         # not held
    +4s   held c1
    +5s   held c1
    +6s   state ann away                     # held work stays
    +7s   resumed c1
    +8s   resolved c1
          -> closed c1 resolved
    ",
        ),
    );
}

#[test]
fn the_first_acceptance_counts_for_the_wait() {
    tell(
        PLAIN,
        &with_ann(
            "
    +0s   contact chat id:7
          -> opened c1
          -> offered c1 ann
    +5s   accepts ann c1
    +6s   transferred c1
          -> withdrawn c1 ann transferred
    +36s  -> offered c1 ann
    +40s  accepts ann c1
    +41s  resolved c1
          -> closed c1 resolved wait_ms=5000 offers=2 transfers=1
    ",
        ),
    );
}
