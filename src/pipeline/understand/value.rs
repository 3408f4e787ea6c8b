//! Routes and business value: pure functions of the rules, the event and the customer.

use std::sync::Arc;

use crate::rules::keys::Keys;
use crate::rules::{Rules, VALUE_MAX};
use crate::types::event::Event;
use crate::types::{ChannelId, Millis, QueueId};

/// What routes and value may look at.
#[derive(Copy, Clone)]
pub struct Facts<'a> {
    /// The contact.
    pub event: &'a Event,
    /// Its channel.
    pub channel: ChannelId,
    /// When it counts as arrived.
    pub arrived: Millis,
    /// The event's language, else the profile's; 0: unknown.
    pub lang_key: u64,
    /// The profile's tier.
    pub tier: Option<u16>,
    /// The profile's lifetime value.
    pub lifetime_value: Option<i64>,
    /// Earlier attempts that failed.
    pub failed_attempts: u32,
}

/// The rules, prepared: languages as keyed hashes, routes by channel.
pub struct Appraiser {
    rules: Arc<Rules>,
    /// By route: keyed hashes of `when.lang`.
    langs: Vec<Option<Vec<u64>>>,
    /// By channel: the routes whose channel condition it meets, in order.
    by_channel: Vec<Vec<u32>>,
}

impl Appraiser {
    /// Prepares the rules.
    pub fn new(rules: &Arc<Rules>, keys: &Keys) -> Appraiser {
        let langs = rules.routes.iter().map(|route| {
            route
                .when
                .lang
                .as_ref()
                .map(|langs| langs.iter().map(|lang| keys.name(lang.as_bytes())).collect())
        });
        let meets = |route: usize, channel: usize| {
            rules.routes[route].when.channel.is_none_or(|bits| bits >> channel & 1 == 1)
        };
        let by_channel = (0..rules.channels.len()).map(|channel| {
            (0..rules.routes.len()).filter(|route| meets(*route, channel)).map(|r| r as u32).collect()
        });
        Appraiser { langs: langs.collect(), by_channel: by_channel.collect(), rules: rules.clone() }
    }

    /// The queue of the first route whose conditions hold; `None` only where the rules have no routes.
    pub fn route(&self, facts: Facts) -> Option<QueueId> {
        let routes = &self.by_channel[facts.channel.at()];
        routes
            .iter()
            .find(|route| self.holds(**route as usize, facts))
            .map(|route| self.rules.routes[*route as usize].queue)
    }

    /// The part of a contact's value that stays what it is: all but tier, lifetime value, intent and the event's own.
    pub fn standing(&self, facts: Facts) -> i64 {
        let rules = &self.rules.value;
        let failed = rules.failed_attempt_points.saturating_mul(i64::from(facts.failed_attempts));
        let terms = [
            rules.base,
            rules.channel[facts.channel.at()],
            if self.public(facts) { rules.public } else { 0 },
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

    /// Whether all conditions of a route hold, its channel's apart.
    fn holds(&self, route: usize, facts: Facts) -> bool {
        let when = &self.rules.routes[route].when;
        let one_of = |set: &Option<Vec<u16>>, at: Option<u16>| {
            set.as_ref().is_none_or(|set| at.is_some_and(|at| set.contains(&at)))
        };
        self.langs[route].as_ref().is_none_or(|langs| langs.contains(&facts.lang_key))
            && one_of(&when.intent, facts.event.intent)
            && one_of(&when.tier, facts.tier)
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
