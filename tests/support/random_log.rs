//! Random small logs: a world without sense, but one that knows what lives. The model runs along, so that most
//! answers, replies and resolves name what is really offered or open, and time likes to stop exactly at deadlines.
//! Deterministic by seed. `shrink` makes a failing log small.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use trunkline::model::Model;
use trunkline::model::output::{Body, time_text};
use trunkline::rules::keys::HashKey;
use trunkline::types::record::Record;
use trunkline::types::{AcceptMode, Millis};

mod changes;
mod joins;
mod oddities;

use super::dice::Dice;
use super::engines::compiled;
use super::random_rules::{CHANNELS, DIVISIONS, KINDS, LANGS, QUEUES, SKILLS, rules};
use super::random_texts::text;

/// Monday, 2026-03-02, 08:59 UTC: a minute before the calendar `day` opens.
const START: Millis = Millis(1_772_441_940_000);

const AGENTS: [&str; 6] = ["ann", "bob", "cy", "dee", "Émile", "eve"];

/// Rules, the lines of a log, and the instant to which the clock moves in the end.
pub fn random_log(seed: u64) -> (String, Vec<String>, Option<Millis>) {
    let mut dice = Dice::new(seed);
    let toml = rules(&mut dice);
    let mut world = World {
        model: Model::new(compiled(&toml), &HashKey::PUBLIC, "local"),
        rules: toml.clone(),
        has_changed: false,
        changes: dice.pick(&[&0, &0, &0, &2, &6]).to_owned(),
        time: START,
        lines: Vec::new(),
        live: BTreeMap::new(),
        closed: Vec::new(),
        from: json!({ "account": "none" }),
        latest_from: None,
        people: dice.pick(&[&6, &6, &12, &40]).to_owned(),
        joins: dice.pick(&[&2, &2, &12]).to_owned(),
        dice,
    };
    let length = match world.dice.below(10) {
        0..6 => world.dice.between(20, 80),
        6..9 => world.dice.between(80, 200),
        _ => world.dice.between(200, 300),
    };
    for agent in AGENTS {
        if world.dice.percent(85) {
            world.begin_shift(agent);
        }
    }
    while (world.lines.len() as i64) < length {
        world.step();
    }
    let until = world.dice.percent(60).then(|| {
        let span = [0, 1, 20_000, 3_600_000, 10 * 86_400_000][world.dice.below(5)];
        Millis(world.time.0 + span)
    });
    (toml, world.lines, until)
}

/// Makes a failing log small: leaves out runs of lines, then single ones, as long as it still fails.
pub fn shrink(rules: &str, lines: &[String], fails: impl Fn(&str, &[String]) -> bool) -> Vec<String> {
    let mut lines = lines.to_vec();
    let mut run = lines.len().div_ceil(2);
    while run > 0 {
        let mut at = 0;
        let mut left_out = false;
        while at < lines.len() {
            let mut fewer = lines.clone();
            fewer.drain(at..lines.len().min(at + run));
            if fails(rules, &fewer) {
                lines = fewer;
                left_out = true;
            } else {
                at += run;
            }
        }
        // Single lines are tried again until none can go: an earlier one may have kept a later one needed.
        if run > 1 || !left_out {
            run /= 2;
        }
    }
    lines
}

/// What lives: the conversation's division, and who was offered or given it last.
#[derive(Clone, Debug)]
struct Live {
    division: String,
    agent: Option<String>,
    /// Waits for the agent's answer, as far as the world knows.
    offered: bool,
    /// By what its customer was known when it was opened.
    from: Value,
    /// An identifier of whoever opened it: kind and value.
    known_by: Option<(String, Value)>,
}

struct World {
    dice: Dice,
    model: Model,
    /// Rules as far as they are sound.
    rules: String,
    has_changed: bool,
    /// How often in a hundred steps they change.
    changes: usize,
    time: Millis,
    lines: Vec<String>,
    live: BTreeMap<String, Live>,
    closed: Vec<String>,
    /// `from` of the last event that had it.
    from: Value,
    /// An identifier of the latest contact.
    latest_from: Option<(String, Value)>,
    /// Values of each kind of identifier.
    people: usize,
    /// How often in a hundred steps two of those who have something open turn out to be one.
    joins: usize,
}

