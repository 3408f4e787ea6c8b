//! Ways to run a log: each takes rules, lines and an end, and gives the lines of output by stream. Every story and
//! every random log goes through all of them.

use trunkline::model::Model;
use trunkline::rules::keys::HashKey;
use trunkline::rules::{self, Rules};
use trunkline::types::record::Record;
use trunkline::types::{Millis, Stream};

/// Output of a run: stream and line.
pub type Lines = Vec<(Stream, String)>;

/// An engine: rules as TOML, the lines of a plain log, and the instant to which the clock moves in the end.
pub type Engine = fn(&str, &[String], Option<Millis>) -> Lines;

/// Every engine there is, with a name for messages.
pub const ENGINES: &[(&str, Engine)] = &[("model", run_model)];

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

fn lines(streams: std::collections::BTreeMap<Stream, Vec<u8>>) -> Lines {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("output is UTF-8");
    let streams = streams.into_iter().map(|(stream, bytes)| (stream, text(bytes)));
    streams.flat_map(|(stream, text)| text.lines().map(|line| (stream, line.to_owned())).collect::<Vec<_>>()).collect()
}
