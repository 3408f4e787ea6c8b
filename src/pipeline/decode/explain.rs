//! Why an event is refused. A second, careful pass over the whole event: it is read into a tree, then everything
//! that may be wrong is looked at in the order of the bytes, and the fault that comes first in the order of the
//! reasons is kept. Only refused events come here, so this file is plain rather than quick; it shares with the fast
//! pass the tables, the cursor's grammar and the normal forms.

use super::cursor::{Cursor, Text, unescape};
use super::cursor::{INTEGER_MAX, PADDING};
use super::data::{BUDGET_MAX, CAPACITY_MAX, DELAY_S_MAX, LEVEL_MAX, RANK_MAX};
use super::identifier::Normal;
use super::members::{Member, Need, Shape};
use super::split::is_json;
use super::tables::{Memory, Tables};
use crate::types::event::TYPE_PREFIX;
use crate::types::record::BinaryHeaders;
use crate::types::{AgentPresence, ConversationId, DivisionId, EventType, KindId, RejectReason};

/// A JSON value.
pub(super) enum Node {
    Null,
    Bool,
    /// As it stands in the bytes.
    Number(String),
    Text(String),
    Array(Vec<Node>),
    Object(Vec<(String, Node)>),
    /// A container below the permitted depth; not looked into.
    Deep,
}

type Members = [(String, Node)];

/// What the record says of the event besides its bytes.
#[derive(Copy, Clone)]
pub struct Around<'a> {
    /// No record timestamp stands in for `time`.
    pub needs_time: bool,
    /// Bit `EventType as u8`: permitted types.
    pub allowed: u32,
    /// The headers in binary mode, where the bytes are `data`.
    pub binary: Option<&'a BinaryHeaders<'a>>,
}

/// The reason why the event is refused, and the member concerned; `None`: it is not.
pub fn explain(
    tables: &Tables,
    memory: &mut Memory,
    event: &[u8],
    around: Around<'_>,
) -> Option<(RejectReason, String)> {
    let reason = |reason| Some((reason, String::new()));
    if event.len() > tables.limits.event_bytes_of(around.allowed) {
        return reason(RejectReason::TooLarge);
    }
    let headers = around.binary.map(header_members);
    if std::str::from_utf8(event).is_err() || matches!(headers, Some(None)) {
        return reason(RejectReason::InvalidUtf8);
    }
    let mut padded = event.to_vec();
    padded.resize(event.len() + PADDING, 0);
    if !is_json(&padded, 0..event.len()) {
        return reason(RejectReason::InvalidJson);
    }
    let mut tree = Tree { src: &padded, cursor: Cursor::new(&padded, 0), deep: false };
    let in_event = headers.is_some();
    let node = tree.node(if in_event { tables.limits.depth - 1 } else { tables.limits.depth });
    let deep = tree.deep;
    let members = match (node, headers.flatten()) {
        (Node::Object(members), None) => Some(members),
        (data @ Node::Object(_), Some(mut members)) => {
            members.push(("data".to_owned(), data));
            Some(members)
        }
        _ => None,
    };
    let mut check = Check { tables, memory, text_bytes: tables.limits.text_bytes, worst: None };
    if deep {
        check.fault(RejectReason::TooDeep, String::new());
    }
    match &members {
        Some(members) => check.envelope(members, around),
        None => check.fault(RejectReason::NotAnObject, String::new()),
    }
    check.worst
}

/// The headers as envelope members; `None` if one is not UTF-8.
fn header_members(headers: &BinaryHeaders<'_>) -> Option<Vec<(String, Node)>> {
    let named = [
        ("specversion", Some(headers.specversion)),
        ("id", headers.id),
        ("source", headers.source),
        ("type", headers.event_type),
        ("time", headers.time),
        ("traceparent", headers.traceparent),
    ];
    let present = named.into_iter().filter_map(|(name, value)| Some((name, value?)));
    present
        .map(|(name, value)| {
            let text = std::str::from_utf8(value).ok()?;
            Some((name.to_owned(), Node::Text(text.to_owned())))
        })
        .collect()
}

/// Reads bytes that are known to be JSON.
struct Tree<'a> {
    src: &'a [u8],
    cursor: Cursor<'a>,
    deep: bool,
}

/// What holds once the grammar has been checked.
const CHECKED: &str = "the grammar has been checked";

