//! One logical shard: its customers, their attempts and open conversations, and what an event means for them.

use crate::collections::blocks::Blocks;
use crate::collections::names::Names;
use crate::collections::pages::Pages;
use crate::rules::Rules;
use crate::types::event::{Event, List, Span};
use crate::types::operation::{Action, Contact, Operation, Operations};
use crate::types::{AttemptOutcome, CustomerId, DurationMs, EventType, IgnoreReason, Millis, QueueId};

use super::customer::{Conversation, Customer, KeptAttempt, NONE};
use super::threads::Threads;
use super::value::{Appraiser, Facts};
use super::{Context, Place};

/// Records of a page: all shards begin a page at about the same time, together 4 MB.
const PAGE_BITS: u32 = 10;

/// A logical shard.
pub struct Shard {
    pub(super) customers: Pages<Customer, PAGE_BITS>,
    pub(super) conversations: Pages<Conversation, PAGE_BITS>,
    /// Places of conversations that are not open.
    pub(super) free: Vec<u32>,
    /// Where the search for conversations that have gone idle goes on.
    pub(super) hand: u32,
    /// No event of this batch has an earlier clock.
    pub(super) horizon: Millis,
    pub(super) threads: Threads,
    /// Attempts of customers who have more than a few.
    pub(super) blocks: Blocks<KeptAttempt>,
    pub(super) kept: usize,
    window: DurationMs,
    continuity: DurationMs,
    pub(super) idle_close: DurationMs,
    max_late: DurationMs,
}

impl Shard {
    /// Knows nobody yet.
    pub fn new(rules: &Rules) -> Shard {
        let kept = rules.conversation.attempts_kept as usize;
        Shard {
            customers: Pages::default(),
            conversations: Pages::default(),
            free: Vec::new(),
            hand: 0,
            horizon: Millis::MIN,
            threads: Threads::default(),
            blocks: Blocks::new(kept),
            kept,
            window: rules.conversation.attempts_window,
            continuity: rules.conversation.continuity,
            idle_close: rules.conversation.idle_close,
            max_late: rules.clock.max_late,
        }
    }

    /// Begins a batch of which no event has an earlier clock.
    #[inline]
    pub fn begin(&mut self, clock: Millis) {
        self.horizon = clock;
    }

    /// Bytes allocated: customers with their attempts, conversations with their threads.
    pub fn bytes(&self) -> [usize; 2] {
        let free = self.free.capacity() * size_of::<u32>();
        [
            self.customers.bytes() + self.blocks.bytes(),
            self.conversations.bytes() + self.threads.bytes() + free,
        ]
    }

    /// Asks for a customer's record ahead of its use, and for the place of the event's agent among the names.
    #[inline]
    pub fn prefetch(&self, local: u32, event: &Event, agents: &Names) {
        self.customers.prefetch(local);
        if is_told_agent(event) {
            agents.prefetch(event.agent_key);
        }
    }

    /// Asks for what a customer's record leads to, and for the agent's name, the lines before being fetched.
    #[inline]
    pub fn prefetch_lists(&self, local: u32, event: &Event, agents: &Names) {
        let Some(customer) = self.customers.get(local) else { return };
        self.conversations.prefetch(customer.conversations);
        customer.prefetch_attempts(&self.blocks);
        if is_told_agent(event) {
            agents.guess(event.agent_key);
        } else if event.event_type == EventType::ContactReceived {
            agents.prefetch_name(customer.last_agent);
        }
    }

    /// Makes sure of a customer's record, and that only conversations are in its list which had an event within
    /// `idle_close`; route closes the others by its own timer.
    #[inline]
    pub fn meet(&mut self, local: u32, clock: Millis) {
        while self.customers.len() <= local {
            self.customers.push(Customer::default());
        }
        self.close_idle(local, clock);
    }

    /// `customer.updated`.
    pub fn update_profile(&mut self, place: Place, local: u32) {
        self.customers[local].update(place.event);
    }

