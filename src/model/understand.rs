//! Understanding: which conversation an event is about, the customer's profile and attempts, the context that an
//! agent gets to see, the queue and the value. Nothing here knows of offers and agents at work: what only route
//! knows plays no part.

use std::collections::{BTreeMap, BTreeSet};

use super::clock::arrived;
use super::elsewhere::accepts_by_itself;
use super::event::{Event, Tier};
use super::identity::{CustomerNumber, Identity};
use super::routing_rules::{Facts, answer, route};
use super::terms;
use super::value::{Worth, standing, worth};
use crate::rules::{ConversationRules, Rules};
use crate::types::{
    AttemptOutcome, ChannelId, ConversationId, CustomerId, DivisionId, DurationMs, EventType, IgnoreReason,
    KindId, Millis, Position, QueueId, TemplateId, TraceParent,
};

/// What an agent is told of the customer: as it was at the latest contact.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Context {
    pub failed_attempts: u32,
    /// Earlier ones, oldest first.
    pub attempts: Vec<Attempt>,
    pub last_agent: Option<String>,
    pub kinds: BTreeSet<KindId>,
    /// Of the latest contact.
    pub message: Position,
}

/// One contact of a customer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Attempt {
    pub at: Millis,
    pub channel: ChannelId,
    pub outcome: AttemptOutcome,
    pub conversation: ConversationId,
}

/// What brings a conversation to a division.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Asks {
    /// The customer has written, called, come.
    Answer,
    /// The customer wants to be called back. `own`: the conversation that opens if an agent has the one that was found.
    Callback { due: Millis, own: ConversationId },
    /// It comes from another division, in which it was a callback for then, if for any time.
    Move { due: Option<Millis> },
}

/// What is sent back to a contact, before anybody has looked at it.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Reply {
    pub template: TemplateId,
    /// Only the customer may see it.
    pub private: bool,
    /// Sent even if the conversation has had a reply of this sort.
    pub always: bool,
}

/// What a contact asks of a division.
#[derive(Clone, Debug)]
pub struct Contact {
    pub asks: Asks,
    pub conversation: ConversationId,
    pub division: DivisionId,
    pub customer: CustomerNumber,
    /// Opens the conversation, or joins it.
    pub opens: bool,
    /// A blocked customer's, or with a reply that ends it: what it opens is to be closed at once.
    pub automated: bool,
    /// What is sent back.
    pub reply: Option<Reply>,
    /// Where to; none: it stays in its queue.
    pub queue: Option<QueueId>,
    /// The queue that it was routed to last, for a conversation that the division no longer holds.
    pub home: QueueId,
    /// It joins what was set aside for a callback and may never have been opened.
    pub maybe: bool,
    pub channel: ChannelId,
    pub arrived: Millis,
    /// `arrived` of what opened the conversation.
    pub first_contact: Millis,
    pub worth: Worth,
    pub skills: BTreeMap<String, u8>,
    pub lang: Option<String>,
    /// The agent whom the contact, or else the profile, prefers.
    pub preferred: Option<String>,
    /// Whether everything before has been replied to; only of one that moves.
    pub replied: bool,
    pub thread: Option<String>,
    pub context: Context,
    pub traceparent: TraceParent,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Profile {
    pub tier: Option<Tier>,
    pub lifetime_value: Option<i64>,
    pub lang: Option<String>,
    pub preferred_agent: Option<String>,
    pub blocked: Option<bool>,
}

/// What is known of a customer.
#[derive(Clone, Debug, Default)]
pub(super) struct History {
    pub profile: Profile,
    pub attempts: Vec<Attempt>,
    /// The agent of the latest reply or resolve, and when that was.
    pub last_agent: Option<(Millis, String)>,
    pub open: BTreeSet<ConversationId>,
}

/// An open conversation.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub division: DivisionId,
    /// Clock of the event that opened it.
    pub opened: Millis,
    /// Conversations that have become part of it: their ids mean this one.
    pub folded: BTreeSet<ConversationId>,
    /// Clock of the last event that named, found or joined it.
    pub last: Millis,
    /// When a callback is due that no contact has cancelled since.
    pub due: Option<Millis>,
    /// Set aside for a callback, and open only if route needed it.
    pub maybe: bool,
    /// An agent may have had it: somebody has accepted it or was ordered to, or a queue of the division accepts by itself.
    pub taken: bool,
    /// A callback that nobody can have.
    pub scheduled: bool,
    pub threads: BTreeSet<String>,
    /// Where understand has sent it last.
    pub queue: QueueId,
    /// `arrived` of the oldest contact that nobody has replied to, or of the latest if there is none.
    pub arrived: Millis,
    pub replied: bool,
    pub first_contact: Millis,
    /// What the latest contact, and updates since, said.
    pub facts: Facts,
    pub skills: BTreeMap<String, u8>,
    pub preferred: Option<String>,
    pub message: Position,
    pub traceparent: TraceParent,
}

