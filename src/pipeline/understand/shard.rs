//! One logical shard: its customers, their attempts and open conversations, and what an event means for them.

use crate::collections::blocks::{Blocks, NO_BLOCK};
use crate::collections::names::Names;
use crate::collections::pages::Pages;
use crate::rules::Rules;
use crate::types::event::{List, Span};
use crate::types::operation::{Action, Contact, Operation, Operations};
use crate::types::{
    AttemptOutcome, ConversationId, CustomerId, DivisionId, DurationMs, EventType, IgnoreReason, Millis,
    QueueId,
};

use super::Place;
use super::customer::{Conversation, Customer, KeptAttempt, NONE};
use super::value::{Appraiser, Facts};

/// Attempts of a small block: most customers keep no more.
const SMALL_BLOCK: usize = 2;

/// A logical shard.
pub struct Shard {
    customers: Pages<Customer>,
    conversations: Pages<Conversation>,
    free: Vec<u32>,
    /// The conversation that had no event for longest, and the one that had the latest.
    oldest: u32,
    youngest: u32,
    small: Blocks<KeptAttempt>,
    large: Blocks<KeptAttempt>,
    agents: Names,
    kept: usize,
    window: DurationMs,
    continuity: DurationMs,
    idle_close: DurationMs,
    max_late: DurationMs,
}

/// A customer's record on its way to another; used again and again, so that its lists keep their memory.
#[derive(Default)]
pub struct Parcel {
    customer: Customer,
    last_agent: Option<u64>,
    last_agent_name: Vec<u8>,
    attempts: Vec<KeptAttempt>,
    /// With the slots that they had.
    conversations: Vec<(u32, Conversation)>,
    /// Old slots and new ones.
    moved: Vec<(u32, u32)>,
}

impl Shard {
    /// Knows nobody yet.
    pub fn new(rules: &Rules) -> Shard {
        let kept = rules.conversation.attempts_kept as usize;
        Shard {
            customers: Pages::default(),
            conversations: Pages::default(),
            free: Vec::new(),
            oldest: NONE,
            youngest: NONE,
            small: Blocks::new(SMALL_BLOCK),
            large: Blocks::new(kept),
            agents: Names::default(),
            kept,
            window: rules.conversation.attempts_window,
            continuity: rules.conversation.continuity,
            idle_close: rules.conversation.idle_close,
            max_late: rules.clock.max_late,
        }
    }

    /// Asks for a customer's record ahead of its use.
    #[inline]
    pub fn prefetch(&self, local: u32) {
        self.customers.prefetch(local);
    }

    /// Asks for what a customer's record leads to, the record being fetched.
    #[inline]
    pub fn prefetch_lists(&self, local: u32) {
        let Some(customer) = self.customers.get(local) else { return };
        let blocks = if customer.attempts_large { &self.large } else { &self.small };
        blocks.prefetch(customer.attempts);
        self.conversations.prefetch(customer.conversations);
    }

    /// Makes sure of the record, under this id.
    #[inline]
    pub fn meet(&mut self, local: u32, id: CustomerId) {
        self.ensure(local);
        self.customers[local].id = id;
    }

    fn ensure(&mut self, local: u32) {
        while self.customers.len() <= local {
            self.customers.push(Customer::default());
        }
    }

    /// Forgets conversations that had no event for `idle_close`; route closes them by its own timer.
    #[inline]
    pub fn sweep(&mut self, clock: Millis) {
        while self.oldest != NONE && clock.since(self.conversations[self.oldest].last) >= self.idle_close {
            self.close(self.oldest);
        }
    }

    /// `customer.updated`.
    pub fn update_profile(&mut self, place: Place, local: u32) {
        self.customers[local].update(place.event);
    }

