//! The two decoders side by side: one input, what each makes of it, and whether that is the same.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::de::IgnoredAny;
use trunkline::model::decode::{Decoded, decode_record};
use trunkline::model::event::{self, Tier};
use trunkline::pipeline::decode::{Decoder, Limits};
use trunkline::rules::Rules;
use trunkline::rules::keys::{HashKey, Keys};
use trunkline::rules::terms::parse;
use trunkline::types::event::{Entry, Event, Events, Span};
use trunkline::types::record::Record;
use trunkline::types::{ConversationId, EventType, Millis, RejectReason};

use super::{SEARCHES, rules_with_terms};

/// The two decoders of one set of rules.
pub struct Both {
    pub rules: Arc<Rules>,
    keys: Keys,
    decoder: Decoder,
    /// What the pipeline made of the last record.
    pub events: Events,
    /// By the pipeline's number of a form: its term, and its place there.
    forms: Vec<(usize, usize)>,
}

impl Both {
    pub fn new(rules: Rules) -> Both {
        let keys = Keys::new(&HashKey::PUBLIC, &rules);
        let rules = Arc::new(rules);
        let decoder = Decoder::new(rules.clone(), keys.clone(), Limits::default());
        let terms = rules.terms.iter().enumerate();
        let forms = terms.flat_map(|(at, term)| (0..term.forms.len()).map(move |form| (at, form))).collect();
        Both { rules, keys, decoder, events: Events::default(), forms }
    }

    pub fn with_searches() -> Both {
        let parsed = SEARCHES.map(|(lang, text)| (lang, parse(text).expect("a search")));
        Both::new(rules_with_terms(&parsed))
    }

    /// Decodes a record both ways; how many events were taken.
    ///
    /// # Panics
    /// If one takes what the other refuses, names another reason, or reads another thing in it; or if what is taken is no
    /// JSON for `serde_json`. `seed` is how to come by the input again.
    pub fn judge(&mut self, value: &[u8], seed: u64) -> usize {
        let record = Record::kafka(0, 5, Millis(1_000), value);
        let expected = decode_record(&record, &self.rules, &self.keys, &Limits::default());
        self.decoder.decode(&[record], &mut self.events);
        let found = &self.events.entries;
        let agree = found.len() == expected.len()
            && found.iter().zip(&expected).all(|(entry, (_, decoded))| self.agrees(entry, decoded));
        let shown = || String::from_utf8_lossy(value);
        assert!(agree, "seed {seed}: {:#?}\nis not {expected:#?}\n{}", self.events, shown());
        if self.events.rejected.iter().any(is_about_members) || !self.events.rows.is_empty() {
            let is_packed = value.windows(2).any(|pair| pair == b"\n{");
            assert!(is_packed || is_json(value), "seed {seed}: serde_json refuses {}", shown());
        }
        self.events.rows.len()
    }

    /// Whether the pipeline says the same of an event as the model, member by member.
    fn agrees(&self, entry: &Entry, decoded: &Decoded) -> bool {
        match (entry, decoded) {
            (Entry::Event(at), Ok(event)) => {
                let row = &self.events.rows[*at as usize];
                self.keys_agree(row, event) && self.read(row, event) == *event
            }
            (Entry::Rejected(at), Err((reason, detail))) => {
                let rejected = &self.events.rejected[*at as usize];
                rejected.reason == *reason && rejected.detail == *detail
            }
            _ => false,
        }
    }

    /// Keyed hashes stand in a row where the model has texts.
    fn keys_agree(&self, row: &Event, event: &event::Event) -> bool {
        let key = |text: &Option<String>| text.as_ref().map_or(0, |text| self.keys.name(text.as_bytes()));
        let thread = event.thread.as_ref().map_or(0, |thread| self.keys.thread(thread.as_bytes()));
        let langs: BTreeSet<u64> = event.langs.iter().map(|lang| self.keys.name(lang.as_bytes())).collect();
        let skills = row.skills.map_or(&[][..], |list| &self.events.skills[list.range()]);
        row.thread_key == thread
            && row.agent_key == key(&event.agent)
            && row.preferred_key == key(&event.preferred_agent)
            && row.lang_key == key(&event.lang)
            && row.detected_key == key(&event.detected)
            && self.events.langs[row.langs.range()].iter().copied().collect::<BTreeSet<_>>() == langs
            && skills.iter().all(|skill| skill.key == self.keys.name(self.events.text(skill.name)))
    }

