//! The world's clockwork: who plans what, in which order it is done, how lines reach the engine in batches and news
//! of its decisions comes back before anybody's next reaction. What customers and agents do stands in `customers`
//! and `desk`, what they make of news in `reactions`.
//!
//! The world never reads the log it writes: it reacts to the engine's typed decisions. It writes ahead: the lines of
//! slot k + 1 while the engine may still be at those of slot k; before it begins slot k + 2 all news of slot k has been
//! taken up. No effect stands before its cause, since a reaction takes two slots at least (`REACTION_MS_MIN`). When
//! news is taken up depends on what was written alone, so the log is the same whichever thread the engine is in.

use std::collections::VecDeque;
use std::io::{self, Write};

use crate::collections::prefetch::prefetch;
use crate::rules::Rules;
use crate::sim::act::Act;
use crate::sim::agenda::{Agenda, Item, SLOT_MS};
use crate::sim::batch::UNDER_WAY_MAX;
use crate::sim::case::{Agent, Case, Presence};
use crate::sim::cast::{Cast, CastError};
use crate::sim::census::{Census, Staff};
use crate::sim::directory::Directory;
use crate::sim::faults::Faults;
use crate::sim::lines::{Lines, Sent, Source};
use crate::sim::people::People;
use crate::sim::profile::{BEGIN, BURST, DAY_MS, Habits, LATE, LATE_BY_MS, Pace, Plan, Profile, SHIFT_MS};
use crate::sim::rng::Rng;
use crate::sim::texts::Texts;
use crate::sim::{Batch, Engine};
use crate::types::{EventType, Millis};

/// Most lines that the engine gets at once.
const BATCH_LINES: usize = 512;
/// How many steps ahead memory is asked for, and so many before that what leads there.
pub(super) const AHEAD: usize = 6;
/// Nobody reacts faster. News of a slot is taken up before the next slot but one is written.
pub(super) const REACTION_MS_MIN: u32 = 2 * SLOT_MS;

/// The world.
pub struct World {
    pub(super) plan: Plan,
    pub(super) habits: Habits,
    pub(super) rules: Rules,
    pub(super) cast: Cast,
    pub(super) rng: Rng,
    pub(super) agenda: Agenda,
    pub(super) lines: Lines,
    pub(super) people: People,
    pub(super) cases: Vec<Case>,
    pub(super) free: Vec<u32>,
    pub(super) directory: Directory,
    pub(super) agents: Vec<Agent>,
    pub(super) faults: Faults,
    pub(super) threads: u32,
    /// When the next contact of each pool comes, in 1/65,536 ms.
    arrivals: Vec<u64>,
    census: Census,
    now: u32,
    /// Of each batch under way, oldest first: when its slot began.
    under_way: VecDeque<u32>,
    /// Batches to be filled again.
    spare: Vec<Batch>,
}

impl World {
    /// A world of a plan under rules.
    ///
    /// # Errors
    /// When the rules lack what a world needs.
    pub fn new(plan: Plan, rules: &Rules) -> Result<World, CastError> {
        let cast = Cast::new(rules, plan.agents, plan.seed)?;
        let mut world = World {
            habits: plan.profile.habits(),
            rules: rules.clone(),
            rng: Rng::new(plan.seed),
            agenda: Agenda::new(),
            lines: Lines::new(Texts::new(rules, &cast.kinds), plan.seed),
            people: People::new(plan.customers, plan.seed),
            cases: Vec::new(),
            free: Vec::new(),
            directory: Directory::new(),
            agents: Vec::new(),
            faults: Faults::default(),
            threads: 1,
            arrivals: vec![u64::from(Self::opens(&plan)) << 16; cast.pools.len()],
            census: Census {
                staff: vec![Staff::default(); cast.pools.len()],
                waiting: vec![0; rules.queues.len()],
                agents: [plan.agents, 0, 0, 0],
                ..Census::default()
            },
            now: 0,
            under_way: VecDeque::with_capacity(UNDER_WAY_MAX),
            spare: Vec::new(),
            cast,
            plan,
        };
        world.plan_shifts();
        Ok(world)
    }

    /// When the first contacts come, in milliseconds.
    fn opens(plan: &Plan) -> u32 {
        if plan.pace == Pace::Day { 10_000 } else { 20_000 }
    }

