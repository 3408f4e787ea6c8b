//! The epoch record: the engine's only journal, one compact JSON object a record, in a topic of one partition. Records
//! are numbered without gaps and chained by hash, so a missing, doubled, changed or foreign one is found on reading.
//! State after epoch N is a pure function of rules and log up to N.
//!
//! A **claim** is an epoch without entries that a writer puts first: who it is, for which inputs and outputs. Slots
//! (an input partition's number in positions) are given in the order of first appearance and never change.

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128;

use crate::pipeline::change;
use crate::rules::Refusal;
use crate::runtime::doors::Error;
use crate::runtime::{FORMAT, SEMANTICS};
use crate::types::event::TYPE_PREFIX;
use crate::types::record::{ALL_TYPES, CONTROL_TYPES};
use crate::types::{EventType, Stream};

/// A hash as 32 hexadecimal digits.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default)]
pub struct Hash(pub u128);

impl Serialize for Hash {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&format_args!("{:032x}", self.0))
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Hash, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(from)?;
        let number = (text.len() == 32).then(|| u128::from_str_radix(&text, 16).ok()).flatten();
        number.map(Hash).ok_or_else(|| serde::de::Error::custom("a hash has 32 hexadecimal digits"))
    }
}

/// An input partition.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Topic.
    pub topic: String,
    /// Partition of the topic.
    pub partition: u32,
    /// First offset when it was first seen.
    pub first: u64,
    /// Types that it may carry, with their prefix; absent: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub types: Option<Vec<String>>,
}

impl Input {
    /// The control topic, by which the operator's commands come.
    pub fn control(topic: &str) -> Input {
        let types = Some(vec![format!("{TYPE_PREFIX}{}", EventType::RulesChanged.name())]);
        Input { topic: topic.to_owned(), partition: 0, first: 0, types }
    }

    /// Whether nothing but the operator's commands may come from here.
    pub fn is_control(&self) -> bool {
        let only = |name: &String| name.strip_prefix(TYPE_PREFIX) == Some(EventType::RulesChanged.name());
        self.types.as_ref().is_some_and(|types| !types.is_empty() && types.iter().all(only))
    }

    /// A place in it: `topic[partition]@offset`.
    pub fn place(&self, offset: u64) -> String {
        format!("{}[{}]@{offset}", self.topic, self.partition)
    }

    /// The offset of a place, if it is in this input.
    pub fn offset(&self, place: &str) -> Option<u64> {
        place.strip_prefix(&format!("{}[{}]@", self.topic, self.partition))?.parse().ok()
    }

    /// Bit `EventType as u8` of each type that it may carry. A name that this version does not know has no bit.
    pub fn allowed(&self) -> u32 {
        if self.is_control() {
            return CONTROL_TYPES;
        }
        // Rules come to a live engine by the control topic, not among its customers' events.
        let live = ALL_TYPES & !(1 << EventType::RulesChanged as u32);
        let Some(types) = &self.types else { return live };
        let known = |event: &&EventType| {
            types.iter().any(|name| name.strip_prefix(TYPE_PREFIX) == Some(event.name()))
        };
        EventType::ALL.iter().filter(known).fold(0, |mask, event| mask | 1 << *event as u32) & live
    }
}

/// A record of the input that is taken without effect.
#[derive(
    Copy,
    Clone,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Debug,
    Serialize,
    Deserialize,
    borsh::BorshSerialize,
    borsh::BorshDeserialize,
)]
#[serde(deny_unknown_fields)]
pub struct Skip {
    /// Its input.
    pub slot: u32,
    /// Its offset there.
    pub offset: u64,
}

/// A slot that moved in an epoch.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Moved {
    /// Which.
    pub slot: u32,
    /// Offset after the last record taken.
    pub end: u64,
    /// Running hash of its input.
    pub hash: Hash,
}

/// An output partition that got something.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sent {
    /// Word of the stream.
    pub stream: String,
    /// Partition of its topic.
    pub partition: u32,
    /// Records of this epoch.
    pub count: u64,
    /// Running hash of its output.
    pub hash: Hash,
}

/// What came of an event that asked for other rules.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// Its place: `topic[partition]@offset`.
    pub at: String,
    /// What came of it.
    pub answer: Answer,
    /// Why, if it was refused: the complaints, or what is in use by how many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// What came of it, in a word.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// They are in force behind it.
    Adopted,
    /// It came before.
    Duplicate,
    /// The text is refused.
    BadRules,
    /// Something that it does not declare is in use.
    InUse,
}

