//! Business value of a contact: a sum, so that every point can be explained.

use super::event::Tier;
use super::routing_rules::Facts;
use super::understand::Profile;
use crate::rules::{VALUE_MAX, ValueRules};

impl Profile {
    /// The tier, if the rules name it.
    pub fn known_tier(&self) -> Option<u16> {
        match self.tier {
            Some(Tier::Known(tier)) => Some(tier),
            Some(Tier::Unknown) | None => None,
        }
    }
}

/// What a contact is worth without tier, lifetime value, intent and its own `value`: that may change later.
pub fn standing(facts: &Facts, rules: &ValueRules) -> i64 {
    let terms = [
        rules.base,
        facts.terms.iter().map(|term| rules.term[usize::from(*term)]).sum(),
        rules.channel[facts.channel.at()],
        if facts.public { rules.public } else { 0 },
        bracket(facts.reach, &rules.reach),
        bracket(facts.sentiment, &rules.sentiment),
        failed_attempts(facts.failed_attempts, rules),
    ];
    terms.iter().sum()
}

/// The value, clamped to ±1,000,000.
pub fn value(facts: &Facts, rules: &ValueRules) -> i64 {
    let terms = [
        facts.standing,
        facts.tier.map_or(0, |tier| rules.tier[usize::from(tier)]),
        facts.intent.map_or(0, |intent| rules.intent[usize::from(intent)]),
        bracket(facts.lifetime_value, &rules.lifetime_value),
        facts.own_value,
    ];
    let sum: i128 = terms.iter().map(|term| i128::from(*term)).sum();
    sum.clamp(-i128::from(VALUE_MAX), i128::from(VALUE_MAX)) as i64
}

/// Points of the last entry whose `from` the value reaches.
fn bracket(value: Option<i64>, entries: &[(i64, i64)]) -> i64 {
    let Some(value) = value else { return 0 };
    entries.iter().rfind(|(from, _)| *from <= value).map_or(0, |(_, points)| *points)
}

/// Points by number of failed attempts, bounded in the direction of their sign.
fn failed_attempts(failed: i64, rules: &ValueRules) -> i64 {
    let points = failed * rules.failed_attempt_points;
    if rules.failed_attempt_points >= 0 {
        points.min(rules.failed_attempt_at_most)
    } else {
        points.max(rules.failed_attempt_at_most)
    }
}