    fn plan_shifts(&mut self) {
        // Shifts begin as the morning fills: minutes after opening, by twelfths of the staff.
        const STARTS: [u32; 12] = [0, 0, 0, 30, 60, 60, 120, 180, 240, 300, 360, 360];
        for agent in 0..self.plan.agents {
            let begins = match self.plan.pace {
                Pace::Steady => self.rng.below(9_000),
                Pace::Day => {
                    let start = STARTS[self.rng.below(12) as usize] * 60_000;
                    start + if start == 0 { self.rng.below(9_000) } else { self.rng.below(900_000) }
                }
            };
            let shift_ends = begins.saturating_add(match self.plan.pace {
                Pace::Steady => u32::MAX,
                Pace::Day => SHIFT_MS.min(DAY_MS - begins.min(DAY_MS)),
            });
            self.agents.push(Agent {
                pool: self.cast.agents[agent as usize].pool,
                turn: 0,
                shift_ends,
                used: 0,
                presence: Presence::Offline,
                leaving: false,
            });
            self.agenda.plan(begins, Act::LogIn as u8, agent, 0, 0);
        }
    }

    /// Bytes that its larger tables have allocated: what is planned, cases with their directory, people and agents.
    pub fn bytes(&self) -> usize {
        let cases = self.cases.capacity() * size_of::<Case>() + self.free.capacity() * size_of::<u32>();
        let people =
            self.plan.customers as usize * size_of::<u32>() + self.agents.capacity() * size_of::<Agent>();
        self.agenda.bytes() + self.directory.bytes() + cases + people
    }

    /// What the world knows of itself.
    pub fn census(&self) -> &Census {
        &self.census
    }

    /// The cast.
    pub fn cast(&self) -> &Cast {
        &self.cast
    }

    /// Simulated time.
    pub fn clock(&self) -> Millis {
        self.instant(self.now)
    }

    /// Whether the log is complete.
    pub fn is_over(&self) -> bool {
        self.census.lines >= self.plan.events
            || (self.plan.pace == Pace::Day && self.now > DAY_MS + 1_800_000)
    }

    /// Whether the lines at hand complete the log.
    pub(super) fn is_full(&self) -> bool {
        self.census.lines + self.lines.ends.len() as u64 >= self.plan.events
    }

    /// Takes up what has become of the slot before last, then does what the next slot holds: writes its lines to
    /// `sink` and submits them. With the last step all batches are collected. After each batch `seen` is called; an
    /// engine of the same thread then stands right behind that batch.
    ///
    /// # Errors
    /// What `sink` says.
    pub fn step<E: Engine>(
        &mut self,
        engine: &mut E,
        sink: &mut dyn Write,
        seen: &mut dyn FnMut(&World, &mut E),
    ) -> io::Result<()> {
        let begins = self.agenda.now();
        while self.under_way.front().is_some_and(|slot| slot + 2 * SLOT_MS <= begins) {
            self.take_up_news(engine, seen);
        }
        self.let_arrive(begins);
        let items = self.agenda.close_slot();
        for (place, item) in items.iter().enumerate() {
            if self.is_full() {
                break;
            }
            if let Some(later) = items.get(place + 2 * AHEAD) {
                self.fetch(later);
            }
            if let Some(later) = items.get(place + AHEAD) {
                self.fetch_behind(later);
            }
            self.now = item.at;
            self.act(item);
            if self.lines.ends.len() >= BATCH_LINES {
                self.hand_over(begins, engine, sink, seen)?;
            }
        }
        self.now = begins + SLOT_MS;
        self.hand_over(begins, engine, sink, seen)?;
        for staff in &mut self.census.staff {
            staff.settle(self.now);
        }
        self.agenda.give_back(items);
        while self.is_over() && !self.under_way.is_empty() {
            self.take_up_news(engine, seen);
        }
        Ok(())
    }

    /// The whole log: `step` until it is complete.
    ///
    /// # Errors
    /// What `sink` says.
    pub fn run<E: Engine>(&mut self, engine: &mut E, sink: &mut dyn Write) -> io::Result<()> {
        while !self.is_over() {
            self.step(engine, sink, &mut |_, _| {})?;
        }
        Ok(())
    }

    /// Submits the lines at hand, of the slot that began at `begins`.
    fn hand_over<E: Engine>(
        &mut self,
        begins: u32,
        engine: &mut E,
        sink: &mut dyn Write,
        seen: &mut dyn FnMut(&World, &mut E),
    ) -> io::Result<()> {
        let room = usize::try_from(self.plan.events.saturating_sub(self.census.lines)).unwrap_or(usize::MAX);
        if self.lines.ends.is_empty() || room == 0 {
            self.lines.clear();
            return Ok(());
        }
        if self.under_way.len() == UNDER_WAY_MAX {
            self.take_up_news(engine, seen);
        }
        let mut batch = self.spare.pop().unwrap_or_default();
        self.lines.hand_over(room, &mut batch);
        (batch.begins, batch.first_offset) = (begins, self.census.lines);
        sink.write_all(batch.bytes())?;
        self.census.lines += batch.ends.len() as u64;
        self.census.bytes += batch.bytes().len() as u64;
        self.under_way.push_back(begins);
        engine.submit(batch);
        Ok(())
    }

