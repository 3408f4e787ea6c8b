//! `[[routes]]` and `[[replies]]`: conditions, and what happens where they hold.

use std::ops::RangeInclusive;

use super::super::Range;
use super::super::complaint::{At, Declared};
use super::super::reader::{Fields, Value};
use super::INTEGER_MAX;

/// Hours of a week.
const WEEK_HOURS: i64 = 168;

/// `[[routes]]`, its names as in the file.
pub(in super::super) struct RouteDraft {
    pub(in super::super) at: usize,
    pub(in super::super) path: String,
    pub(in super::super) when: ConditionDraft,
    pub(in super::super) queue: Option<At<String>>,
}

/// `[[replies]]`, its names as in the file.
pub(in super::super) struct ReplyDraft {
    pub(in super::super) at: usize,
    pub(in super::super) path: String,
    pub(in super::super) when: ConditionDraft,
    pub(in super::super) template: Option<At<String>>,
    pub(in super::super) private: bool,
    pub(in super::super) closes: bool,
}

/// `when`, its names as in the file.
#[derive(Default)]
pub(in super::super) struct ConditionDraft {
    /// Whether any field is given.
    pub(in super::super) given: bool,
    pub(in super::super) channel: Option<Vec<At<String>>>,
    pub(in super::super) lang: Option<Vec<String>>,
    pub(in super::super) intent: Option<Vec<String>>,
    pub(in super::super) tier: Option<Vec<String>>,
    pub(in super::super) term: Option<Vec<At<String>>>,
    pub(in super::super) public: Option<bool>,
    pub(in super::super) reach: Option<Range>,
    pub(in super::super) sentiment: Option<Range>,
    pub(in super::super) failed_attempts: Option<Range>,
    pub(in super::super) open: Option<At<String>>,
    pub(in super::super) hour_of_week: Option<Box<[u64; 3]>>,
}

/// Reads the routes, in order.
pub(in super::super) fn routes(root: &Fields<'_>) -> Vec<RouteDraft> {
    let list = root.get("routes").and_then(|value| value.list("tables under [[routes]]")).unwrap_or_default();
    let route = |value: &Value<'_>| {
        let fields = value.fields();
        let when = fields.get("when");
        let queue = fields.need("queue", "name the queue that it leads to");
        let queue = queue.and_then(|value| value.reference(Declared::Queue));
        let when = when.map(|value| condition(&value)).unwrap_or_default();
        fields.done();
        RouteDraft { at: value.at, path: value.path.clone(), when, queue }
    };
    list.iter().map(route).collect()
}

/// Reads the automated replies, in order.
pub(in super::super) fn replies(root: &Fields<'_>) -> Vec<ReplyDraft> {
    let list =
        root.get("replies").and_then(|value| value.list("tables under [[replies]]")).unwrap_or_default();
    let reply = |value: &Value<'_>| {
        let fields = value.fields();
        let when = fields.get("when").map(|when| condition(&when)).unwrap_or_default();
        let template = fields.need("template", "name the template to send").and_then(|value| value.name());
        let private = fields.flag("private");
        let then = fields.need("then", "write \"close\" or \"route\"");
        let closes = then.and_then(|value| value.word(&[("close", true), ("route", false)]));
        fields.done();
        let closes = closes.unwrap_or(false);
        ReplyDraft { at: value.at, path: value.path.clone(), when, template, private, closes }
    };
    list.iter().map(reply).collect()
}

