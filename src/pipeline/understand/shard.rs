//! One logical shard: its customers, their attempts and open conversations, and what an event means for them.

use crate::collections::blocks::Blocks;
use std::collections::BTreeMap;

use crate::collections::names::Names;
use crate::collections::pages::Pages;
use crate::rules::Rules;
use crate::types::event::{Event, List, Span};
use crate::types::operation::{Action, Callback, Contact, Operation, Operations};
use crate::types::{AttemptOutcome, ChannelId, CustomerId, DurationMs, EventType, Millis, QueueId};

use super::customer::{Conversation, Customer, KeptAttempt, NONE};
use super::latest::Latest;
use super::threads::Threads;
use super::value::{Appraiser, Facts};
use super::{Context, Place, Texts};

/// Records of a page: all shards begin a page at about the same time, together 4 MB.
const PAGE_BITS: u32 = 10;

/// A logical shard.
#[derive(Debug)]
pub struct Shard {
    pub(super) customers: Pages<Customer, PAGE_BITS>,
    pub(super) conversations: Pages<Conversation, PAGE_BITS>,
    /// By conversation.
    pub(super) latest: Pages<Latest, PAGE_BITS>,
    /// Places of conversations that are not open.
    pub(super) free: Vec<u32>,
    /// Where the search for conversations that have gone idle goes on.
    pub(super) hand: u32,
    /// No event of this batch has an earlier clock.
    pub(super) horizon: Millis,
    pub(super) threads: Threads,
    /// Attempts of customers who have more than a few.
    pub(super) blocks: Blocks<KeptAttempt>,
    /// By customer whose profile prefers an agent: the number of the name.
    pub(super) preferred: BTreeMap<u32, u32>,
    /// By customer: clock of the event that told its last agent.
    pub(super) told_agent: Pages<Millis, PAGE_BITS>,
    /// By customer who has absorbed others: the ids that those had, a list among the threads.
    pub(super) known_as: BTreeMap<u32, u32>,
    pub(super) kept: usize,
    pub(super) window: DurationMs,
    pub(super) continuity: DurationMs,
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
            latest: Pages::default(),
            preferred: BTreeMap::new(),
            told_agent: Pages::default(),
            known_as: BTreeMap::new(),
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

