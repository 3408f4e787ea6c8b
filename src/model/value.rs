//! Business value of a contact: a sum, so that every point can be explained.

use super::event::Tier;
use super::routing_rules::Facts;
use super::understand::Profile;
use crate::rules::{Rules, VALUE_MAX, ValueRules};

impl Profile {
    /// The tier, if the rules name it.
    pub fn known_tier(&self) -> Option<u16> {
        match self.tier {
            Some(Tier::Known(tier)) => Some(tier),
            Some(Tier::Unknown) | None => None,
        }
    }
}

/// One term of a value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Points {
    /// What they are for, as the rules name it: `base`, `term.refund`, `tier.gold`, `event` …
    pub of: String,
    /// How many.
    pub points: i64,
}

/// A business value with all its terms, those of no points left out.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Worth(pub Vec<Points>);

impl Worth {
    /// The value: the sum, clamped to ±1,000,000.
    pub fn value(&self) -> i64 {
        let sum: i128 = self.0.iter().map(|term| i128::from(term.points)).sum();
        sum.clamp(-i128::from(VALUE_MAX), i128::from(VALUE_MAX)) as i64
    }

    fn add(&mut self, of: impl Into<String>, points: i64) {
        if points != 0 {
            self.0.push(Points { of: of.into(), points });
        }
    }
}

/// What a contact is worth without tier, lifetime value, intent and its own `value`: that may change later.
pub fn standing(facts: &Facts, rules: &Rules) -> Worth {
    let value = &rules.value;
    let mut worth = Worth::default();
    worth.add("base", value.base);
    for term in facts.terms.iter().map(|term| usize::from(*term)) {
        worth.add(format!("term.{}", rules.terms[term].name), value.term[term]);
    }
    let channel = facts.channel.at();
    worth.add(format!("channel.{}", rules.channels[channel].name), value.channel[channel]);
    worth.add("public", if facts.public { value.public } else { 0 });
    worth.add("reach", bracket(facts.reach, &value.reach));
    worth.add("sentiment", bracket(facts.sentiment, &value.sentiment));
    worth.add("failed_attempts", failed_attempts(facts.failed_attempts, value));
    worth
}

/// The whole of it.
pub fn worth(facts: &Facts, rules: &Rules) -> Worth {
    let mut worth = facts.standing.clone();
    let value = &rules.value;
    if let Some(tier) = facts.tier.map(usize::from) {
        worth.add(format!("tier.{}", rules.tiers[tier]), value.tier[tier]);
    }
    if let Some(intent) = facts.intent.map(usize::from) {
        worth.add(format!("intent.{}", rules.intents[intent]), value.intent[intent]);
    }
    worth.add("lifetime_value", bracket(facts.lifetime_value, &value.lifetime_value));
    worth.add("event", facts.own_value);
    worth
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
