//! What is the same in many lines, written once: heads of events, members named by the rules, phrases. All of it lies in
//! one store of a few kilobytes, so that a line is put together from it by copying whole blocks.

use crate::rules::Rules;
use crate::sim::clock_text::CHARS;
use crate::sim::lines::Source;
use crate::sim::phrases::{LANGUAGES, PHRASES};
use crate::types::EventType;

/// Bytes that are copied at once.
pub const BLOCK: usize = 32;
/// Hexadecimal digits of 64 bits.
pub const HEX_CHARS: usize = 16;

const SOURCES: [&str; 8] = [
    "/telephony/acd-2",
    "/web/chat",
    "/mail/imap-1",
    "/sms/gateway",
    "/social/stream-4",
    "/crm",
    "/desktop",
    "/workforce",
];

/// A prepared text: a place in the store.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default)]
pub struct Text {
    /// First byte.
    pub start: u32,
    /// Bytes.
    pub len: u32,
}

/// An event up to the opening of `data`, its id, time and trace to be filled in.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Head {
    /// The whole.
    pub text: Text,
    /// Where the time stands in it.
    pub time_at: u32,
    /// Where the trace id stands; 0: this event has no trace.
    pub trace_at: u32,
}

/// All prepared texts. Members end with a comma.
pub struct Texts {
    /// The texts, and a block of nothing behind the last.
    store: Vec<u8>,
    /// By source, then by event type.
    heads: Vec<Head>,
    /// `channel`, by `ChannelId`.
    pub channels: Vec<Text>,
    /// `queue`, by `QueueId`.
    pub queues: Vec<Text>,
    /// `skills` with the first skill that a queue asks for, by `QueueId`.
    pub skills: Vec<Option<Text>>,
    /// `division`, by `DivisionId`.
    pub divisions: Vec<Text>,
    /// `intent`, by place in `Rules::intents`.
    pub intents: Vec<Text>,
    /// `tier`, by place in `Rules::tiers`.
    pub tiers: Vec<Text>,
    /// `lang`, by place in `LANGUAGES`.
    pub languages: Vec<Text>,
    /// A kind of identifier with its colon, by slot.
    pub kinds: [Option<Text>; 5],
    /// Phrases by place in `LANGUAGES`.
    pub phrases: Vec<Vec<Text>>,
}

impl Texts {
    /// Writes them down.
    pub fn new(rules: &Rules, kinds: &[Option<String>; 5]) -> Texts {
        let mut store = Vec::new();
        let mut heads = Vec::new();
        for source in SOURCES {
            heads.extend(EventType::ALL.iter().map(|event| head(&mut store, source, *event)));
        }
        let skill = |queue: &crate::rules::Queue| {
            let skill = queue.skills.first()?;
            Some(format!("\"skills\":{{\"{}\":{}}},", skill.name, skill.level))
        };
        let skills = rules.queues.iter().map(|queue| Some(keep(&mut store, &skill(queue)?))).collect();
        let kinds = kinds.each_ref().map(|kind| Some(keep(&mut store, &format!("\"{}\":", kind.as_ref()?))));
        let phrases =
            PHRASES.iter().map(|list| list.iter().map(|phrase| keep(&mut store, phrase)).collect()).collect();
        let mut members = |name: &str, values: &mut dyn Iterator<Item = &str>| {
            values.map(|value| keep(&mut store, &format!("\"{name}\":\"{value}\","))).collect()
        };
        let mut texts = Texts {
            channels: members("channel", &mut rules.channels.iter().map(|channel| channel.name.as_str())),
            queues: members("queue", &mut rules.queues.iter().map(|queue| queue.name.as_str())),
            divisions: members(
                "division",
                &mut rules.divisions.iter().map(|division| division.name.as_str()),
            ),
            intents: members("intent", &mut rules.intents.iter().map(String::as_str)),
            tiers: members("tier", &mut rules.tiers.iter().map(String::as_str)),
            languages: members("lang", &mut LANGUAGES.into_iter()),
            heads,
            skills,
            kinds,
            phrases,
            store: Vec::new(),
        };
        store.resize(store.len() + BLOCK, b' ');
        texts.store = store;
        texts
    }

    /// The head of an event.
    #[inline]
    pub fn head(&self, source: Source, event: EventType) -> Head {
        self.heads[source as usize * EventType::ALL.len() + event as usize]
    }

    /// The block that begins at a byte of a text.
    #[inline]
    pub fn block(&self, at: usize) -> &[u8; BLOCK] {
        self.store[at..].first_chunk().expect("a block follows the last text")
    }
}

fn keep(store: &mut Vec<u8>, text: &str) -> Text {
    let start = store.len() as u32;
    store.extend_from_slice(text.as_bytes());
    Text { start, len: text.len() as u32 }
}

fn head(store: &mut Vec<u8>, source: &str, event: EventType) -> Head {
    let before = format!(
        "{{\"specversion\":\"1.0\",\"id\":\"{:0HEX_CHARS$}\",\"source\":\"{source}\",\"type\":\"trunkline.{}\",\"time\":\"",
        0,
        event.name()
    );
    let time_at = before.len() as u32;
    let trace = "\",\"traceparent\":\"00-";
    let (trace_at, trace) = if is_traced(event) {
        (time_at + (CHARS + trace.len()) as u32, format!("{trace}{:032}-{:016}-01", 0, 0))
    } else {
        (0, String::new())
    };
    let behind = "\",\"datacontenttype\":\"application/json\",\"data\":{";
    let text = keep(store, &format!("{before}{:CHARS$}{trace}{behind}", ""));
    Head { text, time_at, trace_at }
}

/// Whether what sends such events knows of traces.
fn is_traced(event: EventType) -> bool {
    matches!(
        event,
        EventType::ContactReceived
            | EventType::CallbackRequested
            | EventType::OfferAccepted
            | EventType::OfferDeclined
            | EventType::ConversationReplied
            | EventType::ConversationTransferred
            | EventType::ConversationAssigned
            | EventType::ConversationResolved
    )
}
