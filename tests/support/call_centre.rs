//! A small call centre around the real engine: people call, wait and hang up, agents come, go and talk. An agenda
//! holds what will happen; what is next becomes one line and a batch of one, and what the engine decides on it
//! (who takes whom, and when) puts the end of the talk on the agenda. Everything else was settled before the first
//! call, so a run is a function of its arguments.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;

use serde::Deserialize;
use trunkline::model::output::time_text;
use trunkline::pipeline::Pipeline;
use trunkline::rules::keys::HashKey;
use trunkline::types::lines::Output;
use trunkline::types::record::Record;
use trunkline::types::{Millis, Stream};

use super::engines::compiled;

/// The patience of somebody who waits however long it takes.
pub const ENDLESS: i64 = i64::MAX;

/// A call as it will be, whoever takes it.
#[derive(Clone, Debug)]
pub struct Call {
    /// When the phone rings.
    pub at: Millis,
    /// How long the caller waits before hanging up, in ms.
    pub patience_ms: i64,
    /// How long the talk takes, in ms.
    pub handling_ms: i64,
    /// How long it rings at an agent: at one who was free when the call came, and at one who became free later. Counts
    /// only where offers are to be accepted.
    pub ring_ms: [i64; 2],
    /// Points that the event itself brings.
    pub value: i64,
    /// The skill that it takes, if it takes one.
    pub skill: Option<String>,
}

/// Somebody who takes one call at a time.
#[derive(Clone, Debug)]
pub struct Agent {
    /// Its name.
    pub name: String,
    /// What it can do, all at level 1.
    pub skills: Vec<String>,
}

/// An agent comes or goes. Who goes while talking ends the talk first.
#[derive(Clone, Debug)]
pub struct Presence {
    /// When.
    pub at: Millis,
    /// Place in the list of agents.
    pub agent: usize,
    /// Whether it is available from now on, or away.
    pub here: bool,
}

/// What became of a call.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Fate {
    /// Nobody took it and its caller is on the line still.
    Waiting,
    /// An agent talked to its caller after so many ms.
    Answered(i64),
    /// Its caller hung up after so many ms.
    Abandoned(i64),
}

/// Rules of a centre with one queue, whose agents talk as soon as they have a call; lines of the queue may follow.
pub const RULES: &str = r#"
[identity.kinds.caller]
rank = 1
limit = 1
form = "opaque"
[channels.phone]
[divisions.centre]
[[routes]]
queue = "calls"
[queues.calls]
division = "centre"
accept = "auto"
wrap_up = "0s"
strategy = "longest_idle"
"#;

/// Lives through all calls and tells the fate of each. What happens in the same millisecond happens in the order of
/// the arguments: presence, calls, and then whatever follows from them.
///
/// # Panics
/// If the engine gives an agent who talks another call, or puts out what no call centre like this can cause.
pub fn run(rules: &str, agents: &[Agent], presence: &[Presence], calls: &[Call]) -> Vec<Fate> {
    let first = presence.iter().map(|change| change.at).chain(calls.iter().map(|call| call.at)).min();
    let Some(first) = first else { return Vec::new() };
    let mut centre = Centre {
        agents,
        presence,
        calls,
        pipeline: Pipeline::new(Arc::new(compiled(rules)), &HashKey::PUBLIC, "local"),
        out: Output::default(),
        agenda: BinaryHeap::new(),
        planned: 0,
        applied: 0,
        by_conversation: BTreeMap::new(),
        conversations: vec![String::new(); calls.len()],
        by_name: agents.iter().enumerate().map(|(at, agent)| (agent.name.as_str(), at)).collect(),
        talks: vec![None; agents.len()],
        holders: vec![(0, 0); calls.len()],
        fates: vec![Fate::Waiting; calls.len()],
    };
    centre.pipeline.set_max_jump(None);
    (0..agents.len()).for_each(|agent| centre.plan(first, Next::Hired(agent)));
    presence.iter().enumerate().for_each(|(at, change)| centre.plan(change.at, Next::Presence(at)));
    calls.iter().enumerate().for_each(|(at, call)| centre.plan(call.at, Next::Rings(at)));
    while let Some(Reverse((at, _, next))) = centre.agenda.pop() {
        centre.happens(at, next);
    }
    centre.fates
}

