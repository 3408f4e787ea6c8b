//! What customers do: they reach out by one of their channels, known by what that channel shows of them, write
//! again, lose patience, come back by another way, log in.

use crate::sim::act::Act;
use crate::sim::case::{Case, Stage};
use crate::sim::cast::{Lane, Medium, Slot};
use crate::sim::directory::NOBODY;
use crate::sim::lines::{NO_CONTACT, Sent, Source};
use crate::sim::people::Carried;
use crate::sim::profile::Profile;
use crate::sim::world::World;
use crate::types::EventType;

/// The thread that everybody joins.
const PUBLIC_THREAD: u32 = 1;
/// Groups of people behind one shared identifier.
const SHARED: u32 = 12;

/// Who sends what comes by a medium.
const SENDERS: [Source; Medium::COUNT] =
    [Source::Switch, Source::Chat, Source::Mail, Source::Text, Source::Social];

/// One contact to be written.
struct Contact {
    sent: Sent,
    /// The case whose engine's id the message names; `NOBODY`: none.
    names: u32,
    carried: Carried,
    /// Whether it opens the exchange: then it says more about itself.
    first: bool,
}

impl World {
    /// Who calls a pool next, and by which lane.
    pub(super) fn somebody(&mut self, pool: usize) -> (u32, u16) {
        let pool = &self.cast.pools[pool];
        let mut ticket = self.rng.below(pool.shares);
        let mut lane = pool.lanes[0];
        for place in &pool.lanes {
            let share = self.cast.lanes[usize::from(*place)].share;
            if ticket < share {
                lane = *place;
                break;
            }
            ticket -= share;
        }
        let (division, divisions) = (u32::from(pool.division.0), self.rules.divisions.len() as u32);
        (self.people.pick(&mut self.rng, division, divisions), lane)
    }

    /// A new contact.
    pub(super) fn arrive(&mut self, at: u32, person: u32, lane: u16) {
        let medium = self.cast.lanes[usize::from(lane)].medium;
        self.census_mut().handling[medium as usize].0 += 1;
        if medium == Medium::Voice && self.rng.chance(self.habits.callback) {
            self.ask_for_call(at, person, lane);
        } else {
            self.reach_out(at, person, lane, None);
        }
        if self.rng.chance(self.habits.profile_update) {
            let delay = self.rng.between(200, 20_000);
            self.plan_in(at, delay, Act::Profile, person, 0, 0);
        }
        if self.rng.chance(self.habits.link) {
            let delay = self.rng.between(1_000, 60_000);
            self.plan_in(at, delay, Act::Link, person, 0, 0);
        }
        for (share, act) in [(self.habits.unlink, Act::Unlink), (self.habits.erase, Act::Erase)] {
            if share > 0 && self.rng.chance(share) {
                let delay = self.rng.between(1_000, 300_000);
                self.plan_in(at, delay, act, person, 0, 0);
            }
        }
        if self.habits.second_door > 0 && self.rng.chance(self.habits.second_door) {
            let (other, delay) = (self.another_lane(lane), self.rng.between(5_000, 30_000));
            self.plan_in(at, delay, Act::Return, person, 0, other);
            let login = delay + self.rng.between(1_000, 30_000);
            self.plan_in(at, login, Act::Link, person, 0, 1);
        }
    }

    /// Somebody comes back, likely by another way than last time.
    pub(super) fn come_back(&mut self, at: u32, person: u32, lane: u16) {
        // Half of those who switch say who they were before.
        let before = self.rng.chance(500).then(|| self.rng.below(Medium::COUNT as u32) as usize);
        self.reach_out(at, person, lane, before);
    }

    fn reach_out(&mut self, at: u32, person: u32, lane: u16, before: Option<usize>) {
        let medium = self.cast.lanes[usize::from(lane)].medium;
        let logged_in = self.rng.chance(self.habits.logged_in);
        let mut carried = self.people.carried(&mut self.rng, person, medium, logged_in);
        if let Some(slot) =
            before.map(|n| [Slot::Phone, Slot::Cookie, Slot::Email, Slot::Handle, Slot::CustomerId][n])
        {
            carried.add(slot, person, 0);
        }
        self.entangle(&mut carried, person, medium);
        let thread = self.thread_for(person, medium);
        let (intent, by_route) = self.intent_for(lane);
        let sent = Sent { person, thread, lane, intent, by_route, which: carried.first_which(), due: 0 };
        self.contact(at, &Contact { sent, names: NOBODY, carried, first: true });
    }

