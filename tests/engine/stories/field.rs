//! What routers of the field do, one story each, under the names of the survey: F1 to F15. Where the field differs
//! within itself the semantics decide; each story says what became of the feature here.

use super::{ANN, PLAIN, desk, with_ann};
use crate::support::story::tell;

/// Two agents for one chat each; bob has been idle for longer.
const TWO: &str = "
    +0s   agent ann capacity.chat=1 skills.law=5
    +0s   agent bob capacity.chat=1 skills.law=2 skills.tax=9
    +0s   state bob available
    +0s   state ann available
";

/// New, queued, offered, active, held, wrap-up, closed; callback aside; place in line kept wherever it goes.
#[test]
fn f1_conversation_machine() {
    tell(
        &desk("wrap_up = \"10s\"\nmax_offers = { count = 10 }\n[queues.spare]\ndivision = \"main\""),
        &with_ann(
            "
    +0s   callback chat due=+1m id:7         # scheduled
          -> opened c1
    +1m   -> offered c1 ann waited_ms=60000
    +61s  declines ann c1                    # queued again
          -> withdrawn c1 ann declined
    +91s  -> offered c1 ann waited_ms=91000
    +92s  accepts ann c1                     # active
    +93s  declines ann c1                    # a late answer to a dead offer
    +94s  held c1
    +95s  resumed c1
    +96s  transferred spare c1               # queued with its arrival, in another queue
          -> withdrawn c1 ann transferred
    +126s -> offered c1 ann queue=spare waited_ms=126000
    +127s accepts ann c1
    +128s resolved ann c1
          -> closed c1 resolved offers=3 transfers=1
    until +3m
    ",
        ),
    );
}

/// Offline, available, break, not responding; wrap-up is the agent's; a lost race costs nothing.
#[test]
fn f2_agent_machine() {
    tell(
        &desk("wrap_up = \"30s\"\n[queues.spare]\ndivision = \"main\""),
        &with_ann(
            "
    +1s   contact chat id:1
          -> opened c1
          -> offered c1 ann
    +2s   abandoned c1                       # the caller cancels: costs the agent nothing
          -> withdrawn c1 ann abandoned
          -> closed c1 abandoned
    +3s   contact phone id:2
          -> opened c2
          -> offered c2 ann
    +4s   accepts ann c2
    +5s   resolved ann c2
          -> closed c2 resolved
    +6s   contact phone id:3 queue=spare     # the wrap-up of one queue holds capacity for all
          -> opened c3
    +35s  -> offered c3 ann
    +55s  -> withdrawn c3 ann timeout        # no answer: not responding
    +2m   contact chat id:4
          -> opened c4
    +3m   state ann away                     # a break
    +4m   state ann available
          -> offered c3 ann
    until +4m
    ",
        ),
    );
}

/// One point is one minute, the key never changes, priority is read at the selection.
#[test]
fn f3_priority_score() {
    tell(
        PLAIN,
        "
    +0s   contact chat id:1
          -> opened c1
    +5m   contact chat id:2 value=6
          -> opened c2
    +9m   updated c1 value=2                 # effective with this very event
    +10m  agent ann capacity.chat=1
    +10m  state ann available
          -> offered c1 ann priority=12
    +10m  resolved ann c1
          -> closed c1 resolved
          -> offered c2 ann priority=11
    ",
    );
}

/// min(maximum, initial + acceleration × minutes).
#[test]
fn f4_accelerated_ageing() {
    tell(
        &desk("curve = [[\"0s\", 10], [\"10m\", 60]]"),
        "
    +0s   contact chat id:1
          -> opened c1
    +25m  contact chat id:2
          -> opened c2
    +30m  agent ann capacity.chat=1
    +30m  state ann available
          -> offered c1 ann priority=60      # the maximum
    +30m  resolved ann c1
          -> closed c1 resolved
          -> offered c2 ann priority=35
    ",
    );
}

/// Wait ÷ objective: 60/30 beats 60/120.
#[test]
fn f5_objective_scaled_ageing() {
    tell(
        &desk(
            "curve_after = { per_minute = 50 }\n[queues.fast]\ndivision = \"main\"\ncurve_after = { per_minute = 200 }",
        ),
        "
    +0s   contact chat id:1
          -> opened c1
    +0s   contact chat id:2 queue=fast
          -> opened c2
    +1m   agent ann capacity.chat=1
    +1m   state ann available
          -> offered c2 ann priority=200
    +1m   resolved ann c2
          -> closed c2 resolved
          -> offered c1 ann priority=50
    ",
    );
}