    /// `contact.received` of a customer of this id with identifiers of these kinds; `Err` if no queue can be found
    /// because the rules have none.
    pub fn contact(
        &mut self,
        place: Place,
        local: u32,
        (id, kinds): (CustomerId, u16),
        Context { rules, appraiser }: &Context,
        agents: &Names,
        out: &mut [Operations],
    ) -> Result<(), ()> {
        let event = place.event;
        let channel = event.channel.expect("decode requires the channel of a contact");
        let customer = &mut self.customers[local];
        customer.forget_attempts(place.clock.minus(self.window), &mut self.blocks);
        let attempts = customer.attempts(&self.blocks);
        let facts = Facts {
            event,
            channel,
            arrived: event.time.min(place.clock).max(place.clock.minus(self.max_late)),
            lang_key: if event.lang_key != 0 { event.lang_key } else { customer.lang_key },
            tier: customer.tier(),
            lifetime_value: customer.lifetime_value(),
            failed_attempts: attempts.iter().filter(|attempt| attempt.failed()).count() as u32,
        };
        let (conversation, queue) = self.find_for_contact(place, local, facts, rules, appraiser)?;
        let blocked = self.customers[local].blocked() == Some(true);
        let (slot, opens) = match conversation {
            Some(slot) => (slot, false),
            None => {
                let queue = queue.expect("a new conversation has a queue");
                let division = rules.queues[queue.at()].division;
                (self.open(local, id, division, facts.arrived, place.clock), true)
            }
        };
        let division = self.conversations[slot].division;
        let operations = &mut out[division.at()];
        let contact = self.context(local, slot, facts, (kinds, appraiser.value(facts)), agents, operations);
        operations.contacts.push(Contact { queue, opens, blocked, ..contact });
        let conversation = &mut self.conversations[slot];
        conversation.add_thread(event.thread_key, &mut self.threads);
        conversation.channel = channel;
        conversation.last = place.clock;
        operations.rows.push(Operation {
            row: place.row,
            conversation: conversation.id,
            customer: id,
            action: Action::Contact(operations.contacts.len() as u32 - 1),
        });
        let closed = opens && blocked;
        let outcome = if closed { AttemptOutcome::Automated } else { AttemptOutcome::Open };
        let attempt = KeptAttempt { at: facts.arrived, conversation: slot, channel, outcome };
        self.customers[local].add_attempt(attempt, self.kept, &mut self.blocks);
        if closed {
            self.close(slot);
        }
        Ok(())
    }

    /// Every other event of a conversation: looks it up, never opens one.
    pub fn follow_up(
        &mut self,
        place: Place,
        local: u32,
        id: CustomerId,
        (rules, agents): (&Rules, &mut Names),
        out: &mut [Operations],
    ) -> Result<(), IgnoreReason> {
        let event = place.event;
        let slot = self.find(place, local, rules)?;
        let division = self.conversations[slot].division;
        let elsewhere = |queue: QueueId| rules.queues[queue.at()].division != division;
        if event.event_type == EventType::ConversationTransferred && event.queue.is_some_and(elsewhere) {
            return Err(IgnoreReason::Unsupported);
        }
        let conversation = self.conversations[slot].id;
        self.conversations[slot].last = place.clock;
        let action = match event.event_type {
            EventType::ConversationReplied if event.automated => Action::Touched,
            EventType::ConversationReplied => Action::Replied,
            EventType::ConversationHeld => Action::Held,
            EventType::ConversationResumed => Action::Resumed,
            EventType::ConversationTransferred => Action::Transferred,
            EventType::ConversationResolved => Action::Resolved,
            EventType::ContactAbandoned => Action::Abandoned,
            EventType::OfferAccepted => Action::Accepted,
            EventType::OfferDeclined => Action::Declined,
            other => unreachable!("{} is no event of a conversation", other.name()),
        };
        match action {
            Action::Replied => self.settle_attempts(local, slot, AttemptOutcome::Answered),
            Action::Abandoned => self.settle_attempts(local, slot, AttemptOutcome::Abandoned),
            _ => {}
        }
        if is_told_agent(event) {
            self.customers[local].last_agent = agents.number(event.agent_key, place.events.text(event.agent));
        }
        if matches!(action, Action::Resolved | Action::Abandoned) {
            self.close(slot);
        }
        out[division.at()].rows.push(Operation { row: place.row, conversation, customer: id, action });
        Ok(())
    }

