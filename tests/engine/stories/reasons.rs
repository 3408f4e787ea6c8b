//! The full reasons of a decision: losing candidates, everything else that the agent might have taken, every point.

use trunkline::model::Model;
use trunkline::model::reasons::Reasons;
use trunkline::model::value::Points;
use trunkline::rules::keys::HashKey;
use trunkline::types::record::Record;

use super::desk;
use crate::support::engines::compiled;
use crate::support::story::instant;
use crate::support::words;
use trunkline::model::output::time_text;

/// The reasons of all offers of a log: instants and words as in stories.
fn reasons(rules: &str, log: &str) -> Vec<Reasons> {
    let mut model = Model::new(compiled(rules), &HashKey::PUBLIC, "local");
    model.keep_reasons();
    let lines = log.lines().map(str::trim).filter(|line| !line.is_empty());
    for (number, line) in lines.enumerate() {
        let (at, event) = line.split_once(' ').expect("an instant and an event");
        let time = time_text(instant(at));
        let event = words::event(event.trim(), &format!("e{number}"), &time, |id| panic!("no {id} here"));
        model.apply_record(&Record::line(0, number as u64, event.as_bytes()), None);
    }
    model.take_reasons()
}

/// Value, tiers and terms by the rules; a curve of a point a minute and a step that raises.
fn rules() -> String {
    format!(
        "[terms.angry]\nany = 'refund'\n[value]\nbase = 3\ntier = {{ gold = 100 }}\nintent = {{ buy = 7 }}\n\
         term = {{ angry = 20 }}\nfailed_attempt = {{ points = 5, at_most = 15 }}\n{}",
        desk("strategy = \"least_busy\"\nsteps = [{ after = \"1m\", raise = 4 }]")
    )
}

#[test]
fn losing_agents_stand_behind_the_one_who_got_it() {
    let told = reasons(
        &rules(),
        "
        +0s agent ann capacity.chat=2
        +0s agent bob capacity.chat=2
        +0s agent cy capacity.chat=2
        +0s agent dan capacity.chat=2 langs=[en]
        +1s state cy available
        +2s state ann available
        +2s state bob available
        +3s contact chat id:1
        +4s contact chat id:2
        ",
    );
    let order = |reasons: &Reasons| -> Vec<(String, i64)> {
        reasons.agents.iter().map(|one| (one.agent.clone(), one.merit)).collect()
    };
    let named = |list: [(&str, i64); 3]| list.map(|(name, merit)| (name.to_owned(), merit)).to_vec();
    // Nobody is busy: longest idle, then the name; then cy is the busiest.
    assert_eq!(order(&told[0]), named([("cy", 0), ("ann", 0), ("bob", 0)]));
    assert_eq!((told[0].agent.as_str(), told[1].agent.as_str()), ("cy", "ann"));
    assert_eq!(order(&told[1]), named([("ann", 0), ("bob", 0), ("cy", 1)]));
}

#[test]
fn what_else_an_agent_might_have_taken_and_every_point_of_its_value() {
    let told = reasons(
        &rules(),
        "
        +0s  customer id:1 tier=gold
        +0s  contact chat id:1 intent=buy text=refund
        +0s  contact chat id:2 value=50
        +0s  contact mail id:3 value=9000
        +0s  contact chat id:4 value=-3 text=hello
        +2m  agent ann capacity.chat=1
        +2m  state ann available
        ",
    );
    let [only] = &told[..] else { panic!("one offer, not {told:?}") };
    // 3 + 100 + 7 + 20 points, two for two minutes, four of the step.
    let points = |of: &str, points: i64| Points { of: of.to_owned(), points };
    assert_eq!(
        only.value,
        [points("base", 3), points("term.angry", 20), points("tier.gold", 100), points("intent.buy", 7)]
    );
    assert_eq!((only.ageing >> 31, only.raised), (3, 4), "a slope is rounded down");
    let shown: Vec<i128> = only.conversations.iter().map(|one| (one.priority + (1 << 31)) >> 32).collect();
    assert_eq!(shown, [136, 59, 6], "what ann might have taken, the mail not");
    assert_eq!(only.conversations[0].conversation, only.conversation);
    assert_eq!(only.agents.len(), 1);
}
