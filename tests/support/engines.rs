//! Ways to run a log: each takes rules, lines and an end, and gives the lines of output by stream. Every story and
//! every random log goes through all of them.

use std::sync::Arc;

use trunkline::model::Model;
use trunkline::model::reasons::Alternative;
use trunkline::pipeline::Pipeline;
use trunkline::rules::keys::HashKey;
use trunkline::rules::{self, Dispatch, Rules};
use trunkline::runtime::flow::{Finished, Flow, Shuffled, Threads};
use trunkline::types::lines::Output;
use trunkline::types::record::Record;
use trunkline::types::{AcceptMode, Millis, Stream};
use xxhash_rust::xxh3::xxh3_64;

use super::dice::Dice;

/// Output of a run: stream and line.
pub type Lines = Vec<(Stream, String)>;

/// An engine: rules as TOML, the lines of a plain log, and the instant to which the clock moves in the end.
pub type Engine = fn(&str, &[String], Option<Millis>) -> Lines;

/// Every engine there is, with a name for messages.
pub const ENGINES: &[(&str, Engine)] = &[
    ("model", run_model),
    ("pipeline, one by one", |rules, log, until| run_pipeline(rules, log, until, 1)),
    ("pipeline, seven at a time", |rules, log, until| run_pipeline(rules, log, until, 7)),
    ("pipeline, a thousand at a time", |rules, log, until| run_pipeline(rules, log, until, 1_000)),
    ("threads", |rules, log, until| {
        let chance = chance(rules, log);
        let (threads, batch) = (THREADS[chance as usize % 4], BATCHES[chance as usize / 4 % 3]);
        run_threads(rules, log, until, threads, batch)
    }),
    ("steps in any order", run_shuffled),
    ("broken off and taken up", super::taken_up::run),
];

/// Threads that every log must come out the same with.
pub const THREADS: [usize; 4] = [1, 2, 3, 8];

/// Sizes of batches, likewise.
pub const BATCHES: [usize; 3] = [1, 7, 1_000];

/// Rules that must be sound.
pub fn compiled(toml: &str) -> Rules {
    rules::compile(toml, "rules.toml").unwrap_or_else(|complaints| {
        let complaints: Vec<String> = complaints.iter().map(|complaint| complaint.to_string()).collect();
        panic!("{}\n{toml}", complaints.join("\n"))
    })
}

/// The model, with every invariant checked after each entry.
pub fn run_model(toml: &str, log: &[String], until: Option<Millis>) -> Lines {
    let mut model = Model::new(compiled(toml), &HashKey::PUBLIC, "local");
    model.keep_reasons();
    for (line, bytes) in log.iter().enumerate() {
        model.apply_record(&Record::line(0, line as u64, bytes.as_bytes()), None);
        model.audit();
        check_reasons(&mut model);
    }
    model.advance(until, None);
    model.audit();
    check_reasons(&mut model);
    lines(model.collected().streams())
}

/// Whoever was offered something was the best of those who might have taken it, or took the best of what it might have
/// taken.
fn check_reasons(model: &mut Model) {
    let dispatches: Vec<Dispatch> =
        model.rules().0.divisions.iter().map(|division| division.dispatch).collect();
    let by_priority = dispatches.iter().all(|dispatch| *dispatch == Dispatch::Priority);
    for reasons in model.take_reasons() {
        if reasons.accept == AcceptMode::Ordered {
            continue;
        }
        let best = reasons.conversations.first().expect("what is offered may be taken");
        let same = |other: &&Alternative| other.conversation == reasons.conversation;
        let taken = reasons.conversations.iter().find(same).expect("it is among what may be taken");
        let gets = reasons.agents.first().is_some_and(|first| first.agent == reasons.agent);
        let takes = if by_priority { taken == best } else { taken.rank == best.rank };
        assert!(gets || takes, "there was something better: {reasons:?}");
        assert!(reasons.agents.iter().any(|one| one.agent == reasons.agent), "one of them: {reasons:?}");
    }
}

/// The pipeline, in batches of so many lines, with every invariant checked after each.
pub fn run_pipeline(toml: &str, log: &[String], until: Option<Millis>, batch: usize) -> Lines {
    let mut pipeline = Pipeline::new(Arc::new(compiled(toml)), &HashKey::PUBLIC, "local");
    let mut out = Output::default();
    let mut collected = Output::default();
    for records in records(log).chunks(batch) {
        pipeline.apply(records, None, &mut out).expect("no limit to jumps was set");
        pipeline.audit();
        gather(&mut collected, &out);
    }
    if let Some(until) = until {
        pipeline.advance(until, None, &mut out);
        pipeline.audit();
        gather(&mut collected, &out);
    }
    sorted(&collected, pipeline.rules())
}