    /// The conversation that a contact joins, if any, and the queue it goes to (`None`: where the conversation is).
    fn find_for_contact(
        &mut self,
        place: Place,
        local: u32,
        facts: Facts,
        rules: &Rules,
        appraiser: &Appraiser,
    ) -> Result<(Option<u32>, Option<QueueId>), ()> {
        let event = place.event;
        let division_of = |queue: QueueId| rules.queues[queue.at()].division;
        if event.conversation.is_some()
            && let Some(slot) = self.best(local, |conversation| conversation.id == event.conversation)
        {
            let division = self.conversations[slot].division;
            let here = |queue: &QueueId| division_of(*queue) == division;
            let queue = event.queue.filter(here).or_else(|| appraiser.route(facts).filter(here));
            return Ok((Some(slot), queue));
        }
        let queue = event.queue.or_else(|| appraiser.route(facts)).ok_or(())?;
        let division = division_of(queue);
        let by_thread = |conversation: &Conversation| {
            conversation.division == division && conversation.has_thread(event.thread_key, &self.threads)
        };
        let recent = |conversation: &Conversation| {
            conversation.division == division && place.clock.since(conversation.last) <= self.continuity
        };
        let mut found = if event.thread_key != 0 { self.best(local, by_thread) } else { None };
        if found.is_none() && self.continuity > DurationMs::ZERO {
            found = self.best(local, recent);
        }
        Ok((found, Some(queue)))
    }

    /// The open conversation that an event other than a contact means.
    fn find(&self, place: Place, local: u32, rules: &Rules) -> Result<u32, IgnoreReason> {
        let event = place.event;
        if event.conversation.is_some() {
            let found = self.best(local, |conversation| conversation.id == event.conversation);
            let slot = found.ok_or(IgnoreReason::UnknownConversation)?;
            let division = self.conversations[slot].division;
            return if event.division.is_none_or(|named| named == division) {
                Ok(slot)
            } else {
                Err(IgnoreReason::OtherDivision)
            };
        }
        let by_queue = event.queue.filter(|_| event.event_type != EventType::ConversationTransferred);
        let division = by_queue.map(|queue| rules.queues[queue.at()].division);
        let meant = |conversation: &Conversation| {
            event.division.is_none_or(|named| named == conversation.division)
                && division.is_none_or(|named| named == conversation.division)
                && event.channel.is_none_or(|channel| channel == conversation.channel)
                && (event.thread_key == 0 || conversation.has_thread(event.thread_key, &self.threads))
        };
        self.best(local, meant).ok_or(IgnoreReason::UnknownConversation)
    }

    /// What the agent will be told: the earlier attempts go into the operations' side table.
    fn context(
        &self,
        local: u32,
        slot: u32,
        facts: Facts,
        (kinds, value): (u16, i64),
        agents: &Names,
        out: &mut Operations,
    ) -> Contact {
        let customer = &self.customers[local];
        let start = out.attempts.len() as u32;
        out.attempts.extend(customer.attempts(&self.blocks).iter().map(KeptAttempt::told));
        let (mut last_agent, mut last_agent_key) = (Span::default(), 0);
        if customer.last_agent != NONE {
            let name = agents.get(customer.last_agent);
            last_agent = Span { start: out.bytes.len() as u32, len: name.len() as u32 };
            last_agent_key = agents.key(customer.last_agent);
            out.bytes.extend_from_slice(name);
        }
        Contact {
            value,
            lang_key: facts.lang_key,
            arrived: facts.arrived,
            first_contact: self.conversations[slot].first_contact,
            failed_attempts: facts.failed_attempts,
            attempts: List { start, len: out.attempts.len() as u32 - start },
            last_agent,
            last_agent_key,
            kinds,
            queue: None,
            channel: facts.channel,
            opens: false,
            blocked: false,
        }
    }

    /// Every open attempt of a conversation ends so.
    fn settle_attempts(&mut self, local: u32, slot: u32, outcome: AttemptOutcome) {
        for attempt in self.customers[local].attempts_mut(&mut self.blocks) {
            if attempt.conversation == slot && attempt.outcome == AttemptOutcome::Open {
                attempt.outcome = outcome;
            }
        }
    }
}

/// Whether the event tells which agent a customer had last.
#[inline]
fn is_told_agent(event: &Event) -> bool {
    event.agent.len > 0
        && match event.event_type {
            EventType::ConversationReplied => !event.automated,
            event_type => event_type == EventType::ConversationResolved,
        }
}
