//! Real events with known truths: tweets between customers and 104 support accounts, whose numbers an independent
//! script computed. Skipped, with a message, where the data is absent.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;
use trunkline::pipeline::Pipeline;
use trunkline::rules::keys::HashKey;
use trunkline::types::lines::Output;
use trunkline::types::record::Record;
use trunkline::types::{IgnoreReason, Objective, Tally};

use crate::support::engines::compiled;

#[test]
fn every_number_of_the_truth_comes_out() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data/twcs");
    let Ok(log) = std::fs::File::open(folder.join("events.ndjson.zst")) else {
        println!(
            "skipped: {} is not there (the sample of real events is not part of the project)",
            folder.display()
        );
        return;
    };
    let mut bytes = Vec::new();
    zstd::Decoder::new(log).expect("a zstd file").read_to_end(&mut bytes).expect("the whole log");
    let text = |name| std::fs::read_to_string(folder.join(name)).expect("a file of the sample");
    let truth: Value = serde_json::from_str(&text("truth.json")).expect("the truth is JSON");
    let rules = Arc::new(compiled(&text("rules.toml")));

    let mut pipeline = Pipeline::new(rules.clone(), &HashKey::PUBLIC, "local");
    let mut out = Output::default();
    let mut opened: BTreeMap<String, u64> = BTreeMap::new();
    let mut customers: BTreeSet<String> = BTreeSet::new();
    let lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
    let records: Vec<Record> =
        lines.iter().enumerate().map(|(at, line)| Record::line(0, at as u64, line)).collect();
    for batch in records.chunks(1_000) {
        pipeline.apply(batch, None, &mut out).expect("no limit to jumps was set");
        for (_, line) in out.divisions.iter().flat_map(|division| division.iter()) {
            let event: Value = serde_json::from_slice(line).expect("output is JSON");
            if event["type"] == "trunkline.conversation.opened" {
                customers.insert(event["data"]["customer"].as_str().expect("an id").to_owned());
                *opened.entry(event["data"]["queue"].as_str().expect("a name").to_owned()).or_default() += 1;
            }
        }
    }
    let tally = pipeline.tally();
    let whole = |key: &str| truth[key].as_u64().expect("a count");
    assert_eq!(tally.events, whole("sent"));
    assert_eq!(tally.accepted, whole("events"));
    assert_eq!(tally.duplicates, whole("duplicates"));
    let unmatched = tally.ignored[IgnoreReason::UnknownConversation as usize]
        + tally.ignored[IgnoreReason::UnknownCustomer as usize];
    assert_eq!(unmatched, whole("replies_unmatched"));
    assert_eq!(customers.len() as u64, whole("customers"));
    // Years lie between some people's messages: who was forgotten meanwhile is founded again, under the same id.
    assert!(tally.customers - tally.forgotten <= whole("customers") && tally.customers >= whole("customers"));
    // The whole sample, of which the log is a half, ends 143 s after the log does: no first response falls due between.
    assert!(pipeline.clock().expect("events came").0 as u64 <= whole("last_clock_ms"));
    assert_eq!(opened.values().sum::<u64>(), whole("conversations"));
    assert_eq!(
        first_responses(&tally, None),
        (whole("first_response_met"), whole("first_response_breached"))
    );
    let queues = truth["by_queue"].as_object().expect("queues");
    assert!(queues.len() > 100);
    for (name, numbers) in queues {
        let number = |key: &str| numbers[key].as_u64().expect("a count");
        let queue = rules.queue(name).expect("a queue of the rules").at();
        assert_eq!(opened.get(name).copied().unwrap_or(0), number("conversations"), "{name}");
        let counted = first_responses(&tally, Some(queue));
        assert_eq!(counted, (number("first_response_met"), number("first_response_breached")), "{name}");
    }
}

/// First responses met and breached, of one queue or of all.
fn first_responses(tally: &Tally, queue: Option<usize>) -> (u64, u64) {
    let of = |at: usize| tally.objectives[at][Objective::FirstResponse as usize];
    let queues = queue.map_or(0..tally.objectives.len(), |queue| queue..queue + 1);
    queues.fold((0, 0), |(met, breached), at| (met + of(at).met, breached + of(at).breached))
}
