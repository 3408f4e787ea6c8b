//! Routes, automated replies and business value: pure functions of the rules, the event and the customer.

use std::sync::Arc;

use crate::rules::keys::Keys;
use crate::rules::{Condition, Rules, VALUE_MAX};
use crate::types::event::Event;
use crate::types::{ChannelId, Millis, QueueId};

/// What routes and value may look at.
#[derive(Copy, Clone, Debug)]
pub struct Facts<'a> {
    /// The contact.
    pub event: &'a Event,
    /// Its channel.
    pub channel: ChannelId,
    /// When it counts as arrived.
    pub arrived: Millis,
    /// The event's language, else the profile's, else what was detected; 0: unknown.
    pub lang_key: u64,
    /// Forms of terms that hold of its text, whatever their language.
    pub hits: &'a [u32],
    /// The profile's tier.
    pub tier: Option<u16>,
    /// The profile's lifetime value.
    pub lifetime_value: Option<i64>,
    /// Earlier attempts that failed.
    pub failed_attempts: u32,
}

/// The rules, prepared: languages as keyed hashes, routes and replies by channel.
#[derive(Debug)]
pub struct Appraiser {
    rules: Arc<Rules>,
    routes: Choices,
    replies: Choices,
    /// Forms of terms, numbered through: by term, then by their place in it.
    forms: Vec<Form>,
}

/// Conditions of which the first that holds is chosen.
#[derive(Debug)]
struct Choices {
    /// By condition: keyed hashes of `when.lang`.
    langs: Vec<Option<Vec<u64>>>,
    /// By channel: the conditions whose channels it is one of, in order.
    by_channel: Vec<Vec<u32>>,
}

/// A form of a term.
#[derive(Debug)]
struct Form {
    /// Place in `Rules::terms`.
    term: u16,
    /// Keyed hash of its language; 0: `any`.
    lang_key: u64,
    /// Of `any`: keyed hashes of the languages that have a form of their own.
    others: Vec<u64>,
}

impl Form {
    /// Whether this is the form of its term for a language.
    #[inline]
    fn serves(&self, lang_key: u64) -> bool {
        match self.lang_key {
            0 => !self.others.contains(&lang_key),
            own => own == lang_key,
        }
    }
}

impl Choices {
    fn new<'r>(conditions: impl Iterator<Item = &'r Condition>, channels: usize, keys: &Keys) -> Choices {
        let conditions: Vec<&Condition> = conditions.collect();
        let hashed = |langs: &Vec<String>| langs.iter().map(|lang| keys.name(lang.as_bytes())).collect();
        let meets =
            |at: usize, channel: usize| conditions[at].channel.is_none_or(|bits| bits >> channel & 1 == 1);
        let of_channel =
            |channel| (0..conditions.len()).filter(|at| meets(*at, channel)).map(|at| at as u32).collect();
        Choices {
            langs: conditions.iter().map(|when| when.lang.as_ref().map(hashed)).collect(),
            by_channel: (0..channels).map(of_channel).collect(),
        }
    }
}

impl Appraiser {
    /// Prepares the rules.
    pub fn new(rules: &Arc<Rules>, keys: &Keys) -> Appraiser {
        let channels = rules.channels.len();
        let key = |lang: &Option<String>| lang.as_ref().map_or(0, |lang| keys.name(lang.as_bytes()));
        let mut forms = Vec::new();
        for (term, forms_of) in rules.terms.iter().enumerate() {
            let langs: Vec<u64> = forms_of.forms.iter().map(|form| key(&form.lang)).collect();
            let others: Vec<u64> = langs.iter().copied().filter(|key| *key != 0).collect();
            let form =
                |lang_key: &u64| Form { term: term as u16, lang_key: *lang_key, others: others.clone() };
            forms.extend(langs.iter().map(form));
        }
        Appraiser {
            routes: Choices::new(rules.routes.iter().map(|route| &route.when), channels, keys),
            replies: Choices::new(rules.replies.iter().map(|reply| &reply.when), channels, keys),
            forms,
            rules: rules.clone(),
        }
    }

    /// The queue of the first route whose conditions hold; `None` only where the rules have no routes.
    pub fn route(&self, facts: Facts) -> Option<QueueId> {
        let route = self.first(&self.routes, |at| &self.rules.routes[at].when, facts);
        route.map(|at| self.rules.routes[at].queue)
    }

    /// The place of the first automated reply whose conditions hold, and whether the conversation ends at once: by that
    /// reply, or because the customer is blocked; only one that the contact opens does. Callbacks are not replied to.
    pub fn answer(&self, facts: Facts, calls_back: bool, opens: bool, blocked: bool) -> (Option<u16>, bool) {
        if calls_back || opens && blocked {
            return (None, opens && blocked);
        }
        let reply = self.first(&self.replies, |at| &self.rules.replies[at].when, facts);
        (reply.map(|at| at as u16), opens && reply.is_some_and(|at| self.rules.replies[at].closes))
    }