    /// Identifiers that are not one person's alone: a family's telephone, a kiosk's browser, a brand's own handle;
    /// and the neighbour's, so that merges chain.
    fn entangle(&mut self, carried: &mut Carried, person: u32, medium: Medium) {
        let slot = [Slot::Phone, Slot::Cookie, Slot::Email, Slot::Phone, Slot::Handle][medium as usize];
        if self.rng.chance(self.habits.shared_identifier) {
            let groups =
                if self.plan.profile == Profile::Viral { SHARED } else { self.people.count() / 50 + 1 };
            carried.add(slot, self.people.count() + self.rng.below(groups), 0);
        }
        if self.rng.chance(self.habits.chain) {
            carried.add(slot, (person + 1) % self.people.count(), 0);
        }
    }

    fn thread_for(&mut self, person: u32, medium: Medium) -> u32 {
        if medium == Medium::Voice {
            return 0;
        }
        if medium == Medium::Social && self.rng.chance(self.habits.thread_share) {
            return PUBLIC_THREAD;
        }
        // Some windows know of no threads.
        if medium == Medium::Chat && self.habits.second_door > 0 && self.rng.chance(300) {
            return 0;
        }
        // Three in ten go on where they were.
        let case = self.people.open_case(person);
        if case != NOBODY && self.cases[case as usize].thread > 0 && self.rng.chance(300) {
            return self.cases[case as usize].thread;
        }
        self.threads += 1;
        self.threads
    }

    /// What it is about, and whether the routes find the queue by it.
    fn intent_for(&mut self, lane: u16) -> (u16, bool) {
        let lane = &self.cast.lanes[usize::from(lane)];
        let by_route = lane.steerable && !lane.intents.is_empty() && self.rng.chance(300);
        if lane.intents.is_empty() || !(by_route || self.rng.chance(500)) {
            return (u16::MAX, false);
        }
        (lane.intents[self.rng.below(lane.intents.len() as u32) as usize], by_route)
    }

    /// Writes a contact.
    fn contact(&mut self, at: u32, contact: &Contact) {
        let Sent { person, lane: lane_at, .. } = contact.sent;
        let Lane { medium, channel, .. } = self.cast.lanes[usize::from(lane_at)];
        self.begin(at, SENDERS[medium as usize], EventType::ContactReceived);
        self.lines.put(self.lines.texts.channels[channel.at()]);
        self.people.write_from(&mut self.lines, &mut self.rng, &contact.carried);
        if !contact.sent.by_route {
            let queue = self.cast.lanes[usize::from(lane_at)].queue;
            self.lines.put(self.lines.texts.queues[queue.at()]);
        }
        if contact.names != NOBODY {
            self.lines.conversation(self.cases[contact.names as usize].id);
        }
        if contact.sent.thread > 0 {
            self.lines.thread(contact.sent.thread);
        }
        if contact.sent.intent != u16::MAX && (contact.first || contact.sent.by_route) {
            self.lines.put(self.lines.texts.intents[usize::from(contact.sent.intent)]);
        }
        let language = self.people.language(person);
        if medium != Medium::Voice {
            self.write_text(language, contact.first);
        }
        if self.rng.chance(600) {
            self.lines.put(self.lines.texts.languages[language]);
        }
        self.circumstances(medium, lane_at, contact.first);
        if contact.first && self.rng.chance(self.habits.preferred_agent) {
            self.prefer_somebody(lane_at);
        }
        self.census_mut().contacts += 1;
        self.end(at, contact.sent);
    }

    fn write_text(&mut self, language: usize, first: bool) {
        let most = if first { self.habits.phrases } else { self.habits.phrases.div_ceil(2) };
        let count = self.rng.between(1, most.max(1));
        self.lines.literal(b"\"text\":\"");
        for place in 0..count {
            if place > 0 {
                self.lines.literal(b" ");
            }
            let phrases = &self.lines.texts.phrases[language];
            self.lines.put(phrases[self.rng.below(phrases.len() as u32) as usize]);
        }
        self.lines.literal(b"\",");
    }

