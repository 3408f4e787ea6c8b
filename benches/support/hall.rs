//! A division of many queues and agents as JSON lines, and what it must do: every queue, agent and contact is written down
//! here as well, so that a scan over all of them says who gets what.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use trunkline::pipeline::{Pipeline, Stage, Watch};
use trunkline::rules::Rules;
use trunkline::types::decision::Body;
use trunkline::types::record::Record;
use trunkline::types::{Cause, ConversationId, Millis, Output};

use super::answer::{Answer, pipeline};
use super::stopwatch::wall_nanos;

/// Instant of the first event.
const BEGIN: i64 = 1_795_000_000_000;
/// Skills that the division knows.
const SKILLS: u64 = 64;
/// Sets of skills that a queue's contacts ask for; with two channels 64 profiles of requirements.
const SETS: u64 = 32;
/// Profiles of requirements of a queue.
pub const PROFILES: u64 = 2 * SETS;
/// Queues of a definition.
const QUEUES_AN_AGENT: usize = 20;
/// What definitions may name as delay.
const DELAYS_S: [i64; 8] = [0, 10, 30, 60, 120, 300, 600, 1_200];
/// How long a conversation waits for one agent.
const AFFINITY: i64 = 600_000;
/// The strategies, in the order in which queues have them.
pub const STRATEGIES: [&str; 6] =
    ["longest_idle", "least_busy", "most_spare", "best_skill", "round_robin", "fewest_handled"];
/// Events handed in at once while nothing is measured.
const BATCH: usize = 512;

/// How large.
#[derive(Copy, Clone)]
pub struct Size {
    /// Queues; as many as there are strategies are served by half of all definitions, the others by few.
    pub queues: usize,
    /// Distinct definitions.
    pub definitions: usize,
    /// Agents.
    pub agents: usize,
    /// Contacts that wait.
    pub waiting: usize,
    /// Decisions of each kind.
    pub decisions: usize,
    /// Every so many decisions one is compared with a scan over everybody.
    pub compared: usize,
    /// What of its queues an agent serves first, in the rules' word.
    pub dispatch: &'static str,
}

/// A definition.
struct Definition {
    skills: [u8; SKILLS as usize],
    /// (queue, rank, delay in ms).
    queues: Vec<(u32, u32, i64)>,
}

/// Presence, as the bench needs it.
#[derive(Copy, Clone, PartialEq)]
pub enum Presence {
    /// Logged out.
    Offline,
    /// Takes offers.
    Available,
}

/// An agent.
pub struct Worker {
    definition: usize,
    /// Presence.
    pub presence: Presence,
    /// Most of each channel.
    capacity: [i64; 2],
    budget: i64,
    load: [i64; 2],
    idle_since: i64,
    handled: i64,
}

/// A contact and its conversation.
#[derive(Clone)]
pub struct Contact {
    /// Number of its event.
    event: u64,
    id: ConversationId,
    /// Its queue.
    pub queue: u32,
    channel: usize,
    set: u64,
    value: i64,
    arrived: i64,
    preferred: Option<u32>,
    excluded: Vec<u32>,
    /// Who has it or is asked.
    pub agent: Option<u32>,
}

/// What a measured event did.
pub struct Step {
    /// Nanoseconds in route.
    pub nanos: u64,
    /// Who was offered what, and how many candidates there were.
    pub offers: Vec<(u32, u32, u32)>,
}

/// The division, and the engine that runs it.
pub struct Hall {
    /// How large.
    pub size: Size,
    /// Dice: the same for the same hall.
    dice: u64,
    /// Instant of the next event.
    pub clock: i64,
    definitions: Vec<Definition>,
    /// By number.
    pub workers: Vec<Worker>,
    /// By number.
    pub contacts: Vec<Contact>,
    by_id: BTreeMap<ConversationId, u32>,
    last_offers: BTreeMap<(u32, u32), i64>,
    engine: Pipeline,
    out: Output,
    /// Of all output.
    pub answer: Answer,
    /// All lines, if they are kept for the model.
    pub lines: Option<Vec<String>>,
    pending: Vec<String>,
    number: u64,
}