    /// Spans and bounds of other rules.
    pub(super) fn set_spans(&mut self, rules: &Rules) {
        self.kept = rules.conversation.attempts_kept as usize;
        self.window = rules.conversation.attempts_window;
        self.continuity = rules.conversation.continuity;
        self.idle_close = rules.conversation.idle_close;
        self.max_late = rules.clock.max_late;
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
            self.customers.bytes() + self.told_agent.bytes() + self.blocks.bytes(),
            self.conversations.bytes() + self.latest.bytes() + self.threads.bytes() + free,
        ]
    }

    /// Asks for a customer's record ahead of its use, and for the place of the event's agent among the names.
    #[inline]
    pub fn prefetch(&self, local: u32, event: &Event, agents: &Names) {
        self.customers.prefetch(local);
        if is_told_agent(event) {
            agents.prefetch(event.agent_key);
            self.told_agent.prefetch(local);
        }
    }

    /// Asks for what a customer's record leads to, and for the agent's name, the lines before being fetched.
    #[inline]
    pub fn prefetch_lists(&self, local: u32, event: &Event, agents: &Names) {
        let Some(customer) = self.customers.get(local) else { return };
        self.conversations.prefetch(customer.conversations);
        self.latest.prefetch(customer.conversations);
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
    pub fn update_profile(&mut self, place: Place, local: u32, context: &Context, texts: &mut Texts) {
        let event = place.event;
        self.customers[local].update(event);
        if context.has_affinity && event.preferred_key != 0 {
            let name = texts.agents.number(event.preferred_key, place.events.text(event.preferred));
            self.preferred.insert(local, name);
            self.customers[local].set_prefers();
        }
    }

    /// `contact.received` or `callback.requested` of a customer of this id with identifiers of these kinds; `Err` if no
    /// queue can be found because the rules have none.
    pub(super) fn contact(
        &mut self,
        place: Place,
        local: u32,
        (id, kinds): (CustomerId, u16),
        context: &Context,
        texts: &mut Texts,
        out: &mut [Operations],
    ) -> Result<(), ()> {
        let Context { rules, appraiser, .. } = context;
        let event = place.event;
        let channel = event.channel.expect("decode requires the channel of a contact");
        let calls_back = event.event_type == EventType::CallbackRequested;
        let customer = &mut self.customers[local];
        customer.forget_attempts(place.clock.minus(self.window), &mut self.blocks);
        let blocked = customer.blocked() == Some(true);
        let facts = self.facts(place, local, channel);
        let (conversation, queue) = self.find_for_contact(place, local, facts, rules, appraiser)?;
        let opens = conversation.is_none();
        let slot = conversation.unwrap_or_else(|| {
            let queue = queue.expect("a new conversation has a queue");
            self.open(local, id, rules.queues[queue.at()].division, facts.arrived, place.clock)
        });
        let (reply, ended) = appraiser.answer(facts, calls_back, opens, blocked);
        let preferred = if context.has_affinity { self.preferred_agent(place, local, texts) } else { NONE };
        let standing = appraiser.standing(facts);
        let home = queue.unwrap_or(self.latest[slot].queue);
        let maybe = !opens && self.is_maybe(slot);
        self.latest[slot] =
            self.newest(place, facts, (standing, preferred, home), (!opens).then_some(slot), texts);
        let own = (event.intent, event.value.unwrap_or(0));
        let value = appraiser.value(standing, own, (facts.tier, facts.lifetime_value));
        let Conversation { id: found, division, first_contact, .. } = self.conversations[slot];
        let accepts_by_itself = context.accepts_by_itself[division.at()];
        let operations = &mut out[division.at()];
        let told = self.told(local, preferred, texts, operations);
        operations.contacts.push(Contact {
            value,
            lang_key: facts.lang_key,
            arrived: facts.arrived,
            first_contact,
            failed_attempts: facts.failed_attempts,
            kinds,
            queue,
            home,
            maybe,
            channel,
            opens,
            blocked: blocked && (opens || calls_back),
            reply,
            ..told
        });
        let contact = operations.contacts.len() as u32 - 1;
        self.conversations[slot].add_thread(event.thread_key, &mut self.threads);
        self.conversations[slot].note_contact(channel, place.clock, accepts_by_itself);
        let mut row =
            Operation { row: place.row, conversation: found, customer: id, action: Action::Contact(contact) };
        if calls_back {
            let callback =
                self.callback(place, local, (id, slot), (facts.arrived, opens), (blocked, accepts_by_itself));
            operations.callbacks.push(Callback { contact, ..callback });
            row.action = Action::Callback(operations.callbacks.len() as u32 - 1);
            operations.rows.push(row);
            return Ok(());
        }
        operations.rows.push(row);
        self.note_attempt(local, slot, facts.arrived, ended);
        Ok(())
    }

    /// Keeps a contact as an attempt. What is closed at once is open no more.
    fn note_attempt(&mut self, local: u32, slot: u32, at: Millis, closed: bool) {
        let outcome = if closed { AttemptOutcome::Automated } else { AttemptOutcome::Open };
        let channel = self.conversations[slot].channel;
        let attempt = KeptAttempt { at, conversation: slot, channel, outcome };
        self.customers[local].add_attempt(attempt, self.kept, &mut self.blocks);
        if closed {
            self.close(slot);
        }
    }

    /// What routes and value may look at.
    fn facts<'a>(&self, place: Place<'a>, local: u32, channel: ChannelId) -> Facts<'a> {
        let (event, customer) = (place.event, &self.customers[local]);
        let attempts = customer.attempts(&self.blocks);
        Facts {
            event,
            channel,
            arrived: event.time.min(place.clock).max(place.clock.minus(self.max_late)),
            lang_key: match (event.lang_key, customer.lang_key) {
                (0, 0) => event.detected_key,
                (0, known) => known,
                (told, _) => told,
            },
            hits: &place.events.hits[event.hits.range()],
            tier: customer.tier(),
            lifetime_value: customer.lifetime_value(),
            failed_attempts: attempts.iter().filter(|attempt| attempt.failed()).count() as u32,
        }
    }

    /// What this contact says of its conversation. `joined`: the conversation that it joins.
    fn newest(
        &self,
        place: Place,
        facts: Facts,
        (standing, preferred, queue): (i64, u32, QueueId),
        joined: Option<u32>,
        texts: &mut Texts,
    ) -> Latest {
        let event = place.event;
        let before = joined.map(|slot| &self.latest[slot]);
        let (opened, stands_for) =
            before.map_or((place.clock, NONE), |latest| (latest.opened, latest.stands_for));
        let before = before.filter(|latest| !latest.replied);
        Latest {
            message: event.position,
            traceparent: event.traceparent,
            arrived: before.map_or(facts.arrived, |latest| latest.arrived),
            due: Millis::MIN,
            opened,
            stands_for,
            standing,
            own_value: event.value.unwrap_or(0),
            lang_key: facts.lang_key,
            preferred,
            skills: event.skills.map_or(NONE, |list| texts.skill_set(&place.events.skills[list.range()])),
            failed_attempts: facts.failed_attempts,
            intent: event.intent.unwrap_or(u16::MAX),
            queue,
            replied: false,
            maybe: false,
        }
    }

    /// The number of the name of the agent whom the contact, or else the profile, prefers.
    fn preferred_agent(&self, place: Place, local: u32, texts: &mut Texts) -> u32 {
        let event = place.event;
        if event.preferred_key != 0 {
            return texts.agents.number(event.preferred_key, place.events.text(event.preferred));
        }
        if self.customers[local].prefers() { self.preferred[&local] } else { NONE }
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
            && let Some(slot) = self.named(local, event.conversation)
        {
            let division = self.conversations[slot].division;
            let here = |queue: &QueueId| division_of(*queue) == division;
            let queue = event.queue.filter(here).or_else(|| appraiser.route(facts).filter(here));
            return Ok((Some(slot), queue));
        }
        let queue = event.queue.or_else(|| appraiser.route(facts)).ok_or(())?;
        let division = division_of(queue);
        let by_thread = |slot: u32| {
            let conversation = &self.conversations[slot];
            conversation.division == division && conversation.has_thread(event.thread_key, &self.threads)
        };
        let recent = |slot: u32| {
            self.conversations[slot].division == division
                && place.clock.since(self.active(slot)) <= self.continuity
        };
        let mut found = None;
        // What was set aside for a callback only if nothing else is there.
        for maybe in [false, true] {
            if found.is_none() && event.thread_key != 0 {
                found = self.best_slot(local, |slot| self.is_maybe(slot) == maybe && by_thread(slot));
            }
            if found.is_none() && self.continuity > DurationMs::ZERO {
                found = self.best_slot(local, |slot| self.is_maybe(slot) == maybe && recent(slot));
            }
        }
        Ok((found, Some(queue)))
    }

    /// What the agent will be told, in the operations' side tables: earlier attempts, the last agent, whom the customer
    /// prefers. The rest of the contact is empty.
    pub(super) fn told(&self, local: u32, preferred: u32, texts: &Texts, out: &mut Operations) -> Contact {
        let customer = &self.customers[local];
        let start = out.attempts.len() as u32;
        out.attempts.extend(customer.attempts(&self.blocks).iter().map(KeptAttempt::told));
        let attempts = List { start, len: out.attempts.len() as u32 - start };
        let mut name = |number: u32| {
            if number == NONE {
                return (Span::default(), 0);
            }
            let text = texts.agents.get(number);
            let span = Span { start: out.bytes.len() as u32, len: text.len() as u32 };
            out.bytes.extend_from_slice(text);
            (span, texts.agents.key(number))
        };
        let (last_agent, last_agent_key) = name(customer.last_agent);
        let (preferred, preferred_key) = name(preferred);
        Contact { attempts, last_agent, last_agent_key, preferred, preferred_key, ..Contact::EMPTY }
    }

    /// Every open attempt of a conversation ends so.
    pub(super) fn settle_attempts(&mut self, local: u32, slot: u32, outcome: AttemptOutcome) {
        for attempt in self.customers[local].attempts_mut(&mut self.blocks) {
            if attempt.conversation == slot && attempt.outcome == AttemptOutcome::Open {
                attempt.outcome = outcome;
            }
        }
    }
}

/// Whether the event tells which agent a customer had last.
#[inline]
pub(super) fn is_told_agent(event: &Event) -> bool {
    event.agent.len > 0
        && match event.event_type {
            EventType::ConversationReplied => !event.automated,
            event_type => event_type == EventType::ConversationResolved,
        }
}