/// A schema of points by age, steps included, that may fall after the service level; at its end a message and the close.
#[test]
fn f6_age_curve() {
    tell(
        &desk(
            "curve = [[\"0s\", 10], [\"1h\", 100], [\"1h\", 20]]\n\
             max_wait = { after = \"2h\", then = \"expire\", template = \"sorry\" }",
        ),
        "
    +0s   contact chat id:1
          -> opened c1
    +30m  contact chat id:2
          -> opened c2
    +61m  agent ann capacity.chat=1
    +61m  state ann available
          -> offered c2 ann priority=56      # 10 + 90 · 31 / 60, a slope rounded down; the first has fallen to 20
    +61m  accepts ann c2
    +62m  resolved ann c2
          -> closed c2 resolved
          -> offered c1 ann priority=20
    +62m  state ann offline
          -> withdrawn c1 ann agent_left
    +2h   -> closed c1 expired
    +2h   -> automated c1 template=sorry
    until +3h
    ",
    );
}

/// Rank and delay of the agent's own queues; within one rank the oldest of all.
#[test]
fn f7_queue_selection() {
    tell(
        &desk("[queues.low]\ndivision = \"main\"\n[queues.late]\ndivision = \"main\""),
        "
    +0s   contact chat id:1 queue=low value=900
          -> opened c1
    +1s   contact chat id:2 queue=late value=500
          -> opened c2
    +2s   contact chat id:3
          -> opened c3
    +10s  agent ann capacity.chat=1 queues.desk.rank=1 queues.late.rank=1 queues.late.delay_s=30 queues.low.rank=2
    +10s  state ann available                # late is not visible yet; never rank 2 while rank 1 has something
          -> offered c3 ann reason.rank=1
    +11s  accepts ann c3
    +31s  resolved ann c3
          -> closed c3 resolved
          -> offered c2 ann reason.rank=1
    +32s  resolved ann c2
          -> closed c2 resolved
          -> offered c1 ann reason.rank=2
    ",
    );
}

/// First condition that holds, targets in order by overflow, each with its own time; the last route takes everything.
#[test]
fn f8_workflow() {
    let more = "max_wait = { after = \"30s\", then = \"overflow\", to = \"second\" }\n\
                [queues.second]\ndivision = \"main\"\n\
                max_wait = { after = \"30s\", then = \"overflow\", to = \"third\" }\n\
                [queues.third]\ndivision = \"main\"\nmax_wait = { after = \"30s\", then = \"expire\" }\n\
                [[routes]]\nwhen = { channel = [\"mail\"] }\nqueue = \"third\"";
    tell(
        &desk(more),
        "
    +0s   contact mail id:1
          -> opened c1 queue=third
    +0s   contact chat id:2
          -> opened c2 queue=desk
    +30s  -> closed c1 expired
    +40s  agent ann capacity.chat=1 queues.second.rank=1
    +40s  state ann available                # the second target holds it until 60 s
          -> offered c2 ann queue=second
    +41s  declines ann c2
          -> withdrawn c2 ann declined
    +90s  -> closed c2 expired queue=third
    until +2m
    ",
    );
}

/// All required skills, best sum of levels first, relaxed by steps, hard ones never, agents of other queues added.
#[test]
fn f9_skills() {
    tell(
        &desk(
            "strategy = \"best_skill\"\nskills = { law = { level = 4 } }\n\
             steps = [{ after = \"10s\", lower = { law = 2 } }]",
        ),
        &format!(
            "{TWO}
    +1s   contact chat id:1                  # only ann is good enough
          -> opened c1
          -> offered c1 ann reason.candidates=1
    +2s   contact chat id:2
          -> opened c2
    +12s  -> offered c2 bob reason.relaxed=1
    until +12s
    "
        ),
    );
}

/// Preferred, then last agent, then everybody; one who is not there is skipped at once.
#[test]
fn f10_preferred_agent() {
    tell(
        &desk("affinity = \"1m\""),
        &format!(
            "{TWO}
    +1s   contact chat id:1
          -> opened c1
          -> offered c1 ann
    +2s   accepts ann c1
    +3s   contact chat id:2 preferred_agent=ann
          -> opened c2
    +4s   state ann away                     # at once
          -> offered c2 bob reason.affinity=-
    "
        ),
    );
}

/// Capacity by channel, a budget of weights, exclusion, silent work released and taken again above the budget.
#[test]
fn f11_capacity() {
    tell(
        &PLAIN.replace("weight = 30", "weight = 60\nrelease_after = \"10m\""),
        "
    +0s   agent ann capacity.chat=2
    +0s   state ann available
    +1s   contact chat id:1
          -> opened c1
          -> offered c1 ann
    +2s   accepts ann c1
    +3s   replied ann c1
    +4s   contact chat id:2
          -> opened c2
    +603s -> offered c2 ann
    +604s accepts ann c2
    +605s contact chat id:1                  # 120 of 100
    +606s contact chat id:3
          -> opened c3
    +607s resolved ann c2
          -> closed c2 resolved
    +608s contact phone id:4                 # excluded beside a chat
          -> opened c4
    until +10m10s
    ",
    );
}

