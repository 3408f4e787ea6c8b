//! `[queues.<name>]`: who gets a conversation, how it ages, how long it may take, where it overflows to.

use super::super::complaint::{At, Declared};
use super::super::curve::CURVE_POINTS_MAX;
use super::super::reader::{Fields, Value};
use super::super::{CURVE_AGE_MAX, Curve, QueueDispatch, QueueSkill, Strategy};
use crate::types::{DurationMs, Objective};

/// Most steps of relaxation of a queue.
const STEPS_MAX: usize = 16;

/// `[queues.<name>]`, its names as in the file.
pub(in super::super) struct QueueDraft {
    pub(in super::super) name: At<String>,
    pub(in super::super) division: Option<At<String>>,
    pub(in super::super) strategy: Strategy,
    pub(in super::super) auto_accept: bool,
    pub(in super::super) offer_timeout: DurationMs,
    pub(in super::super) exclude_after_miss: DurationMs,
    pub(in super::super) max_offers: u32,
    pub(in super::super) max_offers_to: Option<At<String>>,
    pub(in super::super) closed: Option<ClosedDraft>,
    pub(in super::super) max_wait: Option<(DurationMs, LeaveDraft)>,
    pub(in super::super) max_waiting: Option<(u32, LeaveDraft)>,
    pub(in super::super) acknowledge: Option<AcknowledgeDraft>,
    pub(in super::super) affinity: DurationMs,
    pub(in super::super) steps: Vec<StepDraft>,
    pub(in super::super) dispatch: QueueDispatch,
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

/// `closed`; `leave`: `None` waits.
pub(in super::super) struct ClosedDraft {
    pub(in super::super) calendar: Option<At<String>>,
    pub(in super::super) leave: Option<LeaveDraft>,
}

/// `to` and `template` of what does not stay.
pub(in super::super) struct LeaveDraft {
    pub(in super::super) to: Option<At<String>>,
    pub(in super::super) template: Option<String>,
}

/// `acknowledge`; no `channels`: all.
pub(in super::super) struct AcknowledgeDraft {
    pub(in super::super) template: String,
    pub(in super::super) channels: Option<Vec<At<String>>>,
}

/// A step of relaxation.
pub(in super::super) struct StepDraft {
    pub(in super::super) after: DurationMs,
    pub(in super::super) action: ActionDraft,
}

/// What a step does.
pub(in super::super) enum ActionDraft {
    Drop(Vec<String>),
    Lower(Vec<(String, u8)>),
    Add(Option<At<String>>),
    Raise(i64),
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
    let (max_offers, max_offers_to) =
        fields.get("max_offers").map_or((10, None), |value| max_offers(&value, &mut leads));
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
        max_offers,
        max_offers_to,
        closed: closed(&fields, &mut leads),
        max_wait: max_wait(&fields, &mut leads),
        max_waiting: max_waiting(&fields, &mut leads),
        acknowledge: acknowledge(&fields),
        affinity: fields.duration("affinity", DurationMs::ZERO),
        steps: steps(&fields, &skills),
        dispatch: dispatch(&fields.fields("dispatch")),
        match_lang: fields.flag("match_lang"),
        wrap_up: fields.duration("wrap_up", DurationMs::ZERO),
        curve: curve(&fields),
        sla: sla(&fields.fields("sla")),
        leads,
        skills,
    };
    bounded_raises(&fields, &draft);
    fields.done();
    draft
}

/// Priorities stay within 64 bits whatever steps add to the curve.
fn bounded_raises(fields: &Fields<'_>, draft: &QueueDraft) {
    let raised: i64 = draft.steps.iter().map(|step| step.action.raises().abs()).sum();
    if raised > 0
        && raised + draft.curve.extent() > CURVE_POINTS_MAX
        && let Some(steps) = fields.get("steps")
    {
        let what = format!("{}: curve and steps together leave ±{CURVE_POINTS_MAX} points", steps.path);
        fields.log.fault(steps.at, what, "raise by less");
    }
}

