//! Every event of a conversation that is not a contact: which one it means, what the customer's history learns from it,
//! and conversations that leave for another division.

use crate::rules::Rules;
use crate::types::event::{List, SkillLevel};
use crate::types::operation::{Action, Callback, Contact, MovedIn, Operation, Operations};
use crate::types::{AttemptOutcome, CustomerId, DurationMs, EventType, IgnoreReason, Millis, QueueId};

use super::customer::{Conversation, KeptAttempt, NONE};
use super::latest::Latest;
use super::shard::{Shard, is_told_agent};
use super::{Context, Place, Texts};

/// A callback is due at most so long after its request.
const CALLBACK_MAX: DurationMs = DurationMs::days(90);

impl Shard {
    /// Every other event of a conversation: looks it up, never opens one but where it goes on in another division.
    pub(super) fn follow_up(
        &mut self,
        place: Place,
        local: u32,
        (id, kinds): (CustomerId, u16),
        context: &Context,
        texts: &mut Texts,
        out: &mut [Operations],
    ) -> Result<(), IgnoreReason> {
        let event = place.event;
        let rules = &context.rules;
        let slot = self.find(place, local, rules)?;
        let Conversation { division, id: conversation, .. } = self.conversations[slot];
        self.conversations[slot].last = place.clock;
        if is_destination(event.event_type) {
            self.note_update(place, slot, texts);
            if let Some(queue) = event.queue {
                if rules.queues[queue.at()].division != division {
                    self.move_out(place, (local, slot), queue, (id, kinds), context, texts, out);
                    return Ok(());
                }
                self.latest[slot].queue = queue;
            }
        }
        let out = &mut out[division.at()];
        let action = match event.event_type {
            EventType::ConversationReplied if event.automated => Action::Touched,
            EventType::ConversationReplied => Action::Replied,
            EventType::ConversationHeld => Action::Held,
            EventType::ConversationResumed => Action::Resumed,
            EventType::ConversationTransferred => Action::Transferred,
            EventType::ConversationUpdated => {
                out.values.push(self.value(local, slot, context));
                Action::Updated(out.values.len() as u32 - 1)
            }
            EventType::ConversationAssigned => Action::Assigned,
            EventType::ConversationResolved => Action::Resolved,
            EventType::ContactAbandoned => Action::Abandoned,
            EventType::OfferAccepted => Action::Accepted,
            EventType::OfferDeclined => Action::Declined,
            other => unreachable!("{} is no event of a conversation", other.name()),
        };
        match action {
            Action::Replied => {
                self.latest[slot].replied = true;
                self.settle_attempts(local, slot, AttemptOutcome::Answered);
            }
            Action::Abandoned => self.settle_attempts(local, slot, AttemptOutcome::Abandoned),
            Action::Accepted => self.conversations[slot].set_taken(),
            Action::Assigned => {
                self.conversations[slot].set_taken();
                self.conversations[slot].set_scheduled(false);
            }
            _ => {}
        }
        if is_told_agent(event) {
            self.customers[local].last_agent =
                texts.agents.number(event.agent_key, place.events.text(event.agent));
            self.told_agent.grow(local + 1, Millis::MIN);
            self.told_agent[local] = place.clock;
        }
        if matches!(action, Action::Resolved | Action::Abandoned) {
            self.close(slot);
        }
        out.rows.push(Operation { row: place.row, conversation, customer: id, action });
        Ok(())
    }