    /// What a connector knows besides: reach, mood, a value of its own, a skill asked for.
    fn circumstances(&mut self, medium: Medium, lane: u16, first: bool) {
        if medium == Medium::Social {
            let reach = 1u32 << self.rng.below(19);
            let reach = reach + self.rng.below(reach);
            self.lines.literal(b"\"reach\":");
            self.lines.value(i64::from(reach));
            if self.rng.chance(100) {
                self.lines.literal(b"\"public\":false,");
            }
        }
        if self.rng.chance(400) {
            let mood = i64::from(self.rng.below(201)) - 100;
            self.lines.literal(b"\"sentiment\":");
            self.lines.value(mood);
        }
        if first && self.rng.chance(50) {
            let value = i64::from(self.rng.below(400)) - 50;
            self.lines.literal(b"\"value\":");
            self.lines.value(value);
        }
        let queue = self.cast.lanes[usize::from(lane)].queue;
        if first
            && self.rng.chance(40)
            && let Some(skills) = self.lines.texts.skills[queue.at()]
        {
            self.lines.put(skills);
        }
    }

    /// What somebody is known by in an exchange that is under way: what it began with, unless the channel changed.
    pub(super) fn carried_in(&self, case: u32) -> Carried {
        let (person, medium) = self.medium_of(case);
        let Case { lane, which, .. } = self.cases[case as usize];
        let same = self.cast.lanes[usize::from(lane)].medium == medium;
        self.people.shown(person, medium, if same { which } else { 0 })
    }

    pub(super) fn medium_of(&self, case: u32) -> (u32, Medium) {
        let case = &self.cases[case as usize];
        (case.person, self.cast.media[usize::from(case.channel)])
    }

    /// A message in an exchange: by the engine's id where the widget has it, else by who writes and where.
    fn write_on(&mut self, at: u32, case: u32) {
        let carried = self.carried_in(case);
        let Some(held) = self.cases.get(case as usize) else { return };
        let mut sent = Sent {
            person: held.person,
            thread: held.thread,
            lane: held.lane,
            intent: held.intent,
            by_route: held.by_route,
            which: carried.first_which(),
            due: 0,
        };
        // A conversation that changed its channel goes on by that one.
        let channel = usize::from(held.channel);
        if self.cast.lanes[usize::from(sent.lane)].channel.at() != channel {
            let division = self.cast.lanes[usize::from(sent.lane)].division;
            let of_channel = |lane: &Lane| lane.division == division && lane.channel.at() == channel;
            if let Some(lane) = self.cast.lanes.iter().position(of_channel) {
                sent.lane = lane as u16;
                sent.by_route = false;
            }
        }
        let names = if self.rng.chance(400) { case } else { NOBODY };
        self.contact(at, &Contact { sent, names, carried, first: false });
    }

    /// A message to the agent; after the last of a row the agent answers.
    pub(super) fn message(&mut self, at: u32, case: u32, more: u16) {
        self.write_on(at, case);
        let turn = self.cases[case as usize].turn;
        if more > 0 {
            let delay = self.rng.between(1_500, 7_000);
            self.plan_in(at, delay, Act::Message, case, turn, more - 1);
        } else {
            let (_, medium) = self.medium_of(case);
            let delay = self.thinking(medium);
            self.plan_in(at, delay, Act::Reply, case, turn, 0);
        }
    }

    /// Writes once more while waiting.
    pub(super) fn nudge(&mut self, at: u32, case: u32) {
        let stage = self.cases[case as usize].stage;
        if matches!(stage, Stage::Waiting | Stage::Offered | Stage::Active) {
            self.write_on(at, case);
        }
    }

    /// Hangs up, closes the window, deletes the post: if nobody has answered yet.
    pub(super) fn give_up(&mut self, at: u32, case: u32) {
        let stage = self.cases[case as usize].stage;
        if stage == Stage::Waiting && self.rather_be_called(at, case) {
            return;
        }
        if matches!(stage, Stage::Waiting | Stage::Offered) {
            self.abandon(at, case);
        }
    }

    /// Leaves in the middle of an exchange.
    pub(super) fn hang_up(&mut self, at: u32, case: u32) {
        self.abandon(at, case);
        // Should the engine take it for somebody else's, the agent sees that nobody is there.
        let turn = self.cases[case as usize].turn;
        let delay = self.rng.between(30_000, 60_000);
        self.plan_in(at, delay, Act::Resolve, case, turn, 0);
    }

    fn abandon(&mut self, at: u32, case: u32) {
        let (_, medium) = self.medium_of(case);
        self.begin(at, SENDERS[medium as usize], EventType::ContactAbandoned);
        if self.rng.chance(600) {
            self.lines.conversation(self.cases[case as usize].id);
        } else {
            let carried = self.carried_in(case);
            self.people.write_from(&mut self.lines, &mut self.rng, &carried);
            let channel = usize::from(self.cases[case as usize].channel);
            self.lines.put(self.lines.texts.channels[channel]);
        }
        self.end(at, NO_CONTACT);
    }