/// Longest `Asked::why` in characters: a page of complaints, while an epoch record stays small.
const WHY_MAX: usize = 8_000;

impl Asked {
    /// What an engine says of an event in this input.
    pub fn of(asked: &change::Asked, input: &Input) -> Asked {
        let (answer, why) = match &asked.answer {
            change::Answer::Adopted => (Answer::Adopted, None),
            change::Answer::Duplicate => (Answer::Duplicate, None),
            change::Answer::Refused(why @ Refusal::Unsound(_)) => (Answer::BadRules, Some(why.to_string())),
            change::Answer::Refused(why) => (Answer::InUse, Some(why.to_string())),
        };
        let why = why.map(|why| match why.char_indices().nth(WHY_MAX) {
            Some((end, _)) => format!("{} …", &why[..end]),
            None => why,
        });
        Asked { at: input.place(asked.position.offset), answer, why }
    }
}

/// What a writer says first.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// Whose events.
    pub tenant: String,
    /// Version of the program.
    pub version: String,
    /// By slot.
    pub inputs: Vec<Input>,
    /// Partitions of each stream's topic, by `Stream as usize`; never changed.
    pub outputs: [u32; 6],
    /// After a crash the outputs of so many epochs are sent again; 0: outputs and record of an epoch are one transaction.
    pub epochs_in_flight: u32,
    /// Text of the rules, where the epoch log does not hold it yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rules_text: Option<String>,
}

/// One epoch.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EpochRecord {
    /// Of this record.
    pub format: u32,
    /// Of the engine that wrote it.
    pub semantics: u32,
    /// Its number, from 0.
    pub epoch: u64,
    /// The writing process, drawn at its start: 16 hexadecimal digits.
    pub writer: String,
    /// xxh3-128 of the record before; 0 for the first.
    pub previous: Hash,
    /// The leader's clock, milliseconds since 1970.
    pub now: i64,
    /// Clock of the tick; absent: no entry yet, so no tick.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tick: Option<i64>,
    /// By slot.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub moved: Vec<Moved>,
    /// By (stream, partition).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sent: Vec<Sent>,
    /// Hash of the rules in force behind it.
    pub rules: Hash,
    /// What came of events that asked for other rules, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub asked: Vec<Asked>,
    /// Records of the input, not taken yet, that are to have no effect.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skip: Vec<Skip>,
    /// Only in a claim.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claim: Option<Box<Claim>>,
}

/// Only what is read first, so that another format is told as such.
#[derive(Deserialize)]
struct Head {
    format: u32,
    semantics: u32,
}

impl EpochRecord {
    /// The bytes of the epoch topic.
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("an epoch record has no keys that JSON lacks")
    }

    /// Reads the bytes.
    ///
    /// # Errors
    /// If it is not an epoch record, or one of another format or semantics.
    pub fn decode(bytes: &[u8]) -> Result<EpochRecord, Error> {
        let not = |e: serde_json::Error| Error::Log(format!("a record is not an epoch record: {e}"));
        let head: Head = serde_json::from_slice(bytes).map_err(not)?;
        if !(1..=FORMAT).contains(&head.format) || head.semantics != SEMANTICS {
            return Err(Error::Log(format!(
                "written with format {} and semantics {}, this program has formats up to {FORMAT} and semantics {SEMANTICS}: \
                 start the version that wrote it",
                head.format, head.semantics
            )));
        }
        serde_json::from_slice(bytes).map_err(not)
    }
}

/// The chain of records: the number that comes next and the hash it must carry.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default)]
pub struct Chain {
    /// Number of the next record.
    pub next: u64,
    /// Hash of the last one.
    pub hash: u128,
}

impl Chain {
    /// Moves on by a record that was written.
    pub fn append(&mut self, bytes: &[u8]) {
        self.next += 1;
        self.hash = xxh3_128(bytes);
    }

    /// Moves on by a record that was read.
    ///
    /// # Errors
    /// If it is not the next one of this chain.
    pub fn follow(&mut self, bytes: &[u8]) -> Result<EpochRecord, Error> {
        let record = EpochRecord::decode(bytes)?;
        let chained = record.previous.0 == self.hash || planted!(ChainNotChecked);
        if record.epoch != self.next || !chained {
            return Err(Error::Log(format!(
                "the chain is broken: expected epoch {} after {:032x}, found epoch {} of writer {} after {:032x}",
                self.next, self.hash, record.epoch, record.writer, record.previous.0
            )));
        }
        self.append(bytes);
        Ok(record)
    }
}

