//! What passes from hand to hand: calls put off to a later hour, conversations given to a colleague, to another division
//! or, by a supervisor's order, to somebody at all; desks that are left with work on them.

use crate::sim::act::Act;
use crate::sim::case::{Case, Presence, Stage};
use crate::sim::cast::{Lane, Medium, Slot};
use crate::sim::lines::{NO_CONTACT, Sent, Source};
use crate::sim::people::Carried;
use crate::sim::world::World;
use crate::types::EventType;

/// Of the callers whose patience ends, those who ask to be called instead, a thousand.
const RATHER_BE_CALLED: u32 = 80;
/// Of the desks started again, those that hand over what is on them, a thousand.
const REQUEUED: u32 = 400;

impl World {
    /// When a callback is wanted: mostly soon, else within hours.
    fn due_after(&mut self, at: u32) -> u32 {
        let delay = if self.rng.chance(700) {
            30_000 + self.rng.wait(150_000)
        } else {
            self.rng.between(600_000, 4 * 3_600_000)
        };
        at.saturating_add(delay)
    }

    /// Somebody asks on the web site to be called.
    pub(super) fn ask_for_call(&mut self, at: u32, person: u32, lane: u16) {
        let mut carried = Carried::default();
        carried.add(Slot::Phone, person, 0);
        if self.rng.chance(300) {
            carried.add(Slot::Email, person, 0);
        }
        let Lane { channel, queue, .. } = self.cast.lanes[usize::from(lane)];
        let due = self.due_after(at);
        self.begin(at, Source::Crm, EventType::CallbackRequested);
        self.people.write_from(&mut self.lines, &mut self.rng, &carried);
        self.lines.put(self.lines.texts.channels[channel.at()]);
        self.lines.put(self.lines.texts.queues[queue.at()]);
        self.lines.time("due", self.instant(due));
        self.end(at, Sent { person, lane, due, ..NO_CONTACT });
    }

    /// A caller who waits presses a key and hangs up: whether this one does.
    pub(super) fn rather_be_called(&mut self, at: u32, case: u32) -> bool {
        let (person, medium) = self.medium_of(case);
        if medium != Medium::Voice || self.habits.callback == 0 || !self.rng.chance(RATHER_BE_CALLED) {
            return false;
        }
        let Case { id, lane, queue, channel, .. } = self.cases[case as usize];
        let due = self.due_after(at);
        let carried = self.carried_in(case);
        self.begin(at, Source::Switch, EventType::CallbackRequested);
        self.people.write_from(&mut self.lines, &mut self.rng, &carried);
        self.lines.put(self.lines.texts.channels[usize::from(channel)]);
        self.lines.put(self.lines.texts.queues[usize::from(queue)]);
        self.lines.conversation(id);
        self.lines.time("due", self.instant(due));
        // Should an agent have it by now, the callback is a conversation of its own.
        self.end(at, Sent { person, lane, due, which: carried.first_which(), ..NO_CONTACT });
        self.leave_queue(case);
        let held = &mut self.cases[case as usize];
        held.stage = Stage::Scheduled;
        held.turn += 1;
        let turn = held.turn;
        self.plan_in(due, 0, Act::CallBack, case, turn, 0);
        true
    }

    /// The hour of a callback has come: it waits in its queue.
    pub(super) fn queue_callback(&mut self, case: u32) {
        let held = &mut self.cases[case as usize];
        if held.stage == Stage::Scheduled {
            held.stage = Stage::Waiting;
            let queue = usize::from(held.queue);
            self.census_mut().waiting[queue] += 1;
        }
    }

    /// A supervisor looks at what still waits: another value, other skills, another queue, or an order.
    pub(super) fn supervise(&mut self, at: u32, case: u32) {
        let Case { id, lane, stage, channel, .. } = self.cases[case as usize];
        if stage != Stage::Waiting {
            return;
        }
        let Lane { division, queue, .. } = self.cast.lanes[usize::from(lane)];
        let pool = self.pool_of(lane);
        match self.rng.below(10) {
            0..4 => {
                let Some(agent) = self.member_of(pool) else { return };
                self.begin(at, Source::Desktop, EventType::ConversationAssigned);
                self.lines.conversation(id);
                self.lines.agent(agent);
                self.lines.put(self.lines.texts.divisions[division.at()]);
            }
            choice => {
                self.begin(at, Source::Desktop, EventType::ConversationUpdated);
                self.lines.conversation(id);
                let skills = self.lines.texts.skills[queue.at()];
                let to = self.rng.below(self.cast.pools[usize::from(pool)].lanes.len() as u32);
                let to = self.cast.lane(pool, to as u8);
                match (choice, skills) {
                    (4..6, _) if to.channel.0 == channel => {
                        self.lines.put(self.lines.texts.queues[to.queue.at()]);
                    }
                    (6, Some(skills)) => self.lines.put(skills),
                    _ => {
                        let value = i64::from(self.rng.below(900)) - 100;
                        self.lines.literal(b"\"value\":");
                        self.lines.value(value);
                    }
                }
            }
        }
        self.end(at, NO_CONTACT);
    }

    /// Names an agent of those who serve a lane, as the customer's own.
    pub(super) fn prefer_somebody(&mut self, lane: u16) {
        if let Some(agent) = self.member_of(self.pool_of(lane)) {
            self.lines.preferred_agent(agent);
        }
    }

    /// An agent of a pool, at work or not; `None`: it has none.
    pub(super) fn member_of(&mut self, pool: u16) -> Option<u32> {
        let members = &self.cast.members[usize::from(pool)];
        let count = members.len() as u32;
        (count > 0).then(|| members[self.rng.below(count.max(1)) as usize])
    }

    /// The pool that a lane draws on.
    fn pool_of(&self, lane: u16) -> u16 {
        let Lane { division, medium, .. } = self.cast.lanes[usize::from(lane)];
        let pair = self.cast.pools_of[division.at()];
        pair[usize::from(medium != Medium::Voice)].expect("a lane has a pool")
    }

    /// A lane of another division by which a case could go on: of its channel.
    pub(super) fn lane_elsewhere(&mut self, case: u32) -> Option<u16> {
        let Case { lane, channel, .. } = self.cases[case as usize];
        let division = self.cast.lanes[usize::from(lane)].division;
        let (count, from) = (self.cast.lanes.len(), self.rng.below(self.cast.lanes.len() as u32) as usize);
        (from..from + count).map(|place| place % count).find_map(|place| {
            let other = &self.cast.lanes[place];
            (other.division != division && other.channel.0 == channel).then_some(place as u16)
        })
    }

    /// Hands a case to a queue of another division, where it is a new conversation.
    pub(super) fn hand_to_division(&mut self, at: u32, case: u32, lane: u16) {
        let Case { id, person, thread, which, .. } = self.cases[case as usize];
        let queue = self.cast.lanes[usize::from(lane)].queue;
        self.begin(at, Source::Desktop, EventType::ConversationTransferred);
        self.lines.conversation(id);
        self.lines.put(self.lines.texts.queues[queue.at()]);
        self.end(at, Sent { person, thread, lane, which, ..NO_CONTACT });
    }

    /// The desktop is started again: its agent is gone for a while, with or without the work.
    pub(super) fn restart(&mut self, at: u32, agent: u32) {
        let requeue = self.rng.chance(REQUEUED);
        self.state(at, agent, Presence::Offline, requeue);
        let turn = self.agents[agent as usize].turn;
        let delay = self.rng.between(15_000, 180_000);
        self.plan_in(at, delay, Act::Available, agent, turn, 0);
    }
}