    /// Collects the oldest batch under way and lets people react.
    fn take_up_news<E: Engine>(&mut self, engine: &mut E, seen: &mut dyn FnMut(&World, &mut E)) {
        let mut batch = engine.collect();
        let submitted = self.under_way.pop_front();
        assert_eq!(submitted, Some(batch.begins), "batches come back in their order");
        self.react(&batch);
        seen(self, engine);
        batch.clear();
        self.spare.push(batch);
    }

    /// New contacts of the slot that begins at `begins`.
    fn let_arrive(&mut self, begins: u32) {
        let end = u64::from(begins + SLOT_MS) << 16;
        for pool in 0..self.arrivals.len() {
            while self.arrivals[pool] < end {
                let at = (self.arrivals[pool] >> 16) as u32;
                let Some(mean) = self.mean_gap(pool, at) else {
                    self.arrivals[pool] = end + (1_000 << 16);
                    break;
                };
                let (person, lane) = self.somebody(pool);
                self.agenda.plan(at.max(begins), Act::Arrive as u8, person, 0, lane);
                self.arrivals[pool] += ((mean * self.rng.exponential()) >> 16).max(1);
            }
        }
    }

    /// Mean time between two new contacts of a pool, in 1/65,536 ms; `None` while nobody works there.
    fn mean_gap(&self, pool: usize, at: u32) -> Option<u64> {
        if self.habits.flood_per_s > 0 {
            let per_s = u64::from(self.habits.flood_per_s);
            return Some((1_000 << 16) * self.arrivals.len() as u64 / per_s);
        }
        let budget = u64::try_from(self.census.staff[pool].budget).unwrap_or(0);
        if budget == 0 || (self.plan.pace == Pace::Day && at > DAY_MS - 300_000) {
            return None;
        }
        let cast = &self.cast.pools[pool];
        let work: u64 =
            cast.lanes.iter().map(|lane| self.work_of(*lane)).sum::<u64>() / u64::from(cast.shares);
        let load = u64::from(self.habits.load) * self.rush_percent(pool, at);
        Some((work << 16) * 100_000 / (budget * load))
    }

    /// Weight-milliseconds that a case of a lane takes an agent, times the lane's share.
    fn work_of(&self, lane: u16) -> u64 {
        let lane = &self.cast.lanes[usize::from(lane)];
        let handling =
            crate::sim::desk::HANDLING_MS[lane.medium as usize] + self.cast.wrap_ups[lane.queue.at()] * 4 / 5;
        u64::from(lane.share) * u64::from(self.cast.weights[lane.channel.at()]) * u64::from(handling)
    }

    /// How the load differs from the mean at a time of the day, or in the burst.
    fn rush_percent(&self, pool: usize, at: u32) -> u64 {
        const DAY: [u64; 14] = [92, 99, 104, 107, 104, 98, 96, 101, 105, 103, 99, 96, 92, 82];
        if self.plan.pace == Pace::Day {
            return DAY[(at / 3_600_000).min(13) as usize];
        }
        // At the opening everybody is idle: what a full house would already be working on comes within half a
        // minute, so that the log is soon as busy as it stays.
        let opened = Self::opens(&self.plan);
        if at < opened + 30_000 {
            return if self.cast.pools[pool].voice { 600 } else { 700 };
        }
        let per_mille = self.census.lines * 1_000 / self.plan.events.max(1);
        if self.plan.profile == Profile::Surge && (300..800).contains(&per_mille) {
            return u64::from(BURST) * 100;
        }
        100
    }

    /// Asks for the memory that something to be done soon will need.
    #[inline]
    fn fetch(&self, item: &Item) {
        match Act::ALL[usize::from(item.what)] {
            Act::Arrive | Act::Return => self.people.fetch(item.who),
            Act::LogIn | Act::Available | Act::Break | Act::Leave | Act::Offline => {
                prefetch(&self.agents, item.who as usize);
            }
            Act::AcceptLate => prefetch(&self.cases, item.stamp as usize),
            Act::Profile | Act::Link | Act::Again => {}
            _ => prefetch(&self.cases, item.who as usize),
        }
    }

