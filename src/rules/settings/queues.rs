//! `[queues.<name>]`: who gets a conversation, how it ages, how long it may take, where it overflows to.

use super::super::complaint::{At, Declared};
use super::super::curve::CURVE_POINTS_MAX;
use super::super::reader::{Fields, Value};
use super::super::{CURVE_AGE_MAX, Curve, QueueSkill, Strategy};
use crate::types::{DurationMs, Objective};

/// `[queues.<name>]`, its names as in the file.
pub(in super::super) struct QueueDraft {
    pub(in super::super) name: At<String>,
    pub(in super::super) division: Option<At<String>>,
    pub(in super::super) strategy: Strategy,
    pub(in super::super) auto_accept: bool,
    pub(in super::super) offer_timeout: DurationMs,
    pub(in super::super) exclude_after_miss: DurationMs,
    pub(in super::super) max_offers: u32,
    pub(in super::super) match_lang: bool,
    pub(in super::super) wrap_up: DurationMs,
    pub(in super::super) skills: Vec<QueueSkill>,
    pub(in super::super) curve: Curve,
    pub(in super::super) sla: [Option<TargetDraft>; 4],
    /// The queues that it overflows to.
    pub(in super::super) leads: Vec<Leads>,
}

/// A `to` of a queue.
pub(in super::super) struct Leads {
    pub(in super::super) to: At<String>,
    pub(in super::super) path: String,
}

/// One objective.
pub(in super::super) struct TargetDraft {
    pub(in super::super) target: DurationMs,
    pub(in super::super) calendar: Option<At<String>>,
    pub(in super::super) warn: Vec<u8>,
}

/// Reads a queue.
pub(in super::super) fn read(name: At<String>, value: &Value<'_>) -> QueueDraft {
    let fields = value.fields();
    let division = fields.need("division", "name the division that it belongs to");
    let strategies = [
        Strategy::LongestIdle,
        Strategy::LeastBusy,
        Strategy::MostSpare,
        Strategy::BestSkill,
        Strategy::RoundRobin,
        Strategy::FewestHandled,
    ]
    .map(|strategy| (strategy.word(), strategy));
    let accept = fields.get("accept").and_then(|value| value.word(&[("offer", false), ("auto", true)]));
    let mut leads = Vec::new();
    let skills = skills(&fields);
    let draft = QueueDraft {
        name,
        division: division.and_then(|value| value.reference(Declared::Division)),
        strategy: fields
            .get("strategy")
            .and_then(|value| value.word(&strategies))
            .unwrap_or(Strategy::LongestIdle),
        auto_accept: accept.unwrap_or(false),
        offer_timeout: fields.duration("offer_timeout", DurationMs::seconds(20)),
        exclude_after_miss: fields.duration("exclude_after_miss", DurationMs::seconds(30)),
        max_offers: fields.get("max_offers").map_or(10, |value| max_offers(&value, &mut leads)),
        match_lang: fields.flag("match_lang"),
        wrap_up: fields.duration("wrap_up", DurationMs::ZERO),
        curve: curve(&fields),
        sla: sla(&fields.fields("sla")),
        leads: Vec::new(),
        skills,
    };
    closed(&fields, &mut leads);
    if fields.duration("affinity", DurationMs::ZERO) > DurationMs::ZERO {
        fields.unsupported("affinity");
    }
    steps(&fields, &draft.skills);
    limits(&fields, &mut leads);
    acknowledge(&fields);
    fields.done();
    QueueDraft { leads, ..draft }
}

fn max_offers(value: &Value<'_>, leads: &mut Vec<Leads>) -> u32 {
    let fields = value.fields();
    let count = fields.whole("count", 1..=1_000_000, 10) as u32;
    if lead(&fields, leads) {
        fields.unsupported("to");
    }
    fields.done();
    count
}

/// Reads `to`; says whether there is one.
fn lead(fields: &Fields<'_>, leads: &mut Vec<Leads>) -> bool {
    let Some(value) = fields.get("to") else { return false };
    if let Some(to) = value.reference(Declared::Queue) {
        leads.push(Leads { to, path: value.path.clone() });
    }
    true
}

