//! Settings: what a rules file says, read key by key, with defaults filled in, bounds checked and the places of names
//! kept. Sections that stand for themselves are read into their compiled form at once; what names something else
//! stays a draft, since declarations may come later in the file. Everything that `rules.example.toml` shows is read
//! and checked; what this version does not carry out is complained about on top of that.

mod identity;
mod calendars;
mod value;
mod queues;
mod conditions;
mod terms;

use super::complaint::At;
use super::reader::{Fields, Value};
use super::{ClockRules, ConversationRules, DedupRules, Dispatch, IdentityRules, Tick, calendar::Calendar};
use crate::types::DurationMs;
use crate::types::ids::{CHANNELS_MAX, DIVISIONS_MAX, QUEUES_MAX};
use jiff::tz::TimeZone;

pub(super) use conditions::{ConditionDraft, ReplyDraft, RouteDraft};
pub(super) use queues::{ActionDraft, Leads, LeaveDraft, QueueDraft};
pub(super) use terms::{TermDraft, WORDS_MAX};
pub(super) use value::ValueDraft;

/// The greatest integer of rules and events.
pub(super) const INTEGER_MAX: i64 = 1 << 53;
/// Most calendars: each may hold a table of a megabyte.
const CALENDARS_MAX: usize = 256;
/// Most terms: all of them are searched in one pass.
const TERMS_MAX: usize = 4_096;
/// Most offers a minute that a ramp counts.
const RAMP_MAX: i64 = 1_000;

/// A whole file.
pub(super) struct Settings {
    pub(super) version: String,
    pub(super) clock: ClockRules,
    pub(super) dedup: DedupRules,
    pub(super) identity: IdentityRules,
    pub(super) channels: Vec<ChannelDraft>,
    pub(super) calendars: Vec<Calendar>,
    pub(super) terms: Vec<TermDraft>,
    pub(super) value: ValueDraft,
    pub(super) conversation: ConversationRules,
    pub(super) divisions: Vec<DivisionDraft>,
    pub(super) queues: Vec<QueueDraft>,
    pub(super) routes: Vec<RouteDraft>,
    pub(super) replies: Vec<ReplyDraft>,
    /// `[conversation] blocked`.
    pub(super) blocked: Option<At<String>>,
}

/// `[channels.<name>]`.
pub(super) struct ChannelDraft {
    pub(super) name: At<String>,
    pub(super) weight: u32,
    pub(super) excludes: Vec<At<String>>,
    pub(super) public: bool,
    pub(super) reclaim: Option<DurationMs>,
    pub(super) release_after: Option<DurationMs>,
}

/// `[divisions.<name>]`.
pub(super) struct DivisionDraft {
    pub(super) name: At<String>,
    pub(super) agents_budget: u32,
    pub(super) ramp: Option<u32>,
    pub(super) dispatch: Dispatch,
}

/// Reads the whole file.
pub(super) fn read(root: &Fields<'_>) -> Settings {
    let version = root.get("version").and_then(|value| value.text()).map(|text| text.value);
    let clock = clock(&root.fields("clock"));
    let dedup = dedup(&root.fields("dedup"));
    let (conversation_fields, identity_fields) = (root.fields("conversation"), root.fields("identity"));
    let (conversation, blocked) = conversation(&conversation_fields);
    let settings = Settings {
        version: version.unwrap_or_default(),
        clock,
        dedup,
        identity: identity::read(&identity_fields, conversation.idle_close),
        channels: each(root, "channels", CHANNELS_MAX, channel),
        calendars: each(root, "calendars", CALENDARS_MAX, |name, value| calendars::read(&name, value)),
        terms: each(root, "terms", TERMS_MAX, terms::read),
        value: value::read(&root.fields("value")),
        conversation,
        divisions: each(root, "divisions", DIVISIONS_MAX, division),
        queues: each(root, "queues", QUEUES_MAX, queues::read),
        routes: conditions::routes(root),
        replies: conditions::replies(root),
        blocked,
    };
    root.done();
    settings
}

