//! A change of rules: numbers that stand in customers' and conversations' records are carried over, and spans are the new
//! ones. What was kept by the former rules only as long as they kept it is gone: a window that grows does not bring back
//! attempts, nor a longer `idle_close` conversations.
//!
//! Cost: a look at every open conversation; at every customer only where channels or tiers have other numbers, or attempts
//! are kept for longer or in another number.

use std::sync::Arc;

use super::customer::{Customer, NONE};
use super::shard::Shard;
use super::value::Appraiser;
use super::{Context, Understand};
use crate::collections::bits::Bits;
use crate::rules::keys::Keys;
use crate::rules::{Renumbering, Rules, Uses};
use crate::types::{ChannelId, Millis};

/// From which rules to which.
#[derive(Copy, Clone)]
pub(super) struct Change<'a> {
    before: &'a Rules,
    rules: &'a Rules,
    numbers: &'a Renumbering,
    clock: Millis,
}

impl Understand {
    /// What is in use here of what the rules declare: channels of what is open.
    pub fn uses(&self, clock: Millis) -> Uses {
        let mut uses = Uses::none(&self.context.rules);
        for shard in &self.shards.shards {
            for slot in shard.slots() {
                if clock.since(shard.active(slot)) < shard.idle_close {
                    uses.channels[shard.conversations[slot].channel.at()] += 1;
                }
            }
        }
        uses
    }

    /// Goes on by other rules, in which nothing that is in use is gone.
    pub fn adopt(&mut self, rules: &Arc<Rules>, keys: &Keys, numbers: &Renumbering, clock: Millis) {
        let before = self.context.rules.clone();
        let change = Change { before: &before, rules, numbers, clock };
        self.shards.shards.iter_mut().for_each(|shard| shard.change_rules(change));
        self.context = Context {
            rules: rules.clone(),
            appraiser: Appraiser::new(rules, keys),
            has_affinity: rules.has_affinity(),
            accepts_by_itself: super::accepts_by_itself(rules),
        };
    }
}

impl Shard {
    /// Places of conversations that are in a customer's list.
    fn slots(&self) -> impl Iterator<Item = u32> + use<> {
        let mut free = Bits::default();
        for slot in &self.free {
            free.set(*slot);
        }
        (0..self.conversations.len()).filter(move |slot| !free.get(*slot))
    }

    fn change_rules(&mut self, change: Change) {
        for slot in self.slots() {
            if change.clock.since(self.active(slot)) >= self.idle_close || !self.carry(slot, change) {
                self.close(slot);
            }
        }
        if !change.before.has_affinity() {
            for customer in std::mem::take(&mut self.preferred).into_keys() {
                self.customers[customer].prefer_nobody();
            }
        }
        let Change { before, rules, numbers, clock } = change;
        let (kept, window) = (rules.conversation.attempts_kept as usize, rules.conversation.attempts_window);
        self.blocks.widen(kept);
        if kept != self.kept || window > self.window || !numbers.keeps_channels() || !numbers.keeps_tiers() {
            let since = clock.minus(before.conversation.attempts_window);
            for local in 0..self.customers.len() {
                let customer: &mut Customer = &mut self.customers[local];
                customer.forget_attempts(since, &mut self.blocks);
                customer.carry_attempts(
                    |channel: ChannelId| numbers.channel(channel),
                    kept,
                    &mut self.blocks,
                );
                customer.carry_tier(|tier| numbers.tier(tier));
            }
        }
        self.set_spans(rules);
    }

    /// Whether the conversation goes on: not where its division has no queue left, in which route holds nothing either.
    fn carry(&mut self, slot: u32, Change { before, rules, numbers, .. }: Change) -> bool {
        let (conversation, latest) = (&mut self.conversations[slot], &mut self.latest[slot]);
        conversation.channel = numbers.channel(conversation.channel).expect("a channel in use stays");
        latest.intent = latest.intent().and_then(|intent| numbers.intent(intent)).unwrap_or(u16::MAX);
        if !before.has_affinity() {
            latest.preferred = NONE;
        }
        // Where it was sent last may be gone, if it is not there any more.
        let first = rules.divisions[conversation.division.at()].queues.first().copied();
        let queue = numbers.queue(latest.queue).or(first);
        latest.queue = queue.unwrap_or(latest.queue);
        queue.is_some()
    }
}
