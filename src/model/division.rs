//! The state of one division: its conversations, agents and timers, and the small moves of which all operations are
//! made. A conversation that is closed leaves the maps. What each event does stands in `operations` and `agents`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::event::AgentQueue;
use super::identity::{CustomerNumber, Identity};
use super::output::{self, Body, Output};
use super::reasons::Reasons;
use super::sla::Cycle;
use super::timers::{Timer, Timers};
use super::understand::Context;
use super::value::Worth;
use crate::rules::{Leave, Queue, Rules};
use crate::types::{
    Affinity, AgentPresence, Cause, ChannelId, CloseOutcome, ConversationId, DivisionId, DurationMs, Millis,
    Objective, QueueId, Tally, TraceParent, WithdrawReason,
};

/// With whom a conversation is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum State {
    /// Waiting.
    Queued,
    /// The customer wants to be called back then.
    Scheduled { due: Millis },
    /// Offered to this agent until then.
    Offered { agent: String, expires: Millis },
    /// This agent works on it.
    Active { agent: String },
    /// This agent waits with it for somebody else.
    Held { agent: String },
}

impl State {
    /// The agent who has it.
    pub fn agent(&self) -> Option<&str> {
        match self {
            State::Queued | State::Scheduled { .. } => None,
            State::Offered { agent, .. } | State::Active { agent } | State::Held { agent } => Some(agent),
        }
    }

    /// Whether an agent has accepted it.
    pub fn is_accepted(&self) -> bool {
        matches!(self, State::Active { .. } | State::Held { .. })
    }
}

/// A conversation that is not closed.
#[derive(Clone, Debug)]
pub struct Conversation {
    pub customer: CustomerNumber,
    pub state: State,
    pub queue: QueueId,
    pub channel: ChannelId,
    /// Its value, term by term.
    pub worth: Worth,
    /// Of the latest contact, or what a transfer put in their place.
    pub skills: BTreeMap<String, u8>,
    /// Of the latest contact; lower case.
    pub lang: Option<String>,
    /// Whom the latest contact, or else the profile, prefers.
    pub preferred: Option<String>,
    /// Clock of the opening.
    pub opened: Millis,
    /// The entry that opened it.
    pub opened_by: Cause,
    /// `arrived` of the contact that opened it.
    pub first_contact: Millis,
    /// `arrived` of the oldest unanswered contact.
    pub arrived: Millis,
    /// Clock of the entry into the queue.
    pub queued: Millis,
    /// Clock of the last operation.
    pub last: Millis,
    pub contacts: u32,
    pub transfers: u32,
    pub offers: u32,
    /// Whether all its contacts have been replied to.
    pub replied: bool,
    /// Offers missed since it entered the queue.
    pub missed: u32,
    /// Whom it waits for, one after the other.
    pub windows: Vec<Window>,
    /// Nobody may take it before.
    pub opening: Option<Millis>,
    /// When it has waited for as long as its queue lets it.
    pub bound: Option<Millis>,
    /// Queues that it has left since its customer put it into one: it overflowed, or the business took it out.
    pub left: BTreeSet<QueueId>,
    /// When the agent replied, if the customer has been silent since.
    pub agent_replied: Option<Millis>,
    /// When the weight is given back then, if its channel says so.
    pub release: Option<Millis>,
    /// When it goes back to the queue unless its agent returns.
    pub reclaimed: Option<Millis>,
    /// Whether it has had the one reply that a conversation gets.
    pub acknowledged: bool,
    pub wait: Option<DurationMs>,
    pub first_response: Option<DurationMs>,
    /// Agents who do not get it before the instant.
    pub excluded: BTreeMap<String, Millis>,
    pub cycles: BTreeMap<Objective, Cycle>,
    pub breached: BTreeSet<Objective>,
    /// `resolution` stands still: on hold.
    pub held_pause: bool,
    /// `resolution` stands still: waiting for the customer.
    pub reply_pause: bool,
    pub context: Context,
    pub traceparent: TraceParent,
}

/// A time in which a conversation waits for one agent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Window {
    pub agent: String,
    pub affinity: Affinity,
    pub until: Millis,
}

