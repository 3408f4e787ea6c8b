//! The members of `data`: which type knows which, which it requires, and what each must be. The table is that of the
//! specification, line by line; a member of the same name means the same in every type.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::value::RawValue;

use super::Reader;
use crate::model::event::{AgentQueue, Identifier, Tier};
use crate::model::json::{self, Shape};
use crate::model::normalise::{Normal, normalise};
use crate::model::terms;
use crate::rules::language;
use crate::types::{
    AgentPresence, ConversationId, DivisionId, DurationMs, EventType, KindId, QueueId, RejectReason,
};

/// Integers that any JSON reader keeps exactly.
const EXACT: std::ops::RangeInclusive<i64> = -(1 << 53)..=1 << 53;

/// What events that look for a conversation by `from` may add to narrow the search.
const NARROWING: [&str; 3] = ["thread", "queue", "channel"];

/// What a type requires (of each group at least one), and what else it knows, `NARROWING` apart.
#[rustfmt::skip]
pub(super) fn table(event_type: EventType) -> (&'static [&'static [&'static str]], &'static [&'static str]) {
    use EventType::*;
    match event_type {
        ContactReceived => (&[&["channel"], &["from"]], &[
            "queue", "thread", "conversation", "text", "lang", "intent", "skills", "value", "reach", "sentiment",
            "public", "preferred_agent",
        ]),
        ContactAbandoned => (&[&["conversation", "from"]], &["channel", "thread"]),
        CallbackRequested => (&[&["from"], &["channel"], &["due"]], &["queue", "conversation", "value", "skills"]),
        CustomerUpdated => (&[&["from"]], &["tier", "lifetime_value", "lang", "preferred_agent", "blocked"]),
        IdentityLinked => (&[&["from"]], &[]),
        IdentityUnlinked => (&[&["identifier"]], &[]),
        CustomerErased => (&[&["from"]], &[]),
        AgentUpdated => (&[&["agent"], &["division"], &["capacity"], &["skills"]], &["budget", "langs", "queues"]),
        AgentState => (&[&["agent"], &["division"], &["state"]], &["reason", "requeue"]),
        OfferAccepted | OfferDeclined => (&[&["agent"], &["division"], &["conversation", "from"]], &[]),
        AgentWrapped => (&[&["agent"], &["division"]], &["conversation", "from"]),
        ConversationReplied => (&[&["conversation", "from"]], &["agent", "automated"]),
        ConversationHeld | ConversationResumed => (&[&["conversation", "from"]], &["reason"]),
        ConversationTransferred => (&[&["conversation", "from"]], &["queue", "agent", "skills"]),
        ConversationUpdated => (&[&["conversation", "from"]], &["value", "skills", "intent", "queue"]),
        ConversationAssigned => (&[&["conversation", "from"], &["agent"], &["division"]], &[]),
        ConversationResolved => (&[&["conversation", "from"]], &["agent", "outcome"]),
        RulesChanged => (&[&["text"]], &[]),
    }
}

/// Whether the type knows the member.
pub(super) fn knows(event_type: EventType, name: &str) -> bool {
    let (required, optional) = table(event_type);
    let looks_up = required.contains(&["conversation", "from"].as_slice());
    optional.contains(&name)
        || required.iter().any(|group| group.contains(&name))
        || (looks_up && NARROWING.contains(&name))
}

impl Reader<'_> {
    /// Checks and keeps the members of `data`; returns the names of those that the type knows and that are there.
    pub(super) fn data(
        &mut self,
        event_type: EventType,
        members: &[(String, &RawValue)],
    ) -> BTreeSet<String> {
        let mut seen = BTreeSet::new();
        let division = members.iter().find(|(name, _)| name == "division").and_then(|(_, raw)| {
            let Shape::Text(text) = json::shape(raw) else { return None };
            self.rules.division(&text)
        });
        for (name, raw) in members {
            if !knows(event_type, name) {
                continue;
            }
            let path = format!("data.{name}");
            if !seen.insert(name.clone()) {
                self.fail(RejectReason::DuplicateMember, &path);
            }
            if name == "queues" {
                self.event.queues = self.queues(&path, raw, division);
            } else {
                self.member(&path, name, raw);
            }
        }
        match (event_type, self.text.take()) {
            (EventType::ContactReceived, Some(text)) => {
                self.event.hits = terms::hits(&text, self.rules);
                if self.rules.asks_for_language() && self.event.lang.is_none() {
                    self.event.detected = language::detect(&text).map(str::to_owned);
                }
            }
            (_, text) => self.event.text = text,
        }
        seen
    }

    /// Notes what is missing, in the order of the table.
    pub(super) fn check_required(&mut self, event_type: EventType, seen: &BTreeSet<String>) {
        let (required, optional) = table(event_type);
        let least = if event_type == EventType::IdentityLinked { 2 } else { 1 };
        let too_few = self.identifiers_named.is_some_and(|named| named < least);
        let holds_identifiers = |group: &[&str]| group.contains(&"from") || group.contains(&"identifier");
        for group in required {
            if !group.iter().any(|name| seen.contains(*name)) {
                self.fail(RejectReason::MissingMember, &format!("data.{}", group[0]));
            } else if too_few && holds_identifiers(group) {
                let name = if group.contains(&"from") { "from" } else { "identifier" };
                self.fail(RejectReason::MissingMember, &format!("data.{name}"));
            }
        }
        if too_few && holds_identifiers(optional) {
            self.fail(RejectReason::MissingMember, "data.from");
        }
    }

    fn member(&mut self, path: &str, name: &str, raw: &RawValue) {
        match name {
            "conversation" => self.conversation(path, raw),
            "from" => {
                self.event.has_from = true;
                self.identifiers(path, raw);
            }
            "identifier" => self.identifiers(path, raw),
            "channel" => {
                let text = self.text(path, raw);
                self.event.channel = text.and_then(|text| {
                    let channel = self.rules.channel(&text);
                    self.known(channel, RejectReason::UnknownChannel, path)
                });
            }
            "queue" => {
                let text = self.text(path, raw);
                self.event.queue = text.and_then(|text| {
                    let queue = self.rules.queue(&text);
                    self.known(queue, RejectReason::UnknownQueue, path)
                });
            }
            "division" => {
                let text = self.text(path, raw);
                self.event.division = text.and_then(|text| {
                    let division = self.rules.division(&text);
                    self.known(division, RejectReason::UnknownDivision, path)
                });
            }
            "thread" => self.event.thread = self.name(path, raw),
            "agent" => self.event.agent = self.name(path, raw),
            "preferred_agent" => self.event.preferred_agent = self.name(path, raw),
            "outcome" => self.event.outcome = self.name(path, raw),
            "reason" => {
                self.name(path, raw);
            }
            "lang" => self.event.lang = self.name(path, raw).map(|lang| lang.to_lowercase()),
            "intent" => {
                let intent = self.name(path, raw);
                self.event.intent = intent.and_then(|intent| place(&self.rules.intents, &intent));
            }
            "tier" => {
                let tier = self.name(path, raw);
                self.event.tier =
                    tier.map(|tier| place(&self.rules.tiers, &tier).map_or(Tier::Unknown, Tier::Known));
            }
            "text" => {
                let text = self.text(path, raw);
                if text.as_ref().is_some_and(|text| text.len() > self.text_bytes) {
                    self.fail(RejectReason::TooLarge, path);
                }
                self.text = text;
            }
            "value" => self.event.value = self.integer(path, raw, EXACT),
            "reach" => self.event.reach = self.integer(path, raw, EXACT),
            "lifetime_value" => self.event.lifetime_value = self.integer(path, raw, EXACT),
            "sentiment" => self.event.sentiment = self.integer(path, raw, -100..=100),
            "budget" => self.event.budget = self.integer(path, raw, 0..=1_000_000).map(|n| n as u32),
            "public" => self.event.public = self.boolean(path, raw),
            "blocked" => self.event.blocked = self.boolean(path, raw),
            "automated" => self.event.automated = self.boolean(path, raw).unwrap_or_default(),
            "requeue" => self.event.requeue = self.boolean(path, raw).unwrap_or_default(),
            "state" => self.presence(path, raw),
            "due" => self.event.due = self.time(path, raw),
            "skills" => self.event.skills = self.skills(path, raw),
            "langs" => self.langs(path, raw),
            "capacity" => self.capacity(path, raw),
            _ => unreachable!("a member of the table that nobody reads: {name}"),
        }
    }

    fn known<T>(&mut self, found: Option<T>, reason: RejectReason, path: &str) -> Option<T> {
        if found.is_none() {
            self.fail(reason, path);
        }
        found
    }

    fn conversation(&mut self, path: &str, raw: &RawValue) {
        let Some(text) = self.text(path, raw) else { return };
        self.event.conversation = ConversationId::parse(text.as_bytes());
        if self.event.conversation.is_none() {
            self.fail(RejectReason::BadConversation, path);
        }
    }

    fn presence(&mut self, path: &str, raw: &RawValue) {
        let Some(text) = self.text(path, raw) else { return };
        self.event.presence = AgentPresence::ALL.into_iter().find(|state| state.word() == text);
        if self.event.presence.is_none() {
            self.fail(RejectReason::OutOfRange, path);
        }
    }

    /// `from` or `identifier`: kinds, each with one value or a list.
    fn identifiers(&mut self, path: &str, raw: &RawValue) {
        let Some(members) = self.object(path, raw) else { return };
        let mut named = 0;
        let mut seen = BTreeSet::new();
        for (name, raw) in &members {
            let path = format!("{path}.{name}");
            if !seen.insert(name) {
                self.fail(RejectReason::DuplicateMember, &path);
                continue;
            }
            let kind = self.rules.kind(name);
            if kind.is_none() {
                self.fail(RejectReason::UnknownKind, &path);
            }
            let values = match json::shape(raw) {
                Shape::Array(values) => values,
                _ => vec![*raw],
            };
            named += values.len();
            for value in values {
                self.identifier(&path, kind, value);
            }
        }
        if named > self.limits.identifiers {
            self.fail(RejectReason::TooManyIdentifiers, path);
        }
        self.identifiers_named = Some(named);
    }

    fn identifier(&mut self, path: &str, kind: Option<KindId>, raw: &RawValue) {
        let (Some(text), Some(kind)) = (self.text(path, raw), kind) else { return };
        match normalise(self.rules, kind, &text, self.limits.name_bytes) {
            Normal::Form(normal) => {
                let hash = self.keys.identifier(kind, normal.as_bytes());
                self.event.identifiers.push(Identifier { kind, hash });
            }
            Normal::Blocked => {}
            Normal::Bad => self.fail(RejectReason::BadIdentifier, path),
        }
    }

    fn skills(&mut self, path: &str, raw: &RawValue) -> Option<BTreeMap<String, u8>> {
        let members = self.object(path, raw)?;
        let mut skills = BTreeMap::new();
        let mut seen = BTreeSet::new();
        for (name, raw) in &members {
            let path = format!("{path}.{name}");
            if !seen.insert(name) {
                self.fail(RejectReason::DuplicateMember, &path);
                continue;
            }
            self.check_name(&path, name);
            if let Some(level) = self.integer(&path, raw, 1..=10) {
                skills.insert(name.clone(), level as u8);
            }
        }
        Some(skills)
    }

    fn langs(&mut self, path: &str, raw: &RawValue) {
        let Shape::Array(langs) = json::shape(raw) else {
            self.fail(RejectReason::WrongType, path);
            return;
        };
        for raw in langs {
            if let Some(lang) = self.name(path, raw) {
                self.event.langs.insert(lang.to_lowercase());
            }
        }
    }

    fn capacity(&mut self, path: &str, raw: &RawValue) {
        let Some(members) = self.object(path, raw) else { return };
        let mut seen = BTreeSet::new();
        for (name, raw) in &members {
            let path = format!("{path}.{name}");
            if !seen.insert(name) {
                self.fail(RejectReason::DuplicateMember, &path);
                continue;
            }
            let capacity = self.integer(&path, raw, 0..=1_000);
            let channel = self.rules.channel(name);
            let channel = self.known(channel, RejectReason::UnknownChannel, &path);
            if let (Some(channel), Some(capacity)) = (channel, capacity) {
                self.event.capacity.insert(channel, capacity as u32);
            }
        }
    }

    /// `queues` of an agent of `division`, if that is known.
    fn queues(
        &mut self,
        path: &str,
        raw: &RawValue,
        division: Option<DivisionId>,
    ) -> Option<BTreeMap<QueueId, AgentQueue>> {
        let members = self.object(path, raw)?;
        let mut queues = BTreeMap::new();
        let mut seen = BTreeSet::new();
        for (name, raw) in &members {
            let path = format!("{path}.{name}");
            if !seen.insert(name) {
                self.fail(RejectReason::DuplicateMember, &path);
                continue;
            }
            let queue = self.rules.queue(name).filter(|queue| {
                division.is_none_or(|division| self.rules.queues[queue.at()].division == division)
            });
            let queue = self.known(queue, RejectReason::UnknownQueue, &path);
            let entry = self.agent_queue(&path, raw);
            if let (Some(queue), Some(entry)) = (queue, entry) {
                queues.insert(queue, entry);
            }
        }
        Some(queues)
    }

    fn agent_queue(&mut self, path: &str, raw: &RawValue) -> Option<AgentQueue> {
        let members = self.object(path, raw)?;
        let mut entry = AgentQueue { rank: 1, delay: DurationMs::ZERO };
        let mut seen = BTreeSet::new();
        for (name, raw) in &members {
            if !matches!(name.as_str(), "rank" | "delay_s") {
                continue;
            }
            let path = format!("{path}.{name}");
            if !seen.insert(name) {
                self.fail(RejectReason::DuplicateMember, &path);
            } else if name == "rank" {
                entry.rank = self.integer(&path, raw, 1..=1_000_000).unwrap_or_default() as u32;
            } else {
                let seconds = self.integer(&path, raw, 0..=31_536_000).unwrap_or_default();
                entry.delay = DurationMs::seconds(seconds);
            }
        }
        Some(entry)
    }
}

/// Place of a name in a list of the rules.
fn place(names: &[String], name: &str) -> Option<u16> {
    names.iter().position(|known| known == name).map(|at| at as u16)
}
