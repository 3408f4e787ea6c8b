//! A change of rules: which number of the rules in force is which of the next ones, by name; and what refuses the change.
//!
//! Numbers are places in ordered tables, so a name that comes or goes moves those behind it. What grows with the number
//! of customers (identifiers by kind) or is counted for ever (outputs by division) keeps its numbers: `succeed`.

use std::fmt;
use std::sync::Arc;

use super::{Complaint, Kind, Rules, compile};
use crate::types::{ChannelId, DivisionId, KindId, QueueId};

/// By number in the rules in force: the number in the next ones; `None`: the name is gone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Renumbering {
    kinds: Vec<Option<u16>>,
    channels: Vec<Option<u16>>,
    divisions: Vec<Option<u16>>,
    queues: Vec<Option<u16>>,
    intents: Vec<Option<u16>>,
    tiers: Vec<Option<u16>>,
}

/// How much is in use, by number in the rules in force.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Uses {
    /// Conversations in each queue, those with a clock that began there included.
    pub queues: Vec<u64>,
    /// Conversations on each channel, and wrap-ups after them.
    pub channels: Vec<u64>,
    /// Identifiers owned of each kind.
    pub kinds: Vec<u64>,
}

/// Why rules are not changed.
#[derive(Debug)]
pub enum Refusal {
    /// `check` refuses the text.
    Unsound(Vec<Complaint>),
    /// Something that is in use is not declared any more.
    InUse {
        /// `queue`, `channel` or `kind`.
        what: &'static str,
        /// Its name.
        name: String,
        /// Of how many conversations or identifiers.
        count: u64,
    },
    /// A division is not declared any more: its outputs are numbered for ever.
    DivisionGone(String),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Unsound(complaints) => {
                let complaints: Vec<String> = complaints.iter().map(Complaint::to_string).collect();
                f.write_str(&complaints.join("\n"))
            }
            Refusal::InUse { what, name, count } => {
                let users = if *what == "kind" { "identifiers" } else { "conversations" };
                write!(f, "the {what} `{name}` is not declared, but in use by {count} {users}")
            }
            Refusal::DivisionGone(name) => {
                write!(
                    f,
                    "the division `{name}` is not declared; a division stays, if need be without queues"
                )
            }
        }
    }
}

impl Uses {
    /// Nothing is in use.
    pub fn none(rules: &Rules) -> Uses {
        Uses {
            queues: vec![0; rules.queues.len()],
            channels: vec![0; rules.channels.len()],
            kinds: vec![0; rules.identity.kinds.len()],
        }
    }

    /// The larger of two counts of each: what two stages know of the same conversations.
    pub fn at_least(&mut self, other: &Uses) {
        let all = self.queues.iter_mut().chain(&mut self.channels).chain(&mut self.kinds);
        let others = other.queues.iter().chain(&other.channels).chain(&other.kinds);
        all.zip(others).for_each(|(count, other)| *count = (*count).max(*other));
    }

    /// Adds counts of others.
    pub fn add(&mut self, other: &Uses) {
        let all = self.queues.iter_mut().chain(&mut self.channels).chain(&mut self.kinds);
        let others = other.queues.iter().chain(&other.channels).chain(&other.kinds);
        all.zip(others).for_each(|(count, other)| *count += other);
    }
}

impl Renumbering {
    /// From one to the next. A queue that another division has now is another queue.
    pub fn new(from: &Rules, to: &Rules) -> Renumbering {
        let named = |name: &String, names: &[String]| place(names.iter().map(String::as_str), name);
        let queue = |queue: &super::Queue| {
            let id = to.queue(&queue.name)?;
            let division = |rules: &Rules, division: DivisionId| rules.divisions[division.at()].name.clone();
            let same = division(from, queue.division) == division(to, to.queues[id.at()].division);
            same.then_some(id.0)
        };
        let kinds = from.identity.kinds.iter();
        Renumbering {
            kinds: kinds.map(|kind| to.kind(&kind.name).map(|id| u16::from(id.0))).collect(),
            channels: from.channels.iter().map(|c| to.channel(&c.name).map(|id| u16::from(id.0))).collect(),
            divisions: from.divisions.iter().map(|d| to.division(&d.name).map(|id| id.0)).collect(),
            queues: from.queues.iter().map(queue).collect(),
            intents: from.intents.iter().map(|intent| named(intent, &to.intents)).collect(),
            tiers: from.tiers.iter().map(|tier| named(tier, &to.tiers)).collect(),
        }
    }

    /// What refuses the change from these rules, whose uses are these; the first of divisions, queues, channels, kinds.
    ///
    /// # Errors
    /// A name that is in use is gone.
    pub fn check(&self, from: &Rules, uses: &Uses) -> Result<(), Refusal> {
        if let Some(at) = self.divisions.iter().position(Option::is_none) {
            return Err(Refusal::DivisionGone(from.divisions[at].name.clone()));
        }
        let gone = |what, to: &[Option<u16>], counts: &[u64], name: &dyn Fn(usize) -> String| {
            let used = to.iter().zip(counts).position(|(to, count)| to.is_none() && *count > 0);
            used.map_or(Ok(()), |at| Err(Refusal::InUse { what, name: name(at), count: counts[at] }))
        };
        gone("queue", &self.queues, &uses.queues, &|at| from.queues[at].name.clone())?;
        gone("channel", &self.channels, &uses.channels, &|at| from.channels[at].name.clone())?;
        gone("kind", &self.kinds, &uses.kinds, &|at| from.identity.kinds[at].name.clone())
    }