/// A zone of the tz database.
pub(super) fn zone(fields: &Fields<'_>) -> TimeZone {
    let Some(value) = fields.get("zone") else { return TimeZone::UTC };
    let Some(name) = value.text() else { return TimeZone::UTC };
    match TimeZone::get(&name.value) {
        Ok(zone) if !zone.is_unknown() => zone,
        _ => {
            value.fault(
                &format!("is {:?}, which is no time zone", name.value),
                "write an IANA name, as \"America/New_York\"",
            );
            TimeZone::UTC
        }
    }
}

fn each<T>(
    root: &Fields<'_>,
    key: &'static str,
    most: usize,
    read: impl Fn(At<String>, &Value<'_>) -> T,
) -> Vec<T> {
    root.entries_up_to(key, most).into_iter().map(|(name, value)| read(name, &value)).collect()
}

fn clock(fields: &Fields<'_>) -> ClockRules {
    let words = [("wall", Tick::Wall), ("records", Tick::Records)];
    let rules = ClockRules {
        tick: fields.get("tick").and_then(|value| value.word(&words)).unwrap_or(Tick::Wall),
        max_late: fields.duration("max_late", DurationMs::days(1)),
    };
    fields.done();
    rules
}

fn dedup(fields: &Fields<'_>) -> DedupRules {
    let rules = DedupRules {
        window: fields.duration("window", DurationMs::seconds(600)),
        max_events: fields.whole("max_events", 1..=10_000_000_000, 50_000_000) as u64,
    };
    fields.done();
    rules
}

/// And the template of `blocked`.
fn conversation(fields: &Fields<'_>) -> (ConversationRules, Option<At<String>>) {
    let idle_close = fields.get("idle_close");
    let span = idle_close.as_ref().and_then(Value::duration);
    if let (Some(value), Some(DurationMs::ZERO)) = (&idle_close, span) {
        value.fault("is no time at all", "write more than \"0s\", as \"7d\"");
    }
    let rules = ConversationRules {
        zone: Calendar::zone_only(zone(fields)),
        continuity: fields.duration("continuity", DurationMs::days(1)),
        idle_close: span.filter(|span| *span > DurationMs::ZERO).unwrap_or(DurationMs::days(7)),
        attempts_kept: fields.whole("attempts_kept", 1..=100, 8) as u32,
        attempts_window: fields.duration("attempts_window", DurationMs::days(7)),
        blocked: None,
    };
    let blocked = fields.get("blocked").and_then(|blocked| {
        let fields = blocked.fields();
        let template = fields.need("template", "name the template to send").and_then(|value| value.name());
        fields.done();
        template
    });
    fields.done();
    (rules, blocked)
}

fn channel(name: At<String>, value: &Value<'_>) -> ChannelDraft {
    let fields = value.fields();
    let mut excludes = Vec::new();
    for value in fields.get("excludes").and_then(|value| value.list("strings")).unwrap_or_default() {
        let Some(other) = value.name() else { continue };
        if other.value == name.value {
            value.fault("is the channel itself", "limit a channel by the agent's capacity instead");
        } else if other.value != "*" {
            value.reference(super::complaint::Declared::Channel);
        }
        excludes.push(other);
    }
    let span = |key| fields.get(key).and_then(|value| value.duration());
    let (reclaim, release_after) = (span("reclaim"), span("release_after"));
    let weight = fields.whole("weight", 0..=1_000_000, 100) as u32;
    let public = fields.flag("public");
    fields.done();
    ChannelDraft { name, weight, excludes, public, reclaim, release_after }
}

fn division(name: At<String>, value: &Value<'_>) -> DivisionDraft {
    if matches!(name.value.as_str(), "identity" | "rejects") {
        let what =
            format!("a division cannot be named `{}`, which is the name of an output stream", name.value);
        value.log.fault(name.at, what, "choose another name");
    }
    let fields = value.fields();
    let words = [("priority", Dispatch::Priority), ("gcmu", Dispatch::Gcmu), ("ratio", Dispatch::Ratio)];
    let dispatch = fields.get("dispatch").and_then(|value| value.word(&words)).unwrap_or(Dispatch::Priority);
    let ramp = fields.get("ramp").and_then(|value| value.whole(1..=RAMP_MAX)).map(|ramp| ramp as u32);
    let agents_budget = fields.whole("agents_budget", 0..=1_000_000, 100) as u32;
    fields.done();
    DivisionDraft { name, agents_budget, ramp, dispatch }
}