    /// `contact.received`; `Err` if no queue can be found because the rules have none.
    pub fn contact(
        &mut self,
        place: Place,
        local: u32,
        kinds: u16,
        rules: &Rules,
        appraiser: &Appraiser,
        out: &mut [Operations],
    ) -> Result<(), ()> {
        let event = place.event;
        let channel = event.channel.expect("decode requires the channel of a contact");
        self.forget_attempts(local, place.clock);
        let customer = &self.customers[local];
        let attempts = self.attempts(customer);
        let facts = Facts {
            event,
            channel,
            arrived: event.time.min(place.clock).max(place.clock.minus(self.max_late)),
            lang_key: if event.lang_key != 0 { event.lang_key } else { customer.lang_key },
            tier: customer.tier,
            lifetime_value: customer.lifetime_value,
            failed_attempts: attempts.iter().filter(|attempt| attempt.failed()).count() as u32,
        };
        let (conversation, queue) = self.find_for_contact(place, local, facts, rules, appraiser)?;
        let blocked = self.customers[local].blocked == Some(true);
        let (slot, opens) = match conversation {
            Some(slot) => (slot, false),
            None => {
                let queue = queue.expect("a new conversation has a queue");
                (self.open(local, rules.queues[queue.at()].division, facts.arrived, place.clock), true)
            }
        };
        let division = self.conversations[slot].division;
        let operations = &mut out[division.at()];
        let contact = self.context(local, slot, facts, kinds, appraiser.value(facts), operations);
        operations.contacts.push(Contact { queue, opens, blocked, ..contact });
        let conversation = &mut self.conversations[slot];
        conversation.add_thread(event.thread_key);
        conversation.channel = channel;
        operations.rows.push(Operation {
            row: place.row,
            conversation: conversation.id,
            customer: self.customers[local].id,
            action: Action::Contact(operations.contacts.len() as u32 - 1),
        });
        self.refresh(slot, place.clock);
        let closed = opens && blocked;
        let outcome = if closed { AttemptOutcome::Automated } else { AttemptOutcome::Open };
        self.add_attempt(local, KeptAttempt { at: facts.arrived, conversation: slot, channel, outcome });
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
        rules: &Rules,
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
        self.refresh(slot, place.clock);
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
        if matches!(action, Action::Replied | Action::Resolved) && event.agent.len > 0 {
            self.customers[local].last_agent =
                self.agents.number(event.agent_key, place.events.text(event.agent));
        }
        if matches!(action, Action::Resolved | Action::Abandoned) {
            self.close(slot);
        }
        out[division.at()].rows.push(Operation { row: place.row, conversation, customer: id, action });
        Ok(())
    }

    /// Takes a customer's record out, to be received by another.
    pub fn part(&mut self, local: u32, parcel: &mut Parcel) {
        self.ensure(local);
        parcel.attempts.clear();
        parcel.attempts.extend_from_slice(self.attempts(&self.customers[local]));
        parcel.conversations.clear();
        let mut slot = self.customers[local].conversations;
        while slot != NONE {
            self.leave_ageing(slot);
            let conversation = std::mem::take(&mut self.conversations[slot]);
            let next = conversation.next;
            parcel.conversations.push((slot, conversation));
            self.free.push(slot);
            slot = next;
        }
        parcel.customer = std::mem::take(&mut self.customers[local]);
        self.give_back_attempts(&parcel.customer);
        let last_agent = parcel.customer.last_agent;
        parcel.last_agent = (last_agent != NONE).then(|| self.agents.key(last_agent));
        parcel.last_agent_name.clear();
        if last_agent != NONE {
            parcel.last_agent_name.extend_from_slice(self.agents.get(last_agent));
        }
    }