/// What the channels weigh.
pub const WEIGHTS: [i64; 2] = [30, 20];

/// The rules of a hall.
pub fn rules(size: &Size) -> Arc<Rules> {
    let mut text = String::from(
        "version = \"hall\"\n[identity.kinds.customer]\nrank = 1\nform = \"opaque\"\n[channels.chat]\nweight = 30\n\
         [channels.mail]\nweight = 20\n[divisions.care]\n",
    );
    let _ = writeln!(text, "dispatch = \"{}\"", size.dispatch);
    for queue in 0..size.queues {
        let strategy = STRATEGIES[queue % STRATEGIES.len()];
        let _ = write!(
            text,
            "[queues.q{queue}]\ndivision = \"care\"\nstrategy = \"{strategy}\"\noffer_timeout = \"12h\"\n\
             exclude_after_miss = \"12h\"\n{}{}",
            if queue % 4 == 0 { "affinity = \"10m\"\n" } else { "" },
            if queue % 3 == 0 { "curve = [[\"0s\", 0], [\"10m\", 100], [\"20m\", 600]]\n" } else { "" },
        );
    }
    text.push_str("[[routes]]\nqueue = \"q0\"\n");
    Arc::new(trunkline::rules::compile(&text, "hall").expect("the hall's rules are valid"))
}

/// Times route alone, by the wall: the reading takes some 30 ns, that of processor time 600. What others do to the machine
/// is left to the rounds, of which the least counts.
#[derive(Default)]
struct RouteOnly {
    begun: u64,
    nanos: u64,
}

impl Watch for RouteOnly {
    fn done(&mut self, stage: Stage) {
        match stage {
            Stage::Understand => self.begun = wall_nanos(),
            Stage::Route => self.nanos = wall_nanos() - self.begun,
            _ => {}
        }
    }
}

impl Hall {
    /// Everybody is hired and offline, nobody waits.
    pub fn new(size: Size, rules: &Arc<Rules>, keeps_lines: bool) -> Hall {
        let mut hall = Hall {
            size,
            dice: 7,
            clock: BEGIN,
            definitions: Vec::new(),
            workers: Vec::new(),
            contacts: Vec::new(),
            by_id: BTreeMap::new(),
            last_offers: BTreeMap::new(),
            engine: pipeline(rules),
            out: Output::default(),
            answer: Answer::new(rules),
            lines: keeps_lines.then(Vec::new),
            pending: Vec::new(),
            number: 0,
        };
        for _ in 0..size.definitions {
            let definition = hall.definition();
            hall.definitions.push(definition);
        }
        hall
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.dice = self.dice.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (self.dice ^ self.dice >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ mixed >> 31) % bound
    }

    fn definition(&mut self) -> Definition {
        let mut skills = [0; SKILLS as usize];
        for level in &mut skills {
            *level = if self.below(2) == 0 { self.below(10) as u8 + 1 } else { 0 };
        }
        let broad = STRATEGIES.len().min(self.size.queues) as u64;
        let mut queues: Vec<u32> = (0..broad as u32).filter(|_| self.below(2) == 0).collect();
        while queues.len() < QUEUES_AN_AGENT.min(self.size.queues) {
            let queue = self.below(self.size.queues as u64) as u32;
            if !queues.contains(&queue) {
                queues.push(queue);
            }
        }
        let mut serves = |queue| {
            let delay = if self.below(2) == 0 { 0 } else { DELAYS_S[self.below(8) as usize] * 1_000 };
            (queue, self.below(3) as u32 + 1, delay)
        };
        Definition { skills, queues: queues.into_iter().map(&mut serves).collect() }
    }

    /// Writes an event.
    pub fn write(&mut self, kind: &str, data: &str) {
        let time = jiff::Timestamp::from_millisecond(self.clock).expect("an instant of our time");
        let number = self.number;
        self.number += 1;
        self.pending.push(format!(
            r#"{{"specversion":"1.0","id":"e{number}","source":"hall","type":"trunkline.{kind}","time":"{time}","data":{{{data}}}}}"#
        ));
        if self.pending.len() >= BATCH {
            self.flush();
        }
    }