/// What is on the agenda; numbers are places in the lists of agents, changes of presence and calls.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Next {
    Hired(usize),
    Presence(usize),
    Rings(usize),
    HangsUp(usize),
    /// The agent who was the so manieth to get the call picks up.
    PicksUp(usize, u32),
    Ends(usize),
}

struct Centre<'a> {
    agents: &'a [Agent],
    presence: &'a [Presence],
    calls: &'a [Call],
    pipeline: Pipeline,
    out: Output,
    agenda: BinaryHeap<Reverse<(Millis, u64, Next)>>,
    /// Entries of the agenda so far, for the order of simultaneous ones.
    planned: u64,
    /// Lines applied so far.
    applied: u64,
    /// Calls that are not over, by the engine's id.
    by_conversation: BTreeMap<String, usize>,
    conversations: Vec<String>,
    by_name: BTreeMap<&'a str, usize>,
    /// Of each agent the call that it talks in, or that rings there.
    talks: Vec<Option<usize>>,
    /// Of each call the agent who got it last, and how many got it.
    holders: Vec<(usize, u32)>,
    fates: Vec<Fate>,
}

/// An output line, as far as a call centre cares.
#[derive(Deserialize)]
struct Told<'a> {
    #[serde(rename = "type")]
    event_type: &'a str,
    #[serde(borrow)]
    data: Data<'a>,
}

#[derive(Deserialize)]
struct Data<'a> {
    conversation: &'a str,
    agent: Option<&'a str>,
    waited_ms: Option<i64>,
    accept: Option<&'a str>,
    open_ms: Option<i64>,
    outcome: Option<&'a str>,
}

