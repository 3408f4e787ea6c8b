//! What decode looks up, compiled once from the rules; and what it remembers from event to event to be quicker. The
//! memory never changes what is decoded, only how fast.

use std::sync::Arc;

use super::identifier::Normaliser;
use super::language::Detector;
use super::members::{Member, MemberNames, Shape};
use super::names::{Names, WORD};
use super::terms::{Scratch, Terms};
use super::time::LastDate;
use crate::rules::Rules;
use crate::rules::keys::{Keys, SubKey};
use crate::rules::language::LANGUAGES;
use crate::types::record::Limits;
use crate::types::{AgentPresence, EventType};

/// Names and limits, fixed.
pub struct Tables {
    pub rules: Arc<Rules>,
    pub keys: Keys,
    pub limits: Limits,
    pub channels: Names,
    pub queues: Names,
    pub divisions: Names,
    pub kinds: Names,
    pub intents: Names,
    pub tiers: Names,
    pub types: Names,
    pub states: Names,
    pub members: Names,
    pub member_names: MemberNames,
    pub shapes: Vec<Shape>,
    /// What texts are searched for, if for anything.
    pub terms: Option<Terms>,
    /// Keyed hashes of the languages that can be detected, in their order; `None`: nothing asks for languages.
    pub languages: Option<[u64; LANGUAGES.len()]>,
}

impl Tables {
    /// Whether anybody reads what customers write.
    #[inline]
    pub fn reads_texts(&self) -> bool {
        self.terms.is_some() || self.languages.is_some()
    }

    pub fn new(rules: Arc<Rules>, keys: Keys, limits: Limits) -> Tables {
        assert!((4..=64).contains(&limits.depth), "a depth from 4 to 64");
        assert!(limits.event_bytes <= limits.record_bytes && limits.record_bytes < 1 << 30);
        Tables {
            channels: Names::new(rules.channels.iter().map(|c| c.name.as_str())),
            queues: Names::new(rules.queues.iter().map(|q| q.name.as_str())),
            divisions: Names::new(rules.divisions.iter().map(|d| d.name.as_str())),
            kinds: Names::new(rules.identity.kinds.iter().map(|k| k.name.as_str())),
            intents: Names::new(rules.intents.iter().map(String::as_str)),
            tiers: Names::new(rules.tiers.iter().map(String::as_str)),
            types: Names::new(EventType::ALL.iter().map(|t| t.name())),
            states: Names::new(AgentPresence::ALL.iter().map(|s| s.word())),
            members: Names::new(Member::ALL.iter().map(|m| m.name())),
            member_names: MemberNames::new(),
            shapes: EventType::ALL.iter().map(|t| Shape::of(*t)).collect(),
            terms: Terms::new(&rules),
            languages: rules.asks_for_language().then(|| LANGUAGES.map(|lang| keys.name(lang.as_bytes()))),
            rules,
            keys,
            limits,
        }
    }
}

/// Slots for the hashes of names that repeat: skills and languages.
const HASHES: usize = 64;
/// Slots for the keys of sources.
const SOURCES: usize = 32;
/// Longest name whose hash is remembered: a word with room for a byte that tells length and purpose.
const HASHED_BYTES: usize = 15;
/// In that byte: a language, which is hashed in lower case.
const LANG: u128 = 1 << 127;

/// What is remembered from event to event.
pub struct Memory {
    pub normaliser: Normaliser,
    pub dates: LastDate,
    pub searched: Scratch,
    pub detector: Detector,
    sources: Vec<Source>,
    hashes: Vec<(u128, u64)>,
}

/// A `source` and its key.
#[derive(Clone)]
struct Source {
    word: u128,
    text: Vec<u8>,
    key: SubKey,
}

impl Memory {
    pub fn new(tables: &Tables) -> Memory {
        let nothing = Source { word: 0, text: Vec::new(), key: tables.keys.source(b"") };
        Memory {
            normaliser: Normaliser::new(&tables.rules, tables.limits.name_bytes),
            dates: LastDate::default(),
            searched: Scratch::default(),
            detector: Detector::new(),
            sources: vec![nothing; SOURCES],
            hashes: vec![(0, 0); HASHES],
        }
    }

    /// Deduplication key of (`source`, `id`), given the source's first word.
    #[inline(always)]
    pub fn event_key(&mut self, keys: &Keys, word: u128, source: &[u8], id: &[u8]) -> u128 {
        let slot = &mut self.sources[mixed(word) as usize % SOURCES];
        if slot.word != word || slot.text.len() != source.len() || !tail_is(&slot.text, source) {
            slot.remember(keys, word, source);
        }
        slot.key.hash(id)
    }

    /// Hash of a name that is likely to come again, given its first word.
    #[inline]
    pub fn name(&mut self, keys: &Keys, word: u128, name: &[u8]) -> u64 {
        if name.len() > HASHED_BYTES || name.is_empty() {
            return keys.name(name);
        }
        let word = word | (name.len() as u128) << 120;
        let slot = &mut self.hashes[mixed(word) as usize % HASHES];
        if slot.0 != word {
            *slot = (word, keys.name(name));
        }
        slot.1
    }

    /// Hash of a language in lower case, given its first word; `None` if it is not UTF-8.
    #[inline]
    pub fn lang(&mut self, keys: &Keys, word: u128, lang: &[u8]) -> Option<u64> {
        if lang.len() > HASHED_BYTES {
            return lang_hash(keys, lang);
        }
        let word = word | (lang.len() as u128) << 120 | LANG;
        let slot = &mut self.hashes[mixed(word) as usize % HASHES];
        if slot.0 != word {
            *slot = (word, lang_hash(keys, lang)?);
        }
        Some(slot.1)
    }
}

impl Source {
    #[cold]
    fn remember(&mut self, keys: &Keys, word: u128, source: &[u8]) {
        self.word = word;
        self.text.clear();
        self.text.extend_from_slice(source);
        self.key = keys.source(source);
    }
}

/// Whether two texts of one length and one first word are the same.
#[inline(always)]
fn tail_is(text: &[u8], other: &[u8]) -> bool {
    text.len() <= WORD || *text == *other
}

#[cold]
fn lang_hash(keys: &Keys, lang: &[u8]) -> Option<u64> {
    Some(keys.name(std::str::from_utf8(lang).ok()?.to_lowercase().as_bytes()))
}

/// A slot number in the lowest bits.
#[inline(always)]
fn mixed(word: u128) -> u64 {
    (word as u64 ^ (word >> 64) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56
}