impl Tree<'_> {
    /// The next value, with at most `room` containers in each other.
    fn node(&mut self, room: u32) -> Node {
        let first = self.cursor.token().expect(CHECKED);
        match first {
            b'{' | b'[' if room == 0 => {
                self.deep = true;
                self.pass_container();
                Node::Deep
            }
            b'{' => Node::Object(self.object(room - 1)),
            b'[' => Node::Array(self.array(room - 1)),
            b'"' => Node::Text(self.text()),
            _ => {
                let start = self.cursor.at;
                self.cursor.skip(0).expect(CHECKED);
                match first {
                    b'n' => Node::Null,
                    b't' | b'f' => Node::Bool,
                    _ => Node::Number(String::from_utf8_lossy(&self.src[start..self.cursor.at]).into_owned()),
                }
            }
        }
    }

    fn object(&mut self, room: u32) -> Vec<(String, Node)> {
        let mut members = Vec::new();
        self.cursor.at += 1;
        while self.cursor.token() != Some(b'}') {
            if !members.is_empty() {
                self.cursor.expect(b',').expect(CHECKED);
            }
            let name = self.text();
            self.cursor.expect(b':').expect(CHECKED);
            members.push((name, self.node(room)));
        }
        self.cursor.at += 1;
        members
    }

    fn array(&mut self, room: u32) -> Vec<Node> {
        let mut values = Vec::new();
        self.cursor.at += 1;
        while self.cursor.token() != Some(b']') {
            if !values.is_empty() {
                self.cursor.expect(b',').expect(CHECKED);
            }
            values.push(self.node(room));
        }
        self.cursor.at += 1;
        values
    }

    fn text(&mut self) -> String {
        let Text { start, end, .. } = self.cursor.quoted().expect(CHECKED);
        let mut bytes = Vec::new();
        unescape(&self.src[start..end], &mut bytes);
        String::from_utf8(bytes).expect("the event is UTF-8")
    }

    /// Passes a container by counting brackets outside strings.
    fn pass_container(&mut self) {
        let mut open = 0;
        loop {
            match self.cursor.token().expect(CHECKED) {
                b'"' => {
                    self.cursor.quoted().expect(CHECKED);
                    continue;
                }
                b'{' | b'[' => open += 1,
                b'}' | b']' => open -= 1,
                _ => {}
            }
            self.cursor.at += 1;
            if open == 0 {
                return;
            }
        }
    }
}

/// Collects the fault that counts.
struct Check<'a> {
    tables: &'a Tables,
    memory: &'a mut Memory,
    /// Most bytes of `text`.
    text_bytes: usize,
    worst: Option<(RejectReason, String)>,
}

const ENVELOPE: [&str; 7] = ["specversion", "id", "source", "type", "time", "data", "traceparent"];

fn find<'n>(members: &'n Members, name: &str) -> Option<&'n Node> {
    members.iter().find(|(other, _)| other == name).map(|(_, node)| node)
}

fn event_type(members: &Members) -> Option<EventType> {
    let Some(Node::Text(text)) = find(members, "type") else { return None };
    let name = text.strip_prefix(TYPE_PREFIX)?;
    EventType::ALL.iter().copied().find(|t| t.name() == name)
}