    /// What the pipeline reads in an event, as the model would say it; languages are taken from `event`.
    fn read(&self, row: &Event, event: &event::Event) -> event::Event {
        let events = &self.events;
        let text = |span: Span| String::from_utf8_lossy(events.text(span)).into_owned();
        let name = |span: Span| (span.len > 0).then(|| text(span));
        let identifier =
            |one: &trunkline::types::event::Identifier| event::Identifier { kind: one.kind, hash: one.hash };
        let skills = |list: trunkline::types::event::List| {
            events.skills[list.range()].iter().map(|skill| (text(skill.name), skill.level)).collect()
        };
        let queues = |list: trunkline::types::event::List| {
            let own = events.queues[list.range()].iter();
            own.map(|own| (own.queue, event::AgentQueue { rank: own.rank, delay: own.delay })).collect()
        };
        let tier = |place| if place == u16::MAX { Tier::Unknown } else { Tier::Known(place) };
        let hits = &events.hits[row.hits.range()];
        assert!(hits.is_sorted_by(|a, b| a < b), "hits ascend: {hits:?}");
        let is_rules = row.event_type == EventType::RulesChanged;
        let long = row.outcome.map(text);
        event::Event {
            position: row.position,
            recorded: row.recorded,
            time: row.time,
            dedup_key: row.dedup_key,
            traceparent: row.traceparent,
            event_type: row.event_type,
            conversation: Some(row.conversation).filter(|id| *id != ConversationId::NONE),
            has_from: row.has_from,
            identifiers: events.identifiers[row.identifiers.range()].iter().map(identifier).collect(),
            channel: row.channel,
            queue: row.queue,
            division: row.division,
            thread: name(row.thread),
            agent: name(row.agent),
            preferred_agent: name(row.preferred),
            lang: event.lang.clone(),
            text: long.clone().filter(|_| is_rules),
            detected: event.detected.clone(),
            hits: hits.iter().map(|hit| self.forms[*hit as usize]).collect(),
            intent: row.intent,
            tier: row.tier.map(tier),
            value: row.value,
            reach: row.reach,
            lifetime_value: row.lifetime_value,
            sentiment: row.sentiment.map(i64::from),
            public: row.public,
            blocked: row.blocked,
            automated: row.automated,
            requeue: row.requeue,
            presence: row.presence,
            outcome: long.filter(|_| !is_rules),
            due: row.due,
            skills: row.skills.map(skills),
            langs: event.langs.clone(),
            capacity: events.capacities[row.capacity.range()].iter().copied().collect(),
            budget: row.budget,
            queues: row.queues.map(queues),
        }
    }
}

/// Whether it is JSON, whatever stands in it, that was refused.
fn is_about_members(rejected: &trunkline::types::decision::Rejected) -> bool {
    let structural = [RejectReason::InvalidJson, RejectReason::InvalidUtf8, RejectReason::TooLarge];
    !structural.contains(&rejected.reason) && rejected.reason != RejectReason::TooDeep
}

/// Whether `serde_json` takes it. A number that no float holds is JSON.
fn is_json(value: &[u8]) -> bool {
    let read = serde_json::from_slice::<serde_json::Value>(value).map(|_| ());
    let without_floats = || serde_json::from_slice::<IgnoredAny>(value).map(|_| ());
    read.or_else(
        |fault| if fault.to_string().contains("out of range") { without_floats() } else { Err(fault) },
    )
    .is_ok()
}