impl World {
    fn step(&mut self) {
        self.pass_time();
        if self.dice.percent(self.joins) {
            return self.join_two();
        }
        if self.dice.percent(self.changes) {
            return self.change_rules();
        }
        match self.dice.below(100) {
            0..25 => self.contact(),
            25..28 => self.callback(),
            28..30 => self.updated(),
            30..32 => self.profile(),
            32..35 => self.linked(),
            35..38 => self.begin_shift_of_any(),
            38..48 => self.presence(),
            48..66 => self.answer(),
            66..69 => self.wrapped(),
            69..77 => self.replied(),
            77..80 => self.hold(),
            80..84 => self.transfer(),
            84..89 => self.resolve(),
            89..91 => self.abandon(),
            91..92 => self.assigned(),
            92..95 => self.leave(),
            95..98 => self.again(),
            _ => self.broken(),
        }
    }

    /// Mostly small steps; often exactly to a deadline or a millisecond beside it; sometimes back.
    fn pass_time(&mut self) {
        let deadline = self.model.next_deadline().filter(|at| at.0 < self.time.0 + 2 * 86_400_000);
        let now = self.model.clock().0.max(START.0);
        self.time = Millis(match (self.dice.below(100), deadline) {
            (0..45, _) => now,
            (45..60, Some(deadline)) => deadline.0 + self.dice.between(-1, 1),
            (45..80, _) => now + self.dice.between(0, 1_000),
            (80..92, _) => now + self.dice.between(0, 10) * 1_000,
            (92..95, _) => now + self.dice.between(0, 10 * 60_000),
            (95..96, _) => {
                let days = if self.dice.percent(10) { self.dice.between(80, 420) } else { 0 };
                now + self.dice.between(0, 30 * 3_600_000) + days * 86_400_000
            }
            _ => now - self.dice.between(0, 30_000),
        });
    }

    /// Writes an event and lets the model apply it.
    fn write(&mut self, event_type: &str, mut data: Value) {
        self.with_new_names(&mut data);
        let mut from = data.get("from").and_then(Value::as_object).into_iter().flatten().collect::<Vec<_>>();
        from.sort_by_key(|(kind, _)| (*kind == "account", kind.as_str()));
        let first = from.first().and_then(|(kind, values)| Some(((*kind).clone(), values.get(0)?.clone())));
        self.latest_from = first;
        let id = format!("n{}", self.lines.len());
        self.from = data.get("from").unwrap_or(&self.from).clone();
        let mut event = json!({
            "specversion": "1.0", "id": id, "source": "random", "type": format!("trunkline.{event_type}"),
            "time": time_text(self.time), "data": data,
        });
        if self.dice.percent(10) {
            let trace = format!("00-{:032x}-00f067aa0ba902b7-01", self.lines.len() + 1);
            event["traceparent"] = json!(trace);
        }
        self.push(event.to_string());
    }

    fn push(&mut self, line: String) {
        let number = self.lines.len() as u64;
        self.model.apply_record(&Record::line(0, number, line.as_bytes()), None);
        self.lines.push(line);
        for output in self.model.latest() {
            let Some(id) = output.conversation().map(|id| id.to_string()) else { continue };
            match &output.body {
                Body::Opened(opened) => {
                    let live = Live {
                        division: opened.division.clone(),
                        agent: None,
                        offered: false,
                        from: self.from.clone(),
                        known_by: self.latest_from.clone(),
                    };
                    self.live.insert(id, live);
                }
                Body::Offered(offered) => {
                    let live = self.live.get_mut(&id).expect("it is open");
                    live.agent = Some(offered.agent.clone());
                    live.offered = offered.accept == AcceptMode::Offer;
                }
                Body::Withdrawn(_) => {
                    if let Some(live) = self.live.get_mut(&id) {
                        live.agent = None;
                        live.offered = false;
                    }
                }
                Body::Closed(closed) => {
                    let live = self.live.remove(&id);
                    assert!(live.is_some(), "closed twice: {}", closed.outcome.word());
                    self.closed.push(id);
                }
                Body::Folded(folded) => {
                    self.live.remove(&id).expect("folded twice");
                    // What goes on may have expired with the same entry, and is told first if its id is smaller.
                    if let Some(into) = self.live.get_mut(&folded.into.to_string()) {
                        into.agent.clone_from(&folded.agent);
                    }
                    self.closed.push(id);
                }
                _ => {}
            }
        }
    }