fn condition(value: &Value<'_>) -> ConditionDraft {
    let fields = value.fields();
    let plain =
        |key| names(&fields, key, None).map(|names| names.into_iter().map(|name| name.value).collect());
    let channel = names(&fields, "channel", Some(Declared::Channel));
    let term = names(&fields, "term", Some(Declared::Term));
    let lang: Option<Vec<String>> = plain("lang");
    let mut draft = ConditionDraft {
        given: false,
        channel,
        lang: lang.map(|langs| langs.iter().map(|lang| lang.to_lowercase()).collect()),
        intent: plain("intent"),
        tier: plain("tier"),
        term,
        public: fields.get("public").and_then(|value| value.flag()),
        reach: range(&fields, "reach", -INTEGER_MAX..=INTEGER_MAX),
        sentiment: range(&fields, "sentiment", -100..=100),
        failed_attempts: range(&fields, "failed_attempts", 0..=INTEGER_MAX),
        open: open(&fields),
        hour_of_week: fields.get("hour_of_week").map(|value| hours(&value)),
    };
    draft.given = [
        draft.channel.is_some(),
        draft.lang.is_some(),
        draft.intent.is_some(),
        draft.tier.is_some(),
        draft.term.is_some(),
        draft.public.is_some(),
        draft.reach.is_some(),
        draft.sentiment.is_some(),
        draft.failed_attempts.is_some(),
        draft.open.is_some(),
        draft.hour_of_week.is_some(),
    ]
    .contains(&true);
    fields.done();
    draft
}

/// One of several names; `None`: not asked.
fn names(fields: &Fields<'_>, key: &'static str, declared: Option<Declared>) -> Option<Vec<At<String>>> {
    let value = fields.get(key)?;
    let list = value.list("strings")?;
    if list.is_empty() {
        value.fault("is empty, so the condition never holds", "name at least one, or remove the key");
    }
    let name = |value: &Value<'_>| match declared {
        Some(declared) => value.reference(declared),
        None => value.name(),
    };
    Some(list.iter().filter_map(name).collect())
}

fn range(fields: &Fields<'_>, key: &'static str, bounds: RangeInclusive<i64>) -> Option<Range> {
    let value = fields.get(key)?;
    if !value.is_table() {
        value.expected("a range, as { at_least = 1, at_most = 5 }");
        return None;
    }
    bounded(&value, bounds)
}

fn bounded(value: &Value<'_>, bounds: RangeInclusive<i64>) -> Option<Range> {
    let fields = value.fields();
    let (least, most) = (fields.get("at_least"), fields.get("at_most"));
    fields.done();
    if least.is_none() && most.is_none() {
        value.fault("has no bound", "write `at_least`, `at_most` or both");
        return None;
    }
    let bound =
        |value: Option<Value<'_>>, open| value.map_or(Some(open), |value| value.whole(bounds.clone()));
    let (at_least, at_most) = (bound(least, i64::MIN), bound(most, i64::MAX));
    let range = Range { at_least: at_least?, at_most: at_most? };
    if range.at_least > range.at_most {
        value.fault("contradicts itself: `at_least` is above `at_most`", "swap the two bounds");
    }
    Some(range)
}

fn open(fields: &Fields<'_>) -> Option<At<String>> {
    let open = fields.get("open")?.fields();
    let calendar = open.need("calendar", "name the calendar that must be open");
    open.done();
    calendar.and_then(|value| value.reference(Declared::Calendar))
}

/// Hours of the week as bits: an array of hours and ranges, or one range.
fn hours(value: &Value<'_>) -> Box<[u64; 3]> {
    let mut bits = Box::new([0; 3]);
    let mut add = |value: &Value<'_>| {
        let range = if value.is_table() {
            bounded(value, 0..=WEEK_HOURS - 1)
        } else {
            value.whole(0..=WEEK_HOURS - 1).map(|hour| Range { at_least: hour, at_most: hour })
        };
        let Some(range) = range else { return };
        for hour in range.at_least.max(0)..=range.at_most.min(WEEK_HOURS - 1) {
            bits[hour as usize / 64] |= 1 << (hour % 64);
        }
    };
    if value.is_table() {
        add(value);
        return bits;
    }
    let list = value.list("hours, 0 (Monday 00:00) to 167, and ranges as { at_least = 9, at_most = 16 }");
    if list.as_ref().is_some_and(Vec::is_empty) {
        value.fault("is empty, so the condition never holds", "name at least one hour, or remove the key");
    }
    list.iter().flatten().for_each(&mut add);
    bits
}