/// The stream of a word in a record.
pub fn stream(word: &str) -> Option<Stream> {
    Stream::ALL.iter().copied().find(|stream| stream.word() == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(chain: &Chain) -> EpochRecord {
        EpochRecord {
            format: FORMAT,
            semantics: SEMANTICS,
            epoch: chain.next,
            writer: "00000000000000ab".into(),
            previous: Hash(chain.hash),
            now: 1_795_251_600_000,
            tick: Some(1_795_251_600_000),
            moved: vec![Moved { slot: 3, end: 17, hash: Hash(1) }],
            sent: vec![Sent { stream: "sla".into(), partition: 0, count: 2, hash: Hash(u128::MAX) }],
            rules: Hash(5),
            asked: Vec::new(),
            skip: Vec::new(),
            claim: None,
        }
    }

    /// The form is a wire format: a change of it needs another `FORMAT`.
    #[test]
    fn the_form_of_version_2() {
        let text = r#"{"format":2,"semantics":1,"epoch":0,"writer":"00000000000000ab","previous":"00000000000000000000000000000000","now":1795251600000,"tick":1795251600000,"moved":[{"slot":3,"end":17,"hash":"00000000000000000000000000000001"}],"sent":[{"stream":"sla","partition":0,"count":2,"hash":"ffffffffffffffffffffffffffffffff"}],"rules":"00000000000000000000000000000005"}"#;
        let record = record(&Chain::default());
        assert_eq!(String::from_utf8(record.encode()).unwrap(), text);
        assert_eq!(EpochRecord::decode(text.as_bytes()).unwrap(), record);
        let older = text.replacen("\"format\":2", "\"format\":1", 1);
        assert_eq!(EpochRecord::decode(older.as_bytes()).unwrap(), EpochRecord { format: 1, ..record });
    }

    #[test]
    fn the_chain_finds_gaps_doubles_and_changes() {
        let mut writer = Chain::default();
        let mut records = Vec::new();
        for _ in 0..4 {
            let bytes = record(&writer).encode();
            writer.append(&bytes);
            records.push(bytes);
        }
        let read = |order: &[usize]| {
            let mut reader = Chain::default();
            order.iter().try_for_each(|at| reader.follow(&records[*at]).map(|_| ()))
        };
        assert!(read(&[0, 1, 2, 3]).is_ok());
        for broken in [&[0, 2][..], &[0, 1, 1], &[1]] {
            assert!(read(broken).is_err(), "{broken:?}");
        }
        let mut reader = Chain::default();
        let mut changed = EpochRecord::decode(&records[0]).unwrap();
        changed.now += 1;
        reader.follow(&changed.encode()).unwrap();
        assert!(reader.follow(&records[1]).is_err(), "the change shows in the next one");
    }

    #[test]
    fn other_versions_are_told_as_such() {
        let error =
            EpochRecord::decode(br#"{"format":3,"semantics":7,"anything":[]}"#).unwrap_err().to_string();
        assert!(error.contains("format 3 and semantics 7"), "{error}");
        assert!(EpochRecord::decode(b"{}").is_err());
    }

    #[test]
    fn places_are_read_as_they_are_told() {
        let input = Input { topic: "a.b[c".into(), partition: 7, first: 0, types: None };
        assert_eq!(input.offset(&input.place(12)), Some(12));
        for wrong in
            ["", "a.b[c", "a.b[c[7]", "a.b[c[7]@", "a.b[c[7]@x", "a.b[c[8]@1", "x[7]@1", "a.b[c[7]@-1"]
        {
            assert_eq!(input.offset(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn allowed_types_become_bits() {
        let mut input = Input { topic: "t".into(), partition: 0, first: 0, types: None };
        let rules = 1 << EventType::RulesChanged as u32;
        assert_eq!(input.allowed(), ALL_TYPES & !rules);
        input.types = Some(
            ["contact.received", "conversation.resolved", "rules.changed"]
                .map(|name| format!("trunkline.{name}"))
                .into(),
        );
        let bits = |event: EventType| 1 << event as u32;
        assert_eq!(input.allowed(), bits(EventType::ContactReceived) | bits(EventType::ConversationResolved));
        assert!(!input.is_control());
        let control = Input::control("c");
        assert!(control.is_control());
        assert_eq!(control.allowed(), rules, "by the control topic they come, and nothing else");
        input.types = Some(Vec::new());
        assert_eq!((input.allowed(), input.is_control()), (0, false));
    }
}
