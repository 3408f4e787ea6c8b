//! The output lines of a run, numbered and kept by stream.

use std::collections::BTreeMap;

use super::{Body, Output, encode};
use crate::types::Stream;

/// The lines of a run, numbered as they come.
#[derive(Clone, Debug)]
pub struct Collected {
    tenant: String,
    /// Name of the division (empty: identities) → outputs so far.
    numbers: BTreeMap<String, u64>,
    /// By stream, then by name of the division (empty: identities and rejects).
    lines: BTreeMap<(Stream, String), Vec<u8>>,
    /// Outputs by `type`, without the prefix.
    counts: BTreeMap<&'static str, u64>,
}

impl Collected {
    /// Nothing yet.
    pub fn new(tenant: &str) -> Collected {
        Collected {
            tenant: tenant.to_owned(),
            numbers: BTreeMap::new(),
            lines: BTreeMap::new(),
            counts: BTreeMap::new(),
        }
    }

    /// Numbers one output and keeps its line. Outputs of one division, identities and rejects must each come in
    /// their order; how they interleave does not matter.
    pub fn push(&mut self, output: &Output) {
        let division = output.division().unwrap_or("").to_owned();
        let mut number = 0;
        if !matches!(output.body, Body::Rejected(_)) {
            let last = self.numbers.entry(division.clone()).or_default();
            *last += 1;
            number = *last;
        }
        let lines = self.lines.entry((output.stream(), division)).or_default();
        lines.extend_from_slice(encode(&self.tenant, number, output).as_bytes());
        lines.push(b'\n');
        *self.counts.entry(output.name()).or_default() += 1;
    }

    /// The content of every file, also of the empty ones: divisions in the order of their names, each in decision
    /// order; identities and rejects in the order of the entries.
    pub fn streams(&self) -> BTreeMap<Stream, Vec<u8>> {
        let mut streams: BTreeMap<Stream, Vec<u8>> =
            Stream::ALL.iter().map(|stream| (*stream, Vec::new())).collect();
        for ((stream, _), lines) in &self.lines {
            streams.entry(*stream).or_default().extend_from_slice(lines);
        }
        streams
    }

    /// Outputs by `type`, without the prefix `trunkline.`.
    pub fn counts(&self) -> &BTreeMap<&'static str, u64> {
        &self.counts
    }
}