    /// Hands in what has been written.
    pub fn flush(&mut self) -> Step {
        let pending = std::mem::take(&mut self.pending);
        let first = self.number - pending.len() as u64;
        let records: Vec<Record<'_>> =
            pending.iter().zip(first..).map(|(line, at)| Record::line(0, at, line.as_bytes())).collect();
        let mut watch = RouteOnly::default();
        self.engine
            .apply_watched(&records, None, &mut self.out, &mut watch)
            .expect("no greatest jump is set");
        assert!(self.out.rejected.is_empty(), "each line is an event");
        self.answer.take(&self.out);
        let offers = self.note();
        if let Some(lines) = &mut self.lines {
            lines.extend(pending);
        }
        Step { nanos: watch.nanos, offers }
    }

    /// The one event, timed; whatever is due before it has been fired.
    pub fn timed(&mut self, kind: &str, data: &str) -> Step {
        if !self.pending.is_empty() {
            self.flush();
        }
        self.engine.advance(Millis(self.clock), None, &mut self.out);
        self.answer.take(&self.out);
        self.note();
        self.write(kind, data);
        self.flush()
    }

    /// Takes up what has been decided.
    fn note(&mut self) -> Vec<(u32, u32, u32)> {
        let mut offers = Vec::new();
        let (_, batch) = self.engine.decisions().next().expect("one division");
        for decision in &batch.decisions {
            match &decision.body {
                Body::Opened { .. } => {
                    let Cause::Event(position) = decision.cause else { continue };
                    let at = self.contacts.binary_search_by_key(&position.offset, |contact| contact.event);
                    let contact = at.expect("a contact opens a conversation") as u32;
                    self.contacts[contact as usize].id = decision.conversation;
                    assert!(self.by_id.insert(decision.conversation, contact).is_none());
                }
                Body::Offered(offered) => {
                    let agent = number(batch.bytes_of(offered.agent));
                    let contact = self.by_id[&decision.conversation];
                    let known = &mut self.contacts[contact as usize];
                    self.workers[agent as usize].load[known.channel] += 1;
                    self.last_offers.insert((known.queue, agent), decision.time.0);
                    known.agent = Some(agent);
                    offers.push((agent, contact, offered.candidates));
                }
                _ => {}
            }
        }
        offers
    }

