//! Ways to run a log: each takes rules, lines and an end, and gives the lines of output by stream. Every story and
//! every random log goes through all of them.

use std::sync::Arc;

use trunkline::model::Model;
use trunkline::pipeline::Pipeline;
use trunkline::rules::keys::HashKey;
use trunkline::rules::{self, Rules};
use trunkline::types::lines::Output;
use trunkline::types::record::Record;
use trunkline::types::{Millis, Stream};

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
];

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
    for (line, bytes) in log.iter().enumerate() {
        model.apply_record(&Record::line(0, line as u64, bytes.as_bytes()), None);
        model.audit();
    }
    model.advance(until, None);
    model.audit();
    lines(model.collected().streams())
}

/// The pipeline, in batches of so many lines.
pub fn run_pipeline(toml: &str, log: &[String], until: Option<Millis>, batch: usize) -> Lines {
    let mut pipeline = Pipeline::new(Arc::new(compiled(toml)), &HashKey::PUBLIC, "local");
    let mut out = Output::default();
    let mut collected = Output::new(pipeline.rules().divisions.len());
    let records: Vec<Record> =
        log.iter().enumerate().map(|(line, bytes)| Record::line(0, line as u64, bytes.as_bytes())).collect();
    for records in records.chunks(batch) {
        pipeline.apply(records, None, &mut out).expect("no limit to jumps was set");
        gather(&mut collected, &out);
    }
    if let Some(until) = until {
        pipeline.advance(until, None, &mut out);
        gather(&mut collected, &out);
    }
    let all = [&collected.rejected, &collected.identity].into_iter().chain(&collected.divisions);
    let text = |line: &[u8]| String::from_utf8(line.to_vec()).expect("output is UTF-8");
    let mut all: Lines =
        all.flat_map(|lines| lines.iter().map(|(stream, line)| (stream, text(line)))).collect();
    all.sort_by_key(|(stream, _)| *stream);
    all
}

fn gather(collected: &mut Output, out: &Output) {
    add(&mut collected.rejected, &out.rejected);
    add(&mut collected.identity, &out.identity);
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