/// How a conversation comes into a queue.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Entry {
    /// By a contact, a transfer, an update, a callback.
    Ordinary,
    /// From another queue that did not keep it.
    Overflow,
    /// Back from an agent who is gone.
    Return,
}

/// What an agent has been offered or works on.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Hold {
    pub channel: ChannelId,
    /// The weight has been given back.
    pub released: bool,
}

/// Work after a conversation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WrapUp {
    /// The customer at the time of the closing.
    pub customer: CustomerNumber,
    pub channel: ChannelId,
    pub ends: Millis,
}

/// An agent of this division.
#[derive(Clone, Debug)]
pub struct Agent {
    pub presence: AgentPresence,
    pub not_responding: bool,
    pub capacity: BTreeMap<ChannelId, u32>,
    pub budget: u32,
    /// Its own, if its definition names one.
    pub own_budget: Option<u32>,
    pub skills: BTreeMap<String, u8>,
    pub langs: BTreeSet<String>,
    /// `None`: all queues of the division.
    pub queues: Option<BTreeMap<QueueId, AgentQueue>>,
    /// What it has been offered or works on, with the channel.
    pub holding: BTreeMap<ConversationId, Hold>,
    pub wrap_ups: BTreeMap<ConversationId, WrapUp>,
    /// When its last conversation began or ended, or it first became available.
    pub idle_since: Option<Millis>,
    /// Accepted since it came from offline.
    pub handled: u64,
    pub last_offer: BTreeMap<QueueId, Millis>,
    /// Since when it is offline.
    pub offline_since: Option<Millis>,
    /// Its offers of the last minute, oldest first.
    pub offers: Vec<Millis>,
}

impl Agent {
    /// Whether it may be offered anything at all.
    pub fn is_available(&self) -> bool {
        self.presence == AgentPresence::Available && !self.not_responding
    }

    /// Channels of everything that takes its capacity, wrap-ups included.
    pub fn load(&self) -> impl Iterator<Item = ChannelId> {
        self.holding
            .values()
            .map(|hold| hold.channel)
            .chain(self.wrap_ups.values().map(|wrap_up| wrap_up.channel))
    }
}

/// What one entry or one timer brings: when, why, and where its decisions go.
pub struct Moment<'a> {
    pub rules: &'a Arc<Rules>,
    pub identity: &'a Identity,
    /// The clock of the entry, or the deadline of the timer.
    pub clock: Millis,
    /// The wall clock of the entry before which, or for which, this happens; absent in plain files.
    pub now: Option<Millis>,
    pub cause: Cause,
    /// Of the event; a timer carries the conversation's.
    pub traceparent: TraceParent,
    pub tally: &'a mut Tally,
    pub outputs: &'a mut Vec<Output>,
    /// Where the full reasons of each offer go, if anybody wants them.
    pub reasons: Option<&'a mut Vec<Reasons>>,
}

impl Moment<'_> {
    /// The rules of a queue.
    pub fn queue(&self, queue: QueueId) -> &Queue {
        &self.rules.queues[queue.at()]
    }

    /// Name of a queue.
    pub fn queue_name(&self, queue: QueueId) -> String {
        self.queue(queue).name.clone()
    }

    /// Name of a channel.
    pub fn channel_name(&self, channel: ChannelId) -> String {
        self.rules.channels[channel.at()].name.clone()
    }
}

/// One division.
#[derive(Clone, Debug)]
pub struct Division {
    pub id: DivisionId,
    pub conversations: BTreeMap<ConversationId, Conversation>,
    /// Ids that understand knows a conversation by which has another one here.
    pub aliases: BTreeMap<ConversationId, ConversationId>,
    /// Those of them that are queued.
    pub waiting: BTreeSet<ConversationId>,
    pub agents: BTreeMap<String, Agent>,
    pub timers: Timers,
    /// Conversations that the present event or timer made takeable.
    pub takeable: BTreeSet<ConversationId>,
    /// Agents that it made freer.
    pub freer: BTreeSet<String>,
    /// The conversation of the present contact.
    pub contacted: Option<ConversationId>,
    /// Gaps between acceptances, by queue.
    pub gaps: BTreeMap<QueueId, Gaps>,
    /// Offers by queue, and their sum, both halved from time to time.
    pub served: (BTreeMap<QueueId, u64>, u64),
}

