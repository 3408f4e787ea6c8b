//! Definitions that no agent has any more. Profiles, their groups, and what classes know of both are only added to, because
//! that is what makes matching fast; so where agents are defined anew again and again, they are made anew once those
//! without an agent are more than the others. Nothing outside changes by it, and conversations stay in their heaps.
//!
//! Cost: what the profiles in use cost when they were met, shared by at least as many definitions since.

use crate::rules::Renumbering;

use super::Division;
use super::orders::Moved;

impl Division {
    /// Forgets definitions that nobody has, if they are many.
    pub(super) fn sweep_definitions(&mut self) {
        if !self.staff.is_littered() {
            return;
        }
        self.waiting.seat();
        let rules = self.rules.clone();
        self.staff.adopt(&rules, &rules, self.id, &Renumbering::new(&rules, &rules));
        self.waiting.forget_profiles();
        for (number, profile) in self.staff.profiles.iter().enumerate() {
            self.waiting.meet_profile(number as u32, profile);
            self.waiting.note_delays(profile);
        }
        for number in 0..self.staff.agents.len() as u32 {
            self.settle(number, Moved::All);
        }
    }

    /// Definitions kept, and groups of agents.
    pub fn definitions(&self) -> (usize, usize) {
        (self.staff.profiles.len(), self.staff.groups.len())
    }
}
