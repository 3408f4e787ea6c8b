//! Doubts about rules that are sound: routes and replies that are never reached, conditions that never hold, terms that
//! nothing asks for. Told as warnings, and only what can be proven from the rules alone: that one condition holds
//! whenever another does is looked for pair by pair, not against several together.

use super::complaint::Log;
use super::settings::Settings;
use super::{Condition, Range, Rules};

/// Where the complaints about routes, replies and terms point to, by place in `Rules`.
pub(super) struct Places {
    routes: Vec<(usize, String)>,
    replies: Vec<(usize, String)>,
    terms: Vec<usize>,
}

impl Places {
    /// Those of a file whose terms are in order.
    pub(super) fn of(settings: &Settings) -> Places {
        Places {
            routes: settings.routes.iter().map(|route| (route.at, route.path.clone())).collect(),
            replies: settings.replies.iter().map(|reply| (reply.at, reply.path.clone())).collect(),
            terms: settings.terms.iter().map(|term| term.at).collect(),
        }
    }
}

/// Tells every doubt.
pub(super) fn tell(rules: &Rules, places: &Places, log: &Log<'_>) {
    let routes: Vec<&Condition> = rules.routes.iter().map(|route| &route.when).collect();
    let replies: Vec<&Condition> = rules.replies.iter().map(|reply| &reply.when).collect();
    for (conditions, places, sort) in
        [(&routes, &places.routes, "route"), (&replies, &places.replies, "reply")]
    {
        for (at, when) in conditions.iter().enumerate() {
            let (place, path) = &places[at];
            if let Some(why) = never(when, rules) {
                log.warn(*place, format!("{path} never holds: {why}"), "correct the condition, or remove it");
            } else if let Some(first) = conditions[..at].iter().position(|first| implies(when, first, rules))
            {
                let why = match asks_nothing(conditions[first], rules) {
                    true => format!("a {sort} above it has no condition"),
                    false => format!("{} holds whenever it does", places[first].1),
                };
                log.warn(*place, format!("{path} is never reached: {why}"), "move it up, or remove it");
            }
        }
    }
    for (at, term) in rules.terms.iter().enumerate() {
        let asked = |when: &&Condition| when.term.as_ref().is_some_and(|terms| terms.contains(&(at as u16)));
        if rules.value.term[at] == 0 && !routes.iter().chain(&replies).any(asked) {
            let what = format!("nothing asks for the term `{}`", term.name);
            log.warn(places.terms[at], what, "name it in a condition or in [value], or remove it");
        }
    }
}

/// Why a condition never holds, if that can be told.
fn never(when: &Condition, rules: &Rules) -> Option<String> {
    if let Some(calendar) = when.open.map(|id| rules.calendar(id)).filter(|calendar| calendar.is_never_open())
    {
        return Some(format!("the calendar `{}` is never open", calendar.name));
    }
    let kept = i64::from(rules.conversation.attempts_kept);
    if when.failed_attempts.is_some_and(|range| range.at_least > kept) {
        return Some(format!("only {kept} attempts are kept"));
    }
    let (langs, terms) = (when.lang.as_ref()?, when.term.as_ref()?);
    let served =
        terms.iter().any(|term| langs.iter().any(|lang| rules.terms[usize::from(*term)].serves(lang)));
    (!served).then(|| "none of its terms has a form in one of its languages".to_owned())
}

/// Whether `first` holds whenever `when` does.
fn implies(when: &Condition, first: &Condition, rules: &Rules) -> bool {
    within(&when.lang, &first.lang)
        && within(&when.intent, &first.intent)
        && within(&when.tier, &first.tier)
        && within(&when.term, &first.term)
        && every_channel(first, rules).is_none_or(|first| when.channel.is_some_and(|own| own & !first == 0))
        && first.public.is_none_or(|public| when.public == Some(public))
        && inside(when.reach, first.reach)
        && inside(when.sentiment, first.sentiment)
        && (always(first.failed_attempts) || inside(when.failed_attempts, first.failed_attempts))
        && first.open.is_none_or(|calendar| when.open == Some(calendar))
        && first.hour_of_week.as_ref().is_none_or(|first| {
            let own = when.hour_of_week.as_deref().copied().unwrap_or(EVERY_HOUR);
            own.iter().zip(first.iter()).all(|(own, first)| own & !first == 0)
        })
}

fn asks_nothing(when: &Condition, rules: &Rules) -> bool {
    implies(&Condition::default(), when, rules)
}

/// The channels that a condition asks for; `None`: any that the rules have.
fn every_channel(when: &Condition, rules: &Rules) -> Option<u16> {
    let all = ((1_u32 << rules.channels.len()) - 1) as u16;
    when.channel.filter(|bits| bits & all != all)
}

/// Hours 0 to 167.
const EVERY_HOUR: [u64; 3] = [u64::MAX, u64::MAX, (1 << 40) - 1];

/// There are never fewer than no failed attempts.
fn always(range: Option<Range>) -> bool {
    range.is_some_and(|range| range.at_least <= 0 && range.at_most == i64::MAX)
}

fn within<T: PartialEq>(own: &Option<Vec<T>>, first: &Option<Vec<T>>) -> bool {
    match (own, first) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(own), Some(first)) => own.iter().all(|value| first.contains(value)),
    }
}

fn inside(own: Option<Range>, first: Option<Range>) -> bool {
    match (own, first) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(own), Some(first)) => own.at_least >= first.at_least && own.at_most <= first.at_most,
    }
}