impl Known {
    /// The instant from which idleness and continuity count.
    pub(super) fn active(&self) -> Millis {
        self.due.map_or(self.last, |due| due.max(self.last))
    }
}

/// What happens to a conversation besides a contact.
#[derive(Clone, Debug)]
pub enum Found {
    /// The event itself says it all.
    Operation(ConversationId, DivisionId),
    /// Its value is this now.
    Updated(ConversationId, DivisionId, Worth),
    /// It leaves its division for another one, in which it opens under a new id; for an agent, if that is known there.
    Moved(ConversationId, DivisionId, Box<Contact>, Option<String>),
}

/// Customers' histories and open conversations.
#[derive(Clone, Debug, Default)]
pub struct Understand {
    pub(super) histories: BTreeMap<CustomerNumber, History>,
    pub(super) known: BTreeMap<ConversationId, Known>,
    /// Conversations opened so far under a customer id.
    opened: BTreeMap<CustomerId, u32>,
}

impl Understand {
    /// `customer.updated`: each member that is present overwrites.
    pub fn update_profile(&mut self, customer: CustomerNumber, event: &Event) {
        let profile = &mut self.histories.entry(customer).or_default().profile;
        profile.tier = event.tier.or(profile.tier);
        profile.lifetime_value = event.lifetime_value.or(profile.lifetime_value);
        profile.lang = event.lang.clone().or(profile.lang.take());
        profile.preferred_agent = event.preferred_agent.clone().or(profile.preferred_agent.take());
        profile.blocked = event.blocked.or(profile.blocked);
    }

    /// `contact.received` and `callback.requested`: finds or opens the conversation, values and routes the contact.
    ///
    /// # Errors
    /// `NoQueue` if the rules have no queues.
    pub fn contact(
        &mut self,
        event: &Event,
        customer: CustomerNumber,
        clock: Millis,
        rules: &Rules,
        identity: &Identity,
    ) -> Result<Contact, IgnoreReason> {
        let calls_back = event.event_type == EventType::CallbackRequested;
        let channel = event.channel.expect("a contact has a channel");
        let arrived = arrived(event.time, clock, rules.clock.max_late);
        let context = self.context(event.position, customer, None, clock, rules, identity);
        let facts = self.facts(event, customer, channel, arrived, context.failed_attempts, rules);
        let history = self.histories.entry(customer).or_default();
        let preferred = event.preferred_agent.clone().or(history.profile.preferred_agent.clone());
        let blocked = history.profile.blocked == Some(true);
        let worth = worth(&facts, rules);
        let routed = route(&facts, rules).ok_or(IgnoreReason::NoQueue)?;
        let asked = event.queue.unwrap_or(routed);
        let division_of = |queue: QueueId| rules.queues[queue.at()].division;
        let joined = self.joined(event, customer, division_of(asked), clock, rules);
        let opens = joined.is_none();
        let (conversation, division, queue) = match joined {
            None => (self.next_id(identity.id(customer)), division_of(asked), Some(asked)),
            Some(id) => {
                let division = self.known[&id].division;
                let queue = [asked, routed].into_iter().find(|queue| division_of(*queue) == division);
                (id, division, queue)
            }
        };
        let (automated, reply) = answer(&facts, (opens, blocked, calls_back), rules);
        let (first_contact, home) =
            self.known.get(&conversation).map_or((arrived, asked), |k| (k.first_contact, k.queue));
        let contact = Contact {
            asks: Asks::Answer,
            conversation,
            division,
            customer,
            opens,
            automated,
            reply,
            queue,
            home: queue.unwrap_or(home),
            maybe: !opens && self.known[&conversation].maybe,
            channel,
            arrived,
            first_contact,
            worth,
            skills: event.skills.clone().unwrap_or_default(),
            lang: facts.lang.clone(),
            preferred,
            replied: false,
            thread: event.thread.clone(),
            context,
            traceparent: event.traceparent,
        };
        if calls_back {
            return Ok(self.callback(event, contact, facts, clock, (rules, identity)));
        }
        if !automated {
            self.remember(&contact, facts, clock, rules);
        }
        let outcome = if automated { AttemptOutcome::Automated } else { AttemptOutcome::Open };
        let history = self.histories.entry(customer).or_default();
        history.attempt(Attempt { at: arrived, channel, outcome, conversation }, clock, &rules.conversation);
        Ok(contact)
    }

