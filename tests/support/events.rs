//! Random events by seed: valid ones of every type in every notation (order of members, unknown members, escapes,
//! white space), and such with something wrong in them. One seed always gives the same bytes. They are valid by
//! the small rules beside this file.
#![allow(dead_code)]

use trunkline::types::event::{AgentPresence, EventType};

#[path = "rules.rs"]
mod small_rules;
pub use small_rules::*;

/// A JSON value with its members in the order in which they are written.
#[derive(Clone, Debug)]
pub enum Json {
    /// Written as it is.
    Raw(String),
    Text(String),
    List(Vec<Json>),
    Map(Vec<(String, Json)>),
}

impl Json {
    fn text(text: impl Into<String>) -> Json {
        Json::Text(text.into())
    }

    fn number(number: i64) -> Json {
        Json::Raw(number.to_string())
    }
}

/// Makes events. SplitMix64 (Steele, Lea and Flood 2014).
pub struct Generator {
    state: u64,
}

impl Generator {
    /// The generator of a seed.
    pub fn new(seed: u64) -> Generator {
        Generator { state: seed.wrapping_mul(0x2545_f491_4f6c_dd1d) }
    }

    fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.state;
        bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ bits >> 31
    }

    /// A number below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        (self.bits() % n as u64) as usize
    }

    /// True once in `n` times.
    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn pick<'t>(&mut self, texts: &[&'t str]) -> &'t str {
        texts[self.below(texts.len())]
    }

    /// A valid event in structured mode.
    pub fn valid(&mut self) -> Vec<u8> {
        let event = self.tree();
        self.write(&event)
    }

    /// An event that may be anything: mostly one or two faults in an otherwise valid one.
    pub fn mutated(&mut self) -> Vec<u8> {
        let mut event = self.tree();
        let faults = self.below(3);
        for _ in 0..faults {
            self.spoil(&mut event);
        }
        if self.one_in(100) {
            event = self.odd();
        }
        let mut bytes = self.write(&event);
        if faults == 0 || self.one_in(4) {
            self.damage(&mut bytes);
        }
        bytes
    }

    /// The tree of a valid event.
    pub fn tree(&mut self) -> Json {
        let event_type = EventType::ALL[self.below(EventType::ALL.len())];
        let mut members = vec![
            ("specversion".to_owned(), Json::text("1.0")),
            ("id".to_owned(), self.word()),
            ("source".to_owned(), Json::text(["/switch/1", "urn:söurce", "/a"][self.below(3)])),
            ("type".to_owned(), Json::text(format!("trunkline.{}", event_type.name()))),
            ("time".to_owned(), self.time()),
            ("data".to_owned(), Json::Map(self.data(event_type))),
        ];
        if self.one_in(3) {
            let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
            members.push(("traceparent".to_owned(), Json::text([trace, "", "none"][self.below(3)])));
        }
        if self.one_in(3) {
            self.add_unknown(&mut members);
        }
        if self.one_in(3) {
            self.shuffle(&mut members);
        }
        Json::Map(members)
    }

    fn data(&mut self, event_type: EventType) -> Vec<(String, Json)> {
        let (needed, optional): (&[&str], &[&str]) = match event_type {
            EventType::ContactReceived => (
                &["channel", "from"],
                &[
                    "queue",
                    "thread",
                    "conversation",
                    "text",
                    "lang",
                    "intent",
                    "skills",
                    "value",
                    "reach",
                    "sentiment",
                    "public",
                    "preferred_agent",
                ],
            ),
            EventType::ContactAbandoned => (&["?"], &["channel", "thread"]),
            EventType::CallbackRequested => {
                (&["from", "channel", "due"], &["queue", "conversation", "value", "skills"])
            }
            EventType::CustomerUpdated => {
                (&["from"], &["tier", "lifetime_value", "lang", "preferred_agent", "blocked"])
            }
            EventType::IdentityLinked => (&["from2"], &[]),
            EventType::IdentityUnlinked => (&["identifier"], &[]),
            EventType::CustomerErased => (&["from"], &[]),
            EventType::AgentUpdated => {
                (&["agent", "division", "capacity", "skills"], &["budget", "langs", "queues"])
            }
            EventType::AgentState => (&["agent", "division", "state"], &["reason", "requeue"]),
            EventType::OfferAccepted | EventType::OfferDeclined => (&["agent", "division", "?"], &[]),
            EventType::AgentWrapped => (&["agent", "division"], &["conversation", "from"]),
            EventType::ConversationReplied => (&["?"], &["agent", "automated"]),
            EventType::ConversationHeld | EventType::ConversationResumed => (&["?"], &["reason"]),
            EventType::ConversationTransferred => (&["?"], &["queue", "agent", "skills"]),
            EventType::ConversationUpdated => (&["?"], &["value", "skills", "intent", "queue"]),
            EventType::ConversationAssigned => (&["?", "agent", "division"], &[]),
            EventType::ConversationResolved => (&["?"], &["agent", "outcome"]),
            EventType::RulesChanged => (&["text"], &[]),
        };
        let division = self.below(DIVISIONS.len());
        let mut members = Vec::new();
        for name in needed {
            let names: &[&str] = match *name {
                "?" => [&["conversation"][..], &["from"], &["conversation", "from"]][self.below(3)],
                "from2" => &["from2"],
                other => &[other],
            };
            for name in names {
                let value = self.value(name, division);
                members.push((name.trim_end_matches('2').to_owned(), value));
            }
        }
        for name in optional {
            if self.one_in(3) {
                members.push(((*name).to_owned(), self.value(name, division)));
            }
        }
        if self.one_in(4) {
            self.add_unknown(&mut members);
        }
        if self.one_in(3) {
            self.shuffle(&mut members);
        }
        members
    }

    fn value(&mut self, name: &str, division: usize) -> Json {
        match name {
            "channel" => Json::text(self.pick(&CHANNELS)),
            "queue" => Json::text(self.pick(&QUEUES)),
            "division" => Json::text(DIVISIONS[division]),
            "from" | "identifier" => Json::Map(self.identifiers(1)),
            "from2" => Json::Map(self.identifiers(2)),
            "conversation" => self.conversation(),
            "text" => self.message(),
            "lang" => Json::text(self.pick(&["de", "EN", "pt-BR", "Ελ", "a-language-tag-that-is-long"])),
            "langs" => Json::List((0..self.below(4)).map(|_| self.value("lang", 0)).collect()),
            "intent" => Json::text(self.pick(&["cancel", "upgrade", "other", "ünknown"])),
            "tier" => Json::text(self.pick(&["gold", "silver", "bronze"])),
            "skills" => self.skills(),
            "capacity" => self.some_of(&CHANNELS, 1_001),
            "queues" => self.agent_queues(division),
            "value" | "reach" | "lifetime_value" => self.any_integer(),
            "sentiment" => Json::number(self.below(201) as i64 - 100),
            "budget" => Json::number(self.below(1_000_001) as i64),
            "public" | "blocked" | "automated" | "requeue" => {
                Json::Raw(self.pick(&["true", "false"]).to_owned())
            }
            "due" => self.time(),
            "state" => Json::text(AgentPresence::ALL[self.below(3)].word()),
            _ => self.word(),
        }
    }

    fn word(&mut self) -> Json {
        let number = self.below(1_000_000);
        Json::text(match self.below(6) {
            0 => format!("ägent {number}"),
            1 => format!("a rather long name that goes past sixteen bytes {number}"),
            2 => format!("\"quoted\" \\ \u{1} \u{1f600} {number}"),
            3 => "x".repeat(1 + self.below(256)),
            _ => format!("a-{number}"),
        })
    }

    fn message(&mut self) -> Json {
        let most = if self.one_in(20) { 16_384 } else { 100 };
        let length = self.below(most + 1);
        Json::text(match self.below(3) {
            0 => "é\n".repeat(length / 3),
            _ => "why? ".chars().cycle().take(length).collect::<String>(),
        })
    }

    fn time(&mut self) -> Json {
        let (month, day, hour, minute) =
            (1 + self.below(12), 1 + self.below(28), self.below(24), self.below(60));
        let date = format!("{:04}-{month:02}-{day:02}", 1970 + self.below(80));
        Json::text(match self.below(5) {
            0 => format!("{date}T{hour:02}:{minute:02}:07Z"),
            1 => format!("{date}t{hour:02}:{minute:02}:60.123456z"),
            2 => format!("{date}T{hour:02}:{minute:02}:59.9+{:02}:{:02}", self.below(24), self.below(60)),
            _ => format!("{date}T{hour:02}:{minute:02}:31.{:03}Z", self.below(1_000)),
        })
    }

    fn conversation(&mut self) -> Json {
        Json::text(self.pick(&["0123456789ABC.1", "FZZZZZZZZZZZZ~3.42", "0000000000000.4294967295"]))
    }

    fn any_integer(&mut self) -> Json {
        Json::Raw(match self.below(5) {
            0 => self.pick(&["0", "-0", "9007199254740992", "-9007199254740992"]).to_owned(),
            _ => (self.bits() as i64 >> (11 + self.below(52))).to_string(),
        })
    }

    fn skills(&mut self) -> Json {
        let names = ["billing", "fraud", "a skill of more than sixteen bytes", "français", "x\ty", "z"];
        if self.one_in(30) {
            return Json::Map((0..80).map(|n| (format!("skill {n}"), Json::Raw("7".to_owned()))).collect());
        }
        let mut skills = Vec::new();
        for name in names {
            if self.one_in(3) {
                skills.push((name.to_owned(), Json::number(1 + self.below(10) as i64)));
            }
        }
        Json::Map(skills)
    }

    fn some_of(&mut self, names: &[&str], below: usize) -> Json {
        let mut entries = Vec::new();
        for name in names {
            if self.one_in(2) {
                entries.push(((*name).to_owned(), Json::number(self.below(below) as i64)));
            }
        }
        Json::Map(entries)
    }

    fn agent_queues(&mut self, division: usize) -> Json {
        let own = if division == 0 { &QUEUES[..3] } else { &QUEUES[3..] };
        let mut entries = Vec::new();
        for name in own {
            let mut members = Vec::new();
            if self.one_in(2) {
                members.push(("rank".to_owned(), Json::number(1 + self.below(1_000_000) as i64)));
            }
            if self.one_in(2) {
                members.push(("delay_s".to_owned(), Json::number(self.below(31_536_001) as i64)));
            }
            if self.one_in(6) {
                self.add_unknown(&mut members);
            }
            if self.one_in(2) {
                entries.push(((*name).to_owned(), Json::Map(members)));
            }
        }
        Json::Map(entries)
    }

    fn identifiers(&mut self, least: usize) -> Vec<(String, Json)> {
        let mut kinds = KINDS.to_vec();
        let mut entries = Vec::new();
        let mut values = 0;
        while values < least || (!kinds.is_empty() && values < 10 && self.one_in(2)) {
            let kind = kinds.remove(self.below(kinds.len()));
            let many = if self.one_in(4) { 1 + self.below(3) } else { 1 };
            values += many;
            let mut list: Vec<Json> = (0..many).map(|_| Json::text(self.identifier(kind))).collect();
            let value = if many == 1 && !self.one_in(5) { list.remove(0) } else { Json::List(list) };
            entries.push((kind.to_owned(), value));
        }
        entries
    }

    fn identifier(&mut self, kind: &str) -> String {
        let number = self.below(100_000);
        if self.one_in(10) {
            return self.pick(&["0", "000-0", "-1", " NULL ", "Anonymous", "Straße", "guest"]).to_owned();
        }
        match kind {
            "email" => match self.below(6) {
                0 => format!(" Some.Body+{number}@GMail.com "),
                1 => format!("Ärger{number}@exämple.org"),
                2 => format!("e\u{301}{number}@x.org"),
                3 => format!("odd@local{number}@host"),
                4 => "Test@Test.com".to_owned(),
                _ => format!("user{number}@example.com"),
            },
            "phone" => match self.below(6) {
                0 => format!("+1 (555) 01{number:05}"),
                1 => format!("030 12{number:05}"),
                2 => format!("\u{a0}+49.30.{number:08}"),
                3 => "+15550000000".to_owned(),
                _ => format!("+4930{number:08}"),
            },
            "twitter" => match self.below(4) {
                0 => format!("@Some_Body{number}"),
                1 => format!("@@x{number}"),
                2 => format!(" @MÜLLER{number}\u{2003}"),
                _ => format!("nick{number}"),
            },
            _ => match self.below(3) {
                0 => format!(" C-{number}\t"),
                1 => format!("ключ {number}"),
                _ => format!("{number:010X}"),
            },
        }
    }

    fn add_unknown(&mut self, members: &mut Vec<(String, Json)>) {
        let names =
            ["extra", "", "datacontenttype", "channels", "frøm", "a very long member name, unknown to all"];
        for _ in 0..1 + self.below(2) {
            let value = self.anything(3);
            members.push((self.pick(&names).to_owned(), value));
        }
    }

    /// Any JSON at all.
    fn anything(&mut self, depth: usize) -> Json {
        match self.below(if depth == 0 { 4 } else { 6 }) {
            0 => Json::Raw(self.pick(&["null", "true", "false"]).to_owned()),
            1 => Json::Raw(
                self.pick(&["0", "-0.0", "1e3", "12.5E-7", "-9", "1E+2", "123456789012345678901"]).to_owned(),
            ),
            2 => self.word(),
            3 => Json::text(""),
            4 => Json::List((0..self.below(3)).map(|_| self.anything(depth - 1)).collect()),
            _ => Json::Map(
                (0..self.below(3)).map(|n| (format!("m{}", n % 2), self.anything(depth - 1))).collect(),
            ),
        }
    }

    fn shuffle<T>(&mut self, list: &mut [T]) {
        for at in (1..list.len()).rev() {
            let other = self.below(at + 1);
            list.swap(at, other);
        }
    }

    /// Makes one thing wrong (or merely odd) somewhere in the tree.
    fn spoil(&mut self, json: &mut Json) {
        let spoils_here = self.one_in(4);
        match json {
            Json::Map(members) if !members.is_empty() && !spoils_here => {
                let at = self.below(members.len());
                self.spoil(&mut members[at].1);
            }
            Json::List(values) if !values.is_empty() && !spoils_here => {
                let at = self.below(values.len());
                self.spoil(&mut values[at]);
            }
            Json::Map(members) => self.spoil_map(members),
            _ => *json = self.odd(),
        }
    }

    fn spoil_map(&mut self, members: &mut Vec<(String, Json)>) {
        if members.is_empty() {
            let value = self.anything(1);
            return members.push((self.pick(&["voice", "phone", "rank", "billing"]).to_owned(), value));
        }
        let at = self.below(members.len());
        match self.below(6) {
            0 | 1 => {
                members.remove(at);
            }
            2 => {
                let twin = members[at].clone();
                let to = self.below(members.len() + 1);
                members.insert(to, twin);
            }
            3 => {
                members[at].0 =
                    self.pick(&["", "type", "channel", "from", "voice", "phone", "nope"]).to_owned()
            }
            4 => members[at].0 = "n".repeat(250 + self.below(10)),
            _ => members[at].1 = self.odd(),
        }
    }

    /// Values that are often wrong where they stand.
    fn odd(&mut self) -> Json {
        let numbers = [
            "1.0",
            "1e3",
            "-0",
            "01",
            "-",
            "9007199254740993",
            "-9007199254740993",
            "99999999999999999999",
            "0.",
            "11",
            "-101",
            "101",
            "1000001",
            "31536001",
            "+1",
            "NaN",
            "0",
            "1E400",
        ];
        let texts = [
            "",
            " ",
            "@",
            "nobody",
            "+",
            "+1",
            "+0123456789",
            "x@",
            "@y",
            "a b@c",
            "+tag@gmail.com",
            "...@gmail.com",
            "1.1",
            "0123456789abc.1",
            "trunkline.contact.receive",
            "trunkline.rules.changed",
            "contact.received",
            "2026-02-30T00:00:00Z",
            "2026-02-03 00:00:00Z",
            "voice",
            "billing",
            "sales",
            "east",
            "phone",
            "1.0",
        ];
        match self.below(9) {
            8 => Json::Map(vec![("cookie".to_owned(), Json::List(vec![self.word(); 15 + self.below(4)]))]),
            0 | 1 => Json::Raw(self.pick(&numbers).to_owned()),
            2..=4 => Json::text(self.pick(&texts)),
            5 => Json::text("y".repeat([255, 256, 257, 16_384, 16_385, 70_000][self.below(6)])),
            6 => {
                let depth = 10 + self.below(10);
                (0..depth).fold(Json::number(1), |inner, _| Json::List(vec![inner]))
            }
            _ => self.anything(2),
        }
    }

    fn damage(&mut self, bytes: &mut Vec<u8>) {
        let at = self.below(bytes.len());
        match self.below(6) {
            0 => bytes[at] ^= 1 << self.below(8),
            1 => bytes.truncate(at),
            2 => bytes.insert(at, b"\"\\{}[],:0x\0 \xff\xc3\n"[self.below(15)]),
            3 => {
                bytes.remove(at);
            }
            4 => bytes.extend_from_slice([&b" "[..], b"}", b"{}", b"\n", b"\0", b"\n{}"][self.below(6)]),
            _ => {
                let to = (at + self.below(20)).min(bytes.len());
                let piece = bytes[at..to].to_vec();
                let into = self.below(bytes.len());
                bytes.splice(into..into, piece);
            }
        }
    }

    /// Writes a tree, now and then in an unusual notation.
    pub fn write(&mut self, json: &Json) -> Vec<u8> {
        let style = Style { escapes: self.one_in(4), space: self.one_in(6) };
        let mut out = Vec::new();
        self.write_value(json, style, &mut out);
        out
    }

    fn write_value(&mut self, json: &Json, style: Style, out: &mut Vec<u8>) {
        self.space(style, out);
        match json {
            Json::Raw(raw) => out.extend_from_slice(raw.as_bytes()),
            Json::Text(text) => self.write_text(text, style, out),
            Json::List(values) => {
                out.push(b'[');
                for (at, value) in values.iter().enumerate() {
                    if at > 0 {
                        out.push(b',');
                    }
                    self.write_value(value, style, out);
                }
                out.push(b']');
            }
            Json::Map(members) => {
                out.push(b'{');
                for (at, (name, value)) in members.iter().enumerate() {
                    if at > 0 {
                        out.push(b',');
                    }
                    self.space(style, out);
                    self.write_text(name, style, out);
                    self.space(style, out);
                    out.push(b':');
                    self.write_value(value, style, out);
                }
                out.push(b'}');
            }
        }
        self.space(style, out);
    }

    fn space(&mut self, style: Style, out: &mut Vec<u8>) {
        if style.space && self.one_in(3) {
            // No line end: before a brace it would make the record a packed one.
            out.extend_from_slice([&b" "[..], b"\t", b" \r "][self.below(3)]);
        }
    }

    fn write_text(&mut self, text: &str, style: Style, out: &mut Vec<u8>) {
        out.push(b'"');
        for character in text.chars() {
            let escape = style.escapes && self.one_in(5);
            match character {
                '"' | '\\' => out.extend_from_slice(format!("\\{character}").as_bytes()),
                '\n' if !escape => out.extend_from_slice(b"\\n"),
                '\t' if !escape => out.extend_from_slice(b"\\t"),
                '/' if escape => out.extend_from_slice(b"\\/"),
                _ if escape || character < ' ' => {
                    for unit in character.encode_utf16(&mut [0; 2]) {
                        out.extend_from_slice(format!("\\u{unit:04X}").as_bytes());
                    }
                }
                _ => out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        out.push(b'"');
    }
}

#[derive(Copy, Clone)]
struct Style {
    escapes: bool,
    space: bool,
}
