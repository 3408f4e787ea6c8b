//! The keyed hashes of a log apart from its decoding: the same number of SipHash calls over the same texts (raw instead
//! of normal form, which differ by a few bytes), one after another and independent of each other. That is the quickest
//! they can be done, so what is left of decode when they are taken off is rather too much than too little.
//!
//! Counted are the calls that decode makes an event: its id, each identifier, the agent, the preferred agent, the thread.
//! The keys of sources, of which a log has few, decode remembers, so each counts once; skills and languages likewise.

use trunkline::rules::keys::Keys;
use trunkline::types::KindId;

use super::typed::{self, Values};

#[derive(Copy, Clone, Debug)]
enum Purpose {
    Source,
    /// Under the key of the source of this number.
    Id(u32),
    Identifier(KindId),
    Name,
    Thread,
}

/// The texts of a log that are hashed.
#[derive(Default)]
pub struct Hashes {
    texts: Vec<u8>,
    calls: Vec<(Purpose, u32)>,
}

impl Hashes {
    /// Collects what is hashed of these lines.
    pub fn of<'a>(lines: impl Iterator<Item = &'a [u8]>, kind: impl Fn(&str) -> Option<KindId>) -> Hashes {
        let mut hashes = Hashes::default();
        let mut sources: Vec<String> = Vec::new();
        for event in lines.filter_map(typed::decode) {
            let known = sources.iter().position(|source| *source == event.source.0);
            let source = known.unwrap_or_else(|| {
                hashes.push(Purpose::Source, &event.source.0);
                sources.push(event.source.0.clone().into_owned());
                sources.len() - 1
            });
            hashes.push(Purpose::Id(source as u32), &event.id.0);
            for (name, values) in event.data.from.iter().flat_map(|from| &from.0) {
                let Some(kind) = kind(&name.0) else { continue };
                let values = match values {
                    Values::One(value) => std::slice::from_ref(value),
                    Values::Several(values) => values,
                };
                values.iter().for_each(|value| hashes.push(Purpose::Identifier(kind), &value.0));
            }
            let names = [&event.data.agent, &event.data.preferred_agent];
            names.into_iter().flatten().for_each(|name| hashes.push(Purpose::Name, &name.0));
            event.data.thread.iter().for_each(|thread| hashes.push(Purpose::Thread, &thread.0));
        }
        hashes
    }

    fn push(&mut self, purpose: Purpose, text: &str) {
        self.texts.extend_from_slice(text.as_bytes());
        self.calls.push((purpose, text.len() as u32));
    }

    /// Makes the calls; the sum says that they were made.
    pub fn run(&self, keys: &Keys) -> u64 {
        let mut sources = Vec::new();
        let (mut sum, mut start) = (0u64, 0);
        for (purpose, length) in &self.calls {
            let text = &self.texts[start..start + *length as usize];
            start += text.len();
            sum ^= match purpose {
                Purpose::Source => {
                    sources.push(keys.source(text));
                    0
                }
                Purpose::Id(source) => sources[*source as usize].hash(text) as u64,
                Purpose::Identifier(kind) => keys.identifier(*kind, text) as u64,
                Purpose::Name => keys.name(text),
                Purpose::Thread => keys.thread(text) as u64,
            };
        }
        sum
    }

    /// Number of calls.
    pub fn len(&self) -> usize {
        self.calls.len()
    }
}