    /// What is known of a contact when it is valued and routed.
    fn facts(
        &mut self,
        event: &Event,
        customer: CustomerNumber,
        channel: ChannelId,
        arrived: Millis,
        failed_attempts: u32,
        rules: &Rules,
    ) -> Facts {
        let profile = &self.histories.entry(customer).or_default().profile;
        let lang = event.lang.clone().or(profile.lang.clone()).or(event.detected.clone());
        let facts = Facts {
            standing: Worth::default(),
            channel,
            terms: terms::holding(&event.hits, lang.as_deref(), rules),
            lang,
            intent: event.intent,
            tier: profile.known_tier(),
            public: event.public.unwrap_or(rules.channels[channel.at()].public),
            reach: event.reach,
            lifetime_value: profile.lifetime_value,
            sentiment: event.sentiment,
            failed_attempts: i64::from(failed_attempts),
            arrived,
            own_value: event.value.unwrap_or(0),
        };
        Facts { standing: standing(&facts, rules), ..facts }
    }

    /// Any other event about a conversation: which one, and what the customer's history learns from it.
    ///
    /// # Errors
    /// Why the event has no effect; then the conversation is not refreshed either.
    pub fn find(
        &mut self,
        event: &Event,
        customer: CustomerNumber,
        clock: Millis,
        rules: &Rules,
        identity: &Identity,
    ) -> Result<Found, IgnoreReason> {
        let id = self.look_up(event, customer, clock, rules)?;
        let known = self.known.get_mut(&id).expect("it was just found");
        let division = known.division;
        known.last = clock;
        let history = self.histories.entry(customer).or_default();
        match event.event_type {
            EventType::ConversationReplied if !event.automated => {
                known.replied = true;
                set_outcome(&mut history.attempts, id, AttemptOutcome::Answered);
                history.note_agent(event, clock);
            }
            EventType::ConversationResolved => {
                history.note_agent(event, clock);
                self.forget(id, customer);
            }
            EventType::ContactAbandoned => {
                set_outcome(&mut history.attempts, id, AttemptOutcome::Abandoned);
                self.forget(id, customer);
            }
            EventType::ConversationTransferred | EventType::ConversationUpdated => {
                known.skills = event.skills.clone().unwrap_or(std::mem::take(&mut known.skills));
                known.facts.own_value = event.value.unwrap_or(known.facts.own_value);
                known.facts.intent = event.intent.or(known.facts.intent);
                known.facts.tier = history.profile.known_tier();
                known.facts.lifetime_value = history.profile.lifetime_value;
                let worth = worth(&known.facts, rules);
                if let Some(queue) = event.queue {
                    if rules.queues[queue.at()].division != division {
                        return Ok(self.move_out(event, id, queue, customer, clock, rules, identity));
                    }
                    known.queue = queue;
                }
                if event.event_type == EventType::ConversationUpdated {
                    return Ok(Found::Updated(id, division, worth));
                }
            }
            EventType::OfferAccepted => known.taken = true,
            EventType::ConversationAssigned => (known.taken, known.scheduled) = (true, false),
            _ => {}
        }
        Ok(Found::Operation(id, division))
    }

    /// The conversation is over: it is found no more.
    pub fn forget(&mut self, id: ConversationId, customer: CustomerNumber) {
        self.known.remove(&id);
        self.histories.entry(customer).or_default().open.remove(&id);
    }

    /// The customer is erased: its open conversations, by division, are found no more.
    pub fn erase(&mut self, customer: CustomerNumber) -> BTreeMap<DivisionId, Vec<ConversationId>> {
        let open = self.histories.remove(&customer).unwrap_or_default().open;
        let mut by_division: BTreeMap<DivisionId, Vec<ConversationId>> = BTreeMap::new();
        for id in open {
            let known = self.known.remove(&id).expect("it is open");
            by_division.entry(known.division).or_default().push(id);
        }
        by_division
    }

    /// Nothing is kept of the customer, who was known by these ids.
    pub fn forget_customer(&mut self, customer: CustomerNumber, ids: &[CustomerId]) {
        for id in self.histories.remove(&customer).unwrap_or_default().open {
            self.known.remove(&id);
        }
        self.opened.retain(|id, _| !ids.contains(id));
    }