    fn identifiers(&mut self, most: usize) -> Value {
        let mut from: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
        for _ in 0..1 + self.dice.below(most) {
            let kind = self.dice.pick(&KINDS);
            let number = self.dice.below(self.people);
            let value = match (kind, self.dice.below(20)) {
                (_, 0) => "Nobody ".to_owned(),
                ("mail", _) => format!("M{number}@Example.com"),
                ("nick", _) => format!("@nick{number}"),
                _ => format!("a{number}"),
            };
            from.entry(kind).or_default().push(json!(value));
        }
        json!(from)
    }

    /// Which conversation: mostly a live one by id, sometimes by `from`, a closed one, or an invention.
    fn target(&mut self, data: &mut Map<String, Value>) -> Option<Live> {
        let mut live: Vec<(String, Live)> = self.live.clone().into_iter().collect();
        if self.dice.percent(60) && live.iter().any(|(_, live)| live.agent.is_some()) {
            live.retain(|(_, live)| live.agent.is_some());
        }
        match self.dice.below(100) {
            0..80 => {
                if let Some((id, live)) = self.dice.one_of(&live) {
                    data.insert("conversation".to_owned(), json!(id));
                    return Some(live);
                }
                data.insert("from".to_owned(), self.identifiers(1));
            }
            80..92 => {
                data.insert("from".to_owned(), self.identifiers(2));
            }
            92..97 => {
                let closed = self.dice.one_of(&self.closed).unwrap_or_else(|| "0000000000000.1".to_owned());
                data.insert("conversation".to_owned(), json!(closed));
            }
            _ => {
                data.insert("conversation".to_owned(), json!("0123456789ABC~2.7"));
            }
        }
        None
    }

    fn contact(&mut self) {
        let mut data = Map::new();
        data.insert("channel".to_owned(), json!(self.dice.pick(&CHANNELS)));
        let nobody = json!({ "account": "-1", "nick": ["GUEST"] });
        let from = if self.dice.percent(5) { nobody } else { self.identifiers(2) };
        data.insert("from".to_owned(), from);
        self.maybe(&mut data, 25, "queue", |dice| json!(QUEUES[dice.below(4)].0));
        self.maybe(&mut data, 30, "thread", |dice| json!(dice.pick(&["t1", "t2", "Ünï"])));
        self.maybe(&mut data, 60, "text", |dice| json!(text(dice)));
        self.maybe(&mut data, 20, "lang", |dice| json!(dice.pick(&["en", "ES", "de"])));
        self.maybe(&mut data, 20, "intent", |dice| json!(dice.pick(&["buy", "cancel", "other"])));
        self.maybe(&mut data, 30, "value", |dice| json!(dice.between(-100, 100)));
        self.maybe(&mut data, 3, "value", |dice| json!(dice.between(-1, 1) * 9_007_199_254_740_992));
        self.maybe(&mut data, 20, "reach", |dice| json!(dice.between(0, 2_000)));
        self.maybe(&mut data, 20, "sentiment", |dice| json!(dice.between(-100, 100)));
        self.maybe(&mut data, 20, "public", |dice| json!(dice.percent(50)));
        if self.dice.percent(25) {
            let skills = self.skills(5);
            data.insert("skills".to_owned(), skills);
        }
        if self.dice.percent(20) {
            let live: Vec<String> = self.live.keys().chain(&self.closed).cloned().collect();
            if let Some(id) = self.dice.one_of(&live) {
                data.insert("conversation".to_owned(), json!(id));
            }
        }
        if self.dice.percent(12) {
            self.name_what_is_offered(&mut data);
        }
        self.maybe(&mut data, 25, "preferred_agent", |dice| {
            json!(dice.pick(&["ann", "bob", "cy", "dee", "zoe"]))
        });
        self.write("contact.received", Value::Object(data));
    }

