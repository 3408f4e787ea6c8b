//! `trunkline snapshot inspect`: what a snapshot holds.

use super::failure::{Failure, Outcome};
use crate::rules::Rules;
use crate::rules::keys::HashKey;
use crate::runtime::FlowEngine;
use crate::runtime::core::Core;
use crate::runtime::flow::{Flow, Threads};
use crate::runtime::snapshot::{Contents, Header, contents};
use crate::types::floor::PRESENCES;
use crate::types::{Floor, Tally};
use serde_json::{Value, json};
use std::fs::File;
use std::path::{Path, PathBuf};

/// Looks into snapshots.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Checks every byte of a snapshot and tells what it holds: whose it is, up to which epoch and which records of the
    /// input, under which rules, and how many customers, conversations and agents.
    #[command(after_help = "Example:\n  \
        trunkline snapshot inspect config/snapshots/main.00000000000000001234.snapshot\n\n\
        Exit code 1 if it is damaged, or of a form that this program does not know.")]
    Inspect {
        /// The file
        file: PathBuf,
    },
}

/// Looks.
///
/// # Errors
/// Exit code 1 if the file cannot be read, is damaged, or of another form.
pub fn run(arguments: &Arguments, json: bool) -> Outcome {
    let Command::Inspect { file } = &arguments.command;
    let told = inspect(file).map_err(|why| Failure::failed(format!("{}: {why}", file.display())))?;
    super::print(&if json { format!("{told}\n") } else { format!("{told:#}\n") });
    Ok(())
}

fn inspect(file: &Path) -> Result<Value, String> {
    let open = || File::open(file).map_err(|error| error.to_string());
    let (header, found) = contents(open()?).map_err(|why| why.to_string())?;
    let rules = Rules::from_history(&found.reached.rules).map_err(|complaints| {
        let first = complaints.first().map(ToString::to_string).unwrap_or_default();
        format!("its rules are not sound: {first}")
    })?;
    // Names are kept as they were hashed; nothing is hashed anew.
    let flow = Flow::new(rules.clone(), &HashKey::PUBLIC, &header.tenant, Threads::new(1), |_| ());
    let mut core = Core::new(FlowEngine::new(flow), &header.tenant, 0);
    crate::runtime::snapshot::load(&mut core, open()?, &header)?;
    let mut floor = Floor::default();
    let flow = core.engine.flow();
    flow.floor(&mut floor);
    let bytes = flow.bytes();
    let told = described(&header, &found, &rules, &flow.counted(), &floor);
    let Value::Object(mut told) = told else { unreachable!("it is an object") };
    told.insert(
        "memory_bytes".into(),
        json!({
            "deduplication": bytes[0], "identifiers": bytes[1], "customers": bytes[2] + bytes[3],
            "conversations": bytes[4] + bytes[5], "agents": bytes[6],
        }),
    );
    Ok(Value::Object(told))
}

fn described(header: &Header, found: &Contents, rules: &Rules, tally: &Tally, floor: &Floor) -> Value {
    let inputs = core_positions(found);
    let divisions = rules.divisions.iter().enumerate().map(|(at, division)| {
        let presences = PRESENCES.iter().zip(floor.agents[at]);
        let agents: serde_json::Map<_, _> =
            presences.map(|(word, count)| ((*word).to_owned(), json!(count))).collect();
        (division.name.clone(), json!({ "agents": agents }))
    });
    let queues = rules.queues.iter().enumerate().filter_map(|(at, queue)| {
        let waiting = floor.waiting[at];
        (waiting > 0).then(|| (queue.name.clone(), json!(waiting)))
    });
    json!({
        "tenant": header.tenant, "epoch": header.epoch, "record": header.record, "now": header.now,
        "content": header.content, "semantics": header.semantics, "version": header.version,
        "rules": header.rules, "rules_changes": found.reached.rules.len() - 1,
        "bytes": found.bytes, "hash": format!("{:032x}", found.hash),
        "inputs": inputs,
        "events": tally.events, "customers": tally.customers - tally.absorbed - tally.erased - tally.forgotten,
        "divisions": divisions.collect::<serde_json::Map<_, _>>(),
        "waiting": queues.collect::<serde_json::Map<_, _>>(),
    })
}

fn core_positions(found: &Contents) -> Value {
    let places = found.reached.inputs.iter().zip(&found.reached.marks);
    places
        .map(|(input, mark)| json!({ "topic": input.topic, "partition": input.partition, "offset": mark.taken }))
        .collect()
}