impl Check<'_> {
    /// Of faults of one reason the first counts.
    fn fault(&mut self, reason: RejectReason, detail: String) {
        if self.worst.as_ref().is_none_or(|(worst, _)| reason < *worst) {
            self.worst = Some((reason, detail));
        }
    }

    fn envelope(&mut self, members: &Members, around: Around<'_>) {
        let event_type = event_type(members);
        if event_type == Some(EventType::RulesChanged) {
            self.text_bytes = usize::MAX;
        }
        let shape = event_type.map(Shape::of);
        if !matches!(find(members, "specversion"), Some(Node::Text(version)) if version == "1.0") {
            self.fault(RejectReason::NotCloudEvents, "specversion".to_owned());
        }
        self.missing(members, shape.as_ref(), around.needs_time);
        for (place, (name, value)) in members.iter().enumerate() {
            if !ENVELOPE.contains(&name.as_str()) {
                continue;
            }
            self.twice(&members[..place], name, "");
            match (name.as_str(), value) {
                ("specversion", _) => {}
                ("data", Node::Object(data)) => {
                    if let Some(shape) = &shape {
                        self.data(data, shape);
                    }
                }
                ("data", Node::Deep) => {}
                ("id" | "source", Node::Text(text)) => self.length(text, name.clone()),
                ("time", Node::Text(text)) => self.time(text, "time"),
                ("traceparent", Node::Text(_)) => {}
                ("type", Node::Text(_)) => match event_type {
                    None => self.fault(RejectReason::UnknownType, "type".to_owned()),
                    Some(known) if around.allowed >> known as u8 & 1 == 0 => {
                        self.fault(RejectReason::TypeNotAllowed, "type".to_owned());
                    }
                    Some(_) => {}
                },
                _ => self.fault(RejectReason::WrongType, name.clone()),
            }
        }
    }

    /// The first member that is missing, in the order of the specification.
    fn missing(&mut self, members: &Members, shape: Option<&Shape>, needs_time: bool) {
        let envelope = ["id", "source", "type", "time", "data"];
        let absent = |name: &&&str| (**name != "time" || needs_time) && find(members, name).is_none();
        if let Some(name) = envelope.iter().find(absent) {
            return self.fault(RejectReason::MissingMember, (*name).to_owned());
        }
        let (Some(shape), Some(Node::Object(data))) = (shape, find(members, "data")) else { return };
        let has = |member: Member| find(data, member.name()).is_some();
        let empty = |member: Member| {
            matches!(member, Member::From | Member::Identifier)
                && shape.has(member)
                && values(find(data, member.name())).is_some_and(|n| n < shape.values_min)
        };
        for need in shape.needs {
            let missing = match need {
                Need::One(member) => (!has(*member) || empty(*member)).then_some(*member),
                Need::Whose if !has(Member::Conversation) && !has(Member::From) => Some(Member::Conversation),
                Need::Whose => empty(Member::From).then_some(Member::From),
            };
            if let Some(member) = missing {
                return self.fault(RejectReason::MissingMember, path(member));
            }
        }
        if empty(Member::From) {
            self.fault(RejectReason::MissingMember, path(Member::From));
        }
    }

    fn data(&mut self, data: &Members, shape: &Shape) {
        let division = match find(data, Member::Division.name()) {
            Some(Node::Text(name)) => self.tables.rules.division(name),
            _ => None,
        };
        for (place, (name, value)) in data.iter().enumerate() {
            let member = Member::ALL.iter().copied().find(|m| m.name() == name && shape.has(*m));
            if let Some(member) = member {
                self.twice(&data[..place], name, "data.");
                self.member(member, value, division);
            }
        }
    }

    fn twice(&mut self, before: &Members, name: &str, prefix: &str) {
        if find(before, name).is_some() {
            self.fault(RejectReason::DuplicateMember, format!("{prefix}{name}"));
        }
    }

    fn member(&mut self, member: Member, value: &Node, division: Option<DivisionId>) {
        let rules = &self.tables.rules;
        let path = path(member);
        match (member, value) {
            (_, Node::Deep) => {}
            (Member::Channel, Node::Text(name)) if rules.channel(name).is_none() => {
                self.fault(RejectReason::UnknownChannel, path);
            }
            (Member::Queue, Node::Text(name)) if rules.queue(name).is_none() => {
                self.fault(RejectReason::UnknownQueue, path);
            }
            (Member::Division, Node::Text(name)) if rules.division(name).is_none() => {
                self.fault(RejectReason::UnknownDivision, path);
            }
            (Member::Channel | Member::Queue | Member::Division, Node::Text(_)) => {}
            (Member::Conversation, Node::Text(id)) => {
                if ConversationId::parse(id.as_bytes()).is_none() {
                    self.fault(RejectReason::BadConversation, path);
                }
            }
            (Member::Text, Node::Text(text)) => {
                if text.len() > self.text_bytes {
                    self.fault(RejectReason::TooLarge, path);
                }
            }
            (Member::State, Node::Text(word)) => {
                if !AgentPresence::ALL.iter().any(|state| state.word() == word) {
                    self.fault(RejectReason::OutOfRange, path);
                }
            }
            (Member::Due, Node::Text(text)) => self.time(text, &path),
            (
                Member::Thread
                | Member::Lang
                | Member::Intent
                | Member::Tier
                | Member::Agent
                | Member::PreferredAgent
                | Member::Outcome
                | Member::Reason,
                Node::Text(name),
            ) => self.length(name, path),
            (Member::Value | Member::Reach | Member::LifetimeValue, Node::Number(_)) => {
                self.integer(value, -INTEGER_MAX, INTEGER_MAX, path);
            }
            (Member::Sentiment, Node::Number(_)) => self.integer(value, -100, 100, path),
            (Member::Budget, Node::Number(_)) => self.integer(value, 0, BUDGET_MAX, path),
            (Member::Public | Member::Blocked | Member::Automated | Member::Requeue, Node::Bool) => {}
            (Member::From | Member::Identifier, Node::Object(kinds)) => self.identifiers(kinds, &path),
            (Member::Langs, Node::Array(langs)) => self.langs(langs, &path),
            (Member::Skills | Member::Capacity | Member::Queues, Node::Object(entries)) => {
                self.entries(member, entries, division, &path);
            }
            _ => self.fault(RejectReason::WrongType, path),
        }
    }

    fn entries(&mut self, member: Member, entries: &Members, division: Option<DivisionId>, path: &str) {
        let rules = &self.tables.rules;
        for (place, (name, value)) in entries.iter().enumerate() {
            let detail = format!("{path}.{name}");
            self.twice(&entries[..place], name, &format!("{path}."));
            match member {
                Member::Skills => {
                    self.length(name, detail.clone());
                    self.integer(value, 1, LEVEL_MAX, detail);
                }
                Member::Capacity => {
                    if rules.channel(name).is_none() {
                        self.fault(RejectReason::UnknownChannel, detail.clone());
                    }
                    self.integer(value, 0, CAPACITY_MAX, detail);
                }
                _ => {
                    let queue = rules.queue(name).map(|queue| rules.queues[queue.at()].division);
                    if queue.is_none() || division.is_some_and(|own| queue != Some(own)) {
                        self.fault(RejectReason::UnknownQueue, detail.clone());
                    }
                    self.agent_queue(value, &detail);
                }
            }
        }
    }

    fn agent_queue(&mut self, value: &Node, path: &str) {
        let members = match value {
            Node::Object(members) => members,
            Node::Deep => return,
            _ => return self.fault(RejectReason::WrongType, path.to_owned()),
        };
        for (place, (name, value)) in members.iter().enumerate() {
            let (least, most) = match name.as_str() {
                "rank" => (1, RANK_MAX),
                "delay_s" => (0, DELAY_S_MAX),
                _ => continue,
            };
            self.twice(&members[..place], name, &format!("{path}."));
            self.integer(value, least, most, format!("{path}.{name}"));
        }
    }

    fn identifiers(&mut self, kinds: &Members, path: &str) {
        let mut count = 0;
        for (place, (name, value)) in kinds.iter().enumerate() {
            let detail = format!("{path}.{name}");
            self.twice(&kinds[..place], name, &format!("{path}."));
            let kind = self.tables.rules.kind(name);
            if kind.is_none() {
                self.fault(RejectReason::UnknownKind, detail.clone());
            }
            let values = match value {
                Node::Array(values) => values.as_slice(),
                single => std::slice::from_ref(single),
            };
            count += values.len();
            for value in values {
                self.identifier(kind, value, &detail);
            }
        }
        if count > self.tables.limits.identifiers {
            self.fault(RejectReason::TooManyIdentifiers, path.to_owned());
        }
    }

    fn identifier(&mut self, kind: Option<KindId>, value: &Node, path: &str) {
        match (kind, value) {
            (_, Node::Deep) => {}
            (Some(kind), Node::Text(text)) => {
                if self.memory.normaliser.normalise(kind, text.as_bytes()) == Normal::Bad {
                    self.fault(RejectReason::BadIdentifier, path.to_owned());
                }
            }
            (None, Node::Text(_)) => {}
            _ => self.fault(RejectReason::WrongType, path.to_owned()),
        }
    }

    fn langs(&mut self, langs: &[Node], path: &str) {
        for lang in langs {
            match lang {
                Node::Text(name) => self.length(name, path.to_owned()),
                Node::Deep => {}
                _ => self.fault(RejectReason::WrongType, path.to_owned()),
            }
        }
    }

    fn length(&mut self, name: &str, path: String) {
        if name.is_empty() || name.len() > self.tables.limits.name_bytes {
            self.fault(RejectReason::OutOfRange, path);
        }
    }

    fn time(&mut self, text: &str, path: &str) {
        if self.memory.dates.parse(text.as_bytes()).is_none() {
            self.fault(RejectReason::BadTime, path.to_owned());
        }
    }

    fn integer(&mut self, value: &Node, least: i64, most: i64, path: String) {
        match value {
            Node::Deep => {}
            Node::Number(text) if !text.contains(['.', 'e', 'E']) => {
                if !text.parse().is_ok_and(|number: i64| (least..=most).contains(&number)) {
                    self.fault(RejectReason::OutOfRange, path);
                }
            }
            _ => self.fault(RejectReason::WrongType, path),
        }
    }
}

fn path(member: Member) -> String {
    format!("data.{}", member.name())
}

/// How many values a `from` or `identifier` has, whatever they are; `None`: not a map, or absent.
fn values(node: Option<&Node>) -> Option<usize> {
    let Some(Node::Object(kinds)) = node else { return None };
    let of = |value: &Node| if let Node::Array(values) = value { values.len() } else { 1 };
    Some(kinds.iter().map(|(_, value)| of(value)).sum())
}
