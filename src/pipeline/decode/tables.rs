//! What decode looks up, compiled once from the rules; and what it remembers from event to event to be quicker. The
//! memory never changes what is decoded, only how fast.

use std::sync::Arc;

use super::identifier::Normaliser;
use super::members::{Member, Shape};
use super::names::{Names, first_word};
use super::time::LastDate;
use crate::rules::Rules;
use crate::rules::keys::{Keys, SubKey};
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
    pub shapes: Vec<Shape>,
    /// `name"` of each member as a word, and the mask of its bytes; none is longer than the word.
    pub patterns: Vec<(u128, u128)>,
}

impl Tables {
    pub fn new(rules: Arc<Rules>, keys: Keys, limits: Limits) -> Tables {
        assert!((4..=64).contains(&limits.depth), "a depth from 4 to 64");
        assert!(limits.event_bytes <= limits.record_bytes && limits.record_bytes < 1 << 30);
        let pattern = |member: &Member| {
            let quoted = format!("{}\"", member.name());
            (first_word(quoted.as_bytes()), first_word(&vec![0xff; quoted.len()]))
        };
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
            shapes: EventType::ALL.iter().map(|t| Shape::of(*t)).collect(),
            patterns: Member::ALL.iter().map(pattern).collect(),
            rules,
            keys,
            limits,
        }
    }
}

/// Slots for the hashes of names that repeat: skills and languages.
const HASHES: usize = 64;
/// Members, and one more for "none yet".
const FOLLOWERS: usize = 32;

/// What is remembered from event to event.
pub struct Memory {
    pub normaliser: Normaliser,
    pub dates: LastDate,
    source: Vec<u8>,
    source_key: SubKey,
    hashes: Vec<(u128, u64)>,
    lower: Vec<u8>,
    /// By type and member: which member followed it last time. Producers keep an order.
    pub followers: Vec<[u8; FOLLOWERS]>,
}

/// Stands for "no member yet" in `Memory::followers`.
pub const FIRST: usize = FOLLOWERS - 1;

impl Memory {
    pub fn new(tables: &Tables) -> Memory {
        Memory {
            normaliser: Normaliser::new(&tables.rules, tables.limits.name_bytes),
            dates: LastDate::default(),
            source: Vec::new(),
            source_key: tables.keys.source(b""),
            hashes: vec![(0, 0); HASHES],
            lower: Vec::new(),
            followers: vec![[0; FOLLOWERS]; EventType::ALL.len()],
        }
    }

    /// Deduplication key of (`source`, `id`).
    #[inline]
    pub fn event_key(&mut self, keys: &Keys, source: &[u8], id: &[u8]) -> u128 {
        if self.source != source {
            self.source.clear();
            self.source.extend_from_slice(source);
            self.source_key = keys.source(source);
        }
        self.source_key.hash(id)
    }

    /// Hash of a name that is likely to come again.
    #[inline]
    pub fn name(&mut self, keys: &Keys, name: &[u8]) -> u64 {
        // A word with room for the length byte; longer names are rare and hashed each time.
        if name.len() > 15 || name.is_empty() {
            return keys.name(name);
        }
        let word = first_word(name) | (name.len() as u128) << 120;
        let mixed = (word as u64 ^ (word >> 64) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let slot = &mut self.hashes[(mixed >> 58) as usize % HASHES];
        if slot.0 != word {
            *slot = (word, keys.name(name));
        }
        slot.1
    }

    /// Hash of a language in lower case; `None` if it is not UTF-8.
    #[inline]
    pub fn lang(&mut self, keys: &Keys, lang: &[u8]) -> Option<u64> {
        let mut lower = std::mem::take(&mut self.lower);
        lower.clear();
        if lang.is_ascii() {
            lower.extend(lang.iter().map(u8::to_ascii_lowercase));
        } else {
            lower.extend_from_slice(std::str::from_utf8(lang).ok()?.to_lowercase().as_bytes());
        }
        let hash = self.name(keys, &lower);
        self.lower = lower;
        Some(hash)
    }
}
