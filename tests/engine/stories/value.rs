//! Attempts, context, business value, priority.

use super::{PLAIN, desk, with_ann};
use crate::support::story::tell;

fn rules(text: &str) -> String {
    format!("{text}\n{PLAIN}")
}

#[test]
fn the_context_tells_the_earlier_attempts_and_what_became_of_them() {
    tell(
        &rules("[conversation]\ncontinuity = \"0s\""),
        &with_ann(
            "
    +1s   contact mail id:1 mail:a
          -> opened c1
          -> offered c1 ann context.attempts=[] context.failed_attempts=0 context.last_agent=- context.kinds=[id,mail]
    +2s   replied bob c1
    +3s   resolved ann c1                    # the latest who is named
          -> closed c1 resolved
    +4s   contact chat id:1
          -> opened c2
          -> offered c2 ann context.attempts.0.outcome=answered context.attempts.0.at=+1s context.attempts.0.channel=mail context.failed_attempts=0 context.last_agent=ann
    +5s   abandoned c2
          -> withdrawn c2 ann abandoned
          -> closed c2 abandoned
    +6s   contact chat id:1
          -> opened c3
          -> offered c3 ann context.attempts.1.outcome=abandoned context.failed_attempts=1 context.kinds=[id,mail]
    +7s   contact chat id:1
          -> opened c4
          -> offered c4 ann context.attempts.2.outcome=open context.failed_attempts=2
    ",
        ),
    );
}

#[test]
fn an_automated_reply_answers_nothing_and_a_resolve_without_reply_neither() {
    tell(
        &rules("[conversation]\ncontinuity = \"0s\""),
        &with_ann(
            "
    +1s   contact mail id:1
          -> opened c1
          -> offered c1 ann
    +2s   replied bot c1 automated=true
    +3s   resolved c1
          -> withdrawn c1 ann resolved
          -> closed c1 resolved first_response_ms=-
    +4s   contact chat id:1
          -> opened c2
          -> offered c2 ann context.attempts.0.outcome=open context.failed_attempts=1 context.last_agent=-
    ",
        ),
    );
}

#[test]
fn the_last_attempts_within_the_window_are_kept() {
    tell(
        &rules("[conversation]\ncontinuity = \"0s\"\nattempts_kept = 2\nattempts_window = \"10s\""),
        "
    +0s   agent ann capacity.chat=9 budget=999
    +0s   state ann available
    +1s   contact chat id:1
          -> opened c1
          -> offered c1 ann context.attempts=[]
    +2s   contact chat id:1
          -> opened c2
          -> offered c2 ann context.attempts.0.at=+1s context.attempts.1=-
    +3s   contact chat id:1
          -> opened c3
          -> offered c3 ann context.attempts.0.at=+1s context.attempts.1.at=+2s context.failed_attempts=2
    +4s   contact chat id:1
          -> opened c4
          -> offered c4 ann context.attempts.0.at=+2s context.attempts.1.at=+3s context.attempts.2=-
    +13s  contact chat id:1                  # +3s is exactly 10 s ago
          -> opened c5
          -> offered c5 ann context.attempts.0.at=+3s context.attempts.1.at=+4s
    ",
    );
}

#[test]
fn value_is_the_sum_of_its_terms() {
    let value = "
[value]
base = 1
public = 2
failed_attempt = { points = 10, at_most = 15 }
tier = { gold = 100 }
intent = { buy = 1000 }
channel = { phone = 10000 }
reach = [[10, 100000], [20, 200000]]
lifetime_value = [[0, 3]]
sentiment = [[-100, 7], [0, 8]]
[conversation]
continuity = \"0s\"
";
    tell(
        &rules(value),
        "
    +0s   contact chat id:1
          -> opened c1 value=1
    +1s   contact phone id:2 public=true
          -> opened c2 value=10003
    +2s   contact chat id:2 intent=buy reach=19
          -> opened c3 value=101011
    +3s   contact chat id:2 intent=sell reach=9 sentiment=-1
          -> opened c4 value=23
    +4s   contact chat id:2 reach=999999999 sentiment=0 value=-5
          -> opened c5 value=200019
    +5s   customer id:3 tier=gold lifetime_value=0
    +6s   contact chat id:3 value=9007199254740992
          -> opened c6 value=1000000
    +7s   customer id:4 tier=gold lifetime_value=-1
    +8s   contact chat id:4 value=-9007199254740992
          -> opened c7 value=-1000000
    +9s   contact chat id:4
          -> opened c8 value=111
    ",
    );
}

#[test]
fn points_below_zero_of_failed_attempts_have_a_lower_bound() {
    tell(
        &rules(
            "[value]\nfailed_attempt = { points = -10, at_most = -15 }\n[conversation]\ncontinuity = \"0s\"",
        ),
        "
    +0s   contact chat id:1
          -> opened c1 value=0
    +1s   contact chat id:1
          -> opened c2 value=-10
    +2s   contact chat id:1
          -> opened c3 value=-15
    ",
    );
}

#[test]
fn a_channel_may_be_public_unless_the_event_says_otherwise() {
    let rules = rules("[value]\npublic = 30").replace("weight = 20", "weight = 20\npublic = true");
    tell(
        &rules,
        "
    +0s   contact mail id:1
          -> opened c1 value=30
    +1s   contact mail id:2 public=false
          -> opened c2 value=0
    ",
    );
}

#[test]
fn priority_is_the_value_and_a_point_a_minute() {
    tell(
        PLAIN,
        "
    +0s   contact chat id:1 value=10
          -> opened c1
    +30s  contact chat id:2 value=11
          -> opened c2
    +90s  contact chat id:3 value=9
          -> opened c3
    +2m   agent ann capacity.chat=1
    +2m   state ann available
          -> offered c2 ann priority=12 waited_ms=90000      # 12.5 less a rounding
    +2m   transferred c2 queue=desk          # ann is excluded from it
          -> withdrawn c2 ann transferred
          -> offered c1 ann priority=12 waited_ms=120000
    +2m   resolved ann c1
          -> closed c1 resolved
          -> offered c3 ann priority=9 waited_ms=30000
    ",
    );
}

#[test]
fn a_curve_is_linear_between_its_points_steps_and_falls() {
    let story = |at: &str, priority: &str| {
        format!(
            "
    +0s  contact chat id:1
         -> opened c1
    {at} agent ann capacity.chat=1
    {at} state ann available
         -> offered c1 ann priority={priority}
    "
        )
    };
    let rules = desk(
        "curve = [[\"10s\", 100], [\"20s\", 200], [\"20s\", 50], [\"30s\", -50]]\ncurve_after = { per_minute = 60 }",
    );
    tell(&rules, &story("+5s", "100"));
    tell(&rules, &story("+15s", "150"));
    tell(&rules, &story("+20s", "50"));
    tell(&rules, &story("+25s", "0"));
    tell(&rules, &story("+30s", "-50"));
    tell(&rules, &story("+90s", "10"));
}

#[test]
fn a_curve_stands_still_after_its_last_point_unless_it_says_otherwise() {
    tell(
        &desk("curve = [[\"0s\", 0], [\"60s\", 60]]"),
        "
    +0s  contact chat id:1
         -> opened c1
    +9m  agent ann capacity.chat=1
    +9m  state ann available
         -> offered c1 ann priority=60
    ",
    );
}