/// How fast a queue is worked off.
#[derive(Clone, Debug)]
pub struct Gaps {
    /// The last acceptance.
    pub last: Millis,
    /// Mean gap in ms; none before the second acceptance.
    pub mean: Option<i64>,
}

impl Division {
    /// A division without agents and conversations.
    pub fn new(id: DivisionId) -> Division {
        Division {
            id,
            conversations: BTreeMap::new(),
            aliases: BTreeMap::new(),
            waiting: BTreeSet::new(),
            agents: BTreeMap::new(),
            timers: Timers::default(),
            takeable: BTreeSet::new(),
            freer: BTreeSet::new(),
            contacted: None,
            gaps: BTreeMap::new(),
            served: (BTreeMap::new(), 0),
        }
    }

    /// The conversation that an id of understand means, if this division holds it.
    pub fn actual(&self, id: ConversationId) -> Option<ConversationId> {
        if self.conversations.contains_key(&id) { Some(id) } else { self.aliases.get(&id).copied() }
    }

    /// A conversation that this division holds.
    pub fn conversation(&self, id: ConversationId) -> &Conversation {
        self.conversations.get(&id).expect("understand and route agree on what is open")
    }

    /// The same, to change it.
    pub fn conversation_mut(&mut self, id: ConversationId) -> &mut Conversation {
        self.conversations.get_mut(&id).expect("understand and route agree on what is open")
    }

    /// An agent who has a conversation, and so is known.
    pub fn agent_mut(&mut self, name: &str) -> &mut Agent {
        self.agents.get_mut(name).expect("who has a conversation is known")
    }

    /// Tells a decision about a conversation.
    pub fn tell(&self, id: ConversationId, body: Body, moment: &mut Moment) {
        let traceparent = match moment.cause {
            Cause::Event(_) => moment.traceparent,
            Cause::Timer => self.conversation(id).traceparent,
        };
        moment.outputs.push(Output { time: moment.clock, cause: moment.cause, traceparent, body });
    }

    /// Name of this division.
    pub fn name(&self, moment: &Moment) -> String {
        moment.rules.divisions[self.id.at()].name.clone()
    }

    /// The conversation waits, and somebody may take it.
    pub fn wait(&mut self, id: ConversationId) {
        self.conversation_mut(id).state = State::Queued;
        self.waiting.insert(id);
        self.takeable.insert(id);
    }

    /// Takes the conversation from whoever has it. The agent becomes freer; if it had accepted it, it has been idle
    /// since now. Returns the agent.
    pub fn take_away(&mut self, id: ConversationId, moment: &Moment) -> Option<String> {
        let conversation = self.conversation_mut(id);
        let accepted = conversation.state.is_accepted();
        let name = conversation.state.agent()?.to_owned();
        conversation.state = State::Queued;
        conversation.reclaimed = None;
        conversation.agent_replied = None;
        let agent = self.agent_mut(&name);
        agent.holding.remove(&id).expect("an agent knows what it has");
        if accepted {
            agent.idle_since = Some(moment.clock);
        }
        self.freer.insert(name.clone());
        Some(name)
    }

    /// Tells an agent that it loses the conversation.
    pub fn withdraw(&self, id: ConversationId, agent: &str, reason: WithdrawReason, moment: &mut Moment) {
        let body = output::Withdrawn {
            conversation: id,
            agent: agent.to_owned(),
            division: self.name(moment),
            reason,
        };
        self.tell(id, Body::Withdrawn(body), moment);
    }

    /// The agent does not get the conversation for the time that its queue says.
    pub fn exclude(&mut self, id: ConversationId, agent: &str, moment: &Moment) {
        let span = moment.queue(self.conversation(id).queue).exclude_after_miss;
        if span > DurationMs::ZERO {
            let until = moment.clock.plus(span);
            self.conversation_mut(id).excluded.insert(agent.to_owned(), until);
            self.timers.arm(until, Timer::Exclusion(id, agent.to_owned()));
        }
    }