/// Each strategy ends in longest idle, then the name.
#[test]
fn f12_agent_pick_strategies() {
    for (strategy, agent) in [
        ("longest_idle", "bob"),
        ("least_busy", "bob"),
        ("most_spare", "ann"),
        ("best_skill", "ann"),
        ("round_robin", "bob"),
        ("fewest_handled", "bob"),
    ] {
        let rules = desk(&format!("strategy = \"{strategy}\"\nskills = {{ law = {{ level = 1 }} }}"));
        tell(
            &rules,
            &format!(
                "
    +0s   agent ann capacity.chat=2 skills.law=5 budget=200
    +0s   agent bob capacity.chat=2 skills.law=2
    +0s   agent cy capacity.chat=2 skills.law=2
    +0s   state bob available
    +0s   state cy available
    +1s   state ann available
    +2s   contact chat id:1
          -> opened c1
          -> offered c1 {agent} reason.strategy={strategy} reason.candidates=3
    "
            ),
        );
    }
}

/// Four clocks, calendars, pauses; a reply in time counts inclusively; a breach once; a resolve stops everything.
#[test]
fn f13_service_levels() {
    tell(
        &desk(
            "[queues.desk.sla]\nfirst_response = { target = \"10s\", calendar = \"always\", warn = [80] }\n\
             next_response = { target = \"10s\", calendar = \"always\" }\n\
             resolution = { target = \"1m\", calendar = \"always\" }\n\
             queue_wait = { target = \"5s\", calendar = \"always\" }",
        ),
        &with_ann(
            "
    +0s      contact chat id:1
             -> opened c1
             -> offered c1 ann due.queue_wait=+5s due.first_response=+10s due.resolution=+1m
    +5s      accepts ann c1                  # just in time
    +8s      -> warning c1 first_response percent=80
    +10s     replied ann c1                  # just in time; resolution stands, 50 s left
    +20s     contact chat id:1
    +30s1ms  -> breached c1 next_response
    +40s     replied ann c1                  # 30 s left
    +10m     contact chat id:1
    +10m10s  resolved ann c1                 # no clock runs after it
             -> closed c1 resolved breached=[next_response]
    until +1h
    ",
        ),
    );
}

/// Several intervals a day; a lunch break counts for nothing.
#[test]
fn f14_calendars() {
    tell(
        &desk(
            "[queues.desk.sla]\nfirst_response = { target = \"2h\", calendar = \"day\" }\n[calendars.day]\nzone = \"UTC\"\n\
             open = { mon = [\"09:00-10:00\", \"11:00-12:00\"], tue = [\"09:00-10:00\"] }",
        ),
        "
    +30m       contact chat id:1
               -> opened c1
    +24h30m1ms -> breached c1 first_response due=+24h30m
    until +25h
    ",
    );
}

/// Generalised cµ and fixed queue ratio, heads and counts only, with a share that nobody falls below.
#[test]
fn f15_cost_based_choice() {
    let queues = |dispatch: &str, desk_lines: &str, other: &str| {
        desk(&format!("{desk_lines}\n[queues.other]\ndivision = \"main\"\n{other}"))
            .replace("[divisions.main]", &format!("[divisions.main]\ndispatch = \"{dispatch}\""))
    };
    let story = |first: &str| {
        format!(
            "
    +0s   contact chat id:1
          -> opened c1
    +0s   contact chat id:2
          -> opened c2
    +0s   contact chat id:3 queue=other
          -> opened c3
    +10s  agent ann capacity.chat=1
    +10s  state ann available
          -> offered {first} ann
    "
        )
    };
    let minute = "dispatch = { cost = 1, handle = \"1m\" }";
    tell(&queues("gcmu", minute, "dispatch = { cost = 4, handle = \"3m\" }"), &story("c3"));
    let ratio = |parts: u32| format!("dispatch = {{ ratio = {parts} }}");
    // Of three waiting: 2 − 3 · 3/4 < 0 and 1 − 3 · 1/4 > 0.
    tell(&queues("ratio", &ratio(3), &ratio(1)), &story("c3"));
    let all = format!("{ANN}+1s contact chat id:9\n-> opened c1\n-> offered c1 ann");
    tell(&queues("gcmu", "dispatch = { share = 50 }", ""), &all);
}
