//! Routes and automated replies: the first whose condition holds. Conditions are read field by field as the semantics list them.

use std::collections::BTreeSet;

use super::understand::Reply;
use super::value::Worth;
use crate::rules::{self, Condition, Rules};
use crate::types::{ChannelId, Millis, QueueId};

/// What is known of a contact when it is valued and routed.
#[derive(Clone, Debug)]
pub struct Facts {
    pub channel: ChannelId,
    /// Lower case; the event's or else the profile's or else what was detected.
    pub lang: Option<String>,
    pub intent: Option<u16>,
    /// Only one that the rules name.
    pub tier: Option<u16>,
    /// Terms that hold of its text.
    pub terms: BTreeSet<u16>,
    pub public: bool,
    pub reach: Option<i64>,
    pub lifetime_value: Option<i64>,
    pub sentiment: Option<i64>,
    /// Kept earlier attempts that failed.
    pub failed_attempts: i64,
    pub arrived: Millis,
    /// The event's own `value`.
    pub own_value: i64,
    /// What the contact is worth without what the profile or an update may change, by the rules of then.
    pub standing: Worth,
}

/// The queue of the first route that holds; none only if the rules have no routes.
pub fn route(facts: &Facts, rules: &Rules) -> Option<QueueId> {
    rules.routes.iter().find(|route| holds(&route.when, facts, rules)).map(|route| route.queue)
}

/// The first automated reply that holds.
pub fn reply<'r>(facts: &Facts, rules: &'r Rules) -> Option<&'r rules::Reply> {
    rules.replies.iter().find(|reply| holds(&reply.when, facts, rules))
}

fn holds(when: &Condition, facts: &Facts, rules: &Rules) -> bool {
    let channel = when.channel.is_none_or(|channels| channels >> facts.channel.0 & 1 == 1);
    let lang =
        when.lang.as_ref().is_none_or(|langs| facts.lang.as_ref().is_some_and(|lang| langs.contains(lang)));
    let intent =
        when.intent.as_ref().is_none_or(|intents| facts.intent.is_some_and(|i| intents.contains(&i)));
    let tier = when.tier.as_ref().is_none_or(|tiers| facts.tier.is_some_and(|t| tiers.contains(&t)));
    let term = when.term.as_ref().is_none_or(|terms| terms.iter().any(|term| facts.terms.contains(term)));
    let public = when.public.is_none_or(|public| public == facts.public);
    let reach = when.reach.is_none_or(|range| range.holds(facts.reach));
    let sentiment = when.sentiment.is_none_or(|range| range.holds(facts.sentiment));
    let failed_attempts = when.failed_attempts.is_none_or(|range| range.holds(Some(facts.failed_attempts)));
    let open = when.open.is_none_or(|calendar| rules.calendar(calendar).is_open(facts.arrived));
    let hour_of_week = when.hour_of_week.as_ref().is_none_or(|hours| {
        let hour = usize::from(rules.conversation.zone.hour_of_week(facts.arrived));
        hours[hour / 64] >> (hour % 64) & 1 == 1
    });
    channel
        && lang
        && intent
        && tier
        && term
        && public
        && reach
        && sentiment
        && failed_attempts
        && open
        && hour_of_week
}

/// Whether a conversation that a contact opens is closed at once, and what is sent back. A blocked customer's gets the
/// template for that and none of the rules, of a callback too; no rule answers who asks to be called back.
pub fn answer(
    facts: &Facts,
    (opens, blocked, calls_back): (bool, bool, bool),
    rules: &Rules,
) -> (bool, Option<Reply>) {
    // Whether a callback opens a conversation of its own, only route knows.
    if blocked && (opens || calls_back) {
        let template = rules.conversation.blocked;
        return (true, template.map(|template| Reply { template, private: false, always: true }));
    }
    match reply(facts, rules).filter(|_| !calls_back) {
        Some(rule) => {
            let sent = Reply { template: rule.template, private: rule.private, always: false };
            (opens && rule.closes, Some(sent))
        }
        None => (false, None),
    }
}