    /// Mostly soon, sometimes at once, sometimes beyond all bounds.
    fn callback(&mut self) {
        let mut data = Map::new();
        data.insert("channel".to_owned(), json!(self.dice.pick(&CHANNELS)));
        data.insert("from".to_owned(), self.identifiers(2));
        let span = match self.dice.below(10) {
            0 => -5_000,
            1..8 => self.dice.between(0, 60_000),
            8 => self.dice.between(0, 10) * 3_600_000,
            _ => 200 * 86_400_000,
        };
        data.insert("due".to_owned(), json!(time_text(Millis(self.time.0 + span))));
        self.maybe(&mut data, 25, "queue", |dice| json!(QUEUES[dice.below(4)].0));
        self.maybe(&mut data, 30, "value", |dice| json!(dice.between(-100, 100)));
        if self.dice.percent(25) {
            let skills = self.skills(5);
            data.insert("skills".to_owned(), skills);
        }
        let live: Vec<String> = self.live.keys().cloned().collect();
        if let Some(id) = self.dice.one_of(&live).filter(|_| self.dice.percent(40)) {
            data.insert("conversation".to_owned(), json!(id));
        }
        self.write("callback.requested", Value::Object(data));
    }

    fn updated(&mut self) {
        let mut data = Map::new();
        let live = self.target(&mut data);
        let near = self.near(live);
        self.maybe(&mut data, 50, "value", |dice| json!(dice.between(-100, 300)));
        self.maybe(&mut data, 40, "intent", |dice| json!(dice.pick(&["buy", "cancel", "other"])));
        self.maybe(&mut data, 40, "queue", |_| json!(near));
        self.maybe(&mut data, 16, "queue", |dice| json!(QUEUES[dice.below(4)].0));
        if self.dice.percent(30) {
            let skills = self.skills(4);
            data.insert("skills".to_owned(), skills);
        }
        self.write("conversation.updated", Value::Object(data));
    }

    fn assigned(&mut self) {
        let mut data = Map::new();
        let live = self.target(&mut data);
        let division = live.map_or_else(|| self.dice.pick(&DIVISIONS).to_owned(), |live| live.division);
        let agent = self.dice.pick(&["ann", "bob", "cy", "dee", "Émile", "zoe"]);
        data.insert("agent".to_owned(), json!(agent));
        data.insert("division".to_owned(), json!(division));
        self.write("conversation.assigned", Value::Object(data));
    }