    /// A callback is no attempt. Whether an agent has the conversation that was found, only route knows; so each request
    /// that finds one gets an id for a conversation of its own, which opens if it has to.
    pub(super) fn callback(
        &mut self,
        place: Place,
        local: u32,
        (id, slot): (CustomerId, u32),
        (arrived, opens): (Millis, bool),
        (blocked, accepts_by_itself): (bool, bool),
    ) -> Callback {
        let asked = place.event.due.expect("decode requires the time of a callback");
        let due = asked.min(place.clock.plus(CALLBACK_MAX));
        let own = if opens {
            slot
        } else {
            let latest = Latest { due, ..self.latest[slot] };
            self.latest[slot] = latest;
            let found = &mut self.conversations[slot];
            found.set_calls_back(true);
            found.set_scheduled(!found.taken());
            let Conversation { division, channel, .. } = *found;
            let own = self.open(local, id, division, arrived, place.clock);
            self.conversations[own].channel = channel;
            let (opened, stands_for) = (place.clock, NONE);
            self.latest[own] = Latest { arrived, opened, stands_for, maybe: true, ..latest };
            own
        };
        self.latest[own].due = due;
        let new = &mut self.conversations[own];
        new.set_calls_back(true);
        new.set_scheduled(true);
        if accepts_by_itself {
            new.set_taken();
        }
        let callback = Callback { contact: 0, due, own: new.id };
        if blocked {
            self.close(own);
        }
        callback
    }

    /// What an update or a transfer says takes the place of what the contact said.
    fn note_update(&mut self, place: Place, slot: u32, texts: &mut Texts) {
        let event = place.event;
        let latest = &mut self.latest[slot];
        if let Some(list) = event.skills {
            latest.skills = texts.skill_set(&place.events.skills[list.range()]);
        }
        latest.own_value = event.value.unwrap_or(latest.own_value);
        latest.intent = event.intent.unwrap_or(latest.intent);
    }

    /// The value now, by what the profile says now.
    fn value(&self, local: u32, slot: u32, context: &Context) -> i64 {
        let (latest, customer) = (&self.latest[slot], &self.customers[local]);
        let own = (latest.intent(), latest.own_value);
        context.appraiser.value(latest.standing, own, (customer.tier(), customer.lifetime_value()))
    }

    /// To a queue of another division: the conversation ends here, and a new one takes its place there. What nobody can
    /// have because its customer wants to be called later is a callback there, too.
    #[expect(
        clippy::too_many_arguments,
        reason = "a conversation, its customer, where to, and what all steps need"
    )]
    fn move_out(
        &mut self,
        place: Place,
        (local, slot): (u32, u32),
        queue: QueueId,
        (id, kinds): (CustomerId, u16),
        context: &Context,
        texts: &Texts,
        out: &mut [Operations],
    ) {
        self.customers[local].forget_attempts(place.clock.minus(self.window), &mut self.blocks);
        let value = self.value(local, slot, context);
        let latest = self.latest[slot];
        let old = self.conversations[slot];
        let division = context.rules.queues[queue.at()].division;
        let own = self.open(local, id, division, old.first_contact, place.clock);
        let (opened, stands_for) = (place.clock, NONE);
        let scheduled = old.scheduled() && latest.due > place.clock;
        let due = if scheduled { latest.due } else { Millis::MIN };
        self.latest[own] = Latest { queue, due, opened, stands_for, maybe: false, ..latest };
        let new = &mut self.conversations[own];
        new.set_calls_back(scheduled);
        new.set_scheduled(scheduled);
        if context.accepts_by_itself[division.at()] {
            new.set_taken();
        }
        (new.thread, new.more_threads, new.channel) = (old.thread, old.more_threads, old.channel);
        let new = *new;
        let into = &mut out[division.at()];
        let told = self.told(local, latest.preferred, texts, into);
        let attempts = self.without_present(local, slot, told.attempts, into);
        into.contacts.push(Contact {
            value,
            lang_key: latest.lang_key,
            arrived: latest.arrived,
            first_contact: old.first_contact,
            failed_attempts: latest.failed_attempts,
            attempts,
            kinds,
            queue: Some(queue),
            home: queue,
            channel: old.channel,
            opens: true,
            ..told
        });
        let start = into.skills.len() as u32;
        into.skills.extend(texts.skills_of(latest.skills));
        into.moves.push(MovedIn {
            contact: into.contacts.len() as u32 - 1,
            message: latest.message,
            traceparent: latest.traceparent,
            skills: List { start, len: into.skills.len() as u32 - start },
            replied: latest.replied,
            due: scheduled.then_some(due),
        });
        let action = Action::MovedIn(into.moves.len() as u32 - 1);
        into.rows.push(Operation { row: place.row, conversation: new.id, customer: id, action });
        let moved_out =
            Operation { row: place.row, conversation: old.id, customer: id, action: Action::MovedOut };
        out[old.division.at()].rows.push(moved_out);
        for attempt in self.customers[local].attempts_mut(&mut self.blocks) {
            if attempt.conversation == slot {
                attempt.conversation = own;
            }
        }
        // Its threads are the new one's now.
        self.conversations[slot].more_threads = NONE;
        self.close(slot);
    }

    /// The earlier attempts, without the conversation's latest one, which is the present contact.
    pub(super) fn without_present(&self, local: u32, slot: u32, list: List, out: &mut Operations) -> List {
        let kept = self.customers[local].attempts(&self.blocks);
        match kept.iter().rposition(|attempt: &KeptAttempt| attempt.conversation == slot) {
            Some(present) => {
                out.attempts.remove(list.start as usize + present);
                List { len: list.len - 1, ..list }
            }
            None => list,
        }
    }

    /// The open conversation that an event other than a contact means.
    fn find(&self, place: Place, local: u32, rules: &Rules) -> Result<u32, IgnoreReason> {
        let event = place.event;
        if event.conversation.is_some() {
            let slot = self.named(local, event.conversation).ok_or(IgnoreReason::UnknownConversation)?;
            let division = self.conversations[slot].division;
            return if event.division.is_none_or(|named| named == division) {
                Ok(slot)
            } else {
                Err(IgnoreReason::OtherDivision)
            };
        }
        let by_queue = event.queue.filter(|_| !is_destination(event.event_type));
        let division = by_queue.map(|queue| rules.queues[queue.at()].division);
        let meant = |slot: u32| {
            let conversation = &self.conversations[slot];
            event.division.is_none_or(|named| named == conversation.division)
                && division.is_none_or(|named| named == conversation.division)
                && event.channel.is_none_or(|channel| channel == conversation.channel)
                && (event.thread_key == 0 || conversation.has_thread(event.thread_key, &self.threads))
        };
        let found = self.best_slot(local, |slot| !self.is_maybe(slot) && meant(slot));
        let found = found.or_else(|| match is_destination(event.event_type) {
            true => None,
            false => self.best_slot(local, |slot| self.is_maybe(slot) && meant(slot)),
        });
        found.ok_or(IgnoreReason::UnknownConversation)
    }
}