impl ActionDraft {
    fn raises(&self) -> i64 {
        if let ActionDraft::Raise(points) = self { *points } else { 0 }
    }
}

/// Reads what `gcmu` and `ratio` want to know.
fn dispatch(fields: &Fields<'_>) -> QueueDispatch {
    let default = QueueDispatch::default();
    let handle = fields.get("handle");
    let span = handle.as_ref().and_then(Value::duration);
    if let (Some(value), Some(DurationMs::ZERO)) = (&handle, span) {
        value.fault("is no time at all", "write how long a conversation takes an agent, as \"5m\"");
    }
    let dispatch = QueueDispatch {
        cost: fields.whole("cost", 1..=1_000_000, i64::from(default.cost)) as u32,
        handle: span.filter(|span| *span > DurationMs::ZERO).unwrap_or(default.handle),
        ratio: fields.whole("ratio", 1..=1_000_000, i64::from(default.ratio)) as u32,
        share: fields.whole("share", 0..=100, i64::from(default.share)) as u32,
    };
    fields.done();
    dispatch
}

fn max_offers(value: &Value<'_>, leads: &mut Vec<Leads>) -> (u32, Option<At<String>>) {
    let fields = value.fields();
    let count = fields.whole("count", 1..=1_000_000, 10) as u32;
    let to = lead(&fields, leads);
    fields.done();
    (count, to)
}

/// Reads `to`, if there is one.
fn lead(fields: &Fields<'_>, leads: &mut Vec<Leads>) -> Option<At<String>> {
    let value = fields.get("to")?;
    let to = value.reference(Declared::Queue)?;
    leads.push(Leads { to: to.clone(), path: value.path.clone() });
    Some(to)
}

/// What `then` says.
#[derive(Copy, Clone, PartialEq, Eq)]
enum Then {
    Wait,
    Expire,
    Overflow,
}

/// Reads `then` and what belongs to it: `to` if and only if it overflows, a template unless it waits.
fn then(fields: &Fields<'_>, words: &[(&str, Then)], leads: &mut Vec<Leads>) -> Option<LeaveDraft> {
    let word = fields.need("then", "say what happens: see the words in rules.example.toml");
    let then = word.as_ref().and_then(|value| value.word(words));
    let at = word.map_or(fields.at, |value| value.at);
    let has_to = fields.get("to").is_some();
    let to = lead(fields, leads);
    if then == Some(Then::Overflow) && !has_to {
        fields.log.fault(at, format!("{} overflows nowhere", fields.path), "name a queue with `to`");
    }
    if then.is_some_and(|then| then != Then::Overflow) && has_to {
        fields.log.fault(
            at,
            format!("{} has a `to` but does not overflow", fields.path),
            "write then = \"overflow\", or remove `to`",
        );
    }
    let template = fields.get("template");
    if let (Some(value), Some(Then::Wait)) = (&template, then) {
        value.fault("is never sent: what waits stays", "use `acknowledge`, or remove the template");
    }
    let template = template.and_then(|value| value.name()).map(|name| name.value);
    (then? != Then::Wait).then_some(LeaveDraft { to, template })
}

fn closed(fields: &Fields<'_>, leads: &mut Vec<Leads>) -> Option<ClosedDraft> {
    let closed = fields.get("closed")?.fields();
    let calendar = closed.need("calendar", "name the calendar that closes the queue");
    let calendar = calendar.and_then(|value| value.reference(Declared::Calendar));
    let words = [("wait", Then::Wait), ("expire", Then::Expire), ("overflow", Then::Overflow)];
    let leave = then(&closed, &words, leads);
    closed.done();
    Some(ClosedDraft { calendar, leave })
}

const LEAVES: [(&str, Then); 2] = [("overflow", Then::Overflow), ("expire", Then::Expire)];

fn max_wait(fields: &Fields<'_>, leads: &mut Vec<Leads>) -> Option<(DurationMs, LeaveDraft)> {
    let max_wait = fields.get("max_wait")?.fields();
    let after = max_wait.need("after", "say after how long, as \"30m\"");
    let after = after.and_then(|value| value.duration());
    let leave = then(&max_wait, &LEAVES, leads);
    max_wait.done();
    Some((after?, leave?))
}

