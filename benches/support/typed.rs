//! The yardstick: the same log decoded by `serde_json` into typed structs that borrow every text without an escape, and
//! nothing else done: no hash, no look-up, no time parsed, no limit checked. One struct holds the members of every type,
//! since choosing the struct by `type` would make `serde_json` read `data` twice.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// A text, borrowed where it has no escape. (`Cow` alone would not borrow inside `Option`.)
#[derive(Debug)]
pub struct Text<'a>(pub Cow<'a, str>);

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Text<'de>, E> {
        Ok(Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Text<'de>, E> {
        Ok(Text(Cow::Owned(text.to_owned())))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Text<'a>, D::Error> {
        from.deserialize_str(TextVisitor)
    }
}

/// A map as pairs in the order of the bytes: no table is built.
#[derive(Debug)]
pub struct Pairs<'a, V>(pub Vec<(Text<'a>, V)>);

struct PairsVisitor<V>(PhantomData<V>);

impl<'de, V: Deserialize<'de>> Visitor<'de> for PairsVisitor<V> {
    type Value = Pairs<'de, V>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs<'de, V>, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = map.next_entry()? {
            pairs.push(pair);
        }
        Ok(Pairs(pairs))
    }
}

impl<'de: 'a, 'a, V: Deserialize<'de>> Deserialize<'de> for Pairs<'a, V> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Pairs<'a, V>, D::Error> {
        from.deserialize_map(PairsVisitor(PhantomData))
    }
}

/// One value, or several in an array.
#[derive(Debug)]
pub enum Values<'a> {
    /// A string.
    One(Text<'a>),
    /// An array of strings.
    Several(Vec<Text<'a>>),
}

struct ValuesVisitor;

impl<'de> Visitor<'de> for ValuesVisitor {
    type Value = Values<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or an array of strings")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Values<'de>, E> {
        Ok(Values::One(Text(Cow::Borrowed(text))))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Values<'de>, E> {
        Ok(Values::One(Text(Cow::Owned(text.to_owned()))))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Values<'de>, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = array.next_element()? {
            values.push(value);
        }
        Ok(Values::Several(values))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Values<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Values<'a>, D::Error> {
        from.deserialize_any(ValuesVisitor)
    }
}

/// A queue in an agent's own list.
#[derive(Debug, Deserialize)]
pub struct AgentQueue {
    /// Its rank.
    pub rank: Option<u32>,
    /// Its delay.
    pub delay_s: Option<u32>,
}

/// `data`: the members of every type.
#[derive(Debug, Deserialize)]
pub struct Data<'a> {
    #[serde(borrow)]
    pub channel: Option<Text<'a>>,
    #[serde(borrow)]
    pub from: Option<Pairs<'a, Values<'a>>>,
    #[serde(borrow)]
    pub queue: Option<Text<'a>>,
    #[serde(borrow)]
    pub thread: Option<Text<'a>>,
    #[serde(borrow)]
    pub conversation: Option<Text<'a>>,
    #[serde(borrow)]
    pub text: Option<Text<'a>>,
    #[serde(borrow)]
    pub lang: Option<Text<'a>>,
    #[serde(borrow)]
    pub intent: Option<Text<'a>>,
    #[serde(borrow)]
    pub skills: Option<Pairs<'a, u8>>,
    pub value: Option<i64>,
    pub reach: Option<i64>,
    pub sentiment: Option<i8>,
    pub public: Option<bool>,
    #[serde(borrow)]
    pub preferred_agent: Option<Text<'a>>,
    #[serde(borrow)]
    pub tier: Option<Text<'a>>,
    pub lifetime_value: Option<i64>,
    pub blocked: Option<bool>,
    #[serde(borrow)]
    pub agent: Option<Text<'a>>,
    #[serde(borrow)]
    pub division: Option<Text<'a>>,
    #[serde(borrow)]
    pub capacity: Option<Pairs<'a, u32>>,
    pub budget: Option<u32>,
    #[serde(borrow)]
    pub langs: Option<Vec<Text<'a>>>,
    #[serde(borrow)]
    pub queues: Option<Pairs<'a, AgentQueue>>,
    #[serde(borrow)]
    pub state: Option<Text<'a>>,
    #[serde(borrow)]
    pub reason: Option<Text<'a>>,
    pub requeue: Option<bool>,
    pub automated: Option<bool>,
    #[serde(borrow)]
    pub outcome: Option<Text<'a>>,
}

/// An event.
#[derive(Debug, Deserialize)]
pub struct TypedEvent<'a> {
    #[serde(borrow)]
    pub specversion: Text<'a>,
    #[serde(borrow)]
    pub id: Text<'a>,
    #[serde(borrow)]
    pub source: Text<'a>,
    #[serde(borrow, rename = "type")]
    pub event_type: Text<'a>,
    #[serde(borrow)]
    pub time: Option<Text<'a>>,
    #[serde(borrow)]
    pub traceparent: Option<Text<'a>>,
    #[serde(borrow)]
    pub data: Data<'a>,
}

/// One line; `None` where `serde_json` refuses it.
pub fn decode(line: &[u8]) -> Option<TypedEvent<'_>> {
    serde_json::from_slice(line).ok()
}