/// Reads `then` and what belongs to it: `to` if and only if it overflows, a template if it may.
fn then(fields: &Fields<'_>, words: &[(&str, bool)], leads: &mut Vec<Leads>) {
    let word = fields.need("then", "say what happens: see the words in rules.example.toml");
    let overflows = word.as_ref().and_then(|value| value.word(words));
    let at = word.map_or(fields.at, |value| value.at);
    let led = lead(fields, leads);
    if overflows == Some(true) && !led {
        fields.log.fault(at, format!("{} overflows nowhere", fields.path), "name a queue with `to`");
    }
    if overflows == Some(false) && led {
        fields.log.fault(
            at,
            format!("{} has a `to` but does not overflow", fields.path),
            "write then = \"overflow\", or remove `to`",
        );
    }
    fields.get("template").and_then(|value| value.name());
}

fn closed(fields: &Fields<'_>, leads: &mut Vec<Leads>) {
    let Some(value) = fields.get("closed") else { return };
    let closed = value.fields();
    let calendar = closed.need("calendar", "name the calendar that closes the queue");
    calendar.and_then(|value| value.reference(Declared::Calendar));
    then(&closed, &[("wait", false), ("expire", false), ("overflow", true)], leads);
    closed.done();
    fields.unsupported("closed");
}

fn limits(fields: &Fields<'_>, leads: &mut Vec<Leads>) {
    let words = [("overflow", true), ("expire", false)];
    if let Some(value) = fields.get("max_wait") {
        let max_wait = value.fields();
        max_wait.need("after", "say after how long, as \"30m\"").and_then(|value| value.duration());
        then(&max_wait, &words, leads);
        max_wait.done();
        fields.unsupported("max_wait");
    }
    if let Some(value) = fields.get("max_waiting") {
        let max_waiting = value.fields();
        let count = max_waiting.need("count", "say how many may wait");
        count.and_then(|value| value.whole(1..=1_000_000_000));
        then(&max_waiting, &words, leads);
        max_waiting.done();
        fields.unsupported("max_waiting");
    }
}

fn acknowledge(fields: &Fields<'_>) {
    let Some(value) = fields.get("acknowledge") else { return };
    let acknowledge = value.fields();
    acknowledge.need("template", "name the template to send").and_then(|value| value.name());
    for channel in acknowledge.get("channels").and_then(|value| value.list("strings")).unwrap_or_default() {
        channel.reference(Declared::Channel);
    }
    acknowledge.done();
    fields.unsupported("acknowledge");
}

fn skills(fields: &Fields<'_>) -> Vec<QueueSkill> {
    let mut skills = Vec::new();
    for (name, value) in fields.entries("skills") {
        let members = value.fields();
        let level = members.need("level", "say which level it takes: 1 to 10");
        let level = level.and_then(|value| value.whole(1..=10)).unwrap_or(1) as u8;
        let hard = members.flag("hard");
        members.done();
        skills.push(QueueSkill { name: name.value, level, hard });
    }
    skills.sort_by(|a, b| a.name.cmp(&b.name));
    skills
}

fn steps(fields: &Fields<'_>, skills: &[QueueSkill]) {
    let list = fields.get("steps").and_then(|value| value.list("tables")).unwrap_or_default();
    if !list.is_empty() {
        fields.unsupported("steps");
    }
    let hard = |name: &At<String>| skills.iter().any(|skill| skill.hard && skill.name == name.value);
    let mut before = DurationMs::ZERO;
    for value in list {
        let step = value.fields();
        let after = step.need("after", "say how long after the queue is entered, as \"60s\"");
        if let Some((value, after)) = after.and_then(|value| Some((value.clone(), value.duration()?))) {
            if after < before {
                value.fault("is before the step above it", "order steps by time");
            }
            before = before.max(after);
        }
        let (drop, lower) = (step.get("drop"), step.entries("lower"));
        let mut names = drop.as_ref().and_then(Value::names).unwrap_or_default();
        for (name, value) in &lower {
            value.whole(1..=10);
            names.push(name.clone());
        }
        for name in names.iter().filter(|name| hard(name)) {
            let what = format!("{}: the skill `{}` is hard", step.path, name.value);
            step.log.fault(name.at, what, "remove it from the step, or `hard` from the skill");
        }
        let add = step.get("add").map(|value| value.reference(Declared::Queue));
        let raise = step.get("raise").map(|value| value.whole(-CURVE_POINTS_MAX..=CURVE_POINTS_MAX));
        let actions = [drop.is_some(), !lower.is_empty(), add.is_some(), raise.is_some()];
        if actions.iter().filter(|action| **action).count() != 1 {
            value.fault("is not one action", "write one of `drop`, `lower`, `add`, `raise` a step");
        }
        step.done();
    }
}