    /// Asks for what is found by way of that memory: the agent of a case.
    #[inline]
    fn fetch_behind(&self, item: &Item) {
        if let Act::Accept | Act::Decline | Act::Wrapped = Act::ALL[usize::from(item.what)] {
            prefetch(&self.agents, self.cases[item.who as usize].agent as usize);
        }
    }

    fn act(&mut self, item: &Item) {
        let Item { at, who, stamp, with, .. } = *item;
        match Act::ALL[usize::from(item.what)] {
            Act::Arrive => self.arrive(at, who, with),
            Act::Return => self.come_back(at, who, with),
            Act::Message if self.on_turn(who, stamp) => self.message(at, who, with),
            Act::Nudge if self.alive(who, stamp) => self.nudge(at, who),
            Act::GiveUp if self.alive(who, stamp) => self.give_up(at, who),
            Act::HangUp if self.on_turn(who, stamp) => self.hang_up(at, who),
            Act::Accept if self.on_turn(who, stamp) => self.accept(at, who),
            Act::Decline if self.on_turn(who, stamp) => self.decline(at, who),
            Act::AcceptLate => self.accept_late(at, who, stamp),
            Act::Reply if self.on_turn(who, stamp) => self.reply(at, who),
            Act::Hold if self.on_turn(who, stamp) => self.hold(at, who, true),
            Act::Resume if self.on_turn(who, stamp) => self.hold(at, who, false),
            Act::Transfer if self.on_turn(who, stamp) => self.transfer(at, who),
            Act::Resolve if self.on_turn(who, stamp) => self.resolve(at, who),
            Act::Supervise if self.alive(who, stamp) => self.supervise(at, who),
            Act::CallBack if self.on_turn(who, stamp) => self.queue_callback(who),
            Act::Wrapped if self.alive(who, stamp) => self.wrapped(at, who, with == 1),
            Act::LogIn => self.log_in(at, who),
            Act::Available if self.agents[who as usize].turn == stamp => self.available(at, who),
            Act::Break if self.agents[who as usize].turn == stamp => self.take_break(at, who),
            Act::Leave => self.leave(at, who),
            Act::Offline => self.offline(at, who),
            Act::Profile => self.profile(at, who),
            Act::Link => self.link(at, who, with == 1),
            Act::Unlink => self.unlink(at, who),
            Act::Erase => self.erase(at, who),
            Act::Again => self.again(who),
            // What was planned has been overtaken.
            _ => {}
        }
    }

    fn alive(&self, case: u32, life: u32) -> bool {
        self.cases[case as usize].life == life
    }

    fn on_turn(&self, case: u32, turn: u32) -> bool {
        self.cases[case as usize].turn == turn
    }

    pub(super) fn instant(&self, at: u32) -> Millis {
        Millis(BEGIN.0 + i64::from(at))
    }

    pub(super) fn census_mut(&mut self) -> &mut Census {
        &mut self.census
    }

    pub(super) fn plan_in(&mut self, at: u32, delay: u32, act: Act, who: u32, stamp: u32, with: u16) {
        self.agenda.plan(at.saturating_add(delay), act as u8, who, stamp, with);
    }

    /// Plans what somebody does because of something: not before its cause is known everywhere.
    pub(super) fn react_in(&mut self, at: u32, delay: u32, act: Act, who: u32, stamp: u32, with: u16) {
        assert!(delay >= REACTION_MS_MIN, "{act:?} after {delay} ms: nobody is that fast");
        assert!(at.saturating_add(delay) >= self.agenda.now(), "{act:?} would stand before its cause");
        self.plan_in(at, delay, act, who, stamp, with);
    }

    /// Begins an event; a few are dated back.
    pub(super) fn begin(&mut self, at: u32, source: Source, event: EventType) {
        let mut time = self.instant(at);
        if self.rng.chance(LATE) {
            time = Millis(time.0 - 1_000 - i64::from(self.rng.below(LATE_BY_MS)));
            self.census.late += 1;
        }
        self.lines.begin(source, event, time, &mut self.rng);
    }

    /// Ends an event; a few come again, and now and then a broken line follows.
    pub(super) fn end(&mut self, at: u32, sent: Sent) {
        self.lines.end(sent);
        self.spoil(at);
    }

    /// Writes who and where: `agent` and `division`.
    pub(super) fn write_agent(&mut self, agent: u32) {
        self.lines.agent(agent);
        let division = self.cast.pools[self.staff_of(agent)].division;
        self.lines.put(self.lines.texts.divisions[division.at()]);
    }

    pub(super) fn staff_of(&self, agent: u32) -> usize {
        usize::from(self.agents[agent as usize].pool)
    }
}
