//! Events about agents: definition, presence, the end of wrap-up.

use crate::rules::Rules;
use crate::types::event::{Event, Events};
use crate::types::operation::{Operation, Operations, WrappedBy};
use crate::types::{DivisionId, IgnoreReason};

use super::Division;
use super::profile::{Profile, Serves};
use super::staff::WrapUp;

impl Division {
    pub(super) fn agent_updated(&mut self, events: &Events, event: &Event) -> Result<(), IgnoreReason> {
        let number = self.staff.hire(event.agent_key, events.text(event.agent));
        self.note_waiting_for(number);
        let mut profile = std::mem::take(&mut self.scratch.profile);
        fill_profile(&mut profile, events, event, &self.rules, self.id);
        let (place, is_new) = self.staff.intern(&profile);
        if is_new {
            self.waiting.meet_profile(place, &profile);
            self.meet_delays(&profile);
        }
        self.scratch.profile = profile;
        self.staff.take_profile(number, place);
        let agent = &mut self.staff.agents[number as usize];
        agent.own_budget = event.budget.is_some();
        agent.budget = event.budget.unwrap_or(self.rules.divisions[self.id.at()].agents_budget);
        agent.define_capacity(events.capacities[event.capacity.range()].iter().copied());
        self.free(number);
        self.wait_no_longer(number);
        self.sweep_definitions();
        Ok(())
    }

    pub(super) fn agent_state(&mut self, events: &Events, event: &Event) -> Result<(), IgnoreReason> {
        let number =
            self.staff.find(event.agent_key, events.text(event.agent)).ok_or(IgnoreReason::UnknownAgent)?;
        let presence = event.presence.expect("decode requires the state");
        self.presence(number, presence, event.requeue);
        Ok(())
    }

    pub(super) fn agent_wrapped(
        &mut self,
        events: &Events,
        event: &Event,
        (operation, operations): (&Operation, &Operations),
        by: WrappedBy,
    ) -> Result<(), IgnoreReason> {
        let number =
            self.staff.find(event.agent_key, events.text(event.agent)).ok_or(IgnoreReason::UnknownAgent)?;
        let done = |wrap_up: &WrapUp| match by {
            WrappedBy::Conversation => wrap_up.conversation == operation.conversation,
            WrappedBy::Customer => {
                let other = (operation.row, wrap_up.customer);
                wrap_up.customer == operation.customer || operations.known_as.contains(&other)
            }
            WrappedBy::Agent => true,
        };
        let mut found = false;
        let mut place = 0;
        while place < self.staff.agents[number as usize].wrap_ups.len() {
            let wrap_up = self.staff.agents[number as usize].wrap_ups[place];
            if done(&wrap_up) {
                self.staff.agents[number as usize].wrap_ups.swap_remove(place);
                self.staff.unload(number, wrap_up.channel);
                found = true;
            } else {
                place += 1;
            }
        }
        if !found {
            return Err(IgnoreReason::WrongState);
        }
        self.free(number);
        Ok(())
    }
}

/// What a definition says besides capacity.
fn fill_profile(profile: &mut Profile, events: &Events, event: &Event, rules: &Rules, division: DivisionId) {
    profile.skills.clear();
    if let Some(list) = event.skills {
        profile.skills.extend(events.skills[list.range()].iter().map(|skill| (skill.key, skill.level)));
        profile.skills.sort_unstable();
    }
    profile.langs.clear();
    profile.langs.extend_from_slice(&events.langs[event.langs.range()]);
    profile.langs.sort_unstable();
    profile.langs.dedup();
    profile.queues.clear();
    profile.all = event.queues.is_none();
    match event.queues {
        Some(list) => {
            let own = events.queues[list.range()].iter();
            profile.queues.extend(own.map(|own| Serves {
                rank: own.rank,
                queue: own.queue,
                delay: own.delay,
            }));
        }
        None => profile.serve_all(rules, division),
    }
    profile.queues.sort_unstable_by_key(|serves| (serves.rank, serves.queue));
}
