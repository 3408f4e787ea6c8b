//! The log: a world of the profile `omni` that reacts to the real engine, made in memory.

use std::sync::Arc;

use trunkline::io::machine;
use trunkline::rules::Rules;
use trunkline::sim::{FlowEngine, Plan, Profile, World, rulebook};
use trunkline::types::record::Record;

use super::options::Options;

/// Every bench measures the same world.
const SEED: u64 = 7;

/// A plain log and the rules that it lives under.
pub struct Log {
    /// The rules.
    pub rules: Arc<Rules>,
    bytes: Vec<u8>,
}

impl Log {
    /// The world's log.
    pub fn omni(options: &Options) -> Log {
        Log::under(&rulebook::text(Profile::Omni), options)
    }

    /// The same world with all its queues in one division.
    pub fn of_one_division(options: &Options) -> Log {
        Log::under(&one_division(&rulebook::text(Profile::Omni)), options)
    }

    fn under(text: &str, options: &Options) -> Log {
        let rules = trunkline::rules::compile(text, "omni").expect("the profile's own rules are valid");
        let mut plan = Plan::new(Profile::Omni, SEED, options.events);
        (plan.customers, plan.agents) = (options.customers, options.agents);
        let mut world = World::new(plan, &rules).expect("the profile's own rules have what its world needs");
        let mut bytes = Vec::with_capacity(options.events as usize * 440);
        let mut engine = FlowEngine::new(&rules, machine::threads());
        world.run(&mut engine, &mut bytes).expect("memory takes every line");
        Log { rules: Arc::new(rules), bytes }
    }

    /// The lines, in order.
    pub fn records(&self) -> Vec<Record<'_>> {
        let lines = self.bytes.strip_suffix(b"\n").unwrap_or(&self.bytes).split(|byte| *byte == b'\n');
        lines.enumerate().map(|(at, line)| Record::line(0, at as u64, line)).collect()
    }

    /// Bytes of all lines, line ends included.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// xxh3-128 of all of it.
    pub fn hash(&self) -> u128 {
        xxhash_rust::xxh3::xxh3_128(&self.bytes)
    }
}

/// Rules whose queues all belong to their first division, which goes by priority, so that queues need no costs or shares.
fn one_division(text: &str) -> String {
    let (mut one, mut skips) = (String::new(), false);
    for line in text.lines() {
        if line.starts_with('[') {
            let is_division = line.starts_with("[divisions.");
            skips = is_division && one.contains("[divisions.");
        }
        match (skips, line.starts_with("[divisions."), line.starts_with("division = ")) {
            (true, ..) => {}
            (_, true, _) => one.push_str("[divisions.all]\n"),
            (_, _, true) => one.push_str("division = \"all\"\n"),
            _ if line.starts_with("dispatch = ") => {}
            _ => one.extend([line, "\n"]),
        }
    }
    one
}