    /// A live offer is lost: back to the queue, without that agent for a while; after too many of them to another
    /// queue, if there is one.
    pub fn miss_offer(&mut self, id: ConversationId, reason: WithdrawReason, moment: &mut Moment) {
        let agent = self.take_away(id, moment).expect("a live offer is somebody's");
        self.withdraw(id, &agent, reason, moment);
        self.exclude(id, &agent, moment);
        let queue = moment.queue(self.conversation(id).queue).clone();
        let conversation = self.conversation_mut(id);
        conversation.missed += 1;
        if conversation.missed < queue.max_offers {
            self.wait(id);
            return;
        }
        conversation.missed = 0;
        match queue.max_offers_to {
            Some(to) => self.leave(id, Leave { to: Some(to), template: None }, moment),
            None => self.wait(id),
        }
    }

    /// The agent works on after the conversation, if the queue says so; else it is free at once.
    /// Either way nobody has the conversation any more.
    pub fn wrap_up(&mut self, id: ConversationId, agent: &str, moment: &Moment) {
        let conversation = self.conversation(id);
        let span = moment.queue(conversation.queue).wrap_up;
        if span > DurationMs::ZERO {
            let ends = moment.clock.plus(span);
            let customer = moment.identity.root(conversation.customer);
            let wrap_up = WrapUp { customer, channel: conversation.channel, ends };
            self.agent_mut(agent).wrap_ups.insert(id, wrap_up);
            self.timers.arm(ends, Timer::WrapUp(agent.to_owned(), id));
        }
    }

    /// The conversation has been touched: `idle_close` counts from now, of a callback from when it is due.
    pub fn refresh(&mut self, id: ConversationId, moment: &Moment) {
        let idle_close = moment.rules.conversation.idle_close;
        let conversation = self.conversation_mut(id);
        let before = conversation.last;
        let last = match conversation.state {
            State::Scheduled { due } => due.max(moment.clock),
            _ => moment.clock,
        };
        conversation.last = last;
        self.timers.disarm(before.plus(idle_close), Timer::IdleClose(id));
        self.timers.arm(last.plus(idle_close), Timer::IdleClose(id));
    }

    /// The end of a conversation that nobody has any more.
    pub fn close(
        &mut self,
        id: ConversationId,
        outcome: CloseOutcome,
        disposition: Option<String>,
        moment: &mut Moment,
    ) {
        if outcome == CloseOutcome::Resolved {
            self.stop_cycle(id, Objective::Resolution, moment);
        }
        for objective in Objective::ALL {
            self.cancel_cycle(id, *objective, moment);
        }
        let conversation = self.conversation(id);
        assert_eq!(conversation.state.agent(), None, "nobody has what is closed");
        let body = output::Closed {
            conversation: id,
            customer: moment.identity.id(conversation.customer),
            division: self.name(moment),
            queue: moment.queue_name(conversation.queue),
            channel: moment.channel_name(conversation.channel),
            outcome,
            disposition,
            wait: conversation.wait,
            first_response: conversation.first_response,
            open: moment.clock.since(conversation.opened),
            contacts: conversation.contacts,
            transfers: conversation.transfers,
            offers: conversation.offers,
            breached: conversation.breached.iter().copied().collect(),
            at_once: moment.cause != Cause::Timer && moment.cause == conversation.opened_by,
        };
        self.tell(id, Body::Closed(body), moment);
        self.forget(id, moment);
    }

    /// The conversation is held no more.
    pub fn forget(&mut self, id: ConversationId, moment: &Moment) {
        let idle = conversation_idle(self.conversation(id), moment);
        self.timers.disarm(idle, Timer::IdleClose(id));
        self.conversations.remove(&id);
        self.aliases.retain(|_, held| *held != id);
        self.waiting.remove(&id);
        self.takeable.remove(&id);
    }
}

fn conversation_idle(conversation: &Conversation, moment: &Moment) -> Millis {
    conversation.last.plus(moment.rules.conversation.idle_close)
}