    /// Joins a customer's record to another: profile gaps, attempts by time, conversations. `renamed` is told of each
    /// conversation, the smallest id first.
    pub fn receive(
        &mut self,
        local: u32,
        parcel: &mut Parcel,
        mut renamed: impl FnMut(ConversationId, DivisionId),
    ) {
        self.customers[local].fill_gaps(&parcel.customer);
        if self.customers[local].last_agent == NONE
            && let Some(key) = parcel.last_agent
        {
            self.customers[local].last_agent = self.agents.number(key, &parcel.last_agent_name);
        }
        parcel.conversations.sort_unstable_by_key(|(_, conversation)| conversation.id);
        parcel.moved.clear();
        for (old, conversation) in parcel.conversations.drain(..) {
            renamed(conversation.id, conversation.division);
            parcel.moved.push((old, self.adopt(local, conversation)));
        }
        for attempt in &mut parcel.attempts {
            let place = parcel.moved.iter().find(|(old, _)| *old == attempt.conversation);
            attempt.conversation = place.map_or(NONE, |(_, slot)| *slot);
        }
        // The survivor's come first where the instants are equal: the sort is stable.
        let all = &mut parcel.attempts;
        let theirs = all.len();
        all.extend_from_slice(self.attempts(&self.customers[local]));
        all.rotate_left(theirs);
        all.sort_by_key(|attempt| attempt.at);
        let surplus = all.len().saturating_sub(self.kept);
        let customer = std::mem::take(&mut self.customers[local]);
        self.give_back_attempts(&customer);
        self.customers[local] =
            Customer { attempts: NONE, attempt_count: 0, attempts_large: false, ..customer };
        for attempt in &all[surplus..] {
            self.add_attempt(local, *attempt);
        }
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
            conversation.division == division && conversation.has_thread(event.thread_key)
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
                && (event.thread_key == 0 || conversation.has_thread(event.thread_key))
        };
        self.best(local, meant).ok_or(IgnoreReason::UnknownConversation)
    }

    /// Of a customer's open conversations that meet `meant`: the most recently active, then the smallest id.
    fn best(&self, local: u32, meant: impl Fn(&Conversation) -> bool) -> Option<u32> {
        let mut best: Option<u32> = None;
        let mut slot = self.customers[local].conversations;
        while slot != NONE {
            let conversation = &self.conversations[slot];
            if meant(conversation) {
                let better = best.is_none_or(|best| {
                    let other = &self.conversations[best];
                    (other.last, conversation.id) < (conversation.last, other.id)
                });
                best = if better { Some(slot) } else { best };
            }
            slot = conversation.next;
        }
        best
    }

    fn open(&mut self, local: u32, division: DivisionId, first_contact: Millis, clock: Millis) -> u32 {
        let customer = &mut self.customers[local];
        customer.opened += 1;
        let id = ConversationId { customer: customer.id, ordinal: customer.opened };
        let conversation =
            Conversation { id, last: clock, first_contact, division, ..Conversation::default() };
        self.adopt(local, conversation)
    }

    /// Puts a conversation into a customer's list and, by its `last`, into the ageing list.
    fn adopt(&mut self, local: u32, conversation: Conversation) -> u32 {
        let slot = self.free.pop().unwrap_or_else(|| self.conversations.push(Conversation::default()));
        let next = std::mem::replace(&mut self.customers[local].conversations, slot);
        let last = conversation.last;
        let place = &mut self.conversations[slot];
        // The list that the place had is used again, unless the conversation brings its own.
        let mut more_threads = std::mem::take(&mut place.more_threads);
        if conversation.more_threads.is_empty() {
            more_threads.clear();
        } else {
            more_threads = conversation.more_threads;
        }
        *place = Conversation { customer: local, next, more_threads, ..conversation };
        // Nearly always the youngest; a merged one may be older than some.
        let mut older = self.youngest;
        while older != NONE && self.conversations[older].last > last {
            older = self.conversations[older].older;
        }
        self.enter_ageing(slot, older);
        slot
    }

    fn refresh(&mut self, slot: u32, clock: Millis) {
        self.conversations[slot].last = clock;
        if self.youngest != slot {
            self.leave_ageing(slot);
            self.enter_ageing(slot, self.youngest);
        }
    }

    /// Enters the ageing list after `older` (`NONE`: as the oldest).
    fn enter_ageing(&mut self, slot: u32, older: u32) {
        let younger = if older == NONE { self.oldest } else { self.conversations[older].younger };
        let conversation = &mut self.conversations[slot];
        (conversation.older, conversation.younger) = (older, younger);
        match older {
            NONE => self.oldest = slot,
            older => self.conversations[older].younger = slot,
        }
        match younger {
            NONE => self.youngest = slot,
            younger => self.conversations[younger].older = slot,
        }
    }

    fn leave_ageing(&mut self, slot: u32) {
        let Conversation { older, younger, .. } = self.conversations[slot];
        match older {
            NONE => self.oldest = younger,
            older => self.conversations[older].younger = younger,
        }
        match younger {
            NONE => self.youngest = older,
            younger => self.conversations[younger].older = older,
        }
    }

    fn close(&mut self, slot: u32) {
        self.leave_ageing(slot);
        let Conversation { customer, next, .. } = self.conversations[slot];
        let local = customer;
        for attempt in self.attempts_mut(local) {
            if attempt.conversation == slot {
                attempt.conversation = NONE;
            }
        }
        let mut link = self.customers[local].conversations;
        if link == slot {
            self.customers[local].conversations = next;
        } else {
            while self.conversations[link].next != slot {
                link = self.conversations[link].next;
            }
            self.conversations[link].next = next;
        }
        self.conversations[slot].more_threads.clear();
        self.free.push(slot);
    }

    /// What the agent will be told: the earlier attempts go into the operations' side table.
    fn context(
        &self,
        local: u32,
        slot: u32,
        facts: Facts,
        kinds: u16,
        value: i64,
        out: &mut Operations,
    ) -> Contact {
        let customer = &self.customers[local];
        let start = out.attempts.len() as u32;
        out.attempts.extend(self.attempts(customer).iter().map(KeptAttempt::told));
        let (mut last_agent, mut last_agent_key) = (Span::default(), 0);
        if customer.last_agent != NONE {
            let name = self.agents.get(customer.last_agent);
            last_agent = Span { start: out.bytes.len() as u32, len: name.len() as u32 };
            last_agent_key = self.agents.key(customer.last_agent);
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

    fn attempts(&self, customer: &Customer) -> &[KeptAttempt] {
        let blocks = if customer.attempts_large { &self.large } else { &self.small };
        &blocks.get(customer.attempts)[..usize::from(customer.attempt_count)]
    }

    fn attempts_mut(&mut self, local: u32) -> &mut [KeptAttempt] {
        let customer = &self.customers[local];
        let blocks = if customer.attempts_large { &mut self.large } else { &mut self.small };
        &mut blocks.get_mut(customer.attempts)[..usize::from(customer.attempt_count)]
    }

    fn give_back_attempts(&mut self, customer: &Customer) {
        let blocks = if customer.attempts_large { &mut self.large } else { &mut self.small };
        blocks.give_back(customer.attempts);
    }

    /// Drops attempts older than the window; order is kept.
    fn forget_attempts(&mut self, local: u32, clock: Millis) {
        let since = clock.minus(self.window);
        let attempts = self.attempts_mut(local);
        let mut kept = 0;
        for place in 0..attempts.len() {
            if attempts[place].at >= since {
                attempts[kept] = attempts[place];
                kept += 1;
            }
        }
        self.customers[local].attempt_count = kept as u8;
    }

    /// Every open attempt of a conversation ends so.
    fn settle_attempts(&mut self, local: u32, slot: u32, outcome: AttemptOutcome) {
        for attempt in self.attempts_mut(local) {
            if attempt.conversation == slot && attempt.outcome == AttemptOutcome::Open {
                attempt.outcome = outcome;
            }
        }
    }

    /// Appends an attempt; the oldest leaves when `attempts_kept` are there.
    fn add_attempt(&mut self, local: u32, attempt: KeptAttempt) {
        if self.kept == 0 {
            return;
        }
        let count = usize::from(self.customers[local].attempt_count);
        if count == self.kept {
            let attempts = self.attempts_mut(local);
            attempts.copy_within(1.., 0);
            attempts[count - 1] = attempt;
            return;
        }
        let customer = &self.customers[local];
        if customer.attempts == NO_BLOCK {
            self.customers[local].attempts = self.small.take();
        } else if !customer.attempts_large && count == SMALL_BLOCK {
            let block = self.large.take();
            let small = customer.attempts;
            self.large.get_mut(block)[..count].copy_from_slice(&self.small.get(small)[..count]);
            self.small.give_back(small);
            let customer = &mut self.customers[local];
            (customer.attempts, customer.attempts_large) = (block, true);
        }
        self.customers[local].attempt_count += 1;
        self.attempts_mut(local)[count] = attempt;
    }
}