    /// The division of a conversation that is open at `clock`.
    pub fn is_open(
        &self,
        id: ConversationId,
        clock: Millis,
        rules: &ConversationRules,
    ) -> Option<DivisionId> {
        let stands_for =
            |(open, known): &(&ConversationId, &Known)| **open == id || known.folded.contains(&id);
        let (_, known) = self.known.iter().find(stands_for)?;
        (clock.since(known.active()) <= rules.idle_close).then_some(known.division)
    }

    /// Checks that every open conversation stands with exactly one customer, who survives.
    ///
    /// # Panics
    /// If not.
    pub fn audit(&self, identity: &Identity) {
        let mut open = BTreeSet::new();
        for (customer, history) in &self.histories {
            assert_eq!(identity.root(*customer), *customer, "an absorbed customer has a history");
            for id in &history.open {
                assert_eq!(
                    identity.customer_of_id(id.customer),
                    Some(*customer),
                    "somebody else's conversation"
                );
                assert!(open.insert(*id), "a conversation of two customers");
            }
        }
        let mut folded: BTreeSet<ConversationId> = BTreeSet::new();
        for id in self.known.values().flat_map(|known| &known.folded) {
            assert!(!open.contains(id) && folded.insert(*id), "{id} is folded and something else");
        }
        assert!(open.iter().eq(self.known.keys()), "open conversations and customers' lists differ");
    }

    /// What is known before the present contact, which has been added to the attempts of conversation `present` or is
    /// not there yet.
    pub(super) fn context(
        &self,
        message: Position,
        customer: CustomerNumber,
        present: Option<ConversationId>,
        clock: Millis,
        rules: &Rules,
        identity: &Identity,
    ) -> Context {
        let history = self.histories.get(&customer);
        let oldest = clock.minus(rules.conversation.attempts_window);
        let mut attempts: Vec<Attempt> = history
            .map(|history| history.attempts.iter().filter(|attempt| attempt.at >= oldest).cloned().collect())
            .unwrap_or_default();
        if let Some(latest) = attempts.iter().rposition(|attempt| Some(attempt.conversation) == present) {
            attempts.remove(latest);
        }
        let failed =
            |attempt: &&Attempt| matches!(attempt.outcome, AttemptOutcome::Open | AttemptOutcome::Abandoned);
        Context {
            failed_attempts: attempts.iter().filter(failed).count() as u32,
            attempts,
            last_agent: history.and_then(|history| Some(history.last_agent.as_ref()?.1.clone())),
            kinds: identity.kinds(customer),
            message,
        }
    }

    /// The conversation that a contact joins: by id, by thread, by continuity; none: it opens one.
    fn joined(
        &self,
        event: &Event,
        customer: CustomerNumber,
        division: DivisionId,
        clock: Millis,
        rules: &Rules,
    ) -> Option<ConversationId> {
        let open = self.open(customer, clock, rules);
        if let Some(id) = event.conversation
            && let Some(named) = self.named(id, &open)
        {
            return Some(named);
        }
        let here = open.into_iter().filter(|id| self.known[id].division == division);
        let (maybe, certain): (Vec<_>, Vec<_>) = here.partition(|id| self.known[id].maybe);
        let joined = |here: Vec<ConversationId>| self.joined_of(&here, event, clock, rules);
        joined(certain).or_else(|| joined(maybe))
    }

    /// Of these, the one that a contact joins: by thread, by continuity.
    fn joined_of(
        &self,
        here: &[ConversationId],
        event: &Event,
        clock: Millis,
        rules: &Rules,
    ) -> Option<ConversationId> {
        let with_thread = |id: &ConversationId| self.has_thread(*id, event.thread.as_deref());
        let by_thread = event
            .thread
            .as_ref()
            .and_then(|_| self.latest(here.iter().copied().filter(with_thread).collect()));
        let continuity = rules.conversation.continuity;
        let active = |id: &ConversationId| {
            continuity > DurationMs::ZERO && clock.since(self.known[id].active()) <= continuity
        };
        by_thread.or_else(|| self.latest(here.iter().copied().filter(active).collect()))
    }