    /// An agent of some definition is hired.
    pub fn hire(&mut self, definition: usize, capacity: [i64; 2], budget: i64) -> u32 {
        let agent = self.workers.len() as u32;
        let mut data = format!(
            r#""agent":"a{agent:07}","division":"care","budget":{budget},"capacity":{{"chat":{},"mail":{}}},"skills":{{"#,
            capacity[0], capacity[1]
        );
        let known = &self.definitions[definition];
        for (skill, level) in known.skills.iter().enumerate().filter(|(_, level)| **level > 0) {
            let _ = write!(data, r#""s{skill}":{level},"#);
        }
        data.pop();
        data.push_str(r#"},"queues":{"#);
        for (queue, rank, delay) in &known.queues {
            let _ = write!(data, r#""q{queue}":{{"rank":{rank},"delay_s":{}}},"#, delay / 1_000);
        }
        data.pop();
        data.push('}');
        self.workers.push(Worker {
            definition,
            presence: Presence::Offline,
            capacity,
            budget,
            load: [0; 2],
            idle_since: i64::MIN,
            handled: 0,
        });
        self.write("agent.updated", &data);
        agent
    }

    /// The data of an agent's coming; it is noted.
    pub fn comes(&mut self, agent: u32) -> String {
        let worker = &mut self.workers[agent as usize];
        worker.handled = if worker.presence == Presence::Offline { 0 } else { worker.handled };
        worker.presence = Presence::Available;
        if worker.idle_since == i64::MIN {
            worker.idle_since = self.clock;
        }
        format!(r#""agent":"a{agent:07}","division":"care","state":"available""#)
    }

    /// The data of an answer to an offer; it is noted.
    pub fn answers(&mut self, agent: u32, contact: u32, accepts: bool) -> String {
        let known = &mut self.contacts[contact as usize];
        let worker = &mut self.workers[agent as usize];
        if accepts {
            worker.idle_since = self.clock;
            worker.handled += 1;
        } else {
            worker.load[known.channel] -= 1;
            known.excluded.push(agent);
            known.agent = None;
        }
        format!(r#""agent":"a{agent:07}","division":"care","from":{{"customer":"c{contact}"}}"#)
    }

    /// The data of a resolve; it is noted.
    pub fn resolves(&mut self, agent: u32, contact: u32) -> String {
        let channel = self.contacts[contact as usize].channel;
        let worker = &mut self.workers[agent as usize];
        worker.load[channel] -= 1;
        worker.idle_since = self.clock;
        format!(r#""agent":"a{agent:07}","division":"care","from":{{"customer":"c{contact}"}}"#)
    }

    /// The data of a new contact, noted as one that waits. `known`: agents whom it may prefer are those below.
    pub fn calls(&mut self, queue: u32, known: u64) -> String {
        let profile = self.below(PROFILES);
        self.asks(queue, profile, known)
    }

    /// The same for one of a queue's profiles of requirements.
    pub fn asks(&mut self, queue: u32, profile: u64, known: u64) -> String {
        let contact = self.contacts.len();
        let (channel, set) = ((profile / SETS) as usize, profile % SETS);
        let value = self.below(1_000) as i64;
        let mut new = Contact {
            event: self.number,
            id: ConversationId::NONE,
            queue,
            channel,
            set,
            value,
            arrived: self.clock,
            preferred: None,
            excluded: Vec::new(),
            agent: None,
        };
        let mut data = format!(
            r#""channel":"{}","from":{{"customer":"c{contact}"}},"queue":"q{queue}","value":{value},"skills":{{"#,
            ["chat", "mail"][channel]
        );
        for (skill, level) in required(queue, set) {
            let _ = write!(data, r#""s{skill}":{level},"#);
        }
        data.pop();
        data.push('}');
        if known > 0 && self.below(4) == 0 {
            let preferred = self.below(known) as u32;
            let _ = write!(data, r#","preferred_agent":"a{preferred:07}""#);
            let waits = queue.is_multiple_of(4) && self.meets(preferred, &new).is_some();
            new.preferred = waits.then_some(preferred);
        }
        self.contacts.push(new);
        data
    }

    /// Rank and delay by which an agent serves a contact's queue, if its skills are enough.
    fn meets(&self, agent: u32, contact: &Contact) -> Option<(u32, i64)> {
        let definition = &self.definitions[self.workers[agent as usize].definition];
        let (_, rank, delay) = definition.queues.iter().find(|(queue, ..)| *queue == contact.queue)?;
        let skilled = required(contact.queue, contact.set)
            .into_iter()
            .all(|(skill, level)| definition.skills[skill as usize] >= level);
        skilled.then_some((*rank, *delay))
    }

    /// Whether an agent may take a contact now, and its rank of the queue.
    fn may_take(&self, agent: u32, contact: &Contact) -> Option<u32> {
        let worker = &self.workers[agent as usize];
        let used: i64 = worker.load.iter().zip(WEIGHTS).map(|(load, weight)| load * weight).sum();
        let has_room = worker.load[contact.channel] < worker.capacity[contact.channel]
            && used + WEIGHTS[contact.channel] <= worker.budget;
        if worker.presence != Presence::Available || !has_room || contact.excluded.contains(&agent) {
            return None;
        }
        let (rank, delay) = self.meets(agent, contact)?;
        let waited = self.clock - contact.arrived;
        let awaited = contact.preferred.filter(|_| waited < AFFINITY);
        let awaited = awaited.filter(|wanted| self.workers[*wanted as usize].presence != Presence::Offline);
        (waited >= delay && awaited.is_none_or(|wanted| wanted == agent)).then_some(rank)
    }

    /// Priority in 2⁻³² points.
    fn priority(&self, contact: &Contact) -> i128 {
        let age = i128::from(self.clock - contact.arrived);
        let slope = |points: i128, millis: i128| (points << 32) / millis;
        let segments = match contact.queue % 3 {
            0 => vec![(0, 0, slope(100, 600_000)), (600_000, 100, slope(500, 600_000)), (1_200_000, 600, 0)],
            _ => vec![(0, 0, slope(1, 60_000))],
        };
        let (from, points, slope) =
            *segments.iter().rev().find(|segment| segment.0 <= age).expect("the first begins at 0");
        ((i128::from(contact.value) + points) << 32) + slope * (age - from)
    }

    /// Before the event: what an agent who is about to have room takes, by a scan of all that waits. The agent's load and
    /// presence are as they will be.
    pub fn best_for(&self, agent: u32) -> Option<u32> {
        let waiting = (0..).zip(&self.contacts).filter(|(_, contact)| contact.agent.is_none());
        let takeable =
            waiting.filter_map(|(at, contact)| Some((self.may_take(agent, contact)?, at, contact)));
        let best = takeable
            .min_by_key(|(rank, _, contact)| (*rank, -self.priority(contact), contact.arrived, contact.id));
        best.map(|(_, at, _)| at)
    }

    /// How a contact stands to an agent, for whoever looks for a fault.
    pub fn told(&self, agent: u32, contact: Option<u32>) -> String {
        let Some(contact) = contact else { return "nothing".to_owned() };
        let known = &self.contacts[contact as usize];
        let (rank, priority) = (self.meets(agent, known), self.priority(known) >> 32);
        format!(
            "contact {contact} of queue {}, (rank, delay) {rank:?}, {priority} points, channel {} {:?} {:?} {:?}",
            known.queue,
            known.channel,
            required(known.queue, known.set),
            known.preferred,
            known.excluded
        )
    }

    /// Before the event: who gets a contact, and how many might, by a scan of all agents.
    pub fn best_of(&self, contact: u32) -> Option<(u32, u32)> {
        let contact = &self.contacts[contact as usize];
        let merit = |agent: u32| {
            let worker = &self.workers[agent as usize];
            match STRATEGIES[contact.queue as usize % STRATEGIES.len()] {
                "least_busy" => worker.load[0] + worker.load[1],
                "most_spare" => worker.load[0] * WEIGHTS[0] + worker.load[1] * WEIGHTS[1],
                "best_skill" => {
                    let levels = &self.definitions[worker.definition].skills;
                    let required = required(contact.queue, contact.set).into_iter();
                    -required.map(|(skill, _)| i64::from(levels[skill as usize])).sum::<i64>()
                }
                "round_robin" => self.last_offers.get(&(contact.queue, agent)).copied().unwrap_or(i64::MIN),
                "fewest_handled" => worker.handled,
                _ => 0,
            }
        };
        let may = (0..self.workers.len() as u32).filter(|agent| self.may_take(*agent, contact).is_some());
        let candidates: Vec<u32> = may.collect();
        let best = candidates
            .iter()
            .min_by_key(|agent| (merit(**agent), self.workers[**agent as usize].idle_since, **agent));
        best.map(|best| (*best, (candidates.len() as u32).min(1_000)))
    }

    /// A queue, a broad one now and then.
    pub fn some_queue(&mut self) -> u32 {
        self.below(self.size.queues as u64) as u32
    }
}

/// What a set of a queue asks for: one or two skills.
fn required(queue: u32, set: u64) -> Vec<(u64, u8)> {
    let first = (u64::from(queue) * 7 + set * 5) % SKILLS;
    let second = (first + 1 + set * 3 % (SKILLS - 1)) % SKILLS;
    let level = (set % 4 + 1) as u8;
    match set % 2 {
        0 => vec![(first, level)],
        _ => vec![(first, level), (second, 2)],
    }
}

fn number(name: &[u8]) -> u32 {
    let digits = name.iter().filter(|byte| byte.is_ascii_digit());
    digits.fold(0, |number, digit| number * 10 + u32::from(digit - b'0'))
}
