//! `[value]`: points of business value. What is not given counts nothing.

use std::ops::RangeInclusive;

use super::super::VALUE_MAX;
use super::super::complaint::{At, Declared};
use super::super::reader::{Fields, Value};
use super::INTEGER_MAX;

/// Points of one term: more would be clamped anyway.
const POINTS: RangeInclusive<i64> = -VALUE_MAX..=VALUE_MAX;

/// `[value]`, its names as in the file.
#[derive(Default)]
pub(in super::super) struct ValueDraft {
    pub(in super::super) base: i64,
    pub(in super::super) public: i64,
    pub(in super::super) failed_attempt: (i64, i64),
    pub(in super::super) tier: Vec<(String, i64)>,
    pub(in super::super) intent: Vec<(String, i64)>,
    pub(in super::super) term: Vec<(String, i64)>,
    pub(in super::super) channel: Vec<(String, i64)>,
    pub(in super::super) reach: Vec<(i64, i64)>,
    pub(in super::super) lifetime_value: Vec<(i64, i64)>,
    pub(in super::super) sentiment: Vec<(i64, i64)>,
}

/// Reads the section.
pub(in super::super) fn read(fields: &Fields<'_>) -> ValueDraft {
    let refer = |name: &At<String>, declared| fields.log.refer(declared, name, &fields.path);
    let named = |key, declared: Option<Declared>| {
        let mut points = Vec::new();
        for (name, value) in fields.entries(key) {
            declared.into_iter().for_each(|declared| refer(&name, declared));
            points.push((name.value, value.whole(POINTS).unwrap_or(0)));
        }
        points
    };
    let draft = ValueDraft {
        base: fields.whole("base", POINTS, 0),
        public: fields.whole("public", POINTS, 0),
        failed_attempt: fields.get("failed_attempt").map(|value| failed_attempt(&value)).unwrap_or_default(),
        tier: named("tier", None),
        intent: named("intent", None),
        term: named("term", Some(Declared::Term)),
        channel: named("channel", Some(Declared::Channel)),
        reach: brackets(fields, "reach", -INTEGER_MAX..=INTEGER_MAX),
        lifetime_value: brackets(fields, "lifetime_value", -INTEGER_MAX..=INTEGER_MAX),
        sentiment: brackets(fields, "sentiment", -100..=100),
    };
    fields.done();
    draft
}

/// Points of each failed attempt, and the bound of their sum: without one, that of all values.
fn failed_attempt(value: &Value<'_>) -> (i64, i64) {
    let fields = value.fields();
    let points = fields.need("points", "say how many points each failed attempt gives");
    let points = points.and_then(|value| value.whole(POINTS)).unwrap_or(0);
    let default = if points < 0 { -VALUE_MAX } else { VALUE_MAX };
    let bound = fields.get("at_most");
    let at_most = bound.as_ref().and_then(|value| value.whole(POINTS)).unwrap_or(default);
    if let Some(value) = bound.filter(|_| points.signum() * at_most.signum() < 0) {
        value.fault("has another sign than the points", "give both the same sign");
    }
    fields.done();
    (points, at_most)
}

fn brackets(fields: &Fields<'_>, key: &'static str, bounds: RangeInclusive<i64>) -> Vec<(i64, i64)> {
    let mut brackets: Vec<(i64, i64)> = Vec::new();
    let list = fields.get(key).and_then(|value| value.list("brackets, as [1000, 50]")).unwrap_or_default();
    for value in list {
        let Some(pair) = value.list("two integers: from, points") else { continue };
        let [from, points] = &pair[..] else {
            value.fault(&format!("has {} elements", pair.len()), "write two integers: from, points");
            continue;
        };
        let (Some(from), Some(points)) = (from.whole(bounds.clone()), points.whole(POINTS)) else { continue };
        if brackets.last().is_some_and(|last| last.0 >= from) {
            value
                .fault(&format!("begins at {from}, not above the one before it"), "order brackets ascending");
            continue;
        }
        brackets.push((from, points));
    }
    brackets
}