    /// A lane of the same division by which somebody comes back: of any medium.
    pub(super) fn another_lane(&mut self, lane: u16) -> u16 {
        let division = self.cast.lanes[usize::from(lane)].division;
        let pair = self.cast.pools_of[division.at()];
        let wanted = usize::from(self.rng.chance(600));
        let pool = pair[wanted].or(pair[1 - wanted]).expect("a lane's division has a pool");
        let lanes = &self.cast.pools[usize::from(pool)].lanes;
        lanes[self.rng.below(lanes.len() as u32) as usize]
    }

    /// The profile of somebody changes.
    pub(super) fn profile(&mut self, at: u32, person: u32) {
        let traits = self.people.traits(person);
        let mut carried = Carried::default();
        carried.add(if traits % 10 < 7 { Slot::CustomerId } else { Slot::Email }, person, 0);
        if self.rng.chance(300) {
            carried.add(Slot::Email, person, 0);
        }
        self.begin(at, Source::Crm, EventType::CustomerUpdated);
        self.people.write_from(&mut self.lines, &mut self.rng, &carried);
        let tiers = &self.lines.texts.tiers;
        let wealth = (traits >> 16) as u32 % 100;
        if wealth < 40 && !tiers.is_empty() {
            let place = if wealth < 5 { 0 } else { (wealth / 8) as usize };
            self.lines.put(tiers[place % tiers.len()]);
        }
        self.lines.literal(b"\"lifetime_value\":");
        self.lines.value((traits >> 24) as i64 % 400 * ((traits >> 40) as i64 % 60));
        let language = self.people.language(person);
        self.lines.put(self.lines.texts.languages[language]);
        if self.rng.rarely(3_000) {
            self.lines.literal(b"\"blocked\":true,");
        }
        self.end(at, NO_CONTACT);
    }

    /// A login shows that two of somebody's identifiers, or `all`, belong together.
    pub(super) fn link(&mut self, at: u32, person: u32, all: bool) {
        const SLOTS: [Slot; 5] = [Slot::CustomerId, Slot::Email, Slot::Phone, Slot::Handle, Slot::Cookie];
        let has_id = self.people.traits(person) % 10 < 7;
        let mut usable = SLOTS.into_iter().filter(|slot| {
            self.cast.kinds[*slot as usize].is_some() && (has_id || *slot != Slot::CustomerId)
        });
        let Some(first) = usable.next() else { return };
        let others: Vec<Slot> = usable.collect();
        if others.is_empty() {
            return;
        }
        let mut carried = Carried::default();
        carried.add(first, person, 0);
        if all {
            others.iter().for_each(|other| carried.add(*other, person, 0));
        }
        let other = others[self.rng.below(others.len() as u32) as usize];
        carried.add(other, person, 0);
        if self.rng.chance(200) {
            carried.add(other, person, 1);
        }
        self.begin(at, Source::Crm, EventType::IdentityLinked);
        self.people.write_from(&mut self.lines, &mut self.rng, &carried);
        self.end(at, NO_CONTACT);
    }

    /// A number or an address turns out to be somebody else's: the caller's own, or the neighbour's that came along.
    pub(super) fn unlink(&mut self, at: u32, person: u32) {
        let slot = [Slot::Phone, Slot::Email, Slot::Cookie, Slot::Handle][self.rng.below(4) as usize];
        let owner = if self.rng.chance(500) { person } else { (person + 1) % self.people.count() };
        let mut carried = Carried::default();
        carried.add(slot, owner, 0);
        self.begin(at, Source::Crm, EventType::IdentityUnlinked);
        self.people.write_identifier(&mut self.lines, &mut self.rng, &carried);
        self.end(at, NO_CONTACT);
    }

    /// Somebody wants to be forgotten, whatever is open.
    pub(super) fn erase(&mut self, at: u32, person: u32) {
        let mut carried = Carried::default();
        carried.add(Slot::Email, person, 0);
        if self.rng.chance(400) {
            carried.add(Slot::CustomerId, person, 0);
        }
        if self.rng.chance(400) {
            carried.add(Slot::Phone, person, 0);
        }
        self.begin(at, Source::Crm, EventType::CustomerErased);
        self.people.write_from(&mut self.lines, &mut self.rng, &carried);
        self.end(at, NO_CONTACT);
    }
}
