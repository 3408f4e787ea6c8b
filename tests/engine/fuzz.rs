//! Decode, the normal forms, the terms and their parser under bytes that nobody would send: corpora of usual inputs, mutated by
//! seed. The pipeline must take what the model takes and read the same in it, and what it takes `serde_json` must take.
//!
//! Each test looks at some thousands of inputs; with `TRUNKLINE_FUZZ_SECONDS=60` it goes on with further seeds for so long.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use trunkline::io::machine::Stopwatch;
use trunkline::model;
use trunkline::model::decode::{Decoded, decode_record};
use trunkline::model::event::Tier;
use trunkline::pipeline::decode::{Decoder, Limits};
use trunkline::rules::keys::{HashKey, Keys};
use trunkline::rules::terms::{Search, Term, TermForm, parse};
use trunkline::rules::{Rules, language};
use trunkline::types::event::{Entry, Event, Events};
use trunkline::types::record::Record;
use trunkline::types::{ConversationId, Millis, RejectReason};

use crate::events::{Generator, rules};
use crate::support::dice::Dice;

/// Seeds: so many at least, and further ones for as long as the environment says.
fn seeds(least: u64) -> impl Iterator<Item = u64> {
    let seconds =
        std::env::var("TRUNKLINE_FUZZ_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(0);
    let (watch, budget) = (Stopwatch::start(), Duration::from_secs(seconds));
    (0..).take_while(move |seed| *seed < least || watch.elapsed() < budget)
}

/// The small rules, with terms and somebody who asks for languages.
fn rules_with_terms(searches: &[(Option<&str>, Search)]) -> Rules {
    let mut rules = rules();
    let form = |(lang, search): &(Option<&str>, Search)| TermForm {
        lang: lang.map(str::to_owned),
        search: search.clone(),
    };
    let term = |(at, search)| Term { name: format!("t{at:03}"), forms: vec![form(search)] };
    rules.terms = searches.iter().enumerate().map(term).collect();
    rules.value.term = vec![0; rules.terms.len()];
    rules.queues[0].match_lang = true;
    rules
}

const SEARCHES: [(Option<&str>, &str); 8] = [
    (None, "refund* OR \"money back\""),
    (Some("de"), "kündig* OR straße"),
    (Some("en"), "order NEAR/3 (late OR missing)"),
    (None, "NOT thanks"),
    (Some("fr"), "été AND NOT hiver"),
    (None, "返金 OR 退款"),
    (None, "don't OR o'neill OR 3.50 OR a_b"),
    (Some("tr"), "istanbul OR İstanbul"),
];

/// The two decoders of one set of rules.
struct Both {
    rules: Arc<Rules>,
    keys: Keys,
    decoder: Decoder,
    events: Events,
}

impl Both {
    fn new(rules: Rules) -> Both {
        let keys = Keys::new(&HashKey::PUBLIC, &rules);
        let rules = Arc::new(rules);
        let decoder = Decoder::new(rules.clone(), keys.clone(), Limits::default());
        Both { rules, keys, decoder, events: Events::default() }
    }

    fn with_searches() -> Both {
        let parsed = SEARCHES.map(|(lang, text)| (lang, parse(text).expect("a search")));
        Both::new(rules_with_terms(&parsed))
    }

    /// Decodes a record both ways; how many events were taken.
    fn judge(&mut self, value: &[u8], what: &str) -> usize {
        let record = Record::kafka(0, 5, Millis(1_000), value);
        let expected = decode_record(&record, &self.rules, &self.keys, &Limits::default());
        self.decoder.decode(&[record], &mut self.events);
        let told: Vec<String> = self.events.entries.iter().map(|entry| self.told(entry)).collect();
        let meant: Vec<String> = expected.iter().map(|(_, decoded)| self.meant(decoded)).collect();
        assert_eq!(told, meant, "{what}: {}", String::from_utf8_lossy(value));
        let structural = [RejectReason::InvalidJson, RejectReason::InvalidUtf8, RejectReason::TooLarge];
        let is_packed = value.windows(2).any(|pair| pair == b"\n{");
        if !is_packed && serde_json::from_slice::<serde_json::Value>(value).is_err() {
            let named = self.events.rejected.iter().all(|rejected| {
                structural.contains(&rejected.reason) || rejected.reason == RejectReason::TooDeep
            });
            assert!(named && self.events.rows.is_empty(), "{what}: serde_json refuses it: {told:?}");
        }
        self.events.rows.len()
    }

    /// What the pipeline says of an event, member by member.
    fn told(&self, entry: &Entry) -> String {
        let events = &self.events;
        let row = match entry {
            Entry::Event(at) => &events.rows[*at as usize],
            Entry::Rejected(at) => {
                let rejected = &events.rejected[*at as usize];
                return format!("{} {}", rejected.reason.word(), rejected.detail);
            }
        };
        let text = |span| String::from_utf8_lossy(events.text(span)).into_owned();
        let name = |span: trunkline::types::event::Span| (span.len > 0).then(|| text(span));
        let skills = row.skills.map(|list| {
            let skills = events.skills[list.range()].iter();
            skills.map(|skill| (text(skill.name), skill.level)).collect::<BTreeMap<_, _>>()
        });
        let queues = row.queues.map(|list| {
            let queues = events.queues[list.range()].iter();
            queues.map(|own| (own.queue, (own.rank, own.delay))).collect::<BTreeMap<_, _>>()
        });
        let identifiers: Vec<_> =
            events.identifiers[row.identifiers.range()].iter().map(|one| (one.kind, one.hash)).collect();
        let langs: BTreeSet<u64> = events.langs[row.langs.range()].iter().copied().collect();
        let capacity: BTreeMap<_, _> = events.capacities[row.capacity.range()].iter().copied().collect();
        let conversation = Some(row.conversation).filter(|id| *id != ConversationId::NONE);
        format!(
            "{} {:?} {conversation:?} {:?} {:?} {:?} {identifiers:?} {skills:?} {queues:?} {langs:?} {capacity:?} {:?} {:?}",
            plain(row),
            name(row.thread),
            name(row.agent),
            name(row.preferred),
            row.outcome.map(text),
            &events.hits[row.hits.range()],
            (row.lang_key, row.detected_key, row.tier),
        )
    }

    /// The same of the model's.
    fn meant(&self, decoded: &Decoded) -> String {
        let event = match decoded {
            Ok(event) => event,
            Err((reason, detail)) => return format!("{} {detail}", reason.word()),
        };
        let key = |lang: &Option<String>| lang.as_ref().map_or(0, |lang| self.keys.name(lang.as_bytes()));
        let queues = event.queues.as_ref().map(|queues| {
            queues.iter().map(|(queue, own)| (*queue, (own.rank, own.delay))).collect::<BTreeMap<_, _>>()
        });
        let identifiers: Vec<_> = event.identifiers.iter().map(|one| (one.kind, one.hash)).collect();
        let langs: BTreeSet<u64> = event.langs.iter().map(|lang| self.keys.name(lang.as_bytes())).collect();
        let first = |term: usize| self.rules.terms[..term].iter().map(|term| term.forms.len()).sum::<usize>();
        let hits: Vec<u32> = event.hits.iter().map(|(term, form)| (first(*term) + form) as u32).collect();
        let tier = event.tier.map(|tier| match tier {
            Tier::Known(place) => place,
            Tier::Unknown => u16::MAX,
        });
        let flat = Event {
            dedup_key: event.dedup_key,
            position: event.position,
            recorded: event.recorded,
            time: event.time,
            value: event.value,
            reach: event.reach,
            lifetime_value: event.lifetime_value,
            due: event.due,
            budget: event.budget,
            traceparent: event.traceparent,
            event_type: event.event_type,
            channel: event.channel,
            queue: event.queue,
            division: event.division,
            presence: event.presence,
            sentiment: event.sentiment.map(|sentiment| sentiment as i8),
            public: event.public,
            blocked: event.blocked,
            automated: event.automated,
            requeue: event.requeue,
            has_from: event.has_from,
            intent: event.intent,
            ..Event::EMPTY
        };
        format!(
            "{} {:?} {:?} {:?} {:?} {:?} {identifiers:?} {:?} {queues:?} {langs:?} {:?} {hits:?} {:?}",
            plain(&flat),
            event.thread,
            event.conversation,
            event.agent,
            event.preferred_agent,
            event.outcome.as_ref().or(event.text.as_ref()),
            event.skills,
            event.capacity,
            (key(&event.lang), key(&event.detected), tier),
        )
    }
}

/// The members of a row that are no places in other tables.
fn plain(row: &Event) -> String {
    let Event { dedup_key, position, recorded, time, value, reach, lifetime_value, due, .. } = row;
    let Event { budget, traceparent, event_type, channel, queue, division, presence, sentiment, .. } = row;
    let Event { public, blocked, automated, requeue, has_from, intent, .. } = row;
    format!(
        "{dedup_key} {position} {recorded:?} {time:?} {value:?} {reach:?} {lifetime_value:?} {due:?} {budget:?} {traceparent:?} \
         {event_type:?} {channel:?} {queue:?} {division:?} {presence:?} {sentiment:?} {public:?} {blocked:?} {automated} \
         {requeue} {has_from} {intent:?}"
    )
}

/// What a mutation puts in.
const TOKENS: [&[u8]; 30] = [
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"\"",
    b"\\",
    b"\\u0000",
    b"\\ud83d",
    b"\\ude42",
    b"null",
    b"true",
    b"0",
    b"-0",
    b"1e5",
    b"9007199254740993",
    b"0.5",
    b" ",
    b"\n",
    b"\n{",
    b"\t",
    b"\x00",
    b"\x7f",
    b"\xc3\xa9",
    b"\xff",
    b"\xed\xa0\x80",
    b"\xf0\x9f\x99\x82",
    b"\"text\":\"refund\",",
    b"e\xcc\x81",
];

fn mutate(bytes: &mut Vec<u8>, other: &[u8], dice: &mut Dice) {
    for _ in 0..dice.below(5) {
        let at = dice.below(bytes.len() + 1);
        let end = (at + dice.below(12)).min(bytes.len());
        match dice.below(7) {
            0 if at < bytes.len() => bytes[at] ^= 1 << dice.below(8),
            1 => drop(bytes.drain(at..end)),
            2 => {
                let again = bytes[at..end].to_vec();
                drop(bytes.splice(at..at, again));
            }
            3 => bytes.truncate(at),
            4 => {
                let (from, to) = (dice.below(other.len() + 1), dice.below(other.len() + 1));
                drop(bytes.splice(at..end, other[from.min(to)..to].iter().copied()));
            }
            _ => drop(bytes.splice(at..at, TOKENS[dice.below(TOKENS.len())].iter().copied())),
        }
    }
}

#[test]
fn events() {
    let mut both = Both::with_searches();
    let (mut taken, mut asked) = (0, 0);
    for seed in seeds(8_000) {
        let mut dice = Dice::new(seed);
        let mut value = Generator::new(seed).valid();
        mutate(&mut value, &Generator::new(seed + 1).valid(), &mut dice);
        taken += both.judge(&value, &format!("seed {seed}"));
        asked += 1;
    }
    assert!(taken * 20 > asked && taken < asked, "{taken} of {asked} were taken");
}

/// Pieces of values that identify, and of others.
const PIECES: [&str; 48] = [
    "+49",
    "0049",
    "030",
    "1512345678",
    "+1",
    "202",
    "555",
    "0100",
    "(0)",
    "-",
    "/",
    ".",
    " ",
    "ext. 5",
    ";ext=5",
    "tel:",
    "x7",
    "٠١٢",
    "１２",
    "ada",
    "Ada",
    "@",
    "@@",
    "example.com",
    "Example.ORG",
    "gmail.com",
    "a.d.a",
    "+tag",
    "ß",
    "É",
    "e\u{301}",
    "İ",
    "ǆ",
    "Σς",
    "ﬃ",
    "\u{200b}",
    "\u{a0}",
    "\u{3000}",
    "null",
    "NONE",
    "-1",
    "0",
    "Straße",
    "strasse",
    "test@test.com",
    "\u{0}",
    "\t",
    "nobody@example.com",
];

fn joined(pieces: &[&str], most: usize, between: &[&str], dice: &mut Dice) -> String {
    let mut text = String::new();
    for _ in 0..dice.below(most) {
        text += pieces[dice.below(pieces.len())];
        text += between[dice.below(between.len())];
    }
    text
}

#[test]
fn normal_forms() {
    let mut both = Both::with_searches();
    let kinds: Vec<String> = both.rules.identity.kinds.iter().map(|kind| kind.name.clone()).collect();
    let (mut taken, mut asked) = (0, 0);
    for seed in seeds(8_000) {
        let mut dice = Dice::new(seed);
        let kind = &kinds[dice.below(kinds.len())];
        let value = joined(&PIECES, 7, &["", "", "", " "], &mut dice);
        let event = json!({
            "specversion": "1.0", "id": "1", "source": "/a", "type": "trunkline.contact.received",
            "data": { "channel": "chat", "from": { kind.as_str(): value } },
        });
        taken += both.judge(event.to_string().as_bytes(), &format!("seed {seed}"));
        asked += 1;
    }
    assert!(taken * 4 > asked && taken < asked, "{taken} of {asked} were taken");
}

/// Words of texts and searches, and what stands between them.
const WORDS: [&str; 32] = [
    "refund",
    "Refunds",
    "money",
    "back",
    "order",
    "late",
    "missing",
    "thanks",
    "été",
    "ÉTÉ",
    "e\u{301}te\u{301}",
    "hiver",
    "kündigen",
    "STRASSE",
    "straße",
    "返金",
    "退款して",
    "don't",
    "o'neill",
    "O’Neill",
    "3.50",
    "3,50",
    "a_b",
    "istanbul",
    "İstanbul",
    "ISTANBUL",
    "🙂",
    "한국어",
    "a\u{ad}b",
    "x",
    "donaudampfschifffahrtsgesellschaft",
    "I",
];
const BETWEEN: [&str; 16] =
    [" ", " ", " ", ", ", ". ", "", "'", "-", "\n", "\u{a0}", "…", "«", ":", "\r\n", "\u{301}", "\u{200d}"];

#[test]
fn texts() {
    let mut both = Both::with_searches();
    let (mut met, mut known) = (0, 0);
    for seed in seeds(6_000) {
        let mut dice = Dice::new(seed);
        let most = [4, 12, 40][dice.below(3)];
        let text = joined(&WORDS, most, &BETWEEN, &mut dice);
        let event = json!({
            "specversion": "1.0", "id": "1", "source": "/a", "type": "trunkline.contact.received",
            "data": { "channel": "chat", "from": { "cookie": "x" }, "text": text },
        });
        assert_eq!(both.judge(event.to_string().as_bytes(), &format!("seed {seed}")), 1);
        met += both.events.rows[0].hits.len;
        known += u64::from(language::detect(&text).is_some());
    }
    assert!(met > 6_000 && known > 1_000, "{met} terms, {known} languages");
}

#[test]
fn searches() {
    let parts = [
        "(", ")", " AND ", " OR ", " NOT ", " NEAR/2 ", " NEAR/0 ", " NEAR/", " NEAR ", "\"", "\"", "*",
        "* ", " ", "and", "\\", "refund", "order", "late", "été", "don't", "a-b", "返金", "🙂", "x", "İ",
    ];
    let corpus = SEARCHES.map(|(_, text)| text.to_owned());
    let (mut sound, mut refused) = (0, 0);
    for seed in seeds(400) {
        let mut dice = Dice::new(seed);
        let mut searches = Vec::new();
        for _ in 0..12 {
            let text = if dice.below(2) == 0 {
                joined(&parts, 12, &[""], &mut dice)
            } else {
                let mut bytes = corpus[dice.below(corpus.len())].clone().into_bytes();
                mutate(&mut bytes, corpus[dice.below(corpus.len())].as_bytes(), &mut dice);
                String::from_utf8_lossy(&bytes).into_owned()
            };
            match parse(&text) {
                Ok(search) => searches.push((None, search)),
                Err(fault) => {
                    assert!(text.is_char_boundary(fault.at), "seed {seed}: {} in {text:?}", fault.at);
                    assert!(!fault.what.is_empty());
                    refused += 1;
                }
            }
        }
        sound += searches.len();
        let mut both = Both::new(rules_with_terms(&searches));
        for _ in 0..8 {
            let text = joined(&WORDS, 14, &BETWEEN, &mut dice);
            let event = json!({
                "specversion": "1.0", "id": "1", "source": "/a", "type": "trunkline.contact.received",
                "data": { "channel": "chat", "from": { "cookie": "x" }, "text": text },
            });
            assert_eq!(both.judge(event.to_string().as_bytes(), &format!("seed {seed}")), 1);
            let words = model::terms::words(&text);
            let expected: Vec<u32> = (0..searches.len() as u32)
                .filter(|at| model::terms::holds(&searches[*at as usize].1, &words))
                .collect();
            assert_eq!(both.events.hits, expected, "seed {seed}: {text:?}");
        }
    }
    assert!(sound > 1_000 && refused > 1_000, "{sound} searches, {refused} faults");
}
