//! Memory under churn: what is kept of agents' definitions follows the agents, not everything that they ever were.

use std::sync::Arc;

use trunkline::pipeline::Pipeline;
use trunkline::rules::keys::HashKey;
use trunkline::types::lines::Output;
use trunkline::types::record::Record;
use trunkline::types::{DivisionId, Stream};

use super::desk;
use crate::support::dice::Dice;
use crate::support::engines::{compiled, run_model};
use crate::support::story::START;
use crate::support::words;
use trunkline::model::output::time_text;
use trunkline::types::Millis;

/// Five agents are hired, defined anew, sent home and replaced; contacts come and find whoever fits.
fn churn(rounds: usize, seed: u64) -> Vec<String> {
    let mut dice = Dice::new(seed);
    let mut log = Vec::new();
    for round in 0..rounds {
        let agent = format!("a{}", round % 5);
        let (law, delay) = (1 + round % 10, dice.below(4) * 5);
        let skill = format!("skills.s{round}=3 skills.law={law}");
        let definition = format!(
            "agent {agent} capacity.chat=2 {skill} queues.desk.rank=1 queues.desk.delay_s={delay} queues.spare.rank=2"
        );
        let contact = format!("contact chat id:{} skills.law={}", round % 50, 1 + dice.below(10));
        let end = format!("resolved id:{}", dice.below(50));
        let state = ["available", "away", "offline"][dice.below(3)];
        for event in [definition, format!("state {agent} {state}"), contact, end] {
            let time = time_text(Millis(START.0 + log.len() as i64 * 900));
            log.push(words::event(&event, &format!("e{}", log.len()), &time, |id| panic!("no {id} here")));
        }
    }
    log
}

fn rules() -> String {
    desk("steps = [{ after = \"20s\", drop = [\"law\"] }]\n[queues.spare]\ndivision = \"main\"")
}

#[test]
fn definitions_that_nobody_has_any_more_are_forgotten() {
    let mut pipeline = Pipeline::new(Arc::new(compiled(&rules())), &HashKey::PUBLIC, "local");
    let mut out = Output::default();
    let (mut most, mut met) = ((0, 0), 0);
    for (line, bytes) in churn(3_000, 1).iter().enumerate() {
        pipeline.apply(&[Record::line(0, line as u64, bytes.as_bytes())], None, &mut out).expect("no jump");
        let (definitions, groups) = pipeline.definitions(DivisionId(0));
        met += usize::from(definitions < most.0);
        most = (most.0.max(definitions), most.1.max(groups));
    }
    pipeline.audit();
    assert!(most.0 <= 2 * 5 + 9 && most.1 <= 4 * most.0, "of 3,000 definitions {most:?} were kept");
    assert!(met > 100, "they were swept");
}

#[test]
fn and_nobody_notices() {
    let log = churn(150, 2);
    let model = run_model(&rules(), &log, None);
    let mut pipeline = Pipeline::new(Arc::new(compiled(&rules())), &HashKey::PUBLIC, "local");
    let (mut out, mut lines): (Output, Vec<(Stream, String)>) = Default::default();
    for (line, bytes) in log.iter().enumerate() {
        pipeline.apply(&[Record::line(0, line as u64, bytes.as_bytes())], None, &mut out).expect("no jump");
        pipeline.audit();
        let told = out.divisions.iter().flat_map(|lines| lines.iter());
        lines.extend(told.map(|(stream, line)| (stream, String::from_utf8_lossy(line).into_owned())));
    }
    lines.sort_by_key(|(stream, _)| *stream);
    assert!(lines.iter().any(|(_, line)| line.contains("assignment.offered")));
    assert_eq!(lines, model);
}