/// The curve: faulty points are told and left out.
fn curve(fields: &Fields<'_>) -> Curve {
    let given = fields.get("curve");
    let (mut points, mut places): (Vec<(DurationMs, i64)>, Vec<usize>) = (Vec::new(), Vec::new());
    for value in given.as_ref().and_then(|value| value.list("points, as [\"5m\", 50]")).unwrap_or_default() {
        let Some(pair) = value.list("an age and points") else { continue };
        let [age, height] = &pair[..] else {
            value.fault(&format!("has {} elements", pair.len()), "write an age and points, as [\"5m\", 50]");
            continue;
        };
        let height = height.whole(-CURVE_POINTS_MAX..=CURVE_POINTS_MAX);
        let (Some(age), Some(height)) = (age.duration(), height) else { continue };
        if points.last().is_some_and(|last| last.0 > age) {
            value.fault(
                "is younger than the point before it",
                "order points by age; a repeated age is a step",
            );
            continue;
        }
        points.push((age, height));
        places.push(value.at);
    }
    if given.as_ref().is_some_and(|value| value.list("points").is_some_and(|list| list.is_empty())) {
        fields.log.fault(
            fields.at,
            format!("{}.curve has no point", fields.path),
            "write one, or leave it out",
        );
    }
    let after = fields.get("curve_after");
    let per_minute = after.as_ref().and_then(|value| {
        let after = value.fields();
        let slope = after.need("per_minute", "say how many points a minute");
        let slope = slope.and_then(|value| value.whole(-CURVE_POINTS_MAX..=CURVE_POINTS_MAX));
        after.done();
        slope
    });
    let default = if given.is_some() { 0 } else { 1 };
    Curve::compile(&points, per_minute.unwrap_or(default)).unwrap_or_else(|place| {
        let at = places.get(place).copied().or(after.map(|value| value.at)).unwrap_or(fields.at);
        let days = CURVE_AGE_MAX.0 / 86_400_000;
        let what = format!("{}: the curve leaves ±{CURVE_POINTS_MAX} points within {days} days", fields.path);
        fields.log.fault(at, what, "make it less steep");
        Curve::default()
    })
}

fn sla(fields: &Fields<'_>) -> [Option<TargetDraft>; 4] {
    let sla =
        [Objective::QueueWait, Objective::FirstResponse, Objective::NextResponse, Objective::Resolution]
            .map(|objective| fields.get(objective.word()).map(|value| target(&value)));
    fields.done();
    sla
}

fn target(value: &Value<'_>) -> TargetDraft {
    let fields = value.fields();
    let target = fields.need("target", "say how much open time is allowed, as \"20s\"");
    let calendar = fields.need("calendar", "name the calendar that says what counts as open");
    let mut warn: Vec<u8> = Vec::new();
    for value in fields.get("warn").and_then(|value| value.list("percentages")).unwrap_or_default() {
        let Some(percent) = value.whole(1..=99) else { continue };
        if warn.contains(&(percent as u8)) {
            value.fault(&format!("is {percent} again"), "write each percentage once");
        } else {
            warn.push(percent as u8);
        }
    }
    warn.sort_unstable();
    let draft = TargetDraft {
        target: target.and_then(|value| value.duration()).unwrap_or(DurationMs::ZERO),
        calendar: calendar.and_then(|value| value.reference(Declared::Calendar)),
        warn,
    };
    fields.done();
    draft
}