impl Centre<'_> {
    fn plan(&mut self, at: Millis, next: Next) {
        self.agenda.push(Reverse((at, self.planned, next)));
        self.planned += 1;
    }

    fn happens(&mut self, at: Millis, next: Next) {
        let Some((event_type, data)) = self.event(next) else { return };
        let (number, time) = (self.applied, time_text(at));
        let line = format!(
            r#"{{"specversion":"1.0","id":"{number}","source":"switch","type":"trunkline.{event_type}","time":"{time}","data":{{{data}}}}}"#
        );
        let mut out = std::mem::take(&mut self.out);
        let record = Record::line(0, number, line.as_bytes());
        self.pipeline.apply(&[record], None, &mut out).expect("jumps have no limit");
        self.applied += 1;
        if let Next::PicksUp(call, _) = next {
            self.answered(at, call, at.0 - self.calls[call].at.0);
        }
        assert!(out.rejected.is_empty() && out.identity.is_empty(), "refused: {line}");
        for (stream, line) in out.divisions[0].iter() {
            assert_ne!(stream, Stream::Sla, "no service level was set");
            let told: Told = serde_json::from_slice(line).expect("output is JSON");
            self.decided(at, next, &told);
        }
        self.out = out;
    }

    /// Type and data of the event that makes it happen; none if it was called off.
    fn event(&self, next: Next) -> Option<(&'static str, String)> {
        Some(match next {
            Next::Hired(at) => {
                let Agent { name, skills } = &self.agents[at];
                let skills: Vec<String> = skills.iter().map(|skill| format!("\"{skill}\":1")).collect();
                let skills = skills.join(",");
                let more = format!(r#""capacity":{{"phone":1}},"skills":{{{skills}}}"#);
                ("agent.updated", format!(r#""agent":"{name}","division":"centre",{more}"#))
            }
            Next::Presence(at) => {
                let Presence { agent, here, .. } = self.presence[at];
                let (name, state) = (&self.agents[agent].name, if here { "available" } else { "away" });
                ("agent.state", format!(r#""agent":"{name}","division":"centre","state":"{state}""#))
            }
            Next::Rings(at) => {
                let Call { value, skill, .. } = &self.calls[at];
                let skills = skill.iter().map(|skill| format!(r#","skills":{{"{skill}":1}}"#));
                let skills: String = skills.collect();
                let from = format!(r#""channel":"phone","from":{{"caller":"n{at}"}}"#);
                ("contact.received", format!(r#"{from},"value":{value}{skills}"#))
            }
            Next::HangsUp(at) if self.fates[at] != Fate::Waiting => return None,
            Next::HangsUp(at) => {
                ("contact.abandoned", format!(r#""conversation":"{}""#, self.conversations[at]))
            }
            Next::PicksUp(at, offer) => {
                let (agent, latest) = self.holders[at];
                if self.fates[at] != Fate::Waiting || self.talks[agent] != Some(at) || offer != latest {
                    return None;
                }
                let (name, conversation) = (&self.agents[agent].name, &self.conversations[at]);
                let whose = format!(r#""agent":"{name}","division":"centre""#);
                ("offer.accepted", format!(r#"{whose},"conversation":"{conversation}""#))
            }
            Next::Ends(at) => {
                ("conversation.resolved", format!(r#""conversation":"{}""#, self.conversations[at]))
            }
        })
    }

    fn decided(&mut self, at: Millis, next: Next, told: &Told) {
        let Data { conversation, agent, waited_ms, accept, open_ms, outcome } = told.data;
        match (told.event_type, next) {
            ("trunkline.conversation.opened", Next::Rings(call)) => {
                self.by_conversation.insert(conversation.to_owned(), call);
                self.conversations[call] = conversation.to_owned();
                if let Some(ms) = at.0.checked_add(self.calls[call].patience_ms) {
                    self.plan(Millis(ms), Next::HangsUp(call));
                }
            }
            ("trunkline.assignment.offered", _) => {
                let call = self.by_conversation[conversation];
                assert_eq!(self.fates[call], Fate::Waiting, "{conversation} has an agent");
                let agent = self.by_name[agent.expect("an offer has an agent")];
                let talks = self.talks[agent].replace(call);
                assert_eq!(talks, None, "{} talks to two", self.agents[agent].name);
                let offer = self.holders[call].1 + 1;
                self.holders[call] = (agent, offer);
                let waited_ms = waited_ms.expect("an offer tells the wait");
                if accept == Some("auto") {
                    self.answered(at, call, waited_ms);
                } else {
                    let rings_ms = self.calls[call].ring_ms[usize::from(waited_ms > 0)];
                    self.plan(Millis(at.0 + rings_ms), Next::PicksUp(call, offer));
                }
            }
            ("trunkline.assignment.withdrawn", Next::HangsUp(_) | Next::Presence(_)) => {
                let agent = self.by_name[agent.expect("an offer has an agent")];
                self.talks[agent] = None;
            }
            ("trunkline.conversation.closed", Next::HangsUp(call)) => {
                assert_eq!(outcome, Some("abandoned"));
                self.fates[call] = Fate::Abandoned(open_ms.expect("a closed one was open"));
                self.by_conversation.remove(conversation);
            }
            ("trunkline.conversation.closed", Next::Ends(call)) => {
                self.by_conversation.remove(conversation);
                self.talks[self.holders[call].0] = None;
            }
            (other, _) => panic!("{other} in a call centre"),
        }
    }

    fn answered(&mut self, at: Millis, call: usize, waited_ms: i64) {
        self.fates[call] = Fate::Answered(waited_ms);
        self.plan(Millis(at.0 + self.calls[call].handling_ms), Next::Ends(call));
    }
}