fn max_waiting(fields: &Fields<'_>, leads: &mut Vec<Leads>) -> Option<(u32, LeaveDraft)> {
    let max_waiting = fields.get("max_waiting")?.fields();
    let count = max_waiting.need("count", "say how many may wait");
    let count = count.and_then(|value| value.whole(1..=1_000_000_000));
    let leave = then(&max_waiting, &LEAVES, leads);
    max_waiting.done();
    Some((count? as u32, leave?))
}

fn acknowledge(fields: &Fields<'_>) -> Option<AcknowledgeDraft> {
    let acknowledge = fields.get("acknowledge")?.fields();
    let template = acknowledge.need("template", "name the template to send").and_then(|value| value.name());
    let channels = acknowledge
        .get("channels")
        .and_then(|value| value.list("strings"))
        .map(|channels| channels.iter().filter_map(|channel| channel.reference(Declared::Channel)).collect());
    acknowledge.done();
    Some(AcknowledgeDraft { template: template?.value, channels })
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

fn steps(fields: &Fields<'_>, skills: &[QueueSkill]) -> Vec<StepDraft> {
    let list = fields.get("steps").and_then(|value| value.list("tables")).unwrap_or_default();
    if let Some(value) = list.get(STEPS_MAX) {
        value.fault("is one too many", format!("write at most {STEPS_MAX} steps"));
    }
    let mut steps: Vec<StepDraft> = Vec::new();
    for value in list {
        let fields = value.fields();
        let after = fields.need("after", "say how long after the queue is entered, as \"60s\"");
        let after = after.and_then(|value| Some((value.duration()?, value)));
        let before = steps.last().map_or(DurationMs::ZERO, |step| step.after);
        if let Some((after, value)) = &after
            && *after < before
        {
            value.fault("is before the step above it", "order steps by time");
        }
        let action = action(&value, &fields, skills);
        fields.done();
        let after = after.map_or(before, |(after, _)| after.max(before));
        steps.extend(action.map(|action| StepDraft { after, action }));
    }
    steps
}

/// The one action of a step.
fn action(value: &Value<'_>, fields: &Fields<'_>, skills: &[QueueSkill]) -> Option<ActionDraft> {
    let hard = |name: &At<String>| skills.iter().any(|skill| skill.hard && skill.name == name.value);
    let drop = fields.get("drop").map(|value| value.names().unwrap_or_default());
    let lower: Vec<(At<String>, u8)> = fields
        .entries("lower")
        .into_iter()
        .map(|(name, value)| (name, value.whole(1..=10).unwrap_or(1) as u8))
        .collect();
    let named = drop.iter().flatten().chain(lower.iter().map(|(name, _)| name));
    for name in named.filter(|name| hard(name)) {
        let what = format!("{}: the skill `{}` is hard", fields.path, name.value);
        fields.log.fault(name.at, what, "remove it from the step, or `hard` from the skill");
    }
    let add = fields.get("add").map(|value| value.reference(Declared::Queue));
    let raise = fields.get("raise").map(|value| value.whole(-CURVE_POINTS_MAX..=CURVE_POINTS_MAX));
    let names = |names: Vec<At<String>>| names.into_iter().map(|name| name.value).collect();
    let lower = (!lower.is_empty())
        .then(|| ActionDraft::Lower(lower.into_iter().map(|(name, level)| (name.value, level)).collect()));
    let mut actions: Vec<ActionDraft> = drop.map(|drop| ActionDraft::Drop(names(drop))).into_iter().collect();
    actions.extend(lower);
    actions.extend(add.map(ActionDraft::Add));
    actions.extend(raise.map(|points| ActionDraft::Raise(points.unwrap_or(0))));
    if actions.len() != 1 {
        value.fault("is not one action", "write one of `drop`, `lower`, `add`, `raise` a step");
    }
    actions.pop()
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