    /// The kind's next number.
    pub fn kind(&self, kind: KindId) -> Option<KindId> {
        self.kinds[kind.at()].map(|to| KindId(to as u8))
    }

    /// Kinds that are gone, by their numbers before.
    pub fn kinds_gone(&self) -> impl Iterator<Item = KindId> {
        let gone = self.kinds.iter().enumerate().filter(|(_, to)| to.is_none());
        gone.map(|(at, _)| KindId(at as u8))
    }

    /// The channel's next number.
    pub fn channel(&self, channel: ChannelId) -> Option<ChannelId> {
        self.channels[channel.at()].map(|to| ChannelId(to as u8))
    }

    /// The same of any place, those behind the last channel included.
    pub fn channel_at(&self, place: usize) -> Option<ChannelId> {
        self.channels.get(place).copied().flatten().map(|to| ChannelId(to as u8))
    }

    /// The division's next number.
    pub fn division(&self, division: DivisionId) -> Option<DivisionId> {
        self.divisions[division.at()].map(DivisionId)
    }

    /// The queue's next number.
    pub fn queue(&self, queue: QueueId) -> Option<QueueId> {
        self.queues[queue.at()].map(QueueId)
    }

    /// The intent's next place.
    pub fn intent(&self, intent: u16) -> Option<u16> {
        self.intents[usize::from(intent)]
    }

    /// The tier's next place.
    pub fn tier(&self, tier: u16) -> Option<u16> {
        self.tiers[usize::from(tier)]
    }

    /// Whether every channel keeps its number.
    pub fn keeps_channels(&self) -> bool {
        keeps(&self.channels)
    }

    /// Whether every tier keeps its place.
    pub fn keeps_tiers(&self) -> bool {
        keeps(&self.tiers)
    }

    /// What was kept by number of a queue, by its next number; `none` for a queue that is new.
    pub fn carry_queues<T>(&self, before: Vec<T>, queues: usize, none: impl Fn() -> T) -> Vec<T> {
        let mut after: Vec<T> = (0..queues).map(|_| none()).collect();
        for (value, to) in before.into_iter().zip(&self.queues) {
            if let Some(to) = to {
                after[usize::from(*to)] = value;
            }
        }
        after
    }
}

impl Rules {
    /// These rules as those that follow others: divisions and kinds that both have keep their numbers, new ones come behind,
    /// a new kind takes the number of one that is gone before that.
    pub fn succeed(mut self, before: &Arc<Rules>) -> Rules {
        let mut kinds: Vec<Option<Kind>> = Vec::new();
        let mut left = std::mem::take(&mut self.identity.kinds);
        for kind in &before.identity.kinds {
            kinds.push(left.iter().position(|other| other.name == kind.name).map(|at| left.remove(at)));
        }
        for kind in left {
            match kinds.iter_mut().find(|place| place.is_none()) {
                Some(place) => *place = Some(kind),
                None => kinds.push(Some(kind)),
            }
        }
        while kinds.last().is_some_and(Option::is_none) {
            kinds.pop();
        }
        self.identity.kinds = kinds.into_iter().map(|kind| kind.unwrap_or_else(Kind::gone)).collect();
        let mut order: Vec<usize> = (0..self.divisions.len()).collect();
        order.sort_by_key(|at| (before.division(&self.divisions[*at].name).map_or(u16::MAX, |id| id.0), *at));
        for queue in &mut self.queues {
            let to = order.iter().position(|at| *at == queue.division.at());
            queue.division = DivisionId(to.expect("every division has a place") as u16);
        }
        self.divisions = order.iter().map(|at| self.divisions[*at].clone()).collect();
        self.before = Some(before.clone());
        self
    }

    /// The rules of a tenant from its first on, these last.
    pub fn history(&self) -> Vec<&Rules> {
        let mut rules: Vec<&Rules> =
            std::iter::successors(Some(self), |rules| rules.before.as_deref()).collect();
        rules.reverse();
        rules
    }

    /// The same from their texts, one at least.
    ///
    /// # Errors
    /// The complaints about the first text that is not sound.
    pub fn from_history(texts: &[impl AsRef<str>]) -> Result<Arc<Rules>, Vec<Complaint>> {
        let mut rules: Option<Arc<Rules>> = None;
        for text in texts {
            let next = compile(text.as_ref(), "rules")?;
            rules = Some(Arc::new(match &rules {
                Some(before) => next.succeed(before),
                None => next,
            }));
        }
        Ok(rules.expect("a tenant has rules"))
    }

    /// Kinds in the order of trust: by rank, then by name.
    pub fn kinds_by_rank(&self) -> Vec<KindId> {
        let kinds = &self.identity.kinds;
        let mut order: Vec<KindId> = (0..kinds.len()).map(|at| KindId(at as u8)).collect();
        order.sort_by_key(|kind| (kinds[kind.at()].rank, &kinds[kind.at()].name));
        order
    }
}

fn place<'n>(mut names: impl Iterator<Item = &'n str>, name: &str) -> Option<u16> {
    names.position(|other| other == name).map(|at| at as u16)
}

fn keeps(numbers: &[Option<u16>]) -> bool {
    numbers.iter().zip(0..).all(|(to, at)| *to == Some(at))
}
