//! A run that is broken off again and again and taken up by other threads from what was saved, beside one that is not:
//! both must save the same bytes wherever they are asked, and what is taken up must go on as if nothing had been.

use std::sync::Arc;

use trunkline::rules::Rules;
use trunkline::rules::keys::HashKey;
use trunkline::runtime::flow::{Finished, Flow, Threads};
use trunkline::types::lines::Output;
use trunkline::types::{Millis, Stream};

use super::dice::Dice;
use super::engines::{BATCHES, Lines, THREADS, chance, compiled, gather, records, sorted, with_tick};

fn flow(rules: Arc<Rules>, threads: usize) -> Flow<()> {
    let threads = Threads { small: 3, ..Threads::new(threads) };
    Flow::new(rules, &HashKey::PUBLIC, "local", threads, |_| ())
}

fn saved(flow: &mut Flow<()>) -> Vec<u8> {
    let mut bytes = Vec::new();
    flow.save(&mut bytes).expect("memory takes every byte");
    bytes
}

/// Carries a log out so, and gives what came out.
pub fn run(toml: &str, log: &[String], until: Option<Millis>) -> Lines {
    let mut dice = Dice::new(chance(toml, log));
    let batch = BATCHES[dice.below(3)];
    let mut threads = || THREADS[dice.below(4)];
    let mut witness = flow(Arc::new(compiled(toml)), threads());
    let mut engine = flow(Arc::new(compiled(toml)), threads());
    let (mut finished, mut collected) = (Finished::default(), Output::default());
    let mut breaks = Dice::new(chance(toml, log) ^ 1);
    let often = 1 + log.len() / batch / 3;
    for (records, tick) in with_tick(&records(log), batch, until) {
        for engine in [&mut witness, &mut engine] {
            engine.submit(records, None, tick);
            engine.collect(&mut finished).expect("a batch is under way").expect("no limit to jumps was set");
        }
        gather(&mut collected, &finished.output);
        if breaks.below(often) > 0 {
            continue;
        }
        let bytes = saved(&mut engine);
        assert!(saved(&mut witness) == bytes, "what is saved depends on threads, or on having been taken up");
        let texts: Vec<&str> = engine.rules().history().iter().map(|rules| rules.text.as_str()).collect();
        let rules = Rules::from_history(&texts).expect("rules that were in force are sound");
        engine = flow(rules, THREADS[breaks.below(4)]);
        let mut rest = &bytes[..];
        engine.restore(&mut rest).expect("what was saved is sound");
        assert!(rest.is_empty(), "all of it is read");
        assert!(saved(&mut engine) == bytes, "what is restored is what was saved");
    }
    let lines: Vec<(Stream, String)> = sorted(&collected, engine.rules());
    assert_eq!(witness.tally(), engine.tally());
    lines
}