/// Whether a queue that the event names is where to, not where from.
fn is_destination(event_type: EventType) -> bool {
    matches!(event_type, EventType::ConversationTransferred | EventType::ConversationUpdated)
}

impl Texts {
    /// The number of a set of skills; `NONE` for the empty one.
    pub(super) fn skill_set(&mut self, skills: &[SkillLevel]) -> u32 {
        let mut sorted = std::mem::take(&mut self.sorted);
        sorted.clear();
        sorted.extend(skills.iter().map(|skill| (skill.key, skill.level)));
        sorted.sort_unstable();
        let number = if sorted.is_empty() { NONE } else { self.keep_skills(sorted.iter().copied()) };
        self.sorted = sorted;
        number
    }

    /// The number of a set of skills in ascending order, not empty.
    pub(super) fn keep_skills(&mut self, skills: impl Iterator<Item = (u64, u8)>) -> u32 {
        let mut key = 0u64;
        self.bytes.clear();
        for (skill, level) in skills {
            self.bytes.extend_from_slice(&skill.to_le_bytes());
            self.bytes.push(level);
            key = (key.rotate_left(5) ^ skill ^ u64::from(level) << 56).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        }
        self.skills.number(key, &self.bytes)
    }

    /// The skills of a set, ascending.
    pub(super) fn skills_of(&self, set: u32) -> impl Iterator<Item = (u64, u8)> {
        let bytes = if set == NONE { &[][..] } else { self.skills.get(set) };
        bytes.chunks_exact(9).map(|skill| {
            let key = skill[..8].try_into().expect("eight bytes of nine");
            (u64::from_le_bytes(key), skill[8])
        })
    }
}