    #[inline]
    fn first<'r>(
        &self,
        choices: &Choices,
        condition: impl Fn(usize) -> &'r Condition,
        facts: Facts,
    ) -> Option<usize> {
        let places = &choices.by_channel[facts.channel.at()];
        let langs =
            |at: usize| choices.langs[at].as_ref().is_none_or(|langs| langs.contains(&facts.lang_key));
        places.iter().map(|at| *at as usize).find(|at| langs(*at) && self.holds(condition(*at), facts))
    }

    /// The terms that hold of a contact: those whose form for its language does.
    #[inline]
    fn terms<'f>(&'f self, facts: Facts<'f>) -> impl Iterator<Item = u16> + 'f {
        let forms = facts.hits.iter().map(|form| &self.forms[*form as usize]);
        forms.filter(move |form| form.serves(facts.lang_key)).map(|form| form.term)
    }

    /// The part of a contact's value that stays what it is: all but tier, lifetime value, intent and the event's own.
    pub fn standing(&self, facts: Facts) -> i64 {
        let rules = &self.rules.value;
        let failed = rules.failed_attempt_points.saturating_mul(i64::from(facts.failed_attempts));
        let terms = [
            rules.base,
            rules.channel[facts.channel.at()],
            if self.public(facts) { rules.public } else { 0 },
            self.terms(facts).map(|term| rules.term[usize::from(term)]).sum(),
            bracket(&rules.reach, facts.event.reach),
            bracket(&rules.sentiment, facts.event.sentiment.map(i64::from)),
            if rules.failed_attempt_points >= 0 {
                failed.min(rules.failed_attempt_at_most)
            } else {
                failed.max(rules.failed_attempt_at_most)
            },
        ];
        terms.iter().fold(0_i64, |sum, term| sum.saturating_add(*term))
    }

    /// Business value: the sum of its terms, clamped to ±1,000,000.
    pub fn value(
        &self,
        standing: i64,
        (intent, own): (Option<u16>, i64),
        (tier, lifetime_value): (Option<u16>, Option<i64>),
    ) -> i64 {
        let rules = &self.rules.value;
        let named =
            |points: &[i64], at: Option<u16>| at.and_then(|at| points.get(at as usize)).copied().unwrap_or(0);
        let terms = [
            standing,
            named(&rules.tier, tier),
            named(&rules.intent, intent),
            bracket(&rules.lifetime_value, lifetime_value),
            own,
        ];
        terms.iter().fold(0_i64, |sum, term| sum.saturating_add(*term)).clamp(-VALUE_MAX, VALUE_MAX)
    }

    fn public(&self, facts: Facts) -> bool {
        facts.event.public.unwrap_or(self.rules.channels[facts.channel.at()].public)
    }

    /// Whether all conditions hold, those of channel and language apart.
    fn holds(&self, when: &Condition, facts: Facts) -> bool {
        let one_of = |set: &Option<Vec<u16>>, at: Option<u16>| {
            set.as_ref().is_none_or(|set| at.is_some_and(|at| set.contains(&at)))
        };
        one_of(&when.intent, facts.event.intent)
            && one_of(&when.tier, facts.tier)
            && when.term.as_ref().is_none_or(|terms| self.terms(facts).any(|term| terms.contains(&term)))
            && when.public.is_none_or(|public| public == self.public(facts))
            && when.reach.is_none_or(|range| range.holds(facts.event.reach))
            && when.sentiment.is_none_or(|range| range.holds(facts.event.sentiment.map(i64::from)))
            && when.failed_attempts.is_none_or(|range| range.holds(Some(i64::from(facts.failed_attempts))))
            && when.open.is_none_or(|calendar| self.rules.calendar(calendar).is_open(facts.arrived))
            && when.hour_of_week.as_ref().is_none_or(|hours| {
                let hour = self.rules.conversation.zone.hour_of_week(facts.arrived) as usize;
                hours[hour / 64] >> (hour % 64) & 1 == 1
            })
    }
}

/// Points of the highest bracket reached: the last `from` that is not above the value.
fn bracket(brackets: &[(i64, i64)], value: Option<i64>) -> i64 {
    let Some(value) = value else { return 0 };
    let reached = brackets.partition_point(|(from, _)| *from <= value);
    if reached == 0 { 0 } else { brackets[reached - 1].1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_bracket_reached_counts() {
        let brackets = [(-100, 100), (-50, 50), (0, 0)];
        let cases = [
            (None, 0),
            (Some(-101), 0),
            (Some(-100), 100),
            (Some(-51), 100),
            (Some(-50), 50),
            (Some(0), 0),
            (Some(100), 0),
        ];
        for (value, points) in cases {
            assert_eq!(bracket(&brackets, value), points, "{value:?}");
        }
    }
}
