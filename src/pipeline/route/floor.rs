//! How a division's floor stands, for whoever watches. It goes through all agents and all classes: a few nanoseconds
//! each, so a matter of once a second.

use super::Division;
use super::staff::Presence;
use crate::types::Floor;

impl Division {
    /// Adds what waits and who is there.
    pub fn add_to(&self, floor: &mut Floor) {
        for class in &self.waiting.classes {
            floor.waiting[class.queue.at()] += class.waiting() as u64;
        }
        let agents = &mut floor.agents[self.id.at()];
        for agent in &self.staff.agents {
            let place = match agent.presence {
                Presence::Offline => 0,
                Presence::Away => 1,
                Presence::Available => 2,
                Presence::NotResponding => 3,
            };
            agents[place] += 1;
        }
    }
}