/// The stages over so many threads, every batch handed over, as many under way as there may be.
pub fn run_threads(toml: &str, log: &[String], until: Option<Millis>, threads: usize, batch: usize) -> Lines {
    let rules = Arc::new(compiled(toml));
    let threads = Threads { small: 0, ..Threads::new(threads) };
    let mut flow = Flow::new(rules.clone(), &HashKey::PUBLIC, "local", threads, |_| ());
    let (mut finished, mut collected) = (Finished::default(), Output::default());
    let mut collect = |flow: &mut Flow<()>| {
        flow.collect(&mut finished).expect("a batch is under way").expect("no limit to jumps was set");
        gather(&mut collected, &finished.output);
    };
    for (records, tick) in with_tick(&records(log), batch, until) {
        if flow.under_way() == flow.room() {
            collect(&mut flow);
        }
        flow.submit(records, None, tick);
    }
    while flow.under_way() > 0 {
        collect(&mut flow);
    }
    sorted(&collected, flow.rules())
}

/// The stages' steps in an order that chance chooses among those that threads could take.
fn run_shuffled(toml: &str, log: &[String], until: Option<Millis>) -> Lines {
    let mut dice = Dice::new(chance(toml, log));
    let rules = Arc::new(compiled(toml));
    let (parts, room, batch) = (1 << dice.below(7), 1 + dice.below(5), BATCHES[dice.below(3)]);
    let mut order = Dice::new(dice.bits());
    let choose = move |ready| order.below(ready);
    let mut engine = Shuffled::new(&rules, &HashKey::PUBLIC, "local", parts, room, choose);
    let (mut finished, mut collected) = (Finished::default(), Output::default());
    let mut collect = |engine: &mut Shuffled<_>| {
        while let Some(done) = engine.collect(&mut finished) {
            done.expect("no limit to jumps was set");
            gather(&mut collected, &finished.output);
        }
    };
    for (records, tick) in with_tick(&records(log), batch, until) {
        while !engine.has_room() || dice.below(3) == 0 {
            if !engine.step() {
                break;
            }
            collect(&mut engine);
        }
        engine.submit(records, None, tick);
    }
    while engine.step() {
        collect(&mut engine);
    }
    sorted(&collected, engine.rules())
}

/// Batches of a log, and behind them one that moves the clock, if it is to be moved.
pub fn with_tick<'a>(
    records: &'a [Record<'a>],
    batch: usize,
    until: Option<Millis>,
) -> impl Iterator<Item = (&'a [Record<'a>], Option<Millis>)> {
    let tick: Option<(&[Record], _)> = until.map(|until| (&[] as &[Record], Some(until)));
    records.chunks(batch).map(|records| (records, None)).chain(tick)
}

pub fn records(log: &[String]) -> Vec<Record<'_>> {
    log.iter().enumerate().map(|(line, bytes)| Record::line(0, line as u64, bytes.as_bytes())).collect()
}

/// A number that depends on the log alone.
pub fn chance(toml: &str, log: &[String]) -> u64 {
    log.iter().fold(xxh3_64(toml.as_bytes()), |sum, line| xxh3_64(line.as_bytes()) ^ sum.rotate_left(7))
}

pub fn sorted(collected: &Output, rules: &Rules) -> Lines {
    let mut divisions: Vec<_> = collected.divisions.iter().zip(&rules.divisions).collect();
    divisions.sort_by_key(|(_, division)| &division.name);
    let divisions = divisions.into_iter().map(|(lines, _)| lines);
    let all = [&collected.rejected, &collected.identity].into_iter().chain(divisions);
    let text = |line: &[u8]| String::from_utf8(line.to_vec()).expect("output is UTF-8");
    let mut all: Lines =
        all.flat_map(|lines| lines.iter().map(|(stream, line)| (stream, text(line)))).collect();
    all.sort_by_key(|(stream, _)| *stream);
    all
}

pub fn gather(collected: &mut Output, out: &Output) {
    add(&mut collected.rejected, &out.rejected);
    add(&mut collected.identity, &out.identity);
    let count = collected.divisions.len().max(out.divisions.len());
    collected.divisions.resize_with(count, Default::default);
    for (division, lines) in collected.divisions.iter_mut().zip(&out.divisions) {
        add(division, lines);
    }
}

fn add(to: &mut trunkline::types::lines::Lines, from: &trunkline::types::lines::Lines) {
    for (stream, line) in from.iter() {
        to.bytes.extend_from_slice(line);
        to.end(stream);
    }
}

fn lines(streams: std::collections::BTreeMap<Stream, Vec<u8>>) -> Lines {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("output is UTF-8");
    let streams = streams.into_iter().map(|(stream, bytes)| (stream, text(bytes)));
    streams
        .flat_map(|(stream, text)| text.lines().map(|line| (stream, line.to_owned())).collect::<Vec<_>>())
        .collect()
}