    fn look_up(
        &self,
        event: &Event,
        customer: CustomerNumber,
        clock: Millis,
        rules: &Rules,
    ) -> Result<ConversationId, IgnoreReason> {
        let open = self.open(customer, clock, rules);
        if let Some(id) = event.conversation {
            let id = self.named(id, &open).ok_or(IgnoreReason::UnknownConversation)?;
            let elsewhere = event.division.is_some_and(|division| division != self.known[&id].division);
            return if elsewhere { Err(IgnoreReason::OtherDivision) } else { Ok(id) };
        }
        let destination =
            matches!(event.event_type, EventType::ConversationTransferred | EventType::ConversationUpdated);
        let narrowing_queue = event.queue.filter(|_| !destination);
        let fits = |id: &ConversationId| {
            let known = &self.known[id];
            event.division.is_none_or(|division| division == known.division)
                && narrowing_queue.is_none_or(|queue| rules.queues[queue.at()].division == known.division)
                && event.channel.is_none_or(|channel| channel == known.facts.channel)
                && (event.thread.is_none() || self.has_thread(*id, event.thread.as_deref()))
        };
        let (maybe, certain): (Vec<_>, Vec<_>) =
            open.into_iter().filter(fits).partition(|id| self.known[id].maybe);
        let maybe = if destination { Vec::new() } else { maybe };
        self.latest(certain).or_else(|| self.latest(maybe)).ok_or(IgnoreReason::UnknownConversation)
    }

    /// The one of these that an id means: its own, or that of one that has become part of it.
    fn named(&self, id: ConversationId, open: &[ConversationId]) -> Option<ConversationId> {
        open.iter().copied().find(|open| *open == id || self.known[open].folded.contains(&id))
    }

    /// The customer's open conversations.
    pub(super) fn open(&self, customer: CustomerNumber, clock: Millis, rules: &Rules) -> Vec<ConversationId> {
        let Some(history) = self.histories.get(&customer) else { return Vec::new() };
        let is_open =
            |id: &ConversationId| clock.since(self.known[id].active()) < rules.conversation.idle_close;
        history.open.iter().copied().filter(is_open).collect()
    }

    fn has_thread(&self, id: ConversationId, thread: Option<&str>) -> bool {
        thread.is_some_and(|thread| self.known[&id].threads.contains(thread))
    }

    /// The one active last; of several the one with the smallest id.
    fn latest(&self, ids: Vec<ConversationId>) -> Option<ConversationId> {
        ids.into_iter().min_by_key(|id| (std::cmp::Reverse(self.known[id].last), *id))
    }

    pub(super) fn next_id(&mut self, customer: CustomerId) -> ConversationId {
        let opened = self.opened.entry(customer).or_insert(0);
        *opened += 1;
        ConversationId { customer, ordinal: *opened }
    }

    /// The conversation is open from now on, or goes on: this is its latest contact.
    pub(super) fn remember(&mut self, contact: &Contact, facts: Facts, clock: Millis, rules: &Rules) {
        let before = self.known.get(&contact.conversation);
        let unanswered = before.filter(|known| !known.replied).map(|known| known.arrived);
        let known = Known {
            division: contact.division,
            opened: before.map_or(clock, |known| known.opened),
            folded: before.map(|known| known.folded.clone()).unwrap_or_default(),
            last: clock,
            due: None,
            maybe: false,
            taken: accepts_by_itself(contact.division, rules) || before.is_some_and(|known| known.taken),
            scheduled: false,
            threads: before.map(|known| known.threads.clone()).unwrap_or_default(),
            queue: contact.home,
            arrived: unanswered.unwrap_or(contact.arrived),
            replied: contact.replied,
            first_contact: contact.first_contact,
            facts,
            skills: contact.skills.clone(),
            preferred: contact.preferred.clone(),
            message: contact.context.message,
            traceparent: contact.traceparent,
        };
        self.known.insert(contact.conversation, known);
        let known = self.known.get_mut(&contact.conversation).expect("it was just put there");
        known.threads.extend(contact.thread.clone());
        self.histories.entry(contact.customer).or_default().open.insert(contact.conversation);
    }
}

impl History {
    /// One more attempt; those that are too old or too many are not kept.
    fn attempt(&mut self, attempt: Attempt, clock: Millis, rules: &ConversationRules) {
        let oldest = clock.minus(rules.attempts_window);
        self.attempts.retain(|attempt| attempt.at >= oldest);
        self.attempts.push(attempt);
        keep_last(&mut self.attempts, rules.attempts_kept);
    }

    /// An event may tell which agent the customer had.
    fn note_agent(&mut self, event: &Event, clock: Millis) {
        if let Some(agent) = &event.agent {
            self.last_agent = Some((clock, agent.clone()));
        }
    }
}

pub(super) fn keep_last(attempts: &mut Vec<Attempt>, kept: u32) {
    let too_many = attempts.len().saturating_sub(kept as usize);
    attempts.drain(..too_many);
}

fn set_outcome(attempts: &mut [Attempt], id: ConversationId, outcome: AttemptOutcome) {
    for attempt in attempts {
        if attempt.conversation == id && attempt.outcome == AttemptOutcome::Open {
            attempt.outcome = outcome;
        }
    }
}