    /// A queue of the division of what lives.
    fn near(&mut self, live: Option<Live>) -> &'static str {
        let division = live.map(|live| live.division).unwrap_or_default();
        let near: Vec<&str> =
            QUEUES.iter().filter(|queue| queue.1 == division).map(|queue| queue.0).collect();
        self.dice.one_of(&near).unwrap_or("e1")
    }

    /// The contact joins what an agent has, by way of any queue of that division.
    fn name_what_is_offered(&mut self, data: &mut Map<String, Value>) {
        let with_agents: Vec<(String, Live)> =
            self.live.clone().into_iter().filter(|(_, live)| live.agent.is_some()).collect();
        let Some((id, live)) = self.dice.one_of(&with_agents) else { return };
        let near: Vec<&str> =
            QUEUES.iter().filter(|queue| queue.1 == live.division).map(|queue| queue.0).collect();
        data.insert("conversation".to_owned(), json!(id));
        data.insert("from".to_owned(), json!({ "account": "none" }));
        data.insert("queue".to_owned(), json!(self.dice.one_of(&near)));
    }

    fn maybe(
        &mut self,
        data: &mut Map<String, Value>,
        chance: usize,
        member: &str,
        value: impl FnOnce(&mut Dice) -> Value,
    ) {
        if self.dice.percent(chance) {
            data.insert(member.to_owned(), value(&mut self.dice));
        }
    }

    fn skills(&mut self, most: i64) -> Value {
        let mut skills = Map::new();
        for skill in SKILLS {
            self.maybe(&mut skills, 60, skill, |dice| json!(dice.between(1, most)));
        }
        Value::Object(skills)
    }

    fn profile(&mut self) {
        let mut data = Map::new();
        data.insert("from".to_owned(), self.identifiers(2));
        self.maybe(&mut data, 40, "tier", |dice| json!(dice.pick(&["gold", "silver", "tin"])));
        self.maybe(&mut data, 40, "lifetime_value", |dice| json!(dice.between(-5, 20_000)));
        self.maybe(&mut data, 40, "lang", |dice| json!(dice.pick(&LANGS)));
        self.maybe(&mut data, 20, "preferred_agent", |dice| json!(dice.pick(&["ann", "bob", "cy", "dee"])));
        self.maybe(&mut data, 30, "blocked", |dice| json!(dice.percent(40)));
        self.write("customer.updated", Value::Object(data));
    }

    fn division_of(&mut self, agent: &str) -> &'static str {
        let home = AGENTS.iter().position(|name| *name == agent).unwrap_or(0) % 2;
        DIVISIONS[if self.dice.percent(92) { home } else { 1 - home }]
    }

    fn begin_shift_of_any(&mut self) {
        let agent = self.dice.pick(&AGENTS);
        self.begin_shift(agent);
    }

    fn begin_shift(&mut self, agent: &str) {
        let division = self.division_of(agent);
        let mut capacity = Map::new();
        for channel in CHANNELS {
            self.maybe(&mut capacity, 90, channel, |dice| json!(dice.pick(&[&0, &1, &1, &2, &3])));
        }
        let skills = self.skills(10);
        let mut data = Map::new();
        data.insert("agent".to_owned(), json!(agent));
        data.insert("division".to_owned(), json!(division));
        data.insert("capacity".to_owned(), Value::Object(capacity));
        data.insert("skills".to_owned(), skills);
        self.maybe(&mut data, 30, "budget", |dice| json!(dice.pick(&[&50, &100, &200, &300, &0])));
        self.maybe(&mut data, 50, "langs", |dice| json!([dice.pick(&["EN", "es"])]));
        if self.dice.percent(50) {
            let mut queues = Map::new();
            for (queue, _) in QUEUES.iter().filter(|(_, of)| *of == division) {
                self.maybe(
                    &mut queues,
                    80,
                    queue,
                    |dice| json!({ "rank": dice.between(1, 3), "delay_s": dice.pick(&[&0, &0, &5, &20]) }),
                );
            }
            data.insert("queues".to_owned(), Value::Object(queues));
        }
        self.write("agent.updated", Value::Object(data));
        if self.dice.percent(85) {
            let data = json!({ "agent": agent, "division": division, "state": "available" });
            self.write("agent.state", data);
        }
    }

    fn presence(&mut self) {
        let agent = if self.dice.percent(97) { self.dice.pick(&AGENTS) } else { "zoe" };
        let division = self.division_of(agent);
        let state = self.dice.pick(&["available", "available", "available", "available", "away", "offline"]);
        let mut data = Map::new();
        data.insert("agent".to_owned(), json!(agent));
        data.insert("division".to_owned(), json!(division));
        data.insert("state".to_owned(), json!(state));
        self.maybe(&mut data, 10, "requeue", |_| json!(true));
        self.write("agent.state", Value::Object(data));
    }

    fn answer(&mut self) {
        let mut data = Map::new();
        let offered: Vec<String> =
            self.live.iter().filter(|(_, live)| live.offered).map(|(id, _)| id.clone()).collect();
        let live = match self.dice.one_of(&offered).filter(|_| !offered.is_empty()) {
            Some(id) if self.dice.percent(85) => {
                data.insert("conversation".to_owned(), json!(id));
                let live = self.live.get_mut(&id).expect("it is there");
                live.offered = false;
                Some(live.clone())
            }
            _ => self.target(&mut data),
        };
        let division =
            live.as_ref().map_or_else(|| self.dice.pick(&DIVISIONS).to_owned(), |l| l.division.clone());
        let wrong = self.dice.percent(5);
        let division = if wrong { self.dice.pick(&DIVISIONS).to_owned() } else { division };
        let agent = live.and_then(|live| live.agent).filter(|_| !wrong);
        let agent = agent.unwrap_or_else(|| self.dice.pick(&["ann", "bob", "cy", "dee", "zoe"]).to_owned());
        data.insert("agent".to_owned(), json!(agent));
        data.insert("division".to_owned(), json!(division));
        let word = if self.dice.percent(75) { "offer.accepted" } else { "offer.declined" };
        self.write(word, Value::Object(data));
    }

    fn wrapped(&mut self) {
        let agent = self.dice.pick(&AGENTS);
        let mut data = Map::new();
        data.insert("agent".to_owned(), json!(agent));
        data.insert("division".to_owned(), json!(self.division_of(agent)));
        match self.dice.below(3) {
            0 => {
                if let Some(id) = self.dice.one_of(&self.closed) {
                    data.insert("conversation".to_owned(), json!(id));
                }
            }
            1 => {
                data.insert("from".to_owned(), self.identifiers(2));
            }
            _ => {}
        }
        self.write("agent.wrapped", Value::Object(data));
    }

    fn replied(&mut self) {
        let mut data = Map::new();
        let live = self.target(&mut data);
        self.narrow(&mut data);
        self.name_agent(&mut data, live);
        self.maybe(&mut data, 15, "automated", |dice| json!(dice.percent(80)));
        self.write("conversation.replied", Value::Object(data));
    }

    fn name_agent(&mut self, data: &mut Map<String, Value>, live: Option<Live>) {
        let agent = live.and_then(|live| live.agent).unwrap_or_else(|| "ann".to_owned());
        self.maybe(data, 60, "agent", |_| json!(agent));
        self.maybe(data, 10, "agent", |dice| json!(dice.pick(&AGENTS)));
    }

    /// Narrows a look-up by `from`; beside an id these members say nothing.
    fn narrow(&mut self, data: &mut Map<String, Value>) {
        self.maybe(data, 10, "thread", |dice| json!(dice.pick(&["t1", "t2"])));
        self.maybe(data, 10, "channel", |dice| json!(dice.pick(&CHANNELS)));
        self.maybe(data, 10, "queue", |dice| json!(QUEUES[dice.below(4)].0));
    }

    fn hold(&mut self) {
        let mut data = Map::new();
        self.target(&mut data);
        let word = self.dice.pick(&["conversation.held", "conversation.resumed"]);
        self.write(word, Value::Object(data));
    }

    fn transfer(&mut self) {
        let mut data = Map::new();
        let live = self.target(&mut data);
        let near = self.near(live);
        self.maybe(&mut data, 80, "queue", |_| json!(near));
        self.maybe(&mut data, 25, "queue", |dice| json!(QUEUES[dice.below(4)].0));
        self.maybe(&mut data, 40, "agent", |dice| json!(dice.pick(&["ann", "bob", "cy", "dee", "zoe"])));
        if self.dice.percent(30) {
            let skills = self.skills(8);
            data.insert("skills".to_owned(), skills);
        }
        self.write("conversation.transferred", Value::Object(data));
    }

    fn resolve(&mut self) {
        let mut data = Map::new();
        let live = self.target(&mut data);
        self.name_agent(&mut data, live);
        self.maybe(&mut data, 40, "outcome", |dice| json!(dice.pick(&["sold", "\"quoted\" ✓"])));
        self.write("conversation.resolved", Value::Object(data));
    }

    fn abandon(&mut self) {
        let mut data = Map::new();
        self.target(&mut data);
        self.narrow(&mut data);
        self.write("contact.abandoned", Value::Object(data));
    }
}
